"""The school systems of schemas/providers/: each by its name, with the login and the addresses that its file states."""

import glob
import json
import os
import unittest

from harness import BEARER, SOURCE, Case

FOLDER = os.path.join(SOURCE, "schemas", "providers")


class Named(Case):
	"""A server as the maker runs it, and no more said about it than the name."""

	def logins(self):
		"""Path and status of the token calls."""
		return [(e["path"], e["status"]) for e in self.sis.log(kind="token")]

	def from_root(self, path):
		"""The token address that lies at the root of the host, whatever the base address is."""
		return {"login": "oauth2", "token_address": path}

	def test_infinite_campus(self):
		self.serve(base="/campus/api/oneroster/v1p1/sample", scope_required="refuse",
			token_query={"appName": "sample"}, **self.from_root("/campus/oauth2/token"))
		run = self.export_truth("--provider", "infinite-campus", "--token-param", "?appName=sample")
		self.assertEqual(run.report["source"]["provider"], "infinite-campus")
		self.assertEqual(self.logins(), [("/campus/oauth2/token?appName=sample", 200)])

	def test_infinite_campus_with_both_addresses_of_the_district(self):
		self.serve(base="/campus/api/oneroster/v1p1/sample", client_auth="body", scope_required="refuse",
			token_query={"appName": "sample"}, **self.from_root("/campus/oauth2/token"))
		self.export_truth("--provider", "infinite-campus", "--token-url",
			self.sis.root + "/campus/oauth2/token?appName=sample", url=self.url + "/ims/oneroster/v1p1")

	def test_infinite_campus_says_what_is_missing(self):
		self.serve(base="/campus/api/oneroster/v1p1/sample", token_query={"appName": "sample"},
			**self.from_root("/campus/oauth2/token"))
		for more in ([], ["--token-param", "appName=sample"],
				["--token-url", self.sis.root + "/campus/oauth2/token?myappName=sample"]):
			with self.subTest(more):
				run = self.assert_fails(5, "Infinite Campus wants appName in the query", "--provider", "infinite-campus",
					*more)
				self.assertIn("Digital Learning Applications Configuration", run.error)
		run = self.assert_fails(5, "not a token address", "--provider", "infinite-campus", "--token-param",
			"?appName=other")
		self.assertNotIn("wants appName", run.error)

	def test_powerschool(self):
		self.serve(base="/ws/sample", scope_required="refuse", expires_in="2591999",
			**self.from_root("/oauth/access_token/"))
		self.export_truth("--provider", "powerschool")
		self.assertEqual(self.logins(), [("/oauth/access_token/", 200)])

	def test_synergy(self):
		self.serve(base="/sample/api", scope_required="refuse", **self.from_root("/oauth/access_token"))
		self.export_truth("--provider", "synergy")
		self.assertEqual(self.logins(), [("/oauth/access_token", 200)])

	def test_scope_of_the_user_is_asked_for_all_the_same(self):
		self.serve(base="/sample/api", scope_required="refuse", **self.from_root("/oauth/access_token"))
		self.assert_fails(4, "scope", "--provider", "synergy", "--scope", "roster-core.readonly")

	def test_skyward(self):
		self.serve(login="oauth2", base="/sample/api", token_path="/token")
		self.export_truth("--provider", "skyward")
		self.assertEqual(self.logins(), [("/sample/api/token", 200)])

	def test_genesis(self):
		self.serve(login="oauth2", base="/genesis", token_path="/token")
		self.export_truth("--provider", "genesis")
		self.assertEqual(self.logins(), [("/genesis/token", 200)])

	def test_aspen(self):
		self.serve(login="oauth2", base="/aspen", token_path="/oauth/rest/v2.0/auth", client_auth="body",
			expires_in="missing")
		self.export_truth("--provider", "aspen")
		self.assertEqual(self.logins(), [("/aspen/oauth/rest/v2.0/auth", 200)])

	def test_blackbaud(self):
		# its token address is one of the Internet, so this one has to win
		self.serve(login="oauth2", base="/afe-rostr", token_address="/token", scope_required=True)
		run = self.export_truth("--provider", "blackbaud", "--token-url", self.sis.root + "/token", "--header",
			"Bb-Api-Subscription-Key: sample")
		self.assertEqual(run.warnings, [])

	def test_blackbaud_without_its_header(self):
		self.serve(login="oauth2", base="/afe-rostr", token_address="/token")
		run = self.export_truth("--provider", "blackbaud", "--token-url", self.sis.root + "/token")
		self.assertEqual(len(run.warnings), 1)
		self.assertIn("Bb-Api-Subscription-Key", run.warnings[0])

	def test_classlink(self):
		for methods in (["HMAC-SHA1"], ["HMAC-SHA256"]):
			with self.subTest(methods):
				self.serve(login="oauth1", base="", oauth1_methods=methods, oauth1_strict=True)
				self.export_truth("--provider", "classlink")

	def test_classlink_with_tokens(self):
		self.serve(login="oauth2", base="", token_path="/token")
		self.export_truth("--provider", "classlink", "--auth", "oauth2", "--token-url", self.sis.root + "/token")
		self.assertEqual(self.logins(), [("/token", 200)])
		self.assert_fails(2, "token-url is missing", "--provider", "classlink", "--auth", "oauth2")

	def test_classlink_proxy(self):
		self.serve(login="bearer", base="/sample-id")
		self.export("--provider", "classlink-proxy", "--bearer-token-file", self.write("token", BEARER + "\n", 0o600),
			login=False)
		self.assert_truth()
		self.assert_fails(2, "bearer token is missing", "--provider", "classlink-proxy", login=False)

	def test_eschoolplus(self):
		self.serve(login="oauth1", base="/plus360api/v1/sample", oauth1_methods=["HMAC-SHA1"])
		self.export_truth("--provider", "eschoolplus")

	def test_eschoolplus_knows_its_method(self):
		self.serve(login="oauth1", base="/plus360api/v1/sample", oauth1_methods=["HMAC-SHA256"])
		self.assert_fails(4, "API Profile", "--provider", "eschoolplus")
		self.export_truth("--provider", "eschoolplus", "--oauth1-method", "auto")

	def test_refused_login_speaks_of_the_right_screens(self):
		screens = {"powerschool": "Data Provider Configuration", "synergy": "Synergy", "infinite-campus": "runs out after"}
		for name, screen in screens.items():
			with self.subTest(name):
				paths = {"powerschool": "/oauth/access_token/", "synergy": "/oauth/access_token",
					"infinite-campus": "/campus/oauth2/token"}
				self.serve(base="/sample", client_secret="ab" * 32, **self.from_root(paths[name]))
				run = self.assert_fails(4, "refuses the client id or the secret", "--provider", name)
				self.assertIn(screen, run.error)

	def test_none_but_aeries_is_recognised(self):
		for path in glob.glob(os.path.join(FOLDER, "*.json")):
			with open(path, encoding="utf-8") as f:
				known = json.load(f)
			if os.path.basename(path) != "aeries.json":
				self.assertFalse(known.keys() & {"hosts", "paths"}, path)


class File(Case):
	"""A provider of the user's own."""

	def provider(self, name="sample.json", **keys):
		text = {"title": "Sample SIS", "auth": ["oauth2"], "client-auth": "basic", "token-paths": ["/sample/login"],
			"hints": {"login-refused": "Ask the caretaker."}, **keys}
		return self.write(name, json.dumps({k: v for k, v in text.items() if v is not None}))

	def test_login_of_a_file(self):
		self.serve(login="oauth2", base="/sis", token_address="/sample/login", client_auth="body",
			scope_required="refuse", basic_encoding="raw")
		path = self.provider(**{"client-auth": "body", "token-at": "host", "scopes": "none"})
		run = self.export_truth("--provider", path)
		self.assertEqual(run.report["source"]["provider"], "sample")
		self.assertEqual([e["path"] for e in self.sis.log(kind="token")], ["/sample/login"])

	def test_path_that_is_relative(self):
		self.serve(login="oauth2", base="/sis", token_path="/sample/login")
		self.provider()
		self.export_truth("--provider", "sample.json")

	def test_token_address_of_a_file(self):
		self.serve(login="oauth2", base="/sis", token_address="/sample/login")
		self.export_truth("--provider", self.provider(**{"token-paths": None, "token-url": self.sis.root + "/sample/login"}))

	def test_basic_without_encoding(self):
		secret = "a:b c+d/e%f=&"
		self.serve(login="oauth2", base="/sis", token_path="/sample/login", client_secret=secret, basic_encoding="raw")
		secret_file = self.write("awkward", secret + "\n", 0o600)
		path = self.provider(**{"basic-encoding": "raw"})
		self.export("--provider", path, "--client-secret-file", secret_file)
		self.assert_truth()
		self.assert_fails(4, "Ask the caretaker", "--provider", path, "--basic-encoding", "form", "--client-secret-file",
			secret_file)

	def test_copy_of_a_built_in_one(self):
		self.serve()
		with open(os.path.join(FOLDER, "aeries.json"), encoding="utf-8") as f:
			path = self.write("mine.json", f.read())
		self.export_truth("--provider", path)

	def test_greatest_page_and_number_of_requests(self):
		scenario = {"login": "oauth2", "base": "/sis", "token_path": "/sample/login", "latency": 0.02}
		path = self.provider(**{"page-size": 20, "parallel": 1})
		for more, page, several in (([], 20, False), (["--page-size", "30", "--parallel", "4"], 30, True)):
			with self.subTest(more):
				self.serve({"users": 600}, **scenario)
				self.export_truth("--provider", path, *more)
				self.assertEqual({int(p["query"]["limit"]) for p in self.sis.pages("users")}, {page})
				self.assertEqual(max(e["inflight"] for e in self.sis.log(kind="data")) > 1, several)

	def test_broken_file(self):
		self.serve()
		path = self.provider(hint="x")
		self.assert_fails(2, f"command line: `provider`: {path}: unknown key \"hint\"", "--provider", path)
		self.assertEqual(self.sis.log(), [])
		config = self.write("c.conf", f"provider = {path}\n")
		self.assert_fails(2, f"c.conf:1: `provider`: {path}: unknown key", "--config", config)

	def test_file_that_is_not_there(self):
		self.serve()
		self.assert_fails(2, "`provider`.*none.json", "--provider", self.path("none.json"))


if __name__ == "__main__":
	unittest.main()

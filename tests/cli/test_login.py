"""Logging in: the ways that servers want it, and what is said when it does not work."""

import socket
import unittest

from harness import BEARER, CLIENT_ID, SECRET, Case

OTHER_SECRET = "ab" * 32


class Aeries(Case):
	"""The addresses and forms of Aeries, found without being told."""

	def test_second_address_of_the_list(self):
		self.serve(login="aeries-v2")
		self.export_truth()
		self.assertEqual([e["status"] for e in self.sis.log() if e["method"] == "POST"], [404, 404, 200])

	def test_addresses_unknown_in_other_ways(self):
		for status, message in ((404, False), (405, True), (400, True)):
			with self.subTest(status=status):
				self.serve(login="aeries-v2", token_unknown_status=status, token_404_message=message)
				self.export_truth()

	def test_v1_when_no_address_of_the_new_ways_is_known(self):
		self.serve(login="aeries-v1")
		run = self.export_truth()
		self.assertEqual(run.report["source"]["login"], "aeries-v1")

	def test_v1_by_name_goes_there_at_once(self):
		self.serve(login="aeries-v1")
		self.export_truth("--auth", "aeries-v1")
		self.assertEqual([e["kind"] for e in self.sis.log() if e["method"] == "POST"], ["authorize", "token"])

	def test_v1_code_under_every_name(self):
		for name in ("authorization_code", "authorizationCode", "AuthorizationCode", "code", "bare-json", "bare-text"):
			with self.subTest(name):
				self.serve(login="aeries-v1", code_name=name)
				self.export_truth("--auth", "aeries-v1")

	def test_v1_without_refresh_tokens_begins_again(self):
		self.serve({"users": 100}, login="aeries-v1", refresh_token=False, token_lifetime=1, expires_in=1, cap=20,
			total=False, latency=0.1)
		self.export_truth("--auth", "aeries-v1")
		self.assertGreater(len(self.sis.log(kind="authorize")), 1)
		self.assertEqual({e["status"] for e in self.sis.log(kind="token")}, {200})

	def test_v1_refresh_token_too_old_begins_again(self):
		self.serve({"users": 100}, login="aeries-v1", refresh_lifetime=0, token_lifetime=1, expires_in=1, cap=20,
			total=False, latency=0.1)
		self.export_truth("--auth", "aeries-v1")
		self.assertGreater(len(self.sis.log(kind="authorize")), 1)

	def test_v1_parameters_in_the_body(self):
		self.serve(login="aeries-v1", client_auth="body")
		self.export_truth("--auth", "aeries-v1", "--client-auth", "body")
		for entry in self.sis.log(cookie=False) + self.sis.log(kind="token"):
			self.assertNotIn("client", entry["path"])

	def test_secret_is_not_sent_in_an_address_after_it_was_refused(self):
		self.serve(client_secret=OTHER_SECRET)
		self.assert_fails(4, "refuses")
		for entry in self.sis.log():
			self.assertEqual(entry["path"], "/aeries/token")

	def test_both_roster_scopes_are_asked_for(self):
		self.serve()
		run = self.export_truth()
		granted = {scope.rsplit("/", 1)[1] for scope in run.report["source"]["scopes"].split()}
		self.assertEqual(granted, {"roster-core.readonly", "roster.readonly"})

	def test_gradebook_scope_only_for_gradebook(self):
		self.serve()
		run = self.export("--collections", "core,categories,demographics")
		granted = {scope.rsplit("/", 1)[1] for scope in run.report["source"]["scopes"].split()}
		self.assertEqual(granted, {"roster-core.readonly", "roster.readonly", "gradebook.readonly",
			"roster-demographics.readonly"})

	def test_refused_scope_is_left_out_with_a_warning(self):
		self.serve(scopes_refused=["roster.readonly"], scope_needs={})
		run = self.export_truth()
		self.assertEqual(len(run.warnings), 1)
		self.assertRegex(run.warnings[0], "scopes.*fewer")

	def test_scope_not_granted_leads_to_403_and_the_permission(self):
		self.serve(scopes_granted=["roster-core.readonly"])
		before = self.old_bundle()
		run = self.export(expect=5)
		self.assertRegex(run.error, r"\Aenrollments, .*403.*Classes \(SEC\)")
		self.assertRegex(run.warnings[0], "did not grant the scope roster.readonly")
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()

	def test_forbidden_collection_names_the_permission_to_tick(self):
		permissions = {"orgs": "Schools (LOC)", "academicSessions": "Terms (TRM)", "courses": "Course Data (CRS)",
			"classes": "Master Schedule (MST)", "users": "Student Data (STU) and Teacher/Staff Data",
			"enrollments": "Classes (SEC)"}
		others = {"orgs": ["schools"], "academicSessions": ["terms", "gradingPeriods"], "users": ["students", "teachers"]}
		for name, permission in permissions.items():
			with self.subTest(name):
				self.serve(forbidden=[name] + others.get(name, []))
				run = self.assert_fails(5, name + ".*403")
				self.assertIn(permission, run.error)
				self.assertIn("tick Read", run.error)

	def test_key_that_cannot_be_one_gets_a_hint(self):
		self.serve()
		secret = self.write("other", "4f2a-not-hexadecimal\n", 0o600)
		run = self.assert_fails(4, "64 digits", "--client-secret-file", secret)
		self.assertIn("certificate", run.error)


class OAuth2(Case):
	"""Any other server."""

	def generic(self, *extra, **scenario):
		self.serve(login="oauth2", base="/sis", **scenario)
		return self.export_truth("--token-url", self.sis.root + "/sis/oauth/access_token", *extra)

	def test_basic_only(self):
		self.generic(client_auth="basic")

	def test_body_only_is_found(self):
		self.generic(client_auth="body")
		self.assertEqual([e["status"] for e in self.sis.log(kind="token")], [401, 200])

	def test_body_by_name(self):
		self.generic("--client-auth", "body", client_auth="body")
		self.assertEqual(len(self.sis.log(kind="token")), 1)

	def test_query_by_name(self):
		self.generic("--client-auth", "query", client_auth="query")

	def test_both_by_name(self):
		self.generic("--client-auth", "both", client_auth="both")

	def test_id_and_secret_with_awkward_characters(self):
		for encoding in ("form", "raw"):
			with self.subTest(encoding):
				secret = "a:b c+d/e%f=\u00e9&" if encoding == "form" else "a:b c+d/e%f=&"
				self.serve(login="oauth2", base="/sis", client_secret=secret, client_id="an id+1", basic_encoding=encoding)
				self.export("--token-url", self.sis.root + "/sis/oauth/access_token", "--client-id", "an id+1",
					"--client-secret-file", self.write("awkward", secret + "\n", 0o600), "--basic-encoding", encoding)
				self.assert_truth()

	def test_name_of_the_application_in_the_query(self):
		self.generic("--token-param", "?appName=sample app", token_query={"appName": "sample app"})

	def test_name_of_the_application_missing(self):
		self.serve(login="oauth2", base="/sis", token_query={"appName": "sample"})
		self.assert_fails(5, "No Campus Application selected.*not a token address", "--token-url",
			self.sis.root + "/sis/oauth/access_token")

	def test_query_in_the_token_address_itself(self):
		self.serve(login="oauth2", base="/sis", token_query={"appName": "sample"})
		self.export_truth("--token-url", self.sis.root + "/sis/oauth/access_token?appName=sample")

	def test_scope_compulsory(self):
		self.generic(scope_required=True)

	def test_scope_refused_and_left_out(self):
		self.generic("--scope", "none", scope_required="refuse")

	def test_scope_refused_without_being_told(self):
		self.serve(login="oauth2", base="/sis", scope_required="refuse")
		self.assert_fails(4, "scope", "--token-url", self.sis.root + "/sis/oauth/access_token")

	def test_password_grant(self):
		self.serve(login="oauth2", base="/sis", grant="password", client_auth="body", username=CLIENT_ID,
			password=SECRET)
		self.export_truth("--token-url", self.sis.root + "/sis/oauth/access_token", "--grant", "password",
			"--client-auth", "body", "--token-param", "username={client-id}", "--token-param",
			"password={client-secret}")

	def test_expires_in_of_every_kind(self):
		for value in ("3600", 3600.5, 0, -1, "soon", "missing", 180, 10 ** 30, [1]):
			with self.subTest(value):
				self.generic(expires_in=value)
				self.assertEqual(len(self.sis.log(kind="token")), 1)

	def test_tokens_of_two_seconds(self):
		self.serve({"users": 120}, login="oauth2", base="/sis", expires_in=2, token_lifetime=2, cap=12, total=False,
			latency=0.1)
		self.export_truth("--token-url", self.sis.root + "/sis/oauth/access_token")
		self.assertGreater(len(self.sis.log(kind="token")), 1)

	def test_token_type_of_every_kind(self):
		for value in ("Bearer", "bearer", "BEARER", "missing"):
			with self.subTest(value):
				self.generic(token_type=value)

	def test_token_type_we_cannot_use(self):
		self.serve(login="oauth2", base="/sis", token_type="mac")
		self.assert_fails(5, "type other than bearer", "--token-url", self.sis.root + "/sis/oauth/access_token")

	def test_bare_tokens(self):
		for value in (True, "text"):
			with self.subTest(value):
				self.generic(bare_token=value)

	def test_one_token_for_the_whole_run(self):
		self.generic(token_limit=1)

	def test_header_for_every_call(self):
		self.generic("--header", "X-Tenant: sample")

	def test_ways_without_a_token(self):
		self.serve(login="none", base="/sis")
		self.export("--auth", "none", login=False)
		self.assert_truth()

	def test_token_address_elsewhere(self):
		self.serve(login="oauth2", base="/sis", token_address="/elsewhere/token")
		self.export_truth("--token-url", self.sis.root + "/elsewhere/token")


class Bearer(Case):
	def test_token_of_a_file(self):
		self.serve(login="bearer")
		self.export("--bearer-token-file", self.write("token", BEARER + "\r\nmore\n", 0o600), login=False)
		self.assert_truth()

	def test_token_of_the_environment(self):
		self.serve(login="bearer")
		self.export("--auth", "bearer", login=False, env={"ROSTERZIP_BEARER_TOKEN": BEARER})
		self.assert_truth()

	def test_wrong_token(self):
		self.serve(login="bearer")
		token = self.write("token", "c1" * 32 + "\n", 0o600)
		run = self.assert_fails(4, "token", "--bearer-token-file", token, login=False)
		self.assertNotIn("c1" * 32, run.err + run.out + run.report_text)


class OAuth1(Case):
	def test_both_methods_are_found(self):
		for methods in (["HMAC-SHA1"], ["HMAC-SHA256"]):
			with self.subTest(methods):
				self.serve(login="oauth1", oauth1_methods=methods)
				self.export_truth("--auth", "oauth1")

	def test_strict_commas(self):
		self.serve(login="oauth1", oauth1_strict=True)
		self.export_truth("--auth", "oauth1")

	def test_method_by_name(self):
		self.serve(login="oauth1", oauth1_methods=["HMAC-SHA256"])
		self.export_truth("--auth", "oauth1", "--oauth1-method", "HMAC-SHA256")
		self.assertEqual(self.sis.log(status=401), [])

	def test_wrong_clock_of_the_server(self):
		self.serve(login="oauth1", clock_skew=7200)
		run = self.export_truth("--auth", "oauth1")
		self.assertRegex(run.err, "clock")

	def test_wrong_secret(self):
		self.serve(login="oauth1", client_secret=OTHER_SECRET)
		self.assert_fails(4, "secret|signature", "--auth", "oauth1")


class Refused(Case):
	"""A failed login says whose fault it is, and leaves everything as it was."""

	def test_wrong_secret_and_wrong_address_are_told_apart(self):
		self.serve(client_secret=OTHER_SECRET)
		wrong_secret = self.assert_fails(4, "/aeries/token refuses the client id or the secret")
		self.assertIn("Consumer Secret Key", wrong_secret.error)
		self.assertEqual(wrong_secret.report["error"]["kind"], "login")
		self.url = self.sis.root + "/nowhere"
		wrong_address = self.assert_fails(5, "none of these is a token address: check url", "--provider", "aeries")
		self.assertNotIn("secret", wrong_address.error.lower())
		for path in ("/nowhere/token (404)", "/nowhere/token/ (404)", "/nowhere/v2/oauth/token (404)",
				"/nowhere/oauth/token (404)", "/nowhere/v1/oauth/authorize (404)"):
			self.assertIn(path, wrong_address.error)

	def test_wrong_id(self):
		self.serve()
		self.assert_fails(4, "refuses the client id or the secret", "--client-id", "2e" * 32)

	def test_wrong_secret_for_v1(self):
		self.serve(login="aeries-v1", client_secret=OTHER_SECRET)
		self.assert_fails(4, "/v1/oauth/token refuses the client id or the secret", "--auth", "aeries-v1")

	def test_server_that_answers_500_to_wrong_credentials(self):
		self.serve(client_secret=OTHER_SECRET, wrong_credentials_status=500)
		self.assert_fails(5, "500.*wrong client id or secret", "--retry-time", "1s")

	def test_exact_token_address_that_is_none(self):
		self.serve()
		self.assert_fails(5, r"/aeries/tokens \(404.*is not a token address: check token-url", "--token-url",
			self.sis.root + "/aeries/tokens")
		self.assertEqual(len(self.sis.log()), 1, "nothing else may be tried")

	def test_redirect_is_not_followed(self):
		self.serve(token_redirect="http://127.0.0.1:9/elsewhere?key=7")
		run = self.assert_fails(5, r"redirects to http://127\.0\.0\.1:9/elsewhere \(302\)")
		self.assertNotIn("key=7", run.error)
		self.assertEqual({e["kind"] for e in self.sis.log()}, {"token"})

	def test_web_page_in_place_of_a_token(self):
		self.serve(faults=[{"match": "token", "do": {"html": True}}])
		self.assert_fails(5, "web page")

	def test_nobody_there(self):
		self.serve()
		with socket.socket() as s:
			s.bind(("127.0.0.1", 0))
			url = f"http://127.0.0.1:{s.getsockname()[1]}/aeries"
			self.assert_fails(5, "cannot reach .*/aeries/token after", "--url", url, "--retry-time", "0s")

	def test_too_many_logins_are_waited_for(self):
		self.serve(token_429=2, retry_after=1)
		self.export_truth()
		self.assertEqual([e["status"] for e in self.sis.log(kind="token")], [429, 429, 200])

	def test_too_many_logins_without_patience(self):
		self.serve(token_429=100, retry_after=1)
		self.assert_fails(5, "too busy", "--retry-time", "2s")

	def test_forbidden_login(self):
		self.serve(faults=[{"match": "token", "do": {"status": 403}}])
		self.assert_fails(4, "forbids.*addresses")

	def test_login_that_comes_after_a_moment(self):
		self.serve(faults=[{"match": "token", "first": 1, "do": {"status": 503, "retry_after": 1}}])
		self.export_truth()

	def test_token_that_the_server_does_not_know_itself(self):
		self.serve(faults=[{"match": "data", "do": {"unauthorized": True}}])
		self.assert_fails(4, "refuses its own new token")
		self.assertEqual(len(self.sis.log(kind="token")), 2)

	def test_certificate_of_a_stranger(self):
		self.serve(tls=True)
		self.assert_fails(5, "does not prove who it is.*ca-file", "--retry-time", "0s")

	def test_certificate_for_another_name(self):
		self.serve(tls=True, tls_names=["DNS:other.example"])
		self.assert_fails(5, "does not prove who it is", "--ca-file", self.sis.ca_file, "--retry-time", "0s")


if __name__ == "__main__":
	unittest.main()

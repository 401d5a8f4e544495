#!/usr/bin/env python3
"""Tests of the fake SIS itself: what it promises to the tests of the program. Run: python3 tests/server/test_sis.py"""

import base64
import contextlib
import csv
import gzip
import http.client
import io
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sis  # noqa: E402

SIS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sis.py")
ID, SECRET = "1d" * 32, "5e" * 32
PREFIX = "https://purl.imsglobal.org/spec/or/v1p1/scope/"
CORE = PREFIX + "roster-core.readonly"
DATA = "/aeries/ims/oneroster/v1p1/"
SCHEMAS = sis.Schemas(sis.SCHEMAS)
EVERYTHING = ["orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics", "categories",
	"lineItems", "results", "resources", "courseResources", "classResources"]


def scenario_of(**given):
	return sis.complete_scenario(json.loads(json.dumps(sis.SCENARIO)), given)


def district_of(scenario, **size):
	offered = set(SCHEMAS.order) - set(SCHEMAS.core)
	return sis.District(SCHEMAS, {**sis.DISTRICT, **size}, scenario, offered)


class Client:
	"""One keep-alive connection to a server, with a cookie jar if wanted."""

	def __init__(self, server):
		self.connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
		self.cookies = {}
		self.token = None

	def ask(self, method, target, body=None, headers=None, cookies=True):
		headers = dict(headers or {})
		if self.token and "Authorization" not in headers:
			headers["Authorization"] = "Bearer " + self.token
		if cookies and self.cookies:
			headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
		self.connection.request(method, target, body, headers)
		answer = self.connection.getresponse()
		answer.text = answer.read()
		for line in answer.headers.get_all("Set-Cookie") or []:
			name, _, value = line.partition(";")[0].partition("=")
			self.cookies[name] = value
		return answer

	def get(self, what, **parameters):
		query = "?" + urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote) if parameters else ""
		return self.ask("GET", DATA + what + query)

	def rows(self, what, **parameters):
		answer = self.get(what, **parameters)
		assert answer.status == 200, (answer.status, answer.text[:200])
		return json.loads(answer.text)[what]

	def ids(self, what, **parameters):
		return [row["sourcedId"] for row in self.rows(what, **parameters)]

	def post_token(self, path="/aeries/token", basic=(ID, SECRET), **form):
		headers = {"Content-Type": "application/x-www-form-urlencoded"}
		if basic:
			pair = ":".join(urllib.parse.quote_plus(x) for x in basic)
			headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
		form = {"grant_type": "client_credentials", **form}
		return self.ask("POST", path, urllib.parse.urlencode(form), headers)

	def v1(self, path, **query):
		return self.ask("POST", f"/aeries/v1/oauth/{path}?" + urllib.parse.urlencode(query), "")


@contextlib.contextmanager
def served(size=None, log=None, **scenario):
	"""A server on a free port and a client for it."""
	full = scenario_of(**scenario)
	system = sis.Sis(district_of(full, **(size or {})), full)
	server = sis.Server(system, log=log)
	threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
	client = Client(server)
	client.server = server
	try:
		yield client
	finally:
		client.connection.close()
		system.stop.set()
		server.shutdown()
		server.server_close()
		if server.lines:
			server.lines.close()


def truth_of(tables, **scenario):
	"""The cells of the truth by table, for a district of the usual size."""
	full = scenario_of(**scenario)
	district = district_of(full)
	with tempfile.TemporaryDirectory() as folder:
		keys = {name: district.keys(name) for name in SCHEMAS.served}
		sis.Truth(district, tables).write(folder, keys)
		result = {}
		for name in tables:
			with open(os.path.join(folder, name + ".csv"), encoding="utf-8", newline="") as f:
				result[name] = {row["sourcedId"]: row for row in csv.DictReader(f, strict=True)}
		return result


class Logins(unittest.TestCase):
	def test_aeries_needs_a_scope_and_grants_it(self):
		with served() as client:
			answer = client.post_token()
			self.assertEqual((answer.status, json.loads(answer.text)["error"]), (400, "invalid_scope"))
			self.assertEqual(client.post_token(scope="").status, 400)
			self.assertEqual(client.post_token(scope="roster-core.readonly").status, 400)
			answer = client.post_token(scope=CORE)
			token = json.loads(answer.text)
			self.assertEqual((token["token_type"], token["expires_in"], token["scope"]), ("bearer", 21600, CORE))
			self.assertEqual(client.get("orgs").status, 401)
			client.token = token["access_token"]
			self.assertEqual(client.get("orgs").status, 200)
			self.assertEqual(client.get("enrollments").status, 403)
			self.assertEqual(client.get("demographics").status, 403)
			answer = client.post_token(scope=f"{CORE} {PREFIX}roster.readonly")
			client.token = json.loads(answer.text)["access_token"]
			self.assertEqual(client.get("enrollments").status, 200)

	def test_refused_credentials_and_addresses(self):
		with served(wrong_credentials_status=401) as client:
			answer = client.post_token(basic=(ID, "0" * 64), scope=CORE)
			self.assertEqual((answer.status, json.loads(answer.text)["error"]), (401, "invalid_client"))
			answer = client.post_token(basic=None, scope=CORE, client_id=ID, client_secret=SECRET)
			self.assertEqual(answer.status, 401)
			answer = client.post_token(path="/aeries/token/", scope=CORE)
			self.assertEqual((answer.status, list(json.loads(answer.text))), (404, ["Message"]))
			self.assertEqual(client.ask("GET", "/aeries/token").status, 405)
		with served(token_redirect="https://elsewhere.example/token") as client:
			answer = client.post_token(scope=CORE)
			self.assertEqual((answer.status, answer.headers["Location"]), (302, "https://elsewhere.example/token"))
		with served(scopes_refused=["roster.readonly"], scopes_granted=["roster-core.readonly"]) as client:
			answer = client.post_token(scope=f"{CORE} {PREFIX}roster.readonly")
			self.assertEqual((answer.status, json.loads(answer.text)["error"]), (400, "invalid_scope"))
			answer = client.post_token(scope=f"{CORE} {PREFIX}gradebook.readonly")
			self.assertEqual(json.loads(answer.text)["scope"], CORE)
		with served(wrong_credentials_status=500) as client:
			self.assertEqual(client.post_token(basic=(ID, "0" * 64), scope=CORE).status, 500)
		with served(token_unknown_status=405, login="aeries-v2") as client:
			self.assertEqual(client.post_token(scope=CORE).status, 405)
			self.assertEqual(client.post_token(path="/aeries/v2/oauth/token").status, 200)

	def test_oauth2_variants(self):
		path = "/aeries/oauth/access_token"
		with served(login="oauth2", client_auth="body", client_id="my key", expires_in="180") as client:
			self.assertEqual(client.post_token(path, basic=("my key", SECRET)).status, 401)
			answer = client.post_token(path, basic=None, client_id="my key", client_secret=SECRET)
			self.assertEqual(json.loads(answer.text)["expires_in"], "180")
			both = client.post_token(path, ("my key", SECRET), client_id="my key", client_secret=SECRET)
			self.assertEqual(both.status, 400)
		with served(login="oauth2", client_id="a b:&", client_secret="s%+ü", expires_in="missing") as client:
			answer = client.post_token(path, basic=("a b:&", "s%+ü"))
			self.assertNotIn("expires_in", json.loads(answer.text))
			client.token = json.loads(answer.text)["access_token"]
			self.assertEqual(client.get("enrollments").status, 200)
		with served(login="oauth2", scope_required="refuse", bare_token=True) as client:
			self.assertEqual(client.post_token(path, scope=CORE).status, 400)
			self.assertIsInstance(json.loads(client.post_token(path).text), str)
		with served(login="oauth2", token_address="/campus/oauth2/token", token_query={"appName": "x"}) as client:
			self.assertEqual(client.post_token("/campus/oauth2/token").status, 400)
			self.assertEqual(client.post_token("/campus/oauth2/token?appName=x").status, 200)
		with served(login="oauth2", grant="password") as client:
			form = {"grant_type": "password", "username": "sample"}
			self.assertEqual(client.post_token(path, password="no", **form).status, 401)
			self.assertEqual(client.post_token(path, password="0b" * 16, **form).status, 200)

	def test_tokens_run_out_and_calls_are_limited(self):
		with served(login="oauth2", token_lifetime=0.2, token_429=1, token_limit=2) as client:
			path = "/aeries/oauth/access_token"
			answer = client.post_token(path)
			self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "1"))
			client.token = json.loads(client.post_token(path).text)["access_token"]
			began = time.monotonic()
			self.assertEqual(client.get("orgs").status, 200)
			while client.get("orgs").status == 200:
				self.assertLess(time.monotonic() - began, 5)
			self.assertGreaterEqual(time.monotonic() - began, 0.1)
			self.assertEqual([client.post_token(path).status for _ in range(2)], [200, 429])

	def test_v1_cookies_codes_and_single_use_refresh(self):
		with served(login="aeries-v1") as client:
			keys = {"client_id": ID, "client_secret": SECRET}
			self.assertEqual(client.v1("authorize", client_id="00").status, 401)
			code = json.loads(client.v1("authorize", client_id=ID).text)["authorization_code"]
			self.assertEqual(set(client.cookies), {"ASP.NET_SessionId", "ARRAffinity"})
			jar = dict(client.cookies)
			client.cookies = {}
			self.assertEqual(client.v1("token", authorization_code=code, scope="OneRoster", **keys).status, 401)
			code = json.loads(client.v1("authorize", client_id=ID).text)["authorization_code"]
			self.assertNotEqual(jar, client.cookies)
			self.assertEqual(client.v1("token", authorization_code=code, scope="x", **keys).status, 400)
			token = json.loads(client.v1("token", authorization_code=code, scope="OneRoster", **keys).text)
			self.assertEqual(client.v1("token", authorization_code=code, scope="OneRoster", **keys).status, 400)
			client.token = token["access_token"]
			self.assertEqual(client.get("enrollments").status, 200)
			jar, client.cookies = client.cookies, {}
			self.assertEqual(client.get("orgs").status, 401)
			client.cookies = {"ASP.NET_SessionId": jar["ASP.NET_SessionId"]}
			self.assertEqual(client.get("orgs").status, 401)
			client.cookies = jar
			form = {"refresh_token": token["refresh_token"], "grant_type": "refresh_token", **keys}
			fresh = json.loads(client.v1("token", **form).text)
			self.assertNotEqual(fresh["refresh_token"], token["refresh_token"])
			self.assertNotEqual(fresh["access_token"], token["access_token"])
			again = client.v1("token", **form)
			self.assertEqual((again.status, json.loads(again.text)["error"]), (400, "invalid_grant"))
			form["refresh_token"], client.cookies = fresh["refresh_token"], {}
			self.assertEqual(client.v1("token", **form).status, 401)

	def test_v1_code_names(self):
		for name in ("authorizationCode", "code"):
			with served(login="aeries-v1", code_name=name) as client:
				self.assertIn(name, json.loads(client.v1("authorize", client_id=ID).text))
		with served(login="aeries-v1", code_name="bare-json") as client:
			self.assertIsInstance(json.loads(client.v1("authorize", client_id=ID).text), str)
		with served(login="aeries-v1", code_name="bare-text", cookies=False) as client:
			code = client.v1("authorize", client_id=ID).text.decode()
			self.assertRegex(code, "^[0-9a-f]{32}$")
			self.assertEqual(client.cookies, {})
			form = {"client_id": ID, "client_secret": SECRET, "authorization_code": code, "scope": "OneRoster"}
			self.assertEqual(client.v1("token", **form).status, 200)

	def test_cookies_for_the_other_logins(self):
		with served(login="oauth2", cookies=True) as client:
			client.token = json.loads(client.post_token("/aeries/oauth/access_token").text)["access_token"]
			self.assertEqual(client.get("orgs").status, 200)
			client.cookies = {}
			self.assertEqual(client.get("orgs").status, 401)

	def test_bearer_and_none(self):
		with served(login="bearer") as client:
			self.assertEqual(client.get("orgs").status, 401)
			client.token = "b0" * 32
			self.assertEqual(client.get("orgs").status, 200)
		with served(login="none") as client:
			self.assertEqual(client.get("orgs").status, 200)

	def test_oauth1_vectors(self):
		def sign(address, query, key, secret, method, stamp, nonce, more=()):
			pairs = urllib.parse.parse_qsl(query) + [("oauth_consumer_key", key), ("oauth_nonce", nonce),
				("oauth_signature_method", method), ("oauth_timestamp", stamp), ("oauth_version", "1.0"), *more]
			return sis.oauth1_signature("GET", address, pairs, secret, method)

		own = ("my key", "s&cret")
		first = "https://sis.example.org/ims/oneroster/v1p1/users", "limit=100&offset=0"
		second = ("https://sis.example.org:8443/ims/oneroster/v1p1/users",
			"filter=dateLastModified%3E%272025-01-01T00%3A00%3A00.000Z%27%20AND%20status%3D%27active%27"
			"&limit=100&offset=200&sort=sourcedId")
		for place, method, expected in (
			(first, "HMAC-SHA1", "u4NtNDvZd1KUbzNtpY0pPfOlkjM="),
			(first, "HMAC-SHA256", "va5t14oyO7awPYbE2ay7HVmjGdZo66egkg78zRwNzk0="),
			(second, "HMAC-SHA1", "wvj2hVRuIVDmvTkhy23IUiYTaLs="),
			(second, "HMAC-SHA256", "AHawRNhiTbbURHgy+i7XRhtNds53rvyZaMKdqwCAl5U="),
		):
			self.assertEqual(sign(*place, *own, method, "1700000000", "0123456789abcdef"), expected)

	def test_oauth1_requests(self):
		now = int(time.time())  # a nonce is one of its second

		def header(client, query, secret=SECRET, nonce="n1", skew=0, comma=","):
			port = client.server.server_address[1]
			given = {"oauth_consumer_key": ID, "oauth_nonce": nonce, "oauth_signature_method": "HMAC-SHA256",
				"oauth_timestamp": str(now + skew), "oauth_version": "1.0"}
			pairs = list(given.items()) + urllib.parse.parse_qsl(query)
			given["oauth_signature"] = sis.oauth1_signature("GET", f"http://127.0.0.1:{port}{DATA}users", pairs, secret,
				"HMAC-SHA256")
			text = comma.join(f'{k}="{urllib.parse.quote(v, safe="")}"' for k, v in given.items())
			return {"Authorization": "OAuth " + text}

		with served(login="oauth1", oauth1_strict=True) as client:
			query = "limit=3&filter=role%3D%27student%27"
			ask = lambda **how: client.ask("GET", f"{DATA}users?{query}", headers=header(client, query, **how)).status
			self.assertEqual(ask(), 200)
			self.assertEqual(ask(), 401, "a nonce works once")
			self.assertEqual(ask(nonce="n2", secret="wrong"), 401)
			self.assertEqual(ask(nonce="n3", skew=-600), 401)
			self.assertEqual(ask(nonce="n4", comma=", "), 401)
			self.assertEqual(ask(nonce="n5"), 200)


class Paging(unittest.TestCase):
	def test_cap_total_and_link(self):
		with served(login="none", cap=7) as client:
			answer = client.get("users", limit=50, offset=7)
			self.assertEqual(len(json.loads(answer.text)["users"]), 7)
			self.assertEqual(answer.headers["X-Total-Count"], "60")
			base = f"<http://127.0.0.1:{client.server.server_address[1]}{DATA}users?limit=7&offset="
			self.assertEqual(answer.headers["Link"], f'{base}0>; rel="first", {base}56>; rel="last", '
				f'{base}0>; rel="prev", {base}14>; rel="next"')
			self.assertNotIn('rel="next"', client.get("users", limit=50, offset=56).headers["Link"])
			self.assertEqual(client.rows("users", offset=60), [])
			self.assertEqual(client.get("users", limit=0).status, 400)
			self.assertEqual(client.get("users", limit="x").status, 400)
			every = [i for offset in range(0, 63, 7) for i in client.ids("users", offset=offset)]
			self.assertEqual(every, sorted(every))
			self.assertEqual(len(set(every)), 60)
		with served(login="none") as client:
			self.assertEqual(len(client.rows("enrollments")), 100)

	def test_false_witnesses(self):
		for how, expected in (("wrong", "65"), ("short", "30"), ("page", "10"), (False, None)):
			with served(login="none", total=how) as client:
				self.assertEqual(client.get("users", limit=10).headers["X-Total-Count"], expected)
		with served(login="none", total="changing", perm_rev="changing", count_header=True) as client:
			answers = [client.get("users", limit=10) for _ in range(3)]
			self.assertEqual(len({a.headers["X-Total-Count"] for a in answers}), 3)
			self.assertEqual(len({a.headers["x-perm-rev"] for a in answers}), 3)
			self.assertEqual(answers[0].headers["x-count"], "10")

	def test_broken_links(self):
		def links(how, **parameters):
			with served(login="none", link=how) as client:
				return client.get("users", limit=10, **parameters).headers.get_all("Link")

		self.assertIsNone(links(False))
		self.assertNotIn("<", links("bare")[0])
		self.assertIn(f'<{DATA}users?limit=10&offset=10>; rel="next"', links("relative")[0])
		self.assertIn("<http://10.0.0.7:8080/internal/", links("foreign")[0])
		self.assertIn('offset=10>; rel="next"', links("loop", offset=10)[0])
		self.assertNotIn("next", links("last-only")[0])
		self.assertIn('offset=11>; rel="next"', links("off-by-one")[0])
		self.assertIn("rel=next", links("unquoted")[0])
		self.assertEqual(len(links("lines")), 3)
		with served(login="none", link="cursor") as client:
			first = client.ids("users", limit=10)
			self.assertEqual(client.ids("users", limit=10, offset=10), first)
			every = client.ids("users", limit=60, cursor="0")
			self.assertEqual(client.ids("users", limit=10, cursor="a")[0], every[10])

	def test_ignored_parameters_and_the_end(self):
		with served(login="none", ignore_offset=True) as client:
			self.assertEqual(client.ids("users", limit=5, offset=5), client.ids("users", limit=5))
		with served(login="none", ignore_limit=True) as client:
			self.assertEqual(len(client.ids("users", limit=5)), 60)
		for status in (404, 400, 204):
			with served(login="none", past_end=status) as client:
				self.assertEqual(client.get("users", offset=60).status, status)

	def test_orders(self):
		with served(login="none") as client:
			by_id = client.ids("users", limit=60)
			self.assertEqual(client.ids("users", limit=60, sort="sourcedId", orderBy="desc"), by_id[::-1])
		with served(login="none", order="shuffled") as client:
			shuffled = client.ids("users", limit=60, sort="sourcedId")
			self.assertNotEqual(shuffled, by_id)
			self.assertEqual(sorted(shuffled), by_id)
			pages = [i for offset in range(0, 60, 13) for i in client.ids("users", limit=13, offset=offset)]
			self.assertEqual(pages, shuffled)
		with served(login="none", order="shuffled", sort_supported=True) as client:
			self.assertEqual(client.ids("users", limit=60, sort="sourcedId"), by_id)
		with served(login="none", order="unstable") as client:
			self.assertNotEqual(client.ids("users", limit=60), client.ids("users", limit=60))
		with served(login="none", order="role") as client:
			roles = [row["role"] for row in client.rows("enrollments", limit=120)]
			self.assertEqual((roles[0], roles[-1], roles.count("teacher")), ("student", "teacher", 12))
			self.assertEqual(roles.index("teacher"), 108)

	def test_sort_filter_fields(self):
		with served(login="none", filter_supported=True) as client:
			roles = {row["role"] for row in client.rows("users", filter="role='student'")}
			self.assertEqual(roles, {"student"})
			self.assertEqual(client.get("users", filter="role='student'").headers["X-Total-Count"], "36")
			both = client.rows("users", filter="role='teacher' AND sourcedId>='TCH_300003'")
			self.assertEqual([row["sourcedId"] for row in both], [f"TCH_30000{n}" for n in (3, 4, 5, 6)])
			self.assertEqual(client.rows("users", filter="dateLastModified>'2030-01-01'"), [])
			self.assertEqual(client.get("users", filter="nonsense").status, 400)
			self.assertEqual(set(client.rows("users", fields="sourcedId,role")[0]), {"sourcedId", "role"})
			self.assertIn("invalid_sort_field", client.get("users", sort="nothing").text.decode())
		with served(login="none", filter_supported="nothing") as client:
			self.assertEqual(client.rows("users", filter="dateLastModified>='2000-01-01'"), [])
			self.assertEqual(client.get("users", filter="nonsense").status, 400)
			self.assertNotEqual(client.rows("users"), [])
		with served(login="none", filter_supported="total") as client:
			part, every = client.get("users", filter="role='teacher'", limit=1000), client.get("users", limit=1000)
			self.assertEqual(part.headers["X-Total-Count"], every.headers["X-Total-Count"])
			self.assertLess(len(part.text), len(every.text))
		for how, kept in ((True, True), ("lost", False)):
			with served(login="none", filter_supported=how, link="cursor") as client:
				link = client.get("users", filter="role='teacher'", limit=1).headers["Link"]
				self.assertEqual("filter=" in link, kept)
		with served(login="none", sort_supported="error", filter_supported="error", fields_supported="error") as client:
			for name in ("sort", "filter", "fields"):
				self.assertEqual(client.get("users", **{name: "sourcedId"}).status, 400)

	def test_derived_and_nested_collections(self):
		with served(login="none") as client:
			self.assertEqual(len(json.loads(client.get("students").text)["users"]), 36)
			self.assertEqual(len(json.loads(client.get("schools").text)["orgs"]), 3)
			self.assertEqual(len(json.loads(client.get("schools/994/classes").text)["classes"]), 4)
			classes = json.loads(client.get("classes").text)["classes"]
			results = json.loads(client.get("results").text)["results"]
			found = [record["sourcedId"] for c in classes
				for record in json.loads(client.get(f"classes/{c['sourcedId']}/results").text)["results"]]
			self.assertEqual(sorted(found), sorted(record["sourcedId"] for record in results))
			courses = json.loads(client.get("schools/994/courses").text)["courses"]
			self.assertEqual({record["sourcedId"] for record in courses},
				{c["course"]["sourcedId"] for c in classes if c["school"]["sourcedId"] == "994"})
			self.assertEqual(json.loads(client.get("orgs/994").text)["org"]["sourcedId"], "994")
			self.assertEqual(client.get("agents").status, 404)
		with served(login="none", derived=False, missing=["courses"], forbidden=["classes"]) as client:
			statuses = [client.get(name).status for name in ("students", "courses", "classes", "users")]
			self.assertEqual(statuses, [404, 404, 403, 200])
		with served(login="none", nested_only=["classes"]) as client:
			self.assertEqual([client.get(name).status for name in ("classes", "schools/994/classes")], [404, 200])

	def test_rows_move_between_pages(self):
		moves = [{"table": "users", "after_request": 1, "delete": 0},
			{"table": "users", "after_request": 2, "insert": 3}]
		with served(login="none", mutate=moves) as client:
			before = client.ids("users", limit=60)
			self.assertEqual(client.ids("users", limit=60), before[1:])
			after = client.ids("users", limit=61)
			self.assertEqual((len(after), after[:3], after[4:]), (60, before[1:4], before[4:]))
			self.assertEqual(after, sorted(after))

	def test_a_row_changes_its_place(self):
		moves = [{"table": "users", "after_request": 1, "move": 1, "to": 4}]
		with served(login="none", order="natural", mutate=moves) as client:
			before = client.ids("users", limit=60)
			after = client.ids("users", limit=60)
			self.assertEqual(after, before[:1] + before[2:5] + before[1:2] + before[5:])


class Faulty(unittest.TestCase):
	def test_when_a_fault_strikes(self):
		fault = {"match": "users", "offset": 10, "nth": [1, 3], "do": {"status": 503, "headers": {"Retry-After": "7"}}}
		with served(login="none", faults=[fault]) as client:
			self.assertEqual(client.get("users").status, 200)
			answers = [client.get("users", offset=10) for _ in range(4)]
			self.assertEqual([a.status for a in answers], [503, 200, 503, 200])
			self.assertEqual(answers[0].headers["Retry-After"], "7")
			self.assertEqual(client.get("orgs", offset=10).status, 200)
		cases = ({"every": 2}, [200, 500, 200, 500]), ({"first": 1}, [500, 200, 200, 200]), ({}, [500] * 4)
		for when, expected in cases:
			with served(login="none", faults=[{"match": "data", "do": {"status": 500}, **when}]) as client:
				self.assertEqual([client.get("users").status for _ in range(4)], expected)
		with served(login="oauth2", faults=[{"match": "token", "nth": 1, "do": {"status": 502}}]) as client:
			self.assertEqual([client.post_token("/aeries/oauth/access_token").status for _ in range(2)], [502, 200])

	def test_what_a_fault_does(self):
		def strike(do):
			with served(login="none", faults=[{"match": "users", "do": do}]) as client:
				return client.get("users", limit=3)

		whole = strike({})
		cut = strike({"truncate_json": True})
		self.assertEqual((cut.status, int(cut.headers["Content-Length"])), (200, len(cut.text)))
		self.assertTrue(whole.text.startswith(cut.text) and len(cut.text) < len(whole.text))
		page = strike({"html": True})
		self.assertEqual((page.status, page.headers.get_content_type()), (200, "text/html"))
		self.assertIn(b"imsx_codeMajor", strike({"error_object": True}).text)
		with self.assertRaises(ValueError):
			json.loads(strike({"garbage": True}).text.decode("latin-1"))
		moved = strike({"redirect": "https://elsewhere.example/"})
		self.assertEqual((moved.status, moved.headers["Location"]), (302, "https://elsewhere.example/"))
		self.assertEqual(strike({"unauthorized": True}).status, 401)
		self.assertEqual(gzip.decompress(strike({"gzip": True}).text), whole.text)
		began = time.monotonic()
		self.assertEqual(strike({"stall": 0.1, "delay": 0.1}).text, whole.text)
		self.assertGreater(time.monotonic() - began, 0.2)
		with self.assertRaises(http.client.IncompleteRead) as broken:
			strike({"cut": 100})
		self.assertEqual(broken.exception.partial, whole.text[:100])
		with self.assertRaises(http.client.RemoteDisconnected):
			strike({"close": True})

	def test_capacity_and_large_limits(self):
		with served(login="none", latency=0.2, capacity={"good": 1, "max": 2}) as client:
			port = client.server.server_address[1]
			statuses = []

			def ask():
				one = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
				one.request("GET", DATA + "orgs")
				statuses.append(one.getresponse().status)
				one.close()

			threads = [threading.Thread(target=ask) for _ in range(4)]
			for thread in threads:
				thread.start()
			for thread in threads:
				thread.join()
			self.assertEqual(sorted(statuses), [200, 200, 429, 429])
		with served(login="none", when_limit_over=50) as client:
			self.assertEqual([client.get("users", limit=n).status for n in (50, 51)], [200, 504])

	def test_retry_after_styles(self):
		for style, name, shape in (("seconds", "Retry-After", r"^2$"), ("date", "Retry-After", r"^\w{3}, .* GMT$"),
				("x-ratelimit-reset", "X-RateLimit-Reset", r"^\d{10}$")):
			fault = [{"match": "users", "do": {"status": 429, "retry_after": 2}}]
			with served(login="none", retry_after_style=style, faults=fault) as client:
				self.assertRegex(client.get("users").headers[name], shape)

	def test_chaos_is_the_same_each_time_and_lets_go(self):
		def run():
			chaos = {"seed": 5, "rate": 0.5, "kinds": ["503", "429", "401"], "in_row": 2}
			with served(login="none", chaos=chaos) as client:
				return [client.get("users", offset=n % 3 * 10).status for n in range(90)]

		first = run()
		self.assertEqual(run(), first)
		self.assertEqual(set(first), {200, 401, 429, 503})
		for page in range(3):
			mine = first[page::3]
			self.assertFalse(any(200 not in mine[n:n + 3] for n in range(len(mine) - 2)))
			self.assertFalse(any(mine[n:n + 2] == [401, 401] for n in range(len(mine))))


class Shapes(unittest.TestCase):
	def document(self, what="users", **scenario):
		with served(login="none", **scenario) as client:
			return client.get(what, limit=2).text

	def test_wrappers(self):
		plain = json.loads(self.document())["users"]
		self.assertEqual(json.loads(self.document(wrapper={"users": "students"})), {"students": plain})
		self.assertEqual(json.loads(self.document(wrapper="array")), plain)
		with served(login="none", single=True) as client:
			self.assertEqual(json.loads(client.get("users", limit=1).text), {"users": plain[0]})
		self.assertEqual(list(json.loads(self.document(with_status_set=True))), ["statusInfoSet", "users"])
		self.assertEqual(json.loads(self.document(body_total=True))["totalCount"], 60)

	def test_encodings(self):
		plain = self.document()
		self.assertEqual(self.document(bom=True), b"\xef\xbb\xbf" + plain)
		self.assertEqual(self.document(trailing=" \r\n"), plain + b" \r\n")
		self.assertEqual(self.document(chunked=True), plain)
		self.assertEqual(gzip.decompress(self.document(gzip="force")), plain)
		self.assertEqual(self.document(gzip=True), plain)
		self.assertGreater(len(self.document(metadata_mb=2, order="natural")), 2000000)

	def test_member_order(self):
		members = lambda **how: list(json.loads(self.document("orgs", **how))["orgs"][1])
		self.assertEqual(members()[-4:], ["sourcedId", "status", "dateLastModified", "metadata"])
		self.assertEqual(members(member_order="first")[:3], ["sourcedId", "status", "dateLastModified"])
		self.assertEqual(members(member_order="reverse"), members()[::-1])


class TheDistrict(unittest.TestCase):
	def test_counts_ids_and_references(self):
		district = district_of(scenario_of(), users=700, classes=90, courses=40, schools=9, enrollments=2500)
		ids = {}
		for table in SCHEMAS.served:
			keys = district.keys(table)
			ids[table] = {district.record(table, k)["sourcedId"] for k in keys}
			self.assertEqual(len(ids[table]), len(keys), table)
			self.assertTrue(all(district.row_id(table, k) in ids[table] for k in keys), table)
		self.assertEqual({t: len(ids[t]) for t in ("orgs", "users", "enrollments")},
			{"orgs": 10, "users": 700, "enrollments": 2500})
		self.assertLessEqual({"0", "994", "990"}, ids["orgs"])
		self.assertIn("994_1001", ids["classes"])
		self.assertIn("990_TN_421", ids["classes"])
		self.assertIn("0634", ids["courses"])
		for table in SCHEMAS.served:
			for column in SCHEMAS.tables[table]["columns"]:
				for k in district.keys(table) if "ref" in column else ():
					for target in sis.Truth.found(district.record(table, k), column):
						self.assertIn(target, ids[column["ref"]], f"{table}.{column['name']}")

	def test_the_same_seed_gives_the_same_bytes(self):
		def pages(**how):
			seed = how.pop("seed", 1)
			with served(login="none", size={"seed": seed}, **how) as client:
				return b"".join(client.get(name, limit=1000).text for name in SCHEMAS.served)

		self.assertEqual(pages(nasty=True), pages(nasty=True))
		self.assertNotEqual(pages(), pages(seed=2))

	def test_a_class_has_its_students_once_and_from_its_school(self):
		district = district_of(scenario_of(), users=200, classes=20, enrollments=600, schools=2)
		for k in range(600):
			c, user = district.seat(k)
			if user < district.students:
				self.assertEqual(district.place(user), c % 2)


class TheTruth(unittest.TestCase):
	def cells(self, table, *records, **scenario):
		for n, record in enumerate(records):
			record.setdefault("sourcedId", f"hand-{n}")
		rows = truth_of(SCHEMAS.core + [t for t in (table,) if t not in SCHEMAS.core],
			records={table: list(records)}, **scenario)[table]
		return [rows.get(str(record["sourcedId"])) for record in records]

	def test_a_nasty_user_by_hand(self):
		row, = self.cells("users", sis.read_json(r"""{
			"enabledUser": "YES", "orgs": {"href": "~/x", "sourcedId": 994, "type": "org"}, "role": "STUDENT",
			"username": "one\r\ntwo\rthree\nfour", "userIds": [{"identifier": 42, "type": "LTI"}, null],
			"givenName": "A\u0000n\ud800n", "familyName": "O\"Hara, Jr.", "middleName": "null", "identifier": 42.50,
			"email": " ", "sms": null, "phone": "\u2603\ud83d\ude00\udc00", "agents": ["STU_100001", null, "gone"],
			"grades": "K; 01,02", "password": "x", "status": "Active", "metadata": {"sourcedId": "no"}}"""))
		self.assertEqual(row, {
			"sourcedId": "hand-0", "status": "", "dateLastModified": "", "enabledUser": "true", "orgSourcedIds": "994",
			"role": "student", "username": "one two three four", "userIds": "{LTI:42}", "givenName": "An\ufffdn",
			"familyName": 'O"Hara, Jr.', "middleName": "", "identifier": "42.50", "email": "", "sms": "",
			"phone": "\u2603\U0001f600\ufffd", "agentSourcedIds": "STU_100001", "grades": "K,01,02", "password": "",
		})

	def test_bytes_of_a_line(self):
		record = {"sourcedId": "x,1", "name": 'Say "hi"\ttwice', "type": "SCHOOLS", "parent": "0", "identifier": "a b"}
		with tempfile.TemporaryDirectory() as folder:
			district = district_of(scenario_of(records={"orgs": [record]}))
			sis.Truth(district, ["orgs"]).write(folder, {"orgs": district.keys("orgs")}, "My SIS", "a,b")
			with open(os.path.join(folder, "orgs.csv"), "rb") as f:
				text = f.read()
			with open(os.path.join(folder, "manifest.csv"), "rb") as f:
				manifest = f.read()
			self.assertEqual(sorted(os.listdir(folder)), ["manifest.csv", "orgs.csv"])
		lines = text.split(b"\r\n")
		self.assertEqual(lines[0], b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId")
		self.assertEqual(lines[1], b"0,,,Sample Unified District,district,,")
		self.assertEqual(lines[-2:], [b'"x,1",,,"Say ""hi"" twice",school,a b,0', b""])
		self.assertTrue(manifest.startswith(b"propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,1.1\r\n"
			b"file.academicSessions,absent\r\nfile.categories,absent\r\n"))
		self.assertTrue(manifest.endswith(b"file.orgs,bulk\r\nfile.resources,absent\r\nfile.results,absent\r\n"
			b'file.users,absent\r\nsource.systemName,My SIS\r\nsource.systemCode,"a,b"\r\n'))

	def test_which_cells_are_quoted(self):
		wanted = {
			"plain": b"plain", "two words": b"two words", "": b"", "a,b": b'"a,b"', 'the "Big" O': b'"the ""Big"" O"',
			" front": b'" front"', "end ": b'"end "', "\u00a0front": "\u00a0front".encode(), "a;b": b"a;b",
			"it's": b"it's", "\\": b"\\", "\u6f22": "\u6f22".encode(),
		}
		with tempfile.TemporaryDirectory() as folder:
			sis.Truth.write_file(folder, "words", [["x", text] for text in wanted])
			with open(os.path.join(folder, "words.csv"), "rb") as f:
				lines = f.read().split(b"\r\n")
		self.assertEqual(lines, [b"x," + cell for cell in wanted.values()] + [b""])

	def test_text_that_csv_can_carry(self):
		for sent, wanted in (
			("a\rb", "a b"), ("a\nb", "a b"), ("a\r\nb", "a b"), ("a\tb", "a b"), ("a\x85b", "a b"), ("a\u2028b", "a b"),
			("a\u2029b", "a b"), ("a\r\n\t\x85\u2028\u2029b", "a b"), ("a\nb\nc", "a b c"), ("a \n b", "a   b"),
			("\na", " a"), ("a\t", "a "), ("a\x00b", "ab"), ("\x01\x08\x0b\x0c\x0e\x1b\x1fa", "a"), ("a\x7fb", "ab"),
			("\x80a\x84\x86\x9f", "a"), ("\ufeffa\ufeffb", "ab"), ("\ud83d", "\ufffd"), ("a\udfffb", "a\ufffdb"),
			("\ufffd", "\ufffd"), (" a  b ", " a  b "), ("a\u00a0b", "a\u00a0b"), ("a\u200bb", "a\u200bb"),
			("\U0001f600", "\U0001f600"), ("e\u0301", "e\u0301"), ("null", ""), ("Null", "Null"), ("null ", "null "),
			("", ""), ("  ", ""), ("\u00a0", ""), (" \u3000", ""), ("\r\n\t", ""), ("\x00", ""), ("\ufeff", ""),
			(True, "true"), (False, "false"), (0, "0"),
		):
			self.assertEqual(sis.Truth.text(sent), wanted, ascii(sent))

	def test_dates_booleans_and_lists(self):
		styles = ["2024-08-01", "2024-08-01T00:00:00.000Z", "2024-08-01 00:00:00", "2024/08/01", "08/01/2024",
			"2024-08-01T23:00:00-08:00"]
		base = {"class": "994_1001", "user": {"sourcedId": "STU_100001"}, "role": "student", "school": "994"}
		rows = self.cells("enrollments", *({**base, "beginDate": s} for s in styles), {**base, "beginDate": "1 May"})
		self.assertEqual([row["beginDate"] for row in rows], ["2024-08-01"] * 6 + ["1 May"])
		flags = [True, "True", 1, "yes", False, "FALSE", "0", "No", None, "perhaps"]
		rows = self.cells("enrollments", *({**base, "primary": f} for f in flags))
		self.assertEqual([row["primary"] for row in rows], ["true"] * 4 + ["false"] * 4 + ["", "perhaps"])
		base = {"title": "x", "course": "0634", "school": "994", "terms": "994_Y"}
		periods = ["1,3,5", ["1", "3"], ["a, b", None, "c"], [], 7, ["null", " ", "2"]]
		rows = self.cells("classes", *({**base, "periods": p} for p in periods))
		self.assertEqual([row["periods"] for row in rows], ["1,3,5", "1,3", "a b,c", "", "7", "2"])
		row, = self.cells("classes", {"title": "x", "courseSourcedId": "0634", "schoolSourcedId": "994",
			"termSourcedIds": ["994_Y", "994_F"], "grade": "09"})
		self.assertEqual((row["termSourcedIds"], row["grades"]), ("994_Y,994_F", "09"))

	def test_fills(self):
		rows = self.cells("enrollments", {"class": {"sourcedId": "993_1001"}, "user": "STU_100002", "role": "student"})
		self.assertEqual(rows[0]["schoolSourcedId"], "993")
		rows = self.cells("classes", {"title": "x", "course": "0634", "school": "994", "terms": "994_Y"})
		self.assertEqual(rows[0]["classType"], "scheduled")
		user = {"orgs": "994", "role": "aide", "username": "u", "givenName": "g", "familyName": "f"}
		rows = self.cells("users", user)
		self.assertEqual(rows[0]["enabledUser"], "true")

	def test_deleted_rows_take_along_what_hangs_on_them(self):
		user = {"orgs": ["994", "old"], "role": "student", "username": "u", "givenName": "g", "familyName": "f"}
		rows = truth_of(SCHEMAS.core, records={
			"orgs": [{"sourcedId": "old", "name": "Old", "type": "school", "status": "ToBeDeleted"}],
			"users": [{**user, "sourcedId": "stays", "agents": ["left"]},
				{**user, "sourcedId": "left", "status": "INACTIVE"},
				{**user, "sourcedId": "homeless", "orgs": ["old"]}],
			"classes": [{"sourcedId": "c", "title": "x", "course": "0634", "school": "old", "terms": "994_Y"}],
			"enrollments": [{"sourcedId": "e1", "class": "c", "user": "stays", "school": "994", "role": "student"},
				{"sourcedId": "e2", "class": "994_1001", "user": "left", "school": "994", "role": "student"}],
		})
		self.assertNotIn("old", rows["orgs"])
		self.assertEqual(rows["users"]["stays"]["orgSourcedIds"], "994")
		self.assertEqual(rows["users"]["stays"]["agentSourcedIds"], "")
		for table, gone in (("users", {"left", "homeless"}), ("classes", {"c"}), ("enrollments", {"e1", "e2"})):
			self.assertFalse(gone & set(rows[table]))

	def test_copies(self):
		rows = self.cells("orgs", {"sourcedId": "twice", "name": "new", "type": "school", "dateLastModified":
			"2025-05-01T05:00:20+02:00"}, {"sourcedId": "twice", "name": "old", "type": "school", "dateLastModified":
			"2025-05-01T03:00:19.9Z"})
		self.assertEqual(rows[0]["name"], "new")
		fresh = truth_of(SCHEMAS.core)
		self.assertEqual(truth_of(SCHEMAS.core, stale_copies=4), fresh)
		self.assertEqual(truth_of(SCHEMAS.core, dangling=3), fresh)

	def test_links_to_resources(self):
		rows = truth_of(["classes", "resources", "classResources"])["classResources"]
		self.assertTrue(rows)
		for name, row in rows.items():
			text = f"{row['classSourcedId']} {row['resourceSourcedId']}"
			self.assertEqual(name, sis.hashlib.sha256(text.encode()).hexdigest())

	def test_nasty_means_the_same(self):
		"""Whatever has no free text is what the plain district says: the disguise is only a disguise."""
		plain, nasty = truth_of(EVERYTHING), truth_of(EVERYTHING, nasty=True, deleted=0)
		filled = {"enabledUser": "true", "classType": "scheduled"}
		compared = 0
		for table in EVERYTHING:
			self.assertEqual(set(plain[table]), set(nasty[table]))
			for column in SCHEMAS.tables[table]["columns"]:
				for name in plain[table] if column["type"] not in ("text", "texts") else ():
					want, got = plain[table][name][column["name"]], nasty[table][name][column["name"]]
					if got != filled.get(column["name"], want):
						self.assertEqual(got, want, f"{table} {name} {column['name']}")
					compared += 1
		self.assertGreater(compared, 3000)
		texts = [cell for rows in nasty.values() for row in rows.values() for cell in row.values()]
		unfit = [*map(chr, range(0x20)), *map(chr, range(0x7f, 0xa0)), "\u2028", "\u2029", "\ufeff"]
		self.assertFalse([t for t in texts if any(c in t for c in unfit) or t == "null"])
		self.assertFalse([t for t in texts if t and not t.strip(" ")])
		for piece in ("\ufffd", "\U0001f600", "\u6f22", "\u05e9", '"', ", Jr.", "tab ", "two lines ", "para graph "):
			self.assertTrue(any(piece in t for t in texts), ascii(piece))

	def test_nasty_pages_are_json(self):
		with served(login="none", nasty=True) as client:
			for table in SCHEMAS.served:
				text = client.get(table, limit=1000).text
				text.decode("utf-8")
				rows = json.loads(text)[SCHEMAS.tables[table]["collection"]]
				self.assertGreater(len(rows), 3)
			self.assertIn(b"\\ud83d", client.get("users", limit=1000).text)


class TheCommand(unittest.TestCase):
	def start(self, *arguments):
		process = subprocess.Popen([sys.executable, SIS, "serve", *arguments],
			stdout=subprocess.PIPE, stdin=subprocess.PIPE)
		self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close(), process.stdin.close()))
		word, address = process.stdout.readline().decode().split()
		self.assertEqual(word, "ready")
		return process, urllib.parse.urlsplit(address)

	def test_tls_and_the_end_of_input(self):
		with tempfile.TemporaryDirectory() as folder:
			ca = os.path.join(folder, "ca.pem")
			process, address = self.start("--tls", "--ca-out", ca, "--until-eof", "--set", "login=none")
			self.assertEqual(address.scheme, "https")
			for host in ("localhost", "127.0.0.1"):
				trust = ssl.create_default_context(cafile=ca)
				one = http.client.HTTPSConnection(host, address.port, context=trust, timeout=10)
				one.request("GET", DATA + "orgs")
				self.assertEqual(len(json.loads(one.getresponse().read())["orgs"]), 4)
				one.close()
			with self.assertRaises(ssl.SSLCertVerificationError):
				http.client.HTTPSConnection("localhost", address.port, context=ssl.create_default_context()).connect()
			process.stdin.close()
			self.assertEqual(process.wait(10), 0)

	def test_the_log_holds_no_secret(self):
		with tempfile.TemporaryDirectory() as folder:
			log = os.path.join(folder, "log")
			with served(login="aeries-v1", log=log) as client:
				code = json.loads(client.v1("authorize", client_id=ID).text)["authorization_code"]
				form = {"client_id": ID, "client_secret": SECRET, "authorization_code": code, "scope": "OneRoster"}
				token = json.loads(client.v1("token", **form).text)
				client.token = token["access_token"]
				client.get("orgs", limit=2)
			with open(log, encoding="utf-8") as f:
				text = f.read()
			for secret in (SECRET, code, token["access_token"], token["refresh_token"], *client.cookies.values()):
				self.assertNotIn(secret, text)
			lines = [json.loads(line) for line in text.splitlines()]
			self.assertEqual([line["kind"] for line in lines], ["authorize", "token", "data"])
			expected = {"method": "GET", "path": DATA + "orgs?limit=2", "status": 200, "rows": 2, "inflight": 1,
				"cookie": True, "authorization": "Bearer"}
			self.assertEqual({name: lines[2][name] for name in expected}, expected)

	def test_sigterm_and_scenario_files(self):
		with tempfile.TemporaryDirectory() as folder:
			path = os.path.join(folder, "scenario.json")
			with open(path, "w", encoding="utf-8") as f:
				json.dump({"about": "a test", "login": "none", "cap": 2, "district": {"users": 30}}, f)
			process, address = self.start("--scenario", path, "--set", "cap=3", "--quiet")
			one = http.client.HTTPConnection("127.0.0.1", address.port, timeout=10)
			one.request("GET", DATA + "users")
			answer = one.getresponse()
			self.assertEqual((len(json.loads(answer.read())["users"]), answer.headers["X-Total-Count"]), (3, "30"))
			one.close()
			process.terminate()
			self.assertEqual(process.wait(10), 0)

	def test_sigterm_while_waiting_for_the_end_of_input(self):
		process, _ = self.start("--until-eof")
		process.terminate()
		self.assertEqual(process.wait(10), 0)

	def test_the_manual_names_every_key(self):
		for key in [*sis.SCENARIO, *sis.FAULT_KEYS, *sis.DO_KEYS, *sis.DISTRICT]:
			self.assertRegex(sis.__doc__, rf"(?<![A-Za-z_]){key}(?![A-Za-z_])")

	def test_mistakes_are_told(self):
		for arguments in (["--set", "nonsense=1"], ["--set", "login=magic"], ["--with", "agents"], ["--schools", "0"],
				["--set", 'faults=[{"match":"users","do":{"explode":1}}]'],
				["--set", 'mutate=[{"table":"users","after_request":1,"move":1}]'], ["--enrollments", "100000"]):
			with contextlib.redirect_stderr(io.StringIO()) as errors:
				self.assertEqual(sis.main(["rows", *arguments]), 2)
			self.assertIn("sis.py: ", errors.getvalue())

	def test_truth_of_a_state_in_between(self):
		moves = json.dumps([{"table": "users", "after_request": 1, "delete": 0}])
		with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
			for after in ("0", "1"):
				self.assertEqual(sis.main(["truth", folder, "--set", "mutate=" + moves, "--after", after]), 0)
			counts = [json.loads(line)["rows"]["users"] for line in out.getvalue().splitlines()]
		self.assertEqual(counts, [60, 59])


if __name__ == "__main__":
	unittest.main()

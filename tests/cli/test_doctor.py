"""The doctor: what works on a server, what is refused and what to do about that, without a row in the answer."""

import json
import os
import socket
import sys
import unittest

from harness import BEARER, CLIENT_ID, CORE, EVERYTHING, SOURCE, Case, columns

ASKED = [name for name in EVERYTHING if name not in ("courseResources", "classResources")]
VERDICTS = ("total", "link", "sort", "filter", "fields", "offset")

PERMISSIONS = json.load(open(os.path.join(SOURCE, "schemas", "providers", "aeries.json"), encoding="utf-8"))["permissions"]


class DoctorCase(Case):
	"""Runs of the doctor against the SIS."""

	def run_doctor(self, *extra, expect=0, url=None, login=True):
		words = ["doctor", "--url", url or self.url]
		words += ["--client-id", CLIENT_ID, "--client-secret-file", self.secret_file] if login else []
		run = self.program([*words, *(str(word) for word in extra)])
		self.assertEqual(run.code, expect, run.shown)
		self.assertFalse(os.path.exists(self.state))
		self.assertEqual(os.listdir(self.out_folder), [])
		return run

	def examine(self, *extra, expect=0, **how):
		"""The JSON of a run."""
		run = self.run_doctor("--json", *extra, expect=expect, **how)
		found = json.loads(run.out)
		self.assertEqual((found["doctor"], found["exit-status"]), (1, expect))
		self.assertEqual(found["error"] is None, expect == 0)
		self.by_name = {c["name"]: c for c in found["collections"]}
		return found, run

	def one(self, name, *extra, expect=0, **how):
		"""The verdicts about one collection."""
		found, run = self.examine("--collections", name, *extra, expect=expect, **how)
		self.assertEqual([c["name"] for c in found["collections"]], [name])
		return found["collections"][0], run

	def assert_verdicts(self, collection, **wanted):
		self.assertEqual({key: collection[key] for key in wanted}, wanted)


class Healthy(DoctorCase):
	"""A server that does everything."""

	def test_every_verdict_is_good(self):
		self.serve()
		found, run = self.examine()
		self.assertEqual([c["name"] for c in found["collections"]],
			["orgs", "academicSessions", "courses", "classes", "users", "enrollments", *ASKED[6:]])
		self.assertEqual([c["name"] for c in found["collections"] if c["required"]], CORE)
		for collection in found["collections"]:
			self.assertEqual((collection["status"], collection["problem"], collection["notes"]), ("ok", None, []))
			self.assert_verdicts(collection, **dict.fromkeys(VERDICTS, "yes"))
			self.assertTrue(collection["rows-exact"])
		self.assertEqual({n: self.by_name[n]["rows"] for n in ("users", "classes", "enrollments")},
			{"users": 60, "classes": 12, "enrollments": 120})
		self.assertEqual(run.err, "")
		self.assertLessEqual(abs(found["clock-ahead"]), 5)

	def test_login_is_told(self):
		self.serve()
		found, _ = self.examine("--collections", "core")
		login = found["login"]
		self.assertEqual((login["way"], login["token-address"], login["done"], login["scopes-withheld"]),
			("oauth2", self.url + "/token", True, []))
		self.assertEqual({s.rsplit("/", 1)[1] for s in login["scopes"]}, {"roster-core.readonly", "roster.readonly"})

	def test_page_fits_eighty_columns_and_holds_every_collection(self):
		self.serve()
		run = self.run_doctor()
		lines = run.out.splitlines()
		self.assertLessEqual(max(map(len, lines)), 80, run.out)
		for name in CORE:
			self.assertRegex(run.out, rf"(?m)^{name}\* +ok ")
		self.assertRegex(run.out, r"(?m)^demographics +ok ")
		self.assertIn(f"{self.url}/ims/oneroster/v1p1", run.out)
		self.assertEqual(run.err, "")

	def test_quiet_prints_nothing(self):
		self.serve()
		run = self.run_doctor("-q")
		self.assertEqual((run.out, run.err), ("", ""))

	def test_nothing_of_the_rows_is_shown(self):
		self.serve({"users": 200}, cap=50, filter_supported="error", forbidden=["classes"])
		truth = self.truth(collections=["orgs", "users", "classes", "courses", "enrollments", "academicSessions"])
		secrets = set()
		for name, wanted in (("users.csv", ("sourcedId", "givenName", "familyName", "username", "email", "identifier")),
				("classes.csv", ("sourcedId", "title")), ("courses.csv", ("title",)), ("orgs.csv", ("name",)),
				("enrollments.csv", ("sourcedId",)), ("academicSessions.csv", ("sourcedId",))):
			secrets |= {row[c] for row in columns(truth[name]) for c in wanted if len(row[c]) > 4}
		self.assertGreater(len(secrets), 500)
		for option in ("--json", "--verbose"):
			run = self.run_doctor(option, expect=5)
			shown = run.out + run.err
			self.assertEqual([s for s in secrets if s in shown], [])

	def test_few_rows_are_read(self):
		self.serve({"users": 5000, "enrollments": 10000}, fields_supported=False, gzip=False)
		self.examine()
		for name in ("users", "enrollments"):
			whole = [p for p in self.sis.pages(name) if int(p["query"].get("limit", 0)) > 3]
			self.assertEqual(len(whole), 1)
			self.assertEqual(self.by_name[name]["cap-kind"], "above")
			self.assertLess(self.by_name[name]["cap"], 1000)  # cut off long before the end of the page
			self.assertGreater(self.by_name[name]["cap"], 50)
		self.assertLess(len(self.sis.log(kind="data")), 8 * len(ASKED) + 1)

	def test_no_folder_is_needed(self):
		self.serve()
		run = self.run_doctor("--state-dir", self.path("nowhere"), expect=2)
		self.assertIn("doctor has no option --state-dir", run.err)
		self.assertFalse(os.path.exists(self.path("nowhere")))


class Refused(DoctorCase):
	"""Permissions that are missing."""

	def test_classes_name_the_master_schedule(self):
		self.serve(forbidden=["classes"])
		run = self.run_doctor(expect=5)
		self.assertRegex(run.error, r"\Aclasses: .*403.*Master Schedule \(MST\).*API Security")
		self.assertRegex(run.out, r"(?m)^classes\* +refused ")
		self.assertRegex(run.out, r"(?m)^enrollments\* +ok ")
		self.assertEqual(run.warnings, [])

	def test_every_permission_has_its_name(self):
		self.serve(forbidden=ASKED + ["students", "teachers", "schools", "terms", "gradingPeriods"])
		_, run = self.examine(expect=5)
		for name in ASKED:
			self.assertEqual(self.by_name[name]["status"], "refused")
			self.assertEqual(self.by_name[name]["permission"], PERMISSIONS.get(name))
			if name in PERMISSIONS:
				self.assertIn(PERMISSIONS[name], self.by_name[name]["problem"])
		self.assertIn("Not fine either: academicSessions, courses, classes, users, enrollments", run.error)
		self.assertEqual(len(run.warnings), len(ASKED) - 1)

	def test_optional_collection_is_a_warning(self):
		self.serve(forbidden=["demographics"])
		run = self.run_doctor()
		self.assertEqual(len(run.warnings), 1, run.err)
		self.assertRegex(run.warnings[0], r"\Ademographics: .*Student Data \(STU\)")

	def test_optional_collection_that_is_wanted_is_required(self):
		self.serve(forbidden=["demographics"])
		self.assertRegex(self.run_doctor("--collections", "core,demographics", expect=5).error, "demographics")

	def test_collection_that_may_be_missing_is_not_required(self):
		self.serve(forbidden=["demographics"])
		config = self.write("doctor.ini", f"collections = core, demographics\nallow-missing = demographics\n"
			f"output = {self.zip}\n")
		self.run_doctor("--config", config)

	def test_users_are_joined_from_students_and_teachers(self):
		self.serve(forbidden=["users"])
		found, run = self.examine()
		self.assertEqual(self.by_name["users"]["status"], "joined")
		self.assertRegex(run.warnings[0], "Teacher/Staff.*joins it from other addresses")

	def test_classes_are_joined_from_the_schools(self):
		self.serve(faults=[{"match": "classes", "first": 1, "do": {"status": 403}}])
		self.examine()
		self.assertEqual(self.by_name["classes"]["status"], "joined")

	def test_scope_withheld(self):
		self.serve(scopes_granted=["roster-core.readonly"])
		found, run = self.examine(expect=5)
		self.assertEqual({s.rsplit("/", 1)[1] for s in found["login"]["scopes-withheld"]}, {"roster.readonly",
			"roster-demographics.readonly", "gradebook.readonly", "resource.readonly"})
		self.assertRegex(run.error, r"\Aenrollments: .*Classes \(SEC\)")
		self.assertRegex(self.by_name["demographics"]["problem"], r"did not get the scope roster-demographics\.readonly")

	def test_scopes_of_other_collections_refused_leave_the_rest_alone(self):
		self.serve(scopes_refused=["gradebook.readonly", "resource.readonly", "roster-demographics.readonly"])
		self.examine()
		self.assertEqual([self.by_name[n]["status"] for n in CORE], ["ok"] * 6)
		self.assertEqual(self.by_name["categories"]["status"], "refused")

	def test_collection_not_offered(self):
		self.serve({"with": ["demographics"]})
		_, run = self.examine()
		self.assertEqual(self.by_name["resources"]["status"], "missing")
		self.assertEqual(run.warnings, [])

	def test_nothing_shared(self):
		names = ("users", "classes", "enrollments")
		self.serve(faults=[{"match": name, "do": {"status": 200, "body": json.dumps({name: []})}} for name in names])
		_, run = self.examine(expect=3)
		self.assertEqual(self.by_name["users"]["status"], "empty")
		self.assertRegex(run.error, "no row.*shares nothing")
		config = self.write("doctor.ini", "allow-empty = users, classes, enrollments\n")
		self.run_doctor("--config", config)


class Manners(DoctorCase):
	"""What servers do in their own way."""

	def test_cap(self):
		self.serve(cap=20)
		users, _ = self.one("users")
		self.assert_verdicts(users, cap=20, rows=60, **{"cap-kind": "seen", "rows-exact": True})

	def test_cap_without_a_total(self):
		self.serve(cap=20, total=False)
		users, _ = self.one("users")
		self.assert_verdicts(users, cap=20, total="no", **{"cap-kind": "seen", "rows-exact": False})
		self.assertGreater(users["rows"], 20)

	def test_cap_in_the_link_of_a_page_that_is_cut_off(self):
		self.serve({"users": 4000}, cap=800, fields_supported=False)
		users, _ = self.one("users")
		self.assert_verdicts(users, cap=800, rows=4000, fields="no", **{"cap-kind": "seen"})

	def test_no_cap_below_the_page_size(self):
		self.serve({"users": 400}, cap=300)
		users, _ = self.one("users", "--page-size", 200)
		self.assert_verdicts(users, cap=200, rows=400, **{"cap-kind": "above"})

	def test_rows_counted_without_a_total(self):
		self.serve(total=False, link=False)
		users, _ = self.one("users")
		self.assert_verdicts(users, rows=60, total="no", link="no", **{"cap-kind": "unknown", "rows-exact": True})

	def test_limit_ignored(self):
		self.serve({"users": 500}, ignore_limit=True)
		users, _ = self.one("users")
		self.assert_verdicts(users, rows=500, cap=None, status="ok", **{"cap-kind": "all"})

	def test_large_pages_refused(self):
		for status in (400, 413, 504):
			with self.subTest(status=status):
				self.serve(when_limit_over=100, limit_over_status=status)
				users, _ = self.one("users")
				self.assert_verdicts(users, cap=1000, status="ok", **{"cap-kind": "refused"})
				self.assertRegex(users["notes"][0], "1000 rows is too much")

	def test_totals(self):
		for total, body, wanted in ((True, False, "yes"), (False, False, "no"), (False, True, "own"),
				("short", False, "wrong"), ("wrong", False, "wrong"), ("page", False, "wrong")):
			with self.subTest(total=total, body=body):
				self.serve(total=total, body_total=body)
				users, _ = self.one("users")
				self.assert_verdicts(users, total=wanted, rows=60, **{"rows-exact": True})

	def test_links(self):
		for link, wanted in ((True, "yes"), (False, "no"), ("bare", "yes"), ("relative", "yes"), ("cursor", "own"),
				("lines", "yes"), ("loop", "yes")):
			with self.subTest(link=link):
				self.serve(link=link, cap=25)
				users, _ = self.one("users")
				self.assert_verdicts(users, link=wanted, status="ok", offset="own" if link == "cursor" else "yes",
					cap=25)

	def test_sort(self):
		for supported, order, wanted in ((True, "id", "yes"), (False, "shuffled", "no"), ("error", "shuffled", "error")):
			with self.subTest(supported=supported):
				self.serve(sort_supported=supported, order=order)
				users, _ = self.one("users")
				self.assert_verdicts(users, sort=wanted, offset="yes")

	def test_sort_by_other_rules(self):
		records = [{"sourcedId": i, "status": "active", "title": "Sample", "dateLastModified": "2025-05-01T05:00:20.097Z"}
			for i in ("b", "C", "aa", "D", "a")]
		self.serve({"categories": 1}, collation="nocase", records={"categories": records})
		found, _ = self.one("categories")
		self.assert_verdicts(found, sort="own")

	def test_rows_listed_twice(self):
		records = [{"sourcedId": "C1", "status": "active", "title": "Sample", "dateLastModified": f"2025-05-0{d}T05:00:20.097Z"}
			for d in (1, 2)]
		self.serve({"categories": 3}, records={"categories": records + records})
		found, _ = self.one("categories")
		self.assert_verdicts(found, status="ok", **dict.fromkeys(VERDICTS, "yes"))

	def test_filter_and_fields(self):
		for how, wanted in ((True, "yes"), (False, "no"), ("error", "error")):
			with self.subTest(how=how):
				self.serve(filter_supported=how, fields_supported=how)
				users, _ = self.one("users")
				self.assert_verdicts(users, filter=wanted, fields=wanted)

	def test_offset_ignored(self):
		self.serve({"users": 500}, ignore_offset=True, cap=50)
		users, run = self.one("users", expect=5)
		self.assert_verdicts(users, offset="no", status="trouble")
		self.assertRegex(run.error, r"\Ausers: .*ignores the offset")

	def test_order_that_changes_each_time(self):
		self.serve({"users": 2000}, order="unstable")
		users, _ = self.one("users")
		self.assert_verdicts(users, offset="wrong", sort="unknown")
		self.assertRegex(users["notes"][0], "another order")

	def test_clock(self):
		for skew, said in ((0, False), (240, False), (400, True), (-7200, True)):
			with self.subTest(skew=skew):
				self.serve(clock_skew=skew)
				found, run = self.examine("--collections", "orgs")
				self.assertLessEqual(abs(found["clock-ahead"] - skew), 5)
				self.assertEqual([w.startswith("clock: ") for w in run.warnings], [True] * said)

	def test_passing_trouble_is_waited_for(self):
		self.serve(faults=[{"match": "users", "first": 1, "do": {"status": 503}}], retry_after=0)
		users, _ = self.one("users")
		self.assertEqual(users["status"], "ok")

	def test_token_that_ends_in_between(self):
		self.serve(faults=[{"match": "courses", "nth": [2], "do": {"status": 401, "drop_token": True}}])
		courses, _ = self.one("courses")
		self.assert_verdicts(courses, status="ok", offset="yes")

	def test_answers_of_no_use(self):
		for do, said in (({"html": True}, "web page"), ({"error_object": True}, "holds no list"), ({"status": 418}, "418")):
			with self.subTest(do=do):
				self.serve(faults=[{"match": "courses", "do": do}])
				_, run = self.examine(expect=5)
				self.assertEqual(self.by_name["courses"]["status"], "trouble")
				self.assertRegex(run.error, r"\Acourses: .*" + said)
				self.assertEqual(self.by_name["results"]["status"], "ok")


class Way(DoctorCase):
	"""The way to the server."""

	def test_wrong_secret(self):
		self.serve(client_secret="ab" * 32)
		run = self.run_doctor(expect=4)
		self.assertRegex(run.error, "refuses")
		self.assertRegex(run.out, r"(?m)^Login .*failed")

	def test_wrong_secret_as_json(self):
		self.serve(client_secret="ab" * 32)
		found, _ = self.examine(expect=4)
		self.assertEqual((found["error"]["kind"], found["login"]["done"]), ("login", False))
		self.assertEqual({c["status"] for c in found["collections"]}, {"unasked"})

	def test_wrong_address(self):
		self.serve()
		self.run_doctor(expect=5, url=self.sis.root + "/elsewhere")

	def test_wrong_address_without_a_login(self):
		self.serve(login="none")
		run = self.run_doctor("--auth", "none", expect=5, url=self.sis.root + "/elsewhere", login=False)
		self.assertRegex(run.error, "address is wrong: check url")

	def test_nobody_there(self):
		with socket.socket() as s:
			s.bind(("127.0.0.1", 0))
			url = f"http://127.0.0.1:{s.getsockname()[1]}/aeries"
		found, _ = self.examine("--auth", "none", "--retry-time", "0s", expect=5, url=url, login=False)
		self.assertEqual(found["collections"][0]["status"], "trouble")
		self.assertEqual({c["status"] for c in found["collections"][1:]}, {"unasked"})

	def test_bearer(self):
		self.serve(login="bearer")
		token = self.write("bearer", BEARER + "\n", 0o600)
		found, _ = self.examine("--auth", "bearer", "--bearer-token-file", token, login=False)
		self.assertEqual(found["login"]["way"], "bearer")
		wrong = self.write("wrong", "ab" * 32 + "\n", 0o600)
		run = self.run_doctor("--auth", "bearer", "--bearer-token-file", wrong, expect=4, login=False)
		self.assertRegex(run.error, "bearer token")

	def test_oauth1(self):
		self.serve(login="oauth1")
		found, _ = self.examine("--auth", "oauth1")
		self.assertEqual(found["login"]["way"], "oauth1")

	def test_help_fits_and_explains(self):
		run = self.program(["help", "doctor"])
		self.assertEqual(run.code, 0)
		self.assertLessEqual(max(map(len, run.out.splitlines())), 80)
		for word in ("--json", "64 KiB", "--url", "Exit status"):
			self.assertIn(word, run.out)
		self.assertNotIn("--output", run.out)

	def test_options_of_other_commands(self):
		self.assertEqual(self.program(["export", "--json"]).code, 2)
		self.serve()
		self.run_doctor("--from-pages", self.folder, expect=2)
		self.run_doctor("--output", self.zip, expect=2)


if __name__ == "__main__":
	sys.exit(unittest.main())

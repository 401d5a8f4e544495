"""mode = delta: bundles of what changed, by dateLastModified.

What a delta must hold is worked out from the rosters on both sides of it; delta.py, made from the standard's words
alone, applies it to the full bundle before.
"""

import json
import os
import time
import unittest

import delta
import snapshots
from harness import CORE, Case, columns
from roster import CLASS, COURSE, DISTRICT, SCHOOL, Roster, RosterServer, refer

DAY = 24 * 60 * 60
MARGIN = 10 * 60  # how far a delta since the last one reaches back behind it
NEEDED_WHOLE = ("orgs", "classes")  # addresses are made of the one, values filled from the other


def moment(seconds):
	whole = int(seconds)
	return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((seconds - whole) * 1000):03d}Z"


class Changing(Case):
	"""A test with a roster that changes, and its server."""

	def setUp(self):
		super().setUp()
		self.roster = Roster()
		for rows in self.roster.tables.values():  # one after the other, as they were entered
			for n, row in enumerate(rows.values()):
				row["dateLastModified"] = f"2025-06-{n % 28 + 1:02d}T{n // 28:02d}:00:00.000Z"
		self.server = RosterServer(self.roster)
		self.addCleanup(self.server.close)
		self.url = self.server.url
		self.collections = CORE
		self.changes = self.path("out", "changes.zip")
		self.changed = {}  # what the next delta must hold: (table, id): deleted

	# runs

	def run_export(self, *extra, expect=0, config=None, login=(), scenario=None):
		self.server.show(self.roster, **(scenario or {}))
		since = len(self.server.log)
		if config:
			arguments = ["export", "--config", config, "--report", self.report, *extra]
		else:
			arguments = self.arguments(*(login or ["--auth", "none"]), "--collections", ",".join(self.collections), *extra,
				login=bool(login))
		run = self.program([str(word) for word in arguments])
		self.assertEqual(run.code, expect, run.shown)
		run.pages = self.server.pages(since)
		return run

	def full(self, *extra, **how):
		"""A full bundle, which is the truth."""
		run = self.run_export(*extra, **how)
		self.assert_files(self.bundle(), self.roster.truth(self.collections))
		return run

	def delta(self, *extra, since="last", **how):
		return self.run_export("--mode", "delta", "--since", since, "--output", self.changes, *extra, **how)

	# changes

	def change(self, table, key, at=None, deleted=False, **values):
		"""Changes a row now, or adds it."""
		row = self.roster.tables[table].setdefault(key, {"sourcedId": key})
		row.update(values, status="tobedeleted" if deleted else "active",
			dateLastModified=moment(time.time()) if at is None else at)
		self.changed[table, key] = deleted

	def user(self, key, at=None):
		self.roster.add_user(key, "student", 4000 + len(self.roster.tables["users"]))
		self.change("users", key, at)

	def some_changes(self, at=None):
		self.change("users", "STU_003", at, givenName="Other")
		self.user("STU_900", at)
		self.change("enrollments", "E004", at, deleted=True)
		self.change("enrollments", "E900", at, **{"class": refer(CLASS)}, school=refer(SCHOOL), user=refer("STU_900"),
			role="student")
		self.change("classes", "K05", at, title="Another title")
		self.change("courses", "C03", at, title="Another course")
		self.change("users", "STU_098", at, deleted=True)
		for key, row in list(self.roster.tables["enrollments"].items()):
			if row["user"] == refer("STU_098"):
				self.change("enrollments", key, at, deleted=True)

	# questions

	def rows(self, path=None):
		"""The rows of a delta: (table, id): row."""
		files = delta.read(path or self.changes)
		for table, mode in delta.modes(files).items():
			self.assertIn(mode, ("absent", "delta"), table)
		return {(name[:-4], row["sourcedId"]): row for name, data in files.items() if name != "manifest.csv"
			for row in columns(data)}

	def assert_changes(self, path=None):
		"""The delta holds exactly what changed, each row as it should, and the program's own judge takes it."""
		found = self.rows(path)
		self.assertEqual({key: row["status"] == "tobedeleted" for key, row in found.items()}, self.changed)
		for row in found.values():
			self.assertIn(row["status"], ("active", "tobedeleted"))
			self.assertRegex(row["dateLastModified"], delta.MOMENT)
		judged = self.program(["validate", path or self.changes])
		self.assertEqual(judged.code, 0, judged.shown)
		self.changed = {}
		return found

	def assert_applies(self, old, path=None):
		"""The delta turns the full bundle old into the one of the roster as it is now."""
		now = self.path("now.zip")
		snapshots.store(self.roster.truth(self.collections), now)
		have, want = delta.apply(delta.bulk(old), path or self.changes), delta.bulk(now)
		for table in delta.FILES:
			for rows in (have[table], want[table]):
				for row in rows.values():
					row["status"] = row["dateLastModified"] = ""
			self.assertEqual(have[table], want[table], table)

	def record(self, name="bundle"):
		with open(os.path.join(self.state, "published", name + ".json"), encoding="utf-8") as f:
			return json.load(f)

	@staticmethod
	def filters(run):
		"""What was asked for of each table: its filters."""
		found = {}
		for path, query, _ in run.pages:
			found.setdefault(path, set()).add(query.get("filter"))
		return found

	@staticmethod
	def received(run, table):
		return sum(entry["rows"] or 0 for path, _, entry in run.pages if path == table)

	def config(self, text, top=""):
		return self.write("run.conf", f"url = {self.url}\nauth = none\nstate-dir = {self.state}\n"
			f"collections = {', '.join(self.collections)}\n{top}\n{text}")


class Since(Changing):
	def test_a_full_bundle_and_what_changed(self):
		self.full()
		self.some_changes()
		run = self.delta()
		wanted = dict(self.changed)
		found = self.assert_changes()
		self.assert_applies(self.zip)
		self.assertEqual(found["users", "STU_003"]["givenName"], "Other")
		self.assertEqual(found["users", "STU_003"]["dateLastModified"],
			self.roster.tables["users"]["STU_003"]["dateLastModified"])
		self.assertEqual(sorted(self.bundle(self.changes)),
			["classes.csv", "courses.csv", "enrollments.csv", "manifest.csv", "users.csv"])
		bundle = run.report["bundles"][0]
		self.assertEqual({f["file"]: f["rows"] for f in bundle["files"] if f["mode"] == "delta"},
			{t + ".csv": sum(table == t for table, _ in wanted) for t in ("courses", "classes", "users", "enrollments")})
		self.assertEqual({f["mode"] for f in bundle["files"]}, {"delta", "absent"})
		self.assertEqual(bundle["delta"]["undated"], 0)
		self.assertRegex(bundle["delta"]["since"], delta.MOMENT)
		self.assertIn(f"changed since {bundle['delta']['since']}", run.out)
		self.assertEqual(run.warnings, [])

	def test_one_after_the_other(self):
		self.full()
		for n in range(3):
			self.user(f"STU_91{n}", moment(time.time() + n * DAY + DAY / 2))
			self.change("classes", f"K1{n}", moment(time.time() + n * DAY + DAY / 2), title=f"Title {n}")
			self.delta(scenario={"clock_skew": (n + 1) * DAY})
			self.assert_changes()

	def test_the_clock_is_the_server_s(self):
		for skew in (-5 * DAY, 5 * DAY):
			with self.subTest(skew):
				self.state = self.path(f"state{skew}")
				scenario = {"clock_skew": skew}
				self.full(scenario=scenario)
				self.assertAlmostEqual(self.record()["server-clock"], time.time() + skew, delta=30)
				self.change("users", "STU_001", moment(time.time() + skew), givenName=f"Given{skew}")
				self.change("users", "STU_002", moment(time.time() + skew - MARGIN + 60), givenName=f"Given{skew}")
				self.roster.tables["users"]["STU_004"]["dateLastModified"] = moment(time.time() + skew - MARGIN - 60)
				self.delta(scenario=scenario)
				self.assert_changes()
				self.roster.tables["users"]["STU_001"]["dateLastModified"] = "2025-06-01T00:00:00Z"
				self.roster.tables["users"]["STU_002"]["dateLastModified"] = "2025-06-01T00:00:00Z"

	def test_the_first_one_holds_everything(self):
		self.change("enrollments", "E004", "2025-06-01T00:00:00.000Z", deleted=True)
		run = self.delta()
		self.assertIn("the delta holds everything", run.out)
		self.assertIsNone(run.report["bundles"][0]["delta"]["since"])
		found = self.rows()
		for table, rows in self.roster.tables.items():
			if table in CORE:
				for key in rows:
					self.assertIn((table, key), found)
		self.assertEqual(found["enrollments", "E004"]["status"], "tobedeleted")
		self.assertEqual(self.program(["validate", self.changes]).code, 0)
		self.assertEqual(set(self.filters(run)["users"]), {None})
		self.changed = {}
		self.some_changes()
		self.delta()
		self.assert_changes()

	def test_a_moment(self):
		"""From that moment on, itself included, in whatever way it and the rows are written."""
		for since in ("2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01T02:00:00.000+02:00", "2026-02-28 19:00:00-05:00"):
			with self.subTest(since):
				self.change("users", "STU_001", "2026-03-01T00:00:00.000Z")
				self.change("users", "STU_002", "2026-03-01T02:00:00+02:00")
				self.change("users", "STU_003", "2026-03-01T00:00:00")
				self.change("users", "STU_004", "2026-03-01")
				for key, at in (("STU_005", "2026-02-28T23:59:59.999Z"), ("STU_006", "2026-03-01T01:59:59+02:00")):
					self.roster.tables["users"][key]["dateLastModified"] = at
				self.delta(since=since)
				found = self.assert_changes()
				self.assertEqual({row["dateLastModified"] for row in found.values()}, {"2026-03-01T00:00:00.000Z"})

	def test_rows_without_a_date(self):
		self.roster.tables["users"]["STU_001"]["dateLastModified"] = None
		self.roster.tables["users"]["STU_002"]["dateLastModified"] = "yesterday"
		del self.roster.tables["users"]["STU_003"]["dateLastModified"]
		self.full()
		for skew in (0, 3 * DAY):
			with self.subTest(skew):
				before = int(time.time()) + skew
				run = self.delta(scenario={"clock_skew": skew})
				self.changed = {("users", f"STU_00{n}"): False for n in (1, 2, 3)}
				found = self.assert_changes()
				for row in found.values():
					self.assertLessEqual(moment(before - 2), row["dateLastModified"])
					self.assertLessEqual(row["dateLastModified"], moment(time.time() + skew + 2))
				self.assertEqual(run.report["bundles"][0]["delta"]["undated"], 3)
				self.assertTrue([line for line in run.warnings if "dateLastModified, 3 cells" in line], run.shown)
				self.assertEqual(self.filters(run)["users"], {None}, "a filter would keep them out")

	def test_words_of_status(self):
		self.full()
		self.change("users", "STU_001", status=None)
		for key, status in (("STU_001", None), ("STU_002", "Inactive"), ("STU_003", "ToBeDeleted"), ("STU_004", "dormant")):
			self.change("users", key, deleted=status in ("Inactive", "ToBeDeleted"))
			self.roster.tables["users"][key]["status"] = status
		self.delta()
		self.assert_changes()

	def test_deleted_rows_need_little_more_than_an_id(self):
		self.full()
		self.roster.tables["users"]["STU_007"] = {"sourcedId": "STU_007"}
		self.change("users", "STU_007", deleted=True)
		self.delta()
		self.assert_changes()
		self.roster.tables["users"]["STU_008"].pop("givenName")
		self.change("users", "STU_008")
		run = self.delta(expect=3)
		self.assertRegex(run.error, r"users\.csv: column givenName, 1 rows")

	def test_references_are_not_judged(self):
		self.full()
		self.change("enrollments", "E001", user=refer("nobody-here"))
		for dangling in ("fail", "drop"):
			with self.subTest(dangling):
				self.changed["enrollments", "E001"] = False
				self.state, kept = self.path("state-" + dangling), self.state
				os.rename(kept, self.state)
				self.delta("--dangling", dangling)
				found = self.assert_changes()
				self.assertEqual(found["enrollments", "E001"]["userSourcedId"], "nobody-here")

	def test_values_filled_from_rows_that_did_not_change(self):
		for row in self.roster.tables["enrollments"].values():
			row.pop("school")
		self.full()
		self.delta()
		self.change("enrollments", "E001")
		run = self.delta()
		found = self.assert_changes()
		self.assertEqual(found["enrollments", "E001"]["schoolSourcedId"], SCHOOL)
		self.assertIsNotNone(self.filters(run)["enrollments"].pop(), "not asked for by date")
		filled = [f for f in run.report["bundles"][0]["findings"] if f["rule"] == "field.filled"]
		self.assertEqual([(f["column"], f["cells"]) for f in filled], [("schoolSourcedId", 1)])

	def test_a_file_that_the_bundle_before_was_without(self):
		"""Nobody has its rows yet, however long ago they changed."""
		self.roster.add("categories", "G1", title="Sample")
		self.full()
		self.user("STU_950")
		self.collections = CORE + ["categories"]
		run = self.delta()
		self.changed["categories", "G1"] = False
		self.assert_changes()
		self.assertIn("all of categories.csv", run.out)
		self.assertEqual(run.report["bundles"][0]["delta"]["whole"], ["categories.csv"])
		for refused in (True, False):
			self.user(f"STU_96{refused:d}")
			self.change("categories", "G2", "2026-01-01T00:00:00.000Z", title=f"Sample {refused}")
			self.delta("--allow-missing", "categories", scenario={"forbidden": ["categories"]} if refused else {})
			self.assertEqual(("categories", "G1") in self.rows(), not refused)
			self.assertEqual(("categories", "G2") in self.rows(), not refused)
		os.unlink(self.changes)
		run = self.delta()
		self.assertEqual({table for table, _ in self.rows()}, {"users"})
		self.assertEqual(run.report["bundles"][0]["delta"]["whole"], [])

	def test_files_made_of_others(self):
		self.collections = CORE + ["resources", "courseResources"]
		district = {"district": {**DISTRICT, "resources": 3, "with": "resources"}}
		self.roster.tables["resources"] = {}
		for n in range(4):
			self.roster.add("resources", f"R{n}", vendorResourceId=f"V{n}", title=f"Resource {n}")
		for key in ("C01", "C02"):
			self.roster.tables["courses"][key]["resources"] = [refer("R0"), refer("R1")]
		self.run_export(scenario=district)
		self.delta(scenario=district)
		self.change("courses", "C02", resources=[refer("R0"), refer("R1"), refer("R2")])
		run = self.delta(scenario=district)
		found = self.rows()
		self.assertEqual({row["resourceSourcedId"] for (table, _), row in found.items() if table == "courseResources"},
			{"R0", "R1", "R2"})
		self.assertEqual({row["courseSourcedId"] for (table, _), row in found.items() if table == "courseResources"}, {"C02"})
		self.assertIsNotNone(self.filters(run)["courses"].pop())


class Nothing(Changing):
	def test_nothing_has_changed(self):
		self.full()
		clock = self.record()["server-clock"]
		for n in (1, 2):
			run = self.delta(scenario={"clock_skew": n * DAY})
			self.assertRegex(run.out, "^nothing has changed, so not published: .*changes.zip")
			self.assertFalse(os.path.exists(self.changes))
			self.assertGreater(self.record()["server-clock"], clock + n * DAY - 10)
			self.assertEqual((run.report["bundles"][0]["published"], run.report["bundles"][0]["unchanged"]), (False, True))
		# dated before the run that found nothing: it would have been in that
		self.roster.tables["users"]["STU_001"]["dateLastModified"] = moment(time.time() + DAY)
		self.change("users", "STU_002", moment(time.time() + 2 * DAY))
		self.delta(scenario={"clock_skew": 3 * DAY})
		self.assert_changes()

	def test_the_same_changes_once_more(self):
		"""A delta that is still where it was put is not put there again; one that was taken away is."""
		self.full()
		self.some_changes()
		wanted = dict(self.changed)
		self.delta()
		before = self.mark(self.changes)
		run = self.delta()  # the margin reaches back over them
		self.assertRegex(run.out, "^unchanged, so not published again: ")
		self.assertEqual(self.mark(self.changes), before)
		os.unlink(self.changes)
		self.delta()
		self.changed = wanted
		self.assert_changes()
		os.unlink(self.changes)
		run = self.delta(scenario={"clock_skew": DAY})
		self.assertTrue(os.path.exists(self.changes), "the run before moved on by no more than seconds")
		os.unlink(self.changes)
		run = self.delta(scenario={"clock_skew": DAY})
		self.assertRegex(run.out, "^nothing has changed")

	def test_files_without_rows(self):
		self.full()
		self.change("users", "STU_001")
		self.delta("--empty", "header")
		files = self.bundle(self.changes)
		self.assertEqual(sorted(files), sorted(["manifest.csv"] + [table + ".csv" for table in CORE]))
		self.assertEqual(len(columns(files["orgs.csv"])), 0)
		self.assert_changes()

	def test_a_receiver_that_asks_for_files(self):
		"""Those without a change have their header, and the receiver is content."""
		self.run_export("--consumer", "great-minds")
		self.change("users", "STU_001")
		self.delta("--consumer", "great-minds")
		self.assertEqual(columns(self.bundle(self.changes)["orgs.csv"]), [])
		judged = self.program(["validate", "--consumer", "great-minds", self.changes])
		self.assertEqual(judged.code, 0, judged.shown)
		self.assert_changes()

	def test_nothing_at_all_before(self):
		run = self.delta(since="2026-01-01")
		self.assertRegex(run.out, "^nothing has changed")
		self.assertFalse(os.path.exists(self.changes))


class Failing(Changing):
	def test_a_run_that_fails_loses_nothing(self):
		self.full()
		self.some_changes()
		record = self.record()
		broken = {"clock_skew": DAY, "faults": [{"match": "enrollments", "do": {"status": 500}}]}
		run = self.delta("--retry-time", "0s", expect=5, scenario=broken)
		self.assertFalse(os.path.exists(self.changes))
		self.assertEqual(self.record(), record)
		self.assertEqual(run.out, "")
		self.user("STU_920")
		self.roster.tables["users"]["STU_920"].pop("familyName")
		self.delta(expect=3, scenario={"clock_skew": DAY})
		self.assertEqual(self.record(), record)
		self.change("users", "STU_920", familyName="Sample")
		self.delta(scenario={"clock_skew": DAY})
		self.assert_changes()
		self.assert_applies(self.zip)

	def test_going_on_with_a_run_that_was_cut_off(self):
		"""The pages kept were read when that run began, and so the next delta has to begin there."""
		self.full()
		self.delta()
		self.some_changes()
		wanted = dict(self.changed)
		broken = {"faults": [{"match": "enrollments", "do": {"status": 500}}]}
		began = time.time()
		self.delta("--resume", "1h", "--retry-time", "0s", expect=5, scenario=broken)
		ended = time.time()
		self.until("the clock moves on", lambda: time.time() > ended + 1.1)
		run = self.delta("--resume", "1h")
		self.assertEqual({path for path, _, _ in run.pages}, {"enrollments"})
		self.assertIsNotNone(self.filters(run)["enrollments"].pop())
		self.assert_changes()
		self.assertLessEqual(self.record()["server-clock"], ended + 0.1)
		self.assertGreaterEqual(self.record()["server-clock"], began - 2)
		self.assertEqual(os.path.exists(os.path.join(self.state, "pages")), False)
		# pages of what changed serve no run that wants more
		self.delta("--resume", "1h", "--retry-time", "0s", expect=5, scenario=broken)
		run = self.delta("--resume", "1h", "-v", since="2025-06-20")
		self.assertIn("read with other settings", run.err)
		self.assertIn("users", {path for path, _, _ in run.pages})
		os.unlink(self.zip)
		self.delta("--resume", "1h", "--retry-time", "0s", expect=5, scenario=broken)
		run = self.full("--resume", "1h", "--output", self.zip)
		self.assertIn("users", {path for path, _, _ in run.pages})
		self.delta("--resume", "1h", "--retry-time", "0s", expect=5, scenario=broken)
		run = self.run_export("--from-pages", os.path.join(self.state, "pages"), expect=5)
		self.assertRegex(run.error, "the pages that were kept hold only what changed since")
		self.assertTrue(wanted)

	def test_pages_that_are_kept_for_good_are_whole(self):
		self.full()
		self.delta()
		self.some_changes()
		wanted = dict(self.changed)
		run = self.delta("--save-pages", self.path("pages"))
		self.assertEqual({f for filters in self.filters(run).values() for f in filters}, {None})
		self.assert_changes()
		run = self.run_export("--from-pages", self.path("pages"))
		self.assert_files(self.bundle(), self.roster.truth(CORE))
		self.assertEqual(run.pages, [])
		os.unlink(self.changes)
		self.state = self.path("other-state")
		run = self.delta("--from-pages", self.path("pages"), since=moment(time.time() - DAY))
		self.changed = wanted
		self.assert_changes()
		self.assertEqual(run.pages, [])


class Filters(Changing):
	"""What the server is asked for; whatever it makes of it, the delta is the same."""

	def begun(self, **scenario):
		"""A state folder in which everything is known that a filter needs."""
		self.full(scenario=scenario)

	def test_asked_for_what_changed(self):
		self.begun()
		self.some_changes()
		run = self.delta()
		self.assert_changes()
		for table, filters in self.filters(run).items():
			with self.subTest(table):
				if table in NEEDED_WHOLE:
					self.assertEqual(filters, {None})
					continue
				self.assertEqual(len(filters), 1)
				self.assertRegex(filters.pop(), rf"^dateLastModified>='{delta.MOMENT.pattern}'$")
		self.assertLess(self.received(run, "users"), 20)
		self.assertLess(self.received(run, "enrollments"), 20)
		for path, query, entry in run.pages:
			if "filter" in query:
				self.assertRegex(entry["path"], r"&filter=dateLastModified%3E%3D%27[-.%0-9ATZ]+%27$")
		since = {c["name"]: c["since"] for c in run.report["collections"]}
		self.assertIsNone(since["classes"])
		self.assertRegex(since["users"], delta.MOMENT)

	def test_reaches_back_a_day_or_to_the_newest_row(self):
		self.begun()
		self.change("users", "STU_001")
		self.delta(scenario={"clock_skew": 5 * DAY})
		self.assert_changes()
		self.change("users", "STU_002", moment(time.time() + 6 * DAY))
		run = self.delta(scenario={"clock_skew": 6 * DAY})
		self.assert_changes()
		asked = self.filters(run)
		newest = self.roster.tables["users"]["STU_001"]["dateLastModified"]
		self.assertEqual(asked["users"], {f"dateLastModified>='{newest}'"})
		run = self.delta(scenario={"clock_skew": 9 * DAY})
		newest = self.roster.tables["users"]["STU_002"]["dateLastModified"]
		self.assertLess(self.filters(run)["users"].pop(), f"dateLastModified>='{newest}'")

	def test_servers_of_every_sort(self):
		cases = {
			"ignored": {"filter_supported": False}, "refused": {"filter_supported": "error"},
			"nothing ever passes": {"filter_supported": "nothing"}, "total of all rows": {"filter_supported": "total"},
			"links without it": {"filter_supported": "lost", "link": "cursor", "total": False},
			"cursor": {"link": "cursor"}, "no sort": {"sort_supported": "error"},
			"neither": {"sort_supported": "error", "filter_supported": "error"},
			"no total": {"total": False, "link": False}, "one page": {"ignore_limit": True},
			"500": {"faults": [{"match": "users", "nth": [1, 2], "do": {"status": 500}}]},
			"404": {"faults": [{"match": "users", "nth": [1], "do": {"status": 404}}]},
			"403": {"faults": [{"match": "users", "nth": [1], "do": {"status": 403}}]},
			"shuffled": {"order": "shuffled"},
		}
		self.begun()
		self.change("users", "STU_001", "2026-03-01T00:00:00.000Z")
		self.some_changes("2026-03-01T00:00:00.000Z")
		wanted, bytes_wanted = dict(self.changed), None
		record = os.path.join(self.state, "published", "bundle.json")
		with open(record, encoding="utf-8") as f:
			kept = f.read()
		for name, scenario in cases.items():
			with self.subTest(name):
				with open(record, "w", encoding="utf-8") as f:
					f.write(kept)
				self.changed = dict(wanted)
				run = self.delta("--page-size", 7, since="2026-03-01", scenario=scenario)
				self.assert_changes()
				data = self.mark(self.changes)[3]
				bytes_wanted = bytes_wanted or data
				self.assertEqual(data, bytes_wanted)
				os.unlink(self.changes)
				self.assertEqual(run.warnings, [])
				if name in ("no sort", "cursor", "no total", "one page"):
					self.assertEqual(self.received(run, "users") < 30, True, "the filter was given up without need")
				if name in ("ignored", "refused", "nothing ever passes", "total of all rows", "links without it", "500"):
					self.assertGreater(self.received(run, "users"), 100)

	def test_refused_first_and_then_in_trouble(self):
		"""What the server said to the filter is no reason to do without the table."""
		self.collections = CORE + ["demographics"]
		for n in range(3):
			self.roster.add("demographics", f"STU_00{n}", sex="female")
		self.begun()
		self.change("users", "STU_001")
		fault = [{"match": "demographics", "nth": [1], "do": {"status": 404}}, {"match": "demographics",
			"nth": list(range(2, 20)), "do": {"status": 500}}]
		self.delta("--allow-missing", "demographics", "--retry-time", "0s", scenario={"faults": fault}, expect=5)
		fault = [{"match": "demographics", "do": {"status": 403}}]
		run = self.delta("--allow-missing", "demographics", scenario={"faults": fault})
		self.assertEqual(self.filters(run)["demographics"], {None, max(filter(None, self.filters(run)["demographics"]))})
		self.assert_changes()

	def test_in_a_signed_request(self):
		login = ["--auth", "oauth1"]
		for method in ("HMAC-SHA1", "HMAC-SHA256"):
			with self.subTest(method):
				scenario = {"login": "oauth1", "oauth1_methods": [method]}
				self.state = self.path("state-" + method)
				self.run_export(login=login, scenario=scenario)
				self.change("users", "STU_001")
				run = self.delta(login=login, scenario=scenario)
				self.assert_changes()
				self.assertEqual({entry["status"] for _, _, entry in run.pages if entry["status"] not in (200, 401)}, set())
				self.assertIsNotNone(self.filters(run)["users"].pop())
				self.roster.tables["users"]["STU_001"]["dateLastModified"] = "2025-06-01T00:00:00Z"

	def test_a_table_that_had_rows_without_a_date(self):
		self.roster.tables["users"]["STU_001"]["dateLastModified"] = None
		self.begun()
		self.roster.tables["users"]["STU_001"]["dateLastModified"] = "2025-06-01T00:00:00Z"
		self.change("users", "STU_002")
		run = self.delta()
		self.assert_changes()
		self.assertEqual(self.filters(run)["users"], {None})
		self.assertIsNotNone(self.filters(run)["enrollments"].pop())
		run = self.delta()
		self.assertIsNotNone(self.filters(run)["users"].pop(), "now all have one")

	def test_joined_from_other_addresses(self):
		"""The parts are read whole."""
		self.begun()
		self.some_changes()
		run = self.delta(scenario={"missing": ["users"]})
		self.assert_changes()
		self.assertEqual(self.filters(run)["students"], {None})


class Together(Changing):
	def test_a_full_bundle_and_a_delta_from_one_read(self):
		config = self.config(f"[bundle full]\noutput = {self.zip}\n[bundle changes]\noutput = {self.changes}\n"
			"mode = delta\nsince = last\n")
		run = self.run_export(config=config)
		self.assertIn("the delta holds everything", run.out)
		requests = len(run.pages)
		old = self.path("old.zip")
		os.rename(self.zip, old)
		self.some_changes()
		run = self.run_export(config=config)
		self.assertEqual(len(run.pages), requests)
		self.assertEqual({f for filters in self.filters(run).values() for f in filters}, {None})
		self.assert_files(self.bundle(), self.roster.truth(CORE))
		self.assert_changes()
		self.assert_applies(old)

	def test_two_deltas(self):
		"""Each has its own beginning; what the server is asked for serves both."""
		first, second = self.path("out", "first.zip"), self.path("out", "second.zip")
		config = self.config(f"[bundle a]\noutput = {first}\nfiles = users\n"
			f"[bundle b]\noutput = {second}\nsince = 2026-01-01\n", "mode = delta\nsince = last")
		self.run_export(config=config)
		self.change("users", "STU_001", "2026-02-01T00:00:00.000Z")
		self.change("enrollments", "E001", "2026-02-01T00:00:00.000Z")
		self.run_export(config=config)
		self.assert_changes(second)
		self.user("STU_930")
		run = self.run_export(config=config)
		self.assertEqual(set(self.rows(first)), {("users", "STU_930")})
		self.assertEqual(set(self.rows(second)), {("users", "STU_930"), ("users", "STU_001"), ("enrollments", "E001")})
		filters = self.filters(run)
		self.assertLess(filters["users"].pop(), "dateLastModified>='2026-01-01'")
		self.assertIsNone(filters["classes"].pop())

	def test_the_guard_compares_full_bundles(self):
		self.full()
		self.roster.remove_students(10)
		self.user("STU_940")
		self.delta("--output", self.zip)  # in the very place of the full bundle
		self.roster.remove_students(16)
		run = self.run_export(expect=6)
		self.assertRegex(run.error, r"users\.csv had 120 rows")
		self.delta("--min-rows", "users=1000", since="2026-01-01")  # the guard has no say in deltas

	def test_a_full_bundle_after_deltas_alone(self):
		self.delta("--output", self.zip)
		run = self.full()
		self.assertRegex(run.out, "nothing to compare with")


class Told(Changing):
	def refuse(self, pattern, text, top=""):
		run = self.run_export(config=self.config(text, top), expect=2)
		self.assertRegex(run.error, pattern)
		self.assertEqual(run.pages, [])

	def test_settings_that_contradict_each_other(self):
		output = f"[bundle a]\noutput = {self.changes}\n"
		self.refuse("run.conf:8: `mode = delta` needs `since`", output + "mode = delta\n")
		self.refuse("run.conf:8: `since` is for `mode = delta` only", output + "since = last\n")
		self.refuse("`since` is for `mode = delta` only", output, "since = last")
		self.refuse("it is last, or a time", output + "mode = delta\nsince = yesterday\n")
		for line in ("schools = 994", "terms = current", "roles = student", "grades = 05", "enrolled-only = yes"):
			self.refuse(f"`{line.split()[0]}` does not go with `mode = delta`",
				output + f"mode = delta\nsince = last\n{line}\n")
		run = self.run_export("--mode", "delta", expect=2)
		self.assertRegex(run.error, "command line: `mode = delta` needs `since`")

	def test_a_beginning_above_the_sections(self):
		"""It is for those that are deltas."""
		config = self.config(f"[bundle full]\noutput = {self.zip}\n[bundle changes]\noutput = {self.changes}\nmode = delta\n",
			"since = last")
		self.run_export(config=config)
		self.assertTrue(os.path.exists(self.zip) and os.path.exists(self.changes))

	def test_course_of_a_class(self):
		"""A class whose course did not change comes alone."""
		self.full()
		self.change("classes", "K01", title="Sample")
		self.delta()
		found = self.assert_changes()
		self.assertEqual(found["classes", "K01"]["courseSourcedId"], COURSE)


if __name__ == "__main__":
	unittest.main()

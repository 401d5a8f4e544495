"""Collections that a server does not list as a whole: they are joined from the addresses that it has, with a warning."""

import re
import unittest

from harness import CORE, Case
from served import Served, state

SIZE = {"users": 80, "classes": 14, "courses": 9, "enrollments": 150, "lineItems": 16, "results": 60,
	"with": "categories,lineItems,results"}


def reference(record, name):
	return (record.get(name) or {}).get("sourcedId")


class Fallbacks(Case):
	def begin(self, refused, status=404, **scenario):
		"""A server that answers so at the address of a whole collection, but not below others."""
		faults = [{"match": name, "do": {"status": status}} for name in refused]
		self.served = Served({"district": SIZE, "faults": faults, "cap": 20, **scenario})
		self.addCleanup(self.served.close)
		self.url = self.served.url

	def asked(self):
		return {path for path, _, entry in self.served.pages() if entry["status"] == 200}

	def joined(self, run, name):
		"""It is told that and why the collection was joined, once; and in the report."""
		warnings = [warning for warning in run.warnings if re.match(f"{name}[, ].*other addresses", warning)]
		self.assertEqual(len(warnings), 1, run.shown)
		self.assertRegex(warnings[0], r"\(status [45][0-9]{2}.*missing")
		collection = run.collection(name)
		self.assertTrue(collection["complete"])
		self.assertRegex(collection["proof"], "joined")

	def good(self, names, *arguments, only=None, collections=CORE):
		run = self.export("--page-size", 15, "--dangling", "drop", *arguments)
		wanted = state(self.served.scenario, collections=collections, only=only)
		self.assert_files(self.bundle(), wanted)
		self.assert_clean()
		for name in names:
			self.joined(run, name)
		return run

	def test_users_from_students_and_teachers(self):
		for status in (404, 403, 501):
			with self.subTest(status):
				self.begin(["users"], status)
				self.good(["users"], only={"users": lambda record: record["role"] in ("student", "teacher")})
				self.assertLessEqual({"students", "teachers"}, self.asked())

	def test_academic_sessions_from_terms_and_grading_periods(self):
		self.begin(["academicSessions"])
		self.good(["academicSessions"],
			only={"academicSessions": lambda record: record["type"] in ("term", "gradingPeriod")})
		self.assertLessEqual({"terms", "gradingPeriods"}, self.asked())

	def test_orgs_from_schools(self):
		"""The district is not listed, but is named by others."""
		self.begin(["orgs"])
		run = self.export("--dangling", "keep")
		wanted = state(self.served.scenario)
		lines = wanted["orgs.csv"].split(b"\r\n")
		wanted["orgs.csv"] = b"\r\n".join(line for line in lines if b",district," not in line)
		self.assertEqual(len(lines), 1 + wanted["orgs.csv"].count(b"\r\n") + 1)
		self.assert_files(self.bundle(), wanted)
		self.joined(run, "orgs")
		self.assertTrue([warning for warning in run.warnings if "courses.csv: orgSourcedId" in warning], run.shown)

	def test_classes_of_each_school(self):
		self.begin(["classes"])
		self.good(["classes"])
		schools = {path for path in self.asked() if path.endswith("/classes")}
		self.assertEqual(len(schools), 3)
		self.assertFalse([path for path in self.asked() if path.startswith("schools/0/")], "the district is no school")

	def test_enrollments_of_each_school(self):
		self.begin(["enrollments"])
		self.good(["enrollments"])
		# more than one page of each, and every one of them proved
		offsets = [(path, query["offset"]) for path, query, _ in self.served.pages() if path.endswith("/enrollments")]
		self.assertGreater(len(offsets), 9)

	def test_courses_of_each_school(self):
		"""A course taught at two schools comes twice and stays once; one without classes is listed nowhere."""
		self.begin(["courses"])
		taught = {reference(record, "course") for record in self.records("classes")}
		self.assertNotEqual(taught, {record["sourcedId"] for record in self.records("courses")} - {None}, "too few courses")
		self.good(["courses"], only={"courses": lambda record: record["sourcedId"] in taught})

	def records(self, table):
		rows = self.served.sis.d
		return [rows.record(table, k) for k in rows.keys(table)]

	def test_line_items_and_results_of_each_class(self):
		collections = CORE + ["categories", "lineItems", "results"]
		self.begin(["lineItems", "results"])
		self.good(["lineItems", "results"], "--collections", ",".join(collections), collections=collections)

	def test_everything_that_can_be_joined_at_once(self):
		"""What is read by way of a table that was joined itself."""
		collections = CORE + ["categories", "lineItems", "results"]
		refused = ["academicSessions", "courses", "classes", "users", "enrollments", "lineItems", "results"]
		self.begin([], nested_only=refused)
		taught = {reference(record, "course") for record in self.records("classes")}
		self.good(refused, "--collections", ",".join(collections), collections=collections, only={
			"academicSessions": lambda record: record["type"] in ("term", "gradingPeriod"),
			"courses": lambda record: record["sourcedId"] in taught,
			"users": lambda record: record["role"] in ("student", "teacher"),
		})

	def test_no_fallback_for_trouble(self):
		"""A server in trouble has the collection; it only cannot give it now."""
		for do in ({"status": 500}, {"status": 503}, {"html": True}, {"close": True}):
			with self.subTest(do):
				self.begin([], faults=[{"match": "users", "do": do}])
				self.assert_fails(5, "users", "--retry-time", "1s")
				self.assertFalse(self.asked() & {"students", "teachers"})

	def test_no_fallback_once_rows_were_given(self):
		self.begin([], faults=[{"match": "users", "offset": n, "do": {"status": 403}} for n in range(1, 80)])
		self.assert_fails(5, "users", "--page-size", 15)
		self.assertFalse(self.asked() & {"students", "teachers"})

	def test_part_of_a_fallback_that_is_refused(self):
		"""Half of the users is not the users: what the first address said is told."""
		for part in ("teachers", "students"):
			with self.subTest(part):
				self.begin(["users", part], 403)
				run = self.assert_fails(5, "users.*403")
				self.assertIn("Student Data (STU)", run.error)

	def test_one_school_that_is_refused(self):
		"""The classes of two schools of three are not the classes."""
		self.begin([], faults=[{"match": "classes", "do": {"status": 404}},
			{"match": "schools", "nth": list(range(2, 40)), "do": {"status": 403}}])
		self.assert_fails(5, "classes")

	def test_refused_and_allowed_to_be_missing(self):
		self.begin([], forbidden=["lineItems", "results"])
		collections = CORE + ["categories"]
		run = self.export("--collections", ",".join(collections + ["lineItems", "results"]), "--allow-missing",
			"lineItems,results", "--dangling", "drop")
		self.assert_files(self.bundle(), state(self.served.scenario, collections=collections))
		self.assertEqual(len([w for w in run.warnings if "lineItems" in w or "results" in w]), 2, run.shown)

	def test_trouble_in_a_part_passes(self):
		self.begin(["enrollments"], chaos={"seed": 3, "rate": 0.2, "in_row": 1, "kinds": [503, 429, "cut", "close", 401]})
		self.good(["enrollments"], "--parallel", 4)

	def test_kept_pages_of_parts(self):
		"""Saved pages of a joined table make the same bundle again."""
		self.begin(["users", "enrollments"])
		saved = self.path("saved")
		self.good(["users", "enrollments"], "--save-pages", saved,
			only={"users": lambda record: record["role"] in ("student", "teacher")})
		first = self.mark(self.zip)[3]
		self.served.close()
		run = self.program(["export", "--from-pages", saved, "--output", self.zip, "--state-dir", self.state, "--report",
			self.report, "--dangling", "drop"])
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual(self.mark(self.zip)[3], first)
		self.joined(run, "users")


if __name__ == "__main__":
	unittest.main()

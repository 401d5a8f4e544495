"""Paging: either the collection is proved complete and equals the truth, or nothing is published."""

import unittest

from harness import CORE, Case, columns

SMALL = {"users": 60, "enrollments": 120, "classes": 12}
SMALLEST = {"users": 2, "classes": 1, "courses": 1, "enrollments": 2, "schools": 1, "lineItems": 0, "results": 0}


class Paging(Case):
	def test_exact_multiples_of_the_page_size(self):
		for size in (10, 20, 60, 120):
			with self.subTest(size):
				self.serve(SMALL)
				self.export_truth("--page-size", size)
				self.serve(SMALL, total=False, link=False)
				self.export_truth("--page-size", size)

	def test_every_size_around_the_number_of_rows(self):
		self.serve(SMALL, total=False, link=False)
		for size in (1, 2, 3, 7, 59, 61, 119, 121, 1000, 100000):
			with self.subTest(size):
				self.export_truth("--page-size", size)

	def test_silent_cap(self):
		for cap in (1, 7, 100):
			for total in (True, False):
				with self.subTest(cap=cap, total=total):
					self.serve(SMALL, cap=cap, total=total)
					self.export_truth()

	def test_cap_is_learnt_and_pages_go_on_in_step(self):
		self.serve({"users": 200}, cap=50)
		self.export_truth()
		self.assertLessEqual(len(self.sis.pages("users")), 7)

	def test_limit_ignored(self):
		self.serve(SMALL, ignore_limit=True)
		self.export_truth("--page-size", 5)

	def test_everything_at_once_whatever_is_asked(self):
		"""Neither limit nor offset are listened to, with a total and without."""
		for total in (True, False):
			for size in (1000, 10):
				with self.subTest(total=total, size=size):
					self.serve(SMALL, ignore_limit=True, ignore_offset=True, total=total, link=total)
					self.export_truth("--page-size", size)

	def test_offset_ignored_is_found_out(self):
		for total in (True, False):
			with self.subTest(total=total):
				self.serve(SMALL, ignore_offset=True, total=total, link=total, cap=20)
				self.assert_fails(5, "offset")

	def test_total_missing(self):
		self.serve(SMALL, total=False)
		self.export_truth("--page-size", 25)

	def test_total_in_the_body(self):
		self.serve(SMALL, total=False, link=False, body_total=True)
		run = self.export_truth("--page-size", 25)
		self.assertIn("total", run.collection("users")["proof"])

	def test_total_of_the_page(self):
		"""X-Total-Count holds the number of rows of the page; with a cap it even looks like the end."""
		for cap in (None, 20, 100):
			with self.subTest(cap=cap):
				self.serve(SMALL, total="page", cap=cap, link=False)
				self.export_truth("--page-size", 30)

	def test_total_too_large_is_never_taken_for_complete(self):
		self.serve(SMALL, total="wrong")
		run = self.assert_fails(5, "orgs: cannot be proved complete.*total of 9 rows but sends only 4")
		self.assertEqual(run.report["bundles"], [])

	def test_total_too_small_is_never_taken_for_complete(self):
		for size in (1000, 25, 15, 7):
			with self.subTest(size):
				self.serve(SMALL, total="short")
				self.assert_fails(5, "the server states a total of", "--page-size", size)

	def test_total_too_small_that_a_full_page_ends_at(self):
		"""Pages of 4, 7 and 10 rows of 21, and the server says that there are 10."""
		self.serve(SMALL, total="short")
		self.assert_fails(5, "academicSessions: .*total of 10 rows", "--page-size", 4, "--collections",
			"orgs,academicSessions", "--dangling", "drop")

	def test_total_changing(self):
		self.serve(SMALL, total="changing")
		self.assert_fails(5, "changed while they were read|states a total", "--page-size", 10)

	def test_count_header_that_is_right(self):
		self.serve(SMALL, count_header=True)
		self.export_truth("--page-size", 25)

	def test_count_header_that_is_wrong(self):
		self.serve(SMALL, faults=[{"match": "users", "do": {"headers": {"x-count": "61"}}}])
		self.assert_fails(5, "users.*61 rows but sends 60", "--retry-time", "1s")

	def test_links_of_every_kind(self):
		for link in (True, False, "bare", "relative", "foreign", "loop", "last-only", "off-by-one", "unquoted", "lines"):
			with self.subTest(link=link):
				self.serve(SMALL, link=link, total=False, cap=20)
				self.export_truth()
				self.assertEqual({e["status"] for e in self.sis.log(kind="data")}, {200})

	def test_answers_behind_the_end(self):
		for past in ("empty", 404, 400, 204):
			for total in (True, False):
				with self.subTest(past_end=past, total=total):
					self.serve(SMALL, past_end=past, total=total, link=False)
					self.export_truth("--page-size", 30)

	def test_404_before_the_end_is_no_end(self):
		"""The last row of the page before is asked for again, and so must be there, even when no total is known."""
		for total in (True, False):
			for do in ({"status": 404}, {"status": 400}, {"status": 204, "body": ""}, {"body": '{"users":[]}'}):
				with self.subTest(total=total, do=do):
					self.serve(SMALL, total=total, link=False,
						faults=[{"match": "users", "offset": n, "do": do} for n in range(1, 60)])
					self.assert_fails(5, "users", "--page-size", 20, "--parallel", 1)

	def test_page_that_is_empty_once_is_read_again(self):
		for total in (True, False):
			with self.subTest(total=total):
				self.serve(SMALL, total=total, link=total,
					faults=[{"match": "users", "offset": 19, "first": 1, "do": {"body": '{"users":[]}'}}])
				run = self.export_truth("--page-size", 20)
				self.assertEqual(run.collection("users")["readings"], 2)

	def test_empty_first_page_of_a_core_table(self):
		self.serve(SMALL, faults=[{"match": "users", "do": {"body": '{"users":[]}'}}])
		run = self.assert_fails(3, r"users\.csv would be empty")
		self.assertIn("allow-empty = users", run.error)

	def test_204_for_a_core_table(self):
		self.serve(SMALL, faults=[{"match": "orgs", "do": {"status": 204, "body": ""}}])
		self.assert_fails(3, r"orgs\.csv would be empty")

	def test_orders_of_every_kind(self):
		for order in ("natural", "shuffled", "role"):
			for total in (True, False):
				with self.subTest(order=order, total=total):
					self.serve(SMALL, order=order, total=total, sort_supported=False)
					self.export_truth("--page-size", 17)

	def test_collations_that_are_not_bytes(self):
		for collation in ("nocase", "length"):
			with self.subTest(collation):
				self.serve({"users": 60, "courses": 40}, collation=collation, nasty=True)
				self.export_truth("--page-size", 17)

	def test_order_that_is_never_the_same(self):
		for total in (True, False):
			with self.subTest(total=total):
				self.serve(SMALL, order="unstable", total=total, sort_supported=False)
				run = self.assert_fails(5, "users: cannot be proved complete", "--page-size", 25, "--parallel", 1,
					"--collections", "users")
				self.assertIn("stable order", run.error)

	def test_sort_refused_is_left_out(self):
		self.serve(SMALL, order="shuffled", sort_supported="error")
		self.export_truth("--page-size", 20)
		self.assertEqual({e["status"] for e in self.sis.log(kind="data")}, {200, 400})

	def test_identical_copies_are_noise(self):
		"""Rows listed twice, always the same: one of each stays, and the report says how many there were."""
		self.serve({"users": 300, "enrollments": 500, "classes": 20}, nasty=True)
		run = self.export_truth("--page-size", 50)
		users = run.collection("users")
		self.assertGreater(users["rows"], users["distinct"])
		self.assertGreater(users["readings"], 1, "one reading cannot tell a listing twice from rows that moved")
		self.assertIn("more than once", users["note"])

	def test_different_copies_the_newest_stays(self):
		self.serve({"users": 60}, stale_copies=7)
		run = self.export_truth()
		self.assertEqual(run.collection("users")["rows"] - run.collection("users")["distinct"], 7)
		self.assertNotIn("An older copy", self.bundle()["users.csv"].decode())
		self.assertRegex(run.err, "7 rows more than once, 7 of them with different content")


class Moving(Case):
	"""Rows that come and go while the collection is read."""

	def reread(self, mutate, **scenario):
		self.serve({"users": 100, "enrollments": 120}, order="natural", sort_supported=False, mutate=mutate, **scenario)
		run = self.export("--page-size", 10, "--parallel", 1, "--dangling", "drop")
		self.assert_truth(after=len(mutate))
		return run.collection("users")

	def test_row_that_goes_ahead_of_the_reading_point(self):
		for total in (True, False):
			with self.subTest(total=total):
				users = self.reread([{"table": "users", "after_request": 3, "delete": 2}], total=total, link=total)
				self.assertEqual(users["readings"], 2)

	def test_row_that_comes_ahead_of_the_reading_point(self):
		for total in (True, False):
			with self.subTest(total=total):
				users = self.reread([{"table": "users", "after_request": 3, "insert": 2}], total=total, link=total)
				self.assertEqual(users["readings"], 2)

	def test_row_that_comes_and_row_that_goes(self):
		"""The total stays the same."""
		users = self.reread([{"table": "users", "after_request": 3, "delete": 2},
			{"table": "users", "after_request": 3, "insert": 60}])
		self.assertEqual(users["readings"], 2)

	def test_row_that_comes_behind_the_reading_point_is_read(self):
		self.reread([{"table": "users", "after_request": 3, "insert": 90}], total=False, link=False)

	def test_row_that_goes_at_the_very_border_of_a_page(self):
		for at in (17, 18, 19, 20, 26, 27, 28):
			with self.subTest(at):
				self.reread([{"table": "users", "after_request": 2, "delete": at}], total=False, link=False)

	def test_rows_that_never_rest(self):
		mutate = [{"table": "users", "after_request": n, "delete": 1} for n in range(2, 60)]
		self.serve({"users": 100}, order="natural", sort_supported=False, mutate=mutate)
		run = self.assert_fails(5, "users: cannot be proved complete", "--page-size", 10, "--parallel", 1)
		self.assertIn("when nobody works in the SIS", run.error)

	def test_parallel_reading_of_rows_that_move(self):
		self.serve({"users": 300, "enrollments": 120}, order="natural", sort_supported=False, latency=0.01,
			mutate=[{"table": "users", "after_request": 6, "delete": 2},
				{"table": "users", "after_request": 12, "insert": 5}])
		self.export("--page-size", 10, "--parallel", 6, "--dangling", "drop")
		self.assert_truth(after=2)


class Odd(Case):
	"""Servers that are peculiar about requests."""

	def test_limit_over_what_is_allowed_is_halved_down(self):
		self.serve(SMALL, when_limit_over=300, limit_over_status=400)
		self.export_truth()
		limits = [int(e["query"]["limit"]) for e in self.sis.pages("users") if e["status"] == 200]
		self.assertLessEqual(max(limits), 300)

	def test_one_row_sent_as_itself(self):
		self.serve(SMALLEST, single=True)
		self.export_truth()

	def test_smallest_district(self):
		for total in (True, False):
			self.serve(SMALLEST, total=total, link=total)
			self.export_truth()
			self.export_truth("--page-size", 1)

	def test_empty_optional_tables_are_absent(self):
		self.serve({"categories": 0, "lineItems": 0, "results": 0, "resources": 0})
		run = self.export("--collections", "core,categories,lineItems,results,resources,courseResources")
		self.assert_truth(collections=CORE + ["categories", "lineItems", "results", "resources", "courseResources"])
		self.assertEqual(len(self.bundle()), 7)
		self.assertIn("file.categories,absent\r\n", self.bundle()["manifest.csv"].decode())
		self.assertEqual(run.collection("categories")["complete"], True)

	def test_ids_are_compared_as_bytes(self):
		names = ["b", "B", "a", "A", "\u00e4", "z", "10", "9", "09", "\u0131", "I", "i", "-", "~", "a-b", "a b"]
		records = [{"sourcedId": n, "status": "active", "title": f"Course {k}", "courseCode": n,
			"org": {"sourcedId": "0"}} for k, n in enumerate(names)]
		self.serve(SMALL, records={"courses": records})
		self.export_truth("--allow-errors", "id.chars")
		ids = [row["sourcedId"] for row in columns(self.bundle()["courses.csv"])]
		self.assertEqual(ids, sorted(ids, key=lambda x: x.encode()))
		self.assertTrue(set(names) <= set(ids))


if __name__ == "__main__":
	unittest.main()

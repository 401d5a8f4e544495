"""Collections that are read beside the one whose turn it is: with the requests it leaves over, each to the same proof.
What goes wrong with them is told, or mended, in their turn."""

import unittest

from harness import CORE, Case

SIZE = {"users": 90, "courses": 40, "classes": 40, "enrollments": 160}
PAGES = ("--page-size", 20, "--parallel", 8)
LONG = 4  # seconds that one answer takes, while others can come


class Beside(Case):
	def began_before(self, late, collection):
		"""The offsets of a collection that were asked for before the late answer had come."""
		until = late["t"] + late["took"]
		return {int(e["query"]["offset"]) for e in self.sis.pages(collection) if e["t"] < until}

	def late_page(self, collection):
		return next(e for e in self.sis.pages(collection) if e["took"] >= LONG)

	def test_all_that_follow(self):
		self.serve(SIZE, faults=[{"match": "orgs", "nth": 1, "do": {"delay": LONG}}])
		self.export_truth(*PAGES, "--parallel", 2)
		late = self.late_page("orgs")
		for collection in ("academicSessions", "courses", "classes", "users", "enrollments"):
			with self.subTest(collection):
				self.assertGreater(max(self.began_before(late, collection)), 0)

	def test_none_is_asked_for_twice(self):
		self.serve(SIZE, latency=0.01)
		run = self.export_truth(*PAGES)
		asked = [(c, e["query"]["offset"]) for c in CORE for e in self.sis.pages(c)]
		self.assertEqual(len(asked), len(set(asked)))
		self.assertEqual([run.collection(c)["retries"] for c in CORE], [0] * len(CORE))

	def test_no_more_at_once_than_allowed(self):
		for most in (1, 3, 8):
			with self.subTest(most):
				self.serve(SIZE, latency=0.02)
				self.export_truth("--page-size", 20, "--parallel", most)
				self.assertLessEqual(max(e["inflight"] for e in self.sis.log(kind="data")), most)

	def test_addresses_that_a_collection_is_joined_from(self):
		self.serve({**SIZE, "schools": 8}, nested_only=["classes"],
			faults=[{"match": "schools", "nth": 1, "do": {"delay": LONG}}])
		self.export("--dangling", "drop", *PAGES)
		nested = [e for e in self.sis.log(kind="data") if "/schools/" in e["path"]]
		late = next(e for e in nested if e["took"] >= LONG)
		schools = {e["path"].split("/schools/")[1].split("/")[0] for e in nested}
		before = {e["path"].split("/schools/")[1].split("/")[0] for e in nested if e["t"] < late["t"] + late["took"]}
		self.assertEqual(len(schools), 8)
		self.assertGreaterEqual(len(before), 3)
		self.assert_truth()


class Trouble(Case):
	def test_what_is_refused_is_told_in_its_turn_and_asked_for_once_more(self):
		self.serve(SIZE, derived=False, forbidden=["users"], faults=[{"match": "enrollments", "do": {"status": 410}},
			{"match": "orgs", "nth": 1, "do": {"delay": LONG}}])
		run = self.assert_fails(5, "^users, rows from 1: .*403.*Student Data", *PAGES)
		self.assertEqual(len(self.sis.pages("users")), 2)
		self.assertEqual(len(run.lines), 1, run.shown)

	def test_patience_begins_with_the_turn(self):
		"""What fails while another collection is read may be fine when it is its turn."""
		self.serve(SIZE, faults=[{"match": "orgs", "nth": 1, "do": {"delay": LONG}},
			{"match": "enrollments", "first": 1, "do": {"status": 502}}])
		self.export_truth(*PAGES, "--retry-time", "1s")
		self.assertEqual([e["status"] for e in self.sis.pages("enrollments")][:2], [502, 200])

	def test_long_wait_that_another_is_told_holds_up_nothing(self):
		"""The server wants to be left alone for longer than there is patience: that is for the collection's turn."""
		self.serve(SIZE, faults=[{"match": "enrollments", "first": 1, "do": {"status": 503, "retry_after": 3600}},
			{"match": "orgs", "nth": 1, "do": {"delay": LONG}}])
		self.export_truth(*PAGES)

	def test_wait_that_another_is_told_is_kept_by_all(self):
		self.serve(SIZE, faults=[{"match": "enrollments", "first": 1, "do": {"status": 429, "retry_after": 2}}], latency=0.1)
		self.export_truth(*PAGES)
		refused = self.sis.log(kind="data", status=429)[0]
		told = refused["t"] + refused["took"]
		early = [e["path"] for e in self.sis.log(kind="data") if told + 0.5 < e["t"] < told + 1.9]
		self.assertEqual(early, [])

	def test_order_that_changes_beside_is_read_again_in_its_turn(self):
		self.serve(SIZE, order="unstable", total=False, sort_supported=False)
		self.assert_fails(5, "cannot be proved complete|same rows whatever offset", *PAGES)

	def test_broken_records_beside(self):
		self.serve(SIZE, faults=[{"match": "enrollments", "offset": 20, "first": 3, "do": {"truncate_json": True}},
			{"match": "users", "first": 2, "do": {"cut": 0.5}}], latency=0.02)
		self.export_truth(*PAGES)

	def test_everything_of_an_unsteady_server(self):
		for seed in range(2):
			with self.subTest(seed):
				self.serve(SIZE, chaos={"seed": seed, "rate": 0.15, "in_row": 1, "kinds": [503, "cut", "close", 401]},
					retry_after_style="none")
				self.export_truth(*PAGES)


if __name__ == "__main__":
	unittest.main()

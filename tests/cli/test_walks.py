"""Random walks (walks.py): the first 100, or as many as ROSTERZIP_WALKS says, from ROSTERZIP_WALK_FROM on."""

import os
import unittest

import walks

FIRST = int(os.environ.get("ROSTERZIP_WALK_FROM") or 0)
COUNT = int(os.environ.get("ROSTERZIP_WALKS") or 100)
TOGETHER = 10


class Walks(unittest.TestCase):
	"""Each test takes ten walks."""


def some(numbers):
	def test(self):
		failures = [failure for _, _, _, failure in walks.walk_all(numbers) if failure]
		self.assertEqual(failures, [], "\n\n".join(failures))
	return test


for begin in range(FIRST, FIRST + COUNT, TOGETHER):
	last = min(begin + TOGETHER, FIRST + COUNT)
	setattr(Walks, f"test_{begin:04}_to_{last - 1:04}", some(range(begin, last)))


class Kinds(unittest.TestCase):
	"""The walks that run by default are of every kind, so that chance leaves nothing out."""

	def test_first_hundred(self):
		plans = [walks.Walk(number) for number in range(100)]
		outcomes = [frozenset(plan.outcomes()) for plan in plans]
		for wanted in ({walks.TRUTH}, {walks.EXIT_5}, {walks.TRUTH, walks.EXIT_5}):
			self.assertGreater(outcomes.count(wanted), 3, wanted)
		for key, count in (("order", 5), ("total", 6), ("link", 11), ("past_end", 4), ("login", 7)):
			self.assertEqual(len({plan.get(key) for plan in plans}), count, key)
		kinds = {kind for plan in plans for kind in plan.chaos_kinds}
		self.assertLessEqual({503, 429, 401, "cut", "stall"}, kinds)

	def test_a_walk_is_the_same_for_ever(self):
		self.assertEqual(walks.Walk(7).shown(), walks.Walk(7).shown())


if __name__ == "__main__":
	unittest.main()

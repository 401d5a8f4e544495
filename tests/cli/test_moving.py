"""Rows that come, go and change places while they are read: what is published is one state of the server, or nothing is.

A server's states are the truth after its first k changes, for every k. Changes come in one stroke in each test of chance
(as one screen of the SIS saves them): of several strokes that leave no trace, the one behind the reading point may be
unseen while a later one ahead of it is seen, which no reader can tell who reads every row once.
"""

import json
import os
import random
import unittest

from harness import Case
from served import Served, state

STROKES = int(os.environ.get("ROSTERZIP_MOVES") or 12)  # for each kind of change
SIZE = {"users": 160, "classes": 30, "courses": 30, "enrollments": 260}


class Moving(Case):
	def moving(self, mutate, **scenario):
		"""Starts the server; its rows change as told."""
		self.served = Served({"district": SIZE, "mutate": mutate, **scenario})
		self.addCleanup(self.served.close)
		self.url = self.served.url
		self.shown = f"{json.dumps(scenario)}\n{json.dumps(mutate)}"

	def after(self, steps):
		return state(self.served.scenario, steps)

	def read(self, mutate, arguments, **scenario):
		"""Reads once; gives the run. Whatever is published is a state."""
		self.moving(mutate, **scenario)
		before = self.old_bundle()
		run = self.program(self.arguments("--dangling", "drop", *arguments))
		self.assertIn(run.code, (0, 5), f"{run.shown}\n{self.shown}")
		if run.code == 5:
			self.assertEqual(self.mark(self.zip), before, f"{run.shown}\n{self.shown}")
		else:
			bundle = self.bundle()
			if not any(bundle == self.after(mutate[:k]) for k in range(len(mutate), -1, -1)):
				self.fail(f"the bundle is no state of the server\n{run.shown}\n{self.shown}")
		self.assert_clean()
		self.served.close()
		return run

	def chance(self, dice):
		"""A server and a way to read it."""
		total = dice.choice([True, False])
		scenario = {
			"order": dice.choice(["id", "natural", "shuffled", "role"]), "total": total,
			"sort_supported": dice.choice([True, False]), "link": dice.choice([total, False]),
			"latency": dice.choice([0, 0, 0.003]), "past_end": dice.choice(["empty", 404]),
		}
		size = dice.choice([7, 10, 16, 20, 33, 50])
		return scenario, ["--page-size", size, "--parallel", dice.choice([1, 1, 2, 4, 8])], size

	def strokes(self, dice, make):
		"""Reads many servers, each with the changes that make gives for (dice, number of rows, after_request)."""
		for n in range(STROKES):
			scenario, arguments, size = self.chance(dice)
			table = dice.choice(["users", "enrollments"])
			pages = SIZE[table] // size
			with self.subTest(n):
				steps = [{"table": table, **step} for step in make(dice, SIZE[table], dice.randint(1, pages + 1))]
				self.read(steps, arguments, **scenario)

	def test_a_row_goes(self):
		self.strokes(random.Random("goes"), lambda dice, rows, after: [
			{"after_request": after, "delete": dice.randrange(rows)}])

	def test_a_row_comes(self):
		self.strokes(random.Random("comes"), lambda dice, rows, after: [
			{"after_request": after, "insert": dice.randrange(rows)}])

	def test_one_goes_and_one_comes(self):
		"""The total stays as it was."""
		self.strokes(random.Random("compensated"), lambda dice, rows, after: [
			{"after_request": after, "delete": dice.randrange(rows)},
			{"after_request": after, "insert": dice.randrange(rows - 1)}])

	def test_several_go(self):
		def several(dice, rows, after):
			return [{"after_request": after, "delete": dice.randrange(rows - 5)} for _ in range(dice.randint(2, 5))]
		self.strokes(random.Random("several"), several)

	def test_a_row_changes_its_place(self):
		"""The rows stay the same, so the only state is the truth: one that jumped over the reading point was not lost."""
		self.strokes(random.Random("jumps"), lambda dice, rows, after: [
			{"after_request": after, "move": dice.randrange(rows), "to": dice.randrange(rows)}])

	def test_rows_change_places_with_each_other(self):
		"""No other row changes its place: borders of pages show nothing, only that a row came twice."""
		def swap(dice, rows, after):
			low, high = sorted(dice.sample(range(rows), 2))
			return [{"after_request": after, "move": low, "to": high},
				{"after_request": after, "move": high - 1, "to": low}]
		self.strokes(random.Random("swaps"), swap)

	def test_both_tables_change(self):
		"""Each table is a state of its own time."""
		dice = random.Random("both")
		for n in range(max(1, STROKES // 3)):
			scenario, arguments, size = self.chance(dice)
			users = {"table": "users", "after_request": dice.randint(1, 160 // size), "insert": dice.randrange(160)}
			seats = {"table": "enrollments", "after_request": dice.randint(1, 260 // size), "delete": dice.randrange(260)}
			with self.subTest(n):
				self.moving([users, seats], **scenario)
				before = self.old_bundle()
				run = self.program(self.arguments("--dangling", "drop", *arguments))
				if run.code == 5:
					self.assertEqual(self.mark(self.zip), before, run.shown)
					continue
				self.assertEqual(run.code, 0, run.shown)
				found = self.bundle()
				states = [self.after(steps) for steps in ((), [users], [seats])]
				for name in ("users.csv", "enrollments.csv"):
					self.assertIn(found[name], [files[name] for files in states],
						f"{name} is no state of the server\n{run.shown}\n{self.shown}")

	# what has to succeed: rows rest again after a while, so that a second reading sees one state

	def test_one_change_costs_one_more_reading_at_most(self):
		dice = random.Random("rest")
		for n in range(STROKES):
			scenario, arguments, size = self.chance(dice)
			after = dice.randint(1, 160 // size)
			step = dice.choice([{"delete": dice.randrange(160)}, {"insert": dice.randrange(160)}])
			with self.subTest(n):
				run = self.read([{"table": "users", "after_request": after, **step}], arguments, **scenario)
				self.assertEqual(run.code, 0, run.shown)
				self.assertLessEqual(run.collection("users")["readings"], 2)

	def test_order_turned_round_in_mid_reading(self):
		"""All of the first rows go and come again elsewhere: the number of rows never changes when a page is asked for."""
		for total in (True, False):
			for parallel in (1, 4):
				with self.subTest(total=total, parallel=parallel):
					steps = []
					for _ in range(6):
						steps += [{"table": "enrollments", "after_request": 5, "delete": 0},
							{"table": "enrollments", "after_request": 5, "insert": 200}]
					self.read(steps, ["--page-size", 20, "--parallel", parallel], order="natural", sort_supported=False,
						total=total, link=total)

	def test_changes_without_rest_publish_nothing(self):
		for total in (True, False):
			for order in ("id", "shuffled"):
				with self.subTest(total=total, order=order):
					steps = [{"table": "users", "after_request": n, "delete": 1} for n in range(1, 400)]
					self.moving(steps, order=order, total=total, link=total)
					run = self.assert_fails(5, r"users: cannot be proved complete, read \d+ times", "--page-size", 10,
						"--dangling", "drop")
					self.assertEqual(run.report["bundles"], [])

	def test_rows_at_the_end(self):
		"""The last row goes, or one comes behind it, at every moment."""
		for total in (True, False):
			for after in (1, 2, 5, 8, 9, 10):
				for step in ({"delete": -1}, {"insert": 160}):
					with self.subTest(total=total, after=after, step=step):
						steps = [{"table": "users", "after_request": after, **step}]
						self.read(steps, ["--page-size", 20, "--parallel", 1],
							order="natural", sort_supported=False, total=total, link=total)

	def test_a_table_that_empties_itself(self):
		"""Every row goes while the first page is on its way: no bundle with the page that was seen."""
		steps = [{"table": "enrollments", "after_request": 1, "delete": 0} for _ in range(260)]
		for total in (True, False):
			with self.subTest(total=total):
				self.moving(steps, total=total, link=total)
				before = self.old_bundle()
				run = self.program(self.arguments("--page-size", 50, "--dangling", "drop"))
				self.assertIn(run.code, (3, 5), run.shown)
				self.assertEqual(self.mark(self.zip), before)


if __name__ == "__main__":
	unittest.main()

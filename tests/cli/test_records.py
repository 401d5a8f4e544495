"""Whose record it is: configurations that share a server, and so the default state folder, never mix."""

import os
import random
import unittest

from harness import CORE, Case
from roster import Roster, RosterServer

NIGHTS = int(os.environ.get("ROSTERZIP_NIGHTS") or 8)
SEEDS = int(os.environ.get("ROSTERZIP_SEEDS") or 2)


class Shared(Case):
	"""Two vendors of one SIS: one wants the students, the other all users."""

	def setUp(self):
		super().setUp()
		self.roster = Roster()
		self.server = RosterServer(self.roster)
		self.addCleanup(self.server.close)
		self.homes = {"XDG_STATE_HOME": self.path("states")}
		for name in ("outbox", "a", "b"):
			os.mkdir(self.path(name))

	def config(self, vendor, *more, name=None, output=None, deliver=True):
		lines = [f"url = {self.server.url}", "auth = none", f"output = {output or self.path('outbox', vendor + '.zip')}"]
		lines += [f"deliver = {self.path(vendor)}/", "deliver-as = OneRoster.zip"] if deliver else []
		lines += ["roles = student"] if vendor == "a" else []
		return self.write(name or vendor + ".conf", "\n".join([*lines, *more]) + "\n", 0o600)

	def run_with(self, command, config, *extra, expect=0):
		self.server.show(self.roster)
		run = self.program([command, "--config", config, *extra], self.homes)
		self.assertEqual(run.code, expect, run.shown)
		return run

	def users_in(self, path):
		return {row["sourcedId"] for row in self.rows_of(self.bundle(path)["users.csv"])}

	@staticmethod
	def rows_of(data):
		head, *rest = [line.split(",") for line in data.decode().splitlines()]
		return [dict(zip(head, row)) for row in rest]

	def wanted(self, vendor):
		users = self.rows_of(self.roster.truth(CORE)["users.csv"])
		return {row["sourcedId"] for row in users if vendor == "b" or row["role"] == "student"}

	def assert_inbox(self, vendor):
		self.assertEqual(self.users_in(self.path(vendor, "OneRoster.zip")), self.wanted(vendor), vendor)


class Records(Shared):
	def test_one_never_sends_what_was_made_for_the_other(self):
		a, b = self.config("a"), self.config("b")
		self.run_with("export", a)
		run = self.run_with("export", b)
		self.assertIn("another bundle: this one has a record of its own", run.err)
		self.assertIn("nothing is waiting", self.run_with("deliver", a).out)
		self.assert_inbox("a")
		self.assert_inbox("b")
		self.assertIn("unchanged", self.run_with("export", a).out)
		self.assertIn("unchanged", self.run_with("export", b).out)

	def test_a_run_by_hand_changes_nothing_for_the_night(self):
		"""Neither the guard, nor what the next delta has to hold."""
		config = self.config("b", "mode = delta", "since = last")
		self.run_with("export", config)
		self.assert_inbox("b")
		self.roster.add_user("STU_900", "student", 900)
		self.roster.tables["users"]["STU_900"]["dateLastModified"] = "2099-01-01T00:00:00.000Z"
		self.run_with("export", self.config("b", name="hand.conf", output=self.path("by-hand.zip"), deliver=False))
		self.run_with("export", config)
		self.assertIn("STU_900", self.users_in(self.path("b", "OneRoster.zip")))

	def test_a_slice_by_hand_does_not_trip_the_guard(self):
		config = self.config("b")
		self.run_with("export", config)
		hand = self.config("b", name="hand.conf", output=self.path("slice.zip"), deliver=False)
		self.run_with("export", hand, "--roles", "teacher", "--allow-empty", "enrollments")
		self.assertIn("unchanged", self.run_with("export", config).out)
		self.roster.remove_students(40)
		self.assertIn("max-drop", self.run_with("export", config, expect=6).err)

	def test_a_configuration_of_another_name(self):
		self.run_with("export", self.config("b"))
		os.rename(self.path("b.conf"), self.path("renamed.conf"))
		self.assertIn("unchanged", self.run_with("export", self.path("renamed.conf")).out)
		self.roster.remove_students(40)
		self.run_with("export", self.path("renamed.conf"), expect=6)

	def test_an_output_that_moved(self):
		self.run_with("export", self.config("b"))
		os.rename(self.path("outbox"), self.path("moved"))
		self.roster.remove_students(40)
		run = self.run_with("export", self.config("b", output=self.path("moved", "b.zip")), expect=6)
		self.assertIn("the output has moved: the bundle before is the one published as", run.err)

	def test_one_output_and_two_receivers(self):
		"""The output is but a place on the way: what was built for one never goes to the other."""
		out = self.path("outbox", "OneRoster.zip")
		a, b = self.config("a", output=out), self.config("b", output=out)
		self.run_with("export", a)
		self.run_with("export", b)
		for _ in range(2):
			self.assertIn("nothing is waiting", self.run_with("deliver", a).out)
			self.assert_inbox("a")
			self.run_with("export", a)
			self.run_with("export", b)
			self.assert_inbox("a")
			self.assert_inbox("b")

	def test_one_receiver_and_two_names(self):
		"""A vendor that takes several bundles: no record of one is that of the other."""
		both = [self.config(vendor, f"deliver = {self.path('a')}/", f"deliver-as = {vendor}.zip", deliver=False)
			for vendor in ("a", "b")]
		for _ in range(2):
			for config in both:
				self.run_with("export", config)
			for config in both:
				self.assertIn("nothing is waiting", self.run_with("deliver", config).out)
			for vendor in ("a", "b"):
				self.assertEqual(self.users_in(self.path("a", vendor + ".zip")), self.wanted(vendor))

	def test_a_file_that_was_collected_is_no_output_that_moved(self):
		self.run_with("export", self.config("b", deliver=False))
		os.unlink(self.path("outbox", "b.zip"))
		run = self.run_with("export", self.config("a", deliver=False))
		self.assertIn("another bundle: this one has a record of its own", run.err)
		self.roster.remove_students(40)
		self.run_with("export", self.config("b", deliver=False), expect=6)

	def test_bundles_whose_names_begin_alike(self):
		"""Eight letters behind the name look like the digits of a record."""
		lines = [f"url = {self.server.url}", "auth = none"]
		for name, more in (("math-teachers", "roles = teacher"), ("math", "")):
			lines += [f"[bundle {name}]", f"output = {self.path('outbox', name + '.zip')}",
				f"deliver = {self.path('b')}/", "deliver-as = math.zip" if name == "math" else "deliver-as = teachers.zip",
				more, "allow-empty = enrollments" if more else ""]
		config = self.write("two.conf", "\n".join(lines) + "\n", 0o600)
		for _ in range(2):
			run = self.run_with("export", config)
			self.assertEqual([line for line in run.warnings if "record" in line or "moved" in line], [])
			self.assertIn("nothing is waiting", self.run_with("deliver", config).out)
			self.assertEqual(self.users_in(self.path("b", "math.zip")), self.wanted("b"))

	def test_a_receiver_that_is_added_and_one_that_moves(self):
		self.run_with("export", self.config("b", deliver=False))
		self.assertEqual(self.run_with("export", self.config("b")).warnings, [])
		self.assert_inbox("b")
		self.roster.add_user("STU_901", "student", 901)
		self.run_with("export", self.config("b"))
		os.mkdir(self.path("c"))
		moved = self.config("b", f"deliver = {self.path('c')}/", "deliver-as = OneRoster.zip", deliver=False)
		self.assertEqual(self.run_with("export", moved).warnings, [])
		self.assertEqual(self.users_in(self.path("c", "OneRoster.zip")), self.wanted("b"))
		self.roster.remove_students(40)
		self.run_with("export", moved, expect=6)

	def test_a_filter_that_changes_is_compared_with_what_the_receiver_has(self):
		self.run_with("export", self.config("b"))
		run = self.run_with("export", self.config("b", "roles = teacher", "allow-empty = enrollments"), expect=6)
		self.assertIn("max-drop", run.err)

	def test_two_districts_at_one_address(self):
		"""Told apart by a header line; one publishes in full, the other what changed."""
		self.run_with("export", self.config("b", "header = X-District: A", output=self.path("one.zip"), deliver=False))
		run = self.run_with("export", self.config("b", "header = X-District: B", "mode = delta", "since = last",
			output=self.path("two.zip"), deliver=False))
		self.assertIn("another bundle: this one has a record of its own", run.err)
		self.assertEqual(self.users_in(self.path("two.zip")), self.wanted("b"))

	def test_one_place_spelled_in_two_ways(self):
		self.run_with("export", self.config("b"))
		os.symlink(self.path("outbox"), self.path("link"))
		run = self.run_with("export", self.config("b", output=self.path("link", "..", "outbox", "b.zip")))
		self.assertEqual(run.warnings, [])
		self.roster.remove_students(40)
		self.run_with("export", self.config("b", output=self.path("link", "b.zip")), expect=6)


class Model(Shared):
	"""Nights of two vendors by chance: each inbox holds what its vendor should have, every night."""

	def night(self, dice, configs):
		kind = dice.choice(["gone", "new", "new", "same"])
		if kind == "gone":
			self.roster.remove_students(dice.randint(1, 3))
		for _ in range(dice.randint(1, 4) if kind == "new" else 0):
			n = dice.randint(1000, 9999)
			self.roster.add_user(f"STU_{n}", "student", n)
		order = dice.sample(sorted(configs), len(configs))
		for vendor in order:
			self.run_with("export", configs[vendor])
			if dice.random() < 0.3:
				hand = self.config(dice.choice("ab"), name="hand.conf", output=self.path(f"hand-{dice.randint(1, 2)}.zip"),
					deliver=False)
				self.run_with("export", hand, "--force-once")
			if dice.random() < 0.5:
				self.run_with("deliver", configs[vendor])
		if dice.random() < 0.2:
			vendor = dice.choice(order)
			other = configs[vendor] + "x"
			os.rename(configs[vendor], other)
			configs[vendor] = other
		for vendor in order:
			self.assert_inbox(vendor)


def nights(seed):
	def test(self):
		dice = random.Random(f"nights {seed}")
		output = self.path("outbox", "OneRoster.zip") if dice.random() < 0.5 else None
		configs = {vendor: self.config(vendor, output=output) for vendor in ("a", "b")}
		for _ in range(NIGHTS):
			self.night(dice, configs)
	return test


for number in range(SEEDS):
	setattr(Model, f"test_nights_{number}", nights(number))


if __name__ == "__main__":
	unittest.main()

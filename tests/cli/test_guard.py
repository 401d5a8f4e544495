"""What export holds back: a bundle that lacks much of what the last one had, and one that is wrong. And what it does
not do again: publish what has not changed."""

import json
import os
import re
import stat
import unittest

import snapshots
from harness import CORE, Case
from roster import Roster, RosterServer

PERSONAL = re.compile(r"STU_|TCH_|sampleuser|Given\d|Family\d|sample\.example|\b77\d{5}\b")


class Guarded(Case):
	"""A test with a roster and its server."""

	def setUp(self):
		super().setUp()
		self.roster = Roster()
		self.server = RosterServer(self.roster)
		self.addCleanup(self.server.close)
		self.url = self.server.url
		self.collections = CORE
		self.kept = os.path.join(self.state, "refused")

	# runs

	def run_export(self, *extra, expect=0, output=None, env=None, umask=0, config=None, scenario=None):
		"""One export of the roster as it is now."""
		self.server.show(self.roster, **(scenario or {}))
		if config:
			arguments = ["export", "--config", config, "--report", self.report, *extra]
		else:
			arguments = self.arguments("--auth", "none", "--collections", ",".join(self.collections),
				*(["--output", output] if output else []), *extra, login=False)
		run = self.program([str(word) for word in arguments], env, umask=umask)
		self.assertEqual(run.code, expect, run.shown)
		if run.report_text is not None:
			self.assertEqual(run.report["exit-status"], expect)
		self.check_privacy(run)
		return run

	def check_privacy(self, run):
		"""Nobody's data in what is printed, and nothing in the state folder that others may read or that was forgotten."""
		self.assertIsNone(PERSONAL.search(run.out + run.err + (run.report_text or "")), run.shown)
		for place, folders, names in os.walk(self.state):
			self.assertEqual(stat.S_IMODE(os.stat(place).st_mode), 0o700, place)
			self.assertNotIn("work", folders)
			for name in names:
				self.assertEqual(stat.S_IMODE(os.lstat(os.path.join(place, name)).st_mode), 0o600, f"{place}/{name}")
				self.assertNotRegex(name, r"\.(tmp|part|new)$|^\.")
		for name in os.listdir(self.out_folder):
			self.assertFalse(name.startswith("."), name)

	def publish(self, *extra, path=None, **how):
		"""An export that must be published."""
		run = self.run_export(*extra, **how)
		path = path or self.zip
		self.assert_files(self.bundle(path), self.roster.truth(self.collections))
		self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700 if os.path.isdir(path) else 0o600)
		self.assertEqual(self.kept_names(), [], "what was refused before is still there")
		return run

	def refuse(self, *extra, expect=6, path=None, name="bundle", **how):
		"""An export that must not be published: the old bundle stays, the new one is kept aside."""
		path = path or self.zip
		before = self.marks(path)
		run = self.run_export(*extra, expect=expect, **how)
		self.assertEqual(self.marks(path), before, "the published bundle was touched")
		self.assertEqual(run.out, "", run.shown)
		self.assertEqual(self.kept_names(), [name + ".json", name + ".zip"])
		kept = os.path.join(self.kept, name + ".zip")
		self.assert_files(self.bundle(kept), self.roster.truth(self.collections))
		with open(os.path.join(self.kept, name + ".json"), encoding="utf-8") as f:
			text = f.read()
		self.assertIsInstance(json.loads(text), dict)
		self.assertIsNone(PERSONAL.search(text))
		return run

	def trip(self, file, old, new, gone, limit, *extra, **how):
		"""A refusal by the guard, which says these numbers of one file."""
		run = self.refuse(*extra, **how)
		self.assertRegex(run.error, rf"\b{file}\.csv\b")
		for number in (old, new, gone):
			self.assertRegex(run.error, rf"(?<![\d.]){number}(?![\d.])")
		self.assertRegex(run.error, rf"(?<![\d.]){limit} ?%")
		self.assertIn("--force-once", run.err)
		with open(os.path.join(self.kept, how.get("name", "bundle") + ".json"), encoding="utf-8") as f:
			self.assertIn(file, f.read())
		return run

	def trip_absent(self, file, old, *extra, **how):
		"""A refusal because a file is not there any more."""
		run = self.refuse(*extra, **how)
		self.assertRegex(run.error, rf"\b{file}\.csv\b.*(?<![\d.]){old}(?![\d.]).*not in the bundle")
		self.assertIn("--force-once", run.err)
		return run

	# places

	def kept_names(self):
		return sorted(os.listdir(self.kept)) if os.path.isdir(self.kept) else []

	def marks(self, path):
		"""What tells whether anything at a path was touched."""
		if not os.path.lexists(path):
			return None
		if os.path.isdir(path):
			return os.stat(path).st_ino, {name: self.mark(os.path.join(path, name)) for name in os.listdir(path)}
		return self.mark(path)

	def write_bundle(self, files, name):
		path = self.path(name)
		snapshots.store(files, path)
		return path

	def config(self, text, top=""):
		return self.write("run.conf", f"url = {self.url}\nauth = none\nstate-dir = {self.state}\n"
			f"collections = {', '.join(self.collections)}\n{top}\n{text}")


class Drops(Guarded):
	def test_a_tenth_of_the_students(self):
		self.publish()
		self.roster.remove_students(10)
		run = self.publish()
		self.assertEqual(run.warnings, [])

	def test_three_tenths_of_the_students(self):
		self.publish()
		self.roster.remove_students(30)
		run = self.trip("users", 120, 90, 30, 20)
		self.assertNotIn("enrollments.csv had", run.error)  # 60 of 200 are no reason
		self.trip("users", 120, 90, 30, 20)  # the run before published nothing
		run = self.publish("--force-once")
		self.assertRegex(run.out + run.err, r"(?i)force-once|users\.csv|gone", "publishing by force goes unsaid")
		self.publish()
		self.roster.remove_students(20)
		self.trip("users", 90, 70, 20, 20)  # armed again, and compared with what was forced

	def test_little_by_little(self):
		"""Each run is compared with what was published, not with the run before."""
		self.publish()
		for gone in (30, 31, 32):
			self.roster.remove_students(30 if gone == 30 else 1)
			self.trip("users", 120, 120 - gone, gone, 20)
		self.roster = Roster()
		self.roster.remove_students(20)
		self.publish()

	def test_more_rows_than_before_hide_nothing(self):
		"""Counted are the ids that are gone, not the rows."""
		self.publish()
		self.roster.remove_students(25)
		for n in range(300):
			self.roster.add_user(f"STU_A{n:03d}", "student", 1000 + n)
		self.trip("users", 120, 395, 25, 20)

	def test_many_more_rows_are_fine(self):
		self.publish()
		for n in range(300):
			self.roster.add_user(f"STU_A{n:03d}", "student", 1000 + n)
		self.publish()

	def test_limit_is_reached_but_not_passed(self):
		self.publish()
		self.roster.remove_students(24)
		self.publish()  # 24 of 120 are 20 %

	def test_enrollments_may_go_by_half(self):
		self.publish()
		self.roster.remove("enrollments", 101)
		self.trip("enrollments", 200, 99, 101, 50)
		self.roster.add("enrollments", "E099", **self.roster.tables["enrollments"]["E098"] | {"sourcedId": "E099"})
		self.publish()

	def test_defaults_of_other_files(self):
		self.publish()
		before = self.roster.copy()
		self.roster.remove("academicSessions", 10)
		self.publish()
		self.roster = before
		self.publish()
		for table, old, gone in (("courses", 12, 3), ("classes", 40, 9)):
			with self.subTest(table):
				self.roster = before.copy().remove(table, gone)
				self.trip(table, old, old - gone, gone, 20)

	def test_files_beside_the_core(self):
		self.collections = CORE + ["demographics", "categories"]
		for n in range(40):
			self.roster.add("categories", f"G{n:02d}", title="Sample")
		self.add_demographics()
		self.publish()
		self.roster.remove("categories", 20)
		self.publish()
		self.roster.remove("demographics", 9)
		self.trip("demographics", 40, 31, 9, 20)

	def add_demographics(self):
		"""Forty rows, with the one of the district."""
		for n in range(39):
			self.roster.add("demographics", f"STU_{n:03d}", birthDate="2010-01-01")

	def test_a_file_that_stops_coming(self):
		"""A receiver takes that for a file without rows."""
		self.collections = CORE + ["demographics"]
		self.add_demographics()
		self.publish()
		self.collections = CORE
		self.trip_absent("demographics", 40)
		self.publish("--max-drop", "demographics=100%")

	def test_a_file_that_the_server_refuses_all_at_once(self):
		self.collections = CORE + ["demographics"]
		self.add_demographics()
		allow = ("--allow-missing", "demographics")
		self.publish(*allow)
		self.roster.tables["demographics"].clear()
		self.collections = CORE  # of which the truth is made
		allow += ("--collections", "core,demographics")
		self.trip_absent("demographics", 40, *allow, scenario={"forbidden": ["demographics"]})

	def test_rows_left_out_for_dead_references(self):
		"""One class of forty is gone, and with it nearly all enrollments."""
		for row in self.roster.tables["enrollments"].values():
			row["class"] = {"sourcedId": "K38"}
		self.publish()
		for key in list(self.roster.tables["enrollments"])[:5]:
			self.roster.tables["enrollments"][key]["class"] = {"sourcedId": "K37"}
		self.roster.remove("classes", 1)
		run = self.trip("enrollments", 200, 5, 195, 50, "--dangling", "drop")
		self.assertEqual({f["file"]: f["rows"] for f in run.report["bundles"][0]["files"]}["enrollments.csv"], 5)

	def test_no_enrollments_left(self):
		self.publish()
		self.roster.tables["enrollments"].clear()
		before = self.marks(self.zip)
		self.server.show(self.roster)
		run = self.program(self.arguments("--auth", "none", login=False))
		self.assertIn(run.code, (3, 6), run.shown)
		self.assertIn("enrollments.csv", run.error)
		self.assertEqual(self.marks(self.zip), before)
		self.trip_absent("enrollments", 200, "--allow-empty", "enrollments")
		run = self.run_export("--allow-empty", "enrollments", "--empty", "header", expect=6)
		self.assertRegex(run.error, r"\benrollments\.csv had 200 rows and has 0 now")
		self.assertEqual(self.marks(self.zip), before)


class SmallFiles(Guarded):
	"""In a file of nine rows a percentage says nothing."""

	def test_nine_and_ten_rows(self):
		self.collections = CORE + ["categories"]
		for n in range(9):
			self.roster.add("categories", f"G{n:02d}", title="Sample")
		self.roster.remove("courses", 3)  # leaves nine
		self.publish()
		self.roster.remove("courses", 8)
		self.roster.remove("categories", 9)
		self.publish()
		for n in range(10):
			self.roster.add("categories", f"H{n:02d}", title="Sample")
		self.publish()
		self.roster.remove("categories", 6)
		self.trip("categories", 10, 4, 6, 50)

	def test_small_core_file_of_which_nothing_is_left(self):
		"""The district was numbered anew: few rows, and all of them are others now."""
		files = self.roster.truth(CORE)
		for name in ("orgs.csv", "academicSessions.csv"):
			lines = files[name].split(b"\r\n")
			others = [b"Z-" + line for line in lines[1:4] if line]
			path = self.write_bundle({**files, name: b"\r\n".join(lines[:1] + others) + b"\r\n"}, name + ".zip")
			rows = len(others)
			with self.subTest(name):
				run = self.refuse("--previous", path)
				self.assertIn(name, run.error)
				self.assertRegex(run.error, rf"\b{rows}\b")
				self.assertIn("--force-once", run.err)

	def test_small_core_file_of_which_one_is_left(self):
		files = self.roster.truth(CORE)
		lines = files["courses.csv"].split(b"\r\n")
		files["courses.csv"] = b"\r\n".join(lines[:2] + [b"Z-" + line for line in lines[2:9]]) + b"\r\n"
		self.publish("--previous", self.write_bundle(files, "before.zip"))


class ChangedIds(Guarded):
	def test_all_users_under_new_ids(self):
		self.publish()
		self.roster.renumber("users")
		run = self.trip("users", 120, 120, 118, 20)
		self.assertRegex(run.error, r"(?i)\bids?\b|sourcedId")
		self.assertRegex(run.error, r"(?i)chang|other|new")
		self.assertRegex(run.error, r"\b118\b.*\b118\b")
		self.publish("--force-once")
		self.publish()

	def test_gone_users_are_not_called_renumbered(self):
		self.publish()
		self.roster.remove_students(60)
		run = self.trip("users", 120, 60, 60, 20)
		self.assertNotRegex(run.error, r"(?i)\bids\b (have )?chang|(an)?other sourcedId|new id")

	def test_a_few_new_ids_are_fine(self):
		self.publish()
		self.roster.renumber("users", 20)
		self.publish()


class Before(Guarded):
	"""Which bundle counts as the one before."""

	def test_first_run_says_that_there_was_nothing(self):
		run = self.publish()
		self.assertRegex(run.out + run.err, "(?i)compare")
		self.assertEqual(run.warnings, [])
		self.roster.remove_students(1)
		run = self.publish()
		self.assertNotRegex(run.out + run.err, "(?i)nothing to compare|first bundle")

	def test_first_run_quietly(self):
		run = self.publish("--quiet")
		self.assertEqual(run.out + run.err, "")

	def test_output_that_was_taken_away(self):
		"""As by a receiver that fetches and removes its file."""
		self.publish()
		os.unlink(self.zip)
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20)
		self.assertEqual(os.listdir(self.out_folder), [])

	def test_output_of_another_name(self):
		self.publish()
		"""Another output is another bundle: it has a record of its own, and the first one keeps its guard."""
		other = os.path.join(self.out_folder, "Other.zip")
		self.roster.remove_students(30)
		run = self.publish(output=other, path=other)
		self.assertEqual(len(run.warnings), 1)
		self.assertIn("another bundle: this one has a record of its own, and nothing to be compared with", run.err)
		self.trip("users", 120, 90, 30, 20)

	def test_output_that_somebody_overwrote(self):
		self.publish()
		self.old_bundle()
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20)

	def test_bundle_from_before_there_was_a_state(self):
		self.write_bundle(self.roster.truth(CORE), "out/OneRoster.zip")
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20)

	def test_foreign_bundle_in_the_place_of_the_first(self):
		"""Made by another program: quoted, LF, in another order, with a column more."""
		world = snapshots.World()
		for n in range(50):
			world.rows["categories"][f"Z{n}"] = {"title": "Sample"}
		snapshots.write(world, self.zip)
		self.trip_absent("categories", 50)

	def test_named_bundle(self):
		"""previous counts in place of what was published."""
		self.publish()
		smaller = self.roster.copy().remove_students(60)
		path = self.write_bundle(smaller.truth(CORE), "smaller.zip")
		self.roster.remove_students(50)
		self.trip("users", 120, 70, 50, 20)
		self.publish("--previous", path)
		larger = self.write_bundle(Roster().truth(CORE), "larger/")
		self.roster.remove_students(1)
		self.trip("users", 120, 69, 51, 20, "--previous", larger)
		self.publish()

	def test_none(self):
		self.publish()
		self.roster.remove_students(60)
		run = self.publish("--previous", "none")
		self.assertRegex(run.out + run.err, "(?i)compare")

	def test_named_bundle_that_is_not_there(self):
		self.publish()
		before = self.marks(self.zip)
		self.roster.remove_students(1)
		run = self.run_export("--previous", self.path("nowhere.zip"), expect=2)
		self.assertIn("nowhere.zip", run.error)
		self.assertEqual(self.marks(self.zip), before)

	def test_named_bundle_that_is_none(self):
		self.publish()
		before = self.marks(self.zip)
		self.roster.remove_students(1)
		self.server.show(self.roster)
		run = self.program(self.arguments("--auth", "none", "--previous", self.write("text.zip", "no zip"), login=False))
		self.assertIn(run.code, (2, 3), run.shown)
		self.assertIn("text.zip", run.error)
		self.assertEqual(self.marks(self.zip), before)

	def test_damaged_state_does_not_disarm(self):
		"""Whatever of the state is cut or gone: 30 % are not published."""
		self.publish()
		self.roster.remove_students(30)
		self.server.show(self.roster)
		files = {}
		for place, _, names in os.walk(self.state):
			for name in names:
				if name != "lock":
					with open(os.path.join(place, name), "rb") as f:
						files[os.path.join(place, name)] = f.read()
		self.assertNotEqual(files, {})
		before = self.marks(self.zip)
		for paths in [[path] for path in files] + [list(files)]:
			for share in (0, 0.5, None):
				with self.subTest(paths=[os.path.basename(path) for path in paths], share=share):
					for path in paths:
						if share is None:
							os.unlink(path)
							continue
						with open(path, "wb") as f:
							f.write(files[path][:int(len(files[path]) * share)])
					run = self.program(self.arguments("--auth", "none", login=False))
					self.assertEqual(run.code, 6, run.shown)
					self.assertEqual(self.marks(self.zip), before)
			for path in paths:
				with open(path, "wb") as f:
					f.write(files[path])


class Settings(Guarded):
	def test_limit_for_all_files(self):
		self.publish()
		self.roster.remove_students(7)
		self.trip("users", 120, 113, 7, 5, "--max-drop", "5%")
		self.roster = Roster()
		self.roster.remove("enrollments", 30)
		self.trip("enrollments", 200, 170, 30, 10, "--max-drop", "10%")
		self.publish("--max-drop", "15%")

	def test_limits_of_single_files(self):
		self.publish()
		self.roster.remove_students(15)
		self.trip("users", 120, 105, 15, 10, "--max-drop", "users=10%, enrollments=60%")
		self.publish("--max-drop", "users=12.5%, enrollments=60%")
		self.roster.remove_students(34)
		self.publish("--max-drop", "users=40%, enrollments=60%")
		self.roster.remove("classes", 9)
		self.trip("classes", 40, 31, 9, 20, "--max-drop", "users=40%, enrollments=60%")

	def test_one_file_is_more_exact_than_all(self):
		self.publish()
		self.roster.remove("classes", 16)
		self.roster.remove_students(13)
		for text in ("50%, users=10%", "users=10%, 50%"):
			self.trip("users", 120, 107, 13, 10, "--max-drop", text)
		self.publish("--max-drop", "50%, users=11%")

	def test_nothing_may_go(self):
		self.publish()
		self.roster.remove_students(1)
		self.trip("users", 120, 119, 1, 0, "--max-drop", "users=0%")

	def test_a_hundred_percent_switches_it_off(self):
		self.publish()
		self.roster.remove_students(90)
		self.publish("--max-drop", "100%")
		self.roster.remove("classes", 30)
		self.publish("--max-drop", "classes=100%")

	def test_least_rows(self):
		run = self.refuse("--min-rows", "users=121")
		self.assertFalse(os.path.exists(self.zip))
		for text in (r"users\.csv", r"\b120\b", r"\b121\b", "min-rows"):
			self.assertRegex(run.error, text)
		self.assertIn("--force-once", run.err)
		run = self.refuse("--min-rows", "users=100, enrollments=5000")
		self.assertRegex(run.error, r"enrollments\.csv.*\b5000\b")
		self.refuse("--min-rows", "categories=1")
		self.publish("--min-rows", "users=120, enrollments=1")

	def test_least_rows_by_force(self):
		self.publish("--min-rows", "users=121", "--force-once")

	def test_least_rows_count_beside_the_limits(self):
		self.publish()
		self.roster.remove_students(2)
		self.refuse("--min-rows", "users=119")
		self.publish("--min-rows", "users=118")

	def test_force_is_for_one_run_only(self):
		self.publish()
		self.roster.remove_students(30)
		before = self.marks(self.zip)
		for text in ("force-once = true", "force-once = yes", "force-once ="):
			run = self.run_export(config=self.config(f"output = {self.zip}\n{text}\n"), expect=2)
			self.assertRegex(run.error, r"run\.conf:\d+: .*force-once")
		run = self.run_export(config=self.config(f"[bundle a]\noutput = {self.zip}\nforce-once = true\n"), expect=2)
		self.assertRegex(run.error, r"run\.conf:\d+: .*force-once")
		self.server.show(self.roster)
		run = self.program(self.arguments("--auth", "none", login=False), {"ROSTERZIP_FORCE_ONCE": "true"})
		self.assertIn(run.code, (2, 6), run.shown)
		self.assertEqual(self.marks(self.zip), before)

	def test_force_publishes_nothing_that_is_wrong(self):
		self.publish()
		self.roster.tables["users"]["STU_000"]["role"] = "wizard"
		self.refuse("--force-once", expect=3)

	def test_mistakes(self):
		before = self.old_bundle()
		wrong = {
			"max-drop": ["many", "101%", "-5%", "users", "users=", "=5%", "people=10%", "manifest=10%", "users=10%;classes=5%",
				"20%%", "1e1%", "users=10=5%", "users.role=5%", "nan%", "0x10%"],
			"min-rows": ["1000", "users", "users=many", "users=-1", "users=1.5", "people=5", "users=10%",
				"users=99999999999999999999999"],
			"allow-errors": ["nothing.such", "users.wizard", "users"],
			"previous": [""],
		}
		for words in [(name, value) for name, values in wrong.items() for value in values]:
			with self.subTest(words):
				run = self.program(self.arguments("--auth", "none", "--" + words[0], words[1], login=False))
				self.assertEqual(run.code, 2, run.shown)
				self.assertIn(words[0], run.error)
		self.assertEqual(self.mark(self.zip), before)
		self.assertEqual(self.server.log, [])

	def test_mistakes_in_the_file(self):
		for text in ("max-drop = many", "min-rows = 5", "allow-errors = nothing.such"):
			with self.subTest(text):
				run = self.program(["export", "--config", self.config(f"output = {self.zip}\n{text}\n")])
				self.assertEqual(run.code, 2, run.shown)
				self.assertRegex(run.error, rf"run\.conf:7: .*{text.partition(' ')[0]}")


class Sections(Guarded):
	"""Several bundles of one read: each has its guard."""

	def setUp(self):
		super().setUp()
		self.archive = os.path.join(self.out_folder, "archive.zip")
		self.vendor = os.path.join(self.out_folder, "vendor.zip")

	def test_one_trips_and_the_other_does_not(self):
		for first, second in (("archive", "vendor"), ("vendor", "archive")):
			with self.subTest(first):
				self.roster = Roster()
				both = {"archive": f"[bundle archive]\noutput = {self.archive}\n",
					"vendor": f"[bundle vendor]\noutput = {self.vendor}\nmax-drop = users=5%\n"}
				path = self.config(both[first] + both[second], top="max-drop = users=50%")
				self.run_export("--force-once", config=path)
				self.roster.remove_students(10)
				before = self.marks(self.vendor)
				run = self.run_export(config=path, expect=6)
				self.assertIn("vendor", run.error)
				self.assertRegex(run.error, r"users\.csv")
				self.assertEqual(self.marks(self.vendor), before)
				self.assert_files(self.bundle(self.archive), self.roster.truth(CORE))
				self.assertEqual(self.kept_names(), ["vendor.json", "vendor.zip"])
				self.assert_files(self.bundle(os.path.join(self.kept, "vendor.zip")), self.roster.truth(CORE))
				self.assertEqual({b["name"]: b["published"] for b in run.report["bundles"]}["vendor"], False)
				run = self.run_export("--force-once", config=path)
				self.assert_files(self.bundle(self.vendor), self.roster.truth(CORE))
				self.assertEqual(self.kept_names(), [])

	def test_the_gravest_is_the_exit_code(self):
		self.publish(output=self.vendor, path=self.vendor)
		wrong = os.path.join(self.out_folder, "wrong.zip")
		self.roster.remove_students(10)
		self.roster.tables["users"]["STU_000"]["role"] = "wizard"
		sections = [f"[bundle wrong]\noutput = {wrong}\n",
			f"[bundle vendor]\noutput = {self.vendor}\nmax-drop = 1%\nallow-errors = field.enum\n",
			f"[bundle archive]\noutput = {self.archive}\nallow-errors = users.role\nmax-drop = 50%\n"]
		for text in ("".join(sections), "".join(reversed(sections))):
			before = self.marks(self.vendor)
			self.server.show(self.roster)
			run = self.program(["export", "--config", self.config(text)])
			self.assertEqual(run.code, 6, run.shown)
			self.assertFalse(os.path.exists(wrong))
			self.assertEqual(self.marks(self.vendor), before)
			self.assert_files(self.bundle(self.archive), self.roster.truth(CORE))
			self.assertEqual(self.kept_names(), ["vendor.json", "vendor.zip", "wrong.json", "wrong.zip"])
			for word in ("vendor", "wrong"):
				self.assertIn(f"bundle {word}", run.err)
			os.unlink(self.archive)

	def test_names_that_are_no_file_names(self):
		for name in ("../../evil", "/evil", "a/b", ".", "..", "x" * 300, "\u00e9 \u6f22"):
			with self.subTest(name):
				before = self.everything()
				self.server.show(self.roster)
				path = self.config(f"[bundle {name}]\noutput = {self.archive}\nmin-rows = users=500\n")
				run = self.program(["export", "--config", path])
				self.assertIn(run.code, (2, 6), run.shown)
				self.assertEqual(self.everything() - before - {self.path("run.conf")}, set())

	def everything(self):
		"""All there is below the test's folder but what is in the state folder."""
		return {os.path.join(place, name) for place, _, names in os.walk(self.folder) for name in names
			if not place.startswith(self.state)}

	def test_names_that_are_alike_share_nothing(self):
		path = self.config(f"[bundle a b]\noutput = {self.archive}\n[bundle a_b]\noutput = {self.vendor}\nquote = all\n")
		self.server.show(self.roster)
		if self.program(["export", "--config", path]).code == 2:
			return
		before = self.marks(self.archive), self.marks(self.vendor)
		self.run_export(config=path)
		self.assertEqual((self.marks(self.archive), self.marks(self.vendor)), before)


class Unchanged(Guarded):
	"""What has not changed is not published again."""

	WEST, EAST, MIDDLE = ({"TZ": zone} for zone in ("WWW9", "EEE-7", "MMM0"))  # three times of day at once

	def unchanged(self, *extra, path=None, **how):
		path = path or self.zip
		before = self.marks(path), sorted(os.listdir(self.out_folder))
		run = self.run_export(*extra, **how)
		self.assertRegex(run.out + run.err, r"(?i)unchanged|not changed|nothing( has)? changed|no change")
		self.assertNotRegex(run.out, r"\Apublished")
		self.assertEqual((self.marks(path), sorted(os.listdir(self.out_folder))), before)
		return run

	def test_same_data(self):
		self.publish()
		run = self.unchanged()
		self.assertEqual(run.warnings, [])
		self.unchanged("--page-size", 7)
		self.assertEqual(self.run_export("--quiet").err, "")
		self.roster.tables["users"]["STU_000"]["familyName"] = "Family-other"
		before = self.marks(self.zip)
		self.publish()
		self.assertNotEqual(self.marks(self.zip), before)
		self.unchanged()

	def test_back_and_forth(self):
		"""What counts is the bundle before, not any that ever was."""
		first = self.roster.copy()
		self.publish()
		self.roster.remove_students(1)
		self.publish()
		self.roster = first
		self.publish()

	def test_output_that_was_taken_away(self):
		self.publish()
		os.unlink(self.zip)
		self.publish()
		self.unchanged()

	def test_output_that_somebody_damaged(self):
		self.publish()
		with open(self.zip, "r+b") as f:
			f.truncate(1000)
		self.publish()
		self.unchanged()

	def test_output_moved_elsewhere(self):
		self.publish()
		other = os.path.join(self.out_folder, "Other.zip")
		self.publish(output=other, path=other)
		self.unchanged(output=other, path=other)

	def test_dated_output(self):
		pattern = os.path.join(self.out_folder, "roster-%Y%m%d-%H.zip")
		names = lambda: sorted(os.path.join(self.out_folder, name) for name in os.listdir(self.out_folder))
		self.run_export(output=pattern, env=self.WEST)
		first, = names()
		self.assert_files(self.bundle(first), self.roster.truth(CORE))
		self.unchanged(path=first, output=pattern, env=self.EAST)
		self.assertEqual(names(), [first])
		os.unlink(first)
		self.run_export(output=pattern, env=self.EAST)
		second, = names()
		self.assertNotEqual(second, first)
		self.roster.remove_students(1)
		before = self.marks(second)
		self.run_export(output=pattern, env=self.MIDDLE)
		self.assertEqual(len(names()), 2)
		self.assertEqual(self.marks(second), before)
		third, = set(names()) - {second}
		self.assert_files(self.bundle(third), self.roster.truth(CORE))
		os.unlink(second)  # an older one: of no account
		self.unchanged(path=third, output=pattern, env=self.EAST)
		self.roster.remove_students(40)
		self.trip("users", 119, 79, 40, 20, output=pattern, env=self.EAST, path=third)
		self.assertEqual(names(), [third])

	def test_changed_options(self):
		self.publish()
		for words in (["--quote", "all"], ["--quote", "all", "--eol", "lf"], ["--source-name", "Sample SIS"],
				["--empty", "header", "--collections", ",".join(CORE + ["categories"])], []):
			with self.subTest(words):
				before = self.marks(self.zip)
				self.run_export(*words)
				self.assertNotEqual(self.marks(self.zip), before)
				self.unchanged(*words)

	def test_options_that_change_nothing(self):
		self.publish()
		self.unchanged("--max-drop", "5%", "--parallel", 1)

	def test_loose_files(self):
		loose = os.path.join(self.out_folder, "loose") + "/"
		self.publish(output=loose, path=loose)
		self.unchanged(output=loose, path=loose)
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20, output=loose, path=loose)
		self.publish("--force-once", output=loose, path=loose)
		self.unchanged(output=loose, path=loose)
		self.roster.remove_students(20)
		self.trip("users", 90, 70, 20, 20, output=loose, path=loose)
		for name in os.listdir(loose):
			os.unlink(loose + name)
		os.rmdir(loose)
		self.roster.add_user("STU_900", "student", 900)
		self.trip("users", 90, 71, 20, 20, output=loose, path=loose)

	def test_loose_file_that_was_taken_away(self):
		loose = os.path.join(self.out_folder, "loose") + "/"
		self.publish(output=loose, path=loose)
		os.unlink(loose + "users.csv")
		self.publish(output=loose, path=loose)

	def test_nothing_is_unchanged_after_a_refusal(self):
		"""The refused bundle was not published, so that it is new every time."""
		self.publish()
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20)
		self.trip("users", 120, 90, 30, 20)
		self.roster = Roster()
		self.unchanged()


class WrongData(Guarded):
	"""A bundle with an error is not published, unless that error is allowed."""

	def setUp(self):
		super().setUp()
		self.publish()
		self.roster.tables["users"]["STU_000"]["role"] = "wizard"

	def test_refused_and_kept(self):
		run = self.refuse(expect=3)
		self.assertRegex(run.error, r"users\.csv.*\brole\b")
		self.assertNotIn("wizard", run.err)
		with open(os.path.join(self.kept, "bundle.json"), encoding="utf-8") as f:
			self.assertIn("field.enum", f.read())
		self.roster.remove_students(1)
		self.refuse(expect=3)  # takes the place of the one before
		self.roster.tables["users"]["STU_000"]["role"] = "student"
		self.publish()

	def test_allowed_by_rule(self):
		self.publish("--allow-errors", "field.enum")

	def test_allowed_by_column(self):
		self.publish("--allow-errors", "users.role")

	def test_allowed_for_another(self):
		self.refuse("--allow-errors", "field.date", expect=3)
		self.refuse("--allow-errors", "enrollments.role,users.username", expect=3)

	def test_allowed_errors_do_not_disarm_the_guard(self):
		self.roster.remove_students(30)
		self.trip("users", 120, 90, 30, 20, "--allow-errors", "field.enum")

	def test_wrong_first_bundle(self):
		os.unlink(self.zip)
		self.state = self.path("state2")
		self.kept = os.path.join(self.state, "refused")
		self.refuse(expect=3)
		self.assertFalse(os.path.exists(self.zip))


if __name__ == "__main__":
	unittest.main()

"""Two snapshots compared, and the delta bundle that turns the first into the second.

The pairs are made by chance and written in the manner of many programs; what a comparison must find is worked out by
snapshots.py, and the delta is applied by delta.py. Neither knows anything of the program.
"""

import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import unittest
import zipfile

import delta
import snapshots
from harness import OLD_BUNDLE, PROGRAM, Case
from test_main_job import HEADERS
from yardstick import MEASURE

PAIRS = int(os.environ.get("ROSTERZIP_PAIRS") or 30)  # for each of four tests
MEMORY = {"ASAN_OPTIONS": "exitcode=99:quarantine_size_mb=1"}  # else what was freed counts as used


def tables(run):
	"""What the program's JSON says of each table, in the manner of snapshots.differences. Files of which it says nothing
	have no rows on either side."""
	said = {name: {"old": 0, "new": 0, "added": 0, "removed": 0, "changed": 0, "columns": {}} for name in delta.FILES}
	for file in json.loads(run.out)["files"]:
		name = file["file"].removesuffix(".csv")
		said[name] = {"old": file["old"], "new": file["new"], "added": file["added"], "removed": file["removed"],
			"changed": file["changed"], "columns": {c["column"]: c["changed"] for c in file["columns"] if c["changed"]}}
	return said


class Compare(Case):
	"""A test with two bundles, old and new."""

	def setUp(self):
		super().setUp()
		self.temporary = self.path("tmp")
		os.mkdir(self.temporary)
		self.out = self.path("out", "delta.zip")

	def diff(self, old, new, *extra, expect=0, env=None):
		run = self.program(["diff", old, new, *extra], {"TMPDIR": self.temporary, **(env or {})})
		self.assertEqual(run.code, expect, run.shown)
		self.assertEqual(os.listdir(self.temporary), [], "working files were left behind")
		return run

	def base(self):
		"""A small world in which everything is plain and nothing stands by chance."""
		world = snapshots.World()
		rows = world.rows
		rows["orgs"]["district"] = {"name": "Sample District", "type": "district", "identifier": "", "parentSourcedId": ""}
		rows["orgs"]["994"] = {"name": "Sample High", "type": "school", "identifier": "0000994",
			"parentSourcedId": "district"}
		rows["academicSessions"]["Y"] = {"title": "Year", "type": "schoolYear", "startDate": "2025-08-11",
			"endDate": "2026-06-05", "parentSourcedId": "", "schoolYear": "2026"}
		rows["courses"]["C1"] = {"title": "Sample Course", "orgSourcedId": "district"}
		rows["classes"]["K1"] = {"title": "Sample Class", "courseSourcedId": "C1", "classType": "scheduled",
			"schoolSourcedId": "994", "termSourcedIds": "Y"}
		for n in range(1, 21):
			rows["users"][f"STU_{n}"] = self.user(n)
			rows["enrollments"][f"E_{n}"] = {"classSourcedId": "K1", "schoolSourcedId": "994", "userSourcedId": f"STU_{n}",
				"role": "student", "primary": "", "beginDate": "", "endDate": ""}
		return world

	@staticmethod
	def user(n):
		return {"enabledUser": "true", "orgSourcedIds": "994", "role": "student", "username": f"username{n}",
			"givenName": f"Given{n}", "familyName": f"Family{n}", "identifier": f"77{n:05d}",
			"email": f"mail{n}@sample.example", "phone": f"555-01{n:02d}", "grades": "09"}

	def bundle_of(self, world, name):
		return snapshots.write(world, self.path(name))

	def files_of(self, world):
		return delta.read(snapshots.write(world, self.path("plain-files.zip")))

	def pair(self, change, world=None):
		"""The paths of two bundles: the base, and what the function made of it."""
		old = world or self.base()
		new = old.copy()
		change(new)
		return self.bundle_of(old, "old.zip"), self.bundle_of(new, "new.zip")

	def apply(self, old, new, path=None):
		"""The delta turns old into new, row for row."""
		have = delta.apply(delta.bulk(old), path or self.out)
		want = delta.bulk(new)
		for table in delta.FILES:
			self.assertEqual(sorted(have[table]), sorted(want[table]), f"{table}: ids")
			for key, row in want[table].items():
				for name in {**row, **have[table][key]}:
					if name not in ("status", "dateLastModified"):
						self.assertEqual(have[table][key].get(name, ""), row.get(name, ""), f"{table} {key!r}: {name}")


class Pairs(Compare):
	"""Pairs by chance: counts, delta, and what the program's own judge says of the delta."""

	def pairs(self, first):
		deltas = []
		for n in range(first, first + PAIRS):
			with self.subTest(n):
				dice = random.Random(f"pair {n}")
				maker = snapshots.Maker(dice)
				world = maker.world()
				old = snapshots.write(world, self.path(f"old{n}.zip"), dice)
				new = snapshots.write(maker.successor(world), self.path(f"new{n}.zip"), dice)
				out = os.path.join(self.out_folder, f"delta{n}.zip")
				run = self.diff(old, new, "--json", "--delta", out)
				wanted = snapshots.differences(delta.bulk(old), delta.bulk(new))
				self.assertEqual(tables(run), wanted, run.shown)
				self.apply(old, new, out)
				self.check_form(out, wanted)
				deltas.append(out)
		run = self.program(["validate", *deltas])
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual(sorted(os.listdir(self.out_folder)), sorted(map(os.path.basename, deltas)))

	def check_form(self, out, wanted):
		"""A delta has exactly the rows that differ, once each, in order, under the standard's header."""
		files = delta.read(out)
		self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o600)
		with zipfile.ZipFile(out) as z:
			self.assertEqual(z.namelist(), ["manifest.csv"] + sorted(set(files) - {"manifest.csv"}))
		for table, counts in wanted.items():
			rows = counts["added"] + counts["removed"] + counts["changed"]
			if rows == 0:
				self.assertNotIn(table + ".csv", files, "nothing changed, and yet there is a file")
				continue
			lines = delta.cells(files[table + ".csv"])
			self.assertEqual(len(lines) - 1, rows, table)
			standard = HEADERS[table + ".csv"].split(",")
			self.assertEqual(lines[0][:len(standard)], standard)
			self.assertEqual([n for n in lines[0][len(standard):] if not n.startswith("metadata.")], [])
			ids = [line[0].encode() for line in lines[1:]]
			self.assertEqual(ids, sorted(set(ids)), f"{table}: order")

	def test_first(self):
		self.pairs(0)

	def test_second(self):
		self.pairs(PAIRS)

	def test_third(self):
		self.pairs(2 * PAIRS)

	def test_fourth(self):
		self.pairs(3 * PAIRS)


class Findings(Compare):
	"""What is found is said, to people and to programs."""

	def file(self, run, name):
		return next(f for f in json.loads(run.out)["files"] if f["file"] == name)

	def test_changed_columns_are_counted(self):
		def change(world):
			for n in (1, 2, 3):
				world.rows["users"][f"STU_{n}"]["familyName"] += "-Other"
			for n in (3, 4):
				world.rows["users"][f"STU_{n}"]["grades"] = "10"
			world.rows["orgs"]["994"]["identifier"] = ""
		old, new = self.pair(change)
		run = self.diff(old, new, "--json")
		said = tables(run)
		self.assertEqual(said["users"], {"old": 20, "new": 20, "added": 0, "removed": 0, "changed": 4,
			"columns": {"familyName": 3, "grades": 2}})
		self.assertEqual(said["orgs"]["columns"], {"identifier": 1})
		self.assertEqual(said["enrollments"]["changed"], 0)
		text = self.diff(old, new).out
		for word in ("familyName", "grades", "identifier", "users.csv", "orgs.csv"):
			self.assertIn(word, text)

	def test_text_has_the_numbers(self):
		def change(world):
			for n in range(1, 8):
				del world.rows["enrollments"][f"E_{n}"]
			for n in range(100, 113):
				world.rows["users"][f"STU_{n}"] = self.user(n)
		run = self.diff(*self.pair(change))
		users = next(line for line in run.out.splitlines() if "users" in line)
		enrollments = next(line for line in run.out.splitlines() if "enrollments" in line)
		self.assertRegex(users, r"\b13\b")
		self.assertRegex(enrollments, r"\b7\b")
		self.assertNotIn("courses.csv", "".join(line for line in run.out.splitlines() if re.search(r"[1-9]\d* added", line)))

	def test_order_form_and_quoting_are_no_difference(self):
		world = self.base()
		old = self.bundle_of(world, "old.zip")
		new = snapshots.write(world, self.path("new.zip"), random.Random("another style"))
		run = self.diff(old, new, "--json")
		self.assertEqual({(t["added"], t["removed"], t["changed"]) for t in tables(run).values()}, {(0, 0, 0)})

	def test_identical(self):
		world = self.base()
		old, new = self.bundle_of(world, "old.zip"), self.bundle_of(world, "new.zip")
		for pair in ((old, new), (old, old)):
			run = self.diff(*pair)
			self.assertRegex(run.out, "(?i)same|identical|no difference|nothing (has )?changed|do not differ")
			run = self.diff(*pair, "--json")
			self.assertEqual({(t["added"], t["removed"], t["changed"]) for t in tables(run).values()}, {(0, 0, 0)})
		self.diff(old, new, "--delta", self.out)
		self.assertEqual(list(delta.read(self.out)), ["manifest.csv"])
		self.apply(old, new)
		self.assertEqual(self.program(["validate", self.out]).code, 0)

	def test_username_under_new_ids(self):
		def change(world):
			for n in range(1, 15):
				user = world.rows["users"].pop(f"STU_{n}")
				world.rows["users"][f"NEW-{n}"] = {**user, "identifier": f"88{n:05d}"}
				world.rows["enrollments"][f"E_{n}"]["userSourcedId"] = f"NEW-{n}"
			del world.rows["users"]["STU_15"], world.rows["enrollments"]["E_15"]
			world.rows["users"]["STU_30"] = self.user(30)
		old, new = self.pair(change)
		users = self.file(self.diff(old, new, "--json"), "users.csv")
		self.assertEqual((users["removed"], users["added"], users["churned"]), (15, 15, 14))
		self.assertIn("username", json.dumps(users))
		self.assertRegex(self.diff(old, new).out, r"(?i)\b14\b.*(id|username)")

	def test_identifier_under_new_ids(self):
		def change(world):
			for n in range(1, 8):
				user = world.rows["users"].pop(f"STU_{n}")
				world.rows["users"][f"NEW-{n}"] = {**user, "username": f"renamed{n}"}
				world.rows["enrollments"][f"E_{n}"]["userSourcedId"] = f"NEW-{n}"
		users = self.file(self.diff(*self.pair(change), "--json"), "users.csv")
		self.assertEqual((users["removed"], users["added"], users["churned"]), (7, 7, 7))

	def test_those_who_leave_and_those_who_come_are_no_churn(self):
		"""Blank identifiers are nobody's, and a username that stays with its id has not moved."""
		def change(world):
			for n in range(1, 11):
				del world.rows["users"][f"STU_{n}"], world.rows["enrollments"][f"E_{n}"]
				world.rows["users"][f"NEW-{n}"] = {**self.user(n + 40), "identifier": "", "email": ""}
		old = self.base()
		for user in old.rows["users"].values():
			user.update(identifier="", email="")
		users = self.file(self.diff(*self.pair(change, old), "--json"), "users.csv")
		self.assertEqual((users["removed"], users["added"], users["churned"]), (10, 10, 0))

	def test_of_lines_with_one_id_the_last_counts(self):
		world = self.base()
		old = self.bundle_of(world, "old.zip")
		files = self.files_of(world)
		line = next(one for one in files["users.csv"].split(b"\r\n") if one.startswith(b"STU_7,"))
		files["users.csv"] += line.replace(b"Family7", b"Later7") + b"\r\n"
		new = self.path("new.zip")
		snapshots.store(files, new)
		run = self.diff(old, new, "--json", "--delta", self.out)
		self.assertEqual(tables(run)["users"], {"old": 20, "new": 20, "added": 0, "removed": 0, "changed": 1,
			"columns": {"familyName": 1}})
		self.apply(old, new)

	def test_no_personal_data_unless_asked_for(self):
		def change(world):
			for n in range(1, 6):
				del world.rows["users"][f"STU_{n}"], world.rows["enrollments"][f"E_{n}"]
			for n in range(6, 11):
				world.rows["users"][f"STU_{n}"].update(familyName=f"Newfamily{n}", email=f"new{n}@sample.example")
			for n in range(11, 16):
				user = world.rows["users"].pop(f"STU_{n}")
				world.rows["users"][f"NEW_{n}"] = user
				world.rows["enrollments"][f"E_{n}"]["userSourcedId"] = f"NEW_{n}"
			world.rows["users"]["STU_90"] = self.user(90)
		old, new = self.pair(change)
		personal = re.compile(r"STU_|NEW_|E_\d|username\d|Given\d|(?i:family)\d|sample\.example|555-01|77\d{5}")
		for extra in ([], ["--json"], ["--verbose"], ["--delta", self.out], ["--json", "--verbose"]):
			run = self.diff(old, new, *extra)
			self.assertIsNone(personal.search(run.out + run.err), run.shown)
		for extra in ([], ["--json"]):
			run = self.diff(old, new, "--show-values", *extra)
			self.assertRegex(run.out, r"STU_|NEW_", run.shown)

	def test_metadata_columns_come_and_go(self):
		def change(world):
			world.extra["users"] = ["metadata.second"]
			for user in world.rows["users"].values():
				del user["metadata.first"]
			world.rows["users"]["STU_1"]["metadata.second"] = "x, y"
		old = self.base()
		old.extra["users"] = ["metadata.first"]
		for n in range(1, 21):
			old.rows["users"][f"STU_{n}"]["metadata.first"] = "yes" if n < 4 else ""
		old, new = self.pair(change, old)
		run = self.diff(old, new, "--json", "--delta", self.out)
		self.assertEqual(tables(run)["users"]["columns"], {"metadata.first": 3, "metadata.second": 1})
		self.apply(old, new)

	def test_folders(self):
		old, new = self.pair(lambda world: world.rows["users"]["STU_1"].update(grades="10"))
		loose = self.path("loose/")
		snapshots.store(delta.read(new), loose)
		for path in (loose, loose.rstrip("/")):
			run = self.diff(old, path, "--json", "--delta", self.out)
			self.assertEqual(tables(run)["users"]["columns"], {"grades": 1})
			self.apply(old, new)
			os.unlink(self.out)

	def test_delta_takes_the_place_of_an_older_one(self):
		old, new = self.pair(lambda world: world.rows["users"]["STU_1"].update(grades="10"))
		self.old_bundle(self.out)
		self.diff(old, new, "--delta", self.out)
		self.apply(old, new)
		self.assertEqual(os.listdir(self.out_folder), ["delta.zip"])


class Mistakes(Compare):
	"""What cannot be compared is said, with the right exit code, and nothing is written."""

	def setUp(self):
		super().setUp()
		self.old, self.new = self.pair(lambda world: world.rows["users"]["STU_1"].update(grades="10"))

	def fails(self, expect, pattern, old=None, new=None, *extra):
		before = self.old_bundle(self.out)
		run = self.diff(old or self.old, new or self.new, "--delta", self.out, *extra, expect=expect)
		self.assertRegex(run.error, pattern)
		self.assertEqual(self.mark(self.out), before, "what was at --delta was touched")
		self.assertEqual(os.listdir(self.out_folder), ["delta.zip"])
		return run

	def both(self, expect, pattern, path):
		"""The bundle cannot be compared, on either side."""
		self.fails(expect, pattern, old=path)
		self.fails(expect, pattern, new=path)

	def made_of(self, change, name="other.zip"):
		files = delta.read(self.new)
		files = change(files) or files
		path = self.path(name)
		snapshots.store(files, path)
		return path

	def test_nothing_there(self):
		self.both(2, "nowhere.zip", self.path("nowhere.zip"))
		self.both(2, "nowhere", self.path("nowhere", "x.zip"))

	def test_words(self):
		for words in ([], [self.old], [self.old, self.new, self.old], [self.old, self.new, "--frobnicate"],
				[self.old, self.new, "--delta"], [self.old, self.new, "--delta", ""],
				[self.old, self.new, "--delta", self.path("nowhere", "delta.zip")],
				[self.old, self.new, "--delta", self.out_folder]):
			with self.subTest(words):
				run = self.program(["diff", *words])
				self.assertEqual(run.code, 2, run.shown)
				self.assertEqual(run.out, "")

	def test_no_zip(self):
		self.both(3, "text.zip", self.write("text.zip", "this is no zip"))
		self.both(3, "empty.zip", self.write("empty.zip", ""))

	def test_cut_zip(self):
		with open(self.new, "rb") as f:
			data = f.read()
		for share in (0.3, 0.9):
			path = self.path("cut.zip")
			with open(path, "wb") as f:
				f.write(data[:int(len(data) * share)])
			self.both(3, "cut.zip", path)

	def test_damaged_bytes(self):
		"""A zip whose directory is whole, and whose users are not."""
		with open(self.new, "rb") as f:
			data = bytearray(f.read())
		with zipfile.ZipFile(self.new) as z:
			info = z.getinfo("users.csv")
		middle = info.header_offset + 30 + len("users.csv") + info.compress_size // 2
		data[middle] ^= 0x55
		path = self.path("flipped.zip")
		with open(path, "wb") as f:
			f.write(data)
		self.both(3, "flipped.zip|users.csv", path)

	def test_delta_at_one_of_the_bundles(self):
		os.symlink(self.new, self.path("link.zip"))
		os.link(self.old, self.path("hard.zip"))
		for out in (self.old, self.new, self.folder + "/./new.zip", self.path("out", "..", "old.zip"), self.path("link.zip"),
				self.path("hard.zip")):
			with self.subTest(out):
				before = self.mark(self.old), self.mark(self.new)
				run = self.diff(self.old, self.new, "--delta", out, expect=2)
				self.assertNotEqual(run.error, "")
				self.assertEqual((self.mark(self.old), self.mark(self.new)), before)

	def test_a_delta_is_no_snapshot(self):
		self.diff(self.old, self.new, "--delta", self.out)
		path = self.path("change.zip")
		os.rename(self.out, path)
		self.both(3, "(?i)delta", path)

	def test_one_file_of_changes(self):
		def change(files):
			files["manifest.csv"] = files["manifest.csv"].replace(b"file.users,bulk", b"file.users,delta")
		self.both(3, "(?i)delta", self.made_of(change))

	def test_no_manifest(self):
		self.both(3, "(?i)manifest", self.made_of(lambda files: {k: v for k, v in files.items() if k != "manifest.csv"}))

	def test_other_versions(self):
		def change(files):
			files["manifest.csv"] = files["manifest.csv"].replace(b"oneroster.version,1.1", b"oneroster.version,1.2")
		self.both(3, r"1\.2", self.made_of(change))

	def test_header_without_ids(self):
		def change(files):
			files["users.csv"] = files["users.csv"].replace(b"sourcedId,", b"id,", 1)
		self.both(3, r"users\.csv", self.made_of(change))

	def test_file_without_header(self):
		def change(files):
			files["users.csv"] = b""
		self.both(3, r"users\.csv", self.made_of(change))

	def test_rows_of_other_widths(self):
		"""Nobody can tell which cells are missing."""
		def change(files):
			files["users.csv"] = files["users.csv"].replace(b"STU_5,,", b"STU_5,", 1)
		self.both(3, r"users\.csv", self.made_of(change))

	def test_row_without_an_id(self):
		def change(files):
			files["users.csv"] = files["users.csv"].replace(b"STU_5,", b",", 1)
		self.both(3, r"users\.csv", self.made_of(change))

	def test_entries_that_lead_elsewhere(self):
		def change(files):
			return {**files, "../users.csv": files["users.csv"]}
		path = self.made_of(change)
		run = self.program(["diff", self.old, path, "--delta", self.out])
		self.assertIn(run.code, (0, 3), run.shown)
		self.assertFalse(os.path.exists(self.path("users.csv")))
		self.assertFalse(os.path.exists(self.path("..", "users.csv")))


class Large(Compare):
	"""Many rows cost no memory, and a run that is cut off leaves none of them behind."""

	def large(self, count):
		"""A pair with so many enrollments: of a hundred one goes, one comes, two change."""
		world = self.base()
		paths = []
		for name in ("old", "new"):
			files = self.files_of(world)
			dice = random.Random("order")
			numbers = list(range(count))
			dice.shuffle(numbers)
			lines = [HEADERS["enrollments.csv"]]
			for n in numbers:
				if n % 100 != (7 if name == "old" else 13):
					day = 1 + (n % 50 == 0 and name == "new")
					lines.append(f"E_{n:08d}_sample_enrollment_{n * 7919 % 1000003},,,K1,994,STU_{n % 20 + 1},student,,"
						f"2025-08-{day:02d},")
			files["enrollments.csv"] = ("\r\n".join(lines) + "\r\n").encode()
			paths.append(self.path(f"{name}{count}.zip"))
			snapshots.store(files, paths[-1])
		return paths

	def peak(self, count):
		paths = self.large(count)
		command = [sys.executable, "-S", "-E", "-c", MEASURE, PROGRAM, "diff", *paths, "--json", "--delta", self.out]
		done = subprocess.run(command, env=self.environment({"TMPDIR": self.temporary, **MEMORY}), cwd=self.folder,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
		self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
		text, _, measured = done.stdout.decode().rstrip("\n").rpartition("\n")
		file = next(f for f in json.loads(text)["files"] if f["file"] == "enrollments.csv")
		self.assertEqual((file["added"], file["removed"], file["changed"]), (count // 100, count // 100, count // 50))
		return float(measured.split()[0])

	def test_ten_times_the_enrollments(self):
		small = self.peak(20000)
		self.assertLess(self.peak(200000), small * 1.2 + 8e6)

	def test_ended_by_a_signal(self):
		before = self.old_bundle(self.out)
		arguments = ["diff", *self.large(100000), "--delta", self.out]
		process = subprocess.Popen([PROGRAM, *arguments], env=self.environment({"TMPDIR": self.temporary}), cwd=self.folder,
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
		process.arguments_shown = arguments
		self.addCleanup(self.stop, process)
		self.until("working files", lambda: os.listdir(self.temporary), process=process)
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.assertEqual(os.listdir(self.temporary), [])
		self.assertEqual(self.mark(self.out), before)
		self.assertEqual(os.listdir(self.out_folder), ["delta.zip"])


if __name__ == "__main__":
	unittest.main()

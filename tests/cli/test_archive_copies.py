"""Snapshots: dated zips with their checksums, which of them stay, and those that only a passphrase opens."""

import datetime
import glob
import hashlib
import json
import os
import random
import re
import shutil
import stat
import subprocess
import unittest
import zipfile

from harness import CORE, PROGRAM, SECONDS, Case, need
from test_guard import Guarded

DAY = datetime.timedelta(days=1)
PASSPHRASE = "eleven boats and one horse"
NOBODY = 65534


def keep(times, last=0, daily=0, weekly=0, monthly=0):
	"""The snapshots that stay, each with the rules that keep it, word for word as the rule is told: the newest N; and of
	each of the last N days, weeks of ISO 8601 and months that have a snapshot, the newest."""
	kept = {}
	newest_first = sorted(times, reverse=True)
	for time in newest_first[:last]:
		kept.setdefault(time, []).append("last")
	periods = (("daily", daily, lambda t: t.date()), ("weekly", weekly, lambda t: tuple(t.isocalendar())[:2]),
		("monthly", monthly, lambda t: (t.year, t.month)))
	for word, count, period in periods:
		for one in sorted({period(t) for t in times}, reverse=True)[:count]:
			kept.setdefault(max(t for t in times if period(t) == one), []).append(word)
	kept.setdefault(newest_first[0], []).append("newest")
	return kept


def run_as_nobody(case, arguments, theirs):
	"""Runs the program as a user whom the modes of files keep from things: root is kept from nothing. theirs are the
	folders and files of that user."""
	command, more = [PROGRAM], {}
	if os.getuid() == 0:
		os.chmod(case.folder, 0o755)
		command = [shutil.copy(PROGRAM, case.path("program"))]
		more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
		for path in theirs:
			os.chown(path, NOBODY, NOBODY)
	done = subprocess.run([*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
		env=case.environment(), cwd="/", timeout=SECONDS, check=False, **more)
	return case.ended(arguments, done.returncode, done.stdout, done.stderr)


class Prune(Case):
	def setUp(self):
		super().setUp()
		self.snapshots = self.path("snapshots")
		os.mkdir(self.snapshots)

	def put(self, *names):
		for name in names:
			with open(os.path.join(self.snapshots, name), "w", encoding="ascii") as f:
				f.write("a snapshot, as far as the name goes\n")

	def left(self):
		return sorted(os.listdir(self.snapshots))

	def prune(self, *arguments, expect=0, folders=None, **how):
		run = self.program(["prune", *(folders or [self.snapshots]), *map(str, arguments)], **how)
		self.assertEqual(run.code, expect, run.shown)
		return run

	def check(self, times, form, **rule):
		"""What a dry run says of the snapshots in the folder."""
		words = [word for name, count in rule.items() for word in (f"--keep-{name}", str(count))]
		run = self.prune("-n", *words)
		wanted = keep(times, **rule)
		lines = []
		for time in sorted(times):
			reasons = wanted.get(time)
			lines.append(f"keep    {time.strftime(form)}  {', '.join(reasons)}" if reasons else f"remove  {time.strftime(form)}")
		said = run.out.splitlines()
		self.assertEqual(said[:-1], lines, rule)
		self.assertTrue(said[-1].endswith(f": {len(wanted)} kept, {len(times) - len(wanted)} would be removed"), said[-1])
		return wanted

	def test_more_than_a_year(self):
		"""Every night from one autumn to the winter after the next, leap day and week 53 among them."""
		form = "eagle-%Y%m%d.zip"
		first = datetime.datetime(2019, 10, 14)
		times = [first + DAY * n for n in range(470)]
		self.put(*(time.strftime(form) for time in times))
		self.put(*(time.strftime(form) + ".sha256" for time in times[::2]))
		before = self.left()
		for rule in ({"last": 7}, {"daily": 30}, {"weekly": 60}, {"monthly": 100}, {"last": 3, "daily": 14, "weekly": 8, "monthly": 13}):
			self.check(times, form, **rule)
		self.assertEqual(self.left(), before, "a dry run removed something")
		rule = {"last": 2, "daily": 7, "weekly": 5, "monthly": 12}
		wanted = self.check(times, form, **rule)
		run = self.prune("--keep-last", 2, "--keep-daily", 7, "--keep-weekly", 5, "--keep-monthly", 12)
		self.assertEqual(run.out, f"{self.snapshots}/eagle-*.zip: {len(wanted)} kept, {470 - len(wanted)} removed\n")
		names = [time.strftime(form) for time in wanted]
		self.assertEqual(self.left(), sorted(names + [time.strftime(form) + ".sha256" for time in times[::2] if time in wanted]))
		run = self.prune("--keep-last", 2, "--keep-daily", 7, "--keep-weekly", 5, "--keep-monthly", 12)
		self.assertEqual(run.out, f"{self.snapshots}/eagle-*.zip: {len(wanted)} kept, 0 removed\n")

	def test_gaps_and_several_a_day(self):
		form = "2026-27 lake %Y-%m-%d_%H-%M-%S.zip"
		chance = random.Random(7)
		for first in (datetime.datetime(2020, 12, 1), datetime.datetime(2023, 12, 20), datetime.datetime(2024, 2, 10)):
			times = sorted({first + DAY * chance.randrange(90) + datetime.timedelta(seconds=chance.randrange(86400))
				for _ in range(70)})
			for name in self.left():
				os.unlink(os.path.join(self.snapshots, name))
			self.put(*(time.strftime(form) for time in times))
			for _ in range(4):
				rule = {name: chance.randrange(9) for name in ("last", "daily", "weekly", "monthly")}
				if any(rule.values()):
					self.check(times, form, **rule)

	def test_series_and_others(self):
		self.put("eagle-20260701.zip", "eagle-20260702.zip", "eagle-2026-07-03.zip", "lake-20250101.zip", "lake-20250102.zip",
			"lake-20250102.zip.sha256", "lake-20250101.zip.sha256", "eagle.zip", "eagle-20260101.csv", ".eagle-20260101.zip",
			"orphan-20260101.zip.sha256")
		os.mkdir(os.path.join(self.snapshots, "eagle-20260101.zip"))
		elsewhere = self.write("elsewhere.zip", "not here")
		os.symlink(elsewhere, os.path.join(self.snapshots, "eagle-20260102.zip"))
		os.symlink(self.snapshots, os.path.join(self.snapshots, "eagle-20260103.zip"))
		for name in ("photos-20260101.zip", "photos-20260102.zip"):
			with zipfile.ZipFile(os.path.join(self.snapshots, name), "w") as z:
				z.writestr("beach.jpg", b"")
		before = self.left()
		run = self.prune("--keep-last", 1, "--verbose")
		gone = ["eagle-20260701.zip", "eagle-20260702.zip", "lake-20250101.zip", "lake-20250101.zip.sha256"]
		self.assertEqual(self.left(), [name for name in before if name not in gone])
		self.assertTrue(os.path.exists(elsewhere))
		self.assertEqual(run.out.splitlines(), ["remove  eagle-20260701.zip", "remove  eagle-20260702.zip",
			"keep    eagle-2026-07-03.zip  last, newest", f"{self.snapshots}/eagle-*.zip: 1 kept, 2 removed",
			"remove  lake-20250101.zip", "keep    lake-20250102.zip  last, newest",
			f"{self.snapshots}/lake-*.zip: 1 kept, 1 removed"])
		self.assertEqual(self.prune("--keep-last", 1, "--quiet").out, "")

	def test_wrong_use(self):
		self.put("eagle-20260701.zip", "eagle-20260702.zip")
		before = self.left()
		for arguments, pattern in (([], "keep-last N"), (["--keep-last", 0], "keep-last N"), (["--keep-last", -1], "keep-last"),
				(["--keep-last", "all"], "keep-last"), (["--keep-hourly", 3], "keep-hourly"), (["--output", "x"], "output")):
			self.assertRegex(self.prune(*arguments, expect=2).error, pattern)
		run = self.program(["prune", "--keep-last", "1"])
		self.assertEqual(run.code, 2)
		self.assertRegex(run.error, "DIR")
		self.assertRegex(self.prune("--keep-last", 1, folders=[self.path("missing")], expect=2).error, "no folder")
		self.assertRegex(self.prune("--keep-last", 1, folders=[self.secret_file], expect=2).error, "no folder")
		self.assertEqual(self.left(), before)
		self.assertRegex(self.prune("--help").out, r"(?s)--keep-daily.*--dry-run")
		run = self.prune("--keep-last", 1, folders=[self.out_folder])
		self.assertRegex(run.out, "no snapshots")

	def test_other_folders_go_on(self):
		self.put("eagle-20260701.zip", "eagle-20260702.zip")
		run = self.prune(folders=[self.path("missing"), self.snapshots + "//"], expect=2, env={"ROSTERZIP_KEEP_LAST": "1"})
		self.assertEqual(self.left(), ["eagle-20260702.zip"])
		self.assertEqual(run.out, f"{self.snapshots}/eagle-*.zip: 1 kept, 1 removed\n")

	def test_what_cannot_be_removed(self):
		self.put("eagle-20260701.zip", "eagle-20260702.zip", "eagle-20260703.zip")
		other = self.path("other")
		os.mkdir(other)
		for name in ("lake-20260701.zip", "lake-20260702.zip"):
			shutil.copy(os.path.join(self.snapshots, "eagle-20260701.zip"), os.path.join(other, name))
		os.chmod(self.snapshots, 0o555)
		self.addCleanup(os.chmod, self.snapshots, 0o755)
		run = run_as_nobody(self, ["prune", self.snapshots, other, "--keep-last", "1"], [other])
		self.assertEqual(run.code, 1, run.shown)
		self.assertEqual(len(self.left()), 3)
		self.assertEqual(os.listdir(other), ["lake-20260702.zip"])
		self.assertEqual(run.out.splitlines(), [f"{self.snapshots}/eagle-*.zip: 1 kept, 0 removed, 2 could not be removed",
			f"{other}/lake-*.zip: 1 kept, 1 removed"])
		for name in ("eagle-20260701.zip", "eagle-20260702.zip"):
			self.assertIn(f"cannot remove {self.snapshots}/{name}", run.err)


class Copies(Guarded):
	"""Exports that keep snapshots."""

	def setUp(self):
		super().setUp()
		self.pattern = os.path.join(self.out_folder, "eagle-%Y%m%d.zip")
		self.passphrase_file = self.write("passphrase", PASSPHRASE + "\n", 0o600)

	def names(self):
		return sorted(os.listdir(self.out_folder))

	def newest(self):
		return sorted(glob.glob(os.path.join(self.out_folder, "eagle-*.zip")))[-1]

	def put_days(self, *days, like=None):
		"""Snapshots of so many days ago."""
		made = []
		for day in days:
			name = (datetime.date.today() - DAY * day).strftime("eagle-%Y%m%d.zip")
			with open(os.path.join(self.out_folder, name), "wb") as f:
				f.write(like or b"yesterday")
			made.append(name)
		return made

	def assert_sum(self, path):
		"""What sha256sum says of a zip and its sum."""
		with open(path, "rb") as f:
			data = f.read()
		with open(path + ".sha256", encoding="ascii") as f:
			self.assertEqual(f.read(), f"{hashlib.sha256(data).hexdigest()}  {os.path.basename(path)}\n")
		self.assertEqual(stat.S_IMODE(os.stat(path + ".sha256").st_mode), 0o600)
		done = subprocess.run([need("sha256sum"), "-c", "--quiet", os.path.basename(path) + ".sha256"], cwd=os.path.dirname(path),
			check=False, capture_output=True)
		self.assertEqual(done.returncode, 0, done.stderr)

	def opened(self, path, passphrase=PASSPHRASE):
		"""The files of an encrypted zip, as another program opens it; None when it cannot."""
		to = self.path("opened")
		shutil.rmtree(to, ignore_errors=True)
		done = subprocess.run([need("7z"), "x", "-y", f"-p{passphrase}", f"-o{to}", path], stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT, check=False)
		return self.bundle(to) if done.returncode == 0 else None

	def change(self):
		self.roster.remove_students(1)


class Keeping(Copies):
	def test_after_a_publish(self):
		today, *_ = self.put_days(0)
		os.unlink(os.path.join(self.out_folder, today))
		old = self.put_days(1, 2, 3, 40, 41)
		shutil.copy(os.path.join(self.out_folder, old[-1]), os.path.join(self.out_folder, "lake-20200101.zip"))
		shutil.copy(os.path.join(self.out_folder, old[-1]), os.path.join(self.out_folder, old[-1] + ".sha256"))
		run = self.run_export("--keep-last", 3, output=self.pattern)
		path = os.path.join(self.out_folder, today)
		self.assert_files(self.bundle(path), self.roster.truth(CORE))
		self.assertEqual(self.names(), sorted([today, today + ".sha256", old[0], old[1], "lake-20200101.zip"]))
		self.assertEqual(run.report["bundles"][0]["removed-snapshots"], 3)
		self.assertEqual(run.warnings, [])
		self.assert_sum(path)

	def test_only_after_a_publish(self):
		"""Neither a run that fails nor one without a change removes anything."""
		self.run_export("--keep-last", 1, output=self.pattern)
		published = self.newest()
		self.put_days(1, 2)
		before = self.names()
		self.run_export("--keep-last", 1, output=self.pattern)
		self.assertEqual(self.names(), before)
		self.roster.remove_students(60)
		run = self.run_export("--keep-last", 1, output=self.pattern, expect=6)
		self.assertEqual(self.names(), before)
		self.assertEqual(run.report["bundles"][0]["removed-snapshots"], 0)
		self.run_export("--keep-last", 1, "--force-once", output=self.pattern)
		self.assertEqual([name for name in self.names() if name.endswith(".zip")], [os.path.basename(published)])

	def test_what_was_published_stays_beside_what_claims_to_be_newer(self):
		"""A clock that was once wrong leaves a snapshot of the future."""
		future = self.put_days(-400, -401)
		run = self.run_export("--keep-last", 1, output=self.pattern)
		published = run.report["bundles"][0]["path"]
		self.assert_files(self.bundle(published), self.roster.truth(CORE))
		self.assertEqual(self.names(), sorted([os.path.basename(published), os.path.basename(published) + ".sha256", future[1]]))

	def test_each_bundle_keeps_its_own(self):
		other = self.path("other")
		os.mkdir(other)
		for folder in (self.out_folder, other):
			for name in ("lake-20200101.zip", "eagle-20200101.zip"):
				with open(os.path.join(folder, name), "wb") as f:
					f.write(b"long ago")
		config = self.config(f"[bundle eagle]\noutput = {self.pattern}\nkeep-last = 1\n"
			f"[bundle lake]\noutput = {other}/lake-%Y-%m-%dT%H%M%S.zip\nkeep-daily = 1\nchecksum = no\n"
			f"[bundle all]\noutput = {self.path('all')}-%Y%m%d.zip\n")
		run = self.run_export(config=config)
		self.assertEqual([bundle["removed-snapshots"] for bundle in run.report["bundles"]], [1, 1, 0])
		self.assertEqual([name for name in self.names() if "2020" in name], ["lake-20200101.zip"])
		self.assertEqual([name for name in sorted(os.listdir(other)) if "2020" in name], ["eagle-20200101.zip"])
		self.assertFalse([name for name in os.listdir(other) if name.endswith(".sha256")], "checksum = no")
		self.assertFalse(glob.glob(self.path("all") + "*.sha256"), "no snapshots, no checksum")

	@unittest.skipIf(os.getuid() != 0, "only root can make files that another user must not remove")
	def test_removal_that_fails_is_a_warning(self):
		"""A run that published is a success."""
		old = self.put_days(1, 2)
		os.chmod(self.out_folder, 0o1777)
		os.chown(os.path.join(self.out_folder, old[1]), NOBODY, NOBODY)
		os.mkdir(self.state, 0o700)
		run = run_as_nobody(self, ["export", "--url", self.url, "--auth", "none", "--state-dir", self.state, "--output",
			self.pattern, "--keep-last", "1"], [self.state])
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual(len(run.warnings), 1, run.shown)
		self.assertIn(f"cannot remove {self.out_folder}/{old[0]}: ", run.warnings[0])
		self.assertNotIn(old[1], self.names())
		self.assertIn(old[0], self.names())

	def test_wrong_settings(self):
		"""A rule that could not work is found at the start, and where it stands."""
		for output, keys, pattern in (
				("eagle.zip", "keep-daily = 30", r"run\.conf:\d+: `keep-daily`.*date"),
				("eagle-20260701.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*date"),
				("eagle-%y%m%d.zip", "keep-weekly = 3", r"run\.conf:\d+: `keep-weekly`.*date"),
				("eagle-%H%M.zip", "keep-monthly = 3", r"run\.conf:\d+: `keep-monthly`.*date"),
				("eagle-%d%m%Y.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*date"),
				("20200101-%Y%m%d.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*date"),
				("eagle-%Y%m%d", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*date"),
				(".eagle-%Y%m%d.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*date"),
				("%Y/eagle-%Y%m%d.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*folder"),
				("eagle-%Y%m%d-%H.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*always the same"),
				("eagle-%a-%Y%m%d.zip", "keep-last = 3", r"run\.conf:\d+: `keep-last`.*always the same"),
				("eagle-%Y%m%d/", "keep-last = 3", r"run\.conf:\d+: `keep-last` is for zips"),
				("eagle/", "checksum = yes", r"run\.conf:\d+: `checksum` is for zips"),
				("eagle/", f"encrypt = {self.passphrase_file}", r"run\.conf:\d+: `encrypt` is for zips"),
				("eagle.zip", f"encrypt = {self.passphrase_file}\nconsumer = moodle", r"run\.conf:\d+: `encrypt`.*archive copies"),
		):
			with self.subTest(output, keys=keys):
				run = self.run_export(config=self.config(f"[bundle x]\noutput = {self.out_folder}/{output}\n{keys}\n"), expect=2)
				self.assertRegex(run.error, pattern)
				self.assertFalse(os.path.exists(self.state))
		good = ("eagle-%Y%m%d.zip", "eagle-%F.zip", "%Y_%m_%d.zip", "eagle-%Y%m%dT%H%M%S.zip", "eagle %Y.%m.%d-%H.%M x.zip")
		self.run_export(config=self.config("".join(
			f"[bundle x{n}]\noutput = {self.out_folder}/{output}\nkeep-last = 100\n" for n, output in enumerate(good))))
		self.assertEqual(len(self.names()), 2 * len(good))


class Checksums(Copies):
	def test_beside_the_zip(self):
		self.publish("--checksum")
		self.assert_sum(self.zip)
		self.assertEqual(self.names(), ["OneRoster.zip", "OneRoster.zip.sha256"])
		before = self.mark(self.zip), self.mark(self.zip + ".sha256")
		self.publish("--checksum")
		self.assertEqual((self.mark(self.zip), self.mark(self.zip + ".sha256")), before, "unchanged, and yet touched")
		self.change()
		self.publish("--checksum")
		self.assert_sum(self.zip)
		self.assertNotEqual(self.mark(self.zip + ".sha256"), before[1])

	def test_mended_by_the_next_run(self):
		"""A run that was cut off between the zip and its sum, or that had none to write."""
		self.publish()
		self.assertEqual(self.names(), ["OneRoster.zip"])
		before = self.mark(self.zip)
		self.publish("--checksum")
		self.assert_sum(self.zip)
		self.write("out/OneRoster.zip.sha256", "0" * 64 + "  OneRoster.zip\n")
		self.publish("--checksum")
		self.assert_sum(self.zip)
		self.assertEqual(self.mark(self.zip), before)

	def test_that_cannot_be_written(self):
		"""The bundle is published, and the run is none that went well."""
		os.mkdir(self.zip + ".sha256")
		run = self.run_export("--checksum", expect=1)
		self.assertRegex(run.error, "published.*checksum")
		self.assert_files(self.bundle(), self.roster.truth(CORE))
		self.assertTrue(run.report["bundles"][0]["published"])
		run = self.run_export("--checksum", expect=1)
		self.assertRegex(run.error, "unchanged.*checksum")
		os.rmdir(self.zip + ".sha256")
		run = self.publish("--checksum")
		self.assertTrue(run.report["bundles"][0]["unchanged"])
		self.assert_sum(self.zip)


class Encrypted(Copies):
	def seal(self, *extra, **how):
		return self.run_export("--encrypt", self.passphrase_file, *extra, **how)

	def test_opens_with_the_passphrase_only(self):
		run = self.seal(output=self.pattern)
		path = self.newest()
		self.assert_sum(path)
		self.assert_files(self.opened(path), self.roster.truth(CORE))
		self.assertIsNone(self.opened(path, "eleven boats and two horses"))
		self.assertIsNone(self.opened(path, ""))
		listed = subprocess.run([need("7z"), "l", "-slt", path], capture_output=True, check=True, text=True).stdout
		self.assertEqual(set(re.findall(r"^Method = (.*)$", listed, re.M)), {"AES-256 Deflate"})
		self.assertEqual(set(re.findall(r"^Modified = (\S+)", listed, re.M)[-7:]), {"1980-01-01"})
		self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
		with open(path, "rb") as f:
			data = f.read()
		self.assertEqual(run.report["bundles"][0]["bytes"], len(data))
		self.assertNotIn(b"sampleuser", data)
		for text in (run.out, run.err, run.report_text):
			self.assertNotIn(PASSPHRASE, text)
		# What arms the guard is plain, and nobody else's.
		kept = os.path.join(self.state, "published", "bundle.zip")
		self.assert_files(self.bundle(kept), self.roster.truth(CORE))
		self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
		self.assertEqual(sorted(os.listdir(self.state)), ["lock", "published"])

	def test_unchanged_although_never_the_same_bytes(self):
		self.seal()
		first = self.mark(self.zip)
		run = self.seal()
		self.assertTrue(run.report["bundles"][0]["unchanged"])
		self.assertEqual(self.mark(self.zip), first)
		self.change()
		run = self.seal()
		self.assertTrue(run.report["bundles"][0]["published"])
		self.assert_files(self.opened(self.zip), self.roster.truth(CORE))

	def test_published_again_when_it_is_not_as_it_should_be(self):
		"""Another passphrase, none any more, one for the first time, and a file that is damaged or somebody's else."""
		def again(*extra):
			run = self.run_export(*extra)
			self.assertTrue(run.report["bundles"][0]["published"], run.shown)
		again()
		again("--encrypt", self.passphrase_file)
		self.assert_files(self.opened(self.zip), self.roster.truth(CORE))
		other = self.write("other", "a lake without any boat", 0o600)
		again("--encrypt", other)
		self.assertIsNone(self.opened(self.zip))
		self.assert_files(self.opened(self.zip, "a lake without any boat"), self.roster.truth(CORE))
		with open(self.zip, "r+b") as f:
			f.seek(200)
			byte = f.read(1)
			f.seek(200)
			f.write(bytes([byte[0] ^ 1]))
		again("--encrypt", other)
		again()
		self.assert_files(self.bundle(), self.roster.truth(CORE))
		with zipfile.ZipFile(self.zip, "a") as z:
			z.writestr("more.csv", "x")
		again("--encrypt", other)

	def test_guard(self):
		"""It compares with what is kept, else with the encrypted zip itself."""
		self.seal(output=self.pattern)
		path = self.newest()
		shutil.copy(path, self.path("before.zip"))
		self.roster.remove_students(40)
		self.seal(output=self.pattern, expect=6)
		os.unlink(os.path.join(self.state, "published", "bundle.zip"))
		run = self.seal(output=self.pattern, expect=6)
		self.assertRegex(run.error, r"users\.csv.*40")
		run = self.seal("--previous", self.path("before.zip"), output=self.pattern, expect=6)
		self.assertRegex(run.error, r"users\.csv.*40")
		run = self.run_export("--previous", self.path("before.zip"), expect=2)
		self.assertRegex(run.error, "is encrypted")
		self.passphrase_file = self.write("passphrase", "eleven boats and two horses", 0o600)
		run = self.seal("--previous", self.path("before.zip"), expect=2)
		self.assertRegex(run.error, "another passphrase")

	def test_passphrases_that_will_not_do(self):
		for text, mode, pattern in (("", 0o600, "empty"), ("\n", 0o600, "empty"), ("elevenboats\n", 0o600, "short"),
				("elf Boote, eine Br\u00fccke", 0o600, "letters"), (PASSPHRASE, 0o644, "chmod 600"), (None, 0, "passphrase")):
			with self.subTest(text):
				path = self.write("bad", text, mode) if text is not None else self.path("no passphrase")
				run = self.run_export("--encrypt", path, expect=2)
				self.assertRegex(run.error, pattern)
				self.assertIn("encrypt", run.error)
				self.assertEqual(self.names(), [])
				if text:
					self.assertNotIn(text.strip() or "\n\n", run.err)

	def test_validate_and_diff_say_what_it_is(self):
		self.seal()
		run = self.program(["validate", "--json", self.zip])
		self.assertEqual(run.code, 3, run.shown)
		self.assertEqual({finding["rule"] for finding in json.loads(run.out)["bundles"][0]["findings"]}, {"zip.encrypted"})
		run = self.program(["diff", self.zip, self.zip])
		self.assertNotEqual(run.code, 0)
		self.assertRegex(run.error, "is encrypted")


if __name__ == "__main__":
	unittest.main()

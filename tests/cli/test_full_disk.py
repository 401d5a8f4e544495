"""A disk that is full, at every instant that it can be: one sentence with the path, the last bundle and all that is known
of it as they were, nothing left behind, and the next run fine.

The disks are small tmpfs in a mount namespace of the test's own, which root may make, and everybody where the system
lets users have namespaces. Elsewhere these tests fail: they are not to be forgotten.
"""

import hashlib
import os
import resource
import subprocess
import sys
import unittest

from harness import HERE, SECONDS, Case, need
from served import Served, state

INSIDE = "ROSTERZIP_TEST_NAMESPACE"
BLOCK = 4096
ROOM = "64m"
SIZE = {"users": 120, "enrollments": 300, "classes": 30}
FULL = "No space left on device"


class OnSmallDisks(Case):
	"""Each test runs in a process of its own that may mount."""

	def run(self, result=None):
		if os.environ.get(INSIDE):
			return super().run(result)
		result = result or self.defaultTestResult()
		result.startTest(self)
		kind = "-m" if os.getuid() == 0 else "-rm"
		done = subprocess.run([need("unshare"), kind, sys.executable, os.path.join(HERE, "run.py"), "--jobs", "1", self.id()],
			env={**os.environ, INSIDE: "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=5 * SECONDS)
		if done.returncode == 0:
			result.addSuccess(self)
		else:
			text = done.stdout.decode(errors="replace")
			result.addFailure(self, (AssertionError, AssertionError(text), None))
		result.stopTest(self)
		return result

	def disk(self, *parts, size=ROOM):
		"""A small disk in the test's folder; gives its path."""
		path = self.path(*parts)
		os.makedirs(path, 0o700, exist_ok=True)
		subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "rosterzip-test", path], check=True,
			timeout=30)
		self.addCleanup(subprocess.run, ["umount", "-l", path], check=False, timeout=30)
		return path

	@staticmethod
	def resize(path, size):
		# with its source, so that options shown by the system are not given back to it: a user's namespace refuses some
		subprocess.run(["mount", "-o", f"remount,size={size}", "rosterzip-test", path], check=True, timeout=30)

	@staticmethod
	def used(path):
		status = os.statvfs(path)
		return (status.f_blocks - status.f_bfree) * status.f_frsize


class Walking(OnSmallDisks):
	"""The same run on a disk with ever more room, until that is enough."""

	def setUp(self):
		super().setUp()
		if not os.environ.get(INSIDE):
			return
		self.reports = self.path("reports")
		os.mkdir(self.reports)
		self.report = os.path.join(self.reports, "report.json")
		self.servers = {}
		for day, seed in (("monday", 1), ("tuesday", 2)):
			scenario = {"district": {**SIZE, "seed": seed}, "login": "none"}
			self.servers[day] = Served(scenario)
			self.addCleanup(self.servers[day].close)

	def save(self):
		"""The pages of both days, so that the runs on small disks are quick."""
		for day, server in self.servers.items():
			run = self.program(["export", "--url", server.url, "--auth", "none", "--state-dir", self.path("first"),
				"--output", self.path("first.zip"), "--save-pages", self.path(day), "--force-once"])
			self.assertEqual(run.code, 0, run.shown)

	def truth_of(self, day):
		return state(self.servers[day].scenario)

	def export_day(self, day, *extra):
		"""An export of the pages saved that day."""
		return self.program(["export", "--from-pages", self.path(day), "--state-dir", self.state, "--output", self.zip,
			"--report", self.report, "--force-once", *extra])

	def snapshot(self, folder):
		"""All files below a folder with what is in them, but for the lock and the report of a run."""
		found = {}
		for place, folders, names in os.walk(folder):
			for name in names:
				path = os.path.join(place, name)
				if path not in (os.path.join(self.state, "lock"), self.report):
					found[path] = self.mark(path)
			for name in folders:
				found[os.path.join(place, name) + "/"] = None
		return found

	def walk(self, disk, run, check, growth=1.3, first=BLOCK, code=1):
		"""Runs with more room each time. check(run) says what must be true of one that found too little. Gives what the
		runs said that failed."""
		said = []
		used, room = self.used(disk), first
		while True:
			self.assertLess(room, 64 << 20, "there never is enough room: " + "\n".join(said))
			self.resize(disk, used + int(room) // BLOCK * BLOCK)
			ended = run()
			if ended.code == 0:
				return said
			self.assertEqual(ended.code, code, ended.shown)
			errors = [line for line in ended.lines if line.startswith("rosterzip: error: ")]
			for line in errors:
				self.assertIn(FULL, line)
				self.assertIn(disk + "/", line.replace(":", "/"), "which disk it is goes unsaid")
			check(ended)
			said.append(errors[-1])
			room = max(room * growth, room + BLOCK)

	def assert_said(self, said, *patterns):
		"""Every stage that can find the disk full did so in one of the runs."""
		for pattern in patterns:
			self.assertTrue(any(pattern in text for text in said), pattern + " is not in:\n" + "\n".join(said))


class Export(Walking):
	def test_state_folder(self):
		"""Where the rows wait, are sorted, become files, and a zip, and where is kept what was
		published and delivered."""
		self.save()
		disk = self.disk("state")
		os.mkdir(self.path("inbox"))
		deliver = ("--deliver", self.path("inbox") + "/")
		self.assertEqual(self.export_day("monday", *deliver).code, 0)
		before = self.snapshot(self.folder)

		def check(run):
			self.assertEqual(run.report["exit-status"], 1)
			self.assertEqual(self.snapshot(self.folder), before)
		said = self.walk(disk, lambda: self.export_day("tuesday", *deliver), check, growth=1.15)
		self.assert_said(said, "working file of users in ", "working file of enrollments in ", ".csv in ",
			"cannot write enrollments.csv in ", "working file of enrollments.csv in ")
		self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.assert_files(self.bundle(self.path("inbox", "OneRoster.zip")), self.truth_of("tuesday"))
		self.assertIn("unchanged", self.export_day("tuesday", *deliver).out)

	def test_everything_on_one_disk(self):
		"""As on most machines: no room for the work means no room for the report either."""
		self.save()
		disk = self.disk("one")
		self.state, self.out_folder, self.reports = (os.path.join(disk, name) for name in ("state", "out", "reports"))
		self.zip = os.path.join(self.out_folder, "OneRoster.zip")
		self.report = os.path.join(self.reports, "report.json")
		os.mkdir(self.out_folder)
		os.mkdir(self.reports)
		self.assertEqual(self.export_day("monday").code, 0)
		before = self.snapshot(disk)

		def check(run):
			after = self.snapshot(disk)
			if after[self.zip] == before[self.zip]:
				self.assertEqual(after, before)
			else:  # that it was published could not be written down
				self.assertIn(f"{self.zip} is published, but ", run.err)
				self.assertEqual(list(after), list(before))
				self.assert_files(self.bundle(), self.truth_of("tuesday"))
				before.update(after)
		self.walk(disk, lambda: self.export_day("tuesday"), check)
		self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.assert_clean()

	def test_folder_of_the_bundle(self):
		self.save()
		disk = self.disk("out")
		self.assertEqual(self.export_day("monday").code, 0)
		before = self.snapshot(disk), self.snapshot(self.state)

		def check(run):
			self.assertIn(f"cannot write {self.zip}", run.error)
			self.assertEqual((self.snapshot(disk), self.snapshot(self.state)), before)
			self.assertEqual(run.report["bundles"][0]["published"], False)
		said = self.walk(disk, lambda: self.export_day("tuesday"), check, first=0)
		self.assertGreater(len(said), 1)
		self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.assert_clean()

	def test_loose_files(self):
		self.save()
		disk = self.disk("out")
		loose = os.path.join(disk, "loose")
		self.assertEqual(self.export_day("monday", "--output", loose + "/").code, 0)
		before = self.snapshot(disk), self.snapshot(self.state)
		said = self.walk(disk, lambda: self.export_day("tuesday", "--output", loose + "/"),
			lambda run: self.assertEqual((self.snapshot(disk), self.snapshot(self.state)), before))
		self.assertGreater(len(said), 5)
		self.assert_files(self.bundle(loose), self.truth_of("tuesday"))
		self.assert_clean(["loose"])

	def test_folder_of_the_report(self):
		"""It is written last: the bundle is published, but the run did not do all it was to do."""
		self.save()
		disk = self.disk("reports")
		report = os.path.join(disk, "yesterday.json")
		with open(report, "wb") as f:
			f.write(b"of yesterday")
		before = self.snapshot(disk)

		def check(run):
			self.assertIn(f"cannot write {report}", run.error)
			self.assertEqual(self.snapshot(disk), before)
			self.assert_files(self.bundle(), self.truth_of("tuesday"))
		said = self.walk(disk, lambda: self.export_day("tuesday", "--report", report), check, first=0)
		self.assertGreater(len(said), 0)

	def test_checksum_beside_the_bundle(self):
		self.save()
		disk = self.disk("out")
		sums = self.zip + ".sha256"
		self.assertEqual(self.export_day("monday", "--checksum").code, 0)
		before = self.snapshot(disk)

		def check(run):
			after = self.snapshot(disk)
			self.assertEqual(sorted(after), sorted(before))
			if after[self.zip] != before[self.zip]:
				self.assertIn(f"{self.zip} is published, but its checksum is not", run.error)
				self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.walk(disk, lambda: self.export_day("tuesday", "--checksum"), check, first=0)
		with open(self.zip, "rb") as f, open(sums, encoding="ascii") as g:
			self.assertEqual(g.read().split()[0], hashlib.sha256(f.read()).hexdigest())
		self.assert_clean(["OneRoster.zip", "OneRoster.zip.sha256"])

	def test_metrics(self):
		self.save()
		disk = self.disk("metrics")
		metrics = os.path.join(disk, "rosterzip.prom")
		with open(metrics, "wb") as f:
			f.write(b"of yesterday")
		before = self.snapshot(disk)

		def check(run):
			self.assertIn(f"cannot write {metrics}", run.error)
			self.assertEqual(self.snapshot(disk), before)
			self.assert_files(self.bundle(), self.truth_of("tuesday"))
		said = self.walk(disk, lambda: self.export_day("tuesday", "--metrics-file", metrics), check, first=0)
		self.assertGreater(len(said), 0)

	def test_folder_of_the_receiver(self):
		self.save()
		disk = self.disk("inbox")
		deliver = ("--deliver", disk + "/")
		self.assertEqual(self.export_day("monday", *deliver).code, 0)
		before = self.snapshot(disk)

		def check(run):
			self.assertIn("published" if self.unpublished else "unchanged", run.err)
			self.unpublished = False
			self.assertEqual(self.snapshot(disk), before)
			self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.unpublished = True
		said = self.walk(disk, lambda: self.export_day("tuesday", *deliver), check, first=0, code=8)
		self.assertGreater(len(said), 1)
		self.assert_files(self.bundle(os.path.join(disk, "OneRoster.zip")), self.truth_of("tuesday"))

	def from_server(self, *extra):
		self.url = self.servers["tuesday"].url
		return self.program(self.arguments("--auth", "none", "--page-size", 40, "--force-once", *extra, login=False))

	def test_folder_of_saved_pages(self):
		disk = self.disk("pages")
		pages = os.path.join(disk, "tuesday")
		before = self.old_bundle()

		def check(_):
			self.assertEqual(self.mark(self.zip), before)
			self.assert_clean()
		said = self.walk(disk, lambda: self.from_server("--save-pages", pages), check)
		self.assertGreater(len(said), 3)
		self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.assert_clean()
		self.resize(disk, ROOM)
		run = self.program(["export", "--from-pages", pages, "--state-dir", self.path("other"), "--output", self.path("o.zip")])
		self.assertEqual(run.code, 0, run.shown)
		self.assert_files(self.bundle(self.path("o.zip")), self.truth_of("tuesday"))

	def test_pages_kept_to_go_on_with(self):
		"""What was kept before the disk was full may serve the next run."""
		self.save()
		disk = self.disk("state")
		self.assertEqual(self.export_day("monday").code, 0)
		published = os.path.join(disk, "published")
		before = self.mark(self.zip), self.snapshot(published)

		def check(_):
			self.assertEqual((self.mark(self.zip), self.snapshot(published)), before)
			self.assertLessEqual(set(os.listdir(disk)), {"lock", "published", "pages"})
		self.walk(disk, lambda: self.from_server("--resume", "1d"), check)
		self.assert_files(self.bundle(), self.truth_of("tuesday"))
		self.assert_clean()


class Other(Walking):
	"""Other commands."""

	def test_delta_between_two_bundles(self):
		self.save()
		bundles = []
		for day in ("monday", "tuesday"):
			bundles.append(self.path(day + ".zip"))
			self.assertEqual(self.export_day(day, "--output", bundles[-1]).code, 0)
		for name in ("work", "out"):
			with self.subTest(name):
				disk = self.disk(name)
				delta = os.path.join(self.path("out"), name + ".zip")
				said = self.walk(disk, lambda: self.program(["diff", *bundles, "--delta", delta], {"TMPDIR": self.path("work")}),
					lambda _: self.assertEqual(self.snapshot(disk), {}))
				self.assertGreater(len(said), 0)
				self.assertTrue(os.path.exists(delta))
				self.assertEqual(os.listdir(self.path("work")), [])
				self.resize(disk, 64 << 20)  # what a run takes varies with its threads, and the next ones fill another disk


class Large(OnSmallDisks):
	"""More than memory takes: pages and sorted runs go to the disk too."""

	def test_while_the_server_is_read(self):
		self.serve({"users": 1500, "classes": 100, "enrollments": 4000}, cache_pages=0)
		disk = self.disk("state", size="256k")
		before = self.old_bundle()
		run = self.export("--page-size", 2000, expect=1)
		self.assertIn(FULL, run.error)
		self.assertIn(f" in {disk}/", run.error)
		self.assertEqual(len(run.lines), 1, run.shown)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()
		self.resize(disk, ROOM)
		self.export_truth("--page-size", 2000)

	def test_sorting(self):
		server = Served({"district": {"users": 2000, "classes": 300, "enrollments": 25000}, "login": "none",
			"cache_pages": 0, "order": "shuffled", "sort_supported": False})
		self.addCleanup(server.close)
		pages = self.path("pages")
		run = self.program(["export", "--url", server.url, "--auth", "none", "--state-dir", self.path("first"), "--output",
			self.path("first.zip"), "--save-pages", pages, "--page-size", "5000"])
		self.assertEqual(run.code, 0, run.shown)
		before = self.old_bundle()
		disk = self.disk("state")
		said = []
		for size in ("200k", "3m", "6m", ROOM):
			self.resize(disk, size)
			run = self.program(["export", "--from-pages", pages, "--state-dir", self.state, "--output", self.zip])
			if run.code == 0:
				break
			said.append(run.error)
			self.assertEqual(run.code, 1, run.shown)
			self.assertIn(FULL, run.error)
			self.assertIn(f" in {disk}/", run.error)
			self.assertEqual(self.mark(self.zip), before)
			self.assert_clean()
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual(len(said), 3, said)
		self.assertIn("a working file in ", said[0])  # a page
		self.assertIn("the working file of enrollments in ", said[1])  # a sorted run
		self.assertIn("enrollments.csv in ", said[2])
		with open(self.zip, "rb") as f, open(self.path("first.zip"), "rb") as g:
			self.assertEqual(f.read(), g.read())


class Limits(Case):
	"""Other ways in which a system says that there is no more."""

	def setUp(self):
		super().setUp()
		scenario = {"district": SIZE, "login": "none"}
		self.server = Served(scenario)
		self.addCleanup(self.server.close)
		self.url = self.server.url
		self.truth_files = state(self.server.scenario)
		self.pages = self.path("pages")
		run = self.program(["export", "--url", self.url, "--auth", "none", "--state-dir", self.path("first"), "--output",
			self.path("first.zip"), "--save-pages", self.pages])
		self.assertEqual(run.code, 0, run.shown)

	def limited(self, what, number, *source):
		# the search for leaks needs files of its own
		return self.program(["export", *source, "--state-dir", self.state, "--output", self.zip],
			{"ASAN_OPTIONS": "exitcode=99:detect_leaks=0"}, preexec_fn=lambda: resource.setrlimit(what, (number, number)))

	def check(self, run, before, message, codes=(1,)):
		self.assertIn(run.code, codes, run.shown)
		self.assertIn(message, run.error)
		self.assertEqual(self.mark(self.zip), before)
		if os.path.isdir(self.state):
			self.assert_clean()

	def test_too_many_open_files(self):
		before = self.old_bundle()
		failed = 0
		for number in [*range(6, 40, 2), 256]:  # with fewer the program itself cannot be loaded
			run = self.limited(resource.RLIMIT_NOFILE, number, "--from-pages", self.pages)
			if run.code == 0:
				break
			self.check(run, before, "Too many open files")
			failed += 1
		self.assertGreater(failed, 5)
		self.assert_files(self.bundle(), self.truth_files)

	def test_too_many_open_files_for_connections(self):
		before = self.old_bundle()
		source = ("--url", self.url, "--auth", "none", "--retry-time", "0s")
		for number in (8, 9, 10, 12, 16):  # some are used up by working files, some by connections
			run = self.limited(resource.RLIMIT_NOFILE, number, *source)
			self.check(run, before, "Too many open files" if run.code == 1 else "Couldn't connect", (1, 5))
		self.assertEqual(self.limited(resource.RLIMIT_NOFILE, 256, *source).code, 0)
		self.assert_files(self.bundle(), self.truth_files)

	def test_files_that_may_not_grow(self):
		"""As ulimit -f and quotas have it; the signal that comes with it must not end the run."""
		before = self.old_bundle()
		for size in (0, 1000, 20000):
			run = self.limited(resource.RLIMIT_FSIZE, size, "--from-pages", self.pages)
			self.check(run, before, "File too large")
		self.assertEqual(self.limited(resource.RLIMIT_FSIZE, 1 << 20, "--from-pages", self.pages).code, 0)
		self.assert_files(self.bundle(), self.truth_files)


if __name__ == "__main__":
	unittest.main()

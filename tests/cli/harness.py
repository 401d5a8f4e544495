"""What every test of the command line needs: the fake SIS on a free port, the program run with a time limit, the truth
about the district, and the questions asked after each run.

The program is $ROSTERZIP, else build/rosterzip below the source folder.
"""

import contextlib
import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile

__unittest = True  # failures show the line of the test, not those in here

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SIS = os.path.join(SOURCE, "tests", "server", "sis.py")
PROGRAM = os.path.abspath(os.environ.get("ROSTERZIP") or os.path.join(SOURCE, "build", "rosterzip"))

sys.path.insert(0, os.path.dirname(SIS))
import sis as sis_module  # noqa: E402

CLIENT_ID = "1d" * 32
SECRET = "5e" * 32
BEARER = "b0" * 32
OLD_BUNDLE = b"the bundle of yesterday, as good as ever\n"

CORE = ["orgs", "academicSessions", "courses", "classes", "users", "enrollments"]
EVERYTHING = CORE + ["demographics", "categories", "lineItems", "results", "resources", "courseResources",
	"classResources"]

LOG_SECONDS = 2  # a request that was answered is in the log by then, or is one that never ends
SECONDS = 60  # no single run of the program in these tests may take longer
READY_SECONDS = 30


class Sis:
	"""The fake SIS as a process of its own. Its scenario lies in a file, where other users see no secret."""

	def __init__(self, folder, scenario, district, tls=False):
		self.folder = folder
		self.scenario_file = os.path.join(folder, "scenario.json")
		with open(self.scenario_file, "w", encoding="ascii") as f:
			json.dump({**scenario, "district": district}, f)
		self.log_file = os.path.join(folder, "sis.log")
		self.ca_file = os.path.join(folder, "ca.pem")
		command = [sys.executable, SIS, "serve", "--until-eof", "--quiet", "--log", self.log_file, "--scenario",
			self.scenario_file]
		command += ["--tls", "--ca-out", self.ca_file] if tls else []
		self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
		self.root = self.await_ready()
		self.base = self.root + scenario.get("base", "/aeries")

	def await_ready(self):
		line, until = b"", time.monotonic() + READY_SECONDS
		while not line.endswith(b"\n"):
			if not select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0]:
				self.close()
				raise AssertionError("the fake SIS did not get ready in time")
			piece = os.read(self.process.stdout.fileno(), 4096)
			if not piece:
				self.close()
				raise AssertionError("the fake SIS ended before it was ready")
			line += piece
		return line.decode().split()[1]

	def close(self):
		self.process.stdin.close()
		try:
			self.process.wait(10)
		except subprocess.TimeoutExpired:
			self.process.kill()
			self.process.wait(10)
		self.process.stdout.close()

	def log(self, **wanted):
		"""The requests so far, in the order they came, those of them whose entry has the wanted values."""
		until = time.monotonic() + LOG_SECONDS
		while True:
			with open(self.log_file, encoding="utf-8") as f:
				entries = [json.loads(line) for line in f.read().split("\n")[:-1]]
			if len(entries) >= os.path.getsize(self.log_file + ".answered") or time.monotonic() > until:
				break
			time.sleep(0.002)
		entries.sort(key=lambda e: e["t"])
		return [e for e in entries if all(e.get(k) == v for k, v in wanted.items())]

	def pages(self, collection):
		"""The requests for one collection, each with its query as a dict."""
		found = []
		for entry in self.log(kind="data"):
			path, _, query = entry["path"].partition("?")
			if path.rsplit("/", 1)[1] == collection:
				found.append({**entry, "query": dict(urllib.parse.parse_qsl(query))})
		return found


class Run:
	"""How a run of the program ended."""

	def __init__(self, code, out, err, report, shown):
		self.code, self.out, self.err, self.report_text, self.shown = code, out, err, report, shown
		self.lines = err.splitlines()

	@property
	def report(self):
		return json.loads(self.report_text)

	@property
	def error(self):
		"""The one line that says why the run failed."""
		errors = [line for line in self.lines if line.startswith("rosterzip: error: ")]
		if len(errors) != 1:
			raise AssertionError(f"{len(errors)} error lines in place of one:\n{self.shown}")
		return errors[0].removeprefix("rosterzip: error: ")

	@property
	def warnings(self):
		return [line.removeprefix("rosterzip: warning: ") for line in self.lines
			if line.startswith("rosterzip: warning: ")]

	def collection(self, name):
		return next(c for c in self.report["collections"] if c["name"] == name)


class Case(unittest.TestCase):
	"""A test with a folder of its own: out/ for bundles, state/ for the program, and a SIS when asked for."""

	maxDiff = 2000

	def setUp(self):
		self.folder = tempfile.mkdtemp(prefix="rosterzip-cli-")
		self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
		self.out_folder = self.path("out")
		os.mkdir(self.out_folder)
		self.zip = os.path.join(self.out_folder, "OneRoster.zip")
		self.state = self.path("state")
		self.report = self.path("report.json")
		self.secret_file = self.write("secret", SECRET + "\n", 0o600)
		self.sis = None
		self.url = None

	def path(self, *parts):
		return os.path.join(self.folder, *parts)

	def write(self, name, text, mode=0o644):
		"""A file in the test's folder; gives its path."""
		path = self.path(name)
		with open(path, "w", encoding="utf-8") as f:
			f.write(text)
		os.chmod(path, mode)
		return path

	# the server

	def serve(self, district=None, tls=False, **scenario):
		"""Starts the SIS; the keys are those of a scenario."""
		folder = tempfile.mkdtemp(prefix="sis-", dir=self.folder)
		self.sis = Sis(folder, scenario, district or {}, tls)
		self.addCleanup(self.sis.close)
		self.url = self.sis.base
		return self.sis

	# the program

	def environment(self, more=None):
		kept = ("PATH", "TZ", "LANG", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE")
		env = {k: os.environ[k] for k in kept if k in os.environ}
		env["HOME"] = self.folder
		# a finding of a sanitizer must not look like one of the program's own exit codes
		env["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "exitcode=99"]))
		env["UBSAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("UBSAN_OPTIONS"), "print_stacktrace=1"]))
		if "LSAN_OPTIONS" in os.environ:
			env["LSAN_OPTIONS"] = os.environ["LSAN_OPTIONS"]
		env.update(more or {})
		return env

	def arguments(self, *extra, url=None, login=True, output=True):
		"""The usual arguments of export, and those given, which come last and so win."""
		words = ["export", "--url", url or self.url, "--state-dir", self.state, "--report", self.report]
		words += ["--client-id", CLIENT_ID, "--client-secret-file", self.secret_file] if login else []
		words += ["--output", self.zip] if output else []
		return words + [str(word) for word in extra]

	def program(self, arguments, env=None, stdin=None, cwd=None, seconds=SECONDS, **more):
		"""Runs the program to its end."""
		if not os.access(PROGRAM, os.X_OK):
			self.fail(f"there is no program {PROGRAM}: build it, or set ROSTERZIP")
		with contextlib.suppress(FileNotFoundError):
			os.unlink(self.report)
		try:
			done = subprocess.run([PROGRAM, *arguments], env=self.environment(env), stdin=stdin or subprocess.DEVNULL,
				stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd or self.folder, timeout=seconds, check=False,
				**more)
		except subprocess.TimeoutExpired as late:
			self.fail(f"no end after {seconds} s: {arguments}\n{(late.stderr or b'').decode(errors='replace')}")
		return self.ended(arguments, done.returncode, done.stdout, done.stderr)

	def ended(self, arguments, code, out, err):
		out, err = out.decode(), err.decode(errors="replace")
		report = None
		if os.path.exists(self.report):
			with open(self.report, encoding="utf-8") as f:
				report = f.read()
		shown = f"{' '.join(arguments)}\nexit {code}\n--- stdout\n{out}--- stderr\n{err}"
		run = Run(code, out, err, report, shown)
		self.assertNotRegex(err, r"Sanitizer|runtime error", shown)
		for secret in (SECRET, BEARER):
			for text in (out, err, report or ""):
				self.assertNotIn(secret, text, "a secret is shown")
		return run

	def export(self, *extra, expect=0, env=None, seconds=SECONDS, **which):
		"""One export against the SIS that must end with the exit code expected."""
		run = self.program(self.arguments(*extra, **which), env, seconds=seconds)
		if run.code != expect:
			self.fail(f"exit {run.code} in place of {expect}: {run.shown}")
		if run.report_text is not None:
			self.assertEqual(run.report["exit-status"], expect)
		return run

	def start(self, *extra, env=None, **which):
		"""Starts an export that goes on beside the test; finish() waits for it."""
		arguments = self.arguments(*extra, **which)
		process = subprocess.Popen([PROGRAM, *arguments], env=self.environment(env), stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
		process.arguments_shown = arguments
		self.addCleanup(self.stop, process)
		return process

	@staticmethod
	def stop(process):
		if process.poll() is None:
			process.kill()
			process.wait(10)
		process.stdout.close()
		process.stderr.close()

	def finish(self, process):
		try:
			out, err = process.communicate(timeout=SECONDS)
		except subprocess.TimeoutExpired:
			self.fail("the program did not end")
		return self.ended(process.arguments_shown, process.returncode, out, err)

	def until(self, what, condition, seconds=30, process=None):
		"""Waits for something that will happen, and no longer than until it has."""
		end = time.monotonic() + seconds
		while not condition():
			if process is not None and process.poll() is not None:
				self.fail(f"the program ended before: {what}\n{process.stderr.read().decode(errors='replace')}")
			if time.monotonic() > end:
				self.fail(f"not seen in {seconds} s: {what}")
			time.sleep(0.005)

	# the truth

	def truth(self, *arguments, collections=CORE, after=0, may_lack=False):
		"""The files that an export must give, by name, as the independent half of the SIS works them out."""
		folder = tempfile.mkdtemp(prefix="truth-", dir=self.folder)
		with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
			code = sis_module.main(["truth", folder, "--scenario", self.sis.scenario_file, "--collections",
				",".join(collections), "--after", str(after), *arguments])
		self.assertIn(code, (0, 3) if may_lack else (0,), said.getvalue())
		files = {}
		for name in os.listdir(folder):
			with open(os.path.join(folder, name), "rb") as f:
				files[name] = f.read()
		return files

	def bundle(self, path=None):
		"""The files of a bundle by name."""
		path = path or self.zip
		if os.path.isdir(path):
			files = {}
			for name in os.listdir(path):
				with open(os.path.join(path, name), "rb") as f:
					files[name] = f.read()
			return files
		with zipfile.ZipFile(path) as z:
			self.assertIsNone(z.testzip())
			return {name: z.read(name) for name in z.namelist()}

	def assert_files(self, found, wanted):
		self.assertEqual(sorted(found), sorted(wanted))
		for name, data in wanted.items():
			if found[name] == data:
				continue
			have, want = found[name].split(b"\r\n"), data.split(b"\r\n")
			for n in range(max(len(have), len(want))):
				a, b = (rows[n] if n < len(rows) else None for rows in (have, want))
				if a != b:
					self.fail(f"{name}, line {n + 1} of {len(have)} (truth {len(want)}):\n  is        {a}\n  should be {b}")

	def assert_truth(self, *arguments, path=None, **how):
		"""The bundle is the truth, byte for byte in every file, and nothing was left beside it."""
		self.assert_files(self.bundle(path), self.truth(*arguments, **how))
		self.assert_clean()

	def export_truth(self, *extra, collections=CORE, after=0, **how):
		"""One good export and all that must be true of it."""
		run = self.export(*extra, **how)
		self.assert_truth(collections=collections, after=after)
		return run

	# what is left

	def old_bundle(self, path=None):
		"""Puts a bundle of yesterday into the place of the output; gives what tells whether it was touched."""
		path = path or self.zip
		with open(path, "wb") as f:
			f.write(OLD_BUNDLE)
		return self.mark(path)

	@staticmethod
	def mark(path):
		status = os.stat(path)
		with open(path, "rb") as f:
			return status.st_ino, status.st_mtime_ns, status.st_mode, f.read()

	def assert_clean(self, names=("OneRoster.zip",), state=("lock",)):
		"""Nothing in the output folder but the bundles, nothing in the state folder but the lock and what is kept of
		bundles, each with what is known about it."""
		self.assertEqual(sorted(os.listdir(self.out_folder)), sorted(names))
		kept = [name for name in ("published", "refused") if os.path.isdir(os.path.join(self.state, name))]
		self.assertEqual(sorted(os.listdir(self.state)), sorted([*state, *kept]))
		for place in kept:
			files = os.listdir(os.path.join(self.state, place))
			zips = [name[:-4] for name in files if name.endswith(".zip")]
			self.assertEqual(sorted(files), sorted(name + end for name in zips for end in (".json", ".zip")))

	def assert_fails(self, expect, pattern, *extra, **how):
		"""An export that fails with this exit code and one sentence, and leaves the bundle of yesterday alone."""
		before = self.old_bundle()
		run = self.export(*extra, expect=expect, **how)
		self.assertRegex(run.error, pattern)
		self.assertEqual(run.out, "", run.shown)
		self.assertEqual(self.mark(self.zip), before, "the bundle of yesterday was touched")
		if os.path.isdir(self.state):
			self.assert_clean()
		else:
			self.assertEqual(os.listdir(self.out_folder), ["OneRoster.zip"])
		return run


def rows(data):
	"""The cells of a CSV file, header first."""
	import csv
	return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


def columns(data):
	"""The rows of a CSV file as dicts."""
	table = rows(data)
	return [dict(zip(table[0], row)) for row in table[1:]]


def need(program):
	"""The path of a tool the tests cannot do without."""
	found = shutil.which(program)
	if not found:
		raise AssertionError(f"{program} is missing: install it (Debian: apt-get install p7zip-full sqlite3 unzip valgrind)")
	return found

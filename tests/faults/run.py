#!/usr/bin/env python3
"""Makes every call of an export fail, one at a time: python3 tests/faults/run.py PROGRAM SHIM [--quick] [--jobs 2]
[--only SCENARIO] [--class CLASS] [--show]

SHIM is tests/faults/shim.c as a shared object. Each scenario is run once to count its calls by class, then once for the
N-th call of each class and each error it can fail with. After each: the exit code is one of the documented and fits the
fault, one line says what failed, the old bundle is as it was or the new one is there whole, no file is left behind, and
the next run, without a fault, gives the bytes it always gives.

Without --quick every call is tried with every error; only allocations are too many for that: the first 200 of each
scenario one by one, then every tenth. --quick tries a part, evenly spread: the numbers are in the table. --one SCENARIO
CLASS:N:ERROR tries one fault and shows how it went; ERROR is the number of an errno, 0 for half a read or write, and more
than 1000 for that errno from the N-th call on.

The table at the end: calls counted, faults injected, survived. Exit: 0 all survived, 1 not.
"""

import argparse
import concurrent.futures
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))

import harness  # noqa: E402

SECONDS = 30
SHORT = 0  # in place of an errno: half of what was asked for

# What the calls of a class can fail with. ON: from then on all of them, as on a disk that is full.
ON = 1000
KINDS = {
	"open": [errno.EMFILE, errno.EACCES, errno.EIO, errno.EINTR],
	"read": [errno.EIO, errno.EINTR, SHORT],
	"write": [errno.ENOSPC, errno.ENOSPC + ON, errno.EIO, errno.EINTR, SHORT],
	"say": [errno.EIO, errno.EINTR, SHORT],
	"sync": [errno.EIO, errno.ENOSPC],
	"close": [errno.EIO],
	"rename": [errno.EIO, errno.EACCES],
	"truncate": [errno.EIO],
	"mkdir": [errno.ENOSPC, errno.EACCES],
	"unlink": [errno.EIO],
	"stat": [errno.EIO, errno.EACCES],
	"lock": [errno.ENOLCK, errno.EINTR],
	"chmod": [errno.EPERM],
	"fcntl": [errno.EMFILE],
	"pipe": [errno.EMFILE],
	"socket": [errno.EMFILE],
	"connect": [errno.ECONNREFUSED, errno.ETIMEDOUT],
	"resolve": [errno.EAGAIN],
	"send": [errno.EPIPE, errno.EINTR, SHORT],
	"recv": [errno.ECONNRESET, errno.EINTR, SHORT],
	"poll": [errno.ENOMEM, errno.EINTR],
	"thread": [errno.EAGAIN],
	"spawn": [errno.EAGAIN, errno.EINTR],
	"random": [errno.EIO],
	"memory": [errno.ENOMEM],
	"heap": [errno.ENOMEM],
}
INVISIBLE = (SHORT, errno.EINTR)
NETWORK = ("socket", "connect", "resolve", "send", "recv", "poll")
HEAP_STEPS = 40  # limits of the whole memory, from nothing to what the run needs
MEMORY_ALL, MEMORY_STRIDE = 200, 10  # so many allocations one by one, and then one of so many

# Of each scenario, with --quick.
QUICK = {"memory": 24, "heap": 8}
QUICK_OTHERS = 11

SMALL = {"users": 24, "classes": 3, "courses": 2, "enrollments": 30, "schools": 2, "lineItems": 0, "results": 0}


class Server(harness.Sis):
	def __init__(self, folder, district=None, **scenario):
		os.makedirs(folder, exist_ok=True)
		super().__init__(folder, scenario, {**SMALL, **(district or {})})


def tree(folder):
	"""What is below a folder: relative path to content, None for a folder."""
	found = {}
	for place, folders, files in os.walk(folder):
		for name in folders:
			found[os.path.relpath(os.path.join(place, name), folder)] = None
		for name in files:
			path = os.path.join(place, name)
			with open(path, "rb") as f:
				found[os.path.relpath(path, folder)] = f.read()
	return found


def put_back(folder, before, now):
	"""Makes the tree of a folder what it was."""
	for name in sorted(set(now) - set(before), reverse=True):
		path = os.path.join(folder, name)
		if now[name] is None:
			os.rmdir(path)
		else:
			os.unlink(path)
	for name, data in sorted(before.items()):
		path = os.path.join(folder, name)
		if data is None:
			os.makedirs(path, 0o700, exist_ok=True)
		elif now.get(name) != data:
			with open(path, "wb") as f:
				f.write(data)
			os.chmod(path, 0o600)


class Outcome:
	def __init__(self, code, out, err, log):
		self.code, self.out, self.err, self.log = code, out, err, log
		self.errors = [line.removeprefix("rosterzip: error: ") for line in err.splitlines()
			if line.startswith("rosterzip: error: ")]
		hits = re.findall(r"^hit (\w+) (.*) from (\S+)$", log, re.MULTILINE)
		self.hit = hits[0] if hits else None
		self.counts = {name: int(number) for name, number in re.findall(r"^count (\w+) (\d+)$", log, re.MULTILINE)}


class Scenario:
	"""One way to run an export. Everything that a run may change lies in work/; what it was before is known."""

	output = "OneRoster.zip"
	code = 0  # without a fault
	network = False
	kept = ()  # what else of work/ may be there after a run that failed, folders with what of the store is in them
	other_codes = ()

	def __init__(self, program, shim, folder):
		self.program, self.shim, self.folder = program, shim, folder
		self.work = os.path.join(folder, "work")
		self.log = os.path.join(folder, "faults.log")
		self.stack = []
		for name in ("", "out", "tmp"):
			os.makedirs(os.path.join(self.work, name), 0o700)
		self.prepare()
		self.before = tree(self.work)
		plain = self.run()
		if plain.code != self.code:
			raise AssertionError(f"{self.name}: exit {plain.code} without a fault:\n{plain.err}")
		self.after = tree(self.work)
		self.counts = plain.counts
		self.counts["heap"] = HEAP_STEPS
		self.heap = int(re.search(r"^count heap (\d+)$", plain.log, re.MULTILINE)[1])
		put_back(self.work, self.before, self.after)

	@property
	def name(self):
		return type(self).__name__.lower()

	def path(self, *parts):
		return os.path.join(self.work, *parts)

	def close(self):
		for thing in self.stack:
			thing.close()

	def serve(self, name="sis", **scenario):
		server = Server(os.path.join(self.folder, name), **scenario)
		self.stack.append(server)
		return server

	def arguments(self):
		"""Those of the run that is to fail."""
		return ["--output", self.path("out", self.output), "--state-dir", self.path("state"), "--report",
			self.path("report.json")]

	def call(self, *arguments, fault=None):
		env = {"PATH": os.environ["PATH"], "HOME": self.folder, "TMPDIR": self.path("tmp"), "TZ": "UTC",
			"LD_PRELOAD": self.shim, "FAULTS_LOG": self.log}
		if fault:
			env["FAULTS"] = fault
		done = subprocess.run([self.program, "export", *arguments], env=env, stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, check=False, cwd=self.folder)
		log = ""
		if os.path.exists(self.log):
			with open(self.log, encoding="utf-8", errors="replace") as f:
				log = f.read()
			os.unlink(self.log)
		return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"), log)

	def run(self, fault=None):
		return self.call(*self.arguments(), fault=fault)

	def must(self, *arguments):
		"""A run that has to go well."""
		done = self.call(*arguments)
		if done.code != 0:
			raise AssertionError(f"{self.name}: exit {done.code}: {done.err}")

	@staticmethod
	def login(sis):
		return ["--url", sis.base, "--client-id", harness.CLIENT_ID, "--client-secret-command", "echo " + harness.SECRET]

	# what must be true

	def bundle(self, now):
		"""The part of a tree that is the bundle."""
		return {name: data for name, data in now.items() if (name + "/").startswith(f"out/{self.output.rstrip('/')}/")}

	def same_state(self, now, good):
		"""Whether what is known of the last bundle is what a good run left; times may differ."""
		for name, data in good.items():
			if not name.startswith("state/published/"):
				continue
			if name.endswith(".json"):
				keys = ("content", "output", "path", "mode")
				if name not in now or [json.loads(now[name]).get(k) for k in keys] != \
						[json.loads(data).get(k) for k in keys]:
					return False
			elif now.get(name) != data:
				return False
		return True

	def leftovers(self, now, outcome):
		allowed = set(self.before) | set(self.after) | {"state", "state/lock", "state/published", "report.json", *self.kept}
		left = [path for path in sorted(set(now) - allowed) if os.path.dirname(path) not in self.kept or
			not re.fullmatch(r"rosterzip-pages|[\w.%~-]+-\d{6}\.page\.json", os.path.basename(path))]
		# What could not be removed is there still.
		if outcome.hit[0] in ("unlink", "unlinkat", "rmdir", "remove"):
			name = os.path.basename(outcome.hit[1])
			left = [path for path in left if os.path.basename(path) != name and path != "state/work" and
				not outcome.hit[1].startswith(self.path(path) + "/")]
		return left

	def codes(self, kind, error):
		if self.network and kind in NETWORK:
			return (self.code, 1, 5)
		if kind in ("memory", "heap"):
			return (self.code, 1, *self.other_codes)
		if error in INVISIBLE or kind in ("say", "thread"):
			return (self.code,)
		# What the administrator can set right is a mistake of configuration; a broken or full disk is not.
		return (self.code, 1, 2 if error in (errno.EACCES, errno.EPERM) else 1, *self.other_codes)

	def words(self, kind, error):
		if kind in ("memory", "heap"):
			return "memory|" + os.strerror(errno.ENOMEM)
		if kind in ("poll", "send", "recv", "connect", "resolve", "socket", "spawn"):
			return "libcurl|cannot reach|cut off|secret|connect|" + os.strerror(error)
		return os.strerror(error)

	def judge(self, outcome, now, kind, error):
		"""The complaints about a run in which a call failed."""
		problems = []
		say = problems.append
		# Outside of libzip only what may have to be waited for is interrupted, and only by what ends the run.
		stopped = error == errno.EINTR and ("libzip" in outcome.hit[2] or "stopped while waiting for" in outcome.err)
		if outcome.code not in self.codes(kind, error) and not (stopped and outcome.code == 1):
			say(f"exit {outcome.code}")
		# The bundle is in its place before it is noted and before the report is written.
		published = kind in ("memory", "heap") or re.search(r"is (published|unchanged),? but|"
			r"cannot (write|make) .*(report\.json|metrics\.prom|last-success)", outcome.err) is not None
		if outcome.code == 0:
			if outcome.errors:
				say("an error is shown, but the exit code is 0")
		elif kind != "say":
			if len(outcome.errors) != 1 and not (outcome.errors and (error >= ON or outcome.code == self.code)):
				say(f"{len(outcome.errors)} error lines")
			elif outcome.code != self.code and not stopped and not re.search(self.words(kind, error % ON), outcome.errors[0]):
				say(f"the error line does not say {self.words(kind, error % ON)}")
		new = self.bundle(now) == self.bundle(self.after)
		old = self.bundle(now) == self.bundle(self.before)
		if outcome.code == self.code and not new:
			say("it went well, but the bundle is not as without a fault")
		elif outcome.code not in (0, self.code) and new and not old and not published:
			say("it failed, but there is a new bundle")
		elif "is published" in outcome.err and not new:
			say("it says that there is a new bundle, and there is not")
		elif not new and not old:
			say("the bundle is neither the old nor the new one")
		if outcome.code == 0 and not self.same_state(now, self.after):
			say("it went well, but what is known of the bundle is not as without a fault")
		if outcome.code not in (0, self.code) and not published and not self.same_state(now, self.before):
			say("it failed, but what is known of the old bundle is not as it was")
		if outcome.code == 0:
			try:
				if json.loads(now["report.json"])["exit-status"] != 0:
					say("the report says that it failed")
			except (KeyError, ValueError):
				say("there is no whole report")
		left = self.leftovers(now, outcome)
		if left:
			say("left behind: " + ", ".join(left))
		return problems

	def judge_next(self, outcome, now):
		"""The complaints about the run after that, in which nothing failed."""
		problems = []
		if outcome.code != self.code:
			problems.append(f"the next run: exit {outcome.code}: {outcome.err.strip()}")
		elif self.bundle(now) != self.bundle(self.after):
			problems.append("the next run gives other bytes")
		elif not self.same_state(now, self.after):
			problems.append("the next run leaves another state")
		left = sorted(set(now) - set(self.after))
		if left:
			problems.append("the next run leaves behind: " + ", ".join(left))
		return problems

	def try_fault(self, kind, number, error, quick=False):
		"""How one fault went: None when the run has no such call, else the problems and the run."""
		amount = self.heap * number // (HEAP_STEPS + 1) if kind == "heap" else number
		fault = f"{kind}:{amount}:{'+' if error >= ON else ''}{error % ON}"
		now = self.before
		try:
			outcome = self.run(fault)
			now = tree(self.work)
			if outcome.hit is None:
				return None
			problems = self.judge(outcome, now, kind, error)
			if quick and outcome.code == self.code and not problems:
				return problems, f"{fault} {' '.join(outcome.hit)}", outcome  # all is as after a run without a fault
			following = self.run()
			now = tree(self.work)
			problems += self.judge_next(following, now)
			return problems, f"{fault} {' '.join(outcome.hit)}", outcome
		except subprocess.TimeoutExpired:
			now = tree(self.work)
			return [f"no end after {SECONDS} s"], fault, None
		finally:
			put_back(self.work, self.before, tree(self.work))


# --- the scenarios


class Pages(Scenario):
	"""From saved pages to a zip in the place of an old one, with a report: all that is no network."""

	older = {"records": {"orgs": [{"sourcedId": "9", "status": "active", "name": "Nine", "type": "school",
		"identifier": "9"}]}}

	def prepare(self):
		self.saved = os.path.join(self.folder, "pages")
		self.older_saved = os.path.join(self.folder, "older")
		self.save({}, self.saved)
		self.save(self.older, self.older_saved)
		self.begin()

	def save(self, scenario, folder):
		"""The pages of a district."""
		sis = Server(os.path.join(self.folder, "sis-" + os.path.basename(folder)), **scenario)
		self.must(*self.login(sis), "--save-pages", folder, "--output", os.path.join(self.folder, "x.zip"), "--state-dir",
			os.path.join(self.folder, "x-state"), "--force-once")
		sis.close()

	def begin(self):
		"""What was there before."""
		self.must(*Scenario.arguments(self), "--from-pages", self.older_saved)

	def arguments(self):
		return [*super().arguments(), "--from-pages", self.saved]


class Loose(Pages):
	"""A folder of CSV files in the place of an old one."""

	output = "loose/"


class Guarded(Pages):
	"""Too many rows are gone: whatever fails, nothing may be published."""

	older = {"district": {"users": 90}}
	code = 6
	kept = ("state/refused", "state/refused/bundle.zip", "state/refused/bundle.json")


class Delta(Pages):
	"""What changed since the last bundle."""

	output = "changes.zip"

	def begin(self):
		self.must("--output", self.path("out", "OneRoster.zip"), "--state-dir", self.path("state"), "--from-pages",
			self.older_saved)

	def arguments(self):
		return [*super().arguments(), "--mode", "delta", "--since", "2020-01-01T00:00:00Z"]


class Settings(Pages):
	"""Everything that is configured in files, and all that is written beside the bundle."""

	output = "eagle.zip"
	kept = ("out/eagle.zip.sha256", "metrics.prom", "receiver/eagle.zip", "state/last-success", "state/delivered",
		"state/delivered/eagle.json", "state/delivered/eagle.zip", "state/published/eagle.zip", "state/published/eagle.json")
	other_codes = (8,)

	def prepare(self):
		files = {
			"consumer.json": json.dumps({"title": "A sample receiver", "url": "https://receiver.example/", "files":
				{"orgs": "required", "users": "required"}}),
			"roles.csv": "from,to\nstudent,student\n",
			"rosterzip.conf": f"""url = http://127.0.0.1:9/aeries
client-id = {harness.CLIENT_ID}
state-dir = {self.path("state")}
report = {self.path("report.json")}
metrics-file = {self.path("metrics.prom")}

[bundle eagle]
output = {self.path("out", self.output)}
map-roles = {os.path.join(self.folder, "roles.csv")}
checksum = yes
deliver = {self.path("receiver")}
""",
		}
		for name, text in files.items():
			with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
				f.write(text)
		os.mkdir(self.path("receiver"), 0o700)
		super().prepare()

	def begin(self):
		self.must("--config", os.path.join(self.folder, "rosterzip.conf"), "--from-pages", self.older_saved)

	def arguments(self):
		return ["--config", os.path.join(self.folder, "rosterzip.conf"), "--from-pages", self.saved]


class Served(Pages):
	"""From a server, with a login and a secret that a command gives, saving the pages."""

	network = True
	kept = ("pages",)

	def prepare(self):
		self.older_saved = os.path.join(self.folder, "older")
		self.save(self.older, self.older_saved)
		self.sis = self.serve()
		self.begin()

	def arguments(self):
		return [*Scenario.arguments(self), *self.login(self.sis), "--retry-time", "0s", "--save-pages", self.path("pages")]


class Resumed(Served):
	"""Going on with the pages of a run that was cut off."""

	kept = ("state/pages",)

	def prepare(self):
		self.older_saved = os.path.join(self.folder, "older")
		self.save(self.older, self.older_saved)
		self.sis = self.serve(faults=[{"match": "users", "first": 1, "do": {"status": 410}}])
		self.begin()
		cut = self.run()
		if cut.code != 5 or not os.path.isdir(self.path("state", "pages")):
			raise AssertionError(f"the run was not cut off: {cut.code} {cut.err}")

	def arguments(self):
		return [*Scenario.arguments(self), *self.login(self.sis), "--retry-time", "0s", "--resume", "1d"]


SCENARIOS = [Pages, Loose, Guarded, Delta, Settings, Served, Resumed]


# --- the driver


def faults_of(scenario, quick, only):
	"""The faults to try: class, number, error."""
	found = []
	for kind, count in scenario.counts.items():
		if only and kind not in only.split(","):
			continue
		errors = KINDS[kind]
		most = QUICK.get(kind, QUICK_OTHERS) if quick else count * len(errors)
		if count * len(errors) > most:
			found += [(kind, 1 + i * count // most, errors[i % len(errors)]) for i in range(most)]
		elif kind == "memory":
			numbers = [n for n in range(1, count + 1) if n <= MEMORY_ALL or n % MEMORY_STRIDE == 0]
			found += [(kind, n, e) for n in numbers for e in errors]
		else:
			found += [(kind, n, e) for n in range(1, count + 1) for e in errors]
	return found


def work(scenario_class, program, shim, faults, share, shares, quick, only):
	"""One process: its share of the faults of a scenario."""
	folder = tempfile.mkdtemp(prefix="rosterzip-faults-")
	results, scenario = [], None
	try:
		scenario = scenario_class(program, shim, folder)
		for kind, number, error in (faults or faults_of(scenario, quick, only))[share::shares]:
			went = scenario.try_fault(kind, number, error, quick)
			if went is None:
				results.append((kind, None, None, None))
				continue
			problems, what, outcome = went
			results.append((kind, problems, what, outcome and (outcome.code, outcome.out, outcome.err)))
		return scenario.counts, results
	finally:
		if scenario:
			scenario.close()
		shutil.rmtree(folder, ignore_errors=True)


def parse_arguments():
	parser = argparse.ArgumentParser(usage=__doc__)
	parser.add_argument("program")
	parser.add_argument("shim")
	parser.add_argument("--quick", action="store_true")
	parser.add_argument("--jobs", type=int, default=2)
	parser.add_argument("--only", help="scenarios, with commas between them")
	parser.add_argument("--class", dest="kinds", help="classes, with commas between them")
	parser.add_argument("--show", action="store_true", help="show each fault and what the program said")
	parser.add_argument("--one", nargs=2, metavar=("SCENARIO", "CLASS:N:ERROR"))
	return parser.parse_args()


def main():
	args = parse_arguments()
	program, shim = os.path.abspath(args.program), os.path.abspath(args.shim)
	faults = None
	if args.one:
		kind, number, error = args.one[1].split(":")
		args.only, args.jobs, args.show = args.one[0], 1, True
		faults = [(kind, int(number), int(error))]
	table, bad = {}, 0
	with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
		jobs = [(s, pool.submit(work, s, program, shim, faults, i, args.jobs, args.quick, args.kinds))
			for s in SCENARIOS if not args.only or s.__name__.lower() in args.only.split(",") for i in range(args.jobs)]
		for scenario, job in jobs:
			counts, results = job.result()
			name = scenario.__name__.lower()
			for kind, number in counts.items():
				table.setdefault((name, kind), [number, 0, 0])
			for kind, problems, what, ended in results:
				if problems is None:
					continue
				row = table[name, kind]
				row[1] += 1
				row[2] += not problems
				if problems or args.show:
					print(f"{name}: {what}")
					if ended:
						print(f"  exit {ended[0]}: {ended[2].strip()}")
					for problem in problems:
						print(f"  PROBLEM: {problem}")
				bad += bool(problems)
	print(f"\n{'scenario':10} {'class':10} {'calls':>8} {'injected':>9} {'survived':>9}")
	for (name, kind), (calls, injected, survived) in table.items():
		if injected:
			print(f"{name:10} {kind:10} {calls:8} {injected:9} {survived:9}")
	total = [sum(row[i] for row in table.values()) for i in (1, 2)]
	print(f"{'all':10} {'':10} {'':8} {total[0]:9} {total[1]:9}")
	return 1 if bad or not total[0] else 0


if __name__ == "__main__":
	sys.exit(main())

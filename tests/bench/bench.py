#!/usr/bin/env python3
"""Measures the program beside the physical floor and beside what people use instead. See run.sh, which starts this.

	python3 tests/bench/bench.py --program FILE --tools FOLDER --folder FOLDER [--rounds 5] [--only main,latency]

The yardstick district (district.py) is served by nginx on loopback. In each round every job runs once, one after the
other; ratios are taken within a round, and the median of the rounds counts. Tables go to standard output as Markdown, all
numbers to results.json in the folder. Every export of the district, whatever the variant, has to give the same bytes,
and the rows that the Python script gives; else nothing is printed and the exit is 1.
"""

import argparse
import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import district
import tables
from district import COLLECTIONS
from servers import Failure, die_with_parent, nginx, page_server
from tables import BUNDLES, FAR, LATENCY

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS_A_PAGE = 5000
FEW_ROWS = 100
SECONDS = 1800  # no job may take longer
DISK = 0.6e9    # bytes that rows, pages and all else need, for each time of the district
GROUPS = ["main", "https", "ten", "small", "whole", "bundles", "validate", "diff", "latency", "busy"]


class Missing(Exception):
	"""The program has no such command."""


# ---------------------------------------------------------------------------------------------------- one job


class Bench:
	"""The folder, the tools, and how a job is run and measured."""

	def __init__(self, options, names):
		self.folder = os.path.abspath(options.folder)
		self.program = os.path.abspath(options.program)
		self.tools = os.path.abspath(options.tools)
		self.out = self.path("out")
		self.secret = self.path("secret")
		self.pages = {name: district.Pages(self.path("data"), name) for name in names}
		self.digests = {}  # of the bundle of each district
		self.lists = {}    # addresses of the pages that the program asks for, by district and rows a page
		with open(os.open(self.secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
			f.write("5e" * 32 + "\n")

	def path(self, *names):
		return os.path.join(self.folder, *names)

	def clean(self):
		shutil.rmtree(self.out, ignore_errors=True)
		os.makedirs(self.out)

	def run(self, command, out=None):
		"""One run of a command: seconds, processor time and memory. Its output goes to a file, or nowhere."""
		result, said = self.path("result"), self.path("said")
		environment = {k: v for k, v in os.environ.items() if not k.startswith("ROSTERZIP") and "proxy" not in k.lower()}
		with open(out or os.devnull, "wb") as stdout, open(said, "wb") as stderr:
			process = subprocess.Popen([os.path.join(self.tools, "measure"), result, *map(str, command)], stdout=stdout,
				stderr=stderr, stdin=subprocess.DEVNULL, env=environment, start_new_session=True, preexec_fn=die_with_parent)
			try:
				code = process.wait(SECONDS)
			except BaseException:
				os.killpg(process.pid, signal.SIGKILL)  # it and what it started
				process.wait()
				raise
		with open(said, encoding="utf-8", errors="replace") as f:
			text = f.read().strip()
		if code:
			raise Failure(f"measure: {text}")
		with open(result, encoding="ascii") as f:
			sample = json.load(f)
		status = sample.pop("status")
		if status == 2 and "there is no command" in text:
			raise Missing(command[1])
		if status:
			raise Failure(f"{' '.join(map(str, command))}\nexit {status}: {text}")
		return sample

	def source(self, url, *extra):
		"""Options of an export that say where from, and where to work."""
		return ["--url", url, "--token-url", url + "/token", "--client-id", "1d" * 32, "--client-secret-file", self.secret,
			"--state-dir", os.path.join(self.out, "state"), "--retry-time", "2s", *extra]

	def export(self, url, name, *extra):
		"""An export of the district of that name; its bundle has to be the one it always is."""
		self.clean()
		bundle = os.path.join(self.out, "OneRoster.zip")
		sample = self.run([self.program, "export", *self.source(url, "--output", bundle, *extra)])
		self.same(name, bundle)
		return sample

	def same(self, name, bundle):
		with open(bundle, "rb") as f:
			digest = hashlib.sha256(f.read()).hexdigest()
		if self.digests.setdefault(name, digest) != digest:
			raise Failure(f"the bundle of district {name} has other bytes than before")


# ---------------------------------------------------------------------------------------------------- preparation


def table(text):
	return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def compare(ours, theirs):
	"""Two bundles have the same files with the same rows in the same order."""
	with zipfile.ZipFile(ours) as a, zipfile.ZipFile(theirs) as b:
		if sorted(a.namelist()) != sorted(b.namelist()):
			raise Failure(f"the files differ: {a.namelist()}, {b.namelist()}")
		for name in a.namelist():
			left, right = table(a.read(name).decode()), table(b.read(name).decode())
			if left != right:
				n = next((n for n, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), min(len(left), len(right)))
				raise Failure(f"{name}, row {n}: rosterzip and the Python script differ\n{left[n:n + 1]}\n{right[n:n + 1]}")


def compare_jq(ours, folder):
	"""As compare, with the files of jq; their order is that of the pages."""
	with zipfile.ZipFile(ours) as bundle:
		for name in COLLECTIONS:
			with open(os.path.join(folder, name + ".csv"), encoding="utf-8", newline="") as f:
				if table(bundle.read(name + ".csv").decode()) != table(f.read()):
					raise Failure(f"{name}.csv: rosterzip and jq differ")


def change(old, new):
	"""A bundle a day later: of the users every 50th has another address, of the enrollments every 100th is gone, and for
	every 80th there is a new one."""
	with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as target:
		for name in source.namelist():
			rows = table(source.read(name).decode())
			head, rows = rows[0], rows[1:]
			if name == "users.csv":
				for row in rows[::50]:
					row[head.index("email")] = f"{row[0].lower()}@new.sample.example"
			if name == "enrollments.csv":
				added = [[row[0] + "-again", *row[1:]] for row in rows[::80]]
				rows = sorted([row for n, row in enumerate(rows) if n % 100] + added)
			text = io.StringIO(newline="")
			csv.writer(text).writerows([head, *rows])
			target.writestr(name, text.getvalue())


def prepare(bench, groups, say):
	"""Has every page made that will be asked for, by running each reader once, and sees that they give the same rows."""
	wanted = {("1x", ROWS_A_PAGE)}
	wanted |= {("10x", ROWS_A_PAGE)} if "ten" in groups else set()
	wanted |= {("1x", FEW_ROWS)} if "small" in groups else set()
	wanted |= {("1x", rows) for _, rows in FAR} if "latency" in groups else set()
	kept, theirs, files = bench.path("OneRoster.zip"), bench.path("python.zip"), bench.path("jq")
	with page_server(bench.folder) as (root, log):
		for name, rows in sorted(wanted):
			say(f"one export of district {name}, {rows} rows a page, unmeasured")
			bench.export(f"{root}/{name}", name, "--page-size", str(rows))
			bench.lists[name, rows] = [entry["path"] for entry in log()]
			if name == "1x":
				shutil.copy(os.path.join(bench.out, "OneRoster.zip"), kept)
		if "main" in groups:
			say("the same by the other tools, and whether they give the same rows")
			bench.run([sys.executable, os.path.join(HERE, "export.py"), root + "/1x", theirs])
			compare(kept, theirs)
			if shutil.which("jq"):
				os.makedirs(files, exist_ok=True)
				bench.run(["sh", os.path.join(HERE, "export-jq.sh"), root + "/1x", files])
				compare_jq(kept, files)
	for name in bench.pages if "whole" in groups else ():
		for collection in COLLECTIONS:
			bench.pages[name].path(collection)
	paths = [bench.pages["1x"].plain(*district.parse(path)[1:]) for path in bench.lists["1x", ROWS_A_PAGE]]
	with open(bench.path("pages.list"), "w", encoding="utf-8") as f:
		f.write("".join(path + "\n" for path in paths))
	shutil.rmtree(bench.path("csv"), ignore_errors=True)
	with zipfile.ZipFile(kept) as bundle:
		bundle.extractall(bench.path("csv"))
		csv_bytes = sum(info.file_size for info in bundle.infolist())
	change(kept, bench.path("changed.zip"))
	rows = sum(bench.pages["1x"].total(collection) for collection in COLLECTIONS)
	return {"rows": rows, "pages": len(paths), "json_bytes": sum(map(os.path.getsize, paths)),
		"wire_bytes": sum(os.path.getsize(path + ".gz") for path in paths), "csv_bytes": csv_bytes,
		"zip_bytes": os.path.getsize(kept)}


# ---------------------------------------------------------------------------------------------------- the jobs


def curl_list(bench, root, which):
	"""The configuration for one curl that reads the same pages to nowhere."""
	path = bench.path(f"curl-{root.partition(':')[0]}-{which[0]}-{which[1]}.conf")
	with open(path, "w", encoding="ascii") as f:
		for address in bench.lists[which]:
			f.write(f"url = {root}{address}\noutput = {os.devnull}\n")
	return path


def bundles_config(bench, url, name, schools=()):
	"""A configuration of many bundles: the whole district each, or after the first one of these schools each."""
	path = bench.path(name)
	with open(path, "w", encoding="utf-8") as f:
		words = bench.source(url, "--page-size", str(ROWS_A_PAGE))
		for name, value in zip(words[::2], words[1::2]):
			f.write(f"{name[2:]} = {value}\n")
		for n in range(BUNDLES):
			f.write(f"\n[bundle receiver{n + 1}]\noutput = {bench.out}/{n + 1}/OneRoster.zip\n")
			if schools and n > 0:
				f.write(f"schools = {schools[n]}\n")
	return path


def schools_of(bench):
	with open(os.path.join(bench.path("csv"), "orgs.csv"), encoding="utf-8", newline="") as f:
		return [row[0] for row in csv.reader(f) if row[4] == "school"][:BUNDLES]


def twelve(bench, config, same=True):
	bench.clean()
	for n in range(BUNDLES):
		os.makedirs(os.path.join(bench.out, str(n + 1)))
	sample = bench.run([bench.program, "export", "--config", config])
	for n in range(BUNDLES):
		if same:
			bench.same("1x", os.path.join(bench.out, str(n + 1), "OneRoster.zip"))
	return sample


def python_export(bench, url):
	bench.clean()
	return bench.run([sys.executable, os.path.join(HERE, "export.py"), url, os.path.join(bench.out, "python.zip")])


def jq_export(bench, url):
	bench.clean()
	return bench.run(["sh", os.path.join(HERE, "export-jq.sh"), url, bench.out])


def far_away(bench, url, log, parallel, rows):
	log()
	sample = bench.export(url, "1x", "--page-size", str(rows), "--parallel", str(parallel))
	entries = log()
	sample["requests"] = len(entries)
	sample["reading"] = max(e["t"] + e["took"] for e in entries) - min(e["t"] for e in entries)
	return sample


def make_jobs(bench, groups, roots, far):
	"""(group, name, function that runs it once and gives its sample)."""
	http, https, authority = roots
	size = ["--page-size", str(ROWS_A_PAGE)]
	lists, path = bench.lists, bench.path
	jobs = []

	def job(group, name, function, *arguments):
		if group in groups:
			jobs.append((group, name, lambda: function(*arguments)))

	def curl(root, which, *extra):
		command = ["curl", "--fail", "--silent", "--show-error", "--compressed", *extra]
		return bench.run, [*command, "--config", curl_list(bench, root, which)]

	main = ("1x", ROWS_A_PAGE)
	files = sorted(os.path.join(path("csv"), name) for name in os.listdir(path("csv")))
	job("main", "export", bench.export, http + "/1x", "1x", *size)
	job("main", "curl", *curl(http, main))
	job("main", "yajl", bench.run, [os.path.join(bench.tools, "yajl_floor"), path("pages.list")])
	job("main", "gzip", bench.run, ["gzip", "-6", "-c", *files])
	job("main", "python", python_export, bench, http + "/1x")
	if shutil.which("jq"):
		job("main", "jq", jq_export, bench, http + "/1x")
	job("https", "https export", bench.export, https + "/1x", "1x", *size, "--ca-file", authority)
	job("https", "https curl", *curl(https, main, "--cacert", authority))
	job("ten", "ten export", bench.export, http + "/10x", "10x", *size)
	if ("1x", FEW_ROWS) in lists:
		job("small", "small export", bench.export, http + "/1x", "1x", "--page-size", str(FEW_ROWS))
		job("small", "small curl", *curl(http, ("1x", FEW_ROWS)))
	job("whole", "whole export", bench.export, http + "/whole-1x", "1x", *size)
	job("whole", "whole ten export", bench.export, http + "/whole-10x", "10x", *size)
	job("bundles", "bundles", twelve, bench, bundles_config(bench, http + "/1x", "bundles.conf"))
	job("bundles", "slices", twelve, bench, bundles_config(bench, http + "/1x", "slices.conf", schools_of(bench)), False)
	job("validate", "validate", bench.run, [bench.program, "validate", path("OneRoster.zip")])
	job("diff", "diff", bench.run, [bench.program, "diff", path("OneRoster.zip"), path("changed.zip")])
	for n, rows in FAR:
		job("latency", tables.far_name(n, rows), far_away, bench, far[0] + "/1x", far[1], n, rows)
	return jobs


def measure(jobs, rounds, say):
	"""The samples of each job, one a round; an empty list for a command that is not there."""
	samples = {name: [] for _, name, _ in jobs}
	missing = set()
	for n in range(rounds):
		turned = jobs[n % len(jobs):] + jobs[:n % len(jobs)]  # nobody is always the first, or always behind the same one
		for _, name, run in turned:
			if name in missing:
				continue
			try:
				sample = run()
			except Missing:
				missing.add(name)
				continue
			samples[name].append(sample)
			say(f"round {n + 1}, {name}: {sample['wall']:.3f} s, {sample['peak'] / 1e6:.1f} MB")
	return samples


# ---------------------------------------------------------------------------------------------------- all of it


def protocols(bench):
	"""How many answers over https had which version of HTTP."""
	counts = {}
	with contextlib.suppress(FileNotFoundError), open(bench.path("nginx", "protocols.log"), encoding="ascii") as f:
		for line in f:
			counts[line.strip()] = counts.get(line.strip(), 0) + 1
	return counts


def bench_all(options, groups, say):
	os.makedirs(options.folder, exist_ok=True)
	with open(os.path.join(options.folder, "lock"), "w", encoding="ascii") as lock:
		try:
			fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
		except BlockingIOError:
			raise Failure("another benchmark is running in this folder") from None
		names = ["1x"] + (["10x"] if groups & {"ten", "whole"} else [])
		have, need = shutil.disk_usage(options.folder).free, sum(DISK * district.TIMES[name] for name in names)
		if not os.path.isdir(os.path.join(options.folder, "data", names[-1])) and have < need:
			raise Failure(f"{need / 1e9:.1f} GB of disk are needed, there are {have / 1e9:.1f}")
		district.make(os.path.join(options.folder, "data"), names, say)
		bench = Bench(options, names)
		load = os.getloadavg()
		facts = prepare(bench, groups, say)
		with contextlib.suppress(FileNotFoundError):
			os.unlink(bench.path("nginx", "protocols.log"))
		with nginx(bench.folder, bench.pages) as roots, page_server(bench.folder, LATENCY) as far:
			results = tables.Results(measure(make_jobs(bench, groups, roots, far), options.rounds, say))
		busy = None
		if "busy" in groups:
			say("a server that is soon busy")
			os.environ["ROSTERZIP"] = bench.program
			import latency  # it looks for the program when it is loaded
			busy = latency.soon_busy(120 if options.rounds == 1 else 600)
		where = tables.machine(bench.program)
		with open(bench.path("results.json"), "w", encoding="utf-8") as f:
			json.dump({"machine": where, "load": {"before": load, "after": os.getloadavg()}, "district": facts,
				"rounds": options.rounds, "samples": results.samples, "protocols": protocols(bench), "busy": busy}, f, indent="\t")
			f.write("\n")
		tables.show_head(facts, where, options.rounds, load)
		tables.show_tools(results)
		print()
		tables.show_ratios(results, facts, busy)
		bench.clean()


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--program", required=True, metavar="FILE")
	parser.add_argument("--tools", required=True, metavar="FOLDER", help="where measure and yajl_floor are")
	parser.add_argument("--folder", required=True, help="for pages, working files and results")
	parser.add_argument("--rounds", type=int, default=5)
	parser.add_argument("--only", default=",".join(GROUPS), metavar="LIST", help="of: " + ", ".join(GROUPS))
	options = parser.parse_args()
	groups = set(options.only.split(","))
	if groups - set(GROUPS) or options.rounds < 1:
		parser.error("--only takes words of: " + ", ".join(GROUPS))
	for number in (signal.SIGTERM, signal.SIGHUP):
		signal.signal(number, lambda n, _: sys.exit(128 + n))
	began = time.monotonic()

	def say(text):
		print(f"{time.monotonic() - began:7.1f} s  {text}", file=sys.stderr, flush=True)

	try:
		bench_all(options, groups, say)
	except Failure as why:
		print(f"bench: {why}", file=sys.stderr)
		return 1
	except KeyboardInterrupt:
		return 130
	return 0


if __name__ == "__main__":
	sys.exit(main())

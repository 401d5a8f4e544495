#!/usr/bin/env python3
"""Runs the tests of the command line: python3 tests/cli/run.py [--jobs 3] [--slow] [PATTERN]

PATTERN picks the tests whose name (test_paging.Paging.test_cap) holds it. Each test is a job for one of the processes.
The last line is "N passed, N failed". Exit: 0 all passed, 1 not, 2 no test has such a name.
"""

import argparse
import concurrent.futures
import glob
import io
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

FIRST = ("test_main_job.District", "test_faults.ForEver", "test_faults.Passing")  # the longest ones begin, so that no process waits for them at the end


def names(suite):
	for item in suite:
		if isinstance(item, unittest.TestSuite):
			yield from names(item)
		else:
			yield item.id()


def run_one(name):
	"""Runs one test: its name, how it ended, what it said, seconds."""
	began = time.monotonic()
	result = unittest.TestResult()
	unittest.defaultTestLoader.loadTestsFromName(name).run(result)
	trouble = result.failures + result.errors + [(test, "unexpected success") for test in result.unexpectedSuccesses]
	text = "\n".join(f"{getattr(test, '_subDescription', str)()}\n{said}" for test, said in trouble)
	skipped = "; ".join(why for _, why in result.skipped)
	how = "failed" if trouble else "skipped" if result.skipped else "passed"
	return name, how, text or skipped, time.monotonic() - began


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1)  # many tests wait for a server
	parser.add_argument("--slow", action="store_true", help="list the ten slowest tests")
	parser.add_argument("pattern", nargs="?", default="")
	options = parser.parse_args()
	files = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
	modules = [os.path.basename(path)[:-3] for path in files]
	found = list(names(unittest.defaultTestLoader.loadTestsFromNames(modules)))
	wanted = [name for name in found if options.pattern in name]
	wanted.sort(key=lambda name: not name.startswith(FIRST))
	if not wanted:
		print(f"no test has {options.pattern} in its name", file=sys.stderr)
		return 2
	counts = {"passed": 0, "failed": 0, "skipped": 0}
	times = []
	with concurrent.futures.ProcessPoolExecutor(max(1, options.jobs)) as pool:
		jobs = [pool.submit(run_one, name) for name in wanted]
		for job in concurrent.futures.as_completed(jobs):
			name, how, text, seconds = job.result()
			counts[how] += 1
			times.append((seconds, name))
			if how == "failed":
				print(f"FAILED {name} ({seconds:.1f} s)\n{text}", flush=True)
			elif how == "skipped":
				print(f"skipped {name}: {text}", flush=True)
	if options.slow:
		for seconds, name in sorted(times, reverse=True)[:10]:
			print(f"{seconds:6.1f} s  {name}")
	if counts["skipped"]:
		print(f"{counts['skipped']} skipped")
	print(f"{counts['passed']} passed, {counts['failed']} failed")
	return 1 if counts["failed"] else 0


if __name__ == "__main__":
	sys.exit(main())

#!/usr/bin/env python3
"""The yardstick district: 53,000 users, 15,000 classes, 1,500 courses, 50 schools, 375,000 enrollments. Exports it from
the fake SIS and prints rows, seconds and the peak of resident memory; fails over 32 MB. Takes minutes, nearly all of
them the SIS's own. Not for a build with a sanitizer.

	ROSTERZIP=build/rosterzip python3 tests/cli/yardstick.py [--times 1] [--page-size 5000] [--truth] [EXPORT OPTION...]

--times 10 serves ten times the enrollments; --truth compares every file with the truth.
"""

import argparse
import subprocess
import sys
import time
import unittest

import harness

LIMIT = 32000000
DISTRICT = {"schools": 50, "users": 53000, "classes": 15000, "courses": 1500, "enrollments": 375000}

# Linux lets a program begin with the peak of the process that started it: a small one in between keeps ours out of it.
MEASURE = """
import os, sys
child = os.fork()
if child == 0:
	os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Yardstick(harness.Case):
	options = None
	extra = ()

	def runTest(self):
		size = {**DISTRICT, "enrollments": DISTRICT["enrollments"] * self.options.times}
		self.serve(size, gzip=True, cache_pages=0)
		words = self.arguments("--page-size", self.options.page_size, *self.extra)
		began = time.monotonic()
		done = subprocess.run([sys.executable, "-S", "-E", "-c", MEASURE, harness.PROGRAM, *words], check=False,
			env=self.environment(), cwd=self.folder, stdout=subprocess.PIPE)
		seconds = time.monotonic() - began
		print(done.stdout.decode(), end="")
		self.assertEqual(done.returncode, 0)
		peak, busy = map(float, done.stdout.split(b"\n")[-2].split())
		rows = {name: data.count(b"\r\n") - 1 for name, data in self.bundle().items()}
		rows.pop("manifest.csv")
		print(f"{sum(rows.values())} rows in {seconds:.1f} s, of the program {busy:.1f} s, "
			f"peak {peak / 1e6:.1f} MB")
		self.assertEqual(rows, {"orgs.csv": 51, "academicSessions.csv": 350, "courses.csv": 1500,
			"classes.csv": 15000, "users.csv": 53000, "enrollments.csv": size["enrollments"]})
		if self.options.truth:
			self.assert_truth()
		self.assertLessEqual(peak, LIMIT, "resident memory")


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument("--times", type=int, default=1)
	parser.add_argument("--page-size", type=int, default=5000)
	parser.add_argument("--truth", action="store_true")
	Yardstick.options, Yardstick.extra = parser.parse_known_args()
	result = unittest.TextTestRunner(verbosity=0).run(Yardstick())
	return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
	sys.exit(main())

#!/usr/bin/env python3
"""Full exports under valgrind: no leak and no wrong access. A program with AddressSanitizer cannot be run so, so the plain one
is named by $ROSTERZIP_VALGRIND: ROSTERZIP_VALGRIND=build/rosterzip python3 tests/cli/valgrind.py"""

import os
import sys
import unittest

import harness
from harness import EVERYTHING, Case, need


class Valgrind(Case):
	"""Each export runs under valgrind, whose findings are exit 77."""

	def setUp(self):
		super().setUp()
		plain = os.environ.get("ROSTERZIP_VALGRIND")
		if not plain:
			self.fail("ROSTERZIP_VALGRIND names no program")
		wrapper = self.write("under-valgrind", "#!/bin/sh\n"
			f"exec '{need('valgrind')}' --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible "
			"--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=77 "
			f"'{os.path.abspath(plain)}' \"$@\"\n", 0o755)
		self.addCleanup(setattr, harness, "PROGRAM", harness.PROGRAM)
		harness.PROGRAM = wrapper

	def test_full_export(self):
		self.serve({"users": 60, "enrollments": 120}, nasty=True, login="aeries-v1", cap=25, gzip=True)
		self.export("--auth", "aeries-v1", "--collections", ",".join(EVERYTHING), "--parallel", 3)
		self.assert_truth(collections=EVERYTHING)

	def test_export_with_troubles(self):
		self.serve({"users": 60, "enrollments": 120}, cap=25,
			faults=[{"match": "users", "nth": 1, "do": {"cut": 0.5}}, {"match": "users", "nth": 3, "do": {"status": 503}},
				{"match": "enrollments", "nth": 2, "do": {"unauthorized": True}}])
		self.export_truth()

	def test_export_that_fails(self):
		self.serve({"users": 60, "enrollments": 120}, derived=False,
			faults=[{"match": "users", "do": {"truncate_json": True}}])
		self.assert_fails(5, "users", "--retry-time", "0s")


if __name__ == "__main__":
	sys.exit(not unittest.main(exit=False).result.wasSuccessful())

#!/usr/bin/env python3
"""Instructions of an export for each byte of JSON, and what they were for. See instructions.sh, which starts this.

	python3 tests/bench/instructions.py --program FILE --tools FOLDER --folder FOLDER

Exports a small district from pages kept before, under callgrind. Each instruction counts for the part its source file or
library belongs to; those of everything else (the C library, buffers) count for whoever called it, in proportion.
"""

import argparse
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SIS = os.path.join(os.path.dirname(HERE), "server", "sis.py")
DISTRICT = {"schools": 5, "users": 1060, "classes": 300, "courses": 30, "enrollments": 7500}
ROWS_A_PAGE = 500
SHA = "SHA-256"

# The first that fits counts. What fits none is a helper of its callers.
PARTS = [
	("parse", "yajl and sax", r"libyajl|/src/convert/(sax|plan|escape)\."),
	("row", "record, value, row", r"/src/convert/record\.|/src/check/(value|clean|moment)\.|/src/table/(row|rowpage)\."),
	("row file", "rows to disk and back in order", r"/src/table/(rowfile|rowrun)\."),
	("publish", "references, filling, leaving out", r"/src/check/|/src/table/idset\.|/src/cmd/publish\."),
	("CSV", "cells to text", r"/src/table/csv_write\."),
	("zip", "deflate, check sums, file", r"libzip|libz\.|/src/package/"),
	(SHA, "of the pages kept and of the order", r"libcrypto|/src/base/digest\."),
	("page", "pages, their order, their files", r"/src/cmd/(page|reading|collect)\.|/src/fetch/"),
	("rest", "start, options, report", r"/src/(cmd/)?\w+\.[ch]$|/src/cmd/|ld-linux|schema_tables"),
]


def part_of(place):
	return next((name for name, _, pattern in PARTS if re.search(pattern, place)), None)


class Profile:
	"""A profile of callgrind, written without compression of names and positions."""

	def __init__(self, path):
		self.own = collections.defaultdict(collections.Counter)    # function -> part or None -> instructions
		self.calls = collections.defaultdict(collections.Counter)  # function -> caller -> instructions, inclusive
		self.home = {}                                             # function -> part or None
		with open(path, encoding="utf-8", errors="replace") as lines:
			self.read(lines)

	def read(self, lines):
		library = file = function = callee_library = callee = None
		of_call = False
		for line in lines:
			key, equals, value = line.rstrip("\n").partition("=")
			if equals and key.isalpha():
				if key == "ob":
					library = value
				elif key in ("fl", "fi", "fe"):
					file = value
				elif key == "fn":
					function = (library, value)
					self.home.setdefault(function, part_of(library) or part_of(file))
				elif key == "cob":
					callee_library = value
				elif key == "cfn":
					callee = (callee_library or library, value)
				elif key == "calls":
					of_call, callee_library = True, None
			elif line[:1].isdigit():
				cost = int(line.split()[1])
				if of_call:
					self.calls[callee][function] += cost
					of_call = False
				else:
					self.own[function][part_of(library) or part_of(file) or self.home[function]] += cost

	def shares(self):
		"""For each function without a part, how its instructions are shared among the parts of its callers."""
		loose = [f for f in set(self.own) | set(self.calls) if self.home.get(f) is None]
		share = {f: collections.Counter({"rest": 1.0}) for f in loose}
		for _ in range(60):  # as often as helpers call helpers, and then some
			for f in loose:
				callers = {c: n for c, n in self.calls[f].items() if c != f and n > 0}
				whole = sum(callers.values())
				if not whole:
					continue
				mixed = collections.Counter()
				for caller, cost in callers.items():
					for name, part in (share[caller] if caller in share else {self.home[caller]: 1.0}).items():
						mixed[name] += part * cost / whole
				share[f] = mixed
		return share

	def parts(self):
		"""Instructions of each part."""
		share, sums = self.shares(), collections.Counter()
		for function, costs in self.own.items():
			for name, cost in costs.items():
				for part, weight in ({name: 1.0} if name else share[function]).items():
					sums[part] += cost * weight
		return sums


def callgrind(folder, name, command):
	path = os.path.join(folder, name + ".callgrind")
	done = subprocess.run(["valgrind", "--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no",
		f"--callgrind-out-file={path}", *command], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
		stderr=subprocess.PIPE)
	if done.returncode:
		raise SystemExit(f"instructions: {' '.join(command)}\n{done.stderr.decode(errors='replace')}")
	return Profile(path)


def keep_pages(program, folder, pages):
	"""One export of the sample SIS that keeps its pages."""
	secret = os.path.join(folder, "secret")
	with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
		f.write("5e" * 32 + "\n")
	size = [word for name, number in DISTRICT.items() for word in ("--" + name, str(number))]
	with subprocess.Popen([sys.executable, SIS, "serve", "--until-eof", "--quiet", *size], stdin=subprocess.PIPE,
			stdout=subprocess.PIPE) as server:
		try:
			url = server.stdout.readline().decode().split()[1] + "/aeries"
			subprocess.run([program, "export", "-q", "--url", url, "--client-id", "1d" * 32, "--client-secret-file", secret,
				"--state-dir", os.path.join(folder, "state"), "--save-pages", pages, "--page-size", str(ROWS_A_PAGE),
				"--output", os.path.join(folder, "OneRoster.zip")], check=True, stdin=subprocess.DEVNULL)
		finally:
			server.stdin.close()


def show(parts, whole, floor, size):
	print(f"{size / 1e6:.2f} MB of JSON, {whole / 1e6:.0f} million instructions")
	print()
	print("| part | what | instructions a byte of JSON | share |")
	print("| --- | --- | ---: | ---: |")
	for name, what, _ in PARTS:
		print(f"| {name} | {what} | {parts[name] / size:.2f} | {100 * parts[name] / whole:.0f} % |")
	print(f"| all | | {whole / size:.2f} | 100 % |")
	print(f"| all but {SHA} | valgrind knows no processor that does it by itself | {(whole - parts[SHA]) / size:.2f} | |")
	print(f"| floor | yajl with empty callbacks over the same pages | {floor / size:.2f} | |")


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--program", required=True, metavar="FILE")
	parser.add_argument("--tools", required=True, metavar="FOLDER", help="where yajl_floor is")
	parser.add_argument("--folder", required=True, help="for the profiles and the numbers")
	options = parser.parse_args()
	program, results = os.path.abspath(options.program), os.path.abspath(options.folder)
	os.makedirs(results, exist_ok=True)
	folder = tempfile.mkdtemp(prefix="instructions-")
	try:
		pages = os.path.join(folder, "pages")
		keep_pages(program, folder, pages)
		paths = sorted(os.path.join(pages, name) for name in os.listdir(pages) if name.endswith(".json"))
		size = sum(map(os.path.getsize, paths))
		with open(os.path.join(folder, "list"), "w", encoding="utf-8") as f:
			f.write("".join(path + "\n" for path in paths))
		floor = callgrind(results, "floor", [os.path.join(options.tools, "yajl_floor"), os.path.join(folder, "list")])
		export = callgrind(results, "export", [program, "export", "-q", "--url", "http://127.0.0.1:9", "--state-dir",
			os.path.join(folder, "state"), "--from-pages", pages, "--output", os.path.join(folder, "OneRoster.zip")])
	finally:
		shutil.rmtree(folder, ignore_errors=True)
	parts, least = export.parts(), sum(floor.parts().values())
	whole = sum(parts.values())
	with open(os.path.join(results, "instructions.json"), "w", encoding="utf-8") as f:
		json.dump({"json_bytes": size, "instructions": whole, "parts": parts, "floor": least,
			"a_byte": {name: parts[name] / size for name, _, _ in PARTS}}, f, indent="\t")
		f.write("\n")
	show(parts, whole, least, size)
	return 0


if __name__ == "__main__":
	sys.exit(main())

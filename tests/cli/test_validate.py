"""validate: the corpus of tests/validate, hostile bundles, bundles in the shape of other programs, and our own."""

import csv
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

from harness import EVERYTHING, PROGRAM, SOURCE, Case

FOLDER = os.path.join(SOURCE, "tests", "validate")
sys.path.insert(0, FOLDER)
import bundle as b  # noqa: E402
import corpus  # noqa: E402

SEVERITIES = {"error": "E", "warning": "W", "info": "I"}
CPU_SECONDS = 20  # of one call, however hostile the bundle; with the sanitizers too
MEGABYTES = 256  # counts what the starting process of the tests had, too
TODAY = "1767600000"  # 2026-01-05, within the terms of the district of bundle.py
FILE_BYTES = 64 << 20  # of one working file


def rule_table():
	"""rules.txt: (rule, severity) -> {"broken": names, "valid": names}."""
	table, cases = {}, None
	with open(os.path.join(FOLDER, "rules.txt"), encoding="ascii") as f:
		for line in f.read().split("\n"):
			if line.startswith("\t"):
				kind, name = line.split()
				cases[kind].append(name)
			elif line and not line.startswith("#"):
				rule, severity = line.split()
				assert (rule, severity) not in table, line
				cases = table[rule, severity] = {"broken": [], "valid": []}
	return table


def severity_of(rule):
	found = [severity for name, severity in rule_table() if name == rule]
	assert found, rule
	return found[0]


class Finding:
	"""One finding, from the program's JSON."""

	def __init__(self, item):
		self.rule, self.severity = item["rule"], SEVERITIES[item["severity"]]
		self.file, self.column, self.count = item.get("file"), item.get("column"), item["count"]
		self.rows = [example["row"] for example in item["examples"] if example.get("row")]
		self.values = [example["value"] for example in item["examples"] if example.get("value") is not None]
		self.detail, self.text = item.get("detail"), item["text"]

	@property
	def about(self):
		"""The file, or the entry of the zip that is no file of a bundle."""
		return self.file or (self.detail if self.rule in ("zip.path", "zip.duplicate", "zip.unknown-file") else None)

	@property
	def key(self):
		return self.rule, self.severity, self.about, self.column, self.rows

	def __repr__(self):
		return f"{self.rule} {self.severity} {self.file} {self.column} rows {self.rows} count {self.count} ({self.detail})"


def findings_of(text):
	"""What `validate --json` says: for each bundle in the order of the call its findings."""
	return [[Finding(item) for item in judged["findings"]] for judged in json.loads(text)["bundles"]]


class Validate(Case):
	def setUp(self):
		super().setUp()
		self.work = self.path("work")
		os.mkdir(self.work)

	def environment(self, more=None):
		return super().environment({"TMPDIR": self.work, "SOURCE_DATE_EPOCH": TODAY, "TZ": "UTC", **(more or {})})

	def validate(self, *arguments, expect=None):
		run = self.program(["validate", *(str(a) for a in arguments)])
		if expect is not None:
			self.assertEqual(run.code, expect, run.shown)
		self.assertEqual(os.listdir(self.work), [], "working files were left behind")
		return run

	def judge(self, *paths, consumer=None):
		"""The findings of each bundle, and the run."""
		options = ["--consumer", consumer] if consumer else []
		run = self.validate("--json", *options, *paths)
		self.assertIn(run.code, (0, 3), run.shown)
		judged = findings_of(run.out)
		self.assertEqual(len(judged), len(paths), run.shown)
		errors = any(finding.severity == "E" for findings in judged for finding in findings)
		self.assertEqual(run.code, 3 if errors else 0, run.shown[:4000])
		return judged, run

	def bounded(self, *arguments, seconds=CPU_SECONDS, megabytes=MEGABYTES):
		"""Runs the program with limits on its time, its memory and the size of its files; it must end by itself."""
		def limits():
			resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
			resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
			resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
		words = ["validate", *(str(a) for a in arguments)]
		env = self.environment()
		env["ASAN_OPTIONS"] += ":quarantine_size_mb=4"
		with open(self.path("stdout"), "w+b") as out, open(self.path("stderr"), "w+b") as err:
			process = subprocess.Popen([PROGRAM, *words], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
				cwd=self.folder, preexec_fn=limits)
			until = time.monotonic() + 3 * seconds
			while True:  # wait4 tells of memory; it has no time limit of its own
				pid, status, usage = os.wait4(process.pid, os.WNOHANG)
				if pid:
					break
				if time.monotonic() > until:
					process.kill()
					os.wait4(process.pid, 0)
					process.returncode = -signal.SIGKILL
					self.fail(f"no end after {3 * seconds} s: {words}")
				time.sleep(0.005)
			process.returncode = os.waitstatus_to_exitcode(status)
			out.seek(0)
			err.seek(0)
			run = self.ended(words, process.returncode, out.read(), err.read())
		self.assertLess(usage.ru_maxrss, megabytes << 10, f"kB of memory: {run.shown[:2000]}")
		self.assertEqual(os.listdir(self.work), [], "working files were left behind")
		return run

	def hostile(self, *paths, rules=None, only=None):
		"""Each bundle is judged within bounds, with an error of one of these rules; with only, no others are found."""
		run = self.bounded("--json", *paths)
		self.assertEqual(run.code, 3, run.shown[:4000])
		judged = findings_of(run.out)
		self.assertEqual(len(judged), len(paths))
		for path, findings in zip(paths, judged):
			found = {finding.rule for finding in findings}
			errors = [f for f in findings if f.severity == "E" and f.rule in rules]
			self.assertTrue(errors, f"{path}: {findings[:20]}")
			self.assertTrue(all(f.text for f in errors))
			if only is not None:
				self.assertLessEqual(found, set(only), path)
		return judged

	def make(self, *changes, name="bundle.zip", base="full", form="zip"):
		"""A bundle with these changes, at a path of its own."""
		bundle = b.fresh(base)
		for change in changes:
			change(bundle)
		path = os.path.join(tempfile.mkdtemp(dir=self.folder), name)
		(bundle.pack if form == "zip" else bundle.unpack)(path)
		return path


def consumer_file(name):
	return os.path.join(FOLDER, "consumers", name + ".json") if name else None


def personal(bundle):
	"""Texts of the rows of which none may be printed: names, addresses, numbers of people. The id of a row may."""
	found = set()
	for table, rows in bundle.rows.items():
		for row in rows:
			for name, cell in zip(bundle.header[table], row):
				if re.search(r"username|userIds|Name$|identifier|email|sms|phone|birthDate|comment|location|[pP]assword", name):
					found.update(cell.split(","))
	return {text for text in found if 4 <= len(text.strip()) < 1000}  # shorter ones may stand in any sentence


class Corpus(Validate):
	"""Each case alone in its bundle; many bundles in one call, which shows too that none colours the next."""

	def build(self, cases):
		"""The cases' bundles on disk: (case, path, wanted findings, bundle)."""
		made = []
		for n, case in enumerate(cases):
			bundle, wanted = case.build()
			folder = self.path(str(n))
			os.mkdir(folder)
			path = os.path.join(folder, case.zip_name or ("bundle.zip" if case.form == "zip" else "bundle"))
			(bundle.pack if case.form == "zip" else bundle.unpack)(path)
			made.append((case, path, wanted, bundle))
		return made

	def check(self, cases):
		troubles = []
		made = self.build(cases)
		for consumer in sorted({case.consumer or "" for case in cases}):
			group = [one for one in made if (one[0].consumer or "") == consumer]
			judged, run = self.judge(*(path for _, path, _, _ in group), consumer=consumer_file(consumer))
			self.assert_private(run, group)
			for (case, _, wanted, _), found in zip(group, judged):
				wanted = [(rule, severity or severity_of(rule), file, column, rows)
					for rule, severity, file, column, rows in wanted]
				if not matches(wanted, found):
					options = f" --consumer {consumer}" if consumer else ""
					troubles.append(f"{case.full_name}{options}: wanted {wanted}, found {found}")
				for finding in found:
					if finding.rows and len(finding.rows) < 5 and finding.count != len(finding.rows):
						troubles.append(f"{case.full_name}: {finding.count} rows, but {finding.rows}")
		self.assertEqual(troubles, [], "\n" + "\n".join(troubles))

	def assert_private(self, run, made):
		"""Nothing of any row is printed unless asked for."""
		said = run.out + run.err
		for _, path, _, _ in made:
			said = said.replace(path, "")
		people = set().union(*(personal(bundle) for _, _, _, bundle in made))
		self.assertEqual([text for text in people if text in said], [], "personal data are shown")

	def part(self, *starts):
		cases = [case for case in corpus.CASES if case.rule.split(".")[0] in starts]
		self.assertTrue(cases)
		self.check(cases)

	def test_zip_and_manifest(self):
		self.part("zip", "bundle", "manifest")

	def test_csv_and_header(self):
		self.part("csv", "header", "file")

	def test_id_and_field(self):
		self.part("id", "field")

	def test_references_and_the_rest(self):
		self.part("bulk", "delta", "ref", "sem")

	def test_consumer(self):
		self.part("consumer")

	def test_table(self):
		"""rules.txt, the corpus and the program speak of the same rules; each rule has a case of both kinds."""
		with open(os.path.join(SOURCE, "src", "check", "rule.c"), encoding="utf-8") as f:
			source = f.read()
		with open(os.path.join(SOURCE, "src", "check", "rule.h"), encoding="utf-8") as f:
			names = re.findall(r"^\tRULE_([A-Z0-9_]+),", f.read(), re.M)
		rules = [(code, {"ERROR": "E", "WARNING": "W", "INFO": "I"}[word])
			for code, word in re.findall(r'\{\s*"([a-z0-9.-]+)",\s*RULE_(INFO|WARNING|ERROR),', source)]
		self.assertEqual(len(rules), len([n for n in names if n not in ("INFO", "WARNING", "ERROR")]))
		table = rule_table()
		self.assertEqual(sorted(table), sorted(rules))
		self.assertEqual(len({case.full_name for case in corpus.CASES}), len(corpus.CASES))
		for (rule, severity), names in table.items():
			for kind, broken in (("broken", True), ("valid", False)):
				cases = [case.name for case in corpus.CASES if case.rule == rule and case.broken == broken
					and case.severity in (None, severity)]
				self.assertEqual(sorted(names[kind]), sorted(cases), f"rules.txt and corpus.py differ: {rule} {kind}")
				self.assertTrue(cases, f"{rule} {severity} has no {kind} case")

	def test_places(self):
		"""The corpus itself: where a case has put a value, an independent reader of CSV finds it."""
		seen = 0
		for case in corpus.CASES:
			if not case.broken or len(case.values()) != 1 or case.form != "zip" or case.rule == "csv.too-large":
				continue
			bundle, wanted = case.build()
			(_, _, file, column, rows) = wanted[0]
			if column is corpus.ANY or None in (file, column) or rows is corpus.ANY or len(rows) != 1:
				continue
			text = bundle.files()[file].decode()
			table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
			if table[0].count(column) == 1 and len(table[rows[0] - 1]) == len(table[0]):
				self.assertEqual(table[rows[0] - 1][table[0].index(column)], case.values()[0], case.full_name)
				seen += 1
		self.assertGreater(seen, 100)

	def test_text_and_exit_status(self):
		"""For people, one bundle of each rule: exit status, file, row and column, and no value of any row."""
		first = {}
		for case in corpus.CASES:
			if case.broken:
				first.setdefault((case.rule, case.severity), case)
		for case, path, wanted, bundle in self.build(first.values()):
			consumer = ["--consumer", consumer_file(case.consumer)] if case.consumer else []
			run = self.validate(*consumer, path)
			severities = [severity or severity_of(rule) for rule, severity, *_ in wanted]
			self.assertEqual(run.code, 3 if "E" in severities else 0, run.shown)
			self.assert_private(run, [(case, path, wanted, bundle)])
			for rule, _, file, column, rows in wanted:
				for text in (rule, file, column, *((str(row) for row in rows) if rows is not corpus.ANY else ())):
					if text is not corpus.ANY and text is not None:
						self.assertIn(text, run.out + run.err, f"{case.full_name}: {run.shown}")

	def test_show_values(self):
		"""With --show-values the value that is wrong is there, in both forms."""
		cases = [case for case in corpus.CASES if case.broken and len(case.values()) == 1 and case.values()[0].isprintable()
			and case.values()[0].strip() and case.rule.split(".")[0] in ("field", "id") and not case.consumer
			and case.rule not in ("field.subjects", "field.password")]
		made = self.build(cases)
		run = self.validate("--json", "--show-values", *(path for _, path, _, _ in made), expect=3)
		for (case, _, _, _), found in zip(made, findings_of(run.out)):
			shown = [value for finding in found for value in finding.values]
			value = case.values()[0]
			if len(value) > 80:
				value, shown = value[:70], [one[:70] for one in shown]
			self.assertIn(value, shown, case.full_name)
		text = self.validate("--show-values", *(path for _, path, _, _ in made), expect=3)
		for case, _, _, _ in made:
			self.assertIn(case.values()[0][:70], text.out, case.full_name)

	def test_passwords_are_never_shown(self):
		path = self.make(b.put("users", 2, "password", "Hush-hush 1"))
		for form in ([], ["--json"]):
			run = self.validate("--show-values", *form, path, expect=0)
			self.assertIn("field.password", run.out)
			self.assertNotIn("Hush", run.out + run.err)

	def test_rows_are_named_by_their_ids(self):
		"""In both forms, also where the finding is of the file as a whole or of rows met before; ids that are none are not."""
		cases = [
			(b.put("users", 5, "grades", "9"), "field.grade", "user-sky"),
			(b.put("results", 3, "studentSourcedId", "nobody"), "ref.missing", "res-2"),
			(b.put("users", 4, "agentSourcedIds", "nobody"), "ref.missing", "user-sol"),
			(b.put("users", 5, "username", "sol.lanternby"), "sem.username", "user-sky"),
			(b.put("results", 3, "sourcedId", "res-1"), "id.duplicate", "res-1"),
			(b.copied("enrollments", 3, sourcedId="enr-5"), "sem.twice", "enr-5"),
			(b.copied("classes", 3, sourcedId="class-more"), "sem.no-teacher", "class-more"),
			(b.put("orgs", 2, "parentSourcedId", "org-valley"), "ref.cycle", "org-valley"),
			(b.put("users", 2, "middleName", "Ivy\tA"), "csv.control", "user-tess"),
			(b.put("users", 2, "sourcedId", "Tess Quillfeather"), "id.chars", None),
			(b.put("users", 2, "sourcedId", ""), "id.empty", None),
		]
		for change, rule, wanted in cases:
			path = self.make(change)
			judged = json.loads(self.validate("--json", path).out)["bundles"][0]["findings"]
			examples = [example for finding in judged if finding["rule"] == rule for example in finding["examples"]]
			self.assertEqual([example.get("id") for example in examples], [wanted], rule)
			text = " ".join(self.validate(path).out.split())
			shown = f"row {examples[0]['row']}" + (f" ({wanted})" if wanted else ":")
			self.assertIn(shown, text, rule)
		path = self.make(b.put("users", 5, "grades", "9"), b.put("users", 4, "grades", "9"))
		self.assertIn("2 rows (4 user-sol, 5 user-sky)", " ".join(self.validate(path).out.split()))


def matches(wanted, found):
	"""Whether each finding wanted was found and no other; parts that are ANY match all."""
	rest = [finding.key for finding in found]
	for one in wanted:
		at = next((n for n, key in enumerate(rest) if key == one), None)
		if at is None:
			return False
		del rest[at]
	return not rest


MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
HEADER_OF_RESULTS = (b.HEADERS["results"] + "\r\n").encode()
RESULT = b"res-1,,,item-1,user-sol,submitted,1,2025-09-09,\r\n"


class Hostile(Validate):
	"""Bundles made to harm, or badly broken: an error with its rule, in bounded time and memory."""

	def bomb(self, piece, times, **how):
		return self.make(b.packed(corpus.write_bomb("results.csv", piece, times, HEADER_OF_RESULTS, **how)))

	def test_bombs(self):
		rows = RESULT * (MEGABYTE // len(RESULT))
		zeros = self.bomb(bytes(MEGABYTE), 10 * 1024)
		self.assertLess(os.path.getsize(zeros), 16 * MEGABYTE)
		self.hostile(zeros, self.bomb(rows, 4000), rules=["zip.bomb"], only=["zip.bomb", "zip.zip64"])

	def test_bombs_that_lie_about_their_size(self):
		rows = RESULT * (MEGABYTE // len(RESULT))
		self.hostile(self.bomb(bytes(MEGABYTE), 4000, declared=1000), self.bomb(rows, 4000, declared=len(HEADER_OF_RESULTS)),
			self.bomb(rows, 4000, declared=2 * MEGABYTE), rules=["zip.bomb", "zip.damaged"])

	def test_sizes_that_lie(self):
		"""One byte too few or too many declared, in both headers or in one."""
		def sizes(by, local_too):
			def change(data, local, central):
				size = struct.unpack_from("<L", data, central + 24)[0] + by
				struct.pack_into("<L", data, central + 24, size)
				if local_too:
					struct.pack_into("<L", data, local + 22, size)
			return change
		self.hostile(*(self.make(b.tampered("results.csv", sizes(by, both))) for by in (-1, 1, -100, 100) for both in (True,
			)),
			rules=["zip.damaged", "zip.bomb"], only=["zip.damaged", "zip.bomb"])

	def test_overlapping_entries(self):
		"""Two entries of the directory that are the same bytes of the zip."""
		def change(data, _local, central):
			struct.pack_into("<L", data, central + 42, b.header_places(bytes(data))["classResources.csv"][0])
		self.hostile(self.make(b.tampered("courseResources.csv", change)), rules=["zip.bomb", "zip.damaged"])

	def test_cut_zips(self):
		whole = self.make()
		with open(whole, "rb") as f:
			data = f.read()
		paths = []
		for n, length in enumerate([1, 3, 4, 29, 100, len(data) // 2, len(data) - 200, len(data) - 22, len(data) - 21,
			len(data) - 1]):
			paths.append(self.path(f"cut-{n}.zip"))
			with open(paths[-1], "wb") as f:
				f.write(data[:length])
		self.hostile(*paths, rules=["zip.damaged"], only=["zip.damaged"])

	def test_no_zip_at_all(self):
		paths = [self.write("page.zip", "<!DOCTYPE html><html><body>Please log in</body></html>\n"),
			self.write("nothing.zip", ""),
			self.write("text.zip", "PK"), self.write("users.csv", b.HEADERS["users"] + "\r\n")]
		self.hostile(*paths, rules=["zip.damaged"], only=["zip.damaged"])

	def test_paths(self):
		"""Names that lead out of the folder: said, and nothing is written anywhere."""
		names = ["../escape.csv", "../../escape.csv", "/tmp/escape.csv", "\\escape.csv", "..\\escape.csv", "C:escape.csv",
			"a/escape.csv",
			"./users.csv", "..", "escape.csv/", "a\x1bescape.csv"]
		path = self.make(*(b.entry(name) for name in names))
		before = sorted(os.listdir(self.folder))
		findings, = self.hostile(path, rules=["zip.path"])
		self.assertEqual(sum(finding.rule == "zip.path" for finding in findings), len(names), findings)
		self.assertEqual(set(os.listdir(self.folder)) - set(before), {"stdout", "stderr"})
		self.assertFalse(os.path.exists("/tmp/escape.csv"))
		self.assertNotIn("\x1b", self.validate(path).out, "an escape sequence reaches the terminal")

	def test_bundle_in_a_folder_of_the_zip(self):
		whole = self.make()
		inner = self.path("inner.zip")
		with zipfile.ZipFile(whole) as z:
			b.write_zip(inner, {"district/" + name: z.read(name) for name in z.namelist()})
		findings, = self.hostile(inner, rules=["zip.path"], only=["zip.path"])
		self.assertEqual([finding.detail for finding in findings], ["district/"])

	def test_giant_cell_in_a_folder(self):
		"""4 GB that lie in one cell, and take no room on the disk."""
		for quote in ('"', ""):
			path = self.make(form="folder")
			with open(os.path.join(path, "results.csv"), "ab") as f:
				f.write(b"res-3,,,item-1,user-sol,submitted,1,2025-09-09," + quote.encode())
				f.truncate(f.tell() + 4 * GIGABYTE)
				f.seek(0, 2)
				f.write(quote.encode() + b"\r\n")
			findings, = self.hostile(path, rules=["csv.too-large"], only=["csv.too-large", "csv.control"])
			self.assertEqual([f.rows for f in findings if f.rule == "csv.too-large"], [[4]])

	def test_giant_cell_in_a_zip(self):
		maker = zlib.compressobj(6, zlib.DEFLATED, -15)
		noise = bytes(random.Random(2).choices(b"abcdefghijklmnop", k=MEGABYTE))
		head = HEADER_OF_RESULTS + RESULT[:-2]
		once = maker.compress(noise) + maker.flush(zlib.Z_FULL_FLUSH)
		self.assertGreater(len(once), MEGABYTE // 3)
		# 40 MB that do not compress well enough to be a bomb, and 4 GB that do
		plain = self.make(b.packed(corpus.write_bomb("results.csv", noise, 40, head)))
		large = self.make(b.packed(corpus.write_bomb("results.csv", b"a" * MEGABYTE, 4095, head)))
		self.hostile(plain, rules=["csv.too-large"], only=["csv.too-large"])
		self.hostile(large, rules=["csv.too-large", "zip.bomb"])

	def test_encrypted(self):
		names = ["manifest.csv"] + [name + ".csv" for name in b.TABLES]
		zip_crypto = self.make(b.packed(b.write_encrypted(*names)))
		aes = self.make(b.packed(b.write_encrypted(*names, arguments=["-mem=AES256"])))
		self.hostile(zip_crypto, aes, rules=["zip.encrypted"], only=["zip.encrypted"])

	def test_methods(self):
		self.hostile(*(self.make(b.packer(method=method)) for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
			rules=["zip.method"], only=["zip.method"])

	def test_duplicates(self):
		def more(z):
			for name in list(z.namelist()):
				with z.open(name) as f:
					data = f.read()
				z.writestr(zipfile.ZipInfo(name), data)
		twice = self.make(b.packer(more=more))
		findings, = self.hostile(twice, rules=["zip.duplicate"], only=["zip.duplicate"])
		self.assertEqual(sorted(f.about for f in findings), sorted(["manifest.csv"] + [name + ".csv" for name in b.TABLES]))
		case = self.make(b.entry("Users.csv", b"sourcedId\r\n"))
		self.hostile(case, rules=["zip.duplicate", "zip.unknown-file"], only=["zip.duplicate", "zip.unknown-file"])

	def test_many_entries(self):
		"""70,000 entries: Zip64 is needed to count them."""
		def more(z):
			for n in range(70_000):
				z.writestr(zipfile.ZipInfo(f"note-{n}.txt"), b"")
		findings, = self.hostile(self.make(b.packer(more=more)), rules=["zip.unknown-file", "zip.bomb", "zip.damaged"])
		self.assertLess(len(findings), 71_000)

	def test_bytes_that_are_no_text(self):
		for name, data in (("nul", b"So\0l"), ("latin-1", b"S\xf6l"), ("utf-16", "S\u00f6l".encode("utf-16"))):
			with self.subTest(name):
				self.hostile(self.make(b.replace("users.csv", b",Sol,", b"," + data + b",")),
					rules=["csv.control" if name == "nul" else "csv.utf8"], only=["csv.utf8", "csv.control"])
		self.hostile(self.make(b.rewrite("users.csv", lambda data: data.decode().encode("utf-16"))),
			rules=["csv.utf8", "header.missing", "csv.control"])

	def test_empty_files(self):
		for name in ("results.csv", "users.csv", "manifest.csv"):
			self.hostile(self.make(b.rewrite(name, lambda data: b"")), rules=["header.missing", "file.empty", "manifest.header",
				"manifest.missing-property", "csv.blank-line", "manifest.missing"])

	def test_folders(self):
		"""Folders, links and pipes beside the files: named, not followed, not waited for."""
		def irregular(change):
			path = self.make(form="folder")
			change(path)
			return path

		def link(path):
			os.rename(os.path.join(path, "results.csv"), os.path.join(self.folder, "outside.csv"))
			os.symlink(os.path.join(self.folder, "outside.csv"), os.path.join(path, "results.csv"))

		def pipe(path):
			os.unlink(os.path.join(path, "results.csv"))
			os.mkfifo(os.path.join(path, "results.csv"))

		def inner(path):
			os.mkdir(os.path.join(path, "more"))
			shutil.copy(os.path.join(path, "users.csv"), os.path.join(path, "more"))

		def round_and_round(path):
			os.symlink(path, os.path.join(path, "again"))

		for change in (link, pipe, inner, round_and_round):
			with self.subTest(change.__name__):
				findings, = self.hostile(irregular(change), rules=["zip.path", "zip.unknown-file", "zip.damaged"])
				self.assertLessEqual({f.rule for f in findings}, {"zip.path", "zip.unknown-file", "zip.damaged"})

	def test_empty_folder(self):
		os.mkdir(self.path("nothing"))
		self.hostile(self.path("nothing"), rules=["manifest.missing", "zip.damaged"])

	def test_version_1_0(self):
		"""No manifest, seven files, status and moment in every row."""
		def old(files):
			return {name: data for name, data in files.items() if name != "manifest.csv"}
		tables = [name for name in b.TABLES if name not in b.CORE and name != "demographics"]
		path = self.make(b.delta(*b.CORE, "demographics"), b.without(*tables), b.rewrite(None, old))
		self.hostile(path, rules=["manifest.missing"])
		said = self.validate(path)
		self.assertRegex(said.out + said.err, r"OneRoster 1\.0")

	def test_version_1_2(self):
		path = self.make(b.prop("oneroster.version", "1.2"), b.properties(lambda rows: rows + [["file.roles", "bulk"],
			["file.userProfiles", "absent"], ["file.classResources", "absent"]]), b.entry("roles.csv", b"sourcedId,status\r\n"))
		findings, = self.hostile(path, rules=["manifest.version"], only=["manifest.version", "manifest.unknown-property",
			"manifest.duplicate", "zip.unknown-file"])
		said = self.validate(path)
		self.assertRegex(said.out + said.err, r"1\.2")

	def test_many_properties(self):
		rows = [[f"extra.{n}", "x"] for n in range(60_000)]
		self.hostile(self.make(b.properties(lambda old: old + rows)), rules=["manifest.unknown-property"])

	def test_many_columns(self):
		names = b.HEADERS["results"].split(",") + [f"more{n}" for n in range(1000)]
		self.hostile(self.make(b.columns("results", names)), rules=["header.extension", "csv.too-large"])

	def test_long_chains(self):
		"""Parents of parents, 60,000 deep, and a loop as long."""
		def chain(last):
			def rows(data):
				more = "".join(f"org-{n},,,Sample,department,,{f'org-{n + 1}' if n < 59_999 else last}\r\n" for n in range(60_000))
				return data + more.encode()
			return b.rewrite("orgs.csv", rows)
		fine, loop = self.make(chain("org-valley")), self.make(chain("org-0"))
		run = self.bounded("--json", fine, loop)
		self.assertEqual(run.code, 0, run.shown[:2000])
		first, second = findings_of(run.out)
		self.assertEqual(first, [])
		self.assertEqual({f.rule for f in second}, {"ref.cycle"})

	def test_lists_without_end(self):
		items = ",".join(["org-north"] * 300_000)
		empty = "," * 3_000_000
		self.hostile(self.make(b.put("users", 5, "orgSourcedIds", empty)),
			self.make(b.put("users", 5, "orgSourcedIds", items + ",")),
			rules=["field.list"])

	def test_many_errors(self):
		"""Each row wrong in every way, 20,000 of them: a few findings with a count."""
		row = "res 1,active,then,nobody,none,gone,A,soon,\x01\r\n"
		path = self.make(b.rewrite("results.csv", lambda data: data + (row * 20_000).encode()))
		findings, = self.hostile(path, rules=["field.date"])
		self.assertLess(len(findings), 40)
		self.assertEqual([f.count for f in findings if f.rule == "field.date"], [20_000])
		self.assertEqual([f.rows for f in findings if f.rule == "field.date"], [[4, 5, 6, 7, 8]])

	def test_damage_by_chance(self):
		"""Bytes of a zip and of loose files changed here and there: judged, never a crash."""
		chance = random.Random(11)
		paths = []
		with open(self.make(base="core"), "rb") as f:
			whole = f.read()
		for n in range(100):
			data = bytearray(whole)
			for _ in range(chance.randrange(1, 4)):
				data[chance.randrange(len(data))] = chance.choice((0, 0xFF, chance.randrange(256)))
			paths.append(self.path(f"changed-{n}.zip"))
			with open(paths[-1], "wb") as f:
				f.write(data)
		for _ in range(60):
			paths.append(self.make(form="folder", base="core"))
			name = os.path.join(paths[-1], chance.choice(sorted(os.listdir(paths[-1]))))
			with open(name, "r+b") as f:
				data = bytearray(f.read())
				for _ in range(chance.randrange(1, 6)):
					special = chance.random() < 0.7
					data[chance.randrange(len(data))] = chance.choice(b'",\r\n\\ \0\xff') if special else chance.randrange(256)
				f.seek(0)
				f.write(data)
		run = self.bounded("--json", *paths)
		self.assertIn(run.code, (0, 3), run.shown[:2000])
		self.assertEqual(len(findings_of(run.out)), len(paths))


class Shapes(Validate):
	"""Bundles as other programs write them: nothing is found but what is wrong with them."""

	def judged(self, *changes, **how):
		found, _ = self.judge(self.make(*changes, **how))
		return found[0]

	def test_all_values_quoted(self):
		self.assertEqual(self.judged(corpus.ALL_QUOTED), [])

	def test_line_feeds_and_no_last_one(self):
		self.assertEqual(self.judged(b.line_ends("\n")), [])
		self.assertEqual(self.judged(b.line_ends("\n"), b.rewrite(None, lambda files: {name: data[:-1]
			for name, data in files.items()})), [])

	def test_byte_order_marks(self):
		found = self.judged(b.rewrite(None, lambda files: {name: corpus.BOM + data for name, data in files.items()}))
		self.assertEqual({(f.rule, f.severity) for f in found}, {("csv.bom", "E")})
		self.assertEqual(sorted(f.file for f in found), sorted(["manifest.csv"] + [name + ".csv" for name in b.TABLES]))

	def test_quoted_with_byte_order_mark_and_line_feeds(self):
		found = self.judged(corpus.ALL_QUOTED, b.rewrite(None, lambda files: {name: corpus.BOM + data.replace(b"\r\n", b"\n")
			for name, data in files.items()}))
		self.assertEqual({f.rule for f in found}, {"csv.bom"})

	def test_metadata_in_every_file(self):
		changes = [b.columns(name, b.HEADERS[name].split(",") + ["metadata.sis", "metadata.sis.school"]) for name in b.TABLES]
		self.assertEqual(self.judged(*changes), [])

	def test_streamed_in_any_order(self):
		self.assertEqual(self.judged(b.order(lambda names: random.Random(3).sample(names, len(names))),
			b.packed(b.write_streamed)),
			[])

	def test_made_by_other_packers(self):
		folder = self.make(form="folder")
		seven = self.path("seven.zip")
		subprocess.run(["7z", "a", "-bd", "-tzip", seven, "*.csv"], cwd=folder, stdin=subprocess.DEVNULL,
			stdout=subprocess.DEVNULL, check=True)
		found, _ = self.judge(seven, folder, folder + "/", self.make(b.packer(more=corpus.stamps)))
		self.assertEqual(found, [[]] * 4)

	def test_spreadsheet(self):
		"""Saved by a spreadsheet program: mark, CR LF, leading zeros gone, dates as people write them."""
		def excel(data):
			return corpus.BOM + data.replace(b"2025-09-09", b"9/9/2025")
		found = self.judged(b.rewrite("results.csv", excel))
		self.assertEqual(sorted(f.key for f in found if f.rule != "csv.bom"),
			[("field.date", "E", "results.csv", "scoreDate", [2, 3])])
		self.assertEqual([f.file for f in found if f.rule == "csv.bom"], ["results.csv"])

	def test_of_the_samples(self):
		found, _ = self.judge(os.path.join(SOURCE, "samples", "bundle"))
		self.assertEqual([f for f in found[0] if f.severity == "E"], [])


class Call(Validate):
	"""How the command is called and what it says."""

	def test_several_bundles(self):
		good, bad, warned = self.make(), self.make(b.put("results", 2, "scoreDate", "soon")), self.make(b.put("users", 5,
			"grades", "9"))
		found, run = self.judge(good, bad, warned)
		self.assertEqual([[f.rule for f in findings] for findings in found], [[], ["field.date"], ["field.grade"]])
		said = self.validate(good, bad, warned, expect=3)
		for path in (bad, warned):
			self.assertIn(path, said.out + said.err)
		self.validate(good, warned, expect=0)

	def test_the_same_twice(self):
		good = self.make()
		found, _ = self.judge(good, good)
		self.assertEqual(found, [[], []])

	def test_no_such_path(self):
		run = self.validate(self.path("missing.zip"), expect=2)
		self.assertIn("missing.zip", run.error)
		self.validate(expect=2)
		self.validate("--consumer", "nobody-real", self.make(), expect=2)
		self.validate("--consumer", self.path("missing.json"), self.make(), expect=2)

	def test_quiet(self):
		run = self.validate("-q", self.make(), expect=0)
		self.assertEqual((run.out, run.err), ("", ""))
		bad = self.validate("-q", self.make(b.put("results", 2, "scoreDate", "soon")), expect=3)
		self.assertEqual(bad.out, "")
		self.assertRegex(bad.error, r"bundle\.zip.*\b1 error")

	def test_many_more(self):
		"""More rows than are listed are counted."""
		path = self.make(corpus.repeated("results", 40, scoreDate="soon"))
		found, _ = self.judge(path)
		(finding,) = found[0]
		self.assertEqual((finding.count, finding.rows), (40, [4, 5, 6, 7, 8]))
		said = self.validate(path, expect=3).out
		self.assertRegex(said, r"\b4\b.*\b5\b.*\b6\b")
		self.assertRegex(said, r"\b(40|35)\b")

	def test_read_only(self):
		"""The bundle is as it was, and nothing lies beside it."""
		path = self.make()
		before = self.mark(path)
		self.validate(path, expect=0)
		self.assertEqual(self.mark(path), before)
		self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])

	def test_names_of_receivers(self):
		"""Every receiver of schemas/consumers is known by its name, and the standard's bundle harms none."""
		path = self.make(form="zip")
		for name in sorted(os.listdir(os.path.join(SOURCE, "schemas", "consumers"))):
			run = self.validate("--json", "--consumer", name.removesuffix(".json"), path)
			self.assertIn(run.code, (0, 3), run.shown)
			for finding in findings_of(run.out)[0]:
				self.assertRegex(finding.rule, r"^(consumer|id|field|sem)\.", f"{name}: {finding}")


class Published(Validate):
	def test_exported(self):
		"""What export publishes breaks no rule: zip and loose, core and everything, each way of writing."""
		self.serve({"users": 200, "enrollments": 400})
		loose = os.path.join(self.out_folder, "loose") + "/"
		paths = []
		for n, extra in enumerate((["--collections", ",".join(EVERYTHING)], ["--quote", "all", "--eol", "lf"], [])):
			paths.append(os.path.join(self.out_folder, f"bundle-{n}.zip"))
			self.export("--output", paths[-1], "--previous", "none", *extra)
		self.export("--output", loose, "--previous", "none")
		found, _ = self.judge(*paths, loose)
		# the codes of grades are the server's own, and stay as they are
		self.assertEqual([f for findings in found for f in findings if f.severity != "I" and f.rule != "field.grade"], [])

	def test_report_of_the_export_says_the_same(self):
		"""What the final check found stands in the report as validate gives it, and there is something to find."""
		self.serve({"users": 200, "enrollments": 400})
		run = self.export()
		said = json.loads(self.program(["validate", "--json", self.zip], env={"SOURCE_DATE_EPOCH": ""}).out)
		(bundle,) = next(value for value in said.values() if isinstance(value, list))
		self.assertTrue(bundle["findings"])
		for finding in bundle["findings"]:
			for example in finding["examples"]:
				example.pop("id", None)  # the report goes further than the terminal
		self.assertEqual(run.report["bundles"][0]["check"], bundle["findings"])

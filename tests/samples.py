#!/usr/bin/env python3
"""Holds samples/ true: python3 tests/samples.py PROGRAM SAMPLES

Serves samples/pages over loopback as a school system would, exports them, and compares the bundle with samples/bundle,
byte for byte, whatever the page size. Then the counts of the report, written down here by hand as the bundle is, the
option table of the README against what the program says of itself, and whether every sample configuration is accepted.
"""

import glob
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import zipfile

PROGRAM, SAMPLES = sys.argv[1:3]
SECONDS = 60

# What happens to the sample pages on their way, by file, column and rule: cells.
FINDINGS = {
	("orgs.csv", "type", "field.case"): 1,
	("academicSessions.csv", "type", "field.case"): 2,
	("academicSessions.csv", "startDate", "field.date-time"): 1,
	("academicSessions.csv", "endDate", "field.date-time"): 1,
	("courses.csv", "grades", "list.separator"): 1,
	("classes.csv", "title", "text.line-break"): 1,
	("classes.csv", "classType", "field.filled"): 1,
	("users.csv", "enabledUser", "field.filled"): 1,
	("users.csv", "familyName", "text.line-break"): 1,
	("users.csv", "role", "field.case"): 1,
	("enrollments.csv", "beginDate", "field.date-style"): 1,
	("enrollments.csv", "schoolSourcedId", "field.filled"): 1,
	("enrollments.csv", "primary", "field.case"): 1,
}
LEFT_OUT = {("users.csv", "left-out-deleted"): 2, ("enrollments.csv", "left-out-hanging"): 1}
TAKEN_OUT = {("users.csv", "agentSourcedIds"): 1, ("enrollments.csv", "userSourcedId"): 1}


def read_pages(folder):
	"""The rows of each collection as they stand in the files, in the order of their names: users-1.json, users-2.json."""
	collections = {}
	for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
		name = os.path.basename(path).removesuffix(".json").partition("-")[0]
		with open(path, encoding="utf-8") as file:
			text = file.read()
		at = text.index("{", text.index("["))
		while True:
			_, end = json.JSONDecoder().raw_decode(text, at)
			collections.setdefault(name, []).append(text[at:end])
			following = text[end:].lstrip()
			if not following.startswith(","):
				break
			at = text.index("{", end)
	return collections


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	wbufsize = -1  # an answer leaves in one piece
	collections = {}

	def do_GET(self):
		address = urllib.parse.urlsplit(self.path)
		query = dict(urllib.parse.parse_qsl(address.query))
		name = address.path.removeprefix("/ims/oneroster/v1p1/")
		rows = self.collections.get(name)
		if rows is None:
			self.send_error(404)
			return
		offset = int(query["offset"])
		page = rows[offset:offset + int(query["limit"])]
		body = ('{"%s": [%s]}' % (name, ", ".join(page))).encode()
		self.send_response(200)
		self.send_header("Content-Type", "application/json")
		self.send_header("Content-Length", str(len(body)))
		self.send_header("X-Total-Count", str(len(rows)))
		self.end_headers()
		self.wfile.write(body)

	def log_message(self, *_):
		pass


class Samples(unittest.TestCase):
	maxDiff = 4000

	def setUp(self):
		Handler.collections = read_pages(os.path.join(SAMPLES, "pages"))
		self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		threading.Thread(target=self.server.serve_forever, daemon=True).start()
		self.addCleanup(self.server.server_close)
		self.addCleanup(self.server.shutdown)
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.folder = folder.name

	def export(self, *arguments):
		"""Exports the pages; gives the files of the bundle and the report."""
		bundle, report = os.path.join(self.folder, "OneRoster.zip"), os.path.join(self.folder, "report.json")
		done = subprocess.run([PROGRAM, "export", "--url", "http://127.0.0.1:%d" % self.server.server_port,
			"--auth", "none", "--source-name", "Willow Creek (sample)", "--state-dir", os.path.join(self.folder, "state"),
			"--output", bundle, "--report", report, *arguments], timeout=SECONDS, check=False,
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
		self.assertEqual(done.returncode, 0, done.stdout.decode())
		with zipfile.ZipFile(bundle) as archive, open(report, encoding="utf-8") as file:
			return {name: archive.read(name) for name in archive.namelist()}, json.load(file)

	def expected(self):
		files = {}
		for path in glob.glob(os.path.join(SAMPLES, "bundle", "*")):
			with open(path, "rb") as file:
				files[os.path.basename(path)] = file.read()
		return files

	def test_pages_give_the_bundle(self):
		expected = self.expected()
		self.assertEqual(len(expected), 7)
		for size in ("1000", "3", "2", "1"):
			files, _ = self.export("--page-size", size)
			self.assertEqual(sorted(files), sorted(expected))
			for name, data in expected.items():
				self.assertEqual(files[name].decode().split("\r\n"), data.decode().split("\r\n"),
					f"{name}, page size {size}")
				self.assertEqual(files[name], data)

	def test_every_change_is_counted(self):
		_, report = self.export()
		bundle = report["bundles"][0]
		found = {(f["file"], f["column"], f["rule"]): f["cells"]
			for part in report["collections"] + [bundle] for f in part["findings"]}
		self.assertEqual(found, FINDINGS)
		left_out = {(f["file"], key): f[key] for f in bundle["files"] for key in f
			if key.startswith("left-out-") and f[key] > 0}
		self.assertEqual(left_out, LEFT_OUT)
		self.assertEqual({(r["file"], r["column"]): r["taken-out"] for r in bundle["references"]}, TAKEN_OUT)
		self.assertEqual(sum(r["dangling"] for r in bundle["references"]), 0)

	def keys(self, value):
		"""The keys of all objects within, but for findings of the final check, which are described with validate."""
		if isinstance(value, dict):
			for key, inside in value.items():
				yield key
				yield from self.keys(inside) if key != "check" else ()
		elif isinstance(value, list):
			for inside in value:
				yield from self.keys(inside)

	def test_readme_describes_the_report(self):
		"""Every key of a real report, and those that only the program's text knows because this one is without them."""
		_, report = self.export()
		source = os.path.join(SAMPLES, "..")
		with open(os.path.join(source, "src", "report.c"), encoding="utf-8") as file:
			written = set(re.findall(r'json_(?:add_\w+|open_\w+|text)\(gen, "([^"]+)"', file.read()))
		with open(os.path.join(source, "README.md"), encoding="utf-8") as file:
			section = file.read().split("\n## The report\n")[1].split("\n## ")[0]
		described = set(re.findall(r"`([a-z-]+)`", section))
		self.assertGreater(len(written), 40)
		self.assertEqual(sorted((written | set(self.keys(report))) - described), [])


class Configurations(unittest.TestCase):
	"""Each names folders and files of a machine that is set up for it; here they are below a temporary folder."""

	def setUp(self):
		folder = tempfile.TemporaryDirectory()
		self.addCleanup(folder.cleanup)
		self.folder = folder.name
		self.credentials = os.path.join(folder.name, "credentials")
		for path in ("credentials", "srv/rosters", "srv/snapshots", "srv/outbox/textbooks", "var/lib/rosterzip/eagle/archive",
				"var/lib/rosterzip/eagle/outbox"):
			os.makedirs(os.path.join(folder.name, path))
		self.write("credentials/archive-passphrase", "a sentence that nobody guesses\n")
		subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(self.credentials, "mathvendor-key")],
			timeout=SECONDS, check=True, stdin=subprocess.DEVNULL)

	def write(self, name, text):
		path = os.path.join(self.folder, name)
		with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
			file.write(text)
		return path

	def accept(self, text, secrets=()):
		"""The run gets as far as reading pages, of which there are none, and nothing is said about the configuration."""
		text = re.sub(r" /(srv|var)/", rf" {self.folder}/\1/", text)
		path = self.write("sample.conf", text)
		for name in secrets:
			self.write(f"credentials/{name}", "not a real one\n")
		environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "CREDENTIALS_DIRECTORY": self.credentials}
		done = subprocess.run([PROGRAM, "export", "--config", path, "--resume", "0s", "--log-format", "text",
			"--from-pages", self.folder], env=environment, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
		said = done.stdout.decode()
		self.assertEqual(done.returncode, 1, said)
		self.assertRegex(said, r"\Arosterzip: error: from-pages: there are no saved pages to be read: [^\n]*\n\Z")

	def test_files(self):
		names = sorted(glob.glob(os.path.join(SAMPLES, "*.conf")))
		self.assertEqual([os.path.basename(name) for name in names], ["aeries.conf", "nightly.conf", "oauth2.conf"])
		for name in names:
			with self.subTest(name), open(name, encoding="utf-8") as file:
				self.accept(file.read(), ["deliver-secret.textbooks"])

	def test_settings_not_in_use(self):
		"""What stands behind # alone is as right as what is in use."""
		with open(os.path.join(SAMPLES, "aeries.conf"), encoding="utf-8") as file:
			text = file.read()
		text = re.sub(r"^#(?=[a-z])", "", text, flags=re.MULTILINE)
		self.assertIn("\nallow-missing = ", text)
		self.accept(text)

	def test_config_map(self):
		with open(os.path.join(SAMPLES, "kubernetes", "cronjob.yaml"), encoding="utf-8") as file:
			text = file.read()
		lines = re.search(r"^  eagle\.conf: \|\n((?:    .*\n|\n)+)", text, re.MULTILINE)[1]
		self.accept(re.sub("^    ", "", lines, flags=re.MULTILINE).replace("/var/lib/rosterzip/", "/var/lib/rosterzip/eagle/"))


class Readme(unittest.TestCase):
	def test_options(self):
		"""The table has every option with its default, in the order of the help, and no other."""
		options = {}
		for command in ("export", "deliver", "prune", "report", "diff", "validate", "doctor"):
			said = subprocess.run([PROGRAM, command, "--help-all"], timeout=SECONDS, check=True, stdout=subprocess.PIPE).stdout
			for name, rest in re.findall(r"^ +(?:-., )?--([a-z0-9-]+)(.*)$", said.decode(), re.MULTILINE):
				number, choices = re.search(r" \((\w+)\)$", rest), re.search(r" ([\w-]+)(, [\w-]+)+$", rest)
				options.setdefault(name, number[1] if number else choices[1] if choices else "")
		with open(os.path.join(SAMPLES, "..", "README.md"), encoding="utf-8") as file:
			table = file.read().split("\n## Configuration\n")[1].split("\n## ")[0]
		rows = re.findall(r"^\| `([a-z0-9-]+)` \| (?:`([^`]*)`)? ?\|", table, re.MULTILINE)
		self.assertEqual(rows, list(options.items()))


if __name__ == "__main__":
	unittest.main(argv=sys.argv[:1])

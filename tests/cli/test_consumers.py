"""What a receiver wants shapes its bundle: one nasty district, and for each receiver a bundle that its rules pass and
that is read here in the way that receiver is known to read. The rules are written by hand, not taken from schemas/."""

import csv
import glob
import io
import json
import os
import re
import unittest

from harness import CLIENT_ID, CORE, SOURCE, Case, sis_module
from served import Served, district
from snapshots import COLUMNS, HEAD

SIZE = {"schools": 3, "users": 160, "classes": 20, "courses": 12, "enrollments": 320,
	"with": "demographics"}
WITH_DEMOGRAPHICS = CORE + ["demographics"]
HEADERS = {table: HEAD + list(columns) for table, columns in COLUMNS.items()}
MANIFEST = ["manifest.version", "oneroster.version"] + ["file." + name for name in (
	"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
	"enrollments", "lineItems", "orgs", "resources", "results", "users")]
CEDS = "IT PR PK TK KG 01 02 03 04 05 06 07 08 09 10 11 12 13 PS UG Other".split()
# Codes of the fake SIS on the left; K is another word for KG in its classes.
MATH_GRADES = {"KG": "K", "01": "1", "05": "5", "09": "9"}


def refer(*targets):
	return [{"sourcedId": target} for target in targets]


def user(key, role, *orgs, **more):
	return {"sourcedId": key, "status": "active", "dateLastModified": "2025-05-01T05:00:20.097Z", "enabledUser": "true",
		"orgs": refer(*orgs), "role": role, "username": key.lower(), "givenName": "Ann", "familyName": "Sample, Jr.",
		"identifier": key, "email": f"{key.lower()}@extra.example", **({"grades": ["09"]} if role == "student" else {}), **more}


def seat(key, class_id, school, who, role):
	return {"sourcedId": key, "status": "active", "dateLastModified": "2025-05-01T05:00:20.097Z",
		"class": {"sourcedId": class_id}, "school": {"sourcedId": school}, "user": {"sourcedId": who}, "role": role}


# Rows beside the generated ones: what some receiver does not take, and what hangs on it.
RECORDS = {
	"orgs": [
		{"sourcedId": "70", "name": "Sample Department", "type": "department", "parent": {"sourcedId": "0"}},
		{"sourcedId": "71", "name": "Sample County", "type": "local"},
		{"sourcedId": "72", "name": "School of the County, North", "type": "school", "parent": {"sourcedId": "71"}},
	],
	"users": [
		user("X1", "teacher", "70"), user("X2", "teacher", "70", "994"),
		user("X3", "student", "72", familyName="\u6f22\u5b57 O'Sample, \"Jr.\" \U0001f600\\"),
		user("X4", "aide", "994"), user("X5", "teacher", "994", enabledUser="false"), user("X6", "administrator", "0", "994"),
		user("X7", "student", "994", enabledUser="0", grades=["10"]), user("X8", "guardian", "994", agents=refer("X3")),
		user("X9", "proctor", "994"),
	],
	"enrollments": [
		seat("E1", "994_1001", "994", "X1", "teacher"), seat("E2", "994_1001", "994", "X2", "teacher"),
		seat("E3", "994_1001", "994", "X3", "student"), seat("E5", "994_1001", "994", "X5", "teacher"),
		seat("E6", "994_1001", "994", "X6", "administrator"), seat("E7", "994_1001", "994", "X7", "student"),
		seat("E9", "994_1001", "994", "X9", "proctor"),
	],
}


# --- what a district has to be like for a receiver that takes no other ----------------------------------------------


def with_emails(_table, record):
	"""Every user has an e-mail address that nobody else has."""
	if "role" in record and "username" in {key.lower() for key in record}:
		for key in [k for k in record if k.lower() == "email"]:
			del record[key]
		record["email"] = f"{record.get('sourcedId', record.get('SourcedId'))}@sample.example"


def without_underscores(_table, record):
	"""Ids of letters, digits and hyphens."""
	text = json.loads(json.dumps(record).replace("_", "-"))
	record.clear()
	record.update(text)


def for_apple(table, record):
	with_emails(table, record)
	without_underscores(table, record)


def plain(text):
	"""A text with nothing but letters, digits, blanks, full stops, commas and hyphens, and what becomes a blank."""
	return "".join(c for c in text if c.isalpha() and c.isprintable() or c in "0123456789 .,-\n\r\t")


def for_moodle(table, record):
	texts = [name for name, kind in COLUMNS[table].items() if kind.startswith("text")]
	for key in [k for k in record if k[0].lower() + k[1:] in texts and k.lower() != "email"]:
		if isinstance(record[key], str):
			record[key] = plain(record[key]) or "Sample"
	for key in [k for k in record if k.lower() in ("period", "periods")]:
		record[key] = ["1", "10"]


def without_demographics(table, record):
	"""The table is there, and every row of it is about to be deleted."""
	if table == "demographics":
		for key in [k for k in record if k.lower() == "status"]:
			record[key] = "tobedeleted"


def with_position_titles(table, record):
	without_demographics(table, record)
	if table == "users":
		for key in [k for k in record if k.lower() == "metadata"]:
			record[key] = {"note": "x", "positionTitle": "Teacher, 2nd \"lead\"", "unknown": 1}


def with_roles(table, record):
	if table == "users":
		for key in [k for k in record if k.lower() == "metadata"]:
			record[key] = {"gm.additionalroles": "school_admin", "note": "x"}


class Tamed(Served):
	"""The fake SIS with every record changed by a function."""

	def __init__(self, scenario, tame=None):
		super().__init__(scenario)
		rows = district(self.scenario)
		if tame is not None:
			plain_record = rows.record

			def record(table, i):
				made = plain_record(table, i)
				tame(table, made)
				return made
			rows.record = record
		self.sis = self.server.sis = sis_module.Sis(rows, self.scenario, self.stop)


# --- how receivers read ---------------------------------------------------------------------------------------------


def read_strictly(data):
	return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


def fgetcsv(text, at):
	"""One line as PHP's fgetcsv reads it, with the backslash as its escape character; gives the cells and where the next
	line begins. What stands behind a backslash never ends a quoted cell, and the backslash stays. Blanks in front of
	quotes go; text behind the closing quote is kept."""
	cells = []
	while True:
		start = at
		while at < len(text) and text[at] in " \t":
			at += 1
		cell = ""
		if at < len(text) and text[at] == '"':
			at += 1
			while at < len(text):
				if text[at] == "\\" and at + 1 < len(text):
					cell += text[at:at + 2]
					at += 2
				elif text[at] != '"':
					cell += text[at]
					at += 1
				elif text[at + 1:at + 2] == '"':
					cell += '"'
					at += 2
				else:
					at += 1
					break
		else:
			at = start
		while at < len(text) and text[at] not in ",\r\n":
			cell += text[at]
			at += 1
		cells.append(cell)
		if at >= len(text) or text[at] != ",":
			break
		at += 1
	if text[at:at + 2] == "\r\n":
		return cells, at + 2
	return cells, min(at + 1, len(text))


def read_as_php(data):
	text, at, lines = data.decode("utf-8"), 0, []
	while at < len(text):
		cells, at = fgetcsv(text, at)
		lines.append(cells)
	return lines


class Readers(unittest.TestCase):
	"""The model of PHP does what PHP is known to do."""

	def test_php(self):
		for text, cells in (
				("a,b\n", [["a", "b"]]), ('"a, b",c\r\nd,e\n', [["a, b", "c"], ["d", "e"]]), ('"a ""b""",c\n', [['a "b"', "c"]]),
				("a\\,b\n", [["a\\", "b"]]), ('"a\\",b,"c"\nd,e\n', [['a\\",b,c"'], ["d", "e"]]), (",,\n", [["", "", ""]]),
				('"x\ny",z\n', [["x\ny", "z"]]), (' a , "b"\n', [[" a ", "b"]])):
			self.assertEqual(read_as_php(text.encode()), cells, text)


# --- the receivers --------------------------------------------------------------------------------------------------


class Receiver(Case):
	"""A test with a bundle made for a receiver."""

	zip_names = {"amplify": "OneRoster.zip", "st-math": "OneRoster.zip", "lab-aids": "OneRosterv1p1BaseCSV.zip",
		"naviance": "NavianceOneRoster.zip"}

	def serve_nasty(self, tame=None, records=None, **scenario):
		self.served = Tamed({"district": SIZE, "login": "none", "nasty": True, "dangling": 3, "stale_copies": 2,
			"order": "shuffled", "records": RECORDS if records is None else records, **scenario}, tame)
		self.addCleanup(self.served.close)
		self.url = self.served.url

	def export_for(self, name, *extra, output=None, expect=0):
		self.output = output or os.path.join(self.out_folder, self.zip_names.get(name, "roster.zip"))
		run = self.export("--auth", "none", "--consumer", name, "--output", self.output, "--dangling", "drop", *extra,
			login=False, expect=expect)
		return run

	def judge(self, name, path=None):
		"""What validate says of the bundle with the rules of the receiver: (severity, rule, file, column)."""
		run = self.program(["validate", "--json", "--consumer", name, path or self.output])
		found = [(f["severity"], f["rule"], f["file"], f["column"]) for f in json.loads(run.out)["bundles"][0]["findings"]]
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual([f for f in found if f[0] == "error"], [])
		return found

	def made_for(self, name, *extra, tame=None, files=CORE, read=read_strictly, output=None, metadata=None, found=(), **how):
		"""The rows of the bundle for a receiver, by table, each a dict; and all that is true of any such bundle. found are
		the rules that may be broken, none of them an error."""
		self.serve_nasty(tame, **how)
		self.run_ = self.export_for(name, *extra, output=output)
		findings = self.judge(name)
		self.assertLessEqual({rule for _, rule, _, _ in findings}, {"sem.username", "sem.over", "sem.no-teacher", *found}, findings)
		self.files = self.bundle(self.output)
		self.assertEqual(sorted(self.files), sorted([*(f"{t}.csv" for t in files), "manifest.csv"]))
		tables = {}
		for file, data in self.files.items():
			table = file.removesuffix(".csv")
			lines = read(data)
			header = ["propertyName", "value"] if table == "manifest" else HEADERS[table] + (metadata or {}).get(table, [])
			self.assertEqual(lines[0], header, file)
			for line in lines:
				self.assertEqual(len(line), len(header), (file, line))
			tables[table] = [dict(zip(header, line)) for line in lines[1:]]
		self.check_manifest(tables.pop("manifest"), files)
		self.check_references(tables)
		self.check_counts(tables)
		return tables

	def check_manifest(self, lines, files):
		said = {line["propertyName"]: line["value"] for line in lines}
		self.assertEqual(list(said), MANIFEST)
		for name in HEADERS:
			self.assertEqual(said["file." + name], "bulk" if name in files else "absent")

	def check_references(self, tables):
		"""Whatever refers to a file of the bundle finds its row there."""
		ids = {table: {row["sourcedId"] for row in rows} for table, rows in tables.items()}
		for table, rows in tables.items():
			self.assertEqual(len(ids[table]), len(rows), f"{table} has an id twice")
			for column, kind in COLUMNS[table].items():
				target = kind.rstrip("!").strip("->")
				if not kind.startswith("->") or target not in tables:
					continue
				for row in rows:
					for item in filter(None, row[column].split(",")):
						self.assertIn(item, ids[target], (table, column))

	def check_counts(self, tables):
		"""Every row that was read is in the bundle or counted."""
		counts = {f["file"].removesuffix(".csv"): f for f in self.run_.report["bundles"][0]["files"]}
		for table, rows in tables.items():
			self.assertEqual(counts[table]["rows"], len(rows))
			out = sum(value for key, value in counts[table].items() if key.startswith("left-out-"))
			self.assertEqual(len(rows) + out, self.run_.collection(table)["distinct"], counts[table])

	def left_out(self, table):
		return next(f for f in self.run_.report["bundles"][0]["files"] if f["file"] == table + ".csv")["left-out-filtered"]

	def assert_texts(self, tables):
		"""The district was nasty, and it shows."""
		text = "".join(row["familyName"] for row in tables["users"])
		for part in ('"', ",", "\u6f22\u5b57", "O'", "\\", "\U0001f600"):
			self.assertIn(part, text)


class EachReceiver(Receiver):
	def test_all_are_here(self):
		"""A receiver that is new needs a test."""
		names = {os.path.basename(path)[:-5] for path in glob.glob(os.path.join(SOURCE, "schemas", "consumers", "*.json"))}
		tests = {name.removeprefix("test_").replace("_", "-") for name in dir(self) if name.startswith("test_")}
		self.assertEqual(names - tests, set())
		self.url = "https://sis.example/aeries"
		said = self.export("--consumer", "nobody", expect=2).error
		self.assertEqual(set(re.search(r"only: (.*), or a /path", said)[1].split(", ")), names)

	def test_amplify(self):
		tables = self.made_for("amplify", files=WITH_DEMOGRAPHICS, found=("field.grade", "field.email", "csv.backslash-quote",
			"field.subjects", "id.case-clash"))
		self.assert_texts(tables)
		self.assertEqual(os.path.basename(self.output), "OneRoster.zip")
		self.assertEqual(self.run_.warnings and [w for w in self.run_.warnings if "expects a zip" in w], [])

	def test_apple_school_manager(self):
		tables = self.made_for("apple-school-manager", tame=for_apple, found=("field.grade", "field.subjects",
			"csv.backslash-quote"))
		self.assert_texts(tables)
		for name, data in self.files.items():
			self.assertNotIn(b"\r", data, name)
			self.assertTrue(data.endswith(b"\n"))
			for cell in re.findall(r'(?:^|,)("(?:[^"]|"")*"|[^",\n]*)', data.decode(), re.MULTILINE):
				self.assertEqual(cell.startswith('"'), any(c in cell.strip('"') or c in cell[1:-1] for c in ', "'), cell)
		self.assertEqual({row["role"] for row in tables["users"]}, {"student", "teacher"})
		self.assertEqual({row["role"] for row in tables["enrollments"]}, {"student", "teacher"})
		self.assertEqual({row["type"] for row in tables["orgs"]}, {"district", "school"})
		emails = [row["email"] for row in tables["users"]]
		self.assertNotIn("", emails)
		self.assertEqual(len(emails), len(set(emails)))
		for rows in tables.values():
			for row in rows:
				self.assertRegex(row["sourcedId"], r"\A[A-Za-z0-9-]+\Z")
		by_id = {row["sourcedId"]: row for row in tables["users"]}
		self.assertNotIn("X1", by_id)
		self.assertEqual(by_id["X2"]["orgSourcedIds"], "994")
		self.assertEqual(next(o for o in tables["orgs"] if o["sourcedId"] == "72")["parentSourcedId"], "")
		seats = {row["sourcedId"] for row in tables["enrollments"]}
		self.assertFalse(seats & {"E1", "E6", "E9"})
		self.assertLessEqual({"E2", "E3", "E5", "E7"}, seats)
		self.assertEqual(self.left_out("orgs"), 2)

	def test_classlink(self):
		folder = os.path.join(self.out_folder, "DailyImport")
		tables = self.made_for("classlink", "--map-grades", self.write("grades.csv", "from,to\nK,KG\n"), output=folder + "/",
			found=("field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		self.assertEqual(sorted(os.listdir(folder)), sorted([*(t + ".csv" for t in CORE), "manifest.csv"]))
		for table in ("users", "classes", "courses"):
			for row in tables[table]:
				self.assertLessEqual(set(filter(None, row["grades"].split(","))), set(CEDS))
		self.assertNotIn("", [row["username"] for row in tables["users"]])

	def test_great_minds(self):
		files = ["orgs", "users", "classes", "enrollments"]
		tables = self.made_for("great-minds", tame=with_roles, files=files,
			metadata={"users": ["metadata.gm.additionalroles"]},
			found=("field.grade", "field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		for table in files:
			self.assertTrue(tables[table])
			for row in tables[table]:
				self.assertRegex(row["sourcedId"], r"\A[A-Za-z0-9._-]{1,100}\Z")
		self.assertIn("school_admin", {row["metadata.gm.additionalroles"] for row in tables["users"]})

	def test_hmh(self):
		tables = self.made_for("hmh", tame=with_position_titles, files=WITH_DEMOGRAPHICS,
			metadata={"users": ["metadata.positionTitle"]},
			found=("field.grade", "field.email", "csv.backslash-quote", "field.subjects", "sem.size"))
		self.assert_texts(tables)
		self.check_all_quoted()
		self.assertEqual(tables["demographics"], [])
		self.assertIn('Teacher, 2nd "lead"', {row["metadata.positionTitle"] for row in tables["users"]})
		for rows in tables.values():
			ids = [row["sourcedId"].lower() for row in rows]
			self.assertEqual(len(ids), len(set(ids)))

	def check_all_quoted(self):
		for name, data in self.files.items():
			for line in data.decode().removesuffix("\r\n").split("\r\n"):
				self.assertRegex(line, r'\A"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*\Z', name)

	def test_imagine_learning(self):
		tables = self.made_for("imagine-learning", files=WITH_DEMOGRAPHICS,
			found=("field.grade", "field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		students = {row["sourcedId"] for row in tables["users"]}
		self.assertTrue(tables["demographics"])
		self.assertLessEqual({row["sourcedId"] for row in tables["demographics"]}, students)

	def test_kitaboo(self):
		tables = self.made_for("kitaboo", files=["orgs", "users", "classes", "enrollments"],
			found=("field.grade", "field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		self.assertNotIn("", [row["courseSourcedId"] for row in tables["classes"]])

	def test_lab_aids(self):
		self.assert_texts(self.made_for("lab-aids", found=("field.grade", "field.email", "csv.backslash-quote",
			"field.subjects")))
		self.assertEqual(os.path.basename(self.output), "OneRosterv1p1BaseCSV.zip")

	def test_mcgraw_hill(self):
		"""Headers that are the standard's and nothing more, though the SIS sends metadata."""
		tables = self.made_for("mcgraw-hill", tame=with_position_titles, found=("field.grade", "field.email",
			"csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		for table in CORE:
			first = self.files[table + ".csv"].split(b"\r\n")[0].decode()
			self.assertEqual(first, ",".join(HEADERS[table]))

	def test_moodle(self):
		files = ["orgs", "academicSessions", "classes", "users", "enrollments"]
		tables = self.made_for("moodle", tame=for_moodle, files=files, read=read_as_php, found=("field.grade", "field.email",
			"field.subjects"))
		for table in files:
			self.assertEqual(read_as_php(self.files[table + ".csv"]), read_strictly(self.files[table + ".csv"]))
			texts = [name for name, kind in COLUMNS[table].items() if kind.startswith("text") and name != "email"]
			for row in tables[table]:
				for column in texts:
					self.assertEqual(row[column], plain(row[column]))
					self.assertNotRegex(row[column], r"[\r\n\t]")
		# To PHP the word false is true.
		self.assertEqual({row["enabledUser"] for row in tables["users"]}, {"true"})
		self.assertFalse({row["sourcedId"] for row in tables["users"]} & {"X5", "X7"})
		self.assertFalse({row["sourcedId"] for row in tables["enrollments"]} & {"E5", "E7"})
		self.assertGreaterEqual(self.left_out("users"), 2)
		self.assertGreaterEqual(self.left_out("enrollments"), 2)
		for row in tables["classes"]:
			self.assertRegex(row["periods"], r"\A[0-9]*(,[0-9]+)*\Z")
		# Courses do not come along, and classes still say which they are of.
		self.assertNotIn("", [row["courseSourcedId"] for row in tables["classes"]])
		self.assertIn(",", "".join(row["familyName"] for row in tables["users"]))

	def test_naviance(self):
		tables = self.made_for("naviance", files=["orgs", "users"], found=("field.grade", "field.email",
			"csv.backslash-quote"))
		self.assert_texts(tables)
		self.assertEqual(os.path.basename(self.output), "NavianceOneRoster.zip")
		self.assertEqual({row["role"] for row in tables["users"]}, {"student", "teacher", "administrator"})
		self.assertEqual({row["type"] for row in tables["orgs"]}, {"district", "school"})
		self.assertLess(os.path.getsize(self.output), 10 ** 9)

	def test_permissionclick(self):
		tables = self.made_for("permissionclick", found=("field.grade", "field.email", "csv.backslash-quote",
			"field.subjects"))
		self.assert_texts(tables)
		for rows in tables.values():
			ids = [row["sourcedId"].lower() for row in rows]
			self.assertEqual(len(ids), len(set(ids)))

	def test_renaissance(self):
		tables = self.made_for("renaissance", tame=without_demographics, files=WITH_DEMOGRAPHICS,
			found=("field.grade", "field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		self.assertEqual(self.files["demographics.csv"], (",".join(HEADERS["demographics"]) + "\r\n").encode())

	def test_st_math(self):
		grades = self.write("grades.csv", "from,to\n" + "".join(f"{old},{new}\n" for old, new in MATH_GRADES.items()))
		tables = self.made_for("st-math", "--map-grades", grades,
			found=("field.email", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		self.assertEqual(os.path.basename(self.output), "OneRoster.zip")
		known = {"K", "1", "5", "9", "10", "11", "12"}
		for row in tables["users"]:
			got = set(filter(None, row["grades"].split(",")))
			self.assertLessEqual(got, known)
			self.assertTrue(got or row["role"] != "student")

	def test_turnitin(self):
		tables = self.made_for("turnitin", tame=with_emails, found=("field.grade", "csv.backslash-quote", "field.subjects"))
		self.assert_texts(tables)
		self.assertEqual({row["role"] for row in tables["users"]}, {"student", "teacher"})
		self.assertEqual({row["role"] for row in tables["enrollments"]}, {"student", "teacher"})
		for row in tables["users"]:
			self.assertRegex(row["email"], r"\A[^@ ]+@[^@ ]+\.example\Z")


class Refused(Receiver):
	"""A bundle that its receiver would refuse is not published, and the message says which rule that is."""

	def test_text_of_moodle(self):
		self.serve_nasty()
		run = self.export_for("moodle", expect=3)
		self.assertRegex(run.error, r"\bconsumer\.(text|periods)\b")
		self.assertRegex(run.error, r"allow-errors = consumer\.")
		self.assertFalse(os.path.exists(self.output))
		self.export_for("moodle", "--allow-errors", "consumer.text,consumer.periods")
		self.assertTrue(os.path.exists(self.output))

	def test_ids_and_emails_of_apple(self):
		self.serve_nasty()
		run = self.export_for("apple-school-manager", expect=3)
		rules = {f["rule"] for f in run.report["bundles"][0]["check"] if f["severity"] == "error"}
		self.assertEqual(rules, {"id.chars", "consumer.required"})
		self.assertFalse(os.path.exists(self.output))

	def test_grade_of_st_math(self):
		self.serve_nasty(records={"users": [user("X0", "student", "994", grades=[])]})
		run = self.export_for("st-math", expect=3)
		self.assertRegex(run.error, r"users\.csv: column grades, 1 rows: .*consumer\.required")

	def test_form(self):
		self.url = "https://sis.example/aeries"
		run = self.export_for("classlink", expect=2)
		self.assertRegex(run.error, r"--output|command line")
		self.assertRegex(run.error, r"ClassLink Roster Server takes the files by themselves, not a zip")
		run = self.export_for("moodle", output=self.out_folder + "/loose/", expect=2)
		self.assertRegex(run.error, r"takes a zip, not the files by themselves")
		self.assertEqual(os.listdir(self.out_folder), [])

	def test_zip_name(self):
		self.serve_nasty()
		output = os.path.join(self.out_folder, "oneroster.zip")
		run = self.export_for("lab-aids", output=output)
		self.assertIn("expects a zip called OneRosterv1p1BaseCSV.zip, not oneroster.zip", run.err)
		self.assertTrue(os.path.exists(output))

	def test_files(self):
		self.url = "https://sis.example/aeries"
		run = self.export_for("hmh", "--collections", "core", expect=2)
		self.assertRegex(run.error, r"needs demographics, which `collections` \(command line\) leaves out")
		run = self.export_for("moodle", "--files", "core", expect=2)
		self.assertRegex(run.error, r"`files` has courses, which Moodle.* does not take")
		self.assertFalse(os.path.exists(self.state))


class Own(Receiver):
	"""A receiver that nobody has heard of, described by a file of the user's."""

	def receiver(self, name, **wants):
		return self.write(name + ".json", json.dumps({"title": "Sample Receiver", **wants, "because": {key: "x" for key in wants}}))

	def test_by_path(self):
		path = self.receiver("sample", files={"required": ["users", "orgs", "demographics"], "ignored": ["enrollments"],
			"unwanted": ["courses"]}, quote="blanks", eol="lf", empty="header", roles=["student", "aide"], metadata=[
			"users.metadata.note", "orgs.metadata.none"])
		self.url = None
		self.serve_nasty()
		run = self.export_for(path, "-v")
		files = self.bundle(self.output)
		self.assertEqual(sorted(files), ["academicSessions.csv", "classes.csv", "demographics.csv", "manifest.csv", "orgs.csv",
			"users.csv"])
		for data in files.values():
			self.assertNotIn(b"\r", data)
		users = [dict(zip(HEADERS["users"] + ["metadata.note"], line)) for line in read_strictly(files["users.csv"])[1:]]
		self.assertEqual({row["role"] for row in users}, {"student", "aide"})
		self.assertTrue(any(row["metadata.note"].startswith("sample ") for row in users))
		self.assertIn(b'"Sample Department",department', files["orgs.csv"])
		self.judge(path)
		for line in ("quote                 = blanks  ; consumer sample", "roles                 = student, aide  ; consumer sample",
				"empty                 = header  ; consumer sample", "eol                   = lf  ; consumer sample"):
			self.assertIn(line, run.err)

	def test_what_the_user_says_wins(self):
		path = self.receiver("sample", quote="all", eol="lf", roles=["student"], empty="header")
		self.serve_nasty()
		self.export_for(path, "--quote", "minimal", "--eol", "crlf", "--roles", "student,aide", "--allow-errors",
			"consumer.role,consumer.eol")
		files = self.bundle(self.output)
		self.assertTrue(files["users.csv"].startswith(b"sourcedId,status,"))
		self.assertIn(b"\r\n", files["users.csv"])
		self.assertEqual({line[5] for line in read_strictly(files["users.csv"])[1:]}, {"student", "aide"})
		# Without leave, what the receiver is known to refuse is not sent.
		run = self.export_for(path, "--eol", "crlf", "--output", self.zip, expect=3)
		self.assertIn("consumer.eol", run.error)

	def test_orgs_below_one_left_out(self):
		"""A type that is not taken does not take along the schools below it."""
		path = self.receiver("sample", **{"org-types": ["district", "school"]})
		records = {"orgs": [*RECORDS["orgs"], {"sourcedId": "73", "name": "Sample North", "type": "school",
			"parent": {"sourcedId": "70"}}], "users": [*RECORDS["users"], user("X10", "student", "73")]}
		self.serve_nasty(records=records, deleted=0)
		self.export_for(path, "--schools", "0")
		orgs = {row[0]: row for row in read_strictly(self.bundle(self.output)["orgs.csv"])[1:]}
		self.assertEqual(set(orgs), {"0", "73", "992", "993", "994"})
		self.assertEqual({key: row[6] for key, row in orgs.items()}, {"0": "", "73": "", "992": "0", "993": "0", "994": "0"})
		users = {row[0]: row[4] for row in read_strictly(self.bundle(self.output)["users.csv"])[1:]}
		self.assertFalse({"X1", "X3"} & set(users))
		self.assertEqual((users["X2"], users["X10"], users["X6"]), ("994", "73", "0,994"))

	def test_damaged_file(self):
		path = self.write("sample.json", '{"title": "Sample", "quotes": "all"}')
		self.url = "https://sis.example/aeries"
		run = self.export_for(path, expect=2)
		self.assertRegex(run.error, r'sample\.json: unknown key "quotes"')


class Several(Receiver):
	"""Many bundles from one read."""

	def export_file(self, text, expect=0):
		path = self.write("run.conf", f"url = {self.url}\nauth = none\nclient-id = {CLIENT_ID}\nstate-dir = {self.state}\n"
			f"report = {self.report}\ndangling = drop\n{text}")
		run = self.program(["export", "--config", path])
		self.assertEqual(run.code, expect, run.shown)
		return run

	def asked(self):
		return [(path, sorted(query.items())) for path, query, _ in self.served.pages()]

	def test_different_receivers(self):
		self.serve_nasty(for_moodle)
		out = self.out_folder
		# What one bundle without any wish costs the server.
		self.export("--auth", "none", "--dangling", "drop", "--collections", ",".join(WITH_DEMOGRAPHICS), "--parallel", 1,
			"--state-dir", self.path("another-state"), login=False)
		alone = self.asked()
		os.unlink(self.zip)
		self.export_file(f"parallel = 1\n[bundle moodle]\nconsumer = moodle\noutput = {out}/m.zip\n"
			f"[bundle hmh]\nconsumer = hmh\noutput = {out}/h.zip\n"
			f"[bundle plain]\noutput = {out}/p.zip\n"
			f"[bundle counsel]\nconsumer = naviance\noutput = {out}/NavianceOneRoster.zip\n"
			f"[bundle link]\nconsumer = classlink\noutput = {out}/DailyImport/\n")
		files = {name: set(self.bundle(os.path.join(out, name))) - {"manifest.csv"} for name in ("m.zip", "h.zip", "p.zip",
			"NavianceOneRoster.zip", "DailyImport")}
		core = {table + ".csv" for table in CORE}
		self.assertEqual(files, {"m.zip": core - {"courses.csv"}, "h.zip": core | {"demographics.csv"}, "p.zip": core,
			"NavianceOneRoster.zip": {"orgs.csv", "users.csv"}, "DailyImport": core})
		for name, path in (("moodle", "m.zip"), ("hmh", "h.zip"), ("naviance", "NavianceOneRoster.zip"),
				("classlink", "DailyImport")):
			self.judge(name, os.path.join(out, path))
		self.assertEqual(sorted(self.asked()[len(alone):]), sorted(alone))
		self.assertEqual({path for path, _ in alone}, set(WITH_DEMOGRAPHICS))
		# What one receiver wants is not what another gets.
		for line in self.bundle(os.path.join(out, "h.zip"))["users.csv"].decode().split("\r\n")[:-1]:
			self.assertTrue(line.startswith('"'))
		self.assertTrue(self.bundle(os.path.join(out, "p.zip"))["users.csv"].startswith(b"sourcedId,"))
		plain_users = {line[0] for line in read_strictly(self.bundle(os.path.join(out, "p.zip"))["users.csv"])[1:]}
		moodle_users = {line[0] for line in read_strictly(self.bundle(os.path.join(out, "m.zip"))["users.csv"])[1:]}
		self.assertLess(moodle_users, plain_users)
		self.assertIn("X5", plain_users - moodle_users)

	def test_the_same_as_alone(self):
		"""A bundle is what it would be if there were no other."""
		self.serve_nasty(for_moodle)
		out = self.out_folder
		both = f"[bundle moodle]\nconsumer = moodle\noutput = {out}/m.zip\n[bundle hmh]\nconsumer = hmh\noutput = {out}/h.zip\n"
		self.export_file(both)
		together = self.bundle(f"{out}/m.zip"), self.bundle(f"{out}/h.zip")
		for section, path, want in zip(both.replace("[bundle", "\0[bundle").split("\0")[1:], ("m.zip", "h.zip"), together):
			os.unlink(f"{out}/{path}")
			self.state = self.path("state-of-" + path)
			self.export_file(section)
			self.assertEqual(self.bundle(f"{out}/{path}"), want)

	def test_one_fails(self):
		"""The others are published; exit code, message and report tell of the one."""
		self.serve_nasty()
		out = self.out_folder
		run = self.export_file(f"[bundle first]\noutput = {out}/1.zip\n[bundle school]\nconsumer = apple-school-manager\n"
			f"output = {out}/2.zip\n[bundle last]\nconsumer = naviance\noutput = {out}/NavianceOneRoster.zip\n", expect=3)
		self.assertRegex(run.error, r"^bundle school: .*\((id\.chars|consumer\.required)\)")
		self.assertEqual(sorted(os.listdir(out)), ["1.zip", "NavianceOneRoster.zip"])
		bundles = {b["name"]: b for b in run.report["bundles"]}
		self.assertEqual({name: b["published"] for name, b in bundles.items()}, {"first": True, "school": False, "last": True})
		self.assertEqual(bundles["school"]["error"]["kind"], "data")
		self.assertIsNone(bundles["first"]["error"])
		self.assertEqual(run.report["exit-status"], 3)

	def test_a_table_that_only_one_needs(self):
		"""The server does not give it: that is the end of the one bundle, and nothing to the other."""
		self.serve_nasty(missing=["demographics"])
		out = self.out_folder
		text = f"[bundle plain]\noutput = {out}/p.zip\n[bundle hmh]\nconsumer = hmh\noutput = {out}/h.zip\n"
		run = self.export_file(text, expect=5)
		self.assertRegex(run.error, r"^bundle hmh: demographics.*allow-missing = demographics")
		self.assertEqual(os.listdir(out), ["p.zip"])
		self.assert_only_core(f"{out}/p.zip")
		# To do without it is not for us to say: the receiver needs it.
		run = self.export_file(text + "allow-missing = demographics\n", expect=3)
		self.assertRegex(run.error, r"^bundle hmh: demographics\.csv.*consumer\.file-missing")
		self.export_file(text + "allow-missing = demographics\nallow-errors = consumer.file-missing\n")
		self.assert_only_core(f"{out}/h.zip")

	def assert_only_core(self, path):
		self.assertEqual(set(self.bundle(path)), {f"{table}.csv" for table in CORE} | {"manifest.csv"})

	def test_a_table_that_none_needs(self):
		self.serve_nasty(forbidden=["classes"])
		self.export_for("naviance")
		self.assertEqual(sorted(self.bundle(self.output)), ["manifest.csv", "orgs.csv", "users.csv"])

	def test_rows_are_filled_from_files_left_out(self):
		"""The school of an enrollment is that of its class, also where the bundle has no classes."""
		self.serve_nasty(dangling=0)
		out = self.out_folder
		self.export_file(f"[bundle all]\noutput = {out}/a.zip\n"
			f"[bundle some]\nfiles = orgs, users, enrollments\noutput = {out}/s.zip\n")
		whole, some = (self.bundle(os.path.join(out, name)) for name in ("a.zip", "s.zip"))
		self.assertEqual(sorted(some), ["enrollments.csv", "manifest.csv", "orgs.csv", "users.csv"])
		schools = {row[0]: row[4] for row in read_strictly(some["enrollments.csv"])}
		for row in read_strictly(whole["enrollments.csv"]):
			self.assertEqual(schools[row[0]], row[4])
		self.assertNotIn("", schools.values())

	def test_two_fail_and_the_graver_counts(self):
		self.serve_nasty()
		out = self.out_folder
		run = self.export_file(f"[bundle one]\nmin-rows = users=100000\noutput = {out}/1.zip\n"
			f"[bundle two]\nconsumer = apple-school-manager\noutput = {out}/2.zip\n[bundle three]\noutput = {out}/3.zip\n", expect=6)
		errors = [line for line in run.lines if line.startswith("rosterzip: error: ")]
		self.assertEqual(len(errors), 2)
		self.assertRegex(errors[-1], "bundle one: ")
		self.assertEqual(os.listdir(out), ["3.zip"])


if __name__ == "__main__":
	unittest.main()

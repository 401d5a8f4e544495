"""report: the page about a bundle. Its numbers are counted anew by pages.py, and nothing of a person may be in it."""

import contextlib
import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import zipfile

from harness import SOURCE, Case, sis_module
from pages import Count, Page, number

sys.path.insert(0, os.path.join(SOURCE, "tests", "validate"))
import bundle as b  # noqa: E402

EPOCH = 1795377600  # 2026-11-22 20:00:00 UTC
MOMENT = "2026-11-22 20:00 UTC"
CORE = "orgs,academicSessions,courses,classes,users,enrollments"
MARK = "Quaxil"  # stands in every cell about a person


def csv_text(table, rows, columns=None):
	"""A file of the standard's columns, or others; each row a dict."""
	columns = columns or b.HEADERS[table].split(",")
	out = io.StringIO(newline="")
	lines = [columns] + [[row.get(c, "") for c in columns] for row in rows]
	out.writelines(",".join('"' + cell.replace('"', '""') + '"' if re.search(r'[",\r\n]', cell) else cell
		for cell in map(str, line)) + "\r\n" for line in lines)
	return out.getvalue().encode()


def manifest(modes, **more):
	said = {"manifest.version": "1.0", "oneroster.version": "1.1"}
	said.update({f"file.{table}": modes.get(table, "absent") for table in b.TABLES})
	said.update({name.replace("_", "."): value for name, value in more.items()})
	return csv_text("manifest", [{"propertyName": k, "value": v} for k, v in said.items()], ["propertyName", "value"])


class Report(Case):
	"""A test with bundles and pages."""

	def setUp(self):
		super().setUp()
		self.temporary = self.path("tmp")
		os.mkdir(self.temporary)
		self.html = self.path("out", "page.html")

	def pack(self, files, name="OneRoster.zip"):
		path = self.path(name)
		with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
			for file, data in files.items():
				z.writestr(file, data)
		return path

	def district(self, *arguments):
		"""The files a correct export of a district of the fake SIS has."""
		folder = tempfile.mkdtemp(prefix="district-", dir=self.folder)
		with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
			self.assertIn(sis_module.main(["truth", folder, "--collections", CORE, *map(str, arguments)]), (0, 3))
		files = {}
		for file in ["manifest.csv"] + sorted(set(os.listdir(folder)) - {"manifest.csv"}):
			with open(os.path.join(folder, file), "rb") as f:
				files[file] = f.read()
		return files

	def run_report(self, path, *extra, expect=0, env=None, output=True, **more):
		words = ["report", path, *extra] + (["-o", self.html] if output else [])
		run = self.program(words, {"TMPDIR": self.temporary, **(env or {})}, **more)
		self.assertEqual(run.code, expect, run.shown)
		self.assertEqual(os.listdir(self.temporary), [], "working files were left behind")
		return run

	def page(self, path, *extra, **how):
		"""The page about a bundle, which has what every page has."""
		self.run_report(path, *extra, **how)
		with open(self.html, encoding="utf-8", newline="") as f:
			page = Page(f.read())
		self.check_form(page)
		return page

	def check_form(self, page):
		"""Well-formed, by itself, and readable: nothing is asked for from anywhere."""
		self.assertEqual(page.balance.trouble, [])
		self.assertEqual(page.balance.open, [])
		self.assertNotRegex(page.text, r"(?i)https?:|//|url\(|@import|@font-face|<script|<link|<iframe|<img|<object|<embed|"
			r"<form|<base|javascript:|data:")
		names = {name for _, name, _ in page.balance.attributes}
		self.assertFalse({"src", "href", "srcset", "action", "poster", "background", "xlink:href"} & names, names)
		self.assertFalse([name for name in names if name.startswith("on")])
		self.assertIn(('meta', 'content', "default-src 'none'; style-src 'unsafe-inline'"), page.balance.attributes)
		self.assertNotIn("\r", page.text)
		ids = [e.get("id") for e in page.root.iter() if e.get("id")]
		self.assertEqual(len(ids), len(set(ids)), "an id stands twice")
		for e in page.root.iter():
			for name in (e.get("aria-labelledby") or "").split():
				self.assertIn(name, ids)
			if e.tag == "table":
				self.assertIsNotNone(e.find("caption"))
			if e.tag == "svg" and e.get("aria-hidden") != "true":
				self.assertEqual([child.tag for child in e][:2], ["title", "desc"])

	def check_numbers(self, page, files):
		"""Every number of a page about full lists."""
		count = Count(files)
		self.assertEqual(page.figures(), count.figures())
		self.assertEqual(page.watched(), count.watched())
		schools = page.table("schools")
		total = schools.pop("all")
		columns = ["Students", "Classes", "Teachers", "Students without a class"]
		self.assertEqual({key: [number(row[c]) for c in columns] for key, row in schools.items()},
			{key: counts for key, counts in count.schools().items()})
		figures = count.figures()
		self.assertEqual([number(total[c]) for c in columns],
			[figures["students"], figures["classes"], figures["teachers"], count.watched()["idle-students"]])
		self.assertEqual(page.numbers("grades", "Students"), count.grades())
		self.assertEqual(page.numbers("roles", "Users"), count.roles())
		self.assertEqual(page.sizes(), count.sizes())
		typical = {key: page.words(e.find("dd")) for key, e in page.keyed("sizes")}
		self.assertEqual({**typical, "median": number(typical["median"]), "largest": number(typical["largest"])},
			count.typical())
		self.assertEqual(page.numbers("teachers", "Classes"), count.teachers())
		self.assertEqual(page.numbers("files", "Rows"), count.rows)
		return count


class Numbers(Report):
	"""What is counted is what is there."""

	def test_district(self):
		files = self.district("--users", 600, "--schools", 5, "--classes", 60, "--enrollments", 1500)
		page = self.page(self.pack(files))
		count = self.check_numbers(page, files)
		rows = {(row["title"].split(" ")[0], number(row["Classes"]), number(row["Enrollments"]))
			for row in page.table("sessions").values()}
		self.assertEqual(rows, {(key[0].split(" ")[0], *counts[1:]) for key, counts in count.terms().items()})
		self.assertIn(", 5 sessions", page.words(page.at("sessions")))
		self.assertEqual(page.words(page.root.find(".//h1")), "Sample Unified District")

	def test_nasty_district(self):
		files = self.district("--users", 300, "--set", "nasty=true", "--schools", 4)
		page = self.page(self.pack(files))
		self.check_numbers(page, files)
		self.assertEqual(page.verdict().get("data-errors"), "0")

	def test_awkward_rows(self):
		"""Several schools and grades, none, unknown words, repeated ids, deleted rows, other widths and columns."""
		user = {"enabledUser": "true", "username": "u", "givenName": "g", "familyName": "f"}
		orgs = [{"sourcedId": "d", "name": "The District", "type": "District"},
			{"sourcedId": "a", "name": "A", "type": "school"}, {"sourcedId": "b", "name": "B", "type": "SCHOOL"},
			{"sourcedId": "c", "name": "C", "type": "department"}, {"sourcedId": "x", "name": "X", "type": "school",
				"status": "tobedeleted"}, {"sourcedId": "a", "name": "A again", "type": "school"},
			{"sourcedId": "", "name": "No id", "type": "school"}]
		users = [
			("1", "student", "a,b", "09,10"), ("2", "student", "a", "9"), ("3", "STUDENT", "d", "K"),
			("4", "student", "nowhere", "99,freshman"), ("5", "student", "", ""), ("6", "student", "b, a ,b", "kg,KG,09,9"),
			("7", "teacher", "a", ""), ("8", "teacher", "b,nowhere", ""), ("9", "aide", "a", ""), ("10", "parent", "a", ""),
			("11", "captain", "a", ""), ("12", "", "a", ""), ("13", "relative", "", ""), ("14", "proctor", "d", ""),
			("15", "administrator", "d", ""), ("2", "teacher", "b", ""), ("", "student", "a", "01"),
			("16", "student", "c", "PS"), ("17", "student", "c", "0"), ("18", "student", "c", "Other,13")]
		users = [{**user, "sourcedId": key, "role": role, "orgSourcedIds": org, "grades": grades}
			for key, role, org, grades in users] + [{**user, "sourcedId": "19", "role": "student", "orgSourcedIds": "a",
				"status": status} for status in ("ToBeDeleted", "inactive")]
		classes = [{"sourcedId": f"k{n}", "title": "t", "courseSourcedId": "c", "classType": "scheduled",
			"schoolSourcedId": ["a", "b", "nowhere", "d"][n % 4], "termSourcedIds": ["y,t", "t", "t,t", "nowhere", ""][n % 5]}
			for n in range(12)] + [{"sourcedId": "k0", "schoolSourcedId": "b"}]
		enrollments = []

		def enroll(k, u, role, times=1):
			for _ in range(times):
				enrollments.append({"sourcedId": f"e{len(enrollments)}", "classSourcedId": k, "userSourcedId": u, "role": role})
		for n, times in enumerate([0, 1, 5, 6, 10, 40, 41, 42, 1042]):
			enroll(f"k{n}", "1", "student", times)
		for n, times in enumerate([3, 2, 1, 0, 7]):
			enroll(f"k{n}", "7", "teacher", times)
		enroll("k1", "9", "proctor")
		enroll("k1", "3", "captain")
		enroll("nowhere", "2", "student")
		enroll("k1", "nobody", "student")
		enrollments.append({**enrollments[0], "status": "tobedeleted", "userSourcedId": "5"})
		sessions = [{"sourcedId": "y", "title": "Year", "type": "schoolYear", "startDate": "2025-08-11", "endDate":
			"2026-06-05", "schoolYear": "2026"}, {"sourcedId": "t", "title": "Fall", "type": "term", "startDate": "soon",
			"endDate": ""}]
		wide = csv_text("users", users) + b"20,,,true,a,student,u,,g,f,,,,,,,09,,surplus\r\n" + b"21,,,true,a,student\r\n\r\n"
		wide = wide.replace(b"sourcedId,status", b"sourcedId,status", 1)
		columns = list(reversed(b.HEADERS["enrollments"].split(",")))
		files = {"manifest.csv": manifest(dict.fromkeys(b.CORE, "bulk")), "orgs.csv": csv_text("orgs", orgs),
			"academicSessions.csv": csv_text("academicSessions", sessions),
			"courses.csv": csv_text("courses", [{"sourcedId": "c"}, {"sourcedId": "c2"}]), "users.csv": wide,
			"classes.csv": csv_text("classes", classes), "enrollments.csv": csv_text("enrollments", enrollments, columns)}
		page = self.page(self.pack(files))
		count = self.check_numbers(page, files)
		self.assertEqual(page.numbers("files", "Deleted")["users"], 2)
		self.assertEqual(page.numbers("files", "Deleted"), {**dict.fromkeys(count.rows, 0), **count.deleted})
		self.assertEqual(count.schools()[""], [2, 3, 1, 2])  # so that the counting itself is not taken on trust
		self.assertEqual(count.grades()["Other"], 3)
		self.assertEqual(list(page.table("grades")), ["KG", "09", "10", "13", "PS", "Other", "none"])
		self.assertEqual(list(page.table("roles"))[:2], ["student", "teacher"])
		self.assertGreater(int(page.verdict().get("data-errors")), 0)
		self.assertIn("Not fit to publish", page.words(page.verdict()))

	def test_facts(self):
		files = self.district("--source-name", "Sample SIS")
		path = self.pack(files)
		os.utime(path, (EPOCH - 86400, EPOCH - 86400))
		page = self.page(path, "--consumer", "moodle", env={"SOURCE_DATE_EPOCH": str(EPOCH)})
		facts = {key: page.words(e.find("dd")) for key, e in page.keyed("facts")}
		with open(path, "rb") as f:
			data = f.read()
		self.assertEqual(facts["sha256"], hashlib.sha256(data).hexdigest())
		self.assertEqual(facts["size"], f"{len(data) // 1000}.{len(data) % 1000 // 100} kB, 6 CSV files")
		self.assertEqual(facts["made"], MOMENT)
		self.assertEqual(facts["dated"], "2026-11-21 20:00 UTC")
		self.assertEqual(facts["source"], "Sample SIS")
		self.assertEqual(facts["mode"], "Full lists (bulk)")
		self.assertEqual(facts["version"], "1.1")
		self.assertIn("Moodle", facts["consumer"])
		self.assertNotIn("previous", facts)
		self.assertIn("OneRoster.zip", page.words())

	def test_folder(self):
		files = self.district()
		folder = self.path("loose")
		os.mkdir(folder)
		for name, data in files.items():
			with open(os.path.join(folder, name), "wb") as f:
				f.write(data)
		page = self.page(folder + "/")
		self.check_numbers(page, files)
		self.assertNotIn("sha256", dict(page.keyed("facts")))
		self.assertEqual(page.words(page.root.find(".//header")).count("loose"), 1)


class Changes(Report):
	"""The bundle before."""

	def test_previous(self):
		old = self.district("--users", 200, "--classes", 20, "--enrollments", 300)
		new = self.district("--users", 230, "--classes", 21, "--enrollments", 330)
		new["users.csv"] = new["users.csv"].replace(b"\r\nTCH_", b"\r\nNEW_TCH_")
		before, now = Count(old), Count(new)
		page = self.page(self.pack(new), "--previous", self.pack(old, "yesterday.zip"))
		for key, e in page.keyed("figures"):
			then, today = before.figures()[key], now.figures()[key]
			words = page.words(e.findall("dd")[1])
			if then == today:
				self.assertEqual(words, "unchanged")
			else:
				change, _, was = words.partition(" from ")
				self.assertEqual([number(change), number(was)], [today - then, then])
		for key, row in page.table("files").items():
			self.assertEqual([number(row[c]) for c in ("Rows", "Before", "Change")],
				[now.rows[key], before.rows[key], now.rows[key] - before.rows[key]])
		schools = page.table("schools")
		del schools["all"]
		for key, row in schools.items():
			self.assertEqual(number(row["Change"]), now.schools()[key][0] - before.schools()[key][0])
		grades = page.numbers("grades", "Change")
		self.assertEqual(grades, {key: now.grades().get(key, 0) - before.grades().get(key, 0) for key in grades})
		self.assertEqual(set(grades), set(now.grades()) | set(before.grades()))

		def ids(files, table):
			return set(line.split(b",")[0] for line in files[table + ".csv"].split(b"\r\n")[1:-1])
		for key, row in page.table("changes").items():
			have, want = ids(old, key), ids(new, key)
			self.assertEqual([number(row["Added"]), number(row["Removed"])], [len(want - have), len(have - want)], key)
		teachers = len([key for key in ids(old, "users") if key.startswith(b"TCH_")])
		self.assertGreater(teachers, 0)
		self.assertEqual(number(page.table("changes")["users"]["New ids"]), teachers)
		self.assertIn(f"{teachers} rows came back under a new id, known again by username", page.words(page.at("changes")))
		self.assertIn("yesterday.zip", page.words(page.at("facts")))

	def test_equal(self):
		files = self.district()
		page = self.page(self.pack(files), "--previous", self.pack(files, "same.zip"))
		self.assertIn("Nothing changed.", page.words(page.at("changes")))
		self.assertEqual({page.words(e.findall("dd")[1]) for _, e in page.keyed("figures")}, {"unchanged"})

	def test_none(self):
		page = self.page(self.pack(self.district()), "--previous", "none")
		self.assertFalse(page.has("changes"))
		self.assertNotIn("Change", page.table("grades")["KG"])

	def test_file_that_is_new_or_gone(self):
		old, new = self.district(), self.district()
		extra = csv_text("demographics", [{"sourcedId": "STU_100001", "sex": "female"}])
		for files, table in ((old, "categories"), (new, "demographics")):
			files["manifest.csv"] = files["manifest.csv"].replace(b"file." + table.encode() + b",absent",
				b"file." + table.encode() + b",bulk")
			files[table + ".csv"] = extra if table == "demographics" else csv_text(table, [{"sourcedId": "c", "title": "t"}])
		page = self.page(self.pack(new), "--previous", self.pack(old, "old.zip"))
		rows = page.table("files")
		self.assertEqual([rows["demographics"][c] for c in ("Rows", "Before", "Change")], ["1", "absent", "+1"])
		self.assertEqual([rows["categories"][c] for c in ("Rows", "Before", "Change")], ["absent", "1", "\u22121"])

	def test_that_cannot_be_compared(self):
		"""The rest of the page is as good without; it says why, but not in which folder."""
		files = self.district()
		path = self.pack(files)
		delta = {"manifest.csv": manifest({"users": "delta"}), "users.csv": csv_text("users", [])}
		newer = {**files, "manifest.csv": files["manifest.csv"].replace(b"version,1.1", b"version,1.2")}
		for name, previous in (("delta", self.pack(delta, "delta.zip")), ("foreign", self.pack(newer, "newer.zip")),
				("no zip", self.write("broken.zip", "no zip"))):
			with self.subTest(name):
				run = self.run_report(path, "--previous", previous)
				self.assertEqual(len(run.warnings), 1, run.shown)
				with open(self.html, encoding="utf-8") as f:
					page = Page(f.read())
				self.check_form(page)
				self.assertIn(f"could not be compared: {os.path.basename(previous)} ", page.words(page.at("changes")))
				self.assertNotIn(self.folder, page.text)
				self.assertEqual(page.figures(), Count(files).figures())

	def test_missing(self):
		path = self.pack(self.district())
		self.assertIn("--previous", self.run_report(path, "--previous", self.path("no.zip"), expect=2).error)
		self.assertFalse(os.path.exists(self.html))


class Kinds(Report):
	"""Bundles that are not full lists, or not much."""

	def test_delta(self):
		rows = [{"sourcedId": f"u{n}", "status": "tobedeleted" if n < 3 else "active", "role": "student",
			"dateLastModified": "2026-11-20T00:00:00.000Z", "enabledUser": "true", "username": "u", "givenName": "g",
			"familyName": "f", "orgSourcedIds": "a"} for n in range(8)]
		files = {"manifest.csv": manifest({"users": "delta"}), "users.csv": csv_text("users", rows)}
		page = self.page(self.pack(files), "--previous", self.pack(self.district(), "old.zip"))
		self.assertEqual(page.words(dict(page.keyed("facts"))["mode"].find("dd")), "Changes only (delta)")
		self.assertEqual(page.table("files"), {"users": {"title": "users.csv", "Kind": "changes", "Rows": "8",
			"Deleted": "3"}})
		for name in ("figures", "watch", "schools", "grades", "roles", "sizes", "teachers", "sessions"):
			self.assertFalse(page.has(name), name)
		self.assertIn("is a delta", page.words(page.at("changes")))

	def test_empty_files(self):
		files = {"manifest.csv": manifest(dict.fromkeys(b.CORE, "bulk"))}
		files.update({f"{table}.csv": csv_text(table, []) for table in b.CORE})
		page = self.page(self.pack(files))
		self.assertEqual(set(page.figures().values()), {0})
		self.assertEqual(page.numbers("files", "Rows"), dict.fromkeys(b.CORE, 0))
		self.assertFalse(page.has("schools") or page.has("sizes") or page.has("watch"))
		self.assertEqual(page.words(page.root.find(".//h1")), "OneRoster.zip")

	def test_files_of_nothing(self):
		for name, data in (("no bytes", b""), ("no header", b"a,b,c\r\nd,e,f\r\n"), ("half", b'sourcedId,"')):
			with self.subTest(name):
				files = {"manifest.csv": manifest({"orgs": "bulk", "users": "bulk"}), "orgs.csv": data, "users.csv": data}
				self.assertEqual(set(self.page(self.pack(files)).figures().values()), {0})

	def test_other_version(self):
		files = self.district()
		files["manifest.csv"] = files["manifest.csv"].replace(b"oneroster.version,1.1", b"oneroster.version,1.2")
		page = self.page(self.pack(files))
		self.assertEqual([finding[1] for finding in page.findings()], ["manifest.version"])
		self.assertFalse(page.has("figures") or page.has("files"))
		self.assertIn("Not fit", page.words(page.verdict()))

	def test_damaged_file(self):
		path = self.pack(self.district("--users", 300))
		with open(path, "rb") as f:
			data = bytearray(f.read())
		at = data.index(b"users.csv") + 2000
		data[at:at + 20] = bytes(20)
		with open(path, "wb") as f:
			f.write(data)
		self.assertIn(("error", "zip.damaged", 1), self.page(path).findings())

	def test_findings_are_those_of_validate(self):
		files = self.district("--users", 80)
		files["users.csv"] = files["users.csv"].replace(b",student,", b",pupil,", 7).replace(b",true,", b",perhaps,", 3)
		files["notes.txt"] = b"x"
		path = self.pack(files)
		page = self.page(path)
		run = self.program(["validate", "--json", path])
		judged = json.loads(run.out)["bundles"][0]
		self.assertEqual(sorted(page.findings()), sorted((f["severity"], f["rule"], f["count"]) for f in judged["findings"]))
		self.assertEqual(page.verdict().get("data-errors"), str(judged["errors"]))
		order = [severity for severity, _, _ in page.findings()]
		self.assertEqual(order, sorted(order, key=["error", "warning", "info"].index))
		words = page.words(page.at("findings"))
		for finding in judged["findings"]:
			self.assertIn(finding["text"][1:], words)
			if finding["column"]:
				self.assertIn(f"{finding['file']}, column {finding['column']} ", words)
		sections = [e.get("id") for e in page.root.iter("section") if e.get("id")]
		self.assertEqual(sections[0], "findings", "errors come first")


class Privacy(Report):
	"""No person, and nothing that a name could do to the page."""

	def test_no_person_of_the_district(self):
		files = self.district("--users", 400)
		page = self.page(self.pack(files), "--previous", self.pack(self.district("--users", 390), "old.zip"))
		words = page.words() + " ".join(value or "" for _, _, value in page.balance.attributes)
		for row in Count(files).users.values():
			for column in ("sourcedId", "username", "givenName", "familyName", "identifier", "email", "phone", "userIds"):
				if row[column] and row[column] in words:
					self.assertNotRegex(words, r"(?<![\w-])" + re.escape(row[column]) + r"(?![\w-])", column)
		self.assertNotIn("@", page.text.partition("</style>")[2])
		self.assertNotIn("Sample Class", words)

	def marked(self):
		"""A small bundle in which every cell about a person holds the mark."""
		orgs = [{"sourcedId": "d", "name": "District", "type": "district"}, {"sourcedId": "a", "name": "A", "type": "school"}]
		users = [{c: f"{MARK}{c}{n}" for c in b.HEADERS["users"].split(",") if c not in ("status", "dateLastModified")}
			for n in range(9)]
		for n, user in enumerate(users):
			if n % 3 == 0:
				user.update(role="student", orgSourcedIds="a")
		classes = [{"sourcedId": f"{MARK}k", "title": f"{MARK}'s class", "courseSourcedId": MARK, "classType": MARK,
			"schoolSourcedId": MARK, "termSourcedIds": MARK, "grades": MARK}]
		enrollments = [{c: f"{MARK}{n}" for c in b.HEADERS["enrollments"].split(",")} for n in range(3)]
		return {"manifest.csv": manifest(dict.fromkeys(["orgs", "users", "classes", "enrollments", "demographics"], "bulk")),
			"orgs.csv": csv_text("orgs", orgs), "users.csv": csv_text("users", users),
			"classes.csv": csv_text("classes", classes), "enrollments.csv": csv_text("enrollments", enrollments),
			"demographics.csv": csv_text("demographics", [{"sourcedId": MARK, "birthDate": MARK, "sex": MARK}])}

	def test_whatever_is_wrong(self):
		"""Cells in the wrong place, words nobody knows, files cut short or without a header."""
		good = self.marked()
		line = f"{MARK},{MARK},{MARK}\r\n".encode()
		bad = {
			"as it is": {},
			"unknown words": {"users.csv": good["users.csv"].replace(b"student", MARK.encode())},
			"no header": {name: good[name].partition(b"\r\n")[2] for name in ("users.csv", "classes.csv", "enrollments.csv")},
			"short rows": {name: good[name] + line for name in good if name != "manifest.csv"},
			"open quote": {"users.csv": good["users.csv"] + b'"' + line, "orgs.csv": good["orgs.csv"] + b'x,,,"' + line},
			"another separator": {"users.csv": good["users.csv"].replace(b",", b";")},
			"two byte letters": {"users.csv": good["users.csv"].decode().encode("utf-16")},
			"shifted": {"users.csv": good["users.csv"].replace(b"\r\n", b"\r\n" + MARK.encode() + b",").replace(
				b"sourcedId", MARK.encode() + b"?,sourcedId", 1).replace(MARK.encode() + b"?,", b"x,", 1)},
		}
		for name, files in bad.items():
			with self.subTest(name):
				page = self.page(self.pack({**good, **files}), "--previous", self.pack(good, "old.zip"))
				self.assertNotIn(MARK.lower(), page.text.lower())
				self.assertGreater(int(page.verdict().get("data-errors")), 0)

	def test_text_breaks_out_of_nothing(self):
		texts = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></title><b>", "&amp;&lt;&#60;", "'\"`",
			"\u202egnihtemos\u202c", "]]>", "<!--", "\ufffe\uffff", "{}%s%n", "\u05e9\u05dc\u05d5\u05dd", "x" * 5000]
		orgs = [{"sourcedId": f"o{n}" + text[:20], "name": text, "type": "school"} for n, text in enumerate(texts)]
		orgs.append({"sourcedId": "d", "name": texts[0] + "&", "type": "district"})
		sessions = [{"sourcedId": f"s{n}", "title": text, "type": text, "startDate": text, "endDate": text}
			for n, text in enumerate(texts)]
		files = {"manifest.csv": manifest({"orgs": "bulk", "academicSessions": "bulk"}, source_systemName=texts[1]),
			"orgs.csv": csv_text("orgs", orgs), "academicSessions.csv": csv_text("academicSessions", sessions),
			"<b>&.txt": b""}
		name = "a<b>&'\".zip"
		page = self.page(self.pack(files, name), "--previous", self.pack(files, "old<i>.zip"))
		words = page.words()
		for text in texts[:6] + texts[9:11]:
			self.assertIn(text, words)
		self.assertEqual(page.words(page.root.find(".//h1")), texts[0] + "&")
		self.assertIn(name, words)
		self.assertIn("old<i>.zip", words)
		self.assertIn("<b>&.txt", words)
		self.assertLess(max(map(len, words.split(" "))), 300, "a name without end")
		tags = {e.tag for e in page.root.iter()}
		self.assertFalse(tags & {"script", "img", "i"})
		with open(self.html, "rb") as f:
			self.assertNotRegex(f.read(), rb"[\x00-\x08\x0b-\x1f]|\xc2[\x80-\x9f]")

	def test_bytes_that_are_no_text(self):
		orgs = csv_text("orgs", [{"sourcedId": "a", "name": "AAAA", "type": "school"}]).replace(b"AAAA", b"A\xff\xc3\x01\x7f\xc2\x85B")
		files = {"manifest.csv": manifest({"orgs": "bulk"}), "orgs.csv": orgs}
		self.assertIn("A\ufffd\ufffd B", self.page(self.pack(files)).words())


class Writing(Report):
	"""Where the page goes, and how it ends when it cannot."""

	def test_same_bytes(self):
		files = self.district()
		path = self.pack(files)
		env = {"SOURCE_DATE_EPOCH": str(EPOCH)}
		os.utime(path, (EPOCH - 5, EPOCH - 5))
		self.page(path, env=env)
		with open(self.html, "rb") as f:
			first = f.read()
		os.mkdir(self.path("elsewhere"))
		copy = shutil.copy2(path, self.path("elsewhere", "OneRoster.zip"))
		self.page(copy, env=env)
		with open(self.html, "rb") as f:
			self.assertEqual(f.read(), first)
		self.assertEqual(os.stat(self.html).st_mode & 0o777, 0o600)
		self.run_report(path, env={"SOURCE_DATE_EPOCH": "today"}, expect=2)

	def test_what_is_said(self):
		path = self.pack(self.district())
		run = self.run_report(path, env={"SOURCE_DATE_EPOCH": "1767600000"})  # within its terms
		self.assertEqual(run.out, f"{self.html}: the page about {path}: 1 warning\n")
		run = self.run_report(path, env={"SOURCE_DATE_EPOCH": str(EPOCH)})
		self.assertEqual(run.out, f"{self.html}: the page about {path}: 2 warnings\n")
		with open(self.html, encoding="utf-8") as f:
			self.assertIn("ll sessions are over", f.read())
		self.assertEqual(self.run_report(path, "--quiet").out, "")
		self.assertEqual(run.err, "")

	def test_name_with_a_date(self):
		path = self.pack(self.district())
		name = self.path("out", "page-%Y%m%d.html")
		self.run_report(path, "-o", name, output=False, env={"SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "UTC"})
		self.assertEqual(os.listdir(self.out_folder), ["page-20261122.html"])

	def test_usage(self):
		path = self.pack(self.district())
		with open(path, "rb") as f:
			before = f.read()
		self.assertIn("-o", self.run_report(path, output=False, expect=2).error)
		for wrong in (path, self.path("out", "page.txt"), self.path("out"), self.path("no", "page.html")):
			with self.subTest(wrong):
				self.run_report(path, "-o", wrong, output=False, expect=2)
		self.run_report(path, output=False, env={"ROSTERZIP_OUTPUT": path}, expect=2)
		hidden = shutil.copy(path, self.path("bundle.html"))
		self.assertIn("the bundle itself", self.run_report(hidden, "-o", hidden, output=False, expect=2).error)
		self.run_report(path, path, expect=2)
		self.assertIn("BUNDLE", self.program(["report", "-o", self.html]).error)
		for name in (path, hidden):
			with open(name, "rb") as f:
				self.assertEqual(f.read(), before)
		self.assertEqual(os.listdir(self.out_folder), [])

	def test_bundles_that_are_none(self):
		self.run_report(self.path("no.zip"), expect=2)
		for name, data in (("text.zip", "no zip"), ("empty.zip", "")):
			run = self.run_report(self.write(name, data), expect=3)
			self.assertEqual(run.error.count(name), 1, run.shown)
		os.mkdir(self.path("empty"))
		self.run_report(self.path("empty"), expect=3)
		self.assertEqual(os.listdir(self.out_folder), [])

	def test_no_space(self):
		"""A page that cannot be written whole leaves the one of yesterday."""
		path = self.pack(self.district())
		with open(self.html, "w", encoding="ascii") as f:
			f.write("yesterday")

		def limit():
			signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
			resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000))
		run = self.run_report(path, expect=1, preexec_fn=limit)
		self.assertIn(self.html, run.error)
		with open(self.html, encoding="ascii") as f:
			self.assertEqual(f.read(), "yesterday")
		self.assertEqual(os.listdir(self.out_folder), ["page.html"])

	def test_help(self):
		run = self.program(["report", "--help"])
		self.assertEqual(run.code, 0)
		for word in ("--output", "--previous", "--consumer", "rosterzip report BUNDLE"):
			self.assertIn(word, run.out)
		self.assertLessEqual(max(map(len, run.out.splitlines())), 80)

"""The page of `rosterzip report`, read back, and the numbers it must show, counted anew from the CSV files.

Neither knows anything of the program: the counting follows the standard and what the page says of itself.
"""

import csv
import html.parser
import io
import re
import statistics
import xml.etree.ElementTree

ROLES = ["administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"]
GRADES = ["IT", "PR", "PK", "TK", "KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "PS",
	"UG", "Other"]
SIZES = ["0", "1\u20135", "6\u201310", "11\u201315", "16\u201320", "21\u201325", "26\u201330", "31\u201335", "36\u201340",
	"41+"]
DELETED = ("tobedeleted", "inactive")
VOID = ("meta",)


class Balance(html.parser.HTMLParser):
	"""Whether a browser closes every element just where the page does."""

	def __init__(self):
		super().__init__()
		self.open, self.trouble, self.attributes = [], [], []

	def handle_starttag(self, tag, attributes):
		self.attributes += [(tag, *attribute) for attribute in attributes]
		if tag not in VOID:
			self.open.append(tag)

	def handle_startendtag(self, tag, attributes):
		self.attributes += [(tag, *attribute) for attribute in attributes]
		if tag not in VOID + ("circle", "line", "path", "rect"):
			self.trouble.append(f"<{tag}/> is not closed to a browser")

	def handle_endtag(self, tag):
		if not self.open or self.open.pop() != tag:
			self.trouble.append(f"</{tag}> closes another element")


class Page:
	"""A page: its elements by id, its tables by the keys of their rows."""

	def __init__(self, text):
		self.text = text
		kind, _, rest = text.partition("\n")
		assert kind == "<!DOCTYPE html>", kind
		self.root = xml.etree.ElementTree.fromstring(rest)
		self.balance = Balance()
		self.balance.feed(text)

	def has(self, name):
		return self.root.find(f".//*[@id='{name}']") is not None

	def at(self, name):
		found = self.root.findall(f".//*[@id='{name}']")
		assert len(found) == 1, f"{len(found)} elements with the id {name}"
		return found[0]

	def words(self, element=None):
		"""The text of an element as a reader sees it, without the style sheet."""
		parts = []

		def walk(at):
			if at.tag != "style":
				parts.append(at.text or "")
				for child in at:
					walk(child)
			parts.append(at.tail or "")
		walk(self.root if element is None else element)
		return re.sub(r"\s+", " ", "".join(parts)).strip()

	def keyed(self, name):
		"""The elements with a key below the one with that id: a list of key and element."""
		return [(e.get("data-key"), e) for e in self.at(name).iter() if e.get("data-key") is not None]

	def table(self, name):
		"""The rows of the table in a section: key -> cells by column, and the columns' order."""
		table = self.at(name).find(".//table")
		heads = [self.words(cell) for cell in table.find("thead/tr")]
		rows = {}
		for row in table.findall("tbody/tr") + table.findall("tfoot/tr"):
			cells = [self.words(cell) for cell in row]
			assert len(cells) == len(heads), f"{name}: {cells} under {heads}"
			assert row.get("data-key") not in rows, f"{name}: {row.get('data-key')} twice"
			rows[row.get("data-key")] = dict(zip(heads[1:], cells[1:]), title=cells[0])
		return rows

	def numbers(self, name, column):
		return {key: number(row[column]) for key, row in self.table(name).items()}

	def figures(self):
		return {key: int(e.get("data-value")) for key, e in self.keyed("figures")}

	def watched(self):
		return {key: int(e.get("data-value")) for key, e in self.keyed("watch")}

	def sizes(self):
		"""The columns of the picture: what stands above by what stands below."""
		texts = [self.words(e) for e in self.at("sizes").iter("text")]
		return {below: number(above) for above, below in zip(texts[::2], texts[1::2])}

	def findings(self):
		return [(e.get("class"), e.get("data-rule"), int(e.get("data-count"))) for e in self.at("findings").iter("li")]

	def verdict(self):
		return next(e for e in self.root.iter("p") if "verdict" in e.get("class", ""))


def number(text):
	"""1,234 or +1,234 or a true minus; the thousands must stand in threes."""
	match = re.fullmatch(r"([+\u2212]?)(\d{1,3}(?:,\d{3})*)", text)
	assert match, f"{text!r} is no number of the page"
	value = int(match[2].replace(",", ""))
	return -value if match[1] == "\u2212" else value


def read(data):
	"""The header and the rows of a CSV file."""
	lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
	return (lines[0], [line for line in lines[1:] if line]) if lines else ([], [])


def items(cell):
	return [item.strip(" ") for item in cell.split(",") if item.strip(" ")]


class Count:
	"""What is in a bundle, given its files by name."""

	def __init__(self, files):
		self.rows = {name[:-4]: len(read(data)[1]) for name, data in files.items() if name != "manifest.csv"}
		self.deleted = {}
		tables = {name: self.whole(files, name) for name in
			("orgs", "academicSessions", "courses", "classes", "users", "enrollments")}
		self.orgs = {row["sourcedId"]: row for row in tables["orgs"]}
		self.users = {}
		for row in tables["users"]:
			self.users.setdefault(row["sourcedId"], row)
		self.classes = {}
		for row in tables["classes"]:
			self.classes.setdefault(row["sourcedId"], row)
		self.sessions = {}
		for row in tables["academicSessions"]:
			self.sessions.setdefault(row["sourcedId"], row)
		self.enrollments = tables["enrollments"]
		self.courses = len(tables["courses"])
		self.placed = {row["userSourcedId"] for row in self.enrollments}

	def whole(self, files, name):
		"""The rows of which it is clear what they say and that they are there."""
		if name + ".csv" not in files:
			return []
		header, rows = read(files[name + ".csv"])
		if "sourcedId" not in header:
			return []
		rows = [dict(zip(header, row)) for row in rows if len(row) == len(header)]
		gone = [row for row in rows if row.get("status", "").lower() in DELETED]
		self.deleted[name] = len(gone)
		seen, kept = set(), []
		for row in rows:
			repeated = row["sourcedId"] in seen and name not in ("enrollments", "courses")
			if row not in gone and not repeated and (row["sourcedId"] or name == "enrollments"):
				kept.append(row)
				seen.add(row["sourcedId"])
		return kept

	def of_role(self, *roles):
		return {key: row for key, row in self.users.items() if row["role"].lower() in roles}

	def figures(self):
		return {
			"schools": sum(row["type"].lower() == "school" for row in self.orgs.values()),
			"students": len(self.of_role("student")),
			"teachers": len(self.of_role("teacher")),
			"staff": len(self.of_role("administrator", "aide", "proctor")),
			"guardians": len(self.of_role("guardian", "parent", "relative")),
			"courses": self.courses,
			"classes": len(self.classes),
			"enrollments": len(self.enrollments),
		}

	def school_of(self, key):
		return key if key in self.orgs else ""

	def schools(self):
		"""Org, or "" for none of them -> students, classes, teachers, students without a class."""
		counts = {key: [0, 0, 0, 0] for key, row in self.orgs.items() if row["type"].lower() == "school"}

		def add(key, column):
			counts.setdefault(self.school_of(key), [0, 0, 0, 0])[column] += 1
		for key, row in self.users.items():
			for org in {self.school_of(org) for org in items(row["orgSourcedIds"]) or [""]}:
				if row["role"].lower() == "student":
					add(org, 0)
					if key not in self.placed:
						add(org, 3)
				if row["role"].lower() == "teacher":
					add(org, 2)
		for row in self.classes.values():
			add(row["schoolSourcedId"], 1)
		return counts

	def grades(self):
		counts = {}
		for row in self.of_role("student").values():
			found = set()
			for item in items(row["grades"]):
				code = {"k": "KG"}.get(item.lower(), item.zfill(2) if item.isdigit() and item.isascii() else item)
				found.add(next((grade for grade in GRADES if grade.lower() == code.lower()), "Other"))
			for grade in found or {"none"}:
				counts[grade] = counts.get(grade, 0) + 1
		return counts

	def roles(self):
		counts = {}
		for row in self.users.values():
			role = row["role"].lower()
			key = role if role in ROLES else "other" if role else "none"
			counts[key] = counts.get(key, 0) + 1
		return counts

	def by_class(self, role):
		counts = dict.fromkeys(self.classes, 0)
		for row in self.enrollments:
			if row["role"].lower() == role and row["classSourcedId"] in counts:
				counts[row["classSourcedId"]] += 1
		return list(counts.values())

	def sizes(self):
		counts = dict.fromkeys(SIZES, 0)
		for size in self.by_class("student"):
			counts[SIZES[min((size + 4) // 5, len(SIZES) - 1)]] += 1
		return counts

	def typical(self):
		"""Average in tenths, median, largest of the classes that have students."""
		sizes = [size for size in self.by_class("student") if size]
		if not sizes:
			return {"average": "0.0", "median": 0, "largest": 0}
		tenths = (sum(sizes) * 20 + len(sizes)) // (2 * len(sizes))
		return {"average": f"{tenths // 10}.{tenths % 10}", "median": statistics.median_low(sizes), "largest": max(sizes)}

	def teachers(self):
		counts = dict.fromkeys("0123", 0)
		for teachers in self.by_class("teacher"):
			counts[str(min(teachers, 3))] += 1
		return counts

	def watched(self):
		return {
			"idle-students": sum(key not in self.placed for key in self.of_role("student")),
			"idle-teachers": sum(key not in self.placed for key in self.of_role("teacher")),
			"no-students": self.by_class("student").count(0),
			"no-teacher": self.by_class("teacher").count(0),
			"large": sum(size > 40 for size in self.by_class("student")),
		}

	def terms(self):
		"""Title, type and dates -> sessions, classes, enrollments."""
		counts, loads = {}, {}
		for row in self.enrollments:
			loads[row["classSourcedId"]] = loads.get(row["classSourcedId"], 0) + 1
		name = {key: (row["title"], row["type"], row["startDate"], row["endDate"]) for key, row in self.sessions.items()}
		for key in name:
			counts.setdefault(name[key], [0, 0, 0])[0] += 1
		for key, row in self.classes.items():
			for term in set(items(row["termSourcedIds"])) & set(name):
				counts[name[term]][1] += 1
				counts[name[term]][2] += loads.get(key, 0)
		return counts

"""Bundles of a part of the district: what belongs into them is worked out here once more, from the bundle of
everything, and whether every reference resolves is for SQLite to say."""

import datetime
import json
import os
import sqlite3
import unittest

from harness import CLIENT_ID, CORE, EVERYTHING, SOURCE, Case, columns

COLLECTIONS = ",".join(EVERYTHING)


def load_schemas():
	folder = os.path.join(SOURCE, "schemas", "oneroster-1.1")
	schemas = {}
	for name in EVERYTHING:
		with open(os.path.join(folder, name + ".json"), encoding="utf-8") as f:
			schemas[name] = json.load(f)["columns"]
	return schemas


SCHEMAS = load_schemas()


def items(cell):
	return [item for item in cell.split(",") if item]


def tables_of(files):
	"""The rows of a bundle by table and id."""
	found = {name: {} for name in EVERYTHING}
	for file, data in files.items():
		if file != "manifest.csv":
			found[file.removesuffix(".csv")] = {row["sourcedId"]: row for row in columns(data)}
	return found


def unresolved(files):
	"""Table, column and number of the references that no row answers to, by SQLite."""
	base = sqlite3.connect(":memory:")
	base.execute("CREATE TABLE row (tab TEXT, id TEXT, PRIMARY KEY (tab, id))")
	base.execute("CREATE TABLE reference (tab TEXT, col TEXT, target TEXT, id TEXT)")
	for table, rows in tables_of(files).items():
		base.executemany("INSERT INTO row VALUES (?, ?)", [(table, key) for key in rows])
		for column in SCHEMAS[table]:
			if "ref" in column:
				base.executemany("INSERT INTO reference VALUES (?, ?, ?, ?)", [(table, column["name"], column["ref"], target)
					for row in rows.values() for target in items(row[column["name"]])])
	found = base.execute("SELECT r.tab, r.col, count(*) FROM reference r LEFT JOIN row t ON t.tab = r.target "
		"AND t.id = r.id WHERE t.id IS NULL GROUP BY r.tab, r.col").fetchall()
	judged = base.execute("SELECT count(*) FROM reference").fetchone()[0]
	base.close()
	return found, judged


class Part:
	"""What of the rows of everything belongs into a bundle, by sets."""

	def __init__(self, whole, schools=None, terms=None, roles=None, grades=None, enrolled_only="no", today=None):
		self.whole, self.schools, self.terms, self.roles, self.grades = whole, schools, terms, roles, grades
		self.enrolled_only, self.today = enrolled_only, today
		self.rows = {table: {key: dict(row) for key, row in rows.items()} for table, rows in whole.items()}
		self.family = self.below("orgs", self.named("orgs", "identifier", schools))
		self.sessions = self.find_sessions()
		self.find()
		self.close()

	def named(self, table, other, names):
		return {key for key, row in self.whole[table].items() if key in (names or ()) or row[other] in (names or ())}

	def parents(self, table):
		return {key: row["parentSourcedId"] for key, row in self.whole[table].items()}

	def below(self, table, ids):
		found, parents = set(ids), self.parents(table)
		while True:
			more = {key for key, parent in parents.items() if parent in found} - found
			if not more:
				return found
			found |= more

	def above(self, table, ids):
		found, parents = set(ids), self.parents(table)
		while True:
			more = {parents[key] for key in found if parents[key]} - found
			if not more:
				return found
			found |= more

	def find_sessions(self):
		rows = self.whole["academicSessions"]
		named = self.named("academicSessions", "title", self.terms)
		current = set()
		if "current" in (self.terms or ()):
			current = {key for key, row in rows.items() if row["startDate"] <= self.today < row["endDate"]}
		terms = {key for key in current if rows[key]["type"] != "gradingPeriod"}
		whole = {key for key in current if not (self.below("academicSessions", [key]) - {key}) & terms}
		return self.above("academicSessions", self.below("academicSessions", named | whole) | current)

	def find(self):
		rows = self.rows
		classes = {key: row for key, row in rows["classes"].items()
			if (not self.schools or row["schoolSourcedId"] in self.family)
			and (not self.terms or self.sessions & set(items(row["termSourcedIds"])))}
		fit = {key for key, row in rows["users"].items() if (not self.roles or row["role"] in self.roles)
			and (not self.grades or row["role"] != "student" or set(items(row["grades"])) & set(self.grades))}
		seats = {key: row for key, row in rows["enrollments"].items() if row["classSourcedId"] in classes
			and row["userSourcedId"] in fit and (not self.roles or row["role"] in self.roles)}
		places = {}
		for row in seats.values():
			places.setdefault(row["userSourcedId"], []).append(classes[row["classSourcedId"]]["schoolSourcedId"])
		enrolled = set(places)
		wanted = set(enrolled)
		if self.enrolled_only == "with-agents":
			students = {key for key in enrolled if rows["users"][key]["role"] == "student"}
			for key in sorted(fit):
				row = rows["users"][key]
				for other in set(items(row["agentSourcedIds"])) & fit:
					for agent, pupil in ((other, key), (key, other)):
						if pupil in students and (pupil == key or row["role"] != "student"):
							wanted.add(agent)
							if agent not in enrolled:
								places.setdefault(agent, []).append(min(places[pupil]))
		people = {key for key in fit if (not self.schools or key in wanted or self.family & set(items(
			rows["users"][key]["orgSourcedIds"]))) and (self.enrolled_only == "no" or key in wanted)}
		if self.schools:
			used = {row["courseSourcedId"] for row in classes.values()}
			rows["courses"] = {key: row for key, row in rows["courses"].items()
				if key in used or row["orgSourcedId"] in self.family}
			orgs = self.above("orgs", self.family | {rows["courses"][key]["orgSourcedId"] for key in used}
				| {row["schoolSourcedId"] for row in seats.values()})
			rows["orgs"] = {key: row for key, row in rows["orgs"].items() if key in orgs}
			for key in people:
				row = rows["users"][key]
				if not orgs & set(items(row["orgSourcedIds"])):
					row["orgSourcedIds"] = min(places[key])
		if self.terms:
			rows["academicSessions"] = {key: row for key, row in rows["academicSessions"].items() if key in self.sessions}
		rows["classes"], rows["enrollments"] = classes, seats
		rows["users"] = {key: row for key, row in rows["users"].items() if key in people}

	def close(self):
		"""What follows by references, over and over until nothing does."""
		changed = True
		while changed:
			changed = False
			for table, schema in SCHEMAS.items():
				for column in [c for c in schema if "ref" in c]:
					there = self.rows[column["ref"]]
					for key, row in list(self.rows[table].items()):
						left = [target for target in items(row[column["name"]]) if target in there]
						if left == items(row[column["name"]]):
							continue
						changed = True
						row[column["name"]] = ",".join(left)
						if column.get("required") and not left:
							if table in CORE and table != "enrollments":
								raise AssertionError(f"{table} {key} should have been left out by then")
							del self.rows[table][key]


class Filters(Case):
	def extract(self, bundles, *more, expect=0, collections=COLLECTIONS, top=""):
		"""One run with a bundle for each of the settings."""
		text = "".join(f"[bundle b{n}]\noutput = {self.out_folder}/b{n}.zip\n"
			+ "".join(f"{key} = {value}\n" for key, value in settings.items()) for n, settings in enumerate(bundles))
		path = self.write("run.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\nreport = {self.report}\n"
			f"collections = {collections}\n{top}{text}")
		run = self.program(["export", "--config", path, *more])
		self.assertEqual(run.code, expect, run.shown)
		return run

	def made(self, n):
		return self.bundle(f"{self.out_folder}/b{n}.zip")

	def assert_part(self, files, part, dropped=(), tables=EVERYTHING):
		found = tables_of(files)
		for table in tables:
			wanted = part.rows[table]
			for column in [c.partition(".")[2] for c in dropped if c.startswith(table + ".")]:
				wanted = {key: {**row, column: ""} for key, row in wanted.items()}
			self.assertEqual(sorted(found[table]), sorted(wanted), table)
			self.assertEqual(list(found[table]), sorted(found[table], key=str.encode), table)
			for key, row in wanted.items():
				self.assertEqual(found[table][key], row, f"{table} {key}")

	def assert_closed(self, files):
		wrong, judged = unresolved(files)
		self.assertEqual(wrong, [])
		return judged

	def assert_valid(self, count):
		run = self.program(["validate", *(f"{self.out_folder}/b{n}.zip" for n in range(count))])
		self.assertEqual(run.code, 0, run.shown)

	def assert_counted(self, run, n, whole_rows):
		"""Every row that was read is in the bundle or was left out for one reason."""
		bundle = run.report["bundles"][n]
		for f in bundle["files"]:
			out = sum(count for key, count in f.items() if key.startswith("left-out-"))
			self.assertEqual(f["rows"] + out, whole_rows[f["file"]], f)
		return {f["file"]: f for f in bundle["files"]}


class OneOfFifty(Filters):
	def check(self, schools, **scenario):
		self.serve({"schools": schools, "users": 900, "classes": 240, "courses": 40, "enrollments": 1500, "lineItems": 60,
			"results": 150}, **scenario)
		ids = sorted(row["sourcedId"] for row in columns(self.truth()["orgs.csv"]) if row["type"] == "school")
		run = self.extract([{"schools": key} for key in ids])
		whole = tables_of(self.truth(collections=EVERYTHING))
		seen, classes, judged = [], [], 0
		read = {c["name"] + ".csv": c["distinct"] for c in run.report["collections"]}
		for n, key in enumerate(ids):
			files = self.made(n)
			judged += self.assert_closed(files)
			self.assert_part(files, Part(whole, schools=[key]))
			seen += tables_of(files)["enrollments"]
			classes += tables_of(files)["classes"]
			counted = self.assert_counted(run, n, read)
			self.assertGreater(counted["users.csv"]["left-out-filtered"], 100)
			self.assertEqual(counted["enrollments.csv"]["rows"], len(tables_of(files)["enrollments"]))
		self.assertGreater(judged, 7000)
		self.assertEqual(sorted(seen), sorted(whole["enrollments"]))
		self.assertEqual(sorted(classes), sorted(whole["classes"]))
		self.assert_valid(len(ids))
		self.assertEqual(len(self.sis.log(kind="token")), 1)
		self.assertEqual(len(self.sis.pages("enrollments")), len({p["path"] for p in self.sis.pages("enrollments")}))
		return run

	def test_each_enrollment_is_in_one_bundle(self):
		run = self.check(50)
		self.assertEqual(run.warnings, [])
		total = sum(c["distinct"] for c in run.report["collections"])
		self.assertRegex(run.out.splitlines()[0], r"rows, \d{4} left out")
		self.assertGreater(total, 3000)

	def test_nasty(self):
		self.check(12, nasty=True, deleted=0.04)


def refer(target):
	return {"sourcedId": target}


def odd_records(today):
	"""A region with two schools whose people, courses and enrollments lie across; sessions around today."""
	def day(days):
		return (today + datetime.timedelta(days=days)).isoformat()

	def org(key, kind, parent):
		return {"sourcedId": key, "status": "active", "name": f"Sample {key}", "type": kind, "identifier": f"N-{key}",
			"parent": refer(parent) if parent else None}

	def session(key, kind, parent, begin, end):
		return {"sourcedId": key, "status": "active", "title": f"Title {key}", "type": kind, "startDate": day(begin),
			"endDate": day(end), "parent": refer(parent) if parent else None, "schoolYear": "2026"}

	def course(key, org_id):
		return {"sourcedId": key, "status": "active", "title": key, "org": refer(org_id)}

	def lesson(key, course_id, school, terms):
		return {"sourcedId": key, "status": "active", "title": key, "course": refer(course_id), "school": refer(school),
			"terms": [refer(term) for term in terms], "classType": "scheduled"}

	def user(key, role, orgs, agents=(), grades=()):
		return {"sourcedId": key, "status": "active", "enabledUser": "true", "username": key.lower(), "givenName": key,
			"familyName": "Sample", "role": role, "orgs": [refer(o) for o in orgs], "agents": [refer(a) for a in agents],
			"grades": list(grades)}

	def seat(key, class_id, school, user_id, role="student"):
		return {"sourcedId": key, "status": "active", "class": refer(class_id), "school": refer(school), "user": refer(user_id),
			"role": role}

	return {
		"orgs": [org("R1", "local", "0"), org("X1", "school", "R1"), org("X2", "school", "R1"), org("V", "department", None),
			org("W", "department", "V"), org("ODD", "school", "ODD")],
		"academicSessions": [session("NY", "schoolYear", None, -100, 100), session("NT", "term", "NY", -20, 20),
			session("NQ", "gradingPeriod", "NT", -20, 0), session("NP", "gradingPeriod", "NT", 0, 20),
			session("NL", "term", "NY", 30, 100), session("OLD", "schoolYear", None, -400, -200),
			session("OLDT", "term", "OLD", -400, -300)],
		"courses": [course("XC1", "X1"), course("XC2", "X2"), course("WC", "W"), course("OC", "ODD")],
		"classes": [lesson("XK1", "XC1", "X1", ["NT"]), lesson("XK2", "XC1", "X2", ["NY"]), lesson("XK3", "WC", "X2", ["NL"]),
			lesson("XK4", "WC", "X1", ["OLDT", "NL"]), lesson("OK", "OC", "ODD", ["OLDT"])],
		"users": [user("XT", "teacher", ["X1", "X2"]), user("XS1", "student", ["X1"], ["XP1", "XP2"], ["09"]),
			user("XS2", "student", ["994"], ["XP3"], ["10", "11"]), user("XS3", "student", ["V"], [], ["09"]),
			user("XS4", "student", ["X1", "X2"], ["XS1"], ["12"]), user("XP1", "parent", ["994"]), user("XP2", "guardian", ["X1"]),
			user("XP3", "relative", ["V"], ["XS2"]), user("XP4", "parent", ["0"], ["XS1", "XS3"]),
			user("XA", "administrator", ["0"]), user("OS", "student", ["994"], [], ["01"])],
		"enrollments": [seat("XE1", "XK1", "X1", "XS1"), seat("XE2", "XK2", "X2", "XS1"), seat("XE3", "XK3", "X2", "XS2"),
			seat("XE4", "XK1", "X2", "XS2"), seat("XE5", "XK4", "X1", "XS3"), seat("XE6", "XK1", "X1", "XT", "teacher"),
			seat("XE7", "XK2", "X2", "XT", "teacher"), seat("XE8", "XK3", "X2", "XS4", "proctor"), seat("OE", "OK", "ODD", "OS"),
			seat("XE9", "XK2", "V", "XS3")],
	}


class Odd(Filters):
	"""A district with every awkward value and everything that lies across its schools."""

	ALONE = [{"schools": "994"}, {"schools": "X1"}, {"schools": "N-X2"}, {"schools": "R1"}, {"schools": "0"}, {"schools": "ODD"},
		{"schools": "V"}, {"schools": "X2, 993"}, {"terms": "Fall"}, {"terms": "994_S, NT"}, {"terms": "current"},
		{"terms": "Title OLD, 993_Q1"}, {"roles": "student"}, {"roles": "teacher"}, {"roles": "student, parent, guardian"},
		{"grades": "09, KG"}, {"enrolled-only": "yes"}, {"enrolled-only": "with-agents"}]
	TOGETHER = [{"schools": "X1, X2", "enrolled-only": "with-agents"},
		{"schools": "X1, X2", "enrolled-only": "with-agents", "roles": "student, parent"},
		{"schools": "X2", "terms": "current"}, {"schools": "X2", "roles": "student, teacher", "enrolled-only": "yes"},
		{"terms": "993_S, 991_F", "grades": "11, 12", "enrolled-only": "yes"}, {"schools": "994", "terms": "Fall", "roles": "student"},
		{"schools": "R1", "grades": "09", "terms": "NY, Title NL", "enrolled-only": "with-agents"}]
	EMPTY = {"allow-empty": "orgs, academicSessions, courses, classes, users, enrollments"}

	def serve_odd(self, **scenario):
		self.today = datetime.datetime.now(datetime.timezone.utc).date()
		self.serve({"schools": 5, "users": 260, "classes": 45, "courses": 12, "enrollments": 500, "lineItems": 40,
			"results": 120, "resources": 6}, records=odd_records(self.today), **scenario)

	def part(self, run, whole, settings):
		listed = {key: [item.strip() for item in settings[key].split(",")] for key in ("schools", "terms", "roles", "grades")
			if key in settings}
		return Part(whole, **listed, enrolled_only=settings.get("enrolled-only", "no"), today=run.report["started"][:10])

	def check(self, bundles, **scenario):
		self.serve_odd(**scenario)
		run = self.extract([{**settings, **self.EMPTY} for settings in bundles])
		whole = tables_of(self.truth(collections=EVERYTHING))
		for n, settings in enumerate(bundles):
			with self.subTest(settings):
				self.assert_closed(self.made(n))
				self.assert_part(self.made(n), self.part(run, whole, settings))

	def test_alone(self):
		self.check(self.ALONE, nasty=True)

	def test_together(self):
		self.check(self.TOGETHER, nasty=True, deleted=0.05)

	def test_what_lies_across(self):
		"""Said once in plain words, beside all that is worked out."""
		self.serve_odd()
		run = self.extract([{"schools": "X1"}, {"schools": "X2", "enrolled-only": "with-agents"}])
		first, second = (tables_of(self.made(n)) for n in (0, 1))
		self.assertEqual(sorted(first["orgs"]), ["0", "R1", "V", "W", "X1", "X2"])
		self.assertEqual(sorted(first["courses"]), ["WC", "XC1"])
		self.assertEqual(sorted(first["classes"]), ["XK1", "XK4"])
		self.assertEqual(sorted(first["enrollments"]), ["XE1", "XE4", "XE5", "XE6"])
		self.assertEqual(sorted(first["users"]), ["XP2", "XS1", "XS2", "XS3", "XS4", "XT"])
		self.assertEqual(first["users"]["XS2"]["orgSourcedIds"], "X1")
		self.assertEqual(first["users"]["XS1"]["agentSourcedIds"], "XP2")
		self.assertEqual(sorted(second["users"]), ["XP1", "XP2", "XP3", "XP4", "XS1", "XS2", "XS3", "XS4", "XT"])
		self.assertEqual(second["users"]["XP1"]["orgSourcedIds"], "X2")
		findings = [(f["file"], f["column"], f["cells"], f["severity"]) for f in run.report["bundles"][0]["findings"]
			if f["rule"] == "list.school"]
		self.assertEqual(findings, [("users.csv", "orgSourcedIds", 1, "change")])
		self.assert_valid(2)


class Options(Filters):
	SIZE = {"users": 120, "enrollments": 240}

	def assert_refused(self, pattern, *settings, expect=3):
		return self.assert_fails(expect, pattern, *settings)

	def test_names_that_the_sis_does_not_have(self):
		self.serve(self.SIZE)
		self.assert_refused(r"\Aschools: the SIS has no org with the sourcedId, identifier or name 99x\. .*There are: .*994 \(",
			"--schools", "994,99x")
		self.assert_refused(r"Several are written with commas between", "--schools", "994 990")
		self.assert_refused(r"\Aterms: the SIS has no academicSession with the sourcedId or title fall", "--terms", "fall")
		self.assert_refused(r"\Agrades: no student of the SIS has the grade 99\. .*There are: .*09", "--grades", "09,99")

	def test_names_of_schools(self):
		"""As good as ids; one that two schools have is nobody's."""
		self.serve(self.SIZE)
		whole = tables_of(self.truth(collections=EVERYTHING))
		names = {row["name"]: key for key, row in whole["orgs"].items() if row["type"] == "school"}
		self.assertGreater(len(names), 1)
		first, last = list(names)[0], list(names)[-1]
		self.extract([{"schools": f"{last} ,{first}"}])
		self.assert_part(self.made(0), Part(whole, schools=[names[first], names[last]]))

	def test_two_schools_of_one_name(self):
		twins = [{"sourcedId": key, "name": "Sample Twin", "type": "school", "status": "active"} for key in ("T1", "T2")]
		self.serve(self.SIZE, records={"orgs": twins})
		self.assert_refused(r"\Aschools: several orgs have the name Sample Twin\. Give the one that is meant by its sourcedId\."
			r" There are: T1, T2", "--schools", "Sample Twin")

	def test_lists_that_say_nothing(self):
		"""Everybody would be published: nothing is even read."""
		self.serve(self.SIZE)
		for option in ("schools", "terms", "roles", "grades", "files", "drop-columns", "max-drop", "min-rows"):
			for value in ("", " , "):
				self.assert_refused(rf"command line: `{option}` has no value", f"--{option}", value, expect=2)
		self.assertEqual(self.sis.pages("users"), [])

	def test_nothing_is_current(self):
		old = {"title": "Old", "type": "term", "startDate": "2001-08-01", "endDate": "2002-06-01", "schoolYear": "2002",
			"sourcedId": "OLD", "status": "active"}
		self.serve({**self.SIZE, "schools": 1}, records={"academicSessions": [old]})
		today = datetime.datetime.now(datetime.timezone.utc).date()
		sessions = [r for r in columns(self.truth()["academicSessions.csv"]) if r["startDate"] <= str(today) < r["endDate"]]
		if sessions:
			run = self.export("--terms", "current")
			self.assertEqual(run.code, 0)
		else:
			self.assert_refused(r"\Aterms: no academicSession of the SIS is current", "--terms", "current")

	def test_today_is_a_local_day(self):
		"""Two zones in which it is never the same day: each has its own session, and its own date in names."""
		zones = {"WWW12": -12, "EEE-14": 14}

		def days():
			now = datetime.datetime.now(datetime.timezone.utc)
			return {zone: (now + datetime.timedelta(hours=hours)).date() for zone, hours in zones.items()}

		before = days()
		sessions = [{"sourcedId": zone, "title": zone, "type": "term", "status": "active", "schoolYear": "2026",
			"startDate": str(day), "endDate": str(day + datetime.timedelta(days=1))} for zone, day in before.items()]
		self.serve({**self.SIZE, "schools": 1}, records={"academicSessions": sessions})
		for zone in zones:
			for how in (["--time-zone", zone], {"TZ": zone}):
				options, env = (how, {}) if isinstance(how, list) else ([], how)
				run = self.program(self.arguments("--terms", "current", "--output", f"{self.out_folder}/s-%Y%m%d.zip",
					"--allow-empty", "classes,enrollments,courses", "--previous", "none", *options, output=False), env)
				if days() != before:
					return self.test_today_is_a_local_day()  # a day has ended meanwhile
				self.assertEqual(run.code, 0, run.shown)
				path = f"{self.out_folder}/s-{before[zone]:%Y%m%d}.zip"
				found = tables_of(self.bundle(path))["academicSessions"]
				self.assertIn(zone, found)
				self.assertNotIn((zones.keys() - {zone}).pop(), found)
				os.remove(path)
		self.assert_refused("`time-zone`: this machine knows no time zone `Nowhere/City`", "--time-zone", "Nowhere/City",
			expect=2)
		return None

	def test_an_org_marked_as_deleted(self):
		gone = {"sourcedId": "G", "name": "Gone", "type": "school", "status": "tobedeleted"}
		self.serve(self.SIZE, records={"orgs": [gone]})
		self.assert_refused("schools: the SIS marks the org G as deleted", "--schools", "G")

	def test_a_bundle_without_rows(self):
		self.serve(self.SIZE)
		run = self.assert_refused(r"\.csv would be empty", "--schools", "994", "--terms", "993_Y")
		self.assertRegex(run.error, r"The server sent \d+ rows, of which the filters of the bundle left out \d+")
		self.export("--schools", "994", "--terms", "993_Y", "--allow-empty", "courses,classes,enrollments", "--force-once")

	def test_tables_that_are_not_read(self):
		self.serve(self.SIZE)
		self.assert_refused("enrolled-only: enrollments would have to be read for this", "--collections", "orgs,users",
			"--enrolled-only", "yes", expect=2)

	def test_tables_that_are_read_but_not_in_the_bundle(self):
		self.serve(self.SIZE, deleted=0.05)
		whole = tables_of(self.truth(collections=EVERYTHING))
		self.extract([{"files": "orgs, users", "enrolled-only": "yes"}, {"files": "enrollments, users", "schools": "994"},
			{"files": "results", "terms": "994_F"}])
		self.assert_part(self.made(0), Part(whole, enrolled_only="yes"), tables=["orgs", "users"])
		self.assertEqual(sorted(self.made(0)), ["manifest.csv", "orgs.csv", "users.csv"])
		part = tables_of(self.made(1))
		wanted = Part(whole, schools=["994"]).rows
		self.assertLessEqual(set(wanted["enrollments"]), set(part["enrollments"]))
		self.assertLess(len(part["enrollments"]), len(whole["enrollments"]) / 2)
		for table in ("users", "enrollments"):
			self.assertFalse([key for key in part[table] if key in whole[table] and key not in wanted[table]], table)
		results = tables_of(self.made(2))["results"]
		self.assertFalse([key for key in results if key in whole["results"]
			and key not in Part(whole, terms=["994_F"]).rows["results"]])

	def test_columns_left_blank(self):
		self.serve(self.SIZE, nasty=True)
		dropped = ["users.email", "users.agentSourcedIds", "enrollments.beginDate", "demographics.birthDate"]
		run = self.extract([{"drop-columns": ", ".join(dropped)}, {"drop-columns": ", ".join(dropped), "schools": "994"}, {}])
		whole = tables_of(self.truth(collections=EVERYTHING))
		self.assert_part(self.made(0), Part(whole), dropped=dropped)
		self.assert_part(self.made(1), Part(whole, schools=["994"]), dropped=dropped)
		self.assert_part(self.made(2), Part(whole))
		self.assertEqual([b["dropped-columns"] for b in run.report["bundles"]], [dropped, dropped, []])
		self.assert_valid(3)
		refused = self.program(self.arguments("--drop-columns", "users.username"))
		self.assertEqual(refused.code, 2, refused.shown)

	def test_what_maps_made_of_values(self):
		self.serve(self.SIZE)
		roles = self.write("roles.csv", "from,to\nparent,guardian\n")
		grades = self.write("grades.csv", "from,to\n09,08\n")
		self.extract([{"map-roles": roles, "roles": "guardian, student", "map-grades": grades, "grades": "08"}])
		found = tables_of(self.made(0))["users"].values()
		whole = tables_of(self.truth())["users"].values()
		self.assertEqual(len([r for r in found if r["role"] == "guardian"]), len([r for r in whole if r["role"] == "parent"]))
		self.assertEqual(len([r for r in found if r["role"] == "student"]),
			len([r for r in whole if r["role"] == "student" and r["grades"] == "09"]))
		self.assertEqual({r["role"] for r in found}, {"guardian", "student"})

	def test_filled_values_count(self):
		"""The school of an enrollment that comes from its class, and only those of the bundle are counted."""
		self.serve(self.SIZE, blank={"enrollments.schoolSourcedId": 2})
		run = self.extract([{"schools": "994"}])
		self.assert_part(self.made(0), Part(tables_of(self.truth(collections=EVERYTHING)), schools=["994"]))
		filled = next(f["cells"] for f in run.report["bundles"][0]["findings"] if f["file"] == "enrollments.csv")
		self.assertLessEqual(filled, len(tables_of(self.made(0))["enrollments"]))

	def test_dangling_elsewhere(self):
		"""What dangles hinders only the bundle that it would be in."""
		stray = [{"sourcedId": f"stray-{key}", "status": "active", "class": refer("never"), "school": refer(key),
			"user": refer("STU_100001"), "role": "student"} for key in ("993", "0")]
		self.serve(self.SIZE, records={"enrollments": stray})
		self.extract([{"schools": "994"}, {"schools": "993", "dangling": "keep"}, {"schools": "993", "dangling": "drop"},
			{"schools": "993"}], expect=3)
		self.assertEqual([sum(key.startswith("stray") for key in tables_of(self.made(n))["enrollments"]) for n in range(3)],
			[0, 1, 0])
		self.assertFalse(os.path.exists(f"{self.out_folder}/b3.zip"))


if __name__ == "__main__":
	unittest.main()

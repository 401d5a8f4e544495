"""A small roster of which every row can be taken away, renamed or added between two exports, for the fake SIS."""

import copy

from served import Served, district, sis_module, state

# What the district of the fake SIS has at its smallest, beside the rows of the roster: 2 orgs, 7 academicSessions, one
# course, one class, a student with demographics, and a teacher.
DISTRICT = {"schools": 1, "users": 2, "courses": 1, "classes": 1, "enrollments": 0, "categories": 0, "lineItems": 0,
	"results": 0, "resources": 0, "with": "demographics,categories"}
SCHOOL, COURSE, CLASS = "994", "0634", "994_1001"


def refer(target):
	return {"sourcedId": target}


class Roster:
	"""120 users (100 of them students), 200 enrollments, 40 classes, 12 courses, 20 academicSessions, 2 orgs: with the
	rows of DISTRICT. The tables hold raw records by sourcedId."""

	def __init__(self):
		self.tables = {table: {} for table in ("academicSessions", "courses", "classes", "users", "enrollments", "categories",
			"demographics")}
		for n in range(13):
			self.add("academicSessions", f"T{n}", title=f"Term {n}", type="term", startDate="2025-08-11", endDate="2025-12-20",
				schoolYear="2026")
		for n in range(11):
			self.add("courses", f"C{n:02d}", title=f"Sample Course {n}", org=refer("0"))
		for n in range(39):
			self.add("classes", f"K{n:02d}", title=f"Sample Class {n}", course=refer(COURSE), classType="scheduled",
				school=refer(SCHOOL), terms=[refer("994_F")])
		for n in range(99):
			self.add_user(f"STU_{n:03d}", "student", n)
		for n in range(19):
			self.add_user(f"TCH_{n:03d}", "teacher", 500 + n)
		for n in range(200):
			user = n % 99
			self.add("enrollments", f"E{n:03d}", **{"class": refer(CLASS)}, school=refer(SCHOOL), user=refer(f"STU_{user:03d}"),
				role="student")

	def add(self, table, key, **values):
		self.tables[table][key] = {**values, "sourcedId": key, "status": "active",
			"dateLastModified": "2025-05-01T05:00:20.097Z"}

	def add_user(self, key, role, n):
		self.add("users", key, username=f"sampleuser{n}", enabledUser="true", givenName=f"Given{n}",
			familyName=f"Family{n}", role=role, identifier=f"77{n:05d}", email=f"m{n}@sample.example", orgs=[refer(SCHOOL)])

	def remove(self, table, count):
		"""Takes away the last rows of a table, and the enrollments of users that are taken away."""
		return self.remove_rows(table, sorted(self.tables[table])[len(self.tables[table]) - count:])

	def remove_students(self, count):
		students = sorted(key for key, row in self.tables["users"].items() if row["role"] == "student")
		return self.remove_rows("users", students[len(students) - count:])

	def remove_rows(self, table, keys):
		for key in keys:
			del self.tables[table][key]
		enrollments = self.tables["enrollments"]
		for key in [k for k, row in enrollments.items() if row["user"]["sourcedId"] not in self.tables["users"]]:
			del enrollments[key]
		return self

	def renumber(self, table, only=None):
		"""Gives the rows new ids, and changes nothing else; references follow."""
		old = dict(self.tables[table])
		self.tables[table].clear()
		for n, (key, row) in enumerate(old.items()):
			other = f"NEW-{key}" if only is None or n < only else key
			self.tables[table][other] = {**row, "sourcedId": other}
			for enrollment in self.tables["enrollments"].values() if other != key else ():
				if enrollment["user"]["sourcedId"] == key:
					enrollment["user"] = refer(other)
		return self

	def copy(self):
		return copy.deepcopy(self)

	def scenario(self):
		return {"district": DISTRICT, "login": "none",
			"records": {table: list(rows.values()) for table, rows in self.tables.items() if rows}}

	def truth(self, collections):
		"""The files of a good export."""
		return state(sis_module.complete_scenario(dict(sis_module.SCENARIO), self.scenario()), collections=collections)


class RosterServer(Served):
	"""Serves a roster; show() changes it between two exports, at the same address."""

	def __init__(self, roster):
		super().__init__(roster.scenario())

	def show(self, roster, **scenario):
		self.scenario = sis_module.complete_scenario(dict(sis_module.SCENARIO), {**roster.scenario(), **scenario})
		self.sis = self.server.sis = sis_module.Sis(district(self.scenario), self.scenario, self.stop)

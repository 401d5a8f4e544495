"""Small bundles for the tests of validate: one whole district that breaks no rule, changes to it, ways to pack it.

Rows are numbered as a spreadsheet shows them: the header is row 1. A change tells the place it has touched, which is
where a finding about it belongs.
"""

import io
import os
import struct
import subprocess
import warnings
import zipfile

HEADERS = {
	"academicSessions": "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
	"categories": "sourcedId,status,dateLastModified,title",
	"classes": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,"
		"schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
	"classResources": "sourcedId,status,dateLastModified,title,classSourcedId,resourceSourcedId",
	"courses": "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,"
		"subjectCodes",
	"courseResources": "sourcedId,status,dateLastModified,title,courseSourcedId,resourceSourcedId",
	"demographics": "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,"
		"blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,"
		"hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus",
	"enrollments": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
		"beginDate,endDate",
	"lineItems": "sourcedId,status,dateLastModified,title,description,assignDate,dueDate,classSourcedId,"
		"categorySourcedId,gradingPeriodSourcedId,resultValueMin,resultValueMax",
	"orgs": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
	"resources": "sourcedId,status,dateLastModified,vendorResourceId,title,roles,importance,vendorId,applicationId",
	"results": "sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,comment",
	"users": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
		"middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
}
TABLES = list(HEADERS)  # in the order of the manifest
CORE = ["academicSessions", "classes", "courses", "enrollments", "orgs", "users"]

REQUIRED = {  # beside the sourcedId; the standard's tables, bulk and delta
	"academicSessions": ["title", "type", "startDate", "endDate", "schoolYear"],
	"categories": ["title"],
	"classes": ["title", "courseSourcedId", "classType", "schoolSourcedId", "termSourcedIds"],
	"classResources": ["classSourcedId", "resourceSourcedId"],
	"courses": ["title", "orgSourcedId"],
	"courseResources": ["courseSourcedId", "resourceSourcedId"],
	"demographics": [],
	"enrollments": ["classSourcedId", "schoolSourcedId", "userSourcedId", "role"],
	"lineItems": ["title", "assignDate", "dueDate", "classSourcedId", "categorySourcedId", "gradingPeriodSourcedId",
		"resultValueMin", "resultValueMax"],
	"orgs": ["name", "type"],
	"resources": ["vendorResourceId"],
	"results": ["lineItemSourcedId", "studentSourcedId", "scoreStatus", "score", "scoreDate"],
	"users": ["enabledUser", "orgSourcedIds", "role", "username", "givenName", "familyName"],
}

REFERENCES = {  # column -> file
	"academicSessions": {"parentSourcedId": "academicSessions"},
	"classes": {"courseSourcedId": "courses", "schoolSourcedId": "orgs", "termSourcedIds": "academicSessions"},
	"classResources": {"classSourcedId": "classes", "resourceSourcedId": "resources"},
	"courses": {"schoolYearSourcedId": "academicSessions", "orgSourcedId": "orgs"},
	"courseResources": {"courseSourcedId": "courses", "resourceSourcedId": "resources"},
	"demographics": {"sourcedId": "users"},
	"enrollments": {"classSourcedId": "classes", "schoolSourcedId": "orgs", "userSourcedId": "users"},
	"lineItems": {"classSourcedId": "classes", "categorySourcedId": "categories",
		"gradingPeriodSourcedId": "academicSessions"},
	"orgs": {"parentSourcedId": "orgs"},
	"results": {"lineItemSourcedId": "lineItems", "studentSourcedId": "users"},
	"users": {"orgSourcedIds": "orgs", "agentSourcedIds": "users"},
}

ROLES = ["administrator", "aide", "guardian", "parent", "proctor", "relative", "student", "teacher"]
BOOLEANS = {"users": ["enabledUser"], "enrollments": ["primary"],
	"demographics": HEADERS["demographics"].split(",")[5:12]}
VOCABULARIES = {
	("academicSessions", "type"): ["gradingPeriod", "semester", "schoolYear", "term"],
	("classes", "classType"): ["homeroom", "scheduled"],
	("demographics", "sex"): ["male", "female"],
	("enrollments", "role"): ["administrator", "proctor", "student", "teacher"],
	("orgs", "type"): ["department", "school", "district", "local", "state", "national"],
	("resources", "importance"): ["primary", "secondary"],
	("resources", "roles"): ROLES,
	("results", "scoreStatus"): ["exempt", "fully graded", "not submitted", "partially graded", "submitted"],
	("users", "role"): ROLES,
}
GRADES = ["IT", "PR", "PK", "TK", "KG", *(f"{n:02}" for n in range(1, 14)), "PS", "UG", "Other"]

ROWS = {
	"orgs": [
		dict(sourcedId="org-valley", name="Sample Valley District", type="district", identifier="0600000"),
		dict(sourcedId="org-north", name="Sample North School", type="school", identifier="0600001",
			parentSourcedId="org-valley"),
		dict(sourcedId="org-south", name="Sample South School", type="school", identifier="0600002",
			parentSourcedId="org-valley"),
	],
	"academicSessions": [
		dict(sourcedId="year-2026", title="2025/26", type="schoolYear", startDate="2025-08-01", endDate="2026-07-01",
			schoolYear="2026"),
		dict(sourcedId="term-fall", title="Fall", type="semester", startDate="2025-08-01", endDate="2026-01-01",
			parentSourcedId="year-2026", schoolYear="2026"),
		dict(sourcedId="term-spring", title="Spring", type="term", startDate="2026-01-01", endDate="2026-07-01",
			parentSourcedId="year-2026", schoolYear="2026"),
		dict(sourcedId="period-1", title="First period", type="gradingPeriod", startDate="2025-08-01",
			endDate="2025-11-01", parentSourcedId="term-fall", schoolYear="2026"),
	],
	"courses": [
		dict(sourcedId="course-alg", schoolYearSourcedId="year-2026", title="Algebra", courseCode="MA1", grades="09,10",
			orgSourcedId="org-valley", subjects="Mathematics,Algebra", subjectCodes="02052,02056"),
		dict(sourcedId="course-home", title="Homeroom", orgSourcedId="org-south"),
	],
	"classes": [
		dict(sourcedId="class-alg-a", title="Algebra A", grades="09", courseSourcedId="course-alg", classCode="MA1-A",
			classType="scheduled", location="Room 1", schoolSourcedId="org-north",
			termSourcedIds="term-fall,term-spring", subjects="Mathematics", subjectCodes="02052", periods="1,3"),
		dict(sourcedId="class-home-b", title="Homeroom B", courseSourcedId="course-home", classType="homeroom",
			schoolSourcedId="org-south", termSourcedIds="term-fall"),
	],
	"users": [
		dict(sourcedId="user-tess", enabledUser="true", orgSourcedIds="org-north,org-south", role="teacher",
			username="tess.quillfeather", userIds="{LDAP:tquill},{LTI:4711}", givenName="Tess", familyName="Quillfeather",
			middleName="Ivy", identifier="T-0001", email="tess@north.example", sms="5550101", phone="5550102"),
		dict(sourcedId="user-theo", enabledUser="true", orgSourcedIds="org-south", role="teacher",
			username="theo.marblewick", givenName="Theo", familyName="Marblewick", email="theo@south.example"),
		dict(sourcedId="user-sol", enabledUser="true", orgSourcedIds="org-north", role="student", username="sol.lanternby",
			userIds="{LDAP:slantern}", givenName="Sol", familyName="Lanternby", identifier="0042",
			email="sol@north.example", agentSourcedIds="user-petra", grades="09"),
		dict(sourcedId="user-sky", enabledUser="true", orgSourcedIds="org-south", role="student", username="sky.dewhollow",
			givenName="Sky", familyName="Dewhollow", email="sky@south.example", grades="10"),
		dict(sourcedId="user-petra", enabledUser="true", orgSourcedIds="org-north", role="parent",
			username="petra.lanternby", givenName="Petra", familyName="Lanternby", email="petra@home.example",
			agentSourcedIds="user-sol"),
		dict(sourcedId="user-ada", enabledUser="true", orgSourcedIds="org-valley", role="administrator",
			username="ada.brassbell", givenName="Ada", familyName="Brassbell", email="ada@valley.example"),
	],
	"enrollments": [
		dict(sourcedId="enr-1", classSourcedId="class-alg-a", schoolSourcedId="org-north", userSourcedId="user-tess",
			role="teacher", primary="true", beginDate="2025-08-01", endDate="2026-07-01"),
		dict(sourcedId="enr-2", classSourcedId="class-alg-a", schoolSourcedId="org-north", userSourcedId="user-sol",
			role="student", primary="false", beginDate="2025-08-01", endDate="2026-07-01"),
		dict(sourcedId="enr-3", classSourcedId="class-home-b", schoolSourcedId="org-south", userSourcedId="user-theo",
			role="teacher", primary="true"),
		dict(sourcedId="enr-4", classSourcedId="class-home-b", schoolSourcedId="org-south", userSourcedId="user-sky",
			role="student", beginDate="2025-08-01"),
	],
	"demographics": [
		dict(sourcedId="user-sol", birthDate="2010-05-04", sex="female", americanIndianOrAlaskaNative="false", asian="true",
			blackOrAfricanAmerican="false", nativeHawaiianOrOtherPacificIslander="false", white="true",
			demographicRaceTwoOrMoreRaces="true", hispanicOrLatinoEthnicity="false", countryOfBirthCode="US",
			stateOfBirthAbbreviation="CA", cityOfBirth="Sampleton", publicSchoolResidenceStatus="01652"),
		dict(sourcedId="user-sky"),
	],
	"categories": [dict(sourcedId="cat-hw", title="Homework"), dict(sourcedId="cat-quiz", title="Quizzes")],
	"lineItems": [
		dict(sourcedId="item-1", title="Page 12", description="Problems 1 to 9, odd ones", assignDate="2025-09-01",
			dueDate="2025-09-08", classSourcedId="class-alg-a", categorySourcedId="cat-hw",
			gradingPeriodSourcedId="period-1", resultValueMin="0", resultValueMax="100"),
		dict(sourcedId="item-2", title="Quiz", assignDate="2025-09-02", dueDate="2025-09-02", classSourcedId="class-alg-a",
			categorySourcedId="cat-quiz", gradingPeriodSourcedId="period-1", resultValueMin="0.0", resultValueMax="10.5"),
	],
	"results": [
		dict(sourcedId="res-1", lineItemSourcedId="item-1", studentSourcedId="user-sol", scoreStatus="fully graded",
			score="87.5", scoreDate="2025-09-09", comment="Well done"),
		dict(sourcedId="res-2", lineItemSourcedId="item-2", studentSourcedId="user-sol", scoreStatus="exempt", score="0",
			scoreDate="2025-09-09"),
	],
	"resources": [
		dict(sourcedId="book-1", vendorResourceId="V-1", title="Sample Book", roles="student,teacher", importance="primary",
			vendorId="sample-press", applicationId="reader"),
		dict(sourcedId="book-2", vendorResourceId="V-2"),
	],
	"courseResources": [dict(sourcedId="link-1", title="Algebra", courseSourcedId="course-alg",
	resourceSourcedId="book-1")],
	"classResources": [dict(sourcedId="link-1", title="Algebra A", classSourcedId="class-alg-a",
	resourceSourcedId="book-2")],
}

MOMENT = "2026-01-05T08:00:00.000Z"


class Bundle:
	"""The files of a bundle before they are written. Changes work on rows, then on bytes, then on the zip."""

	def __init__(self, tables=None):
		names = tables or TABLES
		self.header = {name: HEADERS[name].split(",") for name in names}
		self.rows = {name: [self.cells(name, row) for row in ROWS[name]] for name in names}
		self.manifest = [["manifest.version", "1.0"], ["oneroster.version", "1.1"]]
		self.manifest += [["file." + name, "bulk" if name in names else "absent"] for name in TABLES]
		self.manifest += [["source.systemName", "Sample SIS"], ["source.systemCode", "sample-1"]]
		self.order = ["manifest.csv"] + [name + ".csv" for name in names]
		self.eol = "\r\n"
		self.on_bytes = []  # (file, function of its bytes)
		self.extra = {}  # entries beside the files
		self.write = None  # function of a path and the files, in place of the usual zip

	@staticmethod
	def cells(table, row):
		names = HEADERS[table].split(",")
		assert set(row) <= set(names), (table, row)
		return [row.get(name, "") for name in names]

	def place(self, table, row, column):
		return table + ".csv", column, [row]

	def files(self):
		"""The bytes of each file, in the order in which they are packed."""
		tables = {"manifest.csv": [["propertyName", "value"], *self.manifest]}
		tables.update({name + ".csv": [self.header[name], *rows] for name, rows in self.rows.items()})
		files = {}
		for name in self.order:
			text = "".join(",".join(quoted(cell) for cell in row) + self.eol for row in tables[name])
			files[name] = text.encode()
		for name, change in self.on_bytes:
			if name is None:
				files = change(files)
			else:
				files[name] = change(files[name])
		return {**files, **self.extra}

	def pack(self, path):
		"""Writes the zip, or whatever the case wants, to path."""
		(self.write or write_zip)(path, self.files())

	def unpack(self, path):
		"""Writes loose files to the folder path."""
		os.mkdir(path)
		for name, data in self.files().items():
			with open(os.path.join(path, name), "wb") as f:
				f.write(data)


def quoted(cell, needs='",\r\n'):
	return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in needs) or cell != cell.strip(" ") else cell


# Changes: each is a function of a bundle that gives the place it touched: file, column, rows.


def put(table, row, column, value):
	"""Another value in one cell."""
	def change(bundle):
		bundle.rows[table][row - 2][bundle.header[table].index(column)] = value
		return bundle.place(table, row, column)
	change.value = value
	return change


def add(table, **cells):
	"""One more row at the end."""
	def change(bundle):
		bundle.rows[table].append(Bundle.cells(table, cells))
		return bundle.place(table, len(bundle.rows[table]) + 1, None)
	return change


def copied(table, row, **cells):
	"""One more row at the end: a copy of another, but for these cells."""
	def change(bundle):
		cell = dict(zip(HEADERS[table].split(","), bundle.rows[table][row - 2]))
		return add(table, **{**cell, **cells})(bundle)
	return change


def reorder(table, order):
	"""The rows in another order, told by their numbers."""
	def change(bundle):
		bundle.rows[table] = [bundle.rows[table][row - 2] for row in order]
		return table + ".csv", None, []
	return change


def empty(table):
	"""The header alone."""
	def change(bundle):
		bundle.rows[table] = []
		return table + ".csv", None, []
	return change


def without(*tables):
	"""Files left out, and said to be."""
	def change(bundle):
		for table in tables:
			bundle.order.remove(table + ".csv")
			del bundle.rows[table]
			prop("file." + table, "absent")(bundle)
		return tables[0] + ".csv", None, []
	return change


def lost(table):
	"""A file left out that the manifest still announces."""
	def change(bundle):
		bundle.order.remove(table + ".csv")
		del bundle.rows[table]
		return table + ".csv", None, []
	return change


def prop(name, value):
	"""Another value of a property."""
	def change(bundle):
		for n, row in enumerate(bundle.manifest):
			if row[0] == name:
				row[1] = value
				return "manifest.csv", None, [n + 2]
		raise KeyError(name)
	return change


def properties(change_list):
	"""The list of properties changed by a function."""
	def change(bundle):
		bundle.manifest = change_list(bundle.manifest)
		return "manifest.csv", None, [len(bundle.manifest) + 1]
	return change


def columns(table, names, cells=None):
	"""Another header; values follow their column, those of new ones come from cells, by name, one for each row."""
	def change(bundle):
		old = bundle.header[table]
		bundle.rows[table] = [[row[old.index(name)] if name in old else (cells or {}).get(name, [""] * 99)[n]
			for name in names] for n, row in enumerate(bundle.rows[table])]
		bundle.header[table] = list(names)
		return table + ".csv", None, [1]
	return change


def renamed(table, old, new):
	"""One column under another name."""
	def change(bundle):
		bundle.header[table][bundle.header[table].index(old)] = new
		return table + ".csv", old, [1]
	return change


def delta(*tables):
	"""These files as a delta: status and moment in every row."""
	def change(bundle):
		for table in tables:
			prop("file." + table, "delta")(bundle)
			for row in bundle.rows[table]:
				row[1:3] = ["active", MOMENT]
		return tables[0] + ".csv", None, []
	return change


def replace(name, old, new, row=None, column=None):
	"""Other bytes in a written file; what is replaced must be there exactly once."""
	def swap(data):
		assert data.count(old) == 1, (name, old, data.count(old))
		return data.replace(old, new)
	return rewrite(name, swap, row, column)


def rewrite(name, function, row=None, column=None):
	"""A written file made anew from its bytes."""
	def change(bundle):
		bundle.on_bytes.append((name, function))
		return name, column, [row] if row else []
	return change


def line_ends(eol):
	def change(bundle):
		bundle.eol = eol
		return None, None, []
	return change


def packed(write):
	"""The zip written by a function of path and files."""
	def change(bundle):
		bundle.write = write
		return None, None, []
	return change


def order(function):
	"""The entries in another order."""
	def change(bundle):
		bundle.order = function(bundle.order)
		return None, None, []
	return change


def entry(name, data=b"Thank you.\r\n"):
	"""One more entry in the zip."""
	def change(bundle):
		bundle.extra[name] = data
		return name, None, []
	return change


def all_of(*changes):
	def change(bundle):
		places = [one(bundle) for one in changes]
		return places[-1]
	return change


# Zips


def write_zip(path, files, method=zipfile.ZIP_DEFLATED, methods=None, more=None):
	"""A plain zip; methods by name, and a function that may add to it before it is closed."""
	with zipfile.ZipFile(path, "w") as z:
		for name, data in files.items():
			info = zipfile.ZipInfo(name, (2026, 1, 5, 8, 0, 0))
			info.external_attr = 0o100644 << 16
			z.writestr(info, data, (methods or {}).get(name, method))
		if more:
			with warnings.catch_warnings():
				warnings.simplefilter("ignore")  # names that are there already are wanted
				more(z)


def packer(**how):
	"""The change that packs with write_zip and these arguments."""
	return packed(lambda path, files: write_zip(path, files, **how))


class Pipe(io.RawIOBase):
	"""A file that cannot seek, as a pipe: zips written to it put sizes and checksum behind the data."""

	def __init__(self, file):
		super().__init__()
		self.file = file

	def writable(self):
		return True

	def write(self, data):
		return self.file.write(data)


def write_streamed(path, files):
	with open(path, "wb") as f, zipfile.ZipFile(Pipe(f), "w") as z:
		for name, data in files.items():
			z.writestr(name, data, zipfile.ZIP_DEFLATED)
			assert z.getinfo(name).flag_bits & 8


def write_zip64_entry(name):
	"""A zip in which one entry has the Zip64 form, as programs write it that do not know sizes before."""
	def write(path, files):
		with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
			for each, data in files.items():
				with z.open(each, "w", force_zip64=each == name) as f:
					f.write(data)
	return write


def write_zip64_end(path, files):
	"""A zip whose directory ends in the Zip64 form, though it is small."""
	write_zip(path, files)
	with open(path, "rb") as f:
		data = f.read()
	at = data.rindex(b"PK\5\6")
	count, size, start = struct.unpack_from("<HLL", data, at + 10)
	record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
	locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
	end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
	with open(path, "wb") as f:
		f.write(data[:at] + record + locator + end)


def write_encrypted(*names, arguments=()):
	"""A zip in which these files need a password, made by 7-Zip."""
	def write(path, files):
		folder = path + ".parts"
		os.mkdir(folder)
		for name, data in files.items():
			with open(os.path.join(folder, name), "wb") as f:
				f.write(data)
		for chosen, password in ((sorted(set(files) - set(names)), []), (list(names), ["-psample", *arguments])):
			if chosen:
				subprocess.run(["7z", "a", "-bd", "-tzip", *password, os.path.abspath(path), *chosen], cwd=folder,
					stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
	return write


def header_places(data):
	"""Where the local and the central header of each entry begin: name -> (local, central)."""
	places = {}
	at = struct.unpack_from("<L", data, data.rindex(b"PK\5\6") + 16)[0]
	while data[at:at + 4] == b"PK\1\2":
		name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
		local = struct.unpack_from("<L", data, at + 42)[0]
		places[data[at + 46:at + 46 + name].decode()] = local, at
		at += 46 + name + extra + comment
	return places


def tampered(name, function, **how):
	"""The usual zip, then a function of its bytes (a bytearray), the local and the central header of one entry."""
	def write(path, files):
		write_zip(path, files, **how)
		with open(path, "rb") as f:
			data = bytearray(f.read())
		function(data, *header_places(bytes(data))[name])
		with open(path, "wb") as f:
			f.write(data)

	def change(bundle):
		bundle.write = write
		return name, None, []
	return change


def data_at(data, local):
	"""Where the data of an entry begin."""
	name, extra = struct.unpack_from("<HH", data, local + 26)
	return local + 30 + name + extra


def fresh(base):
	return Bundle(None if base == "full" else CORE)



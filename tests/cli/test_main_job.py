"""The main job from login to zip: the bundle equals the truth, the same bytes whatever the circumstances, and everybody
can read it."""

import contextlib
import os
import re
import shutil
import struct
import subprocess
import unittest
import zipfile

from harness import CORE, EVERYTHING, SECRET, Case, columns, need, rows

# The standard's header lines, written by hand and not taken from schemas/.
HEADERS = {
	"manifest.csv": "propertyName,value",
	"academicSessions.csv": "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
	"categories.csv": "sourcedId,status,dateLastModified,title",
	"classes.csv": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,"
		"schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
	"classResources.csv": "sourcedId,status,dateLastModified,title,classSourcedId,resourceSourcedId",
	"courses.csv": "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,"
		"subjects,subjectCodes",
	"courseResources.csv": "sourcedId,status,dateLastModified,title,courseSourcedId,resourceSourcedId",
	"demographics.csv": "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,"
		"blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,"
		"hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,"
		"publicSchoolResidenceStatus",
	"enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
		"beginDate,endDate",
	"lineItems.csv": "sourcedId,status,dateLastModified,title,description,assignDate,dueDate,classSourcedId,"
		"categorySourcedId,gradingPeriodSourcedId,resultValueMin,resultValueMax",
	"orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
	"resources.csv": "sourcedId,status,dateLastModified,vendorResourceId,title,roles,importance,vendorId,applicationId",
	"results.csv": "sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,"
		"comment",
	"users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,"
		"familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
}
ALL_COLLECTIONS = "--collections=" + ",".join(EVERYTHING)


class Plain(Case):
	"""One small district."""

	def test_url_id_and_secret_are_enough(self):
		self.serve()
		run = self.export_truth()
		self.assertEqual(run.err, "")
		self.assertRegex(run.out, r"\Apublished \S+OneRoster\.zip: 7 files, 225 rows, 0 left out, 0 warnings, "
			r"\d+\.\d s \(the first bundle: nothing to compare it with\)\n\Z")
		self.assertEqual(run.report["error"], None)
		self.assertEqual([c["complete"] for c in run.report["collections"]], [True] * 6)

	def test_collections_are_read_in_the_order_that_keeps_references_whole(self):
		self.serve()
		self.export("--parallel", 1)  # with more, the first page of the next collection may overtake
		log = sorted(self.sis.log(kind="data"), key=lambda e: e["t"])
		asked = [e["path"].partition("?")[0].rsplit("/", 1)[1] for e in log]
		self.assertEqual(list(dict.fromkeys(asked)), CORE)

	def test_quiet_says_nothing(self):
		self.serve(nasty=True)
		run = self.export("--quiet")
		self.assertEqual((run.out, run.err), ("", ""))
		self.assert_clean()

	def test_second_run_gives_the_same_bytes(self):
		self.serve()
		self.export()
		first = self.mark(self.zip)
		self.export()
		self.assertEqual(self.mark(self.zip)[3], first[3])
		self.assert_truth()

	def test_all_thirteen_tables(self):
		self.serve()
		run = self.export(ALL_COLLECTIONS)
		self.assert_truth(collections=EVERYTHING)
		self.assertEqual(len(self.bundle()), 14)
		self.assertEqual(len(run.report["collections"]), 13)

	def test_tables_made_from_others_do_not_need_those_in_the_bundle(self):
		self.serve()
		collections = ["orgs", "academicSessions", "courses", "classes", "resources", "classResources"]
		self.export("--collections", ",".join(collections))
		self.assert_truth(collections=collections)

	def test_demographics_only_when_asked_for(self):
		self.serve()
		self.export("--collections", "core,demographics")
		self.assert_truth(collections=CORE + ["demographics"])
		scope = self.program(self.arguments("--verbose"))
		self.assertNotIn("demographics", scope.report["source"]["scopes"])

	def test_modes_of_files(self):
		self.serve()
		os.umask(0)
		self.addCleanup(os.umask, 0o022)
		self.export()
		for path, mode in ((self.zip, 0o600), (self.report, 0o600), (self.state, 0o700), (self.state + "/lock", 0o600)):
			self.assertEqual(os.stat(path).st_mode & 0o777, mode, path)

	def test_data_address_pasted_whole(self):
		self.serve()
		self.url += "/ims/oneroster/v1p1/"
		self.export_truth()

	def test_login_page_pasted(self):
		self.serve()
		self.url += "/LoginParent.aspx"
		run = self.export_truth()
		self.assertRegex(run.err, r"\A[^\n]*web page[^\n]*/aeries\n\Z")

	def test_data_address_of_another_version(self):
		self.serve(base="/site", data_path="/learningdata/v1", login="none")
		self.url += "/learningdata/v1"
		self.export("--auth", "none", login=False)
		self.assert_truth()

	def test_https_with_an_authority_of_its_own(self):
		self.serve(tls=True, login="aeries-v1")
		self.export_truth("--ca-file", self.sis.ca_file, "--auth", "aeries-v1")

	def test_every_request_asks_for_json_compressed_and_sorted(self):
		self.serve(gzip=True)
		self.export_truth()
		for entry in self.sis.log(kind="data"):
			self.assertIn("gzip", entry["encoding"])
			self.assertIn("sort=sourcedId", entry["path"])
			self.assertRegex(entry["agent"], r"^rosterzip/\d")

	def test_parallel_pages_come_out_in_order(self):
		self.serve({"users": 400, "enrollments": 900, "classes": 30}, cap=20, latency=0.02)
		self.export_truth("--parallel", 8)
		most = max(e["inflight"] for e in self.sis.log(kind="data"))
		self.assertLessEqual(most, 8)
		self.assertGreater(most, 2)

	def test_parallel_is_a_limit(self):
		self.serve({"users": 200}, cap=10, latency=0.01)
		self.export_truth("--parallel", 1)
		self.assertEqual(max(e["inflight"] for e in self.sis.log()), 1)

	def test_deleted_rows_and_what_hangs_on_them_are_left_out(self):
		self.serve({"users": 300, "enrollments": 600, "classes": 40, "courses": 30}, deleted=0.1)
		run = self.export(ALL_COLLECTIONS)
		self.assert_truth(collections=EVERYTHING)
		files = {f["file"]: f for f in run.report["bundles"][0]["files"]}
		left_out = sum(f["left-out-deleted"] for f in files.values())
		hanging = sum(f["left-out-hanging"] for f in files.values())
		self.assertGreater(left_out, 30)
		self.assertGreater(hanging, 30)
		served = {c["name"]: c["distinct"] for c in run.report["collections"]}
		for name in EVERYTHING:
			f = files[name + ".csv"]
			self.assertEqual(f["rows"] + f["left-out-deleted"] + f["left-out-hanging"] + f["left-out-dangling"],
				served[name], name)


class Aeries(Case):
	"""The documented flow of Aeries: authorize, token, refresh, cookies on every call."""

	def test_short_tokens_single_use_refreshes_and_cookies(self):
		self.serve({"users": 120, "enrollments": 240}, login="aeries-v1", cookies=True, token_lifetime=2, expires_in=2,
			cap=12, total=False, link=False, latency=0.12)
		process = self.start("--auth", "aeries-v1", "--verbose")
		self.until("data requests", lambda: os.path.exists(self.sis.log_file) and len(self.sis.log(kind="data")) > 3,
			process=process)
		seen = 0
		while process.poll() is None:
			for name in ("cmdline", "environ"):
				# who is not root must not see the variables at all
				with contextlib.suppress(ProcessLookupError, PermissionError), \
						open(f"/proc/{process.pid}/{name}", "rb") as f:
					self.assertNotIn(SECRET.encode(), f.read())
			self.assert_no_secret_below(self.state)
			seen += 1
		self.assertGreater(seen, 10)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth()
		self.assert_no_secret_below(self.folder, but={self.secret_file, self.sis.scenario_file})
		self.assertEqual([e["status"] for e in self.sis.log(kind="authorize")], [200])
		self.assertEqual([e["status"] for e in self.sis.log(kind="token")], [200])
		refreshes = [e["status"] for e in self.sis.log(kind="refresh")]
		self.assertGreater(len(refreshes), 2)
		self.assertEqual(set(refreshes), {200}, "a refresh token was spent twice")
		self.assertEqual([e["kind"] for e in self.sis.log(cookie=False)], ["authorize"])

	def assert_no_secret_below(self, folder, but=()):
		for place, _, names in os.walk(folder):
			for name in names:
				path = os.path.join(place, name)
				if path in but:
					continue
				try:
					with open(path, "rb") as f:
						data = f.read()
				except FileNotFoundError:
					continue  # working files come and go
				self.assertNotIn(SECRET.encode(), data, path)

	def test_secret_of_the_environment_is_wiped_there(self):
		self.serve({"users": 120}, cap=12, latency=0.05, total=False)
		process = self.start("--client-id", "1d" * 32, login=False, env={"ROSTERZIP_CLIENT_SECRET": SECRET})
		self.until("data requests", lambda: os.path.exists(self.sis.log_file) and self.sis.log(kind="data"),
			process=process)
		if os.getuid() == 0:  # nobody else may read them
			with open(f"/proc/{process.pid}/environ", "rb") as f:
				environment = f.read()
			self.assertIn(b"HOME=", environment)
			self.assertNotIn(SECRET.encode(), environment)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth()

	def test_token_that_dies_before_its_time_is_refreshed_once(self):
		self.serve({"users": 120, "enrollments": 240}, login="aeries-v1", token_lifetime=1, expires_in=3600, cap=12,
			total=False, latency=0.1)
		self.export_truth("--auth", "aeries-v1", "--parallel", 1)
		refused = self.sis.log(kind="data", status=401)
		refreshes = self.sis.log(kind="refresh")
		self.assertGreater(len(refreshes), 1)
		self.assertEqual({e["status"] for e in refreshes}, {200})
		self.assertEqual(len(refused), len(refreshes))

	def test_parallel_requests_spend_a_refresh_token_once(self):
		self.serve({"users": 400, "enrollments": 900, "classes": 30}, login="aeries-v1", token_lifetime=1,
			expires_in=3600, cap=12, latency=0.1)
		self.export_truth("--auth", "aeries-v1", "--parallel", 8)
		refreshes = self.sis.log(kind="refresh")
		self.assertGreater(len(refreshes), 0)
		self.assertEqual({e["status"] for e in refreshes}, {200})
		self.assertEqual(len(self.sis.log(kind="authorize")), 1)


class District(Case):
	"""5,000 users and 40,000 enrollments, pages capped at 100, neither total nor Link, in a shuffled order."""

	SIZE = {"users": 5000, "enrollments": 40000, "classes": 1500, "courses": 150, "schools": 8}

	def locale(self):
		"""tr_TR.UTF-8 made here, where I and i are not the same letter; only named where it cannot be made."""
		env = {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}
		if shutil.which("localedef") and os.path.exists("/usr/share/i18n/locales/tr_TR"):
			folder = self.path("locales")
			os.mkdir(folder)
			subprocess.run(["localedef", "-i", "tr_TR", "-f", "UTF-8", os.path.join(folder, "tr_TR.UTF-8")], check=False,
				stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
			if os.path.isdir(os.path.join(folder, "tr_TR.UTF-8")):
				env["LOCPATH"] = folder
				# a library under libcurl opens a locale of its own, and glibc does not give back the search path of that
				env["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=0"
		return env

	def test_the_same_zip_whatever_the_circumstances(self):
		self.serve(self.SIZE, cap=100, total=False, link=False, order="shuffled", sort_supported=False)
		there = os.path.exists("/usr/share/zoneinfo/America/New_York")
		new_york = "America/New_York" if there else "EST5EDT,M3.2.0,M11.1.0"
		turkish = self.locale()
		names = []
		for size, env in ((1000, {"TZ": "UTC", "LANG": "C"}), (73, {"TZ": new_york, **turkish}),
				(5000, {"TZ": "UTC", **turkish}), (5000, {"TZ": new_york, "LANG": "C", "LC_ALL": "C"})):
			path = os.path.join(self.out_folder, f"{len(names)}.zip")
			names.append(os.path.basename(path))
			run = self.export("--page-size", size, "--output", path, env=env)
			self.assertEqual({c["name"]: c["rows"] for c in run.report["collections"]}["enrollments"], 40000)
			self.assertEqual([c["readings"] for c in run.report["collections"]], [1] * 6)
			largest = max(e["rows"] for e in self.sis.log(kind="data"))
			self.assertLessEqual(largest, 100)
		first = self.mark(os.path.join(self.out_folder, "0.zip"))[3]
		for name in names[1:]:
			self.assertEqual(self.mark(os.path.join(self.out_folder, name))[3] == first, True, name)
		self.assert_files(self.bundle(os.path.join(self.out_folder, "0.zip")), self.truth())
		self.assert_clean(names)


class Receivers(Case):
	"""Whoever gets the bundle can read it. The district is the awkward one."""

	def setUp(self):
		super().setUp()
		self.serve({"users": 200, "enrollments": 400, "classes": 30}, nasty=True)
		self.export(ALL_COLLECTIONS, "--source-name", 'Sample "SIS", main', "--source-code", "7")
		self.files = self.bundle()

	def test_truth(self):
		self.assert_truth("--source-name", 'Sample "SIS", main', "--source-code", "7", collections=EVERYTHING)

	def test_headers_are_the_standard(self):
		self.assertEqual(sorted(self.files), sorted(HEADERS))
		for name, header in HEADERS.items():
			self.assertEqual(self.files[name].split(b"\r\n")[0].decode(), header, name)

	def test_manifest_is_true(self):
		table = rows(self.files["manifest.csv"])
		self.assertEqual(table[0], ["propertyName", "value"])
		self.assertEqual(table[1:3], [["manifest.version", "1.0"], ["oneroster.version", "1.1"]])
		said = dict(table[3:])
		for name in HEADERS:
			if name != "manifest.csv":
				self.assertEqual(said.pop("file." + name[:-4]), "bulk", name)
		self.assertEqual(said, {"source.systemName": 'Sample "SIS", main', "source.systemCode": "7"})

	def test_strict_csv_without_surprises(self):
		for name, data in self.files.items():
			self.assertFalse(data.startswith(b"\xef\xbb\xbf"), name)
			self.assertTrue(data.endswith(b"\r\n"), name)
			self.assertNotIn(b"\0", data)
			self.assertEqual(re.findall(rb"(?<!\r)\n|\r(?!\n)", data), [], name)
			table = rows(data)
			self.assertEqual(len(table), data.count(b"\r\n"), f"{name}: a line break in a value")
			self.assertEqual({len(row) for row in table}, {len(table[0])}, name)
			for row in table:
				for cell in row:
					self.assertNotRegex(cell, "[\x00-\x1f\x7f\x85\u2028\u2029\ufeff]", name)
					self.assertFalse(cell != "" and cell.isspace(), name)
			if name != "manifest.csv":
				ids = [row[0].encode() for row in table[1:]]
				self.assertEqual(ids, sorted(set(ids)), f"{name}: order of sourcedId")
				self.assertEqual({(row[1], row[2]) for row in table[1:]}, {("", "")}, name)

	def test_references_resolve(self):
		ids = {name: {row["sourcedId"] for row in columns(data)} for name, data in self.files.items()
			if name != "manifest.csv"}
		for name, column, target in (
				("enrollments", "classSourcedId", "classes"), ("enrollments", "userSourcedId", "users"),
				("enrollments", "schoolSourcedId", "orgs"), ("classes", "courseSourcedId", "courses"),
				("classes", "schoolSourcedId", "orgs"), ("courses", "orgSourcedId", "orgs"),
				("demographics", "sourcedId", "users"), ("results", "lineItemSourcedId", "lineItems"),
				("results", "studentSourcedId", "users"), ("lineItems", "classSourcedId", "classes"),
				("lineItems", "categorySourcedId", "categories"), ("classResources", "classSourcedId", "classes"),
				("classResources", "resourceSourcedId", "resources"),
				("courseResources", "courseSourcedId", "courses")):
			for row in columns(self.files[name + ".csv"]):
				self.assertIn(row[column], ids[target + ".csv"], f"{name}.{column}")
		for name, column, target in (("users", "orgSourcedIds", "orgs"), ("users", "agentSourcedIds", "users"),
				("classes", "termSourcedIds", "academicSessions")):
			for row in columns(self.files[name + ".csv"]):
				for one in filter(None, row[column].split(",")):
					self.assertIn(one, ids[target + ".csv"], f"{name}.{column}")

	def test_7z_and_unzip(self):
		for command in ([need("7z"), "t", self.zip], [need("unzip"), "-tq", self.zip]):
			done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
			self.assertEqual(done.returncode, 0, done.stdout.decode(errors="replace"))
			self.assertNotRegex(done.stdout.decode(errors="replace"), "(?i)warning|error[^s]|extra")

	def test_sqlite_imports_every_file(self):
		sqlite = need("sqlite3")
		folder = self.path("csv")
		os.mkdir(folder)
		with zipfile.ZipFile(self.zip) as z:
			z.extractall(folder)
		for name, data in self.files.items():
			script = f'.mode csv\n.import "{folder}/{name}" t\nselect count(*) from t;\n' \
				"select count(*) from pragma_table_info('t');\n"
			done = subprocess.run([sqlite, "-bail", ":memory:"], input=script.encode(), stdout=subprocess.PIPE,
				stderr=subprocess.PIPE, timeout=60, check=False)
			self.assertEqual((done.returncode, done.stderr), (0, b""), name)
			table = rows(data)
			self.assertEqual(done.stdout.split(), [b"%d" % (len(table) - 1), b"%d" % len(table[0])], name)

	def test_structure_of_the_zip(self):
		with open(self.zip, "rb") as f:
			data = f.read()
		end = len(data) - 22
		signature, disk, start_disk, here, entries, size, start, comment = struct.unpack("<4s4H2IH", data[end:])
		self.assertEqual((signature, disk, start_disk, comment), (b"PK\5\6", 0, 0, 0))
		self.assertEqual((here, entries), (len(HEADERS), len(HEADERS)))
		self.assertEqual(start + size, end, "something stands between the directory and the end record: Zip64?")
		names, at, place = [], start, 0
		for _ in range(entries):
			(signature, made, needs, flags, method, clock, day, crc, packed, plain, name_length, extra, note, disk, inside,
				outside, offset) = struct.unpack("<4s6H3I5H2I", data[at:at + 46])
			name = data[at + 46:at + 46 + name_length].decode("ascii")
			self.assertEqual(signature, b"PK\1\2")
			self.assertEqual((extra, note, disk), (0, 0, 0), name)
			self.assertEqual(made >> 8, 3, "made by Unix, so that the mode counts")
			self.assertLessEqual(needs, 20, name)
			self.assertEqual(flags & ~0x806, 0, f"{name}: encrypted, or with a data descriptor")
			self.assertEqual((method, clock, day), (8, 0, 0x21), name)
			self.assertEqual(outside >> 16, 0o100644, name)
			self.assertEqual(offset, place, f"{name}: a gap")
			local = struct.unpack("<4s5H3I2H", data[offset:offset + 30])
			self.assertEqual(local, (b"PK\3\4", needs, flags, method, clock, day, crc, packed, plain, name_length, 0), name)
			self.assertEqual(data[offset + 30:offset + 30 + name_length].decode("ascii"), name)
			self.assertEqual(plain, len(self.files[name]))
			place = offset + 30 + name_length + packed
			at += 46 + name_length
			names.append(name)
		self.assertEqual(place, start, "something stands behind the last entry")
		self.assertEqual(at, end)
		self.assertEqual(names, ["manifest.csv"] + sorted(set(HEADERS) - {"manifest.csv"}))


if __name__ == "__main__":
	unittest.main()

"""Values that a receiver spells differently: map, map-grades, map-roles."""

import os
import unittest

from harness import CLIENT_ID, CORE, Case, columns

SIZE = {"users": 60, "enrollments": 120}

# ST Math's way of writing grades, for the codes of the standard.
ST_MATH = {"PK": "-2", "TK": "-1", "KG": "0", **{f"{n:02d}": str(n) for n in range(1, 10)}}


def csv(pairs, header=True):
	return ("from,to\r\n" if header else "") + "".join(f"{a},{b}\r\n" for a, b in pairs)


def user(key, role, **values):
	return {"sourcedId": key, "status": "active", "dateLastModified": "2025-05-01T05:00:20.097Z", "username": key.lower(),
		"enabledUser": "true", "givenName": "Sample", "familyName": key.title(), "role": role,
		"orgs": [{"sourcedId": "994"}], **values}


def mapped(value, pairs):
	"""What a list becomes: item by item, and what is there already is not written again."""
	items = []
	for item in filter(None, value.split(",")):
		to = pairs.get(item, item)
		if to and to not in items:
			items.append(to)
	return ",".join(items)


class Maps(Case):
	def findings(self, run, bundle=0):
		"""What was counted while the bundle was made: (file, column, rule): cells."""
		return {(f["file"], f["column"], f["rule"]): f["cells"] for f in run.report["bundles"][bundle]["findings"]}

	def cells(self, column, table="users", path=None):
		return {r["sourcedId"]: r[column] for r in columns(self.bundle(path)[f"{table}.csv"])}

	def assert_changed(self, changes, path=None):
		"""The bundle is the truth but for these columns ("users.role"), each with what its cells become."""
		truth, found = self.truth(), self.bundle(path)
		counts = {}
		self.assertEqual(sorted(found), sorted(truth))
		for name in truth:
			table = name[:-4]
			if not any(column.startswith(table + ".") for column in changes):
				self.assertEqual(found[name], truth[name], name)
				continue
			want, have = columns(truth[name]), columns(found[name])
			for column, become in changes.items():
				if column.split(".")[0] != table:
					continue
				key = column.split(".")[1]
				was = [row[key] for row in want]
				for row in want:
					row[key] = become(row[key])
				counts[name, key, "field.mapped"] = sum(a != row[key] for a, row in zip(was, want))
			self.assertEqual(have, want)
		return {key: count for key, count in counts.items() if count}


class Replacing(Maps):
	def test_unknown_role_becomes_a_known_one(self):
		"""Without the map the final check holds the bundle back; with it nothing is left to warn of."""
		self.serve(SIZE, records={"users": [user("STF_1", "Counselor"), user("STF_2", "counselor"),
			user("STF_3", "Teacher"), user("STF_4", "COUNSELOR")]})
		run = self.assert_fails(3, r"users\.csv: column role, 3 rows: .*field\.enum")
		self.assertRegex(run.err, r"users\.csv: role, 3 cells: not one of the standard's words")
		os.unlink(self.zip)
		roles = csv([("Counselor", "administrator"), ("counselor", "administrator"), ("COUNSELOR", "aide")])
		run = self.export("--map", "users.role=" + self.write("roles.csv", roles))
		role = self.cells("role")
		self.assertEqual([role[f"STF_{n}"] for n in (1, 2, 3, 4)], ["administrator", "administrator", "teacher", "aide"])
		self.assertEqual(self.findings(run), {("users.csv", "role", "field.mapped"): 3})
		self.assertEqual(run.warnings, [])
		self.assertRegex(run.out, " 0 warnings")
		read = [f for f in run.collection("users")["findings"] if f["rule"] == "field.enum"]
		self.assertEqual([f["cells"] for f in read], [3], "what came is still told")
		for text in (run.out, run.err, run.report_text):
			for value in ("ounselor", "COUNSELOR", "administrator"):
				self.assertNotIn(value, text)

	def test_role_that_stays_unknown(self):
		"""The summary counts what is in doubt after the map."""
		self.serve(SIZE, records={"users": [user("STF_1", "Counselor"), user("STF_2", "Nurse"), user("STF_3", "Coach")]})
		roles = self.write("roles.csv", csv([("Counselor", "administrator"), ("Coach", "trainer")]))
		run = self.assert_fails(3, r"users\.csv: column role, 2 rows: .*field\.enum", "--map-roles", roles)
		self.assertEqual(self.findings(run),
			{("users.csv", "role", "field.mapped"): 2, ("users.csv", "role", "field.enum"): 2})
		self.assertEqual([w for w in run.warnings if "words" in w],
			["users.csv: role, 2 cells: not one of the standard's words, left as it is"])
		os.unlink(self.zip)
		run = self.export("--map-roles", roles, "--allow-errors", "users.role")
		self.assertRegex(run.out, " 2 warnings")

	def test_boolean(self):
		self.serve(SIZE, records={"users": [user("STU_A", "student", enabledUser="A"),
			user("STU_B", "student", enabledUser="B")]})
		run = self.export("--map", "users.enabledUser=" + self.write("map.csv", "A,true\nB,false\n"))
		self.assertEqual([self.cells("enabledUser")[k] for k in ("STU_A", "STU_B")], ["true", "false"])
		self.assertEqual((run.warnings, self.findings(run)), ([], {("users.csv", "enabledUser", "field.mapped"): 2}))

	def test_grades_without_zero(self):
		"""All columns of grades, the lists of classes and courses too, and nothing else."""
		self.serve(SIZE, records={"users": [user("STU_A", "student", grades=["KG", "01", "1"])]})
		path = self.write("grades.csv", "\ufeff" + csv(ST_MATH.items()))
		run = self.export("--map-grades", path)
		counts = self.assert_changed({f"{table}.grades": lambda value: mapped(value, ST_MATH)
			for table in ("users", "classes", "courses")})
		self.assertEqual(self.findings(run), counts)
		self.assertEqual({key[0] for key in counts}, {"users.csv", "classes.csv", "courses.csv"})
		self.assertEqual(self.cells("grades")["STU_A"], "0,1")
		self.assertFalse({g for v in self.cells("grades").values() for g in v.split(",") if g.startswith("0") and g != "0"})

	def test_map_for_st_math_satisfies_its_rules(self):
		self.serve(SIZE)
		run = self.export("--consumer", "st-math", "--map-grades", self.write("grades.csv", csv(ST_MATH.items())))
		self.assertNotIn("field.grade", [f["rule"] for f in run.report["bundles"][0]["check"] if f["file"] == "users.csv"])
		known = {"-2", "-1", "0", *(str(n) for n in range(1, 13))}
		grades = {g for value in self.cells("grades").values() for g in value.split(",") if g}
		self.assertLessEqual(grades, known)

	def test_list_items(self):
		self.serve(SIZE, records={"users": [user("STU_A", "student", grades=["XX"]),
			user("STU_B", "student", grades=["01", "XX", "02"]), user("STU_C", "student", grades=["01", "1", "Z1"]),
			user("STU_D", "student", grades=["K2"]), user("STU_E", "student", grades=["z1"])]})
		path = self.write("grades.csv", 'XX,\nZ1,01\n1,01\nK2,"KG,01,02"\n')
		run = self.export("--map", "users.grades=" + path)
		grades = self.cells("grades")
		self.assertEqual([grades[f"STU_{c}"] for c in "ABCDE"], ["", "01,02", "01", "KG,01,02", "z1"])
		self.assertEqual(self.findings(run), {("users.csv", "grades", "field.mapped"): 4})

	def test_removed_then_filled(self):
		"""A value that is removed is filled like one that never came; a required one is missed otherwise."""
		self.serve(SIZE, records={"users": [user("STU_A", "student", username="unknown", middleName="N/A")]})
		path = self.write("map.csv", "unknown,\nN/A,\n")
		run = self.export("--map", f"users.username={path}", "--map", f"users.middleName={path}", "--fill",
			"users.username=nobody")
		self.assertEqual((self.cells("username")["STU_A"], self.cells("middleName")["STU_A"]), ("nobody", ""))
		self.assertEqual(self.findings(run)["users.csv", "username", "field.mapped"], 1)
		self.assert_fails(3, r"users\.csv: column username, 1 rows: required", "--map", f"users.username={path}")

	def test_the_rest(self):
		self.serve(SIZE, records={"users": [user("STU_A", "student", grades=["XY", "KG", "ZZ"])]})
		self.export("--map-grades", self.write("grades.csv", "*,Other\nKG,KG\n"))
		self.assertEqual(self.cells("grades")["STU_A"], "Other,KG")
		self.assertLessEqual(set(self.cells("grades").values()), {"", "KG", "Other", "Other,KG"})

	def test_column_wins_over_kind(self):
		self.serve(SIZE, records={"users": [user("STU_A", "student", grades=["09"])]})
		kind, one, other = (self.write(f"{name}.csv", f"09,{name}\n") for name in ("kind", "one", "other"))
		self.export("--map-grades", kind, "--map", f"users.grades={other}", "--map", f"users.grades={one}")
		self.assertEqual(self.cells("grades")["STU_A"], "one")
		for table in ("classes", "courses"):
			grades = {g for value in self.cells("grades", table).values() for g in value.split(",")}
			self.assertIn("kind", grades)
			self.assertFalse(grades & {"09", "one", "other"})

	def test_roles_of_enrollments(self):
		"""Both columns, each with its own words; orgs and sessions have a type, which stays."""
		monitor = {"sourcedId": "seat", "status": "active", "dateLastModified": "2025-05-01T05:00:20.097Z",
			"class": {"sourcedId": "994_1001"}, "user": {"sourcedId": "STF_1"}, "school": {"sourcedId": "994"},
			"role": "Exam Monitor"}
		self.serve(SIZE, records={"users": [user("STF_1", "Exam Monitor")], "enrollments": [monitor]})
		run = self.export("--map-roles", self.write("roles.csv", "Exam Monitor,proctor\nschool,district\nterm,semester\n"))
		counts = self.assert_changed({f"{table}.role": lambda value: {"Exam Monitor": "proctor"}.get(value, value)
			for table in ("users", "enrollments")})
		self.assertEqual(counts, {("users.csv", "role", "field.mapped"): 1, ("enrollments.csv", "role", "field.mapped"): 1})
		self.assertEqual(self.findings(run), counts)
		self.assertEqual(run.warnings, [])

	def test_same_bytes_again(self):
		self.serve(SIZE)
		arguments = ("--map-grades", self.write("grades.csv", csv(ST_MATH.items())))
		self.export(*arguments)
		with open(self.zip, "rb") as f:
			first = f.read()
		os.unlink(self.zip)
		self.export(*arguments, "--page-size", 7)
		with open(self.zip, "rb") as f:
			self.assertEqual(f.read(), first)
		self.write("grades.csv", csv(sorted(ST_MATH.items(), reverse=True), header=False))
		self.assertRegex(self.export(*arguments).out, "^unchanged")
		self.write("grades.csv", csv([*ST_MATH.items(), ("10", "ten")]))
		self.assertRegex(self.export(*arguments).out, "^published")


class Bundles(Maps):
	def configure(self, text):
		path = self.write("run.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\nreport = {self.report}\n{text}")
		return ["export", "--config", path]

	def test_different_maps_from_one_read(self):
		self.serve(SIZE, records={"users": [user("STU_A", "student", grades=["KG"]), user("STF_1", "Counselor")]})
		a, b, roles = self.write("a.csv", "KG,0\n"), self.write("b.csv", "KG,K\n"), self.write("r.csv", "Counselor,aide\n")
		run = self.program(self.configure(f"map-roles = {roles}\n"
			f"[bundle a]\noutput = {self.out_folder}/a.zip\nmap-grades = {a}\n"
			f"[bundle b]\noutput = {self.out_folder}/b.zip\nmap = users.grades={b}\n  users.role={roles}\n"
			f"[bundle c]\noutput = {self.out_folder}/c.zip\n"))
		self.assertEqual(run.code, 0, run.shown)
		self.assertEqual(run.warnings, [])
		for name, grade in (("a", "0"), ("b", "K"), ("c", "KG")):
			path = f"{self.out_folder}/{name}.zip"
			self.assertEqual((self.cells("grades", path=path)["STU_A"], self.cells("role", path=path)["STF_1"]),
				(grade, "aide"))
		for collection in CORE:
			self.assertEqual([p["query"].get("offset", "0") for p in self.sis.pages(collection)].count("0"), 1)
		self.assertIn(("users.csv", "grades", "field.mapped"), self.findings(run, 1))
		self.assertNotIn(("users.csv", "grades", "field.mapped"), self.findings(run, 2))

	def test_only_one_of_them_has_the_map(self):
		"""The other one is held back, and the doubt is told."""
		self.serve(SIZE, records={"users": [user("STF_1", "Counselor")]})
		roles = self.write("roles.csv", "Counselor,aide\n")
		run = self.program(self.configure(f"[bundle a]\noutput = {self.out_folder}/a.zip\nmap-roles = {roles}\n"
			f"[bundle b]\noutput = {self.out_folder}/b.zip\n"))
		self.assertEqual(run.code, 3, run.shown)
		self.assertRegex(run.error, r"\Abundle b: users\.csv: column role, 1 rows")
		self.assertRegex(run.err, r"users\.csv: role, 1 cells: not one of the standard's words")
		self.assertEqual(os.listdir(self.out_folder), ["a.zip"])
		self.assertRegex(run.out, "a.zip: .* 0 warnings")


class Mistakes(Maps):
	"""Found before the server is asked anything, and told without a value."""

	def setUp(self):
		super().setUp()
		self.url = "https://sis.example/aeries"

	def mistake(self, pattern, text, *arguments):
		path = self.write("swap.csv", text) if text is not None else self.path("swap.csv")
		arguments = [a.replace("FILE", path) for a in arguments or ("--map-grades", "FILE")]
		run = self.assert_fails(2, pattern.replace("FILE", path), *arguments)
		self.assertNotRegex(run.err, "private")
		self.assertFalse(os.path.exists(self.state))

	def test_files(self):
		self.mistake("command line: `map-grades`: cannot read FILE: No such file", None)
		self.mistake("`map-roles`: cannot read FILE: No such file", None, "--map-roles", "FILE")
		self.mistake("`map`: cannot read FILE: No such file", None, "--map", "users.grades=FILE")
		self.mistake("`map-grades`: cannot read .*: Is a directory", None, "--map-grades", self.out_folder)
		self.mistake("`map-grades`: FILE has no line", "from,to\n")
		self.mistake("`map-grades`: FILE, row 3: .*two cells", "from,to\nK,KG\nprivate\n")
		self.mistake("`map-grades`: FILE, row 2: .*two cells", "K,KG\nprivate,KG,01\n")
		self.mistake("`map-grades`: FILE, row 2: .*quotation mark", 'K,KG\nprivate,"KG\n')
		self.mistake("`map-grades`: FILE, row 4: the value of row 2 again", "from,to\nprivate,1\nb,2\nprivate,3\n")
		self.mistake("`map-grades`: FILE, row 1: .*blank", "private, KG\n")
		self.mistake("`map-grades`: FILE is too large", "\n" * (1024 * 1024 + 1))
		self.mistake("`map-grades`: FILE has more than 10000 rows", "".join(f"{n},x\n" for n in range(10001)))
		self.mistake("`map-grades`: FILE, row 1: .*one by one", '"private,K",KG\n')

	def test_columns(self):
		self.mistake("`map`: users.sourcedId is not for settings: ids are never made up and never rewritten", "a,b\n", "--map", "users.sourcedId=FILE")
		self.mistake("`map`: users.orgSourcedIds holds ids", "a,b\n", "--map", "users.orgSourcedIds=FILE")
		self.mistake("`map`: users.password is not for settings", "a,b\n", "--map", "users.password=FILE")
		self.mistake("`map`: users has no column `grade`, only: .*grades", "a,b\n", "--map", "users.grade=FILE")
		self.mistake("`map`: it is written table.column=value", "a,b\n", "--map", "FILE")

	def test_configuration_with_file_and_line(self):
		path = self.write("swap.csv", "K,KG\nwrong\n")
		config = self.write("run.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\noutput = {self.zip}\nmap-grades = {path}\n")
		run = self.program(["export", "--config", config])
		self.assertEqual(run.code, 2, run.shown)
		self.assertRegex(run.error, f"{config}:6: `map-grades`: {path}, row 2: ")


if __name__ == "__main__":
	unittest.main()

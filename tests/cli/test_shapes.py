"""JSON as servers really write it: the right cells, and every change counted."""

import json
import unittest

from harness import CORE, EVERYTHING, Case, columns

ALL_COLLECTIONS = "--collections=" + ",".join(EVERYTHING)
SIZE = {"users": 60, "enrollments": 120}


def user(name, **more):
	"""A user as plain as can be; numbers and the rest by more."""
	return {"sourcedId": name, "status": "active", "enabledUser": True, "orgs": [{"sourcedId": "0"}], "role": "student",
		"username": "someone", "givenName": "Some", "familyName": "One", **more}


class Nasty(Case):
	"""Everything at once."""

	def test_nasty_district(self):
		for seed in (1, 2, 3):
			with self.subTest(seed):
				self.serve({"users": 300, "enrollments": 600, "classes": 40, "courses": 40, "seed": seed}, nasty=True)
				# Each seed is another district: not what the guard lets take the place of the one before.
				self.export(ALL_COLLECTIONS, "--page-size", 120, "--force-once")
				self.assert_truth(collections=EVERYTHING)

	def test_changes_are_counted(self):
		self.serve({"users": 300, "enrollments": 600, "classes": 40, "courses": 40}, nasty=True)
		run = self.export(ALL_COLLECTIONS)
		found = {}
		for c in run.report["collections"]:
			for f in c["findings"]:
				found[f["rule"]] = found.get(f["rule"], 0) + f["cells"]
				self.assertGreater(f["cells"], 0)
				self.assertTrue(f["text"] and f["column"])
		self.assertGreater(run.collection("users")["mended-escapes"], 0)
		for rule in ("text.line-break", "text.control", "text.null", "field.case", "field.alias",
				"field.date-style", "field.date-time", "list.comma"):
			self.assertIn(rule, found)
		filled = [f for f in run.report["bundles"][0]["findings"] if f["rule"] == "field.filled"]
		self.assertEqual({(f["file"], f["column"]) for f in filled}, {("users.csv", "enabledUser"),
			("classes.csv", "classType"), ("enrollments.csv", "schoolSourcedId")})

	def test_password_is_never_written(self):
		self.serve(nasty=True)
		self.export()
		for name, data in self.bundle().items():
			self.assertNotIn(b"never-written-anywhere", data, name)


class Cells(Case):
	"""Single values, with the cell and the count worked out by hand."""

	def cell(self, column, value, extra=None, rule=None, cells=1, name="u-1"):
		"""The cell that one member of one user becomes."""
		record = user(name, **{column: value}, **(extra or {}))
		self.serve(SIZE, records={"users": [record]})
		run = self.export()
		self.assert_truth()
		row = next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == str(name))
		if rule:
			counts = {f["rule"]: f["cells"] for f in run.collection("users")["findings"] if f["column"] == column}
			self.assertEqual(counts.get(rule), cells, counts)
		return row[column]

	def test_quotes_and_commas(self):
		self.assertEqual(self.cell("familyName", 'O"Brien, "Jr."'), 'O"Brien, "Jr."')
		self.assertIn('"O""Brien, ""Jr."""', self.bundle()["users.csv"].decode())

	def test_line_breaks_and_tabs(self):
		self.assertEqual(self.cell("familyName", "a\nb\r\nc\td\re", rule="text.line-break"), "a b c d e")

	def test_nul_and_control_characters(self):
		self.assertEqual(self.cell("familyName", "a\0b\x01\x1b[0mc", rule="text.control"), "ab[0mc")

	def test_lone_surrogates(self):
		self.assertEqual(self.cell("familyName", "a\ud800b\udc00"), "a\ufffdb\ufffd")

	def test_emoji_cjk_and_right_to_left(self):
		text = "\U0001f600 \u6f22\u5b57 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 e\u0301"
		self.assertEqual(self.cell("familyName", text), text)
		self.assertIn(text.encode(), self.bundle()["users.csv"])

	def test_numbers_keep_their_characters(self):
		self.serve(SIZE)
		body = ('{"users":[{"sourcedId":12345678901234567890123,"enabledUser":1,"orgs":[{"sourcedId":0}],'
			'"role":"student","username":60.5000,"givenName":1E5,"familyName":-0.0,"identifier":0012345e0}]}')
		body = body.replace("0012345e0", "12345e0")
		self.sis.close()
		self.serve(SIZE, faults=[{"match": "users", "offset": 0, "do": {"body": body}}, {"match": "users",
			"offset": 1, "do": {"body": '{"users":[]}'}}, {"match": "enrollments", "do": {"body": '{"enrollments":[]}'}}])
		self.export("--allow-empty", "enrollments")
		row = columns(self.bundle()["users.csv"])[0]
		self.assertEqual(row["sourcedId"], "12345678901234567890123")
		self.assertEqual((row["username"], row["givenName"], row["familyName"], row["identifier"]),
			("60.5000", "1E5", "-0.0", "12345e0"))
		self.assertEqual((row["enabledUser"], row["orgSourcedIds"]), ("true", "0"))

	def test_null_where_arrays_belong(self):
		for column, members in (("agentSourcedIds", "agents"), ("userIds", "userIds"), ("grades", "grades")):
			with self.subTest(column):
				record = user("u-1", **{members: None})
				self.serve(SIZE, records={"users": [record]})
				self.export_truth()
				row = next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == "u-1")
				self.assertEqual(row[column], "")

	def test_required_array_that_is_null_is_an_error(self):
		self.serve(SIZE, records={"users": [user("u-1", orgs=None)]})
		run = self.assert_fails(3, r"users\.csv: column orgSourcedIds, 1 rows: required")
		self.assertIn("fill = users.orgSourcedIds=VALUE", run.error)

	def test_grades_as_text(self):
		self.assertEqual(self.cell("grades", "09; 10"), "09,10")

	def test_word_null(self):
		self.assertEqual(self.cell("middleName", "null", rule="text.null"), "")

	def test_single_spaces(self):
		self.assertEqual(self.cell("middleName", " "), "")

	def test_status_in_mixed_case(self):
		self.serve(SIZE, records={"users": [user("u-1", status="Active"), user("u-2", status="TOBEDELETED"),
			user("u-3", status="Inactive"), user("u-4", status=""), user("u-5", status=None)]})
		run = self.export_truth()
		ids = {r["sourcedId"] for r in columns(self.bundle()["users.csv"])}
		self.assertEqual({n for n in ids if n.startswith("u-")}, {"u-1", "u-4", "u-5"})
		users = next(f for f in run.report["bundles"][0]["files"] if f["file"] == "users.csv")
		self.assertEqual(users["left-out-deleted"], 2)

	def test_unknown_role_holds_the_bundle_back(self):
		self.serve(SIZE, records={"users": [user("u-1", role="Counselor")]})
		self.assert_fails(3, r"users\.csv: column role, 1 rows: .* \(field\.enum\)\. .*allow-errors = users\.role")
		for allowed in ("users.role", "field.enum"):
			run = self.export("--allow-errors", allowed)
			self.assert_truth()
			self.assertRegex(run.err, r"users\.csv: role, 1 cells")
			row = next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == "u-1")
			self.assertEqual(row["role"], "Counselor")

	def test_dates_in_every_style(self):
		styles = {"2010-08-01": "2010-08-01", "2010-08-01T00:00:00.000Z": "2010-08-01", "2010/08/01": "2010-08-01",
			"08/01/2010": "2010-08-01", "2010-08-01 12:30": "2010-08-01", "2010-08-01T23:59:59-08:00": "2010-08-01",
			"first of August": "first of August"}
		records = [{"sourcedId": f"STU_{100001 + n}", "status": "active", "dateLastModified": "2030-01-01T00:00:00Z",
			"birthDate": given} for n, given in enumerate(styles)]
		self.serve(SIZE, records={"demographics": records})
		run = self.export("--collections", "core,demographics", "--allow-errors", "demographics.birthDate")
		self.assert_truth(collections=CORE + ["demographics"])
		rows = {r["sourcedId"]: r["birthDate"] for r in columns(self.bundle()["demographics.csv"])}
		self.assertEqual([rows[r["sourcedId"]] for r in records], list(styles.values()))
		counts = {f["rule"]: f["cells"] for f in run.collection("demographics")["findings"]
			if f["column"] == "birthDate"}
		self.assertEqual(counts, {"field.date": 1, "field.date-style": 2, "field.date-time": 3})

	def test_values_that_nobody_sent_are_filled_and_counted(self):
		self.serve({"users": 60, "classes": 12}, blank={"users.enabledUser": 3, "classes.classType": 2,
			"enrollments.schoolSourcedId": 5})
		run = self.export_truth()
		filled = {(f["file"], f["column"]): f["cells"] for f in run.report["bundles"][0]["findings"]}
		self.assertEqual(filled, {("users.csv", "enabledUser"): 20, ("classes.csv", "classType"): 6,
			("enrollments.csv", "schoolSourcedId"): 24})
		self.assertEqual(len(run.warnings), 3)

	def test_row_without_an_id(self):
		for name in (None, "", " "):
			with self.subTest(name):
				self.serve(SIZE, records={"courses": [{"sourcedId": name, "title": "x", "org": {"sourcedId": "0"}}]})
				self.assert_fails(3, "courses.*id")

	def test_id_that_no_list_can_hold(self):
		self.serve(SIZE, records={"users": [user("u,1"), user("u-2", agents=[{"sourcedId": "u,1"}])]})
		self.assert_fails(3, r"users\.csv: column agentSourcedIds, 1 rows: id with a comma")


class Wrapped(Case):
	"""Where the rows are."""

	def test_names_of_the_list(self):
		for wrapper in ("array", "data", {"users": "user"}, {"users": "Users"}, {"orgs": "organizations"},
				{"users": "students", "orgs": "schools", "academicSessions": "terms"}):
			with self.subTest(wrapper):
				self.serve(SIZE, wrapper=wrapper)
				self.export_truth("--page-size", 25)

	def test_totals_and_status_beside_the_rows(self):
		self.serve(SIZE, body_total=True, with_status_set=True)
		self.export_truth("--page-size", 25)

	def test_byte_order_mark(self):
		self.serve(SIZE, bom=True)
		self.export_truth()

	def test_blanks_behind_the_end(self):
		self.serve(SIZE, trailing=" \r\n\t\n")
		self.export_truth()

	def test_anything_else_behind_the_end(self):
		self.serve(SIZE, trailing="<!-- debug -->")
		self.assert_fails(5, "orgs", "--retry-time", "0s")

	def test_utf16_is_refused(self):
		self.serve(SIZE, encoding="utf-16")
		self.assert_fails(5, "orgs.*not UTF-8", "--retry-time", "0s")

	def test_members_in_every_order(self):
		for order in ("first", "reverse"):
			with self.subTest(order):
				self.serve(SIZE, member_order=order)
				self.export(ALL_COLLECTIONS)
				self.assert_truth(collections=EVERYTHING)

	def test_ten_megabytes_of_metadata(self):
		self.serve({"users": 20, "enrollments": 24}, metadata_mb=10)
		self.export_truth()

	def test_metadata_has_nothing_to_do_with_the_row(self):
		deep = {"sourcedId": "no", "status": "tobedeleted", "orgs": [{"sourcedId": "no"}]}
		self.serve(SIZE, records={"users": [{"metadata": {**deep, "more": [deep, [deep]]}, **user("u-1")},
			{**user("u-2"), "metadata": [deep]}]})
		self.export_truth()
		ids = {r["sourcedId"] for r in columns(self.bundle()["users.csv"])}
		self.assertTrue({"u-1", "u-2"} <= ids)
		self.assertNotIn("no", ids)

	def test_invalid_utf8_is_mended_or_refused_but_not_fatal(self):
		body = json.dumps({"users": [user("u-1", familyName="X")]}).replace("X", "a\u00e9")
		self.serve(SIZE, faults=[{"match": "users", "do": {"body": body}}])
		self.assertIn(self.program(self.arguments("--retry-time", "0s")).code, (0, 3, 5))


class Limits(Case):
	"""Over a limit is an error that names it."""

	def body(self, text):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"body": text}}])
		return self.assert_fails(5, "users", "--retry-time", "0s")

	def test_nesting(self):
		run = self.body('{"users":[{"sourcedId":"u","metadata":' + "[" * 100000 + "]" * 100000 + "}]}")
		self.assertRegex(run.error, "64|nest|deep")

	def test_nesting_just_right(self):
		deep = "x"
		for _ in range(55):
			deep = [deep]
		self.serve(SIZE, records={"users": [user("u-1", metadata=deep)]})
		self.export_truth()

	def test_string(self):
		run = self.body('{"users":[{"sourcedId":"u","familyName":"' + "x" * (2 << 20) + '"}]}')
		self.assertRegex(run.error, "1 MiB|string|text|too l")

	def test_row(self):
		many = ",".join(f'"m{n}":"{"x" * 1000000}"' for n in range(3))
		names = ",".join(f'"{name}":"{"y" * 1000000}"' for name in ("givenName", "familyName", "middleName", "phone", "sms"))
		run = self.body('{"users":[{"sourcedId":"u",' + many + "," + names + "}]}")
		self.assertRegex(run.error, "4 MiB|row|record|too l")


if __name__ == "__main__":
	unittest.main()

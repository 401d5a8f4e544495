"""Columns made from the servers' metadata: which ones a bundle has, in which order, with what in them. The values are
worked out from the records of the fake SIS by rules written down once more in here."""

import json
import os
import re
import unittest

from harness import CLIENT_ID, CORE, EVERYTHING, Case, columns, rows, sis_module
from served import Served, district
from test_main_job import HEADERS
from test_shapes import user

SIZE = {"users": 60, "enrollments": 120}
ALL_COLLECTIONS = "--collections=" + ",".join(EVERYTHING)
PREFIX = "metadata."


def text(value):
	return "" if value is None else sis_module.Truth.text(value)


def scalars(items):
	"""The elements of a list that are no objects, those of lists in it too."""
	for item in items:
		if isinstance(item, list):
			yield from scalars(item)
		elif not isinstance(item, dict):
			yield text(item).replace(",", "")


def flat(metadata):
	"""The cells of one record's metadata, by header."""
	cells = {}

	def visit(above, members):
		for key, value in members.items():
			name = f"{above}.{key}" if above else key
			if isinstance(value, dict):
				visit(name, value)
				continue
			cell = ",".join(filter(None, scalars(value))) if isinstance(value, list) else text(value)
			if re.fullmatch(r"[A-Za-z0-9._:/@-]([A-Za-z0-9._:/@ -]*[A-Za-z0-9._:/@-])?", name):
				cells[PREFIX + name.removeprefix(PREFIX)] = cell

	if isinstance(metadata, dict):
		visit("", metadata)
	return cells


class Metadata(Case):
	def records(self, table):
		"""The metadata of every row the SIS has of a table: sourcedId to cells."""
		with open(self.sis.scenario_file, encoding="utf-8") as f:
			scenario = sis_module.complete_scenario(dict(sis_module.SCENARIO), json.load(f))
		made = district(scenario)
		truth = sis_module.Truth(made, EVERYTHING)
		keys = sis_module.Lists(made, scenario).current(table)
		return {truth.text(truth.look(r, "sourcedId")): flat(truth.look(r, "metadata")) for r in truth.records(table, keys)}

	def split(self, path=None):
		"""The files of the bundle without further columns, and those columns: name of the file to (names, cells by id)."""
		standard, extra = {}, {}
		for name, data in self.bundle(path).items():
			if name == "manifest.csv":
				standard[name] = data
				continue
			table = rows(data)
			count = len(HEADERS[name].split(","))
			self.assertEqual(",".join(table[0][:count]), HEADERS[name])
			self.assertEqual({len(row) for row in table}, {len(table[0])}, name)
			standard[name] = [row[:count] for row in table]
			if len(table[0]) > count:
				extra[name] = table[0][count:], {row[0]: row[count:] for row in table[1:]}
		return standard, extra

	def assert_columns(self, wanted, path=None, collections=CORE):
		"""Each file has these further columns and no others, its cells are those of the records, and all that the
		standard knows is as if there were none."""
		standard, extra = self.split(path)
		truth = {name: data if name == "manifest.csv" else rows(data)
			for name, data in self.truth(collections=collections).items()}
		self.assertEqual(standard, truth)
		self.assertEqual({name: names for name, (names, _) in extra.items()}, wanted)
		for name, (names, cells) in extra.items():
			records = self.records(name.removesuffix(".csv"))
			for key, found in cells.items():
				self.assertEqual(found, [records[key].get(column, "") for column in names], f"{name}, {key}")

	def assert_valid(self, path=None):
		run = self.program(["validate", path or self.zip])
		self.assertEqual(run.code, 0, run.shown)

	def configure(self, *bundles, top=""):
		return self.write("rosterzip.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\nreport = {self.report}\n{top}\n"
			+ "".join(f"[bundle {name}]\noutput = {self.out_folder}/{name}.zip\n{text}\n" for name, text in bundles))

	def run_file(self, path, expect=0):
		run = self.program(["export", "-c", path])
		self.assertEqual(run.code, expect, run.shown)
		return run

	def out(self, name):
		return os.path.join(self.out_folder, name + ".zip")


class Listed(Metadata):
	"""Columns by name."""

	def test_in_the_order_given_behind_the_last_column(self):
		self.serve(SIZE)
		run = self.export("--metadata", "users.metadata.note,users.metadata.inner.sourcedId")
		self.assert_columns({"users.csv": ["metadata.note", "metadata.inner.sourcedId"]})
		self.assertEqual(run.warnings, [])
		self.assert_valid()
		cells = self.split()[1]["users.csv"][1]
		self.assertIn(["sample 5", "not-this-one"], cells.values())
		self.assertIn(["", ""], cells.values())

	def test_of_several_tables(self):
		self.serve(SIZE)
		self.export(ALL_COLLECTIONS, "--metadata", "categories.metadata.weight, users.metadata.note")
		self.assert_columns({"users.csv": ["metadata.note"], "categories.csv": ["metadata.weight"]},
			collections=EVERYTHING)

	def test_a_key_that_never_came_is_a_blank_column_and_a_warning(self):
		self.serve(SIZE)
		run = self.export("--metadata", "users.metadata.positionTitle,users.metadata.note,orgs.metadata.x")
		self.assert_columns({"users.csv": ["metadata.positionTitle", "metadata.note"], "orgs.csv": ["metadata.x"]})
		self.assertEqual(len(run.warnings), 2, run.shown)
		self.assertRegex(run.warnings[0], "^orgs: .*metadata x;")
		self.assertRegex(run.warnings[1], "^users: .*metadata positionTitle;")
		self.assertEqual(run.collection("users")["note"], run.warnings[1])

	def test_a_key_that_came_with_null_alone_did_come(self):
		self.serve(SIZE, records={"users": [user("u-1", metadata={"a": None, "b": []})]})
		run = self.export("--metadata", "users.metadata.a,users.metadata.b")
		self.assert_columns({"users.csv": ["metadata.a", "metadata.b"]})
		self.assertEqual(run.warnings, [])

	def test_named_twice_is_one_column(self):
		self.serve(SIZE)
		self.export("--metadata", "users.metadata.note,users.metadata.note")
		self.assert_columns({"users.csv": ["metadata.note"]})

	def test_tables_made_from_others_have_none(self):
		self.serve(SIZE)
		self.assert_fails(2, r"metadata.*classResources\.csv is made from classes\.csv", ALL_COLLECTIONS, "--metadata",
			"classResources.metadata.a")

	def test_of_a_file_that_the_bundle_does_not_have(self):
		self.serve(SIZE)
		run = self.export("--metadata", "results.metadata.a")
		self.assert_truth()
		self.assertEqual(len(run.warnings), 1)
		self.assertRegex(run.warnings[0], r"results\.metadata\.a .*no results\.csv")

	def test_none(self):
		self.serve(SIZE)
		path = self.configure(("a", "metadata = none"), ("b", ""), top="metadata = users.metadata.note")
		self.run_file(path)
		self.assert_columns({}, path=self.out("a"))
		self.assert_columns({"users.csv": ["metadata.note"]}, path=self.out("b"))


class Auto(Metadata):
	"""All that came."""

	def wanted(self, collections):
		found = {}
		for table in collections:
			if table in ("classResources", "courseResources"):
				continue
			names = {name for cells in self.records(table).values() for name in cells}
			if names:
				found[table + ".csv"] = sorted(names, key=str.encode)
		return found

	def test_in_byte_order(self):
		self.serve(SIZE)
		run = self.export(ALL_COLLECTIONS, "--metadata", "auto")
		wanted = self.wanted(EVERYTHING)
		self.assertEqual(wanted, {"users.csv": ["metadata.inner.sourcedId", "metadata.note"],
			"categories.csv": ["metadata.rules", "metadata.weight"]})
		self.assert_columns(wanted, collections=EVERYTHING)
		self.assert_valid()
		self.assertEqual({f["rule"]: f["cells"] for f in run.collection("categories")["findings"]
			if f["column"] == "metadata"}, {"field.shape": 4})

	def test_nasty_data(self):
		for seed in (1, 2):
			with self.subTest(seed):
				self.serve({"users": 300, "enrollments": 600, "classes": 40, "courses": 40, "seed": seed}, nasty=True)
				self.export(ALL_COLLECTIONS, "--metadata", "auto", "--page-size", 120, "--force-once")
				wanted = self.wanted(EVERYTHING)
				self.assertGreater(len(wanted), 5)
				self.assert_columns(wanted, collections=EVERYTHING)

	def test_the_same_bytes_whatever_the_pages(self):
		self.serve(SIZE, order="shuffled")
		found = set()
		for size, parallel in ((7, 1), (25, 4), (1000, 8)):
			self.export("--metadata", "auto", "--page-size", size, "--parallel", parallel)
			with open(self.zip, "rb") as f:
				found.add(f.read())
		self.assertEqual(len(found), 1)
		self.assert_columns(self.wanted(CORE))

	def test_keys_of_every_sort(self):
		odd = {"z": 1, "B": True, "a": False, "b b": 0.5, "list": ["x,y", ["z", None, 3]], "deep": {"er": {"k": "v"}},
			"metadata.note": "no prefix twice", "no,comma": 1, "no\"quote": 1, "caf\u00e9": 1, " blank": 1, "": 1,
			"k" * 255: "longest", "k" * 256: "too long", "deep2": {"k" * 250: "too long as well"}}
		self.serve(SIZE, records={"users": [user("u-1", metadata=odd)]})
		run = self.export("--metadata", "auto")
		self.assert_columns({"users.csv": ["metadata.B", "metadata.a", "metadata.b b", "metadata.deep.er.k",
			"metadata.inner.sourcedId", "metadata." + "k" * 255, "metadata.list", "metadata.note", "metadata.z"]})
		found = {f["rule"]: f["cells"] for f in run.collection("users")["findings"] if f["column"] == "metadata"}
		self.assertEqual(found, {"metadata.key": 7, "list.comma": 1})
		self.assertEqual([w for w in run.warnings if not re.match(r"users\.csv: metadata, 7 cells: .*left out", w)], [])
		self.assert_valid()

	def test_values_are_fit_for_a_cell(self):
		self.serve(SIZE, records={"users": [user("u-1", metadata={"a": "x\r\ny\tz", "b": "\x01\x07bell", "c": "null",
			"d": "\ud800", "e": '"Quote", she said', "f": "\u00a0", "g": " kept "})]})
		run = self.export("--metadata", "auto")
		row = next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == "u-1")
		self.assertEqual([row["metadata." + c] for c in "abcdefg"],
			["x y z", "bell", "", "\ufffd", '"Quote", she said', "", " kept "])
		found = {f["rule"]: f["cells"] for f in run.collection("users")["findings"] if f["column"] == "metadata"}
		self.assertEqual(found, {"text.line-break": 1, "text.control": 1, "text.null": 1})
		self.assert_valid()

	def test_named_first_then_the_others(self):
		self.serve(SIZE)
		self.export("--metadata", "auto,users.metadata.note,users.metadata.a")
		self.assert_columns({"users.csv": ["metadata.note", "metadata.a", "metadata.inner.sourcedId"]})

	def test_flat_members(self):
		self.serve(SIZE, records={"users": [user("u-1", **{"metadata.a": "flat", "metadata.b": {"c": "below"}})]})
		self.export("--metadata", "auto")
		row = next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == "u-1")
		self.assertEqual({k: v for k, v in row.items() if k.startswith(PREFIX)}, {"metadata.a": "flat",
			"metadata.b.c": "below", "metadata.inner.sourcedId": "", "metadata.note": ""})

	def test_more_keys_than_columns(self):
		"""The bundle that wants all fails, one that names what it needs does not."""
		many = {f"k{n}": n for n in range(600)}
		more = {f"m{n}": n for n in range(600)}
		self.serve(SIZE, records={"users": [user("u-1", metadata=many), user("u-2", metadata=more)]})
		path = self.configure(("all", "metadata = auto"), ("some", "metadata = users.metadata.m7,users.metadata.k599"))
		run = self.run_file(path, expect=3)
		self.assertRegex(run.error, r"bundle all: users\.csv: more metadata than the 1006 columns")
		self.assertFalse(os.path.exists(self.out("all")))
		self.assert_columns({"users.csv": ["metadata.m7", "metadata.k599"]}, path=self.out("some"))

	def test_a_record_with_more_than_any_row_can_hold(self):
		self.serve(SIZE, records={"users": [user("u-1", metadata={f"k{n}": n for n in range(1100)})]})
		self.assert_fails(5, r"users.*the metadata of a record are more than 1024", "--metadata", "auto")
		self.export("--metadata", "users.metadata.k1099")
		self.assert_columns({"users.csv": ["metadata.k1099"]})

	def test_ten_megabytes_of_metadata(self):
		self.serve({"users": 20, "enrollments": 24}, metadata_mb=10)
		self.assert_fails(5, r"the metadata of a record are .* larger than 4 MiB", "--metadata", "auto")
		self.export("--metadata", "users.metadata.note")
		self.assert_columns({"users.csv": ["metadata.note"]})


class Runs(Metadata):
	"""Metadata and everything else a run does."""

	def test_each_bundle_has_its_own(self):
		self.serve(SIZE)
		path = self.configure(("a", "metadata = auto"), ("b", "metadata = users.metadata.note"), ("c", ""),
			("d", "metadata = orgs.metadata.x"))
		self.run_file(path)
		self.assert_columns({"users.csv": ["metadata.inner.sourcedId", "metadata.note"]}, path=self.out("a"))
		self.assert_columns({"users.csv": ["metadata.note"]}, path=self.out("b"))
		self.assert_columns({}, path=self.out("c"))
		self.assert_columns({"orgs.csv": ["metadata.x"]}, path=self.out("d"))
		self.assertEqual(len({e["path"] for e in self.sis.log(kind="data")}), len(self.sis.log(kind="data")))

	def test_unchanged_and_changed(self):
		self.serve(SIZE)
		self.export("--metadata", "auto")
		self.assertRegex(self.export("--metadata", "auto").out, "^unchanged")
		self.assertRegex(self.export("--metadata", "users.metadata.note").out, "^published")
		self.assertRegex(self.export().out, "^published")
		self.assert_truth()

	def test_saved_pages_serve_other_wishes(self):
		self.serve(SIZE)
		saved = self.path("saved")
		self.export("--save-pages", saved)
		self.assert_truth()
		run = self.program(["export", "--from-pages", saved, "--output", self.zip, "--state-dir", self.state, "--report",
			self.report, "--metadata", "auto"])
		self.assertEqual(run.code, 0, run.shown)
		self.assert_columns({"users.csv": ["metadata.inner.sourcedId", "metadata.note"]})

	def test_going_on_after_a_failure(self):
		self.serve(SIZE, faults=[{"match": "enrollments", "first": 1, "do": {"status": 410}}])
		more = "--page-size", 20, "--parallel", 1, "--resume", "1d"
		self.export("--metadata", "users.metadata.note", *more, expect=5)
		asked = len(self.sis.pages("users"))
		self.export("--metadata", "users.metadata.inner.sourcedId", *more)
		self.assertEqual(len(self.sis.pages("users")), asked, "the users were read once")
		self.assert_columns({"users.csv": ["metadata.inner.sourcedId"]})

	def test_copies_of_a_row(self):
		"""Rows that differ in metadata alone are different rows; the one changed last is kept."""
		old = user("u-1", dateLastModified="2001-01-01T00:00:00.000Z", metadata={"a": "old", "b": "gone"})
		new = user("u-1", dateLastModified="2002-01-01T00:00:00.000Z", metadata={"a": "new"})
		self.serve(SIZE, records={"users": [new, old]})
		run = self.export("--metadata", "users.metadata.a")
		self.assert_columns({"users.csv": ["metadata.a"]})
		self.assertIn("1 of them with different content", run.collection("users")["note"])
		self.assertEqual(next(r for r in columns(self.bundle()["users.csv"]) if r["sourcedId"] == "u-1")["metadata.a"],
			"new")

	def test_quotes_and_line_ends(self):
		self.serve(SIZE)
		self.export("--metadata", "auto", "--quote", "all", "--eol", "lf")
		head = self.bundle()["users.csv"].split(b"\n")[0]
		self.assertTrue(head.endswith(b',"password","metadata.inner.sourcedId","metadata.note"'), head)

	def test_joined_from_other_addresses(self):
		served = Served({"district": SIZE, "faults": [{"match": "users", "do": {"status": 404}}]})
		self.addCleanup(served.close)
		self.url = served.url
		self.export("--metadata", "auto", "--dangling", "drop")
		found = columns(self.bundle()["users.csv"])
		notes = {r["sourcedId"]: r["metadata.note"] for r in found}
		made = district(served.scenario)
		for i in range(SIZE["users"]):
			record = made.record("users", i)
			if record["sourcedId"] in notes:
				self.assertEqual(notes[record["sourcedId"]], (record["metadata"] or {}).get("note", ""))
		self.assertGreater(len([note for note in notes.values() if note]), 5)


class Receivers(Metadata):
	"""What receivers say about it."""

	def consumer(self, *lines):
		return self.write("own.json", '{"title": "A receiver of this test", "because": {"metadata": "this test"}, %s}' % ", ".join(lines))

	def test_auto_gives_what_the_receiver_takes(self):
		path = self.consumer('"metadata": ["users.metadata.note", "users.metadata.x"]')
		self.serve(SIZE)
		run = self.export("--metadata", "auto", "--consumer", path)
		self.assert_columns({"users.csv": ["metadata.note"]})
		self.assertEqual(run.warnings, [])

	def test_auto_for_a_receiver_that_takes_none(self):
		path = self.consumer('"metadata": "none"')
		self.serve(SIZE)
		self.export("--metadata", "auto", "--consumer", path)
		self.assert_columns({})

	def test_named_for_a_receiver_that_takes_none(self):
		path = self.consumer('"metadata": "none"')
		self.serve(SIZE)
		self.old_bundle()
		run = self.export("--metadata", "users.metadata.note", "--consumer", path, expect=3)
		self.assertIn("consumer.metadata", run.error)

	def test_what_the_receiver_names_is_there_without_a_word(self):
		path = self.consumer('"metadata": ["users.metadata.positionTitle", "users.metadata.note"]')
		self.serve(SIZE)
		run = self.export("--consumer", path)
		self.assert_columns({"users.csv": ["metadata.positionTitle", "metadata.note"]})
		self.assertEqual(run.warnings, [])


if __name__ == "__main__":
	unittest.main()

"""The options of a bundle, and several bundles from one read."""

import os
import re
import unittest

from harness import CLIENT_ID, CORE, EVERYTHING, OLD_BUNDLE, Case, columns, rows

SIZE = {"users": 60, "enrollments": 120}


class Form(Case):
	def test_empty_files_with_their_header(self):
		self.serve({"categories": 0, "lineItems": 0, "results": 0})
		collections = CORE + ["categories", "lineItems", "results"]
		self.export("--collections", ",".join(collections), "--empty", "header")
		self.assert_truth("--empty", "header", collections=collections)
		self.assertEqual(self.bundle()["categories.csv"], b"sourcedId,status,dateLastModified,title\r\n")
		self.assertIn(b"file.categories,bulk\r\n", self.bundle()["manifest.csv"])

	def test_quote_all(self):
		self.serve(SIZE, nasty=True)
		self.export("--quote", "all")
		truth = self.truth()
		for name, data in self.bundle().items():
			self.assertEqual(rows(data), rows(truth[name]), name)
			for line in data.decode().removesuffix("\r\n").split("\r\n"):
				self.assertRegex(line, r'\A"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*\Z')
		self.assert_clean()

	def test_line_feeds(self):
		self.serve(SIZE, nasty=True)
		self.export("--eol", "lf")
		self.assert_files(self.bundle(), {name: data.replace(b"\r\n", b"\n") for name, data in self.truth().items()})

	def test_name_and_code_of_the_source(self):
		self.serve(SIZE)
		self.export("--source-name", "Sample SIS", "--source-code", "1,5")
		self.assert_truth("--source-name", "Sample SIS", "--source-code", "1,5")

	def test_loose_files(self):
		self.serve(SIZE)
		loose = os.path.join(self.out_folder, "loose")
		for size in (1000, 20):
			self.export("--output", loose + "/", "--page-size", size)
			self.assert_files(self.bundle(loose), self.truth())
			self.assert_clean(["loose"])
			for name in os.listdir(loose):
				self.assertEqual(os.stat(os.path.join(loose, name)).st_mode & 0o777, 0o600)
		self.assertEqual(os.stat(loose).st_mode & 0o777, 0o700)

	def test_loose_files_of_tables_no_longer_wanted_go(self):
		self.serve(SIZE)
		loose = os.path.join(self.out_folder, "loose")
		self.export("--output", loose + "/", "--collections", "core,demographics")
		self.export("--output", loose + "/", expect=6)
		self.assertIn("demographics.csv", os.listdir(loose))
		self.export("--output", loose + "/", "--force-once")
		self.assert_files(self.bundle(loose), self.truth())

	def test_loose_files_do_not_replace_a_folder_of_others(self):
		self.serve(SIZE)
		loose = os.path.join(self.out_folder, "loose")
		os.mkdir(loose)
		with open(os.path.join(loose, "thesis.txt"), "wb") as f:
			f.write(OLD_BUNDLE)
		run = self.program(self.arguments("--output", loose + "/"))
		self.assertIn(run.code, (1, 2), run.shown)
		self.assertIn("thesis.txt", run.error)
		self.assertEqual(os.listdir(loose), ["thesis.txt"])
		self.assert_clean(["loose"])

	def test_loose_files_are_untouched_by_a_failed_run(self):
		self.serve(SIZE)
		loose = os.path.join(self.out_folder, "loose")
		self.export("--output", loose + "/")
		before = {name: self.mark(os.path.join(loose, name)) for name in os.listdir(loose)}
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 418}}])
		self.export("--output", loose + "/", expect=5)
		self.assertEqual({name: self.mark(os.path.join(loose, name)) for name in os.listdir(loose)}, before)
		self.assert_clean(["loose"])


class References(Case):
	def test_dangling_fails(self):
		self.serve(SIZE, dangling=3)
		run = self.export_nothing(3, r"enrollments\.csv: column classSourcedId, 3 references lead to rows of "
			r"classes\.csv that the server did not send")
		self.assertIn("dangling = drop", run.error)
		(reference,) = run.report["bundles"][0]["references"]
		self.assertEqual((reference["file"], reference["column"], reference["dangling"]),
			("enrollments.csv", "classSourcedId", 3))

	def export_nothing(self, code, words, *extra):
		before = self.old_bundle()
		run = self.export(*extra, expect=code)
		self.assertRegex(run.error, words)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()
		return run

	def test_dangling_dropped(self):
		self.serve(SIZE, dangling=3)
		run = self.export_truth("--dangling", "drop")
		enrollments = next(f for f in run.report["bundles"][0]["files"] if f["file"] == "enrollments.csv")
		self.assertEqual((enrollments["rows"], enrollments["left-out-dangling"]), (120, 3))
		self.assertRegex(run.err, r"enrollments\.csv: 3 rows left out")
		self.assertRegex(run.out, ", 3 left out")

	def test_dangling_kept(self):
		self.serve(SIZE, dangling=3)
		run = self.export("--dangling", "keep")
		found = columns(self.bundle()["enrollments.csv"])
		self.assertEqual(len(found), 123)
		self.assertEqual(sorted(r["sourcedId"] for r in found if r["classSourcedId"] == "no-such-class"),
			["dangling-0", "dangling-1", "dangling-2"])
		truth = self.truth()
		bundle = self.bundle()
		for name in truth:
			if name != "enrollments.csv":
				self.assertEqual(bundle[name], truth[name])
		self.assertEqual(len(run.warnings), 1)

	def test_dropping_cascades(self):
		"""A course without its district, the classes of the course, their enrollments, line items and results."""
		course = {"sourcedId": "lost", "status": "active", "title": "Lost", "org": {"sourcedId": "nowhere"}}
		lost_class = {"sourcedId": "lost-class", "status": "active", "title": "Lost", "course": {"sourcedId": "lost"},
			"school": {"sourcedId": "994"}, "terms": [{"sourcedId": "994_F"}], "classType": "scheduled"}
		enrollment = {"sourcedId": "lost-seat", "status": "active", "class": {"sourcedId": "lost-class"},
			"user": {"sourcedId": "STU_100001"}, "school": {"sourcedId": "994"}, "role": "student"}
		self.serve(SIZE, records={"courses": [course], "classes": [lost_class], "enrollments": [enrollment]})
		run = self.export("--collections", ",".join(EVERYTHING), "--dangling", "drop")
		self.assert_truth(collections=EVERYTHING)
		for data in self.bundle().values():
			self.assertNotIn(b"lost", data)
		files = {f["file"]: f for f in run.report["bundles"][0]["files"]}
		self.assertEqual(files["courses.csv"]["left-out-dangling"], 1)
		self.assertEqual(files["classes.csv"]["left-out-dangling"] + files["classes.csv"]["left-out-hanging"], 1)
		self.assertEqual(files["enrollments.csv"]["left-out-dangling"] + files["enrollments.csv"]["left-out-hanging"], 1)

	def test_tables_not_in_the_bundle_are_not_missed(self):
		self.serve(SIZE)
		for collections in (["enrollments"], ["users"], ["classes", "users"]):
			self.export("--collections", ",".join(collections), "--force-once")
			self.assert_truth(collections=collections)


class Fill(Case):
	BLANK = {"users.enabledUser": 3, "classes.classType": 2, "enrollments.schoolSourcedId": 5}

	def test_another_value(self):
		self.serve(SIZE, blank={"users.enabledUser": 3})
		self.export("--fill", "users.enabledUser=false")
		blanked = [r["sourcedId"] for n, r in enumerate(columns(self.bundle()["users.csv"]))]
		truth = {r["sourcedId"]: r for r in columns(self.truth()["users.csv"])}
		changed = [r for r in columns(self.bundle()["users.csv"]) if r != truth[r["sourcedId"]]]
		self.assertEqual(len(blanked), 60)
		self.assertLessEqual(len(changed), 20)
		self.assertGreater(len(changed), 15)
		for row in changed:
			self.assertEqual(row, {**truth[row["sourcedId"]], "enabledUser": "false"})

	def test_further_columns(self):
		self.serve(SIZE, blank={"users.username": 4})
		run = self.assert_fails(3, r"users\.csv: column username, 15 rows: required, but the server sent nothing")
		self.assertIn("fill = users.username=VALUE", run.error)
		self.export("--fill", "users.username=nobody")
		filled = [r for r in columns(self.bundle()["users.csv"]) if r["username"] == "nobody"]
		self.assertEqual(len(filled), 15)

	def test_none(self):
		self.serve(SIZE, blank=self.BLANK)
		run = self.assert_fails(3, "required, but the server sent nothing", "--fill", "none")
		self.assertIn("2 more problems", run.error)

	def test_school_of_the_class(self):
		self.serve(SIZE, blank=self.BLANK)
		self.export_truth()
		school = {r["sourcedId"]: r["schoolSourcedId"] for r in columns(self.bundle()["classes.csv"])}
		for row in columns(self.bundle()["enrollments.csv"]):
			self.assertEqual(row["schoolSourcedId"], school[row["classSourcedId"]])


class Several(Case):
	"""One read, many bundles."""

	def configure(self, text):
		path = self.write("run.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\n"
			f"client-secret-file = {self.secret_file}\nstate-dir = {self.state}\nreport = {self.report}\n{text}")
		return ["export", "--config", path]

	def test_each_in_its_own_form(self):
		self.serve(SIZE, dangling=2)
		run = self.program(self.configure(f"collections = core, demographics\ndangling = drop\n"
			f"[bundle first]\noutput = {self.out_folder}/first.zip\n"
			f"[bundle second]\noutput = {self.out_folder}/second/\nquote = all\neol = lf\nsource-name = Second\n"
			f"[bundle third]\noutput = {self.out_folder}/third.zip\ndangling = keep\n"))
		self.assertEqual(run.code, 0, run.shown)
		collections = CORE + ["demographics"]
		self.assert_files(self.bundle(f"{self.out_folder}/first.zip"), self.truth(collections=collections))
		second = self.bundle(f"{self.out_folder}/second")
		truth = self.truth("--source-name", "Second", collections=collections)
		self.assertEqual({n: rows(d) for n, d in second.items()}, {n: rows(d) for n, d in truth.items()})
		self.assertEqual(len(columns(self.bundle(f"{self.out_folder}/third.zip")["enrollments.csv"])), 122)
		self.assert_clean(["first.zip", "second", "third.zip"])
		self.assertEqual([len(self.sis.log(kind="token")), len(re.findall("^published ", run.out, re.M))], [1, 3])
		self.assertEqual([(b["name"], b["published"]) for b in run.report["bundles"]],
			[("first", True), ("second", True), ("third", True)])

	def test_one_that_fails_does_not_hinder_the_others(self):
		self.serve(SIZE, dangling=2)
		for name in ("bad", "good"):
			self.old_bundle(f"{self.out_folder}/{name}.zip")
		before = self.mark(f"{self.out_folder}/bad.zip")
		run = self.program(self.configure(f"[bundle bad]\noutput = {self.out_folder}/bad.zip\n"
			f"[bundle good]\noutput = {self.out_folder}/good.zip\ndangling = drop\n"))
		self.assertEqual(run.code, 3, run.shown)
		self.assertRegex(run.error, r"\Abundle bad: enrollments\.csv")
		self.assertEqual(self.mark(f"{self.out_folder}/bad.zip"), before)
		self.assert_files(self.bundle(f"{self.out_folder}/good.zip"), self.truth())
		self.assert_clean(["bad.zip", "good.zip"])
		self.assertEqual(run.report["exit-status"], 3)

	def test_what_only_one_may_miss(self):
		self.serve(SIZE, forbidden=["demographics"])
		run = self.program(self.configure(f"collections = core, demographics\n"
			f"[bundle strict]\noutput = {self.out_folder}/strict.zip\n"
			f"[bundle easy]\noutput = {self.out_folder}/easy.zip\nallow-missing = demographics\n"))
		self.assertEqual(run.code, 5, run.shown)
		self.assertRegex(run.error, "bundle strict: demographics.*403")
		self.assert_files(self.bundle(f"{self.out_folder}/easy.zip"), self.truth())
		self.assert_clean(["easy.zip"])

	def test_output_of_the_command_line_cannot_be_for_all(self):
		self.serve(SIZE)
		run = self.program(self.configure(f"[bundle a]\noutput = {self.out_folder}/a.zip\n"
			f"[bundle b]\noutput = {self.out_folder}/b.zip\n") + ["--output", self.zip])
		self.assertEqual(run.code, 2)
		self.assertRegex(run.error, "2 bundles.*cannot share one `output`")

	def test_same_output_twice(self):
		self.serve(SIZE)
		run = self.program(self.configure(f"[bundle a]\noutput = {self.zip}\n[bundle b]\noutput = {self.zip}\n"))
		self.assertEqual(run.code, 2)
		self.assertRegex(run.error, "same `output`")


if __name__ == "__main__":
	unittest.main()

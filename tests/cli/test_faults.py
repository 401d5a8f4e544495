"""What goes wrong on the way: it is asked again and the bundle is the truth, or the run ends with exit 5, one sentence,
and the bundle of yesterday as it was."""

import resource
import unittest

from harness import Case

SIZE = {"users": 60, "enrollments": 120}
PATIENCE = ("--retry-time", "1s")
ALWAYS = [
	# a name, what the server does to each page of users, what the sentence says
	("half a JSON body", {"truncate_json": True}, "users, rows from 1: .*(broken off|ends|cut|incomplete|middle)"),
	("500 for ever", {"status": 500}, r"users, rows from 1: .*500"),
	("503 for ever", {"status": 503}, r"users, rows from 1: .*503"),
	("login page with 200", {"html": True}, "users, rows from 1: got a web page"),
	("login page with 403", {"html": True, "status": 403}, r"users.*403"),
	("not JSON", {"garbage": True}, "users, rows from 1: "),
	("an error in place of rows", {"error_object": True}, "users, rows from 1: the answer holds no list of records"),
	("nothing at all", {"body": ""}, "users, rows from 1: "),
	("an empty object", {"body": "{}"}, "users, rows from 1: "),
	("a lone word", {"body": "null"}, "users, rows from 1: "),
	("a body that is cut", {"cut": 0.6}, "users, rows from 1: "),
	("no answer", {"close": True}, "users, rows from 1: "),
	("another address", {"redirect": "https://elsewhere.example/users"}, "users, rows from 1: .*another address.*url"),
	("410", {"status": 410}, "users, rows from 1: .*410"),
	("400", {"status": 400}, "users, rows from 1: .*400"),
	("418", {"status": 418}, "users, rows from 1: .*418"),
	("408", {"status": 408}, "users, rows from 1: .*408"),
]


class ForEver(Case):
	def test_nothing_is_published_from_a_page_that_never_comes(self):
		for name, do, words in ALWAYS:
			with self.subTest(name):
				self.serve(SIZE, derived=False, faults=[{"match": "users", "do": do}])
				run = self.assert_fails(5, words, *PATIENCE)
				self.assertEqual(len(run.lines), 1, run.shown)
				self.assertEqual(run.report["error"]["kind"], "api")
				self.assertFalse(any(b["published"] for b in run.report["bundles"]))

	def test_nor_from_a_later_page(self):
		for name, do, words in ALWAYS[:4]:
			with self.subTest(name):
				faults = [{"match": "users", "offset": n, "do": do} for n in range(20, 60)]
				self.serve(SIZE, derived=False, faults=faults)
				run = self.assert_fails(5, words.replace("from 1:", r"from \d\d:"), *PATIENCE, "--page-size", 25)
				self.assertEqual(len(run.lines), 1, run.shown)

	def test_every_address_unknown(self):
		self.serve(SIZE, faults=[{"match": "data", "do": {"status": 404}}])
		run = self.assert_fails(5, "orgs.*404")
		self.assertIn("check url", run.error)

	def test_data_address_wrong(self):
		self.serve(SIZE, data_path="/other/v9")
		self.assert_fails(5, "orgs.*(404|web page).*check url")

	def test_words_of_the_server_are_one_clean_line(self):
		body = '{"imsx_codeMajor":"failure","imsx_codeMinor":"x","imsx_description":"line one\\nline\\ttwo \\u001b[31mred"}'
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 418, "body": body}}])
		run = self.assert_fails(5, r"line one line two \S*red")
		self.assertNotIn("\x1b", run.err)

	def test_endless_words_of_the_server_are_cut(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 418, "body": "word " * 100000}}])
		run = self.assert_fails(5, "418")
		self.assertLess(len(run.error), 1000)

	def test_data_of_people_is_not_shown(self):
		"""A body that is cut in the middle of a row must not come back in the sentence."""
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"truncate_json": True}}])
		run = self.assert_fails(5, "users", *PATIENCE)
		for word in ("Sample-", "Student", "sample.example", "STU_"):
			self.assertNotIn(word, run.err + run.report_text)

	def test_answer_that_begins_too_late_is_asked_for_again(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "first": 1, "do": {"delay": 30}}])
		run = self.export_truth("--timeout", "1s")
		self.assertEqual(run.collection("users")["retries"], 1)

	def test_answer_that_never_begins(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"delay": 30}}])
		self.assert_fails(5, "users, rows from 1: ", "--timeout", "1s", "--retry-time", "1s")


class Passing(Case):
	"""Troubles that pass. The bundle is the truth."""

	def after(self, do, *extra, size=None, first=1, match="users", **scenario):
		self.serve(size or SIZE, derived=False, faults=[{"match": match, "first": first, "do": do}], **scenario)
		return self.export_truth(*extra)

	def test_once_is_forgiven(self):
		for name, do in (("500", {"status": 500}), ("502", {"status": 502}), ("503", {"status": 503}),
				("504", {"status": 504}), ("408", {"status": 408}), ("429", {"status": 429}), ("425", {"status": 425}),
				("cut in a string", {"cut": 0.5}), ("cut behind the head", {"cut": 1}), ("no answer", {"close": True}),
				("half a body", {"truncate_json": True}), ("garbage", {"garbage": True}),
				("login page", {"html": True}), ("401", {"unauthorized": True})):
			with self.subTest(name):
				run = self.after(do)
				self.assertEqual(run.err, "")
				if name != "no answer":  # the connection was used before, so libcurl asks again by itself
					self.assertEqual(run.collection("users")["retries"], 1)

	def test_rows_of_a_cut_page_are_not_counted_twice(self):
		"""The changes of values are counted once, too."""
		self.serve(SIZE, nasty=True)
		clean = self.export()
		again = self.after({"cut": 0.7}, size=SIZE, nasty=True)
		self.assertEqual(clean.collection("users")["findings"], again.collection("users")["findings"])
		self.assertEqual(clean.collection("users")["rows"], again.collection("users")["rows"])

	def test_waits_as_long_as_it_is_told(self):
		for style in ("seconds", "date"):
			with self.subTest(style):
				self.serve(SIZE, derived=False, retry_after_style=style,
					faults=[{"match": "users", "first": 1, "do": {"status": 429, "retry_after": 2}}])
				self.export_truth()
				at = [e["t"] for e in self.sis.pages("users")]
				self.assertGreaterEqual(at[1] - at[0], 0.9 if style == "date" else 1.9)

	def test_wait_told_longer_than_patience_is_not_begun(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 503, "retry_after": 3600}}])
		self.assert_fails(5, "503", *PATIENCE)

	def test_too_large_pages_are_halved(self):
		collections = ["orgs", "users"]
		for status in (504, 413):
			with self.subTest(status):
				self.serve({"users": 200}, when_limit_over=60, limit_over_status=status)
				self.export_truth("--page-size", 100, "--collections", "orgs,users", collections=collections)
				limits = {e["query"]["limit"] for e in self.sis.pages("users") if e["status"] == 200}
				self.assertEqual(limits, {"50"})

	def test_token_forgotten_in_the_middle(self):
		self.serve({"users": 100, "enrollments": 120},
			faults=[{"match": "users", "nth": 3, "do": {"drop_token": True}}])
		self.export_truth("--page-size", 20, "--parallel", 1)
		self.assertEqual(len(self.sis.log(kind="token")), 2)
		self.assertEqual(len(self.sis.log(kind="data", status=401)), 1)

	def test_token_forgotten_while_many_requests_run(self):
		self.serve({"users": 400, "enrollments": 900, "classes": 30}, latency=0.02,
			faults=[{"match": "users", "nth": 6, "do": {"drop_token": True}}])
		self.export_truth("--page-size", 20, "--parallel", 8)
		self.assertEqual(len(self.sis.log(kind="token")), 2)

	def test_body_that_rests_in_the_middle(self):
		run = self.after({"stall": 2}, "--timeout", "1s")
		self.assertEqual(run.collection("users")["retries"], 0)

	def test_waiting_for_the_server_costs_nothing(self):
		"""Time of the processor, not of the clock: with slow pages hardly more than without."""
		def busy(faults):
			self.serve({"users": 200, "enrollments": 300}, cap=20, faults=faults)
			before = resource.getrusage(resource.RUSAGE_CHILDREN)
			self.export_truth("--parallel", 2)
			after = resource.getrusage(resource.RUSAGE_CHILDREN)
			return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

		slow = {"delay": 4}
		self.assertLess(busy([{"match": "users", "offset": 190, "do": slow},
			{"match": "enrollments", "offset": 0, "do": slow}]), busy([]) + 0.6)

	def test_compressed(self):
		for scenario in ({"gzip": True}, {"gzip": "force"}, {"chunked": True}, {"gzip": True, "chunked": True}):
			with self.subTest(scenario):
				self.serve(SIZE, **scenario)
				run = self.export_truth()
				users = run.collection("users")
				if "gzip" in scenario:
					self.assertLess(users["wire-bytes"], users["bytes"] / 2)

	def test_compressed_body_that_is_cut(self):
		self.after({"cut": 0.5, "gzip": True})

	def test_chunked_body_that_is_cut(self):
		self.after({"cut": 0.5}, chunked=True)

	def test_redirect_on_the_same_host_is_not_taken_for_data(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"redirect": "/aeries/login.aspx"}}])
		self.assert_fails(5, "users")

	def test_chaos(self):
		"""A server that fails in one request of six, in every way, with many requests at once."""
		for seed in (1, 2):
			with self.subTest(seed):
				self.serve({"users": 300, "enrollments": 600, "classes": 30}, derived=False, cap=40,
					chaos={"seed": seed, "rate": 0.17, "in_row": 2,
						"kinds": [503, 429, 502, 500, "cut", "close", "truncate", 401]})
				run = self.export_truth("--parallel", 6)
				self.assertGreater(sum(c["retries"] for c in run.report["collections"]), 1)

	def test_server_with_little_room(self):
		self.serve({"users": 300, "enrollments": 600, "classes": 30}, cap=40, latency=0.01, retry_after=0,
			capacity={"good": 2, "max": 3, "exponent": 1})
		self.export_truth("--parallel", 8)


class Missing(Case):
	"""Collections that are refused or unknown."""

	def test_optional_collection_refused(self):
		for scenario, status in (({"forbidden": ["demographics"]}, "403"), ({"missing": ["demographics"]}, "404")):
			with self.subTest(status):
				self.serve(SIZE, **scenario)
				run = self.assert_fails(5, "demographics.*" + status, "--collections", "core,demographics")
				self.assertIn("allow-missing = demographics", run.error)

	def test_allowed_to_be_missing(self):
		for scenario in ({"forbidden": ["demographics"]}, {"missing": ["demographics"]}):
			with self.subTest(scenario):
				self.serve(SIZE, **scenario)
				run = self.export("--collections", "core,demographics", "--allow-missing", "demographics")
				self.assert_truth()
				self.assertEqual(len(run.warnings), 1)
				self.assertIn("demographics", run.warnings[0])
				self.assertIn("file.demographics,absent\r\n", self.bundle()["manifest.csv"].decode())
				self.assertEqual(run.collection("demographics")["complete"], False)

	def test_missing_is_not_an_excuse_for_trouble(self):
		"""allow-missing is about what the server does not give, not about what it fails to give."""
		self.serve(SIZE, faults=[{"match": "demographics", "do": {"status": 500}}])
		self.assert_fails(5, "demographics.*500", "--collections", "core,demographics", "--allow-missing",
			"demographics", *PATIENCE)

	def test_empty_object_is_no_empty_collection(self):
		self.serve(SIZE, faults=[{"match": "demographics", "do": {"body": "{}"}}])
		self.assert_fails(5, "demographics", "--collections", "core,demographics", *PATIENCE)

	def test_empty_table_allowed(self):
		self.serve({"enrollments": 0, "users": 20})
		self.assert_fails(3, r"enrollments\.csv would be empty")
		run = self.export("--allow-empty", "enrollments")
		self.assert_truth()
		self.assertIn("file.enrollments,absent\r\n", self.bundle()["manifest.csv"].decode())
		self.assertEqual(run.collection("enrollments")["complete"], True)


if __name__ == "__main__":
	unittest.main()

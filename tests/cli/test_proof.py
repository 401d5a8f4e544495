"""The end of a collection needs evidence for it and none against it: every kind of server that once got a smaller bundle
published, each with its exact outcome. The walks (tests/walks) try them together; here each stands alone.

The servers are plans of the walks' Source (tests/walks/grammar.py has the words), with a hook for what only one test has.
"""

import http.server
import json
import os
import sys
import threading
import unittest
import urllib.parse

from harness import SOURCE, Case, columns

sys.path.insert(0, os.path.join(SOURCE, "tests", "walks"))
from grammar import DEFAULTS  # noqa: E402
from source import Answer, Source  # noqa: E402

FOREVER = 1 << 40


def fault(kind, at=None, times=1, place=None, headers=False):
	"""One of a plan's faults: at a request, or wherever a page begins at a place or behind it."""
	where = {"place": place} if place is not None else {"at": at, "times": times}
	return {"kind": kind, "headers": headers, **where}


class Handler(http.server.BaseHTTPRequestHandler):
	"""Gives what the test's Source or hook says."""

	protocol_version = "HTTP/1.1"

	def do_GET(self):
		test = self.server.test
		with self.server.lock:
			name = urllib.parse.urlsplit(self.path).path.split("/v1p1/")[-1]
			test.log.append((name, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))))
			answer = test.hook and test.hook(self, name, test.log[-1][1])
			answer = answer or test.source.answer(self.path)
		lines = [f"HTTP/1.1 {answer.status} Answer", f"Content-Type: {answer.kind}",
			f"Content-Length: {len(answer.body)}", *(f"{name}: {value}" for name, value in answer.headers)]
		self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body)

	def log_message(self, *_):  # pylint: disable=arguments-differ
		pass


class Proof(Case):
	def serve_plan(self, hook=None, **plan):
		"""Starts the server of a plan; hook(handler, name, query) may answer in its place."""
		self.close_plan()
		self.log, self.hook = [], hook
		self.begun = getattr(self, "begun", 0) + 1
		self.state, folder = self.path(f"state{self.begun}"), self.path(f"out{self.begun}")
		os.mkdir(folder)
		self.zip = os.path.join(folder, "OneRoster.zip")
		self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.server.daemon_threads, self.server.test, self.server.lock = True, self, threading.Lock()
		root = f"http://127.0.0.1:{self.server.server_address[1]}"
		self.url = root + "/sis"
		self.source = Source(dict(DEFAULTS, **plan), self.url)
		self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
		self.thread.start()
		self.addCleanup(self.close_plan)

	def close_plan(self):
		if getattr(self, "server", None):
			self.server.shutdown()
			self.server.server_close()
			self.server = None

	def read(self, *extra, page_size=10, collections=None, expect=0):
		"""One export; expect is its exit code, None when the test looks at that itself."""
		words = self.arguments("--collections", collections or self.source.table, "--dangling", "keep", "--fill", "none",
			"--page-size", page_size, "--parallel", 1, "--retry-time", "3s", "--auth", "none", *extra, login=False)
		run = self.program(words)
		if expect is not None:
			self.assertEqual(run.code, expect, run.shown)
		return run

	def ids(self):
		return {row["sourcedId"] for row in columns(self.bundle()[f"{self.source.table}.csv"])}

	def truth_comes(self, *extra, **how):
		"""Exit 0 and every row."""
		run = self.read(*extra, **how)
		must, may, _ = self.source.states()
		self.assertLessEqual(must, self.ids(), run.shown)
		self.assertLessEqual(self.ids(), set(may), run.shown)
		return run

	def nothing_comes(self, pattern, *extra, **how):
		"""Exit 5, a sentence that says what was seen, and the bundle of yesterday."""
		before = self.old_bundle()
		run = self.read(*extra, expect=5, **how)
		self.assertRegex(run.error, pattern)
		self.assertTrue(run.error.startswith(self.source.table), run.error)
		self.assertEqual(self.mark(self.zip), before, "the bundle of yesterday was touched")
		return run

	def asked(self, name=None):
		return [query for path, query in self.log if path == (name or self.source.table)]


class Cursor(Proof):
	"""Links without an offset: only a whole page with a list and no sign of a next one is the last."""

	def test_next_page_that_is_no_page(self):
		for kind in (404, 400, 204, "{}", "null", "error object"):
			with self.subTest(kind):
				self.serve_plan(paging="cursor link", link="right", faults=[fault(kind, at=2, times=FOREVER)])
				self.nothing_comes(".")

	def test_next_page_that_is_no_page_once(self):
		for kind in (404, 400, 204, "{}", "null"):
			with self.subTest(kind):
				self.serve_plan(paging="cursor link", link="right", faults=[fault(kind, at=2)])
				self.truth_comes()

	def test_link_that_cannot_be_followed(self):
		for link in ("foreign", "scheme", "user", "blank", "cut"):
			with self.subTest(link):
				self.serve_plan(paging="cursor link", link=link)
				self.nothing_comes(".")

	def test_link_that_is_long(self):
		"""What is longer than the program keeps is still a link."""
		for length in (8300, 50000):
			with self.subTest(length):
				def hook(_, name, query, length=length):
					if name != "courses":
						return None
					answer = self.source.answer(self.url + "/v1p1/courses?" + urllib.parse.urlencode(query))
					answer.headers = [(n, v.replace("cursor=", "state=" + length * "x" + "&cursor=")) for n, v in answer.headers]
					return answer
				self.serve_plan(hook, paging="cursor link", link="right")
				before = self.old_bundle()
				run = self.read(expect=None)
				if run.code == 0:
					self.assertEqual(len(self.ids()), 25)
				else:
					self.assertEqual((run.code, self.mark(self.zip)), (5, before), run.shown)

	def test_link_with_an_offset_beside_its_cursor(self):
		"""It looks like one that need not be followed, but offsets lead nowhere."""
		def hook(_, name, query):
			if name != "courses" or "cursor" in query:
				return None
			answer = self.source.answer(self.url + "/v1p1/courses?" + urllib.parse.urlencode(query))
			answer.headers = [(n, v.replace("cursor=", "offset=10&cursor=")) for n, v in answer.headers]
			return answer
		self.serve_plan(hook, paging="cursor link", link="right")
		self.nothing_comes("offset")

	def test_cursors_that_expired_before_the_run_goes_on(self):
		for status in (404, 400, 410, 204):
			with self.subTest(status):
				self.serve_plan(paging="cursor link", link="right", rows=45, faults=[fault(500, at=4, times=FOREVER)])
				self.read("--resume", "1h", expect=5)
				self.source.plan.update(faults=[], expire=status)
				self.source.cut_off()
				self.truth_comes("--resume", "1h")

	def test_cursors_that_never_repeat_over_rows_that_do(self):
		def hook(_, name, query):
			if name == "courses" and "cursor" in query:
				query["cursor"] = list(self.source.cursors)[len(self.asked()) % 2]
				return self.source.answer(self.url + "/v1p1/courses?" + urllib.parse.urlencode(query))
			return None
		for total in ("none", "right"):
			with self.subTest(total):
				self.serve_plan(hook, paging="cursor link", link="always", rows=30, total=total)
				self.nothing_comes(".")
				self.assertLess(len(self.asked()), 300)


class Middle(Proof):
	"""Rows that are taken out after paging, and links that always lead on."""

	def test_page_that_is_empty_while_its_link_leads_on(self):
		for paging, hidden in (("offset", range(10, 30)), ("offset", range(12, 25)), ("cursor link", range(10, 30))):
			with self.subTest(paging=paging, hidden=hidden):
				self.serve_plan(paging=paging, link="right", rows=55, filter="after", hidden=list(hidden))
				self.truth_comes()

	def test_link_that_always_leads_on(self):
		for rows in (25, 30):
			with self.subTest(rows):
				self.serve_plan(link="always", rows=rows)
				self.truth_comes()


class Once(Proof):
	"""Everything at once is believed only when the page has more or fewer rows than were asked for, and nothing speaks
	against it."""

	def test_everything_at_once(self):
		for rows in (25, 7):
			for total in ("none", "right"):
				with self.subTest(rows=rows, total=total):
					self.serve_plan(paging="all", rows=rows, total=total)
					self.truth_comes()

	def test_cache_that_ignores_the_query(self):
		for link in ("none", "right"):
			with self.subTest(link):
				self.serve_plan(cache={"refresh": 0}, link=link)
				self.nothing_comes(".")

	def test_first_page_always_and_a_sign_of_more(self):
		for sign in ("hasMore", "pages", "total"):
			with self.subTest(sign):
				self.serve_plan(paging="ignored", sign=sign, fixed=7)
				self.nothing_comes(".")

	def test_pages_with_numbers_by_links_to_an_inner_host(self):
		"""The number is used, the host is not."""
		for size in (7, 15):
			with self.subTest(size):
				self.serve_plan(paging="page", link="foreign", fixed=size)
				self.truth_comes()

	def test_next_page_in_the_body(self):
		for name in ("next", "nextLink", "@odata.nextLink", "links.next"):
			with self.subTest(name):
				self.serve_plan(paging=name, link="right")
				self.truth_comes()
				self.serve_plan(paging=name, link="foreign")
				self.nothing_comes(".")


class Totals(Proof):
	def test_total_of_the_page_and_one_refusal(self):
		for kind in (404, 400, 204, "{}", "null"):
			with self.subTest(kind):
				self.serve_plan(total="page", faults=[fault(kind, at=2)])
				self.truth_comes()

	def test_total_that_is_capped_where_the_server_refuses(self):
		self.serve_plan(rows=35, total="capped", total_number=20, window=20)
		self.nothing_comes(".")

	def test_refusal_that_passes_where_the_end_may_be(self):
		for kind in (404, 400, 204, "{}"):
			for size in ({"page_size": 1}, {"cap": 1}):
				with self.subTest(kind=kind, size=size):
					self.serve_plan(cap=size.get("cap"), faults=[fault(kind, at=11)])
					self.truth_comes(page_size=size.get("page_size", 10))


	def test_total_that_is_always_wrong(self):
		"""There is a way past it: two readings that agree."""
		for plan in ({"total": "wrong", "total_number": 3}, {"total": "wrong", "total_number": -3}, {"total": "zero"},
				{"total": "before filter", "filter": "before", "hidden": [3, 4]}, {"total": "active", "deleted": 2}):
			with self.subTest(plan):
				self.serve_plan(**plan)
				run = self.nothing_comes("total")
				self.assertIn("read-twice", run.error)
				self.truth_comes("--read-twice", "courses")

	def test_second_reading_that_does_not_agree(self):
		self.serve_plan(total="wrong", total_number=3, order="each time")
		self.nothing_comes(".", "--read-twice", "courses")


class Order(Proof):
	def test_rows_twice_where_the_server_ignores_the_limit(self):
		"""A second reading has the same page borders, and so agrees with the first."""
		self.serve_plan(fixed=10, rows=35, order="by offset")
		self.nothing_comes(".")

	def test_row_that_goes_between_pages_with_numbers(self):
		self.serve_plan(paging="page", link="right", rows=45, mutate=[[3, "delete", 0.1]])
		self.truth_comes()

	def test_offsets_of_whole_pages(self):
		for paging in ("whole", "rounded"):
			for rest in ({}, {"end": 404}, {"total": "right"}):
				with self.subTest(paging=paging, rest=rest):
					self.serve_plan(paging=paging, rows=45, **rest)
					self.truth_comes()


class Failures(Proof):
	def test_failure_beside_rows(self):
		self.serve_plan(faults=[fault("failure", at=2, times=FOREVER)])
		self.nothing_comes("failure")

	def test_failure_of_another_name_beside_rows(self):
		for name, value in (("errors", [{"message": "database timeout"}]), ("errors", "database timeout"),
				("statusInfoSet", [{"imsx_codeMajor": "failure", "imsx_description": "database timeout"}])):
			with self.subTest(name):
				def hook(_, table, query, name=name, value=value):
					if table != "courses" or query.get("offset") == "0":
						return None
					return Answer(200, body=json.dumps({"courses": [], name: value}).encode())
				self.serve_plan(hook)
				self.nothing_comes(".")

	def test_no_failure_beside_rows(self):
		"""Success, and lists of errors that are empty, are none."""
		for members in ({"imsx_codeMajor": "success"}, {"errors": []}, {"warnings": [], "errors": None}):
			with self.subTest(members):
				def hook(_, table, query, members=members):
					if table != "courses":
						return None
					answer = self.source.answer(self.url + "/v1p1/courses?" + urllib.parse.urlencode(query))
					answer.body = answer.body[:-1] + b"," + json.dumps(members)[1:].encode()
					return answer
				self.serve_plan(hook)
				self.truth_comes()

	def test_empty_object_in_a_second_reading(self):
		"""A row that goes makes it read again; nothing from there on."""
		self.serve_plan(rows=45, mutate=[[3, "delete", 0.1]], faults=[fault("{}", at=4, times=FOREVER)])
		self.nothing_comes(".", "--allow-empty", "courses")

	def test_two_lists_in_one_answer(self):
		for total in ("none", "right"):
			self.serve_plan(table="users", wrapper="two lists", total=total)
			self.nothing_comes("several lists")


class Joined(Proof):
	"""A collection is joined from other addresses only if its own one refuses to the last."""

	def test_refusal_that_passes(self):
		for table in ("users", "enrollments"):
			for status in (404, 403):
				for times in (1, 2):
					with self.subTest(table=table, status=status, times=times):
						self.serve_plan(table=table, parts=True, faults=[fault(status, at=1, times=times)])
						run = self.truth_comes(collections=f"orgs,{table}")
						self.assertNotIn("oined", run.err)

	def test_refusal_that_stays(self):
		self.serve_plan(table="users", parts=True, faults=[fault(403, at=1, times=FOREVER)])
		run = self.read(collections="orgs,users")
		self.assertEqual(self.ids(), {row.id for row in self.source.rows if row.role != "administrator"})
		self.assertEqual(len([line for line in run.warnings if "other addresses" in line]), 1, run.shown)
		self.assertRegex(run.collection("users")["proof"], "joined")
		self.assertGreater(len(self.asked()), 1, "it was not asked again")


class GoingOn(Proof):
	"""A run that goes on with pages of an earlier one."""

	def half(self, *extra):
		"""A run that fails behind its second page, and keeps what it has."""
		self.source.plan["faults"] = [fault(500, at=self.source.asked + 3, times=FOREVER)]
		self.read("--resume", "1h", *extra, expect=5)
		self.source.plan["faults"] = []
		self.log.clear()

	def second_page(self):
		"""Requests for the second page, which was kept: the first one may be looked at again."""
		return [query for query in self.asked() if query.get("offset") in ("9", "10")]

	def test_the_same_again(self):
		self.serve_plan(rows=45, total="right")
		self.half()
		self.truth_comes("--resume", "1h")
		self.assertEqual(self.second_page(), [], "kept, and asked for again")

	def test_other_header(self):
		self.serve_plan(rows=45, total="right")
		self.half("--header", "X-District: 1")
		self.truth_comes("--resume", "1h", "--header", "X-District: 2")
		self.assertEqual(len(self.second_page()), 1, "pages of another district were used")

	def test_other_token(self):
		self.serve_plan(rows=45, total="right")
		one, other = (self.write(name, name[0] * 64 + "\n", 0o600) for name in ("a", "b"))
		self.half("--auth", "bearer", "--bearer-token-file", one)
		self.truth_comes("--resume", "1h", "--auth", "bearer", "--bearer-token-file", other)
		self.assertEqual(len(self.second_page()), 1, "pages of another district were used")
		self.half("--auth", "bearer", "--bearer-token-file", one)
		self.truth_comes("--resume", "1h", "--auth", "bearer", "--bearer-token-file", one)
		self.assertEqual(self.second_page(), [], "kept, and asked for again")

	def test_other_publication(self):
		revision = ["1"]
		def hook(_, table, query):
			if table != "courses":
				return None
			answer = self.source.answer(self.url + "/v1p1/courses?" + urllib.parse.urlencode(query))
			answer.headers.append(("x-perm-rev", revision[0]))
			return answer
		self.serve_plan(hook, rows=45, total="right")
		self.half()
		revision[0] = "2"
		self.truth_comes("--resume", "1h")
		self.assertEqual(len(self.second_page()), 1, "pages of two publications were mixed")

	def test_row_that_went_meanwhile(self):
		for total in ("none", "right"):
			for page_size in (10, 1):
				with self.subTest(total=total, page_size=page_size):
					self.serve_plan(rows=45, total=total)
					self.half("--page-size", page_size)
					gone = self.source.rows.pop(0)
					self.truth_comes("--resume", "1h", page_size=page_size)
					self.assertNotIn(gone.id, self.ids())


class Secrets(Proof):
	def test_secret_that_stands_in_a_link(self):
		"""What is shown is masked, what is read is not."""
		def hook(handler, table, query):
			self.assertEqual(handler.headers["Authorization"], "Bearer 10")
			return None
		token = self.write("short", "10\n", 0o600)
		self.serve_plan(hook, paging="page", link="right", rows=45)
		self.truth_comes("--auth", "bearer", "--bearer-token-file", token)


class Saved(Proof):
	"""Saved pages make the same bundle again."""

	def test_pages_of_every_end(self):
		plans = [{"end": end} for end in ("empty", "null", 204, 404, 400)]
		plans += [{"paging": "cursor link", "link": "right"}]
		plans += [{"paging": "rounded", "rows": 45}, {"paging": "page", "link": "right"}, {"paging": "next", "link": "right"},
			{"paging": "all"}, {"link": "right", "rows": 55, "filter": "after", "hidden": list(range(10, 30))}]
		for number, plan in enumerate(plans):
			with self.subTest(plan):
				self.serve_plan(**plan)
				saved = self.path(f"saved{number}")
				self.truth_comes("--save-pages", saved)
				first = self.mark(self.zip)[3]
				os.unlink(self.zip)
				run = self.program(["export", "--from-pages", saved, "--output", self.zip, "--state-dir", self.state,
					"--collections", "courses", "--dangling", "keep", "--fill", "none"])
				self.assertEqual(run.code, 0, run.shown)
				self.assertEqual(self.mark(self.zip)[3], first)


if __name__ == "__main__":
	unittest.main()

"""Runs that were cut off and go on, and pages that are kept."""

import json
import os
import random
import shutil
import signal
import stat
import time
import unittest

from harness import SECRET, Case, sis_module
from served import Served, state

KILLS = int(os.environ.get("ROSTERZIP_KILLS") or 8)
SIZE = {"users": 400, "classes": 60, "courses": 30, "enrollments": 800}
PARALLEL = 3
READ = ["--page-size", 25, "--parallel", PARALLEL]
RESUME = ["--resume", "1h"]

# Answers that may have come but were not kept when the kill came: those on the way or waiting for their turn, of this
# collection and of those that are read beside it.
LOOSE = 3 * PARALLEL


class Keeping(Case):
	def begin(self, size=None, **scenario):
		self.served = Served({"district": size or SIZE, "latency": 0.02, **scenario})
		self.addCleanup(self.served.close)
		self.url = self.served.url

	def asked(self, since=0):
		"""What was asked of the server, each request as (address, offset, limit)."""
		return [(path, int(query["offset"]), int(query["limit"])) for path, query, _ in self.served.pages(since)]

	def twice(self, asked, kept):
		"""Pages that were kept and asked for again. The first page of a collection that a run goes on with is looked at
		once more, to see that it is still the same; no other is."""
		again = [page for page in asked if page in set(kept)]
		first = [page for page in again if page[1] == 0]
		self.assertEqual(len(first), len(set(first)))
		return [page for page in again if page[1] > 0]

	def answered(self, since):
		"""What was answered whole."""
		return [(path, int(query["offset"]), int(query["limit"])) for path, query, entry in self.served.pages(since)
			if entry["status"] == 200 and not entry.get("broken")]

	def kept(self, folder=None):
		"""The pages that count, and the readings that are done, as the index has them."""
		pages, done = [], set()
		path = os.path.join(folder or os.path.join(self.state, "pages"), "rosterzip-pages")
		if not os.path.exists(path):
			return pages, done
		with open(path, encoding="utf-8") as f:
			lines = f.read().split("\n")[:-1]
		for line in lines:
			words = line.split(" ")
			if "page" in words[:2]:
				at = words.index("page")
				pages.append((words[at + 1], int(words[at + 3]), int(words[at + 4])))
			if "done" in words[:2]:
				done.add(words[words.index("done") + 1])
			if "restart" in words[:2]:
				stem = words[words.index("restart") + 1]
				pages = [page for page in pages if page[0] != stem]
		return pages, done

	def kill(self, process, number=signal.SIGKILL):
		process.send_signal(number)
		process.communicate(timeout=20)
		self.quiet()

	def quiet(self):
		"""Waits until the server has no request in hand, so that its log is whole."""
		self.until("the server rests", lambda: self.served.sis.in_flight == 0)
		seen = -1
		while seen != len(self.served.log):
			seen = len(self.served.log)
			time.sleep(0.02)

	def killed_after(self, requests, *arguments):
		"""Starts an export and kills it after so many requests for data."""
		since = len(self.served.log)
		process = self.start(*READ, *arguments)
		self.until("requests", lambda: len(self.served.pages(since)) >= requests, process=process)
		self.kill(process)
		return since

	def whole(self):
		"""The bundle that an undisturbed run makes; removes it again."""
		self.export(*READ)
		data = self.mark(self.zip)[3]
		self.assert_files(self.bundle(), state(self.served.scenario))
		os.unlink(self.zip)
		return data


class Killed(Keeping):
	def test_at_any_instant(self):
		self.begin(cap=20)
		wanted = self.whole()
		began = time.monotonic()
		self.export(*READ, *RESUME)
		lasts = time.monotonic() - began
		dice = random.Random(int(os.environ.get("ROSTERZIP_KILL_SEED") or 14))
		reused = 0
		for n in range(KILLS):
			with self.subTest(n):
				shutil.rmtree(self.state)
				before = self.old_bundle()
				since, known, kept, done = len(self.served.log), [], set(), set()
				for _ in range(dice.choice([1, 1, 1, 2, 3])):
					process = self.start(*READ, *RESUME)
					time.sleep(dice.uniform(0, lasts * 1.05))
					self.kill(process)
					if self.mark(self.zip) != before:
						self.assertEqual(self.mark(self.zip)[3], wanted, "neither the old bundle nor the new one")
						before = self.mark(self.zip)
					self.not_again(since, known, kept, done)
					known += self.answered(since)
					pages, done = self.kept()
					kept = set(pages)
					if not kept:
						known = []  # it had come to its end, or had kept nothing yet
					since = len(self.served.log)
				self.export(*READ, *RESUME)
				reused += self.not_again(since, known, kept, done)
				self.assertEqual(self.mark(self.zip)[3], wanted)
				self.assert_clean()
		self.assertGreater(reused, 0, "no kill left anything to go on with")

	def not_again(self, since, known, kept, done):
		"""Nothing that was kept is asked for again, and of what was answered no more than could be loose."""
		asked = self.asked(since)
		self.assertEqual(self.twice(asked, kept), [], "kept, and asked for again")
		self.assertEqual([page for page in asked if page[0] in done], [], "finished, and asked for again")
		if kept:
			again = self.twice(asked, known)
			self.assertLessEqual(len(again), LOOSE, f"answered, and asked for again: {again}")
		return len(kept)

	def test_again_and_again(self):
		"""A run that is killed every time it has got a little further comes to its end all the same."""
		self.begin(cap=20)
		wanted = self.whole()
		before = self.old_bundle()
		part = len(self.served.pages()) // 5
		for _ in range(4):
			self.killed_after(part, *RESUME)
			self.assertEqual(self.mark(self.zip), before)
		self.assertGreater(len(self.kept()[0]), 2 * part)
		self.export(*READ, *RESUME)
		self.assertEqual(self.mark(self.zip)[3], wanted)
		self.assert_clean()

	def test_told_to_stop(self):
		for number in (signal.SIGTERM, signal.SIGINT):
			with self.subTest(number):
				self.begin()
				since = len(self.served.log)
				process = self.start(*READ, *RESUME)
				self.until("requests", lambda s=since: len(self.served.pages(s)) >= 20, process=process)
				self.kill(process, number)
				self.assertIn(process.returncode, (128 + number, -number))
				kept, done = self.kept()
				self.assertGreater(len(kept), 5)
				since = len(self.served.log)
				self.export(*READ, *RESUME)
				self.not_again(since, [], set(kept), done)
				self.assert_files(self.bundle(), state(self.served.scenario))
				self.assert_clean()
				self.served.close()

	def test_given_up(self):
		"""A run that ended with exit 5 is gone on with, too."""
		self.begin(faults=[{"match": "enrollments", "nth": [6, 7], "do": {"status": 500}}])
		self.assert_fails_and_keeps("enrollments.*500", "--parallel", 1)
		kept, done = self.kept()
		self.assertEqual(done, {"orgs", "academicSessions", "courses", "classes", "users"})
		since = len(self.served.log)
		self.export(*READ, *RESUME, "--parallel", 1)
		self.not_again(since, [], set(kept), done)
		self.assertEqual({path for path, _, _ in self.asked(since)}, {"enrollments"})
		self.assert_files(self.bundle(), state(self.served.scenario))
		self.assert_clean()

	def assert_fails_and_keeps(self, pattern, *arguments):
		before = self.old_bundle()
		run = self.export(*READ, *RESUME, *arguments, expect=5)
		self.assertRegex(run.error, pattern)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean(state=("lock", "pages"))

	def test_more_requests_at_once_are_no_other_setting(self):
		self.begin()
		self.killed_after(25, *RESUME)
		kept, done = self.kept()
		since = len(self.served.log)
		self.export(*READ, *RESUME, "--parallel", 1, "--eol", "lf", "--quote", "all")
		self.not_again(since, [], set(kept), done)

	def test_server_that_sorts_and_one_that_does_not(self):
		for scenario in ({"order": "natural", "sort_supported": True}, {"order": "shuffled", "sort_supported": False},
				{"order": "shuffled", "sort_supported": "error"}, {"total": False, "link": False}, {"link": "cursor"},
				{"ignore_limit": True, "ignore_offset": True}, {"total": "page"}, {"stale_copies": 4}, {"past_end": 404}):
			with self.subTest(scenario):
				self.begin(**scenario)
				before = self.old_bundle()
				self.killed_after(9, *RESUME)
				self.assertEqual(self.mark(self.zip), before)
				self.killed_after(2, *RESUME)
				self.assertEqual(self.mark(self.zip), before)
				self.export(*READ, *RESUME)
				self.assert_files(self.bundle(), state(self.served.scenario))
				self.assert_clean()
				self.served.close()


class Nothing(Keeping):
	"""Rows of a table were kept, and what the server answers now is that there is nothing."""

	def test_server_that_refuses_what_is_behind_the_end(self):
		"""That it does not know those rows does not mean that it does not know the table."""
		for status in (404, 400):
			with self.subTest(status):
				self.begin(total=False, link=False, past_end=status, faults=[
					{"match": "users", "offset": SIZE["users"], "first": 1, "do": {"delay": 50}}])
				process = self.start("--page-size", 1000, *RESUME)
				self.until("it asks behind the rows", lambda: self.served.sis.faults.hits == [1], process=process)
				process.kill()
				process.communicate(timeout=20)
				since = len(self.served.log)
				run = self.export("--page-size", 1000, *RESUME)
				self.assertEqual(run.err, "")
				self.assertEqual([offset for path, offset, _ in self.asked(since) if path == "users"].count(0), 1)
				self.assertRegex(run.collection("users")["proof"], "^400 rows: the server refuses what is after them")
				self.assert_files(self.bundle(), state(self.served.scenario))
				self.assert_clean()
				self.served.close()

	def test_table_that_is_gone_meanwhile(self):
		"""The pages kept do not fit any more, and then the server does not know the table: no empty table comes of it."""
		self.begin(size={**SIZE, "with": "demographics"}, order="natural", sort_supported=False)
		wanted = ["--collections", "core,demographics"]
		process = self.start(*READ, *RESUME, *wanted)
		self.until("pages are kept", lambda: sum(page[0] == "demographics" for page in self.kept()[0]) > 2, process=process)
		self.kill(process)
		self.assertNotIn("demographics", self.kept()[1])
		self.served.sis.lists.change({"table": "demographics", "delete": 0})
		self.served.sis.faults = sis_module.Faults({**self.served.scenario, "faults": [
			{"match": "demographics", "offset": 0, "do": {"status": 404}}]})
		before = self.old_bundle()
		run = self.export(*READ, *RESUME, *wanted, expect=5)
		self.assertRegex(run.error, "demographics, rows from 1: .*404")
		self.assertEqual(self.mark(self.zip), before)

	def test_refusal_that_was_lifted(self):
		"""An administrator gives the permission that the message named, and starts the export again."""
		self.begin(forbidden=["users"], derived=False)
		self.export(*READ, *RESUME, expect=5)
		self.served.scenario["forbidden"] = []
		since = len(self.served.log)
		self.export(*READ, *RESUME)
		self.assertEqual({path for path, _, _ in self.asked(since)}, {"users", "enrollments"})
		self.assert_files(self.bundle(), state(self.served.scenario))
		self.assert_clean()


class Afresh(Keeping):
	"""When the pages of before are of no use."""

	def afresh(self, since):
		"""Everything was read again from the first row on, and what came of it is right."""
		firsts = {path for path, offset, _ in self.asked(since) if offset == 0}
		self.assertLessEqual({"orgs", "academicSessions", "courses", "classes", "users", "enrollments"}, firsts)
		self.assert_files(self.bundle(), state(self.served.scenario))
		self.assert_clean()

	def test_other_page_size(self):
		self.begin()
		self.killed_after(30, *RESUME)
		since = len(self.served.log)
		self.export(*READ, *RESUME, "--page-size", 40)
		self.afresh(since)

	def test_other_server(self):
		self.begin()
		self.killed_after(30, *RESUME)
		self.served.close()
		self.begin(size={**SIZE, "seed": 9})
		self.export(*READ, *RESUME)
		self.afresh(0)

	def test_other_district_at_the_same_address(self):
		"""A header line or a parameter of the token may be all that tells two districts apart."""
		self.begin()
		for other in (["--header", "X-District: B"], ["--token-param", "district=B"]):
			with self.subTest(other=other):
				self.killed_after(30, *RESUME)
				since = len(self.served.log)
				run = self.export(*READ, *RESUME, "--verbose", *other)
				self.assertIn("the pages kept were read with other settings; beginning afresh", run.err)
				self.afresh(since)

	def test_too_long_ago(self):
		self.begin()
		began = time.monotonic()
		self.killed_after(30, *RESUME)
		self.until("the second after", lambda: time.monotonic() > began + 2.1)
		since = len(self.served.log)
		self.export(*READ, "--resume", "1s")
		self.afresh(since)

	def test_damaged(self):
		def change(path, make):
			with open(path, "rb") as f:
				data = f.read()
			with open(path, "wb") as f:
				f.write(make(data))
		damages = {
			"index": lambda folder: change(folder + "/rosterzip-pages", lambda data: data.replace(b"page", b"pagf", 1)),
			"index begins with nothing": lambda folder: change(folder + "/rosterzip-pages", lambda data: b"\0" * len(data)),
			"empty index": lambda folder: change(folder + "/rosterzip-pages", lambda data: b""),
			"body": lambda folder: change(self.body(folder), lambda data: data.replace(b'"sourcedId"', b'"sourcedIx"', 1)),
			"body cut off": lambda folder: change(self.body(folder), lambda data: data[:len(data) // 2]),
			"body gone": lambda folder: os.unlink(self.body(folder)),
		}
		for name, damage in damages.items():
			with self.subTest(name):
				self.begin()
				self.killed_after(40, *RESUME)
				damage(os.path.join(self.state, "pages"))
				self.export(*READ, *RESUME)
				self.assert_files(self.bundle(), state(self.served.scenario))
				self.assert_clean()
				self.served.close()

	def body(self, folder):
		return os.path.join(folder, next(name for name in sorted(os.listdir(folder)) if name.startswith("classes-")))

	def test_last_line_of_the_index_is_not_whole(self):
		self.begin()
		self.killed_after(40, *RESUME)
		index = os.path.join(self.state, "pages", "rosterzip-pages")
		os.truncate(index, os.path.getsize(index) - 3)
		kept, done = self.kept()
		since = len(self.served.log)
		self.export(*READ, *RESUME)
		asked = self.asked(since)
		self.assertEqual(self.twice(asked, kept), [])
		self.assertEqual([page for page in asked if page[0] in done], [])
		self.assert_files(self.bundle(), state(self.served.scenario))

	def test_rows_that_moved_in_between(self):
		"""A row goes ahead of the reading point while nobody reads: the pages kept do not fit any more."""
		for step in ({"delete": 3}, {"insert": 3}):
			for total in (True, False):
				with self.subTest(step=step, total=total):
					self.begin(order="natural", sort_supported=False, total=total, link=total)
					since = len(self.served.log)
					process = self.start(*READ, *RESUME)
					self.until("users", lambda s=since: any(path == "users" and offset > 200
						for path, offset, _ in self.asked(s)), process=process)
					self.kill(process)
					step = {"table": "users", "after_request": 0, **step}
					self.served.sis.lists.change(step)
					run = self.export(*READ, *RESUME, "--dangling", "drop")
					self.assert_files(self.bundle(), state(self.served.scenario, [step]))
					self.assertEqual(run.collection("orgs")["requests"], 0)
					self.assert_clean()
					self.served.close()

	def test_order_that_is_never_the_same(self):
		"""Pages of two runs do not make a whole."""
		self.begin(size={**SIZE, "courses": 20, "classes": 20}, order="unstable", sort_supported=False)
		before = self.old_bundle()
		self.killed_after(9, *RESUME)  # the first page of users is the ninth, behind two of each small table
		self.export(*READ, *RESUME, expect=5)
		self.assertEqual(self.mark(self.zip), before)


class Without(Keeping):
	"""Nothing is kept by those who did not ask for it."""

	def people(self):
		"""Names that the server gave, found anywhere below the state folder."""
		found = []
		for folder, _, names in os.walk(self.state):
			for name in names:
				path = os.path.join(folder, name)
				with open(path, "rb") as f:
					if b"familyName" in f.read():
						found.append(path)
		return found

	def test_kill_leaves_no_pages_and_the_next_run_sweeps(self):
		self.begin()
		self.killed_after(40)
		self.assertNotIn("pages", os.listdir(self.state))
		self.assertEqual(self.people(), [])
		since = len(self.served.log)
		self.export(*READ)
		self.assertIn(("orgs", 0, 25), self.asked(since))
		self.assert_clean()

	def test_pages_of_a_run_with_resume_do_not_stay_for_ever(self):
		"""Who does without it from now on does not want data of people to lie about."""
		self.begin()
		self.killed_after(40, *RESUME)
		self.assertIn("pages", os.listdir(self.state))
		self.export(*READ)
		self.assert_clean()

	def test_private(self):
		self.begin()
		self.killed_after(40, *RESUME)
		self.private(os.path.join(self.state, "pages"))

	def private(self, folder):
		self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
		names = os.listdir(folder)
		self.assertGreater(len(names), 3)
		for name in names:
			self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o600, name)


class Saved(Keeping):
	"""save-pages and from-pages."""

	def save(self, *arguments, **scenario):
		self.begin(**scenario)
		self.saved = self.path("saved")
		run = self.export(*READ, "--save-pages", self.saved, *arguments)
		self.data = self.mark(self.zip)[3]
		self.assert_files(self.bundle(), state(self.served.scenario))
		self.assert_clean()
		return run

	def again(self, *arguments, folder=None):
		"""A bundle from the pages, without address or login."""
		return self.program(["export", "--from-pages", folder or self.saved, "--output", self.zip, "--state-dir", self.state,
			"--report", self.report, *[str(word) for word in arguments]])

	def fails(self, pattern, *arguments, folder=None):
		before = self.old_bundle()
		run = self.again(*arguments, folder=folder)
		self.assertEqual(run.code, 5, run.shown)
		self.assertRegex(run.error, pattern)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()
		return run

	def test_same_bundle_without_a_server(self):
		for scenario in ({}, {"nasty": True}, {"stale_copies": 5}, {"link": "cursor"}, {"past_end": 404, "total": False},
				{"gzip": "force", "chunked": True, "cap": 11}, {"bom": True, "wrapper": "array"},
				{"ignore_limit": True, "ignore_offset": True}, {"order": "shuffled", "sort_supported": "error"}):
			with self.subTest(scenario):
				first = self.save(**scenario)
				self.served.close()
				mark = {name: self.mark(os.path.join(self.saved, name)) for name in os.listdir(self.saved)}
				os.unlink(self.zip)
				run = self.again()
				self.assertEqual(run.code, 0, run.shown)
				self.assertEqual(self.mark(self.zip)[3], self.data)
				self.assertEqual({n: self.mark(os.path.join(self.saved, n)) for n in os.listdir(self.saved)}, mark)
				for one, two in zip(first.report["collections"], run.report["collections"]):
					for key in ("name", "rows", "distinct", "proof", "findings"):
						self.assertEqual(one.get(key), two.get(key))
				shutil.rmtree(self.saved)

	def test_other_wishes_about_the_bundle(self):
		"""What the pages are for: to try other settings without asking the server again."""
		self.save()
		self.served.close()
		run = self.again("--eol", "lf", "--quote", "all")
		self.assertEqual(run.code, 0, run.shown)
		self.assertTrue(self.bundle()["orgs.csv"].startswith(b'"sourcedId","status"'))

	def test_private_and_without_secrets(self):
		self.save()
		Without.private(self, self.saved)
		tokens = [token.encode() for token in self.served.sis.login.tokens]
		self.assertGreater(len(tokens), 0)
		for name in os.listdir(self.saved):
			with open(os.path.join(self.saved, name), "rb") as f:
				text = f.read()
			for secret in [SECRET.encode(), *tokens]:
				self.assertNotIn(secret, text, name)

	def test_raw_bodies(self):
		"""What is kept is what the server sent, without its compression."""
		self.save(gzip="force")
		with open(os.path.join(self.saved, "orgs-000001.page.json"), "rb") as f:
			body = json.loads(f.read())
		self.assertEqual(len(body["orgs"]), 4)

	def test_files_of_others_are_left_alone(self):
		self.begin()
		self.saved = self.path("saved")
		os.mkdir(self.saved, 0o755)
		note = os.path.join(self.saved, "note.txt")
		with open(note, "w", encoding="ascii") as f:
			f.write("keep me\n")
		mark = self.mark(note)
		for size in (25, 40):
			self.export("--save-pages", self.saved, "--page-size", size)
			self.assertEqual(self.mark(note), mark)
		self.assertEqual(self.again().code, 0)

	def test_saved_anew_each_time(self):
		"""Pages of an earlier day are not mixed with those of today."""
		self.save()
		step = {"table": "enrollments", "after_request": 0, "delete": 5}
		self.served.sis.lists.change(step)
		self.export(*READ, "--save-pages", self.saved)
		os.unlink(self.zip)
		self.served.close()
		self.assertEqual(self.again().code, 0)
		self.assert_files(self.bundle(), state(self.served.scenario, [step]))

	def test_killed_while_saving_and_gone_on(self):
		self.begin()
		wanted = self.whole()
		self.saved = self.path("saved")
		self.killed_after(40, *RESUME, "--save-pages", self.saved)
		kept, done = self.kept(self.saved)
		since = len(self.served.log)
		self.export(*READ, *RESUME, "--save-pages", self.saved)
		self.assertEqual(self.twice(self.asked(since), kept), [])
		self.assertEqual([page for page in self.asked(since) if page[0] in done], [])
		self.served.close()
		os.unlink(self.zip)
		self.assertEqual(self.again().code, 0)
		self.assertEqual(self.mark(self.zip)[3], wanted)

	def test_incomplete(self):
		self.begin()
		self.saved = self.path("saved")
		self.killed_after(40, "--save-pages", self.saved)
		self.served.close()
		self.fails("saved pages do not hold it completely")

	def test_other_collections_than_were_saved(self):
		self.save()
		self.served.close()
		self.fails("demographics.*saved pages", "--collections", "core,demographics")

	def test_damaged_page(self):
		self.save()
		self.served.close()
		path = os.path.join(self.saved, "users-000002.page.json")
		with open(path, "rb") as f:
			data = f.read()
		for name, damaged in (("one letter", data.replace(b"familyName", b"familyNamf", 1)), ("cut", data[:-9]),
				("longer", data + b" "), ("empty", b""), ("gone", None)):
			with self.subTest(name):
				if damaged is None:
					os.unlink(path)
				else:
					with open(path, "wb") as f:
						f.write(damaged)
				run = self.fails("users")
				self.assertNotIn("familyNam", run.err)

	def test_damaged_index(self):
		self.save()
		self.served.close()
		path = os.path.join(self.saved, "rosterzip-pages")
		with open(path, "rb") as f:
			data = f.read()
		lines = data.split(b"\n")
		page = next(n for n, line in enumerate(lines) if b"page users " in line)
		for name, damaged in (("a line removed", b"\n".join(lines[:page] + lines[page + 1:])),
				("a line changed", data.replace(b"page users", b"page usert", 1)),
				("two lines swapped", b"\n".join(lines[:page] + [lines[page + 1], lines[page]] + lines[page + 2:])),
				("empty", b""), ("something else", b"not an index\n")):
			with self.subTest(name):
				with open(path, "wb") as f:
					f.write(damaged)
				before = self.old_bundle()
				run = self.again()
				self.assertNotEqual(run.code, 0, run.shown)
				self.assertIn("from-pages", run.error)
				self.assertEqual(self.mark(self.zip), before)

	def test_no_pages_there(self):
		os.mkdir(self.path("nothing"))
		self.url = "http://127.0.0.1:9/none"
		for folder in ("nothing", "no-such-folder"):
			with self.subTest(folder):
				run = self.again(folder=self.path(folder))
				self.assertNotEqual(run.code, 0)
				self.assertIn("from-pages", run.error)


if __name__ == "__main__":
	unittest.main()

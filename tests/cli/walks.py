"""Random walks: servers put together by chance from all that servers do, each read once.

	python3 tests/cli/walks.py [--walks 1000] [--from 0] [--jobs 2] [--show N]

Walk N is the same for ever: its scenario is made from the number alone, on a district of some 3,000 rows. What may come
of it is decided from the scenario, before anything runs, by Walk.outcomes. Never a bundle that is not the truth, never
another exit code, never more than SECONDS. --show prints walk N, as a scenario file for sis.py serve and arguments.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import sys
import threading
import time

from harness import BEARER, Case, sis_module
from served import Served, state

SECONDS = 90  # for one walk; nearly all take one or two
AT_ONCE = 4  # walks that share a process: they mostly wait for the server's pauses to pass

# No round numbers: a server that refuses what is after row 900 may be a search engine that goes no further
DISTRICT = {"users": 903, "classes": 121, "courses": 61, "enrollments": 1907, "schools": 3}
ROWS = {"orgs": 4, "academicSessions": 21, "courses": 61, "classes": 121, "users": 903, "enrollments": 1907}
MOST_PAGES = 40  # of the largest table

TRUTH, EXIT_5 = "the truth", "exit 5"


class Walk:
	"""One server and the way it is read."""

	def __init__(self, number):
		self.number = number
		self.dice = random.Random(f"walk number {number}")
		self.arguments = ["--retry-time", "60s", "--timeout", "20s", "--dangling", "drop"]
		self.login_arguments = {}
		self.scenario = {"district": dict(DISTRICT, seed=1 + number % 4)}
		for step in (self.rows, self.paging, self.witnesses, self.answers, self.patience, self.login):
			step()

	def chance(self, share):
		return self.dice.random() < share

	def set(self, **keys):
		self.scenario.update(keys)

	def get(self, key):
		return self.scenario.get(key, sis_module.SCENARIO[key])

	def rows(self):
		"""The seed and this decide the truth; few kinds, so that it is worked out only once for each."""
		kind = self.dice.choice(["plain", "plain", "plain", "nasty", "copies", "deleted"])
		self.set(**{"nasty": {"nasty": True}, "copies": {"stale_copies": 3}, "deleted": {"deleted": 0.1}}.get(kind, {}))

	def paging(self):
		self.page_size = self.dice.choice([50, 75, 100, 200, 333, 500, 1000, 1000, 5000])
		self.arguments += ["--page-size", self.page_size, "--parallel", self.dice.randint(1, 8)]
		if self.chance(0.4):
			self.set(cap=self.dice.choice([60, 61, 100, 150, 200, 400, 950]))
		self.set(order=self.dice.choice(["id", "id", "natural", "shuffled", "role", "unstable"]))
		self.set(sort_supported=self.dice.choice([None, None, True, False, "error"]))
		self.set(collation=self.dice.choice(["bytes", "bytes", "nocase", "length"]))
		self.set(past_end=self.dice.choice(["empty", 404, 400, 204]))
		if self.chance(0.06):
			self.set(ignore_limit=True)
		if self.chance(0.05):
			self.set(ignore_offset=True)

	def witnesses(self):
		self.set(total=self.dice.choice([True, True, True, False, False, False, "page", "page"]))
		if self.chance(0.15):
			self.set(total=self.dice.choice(["wrong", "short", "changing"]))
		self.set(link=self.dice.choice([True, False, "bare", "relative", "foreign", "loop", "last-only", "off-by-one",
			"unquoted", "lines", "cursor"]))
		self.set(body_total=self.chance(0.15), count_header=self.chance(0.25))
		if self.chance(0.1):
			self.set(perm_rev=self.dice.choice(["7", "7", "7", "changing"]))

	def answers(self):
		self.set(wrapper=self.dice.choice([{}, {}, "array", "data", {"users": "students", "orgs": "schools"}]))
		self.set(with_status_set=self.chance(0.2), bom=self.chance(0.1), chunked=self.chance(0.3))
		if self.get("wrapper") != "array":
			self.set(single=self.chance(0.2))  # without a wrapper, a row as itself would be an answer without a list
		self.set(trailing=self.dice.choice(["", "", "\r\n", "  \n\n"]))
		self.set(gzip=self.dice.choice([False, True, "force"]))
		self.set(member_order=self.dice.choice(["aeries", "first", "reverse"]))

	def patience(self):
		self.chaos_kinds = []
		if self.chance(0.6):
			kinds = [503, 429, "cut", "stall", 401, 502, 504, "close", "truncate", "garbage"]
			self.chaos_kinds = self.dice.sample(kinds, self.dice.randint(1, 5))
			in_row = self.dice.choice([1, 1, 2])
			if in_row == 1 and self.chance(0.2):
				self.chaos_kinds += [500, "html"]  # these are tried once more only, whatever came before
			self.set(chaos={"seed": self.number, "rate": self.dice.choice([0.03, 0.08, 0.15]), "in_row": in_row,
				"kinds": self.chaos_kinds, "stall": 0.3})
		if self.chance(0.3):
			self.set(latency=self.dice.choice([0.002, 0.01, 0.03]))
		if self.chance(0.1):
			self.set(latency=0.005, retry_after=0, capacity={"good": 2, "max": self.dice.randint(3, 5), "exponent": 1})
		if self.number >= 100 and self.chance(0.03):  # slow: each collection finds out for itself
			self.set(when_limit_over=max(60, self.page_size // 3), limit_over_status=self.dice.choice([413, 503, 504]))
		self.set(retry_after_style=self.dice.choice(["seconds", "date", "x-ratelimit-reset", "none"]))
		if self.chance(0.15):
			self.arguments += ["--resume", "1h"]

	def login(self):
		login = self.dice.choice(["aeries", "aeries", "aeries", "aeries-v2", "aeries-v1", "oauth2", "oauth1", "bearer",
			"none"])
		self.set(login=login)
		if login == "aeries-v1" and self.chance(0.5):
			self.arguments += ["--auth", "aeries-v1"]
		if login == "oauth2":
			self.set(client_auth=self.dice.choice(["basic", "body", "any"]),
				bare_token=self.dice.choice([False, True, "text"]))
		if login == "oauth1":
			self.arguments += ["--auth", "oauth1"]
			self.set(oauth1_methods=[["HMAC-SHA1"], ["HMAC-SHA256"], ["HMAC-SHA1", "HMAC-SHA256"]][self.dice.randrange(3)],
				oauth1_strict=self.chance(0.5))
		if login in ("bearer", "none"):
			self.login_arguments = {"login": False}
			self.arguments += ["--auth", login]
		if login in ("bearer", "none", "oauth1"):  # nothing can be logged in again: a refusal is final
			self.chaos_kinds[:] = [kind for kind in self.chaos_kinds if kind not in (401, "html")]
		if self.get("chaos") and not self.chaos_kinds:
			self.set(chaos=None)
		if login in ("aeries", "aeries-v2", "aeries-v1", "oauth2") and self.chance(0.5):
			self.set(token_type=self.dice.choice(["bearer", "Bearer", "missing"]))
			self.tokens(self.dice.choice(["text", "missing", "short", "lie"]))

	def tokens(self, how):
		"""How long they live, and what is said of it. A second 401 in a row is final, so one cause of them is enough."""
		if how == "text":
			self.set(expires_in="3600")
		elif how == "missing":
			self.set(expires_in="missing")
		elif 401 not in self.chaos_kinds and how == "short":
			self.set(expires_in=2, token_lifetime=2)
		elif not self.get("chaos") and not self.get("capacity") and not self.get("when_limit_over") and how == "lie":
			self.set(expires_in=3600, token_lifetime=1)

	def largest_page(self):
		if self.get("ignore_limit"):
			return 1 << 40
		return min(self.page_size, self.get("cap") or 1 << 40)

	def outcomes(self):
		"""What may come of it. Only a server that contradicts itself, or shows rows in another order each time it is
		asked, may end without a bundle; one that contradicts itself in every answer must."""
		cursor = self.get("link") == "cursor"
		total = self.get("total")
		sort = self.get("sort_supported")
		stable = self.get("order") != "unstable" or sort is True
		if total in ("wrong", "short") or self.get("perm_rev") == "changing":
			return {EXIT_5}
		if self.get("ignore_offset") and not cursor and self.largest_page() < max(ROWS.values()):
			return {EXIT_5}
		if self.get("ignore_offset") and not self.get("ignore_limit"):
			return {EXIT_5, TRUTH}
		if total == "changing" or not stable:
			return {EXIT_5, TRUTH}
		if self.get("order") == "unstable" and self.get("stale_copies"):
			return {EXIT_5, TRUTH}  # rows of one id, but not the same, change places all the time
		if self.get("body_total") and total == "page":
			return {EXIT_5, TRUTH}  # header and body contradict each other
		return {TRUTH}

	def shown(self):
		words = [str(word) for word in self.arguments]
		return f"walk {self.number}: {' '.join(words)}\n{json.dumps(self.scenario)}"


# --- the truth ------------------------------------------------------------------------------------------------------


TRUTHS = {}
TRUTHS_LOCK = threading.Lock()


def truth(scenario):
	"""The same without changes; worked out once for each set of rows."""
	name = json.dumps([scenario[key] for key in ("district", "nasty", "deleted", "stale_copies")])
	with TRUTHS_LOCK:
		if name not in TRUTHS:
			TRUTHS[name] = state(scenario)
		return TRUTHS[name]


# --- one walk -------------------------------------------------------------------------------------------------------


def walk(number):
	"""Takes one walk: how it ended, seconds. AssertionError tells what must not have been."""
	plan = Walk(number)
	allowed = plan.outcomes()
	case = Case()
	case.setUp()
	try:
		served = Served(plan.scenario)
		try:
			return take(case, plan, served, allowed)
		finally:
			served.close()
	finally:
		case.doCleanups()


def take(case, plan, served, allowed):
	arguments = list(plan.arguments)
	root = served.server.root
	case.url = root + served.scenario["base"]
	if plan.get("login") == "oauth2":
		arguments += ["--token-url", root + served.scenario["base"] + "/oauth/access_token"]
	if plan.get("login") == "bearer":
		arguments += ["--bearer-token-file", case.write("bearer", BEARER + "\n", 0o600)]
	before = case.old_bundle()
	began = time.monotonic()
	try:
		run = case.program(case.arguments(*arguments, **plan.login_arguments), seconds=SECONDS)
		seconds = time.monotonic() - began
		case.assertIn(run.code, (0, 5), run.shown)
		if run.code == 0:
			case.assert_files(case.bundle(), truth(served.scenario))
			case.assertIn(TRUTH, allowed, run.shown)
			case.assert_clean()
		else:
			case.assertIn(EXIT_5, allowed, run.shown)
			case.assertEqual(case.mark(case.zip), before, "the bundle of yesterday was touched")
			case.assert_clean(state=("lock", "pages") if os.path.exists(os.path.join(case.state, "pages")) else ("lock",))
	except AssertionError as failure:
		raise AssertionError(f"{plan.shown()}\n{failure}") from None
	return (TRUTH if run.code == 0 else EXIT_5), seconds


def walk_all(numbers):
	"""Takes walks, several at a time: [(number, outcome or None, seconds, failure)]."""
	def one(number):
		began = time.monotonic()
		try:
			return (number, *walk(number), None)
		except Exception as failure:  # pylint: disable=broad-except
			return number, None, time.monotonic() - began, f"{type(failure).__name__}: {failure}"
	with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
		return list(pool.map(one, numbers))


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--walks", type=int, default=1000)
	parser.add_argument("--from", type=int, default=0, dest="first")
	parser.add_argument("--jobs", type=int, default=2)
	parser.add_argument("--show", type=int)
	options = parser.parse_args()
	if options.show is not None:
		print(Walk(options.show).shown(), "may end in", sorted(Walk(options.show).outcomes()))
		return 0
	numbers = range(options.first, options.first + options.walks)
	counts, slowest, failed = collections.Counter(), [], 0
	with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
		jobs = [pool.submit(walk_all, numbers[n:n + 10]) for n in range(0, len(numbers), 10)]
		for job in concurrent.futures.as_completed(jobs):
			for number, outcome, seconds, failure in job.result():
				expected = " or ".join(sorted(Walk(number).outcomes()))
				counts[f"expected {expected}: {outcome or 'FAILED'}"] += 1
				slowest.append((seconds, number))
				if failure:
					failed += 1
					print(f"FAILED {failure}\n", flush=True)
	for what, count in sorted(counts.items()):
		print(f"{count:5}  {what}")
	print("slowest:", ", ".join(f"walk {number} {seconds:.1f} s" for seconds, number in sorted(slowest)[:-6:-1]))
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())

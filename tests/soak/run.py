#!/usr/bin/env python3
"""Exports night after night from a SIS that changes and fails: python3 tests/soak/run.py PROGRAM AGAIN [--nights 200]
[--seed 1] [--way processes|one] [--quick] [--show]

Two ways, each with a state folder, outputs and a SIS of its own that live through all of its nights:

processes  PROGRAM once a night, as cron runs it: also killed, stopped by signals, with a second run beside it.
one        all of them in the one process of AGAIN (tests/soak/again.c): what a run leaves behind there, it leaves.

What happens in a night is dealt from a shuffled deck of KINDS: rows that change between the runs and while they are read,
pages that fail in all ways, a server that lies, hangs, is down or refuses the login, collections that are emptied.
After each: the exit code is one that the trouble of that night allows. What is published is one state of the server's
rows, as its independent half works it out (Truth in tests/server/sis.py), in each bundle, or everything is as it was
before, byte for byte. Nothing else lies beside the outputs or in the state folder; report and metrics tell of this run;
the receiver has what was published last. No sanitizer says a word. And from the first nights to the last neither peak
memory grows, nor the state folder; in the one process not a single descriptor, thread or byte that is allocated.

The same seed deals the same nights. A failure names way, seed and night; --nights with the number of that night repeats
it with those before it. --show prints each night. --quick takes some nights without long waits. Exit: 0 fine, 1 not.
"""

import argparse
import collections
import contextlib
import concurrent.futures
import fcntl
import hashlib
import io
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))

from harness import CLIENT_ID, CORE, SECRET, columns, sis_module  # noqa: E402
from served import Served, district  # noqa: E402

SECONDS = 90  # no run may take longer
WARM_UP = 5  # runs after which one process has all that it keeps for good
TREND = 100  # nights from which on quarters are compared
SPARE = 256  # bytes that one process may hold more after fewer: what it keeps for good comes with the first night of a kind
KEPT = 5  # snapshots

SIZE = {"users": 160, "classes": 30, "courses": 20, "enrollments": 260, "schools": 2}
CHANGING = ("users", "classes", "enrollments")
MAX_DROP = {"academicSessions": 50, "enrollments": 50}  # percent; all others 20

CONFIG = """url = {url}
client-id = {client}
client-secret-file = {folder}/secret
state-dir = {folder}/state
report = {folder}/told/report.json
metrics-file = {folder}/told/metrics.prom
dangling = drop
resume = 1h
retry-time = 60s
timeout = 20s

[bundle archive]
output = {folder}/out/eagle-%Y%m%d-%H%M%S.zip
keep-last = {kept}

[bundle loose]
output = {folder}/out/loose/

[bundle vendor]
output = {folder}/out/OneRoster.zip
deliver = {folder}/outbox/
"""
BUNDLES = ("archive", "loose", "vendor")

# Troubles with a page that a run need not meet when it goes on: it may have that page.
GONE_BY = ("page lost", "page broken", "forbidden", "goes down")


class Wrong(Exception):
	"""What must not have been."""


# --- the server -----------------------------------------------------------------------------------------------------


class Changing(sis_module.Lists):
	"""Rows of which every state is known that was ever to be seen: a stroke of changes is one step from the one to the
	next."""

	def __init__(self, rows, scenario):
		super().__init__(rows, scenario)
		self.numbers = itertools.count(1)
		self.gone = collections.defaultdict(list)
		self.seen = {table: [tuple(self.current(table))] for table in rows.schemas.served}

	def view(self, *how):
		with self.lock:
			return list(super().view(*how))

	def answered(self, table):
		with self.lock:
			before = self.version[table]
			super().answered(table)
			if self.version[table] != before:
				self.note(table)

	def note(self, table):
		state = tuple(self.current(table))
		if state != self.seen[table][-1]:
			self.seen[table].append(state)

	def stroke(self, table, steps):
		"""Changes at once, between requests."""
		with self.lock:
			for step in steps:
				self.change({"table": table, **step})
			self.note(table)

	def change(self, step):
		keys = self.current(step["table"])
		if "put" in step:
			keys[:] = step["put"]
		elif "insert" in step:
			keys.insert(step["insert"], self.fresh(step["table"], keys[step["insert"] - 1]))
		elif "amend" in step:
			keys[step["amend"]] = self.copy(step["table"], keys[step["amend"]], step["cells"])
		elif "delete" in step:
			self.gone[step["table"]].append(keys.pop(step["delete"]))
		else:
			keys.insert(step["to"], keys.pop(step["move"]))
		self.version[step["table"]] += 1

	def fresh(self, table, near):
		"""One that went some time ago comes back, so that there is always something for others to refer to; or a new one,
		like the one it comes to stand behind."""
		if len(self.gone[table]) > 3:
			return self.gone[table].pop(0)
		name = self.d.row_id(table, near).partition("-new")[0]
		return self.copy(table, near, {"sourcedId": f"{name}-new{next(self.numbers)}"})

	def copy(self, table, key, cells):
		"""A row made from another; gives its key."""
		self.d.extra[table].append({**self.d.record(table, key), **cells})
		return self.d.count[table] + len(self.d.extra[table]) - 1

	def settle(self):
		"""From now on only the rows there are now count."""
		with self.lock:
			self.seen = {table: states[-1:] for table, states in self.seen.items()}

	def rest(self):
		"""Changes that did not come have missed their time."""
		with self.lock:
			self.todo.clear()
			self.answers.clear()


class Faults(sis_module.Faults):
	"""Knows whether there was one."""

	met = False

	def pick(self, names, offset):
		do, word = super().pick(names, offset)
		self.met = self.met or bool(do)
		return do, word


class Server(Served):
	"""The fake SIS, and what is to happen when a certain request comes."""

	def __init__(self):
		super().__init__({"district": SIZE, "order": "natural", "deleted": 0.02})
		self.halt()
		self.server.server_close()
		self.server = self.bound()
		self.url = self.server.root + self.scenario["base"]
		self.server.log = self.count
		self.faults = collections.Counter()
		self.usual = dict(self.scenario)
		self.lists = self.sis.lists = Changing(self.sis.d, self.scenario)
		self.lock = threading.Lock()
		self.known = {}  # truths, by the rows of all tables
		self.shown = None
		self.asked, self.when, self.action, self.fired, self.refused = 0, None, None, False, False
		self.handle, self.sis.handle = self.sis.handle, self.meet
		self.resume()

	def bound(self):
		"""A port that was asked for by its number stays ours while nobody listens there. None of those that the system
		gives to others."""
		for port in random.SystemRandom().sample(range(20000, 32000), 100):
			with contextlib.suppress(OSError):
				return sis_module.Server(self.sis, port, quiet=True)
		raise Wrong("no port is free")

	def halt(self):
		self.server.shutdown()
		self.thread.join(10)

	def resume(self):
		self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
		self.thread.start()

	def down(self):
		"""Whoever connects is refused."""
		self.halt()
		self.server.socket.shutdown(2)

	def up(self):
		self.server.socket.listen(128)
		self.resume()

	def rest(self):
		"""Nobody waits for an answer any more: those that are still to be given come at once, to nobody."""
		self.sis.stop.set()
		until = time.monotonic() + SECONDS
		while self.sis.in_flight > 0:
			if time.monotonic() > until:
				raise Wrong("the server does not come to rest")
			time.sleep(0.002)

	def count(self, entry):
		if "fault" in entry:
			self.faults[entry["fault"] if entry["fault"].startswith("chaos") else self.shown] += 1

	def meet(self, request, busy):
		action = None
		if request.path.startswith(self.scenario["base"] + self.scenario["data_path"]):
			with self.lock:
				self.asked += 1
				self.refused = self.refused or request.path.rpartition("/")[2] in self.scenario["forbidden"]
				if self.when is not None and self.asked >= self.when and not self.fired:
					self.fired, action = True, self.action
		if action:
			action()
		return self.handle(request, busy)

	def prepare(self, night):
		"""A night begins."""
		self.sis.stop.clear()
		self.scenario.update(self.usual)
		self.scenario.update(night.scenario)
		self.sis.faults = Faults(self.scenario)
		self.sis.pages.clear()
		self.shown = night.kind
		self.asked, self.when, self.action, self.fired, self.refused = 0, night.when, night.action, False, False

	def spoils(self):
		"""Whether it has done this night what it was to do."""
		return self.refused or self.sis.faults.met

	def truth(self, choice):
		"""The files that a good export gives of these rows, by table."""
		name = tuple(sorted(choice.items()))
		if name not in self.known:
			with tempfile.TemporaryDirectory(prefix="truth-") as folder:
				sis_module.Truth(self.sis.d, list(CORE)).write(folder, {table: list(keys) for table, keys in name})
				if len(self.known) > 20:
					self.known.clear()
				self.known[name] = tree(folder)
		return self.known[name]

	def truths(self):
		"""Of every state that can have been read, each table at its own time; the likeliest first."""
		tables = list(self.lists.seen)
		for states in itertools.product(*(reversed(self.lists.seen[table]) for table in tables)):
			yield self.truth(dict(zip(tables, states)))


# --- files ----------------------------------------------------------------------------------------------------------


def tree(folder):
	"""What is below a folder: relative path to content."""
	found = {}
	for place, _, files in os.walk(folder):
		for name in files:
			path = os.path.join(place, name)
			with open(path, "rb") as f:
				found[os.path.relpath(path, folder)] = f.read()
	return found


def marks(folder):
	"""The same with what tells a file from another one that is the same."""
	return {name: (os.stat(os.path.join(folder, name)).st_ino, os.stat(os.path.join(folder, name)).st_mtime_ns, data)
		for name, data in tree(folder).items()}


def whole(files):
	"""Without parts of files that are being written."""
	return {name: mark for name, mark in files.items() if ".rosterzip-part" not in name}


def unzip(data):
	with zipfile.ZipFile(io.BytesIO(data)) as archive:
		if archive.testzip():
			raise Wrong("a zip is damaged")
		return {name: archive.read(name) for name in archive.namelist()}


def files_of(files, name):
	"""Of what lies in the output folder, that of one bundle; of snapshots the newest."""
	begins = {"archive": "eagle-", "loose": "loose/", "vendor": "OneRoster.zip"}[name]
	paths = sorted(path for path in files if path.startswith(begins) and not path.endswith(".sha256"))
	return {path: files[path] for path in (paths if name == "loose" else paths[-1:])}


def bundle_of(files, name):
	"""The CSV files of one bundle; None when it is not there."""
	mine = files_of(files, name)
	if name == "loose":
		return {os.path.basename(path): data for path, data in mine.items()} or None
	return unzip(*mine.values()) if mine else None


def ids(files, table):
	data = files.get(table + ".csv")
	return {row["sourcedId"] for row in columns(data)} if data else set()


def guard_trips(old, new):
	"""Whether the guard holds a bundle back, by what README says of it."""
	for table in CORE if old is not None else ():
		before = ids(old, table)
		gone = len(before - ids(new, table))
		if len(before) < 10 and gone == len(before) > 0:
			return True
		if len(before) >= 10 and gone * 100 > len(before) * MAX_DROP.get(table, 20):
			return True
	return False


# --- the nights -----------------------------------------------------------------------------------------------------


class Night:
	"""What is to happen in one night, and what may come of it."""

	def __init__(self, soak, kind, continuing):
		self.kind, self.continuing = kind, continuing
		self.dice = soak.dice
		self.codes = {0}
		self.unfired = {0}  # when the request for the action never comes
		self.arguments, self.scenario = [], {}
		self.when = self.action = None
		self.after = []  # what puts things right when the night is over
		self.loose_end = False  # it may end between the bundles

	def set(self, **keys):
		self.scenario.update(keys)

	def fault(self, match, do, **which):
		self.set(faults=[*self.scenario.get("faults", ()), {"match": match, "do": do, **which}])

	def at(self, soak, action, last=None):
		self.when, self.action = self.dice.randint(1, last or soak.requests()), action


def calm(night, soak):
	"""Nothing goes wrong, and nothing need have changed."""


def change_between(night, soak):
	for table in soak.free(night, CHANGING):
		if night.continuing:  # as if it had been read on without a pause
			soak.server.lists.stroke(table, soak.steps_to_be_seen(table))
		else:
			soak.server.lists.stroke(table, soak.steps(table))


def change_while_read(night, soak):
	for table in soak.free(night, night.dice.sample(CHANGING, night.dice.randint(1, 2))):
		after = night.dice.randint(1, max(1, SIZE[table] // soak.page_size))
		soak.server.lists.todo += [{"table": table, "after_request": after, **step} for step in soak.steps_to_be_seen(table)]


def order_turns(night, soak):
	"""Each answer has the rows in another order, and sorting is not to be had."""
	night.set(order="unstable", sort_supported=False, link=False)
	night.codes = {0, 5}
	night.arguments += ["--resume", "0s"]


def change_without_rest(night, soak):
	night.codes = {5}
	night.arguments += ["--resume", "0s", "--page-size", "40"]
	night.set(link=False)
	for n in range(1, 80):
		step = {"delete": 1} if n % 2 else {"insert": 1}
		soak.server.lists.todo.append({"table": "users", "after_request": n, **step})


def weather(night, soak):
	kinds = night.dice.sample([503, 429, "cut", "stall", 401, 502, 504, "close", "truncate", "garbage", 500, "html"], 4)
	night.set(chaos={"seed": night.dice.randrange(1 << 30), "rate": 0.25, "in_row": 1, "kinds": kinds, "stall": 0.2})


def hiccup(night, soak):
	"""One page fails once."""
	night.fault(night.dice.choice(CORE), night.dice.choice([{"status": 500}, {"status": 503}, {"cut": 0.5},
		{"status": 429, "retry_after": 1}, {"truncate_json": True}, {"unauthorized": True}, {"garbage": True}]), first=1)


def token_lost(night, soak):
	night.fault(night.dice.choice(CORE), {"drop_token": True}, nth=night.dice.randint(1, 2))


def token_refused_once(night, soak):
	night.fault("token", night.dice.choice([{"status": 503}, {"status": 429, "retry_after": 1}, {"close": True}]), first=1)


def token_refused(night, soak):
	night.set(client_secret="0f" * 32)
	night.codes = {4}


def slow(night, soak):
	night.set(latency=0.03)


def too_slow_once(night, soak):
	night.fault(night.dice.choice(CORE), {"delay": 30}, first=1)
	night.arguments += ["--timeout", "1s"]


def busy(night, soak):
	"""Refuses more than a few at a time."""
	night.set(latency=0.01, retry_after=0, capacity={"good": 1, "max": 2, "exponent": 1})


def page_lost(night, soak):
	"""A page that never comes, of a collection that there are pages of before."""
	night.fault(night.dice.choice(["classes", "users", "enrollments"]), night.dice.choice([{"status": 500}, {"status": 410},
		{"html": True}, {"error_object": True}, {"redirect": "https://elsewhere.example/rows"}]))
	night.set(derived=False)
	night.codes = {5}


def page_broken(night, soak):
	"""Is asked for until the time for that is over."""
	night.fault(night.dice.choice(["courses", "users"]), night.dice.choice([{"cut": 0.4}, {"truncate_json": True},
		{"close": True}, {"status": 503}, {"garbage": True}]))
	night.set(derived=False)
	night.arguments += ["--retry-time", "1s"]
	night.codes = {5}


def forbidden(night, soak):
	night.set(forbidden=["users"], derived=False)
	night.codes = {5}


def total_lies(night, soak):
	night.set(total=night.dice.choice(["wrong", "short"]))
	night.arguments += ["--resume", "0s"]  # what it keeps would be believed for a while by the next run
	night.codes = {5}


def down(night, soak):
	soak.server.down()
	night.after.append(soak.server.up)
	night.arguments += ["--retry-time", "1s"]
	night.codes = {5}


def goes_down(night, soak):
	"""In the middle, and stays down."""
	first = night.dice.randint(2, soak.requests())
	night.fault("data", {"close": True}, nth=list(range(first, first + 400)))
	night.arguments += ["--retry-time", "1s"]
	night.codes = {5}


def emptied(night, soak):
	soak.emptied(night, night.dice.choice(["users", "enrollments", "classes"]), 0)
	night.codes = {3}


def halved(night, soak):
	"""What the guard has to say to that, expected() knows: it may have been forced the night before."""
	soak.emptied(night, night.dice.choice(["users", "enrollments"]), 0.35)


def halved_by_force(night, soak):
	soak.emptied(night, night.dice.choice(["users", "enrollments"]), 0.35)
	night.arguments.append("--force-once")


def wrong_value(night, soak):
	"""A word that no receiver knows; the next night it is mended."""
	soak.restore(night, "users")
	keys = soak.server.lists.current("users")
	# the truth of this is not asked for: nothing is to be published
	at = next(n for n, key in enumerate(keys) if soak.server.sis.d.record("users", key)["status"] == "active")
	soak.server.lists.stroke("users", [{"amend": at, "cells": {"role": "wizard"}}])
	night.codes = {3}


def receiver_gone(night, soak):
	"""The receiver's folder vanishes while the SIS is read."""
	change_between(night, soak)
	night.at(soak, soak.hide_outbox, len(CORE))
	night.after.append(soak.show_outbox)
	night.codes = {0, 8}  # 0 where there is nothing to bring: judge() knows


def second_run(night, soak):
	night.at(soak, soak.run_second)


def lock_held(night, soak):
	soak.hold_lock()
	night.after.append(soak.free_lock)
	night.codes = {7}


def asked_for_progress(night, soak):
	night.at(soak, lambda: soak.signal(signal.SIGUSR1))


def stopped(night, soak):
	number = night.dice.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
	night.at(soak, lambda: soak.signal(number))
	night.codes = {-number, 0}
	night.loose_end = True


def killed(night, soak):
	night.at(soak, lambda: soak.signal(signal.SIGKILL))
	night.codes = {-signal.SIGKILL, 0}
	night.loose_end = True


def killed_late(night, soak):
	"""At whatever it is at after a while: publishing too. The rows have changed, so that there is something to publish."""
	change_between(night, soak)
	wait = night.dice.uniform(0, 0.5)
	night.at(soak, lambda: soak.later(wait, lambda: soak.signal(signal.SIGKILL)))
	night.codes = {-signal.SIGKILL, 0}
	night.loose_end = True


def hangs(night, soak):
	"""No answer comes, and the run has a deadline."""
	night.fault(night.dice.choice(["courses", "users"]), {"delay": 60})
	night.arguments += ["--deadline", "1s"]
	night.set(derived=False)
	night.codes = {5, 0} if night.continuing else {5}  # it may have that page


# How often each is in the deck; in which ways; whether it is quick; whether a run may go on there with kept pages.
KINDS = [
	(calm, 3, "processes one", True, True), (change_between, 5, "processes one", True, True),
	(change_while_read, 6, "processes one", True, True), (order_turns, 1, "processes one", False, False),
	(change_without_rest, 1, "processes one", False, False), (weather, 8, "processes one", False, True),
	(hiccup, 4, "processes one", True, True), (token_lost, 2, "processes one", True, True),
	(token_refused_once, 1, "processes one", False, True), (token_refused, 1, "processes one", True, True),
	(slow, 1, "processes one", False, True), (too_slow_once, 1, "processes one", False, True),
	(busy, 1, "processes one", False, True), (page_lost, 3, "processes one", True, True),
	(page_broken, 2, "processes one", False, True), (forbidden, 1, "processes one", True, True),
	(total_lies, 2, "processes one", False, False), (down, 1, "processes one", False, True),
	(goes_down, 1, "processes one", False, True), (emptied, 2, "processes one", True, False),
	(halved, 1, "processes one", True, False), (halved_by_force, 1, "processes one", True, False),
	(wrong_value, 1, "processes one", True, False), (receiver_gone, 1, "processes one", True, True),
	(second_run, 1, "processes one", True, True), (lock_held, 1, "processes one", True, True),
	(asked_for_progress, 1, "processes one", True, True), (stopped, 3, "processes", True, True),
	(killed, 3, "processes", True, True), (killed_late, 3, "processes", True, True), (hangs, 1, "processes", False, True),
]


# --- the two ways ---------------------------------------------------------------------------------------------------


class Soak:
	"""All nights of one way."""

	way = None

	def __init__(self, options, folder):
		self.options, self.folder = options, folder
		self.dice = random.Random(f"{options.seed} {self.way}")
		self.server = Server()
		for name in ("", "out", "outbox", "told", "elsewhere"):
			os.makedirs(self.path(name), exist_ok=True)
		self.write("secret", SECRET + "\n")
		self.write("soak.conf", CONFIG.format(url=self.server.url, client=CLIENT_ID, folder=folder, kept=KEPT))
		self.deck = []
		self.settings = self.page_size = None
		self.references = {name: [None] for name in BUNDLES}  # what the guard may compare with
		self.figures = collections.defaultdict(list)
		self.codes = collections.Counter()
		self.kinds = collections.Counter()
		self.held = None
		self.problem = self.shown = self.timer = None
		self.seconds = 0

	def path(self, *parts):
		return os.path.join(self.folder, *parts)

	def write(self, name, text):
		with open(self.path(name), "w", encoding="utf-8") as f:
			f.write(text)
		os.chmod(self.path(name), 0o600)

	def environment(self):
		kept = ("PATH", "TZ", "LANG", "LD_LIBRARY_PATH", "LSAN_OPTIONS")
		env = {name: os.environ[name] for name in kept if name in os.environ}
		return {**env, "HOME": self.folder, "ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}

	# what nights need

	def requests(self):
		"""So many requests for data a good run makes at least."""
		return len(CORE) + sum(SIZE[table] // 2 // self.page_size for table in ("users", "enrollments"))

	def free(self, night, tables):
		"""Those tables that may change once: of those that a run goes on with, a second stroke could be unseen."""
		return [t for t in tables if not night.continuing or len(self.server.lists.seen[t]) == 1]

	def steps(self, table):
		"""One stroke of anything; the table keeps its size over the nights."""
		kinds = ["move", "amend", self.needed(table)]
		return [self.step(table, self.dice.choice(kinds)) for _ in range(self.dice.randint(1, 4))]

	def steps_to_be_seen(self, table):
		"""One stroke that no reader can take for half of itself who reads each row once: of several values that change,
		or rows that come and go in several places, those behind the reading point stay unseen."""
		needed = self.needed(table)
		kinds = self.dice.choice([["move"], ["amend"], [needed], ["delete", "insert"], [needed] * self.dice.randint(2, 4)])
		return [self.step(table, kind) for kind in kinds]

	def needed(self, table):
		return "delete" if len(self.server.lists.current(table)) > SIZE[table] else "insert"

	def step(self, table, kind):
		rows = len(self.server.lists.current(table)) - 5  # some of them may be gone by then
		at = self.dice.randrange(1, rows)
		cells = {"users": {"familyName": f"Sample-{self.dice.randrange(1000)}"},
			"classes": {"title": f"Sample Class {self.dice.randrange(1000)}"}, "enrollments": {"endDate": "2026-05-29"}}
		return {"move": {"move": at, "to": self.dice.randrange(rows)}, "delete": {"delete": at},
			"amend": {"amend": at, "cells": cells[table]}, "insert": {"insert": at}}[kind]

	def restore(self, night, table):
		keys = list(self.server.lists.current(table))
		night.after.append(lambda: self.server.lists.stroke(table, [{"put": keys}]))

	def emptied(self, night, table, share):
		"""For a night, a table has only this share of its rows."""
		self.restore(night, table)
		keys = self.server.lists.current(table)
		self.server.lists.stroke(table, [{"put": keys[:int(len(keys) * share)]}])

	def hide_outbox(self):
		os.rename(self.path("outbox"), self.path("elsewhere", "outbox"))

	def show_outbox(self):
		if self.server.fired:
			os.rename(self.path("elsewhere", "outbox"), self.path("outbox"))

	def hold_lock(self):
		self.held = open(self.path("state", "lock"), "a", encoding="ascii")
		fcntl.flock(self.held, fcntl.LOCK_EX)

	def free_lock(self):
		self.held.close()

	def run_second(self):
		"""Another run of the same settings, while this one is at work, comes to nothing at once."""
		before = marks(self.path("out")), marks(self.path("outbox"))
		done = subprocess.run([self.options.program, "export", "--config", self.path("soak.conf"), "--report",
			self.path("elsewhere", "second.json")], env=self.environment(), stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
		self.codes[f"{done.returncode}, second run"] += 1
		if done.returncode != 7 or before != (marks(self.path("out")), marks(self.path("outbox"))):
			self.problem = f"a second run at the same time: exit {done.returncode}\n{done.stdout.decode(errors='replace')}"

	def later(self, seconds, action):
		"""Unless the run has ended by then."""
		self.timer = threading.Timer(seconds, action)
		self.timer.start()

	# one night

	def deal(self, continuing):
		"""The next kind that fits."""
		for last in (False, True):
			for n, (kind, goes_on) in enumerate(self.deck):
				if goes_on or not continuing:
					del self.deck[n]
					return kind
			if not last:
				fresh = [(kind, goes_on) for kind, count, ways, quick, goes_on in KINDS for _ in range(count)
					if self.way in ways.split() and (quick or not self.options.quick)]
				self.dice.shuffle(fresh)
				self.deck += fresh
		raise AssertionError("no kind fits")

	def mood(self):
		"""What servers do differently from each other, and how it is read."""
		total = self.dice.choice([True, True, False, "page"])
		scenario = {"total": total, "link": self.dice.choice([True, False, "relative", "last-only", "unquoted"]),
			"cap": self.dice.choice([None, None, 60]), "past_end": self.dice.choice(["empty", 404, 400, 204]),
			"gzip": self.dice.choice([False, True]), "chunked": self.dice.choice([False, True]),
			"sort_supported": self.dice.choice([True, True, False]), "bom": self.dice.choice([False, False, True])}
		size = self.dice.choice([25, 40, 60, 100, 200, 1000])
		return scenario, size, ["--page-size", str(size), "--parallel", str(self.dice.choice([1, 2, 4, 8]))]

	def night(self, number):
		kept = os.path.isdir(self.path("state", "pages"))
		continuing = kept and self.dice.random() < 0.8
		if not continuing:
			before = self.page_size
			scenario, self.page_size, arguments = self.settings = self.mood()
			if kept and self.page_size == before:  # else that is why what was kept is of no use
				arguments += ["--resume", "0s"]
			self.server.lists.settle()
		scenario, self.page_size, arguments = self.settings
		kind = self.deal(continuing) if number > 1 else calm
		plan = Night(self, kind.__name__.replace("_", " "), continuing)
		plan.scenario.update(scenario)
		plan.arguments += ["--config", self.path("soak.conf"), *arguments]
		self.kinds[plan.kind] += 1
		self.shown = plan.kind
		kind(plan, self)
		if not continuing:
			self.server.lists.settle()  # what changed before it begins it cannot have seen
		self.server.prepare(plan)
		before = self.look()
		self.problem = None
		try:
			self.shown = f"{plan.kind}: {' '.join(plan.arguments)}\n{json.dumps(plan.scenario)}"
			code, said = self.run(["export", *plan.arguments])
			self.shown += f"\nexit {code}\n{said}"
			self.judge(plan, code, said, before)
		finally:
			if self.timer is not None:
				self.timer.cancel()
				self.timer.join()
			self.server.rest()
			self.server.lists.rest()
			for step in plan.after:
				step()
		self.codes[str(code)] += 1
		self.measure(os.path.isdir(self.path("state", "pages")))
		return plan, code

	def look(self):
		return {name: marks(self.path(name)) for name in ("out", "outbox", "told")}

	# what must be

	def judge(self, plan, code, said, before):
		fired = plan.when is None or self.server.fired
		if self.problem:
			raise Wrong(self.problem)
		if re.search(r"Sanitizer|runtime error", said):
			raise Wrong("a sanitizer speaks")
		if SECRET in said:
			raise Wrong("a secret is shown")
		now = self.look()
		# what a kill leaves there is swept by the next run that gets the lock
		before = {place: whole(files) for place, files in before.items()}
		if code in (-signal.SIGKILL, 7):
			now = {place: whole(files) for place, files in now.items()}
		found = self.published(plan, code, before["out"], now["out"])
		self.expected(plan, code, plan.codes if fired else plan.unfired, found, before)
		self.received(plan, code, before["outbox"], now)
		self.told(code, before["told"], now["told"])
		self.tidy(code)

	def expected(self, plan, code, codes, found, before):
		"""The exit code; where all went well, the guard may still say no."""
		codes = set(codes)
		if plan.continuing and not self.server.spoils() and plan.kind in GONE_BY:
			codes = {0}
		if 0 in codes and "--force-once" not in plan.arguments and code == 6 and any(guard_trips(old, new)
				for new in self.server.truths() for olds in self.references.values() for old in olds):
			codes.add(6)
		if 0 in codes and code == 0 and not plan.loose_end and "--force-once" not in plan.arguments:
			for name in BUNDLES:
				if all(guard_trips(old, found[name]) for old in self.references[name]):
					raise Wrong(f"the guard let bundle {name} pass")
		if code not in codes:
			raise Wrong(f"exit {code} in place of {' or '.join(map(str, sorted(codes)))}")
		if plan.kind == "receiver gone" and self.server.fired and code in (0, 8):
			brought = before["outbox"]["OneRoster.zip"][2] if "OneRoster.zip" in before["outbox"] else None
			if (code == 8) != (brought is None or unzip(brought) != found["vendor"]):
				raise Wrong(f"exit {code} with the receiver gone")
		for name in BUNDLES:
			if code in (0, 8):
				self.references[name] = [found[name]]
			elif plan.loose_end:
				self.references[name] += [found[name], *self.server.truths()]

	def published(self, plan, code, before, now):
		"""Every bundle is one state, the same in all of them, or what it was before."""
		data = {name: mark[2] for name, mark in now.items()}
		if code not in (0, 8) and not plan.loose_end:
			if before != now:
				raise Wrong(f"something in the output folder has changed: {self.changed(before, now)}")
			return {name: bundle_of(data, name) for name in BUNDLES}
		found = {name: bundle_of(data, name) for name in BUNDLES}
		old = {name: bundle_of({name: mark[2] for name, mark in before.items()}, name) for name in BUNDLES}
		new = [found[name] for name in BUNDLES if code in (0, 8) or found[name] != old[name]]
		if new and (any(files != new[0] for files in new) or not any(new[0] == t for t in self.server.truths())):
			raise Wrong("what is published is no state of the server")
		for name in BUNDLES:  # what did not change is not touched
			if code == 0 and found[name] == old[name] and not self.in_doubt() and \
					files_of(before, name) != files_of(now, name):
				raise Wrong(f"bundle {name} was written again though nothing changed")
		self.snapshots(data, {name: mark[2] for name, mark in before.items()}, code)
		return found

	def in_doubt(self):
		"""Whether a run was cut off that may have published something without having noted it."""
		return any(len(olds) > 1 for olds in self.references.values())

	@staticmethod
	def changed(before, now):
		return ", ".join(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))

	def snapshots(self, data, before, code):
		"""Not more than are to be kept, the newest of all, each with its checksum."""
		zips = sorted(name for name in data if name.startswith("eagle-") and name.endswith(".zip"))
		old = sorted(name for name in before if name.startswith("eagle-") and name.endswith(".zip"))
		others = set(data) - set(zips) - {name + ".sha256" for name in zips}
		if any(name != "OneRoster.zip" and not name.startswith("loose/") for name in others):
			raise Wrong(f"left in the output folder: {others}")
		if any(data[name] != before[name] for name in set(zips[:-1]) & set(old)):
			raise Wrong("an old snapshot has changed")
		if code in (0, 8):
			new = zips[-1:] != old[-1:] or data[zips[-1]] != before[zips[-1]]
			if zips != (sorted({*old, *zips})[-KEPT:] if new else old):
				raise Wrong(f"the wrong snapshots are kept: {old} became {zips}")
			for name in zips:
				if data.get(name + ".sha256", b"").split(b" ")[0].decode() != hashlib.sha256(data[name]).hexdigest():
					raise Wrong(f"the checksum of {name} is wrong")

	def received(self, plan, code, before, now):
		"""The receiver has the bundle of now after a good run, else that of now or before."""
		outbox = now["outbox"]
		if plan.kind == "receiver gone" and self.server.fired:
			outbox = marks(self.path("elsewhere", "outbox"))
		if set(outbox) - {"OneRoster.zip"}:
			raise Wrong(f"the receiver was left {sorted(outbox)}")
		file = outbox.get("OneRoster.zip", (None, None, None))[2]
		if code == 0 and file != now["out"]["OneRoster.zip"][2]:
			raise Wrong("the receiver has not got what was published")
		if code != 0 and outbox != before and not (plan.loose_end and file == now["out"]["OneRoster.zip"][2]):
			raise Wrong("the receiver was brought something by a run that failed")

	def told(self, code, before, now):
		"""Report and metrics are of this run; of no other when it was not to work, and of none when it was killed."""
		if set(now) - {"report.json", "metrics.prom"}:
			raise Wrong(f"left beside the report: {sorted(now)}")
		status = 128 - code if code < 0 else code
		if code == -signal.SIGKILL:
			return
		report = json.loads(now["report.json"][2])
		if report["exit-status"] != status or now["report.json"] == before.get("report.json"):
			raise Wrong(f"the report is of another run: {report['exit-status']}")
		if SECRET.encode() in now["report.json"][2] + now["metrics.prom"][2]:
			raise Wrong("a secret is told")
		if code == 7:
			if now["metrics.prom"] != before["metrics.prom"]:
				raise Wrong("a run that found the lock held wrote metrics")
		elif not re.search(rb'^rosterzip_last_exit_status\{source="state"\} %d$' % status, now["metrics.prom"][2], re.M):
			raise Wrong("the metrics are of another run")

	def tidy(self, code):
		"""The state folder holds the lock, what is kept of each bundle, and pages of a run that did not come to its end."""
		if code in (-signal.SIGKILL, 7):
			return
		kept = {"lock", "last-success", "delivered/vendor.json"}
		kept |= {f"{place}/{name}.{end}" for place in ("published", "refused") for name in BUNDLES for end in ("json", "zip")}
		files = {name for name in tree(self.path("state")) if not name.startswith("pages/")} - kept
		folders = set(os.listdir(self.path("state"))) - {"lock", "last-success", "published", "refused", "delivered"}
		folders -= {"pages"} if code not in (0, 3, 6, 8) else set()
		if files or folders:
			raise Wrong(f"left in the state folder: {sorted(files | folders)}")

	# figures

	def measure(self, pages):
		files = tree(self.path("state"))
		if not pages:
			self.figures["state files"].append(len(files))
			self.figures["state bytes"].append(sum(len(d) for name, d in files.items() if not name.startswith("refused")))
		shown = tree(self.path("out"))
		self.figures["output files"].append(len(shown))

	@staticmethod
	def quarters(values):
		"""The medians of the first and of the last quarter."""
		part = max(1, len(values) // 4)
		return statistics.median(values[:part]), statistics.median(values[-part:])

	def grows(self, name, share, least):
		"""Complains when the last quarter is larger than the first by this share, and by so much at all."""
		first, last = self.quarters(self.figures[name])
		if self.options.nights >= TREND and last > first * (1 + share) + least:
			raise Wrong(f"{name} grow: median {first} in the first quarter of the nights, {last} in the last")

	def check_growth(self):
		self.grows("state bytes", 0.1, 2048)
		if max(self.figures["state files"]) > 3 + 4 * len(BUNDLES):
			raise Wrong("there are too many files in the state folder")

	def all(self):
		began = time.monotonic()
		for number in range(1, self.options.nights + 1):
			since = time.monotonic()
			plan = None
			try:
				plan, code = self.night(number)
			except (Wrong, subprocess.TimeoutExpired) as wrong:
				raise Wrong(f"way {self.way}, seed {self.options.seed}, night {number}: {wrong}\n{self.shown}") from wrong
			if self.options.show:
				print(f"{self.way} {number}: {plan.kind}{', going on' if plan.continuing else ''}: exit {code}, "
					f"{time.monotonic() - since:.1f} s", flush=True)
		self.end()
		self.check_growth()
		self.seconds = time.monotonic() - began
		return self

	def end(self):
		"""After the last night."""

	def close(self):
		self.server.close()


# A process that is small and stays so, to start the runs: what is told of the memory of a process begins with that of
# the one it was forked from.
LAUNCHER = """
import json, os, sys
for line in sys.stdin:
	words, environment, folder, said = json.loads(line)
	pid = os.fork()
	if pid == 0:
		os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
		for end in (1, 2):
			os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), end)
		os.chdir(folder)
		os.execve(words[0], words, environment)
	print(pid, flush=True)
	_, status, used = os.wait4(pid, 0)
	print(status, used.ru_maxrss, flush=True)
"""


class Processes(Soak):
	"""A process a night."""

	way = "processes"

	def __init__(self, *how):
		super().__init__(*how)
		self.pid = None
		self.started = threading.Event()
		self.launcher = subprocess.Popen([sys.executable, "-S", "-E", "-c", LAUNCHER], stdin=subprocess.PIPE,
			stdout=subprocess.PIPE)

	def signal(self, number):
		self.started.wait(SECONDS)
		if self.pid is not None:
			os.kill(self.pid, number)

	def run(self, arguments):
		said = self.path("said")
		with contextlib.suppress(FileNotFoundError):
			os.unlink(said)
		self.started.clear()
		order = [[self.options.program, *arguments], self.environment(), self.folder, said]
		self.launcher.stdin.write(json.dumps(order).encode() + b"\n")
		self.launcher.stdin.flush()
		self.pid = int(self.launcher.stdout.readline())
		self.started.set()
		guard = threading.Timer(SECONDS, lambda: self.signal(signal.SIGKILL))
		guard.start()
		began = time.monotonic()
		status, peak = map(int, self.launcher.stdout.readline().split())
		guard.cancel()
		self.pid = None
		with open(said, encoding="utf-8", errors="replace") as f:
			text = f.read()
		if time.monotonic() - began >= SECONDS:
			raise Wrong(f"no end after {SECONDS} s\n{text}")
		code = os.waitstatus_to_exitcode(status)
		if code in (0, 3, 6, 8):  # it did all of its work
			self.figures["peak memory, MB"].append(peak / 1024)
		return code, text

	def close(self):
		self.launcher.stdin.close()
		self.launcher.stdout.close()
		self.launcher.wait(SECONDS)
		super().close()

	def check_growth(self):
		super().check_growth()
		self.grows("peak memory, MB", 0.05, 1)


class One(Soak):
	"""One process for all nights."""

	way = "one"

	def __init__(self, *how):
		super().__init__(*how)
		self.start()

	def start(self):
		figures, theirs = os.pipe()
		self.said = open(self.path("said"), "w+b")
		# without sanitizers: what the C library keeps to give it out again is not to count as given out
		exact = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"}
		self.process = subprocess.Popen([self.options.again, str(theirs)], env={**self.environment(), **exact},
			stdin=subprocess.PIPE, stdout=self.said, stderr=self.said, cwd=self.folder, pass_fds=(theirs,))
		os.close(theirs)
		self.from_it = os.fdopen(figures, "rb", buffering=0)
		self.read_figures()

	def signal(self, number):
		os.kill(self.process.pid, number)

	def read_figures(self):
		line = b""
		while not line.endswith(b"\n"):
			if not select.select([self.from_it], [], [], SECONDS)[0]:
				raise Wrong(f"no end after {SECONDS} s")
			piece = self.from_it.read(1)
			if not piece:
				self.process.wait(SECONDS)
				raise Wrong(f"the process ended with {self.process.returncode}\n{self.heard()}")
			line += piece
		return [int(word) for word in line.split()]

	def heard(self):
		with open(self.path("said"), "rb") as f:
			return f.read()[-20000:].decode(errors="replace")

	def run(self, arguments):
		since = os.path.getsize(self.path("said"))
		self.process.stdin.write("\t".join(arguments).encode() + b"\n")
		self.process.stdin.flush()
		code, descriptors, threads, allocated = self.read_figures()
		self.figures["descriptors"].append(descriptors)
		self.figures["threads"].append(threads)
		self.figures["bytes allocated"].append(allocated)
		with open(self.path("said"), "rb") as f:
			f.seek(since)
			text = f.read().decode(errors="replace")
		return 128 - code if code > 128 else code, text

	def end(self):
		"""A signal is for the whole process, so it comes in the last run of all; and leaves as little behind."""
		self.server.lists.settle()
		plan = Night(self, "stopped", False)
		plan.codes, plan.loose_end = {-signal.SIGTERM}, True
		plan.when, plan.action = 2, lambda: self.signal(signal.SIGTERM)
		plan.arguments += ["--config", self.path("soak.conf"), "--resume", "0s"]
		self.server.prepare(plan)
		before = self.look()
		code, said = self.run(["export", *plan.arguments])
		self.judge(plan, code, said, before)
		self.codes[str(code)] += 1
		self.finish()

	def finish(self):
		self.process.stdin.close()
		if self.process.wait(SECONDS) != 0:
			raise Wrong(f"the process ended with {self.process.returncode}\n{self.heard()}")

	def check_growth(self):
		super().check_growth()
		for name in ("descriptors", "threads", "bytes allocated"):
			warm = self.figures[name][WARM_UP:] or self.figures[name]
			if name != "bytes allocated" and len(set(self.figures[name])) != 1:
				raise Wrong(f"{name}: {self.figures[name]}")
			spare = 0 if self.options.nights >= TREND else SPARE
			if max(warm[len(warm) // 2:]) > max(warm[:len(warm) // 2]) + spare:
				raise Wrong(f"{name} grow: {self.figures[name]}")
		if set(self.figures["threads"]) != {1}:
			raise Wrong(f"threads stay behind: {self.figures['threads']}")

	def close(self):
		if self.process.poll() is None:
			self.process.kill()
			self.process.wait()
		self.from_it.close()
		self.said.close()
		super().close()


# --- the table ------------------------------------------------------------------------------------------------------


def show(soak):
	nights = sum(soak.kinds.values())
	print(f"\n{soak.way}: {nights} nights, seed {soak.options.seed}, {soak.seconds:.0f} s, {len(soak.kinds)} kinds")
	print("  exit codes      " + ", ".join(f"{code}: {count}" for code, count in sorted(soak.codes.items())))
	print("  nights          " + ", ".join(f"{kind} {count}" for kind, count in sorted(soak.kinds.items())))
	print("  answers spoiled " + ", ".join(f"{kind} {count}"
		for kind, count in sorted(soak.server.faults.items())) + f"; {sum(soak.server.faults.values())} in all")
	print(f"  {'':22} {'first quarter':>14} {'last quarter':>14} {'most':>14}")
	for name, values in soak.figures.items():
		first, last = soak.quarters(values)
		print(f"  {name:22} {first:14,.1f} {last:14,.1f} {max(values):14,.1f}")


def take(way, options):
	folder = tempfile.mkdtemp(prefix="rosterzip-soak-")
	soak = None
	try:
		soak = way(options, folder)
		return soak.all()
	finally:
		if soak is not None:
			soak.close()
		shutil.rmtree(folder, ignore_errors=True)


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("program")
	parser.add_argument("again")
	parser.add_argument("--nights", type=int)
	parser.add_argument("--seed", type=int, default=1)
	parser.add_argument("--way", choices=["processes", "one"])
	parser.add_argument("--quick", action="store_true")
	parser.add_argument("--show", action="store_true")
	options = parser.parse_args()
	options.program, options.again = os.path.abspath(options.program), os.path.abspath(options.again)
	options.nights = options.nights or (12 if options.quick else 200)
	ways = [way for way in (Processes, One) if options.way in (None, way.way)]
	failed = False
	with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:
		for job in [pool.submit(take, way, options) for way in ways]:
			try:
				show(job.result())
			except Wrong as wrong:
				failed = True
				print(f"\nFAILED: {wrong}", flush=True)
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())

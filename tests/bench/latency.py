#!/usr/bin/env python3
"""How well the program uses the time of a server that is slow, and how gentle it is with one that is soon busy.

	python3 tests/bench/latency.py [--runs 3] [--pages 600]

The program is $ROSTERZIP, else build/rosterzip: take a build without sanitizers. It prints tables and judges nothing; times
on a machine that does other things tell little. What "ideal" and "best" mean is told with each table.
"""

import argparse
import collections
import http.client
import math
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))

from harness import Case, Sis  # noqa: E402

ROWS = 20  # of a page; the pages themselves shall cost nothing
STEP = ROWS - 1  # each page is asked one row early, to see that it follows the one before
DATA = "/ims/oneroster/v1p1/users"


def server(folder, pages, **scenario):
	"""A SIS with so many pages of users, and a login that costs nothing."""
	size = {"users": pages * STEP + 1, "enrollments": 0, "classes": 1, "courses": 1, "with": ""}
	return Sis(folder, {"login": "none", "cap": ROWS, "cache_pages": 2 * pages, **scenario}, size)


def warm(sis):
	"""Has the server put its rows in order, so that the first reader does not pay for it."""
	connection = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(sis.root).port)
	connection.request("GET", f"/aeries{DATA}?limit={ROWS}&offset=0&sort=sourcedId&orderBy=asc")
	connection.getresponse().read()
	connection.close()


def read(sis, parallel):
	"""One export of the users: the requests for them, from the server's log, and the wall time of the whole run."""
	case = Case()
	case.setUp()
	try:
		case.url = sis.base
		before = len(sis.log())
		began = time.monotonic()
		words = ["--auth", "none", "--collections", "users", "--dangling", "keep", "--page-size", ROWS, "--parallel", parallel]
		run = case.program(case.arguments(*words, login=False), seconds=600)
		wall = time.monotonic() - began
		if run.code != 0:
			raise SystemExit(run.shown)
		return [entry for entry in sis.log()[before:] if entry["kind"] == "data"], wall
	finally:
		case.doCleanups()


def span(entries):
	"""Seconds from the first request to the last answer."""
	return max(e["t"] + e["took"] for e in entries) - min(e["t"] for e in entries)


def far_away(runs, latency=0.2, pages=40, allowed=8):
	"""Every page takes its time, however many are asked for at once."""
	with tempfile.TemporaryDirectory(prefix="bench-") as folder:
		sis = server(folder, pages, latency=latency)
		try:
			warm(sis)
			taken = [read(sis, allowed) for _ in range(runs)]
		finally:
			sis.close()
	asked = statistics.median(len(entries) for entries, _ in taken)
	ideal = (1 + math.ceil((pages - 1) / allowed)) * latency
	bare = math.ceil(pages / allowed) * latency
	print(f"{latency * 1000:.0f} ms latency, {pages} pages, {allowed} allowed (median of {runs}; {asked:.0f} requests)")
	print(f"  {'':44}{'seconds':>9}{'share':>8}")
	for what, seconds in (("ideal: the first page alone, then full rounds", ideal),
			("all pages known beforehand, full rounds", bare),
			("first request to last answer", statistics.median(span(entries) for entries, _ in taken)),
			("the whole run", statistics.median(wall for _, wall in taken))):
		print(f"  {what:44}{seconds:9.2f}{seconds / ideal:8.2f}")
	print()


def fixed(sis, parallel, pages):
	"""A reader that always has so many requests on the way and knows every page: (seconds, answers by status)."""
	todo = collections.deque(range(pages))
	statuses, lock = collections.Counter(), threading.Lock()
	port = urllib.parse.urlsplit(sis.root).port

	def work():
		connection = http.client.HTTPConnection("127.0.0.1", port)
		while True:
			with lock:
				if not todo:
					break
				page = todo.popleft()
			connection.request("GET", f"/aeries{DATA}?limit={ROWS}&offset={page * STEP}&sort=sourcedId&orderBy=asc")
			answer = connection.getresponse()
			answer.read()
			with lock:
				statuses[answer.status] += 1
				if answer.status != 200:
					todo.append(page)
			if answer.status != 200:
				time.sleep(float(answer.headers.get("Retry-After", 1)))
		connection.close()

	threads = [threading.Thread(target=work) for _ in range(parallel)]
	began = time.monotonic()
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	return time.monotonic() - began, statuses


def soon_busy(pages, latency=0.1, good=3, most=5):
	"""More than `good` at once make every answer slower; more than `most` are refused. Gives what each reader got: name,
	pages a second, share of the best fixed one, how many were refused, how many were asked for."""
	with tempfile.TemporaryDirectory(prefix="bench-") as folder:
		sis = server(folder, pages, latency=latency, capacity={"good": good, "max": most})
		try:
			warm(sis)
			some = max(30, pages // 6)
			results = [(f"always {n} at once", *fixed(sis, n, some), some) for n in range(1, 9)]
			for allowed in (4, 8, 16):
				entries, _ = read(sis, allowed)
				statuses = collections.Counter(entry["status"] for entry in entries)
				results.append((f"rosterzip, {allowed} allowed", span(entries), statuses, statuses[200]))
		finally:
			sis.close()
	best = max(count / seconds for name, seconds, _, count in results if name.startswith("always"))
	return [(name, count / seconds, count / seconds / best, statuses[429], sum(statuses.values()))
		for name, seconds, statuses, count in results]


def show_busy(pages, latency=0.1, good=3, most=5):
	results = soon_busy(pages, latency, good, most)
	print(f"{latency * 1000:.0f} ms latency, saturated by {good} at once, 429 above {most} ({pages} pages)")
	print(f"  {'reader':24}{'pages/s':>9}{'of best':>9}{'429':>6}{'share':>8}")
	for name, rate, share, refused, asked in results:
		print(f"  {name:24}{rate:9.1f}{share:9.2f}{refused:6}{100 * refused / asked:7.2f}%")
	print("  best: the fastest of the fixed ones, which know every page beforehand")
	print()


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--runs", type=int, default=3)
	parser.add_argument("--pages", type=int, default=600, help="of the server that is soon busy")
	options = parser.parse_args()
	far_away(options.runs)
	far_away(options.runs, latency=0.05)
	show_busy(options.pages)
	return 0


if __name__ == "__main__":
	sys.exit(main())

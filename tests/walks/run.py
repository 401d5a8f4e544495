"""Random walks: servers put together by chance from all ways of paging that servers have, each read once.

	python3 tests/walks/run.py [--walks 1000] [--from 0] [--jobs 2]    takes walks, prints what came of them
	python3 tests/walks/run.py --show N                                the plan of walk N, and what is demanded of it
	python3 tests/walks/run.py --take N                                walk N alone: every request, what the program said
	python3 tests/walks/run.py --smallest N                            the same fault with as little as possible

Walk N is the same for ever (grammar.py). The rows are known (source.py), so the outcome is judged here: the truth and
exit 0, or exit 5 with the bundle of yesterday untouched. Where a proof is possible, exit 0 is demanded. No walk is judged
by time, but one in which the program asks more than REQUESTS times has no end. The program is $ROSTERZIP, else
build/rosterzip below the source folder.
"""

import argparse
import asyncio
import collections
import concurrent.futures
import csv
import gzip
import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import traceback
import zipfile

from grammar import DEFAULTS, Walk
from source import Answer, Source

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.abspath(os.environ.get("ROSTERZIP") or os.path.join(SOURCE, "build", "rosterzip"))

AT_ONCE = 16      # walks of one process: most of them wait
TOGETHER = 50     # walks of one task
REQUESTS = 6000   # no reading of so few rows needs more
HANG = 600        # seconds: only so that a program that stands still does not hold up the rest for ever
FEWEST_TOLD = 20  # failures that are shown whole

TOKEN = b'{"access_token":"0123456789abcdef","token_type":"bearer","expires_in":3600}'
YESTERDAY = b"the bundle of yesterday, as good as ever\n"
TRUTH, NOTHING = "the truth", "nothing published"
WORDS = {"courses": "title", "users": "username", "enrollments": "userSourcedId"}  # columns that hold a row's word


# --- the server -----------------------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
	"""One connection of one walk, which the first word of the path names."""

	def __init__(self, tasks):
		self.tasks, self.text, self.transport = tasks, b"", None

	def connection_made(self, transport):
		self.transport = transport

	def data_received(self, data):
		self.text += data
		while b"\r\n\r\n" in self.text:
			head, rest = self.text.split(b"\r\n\r\n", 1)
			method, address, _ = head.split(b" ", 2)
			if method == b"POST":  # the only one is for a token
				length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
				if len(rest) < length:
					return
				self.text = rest[length:]
				self.transport.write(written(Answer(200, body=TOKEN)))
				continue
			self.text = rest
			task = self.tasks[address.split(b"/", 2)[1].decode()]
			try:
				task.asked(address.decode(), self.transport)
			except Exception:  # pylint: disable=broad-except
				task.trouble = traceback.format_exc()
				self.transport.abort()


def written(answer):
	"""The bytes of an answer."""
	lines = [f"HTTP/1.1 {answer.status} Answer", f"Content-Type: {answer.kind}"]
	lines += [f"{name}: {value}" for name, value in answer.headers]
	body = answer.body
	if ("Transfer-Encoding", "chunked") in answer.headers:
		half = len(body) // 2
		body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part) + b"0\r\n\r\n"
	elif answer.status != 204:
		lines.append(f"Content-Length: {len(body)}")
	return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body[:len(body) // 2] if answer.cut else body)


class Task:
	"""One walk on its way: its server's side, its folder, the process of the program."""

	def __init__(self, walk, name, root, trace=None):
		self.walk, self.source = walk, Source(walk.plan, f"{root}/{name}")
		self.trace, self.trouble = trace, None  # trouble: of this test itself
		self.kill = walk["kill"]
		self.requests, self.process, self.killed, self.endless = 0, None, False, False
		self.folder = tempfile.mkdtemp(prefix="rosterzip-walk-")
		self.zip, self.state = (os.path.join(self.folder, name) for name in ("OneRoster.zip", "state"))
		with open(self.zip, "wb") as file:
			file.write(YESTERDAY)
		self.secret = os.path.join(self.folder, "secret")
		with open(os.open(self.secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
			file.write("5ec7e7" * 8)

	def asked(self, address, transport):
		self.requests += 1
		self.endless = self.requests > REQUESTS
		answer = self.source.answer(address)
		dies = self.kill is not None and self.source.asked >= self.kill
		if self.trace:
			shown = "killed" if dies else f"{answer.status} {dict(answer.headers)} {shorten(answer)}"
			self.trace(f"{address.split('/v1p1/')[-1]}\n    {shown}{f' ({answer.cut})' if answer.cut else ''}")
		if dies or self.endless:
			if not self.killed:  # once: to kill what is dead already would take its exit code away
				self.process.kill()
			self.killed = True
			transport.abort()
			return
		if answer.cut != "close":
			transport.write(written(answer))
		if answer.cut:
			transport.close()

	def arguments(self):
		plan = self.walk.plan
		wanted = plan["table"] if plan["table"] == "courses" else f"orgs,{plan['table']}"
		words = ["export", "--url", self.source.root, "--auth", "oauth2", "--token-url", self.source.root + "/token",
			"--client-id", "walker", "--client-secret-file", self.secret, "--state-dir", self.state, "--output", self.zip,
			"--report", os.path.join(self.folder, "report.json"), "--collections", wanted, "--dangling", "keep",
			"--page-size", plan["page_size"], "--parallel", plan["parallel"], "--retry-time", f"{self.walk.retried()}s",
			"--fill", "none"]
		if plan["allow_empty"]:
			words += ["--allow-empty", plan["table"]]
		if plan["read_twice"]:
			words += ["--read-twice", plan["table"]]
		if plan["kill"] is not None:
			words += ["--resume", "1h"]
		return [str(word) for word in words]

	async def program(self):
		"""Runs the program to its end: exit code, what it said."""
		env = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
		env["HOME"] = self.folder
		env["ASAN_OPTIONS"] = ":".join(filter(None, [env.get("ASAN_OPTIONS"), "exitcode=99"]))
		self.process = await asyncio.create_subprocess_exec(PROGRAM, *self.arguments(), env=env, cwd=self.folder,
			stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
		try:
			out, _ = await asyncio.wait_for(self.process.communicate(), HANG)
		except asyncio.TimeoutError:
			self.process.kill()
			await self.process.wait()
			return "no end", ""
		return self.process.returncode, out.decode(errors="replace").replace(self.folder, "")

	async def run(self):
		code, said = await self.program()
		if code == -signal.SIGKILL and self.kill is not None and not self.endless:
			if self.untouched():
				self.kill, self.killed = None, False
				self.source.cut_off()
				code, said = await self.program()
			else:
				return "a killed run touched the bundle", said
		return self.judge(code, said), said

	# --- what came of it ----------------------------------------------------------------------------------------

	def untouched(self):
		with open(self.zip, "rb") as file:
			return file.read() == YESTERDAY

	def judge(self, code, said):
		"""TRUTH or NOTHING, or what must not have been."""
		if self.trouble:
			return f"the test itself fails: {self.trouble}"
		if self.endless:
			return "reads on for ever"
		if code == 5 or code == 3 and "would be empty" in said:
			return NOTHING if self.untouched() else "the bundle of yesterday was touched"
		if code == 4 and any(fault["kind"] == 401 for fault in self.walk["faults"]):
			return NOTHING if self.untouched() else "the bundle of yesterday was touched"
		if code != 0:
			return f"exit {code}"
		return self.judge_bundle(said)

	def judge_bundle(self, said):
		table = self.walk["table"]
		with zipfile.ZipFile(self.zip) as bundle:
			text = bundle.read(f"{table}.csv").decode() if f"{table}.csv" in bundle.namelist() else ""
		found = {row["sourcedId"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
		if len(found) != max(0, text.count("\r\n") - 1):
			return "a bundle with a row twice"
		must, may, states = self.source.states()
		if states and set(found) in [set(state) for state in states]:
			must = set()
		elif states:
			return "a bundle that is neither of two states"
		if not self.source.given:  # the collection itself was never given: its parts are all there is
			must = {key for key in must if self.in_parts(may[key])}
		missing, extra = must - set(found), set(found) - set(may)
		if missing:
			return f"a bundle that lacks rows ({len(missing)} of {len(must)})"
		if extra:
			return f"a bundle with {len(extra)} rows too many"
		if any(found[key][WORDS[table]] != may[key].word for key in found):
			return "a bundle with other rows"
		return TRUTH

	def in_parts(self, row):
		if not self.walk["parts"]:
			return True
		return row.role in ("student", "teacher") if self.walk["table"] == "users" else row.school in ("s1", "s2")

	def close(self):
		shutil.rmtree(self.folder, ignore_errors=True)


def shorten(answer):
	"""The rows by their ids."""
	body = gzip.decompress(answer.body) if answer.body.startswith(b"\x1f\x8b") else answer.body
	text = re.sub(r'\{"sourcedId":"([^"]*)"(?:[^{}]|\{[^{}]*\})*\}', r"\1", body.decode(errors="replace"))
	return text if len(text) < 600 else f"{text[:300]} ... {text[-300:]}"


async def take_all(walks, trace=None):
	"""Takes walks, AT_ONCE at a time: [(walk, outcome, what the program said)]."""
	tasks, gate = {}, asyncio.Semaphore(AT_ONCE)
	loop = asyncio.get_running_loop()
	server = await loop.create_server(lambda: Connection(tasks), "127.0.0.1", 0, backlog=128)
	root = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

	async def one(place, walk):
		async with gate:
			name = f"w{place}"
			task = tasks[name] = Task(walk, name, root, trace)
			try:
				outcome, said = await task.run()
			finally:
				task.close()
			return walk, outcome, said, task.requests
	try:
		return await asyncio.gather(*(one(place, walk) for place, walk in enumerate(walks)))
	finally:
		server.close()


def take(numbers):
	"""For a process of its own: [(number, proof, outcome, what was said, requests)]."""
	done = asyncio.run(take_all([Walk(number) for number in numbers]))
	return [(walk.number, walk.proof(), outcome, said, requests) for walk, outcome, said, requests in done]


def failed(proof, outcome):
	"""What is wrong with this outcome; None when nothing is."""
	if outcome not in (TRUTH, NOTHING):
		return outcome
	return "no bundle, though there is a proof" if proof == "must" and outcome == NOTHING else None


def outcome_of(plan):
	walk = Walk(plan=plan)
	_, outcome, said, _ = asyncio.run(take_all([walk]))[0]
	return failed(walk.proof(), outcome), said


def kind_of(failure):
	return failure.split(" (")[0] if failure else None


# --- smaller --------------------------------------------------------------------------------------------------------


def smallest(number):
	"""A plan that fails in the same way with as little as possible that is not as usual."""
	walk = Walk(number)
	plan, wanted = walk.plan, kind_of(outcome_of(walk.plan)[0])
	if wanted is None:
		return None, plan
	progress = True
	while progress:
		progress = False
		for change in smaller(plan):
			other = {**plan, **change}
			candidate = Walk(plan=other)
			if other == plan or candidate.blind() or kind_of(outcome_of(other)[0]) != wanted:
				continue
			plan, progress = other, True
	return wanted, plan


def smaller(plan):
	for word, usual in DEFAULTS.items():
		if word not in ("number", "rows") and plan[word] != usual:
			yield {word: usual}
	for word in ("faults", "mutate", "hidden"):
		for n in range(len(plan[word])):
			yield {word: plan[word][:n] + plan[word][n + 1:]}
	for rows in (plan["rows"] // 2, plan["rows"] - 1):
		if rows > 0:
			yield {"rows": rows}


# --- many -----------------------------------------------------------------------------------------------------------


def tell(number, failure, said, whole):
	print(f"FAILED walk {number}: {failure}")
	if whole:
		print(f"  {json.dumps(Walk(number).different())}")
		print("".join(f"  | {line}\n" for line in said.strip().splitlines()[-4:]), end="")
		print(f"  python3 tests/walks/run.py --take {number}    or    --smallest {number}", flush=True)


def many(first, count, jobs):
	numbers = range(first, first + count)
	counts, failures, requests = collections.Counter(), {}, 0
	with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
		parts = [pool.submit(take, numbers[n:n + TOGETHER]) for n in range(0, len(numbers), TOGETHER)]
		for part in concurrent.futures.as_completed(parts):
			for number, proof, outcome, said, asked in part.result():
				requests += asked
				failure = failed(proof, outcome)
				counts[proof, kind_of(outcome)] += 1
				if failure:
					failures[number] = failure
					tell(number, failure, said, len(failures) <= FEWEST_TOLD)
	summary(counts, failures, requests)
	few = never_drawn(numbers) if count >= 1000 else []
	if few:
		print("kinds that were never drawn, of:", ", ".join(few))
	return 1 if failures or few else 0


def summary(counts, failures, requests):
	total = sum(counts.values())
	for proof, words in (("must", "a proof is possible"), ("should", "a proof is arguable"), (None, "no proof")):
		part = {outcome: count for (kind, outcome), count in counts.items() if kind == proof}
		share = 100 * part.get(TRUTH, 0) / max(1, sum(part.values()))
		print(f"{sum(part.values()):6} walks where {words}: {share:.1f} % the truth with exit 0")
		for outcome, count in sorted(part.items(), key=lambda item: -item[1]):
			print(f"{count:10}  {outcome}")
	wrong = collections.Counter(kind_of(failure) for failure in failures.values())
	print(f"{total} walks, {requests} requests, {len(failures)} failed"
		+ "".join(f"; {count} {what}" for what, count in wrong.most_common()))


def never_drawn(numbers):
	"""Kinds that none of these walks has, so that chance leaves nothing out."""
	kinds = {"paging": 13, "end": 11, "total": 9, "link": 13, "sign": 4, "order": 6, "filter": 3, "sort": 3, "wrapper": 4}
	plans = [Walk(number).plan for number in numbers]
	faults = {fault["kind"] for plan in plans for fault in plan["faults"]}
	few = [word for word, count in kinds.items() if len({plan[word] for plan in plans}) < count]
	few += [word for word in ("cap", "fixed", "window", "cache", "backends", "mutate", "kill", "read_twice", "copies")
		if not any(plan[word] for plan in plans)]
	return few + (["faults"] if len(faults) < 16 else [])


def show(walk):
	print(json.dumps(walk.plan))
	print("not as usual:", json.dumps(walk.different()))
	print("proof:", walk.proof() or "none is demanded")


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("--walks", type=int, default=int(os.environ.get("ROSTERZIP_WALKS") or 1000))
	parser.add_argument("--from", type=int, default=int(os.environ.get("ROSTERZIP_WALK_FROM") or 0), dest="first")
	parser.add_argument("--jobs", type=int, default=2)
	parser.add_argument("--show", type=int)
	parser.add_argument("--take", type=int)
	parser.add_argument("--plan", help="a plan as JSON in place of a number, for --take -1")
	parser.add_argument("--smallest", type=int)
	options = parser.parse_args()
	if not os.access(PROGRAM, os.X_OK):
		parser.error(f"there is no program {PROGRAM}: build it, or set ROSTERZIP")
	if options.show is not None:
		show(Walk(options.show))
		return 0
	if options.smallest is not None:
		failure, plan = smallest(options.smallest)
		print(failure or "does not fail")
		show(Walk(plan=plan))
		return 1 if failure else 0
	if options.take is not None:
		walk = Walk(plan=json.loads(options.plan)) if options.plan else Walk(options.take)
		show(walk)
		_, outcome, said, _ = asyncio.run(take_all([walk], trace=print))[0]
		print(said, "outcome:", outcome)
		return 1 if failed(walk.proof(), outcome) else 0
	return many(options.first, options.walks, options.jobs)


if __name__ == "__main__":
	sys.exit(main())

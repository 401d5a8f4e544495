"""The manners of a program that runs alone for years: deadline, lock, journal, metrics, pings, and that it can be ended
at any instant."""

import contextlib
import fcntl
import http.server
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import CLIENT_ID, PROGRAM, SECONDS, SECRET, SIS, Case, need

SIZE = {"users": 60, "classes": 5, "courses": 3, "enrollments": 120}
LONG = 50  # seconds: what takes so long takes longer than any test

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* The program gets a signal, SIGTERM unless SIGNAL says otherwise, at the call AT_CALL of those below, or writes their
 * number to COUNT_TO. */
static atomic_long calls;

static void count(void)
{
	const char *at = getenv("AT_CALL");
	const char *number = getenv("SIGNAL");
	if (++calls == (at != NULL ? atol(at) : -1))
		kill(getpid(), number != NULL ? atoi(number) : SIGTERM);
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("COUNT_TO");
	FILE *file = path != NULL ? fopen(path, "w") : NULL;
	if (file != NULL) {
		fprintf(file, "%ld\n", (long)calls);
		fclose(file);
	}
}

#define WRAP(type, name, parameters, ...) \
	type name parameters \
	{ \
		static type (*real) parameters; \
		if (real == NULL) \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
		count(); \
		return real(__VA_ARGS__); \
	}

WRAP(ssize_t, read, (int fd, void *data, size_t length), fd, data, length)
WRAP(ssize_t, write, (int fd, const void *data, size_t length), fd, data, length)
WRAP(ssize_t, pread, (int fd, void *data, size_t length, off_t at), fd, data, length, at)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t at), fd, data, length, at)
WRAP(ssize_t, recv, (int fd, void *data, size_t length, int flags), fd, data, length, flags)
WRAP(int, rename, (const char *from, const char *to), from, to)
WRAP(int, unlink, (const char *path), path)
WRAP(int, fsync, (int fd), fd)

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *path, int flags, ...);
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (real == NULL)
		real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	count();
	return real(path, flags, mode);
}

/* A name server that never answers. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	if (real == NULL)
		real = (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT,
			"getaddrinfo");
	while (getenv("SILENT_NAMES") != NULL && node != NULL && node[0] > '9')
		sleep(1);
	return real(node, service, hints, found);
}
"""


def build_shim():
	"""What the program is run with to reach its every instant; built once a process."""
	if build_shim.path is None:
		folder = tempfile.TemporaryDirectory(prefix="rosterzip-shim-")
		build_shim.folder = folder
		source, path = os.path.join(folder.name, "shim.c"), os.path.join(folder.name, "shim.so")
		with open(source, "w", encoding="ascii") as f:
			f.write(SHIM)
		subprocess.run([need("cc"), "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"], check=True, timeout=60)
		build_shim.path = path
	return build_shim.path


build_shim.path = None


def preload(**variables):
	"""The environment of a run with the shim."""
	asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "exitcode=99", "verify_asan_link_order=0"]))
	return {"LD_PRELOAD": build_shim(), "ASAN_OPTIONS": asan, **variables}


class Operations(Case):
	def hold_lock(self, text=""):
		os.makedirs(self.state, 0o700, exist_ok=True)
		lock = open(os.path.join(self.state, "lock"), "w", encoding="ascii")
		self.addCleanup(lock.close)
		lock.write(text)
		lock.flush()
		fcntl.flock(lock, fcntl.LOCK_EX)
		return lock

	def seen(self, **wanted):
		return os.path.exists(self.sis.log_file) and self.sis.log(**wanted)


class Deadline(Operations):
	def passes(self, doing, *extra, seconds=LONG - 10, **how):
		"""A deadline of one second passes; the run ends soon after, in order."""
		began = time.monotonic()
		run = self.assert_fails(5, f"the deadline of 1s passed while {doing}. Nothing was published. Raise deadline", *extra,
			"--deadline", "1s", "--timeout", f"{LONG}s", "--retry-time", f"{LONG}s", seconds=seconds, **how)
		took = time.monotonic() - began
		self.assertGreaterEqual(took, 0.9)
		return run

	def test_server_that_does_not_answer(self):
		"""And the next run, which is in time, is fine."""
		self.serve(SIZE, faults=[{"match": "users", "first": 1, "do": {"delay": LONG}}])
		run = self.passes("reading users")
		self.assertEqual(run.report["error"]["kind"], "api")
		self.assertEqual(len(run.lines), 1, run.shown)
		self.export_truth("--deadline", f"{LONG}s")

	def test_login_that_does_not_answer(self):
		self.serve(SIZE, faults=[{"match": "token", "do": {"delay": LONG}}])
		self.passes("logging in")

	def test_wait_before_another_try(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 503, "retry_after": LONG - 10}}])
		self.passes("reading [a-z]+")  # all wait, whichever is to be read next

	def test_slow_pages(self):
		"""Each answer comes, but all of them together take too long."""
		self.serve({"users": 400}, cap=5, latency=0.1)
		self.passes("reading users")

	def test_another_run_in_the_way(self):
		self.serve(SIZE)
		self.hold_lock()
		self.passes("waiting for another run to end", "--lock-wait", f"{LONG}s")

	def test_secret_command_that_does_not_end(self):
		self.serve(SIZE)
		self.passes("preparing", "--client-id", CLIENT_ID, "--client-secret-command", f"sleep {LONG}", login=False)
		self.assertFalse(self.seen())

	def test_name_server_that_does_not_answer(self):
		self.passes("logging in", url="https://sis.sample.example/aeries", env=preload(SILENT_NAMES="1"))

	def test_name_server_that_does_not_answer_for_a_ping(self):
		"""Neither at the start nor at the end it holds up the run for long."""
		began = time.monotonic()
		run = self.passes("preparing", "--ping-url", "https://watch.sample.example/key", env=preload(SILENT_NAMES="1"),
			url="https://sis.sample.example/aeries")
		self.assertLess(time.monotonic() - began, 10)  # a ping alone may take so long
		self.assertEqual(len(run.warnings), 1, run.shown)
		self.assertRegex(run.warnings[0], "ping-url: watch.sample.example could not be told of the end: no answer in time")

	def silent_receiver(self):
		"""A receiver that takes the connection and says nothing: its address, and whether somebody called."""
		listener = socket.create_server(("127.0.0.1", 0))
		self.addCleanup(listener.close)
		return (f"https://127.0.0.1:{listener.getsockname()[1]}/OneRoster.zip",
			lambda: bool(select.select([listener], [], [], 0)[0]))

	def test_receiver_that_does_not_answer(self):
		"""The bundle is published by then, and kept to be delivered."""
		self.serve(SIZE)
		receiver, _ = self.silent_receiver()
		run = self.export("--deliver", receiver, "--deadline", "2s", expect=8)
		self.assertRegex(run.error, "is published, but not delivered: the deadline of 2s passed while delivering. The next "
			"export .* sends it")
		self.assert_truth()
		done = self.program(["deliver", "--deliver", receiver, "--deadline", "1s", self.zip])
		self.assertEqual(done.code, 8, done.shown)
		self.assertRegex(done.error, "the deadline of 1s passed while delivering. Run it again")

	def test_signal_while_delivering(self):
		self.serve(SIZE)
		receiver, called = self.silent_receiver()
		process = self.start("--deliver", receiver)
		self.until("the receiver is called", called, process=process)
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.assert_truth()

	def test_signal_is_a_signal(self):
		"""Even with a deadline, and the report says so."""
		self.serve(SIZE, faults=[{"match": "users", "do": {"delay": LONG}}])
		process = self.start("--deadline", f"{LONG}s")
		self.until("courses are read", lambda: self.seen(kind="data") and self.sis.pages("classes"), process=process)
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.assertEqual(run.report["exit-status"], 128 + signal.SIGTERM)


class Lock(Operations):
	def test_second_run_is_told_who_is_in_the_way(self):
		self.serve(SIZE, faults=[{"match": "users", "first": 1, "do": {"delay": LONG}}])
		process = self.start("--report", self.path("first.json"))
		self.until("the first one is at work", lambda: self.seen(kind="data"), process=process)
		run = self.export(expect=7)
		self.assertRegex(run.error, rf"another run holds the lock .*/state/lock. It is process {process.pid}, at work since "
			r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ. To wait for its end: lock-wait")
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)
		self.assertEqual(os.path.getsize(os.path.join(self.state, "lock")), 0)

	def test_second_run_works_after_the_first(self):
		self.serve(SIZE, faults=[{"match": "users", "first": 1, "do": {"delay": 1}}])
		first = self.start("--report", self.path("first.json"))
		self.until("the first one is at work", lambda: self.seen(kind="data"), process=first)
		self.export("--lock-wait", f"{LONG}s")
		self.assertEqual(self.finish(first).code, 0)
		self.assert_truth()

	def test_progress_while_waiting(self):
		self.serve(SIZE)
		lock = self.hold_lock("not a number\n")
		process = self.start("--lock-wait", f"{LONG}s", "--verbose")
		os.set_blocking(process.stderr.fileno(), False)
		said = b""
		# The settings are logged before anything else; what is asked then is answered while it waits.
		def asked():
			nonlocal said
			said += process.stderr.read() or b""
			if b"settings: " in said:
				process.send_signal(signal.SIGUSR1)
			return b"rosterzip: progress: waiting for another run to end\n" in said
		self.until("the progress is told", asked, process=process)
		fcntl.flock(lock, fcntl.LOCK_UN)
		os.set_blocking(process.stderr.fileno(), True)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth()


class EveryInstant(Operations):
	"""SIGTERM at instants all over the run, from the first system call to the last."""

	INSTANTS = 16

	def count_calls(self, *extra):
		"""How many calls a good run makes."""
		count = self.path("count")
		self.export(*extra, env=preload(COUNT_TO=count))
		with open(count, encoding="ascii") as f:
			calls = int(f.read())
		self.assertGreater(calls, 100)
		return calls

	def test_progress_at_any_instant(self):
		"""Asked for while reading or publishing, by a run that is quiet; the last instants have nothing more to tell."""
		self.serve(SIZE, cap=20)
		calls = self.count_calls()
		told = set()
		for n in range(2, 8):
			shutil.rmtree(os.path.join(self.state, "published"))
			at = str(calls * n // 12)
			run = self.export("--quiet", env=preload(AT_CALL=at, SIGNAL=str(int(signal.SIGUSR1))))
			self.assertRegex(run.err, r"\A(rosterzip: progress: [^\n]+\n)?\Z")
			told.add(re.sub(r"\d[\d,]*", "N", run.err.removeprefix("rosterzip: progress: ").strip()))
			self.assert_truth()
		self.assertTrue(any(line.endswith(" in flight") for line in told), told)
		self.assertTrue(told & {"final check", "guard", "zip"} or any(".csv" in line for line in told), told)
	def test_ends_in_order_at_any_instant(self):
		self.serve(SIZE, cap=20)
		receiver = self.path("receiver")
		os.mkdir(receiver)
		more = ("--deliver", receiver, "--deliver-as", "OneRoster.zip", "--metrics-file", self.path("rosterzip.prom"))
		calls = self.count_calls(*more)
		wanted = self.truth()
		self.assert_files(self.bundle(), wanted)
		ends = set()
		for n in range(self.INSTANTS):
			at = 1 + calls * n // self.INSTANTS
			for folder in ("published", "delivered"):
				with contextlib.suppress(FileNotFoundError):
					for name in os.listdir(os.path.join(self.state, folder)):
						os.unlink(os.path.join(self.state, folder, name))
			with contextlib.suppress(FileNotFoundError):
				os.unlink(os.path.join(receiver, "OneRoster.zip"))
			before = self.old_bundle()
			run = self.program(self.arguments(*more), preload(AT_CALL=str(at)))
			with self.subTest(f"call {at} of {calls}: {run.err}"):
				self.assertIn(run.code, (0, -signal.SIGTERM), run.shown)
				ends.add(run.code)
				if self.mark(self.zip) != before:  # then it is the new one, all of it
					self.assert_files(self.bundle(), wanted)
				elif run.code == 0:
					self.fail("nothing is published")
				self.assertEqual(os.listdir(self.out_folder), ["OneRoster.zip"])
				if os.listdir(receiver):
					self.assertEqual(os.listdir(receiver), ["OneRoster.zip"])
					self.assert_files(self.bundle(os.path.join(receiver, "OneRoster.zip")), wanted)
				for folder, _, names in os.walk(self.state):
					self.assertNotIn("work", os.path.basename(folder))
					self.assertEqual([n for n in names if n.startswith(".")], [])
				self.assertEqual([n for n in os.listdir(self.folder) if n.startswith(".")], [])
		self.assertIn(-signal.SIGTERM, ends)


class Log(Operations):
	def run_to_file(self, *arguments, journal):
		"""A run whose stderr is a file, which JOURNAL_STREAM names or not."""
		path = self.path("stderr")
		with open(path, "wb") as f:
			status = os.fstat(f.fileno())
			env = self.environment({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + (0 if journal else 1)}"})
			code = subprocess.run([PROGRAM, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
				stderr=f, cwd=self.folder, timeout=SECONDS, check=False).returncode
		with open(path, encoding="utf-8") as f:
			return code, f.read()

	def test_journal(self):
		self.serve(SIZE, nasty=True, faults=[{"match": "enrollments", "do": {"status": 418}}])
		code, said = self.run_to_file(*self.arguments("--verbose"), journal=True)
		self.assertEqual(code, 5, said)
		self.assertRegex(said, r"\A(<[3-7]>.*\n)+\Z")
		self.assertNotRegex(said, r"(?m)rosterzip: |^<.>(error|warning): ")
		self.assertRegex(said, r"(?m)^<7>settings: ")
		self.assertRegex(said, r"\n<3>enrollments, .*418.*\n\Z")
		code, said = self.run_to_file(*self.arguments(), journal=False)
		self.assertRegex(said, r"(?m)^rosterzip: error: enrollments, .*418")
		self.assertNotIn("<", said[:1])

	def test_journal_before_the_configuration_is_read(self):
		code, said = self.run_to_file("export", "--no-such-option", journal=True)
		self.assertEqual(code, 2)
		self.assertRegex(said, r"\A<3>.*no-such-option.*\n\Z")

	def test_json(self):
		self.serve(SIZE, nasty=True, faults=[{"match": "enrollments", "do": {"status": 418}}])
		run = self.export("--log-format", "json", "--verbose", expect=5)
		lines = [json.loads(line) for line in run.lines]
		self.assertEqual({frozenset(line) for line in lines}, {frozenset(("time", "level", "subject", "text"))})
		self.assertEqual([line["level"] for line in lines].count("error"), 1)
		self.assertEqual(lines[-1]["level"], "error")
		self.assertRegex(lines[-1]["text"], "enrollments, .*418")

	def test_json_of_a_wrong_setting(self):
		run = self.program(["export", "--url", "https://sis.sample.example", "--auth", "none", "--log-format", "json",
			"--output", self.path("none", "bundle.zip")])
		self.assertEqual(run.code, 2)
		self.assertEqual(json.loads(run.err)["level"], "error")


def parse_metrics(text):
	"""The samples of an exposition as {(name, ((label, value), ...)): number}; raises what is wrong with it.
	By the description of the text format, version 0.0.4."""
	if not text.endswith("\n"):
		raise ValueError("the last line has no end")
	helps, types, samples, order = {}, {}, {}, []
	for line in text[:-1].split("\n"):
		comment = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)", line)
		if comment:
			kind, name, rest = comment.groups()
			known = helps if kind == "HELP" else types
			if name in known or name in order:
				raise ValueError(f"{kind} of {name} comes twice, or behind a sample")
			if kind == "TYPE" and rest not in ("counter", "gauge", "histogram", "summary", "untyped"):
				raise ValueError(line)
			if kind == "HELP" and re.search(r"\\(?![\\n])", rest):
				raise ValueError(line)
			known[name] = rest
			continue
		sample = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)', line)
		if not sample:
			raise ValueError(f"neither comment nor sample: {line}")
		name, inside, number = sample.groups()
		labels, at = [], 0
		while inside and at < len(inside):
			label = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)').match(inside, at)
			if not label or label[1].startswith("__"):
				raise ValueError(f"wrong label: {line}")
			labels.append((label[1], re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), label[2])))
			at = label.end()
		if len({k for k, _ in labels}) < len(labels):
			raise ValueError(f"a label twice: {line}")
		if name not in types or name not in helps:
			raise ValueError(f"HELP or TYPE is missing: {line}")
		if name in order and order[-1] != name:
			raise ValueError(f"samples of {name} do not stand together")
		order.append(name)
		key = (name, tuple(sorted(labels)))
		if key in samples:
			raise ValueError(f"twice: {line}")
		samples[key] = float(number)
	return samples, types


class Metrics(Operations):
	def setUp(self):
		super().setUp()
		self.metrics_file = self.path("rosterzip.prom")

	def metrics(self):
		with open(self.metrics_file, encoding="utf-8") as f:
			self.text = f.read()
		self.samples, self.types = parse_metrics(self.text)
		for name, kind in self.types.items():
			self.assertRegex(name, r"^rosterzip_[a-z_]+$")
			self.assertEqual(kind, "gauge")  # each run counts anew
			self.assertNotRegex(name, r"_total$|milliseconds|_ms$")
		return self.samples

	def one(self, name, **labels):
		return self.samples[("rosterzip_" + name, tuple(sorted({"source": "state", **labels}.items())))]

	def names(self):
		return {name for name, _ in self.samples}

	def test_bundles_that_nobody_came_to(self):
		"""The first one cannot be written: the others are known all the same."""
		self.serve(SIZE)
		config = self.write("two.conf", f"[bundle first]\noutput = {self.path('nowhere', 'a.zip')}\n"
			f"[bundle second]\noutput = {self.zip}\ndeliver = {self.out_folder}\n")
		run = self.program(self.arguments("--config", config, "--metrics-file", self.metrics_file, output=False))
		self.assertEqual(run.code, 2, run.shown)
		self.assertIn("nowhere", run.error)
		self.metrics()
		self.assertEqual(self.one("last_exit_status"), 2)
		self.assertEqual(self.one("bundle_state", bundle="second", state="published"), 0)
		self.assertEqual(self.one("bundle_state", bundle="second", state="failed"), 1)

	def test_numbers_of_a_good_run(self):
		self.serve({**SIZE, "users": 200}, cap=30, derived=False, faults=[{"match": "users", "first": 1,
			"do": {"status": 503, "retry_after": 0}}])
		before = int(time.time())
		run = self.export("--metrics-file", self.metrics_file)
		after = int(time.time()) + 1
		self.metrics()
		self.assertEqual(os.stat(self.metrics_file).st_mode & 0o777, 0o644)
		self.assertEqual(self.one("build_info", version=self.program(["--version"]).out.split()[1]), 1)
		for name in ("last_run_timestamp_seconds", "last_success_timestamp_seconds"):
			self.assertTrue(before <= self.one(name) <= after, name)
		self.assertEqual(self.one("last_exit_status"), 0)
		self.assertTrue(0 < self.one("duration_seconds") < SECONDS)
		self.assertEqual(self.one("collection_requests", collection="users"), len(self.sis.pages("users")))
		self.assertEqual(self.one("collection_retries", collection="users"), 1)
		self.assertEqual(self.one("collection_rereads", collection="users"), 0)
		self.assertEqual(self.one("collection_complete", collection="users"), 1)
		self.assertGreater(self.one("collection_duration_seconds", collection="users"), 0)
		sent = sum(e["bytes"] for e in self.sis.pages("users") if e["status"] == 200)
		self.assertGreaterEqual(self.one("collection_json_bytes", collection="users"), sent)
		self.assertGreaterEqual(self.one("collection_wire_bytes", collection="users"), sent)
		truth = self.truth()
		for name, data in truth.items():
			if name == "manifest.csv":
				continue
			file = {"bundle": "", "file": name}
			self.assertEqual(self.one("file_rows", **file), data.count(b"\r\n") - 1, name)
			self.assertEqual(self.one("file_bytes", **file), len(data))
			counted = next(f for f in run.report["bundles"][0]["files"] if f["file"] == name)
			for reason in ("deleted", "hanging", "filtered", "dangling"):
				self.assertEqual(self.one("file_left_out_rows", reason=reason, **file), counted["left-out-" + reason])
		self.assertEqual(self.one("bundle_bytes", bundle=""), os.path.getsize(self.zip))
		self.assertTrue(before <= self.one("bundle_published_timestamp_seconds", bundle="") <= after)
		self.assertEqual(self.states(""), {"published"})
		self.assertNotRegex(self.text, "Sample-|Student|sample.example|STU_|" + CLIENT_ID + "|" + SECRET)

	def states(self, bundle):
		"""The states of a bundle that are 1; there is exactly one sample for each state there can be."""
		states = {dict(labels)["state"]: value for (name, labels), value in self.samples.items()
			if name == "rosterzip_bundle_state" and dict(labels)["bundle"] == bundle}
		self.assertEqual(set(states), {"published", "unchanged", "guard", "invalid", "failed"})
		self.assertEqual(sorted(states.values()), [0, 0, 0, 0, 1])
		return {state for state, value in states.items() if value}

	def test_success_outlives_failures(self):
		self.serve(SIZE, faults=[{"match": "users", "nth": [3, 4], "do": {"status": 418}}])
		self.export("--metrics-file", self.metrics_file)
		self.metrics()
		success = self.one("last_success_timestamp_seconds")
		published = self.one("bundle_published_timestamp_seconds", bundle="")
		self.until("the next second", lambda: time.time() > success + 1)
		self.export("--metrics-file", self.metrics_file, expect=5)
		self.metrics()
		self.assertEqual(self.one("last_exit_status"), 5)
		self.assertEqual(self.one("last_success_timestamp_seconds"), success)
		self.assertGreater(self.one("last_run_timestamp_seconds"), success)
		self.assertEqual(self.one("bundle_published_timestamp_seconds", bundle=""), published)
		self.assertEqual(self.one("collection_complete", collection="users"), 0)
		self.assertEqual(self.states(""), {"failed"})
		os.unlink(self.metrics_file)  # what is known lies in the state folder
		self.export("--metrics-file", self.metrics_file, expect=5)
		self.metrics()
		self.assertEqual(self.one("last_success_timestamp_seconds"), success)
		self.export("--metrics-file", self.metrics_file)
		self.metrics()
		self.assertGreater(self.one("last_success_timestamp_seconds"), success)
		self.assertEqual(self.states(""), {"unchanged"})

	def test_runs_that_fail_early(self):
		"""Each leaves its exit status behind: a wrong secret, no login, a signal, a deadline. 0 says: never yet."""
		self.serve(SIZE, faults=[{"match": "users", "do": {"delay": LONG}}])
		self.export("--metrics-file", self.metrics_file, "--client-secret-file", self.path("none"), expect=2)
		self.metrics()
		self.assertEqual((self.one("last_exit_status"), self.one("last_success_timestamp_seconds")), (2, 0))
		self.assertEqual(self.states(""), {"failed"})
		wrong = self.write("wrong", "5f" * 32, 0o600)
		self.export("--metrics-file", self.metrics_file, "--client-secret-file", wrong, expect=4)
		self.metrics()
		self.assertEqual(self.one("last_exit_status"), 4)
		self.export("--metrics-file", self.metrics_file, "--deadline", "1s", expect=5)
		self.metrics()
		self.assertEqual(self.one("last_exit_status"), 5)
		seen = len(self.sis.pages("classes"))
		process = self.start("--metrics-file", self.metrics_file)
		self.until("users are read", lambda: len(self.sis.pages("classes")) > seen, process=process)
		process.send_signal(signal.SIGTERM)
		self.finish(process)
		self.metrics()
		self.assertEqual(self.one("last_exit_status"), 128 + signal.SIGTERM)

	def deliveries(self, bundle):
		states = {dict(labels)["state"]: value for (name, labels), value in self.samples.items()
			if name == "rosterzip_bundle_delivery_state" and dict(labels)["bundle"] == bundle}
		self.assertEqual(set(states), {"none", "unchanged", "delivered", "pending", "failed"})
		self.assertEqual(sorted(states.values()), [0, 0, 0, 0, 1])
		return {state for state, value in states.items() if value}

	def test_delivery(self):
		self.serve(SIZE)
		receiver = self.path("receiver")
		os.mkdir(receiver)
		how = ("--metrics-file", self.metrics_file, "--deliver", os.path.join(receiver, "OneRoster.zip"))
		before = int(time.time())
		self.export(*how)
		self.metrics()
		delivered = self.one("bundle_delivered_timestamp_seconds", bundle="")
		self.assertTrue(before <= delivered <= time.time() + 1)
		self.assertEqual(self.deliveries(""), {"delivered"})
		self.export(*how)
		self.metrics()
		self.assertEqual(self.deliveries(""), {"unchanged"})
		self.assertEqual(self.one("bundle_delivered_timestamp_seconds", bundle=""), delivered)
		self.serve(SIZE, faults=[{"match": "users", "first": 1, "do": {"delay": 1}}])
		process = self.start(*how, "--deliver-again")
		self.until("users are asked for", lambda: self.seen(kind="data") and self.sis.pages("classes"), process=process)
		shutil.rmtree(receiver)
		run = self.finish(process)
		self.assertEqual(run.code, 8, run.shown)
		self.metrics()
		self.assertEqual((self.states(""), self.deliveries("")), ({"unchanged"}, {"failed"}))
		self.assertEqual(self.one("bundle_delivered_timestamp_seconds", bundle=""), delivered)
		self.assertEqual(self.one("last_exit_status"), 8)

	def test_lock_held_leaves_the_numbers_to_the_other_run(self):
		self.serve(SIZE)
		self.export("--metrics-file", self.metrics_file)
		before = self.mark(self.metrics_file)
		self.hold_lock()
		self.export("--metrics-file", self.metrics_file, expect=7)
		self.assertEqual(self.mark(self.metrics_file), before)

	def test_bundles_and_their_states(self):
		self.serve({"users": 60, "enrollments": 0})
		config = self.write("config.ini", f"""
url = {self.url}
client-id = {CLIENT_ID}
client-secret-file = {self.secret_file}
state-dir = {self.state}/
metrics-file = {self.metrics_file}
[bundle good]
output = {self.zip}
allow-empty = enrollments
[bundle held]
output = {self.path('held.zip')}
allow-empty = enrollments
min-rows = users=1000
[bundle wrong]
output = {self.path('wrong.zip')}
""")
		run = self.program(["export", "--config", config])
		self.assertEqual(run.code, 6, run.shown)
		self.metrics()
		self.assertEqual(self.states("good"), {"published"})
		self.assertEqual(self.states("held"), {"guard"})
		self.assertEqual(self.states("wrong"), {"invalid"})
		self.assertEqual(self.one("bundle_published_timestamp_seconds", bundle="held"), 0)
		self.assertGreater(self.one("file_rows", bundle="held", file="users.csv"), 0)
		self.assertEqual(self.one("last_exit_status"), 6)

	def test_label_of_an_odd_folder(self):
		self.serve(SIZE)
		odd = 'a "new"\\one'
		self.export("--metrics-file", self.metrics_file, "--state-dir", self.path(odd))
		self.metrics()
		self.assertEqual({dict(labels)["source"] for _, labels in self.samples}, {odd})

	def test_file_that_cannot_be_written(self):
		self.serve(SIZE)
		self.assert_fails(2, "metrics-file: .*there is no folder", "--metrics-file", self.path("none", "x.prom"))
		self.assertFalse(self.seen(kind="data"))

	def test_readme_names_every_metric(self):
		self.serve(SIZE)
		self.export("--metrics-file", self.metrics_file, "--deliver", self.out_folder, "--deliver-as", "sent.zip")
		self.metrics()
		with open(os.path.join(os.path.dirname(SIS), "..", "..", "README.md"), encoding="utf-8") as f:
			documented = set(re.findall(r"`(rosterzip_[a-z_]+)", f.read()))
		self.assertEqual(self.names() - documented, set())
		self.assertEqual(documented - self.names(), set())


class Watch(http.server.ThreadingHTTPServer):
	"""A service that watches jobs: remembers what it is told."""

	daemon_threads = True

	def __init__(self, status=200, delay=0):
		super().__init__(("127.0.0.1", 0), WatchHandler)
		self.status, self.delay, self.told, self.ended = status, delay, [], threading.Event()
		self.url = f"http://127.0.0.1:{self.server_port}"
		threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

	def close(self):
		self.ended.set()
		self.shutdown()
		self.server_close()


class WatchHandler(http.server.BaseHTTPRequestHandler):
	def do_GET(self):
		body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
		self.server.told.append((self.path, self.headers.get("User-Agent"), body))
		status = self.server.status.pop(0) if isinstance(self.server.status, list) else self.server.status
		self.server.ended.wait(self.server.delay)
		with contextlib.suppress(OSError):
			self.send_response(status)
			self.send_header("Content-Length", "2")
			self.end_headers()
			self.wfile.write(b"OK")

	do_POST = do_PUT = do_HEAD = do_GET

	def log_message(self, *_):
		pass


KEY = "b5f0d2a8-secret-of-the-ping"


class Ping(Operations):
	def watch(self, **how):
		watch = Watch(**how)
		self.addCleanup(watch.close)
		return watch

	def told(self, watch):
		for _, agent, body in watch.told:
			self.assertRegex(agent, r"^rosterzip/[0-9.]+$")
			self.assertEqual(body, b"")
		return [path for path, _, _ in watch.told]

	def test_start_and_success(self):
		self.serve(SIZE)
		for address, start, end in ((f"/{KEY}", f"/{KEY}/start", f"/{KEY}"), (f"/{KEY}/", f"/{KEY}/start", f"/{KEY}"),
				(f"/in?key={KEY}&x=%20", f"/in/start?key={KEY}&x=%20", f"/in?key={KEY}&x=%20"), ("", "/start", "/")):
			with self.subTest(address):
				watch = self.watch()
				run = self.export("--verbose", env={"ROSTERZIP_PING_URL": watch.url + address})
				self.assertEqual(self.told(watch), [start, end])
				self.assertNotIn(KEY, run.err)

	def test_failure(self):
		self.serve(SIZE, faults=[{"match": "users", "do": {"status": 418}}])
		watch = self.watch()
		run = self.assert_fails(5, "418", "--ping-url", f"{watch.url}/{KEY}")
		self.assertEqual(self.told(watch), [f"/{KEY}/start", f"/{KEY}/fail"])
		self.assertNotIn(KEY, run.err)
		self.assertNotIn(KEY, run.report_text)

	def test_lock_held(self):
		self.serve(SIZE)
		self.hold_lock()
		watch = self.watch()
		self.export("--ping-url", f"{watch.url}/{KEY}", expect=7)
		self.assertEqual(self.told(watch)[-1], f"/{KEY}/fail")

	def test_wrong_secret_file(self):
		"""What stops a run before it begins is to be told, too."""
		self.serve(SIZE)
		watch = self.watch()
		self.export("--ping-url", f"{watch.url}/{KEY}", "--client-secret-file", self.path("none"), expect=2)
		self.assertEqual(self.told(watch)[-1], f"/{KEY}/fail")

	def test_wrong_setting_tells_nothing(self):
		self.serve(SIZE)
		watch = self.watch()
		self.export("--ping-url", f"{watch.url}/{KEY}", "--page-size", "many", expect=2)
		self.assertEqual(self.told(watch), [])

	def test_signal_and_deadline(self):
		self.serve(SIZE, faults=[{"match": "users", "do": {"delay": LONG}}])
		watch = self.watch()
		process = self.start("--ping-url", f"{watch.url}/{KEY}")
		self.until("classes are read", lambda: self.seen(kind="data") and self.sis.pages("classes"), process=process)
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)
		self.assertEqual(self.told(watch), [f"/{KEY}/start", f"/{KEY}/fail"])
		self.export("--ping-url", f"{watch.url}/{KEY}", "--deadline", "1s", expect=5)
		self.assertEqual(self.told(watch)[2:], [f"/{KEY}/start", f"/{KEY}/fail"])

	def test_nobody_listens(self):
		"""A warning with the host and no more, twice; the export is as good as ever."""
		self.serve(SIZE)
		watch = self.watch()
		watch.close()
		run = self.export_truth("--ping-url", f"{watch.url}/{KEY}")
		self.assertEqual(len(run.warnings), 2, run.shown)
		for warning, what in zip(run.warnings, ("start", "end")):
			self.assertRegex(warning, rf"^ping-url: 127\.0\.0\.1:{watch.server_port} could not be told of the {what}: ")
		self.assertNotIn(KEY, run.err)
		quiet = self.export("--ping-url", f"{watch.url}/{KEY}", "--quiet")
		self.assertEqual(quiet.err, "")

	def test_refusals(self):
		self.serve(SIZE)
		for status, told in ((404, 2), (302, 2), (500, 4), ([500, 200, 200], 3)):
			with self.subTest(status):
				watch = self.watch(status=list(status) if isinstance(status, list) else status)
				run = self.export("--ping-url", f"{watch.url}/{KEY}")
				self.assertEqual(len(self.told(watch)), told)
				self.assertEqual(len(run.warnings), 0 if isinstance(status, list) else 2, run.shown)
				for warning in run.warnings:
					self.assertIn(f"status {status}", warning)

	def test_service_that_hangs_does_not_hold_up_the_end(self):
		"""After a signal it gets two seconds, where it would have had ten."""
		watch = self.watch(delay=LONG)
		self.serve(SIZE, faults=[{"match": "users", "do": {"delay": LONG}}])
		process = self.start("--ping-url", f"{watch.url}/{KEY}", "--verbose")
		self.until("the start is told", lambda: watch.told, process=process)
		began = time.monotonic()
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)
		self.assertLess(time.monotonic() - began, 10)
		self.assertEqual(self.told(watch), [f"/{KEY}/start", f"/{KEY}/fail"])

	def test_not_in_the_clear(self):
		self.serve(SIZE)
		run = self.export("--ping-url", f"http://watch.sample.example/{KEY}", expect=2)
		self.assertRegex(run.error, "http:// is only allowed to this machine itself")
		self.assertNotIn(KEY, run.err)


if __name__ == "__main__":
	unittest.main()

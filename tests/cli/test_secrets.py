"""Secrets stay where they were given: no other program, file or core gets to see them."""

import base64
import contextlib
import os
import re
import shutil
import subprocess
import unittest
import urllib.parse
from unittest import mock

import remotes
from harness import CLIENT_ID, PROGRAM, SECONDS, SECRET, Case, need, sis_module
from served import Served

SIZE = {"users": 60, "enrollments": 120}
NOBODY = 65534


def forms(secret, client_id=CLIENT_ID):
	"""How a secret may be written."""
	data = secret.encode()
	return {secret, secret.upper(), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret),
		base64.b64encode(data).decode(), base64.b64encode(client_id.encode() + b":" + data).decode()}


class Issued:
	"""A SIS on a thread, and every token, code and cookie that it gives out."""

	def __init__(self, test, **scenario):
		self.values = set()
		real = sis_module.secrets.token_hex

		def noted(size):
			value = real(size)
			self.values.add(value)
			return value
		patch = mock.patch.object(sis_module.secrets, "token_hex", noted)
		patch.start()
		test.addCleanup(patch.stop)
		self.server = Served({"district": SIZE, **scenario})
		test.addCleanup(self.server.close)
		test.url = self.server.url


class Traced(Case):
	"""What the system was asked for, by the program and all that it starts."""

	def trace(self, arguments, env=None):
		log = self.path("trace")
		env = self.environment(env)
		env["ASAN_OPTIONS"] += ":detect_leaks=0"  # it cannot be traced twice
		done = subprocess.run([need("strace"), "-f", "-v", "-y", "-s", "1000000", "-o", log, "-e",
			"trace=execve,execveat,open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,symlink,link,rename",
			PROGRAM, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
			cwd=self.folder, timeout=SECONDS, check=False)
		run = self.ended(arguments, done.returncode, done.stdout, done.stderr)
		self.assertEqual(run.code, 0, run.shown)
		with open(log, encoding="utf-8", errors="replace") as f:
			lines = f.read().splitlines()
		os.unlink(log)
		return [line for line in lines if re.match(r"\d+ +\w+\(", line)]

	def test_no_argument_no_variable_and_no_file_has_it(self):
		for login in ("aeries", "aeries-v1", "oauth1"):
			with self.subTest(login):
				sis = Issued(self, login=login)
				self.check(sis, login)

	def check(self, sis, login):
		given = {"ROSTERZIP_BEARER_TOKEN": "canary-bearer-0001", "ROSTERZIP_DELIVER_SECRET": "canary-deliver-0002",
			"ROSTERZIP_HEADER": "X-Sample-Key: canary-header-0003"}
		keeper = self.write("keeper", f"#!/bin/sh\nexec cat {self.secret_file}\n", 0o700)
		password = self.write("password", "canary-password-0004\n", 0o600)
		receiver = remotes.Answers((200, {}, b""))
		self.addCleanup(receiver.close)
		lines = self.trace(self.arguments("--verbose", "--client-id", CLIENT_ID, "--client-secret-command", keeper,
			"--auth", {"aeries": "auto"}.get(login, login), "--deliver", receiver.url("/in/", "eagle"),
			"--deliver-secret-command", f"cat {password}", login=False), given)
		self.assertIn("ZWFnbGU6", receiver.requests[0][2]["Authorization"])  # eagle:
		secrets = set().union(*map(forms, {SECRET, "canary-password-0004", "eagle:canary-password-0004",
			*(value.split()[-1] for value in given.values())} | sis.values))

		def tells(line):
			return any(secret in line for secret in secrets)
		started = [line for line in lines if " execve(" in line]
		self.assertIn("canary-header-0003", started[0])  # ours, as it was called
		self.assertIn("keeper", "".join(started[1:]))
		if os.getuid() == 0:  # what our process itself gives to a call, nobody else can read
			self.assertIn(f"cat {password}", "".join(started[1:]))
		for line in started[1:]:
			self.assertFalse(tells(line), line)
		told = [line for line in lines if tells(line) and line != started[0]]
		self.assertTrue(any(re.match(r"\d+ +write\(1<pipe:", line) for line in told), "cat was not seen")
		for line in told:
			self.assertRegex(line, r"^\d+ +writev?\(\d+<(pipe|socket|TCP|TCPv6):")
		for line in lines:
			made = re.match(r'\d+ +(?:open|openat|creat)\((?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)".*O_(?:WRONLY|RDWR|CREAT)', line)
			if made:
				self.assertTrue(made[1].startswith(self.folder + "/") or made[1].startswith("/dev/"), line)
		self.assert_none_below(secrets, but={self.secret_file, password})

	def assert_none_below(self, secrets, but=()):
		for place, _, names in os.walk(self.folder):
			for name in names:
				path = os.path.join(place, name)
				if path not in but:
					with open(path, "rb") as f:
						data = f.read().decode("latin-1")
					for secret in secrets:
						self.assertNotIn(secret, data, path)


class Process(Case):
	"""What other programs can see of ours while it runs."""

	def slow(self, **more):
		"""An export by an ordinary user that is in the middle of reading."""
		server = Issued(self, latency=0.05, cap=15, total=False).server
		program = PROGRAM
		if os.getuid() == 0:
			program = self.path("rosterzip")
			shutil.copy(PROGRAM, program)
			for place, folders, names in os.walk(self.folder):
				for path in [place, *(os.path.join(place, name) for name in folders + names)]:
					os.chown(path, NOBODY, NOBODY)
			more.update(user=NOBODY, group=NOBODY, extra_groups=[])
		process = subprocess.Popen([program, *self.arguments()], env=self.environment(), stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder, **more)
		process.arguments_shown = ["export"]
		self.addCleanup(self.stop, process)
		self.until("users are read", lambda: any(name == "users" for name, *_ in server.pages()), process=process)
		return process

	def test_memory_is_neither_dumped_nor_shown(self):
		user = NOBODY if os.getuid() == 0 else os.getuid()
		switch = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
		other = subprocess.Popen([need("sleep"), "60"], **switch)
		self.addCleanup(other.wait)
		self.addCleanup(other.kill)
		process = self.slow()
		# Linux gives what is not dumpable to root: memory, environment, descriptors are out of the same user's reach.
		self.until("sleep sleeps", lambda: self.name_of(other) == "sleep")
		self.assertEqual(os.stat(f"/proc/{other.pid}/environ").st_uid, user)
		self.assertEqual(os.stat(f"/proc/{process.pid}/environ").st_uid, 0)
		self.assertEqual(os.stat(f"/proc/{process.pid}/mem").st_uid, 0)
		if os.getuid() == 0:
			with open(f"/proc/{process.pid}/limits", encoding="ascii") as f:
				self.assertRegex(f.read(), r"Max core file size +0 +0 ")
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)

	@staticmethod
	def name_of(process):
		with open(f"/proc/{process.pid}/comm", encoding="utf-8") as f:
			return f.read().strip()

	def test_no_core_where_cores_are_written(self):
		"""Of whatever the system would make of it."""
		import resource
		def allow():
			hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
			resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
		process = self.slow(preexec_fn=allow)
		os.kill(process.pid, 6)
		_, status = os.waitpid(process.pid, 0)
		process.returncode = -6
		self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == 6)
		self.assertFalse(os.WCOREDUMP(status))
		self.assertFalse([name for name in os.listdir(self.folder) if name.startswith("core")])


class Credentials(Case):
	"""What systemd hands to a service."""

	def hand_over(self, **files):
		"""A folder as LoadCredential= makes it."""
		folder = self.path("credentials")
		os.makedirs(folder, 0o700, exist_ok=True)
		for name, text in files.items():
			path = self.write(os.path.join("credentials", name.replace("_", "-")), text, 0o400)
			with contextlib.suppress(PermissionError):  # systemd's are of root, and readable by an access list
				os.chown(path, 0, os.getgid())
				os.chmod(path, 0o440)
		return {"CREDENTIALS_DIRECTORY": folder}

	def test_login(self):
		sis = Issued(self)
		env = self.hand_over(client_secret=SECRET + "\n")
		run = self.export("--client-id", CLIENT_ID, "--verbose", login=False, env=env)
		for secret in set().union(*map(forms, {SECRET} | sis.values)):
			self.assertNotIn(secret, run.err + run.out + run.report_text)

	def test_another_secret_that_was_named_wins(self):
		Issued(self)
		self.export(env=self.hand_over(client_secret="ab" * 32))

	def test_bearer_token(self):
		Issued(self, login="bearer")
		self.export(login=False, env=self.hand_over(bearer_token=sis_module.SCENARIO["bearer_token"]))

	def test_name_in_the_configuration(self):
		Issued(self)
		config = self.write("eagle.conf", f"url = {self.url}\nclient-id = {CLIENT_ID}\nstate-dir = {self.state}\n"
			"client-secret-file = ${CREDENTIALS_DIRECTORY}/eagle\noutput = " + self.zip + "\n")
		env = self.hand_over(eagle=SECRET)
		run = self.program(["export", "--config", config], env)
		self.assertEqual(run.code, 0, run.shown)
		run = self.program(["export", "--config", config])
		self.assertEqual(run.code, 2, run.shown)
		self.assertRegex(run.error, r"eagle\.conf:4: `client-secret-file` is .*CREDENTIALS_DIRECTORY is not set")


if __name__ == "__main__":
	unittest.main()

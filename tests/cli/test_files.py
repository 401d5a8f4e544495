"""What is on the disk: the last bundle stays whole whatever happens, and nothing is left behind."""

import fcntl
import os
import shutil
import signal
import subprocess
import unittest

from harness import CLIENT_ID, OLD_BUNDLE, Case

SLOW = {"latency": 0.1, "cap": 10, "total": False}
PAUSE = {"cap": 50, "faults": [{"match": "enrollments", "first": 1, "do": {"delay": 2}}]}  # between users and the end
SIZE = {"users": 200, "enrollments": 300}


class Signals(Case):
	def started(self, *extra, **scenario):
		"""An export that is in the middle of reading users."""
		self.serve(SIZE, **{**SLOW, **scenario})
		self.before = self.old_bundle()
		process = self.start(*extra)
		self.until("users are read", lambda: os.path.exists(self.sis.log_file) and len(self.sis.pages("users")) > 2,
			process=process)
		return process

	def test_signals_end_the_run_and_clean_up(self):
		for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
			with self.subTest(number):
				process = self.started()
				self.assertTrue(os.path.isdir(os.path.join(self.state, "work")))
				process.send_signal(number)
				run = self.finish(process)
				self.assertEqual(run.code, -number, run.shown)
				self.assertEqual(run.out, "")
				self.assertRegex(run.error, "stopped")
				self.assertEqual(self.mark(self.zip), self.before)
				self.assert_clean()

	def test_signal_while_waiting_for_the_server(self):
		"""It does not wait for the answer."""
		self.serve(SIZE, faults=[{"match": "users", "do": {"delay": 50}}])
		before = self.old_bundle()
		process = self.start()
		self.until("courses are read", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("classes"),
			process=process)
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()

	def test_signal_while_waiting_before_another_try(self):
		self.serve(SIZE, derived=False, faults=[{"match": "users", "do": {"status": 503, "retry_after": 50}}])
		before = self.old_bundle()
		process = self.start()
		self.until("users are refused", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("users"),
			process=process)
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)
		self.assertEqual(self.mark(self.zip), before)
		self.assert_clean()

	def test_ignored_hangup_stays_ignored(self):
		"""As under nohup."""
		self.serve(SIZE, **PAUSE)
		old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
		try:
			process = self.start()
		finally:
			signal.signal(signal.SIGHUP, old)
		self.until("users are read", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("users"),
			process=process)
		process.send_signal(signal.SIGHUP)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth()

	def test_killed_and_run_again(self):
		process = self.started()
		process.kill()
		process.wait(10)
		self.assertEqual(self.mark(self.zip), self.before)
		self.assertEqual(os.listdir(self.out_folder), ["OneRoster.zip"])
		self.serve(SIZE)
		self.export_truth()

	def test_leftovers_are_swept(self):
		"""What a power cut left in the work folder and beside the bundle."""
		self.serve()
		work = os.path.join(self.state, "work")
		os.makedirs(work, 0o700)
		for path in (os.path.join(work, ".rosterzip-abc123"), os.path.join(work, "bundle.zip"),
				os.path.join(self.out_folder, ".OneRoster.zip.rosterzip-part"),
				os.path.join(self.out_folder, ".other.zip.rosterzip-part")):
			with open(path, "wb") as f:
				f.write(b"half of it")
		self.export_truth()

	def test_leftovers_in_the_state_are_swept(self):
		"""Also by a run that comes to nothing."""
		self.serve(client_secret="0f" * 32)
		parts = [os.path.join(self.state, place, ".half.rosterzip-part")
			for place in ("", "published", "refused", "delivered", "undelivered/bundle")]
		for path in parts:
			os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
			with open(path, "wb") as f:
				f.write(b"half of it")
		self.export(expect=4)
		self.assertEqual([path for path in parts if os.path.exists(path)], [])

	def test_other_files_beside_the_bundle_stay(self):
		self.serve()
		for name in ("notes.txt", ".hidden", "OneRoster.zip.old"):
			with open(os.path.join(self.out_folder, name), "wb") as f:
				f.write(OLD_BUNDLE)
		self.export()
		self.assert_clean(("notes.txt", ".hidden", "OneRoster.zip", "OneRoster.zip.old"))

	def test_progress_on_request(self):
		self.serve(SIZE, **PAUSE)
		process = self.start()
		self.until("users are read", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("users"),
			process=process)
		process.send_signal(signal.SIGUSR1)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assertRegex(run.err, r"progress: \w+: \d+.* rows")
		self.assert_truth()


class Lock(Case):
	def test_second_run_on_the_same_state(self):
		self.serve(SIZE, faults=[{"match": "users", "first": 1, "do": {"delay": 50}}])
		before = self.old_bundle()
		process = self.start()
		self.until("the first one is at work", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("orgs"),
			process=process)
		other = os.path.join(self.out_folder, "other.zip")
		run = self.export("--output", other, "--report", self.path("other.json"), expect=7)
		self.assertRegex(run.error, "another run holds the lock .*/state/lock")
		self.assertFalse(os.path.exists(other))
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)
		self.assertEqual(self.mark(self.zip), before)
		self.export_truth()

	def test_waiting_for_the_lock(self):
		self.serve()
		os.mkdir(self.state, 0o700)
		lock = open(os.path.join(self.state, "lock"), "w", encoding="ascii")
		self.addCleanup(lock.close)
		fcntl.flock(lock, fcntl.LOCK_EX)
		process = self.start("--lock-wait", "50s")
		self.until("it waits", lambda: self.waits_at_lock(process), process=process)
		self.assertFalse(os.path.exists(self.sis.log_file) and self.sis.log())
		fcntl.flock(lock, fcntl.LOCK_UN)
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.assert_truth()

	def waits_at_lock(self, process):
		"""It would not sleep so often without being at the lock."""
		with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
			return int(f.read().partition("\nvoluntary_ctxt_switches:")[2].split()[0]) > 10

	def test_signal_while_waiting_for_the_lock(self):
		self.serve()
		os.mkdir(self.state, 0o700)
		lock = open(os.path.join(self.state, "lock"), "w", encoding="ascii")
		self.addCleanup(lock.close)
		fcntl.flock(lock, fcntl.LOCK_EX)
		process = self.start("--lock-wait", "50s")
		self.until("it waits", lambda: self.waits_at_lock(process), process=process)
		process.send_signal(signal.SIGTERM)
		self.assertEqual(self.finish(process).code, -signal.SIGTERM)

	def test_lock_of_a_run_that_is_gone_does_not_matter(self):
		self.serve()
		os.mkdir(self.state, 0o700)
		with open(os.path.join(self.state, "lock"), "w", encoding="ascii"):
			pass
		self.export_truth()


class Places(Case):
	def test_state_that_cannot_be_made(self):
		self.serve()
		file = self.write("file", "x")
		before = self.old_bundle()
		run = self.export("--state-dir", os.path.join(file, "state"), expect=1)
		self.assertRegex(run.error, "state-dir: cannot make the folder")
		self.assertEqual(self.mark(self.zip), before)

	def test_output_through_a_link(self):
		self.serve()
		target = self.path("elsewhere.zip")
		with open(target, "wb") as f:
			f.write(OLD_BUNDLE)
		os.symlink(target, self.zip)
		self.export_truth()
		self.assertTrue(os.path.islink(self.zip))
		self.assertNotEqual(self.mark(target)[3], OLD_BUNDLE)

	def test_folder_that_becomes_unwritable_while_reading(self):
		"""The output folder vanishes in mid-run: a failure of this machine, not of the server."""
		self.serve(SIZE, **PAUSE)
		process = self.start()
		self.until("users are read", lambda: os.path.exists(self.sis.log_file) and self.sis.pages("users"),
			process=process)
		os.rmdir(self.out_folder)
		run = self.finish(process)
		self.assertEqual(run.code, 1, run.shown)
		self.assertRegex(run.error, "cannot write .*OneRoster.zip")
		self.assertEqual(os.listdir(self.state), ["lock"])

	def test_standard_output_that_is_closed(self):
		self.serve()
		with open("/dev/full", "wb") as full:
			done = subprocess.run([self.program_path(), *self.arguments()], env=self.environment(), stdout=full,
				stderr=subprocess.PIPE, cwd=self.folder, timeout=60, check=False)
		self.assertIn(done.returncode, (0, 1), done.stderr)
		self.assert_truth()

	def test_output_of_other_commands_that_cannot_be_written(self):
		"""A report that was cut off is no report: exit 1, and one line that says so."""
		self.serve(SIZE)
		self.export()
		other = self.path("other.zip")
		shutil.copy(self.zip, other)
		dated = self.path("snapshots")
		os.mkdir(dated)
		shutil.copy(self.zip, os.path.join(dated, "roster-20260101.zip"))
		commands = [
			["validate", self.zip], ["validate", "--json", self.zip], ["diff", other, self.zip],
			["diff", "--json", other, self.zip], ["report", self.zip, "-o", self.path("page.html")], ["schema"],
			["schema", "users"], ["completion", "bash"], ["completion", "zsh"], ["prune", "--keep-last", "1", dated],
			["doctor", "--url", self.url, "--client-id", CLIENT_ID, "--client-secret-file", self.secret_file],
		]
		for words in commands:
			with self.subTest(" ".join(words[:2])), open("/dev/full", "wb") as full:
				done = subprocess.run([self.program_path(), *words], env=self.environment(), stdout=full,
					stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder, timeout=60, check=False)
				said = done.stderr.decode()
				self.assertEqual(done.returncode, 1, said)
				self.assertRegex(said, "rosterzip: error: cannot write to standard output: No space left on device\n\\Z")

	@staticmethod
	def program_path():
		import harness
		return harness.PROGRAM


if __name__ == "__main__":
	unittest.main()

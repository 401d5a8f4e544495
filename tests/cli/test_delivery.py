"""Delivery to real servers: sshd, vsftpd and nginx on loopback. What a receiver sees at any moment under the final name
is the old file, the whole new one, or (while they change places) none; and every way in which it can fail has its exit
code and a sentence that says what to do."""

import base64
import datetime
import hashlib
import hmac
import os
import random
import signal
import socket
import stat
import subprocess
import threading
import time
import urllib.parse

from harness import PROGRAM, SECRET, Case
from remotes import Answers, Line, Nginx, Sshd, Vsftpd, Watcher, digest, free_port, run, tool

OLD = b"the file of yesterday\n"


class Delivery(Case):
	"""A file to be delivered, and its receiver's folder inbox/."""

	def setUp(self):
		super().setUp()
		self.inbox = self.path("inbox")
		os.mkdir(self.inbox)
		self.data = self.make(700_000)

	def make(self, size, seed=1):
		"""Writes the file to be delivered; gives its content."""
		data = random.Random(seed).randbytes(size)
		with open(self.zip, "wb") as f:
			f.write(data)
		return data

	def arguments_of(self, url, *extra):
		return ["deliver", self.zip, "--deliver", url, *(str(word) for word in extra)]

	def deliver(self, url, *extra, expect=0, env=None):
		run = self.program(self.arguments_of(url, *extra), env)
		if run.code != expect:
			self.fail(f"exit {run.code} in place of {expect}: {run.shown}")
		return run

	def refused(self, url, pattern, *extra, expect=8, env=None):
		"""A delivery that fails with one sentence."""
		run = self.deliver(url, *extra, expect=expect, env=env)
		self.assertRegex(run.error, pattern)
		self.assertEqual(run.out, "")
		return run

	def begin(self, url, *extra):
		"""Starts a delivery that goes on beside the test; finish() waits for it."""
		arguments = self.arguments_of(url, *extra)
		process = subprocess.Popen([PROGRAM, *arguments], env=self.environment(), stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
		process.arguments_shown = arguments
		self.addCleanup(self.stop, process)
		return process

	def line(self, port, *limits, **how):
		line = Line(port, *limits, **how)
		self.addCleanup(line.close)
		return line

	def watch(self, folder=None, name="OneRoster.zip"):
		watcher = Watcher(os.path.join(folder or self.inbox, name))
		self.addCleanup(watcher.close)
		return watcher

	def put_old(self, folder=None, name="OneRoster.zip"):
		with open(os.path.join(folder or self.inbox, name), "wb") as f:
			f.write(OLD)

	def part(self, data=None, name="OneRoster.zip", end="part"):
		"""The name a file has while it is uploaded: it tells the content."""
		return f".{name}.{digest(data or self.data)[:16]}.{end}"

	def assert_there(self, data=None, folder=None, name="OneRoster.zip", beside=()):
		folder = folder or self.inbox
		self.assertEqual(sorted(os.listdir(folder)), sorted([name, *beside]))
		with open(os.path.join(folder, name), "rb") as f:
			self.assertEqual(digest(f.read()), digest(data or self.data))

	def assert_seen(self, watcher, *wanted):
		"""What a receiver saw one after the other; in between, if at all, no file."""
		watcher.close()
		self.assertEqual([seen for seen in watcher.seen if seen is not None], [digest(data) for data in wanted])


class Sftp(Delivery):
	def sshd(self, sftp=""):
		self.server = Sshd(self.folder, sftp)
		self.addCleanup(self.server.close)
		self.key = ("--identity-file", self.server.keys.path("user"))
		self.login = (*self.key, "--known-hosts", self.server.known_hosts())
		return self.server.url(self.inbox + "/")

	def test_new_file_over_one_connection(self):
		url = self.sshd()
		watcher = self.watch()
		run = self.deliver(url, *self.login)
		self.assertRegex(run.out, r"OneRoster\.zip to sftp://\S+/inbox/OneRoster\.zip: 700000 bytes")
		self.assert_there()
		self.assert_seen(watcher, self.data)
		self.assertEqual(watcher.beside, {self.part()})
		self.assertEqual(self.server.connections(), 1)

	def test_over_an_old_file_over_one_connection(self):
		url = self.sshd()
		self.put_old()
		watcher = self.watch()
		self.deliver(url, *self.login)
		self.assert_there()
		self.assert_seen(watcher, OLD, self.data)
		self.assertEqual(self.server.connections(), 1)

	def test_under_another_name_and_below_the_home(self):
		url = self.sshd()
		self.deliver(url + "roster.bin", *self.login)
		self.assert_there(name="roster.bin")
		os.unlink(os.path.join(self.inbox, "roster.bin"))
		home = os.path.expanduser("~" + self.server.user)
		below = os.path.relpath(os.path.realpath(self.inbox), os.path.realpath(home))
		if not below.startswith(".."):  # else there is no way there that begins at the home, as addresses know no ..
			self.deliver(self.server.url("/~/" + below + "/"), *self.login)
			self.assert_there()

	def test_blanks_and_quotation_marks(self):
		url = self.sshd()
		odd = "Home of \"Eagle's\" 100% \\ é"
		folder = os.path.join(self.inbox, odd)
		os.mkdir(folder)
		raw = url + odd.replace("%", "%25") + "/"
		self.deliver(raw, *self.login, "--deliver-as", "One \"Roster\" 's.zip")
		self.assert_there(folder=folder, name="One \"Roster\" 's.zip")
		self.put_old(folder, "One \"Roster\" 's.zip")
		self.deliver(url + urllib.parse.quote(odd) + "/", *self.login, "--deliver-as", "One \"Roster\" 's.zip")
		self.assert_there(folder=folder, name="One \"Roster\" 's.zip")

	def test_wrong_key(self):
		url = self.sshd()
		self.refused(url, r"the server refuses the key \S+other_user for the user \S+ \(it offers publickey.*ssh-keygen -y -f",
			"--identity-file", self.server.keys.path("other_user"), *self.login[2:])
		self.assertEqual(os.listdir(self.inbox), [])

	def test_key_with_a_passphrase(self):
		url = self.sshd()
		key = ("--identity-file", self.server.keys.path("locked_user"), *self.login[2:])
		self.refused(url, r"the key \S+locked_user cannot be opened.*passphrase.*`deliver-secret-file`", *key)
		wrong = self.write("wrong", "shut the door\n", 0o600)
		run = self.refused(url, "cannot be opened.*Is what `deliver-secret-file` holds its passphrase", *key,
			"--deliver-secret-file", wrong, "-v")
		self.assertNotIn("shut the door", run.shown)
		self.deliver(url, *key, "--deliver-secret-file", self.write("right", "open the door\n", 0o600))
		self.assert_there()

	def test_wrong_password(self):
		url = self.sshd()
		run = self.refused(url, r"refuses the password for the user \S+ \(it offers \S*password.*`deliver-secret-file` holds",
			*self.login[2:], "--deliver-secret-file", self.secret_file, "-v")
		self.assertNotIn(SECRET, run.shown)

	def test_what_is_no_private_key(self):
		url = self.sshd()
		hosts = self.login[2:]
		public = self.write("key.pub", self.server.keys.public("user"), 0o600)
		self.refused(url, "is the public half of a key", "--identity-file", public, *hosts, expect=2)
		putty = self.write("key.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n", 0o600)
		self.refused(url, "puttygen .* -O private-openssh", "--identity-file", putty, *hosts, expect=2)
		with open(self.server.keys.path("user"), encoding="ascii") as f:
			open_to_all = self.write("key", f.read(), 0o644)
		self.refused(url, "chmod 600", "--identity-file", open_to_all, *hosts, expect=2)
		self.refused(url, "name the private key in `identity-file`, or", *hosts, expect=2)
		self.assertEqual(self.server.said().count("Connection from"), 1)  # the one that found it ready

	def test_no_known_hosts(self):
		url = self.sshd()
		hosts = self.path(".ssh", "known_hosts")
		self.refused(url, rf"no file of host keys {hosts}.*ssh-keyscan -p {self.server.port} 127\.0\.0\.1 >>.*ssh-keygen -lf",
			*self.key, expect=2)
		self.refused(url, r"nobody could tell .* `known-hosts`, .*`host-key-sha256`", *self.key, expect=2, env={"HOME": ""})
		self.assertEqual(os.listdir(self.inbox), [])
		os.mkdir(os.path.dirname(hosts))
		os.rename(self.server.known_hosts(), hosts)
		self.deliver(url, *self.key)
		self.assert_there()

	def test_host_that_is_not_listed(self):
		url = self.sshd()
		others = self.server.known_hosts(f"[127.0.0.1]:{self.server.port + 1} {self.server.keys.public('host_ed25519')}",
			f"*,!*127.* {self.server.keys.public('host_ed25519')}",
			f"@cert-authority * {self.server.keys.public('host_ed25519')}", "# a comment", "", key=None)
		self.refused(url, r"lists no key of \[127\.0\.0\.1\]:\d+.*ssh-keyscan", *self.key, "--known-hosts", others, expect=2)

	def test_changed_host_key(self):
		url = self.sshd()
		hosts = self.server.known_hosts(key="other_host")
		shown = self.server.keys.fingerprint("host_ed25519")
		run = self.refused(url, r"has not the host key that \S+ lists for it.*nothing was sent.*another machine has taken its "
			r"place.*ssh-keygen -f \S+ -R", *self.key, "--known-hosts", hosts)
		self.assertIn(shown, run.error)
		self.assertEqual(self.server.connections(), 0)
		self.assertEqual(os.listdir(self.inbox), [])

	def test_revoked_host_key(self):
		url = self.sshd()
		key = self.server.keys.public("host_ed25519")
		hosts = self.server.known_hosts(f"@revoked * {key}", f"* {self.server.keys.public('other_host')}")
		self.refused(url, r"has not the host key .*revoked", *self.key, "--known-hosts", hosts)

	def test_known_hosts_as_people_have_them(self):
		url = self.sshd()
		port = self.server.port
		keys = self.server.keys
		hosts = self.server.known_hosts(f"elsewhere.example {keys.public('host_ecdsa')}")
		run(tool("ssh-keygen"), "-q", "-H", "-f", hosts)
		with open(hosts, encoding="ascii") as f:
			self.assertNotIn("127.0.0.1", f.read())
		self.deliver(url, *self.key, "--known-hosts", hosts)
		# patterns; a line for every port; another kind of key than the one the library would ask for
		self.deliver(url, *self.key, "--known-hosts",
			self.server.known_hosts(f"[127.0.0.?]:{port},other {keys.public('host_ecdsa')}", key=None))
		self.deliver(url, *self.key, "--known-hosts",
			self.server.known_hosts(f"127.0.0.1 {keys.public('host_ed25519')} comment", key=None))

	def test_fingerprint_of_any_of_the_hosts_keys(self):
		url = self.sshd()
		for name in ("host_ed25519", "host_ecdsa"):
			self.deliver(url, *self.key, "--host-key-sha256", self.server.keys.fingerprint(name))
		wrong = self.server.keys.fingerprint("other_host").removeprefix("SHA256:")
		before = self.server.connections()
		run = self.refused(url, "has not the host key of `host-key-sha256`, but .*nothing was sent", *self.key,
			"--host-key-sha256", wrong)
		for name in ("host_ed25519", "host_ecdsa"):
			self.assertIn(self.server.keys.fingerprint(name), run.error)
		self.assertEqual(self.server.connections(), before)

	def test_missing_folder(self):
		self.sshd()
		self.refused(self.server.url(self.inbox + "/2026/"), rf"there is no folder {self.inbox}/2026 on the server.*not made here",
			*self.login)
		self.assertEqual(os.listdir(self.inbox), [])

	def test_folder_without_a_slash(self):
		self.sshd()
		self.put_old()
		self.refused(self.server.url(self.inbox), "inbox is a folder on the server: end the address with a slash", *self.login)
		self.assert_there(OLD)
		self.assertEqual([name for name in os.listdir(self.folder) if "inbox" in name], ["inbox"])

	def test_read_only_server(self):
		url = self.sshd("-R")
		self.put_old()
		self.refused(url, r"does not let the user \S+ write into the folder \S+/inbox: .*denied.*`deliver-by` = direct", *self.login)
		self.assert_there(OLD)

	def test_drop_box_without_rename(self):
		url = self.sshd("-P rename,posix-rename,remove,stat,fstat,lstat,opendir")
		self.refused(url, "does not let the file get its final name.*denied.*`deliver-by` = direct", *self.login)
		os.unlink(os.path.join(self.inbox, self.part()))  # what may not be removed stays
		self.deliver(url, *self.login, "--deliver-by", "direct")
		self.assert_there()
		self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.inbox, "OneRoster.zip")).st_mode) & 0o022, 0)

	def test_old_file_that_may_not_be_replaced(self):
		url = self.sshd("-P rename,posix-rename")
		self.put_old()
		self.refused(url, "does not let the file get its final name.*denied", *self.login)
		self.assert_there(OLD)

	def test_cut_in_mid_upload_and_gone_on_with(self):
		self.sshd()
		self.data = self.make(3_000_000)
		self.put_old()
		line = self.line(self.server.port, 1_200_000)
		hosts = self.server.known_hosts(port=line.port)
		watcher = self.watch()
		run = self.deliver(self.server.url(self.inbox + "/", line.port), *self.key, "--known-hosts", hosts)
		there = int(run.out.split(" bytes (")[1].split(" of them were there already")[0])
		self.assertGreater(there, 0)  # what was on its way when the line broke may be lost
		self.assertLess(there, 1_200_000)
		self.assertEqual(len(line.carried), 2)
		self.assertLess(line.carried[1], 3_000_000 - there + 200_000)  # the rest and no more, packed for the line
		self.assert_there()
		self.assert_seen(watcher, OLD, self.data)

	def test_ended_in_mid_upload_and_gone_on_with_by_the_next_run(self):
		url = self.sshd()
		self.data = self.make(3_000_000)
		self.put_old()
		line = self.line(self.server.port, 1_200_000, hold=True)
		hosts = self.server.known_hosts(port=line.port)
		watcher = self.watch()
		process = self.begin(self.server.url(self.inbox + "/", line.port), *self.key, "--known-hosts", hosts)
		self.assertTrue(line.reached.wait(30))
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		line.close()
		self.assert_there(OLD, beside=[self.part()])
		run = self.deliver(url, *self.login)
		self.assertIn(" of them were there already", run.out)
		self.assert_there()
		self.assert_seen(watcher, OLD, self.data)

	def test_part_of_other_content_is_not_gone_on_with(self):
		url = self.sshd()
		other = self.part(b"something else")
		for name in (other, ".another.zip.0123456789abcdef.part", ".OneRoster.zip.swp"):
			self.put_old(name=name)
		# more than the whole of ours: so nothing that can be its beginning
		with open(os.path.join(self.inbox, self.part()), "wb") as f:
			f.write(bytes(len(self.data) + 1))
		run = self.deliver(url, *self.login)
		self.assertNotIn("there already", run.out)
		self.assert_there(beside=[".another.zip.0123456789abcdef.part", ".OneRoster.zip.swp"])

	def test_end_between_the_two_renames(self):
		"""What a run that was killed then leaves: no file, the old one aside, the new one whole."""
		url = self.sshd()
		self.put_old(name=self.part(end="old"))
		with open(os.path.join(self.inbox, self.part()), "wb") as f:
			f.write(self.data)
		run = self.deliver(url, *self.login)
		self.assertIn("700000 of them were there already", run.out)
		self.assert_there()

	def test_server_that_is_down(self):
		self.sshd()
		port = free_port()
		process = self.begin(self.server.url(self.inbox + "/", port), *self.key, "-v", "--known-hosts",
			self.server.known_hosts(port=port))
		said = b""
		while b"deliver: again in 1 s" not in said:
			piece = os.read(process.stderr.fileno(), 65536)
			self.assertTrue(piece, said)
			said += piece
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.assertRegex(said.decode(), r"again in 1 s: there is no connection: .*firewall")

	def test_empty_file(self):
		url = self.sshd()
		self.make(0)
		self.deliver(url, *self.login)
		self.assertEqual(os.listdir(self.inbox), ["OneRoster.zip"])
		self.assertEqual(os.path.getsize(os.path.join(self.inbox, "OneRoster.zip")), 0)


class Ftps(Delivery):
	PASSWORD = "sesame%open 77"

	def vsftpd(self, **how):
		self.server = Vsftpd(self.folder, self.PASSWORD, **how)
		self.addCleanup(self.server.close)
		self.inbox = os.path.join(self.server.root, "inbox")
		self.secret = self.write("password", self.PASSWORD + "\n", 0o600)
		self.login = ("--deliver-secret-file", self.secret, "--ca-file", self.server.authority.ca)
		return self.server.url(self.inbox + "/")

	def test_new_file_and_over_it(self):
		url = self.vsftpd()
		watcher = self.watch()
		first = self.data
		self.deliver(url, *self.login)
		self.assert_there()
		self.data = self.make(500_000, seed=2)
		run = self.deliver(url, *self.login, "-v")
		self.assert_there()
		self.assert_seen(watcher, first, self.data)
		self.assertIn("> PASS ***", run.err)
		self.assertNotIn("sesame", run.shown)
		self.assertEqual(self.server.commands().count("PASS <password>"), 2)  # one connection each

	def test_tls_that_is_asked_for_and_below_the_login_folder(self):
		self.vsftpd(implicit=False)
		self.deliver(self.server.url("/~/inbox/"), *self.login)
		self.assert_there()
		self.assertLess(self.server.commands().index("AUTH TLS"), self.server.commands().index("PASS <password>"))

	def test_wrong_password_shown_nowhere(self):
		url = self.vsftpd()
		run = self.refused(url, r"refuses the password for the user anonymous: 530 .*`deliver-secret-file` holds",
			"--deliver-secret-file", self.secret_file, *self.login[2:], "-v")
		self.assertNotIn(SECRET, run.shown)

	def test_certificate_that_is_not_trusted(self):
		url = self.vsftpd()
		self.refused(url, "certificate is not trusted: .*`ca-file`", *self.login[:2])
		self.assertEqual([c for c in self.server.commands() if c.startswith(("USER", "PASS"))], [])

	def test_missing_folder_and_folder_without_a_slash(self):
		url = self.vsftpd()
		self.refused(url + "2026/", r"there is no folder \S+/2026 on the server.*: 550 ", *self.login)
		self.refused(url[:-1], "inbox is a folder on the server: end the address with a slash", *self.login)
		self.assertEqual(os.listdir(self.inbox), [])
		self.assertEqual(os.listdir(self.server.root), ["inbox"])

	def test_broken_upload_is_gone_on_with(self):
		url = self.vsftpd()
		with open(os.path.join(self.inbox, self.part()), "wb") as f:
			f.write(self.data[:300_000])
		run = self.deliver(url, *self.login)
		self.assertIn("(300000 of them were there already)", run.out)
		self.assert_there()
		self.assertIn("APPE " + self.part(), self.server.commands())

	def test_drop_box_without_rename(self):
		url = self.vsftpd(rename=False)
		self.refused(url, "does not let the file get its final name: 550 .*`deliver-by` = direct", *self.login)
		os.unlink(os.path.join(self.inbox, self.part()))
		self.deliver(url, *self.login, "--deliver-by", "direct")
		self.assert_there()

	def test_server_without_tls(self):
		"""One that greets, and knows nothing but words in the clear."""
		listener = socket.create_server(("127.0.0.1", 0))
		self.addCleanup(listener.close)
		said = []

		def serve():
			connection, _ = listener.accept()
			with connection:
				connection.sendall(b"220 welcome\r\n")
				while data := connection.recv(1000):
					said.append(data)
					connection.sendall(b"500 what?\r\n")

		threading.Thread(target=serve, daemon=True).start()
		secret = self.write("password", self.PASSWORD + "\n", 0o600)
		self.refused(f"ftpes://eagle@127.0.0.1:{listener.getsockname()[1]}/inbox/", "does not do TLS, and nothing is sent in the clear",
			"--deliver-secret-file", secret)
		self.assertEqual([line for line in said if not line.startswith((b"AUTH", b"QUIT"))], [])


class Https(Delivery):
	PASSWORD = "sesame open/77"

	def nginx(self):
		self.server = Nginx(self.folder, self.PASSWORD)
		self.addCleanup(self.server.close)
		self.inbox = os.path.join(self.server.root, "inbox")
		self.secret = self.write("password", self.PASSWORD + "\n", 0o600)
		self.trust = ("--ca-file", self.server.authority.ca)
		self.login = ("--deliver-secret-file", self.secret, *self.trust)
		return self.server.url("/inbox/", "eagle")

	def test_new_file_and_over_it(self):
		url = self.nginx()
		watcher = self.watch()
		first = self.data
		run = self.deliver(url, *self.login, "-v")
		self.assertRegex(run.out, r"to https://eagle@localhost:\d+/inbox/OneRoster\.zip: 700000 bytes")
		self.assert_there()
		self.assertNotIn("sesame", run.shown)
		self.assertNotIn(base64.b64encode(f"eagle:{self.PASSWORD}".encode()).decode(), run.shown)
		self.data = self.make(500_000, seed=2)
		self.deliver(url + "OneRoster.zip", *self.login)
		self.assert_there()
		self.assert_seen(watcher, first, self.data)

	def test_what_it_refuses(self):
		url = self.nginx()
		self.refused(url, "certificate is not trusted: .*`ca-file`", *self.login[:2])
		self.refused(url, r"answers 401: .*`deliver-secret-file` holds", "--deliver-secret-file", self.secret_file, *self.trust)
		self.refused(self.server.url("/inbox/"), "answers 401", *self.trust)
		self.refused(self.server.url("/closed/"), "answers 403: .*right to write", *self.trust)
		self.refused(self.server.url("/small/"), "answers 413: .*larger than the server takes", *self.trust)
		self.refused(self.server.url("/static/"), "answers 405: .*takes no PUT at this address", *self.trust)
		self.refused(self.server.url("/moved/"), r"answers 307 and points to https://elsewhere\.example/inbox/, which is not "
			"followed.*set it in `deliver`", *self.trust)
		for name in os.listdir(self.server.root):
			self.assertEqual(os.listdir(os.path.join(self.server.root, name)), [])

	def test_connection_cut_in_mid_upload(self):
		self.nginx()
		self.data = self.make(3_000_000)
		place = os.path.join(self.server.root, "open")
		self.put_old(place)
		watcher = self.watch(place)
		line = self.line(self.server.port, 1_000_000)
		self.deliver(f"https://localhost:{line.port}/open/", *self.trust)
		self.assert_there(folder=place)
		self.assert_seen(watcher, OLD, self.data)
		self.assertEqual(len(line.carried), 2)

	def answers(self, *answers):
		server = Answers(*answers)
		self.addCleanup(server.close)
		return server

	def test_bearer_token(self):
		server = self.answers((201, {}, b""))
		run = self.deliver(server.url("/a%20b/c d/"), "--deliver-secret-file", self.secret_file, "-v", "--deliver-as", "R é.zip")
		(method, path, headers, body), = server.requests
		self.assertEqual((method, path), ("PUT", "/a%20b/c%20d/R%20%C3%A9.zip"))
		self.assertEqual(headers["Authorization"], "Bearer " + SECRET)
		self.assertEqual(headers["Content-Type"], "application/zip")
		self.assertIsNone(headers["Expect"])
		self.assertRegex(headers["User-Agent"], r"\Arosterzip/[0-9.]+\Z")
		self.assertEqual(digest(body), digest(self.data))
		self.assertNotIn(SECRET, run.shown)

	def test_query_is_sent_and_not_shown(self):
		server = self.answers((500, {}, b"no: sig=4f5e6d7c8b"), (200, {}, b""))
		run = self.deliver(server.url("/box/file.zip?sv=2026&sig=4f5e6d7c8b"), "-v")
		self.assertEqual(server.requests[1][1], "/box/file.zip?sv=2026&sig=4f5e6d7c8b")
		self.assertIn("answers 500: no: sig=***", run.err)
		self.assertNotIn("4f5e6d7c8b", run.out + run.err)

	def test_server_in_trouble_is_asked_again(self):
		server = self.answers((503, {"Retry-After": "1"}, b"<h1>busy</h1>"), (201, {}, b""))
		began = time.monotonic()
		run = self.deliver(server.url("/"), "-v")
		self.assertGreater(time.monotonic() - began, 0.9)
		self.assertIn("again in 1 s: the server answers 503: busy", run.err)
		self.assertEqual([digest(request[3]) for request in server.requests], [digest(self.data)] * 2)

	def test_what_does_not_pass_is_not_asked_again(self):
		server = self.answers((409, {}, b""))
		self.refused(server.url("/no/such/"), "answers 409. The folder has to be there")
		server = self.answers((507, {}, b"quota\x1b[2J exceeded"))
		run = self.refused(server.url("/"), "answers 507: quota.* exceeded.*no room left")
		self.assertNotIn("\x1b", run.shown)
		self.assertEqual(len(server.requests), 1)

	def signed(self, path, region="eu-central-1", name="One Roster+(1).zip"):
		server = self.answers((200, {}, b""))
		run = self.deliver(server.url(path, "AKIDEXAMPLE"), "--deliver-secret-file", self.secret_file, "--s3-region", region,
			"--deliver-as", name, "-v")
		self.assertNotIn(SECRET, run.shown)
		return server.requests[0]

	def assert_signature(self, request, region):
		"""Works the signature out as the specification of AWS Signature Version 4 has it."""
		method, target, headers, body = request
		path, _, query = target.partition("?")
		kind, _, rest = headers["Authorization"].partition(" ")
		self.assertEqual(kind, "AWS4-HMAC-SHA256")
		fields = dict(field.strip().split("=", 1) for field in rest.split(","))
		names = fields["SignedHeaders"].split(";")
		self.assertEqual(names, sorted(names))
		self.assertLessEqual({"host", "x-amz-content-sha256", "x-amz-date"}, set(names))
		moment = headers["x-amz-date"]
		age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.strptime(moment + "+0000", "%Y%m%dT%H%M%SZ%z")
		self.assertLess(abs(age.total_seconds()), 120)
		self.assertEqual(headers["x-amz-content-sha256"], hashlib.sha256(body).hexdigest())
		# Each part of the path is encoded once: nothing but letters, digits and -._~ stays.
		parts = [urllib.parse.quote(urllib.parse.unquote(part), safe="-._~") for part in path.split("/")]
		canonical = "\n".join([method, "/".join(parts), query, *(f"{name}:{' '.join(headers[name].split())}" for name in names), "",
			";".join(names), headers["x-amz-content-sha256"]])
		scope = f"{moment[:8]}/{region}/s3/aws4_request"
		self.assertEqual(fields["Credential"], "AKIDEXAMPLE/" + scope)
		text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
		key = ("AWS4" + SECRET).encode()
		for word in (moment[:8], region, "s3", "aws4_request"):
			key = hmac.digest(key, word.encode(), "sha256")
		self.assertEqual(fields["Signature"], hmac.new(key, text.encode(), "sha256").hexdigest())

	def test_signature_for_s3(self):
		for path, size in (("/bucket/", 700_000), ("/bucket/a b/it's/", 1_500_000)):  # libcurl treats large ones differently
			self.data = self.make(size)
			request = self.signed(path)
			self.assertEqual(urllib.parse.unquote(request[1]), path + "One Roster+(1).zip")
			self.assertEqual(digest(request[3]), digest(self.data))
			self.assert_signature(request, "eu-central-1")

	def test_refusal_of_s3_in_words(self):
		server = self.answers((403, {"Content-Type": "application/xml"}, b"<?xml version='1.0'?>\n<Error><Code>SignatureDoesNotMatch"
			b"</Code><Message>The request signature does not match.</Message></Error>"))
		self.refused(server.url("/bucket/", "AKIDEXAMPLE"), "answers 403: SignatureDoesNotMatch The request signature does not match",
			"--deliver-secret-file", self.secret_file, "--s3-region", "us-east-1")
		self.assertEqual(len(server.requests), 1)


class Folder(Delivery):
	def test_new_file_and_over_it(self):
		watcher = self.watch()
		first = self.data
		self.deliver(self.inbox)
		self.assert_there()
		self.data = self.make(5_000_000, seed=2)
		self.deliver(self.inbox + "/OneRoster.zip")
		self.assert_there()
		self.assert_seen(watcher, first, self.data)
		self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.inbox, "OneRoster.zip")).st_mode), 0o600)

	def test_missing_folder(self):
		self.refused(self.inbox + "/2026/", rf"there is no folder {self.inbox}/2026", expect=2)

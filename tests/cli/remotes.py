"""Real servers on this machine for the tests of delivery, each on a free port and with everything it needs in a folder
of its own: OpenSSH's sshd, nginx with WebDAV over TLS, vsftpd. Beside them what makes trouble on purpose: a line that is
cut, an HTTP server that answers as told; and a watcher that looks at the receiving folder all the time.

None needs an account or a right that the user who runs the tests has not. sshd lets that user in by a key.
"""

import contextlib
import hashlib
import http.server
import multiprocessing.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time

READY_SECONDS = 20
SYSTEM = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))


def tool(name):
	"""The path of a program that the tests cannot do without; servers are not on everybody's PATH."""
	found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + SYSTEM)
	if not found:
		raise AssertionError(f"{name} is missing: install it (Debian: apt-get install openssh-server openssh-client "
			"nginx vsftpd openssl)")
	return found


def run(*command, **how):
	done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT, check=False, timeout=60, **how)
	if done.returncode != 0:
		raise AssertionError(f"{command} failed:\n{done.stdout.decode(errors='replace')}")
	return done.stdout.decode()


def user_name():
	return pwd.getpwuid(os.geteuid()).pw_name


def free_port():
	with socket.socket() as s:
		s.bind(("127.0.0.1", 0))
		return s.getsockname()[1]


class Server:
	"""A process that listens on self.port once start() is done, until close()."""

	log = None

	def start(self, make_command, **how):
		for _ in range(5):  # somebody else may take the free port before the server does
			self.port = free_port()
			with open(self.log, "ab") as log:
				self.process = subprocess.Popen(make_command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
			if self.ready():
				return
			self.close()
		with open(self.log, encoding="utf-8", errors="replace") as log:
			raise AssertionError(f"{type(self).__name__} does not start:\n{log.read()}")

	def ready(self):
		until = time.monotonic() + READY_SECONDS
		while self.process.poll() is None and time.monotonic() < until:
			with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
				return True
			time.sleep(0.01)
		return False

	def close(self):
		if self.process.poll() is None:
			self.process.terminate()
			try:
				self.process.wait(10)
			except subprocess.TimeoutExpired:
				self.process.kill()
				self.process.wait(10)

	def said(self):
		with open(self.log, encoding="utf-8", errors="replace") as log:
			return log.read()


class Keys:
	"""The keys of a server and of a user, made once for all tests of a process: that takes longer than a test."""

	made = None

	def __new__(cls):
		if cls.made is None:
			cls.made = super().__new__(cls)
			cls.made.make()
		return cls.made

	def make(self):
		self.folder = tempfile.mkdtemp(prefix="rosterzip-keys-")
		# The processes that run.py starts end without what atexit has.
		multiprocessing.util.Finalize(None, shutil.rmtree, (self.folder, True), exitpriority=0)
		keygen = tool("ssh-keygen")
		for name, kind, passphrase in (("host_ed25519", "ed25519", ""), ("host_ecdsa", "ecdsa", ""),
				("other_host", "ed25519", ""), ("user", "ed25519", ""), ("other_user", "ed25519", ""),
				("locked_user", "ed25519", "open the door")):
			run(keygen, "-q", "-t", kind, "-N", passphrase, "-C", "made up", "-f", self.path(name))

	def path(self, name):
		return os.path.join(self.folder, name)

	def public(self, name):
		"""Kind and key, as known_hosts has them."""
		with open(self.path(name + ".pub"), encoding="ascii") as f:
			return " ".join(f.read().split()[:2])

	def fingerprint(self, name):
		return run(tool("ssh-keygen"), "-lf", self.path(name + ".pub")).split()[1]


class Sshd(Server):
	"""sshd with an SFTP server, e.g. "-R" (read only) or "-P rename,posix-rename" (those are refused)."""

	def __init__(self, folder, sftp=""):
		self.keys = Keys()
		self.folder = folder
		self.log = os.path.join(folder, "sshd.log")
		self.user = user_name()
		self.files = 0
		config = os.path.join(folder, "sshd.conf")
		allowed = os.path.join(folder, "authorized_keys")
		with open(allowed, "w", encoding="ascii") as f:
			f.write(self.keys.public("user") + "\n" + self.keys.public("locked_user") + "\n")
		with open(config, "w", encoding="ascii") as f:
			f.write("ListenAddress 127.0.0.1\nUsePAM no\nStrictModes no\nPidFile none\nPermitRootLogin yes\n"
				"LogLevel VERBOSE\nMaxStartups 50\n"
				f"HostKey {self.keys.path('host_ed25519')}\nHostKey {self.keys.path('host_ecdsa')}\n"
				f"AuthorizedKeysFile {allowed}\nSubsystem sftp internal-sftp {sftp}\n")
		if os.geteuid() == 0:
			os.makedirs("/run/sshd", 0o755, exist_ok=True)  # sshd refuses to start without, and its service makes it
		self.start(lambda: [tool("sshd"), "-D", "-e", "-f", config, "-p", str(self.port)])

	def known_hosts(self, *lines, port=None, key="host_ed25519"):
		"""A new file that lists the server under a port, behind other lines; gives its path."""
		self.files += 1
		path = os.path.join(self.folder, f"known_hosts_{self.files}")
		with open(path, "w", encoding="ascii") as f:
			for line in lines:
				f.write(line + "\n")
			if key is not None:
				f.write(f"[127.0.0.1]:{port or self.port} {self.keys.public(key)}\n")
		return path

	def url(self, path, port=None):
		return f"sftp://{self.user}@127.0.0.1:{port or self.port}{path}"

	def connections(self):
		return self.said().count("Accepted publickey for")


class Authority:
	"""A certificate authority of the test, and a certificate of it for this machine."""

	def __init__(self, folder):
		openssl = tool("openssl")
		self.ca = os.path.join(folder, "ca.pem")
		self.key = os.path.join(folder, "tls.key")
		self.certificate = os.path.join(folder, "tls.pem")
		ca_key = os.path.join(folder, "ca.key")
		request = os.path.join(folder, "tls.csr")
		names = os.path.join(folder, "names")
		with open(names, "w", encoding="ascii") as f:
			f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
		kind = ("-newkey", "rsa:2048", "-nodes")  # vsftpd knows no others with TLS 1.2
		run(openssl, "req", "-x509", *kind, "-keyout", ca_key, "-out", self.ca, "-days", 2, "-subj", "/CN=Made-up authority")
		run(openssl, "req", *kind, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
		run(openssl, "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out",
			self.certificate, "-days", 2, "-extfile", names)


class Nginx(Server):
	"""nginx over TLS. /inbox/ takes files from the user eagle with the password, /open/ from everybody, /small/ no
	large ones, /closed/ none, /static/ knows no PUT; /moved/ points elsewhere. They lie in self.root."""

	def __init__(self, folder, password):
		self.folder = folder
		self.authority = Authority(folder)
		self.log = os.path.join(folder, "nginx.log")
		self.root = os.path.join(folder, "www")
		for place in ("inbox", "open", "small", "closed", "static"):
			os.makedirs(os.path.join(self.root, place))
		users = os.path.join(folder, "users")
		with open(users, "w", encoding="ascii") as f:
			f.write("eagle:" + run(tool("openssl"), "passwd", "-apr1", password))
		self.config = os.path.join(folder, "nginx.conf")
		self.users = users
		self.start(self.command)

	def command(self):
		put = "dav_methods PUT; client_max_body_size 64m;"
		folders = "".join(f"{name}_temp_path {self.folder}/{name};\n" for name in
			("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
		with open(self.config, "w", encoding="ascii") as f:
			f.write(("user root;\n" if os.geteuid() == 0 else "") +
				f"""daemon off; worker_processes 1; pid {self.folder}/nginx.pid; error_log stderr info;
				events {{ worker_connections 64; }}
				http {{
				access_log {self.folder}/access.log; {folders}
				server {{
				listen 127.0.0.1:{self.port} ssl http2; root {self.root};
				ssl_certificate {self.authority.certificate}; ssl_certificate_key {self.authority.key};
				location /inbox/ {{ {put} auth_basic files; auth_basic_user_file {self.users}; }}
				location /open/ {{ {put} }}
				location /small/ {{ dav_methods PUT; client_max_body_size 1k; }}
				location /closed/ {{ {put} deny all; }}
				location /static/ {{ }}
				location /moved/ {{ return 307 https://elsewhere.example/inbox/; }}
				}} }}""")
		return [tool("nginx"), "-c", self.config, "-p", self.folder, "-e", "stderr"]

	def url(self, path, user=None):
		return f"https://{user + '@' if user else ''}localhost:{self.port}{path}"


class Vsftpd(Server):
	"""vsftpd over TLS, asked for (explicit) or from the first byte. It lets in the user "anonymous" with the password, to
	the folder self.root, which is below the server's root: there is no chroot without rights."""

	def __init__(self, folder, password, implicit=True, rename=True):
		self.folder = folder
		self.authority = Authority(folder)
		self.log = os.path.join(folder, "vsftpd.log")
		self.root = os.path.join(folder, "ftp")
		os.makedirs(os.path.join(self.root, "inbox"))
		passwords = os.path.join(folder, "passwords")
		with open(passwords, "w", encoding="ascii") as f:
			f.write(password + "\n")
		self.config = os.path.join(folder, "vsftpd.conf")
		self.settings = {
			"listen": "YES", "listen_address": "127.0.0.1", "background": "NO", "run_as_launching_user": "YES",
			"seccomp_sandbox": "NO", "ftp_username": user_name(), "anonymous_enable": "YES", "local_enable": "NO",
			"secure_email_list_enable": "YES", "email_password_file": passwords, "anon_root": self.root,
			"allow_writeable_chroot": "YES", "write_enable": "YES", "anon_upload_enable": "YES", "anon_umask": "077",
			"anon_other_write_enable": "YES" if rename else "NO", "anon_world_readable_only": "NO",
			"ssl_enable": "YES", "allow_anon_ssl": "YES", "force_anon_logins_ssl": "YES", "force_anon_data_ssl": "YES",
			"implicit_ssl": "YES" if implicit else "NO", "require_ssl_reuse": "YES",
			"rsa_cert_file": self.authority.certificate, "rsa_private_key_file": self.authority.key,
			"xferlog_enable": "YES", "log_ftp_protocol": "YES", "vsftpd_log_file": os.path.join(folder, "ftp.log"),
		}
		self.scheme = "ftps" if implicit else "ftpes"
		self.start(self.command)

	def command(self):
		with open(self.config, "w", encoding="ascii") as f:
			f.write(f"listen_port={self.port}\n" + "".join(f"{k}={v}\n" for k, v in self.settings.items()))
		os.chmod(self.config, 0o600)
		return [tool("vsftpd"), self.config]

	def url(self, path):
		return f"{self.scheme}://anonymous@localhost:{self.port}{path}"

	def commands(self):
		"""The commands it was given, as lines."""
		with open(os.path.join(self.folder, "ftp.log"), encoding="utf-8", errors="replace") as f:
			return [line.split('"')[-2] for line in f if "FTP command:" in line]


class Line:
	"""A line to a port of this machine that carries everything; but of the first connections, as many as limits has
	numbers, it lets only so many bytes go to the server. Then it breaks, or, with hold, carries nothing more."""

	def __init__(self, port, *limits, hold=False):
		self.target, self.limits, self.hold = port, list(limits), hold
		self.carried = []  # bytes to the server, by connection
		self.listener = socket.create_server(("127.0.0.1", 0))
		self.port = self.listener.getsockname()[1]
		self.open = []
		self.reached = threading.Event()  # a limit
		threading.Thread(target=self.accept, daemon=True).start()

	def accept(self):
		while True:
			try:
				here, _ = self.listener.accept()
			except OSError:
				return
			there = socket.create_connection(("127.0.0.1", self.target))
			self.open += [here, there]
			limit = self.limits.pop(0) if self.limits else None
			self.carried.append(0)
			number = len(self.carried) - 1
			threading.Thread(target=self.carry, args=(here, there, number, limit), daemon=True).start()
			threading.Thread(target=self.carry, args=(there, here, None, None), daemon=True).start()

	def carry(self, source, target, number, limit):
		try:
			while True:
				data = source.recv(16384)
				if not data:
					break
				if limit is not None and self.carried[number] + len(data) >= limit:
					target.sendall(data[:limit - self.carried[number]])
					self.reached.set()
					if self.hold:
						return
					break
				target.sendall(data)
				if number is not None:
					self.carried[number] += len(data)
		except OSError:
			pass
		for end in (source, target):
			with contextlib.suppress(OSError):
				end.shutdown(socket.SHUT_RDWR)

	def close(self):
		self.listener.close()
		for end in self.open:
			end.close()


class Answers:
	"""An HTTP server in the clear that gives each PUT the next of some answers, each (status, headers, body), the last
	of them for ever, and keeps what was asked in self.requests: method, path, headers, body."""

	def __init__(self, *answers):
		requests = self.requests = []

		class Handler(http.server.BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def do_PUT(self):
				body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
				status, headers, answer = answers[min(len(requests), len(answers) - 1)]
				requests.append((self.command, self.path, self.headers, body))
				self.send_response(status)
				for name, value in headers.items():
					self.send_header(name, value)
				self.send_header("Content-Length", str(len(answer)))
				self.end_headers()
				self.wfile.write(answer)

			def log_message(self, *_):
				pass

		self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.port = self.server.server_address[1]
		threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

	def url(self, path, user=None):
		return f"http://{user + '@' if user else ''}127.0.0.1:{self.port}{path}"

	def close(self):
		self.server.shutdown()
		self.server.server_close()


class Watcher:
	"""Looks at a file again and again, as a receiver does that is waiting for it. seen holds what it was at any time:
	None for absent, else the SHA-256 of its content; beside holds the other names that were in the folder."""

	def __init__(self, path):
		self.path, self.seen, self.beside, self.looks = path, [], set(), 0
		self.done = threading.Event()
		self.thread = threading.Thread(target=self.watch, daemon=True)
		self.look()
		self.thread.start()

	def look(self):
		folder, name = os.path.split(self.path)
		with contextlib.suppress(FileNotFoundError):
			self.beside.update(set(os.listdir(folder)) - {name})
		try:
			with open(self.path, "rb") as f:
				now = digest(f.read())
		except FileNotFoundError:
			now = None
		if not self.seen or self.seen[-1] != now:
			self.seen.append(now)
		self.looks += 1

	def watch(self):
		while not self.done.wait(0.0005):
			self.look()

	def close(self):
		self.done.set()
		self.thread.join()
		self.look()


def digest(data):
	return hashlib.sha256(data).hexdigest()

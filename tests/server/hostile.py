"""A server that means harm: raw sockets, one thread a connection, every byte of the answer up to the test.

An answer is a function of the connection and the request. It sends what it likes and returns True when the connection
may be used again; what it raises ends the connection. Endless ones go on until the other side hangs up or the server is
closed.
"""

import contextlib
import os
import socket
import ssl
import struct
import subprocess
import threading
import urllib.parse
import zlib

SECONDS = 60  # no send or receive takes longer: whatever the test does, no thread stays for ever


class Over(Exception):
	"""The server is being closed, or the other side is gone."""


class Request:
	def __init__(self, head, body, number):
		line, _, rest = head.decode("latin-1").partition("\r\n")
		self.method, self.path = (line.split(" ") + ["", ""])[:2]
		self.name = self.path.partition("?")[0].rsplit("/", 1)[-1]
		self.query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
		self.headers = {name.strip().lower(): value.strip() for name, _, value in
			(field.partition(":") for field in rest.split("\r\n"))}
		self.body = body
		self.number = number  # of all requests of the server, from 1


class Connection:
	def __init__(self, server, sock):
		self.server, self.sock, self.buffer = server, sock, b""

	def receive(self):
		data = self.sock.recv(65536)
		if not data:
			raise Over
		self.buffer += data

	def request(self):
		while b"\r\n\r\n" not in self.buffer:
			self.receive()
		head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
		length = 0
		for field in head.decode("latin-1").split("\r\n")[1:]:
			name, _, value = field.partition(":")
			if name.lower() == "content-length":
				length = int(value)
		while len(self.buffer) < length:
			self.receive()
		body, self.buffer = self.buffer[:length], self.buffer[length:]
		return head, body

	def send(self, *pieces):
		for piece in pieces:
			self.sock.sendall(piece.encode() if isinstance(piece, str) else piece)

	def for_ever(self, piece, pause=0.0):
		"""The same bytes again and again."""
		data = piece.encode() if isinstance(piece, str) else piece
		while not self.server.closing.wait(pause) if pause else not self.server.closing.is_set():
			self.sock.sendall(data)
		raise Over

	def slowly(self, text, pause):
		"""One byte at a time."""
		for byte in text.encode():
			self.sock.sendall(bytes([byte]))
			if self.server.closing.wait(pause):
				raise Over


class Server:
	"""Listens on a free port of loopback until it is closed."""

	def __init__(self, answer, context=None, connected=None):
		self.answer, self.context, self.connected = answer, context, connected
		self.closing = threading.Event()
		self.lock = threading.Lock()
		self.requests = []
		self.sockets = set()
		self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
		self.port = self.listener.getsockname()[1]
		scheme = "https" if context else "http"
		self.url = f"{scheme}://127.0.0.1:{self.port}"
		self.threads = []
		self.start(self.accept)

	def start(self, run, *arguments):
		thread = threading.Thread(target=run, args=arguments, daemon=True)
		self.threads.append(thread)
		thread.start()

	def accept(self):
		while not self.closing.is_set():
			with contextlib.suppress(OSError):
				sock, _ = self.listener.accept()
				self.start(self.serve, sock)

	def serve(self, sock):
		with self.lock:
			self.sockets.add(sock)
		with contextlib.suppress(OSError, Over, ssl.SSLError, ValueError):
			sock.settimeout(SECONDS)
			sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
			if self.context:
				sock = self.context.wrap_socket(sock, server_side=True)
				with self.lock:
					self.sockets.add(sock)
			connection = Connection(self, sock)
			if self.connected:
				self.connected(connection)
			again = self.answer is not None
			while again and not self.closing.is_set():
				head, body = connection.request()
				with self.lock:
					request = Request(head, body, len(self.requests) + 1)
					self.requests.append(request)
				again = self.answer(connection, request)
		with contextlib.suppress(OSError):
			sock.close()

	def close(self):
		self.closing.set()
		with contextlib.suppress(OSError):
			self.listener.shutdown(socket.SHUT_RDWR)
		self.listener.close()
		with self.lock:
			for sock in self.sockets:
				with contextlib.suppress(OSError):
					sock.shutdown(socket.SHUT_RDWR)
		for thread in self.threads:
			thread.join(10)


# --- answers ----------------------------------------------------------------------------------------------------------


def whole(body, status="200 OK", headers=()):
	"""An answer as it should be."""
	data = body.encode() if isinstance(body, str) else body
	lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers]
	return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def head(*headers, status="200 OK"):
	"""The beginning of an answer, up to its body."""
	return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]) + "\r\n\r\n"


def gzip_for_ever(first, piece):
	"""The beginning of a gzip stream, and bytes that go on with it as often as they are sent: each stands for piece."""
	pack = zlib.compressobj(9, zlib.DEFLATED, 31)
	begin = pack.compress(first.encode()) + pack.flush(zlib.Z_FULL_FLUSH)
	pack.compress(piece)
	pack.flush(zlib.Z_FULL_FLUSH)
	return begin, pack.compress(piece) + pack.flush(zlib.Z_FULL_FLUSH)


# --- TLS --------------------------------------------------------------------------------------------------------------


def openssl(*arguments):
	done = subprocess.run(["openssl", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
	if done.returncode:
		raise AssertionError("openssl: " + done.stderr.decode(errors="replace"))


def certificate(folder, begin=None, end=None):
	"""An authority and a certificate of it for loopback, valid from begin to end (YYMMDDHHMMSSZ): paths of the authority's
	certificate, the server's, and its key."""
	def at(name):
		return os.path.join(folder, name)

	key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
	openssl("req", "-x509", *key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "30", "-subj", "/CN=Hostile CA")
	openssl("req", *key, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=hostile")
	with open(at("ca.cnf"), "w", encoding="ascii") as f:
		f.write(f"""[ca]
default_ca = own
[own]
database = {at("index")}
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
default_days = 30
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost,IP:127.0.0.1
""")
	with open(at("index"), "w", encoding="ascii"):
		pass
	time = (["-startdate", begin] if begin else []) + (["-enddate", end] if end else [])
	openssl("ca", "-batch", "-notext", "-config", at("ca.cnf"), "-cert", at("ca.pem"), "-keyfile", at("ca.key"), "-in",
		at("server.csr"), "-out", at("server.pem"), *time)
	return at("ca.pem"), at("server.pem"), at("server.key")


def context(chain, key, newest=None, protocols=()):
	"""What a server needs for TLS; newest is the greatest version it knows."""
	made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	made.load_cert_chain(chain, key)
	if newest:
		made.set_ciphers("DEFAULT:@SECLEVEL=0")
		made.minimum_version = ssl.TLSVersion.TLSv1
		made.maximum_version = newest
	if protocols:
		made.set_alpn_protocols(list(protocols))
	return made


# --- HTTP/2 -----------------------------------------------------------------------------------------------------------

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
	return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def streams(connection):
	"""Speaks just enough HTTP/2 to give the number of each stream whose request has come."""
	connection.send(frame(SETTINGS, 0, 0))
	while len(connection.buffer) < 24:
		connection.receive()
	connection.buffer = connection.buffer[24:]
	while True:
		while len(connection.buffer) < 9:
			connection.receive()
		length = int.from_bytes(connection.buffer[:3], "big")
		kind, flags = connection.buffer[3], connection.buffer[4]
		stream = int.from_bytes(connection.buffer[5:9], "big") & 0x7FFFFFFF
		while len(connection.buffer) < 9 + length:
			connection.receive()
		connection.buffer = connection.buffer[9 + length:]
		if kind == SETTINGS and not flags & 1:
			connection.send(frame(SETTINGS, 1, 0))
		if kind == HEADERS:
			yield stream

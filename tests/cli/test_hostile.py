"""Servers that mean harm: whatever they send, the run ends in time, in little memory, with one sentence and the bundle
of yesterday as it was; or what they sent did no harm and the bundle is right.

What other files have already: 100,000 levels of nesting, strings and rows over their limits, NUL and control characters
as escapes, lone surrogates, byte order marks, UTF-16, broken UTF-8 (test_shapes, cases/); totals that are wrong, links
of every kind, rows that move, offsets ignored (test_paging); redirects to other hosts, bodies that are cut, answers that
never begin, endless words of a refusal (test_faults); logins that redirect or show web pages, certificates of strangers
and for other names (test_login); members twice (cases/members-twice); bundles that are bombs (test_validate).

With $ROSTERZIP_HOSTILE_TABLE a line is added to that file for each case: name, exit code, seconds, peak memory and
sentence.
"""

import base64
import gzip
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest

import harness
import hostile
from harness import CLIENT_ID, SECRET, Case, columns
from hostile import head, whole

BYTES_MAX = 64 << 20  # of resident memory, for any of these
ORG = {"sourcedId": "1", "status": "active", "dateLastModified": "2025-01-01T00:00:00.000Z", "name": "One",
	"type": "school", "identifier": "1"}
ROW = json.dumps(ORG)
BODY = '{"orgs":[' + ROW + "]}"
DEADLINE = ("--deadline", "2s")
MEGABYTE = 1 << 20

with open(harness.PROGRAM, "rb") as program:
	SANITIZED = b"__asan_init" in program.read()  # its own memory says nothing about the program's


def page(request, rows, *headers):
	"""The page asked for, with a total."""
	offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
	return whole(json.dumps({"orgs": rows[offset:offset + limit]}), headers=[f"X-Total-Count: {len(rows)}", *headers])


def always(*pieces):
	"""A server that always gives the same answer, and hangs up."""
	def answer(connection, _):
		connection.send(*pieces)
		return False
	return answer


def endless(begin, piece, pause=0.0):
	def answer(connection, _):
		connection.send(begin)
		connection.for_ever(piece, pause)
	return answer


class Watch(threading.Thread):
	"""The greatest resident memory of a process; what wait4 says of it has that of the process it was forked from."""

	def __init__(self, pid):
		super().__init__(daemon=True)
		self.pid, self.most, self.over = pid, 0, threading.Event()
		self.start()

	def run(self):
		while not self.over.wait(0.01):
			try:
				with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as f:
					for line in f:
						if line.startswith("VmHWM:"):
							self.most = max(self.most, int(line.split()[1]) * 1024)
			except (OSError, ValueError):
				return


class Hostile(Case):
	def against(self, answer, **how):
		server = hostile.Server(answer, **how)
		self.addCleanup(server.close)
		self.url = server.url
		self.server = server
		return server

	def words(self, *extra):
		return ["export", "--url", self.url, "--auth", "none", "--collections", "orgs", "--retry-time", "0s", "--state-dir",
			self.state, "--report", self.report, "--output", self.zip, *[str(word) for word in extra]]

	def attempt(self, name, *extra, words=None):
		"""One export, watched."""
		began = time.monotonic()
		words = words or self.words(*extra)
		process = subprocess.Popen([harness.PROGRAM, *words], env=self.environment(), stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
		watch = Watch(process.pid)
		try:
			out, err = process.communicate(timeout=harness.SECONDS)
		except subprocess.TimeoutExpired:
			process.kill()
			out, err = process.communicate()
			self.fail(f"{name}: no end after {harness.SECONDS} s: {err.decode(errors='replace')}")
		finally:
			watch.over.set()
			watch.join()
		took = time.monotonic() - began
		run = self.ended(words, process.returncode, out, err)
		if not SANITIZED:
			self.assertLess(watch.most, BYTES_MAX, f"{name}: {run.shown}")
		self.table(name, run, took, watch.most)
		return run

	def table(self, name, run, took, most):
		path = os.environ.get("ROSTERZIP_HOSTILE_TABLE")
		if path:
			said = run.error if run.code else "; ".join(run.warnings) or "fine"
			with open(path, "a", encoding="utf-8") as f:
				f.write(f"{name} | {run.code} | {took:.2f} s | {most / MEGABYTE:.0f} MB | {said}\n")

	def refused(self, name, answer, pattern, *extra, code=5, **how):
		"""Nothing comes of it, and nothing is changed."""
		with self.subTest(name):
			server = self.against(answer, **how)
			before = self.old_bundle()
			run = self.attempt(name, *extra)
			server.close()
			self.assertEqual(run.code, code, run.shown)
			self.assertRegex(run.error, pattern)
			self.assertLess(len(run.error), 1000)
			self.assertEqual(self.mark(self.zip), before, "the bundle of yesterday was touched")
			self.assert_clean()
			return run

	def harmless(self, name, answer, *extra, ids=("1",), **how):
		"""The bundle is as if the server meant well."""
		with self.subTest(name):
			server = self.against(answer, **how)
			run = self.attempt(name, "--force-once", *extra)
			server.close()
			self.assertEqual(run.code, 0, run.shown)
			self.assertEqual([row["sourcedId"] for row in columns(self.bundle()["orgs.csv"])], list(ids))
			self.assert_clean()
			return run


class Slow(Hostile):
	def test_loris(self):
		def header(connection, _):
			connection.send("HTTP/1.1 200 OK\r\n")
			connection.slowly("X-Slow: " + "x" * 1000, 0.1)

		def body(connection, _):
			connection.send(head("Content-Length: 1000000"))
			connection.slowly(BODY * 100, 0.05)

		def spaces(connection, _):
			connection.send(head())
			connection.slowly(" " * 1000, 0.05)

		self.refused("header lines, byte by byte", header, "orgs, rows from 1: no answer for 1 seconds", "--timeout", "1s")
		self.refused("interim answers for ever, slowly", endless("", "HTTP/1.1 102 Processing\r\n\r\n", 0.1),
			"orgs, rows from 1: no answer for 1 seconds", "--timeout", "1s")
		self.refused("a body, byte by byte", body, "the deadline of 2s passed while reading orgs", *DEADLINE)
		self.refused("blanks, byte by byte", spaces, "the deadline of 2s passed while reading orgs", *DEADLINE)
		self.refused("a connection that never says anything", lambda connection, _: connection.for_ever(b"", 1),
			"orgs, rows from 1: no answer for 1 seconds", "--timeout", "1s")

	def test_hangs_up(self):
		def reset(connection):
			connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
			connection.sock.close()

		self.refused("connections that are reset at once", always(b""), "orgs, rows from 1: ", connected=reset)
		self.refused("nothing at all", always(b""), "orgs, rows from 1: ")


class Endless(Hostile):
	"""Bodies without an end, and bodies that unpack to one."""

	def test_bodies(self):
		large = "x" * MEGABYTE
		rows = b", ".join(ROW.replace('"1"', f'"{n}"', 1).encode() for n in range(500))
		self.refused("rows for ever", endless(head() + '{"orgs":[' + ROW, b"," + rows, 0.002),
			"the deadline of 2s passed while reading orgs", *DEADLINE)
		self.refused("blanks for ever", endless(head() + '{"orgs":[', " " * MEGABYTE), "orgs, rows from 1: .*1 MiB")
		self.refused("a string for ever", endless(head() + '{"orgs":[{"sourcedId":"1","name":"', large),
			"orgs, rows from 1: .*1 MiB")
		self.refused("a string of escapes for ever", endless(head() + '{"orgs":[{"sourcedId":"1","name":"',
			"\\u0041" * 99999), "orgs, rows from 1: .*1 MiB")
		self.refused("a number for ever", endless(head() + '{"orgs":[{"sourcedId":', "1" * MEGABYTE),
			"orgs, rows from 1: .*1 MiB")
		self.refused("a key for ever", endless(head() + '{"orgs":[{"', large), "orgs, rows from 1: .*1 MiB")
		self.refused("brackets for ever", endless(head() + '{"orgs":[{"metadata":', "[" * MEGABYTE),
			"orgs, rows from 1: .*64 levels")
		self.refused("members for ever", endless(head() + '{"orgs":[{"sourcedId":"1"', ',"name":"' + "n" * 9999 + '"'),
			"orgs, rows from 1: .*64 MiB")
		self.refused("members that nobody wants for ever", endless(head() + '{"x":[1', ",1" * 99999),
			"orgs, rows from 1: .*64 MiB")
		self.refused("blanks behind the end", endless(head() + BODY, " " * MEGABYTE), "orgs, rows from 1: ")
		self.refused("empty chunks of a chunked body", endless(head("Transfer-Encoding: chunked"), "1;" + "x" * 9000 +
			"\r\n \r\n"), "the deadline of 2s passed while reading orgs", *DEADLINE)
		self.refused("a refusal without end", endless(head(status="403 No"), large), "orgs, rows from 1: .*403")

	def test_a_string_of_a_gigabyte(self):
		def answer(connection, _):
			connection.send(head(f"Content-Length: {1 << 30}"), '{"orgs":[{"sourcedId":"1","name":"')
			for _ in range(1024):
				connection.send(b"x" * MEGABYTE)
			return False
		self.refused("a string of 1 GB", answer, "orgs, rows from 1: .*1 MiB")

	def test_bombs(self):
		zeros = bytes(MEGABYTE)

		def bomb(first, piece, encoding="gzip", again=False, status="200 OK"):
			begin, more = hostile.gzip_for_ever(first, piece)
			if again:  # packed once more
				begin, more = hostile.gzip_for_ever("", begin + more * 2000)

			def answer(connection, _):
				connection.send(head("Content-Encoding: " + encoding, status=status), begin)
				for _ in range(10240):
					connection.send(more)
				return False
			return answer

		rows = (", ".join([ROW] * 5000) + ",").encode()
		self.refused("10 GB of zeros in gzip", bomb("", zeros), "orgs, rows from 1: ")
		self.refused("10 GB of zeros in a string, in gzip", bomb('{"orgs":[{"sourcedId":"', b"0" * MEGABYTE),
			"orgs, rows from 1: .*1 MiB")
		self.refused("10 GB of blanks in gzip", bomb('{"orgs":[', b" " * MEGABYTE), "orgs, rows from 1: .*1 MiB")
		self.refused("10 GB of rows in gzip", bomb('{"orgs":[', rows), "orgs, rows from 1: .*200 times")
		self.refused("10 GB of blanks between members", bomb('{"orgs":[', (" " * 1000 + "{},").encode() * 1000),
			"orgs, rows from 1: .*200 times")
		self.refused("zeros packed twice", bomb("", zeros, "gzip, gzip", True), "orgs, rows from 1: ")
		self.refused("a refusal that is a bomb", bomb("", zeros, status="418 Bang"), "orgs, rows from 1: .*418")


class Heads(Hostile):
	def test_too_much(self):
		line = "X-Filler: " + "x" * 1000 + "\r\n"
		status = "HTTP/1.1 200 OK\r\n"
		self.refused("header lines of megabytes", endless(status, line * 1000), "orgs, rows from 1: .*header line")
		self.refused("one header line of megabytes", endless(status + "X-Filler: ", "x" * MEGABYTE),
			"orgs, rows from 1: .*header line")
		self.refused("a million Set-Cookie lines", endless(status, "".join(f"Set-Cookie: c{n}=v\r\n" for n in range(1000))),
			"orgs, rows from 1: .*header line")
		self.refused("interim answers for ever", endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
			"orgs, rows from 1: .*header line")
		self.refused("a reason of megabytes", endless("HTTP/1.1 200 ", "x" * MEGABYTE), "orgs, rows from 1: .*header line")
		self.refused("trailers for ever", endless(head("Transfer-Encoding: chunked") + f"{len(BODY):x}\r\n{BODY}\r\n0\r\n",
			line * 1000), "orgs, rows from 1: .*header line")
		self.refused("a Link line of a megabyte", always(whole(BODY, headers=["Link: <" + "x" * MEGABYTE + ">; rel=next"])),
			"orgs, rows from 1: .*header line")

	def test_cookies_on_every_page(self):
		"""Each page sets some that are new, and all of them have to be kept for the next request."""
		rows = [{**ORG, "sourcedId": f"{n:05}"} for n in range(400)]

		def answer(connection, request):
			first = request.number * 40
			connection.send(page(request, rows, *[f"Set-Cookie: c{n}={'v' * 2000}" for n in range(first, first + 40)]))
			return True

		def same(connection, request):
			connection.send(page(request, rows, *[f"Set-Cookie: c{n}={request.number}" for n in range(20)]))
			return True

		self.refused("new cookies with every page", answer, "more than 300 cookies", "--page-size", "10")
		self.harmless("the same cookies with every page", same, "--page-size", "10", ids=[row["sourcedId"] for row in rows])

	def test_status_lines(self):
		for name, line in (("no status line", ""), ("no number", "HTTP/1.1 OK\r\n\r\n"),
				("another protocol", "ICY 200 OK\r\n\r\n"),
				("a version there is not", "HTTP/9.9 200 OK\r\n\r\n"), ("a number of four digits", "HTTP/1.1 2000 OK\r\n\r\n"),
				("a negative number", "HTTP/1.1 -200 OK\r\n\r\n"), ("status 000", "HTTP/1.1 000 OK\r\n\r\n"),
				("status 999", "HTTP/1.1 999 OK\r\n\r\n"), ("SSH", "SSH-2.0-Hostile\r\n"), ("NUL bytes", "\0" * 4096),
				("TLS on a port without", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")):
			self.refused(name, always(line, BODY), "orgs, rows from 1: ")
		self.refused("a NUL in a header line", always("HTTP/1.1 200 OK\r\nX-\0: 1\r\n\r\n", BODY), "orgs, rows from 1: ")
		self.refused("another protocol by 101", always("HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\n\r\n",
			BODY), "orgs, rows from 1: ")

	def test_lengths(self):
		long = len(BODY)
		for name, fields in (("a length that is too great", [f"Content-Length: {long + 1}"]),
				("a length that is too small", [f"Content-Length: {long - 3}"]), ("two lengths", [f"Content-Length: {long}",
				"Content-Length: 5"]), ("a negative length", ["Content-Length: -5"]),
				("a length that is no number", ["Content-Length: 0x10"])):
			self.refused(name, always(head(*fields), BODY), "orgs, rows from 1: ")
		for name, length in (("a length of 2^63", 1 << 63), ("a length of 2^64", 1 << 64), ("a length of 10^30", 10 ** 30)):
			self.harmless(name, always(head(f"Content-Length: {length}"), BODY))  # no number: up to the end, which is proved
		for name, body in (("no size", "xyz\r\n" + BODY), ("a negative size", "-5\r\n" + BODY),
				("a size over all numbers", "F" * 16 + "\r\n" + BODY), ("a size of a hundred digits", "1" * 100 + "\r\n" + BODY),
				("a size that lies", f"{long - 5:x}\r\n{BODY}\r\n0\r\n\r\n"), ("no end", f"{long:x}\r\n{BODY}\r\n")):
			self.refused("chunks: " + name, always(head("Transfer-Encoding: chunked"), body), "orgs, rows from 1: ")
		chunked = f"{long:x}\r\n{BODY}\r\n0\r\n\r\n"
		self.harmless("a length beside chunks", always(head("Transfer-Encoding: chunked", "Content-Length: 5"), chunked))

	def test_a_second_answer_that_nobody_asked_for(self):
		"""What comes behind an answer must never be taken for that to the next request."""
		rows = [ORG, {**ORG, "sourcedId": "2"}]
		forged = whole(json.dumps({"orgs": [{**ORG, "sourcedId": "forged"}]}), headers=["X-Total-Count: 2"])

		def answer(connection, request):
			connection.send(page(request, rows) + forged)
			return True
		self.harmless("a second answer that nobody asked for", answer, "--page-size", "1", "--parallel", "1", ids=("1", "2"))

	def test_encodings(self):
		for name in ("br", "zstd", "compress", "deflate", "gzip", "x-evil"):
			self.refused("garbage in " + name, always(head("Content-Encoding: " + name), b"\x8b\x00garbage" * 100),
				"orgs, rows from 1: ")
		cut = gzip.compress(BODY.encode())
		self.refused("gzip that is cut", always(head("Content-Encoding: gzip"), cut[:-12]), "orgs, rows from 1: ")
		self.refused("gzip with a wrong checksum", always(head("Content-Encoding: gzip"), cut[:-8] + b"\0" * 8),
			"orgs, rows from 1: ")
		self.refused("twenty encodings", always(head("Content-Encoding: " + ", ".join(["gzip"] * 20)), cut),
			"orgs, rows from 1: ")
		self.harmless("gzip with a capital letter", always(head("Content-Encoding: GZip", f"Content-Length: {len(cut)}"),
			cut))

	def test_totals(self):
		"""A total that is none is no total; one that is wrong is found out."""
		for value in (1 << 63, 1 << 64, (1 << 64) + 1, -1, "1e6", "0x1", "1 000", "1, 1", "one", "", "1;", "+1", "1.0",
				"\u0661", "9" * 7000):
			def answer(connection, request, value=value):
				rows = [ORG][int(request.query["offset"]):]
				connection.send(whole(json.dumps({"orgs": rows}), headers=[f"X-Total-Count: {value}"]))
				return True
			self.harmless(f"a total of {value}"[:60], answer)
		for value in (10 ** 17, 2):
			def lie(connection, request, value=value):
				rows = [ORG][int(request.query["offset"]):]
				connection.send(whole(json.dumps({"orgs": rows}), headers=[f"X-Total-Count: {value}"]))
				return True
			self.refused(f"a total of {value}", lie, "cannot be proved complete|states a total")
		self.harmless("a total with blanks around", always(whole(BODY, headers=["X-Total-Count: \t 1 \t "])))

	def test_times(self):
		def later(value, status=503):
			def answer(connection, request):
				if request.number == 1:
					connection.send(whole("{}", status=f"{status} Later", headers=[f"Retry-After: {value}"]))
				else:
					connection.send(page(request, [ORG]))
				return True
			return answer

		for value in ("-5", "1e12", "never", "1000000000000", "Fri, 31 Dec 9999 23:59:59 GMT", "99999999999999999999999",
				"Thu, 01 Jan 1970 00:00:00 GMT", "x" * 5000):
			self.harmless(f"Retry-After: {value}"[:60], later(value), "--retry-time", "5s")
		self.refused("Retry-After: an hour, for ever", always(whole("{}", status="503 Later", headers=["Retry-After: 3600"])),
			"503", "--retry-time", "1s")
		for value in ("Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", "99999999999", "", "x" * 5000):
			self.harmless(f"Date: {value}"[:60], always(whole(BODY, headers=[f"Date: {value}"])))
			# The next delta begins there.
			with open(os.path.join(self.state, "published", "bundle.json"), encoding="utf-8") as f:
				self.assertLess(json.load(f)["server-clock"], time.time() + 60)

	def test_links(self):
		rows = [{**ORG, "sourcedId": str(n)} for n in range(1, 5)]
		for name, link in (("another host", "https://elsewhere.example/orgs?offset=2&limit=2"),
				("a file", "file:///etc/passwd"),
				("another scheme", "gopher://127.0.0.1:{port}/orgs"), ("a name in front of the host",
				"http://127.0.0.1@elsewhere.example/orgs"), ("another port", "http://127.0.0.1:9/orgs?offset=2"),
				("no address", "\x7f\x01<<<"), ("a long one", "/orgs?" + "x" * 100000)):
			def answer(connection, request, link=link):
				connection.send(page(request, rows, f"Link: <{link.format(port=connection.server.port)}>; rel=\"next\""))
				return True
			self.harmless("a Link to " + name, answer, "--page-size", "2", ids=[row["sourcedId"] for row in rows])

		def circle(connection, request):
			at = int(request.query.get("cursor", 0))
			found = rows[at * 2:at * 2 + 2]
			connection.send(whole(json.dumps({"orgs": found}), headers=[
				f"Link: <{connection.server.url}/ims/oneroster/v1p1/orgs?cursor={1 - at}&limit=2>; rel=\"next\""]))
			return True
		self.refused("Links that lead in a circle", circle, "orgs", "--page-size", "2")

		def farther(connection, request):
			at = int(request.query.get("cursor", 0))
			connection.send(whole('{"orgs":[]}', headers=[
				f"Link: <{connection.server.url}/ims/oneroster/v1p1/orgs?cursor={at + 1}>; rel=\"next\""]))
			return True
		self.refused("Links to empty pages for ever", farther, "orgs: .*one empty page to the next, more than 1000 times")

	def test_redirects(self):
		for name, to in (("a file", "file:///etc/passwd"), ("another host", "https://elsewhere.example/"),
				("itself", "/ims/oneroster/v1p1/orgs"), ("another scheme", "gopher://127.0.0.1/"), ("a script", "javascript:1"),
				("no address", "\x01\x02"), ("a long address", "https://elsewhere.example/" + "x" * 7000)):
			self.refused("a redirect to " + name, always(whole("", "302 Found", [f"Location: {to}"])), "another address.*url")
			self.assertEqual(len(self.server.requests), 1, "it was followed")


class Rows(Hostile):
	def test_ids_of_a_megabyte(self):
		rows = [{**ORG, "sourcedId": f"{n}" + "i" * 1000000} for n in range(20)]
		body = json.dumps({"orgs": rows})
		self.refused("ids of 1 MB", always(whole(body, headers=["X-Total-Count: 20"])), "orgs.csv: column sourcedId, 20 "
			"rows: id longer than 255 characters", code=3)
		self.refused("an id over 1 MiB", always(whole(BODY.replace('"1"', '"' + "i" * (MEGABYTE + 1) + '"', 1))),
			"orgs, rows from 1: .*1 MiB")

	def test_metadata(self):
		"""With metadata = auto every key is to become a column."""
		def keys(first, count):
			return {f"key{n}": "v" for n in range(first, first + count)}

		def spread(connection, request):
			connection.send(head(), '{"orgs":[')
			for n in range(1000):
				row = {**ORG, "sourcedId": f"{n:05}", "metadata": keys(n * 1000, 1000)}
				connection.send(("," if n else "") + json.dumps(row))
			connection.send("]}")
			return False

		auto = ("--metadata", "auto")
		self.refused("a million keys of metadata in a row", always(whole(json.dumps({"orgs": [{**ORG, "metadata":
			keys(0, 1000000)}]}))), "orgs", *auto, code=self.either(3, 5))
		self.refused("a million keys over a thousand rows", spread, "orgs", *auto, code=self.either(3, 5))
		self.harmless("a million keys that nobody wants", always(whole(json.dumps({"orgs": [{**ORG, "metadata":
			keys(0, 1000000)}]}))))
		self.harmless("a million members of a row", always(whole(json.dumps({"orgs": [{**ORG, **{f"name{n}": n for n in
			range(1000000)}}]}))))

	@staticmethod
	def either(*codes):
		class Either(int):
			__hash__ = int.__hash__

			def __eq__(self, other):
				return other in codes

			def __ne__(self, other):
				return other not in codes

			def __repr__(self):
				return " or ".join(map(str, codes))
		return Either(codes[0])

	def test_documents(self):
		for name, body in (("a NUL byte", BODY.replace("One", "O\0ne")), ("a NUL byte behind the end", BODY + "\0"),
				("a lone quotation mark", '"'), ("a lone brace", "{"), ("two documents", BODY + BODY),
				("a comment", "/* */" + BODY), ("NaN", BODY.replace('"One"', "NaN")), ("a number of a kind",
				BODY.replace('"One"', "0x1F")), ("XML", "<?xml version='1.0'?><orgs/>"),
				("a list of lists", '{"orgs":[[' + ROW + "]]}"), ("rows that are words", '{"orgs":["a","b"]}'),
				("UTF-32", BODY.encode("utf-32")), ("UTF-7", "+/v8-{")):
			data = body if isinstance(body, bytes) else body.encode()
			with self.subTest(name):
				self.against(always(whole(data, headers=["X-Total-Count: 1"])))
				before = self.old_bundle()
				run = self.attempt(name)
				self.assertIn(run.code, (4, 5) if name == "XML" else (5,), run.shown)  # a page: perhaps of a login
				self.assertRegex(run.error, "orgs")
				self.assertEqual(self.mark(self.zip), before)
		self.harmless("members twice", always(whole(BODY.replace('"name": "One"', '"name": "Zero", "name": "One"'))))
		self.assertEqual(columns(self.bundle()["orgs.csv"])[0]["name"], "One")
		run = self.harmless("broken UTF-8", always(whole(BODY.encode().replace(b"One", b"\xff\xfe"))))
		self.assertIn("damaged characters", run.err)

	def test_errors_of_any_depth(self):
		deep = "[" * 100000 + "]" * 100000
		for name, body in (("a refusal 100,000 levels deep", '{"error":' + deep + "}"),
				("a refusal that is a string without end", '{"error_description":"' + "x" * 300000), ("a refusal of NUL bytes", "\0" * 5000),
				("a refusal that draws on the screen", '{"error":"\\u001b[2J\\u009b31m\\u202egnihtemos"}')):
			run = self.refused(name, always(whole(body, "400 Bad Request")), "orgs, rows from 1: .*400")
			self.assertFalse(set("\x1b\x9b\x00") & set(run.err))


class Login(Hostile):
	"""A token endpoint, and a server that repeats what it was told."""

	def words(self, *extra):
		words = super().words(*extra)
		at = words.index("--auth")
		words[at:at + 2] = ["--auth", "oauth2", "--token-url", self.url + "/token", "--client-id", CLIENT_ID,
			"--client-secret-file", self.secret_file]
		return words

	def test_secrets_that_are_echoed(self):
		basic = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
		twice = base64.b64encode(SECRET.encode()).decode()
		word = f"wrong secret {SECRET} ({basic}, {twice}) of client_secret={SECRET}"
		error = json.dumps({"error": "invalid_client", "error_description": word})
		for name, answer, code in (
				("the secret in an error", whole(error, "401 No"), 4), ("the secret in a 400", whole(error, "400 No"), 4),
				("the secret in a 500", whole(error, "500 No"), 5), ("the secret in a reason", b"HTTP/1.1 418 " + word.encode() +
				b"\r\nContent-Length: 0\r\n\r\n", 5), ("the secret in a web page", whole(f"<html><title>{word}</title></html>"), 5),
				("the secret in an address", whole("", "302 Found",
					[f"Location: https://elsewhere.example/?q={SECRET}&b={basic}"]), 5),
				("the secret as error word", whole(json.dumps({"error": SECRET}), "400 No"), 5)):
			for verbose in ((), ("-v",)):
				run = self.refused(name + (", -v" if verbose else ""), always(answer), ".", *verbose,
					code=Rows.either(4, 5))
				for hidden in (SECRET, basic, twice):
					self.assertNotIn(hidden, run.out + run.err + (run.report_text or ""))

	def test_tokens_that_are_echoed(self):
		token = "hostile-token-" + "0123456789abcdef" * 2

		def answer(connection, request):
			if request.name == "token":
				connection.send(whole(json.dumps({"access_token": token, "token_type": "bearer", "expires_in": 3600})))
			else:
				connection.send(whole(json.dumps({"imsx_description": f"token {request.headers.get('authorization')}"}),
					"418 Teapot", ["X-Echo: " + token, "Link: <" + token + ">; rel=next"]))
			return True
		for verbose in ((), ("-v",)):
			run = self.refused("the token in an error" + (", -v" if verbose else ""), answer, "418", *verbose)
			self.assertNotIn(token, run.out + run.err + run.report_text)

	def test_answers(self):
		token = {"access_token": "t", "token_type": "bearer"}
		deep = "[" * 100000 + "]" * 100000
		begin, more = hostile.gzip_for_ever("", bytes(MEGABYTE))
		for name, answer in (("a token 100,000 levels deep", always(whole('{"access_token":' + deep + "}"))),
				("100,000 levels beside the token", always(whole('{"x":' + deep + ',"access_token":"t"}'))),
				("a token without end", endless(head() + '{"access_token":"', "x" * MEGABYTE)),
				("a token with line ends", always(whole(json.dumps({**token, "access_token": "t\r\nX-Injected: 1"})))),
				("a token of nothing", always(whole(json.dumps({**token, "access_token": ""})))),
				("a token of a kind", always(whole(json.dumps({**token, "access_token": {"a": 1}})))),
				("a token page without end", endless(head(), "<html>" * 100000)),
				("a token that is a bomb", endless(head("Content-Encoding: gzip").encode() + begin, more))):
			self.refused(name, answer, "token", code=Rows.either(4, 5))
			self.assertFalse(any("x-injected" in request.headers for request in self.server.requests))


class Tls(Hostile):
	def setUp(self):
		super().setUp()
		self.authority = self.path("authority")
		os.mkdir(self.authority)

	def words(self, *extra):
		return super().words("--ca-file", os.path.join(self.authority, "ca.pem"), *extra)

	def test_versions(self):
		_, chain, key = hostile.certificate(self.authority)
		fine = always(page(hostile.Request(b"GET /orgs HTTP/1.1", b"", 1), [ORG]))
		self.harmless("TLS 1.2", fine, context=hostile.context(chain, key, ssl.TLSVersion.TLSv1_2))
		for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
			self.refused(f"{version.name} only", fine, "(TLS|encrypt|secure|version|protocol)",
				context=hostile.context(chain, key, version))
			self.assertEqual(self.server.requests, [])

	def test_certificates(self):
		fine = always(page(hostile.Request(b"GET /orgs HTTP/1.1", b"", 1), [ORG]))
		for name, begin, end in (("a certificate that has expired", "200101000000Z", "210101000000Z"),
				("a certificate of the future", "400101000000Z", "410101000000Z")):
			_, chain, key = hostile.certificate(self.authority, begin, end)
			self.refused(name, fine, "does not prove who it is", context=hostile.context(chain, key))
			self.assertEqual(self.server.requests, [])

	def test_streams(self):
		"""HTTP/2: frames that end a stream or a connection, and those that fill memory."""
		_, chain, key = hostile.certificate(self.authority)
		h2 = {"context": hostile.context(chain, key, protocols=["h2"])}

		def each(*frames):
			def connected(connection):
				for stream in hostile.streams(connection):
					for make in frames:
						connection.send(make(stream))
			return connected

		def reset(reason):
			return lambda stream: hostile.frame(hostile.RST_STREAM, 0, stream, struct.pack(">I", reason))

		def begin(stream):  # :status 200
			return hostile.frame(hostile.HEADERS, hostile.END_HEADERS, stream, b"\x88")

		def data(stream):
			return hostile.frame(hostile.DATA, 0, stream, b'{"orgs":[')

		def flood(connection):
			for stream in hostile.streams(connection):
				connection.send(hostile.frame(hostile.HEADERS, 0, stream, b"\x88"))
				connection.for_ever(hostile.frame(hostile.CONTINUATION, 0, stream, b"\x00\x01x\x7f\x81\x1f" + b"y" * 272) * 50)

		def settings(connection):
			for _ in hostile.streams(connection):
				connection.for_ever(hostile.frame(hostile.SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 100)

		def good(connection):
			for stream in hostile.streams(connection):
				connection.send(begin(stream), hostile.frame(hostile.DATA, hostile.END_STREAM, stream, BODY.encode()))

		self.harmless("HTTP/2", None, connected=good, **h2)
		for name, connected in (
				("streams that are reset", each(reset(2))), ("streams that are refused", each(reset(7))),
				("streams that are reset in the head", each(begin, reset(2))),
				("streams that are reset in the body", each(begin, data, reset(2))),
				("streams that end with an error code of none", each(begin, data, reset(0))),
				("connections that are given up", each(lambda stream: hostile.frame(hostile.GOAWAY, 0, 0,
					struct.pack(">II", 0, 2)))),
				("data for no stream", each(lambda stream: data(stream + 100))),
				("a frame longer than allowed", each(lambda stream: hostile.frame(hostile.DATA, 0, stream, bytes(1 << 20)))),
				("head lines in pieces for ever", flood), ("settings for ever", settings),
				("HTTP/1.1 in place of HTTP/2", lambda connection: connection.send(whole(BODY)))):
			self.refused("HTTP/2: " + name, None, "orgs, rows from 1: |deadline", "--timeout", "2s", "--deadline", "5s",
				connected=connected, **h2)


if __name__ == "__main__":
	unittest.main()

#!/usr/bin/env python3
"""Serves the pages of the yardstick district, making those that are not there yet, each after its time.

	python3 tests/bench/pages.py FOLDER [--latency SECONDS] [--log FILE]

Prints `ready http://127.0.0.1:PORT` and serves until its standard input ends. Addresses are /1x and /10x with the data
and /token below them. The log is one JSON object per page: t and took in seconds, path.
"""

import argparse
import http.server
import json
import os
import sys
import threading
import time

import district


class Handler(http.server.BaseHTTPRequestHandler):
	protocol_version = "HTTP/1.1"
	disable_nagle_algorithm = True
	wbufsize = -1

	def do_POST(self):
		self.rfile.read(int(self.headers.get("Content-Length", "0")))
		if self.path.endswith("/token"):
			self.answer(200, district.TOKEN.encode(), [])
		else:
			self.answer(404, b"{}", [])

	def do_GET(self):
		server, began = self.server, time.monotonic()
		place = district.parse(self.path)
		if place is None:
			self.answer(404, b"{}", [])
			return
		name, table, limit, offset = place
		pages = server.pages[name]
		with open(pages.path(table, limit, offset), "rb") as f:
			body = f.read()
		server.stop.wait(server.latency - (time.monotonic() - began))
		self.answer(200, body, [("Content-Encoding", "gzip"), ("X-Total-Count", str(pages.total(table)))])
		if self.command == "GET":
			server.note(t=began - server.began, took=time.monotonic() - began, path=self.path)

	def do_HEAD(self):
		self.do_GET()

	def answer(self, status, body, headers):
		self.send_response_only(status)
		for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]:
			self.send_header(name, value)
		self.end_headers()
		if self.command != "HEAD":
			self.wfile.write(body)
		self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
	daemon_threads = True
	request_queue_size = 128

	def __init__(self, folder, latency, log):
		super().__init__(("127.0.0.1", 0), Handler)
		self.pages = {name: district.Pages(folder, name) for name in district.TIMES}
		self.latency, self.stop, self.began = latency, threading.Event(), time.monotonic()
		self.lock = threading.Lock()
		self.lines = open(log, "a", encoding="ascii", buffering=1) if log else None

	def note(self, **words):
		if self.lines:
			with self.lock:
				self.lines.write(json.dumps(words) + "\n")

	def handle_error(self, request, client_address):
		if not isinstance(sys.exc_info()[1], OSError):
			super().handle_error(request, client_address)


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("folder")
	parser.add_argument("--latency", type=float, default=0)
	parser.add_argument("--log")
	options = parser.parse_args()
	server = Server(options.folder, options.latency, options.log)
	threading.Thread(target=server.serve_forever, daemon=True).start()
	print(f"ready http://127.0.0.1:{server.server_address[1]}", flush=True)
	while os.read(0, 4096):
		pass
	return 0


if __name__ == "__main__":
	sys.exit(main())

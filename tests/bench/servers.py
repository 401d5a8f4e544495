"""The servers of the benchmark: nginx over the pages that were made, and pages.py, which makes them and takes its time."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import district
from district import COLLECTIONS, DATA

HERE = os.path.dirname(os.path.abspath(__file__))
WHERE = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"  # where programs for administrators are, too


class Failure(Exception):
	"""Why there is no result."""


def die_with_parent():
	"""In a new process: ends it when this one ends, however that comes about."""
	ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextlib.contextmanager
def running(command, **more):
	"""A process that ends with the block."""
	process = subprocess.Popen(command, preexec_fn=die_with_parent, **more)
	try:
		yield process
	finally:
		if process.poll() is None:
			process.terminate()
		try:
			process.wait(10)
		except subprocess.TimeoutExpired:
			process.kill()
			process.wait()


@contextlib.contextmanager
def page_server(folder, latency=0):
	"""pages.py: gives its address, and a function that gives the log of the pages since it was called last."""
	log = os.path.join(folder, f"pages-{latency}.log")
	with contextlib.suppress(FileNotFoundError):
		os.unlink(log)
	command = [sys.executable, os.path.join(HERE, "pages.py"), os.path.join(folder, "data"), "--log", log]
	command += ["--latency", str(latency)]
	with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
		line = process.stdout.readline().decode()
		if not line.startswith("ready "):
			raise Failure("pages.py did not start")
		with open(log, encoding="ascii") as lines:
			yield line.split()[1], lambda: [json.loads(entry) for entry in lines]


def free_ports(count):
	"""Ports that nobody has at this moment."""
	sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
	ports = [s.getsockname()[1] for s in sockets]
	for s in sockets:
		s.close()
	return ports


NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log off;
	sendfile on;
	tcp_nodelay on;
	keepalive_requests 1000000;
	keepalive_timeout 600;
	open_file_cache max=10000 inactive=600;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	types {{ }}
	default_type application/json;
	log_format protocol "$server_protocol";
	map $scheme $secure {{ https 1; default 0; }}
	map $uri $total {{
{totals}
	}}
	ssl_certificate {certificate};
	ssl_certificate_key {key};
	ssl_protocols TLSv1.2 TLSv1.3;
	server {{
		listen 127.0.0.1:{http};
		listen 127.0.0.1:{https} ssl http2;
		location ~ ^/(1x|10x){data}/([A-Za-z]+)$ {{
			alias {pages}/$1/pages/$2-$arg_limit-$arg_offset.json;
			gzip_static always;
			add_header X-Total-Count $total;
			access_log {folder}/protocols.log protocol buffer=64k if=$secure;
			error_page 404 =500 /absent;
		}}
		location ~ ^/whole-(1x|10x){data}/([A-Za-z]+)$ {{
			alias {pages}/$1/pages/$2.json;
			gzip_static always;
			add_header X-Total-Count $total;
		}}
		location ~ /token$ {{ return 200 '{token}'; }}
		location = /absent {{ return 500; }}
	}}
}}
"""


@contextlib.contextmanager
def nginx(folder, pages):
	"""nginx over the pages: gives its http address and its https address. What was not made before is answered 500."""
	own = os.path.join(folder, "nginx")
	os.makedirs(own, exist_ok=True)
	authority, certificate, key = district.sis.make_certificates(own, ["DNS:localhost", "IP:127.0.0.1"])
	http, https = free_ports(2)
	totals = "".join(f"\t\t/{prefix}{name}{DATA}/{table} {pages[name].total(table)};\n" for prefix in ("", "whole-")
		for name in pages for table in COLLECTIONS)
	with open(os.path.join(own, "nginx.conf"), "w", encoding="utf-8") as f:
		f.write(NGINX.format(folder=own, pages=os.path.join(folder, "data"), http=http, https=https, totals=totals,
			data=DATA, certificate=certificate, key=key, token=district.TOKEN, user="user root;" if os.getuid() == 0 else ""))
	binary = shutil.which("nginx", path=WHERE)
	if binary is None:
		raise Failure("nginx is missing")
	log = os.path.join(own, "error.log")
	with running([binary, "-p", own, "-e", log, "-c", os.path.join(own, "nginx.conf")]) as process:
		until = time.monotonic() + 10
		while process.poll() is None and time.monotonic() < until:
			with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", https), 1):
				yield f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", authority
				return
		with open(log, encoding="utf-8") as f:
			raise Failure("nginx did not start: " + f.read())

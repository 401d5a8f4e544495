#!/usr/bin/env python3
"""The page of `rosterzip report` in a real browser, a headless Chromium driven by its own protocol: it asks for nothing, has
nothing to complain about, fits a phone, is readable in light and in dark, and prints.

	ROSTERZIP=build/rosterzip python3 tests/cli/browser.py [--keep FOLDER]

--keep writes the pictures and the print of each page there, for people to look at.
"""

import argparse
import base64
import contextlib
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
import unittest
import zlib

from harness import need
from test_report import Report, csv_text, manifest

WIDTHS = {"wide": 1280, "narrow": 390, "small": 320}
SECONDS = 60  # for any one answer
KEEP = None

# The contrast of each text with what lies behind it, as WCAG 2 reckons, where it is less than asked for.
CONTRAST = """(() => {
	const part = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
	const color = text => text.match(/[\\d.]+/g).map(Number);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = color(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	const poor = [];
	for (const e of document.body.querySelectorAll('*')) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const style = getComputedStyle(e);
		if (['title', 'desc'].includes(e.tagName) || e.getClientRects().length === 0) continue;
		const a = light(color(e.ownerSVGElement ? style.fill : style.color)), b = light(behind(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) poor.push(`${e.tagName}.${e.getAttribute('class')} ${ratio.toFixed(2)}: ${e.textContent.slice(0, 30)}`);
	}
	return poor;
})()"""

# What sticks out of the window, and what is cut off: texts wider than the cell they are in.
OVERFLOW = """(() => {
	const width = document.documentElement.clientWidth, out = [];
	for (const e of document.body.querySelectorAll('*')) {
		const box = e.getBoundingClientRect();
		if (box.right > width + 0.5 && !e.closest('.scroll') && !e.closest('.unseen')) out.push(e.tagName + ' ' + box.right);
	}
	return {scroll: document.documentElement.scrollWidth, width, out};
})()"""

# Labels of a picture that lie on each other.
COLLISIONS = """(() => {
	const found = [];
	for (const svg of document.querySelectorAll('svg.columns')) {
		const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
		for (const [a, x] of texts) for (const [b, y] of texts)
			if (x !== y && x.left < y.right && y.left < x.right && x.top < y.bottom - 1 && y.top < x.bottom - 1) found.push(a + ' ' + b);
	}
	return found;
})()"""


class Browser:
	"""A Chromium with a profile of its own, spoken to over a pipe."""

	def __init__(self, folder):
		to_read, self.to = os.pipe()
		self.back, from_write = os.pipe()
		ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_read, from_write)]
		os.close(to_read)
		os.close(from_write)

		def place():
			os.dup2(ends[0], 3)
			os.dup2(ends[1], 4)
		self.said = open(os.path.join(folder, "chromium.log"), "wb")
		self.process = subprocess.Popen([need("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
			"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
			"--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
			"--user-data-dir=" + os.path.join(folder, "profile"), "about:blank"], pass_fds=(3, 4), preexec_fn=place,
			stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, env={**os.environ, "HOME": folder})
		for fd in ends:
			os.close(fd)
		self.number, self.rest, self.events = 0, b"", []
		target = self.ask("Target.createTarget", url="about:blank")["targetId"]
		self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
		for domain in ("Page", "Network", "Log", "Runtime", "Security"):
			self.ask(domain + ".enable")

	session = None

	def close(self):
		with contextlib.suppress(Exception):
			self.ask("Browser.close")
		with contextlib.suppress(subprocess.TimeoutExpired):
			self.process.wait(10)
		if self.process.poll() is None:
			self.process.kill()
			self.process.wait(10)
		os.close(self.to)
		os.close(self.back)
		self.said.close()

	def message(self, until):
		while b"\0" not in self.rest:
			if not select.select([self.back], [], [], max(0, until - time.monotonic()))[0]:
				raise AssertionError("the browser does not answer")
			piece = os.read(self.back, 1 << 20)
			if not piece:
				raise AssertionError("the browser ended")
			self.rest += piece
		message, _, self.rest = self.rest.partition(b"\0")
		return json.loads(message)

	def ask(self, method, **parameters):
		self.number += 1
		message = {"id": self.number, "method": method, "params": parameters}
		if self.session and not method.startswith(("Target.", "Browser.")):
			message["sessionId"] = self.session
		data = json.dumps(message).encode() + b"\0"
		while data:
			data = data[os.write(self.to, data):]
		until = time.monotonic() + SECONDS
		while True:
			answer = self.message(until)
			if answer.get("id") == self.number:
				if "error" in answer:
					raise AssertionError(f"{method}: {answer['error']}")
				return answer["result"]
			self.events.append(answer)

	def open(self, path, width, scheme="light"):
		"""Shows a page at a width; gives what was asked for and what was complained about."""
		self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
		self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
		self.events = []
		self.ask("Page.navigate", url="file://" + path)
		until = time.monotonic() + SECONDS
		while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
			self.events.append(self.message(until))
		self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
		requests = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
		complaints = [e for e in self.events if e.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled",
			"Runtime.exceptionThrown")]
		return requests, complaints

	def value(self, expression):
		answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
		if "exceptionDetails" in answer:
			raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
		return answer["result"].get("value")

	def picture(self):
		"""The whole page as PNG."""
		size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
		clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
		return base64.b64decode(self.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"])

	def printed(self):
		size = {"paperWidth": 8.27, "paperHeight": 11.69}  # A4, which is narrower than Letter
		return base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True, **size)["data"])


def colors(png):
	"""Width, height and how many different bytes a PNG has."""
	width, height = (int.from_bytes(png[at:at + 4], "big") for at in (16, 20))
	data, at = b"", 8
	while at < len(png):
		length = int.from_bytes(png[at:at + 4], "big")
		if png[at + 4:at + 8] == b"IDAT":
			data += png[at + 8:at + 8 + length]
		at += length + 12
	return width, height, len(set(zlib.decompress(data)))


class InBrowser(Report):
	"""Each page at each width."""

	def setUp(self):
		super().setUp()
		self.browser = Browser(self.folder)
		self.addCleanup(self.browser.close)

	def keep(self, name, data):
		if KEEP:
			os.makedirs(KEEP, exist_ok=True)
			with open(os.path.join(KEEP, name), "wb") as f:
				f.write(data)

	def look(self, name):
		for how, width in WIDTHS.items():
			for scheme in ("light", "dark"):
				with self.subTest(f"{name} {how} {scheme}"):
					requests, complaints = self.browser.open(self.html, width, scheme)
					self.assertEqual(requests, ["file://" + self.html])
					self.assertEqual(complaints, [])
					shape = self.browser.value(OVERFLOW)
					self.assertEqual(shape["out"], [])
					self.assertLessEqual(shape["scroll"], width)
					self.assertEqual(self.browser.value(COLLISIONS), [])
					self.assertEqual(self.browser.value(CONTRAST), [])
					png = self.browser.picture()
					self.assertEqual(colors(png)[0], width)
					self.assertGreater(colors(png)[2], 50, "nothing to see")
					self.keep(f"{name}-{how}-{scheme}.png", png)
		pdf = self.browser.printed()
		self.assertTrue(pdf.startswith(b"%PDF-"))
		self.keep(f"{name}.pdf", pdf)

	def test_district(self):
		old = self.district("--users", 4900, "--schools", 12, "--classes", 890, "--enrollments", 23400)
		new = self.district("--users", 5000, "--schools", 12, "--classes", 900, "--enrollments", 24000)
		new["users.csv"] = new["users.csv"].replace(b"\r\nTCH_", b"\r\nNEW_TCH_")
		self.page(self.pack(new), "--previous", self.pack(old, "OneRoster-20261121.zip"))
		self.look("district")

	def test_sample(self):
		self.page(self.pack(self.district()))
		self.look("sample")

	def test_hostile(self):
		"""Names without end and without a blank, numbers with many digits, errors, markup."""
		orgs = [{"sourcedId": f"{n}" * 60, "name": "Endless" * 40, "type": "school"} for n in range(1, 4)]
		orgs += [{"sourcedId": "s", "name": "<script>alert(1)</script><img src='x:y'>", "type": "school"},
			{"sourcedId": "d", "name": "District" * 30, "type": "district"}]
		sessions = [{"sourcedId": "t", "title": "Term" * 50, "type": "x" * 90, "startDate": "y" * 90, "endDate": "z" * 90}]
		users = [{"sourcedId": f"u{n}", "role": "student", "orgSourcedIds": "s", "grades": "09"} for n in range(12000)]
		classes = [{"sourcedId": f"c{n}", "schoolSourcedId": "s", "termSourcedIds": "t"} for n in range(15000)]
		enrollments = [{"sourcedId": f"e{n}", "classSourcedId": f"c{n % 12000}", "userSourcedId": f"u{n % 9000}",
			"role": "student"} for n in range(24000)]
		files = {"manifest.csv": manifest(dict.fromkeys(["orgs", "academicSessions", "users", "classes", "enrollments"], "bulk"),
			source_systemName="System" * 40)}
		for table, rows in (("orgs", orgs), ("academicSessions", sessions), ("users", users), ("classes", classes),
				("enrollments", enrollments)):
			files[table + ".csv"] = csv_text(table, rows)
		self.page(self.pack(files, "bundle" * 30 + ".zip"), "--previous", self.pack(files, "before" * 30 + ".zip"))
		self.look("hostile")

	def test_delta(self):
		rows = [{"sourcedId": f"u{n}", "status": "tobedeleted"} for n in range(9)]
		self.page(self.pack({"manifest.csv": manifest({"users": "delta"}), "users.csv": csv_text("users", rows)}))
		self.look("delta")


if __name__ == "__main__":
	parser = argparse.ArgumentParser()
	parser.add_argument("--keep")
	options, words = parser.parse_known_args()
	KEEP = options.keep
	sys.exit(not unittest.main(argv=sys.argv[:1] + words, exit=False).result.wasSuccessful())

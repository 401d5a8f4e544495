"""What export sends to a receiver and what it does not send again; what `deliver` makes up for; and what is refused
before the work begins. The receivers are folders, and a server that takes PUT requests on a thread of this process;
those of SFTP and FTPS have tests of their own."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from harness import PROGRAM, Case
from remotes import Sshd
from roster import Roster, RosterServer


class Receiver:
	"""A server that keeps what is PUT. refuse: a status to answer with; hold: an event to wait for before answering."""

	def __init__(self):
		receiver = self
		self.files, self.puts = {}, []
		self.refuse, self.hold, self.arrived = None, None, threading.Event()

		class Handler(http.server.BaseHTTPRequestHandler):
			protocol_version = "HTTP/1.1"

			def do_PUT(self):
				body = self.rfile.read(int(self.headers["Content-Length"]))
				receiver.puts.append((self.path, body))
				receiver.arrived.set()
				if receiver.hold:
					receiver.hold.wait(30)
				if not receiver.refuse:
					receiver.files[self.path] = body
				self.answer(receiver.refuse or 201)

			def do_HEAD(self):
				there = receiver.files.get(self.path)
				self.answer(404 if there is None else 200, len(there or b""))

			def answer(self, status, length=0):
				self.send_response(status)
				self.send_header("Content-Length", str(length))
				self.end_headers()

			def log_message(self, *_):
				pass

		self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.server.daemon_threads = True
		self.url = f"http://127.0.0.1:{self.server.server_port}/"
		threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

	def close(self):
		if self.hold:
			self.hold.set()
		self.server.shutdown()
		self.server.server_close()


class Delivering(Case):
	"""A test with a roster, its server, a folder and a server to deliver to."""

	def setUp(self):
		super().setUp()
		self.roster = Roster()
		self.server = RosterServer(self.roster)
		self.addCleanup(self.server.close)
		self.inbox = self.path("inbox")
		os.mkdir(self.inbox)
		self.delivered = os.path.join(self.inbox, "OneRoster.zip")
		self.night = 0

	def receiver(self):
		receiver = Receiver()
		self.addCleanup(receiver.close)
		return receiver

	# settings

	def configure(self, *bundles, name="eagle.conf", **top):
		"""A configuration file; each bundle is (name, settings). Without any: one without a section, to the inbox."""
		settings = {"url": self.server.url, "auth": "none", "state-dir": self.state, **top}
		if not bundles:
			settings = {**settings, "output": self.zip, "deliver": self.inbox + "/", **top}
		lines = [f"{key} = {value}" for key, value in settings.items() if value is not None]
		for bundle, own in bundles:
			lines += [f"[bundle {bundle}]"] + [f"{key} = {value}" for key, value in own.items()]
		return self.write(name, "\n".join(lines) + "\n")

	def two(self, **own):
		"""Two bundles with a receiver each."""
		return [(name, {"output": os.path.join(self.out_folder, name + ".zip"), "deliver": self.inbox + "/", **own})
			for name in ("math", "reading")]

	# runs

	def change(self):
		"""Another row, so that there is something to be published."""
		self.night += 1
		key = f"N{self.night:02d}"
		self.roster.add("courses", key, title=f"Night {self.night}", org={"sourcedId": "0"})
		now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
		self.roster.tables["courses"][key]["dateLastModified"] = now

	def run_export(self, config, *extra, expect=0, change=False):
		if change:
			self.change()
		self.server.show(self.roster)
		run = self.program(["export", "--config", config, "--report", self.report, *extra])
		self.assertEqual(run.code, expect, run.shown)
		if run.report_text is not None:
			self.assertEqual(run.report["exit-status"], expect)
		self.check_state()
		return run

	def deliver(self, *words, expect=0):
		run = self.program(["deliver", *words])
		self.assertEqual(run.code, expect, run.shown)
		self.check_state()
		return run

	def check_state(self):
		"""Nothing that others may read, nothing half done."""
		for place, _, names in os.walk(self.state):
			for name in names:
				path = os.path.join(place, name)
				self.assertEqual(os.stat(path).st_mode & 0o777, 0o600, path)
				self.assertFalse(name.startswith("."), path)
		self.assertFalse(any(name.startswith(".") for name in os.listdir(self.inbox)), os.listdir(self.inbox))

	# questions

	def record(self, name="bundle"):
		return os.path.join(self.state, "delivered", name + ".json")

	def waiting(self, name="bundle"):
		"""The deltas that are still to be sent, oldest first, by the names they were published under."""
		folder = os.path.join(self.state, "undelivered", name)
		names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
		return [entry.split("-", 2)[2] for entry in names]

	def assert_same(self, path, other):
		with open(path, "rb") as one, open(other, "rb") as two:
			self.assertEqual(hashlib.sha256(one.read()).hexdigest(), hashlib.sha256(two.read()).hexdigest())

	def assert_taken(self, run, state, index=0, **more):
		"""What the report says of a delivery."""
		delivery = run.report["bundles"][index]["delivery"]
		self.assertEqual(delivery["state"], state, run.shown)
		self.assertEqual(delivery["error"] is not None, state == "failed")
		for key, value in more.items():
			self.assertEqual(delivery[key], value, key)
		return delivery


class Once(Delivering):
	"""A full bundle, delivered when there is something new."""

	def test_delivered(self):
		config = self.configure()
		run = self.run_export(config)
		self.assert_same(self.delivered, self.zip)
		self.assertRegex(run.out, rf"\Apublished .*, delivered to {self.delivered}\n\Z")
		self.assertEqual(run.err, "")
		self.assert_taken(run, "delivered", place=self.delivered, bytes=os.path.getsize(self.zip), files=1, waiting=0,
			resumed=0, tries=1)
		with open(self.record(), encoding="utf-8") as f:
			record = json.load(f)
		self.assertEqual(record["delivered-bundle"], 1)
		self.assertEqual(record["place"], self.delivered)
		self.assertFalse(os.path.exists(os.path.join(self.state, "undelivered")))

	def test_unchanged(self):
		config = self.configure()
		self.run_export(config)
		os.unlink(self.delivered)  # a receiver takes it
		run = self.run_export(config)
		self.assertEqual(os.listdir(self.inbox), [])
		self.assertRegex(run.out, rf"\Aunchanged.*, delivered before to {self.delivered}\n\Z")
		self.assert_taken(run, "unchanged", bytes=0, files=0, tries=0)
		run = self.run_export(config, "--deliver-again")
		self.assert_same(self.delivered, self.zip)
		self.assert_taken(run, "delivered")
		os.unlink(self.delivered)
		self.run_export(config, change=True)
		self.assert_same(self.delivered, self.zip)

	def test_quiet(self):
		run = self.run_export(self.configure(), "--quiet")
		self.assertEqual((run.out, run.err), ("", ""))
		self.assertTrue(os.path.exists(self.delivered))

	def test_first_receiver(self):
		"""A bundle that gets a receiver later is sent although nothing changed; and so is one whose receiver moves."""
		self.run_export(self.configure(deliver=None))
		self.assertEqual(os.listdir(self.inbox), [])
		run = self.run_export(self.configure())
		self.assertRegex(run.out, r"\Aunchanged.*, delivered to ")
		other = self.path("inbox", "other")
		os.mkdir(other)
		run = self.run_export(self.configure(deliver=other))
		self.assert_same(os.path.join(other, "OneRoster.zip"), self.zip)
		self.run_export(self.configure(**{"deliver": other, "deliver-as": "Roster.zip"}))
		self.assert_same(os.path.join(other, "Roster.zip"), self.zip)
		run = self.run_export(self.configure(**{"deliver": other, "deliver-as": "Roster.zip"}))
		self.assert_taken(run, "unchanged")

	def test_dated_name(self):
		config = self.configure(**{"deliver-as": "eagle-%Y.zip", "output": os.path.join(self.out_folder, "%j-%Y.zip")})
		self.run_export(config)
		name, = os.listdir(self.inbox)
		self.assertRegex(name, r"\Aeagle-20\d\d\.zip\Z")
		self.assert_taken(self.run_export(config), "unchanged")

	def test_name_of_output(self):
		self.run_export(self.configure(output=os.path.join(self.out_folder, "eagle-%Y.zip")))
		self.assertEqual(os.listdir(self.inbox), os.listdir(self.out_folder))

	def test_file_address(self):
		self.run_export(self.configure(deliver=os.path.join(self.inbox, "Other.zip")))
		self.assertEqual(os.listdir(self.inbox), ["Other.zip"])

	def test_damaged_record(self):
		"""What cannot be understood is not known: it is sent rather than lost."""
		config = self.configure()
		self.run_export(config)
		for text in ("", "{", "[" * 5000, "{}", "null", '{"delivered-bundle": 99}', '{"delivered-bundle": 1, "target": 7}'):
			with self.subTest(text=text[:20]):
				with open(self.record(), "w", encoding="ascii") as f:
					f.write(text)
				os.unlink(self.delivered)
				self.assert_taken(self.run_export(config), "delivered")
				self.assert_same(self.delivered, self.zip)


class Later(Delivering):
	"""A delivery that failed, and who makes up for it."""

	def setUp(self):
		super().setUp()
		self.there = self.receiver()
		self.config = self.configure(deliver=self.there.url + "in/")
		self.target = "/in/OneRoster.zip"

	def fail(self, *extra, **how):  # pylint: disable=arguments-renamed
		if not how:
			return super().fail(*extra)
		self.there.refuse = 403
		run = self.run_export(self.config, *extra, expect=8, **how)
		self.there.refuse = None
		return run

	def assert_arrived(self, path=None):
		with open(path or self.zip, "rb") as f:
			self.assertEqual(self.there.files[self.target], f.read())

	def test_failed(self):
		run = self.fail(change=True)
		self.assertRegex(run.error, rf"\A{self.zip} is published, but not delivered: .*403")
		self.assertIn(f"rosterzip deliver --config {self.config}", run.error)
		self.assertRegex(run.out, r"\Apublished .*, not delivered to http://127.0.0.1")
		self.assertEqual(run.report["error"]["kind"], "delivery")
		self.assertTrue(run.report["bundles"][0]["published"])
		self.assertIsNone(run.report["bundles"][0]["error"])
		self.assert_taken(run, "failed", files=0, waiting=1, bytes=0)
		self.bundle()
		self.assertFalse(os.path.exists(self.record()))

	def test_next_export(self):
		self.fail(change=True)
		run = self.fail(change=False)
		self.assertRegex(run.error, rf"\A{self.zip} is unchanged, but not delivered: ")
		run = self.run_export(self.config)
		self.assert_arrived()
		self.assertRegex(run.out, r"\Aunchanged.*, delivered to ")
		self.assert_taken(run, "delivered")
		self.assert_taken(self.run_export(self.config), "unchanged")

	def test_deliver(self):
		"""The SIS is not asked, and its login data are not needed."""
		self.fail(change=True)
		self.configure(**{"deliver": self.there.url + "in/", "auth": "oauth2", "client-id": "eagle",
			"client-secret-file": "/nonexistent"})
		requests = len(self.server.log)
		run = self.deliver("--config", self.config)
		self.assertRegex(run.out, rf"\Adelivered to {self.there.url}in/OneRoster.zip: {os.path.getsize(self.zip)} bytes, ")
		self.assert_arrived()
		run = self.deliver("-c", self.config)
		self.assertRegex(run.out, r"\Anothing is waiting to be delivered to http:")
		self.assertEqual(len(self.there.puts), 2)
		self.assertEqual(len(self.server.log), requests)

	def test_deliver_fails(self):
		self.fail(change=True)
		self.there.refuse = 403
		run = self.deliver("-c", self.config, expect=8)
		self.assertIn("403", run.error)
		self.assertEqual(run.out, "")
		self.there.refuse = None
		self.deliver("-c", self.config, "--quiet")
		self.assert_arrived()

	def test_taken_away(self):
		"""The published file is gone, the bundle is not."""
		self.fail(change=True)
		shutil.move(self.zip, self.path("taken.zip"))
		self.deliver("-c", self.config)
		self.assert_arrived(self.path("taken.zip"))

	def test_copy_gone(self):
		"""The kept copy is gone: the published file serves, as long as it is what was published."""
		self.fail(change=True)
		os.unlink(os.path.join(self.state, "published", "bundle.zip"))
		shutil.copy(self.zip, self.path("kept.zip"))
		self.old_bundle()
		run = self.deliver("-c", self.config, expect=8)
		self.assertRegex(run.error, rf"{self.zip} is not there any more as it was published")
		shutil.copy(self.path("kept.zip"), self.zip)
		self.deliver("-c", self.config)
		self.assert_arrived()

	def test_newest(self):
		"""Of full bundles only the newest one counts."""
		self.fail(change=True)
		self.run_export(self.config, change=True)
		self.assert_arrived()
		self.assertEqual(len(self.there.puts), 2)

	def test_fetch_fails(self):
		"""A later night that gets nothing sends nothing, and says what is still to be done."""
		self.fail(change=True)
		before = len(self.there.puts)
		run = self.program(["export", "--config", self.config, "--url", "http://127.0.0.1:9/", "--retry-time", "0s",
			"--report", self.report])
		self.assertEqual(run.code, 5, run.shown)
		self.assertEqual(len(self.there.puts), before)
		self.assertEqual(len(run.warnings), 1, run.shown)
		self.assertRegex(run.warnings[0], r"still to be delivered to http://127.0.0.1:\d+.*rosterzip deliver --config ")
		self.deliver("-c", self.config)
		self.assert_arrived()

	def test_guard(self):
		"""The guard holds a bundle back; what was published before it is still to be sent, and told in the report."""
		self.fail(change=True)
		self.roster.remove_students(90)
		run = self.run_export(self.config, expect=6)
		self.assert_taken(run, "pending", waiting=1)
		self.assertTrue(any("still to be delivered" in text for text in run.warnings), run.shown)
		self.deliver("-c", self.config)
		self.assert_arrived()
		run = self.run_export(self.config, expect=6)
		self.assert_taken(run, "unchanged")

	def test_killed(self):
		"""Ended by a signal while sending: the bundle is published and still to be sent."""
		self.there.hold = threading.Event()
		self.change()
		self.server.show(self.roster)
		process = subprocess.Popen([PROGRAM, "export", "-c", self.config, "--report", self.report], env=self.environment(),
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
		process.arguments_shown = ["export"]
		self.addCleanup(self.stop, process)
		self.until("the PUT request", self.there.arrived.is_set, process=process)
		process.send_signal(signal.SIGTERM)
		run = self.finish(process)
		self.assertEqual(run.code, -signal.SIGTERM, run.shown)
		self.bundle()
		self.check_state()
		self.assertFalse(os.path.exists(self.record()))
		self.there.hold.set()
		self.there.hold = None
		self.deliver("-c", self.config)
		self.assert_arrived()

	def test_lock(self):
		"""An export is running: 7, at once or after the wait."""
		self.fail(change=True)
		self.there.hold = threading.Event()
		self.there.arrived.clear()
		process = subprocess.Popen([PROGRAM, "export", "-c", self.config, "--report", self.report], env=self.environment(),
			stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)
		process.arguments_shown = ["export"]
		self.addCleanup(self.stop, process)
		self.until("the PUT request", self.there.arrived.is_set, process=process)
		run = self.program(["deliver", "-c", self.config])
		self.assertEqual(run.code, 7, run.shown)
		self.assertRegex(run.error, "another run holds the lock")
		self.there.hold.set()
		run = self.finish(process)
		self.assertEqual(run.code, 0, run.shown)
		self.there.hold = None
		self.assertRegex(self.deliver("-c", self.config, "--lock-wait", "10s").out, "nothing is waiting")


class Several(Delivering):
	"""Bundles with receivers of their own."""

	def test_one_fails(self):
		"""Each gets its chance; the gravest failure is the result."""
		there = self.receiver()
		there.refuse = 403
		math, reading = self.two()
		math[1]["deliver"] = there.url
		config = self.configure(math, reading, ("archive", {"output": self.zip}))
		run = self.run_export(config, expect=8)
		self.assertRegex(run.error, r"\Abundle math: .*math.zip is published, but not delivered: ")
		self.assertEqual(os.listdir(self.inbox), ["reading.zip"])
		self.assert_taken(run, "failed", 0)
		self.assert_taken(run, "delivered", 1)
		self.assertIsNone(run.report["bundles"][2]["delivery"])
		self.assertEqual(len(run.out.splitlines()), 3)
		there.refuse = None
		run = self.deliver("-c", config)
		self.assertRegex(run.out, rf"\Amath: delivered to {there.url}math.zip: .*\nreading: nothing is waiting .*\n\Z")

	def test_both_fail(self):
		there = self.receiver()
		there.refuse = 403
		config = self.configure(*self.two(deliver=there.url))
		run = self.run_export(config, expect=8)
		errors = [line for line in run.lines if line.startswith("rosterzip: error: ")]
		self.assertEqual(len(errors), 2, run.shown)
		run = self.deliver("-c", config, expect=8)
		self.assertEqual(len(there.puts), 4)

	def test_again(self):
		"""A file that is named goes to the receiver of its bundle, whether it was sent or not."""
		config = self.configure(*self.two())
		self.run_export(config)
		for name in ("math.zip", "reading.zip"):
			for path in (os.path.join(self.out_folder, name), f"out/{name}"):
				os.unlink(os.path.join(self.inbox, name))
				run = self.deliver("-c", config, path)
				self.assertRegex(run.out, rf"\Adelivered {name} to {self.inbox}/{name}: ")
				self.assert_same(os.path.join(self.inbox, name), path if path[0] == "/" else self.path(path))
		self.assert_taken(self.run_export(config), "unchanged", 0)

	def test_older_file(self):
		"""A copy under the bundle's name elsewhere is of that bundle; after it the receiver has not got the newest."""
		config = self.configure(*self.two())
		self.run_export(config)
		os.mkdir(self.path("old"))
		old = shutil.copy(os.path.join(self.out_folder, "math.zip"), self.path("old", "math.zip"))
		self.run_export(config, change=True)
		self.deliver("-c", config, old)
		self.assert_same(os.path.join(self.inbox, "math.zip"), old)
		run = self.run_export(config)
		self.assert_taken(run, "delivered", 0)
		self.assert_taken(run, "unchanged", 1)

	def test_dated_file(self):
		"""The places of a dated output tell which bundle a file is of."""
		bundles = self.two()
		bundles[0][1]["output"] = os.path.join(self.out_folder, "math-%Y%m%d.zip")
		config = self.configure(*bundles)
		self.run_export(config)
		path = shutil.copy(os.path.join(self.out_folder, "reading.zip"), self.path("math-20240229.zip"))
		self.deliver("-c", config, path)
		self.assertIn("math-20240229.zip", os.listdir(self.inbox))

	def test_unknown_file(self):
		config = self.configure(*self.two())
		self.run_export(config)
		path = shutil.copy(os.path.join(self.out_folder, "math.zip"), self.path("other.zip"))
		run = self.deliver("-c", config, path, expect=2)
		self.assertRegex(run.error, "math, reading")

	def test_not_everybodys(self):
		"""The bundle of another is not sent to the only receiver there is; a file of no bundle is."""
		config = self.configure(self.two()[0], ("archive", {"output": self.zip}))
		self.run_export(config)
		run = self.deliver("-c", config, self.zip, expect=2)
		self.assertRegex(run.error, r"\[bundle archive\] publishes, which has no `deliver`")
		self.assertEqual(os.listdir(self.inbox), ["math.zip"])
		path = shutil.copy(self.zip, self.path("by-hand.zip"))
		self.deliver("-c", config, path)
		self.assertEqual(sorted(os.listdir(self.inbox)), ["by-hand.zip", "math.zip"])


class Deltas(Delivering):
	"""None of them may be lost, and they go in their order."""

	def setUp(self):
		super().setUp()
		self.there = self.receiver()
		self.config = self.deltas()

	def deltas(self, **more):
		return self.configure(**{"mode": "delta", "since": "last", "output": os.path.join(self.out_folder, "delta.zip"),
			"deliver": self.there.url, "deliver-as": "d-%Y.zip", **more})

	def contents(self):
		"""What arrived, request by request: the ids of the courses in it."""
		found = []
		for _, body in self.there.puts:
			path = self.path("arrived.zip")
			with open(path, "wb") as f:
				f.write(body)
			text = self.bundle(path).get("courses.csv", b"").decode()
			found.append([line.split(",")[0] for line in text.split("\r\n")[1:-1] if line.startswith("N")])
		return found

	def nights(self, count):
		"""So many nights at which the receiver takes nothing."""
		self.there.refuse = 403
		for _ in range(count):
			self.run_export(self.config, expect=8, change=True)
		self.there.refuse = None
		del self.there.puts[:]

	def test_queue(self):
		self.nights(3)
		self.assertEqual(self.waiting(), ["delta.zip"] * 3)
		run = self.deliver("-c", self.config)
		self.assertRegex(run.out, rf"\Adelivered to {self.there.url}d-20\d\d.zip: 3 files, ")
		found = self.contents()
		self.assertEqual([ids[-1:] for ids in found], [["N01"], ["N02"], ["N03"]])
		self.assertEqual(self.waiting(), [])
		self.assertFalse(os.path.exists(os.path.join(self.state, "undelivered")))
		self.assertRegex(self.deliver("-c", self.config).out, "nothing is waiting")

	def test_next_export(self):
		"""The next night brings them along, also one without a change of its own."""
		self.nights(2)
		run = self.run_export(self.config, change=True)
		self.assertEqual([ids[-1:] for ids in self.contents()], [["N01"], ["N02"], ["N03"]])
		self.assert_taken(run, "delivered", files=3, waiting=0)
		self.assertEqual(self.waiting(), [])

	def test_broken_off(self):
		"""What was sent is not sent again, and what comes after a failure is not sent before it."""
		self.nights(3)

		class Counting(list):
			def append(inner, item):  # pylint: disable=no-self-argument
				list.append(inner, item)
				self.there.refuse = 403 if len(inner) >= 2 else None

		self.there.puts = Counting()
		run = self.deliver("-c", self.config, expect=8)
		self.assertIn("403", run.error)
		self.assertEqual(self.waiting(), ["delta.zip"] * 2)
		self.there.puts, self.there.refuse = [], None
		self.deliver("-c", self.config)
		self.assertEqual([ids[-1:] for ids in self.contents()], [["N02"], ["N03"]])

	def test_damaged_record(self):
		"""The deltas do not hang on the record."""
		self.run_export(self.config, change=True)
		self.nights(2)
		with open(self.record(), "w", encoding="ascii") as f:
			f.write("garbage")
		self.deliver("-c", self.config)
		self.assertEqual([ids[-1:] for ids in self.contents()], [["N02"], ["N03"]])

	def test_base_first(self):
		"""A full bundle that was not delivered goes before the deltas that follow it."""
		self.config = self.deltas(mode="bulk", since=None)
		self.nights(1)
		self.config = self.deltas()
		self.nights(1)
		self.assertEqual(self.waiting(), ["delta.zip"] * 2)
		self.deliver("-c", self.config)
		found = self.contents()
		self.assertEqual([ids[-1:] for ids in found], [["N01"], ["N02"]])
		self.assertIn(b"users.csv", self.there.puts[0][1])

	def test_full_again(self):
		"""A full bundle takes the place of the deltas before it."""
		self.nights(2)
		self.config = self.deltas(mode="bulk", since=None)
		self.run_export(self.config, change=True)
		self.assertEqual(len(self.there.puts), 1)
		self.assertEqual(self.waiting(), [])
		self.assertFalse(os.path.exists(os.path.join(self.state, "undelivered")))

	def test_again(self):
		"""What was sent is sent once more as long as it is there; that it is gone is said."""
		self.run_export(self.config, change=True)
		del self.roster.tables["courses"]["N01"]  # nothing has changed of late then
		self.assert_taken(self.run_export(self.config), "unchanged")
		self.assert_taken(self.run_export(self.config, "--deliver-again"), "delivered")
		shown = len(self.there.puts)
		os.unlink(os.path.join(self.out_folder, "delta.zip"))
		run = self.run_export(self.config, "--deliver-again", expect=8)
		self.assertRegex(run.error, "delta.zip is not there any more as it was published")
		self.assertNotIn("rosterzip deliver", run.error)
		self.assertEqual(len(self.there.puts), shown)

	def test_warning(self):
		"""A name without a date: the receiver may miss one."""
		run = self.run_export(self.deltas(**{"deliver-as": "delta.zip"}), change=True)
		self.assertTrue(any("each delta overwrites the one before" in text for text in run.warnings), run.shown)
		run = self.run_export(self.deltas(), change=True)
		self.assertEqual(run.warnings, [])


class Sftp(Delivering):
	"""The whole way to an SFTP server, as a vendor has it."""

	def setUp(self):
		super().setUp()
		os.mkdir(self.path("sshd"))
		self.sshd = Sshd(self.path("sshd"))
		self.addCleanup(self.sshd.close)
		self.login = {"known-hosts": self.sshd.known_hosts(), "identity-file": self.sshd.keys.path("user")}

	def test_two_bundles(self):
		"""One connection after the other, and none for what is there already."""
		math, reading = self.two(deliver=self.sshd.url(self.inbox + "/"))
		reading[1].update({"identity-file": self.sshd.keys.path("locked_user"),
			"deliver-secret-file": self.write("passphrase", "open the door\n", 0o600)})
		config = self.configure(math, reading, **self.login)
		run = self.run_export(config)
		for name in ("math.zip", "reading.zip"):
			self.assert_same(os.path.join(self.inbox, name), os.path.join(self.out_folder, name))
		self.assertEqual(self.sshd.connections(), 2)
		place = self.assert_taken(run, "delivered", 0)["place"]
		self.assertRegex(place, rf"\Asftp://.*@127.0.0.1:{self.sshd.port}/.*/math.zip\Z")
		self.run_export(config)
		self.assertEqual(self.sshd.connections(), 2)
		self.run_export(config, change=True)
		self.assert_same(os.path.join(self.inbox, "math.zip"), os.path.join(self.out_folder, "math.zip"))

	def test_later(self):
		"""The vendor's folder is not there yet."""
		folder = os.path.join(self.inbox, "Home of Eagle")
		config = self.configure(**{"deliver": self.sshd.url(folder.replace(" ", "%20") + "/"), **self.login})
		run = self.run_export(config, expect=8)
		self.assertRegex(run.error, "is published, but not delivered: ")
		os.mkdir(folder)
		self.deliver("-c", config)
		self.assert_same(os.path.join(folder, "OneRoster.zip"), self.zip)

	def test_unknown_host(self):
		"""What would hinder a delivery is told before the SIS is asked."""
		config = self.configure(**{"deliver": self.sshd.url(self.inbox + "/"), "identity-file": self.login["identity-file"]})
		run = self.program(["export", "-c", config, "--report", self.report])
		self.assertEqual(run.code, 2, run.shown)
		self.assertEqual(self.server.log, [])


class ByHand(Delivering):
	"""deliver BUNDLE --deliver URL, without a configuration."""

	def setUp(self):
		super().setUp()
		self.old_bundle()

	def test_folder(self):
		run = self.deliver(self.zip, "--deliver", self.inbox)
		self.assertRegex(run.out, rf"\Adelivered OneRoster.zip to {self.delivered}: {os.path.getsize(self.zip)} bytes, "
			r"\d+\.\d s\n\Z")
		self.assert_same(self.delivered, self.zip)
		self.assertEqual(os.stat(self.delivered).st_mode & 0o777, 0o600)
		self.assertFalse(os.path.exists(self.state))

	def test_name(self):
		os.utime(self.zip, (1709208000, 1709208000))  # noon of 2024-02-29
		cut_off = os.path.join(self.inbox, ".eagle-20240228.zip.rosterzip-part")
		with open(cut_off, "wb") as f:
			f.write(b"half of the day before")
		self.deliver(self.zip, "--deliver", self.inbox + "/", "--deliver-as", "eagle-%Y%m%d.zip", "-q")
		self.assertEqual(os.listdir(self.inbox), ["eagle-20240229.zip"])

	def test_failure(self):
		there = self.receiver()
		there.refuse = 403
		run = self.deliver(self.zip, "--deliver", there.url, expect=8)
		self.assertIn("403", run.error)
		self.assertEqual(run.out, "")

	def test_usage(self):
		cases = [
			([], "BUNDLE is missing"),
			([self.zip], "`deliver` is missing"),
			(["--deliver", self.inbox], "BUNDLE is missing"),
			([self.path("none.zip"), "--deliver", self.inbox], "there is no file"),
			([self.out_folder, "--deliver", self.inbox], "is not a file"),
			([self.zip, self.zip, "--deliver", self.inbox], "one too many"),
			([self.zip, "--deliver", self.path("inbox", "x.zip"), "--deliver-as", "y.zip"], "`deliver-as` names the file"),
			([self.zip, "--deliver", self.inbox, "--deliver-as", "%D"], "gives no name of a file"),
			([self.zip, "--deliver", "http://eagle@127.0.0.1:9/", "--deliver-secret-file", self.path("none")], "none"),
		]
		for words, pattern in cases:
			with self.subTest(words=words):
				self.assertRegex(self.deliver(*words, expect=2).error, pattern)
		self.assertEqual(os.listdir(self.inbox), [])

	def test_help(self):
		out = self.deliver("--help").out
		self.assertLessEqual(len(out.splitlines()), 40)
		self.assertTrue(all(len(line) <= 80 for line in out.splitlines()), out)


class Wrong(Delivering):
	"""Settings that do not go together are told before the SIS is asked, with file and line."""

	def assert_refused(self, config, option, pattern):
		"""The message names the last line with that option."""
		with open(config, encoding="utf-8") as f:
			line = max(n for n, text in enumerate(f, 1) if text.startswith(option + " "))
		for command in (["export", "--report", self.report], ["deliver"]):
			run = self.program([*command, "--config", config])
			self.assertEqual(run.code, 2, run.shown)
			self.assertRegex(run.error, rf"{config}:{line}: {pattern}")
		self.assertEqual(self.server.log, [])
		self.assertEqual(os.listdir(self.inbox), [])

	def test_loose(self):
		config = self.configure(output=os.path.join(self.out_folder, "loose/"))
		self.assert_refused(config, "deliver", ".*`output` ends in a slash")

	def test_encrypted(self):
		secret = self.write("passphrase", "a fictional passphrase\n", 0o600)
		config = self.configure(("math", {"output": self.zip, "deliver": self.inbox, "encrypt": secret}))
		self.assert_refused(config, "encrypt", "`encrypt`")

	def test_two_names(self):
		config = self.configure(**{"deliver": self.delivered, "deliver-as": "Other.zip"})
		self.assert_refused(config, "deliver-as", "`deliver-as` names the file")

	def test_name_with_folder(self):
		self.assert_refused(self.configure(**{"deliver-as": "%D.zip"}), "deliver-as", ".*gives no name of a file")

	def test_without(self):
		"""In the section of a bundle without a receiver; above the sections they are for those that have one."""
		config = self.configure(("math", {"output": self.zip, "known-hosts": "/etc/hosts"}))
		self.assert_refused(config, "known-hosts", "`known-hosts` without `deliver`")
		config = self.configure(("archive", {"output": self.zip}), self.two()[0], **{"deliver-as": "Roster.zip"})
		self.run_export(config)
		self.assertEqual(os.listdir(self.inbox), ["Roster.zip"])

	def test_same_place(self):
		math, reading = self.two(**{"deliver-as": "Roster.zip"})
		self.assert_refused(self.configure(math, reading), "deliver", ".*to the same place")
		reading[1].update({"deliver": os.path.join(self.inbox, "math.zip")})
		del math[1]["deliver-as"], reading[1]["deliver-as"]
		self.assert_refused(self.configure(math, reading), "deliver", ".*to the same place")

	def test_nothing_to_ask(self):
		"""Nobody knows what is still to be sent without a state folder."""
		config = self.configure(**{"state-dir": None, "url": None})
		run = self.deliver("--config", config, expect=2)
		self.assertRegex(run.error, "`state-dir` is missing")
		run = self.deliver("--config", self.configure(deliver=None), expect=2)
		self.assertRegex(run.error, "`deliver` is missing")

	def test_state_of_url(self):
		"""The state folder is the one that an export derives from the address."""
		there = self.receiver()
		there.refuse = 403
		config = self.configure(**{"state-dir": None, "deliver": there.url})
		self.run_export(config, expect=8)
		there.refuse = None
		self.deliver("--config", config)
		self.assertEqual(len(there.files), 1)

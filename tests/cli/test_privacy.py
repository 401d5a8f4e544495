"""Nobody's data and no secret in what the program prints and writes for people: only in the bundles themselves.

Every value of every person of the fake district is looked for, in every form that a text may have it in.
"""

import json
import os
import re
import unittest
import urllib.parse
import urllib.request

import remotes
import snapshots
from harness import CLIENT_ID, EVERYTHING, SECRET, Case
from served import Served
from test_secrets import Issued, forms

SIZE = {"users": 80, "enrollments": 160, "with": "demographics,categories,lineItems,results,resources"}
NASTY = {"nasty": True, "dangling": 2, "district": {**SIZE, "seed": 4}}
# What of a record is not about people, or is a word of the standard.
IMPERSONAL = {"status", "dateLastModified", "type", "role", "roles", "href", "enabledUser", "sex", "grade", "grades",
	"schoolYear", "primary", "importance", "scoreStatus", "classType", "org", "orgs", "school", "terms", "term", "periods",
	"subjects", "subjectCodes", "location", "countryOfBirthCode", "stateOfBirthAbbreviation", "vendorId", "applicationId",
	"assignDate", "dueDate", "beginDate", "endDate", "scoreDate", "resultValueMin", "resultValueMax", "score", "course",
	"publicSchoolResidenceStatus", "schoolYearSourcedId", "gradingPeriod"}
IMPERSONAL = {name.lower() for name in IMPERSONAL}
BUNDLES = (".zip", ".csv")


def leaves(value, name=None):
	if isinstance(value, dict):
		for key, inner in value.items():
			if key.lower() not in IMPERSONAL:
				yield from leaves(inner, key)
	elif isinstance(value, list):
		for inner in value:
			yield from leaves(inner, name)
	elif isinstance(value, str):
		yield value


def words_of(text):
	"""The parts of a value that would give it away: whole, and without what was wrapped around it to be nasty."""
	plain = text.strip()
	yield plain
	yield from re.findall(r"[A-Za-z0-9_@.-]{6,}", plain)


class Privacy(Case):
	def setUp(self):
		super().setUp()
		self.known = set()
		self.secrets = {SECRET, "canary-bearer-0001", "canary-deliver-0002", "canary-header-0003", "canary-phrase-0004"}
		self.env = {"ROSTERZIP_BEARER_TOKEN": "canary-bearer-0001", "ROSTERZIP_DELIVER_SECRET": "canary-deliver-0002",
			"ROSTERZIP_HEADER": "X-Sample-Key: canary-header-0003"}
		self.metrics = self.path("rosterzip.prom")

	def people(self, scenario):
		"""Takes down all that the server will say of people."""
		server = Served({**scenario, "login": "none"})
		self.addCleanup(server.close)
		words = set()
		for table in EVERYTHING:
			if table in ("orgs", "academicSessions", "courseResources", "classResources"):
				continue
			query = urllib.parse.urlencode({"limit": 10000, "offset": 0})
			with urllib.request.urlopen(f"{server.url}/ims/oneroster/v1p1/{table}?{query}") as answer:
				for leaf in leaves(json.load(answer)):
					words.update(words_of(leaf))
		# Short numbers, and words without one, would be found in any text.
		self.known |= {word for word in words if len(word) >= 4 and re.search(r"\d", word) and not re.fullmatch(r"\d{4,5}", word)}
		self.known |= words & {"Sampletown", "Exampleville"}
		self.assertGreater(len(self.known), 300)

	def texts(self, run):
		"""All that a run gave out: its streams, and every file but the bundles and what the test wrote."""
		yield "stdout", run.out
		yield "stderr", run.err
		for place, folders, names in os.walk(self.folder):
			folders[:] = [name for name in folders if name != "servers"]
			for name in folders + names:
				yield "a name", name
			for name in names:
				path = os.path.join(place, name)
				if not name.endswith(BUNDLES) and path not in self.given:
					with open(path, "rb") as f:
						yield path, f.read().decode("utf-8", "replace")

	def check(self, run, code, sis=None, named=()):
		"""named are words that may be told."""
		self.assertEqual(run.code, code, run.shown)
		secrets = set().union(*map(forms, self.secrets | (sis.values if sis else set())))
		known = {word for word in self.known if not any(word in name for name in named)}
		known |= {json.dumps(word)[1:-1] for word in known}
		for where, text in self.texts(run):
			plain = urllib.parse.unquote(text) if "%" in text else ""
			for secret in secrets:
				self.assertNotIn(secret, text, where)
			told = sorted(word for word in known if word in text or word in plain)
			self.assertEqual(told, [], f"{where} tells of people: {told[:5]}\n{text[:3000]}")

	def program(self, arguments, env=None, **how):
		self.given = {self.secret_file, self.path("phrase"), self.path("run.conf")}
		return super().program([str(word) for word in arguments], {**self.env, **(env or {})}, **how)

	def config(self, bundles, *lines):
		return self.write("run.conf", "\n".join([f"url = {self.url}", f"client-id = {CLIENT_ID}",
			f"client-secret-file = {self.secret_file}", f"state-dir = {self.state}", f"report = {self.report}",
			f"metrics-file = {self.metrics}", "collections = " + ", ".join(EVERYTHING), *lines, bundles]))

	def bundles(self, *names, **more):
		text = ""
		for name in names:
			text += f"[bundle {name}]\noutput = {self.out_folder}/{name}.zip\n"
			text += "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in more.items())
		return text

	def test_export_in_all_its_words(self):
		"""Awkward values of every sort, bundles with filters, delivered, locked, published again."""
		self.people(NASTY)
		self.write("phrase", "canary-phrase-0004\n", 0o600)
		os.mkdir(self.path("inbox"))
		for form in ("text", "json"):
			with self.subTest(form):
				sis = Issued(self, **{"login": "aeries-v1", **NASTY})
				text = self.bundles("whole", deliver=self.path("inbox") + "/", checksum="yes")
				text += self.bundles("part", schools="994", encrypt=self.path("phrase"))
				config = self.config(text, "auth = aeries-v1", "dangling = drop", "metadata = auto",
					"allow-errors = field.required, field.enum, field.date", "fill = users.familyName=none")
				run = self.program(["export", "--config", config, "-v", "--log-format", form, "--max-drop", "100%"])
				self.check(run, 0, sis)
				self.assertGreater(len(run.lines), 20, "there was little to look at")
				self.assertIn("whole.zip", os.listdir(self.path("inbox")))

	def test_bundle_that_is_held_back(self):
		self.people({"district": SIZE})
		Issued(self, district=SIZE)
		self.check(self.program(["export", "--config", self.config(self.bundles("whole")), "-v"]), 0)
		less = {**SIZE, "users": 30, "enrollments": 30}
		for form, code, more in (("text", 6, ""), ("json", 6, ""), ("text", 3, "fill = none\n")):
			with self.subTest(form=form, code=code):
				scenario = {"district": less, **({"dangling": 5, "blank": {"users.familyName": 2}} if code == 3 else {})}
				self.people(scenario)
				sis = Issued(self, **scenario)
				run = self.program(["export", "--config", self.config(self.bundles("whole") + more), "-v", "--log-format", form])
				self.check(run, code, sis)
				self.assertEqual(sorted(os.listdir(os.path.join(self.state, "refused"))), ["whole.json", "whole.zip"])

	def test_server_that_repeats_what_it_was_asked(self):
		"""Pages cut in a row, errors with rows in them, answers that name the token."""
		self.people({"district": SIZE})
		words = '{"imsx_description":"user STU_100001 (Student1 Sample-1) is locked, key ' + SECRET + '"}'
		for do in ({"truncate_json": True}, {"cut": 0.5}, {"garbage": True}):
			with self.subTest(do):
				sis = Issued(self, faults=[{"match": "users", "do": do}], derived=False)
				self.check(self.program(["export", "--config", self.config(self.bundles("whole"), "retry-time = 1s"), "-v"]), 5,
					sis)
		sis = Issued(self, faults=[{"match": "users", "do": {"status": 418, "body": words}}], derived=False)
		run = self.program(["export", "--config", self.config(self.bundles("whole"), "retry-time = 0s"), "-v"])
		self.assertEqual(run.code, 5, run.shown)
		self.assertNotIn(SECRET, run.err + run.report_text)  # what the server says in words is passed on

	def test_other_commands(self):
		self.people(NASTY)
		sis = Issued(self, **NASTY)
		config = self.config(self.bundles("whole", dangling="keep", allow_errors="field.required, field.enum, field.date, "
			"ref.missing", metadata="auto"))
		self.check(self.program(["export", "--config", config]), 0, sis)
		bundle = os.path.join(self.out_folder, "whole.zip")
		files = self.bundle(bundle)
		files["users.csv"] = files["users.csv"].replace(b",true,", b",perhaps,", 20).replace(b",student,", b",pupil,", 9)
		files["enrollments.csv"] = b"".join(files["enrollments.csv"].splitlines(True)[:-20])
		other = self.path("other.zip")
		snapshots.store(files, other)
		ids = {line.split(",")[0] for data in files.values() for line in data.decode().splitlines()}
		for form in ([], ["--json"]):
			with self.subTest(form):  # the one command that tells of rows by their ids
				self.check(self.program(["validate", other, "-v", *form]), 3, named=ids)
				self.check(self.program(["validate", other, "--consumer", "st-math", *form]), 3, named=ids)
				self.check(self.program(["diff", bundle, other, "-v", *form]), 0)
				self.check(self.program(["doctor", "--config", config, "-v", *form]), 0, sis)
		self.check(self.program(["report", other, "--previous", bundle, "-o", self.path("page.html")]), 0)
		self.check(self.program(["report", bundle, "-o", self.path("page.html")]), 0)
		shown = self.program(["validate", other, "--show-values"])
		self.assertTrue(any(word in shown.out for word in self.known), "the test does not look for the right words")

	def test_delivery(self):
		"""Taken and refused, by servers that hear the password."""
		self.people({"district": SIZE})
		taken = remotes.Answers((200, {}, b""))
		denied = remotes.Answers((403, {}, b"no, canary-deliver-0002 is not for eagle"))
		folders = [self.path("servers", name) for name in ("ssh", "ftp", "other")]
		for folder in folders:
			os.makedirs(folder)
		ssh = remotes.Sshd(folders[0])
		right = remotes.Vsftpd(folders[1], "canary-deliver-0002")
		wrong = remotes.Vsftpd(folders[2], "another")
		for server in (taken, denied, ssh, right, wrong):
			self.addCleanup(server.close)
		known_hosts = ssh.known_hosts()
		for code, address, *more in (
				(0, taken.url("/in/?token=canary-header-0003", "eagle")), (8, denied.url("/in/")), (8, denied.url("/in/", "eagle")),
				(8, denied.url("/in/", "eagle"), "s3-region = us-east-1"), (8, ssh.url("/in/"), "known-hosts = " + known_hosts),
				(0, right.url(right.root + "/inbox/"), "ca-file = " + right.authority.ca),
				(8, wrong.url(wrong.root + "/inbox/"), "ca-file = " + wrong.authority.ca)):
			with self.subTest(address):
				sis = Issued(self, district=SIZE)
				config = self.config(self.bundles("whole", deliver=address), *more)
				self.check(self.program(["export", "--config", config, "-v"]), code, sis)
		self.check(self.program(["deliver", "--config", config, "-v"]), code)
		self.assertIn("Basic ", taken.requests[0][2]["Authorization"])
		self.assertIn("PASS", "".join(right.commands()))


if __name__ == "__main__":
	unittest.main()

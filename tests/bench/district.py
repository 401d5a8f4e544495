"""The yardstick district as pages: 53,000 users, 15,000 classes, 1,500 courses, 50 schools, 375,000 enrollments.

Its rows are those of the fake SIS (tests/server/sis.py), in order of sourcedId, with absolute addresses as real servers
write them: about 250 MB of JSON. They are made once and kept in a folder; a change of what makes them makes them anew:

	FOLDER/1x/rows/users.json, users.at   the rows with a comma between them; where each begins, 8 bytes each
	FOLDER/1x/pages/users-5000-0.json.gz  pages as they were asked for, limit and offset in their names
	FOLDER/1x/pages/users.json.gz         the whole collection as one page
	FOLDER/10x/...                        the same with ten times the enrollments

Everything is the same bytes whenever it is made.
"""

import array
import gzip
import hashlib
import json
import mmap
import os
import shutil
import sys
import threading
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(os.path.dirname(HERE), "server")
sys.path.insert(0, SERVER)

import sis  # noqa: E402

SIZE = {**sis.DISTRICT, "schools": 50, "users": 53000, "classes": 15000, "courses": 1500, "enrollments": 375000}
TIMES = {"1x": 1, "10x": 10}
COLLECTIONS = ["orgs", "academicSessions", "courses", "classes", "users", "enrollments"]
DATA = "/ims/oneroster/v1p1"
HREF = ('"~/ims/', '"https://sis.sample.example/aeries/ims/')
PIECE = 1 << 20
SAMPLE = 400  # rows of each collection that have to be the same, or all are made anew
LEVEL = 6


def district_of(times):
	size = {**SIZE, "enrollments": SIZE["enrollments"] * times}
	return sis.District(sis.Schemas(sis.SCHEMAS), size, sis.read_scenario(), set())


def fingerprint(times):
	"""Changes with this file, and with the rows as far as some of them tell."""
	with open(os.path.abspath(__file__), "rb") as f:
		stirred = hashlib.sha256(f.read())
	district = district_of(times)
	for table in COLLECTIONS:
		keys = district.keys(table)
		for k in keys[::max(1, len(keys) // SAMPLE)]:
			stirred.update(district.json(table, k).encode())
	return stirred.hexdigest()


def make(folder, names, say=lambda text: None):
	"""Makes the rows of these districts, the plain one first, unless they are there."""
	for name in names:
		mark, wanted = os.path.join(folder, name, "fingerprint"), fingerprint(TIMES[name])
		if os.path.exists(mark):
			with open(mark, encoding="ascii") as f:
				if f.read() == wanted:
					continue
		shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
		say(f"making the yardstick district, {SIZE['enrollments'] * TIMES[name]:,} enrollments")
		make_rows(folder, name, TIMES[name])
		with open(mark, "w", encoding="ascii") as f:
			f.write(wanted)


def make_rows(folder, name, times):
	rows = os.path.join(folder, name, "rows")
	os.makedirs(rows)
	os.makedirs(os.path.join(folder, name, "pages"))
	district = district_of(times)
	for table in COLLECTIONS:
		if times > 1 and table != "enrollments":  # these are the same
			for suffix in ("json", "at"):
				os.link(os.path.join(folder, "1x", "rows", f"{table}.{suffix}"), os.path.join(rows, f"{table}.{suffix}"))
			continue
		keys = sorted(district.keys(table), key=lambda k: district.row_id(table, k).encode())
		starts, at = array.array("Q"), 0
		with open(os.path.join(rows, table + ".json"), "wb") as f:
			for k in keys:
				row = (b"," if at else b"") + district.json(table, k).replace(*HREF).encode()
				starts.append(at + (at > 0))
				at += len(row)
				f.write(row)
		starts.append(at + 1)
		with open(os.path.join(rows, table + ".at"), "wb") as f:
			starts.tofile(f)


class Pages:
	"""The pages of one district: each is made when it is asked for the first time, and kept."""

	def __init__(self, folder, name):
		self.rows = os.path.join(folder, name, "rows")
		self.folder = os.path.join(folder, name, "pages")
		self.open = {}
		self.lock = threading.Lock()

	def collection(self, table):
		"""The bytes of the rows, and where each begins."""
		with self.lock:
			if table not in self.open:
				starts = array.array("Q")
				with open(os.path.join(self.rows, table + ".at"), "rb") as f:
					starts.frombytes(f.read())
				with open(os.path.join(self.rows, table + ".json"), "rb") as f:
					self.open[table] = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ), starts
			return self.open[table]

	def total(self, table):
		return len(self.collection(table)[1]) - 1

	def path(self, table, limit=None, offset=None):
		"""Where a page lies, compressed; the whole collection without limit."""
		name = table if limit is None else f"{table}-{limit}-{offset}"
		path = os.path.join(self.folder, name + ".json.gz")
		if not os.path.exists(path):
			self.write(path, table, limit, offset)
		return path

	def write(self, path, table, limit, offset):
		data, starts = self.collection(table)
		total = len(starts) - 1
		first = min(offset or 0, total)
		last = total if limit is None else min(first + limit, total)
		begin, end = starts[first], starts[last] - 1 if last > first else starts[first]
		squeeze = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
		beside = f"{path}.{threading.get_ident()}"
		with open(beside, "wb") as f:
			f.write(squeeze.compress(b'{"%s":[' % table.encode()))
			for at in range(begin, end, PIECE):
				f.write(squeeze.compress(data[at:min(end, at + PIECE)]))
			f.write(squeeze.compress(b"]}") + squeeze.flush())
		os.rename(beside, path)

	def plain(self, table, limit, offset):
		"""Where a page lies as it is when it is not compressed."""
		packed = self.path(table, limit, offset)
		path = packed[:-len(".gz")]
		if not os.path.exists(path):
			with gzip.open(packed) as source, open(path + ".new", "wb") as target:
				shutil.copyfileobj(source, target, PIECE)
			os.rename(path + ".new", path)
		return path


def parse(target):
	"""District, collection, limit and offset of the address of a page; None when it is none."""
	path, _, query = target.partition("?")
	name, _, table = path[1:].partition(DATA + "/")
	words = dict(pair.partition("=")[::2] for pair in query.split("&"))
	numbers = [words.get("limit", ""), words.get("offset", "")]
	if name not in TIMES or table not in COLLECTIONS or not all(n.isdigit() for n in numbers):
		return None
	return name, table, int(numbers[0]), int(numbers[1])


TOKEN = json.dumps({"access_token": "5ample", "token_type": "bearer", "expires_in": 3600})

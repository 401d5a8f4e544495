"""A server of one collection, as a plan (grammar.py) says: it answers one request after the other, and knows the truth.

Nothing in here knows the network or the program: Source.answer() takes an address and gives an Answer.
"""

import gzip
import hashlib
import json
import random
import urllib.parse

DATE = "2025-01-01T00:00:00.000Z"
PARTS = {"students": "student", "teachers": "teacher"}  # addresses that list a part of users
SCHOOLS = ["s1", "s2"]
ORGS = [("d1", "district"), ("s1", "school"), ("s2", "school"), ("p1", "department")]
FOREVER = 1 << 60

CURSORS = ("cursor link", "next", "nextLink", "@odata.nextLink", "links.next", "hasMore and cursor")
LONG = 8300  # more than a header line of the program's HTTP library may hold


class Row:
	"""One row of the collection, and from which request on it was there, and until which."""

	def __init__(self, table, key, number, deleted=False):
		self.id, self.born, self.died, self.deleted = key, 0, FOREVER, deleted
		self.word = f"word-{number}"
		row = {"sourcedId": key, "status": "tobedeleted" if deleted else "active", "dateLastModified": DATE}
		self.school = ORGS[number % 7 % 4 or 1][0]  # some rows belong to no school
		self.role = "administrator" if number % 5 == 3 else "teacher" if number % 3 == 1 else "student"
		if table == "users":
			row.update(enabledUser="true", role=self.role, username=self.word, givenName="A", familyName="B",
				orgs=[{"sourcedId": self.school}], userIds=[], agents=[], grades=[])
		elif table == "courses":
			row.update(title=self.word, courseCode="C", org={"sourcedId": self.school})
		else:
			row.update(role="teacher" if self.role == "administrator" else self.role, beginDate="2025-08-01",
				user={"sourcedId": self.word}, school={"sourcedId": self.school}, **{"class": {"sourcedId": "k1"}})
		self.json = json.dumps(row, separators=(",", ":")).encode()


class Answer:
	"""What is sent. cut: "cut", and the connection ends in the middle of the body; "close", and nothing is sent."""

	def __init__(self, status, headers=(), body=b"", cut=False, kind="application/json"):
		self.status, self.headers, self.body, self.cut, self.kind = status, list(headers), body, cut, kind


REASONS = {
	403: {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_codeMinor": "forbidden"},
	404: {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_codeMinor": "unknownobject"},
	400: {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_codeMinor": "invalid_selection_field"},
}
FAILURE = {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": "database timeout"}


def refusal(status):
	"""An answer that is no page: a status, or 200 with something that is no list of rows."""
	if status == "error object":
		return Answer(200, body=json.dumps(FAILURE).encode())
	if status == "html":
		return Answer(200, body=b"<html><title>Please wait</title></html>", kind="text/html")
	if status == "garbage":
		return Answer(200, body=b'{"users":[{"sourcedId":"a",,')
	if status == 204:
		return Answer(204)
	return Answer(status, body=json.dumps(REASONS.get(status, {"Message": "An error has occurred."})).encode())


class Source:
	"""The server of one walk. root is where it is reached, such as http://127.0.0.1:8000/w7."""

	def __init__(self, plan, root):
		self.plan, self.root = plan, root
		self.table = plan["table"]
		self.dice = random.Random(f"source {plan['number']}")
		self.asked = 0  # requests for the collection so far
		self.given = False  # the collection itself was given, not only parts of it
		self.gone = []  # rows that were there
		self.cursors = {}
		self.frozen = {}
		self.copy = None  # what a cache holds
		self.events = [tuple(event) for event in plan["mutate"]]
		self.make_rows()
		self.small = self.small_tables()

	# --- rows ---------------------------------------------------------------------------------------------------

	def make_rows(self):
		count = self.plan["rows"]
		numbers = list(range(count))
		if self.plan["order"] not in ("id", "sorted"):
			self.dice.shuffle(numbers)
		marked = set(self.dice.sample(range(count), min(count, self.plan["deleted"])))
		self.rows = [Row(self.table, f"r{10 * n:05}", n, n in marked) for n in numbers]
		self.hidden = set()
		if self.plan["filter"]:
			self.hidden = {self.rows[n].id for n in self.plan["hidden"] if n < count}
		twice = self.dice.sample(self.rows, min(count, self.plan["copies"]))
		for row in twice:
			self.rows.insert(self.dice.randrange(len(self.rows) + 1), row)
		kind = (self.plan["backends"] or {}).get("kind")
		self.lacking = set()  # of the second backend
		if kind == "rows" and count:
			self.lacking = {row.id for row in self.dice.sample(self.rows, min(count, self.dice.randint(1, 3)))}

	def move_rows(self):
		"""Rows come and go, before the request that is next is answered."""
		while self.events and self.events[0][0] <= self.asked:
			_, how, where = self.events.pop(0)
			if how == "delete" and self.rows:
				row = self.rows.pop(int(where * len(self.rows)))
				self.rows = [other for other in self.rows if other is not row]
				row.died = self.asked
				self.gone.append(row)
			elif how == "insert":
				place = int(where * (len(self.rows) + 1))
				number = 10 * self.plan["rows"] + self.asked
				before = int(self.rows[place - 1].id[1:6]) if place else 0
				row = Row(self.table, f"r{before:05}.{number}", number)
				row.born = self.asked
				self.rows.insert(place, row)

	def listed(self, limit, start, backend):
		"""The rows in the order in which this request sees them; None for one that is hidden after paging."""
		rows = self.rows
		if self.plan["filter"] == "before":
			rows = [row for row in rows if row.id not in self.hidden]
		if backend and self.lacking:
			rows = [row for row in rows if row.id not in self.lacking]
		order = self.plan["order"]
		seed = {"by limit": limit, "by offset": start, "each time": self.asked, "shuffled": "all"}.get(order)
		if backend and (self.plan["backends"] or {}).get("kind") == "orders":
			seed = "other"
		if seed is not None:
			rows = sorted(rows, key=lambda row: hashlib.md5(f"{seed} {row.id}".encode()).digest())
		if self.plan["filter"] == "after":
			rows = [None if row.id in self.hidden else row for row in rows]
		return rows

	def states(self):
		"""What a bundle must hold, what it may hold, and the states that it may be as a whole; ids."""
		seen = {row.id: row for row in [*self.rows, *self.gone]
			if not row.deleted and row.id not in self.hidden}
		must = {key for key, row in seen.items() if row.born == 0 and row.died == FOREVER}
		if self.plan["backends"] and not self.strict_backends():
			must -= self.lacking
		states = None
		if self.lacking and self.strict_backends():
			states = [set(seen), set(seen) - self.lacking]
			must -= self.lacking
		return must, seen, states

	def strict_backends(self):
		"""Rows of two backends that are mixed are seen by paging of a fixed order; cursors cannot show it."""
		return self.plan["paging"] == "offset" and not self.plan["mutate"]

	# --- answers ------------------------------------------------------------------------------------------------

	def small_tables(self):
		"""Collections that are none of this walk's business, and parts of its own one."""
		return {"orgs": [{"sourcedId": key, "status": "active", "dateLastModified": DATE, "name": key, "type": kind,
			"identifier": key} for key, kind in ORGS]}

	def answer(self, address):
		"""The answer to GET address."""
		parts = urllib.parse.urlsplit(address)
		query = dict(urllib.parse.parse_qsl(parts.query))
		path = parts.path.split("/v1p1/")[-1]
		if path == self.table:
			return self.dressed(self.collection(address, query))
		return self.other(path, query)

	def other(self, path, query):
		start, size = int(query.get("offset", 0)), int(query.get("limit", 100))
		if path in self.small:
			return Answer(200, body=json.dumps({path: self.small[path][start:start + size]}).encode())
		rows = [row for row in self.rows if row.id not in self.hidden]
		names = path.split("/")
		if self.plan["parts"] and self.table == "users" and path in PARTS:
			return self.part(path, [row for row in rows if row.role == PARTS[path]], start, size)
		if self.plan["parts"] and len(names) == 3 and names[0] == "schools" and names[2] == self.table:
			return self.part(self.table, [row for row in rows if row.school == names[1]], start, size)
		return refusal(404)

	@staticmethod
	def part(name, rows, start, size):
		body = b",".join(row.json for row in rows[start:start + size])
		return Answer(200, [("X-Total-Count", str(len(rows)))], b'{"%s":[%s]}' % (name.encode(), body))

	def collection(self, address, query):
		self.asked += 1
		self.move_rows()
		fault = self.fault_of_request()
		if fault is not None and not fault["headers"]:
			return self.broken(fault, None)
		if "sort" in query and self.plan["sort"] in (400, 500):
			body = {**REASONS[400], "imsx_codeMinor": "invalid_sort_field"}
			return Answer(self.plan["sort"], body=json.dumps(body).encode())
		cache = self.plan["cache"]
		if cache and self.copy and (not cache["refresh"] or self.asked < self.copy[0] + cache["refresh"]):
			page = self.copy[1]
		else:
			page = self.page(address, query)
			self.copy = (self.asked, page)
		if fault is None and isinstance(page, dict):
			fault = self.fault_of_place(page)
		if fault is not None:
			return self.broken(fault, page)
		if not isinstance(page, dict):
			return page
		self.given = True
		return self.written(page)

	def backend(self):
		plan = self.plan["backends"]
		if not plan:
			return 0
		return self.asked % 2 if plan["turn"] == "alternate" else self.dice.randrange(2)

	def page(self, address, query):
		"""The page as a dict of what it says, or an Answer that is no page."""
		plan, paging = self.plan, self.plan["paging"]
		limit = max(1, int(query.get("limit", 100)))
		size = plan["fixed"] or min(limit, plan["cap"] or limit)
		offset = int(query.get("offset", 0))
		token = query.get("cursor")
		start = {"offset": offset, "page": size * (int(query.get("page", 1)) - 1), "whole": offset * size,
			"rounded": offset - offset % size, "from 1": max(0, offset - 1)}.get(paging, 0)
		rows = self.listed(limit, start, self.backend())
		if token is not None:
			found = self.follow(token, rows)
			if found is None:
				return refusal(plan["expire"])
			start, rows = found
		elif paging in CURSORS and plan["cursor"] == "snapshot":
			rows = list(rows)
		if paging == "all":
			size = max(1, len(rows))
		if plan["window"] and start + size > plan["window"]:
			return refusal(400)
		behind = start >= len(rows) and start > 0
		if behind and plan["end"] == "last page":
			start, behind = max(0, (len(rows) - 1) // size * size), False
		elif behind and plan["end"] == "last row":
			start, behind = max(0, len(rows) - 1), False
		if behind and plan["end"] in (204, 400, 404, 410, "error object"):
			return refusal(plan["end"])
		window = rows[start:start + size]
		return {"address": address, "query": query, "start": start, "size": size, "rows": [r for r in window if r],
			"all": rows, "window": window, "more": start + size < len(rows), "behind": behind, "asked": self.asked}

	# --- cursors ------------------------------------------------------------------------------------------------

	def mint(self, page):
		"""A cursor for the page behind this one."""
		kind, at = self.plan["cursor"], page["start"] + page["size"]
		token = hashlib.md5(f"{self.plan['number']} {self.asked} {at}".encode()).hexdigest()
		last = next((row for row in reversed(page["window"]) if row), None)
		if kind == "keyset" and last is not None:
			self.cursors[token] = ("key", last.id, self.generation)
		else:
			self.cursors[token] = ("at", at, self.generation)
		self.frozen[token] = page["all"] if kind == "snapshot" else None
		return token

	generation = 0

	def cut_off(self):
		"""The program was killed: cursors do not live so long, if the plan says so."""
		self.generation += 1

	def follow(self, token, rows):
		if token not in self.cursors:
			return None
		kind, where, generation = self.cursors[token]
		if self.plan["expire"] and generation != self.generation:
			return None
		rows = self.frozen[token] or rows
		if kind == "at":
			return where, rows
		return next((n for n, row in enumerate(rows) if row and row.id > where), len(rows)), rows

	# --- what a page says ---------------------------------------------------------------------------------------

	def total(self, page):
		rows = [row for row in page["all"] if row]
		kind = self.plan["total"]
		if kind == "capped":
			return min(len(rows), self.plan["total_number"])
		if kind == "changing":
			return len(rows) + page["asked"] % 3
		return {"right": len(rows), "page": len(page["rows"]), "before filter": len(rows) + len(self.hidden),
			"active": sum(not row.deleted for row in rows), "zero": 0,
			"wrong": max(0, len(rows) + self.plan["total_number"])}[kind]

	def leads_on(self, page):
		"""Whether the page says that there is another one."""
		link, first = self.plan["link"], page["start"] == 0
		if link == "always":
			return True
		if link == "middle":
			return page["more"] and not first
		if link == "missing":
			return page["more"] and page["start"] // page["size"] != 1
		if link == "more":
			return page["more"] or not page["behind"]
		return page["more"]

	def next_address(self, page):
		paging, query = self.plan["paging"], dict(page["query"])
		path = urllib.parse.urlsplit(page["address"]).path
		query.pop("cursor", None)
		behind = page["start"] + page["size"] + (1 if self.plan["link"] == "far" else 0)
		if self.plan["fixed"]:
			query.pop("limit", None)
		else:
			query["limit"] = page["size"]
		if paging in CURSORS:
			query.pop("offset", None)
			query["cursor"] = self.mint(page)
		elif paging == "page":
			query.pop("offset", None)
			query["page"] = page["start"] // page["size"] + 2
		else:
			query["offset"] = {"whole": behind // page["size"], "from 1": behind + 1}.get(paging, behind)
		return path, urllib.parse.urlencode(query)

	def next_link(self, page):
		"""The address of the next page, as this server writes it."""
		path, query = self.next_address(page)
		host = self.root.split("/")[2]
		link = self.plan["link"]
		if link == "relative":
			return f"{path}?{query}"
		if link == "long":
			query += "&state=" + "x" * LONG
		if link == "blank":
			query += "&name=a b"
		scheme = "https" if link == "scheme" else "http"
		host = {"foreign": "inner.example", "user": "user:word@" + host}.get(link, host)
		return f"{scheme}://{host}{path}?{query}"

	def written(self, page, rows=None):
		plan, headers, members = self.plan, [], {}
		rows = page["rows"] if rows is None else rows
		paging = plan["paging"]
		if plan["total"] != "none":
			if plan["total_place"] == "header":
				headers.append(("X-Total-Count", str(self.total(page))))
			else:
				members["totalCount"] = self.total(page)
		if plan["link"] != "none" and self.leads_on(page):
			self.add_next(self.next_link(page), paging, headers, members)
		self.add_signs(page, members)
		return Answer(200, headers, self.body(page, rows, members))

	def add_next(self, target, paging, headers, members):
		if paging == "links.next":
			members["links"] = {"next": target}
		elif paging == "hasMore and cursor":
			members["hasMore"] = True
			members["nextCursor"] = urllib.parse.parse_qs(target.split("?", 1)[1])["cursor"][0]
		elif paging in CURSORS and paging != "cursor link":
			members[paging] = target
		elif self.plan["link"] == "cut":
			headers.append(("Link", f'<{target}; rel="next"'))
		else:
			headers.append(("Link", f'<{target}>; rel="next"'))

	def add_signs(self, page, members):
		sign = self.plan["sign"]
		if sign == "hasMore":
			members.setdefault("hasMore", page["more"])
		elif sign == "pages":
			members["page"] = page["start"] // page["size"] + 1
			members["totalPages"] = -(-len(page["all"]) // page["size"])
		elif sign == "total":
			members["total"] = len([row for row in page["all"] if row])

	def body(self, page, rows, members):
		"""The JSON: the list under the name of the collection, or as the plan likes it."""
		end, shape = self.plan["end"] if page["behind"] else None, self.plan["wrapper"]
		lists = {{"data": "data"}.get(shape, self.table): rows}
		if shape == "two lists":
			lists = {"students": [row for row in rows if row.role == "student"],
				"staff": [row for row in rows if row.role != "student"]}
		texts = [b'"%s":[%s]' % (name.encode(), b",".join(row.json for row in some)) for name, some in lists.items()]
		if shape == "array" or end == "[]":
			return b"[%s]" % b",".join(row.json for row in rows)
		if end == "null":
			texts = [b'"%s":null' % name.encode() for name in lists]
		elif end == "{}":
			texts = []
		texts += [json.dumps({name: value})[1:-1].encode() for name, value in members.items()]
		return b"{%s}" % b",".join(texts)

	def dressed(self, answer):
		"""The same in another dress: none of it changes what is said."""
		dress = self.plan["dress"]
		if answer.body and answer.kind == "application/json":
			if "bom" in dress:
				answer.body = b"\xef\xbb\xbf" + answer.body
			if "blanks" in dress:
				answer.body += b" \r\n\n"
			if "gzip" in dress:
				answer.body = gzip.compress(answer.body, 1)
				answer.headers.append(("Content-Encoding", "gzip"))
		if "chunked" in dress and not answer.cut and answer.status != 204:
			answer.headers.append(("Transfer-Encoding", "chunked"))
		return answer

	# --- faults -------------------------------------------------------------------------------------------------

	def fault_of_request(self):
		for fault in self.plan["faults"]:
			if "at" in fault and fault["at"] <= self.asked < fault["at"] + fault["times"]:
				return fault
		return None

	def fault_of_place(self, page):
		for fault in self.plan["faults"]:
			if "place" in fault and page["start"] >= fault["place"]:
				return fault
		return None

	def broken(self, fault, page):
		"""What comes in place of a page. A page: what stands around it is still that of the page."""
		kind, name = fault["kind"], self.table.encode()
		page = page if isinstance(page, dict) else None
		if kind in ("null", "{}", "empty"):
			body = {"null": b'{"%s":null}' % name, "{}": b"{}", "empty": b'{"%s":[]}' % name}[kind]
			return Answer(200, self.written(page).headers if page else (), body)
		if kind == "failure":
			rows = page["rows"] if page else [row for row in self.rows if row.id not in self.hidden][:3]
			body = [row.json for row in rows[:len(rows) // 2]]
			return Answer(200, body=b'{"%s":[%s],%s}' % (name, b",".join(body), json.dumps(FAILURE)[1:-1].encode()))
		if kind in ("cut", "close"):
			answer = self.written(page) if page and kind == "cut" else Answer(200, body=b'{"%s":[]}' % name)
			answer.cut = kind
			return answer
		return refusal(kind)

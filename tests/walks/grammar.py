"""What a walk is made of. Walk N is the same for ever: its plan is made from the number alone.

A plan says everything about one server and how it is read (DEFAULTS has all words). Three questions about it are
answered before anything runs, from the plan alone:
  blind()   whether nobody could find out that rows are missing: such plans are not made;
  proof()   whether the server's way of paging allows a proof, so that the truth and exit 0 are demanded. "must" is
            demanded; "should" is counted only; None demands nothing, as the server contradicts itself or hides an end.
  retried() what the run has to bear, to give it enough patience.
"""

import random

DEFAULTS = {
	"number": 0,          # the seed of whatever the server draws; the number of the walk
	"table": "courses", "rows": 25, "page_size": 10, "parallel": 1,
	"allow_empty": False,  # the run is told that the collection may be empty
	"parts": False,        # other addresses list parts of it, such as students and teachers
	# How a page is asked for: offset; page (links with page=N); whole (offset counts pages); rounded (offset is rounded down
	# to whole pages); from 1 (the first row has offset 1); one of CURSORS; all (everything at once); ignored (the first page
	# whatever is asked for)
	"paging": "offset",
	"cap": None,           # no page has more rows
	"fixed": None,         # every page has so many rows, whatever is asked for
	"window": None,        # offset and limit together may not be more (400)
	"cursor": "position",  # what a cursor stands for: position, keyset (behind this id), snapshot
	"expire": 404,         # what a cursor gets that was lost in a kill; None: they are not lost
	# Behind the last row: empty, null, {}, [], 204, 400, 404, 410, error object, last page, last row
	"end": "empty",
	# Stated: none, right, page (its rows), capped (at total_number), before filter, active (rows that are not deleted), zero,
	# wrong (by total_number), changing; in a header or in the body
	"total": "none", "total_place": "header", "total_number": 0,
	# To the next page: none, right, relative; foreign, scheme (https for http), user, blank (with one in it),
	# cut, long: not to be followed; always (at the end too), middle (not on the first page), missing (not on the second),
	# more (leads behind the end), far (over a row)
	"link": "none",
	"sign": "none",        # in the body: hasMore, pages (page and totalPages), total
	"filter": None,        # hidden rows (places) are taken out: before paging, after it
	"hidden": [],
	"deleted": 0,          # rows marked tobedeleted
	"copies": 0,           # rows listed twice
	"order": "id",         # id, natural, shuffled, by limit (another for each), by offset, each time
	"sort": None,          # what asking for an order gets: None (not listened to), 400, 500
	"cache": None,         # the same answer for every query; fetched again after so many requests (refresh), 0: never
	"backends": None,      # two, of other rows or orders, that take turns
	"faults": [],          # {kind, headers: those of the page are kept, and at and times, or place}
	"mutate": [],          # [at which request, delete or insert, where: 0 to 1]
	"read_twice": False,   # the user does not want totals to be believed, but a second reading
	"kill": None,          # the program is killed at this request, and goes on with --resume
	"wrapper": "name",     # name, data, array, two lists
	"dress": [],           # bom, blanks, gzip, chunked
}

CURSORS = ("cursor link", "next", "nextLink", "@odata.nextLink", "links.next", "hasMore and cursor")
OFFSETS = ("offset", "whole", "rounded", "from 1")
USABLE = ("right", "relative")        # a next link that can be followed as it stands
HONEST = (*USABLE, "foreign", "scheme")  # tells the truth, though not how to get there
UNUSABLE = ("foreign", "scheme", "user", "blank", "cut", "long")
UNSTABLE = ("by limit", "by offset", "each time")
LOOKS_LIKE_END = ("empty", "null", "{}", 204, 404, 400)
PASSING = (503, 429, 401, "cut", "close", "garbage", 500)  # trouble that asking again has to settle


class Walk:
	"""One plan."""

	def __init__(self, number=0, plan=None):
		self.number = number
		self.plan = dict(DEFAULTS, **plan) if plan is not None else self.draw(number)

	def __getitem__(self, word):
		return self.plan[word]

	def different(self):
		"""What is not as usual: tells a plan in short."""
		return {word: value for word, value in self.plan.items() if value != DEFAULTS[word]}

	# --- by chance ----------------------------------------------------------------------------------------------

	def draw(self, number):
		"""Draws plans until one is not blind: the same for each number."""
		for attempt in range(1000):
			self.dice = random.Random(f"walk {number}.{attempt}")
			self.plan = dict(DEFAULTS, number=number)
			self.wild = self.one(0, 0, 0.3, 0.3, 0.6, 1)
			for part in (self.size, self.paging, self.witnesses, self.rows, self.between, self.troubles, self.dress):
				part()
			if not self.blind():
				return self.plan
		raise AssertionError("every plan is blind")

	def chance(self, share):
		return self.dice.random() < share

	def odd(self, share):
		"""The same for what is out of the ordinary."""
		return self.chance(share * self.wild)

	def one(self, *choices):
		return self.dice.choice(choices)

	def mostly(self, usual, odd):
		"""One of the usual ways, or, the wilder the walk the more often, of the odd ones."""
		return self.dice.choice(odd if self.odd(0.6) else usual)

	def set(self, **words):
		assert words.keys() <= DEFAULTS.keys()
		self.plan.update(words)

	def size(self):
		"""Few rows and small pages: most of what goes wrong does so at a border."""
		page = self.one(1, 2, 3, 4, 5, 7, 10, 10, 20)
		pages = self.one(0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12)
		rows = max(0, page * pages + self.one(-1, 0, 0, 0, 1, self.dice.randrange(page)))
		if rows == 0 and self.chance(0.7):
			rows = page
		self.set(rows=rows, page_size=page, parallel=self.one(1, 1, 2, 4, 8),
			table=self.one("courses", "courses", "users", "enrollments"))
		self.set(allow_empty=rows == 0 or self.chance(0.3), parts=self["table"] != "courses" and self.chance(0.7))

	def paging(self):
		"""How pages are asked for, how large they are, and what comes behind the last one."""
		self.set(paging=self.mostly(["offset"] * 7 + ["cursor link", "cursor link", "page", "rounded", "whole", "all"],
			["from 1", *CURSORS, "ignored"]))
		if self.chance(0.2):
			self.set(cap=self.dice.randint(1, max(1, self["page_size"])))
		elif self.chance(0.12):
			self.set(fixed=self.dice.randint(1, 2 * self["page_size"]))
		if self.odd(0.1) and self["rows"] > 3:
			self.set(window=self.dice.randint(self["rows"] // 2, self["rows"] + self.size_of_page()))
		self.set(cursor=self.one("position", "keyset", "snapshot"), expire=self.one(None, 404, 404, 400, 410, 204))
		self.set(end=self.mostly(["empty", "empty", "null", 404, 400, 204],
			["{}", "[]", 410, "error object", "last page", "last row"]))

	def witnesses(self):
		"""What the server says of how many rows there are, and whether more follow."""
		self.set(total=self.mostly(["none", "right"],
			["page", "capped", "before filter", "active", "zero", "wrong", "changing"]))
		self.set(total_place=self.one("header", "header", "body"))
		if self["total"] == "capped":
			self.set(total_number=self.size_of_page() * self.dice.randint(1, 3))
		elif self["total"] == "wrong":
			self.set(total_number=self.one(-self.size_of_page(), -1, 1, self.size_of_page()))
		links = ["right", "right", "relative"]
		if not self.by_address():
			links += ["none"] * 4 + ["foreign", "scheme"]
		self.set(link=self.mostly(links, ["always", "middle", "missing", "more", "far", *UNUSABLE]))
		if self["total"] not in ("none", "right") and self.chance(0.3):
			self.set(read_twice=True)
		if self.odd(0.3):
			self.set(sign=self.one("hasMore", "pages", "total"))

	def rows(self):
		"""In which order, and which of them are not to be seen."""
		self.set(order=self.mostly(["id", "id", "natural", "shuffled"], UNSTABLE))
		if self["paging"] in CURSORS and self["cursor"] == "keyset":
			self.set(order="id")
		if self.odd(0.15):
			self.set(sort=self.one(400, 400, 500))
		count = self["rows"]
		if self.chance(0.15) and count > 2:
			run = self.dice.randint(1, max(1, min(count - 1, 2 * self.size_of_page())))
			begin = self.dice.randrange(count - run + 1)
			hidden = set(range(begin, begin + run)) | set(self.dice.sample(range(count), min(2, count)))
			self.set(filter=self.one("before", "after", "after"), hidden=sorted(hidden))
		if self.chance(0.1) or self["total"] == "active":
			self.set(deleted=min(self.dice.randint(1, 3), max(0, count - 1)))
		if self.odd(0.1):
			self.set(copies=self.dice.randint(1, 3))

	def between(self):
		"""What stands between the program and the rows."""
		if self.odd(0.12):
			self.set(cache={"refresh": self.one(0, 0, 2, 3, 7)})
		if self.odd(0.12):
			self.set(backends={"kind": self.one("rows", "orders"), "turn": self.one("alternate", "chance")})

	def troubles(self):
		"""Answers that fail, rows that come and go, and the program's own end on the way."""
		requests = self["rows"] // self.size_of_page() + 3
		self.set(faults=[self.fault(requests) for _ in range(self.one(0, 0, 0, 1, 1, 2) if self.odd(1) else self.one(0, 0, 1))])
		if self.odd(0.25) and self["rows"] > 2:
			times = sorted(self.dice.sample(range(2, requests + 4), self.one(1, 1, 2, 3)))
			self.set(mutate=[[at, self.one("delete", "delete", "insert"), self.dice.randrange(100) / 100] for at in times])
		if self.chance(0.1):
			self.set(kill=self.dice.randint(1, requests))

	def fault(self, requests):
		"""At one request, at two, at all from one on, or always where a page begins behind a place."""
		kind = self.mostly(PASSING, [404, 403, 400, 204, "{}", "null", "empty", "html", "failure"])
		fault = {"kind": kind, "headers": self.chance(0.3)}
		how = self.mostly(["once"], ["once", "twice", "for ever", "place"])
		if how == "place" and self["rows"] > 1:
			return {**fault, "place": self.dice.randrange(1, self["rows"])}
		first = self.dice.randint(2 if how == "for ever" else 1, requests)
		return {**fault, "at": first, "times": {"once": 1, "twice": 2}.get(how, 1 << 40)}

	def dress(self):
		names = ["name"] * 8 + ["data", "array"] + ["two lists"] * (self["table"] == "users")
		self.set(wrapper=self.dice.choice(names))
		self.set(dress=[name for name in ("bom", "blanks", "gzip", "chunked") if self.chance(0.1)])
		if self["wrapper"] == "array":  # has no place for anything beside the rows
			if self["paging"] in CURSORS[1:] or self["sign"] != "none" or self["total_place"] == "body":
				self.set(wrapper="name")

	# --- what the plan amounts to ------------------------------------------------------------------------------

	def size_of_page(self):
		return self["fixed"] or min(self["page_size"], self["cap"] or self["page_size"])

	def visible(self):
		return self["rows"] + self["copies"] - len(self["hidden"])

	def ends_at_first_page(self):
		return self["rows"] + self["copies"] <= self.size_of_page()

	def counts(self):
		"""The total, or the body, says how many rows there are: more than any part of them."""
		if self["read_twice"]:
			return False
		return self["total"] in ("right", "before filter", "changing") or self["sign"] in ("pages", "total")

	def links_tell(self):
		"""Every page says whether there is another one, though perhaps not in a way that can be followed."""
		if self["read_twice"]:
			return False
		return self["link"] in ("right", "relative", "always", "far", "more", *UNUSABLE) or self["sign"] in (
			"hasMore", "pages")

	def by_address(self):
		"""Pages are reached by addresses that the server gives: what it does not give cannot be asked for."""
		return self["paging"] in CURSORS + ("page",)

	def overlaps(self):
		"""A page can be asked for one row early, to see that rows follow each other."""
		return self["paging"] in ("offset", "from 1") and self.size_of_page() > 1 and not self["filter"] == "after"

	def same_borders(self):
		"""No other page size and no overlap ever shows the rows in another way."""
		return self.size_of_page() == 1 or (self["fixed"] or self["cap"]) and not self.overlaps()

	# --- what nobody could find out -----------------------------------------------------------------------------

	def blind(self):
		"""Whether rows can be missing without any sign; why."""
		for reason in (self.blind_page, self.blind_end, self.blind_fault, self.blind_rows, self.blind_pair):
			why = reason()
			if why:
				return why
		return None

	def blind_page(self):
		"""The same page always, of a size that is not the one asked for: so does a server that sends everything."""
		same = self["cache"] or self["paging"] == "ignored" or (self.by_address() and self["link"] in ("none", "middle"))
		if same and (self["fixed"] or self["cache"] and self["cap"]) and not self.ends_at_first_page():
			if not self.counts() and not (self.links_tell() and not self.by_address()):
				return "a page of another size, always the same"
		return None

	def blind_end(self):
		"""A page in the middle that looks like the last one, where only its link could lead on."""
		if self.by_address() and self["link"] in ("missing", "middle") and not self.counts():
			return "a link that is not there"
		if self.by_address() and self["cache"] and not self.counts():
			return "a cache between links"
		if self["window"] and self.size_of_page() == 1:
			return "a window that ends between two pages"
		if self["window"] and not self["paging"] == "offset":
			return "a window of other numbers than offsets"
		if self["window"] and self["filter"] == "after":
			return "a window over rows that are hidden"
		return None

	def blind_fault(self):
		told = self["total"] in ("right", "before filter") and self["total_place"] == "header" and not self["read_twice"]
		for fault in self["faults"]:
			if fault["kind"] == "empty" and self.by_address() and not told:
				return "an empty list in place of a page is an end like any other"
			if "place" in fault and fault["kind"] in LOOKS_LIKE_END and not told and not self.overlaps():
				if not (self["paging"] in OFFSETS and self.links_tell()):
					return "an end that is always at the same place"
			if fault["kind"] in LOOKS_LIKE_END and fault.get("times", 1) > 1 and self["rows"] <= self.size_of_page():
				return "a table of one page that is empty most of the time"
			if fault["kind"] == "empty" and fault.get("times", 1) > 2 and self["allow_empty"]:
				if self["kill"] or self["sort"] or len(self["faults"]) > 1:
					return "a table that is empty from before its first row was seen"
			if fault["kind"] in LOOKS_LIKE_END and fault.get("at") == 1 and self["allow_empty"]:
				if fault["kind"] == "empty" or fault["times"] > 1:
					return "a table that is empty at first"
		return None

	def blind_rows(self):
		run = max_run(self["hidden"]) if self["filter"] == "after" else 0
		if run and not self.links_tell() and (self["total"] == "none" or self["read_twice"] or self["paging"] != "offset"):
			if 2 * run >= self.size_of_page() or not self.overlaps():
				return "hidden rows that look like the end"
		if self["order"] == "by offset" and self.same_borders() and not self.ends_at_first_page():
			return "rows twice, always at the same places, as in a list that holds them twice"
		if self["order"] == "each time" and self.visible() < 8:
			return "so few rows that two readings may agree by chance"
		if self["order"] in UNSTABLE and (self["filter"] == "after" or self["mutate"] or self["copies"]):
			return "rows that change places while others are hidden"
		if self["paging"] in CURSORS and self["cursor"] == "position" and self["mutate"]:
			return "a cursor that is a position, over rows that move"
		if self["copies"] and (self["mutate"] or self["cursor"] == "keyset" and self["paging"] in CURSORS):
			return "rows twice, where rows move or a cursor stands for an id"
		return None

	def blind_pair(self):
		if self["backends"] and (self["mutate"] or self["filter"] or self["copies"] or self["cache"]):
			return "two backends of rows that are not the same anyway"
		if self["backends"] and not self.counts() and (not self.overlaps() or self.size_of_page() < 3):
			return "two backends without overlap"
		if self["backends"] and (self["order"] in UNSTABLE or self.by_address()):
			return "two backends of no order"
		return None

	# --- what is demanded ----------------------------------------------------------------------------------------

	def proof(self):
		"""Whether the truth is demanded: "must", "should", or None."""
		if self.contradicts() or self["order"] in UNSTABLE or self["cache"] or self["backends"] or self["mutate"]:
			return None
		if self["rows"] == 0 or self.visible() <= 0 or self["window"] or self["wrapper"] == "two lists":
			return None
		grade = self.proof_of_paging()
		if grade is None:
			return None
		if self.is_odd():
			grade = "should"
		for fault in self["faults"]:
			if "place" in fault or fault["times"] > 2 or fault["kind"] in ("failure", 403):
				return None
			if fault["kind"] not in PASSING or fault["times"] > 1 or len(self["faults"]) > 1:
				grade = "should"
		return grade

	def contradicts(self):
		"""Whether one of its signs speaks against another one."""
		if self["total"] not in ("none", "right") and not self["read_twice"]:
			return True
		if self["copies"] or self["sort"] == 500 or self["filter"] == "after" and self["sign"] != "none":
			return True
		if self["filter"] == "after" and self["total"] not in ("none",):
			return True
		return self["link"] in ("always", "middle", "missing", "more", "far")

	def is_odd(self):
		"""Nothing that speaks against the end, but more than is asked of every server."""
		tame = self["paging"] == "offset" and self["end"] == "empty" and self["link"] in ("none", *USABLE)
		return any((
			self["sign"] != "none",
			self["link"] in ("user", "blank", "cut", "long"),
			self["end"] in ("{}", "[]", 410, "error object", "last page", "last row")
				and self["paging"] not in CURSORS,
			self["end"] in (400, 404) and self["rows"] % 100 == 0,  # as of a search engine that counts no further
			self["read_twice"] and not (tame and self["total"] in ("before filter", "active", "zero", "wrong")),
			self["filter"] == "after" and self["hidden"][0] == 0,
			self["filter"] == "after" and self["cursor"] == "keyset" and self["paging"] in CURSORS,
			self["filter"] is not None and self["deleted"] > 0,
			self["kill"] is not None and self.by_address(),
		))

	def proof_of_paging(self):
		paging, page = self["paging"], self.size_of_page()
		asked = max(2, self["page_size"])  # pages of one row may be asked for with the row before
		rows = self["rows"] - (len(self["hidden"]) if self["filter"] == "before" else 0)
		pages = rows / (self["fixed"] or min(asked, self["cap"] or asked))
		counted = self["total"] == "right"
		if self["filter"] == "after":
			follows = paging == "cursor link" or paging == "offset"
			return "must" if follows and self["link"] in USABLE and pages > 1 and page > 1 else None
		if paging == "offset" and (self["link"] == "none" or self["link"] in HONEST):
			if counted and not self["end"] in ("last page", "last row"):
				return "must"
			return "must" if page > 1 else "should"
		if paging == "offset":
			return "should"
		if paging == "all":
			other = (rows > asked or 4 <= rows < asked) and rows != 100  # a cache may keep what was asked for without a limit
			return "must" if other and self["link"] in ("none", *USABLE) else "should"
		if paging == "hasMore and cursor":
			return None  # nothing says in which parameter it is to be sent
		if self.by_address() and self["link"] in USABLE:
			if paging == "page" and pages <= 2:
				return "should"  # in pages of another size it may be one page that is full
			short = 3 <= rows < asked and not self["fixed"] and not self["cap"]
			return "must" if pages > 1 or short else "should"
		if paging == "rounded" and not self["fixed"] and not self["cap"] and pages >= 3 and page >= 4:
			return "must" if self["link"] in ("none", *USABLE) else "should"
		if paging == "whole" and not self["fixed"] and not self["cap"] and pages >= 3 and page >= 4:
			return "must" if self["link"] == "none" else "should"
		if paging == "from 1" and pages >= 3 and page >= 4:
			return "should"
		return None

	def retried(self):
		"""Seconds of patience: enough where trouble passes, little where it stays."""
		stays = any("place" in fault or fault["times"] > 2 for fault in self["faults"])
		return 2 if stays else 60


def max_run(numbers):
	"""The longest run of numbers that follow each other."""
	longest = run = 0
	last = None
	for number in numbers:
		run = run + 1 if last is not None and number == last + 1 else 1
		longest, last = max(longest, run), number
	return longest

"""Bundles made by chance, in pairs: a snapshot and what became of it, written as other programs might write it."""

import os
import string
import zipfile

from delta import FILES

# Each table's columns behind the first three, written by hand. "!" is required; "->" refers, "->>" is a list of that.
COLUMNS = {
	"orgs": "name:text! type:school|school|district! identifier:text parentSourcedId:->orgs",
	"academicSessions": "title:text! type:schoolYear|term|gradingPeriod|semester! startDate:date! endDate:date! "
		"parentSourcedId:->academicSessions schoolYear:year!",
	"courses": "schoolYearSourcedId:->academicSessions title:text! courseCode:text grades:grades orgSourcedId:->orgs! "
		"subjects:words subjectCodes:words",
	"classes": "title:text! grades:grades courseSourcedId:->courses! classCode:text classType:scheduled|homeroom! "
		"location:text schoolSourcedId:->orgs! termSourcedIds:->>academicSessions! subjects:words subjectCodes:words "
		"periods:words",
	"users": "enabledUser:true|false! orgSourcedIds:->>orgs! role:student|teacher|parent|aide! username:text! "
		"userIds:userids givenName:text! familyName:text! middleName:text identifier:text email:email sms:text "
		"phone:text agentSourcedIds:->>users grades:grades password:text",
	"enrollments": "classSourcedId:->classes! schoolSourcedId:->orgs! userSourcedId:->users! role:student|teacher! "
		"primary:false| beginDate:date endDate:date",
	"demographics": "birthDate:date sex:male|female| americanIndianOrAlaskaNative:bool asian:bool "
		"blackOrAfricanAmerican:bool nativeHawaiianOrOtherPacificIslander:bool white:bool "
		"demographicRaceTwoOrMoreRaces:bool hispanicOrLatinoEthnicity:bool countryOfBirthCode:text "
		"stateOfBirthAbbreviation:text cityOfBirth:text publicSchoolResidenceStatus:text",
	"categories": "title:text!",
	"lineItems": "title:text! description:text assignDate:date! dueDate:date! classSourcedId:->classes! "
		"categorySourcedId:->categories! gradingPeriodSourcedId:->academicSessions! resultValueMin:number! "
		"resultValueMax:number!",
	"results": "lineItemSourcedId:->lineItems! studentSourcedId:->users! scoreStatus:exempt|fully~graded|submitted! "
		"score:number! scoreDate:date! comment:text",
	"resources": "vendorResourceId:id! title:text roles:roles importance:primary|secondary| vendorId:id applicationId:id",
	"courseResources": "title:text courseSourcedId:->courses! resourceSourcedId:->resources!",
	"classResources": "title:text classSourcedId:->classes! resourceSourcedId:->resources!",
}
COLUMNS = {table: dict(part.split(":") for part in text.split()) for table, text in COLUMNS.items()}
HEAD = ["sourcedId", "status", "dateLastModified"]
ID_CHARACTERS = string.ascii_letters + string.digits + ".-_/@"
METADATA = ["metadata.note", "metadata.sample.second", "metadata.positionTitle"]

# Texts that programs have stumbled over. No control character and no line break: a bundle with those is wrong itself.
TEXTS = [
	"Sample", "sample", "Sample ", " Sample", "O'Sample", "Sample, Jr.", 'Said "Sample"', '"', '""', '","', ",", ",,", "0",
	"00", "false", "null", "NULL", "-", "=1+1", "+1", "@x", "%s%n", "100%", ";", "|", "'", "''", "\\", "a\\", 'a\\"',
	"\\n",
	"\u00e9", "e\u0301", "\u0130\u0131", "\u6f22\u5b57", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "\u00a0x", "\ufffd",
	"tobedeleted", "sourcedId", "x" * 300, "<b>&amp;</b>", "1e5", "2025-01-01", "\u00df", "SS", "\u00c5ngstr\u00f6m",
]


class World:
	"""The tables of one snapshot: rows by id, and the metadata columns of each."""

	def __init__(self):
		self.rows = {table: {} for table in COLUMNS}
		self.extra = {table: [] for table in COLUMNS}

	def copy(self):
		twin = World()
		twin.rows = {table: {key: dict(row) for key, row in rows.items()} for table, rows in self.rows.items()}
		twin.extra = {table: list(names) for table, names in self.extra.items()}
		return twin

	def columns(self, table):
		return list(COLUMNS[table]) + self.extra[table]


class Maker:
	"""Makes worlds and changes them, by dice."""

	def __init__(self, dice, most=6):
		self.dice, self.most = dice, most

	# values

	def text(self, required):
		if not required and self.dice.random() < 0.4:
			return ""
		return "".join(self.dice.choice(TEXTS) for _ in range(self.dice.choice([1, 1, 1, 2, 3])))

	def id(self):
		if self.dice.random() < 0.3:  # ids that are alike: one the beginning of another, other case, numbers
			return self.dice.choice(["1", "10", "2", "a", "A", "a-", "a/", "a.b", "a.", "aa", "_", "-", "@", "Z", "z", "01"])
		return "".join(self.dice.choice(ID_CHARACTERS) for _ in range(self.dice.choice([2, 5, 12, 36, 200])))

	def value(self, world, kind):
		"""A value of a kind; None when it would have to refer to a row and there is none."""
		dice, required = self.dice, kind.endswith("!")
		kind = kind.rstrip("!")
		if kind.startswith("->"):
			ids = list(world.rows[kind.strip("->")])
			if not ids:
				return None if required else ""
			if kind.startswith("->>"):
				return ",".join(dice.sample(ids, dice.randint(1 if required else 0, min(3, len(ids)))))
			return dice.choice(ids) if required or dice.random() < 0.6 else ""
		if kind == "text":
			return self.text(required)
		if not required and dice.random() < 0.3:
			return ""
		return {
			"id": self.id, "year": lambda: str(dice.randint(2020, 2030)), "bool": lambda: dice.choice(["true", "false"]),
			"date": lambda: f"20{dice.randint(10, 30)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}",
			"number": lambda: f"{dice.randint(0, 99)}.{dice.randint(0, 99)}",
			"email": lambda: f"m{dice.randint(0, 99)}@sample.example",
			"grades": lambda: ",".join(dice.sample(["KG", "01", "05", "12", "UG"], dice.randint(1, 3))),
			"words": lambda: ",".join(dice.sample(["Art", "Mathematics", "3 \u00bd", "Sciences \"B\""], dice.randint(1, 3))),
			"roles": lambda: ",".join(dice.sample(["student", "teacher", "aide"], dice.randint(1, 3))),
			"userids": lambda: ",".join(f"{{{t}:{dice.randint(0, 99)}}}" for t in ["LDAP", "LTI"][:dice.randint(1, 2)]),
		}.get(kind, lambda: dice.choice(kind.split("|")).replace("~", " "))()

	# rows

	def add(self, world, table):
		rows = world.rows[table]
		if table == "demographics":
			free = [key for key in world.rows["users"] if key not in rows]
			if not free:
				return
			key = self.dice.choice(free)
		else:
			key = self.id()
		row = {name: self.value(world, kind) for name, kind in COLUMNS[table].items()}
		if key in rows or None in row.values():
			return
		row.update({name: self.text(False) for name in world.extra[table]})
		rows[key] = row

	def change(self, world, table, key):
		row = world.rows[table][key]
		for name in self.dice.sample(world.columns(table), self.dice.choice([1, 1, 1, 2, 3]) % (len(row) + 1)):
			value = self.value(world, COLUMNS[table].get(name, "text"))
			row[name] = row[name] if value is None else value

	def settle(self, world):
		"""Takes out what refers to rows that are gone, until nothing does; one primary teacher for a class at most."""
		again = True
		while again:
			again = False
			for table, rows in world.rows.items():
				for key, row in list(rows.items()):
					if not self.settled(world, row, COLUMNS[table]) or table == "demographics" and key not in world.rows["users"]:
						del rows[key]
						again = True
		led = set()
		for row in world.rows["enrollments"].values():
			row["primary"] = "false" if row["primary"] == "true" else row["primary"]
			if row["role"] == "teacher" and row["classSourcedId"] not in led and self.dice.random() < 0.7:
				row["primary"] = "true"
				led.add(row["classSourcedId"])

	@staticmethod
	def settled(world, row, columns):
		for name, kind in columns.items():
			if kind.startswith("->") and row[name]:
				ids = world.rows[kind.strip("->!")]
				row[name] = ",".join(part for part in row[name].split(",") if part in ids)
				if kind.endswith("!") and not row[name]:
					return False
		return True

	# worlds

	def world(self):
		world = World()
		for table in COLUMNS:
			if self.dice.random() < 0.3:
				world.extra[table] = self.dice.sample(METADATA, self.dice.randint(1, 2))
			for _ in range(0 if self.dice.random() < 0.1 else self.dice.randint(1, self.most)):
				self.add(world, table)
		self.settle(world)
		return world

	def successor(self, old):
		"""What may have become of a world: nothing, a little, much, or another one."""
		much = self.dice.choice([0, 0.1, 0.3, 0.3, 0.3, 0.8])
		if self.dice.random() < 0.04:
			return self.world()
		new = old.copy()
		for table in COLUMNS:
			if much and self.dice.random() < 0.15:
				self.other_extra(new, table)
			for key in list(new.rows[table]):
				luck = self.dice.random() / (much or 1e-9)
				if luck < 0.4:
					del new.rows[table][key]
				elif luck < 1:
					self.change(new, table, key)
			if much and self.dice.random() < 0.04:
				new.rows[table].clear()
			while self.dice.random() < much:
				self.add(new, table)
		if much:
			self.settle(new)
		return new

	def other_extra(self, world, table):
		names = self.dice.sample(METADATA, self.dice.randint(0, 2))
		for row in world.rows[table].values():
			for name in world.extra[table]:
				if name not in names:
					del row[name]
			for name in names:
				row.setdefault(name, self.text(False))
		world.extra[table] = names


def cell(text, quote):
	if quote or any(c in text for c in ',"\r\n') or text != text.strip(" "):
		return '"' + text.replace('"', '""') + '"'
	return text


def csv(rows, eol="\r\n", quote=lambda: False, bom=False, last_eol=True):
	text = eol.join(",".join(cell(one, quote()) for one in row) for row in rows) + (eol if last_eol else "")
	return ("\ufeff" if bom else "").encode() + text.encode()


def manifest(present, version="1.1", mode="bulk", more=()):
	return [["propertyName", "value"], ["manifest.version", "1.0"], ["oneroster.version", version],
		*([f"file.{name}", mode if name in present else "absent"] for name in FILES), *more]


def store(files, path, compression=zipfile.ZIP_DEFLATED):
	"""Writes files as a zip, or as a folder when path ends in a slash."""
	if path.endswith("/"):
		os.mkdir(path)
		for name, data in files.items():
			with open(path + name, "wb") as f:
				f.write(data)
		return
	with zipfile.ZipFile(path, "w", compression) as z:
		for name, data in files.items():
			z.writestr(name, data)


def write(world, path, dice=None):
	"""Writes a world as a bulk bundle; by dice in one of the styles that are about, else as the standard has it."""
	chance = lambda share: dice is not None and dice.random() < share
	eol = "\n" if chance(0.4) else "\r\n"
	quoting = dice.choice(["minimal", "all", "some"]) if dice else "minimal"
	quote = lambda: quoting == "all" or quoting == "some" and dice.random() < 0.3
	files = {}
	for table in FILES:
		rows = [[key, row] for key, row in world.rows[table].items()]
		if not rows and not chance(0.5):
			continue
		header = HEAD + list(COLUMNS[table]) + world.extra[table]
		if chance(0.3):
			dice.shuffle(header)
		if chance(0.6):
			dice.shuffle(rows)
		else:
			rows.sort(key=lambda pair: pair[0].encode())
		lines = [header] + [[key if name == "sourcedId" else row.get(name, "") for name in header] for key, row in rows]
		files[table + ".csv"] = csv(lines, eol, quote, chance(0.1), not chance(0.1))
	more = [["source.systemName", "Sample SIS, main"]] if chance(0.3) else []
	whole = manifest({name[:-4] for name in files}, more=more)
	files = {"manifest.csv": csv(whole, eol, quote), **files}
	if chance(0.3):
		order = list(files.items())
		dice.shuffle(order)
		files = dict(order)
	if chance(0.2):
		path = path.removesuffix(".zip") + "/"
	store(files, path, zipfile.ZIP_STORED if chance(0.2) else zipfile.ZIP_DEFLATED)
	return path


def differences(old, new):
	"""What a comparison must find, worked out from the tables of two bundles as delta.bulk reads them: for each table
	the numbers of rows in both, added, removed, changed, and how often each column."""
	found = {}
	for table in FILES:
		a, b = old[table], new[table]
		columns, changed = {}, 0
		for key in a.keys() & b.keys():
			names = [name for name in {**a[key], **b[key]} if name not in HEAD and a[key].get(name, "") != b[key].get(name, "")]
			changed += bool(names)
			for name in names:
				columns[name] = columns.get(name, 0) + 1
		found[table] = {"old": len(a), "new": len(b), "added": len(b.keys() - a.keys()), "removed": len(a.keys() - b.keys()),
			"changed": changed, "columns": columns}
	return found

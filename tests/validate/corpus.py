"""The corpus: for every rule at least one bundle that breaks it, at a known place and in no other way, and one that
comes near to breaking it and is fine. rules.txt lists which case is for which rule.
"""

import base64
import random
import struct
import zipfile
import zlib

from bundle import (BOOLEANS, GRADES, HEADERS, MOMENT, REFERENCES, REQUIRED, ROWS, TABLES, VOCABULARIES, Bundle,
	add,
	columns, copied, data_at, delta, empty, entry, fresh, line_ends, lost, order, packed, packer, prop, properties,
	put, renamed, reorder, replace, rewrite, tampered, without, write_encrypted, write_streamed, write_zip64_end,
	write_zip64_entry)


class Any:
	"""Equal to everything: what neither the standard nor the rule says."""

	def __eq__(self, other):
		return True

	__hash__ = None

	def __repr__(self):
		return "any"


ANY = Any()


class Case:
	def __init__(self, rule, name, changes, broken, base="full", consumer=None, form="zip", zip_name=None, severity=None,
			also=None, **place):
		self.rule, self.name, self.broken = rule, name, broken
		self.consumer, self.form, self.zip_name, self.severity = consumer, form, zip_name, severity
		self.changes, self.base = changes, base
		self.several = also is not None
		self.wanted_place, self.also = place, also or []

	@property
	def full_name(self):
		return self.rule + ("-" + self.severity if self.severity else "") + "/" + self.name

	def build(self):
		"""The bundle, and the findings it must give: (rule, severity or None, file, column, rows)."""
		bundle = fresh(self.base)
		place = None, None, []
		for change in self.changes:
			place = change(bundle)
		if not self.broken:
			return bundle, []
		file, column, rows = place
		wanted = self.wanted_place
		first = (self.rule, self.severity, wanted.get("file", file), wanted.get("column", column), wanted.get("rows", rows))
		return bundle, [first, *self.also] if first[0] else list(self.also)

	def values(self):
		"""Values of cells that the case puts in."""
		return [change.value for change in self.changes if hasattr(change, "value")]


CASES = []


def broken(rule, name, *changes, **how):
	CASES.append(Case(rule, name, changes, True, **how))


def valid(rule, name, *changes, **how):
	CASES.append(Case(rule, name, changes, False, **how))


# The zip


def other(old, new):
	"""Other bytes in the data of a stored entry, just as many; the checksum stays that of the old."""
	def change(data, local, _central):
		at = data.index(old, data_at(data, local))
		data[at:at + len(new)] = new
	return change


def no_such_block(data, local, _central):
	"""The first block of deflated data is of a kind that does not exist."""
	data[data_at(data, local)] |= 6


def cut(path, files):
	"""A zip without its last third, as a broken upload leaves it."""
	Bundle.pack(CUT, path)
	with open(path, "r+b") as f:
		f.truncate(f.seek(0, 2) * 2 // 3)


CUT = Bundle()

STORED = dict(method=zipfile.ZIP_STORED)
broken("zip.damaged", "wrong-checksum", tampered("classResources.csv", other(b"Algebra A", b"Algebra B"), **STORED))
broken("zip.damaged", "wrong-checksum-of-a-file-others-point-at", tampered("users.csv", other(b"Tess", b"Jess"),
	**STORED))
broken("zip.damaged", "cut", packed(cut), file=None)
broken("zip.damaged", "not-deflate", tampered("classResources.csv", no_such_block))
broken("zip.damaged", "web-page", packed(lambda path, _: open(path, "w", encoding="ascii").write(
	"<!DOCTYPE html>\n<html><title>Log in</title></html>\n")), file=None)
broken("zip.damaged", "no-bytes", packed(lambda path, _: open(path, "w", encoding="ascii").close()), file=None)


def comment(z):
	z.comment = b"made by hand, PK\5\6 and all"


valid("zip.damaged", "comment-at-the-end", packer(more=comment))
valid("zip.damaged", "streamed", packed(write_streamed))

for number, path in enumerate(["../notes.csv", "/notes.csv", "more/notes.csv", "more/", "C:\\notes.csv",
	"..\\notes.csv",
		"__MACOSX/._users.csv"]):
	broken("zip.path", f"path-{number + 1}", entry(path, b"" if path.endswith("/") else b"x\r\n"), file=ANY)


def in_folder(folder, more=None):
	"""Every file below a folder, as a zip of the folder itself has them."""
	return rewrite(None, lambda files: {**({folder: b""} if folder.endswith("/") else {}),
		**{folder + name: data for name, data in files.items()}, **(more or {})})


broken("zip.path", "all-in-a-folder", in_folder("district/"), file="district/")
broken("zip.path", "all-in-a-folder-of-a-folder", in_folder("export/OneRoster 2026/"), file="export/OneRoster 2026/")
broken("zip.path", "all-in-a-folder-of-windows", in_folder("district\\"), file="district\\")
broken("zip.path", "all-in-a-folder-of-macos", in_folder("district/", {"__MACOSX/district/._users.csv": b"x",
	"__MACOSX/district/._orgs.csv": b"x"}), file="district/", also=[("zip.path", None, "__MACOSX/", None, [])])
broken("zip.path", "all-in-a-folder-and-a-fault", put("results", 3, "scoreDate", "yesterday"), in_folder("district/"),
	file="district/", column=None, rows=[], also=[("field.date", None, "results.csv", "scoreDate", [3])])
broken("zip.path", "all-in-a-folder-and-another-file", in_folder("district/", {"district/readme.txt": b"x"}),
	file="district/", also=[("zip.unknown-file", None, "district/readme.txt", None, [])])
valid("zip.path", "any-order", order(lambda names: sorted(names, reverse=True)))
valid("zip.path", "loose", form="folder")


def again(name):
	def more(z):
		with z.open(name) as f:
			data = f.read()
		z.writestr(zipfile.ZipInfo(name), data)
	return more


broken("zip.duplicate", "users-twice", packer(more=again("users.csv")), file="users.csv")
valid("zip.duplicate", "same-bytes-under-other-names", rewrite(None, lambda files: {**files,
	"courseResources.csv": files["classResources.csv"].replace(b"class", b"course").replace(b"-alg-a", b"-alg")}))

broken("zip.unknown-file", "readme", entry("readme.txt"))
broken("zip.unknown-file", "roles-of-1.2", entry("roles.csv", b"sourcedId,status\r\n"))
broken("zip.unknown-file", "hidden", entry(".DS_Store"))
broken("zip.unknown-file", "nearly-a-file", rewrite(None, lambda files: {("enrolments.csv" if name == "enrollments.csv"
	else name): data for name, data in files.items()}), file="enrolments.csv (did you mean enrollments.csv?)",
	also=[("manifest.file-missing", None, "manifest.csv", None, [11])])
broken("zip.unknown-file", "loose-readme", entry("readme.txt"), form="folder")
valid("zip.unknown-file", "every-file-of-the-standard")
valid("zip.unknown-file", "core-files", base="core")

broken("zip.encrypted", "one-file", packed(write_encrypted("classResources.csv")), file="classResources.csv")
broken("zip.encrypted", "aes", packed(write_encrypted("results.csv", arguments=["-mem=AES256"])), file="results.csv")
broken("zip.encrypted", "file-others-point-at", packed(write_encrypted("users.csv")), file="users.csv")


def flags(bits):
	def change(data, local, central):
		struct.pack_into("<H", data, local + 6, bits)
		struct.pack_into("<H", data, central + 8, bits)
	return change


valid("zip.encrypted", "other-flags", tampered("users.csv", flags(0x0806)))

broken("zip.method", "bzip2", packer(methods={"classResources.csv": zipfile.ZIP_BZIP2}), file="classResources.csv")
broken("zip.method", "lzma", packer(methods={"results.csv": zipfile.ZIP_LZMA}), file="results.csv")
broken("zip.method", "of-a-file-others-point-at", packer(methods={"users.csv": zipfile.ZIP_BZIP2}), file="users.csv")
valid("zip.method", "stored", packer(**STORED))
valid("zip.method", "stored-and-deflated", packer(methods={"users.csv": zipfile.ZIP_STORED}))


def deflated_many(piece, times):
	"""What piece, written so many times, is when deflated; quick, for each copy comes out the same."""
	maker = zlib.compressobj(9, zlib.DEFLATED, -15)
	once = maker.compress(piece) + maker.flush(zlib.Z_FULL_FLUSH)
	return once * times + maker.flush()


def write_bomb(name, piece, times, head=b"", declared=None, checksum=None):
	"""A zip in which one file is head and then so many pieces; the directory is true unless told what to declare."""
	def write(path, files):
		maker = zlib.compressobj(9, zlib.DEFLATED, -15)
		data = maker.compress(head) + maker.flush(zlib.Z_FULL_FLUSH) + deflated_many(piece, times)
		size = len(head) + len(piece) * times if declared is None else declared
		crc = zlib.crc32(head) if checksum is None else checksum
		body, directory = [], []
		at = 0
		for each, plain in [*((n, d) for n, d in files.items() if n != name), (name, None)]:
			if plain is None:
				packed_data, method, fields = data, 8, (crc, len(data), size)
			else:
				packed_data, method, fields = plain, 0, (zlib.crc32(plain), len(plain), len(plain))
			crc32, packed_size, plain_size = fields
			large = plain_size > 0xFFFFFFFE
			extra = struct.pack("<HHQQ", 1, 16, plain_size, packed_size) if large else b""
			sizes = (0xFFFFFFFF, 0xFFFFFFFF) if large else (packed_size, plain_size)
			common = struct.pack("<HHHHHLLLHH", 45 if large else 20, 0, method, 0, 0x21, crc32, *sizes, len(each),
				len(extra))
			body += [b"PK\3\4" + common + each.encode() + extra, packed_data]
			directory.append(b"PK\1\2" + struct.pack("<H", 0x0314) + common + struct.pack("<HHHLL", 0, 0, 0,
				0o100644 << 16, at) + each.encode() + extra)
			at += len(body[-2]) + len(body[-1])
		listing = b"".join(directory)
		with open(path, "wb") as f:
			f.write(b"".join(body) + listing)
			f.write(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, len(directory), len(directory), len(listing), at, 0))
	return write


broken("zip.bomb", "4-gb-of-zeros-in-4-mb", packed(write_bomb("results.csv", bytes(1 << 20), 4095,
	(HEADERS["results"] + "\r\n").encode())), file="results.csv")


def repeated(table, times, **cells):
	"""So many copies of the last row under other ids."""
	def change(bundle):
		for n in range(times):
			copied(table, len(ROWS[table]) + 1, sourcedId=f"copy-{n}", **cells)(bundle)
		return table + ".csv", None, []
	return change


valid("zip.bomb", "much-alike", repeated("results", 3000, comment="Well done, go on like this. " * 9 + "!"))

broken("zip.zip64", "one-entry", packed(write_zip64_entry("users.csv")), file=ANY)
broken("zip.zip64", "end-of-the-directory", packed(write_zip64_end), file=None)


def stamps(z):
	for info in z.infolist():  # moment and owner, as Info-ZIP adds them
		info.extra = struct.pack("<HHBL", 0x5455, 5, 1, 1767600000) + struct.pack("<HHBBLBL", 0x7875, 11, 1, 4, 1000, 4, 1000)


valid("zip.zip64", "other-extra-fields", packer(more=stamps))

# Other formats

SDS_V1 = {"School.csv": b"SIS ID,Name\r\n1,North\r\n", "Section.csv": b"SIS ID,School SIS ID,Section Name\r\n",
	"Student.csv": b"SIS ID,School SIS ID,Username,First Name,Last Name\r\n", "Teacher.csv": b"SIS ID,School SIS ID\r\n",
	"StudentEnrollment.csv": b"Section SIS ID,SIS ID\r\n", "TeacherRoster.csv": b"Section SIS ID,SIS ID\r\n"}
SDS_V2 = {"orgs.csv": b"sourcedId,name,type\r\n", "users.csv": b"sourcedId,username,givenName,familyName,password\r\n",
	"roles.csv": b"userSourcedId,orgSourcedId,role,grade\r\n", "classes.csv": b"sourcedId,orgSourcedId,title\r\n",
	"enrollments.csv": b"classSourcedId,userSourcedId,role\r\n"}
CLEVER = {"schools.csv": b"School_id,School_name\r\n", "students.csv": b"School_id,Student_id,Last_name\r\n",
	"teachers.csv": b"School_id,Teacher_id\r\n", "sections.csv": b"School_id,Section_id,Teacher_id\r\n",
	"enrollments.csv": b"School_id,Section_id,Student_id\r\n"}
for name, files in {"microsoft-v1": SDS_V1, "microsoft-v2": SDS_V2, "clever": CLEVER,
	"microsoft-v2-in-a-folder": {"sds/" + name: data for name, data in SDS_V2.items()}}.items():
	broken("bundle.format", name, rewrite(None, lambda _, files=files: files), file=None)
broken("bundle.format", "microsoft-v1-loose", rewrite(None, lambda _: SDS_V1), file=None, form="folder")
valid("bundle.format", "oneroster")

# The manifest

broken("manifest.missing", "version-1.0-has-none", lambda b: order(lambda names: names[1:])(b), file=ANY)
valid("manifest.missing", "comes-last", order(lambda names: names[1:] + names[:1]))

HEAD = b"propertyName,value\r\n"
broken("manifest.header", "other-words", replace("manifest.csv", HEAD, b"property,value\r\n", 1), column=ANY, rows=ANY)
broken("manifest.header", "other-case", replace("manifest.csv", HEAD, b"PropertyName,Value\r\n", 1), column=ANY,
	rows=ANY)
broken("manifest.header", "three-columns", replace("manifest.csv", HEAD, b"propertyName,value,note\r\n", 1), column=ANY,
	rows=ANY)
broken("manifest.header", "none", replace("manifest.csv", HEAD, b"", 1), column=ANY, rows=ANY)
valid("manifest.header", "quoted", replace("manifest.csv", HEAD, b'"propertyName","value"\r\n', 1))

NAME = b"source.systemName,Sample SIS\r\n"
broken("manifest.row-width", "three-cells", replace("manifest.csv", NAME, b"source.systemName,Sample SIS,2\r\n", 17))
broken("manifest.row-width", "one-cell", replace("manifest.csv", NAME, b"source.systemName\r\n", 17))
valid("manifest.row-width", "comma-in-quotes", prop("source.systemName", "Sample, the SIS"))

broken("manifest.duplicate", "file-twice", properties(lambda rows: rows + [["file.users", "bulk"]]), column=ANY)
broken("manifest.duplicate", "source-twice", properties(lambda rows: rows + [["source.systemName", "Sample SIS"]]),
	column=ANY)
valid("manifest.duplicate", "same-value-twice", prop("source.systemCode", "Sample SIS"))

broken("manifest.missing-property", "of-an-absent-file",
	properties(lambda rows: [r for r in rows if r[0] != "file.results"]),
	base="core", column=ANY, rows=ANY)
broken("manifest.missing-property", "manifest-version", properties(lambda rows: rows[1:]), column=ANY, rows=ANY)
valid("manifest.missing-property", "no-source", properties(lambda rows: rows[:-2]))
valid("manifest.missing-property", "other-order", properties(lambda rows: rows[:2] + rows[:1:-1]))

broken("manifest.unknown-property", "contact", properties(lambda rows: rows + [["source.contact", "office"]]),
	column=ANY)
broken("manifest.unknown-property", "file-of-1.2", properties(lambda rows: rows + [["file.roles", "absent"]]),
	column=ANY)
broken("manifest.unknown-property", "other-case", properties(lambda rows: rows[:-1] + [["source.systemcode", "s"]]),
	column=ANY)
valid("manifest.unknown-property", "source-in-front", properties(lambda rows: rows[-2:] + rows[:-2]))

broken("manifest.empty-value", "source", prop("source.systemName", ""), column=ANY)
broken("manifest.empty-value", "mode", prop("file.results", ""), base="core", column=ANY)
valid("manifest.empty-value", "zero", prop("source.systemCode", "0"))

broken("manifest.version", "1.2", prop("oneroster.version", "1.2"), column=ANY)
broken("manifest.version", "1.0", prop("oneroster.version", "1.0"), column=ANY)
broken("manifest.version", "of-the-manifest", prop("manifest.version", "2.0"), column=ANY)
valid("manifest.version", "quoted", replace("manifest.csv", b"oneroster.version,1.1", b'"oneroster.version","1.1"'))

broken("manifest.mode", "other-word", prop("file.results", "full"), column=ANY)
broken("manifest.mode", "other-case", prop("file.classResources", "Bulk"), column=ANY)
valid("manifest.mode", "bulk-and-delta-mixed", delta("results", "demographics"))

broken("manifest.file-missing", "said-bulk", prop("file.results", "bulk"), base="core", file=ANY, column=ANY, rows=ANY)
broken("manifest.file-missing", "said-delta", prop("file.classResources", "delta"), base="core", file=ANY, column=ANY,
	rows=ANY)
broken("manifest.file-missing", "lost-in-a-folder", lost("classResources"), form="folder", file=ANY, column=ANY,
	rows=ANY)
valid("manifest.file-missing", "said-absent", without("results"))

broken("manifest.file-unexpected", "said-absent", prop("file.results", "absent"), file=ANY, column=ANY, rows=ANY)
valid("manifest.file-unexpected", "said-delta", delta("classResources"))

# The grammar of CSV

for name, data in {"latin-1": b"Zo\xe9", "overlong": b"Zo\xc0\xaf", "surrogate": b"Zo\xed\xa0\x80",
		"beyond-unicode": b"Zo\xf4\x90\x80\x80", "cut-sequence": b"Zo\xc3"}.items():
	broken("csv.utf8", name, replace("users.csv", b",Sky,", b"," + data + b",", 5, "givenName"), column=ANY)
broken("csv.utf8", "in-the-manifest", replace("manifest.csv", b"Sample SIS", b"Sch\xfcler", 17), column=ANY)
valid("csv.utf8", "many-scripts", put("users", 4, "givenName", "Zoë 明 Ω"),
	put("users", 5, "familyName", "De\u0301whollow"),
	put("results", 2, "comment", "\U0001F600 \U0010FFFD"))

BOM = b"\xef\xbb\xbf"
broken("csv.bom", "orgs", rewrite("orgs.csv", lambda data: BOM + data), column=ANY, rows=ANY)
broken("csv.bom", "manifest", rewrite("manifest.csv", lambda data: BOM + data), column=ANY, rows=ANY)
broken("csv.bom", "quoted-header", rewrite("categories.csv", lambda data: BOM + b'"sourcedId"' + data[9:]), column=ANY,
	rows=ANY)
valid("csv.bom", "its-letters-in-a-value", put("results", 2, "comment", "ï»¿ seen"))

broken("csv.quote", "inside-a-cell", replace("users.csv", b",Tess,", b',Tess "T" Ann,', 2, "givenName"), column=ANY)
broken("csv.quote", "text-behind", replace("users.csv", b",Tess,", b',"Tess" Ann,', 2, "givenName"), column=ANY)
broken("csv.quote", "never-closed", replace("results.csv", b"0,2025-09-09,\r\n", b'0,2025-09-09,"Well\r\n', 3,
	"comment"),
	column=ANY)
broken("csv.quote", "never-closed-at-the-end", replace("results.csv", b"0,2025-09-09,\r\n", b'0,2025-09-09,"Well', 3,
	"comment"),
	column=ANY)
valid("csv.quote", "doubled", put("users", 2, "givenName", '"Tess" Ann'), put("results", 2, "comment", '"'))
valid("csv.quote", "apostrophes", put("users", 2, "givenName", "'Tess'"))

broken("csv.bare-cr", "all-lines", rewrite("orgs.csv", lambda data: data.replace(b"\r\n", b"\r")), rows=ANY)
valid("csv.bare-cr", "lf", line_ends("\n"))

broken("csv.mixed-eol", "one-lf", rewrite("orgs.csv", lambda data: data.replace(b",org-valley\r\n", b",org-valley\n",
	1)), rows=[3])
broken("csv.mixed-eol", "one-crlf", line_ends("\n"), rewrite("orgs.csv", lambda data:
	data.replace(b",org-valley\n", b",org-valley\r\n", 1)), rows=[3])
valid("csv.mixed-eol", "each-file-its-own", rewrite("orgs.csv", lambda data: data.replace(b"\r\n", b"\n")))
valid("csv.mixed-eol", "no-last-line-end", rewrite("orgs.csv", lambda data: data[:-2]),
	rewrite("manifest.csv", lambda data: data[:-2]))

broken("csv.blank-line", "in-the-middle", replace("orgs.csv", b"org-south", b"\r\norg-south", 4))
broken("csv.blank-line", "at-the-end", rewrite("orgs.csv", lambda data: data + b"\r\n", 5))
broken("csv.blank-line", "in-the-manifest", rewrite("manifest.csv", lambda data: data + b"\r\n", 19))
valid("csv.blank-line", "last-cells-blank", put("results", 2, "comment", ""))

broken("csv.row-width", "one-more", replace("results.csv", b"Well done\r\n", b"Well done,\r\n", 2))
broken("csv.row-width", "one-less", replace("results.csv", b"2025-09-09,\r\n", b"2025-09-09\r\n", 3))
broken("csv.row-width", "row-others-point-at", replace("users.csv", b"user-sky,,,", b"user-sky,,,,", 5))
broken("csv.row-width", "unquoted-comma", replace("results.csv", b"Well done", b"Well, done", 2))
valid("csv.row-width", "commas-in-quotes", put("results", 2, "comment", "Well,, done,"))

NOISE = base64.b64encode(random.Random(1).randbytes(3_300_000)).decode()
broken("csv.too-large", "cell-of-4-mb", put("results", 3, "comment", NOISE), column=ANY)
broken("csv.too-large", "cells-without-end", replace("results.csv", b"Well done\r\nres-2", b"Well done" + b"," * 5000
	+ b"\r\nres-2", 2), column=ANY)
valid("csv.too-large", "cell-of-800-kb", put("results", 3, "comment", NOISE[:800_000]))


def spreadsheet(separator, quote=b"", head=b""):
	"""A file of plain cells as a spreadsheet program writes it."""
	def change(data):
		assert b'"' not in data
		lines = [separator.join(quote + cell + quote for cell in line.split(b",")) for line in data.split(b"\r\n")[:-1]]
		return head + b"\r\n".join([*lines, b""])
	return change


broken("csv.separator", "semicolons", rewrite("results.csv", spreadsheet(b";")), rows=[1])
broken("csv.separator", "semicolons-in-a-file-others-point-at", rewrite("lineItems.csv", lambda data: data.replace(b",",
	b";")), rows=[1])
broken("csv.separator", "semicolons-and-quotes", rewrite("results.csv", spreadsheet(b";", b'"')), rows=[1])
broken("csv.separator", "semicolons-and-bom", rewrite("results.csv", spreadsheet(b";", head=BOM)), rows=[1])
broken("csv.separator", "tabs", rewrite("results.csv", spreadsheet(b"\t")), rows=[1])
broken("csv.separator", "sep-line", rewrite("results.csv", spreadsheet(b",", head=b"sep=,\r\n")), rows=[1])
broken("csv.separator", "sep-line-and-semicolons", rewrite("results.csv", spreadsheet(b";", head=b"sep=;\r\n")), rows=[1])
broken("csv.separator", "manifest", rewrite("manifest.csv", spreadsheet(b";", head=BOM)), rows=[1])
broken("csv.separator", "manifest-with-quotes", rewrite("manifest.csv", spreadsheet(b"\t", b'"')), rows=[1])
valid("csv.separator", "in-values", put("results", 2, "comment", "Well; done"), put("users", 2, "givenName", "Tess;Ivy"),
	put("orgs", 2, "name", "sep=;"))

broken("csv.line-break", "lf", put("results", 2, "comment", "Well\ndone"))
broken("csv.line-break", "cr-lf", put("results", 2, "comment", "Well\r\ndone"))
broken("csv.line-break", "cr", put("results", 2, "comment", "Well\rdone"))
broken("csv.line-break", "rows-behind-keep-their-number", put("results", 2, "comment", "Well\n\ndone"),
	put("results", 3, "scoreDate", "yesterday"), column="comment", rows=[2],
	also=[("field.date", None, "results.csv", "scoreDate", [3])])
valid("csv.line-break", "letters", put("results", 2, "comment", "Well\\ndone, \\r\\n"))

for name, value in {"nul": "Well\0done", "tab": "Well\tdone", "bell": "\a", "escape": "\x1b[2J",
	"us": "Well\x1f", "mark-inside": "Well\ufeffdone"}.items():
	broken("csv.control", name, put("results", 2, "comment", value))
broken("csv.control", "nul-in-an-id-list", replace("classes.csv", b"1,3", b"1,\0003", 2, "periods"))
valid("csv.control", "hard-blanks", put("results", 2, "comment", "Well\u00a0done\u202f!"))

broken("csv.backslash-quote", "quoted", replace("results.csv", b",Well done", b',"Well done\\"', 2, "comment"))
broken("csv.backslash-quote", "with-a-comma", put("results", 2, "comment", "Well, done\\"))
valid("csv.backslash-quote", "not-quoted", put("results", 2, "comment", "Well done\\"))
valid("csv.backslash-quote", "before-the-last-letter", put("results", 2, "comment", "Well, \\done"))

broken("csv.blank-only", "one", put("users", 2, "middleName", " "))
broken("csv.blank-only", "several", put("results", 3, "comment", "    "))
valid("csv.blank-only", "around-a-word", put("users", 2, "middleName", " Ivy "))
valid("csv.blank-only", "quoted-nothing", replace("users.csv", b",Ivy,", b',"",'))

# Headers


def named(table):
	return HEADERS[table].split(",")


broken("header.missing", "last", columns("demographics", named("demographics")[:-1]),
	column="publicSchoolResidenceStatus")
broken("header.missing", "in-the-middle", columns("users", [n for n in named("users") if n != "middleName"]),
	column="middleName")
broken("header.missing", "status", columns("resources", [n for n in named("resources") if n != "status"]),
	column="status")
valid("header.missing", "blank-cells", *(put("users", row, column, "") for row in (2, 4)
	for column in ("middleName", "sms", "phone", "userIds", "identifier")))


def swapped(table, one, other):
	names = named(table)
	a, b = names.index(one), names.index(other)
	names[a], names[b] = other, one
	return columns(table, names)


broken("header.order", "two-swapped", swapped("users", "givenName", "familyName"), column=ANY)
broken("header.order", "id-last", columns("results", named("results")[1:] + ["sourcedId"]), column=ANY)
broken("header.order", "other-order-of-enrollments", columns("enrollments", ["sourcedId", "status", "dateLastModified",
	"userSourcedId", "classSourcedId", "schoolSourcedId", "role", "primary", "beginDate", "endDate"]), column=ANY)
valid("header.order", "quoted", rewrite("users.csv", lambda data: b'"' + data.split(b"\r\n")[0].replace(b",", b'","')
	+ b'"\r\n' + data.split(b"\r\n", 1)[1]))

broken("header.case", "id", renamed("results", "sourcedId", "sourcedID"), column=ANY)
broken("header.case", "required", renamed("users", "givenName", "givenname"), column=ANY)
broken("header.case", "optional", renamed("users", "userIds", "userIDs"), column=ANY)
valid("header.case", "metadata", columns("users", named("users") + ["metadata.GivenName"]))

broken("header.misspelled", "one-letter", renamed("users", "grades", "grade"), column="grade")
broken("header.misspelled", "id", renamed("results", "sourcedId", "sourced_id"), column="sourced_id")
broken("header.misspelled", "blank", renamed("users", "givenName", "Given Name"), column="Given Name")
broken("header.misspelled", "judged-all-the-same", renamed("results", "scoreDate", "scoreDat"),
	lambda b: (b.rows["results"][1].__setitem__(7, "yesterday"),
	("results.csv", "scoreDat", [1]))[1], also=[("field.date", None, "results.csv", "scoreDate", [3])])
valid("header.misspelled", "metadata", columns("users", named("users") + ["metadata.grade", "metadata.sourced_id"]))

broken("header.duplicate", "known", columns("results", named("results") + ["comment"]), column=ANY)
broken("header.duplicate", "metadata", columns("users", named("users") + ["metadata.team", "metadata.team"]),
	column=ANY)
valid("header.duplicate", "metadata-of-that-name", columns("users",
	named("users") + ["metadata.email", "metadata.phone"]))

broken("header.extension", "of-1.2", columns("categories", named("categories") + ["weight"], {"weight": ["40", "60"]}),
	column=ANY)
broken("header.extension", "invented", columns("users", named("users") + ["homeroom"], {"homeroom": ["12"] * 6}),
	column=ANY)
broken("header.extension", "metadata-in-front", columns("results", ["metadata.room", *named("results")]), column=ANY)
valid("header.extension", "metadata", columns("users", named("users") + ["metadata.homeroom", "metadata.a.b"],
	{"metadata.homeroom": ["12"] * 6}))

broken("file.empty", "results", empty("results"), column=ANY, rows=ANY, severity="W")
broken("file.empty", "classResources", empty("classResources"), column=ANY, rows=ANY, severity="W")
valid("file.empty", "one-row", without("results", "lineItems"), severity="W")
broken("file.empty", "enrollments", empty("enrollments"), column=ANY, rows=ANY, severity="E")
valid("file.empty", "one-enrollment", lambda b: [b.rows[name].__delitem__(slice(1, None)) for name in ("enrollments",
	"classes")], severity="E")

# Ids

broken("id.empty", "result", put("results", 3, "sourcedId", ""))
broken("id.empty", "enrollment", put("enrollments", 4, "sourcedId", ""))
valid("id.empty", "zero", put("results", 3, "sourcedId", "0"))

for name, value in {"blank": "res 2", "brace": "{res-2}", "colon": "res:2", "letter": "rés-2", "comma": "res,2",
		"underscore-and-plus": "res_2+"}.items():
	broken("id.chars", name, put("results", 3, "sourcedId", value))
valid("id.chars", "every-character", put("results", 3, "sourcedId", "0189AZaz.-_/@"),
	put("results", 2, "sourcedId", "@"))

broken("id.length", "256", put("results", 3, "sourcedId", "r" * 256))
valid("id.length", "255", put("results", 3, "sourcedId", "r" * 255))

broken("id.duplicate", "result", put("results", 3, "sourcedId", "res-1"))
broken("id.duplicate", "user", copied("users", 7, username="ada.again"), column="sourcedId")
broken("id.duplicate", "far-apart", repeated("results", 2000), copied("results", 3), column="sourcedId")
valid("id.duplicate", "in-another-file", put("results", 3, "sourcedId", "enr-1"),
	put("categories", 2, "sourcedId", "cat-hw"))

broken("id.case-clash", "result", put("results", 3, "sourcedId", "RES-1"))
broken("id.case-clash", "enrollment", put("enrollments", 5, "sourcedId", "Enr-2"))
valid("id.case-clash", "in-another-file", put("results", 3, "sourcedId", "ENR-1"))

# Cells

TAUGHT = add("enrollments", sourcedId="one-more-1", classSourcedId="one-more", schoolSourcedId="org-north",
	userSourcedId="user-theo", role="teacher")

for table, names in REQUIRED.items():
	for each in names:
		others = {"username": "one.more", "userSourcedId": "user-ada"}
		cells = {name: others.get(name, ROWS[table][0].get(name)) for name in names if name != each}
		broken("field.required", f"{table}-{each}", *([TAUGHT] if table == "classes" else []),
			add(table, sourcedId="one-more", **cells), column=each)
broken("field.required", "blanks-alone", put("users", 5, "givenName", "  "))
valid("field.required", "optional-blank", *(add(table, sourcedId="one-more", **{name: ROWS[table][0][name]
	for name in names if name != "username"}, **({"username": "one.more"} if table == "users" else {}))
	for table, names in REQUIRED.items() if table not in ("demographics", "enrollments")),
	add("enrollments", sourcedId="one-more", classSourcedId="class-alg-a", schoolSourcedId="org-north",
		userSourcedId="user-sky", role="student"), TAUGHT)

for table, names in BOOLEANS.items():
	for each in names:
		broken("field.boolean", f"{table}-{each}", put(table, 2, each, "True"))
for name, value in {"one": "1", "yes": "yes", "upper": "TRUE", "blank-behind": "true "}.items():
	broken("field.boolean", name, put("users", 7, "enabledUser", value))
valid("field.boolean", "disabled", put("users", 7, "enabledUser", "false"))

for name, value in {"american": "09/08/2025", "no-zeros": "2025-9-8", "no-such-day": "2025-02-30",
	"no-leap-year": "2025-02-29",
		"century": "1900-02-29", "month-13": "2025-13-01", "with-time": "2025-09-08T00:00:00.000Z", "compact": "20250908",
		"day-0": "2025-09-00", "blank-behind": "2025-09-08 ", "words": "today"}.items():
	broken("field.date", name, put("results", 2, "scoreDate", value))
for table, names in {"academicSessions": ["startDate", "endDate"], "demographics": ["birthDate"],
		"enrollments": ["beginDate", "endDate"], "lineItems": ["assignDate", "dueDate"]}.items():
	for each in names:
		broken("field.date", f"{table}-{each}", put(table, 2, each, "2025-06-31"))
valid("field.date", "leap-days", put("results", 2, "scoreDate", "2024-02-29"),
	put("results", 3, "scoreDate", "2000-02-29"))

for name, value in {"no-zone": "2026-01-05T08:00:00.000", "offset": "2026-01-05T08:00:00.000+02:00",
	"date": "2026-01-05",
		"blank": "2026-01-05 08:00:00.000Z", "month-13": "2026-13-05T08:00:00.000Z", "hour-25": "2026-01-05T25:00:00.000Z",
		"small-z": "2026-01-05T08:00:00.000z"}.items():
	broken("field.datetime", name, delta(*TABLES), put("results", 2, "dateLastModified", value))
valid("field.datetime", "last-millisecond", delta(*TABLES), put("results", 2, "dateLastModified",
	"2024-02-29T23:59:59.999Z"))

for name, value in {"two-digits": "26", "span": "2025-2026", "slash": "2025/26", "letters": "MMXX"}.items():
	broken("field.year", name, put("academicSessions", 5, "schoolYear", value))
valid("field.year", "long-ago", put("academicSessions", 5, "schoolYear", "1999"))

for name, value in {"comma": "8,5", "letter": "A", "percent": "85%", "two-points": "8.5.1", "hexadecimal": "0x10",
		"not-a-number": "NaN"}.items():
	broken("field.float", name, put("results", 2, "score", value))
broken("field.float", "least-value", put("lineItems", 2, "resultValueMin", "none"))
broken("field.float", "greatest-value", put("lineItems", 2, "resultValueMax", "1 000"))
valid("field.float", "negative", put("results", 2, "score", "-1.25"),
	put("results", 3, "score", "100000000000000000000"))

for (table, column), words in VOCABULARIES.items():
	row = len(ROWS[table]) + 1
	broken("field.enum", f"{table}-{column}", put(table, row, column, "visitor"))
broken("field.enum", "other-case", put("users", 7, "role", "Administrator"))
broken("field.enum", "parent-in-a-class", put("enrollments", 5, "role", "parent"))
broken("field.enum", "underscore", put("results", 2, "scoreStatus", "fully_graded"))
broken("field.enum", "one-of-a-list", put("resources", 2, "roles", "student,visitor"))
broken("field.enum", "status", delta(*TABLES), put("results", 2, "status", "inactive"))
valid("field.enum", "every-user-role", *(copied("users", 7, sourcedId="more-" + word, username="more." + word,
	email=word + "@valley.example", role=word) for word in VOCABULARIES["users", "role"]))
valid("field.enum", "every-other-word",
	*(copied("enrollments", 5, sourcedId="more-" + word, role=word, userSourcedId=user) for word, user in
		zip(VOCABULARIES["enrollments", "role"], ("user-petra", "user-ada", "user-sol", "user-tess"))),
	*(copied("orgs", 2, sourcedId="more-" + word, type=word) for word in VOCABULARIES["orgs", "type"]),
	*(copied("academicSessions", 5, sourcedId="more-" + word, type=word) for word in VOCABULARIES["academicSessions",
	"type"]),
	*(copied("results", 2, sourcedId="more-" + str(n), scoreStatus=word)
		for n, word in enumerate(VOCABULARIES["results", "scoreStatus"])),
	put("resources", 2, "importance", "secondary"), put("resources", 3, "roles", ",".join(VOCABULARIES["users", "role"])),
	put("demographics", 3, "sex", "male"))

for name, table, row, column, value in (("empty-between", "classes", 2, "periods", "1,,3"),
		("comma-in-front", "classes", 2, "termSourcedIds", ",term-fall"),
		("comma-behind", "users", 2, "orgSourcedIds", "org-north,"),
		("only-commas", "users", 5, "grades", ","), ("words", "courses", 3, "subjects", "Mathematics,,Algebra"),
		("roles", "resources", 2, "roles", "student,")):
	broken("field.list", name, put(table, row, column, value))
valid("field.list", "many", put("classes", 2, "periods", "1,2,3,4,5,6,A,B"), put("classes", 3, "periods", "1"))

for name, value in {"bare": "tquill", "no-braces": "LDAP:tquill", "no-type": "{tquill}", "open": "{LDAP:tquill",
		"second-bare": "{LDAP:tquill},4711",
	"comma-inside": "{LDAP:tess,quill}"}.items():
	broken("field.userids", name, put("users", 2, "userIds", value))
valid("field.userids", "colons", put("users", 2, "userIds", "{LTI:https://id.example/u:7},{Fed:tquill@north.example}"))

for name, table, row, column, value in (("one-digit", "users", 5, "grades", "9"),
	("kindergarten", "classes", 3, "grades", "K"),
		("one-of-a-list", "courses", 2, "grades", "09,14"), ("lower-case", "users", 5, "grades", "kg")):
	broken("field.grade", name, put(table, row, column, value))
valid("field.grade", "all", put("courses", 2, "grades", ",".join(GRADES)))

broken("field.subjects", "course", put("courses", 2, "subjectCodes", "02052"), column=ANY)
broken("field.subjects", "class", put("classes", 2, "subjects", "Mathematics,Algebra"), column=ANY)
valid("field.subjects", "no-codes", put("courses", 2, "subjectCodes", ""))
valid("field.subjects", "only-codes", put("courses", 2, "subjects", ""))

for name, value in {"no-at": "sky.south.example", "no-host": "sky@", "no-name": "@south.example",
	"two": "sky@a.example@b.example",
		"blank": "sky dew@south.example"}.items():
	broken("field.email", name, put("users", 5, "email", value))
valid("field.email", "unusual", put("users", 5, "email", "s.k+y_o'1@mail.south.example"), put("users", 7, "email", ""))
valid("field.email", "shared", put("users", 5, "email", "sol@north.example"))

broken("field.length", "256", put("results", 2, "comment", "w" * 256), consumer="text-255")
broken("field.length", "256-long-letters", put("users", 5, "familyName", "é" * 256), consumer="text-255")
valid("field.length", "255-long-letters", put("users", 5, "familyName", "é" * 255), consumer="text-255")
valid("field.length", "nobody-asked", put("results", 2, "comment", "w" * 4000))

for table, row, column, value in (("results", 3, "sourcedId", "1.23E+12"), ("results", 3, "studentSourcedId", "4E+11"),
	("users", 4, "identifier", "1.00042E+15"), ("users", 2, "orgSourcedIds", "org-north,9.9E+11"),
	("resources", 3, "vendorResourceId", "1,5E+100"), ("users", 2, "phone", "5.55E+09")):
	broken("field.rounded", f"{table}-{column}", put(table, row, column, value))
valid("field.rounded", "nearly", put("users", 4, "identifier", "1.23E12"), put("users", 2, "identifier", "12.3E+10"),
	put("users", 2, "middleName", "E+123"), put("results", 2, "comment", "1.23E+12 points"),
	put("results", 3, "sourcedId", "1.23E-12"))

broken("field.password", "one", put("users", 2, "password", "Hush-hush 1"))
broken("field.password", "metadata", columns("users", named("users") + ["metadata.login.Password"],
	{"metadata.login.Password": ["", "Hush-hush 1", "", "", "", ""]}), column="metadata.login.Password", rows=[3])
valid("field.password", "column-without-any", columns("users", named("users") + ["metadata.password"]))

# Bulk and delta

broken("bulk.status", "active", put("results", 3, "status", "active"))
broken("bulk.status", "deleted", put("users", 7, "status", "tobedeleted"))
valid("bulk.status", "delta", delta(*TABLES), put("results", 3, "status", "tobedeleted"))
broken("bulk.date", "moment", put("results", 3, "dateLastModified", MOMENT))
valid("bulk.date", "delta", delta("results"), put("results", 3, "dateLastModified", "1999-12-31T23:59:59.999Z"))
broken("delta.status", "blank", delta(*TABLES), put("results", 3, "status", ""))
valid("delta.status", "bulk", delta("classResources"))
broken("delta.date", "blank", delta(*TABLES), put("results", 3, "dateLastModified", ""))
valid("delta.date", "all", delta(*TABLES))

# References

for table, names in REFERENCES.items():
	for each in names:
		row = len(ROWS[table]) + 1
		if table == "orgs":
			row = 2
		elif table == "academicSessions":
			row = 2
		elif table == "demographics":
			row = 3
		broken("ref.missing", f"{table}-{each}", put(table, row, each, "nobody-knows"))
broken("ref.missing", "last-of-a-list", put("classes", 2, "termSourcedIds", "term-fall,term-winter"))
broken("ref.missing", "first-of-a-list", put("users", 2, "orgSourcedIds", "org-west,org-south"))
broken("ref.missing", "agent", put("users", 6, "agentSourcedIds", "user-sol,user-sal"))
broken("ref.missing", "other-case", put("results", 3, "studentSourcedId", "USER-SOL"))
broken("ref.missing", "id-of-another-file", put("results", 3, "studentSourcedId", "org-north"))
broken("ref.missing", "prefix", put("results", 3, "studentSourcedId", "user-so"))
broken("ref.missing", "file-absent", without("resources", "classResources"), file="courseResources.csv",
	column="resourceSourcedId", rows=[2])
valid("ref.missing", "row-comes-later", *(reorder(table, range(len(ROWS[table]) + 1, 1, -1)) for table in TABLES))
valid("ref.missing", "file-comes-later", order(lambda names: names[::-1]))
valid("ref.missing", "file-the-receiver-does-not-read", without("courses", "academicSessions"), base="core",
	consumer="four-files")
valid("ref.missing", "delta-need-not-be-whole", delta(*TABLES), without("users", "orgs", "demographics"))

broken("ref.school-type", "class", put("classes", 2, "schoolSourcedId", "org-valley"))
broken("ref.school-type", "enrollment", put("enrollments", 3, "schoolSourcedId", "org-valley"))
valid("ref.school-type", "course-of-a-district", put("courses", 3, "orgSourcedId", "org-valley"))

broken("ref.schoolyear-type", "term", put("courses", 2, "schoolYearSourcedId", "term-fall"))
valid("ref.schoolyear-type", "blank", put("courses", 2, "schoolYearSourcedId", ""))

broken("ref.cycle", "own-parent", put("orgs", 2, "parentSourcedId", "org-valley"), column=ANY, rows=ANY)
broken("ref.cycle", "two", put("academicSessions", 2, "parentSourcedId", "term-fall"), column=ANY, rows=ANY)
broken("ref.cycle", "orgs-round", put("orgs", 2, "parentSourcedId", "org-south"), column=ANY, rows=ANY)
valid("ref.cycle", "deep", *(copied("orgs", 4, sourcedId=f"org-{n}", type="department",
	parentSourcedId=f"org-{n + 1}" if n < 200 else "org-south") for n in range(201)))
valid("ref.cycle", "people-point-at-each-other", put("users", 6, "agentSourcedIds", "user-sol,user-petra"))

# What rows mean together

broken("sem.two-primary", "two-teachers", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess"),
	column=ANY)
broken("sem.two-primary", "same-weeks", put("enrollments", 2, "endDate", "2026-01-01"), copied("enrollments", 2,
	sourcedId="enr-5", userSourcedId="user-theo", beginDate="2025-12-01", endDate="2026-07-01"), column=ANY)
valid("sem.two-primary", "second-not-primary", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess",
	primary="false"), copied("enrollments", 4, sourcedId="enr-6", userSourcedId="user-ada", primary=""))
valid("sem.two-primary", "one-after-the-other", put("enrollments", 2, "endDate", "2026-01-01"), copied("enrollments", 2,
	sourcedId="enr-5", userSourcedId="user-theo", beginDate="2026-01-01", endDate="2026-07-01"))

broken("sem.primary-role", "student", put("enrollments", 5, "primary", "true"))
broken("sem.primary-role", "administrator", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-ada",
	role="administrator"), column="primary")
valid("sem.primary-role", "not-primary", put("enrollments", 5, "primary", "false"))
valid("sem.primary-role", "teacher-who-is-administrator", put("enrollments", 4, "userSourcedId", "user-ada"))

broken("sem.dates", "enrollment", put("enrollments", 3, "endDate", "2025-07-31"), column=ANY)
broken("sem.dates", "session", put("academicSessions", 5, "endDate", "2025-07-31"), column=ANY)
valid("sem.dates", "same-day", put("enrollments", 3, "endDate", "2025-08-01"))
valid("sem.dates", "only-an-end", put("enrollments", 3, "beginDate", ""),
	put("enrollments", 5, "beginDate", "2030-01-01"))

broken("sem.username", "one-row-for-each-role", copied("users", 2, sourcedId="user-tess-2", role="administrator"),
	column=ANY,
	rows=ANY)
valid("sem.username", "number-of-another", put("users", 5, "username", "user-sol"))

broken("sem.twice", "student", copied("enrollments", 3, sourcedId="enr-5"), column="userSourcedId")
broken("sem.twice", "in-another-role", copied("enrollments", 3, sourcedId="enr-5", role="teacher"), column="userSourcedId")
broken("sem.twice", "one-day", copied("enrollments", 3, sourcedId="enr-5", beginDate="2026-06-30", endDate=""),
	column="userSourcedId")
valid("sem.twice", "left-and-came-back", put("enrollments", 3, "endDate", "2026-01-01"), copied("enrollments", 3,
	sourcedId="enr-5", beginDate="2026-01-01"))
valid("sem.twice", "in-two-classes", copied("enrollments", 3, sourcedId="enr-5", classSourcedId="class-home-b",
	schoolSourcedId="org-south"))

broken("sem.other-school", "student", put("enrollments", 3, "schoolSourcedId", "org-south"))
valid("sem.other-school", "user-of-another-school", put("users", 4, "orgSourcedIds", "org-south"))

broken("sem.no-teacher", "class", put("enrollments", 4, "role", "proctor"), put("enrollments", 4, "primary", ""),
	file="classes.csv", column=None, rows=[3])
broken("sem.no-teacher", "without-anybody", copied("classes", 3, sourcedId="class-more"), file="classes.csv", column=None)
valid("sem.no-teacher", "not-primary", put("enrollments", 4, "primary", "false"))

broken("sem.no-school", "none", put("orgs", 3, "type", "local"), put("orgs", 4, "type", "department"), column=None, rows=[],
	also=[("ref.school-type", None, "classes.csv", "schoolSourcedId", [2, 3]),
		("ref.school-type", None, "enrollments.csv", "schoolSourcedId", [2, 3, 4, 5])])
valid("sem.no-school", "only-schools", put("orgs", 2, "type", "school"))

broken("sem.over", "yesterday", put("academicSessions", 2, "endDate", "2026-01-04"),
	put("academicSessions", 4, "endDate", "2026-01-05"), column=None, rows=[])
valid("sem.over", "last-day", put("academicSessions", 2, "endDate", "2026-01-04"),
	put("academicSessions", 4, "endDate", "2026-01-06"))

broken("sem.size", "class", copied("enrollments", 3, sourcedId="enr-5", userSourcedId="user-sky"), consumer="sizes",
	file=ANY,
	column=ANY, rows=ANY)
broken("sem.size", "teacher", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess", primary="false"),
	copied("classes", 3, sourcedId="class-more"), copied("enrollments", 4, sourcedId="enr-6", classSourcedId="class-more",
	userSourcedId="user-tess"), consumer="sizes", file=ANY, column=ANY, rows=ANY)
valid("sem.size", "just-so-many", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess",
	primary="false"),
	consumer="sizes")
valid("sem.size", "nobody-asked", copied("enrollments", 3, sourcedId="enr-5", userSourcedId="user-sky"))

# One receiver's wishes: the files of consumers/

broken("id.length", "of-the-receiver", put("results", 3, "sourcedId", "r" * 21), consumer="ids")
valid("id.length", "as-long-as-the-receiver-takes", put("results", 3, "sourcedId", "r" * 20), consumer="ids")
broken("id.chars", "of-the-receiver", put("results", 3, "sourcedId", "res.2"), consumer="ids")
valid("id.chars", "that-the-receiver-takes", put("results", 3, "sourcedId", "-Res2"), consumer="ids")
broken("field.grade", "of-the-receiver", put("users", 5, "grades", "11"), consumer="grades")
valid("field.grade", "that-the-receiver-takes", put("users", 5, "grades", "-1"), put("classes", 2, "grades", "K,09"),
	consumer="grades")

broken("consumer.form", "folder", form="folder", consumer="form-zip", file=None, column=None, rows=[])
broken("consumer.form", "zip", consumer="form-loose", file=None, column=None, rows=[])
valid("consumer.form", "zip-wanted", consumer="form-zip")
valid("consumer.form", "folder-wanted", consumer="form-loose", form="folder")

broken("consumer.zip-name", "other", consumer="zip-name", zip_name="Oneroster.zip", file=ANY)
valid("consumer.zip-name", "same", consumer="zip-name", zip_name="OneRoster.zip")

broken("consumer.size", "too-large", put("results", 3, "comment", NOISE[:8000]), consumer="zip-max", file=None,
	column=None, rows=[])
valid("consumer.size", "small", base="core", consumer="zip-max")

broken("consumer.file-missing", "absent", without("demographics", "results"), consumer="files", column=ANY, rows=ANY)
broken("consumer.file-unwanted", "present", consumer="files", file="results.csv", column=ANY, rows=ANY)
valid("consumer.file-missing", "present", without("results"), consumer="files")
valid("consumer.file-unwanted", "absent", without("results", "lineItems", "categories"), consumer="files")

broken("consumer.empty", "header-alone", empty("results"), consumer="empty-absent", file="results.csv", column=ANY,
	rows=ANY)
valid("consumer.empty", "absent", without("results"), consumer="empty-absent")
valid("consumer.empty", "header-wanted", empty("results"), consumer="empty-header")

broken("consumer.metadata", "none-taken", columns("users", named("users") + ["metadata.homeroom"]),
	consumer="metadata-none",
	column=ANY, rows=ANY)
broken("consumer.metadata", "not-listed", columns("users", named("users") + ["metadata.team"]),
	consumer="metadata-listed",
	column=ANY, rows=ANY)
broken("consumer.metadata", "of-another-file", columns("orgs", named("orgs") + ["metadata.homeroom"]),
	consumer="metadata-listed", column=ANY, rows=ANY)
valid("consumer.metadata", "listed", columns("users", named("users") + ["metadata.homeroom"]),
	consumer="metadata-listed")
valid("consumer.metadata", "no-columns", consumer="metadata-none")


def all_quoted(data):
	"""Every cell in quotes; no cell of the file holds any."""
	ends = data.replace(b"\r\n", b"\n").split(b"\n")[:-1]
	assert b'"' not in data
	return b"".join(b'"' + line.replace(b",", b'","') + b'"\r\n' for line in ends)


def every_file_quoted(needs):
	"""The files of the bundle with those cells in quotes that need it."""
	def cell(text):
		return '"' + text.replace('"', '""') + '"' if needs(text) else text
	def write(files):
		rows = {"manifest.csv": [["propertyName", "value"], *QUOTED.manifest],
			**{name + ".csv": [QUOTED.header[name], *QUOTED.rows[name]] for name in QUOTED.rows}}
		return {name: "".join(",".join(map(cell, row)) + "\r\n" for row in rows[name]).encode() for name in files}
	return rewrite(None, write)


QUOTED = Bundle()
ALL_QUOTED = every_file_quoted(lambda text: True)
BLANKS_QUOTED = every_file_quoted(lambda text: any(c in text for c in ', "'))

broken("consumer.quote", "cell-without", ALL_QUOTED, replace("results.csv", b'"Well done"', b"Well done", 2),
	column=ANY,
	rows=ANY, consumer="quote-all")
broken("consumer.quote", "needless", rewrite("categories.csv", all_quoted), column=ANY, rows=ANY,
	consumer="quote-minimal")
valid("consumer.quote", "all", ALL_QUOTED, consumer="quote-all")
valid("consumer.quote", "needed", put("results", 2, "comment", 'Well, "done"'), consumer="quote-minimal")
broken("consumer.quote", "blank-without", BLANKS_QUOTED, replace("results.csv", b'"Well done"', b"Well done", 2),
	column=ANY, rows=ANY, consumer="quote-blanks")
broken("consumer.quote", "no-blank", BLANKS_QUOTED, replace("results.csv", b'"Well done"', b'"Well-done"', 2),
	column=ANY, rows=ANY, consumer="quote-blanks")
valid("consumer.quote", "blanks", BLANKS_QUOTED, consumer="quote-blanks")
valid("consumer.quote", "leading-blank", put("results", 2, "comment", " Well done"), consumer="quote-minimal")

broken("consumer.eol", "lf-in-one", rewrite("orgs.csv", lambda data: data.replace(b"\r\n", b"\n")), consumer="eol-crlf",
	rows=ANY)
broken("consumer.eol", "crlf-in-one", line_ends("\n"), rewrite("orgs.csv", lambda data: data.replace(b"\n", b"\r\n")),
	consumer="eol-lf", rows=ANY)
valid("consumer.eol", "crlf", consumer="eol-crlf")
valid("consumer.eol", "lf", line_ends("\n"), consumer="eol-lf")

broken("consumer.role", "user", put("users", 7, "role", "aide"), consumer="roles")
broken("consumer.role", "enrollment", copied("enrollments", 5, sourcedId="enr-5", role="proctor", userSourcedId="user-ada"), column="role",
	consumer="roles")
valid("consumer.role", "taken", put("users", 7, "role", "parent"), consumer="roles")

broken("consumer.org-type", "state", put("orgs", 2, "type", "state"), consumer="org-types")
valid("consumer.org-type", "taken", consumer="org-types")

broken("consumer.required", "of-a-role", put("users", 2, "identifier", ""), put("users", 3, "identifier", "T-0002"),
	rows=[2], consumer="required")
broken("consumer.required", "of-all", put("users", 3, "identifier", "T-0002"), put("users", 6, "email", ""),
	consumer="required")
valid("consumer.required", "blank-for-others", put("users", 3, "identifier", "T-0002"),
	put("users", 4, "identifier", ""),
	consumer="required")

broken("consumer.unique", "shared", put("users", 3, "identifier", "T-0002"),
	put("users", 5, "email", "sol@north.example"),
	consumer="required")
valid("consumer.unique", "only-e-mail", put("users", 3, "identifier", "T-0001"), consumer="required")

broken("consumer.text", "apostrophe", put("users", 5, "familyName", "O'Dewhollow"), consumer="text-chars")
broken("consumer.text", "title", put("classes", 3, "title", "Homeroom (B)"), consumer="text-chars")
valid("consumer.text", "hyphen", put("users", 5, "familyName", "Dew-Hollow, Jr."), consumer="text-chars")
valid("consumer.text", "user-ids-are-no-text", put("users", 5, "userIds", "{LDAP:sky}"), consumer="text-chars")

broken("consumer.periods", "letter", put("classes", 3, "periods", "A"), consumer="periods")
broken("consumer.periods", "one-of-a-list", put("classes", 2, "periods", "1,2nd"), consumer="periods")
valid("consumer.periods", "numbers", put("classes", 3, "periods", "0,12"), consumer="periods")

broken("consumer.primary", "two-teachers", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess"),
	column="primary", consumer="one-primary")
valid("consumer.primary", "second-not-primary", copied("enrollments", 4, sourcedId="enr-5", userSourcedId="user-tess",
	primary="false"), consumer="one-primary")

broken("consumer.disabled", "false", put("users", 7, "enabledUser", "false"), consumer="enabled")
valid("consumer.disabled", "all-enabled", consumer="enabled")
valid("consumer.disabled", "nobody-asked", put("users", 7, "enabledUser", "false"))

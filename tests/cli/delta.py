#!/usr/bin/env python3
"""Applies a delta bundle to a bulk bundle: delta.py OLD DELTA

Prints for each file how many rows there are then. Made from the standard's words about delta files alone, and strict:
whatever a receiver could stumble over in the delta ends it. Exit: 0 fine, 3 the delta is wrong.
"""

import csv
import io
import os
import re
import sys
import zipfile

FILES = [
	"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
	"enrollments", "lineItems", "orgs", "resources", "results", "users",
]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Wrong(Exception):
	"""What is wrong with a bundle."""


def demand(what, text):
	if not what:
		raise Wrong(text)


def read(path):
	"""The files of a zip or a folder: name, bytes."""
	if os.path.isdir(path):
		files = {}
		for name in os.listdir(path):
			with open(os.path.join(path, name), "rb") as f:
				files[name] = f.read()
		return files
	with zipfile.ZipFile(path) as z:
		names = z.namelist()
		demand(len(names) == len(set(names)), f"{path}: an entry twice")
		demand(z.testzip() is None, f"{path}: damaged")
		return {name: z.read(name) for name in names}


def cells(data):
	"""The rows of a CSV file, header first. A line break of any kind is kept out of cells by the caller's data."""
	return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def modes(files):
	"""The 13 modes of a manifest, which must be true."""
	demand("manifest.csv" in files, "no manifest")
	table = cells(files["manifest.csv"])
	demand(table[0] == ["propertyName", "value"], f"manifest header {table[0]}")
	said = dict(table[1:])
	demand(len(said) == len(table) - 1, "a property twice")
	demand(said.get("manifest.version") == "1.0", "manifest.version")
	demand(said.get("oneroster.version") == "1.1", "oneroster.version")
	found = {name: said.get("file." + name) for name in FILES}
	for name, mode in found.items():
		demand(mode in ("absent", "bulk", "delta"), f"{name}: mode {mode}")
		demand((name + ".csv" in files) == (mode != "absent"), f"{name}: {mode} is not true")
	demand(set(files) <= {name + ".csv" for name in FILES} | {"manifest.csv"}, f"strange files: {sorted(files)}")
	return found


def rows(data):
	"""The header, and the rows as dicts by sourcedId; of rows with one id the last counts."""
	table = cells(data)
	for number, row in enumerate(table, 1):
		demand(len(row) == len(table[0]), f"line {number} has {len(row)} cells, the header {len(table[0])}")
	place = table[0].index("sourcedId")
	return table[0], {row[place]: dict(zip(table[0], row)) for row in table[1:]}


def bulk(path):
	"""The tables of a bulk bundle; a file that is absent has no rows."""
	files = read(path)
	for name, mode in modes(files).items():
		demand(mode != "delta", f"{name} is no bulk file")
	return {name: rows(files[name + ".csv"])[1] if name + ".csv" in files else {} for name in FILES}


def apply(old, path):
	"""The tables that a receiver of old has after the delta bundle at path."""
	files = read(path)
	new = {}
	for name, mode in modes(files).items():
		new[name] = dict(old[name])
		if mode == "absent":
			continue
		demand(mode == "delta", f"{name}: {mode} in a delta bundle would take the place of all its rows")
		header, changes = rows(files[name + ".csv"])
		demand(header[:3] == ["sourcedId", "status", "dateLastModified"], f"{name}: header {header}")
		demand(len(changes) == len(cells(files[name + ".csv"])) - 1, f"{name}: an id twice")
		for key, row in changes.items():
			demand(MOMENT.fullmatch(row["dateLastModified"]), f"{name}: dateLastModified {row['dateLastModified']}")
			if row["status"] == "tobedeleted":
				demand(key in new[name], f"{name}: {key} is to be deleted, but was never there")
				del new[name][key]
			else:
				demand(row["status"] == "active", f"{name}: status {row['status']}")
				new[name][key] = row
	return new


def main(arguments):
	if len(arguments) != 2:
		print(__doc__.splitlines()[0], file=sys.stderr)
		return 2
	try:
		for name, table in apply(bulk(arguments[0]), arguments[1]).items():
			print(f"{name} {len(table)}")
	except (Wrong, OSError, ValueError, csv.Error, zipfile.BadZipFile) as wrong:
		print(f"delta.py: {wrong}", file=sys.stderr)
		return 3
	return 0


if __name__ == "__main__":
	sys.exit(main(sys.argv[1:]))

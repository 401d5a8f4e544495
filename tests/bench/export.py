#!/usr/bin/env python3
"""The same job as a plain script: what somebody with Python and its standard library would write in an afternoon.

	python3 tests/bench/export.py URL OUTPUT.zip [--page-size 5000]

URL is the base address, to which /token and /ims/oneroster/v1p1 are added. Reads the six core collections page by page,
until a page is not full, and writes a bundle with the rows that rosterzip writes. It keeps no promise of rosterzip's: it
does not try again, check, count or prove anything.
"""

import argparse
import csv
import gzip
import http.client
import io
import json
import ssl
import urllib.parse
import zipfile


def ref(record, name):
	return (record.get(name) or {}).get("sourcedId") or ""


def refs(record, name):
	return ",".join(item["sourcedId"] for item in record.get(name) or [])


def words(record, name):
	return ",".join(word.replace(",", "") for word in record.get(name) or [])


def org(r):
	return [r["name"], r["type"], r["identifier"], ref(r, "parent")]


def session(r):
	return [r["title"], r["type"], r["startDate"][:10], r["endDate"][:10], ref(r, "parent"), r["schoolYear"]]


def course(r):
	return [ref(r, "schoolYear"), r["title"], r["courseCode"], words(r, "grades"), ref(r, "org"), words(r, "subjects"),
		words(r, "subjectCodes")]


def class_(r):
	return [r["title"], words(r, "grades"), ref(r, "course"), r["classCode"], r["classType"], r["location"],
		ref(r, "school"), refs(r, "terms"), words(r, "subjects"), words(r, "subjectCodes"), words(r, "periods")]


def user(r):
	ids = ",".join(f"{{{i['type']}:{i['identifier']}}}" for i in r["userIds"] or [])
	return [r["enabledUser"], refs(r, "orgs"), r["role"], r["username"], ids, r["givenName"], r["familyName"],
		r["middleName"], r["identifier"], r["email"], r["sms"], r["phone"], refs(r, "agents"), words(r, "grades"), ""]


def enrollment(r):
	return [ref(r, "class"), ref(r, "school"), ref(r, "user"), r["role"], r["primary"], (r["beginDate"] or "")[:10],
		(r["endDate"] or "")[:10]]


FIRST = ["sourcedId", "status", "dateLastModified"]
FILES = {
	"academicSessions": (session, ["title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"]),
	"classes": (class_, ["title", "grades", "courseSourcedId", "classCode", "classType", "location", "schoolSourcedId",
		"termSourcedIds", "subjects", "subjectCodes", "periods"]),
	"courses": (course, ["schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId", "subjects",
		"subjectCodes"]),
	"enrollments": (enrollment, ["classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary", "beginDate",
		"endDate"]),
	"orgs": (org, ["name", "type", "identifier", "parentSourcedId"]),
	"users": (user, ["enabledUser", "orgSourcedIds", "role", "username", "userIds", "givenName", "familyName",
		"middleName", "identifier", "email", "sms", "phone", "agentSourcedIds", "grades", "password"]),
}
ALL_FILES = ["academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
	"enrollments", "lineItems", "orgs", "resources", "results", "users"]


class Api:
	"""One connection, and a token."""

	def __init__(self, url):
		parts = urllib.parse.urlsplit(url)
		self.base = parts.path
		if parts.scheme == "https":
			self.connection = http.client.HTTPSConnection(parts.netloc, context=ssl.create_default_context())
		else:
			self.connection = http.client.HTTPConnection(parts.netloc)
		form = urllib.parse.urlencode({"grant_type": "client_credentials"})
		token = self.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})["access_token"]
		self.headers = {"Authorization": "Bearer " + token, "Accept-Encoding": "gzip"}

	def ask(self, method, path, body=None, headers=None):
		self.connection.request(method, self.base + path, body, headers or {})
		answer = self.connection.getresponse()
		data = answer.read()
		if answer.status != 200:
			raise SystemExit(f"{path}: {answer.status} {answer.reason}")
		if answer.headers.get("Content-Encoding") == "gzip":
			data = gzip.decompress(data)
		return json.loads(data)

	def records(self, collection, limit):
		offset = 0
		while True:
			query = f"limit={limit}&offset={offset}&sort=sourcedId&orderBy=asc"
			page = self.ask("GET", f"/ims/oneroster/v1p1/{collection}?{query}", headers=self.headers)[collection]
			yield from page
			offset += len(page)
			if len(page) < limit:
				break


def write(bundle, name, rows):
	with bundle.open(name + ".csv", "w") as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
		csv.writer(text).writerows(rows)


def main():
	parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
	parser.add_argument("url")
	parser.add_argument("output")
	parser.add_argument("--page-size", type=int, default=5000)
	options = parser.parse_args()
	api = Api(options.url)
	with zipfile.ZipFile(options.output, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as bundle:
		manifest = [["propertyName", "value"], ["manifest.version", "1.0"], ["oneroster.version", "1.1"]]
		manifest += [["file." + name, "bulk" if name in FILES else "absent"] for name in ALL_FILES]
		write(bundle, "manifest", manifest)
		for name, (convert, columns) in FILES.items():
			rows = [[record["sourcedId"], "", "", *convert(record)] for record in api.records(name, options.page_size)
				if record["status"] == "active"]
			rows.sort()
			write(bundle, name, [FIRST + columns, *rows])


if __name__ == "__main__":
	main()

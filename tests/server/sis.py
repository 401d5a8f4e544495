#!/usr/bin/env python3
"""A student information system that does not exist, for tests and for the quick start.

It makes a OneRoster 1.1 district of any size from schemas/ and a seed, serves it over http or https, and
misbehaves as it is told. It also writes the CSV files that a correct export of that district must equal.

	sis.py serve [district] [--port N] [--scenario FILE] [--set KEY=VALUE]... [--tls --ca-out FILE]
	             [--log FILE] [--until-eof] [--quiet]
	sis.py truth DIR [district] [--collections a,b,c] [--source-name TEXT] [--source-code TEXT]
	             [--empty absent|header] [--after N]
	sis.py rows [district]

`serve` prints one line, `ready http://127.0.0.1:PORT`, and serves until SIGTERM or SIGINT (with --until-eof also
until its standard input ends). The address to give to a client is that one with /aeries behind it. `truth` writes
one CSV file per table and manifest.csv into DIR; its counts go to standard output as JSON. `rows` prints how many
rows each collection serves. Exit: 0 fine, 2 usage, 3 truth with required cells that are blank (they are listed).

District: --schools 3 --users 60 --classes 12 --courses 8 --enrollments 120 --categories 4 --lineItems 12
--results 36 --resources 6 --seed 1 and --with demographics,categories,... (the optional collections to offer, all
by default). orgs are the schools and one district, academicSessions seven for each school, demographics one for
each student. Every record is a pure function of seed and index; equal options give equal bytes.

Scenario: a JSON object in a file, keys below; --set changes single keys (VALUE is JSON, or else plain text). In the
file, "district": {"users": 500, ...} gives the options above (the command line wins) and "about" is for people.

DATA (these change the truth too)
nasty          false  values of every awkward sort: see NASTY_TEXT and Disguise
deleted        0      share of rows marked tobedeleted or inactive; 0.02 when nasty and not given
dangling       0      number of enrollments that name a class which does not exist
stale_copies   0      number of rows per table served twice, the other copy older and different
records        {}     table: [raw records] served after the generated ones, numbers kept as written
blank          {}     "table.column": n leaves the column out of every n-th row
mutate         []     {"table", "after_request": n, "delete": position or "insert": position or "move": position,
                      "to": position}: the row at that position of the serving order goes, or a new row comes to
                      stand there, or the row comes to stand elsewhere, after n answers

LOGIN
login          aeries aeries, aeries-v2, aeries-v1, oauth2, oauth1, bearer or none
base           /aeries       path of the base address; data are below base + data_path
data_path      /ims/oneroster/v1p1
client_id      1d1d...       64 hexadecimal digits, as the secret
client_secret  5e5e...
bearer_token   b0b0...       for login bearer
client_auth    basic         basic, body, query, both or any; aeries-v1: query
basic_encoding form          or raw: how id and secret are written in the Basic header
grant          client_credentials, or password with the keys username and password
token_path     by login      path or list of paths below base
token_address  null          path from the root in place of token_path
token_query    {}            further query parameters that the token address demands (appName)
scope_required by login      true: compulsory; false: optional; "refuse": a scope is an error
scopes_refused []            short names whose request is answered 400 invalid_scope
scopes_granted null          short names ever granted; null: what was asked
scope_needs    by login      collection: short name needed to read it (aeries: enrollments roster.readonly)
token_type     bearer        any text or "missing"
expires_in     by login      any JSON value or "missing"
token_lifetime by login      seconds a token really lives
refresh_lifetime 604800      seconds a refresh token lives (each works once)
refresh_token  true          aeries-v1 only: false sends none
bare_token     false         true: the answer is a JSON string; "text": plain text
code_name      authorization_code   member that holds the v1 code, or bare-json, or bare-text
code_lifetime  300
cookies        by login      true: cookies set by the first login answer are demanded on every later request
wrong_credentials_status 401
token_429      0             so many token calls are answered 429 first
token_limit    null          token calls answered 429 after so many good ones
token_redirect null          address to which the token address redirects (302)
token_unknown_status 404     for token addresses that do not exist
token_404_message true       their body is ASP.NET's {"Message"}; false: a web page
oauth1_methods both          list of HMAC-SHA1, HMAC-SHA256
oauth1_strict  false         true: parameters of the header must be separated by "," alone
clock_skew     0             seconds the server's clock is ahead

PAGING
default_limit  100           rows without a limit
cap            null          greatest page, silently
ignore_limit, ignore_offset  false
total          true          X-Total-Count: true, false, "wrong" (5 too many), "short" (half), "page", "changing"
body_total     false         totalCount, pageCount, limit, offset as members beside the rows
count_header   false         x-count
perm_rev       null          x-perm-rev; "changing": another one each time
link           true          true, false, bare (no <>), relative, foreign, loop, last-only, off-by-one, unquoted,
                             lines (one header line each), cursor (offset ignored, next carries a cursor)
order          id            id, natural, shuffled, unstable (anew for each request), role (students first)
collation      bytes         how `id` and sort compare: bytes, nocase, length
sort_supported by order      true, false (ignored) or "error" (400 invalid_sort_field); true when order is id
filter_supported true        the same, 400 invalid_filter_field; "nothing" (no row ever passes), "total" (X-Total-Count is
                             that of all rows), "lost" (links to other pages are without it)
fields_supported true        the same, 400 invalid_selection_field
past_end       empty         empty, 404, 400 or 204 at offsets behind the last row
derived        true          offer schools, terms, gradingPeriods, students, teachers and the nested collections

ANSWERS
wrapper        {}            table: member name in place of the standard one, or "array" for a bare array; a string
                             stands for all tables
single         false         a list of one row is sent as the row itself
with_status_set false        statusInfoSet before the rows
bom            false         a byte-order mark in front
trailing       ""            text behind the document
encoding       utf-8         or utf-16
gzip           false         true: when the client allows it; "force"
chunked        false         no Content-Length
metadata_mb    0             so many MB of metadata in the first record of each table
member_order   aeries        aeries (sourcedId last), first, reverse
forbidden      []            collections answered 403
missing        []            collections answered 404
nested_only    []            collections answered 404 at their own address, but served below others

PATIENCE
latency        0             seconds before each data answer
capacity       null          {"good": 3, "max": 5, "exponent": 1}: more than good in flight multiply the latency by
                             (in flight / good) ^ exponent, more than max are answered 429
when_limit_over null         a limit above it is answered limit_over_status
limit_over_status 504
retry_after    1             seconds told with every 429 and 503 of its own
retry_after_style seconds    seconds, date, x-ratelimit-reset or none
faults         []            see below
chaos          null          {"seed", "rate", "kinds": [503, 429, cut, stall, 401, ...], "stall": 2, "in_row": 2}:
                             random faults on data answers, never more than in_row on end for one page
tls_names      ["DNS:localhost", "IP:127.0.0.1"]   names in the certificate (--tls)
cache_pages    64            pages kept ready made

A fault: {"match": "users", "offset": 200, "nth": [1, 2], "do": {"status": 503}}
match   a collection, token, authorize, refresh, login (those three), data, or *
when    offset (of the page), nth (list or number: which of the matching requests), every n, first n, always (default)
do      status, headers {}, body "", delay s (before), stall s (in the middle of the body), cut (bytes, or a share of
        the body below 1, then the connection closes), close (no answer at all), truncate_json, html, error_object,
        garbage, redirect URL, gzip, unauthorized, retry_after s, drop_token (the token used is forgotten first)

The log (--log) is one JSON object per request, in the order they ended: t and took in seconds, method, path (secrets as ***), kind, status,
rows, bytes (of the body, as sent), inflight (with this one), fault, broken (the client hung up), whether there was a
cookie, the scheme of authorization, encoding (accepted), agent. Bodies of requests are never logged. Secrets other
than the default ones belong into the scenario file, not behind --set, where every user of the machine sees them.
"""

import argparse
import base64
import calendar
import collections
import copy
import email.utils
import functools
import gzip
import hashlib
import hmac
import http.server
import json
import os
import random
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMAS = os.path.join(HERE, "..", "..", "schemas")

# ------------------------------------------------------------------------------------------------ tables

SCENARIO = {
	# data
	"nasty": False, "deleted": None, "dangling": 0, "stale_copies": 0, "records": {}, "blank": {}, "mutate": [],
	# login
	"login": "aeries", "base": "/aeries", "data_path": "/ims/oneroster/v1p1",
	"client_id": "1d" * 32, "client_secret": "5e" * 32, "bearer_token": "b0" * 32,
	"client_auth": None, "basic_encoding": "form",
	"grant": "client_credentials", "username": "sample", "password": "0b" * 16,
	"token_path": None, "token_address": None, "token_query": {},
	"scope_required": None, "scopes_refused": [], "scopes_granted": None, "scope_needs": None,
	"token_type": "bearer", "expires_in": None, "token_lifetime": None, "refresh_lifetime": 604800,
	"refresh_token": True, "bare_token": False, "code_name": "authorization_code", "code_lifetime": 300,
	"cookies": None, "wrong_credentials_status": 401, "token_429": 0, "token_limit": None,
	"token_redirect": None, "token_unknown_status": 404, "token_404_message": True,
	"oauth1_methods": ["HMAC-SHA1", "HMAC-SHA256"], "oauth1_strict": False, "clock_skew": 0,
	# paging
	"default_limit": 100, "cap": None, "ignore_limit": False, "ignore_offset": False, "total": True,
	"body_total": False, "count_header": False, "perm_rev": None, "link": True, "order": "id",
	"collation": "bytes", "sort_supported": None, "filter_supported": True, "fields_supported": True,
	"past_end": "empty", "derived": True,
	# answers
	"wrapper": {}, "single": False, "with_status_set": False, "bom": False, "trailing": "", "encoding": "utf-8",
	"gzip": False, "chunked": False, "metadata_mb": 0, "member_order": "aeries", "forbidden": [], "missing": [],
	"nested_only": [],
	# patience
	"latency": 0, "capacity": None, "when_limit_over": None, "limit_over_status": 504, "retry_after": 1,
	"retry_after_style": "seconds", "faults": [], "chaos": None, "cache_pages": 64,
	"tls_names": ["DNS:localhost", "IP:127.0.0.1"],
	# for people, and the district's size
	"about": "", "district": {},
}

FAULT_KEYS = {"match", "offset", "nth", "every", "first", "always", "do"}
DO_KEYS = {
	"status", "headers", "body", "delay", "stall", "cut", "close", "truncate_json", "html", "error_object", "garbage",
	"redirect", "gzip", "unauthorized", "retry_after", "drop_token",
}

DISTRICT = {
	"schools": 3, "users": 60, "classes": 12, "courses": 8, "enrollments": 120,
	"categories": 4, "lineItems": 12, "results": 36, "resources": 6, "seed": 1,
}

# What differs between the logins. Paths are below the base address; lifetimes in seconds.
LOGINS = {
	"aeries": {
		"token_path": ["/token"], "client_auth": "basic", "scope_required": True, "cookies": False,
		"expires_in": 21600, "token_lifetime": 21600, "scope_needs": {"enrollments": "roster.readonly"},
	},
	"aeries-v2": {
		"token_path": ["/v2/oauth/token"], "client_auth": "basic", "scope_required": False, "cookies": False,
		"expires_in": 21600, "token_lifetime": 21600, "scope_needs": {"enrollments": "roster.readonly"},
	},
	"aeries-v1": {
		"token_path": ["/v1/oauth/token"], "client_auth": "query", "scope_required": True, "cookies": True,
		"expires_in": 43200, "token_lifetime": 43200, "scope_needs": {},
	},
	"oauth2": {
		"token_path": ["/oauth/access_token"], "client_auth": "basic", "scope_required": False, "cookies": False,
		"expires_in": 3600, "token_lifetime": 3600, "scope_needs": {},
	},
	"oauth1": {"cookies": False}, "bearer": {"cookies": False}, "none": {"cookies": False},
}

AUTHORIZE_PATH = "/v1/oauth/authorize"
SCOPES = [
	"roster-core.readonly", "roster.readonly", "roster-demographics.readonly", "resource.readonly",
	"gradebook.readonly", "gradebook.createput", "gradebook.delete",
]
SECRET_PARAMETERS = {
	"client_secret", "authorization_code", "authorizationcode", "code", "refresh_token", "access_token", "password",
}

# Collections that are a part of a table: endpoint -> table, column, value.
DERIVED = {
	"schools": ("orgs", "type", "school"),
	"terms": ("academicSessions", "type", "term"),
	"gradingPeriods": ("academicSessions", "type", "gradingPeriod"),
	"students": ("users", "role", "student"),
	"teachers": ("users", "role", "teacher"),
}

# Collections below a record: first part, last part -> table, column that holds the id of the record, derived kind.
NESTED = {
	("schools", "courses"): ("courses", "taught at", None),
	("schools", "classes"): ("classes", "schoolSourcedId", None),
	("schools", "enrollments"): ("enrollments", "schoolSourcedId", None),
	("schools", "students"): ("users", "orgSourcedIds", "students"),
	("schools", "teachers"): ("users", "orgSourcedIds", "teachers"),
	("terms", "classes"): ("classes", "termSourcedIds", None),
	("courses", "classes"): ("classes", "courseSourcedId", None),
	("classes", "lineItems"): ("lineItems", "classSourcedId", None),
	("classes", "results"): ("results", "lineItemSourcedId.classSourcedId", None),
}

REFERENCE_TYPE = {
	"orgs": "org", "academicSessions": "academicSession", "courses": "course", "classes": "class", "users": "user",
	"lineItems": "lineItem", "categories": "category", "resources": "resource",
}

MANIFEST_FILES = [
	"academicSessions", "categories", "classes", "classResources", "courses", "courseResources", "demographics",
	"enrollments", "lineItems", "orgs", "resources", "results", "users",
]

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in, please.</form></body></html>"

# What a nasty district writes around a text. Each holds what some server has really sent.
NASTY_TEXT = [
	'Said "{}"', "{}, Jr.", '"{}"', "two\nlines {}", "two\r\nlines {}", "two\rlines {}", "para\n\ngraph {}",
	"tab\t{}", "nul\x00{}", "high\ud83d {}", "low\udc00{}", "{}\ud800", "\udfff\udfff{}", "{} \U0001f600",
	"\u6f22\u5b57 {}", "{} \u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627 {}", "\x01\x1b\x1f\x7f {}",
	"\ufeff{}", " {}", "{}  ", "O'{}", "e\u0301 {} \u0130\u0131", "\\{}\\", "</{}>", "={}", "{};{}", "{}|\u00a0",
]
NASTY_BLANK = [None, "", " ", "   ", "null"]
TRUE_SPELLINGS = [True, "true", "True", "TRUE", "1", "yes", "Yes", "YES"]
FALSE_SPELLINGS = [False, "false", "False", "FALSE", "0", "no", "No", "NO"]
DATE_STYLES = [
	"{0}-{1}-{2}", "{0}-{1}-{2}T00:00:00.000Z", "{0}-{1}-{2}T00:00:00", "{0}-{1}-{2} 00:00:00", "{0}/{1}/{2}",
	"{1}/{2}/{0}", "{0}-{1}-{2}T23:59:59.9999999-08:00",
]
DATETIME_STYLES = [
	"2025-05-01T05:00:20.097Z", "2025-05-01T05:00:20Z", "2025-05-01T05:00:20.0970000Z", "2025-05-01T07:00:20.097+02:00",
	"2025-05-01T05:00:20", "2025-05-01 05:00:20.097",
]
# The sessions of a school: id, title, type, begin, end, steps to the parent.
SESSIONS = [
	("Y", "Year 2025-2026", "schoolYear", "2025-08-11", "2026-06-05", None),
	("F", "Fall", "term", "2025-08-11", "2025-12-20", -1),
	("S", "Spring", "term", "2026-01-06", "2026-06-05", -2),
	("Q1", "Quarter 1", "gradingPeriod", "2025-08-11", "2025-10-11", -2),
	("Q2", "Quarter 2", "gradingPeriod", "2025-10-13", "2025-12-20", -3),
	("Q3", "Quarter 3", "gradingPeriod", "2026-01-06", "2026-03-14", -3),
	("Q4", "Quarter 4", "gradingPeriod", "2026-03-16", "2026-06-05", -4),
]
GRADES = ["KG", "01", "05", "09", "10", "11", "12"]
SUBJECTS = [([], []), (["Mathematics"], ["100"]), (["Science", "Biology"], ["200", "210"]), (["Arts"], ["300"])]

# The values of a column by the index of its record: what it means, not how it is written.
VALUES = {
	"orgs.name": lambda d, i: f"Sample {d.level(i)} School {d.school(i - 1)}" if i else "Sample Unified District",
	"orgs.type": lambda d, i: "school" if i else "district",
	"orgs.identifier": lambda d, i: f"{int(d.school(i - 1)):07d}" if i else None,
	"orgs.parentSourcedId": lambda d, i: "0" if i else None,

	"academicSessions.title": lambda d, i: SESSIONS[i % 7][1],
	"academicSessions.type": lambda d, i: SESSIONS[i % 7][2],
	"academicSessions.startDate": lambda d, i: SESSIONS[i % 7][3],
	"academicSessions.endDate": lambda d, i: SESSIONS[i % 7][4],
	"academicSessions.parentSourcedId": lambda d, i: d.id_academicSessions(i + SESSIONS[i % 7][5]) if i % 7 else None,
	"academicSessions.schoolYear": lambda d, i: "2026",

	"courses.schoolYearSourcedId": lambda d, i: None if i % 3 else d.id_academicSessions(0),
	"courses.title": lambda d, i: f"Sample Course {i + 1}",
	"courses.courseCode": lambda d, i: d.id_courses(i),
	"courses.grades": lambda d, i: ([], ["09"], ["09", "10"], ["KG"], ["11", "12"])[i % 5],
	"courses.orgSourcedId": lambda d, i: "0",
	"courses.subjects": lambda d, i: SUBJECTS[i % 4][0],
	"courses.subjectCodes": lambda d, i: SUBJECTS[i % 4][1],

	"classes.title": lambda d, i: f"Sample Class {i + 1}",
	"classes.grades": lambda d, i: ([], ["09"], ["09", "10"], ["K"])[i % 4],
	"classes.classCode": lambda d, i: None if i % 2 else d.id_classes(i),
	"classes.classType": lambda d, i: "homeroom" if i % 10 == 9 else "scheduled",
	"classes.location": lambda d, i: ("", f"Room {i % 40 + 1}")[i % 3 > 0],
	"classes.schoolSourcedId": lambda d, i: d.school(i % d.size["schools"]),
	"classes.subjects": lambda d, i: SUBJECTS[i % 4][0],
	"classes.subjectCodes": lambda d, i: SUBJECTS[i % 4][1],
	"classes.periods": lambda d, i: (["1"], ["2", "4"], ["P0 (7:05 AM - 7:55 AM)"], ["0"])[i % 4],

	"users.enabledUser": lambda d, i: "false" if mix(d.seed, 5, i) % 50 == 0 else "true",
	"users.username": lambda d, i: d.id_users(i).lower().replace("_", ""),
	"users.givenName": lambda d, i: f"{d.kind_of(i)}{d.number_of(i) % 100000}",
	"users.familyName": lambda d, i: f"Sample-{d.number_of(i) % 100000}",
	"users.middleName": lambda d, i: ("", None, f"Middle{i % 9}")[i % 3],
	"users.email": lambda d, i: "" if i % 8 == 5 else f"{VALUES['users.username'](d, i)}@sample.example",
	"users.sms": lambda d, i: None,
	"users.phone": lambda d, i: None if i < d.students else f"555-01{i % 100:02d}",
	"users.grades": lambda d, i: [GRADES[mix(d.seed, 6, i) % len(GRADES)]] if i < d.students else [],

	"enrollments.classSourcedId": lambda d, i: d.id_classes(d.seat(i)[0]),
	"enrollments.schoolSourcedId": lambda d, i: d.school(d.seat(i)[0] % d.size["schools"]),
	"enrollments.userSourcedId": lambda d, i: d.id_users(d.seat(i)[1]),
	"enrollments.role": lambda d, i: "student" if d.seat(i)[1] < d.students else "teacher",
	"enrollments.primary": lambda d, i: "true" if d.seat(i)[1] >= d.students else "false",
	"enrollments.beginDate": lambda d, i: "2025-08-11",
	"enrollments.endDate": lambda d, i: "2026-06-05" if i % 4 else None,

	"demographics.cityOfBirth": lambda d, i: (" ", "Sampletown", "", "Exampleville")[i % 4],
	"demographics.countryOfBirthCode": lambda d, i: ("US", "MX", " ", None)[i % 4],
	"demographics.stateOfBirthAbbreviation": lambda d, i: ("CA", "TX", "")[i % 3],
	"demographics.publicSchoolResidenceStatus": lambda d, i: ("01652", None)[i % 2],

	"categories.title": lambda d, i: ("Homework", "Tests", "Projects", "Other work")[i % 4],

	"lineItems.title": lambda d, i: f"Sample Assignment {i + 1}",
	"lineItems.description": lambda d, i: (None, "", f"Pages {i} to {i + 9}")[i % 3],
	"lineItems.assignDate": lambda d, i: f"2025-09-{i % 28 + 1:02d}T00:00:00.000Z",
	"lineItems.dueDate": lambda d, i: f"2025-10-{i % 28 + 1:02d}T23:59:00.000Z",
	"lineItems.classSourcedId": lambda d, i: d.id_classes(i % d.size["classes"]),
	"lineItems.gradingPeriodSourcedId": lambda d, i: d.id_academicSessions(7 * d.taught_at(i) + 3 + i % 4),
	"lineItems.resultValueMin": lambda d, i: Number("0.0000"),
	"lineItems.resultValueMax": lambda d, i: Number(("100.0000", "60.0000", "12.5")[i % 3]),

	"results.lineItemSourcedId": lambda d, i: d.id_lineItems(i % d.size["lineItems"]),
	"results.score": lambda d, i: Number(f"{mix(d.seed, 13, i) % 60}.{mix(d.seed, 14, i) % 10000:04d}"),
	"results.scoreDate": lambda d, i: f"2025-10-{i % 28 + 1:02d}",
	"results.comment": lambda d, i: (None, "", "Sample comment")[i % 3],

	"resources.roles": lambda d, i: (["teacher"], ["student", "teacher"], [])[i % 3],
	"resources.vendorResourceId": lambda d, i: str(70001 + i),
	"resources.vendorId": lambda d, i: "sample.vendor",
}

MASK = (1 << 64) - 1
MISSING = object()


class Usage(Exception):
	"""A mistake of the person at the keyboard."""


# ------------------------------------------------------------------------------------------------ JSON


class Number(str):
	"""A number that keeps the characters it was written with."""


def write_json(value, ascii_only=False):
	"""The JSON text of value; Number objects as they are, lone surrogates always escaped."""
	if isinstance(value, Number):
		return str(value)
	if isinstance(value, str):
		text = json.dumps(value, ensure_ascii=ascii_only)
		return text if ascii_only else re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)
	if isinstance(value, dict):
		pairs = (f"{write_json(k, ascii_only)}:{write_json(v, ascii_only)}" for k, v in value.items())
		return "{" + ",".join(pairs) + "}"
	if isinstance(value, (list, tuple)):
		return "[" + ",".join(write_json(v, ascii_only) for v in value) + "]"
	return json.dumps(value)


COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def read_json(text):
	return json.loads(text, parse_int=Number, parse_float=Number)


def mix(*numbers):
	"""A well-stirred 64-bit number made of small ones."""
	x = 0x9E3779B97F4A7C15
	for n in numbers:
		x = ((x ^ n) * 0xBF58476D1CE4E5B9) & MASK
		x ^= x >> 29
	x = (x * 0x94D049BB133111EB) & MASK
	return x ^ (x >> 32)


# ------------------------------------------------------------------------------------------------ schemas


class Schemas:
	"""schemas/oneroster-1.1*.json: tables in order of reference, their columns, the vocabularies."""

	def __init__(self, folder):
		self.standard = self.load(folder, "oneroster-1.1.json")
		self.order = self.standard["order"]
		self.tables = {name: self.load(folder, "oneroster-1.1", name + ".json") for name in self.order}
		self.number = {name: i for i, name in enumerate(self.order)}
		self.served = [name for name in self.order if "endpoint" in self.tables[name]]
		self.core = [name for name in self.order if self.tables[name].get("core")]
		self.table_of = {self.tables[name]["endpoint"]: name for name in self.served}

	@staticmethod
	def load(*parts):
		with open(os.path.join(*parts), encoding="utf-8") as f:
			return json.load(f)

	def words(self, name):
		"""Every accepted spelling in small letters -> the word of the standard."""
		vocabulary = self.standard["vocabularies"][name]
		known = {word.lower(): word for word in vocabulary["values"]}
		known.update({alias.lower(): word for alias, word in vocabulary.get("aliases", {}).items()})
		return known


# ------------------------------------------------------------------------------------------------ the district


class District:
	"""The records of every table, each a pure function of the seed and its index."""

	def __init__(self, schemas, size, scenario, offered):
		self.schemas, self.size, self.scenario, self.offered = schemas, size, scenario, offered
		self.seed = size["seed"]
		self.seated = (None, None)
		self.nasty = scenario["nasty"]
		self.deleted = scenario["deleted"]
		if self.deleted is None:
			self.deleted = 0.02 if self.nasty else 0
		self.students = max(1, size["users"] * 3 // 5)
		self.teachers = max(1, size["users"] // 10) if size["users"] > 1 else 0
		self.parents = max(0, size["users"] - self.students - self.teachers)
		self.homerooms = size["courses"] // 10
		self.check_size()
		self.count = {
			"orgs": size["schools"] + 1, "academicSessions": 7 * size["schools"], "demographics": self.students,
		}
		self.count.update({name: size[name] for name in schemas.served if name in size})
		self.extra = {name: [] for name in schemas.served}
		self.plans = {name: self.plan(name) for name in schemas.served}
		self.children = {
			table["from"]: (table["each"], "resources") for table in schemas.tables.values() if "from" in table
		}
		self.disguise = Disguise(self) if self.nasty else None
		self.add_records()

	def check_size(self):
		size = self.size
		if size["schools"] < 1 or size["users"] < 2 or size["courses"] < 1 or size["classes"] < 1:
			raise Usage("a district has at least 1 school, 2 users, 1 course and 1 class")
		ranks = -(-max(0, size["enrollments"] - size["classes"]) // size["classes"])
		if ranks > self.students:
			raise Usage(f"{size['enrollments']} enrollments are too many for {size['classes']} classes "
				f"and {self.students} students")
		self.local_students = ranks <= self.students // size["schools"]
		if size["results"] > size["lineItems"] * self.students:
			raise Usage("too many results for that many lineItems and students")
		if size["lineItems"] and not size["categories"]:
			raise Usage("lineItems need at least 1 category")

	# the plan of a table: member, kind of value, function of the index, table referred to, column

	def plan(self, name):
		steps = []
		for column in self.schemas.tables[name]["columns"]:
			if column["name"] in ("sourcedId", "status", "dateLastModified"):
				continue
			make = getattr(self, f"{name}_{column['name']}", None) or self.by_type(column)
			if f"{name}.{column['name']}" in VALUES:
				make = functools.partial(VALUES[f"{name}.{column['name']}"], self)
			path = column.get("path", column["name"])
			member, _, rest = path.partition(".")
			kind = column["type"]
			if rest == "sourcedId":
				kind = "refs" if kind == "guids" else "ref"
			steps.append((member, kind, make, column.get("ref"), column))
		return steps

	def by_type(self, column):
		"""The values of a column that neither VALUES nor a method knows."""
		kind, name = column["type"], column["name"]
		if kind in ("enum", "enums"):
			words = self.schemas.standard["vocabularies"][column["values"]]["values"]
			return (lambda i: [words[i % len(words)]]) if kind == "enums" else (lambda i: words[i % len(words)])
		if kind in ("guid", "guids") and column.get("ref"):
			pick = lambda i: self.id(column["ref"], i % self.count[column["ref"]])
			return (lambda i: [pick(i)]) if kind == "guids" else pick
		return {
			"boolean": lambda i: "true" if i % 2 else "false", "date": lambda i: "2025-08-15", "year": lambda i: "2026",
			"float": lambda i: Number("1.0"), "texts": lambda i: [f"{name} {i}"], "grades": lambda i: ["09"],
			"userids": lambda i: [("local", str(i))], "blank": lambda i: None,
		}.get(kind, lambda i: f"{name} {i}")

	# ids

	def school(self, k):
		return str(994 - k) if k < 890 else str(1000 + k)

	def elementary(self, k):
		return k % 5 == 4

	def level(self, i):
		return "Elementary" if self.elementary(i - 1) else "High"

	def id(self, table, i):
		return getattr(self, "id_" + table)(i)

	def id_orgs(self, i):
		return self.school(i - 1) if i else "0"

	def id_academicSessions(self, i):
		return f"{self.school(i // 7)}_{SESSIONS[i % 7][0]}"

	def id_courses(self, i):
		if i >= self.size["courses"] - self.homerooms:
			return f"TCH_{300001 + i - (self.size['courses'] - self.homerooms)}"
		return f"{(634 + i) % 10000:04d}" if self.size["courses"] <= 10000 else f"{634 + i:06d}"

	def id_classes(self, i):
		k, n = i % self.size["schools"], i // self.size["schools"]
		return f"{self.school(k)}_TN_{421 + n}" if self.elementary(k) else f"{self.school(k)}_{1001 + n}"

	def id_users(self, i):
		if i < self.students:
			return f"STU_{100001 + i}"
		i -= self.students
		return f"TCH_{300001 + i}" if i < self.teachers else f"PAT_{600001 + i - self.teachers}"

	def id_enrollments(self, i):
		c, user = self.seat(i)
		section = self.id_classes(c).partition("_")[2]
		return f"{self.school(c % self.size['schools'])}_{self.id_users(user)}_{section}"

	def id_demographics(self, i):
		return self.id_users(i)

	def id_categories(self, i):
		return f"{11 + i}_T"

	def id_lineItems(self, i):
		h = hashlib.md5(b"lineItem %d %d" % (self.seed, i)).hexdigest()
		return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

	def id_results(self, i):
		return f"RES_{i + 1}"

	def id_resources(self, i):
		return f"sample/resource-{i + 1}"

	def seat(self, i):
		"""The class and the user of enrollment i: first the teacher of each class, then students, each once a class."""
		known = self.seated
		if known[0] != i:
			self.seated = known = (i, self.find_seat(i))
		return known[1]

	def find_seat(self, i):
		classes = self.size["classes"]
		if i < classes and self.teachers:
			return i, self.students + mix(self.seed, 7, i) % self.teachers
		c, rank = i % classes, i // classes
		k = c % self.size["schools"]
		if self.local_students:
			there = (self.students - k + self.size["schools"] - 1) // self.size["schools"]
			return c, k + self.size["schools"] * ((mix(self.seed, 8, c) + rank) % there)
		return c, (mix(self.seed, 8, c) + rank) % self.students

	def place(self, i):
		"""The school of user i."""
		return i % self.size["schools"] if i < self.students else mix(self.seed, 9, i) % self.size["schools"]

	# values that take more than a line

	def classes_courseSourcedId(self, i):
		if self.elementary(i % self.size["schools"]) and self.homerooms:
			return self.id_courses(self.size["courses"] - 1 - mix(self.seed, 3, i) % self.homerooms)
		return self.id_courses(mix(self.seed, 3, i) % max(1, self.size["courses"] - self.homerooms))

	def classes_termSourcedIds(self, i):
		first = 7 * (i % self.size["schools"])
		return [self.id_academicSessions(first + part) for part in ((0,), (1, 2), (1,), (2,))[mix(self.seed, 4, i) % 4]]

	def users_orgSourcedIds(self, i):
		k = self.place(i)
		second = (k + 1) % self.size["schools"]
		if i % 17 == 3 and second != k:
			return [self.school(k), self.school(second)]
		return [self.school(k)]

	def users_role(self, i):
		if i < self.students:
			return "student"
		i -= self.students
		if i >= self.teachers:
			return "parent"
		return "administrator" if i % 20 == 19 else "teacher"

	def users_userIds(self, i):
		number = str(self.number_of(i))
		return ([], [("LDAP", "u" + number)], [("LDAP", "u" + number), ("LTI", number)])[i % 3]

	def users_identifier(self, i):
		if i < self.students:
			return f"33_{self.id_users(i)}" if i % 7 == 0 else f"{self.number_of(i):07d}"
		if i < self.students + self.teachers:
			return "non-teaching staff" if i % 11 == 0 else f"11_{self.id_users(i)}"
		return f"0_{self.id_users(i)}"

	def users_agentSourcedIds(self, i):
		base = self.students + self.teachers
		if i < self.students:
			return [self.id_users(base + p) for p in range(i, min(self.parents, i + 2 * self.students), self.students)]
		return [self.id_users((i - base) % self.students)] if i >= base else []

	def taught_at(self, i):
		"""The school of the class of line item i."""
		return i % self.size["classes"] % self.size["schools"]

	def kind_of(self, i):
		return "Student" if i < self.students else "Teacher" if i < self.students + self.teachers else "Parent"

	def number_of(self, i):
		return int(self.id_users(i)[4:])

	def demographics_birthDate(self, i):
		h = mix(self.seed, 11, i)
		return f"{2007 + h % 12}-{h // 12 % 12 + 1:02d}-{h // 144 % 28 + 1:02d}"

	def results_studentSourcedId(self, i):
		n = self.size["lineItems"]
		return self.id_users((mix(self.seed, 12, i % n) + i // n) % self.students)

	def linked(self, table, i):
		"""The resources of a class or a course."""
		n = self.count["resources"]
		if "resources" not in self.offered or n == 0:
			return None
		h = mix(self.seed, 15, self.schemas.number[table], i)
		return [self.id_resources(p) for p in sorted({h % n, h // n % n})] if h % 3 == 0 else []

	# records

	def reference(self, table, target):
		href = f"~/ims/oneroster/v1p1/{table}/{target}"
		return {"href": href, "sourcedId": target, "type": REFERENCE_TYPE.get(table, table)}

	def form(self, kind, value, ref):
		if kind == "ref":
			return None if value is None else self.reference(ref, value)
		if kind == "refs":
			return [self.reference(ref, v) for v in value]
		if kind == "userids":
			return [{"type": t, "identifier": v} for t, v in value]
		return value

	def gone(self, table, i):
		"""Whether row i is marked as deleted; the district itself and the first school never are."""
		if not self.deleted or table == "orgs" and i < 2:
			return False
		return mix(self.seed, 20, self.schemas.number[table], i) % 1000 < self.deleted * 1000

	def record(self, table, i):
		"""Record i of a table as it is served; a new dict each time."""
		n = self.count[table]
		if i >= n:
			return copy.deepcopy(self.extra[table][i - n])
		if self.disguise:
			rec = self.disguise.record(table, i)
		else:
			rec = {member: self.form(kind, make(i), ref) for member, kind, make, ref, _ in self.plans[table]}
			self.finish(table, i, rec)
		self.leave_blank(table, i, rec)
		return self.arrange(rec)

	def finish(self, table, i, rec):
		"""What is not a column: children, links to resources, and the four members that Aeries sends last."""
		if table == "orgs" and i == 0:
			rec["children"] = [self.reference("orgs", self.school(k)) for k in range(min(9, self.size["schools"]))]
		if table == "academicSessions":
			rec["children"] = [self.reference(table, self.id(table, i + 1))] if i % 7 == 0 else None
		if table in self.children:
			member, target = self.children[table]
			linked = self.linked(table, i)
			rec[member] = linked if linked is None else [self.reference(target, v) for v in linked]
		rec["sourcedId"] = self.id(table, i)
		rec["status"] = ("tobedeleted", "inactive")[i % 2] if self.gone(table, i) else "active"
		rec["dateLastModified"] = DATETIME_STYLES[0]
		rec["metadata"] = self.metadata(table, i)

	def metadata(self, table, i):
		if self.scenario["metadata_mb"] and i == 0:
			return {"filler": [["x" * 1000] * 10 for _ in range(100 * self.scenario["metadata_mb"])]}
		if table == "categories":
			return {"weight": 25, "rules": [[1, 2.5, [None]], {"sourcedId": "not-this-one"}]}
		if table == "users" and i % 5 == 0:
			return {"note": f"sample {i}", "inner": {"sourcedId": "not-this-one"}}
		return None

	def leave_blank(self, table, i, rec):
		for key, every in self.scenario["blank"].items():
			name, _, column = key.partition(".")
			if name == table and i % every == every - 1:
				members = next(({c["name"], c["path"].partition(".")[0], *c.get("also", ())}
					for c in self.schemas.tables[table]["columns"] if c["name"] == column), {column})
				for member in [m for m in rec if m.lower() in {x.lower() for x in members}]:
					del rec[member]

	def arrange(self, rec):
		how = self.scenario["member_order"]
		if how == "reverse":
			return dict(reversed(rec.items()))
		if how == "first":
			last = {k: rec[k] for k in ("sourcedId", "status", "dateLastModified", "metadata") if k in rec}
			return {**last, **{k: v for k, v in rec.items() if k not in last}}
		return rec

	def add_records(self):
		"""Rows beside the generated ones: those of the scenario, dangling enrollments, older copies."""
		for table in self.schemas.served:
			for n in range(min(self.scenario["stale_copies"], self.count[table])):
				rec = self.record(table, n)
				rec["dateLastModified"] = "2001-02-03T04:05:06.000Z"
				for member in ("title", "name", "familyName", "comment", "cityOfBirth"):
					if member in rec:
						rec[member] = "An older copy"
				self.extra[table].append(rec)
		for n in range(self.scenario["dangling"]):
			rec = self.record("enrollments", n)
			rec = {k: v for k, v in rec.items() if k.lower() not in ("class", "classsourcedid", "sourcedid")}
			rec.update({"class": self.reference("classes", "no-such-class"), "sourcedId": f"dangling-{n}"})
			self.extra["enrollments"].append(rec)
		for table, rows in self.scenario["records"].items():
			if table not in self.extra:
				raise Usage(f"records: no table {table}")
			self.extra[table].extend(rows)

	def keys(self, table):
		"""The rows served, as indices into record(); identical copies are named twice."""
		keys = list(range(self.count[table] + len(self.extra[table])))
		return keys + list(range(5, self.count[table], 97)) if self.nasty else keys

	def row_id(self, table, i):
		n = self.count[table]
		return self.id(table, i) if i < n else str(Truth.look(self.extra[table][i - n], "sourcedId") or "")

	def intended(self, table, column, i):
		"""The plain value of a column, whatever the record's disguise."""
		if i < self.count[table]:
			return next(make(i) for _, _, make, _, c in self.plans[table] if c["name"] == column)
		values = Truth.found(self.extra[table][i - self.count[table]],
			next(c for c in self.schemas.tables[table]["columns"] if c["name"] == column))
		return values[0] if values else None

	def json(self, table, i, fields=None):
		rec = self.record(table, i)
		if fields:
			rec = {k: v for k, v in rec.items() if k in fields}
		if self.disguise and i < self.count[table]:
			return self.disguise.json(table, i, rec)
		if table in ("results", "lineItems") or i >= self.count[table]:
			return write_json(rec)
		return COMPACT.encode(rec)


class Disguise:
	"""Writes the same facts in the other ways that servers write them, and puts awkward characters into texts."""

	def __init__(self, district):
		self.d = district
		self.aliases = {}
		for name, vocabulary in district.schemas.standard["vocabularies"].items():
			for alias, word in vocabulary.get("aliases", {}).items():
				self.aliases.setdefault((name, word), []).append(alias)

	def record(self, table, i):
		d, rec = self.d, {}
		for n, (member, kind, make, ref, column) in enumerate(d.plans[table]):
			dice = mix(d.seed, 30, d.schemas.number[table], i, n)
			if ("fill" in column or "fill-from" in column) and dice % 9 == 0:
				continue
			write = getattr(self, "write_" + kind, self.write_text)
			for name, value in write(member, make(i), ref, column, dice).items():
				if value is not MISSING:
					rec[name] = value
		d.finish(table, i, rec)
		self.finish(table, i, rec)
		return rec

	def finish(self, table, i, rec):
		dice = mix(self.d.seed, 31, self.d.schemas.number[table], i)
		if "password" in rec:
			rec["password"] = "never-written-anywhere" if dice % 2 else None
		member, _ = self.d.children.get(table, (None, None))
		linked = rec.get(member) or [None]
		plain = [item and item["sourcedId"] for item in linked]
		if member:
			rec[member] = (linked, plain, plain[0] if len(plain) == 1 else plain + [None], linked[0] if len(linked) == 1
				else linked)[dice // 16000 % 4]
		rec["sourcedId"] = self.id(rec["sourcedId"], dice)
		status = rec["status"]
		rec["status"] = (status, status.upper(), status.capitalize())[dice // 2 % 3]
		if status == "active":
			rec["status"] = (rec["status"], "", None, rec["status"])[dice // 6 % 4]
		rec["dateLastModified"] = DATETIME_STYLES[dice // 24 % len(DATETIME_STYLES)]
		if not rec["metadata"]:
			rec["metadata"] = {"sourcedId": "not-this-one", "status": "tobedeleted", "n": [[{"title": 1}]]}
		if dice // 200 % 7 == 0:
			for name in list(rec)[::-1]:
				rec[name] = rec.pop(name)
		if dice // 1400 % 11 == 0:
			name = list(rec)[dice % len(rec)]
			rec[name[0].upper() + name[1:]] = rec.pop(name)

	def json(self, table, i, rec):
		dice = mix(self.d.seed, 32, self.d.schemas.number[table], i)
		text = write_json(rec, dice % 2 == 0)
		if dice // 2 % 7 == 0 and "sourcedId" in rec:
			text = '{"sourcedId":"not-this-one","title":"not this one",' + text[1:] if "title" in rec else text
		return text

	@staticmethod
	def id(text, dice):
		return Number(text) if dice % 3 == 0 and text.isdigit() and text == str(int(text)) else text

	def write_text(self, member, value, ref, column, dice):
		if not value:
			return {member: (NASTY_BLANK + [MISSING])[dice % 6]}
		if dice % 4 == 0 and not column.get("required"):
			return {member: (NASTY_BLANK + [MISSING])[dice // 4 % 6]}
		if dice % 4 == 1:
			return {member: value}
		return {member: NASTY_TEXT[dice // 4 % len(NASTY_TEXT)].replace("{}", str(value))}

	def write_id(self, member, value, ref, column, dice):
		return {member: self.id(value, dice)}

	def write_blank(self, member, value, ref, column, dice):
		return {member: value}

	def write_year(self, member, value, ref, column, dice):
		return {member: self.id(value, dice)}

	def write_float(self, member, value, ref, column, dice):
		return {member: value if dice % 2 else str(value)}

	def write_enum(self, member, value, ref, column, dice):
		forms = [value, value.upper(), value.lower(), value[0].upper() + value[1:]]
		forms += self.aliases.get((column["values"], value), [])
		return {member: forms[dice % len(forms)]}

	def write_enums(self, member, value, ref, column, dice):
		if not value:
			return {member: (None, [], "", MISSING, [None])[dice % 5]}
		if len(value) == 1 and dice % 3 == 0:
			return {(member, "role")[dice // 3 % 2]: value[0].upper()}
		return {member: [v.capitalize() for v in value] + [None] * (dice % 2)}

	def write_boolean(self, member, value, ref, column, dice):
		forms = TRUE_SPELLINGS + [Number("1")] if value == "true" else FALSE_SPELLINGS + [Number("0")]
		return {member: forms[dice % len(forms)]}

	def write_date(self, member, value, ref, column, dice):
		if not value:
			return {member: (NASTY_BLANK + [MISSING])[dice % 6]}
		name = (member, "birthdate")[member == "birthDate" and dice // 7 % 4 == 0]
		return {name: DATE_STYLES[dice % 7].format(value[:4], value[5:7], value[8:10])}

	def write_ref(self, member, value, ref, column, dice):
		if value is None:
			return {member: (None, MISSING, {}, {"sourcedId": None}, {"sourcedId": " "})[dice % 5]}
		full = self.d.reference(ref, value)
		forms = [
			{member: full}, {member: {"type": "x", "sourcedId": self.id(value, dice // 7), "status": "tobedeleted"}},
			{column["name"]: self.id(value, dice // 7)}, {member: {"sourcedId": value}}, {member: value},
			{member: self.id(value, dice // 7)},
		]
		return forms[dice % len(forms)]

	def write_refs(self, member, value, ref, column, dice):
		if not value:
			return {member: (None, MISSING, [], "", [None], {})[dice % 6]}
		full = [self.d.reference(ref, v) for v in value]
		forms = [
			{member: full}, {member: [None] + full}, {column["name"]: list(value)}, {column["name"]: ",".join(value)},
			{member: full + [{"href": "x", "sourcedId": None}]}, {member: list(value)}, {member: [full[0], *value[1:]]},
		]
		if len(value) == 1:
			forms += [{member: full[0]}, {column["name"]: value[0]}, {member: self.id(value[0], dice // 11)}]
		return forms[dice % len(forms)]

	def write_texts(self, member, value, ref, column, dice):
		if not value:
			return {member: (None, MISSING, [], "", [None, ""], [" "], "null")[dice % 7]}
		forms = [list(value), [None] + list(value) + [""], [NASTY_TEXT[dice // 8 % len(NASTY_TEXT)].replace("{}", v)
			for v in value], [v + ", part" for v in value], ",".join(value)]
		if len(value) == 1:
			forms += [value[0], self.id(value[0], 0)]
		return {member: forms[dice % len(forms)]}

	def write_grades(self, member, value, ref, column, dice):
		if not value:
			return {member: (None, MISSING, [], "", [None], " ")[dice % 6]}
		forms = [list(value), ";".join(value), ", ".join(value), [None] + list(value), [self.id(v, 0) for v in value]]
		name = (member, "grade")[dice // 6 % 3 == 0 and len(value) == 1]
		return {name: value[0] if name == "grade" else forms[dice % 5]}

	def write_userids(self, member, value, ref, column, dice):
		whole = [{"type": t, "identifier": v} for t, v in value]
		if not value:
			return {member: (None, MISSING, [], "", [None])[dice % 5]}
		if len(value) == 1 and dice % 3 == 0:
			return {member: whole[0]}
		if dice % 3 == 1:
			whole = [{"identifier": self.id(v, 0), "sourcedId": "not-this-one", "type": t} for t, v in value] + [None]
		return {member: whole}


# ------------------------------------------------------------------------------------------------ the truth


class Truth:
	"""The bulk CSV files of a district, worked out from its records by the rules for data, not by the program."""

	def __init__(self, district, collections_wanted):
		self.d, self.schemas = district, district.schemas
		self.wanted = [name for name in self.schemas.order if name in collections_wanted]
		self.columns = {name: self.schemas.tables[name]["columns"] for name in self.wanted}
		self.refs = {name: [(n, c["ref"], c["type"] == "guids", c.get("required")) for n, c in enumerate(columns)
			if "ref" in c] for name, columns in self.columns.items()}
		self.words = {name: self.schemas.words(name) for name in self.schemas.standard["vocabularies"]}
		self.ids = {}       # table -> ids of the rows that stay
		self.spare = {}     # table -> id -> cells that other rows are filled from
		self.missing = []   # required cells that stay blank
		self.dropped = collections.Counter()

	# values

	@staticmethod
	def look(value, name):
		"""The member of an object: the exact name, else one that differs in letter case only."""
		if name in value:
			return value[name]
		return next((v for k, v in value.items() if k.lower() == name.lower()), None)

	@staticmethod
	def text(value):
		"""One value as text that CSV can carry; empty when it says nothing."""
		text = value
		if not isinstance(value, str):
			text = str(value).lower() if isinstance(value, bool) else str(value)
		if not (text.isascii() and text.isprintable()):
			text = re.sub("[\r\n\t\x85\u2028\u2029]+", " ", text)
			text = re.sub("[\x00-\x1f\x7f-\x9f\ufeff]", "", text)
			text = re.sub("[\ud800-\udfff]", "\ufffd", text)
		return "" if text == "null" or not text.strip(" \u00a0\u3000") else text

	@staticmethod
	def walk(value, names):
		"""What is met at the end of a path, lists opened on the way: texts that say something, and objects. A plain
		value where a reference belongs is the sourcedId itself."""
		if isinstance(value, list):
			return [found for item in value for found in Truth.walk(item, names)]
		if value is None:
			return []
		if isinstance(value, dict):
			return Truth.walk(Truth.look(value, names[0]), names[1:]) if names else [value]
		if names and names != ["sourcedId"]:
			return []
		text = Truth.text(value)
		return [text] if text else []

	@staticmethod
	def found(rec, column):
		"""The values of a column: those of its path, else of the other paths, else of the flat name of the CSV."""
		paths = Truth.paths(column)
		if paths:
			# the usual case, without the walk
			value = rec.get(paths[0][0])
			if len(paths[0]) == 2 and value.__class__ is dict:
				value = value.get(paths[0][1])
			text = Truth.text(value) if value.__class__ is str else ""
			if text:
				return [text]
		for path in paths:
			values = Truth.walk(rec, path)
			if column["type"] != "userids":
				values = [v for v in values if not isinstance(v, dict)]
			if values:
				return values
		return []

	@staticmethod
	def paths(column):
		if "paths" not in column:
			names = [column["path"], *column.get("also", ()), column["name"]] if "path" in column else []
			column["paths"] = [name.split(".") for name in dict.fromkeys(names)]
		return column["paths"]

	def cell(self, column, rec):
		if column["type"] in ("blank", "datetime"):
			return ""
		values = self.found(rec, column)
		return getattr(self, "cell_" + column["type"])(column, values, rec) if values else ""

	def cell_text(self, column, values, rec):
		return values[0]

	cell_id = cell_guid = cell_year = cell_float = cell_text

	def cell_enum(self, column, values, rec):
		return self.words[column["values"]].get(values[0].lower(), values[0])

	def cell_enums(self, column, values, rec):
		return ",".join(self.words[column["values"]].get(v.lower(), v) for v in values)

	def cell_boolean(self, column, values, rec):
		known = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}
		return known.get(values[0].lower(), values[0])

	def cell_date(self, column, values, rec):
		text = values[0]
		if re.fullmatch(r"\d{4}-\d\d-\d\d([T ].*)?", text):
			return text[:10]
		if re.fullmatch(r"\d{4}/\d\d/\d\d", text):
			return text.replace("/", "-")
		if re.fullmatch(r"\d\d/\d\d/\d{4}", text):
			return f"{text[6:]}-{text[:2]}-{text[3:5]}"
		return text

	def cell_guids(self, column, values, rec):
		return ",".join(values)

	def cell_texts(self, column, values, rec):
		"""A list loses the commas inside its elements; a plain string in place of a list stays as it is."""
		if isinstance(self.look(rec, column["path"]), list):
			return ",".join(v.replace(",", "") for v in values if v.replace(",", ""))
		return values[0]

	def cell_grades(self, column, values, rec):
		parts = [part.strip(" ") for v in values for part in re.split("[,;]", v)]
		return ",".join(part for part in parts if part)

	def cell_userids(self, column, values, rec):
		parts = []
		for v in values:
			if isinstance(v, dict):
				kind, ident = self.walk(v, ["type"]), self.walk(v, ["identifier"])
				v = f"{{{kind[0]}:{ident[0]}}}" if kind and ident else ""
			parts += [v] if v else []
		return ",".join(parts)

	# rows

	def deleted(self, rec):
		status = self.look(rec, "status")
		return isinstance(status, str) and status.lower() in ("tobedeleted", "inactive")

	@staticmethod
	def moment(rec):
		"""dateLastModified as a comparable number; nothing is the oldest."""
		found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?",
			str(Truth.look(rec, "dateLastModified") or ""))
		if not found:
			return -1.0
		day, clock, fraction, zone = found.groups()
		seconds = calendar.timegm(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S"))
		if zone and zone != "Z":
			seconds -= (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60)
		return seconds + float(fraction or 0)

	def records(self, table, keys):
		"""The served records, one per sourcedId: the one modified last, else the one served last."""
		ids = [self.d.row_id(table, k) for k in keys]
		seen = collections.Counter(ids)
		twice = {}
		for k, name in zip(keys, ids):
			rec = self.d.record(table, k)
			if seen[name] == 1:
				yield rec
			elif name not in twice or self.moment(rec) >= self.moment(twice[name]):
				twice[name] = rec
		yield from twice.values()

	def items(self, table, keys):
		"""What each row of a table is made of: its record, or record and element for tables made from another."""
		schema = self.schemas.tables[table]
		if "endpoint" in schema:
			for rec in self.records(table, keys[table]):
				yield rec, None
			return
		for rec in self.records(schema["from"], keys[schema["from"]]):
			for item in self.walk(rec, [schema["each"]]):
				yield rec, item

	def cells(self, table, rec, item):
		if item is None:
			return [self.cell(c, rec) for c in self.columns[table]]
		inner = item if isinstance(item, dict) else {"sourcedId": item}
		cells = []
		for c in self.columns[table]:
			if c["type"] == "digest":
				both = f"{self.text(self.look(rec, 'sourcedId'))} {self.text(self.look(inner, 'sourcedId'))}"
				cells.append(hashlib.sha256(both.encode()).hexdigest())
			elif c["path"].startswith("../"):
				cells.append(self.cell({"name": c["name"], "path": c["path"][3:], "type": c["type"],
					"values": c.get("values")}, rec))
			else:
				cells.append(self.cell(c, inner))
		return cells

	def fill(self, table, cells):
		names = [c["name"] for c in self.columns[table]]
		for n, c in enumerate(self.columns[table]):
			if cells[n] == "" and "fill" in c:
				cells[n] = c["fill"]
			if cells[n] == "" and "fill-from" in c:
				by, _, take = c["fill-from"].partition(".")
				target = next(x["ref"] for x in self.columns[table] if x["name"] == by)
				cells[n] = self.spare.get(target, {}).get(cells[names.index(by)], {}).get(take, "")
		for n, c in enumerate(self.columns[table]):
			if c.get("delta"):
				cells[n] = ""
			if c.get("required") and cells[n] == "":
				self.missing.append(f"{table} {cells[0]}: {c['name']}")

	def resolve(self, table, cells, own):
		"""Takes dead references out of a row; False when a required one is dead. own: judge the table's own ids."""
		for n, ref, several, required in self.refs[table]:
			if cells[n] == "" or (ref == table) != own or ref not in self.ids or cells[n] in self.ids[ref]:
				continue
			parts = cells[n].split(",") if several else []
			cells[n] = ",".join(p for p in parts if p in self.ids[ref])
			if cells[n] == "" and required:
				return False
		return True

	def rows(self, table, keys):
		"""The rows of a table that stay, in byte order of sourcedId. References only ever point at earlier tables or
		at the table itself, and those are never required, so one pass in the order of the tables is enough."""
		rows = []
		for rec, item in self.items(table, keys):
			if self.deleted(rec):
				self.dropped[table] += 1
				continue
			cells = self.cells(table, rec, item)
			if not self.resolve(table, cells, own=False):
				self.dropped[table] += 1
				continue
			self.fill(table, cells)
			if not self.resolve(table, cells, own=False):
				self.dropped[table] += 1
				continue
			rows.append(cells)
		self.ids[table] = {cells[0] for cells in rows}
		for cells in rows:
			self.resolve(table, cells, own=True)
		self.keep(table, rows)
		rows.sort(key=lambda cells: cells[0].encode("utf-8"))
		return rows

	def keep(self, table, rows):
		"""Remembers the cells that later tables are filled from."""
		for other in self.wanted:
			for c in self.columns[other]:
				by, _, take = c.get("fill-from", "").partition(".")
				if by and next(x["ref"] for x in self.columns[other] if x["name"] == by) == table:
					n = [x["name"] for x in self.columns[table]].index(take)
					self.spare.setdefault(table, {}).update({cells[0]: {take: cells[n]} for cells in rows})

	def write(self, folder, keys, source_name=None, source_code=None, empty="absent"):
		"""Writes the files; gives the number of rows of each."""
		os.makedirs(folder, exist_ok=True)
		counts = {}
		for table in self.wanted:
			rows = self.rows(table, keys)
			counts[table] = len(rows)
			if rows or empty == "header":
				self.write_file(folder, table, [[c["name"] for c in self.columns[table]]] + rows)
		manifest = [["propertyName", "value"], ["manifest.version", "1.0"], ["oneroster.version", "1.1"]]
		for name in MANIFEST_FILES:
			there = name in counts and (counts[name] or empty == "header")
			manifest.append([f"file.{name}", "bulk" if there else "absent"])
		manifest += [["source.systemName", source_name]] if source_name else []
		manifest += [["source.systemCode", source_code]] if source_code else []
		self.write_file(folder, "manifest", manifest)
		return counts

	@staticmethod
	def write_file(folder, name, rows):
		risky = lambda cell: "," in cell or '"' in cell or cell != cell.strip(" ")
		quote = lambda cell: '"' + cell.replace('"', '""') + '"' if risky(cell) else cell
		with open(os.path.join(folder, name + ".csv"), "wb") as f:
			for row in rows:
				f.write((",".join(map(quote, row)) + "\r\n").encode("utf-8"))


# ------------------------------------------------------------------------------------------------ lists and pages


class Lists:
	"""The collections as lists of rows: in the order asked for, filtered, and changing while they are read."""

	COMPARE = {
		"bytes": lambda text: text.encode("utf-8", "surrogatepass"),
		"nocase": lambda text: (text.lower(), text), "length": lambda text: (len(text), text),
	}

	def __init__(self, district, scenario):
		self.d, self.scenario = district, scenario
		self.base, self.kept = {}, {}
		self.version = collections.Counter()
		self.answers = collections.Counter()
		self.todo = [dict(step) for step in scenario["mutate"]]
		self.lock = threading.RLock()
		self.asked = 0

	def current(self, table):
		"""The rows of a table in the serving order, as indices; changed by mutate."""
		with self.lock:
			if table not in self.base:
				self.base[table] = self.arranged(table)
			return self.base[table]

	def arranged(self, table):
		keys, order = self.d.keys(table), self.scenario["order"]
		if order == "id":
			keys.sort(key=lambda k: self.compare(self.d.row_id(table, k)))
		elif order == "shuffled":
			random.Random(f"{self.d.seed} {table}").shuffle(keys)
		elif order == "role" and table in ("users", "enrollments"):
			keys.sort(key=lambda k: str(self.d.intended(table, "role", k)) != "student")
		return keys

	def compare(self, text):
		return self.COMPARE[self.scenario["collation"]](text)

	def answered(self, table):
		"""Counts an answer about a table and lets its rows move when the scenario says so."""
		with self.lock:
			self.answers[table] += 1
			due = [s for s in self.todo if s["table"] == table and s["after_request"] <= self.answers[table]]
			for step in due:
				self.todo.remove(step)
				self.change(step)

	def change(self, step):
		table, keys = step["table"], self.current(step["table"])
		if "delete" in step:
			del keys[step["delete"]]
		elif "move" in step:
			keys.insert(step["to"], keys.pop(step["move"]))
		else:
			at = step["insert"]
			near = keys[at - 1] if at else keys[0]
			rec = self.d.record(table, near)
			name = next(k for k in rec if k.lower() == "sourcedid")
			number = len(self.d.extra[table])
			rec[name] = f"{rec[name]}-new{number}" if at else f"!new{number}"
			self.d.extra[table].append(rec)
			keys.insert(at, self.d.count[table] + number)
		self.version[table] += 1

	def view(self, table, part, sort, order_by, clauses):
		"""The rows of one collection. part: None, or (column, value, further column, further value)."""
		with self.lock:
			keys = self.current(table)
			if self.scenario["order"] == "unstable":
				self.asked += 1
				keys = list(keys)
				random.Random(f"{self.d.seed} {table} {self.asked}").shuffle(keys)
			elif not part and not sort and not clauses:
				return keys
			name = (table, part, sort, order_by, clauses, self.version[table])
			if name in self.kept and self.scenario["order"] != "unstable":
				return self.kept[name]
			for column, value in part or ():
				keys = [k for k in keys if self.belongs(table, column, value, k)]
			if clauses:
				keys = [k for k in keys if self.passes(table, clauses, k)]
			if sort == "sourcedId":
				keys = sorted(keys, key=lambda k: self.compare(self.d.row_id(table, k)))
			elif sort:
				column = self.column(table, sort)
				keys = sorted(keys, key=lambda k: self.compare(self.shown(table, column, k)))
			if sort and order_by == "desc":
				keys.reverse()
			self.kept = {k: v for k, v in self.kept.items() if k[0] != table or k[5] == name[5]}
			self.kept[name] = keys
			return keys

	def belongs(self, table, column, value, k):
		if column == "taught at":  # the courses that have classes at the school
			return any(self.belongs("classes", "schoolSourcedId", value, n) and
				self.belongs("classes", "courseSourcedId", self.d.row_id(table, k), n) for n in self.current("classes"))
		column, _, behind = column.partition(".")
		have = self.d.intended(table, column, k)
		if behind:  # a column of the row that this one names
			other = next(c for c in self.d.schemas.tables[table]["columns"] if c["name"] == column)["ref"]
			return any(self.belongs(other, behind, value, n) for n in self.current(other)
				if self.d.row_id(other, n) == have)
		return value in have if isinstance(have, list) else have == value

	def column(self, table, name):
		"""The column that a sort or filter field means, None when there is none."""
		for c in self.d.schemas.tables[table]["columns"]:
			if name in (c["name"], c.get("path")):
				return c
		return None

	def shown(self, table, column, k):
		return (Truth.found(self.d.record(table, k), column) or [""])[0]

	def passes(self, table, clauses, k):
		rec = self.d.record(table, k)
		verdicts = []
		for field, op, value in clauses[0]:
			values = Truth.found(rec, self.column(table, field)) or [""]
			verdicts.append(any(self.holds(v, op, value) for v in values))
		return all(verdicts) if clauses[1] == "AND" else any(verdicts)

	@staticmethod
	def holds(have, op, want):
		return {
			"=": have == want, "!=": have != want, ">": have > want, ">=": have >= want, "<": have < want,
			"<=": have <= want, "~": want in have,
		}[op]

	@staticmethod
	def parse_filter(text):
		"""((field, op, value), ...), "AND" or "OR"; None when the text is no filter."""
		clause = r"([A-Za-z.]+)(!=|>=|<=|=|>|<|~)'([^']*)'"
		found = re.fullmatch(f"{clause}(?: (AND|OR) {clause})?", text)
		if not found:
			return None
		g = found.groups()
		return ((g[0:3],) if g[3] is None else (g[0:3], g[4:7])), g[3] or "AND"


# ------------------------------------------------------------------------------------------------ requests, answers


class Request:
	"""A request taken apart."""

	def __init__(self, method, target, headers, body, scheme):
		self.method, self.target, self.headers, self.body, self.scheme = method, target, headers, body, scheme
		self.path, _, self.query_text = target.partition("?")
		self.query = self.pairs(self.query_text)
		self.form = self.pairs(body.decode("latin-1")) if "form-urlencoded" in headers.get("Content-Type", "") else {}
		self.cookies = {}
		for line in headers.get_all("Cookie", []):
			for part in line.split(";"):
				name, _, value = part.strip().partition("=")
				self.cookies[name] = value
		self.authorization = headers.get("Authorization", "")

	@staticmethod
	def pairs(text):
		return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))

	def masked(self):
		"""The target with every secret of its query as ***."""
		if not self.query_text:
			return self.path
		parts = []
		for part in self.query_text.split("&"):
			name, _, value = part.partition("=")
			parts.append(f"{name}=***" if urllib.parse.unquote(name).lower() in SECRET_PARAMETERS else part)
		return self.path + "?" + "&".join(parts)

	def number(self, name):
		"""A query parameter that should be a plain number: the number, None when absent; ValueError."""
		text = self.query.get(name)
		if text is None:
			return None
		if not re.fullmatch(r"\d{1,12}", text):
			raise ValueError(name)
		return int(text)


class Answer:
	"""What goes back, with what is done to it on the way."""

	def __init__(self, status=200, body=b"", kind="application/json; charset=utf-8", headers=(), rows=None):
		self.status, self.kind, self.headers, self.rows = status, kind, list(headers), rows
		self.body = body.encode("utf-8") if isinstance(body, str) else body
		self.delay = self.stall = 0
		self.cut = None
		self.close = self.chunked = self.gzip = False

	@classmethod
	def json(cls, value, status=200, headers=()):
		return cls(status, json.dumps(value), headers=headers)

	@classmethod
	def imsx(cls, status, minor, text, headers=()):
		return cls.json({"statusInfoSet": [{
			"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_codeMinor": minor, "imsx_description": text,
		}]}, status, headers)

	@classmethod
	def oauth(cls, status, error, text, headers=()):
		return cls.json({"error": error, "error_description": text}, status, headers)

	@classmethod
	def message(cls, status, text, headers=()):
		return cls.json({"Message": text}, status, headers)

	@classmethod
	def denied(cls, headers=()):
		text = "Authorization has been denied for this request."
		return cls.message(401, text, [*headers, ("WWW-Authenticate", "Bearer")])

	@classmethod
	def html(cls, status, text=LOGIN_PAGE, headers=()):
		return cls(status, text, "text/html; charset=utf-8", headers)


# ------------------------------------------------------------------------------------------------ logins


def oauth1_signature(method, address, parameters, secret, algorithm):
	"""The signature of RFC 5849 without a token. parameters: decoded (name, value) pairs, oauth_signature left out."""
	enc = lambda text: urllib.parse.quote(text, safe="-._~")
	pairs = sorted((enc(name).encode(), enc(value).encode()) for name, value in parameters)
	joined = "&".join(f"{name.decode()}={value.decode()}" for name, value in pairs)
	base = "&".join([method.upper(), enc(address), enc(joined)])
	digest = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}[algorithm]
	return base64.b64encode(hmac.digest((enc(secret) + "&").encode(), base.encode(), digest)).decode()


class Login:
	"""Codes, tokens, refresh tokens and sessions: who may read what."""

	def __init__(self, scenario, schemas):
		self.s = scenario
		self.kind = scenario["login"]
		self.prefix = schemas.standard["scope-prefix"]
		self.codes, self.tokens, self.refreshes, self.sessions = {}, {}, {}, {}
		self.nonces = set()
		self.calls = self.good = 0
		self.lock = threading.RLock()
		paths = scenario["token_path"] or []
		self.paths = [scenario["base"] + p for p in ([paths] if isinstance(paths, str) else paths)]
		if scenario["token_address"]:
			self.paths = [scenario["token_address"]]
		self.authorize_path = scenario["base"] + AUTHORIZE_PATH if self.kind == "aeries-v1" else None

	def route(self, request):
		"""token, authorize or refresh, when the request is for one of them."""
		if self.authorize_path and request.path == self.authorize_path:
			return "authorize"
		if request.path in self.paths:
			return "refresh" if {**request.query, **request.form}.get("grant_type") == "refresh_token" else "token"
		return None

	def answer(self, kind, request, patience):
		with self.lock:
			self.calls += 1
			if self.calls <= self.s["token_429"]:
				return Answer.oauth(429, "slow_down", "too many token requests", patience())
			if self.s["token_limit"] is not None and self.good >= self.s["token_limit"]:
				return Answer.oauth(429, "slow_down", "token requests are limited", patience())
			if self.s["token_redirect"]:
				return Answer(302, b"", "text/html", [("Location", self.s["token_redirect"])])
			if request.method != "POST":
				return Answer.message(405, "The requested resource does not support this method.", [("Allow", "POST")])
			answer = getattr(self, kind)(request) if self.kind == "aeries-v1" else self.client(request)
			self.good += answer.status == 200
			return answer

	# credentials

	def given(self, request):
		"""The pairs of id and secret in the request, by the place they were found in."""
		found = {}
		scheme, _, text = request.authorization.partition(" ")
		if scheme.lower() == "basic":
			try:
				ident, _, secret = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
			except ValueError:
				ident, secret = "", ""
			if self.s["basic_encoding"] == "form":
				ident, secret = urllib.parse.unquote_plus(ident), urllib.parse.unquote_plus(secret)
			found["basic"] = (ident, secret)
		for place, pairs in (("body", request.form), ("query", request.query)):
			if "client_secret" in pairs or "client_id" in pairs:
				found[place] = (pairs.get("client_id", ""), pairs.get("client_secret", ""))
		return found

	def refused(self, request, secret_too=True):
		"""An answer when the credentials are wrong or in the wrong place, else None."""
		found, wanted = self.given(request), self.s["client_auth"]
		places = {"any": list(found), "both": ["basic", "body"]}.get(wanted, [wanted])
		if not found or any(place not in found for place in places):
			return self.wrong(f"client credentials are expected in: {wanted}", 401)
		if wanted not in ("any", "both") and len(found) > 1:
			return Answer.oauth(400, "invalid_request", "credentials given in two ways")
		right = (self.s["client_id"], self.s["client_secret"])
		for place in places:
			same = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(found[place], right)]
			if not same[0] or secret_too and not same[1]:
				return self.wrong("unknown client", self.s["wrong_credentials_status"])
		return None

	@staticmethod
	def wrong(text, status):
		if status >= 500:
			return Answer.html(status, "<html><body><h1>Server Error in '/' Application.</h1></body></html>")
		return Answer.oauth(status, "invalid_client", text, [("WWW-Authenticate", 'Basic realm="sample"')])

	# scopes

	def scopes(self, asked):
		"""The scopes a token gets and an answer when there are none; the set None means everything."""
		short = [scope.removeprefix(self.prefix) for scope in asked.split()] if asked is not None else []
		if self.s["scope_required"] == "refuse":
			return None, Answer.oauth(400, "invalid_scope", "no scope is known here") if asked is not None else None
		if asked is not None and not short:
			return None, Answer.oauth(400, "invalid_scope", "the scope is empty")
		if self.s["scope_required"] and not short:
			return None, Answer.oauth(400, "invalid_scope", "a scope is compulsory")
		bad = [scope for scope, whole in zip(short, (asked or "").split())
			if scope not in SCOPES or whole == scope or scope in self.s["scopes_refused"]]
		if bad:
			return None, Answer.oauth(400, "invalid_scope", "unknown scope " + bad[0])
		granted = set(short) if short else None
		if self.s["scopes_granted"] is not None:
			allowed = set(self.s["scopes_granted"])
			granted = allowed if granted is None else granted & allowed
		return granted, None

	# token answers

	def client(self, request):
		"""Client credentials, or the password grant."""
		for name, value in self.s["token_query"].items():
			if request.query.get(name) != value:
				return Answer.message(400, f"No Campus Application selected ({name})")
		pairs = {**request.query, **request.form}
		if "form-urlencoded" not in request.headers.get("Content-Type", "") and "grant_type" not in request.query:
			return Answer.oauth(400, "invalid_request", "the body is not form-encoded")
		if "grant_type" not in pairs:
			return Answer.oauth(400, "invalid_request", "grant_type is missing")
		if pairs["grant_type"] != self.s["grant"]:
			return Answer.oauth(400, "unsupported_grant_type", "use " + self.s["grant"])
		no = self.refused(request)
		if no:
			return no
		if self.s["grant"] == "password":
			if (pairs.get("username"), pairs.get("password")) != (self.s["username"], self.s["password"]):
				return Answer.oauth(self.s["wrong_credentials_status"], "invalid_grant", "unknown user")
		granted, no = self.scopes(pairs.get("scope"))
		if no:
			return no
		session, headers = self.session(request)
		return self.issue(granted, session, headers, {} if granted is None else {
			"scope": " ".join(self.prefix + scope for scope in SCOPES if scope in granted)})

	def authorize(self, request):
		no = self.refused(request, secret_too=False)
		if no:
			return no
		session, headers = self.session(request)
		code = secrets.token_hex(16)
		self.codes[code] = (time.monotonic() + self.s["code_lifetime"], session)
		name = self.s["code_name"]
		if name == "bare-json":
			return Answer.json(code, headers=headers)
		if name == "bare-text":
			return Answer(200, code, "text/plain", headers)
		return Answer.json({name: code, "expires": self.s["code_lifetime"]}, headers=headers)

	def token(self, request):
		no = self.refused(request)
		if no:
			return no
		pairs = {**request.query, **request.form}
		if pairs.get("scope") != "OneRoster":
			return Answer.oauth(400, "invalid_scope", "the scope is OneRoster")
		until, session = self.codes.pop(pairs.get("authorization_code", ""), (0, None))
		if time.monotonic() > until:
			return Answer.oauth(400, "invalid_grant", "the authorization code is unknown, used or too old")
		if not self.same_session(request, session):
			return Answer.oauth(401, "invalid_grant", "the cookies of the authorize answer are missing")
		return self.issue(None, session, [], {"refresh_token": self.new_refresh(session)})

	def refresh(self, request):
		no = self.refused(request)
		if no:
			return no
		until, session = self.refreshes.pop({**request.query, **request.form}.get("refresh_token", ""), (0, None))
		if time.monotonic() > until:
			return Answer.oauth(400, "invalid_grant", "the refresh token is unknown, used or too old")
		if not self.same_session(request, session):
			return Answer.oauth(401, "invalid_grant", "the cookies of the authorize answer are missing")
		return self.issue(None, session, [], {"refresh_token": self.new_refresh(session)})

	def new_refresh(self, session):
		if not self.s["refresh_token"]:
			return None
		value = secrets.token_hex(16)
		self.refreshes[value] = (time.monotonic() + self.s["refresh_lifetime"], session)
		return value

	def issue(self, granted, session, headers, more):
		value = secrets.token_hex(16)
		self.tokens[value] = (time.monotonic() + self.s["token_lifetime"], granted, session)
		if self.s["bare_token"] == "text":
			return Answer(200, value, "text/plain", headers)
		if self.s["bare_token"]:
			return Answer.json(value, headers=headers)
		body = {"access_token": value, "token_type": self.s["token_type"], "expires_in": self.s["expires_in"], **more}
		return Answer.json({k: v for k, v in body.items() if v not in ("missing", None)}, headers=headers)

	# cookies

	def session(self, request):
		"""The session of a first login answer and the Set-Cookie lines for it; a known session is kept."""
		if not self.s["cookies"]:
			return None, []
		session = request.cookies.get("ASP.NET_SessionId")
		if session not in self.sessions:
			session = secrets.token_hex(12)
		affinity = secrets.token_hex(16)
		self.sessions[session] = (affinity, self.sessions.get(session, (affinity,))[0])
		secure = "; Secure" if request.scheme == "https" else ""
		return session, [
			("Set-Cookie", f"ASP.NET_SessionId={session}; path=/; HttpOnly; SameSite=Lax{secure}"),
			("Set-Cookie", f"ARRAffinity={affinity};Path=/;HttpOnly{secure}"),
		]

	def same_session(self, request, session):
		if session is None:
			return True
		return request.cookies.get("ASP.NET_SessionId") == session and \
			request.cookies.get("ARRAffinity") in self.sessions[session]

	# data

	def forget(self, request):
		self.tokens.pop(request.authorization.partition(" ")[2], None)

	def check(self, request, endpoint, scope):
		"""An answer when the request may not read the collection, else None."""
		with self.lock:
			if self.kind == "none":
				return None
			if self.kind == "oauth1":
				return self.check_oauth1(request)
			scheme, _, value = request.authorization.partition(" ")
			denied = Answer.denied()
			if scheme.lower() != "bearer":
				return denied
			if self.kind == "bearer":
				return None if hmac.compare_digest(value.encode(), self.s["bearer_token"].encode()) else denied
			until, granted, session = self.tokens.get(value, (0, None, None))
			if time.monotonic() > until or not self.same_session(request, session):
				return denied
			needed = (self.s["scope_needs"] or {}).get(endpoint, scope)
			if granted is not None and needed not in granted and \
					not (needed == "roster-core.readonly" and "roster.readonly" in granted):
				return Answer.imsx(403, "forbidden", f"the token lacks the scope {needed}")
			return None

	def check_oauth1(self, request):
		"""Verifies the signature of RFC 5849, the time and the nonce."""
		no = lambda why: Answer.imsx(401, "unauthorized", why, [("WWW-Authenticate", 'OAuth realm="sample"')])
		scheme, _, text = request.authorization.partition(" ")
		if scheme.lower() != "oauth":
			return no("an OAuth 1.0a signature is expected")
		if self.s["oauth1_strict"] and re.search(r",\s", text):
			return no("parameters must be separated by a comma alone")
		given = {}
		for part in text.split(","):
			found = re.fullmatch(r'\s*([A-Za-z_]+)="([^"]*)"\s*', part)
			if not found:
				return no("the Authorization header cannot be read")
			given[urllib.parse.unquote(found[1])] = urllib.parse.unquote(found[2])
		method = given.get("oauth_signature_method")
		if method not in self.s["oauth1_methods"]:
			return no("signature method refused")
		if given.get("oauth_consumer_key") != self.s["client_id"] or given.get("oauth_version", "1.0") != "1.0":
			return no("unknown consumer key or version")
		stamp = given.get("oauth_timestamp", "")
		if not stamp.isdigit() or abs(int(stamp) - time.time() - self.s["clock_skew"]) > 300:
			return no("timestamp refused")
		if not given.get("oauth_nonce") or (stamp, given["oauth_nonce"]) in self.nonces:
			return no("nonce refused")
		self.nonces.add((stamp, given["oauth_nonce"]))
		pairs = urllib.parse.parse_qsl(request.query_text, keep_blank_values=True)
		pairs += [(k, v) for k, v in given.items() if k not in ("oauth_signature", "realm")]
		address = f"{request.scheme}://{request.headers.get('Host', '').lower()}{request.path}"
		good = oauth1_signature(request.method, address, pairs, self.s["client_secret"], method)
		return None if hmac.compare_digest(good, given.get("oauth_signature", "")) else no("the signature is wrong")


# ------------------------------------------------------------------------------------------------ faults


class Faults:
	"""Decides for each request whether something goes wrong, and what."""

	CHAOS = {
		"503": {"status": 503, "retry_after": 0}, "429": {"status": 429, "retry_after": 0}, "500": {"status": 500},
		"502": {"status": 502}, "504": {"status": 504}, "401": {"unauthorized": True}, "cut": {"cut": 0.5},
		"close": {"close": True}, "truncate": {"truncate_json": True}, "html": {"html": True},
		"garbage": {"garbage": True},
	}

	def __init__(self, scenario):
		self.faults = scenario["faults"]
		self.hits = [0] * len(self.faults)
		self.chaos = scenario["chaos"]
		self.dice = random.Random(str((self.chaos or {}).get("seed", 1)))
		self.in_row = collections.Counter()
		self.lock = threading.Lock()

	def pick(self, names, offset):
		"""What to do to a request that answers to these names, and a word for the log."""
		with self.lock:
			do, words = {}, []
			for n, fault in enumerate(self.faults):
				if fault.get("match", "*") not in names or fault.get("offset", offset) != offset:
					continue
				self.hits[n] += 1
				if self.due(fault, self.hits[n]):
					do = {**do, **fault["do"]}
					words.append(f"fault {n}")
			if not do and self.chaos and "data" in names:
				do, word = self.roll(names, offset)
				words += [word] if word else []
			return do, " ".join(words)

	@staticmethod
	def due(fault, hit):
		if "nth" in fault:
			return hit in (fault["nth"] if isinstance(fault["nth"], list) else [fault["nth"]])
		if "every" in fault:
			return hit % fault["every"] == 0
		return hit <= fault["first"] if "first" in fault else True

	def roll(self, names, offset):
		where = (tuple(sorted(names)), offset)
		kinds = self.chaos.get("kinds", ["503", "429", "cut", "stall", "401"])
		if self.dice.random() >= self.chaos.get("rate", 0.1) or self.in_row[where] >= self.chaos.get("in_row", 2):
			self.in_row[where] = 0
			return {}, None
		kind = str(self.dice.choice(kinds))
		# a second 401 in a row is final for a client, and a 500 is worth one more try at most
		self.in_row[where] += 99 if kind in ("401", "500", "html") else 1
		do = {"stall": self.chaos.get("stall", 2)} if kind == "stall" else self.CHAOS[kind]
		return do, "chaos " + kind


# ------------------------------------------------------------------------------------------------ the server


class Sis:
	"""One scenario over one district: requests in, answers out."""

	def __init__(self, district, scenario, stop=None):
		self.d, self.s, self.schemas = district, scenario, district.schemas
		self.login = Login(scenario, district.schemas)
		self.lists = Lists(district, scenario)
		self.faults = Faults(scenario)
		self.stop = stop or threading.Event()
		self.in_flight = 0
		self.served = 0
		self.lock = threading.Lock()
		self.pages = collections.OrderedDict()

	def patience(self, seconds=None):
		"""The header that tells a client how long to wait, in the scenario's style."""
		seconds = self.s["retry_after"] if seconds is None else seconds
		style = self.s["retry_after_style"]
		moment = time.time() + self.s["clock_skew"] + seconds
		if style == "date":
			return [("Retry-After", email.utils.formatdate(int(moment + 0.999), usegmt=True))]
		if style == "x-ratelimit-reset":
			return [("X-RateLimit-Reset", str(int(moment + 0.999)))]
		return [] if style == "none" else [("Retry-After", str(seconds))]

	def enter(self):
		"""Counts a request in; gives how many are in flight with it."""
		with self.lock:
			self.in_flight += 1
			return self.in_flight

	def leave(self):
		with self.lock:
			self.in_flight -= 1

	def handle(self, request, busy):
		"""The answer to a request, and what the log says of it."""
		kind, names, offset = self.classify(request)
		do, word = self.faults.pick(names, offset)
		answer = self.instead(do, request) or self.true_answer(kind, request, busy)
		self.spoil(answer, do)
		return answer, {"kind": kind, "inflight": busy, **({"fault": word} if word else {})}

	def classify(self, request):
		"""What a request is for: its kind, the names that faults may match, the offset of its page."""
		login = self.login.route(request)
		if login:
			return login, {login, "login", "*"}, None
		root = self.s["base"] + self.s["data_path"] + "/"
		if request.path.startswith(root):
			name = request.path[len(root):].partition("/")[0]
			offset = request.query.get("offset", "0")
			return "data", {name, "data", "*"}, int(offset) if offset.isdigit() else 0
		return "other", {"other", "*"}, None

	def instead(self, do, request):
		"""The answer that a fault puts in place of the true one."""
		if do.get("drop_token"):
			self.login.forget(request)
		headers = list(do.get("headers", {}).items())
		if "retry_after" in do:
			headers += self.patience(do["retry_after"])
		if do.get("unauthorized"):
			return Answer.denied(headers)
		if "redirect" in do:
			return Answer(do.get("status", 302), b"", "text/html", headers + [("Location", do["redirect"])])
		if do.get("html"):
			return Answer.html(do.get("status", 200), do.get("body", LOGIN_PAGE), headers)
		if do.get("error_object"):
			return Answer.imsx(do.get("status", 200), "server_busy", "the sample SIS is out of order", headers)
		if do.get("garbage"):
			return Answer(do.get("status", 200), b'{"users":[{"sourcedId":}]\x00\xff]]', headers=headers)
		if "status" in do or "body" in do:
			status = do.get("status", 200)
			if "body" in do:
				return Answer(status, do["body"], headers=headers)
			return Answer.imsx(status, "server_busy" if status in (429, 503) else "internal_server_error",
				"the sample SIS is out of order", headers)
		return None

	@staticmethod
	def spoil(answer, do):
		"""What a fault does to the true answer on its way."""
		if "headers" in do:
			names = {name.lower() for name in do["headers"]}
			answer.headers = [(k, v) for k, v in answer.headers if k.lower() not in names] + list(do["headers"].items())
		answer.delay += do.get("delay", 0)
		answer.stall = do.get("stall", 0)
		answer.close = bool(do.get("close"))
		if do.get("truncate_json"):
			answer.body = answer.body[:len(answer.body) * 2 // 3]
		if do.get("gzip"):
			answer.gzip = True
		if "cut" in do:
			answer.cut = do["cut"]

	def true_answer(self, kind, request, busy):
		if kind in ("token", "authorize", "refresh"):
			return self.login.answer(kind, request, self.patience)
		if kind == "data":
			return self.data(request, busy)
		if request.path == self.s["base"] + "/api/v5/systeminfo" and request.method == "GET":
			return Answer.json({"AeriesVersion": "0.0.sample", "DatabaseYear": "2025-2026", "LocalTimeZone": "UTC"})
		if request.method == "POST":
			status = self.s["token_unknown_status"]
			if self.s["token_404_message"]:
				return Answer.message(status, "No HTTP resource was found that matches the request URI.")
			return Answer.html(status, "<html><body><h1>Not Found</h1></body></html>")
		if request.path in (self.s["base"], self.s["base"] + "/"):
			return Answer.html(200)
		return Answer.html(404, "<html><body><h1>Not Found</h1></body></html>")

	# data

	def data(self, request, busy):
		"""Everything below the data address."""
		delay, capacity = self.s["latency"], self.s["capacity"]
		if capacity:
			if busy > capacity.get("max", 1 << 30):
				return Answer.imsx(429, "server_busy", "too many requests at once", self.patience())
			delay *= max(1, busy / capacity.get("good", 1)) ** capacity.get("exponent", 1)
		self.stop.wait(delay)
		if request.method != "GET":
			return Answer.imsx(405, "invalid data", "this SIS is read-only", [("Allow", "GET")])
		parts = request.path[len(self.s["base"] + self.s["data_path"]) + 1:].split("/")
		endpoint = parts[0] if len(parts) == 1 else parts[-1] if len(parts) == 3 else ""
		table, part = self.collection(parts)
		nowhere = self.s["missing"] + (self.s["nested_only"] if len(parts) == 1 else [])
		if table is None or endpoint in nowhere:
			return Answer.imsx(404, "unknown object", "there is no such collection")
		no = self.login.check(request, endpoint, self.schemas.tables[table].get("scope"))
		if no:
			return no
		if endpoint in self.s["forbidden"]:
			return Answer.imsx(403, "forbidden", f"no permission to read {endpoint}")
		if len(parts) == 2:
			return self.single(table, parts[1])
		try:
			answer = self.page(request, endpoint, table, part)
		except ValueError as bad:
			return Answer.imsx(400, "invalid data", f"{bad} is not a number")
		self.lists.answered(table)
		return answer

	def collection(self, parts):
		"""The table that a path is about and which part of it; None when there is no such collection."""
		parts = [urllib.parse.unquote(p) for p in parts]
		kind, rows = None, ()
		if len(parts) == 3 and self.s["derived"] and (parts[0], parts[2]) in NESTED:
			table, column, kind = NESTED[(parts[0], parts[2])]
			rows = ((column, parts[1]),)
		elif len(parts) in (1, 2) and parts[0] in self.schemas.table_of:
			table = self.schemas.table_of[parts[0]]
		elif len(parts) in (1, 2) and parts[0] in DERIVED and self.s["derived"]:
			table, kind = DERIVED[parts[0]][0], parts[0]
		else:
			return None, ()
		if kind:
			rows += (DERIVED[kind][1:],)
		offered = table in self.schemas.core or table in self.d.offered
		return (table, rows) if offered else (None, ())

	def single(self, table, ident):
		for k in self.lists.current(table):
			if self.d.row_id(table, k) == urllib.parse.unquote(ident):
				name = REFERENCE_TYPE.get(table, table.rstrip("s"))
				return Answer(200, f'{{"{name}":{self.d.json(table, k)}}}', rows=1)
		return Answer.imsx(404, "unknown object", "there is no such object")

	def asked(self, request, table):
		"""The sort, filter and fields that count, warnings about the others, and an answer when one is refused."""
		warn, sort, clauses, fields = [], None, None, None
		by_order = self.s["order"] == "id" if self.s["sort_supported"] is None else self.s["sort_supported"]
		text = request.query.get("sort")
		if text is not None and by_order == "error":
			return Answer.imsx(400, "invalid_sort_field", "sort is not supported"), None
		if text is not None and by_order:
			sort = text if self.lists.column(table, text) else None
			warn += [] if sort else ["invalid_sort_field"]
		text = request.query.get("filter")
		if text is not None and self.s["filter_supported"]:
			clauses = Lists.parse_filter(text)
			if self.s["filter_supported"] == "error" or not clauses or \
					not all(self.lists.column(table, c[0]) for c in clauses[0]):
				return Answer.imsx(400, "invalid_filter_field", "filter cannot be used"), None
			if self.s["filter_supported"] == "nothing":
				clauses = (("sourcedId", "=", ""),), "AND"
		text = request.query.get("fields")
		if text is not None and self.s["fields_supported"]:
			if self.s["fields_supported"] == "error":
				return Answer.imsx(400, "invalid_selection_field", "fields is not supported"), None
			if not text:
				return Answer.imsx(400, "invalid_blank_selection_field", "fields is empty"), None
			fields = tuple(text.split(","))
		return None, (sort, request.query.get("orderBy", "asc"), clauses, fields, warn)

	def page(self, request, endpoint, table, part):
		"""One page of a collection."""
		limit, offset = request.number("limit"), request.number("offset") or 0
		if limit == 0:
			return Answer.imsx(400, "invalid data", "limit must be at least 1")
		over = self.s["when_limit_over"]
		if over is not None and (limit or 0) > over:
			return Answer.imsx(self.s["limit_over_status"], "server_busy", "limit is too large")
		no, wishes = self.asked(request, table)
		if no:
			return no
		sort, order_by, clauses, fields, warn = wishes
		keys = self.lists.view(table, part, sort, order_by, clauses)
		total = len(keys)
		if self.s["filter_supported"] == "total" and clauses:
			total = len(self.lists.view(table, part, None, None, None))
		limit = min(limit or self.s["default_limit"], self.s["cap"] or 1 << 40)
		if self.s["ignore_limit"]:
			limit = max(1, total)
		start = 0 if self.s["ignore_offset"] else offset
		if self.s["link"] == "cursor":
			start = int(request.query.get("cursor", "0"), 16) if "cursor" in request.query else 0
		if start >= total and start > 0 and self.s["past_end"] != "empty":
			if self.s["past_end"] == 204:
				return Answer(204)
			return Answer.imsx(self.s["past_end"], "unknown object", "offset is behind the last record")
		rows = keys[start:start + limit]
		body = self.body(endpoint, table, rows, fields, warn, total, limit, start)
		answer = Answer(200, body, headers=self.witnesses(request, rows, total, limit, start), rows=len(rows))
		accepts = "gzip" in request.headers.get("Accept-Encoding", "")
		answer.gzip = self.s["gzip"] == "force" or bool(self.s["gzip"]) and accepts
		answer.chunked = self.s["chunked"]
		return answer

	def body(self, endpoint, table, rows, fields, warn, total, limit, start):
		name = (endpoint, tuple(rows), fields, tuple(warn), total, limit, start) if self.s["cache_pages"] else None
		with self.lock:
			if name in self.pages:
				self.pages.move_to_end(name)
				return self.pages[name]
		text = self.document(endpoint, table, [self.d.json(table, k, fields) for k in rows], warn, total, limit, start)
		data = (b"\xef\xbb\xbf" if self.s["bom"] else b"") + (text + self.s["trailing"]).encode(self.s["encoding"])
		if name:
			with self.lock:
				self.pages[name] = data
				while len(self.pages) > self.s["cache_pages"]:
					self.pages.popitem(last=False)
		return data

	def document(self, endpoint, table, rows, warn, total, limit, start):
		"""The rows in their wrapper."""
		wrapper = self.s["wrapper"]
		name = wrapper if isinstance(wrapper, str) else wrapper.get(endpoint, self.schemas.tables[table]["collection"])
		value = rows[0] if self.s["single"] and len(rows) == 1 else "[" + ",".join(rows) + "]"
		if name == "array":
			return value
		before = after = ""
		if self.s["with_status_set"] or warn:
			before = '"statusInfoSet":' + json.dumps([{
				"imsx_codeMajor": "success", "imsx_severity": "warning" if warn else "status",
				"imsx_codeMinor": warn[0] if warn else "full success", "imsx_description": "sample",
			}]) + ","
		if self.s["body_total"]:
			before += f'"totalCount":{total},"offset":{start},"limit":{limit},'
			after = f',"pageCount":{-(-total // limit)}'
		return f'{{{before}{json.dumps(name)}:{value}{after}}}'

	def witnesses(self, request, rows, total, limit, start):
		"""X-Total-Count, Link and the others, true or false as the scenario wants."""
		with self.lock:
			self.served += 1
			served = self.served
		headers = []
		how = self.s["total"]
		if how:
			said = {"wrong": total + 5, "short": total // 2, "page": len(rows), "changing": total + served % 3}
			headers.append(("X-Total-Count", str(said.get(how, total) if isinstance(how, str) else total)))
		if self.s["count_header"]:
			headers.append(("x-count", str(len(rows))))
		if self.s["perm_rev"] is not None:
			rev = f"rev-{served}" if self.s["perm_rev"] == "changing" else str(self.s["perm_rev"])
			headers.append(("x-perm-rev", rev))
		if self.s["link"]:
			headers += self.links(request, len(rows), total, limit, start)
		return headers

	def links(self, request, n, total, limit, start):
		how = self.s["link"]
		last = max(0, (total - 1) // limit * limit)
		there = {"first": 0, "last": last}
		if start:
			there["prev"] = max(0, start - limit)
		if start + n < total:
			there["next"] = start + n
		if how == "last-only":
			there = {"last": last}
		if how == "loop":
			there["next"] = start
		if how == "off-by-one" and "next" in there:
			there["next"] += 1
		host = {"foreign": "http://10.0.0.7:8080/internal", "relative": ""}.get(how,
			f"{request.scheme}://{request.headers.get('Host', 'localhost')}")
		others = "".join(f"&{k}={urllib.parse.quote(v)}" for k, v in request.query.items()
			if k not in ("limit", "offset", "cursor") and not (k == "filter" and self.s["filter_supported"] == "lost"))
		entries = []
		for rel, offset in there.items():
			place = f"cursor={offset:x}" if how == "cursor" else f"offset={offset}"
			address = f"{host}{request.path}?limit={limit}&{place}{others}"
			address = address if how == "bare" else f"<{address}>"
			entries.append(f"{address}; rel={rel}" if how == "unquoted" else f'{address}; rel="{rel}"')
		if how == "lines":
			return [("Link", entry) for entry in entries]
		return [("Link", ", ".join(entries))] if entries else []


class Handler(http.server.BaseHTTPRequestHandler):
	"""HTTP/1.1 on one connection."""

	protocol_version = "HTTP/1.1"
	timeout = 300
	disable_nagle_algorithm = True
	MAX_BODY = 1 << 20

	def do_GET(self):
		server = self.server
		began = time.monotonic()
		length = self.headers.get("Content-Length", "0")
		if not length.isdigit() or int(length) > self.MAX_BODY:
			self.close_connection = True
			length = "0"
		body = self.rfile.read(int(length))
		request = Request(self.command, self.path, self.headers, body, server.scheme)
		busy, self.inside = server.sis.enter(), True
		sent = 0
		try:
			answer, words = server.sis.handle(request, busy)
			sent = self.send(answer)
		except OSError:
			self.close_connection = True
			words["broken"] = True
		finally:
			self.leave()
		server.log({
			"t": round(began - server.began, 4), "took": round(time.monotonic() - began, 4), "method": request.method,
			"path": request.masked(), "status": answer.status, "rows": answer.rows, "bytes": sent,
			"cookie": bool(request.cookies), "authorization": request.authorization.partition(" ")[0] or None,
			"encoding": request.headers.get("Accept-Encoding"), "agent": request.headers.get("User-Agent"), **words,
		})

	do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

	def do_HEAD(self):
		self.do_GET()

	def leave(self):
		"""Counts the request out, once: before its last bytes go, so that whoever has the answer may ask again."""
		if self.inside:
			self.inside = False
			self.server.sis.leave()
			self.server.answered()

	def send(self, answer):
		"""Sends an answer with all that is to go wrong with it; gives the bytes of its body that went out."""
		stop = self.server.sis.stop
		stop.wait(answer.delay)
		if answer.close:
			self.close_connection = True
			return 0
		body, headers = answer.body, list(answer.headers)
		if answer.gzip and body:
			body = gzip.compress(body, 6, mtime=0)
			headers.append(("Content-Encoding", "gzip"))
		cut = answer.cut
		if cut is not None:
			cut = int(len(body) * cut) if cut < 1 else min(int(cut), len(body) - 1)
			self.close_connection = True
		self.send_response_only(answer.status)
		self.send_header("Date", email.utils.formatdate(time.time() + self.server.sis.s["clock_skew"], usegmt=True))
		if answer.status != 204:
			self.send_header("Content-Type", answer.kind)
			if answer.chunked:
				self.send_header("Transfer-Encoding", "chunked")
			else:
				self.send_header("Content-Length", str(len(body)))
		for name, value in headers:
			self.send_header(name, value)
		if self.close_connection and cut is None:
			self.send_header("Connection", "close")
		if not answer.stall:
			self.leave()
		self.end_headers()
		if self.command == "HEAD" or answer.status == 204:
			return 0
		out = body if cut is None else body[:cut]
		half = len(out) // 2 if answer.stall else 0
		for n, piece in enumerate((out[:half], out[half:])):
			if n and answer.stall:
				self.wfile.flush()
				stop.wait(answer.stall)
				self.leave()
			self.write(piece, answer.chunked)
		if answer.chunked and cut is None:
			self.wfile.write(b"0\r\n\r\n")
		return len(out)

	def write(self, data, chunked):
		if not chunked:
			self.wfile.write(data)
			return
		for at in range(0, len(data), 7001):
			piece = data[at:at + 7001]
			self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

	def log_message(self, *words):
		pass


class Server(http.server.ThreadingHTTPServer):
	"""The listening socket, the log and the one Sis behind them."""

	daemon_threads = True
	block_on_close = False
	request_queue_size = 128

	def __init__(self, sis, port=0, context=None, log=None, quiet=False):
		super().__init__(("127.0.0.1", port), Handler)
		self.sis, self.quiet = sis, quiet
		self.scheme = "https" if context else "http"
		self.began = time.monotonic()
		self.lines = open(log, "a", encoding="utf-8", buffering=1) if log else None
		self.marks = open(log + ".answered", "ab", buffering=0) if log else None
		self.log_lock = threading.Lock()
		if context:
			# the handshake belongs to the thread of the connection, not to the one that accepts
			self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

	@property
	def root(self):
		return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

	def answered(self):
		"""Somebody has an answer, or nearly so, which is not in the log yet: a byte for each in a file beside it."""
		if self.marks:
			self.marks.write(b".")

	def log(self, entry):
		if self.lines:
			with self.log_lock:
				self.lines.write(json.dumps(entry) + "\n")

	def handle_error(self, request, client_address):
		if not self.quiet and not isinstance(sys.exc_info()[1], OSError):
			super().handle_error(request, client_address)


# ------------------------------------------------------------------------------------------------ TLS


def make_certificates(folder, names):
	"""A certificate authority and a server certificate signed by it; gives the paths of ca, certificate, key."""
	at = lambda name: os.path.join(folder, name)
	with open(at("san.cnf"), "w", encoding="ascii") as f:
		f.write(f"subjectAltName={','.join(names)}\nbasicConstraints=CA:FALSE\n")
	key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
	steps = [
		["req", "-x509", *key, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "30",
			"-subj", "/CN=Sample SIS test authority"],
		["req", *key, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=Sample SIS"],
		["x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial",
			"-out", at("server.pem"), "-days", "30", "-extfile", at("san.cnf")],
	]
	for step in steps:
		done = subprocess.run(["openssl", *step], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
		if done.returncode:
			raise Usage("openssl failed: " + done.stderr.decode(errors="replace").strip())
	return at("ca.pem"), at("server.pem"), at("server.key")


def tls_context(names, ca_out):
	with tempfile.TemporaryDirectory(prefix="sis-") as folder:
		authority, certificate, key = make_certificates(folder, names)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.minimum_version = ssl.TLSVersion.TLSv1_2
		context.load_cert_chain(certificate, key)
		if ca_out:
			with open(authority, encoding="ascii") as source, open(ca_out, "w", encoding="ascii") as target:
				target.write(source.read())
	return context


# ------------------------------------------------------------------------------------------------ the command


def read_scenario(path=None, settings=()):
	"""The scenario of a file and of --set, checked, with the defaults of its login filled in."""
	scenario = copy.deepcopy(SCENARIO)
	given = {}
	if path:
		with open(path, encoding="utf-8") as f:
			text = f.read()
		given = json.loads(text)
		if "records" in given:
			given["records"] = read_json(text)["records"]
	for setting in settings:
		key, equals, value = setting.partition("=")
		if not equals:
			raise Usage(f"--set {setting}: expected KEY=VALUE")
		try:
			given[key] = read_json(value) if key == "records" else json.loads(value)
		except ValueError:
			given[key] = value
	return complete_scenario(scenario, given)


def complete_scenario(scenario, given):
	for key in given:
		if key not in SCENARIO:
			raise Usage(f"scenario: unknown key {key}")
	scenario.update(given)
	if scenario["login"] not in LOGINS:
		raise Usage(f"scenario: login is one of {', '.join(LOGINS)}")
	for key, value in LOGINS[scenario["login"]].items():
		if scenario[key] is None:
			scenario[key] = value
	for fault in scenario["faults"]:
		wrong = set(fault) - FAULT_KEYS or set(fault.get("do", {})) - DO_KEYS
		if wrong or "do" not in fault:
			raise Usage(f"scenario: fault {json.dumps(fault)}: unknown {', '.join(sorted(wrong))}" if wrong else
				"scenario: a fault without do")
	for step in scenario["mutate"]:
		changes = ({"delete"}, {"insert"}, {"move", "to"})
		if not any(set(step) == {"table", "after_request"} | change for change in changes):
			raise Usage(f"scenario: mutate {json.dumps(step)}")
	for key in scenario["district"]:
		if key not in DISTRICT and key != "with":
			raise Usage(f"scenario: district: unknown key {key}")
	return scenario


def make_district(options, scenario):
	"""The district of the command line, the scenario and the defaults, in this order."""
	schemas = Schemas(options.schemas)
	size = dict(DISTRICT)
	size.update({k: v for k, v in scenario["district"].items() if k in DISTRICT})
	size.update({k: getattr(options, k) for k in DISTRICT if getattr(options, k) is not None})
	offered = options.offered if options.offered is not None else scenario["district"].get("with")
	if offered is None:
		offered = [name for name in schemas.order if name not in schemas.core]
	elif isinstance(offered, str):
		offered = [name for name in offered.split(",") if name]
	for name in offered:
		if name not in schemas.order:
			raise Usage(f"--with: no table {name}")
	return District(schemas, size, scenario, set(offered))


def await_eof(stop):
	"""Sets stop at the end of standard input; os.read, as a blocked sys.stdin would hinder the interpreter's end."""
	while os.read(0, 4096):
		pass
	stop.set()


def serve(options, scenario):
	stop = threading.Event()
	for number in (signal.SIGTERM, signal.SIGINT):
		signal.signal(number, lambda *_: stop.set())
	sis = Sis(make_district(options, scenario), scenario, stop)
	context = tls_context(scenario["tls_names"], options.ca_out) if options.tls else None
	server = Server(sis, options.port, context, options.log, options.quiet)
	threading.Thread(target=server.serve_forever, daemon=True).start()
	if options.until_eof:
		threading.Thread(target=await_eof, args=(stop,), daemon=True).start()
	print("ready", server.root, flush=True)
	while not stop.wait(3600):
		pass
	server.socket.close()
	return 0


def truth(options, scenario):
	district = make_district(options, scenario)
	schemas = district.schemas
	wanted = options.collections.split(",") if options.collections else schemas.core
	for name in wanted:
		if name not in schemas.order:
			raise Usage(f"--collections: no table {name}")
	lists = Lists(district, scenario)
	for step in scenario["mutate"][:options.after]:
		lists.change(step)
	keys = {name: list(lists.current(name)) for name in schemas.served}
	work = Truth(district, wanted)
	counts = work.write(options.folder, keys, options.source_name, options.source_code, options.empty)
	print(json.dumps({"rows": counts, "left_out": dict(work.dropped), "required_and_blank": len(work.missing)}))
	for line in work.missing[:20]:
		print("required and blank:", line, file=sys.stderr)
	return 3 if work.missing else 0


def rows(options, scenario):
	district = make_district(options, scenario)
	print(json.dumps({name: len(district.keys(name)) for name in district.schemas.served
		if name in district.schemas.core or name in district.offered}))
	return 0


def parser():
	common = argparse.ArgumentParser(add_help=False)
	for name in DISTRICT:
		common.add_argument("--" + name, type=int, metavar="N")
	common.add_argument("--with", dest="offered", metavar="NAMES")
	common.add_argument("--scenario", metavar="FILE")
	common.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
	common.add_argument("--schemas", default=SCHEMAS, metavar="DIR")
	top = argparse.ArgumentParser(prog="sis.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
	commands = top.add_subparsers(dest="command", required=True)
	one = commands.add_parser("serve", parents=[common])
	one.add_argument("--port", type=int, default=0)
	one.add_argument("--tls", action="store_true")
	one.add_argument("--ca-out", metavar="FILE")
	one.add_argument("--log", metavar="FILE")
	one.add_argument("--until-eof", action="store_true")
	one.add_argument("--quiet", action="store_true")
	one.set_defaults(run=serve)
	one = commands.add_parser("truth", parents=[common])
	one.add_argument("folder", metavar="DIR")
	one.add_argument("--collections", metavar="NAMES")
	one.add_argument("--source-name", metavar="TEXT")
	one.add_argument("--source-code", metavar="TEXT")
	one.add_argument("--empty", choices=["absent", "header"], default="absent")
	one.add_argument("--after", type=int, default=0, metavar="N")
	one.set_defaults(run=truth)
	one = commands.add_parser("rows", parents=[common])
	one.set_defaults(run=rows)
	return top


def main(arguments=None):
	options = parser().parse_args(arguments)
	try:
		return options.run(options, read_scenario(options.scenario, options.set))
	except (Usage, OSError, ValueError, KeyError) as error:
		print(f"sis.py: {error}", file=sys.stderr)
		return 2


if __name__ == "__main__":
	sys.exit(main())

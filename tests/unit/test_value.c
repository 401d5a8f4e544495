#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

/* A table with one column of each type. */
enum {
	SOURCED_ID,
	STATUS,
	MODIFIED,
	GUID,
	GUIDS,
	ID,
	TEXT,
	TEXTS,
	GRADES,
	WORD,
	WORDS,
	FLAG,
	DATE,
	YEAR,
	FLOAT,
	USERIDS,
	DIGEST,
	BLANK,
	COLUMNS
};

static const char *const status_values[] = {"active", "tobedeleted", NULL};
static const struct vocabulary_alias status_aliases[] = {{"inactive", "tobedeleted"}, {NULL, NULL}};
static const struct vocabulary status_words = {"status", status_values, status_aliases};

static const char *const test_values[] = {"student", "gradingPeriod", "fully graded", "administrator", NULL};
static const struct vocabulary_alias test_aliases[] = {
	{"pupil", "student"}, {"fullyGraded", "fully graded"}, {"admin", "administrator"}, {NULL, NULL}};
static const struct vocabulary test_words = {"test", test_values, test_aliases};

static const struct column columns[COLUMNS] = {
	[SOURCED_ID] = {.name = "sourcedId", .type = COLUMN_GUID, .required = true},
	[STATUS] = {.name = "status", .type = COLUMN_ENUM, .vocabulary = &status_words, .delta = true},
	[MODIFIED] = {.name = "dateLastModified", .type = COLUMN_DATETIME, .delta = true},
	[GUID] = {.name = "guid", .type = COLUMN_GUID},
	[GUIDS] = {.name = "guids", .type = COLUMN_GUIDS, .required = true},
	[ID] = {.name = "id", .type = COLUMN_ID},
	[TEXT] = {.name = "text", .type = COLUMN_TEXT, .required = true},
	[TEXTS] = {.name = "texts", .type = COLUMN_TEXTS},
	[GRADES] = {.name = "grades", .type = COLUMN_GRADES, .vocabulary = &test_words},
	[WORD] = {.name = "word", .type = COLUMN_ENUM, .vocabulary = &test_words, .fill = "student"},
	[WORDS] = {.name = "words", .type = COLUMN_ENUMS, .vocabulary = &test_words},
	[FLAG] = {.name = "flag", .type = COLUMN_BOOLEAN, .required = true, .fill = "true"},
	[DATE] = {.name = "date", .type = COLUMN_DATE},
	[YEAR] = {.name = "year", .type = COLUMN_YEAR},
	[FLOAT] = {.name = "float", .type = COLUMN_FLOAT},
	[USERIDS] = {.name = "userids", .type = COLUMN_USERIDS},
	[DIGEST] = {.name = "digest", .type = COLUMN_DIGEST},
	[BLANK] = {.name = "blank", .type = COLUMN_BLANK},
};

static const struct table table = {.name = "test", .columns = columns, .column_count = COLUMNS};

struct value_case {
	int column;
	const char *in;
	size_t in_length;
	const char *out;
	size_t out_length;
	const char *rules; /* codes in the order of enum value_rule, with blanks between */
};

/* The cell changes, or stays as it is. */
#define TO(column, in, out, rules)                                                                                     \
	{                                                                                                              \
		column, in, sizeof(in) - 1, out, sizeof(out) - 1, rules                                                \
	}
#define STAYS(column, in, rules) TO(column, in, in, rules)

#define BAD    "\xEF\xBF\xBD" /* U+FFFD */
#define TEN    "0123456789"
#define FIFTY  TEN TEN TEN TEN TEN
#define ID_255 FIFTY FIFTY FIFTY FIFTY FIFTY "01234"

static const struct value_case cases[] = {
	/* text that is fine */
	STAYS(TEXT, "", ""),
	STAYS(TEXT, "A", ""),
	STAYS(TEXT, "Ann", ""),
	STAYS(TEXT, "O\"Hara, Jr. \\ ~", ""),
	STAYS(TEXT, " two blanks  kept ", ""),
	STAYS(TEXT, "Zo\xC3\xAB", ""),
	STAYS(TEXT, "\xE6\x9D\x8E\xE5\xB0\x8F\xE9\xBE\x99", ""),
	STAYS(TEXT, "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD8\xB9\xD9\x84\xD9\x8A", ""),
	STAYS(TEXT, "smile \xF0\x9F\x98\x80", ""),
	STAYS(TEXT,
		"a\xC2\xA0"
		"b",
		""),
	STAYS(TEXT,
		"\xC2\xA0"
		"Ann",
		""),
	STAYS(TEXT, "0", ""),
	STAYS(TEXT, "false", ""),
	STAYS(TEXT, BAD, ""),

	/* blanks only are the same as nothing */
	TO(TEXT, " ", "", ""),
	TO(TEXT, "          ", "", ""),
	TO(TEXT, "\xC2\xA0", "", ""),
	TO(TEXT, " \xC2\xA0 \xE3\x80\x80", "", ""),
	TO(TEXT, "\n", "", ""),
	TO(TEXT, " \r\n\t ", "", ""),
	TO(TEXT, "\n \xE2\x80\xA8", "", ""),
	TO(ID, "   ", "", ""),
	TO(GUID, " ", "", ""),
	TO(GUID, "\t", "", ""),
	TO(GUIDS, "  ", "", ""),
	TO(WORD, " ", "", ""),
	TO(DATE, "  ", "", ""),
	TO(FLAG, " ", "", ""),
	TO(FLOAT, "\t", "", ""),
	TO(GRADES, " ", "", ""),
	TO(USERIDS, " ", "", ""),
	TO(DIGEST, " ", "", ""),
	TO(TEXT, "\x01", "", "text.control"),
	TO(TEXT, " \0 ", "", "text.control"),

	/* the word null */
	TO(TEXT, "null", "", "text.null"),
	TO(GUID, "null", "", "text.null"),
	TO(GUIDS, "null", "", "text.null"),
	TO(DATE, "null", "", "text.null"),
	TO(FLAG, "null", "", "text.null"),
	STAYS(TEXT, "Null", ""),
	STAYS(TEXT, "NULL", ""),
	STAYS(TEXT, "nullable", ""),
	STAYS(TEXT, " null", ""),

	/* line breaks and tabs */
	TO(TEXT, "a\nb", "a b", "text.line-break"),
	TO(TEXT, "a\rb", "a b", "text.line-break"),
	TO(TEXT, "a\r\nb", "a b", "text.line-break"),
	TO(TEXT, "a\tb", "a b", "text.line-break"),
	TO(TEXT, "a\r\n\t\n\nb", "a b", "text.line-break"),
	TO(TEXT, "a\nb\nc", "a b c", "text.line-break"),
	TO(TEXT, "\na", " a", "text.line-break"),
	TO(TEXT, "a\n", "a ", "text.line-break"),
	TO(TEXT, "a \n b", "a   b", "text.line-break"),
	TO(TEXT,
		"a\xC2\x85"
		"b",
		"a b", "text.line-break"),
	TO(TEXT,
		"a\xE2\x80\xA8"
		"b",
		"a b", "text.line-break"),
	TO(TEXT,
		"a\xE2\x80\xA9"
		"b",
		"a b", "text.line-break"),
	TO(TEXT,
		"a\r\xC2\x85\xE2\x80\xA8\n"
		"b",
		"a b", "text.line-break"),
	TO(TEXT,
		"\xE2\x80\xA9"
		"a\xC2\x85",
		" a ", "text.line-break"),
	STAYS(TEXT,
		"a\xE2\x80\xA7"
		"b",
		""),
	TO(TEXTS, "Art\nMusic,PE", "Art Music,PE", "text.line-break"),

	/* control characters */
	TO(TEXT, "a\0b", "ab", "text.control"),
	TO(TEXT, "\0a", "a", "text.control"),
	TO(TEXT, "a\0", "a", "text.control"),
	TO(TEXT, "\0\0a\0\0b\0\0", "ab", "text.control"),
	TO(TEXT, "a\x1B[1mb", "a[1mb", "text.control"),
	TO(TEXT,
		"a\x7F"
		"b",
		"ab", "text.control"),
	TO(TEXT,
		"a\x0B\x0C"
		"b",
		"ab", "text.control"),
	TO(TEXT,
		"a\xC2\x80\xC2\x9F"
		"b",
		"ab", "text.control"),
	TO(TEXT,
		"\xEF\xBB\xBF"
		"a",
		"a", "text.control"),
	TO(TEXT,
		"a\xEF\xBB\xBF"
		"b",
		"ab", "text.control"),
	TO(TEXT, "a\n\0\nb", "a b", "text.control text.line-break"),
	TO(TEXT, "a\0\n\x01", "a ", "text.control text.line-break"),
	TO(TEXT, "nu\0ll", "", "text.control text.null"),

	/* no UTF-8: Unicode's own examples, but one sign for a whole surrogate */
	TO(TEXT, "\x80", BAD, "text.utf8"),
	TO(TEXT,
		"a\xFF"
		"b",
		"a" BAD "b", "text.utf8"),
	TO(TEXT, "caf\xE9", "caf" BAD, "text.utf8"),
	TO(TEXT, "\xE9t\xE9", BAD "t" BAD, "text.utf8"),
	TO(TEXT, "a\xC3", "a" BAD, "text.utf8"),
	TO(TEXT, "a\xE6\x9D", "a" BAD, "text.utf8"),
	TO(TEXT, "a\xF0\x9F\x98", "a" BAD, "text.utf8"),
	TO(TEXT,
		"\xF0\x9F\x98"
		"A",
		BAD "A", "text.utf8"),
	TO(TEXT,
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
		"A",
		BAD BAD BAD BAD BAD BAD BAD BAD "A", "text.utf8"),
	TO(TEXT, "\xC1\xBF", BAD BAD, "text.utf8"),
	TO(TEXT,
		"\xF4\x91\x92\x93\xFF"
		"A\x80\xBF"
		"B",
		BAD BAD BAD BAD BAD "A" BAD BAD "B", "text.utf8"),
	TO(TEXT, "\xF5\x80", BAD BAD, "text.utf8"),
	TO(TEXT,
		"a\xF1\x80\x80\xE1\x80\xC2"
		"b\x80"
		"c\x80\xBF"
		"d",
		"a" BAD BAD BAD "b" BAD "c" BAD BAD "d", "text.utf8"),
	TO(TEXT,
		"a\xED\xA0\x80"
		"b",
		"a" BAD "b", "text.utf8"),
	TO(TEXT, "\xED\xBF\xBF", BAD, "text.utf8"),
	TO(TEXT, "\xED\xA0\xBD\xED\xB8\x80", BAD BAD, "text.utf8"),
	TO(TEXT,
		"\xED\xAF"
		"A",
		BAD BAD "A", "text.utf8"),
	STAYS(TEXT, "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", ""),
	TO(TEXT, "\n\xFF\0", " " BAD, "text.control text.line-break text.utf8"),
	TO(TEXT, "12345678\xFF", "12345678" BAD, "text.utf8"),

	/* ids */
	STAYS(SOURCED_ID, "9f2c-44", ""),
	STAYS(SOURCED_ID, "org/12@x", ""),
	STAYS(GUID, "AZaz09.-_/@", ""),
	STAYS(GUID, "994_1001", ""),
	STAYS(GUID, "0", ""),
	STAYS(GUID, "u 17", "id.chars"),
	STAYS(GUID, " u17", "id.chars"),
	STAYS(GUID, "{9f2c}", "id.chars"),
	STAYS(GUID, "a:b", "id.chars"),
	STAYS(GUID, "a,b", "id.chars"),
	STAYS(GUID, "a[b", "id.chars"),
	STAYS(GUID, "a`b", "id.chars"),
	STAYS(GUID, "a~b", "id.chars"),
	STAYS(GUID, "a+b", "id.chars"),
	STAYS(GUID, "Zo\xC3\xAB", "id.chars"),
	STAYS(GUID, ID_255, ""),
	STAYS(GUID, ID_255 "5", "id.length"),
	STAYS(GUID, ID_255 "+", "id.length id.chars"),
	TO(GUID, "u\n17", "u 17", "id.control id.chars"),
	TO(GUID, "u17\r\n", "u17 ", "id.control id.chars"),
	TO(GUID,
		"u\x01"
		"17",
		"u17", "id.control"),
	TO(GUID, "\xEF\xBB\xBFu17", "u17", "id.control"),
	TO(GUID, "u17\xFF", "u17" BAD, "id.control id.chars"),
	TO(GUID, "\0", "", "id.control"),
	TO(SOURCED_ID, "", "", "id.empty"),
	TO(SOURCED_ID, "  ", "", "id.empty"),
	TO(SOURCED_ID, "null", "", "text.null id.empty"),
	STAYS(GUIDS, "s1", ""),
	STAYS(GUIDS, "s1,s2,s3", ""),
	STAYS(GUIDS, "s1, s2", "id.chars"),
	STAYS(GUIDS, "s1;s2", "id.chars"),
	STAYS(GUIDS, "s1," ID_255, ""),
	STAYS(GUIDS, "s1," ID_255 "5,s2", "id.length"),
	TO(GUIDS, "s1,,s2", "s1,s2", "list.blank"),
	TO(GUIDS, ",s1", "s1", "list.blank"),
	TO(GUIDS, "s1, ,", "s1", "list.blank"),
	TO(GUIDS, ",", "", "list.blank"),
	TO(GUIDS, "s1,s\t2", "s1,s 2", "id.control id.chars"),
	STAYS(ID, "https://vendor.example/r?id=1,2", ""),
	STAYS(ID, ID_255 "5", ""),
	TO(ID, "v\n1", "v 1", "id.control"),

	/* words */
	STAYS(STATUS, "active", ""),
	TO(STATUS, "Active", "active", "field.case"),
	TO(STATUS, "ToBeDeleted", "tobedeleted", "field.case"),
	TO(STATUS, "inactive", "tobedeleted", "status.inactive"),
	TO(STATUS, "INACTIVE", "tobedeleted", "status.inactive"),
	STAYS(STATUS, "gone", "field.enum"),
	STAYS(STATUS, "\xC4\xB0NACTIVE", "field.enum"),
	STAYS(STATUS, "\xC4\xB1nactive", "field.enum"),
	STAYS(WORD, "student", ""),
	TO(WORD, "STUDENT", "student", "field.case"),
	TO(WORD, "gradingperiod", "gradingPeriod", "field.case"),
	TO(WORD, "ADMINISTRATOR", "administrator", "field.case"),
	STAYS(WORD, "gradingPeriod", ""),
	STAYS(WORD, "fully graded", ""),
	TO(WORD, "fullygraded", "fully graded", "field.alias"),
	TO(WORD, "Admin", "administrator", "field.alias"),
	TO(WORD, " student", "student", "field.blanks"),
	TO(WORD, "Student ", "student", "field.blanks field.case"),
	TO(WORD, "student\n", "student", "text.line-break field.blanks"),
	STAYS(WORD, "students", "field.enum"),
	STAYS(WORD, "studen", "field.enum"),
	STAYS(WORD, " Head Teacher ", "field.enum"),
	STAYS(WORDS, "student,administrator", ""),
	TO(WORDS, "Student, pupil;ADMIN", "student,student,administrator",
		"field.blanks field.case field.alias list.separator"),
	TO(WORDS, "student,janitor,", "student,janitor", "field.enum list.blank"),

	/* true and false */
	STAYS(FLAG, "true", ""),
	STAYS(FLAG, "false", ""),
	TO(FLAG, "True", "true", "field.case"),
	TO(FLAG, "TRUE", "true", "field.case"),
	TO(FLAG, "False", "false", "field.case"),
	TO(FLAG, "FALSE", "false", "field.case"),
	TO(FLAG, "1", "true", "field.alias"),
	TO(FLAG, "yes", "true", "field.alias"),
	TO(FLAG, "YES", "true", "field.alias"),
	TO(FLAG, "y", "true", "field.alias"),
	TO(FLAG, "Y", "true", "field.alias"),
	TO(FLAG, "t", "true", "field.alias"),
	TO(FLAG, "T", "true", "field.alias"),
	TO(FLAG, "0", "false", "field.alias"),
	TO(FLAG, "no", "false", "field.alias"),
	TO(FLAG, "No", "false", "field.alias"),
	TO(FLAG, "n", "false", "field.alias"),
	TO(FLAG, "N", "false", "field.alias"),
	TO(FLAG, "f", "false", "field.alias"),
	TO(FLAG, "F", "false", "field.alias"),
	TO(FLAG, " true ", "true", "field.blanks"),
	STAYS(FLAG, "2", "field.boolean"),
	STAYS(FLAG, "maybe", "field.boolean"),
	STAYS(FLAG, "tr", "field.boolean"),
	STAYS(FLAG, "truee", "field.boolean"),

	/* dates */
	STAYS(DATE, "2002-04-23", ""),
	STAYS(DATE, "0001-01-01", ""),
	STAYS(DATE, "2000-02-29", ""),
	STAYS(DATE, "2024-02-29", ""),
	STAYS(DATE, "2024-12-31", ""),
	TO(DATE, "2024-08-01T00:00:00.000Z", "2024-08-01", "field.date-time"),
	TO(DATE, "2024-08-01T00:00:00Z", "2024-08-01", "field.date-time"),
	TO(DATE, "2024-08-01 00:00:00", "2024-08-01", "field.date-time"),
	TO(DATE, "2024-08-01t07:30", "2024-08-01", "field.date-time"),
	TO(DATE, "2024-08-01T23:30:00-05:00", "2024-08-01", "field.date-time"),
	TO(DATE, "2024-08-01T00:30:00+0900", "2024-08-01", "field.date-time"),
	TO(DATE, "2024/08/01", "2024-08-01", "field.date-style"),
	TO(DATE, "08/01/2024", "2024-08-01", "field.date-style"),
	TO(DATE, "12/31/2024", "2024-12-31", "field.date-style"),
	TO(DATE, "8/1/2024", "2024-08-01", "field.date-style"),
	TO(DATE, "2024-8-1", "2024-08-01", "field.date-style"),
	TO(DATE, "2024/08/01 07:30:00", "2024-08-01", "field.date-style field.date-time"),
	TO(DATE, " 2024-08-01", "2024-08-01", "field.blanks"),
	STAYS(DATE, "2026-02-30", "field.date"),
	STAYS(DATE, "2023-02-29", "field.date"),
	STAYS(DATE, "1900-02-29", "field.date"),
	STAYS(DATE, "2024-04-31", "field.date"),
	STAYS(DATE, "2024-13-01", "field.date"),
	STAYS(DATE, "2024-00-10", "field.date"),
	STAYS(DATE, "2024-10-00", "field.date"),
	STAYS(DATE, "0000-01-01", "field.date"),
	STAYS(DATE, "13/01/2024", "field.date"),
	STAYS(DATE, "02/30/2024", "field.date"),
	STAYS(DATE, "/01/2024", "field.date"),
	STAYS(DATE, "08//2024", "field.date"),
	STAYS(DATE, "08/01/24", "field.date"),
	STAYS(DATE, "08-01-2024", "field.date"),
	STAYS(DATE, "01.08.2024", "field.date"),
	STAYS(DATE, "2024-08/01", "field.date"),
	STAYS(DATE, "20240801", "field.date"),
	STAYS(DATE, "2024-08", "field.date"),
	STAYS(DATE, "2024-08-", "field.date"),
	STAYS(DATE, "2024", "field.date"),
	STAYS(DATE, "2024-08-011", "field.date"),
	STAYS(DATE, "2024-08-01x", "field.date"),
	STAYS(DATE, "2024-08-01T", "field.date"),
	STAYS(DATE, "2024-08-01Z", "field.date"),
	STAYS(DATE, "2024-08-01T25:00:00", "field.date"),
	STAYS(DATE, "2024-08-01T24:00:00Z", "field.date"),
	STAYS(DATE, "2024-08-01T00:00:00 UTC", "field.date"),
	STAYS(DATE, "August 1, 2024", "field.date"),

	/* dates with a time of day */
	STAYS(MODIFIED, "2012-04-23T18:25:43.511Z", ""),
	STAYS(MODIFIED, "2025-05-01T05:00:20.097Z", ""),
	TO(MODIFIED, "2025-05-01T05:00:20Z", "2025-05-01T05:00:20.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00Z", "2025-05-01T05:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.5Z", "2025-05-01T05:00:20.500Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.09Z", "2025-05-01T05:00:20.090Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.0979Z", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.0971234Z", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.999999999Z", "2025-05-01T05:00:20.999Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01t05:00:20.097z", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01 05:00:20.097Z", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.097+00:00", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20.097-00:00", "2025-05-01T05:00:20.097Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20-07:00", "2025-05-01T12:00:20.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20-0700", "2025-05-01T12:00:20.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01 05:00:20 -07:00", "2025-05-01T12:00:20.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01 05:00:20.12-07", "2025-05-01T12:00:20.120Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T05:00:20+05:45", "2025-04-30T23:15:20.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T23:30:00-01:00", "2025-05-02T00:30:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T23:00:00-01:00", "2025-05-02T00:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T01:00:00+01:00", "2025-05-01T00:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-12-31T20:00:00-08:00", "2026-01-01T04:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2024-03-01T00:10:00+00:30", "2024-02-29T23:40:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2023-03-01T00:10:00+00:30", "2023-02-28T23:40:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "1900-03-01T00:10:00+00:30", "1900-02-28T23:40:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2000-03-01T00:10:00+00:30", "2000-02-29T23:40:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2024-02-28T23:00:00-05:00", "2024-02-29T04:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-31T22:00:00-14:00", "2025-06-01T12:00:00.000Z", "field.datetime-style"),
	TO(MODIFIED, "2025-05-01T00:00:00+23:59", "2025-04-30T00:01:00.000Z", "field.datetime-style"),
	TO(MODIFIED, " 2025-05-01T05:00:20.097Z", "2025-05-01T05:00:20.097Z", "field.blanks"),
	TO(MODIFIED, "2025-05-01T05:00:20.097", "2025-05-01T05:00:20.097Z", "field.datetime-zone"),
	TO(MODIFIED, "2025-05-01 05:00:20", "2025-05-01T05:00:20.000Z", "field.datetime-zone"),
	TO(MODIFIED, "2025-05-01T05:00", "2025-05-01T05:00:00.000Z", "field.datetime-zone"),
	TO(MODIFIED, "2025-05-01", "2025-05-01T00:00:00.000Z", "field.datetime-zone"),
	TO(MODIFIED, "05/01/2025 05:00:20", "2025-05-01T05:00:20.000Z", "field.date-style field.datetime-zone"),
	TO(MODIFIED, "2025/05/01T05:00:20Z", "2025-05-01T05:00:20.000Z", "field.date-style field.datetime-style"),
	STAYS(MODIFIED, "2025-05-01T24:00:00Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:60:00Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:60Z", "field.datetime"),
	STAYS(MODIFIED, "2025-02-29T05:00:00Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T5:00:00Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20.Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00.5Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20.0123456789Z", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+24:00", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+05:60", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+5", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+05:", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+050", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20+05:000", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20ZZ", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01T05:00:20 PST", "field.datetime"),
	STAYS(MODIFIED, "2025-05-01Z", "field.datetime"),
	STAYS(MODIFIED, "9999-12-31T23:30:00-01:00", "field.datetime"),
	STAYS(MODIFIED, "0001-01-01T00:30:00+01:00", "field.datetime"),
	STAYS(MODIFIED, "1746075620", "field.datetime"),
	STAYS(MODIFIED, "yesterday", "field.datetime"),

	/* years */
	STAYS(YEAR, "2026", ""),
	TO(YEAR, "2026 ", "2026", "field.blanks"),
	STAYS(YEAR, "2025-2026", "field.year"),
	STAYS(YEAR, "2025/2026", "field.year"),
	STAYS(YEAR, "26", "field.year"),
	STAYS(YEAR, "20266", "field.year"),
	STAYS(YEAR, "2026.0", "field.year"),
	STAYS(YEAR, "SY26", "field.year"),

	/* numbers */
	STAYS(FLOAT, "87.5", ""),
	STAYS(FLOAT, "60.0000", ""),
	STAYS(FLOAT, "0", ""),
	STAYS(FLOAT, "-0.5", ""),
	STAYS(FLOAT, "100", ""),
	STAYS(FLOAT, "123456789012345678901234567890.5", ""),
	TO(FLOAT, " 87.5", "87.5", "field.blanks"),
	STAYS(FLOAT, "1e3", "field.float"),
	STAYS(FLOAT, "1.5E-3", "field.float"),
	STAYS(FLOAT, "87,5", "field.float"),
	STAYS(FLOAT, "+5", "field.float"),
	STAYS(FLOAT, ".5", "field.float"),
	STAYS(FLOAT, "5.", "field.float"),
	STAYS(FLOAT, "05", "field.float"),
	STAYS(FLOAT, "-", "field.float"),
	STAYS(FLOAT, "1.2.3", "field.float"),
	STAYS(FLOAT, "NaN", "field.float"),
	STAYS(FLOAT, "90 %", "field.float"),

	/* grades */
	STAYS(GRADES, "09", ""),
	STAYS(GRADES, "9", ""),
	STAYS(GRADES, "KG", ""),
	STAYS(GRADES, "kg", ""),
	STAYS(GRADES, "P3", ""),
	STAYS(GRADES, "09,10", ""),
	TO(GRADES, "09;10", "09,10", "list.separator"),
	TO(GRADES, "09, 10", "09,10", "field.blanks"),
	TO(GRADES, " 09", "09", "field.blanks"),
	TO(GRADES, "09 ; 10;11", "09,10,11", "field.blanks list.separator"),
	TO(GRADES, "09,,10", "09,10", "list.blank"),
	TO(GRADES, "09;", "09", "list.separator list.blank"),
	TO(GRADES, ",", "", "list.blank"),
	STAYS(GRADES, "Grade 9", ""),

	/* lists of texts stay as they were joined */
	STAYS(TEXTS, "Art,Music", ""),
	STAYS(TEXTS, "Art, Music; Dance", ""),
	STAYS(TEXTS, "P0 (7:05 AM - 7:55 AM)", ""),
	STAYS(TEXTS, "1,3,5", ""),

	/* user ids */
	STAYS(USERIDS, "{LDAP:jdoe}", ""),
	STAYS(USERIDS, "{LDAP:jdoe},{LTI:42}", ""),
	STAYS(USERIDS, "{Fed:https://id.example/a:b}", ""),
	STAYS(USERIDS, "jdoe", "field.userids"),
	STAYS(USERIDS, "{jdoe}", "field.userids"),
	STAYS(USERIDS, "{:jdoe}", "field.userids"),
	STAYS(USERIDS, "{LDAP:}", "field.userids"),
	STAYS(USERIDS, "{LDAP:jdoe", "field.userids"),
	STAYS(USERIDS, "{LDAP:jdoe},", "field.userids"),
	STAYS(USERIDS, "{LDAP:jdoe}{LTI:42}", "field.userids"),
	STAYS(USERIDS, "{LDAP:jdoe}, {LTI:42}", "field.userids"),
	STAYS(USERIDS, "{LDAP:a,b}", "field.userids"),
	STAYS(USERIDS, "{LDAP:{a}}", "field.userids"),
	STAYS(USERIDS, "{", "field.userids"),
	TO(USERIDS, "{LDAP:j\0doe}", "{LDAP:jdoe}", "text.control"),

	/* a digest: the example of the standard that defines it */
	TO(DIGEST, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ""),
	STAYS(DIGEST, "", ""),

	/* never filled */
	TO(BLANK, "hunter2", "", ""),
	TO(BLANK, "\n\xFF", "", ""),
	TO(BLANK, "null", "", ""),
};

struct fixture {
	struct row row;
	struct value_counts counts;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *fixture = mem_new(1, sizeof(*fixture));
	row_init(&fixture->row, COLUMNS + 1);
	value_counts_init(&fixture->counts, COLUMNS);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	row_release(&fixture->row);
	value_counts_release(&fixture->counts);
	free(fixture);
	return 0;
}

static void set(struct fixture *fixture, int column, const char *text, size_t length)
{
	assert_true(row_set(&fixture->row, (size_t)column, text, length));
}

static void begin(struct fixture *fixture)
{
	row_clear(&fixture->row);
	value_counts_clear(&fixture->counts);
	err_clear(&fixture->err);
	set(fixture, SOURCED_ID, "x", 1);
}

static void normalise(struct fixture *fixture)
{
	assert_true(value_normalise(&fixture->row, &table, &fixture->counts, &fixture->err));
}

/* The codes of the counted rules, all of which must belong to column and count one cell. */
static void assert_rules(const struct fixture *fixture, int column, const char *rules, const char *what)
{
	struct buf codes = {0};
	struct value_count count;
	for (size_t place = 0; value_counts_next(&fixture->counts, &place, &count);) {
		if (count.column != column || count.cells != 1)
			fail_msg("%s: %d cells of column %d met %s", what, (int)count.cells, count.column,
				value_rules[count.rule].code);
		buf_add_format(&codes, "%s%s", codes.length > 0 ? " " : "", value_rules[count.rule].code);
	}
	if (strcmp(buf_text(&codes), rules) != 0)
		fail_msg("%s: met \"%s\" instead of \"%s\"", what, buf_text(&codes), rules);
	buf_release(&codes);
}

static void assert_cell(const struct fixture *fixture, int column, const char *text, size_t length, const char *what)
{
	size_t is = row_length(&fixture->row, (size_t)column);
	if (is != length || memcmp(row_text(&fixture->row, (size_t)column), text, length) != 0)
		fail_msg("%s: became \"%.*s\" (%d bytes) instead of \"%s\"", what, (int)is,
			row_text(&fixture->row, (size_t)column), (int)is, text);
}

static void run_cases(struct fixture *fixture)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct value_case *one = &cases[i];
		char what[128];
		snprintf(what, sizeof(what), "%s \"%.60s\"", columns[one->column].name, one->in);
		begin(fixture);
		set(fixture, one->column, one->in, one->in_length);
		set(fixture, COLUMNS, "hidden\n", 7);
		normalise(fixture);
		assert_cell(fixture, one->column, one->out, one->out_length, what);
		assert_rules(fixture, one->column, one->rules, what);
		assert_cell(fixture, COLUMNS, "hidden\n", 7, what);
	}
}

static void test_cases(void **state)
{
	run_cases(*state);
}

/* Turkish has another capital i; the letters of a word are those of ASCII everywhere. */
static void test_cases_in_other_locales(void **state)
{
	static const char *const locales[] = {"tr_TR.UTF-8", "de_DE.UTF-8", "C.UTF-8"};
	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++)
		if (setlocale(LC_ALL, locales[i]) != NULL)
			run_cases(*state);
	setlocale(LC_ALL, "C");
}

/* A row as decoded from a row file borrows its bytes, and they are not the place to write. */
static void test_cases_borrowed(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct value_case *one = &cases[i];
		struct buf encoded = {0};
		begin(fixture);
		set(fixture, one->column, one->in, one->in_length);
		assert_true(row_encode(&fixture->row, &encoded));
		char *before = mem_copy_n(encoded.data, encoded.length);
		assert_true(row_decode(&fixture->row, encoded.data, encoded.length));
		normalise(fixture);
		assert_cell(fixture, one->column, one->out, one->out_length, one->in);
		assert_memory_equal(before, encoded.data, encoded.length);
		row_clear(&fixture->row);
		free(before);
		buf_release(&encoded);
	}
}

/* What was normalised once needs nothing any more, except for what stays as it is with a warning. */
static void test_twice_is_once(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct value_case *one = &cases[i];
		if (one->column == DIGEST)
			continue;
		begin(fixture);
		set(fixture, one->column, one->out, one->out_length);
		normalise(fixture);
		assert_cell(fixture, one->column, one->out, one->out_length, one->in);
		assert_int_equal(value_counts_severity(&fixture->counts, VALUE_CHANGE), 0);
	}
}

static size_t encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--, code >>= 6)
		out[i] = (char)(unsigned char)(0x80 | (code & 0x3F));
	static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	out[0] = (char)(unsigned char)(lead[length] | code);
	return length;
}

/* Every code there is, and those right behind, between two letters. */
static void test_every_code(void **state)
{
	struct fixture *fixture = *state;
	begin(fixture);
	for (uint32_t code = 0; code < 0x110010; code++) {
		char in[8] = "a";
		size_t length = 1 + encode(code, in + 1);
		in[length++] = 'b';
		const char *between = NULL; /* the code itself */
		enum value_rule rule = VALUE_RULE_COUNT;
		if (code == '\t' || code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029) {
			between = " ";
			rule = VALUE_TEXT_LINE_BREAK;
		} else if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xFEFF) {
			between = "";
			rule = VALUE_TEXT_CONTROL;
		} else if (code >= 0xD800 && code <= 0xDFFF) {
			between = BAD;
			rule = VALUE_TEXT_UTF8;
		} else if (code > 0x10FFFF) {
			between = BAD BAD BAD BAD;
			rule = VALUE_TEXT_UTF8;
		}
		char out[16];
		int out_length = between == NULL ? (int)length : snprintf(out, sizeof(out), "a%sb", between);
		if (between == NULL)
			memcpy(out, in, length);
		uint64_t sum = 0;
		for (int i = 0; i < VALUE_RULE_COUNT; i++)
			sum += fixture->counts.by[TEXT * VALUE_RULE_COUNT + i];
		uint64_t before = rule < VALUE_RULE_COUNT ? fixture->counts.by[TEXT * VALUE_RULE_COUNT + (int)rule] : 0;
		set(fixture, TEXT, in, length);
		normalise(fixture);
		if (row_length(&fixture->row, TEXT) != (size_t)out_length ||
			memcmp(row_text(&fixture->row, TEXT), out, (size_t)out_length) != 0)
			fail_msg("U+%04X became \"%.*s\"", (unsigned)code, (int)row_length(&fixture->row, TEXT),
				row_text(&fixture->row, TEXT));
		for (int i = 0; i < VALUE_RULE_COUNT; i++)
			sum -= fixture->counts.by[TEXT * VALUE_RULE_COUNT + i];
		assert_true(sum == (rule < VALUE_RULE_COUNT ? UINT64_MAX : 0));
		if (rule < VALUE_RULE_COUNT)
			assert_int_equal(fixture->counts.by[TEXT * VALUE_RULE_COUNT + (int)rule], before + 1);
	}
}

/* One byte of each kind at every place of cells of every length around the eight bytes that are looked at at once. */
static void test_every_place(void **state)
{
	struct fixture *fixture = *state;
	static const char kinds[] = {'\n', '\0', '\x1F', '\x20', '\x7E', '\x7F', '\x80', '\xFF'};
	for (size_t length = 1; length < 36; length++) {
		for (size_t at = 0; at < length; at++) {
			for (size_t kind = 0; kind < sizeof(kinds); kind++) {
				struct buf out = {0};
				char in[40];
				memset(in, '~', sizeof(in));
				in[at] = kinds[kind];
				unsigned char byte = (unsigned char)kinds[kind];
				buf_add(&out, in, at);
				if (byte >= 0x80)
					buf_add_text(&out, BAD);
				else if (byte == '\n' || byte == ' ')
					buf_add_char(&out, ' ');
				else if (byte == '~')
					buf_add_char(&out, '~');
				buf_add(&out, in + at + 1, length - at - 1);
				if (length == 1 && (byte == '\n' || byte == ' '))
					buf_clear(&out);
				begin(fixture);
				set(fixture, TEXT, in, length);
				normalise(fixture);
				assert_cell(fixture, TEXT, buf_text(&out), out.length, "place");
				buf_release(&out);
			}
		}
	}
}

static void test_large_cells(void **state)
{
	struct fixture *fixture = *state;
	enum { LARGE = 1024 * 1024 };
	char *large = mem_new(LARGE, 1);

	memset(large, 'a', LARGE);
	begin(fixture);
	set(fixture, TEXT, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, TEXT, large, LARGE, "plain");
	assert_rules(fixture, TEXT, "", "plain");

	large[LARGE - 1] = '\n';
	set(fixture, TEXT, large, LARGE);
	normalise(fixture);
	large[LARGE - 1] = ' ';
	assert_cell(fixture, TEXT, large, LARGE, "line break at the end");
	assert_rules(fixture, TEXT, "text.line-break", "line break at the end");

	memset(large, '\n', LARGE);
	begin(fixture);
	set(fixture, TEXT, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, TEXT, "", 0, "line breaks only");
	assert_rules(fixture, TEXT, "", "line breaks only");

	large[0] = 'a';
	set(fixture, TEXT, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, TEXT, "a ", 2, "many line breaks");

	memset(large, ' ', LARGE);
	begin(fixture);
	set(fixture, GUIDS, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, GUIDS, "", 0, "blanks only");

	memset(large, ',', LARGE);
	set(fixture, GRADES, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, GRADES, "", 0, "commas only");

	memset(large, '9', LARGE);
	begin(fixture);
	set(fixture, DATE, large, LARGE);
	set(fixture, FLOAT, large, LARGE);
	set(fixture, GUID, large, LARGE);
	normalise(fixture);
	assert_cell(fixture, DATE, large, LARGE, "date");
	assert_cell(fixture, FLOAT, large, LARGE, "float");
	assert_int_equal(fixture->counts.by[DATE * VALUE_RULE_COUNT + VALUE_FIELD_DATE], 1);
	assert_int_equal(fixture->counts.by[GUID * VALUE_RULE_COUNT + VALUE_ID_LENGTH], 1);
	assert_int_equal(value_counts_severity(&fixture->counts, VALUE_CHANGE), 0);
	free(large);
}

/* Damaged bytes become three each: one such cell has room in a row, two have not. */
static void test_row_gets_too_large(void **state)
{
	struct fixture *fixture = *state;
	enum { LARGE = 1024 * 1024 };
	char *large = mem_new(LARGE, 1);
	memset(large, '\xFF', LARGE);
	begin(fixture);
	set(fixture, TEXT, large, LARGE);
	normalise(fixture);
	assert_int_equal(row_length(&fixture->row, TEXT), 3 * LARGE);
	begin(fixture);
	set(fixture, TEXT, large, LARGE);
	set(fixture, TEXTS, large, LARGE);
	assert_false(value_normalise(&fixture->row, &table, &fixture->counts, &fixture->err));
	assert_int_equal(fixture->err.code, ERR_API);
	assert_string_equal(fixture->err.text, "text: a record is larger than 4 MiB");
	free(large);
}

static void test_notes(void **state)
{
	static const struct {
		int column;
		uint32_t notes;
		const char *rules;
	} noted[] = {
		{TEXT, CELL_SEVERAL, "field.several"},
		{TEXTS, CELL_COMMA, "list.comma"},
		{GUIDS, CELL_ID_COMMA, "id.comma"},
		{USERIDS, CELL_NO_PART, "field.part"},
		{GUID, CELL_SHAPE, "field.shape"},
		{TEXT, CELL_SEVERAL | CELL_SHAPE, "field.several field.shape"},
		{BLANK, CELL_SEVERAL, ""},
	};
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
		begin(fixture);
		fixture->row.cells[noted[i].column].notes = noted[i].notes;
		normalise(fixture);
		assert_rules(fixture, noted[i].column, noted[i].rules, "note");
		assert_int_equal(fixture->row.cells[noted[i].column].notes, 0);
		normalise(fixture);
		assert_rules(fixture, noted[i].column, noted[i].rules, "note counted once");
	}
}

static void test_rules_are_complete(void **state)
{
	(void)state;
	for (int i = 0; i < VALUE_RULE_COUNT; i++) {
		assert_non_null(value_rules[i].code);
		assert_non_null(strchr(value_rules[i].code, '.'));
		assert_non_null(value_rules[i].text);
		assert_true(value_rules[i].severity < VALUE_SEVERITY_COUNT);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(value_rules[i].code, value_rules[j].code);
	}
	assert_int_equal(value_rules[VALUE_ID_EMPTY].severity, VALUE_ERROR);
	assert_int_equal(value_rules[VALUE_ID_CONTROL].severity, VALUE_ERROR);
	assert_int_equal(value_rules[VALUE_ID_LENGTH].severity, VALUE_ERROR);
	assert_int_equal(value_rules[VALUE_ID_COMMA].severity, VALUE_ERROR);
	assert_int_equal(value_rules[VALUE_ID_CHARS].severity, VALUE_WARNING);
	assert_int_equal(value_rules[VALUE_FIELD_REQUIRED].severity, VALUE_ERROR);
	assert_int_equal(value_rules[VALUE_FIELD_FILLED].severity, VALUE_WARNING);
}

static void test_counts(void **state)
{
	struct fixture *fixture = *state;
	struct value_counts page;
	value_counts_init(&page, COLUMNS);
	struct value_counts all;
	value_counts_init(&all, COLUMNS);
	for (int i = 0; i < 3; i++) {
		begin(fixture);
		set(fixture, SOURCED_ID, "", 0);
		set(fixture, TEXT, "a\nb\nc", 5);
		set(fixture, FLAG, "perhaps", 7);
		assert_true(value_normalise(&fixture->row, &table, &page, &fixture->err));
		if (i == 1)
			value_counts_clear(&page); /* a page that is asked for again */
		value_counts_add(&all, &page);
		value_counts_clear(&page);
	}
	size_t place = 0;
	struct value_count count;
	assert_false(value_counts_next(&page, &place, &count));
	place = 0;
	assert_true(value_counts_next(&all, &place, &count));
	assert_int_equal(count.column, SOURCED_ID);
	assert_int_equal(count.rule, VALUE_ID_EMPTY);
	assert_int_equal(count.cells, 2);
	assert_true(value_counts_next(&all, &place, &count));
	assert_int_equal(count.column, TEXT);
	assert_int_equal(count.rule, VALUE_TEXT_LINE_BREAK);
	assert_int_equal(count.cells, 2);
	assert_true(value_counts_next(&all, &place, &count));
	assert_int_equal(count.column, FLAG);
	assert_int_equal(count.rule, VALUE_FIELD_BOOLEAN);
	assert_int_equal(count.cells, 2);
	assert_false(value_counts_next(&all, &place, &count));
	assert_false(value_counts_next(&all, &place, &count));
	assert_int_equal(value_counts_severity(&all, VALUE_CHANGE), 2);
	assert_int_equal(value_counts_severity(&all, VALUE_WARNING), 2);
	assert_int_equal(value_counts_severity(&all, VALUE_ERROR), 2);
	value_counts_release(&all);
	value_counts_release(&page);
	value_counts_release(&page);
}

/* The last cell of the last column, which is next to nothing. */
static void test_counts_end(void **state)
{
	(void)state;
	struct value_counts counts;
	value_counts_init(&counts, 2);
	counts.by[2 * VALUE_RULE_COUNT - 1] = 7;
	size_t place = 0;
	struct value_count count;
	assert_true(value_counts_next(&counts, &place, &count));
	assert_int_equal(count.column, 1);
	assert_int_equal(count.rule, VALUE_RULE_COUNT - 1);
	assert_int_equal(count.cells, 7);
	assert_false(value_counts_next(&counts, &place, &count));
	value_counts_release(&counts);
}

static void test_required(void **state)
{
	struct fixture *fixture = *state;
	begin(fixture);
	set(fixture, GUIDS, "s1", 2);
	set(fixture, TEXT, "a", 1);
	set(fixture, FLAG, "true", 4);
	assert_true(value_required(&fixture->row, &table, false, &fixture->counts));
	assert_rules(fixture, 0, "", "bulk wants no status");

	assert_false(value_required(&fixture->row, &table, true, &fixture->counts));
	assert_int_equal(value_counts_severity(&fixture->counts, VALUE_ERROR), 2);
	assert_int_equal(fixture->counts.by[STATUS * VALUE_RULE_COUNT + VALUE_FIELD_REQUIRED], 1);
	assert_int_equal(fixture->counts.by[MODIFIED * VALUE_RULE_COUNT + VALUE_FIELD_REQUIRED], 1);

	value_counts_clear(&fixture->counts);
	set(fixture, TEXT, "", 0);
	assert_false(value_required(&fixture->row, &table, false, &fixture->counts));
	assert_rules(fixture, TEXT, "field.required", "bulk");

	/* A row without an id is counted once, not twice. */
	begin(fixture);
	set(fixture, GUIDS, "s1", 2);
	set(fixture, TEXT, "a", 1);
	set(fixture, FLAG, "true", 4);
	set(fixture, SOURCED_ID, " ", 1);
	normalise(fixture);
	assert_false(value_required(&fixture->row, &table, false, &fixture->counts));
	assert_rules(fixture, SOURCED_ID, "id.empty", "no id");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cases, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cases_in_other_locales, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cases_borrowed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice_is_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_cells, setup, teardown),
		cmocka_unit_test_setup_teardown(test_row_gets_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules_are_complete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required, setup, teardown),
	};
	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}

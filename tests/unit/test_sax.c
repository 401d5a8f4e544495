#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "convert/sax.h"
#include "table/schema.h"

#define MARK "\xEF\xBB\xBF"

/* What was read of an answer: the ids of its rows with a blank behind each. */
struct reading {
	struct plan *plan;
	struct sax *sax;
	struct buf ids;
	size_t refuse_after; /* records */
	struct err err;
	bool fine;
};

static bool on_record(void *context, struct record *record, struct err *err)
{
	struct reading *reading = context;
	const struct row *row = record_row(record);
	if (reading->refuse_after-- == 0)
		return err_set(err, ERR_FILE, "no room");
	buf_add(&reading->ids, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID));
	return buf_add_char(&reading->ids, ' ');
}

static void reading_init(struct reading *reading, const char *table)
{
	static const struct sax_events events = {.record = on_record};
	*reading = (struct reading){0};
	reading->plan = plan_new(schema_table_find(&schema_oneroster_1_1, table), NULL, 0, NULL);
	reading->sax = sax_new(reading->plan, &events, reading);
}

static void reading_release(struct reading *reading)
{
	sax_free(reading->sax);
	plan_free(reading->plan);
	buf_release(&reading->ids);
}

static int setup(void **state)
{
	struct reading *reading = mem_new(1, sizeof(*reading));
	reading_init(reading, "users");
	*state = reading;
	return 0;
}

static int teardown(void **state)
{
	reading_release(*state);
	free(*state);
	return 0;
}

static void begin(struct reading *reading)
{
	buf_clear(&reading->ids);
	err_clear(&reading->err);
	reading->refuse_after = SIZE_MAX;
	sax_begin(reading->sax);
}

/* Reads a whole answer in pieces of a size. */
static void read_pieces(struct reading *reading, const char *text, size_t length, size_t piece)
{
	begin(reading);
	reading->fine = true;
	for (size_t at = 0; reading->fine && at < length; at += piece)
		reading->fine = sax_feed(
			reading->sax, text + at, length - at < piece ? length - at : piece, &reading->err);
	reading->fine = reading->fine && sax_end(reading->sax, &reading->err);
}

static void assert_read(const struct reading *reading, const char *ids, const char *text)
{
	if (!reading->fine)
		fail_msg("%.200s: %s", text, reading->err.text);
	if (strcmp(buf_text(&reading->ids), ids) != 0)
		fail_msg("%.200s: got %s, not %s", text, buf_text(&reading->ids), ids);
	assert_int_equal(sax_trouble(reading->sax), SAX_FINE);
	size_t rows = 0;
	for (const char *at = ids; *at != '\0'; at++)
		rows += *at == ' ' ? 1 : 0;
	assert_int_equal(sax_records(reading->sax), rows);
}

static void assert_trouble(const struct reading *reading, enum sax_trouble trouble, const char *text)
{
	if (reading->fine)
		fail_msg("%.200s: read as \"%s\"", text, buf_text(&reading->ids));
	if (sax_trouble(reading->sax) != trouble)
		fail_msg("%.200s: trouble %d, not %d (%s)", text, (int)sax_trouble(reading->sax), (int)trouble,
			reading->err.text);
	assert_int_equal(reading->err.code, ERR_API);
	assert_true(strlen(reading->err.text) > 0);
}

static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 7, 64};

/* Reads an answer in pieces of several sizes: ids if it can be read, else the trouble. */
static void expect(struct reading *reading, const char *text, size_t length, enum sax_trouble trouble, const char *ids)
{
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		read_pieces(reading, text, length, pieces[i]);
		if (trouble == SAX_FINE)
			assert_read(reading, ids, text);
		else
			assert_trouble(reading, trouble, text);
	}
}

/* --- where the rows are ------------------------------------------------------------------------------------------- */

#define A "{\"sourcedId\":\"a\"}"
#define B "{\"sourcedId\":\"b\"}"
#define C "{\"sourcedId\":\"c\"}"

static void test_wrappers(void **state)
{
	static const struct {
		const char *text;
		const char *ids;
	} cases[] = {
		{"{\"users\":[" A "," B "]}", "a b "},
		{"{\"students\":[" A "]}", "a "},
		{"{\"teachers\":[" A "]}", "a "},
		{"{\"parents\":[" A "]}", "a "},
		{"{\"USERS\":[" A "]}", "a "},
		{"{\"Students\":[" A "]}", "a "},
		{"{\"data\":[" A "]}", "a "},
		{"[" A "," B "]", "a b "},
		{"{\"anything\":[" A "]}", "a "},
		{"{\"Data\":[" A "]}", "a "},
		/* a single object stands for a list of one */
		{"{\"users\":" A "}", "a "},
		{"{\"user\":" A "}", "a "},
		{"{\"data\":" A "}", "a "},
		/* beside the rows */
		{"{\"totalCount\":2,\"users\":[" A "," B "],\"pageCount\":1,\"offset\":0,\"limit\":100}", "a b "},
		{"{\"names\":[\"x\",\"y\"],\"anything\":[" A "]}", "a "},
		{"{\"anything\":[" A "],\"empty\":[]}", "a "},
		{"{\"statusInfoSet\":[{\"imsx_codeMajor\":\"success\"}],\"users\":[" A "]}", "a "},
		{"{\"statusInfoSet\":[{\"imsx_codeMajor\":\"success\"}],\"anything\":[" A "]}", "a "},
		{"{\"anything\":[" A "],\"warnings\":[{\"text\":\"slow\"}]}", "a "},
		{"{\"paging\":{\"users\":[" B "]},\"users\":[" A "]}", "a "},
		{"{\"users\":[" A "],\"paging\":{\"users\":[" B "]}}", "a "},
		/* empty */
		{"{}", ""},
		{"[]", ""},
		{"{\"users\":[]}", ""},
		{"{\"users\":null}", ""},
		{"{\"data\":null}", ""},
		{"{\"students\":[]}", ""},
		{"{\"data\":[]}", ""},
		{"{\"anything\":[]}", ""},
		{"{\"anything\":[],\"totalCount\":0}", ""},
		{"{\"totalCount\":0,\"users\":null,\"limit\":100}", ""},
		{"{\"users\":[],\"totalCount\":\"0\"}", ""},
		{"{\"users\":null,\"students\":[" A "]}", "a "},
		{"{\"data\":[],\"users\":[]}", ""},
		{"{\"data\":[],\"users\":[" A "]}", "a "},
		{" \t\r\n[ " A " , " B " ] \n\n ", "a b "},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(*state, cases[i].text, strlen(cases[i].text), SAX_FINE, cases[i].ids);
}

/* Members that may hold the rows, best first. */
static const char *const ranked[] = {"users", "students", "USERS", "data", "anything"};
enum { RANKED = sizeof(ranked) / sizeof(ranked[0]) };

/* Tries the members not in used after those of text. Full is which of them has rows, best the best so far. */
static void try_orders(struct reading *reading, const char *text, unsigned used, size_t best, size_t full)
{
	char next[512];
	char ids[16];
	snprintf(ids, sizeof(ids), "%zu %zu%zu ", full, full, full);
	for (size_t i = 0; i < RANKED; i++) {
		if ((used & 1U << i) != 0)
			continue;
		size_t now = i < best ? i : best;
		unsigned all = used | 1U << i;
		snprintf(next, sizeof(next), "%s%s\"%s\":[", text, used == 0 ? "" : ",", ranked[i]);
		size_t length = strlen(next);
		if (i == full)
			snprintf(next + length, sizeof(next) - length,
				"{\"sourcedId\":\"%zu\"},{\"sourcedId\":\"%zu%zu\"}", i, i, i);
		strcat(next, "]");
		length = strlen(next);
		strcat(next, "}");
		if ((all & 1U << full) != 0 && now == full)
			expect(reading, next, strlen(next), SAX_FINE, ids);
		else if ((all & 1U << full) != 0)
			expect(reading, next, strlen(next), SAX_NO_ROWS, NULL);
		next[length] = '\0';
		try_orders(reading, next, all, now, full);
	}
}

/* Rows in the member that fits best are read, rows in another one are never lost. */
static void test_wrappers_in_all_orders(void **state)
{
	for (size_t full = 0; full < RANKED; full++)
		try_orders(*state, "{", 0, RANKED, full);
}

static void test_no_rows(void **state)
{
	static const char *const cases[] = {
		/* lists that fit equally well: whichever were taken, the other would be lost */
		"{\"these\":[" A "],\"those\":[" B "]}",
		"{\"students\":[" A "],\"teachers\":[" B "]}",
		"{\"these\":[],\"those\":[]}",
		"{\"users\":[" A "],\"users\":[" B "]}",
		"{\"data\":[" A "," B "],\"data\":[" C "]}",
		"{\"users\":[],\"data\":[" A "]}",
		"{\"data\":[" A "],\"users\":[]}",
		"{\"users\":[" A "],\"staff\":[" B "]}",
		"{\"students\":[" A "],\"staff\":[" B "]}",
		/* messages, in every shape that is known */
		"{\"imsx_codeMajor\":\"failure\",\"imsx_severity\":\"error\",\"imsx_codeMinor\":\"unknown\"}",
		"{\"imsx_StatusInfo\":{\"imsx_codeMajor\":\"failure\"}}",
		"{\"statusInfoSet\":[{\"imsx_codeMajor\":\"failure\"}]}",
		"{\"Message\":\"An error has occurred.\"}",
		"{\"error\":\"invalid_token\",\"error_description\":\"expired\"}",
		"{\"errors\":[{\"code\":1}]}",
		"{\"errors\":[]}",
		"{\"errors\":[\"not allowed\"]}",
		"{\"messages\":[\"not allowed\"]}",
		"{\"codes\":[403]}",
		"{\"message\":\"not allowed\",\"details\":[]}",
		"{\"details\":[],\"message\":\"not allowed\"}",
		"{\"data\":null,\"message\":\"not allowed\"}",
		"{\"message\":\"not allowed\",\"data\":null}",
		"{\"data\":null,\"error\":{\"text\":\"not allowed\"}}",
		"{\"data\":null,\"errors\":[{\"message\":\"not allowed\"}]}",
		"{\"errors\":[{\"message\":\"not allowed\"}],\"items\":[]}",
		"{\"users\":null,\"error\":\"not allowed\"}",
		"{\"success\":false}",
		"{\"status\":401}",
		"{\"users\":\"none\"}",
		"{\"users\":0}",
		"{\"users\":false}",
		"{\"anything\":null}",
		"{\"anything\":" A "}",
		A,
		"null",
		"true",
		"12",
		"\"users\"",
		/* no records where records belong */
		"[null]",
		"[\"a\"]",
		"[1,2]",
		"[[" A "]]",
		"{\"users\":[null]}",
		"{\"users\":[" A ",null]}",
		"{\"users\":[\"a\",\"b\"]}",
		"{\"users\":[" A ",\"b\"]}",
		"{\"users\":[[" A "]]}",
		"{\"users\":[true]}",
		"{\"anything\":[" A ",7]}",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(*state, cases[i], strlen(cases[i]), SAX_NO_ROWS, NULL);
}

static void test_rival_and_better(void **state)
{
	static const char *const cases[] = {
		"{\"these\":[" A "],\"those\":[" B "],\"users\":[" C "]}",
		"{\"these\":[" A "],\"users\":[" C "],\"those\":[" B "]}",
		"{\"students\":[" A "],\"teachers\":[" B "],\"users\":[" C "]}",
		"{\"users\":[" C "],\"students\":[" A "],\"teachers\":[" B "]}",
		"{\"these\":[" A "],\"those\":[" B "],\"data\":[" C "]}",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(*state, cases[i], strlen(cases[i]), SAX_NO_ROWS, NULL);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void test_text(void **state)
{
#define TEXT(text) text, sizeof(text) - 1
	static const struct {
		const char *text;
		size_t length;
		enum sax_trouble trouble;
	} cases[] = {
		{TEXT(MARK "{\"users\":[" A "]}"), SAX_FINE},
		{TEXT(MARK " {\"users\":[" A "]}"), SAX_FINE},
		{TEXT("{\"users\":[" A "]}\n \r\n\t"), SAX_FINE},
		{TEXT("{\"users\":[" A "]}x"), SAX_SYNTAX},
		{TEXT("{\"users\":[" A "]} {}"), SAX_SYNTAX},
		{TEXT("{\"users\":[" A "]}}"), SAX_SYNTAX},
		{TEXT("{\"users\":[" A "]}\0"), SAX_SYNTAX},
		{TEXT(MARK MARK "{\"users\":[" A "]}"), SAX_SYNTAX},
		{TEXT(" " MARK "{\"users\":[" A "]}"), SAX_SYNTAX},
		{TEXT("{\"users\":[" A ",]}"), SAX_SYNTAX},
		{TEXT("{users:[" A "]}"), SAX_SYNTAX},
		{TEXT("{'users':[]}"), SAX_SYNTAX},
		{TEXT("{\"users\":[" A "}"), SAX_SYNTAX},
		{TEXT("{\"users\":[NaN]}"), SAX_SYNTAX},
		{TEXT("/* rows */ {\"users\":[]}"), SAX_SYNTAX},
		{TEXT("callback({})"), SAX_SYNTAX},
		{TEXT("\"\\ud83g\""), SAX_SYNTAX},
		{TEXT(""), SAX_CUT},
		{TEXT("  \n"), SAX_CUT},
		{TEXT(MARK), SAX_CUT},
		{TEXT("<!DOCTYPE html><html><body>Log in</body></html>"), SAX_WEB_PAGE},
		{TEXT("\r\n  <html>"), SAX_WEB_PAGE},
		{TEXT(MARK "<html>"), SAX_WEB_PAGE},
		{TEXT(MARK "\n<html>"), SAX_WEB_PAGE},
		{TEXT("<?xml version=\"1.0\"?>"), SAX_WEB_PAGE},
		{TEXT("\xFF\xFE{\0\"\0"), SAX_SYNTAX},
		{TEXT("\xFE\xFF\0{\0\""), SAX_SYNTAX},
		{TEXT("\0{\0\"\0u\0s"), SAX_SYNTAX},
		{TEXT("{\0\"\0u\0s\0"), SAX_SYNTAX},
	};
#undef TEXT
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(*state, cases[i].text, cases[i].length, cases[i].trouble, "a ");
}

/* An answer that breaks off anywhere is never taken for a whole one. */
static void test_cut_at_every_byte(void **state)
{
	static const char *const cases[] = {
		MARK
		"{\"totalCount\":2,\"users\":[{\"sourcedId\":\"a\",\"status\":null,\"enabledUser\":true,"
		"\"givenName\":\"Zo\xC3\xAB \\ud83d\\ude00 \\ud83d\",\"orgs\":[{\"sourcedId\":994,\"href\":\"~/o\"}],"
		"\"metadata\":{\"deep\":[[{}],-1.5e3,false]}},{\"sourcedId\":\"b\"}],\"limit\":12}",
		"[" A "," B "]",
		"{\"these\":[],\"data\":[" B "]}",
		"{}",
	};
	struct reading *reading = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = strlen(cases[i]);
		for (size_t cut = 0; cut < length; cut++) {
			static const size_t sizes[] = {1, 5, SIZE_MAX};
			for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
				read_pieces(reading, cases[i], cut, sizes[s]);
				assert_trouble(reading, SAX_CUT, cases[i]);
			}
		}
		read_pieces(reading, cases[i], length, 1);
		assert_true(reading->fine);
	}
}

/* Members with values that look like rows, at any depth, are none of them. */
static void test_inside_records(void **state)
{
	static const char text[] = "{\"users\":[{\"metadata\":{\"sourcedId\":\"x\",\"users\":[" A "],\"data\":[{}]},"
				   "\"orgs\":[{\"sourcedId\":\"o\",\"org\":{\"sourcedId\":\"x\"}}],\"sourcedId\":\"a\","
				   "\"unknown\":[[[{\"sourcedId\":\"x\"}]]]}," B "]}";
	expect(*state, text, strlen(text), SAX_FINE, "a b ");
}

/* Members in any order, the same keys at several depths, more of them than can be kept in mind, of every length. */
static void test_keys_in_any_order(void **state)
{
	enum { RECORDS = 400, KEYS = 40 };
	unsigned seed = 1;
	struct buf text = {0};
	struct buf ids = {0};
	buf_add_text(&text, "{\"users\":[");
	for (unsigned record = 0; record < RECORDS; record++) {
		seed = seed * 1103515245 + 12345;
		unsigned turn = seed >> 16;
		buf_add_text(&text, record > 0 ? ",{" : "{");
		for (unsigned i = 0; i < KEYS; i++) {
			unsigned key = (i + turn) % KEYS;
			buf_add_text(&text, i > 0 ? "," : "");
			if (key == turn % 7)
				buf_add_format(&text, "\"sourcedId\":\"r%u\"", record);
			else if (key % 9 == 3)
				buf_add_format(&text, "\"%.*s\":%s", key == 3 ? 6 : 5, "agents",
					turn % 16 < 8 ? "null" : "{\"sourcedId\":\"x\",\"href\":1}");
			else
				buf_add_format(&text, "\"%.*sd%u\":\"x\"", (int)(key % 9), "sourcedId",
					record % 2 > 0 ? key + turn % 512 : key);
		}
		buf_add_char(&text, '}');
		buf_add_format(&ids, "r%u ", record);
	}
	buf_add_text(&text, "]}");
	expect(*state, buf_text(&text), text.length, SAX_FINE, buf_text(&ids));
	buf_release(&text);
	buf_release(&ids);
}

static void test_mended(void **state)
{
	static const char text[] =
		"[{\"sourcedId\":\"a\",\"givenName\":\"\\ud83d\",\"familyName\":\"\\ud83d\\ude00\\ude00\"}]";
	struct reading *reading = *state;
	expect(reading, text, strlen(text), SAX_FINE, "a ");
	assert_int_equal(sax_mended(reading->sax), 2);
	expect(reading, "[]", 2, SAX_FINE, "");
	assert_int_equal(sax_mended(reading->sax), 0);
}

static void test_total(void **state)
{
	static const struct {
		const char *text;
		int64_t total;
	} cases[] = {
		{"{\"users\":[]}", -1},
		{"{\"users\":[],\"totalCount\":53000}", 53000},
		{"{\"totalCount\":0,\"users\":[]}", 0},
		{"{\"totalCount\":375000,\"users\":[" A "]}", 375000},
		{"{\"totalCount\":-1,\"users\":[]}", -1},
		{"{\"totalCount\":1.5,\"users\":[]}", -1},
		{"{\"totalCount\":1e3,\"users\":[]}", -1},
		{"{\"totalCount\":99999999999999999999,\"users\":[]}", -1},
		{"{\"totalCount\":null,\"users\":[]}", -1},
		{"{\"totalCount\":[7],\"users\":[]}", -1},
		{"{\"totalCount\":{\"totalCount\":7},\"users\":[]}", -1},
		{"{\"users\":[{\"sourcedId\":\"a\",\"totalCount\":7}]}", -1},
		{"{\"users\":[" A "],\"total\":7}", 7},
		{"{\"users\":[" A "],\"@odata.count\":\"7\"}", 7},
		{"{\"paging\":{\"total\":7},\"users\":[" A "]}", 7},
	};
	struct reading *reading = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			read_pieces(reading, cases[i].text, strlen(cases[i].text), pieces[p]);
			assert_true(reading->fine);
			assert_int_equal(sax_total(reading->sax), cases[i].total);
		}
	}
}

/* What the body says of further pages. */
static void test_more(void **state)
{
	static const struct {
		const char *text;
		const char *next; /* NULL: none */
		bool more;
	} cases[] = {
		{"{\"users\":[" A "]}", NULL, false},
		{"{\"users\":[" A "],\"next\":null,\"hasMore\":false}", NULL, false},
		{"{\"users\":[" A "],\"next\":\"\",\"nextPageToken\":\"\"}", NULL, false},
		{"{\"users\":[" A "],\"page\":2,\"totalPages\":2}", NULL, false},
		{"{\"users\":[{\"sourcedId\":\"a\",\"next\":\"x\",\"hasMore\":true}]}", NULL, false},
		{"{\"hasMore\":true,\"users\":[" A "]}", NULL, true},
		{"{\"users\":[" A "],\"has_next\":\"true\"}", NULL, true},
		{"{\"users\":[" A "],\"nextCursor\":\"abc\"}", NULL, true},
		{"{\"page\":1,\"totalPages\":2,\"users\":[" A "]}", NULL, true},
		{"{\"users\":[" A "],\"next\":\"/users?cursor=2\"}", "/users?cursor=2", true},
		{"{\"@odata.nextLink\":\"/u?2\",\"users\":[" A "]}", "/u?2", true},
		{"{\"users\":[" A "],\"links\":{\"self\":\"/1\",\"next\":\"/u?2\"}}", "/u?2", true},
		{"{\"users\":[" A "],\"_links\":{\"next\":{\"href\":\"/u?2\"},\"prev\":{\"href\":\"/0\"}}}", "/u?2",
			true},
		{"{\"links\":[{\"rel\":\"self\",\"href\":\"/1\"},{\"href\":\"/u?2\",\"rel\":\"next\"}],\"users\":[" A
		 "]}",
			"/u?2", true},
		{"{\"links\":[{\"rel\":\"last\",\"href\":\"/9\"}],\"users\":[" A "]}", NULL, false},
		{"{\"users\":[" A "],\"meta\":{\"paging\":{\"next\":\"/u?2\"}}}", "/u?2", true},
	};
	struct reading *reading = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			read_pieces(reading, cases[i].text, strlen(cases[i].text), pieces[p]);
			assert_read(reading, "a ", cases[i].text);
			if (sax_more(reading->sax) != cases[i].more)
				fail_msg("%s: more %d", cases[i].text, sax_more(reading->sax));
			const char *next = sax_next(reading->sax);
			assert_int_equal(next != NULL, cases[i].next != NULL);
			if (next != NULL)
				assert_string_equal(next, cases[i].next);
		}
	}
}

/* An answer that calls itself a failure is none, whatever rows it holds. */
static void test_failure(void **state)
{
	static const char *const cases[] = {
		"{\"users\":[" A "],\"imsx_codeMajor\":\"failure\"}",
		"{\"imsx_codeMajor\":\"Failure\",\"users\":[]}",
		"{\"imsx_codeMajor\":\"processing\",\"users\":[" A "]}",
		"{\"users\":[" A "],\"imsx_severity\":\"error\"}",
		"{\"statusInfoSet\":[{\"imsx_codeMajor\":\"failure\"}],\"users\":[" A "]}",
		"{\"users\":[" A "],\"errors\":[{\"code\":1}]}",
		"{\"users\":[" A "],\"errors\":[\"out of memory\"]}",
		"{\"error\":\"time-out\",\"users\":[]}",
		"{\"error\":{\"code\":5},\"users\":[" A "]}",
		"{\"error\":true,\"users\":[" A "]}",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(*state, cases[i], strlen(cases[i]), SAX_FAILURE, NULL);
	static const char text[] = "{\"imsx_codeMajor\":\"success\",\"errors\":[],\"error\":null,\"users\":[" A "]}";
	expect(*state, text, strlen(text), SAX_FINE, "a ");
}

static void test_user_refuses(void **state)
{
	struct reading *reading = *state;
	begin(reading);
	reading->refuse_after = 1;
	static const char text[] = "[" A "," B "," C "]";
	assert_false(sax_feed(reading->sax, text, strlen(text), &reading->err));
	assert_int_equal(sax_trouble(reading->sax), SAX_USER);
	assert_int_equal(reading->err.code, ERR_FILE);
	assert_string_equal(reading->err.text, "no room");
	assert_string_equal(buf_text(&reading->ids), "a ");
	/* And it can be used again. */
	expect(reading, text, strlen(text), SAX_FINE, "a b c ");
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static void fill(struct buf *text, char c, size_t count)
{
	char *room = buf_reserve(text, count);
	memset(room, c, count);
	buf_set_length(text, text->length + count);
}

static void limit(struct reading *reading, const struct buf *text, bool fits)
{
	static const size_t sizes[] = {SIZE_MAX, 16384};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		read_pieces(reading, buf_text(text), text->length, sizes[i]);
		if (fits)
			assert_read(reading, "a ", buf_text(text));
		else
			assert_trouble(reading, SAX_LIMIT, buf_text(text));
	}
}

static void test_depth(void **state)
{
	for (size_t depth = SAX_DEPTH_MAX - 1; depth <= SAX_DEPTH_MAX + 1; depth++) {
		for (int objects = 0; objects < 2; objects++) {
			struct buf text = {0};
			buf_add_text(&text, "{\"users\":[{\"sourcedId\":\"a\",\"metadata\":");
			for (size_t i = 3; i < depth; i++)
				buf_add_text(&text, objects ? "{\"m\":" : "[");
			buf_add_text(&text, "1");
			fill(&text, objects ? '}' : ']', depth - 3);
			buf_add_text(&text, "}]}");
			limit(*state, &text, depth <= SAX_DEPTH_MAX);
			buf_release(&text);
		}
	}
	/* Nothing but depth, as an attack would send it. */
	struct buf text = {0};
	fill(&text, '[', 100000);
	read_pieces(*state, buf_text(&text), text.length, SIZE_MAX);
	assert_false(((struct reading *)*state)->fine);
	buf_clear(&text);
	buf_add_text(&text, "{\"x\":");
	fill(&text, '[', 100000);
	read_pieces(*state, buf_text(&text), text.length, SIZE_MAX);
	assert_trouble(*state, SAX_LIMIT, "deep");
	buf_release(&text);
}

static void test_string_of_one_mebibyte(void **state)
{
	static const struct {
		const char *before;
		const char *behind;
	} places[] = {
		{"[{\"sourcedId\":\"a\",\"title\":\"", "\"}]"},
		{"[{\"sourcedId\":\"a\",\"givenName\":\"", "\"}]"},
		{"{\"note\":\"", "\",\"users\":[" A "]}"},
		{"[{\"sourcedId\":\"a\",\"metadata\":{\"photo\":[\"", "\"]}}]"},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		for (size_t over = 0; over < 2; over++) {
			struct buf text = {0};
			buf_add_text(&text, places[i].before);
			fill(&text, 'x', SAX_TOKEN_MAX + over);
			buf_add_text(&text, places[i].behind);
			limit(*state, &text, over == 0);
			buf_release(&text);
		}
	}
}

/* A value that never ends is refused long before it fills the memory. */
static void test_endless_values(void **state)
{
	static const char *const beginnings[] = {
		"[{\"sourcedId\":\"", "[{\"", "[{\"sourcedId\":1", "{\"users\":\"\\u", "", "[{\"metadata\":{\"a\":\""};
	static const char *const pieces_of[] = {"x", "x", "1", "0041", " ", "\\ud83d"};
	struct reading *reading = *state;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct buf piece = {0};
		while (piece.length < 30000)
			buf_add_text(&piece, pieces_of[i]);
		begin(reading);
		bool fine = sax_feed(reading->sax, beginnings[i], strlen(beginnings[i]), &reading->err);
		size_t given = 0;
		for (; fine && given < (size_t)4 * SAX_TOKEN_MAX; given += piece.length)
			fine = sax_feed(reading->sax, buf_text(&piece), piece.length, &reading->err);
		reading->fine = fine;
		assert_trouble(reading, SAX_LIMIT, beginnings[i]);
		assert_true(given <= (size_t)SAX_TOKEN_MAX + 4 * SAX_SLICE);
		buf_release(&piece);
	}
}

static void test_row_of_four_mebibytes(void **state)
{
	static const char *const members[] = {"givenName", "familyName", "middleName", "email"};
	for (size_t over = 0; over < 2; over++) {
		struct buf text = {0};
		buf_add_text(&text, "[{\"sourcedId\":\"a\"");
		for (size_t i = 0; i < 4; i++) {
			buf_add_format(&text, ",\"%s\":\"", members[i]);
			fill(&text, 'x', SAX_TOKEN_MAX - (i == 3 ? 1 : 0));
			buf_add_text(&text, "\"");
		}
		buf_add_text(&text, over != 0 ? ",\"sms\":\"1\"}]" : ",\"unknown\":\"1\"}]");
		read_pieces(*state, buf_text(&text), text.length, SIZE_MAX);
		if (over == 0)
			assert_read(*state, "a ", "four MiB");
		else
			assert_trouble(*state, SAX_LIMIT, "more than four MiB");
		buf_release(&text);
	}
	/* A list that grows without end. */
	struct buf text = {0};
	buf_add_text(&text, "[{\"sourcedId\":\"a\",\"grades\":[\"09\"");
	while (text.length < 9 * 1024 * 1024)
		buf_add_text(&text, ",\"0123456789012345678901234567890123456789012345678901234567890123456789\"");
	buf_add_text(&text, "]}]");
	read_pieces(*state, buf_text(&text), text.length, SIZE_MAX);
	assert_trouble(*state, SAX_LIMIT, "a list without end");
	buf_release(&text);
}

static void test_large_metadata(void **state)
{
	struct buf text = {0};
	buf_add_text(&text, "[{\"metadata\":{\"notes\":[0");
	while (text.length < 10 * 1024 * 1024)
		buf_add_text(
			&text, ",\"a note of some length, of which there are very many in this record of a person\"");
	buf_add_text(&text, "]},\"sourcedId\":\"a\"}]");
	read_pieces(*state, buf_text(&text), text.length, SIZE_MAX);
	assert_read(*state, "a ", "large metadata");
	buf_release(&text);
}

static void test_made_rows_limit(void **state)
{
	(void)state;
	static const struct sax_events events = {.record = on_record};
	const struct table *made = schema_table_find(&schema_oneroster_1_1, "classResources");
	struct reading reading = {0};
	reading.plan = plan_new(schema_table_find(&schema_oneroster_1_1, "classes"), &made, 1, NULL);
	reading.sax = sax_new(reading.plan, &events, &reading);
	for (size_t over = 0; over < 2; over++) {
		struct buf text = {0};
		buf_add_text(&text, "[{\"resources\":[{\"sourcedId\":\"r\"}");
		for (size_t i = 1; i < RECORD_MADE_MAX + over; i++)
			buf_add_text(&text, i % 2 == 0 ? ",\"s\"" : ",{\"sourcedId\":\"t\"}");
		buf_add_text(&text, "],\"sourcedId\":\"a\"}]");
		read_pieces(&reading, buf_text(&text), text.length, SIZE_MAX);
		if (over == 0)
			assert_read(&reading, "a ", "many resources");
		else
			assert_trouble(&reading, SAX_LIMIT, "too many resources");
		buf_release(&text);
	}
	reading_release(&reading);
}

/* The other collections that servers give under the names of others. */
static void test_other_tables(void **state)
{
	static const struct {
		const char *table;
		const char *text;
	} cases[] = {
		{"academicSessions", "{\"academicSessions\":[" A "]}"},
		{"academicSessions", "{\"terms\":[],\"academicSessions\":[" A "]}"},
		{"academicSessions", "{\"gradingPeriods\":[" A "]}"},
		{"orgs", "{\"schools\":[" A "]}"},
		{"orgs", "{\"org\":" A "}"},
		{"classes", "{\"class\":" A "}"},
		{"demographics", "{\"demographic\":" A "}"},
		{"categories", "{\"category\":" A "}"},
		{"lineItems", "{\"lineitems\":[" A "]}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reading reading;
		reading_init(&reading, cases[i].table);
		expect(&reading, cases[i].text, strlen(cases[i].text), SAX_FINE, "a ");
		reading_release(&reading);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wrappers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrappers_in_all_orders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rival_and_better, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inside_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_total, setup, teardown),
		cmocka_unit_test_setup_teardown(test_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_string_of_one_mebibyte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_row_of_four_mebibytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_metadata, setup, teardown),
		cmocka_unit_test(test_made_rows_limit),
		cmocka_unit_test(test_other_tables),
	};
	return cmocka_run_group_tests_name("sax", tests, NULL, NULL);
}

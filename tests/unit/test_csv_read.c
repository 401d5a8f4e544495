#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/out.h"
#include "scratch.h"
#include "table/csv_read.h"
#include "table/csv_write.h"
#include "table/row.h"

#define BOM         "\xEF\xBB\xBF"
#define COUNT(what) (sizeof(what) / sizeof((what)[0]))

enum { MANY = 24 * 1024 * 1024 };

/* Bytes in pieces: first all of text, then pattern again and again until there were total bytes of both; chunk bytes
 * at a time if chunk is not 0; fails behind total bytes if fails. Keeps count. */
struct feed {
	const char *text;
	size_t length;
	const char *pattern;
	size_t pattern_length;
	uint64_t total;
	size_t chunk;
	bool fails;

	uint64_t given;
	size_t largest; /* room that was offered since it was last set to 0 */
	unsigned calls;
};

static long feed_read(void *context, char *to, size_t room, struct err *err)
{
	struct feed *feed = context;
	assert_true(room > 0);
	feed->calls++;
	feed->largest = room > feed->largest ? room : feed->largest;
	size_t n = feed->chunk > 0 && feed->chunk < room ? feed->chunk : room;
	n = n < feed->total - feed->given ? n : (size_t)(feed->total - feed->given);
	if (n == 0 && feed->fails) {
		err_set(err, ERR_FILE, "cannot read the sample: it broke");
		return -1;
	}
	size_t text = feed->given < feed->length ? feed->length - (size_t)feed->given : 0;
	text = text < n ? text : n;
	if (text > 0)
		memcpy(to, feed->text + feed->given, text);
	feed->given += n;
	for (size_t i = text; i < n && i < text + feed->pattern_length; i++)
		to[i] = feed->pattern[(feed->given - n + i - feed->length) % feed->pattern_length];
	for (size_t i = text + feed->pattern_length; i < n; i++)
		to[i] = to[i - feed->pattern_length];
	return (long)n;
}

static struct feed feed_text(const char *text, size_t length, size_t chunk)
{
	return (struct feed){.text = text, .length = length, .total = length, .chunk = chunk};
}

static struct csv_reader *open_feed(struct feed *feed)
{
	const struct csv_source source = {feed_read, feed};
	return csv_reader_new(&source);
}

/*
 * A row as text: each cell in <>, behind it Q quoted, S stray, O open, B backslash, L line break; behind the cells n
 * LF, r CR LF, c CR, e no end, b blank, x too large; then a blank.
 */
static void show_cell(struct buf *shown, const char *text, size_t length, unsigned notes)
{
	buf_add_char(shown, '<');
	buf_add(shown, text, length);
	buf_add_char(shown, '>');
	for (size_t i = 0; i < 5; i++) {
		if ((notes & 1U << i) != 0)
			buf_add_char(shown, "QSOBL"[i]);
	}
}

static void show_row(struct buf *shown, const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		show_cell(shown, row->cells[i].text, row->cells[i].length, row->cells[i].notes);
	for (size_t i = 0; i < 6; i++) {
		if ((row->notes & 1U << i) != 0)
			buf_add_char(shown, "nrcebx"[i]);
	}
	buf_add_char(shown, ' ');
}

/* All rows as text. Gives what ended them: 0, or -1. */
static int show(struct feed *feed, struct buf *shown, bool *bom)
{
	struct csv_reader *reader = open_feed(feed);
	struct csv_row row;
	struct err err = {0};
	uint64_t number = 0;
	int more;
	buf_clear(shown);
	while ((more = csv_next(reader, &row, &err)) > 0) {
		assert_int_equal(row.number, ++number);
		show_row(shown, &row);
	}
	*bom = csv_bom(reader);
	unsigned calls = feed->calls;
	for (int i = 0; i < 3; i++) {
		err_clear(&err);
		assert_int_equal(csv_next(reader, &row, &err), more);
		assert_int_equal(err.code, more < 0 ? ERR_FILE : ERR_NONE);
		if (more < 0)
			assert_string_equal(err.text, "cannot read the sample: it broke");
	}
	assert_int_equal(feed->calls, calls);
	csv_reader_free(reader);
	return more;
}

static void assert_shown(const struct buf *shown, const char *text, size_t length)
{
	assert_int_equal(shown->length, length);
	assert_memory_equal(buf_text(shown), text, length);
}

#define TEXT(text) (text), sizeof(text) - 1

static const struct {
	const char *text;
	size_t length;
	const char *rows;
	size_t rows_length;
	bool bom;
} cases[] = {
	/* Lines and their ends */
	{TEXT(""), TEXT(""), false},
	{TEXT("a,b\r\n"), TEXT("<a><b>r "), false},
	{TEXT("a,b\r\nc,d"), TEXT("<a><b>r <c><d>e "), false},
	{TEXT("a\nb\rc\r\n"), TEXT("<a>n <b>c <c>r "), false},
	{TEXT("a"), TEXT("<a>e "), false},
	{TEXT("a\r"), TEXT("<a>c "), false},
	{TEXT("a\r\r\n"), TEXT("<a>c rb "), false},
	{TEXT("\n"), TEXT("nb "), false},
	{TEXT("\r"), TEXT("cb "), false},
	{TEXT("\r\n"), TEXT("rb "), false},
	{TEXT("\n\r\n\r\ra\n\n"), TEXT("nb rb cb cb <a>n nb "), false},
	{TEXT("\r\r"), TEXT("cb cb "), false},
	{TEXT(" \n"), TEXT("< >n "), false},
	{TEXT("\"\"\n"), TEXT("<>Qn "), false},
	{TEXT("\"\""), TEXT("<>Qe "), false},
	{TEXT("\"\"\r\n\"\"\r"), TEXT("<>Qr <>Qc "), false},
	{TEXT("a,b\rc,d\r"), TEXT("<a><b>c <c><d>c "), false},

	/* Commas */
	{TEXT(","), TEXT("<><>e "), false},
	{TEXT(",\n,"), TEXT("<><>n <><>e "), false},
	{TEXT(",,a,,\r\n"), TEXT("<><><a><><>r "), false},
	{TEXT(" a , b \n"), TEXT("< a >< b >n "), false},
	{TEXT("a;b\tc\n"), TEXT("<a;b\tc>n "), false},
	{TEXT("one,two,three-and-a-half,four\n5,66,777,8888,99999999,a longer one that ends,\n"),
		TEXT("<one><two><three-and-a-half><four>n <5><66><777><8888><99999999><a longer one that ends><>n "),
		false},

	/* Quotes */
	{TEXT("\"a\",\"b\"\r\n"), TEXT("<a>Q<b>Qr "), false},
	{TEXT("\"a,b\",\"c\"\"d\"\n"), TEXT("<a,b>Q<c\"d>Qn "), false},
	{TEXT("\"\"\"\",\"\"\"\"\"\",\"\"\n"), TEXT("<\">Q<\"\">Q<>Qn "), false},
	{TEXT("\"\"\"a\"\"\",x\n"), TEXT("<\"a\">Q<x>n "), false},
	{TEXT("\"the \"\"Big\"\" O\",\"\",end\n"), TEXT("<the \"Big\" O>Q<>Q<end>n "), false},
	{TEXT("x,\"a\"\ny,\"b\"\r\nz,\"c\"\r\"d\""), TEXT("<x><a>Qn <y><b>Qr <z><c>Qc <d>Qe "), false},
	{TEXT("\"a\nb\"\n"), TEXT("<a\nb>QLn "), false},
	{TEXT("\"\r\",\"\n\",\"a\r\nb\"\r\n"), TEXT("<\r>QL<\n>QL<a\r\nb>QLr "), false},
	{TEXT("\"\"\"\n\"\"\",\"\"\n"), TEXT("<\"\n\">QL<>Qn "), false},
	{TEXT("\"a\n\nb\"\nc\n"), TEXT("<a\n\nb>QLn <c>n "), false},

	/* Quotes that stand where they do not belong */
	{TEXT("a\"b,c\n"), TEXT("<a\"b>S<c>n "), false},
	{TEXT("a\"b\",\"c\"\n"), TEXT("<a\"b\">S<c>Qn "), false},
	{TEXT("a\"\"b\n"), TEXT("<a\"\"b>Sn "), false},
	{TEXT("a\"\n\"b\"\n"), TEXT("<a\">Sn <b>Qn "), false},
	{TEXT(" \"a\",b\n"), TEXT("< \"a\">S<b>n "), false},
	{TEXT("\"a\" ,b\n"), TEXT("<a >QS<b>n "), false},
	{TEXT("\"a\"b,c\n"), TEXT("<ab>QS<c>n "), false},
	{TEXT("\"a,\"b,c\r\n"), TEXT("<a,b>QS<c>r "), false},
	{TEXT("\"a\"b\"c\"d,e\n"), TEXT("<ab\"c\"d>QS<e>n "), false},
	{TEXT("\"a\"\"b\"c\"\"d\n\"e\""), TEXT("<a\"bc\"\"d>QSn <e>Qe "), false},
	{TEXT("\"\" \r"), TEXT("< >QSc "), false},
	{TEXT("\"\"a"), TEXT("<a>QSe "), false},
	{TEXT("\"\n\"a\n"), TEXT("<\na>QSLn "), false},

	/* Quotes that do not end */
	{TEXT("\""), TEXT("<>QOe "), false},
	{TEXT("\"\"\""), TEXT("<\">QOe "), false},
	{TEXT("a,\"b"), TEXT("<a><b>QOe "), false},
	{TEXT("a,\"b,c\nd\r\n"), TEXT("<a><b,c\nd\r\n>QOLe "), false},
	{TEXT("a\n\"b\"\"\nc"), TEXT("<a>n <b\"\nc>QOLe "), false},
	{TEXT("\"a\\"), TEXT("<a\\>QOe "), false},

	/* Backslashes */
	{TEXT("\"a\\\",b\n"), TEXT("<a\\>QB<b>n "), false},
	{TEXT("\"\\\"\n\"\\\""), TEXT("<\\>QBn <\\>QBe "), false},
	{TEXT("a\\,\"b\\c\"\n"), TEXT("<a\\><b\\c>Qn "), false},
	{TEXT("\"a\\\"\"\"\n"), TEXT("<a\\\">Qn "), false},
	{TEXT("\"a\"\"b\\\"\n"), TEXT("<a\"b\\>QBn "), false},
	{TEXT("\"a\\\"b\n"), TEXT("<a\\b>QSBn "), false},
	{TEXT("\\\"\",\"\"\n"), TEXT("<\\\"\">S<>Qn "), false},

	/* Any bytes */
	{TEXT("a\0b,\0\n\"\0\"\0\n"), TEXT("<a\0b><\0>n <\0\0>QSn "), false},
	{TEXT("\x80\xFF\xFE,\xC3\xA9,\x01\x1F\x7F\n"), TEXT("<\x80\xFF\xFE><\xC3\xA9><\x01\x1F\x7F>n "), false},
	{TEXT("a!b#c$d%e&f'g(h)i*j+k-l.m/n\n"), TEXT("<a!b#c$d%e&f'g(h)i*j+k-l.m/n>n "), false},
	{TEXT("\xAC\xA2\x8D\x8A,-,!-,\xAC-\n"), TEXT("<\xAC\xA2\x8D\x8A><-><!-><\xAC->n "), false},
	{TEXT("\v\f\x1C\x1D\x1E\xC2\x85\xE2\x80\xA8\n"), TEXT("<\v\f\x1C\x1D\x1E\xC2\x85\xE2\x80\xA8>n "), false},

	/* The byte-order mark */
	{TEXT(BOM), TEXT(""), true},
	{TEXT(BOM "a,b\n"), TEXT("<a><b>n "), true},
	{TEXT(BOM "\"a\"\r\n"), TEXT("<a>Qr "), true},
	{TEXT(BOM "\n"), TEXT("nb "), true},
	{TEXT(BOM BOM "a\n"), TEXT("<" BOM "a>n "), true},
	{TEXT("a," BOM "\n" BOM "b\n"), TEXT("<a><" BOM ">n <" BOM "b>n "), false},
	{TEXT("\"" BOM "\"\n"), TEXT("<" BOM ">Qn "), false},
	{TEXT("\xEF"), TEXT("<\xEF>e "), false},
	{TEXT("\xEF\xBB"), TEXT("<\xEF\xBB>e "), false},
	{TEXT("\xEF\xBB,\n"), TEXT("<\xEF\xBB><>n "), false},
	{TEXT("\xEF\xBB\"\n"), TEXT("<\xEF\xBB\">Sn "), false},
	{TEXT("\xFE\xFF"), TEXT("<\xFE\xFF>e "), false},
};

/* Every case in pieces of every size. */
static void test_cases(void **state)
{
	(void)state;
	struct buf shown = {0};
	bool bom = false;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t chunk = 0; chunk <= cases[i].length; chunk++) {
			struct feed feed = feed_text(cases[i].text, cases[i].length, chunk);
			assert_int_equal(show(&feed, &shown, &bom), 0);
			assert_shown(&shown, cases[i].rows, cases[i].rows_length);
			assert_int_equal(bom, cases[i].bom);
		}
	}
	buf_release(&shown);
}

/* All cases in one file: what comes before a row changes nothing about it. */
static void test_cases_in_a_row(void **state)
{
	(void)state;
	struct buf text = {0};
	struct buf rows = {0};
	struct buf shown = {0};
	bool bom = true;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *end = cases[i].rows_length > 2 ? cases[i].rows + cases[i].rows_length - 2 : "";
		if (cases[i].bom || (*end != 'n' && *end != 'r' && *end != 'b'))
			continue;
		buf_add(&text, cases[i].text, cases[i].length);
		buf_add(&rows, cases[i].rows, cases[i].rows_length);
	}
	assert_true(text.length > 300);
	for (size_t chunk = 0; chunk <= text.length; chunk++) {
		struct feed feed = feed_text(text.data, text.length, chunk);
		assert_int_equal(show(&feed, &shown, &bom), 0);
		assert_shown(&shown, rows.data, rows.length);
		assert_false(bom);
	}
	buf_release(&text);
	buf_release(&rows);
	buf_release(&shown);
}

/* One cell of random text, as a program might write it: to the file, and to what must be shown of it. */
static void add_cell(struct scratch *scratch, bool first, struct buf *text, struct buf *rows)
{
	static const char alphabet[] = "abcdefgh-- 'é,\"\r\n";
	struct buf cell = {0};
	unsigned notes = scratch_random(scratch, 3) == 0 ? CSV_QUOTED : 0;
	uint32_t length = scratch_random(scratch, 40);
	if (scratch_random(scratch, 500) == 0)
		length = scratch_random(scratch, 300000);
	buf_init(&cell, MANY);
	for (uint32_t n = length; n > 0; n--)
		buf_add_char(&cell, alphabet[scratch_random(scratch, sizeof(alphabet) - 1)]);
	if (strpbrk(buf_text(&cell), ",\"\r\n") != NULL || (first && length == 0))
		notes |= CSV_QUOTED;
	if (strpbrk(buf_text(&cell), "\r\n") != NULL)
		notes |= CSV_LINE_BREAK;
	show_cell(rows, buf_text(&cell), cell.length, notes);
	if ((notes & CSV_QUOTED) == 0) {
		buf_add(text, buf_text(&cell), cell.length);
	} else {
		buf_add_char(text, '"');
		for (size_t i = 0; i < cell.length; i++) {
			buf_add_char(text, cell.data[i]);
			if (cell.data[i] == '"')
				buf_add_char(text, '"');
		}
		buf_add_char(text, '"');
	}
	buf_release(&cell);
}

/* Small rows and large ones, over many buffers. */
static void test_long_file(void **state)
{
	struct scratch *scratch = *state;
	static const size_t chunks[] = {0, 1, 13, 4096, 65537, 131071};
	static const char *const ends[] = {"\n", "\r\n"};
	struct buf text;
	struct buf rows;
	struct buf shown;
	bool bom = false;
	buf_init(&text, MANY);
	buf_init(&rows, MANY);
	buf_init(&shown, MANY);
	while (text.length < 2000000) {
		for (uint32_t n = 1 + scratch_random(scratch, 12), i = 0; i < n; i++) {
			if (i > 0)
				buf_add_char(&text, ',');
			add_cell(scratch, i == 0, &text, &rows);
		}
		uint32_t end = scratch_random(scratch, COUNT(ends));
		buf_add_text(&text, ends[end]);
		buf_add_text(&rows, end == 0 ? "n " : "r ");
	}
	for (size_t i = 0; i < COUNT(chunks); i++) {
		struct feed feed = feed_text(text.data, text.length, chunks[i]);
		assert_int_equal(show(&feed, &shown, &bom), 0);
		assert_shown(&shown, rows.data, rows.length);
	}
	buf_release(&text);
	buf_release(&rows);
	buf_release(&shown);
}

/* The only row of a file, its cells and how many bytes they have together. */
static struct csv_reader *one_row(struct feed *feed, struct csv_row *row, size_t *size)
{
	struct csv_reader *reader = open_feed(feed);
	struct err err = {0};
	assert_int_equal(csv_next(reader, row, &err), 1);
	*size = 0;
	for (size_t i = 0; i < row->count; i++)
		*size += row->cells[i].length;
	return reader;
}

static void assert_end(struct csv_reader *reader, const struct feed *feed)
{
	struct csv_row none;
	struct err err = {0};
	unsigned calls = feed->calls;
	bool over = feed->given < feed->total;
	for (int i = 0; i < 3; i++)
		assert_int_equal(csv_next(reader, &none, &err), 0);
	if (over)
		assert_int_equal(feed->calls, calls);
	csv_reader_free(reader);
}

/* Rows of the largest size, and of one byte more. */
static void test_text_limit(void **state)
{
	(void)state;
	static const struct {
		const char *front;
		const char *pattern;
		uint64_t times; /* of the pattern, for the largest row */
		size_t cells;
		size_t cells_before; /* what is left of a row with one more */
	} rows[] = {
		{"", "a", ROW_TEXT_MAX, 1, 0},
		{"\"", "a", ROW_TEXT_MAX, 1, 0},
		{"\"", "\"\"", ROW_TEXT_MAX, 1, 0},
		{"\"", "\n", ROW_TEXT_MAX, 1, 0},
		{"one,two,", "a", ROW_TEXT_MAX - 6, 3, 2},
		{"\"one\",\"t\"\"o\",\"", "\"\"", ROW_TEXT_MAX - 6, 3, 2},
		{"\"\"", "a", ROW_TEXT_MAX, 1, 0},
		{"a\"", "b", ROW_TEXT_MAX - 2, 1, 0},
		{"\"a\"\"\"x", "\"", ROW_TEXT_MAX - 3, 1, 0},
	};
	static const size_t chunks[] = {0, 5000};
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t k = 0; k < COUNT(chunks); k++) {
			struct csv_row row;
			size_t size = 0;
			size_t front = strlen(rows[i].front);
			struct feed feed = {.text = rows[i].front,
				.length = front,
				.pattern = rows[i].pattern,
				.pattern_length = strlen(rows[i].pattern),
				.total = front + rows[i].times * strlen(rows[i].pattern),
				.chunk = chunks[k]};
			struct csv_reader *reader = one_row(&feed, &row, &size);
			assert_int_equal(row.notes, CSV_NO_END);
			assert_int_equal(row.count, rows[i].cells);
			assert_int_equal(size, ROW_TEXT_MAX);
			assert_int_equal(
				row.cells[row.count - 1].text[row.cells[row.count - 1].length - 1], *rows[i].pattern);
			assert_end(reader, &feed);

			feed.given = 0;
			feed.total += strlen(rows[i].pattern);
			reader = one_row(&feed, &row, &size);
			assert_int_equal(row.notes, CSV_TOO_LARGE);
			assert_int_equal(row.count, rows[i].cells_before);
			assert_int_equal(row.number, 1);
			assert_end(reader, &feed);
		}
	}
}

/* Small cells behind a large one, and large ones that are too much together, are what they are in pieces of any size.
 */
static void test_text_of_several_cells(void **state)
{
	(void)state;
	static const size_t chunks[] = {0, 1, 999, 65536};
	struct buf text;
	buf_init(&text, MANY);
	buf_add_text(&text, "\"\"\"");
	for (size_t i = 0; i < ROW_TEXT_MAX - 3; i++)
		buf_add_char(&text, 'a');
	buf_add_text(&text, "\"x,,,,\"\"\"\",");
	for (size_t k = 0; k < COUNT(chunks); k++) {
		struct csv_row row;
		size_t size = 0;
		struct feed feed = feed_text(text.data, text.length, chunks[k]);
		struct csv_reader *reader = one_row(&feed, &row, &size);
		assert_int_equal(row.count, 6);
		assert_int_equal(row.notes, CSV_NO_END);
		assert_int_equal(row.cells[0].notes, CSV_QUOTED | CSV_STRAY);
		assert_int_equal(row.cells[0].length, ROW_TEXT_MAX - 1);
		assert_memory_equal(row.cells[0].text, "\"aaa", 4);
		assert_memory_equal(row.cells[0].text + ROW_TEXT_MAX - 4, "aax", 3);
		assert_memory_equal(row.cells[4].text, "\"", 1);
		assert_end(reader, &feed);
	}
	buf_add_text(&text, ",b,\nc\n");
	for (size_t k = 0; k < COUNT(chunks); k++) {
		struct csv_row row;
		size_t size = 0;
		struct feed feed = feed_text(text.data, text.length, chunks[k]);
		struct csv_reader *reader = one_row(&feed, &row, &size);
		/* All but b, which does not fit. */
		assert_int_equal(row.count, 6);
		assert_int_equal(row.notes, CSV_TOO_LARGE);
		assert_end(reader, &feed);
	}
	buf_release(&text);
}

static void test_cell_limit(void **state)
{
	(void)state;
	static const struct {
		const char *pattern; /* one cell, with a comma in front but for the first */
		size_t cells;
		const char *end;
		unsigned notes;
	} rows[] = {
		{",a", ROW_CELLS_MAX, "\n", CSV_LF},
		{",\"a\"", ROW_CELLS_MAX, "\r\n", CSV_CRLF},
		{",", ROW_CELLS_MAX, "", CSV_NO_END},
		{",a\"", ROW_CELLS_MAX, "\r", CSV_BARE_CR},
		{",a", ROW_CELLS_MAX, ",", CSV_TOO_LARGE},
		{",", ROW_CELLS_MAX, ",\n", CSV_TOO_LARGE},
		{",\"a\"", ROW_CELLS_MAX, ",\"b\"\r\n", CSV_TOO_LARGE},
		{",a", ROW_CELLS_MAX * 3, "\n", CSV_TOO_LARGE},
	};
	static const size_t chunks[] = {0, 1, 2, 1000};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf text = {0};
		for (size_t n = 0; n < rows[i].cells; n++)
			buf_add_text(&text, rows[i].pattern + (n == 0));
		buf_add_text(&text, rows[i].end);
		for (size_t k = 0; k < COUNT(chunks); k++) {
			struct csv_row row;
			size_t size = 0;
			struct feed feed = feed_text(text.data, text.length, chunks[k]);
			struct csv_reader *reader = one_row(&feed, &row, &size);
			assert_int_equal(row.count, ROW_CELLS_MAX);
			assert_int_equal(row.notes, rows[i].notes);
			assert_end(reader, &feed);
		}
		buf_release(&text);
	}
}

/* What never ends is not read to its end. */
static void test_giants(void **state)
{
	(void)state;
	static const struct {
		const char *front;
		const char *pattern;
		size_t pattern_length;
		uint64_t most; /* bytes read, at most */
	} giants[] = {
		{"", TEXT("a"), 3 * ROW_TEXT_MAX},
		{"", TEXT("\0"), 3 * ROW_TEXT_MAX},
		{"\"", TEXT("a"), 3 * ROW_TEXT_MAX},
		{"\"", TEXT("\n"), 3 * ROW_TEXT_MAX},
		{"\"", TEXT("\"\""), 3 * ROW_TEXT_MAX},
		{"\"\"", TEXT(" \""), 3 * ROW_TEXT_MAX},
		{"", TEXT(","), 1024 * 1024},
		{"id,\"", TEXT(",\""), 3 * ROW_TEXT_MAX},
	};
	for (size_t i = 0; i < COUNT(giants); i++) {
		struct csv_row row;
		size_t size = 0;
		struct feed feed = {.text = giants[i].front,
			.length = strlen(giants[i].front),
			.pattern = giants[i].pattern,
			.pattern_length = giants[i].pattern_length,
			.total = UINT64_C(1) << 30};
		struct csv_reader *reader = one_row(&feed, &row, &size);
		assert_int_equal(row.notes, CSV_TOO_LARGE);
		assert_true(feed.given <= giants[i].most);
		assert_true(feed.largest <= 3 * ROW_TEXT_MAX);
		assert_end(reader, &feed);
	}
}

/* The buffer that a large row took is given back. */
static void test_memory_is_given_back(void **state)
{
	(void)state;
	struct buf text;
	struct err err = {0};
	struct csv_row row;
	buf_init(&text, MANY);
	for (size_t i = 0; i < ROW_TEXT_MAX; i++)
		buf_add_char(&text, 'a');
	buf_add_char(&text, '\n');
	struct feed feed = {
		.text = text.data, .length = text.length, .pattern = "b\n", .pattern_length = 2, .total = 2 * MANY};
	struct csv_reader *reader = open_feed(&feed);
	assert_int_equal(csv_next(reader, &row, &err), 1);
	assert_int_equal(row.cells[0].length, ROW_TEXT_MAX);
	assert_true(feed.largest < 3 * ROW_TEXT_MAX);
	/* What is read already may be as much as the large row took. */
	while (feed.given < 4 * ROW_TEXT_MAX)
		assert_int_equal(csv_next(reader, &row, &err), 1);
	feed.largest = 0;
	for (int i = 0; i < 1000000; i++)
		assert_int_equal(csv_next(reader, &row, &err), 1);
	assert_in_range(feed.largest, 1, 256 * 1024);
	csv_reader_free(reader);
	buf_release(&text);
}

/* A source that breaks off anywhere: rows before that are given, then the failure, again and again. */
static void test_failure(void **state)
{
	(void)state;
	static const char text[] = "id,name\r\n\r\n1,\"a\"\"b\"\n\"2\",b\r3,c\n";
	static const struct {
		size_t from; /* bytes that must have come for these rows */
		const char *rows;
	} expected[] = {
		{0, ""},
		{9, "<id><name>r "},
		{11, "<id><name>r rb "},
		{20, "<id><name>r rb <1><a\"b>Qn "},
		/* Whether CR is a line end of its own shows in the byte behind it. */
		{27, "<id><name>r rb <1><a\"b>Qn <2>Q<b>c "},
		{30, "<id><name>r rb <1><a\"b>Qn <2>Q<b>c <3><c>n "},
	};
	struct buf shown = {0};
	bool bom = false;
	size_t at = 0;
	for (size_t length = 0; length < sizeof(text); length++) {
		while (at + 1 < COUNT(expected) && expected[at + 1].from <= length)
			at++;
		for (size_t chunk = 0; chunk <= length; chunk++) {
			struct feed feed = feed_text(text, length, chunk);
			feed.fails = true;
			assert_int_equal(show(&feed, &shown, &bom), -1);
			assert_string_equal(buf_text(&shown), expected[at].rows);
		}
	}
	buf_release(&shown);
}

static void test_results_stay(void **state)
{
	(void)state;
	struct csv_row row = {.count = 77};
	struct err err = {0};
	struct feed feed = feed_text("", 0, 0);
	struct csv_reader *reader = open_feed(&feed);
	assert_int_equal(csv_next(reader, &row, &err), 0);
	assert_int_equal(row.count, 77);
	csv_reader_free(reader);
	feed.fails = true;
	reader = open_feed(&feed);
	assert_int_equal(csv_next(reader, &row, &err), -1);
	assert_int_equal(row.count, 77);
	csv_reader_free(reader);
	csv_reader_free(NULL);
}

static long file_source(void *context, char *to, size_t room, struct err *err)
{
	(void)err;
	return read(*(const int *)context, to, room);
}

static void assert_same(const struct csv_row *read, const struct row *row, const struct csv_style *style)
{
	assert_int_equal(read->notes, style->lf ? CSV_LF : CSV_CRLF);
	assert_int_equal(read->count, row->count);
	for (size_t i = 0; i < row->count; i++) {
		const struct csv_cell *cell = &read->cells[i];
		assert_int_equal(cell->length, row_length(row, i));
		assert_memory_equal(cell->text, row_text(row, i), cell->length);
		assert_int_equal(cell->notes & (CSV_STRAY | CSV_OPEN), 0);
		assert_true(!style->quote_all || (cell->notes & CSV_QUOTED) != 0);
	}
}

/* What csv_write wrote: random rows, the last one the largest there can be and the hardest to read. */
static void test_round_trip(void **state)
{
	struct scratch *scratch = *state;
	static const char alphabet[] = "ab,\"\r\n\t \\\0\xC3\xA9";
	enum { ROWS = 3000, CELLS = 5 };
	struct row *rows = mem_new(ROWS, sizeof(*rows));
	struct err err = {0};
	char *quotes = mem_new(ROW_TEXT_MAX, 1);
	memset(quotes, '"', ROW_TEXT_MAX);
	for (size_t i = 0; i < ROWS; i++) {
		row_init(&rows[i], CELLS);
		for (size_t k = 0; i + 1 < ROWS && k < CELLS; k++) {
			for (uint32_t n = scratch_random(scratch, 30); n > 0; n--)
				row_append(&rows[i], k, &alphabet[scratch_random(scratch, sizeof(alphabet) - 1)], 1);
		}
	}
	assert_true(row_set(&rows[ROWS - 1], 1, quotes, ROW_TEXT_MAX));
	free(quotes);
	for (unsigned bits = 0; bits < 4; bits++) {
		const struct csv_style style = {.quote_all = (bits & 1) != 0, .lf = (bits & 2) != 0};
		struct out out;
		int fd = file_temp(scratch->folder, &err);
		assert_true(fd >= 0);
		out_init(&out, fd, "the CSV");
		for (size_t i = 0; i < ROWS; i++)
			csv_write_row(&out, &rows[i], &style);
		assert_true(out_finish(&out, &err));
		out_release(&out);

		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		const struct csv_source source = {file_source, &fd};
		struct csv_reader *reader = csv_reader_new(&source);
		struct csv_row row;
		for (size_t i = 0; i < ROWS; i++) {
			assert_int_equal(csv_next(reader, &row, &err), 1);
			assert_same(&row, &rows[i], &style);
		}
		assert_int_equal(csv_next(reader, &row, &err), 0);
		csv_reader_free(reader);
		close(fd);
	}
	for (size_t i = 0; i < ROWS; i++)
		row_release(&rows[i]);
	free(rows);
}

#define SCRATCH(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_cases_in_a_row),
		SCRATCH(test_long_file),
		cmocka_unit_test(test_text_limit),
		cmocka_unit_test(test_text_of_several_cells),
		cmocka_unit_test(test_cell_limit),
		cmocka_unit_test(test_giants),
		cmocka_unit_test(test_memory_is_given_back),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_results_stay),
		SCRATCH(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

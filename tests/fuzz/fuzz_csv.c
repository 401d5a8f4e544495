/*
 * Rows to CSV and back, and any bytes as CSV. Input: a byte for what to do (1 and 2: the style; 4: any bytes; 8: again
 * and again). Rows: a byte for the number of cells of a row, then for each cell a byte for its length and its text.
 * Any bytes: a byte for how often, a byte for the number of sizes, as many sizes of pieces, the bytes.
 * Holds: a strict reader of RFC 4180, written here, and the program's own get the same cells from the lines. The
 * program's gets from any bytes, in pieces of any size, what another one written here gets byte by byte.
 */
#include "fuzz.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/out.h"
#include "table/csv_read.h"
#include "table/csv_write.h"
#include "table/row.h"

enum { CELLS_MIN = 2, CELLS_MAX = 9, ROWS_MAX = 64, SIZES_MAX = 8, TEXT_MAX = 300 * 1024 };

struct reader {
	const char *at;
	const char *end;
	const struct csv_style *style;
	struct buf cell;
};

static bool ends_cell(char c)
{
	return c == ',' || c == '\r' || c == '\n';
}

static bool reader_is_at(const struct reader *reader, char c)
{
	return reader->at < reader->end && *reader->at == c;
}

/* Reads one cell; what ends it, a comma or the end of the line, is left. */
static void read_cell(struct reader *reader)
{
	buf_clear(&reader->cell);
	if (!reader_is_at(reader, '"')) {
		fuzz_must(!reader->style->quote_all, "all cells are in quotes where the style says so");
		for (; reader->at < reader->end && !ends_cell(*reader->at); reader->at++) {
			fuzz_must(*reader->at != '"', "a quote stands in quotes");
			buf_add_char(&reader->cell, *reader->at);
		}
		return;
	}
	for (reader->at++;; reader->at++) {
		fuzz_must(reader->at < reader->end, "quotes end");
		if (*reader->at == '"') {
			reader->at++;
			if (!reader_is_at(reader, '"'))
				return;
		}
		buf_add_char(&reader->cell, *reader->at);
	}
}

static void read_row(struct reader *reader, const struct row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		if (i > 0) {
			fuzz_must(reader_is_at(reader, ','), "a comma stands between cells");
			reader->at++;
		}
		read_cell(reader);
		fuzz_must(reader->cell.length == row_length(row, i) &&
				  memcmp(buf_text(&reader->cell), row_text(row, i), row_length(row, i)) == 0,
			"a cell reads as it was written");
	}
	if (!reader->style->lf) {
		fuzz_must(reader_is_at(reader, '\r'), "a carriage return ends a line");
		reader->at++;
	}
	fuzz_must(reader_is_at(reader, '\n'), "a line feed ends a line");
	reader->at++;
}

static void read_back(const char *text, size_t length, const struct csv_style *style, const struct row *rows, size_t n)
{
	struct reader reader = {.at = text, .end = text + length, .style = style};
	for (size_t i = 0; i < n; i++)
		read_row(&reader, &rows[i]);
	fuzz_must(reader.at == reader.end, "nothing stands behind the last line");
	buf_release(&reader.cell);
}

/* A text in pieces: their sizes in turn, 0 as much as there is room for. */
struct pieces {
	const char *text;
	size_t left;
	const unsigned char *sizes;
	size_t count; /* 0 if all are whole */
	size_t turn;
};

static long next_piece(void *context, char *to, size_t room, struct err *err)
{
	struct pieces *pieces = context;
	(void)err;
	fuzz_must(room > 0, "there is room for a piece");
	size_t length = pieces->count > 0 ? pieces->sizes[pieces->turn++ % pieces->count] : 0;
	length = length > 0 && length < room ? length : room;
	length = length < pieces->left ? length : pieces->left;
	memcpy(to, pieces->text, length);
	pieces->text += length;
	pieces->left -= length;
	return (long)length;
}

/* The same by the program's own reader. */
static void read_back_own(const char *text, size_t length, const struct csv_style *style, const struct row *rows,
	size_t n, unsigned char size)
{
	struct pieces pieces = {.text = text, .left = length, .sizes = &size, .count = 1};
	const struct csv_source source = {next_piece, &pieces};
	struct csv_reader *reader = csv_reader_new(&source);
	struct csv_row row;
	struct err err = {0};
	for (size_t i = 0; i < n; i++) {
		fuzz_must(csv_next(reader, &row, &err) == 1, "a row that was written is read");
		fuzz_must(row.number == i + 1, "rows are counted");
		fuzz_must(row.notes == (style->lf ? CSV_LF : CSV_CRLF), "its line ends as the style says");
		fuzz_must(row.count == rows[i].count, "it has as many cells");
		for (size_t k = 0; k < row.count; k++) {
			const struct csv_cell *cell = &row.cells[k];
			fuzz_must(cell->length == row_length(&rows[i], k) &&
					  memcmp(cell->text, row_text(&rows[i], k), cell->length) == 0,
				"a cell is what was written");
			fuzz_must((cell->notes & (CSV_STRAY | CSV_OPEN)) == 0, "nothing is wrong with it");
			fuzz_must(!style->quote_all || (cell->notes & CSV_QUOTED) != 0, "quotes are seen");
		}
	}
	fuzz_must(csv_next(reader, &row, &err) == 0, "no row follows the last one");
	csv_reader_free(reader);
}

/* Rows one after the other as bytes: for comparing. */
static void tell_cell(struct buf *told, const char *text, size_t length, unsigned notes)
{
	buf_add_format(told, "%zu,%u:", length, notes);
	buf_add(told, text, length);
}

static void tell_end(struct buf *told, size_t count, unsigned notes)
{
	buf_add_format(told, "%zu,%u.", count, notes);
}

/* Reads one cell of any bytes and stays at what ends it. */
static const char *tell_next(const char *at, const char *end, struct buf *cell, unsigned *notes)
{
	buf_clear(cell);
	*notes = 0;
	if (at < end && *at == '"') {
		*notes = CSV_QUOTED | CSV_OPEN;
		for (at++; at < end && (*notes & CSV_OPEN) != 0; at++) {
			bool pair = *at == '"' && at + 1 < end && at[1] == '"';
			if (*at != '"' || pair) {
				*notes |= *at == '\r' || *at == '\n' ? CSV_LINE_BREAK : 0;
				buf_add_char(cell, *at);
				at += pair;
			} else {
				*notes &= ~(unsigned)CSV_OPEN;
				if (cell->length > 0 && cell->data[cell->length - 1] == '\\')
					*notes |= CSV_BACKSLASH;
			}
		}
	}
	for (; at < end && !ends_cell(*at); at++) {
		if (*at == '"' || (*notes & CSV_QUOTED) != 0)
			*notes |= CSV_STRAY;
		buf_add_char(cell, *at);
	}
	return at;
}

/* What the rows of any bytes are. */
static void tell(const char *at, size_t length, struct buf *told)
{
	const char *end = at + length;
	struct buf cell = {0};
	bool bom = length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0;
	for (at += bom ? 3 : 0; at < end;) {
		size_t count = 0;
		unsigned notes = 0;
		bool blank = *at == '\r' || *at == '\n';
		bool more = !blank;
		for (; more && count < ROW_CELLS_MAX; count++) {
			at = tell_next(at, end, &cell, &notes);
			tell_cell(told, buf_text(&cell), cell.length, notes);
			more = at < end && *at == ',';
			at += more;
		}
		if (more) {
			tell_end(told, count, CSV_TOO_LARGE);
			break;
		}
		notes = blank ? CSV_BLANK : 0;
		if (at == end)
			notes |= CSV_NO_END;
		else if (*at == '\n')
			notes |= CSV_LF;
		else
			notes |= at + 1 < end && at[1] == '\n' ? CSV_CRLF : CSV_BARE_CR;
		at += at == end ? 0 : (notes & CSV_CRLF) != 0 ? 2 : 1;
		tell_end(told, count, notes);
	}
	buf_add_char(told, bom ? '1' : '0');
	buf_release(&cell);
}

/* What the program says they are. */
static void tell_own(struct pieces pieces, struct buf *told)
{
	const struct csv_source source = {next_piece, &pieces};
	struct csv_reader *reader = csv_reader_new(&source);
	struct csv_row row;
	struct err err = {0};
	for (uint64_t number = 1; csv_next(reader, &row, &err) == 1; number++) {
		fuzz_must(row.number == number, "rows are counted");
		for (size_t i = 0; i < row.count; i++)
			tell_cell(told, row.cells[i].text, row.cells[i].length, row.cells[i].notes);
		tell_end(told, row.count, row.notes);
	}
	fuzz_must(csv_next(reader, &row, &err) == 0, "the end stays the end");
	buf_add_char(told, csv_bom(reader) ? '1' : '0');
	csv_reader_free(reader);
}

static void read_anything(struct fuzz_input *input, bool again)
{
	size_t times = 1 + fuzz_byte(input);
	size_t count = fuzz_byte(input) % SIZES_MAX;
	const unsigned char *sizes = (const unsigned char *)fuzz_bytes(input, &count);
	size_t length = input->left;
	const char *bytes = fuzz_bytes(input, &length);
	struct buf text = {0};
	struct buf expected = {0};
	struct buf whole = {0};
	struct buf cut = {0};
	for (size_t i = 0; i < (again ? times : 1) && text.length + length <= TEXT_MAX; i++)
		buf_add(&text, bytes, length);
	tell(buf_text(&text), text.length, &expected);
	tell_own((struct pieces){.text = buf_text(&text), .left = text.length}, &whole);
	tell_own((struct pieces){.text = buf_text(&text), .left = text.length, .sizes = sizes, .count = count}, &cut);
	fuzz_must(!expected.overflow, "there is room to tell all rows");
	fuzz_must(whole.length == expected.length && memcmp(whole.data, expected.data, whole.length) == 0,
		"rows are what their bytes say");
	fuzz_must(cut.length == expected.length && memcmp(cut.data, expected.data, cut.length) == 0,
		"and the same however they come");
	buf_release(&text);
	buf_release(&expected);
	buf_release(&whole);
	buf_release(&cut);
}

static void fill(struct row *row, struct fuzz_input *input)
{
	for (size_t i = 0; i < row->count; i++) {
		size_t length = fuzz_byte(input);
		const char *text = fuzz_bytes(input, &length);
		fuzz_must(row_set(row, i, text, length), "a small cell fits");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct fuzz_input input = fuzz_begin(data, size);
	struct err err = {0};
	struct row rows[ROWS_MAX];
	struct out out;
	struct buf text = {0};
	size_t n = 0;
	unsigned bits = fuzz_byte(&input);
	struct csv_style style = {.quote_all = (bits & 1) != 0, .lf = (bits & 2) != 0};
	if ((bits & 4) != 0) {
		read_anything(&input, (bits & 8) != 0);
		return 0;
	}
	size_t cells = CELLS_MIN + fuzz_byte(&input) % (CELLS_MAX - CELLS_MIN + 1);
	if (fd < 0)
		fd = file_temp(fuzz_folder(), &err);
	fuzz_must(fd >= 0 && lseek(fd, 0, SEEK_SET) == 0, "there is a file to write to");
	out_init(&out, fd, "rows.csv");
	for (; n < ROWS_MAX && input.left > 0; n++) {
		row_init(&rows[n], cells);
		fill(&rows[n], &input);
		csv_write_row(&out, &rows[n], &style);
	}
	size_t length = (size_t)out_size(&out);
	fuzz_must(out_finish(&out, &err), "the lines can be written");
	char *room = buf_reserve(&text, length);
	fuzz_must(pread(fd, room, length, 0) == (ssize_t)length, "and read");
	buf_set_length(&text, length);
	read_back(buf_text(&text), length, &style, rows, n);
	/* A mark is no part of the first cell for a reader: what begins with one does not come back. */
	if (length < 3 || memcmp(buf_text(&text), "\xEF\xBB\xBF", 3) != 0)
		read_back_own(buf_text(&text), length, &style, rows, n, (unsigned char)size);
	for (size_t i = 0; i < n; i++)
		row_release(&rows[i]);
	out_release(&out);
	buf_release(&text);
	return 0;
}

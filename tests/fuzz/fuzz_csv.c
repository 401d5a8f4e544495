/*
 * Rows to CSV and back. Input: a byte for the style, a byte for the number of cells of a row, then for each cell a byte
 * for its length and its text.
 * Holds: a strict reader of RFC 4180, written here, gets the same cells from the lines.
 */
#include "fuzz.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/out.h"
#include "table/csv_write.h"
#include "table/row.h"

enum { CELLS_MIN = 2, CELLS_MAX = 9, ROWS_MAX = 64 };

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
	for (size_t i = 0; i < n; i++)
		row_release(&rows[i]);
	out_release(&out);
	buf_release(&text);
	return 0;
}

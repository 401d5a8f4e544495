/*
 * CSV as anybody may have written it, read row by row from bytes that come piece by piece, in memory that does not grow
 * with the file. Says what is wrong with the grammar (RFC 4180) and goes on as well as that is possible; what cells
 * mean, and whether their characters are fit, is for others.
 * Owns its buffers, not the source. Rows are numbered as a spreadsheet shows them: the first line is row 1.
 */
#ifndef TABLE_CSV_READ_H
#define TABLE_CSV_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Where the bytes come from: read puts up to room bytes at to and gives how many, 0 at the end, -1 with err. */
struct csv_source {
	long (*read)(void *context, char *to, size_t room, struct err *err);
	void *context;
};

enum csv_cell_note {
	CSV_QUOTED = 1,     /* stood in quotes */
	CSV_STRAY = 2,      /* a quote inside an unquoted cell, or text behind a closing quote; the text is kept */
	CSV_OPEN = 4,       /* the closing quote never came */
	CSV_BACKSLASH = 8,  /* quoted, and a backslash stands before the closing quote */
	CSV_LINE_BREAK = 16 /* holds CR or LF, in quotes */
};

enum csv_row_note {
	CSV_LF = 1,        /* ended by LF alone */
	CSV_CRLF = 2,      /* ended by CR LF */
	CSV_BARE_CR = 4,   /* ended by CR alone */
	CSV_NO_END = 8,    /* the file ends without a line end */
	CSV_BLANK = 16,    /* nothing between two line ends; no cells */
	CSV_TOO_LARGE = 32 /* more bytes or cells than a row may have: the reader gives up, no row follows */
};

struct csv_cell {
	const char *text; /* without quotes, "" as one quote; not terminated */
	size_t length;
	unsigned notes; /* enum csv_cell_note bits */
};

struct csv_row {
	struct csv_cell *cells;
	size_t count;
	uint64_t number;
	unsigned notes; /* enum csv_row_note bits */
};

struct csv_reader;

/* Never NULL. Copies the source. */
struct csv_reader *csv_reader_new(const struct csv_source *source);
void csv_reader_free(struct csv_reader *reader);

/* The next row, header and blank lines included; its cells live until the next call. 1 if there is one, 0 at the end,
 * -1 when the source failed, and the same from then on. The cells of a row may have ROW_TEXT_MAX bytes together, and be
 * ROW_CELLS_MAX (table/row.h): of a larger one those that fit are given, and the source is read no further. A row that
 * the source broke off in is not given. */
int csv_next(struct csv_reader *reader, struct csv_row *row, struct err *err);

/* Whether the file began with a byte-order mark, which is part of no cell. Known from the first row on. */
bool csv_bom(const struct csv_reader *reader);

#endif

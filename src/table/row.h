/*
 * One row of a table: a fixed number of cells of text, all in one piece of memory. Rows are the currency: what comes
 * before a row deals with JSON, what comes after never asks where it came from.
 * Owns the text unless it was decoded (then it borrows the encoded bytes).
 *
 * An encoded row is how row files keep it: for each cell its length as a base-128 number (least part first, high bit on
 * all bytes but the last), then its bytes. Encoded rows of equal cells are equal bytes.
 */
#ifndef TABLE_ROW_H
#define TABLE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	ROW_TEXT_MAX = 4 * 1024 * 1024, /* a row larger than this is not a roster row */
	ROW_CELLS_MAX = 1024,
	ROW_ENCODED_MAX = ROW_TEXT_MAX + 4 * ROW_CELLS_MAX, /* bytes of an encoded row, at most */
};

/* What a reader noticed while it filled a cell; check/value counts it. */
enum cell_note {
	CELL_SEVERAL = 1,  /* several values for a column that takes one: the last was kept */
	CELL_COMMA = 2,    /* a comma inside a list element was removed */
	CELL_ID_COMMA = 4, /* an identifier in a list holds a comma: the list cannot be represented */
	CELL_NO_PART = 8,  /* a composed value (userIds) lacked a part and was left out */
	CELL_SHAPE = 16,   /* an object or a list of objects stood where a text belongs and was left out */
};

struct cell {
	uint32_t at;     /* offset from row->base */
	uint32_t length; /* bytes */
	uint32_t room;   /* bytes from at on that are this cell's to grow in; 0 when borrowed */
	uint32_t notes;  /* enum cell_note bits */
};

struct row {
	const char *base; /* what offsets count from: text.data, or borrowed bytes */
	struct buf text;
	struct cell *cells;
	size_t count;
	size_t size; /* bytes of all cells together: what ROW_TEXT_MAX limits */
};

/* count is 1 to ROW_CELLS_MAX. */
void row_init(struct row *row, size_t count);
void row_release(struct row *row);

/* All cells blank, no notes; count stays, and so does the memory unless a large row took much of it. */
void row_clear(struct row *row);

/* The text of a cell: not terminated; valid until the row changes. */
static inline const char *row_text(const struct row *row, size_t i)
{
	return row->base + row->cells[i].at;
}

static inline size_t row_length(const struct row *row, size_t i)
{
	return row->cells[i].length;
}

/* Replaces a cell. The text may be one of the row's own. False when the row would pass ROW_TEXT_MAX. */
bool row_set(struct row *row, size_t i, const char *text, size_t length);

/* Adds to the end of a cell. False when the row would pass ROW_TEXT_MAX. */
bool row_append(struct row *row, size_t i, const char *text, size_t length);

/* True if the cell equals the terminated text. */
bool row_is(const struct row *row, size_t i, const char *text);

/* The first count cells as a row that borrows everything: to be read only, and as long as row does not change. */
struct row row_head(const struct row *row, size_t count);

/* Appends the encoded row to out. False when out's ceiling is in the way. */
bool row_encode(const struct row *row, struct buf *out);

/* Makes the row's cells point into encoded bytes, which must live as long as the cells are looked at. False when the
 * bytes are not count cells exactly: then all cells are blank. A decoded row may be changed: then it owns copies. */
bool row_decode(struct row *row, const char *data, size_t length);

/* The same for bytes of as many cells as the row has, or more: those beyond are not looked at. */
bool row_decode_head(struct row *row, const char *data, size_t length);

/* Finds cell i of encoded bytes without decoding the rest. False when they end before it. */
bool row_cell(const char *data, size_t length, size_t i, const char **text, size_t *text_length);

#endif

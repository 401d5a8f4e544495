#include "table/row.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	/* Room left to grow and text that nobody uses any more may take as much again, and are then squeezed out. */
	TEXT_ROOM = 4 * ROW_TEXT_MAX,
	KEPT_ROOM = 256 * 1024, /* memory beyond this is not kept for the next row */
	LENGTH_BITS = 7,
	LENGTH_MORE = 1 << LENGTH_BITS,
};

void row_init(struct row *row, size_t count)
{
	assert(count > 0 && count <= ROW_CELLS_MAX);
	*row = (struct row){.base = "", .count = count, .cells = mem_new(count, sizeof(*row->cells))};
	buf_init(&row->text, TEXT_ROOM);
}

void row_release(struct row *row)
{
	buf_release(&row->text);
	free(row->cells);
	*row = (struct row){.base = ""};
}

void row_clear(struct row *row)
{
	if (row->text.room > KEPT_ROOM)
		buf_release(&row->text);
	buf_clear(&row->text);
	row->base = buf_text(&row->text);
	row->size = 0;
	if (row->count > 0)
		memset(row->cells, 0, row->count * sizeof(*row->cells));
}

/* Moves all cells into fresh memory, each with as much room to grow as it has text, so that a row cannot make this
 * happen again before it has grown a good deal. */
static void gather(struct row *row)
{
	struct buf fresh;
	buf_init(&fresh, TEXT_ROOM);
	buf_reserve(&fresh, 2 * row->size);
	for (size_t i = 0; i < row->count; i++) {
		struct cell *cell = &row->cells[i];
		uint32_t at = (uint32_t)fresh.length;
		buf_add(&fresh, row->base + cell->at, cell->length);
		buf_set_length(&fresh, fresh.length + cell->length);
		cell->at = at;
		cell->room = 2 * cell->length;
	}
	buf_release(&row->text);
	row->text = fresh;
	row->base = row->text.data;
}

/* Before a change: text that was borrowed becomes the row's own. */
static void own(struct row *row)
{
	if (row->base == row->text.data)
		return;
	buf_clear(&row->text);
	buf_reserve(&row->text, row->size);
	for (size_t i = 0; i < row->count; i++) {
		struct cell *cell = &row->cells[i];
		uint32_t at = (uint32_t)row->text.length;
		buf_add(&row->text, row->base + cell->at, cell->length);
		cell->at = at;
		cell->room = cell->length;
	}
	row->base = row->text.data;
}

/* Gives an owned cell room for length bytes, keeping those it has; spare is how many more it gets if it must move. */
static void make_room(struct row *row, struct cell *cell, size_t length, size_t spare)
{
	if (length > cell->room && length + spare > TEXT_ROOM - row->text.length)
		gather(row);
	if (length <= cell->room)
		return;
	bool last = cell->at + cell->room == row->text.length;
	size_t more = last ? length - cell->room : length + spare;
	/* gather leaves 2 * ROW_TEXT_MAX at least, and no more than that is ever asked for. */
	if (buf_reserve(&row->text, more) == NULL)
		abort();
	row->base = row->text.data;
	if (!last) {
		uint32_t at = (uint32_t)row->text.length;
		memcpy(row->text.data + at, row->text.data + cell->at, cell->length);
		cell->at = at;
		cell->room = 0;
	}
	buf_set_length(&row->text, row->text.length + more);
	cell->room += (uint32_t)more;
}

/* A copy of text if it lies in the row's own memory, which is about to move; else NULL. */
static char *rescue(const struct row *row, const char *text, size_t length)
{
	uintptr_t from = (uintptr_t)row->text.data;
	uintptr_t at = (uintptr_t)text;
	bool inside = row->text.data != NULL && at >= from && at < from + row->text.length;
	return inside ? mem_copy_n(text, length) : NULL;
}

/* The usual way of a blank cell to its text: behind all others, in memory that is there. False when it is not that
 * simple. */
static bool put_blank(struct row *row, struct cell *cell, const char *text, size_t length)
{
	if (cell->length > 0)
		return false;
	if (length == 0)
		return true;
	if (row->base != row->text.data || length >= row->text.room - row->text.length ||
		row->size + length > ROW_TEXT_MAX)
		return false;
	cell->at = (uint32_t)row->text.length;
	cell->length = (uint32_t)length;
	cell->room = (uint32_t)length;
	memcpy(row->text.data + cell->at, text, length);
	buf_set_length(&row->text, cell->at + length);
	row->size += length;
	return true;
}

/* Puts text into a cell behind the first keep bytes, which stay. */
static bool put(struct row *row, size_t i, size_t keep, const char *text, size_t length, size_t spare)
{
	struct cell *cell = &row->cells[i];
	if (put_blank(row, cell, text, length))
		return true;
	size_t others = row->size - cell->length;
	if (length > ROW_TEXT_MAX || others + keep > ROW_TEXT_MAX - length)
		return false;
	char *copy = NULL;
	own(row);
	if (keep + length > cell->room) {
		copy = rescue(row, text, length);
		make_room(row, cell, keep + length, spare);
	}
	if (length > 0)
		memmove(row->text.data + cell->at + keep, copy != NULL ? copy : text, length);
	cell->length = (uint32_t)(keep + length);
	row->size = others + cell->length;
	free(copy);
	return true;
}

bool row_set(struct row *row, size_t i, const char *text, size_t length)
{
	return put(row, i, 0, text, length, 0);
}

bool row_append(struct row *row, size_t i, const char *text, size_t length)
{
	/* A cell that grows between others moves each time it has doubled, not each time it grows. */
	return put(row, i, row->cells[i].length, text, length, row->cells[i].length);
}

bool row_is(const struct row *row, size_t i, const char *text)
{
	size_t length = strlen(text);
	return length == row_length(row, i) && memcmp(row_text(row, i), text, length) == 0;
}

bool row_encode(const struct row *row, struct buf *out)
{
	size_t need = row->size + row->count;
	for (size_t i = 0; i < row->count; i++) {
		for (uint32_t rest = row->cells[i].length >> LENGTH_BITS; rest > 0; rest >>= LENGTH_BITS)
			need++;
	}
	char *to = buf_reserve(out, need);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < row->count; i++) {
		uint32_t length = row->cells[i].length;
		uint32_t rest = length;
		for (; rest >= LENGTH_MORE; rest >>= LENGTH_BITS)
			*to++ = (char)(unsigned char)(rest % LENGTH_MORE + LENGTH_MORE);
		*to++ = (char)rest;
		memcpy(to, row_text(row, i), length);
		to += length;
	}
	buf_set_length(out, out->length + need);
	return true;
}

struct row row_head(const struct row *row, size_t count)
{
	struct row head = *row;
	head.count = count;
	for (size_t i = count; i < row->count; i++)
		head.size -= row->cells[i].length;
	return head;
}

/* Reads a length as row_encode writes it. False when it is cut short, too large or longer than it needs to be. */
static bool read_length(const char *data, size_t end, size_t *at, uint32_t *value)
{
	uint32_t result = 0;
	for (unsigned shift = 0; shift < 4 * LENGTH_BITS && *at < end; shift += LENGTH_BITS) {
		unsigned char byte = (unsigned char)data[(*at)++];
		result |= (uint32_t)(byte % LENGTH_MORE) << shift;
		if (byte < LENGTH_MORE) {
			*value = result;
			return byte > 0 || shift == 0;
		}
	}
	return false;
}

static bool decode(struct row *row, const char *data, size_t length, bool whole)
{
	size_t at = 0;
	size_t size = 0;
	bool fine = length <= ROW_ENCODED_MAX;
	for (size_t i = 0; fine && i < row->count; i++) {
		uint32_t cell_length = 0;
		fine = read_length(data, length, &at, &cell_length) && cell_length <= length - at;
		row->cells[i] = (struct cell){.at = (uint32_t)at, .length = cell_length};
		at += cell_length;
		size += cell_length;
	}
	if (!fine || (whole && at != length) || size > ROW_TEXT_MAX) {
		row_clear(row);
		return false;
	}
	row->base = data;
	row->size = size;
	return true;
}

bool row_decode(struct row *row, const char *data, size_t length)
{
	return decode(row, data, length, true);
}

bool row_decode_head(struct row *row, const char *data, size_t length)
{
	return decode(row, data, length, false);
}

bool row_cell(const char *data, size_t length, size_t i, const char **text, size_t *text_length)
{
	size_t at = 0;
	for (;; i--) {
		uint32_t cell_length = 0;
		if (!read_length(data, length, &at, &cell_length) || cell_length > length - at)
			return false;
		if (i == 0) {
			*text = data + at;
			*text_length = cell_length;
			return true;
		}
		at += cell_length;
	}
}

#include "check/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "table/row.h"
#include "table/rowfile.h"

/*
 * What is sorted: the value in lower case, NUL, the value, NUL, the row's number with the first byte the greatest, and
 * the mark. So equal values lie together, in the order of their rows, and those that differ in case beside them. In a
 * second cell is the id of the row, if it is not the value itself.
 */
enum { KEY_CELL, ID_CELL, CELLS };
enum { ROW_BYTES = 8, TAIL = ROW_BYTES + 1, LONGEST = 2 * (REPEAT_MAX + 1) + TAIL };

struct repeat {
	struct rowfile *file;
	struct row row;
	struct buf encoded;
	char key[LONGEST];
	char last[REPEAT_MAX]; /* the value before, in lower case */
	size_t last_length;
	bool any;
	bool ascending; /* every value, in lower case, came after the one before */
};

struct repeat *repeat_new(const char *folder, const char *name, bool ids, struct err *err)
{
	const struct rowfile_options options = {
		.folder = folder, .name = name, .columns = ids ? CELLS : 1, .newest = SIZE_MAX};
	struct repeat *repeat = mem_new(1, sizeof(*repeat));
	row_init(&repeat->row, options.columns);
	repeat->ascending = true;
	repeat->file = rowfile_new(&options, err);
	if (repeat->file == NULL) {
		repeat_free(repeat);
		return NULL;
	}
	return repeat;
}

void repeat_free(struct repeat *repeat)
{
	if (repeat == NULL)
		return;
	rowfile_free(repeat->file);
	row_release(&repeat->row);
	buf_release(&repeat->encoded);
	free(repeat);
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

bool repeat_add(struct repeat *repeat, const struct repeat_value *value, struct err *err)
{
	const char *text = value->text;
	size_t length = value->length;
	uint64_t row = value->row;
	if (length > REPEAT_MAX)
		return true;
	char *key = repeat->key;
	for (size_t i = 0; i < length; i++)
		key[i] = lower(text[i]);
	if (repeat->any && compare(repeat->last, repeat->last_length, key, length) >= 0)
		repeat->ascending = false;
	memcpy(repeat->last, key, length);
	repeat->last_length = length;
	repeat->any = true;

	char *at = key + length;
	*at++ = '\0';
	memcpy(at, text, length);
	at += length;
	*at++ = '\0';
	for (int i = ROW_BYTES; i-- > 0;)
		*at++ = (char)(unsigned char)(row >> (8 * i));
	*at++ = (char)value->mark;
	buf_clear(&repeat->encoded);
	row_clear(&repeat->row);
	row_set(&repeat->row, KEY_CELL, key, (size_t)(at - key));
	if (repeat->row.count > ID_CELL)
		row_set(&repeat->row, ID_CELL, value->id, value->id_length);
	row_encode(&repeat->row, &repeat->encoded);
	return rowfile_add(repeat->file, repeat->encoded.data, repeat->encoded.length, err);
}

/* A value with its row, taken from what was sorted. */
struct item {
	const char *folded;
	const char *text;
	size_t length;
	const char *id; /* of the row */
	size_t id_length;
	uint64_t row;
	bool mark;
};

static struct item item_of(const struct row *row)
{
	const char *key = row_text(row, KEY_CELL);
	size_t length = (row_length(row, KEY_CELL) - TAIL - 2) / 2;
	struct item item = {.folded = key, .text = key + length + 1, .length = length};
	item.id = row->count > ID_CELL ? row_text(row, ID_CELL) : item.text;
	item.id_length = row->count > ID_CELL ? row_length(row, ID_CELL) : length;
	const char *tail = key + row_length(row, KEY_CELL) - TAIL;
	for (int i = 0; i < ROW_BYTES; i++)
		item.row = item.row << 8 | (unsigned char)tail[i];
	item.mark = tail[ROW_BYTES] != '\0';
	return item;
}

/* Values that differ at most in case: of each spelling the first row counts, and of these the first is what the others
 * clash with. It is not known before the group ends which it is, so one spelling waits. */
struct group {
	struct buf first; /* text of the spelling whose first row is the least so far */
	struct buf id;    /* of that row */
	uint64_t row;
	bool mark;
	struct buf text; /* of the row before */
	bool marked;     /* some row so far */
	void (*found)(void *context, const struct repeat_found *one);
	void *context;
};

static void group_begin(struct group *group, const struct item *item)
{
	buf_clear(&group->first);
	buf_add(&group->first, item->text, item->length);
	buf_clear(&group->id);
	buf_add(&group->id, item->id, item->id_length);
	buf_clear(&group->text);
	buf_add(&group->text, item->text, item->length);
	group->row = item->row;
	group->mark = item->mark;
	group->marked = item->mark;
}

static void group_add(struct group *group, const struct item *item)
{
	bool exact = memcmp(group->text.data, item->text, item->length) == 0;
	group->marked |= item->mark;
	struct repeat_found one = {
		item->row, exact, group->marked, item->text, item->length, item->id, item->id_length};
	if (!exact && item->row < group->row) {
		one = (struct repeat_found){group->row, false, group->marked, group->first.data, group->first.length,
			group->id.data, group->id.length};
		group->found(group->context, &one);
		buf_clear(&group->first);
		buf_add(&group->first, item->text, item->length);
		buf_clear(&group->id);
		buf_add(&group->id, item->id, item->id_length);
		group->row = item->row;
	} else {
		group->found(group->context, &one);
	}
	buf_clear(&group->text);
	buf_add(&group->text, item->text, item->length);
}

static bool is_same_group(const struct group *group, const struct item *item)
{
	if (group->text.data == NULL || group->text.length != item->length)
		return false;
	for (size_t i = 0; i < item->length; i++)
		if (lower(group->text.data[i]) != item->folded[i])
			return false;
	return true;
}

bool repeat_each(struct repeat *repeat, void (*found)(void *context, const struct repeat_found *one), void *context,
	struct err *err)
{
	if (repeat->ascending)
		return true;
	if (!rowfile_sort(repeat->file, NULL, err))
		return false;
	struct rowfile_reader *reader = rowfile_read(repeat->file, err);
	if (reader == NULL)
		return false;
	struct group group = {.found = found, .context = context};
	struct row row;
	row_init(&row, repeat->row.count);
	int more = 0;
	bool any = false;
	while ((more = rowfile_next(reader, &row, err)) > 0) {
		struct item item = item_of(&row);
		if (any && is_same_group(&group, &item))
			group_add(&group, &item);
		else
			group_begin(&group, &item);
		any = true;
	}
	row_release(&row);
	buf_release(&group.first);
	buf_release(&group.id);
	buf_release(&group.text);
	rowfile_reader_free(reader);
	return more == 0;
}

#include "table/extras.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	TEXT_ROOM = 2 * ROW_TEXT_MAX, /* as much again for values that are rewritten */
	KEPT_ROOM = 64 * 1024,        /* memory beyond this is not kept for the next row */
	LENGTH_BITS = 7,
	LENGTH_MORE = 1 << LENGTH_BITS,
};

static const char prefix[] = "metadata.";

bool extras_strip(const char **key, size_t *length)
{
	size_t taken = sizeof(prefix) - 1;
	if (*length < taken || memcmp(*key, prefix, taken) != 0)
		return false;
	*key += taken;
	*length -= taken;
	return true;
}

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._-:/@ ", c) != NULL);
}

bool extras_key_fine(const char *key, size_t length)
{
	if (length == 0 || length > EXTRAS_KEY_MAX || key[0] == ' ' || key[length - 1] == ' ')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_key_char(key[i]))
			return false;
	return true;
}

/* Byte order; a key that another one begins with comes before it. */
static int compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* --- names ---------------------------------------------------------------------------------------------------------
 */

/* Where a key is, or else belongs. */
static size_t place_of(const struct extras_names *names, const char *key, size_t length, bool *there)
{
	size_t low = 0;
	size_t high = names->count;
	*there = false;
	while (low < high && !*there) {
		size_t middle = low + (high - low) / 2;
		int order = compare(key, length, names->names[middle], strlen(names->names[middle]));
		*there = order == 0;
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return *there ? high : low;
}

bool extras_names_add(struct extras_names *names, const char *key, size_t length)
{
	bool there = false;
	size_t place = place_of(names, key, length, &there);
	if (there)
		return true;
	if (names->count == EXTRAS_MAX) {
		names->overflow = true;
		return false;
	}
	names->names = mem_grow(names->names, names->count + 1, sizeof(*names->names));
	memmove(names->names + place + 1, names->names + place, (names->count - place) * sizeof(*names->names));
	names->names[place] = mem_copy_n(key, length);
	names->count++;
	return true;
}

bool extras_names_has(const struct extras_names *names, const char *key, size_t length)
{
	bool there = false;
	place_of(names, key, length, &there);
	return there;
}

bool extras_names_learn(struct extras_names *names, const char *packed, size_t length)
{
	struct extras_pair pair;
	size_t next = 0; /* both are in order, and the rows of a table are much alike */
	for (size_t place = 0; extras_next(packed, length, &place, &pair);) {
		const char *name = next < names->count ? names->names[next] : "";
		if (strlen(name) != pair.key_length || memcmp(name, pair.key, pair.key_length) != 0) {
			bool there = false;
			next = place_of(names, pair.key, pair.key_length, &there);
			if (!there && !extras_names_add(names, pair.key, pair.key_length))
				return false;
		}
		next++;
	}
	return true;
}

void extras_names_release(struct extras_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct extras_names){0};
}

/* --- the pairs of a row --------------------------------------------------------------------------------------------
 */

void extras_init(struct extras *extras, const struct extras_wish *wish)
{
	*extras = (struct extras){.wish = wish, .open = EXTRAS_NONE};
	buf_init(&extras->text, TEXT_ROOM);
	buf_init(&extras->packed, TEXT_ROOM);
}

void extras_release(struct extras *extras)
{
	buf_release(&extras->text);
	buf_release(&extras->packed);
	free(extras->pairs);
	*extras = (struct extras){.open = EXTRAS_NONE};
}

void extras_clear(struct extras *extras)
{
	if (extras->text.room > KEPT_ROOM)
		buf_release(&extras->text);
	if (extras->packed.room > KEPT_ROOM)
		buf_release(&extras->packed);
	buf_clear(&extras->text);
	extras->count = 0;
	extras->open = EXTRAS_NONE;
	extras->unnamed = 0;
	extras->misfits = 0;
}

static bool has_room(const struct extras *extras, size_t length)
{
	return length <= ROW_TEXT_MAX && extras->text.length <= ROW_TEXT_MAX - length;
}

bool extras_begin(struct extras *extras, const char *key, size_t length)
{
	const struct extras_wish *wish = extras->wish;
	extras->open = EXTRAS_NONE;
	while (extras_strip(&key, &length))
		;
	if (wish == NULL || (!wish->all && wish->listed.count == 0))
		return true;
	if (!extras_names_has(&wish->listed, key, length)) {
		bool fine = extras_key_fine(key, length);
		extras->unnamed += wish->all && !fine ? 1 : 0;
		if (!wish->all || !fine)
			return true;
	}
	if (extras->count == EXTRAS_MAX || !has_room(extras, length))
		return false;
	if (extras->count == extras->room) {
		extras->room = extras->room == 0 ? 16 : extras->room * 2;
		extras->pairs = mem_grow(extras->pairs, extras->room, sizeof(*extras->pairs));
	}
	size_t at = extras->text.length;
	buf_add(&extras->text, key, length);
	extras->open = (int)extras->count++;
	extras->pairs[extras->open] = (struct extra){.key = at, .key_length = length, .text = at + length};
	return true;
}

void extras_end(struct extras *extras)
{
	extras->open = EXTRAS_NONE;
}

bool extras_add(struct extras *extras, const char *text, size_t length, bool in_list)
{
	if (extras->open == EXTRAS_NONE || length == 0)
		return true;
	struct extra *pair = &extras->pairs[extras->open];
	if (!has_room(extras, length + 1))
		return false;
	if (in_list && pair->length > 0)
		buf_add_char(&extras->text, ',');
	for (const char *end = text + length; text < end;) {
		const char *comma = in_list ? memchr(text, ',', (size_t)(end - text)) : NULL;
		const char *stop = comma != NULL ? comma : end;
		buf_add(&extras->text, text, (size_t)(stop - text));
		if (comma != NULL)
			pair->notes |= CELL_COMMA;
		text = stop + 1;
	}
	/* What is open is the last: its text ends where all text does. */
	pair->length = extras->text.length - pair->text;
	return true;
}

void extras_note(struct extras *extras, enum cell_note note)
{
	if (extras->open != EXTRAS_NONE)
		extras->pairs[extras->open].notes |= note;
}

/* Keys in byte order, equal ones as they came: each was added behind the one before. */
static int by_key(const void *a, const void *b)
{
	const struct extra *x = a;
	const struct extra *y = b;
	int order = compare(x->name, x->key_length, y->name, y->key_length);
	return order != 0 ? order : (x->key > y->key) - (x->key < y->key);
}

static bool is_same_key(const struct extra *a, const struct extra *b)
{
	return compare(a->name, a->key_length, b->name, b->key_length) == 0;
}

void extras_sort(struct extras *extras)
{
	bool in_order = true;
	extras->open = EXTRAS_NONE;
	for (size_t i = 0; i < extras->count; i++)
		extras->pairs[i].name = buf_text(&extras->text) + extras->pairs[i].key;
	for (size_t i = 1; in_order && i < extras->count; i++)
		in_order = by_key(&extras->pairs[i - 1], &extras->pairs[i]) < 0;
	if (!in_order)
		qsort(extras->pairs, extras->count, sizeof(*extras->pairs), by_key);
	size_t kept = 0;
	for (size_t i = 0; i < extras->count; i++)
		if (i + 1 == extras->count || !is_same_key(&extras->pairs[i], &extras->pairs[i + 1]))
			extras->pairs[kept++] = extras->pairs[i];
	extras->count = kept;
}

const char *extras_text(const struct extras *extras, size_t i)
{
	return buf_text(&extras->text) + extras->pairs[i].text;
}

bool extras_set(struct extras *extras, size_t i, const char *text, size_t length)
{
	assert(i < extras->count);
	size_t at = extras->text.length;
	if (!buf_add(&extras->text, text, length))
		return false;
	extras->pairs[i].text = at;
	extras->pairs[i].length = length;
	return true;
}

/* --- the packed cell -----------------------------------------------------------------------------------------------
 */

static void add_length(struct buf *out, size_t length)
{
	for (; length >= LENGTH_MORE; length >>= LENGTH_BITS)
		buf_add_char(out, (char)(unsigned char)(length % LENGTH_MORE + LENGTH_MORE));
	buf_add_char(out, (char)length);
}

bool extras_pack(struct extras *extras, struct row *row, size_t cell)
{
	struct buf *packed = &extras->packed;
	buf_clear(packed);
	for (size_t i = 0; i < extras->count; i++) {
		const struct extra *pair = &extras->pairs[i];
		add_length(packed, pair->key_length);
		buf_add(packed, buf_text(&extras->text) + pair->key, pair->key_length);
		add_length(packed, pair->length);
		buf_add(packed, extras_text(extras, i), pair->length);
	}
	return !packed->overflow && row_set(row, cell, buf_text(packed), packed->length);
}

static bool read_text(const char *packed, size_t length, size_t *place, const char **text, size_t *text_length)
{
	size_t value = 0;
	for (unsigned shift = 0; shift < 4 * LENGTH_BITS && *place < length; shift += LENGTH_BITS) {
		unsigned char byte = (unsigned char)packed[(*place)++];
		value |= (size_t)(byte % LENGTH_MORE) << shift;
		if (byte >= LENGTH_MORE)
			continue;
		if (value > length - *place)
			return false;
		*text = packed + *place;
		*text_length = value;
		*place += value;
		return true;
	}
	return false;
}

bool extras_next(const char *packed, size_t length, size_t *place, struct extras_pair *pair)
{
	struct extras_pair next;
	if (!read_text(packed, length, place, &next.key, &next.key_length) ||
		!read_text(packed, length, place, &next.text, &next.length)) {
		*place = length;
		return false;
	}
	*pair = next;
	return true;
}

/* --- columns -------------------------------------------------------------------------------------------------------
 */

static const char *column_key(const struct extras_columns *columns, size_t i)
{
	return columns->headers[columns->places[i]] + sizeof(prefix) - 1;
}

void extras_columns_add(struct extras_columns *columns, const char *key)
{
	size_t place = 0;
	while (place < columns->count && strcmp(column_key(columns, place), key) < 0)
		place++;
	if (place < columns->count && strcmp(column_key(columns, place), key) == 0)
		return;
	columns->headers = mem_grow(columns->headers, columns->count + 1, sizeof(*columns->headers));
	columns->places = mem_grow(columns->places, columns->count + 1, sizeof(*columns->places));
	memmove(columns->places + place + 1, columns->places + place,
		(columns->count - place) * sizeof(*columns->places));
	columns->headers[columns->count] = mem_format("%s%s", prefix, key);
	columns->places[place] = columns->count++;
}

void extras_columns_release(struct extras_columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		free(columns->headers[i]);
	free(columns->headers);
	free(columns->places);
	*columns = (struct extras_columns){0};
}

void extras_spread(const struct extras_columns *columns, struct row *row, size_t cell)
{
	assert(row->count == cell + 1);
	struct cell packed = row->cells[cell];
	const char *text = row->base + packed.at;
	row->count = cell + columns->count;
	row->size -= packed.length;
	for (size_t i = 0; i < columns->count; i++)
		row->cells[cell + i] = (struct cell){.at = packed.at};
	struct extras_pair pair;
	size_t next = 0;
	for (size_t place = 0; extras_next(text, packed.length, &place, &pair);) {
		int order = -1;
		while (next < columns->count) {
			const char *key = column_key(columns, next);
			order = compare(key, strlen(key), pair.key, pair.key_length);
			if (order >= 0)
				break;
			next++;
		}
		if (next == columns->count)
			return;
		if (order != 0)
			continue;
		struct cell *to = &row->cells[cell + columns->places[next]];
		to->at = packed.at + (uint32_t)(pair.text - text);
		to->length = (uint32_t)pair.length;
		row->size += pair.length;
	}
}

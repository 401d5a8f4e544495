#include "convert/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Where what is in a cell comes from: members of the record, counted from 1, that filled it and that left notes. */
struct origin {
	unsigned filled;
	unsigned noted;
	int rank; /* of the one that filled it */
	int node; /* of the member of the record that filled it or left notes */
};

struct filled_row {
	struct row row;
	struct origin *origins;
	int plan_row;
};

struct record {
	const struct plan *plan;
	struct filled_row own;
	struct filled_row **made; /* kept from record to record; made_count are in use */
	size_t made_count;
	size_t made_room;
	struct filled_row *open; /* the made row being filled, or NULL */
	unsigned member;
	int member_node; /* of the member being met */
	unsigned *met;   /* by node: the record (counted from 1) in which a member was met last */
	unsigned number;
	struct extras extras;
	struct buf path;      /* keys from the metadata down to the one that is being met, with dots between */
	struct level *levels; /* open objects of metadata, the first for what they stand in */
	size_t level_count;
	size_t level_room;
	unsigned muted; /* open objects that are left out */
};

enum level_key { KEY_NONE, KEY_FINE, KEY_BEGUN, KEY_LONG };

/* An open object of metadata. */
struct level {
	size_t base;        /* length of the path that leads to it */
	enum level_key key; /* of its member that is being met */
};

static void filled_init(struct filled_row *filled, const struct plan *plan, int plan_row)
{
	row_init(&filled->row, plan->rows[plan_row].cells);
	filled->origins = mem_new(plan->rows[plan_row].cells, sizeof(*filled->origins));
	filled->plan_row = plan_row;
}

static void filled_release(struct filled_row *filled)
{
	row_release(&filled->row);
	free(filled->origins);
}

static void filled_clear(struct filled_row *filled)
{
	row_clear(&filled->row);
	memset(filled->origins, 0, filled->row.count * sizeof(*filled->origins));
}

struct record *record_new(const struct plan *plan)
{
	struct record *record = mem_new(1, sizeof(*record));
	record->plan = plan;
	record->met = mem_new(plan->node_count, sizeof(*record->met));
	filled_init(&record->own, plan, 0);
	extras_init(&record->extras, plan->extras);
	buf_init(&record->path, EXTRAS_KEY_MAX);
	return record;
}

void record_free(struct record *record)
{
	if (record == NULL)
		return;
	filled_release(&record->own);
	for (size_t i = 0; i < record->made_room; i++) {
		filled_release(record->made[i]);
		free(record->made[i]);
	}
	free(record->made);
	free(record->met);
	extras_release(&record->extras);
	buf_release(&record->path);
	free(record->levels);
	free(record);
}

void record_begin(struct record *record)
{
	filled_clear(&record->own);
	record->made_count = 0;
	record->open = NULL;
	record->member = 0;
	record->number++;
	extras_clear(&record->extras);
}

/* --- metadata ------------------------------------------------------------------------------------------------------
 */

static void level_push(struct record *record, size_t base)
{
	if (record->level_count == record->level_room)
		record->levels = mem_grow(record->levels, ++record->level_room, sizeof(*record->levels));
	record->levels[record->level_count++] = (struct level){.base = base};
}

/* A member with metadata begins: no key so far. */
static void extras_member_begin(struct record *record)
{
	buf_clear(&record->path);
	record->level_count = 0;
	record->muted = 0;
	extras_end(&record->extras);
	level_push(record, 0);
}

void record_extras_open(struct record *record, bool in_list)
{
	if (record->muted == 0 && !in_list) {
		level_push(record, record->path.length);
		return;
	}
	if (record->muted++ > 0)
		return;
	extras_note(&record->extras, CELL_SHAPE);
	if (record->levels[record->level_count - 1].key == KEY_NONE)
		record->extras.misfits++;
}

void record_extras_close(struct record *record)
{
	if (record->muted > 0)
		record->muted--;
	else
		record->level_count--;
}

void record_extras_key(struct record *record, const char *key, size_t length)
{
	if (record->muted > 0)
		return;
	struct buf *path = &record->path;
	struct level *level = &record->levels[record->level_count - 1];
	bool above = record->level_count < 2 || record->levels[record->level_count - 2].key != KEY_LONG;
	if (path->length > level->base)
		buf_set_length(path, level->base);
	bool fine = above && (level->base == 0 || buf_add_char(path, '.')) && buf_add(path, key, length);
	path->overflow = false;
	level->key = fine ? KEY_FINE : KEY_LONG;
	record->extras.unnamed += above && !fine && record->plan->extras->all ? 1 : 0;
	extras_end(&record->extras);
}

bool record_extras_member(struct record *record, const char *name, size_t length)
{
	if (!extras_strip(&name, &length))
		return false;
	extras_member_begin(record);
	record_extras_key(record, name, length);
	return true;
}

struct extras *record_extras(struct record *record)
{
	return &record->extras;
}

/* --- cells ---------------------------------------------------------------------------------------------------------
 */

/* Takes back what a member brought when it was met before. */
static void forget_member(struct record *record, int node)
{
	struct filled_row *own = &record->own;
	for (size_t i = 0; i < own->row.count; i++) {
		struct origin *origin = &own->origins[i];
		if ((origin->filled == 0 && origin->noted == 0) || origin->node != node)
			continue;
		row_set(&own->row, i, "", 0);
		own->row.cells[i].notes = 0;
		*origin = (struct origin){0};
	}
	size_t kept = 0;
	for (size_t i = 0; i < record->made_count; i++) {
		struct filled_row *made = record->made[i];
		if (made->plan_row == record->plan->nodes[node].opens)
			continue;
		record->made[i] = record->made[kept];
		record->made[kept++] = made;
	}
	record->made_count = kept;
}

void record_member(struct record *record, int node)
{
	record->member++;
	record->member_node = node;
	if (node == PLAN_NOWHERE)
		return;
	bool again = record->met[node] == record->number;
	record->met[node] = record->number;
	if (again)
		forget_member(record, node);
	if (node != record->plan->extras_node)
		return;
	if (again)
		extras_clear(&record->extras);
	extras_member_begin(record);
}

static bool too_large(struct err *err)
{
	return err_set(err, ERR_API, "a record is larger than %d MiB", ROW_TEXT_MAX / 1024 / 1024);
}

static bool made_begin(struct record *record, int plan_row, struct err *err)
{
	if (record->made_count == RECORD_MADE_MAX)
		return err_set(err, ERR_API, "a record lists more than %d %s", RECORD_MADE_MAX,
			record->plan->rows[plan_row].table->each);
	if (record->made_count == record->made_room) {
		record->made = mem_grow(record->made, record->made_room + 1, sizeof(struct filled_row *));
		record->made[record->made_room] = mem_new(1, sizeof(struct filled_row));
		filled_init(record->made[record->made_room++], record->plan, plan_row);
	}
	struct filled_row *made = record->made[record->made_count++];
	if (made->plan_row != plan_row) {
		filled_release(made);
		filled_init(made, record->plan, plan_row);
	}
	filled_clear(made);
	record->open = made;
	return true;
}

bool record_open(struct record *record, int node, struct err *err)
{
	int opens = record->plan->nodes[node].opens;
	return opens == 0 || made_begin(record, opens, err);
}

static struct filled_row *filled_of(struct record *record, int plan_row)
{
	return plan_row == 0 ? &record->own : record->open;
}

/* Lists are cells of text with commas between: what an element must not hold goes here, by type. */
static bool element_add(struct row *row, int cell, enum column_type type, const char *text, size_t length)
{
	if (memchr(text, ',', length) == NULL)
		return row_append(row, (size_t)cell, text, length);
	if (type == COLUMN_GUIDS)
		row->cells[cell].notes |= CELL_ID_COMMA;
	if (type != COLUMN_TEXTS)
		return row_append(row, (size_t)cell, text, length);
	row->cells[cell].notes |= CELL_COMMA;
	const char *end = text + length;
	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma != NULL ? comma : end;
		if (!row_append(row, (size_t)cell, text, (size_t)(stop - text)))
			return false;
		text = comma != NULL ? comma + 1 : end;
	}
	return true;
}

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

/* Whether a better member has filled the cell. */
static bool is_taken(const struct filled_row *filled, int cell, int rank)
{
	return filled->origins[cell].filled != 0 && filled->origins[cell].rank < rank;
}

static void cell_note(struct record *record, struct filled_row *filled, int cell, int rank, enum cell_note note)
{
	struct origin *origin = &filled->origins[cell];
	if (is_taken(filled, cell, rank))
		return;
	origin->noted = record->member;
	origin->node = record->member_node;
	filled->row.cells[cell].notes |= note;
}

static bool cell_add(struct record *record, struct filled_row *filled, int cell, int rank, const char *text,
	size_t length, bool in_list, struct err *err)
{
	if (is_blank(text, length) || is_taken(filled, cell, rank))
		return true; /* blank is the same as missing, and no element of a list */
	const struct plan_row *plan_row = &record->plan->rows[filled->plan_row];
	struct row *row = &filled->row;
	struct origin *origin = &filled->origins[cell];
	bool first = origin->filled != record->member || origin->rank != rank;
	origin->filled = record->member;
	origin->node = record->member_node;
	origin->rank = rank;
	if (first && origin->noted != record->member)
		row->cells[cell].notes = 0;
	if (!plan_row->lists[cell]) {
		if (!first)
			row->cells[cell].notes |= CELL_SEVERAL;
		return row_set(row, (size_t)cell, text, length) || too_large(err);
	}
	bool fine = first ? row_set(row, (size_t)cell, "", 0) : row_append(row, (size_t)cell, ",", 1);
	if (fine && in_list)
		fine = element_add(row, cell, plan_row->table->columns[cell].type, text, length);
	else if (fine)
		fine = row_append(row, (size_t)cell, text, length);
	return fine || too_large(err);
}

/* A value in the metadata. A blank one is kept: its key came. */
static bool extras_value(struct record *record, const char *text, size_t length, bool in_list, struct err *err)
{
	struct level *level = &record->levels[record->level_count - 1];
	bool blank = is_blank(text, length);
	bool fine = true;
	if (record->muted > 0)
		return true;
	if (level->key == KEY_NONE && !blank)
		record->extras.misfits++;
	if (level->key == KEY_FINE) {
		fine = extras_begin(&record->extras, buf_text(&record->path), record->path.length);
		level->key = KEY_BEGUN;
	}
	if (!blank && level->key == KEY_BEGUN)
		fine = fine && extras_add(&record->extras, text, length, in_list);
	return fine || err_set(err, ERR_API, "the metadata of a record are more than %d, or larger than %d MiB",
			       EXTRAS_MAX, ROW_TEXT_MAX / 1024 / 1024);
}

bool record_value(struct record *record, int node, const char *text, size_t length, bool in_list, struct err *err)
{
	const struct plan_node *at = &record->plan->nodes[node];
	if (at->cell == SCHEMA_NONE)
		return node != record->plan->extras_node || extras_value(record, text, length, in_list, err);
	if (at->opens != 0) { /* a bare id in a list of references: a made row of its own */
		if (is_blank(text, length))
			return true;
		if (!made_begin(record, at->opens, err))
			return false;
		bool fine = cell_add(record, record->open, at->cell, at->rank, text, length, in_list, err);
		record->open = NULL;
		return fine;
	}
	struct filled_row *filled = filled_of(record, at->row);
	/* A text in place of a list is a list already; anything deeper is one element. */
	bool element = in_list || !at->direct;
	return filled == NULL || cell_add(record, filled, at->cell, at->rank, text, length, element, err);
}

void record_misfit(struct record *record, int node)
{
	const struct plan_node *at = &record->plan->nodes[node];
	struct filled_row *filled = filled_of(record, at->row);
	if (at->cell != SCHEMA_NONE && filled != NULL)
		cell_note(record, filled, at->cell, at->rank, CELL_SHAPE);
}

/* Composes a format from its pieces. False with missing set when a piece is blank: then there is nothing to write. */
static bool compose(struct record *record, const struct filled_row *filled, const struct plan_format *format,
	struct buf *text, bool *missing)
{
	*missing = false;
	for (size_t i = 0; i < format->piece_count; i++) {
		const struct plan_piece *piece = &format->pieces[i];
		const struct row *row = piece->of_parent ? &record->own.row : &filled->row;
		size_t length = piece->text != NULL ? piece->length : row_length(row, (size_t)piece->cell);
		if (length == 0)
			*missing = true;
		if (!buf_add(text, piece->text != NULL ? piece->text : row_text(row, (size_t)piece->cell), length))
			return false;
	}
	return true;
}

static bool format_apply(struct record *record, struct filled_row *filled, const struct plan_format *format, int rank,
	bool in_list, struct err *err)
{
	struct buf text;
	buf_init(&text, ROW_TEXT_MAX);
	bool missing = false;
	bool fine = compose(record, filled, format, &text, &missing) || too_large(err);
	/* Lists have no escapes: an element with a comma of its own cannot be told from two. */
	bool several = in_list && memchr(buf_text(&text), ',', text.length) != NULL;
	if (fine && (missing || several))
		cell_note(record, filled, format->cell, rank, CELL_NO_PART);
	else if (fine)
		fine = cell_add(record, filled, format->cell, rank, buf_text(&text), text.length, false, err);
	for (size_t i = 0; i < format->piece_count; i++) {
		const struct plan_piece *piece = &format->pieces[i];
		if (piece->text == NULL && !piece->of_parent && in_list) {
			row_set(&filled->row, (size_t)piece->cell, "", 0);
			filled->origins[piece->cell] = (struct origin){0};
		}
	}
	buf_release(&text);
	return fine;
}

bool record_close(struct record *record, int node, struct err *err)
{
	const struct plan_node *at = &record->plan->nodes[node];
	if (at->opens != 0)
		record->open = NULL;
	if (at->format == SCHEMA_NONE)
		return true;
	const struct plan_format *format = &record->plan->formats[at->format];
	struct filled_row *filled = filled_of(record, format->row);
	return filled == NULL || format_apply(record, filled, format, at->rank, true, err);
}

static bool row_formats_apply(struct record *record, struct filled_row *filled, struct err *err)
{
	const int *formats = record->plan->rows[filled->plan_row].row_formats;
	for (; formats != NULL && *formats != SCHEMA_NONE; formats++)
		if (!format_apply(record, filled, &record->plan->formats[*formats], 0, false, err))
			return false;
	return true;
}

bool record_finish(struct record *record, struct err *err)
{
	record->open = NULL;
	extras_sort(&record->extras);
	for (size_t i = 0; i < record->made_count; i++) {
		struct filled_row *made = record->made[i];
		for (size_t c = 0; c < record->plan->copy_count; c++) {
			const struct plan_copy *copy = &record->plan->copies[c];
			const struct row *own = &record->own.row;
			if (copy->row == made->plan_row &&
				!row_set(&made->row, (size_t)copy->cell, row_text(own, (size_t)copy->from),
					row_length(own, (size_t)copy->from)))
				return too_large(err);
		}
		if (!row_formats_apply(record, made, err))
			return false;
	}
	return row_formats_apply(record, &record->own, err);
}

struct row *record_row(struct record *record)
{
	return &record->own.row;
}

size_t record_made_count(const struct record *record)
{
	return record->made_count;
}

struct row *record_made(struct record *record, size_t i, int *plan_row)
{
	assert(i < record->made_count);
	*plan_row = record->made[i]->plan_row;
	return &record->made[i]->row;
}

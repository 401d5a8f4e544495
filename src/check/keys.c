#include "check/keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "table/idset.h"

enum { FIRST_ROOM = 256 }; /* ids of a table */

struct keys_table {
	bool present;
	bool filtered;        /* the filter leaves some of its rows out */
	struct idset *ids;    /* beside each its number; NULL when nobody refers to the table */
	unsigned char *fates; /* by number: enum keys_fate */
	uint32_t *texts;      /* by number: which text others fill from; NULL while there is none */
	size_t room;          /* numbers that there is room for */
	int give;             /* column that others fill from, or SCHEMA_NONE */
	uint64_t rows[KEYS_FATE_COUNT];
	struct keys_counts *columns;
};

/* Values that rows are filled from: few different ones, such as the schools of all classes. */
struct texts {
	struct idset *index;
	char **items;
	size_t count;
};

/* What the references of one cell came to. */
struct found {
	int column;
	struct keys_counts counts;
};

struct keys {
	const struct schema *schema;
	enum keys_policy policy;
	struct keys_table *tables;
	struct texts texts;
	struct buf list;     /* for lists that lose an item */
	struct found *found; /* in the row that is judged; room for the columns of any table */
	bool filtering;      /* the filter leaves some rows out */
};

static uint32_t text_number(struct texts *texts, const char *text, size_t length)
{
	uint32_t *slot = NULL;
	if (idset_add(texts->index, text, length, (uint32_t)texts->count, &slot)) {
		texts->items = mem_grow(texts->items, texts->count + 1, sizeof(*texts->items));
		texts->items[texts->count++] = mem_copy_n(text, length);
	}
	return *slot;
}

struct keys *keys_new(const struct schema *schema, const bool *present, enum keys_policy policy)
{
	struct keys *keys = mem_new(1, sizeof(*keys));
	keys->schema = schema;
	keys->policy = policy;
	keys->tables = mem_new((size_t)schema->table_count, sizeof(*keys->tables));
	keys->texts.index = idset_new();
	buf_init(&keys->list, ROW_TEXT_MAX);
	int most = 0;
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		keys->tables[i].present = present[i];
		keys->tables[i].ids = table->referenced ? idset_new() : NULL;
		keys->tables[i].columns = mem_new((size_t)table->column_count, sizeof(struct keys_counts));
		keys->tables[i].give = SCHEMA_NONE;
		if (table->column_count > most)
			most = table->column_count;
	}
	keys->found = mem_new((size_t)most, sizeof(*keys->found));
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		for (int c = 0; c < table->column_count; c++) {
			if (table->columns[c].fill_via == SCHEMA_NONE)
				continue;
			struct keys_table *giver = &keys->tables[table->columns[table->columns[c].fill_via].ref];
			assert(giver->give == SCHEMA_NONE || giver->give == table->columns[c].fill_from);
			giver->give = table->columns[c].fill_from;
		}
	}
	return keys;
}

void keys_forget(struct keys *keys)
{
	for (int i = 0; i < keys->schema->table_count; i++) {
		struct keys_table *table = &keys->tables[i];
		idset_free(table->ids);
		free(table->fates);
		free(table->texts);
		table->ids = NULL;
		table->fates = NULL;
		table->texts = NULL;
	}
	for (size_t i = 0; i < keys->texts.count; i++)
		free(keys->texts.items[i]);
	free(keys->texts.items);
	idset_free(keys->texts.index);
	keys->texts = (struct texts){0};
	buf_release(&keys->list);
	free(keys->found);
	keys->found = NULL;
}

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	keys_forget(keys);
	for (int i = 0; i < keys->schema->table_count; i++)
		free(keys->tables[i].columns);
	free(keys->tables);
	free(keys);
}

bool keys_needs_survey(const struct keys *keys, const struct table *table)
{
	(void)keys;
	for (int c = 0; c < table->column_count; c++)
		if (table->columns[c].ref == table->id)
			return true;
	return false;
}

bool keys_gives(const struct keys *keys, const struct table *table)
{
	return keys->tables[table->id].give != SCHEMA_NONE;
}

bool keys_fill(const struct keys *keys, const struct table *table, int column, struct row *row)
{
	int via = table->columns[column].fill_via;
	if (via == SCHEMA_NONE || row_length(row, (size_t)column) > 0 || row_length(row, (size_t)via) == 0)
		return false;
	const struct keys_table *giver = &keys->tables[table->columns[via].ref];
	const uint32_t *found = idset_find(giver->ids, row_text(row, (size_t)via), row_length(row, (size_t)via));
	if (found == NULL)
		return false;
	const char *text = keys->texts.items[giver->texts[*found]];
	return text[0] != '\0' && row_set(row, (size_t)column, text, strlen(text));
}

/* Of a list that loses all its items, the greatest says why. */
enum reference { REFERENCE_STAYS, REFERENCE_LEFT_OUT, REFERENCE_DANGLES, REFERENCE_FILTERED };

static enum reference look_up(const struct keys_table *target, const char *id, size_t length)
{
	const uint32_t *number = idset_find(target->ids, id, length);
	if (number == NULL)
		return REFERENCE_DANGLES;
	switch (target->fates[*number]) {
	case KEYS_STAYS: return REFERENCE_STAYS;
	case KEYS_FILTERED: return REFERENCE_FILTERED;
	default: return REFERENCE_LEFT_OUT;
	}
}

/* Judges the references of one cell and takes out those that must not stay; worst is the worst that was taken out. */
static void judge_cell(struct keys *keys, const struct keys_table *target, struct row *row, size_t cell,
	struct keys_counts *counts, enum reference *worst)
{
	const char *text = row_text(row, cell);
	const char *end = text + row_length(row, cell);
	bool cut = false;
	buf_clear(&keys->list);
	*worst = REFERENCE_STAYS;
	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma != NULL ? comma : end;
		enum reference reference = look_up(target, text, (size_t)(stop - text));
		counts->dangling += reference == REFERENCE_DANGLES ? 1 : 0;
		bool stays = reference == REFERENCE_STAYS ||
			     (reference == REFERENCE_DANGLES && keys->policy != KEYS_DROP);
		if (stays) {
			if (keys->list.length > 0)
				buf_add_char(&keys->list, ',');
			buf_add(&keys->list, text, (size_t)(stop - text));
		} else {
			cut = true;
			counts->cut++;
			*worst = reference > *worst ? reference : *worst;
		}
		text = comma != NULL ? comma + 1 : end;
	}
	if (cut)
		row_set(row, cell, buf_text(&keys->list), keys->list.length); /* shorter than before: cannot fail */
}

/* Whether a column is one reference that rows cannot be without, into a table of which the filter leaves rows out. */
static bool leans_on_filtered(const struct keys *keys, const struct column *column)
{
	return column->ref != SCHEMA_NONE && column->required && column->type == COLUMN_GUID &&
	       keys->tables[column->ref].filtered;
}

static bool is_filtered(const struct keys_table *target, const char *id, size_t length)
{
	return length > 0 && look_up(target, id, length) == REFERENCE_FILTERED;
}

/* Whether a row, from a column on, refers to a row that the filter leaves out and that it cannot be without. */
static bool hangs_on_filtered(const struct keys *keys, const struct table *table, const struct row *row, int from)
{
	for (int c = from; keys->filtering && c < table->column_count; c++)
		if (leans_on_filtered(keys, &table->columns[c]) &&
			is_filtered(&keys->tables[table->columns[c].ref], row_text(row, (size_t)c),
				row_length(row, (size_t)c)))
			return true;
	return false;
}

static enum keys_fate fate_without(enum reference reference)
{
	switch (reference) {
	case REFERENCE_FILTERED: return KEYS_FILTERED;
	case REFERENCE_DANGLES: return KEYS_DANGLES;
	default: return KEYS_HANGS;
	}
}

static enum keys_fate judge_references(
	struct keys *keys, const struct table *table, struct row *row, enum keys_pass pass)
{
	enum keys_fate fate = KEYS_STAYS;
	size_t found = 0;
	for (int c = 0; fate == KEYS_STAYS && c < table->column_count; c++) {
		const struct column *column = &table->columns[c];
		if (column->ref == SCHEMA_NONE || !keys->tables[column->ref].present || row_length(row, (size_t)c) == 0)
			continue;
		if (pass == KEYS_SURVEY && column->ref == table->id)
			continue; /* its own ids are not all known yet, and no row depends on them */
		struct keys_counts counts = {0};
		enum reference worst = REFERENCE_STAYS;
		judge_cell(keys, &keys->tables[column->ref], row, (size_t)c, &counts, &worst);
		if (counts.dangling > 0 || counts.cut > 0)
			keys->found[found++] = (struct found){.column = c, .counts = counts};
		if (!column->required || row_length(row, (size_t)c) > 0)
			continue;
		fate = fate_without(worst);
		if (hangs_on_filtered(keys, table, row, c + 1))
			fate = KEYS_FILTERED;
	}
	for (size_t i = 0; pass == KEYS_FINAL && fate != KEYS_FILTERED && i < found; i++) {
		struct keys_counts *counts = &keys->tables[table->id].columns[keys->found[i].column];
		counts->dangling += keys->found[i].counts.dangling;
		counts->cut += keys->found[i].counts.cut;
	}
	return fate;
}

enum keys_fate keys_judge(struct keys *keys, const struct table *table, struct row *row, enum keys_pass pass)
{
	enum keys_fate fate = KEYS_DELETED;
	if (!row_is(row, SCHEMA_STATUS, "tobedeleted"))
		fate = judge_references(keys, table, row, pass);
	else if (hangs_on_filtered(keys, table, row, 0))
		fate = KEYS_FILTERED;
	if (pass == KEYS_FINAL)
		keys->tables[table->id].rows[fate]++;
	return fate;
}

static void mark_filtered(struct keys *keys, struct keys_table *table)
{
	table->filtered = true;
	keys->filtering = true;
}

static void make_room(struct keys_table *own, uint32_t number)
{
	if (number < own->room)
		return;
	own->room = own->room > 0 ? 2 * own->room : FIRST_ROOM;
	own->fates = mem_grow(own->fates, own->room, sizeof(*own->fates));
	if (own->give != SCHEMA_NONE)
		own->texts = mem_grow(own->texts, own->room, sizeof(*own->texts));
}

/* True if the id is new; number is set in any case. */
static bool add_id(
	struct keys *keys, struct keys_table *own, const char *id, size_t length, enum keys_fate fate, uint32_t *number)
{
	uint32_t *slot = NULL;
	bool is_new = idset_add(own->ids, id, length, (uint32_t)idset_count(own->ids), &slot);
	*number = *slot;
	if (!is_new)
		return false;
	make_room(own, *number);
	own->fates[*number] = (unsigned char)fate;
	if (fate == KEYS_FILTERED)
		mark_filtered(keys, own);
	return true;
}

uint32_t keys_add(struct keys *keys, const struct table *table, const struct row *row, enum keys_fate fate)
{
	struct keys_table *own = &keys->tables[table->id];
	uint32_t number = 0;
	if (own->ids != NULL &&
		add_id(keys, own, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID), fate,
			&number) &&
		own->give != SCHEMA_NONE)
		own->texts[number] = text_number(
			&keys->texts, row_text(row, (size_t)own->give), row_length(row, (size_t)own->give));
	return number;
}

bool keys_find(
	const struct keys *keys, int table, const char *id, size_t length, uint32_t *number, enum keys_fate *fate)
{
	const struct keys_table *own = &keys->tables[table];
	const uint32_t *found = own->ids != NULL && length > 0 ? idset_find(own->ids, id, length) : NULL;
	if (found == NULL)
		return false;
	*number = *found;
	*fate = (enum keys_fate)own->fates[*found];
	return true;
}

void keys_filter(struct keys *keys, int table, uint32_t number)
{
	struct keys_table *own = &keys->tables[table];
	own->fates[number] = KEYS_FILTERED;
	mark_filtered(keys, own);
}

bool keys_skips(const struct keys *keys, const struct table *table, const char *encoded, size_t length)
{
	const struct keys_table *own = &keys->tables[table->id];
	const char *id = NULL;
	size_t id_length = 0;
	if (own->filtered && row_cell(encoded, length, SCHEMA_SOURCED_ID, &id, &id_length) &&
		is_filtered(own, id, id_length))
		return true;
	for (int c = 0; keys->filtering && c < table->column_count; c++)
		if (leans_on_filtered(keys, &table->columns[c]) &&
			row_cell(encoded, length, (size_t)c, &id, &id_length) &&
			is_filtered(&keys->tables[table->columns[c].ref], id, id_length))
			return true;
	return false;
}

void keys_leave(struct keys *keys, const struct table *table, const char *id, size_t length)
{
	struct keys_table *own = &keys->tables[table->id];
	uint32_t number = 0;
	own->rows[KEYS_FILTERED]++;
	if (own->ids != NULL && add_id(keys, own, id, length, KEYS_FILTERED, &number) && own->give != SCHEMA_NONE)
		own->texts[number] = text_number(&keys->texts, "", 0);
}

uint64_t keys_rows(const struct keys *keys, const struct table *table, enum keys_fate fate)
{
	return keys->tables[table->id].rows[fate];
}

struct keys_counts keys_column(const struct keys *keys, const struct table *table, int column)
{
	return keys->tables[table->id].columns[column];
}

#include "check/keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "table/idset.h"

/* Beside each id: whether its row stays, and which of the texts is the value that others fill from. */
enum { STAYS = 1, TEXT_SHIFT = 1 };

struct keys_table {
	bool present;
	struct idset *ids; /* NULL when nobody refers to the table */
	int give;          /* column that others fill from, or SCHEMA_NONE */
	uint64_t rows[KEYS_FATE_COUNT];
	struct keys_counts *columns;
};

/* Values that rows are filled from: few different ones, such as the schools of all classes. */
struct texts {
	struct idset *index;
	char **items;
	size_t count;
};

struct keys {
	const struct schema *schema;
	enum keys_policy policy;
	struct keys_table *tables;
	struct texts texts;
	struct buf list; /* for lists that lose an item */
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
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		keys->tables[i].present = present[i];
		keys->tables[i].ids = table->referenced ? idset_new() : NULL;
		keys->tables[i].columns = mem_new((size_t)table->column_count, sizeof(struct keys_counts));
		keys->tables[i].give = SCHEMA_NONE;
	}
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

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	for (int i = 0; i < keys->schema->table_count; i++) {
		idset_free(keys->tables[i].ids);
		free(keys->tables[i].columns);
	}
	for (size_t i = 0; i < keys->texts.count; i++)
		free(keys->texts.items[i]);
	idset_free(keys->texts.index);
	free(keys->texts.items);
	buf_release(&keys->list);
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

bool keys_fill(const struct keys *keys, const struct table *table, int column, struct row *row)
{
	int via = table->columns[column].fill_via;
	if (via == SCHEMA_NONE || row_length(row, (size_t)column) > 0 || row_length(row, (size_t)via) == 0)
		return false;
	const struct keys_table *giver = &keys->tables[table->columns[via].ref];
	const uint32_t *found = idset_find(giver->ids, row_text(row, (size_t)via), row_length(row, (size_t)via));
	if (found == NULL)
		return false;
	const char *text = keys->texts.items[*found >> TEXT_SHIFT];
	return text[0] != '\0' && row_set(row, (size_t)column, text, strlen(text));
}

enum reference { REFERENCE_STAYS, REFERENCE_LEFT_OUT, REFERENCE_DANGLES };

static enum reference look_up(const struct keys_table *target, const char *id, size_t length)
{
	const uint32_t *found = idset_find(target->ids, id, length);
	if (found == NULL)
		return REFERENCE_DANGLES;
	return (*found & STAYS) != 0 ? REFERENCE_STAYS : REFERENCE_LEFT_OUT;
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

static enum keys_fate judge_references(
	struct keys *keys, const struct table *table, struct row *row, enum keys_pass pass)
{
	for (int c = 0; c < table->column_count; c++) {
		const struct column *column = &table->columns[c];
		if (column->ref == SCHEMA_NONE || !keys->tables[column->ref].present || row_length(row, (size_t)c) == 0)
			continue;
		if (pass == KEYS_SURVEY && column->ref == table->id)
			continue; /* its own ids are not all known yet, and no row depends on them */
		struct keys_counts counts = {0};
		enum reference worst = REFERENCE_STAYS;
		judge_cell(keys, &keys->tables[column->ref], row, (size_t)c, &counts, &worst);
		if (pass == KEYS_FINAL) {
			keys->tables[table->id].columns[c].dangling += counts.dangling;
			keys->tables[table->id].columns[c].cut += counts.cut;
		}
		if (column->required && row_length(row, (size_t)c) == 0)
			return worst == REFERENCE_DANGLES ? KEYS_DANGLES : KEYS_HANGS;
	}
	return KEYS_STAYS;
}

enum keys_fate keys_judge(struct keys *keys, const struct table *table, struct row *row, enum keys_pass pass)
{
	enum keys_fate fate = KEYS_DELETED;
	if (!row_is(row, SCHEMA_STATUS, "tobedeleted"))
		fate = judge_references(keys, table, row, pass);
	if (pass == KEYS_FINAL)
		keys->tables[table->id].rows[fate]++;
	return fate;
}

void keys_add(struct keys *keys, const struct table *table, const struct row *row, enum keys_fate fate)
{
	struct keys_table *own = &keys->tables[table->id];
	if (own->ids == NULL)
		return;
	uint32_t text = 0;
	if (own->give != SCHEMA_NONE)
		text = text_number(&keys->texts, row_text(row, (size_t)own->give), row_length(row, (size_t)own->give));
	idset_add(own->ids, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID),
		(text << TEXT_SHIFT) | (fate == KEYS_STAYS ? STAYS : 0), NULL);
}

uint64_t keys_rows(const struct keys *keys, const struct table *table, enum keys_fate fate)
{
	return keys->tables[table->id].rows[fate];
}

struct keys_counts keys_column(const struct keys *keys, const struct table *table, int column)
{
	return keys->tables[table->id].columns[column];
}

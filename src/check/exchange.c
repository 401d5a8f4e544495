#include "check/exchange.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/clean.h"
#include "check/form.h"

struct span {
	const char *text;
	size_t length;
};

/* Sorted by its first member, as all that is searched here. */
struct pair {
	struct span from;
	struct span to;
};

/* A value that the map can make, and how it last came into a list: so equal items are found however long the list. */
struct product {
	struct span text;
	uint64_t list; /* number of that list, from 1 */
	bool made;     /* the map made it, there */
};

struct map {
	char *text; /* what the spans point into */
	struct pair *pairs;
	size_t count;
	struct span rest; /* what all other values become; without text: they stay */
	struct product *products;
	size_t product_count;
	uint64_t lists; /* looked at so far */
};

struct exchange {
	const struct schema *schema;
	struct map ***maps; /* by table and column; NULL for a table, or a column, without */
	struct buf list;    /* the one that is being made */
};

static bool is_date(const char *text, size_t length)
{
	return form_date(text, length, NULL);
}

/* Which types are open to maps, and how a cell of them, or an item of a list, is judged. Nothing given: anything goes.
 */
static const struct {
	bool (*fine)(const char *text, size_t length);
	enum value_rule unread; /* met by what is not fine, here as in value_normalise */
	bool words;             /* fine are those of the vocabulary */
	bool closed;            /* never replaced */
} types[COLUMN_TYPE_COUNT] = {
	[COLUMN_GUID] = {.closed = true},
	[COLUMN_GUIDS] = {.closed = true},
	[COLUMN_ID] = {.closed = true},
	[COLUMN_USERIDS] = {.closed = true},
	[COLUMN_DIGEST] = {.closed = true},
	[COLUMN_BLANK] = {.closed = true},
	[COLUMN_ENUM] = {.words = true, .unread = VALUE_FIELD_ENUM},
	[COLUMN_ENUMS] = {.words = true, .unread = VALUE_FIELD_ENUM},
	[COLUMN_BOOLEAN] = {.fine = form_boolean, .unread = VALUE_FIELD_BOOLEAN},
	[COLUMN_DATE] = {.fine = is_date, .unread = VALUE_FIELD_DATE},
	[COLUMN_DATETIME] = {.fine = form_datetime, .unread = VALUE_FIELD_DATETIME},
	[COLUMN_YEAR] = {.fine = form_year, .unread = VALUE_FIELD_YEAR},
	[COLUMN_FLOAT] = {.fine = form_float, .unread = VALUE_FIELD_FLOAT},
};

static bool is_judged(enum column_type type)
{
	return types[type].words || types[type].fine != NULL;
}

bool exchange_allowed(const struct column *column)
{
	return column->closed == NULL && !types[column->type].closed;
}

/* --- maps ----------------------------------------------------------------------------------------------------------
 */

static bool spans_equal(const struct span *a, const struct span *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* Of spans, and of what begins with one. */
static int compare(const void *left, const void *right)
{
	const struct span *a = left;
	const struct span *b = right;
	size_t common = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->text, b->text, common);
	return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Takes the next item off a list. */
static bool next_item(struct span *list, struct span *item)
{
	return form_item(&list->text, &list->length, &item->text, &item->length);
}

/* What the map can make, pair by pair, at last of the rest. */
static const struct span *map_result(const struct map *map, size_t i)
{
	return i < map->count ? &map->pairs[i].to : &map->rest;
}

/* All items that the map can make, each once, in order. */
static void list_products(struct map *map)
{
	size_t size = 0;
	for (size_t i = 0; i <= map->count; i++)
		size += form_items(map_result(map, i)->text, map_result(map, i)->length);
	map->products = mem_new(size, sizeof(*map->products));
	for (size_t i = 0; i <= map->count; i++) {
		struct span list = *map_result(map, i);
		struct span item;
		while (next_item(&list, &item))
			map->products[map->product_count++].text = item;
	}
	qsort(map->products, map->product_count, sizeof(*map->products), compare);
	size_t kept = 0;
	for (size_t i = 0; i < map->product_count; i++)
		if (kept == 0 || !spans_equal(&map->products[kept - 1].text, &map->products[i].text))
			map->products[kept++] = map->products[i];
	map->product_count = kept;
}

static struct span store(char **room, const char *text)
{
	struct span span = {.text = *room, .length = strlen(text)};
	memcpy(*room, text, span.length);
	*room += span.length;
	return span;
}

static struct map *map_new(const struct exchange_pair *pairs, size_t count)
{
	struct map *map = mem_new(1, sizeof(*map));
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += strlen(pairs[i].from) + strlen(pairs[i].to);
	map->text = mem_new(size, 1);
	map->pairs = mem_new(count, sizeof(*map->pairs));
	char *room = map->text;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(pairs[i].from, EXCHANGE_REST) == 0) {
			map->rest = store(&room, pairs[i].to);
			continue;
		}
		map->pairs[map->count].from = store(&room, pairs[i].from);
		map->pairs[map->count++].to = store(&room, pairs[i].to);
	}
	qsort(map->pairs, map->count, sizeof(*map->pairs), compare);
	return map;
}

static void map_free(struct map *map)
{
	if (map == NULL)
		return;
	free(map->text);
	free(map->pairs);
	free(map->products);
	free(map);
}

/* What a value becomes; NULL if it stays. */
static const struct span *map_find(const struct map *map, const struct span *value)
{
	if (value->length == 0)
		return NULL;
	const struct pair *pair = bsearch(value, map->pairs, map->count, sizeof(*map->pairs), compare);
	const struct span *to = pair != NULL ? &pair->to : &map->rest;
	return to->text != NULL && !spans_equal(to, value) ? to : NULL;
}

/* --- the exchange --------------------------------------------------------------------------------------------------
 */

struct exchange *exchange_new(const struct schema *schema)
{
	struct exchange *exchange = mem_new(1, sizeof(*exchange));
	exchange->schema = schema;
	exchange->maps = mem_new((size_t)schema->table_count, sizeof(struct map **));
	buf_init(&exchange->list, ROW_TEXT_MAX);
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (exchange == NULL)
		return;
	for (int t = 0; t < exchange->schema->table_count; t++) {
		for (int c = 0; exchange->maps[t] != NULL && c < exchange->schema->tables[t].column_count; c++)
			map_free(exchange->maps[t][c]);
		free(exchange->maps[t]);
	}
	free(exchange->maps);
	buf_release(&exchange->list);
	free(exchange);
}

void exchange_set(struct exchange *exchange, int table, int column, const struct exchange_pair *pairs, size_t count)
{
	const struct table *of = &exchange->schema->tables[table];
	assert(exchange_allowed(&of->columns[column]));
	if (exchange->maps[table] == NULL)
		exchange->maps[table] = mem_new((size_t)of->column_count, sizeof(struct map *));
	map_free(exchange->maps[table][column]);
	exchange->maps[table][column] = map_new(pairs, count);
	if (column_is_list(of->columns[column].type))
		list_products(exchange->maps[table][column]);
}

/* Whether an item may come into the list that is being made. */
static bool is_welcome(struct map *map, const struct span *item, bool made)
{
	struct product *product = bsearch(item, map->products, map->product_count, sizeof(*map->products), compare);
	if (product == NULL)
		return true; /* the map cannot make it */
	bool there = product->list == map->lists;
	if (there && (made || product->made))
		return false;
	product->list = map->lists;
	product->made = made;
	return true;
}

static void add_items(struct exchange *exchange, struct map *map, struct span items, bool made, bool *begun)
{
	struct span item;
	while (next_item(&items, &item)) {
		if ((made && clean_is_blank(item.text, item.length)) || !is_welcome(map, &item, made))
			continue;
		if (*begun)
			buf_add_char(&exchange->list, ',');
		buf_add(&exchange->list, item.text, item.length);
		*begun = true;
	}
}

/* Gives what becomes of a list; false when that is too large. */
static bool exchange_list(struct exchange *exchange, struct map *map, struct span list, struct span *result)
{
	struct span item;
	bool begun = false;
	buf_clear(&exchange->list);
	map->lists++;
	while (next_item(&list, &item)) {
		const struct span *to = map_find(map, &item);
		add_items(exchange, map, to != NULL ? *to : item, to != NULL, &begun);
	}
	*result = (struct span){buf_text(&exchange->list), exchange->list.length};
	return !exchange->list.overflow;
}

static bool is_understood(const struct column *column, struct span value)
{
	if (types[column->type].words)
		return form_word(value.text, value.length, column->vocabulary->values);
	return types[column->type].fine(value.text, value.length);
}

static bool is_cell_understood(const struct column *column, struct span cell)
{
	struct span item;
	if (!column_is_list(column->type))
		return is_understood(column, cell);
	while (next_item(&cell, &item))
		if (!is_understood(column, item))
			return false;
	return true;
}

static bool exchange_cell(struct exchange *exchange, struct map *map, const struct column *column, struct row *row,
	size_t i, bool *changed)
{
	struct span cell = {row_text(row, i), row_length(row, i)};
	struct span result = cell;
	if (column_is_list(column->type)) {
		if (!exchange_list(exchange, map, cell, &result))
			return false;
	} else {
		const struct span *to = map_find(map, &cell);
		result = to != NULL ? *to : cell;
	}
	*changed = !spans_equal(&cell, &result);
	return !*changed || row_set(row, i, result.text, result.length);
}

bool exchange_row(struct exchange *exchange, const struct table *table, struct row *row, struct value_counts *counts,
	struct err *err)
{
	struct map **maps = exchange != NULL ? exchange->maps[table->id] : NULL;
	for (int c = 0; maps != NULL && c < table->column_count; c++) {
		const struct column *column = &table->columns[c];
		size_t i = (size_t)c;
		bool changed = false;
		if (maps[c] == NULL || row_length(row, i) == 0)
			continue;
		if (!exchange_cell(exchange, maps[c], column, row, i, &changed))
			return err_set(err, ERR_DATA, "%s: the map makes a row larger than %d bytes", column->name,
				ROW_TEXT_MAX);
		if (changed)
			value_counts_one(counts, c, VALUE_FIELD_MAPPED);
		if (is_judged(column->type) && row_length(row, i) > 0 &&
			!is_cell_understood(column, (struct span){row_text(row, i), row_length(row, i)}))
			value_counts_one(counts, c, types[column->type].unread);
	}
	return true;
}

bool exchange_judges(const struct exchange *exchange, const struct table *table, int column, enum value_rule rule)
{
	enum column_type type = table->columns[column].type;
	return exchange != NULL && exchange->maps[table->id] != NULL && exchange->maps[table->id][column] != NULL &&
	       is_judged(type) && types[type].unread == rule;
}

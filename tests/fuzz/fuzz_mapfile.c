/*
 * A map of values. Input: the file up to a NUL, then a cell.
 * Holds: there are pairs that keep the promises of their header, or an error that names the file. A cell becomes what
 * the pairs say when they are looked through one by one: as a whole, or item by item.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "check/exchange.h"
#include "mapfile.h"
#include "table/row.h"
#include "table/schema.h"

enum { PAIRS_MAX = 64, ITEMS_MAX = 64 };

static void assert_pairs(const struct exchange_pair *pairs, size_t count)
{
	fuzz_must(count > 0 && count <= MAPFILE_ROWS_MAX, "there are pairs, and not too many");
	for (size_t i = 0; i < count; i++) {
		fuzz_must(pairs[i].from[0] != '\0', "something is replaced");
		fuzz_must(i == 0 || strcmp(pairs[i - 1].from, pairs[i].from) < 0, "each value once, in order");
		for (const char *c = pairs[i].from; *c != '\0'; c++)
			fuzz_must((unsigned char)*c >= ' ', "a value has no control characters");
		for (const char *c = pairs[i].to; *c != '\0'; c++)
			fuzz_must((unsigned char)*c >= ' ', "nor has its replacement");
	}
}

/* What a value becomes; NULL if it stays. */
static const char *replacement(const struct exchange_pair *pairs, size_t count, const char *value)
{
	const char *rest = NULL;
	for (size_t i = 0; i < count && value[0] != '\0'; i++) {
		if (strcmp(pairs[i].from, value) == 0 && strcmp(value, EXCHANGE_REST) != 0)
			return strcmp(pairs[i].to, value) != 0 ? pairs[i].to : NULL;
		if (strcmp(pairs[i].from, EXCHANGE_REST) == 0)
			rest = pairs[i].to;
	}
	return rest != NULL && strcmp(rest, value) != 0 ? rest : NULL;
}

/* Items of a list and which of them the map made, the slow way. */
struct list {
	char *items[2 * ITEMS_MAX];
	bool made[2 * ITEMS_MAX];
	size_t count;
};

/* Whether there is nothing to be seen: U+00A0 and U+3000 are blanks too. */
static bool is_blank(const char *text)
{
	while (*text != '\0') {
		if (*text == ' ')
			text++;
		else if (strncmp(text, "\xC2\xA0", 2) == 0)
			text += 2;
		else if (strncmp(text, "\xE3\x80\x80", 3) == 0)
			text += 3;
		else
			return false;
	}
	return true;
}

static void add(struct list *list, char *item, bool made)
{
	bool fits = !(made && is_blank(item));
	for (size_t i = 0; i < list->count; i++)
		fits = fits && (strcmp(list->items[i], item) != 0 || !(made || list->made[i]));
	if (!fits) {
		free(item);
		return;
	}
	fuzz_must(list->count < 2 * ITEMS_MAX, "there is room for the items");
	list->items[list->count] = item;
	list->made[list->count++] = made;
}

static bool add_items(struct list *list, const char *text, bool made)
{
	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ",");
		if (list->count == 2 * ITEMS_MAX)
			return false;
		add(list, mem_copy_n(at, length), made);
		at += length;
		if (*at == '\0')
			return true;
	}
}

/* False when the list is too long for this way. */
static bool exchange_slowly(const struct exchange_pair *pairs, size_t count, const char *cell, struct buf *result)
{
	struct list list = {.count = 0};
	bool fine = true;
	size_t items = 0;
	for (const char *at = cell; fine; at++) {
		size_t length = strcspn(at, ",");
		char *item = mem_copy_n(at, length);
		const char *to = replacement(pairs, count, item);
		fine = ++items <= ITEMS_MAX && add_items(&list, to != NULL ? to : item, to != NULL);
		free(item);
		at += length;
		if (*at == '\0')
			break;
	}
	for (size_t i = 0; i < list.count; i++) {
		buf_add_text(result, i > 0 ? "," : "");
		buf_add_text(result, list.items[i]);
		free(list.items[i]);
	}
	return fine;
}

/* What the program makes of it, in a column. */
static void exchange_own(
	const char *name, const struct exchange_pair *pairs, size_t count, const char *cell, const char *expected)
{
	const struct table *table = schema_table_find(&schema_oneroster_1_1, "users");
	int column = column_find(table, name);
	struct exchange *exchange = exchange_new(&schema_oneroster_1_1);
	struct row row;
	struct value_counts counts;
	struct err err = {0};
	exchange_set(exchange, table->id, column, pairs, count);
	row_init(&row, (size_t)table->column_count);
	value_counts_init(&counts, table->column_count);
	for (int times = 0; times < 2; times++) { /* nothing is left of the first time */
		row_set(&row, (size_t)column, cell, strlen(cell));
		value_counts_clear(&counts);
		fuzz_must(exchange_row(exchange, table, &row, &counts, &err), "a small cell fits");
		fuzz_must(row_is(&row, (size_t)column, expected), "a cell becomes what the pairs say");
		uint64_t counted = counts.by[(size_t)column * VALUE_RULE_COUNT + VALUE_FIELD_MAPPED];
		fuzz_must(counted == (strcmp(cell, expected) != 0), "and is counted when it is another");
	}
	exchange_free(exchange);
	value_counts_release(&counts);
	row_release(&row);
}

static void exchange_both(const struct exchange_pair *pairs, size_t count, const char *cell)
{
	const char *to = replacement(pairs, count, cell);
	struct buf list = {0};
	exchange_own("middleName", pairs, count, cell, to != NULL ? to : cell);
	if (exchange_slowly(pairs, count, cell, &list))
		exchange_own("grades", pairs, count, cell, buf_text(&list));
	buf_release(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	const char *nul = memchr(input.data, '\0', input.left);
	size_t length = nul != NULL ? (size_t)(nul - input.data) : input.left;
	const char *text = fuzz_bytes(&input, &length);
	fuzz_byte(&input);
	char *cell = mem_copy_n(input.data, input.left);
	struct err err = {0};
	struct mapfile *file = mapfile_parse("x.csv", text, length, &err);
	fuzz_must((file != NULL) == (err.code == ERR_NONE), "there is a map or an error");
	fuzz_must(
		file != NULL || (err.code == ERR_USAGE && strncmp(err.text, "x.csv", 5) == 0), "which names the file");
	if (file != NULL) {
		size_t count = 0;
		const struct exchange_pair *pairs = mapfile_pairs(file, &count);
		assert_pairs(pairs, count);
		if (count <= PAIRS_MAX)
			exchange_both(pairs, count, cell);
	}
	mapfile_free(file);
	free(cell);
	return 0;
}

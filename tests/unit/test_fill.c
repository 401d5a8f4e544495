#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/fill.h"

/* The columns that have a value of their own when the server sends none, and no others. */
static const struct {
	const char *table;
	const char *column;
	const char *value;
} usual[] = {{"users", "enabledUser", "true"}, {"classes", "classType", "scheduled"}};

static struct keys *all_keys(void)
{
	bool present[64];
	memset(present, true, sizeof(present));
	return keys_new(&schema_oneroster_1_1, present, KEYS_FAIL);
}

static const char *usual_of(const struct table *table, int column)
{
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(usual[i].table, table->name) == 0 && column == column_find(table, usual[i].column))
			return usual[i].value;
	return "";
}

/* Fills a row of which every cell is blank, or none. */
static void fill_one(const struct fill *fill, const struct keys *keys, const struct table *table, const char *cells,
	struct row *row, struct value_counts *counts)
{
	struct err err = {0};
	row_clear(row);
	for (size_t i = 0; i < row->count; i++)
		assert_true(row_set(row, i, cells, strlen(cells)));
	value_counts_clear(counts);
	assert_true(fill_row(fill, keys, table, row, counts, &err));
}

static void test_every_table(void **state)
{
	(void)state;
	struct keys *keys = all_keys();
	struct fill *with = fill_new(&schema_oneroster_1_1, true);
	struct fill *without = fill_new(&schema_oneroster_1_1, false);
	for (int t = 0; t < schema_oneroster_1_1.table_count; t++) {
		const struct table *table = &schema_oneroster_1_1.tables[t];
		struct row row;
		struct value_counts counts;
		row_init(&row, (size_t)table->column_count);
		value_counts_init(&counts, table->column_count);
		fill_one(with, keys, table, "", &row, &counts);
		uint64_t filled = 0;
		for (int c = 0; c < table->column_count; c++) {
			const char *value = usual_of(table, c);
			assert_true(row_is(&row, (size_t)c, value));
			uint64_t count = counts.by[(size_t)c * VALUE_RULE_COUNT + VALUE_FIELD_FILLED];
			assert_int_equal(count, value[0] != '\0' ? 1 : 0);
			filled += count;
		}
		assert_int_equal(value_counts_severity(&counts, VALUE_WARNING), filled);
		/* What the server sent stays. */
		fill_one(with, keys, table, "x", &row, &counts);
		for (int c = 0; c < table->column_count; c++)
			assert_true(row_is(&row, (size_t)c, "x"));
		assert_int_equal(value_counts_severity(&counts, VALUE_WARNING), 0);
		fill_one(without, keys, table, "", &row, &counts);
		for (int c = 0; c < table->column_count; c++)
			assert_int_equal(row_length(&row, (size_t)c), 0);
		value_counts_release(&counts);
		row_release(&row);
	}
	fill_free(with);
	fill_free(without);
	fill_free(NULL);
	keys_free(keys);
}

static void assert_filled(const struct fill *fill, const struct keys *keys, const char *name, const char *column,
	const char *class, const char *value)
{
	const struct table *table = schema_table_find(&schema_oneroster_1_1, name);
	size_t cell = (size_t)column_find(table, column);
	struct err err = {0};
	struct row row;
	struct value_counts counts;
	row_init(&row, (size_t)table->column_count);
	value_counts_init(&counts, table->column_count);
	if (class != NULL)
		row_set(&row, (size_t)column_find(table, "classSourcedId"), class, strlen(class));
	assert_true(fill_row(fill, keys, table, &row, &counts, &err));
	if (!row_is(&row, cell, value))
		fail_msg("%s.%s is \"%.*s\", not \"%s\"", name, column, (int)row_length(&row, cell),
			row_text(&row, cell), value);
	assert_int_equal(counts.by[cell * VALUE_RULE_COUNT + VALUE_FIELD_FILLED], value[0] != '\0' ? 1 : 0);
	value_counts_release(&counts);
	row_release(&row);
}

static void test_set(void **state)
{
	const struct table *users = schema_table_find(&schema_oneroster_1_1, "users");
	const struct table *enrollments = schema_table_find(&schema_oneroster_1_1, "enrollments");
	const struct table *classes = schema_table_find(&schema_oneroster_1_1, "classes");
	(void)state;
	struct keys *keys = all_keys();
	struct row class;
	row_init(&class, (size_t)classes->column_count);
	row_set(&class, SCHEMA_SOURCED_ID, "c1", 2);
	row_set(&class, (size_t)column_find(classes, "schoolSourcedId"), "s1", 2);
	keys_add(keys, classes, &class, KEYS_STAYS);
	row_release(&class);

	for (int is_usual = 0; is_usual < 2; is_usual++) {
		struct fill *fill = fill_new(&schema_oneroster_1_1, is_usual != 0);
		/* The school of the class, if it is known. */
		assert_filled(fill, keys, "enrollments", "schoolSourcedId", "c1", is_usual ? "s1" : "");
		assert_filled(fill, keys, "enrollments", "schoolSourcedId", "c2", "");
		assert_filled(fill, keys, "enrollments", "schoolSourcedId", NULL, "");
		/* A constant adds to that, or is in place of the usual one. */
		fill_set(fill, users->id, column_find(users, "enabledUser"), "false");
		fill_set(fill, users->id, column_find(users, "email"), "nobody@school.example");
		fill_set(fill, enrollments->id, column_find(enrollments, "schoolSourcedId"), "s9");
		assert_filled(fill, keys, "users", "enabledUser", NULL, "false");
		assert_filled(fill, keys, "users", "email", NULL, "nobody@school.example");
		assert_filled(fill, keys, "users", "sms", NULL, "");
		assert_filled(fill, keys, "enrollments", "schoolSourcedId", "c2", "s9");
		assert_filled(fill, keys, "classes", "classType", NULL, is_usual ? "scheduled" : "");
		fill_free(fill);
	}
	keys_free(keys);
}

static void test_row_too_large(void **state)
{
	const struct table *users = schema_table_find(&schema_oneroster_1_1, "users");
	char *text = mem_new(1, ROW_TEXT_MAX);
	struct err err = {0};
	struct row row;
	struct value_counts counts;
	(void)state;
	memset(text, 'x', ROW_TEXT_MAX);
	row_init(&row, (size_t)users->column_count);
	value_counts_init(&counts, users->column_count);
	assert_true(row_set(&row, SCHEMA_SOURCED_ID, text, ROW_TEXT_MAX));
	struct keys *keys = all_keys();
	struct fill *fill = fill_new(&schema_oneroster_1_1, true);
	assert_false(fill_row(fill, keys, users, &row, &counts, &err));
	assert_int_equal(err.code, ERR_DATA);
	fill_free(fill);
	keys_free(keys);
	value_counts_release(&counts);
	row_release(&row);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_table),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_row_too_large),
	};
	return cmocka_run_group_tests_name("fill", tests, NULL, NULL);
}

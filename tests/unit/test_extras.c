#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/extras.h"
#include "table/row.h"

static const struct extras_wish everything = {.all = true};

/* Gathers "key=value" pairs, one a word. */
static void gather(struct extras *extras, const char *const *pairs)
{
	for (; *pairs != NULL; pairs++) {
		size_t length = strcspn(*pairs, "=");
		assert_true(extras_begin(extras, *pairs, length));
		assert_true(extras_add(extras, *pairs + length + 1, strlen(*pairs + length + 1), false));
	}
	extras_sort(extras);
}

/* What a packed cell holds, as "key=value;". */
static char *unpacked(const char *packed, size_t length)
{
	struct buf out = {0};
	struct extras_pair pair;
	for (size_t place = 0; extras_next(packed, length, &place, &pair);)
		buf_add_format(&out, "%.*s=%.*s;", (int)pair.key_length, pair.key, (int)pair.length, pair.text);
	return buf_take(&out);
}

static void assert_cell(const struct row *row, size_t i, const char *text)
{
	if (!row_is(row, i, text))
		fail_msg("cell %zu is \"%.*s\", not \"%s\"", i, (int)row_length(row, i), row_text(row, i), text);
}

static void assert_packed(const struct row *row, size_t cell, const char *expected)
{
	char *found = unpacked(row_text(row, cell), row_length(row, cell));
	assert_string_equal(found, expected);
	free(found);
}

static void test_keys(void **state)
{
	static const struct {
		const char *key;
		bool fine;
	} cases[] = {
		{"positionTitle", true},
		{"jp.kanaGivenName", true},
		{"a", true},
		{"in the middle", true},
		{"a:b/c@d_e-f.9", true},
		{"", false},
		{" a", false},
		{"a ", false},
		{"a,b", false},
		{"a\"b", false},
		{"a\nb", false},
		{"a\tb", false},
		{"a=b", false},
		{"\xC3\xA9", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(extras_key_fine(cases[i].key, strlen(cases[i].key)), cases[i].fine);
	assert_false(extras_key_fine("a\0b", 3));
	char longest[EXTRAS_KEY_MAX + 1];
	memset(longest, 'k', sizeof(longest));
	assert_true(extras_key_fine(longest, EXTRAS_KEY_MAX));
	assert_false(extras_key_fine(longest, EXTRAS_KEY_MAX + 1));
}

static void test_strip(void **state)
{
	const char *key = "metadata.a";
	size_t length = strlen(key);
	(void)state;
	assert_true(extras_strip(&key, &length));
	assert_string_equal(key, "a");
	assert_int_equal(length, 1);
	assert_false(extras_strip(&key, &length));
	key = "metadata";
	length = strlen(key);
	assert_false(extras_strip(&key, &length));
	key = "Metadata.a";
	length = strlen(key);
	assert_false(extras_strip(&key, &length));
}

/* Sorted by bytes, each key once with its last value, whatever the order they came in; equal pairs are equal bytes. */
static void test_packed(void **state)
{
	static const char *const orders[][6] = {
		{"b=2", "a=1", "ab=3", "B=4", NULL},
		{"B=4", "ab=old", "b=2", "a=1", "ab=3", NULL},
		{"metadata.a=1", "b=2", "metadata.ab=3", "B=4", NULL},
	};
	struct row rows[3];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct extras extras;
		extras_init(&extras, &everything);
		gather(&extras, orders[i]);
		assert_int_equal(extras.count, 4);
		row_init(&rows[i], 2);
		assert_true(extras_pack(&extras, &rows[i], 1));
		assert_packed(&rows[i], 1, "B=4;a=1;ab=3;b=2;");
		assert_int_equal(row_length(&rows[i], 1), row_length(&rows[0], 1));
		assert_memory_equal(row_text(&rows[i], 1), row_text(&rows[0], 1), row_length(&rows[0], 1));
		extras_release(&extras);
	}
	for (size_t i = 0; i < 3; i++)
		row_release(&rows[i]);
}

static void test_many_keys_in_any_order(void **state)
{
	struct extras extras;
	struct row row;
	(void)state;
	extras_init(&extras, &everything);
	row_init(&row, 1);
	for (unsigned i = 0; i < EXTRAS_MAX; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%04u", i * 389 % EXTRAS_MAX);
		assert_true(extras_begin(&extras, key, strlen(key)));
		assert_true(extras_add(&extras, key + 1, 4, false));
	}
	assert_false(extras_begin(&extras, "one more", 8));
	extras_sort(&extras);
	assert_true(extras_pack(&extras, &row, 0));
	struct extras_pair pair;
	unsigned next = 0;
	for (size_t place = 0; extras_next(row_text(&row, 0), row_length(&row, 0), &place, &pair); next++) {
		char key[16];
		snprintf(key, sizeof(key), "k%04u", next);
		assert_int_equal(pair.key_length, 5);
		assert_memory_equal(pair.key, key, 5);
		assert_memory_equal(pair.text, key + 1, 4);
	}
	assert_int_equal(next, EXTRAS_MAX);
	row_release(&row);
	extras_release(&extras);
}

static void test_lists(void **state)
{
	struct extras extras;
	struct row row;
	(void)state;
	extras_init(&extras, &everything);
	row_init(&row, 1);
	assert_true(extras_begin(&extras, "list", 4));
	assert_true(extras_add(&extras, "", 0, true));
	assert_true(extras_add(&extras, "a,b,", 4, true));
	assert_true(extras_add(&extras, "c", 1, true));
	assert_true(extras_begin(&extras, "text", 4));
	assert_true(extras_add(&extras, "a,b", 3, false));
	extras_note(&extras, CELL_SHAPE);
	extras_end(&extras);
	assert_true(extras_add(&extras, "nowhere", 7, false));
	extras_note(&extras, CELL_COMMA);
	assert_true(extras_begin(&extras, "blank", 5));
	extras_sort(&extras);
	assert_int_equal(extras.pairs[1].notes, CELL_COMMA);
	assert_int_equal(extras.pairs[2].notes, CELL_SHAPE);
	assert_true(extras_set(&extras, 2, "other text", 10));
	assert_true(extras_pack(&extras, &row, 0));
	assert_packed(&row, 0, "blank=;list=ab,c;text=other text;");
	row_release(&row);
	extras_release(&extras);
}

/* Listed keys are kept whatever they look like, others not even looked at; with all, those that are left out count. */
static void test_wishes(void **state)
{
	static const char *const pairs[] = {"a=1", "b,c=2", "d\"=3", "e=4", NULL};
	struct extras_wish wish = {0};
	struct extras extras;
	struct row row;
	(void)state;
	row_init(&row, 1);
	extras_init(&extras, NULL);
	gather(&extras, pairs);
	assert_int_equal(extras.count, 0);
	extras_release(&extras);
	extras_names_add(&wish.listed, "e", 1);
	extras_names_add(&wish.listed, "b,c", 3);
	for (int all = 0; all < 2; all++) {
		wish.all = all == 1;
		extras_init(&extras, &wish);
		gather(&extras, pairs);
		assert_int_equal(extras.unnamed, wish.all ? 1 : 0);
		assert_true(extras_pack(&extras, &row, 0));
		assert_packed(&row, 0, wish.all ? "a=1;b,c=2;e=4;" : "b,c=2;e=4;");
		extras_clear(&extras);
		assert_int_equal(extras.unnamed, 0);
		extras_release(&extras);
	}
	extras_names_release(&wish.listed);
	row_release(&row);
}

/* More than a row may hold is refused, and so is what makes the row as a whole too large. */
static void test_limits(void **state)
{
	struct extras extras;
	struct row row;
	char *text = mem_new(ROW_TEXT_MAX, 1);
	(void)state;
	memset(text, 'x', ROW_TEXT_MAX);
	extras_init(&extras, &everything);
	row_init(&row, 2);
	assert_true(extras_begin(&extras, "a", 1));
	assert_false(extras_add(&extras, text, ROW_TEXT_MAX, false));
	assert_true(extras_add(&extras, text, ROW_TEXT_MAX / 2, false));
	assert_true(extras_add(&extras, text, ROW_TEXT_MAX / 4, true));
	assert_false(extras_add(&extras, text, ROW_TEXT_MAX / 2, true));
	extras_sort(&extras);
	assert_true(extras_pack(&extras, &row, 1));
	assert_true(row_set(&row, 1, "", 0));
	assert_true(row_set(&row, 0, text, ROW_TEXT_MAX / 2));
	assert_false(extras_pack(&extras, &row, 1));
	extras_clear(&extras);
	assert_true(extras_begin(&extras, "a", 1));
	row_release(&row);
	extras_release(&extras);
	free(text);
}

static void test_damaged_cells(void **state)
{
	static const struct {
		const char *packed;
		size_t length;
		const char *found;
	} cases[] = {
		{"", 0, ""},
		{"\x01", 1, ""},
		{"\x01k", 2, ""},
		{"\x01k\x01", 3, ""},
		{"\x01k\x02v", 4, ""},
		{"\x01k\x01v", 4, "k=v;"},
		{"\x01k\x01v\x01", 5, "k=v;"},
		{"\x01k\x01v\x02m\x01", 7, "k=v;"},
		{"\xFF\xFF\xFF\xFF\xFF\xFF", 6, ""},
		{"\x80\x80\x80\x80\x01k", 6, ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *copy = mem_new(cases[i].length + 1, 1); /* a sanitizer sees what is read behind it */
		memcpy(copy, cases[i].packed, cases[i].length);
		char *found = unpacked(copy, cases[i].length);
		assert_string_equal(found, cases[i].found);
		free(found);
		free(copy);
	}
}

static void test_names(void **state)
{
	static const char *const first[] = {"b=1", "d=1", NULL};
	static const char *const second[] = {"a=1", "b=1", "c=1", "d=1", "da=1", NULL};
	const char *const *const all[] = {first, second, first};
	struct extras_names names = {0};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct extras extras;
		struct row row;
		extras_init(&extras, &everything);
		row_init(&row, 1);
		gather(&extras, all[i]);
		assert_true(extras_pack(&extras, &row, 0));
		assert_true(extras_names_learn(&names, row_text(&row, 0), row_length(&row, 0)));
		row_release(&row);
		extras_release(&extras);
	}
	static const char *const expected[] = {"a", "b", "c", "d", "da"};
	assert_int_equal(names.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(names.names[i], expected[i]);
		assert_true(extras_names_has(&names, expected[i], strlen(expected[i])));
	}
	assert_false(extras_names_has(&names, "db", 2));
	assert_false(extras_names_has(&names, "", 0));
	for (unsigned i = 0; names.count < EXTRAS_MAX; i++) {
		char key[16];
		snprintf(key, sizeof(key), "x%u", i);
		assert_true(extras_names_add(&names, key, strlen(key)));
	}
	assert_true(extras_names_add(&names, "a", 1));
	assert_false(names.overflow);
	assert_false(extras_names_add(&names, "too many", 8));
	assert_true(names.overflow);
	extras_names_release(&names);
}

/* The cells stand in the order of the columns, not of the keys, and a row that was changed before is spread alike. */
static void test_spread(void **state)
{
	static const char *const pairs[] = {"a=1", "ab=2", "c=", "unwanted=x", "z=9", NULL};
	static const char *const expected[] = {"9", "", "2", "", "1"};
	struct extras_columns columns = {0};
	struct extras extras;
	struct row row;
	(void)state;
	extras_columns_add(&columns, "z");
	extras_columns_add(&columns, "never");
	extras_columns_add(&columns, "ab");
	extras_columns_add(&columns, "z");
	extras_columns_add(&columns, "c");
	extras_columns_add(&columns, "a");
	assert_int_equal(columns.count, 5);
	assert_string_equal(columns.headers[0], "metadata.z");
	assert_string_equal(columns.headers[1], "metadata.never");
	assert_string_equal(columns.headers[4], "metadata.a");
	extras_init(&extras, &everything);
	gather(&extras, pairs);
	row_init(&row, 2 + columns.count);
	for (int changed = 0; changed < 2; changed++) {
		struct buf encoded = {0};
		row.count = 3;
		row_clear(&row);
		assert_true(row_set(&row, 0, "id", 2));
		assert_true(row_set(&row, 1, "name", 4));
		assert_true(extras_pack(&extras, &row, 2));
		row_encode(&row, &encoded);
		assert_true(row_decode(&row, buf_text(&encoded), encoded.length));
		if (changed == 1)
			assert_true(row_set(&row, 1, "another name", 12));
		extras_spread(&columns, &row, 2);
		assert_int_equal(row.count, 7);
		for (size_t i = 0; i < 5; i++)
			assert_cell(&row, 2 + i, expected[i]);
		assert_int_equal(row.size, 2 + (changed == 1 ? 12 : 4) + 3);
		assert_true(row_append(&row, 4, "more", 4)); /* it is a row like any other */
		assert_cell(&row, 4, "2more");
		assert_cell(&row, 6, "1");
		buf_release(&encoded);
	}
	row_release(&row);
	extras_release(&extras);
	extras_columns_release(&columns);
}

static void test_spread_of_nothing(void **state)
{
	struct extras_columns columns = {0};
	struct row row;
	(void)state;
	row_init(&row, 3);
	extras_columns_add(&columns, "a");
	extras_columns_add(&columns, "b");
	row.count = 2;
	extras_spread(&columns, &row, 1);
	assert_int_equal(row.count, 3);
	assert_cell(&row, 1, "");
	assert_cell(&row, 2, "");
	row_release(&row);
	extras_columns_release(&columns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_many_keys_in_any_order),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damaged_cells),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_spread_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

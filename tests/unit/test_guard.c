/* The deletion guard: verdicts at and beside each limit, and what an administrator reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "check/guard.h"

static const struct table *table(const char *name)
{
	return schema_table_find(&schema_oneroster_1_1, name);
}

static enum guard_verdict verdict(
	const char *name, uint64_t old_rows, uint64_t new_rows, uint64_t gone, uint64_t churned, int limit)
{
	struct guard_file file = {.table = table(name),
		.old_rows = old_rows,
		.new_rows = new_rows,
		.gone = gone,
		.churned = churned,
		.limit = limit};
	return guard_judge(&file);
}

static void limit_itself_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(verdict("users", 1000, 800, 200, 0, 2000), GUARD_FINE);
	assert_int_equal(verdict("users", 1000, 799, 201, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("users", 1000, 0, 1000, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("users", 1000, 999, 1, 0, 0), GUARD_DROP);
	assert_int_equal(verdict("users", 1000, 1000, 0, 0, 0), GUARD_FINE);
	/* A third of a row more than 12.34 % of 10,000 does not exist; one row more does. */
	assert_int_equal(verdict("users", 10000, 8766, 1234, 0, 1234), GUARD_FINE);
	assert_int_equal(verdict("users", 10000, 8765, 1235, 0, 1234), GUARD_DROP);
}

/* By id, not by number: as many rows as before, and none of the old. */
static void replaced_rows_are_gone(void **state)
{
	(void)state;
	assert_int_equal(verdict("users", 1000, 1000, 1000, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("users", 1000, 5000, 201, 0, 2000), GUARD_DROP);
}

static void changed_ids_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(verdict("users", 1000, 1000, 1000, 990, 2000), GUARD_IDS);
	assert_int_equal(verdict("users", 1000, 1000, 1000, 500, 2000), GUARD_DROP);
	assert_int_equal(verdict("users", 1000, 1000, 1000, 501, 2000), GUARD_IDS);
	assert_int_equal(verdict("users", 1000, 1000, 100, 100, 2000), GUARD_FINE);
}

static void small_files_only_when_core_and_all_gone(void **state)
{
	(void)state;
	assert_int_equal(verdict("orgs", 9, 1, 8, 0, 2000), GUARD_FINE);
	assert_int_equal(verdict("orgs", 9, 9, 9, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("orgs", 1, 1, 1, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("resources", 9, 0, 9, 0, 5000), GUARD_FINE);
	assert_int_equal(verdict("orgs", 10, 7, 3, 0, 2000), GUARD_DROP);
	assert_int_equal(verdict("resources", 10, 4, 6, 0, 5000), GUARD_DROP);
}

static void whole_percentage_switches_off(void **state)
{
	(void)state;
	assert_int_equal(verdict("users", 1000, 0, 1000, 0, GUARD_WHOLE), GUARD_FINE);
	assert_int_equal(verdict("orgs", 1, 0, 1, 0, GUARD_WHOLE), GUARD_FINE);
}

static void floor_holds_without_a_bundle_before(void **state)
{
	(void)state;
	struct guard_file file = {.table = table("users"), .new_rows = 999, .limit = GUARD_WHOLE, .floor = 1000};
	assert_int_equal(guard_judge(&file), GUARD_FLOOR);
	file.new_rows = 1000;
	assert_int_equal(guard_judge(&file), GUARD_FINE);
}

static void nothing_before_is_nothing_gone(void **state)
{
	(void)state;
	assert_int_equal(verdict("users", 0, 1000, 0, 0, 0), GUARD_FINE);
	assert_int_equal(verdict("users", 0, 0, 0, 0, 2000), GUARD_FINE);
}

static void the_sentence_has_all_numbers(void **state)
{
	(void)state;
	struct err err = {0};
	struct guard_file file = {.table = table("users"),
		.old_rows = 1000,
		.new_rows = 745,
		.gone = 255,
		.limit = 1250,
		.verdict = GUARD_DROP};
	assert_false(guard_explain(&file, &err));
	assert_int_equal(err.code, ERR_GUARD);
	assert_int_equal(err_exit_status(err.code), 6);
	static const char *const parts[] = {"users.csv", "1000", "745", "255", "25.5 %", "max-drop", "12.5 %"};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_non_null(strstr(err.text, parts[i]));

	err_clear(&err);
	file.verdict = GUARD_IDS;
	file.churned = 254;
	assert_false(guard_explain(&file, &err));
	assert_non_null(strstr(err.text, "254"));
	assert_non_null(strstr(err.text, "sourcedId"));

	err_clear(&err);
	file.absent = true;
	file.verdict = GUARD_DROP;
	assert_false(guard_explain(&file, &err));
	assert_non_null(strstr(err.text, "users.csv had 1000 rows and is not in the bundle"));

	err_clear(&err);
	file.verdict = GUARD_FLOOR;
	file.floor = 900;
	assert_false(guard_explain(&file, &err));
	assert_non_null(strstr(err.text, "745"));
	assert_non_null(strstr(err.text, "900 of min-rows"));
}

/* The limits that the schemas bring: 20 % for people, schools and classes, 50 % where terms turn rows over. */
static void limits_of_the_standard_files(void **state)
{
	(void)state;
	static const char *const steady[] = {"orgs", "courses", "classes", "users", "demographics"};
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++) {
		int expected = 50;
		for (size_t s = 0; s < sizeof(steady) / sizeof(steady[0]); s++)
			if (table(steady[s])->id == i)
				expected = 20;
		assert_int_equal(schema_oneroster_1_1.tables[i].max_drop, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_itself_is_allowed),
		cmocka_unit_test(replaced_rows_are_gone),
		cmocka_unit_test(changed_ids_are_told_apart),
		cmocka_unit_test(small_files_only_when_core_and_all_gone),
		cmocka_unit_test(whole_percentage_switches_off),
		cmocka_unit_test(floor_holds_without_a_bundle_before),
		cmocka_unit_test(nothing_before_is_nothing_gone),
		cmocka_unit_test(the_sentence_has_all_numbers),
		cmocka_unit_test(limits_of_the_standard_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

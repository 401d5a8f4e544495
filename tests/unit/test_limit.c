/* What max-drop and min-rows may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "limit.h"
#include "table/schema.h"

static int id_of(const char *name)
{
	return schema_table_find(&schema_oneroster_1_1, name)->id;
}

static void drops(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *table;
		int hundredths;
	} good[] = {
		{"20%", NULL, 2000},
		{"20", NULL, 2000},
		{"0%", NULL, 0},
		{"100%", NULL, 10000},
		{"100.00%", NULL, 10000},
		{"12.5%", NULL, 1250},
		{"0.25", NULL, 25},
		{"7.05%", NULL, 705},
		{"users=10%", "users", 1000},
		{"enrollments=60", "enrollments", 6000},
		{"classResources=100%", "classResources", 10000},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err = {0};
		int table = 99;
		int hundredths = -1;
		assert_true(limit_drop(good[i].text, &table, &hundredths, &err));
		assert_int_equal(table, good[i].table != NULL ? id_of(good[i].table) : SCHEMA_NONE);
		assert_int_equal(hundredths, good[i].hundredths);
	}
	static const char *const bad[] = {"", "%", "-1%", "101%", "100.01%", "20%%", "20 %", "1e1", "20.", ".5",
		"1.234", "user=10%", "users", "users=", "users=x", "=20%", "users:10%", "1000", "20%x", "0x10"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};
		int table;
		int hundredths;
		assert_false(limit_drop(bad[i], &table, &hundredths, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void floors(void **state)
{
	(void)state;
	struct err err = {0};
	int table = 99;
	uint64_t rows = 1;
	assert_true(limit_rows("users=1000", &table, &rows, &err));
	assert_int_equal(table, id_of("users"));
	assert_int_equal(rows, 1000);
	assert_true(limit_rows("orgs=0", &table, &rows, &err));
	assert_int_equal(rows, 0);
	assert_true(limit_rows("enrollments=999999999999", &table, &rows, &err));
	assert_true(rows == UINT64_C(999999999999));
	static const char *const bad[] = {"", "1000", "users", "users=", "users=-1", "users=1k", "users=10%", "user=10",
		"users=1 ", "users=9999999999999", "=5"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		assert_false(limit_rows(bad[i], &table, &rows, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(drops), cmocka_unit_test(floors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/finding.h"

/* A row of users.csv and its value. */
static void add(struct findings *findings, enum rule rule, const char *column, uint64_t row, const char *value)
{
	findings_add(findings, rule, "users.csv", column, NULL, row, value, value != NULL ? strlen(value) : 0);
}

/* Every rule has a code, a text and, when it is shown, something to follow "12 rows: ". */
static void test_rules(void **state)
{
	(void)state;
	for (int i = 0; i < RULE_COUNT; i++) {
		assert_non_null(rules[i].code);
		assert_non_null(strchr(rules[i].code, '.'));
		assert_non_null(rules[i].text);
		assert_true(rules[i].text[strlen(rules[i].text) - 1] != '.');
		assert_true(rules[i].advice == NULL || rules[i].advice[strlen(rules[i].advice) - 1] == '.');
		enum rule found = rule_find(rules[i].code);
		assert_true(found == (enum rule)i || (i == RULE_FILE_EMPTY_CORE && found == RULE_FILE_EMPTY));
	}
	assert_int_equal(rule_find("field.dates"), RULE_COUNT);
	assert_int_equal(rule_find(""), RULE_COUNT);
	assert_int_equal(rules[RULE_FILE_EMPTY].severity, RULE_WARNING);
	assert_int_equal(rules[RULE_FILE_EMPTY_CORE].severity, RULE_ERROR);
}

/* The same rule, file, column and detail count together, anything else does not. */
static void test_together(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	add(findings, RULE_FIELD_DATE, "a", 3, NULL);
	add(findings, RULE_FIELD_DATE, "a", 4, NULL);
	add(findings, RULE_FIELD_DATE, "b", 3, NULL);
	add(findings, RULE_FIELD_YEAR, "a", 3, NULL);
	add(findings, RULE_FIELD_DATE, NULL, 3, NULL);
	findings_add(findings, RULE_FIELD_DATE, "orgs.csv", "a", NULL, 3, NULL, 0);
	findings_add(findings, RULE_FIELD_DATE, "users.csv", "a", "b", 3, NULL, 0);
	findings_add(findings, RULE_FIELD_DATE, "users.csv", NULL, "a", 3, NULL, 0);
	assert_int_equal(findings_count(findings), 7);
	assert_int_equal(findings_at(findings, 0)->count, 2);
	assert_int_equal(findings_at(findings, 1)->count, 1);
	findings_free(findings);
	findings_free(NULL);
}

/* The whole first, then files as met; in each errors first, then as met. */
static void test_order(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	findings_add(findings, RULE_SEM_USERNAME, "users.csv", NULL, NULL, 1, NULL, 0);
	findings_add(findings, RULE_FIELD_GRADE, "users.csv", NULL, NULL, 1, NULL, 0);
	findings_add(findings, RULE_FIELD_DATE, "orgs.csv", NULL, NULL, 1, NULL, 0);
	findings_add(findings, RULE_ZIP_ZIP64, NULL, NULL, NULL, 0, NULL, 0);
	findings_add(findings, RULE_FIELD_YEAR, "users.csv", NULL, NULL, 1, NULL, 0);
	findings_add(findings, RULE_ID_EMPTY, "users.csv", NULL, NULL, 1, NULL, 0);
	findings_add(findings, RULE_ZIP_PATH, NULL, NULL, NULL, 0, NULL, 0);
	static const enum rule order[] = {RULE_ZIP_PATH, RULE_ZIP_ZIP64, RULE_FIELD_YEAR, RULE_ID_EMPTY,
		RULE_FIELD_GRADE, RULE_SEM_USERNAME, RULE_FIELD_DATE};
	assert_int_equal(findings_count(findings), 7);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(findings_at(findings, i)->rule, order[i]);
	assert_int_equal(findings_severity(findings, RULE_ERROR), 4);
	assert_int_equal(findings_severity(findings, RULE_WARNING), 2);
	assert_int_equal(findings_severity(findings, RULE_INFO), 1);
	findings_free(findings);
}

/* The first rows are the examples, in whatever order they come. */
static void test_examples(void **state)
{
	(void)state;
	static const uint64_t rows[] = {9, 40, 7, 8, 12, 3, 50, 10, 2};
	struct findings *findings = findings_new(true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char value[16];
		snprintf(value, sizeof(value), "v%d", (int)rows[i]);
		add(findings, RULE_ID_DUPLICATE, "sourcedId", rows[i], value);
	}
	const struct finding *finding = findings_at(findings, 0);
	assert_int_equal(finding->count, 9);
	assert_int_equal(finding->example_count, FINDING_EXAMPLES);
	static const uint64_t first[] = {2, 3, 7, 8, 9};
	static const char *const values[] = {"v2", "v3", "v7", "v8", "v9"};
	for (size_t i = 0; i < FINDING_EXAMPLES; i++) {
		assert_int_equal(finding->examples[i].row, first[i]);
		assert_string_equal(finding->examples[i].value, values[i]);
	}
	findings_free(findings);
}

static void test_values(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	add(findings, RULE_FIELD_DATE, "a", 2, "secret");
	assert_null(findings_at(findings, 0)->examples[0].value);
	findings_free(findings);

	char longest[200];
	memset(longest, 'x', sizeof(longest));
	memcpy(longest + FINDING_VALUE_MAX - 1, "\xC3\xAB", 2); /* would be cut in two */
	findings = findings_new(true);
	add(findings, RULE_FIELD_DATE, "a", 2, "");
	add(findings, RULE_FIELD_DATE, "a", 3, "a\nb\x1B[2J");
	add(findings, RULE_FIELD_DATE, "a", 4, "\xFF");
	findings_add(findings, RULE_FIELD_DATE, "users.csv", "a", NULL, 5, longest, sizeof(longest));
	add(findings, RULE_FIELD_DATE, "a", 6, NULL);
	const struct finding *finding = findings_at(findings, 0);
	assert_string_equal(finding->examples[0].value, "");
	assert_string_equal(finding->examples[1].value, "a b[2J");
	assert_string_equal(finding->examples[2].value, "\xEF\xBF\xBD");
	assert_int_equal(strlen(finding->examples[3].value), FINDING_VALUE_MAX - 1);
	assert_null(finding->examples[4].value);
	findings_free(findings);
}

/* An accepted error counts as a warning and stands among them; warnings cannot be accepted. */
static void test_accept(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	add(findings, RULE_FIELD_DATE, "birthDate", 2, NULL);
	add(findings, RULE_FIELD_ENUM, "role", 2, NULL);
	add(findings, RULE_ID_EMPTY, "role", 2, NULL);
	add(findings, RULE_FIELD_GRADE, "grades", 2, NULL);
	findings_accept(findings, "users.role");
	findings_accept(findings, "field.grade");
	assert_int_equal(findings_severity(findings, RULE_ERROR), 2);
	assert_int_equal(findings_severity(findings, RULE_WARNING), 2);
	assert_int_equal(findings_at(findings, 0)->rule, RULE_FIELD_DATE);
	assert_int_equal(findings_at(findings, 1)->rule, RULE_ID_EMPTY);
	assert_int_equal(findings_at(findings, 2)->rule, RULE_FIELD_ENUM);
	assert_true(findings_at(findings, 2)->accepted);
	assert_int_equal(findings_at(findings, 3)->rule, RULE_FIELD_GRADE);
	assert_false(findings_at(findings, 3)->accepted);
	findings_accept(findings, "field.required");
	add(findings, RULE_FIELD_REQUIRED, "username", 2, NULL);
	add(findings, RULE_FIELD_BOOLEAN, "role", 2, NULL);
	findings_add(findings, RULE_FIELD_ENUM, "users.csv.csv", "role", NULL, 2, NULL, 0);
	assert_int_equal(findings_severity(findings, RULE_ERROR), 3);
	assert_int_equal(findings_severity(findings, RULE_WARNING), 4);
	findings_free(findings);
}

static void test_forget(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	add(findings, RULE_FIELD_DATE, "a", 2, NULL);
	findings_add(findings, RULE_FIELD_DATE, "orgs.csv", "a", NULL, 2, NULL, 0);
	findings_add(findings, RULE_ZIP_PATH, NULL, NULL, "x", 0, NULL, 0);
	add(findings, RULE_FIELD_YEAR, "a", 2, NULL);
	findings_forget(findings, "users.csv");
	assert_int_equal(findings_count(findings), 2);
	assert_int_equal(findings_at(findings, 0)->rule, RULE_ZIP_PATH);
	assert_string_equal(findings_at(findings, 1)->file, "orgs.csv");
	findings_add(findings, RULE_FIELD_DATE, "orgs.csv", "a", NULL, 3, NULL, 0);
	add(findings, RULE_FIELD_DATE, "a", 9, NULL);
	assert_int_equal(findings_count(findings), 3);
	assert_int_equal(findings_at(findings, 1)->count + findings_at(findings, 2)->count, 3);
	findings_free(findings);
}

/* A bundle decides about details and columns, so how many are told apart is bounded. None is lost for that. */
static void test_bounded(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	struct findings *findings = findings_new(true);
	for (int i = 0; i < MANY; i++) {
		char name[24];
		snprintf(name, sizeof(name), "entry-%d.txt", i);
		findings_add(findings, RULE_ZIP_UNKNOWN_FILE, NULL, NULL, name, 0, NULL, 0);
	}
	uint64_t sum = 0;
	for (size_t i = 0; i < findings_count(findings); i++)
		sum += findings_at(findings, i)->count;
	assert_int_equal(sum, MANY);
	assert_true(findings_count(findings) < 5000);
	findings_free(findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

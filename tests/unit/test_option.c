#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "option.h"

enum { ALL_GROUPS = OPTION_SOURCE | OPTION_BUNDLE | OPTION_RUN };

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &options[i];
		assert_ptr_equal(option_find(option->name, strlen(option->name)), option);
		assert_int_equal(option_index(option), i);
		if (option->letter != '\0')
			assert_ptr_equal(option_find_letter(option->letter), option);
		assert_int_equal(option->kind == OPTION_CHOICE, option->choices != NULL);
		assert_int_equal(option->kind == OPTION_FLAG, option->argument == NULL);
		if (option->choices != NULL)
			assert_string_equal(option->preset, option->choices[0]);
		assert_true(strlen(option->help) <= 60);
	}
	assert_null(option_find("pag", 3));
	assert_null(option_find("page-sizes", 10));
	assert_null(option_find("", 0));
	assert_null(option_find_letter('\0'));
}

static void test_nearest(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		const char *nearest;
	} cases[] = {
		{"clientid", "client-id"},
		{"client_id", "client-id"},
		{"ur", "url"},
		{"ulr", "url"},
		{"PageSize", "page-size"},
		{"paralel", "parallel"},
		{"colection", "collections"},
		{"outptu", "output"},
		{"secret-file", "client-secret-file"},
		{"zebra", NULL},
		{"x", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *nearest = option_nearest(cases[i].word, strlen(cases[i].word), ALL_GROUPS);
		if (cases[i].nearest == NULL)
			assert_null(nearest);
		else
			assert_string_equal(nearest, cases[i].nearest);
	}
	/* What the command does not have is not advised. */
	assert_null(option_nearest("clientid", 8, OPTION_RUN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_nearest),
	};
	return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}

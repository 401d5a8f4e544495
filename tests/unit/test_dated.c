#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "dated.h"

enum { NOON = 1709208000 }; /* 2024-02-29T12:00:00Z */

static void test_fill(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *filled;
	} cases[] = {
		{"OneRoster.zip", "OneRoster.zip"},
		{"/srv/eagle-%Y%m%d.zip", "/srv/eagle-20240229.zip"},
		{"%H.%M", "12.00"},
		{"100%%-%d.zip", "100%-29.zip"},
		{"%Y/%m/eagle.zip", "2024/02/eagle.zip"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *filled = dated_fill(cases[i].text, NOON);
		assert_string_equal(filled, cases[i].filled);
		assert_true(dated_fits(cases[i].text, filled));
		free(filled);
	}
}

/* What is too long for a path is none. */
static void test_nothing(void **state)
{
	(void)state;
	char *longer = mem_new(5001, 1);
	memset(longer, 'x', 5000);
	longer[0] = '%';
	longer[1] = 'Y';
	assert_null(dated_fill(longer, NOON));
	free(longer);
}

static void test_places(void **state)
{
	(void)state;
	assert_false(dated_has_places("OneRoster.zip"));
	assert_true(dated_has_places("eagle-%j.zip"));
}

static void test_fits(void **state)
{
	(void)state;
	assert_true(dated_fits("eagle-%Y%m%d.zip", "eagle-20261122.zip"));
	assert_true(dated_fits("eagle.zip", "eagle.zip"));
	assert_false(dated_fits("eagle.zip", "eagle.zip.old"));
	assert_false(dated_fits("eagle.zip", "Eagle.zip"));
	assert_false(dated_fits("eagle-%Y%m%d.zip", "eagle-20261122.zip.sha256"));
	assert_false(dated_fits("eagle-%Y%m%d.zip", "eagle-20261322.zip"));
	assert_false(dated_fits("eagle-%Y%m%d.zip", "hawk-20261122.zip"));
	assert_false(dated_fits("eagle-%Y%m%d.zip", "eagle-"));
}

int main(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

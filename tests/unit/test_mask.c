#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mask.h"

static void check(const struct mask *mask, const char *text, const char *expected)
{
	char place[200];
	snprintf(place, sizeof(place), "%s", text);
	mask_text(mask, place, sizeof(place));
	assert_string_equal(place, expected);
}

static void test_forms(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	mask_add(mask, "s&cret /1", false);
	check(mask, "is s&cret /1!", "is ***!");
	check(mask, "is s%26cret%20%2F1!", "is ***!");
	check(mask, "is s%26cret%20%2f1!", "is ***!");
	check(mask, "is s%26cret+%2F1!", "is ***!");
	check(mask, "is cyZjcmV0IC8x!", "is ***!");
	check(mask, "s&cret /1s&cret /1", "******");
	check(mask, "s&cret /2", "s&cret /2");
	check(mask, "", "");
	mask_free(mask);
}

static void test_longest_counts(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	mask_add(mask, "abc", false);
	mask_add(mask, "abcdef", false);
	check(mask, "xabcdefx abcx", "x***x ***x");
	mask_free(mask);
}

static void test_cut_at_the_end(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	mask_add(mask, "0123456789abcdef", false);
	check(mask, "key 0123456", "key ***");
	check(mask, "key 012", "key 012");
	check(mask, "key 0123456 other", "key 0123456 other");
	mask_free(mask);
}

static void test_cut_before_dots(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	mask_add(mask, "0123456789abcdef", false);
	check(mask, "is 0123456789...", "is ***...");
	check(mask, "is 0123456789abcdef...", "is ***...");
	check(mask, "is 012...", "is 012...");
	check(mask, "is 0123456789... and more", "is 0123456789... and more");
	mask_free(mask);
}

static void test_room(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	char text[8] = "aabaaba";
	mask_add(mask, "aab", false);
	mask_text(mask, text, sizeof(text));
	assert_string_equal(text, "******a");
	mask_add(mask, "a", false); /* too short to be looked for */
	char other[4] = "aaa";
	mask_text(mask, other, sizeof(other));
	assert_string_equal(other, "aaa");
	mask_free(mask);
}

static void test_passing_secrets_pass(void **state)
{
	(void)state;
	struct mask *mask = mask_new();
	char secret[40];
	mask_add(mask, "for good", false);
	for (int i = 0; i < 1000; i++) {
		snprintf(secret, sizeof(secret), "token-%04d-x", i);
		mask_add(mask, secret, true);
	}
	check(mask, "token-0000-x", "token-0000-x");
	check(mask, "token-0936-x", "***");
	check(mask, "token-0999-x for good", "*** ***");
	mask_free(mask);
}

static void check_query(const char *text, const char *expected)
{
	char place[200];
	snprintf(place, sizeof(place), "%s", text);
	mask_query(place, sizeof(place));
	assert_string_equal(place, expected);
}

static void test_queries(void **state)
{
	(void)state;
	check_query("POST /token?client_id=me&client_secret=x%20y&scope=a HTTP/1.1",
		"POST /token?client_id=me&client_secret=***&scope=a HTTP/1.1");
	check_query("/t?authorization_code=1&refresh_token=2&Access_Token=#f",
		"/t?authorization_code=***&refresh_token=***&Access_Token=***#f");
	check_query("/users?limit=100&offset=0&filter=a%3D'b'", "/users?limit=100&offset=0&filter=a%3D'b'");
	check_query("no query, code=1", "no query, code=1");
	check_query("?&&=?code", "?&&=?code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_longest_counts),
		cmocka_unit_test(test_cut_at_the_end),
		cmocka_unit_test(test_cut_before_dots),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_passing_secrets_pass),
		cmocka_unit_test(test_queries),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

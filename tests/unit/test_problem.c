#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "fetch/problem.h"

static void check(const char *body, const char *expected)
{
	char line[PROBLEM_ROOM];
	problem_text(body, strlen(body), line);
	if (strcmp(line, expected) != 0)
		fail_msg("%s\nis:     %s\nshould: %s", body, line, expected);
}

static void test_status_objects(void **state)
{
	(void)state;
	check("{\"statusInfoSet\":[{\"imsx_codeMajor\":\"failure\",\"imsx_severity\":\"error\","
	      "\"imsx_messageRefIdentifier\":\"7\",\"imsx_description\":\"No such field\","
	      "\"imsx_codeMinor\":\"invalid_sort_field\"}]}",
		"invalid_sort_field: No such field");
	check("{\"imsx_codeMajor\":\"failure\",\"imsx_description\":\"Not here\",\"imsx_CodeMinor\":"
	      "{\"imsx_codeMinorField\":[{\"imsx_codeMinorFieldName\":\"TargetEndSystem\","
	      "\"imsx_codeMinorFieldValue\":\"unknownobject\"}]}}",
		"unknownobject: Not here");
	check("[{\"imsx_codeMinor\":\"forbidden\"}]", "forbidden");
	check("\xef\xbb\xbf {\"a\":{\"b\":[{\"imsx_description\":\"deep\"}]}}", "deep");
	check("{\"errors\":[{\"codeMajor\":\"failure\",\"codeMinor\":\"unknown object\",\"description\":\"text\"}]}",
		"unknown object: text");
}

static void test_others(void **state)
{
	(void)state;
	check("{\"error\":\"invalid_client\",\"error_description\":\"Unknown key\"}", "invalid_client: Unknown key");
	check("{\"error\":\"invalid_client\"}", "invalid_client");
	check("{\"Message\":\"No route matches\"}", "No route matches");
	check("{\"error\":{\"code\":403,\"message\":\"Not for you\"}}", "Not for you");
	check("{\"errors\":[\"first\",\"second\"]}", "first");
	check("{\"title\":\"Bad Gateway\",\"status\":502,\"detail\":\"no answer\"}", "no answer");
	check("\"just a string\"", "just a string");
	check("Service\tunavailable\r\n", "Service unavailable");
}

static void test_rows_are_nobodys_words(void **state)
{
	(void)state;
	check("{\"sourcedId\":\"u1\",\"title\":\"Test of Ann\",\"reason\":\"illness\"}", "");
	check("{\"error\":null,\"detail\":\"Ann Lee\",\"result\":{\"users\":[{\"sourcedId\":\"u1\"}]}}", "");
	check("{\"errors\":[{\"description\":\"Ann Lee\",\"sourcedId\":\"u1\"}]}", "");
	check("{\"sourcedId\":\"u1\",\"title\":\"Ann\",\"imsx_description\":\"No such row\"}", "No such row");
	check("\"{\\\"users\\\":[{\\\"givenName\\\":\\\"Ann\\\"}]}\"", "");
	check("{\"Message\":\" [ {\\\"givenName\\\":\\\"Ann\\\"}]\"}", "");
	check("{\"Message\":\"[42] not found\"}", "[42] not found");
}

static void test_pages(void **state)
{
	(void)state;
	check("<!DOCTYPE html><html><head><TITLE>\n Sign in &amp; go </TITLE></head>", "Sign in &amp; go");
	check("<html><body>Hello</body></html>", "a web page");
	check("<html><title></title>", "a web page");
	check("<html><title>cut in the mid", "a web page");
	assert_true(problem_is_page("  <HTML>", 8));
	assert_false(problem_is_page("{\"a\":\"b\"}", 9));
}

static void test_cut_documents(void **state)
{
	(void)state;
	check("{\"imsx_codeMinor\":\"forbidden\",\"imsx_description\":\"You may no", "forbidden");
	check("{\"error\":\"invalid_scope\",", "invalid_scope");
	check("{\"error\":\"invalid_scope\"} and more", "invalid_scope");
	check("{\"error\":\"inva", "");
}

/* Rows of people may come where an error was expected; none of that may reach a message. */
static void test_data_is_not_quoted(void **state)
{
	(void)state;
	check("{\"lineItems\":[{\"sourcedId\":\"1\",\"title\":\"Quiz\",\"description\":\"of "
	      "Testa\",\"message\":\"x\"}]}",
		"");
	check("[{\"givenName\":\"Testa\",\"detail\":\"secret\"}]", "");
	check("{\"users\":[{\"error\":\"x\"}]}", "");
	check("{}", "");
	check("", "");
	check("   ", "");
	check("[1,2,3]", "");
	check("{broken", "");
}

static void test_hostile_text(void **state)
{
	(void)state;
	check("{\"Message\":\"a\\u0000b\\u001b[31mc\\r\\n\\u202ed\\u2028<b>e</b> f<g 1 < 2 \\u00e9\"}",
		"a b [31mc d e f");
	check("{\"Message\":\"1 < 2 and \\ud83c\\udf92 \\u00e9\"}", "1 < 2 and \xf0\x9f\x8e\x92 \xc3\xa9");
	check("bad \xff\xfe bytes \xc3", "bad bytes");
	char line[PROBLEM_ROOM];
	problem_text("ab\0cd", 5, line);
	assert_string_equal(line, "");
	problem_text(NULL, 0, line);
	assert_string_equal(line, "");
}

static void test_length(void **state)
{
	(void)state;
	static char body[20000];
	char line[PROBLEM_ROOM];
	/* Two-byte characters: the line must end behind a whole one. */
	for (size_t shift = 0; shift < 2; shift++) {
		size_t length = 0;
		if (shift == 1)
			body[length++] = 'x';
		while (length + 2 < sizeof(body)) {
			body[length++] = '\xc3';
			body[length++] = '\xa9';
		}
		problem_text(body, length, line);
		size_t size = strlen(line);
		assert_in_range(size, PROBLEM_ROOM - 6, PROBLEM_ROOM - 1);
		assert_string_equal(line + size - 5, "\xc3\xa9...");
	}
}

static void test_depth(void **state)
{
	(void)state;
	struct buf deep = {0};
	char line[PROBLEM_ROOM];
	for (int i = 0; i < 5000; i++)
		buf_add_text(&deep, "{\"a\":[");
	problem_text(deep.data, deep.length, line);
	assert_string_equal(line, "");
	buf_release(&deep);
}

static bool member(const char *body, const char *name, char *out, size_t room)
{
	return problem_member(body, strlen(body), name, out, room);
}

static void test_members(void **state)
{
	(void)state;
	char out[12];
	assert_true(member("{\"x\":{\"error\":\"inner\"},\"Error\":\"outer\"}", "error", out, sizeof(out)));
	assert_string_equal(out, "outer");
	assert_true(member("{\"expires_in\":21600.50}", "expires_in", out, sizeof(out)));
	assert_string_equal(out, "21600.50");
	assert_true(member("{\"ok\":true}", "ok", out, sizeof(out)));
	assert_string_equal(out, "true");
	assert_true(member("{\"imsx_CodeMinor\":{\"imsx_codeMinorField\":[{\"imsx_codeMinorFieldName\":\"T\","
			   "\"imsx_codeMinorFieldValue\":\"forbidden\"}]}}",
		"imsx_codeMinor", out, sizeof(out)));
	assert_string_equal(out, "forbidden");
	assert_true(member("{\"error\":\"cut behind\"", "error", out, sizeof(out)));
	assert_string_equal(out, "cut behind");
	assert_true(member("{\"error\":\"12345678901\"}", "error", out, sizeof(out)));
	assert_string_equal(out, "12345678901");

	assert_false(member("{\"error\":\"123456789012\"}", "error", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(member("{\"error\":\"a\\u0000b\"}", "error", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(member("{\"error\":null}", "error", out, sizeof(out)));
	assert_false(member("{\"error\":{}}", "error", out, sizeof(out)));
	assert_false(member("\"error\"", "error", out, sizeof(out)));
	assert_false(member("", "error", out, sizeof(out)));
	assert_false(problem_member(NULL, 0, "error", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_objects),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_rows_are_nobodys_words),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_cut_documents),
		cmocka_unit_test(test_data_is_not_quoted),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

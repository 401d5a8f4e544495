#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch/retry.h"

/* 1994-11-06T08:49:37Z, the example of RFC 9110. */
enum { NOW = 784111777 };

static char now_text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
static char later_text[] = "Sun, 06 Nov 1994 08:51:37 GMT"; /* 120 s later */

static enum retry_verdict judge(long status, enum http_failure failure, unsigned tries)
{
	const struct http_reply reply = {.status = status, .failure = failure};
	return retry_judge(&reply, tries);
}

static void test_statuses(void **state)
{
	(void)state;
	static const long again[] = {408, 425, 429};
	static const long smaller[] = {413, 502, 503, 504};
	static const long never[] = {200, 204, 301, 302, 304, 400, 401, 403, 404, 405, 422, 501, 505};
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
		assert_int_equal(judge(again[i], HTTP_OK, 7), RETRY_AGAIN);
	for (size_t i = 0; i < sizeof(smaller) / sizeof(smaller[0]); i++)
		assert_int_equal(judge(smaller[i], HTTP_OK, 7), RETRY_SMALLER);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_int_equal(judge(never[i], HTTP_OK, 1), RETRY_NEVER);
}

static void test_500_once_more(void **state)
{
	(void)state;
	assert_int_equal(judge(500, HTTP_OK, 1), RETRY_AGAIN);
	assert_int_equal(judge(500, HTTP_OK, 2), RETRY_NEVER);
}

static void test_failures(void **state)
{
	(void)state;
	assert_int_equal(judge(0, HTTP_CONNECT, 9), RETRY_AGAIN);
	assert_int_equal(judge(0, HTTP_TIMEOUT, 1), RETRY_SMALLER);
	assert_int_equal(judge(200, HTTP_TIMEOUT, 1), RETRY_SMALLER);
	assert_int_equal(judge(200, HTTP_CUT, 1), RETRY_SMALLER);
	assert_int_equal(judge(0, HTTP_CUT, 1), RETRY_SMALLER);
	assert_int_equal(judge(0, HTTP_TLS, 1), RETRY_NEVER);
	assert_int_equal(judge(200, HTTP_TOO_MUCH, 1), RETRY_NEVER);
	assert_int_equal(judge(200, HTTP_ABORTED, 1), RETRY_NEVER);
	assert_int_equal(judge(200, HTTP_STOPPED, 1), RETRY_NEVER);
	assert_int_equal(judge(503, HTTP_STOPPED, 1), RETRY_NEVER);
	assert_int_equal(judge(0, HTTP_OTHER, 1), RETRY_NEVER);
	/* The explanation of a refusal may be cut; it stays a refusal. */
	assert_int_equal(judge(403, HTTP_CUT, 1), RETRY_NEVER);
	assert_int_equal(judge(429, HTTP_CUT, 1), RETRY_AGAIN);
}

static void test_own_wait_grows_to_a_cap(void **state)
{
	(void)state;
	const struct http_reply reply = {.status = 503};
	int64_t base = RETRY_BASE_MS;
	for (unsigned tries = 1; tries < 100; tries++) {
		for (uint32_t random = 0; random < 3000; random += 499) {
			int64_t wait = retry_wait_ms(&reply, tries, NOW, random);
			int64_t least = base < RETRY_CAP_MS - RETRY_BASE_MS ? base : RETRY_CAP_MS - RETRY_BASE_MS;
			assert_true(wait >= least && wait <= base + base / 2 && wait <= RETRY_CAP_MS);
		}
		base = base < RETRY_CAP_MS ? base * 2 : base;
	}
	/* Machines that were refused together do not come back together. */
	assert_int_not_equal(retry_wait_ms(&reply, 3, NOW, 1), retry_wait_ms(&reply, 3, NOW, 250));
}

static int64_t asked(char *retry_after, char *rate_reset, char *date)
{
	const struct http_reply reply = {
		.status = 429, .retry_after = retry_after, .rate_reset = rate_reset, .date = date};
	return retry_wait_ms(&reply, 1, NOW, 0);
}

static void test_the_server_may_ask_for_more(void **state)
{
	(void)state;
	char two_minutes[] = "120";
	char half[] = "7.5";
	assert_int_equal(asked(two_minutes, NULL, NULL), 120000);
	assert_int_equal(asked(half, NULL, NULL), 7500);
	assert_int_equal(asked(later_text, NULL, NULL), 120000);
	assert_int_equal(asked(NULL, two_minutes, NULL), 120000);
	assert_int_equal(asked(NULL, later_text, NULL), 120000);
}

static void test_but_not_for_less(void **state)
{
	(void)state;
	char nothing[] = "0";
	assert_int_equal(asked(nothing, NULL, NULL), RETRY_BASE_MS);
	assert_int_equal(asked(now_text, NULL, NULL), RETRY_BASE_MS);
}

static void test_moments(void **state)
{
	(void)state;
	const int64_t now = 1700000000;
	char seconds[] = "1700000090";
	char milliseconds[] = "1700000090000";
	const struct http_reply one = {.status = 429, .rate_reset = seconds};
	const struct http_reply two = {.status = 429, .rate_reset = milliseconds};
	assert_int_equal(retry_wait_ms(&one, 1, now, 0), 90000);
	assert_int_equal(retry_wait_ms(&two, 1, now, 0), 90000);
}

static void test_the_servers_clock_counts(void **state)
{
	(void)state;
	/* Ours is an hour ahead: without the server's Date its moment would seem long gone. */
	const struct http_reply reply = {.status = 503, .retry_after = later_text, .date = now_text};
	assert_int_equal(retry_wait_ms(&reply, 1, NOW + 3600, 0), 120000);
}

static void test_retry_after_comes_first(void **state)
{
	(void)state;
	char ten[] = "10";
	char hundred[] = "100";
	assert_int_equal(asked(ten, hundred, NULL), 10000);
}

static void test_a_quota_is_no_reason_elsewhere(void **state)
{
	(void)state;
	char hour[] = "3600";
	const struct http_reply reply = {.status = 502, .rate_reset = hour};
	assert_int_equal(retry_wait_ms(&reply, 1, NOW, 0), RETRY_BASE_MS);
}

static void test_nonsense_is_ignored(void **state)
{
	(void)state;
	static char nonsense[][40] = {"", "soon", "-5", "12 minutes", "1e9", "99999999999999999999999999", "0x10",
		"Sun, 06 Nov 2094 08:51:37 GMT", "5000000"};
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		assert_int_equal(asked(nonsense[i], NULL, NULL), RETRY_BASE_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_500_once_more),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_own_wait_grows_to_a_cap),
		cmocka_unit_test(test_the_server_may_ask_for_more),
		cmocka_unit_test(test_but_not_for_less),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_the_servers_clock_counts),
		cmocka_unit_test(test_retry_after_comes_first),
		cmocka_unit_test(test_a_quota_is_no_reason_elsewhere),
		cmocka_unit_test(test_nonsense_is_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"

static void test_known_days(void **state)
{
	(void)state;
	assert_int_equal(time_days(1970, 1, 1), 0);
	assert_int_equal(time_days(1969, 12, 31), -1);
	assert_int_equal(time_days(2000, 3, 1), 11017);
	assert_int_equal(time_days(2026, 11, 21), 20778);
	assert_int_equal(time_days(1858, 11, 17), -40587); /* day 0 of the Modified Julian Date */
	assert_int_equal(time_days(2024, 1, 31 + 29), time_days(2024, 2, 29));
}

/* The calendar as everybody learns it, day by day. */
static void test_all_days(void **state)
{
	(void)state;
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t days = time_days(-5, 1, 1);
	for (int year = -5; year < 2500; year++) {
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		for (int month = 1; month <= 12; month++) {
			int length = lengths[month - 1] + (leap && month == 2);
			assert_int_equal(time_month_days(year, month), length);
			for (int day = 1; day <= length; day++) {
				int y;
				int m;
				int d;
				time_date(days, &y, &m, &d);
				assert_true(y == year && m == month && d == day);
				assert_true(time_days(year, month, day) == days);
				days++;
			}
		}
	}
	assert_int_equal(time_month_days(2026, 0), 0);
	assert_int_equal(time_month_days(2026, 13), 0);
}

static void test_iso(void **state)
{
	(void)state;
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{-1, "1969-12-31T23:59:59Z"},
		{784111777, "1994-11-06T08:49:37Z"},
		{951782399, "2000-02-28T23:59:59Z"},
		{951782400, "2000-02-29T00:00:00Z"},
		{4102444800, "2100-01-01T00:00:00Z"},
		{INT64_MAX, "9999-12-31T23:59:59Z"},
		{INT64_MIN, "0000-01-01T00:00:00Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[21];
		time_iso(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_http(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777}, /* the three forms, RFC 9110 section 5.6.7 */
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
		{"Sun Nov  6 08:49:37 1994", 784111777},
		{"Sun Nov 16 08:49:37 1994", 784111777 + 10 * 86400},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Tue, 29 Feb 2028 23:59:59 GMT", 1835481599},
		{"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second */
		{"Wed, 31 Dec 1969 23:59:59 GMT", -1},
	};
	static const char *const bad[] = {"", "Sun", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
		"Thu, 31 Nov 1994 08:49:37 GMT", "Mon, 29 Feb 2027 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 PST", "Sun, 06 Nov 1994 +8:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT", "120", "-1"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t seconds = 42;
		assert_true(time_from_http(good[i].text, &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t seconds = 42;
		if (time_from_http(bad[i], &seconds))
			fail_msg("understood \"%s\"", bad[i]);
		assert_int_equal(seconds, 42);
	}
}

/* Two digits mean a year at most 50 years ahead. */
static void test_http_two_digits(void **state)
{
	(void)state;
	int year;
	int month;
	int day;
	time_date(time_unix() / 86400, &year, &month, &day);
	for (int ahead = -49; ahead <= 50; ahead++) {
		static const char digits[] = "0123456789";
		int meant = year + ahead;
		char text[] = "Sunday, 06-Nov-?? 08:49:37 GMT";
		text[15] = digits[meant / 10 % 10];
		text[16] = digits[meant % 10];
		int64_t seconds;
		assert_true(time_from_http(text, &seconds));
		assert_true(seconds == time_days(meant, 11, 6) * 86400 + 31777);
	}
}

static void test_clocks(void **state)
{
	(void)state;
	int64_t start = time_ms();
	int64_t before = (int64_t)time(NULL);
	int64_t now = time_unix();
	assert_true(now >= before && now <= (int64_t)time(NULL));
	int64_t last = start;
	while (last < start + 3) {
		int64_t next = time_ms();
		assert_true(next >= last);
		last = next;
	}
}

/* A day begins where the process is. */
static void test_local_days(void **state)
{
	static const struct {
		const char *zone;
		const char *day; /* of 2026-03-08T09:59:59Z */
		int64_t begin;   /* of the local 2026-03-08, before the clocks change */
	} cases[] = {
		{"UTC", "2026-03-08", 1772928000},
		{"WWW12", "2026-03-07", 1772928000 + 12 * 3600},
		{"EEE-14", "2026-03-08", 1772928000 - 14 * 3600},
		{"<-08>8", "2026-03-08", 1772928000 + 8 * 3600},
		{"PST8PDT,M3.2.0,M11.1.0", "2026-03-08", 1772928000 + 8 * 3600},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char day[11];
		assert_true(time_zone_known(cases[i].zone));
		time_zone_set(cases[i].zone);
		time_local_date(1772963999, day);
		assert_string_equal(day, cases[i].day);
		assert_int_equal(time_from_local(2026, 3, 8, 0, 0), cases[i].begin);
	}
	/* In summer time */
	assert_int_equal(time_from_local(2026, 7, 1, 61, 2), 1782864000 + 7 * 3600 + 3662);
	static const char *const unknown[] = {
		"Nowhere/City", "", "../etc/passwd", "/etc/passwd", "Denver", "E5", "UTC+"};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_false(time_zone_known(unknown[i]));
	time_zone_set("America/New_York");
}

int main(void)
{
	/* Neither may have a say. */
	setenv("TZ", "America/New_York", 1);
	tzset();
	setlocale(LC_ALL, "");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_days),
		cmocka_unit_test(test_all_days),
		cmocka_unit_test(test_iso),
		cmocka_unit_test(test_local_days),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_http_two_digits),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

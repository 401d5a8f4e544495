/* Which snapshots are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"
#include "package/retention.h"
#include "scratch.h"

enum { MANY = 800, DAY_SECONDS = 24 * 60 * 60 };

static struct retention_time time_of(const char *text)
{
	int year = 0;
	int month = 0;
	int day = 0;
	int hour = 0;
	int minute = 0;
	assert_true(sscanf(text, "%d-%d-%dT%d:%d", &year, &month, &day, &hour, &minute) >= 3);
	return (struct retention_time){.day = time_days(year, month, day), .second = (hour * 60 + minute) * 60};
}

/* One of each day from first to last, in this order; how many. */
static size_t each_day(const char *first, const char *last, struct retention_time *times)
{
	size_t count = 0;
	struct retention_time end = time_of(last);
	for (struct retention_time at = time_of(first); at.day <= end.day; at.day++)
		times[count++] = at;
	assert_true(count <= MANY);
	return count;
}

/* The kept ones are exactly those of the list, which are written "2026-12-31 last,daily" with the rules in this order.
 */
static void assert_kept(
	const struct retention *retention, const struct retention_time *times, size_t count, const char *const *wanted)
{
	static const char *const words[] = {"last", "daily", "weekly", "monthly"};
	unsigned kept[MANY];
	memset(kept, 0xff, sizeof(kept));
	retention_apply(retention, times, count, kept);
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		found += kept[i] != 0 ? 1 : 0;
	size_t expected = 0;
	for (; wanted[expected] != NULL; expected++) {
		struct retention_time time = time_of(wanted[expected]);
		const char *rules = strchr(wanted[expected], ' ') + 1;
		size_t at = 0;
		while (at < count && (times[at].day != time.day || times[at].second != time.second))
			at++;
		if (at == count || kept[at] == 0)
			fail_msg("%s is not kept", wanted[expected]);
		char text[64] = "";
		for (size_t bit = 0; bit < sizeof(words) / sizeof(words[0]); bit++)
			if ((kept[at] & 1U << bit) != 0) {
				if (text[0] != '\0')
					strcat(text, ",");
				strcat(text, words[bit]);
			}
		assert_string_equal(text, rules);
	}
	assert_int_equal(found, expected);
}

/* 2026 has 53 weeks of ISO 8601 and ends on a Thursday. */
static void a_year_of_days(void **state)
{
	(void)state;
	struct retention_time times[MANY];
	size_t count = each_day("2026-01-01", "2026-12-31", times);
	assert_int_equal(count, 365);
	static const struct {
		struct retention retention;
		const char *wanted[40];
	} cases[] = {
		{{.last = 3}, {"2026-12-31 last", "2026-12-30 last", "2026-12-29 last"}},
		{{.daily = 2}, {"2026-12-31 daily", "2026-12-30 daily"}},
		{{.weekly = 3}, {"2026-12-31 weekly", "2026-12-27 weekly", "2026-12-20 weekly"}},
		{{.monthly = 4},
			{"2026-12-31 monthly", "2026-11-30 monthly", "2026-10-31 monthly", "2026-09-30 monthly"}},
		/* More months than there are: one of each. */
		{{.monthly = 100}, {"2026-12-31 monthly", "2026-11-30 monthly", "2026-10-31 monthly",
					   "2026-09-30 monthly", "2026-08-31 monthly", "2026-07-31 monthly",
					   "2026-06-30 monthly", "2026-05-31 monthly", "2026-04-30 monthly",
					   "2026-03-31 monthly", "2026-02-28 monthly", "2026-01-31 monthly"}},
		{{.last = 1, .daily = 4, .weekly = 5, .monthly = 6},
			{"2026-12-31 last,daily,weekly,monthly", "2026-12-30 daily", "2026-12-29 daily",
				"2026-12-28 daily", "2026-12-27 weekly", "2026-12-20 weekly", "2026-12-13 weekly",
				"2026-12-06 weekly", "2026-11-30 monthly", "2026-10-31 monthly", "2026-09-30 monthly",
				"2026-08-31 monthly", "2026-07-31 monthly"}},
		{{0}, {NULL}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_kept(&cases[i].retention, times, count, cases[i].wanted);
	/* However they come. */
	for (size_t i = 0; i < count / 2; i++) {
		struct retention_time swapped = times[i];
		times[i] = times[count - 1 - i];
		times[count - 1 - i] = swapped;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_kept(&cases[i].retention, times, count, cases[i].wanted);
}

static void turns_of_the_year(void **state)
{
	(void)state;
	static const struct {
		const char *first;
		const char *last;
		struct retention retention;
		const char *wanted[10];
	} cases[] = {
		/* Week 53 of 2020 lasts to Sunday, 2021-01-03. */
		{"2020-12-20", "2021-01-05", {.weekly = 3},
			{"2021-01-05 weekly", "2021-01-03 weekly", "2020-12-27 weekly"}},
		{"2020-12-20", "2021-01-03", {.weekly = 2}, {"2021-01-03 weekly", "2020-12-27 weekly"}},
		/* Monday, 2024-12-30, belongs to week 1 of 2025. */
		{"2024-12-23", "2025-01-04", {.weekly = 2, .monthly = 2},
			{"2025-01-04 weekly,monthly", "2024-12-29 weekly", "2024-12-31 monthly"}},
		/* The same week number, another year. */
		{"2023-12-25", "2023-12-31", {.weekly = 5}, {"2023-12-31 weekly"}},
		/* A leap day is a day, and the end of its month. */
		{"2024-02-27", "2024-03-01", {.daily = 2, .monthly = 2},
			{"2024-03-01 daily,monthly", "2024-02-29 daily,monthly"}},
		/* Before the clock of Unix. */
		{"1969-12-28", "1970-01-01", {.weekly = 2}, {"1970-01-01 weekly", "1969-12-28 weekly"}},
	};
	struct retention_time times[MANY];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = each_day(cases[i].first, cases[i].last, times);
		assert_kept(&cases[i].retention, times, count, cases[i].wanted);
	}
}

static void gaps_and_crowds(void **state)
{
	(void)state;
	static const char *const texts[] = {"2026-07-01T02:00", "2026-07-01T14:30", "2026-07-01T23:59",
		"2026-03-10T02:00", "2026-03-09T02:00", "2025-11-30T12:00", "2025-11-30T12:01", "2019-01-01T00:00"};
	struct retention_time times[MANY];
	size_t count = sizeof(texts) / sizeof(texts[0]);
	for (size_t i = 0; i < count; i++)
		times[i] = time_of(texts[i]);
	static const struct {
		struct retention retention;
		const char *wanted[10];
	} cases[] = {
		/* Days without a snapshot do not count, and of several on a day the newest is kept. */
		{{.daily = 3}, {"2026-07-01T23:59 daily", "2026-03-10T02:00 daily", "2026-03-09T02:00 daily"}},
		{{.weekly = 3}, {"2026-07-01T23:59 weekly", "2026-03-10T02:00 weekly", "2025-11-30T12:01 weekly"}},
		{{.monthly = 4}, {"2026-07-01T23:59 monthly", "2026-03-10T02:00 monthly", "2025-11-30T12:01 monthly",
					 "2019-01-01T00:00 monthly"}},
		{{.last = 2}, {"2026-07-01T23:59 last", "2026-07-01T14:30 last"}},
		{{.last = 2, .daily = 2},
			{"2026-07-01T23:59 last,daily", "2026-07-01T14:30 last", "2026-03-10T02:00 daily"}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_kept(&cases[i].retention, times, count, cases[i].wanted);

	/* Of two at the same time the later in the list is the newer. */
	const struct retention one = {.last = 1, .daily = 1};
	unsigned kept[2] = {9, 9};
	times[0] = times[1] = time_of("2026-07-01T02:00");
	retention_apply(&one, times, 2, kept);
	assert_int_equal(kept[0], 0);
	assert_int_equal(kept[1], RETENTION_LAST | RETENTION_DAILY);
	retention_apply(&one, times, 0, kept);
}

/* The period of a time as the C library names it. */
static void name_period(const struct retention_time *time, const char *format, char *name, size_t size)
{
	struct tm tm;
	time_t seconds = (time_t)(time->day * DAY_SECONDS + time->second);
	gmtime_r(&seconds, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	assert_true(strftime(name, size, format, &tm) > 0);
#pragma GCC diagnostic pop
}

static bool is_newer(const struct retention_time *times, size_t a, size_t b)
{
	if (times[a].day != times[b].day)
		return times[a].day > times[b].day;
	return times[a].second != times[b].second ? times[a].second > times[b].second : a > b;
}

/* Word for word: it is the newest of its period, and fewer than so many other periods are newer. */
static bool is_kept(const struct retention_time *times, size_t count, size_t index, long periods, const char *format)
{
	char own[32];
	char seen[64][32];
	long newer = 0;
	name_period(&times[index], format, own, sizeof(own));
	for (size_t i = 0; i < count; i++) {
		char name[32];
		if (!is_newer(times, i, index))
			continue;
		name_period(&times[i], format, name, sizeof(name));
		if (strcmp(name, own) == 0)
			return false;
		long at = 0;
		while (at < newer && strcmp(seen[at], name) != 0)
			at++;
		if (at == newer)
			strcpy(seen[newer++], name);
	}
	return newer < periods;
}

static void by_definition(void **state)
{
	static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%G-%V", "%Y-%m"};
	struct scratch *scratch = *state;
	for (int round = 0; round < 300; round++) {
		struct retention_time times[40];
		unsigned kept[40];
		size_t count = scratch_random(scratch, 40) + 1;
		uint32_t span = round % 3 == 0 ? 10 : round % 3 == 1 ? 120 : 2000;
		int64_t from = time_days(2015 + (int)scratch_random(scratch, 20), 12, 1);
		for (size_t i = 0; i < count; i++) {
			times[i].day = from + scratch_random(scratch, span);
			times[i].second = (int)i + 40 * (int)scratch_random(scratch, 2000); /* none twice */
		}
		struct retention retention = {
			.last = (long)scratch_random(scratch, 6),
			.daily = (long)scratch_random(scratch, 8),
			.weekly = (long)scratch_random(scratch, 8),
			.monthly = (long)scratch_random(scratch, 8),
		};
		const long periods[] = {retention.last, retention.daily, retention.weekly, retention.monthly};
		retention_apply(&retention, times, count, kept);
		for (size_t i = 0; i < count; i++)
			for (unsigned rule = 0; rule < 4; rule++)
				assert_int_equal((kept[i] >> rule & 1U) != 0,
					is_kept(times, count, i, periods[rule], formats[rule]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_year_of_days),
		cmocka_unit_test(turns_of_the_year),
		cmocka_unit_test(gaps_and_crowds),
		cmocka_unit_test_setup_teardown(by_definition, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "package/retention.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"

/* A snapshot in the order of age. */
struct aged {
	struct retention_time time;
	size_t index;
};

static int newest_first(const void *a, const void *b)
{
	const struct aged *x = a;
	const struct aged *y = b;
	if (x->time.day != y->time.day)
		return x->time.day > y->time.day ? -1 : 1;
	if (x->time.second != y->time.second)
		return x->time.second > y->time.second ? -1 : 1;
	return x->index > y->index ? -1 : x->index < y->index;
}

/* The period that a time lies in, as a number that grows with time. */
typedef int64_t period_of(const struct aged *snapshot);

static int64_t day_of(const struct aged *snapshot)
{
	return snapshot->time.day;
}

static int64_t week_of(const struct aged *snapshot)
{
	enum { DAYS = 7, FROM_MONDAY = 3 }; /* 1970-01-01 was a Thursday */
	int64_t days = snapshot->time.day + FROM_MONDAY;
	return days >= 0 ? days / DAYS : -((DAYS - 1 - days) / DAYS);
}

static int64_t month_of(const struct aged *snapshot)
{
	int year = 0;
	int month = 0;
	int day = 0;
	time_date(snapshot->time.day, &year, &month, &day);
	return (int64_t)year * 12 + month;
}

/* Marks the newest snapshot of each of the last periods that have one. */
static void keep_periods(
	const struct aged *snapshots, size_t count, long periods, period_of *period, unsigned rule, unsigned *kept)
{
	for (size_t i = 0; i < count && periods > 0; i++) {
		if (i > 0 && period(&snapshots[i]) == period(&snapshots[i - 1]))
			continue;
		kept[snapshots[i].index] |= rule;
		periods--;
	}
}

void retention_apply(
	const struct retention *retention, const struct retention_time *times, size_t count, unsigned *kept)
{
	struct aged *snapshots = mem_new(count, sizeof(*snapshots));
	for (size_t i = 0; i < count; i++) {
		snapshots[i] = (struct aged){.time = times[i], .index = i};
		kept[i] = 0;
	}
	qsort(snapshots, count, sizeof(*snapshots), newest_first);
	for (size_t i = 0; i < count && i < (size_t)retention->last; i++)
		kept[snapshots[i].index] |= RETENTION_LAST;
	keep_periods(snapshots, count, retention->daily, day_of, RETENTION_DAILY, kept);
	keep_periods(snapshots, count, retention->weekly, week_of, RETENTION_WEEKLY, kept);
	keep_periods(snapshots, count, retention->monthly, month_of, RETENTION_MONTHLY, kept);
	free(snapshots);
}

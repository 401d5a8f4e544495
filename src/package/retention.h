/*
 * Which of many dated snapshots are kept: the newest ones, and the newest of each of the last days, weeks and months
 * that have one. Pure: knows times, neither files nor clocks.
 */
#ifndef PACKAGE_RETENTION_H
#define PACKAGE_RETENTION_H

#include <stddef.h>
#include <stdint.h>

/* How many of each kind; 0 for a rule that is not there. */
struct retention {
	long last;
	long daily;
	long weekly; /* weeks of ISO 8601, from Monday */
	long monthly;
};

/* A time of day as somebody reads it off a wall, whatever the zone. */
struct retention_time {
	int64_t day; /* since 1970-01-01, see time_days */
	int second;  /* of the day */
};

/* By which rule a snapshot is kept. */
enum retention_rule {
	RETENTION_LAST = 1,
	RETENTION_DAILY = 2,
	RETENTION_WEEKLY = 4,
	RETENTION_MONTHLY = 8,
};

/* Sets kept[i] to the bits of the rules that keep times[i]; 0 for one that no rule keeps. The times come in any order;
 * of equal ones the later in the list counts as newer. Each rule counts for itself, and periods without a snapshot are
 * not counted. */
void retention_apply(
	const struct retention *retention, const struct retention_time *times, size_t count, unsigned *kept);

#endif

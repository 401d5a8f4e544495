/*
 * Dated zips in a folder, as snapshots: which belong together, which are kept, and the removal of the others. What a
 * snapshot's time is stands in its name alone: a date YYYYMMDD or YYYY-MM-DD (or with _ or . between), and perhaps a
 * time HHMM or HHMMSS behind it, joined by one of - _ T . : or by nothing. Files whose names are equal but for that are
 * one series, and each series is judged by itself.
 *
 * Never counted and never touched: names without a date, hidden ones, those that do not end in .zip; folders, links and
 * whatever is no plain file; and zips that can be read and hold no file of OneRoster, which are somebody else's.
 * Owns its texts and the open folder. Leaves the rules to retention.h.
 */
#ifndef PACKAGE_SERIES_H
#define PACKAGE_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "package/retention.h"

/* What keeps a snapshot beside the bits of enum retention_rule. */
enum series_reason {
	SERIES_NEWEST = 16, /* of its series: never removed */
	SERIES_NAMED = 32,  /* the caller said so */
};

struct series_snapshot {
	char *name;   /* in the folder */
	char *series; /* the name with a * in place of the date */
	struct retention_time time;
	unsigned kept; /* why; 0 for one that is to be removed. Set by series_judge */
};

struct series_list {
	int folder;                        /* open, -1 when not */
	char *path;                        /* of it, as it was given */
	struct series_snapshot *snapshots; /* by series, the oldest first */
	size_t count;
};

/* Whether the name is that of a dated zip. Then sets the time (a day without one begins at 0:00), and *series, to be
 * freed. */
bool series_read_name(const char *name, struct retention_time *time, char **series);

/* Lists the snapshots of a folder, those of all series or of one. The folder itself may be named by way of a link.
 * ERR_USAGE when there is none. The list is to be released either way. */
bool series_open(struct series_list *list, const char *folder, const char *series, struct err *err);
void series_release(struct series_list *list);

/* Says of each snapshot why it is kept. The file called named is, if there is one (NULL for none). */
void series_judge(struct series_list *list, const struct retention *retention, const char *named);

/* Removes a snapshot and the .sha256 beside it. That it is gone already is fine. ERR_FILE */
bool series_remove(const struct series_list *list, size_t index, struct err *err);

#endif

/*
 * What belongs into a delta bundle: the rows changed since a moment, each with its status and the date of its change;
 * and from which moment on a server may be asked to list only what changed. Knows rows, settings and what the state
 * folder keeps; asks no server.
 */
#ifndef CMD_DELTA_H
#define CMD_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "check/moment.h"
#include "check/value.h"
#include "cmd/shelf.h"
#include "config.h"
#include "stats.h"
#include "table/row.h"
#include "table/schema.h"

enum {
	/* With since = last: a change may be dated some time before others can see it, and the clock that dates rows
	 * need not be the one that tells the time in answers. A row that comes in two deltas does no harm. */
	DELTA_MARGIN_SECONDS = 10 * 60,
	/* How much more a server is asked for: some compare only the day, or take a moment for local time. */
	DELTA_FILTER_SECONDS = 24 * 60 * 60,
};

/* The changes of one bundle. Zero: it is no delta. */
struct delta {
	bool on;
	bool all;                 /* everything: nobody knows when the bundle before was made */
	bool whole[STATS_TABLES]; /* by table id: everything of this one, which the bundle before was without */
	int64_t since_seconds;    /* from here on rows belong into it; Unix time */
	char since[MOMENT_SIZE];  /* the same, as rows have it */
	char now[MOMENT_SIZE];    /* the server's clock when the run began: the date of rows that have none */
	uint64_t undated;         /* rows that have none; they are in every delta */
};

/* What config says of changes. Shelf tells of the bundle before, clock is the server's when the run began. */
struct delta delta_of(const struct bundle_config *config, const struct shelf *shelf, int64_t clock);

/* Whether the row belongs into the delta, or into a bundle that is none. */
bool delta_holds(const struct delta *delta, const struct table *table, const struct row *row);

/* Whether the row tells receivers to forget what it is about. */
bool delta_deletes(const struct row *row);

/* Fills status and dateLastModified of a row that belongs into it. A date made up is counted. */
bool delta_complete(
	struct delta *delta, const struct table *table, struct row *row, struct value_counts *counts, struct err *err);

/* Takes note of the date of a row of a table that is looked at whole. */
void delta_note_date(struct shelf_table *note, const struct row *row);

/* From which moment on rows of a table are needed, as rows have it; "" when all are. */
struct delta_filter {
	char since[MOMENT_SIZE];
};

/* What the server may be asked for, so that every bundle gets all its changes: by table id, to be freed. NULL when all
 * of everything is needed, because not every bundle is a delta with a moment to begin at. A moment reaches back to the
 * row that was the newest one last time, so that a server that lists nothing is known to be wrong. */
struct delta_filter *delta_filters(const struct config *config, const struct schema *schema);

#endif

/*
 * What a run tells afterwards: the report as JSON, the table or the line at the end, the findings as log lines. Only
 * reads what the run counted. Counts, never data: no value of a cell, no id, no name of a person.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/collect.h"
#include "cmd/publish.h"
#include "config.h"
#include "stats.h"
#include "table/schema.h"

/* Everything there is to tell; borrowed. */
struct report {
	const struct schema *schema;
	const struct config *config;
	int64_t started; /* Unix seconds */
	int64_t ms;
	const struct stats *stats;
	const struct collection *collections; /* by table id */
	const struct publication *publications;
	size_t publication_count;
	const char *login;  /* the way of logging in; NULL before the login */
	const char *scopes; /* granted, or NULL */
	struct err err;     /* how the run ended */
	int exit_status;
};

/* Writes the report to path, beside it first. The format is described in the README ("report"). */
bool report_write(const struct report *report, const char *path, struct err *err);

/* Writes what is known of each bundle that was refused beside it: its part of the report. */
bool report_write_refusals(const struct report *report, struct err *err);

/* Logs the findings that somebody ought to look at. */
void report_findings(const struct report *report);

/* How many rows or cells of a file of a bundle somebody ought to look at. */
uint64_t report_warnings(const struct report *report, const struct publication *publication, const struct table *table);

/* Prints the outcome of the bundles that were published: on a terminal a short table, else one line each. */
void report_summary(const struct report *report);

#endif

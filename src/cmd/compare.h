/*
 * Two bundles compared row by row, by sourcedId, in memory that does not grow with them: each file is put in order on
 * disk and both are read side by side. The recipe of `diff`, of the delta bundle and of the guard.
 *
 * Columns are matched by name, whatever their order in the file: those of the standard in its order, then further ones
 * in byte order. A column that a file lacks is blank. Rows are the same when all their cells are, byte by byte.
 */
#ifndef CMD_COMPARE_H
#define CMD_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/churn.h"
#include "package/archive.h"
#include "table/row.h"
#include "table/schema.h"

/* What happened to an id between the two. */
enum compare_change { COMPARE_SAME, COMPARE_ADDED, COMPARE_REMOVED, COMPARE_CHANGED, COMPARE_CHANGE_COUNT };

struct compare_column {
	char *name;          /* a column of the standard, or of either header */
	bool in_old, in_new; /* the header has it */
	uint64_t changed;    /* rows of both bundles in which it differs */
};

/* What became of one table. */
struct compare_table {
	const struct table *table;
	bool in_old, in_new;         /* the file is there */
	uint64_t old_rows, new_rows; /* ids, not lines */
	uint64_t added, removed, changed;
	uint64_t repeated_old, repeated_new; /* lines beyond the first with the same id: only the last counted */
	uint64_t churned;                    /* removed ids whose rows came back under added ids */
	const char *churn_by;                /* the column that told of most of them, or NULL */
	struct churn_result churn;           /* all of that */
	struct compare_column *columns;      /* those looked at */
	size_t column_count;
};

struct compare_options {
	const struct schema *schema;
	const char *old_name; /* of the bundles, for messages; NULL for "the old bundle" and "the new bundle" */
	const char *new_name;
	const char *folder;    /* for working files */
	bool ids_only;         /* looks at ids and churn, not at the other cells: nothing is changed */
	bool (*stopped)(void); /* or NULL */
	/* Called for each table that is in either bundle, before its rows, with the columns looked at; then for each
	 * row that is not the same; then at the end of the table. The row is that of the new bundle, of the old one
	 * when removed, and may be changed. NULL for nothing. False, with err, ends it all. */
	bool (*begin)(
		void *context, const struct table *table, const char *const *columns, size_t count, struct err *err);
	bool (*row)(
		void *context, const struct table *table, enum compare_change change, struct row *row, struct err *err);
	bool (*end)(void *context, const struct table *table, struct err *err);
	void *context;
};

struct comparison {
	struct compare_table *tables; /* by table id */
	int table_count;
};

/* Compares. False with ERR_DATA when a bundle cannot be read (damaged, of another version, a delta, no header, a row
 * that is none), ERR_FILE, ERR_STOPPED. The comparison is to be released in any case. */
bool compare_run(struct archive *old, struct archive *new, const struct compare_options *options,
	struct comparison *comparison, struct err *err);

void comparison_release(struct comparison *comparison);

/* Whether the bundles differ in any row, or only in which files they have. */
bool comparison_rows_differ(const struct comparison *comparison);
bool comparison_files_differ(const struct comparison *comparison);

#endif

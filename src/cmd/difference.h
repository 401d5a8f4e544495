/*
 * What a comparison found, as a page for people or as JSON for programs. Only prints. Nothing of a row is in it unless
 * ids are asked for: they lead to people.
 */
#ifndef CMD_DIFFERENCE_H
#define CMD_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/compare.h"
#include "table/row.h"

enum { DIFFERENCE_EXAMPLES = CHURN_EXAMPLES };

/* The first few ids of a table to which the same happened. */
struct difference_ids {
	char *ids[COMPARE_CHANGE_COUNT][DIFFERENCE_EXAMPLES];
	size_t counts[COMPARE_CHANGE_COUNT];
};

/* Borrows everything. */
struct difference {
	const char *old_path;
	const char *new_path;
	const struct comparison *comparison;
	const struct difference_ids *examples; /* by table id; NULL: no ids are shown, neither of churn */
	const char *delta;                     /* path of the delta bundle that was written, or NULL */
	uint64_t delta_rows;                   /* rows in it */
};

/* Keeps the id of a row, unless there are enough of that kind. */
void difference_keep(struct difference_ids *examples, enum compare_change change, const struct row *row);
void difference_ids_release(struct difference_ids *examples);

/* The page: a line for each file that either bundle has, then a sentence for each thing worth one. */
void difference_print(const struct difference *difference, FILE *out);

/*
 * The same as one JSON object:
 *
 *	diff            1, the version of this form; members may be added under the same number
 *	program, version
 *	old, new        the two paths
 *	differs         whether any row differs, or which files there are
 *	delta           null, or path and rows of the delta bundle that was written
 *	files           a list in the order of reading, of those that either bundle has, each with
 *	  file          users.csv
 *	  in-old, in-new
 *	  old, new      how many ids it has there
 *	  added, removed, changed
 *	  churned       how many of the removed ones came back under an added id
 *	  churn         by what that was told: a list with by (a list of columns) and rows; with --show-values also
 *	                examples, a list with old and new
 *	  repeated-old, repeated-new
 *	                lines whose id another line behind them has too, and which therefore did not count
 *	  columns       those that changed, or that only one of the headers has: a list with column, in-old, in-new
 *	                and changed, the number of rows
 *	  examples      only with --show-values: a few ids each of added, removed and changed
 */
void difference_print_json(const struct difference *difference, FILE *out);

#endif

/*
 * Judges the files of one bundle row by row: header, cells, rows among themselves, what rows refer to, and what one
 * receiver wants of them. Files come in the order of the schema, so that references lead back, or into the file itself.
 * One fault is one finding: what only follows from it is not judged. A row whose cells are not where they ought to be
 * still counts as being there, and so does an id that is not as it ought to be. References are judged in full lists
 * (bulk), into full lists that could be read whole.
 * Owns the ids of tables that others point at; the findings are borrowed. Knows nothing of archives and manifests.
 */
#ifndef CHECK_JUDGE_H
#define CHECK_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "check/finding.h"
#include "table/consumer.h"
#include "table/csv_read.h"
#include "table/schema.h"

struct judge_options {
	const struct schema *schema;
	const struct consumer *consumer; /* or NULL: the standard alone */
	const char *folder;              /* for working files */
	const char *const *allow_empty;  /* names of core tables that may be without rows, ends with NULL; or NULL */
	bool no_teachers;                /* the bundle is made without them, so classes have none */
	int today;                       /* days since 1970; 0 if no rule is to depend on it */
};

struct judge;

struct judge *judge_new(const struct judge_options *options, struct findings *findings); /* never NULL */
void judge_free(struct judge *judge);

/* A table has no file, and so no id: references into it lead nowhere. Without this call they are not judged. */
void judge_absent(struct judge *judge, const struct table *table);

/* Begins a file. False, with err, when this machine is in the way; so the two below. */
bool judge_begin(struct judge *judge, const struct table *table, bool delta, struct err *err);

/* The next line, the first one included. */
bool judge_row(struct judge *judge, const struct csv_row *row, struct err *err);

/* Ends the file; whole is false when it could not be read to its end, bom as csv_bom gives it. */
bool judge_end(struct judge *judge, bool whole, bool bom, struct err *err);

/* Rows of the file so far, without header and blank lines. Valid until the next judge_begin. */
uint64_t judge_rows(const struct judge *judge);

#endif

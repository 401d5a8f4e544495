/*
 * References between the rows of a bundle: which rows stay, and what becomes of references to rows that do not.
 * A bulk bundle has to be closed (every id that a row refers to is a row of it), so a row that is marked for deletion
 * takes with it what cannot be without it: a required reference takes the row, a list loses the item, any other is
 * blanked. An id that never came is dangling, and the policy says what happens. Rows that do not belong into the bundle
 * (check/filter.h) are left out in the same way, but are counted apart, as is whatever cannot be without them.
 * Owns the ids of the tables that others refer to. Knows nothing of files.
 *
 * Tables are judged in the order of the schema, where references lead back only, or into the table itself. For each
 * table, with the rows in any order:
 *	if keys_needs_survey: for every row keys_fill, keys_judge(KEYS_SURVEY), keys_add
 *	for every row keys_fill, keys_judge(KEYS_FINAL), and keys_add unless surveyed
 * A filter may survey the first tables beforehand, all of them before one is judged for good.
 */
#ifndef CHECK_KEYS_H
#define CHECK_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "table/row.h"
#include "table/schema.h"

enum keys_policy {
	KEYS_FAIL, /* dangling references stay and are counted: the caller must not publish */
	KEYS_DROP, /* as with rows that are left out */
	KEYS_KEEP, /* they stay and are counted */
};

enum keys_pass { KEYS_SURVEY, KEYS_FINAL };

/* What becomes of a row. */
enum keys_fate {
	KEYS_STAYS,
	KEYS_FILTERED, /* not of this bundle, or cannot be without a row that is not */
	KEYS_DELETED,  /* marked for deletion in the SIS */
	KEYS_HANGS,    /* cannot be without a row that is left out */
	KEYS_DANGLES,  /* cannot be without a row that never came (KEYS_DROP) */
	KEYS_FATE_COUNT
};

/* What was found in the references of one column. */
struct keys_counts {
	uint64_t dangling; /* ids that never came */
	uint64_t cut;      /* ids taken out because their row is left out */
};

struct keys;

/* present[i] tells whether table i of the schema is there: references into others are not judged. */
struct keys *keys_new(const struct schema *schema, const bool *present, enum keys_policy policy);
void keys_free(struct keys *keys);

/* Whether the ids of all rows of the table have to be known before the first can be judged. */
bool keys_needs_survey(const struct keys *keys, const struct table *table);

/* Whether rows of other tables are filled from rows of the table. */
bool keys_gives(const struct keys *keys, const struct table *table);

/* Writes the value of a column that is filled from the row another column refers to (column->fill_via). False if there
 * was nothing to fill or nothing to fill it with. */
bool keys_fill(const struct keys *keys, const struct table *table, int column, struct row *row);

/* Says what becomes of a row, and takes out of it references that must not stay. Counts in the final pass only, and
 * references only of rows that the filter does not leave out. */
enum keys_fate keys_judge(struct keys *keys, const struct table *table, struct row *row, enum keys_pass pass);

/* Remembers the id of a row, and what becomes of it, unless the id is known already. Gives the number of the id: ids of
 * a table are numbered from 0 in the order they come. Nothing is kept of tables that nobody refers to. */
uint32_t keys_add(struct keys *keys, const struct table *table, const struct row *row, enum keys_fate fate);

/* What is known of an id: its number, and what becomes of its row. False if it never came. */
bool keys_find(
	const struct keys *keys, int table, const char *id, size_t length, uint32_t *number, enum keys_fate *fate);

/* The filter leaves the row of that number out after all. */
void keys_filter(struct keys *keys, int table, uint32_t number);

/* Whether an encoded row is one that the filter leaves out, by its own id or a reference it cannot be without. Only
 * what rows hold from the start is looked at, so keys_judge may still find that it is. */
bool keys_skips(const struct keys *keys, const struct table *table, const char *encoded, size_t length);

/* Takes note of a row that the filter leaves out and that is not judged: counts it, and remembers its id. */
void keys_leave(struct keys *keys, const struct table *table, const char *id, size_t length);

/* Frees the ids, when the last row was judged: from now on only the counts may be asked for. */
void keys_forget(struct keys *keys);

/* Rows of a table that met that fate; what was found in a column. Of final passes. */
uint64_t keys_rows(const struct keys *keys, const struct table *table, enum keys_fate fate);
struct keys_counts keys_column(const struct keys *keys, const struct table *table, int column);

#endif

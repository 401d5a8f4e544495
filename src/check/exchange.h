/*
 * Values that a receiver spells differently: for each column that the configuration names, which value becomes which.
 * Owns copies of all it is told. Leaves to others where the maps come from, and what a blank cell gets (check/fill.h).
 *
 * A cell that holds one value is compared as a whole, a list item by item; letters have to be the same, upper and lower
 * case too. A cell is replaced once: what a value became is not looked up again. A value that becomes blank is removed,
 * an item of a list leaves it. A replacement with commas is several items of a list. Of equal items only the first
 * stays when one of them was made by the map. Ids are never rewritten, and what is blank stays blank.
 *
 * Cells that changed are counted under VALUE_FIELD_MAPPED. What value_normalise could not understand in a mapped column
 * may be understood now: the cells are judged anew, and those still in doubt counted under the same rules.
 */
#ifndef CHECK_EXCHANGE_H
#define CHECK_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

#define EXCHANGE_REST "*" /* from: every value that no other pair names */

/* Terminated texts. from is not empty; neither has characters that a CSV cell must not have. */
struct exchange_pair {
	const char *from;
	const char *to; /* "" removes the value */
};

struct exchange;

/* Replaces nothing yet. Never NULL. Borrows the schema. */
struct exchange *exchange_new(const struct schema *schema);
void exchange_free(struct exchange *exchange);

/* True if the values of a column may be replaced: not if they are ids, or if the column is closed to settings. */
bool exchange_allowed(const struct column *column);

/* Sets the map of a column, which must be allowed, in place of one set before. No two pairs have the same from. */
void exchange_set(struct exchange *exchange, int table, int column, const struct exchange_pair *pairs, size_t count);

/* Replaces the values of a row of the table. NULL replaces nothing. False when the row would get too large. */
bool exchange_row(struct exchange *exchange, const struct table *table, struct row *row, struct value_counts *counts,
	struct err *err);

/* Whether exchange_row counts anew what value_normalise counted for a column under that rule: then the earlier number
 * says nothing of the bundle. False for NULL. */
bool exchange_judges(const struct exchange *exchange, const struct table *table, int column, enum value_rule rule);

#endif

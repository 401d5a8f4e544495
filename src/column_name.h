/*
 * Tables and columns as users write them in settings, "users" and "users.phone", and what settings may do with them.
 * Messages (ERR_USAGE) name what there is instead.
 */
#ifndef COLUMN_NAME_H
#define COLUMN_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "table/schema.h"

/* The table of that name, of length bytes; NULL, with err, when OneRoster has none. */
const struct table *column_name_table(const char *text, size_t length, struct err *err);

/* Reads "table.column", length bytes. Gives the column, and sets the table's id and the column's index; NULL, with err,
 * when there is none. */
const struct column *column_name_read(const char *text, size_t length, int *table, int *column, struct err *err);

/* False, with err that names the column, when no setting may fill or replace it. */
bool column_name_open(int table, int column, struct err *err);

/* True if a metadata key is called as a column of the table that is never published, such as password; the last part of
 * a key with dots counts, and case does not. */
bool column_name_never(const struct table *table, const char *key);

#endif

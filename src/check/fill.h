/*
 * Values for columns that the standard requires in CSV and servers never send: constants of the schema, those of the
 * configuration, and the column of the row that another column refers to.
 * Borrows schema and texts. Every value written is counted under VALUE_FIELD_FILLED.
 */
#ifndef CHECK_FILL_H
#define CHECK_FILL_H

#include <stdbool.h>

#include "base/err.h"
#include "check/keys.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

struct fill;

/* What the schema fills; nothing at all if usual is false. Never NULL. */
struct fill *fill_new(const struct schema *schema, bool usual);
void fill_free(struct fill *fill);

/* A constant for a column, in place of what the schema says. */
void fill_set(struct fill *fill, int table, int column, const char *value);

/* Fills the blank cells of a row. Keys tell about the rows of tables before this one. False when the row would get too
 * large. */
bool fill_row(const struct fill *fill, const struct keys *keys, const struct table *table, struct row *row,
	struct value_counts *counts, struct err *err);

#endif

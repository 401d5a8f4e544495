/*
 * What options say about the size of files, taken apart: the percentages of max-drop and the floors of min-rows.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* "20%" or "users=12.5%" (the sign may be left out): the table's id, or SCHEMA_NONE for all, and the limit in
 * hundredths of a percent, 0 to 10000. ERR_USAGE for anything else. */
bool limit_drop(const char *text, int *table, int *hundredths, struct err *err);

/* "users=1000": the table's id and the rows it has at least. ERR_USAGE for anything else. */
bool limit_rows(const char *text, int *table, uint64_t *rows, struct err *err);

#endif

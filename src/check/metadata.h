/*
 * Brings metadata, of which no standard says what they hold, to the form of a CSV cell: text as in any cell, everything
 * else as it came. Counts what it changed and what was left out. Owns nothing.
 */
#ifndef CHECK_METADATA_H
#define CHECK_METADATA_H

#include <stdbool.h>

#include "check/value.h"
#include "table/extras.h"

/* Makes the values of sorted extras fit, and counts by rule, in the one column of counts (NULL: nowhere), what was
 * changed, doubted and left out. False when they get too large for a row. */
bool metadata_clean(struct extras *extras, struct value_counts *counts);

#endif

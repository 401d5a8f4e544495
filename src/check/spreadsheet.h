/*
 * What a spreadsheet program makes of a CSV file that is opened and saved in it: other separators, a line that names
 * the separator, long numbers that are rounded. Pure functions.
 */
#ifndef CHECK_SPREADSHEET_H
#define CHECK_SPREADSHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "table/csv_read.h"

enum spreadsheet_trace { SPREADSHEET_NONE, SPREADSHEET_SEP_LINE, SPREADSHEET_SEMICOLONS, SPREADSHEET_TABS };

/* Returns what the line that ought to be the header shows. is_name tells if a text is a name that the header has. */
enum spreadsheet_trace spreadsheet_trace(const struct csv_row *row,
	bool (*is_name)(const void *context, const struct csv_cell *cell), const void *context);

/* Returns what to call it: "semicolons", "tabs" or "a line sep=". A constant. */
const char *spreadsheet_word(enum spreadsheet_trace trace);

/* Takes the next value off a line that semicolons or tabs separate: sets part without the quotes around it, moves text
 * behind the separator. False when nothing is left; text is NULL then. */
bool spreadsheet_part(enum spreadsheet_trace trace, const char **text, size_t *length, struct csv_cell *part);

/* True if a value is a number as spreadsheet programs show long ones, such as 1.23E+12: its digits are lost. */
bool spreadsheet_is_rounded(const char *text, size_t length);

#endif

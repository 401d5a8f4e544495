/*
 * Dates, and dates with a time of day, as servers write them and as OneRoster wants them: reading, moving to universal
 * time, writing. Arithmetic only: no locale, no time zone of this machine, no clock.
 */
#ifndef CHECK_MOMENT_H
#define CHECK_MOMENT_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MOMENT_DATE_SIZE = sizeof("YYYY-MM-DD"),
	MOMENT_SIZE = sizeof("YYYY-MM-DDThh:mm:ss.sssZ"),
};

struct moment {
	int year, month, day;
	int minute; /* of the day */
	int second, ms;
	int offset;    /* minutes that its time is ahead of universal time */
	bool standard; /* the date was written YYYY-MM-DD */
	bool time;     /* it had a time of day */
	bool zone;     /* and an offset, or Z */
};

/* Understands a whole text: YYYY-MM-DD, YYYY/MM/DD or MM/DD/YYYY, where month and day may lack their leading zero; then
 * perhaps T or a blank and hh:mm, with or without :ss and a fraction of up to nine digits, of which three count; then
 * perhaps Z, +hh:mm, +hhmm or +hh, with or without a blank before it. False for anything else, for days that the
 * calendar does not have, for 24:00 and for leap seconds. */
bool moment_read(const char *text, size_t length, struct moment *moment);

/* Moves it to universal time by its offset. False when that leaves the years 1 to 9999. */
bool moment_to_universal(struct moment *moment);

/* Writes the date, or all of it with a Z behind, terminated. */
void moment_write_date(const struct moment *moment, char out[static MOMENT_DATE_SIZE]);
void moment_write(const struct moment *moment, char out[static MOMENT_SIZE]);

#endif

/*
 * Names with places for date and time, as strftime has them: "eagle-%Y%m%d.zip". The time is that of this machine's
 * zone, as an administrator expects of a file name.
 */
#ifndef DATED_H
#define DATED_H

#include <stdbool.h>
#include <stdint.h>

/* The text with its places filled for a time in seconds since 1970; to be freed. NULL when the result would be empty or
 * too long for a path, or the time is in no year of a calendar. */
char *dated_fill(const char *text, int64_t seconds);

/* Whether the text has places, so that it is another one on another day. */
bool dated_has_places(const char *text);

/* Whether the text is what these places may have been filled to. */
bool dated_fits(const char *places, const char *text);

#endif

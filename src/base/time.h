/*
 * Clocks and calendar: the time since some start for measuring, the time of day, dates by arithmetic that no locale and
 * no time zone has a say in, and the local day, which is the only thing that depends on the time zone of the process.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* Milliseconds since some moment; never goes back. */
int64_t time_ms(void);

/* Seconds since 1970 in UTC. */
int64_t time_unix(void);

/* The same for what is written into files: the moment SOURCE_DATE_EPOCH says, if it is set, so that the same input
 * makes the same bytes. ERR_USAGE when it is no number. */
bool time_source_date(int64_t *unix_seconds, struct err *err);

/* Writes "2026-11-21T20:18:00Z". Years outside 0 to 9999 are written as the nearest second within. */
void time_iso(int64_t unix_seconds, char out[static 21]);

/* True if the machine knows that time zone: a name such as America/Denver, or a rule as POSIX writes TZ. */
bool time_zone_known(const char *name);

/* Makes it the time zone of the process. To be called before there are threads. */
void time_zone_set(const char *name);

/* Returns the local day, since 1970-01-01, or writes it as "2026-11-21". */
int time_local_day(int64_t unix_seconds);
void time_local_date(int64_t unix_seconds, char out[static 11]);

/* The moment of a local date and time of day. */
int64_t time_from_local(int year, int month, int day, int minute, int second);

/* Reads a date of an HTTP header, in any of the three forms of RFC 9110. False, and nothing set, if it is none. */
bool time_from_http(const char *text, int64_t *unix_seconds);

/* Days from 1970-01-01 to a date of the Gregorian calendar, also before its time, and back. Month 1 to 12; a day past
 * the end of the month counts on into the next. */
int64_t time_days(int year, int month, int day);
void time_date(int64_t days, int *year, int *month, int *day);

/* How many days a month has; 0 when month is none. */
int time_month_days(int year, int month);

#endif

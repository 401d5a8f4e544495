#include "base/time.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

enum { DAY_SECONDS = 24 * 60 * 60, ERA_YEARS = 400, ERA_DAYS = 146097 };

int64_t time_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t time_unix(void)
{
	/* time() may lag some milliseconds: just after a full second it tells the one before, which others, whose
	 * clocks are compared with ours, have left. */
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec;
}

bool time_source_date(int64_t *unix_seconds, struct err *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *end = NULL;
	if (epoch == NULL || *epoch == '\0') {
		*unix_seconds = time_unix();
		return true;
	}
	errno = 0;
	int64_t seconds = strtoll(epoch, &end, 10);
	if (*end != '\0' || errno != 0 || seconds < 0)
		return err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH is a number of seconds, not `%s`", epoch);
	*unix_seconds = seconds;
	return true;
}

/* Division that rounds down, as a calendar that runs through its zero wants it. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

/* Both directions count years from March on, so that the leap day is the last of its year, in eras of 400 years, after
 * which the calendar repeats. 719468 days lie between 0000-03-01 and 1970-01-01. */
int64_t time_days(int year, int month, int day)
{
	int64_t from_march = month > 2 ? month - 3 : month + 9;
	int64_t march_year = (int64_t)year - (month > 2 ? 0 : 1);
	int64_t era = floor_div(march_year, ERA_YEARS);
	int64_t year_of_era = march_year - era * ERA_YEARS;
	int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void time_date(int64_t days, int *year, int *month, int *day)
{
	days += 719468;
	int64_t era = floor_div(days, ERA_DAYS);
	int64_t day_of_era = days - era * ERA_DAYS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (ERA_DAYS - 1)) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t from_march = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * from_march + 2) / 5 + 1);
	*month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
	*year = (int)(era * ERA_YEARS + year_of_era + (*month > 2 ? 0 : 1));
}

int time_month_days(int year, int month)
{
	if (month < 1 || month > 12)
		return 0;
	int next_year = month < 12 ? year : year + 1;
	return (int)(time_days(next_year, month % 12 + 1, 1) - time_days(year, month, 1));
}

void time_iso(int64_t unix_seconds, char out[static 21])
{
	int64_t first = time_days(0, 1, 1) * DAY_SECONDS;
	int64_t last = time_days(10000, 1, 1) * DAY_SECONDS - 1;
	if (unix_seconds < first)
		unix_seconds = first;
	if (unix_seconds > last)
		unix_seconds = last;
	int64_t days = floor_div(unix_seconds, DAY_SECONDS);
	unsigned second = (unsigned)(unix_seconds - days * DAY_SECONDS);
	int year;
	int month;
	int day;
	time_date(days, &year, &month, &day);
	/* The remainders say to the compiler what the calendar says: nothing is wider than its place. */
	snprintf(out, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000, (unsigned)month % 100,
		(unsigned)day % 100, second / 3600 % 100, second / 60 % 60, second % 60);
}

/* At least three letters or a name in <>, then an offset, as POSIX writes TZ. */
static bool is_zone_rule(const char *name)
{
	size_t length = *name == '<' ? strcspn(name, ">") + 1
				     : strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
	if (length < 3 || length >= strlen(name))
		return false;
	if (name[length] == '+' || name[length] == '-')
		length++;
	return name[length] >= '0' && name[length] <= '9';
}

bool time_zone_known(const char *name)
{
	const char *folder = getenv("TZDIR");
	char path[4096];
	char magic[4] = "";
	if (is_zone_rule(name) || strcmp(name, "UTC") == 0)
		return true;
	if (*name == '/' || strstr(name, "..") != NULL)
		return false;
	int length = snprintf(
		path, sizeof(path), "%s/%s", folder != NULL && *folder == '/' ? folder : "/usr/share/zoneinfo", name);
	FILE *file = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "r") : NULL;
	if (file == NULL)
		return false;
	bool known = fread(magic, 1, sizeof(magic), file) == sizeof(magic) && memcmp(magic, "TZif", 4) == 0;
	fclose(file);
	return known;
}

void time_zone_set(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

int time_local_day(int64_t unix_seconds)
{
	struct tm local;
	time_t when = (time_t)unix_seconds;
	if (localtime_r(&when, &local) == NULL)
		return 0;
	return (int)time_days(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

void time_local_date(int64_t unix_seconds, char out[static 11])
{
	int year;
	int month;
	int day;
	time_date(time_local_day(unix_seconds), &year, &month, &day);
	snprintf(out, 11, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100);
}

int64_t time_from_local(int year, int month, int day, int minute, int second)
{
	struct tm local = {
		.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = minute / 60,
		.tm_min = minute % 60,
		.tm_sec = second,
		.tm_isdst = -1,
	};
	return (int64_t)mktime(&local);
}

static const char *const month_names[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

/* The three forms: what follows the name of the day, then a pattern in which m is the name of a month, D a day that
 * may begin with a blank, and d, y, Y, h, n, s are two, or for Y four, digits; everything else stands for itself. */
static const struct {
	bool whole_day_name;
	const char *pattern;
} http_forms[] = {
	{false, ", d m Y h:n:s GMT"},
	{true, ", d-m-y h:n:s GMT"},
	{false, " m D h:n:s Y"},
};

struct http_date {
	int year, month, day, hour, minute, second;
};

static bool read_digits(const char **text, int count, int *value)
{
	int result = 0;
	for (int i = 0; i < count; i++) {
		char c = **text;
		if (c < '0' || c > '9')
			return false;
		result = result * 10 + (c - '0');
		++*text;
	}
	*value = result;
	return true;
}

/* RFC 9110: two digits that seem to be more than 50 years ahead mean the latest such year in the past. */
static int whole_year(int two_digits)
{
	int year;
	int month;
	int day;
	time_date(floor_div(time_unix(), DAY_SECONDS), &year, &month, &day);
	int result = year - year % 100 + two_digits;
	if (result > year + 50)
		result -= 100;
	return result;
}

static bool read_month(const char **text, int *month)
{
	for (size_t i = 0; i < sizeof(month_names) / sizeof(month_names[0]); i++) {
		if (strncmp(*text, month_names[i], 3) == 0) {
			*month = (int)i + 1;
			*text += 3;
			return true;
		}
	}
	return false;
}

static bool read_form(const char *text, const char *pattern, struct http_date *date)
{
	bool fine = true;
	for (; fine && *pattern != '\0'; pattern++) {
		switch (*pattern) {
		case 'm': fine = read_month(&text, &date->month); break;
		case 'D':
			if (*text == ' ') {
				text++;
				fine = read_digits(&text, 1, &date->day);
				break;
			}
			fine = read_digits(&text, 2, &date->day);
			break;
		case 'd': fine = read_digits(&text, 2, &date->day); break;
		case 'Y': fine = read_digits(&text, 4, &date->year); break;
		case 'y':
			fine = read_digits(&text, 2, &date->year);
			if (fine)
				date->year = whole_year(date->year);
			break;
		case 'h': fine = read_digits(&text, 2, &date->hour); break;
		case 'n': fine = read_digits(&text, 2, &date->minute); break;
		case 's': fine = read_digits(&text, 2, &date->second); break;
		default: fine = *text++ == *pattern; break;
		}
	}
	return fine && *text == '\0';
}

bool time_from_http(const char *text, int64_t *unix_seconds)
{
	for (size_t d = 0; d < sizeof(day_names) / sizeof(day_names[0]); d++) {
		for (size_t i = 0; i < sizeof(http_forms) / sizeof(http_forms[0]); i++) {
			size_t name = http_forms[i].whole_day_name ? strlen(day_names[d]) : 3;
			struct http_date date = {0};
			if (strncmp(text, day_names[d], name) != 0 ||
				!read_form(text + name, http_forms[i].pattern, &date))
				continue;
			/* 60 is a leap second. */
			if (date.day < 1 || date.day > time_month_days(date.year, date.month) || date.hour > 23 ||
				date.minute > 59 || date.second > 60)
				return false;
			int64_t minutes = (int64_t)date.hour * 60 + date.minute;
			*unix_seconds = time_days(date.year, date.month, date.day) * DAY_SECONDS + minutes * 60 +
					date.second;
			return true;
		}
	}
	return false;
}

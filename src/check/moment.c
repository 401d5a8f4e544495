#include "check/moment.h"

#include <stdint.h>
#include <string.h>

#include "base/time.h"

enum {
	MINUTES_OF_HOUR = 60,
	MINUTES_OF_DAY = 24 * 60,
	YEAR_MAX = 9999,
};

/* A point in a text that is being read. */
struct reader {
	const char *at;
	const char *end;
};

/* Reads digits, at most so many. Gives how many there were. */
static int read_digits(struct reader *reader, int most, int *value)
{
	int count = 0;
	*value = 0;
	for (; count < most && reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; count++)
		*value = *value * 10 + (*reader->at++ - '0');
	return count;
}

static bool read_one(struct reader *reader, const char *choice)
{
	for (; reader->at < reader->end && *choice != '\0'; choice++)
		if (*reader->at == *choice) {
			reader->at++;
			return true;
		}
	return false;
}

/* YYYY-MM-DD, YYYY/MM/DD or MM/DD/YYYY; month and day may lack a leading zero. */
static bool read_date(struct reader *reader, struct moment *moment)
{
	int first = 0;
	int count = read_digits(reader, 4, &first);
	if (reader->at == reader->end)
		return false;
	char mark = *reader->at++;
	if (count == 4 && (mark == '-' || mark == '/')) {
		moment->year = first;
		int month_digits = read_digits(reader, 2, &moment->month);
		if (reader->at == reader->end || *reader->at++ != mark)
			return false;
		int day_digits = read_digits(reader, 2, &moment->day);
		moment->standard = mark == '-' && month_digits == 2 && day_digits == 2;
	} else if (count <= 2 && mark == '/') {
		moment->month = first;
		read_digits(reader, 2, &moment->day);
		if (!read_one(reader, "/") || read_digits(reader, 4, &moment->year) != 4)
			return false;
		moment->standard = false;
	} else {
		return false;
	}
	if (moment->year == 0 || moment->month == 0 || moment->month > 12 || moment->day == 0)
		return false;
	return moment->day <= 28 || moment->day <= time_month_days(moment->year, moment->month);
}

/* hh:mm, hh:mm:ss or hh:mm:ss with a fraction of up to nine digits, of which three count. */
static bool read_time(struct reader *reader, struct moment *moment)
{
	int hour = 0;
	int minute = 0;
	if (read_digits(reader, 2, &hour) != 2 || !read_one(reader, ":") || read_digits(reader, 2, &minute) != 2)
		return false;
	if (read_one(reader, ":")) {
		if (read_digits(reader, 2, &moment->second) != 2)
			return false;
		if (read_one(reader, ".")) {
			int rest = 0;
			int count = read_digits(reader, 3, &moment->ms);
			if (count == 0)
				return false;
			for (; count < 3; count++)
				moment->ms *= 10;
			read_digits(reader, 6, &rest);
		}
	}
	moment->minute = hour * MINUTES_OF_HOUR + minute;
	moment->time = true;
	return hour < 24 && minute < 60 && moment->second < 60;
}

/* Z, +hh:mm, +hhmm or +hh, also after a blank. */
static bool read_zone(struct reader *reader, struct moment *moment)
{
	read_one(reader, " ");
	moment->zone = true;
	if (read_one(reader, "Zz"))
		return true;
	int sign = reader->at < reader->end && *reader->at == '-' ? -1 : 1;
	int hours = 0;
	int minutes = 0;
	if (!read_one(reader, "+-") || read_digits(reader, 2, &hours) != 2)
		return false;
	if ((read_one(reader, ":") || reader->at < reader->end) && read_digits(reader, 2, &minutes) != 2)
		return false;
	moment->offset = sign * (hours * MINUTES_OF_HOUR + minutes);
	return hours < 24 && minutes < 60;
}

bool moment_read(const char *text, size_t length, struct moment *moment)
{
	struct reader reader = {text, text + length};
	*moment = (struct moment){0};
	if (!read_date(&reader, moment))
		return false;
	if (read_one(&reader, "Tt ") && !read_time(&reader, moment))
		return false;
	if (moment->time && reader.at < reader.end && !read_zone(&reader, moment))
		return false;
	return reader.at == reader.end;
}

static char *write_digits(char *to, int width, int value, char behind)
{
	to[width] = behind;
	for (int i = width; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + width + 1;
}

bool moment_to_universal(struct moment *moment)
{
	if (moment->offset == 0)
		return true;
	int64_t days = time_days(moment->year, moment->month, moment->day);
	moment->minute -= moment->offset;
	if (moment->minute < 0)
		days--;
	else if (moment->minute >= MINUTES_OF_DAY)
		days++;
	moment->minute = (moment->minute + MINUTES_OF_DAY) % MINUTES_OF_DAY;
	moment->offset = 0;
	time_date(days, &moment->year, &moment->month, &moment->day);
	return moment->year > 0 && moment->year <= YEAR_MAX;
}

void moment_write_date(const struct moment *moment, char out[static MOMENT_DATE_SIZE])
{
	char *to = write_digits(out, 4, moment->year, '-');
	to = write_digits(to, 2, moment->month, '-');
	write_digits(to, 2, moment->day, '\0');
}

void moment_write(const struct moment *moment, char out[static MOMENT_SIZE])
{
	moment_write_date(moment, out);
	char *to = out + MOMENT_DATE_SIZE - 1;
	*to++ = 'T';
	to = write_digits(to, 2, moment->minute / MINUTES_OF_HOUR, ':');
	to = write_digits(to, 2, moment->minute % MINUTES_OF_HOUR, ':');
	to = write_digits(to, 2, moment->second, '.');
	to = write_digits(to, 3, moment->ms, 'Z');
	*to = '\0';
}

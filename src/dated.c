#include "dated.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"

enum { FILLED_MAX = 4096 }; /* PATH_MAX of Linux */

char *dated_fill(const char *text, int64_t seconds)
{
	char filled[FILLED_MAX];
	struct tm local;
	time_t when = (time_t)seconds;
	if (!dated_has_places(text))
		return mem_copy(text);
	if (localtime_r(&when, &local) == NULL) /* in no year that there is a number for */
		return NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* strftime places are what these options take */
	size_t length = strftime(filled, sizeof(filled), text, &local);
#pragma GCC diagnostic pop
	return length > 0 ? mem_copy(filled) : NULL;
}

bool dated_has_places(const char *text)
{
	return strchr(text, '%') != NULL;
}

/* The same places as strptime can read them: it takes the year of a week to be as long as there are digits, and knows
 * neither small letters for morning and evening nor the names of zones. */
static char *readable(const char *places, const char *zone)
{
	struct buf text = {0};
	for (const char *c = places; *c != '\0'; c++) {
		buf_add_char(&text, *c);
		if (c[0] != '%' || c[1] == '\0')
			continue;
		switch (*++c) {
		case 'G': buf_add_char(&text, 'Y'); break;
		case 'P': buf_add_char(&text, 'p'); break;
		case 'Z':
			buf_set_length(&text, text.length - 1);
			buf_add_text(&text, zone);
			break;
		default: buf_add_char(&text, *c);
		}
	}
	return buf_take(&text);
}

bool dated_fits(const char *places, const char *text)
{
	if (!dated_has_places(places))
		return strcmp(places, text) == 0;
	bool fits = false;
	tzset();
	for (int summer = 0; summer < 2 && !fits; summer++) {
		struct tm ignored = {0};
		char *read = readable(places, tzname[summer]);
		const char *end = strptime(text, read, &ignored);
		fits = end != NULL && *end == '\0';
		free(read);
	}
	return fits;
}

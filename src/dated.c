#include "dated.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { FILLED_MAX = 4096 }; /* PATH_MAX of Linux */

char *dated_fill(const char *text, int64_t seconds)
{
	char filled[FILLED_MAX];
	struct tm local;
	time_t when = (time_t)seconds;
	if (!dated_has_places(text))
		return mem_copy(text);
	localtime_r(&when, &local);
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

bool dated_fits(const char *places, const char *text)
{
	struct tm ignored = {0};
	if (!dated_has_places(places))
		return strcmp(places, text) == 0;
	const char *end = strptime(text, places, &ignored);
	return end != NULL && *end == '\0';
}

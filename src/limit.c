#include "limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "column_name.h"
#include "table/schema.h"

enum { WHOLE = 10000, DIGITS_MAX = 12 };

static bool find_table(const char *text, size_t length, int *table, struct err *err)
{
	const struct table *found = column_name_table(text, length, err);
	if (found != NULL)
		*table = found->id;
	return found != NULL;
}

/* 20, 12.5 or 0.25, with or without the sign. */
static bool read_percent(const char *text, int *hundredths)
{
	size_t whole = strspn(text, "0123456789");
	size_t fraction = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	const char *end = text + whole + (fraction > 0 ? fraction + 1 : 0);
	if (whole == 0 || whole > 3 || fraction > 2 || strcmp(*end == '%' ? end + 1 : end, "") != 0)
		return false;
	*hundredths = atoi(text) * 100;
	if (fraction > 0)
		*hundredths += (text[whole + 1] - '0') * 10;
	if (fraction > 1)
		*hundredths += text[whole + 2] - '0';
	return *hundredths <= WHOLE;
}

bool limit_drop(const char *text, int *table, int *hundredths, struct err *err)
{
	size_t length = strcspn(text, "=");
	const char *number = text[length] == '=' ? text + length + 1 : text;
	*table = SCHEMA_NONE;
	if (number != text && !find_table(text, length, table, err))
		return false;
	return read_percent(number, hundredths) ||
	       err_set(err, ERR_USAGE, "it is written 20%% or users=20%%, from 0%% to 100%%, not `%s`", text);
}

bool limit_rows(const char *text, int *table, uint64_t *rows, struct err *err)
{
	size_t length = strcspn(text, "=");
	const char *number = text[length] == '=' ? text + length + 1 : "";
	size_t digits = strspn(number, "0123456789");
	if (digits == 0 || digits > DIGITS_MAX || number[digits] != '\0')
		return err_set(err, ERR_USAGE, "it is written users=1000, not `%s`", text);
	*rows = strtoull(number, NULL, 10);
	return find_table(text, length, table, err);
}

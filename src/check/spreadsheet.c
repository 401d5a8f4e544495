#include "check/spreadsheet.h"

#include <string.h>
#include <strings.h>

enum { NAMES_LEAST = 2 /* of a header, to know it by */ };

static const struct {
	const char *word;
	char separator;
} traces[] = {
	[SPREADSHEET_NONE] = {"", '\0'},
	[SPREADSHEET_SEP_LINE] = {"a line sep=", '\0'},
	[SPREADSHEET_SEMICOLONS] = {"semicolons", ';'},
	[SPREADSHEET_TABS] = {"tabs", '\t'},
};

const char *spreadsheet_word(enum spreadsheet_trace trace)
{
	return traces[trace].word;
}

/* sep= and one character. If that is a comma, it has cut the line in two. */
static bool is_sep_line(const struct csv_row *row)
{
	static const char mark[] = "sep=";
	const struct csv_cell *first = &row->cells[0];
	if (row->number != 1 || first->length < sizeof(mark) - 1 ||
		strncasecmp(first->text, mark, sizeof(mark) - 1) != 0)
		return false;
	return row->count == 1 ? first->length <= sizeof(mark)
			       : row->count == 2 && first->length == sizeof(mark) - 1 && row->cells[1].length == 0;
}

bool spreadsheet_part(enum spreadsheet_trace trace, const char **text, size_t *length, struct csv_cell *part)
{
	if (*text == NULL)
		return false;
	const char *end = memchr(*text, traces[trace].separator, *length);
	size_t taken = end != NULL ? (size_t)(end - *text) : *length;
	*part = (struct csv_cell){.text = *text, .length = taken};
	*length -= end != NULL ? taken + 1 : taken;
	*text = end != NULL ? end + 1 : NULL;
	/* The first one lost its opening quote to the reader of commas, or both. */
	if (part->length > 0 && part->text[0] == '"') {
		part->text++;
		part->length--;
	}
	if (part->length > 0 && part->text[part->length - 1] == '"')
		part->length--;
	return true;
}

static bool is_parted(const struct csv_cell *line, enum spreadsheet_trace trace,
	bool (*is_name)(const void *context, const struct csv_cell *cell), const void *context)
{
	const char *text = line->text;
	size_t length = line->length;
	struct csv_cell part;
	size_t parts = 0;
	size_t names = 0;
	while (spreadsheet_part(trace, &text, &length, &part)) {
		parts++;
		names += is_name(context, &part) ? 1 : 0;
	}
	return names >= NAMES_LEAST && names * 2 >= parts;
}

enum spreadsheet_trace spreadsheet_trace(const struct csv_row *row,
	bool (*is_name)(const void *context, const struct csv_cell *cell), const void *context)
{
	if (row->count == 0)
		return SPREADSHEET_NONE;
	if (is_sep_line(row))
		return SPREADSHEET_SEP_LINE;
	for (int trace = SPREADSHEET_SEMICOLONS; row->count == 1 && trace <= SPREADSHEET_TABS; trace++)
		if (is_parted(&row->cells[0], (enum spreadsheet_trace)trace, is_name, context))
			return (enum spreadsheet_trace)trace;
	return SPREADSHEET_NONE;
}

static size_t count_digits(const char *text, size_t length)
{
	size_t count = 0;
	while (count < length && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

bool spreadsheet_is_rounded(const char *text, size_t length)
{
	size_t at = length > 0 && text[0] == '-' ? 1 : 0;
	if (count_digits(text + at, length - at) != 1)
		return false;
	at++;
	if (at < length && (text[at] == '.' || text[at] == ',')) {
		size_t digits = count_digits(text + at + 1, length - at - 1);
		if (digits == 0)
			return false;
		at += 1 + digits;
	}
	if (length - at < 3 || text[at] != 'E' || text[at + 1] != '+')
		return false;
	size_t digits = count_digits(text + at + 2, length - at - 2);
	return (digits == 2 || digits == 3) && at + 2 + digits == length;
}

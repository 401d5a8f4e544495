#include "table/csv_write.h"

#include <string.h>

#include "base/bytes.h"
#include "base/out.h"
#include "table/row.h"

/* Bytes that need quotes wherever they stand, by style. */
static const bool special[256] = {[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true};
static const bool special_or_blank[256] = {
	[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true, [' '] = true, ['\t'] = true};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a text holds nothing that comes before the - in ASCII, as quotes, commas and all white space do. */
static bool is_harmless(const char *text, size_t length)
{
	if (length < 8)
		return false;
	for (size_t at = 0; at < length - 8; at += 8)
		if (bytes_below(bytes_eight(text + at), '-') != 0)
			return false;
	return bytes_below(bytes_eight(text + length - 8), '-') == 0;
}

static bool needs_quotes(const char *text, size_t length, const struct csv_style *style)
{
	const bool *needs = style->quote_blanks ? special_or_blank : special;
	if (length == 0 || is_harmless(text, length))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (needs[(unsigned char)text[i]])
			return true;
	}
	return is_blank(text[0]) || is_blank(text[length - 1]);
}

void csv_write_cell(struct out *out, const char *text, size_t length, bool first, const struct csv_style *style)
{
	if (!first)
		out_add_char(out, ',');
	if (!style->quote_all && !needs_quotes(text, length, style)) {
		out_add(out, text, length);
		return;
	}
	out_add_char(out, '"');
	const char *end = text + length;
	while (text < end) {
		const char *quote = memchr(text, '"', (size_t)(end - text));
		const char *stop = quote != NULL ? quote + 1 : end;
		out_add(out, text, (size_t)(stop - text));
		if (quote != NULL)
			out_add_char(out, '"');
		text = stop;
	}
	out_add_char(out, '"');
}

void csv_write_end(struct out *out, const struct csv_style *style)
{
	if (!style->lf)
		out_add_char(out, '\r');
	out_add_char(out, '\n');
}

void csv_write_header(struct out *out, const char *const *names, size_t n, const struct csv_style *style)
{
	for (size_t i = 0; i < n; i++)
		csv_write_cell(out, names[i], strlen(names[i]), i == 0, style);
	csv_write_end(out, style);
}

void csv_write_row(struct out *out, const struct row *row, const struct csv_style *style)
{
	for (size_t i = 0; i < row->count; i++)
		csv_write_cell(out, row_text(row, i), row_length(row, i), i == 0, style);
	csv_write_end(out, style);
}

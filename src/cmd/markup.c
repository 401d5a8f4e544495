#include "cmd/markup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "check/clean.h"

enum { DIGITS = 20, ISO_SIZE = 21 };

static const char *entity(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void markup_text(struct buf *out, const char *text)
{
	static const char *const not_xml[] = {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}; /* U+FFFE, U+FFFF */
	struct buf fit = {.max = SIZE_MAX};
	clean_text(text, strlen(text), &fit);
	for (size_t i = 0; i < fit.length; i++) {
		const char *at = fit.data + i;
		const char *escaped = entity(*at);
		if (strncmp(at, not_xml[0], 3) == 0 || strncmp(at, not_xml[1], 3) == 0) {
			buf_add_text(out, "\xEF\xBF\xBD");
			i += 2;
		} else if (escaped != NULL) {
			buf_add_text(out, escaped);
		} else {
			buf_add_char(out, *at);
		}
	}
	buf_release(&fit);
}

void markup_name(struct buf *out, const char *text)
{
	buf_add_text(out, "<bdi>");
	markup_text(out, text);
	buf_add_text(out, "</bdi>");
}

void markup_number(struct buf *out, uint64_t number)
{
	char digits[DIGITS + 1];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			buf_add_char(out, ',');
		buf_add_char(out, digits[i]);
	}
}

void markup_count(struct buf *out, uint64_t number, const char *word)
{
	size_t length = strlen(word);
	bool hisses = length > 0 && word[length - 1] == 's';
	markup_number(out, number);
	buf_add_format(out, " %s%s", word, number == 1 ? "" : hisses ? "es" : "s");
}

void markup_change(struct buf *out, uint64_t old, uint64_t new)
{
	if (new > old)
		buf_add_char(out, '+');
	else if (new < old)
		buf_add_text(out, "\xE2\x88\x92");
	markup_number(out, new > old ? new - old : old - new);
}

void markup_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	size_t unit = 0;
	uint64_t whole = 1000;
	if (bytes < whole) {
		markup_count(out, bytes, "byte");
		return;
	}
	for (; bytes / whole >= 1000; whole *= 1000)
		unit++;
	buf_add_format(out, "%" PRIu64 ".%" PRIu64 " %s", bytes / whole, bytes % whole / (whole / 10), units[unit]);
}

void markup_moment(struct buf *out, int64_t seconds)
{
	char iso[ISO_SIZE];
	time_iso(seconds, iso);
	buf_add_format(out, "<time datetime=\"%s\">%.10s %.5s UTC</time>", iso, iso, iso + 11);
}

void markup_section(struct buf *out, const char *name, const char *kind, const char *title, const char *note)
{
	buf_add_format(out, "<section class=\"card%s%s\" id=\"%s\" aria-labelledby=\"%s-title\">\n",
		*kind != '\0' ? " " : "", kind, name, name);
	buf_add_format(out, "<h2 id=\"%s-title\">%s</h2>\n", name, title);
	if (note != NULL)
		buf_add_format(out, "<p class=\"note\">%s</p>\n", note);
}

void markup_close(struct buf *out)
{
	buf_add_text(out, "</section>\n");
}

void markup_table(struct buf *out, const char *caption, int columns)
{
	buf_add_text(out, "<div class=\"scroll\"><table");
	if (columns > 0)
		buf_add_format(out, " class=\"fold\" style=\"--columns:%d\"", columns);
	buf_add_format(out, ">\n<caption>%s</caption>\n<thead><tr>", caption);
}

void markup_head(struct buf *out, const char *title, const char *kind)
{
	buf_add_text(out, "<th scope=\"col\"");
	if (*kind != '\0')
		buf_add_format(out, " class=\"%s\"", kind);
	buf_add_format(out, ">%s</th>", title);
}

void markup_body(struct buf *out)
{
	buf_add_text(out, "</tr></thead>\n<tbody>\n");
}

void markup_table_end(struct buf *out)
{
	buf_add_text(out, "</tbody>\n</table></div>\n");
}

void markup_cell(struct buf *out, uint64_t number)
{
	buf_add_format(out, "<td class=\"n%s\">", number == 0 ? " zero" : "");
	markup_number(out, number);
	buf_add_text(out, "</td>");
}

void markup_cell_change(struct buf *out, uint64_t old, uint64_t new)
{
	buf_add_format(out, "<td class=\"n change%s\">", new > old ? " up" : new < old ? " down" : " zero");
	markup_change(out, old, new);
	buf_add_text(out, "</td>");
}

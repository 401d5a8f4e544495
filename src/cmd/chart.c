#include "cmd/chart.h"

#include <string.h>

#include "cmd/markup.h"

enum {
	WHOLE = 1000,  /* widths are in tenths of a percent */
	BAR_LEAST = 6, /* so that one of thousands is seen */
	TOP = 22,      /* pixels above the highest column, for its number */
	HEIGHT = 150,  /* of the highest column */
	BOTTOM = 24,   /* below, for the labels */
	ROUND = 2,     /* of corners */
	GAP = 14,      /* percent of a column's place that stay free on each side */
};

/* Part of most, of a length; something is never nothing. */
static unsigned part(uint64_t number, uint64_t most, unsigned length, unsigned least)
{
	unsigned size = most > 0 ? (unsigned)((double)number / (double)most * length + 0.5) : 0;
	return number > 0 && size < least ? least : size;
}

void chart_cell(struct buf *out, uint64_t number, uint64_t most, const char *tone)
{
	unsigned width = part(number, most, WHOLE, BAR_LEAST);
	buf_add_format(out, "<td class=\"n bar%s\"><span>", number == 0 ? " zero" : "");
	markup_number(out, number);
	buf_add_text(out, "</span>");
	if (most > 0)
		buf_add_format(out,
			"<svg class=\"%s\" aria-hidden=\"true\"><rect width=\"%u.%u%%\" height=\"100%%\" "
			"rx=\"%d\"/></svg>",
			tone, width / 10, width % 10, ROUND);
	buf_add_text(out, "</td>");
}

static void describe(struct buf *out, const char *unit, const struct chart_column *columns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_add_format(out, "%s%s: ", i > 0 ? "; " : "", columns[i].label);
		markup_number(out, columns[i].number);
	}
	buf_add_format(out, " %s.", unit);
}

/* Of a span "6-10" the style sheet may leave out the beginning where there is no room for it. */
static void draw_label(struct buf *out, const char *label)
{
	const char *dash = strstr(label, "\u2013");
	if (dash != NULL)
		buf_add_format(out, "<tspan>%.*s</tspan>%s", (int)(dash - label), label, dash);
	else
		buf_add_text(out, label);
}

static void draw_column(struct buf *out, const struct chart_column *column, uint64_t most, unsigned at, unsigned place)
{
	unsigned height = part(column->number, most, HEIGHT, 2);
	unsigned gap = place * GAP / 100;
	unsigned left = at + gap;
	unsigned width = place - 2 * gap;
	unsigned middle = at + place / 2;
	unsigned top = TOP + HEIGHT - height;
	if (height > 0)
		buf_add_format(out,
			"<rect class=\"%s\" x=\"%u.%u%%\" width=\"%u.%u%%\" y=\"%u\" height=\"%u\" rx=\"%d\"/>",
			column->tone, left / 10, left % 10, width / 10, width % 10, top, height, ROUND);
	buf_add_format(out, "<text%s x=\"%u.%u%%\" y=\"%u\">", column->number == 0 ? " class=\"zero\"" : "",
		middle / 10, middle % 10, top - 6);
	markup_number(out, column->number);
	buf_add_format(out, "</text><text class=\"label\" x=\"%u.%u%%\" y=\"%d\">", middle / 10, middle % 10,
		TOP + HEIGHT + 17);
	draw_label(out, column->label);
	buf_add_text(out, "</text>\n");
}

void chart_columns(struct buf *out, const char *name, const char *title, const char *unit,
	const struct chart_column *columns, size_t count)
{
	uint64_t most = 0;
	unsigned place = WHOLE / (unsigned)count;
	for (size_t i = 0; i < count; i++)
		most = columns[i].number > most ? columns[i].number : most;
	buf_add_format(out,
		"<svg class=\"columns\" role=\"img\" aria-labelledby=\"%s-name %s-text\" width=\"100%%\" "
		"height=\"%d\">\n",
		name, name, TOP + HEIGHT + BOTTOM);
	buf_add_format(out, "<title id=\"%s-name\">%s</title>\n<desc id=\"%s-text\">", name, title, name);
	describe(out, unit, columns, count);
	buf_add_text(out, "</desc>\n");
	for (size_t i = 0; i < count; i++)
		draw_column(out, &columns[i], most, (unsigned)i * place, place);
	buf_add_format(
		out, "<line x1=\"0\" x2=\"100%%\" y1=\"%d.5\" y2=\"%d.5\"/>\n</svg>\n", TOP + HEIGHT, TOP + HEIGHT);
}

/*
 * Pictures of numbers as inline SVG that fits any width: across in percent, so that nothing is stretched on a phone and
 * no script is needed; down in pixels. Colours are the style sheet's.
 * Adds to a buf. A bar stands beside its number and is silent to those who listen; columns tell what they show.
 */
#ifndef CMD_CHART_H
#define CMD_CHART_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* A cell of a table with a number and its bar, as long as it is part of most; most 0: without a bar, in line with
 * others that have one. tone is a class of the style sheet. */
void chart_cell(struct buf *out, uint64_t number, uint64_t most, const char *tone);

struct chart_column {
	const char *label;
	const char *tone;
	uint64_t number;
};

/* Columns with labels below and numbers above. name is a word for ids, title and unit ("classes") are constants without
 * anything to escape, so are the labels. */
void chart_columns(struct buf *out, const char *name, const char *title, const char *unit,
	const struct chart_column *columns, size_t count);

#endif

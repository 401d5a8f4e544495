/*
 * What is wrong with the lines and cells of a CSV file, whatever they mean: the rules csv.*. Says of each what can
 * still be judged, so that one fault is one finding.
 * Owns only what embeds it gives it room for; findings and names are borrowed.
 */
#ifndef CHECK_GRAMMAR_H
#define CHECK_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "check/clean.h"
#include "check/finding.h"
#include "table/csv_read.h"

struct grammar {
	struct findings *findings;
	const char *file;
	unsigned first_end; /* how the first line ended: CSV_LF, CSV_CRLF, or 0 while none did so */
	bool torn;          /* the line before ended in CR alone: this one may be the rest of its last value */
	bool lost;          /* rows were swallowed or torn: what rows the file has cannot be told */
	const char *id;     /* of the row whose cells are judged, id_length bytes; or NULL */
	size_t id_length;
	struct buf scratch;
};

enum grammar_row {
	GRAMMAR_FINE,  /* has as many cells as it ought to */
	GRAMMAR_BLANK, /* nothing in it */
	GRAMMAR_BROKEN /* its cells are not where they ought to be */
};

void grammar_init(struct grammar *grammar, struct findings *findings, const char *file);
void grammar_release(struct grammar *grammar);

/* Judges a line that ought to have width cells; any number if width is 0. narrow is the rule for lines that do not. */
enum grammar_row grammar_line(struct grammar *grammar, const struct csv_row *row, size_t width, enum rule narrow);

/* Judges a cell that is not plain; see grammar_cell. */
bool grammar_odd_cell(struct grammar *grammar, const struct csv_cell *cell, uint64_t row, const char *column);

/* Judges a cell. False when what it says is not to be judged any further. column may be NULL. */
static inline bool grammar_cell(struct grammar *grammar, const struct csv_cell *cell, uint64_t row, const char *column)
{
	return ((cell->notes & ~(unsigned)CSV_QUOTED) == 0 && clean_fine(cell->text, cell->length) == cell->length) ||
	       grammar_odd_cell(grammar, cell, row, column);
}

/* At the end of the file. */
void grammar_end(struct grammar *grammar, bool bom);

#endif

/*
 * CSV as RFC 4180 and OneRoster want it: no byte-order mark, a comma between cells, a line end behind every line.
 * Owns nothing; whether the bytes could be written is the out's to say.
 *
 * A cell is put in quotes when it holds a comma, a quote, CR or LF, or begins or ends with a blank or a tab (which some
 * readers would trim); quotes in it are doubled. An empty cell is nothing, or "" where all cells are quoted. A table
 * has at least two columns: the only cell of a line, if empty, would make an empty line, which readers skip.
 */
#ifndef TABLE_CSV_WRITE_H
#define TABLE_CSV_WRITE_H

#include <stdbool.h>
#include <stddef.h>

struct out;
struct row;

struct csv_style {
	bool quote_all;    /* quotes around every cell, also empty ones and the header's */
	bool quote_blanks; /* quotes also around cells with a blank or a tab anywhere */
	bool lf;           /* LF at line ends instead of CRLF */
};

/* One line of n names; one line with all cells of a row. */
void csv_write_header(struct out *out, const char *const *names, size_t n, const struct csv_style *style);
void csv_write_row(struct out *out, const struct row *row, const struct csv_style *style);

/* The same by hand: one cell, with a comma in front unless it is the first of its line; the end of the line. */
void csv_write_cell(struct out *out, const char *text, size_t length, bool first, const struct csv_style *style);
void csv_write_end(struct out *out, const struct csv_style *style);

#endif

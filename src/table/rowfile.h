/*
 * The rows of a table on disk, in byte order of their first cell, one row an id, in memory that does not grow with
 * them. Rows are added in any order, sorted once, then read as often as needed. Owns its files, which have no name and
 * so are gone with the program, however it ends.
 *
 * Calls in this order: rowfile_new, rowfile_add..., rowfile_sort, rowfile_read..., rowfile_free. Rows that come in
 * order are written once and never copied.
 */
#ifndef TABLE_ROWFILE_H
#define TABLE_ROWFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct row;
struct rowfile;
struct rowfile_reader;

enum { ROWFILE_MEMORY = 2 * 1024 * 1024 };

struct rowfile_options {
	const char *folder; /* where working files go */
	const char *name;   /* of the table, for messages */
	size_t columns;     /* cells of each row */
	size_t newest;      /* column that tells copies of a row apart: the greater text wins; SIZE_MAX for none */
	size_t memory;      /* bytes for sorting; 0 means ROWFILE_MEMORY */
};

struct rowfile_counts {
	uint64_t rows;              /* added */
	uint64_t distinct;          /* ids, and so rows to be read */
	uint64_t repeats_same;      /* copies that equal the best one until then */
	uint64_t repeats_different; /* copies that differ from it */
	bool in_order;              /* the rows came in ascending byte order of ids, none twice */
};

/* NULL on failure. Copies the options. */
struct rowfile *rowfile_new(const struct rowfile_options *options, struct err *err);

/* Frees the file and its place on disk. Its readers must be gone. */
void rowfile_free(struct rowfile *file);

/* Adds one encoded row (see row_encode) of the right number of cells. Not after rowfile_sort. */
bool rowfile_add(struct rowfile *file, const char *encoded, size_t length, struct err *err);

/* Puts the rows in order and keeps one of each id: the one whose "newest" cell is greatest in byte order, among equals
 * the one added last. Sets counts unless NULL. After a failure the file can only be freed. */
bool rowfile_sort(struct rowfile *file, struct rowfile_counts *counts, struct err *err);

/* Starts reading a sorted file from its first row. There may be several readers at once. NULL on failure. */
struct rowfile_reader *rowfile_read(struct rowfile *file, struct err *err);
void rowfile_reader_free(struct rowfile_reader *reader);

/* From now on the reader passes over the rows for which skips gives true, at little cost. */
void rowfile_reader_skip(
	struct rowfile_reader *reader, bool (*skips)(void *context, const char *encoded, size_t length), void *context);

/* Decodes the next row into row, made by row_init with the file's number of columns, or with fewer: then it gets the
 * first of them. Its text lives until the next call. 1 if there is one, 0 at the end, -1 on failure. */
int rowfile_next(struct rowfile_reader *reader, struct row *row, struct err *err);

#endif

/*
 * The rows of a page that is not accepted yet: a transaction. rowpage_commit moves them to the row file of the table,
 * rowpage_drop forgets them; either leaves an empty page, ready for use.
 * Owns its rows: in memory up to ROWPAGE_MEMORY, beyond that in a file without a name, so a page of any size is flat.
 */
#ifndef TABLE_ROWPAGE_H
#define TABLE_ROWPAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct row;
struct rowfile;
struct rowpage;

enum { ROWPAGE_MEMORY = 256 * 1024 };

struct rowpage *rowpage_new(const char *folder); /* never NULL; the folder is for large pages */
void rowpage_free(struct rowpage *page);

/* Adds a copy of the row. On failure the page can only be dropped. */
bool rowpage_add(struct rowpage *page, const struct row *row, struct err *err);

void rowpage_drop(struct rowpage *page);

/* Adds all rows to file in the order they came. On failure the file has some of them, and the page all. */
bool rowpage_commit(struct rowpage *page, struct rowfile *file, struct err *err);

/* Calls f with context and each encoded row in the order they came, until one call returns false: then that is the
 * result. The bytes live until f returns; f must leave the page alone. */
bool rowpage_each(struct rowpage *page, bool (*f)(void *context, const char *encoded, size_t length, struct err *err),
	void *context, struct err *err);

uint64_t rowpage_rows(const struct rowpage *page);

/* The first and the last row, encoded: valid until the page changes; NULL when there is no row. */
const char *rowpage_first_row(const struct rowpage *page, size_t *length);
const char *rowpage_last_row(const struct rowpage *page, size_t *length);

/* The first cell of each, likewise. */
const char *rowpage_first(const struct rowpage *page, size_t *length);
const char *rowpage_last(const struct rowpage *page, size_t *length);

#endif

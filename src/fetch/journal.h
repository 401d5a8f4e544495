/*
 * A text file that only grows, line by line, and that a kill or a power cut at any moment leaves readable: each line is
 * written at one stroke and ends with a check sum over itself and the line before, so that a line that was changed,
 * moved or removed is noticed; a last line that is not whole does not count and is cut off when writing goes on.
 * Owns the file and, when writing, the lock on it. What the lines say is the caller's.
 *
 * A line is fields with one space between them. Fields are plain words; texts become such words by journal_encode.
 * Errors are ERR_FILE unless a function says otherwise.
 */
#ifndef FETCH_JOURNAL_H
#define FETCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	JOURNAL_LINE_MAX = 64 * 1024, /* bytes of a line */
	JOURNAL_FIELDS_MAX = 16,
};

struct journal;

/* The fields of a line, terminated, without the check sum; they may be changed in place. */
struct journal_line {
	uint64_t at; /* where the line begins in the file */
	size_t count;
	char *fields[JOURNAL_FIELDS_MAX];
};

/* Opens the file at path: to write (made if missing, 0600, locked until journal_free; ERR_LOCK when another run holds
 * it) or only to read. NULL on failure. Nothing may be added before journal_read. */
struct journal *journal_open(const char *path, bool write, struct err *err);
void journal_free(struct journal *journal);

enum journal_state { JOURNAL_EMPTY, JOURNAL_FINE, JOURNAL_DAMAGED };

/* Hands over every line, from the first on. Damaged: a line is not as it was written, or on_line returned false; no
 * more lines are handed over then, and the journal can only be cleared. False, with err, if the file cannot be read. */
bool journal_read(struct journal *journal, bool (*on_line)(void *context, struct journal_line *line), void *context,
	enum journal_state *state, struct err *err);

/* Reads the line at a place again. Lives until the next call. False when it is not there. */
bool journal_line_at(struct journal *journal, uint64_t at, struct journal_line *line, struct err *err);

/* Adds a line, given without check sum and line end; at (unless NULL) becomes its place. On failure nothing is added.
 */
bool journal_add(struct journal *journal, const struct buf *line, uint64_t *at, struct err *err);

/* Makes the journal an empty one. */
bool journal_clear(struct journal *journal, struct err *err);

/* Appends a text as a word of [A-Za-z0-9._-] and %XX, safe as the name of a file: never empty, no dot in front. */
void journal_encode(struct buf *buf, const char *text);

/* Changes such a word back, in place. False if it is none. */
bool journal_decode(char *word);

/* Reads a number: plain digits, no zero in front, not more than fits. */
bool journal_number(const char *word, uint64_t *number);

#endif

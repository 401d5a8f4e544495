/*
 * The small things HTML is made of: text that can break out of nothing, numbers, sizes and moments as people read them,
 * and the frame of a section. What is written is well-formed XML too.
 * Adds to a buf, which remembers if it overflowed; owns nothing.
 */
#ifndef CMD_MARKUP_H
#define CMD_MARKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Text of any origin, for an element or an attribute in quotes: escaped, without control characters, valid UTF-8. */
void markup_text(struct buf *out, const char *text);

/* The same as an element of its own, from which text that runs from right to left does not spill. */
void markup_name(struct buf *out, const char *text);

/* 1,234,567 */
void markup_number(struct buf *out, uint64_t number);

/* 1 school, 1,234 schools: the word takes an s, es behind ss. */
void markup_count(struct buf *out, uint64_t number, const char *word);

/* From old to new: +12, with a true minus -12, or 0. */
void markup_change(struct buf *out, uint64_t old, uint64_t new);

/* 512 bytes, 3.1 MB */
void markup_bytes(struct buf *out, uint64_t bytes);

/* Seconds since 1970 as <time>: 2026-11-21 20:18 UTC */
void markup_moment(struct buf *out, int64_t seconds);

/* A section with its heading, to be closed by markup_close; name is a word for its id, note a sentence or NULL, both
 * and the title constants without anything to escape. kind is a further class, or "". */
void markup_section(struct buf *out, const char *name, const char *kind, const char *title, const char *note);
void markup_close(struct buf *out);

/* A table whose caption is for those who do not see it, up to its head; columns is how many there are behind the first:
 * on a phone they fold below that, if it is not 0. kind is a class of the cell: "", n of a number, n wide of one with a
 * bar. */
void markup_table(struct buf *out, const char *caption, int columns);
void markup_head(struct buf *out, const char *title, const char *kind);
void markup_body(struct buf *out);
void markup_table_end(struct buf *out);

/* A cell of a table: a number, or a change, which is marked by its direction. */
void markup_cell(struct buf *out, uint64_t number);
void markup_cell_change(struct buf *out, uint64_t old, uint64_t new);

#endif

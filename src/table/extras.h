/*
 * Metadata: what a record has beyond the standard's columns, as pairs of a key and a text. The pairs of one row are
 * gathered, packed into one cell behind the columns, and spread over cells of their own once it is known which of them
 * a file has.
 * Owns pairs and names. Leaves to others where pairs come from, what is right in a value, and who wants which.
 *
 * Packed are the keys in byte order, each once; equal metadata are equal bytes. A key never begins with "metadata.", as
 * the column of key k is called metadata.k, and of metadata.k too.
 */
#ifndef TABLE_EXTRAS_H
#define TABLE_EXTRAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "table/row.h"

enum {
	EXTRAS_MAX = ROW_CELLS_MAX, /* pairs of a row, and names of a table: more could not be columns */
	EXTRAS_KEY_MAX = 255,       /* bytes of a key */
	EXTRAS_NONE = -1,
};

/* A set of keys in byte order. Zero is an empty one. */
struct extras_names {
	char **names;
	size_t count;
	bool overflow; /* there were more than EXTRAS_MAX */
};

/* Which keys are of interest. */
struct extras_wish {
	bool all;                   /* every one that can name a column */
	struct extras_names listed; /* and these, whatever they look like */
};

/* One pair, by places in the text of its extras. */
struct extra {
	size_t key;
	size_t key_length;
	size_t text;
	size_t length;
	uint32_t notes;   /* enum cell_note bits */
	const char *name; /* the key, while pairs are sorted */
};

/* The pairs of a row while they are gathered. */
struct extras {
	const struct extras_wish *wish; /* borrowed */
	struct buf text;
	struct buf packed;
	struct extra *pairs;
	size_t count;
	size_t room;
	int open;         /* the pair that values go to, or EXTRAS_NONE */
	uint64_t unnamed; /* values left out because no column can be called like their key */
	uint64_t misfits; /* objects and texts left out because there was no key for them */
};

/* A pair of a packed cell: borrows. */
struct extras_pair {
	const char *key;
	size_t key_length;
	const char *text;
	size_t length;
};

/* The columns that a file has behind the standard's. Zero is none. */
struct extras_columns {
	char **headers; /* in the order of the file */
	size_t *places; /* by header in byte order: its place in the file */
	size_t count;
};

/* Takes "metadata." off the front of a key. False, and nothing is done, if it does not begin so. */
bool extras_strip(const char **key, size_t *length);

/* Whether a column can be called like that: English letters, digits, . _ - : / @ and blanks inside, at most
 * EXTRAS_KEY_MAX. */
bool extras_key_fine(const char *key, size_t length);

/* Adds a key, without the prefix, unless it is there. False (and overflow) when the set is full. */
bool extras_names_add(struct extras_names *names, const char *key, size_t length);
bool extras_names_has(const struct extras_names *names, const char *key, size_t length);
void extras_names_release(struct extras_names *names);

/* The wish must outlive the extras; NULL wishes for nothing. */
void extras_init(struct extras *extras, const struct extras_wish *wish);
void extras_release(struct extras *extras);
void extras_clear(struct extras *extras); /* no pairs; keeps the wish, and the memory unless it is much */

/* A key begins: what is added goes to it, or nowhere if nobody wishes for it. Blank until something is added. A key of
 * more than EXTRAS_KEY_MAX may be cut. False when the row would get too large. */
bool extras_begin(struct extras *extras, const char *key, size_t length);

/* No key is open any more. */
void extras_end(struct extras *extras);

/* Adds a text to the open key; in_list: with a comma in front if there is something already, and without commas of its
 * own. False when the row would get too large. */
bool extras_add(struct extras *extras, const char *text, size_t length, bool in_list);

/* Notes something about the open key. */
void extras_note(struct extras *extras, enum cell_note note);

/* Puts the pairs in order; of a key that came twice the last stays. Nothing may be added afterwards. */
void extras_sort(struct extras *extras);

/* The text of pair i, which lives until one changes; another text for it, which may be none of theirs. */
const char *extras_text(const struct extras *extras, size_t i);
bool extras_set(struct extras *extras, size_t i, const char *text, size_t length);

/* Packs sorted pairs into a cell. False when the row would pass ROW_TEXT_MAX. */
bool extras_pack(struct extras *extras, struct row *row, size_t cell);

/* Gives one pair of a packed cell after the other; place is 0 for the first. False at the end, also of bytes that are
 * no packed pairs. */
bool extras_next(const char *packed, size_t length, size_t *place, struct extras_pair *pair);

/* Adds the keys of a packed cell. False (and overflow) when the set is full. */
bool extras_names_learn(struct extras_names *names, const char *packed, size_t length);

/* Adds the column of a key, without the prefix, behind the others unless it is there. */
void extras_columns_add(struct extras_columns *columns, const char *key);
void extras_columns_release(struct extras_columns *columns);

/* Puts in place of the packed cell, which is the last, one cell for each column, blank where the row lacks it. The row
 * must have been made by row_init for as many cells. Needs no memory: the cells are parts of the packed one. */
void extras_spread(const struct extras_columns *columns, struct row *row, size_t cell);

#endif

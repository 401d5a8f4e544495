/*
 * Makes text of any origin fit for a CSV cell: UTF-8 without line breaks and control characters, nothing else changed.
 * Knows nothing of columns; whoever calls decides what a change means.
 *
 * A run of CR, LF, tab, U+0085, U+2028 and U+2029 becomes one blank, also when characters that are left out stand in
 * it. Left out are the other control characters (C0, DEL, C1) and U+FEFF. What is no UTF-8 becomes U+FFFD: one for each
 * part that could have begun a character, as Unicode recommends, and one for half a surrogate pair in three bytes,
 * which JSON can bring about and which was one character to its sender.
 */
#ifndef CHECK_CLEAN_H
#define CHECK_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum clean_change {
	CLEAN_LINE_BREAK = 1,
	CLEAN_CONTROL = 2,
	CLEAN_UTF8 = 4,
};

/* How many bytes from the start are fit as they are: length if all. Fast for printable ASCII. */
size_t clean_fine(const char *text, size_t length);

/* Adds the text made fit to out, which then may have overflown. Gives the enum clean_change bits of what it did. */
unsigned clean_text(const char *text, size_t length, struct buf *out);

/* The same as clean_is_blank, for texts with a blank of any kind at the front, which is rare enough to be looked at. */
bool clean_all_blank(const char *text, size_t length);

/* Whether a fit text is empty or of blanks only: the ASCII one, U+00A0 and U+3000, which look no different to anybody
 * and are typed instead of it. */
static inline bool clean_is_blank(const char *text, size_t length)
{
	unsigned char first = length > 0 ? (unsigned char)*text : ' ';
	return (first == ' ' || first >= 0x80) && clean_all_blank(text, length);
}

#endif

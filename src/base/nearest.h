/*
 * How far two words are apart, for "did you mean": pure.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

enum { NEAREST_MAX = 48 }; /* longer words are not compared */

/* Returns how many letters have to be added, removed, changed or swapped with their neighbour to get from one word to
 * the other. Both have at most NEAREST_MAX letters. */
size_t nearest_distance(const char *a, size_t a_length, const char *b, size_t b_length);

/* Returns the distance from which on a word of that length is another word: more than a third of the letters wrong. */
size_t nearest_limit(size_t length);

/* Writes a word of at most NEAREST_MAX letters in lower case and without what joins its parts (blank, _ and -) to
 * plain. Returns the length of that. */
size_t nearest_plain(const char *word, size_t length, char plain[static NEAREST_MAX]);

#endif

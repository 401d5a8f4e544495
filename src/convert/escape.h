/*
 * Mends \u escapes of JSON text that stand for half a character (a surrogate without its partner) before the parser
 * sees them: it would turn them into a question mark or join them with what follows. Each becomes \ufffd, counted.
 * Works on pieces of any size; holds back at most the 11 bytes that may still need their partner.
 */
#ifndef CONVERT_ESCAPE_H
#define CONVERT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct escape {
	char held[12];
	size_t held_length;
	uint64_t mended;
	bool (*sink)(void *context, const char *text, size_t length); /* false stops */
	void *context;
};

/* Begins a new document; sink and context stay. */
void escape_begin(struct escape *escape);

/* Gives the mended text on to the sink. False when the sink said so. */
bool escape_feed(struct escape *escape, const char *text, size_t length);

/* Gives on what is still held back. */
bool escape_end(struct escape *escape);

#endif

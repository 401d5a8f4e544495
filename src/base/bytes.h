/*
 * Bytes looked at several at a time: words of memory at any address, in the machine's own order. Short texts are most
 * of a roster, and a call for each costs more than what it looks at.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t bytes_eight(const char *text)
{
	uint64_t word;
	memcpy(&word, text, sizeof(word));
	return word;
}

static inline uint32_t bytes_four(const char *text)
{
	uint32_t word;
	memcpy(&word, text, sizeof(word));
	return word;
}

static inline uint32_t bytes_two(const char *text)
{
	uint16_t word;
	memcpy(&word, text, sizeof(word));
	return word;
}

/* Whether two texts of the same length are equal. */
static inline bool bytes_equal(const char *a, const char *b, size_t length)
{
	if (length < 4 || length > 16)
		return memcmp(a, b, length) == 0;
	if (length < 8)
		return bytes_four(a) == bytes_four(b) && bytes_four(a + length - 4) == bytes_four(b + length - 4);
	return bytes_eight(a) == bytes_eight(b) && bytes_eight(a + length - 8) == bytes_eight(b + length - 8);
}

/* The high bit of each of eight bytes that is less than limit (at most 0x80); perhaps also of one that is limit or
 * little more, but only behind one that is less, as the number counts: so none at all is certain. */
static inline uint64_t bytes_below(uint64_t eight, unsigned char limit)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	return (eight - limit * each) & ~eight & (0x80 * each);
}

#endif

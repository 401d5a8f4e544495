#include "check/clean.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

/* Whether all eight bytes of a word are printable ASCII. The high bit of a byte is set, or comes by adding 1 (0x7F), or
 * does not come by adding 0x60 (below 0x20). Only a byte with the high bit set can carry over into the next, and that
 * is found anyway. */
static bool is_plain(uint64_t word)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	return ((word | (word + each) | ~(word + 0x60 * each)) & (0x80 * each)) == 0;
}

/* How many bytes from the start are printable ASCII, or somewhat less: the rest begins with a whole character. */
static size_t plain_length(const char *text, size_t length)
{
	size_t at = 0;
	if (length >= 8) {
		for (; length - at >= 8; at += 8)
			if (!is_plain(bytes_eight(text + at)))
				return at;
		return is_plain(bytes_eight(text + length - 8)) ? length : at; /* some bytes again */
	}
	if (length >= 4)
		return is_plain((uint64_t)bytes_four(text) << 32 | bytes_four(text + length - 4)) ? length : 0;
	while (at < length && text[at] >= 0x20 && text[at] < 0x7F)
		at++;
	return at;
}

enum glyph {
	GLYPH_FINE,
	GLYPH_BREAK, /* ends a line, or a tab */
	GLYPH_DROP,  /* control character or byte-order mark */
	GLYPH_BAD,   /* no UTF-8 */
};

static bool within(unsigned char byte, unsigned char low, unsigned char high)
{
	return byte >= low && byte <= high;
}

/* Judges the character that text begins with, and gives its length. A bad part is as long as it could have begun a
 * character, as Unicode recommends; but half of a surrogate pair, which JSON can hold, is one character in its eyes. */
static enum glyph glyph_at(const char *text, size_t left, size_t *length)
{
	const unsigned char *byte = (const unsigned char *)text;
	unsigned char first = byte[0];
	*length = 1;
	if (first < 0x80) {
		if (first == '\n' || first == '\r' || first == '\t')
			return GLYPH_BREAK;
		return first < 0x20 || first == 0x7F ? GLYPH_DROP : GLYPH_FINE;
	}
	if (!within(first, 0xC2, 0xF4))
		return GLYPH_BAD;
	if (first == 0xED && left >= 3 && within(byte[1], 0xA0, 0xBF) && within(byte[2], 0x80, 0xBF)) {
		*length = 3;
		return GLYPH_BAD;
	}
	size_t whole = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	while (*length < whole && *length < left && within(byte[*length], low, high)) {
		++*length;
		low = 0x80;
		high = 0xBF;
	}
	if (*length < whole)
		return GLYPH_BAD;
	if (first == 0xC2 && byte[1] < 0xA0)
		return byte[1] == 0x85 ? GLYPH_BREAK : GLYPH_DROP;
	if (first == 0xE2 && byte[1] == 0x80 && within(byte[2], 0xA8, 0xA9))
		return GLYPH_BREAK;
	if (first == 0xEF && byte[1] == 0xBB && byte[2] == 0xBF)
		return GLYPH_DROP;
	return GLYPH_FINE;
}

size_t clean_fine(const char *text, size_t length)
{
	size_t fine = plain_length(text, length);
	size_t step = 0;
	while (fine < length && glyph_at(text + fine, length - fine, &step) == GLYPH_FINE)
		fine += step;
	return fine;
}

unsigned clean_text(const char *text, size_t length, struct buf *out)
{
	unsigned changes = 0;
	bool after_break = false;
	size_t from = 0; /* not copied yet */
	size_t step = 0;
	for (size_t at = 0; at < length; at += step) {
		enum glyph glyph = glyph_at(text + at, length - at, &step);
		if (glyph == GLYPH_FINE) {
			after_break = false;
			continue;
		}
		buf_add(out, text + from, at - from);
		from = at + step;
		if (glyph == GLYPH_BREAK) {
			changes |= CLEAN_LINE_BREAK;
			if (!after_break)
				buf_add_char(out, ' ');
			after_break = true;
		} else if (glyph == GLYPH_BAD) {
			changes |= CLEAN_UTF8;
			buf_add_text(out, "\xEF\xBF\xBD");
			after_break = false;
		} else {
			changes |= CLEAN_CONTROL;
		}
	}
	buf_add(out, text + from, length - from);
	return changes;
}

bool clean_all_blank(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length) {
		size_t left = length - at;
		if (text[at] == ' ')
			at++;
		else if (left > 1 && memcmp(text + at, "\xC2\xA0", 2) == 0)
			at += 2;
		else if (left > 2 && memcmp(text + at, "\xE3\x80\x80", 3) == 0)
			at += 3;
		else
			return false;
	}
	return true;
}

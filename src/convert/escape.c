#include "convert/escape.h"

#include <string.h>

enum { ESCAPE_LENGTH = 6 }; /* \uXXXX */

enum verdict { INCOMPLETE, PLAIN, LONE };

void escape_begin(struct escape *escape)
{
	escape->held_length = 0;
	escape->mended = 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads a \uXXXX: its code, -1 when it is something else, -2 when the text ends before that is clear. */
static int code_of(const char *text, size_t length)
{
	int code = 0;
	for (size_t i = 0; i < ESCAPE_LENGTH; i++) {
		if (i == length)
			return -2;
		if (i < 2) {
			if (text[i] != "\\u"[i])
				return -1;
			continue;
		}
		int digit = hex_digit(text[i]);
		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

/* Judges the escape that text begins with; used is how much of the text it takes, its partner included. */
static enum verdict judge(const char *text, size_t length, size_t *used)
{
	if (length < 2)
		return INCOMPLETE;
	*used = 2;
	if (text[1] != 'u')
		return PLAIN;
	int code = code_of(text, length);
	if (code == -2)
		return INCOMPLETE;
	if (code == -1)
		return PLAIN; /* no JSON: the parser will say so */
	*used = ESCAPE_LENGTH;
	if (code < 0xD800 || code > 0xDFFF)
		return PLAIN;
	if (code >= 0xDC00)
		return LONE;
	int partner = code_of(text + ESCAPE_LENGTH, length - ESCAPE_LENGTH);
	if (partner == -2)
		return INCOMPLETE;
	if (partner < 0xDC00 || partner > 0xDFFF)
		return LONE;
	*used = (size_t)2 * ESCAPE_LENGTH;
	return PLAIN;
}

static bool give(struct escape *escape, const char *text, size_t length)
{
	return length == 0 || escape->sink(escape->context, text, length);
}

static bool give_mended(struct escape *escape)
{
	escape->mended++;
	return give(escape, "\\ufffd", ESCAPE_LENGTH);
}

/* Text of which nothing is held back: gives on all but an escape that its end cuts, and says how much that was. */
static bool feed(struct escape *escape, const char *text, size_t length, size_t *rest)
{
	const char *end = text + length;
	const char *from = text; /* not given on yet */
	const char *at = text;
	*rest = 0;
	while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
		size_t used = 0;
		enum verdict verdict = judge(at, (size_t)(end - at), &used);
		if (verdict == INCOMPLETE) {
			*rest = (size_t)(end - at);
			return give(escape, from, (size_t)(at - from));
		}
		if (verdict == LONE) {
			if (!give(escape, from, (size_t)(at - from)) || !give_mended(escape))
				return false;
			from = at + used;
		}
		at += used;
	}
	return give(escape, from, (size_t)(end - from));
}

bool escape_feed(struct escape *escape, const char *text, size_t length)
{
	/* An escape begun by the piece before grows byte by byte until it is whole; that may leave a shorter one held.
	 */
	while (escape->held_length > 0 && length > 0) {
		char held[sizeof(escape->held)];
		memcpy(held, escape->held, escape->held_length);
		held[escape->held_length] = *text++;
		length--;
		size_t held_length = escape->held_length + 1;
		size_t rest = 0;
		if (!feed(escape, held, held_length, &rest))
			return false;
		memcpy(escape->held, held + held_length - rest, rest);
		escape->held_length = rest;
	}
	if (length == 0)
		return true;
	size_t rest = 0;
	if (!feed(escape, text, length, &rest))
		return false;
	memcpy(escape->held, text + length - rest, rest);
	escape->held_length = rest;
	return true;
}

bool escape_end(struct escape *escape)
{
	size_t length = escape->held_length;
	escape->held_length = 0;
	size_t used = 0;
	/* A whole first half at the very end of the text is alone for certain. */
	if (length >= ESCAPE_LENGTH && judge(escape->held, ESCAPE_LENGTH, &used) == INCOMPLETE)
		return give_mended(escape) && give(escape, escape->held + ESCAPE_LENGTH, length - ESCAPE_LENGTH);
	return give(escape, escape->held, length);
}

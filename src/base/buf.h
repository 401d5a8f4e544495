/*
 * Bytes that grow up to a ceiling given at birth. Always terminated behind its length, so data is also a C string.
 * A buf of all zeros is an empty one with the ceiling BUF_MAX_DEFAULT; embed it and release it.
 *
 * A buffer that would pass its ceiling remembers that (overflow) and stays as it was: callers write straight lines and
 * look once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

enum { BUF_MAX_DEFAULT = 16 * 1024 * 1024 };

struct buf {
	char *data; /* NULL while nothing was ever added */
	size_t length;
	size_t room;
	size_t max; /* 0 means BUF_MAX_DEFAULT */
	bool overflow;
};

void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf); /* frees the bytes; the buf is empty and usable again */
void buf_clear(struct buf *buf);   /* length 0, no overflow, keeps the room */

/* The text so far; "" when empty. Valid until the next addition. */
const char *buf_text(const struct buf *buf);

/* Adds bytes, a terminated string, one byte, a formatted text. False (and overflow) when the ceiling is in the way. */
bool buf_add(struct buf *buf, const void *data, size_t length);
bool buf_add_text(struct buf *buf, const char *text);
bool buf_add_char(struct buf *buf, char c);
bool buf_add_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for length more bytes and returns where they go; NULL (and overflow) when the ceiling is in the way. The
 * caller writes there and adds to buf->length; the terminator is then his to keep by buf_set_length. */
char *buf_reserve(struct buf *buf, size_t length);

/* Cuts to length (not more than it has room for) and terminates. */
void buf_set_length(struct buf *buf, size_t length);

/* Hands over the bytes as a terminated string to be freed; the buf is empty afterwards. Never NULL. */
char *buf_take(struct buf *buf);

#endif

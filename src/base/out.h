/*
 * A buffered writer on a descriptor that remembers its first failure: callers write straight lines and look once, in
 * out_finish. Owns its buffer, not the descriptor.
 *
 * After a failure everything added is dropped, so nothing is ever written behind a gap.
 */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct out {
	int fd;
	int failure; /* errno of the first failure, 0 while all is well */
	char *name;  /* for the message */
	char *data;
	size_t length;
	size_t room;      /* 0 until something small is added */
	uint64_t flushed; /* bytes that left the buffer */
};

/* Starts writing to fd at its file position; name is what messages call it (copied). */
void out_init(struct out *out, int fd, const char *name);
void out_release(struct out *out); /* forgets what was not flushed; a released or all zero out may be released again */

/* Adds bytes, or one byte. Never fails visibly: see out_finish. */
void out_add(struct out *out, const void *data, size_t length);
static inline void out_add_char(struct out *out, char c)
{
	if (out->length < out->room)
		out->data[out->length++] = c;
	else
		out_add(out, &c, 1);
}

/* Flushes and reports the first failure since out_init ("cannot write NAME: No space left on device"). Neither syncs
 * nor closes; more may be added afterwards. */
bool out_finish(struct out *out, struct err *err);

/* Bytes added so far. */
static inline uint64_t out_size(const struct out *out)
{
	return out->flushed + out->length;
}

#endif

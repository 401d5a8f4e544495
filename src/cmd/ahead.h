/*
 * An entry of an archive read ahead on a thread of its own, so that one core unpacks while the other judges. Gives the
 * same bytes and failures as the stream itself.
 * Owns the thread and a few blocks of bytes; borrows the stream, which nobody else may touch meanwhile, nor its
 * archive.
 */
#ifndef CMD_AHEAD_H
#define CMD_AHEAD_H

#include <stddef.h>

#include "base/err.h"
#include "package/archive.h"

struct ahead;

/* Never NULL: where no thread is to be had the stream is read when its bytes are wanted. */
struct ahead *ahead_new(struct archive_stream *stream);

/* Ends the thread, however far it is. */
void ahead_free(struct ahead *ahead);

/* As archive_next. */
long ahead_next(struct ahead *ahead, char *to, size_t room, struct err *err);

#endif

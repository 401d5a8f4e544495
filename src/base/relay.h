/*
 * Bytes handed on to their consumers by other threads: whoever receives them goes on receiving while they are digested,
 * and several consumers work at once. Each consumer gets its bytes in order and never on two threads at a time.
 * Owns its threads and what is on the way: no more than RELAY_BLOCKS of RELAY_BLOCK bytes, for all lines together; who
 * adds more waits. A thread is woken for whole blocks only, as waking costs more than a few rows.
 */
#ifndef BASE_RELAY_H
#define BASE_RELAY_H

#include <stdbool.h>
#include <stddef.h>

enum { RELAY_BLOCK = 64 * 1024, RELAY_BLOCKS = 64 };

struct relay;
struct relay_line;

/* So many threads; with none, or when they are not to be had, consumers are called by relay_add itself. Never NULL. */
struct relay *relay_new(unsigned threads);

/* Its lines must be gone. */
void relay_free(struct relay *relay);

/* A line to a consumer, which returns false when it wants no more. Without a relay (NULL) it is called by relay_add. */
struct relay_line *relay_line_new(
	struct relay *relay, bool (*take)(void *context, const char *data, size_t length), void *context);

/* Forgets what is on the way. */
void relay_line_free(struct relay_line *line);

/* Hands bytes on. False when the consumer is known to want no more. */
bool relay_add(struct relay_line *line, const char *data, size_t length);

/* Waits until the consumer has everything: from then until more is added it is the caller's alone. False when it wanted
 * no more. */
bool relay_settle(struct relay_line *line);

/* Forgets what is on the way and whether the consumer wanted more; it is the caller's alone then. */
void relay_clear(struct relay_line *line);

#endif

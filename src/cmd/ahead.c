#include "cmd/ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

enum { BLOCKS = 4, BLOCK_BYTES = 128 * 1024 };

struct block {
	char *bytes;
	long length; /* as archive_next gave it: 0 at the end, -1 on failure */
};

struct ahead {
	struct archive_stream *stream;
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block blocks[BLOCKS];
	size_t filled;  /* blocks so far; the next one goes to filled % BLOCKS */
	size_t emptied; /* blocks so far */
	size_t taken;   /* bytes of the block that is being emptied; the caller's alone */
	bool cancelled;
	struct err err; /* of the last block */
};

/* Waits for room. False when nobody wants more. */
static bool wait_for_room(struct ahead *ahead)
{
	pthread_mutex_lock(&ahead->lock);
	while (ahead->filled - ahead->emptied == BLOCKS && !ahead->cancelled)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	bool wanted = !ahead->cancelled;
	pthread_mutex_unlock(&ahead->lock);
	return wanted;
}

static void count(struct ahead *ahead, size_t *counter)
{
	pthread_mutex_lock(&ahead->lock);
	++*counter;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
}

static void *read_ahead(void *context)
{
	struct ahead *ahead = context;
	bool more = true;
	while (more && wait_for_room(ahead)) {
		struct block *block = &ahead->blocks[ahead->filled % BLOCKS]; /* only this thread changes filled */
		block->length = archive_next(ahead->stream, block->bytes, BLOCK_BYTES, &ahead->err);
		more = block->length > 0;
		count(ahead, &ahead->filled);
	}
	return NULL;
}

struct ahead *ahead_new(struct archive_stream *stream)
{
	struct ahead *ahead = mem_new(1, sizeof(*ahead));
	ahead->stream = stream;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		ahead->blocks[i].bytes = mem_grow(NULL, BLOCK_BYTES, 1);
	ahead->threaded = thread_start(&ahead->thread, read_ahead, ahead);
	return ahead;
}

void ahead_free(struct ahead *ahead)
{
	if (ahead == NULL)
		return;
	if (ahead->threaded) {
		pthread_mutex_lock(&ahead->lock);
		ahead->cancelled = true;
		pthread_cond_signal(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
		pthread_join(ahead->thread, NULL);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(ahead->blocks[i].bytes);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

long ahead_next(struct ahead *ahead, char *to, size_t room, struct err *err)
{
	if (!ahead->threaded)
		return archive_next(ahead->stream, to, room, err);
	pthread_mutex_lock(&ahead->lock);
	while (ahead->filled == ahead->emptied)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);

	const struct block *block = &ahead->blocks[ahead->emptied % BLOCKS];
	if (block->length <= 0) { /* stays: so it will be said again */
		if (block->length < 0)
			err_set(err, ahead->err.code, "%s", ahead->err.text);
		return block->length;
	}
	size_t length = (size_t)block->length - ahead->taken;
	if (length > room)
		length = room;
	memcpy(to, block->bytes + ahead->taken, length);
	ahead->taken += length;
	if (ahead->taken == (size_t)block->length) {
		ahead->taken = 0;
		count(ahead, &ahead->emptied);
	}
	return (long)length;
}

#include "base/relay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

struct block {
	struct block *next;
	size_t length;
	char data[RELAY_BLOCK];
};

struct relay_line {
	struct relay *relay; /* NULL without threads */
	bool (*take)(void *context, const char *data, size_t length);
	void *context;
	struct block *first; /* on the way; the last one may still be filled */
	struct block *last;
	bool busy;    /* a thread is with the consumer */
	bool queued;  /* waits in the relay for a thread */
	bool refused; /* the consumer wants no more */
	struct relay_line *next;
};

/* One lock for everything: it is held only to move pointers and to copy into a block. */
struct relay {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* for the threads: a line waits, or the end */
	pthread_cond_t moved; /* for the others: a block is free again, a consumer came back */
	struct relay_line *first;
	struct relay_line *last;
	struct block *spare;
	size_t blocks; /* in use */
	pthread_t *threads;
	unsigned count;
	bool quit;
};

/* --- blocks; the lock is held --------------------------------------------------------------------------------------
 */

/* A new last block of the line; NULL when there is none to be had now. */
static struct block *block_add(struct relay_line *line)
{
	struct relay *relay = line->relay;
	if (relay->blocks == RELAY_BLOCKS)
		return NULL;
	struct block *block = relay->spare;
	if (block != NULL)
		relay->spare = block->next;
	else
		block = mem_new(1, sizeof(*block));
	relay->blocks++;
	block->next = NULL;
	block->length = 0;
	if (line->last == NULL)
		line->first = block;
	else
		line->last->next = block;
	line->last = block;
	return block;
}

static struct block *block_take(struct relay_line *line)
{
	struct block *block = line->first;
	line->first = block->next;
	if (line->first == NULL)
		line->last = NULL;
	return block;
}

static void block_give_back(struct relay *relay, struct block *block)
{
	block->next = relay->spare;
	relay->spare = block;
	relay->blocks--;
}

/* --- threads -------------------------------------------------------------------------------------------------------
 */

static void enqueue(struct relay *relay, struct relay_line *line)
{
	line->queued = true;
	line->next = NULL;
	if (relay->last != NULL)
		relay->last->next = line;
	else
		relay->first = line;
	relay->last = line;
	pthread_cond_signal(&relay->work);
}

static struct relay_line *dequeue(struct relay *relay)
{
	struct relay_line *line = relay->first;
	relay->first = line->next;
	if (relay->first == NULL)
		relay->last = NULL;
	line->queued = false;
	return line;
}

/* Whether the line has a block that is not filled any more. */
static bool is_ready(const struct relay_line *line)
{
	return line->first != NULL && (line->first != line->last || line->first->length == RELAY_BLOCK);
}

/* Gives the consumer a block. The lock is held before and after, not meanwhile. */
static void serve(struct relay *relay, struct relay_line *line)
{
	struct block *block = block_take(line);
	bool wanted = !line->refused;
	line->busy = true;
	pthread_mutex_unlock(&relay->lock);
	if (wanted)
		wanted = line->take(line->context, block->data, block->length);
	pthread_mutex_lock(&relay->lock);
	line->refused = line->refused || !wanted;
	line->busy = false;
	block_give_back(relay, block);
	pthread_cond_broadcast(&relay->moved);
}

static void *run_thread(void *context)
{
	struct relay *relay = context;
	pthread_mutex_lock(&relay->lock);
	for (;;) {
		while (relay->first == NULL && !relay->quit)
			pthread_cond_wait(&relay->work, &relay->lock);
		if (relay->quit)
			break;
		struct relay_line *line = dequeue(relay);
		/* The same one again while it has something: what it works with is near at hand. */
		while (is_ready(line))
			serve(relay, line);
	}
	pthread_mutex_unlock(&relay->lock);
	return NULL;
}

struct relay *relay_new(unsigned threads)
{
	struct relay *relay = mem_new(1, sizeof(*relay));
	pthread_mutex_init(&relay->lock, NULL);
	pthread_cond_init(&relay->work, NULL);
	pthread_cond_init(&relay->moved, NULL);
	relay->threads = mem_new(threads > 0 ? threads : 1, sizeof(*relay->threads));
	while (relay->count < threads && thread_start(&relay->threads[relay->count], run_thread, relay))
		relay->count++;
	return relay;
}

void relay_free(struct relay *relay)
{
	if (relay == NULL)
		return;
	pthread_mutex_lock(&relay->lock);
	relay->quit = true;
	pthread_cond_broadcast(&relay->work);
	pthread_mutex_unlock(&relay->lock);
	for (unsigned i = 0; i < relay->count; i++)
		pthread_join(relay->threads[i], NULL);
	pthread_cond_destroy(&relay->moved);
	pthread_cond_destroy(&relay->work);
	pthread_mutex_destroy(&relay->lock);
	while (relay->spare != NULL) {
		struct block *block = relay->spare;
		relay->spare = block->next;
		free(block);
	}
	free(relay->threads);
	free(relay);
}

/* --- lines ---------------------------------------------------------------------------------------------------------
 */

struct relay_line *relay_line_new(
	struct relay *relay, bool (*take)(void *context, const char *data, size_t length), void *context)
{
	struct relay_line *line = mem_new(1, sizeof(*line));
	line->relay = relay != NULL && relay->count > 0 ? relay : NULL;
	line->take = take;
	line->context = context;
	return line;
}

void relay_line_free(struct relay_line *line)
{
	if (line == NULL)
		return;
	relay_clear(line);
	free(line);
}

/* Copies as much as the last block has room for, once there is one. The lock is held. */
static size_t copy_some(struct relay_line *line, const char *data, size_t length)
{
	struct block *block = line->last;
	while (!line->refused && (block == NULL || block->length == RELAY_BLOCK) && (block = block_add(line)) == NULL) {
		pthread_cond_wait(&line->relay->moved, &line->relay->lock);
		block = line->last;
	}
	if (line->refused)
		return 0;
	size_t room = RELAY_BLOCK - block->length;
	size_t some = length < room ? length : room;
	memcpy(block->data + block->length, data, some);
	block->length += some;
	if (is_ready(line) && !line->busy && !line->queued)
		enqueue(line->relay, line);
	return some;
}

bool relay_add(struct relay_line *line, const char *data, size_t length)
{
	if (line->relay == NULL) {
		line->refused = line->refused || !line->take(line->context, data, length);
		return !line->refused;
	}
	pthread_mutex_lock(&line->relay->lock);
	while (length > 0 && !line->refused) {
		size_t some = copy_some(line, data, length);
		data += some;
		length -= some;
	}
	bool wanted = !line->refused;
	pthread_mutex_unlock(&line->relay->lock);
	return wanted;
}

bool relay_settle(struct relay_line *line)
{
	if (line->relay == NULL)
		return !line->refused;
	pthread_mutex_lock(&line->relay->lock);
	while (line->busy || line->queued)
		pthread_cond_wait(&line->relay->moved, &line->relay->lock);
	while (line->first != NULL)
		serve(line->relay, line); /* the rest is not worth waking anybody */
	bool wanted = !line->refused;
	pthread_mutex_unlock(&line->relay->lock);
	return wanted;
}

void relay_clear(struct relay_line *line)
{
	if (line->relay != NULL) {
		pthread_mutex_lock(&line->relay->lock);
		line->refused = true; /* what is on the way is not given to the consumer any more */
		pthread_mutex_unlock(&line->relay->lock);
		relay_settle(line);
	}
	line->refused = false;
}

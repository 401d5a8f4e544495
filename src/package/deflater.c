#include "package/deflater.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/thread.h"

enum {
	PIECE = 128 * 1024,
	LOOK_MS = 100, /* how often a wait looks whether the run is to end */
};

struct job {
	char *name;
	int from;
	int to;
	uint64_t reached; /* bytes that may be read; guarded by the lock */
	bool ended;       /* there will be no more; guarded by the lock */
	struct deflated result;
	struct err err;
};

struct deflater {
	int level;
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock;
	pthread_cond_t news; /* for the thread: more bytes, another file, or the end */
	pthread_cond_t done; /* for the caller: one more file is finished */
	struct job **jobs;
	size_t count;    /* guarded by the lock, as are those below */
	size_t finished; /* jobs before this one are done */
	bool quit;
};

/* --- one file ------------------------------------------------------------------------------------------------------
 */

struct work {
	struct job *job;
	z_stream stream;
	unsigned char in[PIECE];
	unsigned char out[PIECE];
};

static bool put_all(struct work *work, size_t length)
{
	const unsigned char *data = work->out;
	while (length > 0) {
		ssize_t written = pwrite(work->job->to, data, length, (off_t)work->job->result.packed);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return err_set(&work->job->err, ERR_FILE, "cannot write %s, deflated: %s", work->job->name,
				written < 0 ? strerror(errno) : "nothing was taken");
		data += written;
		length -= (size_t)written;
		work->job->result.packed += (uint64_t)written;
	}
	return true;
}

static bool deflate_piece(struct work *work, size_t length, bool last)
{
	int outcome = Z_OK;
	work->stream.next_in = work->in;
	work->stream.avail_in = (uInt)length;
	do {
		work->stream.next_out = work->out;
		work->stream.avail_out = sizeof(work->out);
		outcome = deflate(&work->stream, last ? Z_FINISH : Z_NO_FLUSH);
		assert(outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR);
		if (!put_all(work, sizeof(work->out) - work->stream.avail_out))
			return false;
	} while (work->stream.avail_out == 0 || (last && outcome != Z_STREAM_END));
	return true;
}

/* Deflates up to the byte at end. */
static bool deflate_up_to(struct work *work, uint64_t end)
{
	struct deflated *result = &work->job->result;
	while (result->size < end) {
		size_t want = end - result->size < PIECE ? (size_t)(end - result->size) : PIECE;
		ssize_t length = pread(work->job->from, work->in, want, (off_t)result->size);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return err_set(&work->job->err, ERR_FILE, "cannot read %s again: %s", work->job->name,
				length < 0 ? strerror(errno) : "it is shorter than what was written");
		result->size += (uint64_t)length;
		result->crc = (uint32_t)crc32(result->crc, work->in, (uInt)length);
		if (!deflate_piece(work, (size_t)length, false))
			return false;
	}
	return true;
}

/* Waits for news of the job. False when there will be none. */
static bool await(struct deflater *deflater, const struct job *job, uint64_t *reached, bool *ended)
{
	pthread_mutex_lock(&deflater->lock);
	while (!deflater->quit && !job->ended && job->reached == *reached)
		pthread_cond_wait(&deflater->news, &deflater->lock);
	*reached = job->reached;
	*ended = job->ended;
	bool go_on = !deflater->quit;
	pthread_mutex_unlock(&deflater->lock);
	return go_on;
}

static void *zlib_memory(void *unused, unsigned count, unsigned size)
{
	(void)unused;
	return mem_grow(NULL, count, size);
}

static void zlib_free(void *unused, void *block)
{
	(void)unused;
	free(block);
}

static void run_job(struct deflater *deflater, struct job *job)
{
	struct work *work = mem_new(1, sizeof(*work));
	uint64_t reached = 0;
	bool ended = false;
	bool fine = true;
	work->job = job;
	work->stream.zalloc = zlib_memory;
	work->stream.zfree = zlib_free;
	/* Raw deflate, with the memory libzip itself would take: the bytes are the same as if it had deflated. */
	if (deflateInit2(&work->stream, deflater->level, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		fine = err_set(&job->err, ERR_OTHER, "zlib cannot deflate");
	while (fine && !ended && await(deflater, job, &reached, &ended))
		fine = deflate_up_to(work, reached);
	if (fine && ended)
		deflate_piece(work, 0, true);
	deflateEnd(&work->stream);
	free(work);
}

/* --- the thread ----------------------------------------------------------------------------------------------------
 */

/* The next job, waiting for one; NULL when there will be none. */
static struct job *next_job(struct deflater *deflater)
{
	struct job *job = NULL;
	pthread_mutex_lock(&deflater->lock);
	while (!deflater->quit && deflater->finished == deflater->count)
		pthread_cond_wait(&deflater->news, &deflater->lock);
	if (!deflater->quit)
		job = deflater->jobs[deflater->finished];
	pthread_mutex_unlock(&deflater->lock);
	return job;
}

static void finish_job(struct deflater *deflater)
{
	pthread_mutex_lock(&deflater->lock);
	deflater->finished++;
	pthread_cond_signal(&deflater->done);
	pthread_mutex_unlock(&deflater->lock);
}

static void *run_thread(void *context)
{
	struct deflater *deflater = context;
	for (struct job *job = next_job(deflater); job != NULL; job = next_job(deflater)) {
		run_job(deflater, job);
		finish_job(deflater);
	}
	return NULL;
}

struct deflater *deflater_new(int level)
{
	struct deflater *deflater = mem_new(1, sizeof(*deflater));
	deflater->level = level;
	pthread_mutex_init(&deflater->lock, NULL);
	pthread_cond_init(&deflater->news, NULL);
	pthread_cond_init(&deflater->done, NULL);
	deflater->threaded = thread_start(&deflater->thread, run_thread, deflater);
	return deflater;
}

void deflater_free(struct deflater *deflater)
{
	if (deflater == NULL)
		return;
	pthread_mutex_lock(&deflater->lock);
	deflater->quit = true;
	pthread_cond_signal(&deflater->news);
	pthread_mutex_unlock(&deflater->lock);
	if (deflater->threaded)
		pthread_join(deflater->thread, NULL);
	pthread_cond_destroy(&deflater->done);
	pthread_cond_destroy(&deflater->news);
	pthread_mutex_destroy(&deflater->lock);
	for (size_t i = 0; i < deflater->count; i++) {
		free(deflater->jobs[i]->name);
		free(deflater->jobs[i]);
	}
	free(deflater->jobs);
	free(deflater);
}

size_t deflater_begin(struct deflater *deflater, int from, int to, const char *name)
{
	struct job *job = mem_new(1, sizeof(*job));
	job->name = mem_copy(name);
	job->from = from;
	job->to = to;
	pthread_mutex_lock(&deflater->lock);
	deflater->jobs = mem_grow(deflater->jobs, deflater->count + 1, sizeof(struct job *));
	deflater->jobs[deflater->count++] = job;
	size_t number = deflater->count - 1;
	pthread_cond_signal(&deflater->news);
	pthread_mutex_unlock(&deflater->lock);
	return number;
}

void deflater_reach(struct deflater *deflater, size_t number, uint64_t bytes)
{
	pthread_mutex_lock(&deflater->lock);
	deflater->jobs[number]->reached = bytes;
	pthread_cond_signal(&deflater->news);
	pthread_mutex_unlock(&deflater->lock);
}

void deflater_end(struct deflater *deflater, size_t number, uint64_t bytes)
{
	pthread_mutex_lock(&deflater->lock);
	deflater->jobs[number]->reached = bytes;
	deflater->jobs[number]->ended = true;
	pthread_cond_signal(&deflater->news);
	pthread_mutex_unlock(&deflater->lock);
}

/* Waits for one more job, but no longer than until it is worth looking around. */
static void await_done(struct deflater *deflater)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&deflater->lock);
	if (deflater->finished < deflater->count)
		pthread_cond_timedwait(&deflater->done, &deflater->lock, &until);
	pthread_mutex_unlock(&deflater->lock);
}

static bool all_done(struct deflater *deflater)
{
	pthread_mutex_lock(&deflater->lock);
	bool done = deflater->finished == deflater->count;
	pthread_mutex_unlock(&deflater->lock);
	return done;
}

bool deflater_wait(struct deflater *deflater, bool (*stopped)(void), struct err *err)
{
	while (!all_done(deflater)) {
		if (stopped != NULL && stopped())
			return err_set(err, ERR_STOPPED, "stopped");
		if (deflater->threaded) {
			await_done(deflater);
		} else {
			run_job(deflater, deflater->jobs[deflater->finished]);
			finish_job(deflater);
		}
	}
	for (size_t i = 0; i < deflater->count; i++)
		if (deflater->jobs[i]->err.code != ERR_NONE) {
			*err = deflater->jobs[i]->err;
			return false;
		}
	return true;
}

const struct deflated *deflater_result(const struct deflater *deflater, size_t number)
{
	return &deflater->jobs[number]->result;
}

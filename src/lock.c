#include "lock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "progress.h"
#include "stop.h"

enum { LOOK_MS = 100 };

/* Writes who holds the lock. That this could not be written does no harm. */
static void sign(int lock)
{
	char now[21];
	time_iso(time_unix(), now);
	if (ftruncate(lock, 0) == 0)
		dprintf(lock, "%jd %s\n", (intmax_t)getpid(), now);
}

/* Adds to an ERR_LOCK who holds the lock, if that can be read. */
static void name_holder(const char *path, struct err *err)
{
	struct buf text = {0};
	struct err own = {0};
	intmax_t process = 0;
	char since[21] = "";
	if (file_read(path, 64, &text, &own) && sscanf(buf_text(&text), "%jd %20[0-9TZ:-]", &process, since) == 2)
		err_hint(err, "It is process %jd, at work since %s", process, since);
	buf_release(&text);
}

static bool wait_for(const char *path, long wait_seconds, struct stats *stats, int *lock, struct err *err)
{
	int64_t until = time_ms() + (int64_t)wait_seconds * 1000;
	while (!file_lock(path, lock, err)) {
		if (err->code != ERR_LOCK)
			return false;
		if (time_ms() >= until) {
			name_holder(path, err);
			return wait_seconds > 0 ? false : err_hint(err, "To wait for its end: lock-wait");
		}
		err_clear(err);
		struct pollfd stop = {.fd = stop_descriptor(), .events = POLLIN};
		poll(&stop, 1, LOOK_MS);
		if (stop_requested())
			return err_set(
				err, ERR_STOPPED, "stopped while waiting for another run that holds the lock %s", path);
		progress_draw(stats);
	}
	return true;
}

bool lock_take(const char *state_dir, long wait_seconds, struct stats *stats, int *lock, struct err *err)
{
	char *path = mem_format("%s/lock", state_dir);
	struct stats own = {0};
	if (stats == NULL)
		stats = &own;
	stats->current = "waiting for another run to end";
	stats->current_table = -1;
	bool fine = wait_for(path, wait_seconds, stats, lock, err);
	if (fine) {
		sign(*lock);
		stats->current = NULL;
	}
	free(path);
	return fine;
}

void lock_release(int lock)
{
	if (lock < 0)
		return;
	/* Whoever takes it next may be asked who it is before it has signed. */
	int ignored = ftruncate(lock, 0);
	(void)ignored;
	close(lock);
}

#include "table/rowrun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "table/row.h"

void rowrun_init(struct rowrun *run, int fd, uint64_t at, uint64_t end, size_t room, const char *name)
{
	*run = (struct rowrun){.fd = fd, .name = name, .at = at, .end = end, .normal = room};
}

void rowrun_release(struct rowrun *run)
{
	free(run->data);
	*run = (struct rowrun){.fd = -1};
}

/* Moves what is left to the front of a buffer that has room for need bytes at least. */
static void make_room(struct rowrun *run, size_t need)
{
	size_t left = run->length - run->start;
	size_t room = need > run->normal ? need : run->normal;
	if (room > run->room || (run->room > run->normal && room < run->room)) {
		char *fresh = mem_grow(NULL, room, 1);
		if (left > 0)
			memcpy(fresh, run->data + run->start, left);
		free(run->data);
		run->data = fresh;
		run->room = room;
	} else if (left > 0) {
		memmove(run->data, run->data + run->start, left);
	}
	run->start = 0;
	run->length = left;
}

/* Sees to it that need bytes are in the buffer, or fails. */
static bool fill(struct rowrun *run, size_t need, struct err *err)
{
	if (need > run->length - run->start)
		make_room(run, need);
	while (run->length - run->start < need) {
		size_t want = run->room - run->length;
		if (want > run->end - run->at)
			want = (size_t)(run->end - run->at);
		ssize_t got = want > 0 ? pread(run->fd, run->data + run->length, want, (off_t)run->at) : 0;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, ERR_FILE, "cannot read %s: %s", run->name, strerror(errno));
		if (got == 0)
			return err_set(err, ERR_FILE, "cannot read %s: it ends too soon", run->name);
		run->length += (size_t)got;
		run->at += (uint64_t)got;
	}
	return true;
}

int rowrun_next(struct rowrun *run, const char **encoded, size_t *length, struct err *err)
{
	if (run->start == run->length && run->at == run->end)
		return 0;
	uint32_t bytes;
	if (!fill(run, ROWRUN_OVERHEAD, err))
		return -1;
	memcpy(&bytes, run->data + run->start, sizeof(bytes));
	if (bytes > ROW_ENCODED_MAX) {
		err_set(err, ERR_FILE, "cannot read %s: it is damaged", run->name);
		return -1;
	}
	if (!fill(run, ROWRUN_OVERHEAD + bytes, err))
		return -1;
	*encoded = run->data + run->start + ROWRUN_OVERHEAD;
	*length = bytes;
	run->start += ROWRUN_OVERHEAD + bytes;
	return 1;
}

void rowrun_write(struct out *out, const char *encoded, size_t length)
{
	uint32_t bytes = (uint32_t)length;
	out_add(out, &bytes, sizeof(bytes));
	out_add(out, encoded, length);
}

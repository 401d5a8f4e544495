#include "base/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

enum { OUT_ROOM = 64 * 1024 };

void out_init(struct out *out, int fd, const char *name)
{
	*out = (struct out){.fd = fd, .name = mem_copy(name)};
}

void out_release(struct out *out)
{
	free(out->name);
	free(out->data);
	*out = (struct out){.fd = -1};
}

static void write_all(struct out *out, const char *data, size_t length)
{
	out->flushed += length;
	while (length > 0 && out->failure == 0) {
		ssize_t written = write(out->fd, data, length);
		if (written > 0) {
			data += written;
			length -= (size_t)written;
		} else if (written == 0) {
			out->failure = EIO;
		} else if (errno != EINTR) {
			out->failure = errno;
		}
	}
}

static void flush(struct out *out)
{
	write_all(out, out->data, out->length);
	out->length = 0;
}

void out_add(struct out *out, const void *data, size_t length)
{
	if (length > out->room - out->length) {
		flush(out);
		if (length >= OUT_ROOM) {
			write_all(out, data, length);
			return;
		}
		if (out->room == 0) {
			out->data = mem_grow(NULL, OUT_ROOM, 1);
			out->room = OUT_ROOM;
		}
	}
	if (length > 0)
		memcpy(out->data + out->length, data, length);
	out->length += length;
}

bool out_finish(struct out *out, struct err *err)
{
	flush(out);
	if (out->failure != 0)
		return err_set(err, ERR_FILE, "cannot write %s: %s", out->name, strerror(out->failure));
	return true;
}

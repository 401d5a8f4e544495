#include "package/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

enum {
	PIECE = 256 * 1024,
	SIDECAR_MAX = 8 * 1024, /* a sum and a name, with every letter escaped */
};

char *sidecar_path(const char *path)
{
	return mem_format("%s.sha256", path);
}

bool sidecar_digest(const char *path, char out[static DIGEST_HEX_SIZE], struct err *err)
{
	int fd = file_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	struct digest *digest = digest_new();
	char *piece = mem_new(PIECE, 1);
	ssize_t got = 0;
	do {
		got = read(fd, piece, PIECE);
		if (got > 0)
			digest_add(digest, piece, (size_t)got);
	} while (got > 0 || (got < 0 && errno == EINTR));
	bool fine = got == 0 || err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	if (fine)
		digest_hex(digest, out);
	digest_free(digest);
	free(piece);
	close(fd);
	return fine;
}

/* The line as sha256sum writes it: one backslash in front says that there are others in the name. */
static void compose(const char *path, const char *sum, struct buf *line)
{
	const char *name = file_base(path);
	if (name[strcspn(name, "\\\n\r")] != '\0')
		buf_add_char(line, '\\');
	buf_add_format(line, "%s  ", sum);
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '\\')
			buf_add_text(line, "\\\\");
		else if (*c == '\n')
			buf_add_text(line, "\\n");
		else if (*c == '\r')
			buf_add_text(line, "\\r");
		else
			buf_add_char(line, *c);
	}
	buf_add_char(line, '\n');
}

/* Writes the sidecar, unless it may stay when it is right already. */
static bool put(const char *path, const char *sum, bool stays, struct err *err)
{
	struct buf line = {0};
	struct buf there = {0};
	struct err none = {0};
	char *sidecar = sidecar_path(path);
	compose(path, sum, &line);
	bool right = stays && file_read(sidecar, SIDECAR_MAX, &there, &none) &&
		     strcmp(buf_text(&there), buf_text(&line)) == 0;
	bool fine = right || file_publish_text(sidecar, buf_text(&line), line.length, err);
	buf_release(&there);
	buf_release(&line);
	free(sidecar);
	return fine;
}

bool sidecar_write(const char *path, const char sum[static DIGEST_HEX_SIZE], struct err *err)
{
	return put(path, sum, false, err);
}

bool sidecar_settle(const char *path, struct err *err)
{
	char sum[DIGEST_HEX_SIZE];
	return sidecar_digest(path, sum, err) && put(path, sum, true, err);
}

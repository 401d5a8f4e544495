#include "package/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PIECE = 256 * 1024 };

static int by_name(const void *a, const void *b)
{
	const struct archive_entry *const *x = a;
	const struct archive_entry *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static bool add_bytes(struct digest *digest, struct archive_stream *stream, char *piece, struct err *err)
{
	long length = archive_next(stream, piece, PIECE, err);
	while (length > 0) {
		digest_add(digest, piece, (size_t)length);
		length = archive_next(stream, piece, PIECE, err);
	}
	return length == 0;
}

static bool add_entry(
	struct digest *digest, struct archive *archive, const struct archive_entry *entry, char *piece, struct err *err)
{
	char size[32];
	snprintf(size, sizeof(size), "%" PRIu64, entry->size);
	digest_add(digest, entry->name, strlen(entry->name) + 1);
	digest_add(digest, size, strlen(size) + 1);
	struct archive_stream *stream = archive_read(archive, archive_find(archive, entry->name), err);
	bool fine = stream != NULL && add_bytes(digest, stream, piece, err);
	archive_stream_free(stream);
	return fine || err_in(err, "%s", entry->name);
}

bool content_digest(struct archive *archive, char out[static DIGEST_HEX_SIZE], struct err *err)
{
	size_t count = archive_count(archive);
	const struct archive_entry **entries = mem_new(count + 1, sizeof(const struct archive_entry *));
	for (size_t i = 0; i < count; i++)
		entries[i] = archive_entry(archive, i);
	qsort(entries, count, sizeof(const struct archive_entry *), by_name);
	struct digest *digest = digest_new();
	char *piece = mem_new(PIECE, 1);
	bool fine = true;
	for (size_t i = 0; fine && i < count; i++)
		fine = add_entry(digest, archive, entries[i], piece, err);
	digest_hex(digest, out);
	digest_free(digest);
	free(piece);
	free(entries);
	return fine;
}

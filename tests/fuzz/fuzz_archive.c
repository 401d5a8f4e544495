/*
 * A zip of any origin. Input: the file.
 * Holds: it can be opened, or there is an error of data that names it; names are fit to be printed, and those without
 * trouble are those of files; no entry gives more bytes than it declares; reading it again gives the same.
 */
#include "fuzz.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "package/archive.h"

enum { READ_MAX = 8 * 1024 * 1024, ROOM = 4096, SMALL_ROOM = 61, ENTRIES_MAX = 1000, NAME_MAX_SHOWN = 300 };

/* What a reading came to. */
struct outcome {
	bool whole;
	bool stopped; /* by us: it is large */
	uint64_t bytes;
	uint64_t sum;
};

static struct outcome read_entry(struct archive *archive, size_t index, size_t room)
{
	struct outcome outcome = {0};
	char piece[ROOM];
	struct err err = {0};
	long got = -1;
	uint64_t declared = archive_entry(archive, index)->size;
	struct archive_stream *stream = archive_read(archive, index, &err);
	while (stream != NULL && outcome.bytes < READ_MAX && (got = archive_next(stream, piece, room, &err)) > 0) {
		fuzz_must((size_t)got <= room, "what is given has room");
		outcome.bytes += (uint64_t)got;
		fuzz_must(outcome.bytes <= declared, "no more than declared is given");
		for (long i = 0; i < got; i++)
			outcome.sum = outcome.sum * 31 + (unsigned char)piece[i];
	}
	outcome.whole = got == 0;
	outcome.stopped = got > 0;
	fuzz_must((got < 0) == (err.code != ERR_NONE), "what ends early has a reason");
	fuzz_must(got >= 0 || err.code == ERR_DATA, "which is the zip's");
	fuzz_must(got >= 0 || archive_entry(archive, index)->troubles != 0, "and in its troubles");
	fuzz_must(!outcome.whole || outcome.bytes == declared, "what is whole is what was declared");
	archive_stream_free(stream);
	return outcome;
}

static void look_at_name(const struct archive *archive, size_t index)
{
	const struct archive_entry *entry = archive_entry(archive, index);
	size_t length = strlen(entry->name);
	fuzz_must(length > 0 && length < NAME_MAX_SHOWN, "a name can be shown");
	fuzz_must(fuzz_is_clean(entry->name, length), "on any terminal");
	fuzz_must(archive_find(archive, entry->name) <= index, "and found");
	if ((entry->troubles & ARCHIVE_PATH) == 0)
		fuzz_must(strpbrk(entry->name, "/:") == NULL && strcmp(entry->name, "..") != 0,
			"one without trouble leads nowhere else");
}

static void look(struct archive *archive, size_t size)
{
	size_t count = archive_count(archive);
	fuzz_must(archive_is_zip(archive) && archive_size(archive) == size, "it is the zip that it is");
	fuzz_must(count > 0 && count <= ENTRIES_MAX, "it has some entries, not too many");
	for (size_t i = 0; i < count; i++) {
		look_at_name(archive, i);
		struct outcome first = read_entry(archive, i, ROOM);
		struct outcome again = read_entry(archive, i, SMALL_ROOM);
		fuzz_must(first.whole == again.whole && first.stopped == again.stopped, "an entry ends as before");
		if (first.whole)
			fuzz_must(first.bytes == again.bytes && first.sum == again.sum, "and is as before");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct fuzz_input input = fuzz_begin(data, size);
	struct err err = {0};
	if (fd < 0) {
		fd = file_temp(fuzz_folder(), &err);
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	}
	/* Not made empty first: some file systems then write it to disk with each close. */
	fuzz_must(fd >= 0 && pwrite(fd, input.data, input.left, 0) == (ssize_t)input.left &&
			  ftruncate(fd, (off_t)input.left) == 0,
		"the file can be written");
	struct archive *archive = archive_open(path, &err);
	fuzz_must((archive != NULL) == (err.code == ERR_NONE), "a zip can be opened or there is an error");
	fuzz_must(archive != NULL || (err.code == ERR_DATA && strstr(err.text, path) != NULL), "which names it");
	if (archive != NULL)
		look(archive, size);
	archive_free(archive);
	return 0;
}

/*
 * Runs a fuzz target over saved inputs, for builds without libFuzzer:
 *
 *	fuzz_TARGET [-whole] FILE|FOLDER...
 *
 * Each file is one input. A short one is also run cut off behind each of its bytes, since what comes from elsewhere
 * often ends early; with -whole none is. Fails when there was nothing to run; what does not hold ends the process.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

enum { INPUT_MAX = 8 * 1024 * 1024, SHORT_MAX = 512 };

static bool whole;

/* In memory of its own, so that a sanitizer sees the first byte read behind it. */
static void run(const char *data, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data, length);
	if (LLVMFuzzerTestOneInput(copy, length) != 0)
		abort();
	free(copy);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Gives how many inputs there were; below 0 when one cannot be read. */
static int replay(const char *path)
{
	struct stat status;
	struct dirent **entries = NULL;
	struct err err = {0};
	struct buf text = {0};
	int ran = 0;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		int count = scandir(path, &entries, is_visible, alphasort);
		for (int i = 0; i < count; i++) {
			char *inside = mem_format("%s/%s", path, entries[i]->d_name);
			int more = ran >= 0 ? replay(inside) : 0;
			ran = more >= 0 ? ran + more : more;
			free(inside);
			free(entries[i]);
		}
		free(entries);
		return count >= 0 ? ran : -1;
	}
	if (!file_read(path, INPUT_MAX, &text, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	fprintf(stderr, "%s\n", path); /* the last one named is the one that does not hold */
	for (size_t length = 0; !whole && text.length <= SHORT_MAX && length < text.length; length++)
		run(buf_text(&text), length);
	run(buf_text(&text), text.length);
	buf_release(&text);
	return 1;
}

int main(int argc, char **argv)
{
	int ran = 0;
	whole = argc > 1 && strcmp(argv[1], "-whole") == 0;
	for (int i = whole ? 2 : 1; i < argc && ran >= 0; i++) {
		int more = replay(argv[i]);
		ran = more >= 0 ? ran + more : more;
	}
	printf("%d inputs\n", ran);
	return ran > 0 ? 0 : 1;
}

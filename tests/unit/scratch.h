/*
 * What several unit tests need: a folder of their own, numbers that look random and are the same in every run, and
 * quick looks at files.
 */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct scratch {
	char *folder;
	uint64_t state;
};

/* As cmocka's set-up and tear-down of one test: *state becomes a struct scratch; its folder must be empty, but for
 * files that the test made itself, when it goes. */
static inline int scratch_make(void **state)
{
	const char *parent = getenv("TMPDIR");
	struct scratch *scratch = mem_new(1, sizeof(*scratch));
	scratch->folder = mem_format("%s/rosterzip-unit-XXXXXX", parent != NULL ? parent : "/tmp");
	scratch->state = 0x9e3779b97f4a7c15U;
	*state = scratch;
	return mkdtemp(scratch->folder) != NULL ? 0 : -1;
}

static inline size_t scratch_entries(const struct scratch *scratch)
{
	size_t count = 0;
	DIR *entries = opendir(scratch->folder);
	const struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	}
	closedir(entries);
	return count;
}

/* The path of a file in the folder, to be freed. */
static inline char *scratch_path(const struct scratch *scratch, const char *name)
{
	return mem_format("%s/%s", scratch->folder, name);
}

static inline void scratch_empty(const char *folder)
{
	DIR *entries = opendir(folder);
	if (entries == NULL)
		return;
	const struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		char *path = mem_format("%s/%s", folder, entry->d_name);
		if (unlink(path) != 0) {
			scratch_empty(path);
			rmdir(path);
		}
		free(path);
	}
	closedir(entries);
}

static inline int scratch_remove(void **state)
{
	struct scratch *scratch = *state;
	scratch_empty(scratch->folder);
	int failed = rmdir(scratch->folder);
	free(scratch->folder);
	free(scratch);
	return failed;
}

/* A number from 0 to below limit. */
static inline uint32_t scratch_random(struct scratch *scratch, uint32_t limit)
{
	scratch->state ^= scratch->state << 13;
	scratch->state ^= scratch->state >> 7;
	scratch->state ^= scratch->state << 17;
	return (uint32_t)((scratch->state >> 32) % limit);
}

/* Writes a file as it is meant to be found later. */
static inline void scratch_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* Up to 1023 bytes of a file, terminated; NULL if there is none. Valid until the next call. */
static inline const char *scratch_read(const char *path)
{
	static char text[1024];
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return NULL;
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static inline unsigned scratch_mode(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? (unsigned)status.st_mode & 07777U : ~0U;
}

#endif

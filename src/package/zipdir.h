/*
 * The table of contents of a zip, read from its bytes before any library believes them: how many entries, where they
 * lie, whether the headers agree with each other. Bounded in entries and bytes. Owns its copies of names.
 * Unpacks nothing, and does not judge names.
 */
#ifndef PACKAGE_ZIPDIR_H
#define PACKAGE_ZIPDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	ZIPDIR_ENTRIES_MAX = 1000,     /* a bundle has fourteen files; more than this is no mistake */
	ZIPDIR_BYTES_MAX = 1024 * 1024 /* of the table: a kilobyte for each of so many entries */
};

struct zipdir_entry {
	char *name; /* name_length bytes as they stand, and a NUL behind them */
	size_t name_length;
	uint64_t size;   /* declared, unpacked */
	uint64_t packed; /* declared */
	uint32_t crc;
	unsigned method; /* as it stands: 99 for AES */
	bool encrypted;
	bool zip64;
	bool damaged; /* the header in front of its data is not there, or says something else */
	bool shared;  /* its bytes, or some, are also those of an entry before it */
};

struct zipdir {
	struct zipdir_entry *entries;
	size_t count;
	uint64_t size; /* of the zip in bytes */
	bool zip64;    /* as a whole */
};

/* Reads the table of the zip that is the whole of an open file. dir is to be released either way. Errors are sentences
 * about path: ERR_DATA when it is no zip, not a whole one, or one over the limits, ERR_FILE when it cannot be read. */
bool zipdir_read(int fd, const char *path, struct zipdir *dir, struct err *err);
void zipdir_release(struct zipdir *dir);

#endif

/*
 * A bundle of any origin opened for reading: a zip, a folder of loose files, or files that are open already. Says what
 * is wrong with each entry, never trusts what a zip declares, writes nothing to disk, follows no link out of a folder.
 * Owns what it opened. Knows nothing of OneRoster.
 */
#ifndef PACKAGE_ARCHIVE_H
#define PACKAGE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum archive_trouble {
	ARCHIVE_PATH = 1,       /* the name is not a bare file name: a folder, a path, a drive, control characters */
	ARCHIVE_DUPLICATE = 2,  /* another entry has the same name, perhaps in other case; told of the later one */
	ARCHIVE_ENCRYPTED = 4,  /* cannot be read without archive_unlock */
	ARCHIVE_METHOD = 8,     /* neither stored nor deflated: cannot be read by everybody, and not by us */
	ARCHIVE_ZIP64 = 16,     /* in the Zip64 form */
	ARCHIVE_BOMB = 32,      /* declared to be far larger than a roster can be, turned out to be far larger than
				   declared, or unpacked from the bytes of another entry */
	ARCHIVE_DAMAGED = 64,   /* its two headers contradict each other; or, while reading, the bytes are not what
				   they should be: size, checksum, or for a loose file changed in the meantime */
	ARCHIVE_IRREGULAR = 128 /* in a folder: no plain file */
};

struct archive_entry {
	const char *name;  /* as it stands, made fit to be printed */
	uint64_t size;     /* declared */
	unsigned troubles; /* enum archive_trouble bits; grows while the entry is read */
};

struct archive;
struct archive_stream;

/* Opens the zip or the folder at path. NULL with ERR_FILE when there is nothing, or nothing that can be opened; with
 * ERR_DATA when it is no zip, not a whole one, one with something in front or behind, or one without or with too many
 * entries. Entries are in the order of the zip, those of a folder by byte. */
struct archive *archive_open(const char *path, struct err *err);

/* The same over open files; the names and descriptors are borrowed, each is read from its beginning whatever its
 * position. Never NULL. */
struct archive *archive_of_files(const char *const *names, const int *fds, size_t count);

void archive_free(struct archive *archive);

bool archive_is_zip(const struct archive *archive);

/* Lets encrypted entries be read with a passphrase, which is borrowed. False, and nothing is changed, when not all
 * entries are encrypted. A passphrase that does not fit shows in archive_read. */
bool archive_unlock(struct archive *archive, const char *passphrase);

/* Bytes of the zip; 0 for others. */
uint64_t archive_size(const struct archive *archive);

/* Whether the zip as a whole has the Zip64 form. */
bool archive_zip64(const struct archive *archive);

size_t archive_count(const struct archive *archive);
const struct archive_entry *archive_entry(const struct archive *archive, size_t index);

/* The index of the first entry of that name exactly, or SIZE_MAX. */
size_t archive_find(const struct archive *archive, const char *name);

/* Starts reading an entry from its beginning. One entry at a time, or several; all are freed before the archive. NULL
 * on failure, as archive_next: nothing that is encrypted, packed strangely, a bomb, damaged or irregular is begun. */
struct archive_stream *archive_read(struct archive *archive, size_t index, struct err *err);
void archive_stream_free(struct archive_stream *stream);

/* Up to room bytes (at least 1) at to: how many, 0 at the proven end (size and checksum agree), -1 on failure:
 * ERR_DATA, and the entry's troubles say why, when it is the archive's fault; ERR_FILE when it is this machine's. Never
 * gives more bytes than the entry declares. */
long archive_next(struct archive_stream *stream, char *to, size_t room, struct err *err);

#endif

/*
 * Files of this machine: working files without a name, folders, small files read whole, publishing by rename, locks.
 * Everything made here is 0600 unless said otherwise, and closed on exec. Errors are ERR_FILE unless a function says
 * otherwise, and name the path.
 *
 * A file being published lives beside its target as ".<base name>.rosterzip-part" and is locked while it is written, so
 * that what a power cut left behind can be told from what another run is writing.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/out.h"

struct err;

/* openat, closed on exec, a new file 0600; not to be interrupted by a signal. */
int file_open(int folder, const char *path, int flags);

/* What stands behind the last slash of a path: "" for one that ends in a slash. Points into it. */
const char *file_base(const char *path);

/* The folder for working files of a command that has none of its own: $TMPDIR, else /var/tmp (on disk even where /tmp
 * is memory), else /tmp. */
const char *file_work_folder(void);

/* A read/write file without a name in folder; the descriptor is the caller's to close. -1 on failure. */
int file_temp(const char *folder, struct err *err);

/* Makes a folder and the parents it lacks, each with mode. Fine if it is there already. */
bool file_make_folder(const char *path, unsigned mode, struct err *err);

/* Appends a whole file to out. An error if it is larger than max bytes, or than out has room for. */
bool file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* The same for a file that the user names: ERR_USAGE for what the user can set right, such as a file that is missing.
 */
bool file_read_given(const char *path, size_t max, struct buf *out, struct err *err);

/* Puts a copy of all of descriptor from (whatever its position), or of length bytes at data, at path: written beside
 * it, flushed to disk, renamed over it. On failure the copy is removed and what was at path is as it was. A symbolic
 * link at path stays: the file it leads to is replaced, and the copy lives beside that. */
bool file_publish(int from, const char *path, struct err *err);
bool file_publish_text(const char *path, const char *data, size_t length, struct err *err);

/* The same for a file that everybody on the machine may read: 0644. */
bool file_publish_for_all(const char *path, const char *data, size_t length, struct err *err);

/* Makes the folder at part, which is called like a part of a file, anew; it is being written as long as the descriptor
 * is open. -1 with errno on failure, EWOULDBLOCK when another run is writing it. */
int file_make_part_folder(const char *part);

/* Removes what an interrupted file_publish left in folder, and folders of that name that nobody is writing. Does
 * nothing about trouble. */
void file_sweep(const char *folder);

/* Whether file_publish to path could work, found out before a long run by making and removing the file beside it.
 * ERR_USAGE if not: no such folder, not writable, or path is itself a folder; ERR_FILE if the machine is in trouble. */
bool file_check_target(const char *path, struct err *err);

/* Takes the lock that is the file at path (made if missing, never removed), to be read and written through *fd. It
 * holds until *fd is closed. ERR_LOCK when another holds it. */
bool file_lock(const char *path, int *fd, struct err *err);

/* ERR_USAGE if a file that holds a secret may be read or written by everybody on the machine. */
bool file_private(const char *path, struct err *err);

#endif

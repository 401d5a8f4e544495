/*
 * A bundle as a folder of loose files that appears whole: written beside its place, then the two folders change places
 * in one step. Owns nothing.
 */
#ifndef PACKAGE_FOLDER_H
#define PACKAGE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct folder_file {
	const char *name; /* without a slash */
	int fd;           /* copied from its beginning, whatever its position */
};

/* Puts a folder with these files, and no others, at path (which may end in a slash). What was there must be a folder
 * that holds nothing but files named in known (ends with NULL), so that nobody's other files are lost; it stays as it
 * was unless this succeeds. Folder 0700, files 0600. */
bool folder_publish(
	const struct folder_file *files, size_t count, const char *const *known, const char *path, struct err *err);

#endif

/*
 * The digest of what a bundle holds, however it is packed: a zip and a folder of the same files have the same.
 */
#ifndef PACKAGE_CONTENT_H
#define PACKAGE_CONTENT_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/err.h"
#include "package/archive.h"

/* The SHA-256 over name, size and bytes of every file, in byte order of the names. False when one cannot be read. */
bool content_digest(struct archive *archive, char out[static DIGEST_HEX_SIZE], struct err *err);

#endif

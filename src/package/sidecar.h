/*
 * The SHA-256 of a zip in a small file beside it, PATH.sha256, in the form of sha256sum, which can check it. Written
 * after the zip: a reader in between sees the sum of the zip before, which does not fit, and so never takes the one for
 * the other.
 */
#ifndef PACKAGE_SIDECAR_H
#define PACKAGE_SIDECAR_H

#include <stdbool.h>

#include "base/digest.h"

struct err;

/* The path of the sidecar; to be freed. */
char *sidecar_path(const char *path);

/* The SHA-256 of a file. ERR_FILE */
bool sidecar_digest(const char *path, char out[static DIGEST_HEX_SIZE], struct err *err);

/* Writes the sidecar of the zip at path, whose SHA-256 that is. */
bool sidecar_write(const char *path, const char sum[static DIGEST_HEX_SIZE], struct err *err);

/* Makes sure that the sidecar of the zip at path is there and fits it: a run may have ended between the two. */
bool sidecar_settle(const char *path, struct err *err);

#endif

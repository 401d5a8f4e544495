/*
 * Makes the files of one bundle from the collections that were read: for each row what the bundle's settings want done
 * to it, its references, its place in the CSV. Judges nothing as a whole; that is for publish.c.
 */
#ifndef CMD_MAKE_H
#define CMD_MAKE_H

#include <stdbool.h>

#include "base/err.h"
#include "cmd/publish.h"
#include "package/bundle.h"

/* Adds the files to the bundle, and rows, bytes, presence and counts to the publication, whose config, keys and values
 * are set. */
bool make_files(const struct publish *publish, struct publication *publication, struct bundle *bundle, struct err *err);

/* Whether the bundle is to hold only a part of the rows: then the keys judge references into all tables that were read.
 */
bool make_is_part(const struct bundle_config *config);

#endif

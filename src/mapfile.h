/*
 * Files that say which value becomes which (map, map-grades, map-roles): CSV, two cells a line, from and to. Read whole
 * when the program starts, so that a mistake is told before the long run.
 * Owns its texts. Leaves the replacing to check/exchange.h. Errors are ERR_USAGE and name file and row, never a value.
 *
 * A first line "from,to" is the header. Empty lines and a byte-order mark are passed over. to may be blank, from may
 * not. Blanks around a value have to be in quotes, as nobody sees them otherwise. The same from may come again, but not
 * with another to.
 */
#ifndef MAPFILE_H
#define MAPFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "check/exchange.h"
#include "config.h"

enum {
	MAPFILE_MAX = 1024 * 1024, /* bytes */
	MAPFILE_ROWS_MAX = 10000,  /* more is no list of words any more, but people's data */
};

struct mapfile;

/* Reads the file at path. NULL on failure. */
struct mapfile *mapfile_read(const char *path, struct err *err);

/* The same for the bytes of a file; path is only its name. */
struct mapfile *mapfile_parse(const char *path, const char *data, size_t length, struct err *err);

void mapfile_free(struct mapfile *file);

/* Its pairs in byte order of from, no from twice, at least one; they live as long as the file. */
const struct exchange_pair *mapfile_pairs(const struct mapfile *file, size_t *count);

/* Reads all maps of a bundle of the config; *exchange is then the caller's, NULL when the bundle has none. A map of one
 * column wins over map-grades and map-roles, and the last one for a column over those before. */
bool mapfile_exchange(
	const struct config *config, const struct bundle_config *bundle, struct exchange **exchange, struct err *err);

#endif

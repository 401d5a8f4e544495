/*
 * One of the bundles that are compared: whether it is a whole bundle of the right version, and its files as rows in
 * order on disk. Reads what anybody may have written, and refuses what has no clear meaning: a row of another width
 * than its header, a row without an id. Which bundle, file and row that was is in the message.
 * Borrows the archive.
 */
#ifndef CMD_SNAPSHOT_H
#define CMD_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "package/archive.h"
#include "table/csv_read.h"
#include "table/rowfile.h"
#include "table/schema.h"

struct snapshot {
	const char *name;        /* for messages */
	struct archive *archive; /* borrowed */
	bool (*stopped)(void);   /* or NULL */

	/* The file at hand. */
	const char *file_name;
	struct archive_stream *stream;
	struct csv_reader *reader;
	bool present;         /* the bundle has it */
	char **header;        /* its columns */
	size_t width;         /* how many */
	struct rowfile *rows; /* all of them, sorted; NULL before snapshot_load */
	struct rowfile_counts counts;
};

/* Looks at the manifest. ERR_DATA when there is none, or when it tells of another version than the schema's, of a delta
 * or of files that are not there. name and archive must outlive the snapshot. */
bool snapshot_init(struct snapshot *snapshot, const char *name, struct archive *archive, const struct schema *schema,
	bool (*stopped)(void), struct err *err);

/* Starts with the file of a table, if the bundle has it: sets present, header and width. Any file before is closed. */
bool snapshot_open(struct snapshot *snapshot, const struct table *table, struct err *err);

/* Reads the rest of it into rows, in order, of columns cells; to tells by cell of the file which of them it is, or
 * SIZE_MAX. folder is for working files. */
bool snapshot_load(struct snapshot *snapshot, const size_t *to, size_t columns, const char *folder, struct err *err);

/* Forgets the file at hand; may come several times. */
void snapshot_close(struct snapshot *snapshot);

/* ERR_STOPPED when the run is to end. */
bool snapshot_go_on(const struct snapshot *snapshot, struct err *err);

#endif

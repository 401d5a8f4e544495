/*
 * A OneRoster CSV bundle in the making: CSV files and their manifest, then one zip (or a folder of loose files), put in
 * its place by rename. A transaction: bundle_commit publishes, bundle_free without it leaves nothing behind.
 * Owns its working files. Knows tables and rows, not where they came from or whether they are right.
 *
 * The same rows give the same bytes: entries in a fixed order (manifest first, then by name), fixed times and modes.
 * Calls in this order: bundle_begin_file, bundle_add_row, bundle_end_file for each table; bundle_finish;
 * bundle_archive, bundle_zip and bundle_seal as wanted; bundle_commit or bundle_keep.
 */
#ifndef PACKAGE_BUNDLE_H
#define PACKAGE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "package/archive.h"
#include "table/csv_write.h"
#include "table/row.h"
#include "table/schema.h"

struct bundle_options {
	const struct schema *schema;
	const char *folder; /* for working files */
	struct csv_style style;
	bool delta;        /* rows keep status and dateLastModified, the manifest says delta; else both are blank */
	bool empty_header; /* a file without rows has its header; else it is left out and absent */
	const char *source_name; /* source.systemName of the manifest, or NULL */
	const char *source_code; /* source.systemCode, or NULL */
	bool (*stopped)(void);   /* true once the run is to end; NULL for never */
};

struct bundle;

/* An empty bundle. Never NULL. Copies the options, borrows their texts. */
struct bundle *bundle_new(const struct bundle_options *options);
void bundle_free(struct bundle *bundle);

/* The file of a table: begin, rows in their final order, end. Tables in any order, each at most once. extra names the
 * columns behind the standard's: the rows have as many cells more. Whether the rows could be written is told at the
 * end.
 */
bool bundle_begin_file(struct bundle *bundle, const struct table *table, const char *const *extra, size_t extra_count,
	struct err *err);
void bundle_add_row(struct bundle *bundle, const struct row *row);
bool bundle_end_file(struct bundle *bundle, struct err *err);

/* Rows written to a table's file, and its size in bytes (0 and 0 for one that is absent). */
uint64_t bundle_rows(const struct bundle *bundle, const struct table *table);
uint64_t bundle_bytes(const struct bundle *bundle, const struct table *table);
bool bundle_has(const struct bundle *bundle, const struct table *table);

/* Writes the manifest: no file may follow. */
bool bundle_finish(struct bundle *bundle, struct err *err);

/* The files of a finished bundle to be read, as long as the bundle lives. Never NULL; to be freed. */
struct archive *bundle_archive(const struct bundle *bundle);

/* Makes the zip, in the working folder. Not more than once. */
bool bundle_zip(struct bundle *bundle, struct err *err);

/* Makes a second zip of the same files, encrypted with AES-256: what bundle_commit then puts in its place. The first
 * one stays as it is for bundle_keep. Never the same bytes twice. After bundle_zip, not more than once; the passphrase
 * is not kept. */
bool bundle_seal(struct bundle *bundle, const char *passphrase, struct err *err);

/* Whether the zip library of this machine can encrypt; ERR_USAGE if not. */
bool bundle_can_seal(struct err *err);

/* The SHA-256 of the zip that bundle_commit is going to put in its place. After bundle_zip. */
bool bundle_digest(const struct bundle *bundle, char out[static DIGEST_HEX_SIZE], struct err *err);

/* Puts the bundle at path: the zip, or, if path ends in a slash, a folder of loose files that takes the place of the
 * one before at once. Finishes and zips where that was not done. What was there before stays as it was unless this
 * succeeds. */
bool bundle_commit(struct bundle *bundle, const char *path, struct err *err);

/* Moves the zip, made before, from the working folder to path, on the same file system, replacing what was there. */
bool bundle_keep(struct bundle *bundle, const char *path, struct err *err);

/* The size of the zip that bundle_commit puts in its place; 0 while there is none. */
uint64_t bundle_size(const struct bundle *bundle);

#endif

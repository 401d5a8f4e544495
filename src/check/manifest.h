/*
 * Reads manifest.csv line by line: which version the bundle says it is of, what it says of each file, and what is wrong
 * with that (the rules manifest.*). What is said decides how files are judged even where it is said wrongly, as far as
 * it can be understood.
 * Owns what it noted; the schema and the findings are borrowed.
 */
#ifndef CHECK_MANIFEST_H
#define CHECK_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "check/finding.h"
#include "table/csv_read.h"
#include "table/schema.h"

#define MANIFEST_FILE "manifest.csv"

enum manifest_mode { MANIFEST_UNSAID, MANIFEST_ABSENT, MANIFEST_BULK, MANIFEST_DELTA };

struct manifest;

struct manifest *manifest_new(const struct schema *schema, struct findings *findings); /* never NULL */
void manifest_free(struct manifest *manifest);

/* The next line, the first one included. */
void manifest_row(struct manifest *manifest, const struct csv_row *row);

/* The file ends: what was not said. whole is false when it could not be read to its end; then that is not judged. */
void manifest_end(struct manifest *manifest, bool whole, bool bom);

/* The bundle says clearly that it is of another version of OneRoster: the rules for this one do not apply. */
bool manifest_is_foreign(const struct manifest *manifest);

/* Finds just that. */
void manifest_tell_foreign(const struct manifest *manifest, struct findings *findings);

/* The version as it stands, or NULL. Valid as long as the manifest. */
const char *manifest_version(const struct manifest *manifest);

enum manifest_mode manifest_mode(const struct manifest *manifest, const struct table *table);

/* Compares what is said of a file with whether it is there. */
void manifest_compare(struct manifest *manifest, const struct table *table, bool there);

#endif

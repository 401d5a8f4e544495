/*
 * Judges a whole bundle: zip, manifest, every file, every reference, and one receiver's wishes if asked. One pass over
 * the files in the order of the schema, in memory bound by the ids that others point at; the rest is sorted on disk.
 * The recipe of `validate` and of what `export` asks before it publishes.
 */
#ifndef CMD_JUDGING_H
#define CMD_JUDGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "check/finding.h"
#include "package/archive.h"
#include "table/consumer.h"
#include "table/csv_read.h"
#include "table/schema.h"

struct judging_options {
	const struct schema *schema;
	const struct consumer *consumer; /* or NULL: the standard alone */
	const char *folder;              /* for working files */
	const char *zip_name;            /* base name that the bundle's zip has, for the receiver's wish; or NULL */
	const char *const *allow_empty;  /* names of core tables that may be without rows, ends with NULL; or NULL */
	bool whole;                      /* a bundle is complete in itself: references into files that it does not have
					    are judged, unless it is known which files the receiver needs */
	bool no_teachers;                /* the bundle is made without them */
	int today;                       /* the local day, since 1970; 0 if no rule is to depend on it */
	bool dangling;                   /* references that lead nowhere are warnings */
	bool (*stopped)(void);           /* true once the run is to end; NULL for never */
	/* Shown each line that is read, of the manifest (table NULL) and of each file in the order of the schema,
	 * header first, before it is judged. What a file that turns out to be damaged said so far was shown too. Or
	 * NULL. */
	void (*line)(void *context, const struct table *table, const struct csv_row *row);
	void *context; /* of line */
};

struct judgement {
	uint64_t *rows; /* by table id: rows of the file, 0 when it is absent */
	bool *present;  /* by table id */
	bool *delta;    /* by table id: the manifest calls it a delta */
	char *version;  /* of OneRoster, as the manifest has it; NULL when it does not say */
	bool judged;    /* false when the bundle is of another version: then only that was found */
};

/* Adds what it finds. False, with err, only when this machine is in the way (ERR_FILE) or the run is to end
 * (ERR_STOPPED). judgement may be NULL; else it is to be released. */
bool judging_run(struct archive *archive, const struct judging_options *options, struct findings *findings,
	struct judgement *judgement, struct err *err);

void judgement_release(struct judgement *judgement);

#endif

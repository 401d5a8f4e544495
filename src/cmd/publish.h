/*
 * Makes one bundle from the collections that were read: fills, references, CSV, checks, zip, and puts it in its place.
 * The recipe of the publishing side.
 */
#ifndef CMD_PUBLISH_H
#define CMD_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "check/exchange.h"
#include "check/finding.h"
#include "check/keys.h"
#include "check/value.h"
#include "cmd/collect.h"
#include "cmd/delivering.h"
#include "cmd/delta.h"
#include "cmd/guarding.h"
#include "config.h"
#include "stats.h"
#include "table/schema.h"

/* What all bundles of a run share; borrowed. */
struct publish {
	const struct schema *schema;
	const struct collection *collections; /* by table id; those not asked for have no table */
	const char *folder;                   /* for working files, on the file system of state_dir */
	const char *state_dir;                /* where bundles are kept */
	int64_t now;                          /* seconds since 1970 */
	int64_t clock;                        /* the server's, when the reading of these collections began */
	bool force;                           /* what the guard holds back is published */
	const struct provider *provider;
	struct stats *stats;
	void (*draw)(struct stats *stats);
};

/* What became of a bundle; kept for summary and report. Zero before but for config and path; released also after a
 * failure. */
struct publication {
	const struct bundle_config *config;
	char *path; /* where it goes */
	bool published;
	bool unchanged;            /* what was published before is the same and still there: nothing was to be done */
	bool forced;               /* the guard would have held it back */
	char *refused;             /* where the bundle lies that is not published, or NULL */
	char *refusal;             /* and where the report on it belongs */
	struct err err;            /* why not */
	struct findings *findings; /* of the final check; NULL when it did not come to that */
	struct guarding guarding;
	struct exchange *exchange; /* values it has otherwise than the server; set before it is published, or NULL */
	struct keys *keys;
	struct value_counts *values; /* by table id: what was found while publishing */
	uint64_t *rows;              /* by table id: rows in the file */
	uint64_t *bytes;             /* by table id: size of the file */
	bool *given;                 /* by table id: it was read, and the bundle is to have it */
	bool *present;               /* by table id: the file is in the bundle */
	struct delta delta;          /* what of the rows belongs into it, unless all */
	bool empty;                  /* a delta without a row: there was nothing to publish */
	struct shelf_table *notes;   /* by table id: what the next run has to know of it */
	uint64_t size;               /* of the zip; 0 for loose files */
	size_t removed;              /* snapshots that its settings keep no longer */
	int table_count;
	struct delivering delivery; /* whoever publishes sees to that, too */
};

/* Publishes the bundle of publication->config at publication->path, or says in err (and publication->err) why it must
 * not. */
bool publish_bundle(const struct publish *publish, struct publication *publication, struct err *err);

void publication_release(struct publication *publication);

#endif

/*
 * Which metadata the bundles of a run want: what of it the reading of a table keeps, and which columns a bundle has
 * behind the standard's. Owns the wishes; borrows the configuration.
 *
 * The columns a bundle names come first, in its order, whether any row has them or not: the header is a matter of
 * configuration. With auto follow, in byte order, those of all keys that came and that its consumer takes.
 */
#ifndef CMD_METADATA_H
#define CMD_METADATA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/collect.h"
#include "config.h"
#include "table/extras.h"
#include "table/schema.h"

struct metadata;

/* Sets metadata, to NULL if no bundle wants any. Fails with ERR_USAGE when one is wanted of a table that can have none.
 * Warns of those that are wanted of a file the bundle does not have. */
bool metadata_new(
	const struct config *config, const struct schema *schema, struct metadata **metadata, struct err *err);
void metadata_free(struct metadata *metadata);

/* What to keep of the metadata of a table that is read, or NULL. Metadata may be NULL here and below. */
const struct extras_wish *metadata_wish(const struct metadata *metadata, const struct table *table);

/* The cells of its rows while they are kept: columns, and one for metadata that are wanted. */
size_t metadata_cells(const struct metadata *metadata, const struct table *table);

/* Learns from a collection that was read which keys came, and adds to its note which of those named did not. */
bool metadata_survey(const struct metadata *metadata, struct collection *collection, struct err *err);

/* Fills columns, zero before, with those the bundle has of a collection; to be released also after a failure. */
bool metadata_columns(const struct bundle_config *bundle, const struct collection *collection,
	struct extras_columns *columns, struct err *err);

#endif

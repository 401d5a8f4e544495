/*
 * What a bundle's settings say about snapshots: dated outputs of which some are kept, the checksum beside a zip, the
 * passphrase of one. Whether that goes together, and the removal of what is to be kept no longer. The rule itself is
 * package/retention.h, what belongs together package/series.h.
 */
#ifndef KEEPING_H
#define KEEPING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "package/retention.h"

struct bundle_config;
struct config;

/* The rule of a bundle's keep-last and its like, and whether there is one. */
struct retention keeping_rule(const struct bundle_config *bundle);
bool keeping_is_set(const struct bundle_config *bundle);

/* Whether keep-..., checksum and encrypt fit the bundle's output and receiver; ERR_USAGE, with file and line. Turns
 * checksum on for snapshots, unless somebody says otherwise. Needs the consumer of the bundle. */
bool keeping_check(const struct config *config, struct bundle_config *bundle, struct err *err);

/* Whether zips can be encrypted as the bundles want, once the passphrases were read; ERR_USAGE. */
bool keeping_ready(const struct config *config, struct err *err);

/* After the zip at path was published: removes what the rule does not keep of its series, never that zip. Says how many
 * snapshots were removed; what could not be is a warning in the log. */
size_t keeping_prune(const struct bundle_config *bundle, const char *path);

#endif

/*
 * Whether what a configuration says of delivering its bundles goes together, as far as that can be told without a
 * network: for config.h, which reads the settings. Owns nothing.
 */
#ifndef RECEIVERS_H
#define RECEIVERS_H

#include <stdbool.h>

#include "base/err.h"

struct config;

/* ERR_USAGE with file and line for bundles that cannot be delivered, settings of a delivery that is none, two bundles
 * that would overwrite each other. Warns of deltas that would. Bundles need not have an output. */
bool receivers_check(struct config *config, struct err *err);

#endif

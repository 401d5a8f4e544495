/*
 * Which login a configuration means, what it needs for that, and which of several places a secret is taken from: a
 * file, a command, the environment; the one given last in the order of who wins. The texts live in the config.
 *
 * Run by systemd with LoadCredential=, a secret that nobody gives otherwise is read from $CREDENTIALS_DIRECTORY:
 * client-secret, bearer-token, and for delivery deliver-secret.NAME of [bundle NAME], else deliver-secret. Any path in
 * the configuration may begin with ${CREDENTIALS_DIRECTORY}/ as well, such as encrypt and identity-file.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include "base/err.h"

struct bundle_config;
struct config;

/* The variables that hold a secret themselves. The last one is for all bundles. */
#define CREDENTIALS_CLIENT_SECRET  "ROSTERZIP_CLIENT_SECRET"
#define CREDENTIALS_BEARER_TOKEN   "ROSTERZIP_BEARER_TOKEN"
#define CREDENTIALS_DELIVER_SECRET "ROSTERZIP_DELIVER_SECRET"

/* Settles config->auth and fails with ERR_USAGE when something is missing or given twice. Reads no secret. */
bool credentials_check(struct config *config, struct err *err);

/* The same for delivering the bundles: only what is given twice is a mistake, since keys may do without a secret. */
bool credentials_check_delivery(const struct config *config, struct err *err);

/* Puts the secrets that are needed into client_secret and bearer_token, and forgets those that are not. */
bool credentials_fetch(struct config *config, struct err *err);

/* Puts the secret for delivering one bundle of config->bundles into its deliver_secret; NULL when there is none, or
 * nothing to be delivered to another machine. Needs no source. */
bool credentials_fetch_delivery(const struct config *config, struct bundle_config *bundle, struct err *err);

/* Puts the first line of the file that encrypt names into the bundle's passphrase; NULL without encrypt. */
bool credentials_fetch_passphrase(const struct config *config, struct bundle_config *bundle, struct err *err);

#endif

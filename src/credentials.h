/*
 * Which login a configuration means, what it needs for that, and which of several places a secret is taken from: a
 * file, a command, the environment; the one given last in the order of who wins. The texts live in the config.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include "base/err.h"

struct config;

/* The variables that hold a secret themselves. */
#define CREDENTIALS_CLIENT_SECRET "ROSTERZIP_CLIENT_SECRET"
#define CREDENTIALS_BEARER_TOKEN  "ROSTERZIP_BEARER_TOKEN"

/* Settles config->auth and fails with ERR_USAGE when something is missing or given twice. Reads no secret. */
bool credentials_check(struct config *config, struct err *err);

/* Puts the secrets that are needed into client_secret and bearer_token, and forgets those that are not. */
bool credentials_fetch(struct config *config, struct err *err);

#endif

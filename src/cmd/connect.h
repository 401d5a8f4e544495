/*
 * The way to the server that a configuration describes: the connections, and the login with what is known of the SIS.
 */
#ifndef CMD_CONNECT_H
#define CMD_CONNECT_H

#include <stdbool.h>

#include "base/err.h"
#include "config.h"
#include "fetch/auth.h"
#include "fetch/http.h"
#include "table/schema.h"

struct connection {
	struct http *http;
	struct auth *auth;
	char *warned; /* the latest warning that was logged */
};

/* Logs in as config says (its secrets read already), asking for the scopes that its collections need; warnings go to
 * the log. Connection is to be closed also after a failure; what the login found out by then can be asked of auth,
 * which is NULL if it did not come to that. */
bool connect_open(
	struct connection *connection, const struct config *config, const struct schema *schema, struct err *err);

/* The header lines of a request for data: ours, the authorization unless it is empty, and those of extra (ends with
 * NULL; may be NULL). The list is to be freed, the lines are borrowed. */
const char **connect_headers(const char *const *extra, const char *authorization);

/* Logs what the login has come to warn of since the last call: a later renewal may have more to say than the first. */
void connect_warn(struct connection *connection);

void connect_close(struct connection *connection);

#endif

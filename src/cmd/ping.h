/*
 * Tells a service that watches jobs how a run goes: GET ping-url/start at its beginning, ping-url at its good end,
 * ping-url/fail at its bad end; a query of the address stays behind. Nothing else is sent, and what comes back does not
 * matter beyond its status. That it cannot be told is a warning and takes a few seconds at most.
 */
#ifndef CMD_PING_H
#define CMD_PING_H

#include <stdbool.h>

#include "config.h"

enum {
	PING_SECONDS = 10,     /* most time of one call, both tries of it together */
	PING_STOP_SECONDS = 2, /* the same when the run is to stop */
};

struct ping;

/* Tells of the start, and gives what ping_end needs; NULL when no ping-url is set. */
struct ping *ping_start(const struct config *config);

/* Tells of the end and frees ping; NULL is fine. */
void ping_end(struct ping *ping, bool good);

#endif

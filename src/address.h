/*
 * The addresses of a server, made from the one the administrator has: what is allowed, where it ends, what goes behind
 * it. Pure text; libcurl's own parser decides what the parts are, so that nobody downstream reads them differently.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "base/err.h"

struct address {
	char *base; /* no slash at the end, no login page, no version */
	char *data; /* no slash at the end; collections go behind it */
	char *host; /* "demo.aeries.net", no port, no brackets, lower case */
	char *path; /* of the base, begins with a slash or is empty */
	char *slug; /* host, port and path of the base as one file name; different for different bases */
	bool cut;   /* a login page was cut off */
};

/* Takes the address of a district apart. version is what goes behind a base to reach the data ("/ims/oneroster/v1p1").
 * Fails with ERR_USAGE for what http_address_allowed refuses and for an address with a query; the message does not
 * repeat the address. To be released, also after a failure. */
bool address_read(struct address *address, const char *url, const char *version, struct err *err);

void address_release(struct address *address);

#endif

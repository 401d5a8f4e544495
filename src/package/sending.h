/*
 * One delivery to a server while it is on its way: the connection, the requests made on it, and what a request that
 * failed means. The connection and the names are owned by it. Leaves to upload.h and put.h which requests make up a
 * delivery, and to delivery.c whether to try again.
 */
#ifndef PACKAGE_SENDING_H
#define PACKAGE_SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "package/delivery.h"
#include "package/place.h"

enum {
	SENDING_SHOWN = 300,        /* bytes of what a server says, for messages */
	SENDING_STALL_SECONDS = 90, /* of an upload without any byte going on */
};

struct hostkey;
struct mask;

struct sending {
	const struct delivery *delivery;
	struct delivery_result *result;
	struct place place;
	struct hostkey *hostkey; /* sftp only */
	struct mask *mask;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *commands; /* of the request that is made */
	int fd;
	uint64_t size;
	char digest[DIGEST_HEX_SIZE];
	char *part;   /* names beside the file: while it is uploaded, */
	char *old;    /* and of the old one while the new one takes its place */
	uint64_t had; /* bytes of the part that were there when the last try looked */

	/* Of the request that is made */
	uint64_t position; /* of the next byte to read */
	bool unreadable;   /* the file cannot be read to its end */
	int64_t moved_ms;  /* when the last byte went on */
	curl_off_t moved;
	int patience; /* seconds without one */
	bool stalled;
	bool listing;         /* the body is wanted */
	bool first_is_enough; /* of the body */
	struct buf body;
	char said[SENDING_SHOWN + 1]; /* the last line of an FTP server */
	char location[SENDING_SHOWN + 1];
	long retry_after;
	long status; /* HTTP */
	char words[CURL_ERROR_SIZE];
	CURLcode code;

	/* Of this connection, from the library's words */
	char methods[128]; /* of logging in, that the server offers */
	bool key_closed;   /* the identity file could not be opened */

	bool again; /* the error may pass */
};

/* Makes the connection ready for the place, the secrets known to the mask, and the body empty. False with ERR_DELIVERY.
 * To be closed in any case; closing twice is fine. */
bool sending_open(struct sending *sending, struct err *err);
void sending_close(struct sending *sending);

/* Gets ready for the host key and the login of an SFTP server, from the first kind of key on. */
bool sending_meet(struct sending *sending, struct err *err);

/* True once the run is to end. */
bool sending_stopped(const struct sending *sending);

/* Back to a request without body, upload and commands. */
void sending_prepare(struct sending *sending);

/* Makes the request, and frees the address. */
CURLcode sending_perform(struct sending *sending, char *url);

/* A request for a file beside the one that is meant, which may be the first on its connection: it asks an SSH server
 * for one kind of host key after the other until one is accepted, and an FTP server for TLS 1.2 before the next. */
CURLcode sending_perform_first(struct sending *sending, const char *name, struct err *err);

/* Whether a request failed by the server's no, after which the connection still stands; and whether that is an FTP
 * server's "not now". */
bool sending_refused(const struct sending *sending);
bool sending_not_now(const struct sending *sending);

/* The words of the library or of the server about the last request. Valid until the next. */
const char *sending_words(const struct sending *sending);

/* Sets err to what a request that failed means, as far as it does not depend on what was asked, and whether it may
 * pass. Always false. */
bool sending_explain(struct sending *sending, struct err *err);

/* Says whether err may pass. Always false. */
bool sending_fail(struct sending *sending, bool again, const struct err *err);

#endif

/*
 * Requests over HTTP: many at once, everything a server sends bounded, certificates always checked, no secret shown.
 * Owns the connections, the cookie jar of the run (in memory only) and the list of secrets that no text may show.
 * Leaves to others what to ask, whether to ask again (retry.h), and what an answer means.
 *
 * One thread. Transfers are started, driven by http_wait, and picked up by http_finished in the order they ended, each
 * before the next is taken from the wire, so that another can leave in its place:
 *
 *	transfer = http_start(http, &request, err);
 *	while (http_wait(http, 1000, err))
 *		while ((transfer = http_finished(http)) != NULL) {
 *			look at http_transfer_reply(transfer);
 *			http_transfer_free(transfer);
 *		}
 *
 * Redirects are never followed. An answer with any status is an answer: failure is HTTP_OK then, and status tells.
 */
#ifndef FETCH_HTTP_H
#define FETCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	HTTP_CONNECT_SECONDS = 30,
	HTTP_FIRST_BYTE_SECONDS = 300, /* big pages are made slowly */
	HTTP_STALL_SECONDS = 90,
	HTTP_SLOWEST = 100,                  /* bytes a second: a body that comes slower would take days */
	HTTP_RATIO_MAX = 200,                /* of compressed bodies; rosters have up to 40 */
	HTTP_RATIO_BYTES = 64 * 1024 * 1024, /* smaller bodies hurt nobody, whatever their ratio */
	HTTP_COOKIES_MAX = 300,              /* in the jar of the run */
	HTTP_SNIPPET_MAX = 4096,             /* of an answer, for messages */
	HTTP_HEADERS_MAX = 256 * 1024,       /* all header lines of one answer */
	HTTP_HEADER_VALUE_MAX = 8 * 1024,    /* of a header we keep; a longer one counts as absent */
	HTTP_LINK_MAX = 64 * 1024,           /* of all Link lines together */
};

enum http_failure {
	HTTP_OK,       /* a whole answer; look at its status */
	HTTP_CONNECT,  /* name not found, refused, no answer to the connection, broken handshake */
	HTTP_TLS,      /* certificate or protocol version not acceptable; trying again does not help */
	HTTP_TIMEOUT,  /* connected, but no first byte in time, or fewer than HTTP_SLOWEST bytes a second */
	HTTP_CUT,      /* the connection broke, or the body was shorter than announced or garbled */
	HTTP_TOO_MUCH, /* header lines, cookies or body over their limit */
	HTTP_ABORTED,  /* on_body returned false: the true reason is the caller's */
	HTTP_STOPPED,  /* the run is to end */
	HTTP_OTHER,    /* a request that cannot be made at all, such as an address that is none */
};

struct http_options {
	const char *ca_file;    /* trusted beside the system's; NULL for none */
	const char *user_agent; /* NULL for none */
	int connect_seconds;    /* 0 in these three means the constant above */
	int first_byte_seconds; /* until the first byte of the body */
	int stall_seconds;      /* later: a body slower than HTTP_SLOWEST for so long is given up */
	bool verbose;           /* debug lines to the log: no bodies, no secrets */
	bool (*stopped)(void);  /* true once the run is to end; NULL for never */
	int wake_fd;            /* readable when stopped has become true; -1 for none */
};

struct http_request {
	const char *method;         /* NULL is GET */
	const char *url;            /* sent as it is */
	const char *const *headers; /* "Name: value" each, ends with NULL; NULL for none */
	const char *body;           /* NULL for none; POST without one sends Content-Length: 0 */
	size_t body_length;
	uint64_t max_body; /* most decoded bytes of an answer; 0 for no limit */
	bool once;         /* never sent twice: libcurl repeats by itself what it loses on a connection used before */
	/* Gets the decoded bytes of a 2xx answer, in pieces; false ends the transfer. NULL throws them away. Called
	 * only from http_wait, http_run and http_pause; must not start or free transfers. */
	bool (*on_body)(void *context, const char *data, size_t length);
	void *context;
};

/* What came back. Known secrets are masked in problem, snippet, location and content_type; the other headers are as
 * they came, to be read and never shown. */
struct http_reply {
	long status; /* 0 when no status line came */
	enum http_failure failure;
	char problem[256];  /* what the failure was, in the library's words; "" for HTTP_OK */
	struct buf snippet; /* the first HTTP_SNIPPET_MAX decoded bytes of any answer */
	/* Header values, NULL when absent. */
	char *total;    /* X-Total-Count */
	char *count;    /* x-count */
	char *link;     /* Link; several lines joined by ", " */
	bool link_lost; /* there was more of it than HTTP_LINK_MAX */
	char *retry_after;
	char *rate_reset; /* X-RateLimit-Reset or RateLimit-Reset */
	char *perm_rev;   /* x-perm-rev */
	char *date;
	char *content_type;
	char *location;
	uint64_t bytes;      /* of the body, decoded */
	uint64_t wire_bytes; /* of the body, as transferred */
	int64_t ms_total;
	int64_t ms_connect;    /* of ms_total, until the request could be sent: 0 on a connection that was there */
	int64_t ms_first_byte; /* from the start of the request to the first byte of the answer */
};

struct http;
struct http_transfer;

/* A new engine; copies the options' texts. NULL and err when the library refuses or ca_file cannot be read. */
struct http *http_new(const struct http_options *options, struct err *err);

/* Ends everything, running transfers and transfers not yet freed included, and wipes the secrets. */
void http_free(struct http *http);

/* Starts a request; copies url, headers and body. To be freed by http_transfer_free. NULL and err when the address is
 * not allowed (see http_address_allowed) or the library refuses. */
struct http_transfer *http_start(struct http *http, const struct http_request *request, struct err *err);

/* Drives the transfers until one has finished (also: one waits to be picked up), the time is over, or the wake fd is
 * readable. Without transfers it just waits. False with ERR_STOPPED when the run is to end, else with ERR_OTHER. */
bool http_wait(struct http *http, int milliseconds, struct err *err);

/* Like http_wait, but waits the whole time whatever finishes meanwhile. */
bool http_pause(struct http *http, int64_t milliseconds, struct err *err);

/* The transfer that finished longest ago and was not handed out yet; NULL when there is none. */
struct http_transfer *http_finished(struct http *http);

/* The answer so far; complete once http_finished has handed the transfer out. Belongs to the transfer. */
const struct http_reply *http_transfer_reply(const struct http_transfer *transfer);

/* The context of the request. */
void *http_transfer_context(const struct http_transfer *transfer);

/* Frees a transfer; one that is running is cancelled. */
void http_transfer_free(struct http_transfer *transfer);

/* Transfers started and not finished. */
size_t http_running(const struct http *http);

/* One request to its end, for token calls; the other transfers go on meanwhile. Fills reply (to be released) and
 * returns true whatever the answer is. False with err when the run is to end or the request could not be made; reply
 * then holds nothing but its failure. */
bool http_run(struct http *http, const struct http_request *request, struct http_reply *reply, struct err *err);

/* Frees what a reply owns and wipes it. */
void http_reply_release(struct http_reply *reply);

/* True for https, and for http when the host is this machine (localhost, 127.*, ::1). Else ERR_USAGE says why; also for
 * an address with a user name or password in it. */
bool http_address_allowed(const char *url, struct err *err);

/* Registers a secret that no text may show, for good; and a passing one, such as a token: the latest 64 are kept. */
void http_hide(struct http *http, const char *secret);
void http_hide_passing(struct http *http, const char *secret);

/* Replaces every registered secret in text, raw or percent-encoded, by ***. Room is the size of text's array; a text
 * that would grow over it is cut. */
void http_mask(const struct http *http, char *text, size_t room);

/* An address for messages: no user name, no fragment, query values that may be secret and registered secrets as ***. */
void http_show_address(const struct http *http, const char *url, char *out, size_t room);

/* Adds text percent-encoded as RFC 3986 has it: all but letters, digits and - . _ ~ becomes %XX. */
void http_encode(struct buf *to, const char *text);

/* A word for a failure, such as "cut off", for reports. A constant. */
const char *http_failure_name(enum http_failure failure);

#endif

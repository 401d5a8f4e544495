/*
 * One small request to a collection, to learn how the server behaves: asked with a little patience, its first rows
 * looked at, cut off as soon as enough was seen. Keeps no rows, only a few ids, which are for comparing, not for
 * showing.
 */
#ifndef CMD_PROBE_H
#define CMD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "fetch/auth.h"
#include "fetch/http.h"
#include "fetch/link.h"
#include "table/row.h"
#include "table/schema.h"

enum { PROBE_IDS = 4 };

/* What all requests share; borrowed. */
struct probe {
	struct http *http;
	struct auth *auth;
	const char *data_url;
	const char *const *headers; /* of each request, ends with NULL; NULL for none */
	int64_t patience_ms;        /* for all the waiting between the tries of one request */
};

struct probe_ask {
	const char *endpoint; /* behind the data address */
	const char *query;
	const char *url;    /* whole address in place of these two, or NULL */
	uint64_t rows_max;  /* the transfer is ended once more rows than these came; 0 for no limit */
	uint64_t bytes_max; /* or more bytes, decoded; 0 for no limit */
	bool once;          /* not tried again, whatever happens */
	void (*on_row)(void *context, const struct row *row); /* gets each row; may be NULL */
	void *context;
};

enum probe_outcome {
	PROBE_ROWS,        /* rows, or an empty list */
	PROBE_FORBIDDEN,   /* 403 */
	PROBE_UNKNOWN,     /* the server has no such collection */
	PROBE_UNWELCOME,   /* it does not like something in the request */
	PROBE_REFUSED,     /* the login does not count here */
	PROBE_TROUBLE,     /* an answer of no use */
	PROBE_UNREACHABLE, /* no connection at all */
};

/* What came back. Released by probe_release. */
struct probe_answer {
	enum probe_outcome outcome;
	struct err err;       /* a sentence, unless PROBE_ROWS */
	bool whole;           /* not cut off by us */
	uint64_t rows;        /* seen */
	char *ids[PROBE_IDS]; /* of the first rows */
	size_t id_count;
	bool more;         /* something says that there is a next page */
	bool bare;         /* the first row holds nothing but its id */
	bool ascending;    /* the ids of all rows seen ascend, byte by byte; one may come twice */
	bool header_total; /* X-Total-Count is there */
	bool body_total;   /* or else a total in the body */
	uint64_t total;
	bool has_count; /* x-count */
	uint64_t count;
	struct link_facts links; /* of the headers, or else of the body */
	int64_t ms;              /* until the first byte */
	bool has_skew;
	int64_t skew; /* seconds the server's clock is ahead of ours */
	unsigned requests;
};

/* Asks for records of table. False, with err, only when the run is to end. */
bool probe_run(const struct probe *probe, const struct table *table, const struct probe_ask *ask,
	struct probe_answer *answer, struct err *err);

void probe_release(struct probe_answer *answer);

#endif

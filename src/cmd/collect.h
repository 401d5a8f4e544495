/*
 * A table from the server, completely: from the address that lists it, or, where the server does not offer that, from
 * others that together list the same (schemas: instead, instead-each). The recipe of the fetching side.
 */
#ifndef CMD_COLLECT_H
#define CMD_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "check/value.h"
#include "config.h"
#include "fetch/auth.h"
#include "fetch/http.h"
#include "fetch/pace.h"
#include "fetch/store.h"
#include "provider.h"
#include "stats.h"
#include "table/extras.h"
#include "table/rowfile.h"
#include "table/schema.h"

enum {
	COLLECT_MADE_MAX = 2,  /* tables made from the records of one table */
	COLLECT_AHEAD_MAX = 5, /* read beside the one whose turn it is: a room for pages each */
};

struct collect_order;
struct metadata;
struct reading;

/* What all collections of a run share; borrowed. */
struct collect {
	struct http *http;
	struct auth *auth;
	const struct provider *provider;
	const char *data_url;
	const char *const *headers; /* of each request, ends with NULL; NULL for none */
	const char *folder;         /* for working files */
	unsigned page_size;
	const struct config_list *read_twice; /* tables whose totals and signs of an end are not believed */
	unsigned parallel;
	int retry_seconds;                /* how long to go on without a page that can be kept */
	struct pace *pace;                /* what is known of how much the server bears */
	struct relay *relay;              /* threads that parse, or NULL */
	struct store *store;              /* where pages are kept so that the run can go on; NULL for none */
	bool offline;                     /* read from the store only: http and auth are NULL */
	const struct collect_order *next; /* what will be read after this, in order */
	size_t next_count;
	struct reading *ahead[COLLECT_AHEAD_MAX]; /* those of them that were begun */
	size_t ahead_count;
	size_t room;                          /* for requests that may leave now */
	int64_t hold_until;                   /* time_ms; the server wants to be left alone until then */
	const struct metadata *metadata;      /* what of them to keep; NULL for none */
	const struct collection *collections; /* what was read so far, by table id: other addresses may be made of it */
	char *revision; /* x-perm-rev of the first answer, owned; NULL before, or when the server has none */
	bool revised;   /* it changed: everything has to be read again */
	bool has_skew;  /* an answer told the server's time */
	int64_t skew;   /* seconds the server's clock is ahead of ours */
	struct stats *stats;
	void (*draw)(struct stats *stats); /* called often while waiting; may be NULL */
};

/* A table as it was read. Zero before; released by collection_release, also after a failure. */
struct collection {
	const struct table *table;
	struct rowfile *rows; /* sorted; NULL while not read */
	struct rowfile_counts counts;
	struct value_counts values;
	struct value_counts metadata; /* the same of the metadata that are kept: one column, or none */
	struct extras_names keys;     /* of those that came */
	uint64_t mended;              /* half characters replaced while parsing */
	char *proof;                  /* how completeness was proved */
	char *missing;                /* why the server does not offer it; NULL when it was read */
	char *note;                   /* something an administrator should hear; NULL for nothing */
	char *since;                  /* only what changed since then was asked for; NULL: all rows */
};

/* What to read; borrowed. */
struct collect_order {
	const char *endpoint;      /* behind the data address, such as "users" or "schools/994/classes" */
	const struct table *table; /* what its records are */
	const struct table *made[COLLECT_MADE_MAX]; /* the tables to be made from them */
	size_t made_count;
	const char *since; /* only rows changed since this date-time are needed; NULL: all are */
};

/* Reads order->table into results[0], and the tables made from its records into results[1 + i]. May_miss: a server that
 * refuses or does not know the collection is no failure; results[..].missing says so. */
bool collect_table(struct collect *collect, const struct collect_order *order, bool may_miss,
	struct collection *results, struct err *err);

/* Forgets what was asked ahead. To be called behind the last collection, also after a failure. */
void collect_end(struct collect *collect);

void collection_release(struct collection *collection);

#endif

/*
 * How the server treats one collection, found out with a handful of small requests: whether it is given at all, and
 * which of the things that help in reading it completely work there. Transfers a few rows, and for the page cap at most
 * EXAMINE_PAGE_BYTES of one full page; keeps no row.
 */
#ifndef CMD_EXAMINE_H
#define CMD_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/probe.h"
#include "provider.h"
#include "table/schema.h"

enum {
	EXAMINE_PAGE_BYTES = 64 * 1024,
	EXAMINE_NOTES_MAX = 4,
};

enum examine_status {
	EXAMINE_UNASKED, /* the examination ended before */
	EXAMINE_OK,
	EXAMINE_EMPTY,   /* no row */
	EXAMINE_INSTEAD, /* refused or missing, but other addresses together list the same */
	EXAMINE_REFUSED, /* a permission is missing, or the login does not count here */
	EXAMINE_MISSING, /* the server does not offer it */
	EXAMINE_TROUBLE, /* its answers cannot be used */
};

enum examine_verdict {
	EXAMINE_UNKNOWN, /* not asked, or the collection is too small to tell */
	EXAMINE_YES,
	EXAMINE_NO,    /* ignored, or absent */
	EXAMINE_ERROR, /* answered with an error */
	EXAMINE_OWN,   /* in the server's own way: sort by other rules than the bytes, a total in the body, a cursor */
	EXAMINE_WRONG, /* not as it should be: a total that is not true, rows that change their order */
};

enum examine_cap {
	EXAMINE_CAP_UNKNOWN, /* everything fits a page */
	EXAMINE_CAP_SEEN,    /* no page is larger than cap rows */
	EXAMINE_CAP_ABOVE,   /* at least cap rows */
	EXAMINE_CAP_REFUSED, /* a page of cap rows is answered with an error */
	EXAMINE_CAP_ALL,     /* limit is ignored: everything comes at once */
};

/* What all examinations share; borrowed. */
struct examine {
	struct probe probe;
	const struct schema *schema;
	const struct provider *provider;
	unsigned page_size;
	bool connected; /* some collection was given */
	char **each;    /* by table id: an id for instead_each of that table, owned; NULL while there is none */
};

/* Zero before; released by examination_release. */
struct examination {
	const struct table *table; /* NULL when nobody wants it */
	bool required;
	enum examine_status status;
	struct err err;                 /* a sentence for all but EXAMINE_OK and EXAMINE_UNASKED */
	char *notes[EXAMINE_NOTES_MAX]; /* other sentences worth hearing */
	size_t note_count;
	uint64_t rows;   /* at least */
	bool rows_exact; /* stated by the server or seen to be all */
	enum examine_cap cap_kind;
	uint64_t cap;
	enum examine_verdict total;
	enum examine_verdict link;
	enum examine_verdict sort;
	enum examine_verdict filter;
	enum examine_verdict fields;
	enum examine_verdict offset;
	int64_t ms; /* until the first byte of the first answer */
	unsigned requests;
	bool has_skew;
	int64_t skew;     /* seconds the server's clock is ahead */
	bool login_lost;  /* refused because of the login, not a permission */
	bool unreachable; /* no connection: others need not be tried */
};

/* Examines the collection of examination->table. False, with err, only when the run is to end. */
bool examine_table(struct examine *examine, struct examination *examination, struct err *err);

void examination_release(struct examination *examination);

/* Whether a collection with that status can be exported. */
bool examine_readable(enum examine_status status);

#endif

/*
 * What the body of an answer says beside its rows: whether there is more, where the next page is, how many rows there
 * are, and whether the server calls the answer a failure. Evidence for the pager; nothing of it is ever kept.
 *
 * Read are members of the answer itself and of an object such as "links", "paging" or "meta" in it. The parser reports
 * each key and value outside of records; texts that are not evidence are not looked at.
 */
#ifndef CONVERT_ASIDE_H
#define CONVERT_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	ASIDE_DEPTH = 4,          /* deeper members are no evidence */
	ASIDE_NEXT_MAX = 8 * 1024 /* bytes of an address; a longer one counts as one that cannot be used */
};

struct aside {
	int64_t total; /* rows the server says it has; -1: it does not say */
	bool more;     /* a flag, a counter of pages or an address says that another page follows */
	bool failure;  /* the answer calls itself one: imsx_codeMajor, errors */
	bool rivals;   /* another list of records stands beside the rows */
	bool has_next; /* the address of the next page, or the part behind the path; in next */
	struct buf next;
	/* How far the reading of the answer is. */
	size_t depth;              /* open objects */
	int keys[ASIDE_DEPTH];     /* what the open member of each is */
	bool element[ASIDE_DEPTH]; /* the object stands in a list */
	bool rel_next;             /* the open link object says that it leads to the next page */
	bool rel_other;
	bool href;       /* it has an address, which is in link */
	struct buf link; /* of that object */
	int64_t page;    /* -1: not told */
	int64_t pages;
};

/* Zero before; aside_release frees what it owns. */
void aside_begin(struct aside *aside);
void aside_release(struct aside *aside);

/* An object begins, as a value or as an element of a list; or ends. */
void aside_open(struct aside *aside, bool element);
void aside_close(struct aside *aside);

/* A key of the object that is open. */
void aside_key(struct aside *aside, const char *key, size_t length);

/* A value of the member last reported, or an element of its list. */
void aside_text(struct aside *aside, const char *text, size_t length);
void aside_number(struct aside *aside, const char *text, size_t length);
void aside_truth(struct aside *aside, bool truth);

/* The answer ends: counters that were told are compared. */
void aside_end(struct aside *aside);

#endif

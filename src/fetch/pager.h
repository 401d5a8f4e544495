/*
 * Which page to ask for next, and whether a collection was read to its proven end. Pure: no I/O, only numbers and ids.
 *
 * The only step is the number of rows received: servers cap a page silently. What a server says about itself
 * (X-Total-Count, x-count, Link) is a witness, never the judge:
 *   - Without a total only an empty answer (or a refusal behind the last row) is the end.
 *   - With a total the rows received have to reach it exactly, it must not have changed, and still an empty answer is
 *     asked for behind it (together with the last pages, so it costs no time).
 *   - As long as the order is not seen to ascend, or without a total, each page is asked one row early: its first row
 *     must be the last row of the page before, else rows have moved and the collection has to be read again.
 *   - A page that begins like the one before, at another offset, is a server that ignores the offset. If it sends more
 *     rows than it was asked for, time and again the same, it sends everything at once, and that is an end too.
 *
 *   - A server whose link to the next page carries no offset reads by a cursor: its links are followed, one after the
 *     other, and the page without one is the last. No link may come twice.
 *
 * Answers are judged in page order; pages asked ahead that turn out to stand at the wrong offset are stale and asked
 * again. Owns copies of the ids it compares.
 */
#ifndef FETCH_PAGER_H
#define FETCH_PAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	PAGER_LIMIT_MIN = 50,       /* a page is not made smaller than this by trouble */
	PAGER_ROWS_MAX = 500000000, /* no district has half a billion of anything */
	PAGER_EMPTY_MAX = 1000,     /* empty pages in a row that lead on to another one */
	PAGER_PAGES_MAX = 20000000, /* an endless server ends here, if nothing finds it out before */
};

struct pager;

/* A page to ask for. */
struct pager_page {
	uint64_t offset;
	unsigned limit;
	bool overlap;    /* its first row is expected to be the last row of the page before */
	bool probe;      /* asks whether the limit is obeyed at all; its rows are not to be kept */
	const char *url; /* the address to ask instead, of a server with a cursor; NULL; valid until pager_judge */
	uint64_t next;   /* where the page behind it begins, if this one is as large as expected */
	unsigned age;    /* pages of an older age than pager_age are stale */
};

/* What an answer says. Ids are borrowed for the call; NULL when there is no row. */
struct pager_answer {
	uint64_t rows;
	uint64_t total; /* when has_total */
	uint64_t count; /* when has_count */
	const char *first;
	size_t first_length;
	const char *last;
	size_t last_length;
	/* The whole rows of those ids, in any form that is the same for equal rows; NULL: the ids have to do. */
	const char *first_row;
	size_t first_row_length;
	const char *last_row;
	size_t last_row_length;
	const char *next_url; /* of the next page, when the link to it carries no offset; else NULL */
	bool past_end; /* 404 or 400 where rows might have been: the server's way to say that there are no more */
	bool has_total;
	bool has_count;
	bool links;     /* it has links to other pages */
	bool link_next; /* one of them leads to a next page */
	bool ascending; /* every id is greater in byte order than the one before it in this page */
};

enum pager_verdict {
	PAGER_KEEP,   /* keep the rows (all of them: copies are told apart later) and go on */
	PAGER_SKIP,   /* do not keep the rows, go on */
	PAGER_AGAIN,  /* not to be believed: ask for the same page again; err says why, for when it happens again */
	PAGER_REREAD, /* rows have moved: forget the collection and read it again; err says what was seen */
	PAGER_FAIL,   /* cannot be read completely; err says why */
};

/* A collection to be read in pages of limit rows. */
struct pager *pager_new(unsigned limit);
void pager_free(struct pager *pager);

/* Begins again at the first row. With another limit, an order that depends on the page size shows itself. */
void pager_restart(struct pager *pager, unsigned limit);

/* Fills the next page to ask for; false if there is none now (the end is reached, or the answer to a page on the way is
 * needed first). on_the_way is how many pages that are not stale were asked for and not yet judged. */
bool pager_next(struct pager *pager, size_t on_the_way, struct pager_page *page);

/* Judges the answer to the oldest page on the way. */
enum pager_verdict pager_judge(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err);

/* Pages of this size are too much for the server: halves it (not below PAGER_LIMIT_MIN). All pages on the way become
 * stale. False when it is as small as it gets. */
bool pager_shrink(struct pager *pager);

/* Pages were of this size when they were read before; they may only get smaller. */
void pager_set_limit(struct pager *pager, unsigned limit);

bool pager_done(const struct pager *pager);
unsigned pager_age(const struct pager *pager);
unsigned pager_limit(const struct pager *pager);

/* Rows received, those met twice by asking one row early not counted; how often that was done; the greatest page. */
uint64_t pager_rows(const struct pager *pager);
uint64_t pager_overlaps(const struct pager *pager);
uint64_t pager_largest(const struct pager *pager);

/* The total the server states, if it has one that can be trusted so far. */
bool pager_total(const struct pager *pager, uint64_t *total);

/* How the end was proved, for the report: "all 5,300 rows of the server's total, ids ascending". Once pager_done. */
const char *pager_proof(const struct pager *pager);

#endif

/*
 * Which page to ask for next, and whether a collection was read to its proven end. Pure: no I/O, only numbers and ids.
 *
 * The end needs evidence for it and none against it. Everything that an answer says is evidence: whether it holds a
 * list, its rows, the totals in headers and body, links and flags that speak of a next page, a refusal. No sign is
 * believed alone, and a contradiction is never settled by the friendlier sign: the collection is read again, in another
 * way if there is one, and if that does not help it is not complete.
 *
 *   - The step is the number of rows received: servers cap a page silently. Each page is asked for one row early: its
 *     first row must be the last row of the page before, else rows moved and the collection is read again.
 *   - The end is an empty list where the next row would be. A refusal, an empty object, null or nothing at all is a
 *     weak end: it needs a look back, a page that holds the last row and nothing else.
 *   - With a total the rows must reach it exactly, and it must not change.
 *   - An empty page that speaks of a next one is no end. A server that leaves out rows after paging is followed; one
 *     that speaks of a next page for ever is found out by asking far away.
 *   - The same page at another offset: the server sends everything at once, if nothing says that there is more and the
 *     rows are not as many as some request asked for (a cache may give that again).
 *   - Else the offset means something else there. Tried are the offsets and page numbers of its own links, whole pages,
 *     counting from 1, and numbers of pages. These give nothing to look back at: two readings must agree.
 *   - A link to the next page without an offset is a cursor. The end is a whole page with a list and no sign of a next
 *     one; nothing else is. No link and no page may come twice.
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
	PAGER_LIMIT_LEAST = 2,      /* a page of one row leaves no room to look back */
	PAGER_LIMIT_MIN = 50,       /* a page is not made smaller than this by trouble */
	PAGER_ROWS_MAX = 500000000, /* no district has half a billion of anything */
	PAGER_EMPTY_MAX = 1000,     /* empty pages in a row that lead on to another one */
	PAGER_EMPTY_ALWAYS = 14,    /* the same, where every answer says that there is more */
	PAGER_ASKED_MAX = 16,       /* limits remembered */
	PAGER_FAR = 1000000000,     /* rows; no collection reaches so far */
	PAGER_PAGES_MAX = 20000000, /* an endless server ends here, if nothing finds it out before */
};

struct pager;

/* A page to ask for. */
struct pager_page {
	uint64_t offset; /* to be sent as it is */
	uint64_t number; /* of the page, sent in place of the offset by servers that want it so; 0: send the offset */
	unsigned limit;
	bool overlap;    /* its first row is expected to be the last row of the page before */
	bool probe;      /* asks how the server pages; its rows are not to be kept */
	bool backwards;  /* the same, and in descending order */
	const char *url; /* the address to ask instead, of a server with a cursor; NULL; valid until pager_judge */
	uint64_t next;   /* where the page after it begins, if this one is as large as expected */
	unsigned age;    /* pages of an older age than pager_age are stale */
};

/* In what the rows of an answer stand. */
enum pager_list {
	PAGER_LIST_MEMBER, /* a member of the answer */
	PAGER_LIST_BARE,   /* the answer is the list */
	PAGER_LIST_NONE,   /* there is none: no body, null, an empty object, a refusal */
};

/* What an answer says. Ids are borrowed for the call; NULL when there is no row. */
struct pager_answer {
	uint64_t rows;
	uint64_t total;      /* of the headers, when has_total */
	uint64_t body_total; /* of the body, when has_body_total */
	uint64_t count;      /* when has_count */
	const char *first;
	size_t first_length;
	const char *last;
	size_t last_length;
	/* The whole rows of those ids, in any form that is the same for equal rows; NULL: the ids have to do. */
	const char *first_row;
	size_t first_row_length;
	const char *last_row;
	size_t last_row_length;
	enum pager_list list;
	long refused;         /* the status of an answer that refuses the page; 0: it does not */
	const char *next_url; /* of the next page, if it can be asked for; else NULL */
	uint64_t next_offset; /* that the link to it carries, when has_next_offset */
	bool has_next_offset;
	bool has_total;
	bool has_body_total;
	bool has_count;
	bool links; /* it has links to other pages */
	bool more;  /* a link, a flag or a counter says that there is a next page, whether it can be asked for or not */
	bool numbered;   /* links or body count pages */
	bool positional; /* the address of the next page holds a place, such as page=2, and no mark of a row */
	bool ascending;  /* every id is greater in byte order than the one before it in this page */
};

enum pager_verdict {
	PAGER_KEEP,   /* keep the rows (all of them: copies are told apart later) and go on */
	PAGER_SKIP,   /* do not keep the rows, go on */
	PAGER_AGAIN,  /* not to be believed: ask for the same page again; err says why, for when it happens again */
	PAGER_REREAD, /* rows have moved: forget the collection and read it again; err says what was seen */
	PAGER_FAIL,   /* cannot be read completely; err says why */
};

/* A collection to be read in pages of limit rows. Twice: its signs of an end are known to contradict one another;
 * totals are not listened to, and two readings that agree take their place. */
struct pager *pager_new(unsigned limit, bool twice);
void pager_free(struct pager *pager);

/* Begins again at the first row. With another limit, an order that depends on the page size shows itself. What the
 * readings before found out of the server's way of paging stays known. */
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

/* Why one reading is no proof, and a second one with other pages has to agree in every row; NULL if it is one. Once
 * pager_done. */
const char *pager_doubt(const struct pager *pager);

/* True if some reading had more rows than the total it stated. */
bool pager_total_broken(const struct pager *pager);

/* Readings in this way of paging do not agree: the next restart tries another one. */
void pager_reject(struct pager *pager);

/* True if the way of paging is a guess that nothing in the answers confirms: readings that agree count only if their
 * pages ended at other places. */
bool pager_is_guess(const struct pager *pager);

/* Where the pages ended: two readings with the same borders show the same mistakes of an unstable order. 0: there was
 * only one page. */
uint64_t pager_borders(const struct pager *pager);

/* The way of paging that is tried, for the report and for pages that are kept; "" for offsets of rows and cursors. */
const char *pager_way(const struct pager *pager);

/* Pages of an earlier run were judged: the first one is asked for once more, to see that it is still the same. */
void pager_check_first(struct pager *pager);

/* The evidence so far: what the answers said. Valid until the next call of any function. */
const char *pager_evidence(struct pager *pager);

#endif

/*
 * A page of a collection on its way: its request, its parser, its rows. A transaction: page_keep moves the rows of a
 * whole page to the row files, page_drop forgets them; nothing that an answer does before that can be seen elsewhere.
 * Says what became of the request; what to do about it is for collect.c.
 */
#ifndef CMD_PAGE_H
#define CMD_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "cmd/collect.h"
#include "convert/plan.h"
#include "fetch/pager.h"

/* What all pages of one collection share; borrowed. */
struct page_shape {
	struct collect *collect;
	const char *endpoint;                             /* behind the data address */
	const struct table *tables[1 + COLLECT_MADE_MAX]; /* the one that is read, then those made from its records */
	size_t table_count;
	const struct plan *plan;
	const char *since; /* only rows changed since then are asked for; NULL: all */
};

/* What became of a request. All but PAGE_ANSWER set err to what an administrator should hear of it. */
enum page_outcome {
	PAGE_ANSWER,    /* an answer for the pager */
	PAGE_AGAIN,     /* worth asking again, after a while */
	PAGE_ONCE_MORE, /* a refusal of the whole collection: believed when it comes again; see page_denial */
	PAGE_SMALLER,   /* the same, and if it happens again with a smaller page */
	PAGE_UNWELCOME, /* the server does not like the request: perhaps without what it does not need */
	PAGE_REFUSED,   /* the server does not give this collection to us */
	PAGE_UNKNOWN,   /* the server does not offer this collection */
	PAGE_FAILED,
};

struct page;

struct page *page_new(const struct page_shape *shape); /* never NULL */
void page_free(struct page *page);

/* Gives the page a place in the collection. No tries so far. */
void page_begin(struct page *page, const struct pager_page *place);
const struct pager_page *page_place(const struct page *page);

/* Asks the server; sorted: for rows in order of sourcedId. Not while a request runs. */
bool page_start(struct page *page, bool sorted, struct err *err);

/* Reads page number of the store's reading of this endpoint in place of a request; place comes from there. Judged:
 * the answer is for the pager, so what was said beside the rows is needed too. False when it is damaged. */
bool page_recall(struct page *page, size_t number, bool judged, struct pager_answer *answer, struct err *err);

/* A request that the server does not accept, whatever was left out of it: true if that may be its way to say that the
 * rows end before this page, which the pager judges. */
bool page_take_refusal(struct page *page);

/* What a refusal that is asked about once more comes to if there is no time for that: PAGE_REFUSED or PAGE_UNKNOWN. */
enum page_outcome page_denial(const struct page *page);

/* The page a finished transfer belongs to. */
struct page *page_of(const struct http_transfer *transfer);

/* Whether the finished request brought a whole answer that is no refusal, as far as that shows at once. */
bool page_promising(const struct page *page);

/* Looks at the answer of the finished request. First: no page of the collection has been kept so far. For PAGE_AGAIN
 * and PAGE_SMALLER, wait is how long to leave the server alone, in milliseconds, and everything tells whether all
 * requests should. */
enum page_outcome page_hear(struct page *page, bool first, int64_t *wait, bool *everything, struct err *err);

/* The facts for the pager; ids live until the page changes. rows were received before this page. */
struct pager_answer page_answer(struct page *page, uint64_t rows);

/* Milliseconds that the finished request took, without connecting. */
int64_t page_ms(const struct page *page);

/* Moves the rows to files (one for each table of the shape), adds their counts to values, and all its rows to order.
 * A page that was asked for goes into the store, if there is one. */
bool page_keep(struct page *page, struct rowfile *const *files, struct collection *results, struct digest *order,
	struct err *err);

/* Forgets rows and request; a request that runs is cancelled. */
void page_drop(struct page *page);

unsigned page_tries(const struct page *page);

#endif

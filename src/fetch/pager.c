#include "fetch/pager.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum total_state {
	TOTAL_UNKNOWN,
	TOTAL_STATED,   /* the same on every page so far */
	TOTAL_PER_PAGE, /* the server counts the page: worth nothing */
};

enum stage {
	STAGE_READING,
	STAGE_CONFIRM, /* all seems read: an empty page is to confirm it */
	STAGE_PROBE,   /* the same page came twice: does a smaller limit change it? */
	STAGE_DONE,
};

enum { TEXT_MAX = 16 * 1024 * 1024 }; /* of rows and addresses */

struct pager {
	unsigned limit;
	enum stage stage;
	uint64_t offset; /* rows received and judged: where the next page has to begin */
	uint64_t asked;  /* where the next page to ask for begins, if all on the way are as large as expected */
	uint64_t step;   /* rows of the latest page */
	uint64_t pages;
	uint64_t overlaps;
	uint64_t largest;
	unsigned age;
	bool end_asked;  /* a page behind the total is on the way */
	bool no_overlap; /* pages of one row: asking one row early would stand still */
	bool ascending;
	enum total_state total_state;
	uint64_t total;
	struct buf first; /* whole rows of the latest page with rows: copies of an id may differ in the rest */
	struct buf last;
	struct buf last_id;
	uint64_t first_page_rows;
	bool first_is_last; /* the links of the first page name no next one */
	bool by_cursor;
	uint64_t empty;    /* pages in a row without rows, by links */
	struct buf cursor; /* address of the next page */
	struct buf mark;   /* an earlier one: seen again, the links run in a circle */
	uint64_t mark_at;  /* pages after which mark moves on; doubles, so every circle is found */
	char proof[256];
};

struct pager *pager_new(unsigned limit)
{
	struct pager *pager = mem_new(1, sizeof(*pager));
	buf_init(&pager->first, TEXT_MAX);
	buf_init(&pager->last, TEXT_MAX);
	buf_init(&pager->last_id, TEXT_MAX);
	buf_init(&pager->cursor, TEXT_MAX);
	buf_init(&pager->mark, TEXT_MAX);
	pager_restart(pager, limit);
	return pager;
}

void pager_free(struct pager *pager)
{
	if (pager == NULL)
		return;
	buf_release(&pager->first);
	buf_release(&pager->last);
	buf_release(&pager->last_id);
	buf_release(&pager->cursor);
	buf_release(&pager->mark);
	free(pager);
}

void pager_restart(struct pager *pager, unsigned limit)
{
	assert(limit > 0);
	pager->limit = limit;
	pager->stage = STAGE_READING;
	pager->offset = 0;
	pager->asked = 0;
	pager->end_asked = false;
	pager->step = 0;
	pager->pages = 0;
	pager->overlaps = 0;
	pager->largest = 0;
	pager->age++;
	pager->no_overlap = false;
	pager->ascending = true;
	pager->total_state = TOTAL_UNKNOWN;
	pager->total = 0;
	buf_clear(&pager->first);
	buf_clear(&pager->last);
	buf_clear(&pager->last_id);
	pager->first_page_rows = 0;
	pager->first_is_last = false;
	pager->by_cursor = false;
	pager->empty = 0;
	buf_clear(&pager->cursor);
	buf_clear(&pager->mark);
	pager->mark_at = 1;
	pager->proof[0] = '\0';
}

/* What was asked ahead stands at the wrong offset. */
static void forget_asked(struct pager *pager)
{
	pager->asked = pager->offset;
	pager->end_asked = false;
	pager->age++;
}

bool pager_next(struct pager *pager, size_t on_the_way, struct pager_page *page)
{
	*page = (struct pager_page){.offset = pager->asked, .limit = pager->limit, .age = pager->age};
	if (pager->by_cursor) {
		page->offset = pager->offset;
		page->url = buf_text(&pager->cursor);
		return pager->stage != STAGE_DONE && on_the_way == 0;
	}
	switch (pager->stage) {
	case STAGE_DONE: return false;
	case STAGE_CONFIRM: return on_the_way == 0;
	case STAGE_PROBE:
		page->probe = true;
		page->limit = (unsigned)(pager->step / 2);
		return on_the_way == 0;
	case STAGE_READING: break;
	}
	/* Asking ahead needs to know where pages will begin, and that there are more. */
	bool stated = pager->pages > 0 && pager->total_state == TOTAL_STATED;
	bool end = stated && pager->asked >= pager->total;
	if (end ? pager->end_asked : !stated && on_the_way > 0)
		return false;
	if (end) {
		pager->end_asked = true;
		page->next = page->offset;
		return true;
	}
	page->overlap = pager->asked > 0 && pager->limit > 1 && !pager->no_overlap;
	if (page->overlap)
		page->offset--;
	page->next = page->offset + (pager->pages > 0 ? pager->step : pager->limit);
	if (stated && page->next > pager->total)
		page->next = pager->total;
	pager->asked = page->next;
	return true;
}

static bool same(const struct buf *id, const char *text, size_t length)
{
	return text != NULL && id->length == length && memcmp(buf_text(id), text, length) == 0;
}

static void keep(struct buf *id, const char *text, size_t length)
{
	buf_clear(id);
	buf_add(id, text, length);
}

static bool same_first(const struct buf *row, const struct pager_answer *answer)
{
	return answer->first_row != NULL ? same(row, answer->first_row, answer->first_row_length)
					 : same(row, answer->first, answer->first_length);
}

static bool same_last(const struct buf *row, const struct pager_answer *answer)
{
	return answer->last_row != NULL ? same(row, answer->last_row, answer->last_row_length)
					: same(row, answer->last, answer->last_length);
}

static void keep_rows(struct pager *pager, const struct pager_answer *answer)
{
	bool whole = answer->first_row != NULL && answer->last_row != NULL;
	keep(&pager->first, whole ? answer->first_row : answer->first,
		whole ? answer->first_row_length : answer->first_length);
	keep(&pager->last, whole ? answer->last_row : answer->last,
		whole ? answer->last_row_length : answer->last_length);
	keep(&pager->last_id, answer->last, answer->last_length);
}

static enum pager_verdict done(struct pager *pager, enum pager_verdict verdict, const char *proof)
{
	pager->stage = STAGE_DONE;
	snprintf(pager->proof, sizeof(pager->proof), "%" PRIu64 " rows: %s%s%s", pager->offset, proof,
		pager->overlaps > 0 ? "; every page began with the last row of the page before" : "",
		pager->offset > 1 && pager->ascending ? "; in order of sourcedId" : "");
	return verdict;
}

static enum pager_verdict moved(struct err *err, const char *what)
{
	err_set(err, ERR_API, "the rows changed while they were read: %s", what);
	return PAGER_REREAD;
}

/* The server sends the same whatever it is asked for. That is all it has, unless its total says otherwise. */
static enum pager_verdict all_at_once(struct pager *pager, const char *proof, struct err *err)
{
	if (pager->total_state != TOTAL_STATED || pager->total == pager->offset)
		return done(pager, PAGER_SKIP, proof);
	err_set(err, ERR_API,
		"the server states a total of %" PRIu64 " rows but sends the same %" PRIu64 " whatever it is asked for",
		pager->total, pager->offset);
	err_hint(err, "Ask the maker of the SIS to make paging work");
	return PAGER_FAIL;
}

/* Whether an answer is the page before once more. */
static bool is_same_page(const struct pager *pager, const struct pager_answer *answer)
{
	return answer->rows == pager->step && same_first(&pager->first, answer) && same_last(&pager->last, answer);
}

/* The page before came once more although the offset moved. */
static enum pager_verdict offset_ignored(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	bool same_page = is_same_page(pager, answer);
	if (pager->pages == 1 && same_page && answer->rows > page->limit)
		return all_at_once(pager, "the server sends everything at once, and did so twice", err);
	if (pager->pages == 1 && same_page && !page->probe && answer->rows > 1) {
		pager->stage = STAGE_PROBE;
		return PAGER_SKIP;
	}
	if (pager->pages == 1 && same_page && answer->rows == 1)
		return all_at_once(pager, "the server sends this one whatever it is asked for", err);
	if (pager->pages == 1 && pager->first_is_last && pager->step < pager->limit)
		return all_at_once(pager, "the server's links tell of no other page", err);
	err_set(err, ERR_API,
		"the server sends the same rows whatever offset it is asked for, so it cannot be read page by page");
	err_hint(err, "Ask the maker of the SIS to make paging work");
	return PAGER_FAIL;
}

/* Takes note of a total. What speaks against it being the number of rows of the collection is told by the result. */
static enum pager_verdict hear_total(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	if (!answer->has_total || pager->total_state == TOTAL_PER_PAGE)
		return PAGER_KEEP;
	if (pager->total_state == TOTAL_UNKNOWN) {
		pager->total_state = TOTAL_STATED;
		pager->total = answer->total;
	} else if (answer->total != pager->total) {
		if (pager->total == pager->first_page_rows && answer->total == answer->rows) {
			pager->total_state = TOTAL_PER_PAGE;
			return PAGER_KEEP;
		}
		err_set(err, ERR_API,
			"the rows changed while they were read: the server's total went from %" PRIu64 " to %" PRIu64,
			pager->total, answer->total);
		return PAGER_REREAD;
	}
	return PAGER_KEEP;
}

/* More rows than the total: it was the number of rows of a page, or it is wrong. */
static enum pager_verdict total_passed(struct pager *pager, struct err *err)
{
	if (pager->total == pager->first_page_rows) {
		pager->total_state = TOTAL_PER_PAGE;
		forget_asked(pager);
		return PAGER_KEEP;
	}
	err_set(err, ERR_API, "the server states a total of %" PRIu64 " rows and sends more", pager->total);
	return PAGER_REREAD;
}

static enum pager_verdict ended(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	if (pager->total_state == TOTAL_STATED && pager->total != pager->offset) {
		err_set(err, ERR_API, "the server states a total of %" PRIu64 " rows but sends only %" PRIu64,
			pager->total, pager->offset);
		return PAGER_REREAD;
	}
	if (pager->total_state == TOTAL_STATED)
		return done(pager, PAGER_SKIP, "the server's total, and nothing behind them");
	return done(pager, PAGER_SKIP,
		answer->past_end ? "the server refuses what is behind them" : "an empty page came behind them");
}

/* Checks an answer against the page before it. */
static enum pager_verdict continuity(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	if (page->overlap && answer->rows == 0)
		return moved(err, "the last row of a page was gone when the next one was asked for");
	if (page->overlap && same_first(&pager->last, answer))
		return PAGER_KEEP;
	if (page->offset > 0 && is_same_page(pager, answer))
		return offset_ignored(pager, page, answer, err);
	if (page->overlap)
		return moved(err, "a page did not begin where the page before it ended");
	return PAGER_KEEP;
}

static bool ascends(const struct pager *pager, const struct pager_page *page, const struct pager_answer *answer)
{
	if (!answer->ascending || pager->offset == 0 || page->overlap || answer->rows == 0)
		return answer->ascending;
	size_t shorter = pager->last_id.length < answer->first_length ? pager->last_id.length : answer->first_length;
	int order = memcmp(buf_text(&pager->last_id), answer->first, shorter);
	return order < 0 || (order == 0 && pager->last_id.length < answer->first_length);
}

/* Whether a page was asked for without the last row of the page before, only to see that there is nothing. */
static bool is_blind(const struct pager *pager, const struct pager_page *page)
{
	return pager->stage == STAGE_READING && page->offset > 0 && !page->overlap && pager->limit > 1 &&
	       !pager->no_overlap;
}

/* The rows of the answer are the ones that were wanted: counts them in, and sees whether they are the last. */
static enum pager_verdict advance(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	uint64_t fresh = answer->rows - (page->overlap ? 1 : 0);
	if (fresh == 0 && page->overlap) {
		/* Only the row that was known already. An empty page has to confirm the end: a server that sends one
		 * row at a time would look the same. */
		pager->stage = STAGE_CONFIRM;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	if (fresh == 0)
		return ended(pager, answer, err);
	if (is_blind(pager, page)) {
		/* Rows where the end was to be. Whether they follow the last row does not show: ask them with a look
		 * back. */
		if (pager->total_state == TOTAL_STATED && total_passed(pager, err) != PAGER_KEEP)
			return PAGER_REREAD;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	bool no_end = pager->stage == STAGE_CONFIRM; /* there is more, where an empty page was to confirm the end */
	if (no_end) {
		pager->stage = STAGE_READING;
		pager->no_overlap = pager->step == 1;
	}
	pager->ascending = pager->ascending && ascends(pager, page, answer);
	if (pager->pages == 0) {
		pager->first_page_rows = answer->rows;
		pager->first_is_last = answer->links && answer->next_url == NULL && !answer->link_next;
	}
	pager->pages++;
	pager->offset += fresh;
	pager->overlaps += page->overlap ? 1 : 0;
	pager->step = answer->rows;
	if (answer->rows > pager->largest)
		pager->largest = answer->rows;
	keep_rows(pager, answer);
	if (pager->offset > PAGER_ROWS_MAX || pager->pages > PAGER_PAGES_MAX) {
		err_set(err, ERR_API, "the server sends rows without end (%" PRIu64 " in %" PRIu64 " pages)",
			pager->offset, pager->pages);
		return PAGER_FAIL;
	}
	if (pager->total_state == TOTAL_STATED && pager->offset > pager->total)
		return total_passed(pager, err);
	if (pager->offset != page->next || no_end)
		forget_asked(pager);
	return PAGER_KEEP;
}

/* The link to the page behind this one. False when the links run in a circle. */
static bool follow(struct pager *pager, const char *url)
{
	if (pager->mark.length > 0 && strcmp(buf_text(&pager->mark), url) == 0)
		return false;
	if (pager->pages >= pager->mark_at) {
		keep(&pager->mark, url, strlen(url));
		pager->mark_at = pager->pages * 2;
	}
	keep(&pager->cursor, url, strlen(url));
	return true;
}

static enum pager_verdict advance_cursor(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	pager->by_cursor = true;
	pager->ascending = pager->ascending && ascends(pager, page, answer);
	if (pager->pages == 0)
		pager->first_page_rows = answer->rows;
	bool repeated = pager->pages > 0 && is_same_page(pager, answer);
	pager->pages++;
	pager->offset += answer->rows;
	if (pager->total_state == TOTAL_STATED && pager->offset > pager->total &&
		pager->total == pager->first_page_rows)
		pager->total_state = TOTAL_PER_PAGE;
	pager->largest = answer->rows > pager->largest ? answer->rows : pager->largest;
	if (answer->next_url != NULL && (repeated || pager->offset > PAGER_ROWS_MAX || pager->pages > PAGER_PAGES_MAX ||
						!follow(pager, answer->next_url))) {
		err_set(err, ERR_API, "the server's links to the next page run in a circle");
		return PAGER_FAIL;
	}
	pager->empty = answer->rows > 0 ? 0 : pager->empty + 1;
	if (answer->next_url != NULL && pager->empty > PAGER_EMPTY_MAX) {
		err_set(err, ERR_API, "the server's links lead from one empty page to the next, more than %d times",
			PAGER_EMPTY_MAX);
		return PAGER_FAIL;
	}
	if (answer->rows > 0) {
		pager->step = answer->rows;
		keep_rows(pager, answer);
	}
	if (answer->next_url != NULL)
		return PAGER_KEEP;
	if (pager->total_state == TOTAL_STATED && pager->total != pager->offset)
		return ended(pager, answer, err);
	return done(pager, PAGER_KEEP,
		pager->total_state == TOTAL_STATED ? "the server's total, by its links"
						   : "the last of the server's links");
}

enum pager_verdict pager_judge(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	assert(page->age == pager->age);
	if (answer->has_count && answer->count != answer->rows && !answer->past_end) {
		err_set(err, ERR_API, "the server says that the page has %" PRIu64 " rows but sends %" PRIu64,
			answer->count, answer->rows);
		return PAGER_AGAIN;
	}
	if (page->probe) {
		if (answer->rows == pager->step && same_last(&pager->last, answer))
			return all_at_once(pager, "the server sends everything at once, whatever it is asked for", err);
		return offset_ignored(pager, page, answer, err);
	}
	enum pager_verdict verdict = hear_total(pager, answer, err);
	if (verdict == PAGER_KEEP && (pager->by_cursor || (pager->pages == 0 && answer->next_url != NULL)))
		return advance_cursor(pager, page, answer, err);
	if (verdict == PAGER_KEEP)
		verdict = continuity(pager, page, answer, err);
	return verdict == PAGER_KEEP ? advance(pager, page, answer, err) : verdict;
}

bool pager_shrink(struct pager *pager)
{
	if (pager->limit <= PAGER_LIMIT_MIN)
		return false;
	pager->limit = pager->limit / 2 > PAGER_LIMIT_MIN ? pager->limit / 2 : PAGER_LIMIT_MIN;
	if (pager->step > pager->limit)
		pager->step = pager->limit;
	forget_asked(pager);
	return true;
}

void pager_set_limit(struct pager *pager, unsigned limit)
{
	if (limit > 0 && limit < pager->limit)
		pager->limit = limit;
}

bool pager_done(const struct pager *pager)
{
	return pager->stage == STAGE_DONE;
}

unsigned pager_age(const struct pager *pager)
{
	return pager->age;
}

unsigned pager_limit(const struct pager *pager)
{
	return pager->limit;
}

uint64_t pager_rows(const struct pager *pager)
{
	return pager->offset;
}

uint64_t pager_overlaps(const struct pager *pager)
{
	return pager->overlaps;
}

uint64_t pager_largest(const struct pager *pager)
{
	return pager->largest;
}

bool pager_total(const struct pager *pager, uint64_t *total)
{
	*total = pager->total;
	return pager->total_state == TOTAL_STATED;
}

const char *pager_proof(const struct pager *pager)
{
	return pager->proof;
}

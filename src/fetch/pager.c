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
	STAGE_CONFIRM,   /* all seems read: an empty page is to confirm it */
	STAGE_LOOK_BACK, /* a weak end: is the last row really the last of its page? */
	STAGE_BACKWARDS, /* a refusal at a round number: does the last row come first in descending order? */
	STAGE_FAR,       /* an empty page speaks of a next one: does every page? */
	STAGE_GAP,       /* empty pages are followed */
	STAGE_PROBE,     /* the same page came twice: does a smaller limit change it? */
	STAGE_DONE,
};

/* What an offset means to the server, in the order in which it is tried. */
enum way {
	WAY_ROWS,
	WAY_PAGES, /* page=N in place of it */
	WAY_LINKS, /* whatever its links say */
	WAY_WHOLE, /* rows, in whole pages */
	WAY_ONE,   /* rows, counted from 1 */
	WAY_NUMBER /* pages */
};

enum {
	WAY_COUNT = WAY_NUMBER + 1,
	TEXT_MAX = 16 * 1024 * 1024, /* of rows and addresses */
	MOVED_EARLY_MAX = 2,         /* readings that break off at the second page before another way is tried */
	GAP_LINEAR = 4,              /* empty pages followed one by one where every answer says that there is more */
	DEFAULT_LIMIT = 100,         /* what a server gives to whoever names none (1.1, 3.4.1) */
};

/* What was seen, for the report. */
struct seen {
	uint64_t answers;
	uint64_t more;    /* answers that speak of a next page */
	uint64_t totals;  /* answers with a total */
	uint64_t least;   /* of the totals */
	uint64_t most;    /* of them */
	uint64_t empty;   /* empty lists */
	uint64_t no_list; /* answers without a list */
	long refused;     /* the latest refusal */
};

struct pager {
	size_t asked_count;
	uint64_t offset; /* rows received and judged: where the next page has to begin */
	uint64_t asked;  /* where the next page to ask for begins, if all on the way are as large as expected */
	uint64_t step;   /* rows of the latest page */
	uint64_t pages;
	uint64_t overlaps;
	uint64_t largest;
	uint64_t borders;
	uint64_t total;
	struct buf first; /* whole rows of the latest page with rows: copies of an id may differ in the rest */
	struct buf last;
	struct buf last_id;
	struct buf origin_first; /* of the first page */
	struct buf origin_last;
	struct buf zero_first; /* the first row that some reading got for offset 0 */
	uint64_t first_page_rows;
	uint64_t link_offset;
	uint64_t link_step; /* how far the latest link led */
	uint64_t link_said; /* the offset of the latest page's link; 0: none */
	uint64_t gap_at;    /* where the next page is looked for */
	uint64_t gap_step;  /* how far the one after that is */
	uint64_t gap_count; /* empty pages in a row */
	long gap_refused;
	uint64_t empty;      /* pages in a row without rows, by links */
	struct buf cursor;   /* address of the next page */
	struct buf mark;     /* an earlier one: seen again, the links run in a circle */
	struct buf mark_row; /* the first row of an earlier page, for the same reason */
	uint64_t mark_rows;  /* rows of that page */
	uint64_t mark_at;    /* pages after which the marks move on; doubles, so every circle is found */
	const char *doubt;
	struct seen seen;
	unsigned limit;
	enum stage stage;
	enum way way;
	unsigned earlys; /* readings in a row that did */
	unsigned asked_limits[PAGER_ASKED_MAX];
	unsigned age;
	enum total_state total_state;
	enum pager_list list;
	unsigned first_limit;
	bool twice;
	bool ways_over; /* all were tried */
	bool early;     /* this reading broke off at the second page */
	bool numbered;  /* what was seen that makes a way worth trying */
	bool linked;
	bool more_ever;    /* some page of some reading spoke of a next one */
	bool total_broken; /* a reading had more rows than its total */
	bool filtered;     /* rows are left out after paging: only links tell where pages begin */
	bool cut_before;   /* a reading had just as many rows as were asked for */
	bool end_asked;    /* a page after the total is on the way */
	bool no_overlap;   /* pages of one row: asking one row early would stand still */
	bool others;       /* rows that are not in the first page were seen */
	bool peek;         /* the first page had more rows than were asked for, or one: are they all? */
	bool confirmed;    /* the end came twice where there is nothing to look back at */
	bool ascending;
	bool alone;      /* a page that looked back held the last row and nothing else */
	bool strong;     /* what is looked back from is an empty list */
	bool weak_asked; /* a weak answer was asked for once more */
	bool always;     /* every answer says that there is more, even far away */
	bool shortened;  /* the latest page of a way without a look back was shorter than the first */
	bool check_first;
	bool first_is_last; /* the links of the first page name no next one */
	bool first_more;    /* something says that there is a next page after the first */
	bool number_base;   /* numbers of pages begin with 1: 0 and 1 are the same */
	bool last_more;     /* the latest page with rows speaks of a next one */
	bool beyond;        /* the page after the last one that links speak of is on the way */
	bool by_cursor;
	bool positional;
	char proof[320];
	char evidence[400];
};

struct pager *pager_new(unsigned limit, bool twice)
{
	struct pager *pager = mem_new(1, sizeof(*pager));
	pager->twice = twice;
	struct buf *const texts[] = {&pager->first, &pager->last, &pager->last_id, &pager->origin_first,
		&pager->origin_last, &pager->zero_first, &pager->cursor, &pager->mark, &pager->mark_row};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		buf_init(texts[i], TEXT_MAX);
	pager->stage = STAGE_DONE; /* nothing went wrong so far */
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
	buf_release(&pager->origin_first);
	buf_release(&pager->origin_last);
	buf_release(&pager->zero_first);
	buf_release(&pager->cursor);
	buf_release(&pager->mark);
	buf_release(&pager->mark_row);
	free(pager);
}

/* True if the page after this way's is asked for without a look back. */
static bool is_blind_way(enum way way)
{
	return way == WAY_PAGES || way == WAY_LINKS || way == WAY_WHOLE || way == WAY_NUMBER;
}

/* Goes on to the next way that something speaks for. After the last one it is offsets of rows again, for good. */
static void next_way(struct pager *pager)
{
	do
		pager->way = (enum way)(((unsigned)pager->way + 1) % WAY_COUNT);
	while ((pager->way == WAY_PAGES && !pager->numbered) || (pager->way == WAY_LINKS && !pager->linked));
	pager->ways_over = pager->way == WAY_ROWS;
	pager->earlys = 0;
}

/* Decides in which way the collection is read after a reading that did not end. */
static void choose_way(struct pager *pager)
{
	if (pager->stage == STAGE_DONE || pager->ways_over)
		return;
	if (pager->filtered && pager->way == WAY_ROWS) {
		pager->way = WAY_LINKS;
		return;
	}
	pager->earlys = pager->early ? pager->earlys + 1 : 0;
	if (pager->way != WAY_ROWS || pager->earlys >= MOVED_EARLY_MAX)
		next_way(pager);
}

void pager_restart(struct pager *pager, unsigned limit)
{
	assert(limit > 0);
	choose_way(pager);
	bool back = !is_blind_way(pager->way);
	pager->limit = back && limit < PAGER_LIMIT_LEAST ? PAGER_LIMIT_LEAST : limit;
	pager->stage = STAGE_READING;
	pager->early = false;
	pager->offset = 0;
	pager->asked = 0;
	pager->end_asked = false;
	pager->step = 0;
	pager->pages = 0;
	pager->overlaps = 0;
	pager->largest = 0;
	pager->borders = 0;
	pager->age++;
	pager->no_overlap = false;
	pager->peek = false;
	pager->confirmed = false;
	pager->others = false;
	pager->ascending = true;
	pager->alone = false;
	pager->weak_asked = false;
	pager->always = false;
	pager->shortened = false;
	pager->total_state = TOTAL_UNKNOWN;
	pager->total = 0;
	buf_clear(&pager->first);
	buf_clear(&pager->last);
	buf_clear(&pager->last_id);
	buf_clear(&pager->origin_first);
	buf_clear(&pager->origin_last);
	pager->check_first = false;
	pager->first_page_rows = 0;
	pager->first_is_last = false;
	pager->first_more = false;
	pager->number_base = false;
	pager->link_offset = 0;
	pager->link_step = 0;
	pager->link_said = 0;
	pager->last_more = false;
	pager->beyond = false;
	pager->gap_count = 0;
	pager->by_cursor = false;
	pager->positional = false;
	pager->empty = 0;
	buf_clear(&pager->cursor);
	buf_clear(&pager->mark);
	buf_clear(&pager->mark_row);
	pager->mark_rows = 0;
	pager->mark_at = 1;
	pager->doubt = NULL;
	pager->seen = (struct seen){0};
	pager->proof[0] = '\0';
}

/* What was asked ahead stands at the wrong offset. */
static void forget_asked(struct pager *pager)
{
	pager->asked = pager->offset;
	pager->end_asked = false;
	pager->age++;
}

/* Remembers with which limits the server was asked. */
static void note_limit(struct pager *pager, unsigned limit)
{
	for (size_t i = 0; i < pager->asked_count; i++)
		if (pager->asked_limits[i] == limit)
			return;
	if (pager->asked_count < PAGER_ASKED_MAX)
		pager->asked_limits[pager->asked_count++] = limit;
}

/* The offset to send for a row. */
static uint64_t sent(const struct pager *pager, uint64_t row)
{
	return row + (pager->way == WAY_ONE ? 1 : 0);
}

/* Fills the next page of a way that gives nothing to look back at. */
static void next_blind(const struct pager *pager, struct pager_page *page)
{
	uint64_t number = pager->pages + (pager->number_base ? 1 : 0);
	switch (pager->way) {
	case WAY_PAGES: page->number = pager->pages + 1; break;
	case WAY_LINKS: page->offset = pager->link_offset; break;
	case WAY_WHOLE: page->offset = pager->pages * pager->first_page_rows; break;
	default: page->offset = number; break;
	}
	page->next = page->offset;
}

/* Fills a page that asks one thing. */
static bool next_question(const struct pager *pager, struct pager_page *page)
{
	switch (pager->stage) {
	case STAGE_CONFIRM: break;
	case STAGE_LOOK_BACK:
		page->offset = sent(pager, pager->offset - 1);
		page->overlap = true;
		page->next = pager->offset;
		break;
	case STAGE_BACKWARDS:
		page->offset = 0;
		page->limit = PAGER_LIMIT_LEAST;
		page->probe = true;
		page->backwards = true;
		break;
	case STAGE_FAR:
		page->offset = pager->gap_at + PAGER_FAR;
		page->probe = true;
		break;
	case STAGE_GAP: page->offset = pager->gap_at; break;
	default:
		page->offset = sent(pager, pager->offset + 1);
		page->limit = pager->step > 1 ? (unsigned)(pager->step / 2) : 1;
		page->probe = true;
		break;
	}
	return true;
}

bool pager_next(struct pager *pager, size_t on_the_way, struct pager_page *page)
{
	*page = (struct pager_page){.offset = sent(pager, pager->asked), .limit = pager->limit, .age = pager->age};
	if (pager->stage == STAGE_DONE)
		return false;
	if (pager->check_first) {
		page->offset = pager->way == WAY_ONE ? 1 : 0;
		page->limit = pager->first_limit;
		page->probe = true;
		return on_the_way == 0;
	}
	note_limit(pager, pager->limit);
	if (pager->by_cursor) {
		page->offset = pager->offset;
		page->url = buf_text(&pager->cursor);
		return on_the_way == 0;
	}
	if (is_blind_way(pager->way)) {
		next_blind(pager, page);
		return on_the_way == 0;
	}
	if (pager->stage != STAGE_READING)
		return on_the_way == 0 && next_question(pager, page);
	/* Asking ahead needs to know where pages will begin, and that there are more. */
	bool stated = pager->pages > 0 && pager->total_state == TOTAL_STATED;
	bool end = stated && pager->asked >= pager->total;
	if (end ? pager->end_asked : !stated && on_the_way > 0)
		return false;
	if (end) {
		pager->end_asked = true;
		page->next = pager->asked;
		return true;
	}
	page->overlap = pager->asked > 0 && !pager->no_overlap && !pager->peek;
	uint64_t from = pager->asked - (page->overlap ? 1 : 0);
	page->offset = sent(pager, from);
	page->next = from + (pager->pages > 0 ? pager->step : pager->limit);
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
	if (pager->pages > 0)
		return;
	keep(&pager->origin_first, buf_text(&pager->first), pager->first.length);
	keep(&pager->origin_last, buf_text(&pager->last), pager->last.length);
	if (pager->way == WAY_ROWS)
		keep(&pager->zero_first, buf_text(&pager->first), pager->first.length);
}

/* One reading is not enough, and why. The first doubt counts. */
static void doubt(struct pager *pager, const char *why)
{
	if (pager->doubt == NULL)
		pager->doubt = why;
}

static enum pager_verdict done(struct pager *pager, enum pager_verdict verdict, const char *proof)
{
	pager->stage = STAGE_DONE;
	if (pager->twice)
		doubt(pager, "its signs of an end contradict one another (read-twice)");
	snprintf(pager->proof, sizeof(pager->proof), "%" PRIu64 " rows: %s%s%s%s%s", pager->offset, proof,
		pager->overlaps > 0 ? "; every page began with the last row of the page before" : "",
		pager->offset > 1 && pager->ascending ? "; in order of sourcedId" : "",
		pager->doubt != NULL ? "; read twice with the same result, as " : "",
		pager->doubt != NULL ? pager->doubt : "");
	return verdict;
}

static enum pager_verdict moved(struct pager *pager, struct err *err, const char *what)
{
	err_set(err, ERR_API, "the rows changed while they were read: %s", what);
	pager->early = pager->pages == 1;
	/* A link that leads further than the rows: some were left out of the page. */
	pager->filtered = pager->filtered || pager->link_said > pager->offset;
	return PAGER_REREAD;
}

/* This way of paging is not the server's. */
static enum pager_verdict not_this_way(struct pager *pager, struct err *err)
{
	if (pager->way == WAY_ROWS && !pager->ways_over) {
		pager->early = true;
		pager->earlys = MOVED_EARLY_MAX;
	}
	err_set(err, ERR_API,
		"the server sends the same rows whatever offset it is asked for, so it cannot be read page by page");
	err_hint(err, "Ask the maker of the SIS to make paging work");
	return pager->ways_over ? PAGER_FAIL : PAGER_REREAD;
}

/* True if the server, or a cache before it, may have cut the rows at a limit that somebody asked for. */
static bool is_a_limit(const struct pager *pager, uint64_t rows)
{
	bool asked = rows == DEFAULT_LIMIT;
	for (size_t i = 0; i < pager->asked_count; i++)
		asked = asked || pager->asked_limits[i] == rows;
	return asked;
}

/* With another limit a server that pages by cursors shows its links. */
static enum pager_verdict just_a_limit(struct pager *pager, struct err *err)
{
	pager->cut_before = true;
	err_set(err, ERR_API, "the server sends exactly as many rows as it was asked for, whatever the offset");
	return PAGER_REREAD;
}

/* The server sends the same whatever it is asked for. That is all it has, unless something says otherwise. */
static enum pager_verdict all_at_once(
	struct pager *pager, const struct pager_answer *answer, const char *proof, struct err *err)
{
	if (pager->total_state == TOTAL_STATED && pager->total != pager->offset) {
		err_set(err, ERR_API,
			"the server states a total of %" PRIu64 " rows but sends the same %" PRIu64
			" whatever it is asked for",
			pager->total, pager->offset);
		err_hint(err, "Ask the maker of the SIS to make paging work");
		return pager->ways_over ? PAGER_FAIL : not_this_way(pager, err);
	}
	if (pager->way != WAY_ROWS)
		return not_this_way(pager, err);
	/* Of a smaller page that was asked for, it would be true. */
	bool more = pager->first_more || pager->more_ever || (answer->more && answer->rows >= pager->step);
	bool cut = is_a_limit(pager, pager->offset);
	if (!more && !cut && !pager->others)
		return done(pager, PAGER_SKIP, proof);
	if (!more && !pager->others && !pager->cut_before)
		return just_a_limit(pager, err);
	return not_this_way(pager, err);
}

/* True if an answer is the page before once more. */
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
		return all_at_once(pager, answer, "the server sends everything at once, and did so twice", err);
	if (pager->pages == 1 && same_page && !page->probe) {
		pager->stage = STAGE_PROBE;
		return PAGER_SKIP;
	}
	/* Of fewer rows it says that there are more: it would have said so of the whole page. */
	bool total_fits = pager->total_state != TOTAL_STATED || pager->total == pager->offset;
	bool honest = page->probe && answer->rows < pager->step && answer->more && !pager->first_more && total_fits &&
		      same_first(&pager->first, answer);
	if (honest && pager->step < pager->first_limit && !pager->others)
		return done(pager, PAGER_SKIP, "the server says when there is more, and of this page it does not");
	if (honest && !pager->cut_before)
		return just_a_limit(pager, err);
	if (pager->pages == 1 && pager->first_is_last && pager->step < pager->limit)
		return all_at_once(pager, answer, "the server's links tell of no other page", err);
	return not_this_way(pager, err);
}

/* The one total that an answer states. Of two, one may count the page. */
static bool one_total(const struct pager *pager, const struct pager_answer *answer, uint64_t *total, bool *conflict)
{
	bool both = answer->has_total && answer->has_body_total && answer->total != answer->body_total;
	bool header = answer->has_total && !(both && answer->total == answer->rows);
	*total = header ? answer->total : answer->body_total;
	*conflict = both && answer->total != answer->rows && answer->body_total != answer->rows;
	return !pager->twice && (answer->has_total || answer->has_body_total);
}

/* Takes note of a total. What speaks against it being the number of rows of the collection is told by the result. */
static enum pager_verdict note_total(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	uint64_t total = 0;
	bool conflict = false;
	if (!one_total(pager, answer, &total, &conflict) || pager->total_state == TOTAL_PER_PAGE)
		return PAGER_KEEP;
	if (conflict) {
		err_set(err, ERR_API,
			"the server states two totals: %" PRIu64 " rows in a header, %" PRIu64 " in the body",
			answer->total, answer->body_total);
		return PAGER_REREAD;
	}
	pager->seen.least = pager->seen.totals == 0 || total < pager->seen.least ? total : pager->seen.least;
	pager->seen.most = total > pager->seen.most ? total : pager->seen.most;
	pager->seen.totals++;
	if (pager->total_state == TOTAL_UNKNOWN) {
		pager->total_state = TOTAL_STATED;
		pager->total = total;
	} else if (total != pager->total) {
		if (pager->total == pager->first_page_rows && total == answer->rows) {
			pager->total_state = TOTAL_PER_PAGE;
			return PAGER_KEEP;
		}
		err_set(err, ERR_API,
			"the rows changed while they were read: the server's total went from %" PRIu64 " to %" PRIu64,
			pager->total, total);
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
	err_hint(err, "If its totals are always wrong, name the collection in read-twice");
	pager->total_broken = true;
	return PAGER_REREAD;
}

/* The rows do not reach the total. */
static bool total_missed(const struct pager *pager, struct err *err)
{
	if (pager->total_state != TOTAL_STATED || pager->total == pager->offset)
		return false;
	err_set(err, ERR_API, "the server states a total of %" PRIu64 " rows but sends only %" PRIu64, pager->total,
		pager->offset);
	err_hint(err, "If its totals are always wrong, name the collection in read-twice");
	return true;
}

/* --- the end -------------------------------------------------------------------------------------------------------
 */

/* The same page once more, but only once. */
static bool ask_once_more(struct pager *pager, struct err *err, const char *what)
{
	bool again = !pager->weak_asked;
	pager->weak_asked = true;
	if (again)
		err_set(err, ERR_API, "%s", what);
	return again;
}

/* True if the rows end at a number at which search engines and gateways stop, whatever there is. A total that says the
 * same is no help: they count no further either. */
static bool is_round(const struct pager *pager)
{
	uint64_t rows = pager->offset;
	uint64_t least = pager->total_state == TOTAL_STATED ? 100 : 1000;
	return rows >= least && (rows % least == 0 || (rows & (rows - 1)) == 0 || (rows & (rows + 1)) == 0);
}

static enum pager_verdict window_closed(struct pager *pager, struct err *err)
{
	err_set(err, ERR_API,
		"the server refuses what is after row %" PRIu64
		", a round number: perhaps it gives no more than that, whatever there is",
		pager->offset);
	err_hint(err, "If that is all there is, name the collection in read-twice");
	return PAGER_FAIL;
}

/* Nothing speaks against the end any more. */
static enum pager_verdict ended(struct pager *pager, const struct pager_answer *answer)
{
	if (pager->largest == 1 && pager->pages > 1)
		doubt(pager, "it gives one row at a time, and there is nothing to look back at");
	if (pager->total_state == TOTAL_STATED)
		return done(pager, PAGER_SKIP, "the server's total, and nothing after them");
	return done(pager, PAGER_SKIP,
		answer->refused != 0 ? "the server refuses what is after them" : "an empty page came after them");
}

/* An empty answer that holds no list, where a list would say that nothing is there. */
static enum pager_verdict weak_end(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	bool followed = pager->stage == STAGE_GAP;
	bool total_reached = pager->total_state == TOTAL_STATED && pager->total == pager->offset;
	if (pager->pages > 0 && pager->last_more && !total_reached && !followed && !pager->twice) {
		if (ask_once_more(pager, err, "an answer without a list where the page before says that there is more"))
			return PAGER_AGAIN;
		err_set(err, ERR_API,
			"the server says that there is more after row %" PRIu64 ", and gives no list of rows there",
			pager->offset);
		return PAGER_REREAD;
	}
	if (pager->pages > 0 && pager->largest > 1 && !pager->alone && !followed) {
		pager->stage = STAGE_LOOK_BACK;
		pager->strong = false;
		pager->gap_refused = answer->refused;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	if (!pager->alone && ask_once_more(pager, err, "an answer without a list where rows may be"))
		return PAGER_AGAIN;
	if (followed)
		doubt(pager, "its links lead on to pages that hold no list");
	if (answer->refused == 400 && is_round(pager) && !pager->twice) {
		pager->stage = STAGE_BACKWARDS;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	return ended(pager, answer);
}

/* An empty page that says that there is more. */
static enum pager_verdict empty_leads_on(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer)
{
	bool first = pager->stage != STAGE_GAP;
	uint64_t at = first ? page->offset : pager->gap_at;
	uint64_t width = pager->largest > 0 ? pager->largest : pager->limit;
	if (first) {
		pager->gap_step = 1;
		pager->gap_count = 0;
	}
	pager->gap_count++;
	if (pager->always && pager->gap_count > GAP_LINEAR)
		pager->gap_step *= 2;
	bool by_link = answer->has_next_offset && answer->next_offset > at && pager->gap_step == 1;
	pager->gap_at = by_link ? answer->next_offset : at + width * pager->gap_step;
	pager->stage = first ? STAGE_FAR : STAGE_GAP;
	forget_asked(pager);
	return PAGER_SKIP;
}

/* No row where the next one would be. */
static enum pager_verdict nothing_there(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	bool total_reached = pager->total_state == TOTAL_STATED && pager->total == pager->offset;
	bool always_said = pager->always && (total_reached || pager->gap_count >= PAGER_EMPTY_ALWAYS);
	if (answer->more && !always_said && answer->refused == 0) {
		if (pager->stage == STAGE_GAP && pager->gap_count > PAGER_EMPTY_MAX) {
			err_set(err, ERR_API,
				"the server's links lead from one empty page to the next, more than %d times",
				PAGER_EMPTY_MAX);
			return PAGER_FAIL;
		}
		return empty_leads_on(pager, page, answer);
	}
	if (total_missed(pager, err))
		return PAGER_REREAD;
	bool weak = answer->list == PAGER_LIST_NONE || (pager->pages > 0 && answer->list != pager->list);
	/* A total of one full page may be the page's. */
	bool trusted = total_reached && (pager->pages > 1 || pager->step < pager->first_limit);
	bool alone = pager->alone || trusted || pager->pages == 0 || pager->largest == 1 || pager->stage == STAGE_GAP;
	bool single = pager->pages > 0 && pager->largest == 1 && pager->stage != STAGE_GAP;
	if (!weak && single && !trusted && !pager->confirmed) {
		pager->confirmed = true;
		pager->stage = STAGE_CONFIRM;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	if (weak || alone)
		return weak ? weak_end(pager, answer, err) : ended(pager, answer);
	pager->strong = true;
	pager->stage = STAGE_LOOK_BACK;
	forget_asked(pager);
	return PAGER_SKIP;
}

/* The answer to a page that was asked for far away. */
static enum pager_verdict judge_far(struct pager *pager, const struct pager_answer *answer)
{
	pager->always = answer->more && answer->rows == 0;
	pager->stage = STAGE_GAP;
	return PAGER_SKIP;
}

/* The last row comes first in descending order, if it is the last. */
static enum pager_verdict judge_backwards(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	if (answer->rows == 0 || !same(&pager->last_id, answer->first, answer->first_length))
		return window_closed(pager, err);
	return done(pager, PAGER_SKIP,
		"the server refuses what is after them, and in descending order the last of them comes first");
}

/* The first page of an earlier run, once more. */
static enum pager_verdict judge_first(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	pager->check_first = false;
	if (answer->rows == pager->first_page_rows && same_first(&pager->origin_first, answer) &&
		same_last(&pager->origin_last, answer))
		return PAGER_SKIP;
	err_set(err, ERR_API, "the rows changed since the earlier run read them");
	return PAGER_REREAD;
}

/* --- the next rows -------------------------------------------------------------------------------------------------
 */

/* Checks an answer against the page before it. */
static enum pager_verdict continuity(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	if (page->overlap && answer->rows == 0) {
		if (answer->list == PAGER_LIST_NONE &&
			ask_once_more(pager, err, "an answer without a list where a row is known"))
			return PAGER_AGAIN;
		return moved(pager, err, "the last row of a page was gone when the next one was asked for");
	}
	/* Where the rows are counted from 1, no row has offset 0: there it is the first one, or nothing. */
	if (pager->way == WAY_ONE && pager->pages == 0 && answer->rows > 0 && pager->zero_first.length > 0 &&
		!same_first(&pager->zero_first, answer))
		return not_this_way(pager, err);
	bool repeated = page->offset > 0 && pager->stage != STAGE_GAP && is_same_page(pager, answer);
	if (repeated && answer->rows > 1)
		return offset_ignored(pager, page, answer, err);
	if (page->overlap && same_first(&pager->last, answer))
		return PAGER_KEEP;
	if (repeated)
		return offset_ignored(pager, page, answer, err);
	if (page->overlap)
		return moved(pager, err, "a page did not begin where the page before it ended");
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

/* True if a page was asked for without the last row of the page before, only to see that there is nothing. */
static bool is_blind(const struct pager *pager, const struct pager_page *page)
{
	return pager->stage == STAGE_READING && pager->offset > 0 && !page->overlap && !pager->no_overlap;
}

/* The rows are the ones that were wanted: counts them in. */
static enum pager_verdict count_in(struct pager *pager, const struct pager_page *page,
	const struct pager_answer *answer, uint64_t fresh, struct err *err)
{
	pager->ascending = pager->ascending && ascends(pager, page, answer);
	keep_rows(pager, answer);
	if (pager->pages == 0) {
		pager->first_page_rows = answer->rows;
		pager->first_limit = page->limit;
		pager->first_is_last = answer->links && !answer->more;
		pager->first_more = answer->more;
		pager->list = answer->list;
		pager->peek = answer->rows > page->limit || answer->rows == 1;
	}
	if (pager->pages > 0)
		pager->borders = (pager->borders ^ pager->offset) * UINT64_C(0x100000001B3) + 1;
	pager->pages++;
	pager->offset += fresh;
	pager->overlaps += page->overlap ? 1 : 0;
	pager->step = answer->rows;
	pager->alone = false;
	pager->confirmed = false;
	pager->weak_asked = false;
	pager->last_more = answer->more;
	pager->more_ever = pager->more_ever || answer->more;
	pager->link_said = answer->has_next_offset ? answer->next_offset : 0;
	if (answer->rows > pager->largest)
		pager->largest = answer->rows;
	pager->no_overlap = pager->no_overlap && answer->rows == 1;
	if (pager->offset <= PAGER_ROWS_MAX && pager->pages <= PAGER_PAGES_MAX)
		return PAGER_KEEP;
	err_set(err, ERR_API, "the server sends rows without end (%" PRIu64 " in %" PRIu64 " pages)", pager->offset,
		pager->pages);
	return PAGER_FAIL;
}

/* Rows after empty pages: the server leaves out rows after it has cut them into pages, so only its links tell where the
 * next page begins. */
static enum pager_verdict gap_closed(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	pager->filtered = pager->linked && pager->gap_step == 1 && !is_same_page(pager, answer);
	err_set(err, ERR_API, "the server leaves out rows after it has cut them into pages");
	return pager->filtered && pager->way == WAY_ROWS ? PAGER_REREAD : PAGER_FAIL;
}

/* Only the row that was known already came. */
static enum pager_verdict last_row_alone(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	bool weak = pager->stage == STAGE_LOOK_BACK;
	if (weak && answer->more)
		doubt(pager, "its links lead on to pages that hold no list");
	pager->alone = pager->largest > 1 && (weak || !answer->more);
	/* An empty page has to confirm the end: a server that sends one row at a time would look the same. */
	pager->stage = STAGE_CONFIRM;
	forget_asked(pager);
	if (!weak || !pager->alone)
		return PAGER_SKIP;
	const struct pager_answer before = {.refused = pager->gap_refused, .list = PAGER_LIST_NONE};
	return pager->strong ? ended(pager, answer) : weak_end(pager, &before, err);
}

/* The rows of the answer are the ones that were wanted: counts them in, and sees whether they are the last. */
static enum pager_verdict advance(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	uint64_t fresh = answer->rows - (page->overlap ? 1 : 0);
	if (fresh == 0 && page->overlap)
		return last_row_alone(pager, answer, err);
	if (fresh == 0)
		return nothing_there(pager, page, answer, err);
	if (is_blind(pager, page)) {
		/* Rows where the end was to be. Whether they follow the last row does not show: ask them with a look
		 * back. */
		bool all = pager->total_state == TOTAL_STATED && pager->offset >= pager->total;
		pager->peek = false;
		pager->others = true;
		if (all && total_passed(pager, err) != PAGER_KEEP)
			return PAGER_REREAD;
		forget_asked(pager);
		return PAGER_SKIP;
	}
	if (pager->stage == STAGE_GAP)
		return gap_closed(pager, answer, err);
	/* There is more, where an empty page was to confirm the end. */
	bool no_end = pager->stage != STAGE_READING;
	if (no_end) {
		pager->no_overlap = pager->stage == STAGE_CONFIRM && pager->step == 1;
		pager->stage = STAGE_READING;
	}
	if (count_in(pager, page, answer, fresh, err) != PAGER_KEEP)
		return PAGER_FAIL;
	if (pager->total_state == TOTAL_STATED && pager->offset > pager->total)
		return total_passed(pager, err);
	if (pager->offset != page->next || no_end)
		forget_asked(pager);
	return PAGER_KEEP;
}

/* --- ways without a look back --------------------------------------------------------------------------------------
 */

static enum pager_verdict blind_end(struct pager *pager, enum pager_verdict verdict, const char *proof)
{
	doubt(pager, "the server's pages give nothing to look back at");
	return done(pager, verdict, proof);
}

/* Rows that came before, so many pages ago: the pages run in a circle. */
static bool is_in_a_circle(struct pager *pager, const struct pager_answer *answer)
{
	if (pager->mark_rows == answer->rows && pager->mark_row.length > 0 && same_first(&pager->mark_row, answer))
		return true;
	if (pager->pages >= pager->mark_at) {
		keep(&pager->mark_row, buf_text(&pager->first), pager->first.length);
		pager->mark_rows = answer->rows;
		pager->mark_at = pager->pages * 2;
	}
	return false;
}

/* No row where the next page would be. */
static enum pager_verdict blind_nothing(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	bool weak = answer->list == PAGER_LIST_NONE || (pager->pages > 0 && answer->list != pager->list);
	if (weak && ask_once_more(pager, err, "an answer without a list where rows may be"))
		return PAGER_AGAIN;
	/* The page before leads here, and there is no list. */
	if (weak && pager->last_more && !pager->beyond)
		return not_this_way(pager, err);
	if (answer->more && answer->has_next_offset && pager->way == WAY_LINKS && !pager->beyond &&
		answer->next_offset > pager->link_offset && ++pager->empty <= PAGER_EMPTY_MAX) {
		pager->link_offset = answer->next_offset;
		return PAGER_SKIP;
	}
	if (answer->more || total_missed(pager, err))
		return not_this_way(pager, err);
	return blind_end(pager, PAGER_SKIP,
		answer->refused != 0 ? "the server refuses the page after the last"
				     : "an empty page came after the last");
}

static enum pager_verdict advance_blind(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	if (answer->rows == 0)
		return blind_nothing(pager, answer, err);
	bool again = pager->pages > 0 && is_same_page(pager, answer);
	if (again && pager->way == WAY_NUMBER && pager->pages == 1 && !pager->number_base) {
		pager->number_base = true;
		return PAGER_SKIP;
	}
	/* Whole pages have to be whole. */
	if (again || pager->beyond || (pager->shortened && pager->way != WAY_LINKS))
		return not_this_way(pager, err);
	if (count_in(pager, page, answer, answer->rows, err) != PAGER_KEEP)
		return PAGER_FAIL;
	if (pager->total_state == TOTAL_STATED && pager->offset > pager->total &&
		total_passed(pager, err) != PAGER_KEEP)
		return PAGER_REREAD;
	if (is_in_a_circle(pager, answer))
		return not_this_way(pager, err);
	pager->shortened = answer->rows < pager->first_page_rows;
	pager->empty = 0;
	if (pager->way == WAY_WHOLE && pager->pages == 1 && answer->rows < pager->limit)
		pager->limit = answer->rows > PAGER_LIMIT_LEAST ? (unsigned)answer->rows : PAGER_LIMIT_LEAST;
	bool by_links = pager->way == WAY_LINKS || (pager->way == WAY_PAGES && pager->first_more);
	if (pager->way == WAY_LINKS && answer->more) {
		bool ahead = answer->has_next_offset && answer->next_offset > page->offset;
		pager->link_step = ahead ? answer->next_offset - page->offset : 0;
		pager->link_offset = answer->next_offset;
		return ahead ? PAGER_KEEP : not_this_way(pager, err);
	}
	if (!by_links || answer->more)
		return PAGER_KEEP;
	/* The page that no link leads to has to be empty. */
	pager->beyond = true;
	pager->link_offset = page->offset + (pager->link_step > 0 ? pager->link_step : answer->rows);
	return PAGER_KEEP;
}

/* --- cursors -------------------------------------------------------------------------------------------------------
 */

static enum pager_verdict in_a_circle(struct err *err)
{
	err_set(err, ERR_API, "the server's links to the next page run in a circle");
	return PAGER_FAIL;
}

/* The link to the page after this one. False when the links or the rows run in a circle. */
static bool follow(struct pager *pager, const struct pager_answer *answer)
{
	const char *url = answer->next_url;
	if (pager->mark.length > 0 && strcmp(buf_text(&pager->mark), url) == 0)
		return false;
	if (pager->pages >= pager->mark_at)
		keep(&pager->mark, url, strlen(url));
	if (answer->rows > 0 && is_in_a_circle(pager, answer))
		return false;
	if (pager->pages >= pager->mark_at)
		pager->mark_at = pager->pages * 2;
	keep(&pager->cursor, url, strlen(url));
	return true;
}

/* What is no whole page with a list is never an end here: the cursor may have run out of time. */
static enum pager_verdict cursor_lost(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	const char *what = answer->more ? "the server says that there is more, by a link that cannot be followed"
					: "the server's link to the next page gave no list of rows";
	if (ask_once_more(pager, err, what))
		return PAGER_AGAIN;
	if (answer->refused != 0)
		err_set(err, ERR_API, "the server refused the page that its own link leads to (status %ld)",
			answer->refused);
	else
		err_set(err, ERR_API, "%s", what);
	return PAGER_REREAD;
}

static enum pager_verdict cursor_ended(struct pager *pager, const struct pager_answer *answer, struct err *err)
{
	if (answer->rows == 0 && pager->list != answer->list)
		return cursor_lost(pager, answer, err);
	if (total_missed(pager, err))
		return PAGER_REREAD;
	if (pager->positional)
		doubt(pager, "its links count rows or pages, and give nothing to look back at");
	return done(pager, PAGER_KEEP,
		pager->total_state == TOTAL_STATED ? "the server's total, by its links"
						   : "the last of the server's links");
}

static enum pager_verdict advance_cursor(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	if (pager->pages > 0 && (answer->list == PAGER_LIST_NONE || (answer->more && answer->next_url == NULL)))
		return cursor_lost(pager, answer, err);
	pager->by_cursor = true;
	bool repeated = answer->rows > 0 && pager->pages > 0 && is_same_page(pager, answer);
	if (answer->rows > 0) {
		if (count_in(pager, page, answer, answer->rows, err) != PAGER_KEEP)
			return PAGER_FAIL;
	} else {
		pager->list = pager->pages == 0 ? answer->list : pager->list;
		pager->pages++;
	}
	if (pager->total_state == TOTAL_STATED && pager->offset > pager->total) {
		if (pager->total != pager->first_page_rows)
			return total_passed(pager, err);
		pager->total_state = TOTAL_PER_PAGE;
	}
	pager->positional = pager->positional || (answer->more && answer->positional);
	if (answer->next_url != NULL && (repeated || !follow(pager, answer)))
		return in_a_circle(err);
	pager->empty = answer->rows > 0 ? 0 : pager->empty + 1;
	if (answer->next_url != NULL && pager->empty > PAGER_EMPTY_MAX) {
		err_set(err, ERR_API, "the server's links lead from one empty page to the next, more than %d times",
			PAGER_EMPTY_MAX);
		return PAGER_FAIL;
	}
	return answer->next_url != NULL ? PAGER_KEEP : cursor_ended(pager, answer, err);
}

/* --- the judgement -------------------------------------------------------------------------------------------------
 */

static void note_evidence(struct pager *pager, const struct pager_answer *answer)
{
	pager->seen.answers++;
	pager->seen.more += answer->more ? 1 : 0;
	pager->seen.empty += answer->rows == 0 && answer->list != PAGER_LIST_NONE ? 1 : 0;
	pager->seen.no_list += answer->rows == 0 && answer->list == PAGER_LIST_NONE ? 1 : 0;
	if (answer->refused != 0)
		pager->seen.refused = answer->refused;
	pager->numbered = pager->numbered || answer->numbered;
	pager->linked = pager->linked || answer->has_next_offset;
}

static enum pager_verdict judge_probe(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	if (pager->check_first)
		return judge_first(pager, answer, err);
	if (pager->stage == STAGE_FAR)
		return judge_far(pager, answer);
	if (page->backwards)
		return judge_backwards(pager, answer, err);
	if (answer->rows == pager->step && same_last(&pager->last, answer))
		return all_at_once(pager, answer, "the server sends everything at once, whatever it is asked for", err);
	return offset_ignored(pager, page, answer, err);
}

enum pager_verdict pager_judge(
	struct pager *pager, const struct pager_page *page, const struct pager_answer *answer, struct err *err)
{
	assert(page->age == pager->age);
	if (answer->has_count && answer->count != answer->rows && answer->refused == 0) {
		err_set(err, ERR_API, "the server says that the page has %" PRIu64 " rows but sends %" PRIu64,
			answer->count, answer->rows);
		return PAGER_AGAIN;
	}
	note_evidence(pager, answer);
	if (page->probe)
		return judge_probe(pager, page, answer, err);
	enum pager_verdict verdict = note_total(pager, answer, err);
	if (verdict != PAGER_KEEP)
		return verdict;
	if (is_blind_way(pager->way))
		return advance_blind(pager, page, answer, err);
	bool cursor_begins = pager->pages == 0 && answer->next_url != NULL && !answer->has_next_offset;
	if (pager->by_cursor || (cursor_begins && pager->way == WAY_ROWS))
		return advance_cursor(pager, page, answer, err);
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

bool pager_total_broken(const struct pager *pager)
{
	return pager->total_broken;
}

void pager_reject(struct pager *pager)
{
	if (pager->way != WAY_ROWS)
		pager->stage = STAGE_READING;
}

bool pager_is_guess(const struct pager *pager)
{
	return pager->way == WAY_WHOLE || pager->way == WAY_NUMBER;
}

const char *pager_doubt(const struct pager *pager)
{
	return pager->doubt;
}

uint64_t pager_borders(const struct pager *pager)
{
	return pager->borders;
}

const char *pager_way(const struct pager *pager)
{
	static const char *const names[WAY_COUNT] = {
		[WAY_ROWS] = "",
		[WAY_PAGES] = "numbers of pages",
		[WAY_LINKS] = "offsets of its links",
		[WAY_WHOLE] = "offsets in whole pages",
		[WAY_ONE] = "offsets from 1",
		[WAY_NUMBER] = "numbers of pages as offsets",
	};
	return names[pager->way];
}

void pager_check_first(struct pager *pager)
{
	pager->check_first = pager->pages > 0 && pager->stage != STAGE_DONE;
	forget_asked(pager);
}

const char *pager_evidence(struct pager *pager)
{
	const struct seen *seen = &pager->seen;
	char totals[96] = "no total";
	char refused[48] = "";
	if (seen->totals > 0 && seen->least == seen->most)
		snprintf(totals, sizeof(totals), "a total of %" PRIu64 " in %" PRIu64, seen->most, seen->totals);
	else if (seen->totals > 0)
		snprintf(totals, sizeof(totals), "totals from %" PRIu64 " to %" PRIu64 " in %" PRIu64, seen->least,
			seen->most, seen->totals);
	if (seen->refused != 0)
		snprintf(refused, sizeof(refused), ", the latest refusal was %ld", seen->refused);
	snprintf(pager->evidence, sizeof(pager->evidence),
		"%" PRIu64 " rows, at most %" PRIu64 " a page, %" PRIu64 " answers by %s: %s, a next page in %" PRIu64
		", an empty list in %" PRIu64 ", no list in %" PRIu64 "%s; %" PRIu64
		" pages began with the last row of "
		"the page before%s",
		pager->offset, pager->largest, seen->answers,
		pager->by_cursor              ? "cursor"
		: pager_way(pager)[0] != '\0' ? pager_way(pager)
					      : "offset",
		totals, seen->more, seen->empty, seen->no_list, refused, pager->overlaps,
		pager->offset > 1 && pager->ascending ? "; in order of sourcedId" : "");
	return pager->evidence;
}

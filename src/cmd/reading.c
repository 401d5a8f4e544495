#include "cmd/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/metadata.h"
#include "cmd/page.h"
#include "convert/plan.h"
#include "fetch/pager.h"
#include "stop.h"

enum {
	LOOK_MS = 250,       /* how long to wait at most before progress is drawn again */
	SLOTS_A_REQUEST = 2, /* pages on the way or waiting for their turn, for each request that may run */
};

/* A place in the queue: a page and what it is waiting for. */
enum slot_state {
	SLOT_WAITING,
	SLOT_RUNNING,
	SLOT_FINISHED, /* came back, not looked at */
	SLOT_ANSWERED,
};

struct slot {
	struct page *page;
	enum slot_state state;
	int64_t not_before; /* time_ms */
	size_t crowd;       /* the most requests on the way while this one ran */
};

/* The reading of one collection. */
struct reading {
	struct collect *collect;
	struct page_shape shape;
	const char *name; /* of what is read, for messages */
	struct collection results[1 + COLLECT_MADE_MAX];
	struct table_stats *stats;
	struct plan *plan;
	struct pager *pager;
	struct slot *slots; /* as many as may be on the way: first those in use, in page order, then spare pages */
	size_t slot_count;
	size_t used;
	bool sorted; /* ask the server for rows in order of sourcedId */
	bool given;  /* a page was kept at some time: the server does give the collection */
	enum reading_missing missing;
	int64_t progress_at; /* when a page was kept last */
	bool ahead;          /* begun before its turn */
	bool parked;         /* until then: the patience with it is used up */
	bool over;           /* the same: it failed; what of, and whether it may be read again, is told then */
	bool moved;
	struct err failure;
	struct rowfile *files[1 + COLLECT_MADE_MAX];
	struct digest *order; /* of all rows as they came */
	char *proof;          /* once complete */
	unsigned limit;       /* with which it began */
	uint64_t most;        /* rows that an earlier reading of this run had */
};

/* What two readings of the same data have in common. */
struct reading_mark {
	bool set;
	char order[DIGEST_HEX_SIZE];
	uint64_t rows;
	uint64_t distinct;
	uint64_t borders;
	unsigned limit;
	bool one_page;          /* it was the same as before, and had only one page */
	unsigned agreements;    /* readings in a row that were the same */
	unsigned disagreements; /* readings that were not like the one before */
};

/* What the store remembers of a reading: that it asked for rows in order, in which way, and for those that changed. */
static const char how_sorted[] = "sorted";
static const char how_way[] = " by ";
static const char how_since[] = " since ";

static void drop_files(struct reading *reading)
{
	for (size_t i = 0; i < reading->shape.table_count; i++) {
		rowfile_free(reading->files[i]);
		reading->files[i] = NULL;
	}
}

/* What is told of the collection whose turn it is. */
static void count_rows(struct reading *reading)
{
	if (reading->ahead)
		return;
	reading->stats->rows = pager_rows(reading->pager);
	reading->stats->has_total = pager_total(reading->pager, &reading->stats->total);
	reading->stats->largest = (unsigned)pager_largest(reading->pager);
}

/* Everything read so far is forgotten. */
static bool begin(struct reading *reading, unsigned limit, struct err *err)
{
	reading->limit = limit;
	char unused[DIGEST_HEX_SIZE];
	digest_hex(reading->order, unused);
	drop_files(reading);
	pager_restart(reading->pager, limit);
	for (size_t i = 0; i < reading->shape.table_count; i++) {
		const struct table *table = reading->shape.tables[i];
		struct rowfile_options options = {
			.folder = reading->collect->folder,
			.name = table->name,
			.columns = reading->plan->rows[i].kept,
			.newest = SCHEMA_DATE_LAST_MODIFIED,
		};
		value_counts_clear(&reading->results[i].values);
		value_counts_clear(&reading->results[i].metadata);
		reading->files[i] = rowfile_new(&options, err);
		if (reading->files[i] == NULL)
			return false;
	}
	reading->results[0].mended = 0;
	count_rows(reading);
	return true;
}

/* Everything read so far is forgotten, and will not be gone back to. */
static bool begin_afresh(struct reading *reading, unsigned limit, struct err *err)
{
	struct store *store = reading->collect->store;
	const char *since = reading->shape.since;
	if (!begin(reading, limit, err))
		return false;
	const char *way = pager_way(reading->pager);
	char *how = mem_format("%s%s%s%s%s", reading->sorted ? how_sorted : "", way[0] != '\0' ? how_way : "", way,
		since != NULL ? how_since : "", since != NULL ? since : "");
	bool ok = store == NULL || store_restart(store, reading->name, how, err);
	free(how);
	return ok;
}

/* --- the queue -----------------------------------------------------------------------------------------------------
 */

static void slot_remove(struct reading *reading, size_t i)
{
	struct slot slot = reading->slots[i];
	page_drop(slot.page);
	reading->used--;
	memmove(&reading->slots[i], &reading->slots[i + 1], (reading->used - i) * sizeof(slot));
	reading->slots[reading->used] = slot;
}

static void drop_stale(struct reading *reading)
{
	for (size_t i = reading->used; i-- > 0;)
		if (page_place(reading->slots[i].page)->age != pager_age(reading->pager))
			slot_remove(reading, i);
}

static void drop_all(struct reading *reading)
{
	while (reading->used > 0)
		slot_remove(reading, reading->used - 1);
}

static size_t state_count(const struct reading *reading, enum slot_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < reading->used; i++)
		count += reading->slots[i].state == state ? 1 : 0;
	return count;
}

/* Each request remembers the most that were on the way with it: a slow answer in a crowd may have waited in line. */
static void count_crowd(struct reading *reading)
{
	size_t running = http_running(reading->collect->http);
	for (size_t i = 0; i < reading->used; i++)
		if (reading->slots[i].state == SLOT_RUNNING && reading->slots[i].crowd < running)
			reading->slots[i].crowd = running;
}

/* Answers that nobody has looked at but that seem to be pages, where the end is known: elsewhere it may be among them.
 */
static size_t promising_count(const struct reading *reading)
{
	uint64_t total = 0;
	size_t count = 0;
	if (!pager_total(reading->pager, &total))
		return 0;
	for (size_t i = 0; i < reading->used; i++)
		count += reading->slots[i].state == SLOT_FINISHED && page_promising(reading->slots[i].page) ? 1 : 0;
	return count;
}

/* Answers that are no pages, before anybody has looked at them: they may tell to ask otherwise, or not at all. */
static size_t alarming_count(const struct reading *reading)
{
	size_t count = 0;
	for (size_t i = 0; i < reading->used; i++)
		count += reading->slots[i].state == SLOT_FINISHED && !page_promising(reading->slots[i].page) ? 1 : 0;
	return count;
}

/* New pages, as many as may be on the way, and those whose wait is over, while there is room. */
static bool ask(struct reading *reading, struct err *err)
{
	struct pager_page place;
	struct collect *collect = reading->collect;
	size_t allowed = pace_allowed(collect->pace);
	/* Answers that wait for their turn do not keep others from being asked for. */
	size_t back = state_count(reading, SLOT_ANSWERED) + promising_count(reading);
	while (reading->used - back < allowed && reading->used < reading->slot_count &&
		pager_next(reading->pager, reading->used, &place)) {
		struct slot *slot = &reading->slots[reading->used++];
		page_begin(slot->page, &place);
		slot->state = SLOT_WAITING;
		slot->not_before = 0;
	}
	int64_t now = time_ms();
	for (size_t i = 0; i < reading->used && collect->room > 0; i++) {
		struct slot *slot = &reading->slots[i];
		if (slot->state != SLOT_WAITING || slot->not_before > now || collect->hold_until > now)
			continue;
		if (!page_start(slot->page, reading->sorted, err))
			return false;
		slot->state = SLOT_RUNNING;
		slot->crowd = 0;
		collect->room--;
	}
	return true;
}

/* At most how long to wait until something of this reading may be asked for. */
static int64_t wait_ms(const struct reading *reading, int64_t longest)
{
	int64_t now = time_ms();
	int64_t hold = reading->collect->hold_until;
	for (size_t i = 0; i < reading->used; i++) {
		const struct slot *slot = &reading->slots[i];
		int64_t from = slot->not_before > hold ? slot->not_before : hold;
		/* What waits for room only starts when an answer comes, and that ends the wait too. */
		if (slot->state == SLOT_WAITING && from > now && from - now < longest)
			longest = from - now;
	}
	return longest;
}

/* The slot of a page, NULL if it is of another reading. */
static struct slot *slot_of(struct reading *reading, const struct page *page)
{
	for (size_t i = 0; i < reading->slot_count; i++)
		if (reading->slots[i].page == page)
			return &reading->slots[i];
	return NULL;
}

static struct slot *first_finished(struct reading *reading)
{
	for (size_t i = 0; i < reading->used; i++)
		if (reading->slots[i].state == SLOT_FINISHED)
			return &reading->slots[i];
	return NULL;
}

/* --- what came back ------------------------------------------------------------------------------------------------
 */

/* The same page once more, unless the patience for this collection is used up; err is what happened this time. */
static bool again(struct reading *reading, struct slot *slot, int64_t wait, struct err *err)
{
	int64_t now = time_ms();
	reading->parked = now + wait - reading->progress_at > (int64_t)reading->collect->retry_seconds * 1000;
	if (reading->parked && !reading->ahead)
		return err_hint(err, "Given up, as retry-time (%d s) is over", reading->collect->retry_seconds);
	if (reading->parked)
		wait = 0; /* it is asked again as soon as its turn has come */
	log_line(LOG_DEBUG, NULL, "%s; again in %" PRId64 " ms", err->text, wait);
	err_clear(err);
	page_drop(slot->page);
	slot->state = SLOT_WAITING;
	slot->not_before = now + wait;
	return true;
}

static void hold(struct collect *collect, int64_t until)
{
	if (collect->hold_until < until)
		collect->hold_until = until;
}

/* A failure that may pass. The server gets fewer requests at a time, and smaller pages if they seem too much for it. */
static bool trouble(struct reading *reading, struct slot *slot, enum page_outcome outcome, int64_t wait,
	bool everything, struct err *err)
{
	if (wait > 0)
		pace_pushed_back(reading->collect->pace, time_ms(), page_ms(slot->page), (unsigned)slot->crowd);
	if (!again(reading, slot, wait, err))
		return false;
	if (everything)
		hold(reading->collect, slot->not_before);
	if (outcome == PAGE_SMALLER && page_tries(slot->page) > 1 && pager_shrink(reading->pager)) {
		/* The smaller page waits as long as the large one would have. */
		hold(reading->collect, slot->not_before);
		log_line(LOG_DEBUG, reading->name, "%u rows at a time from here on", pager_limit(reading->pager));
	}
	return true;
}

/* The request may hold something that it does not need. */
static bool unwelcome(struct reading *reading, struct err *err)
{
	bool sorted = reading->sorted;
	if (reading->shape.since != NULL && (!sorted || strstr(err->text, "sort") == NULL))
		return false; /* it is given up for what changed to be asked for */
	reading->sorted = false;
	if (!sorted && (pager_rows(reading->pager) > 0 || !pager_shrink(reading->pager)))
		return false;
	err_clear(err);
	return begin_afresh(reading, pager_limit(reading->pager), err);
}

static bool hear(struct reading *reading, struct slot *slot, struct err *err)
{
	int64_t wait = 0;
	bool everything = false;
	if (page_place(slot->page)->age != pager_age(reading->pager)) {
		slot->state = SLOT_ANSWERED; /* stale: dropped before it is judged */
		return true;
	}
	enum page_outcome outcome = page_hear(slot->page, !reading->given, &wait, &everything, err);
	switch (outcome) {
	case PAGE_ANSWER:
		slot->state = SLOT_ANSWERED;
		/* Pages of other collections may be heavier or lighter: how long they take tells nothing of a queue. */
		if (!reading->ahead)
			pace_answer(reading->collect->pace, time_ms(), page_ms(slot->page), (unsigned)slot->crowd,
				page_place(slot->page)->limit);
		return true;
	case PAGE_ONCE_MORE:
		if (again(reading, slot, wait, err))
			return true;
		reading->missing = page_denial(slot->page) == PAGE_REFUSED ? READING_REFUSED : READING_UNKNOWN;
		return false;
	case PAGE_AGAIN:
	case PAGE_SMALLER: return trouble(reading, slot, outcome, wait, everything, err);
	case PAGE_UNWELCOME:
		if (unwelcome(reading, err))
			return true;
		if (!page_take_refusal(slot->page))
			return false;
		err_clear(err);
		slot->state = SLOT_ANSWERED;
		return true;
	case PAGE_REFUSED: reading->missing = READING_REFUSED; return false;
	case PAGE_UNKNOWN: reading->missing = READING_UNKNOWN; return false;
	case PAGE_FAILED: break;
	}
	return false;
}

/* Judges the oldest page if its answer is there. False: err tells why the collection cannot go on; moved is set when it
 * may be read again. */
static bool judge(struct reading *reading, bool *moved, struct err *err)
{
	struct slot *slot = &reading->slots[0];
	if (reading->used == 0 || slot->state != SLOT_ANSWERED)
		return true;
	struct pager_answer answer = page_answer(slot->page, pager_rows(reading->pager));
	if (reading->shape.since != NULL && answer.next_url != NULL && strstr(answer.next_url, "filter") == NULL)
		return err_set(err, ERR_API, "%s: the server's links ask for other rows", reading->name);
	switch (pager_judge(reading->pager, page_place(slot->page), &answer, err)) {
	case PAGER_KEEP:
		if (!page_keep(slot->page, reading->files, reading->results, reading->order, err))
			return false;
		reading->progress_at = time_ms();
		reading->given = true;
		count_rows(reading);
		break;
	case PAGER_SKIP: break;
	case PAGER_AGAIN: err_in(err, "%s", reading->name); return again(reading, slot, 1000, err);
	case PAGER_REREAD: *moved = true; return false;
	case PAGER_FAIL: return err_in(err, "%s", reading->name);
	}
	slot_remove(reading, 0);
	return true;
}

/* Judges the answers whose turn it is. */
static bool judge_all(struct reading *reading, bool *moved, struct err *err)
{
	while (reading->used > 0 && reading->slots[0].state == SLOT_ANSWERED && !pager_done(reading->pager)) {
		if (page_place(reading->slots[0].page)->age != pager_age(reading->pager))
			slot_remove(reading, 0);
		else if (!judge(reading, moved, err))
			return false;
	}
	return true;
}

/* --- this collection, and those after it ---------------------------------------------------------------------------
 */

static struct reading *reading_new(struct collect *collect, const struct collect_order *order);

/* The place of a reading that was begun ahead; ahead_count when there is none of that name. */
static size_t find_ahead(const struct collect *collect, const char *name)
{
	size_t i = 0;
	while (i < collect->ahead_count && strcmp(collect->ahead[i]->name, name) != 0)
		i++;
	return i;
}

/* Whether an earlier run kept something of a collection: to go on with that is for its turn. */
static bool is_kept(const struct collect *collect, const char *name)
{
	return collect->store != NULL &&
	       (store_pages(collect->store, name) > 0 || store_proof(collect->store, name, NULL) != NULL ||
		       store_why_missing(collect->store, name) != NULL);
}

/* Begins the next one that was not. False when there is none, or no room for it. */
static bool begin_ahead(struct collect *collect)
{
	const struct collect_order *next = collect->next;
	const struct collect_order *end = next + (collect->next_count < COLLECT_AHEAD_MAX ? collect->next_count
											  : COLLECT_AHEAD_MAX);
	while (next < end &&
		(find_ahead(collect, next->endpoint) < collect->ahead_count || is_kept(collect, next->endpoint)))
		next++;
	if (next == end || collect->ahead_count == COLLECT_AHEAD_MAX)
		return false;
	struct reading *reading = reading_new(collect, next);
	reading->ahead = true;
	reading->progress_at = time_ms();
	if (reading->stats->began == 0)
		reading->stats->began = reading->progress_at;
	collect->ahead[collect->ahead_count++] = reading;
	reading->over = !begin_afresh(reading, collect->page_size, &reading->failure);
	return true;
}

static bool is_going_on(const struct reading *reading)
{
	return !reading->over && !reading->parked && !pager_done(reading->pager);
}

/* What may be asked for now: of this collection, and with the room it leaves, of those after it. */
static bool ask_all(struct reading *reading, struct err *err)
{
	struct collect *collect = reading->collect;
	size_t allowed = pace_allowed(collect->pace);
	size_t busy = http_running(collect->http) + alarming_count(reading);
	for (size_t i = 0; i < collect->ahead_count; i++)
		busy += is_going_on(collect->ahead[i]) ? alarming_count(collect->ahead[i]) : 0;
	collect->room = allowed > busy ? allowed - busy : 0;
	drop_stale(reading);
	if (!ask(reading, err))
		return false;
	bool held = collect->hold_until > time_ms();
	for (size_t i = 0; collect->room > 0 && !held && (i < collect->ahead_count || begin_ahead(collect)); i++) {
		struct reading *other = collect->ahead[i];
		if (!is_going_on(other))
			continue;
		drop_stale(other);
		other->over = !ask(other, &other->failure);
	}
	count_crowd(reading);
	for (size_t i = 0; i < collect->ahead_count; i++)
		count_crowd(collect->ahead[i]);
	return true;
}

/* Notes which pages came back. */
static void note_finished(struct reading *reading)
{
	const struct collect *collect = reading->collect;
	struct http_transfer *transfer = NULL;
	while ((transfer = http_finished(collect->http)) != NULL) {
		const struct page *page = page_of(transfer);
		struct slot *slot = slot_of(reading, page);
		for (size_t i = 0; slot == NULL && i < collect->ahead_count; i++)
			slot = slot_of(collect->ahead[i], page);
		if (slot != NULL)
			slot->state = SLOT_FINISHED;
	}
}

/* The first of the readings that has an answer to be looked at. */
static struct reading *first_to_hear(struct reading *reading)
{
	const struct collect *collect = reading->collect;
	if (first_finished(reading) != NULL)
		return reading;
	for (size_t i = 0; i < collect->ahead_count; i++)
		if (is_going_on(collect->ahead[i]) && first_finished(collect->ahead[i]) != NULL)
			return collect->ahead[i];
	return NULL;
}

/* Looks at one answer. What cannot go on before its turn is left as it is until then. */
static bool hear_one(struct reading *reading, bool *moved, struct err *err)
{
	drop_stale(reading);
	struct slot *slot = first_finished(reading);
	if (slot == NULL)
		return true;
	if (!reading->ahead)
		return hear(reading, slot, err) && judge_all(reading, moved, err);
	reading->over = !hear(reading, slot, &reading->failure) ||
			!judge_all(reading, &reading->moved, &reading->failure);
	if (reading->over || pager_done(reading->pager))
		drop_all(reading);
	return true;
}

/* Looks at all answers that are there. What was parsed meanwhile is soon heard, but the rest may take as long as a
 * request: so the next requests leave first. */
static bool hear_all(struct reading *reading, bool *moved, struct err *err)
{
	note_finished(reading);
	while (!pager_done(reading->pager) && first_to_hear(reading) != NULL) {
		if (!ask_all(reading, err) || !http_wait(reading->collect->http, 0, err))
			return false;
		note_finished(reading);
		struct reading *next = first_to_hear(reading);
		if (next != NULL && !hear_one(next, moved, err))
			return false;
	}
	return true;
}

/* Waits until an answer is there or something may be asked for. */
static bool wait_for_more(struct reading *reading, struct err *err)
{
	const struct collect *collect = reading->collect;
	int64_t wait = wait_ms(reading, LOOK_MS);
	for (size_t i = 0; i < collect->ahead_count; i++)
		if (is_going_on(collect->ahead[i]))
			wait = wait_ms(collect->ahead[i], wait);
	return http_wait(collect->http, first_to_hear(reading) != NULL ? 0 : (int)wait, err);
}

/* Reads to the end once. */
static bool read_once(struct reading *reading, bool *moved, struct err *err)
{
	struct collect *collect = reading->collect;
	reading->progress_at = time_ms();
	reading->parked = false;
	count_rows(reading);
	if (reading->over) {
		reading->over = false;
		*moved = reading->moved;
		*err = reading->failure;
		return false;
	}
	while (!pager_done(reading->pager)) {
		if (!ask_all(reading, err))
			return false;
		collect->stats->in_flight = http_running(collect->http);
		if (collect->draw != NULL)
			collect->draw(collect->stats);
		if (!wait_for_more(reading, err) || !hear_all(reading, moved, err))
			return false;
	}
	return true;
}

/* --- the collection ------------------------------------------------------------------------------------------------
 */

static bool sort(struct reading *reading, struct err *err)
{
	for (size_t i = 0; i < reading->shape.table_count; i++)
		if (!rowfile_sort(reading->files[i], &reading->results[i].counts, err))
			return err_in(err, "%s", reading->shape.tables[i]->name);
	return true;
}

/* True if two readings agree in every row and its place. */
static bool agrees(const struct reading_mark *a, const struct reading_mark *b)
{
	return a->set && b->set && a->rows == b->rows && a->distinct == b->distinct && strcmp(a->order, b->order) == 0;
}

/* True if the rows are fewer than an earlier reading of this run had, and no total explains it. Some may have been
 * deleted meanwhile; when a tenth is gone, something else happened. */
static bool is_short(const struct reading *reading, uint64_t rows, bool *gone)
{
	uint64_t total = 0;
	/* The total of a single page may be the number of its rows. */
	bool stated = pager_total(reading->pager, &total) && total == rows && !pager_total_broken(reading->pager) &&
		      pager_borders(reading->pager) != 0;
	*gone = rows < reading->most && !stated && rows < reading->most - reading->most / 10;
	return rows < reading->most && !stated;
}

/* Takes note of a whole reading. True if enough readings in a row were the same: one more for each that was not. Their
 * page sizes must differ; with rows that came twice also the places where pages ended, as an unstable order shows only
 * there. */
static bool is_confirmed(struct reading *reading, struct reading_mark *before, bool repeats)
{
	const struct rowfile_counts *counts = &reading->results[0].counts;
	struct reading_mark now = {.set = true,
		.rows = counts->rows,
		.distinct = counts->distinct,
		.borders = pager_borders(reading->pager),
		.limit = reading->limit,
		.disagreements = before->disagreements};
	digest_hex(reading->order, now.order);
	bool same = agrees(before, &now);
	bool other_borders = now.borders == 0 || now.borders != before->borders;
	/* One page by itself does not show that a way of asking for the next one works. */
	bool paged = now.borders != 0 || before->borders != 0 || pager_way(reading->pager)[0] == '\0';
	if (pager_is_guess(reading->pager))
		paged = now.borders != before->borders;
	now.one_page = same && !paged;
	if (same && paged && now.limit != before->limit && (!repeats || other_borders))
		now.agreements = before->agreements + 1;
	now.disagreements += before->set && !same ? 1 : 0;
	*before = now;
	return now.agreements > now.disagreements;
}

/* A whole reading may need others that agree with it: when the pages gave nothing to look back at, when rows came
 * twice, and when there are fewer than before. */
static bool is_settled(struct reading *reading, struct reading_mark *before, struct err *err)
{
	const struct rowfile_counts *counts = &reading->results[0].counts;
	uint64_t repeats = counts->rows - counts->distinct;
	const char *doubt = pager_doubt(reading->pager);
	bool gone = false;
	unsigned disagreements = before->disagreements;
	bool fewer = is_short(reading, counts->distinct, &gone);
	bool confirmed = is_confirmed(reading, before, repeats > 0);
	bool disagree = before->disagreements > disagreements;
	reading->most = counts->distinct > reading->most ? counts->distinct : reading->most;
	if (gone)
		return err_set(err, ERR_API, "the server lists %" PRIu64 " rows, and listed %" PRIu64 " before",
			counts->distinct, reading->most);
	if (confirmed || (repeats == 0 && doubt == NULL && !fewer))
		return true;
	if (disagree || repeats > 0 || before->one_page)
		pager_reject(reading->pager);
	if (repeats > 0)
		return err_set(err, ERR_API,
			"%" PRIu64 " of %" PRIu64
			" rows came twice, so others may be missing: the order of the rows is not stable",
			repeats, counts->rows);
	return err_set(err, ERR_API, "one reading is no proof, as %s%s",
		doubt != NULL ? doubt : "another one had more rows", disagree ? ", and two do not agree" : "");
}

/* Another page size, so that an order that depends on it shows itself. */
static unsigned other_limit(const struct reading *reading)
{
	uint64_t limit = pager_limit(reading->pager);
	uint64_t largest = pager_largest(reading->pager);
	if (largest > 0 && largest < limit)
		limit = largest; /* the server's own cap: only less than that changes anything */
	bool guess = pager_is_guess(reading->pager);
	limit = limit > PAGER_LIMIT_LEAST ? limit * 2 / 3 : guess && limit > 1 ? 1 : PAGER_LIMIT_LEAST + 1;
	return (unsigned)(limit != reading->limit ? limit : limit + 1);
}

/* Rows that came twice were found to be so in the server when the reading was proved. */
static void note_repeats(struct reading *reading)
{
	const struct rowfile_counts *counts = &reading->results[0].counts;
	if (counts->rows > counts->distinct)
		reading->results[0].note = mem_format("%s: the server lists %" PRIu64 " rows more than once, %" PRIu64
						      " of them with different content; the latest of each was kept",
			reading->name, counts->rows - counts->distinct, counts->repeats_different);
}

/* --- pages of an earlier run ---------------------------------------------------------------------------------------
 */

/* Keeps the pages that the store has of this reading, as if they had come from the server now. Judged: the pager goes
 * on from there; else the reading is known to be complete. */
static bool recall(struct reading *reading, bool judged, struct err *err)
{
	struct slot *slot = &reading->slots[0];
	size_t count = store_pages(reading->collect->store, reading->name);
	for (size_t number = 1; number <= count; number++) {
		struct pager_page place;
		struct pager_answer answer;
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped");
		if (!page_recall(slot->page, number, judged, &answer, err))
			return false;
		if (judged) {
			const struct pager_page *kept = page_place(slot->page);
			pager_set_limit(reading->pager, kept->limit);
			if (!pager_next(reading->pager, 0, &place) || place.offset != kept->offset ||
				place.overlap != kept->overlap || place.probe)
				return err_set(err, ERR_API, "%s: a page that was kept does not follow the one before",
					reading->name);
			if (pager_judge(reading->pager, &place, &answer, err) != PAGER_KEEP)
				return err->code != ERR_NONE
					       ? false
					       : err_set(err, ERR_API,
							 "%s: the pages that were kept do not follow one another",
							 reading->name);
			count_rows(reading);
		}
		if (!page_keep(slot->page, reading->files, reading->results, reading->order, err))
			return false;
		reading->given = true;
		page_drop(slot->page);
	}
	return true;
}

/* Whether pages that are kept can stand for what this reading is to hold: those of all rows always can. */
static bool take_how(struct reading *reading, struct err *err)
{
	if (strstr(store_how(reading->collect->store, reading->name), how_way) != NULL && !reading->collect->offline)
		return err_set(err, ERR_API, "%s: its pages give nothing to look back at", reading->name);
	const char *since = strstr(store_how(reading->collect->store, reading->name), how_since);
	if (since == NULL) {
		reading->shape.since = NULL;
		return true;
	}
	since += sizeof(how_since) - 1;
	return (reading->shape.since != NULL && strcmp(reading->shape.since, since) == 0) ||
	       err_set(err, ERR_API, "%s: the pages that were kept hold only what changed since %s", reading->name,
		       since);
}

/* A reading that an earlier run finished: rows and proof come from the store. */
static bool recall_done(struct reading *reading, const char *proof, struct err *err)
{
	if (!take_how(reading, err) || !begin(reading, reading->collect->page_size, err) ||
		!recall(reading, false, err) || !sort(reading, err))
		return false;
	note_repeats(reading);
	reading->proof = mem_copy(proof);
	return true;
}

/* Goes on where an earlier run stopped. What cannot be used is no failure: the reading begins afresh. */
static bool recall_some(struct reading *reading, struct err *err)
{
	struct err own = {0};
	struct store *store = reading->collect->store;
	if (store == NULL || store_pages(store, reading->name) == 0)
		return begin_afresh(reading, reading->collect->page_size, err);
	reading->sorted = strncmp(store_how(store, reading->name), how_sorted, sizeof(how_sorted) - 1) == 0;
	if (take_how(reading, &own) && begin(reading, reading->collect->page_size, &own) &&
		recall(reading, true, &own)) {
		pager_check_first(reading->pager);
		return true;
	}
	if (own.code == ERR_STOPPED) {
		*err = own; /* what is kept serves the next run */
		return false;
	}
	log_line(LOG_INFO, NULL, "%s; reading it afresh", own.text);
	reading->sorted = true;
	return begin_afresh(reading, reading->collect->page_size, err);
}

/* --- the whole reading ---------------------------------------------------------------------------------------------
 */

/* What changed was asked for from so long ago that a row known from last time has to be listed, unless it is gone. */
static bool is_believable(const struct reading *reading, struct err *err)
{
	return reading->shape.since == NULL || reading->results[0].counts.rows > 0 ||
	       err_set(err, ERR_API, "%s: the server lists nothing that changed since %s", reading->name,
		       reading->shape.since);
}

/* A server that does not take the question for what changed, or whose answer cannot be relied on, is asked for all
 * rows. True when that is to be done. */
static bool ask_for_all(struct reading *reading, struct err *err)
{
	if (reading->shape.since == NULL || err->code != ERR_API || reading->collect->revised)
		return false;
	log_line(LOG_INFO, NULL, "%s; reading all rows in place of what changed", err->text);
	err_clear(err);
	reading->shape.since = NULL;
	reading->sorted = true;
	reading->missing = READING_GIVEN;
	return true;
}

/* What the answers said, for the report. Returns false. */
static bool say_evidence(struct reading *reading, const struct err *err)
{
	if (err->code == ERR_API)
		snprintf(reading->stats->evidence, sizeof(reading->stats->evidence), "%s",
			pager_evidence(reading->pager));
	return false;
}

static bool read_from_server(struct reading *reading, struct err *err)
{
	struct reading_mark before = {0};
	unsigned limit = reading->collect->page_size;
	const char *way = pager_way(reading->pager);
	for (unsigned begun = 0, reads = 1;; begun++) {
		bool moved = false;
		bool ready = reading->ahead; /* it has begun already */
		reading->ahead = false;
		if (!ready && !(begun == 0 ? recall_some(reading, err) : begin_afresh(reading, limit, err)))
			return false;
		if (strcmp(way, pager_way(reading->pager)) != 0) {
			way = pager_way(reading->pager);
			before = (struct reading_mark){0};
			reads = 1;
		}
		bool whole = read_once(reading, &moved, err);
		drop_all(reading);
		if (!whole && pager_rows(reading->pager) > reading->most)
			reading->most = pager_rows(reading->pager);
		if (whole && !sort(reading, err))
			return false;
		if (whole && is_settled(reading, &before, err) && is_believable(reading, err))
			break;
		if (ask_for_all(reading, err)) {
			before = (struct reading_mark){0};
			reading->most = 0;
			continue;
		}
		if (!whole && !moved)
			return say_evidence(reading, err);
		if (reads++ > READING_REREADS_MAX || begun > READING_MOST) {
			err_in(err, "%s: cannot be proved complete, read %" PRIu64 " times", reading->name,
				reading->stats->rereads + 1);
			err_hint(err,
				"Run the export when nobody works in the SIS, or ask its maker for a stable order");
			return say_evidence(reading, err);
		}
		log_line(LOG_INFO, reading->name, "%s; reading it again", err->text);
		err_clear(err);
		reading->stats->rereads++;
		limit = other_limit(reading);
	}
	note_repeats(reading);
	reading->proof = mem_copy(pager_proof(reading->pager));
	return reading->collect->store == NULL ||
	       store_done(reading->collect->store, reading->name, reading->results[0].counts.rows, reading->proof, err);
}

static bool read_collection(struct reading *reading, struct err *err)
{
	struct store *store = reading->collect->store;
	const char *why = store != NULL ? store_why_missing(store, reading->name) : NULL;
	const char *proof = store != NULL ? store_proof(store, reading->name, NULL) : NULL;
	/* A run that goes on asks again: the permission may have been given meanwhile. */
	if (why != NULL && reading->collect->offline) {
		reading->missing = READING_REFUSED;
		return err_set(err, ERR_API, "%s", why);
	}
	if (proof != NULL) {
		struct err own = {0};
		if (recall_done(reading, proof, &own))
			return true;
		if (reading->collect->offline || own.code == ERR_STOPPED) {
			*err = own;
			return false;
		}
		log_line(LOG_INFO, NULL, "%s; reading it afresh", own.text);
		if (!begin_afresh(reading, reading->collect->page_size, err))
			return false;
	}
	if (reading->collect->offline)
		return err_set(err, ERR_API, "%s: the saved pages do not hold it completely", reading->name);
	pace_restart(reading->collect->pace);
	if (read_from_server(reading, err))
		return true;
	/* That the server does not give it is worth keeping too, for those who read the saved pages. */
	struct err own = {0};
	if (reading->missing != READING_GIVEN && store != NULL)
		store_missing(store, reading->name, err->text, &own);
	return false;
}

static void hand_over(struct reading *reading)
{
	for (size_t i = 0; i < reading->shape.table_count; i++) {
		reading->results[i].rows = reading->files[i];
		reading->results[i].proof = i == 0 ? mem_copy(reading->proof)
						   : mem_format("made from %s", reading->name);
		reading->results[i].since = reading->shape.since != NULL ? mem_copy(reading->shape.since) : NULL;
		reading->files[i] = NULL;
	}
}

static struct reading *reading_new(struct collect *collect, const struct collect_order *order)
{
	struct reading *reading = mem_new(1, sizeof(*reading));
	*reading = (struct reading){.collect = collect, .name = order->endpoint, .sorted = true};
	const struct extras_wish *extras = metadata_wish(collect->metadata, order->table);
	reading->plan = plan_new(order->table, order->made, order->made_count, extras);
	reading->pager = pager_new(collect->page_size, config_list_has(collect->read_twice, order->table->name));
	reading->order = digest_new();
	reading->stats = &collect->stats->tables[order->table->id];
	reading->shape = (struct page_shape){
		.collect = collect,
		.endpoint = order->endpoint,
		.plan = reading->plan,
		.since = order->since,
		.table_count = 1 + order->made_count,
	};
	for (size_t i = 0; i <= order->made_count; i++) {
		reading->shape.tables[i] = i == 0 ? order->table : order->made[i - 1];
		reading->results[i].table = reading->shape.tables[i];
		value_counts_init(&reading->results[i].values, reading->shape.tables[i]->column_count);
	}
	if (extras != NULL)
		value_counts_init(&reading->results[0].metadata, 1);
	reading->slot_count = SLOTS_A_REQUEST * (size_t)collect->parallel;
	reading->slots = mem_new(reading->slot_count, sizeof(*reading->slots));
	for (size_t i = 0; i < reading->slot_count; i++)
		reading->slots[i].page = page_new(&reading->shape);
	return reading;
}

void reading_free(struct reading *reading)
{
	if (reading == NULL)
		return;
	for (size_t i = 0; i < reading->slot_count; i++)
		page_free(reading->slots[i].page);
	free(reading->slots);
	drop_files(reading);
	for (size_t i = 0; i < reading->shape.table_count; i++)
		collection_release(&reading->results[i]);
	digest_free(reading->order);
	free(reading->proof);
	pager_free(reading->pager);
	plan_free(reading->plan);
	free(reading);
}

/* A reading that was begun ahead: its turn has come. NULL when there is none. */
static struct reading *take_ahead(struct collect *collect, const char *name)
{
	size_t i = find_ahead(collect, name);
	if (i == collect->ahead_count)
		return NULL;
	struct reading *reading = collect->ahead[i];
	collect->ahead_count--;
	for (; i < collect->ahead_count; i++)
		collect->ahead[i] = collect->ahead[i + 1];
	return reading;
}

bool reading_run(struct collect *collect, const struct collect_order *order, struct collection *results,
	enum reading_missing *missing, struct err *err)
{
	struct reading *reading = take_ahead(collect, order->endpoint);
	if (reading == NULL)
		reading = reading_new(collect, order);
	bool fine = read_collection(reading, err);
	if (fine)
		hand_over(reading);
	*missing = reading->missing;
	for (size_t i = 0; i < reading->shape.table_count; i++) {
		results[i] = reading->results[i];
		reading->results[i] = (struct collection){0};
	}
	collect->stats->in_flight = 0;
	reading_free(reading);
	return fine;
}

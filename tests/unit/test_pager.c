#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "fetch/pager.h"

/* --- a server in memory ------------------------------------------------------------------------------------------- */

enum { ROWS_MAX = 700, WINDOW_MAX = 8, CHANGES_MAX = 4, ID_ROOM = 12 };

enum total { TOTAL_NONE, TOTAL_RIGHT, TOTAL_PAGE, TOTAL_MORE, TOTAL_LESS, TOTAL_GROWS, TOTAL_SOMETIMES };
enum past { PAST_EMPTY, PAST_REFUSED, PAST_LAST_PAGE };

struct change {
	size_t at;    /* the request before which it happens */
	size_t place; /* modulo the number of rows */
	bool insert;
};

struct server {
	size_t rows;
	size_t cap; /* 0: none */
	bool ignores_offset;
	bool ignores_limit;
	bool shuffled; /* another order at every request */
	bool counts;   /* says how many rows a page has */
	enum total total;
	size_t amount; /* by which a wrong total is wrong */
	enum past past;
	struct change changes[CHANGES_MAX];
	size_t change_count;
};

struct reader_options {
	unsigned limit;
	size_t window;
	size_t shrink_at; /* the answer before which pages turn out to be too large; 0: never */
};

enum end { END_DONE, END_REREAD, END_FAIL };

static uint32_t random_number(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) % limit);
}

/* A page that was asked for, with the answer as it was at that moment. */
struct flight {
	struct pager_page page;
	struct pager_answer answer;
	unsigned rows[ROWS_MAX];
	char first[ID_ROOM];
	char last[ID_ROOM];
};

static struct simulation {
	struct server server;
	unsigned rows[ROWS_MAX]; /* of the server, now */
	size_t row_count;
	unsigned next_id;
	bool lasting[2 * ROWS_MAX]; /* there all the time */
	size_t requests;
	uint64_t random;
	struct flight flights[WINDOW_MAX];
	size_t on_the_way;
	unsigned got[4 * ROWS_MAX];
	size_t got_count;
	struct err err;
} now;

static void apply_changes(void)
{
	for (size_t i = 0; i < now.server.change_count; i++) {
		const struct change *change = &now.server.changes[i];
		if (change->at != now.requests || now.row_count == 0)
			continue;
		size_t place = change->place % now.row_count;
		if (change->insert && now.row_count < ROWS_MAX) {
			memmove(now.rows + place + 1, now.rows + place, (now.row_count - place) * sizeof(*now.rows));
			now.rows[place] = now.next_id++;
			now.row_count++;
		} else if (!change->insert) {
			now.lasting[now.rows[place]] = false;
			now.row_count--;
			memmove(now.rows + place, now.rows + place + 1, (now.row_count - place) * sizeof(*now.rows));
		}
	}
}

static void shuffle(void)
{
	for (size_t i = now.row_count; i > 1; i--) {
		size_t other = random_number(&now.random, (uint32_t)i);
		unsigned row = now.rows[other];
		now.rows[other] = now.rows[i - 1];
		now.rows[i - 1] = row;
	}
}

static void state_total(struct pager_answer *answer)
{
	answer->has_total = true;
	switch (now.server.total) {
	case TOTAL_NONE: answer->has_total = false; break;
	case TOTAL_SOMETIMES:
		answer->has_total = now.requests % 2 == 0;
		answer->total = now.row_count;
		break;
	case TOTAL_RIGHT: answer->total = now.row_count; break;
	case TOTAL_PAGE: answer->total = answer->rows; break;
	case TOTAL_MORE: answer->total = now.row_count + now.server.amount; break;
	case TOTAL_LESS:
		answer->total = now.row_count > now.server.amount ? now.row_count - now.server.amount : 0;
		break;
	case TOTAL_GROWS: answer->total = now.row_count + now.requests; break;
	}
}

static void serve(struct flight *flight)
{
	const struct server *server = &now.server;
	apply_changes();
	if (server->shuffled)
		shuffle();
	size_t count = server->ignores_limit ? now.row_count : flight->page.limit;
	if (server->cap > 0 && count > server->cap)
		count = server->cap;
	size_t from = server->ignores_offset ? 0 : (size_t)flight->page.offset;
	struct pager_answer *answer = &flight->answer;
	*answer = (struct pager_answer){.ascending = true};
	now.requests++;
	if (from >= now.row_count && server->past == PAST_REFUSED && flight->page.offset > 0) {
		answer->refused = 404;
		answer->list = PAGER_LIST_NONE;
		return;
	}
	if (from >= now.row_count && server->past == PAST_LAST_PAGE)
		from = now.row_count > count ? now.row_count - count : 0;
	if (from >= now.row_count)
		count = 0;
	else if (count > now.row_count - from)
		count = now.row_count - from;
	answer->rows = count;
	state_total(answer);
	answer->has_count = server->counts;
	answer->count = count;
	if (count == 0)
		return;
	memcpy(flight->rows, now.rows + from, count * sizeof(*now.rows));
	for (size_t i = 1; i < count; i++)
		answer->ascending = answer->ascending && flight->rows[i] > flight->rows[i - 1];
	answer->first_length = (size_t)snprintf(flight->first, ID_ROOM, "%06u", flight->rows[0]);
	answer->last_length = (size_t)snprintf(flight->last, ID_ROOM, "%06u", flight->rows[count - 1]);
	answer->first = flight->first;
	answer->last = flight->last;
}

/* --- a reader, as cmd/collect.c is one ---------------------------------------------------------------------------- */

/* Forgets the pages of which the first is not wanted any more, or all that are stale. */
static void forget_flights(const struct pager *pager, bool first)
{
	size_t kept = 0;
	for (size_t i = 0; i < now.on_the_way; i++) {
		if ((first && i == 0) || now.flights[i].page.age != pager_age(pager))
			continue;
		struct flight *flight = &now.flights[kept];
		if (kept++ == i)
			continue;
		*flight = now.flights[i];
		flight->answer.first = flight->answer.first != NULL ? flight->first : NULL;
		flight->answer.last = flight->answer.last != NULL ? flight->last : NULL;
	}
	now.on_the_way = kept;
}

static enum end run(struct pager *pager, const struct reader_options *options, const char *name)
{
	size_t answers = 0;
	size_t most = (now.row_count + CHANGES_MAX + 20) * (options->window + 1);
	now.got_count = 0;
	now.on_the_way = 0;
	err_clear(&now.err);
	while (!pager_done(pager)) {
		forget_flights(pager, false);
		while (now.on_the_way < options->window) {
			struct flight *flight = &now.flights[now.on_the_way];
			if (!pager_next(pager, now.on_the_way, &flight->page))
				break;
			assert_true(flight->page.limit > 0);
			assert_int_equal(flight->page.age, pager_age(pager));
			serve(flight);
			now.on_the_way++;
		}
		if (now.on_the_way == 0 || now.requests > most)
			fail_msg("%s: %s after %zu requests", name, now.on_the_way == 0 ? "stuck" : "endless",
				now.requests);
		if (++answers == options->shrink_at && pager_shrink(pager))
			continue;
		struct flight *flight = &now.flights[0];
		switch (pager_judge(pager, &flight->page, &flight->answer, &now.err)) {
		case PAGER_KEEP:
			for (size_t i = flight->page.overlap ? 1 : 0; i < flight->answer.rows; i++) {
				assert_true(now.got_count < sizeof(now.got) / sizeof(now.got[0]));
				now.got[now.got_count++] = flight->rows[i];
			}
			break;
		case PAGER_SKIP: break;
		case PAGER_AGAIN:
			err_clear(&now.err);
			serve(flight);
			continue;
		case PAGER_REREAD: assert_int_equal(now.err.code, ERR_API); return END_REREAD;
		case PAGER_FAIL: assert_int_equal(now.err.code, ERR_API); return END_FAIL;
		}
		forget_flights(pager, true);
	}
	assert_int_equal(now.err.code, ERR_NONE);
	assert_true(strlen(pager_proof(pager)) > 0);
	return END_DONE;
}

static void start(const struct server *server, uint64_t seed)
{
	now.server = *server;
	now.row_count = server->rows;
	now.next_id = (unsigned)server->rows;
	now.requests = 0;
	now.random = seed;
	for (unsigned i = 0; i < server->rows; i++)
		now.rows[i] = i;
	for (size_t i = 0; i < sizeof(now.lasting); i++)
		now.lasting[i] = i < server->rows;
}

/* What must hold of a reading that calls itself done: every row that was there all the time was read, and once. If rows
 * came twice, which the caller sees, others may be missing. */
static void assert_whole(const struct pager *pager, const char *name)
{
	static unsigned times[2 * ROWS_MAX];
	size_t repeats = 0;
	memset(times, 0, sizeof(times));
	for (size_t i = 0; i < now.got_count; i++)
		repeats += times[now.got[i]]++ > 0 ? 1 : 0;
	if (repeats > 0 && (now.server.shuffled || now.server.change_count > 0))
		return;
	if (repeats > 0)
		fail_msg("%s: done with %zu rows read twice", name, repeats);
	for (unsigned id = 0; id < now.next_id; id++)
		if (now.lasting[id] && times[id] == 0)
			fail_msg("%s: done without row %u; %s", name, id, pager_proof(pager));
	assert_int_equal(pager_rows(pager), now.got_count);
	if (now.server.change_count == 0)
		assert_int_equal(now.got_count, now.row_count);
}

static void describe(const struct server *s, const struct reader_options *o, char *name, size_t room)
{
	snprintf(name, room,
		"%zu rows, cap %zu, offset %d, limit %d, shuffled %d, total %d by %zu, past %d, %zu changes; "
		"limit %u, window %zu, shrink at %zu",
		s->rows, s->cap, !s->ignores_offset, !s->ignores_limit, s->shuffled, (int)s->total, s->amount,
		(int)s->past, s->change_count, o->limit, o->window, o->shrink_at);
}

/* A second reading with another page size: rows and their places have to be the same. */
static enum end run_again(struct pager *pager, const struct reader_options *options, const char *name)
{
	static unsigned before[sizeof(now.got) / sizeof(now.got[0])];
	size_t count = now.got_count;
	memcpy(before, now.got, sizeof(before));
	pager_restart(pager, options->limit * 2 / 3 + 1);
	enum end end = run(pager, options, name);
	if (end != END_DONE)
		return end;
	bool same = count == now.got_count && memcmp(before, now.got, count * sizeof(before[0])) == 0;
	return same ? END_DONE : END_REREAD;
}

static enum end read_all(const struct server *server, const struct reader_options *options, uint64_t seed)
{
	char name[256];
	describe(server, options, name, sizeof(name));
	struct pager *pager = pager_new(options->limit, false);
	start(server, seed);
	enum end end = run(pager, options, name);
	if (end == END_DONE && pager_doubt(pager) != NULL)
		end = run_again(pager, options, name);
	if (end == END_DONE)
		assert_whole(pager, name);
	pager_free(pager);
	return end;
}

/* --- servers one by one ------------------------------------------------------------------------------------------- */

/* Every honest server is read, whatever its page size, and however the end shows. */
static void test_honest_servers(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 3, 9, 10, 11, 20, 21, 99, 100, 101, 250};
	static const unsigned limits[] = {1, 2, 10, 100};
	static const enum total totals[] = {TOTAL_NONE, TOTAL_RIGHT, TOTAL_PAGE, TOTAL_SOMETIMES};
	(void)state;
	for (size_t size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++)
		for (size_t limit = 0; limit < sizeof(limits) / sizeof(limits[0]); limit++)
			for (size_t total = 0; total < sizeof(totals) / sizeof(totals[0]); total++)
				for (size_t window = 1; window <= WINDOW_MAX; window += 7)
					for (int refused = 0; refused < 2; refused++) {
						struct server server = {
							.rows = sizes[size],
							.total = totals[total],
							.past = refused ? PAST_REFUSED : PAST_EMPTY,
							.counts = true,
						};
						struct reader_options options = {limits[limit], window, 0};
						assert_int_equal(read_all(&server, &options, 1), END_DONE);
					}
}

/* A cap below the limit, which nobody is told of: pages asked ahead stand at wrong places. */
static void test_caps(void **state)
{
	(void)state;
	for (size_t cap = 1; cap <= 12; cap++)
		for (size_t rows = 0; rows <= 40; rows++)
			for (size_t window = 1; window <= WINDOW_MAX; window++)
				for (int total = TOTAL_NONE; total <= TOTAL_PAGE; total++) {
					struct server server = {.rows = rows, .cap = cap, .total = (enum total)total};
					struct reader_options options = {10, window, 0};
					assert_int_equal(read_all(&server, &options, 1), END_DONE);
				}
}

static void test_everything_at_once(void **state)
{
	static const size_t sizes[] = {1, 2, 5, 9, 11, 400};
	(void)state;
	/* Neither offset nor limit is heard: all rows, time and again. */
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int total = TOTAL_NONE; total <= TOTAL_PAGE; total++) {
			struct server server = {.rows = sizes[i],
				.ignores_offset = true,
				.ignores_limit = true,
				.total = (enum total)total};
			struct reader_options options = {10, 4, 0};
			assert_int_equal(read_all(&server, &options, 1), END_DONE);
		}
	/* As many rows as were asked for, or as a server gives to whoever asks for none: a cache may repeat a page. */
	static const size_t suspicious[] = {10, 100};
	for (size_t i = 0; i < sizeof(suspicious) / sizeof(suspicious[0]); i++) {
		struct server server = {.rows = suspicious[i], .ignores_offset = true, .ignores_limit = true};
		struct reader_options options = {10, 4, 0};
		assert_int_equal(read_all(&server, &options, 1), END_REREAD);
	}
	/* The limit is not heard, the offset is. */
	struct server server = {.rows = 400, .ignores_limit = true};
	struct reader_options options = {10, 4, 0};
	assert_int_equal(read_all(&server, &options, 1), END_DONE);
}

static void test_offset_ignored(void **state)
{
	(void)state;
	/* The first page for ever: never an end. */
	for (size_t rows = 11; rows < 60; rows += 7)
		for (int total = TOTAL_NONE; total <= TOTAL_SOMETIMES; total++)
			for (size_t window = 1; window <= WINDOW_MAX; window += 3) {
				struct server server = {
					.rows = rows, .ignores_offset = true, .total = (enum total)total, .amount = 3};
				struct reader_options options = {10, window, 0};
				assert_int_not_equal(read_all(&server, &options, 1), END_DONE);
			}
	/* It sends so many rows whatever is asked for, and says that there are more. */
	for (size_t cap = 1; cap < 40; cap += 3) {
		struct server server = {
			.rows = 40, .cap = cap, .ignores_offset = true, .ignores_limit = true, .total = TOTAL_RIGHT};
		struct reader_options options = {10, 1, 0};
		assert_int_not_equal(read_all(&server, &options, 1), END_DONE);
		server.total = TOTAL_SOMETIMES;
		assert_int_not_equal(read_all(&server, &options, 1), END_DONE);
	}
}

static void test_wrong_totals(void **state)
{
	(void)state;
	for (size_t rows = 1; rows < 45; rows++)
		for (size_t amount = 1; amount < 12; amount++)
			for (size_t window = 1; window <= WINDOW_MAX; window += 3)
				for (size_t cap = 0; cap < 7; cap += 3) {
					struct server server = {
						.rows = rows, .cap = cap, .total = TOTAL_MORE, .amount = amount};
					struct reader_options options = {10, window, 0};
					assert_int_not_equal(read_all(&server, &options, 1), END_DONE);
					server.total = TOTAL_LESS;
					read_all(&server, &options, 1); /* as many as a page: can be told and read */
					server.total = TOTAL_GROWS;
					assert_int_not_equal(read_all(&server, &options, 1), END_DONE);
				}
}

/* Behind the end the last page once more: found out, or known by the total. */
static void test_last_page_repeated(void **state)
{
	(void)state;
	for (size_t rows = 1; rows < 45; rows++)
		for (size_t cap = 0; cap < 7; cap += 3)
			for (int total = TOTAL_NONE; total <= TOTAL_PAGE; total++) {
				struct server server = {
					.rows = rows, .cap = cap, .past = PAST_LAST_PAGE, .total = (enum total)total};
				struct reader_options options = {10, 2, 0};
				read_all(&server, &options, 1);
			}
}

/* One row goes or comes before each request in turn, at each place. */
static void test_rows_move(void **state)
{
	size_t ends[3] = {0};
	(void)state;
	for (int insert = 0; insert < 2; insert++)
		for (size_t at = 0; at < 7; at++)
			for (size_t place = 0; place < 26; place++)
				for (int total = TOTAL_NONE; total <= TOTAL_RIGHT; total++)
					for (size_t window = 1; window <= 4; window += 3) {
						struct server server = {.rows = 26,
							.total = (enum total)total,
							.changes = {{at, place, insert != 0}},
							.change_count = 1};
						struct reader_options options = {6, window, 0};
						ends[read_all(&server, &options, 1)]++;
					}
	/* Changes behind the reading point do no harm, those before it are seen. */
	assert_true(ends[END_DONE] > 0 && ends[END_REREAD] > 0);
	assert_int_equal(ends[END_FAIL], 0);

	/* A row read already goes: without a look back another would be skipped. */
	struct server server = {.rows = 26, .changes = {{2, 3, false}}, .change_count = 1};
	struct reader_options options = {6, 1, 0};
	assert_int_equal(read_all(&server, &options, 1), END_REREAD);
	server.changes[0].insert = true;
	assert_int_equal(read_all(&server, &options, 1), END_REREAD);
	server.changes[0] = (struct change){2, 20, false};
	assert_int_equal(read_all(&server, &options, 1), END_DONE);
}

static void test_shrink(void **state)
{
	(void)state;
	for (size_t at = 1; at < 12; at++)
		for (size_t window = 1; window <= WINDOW_MAX; window += 3)
			for (int total = TOTAL_NONE; total <= TOTAL_PAGE; total++) {
				struct server server = {.rows = 650, .total = (enum total)total};
				struct reader_options options = {200, window, at};
				assert_int_equal(read_all(&server, &options, 1), END_DONE);
			}
	struct pager *pager = pager_new(1000, false);
	static const unsigned sizes[] = {500, 250, 125, 62, 50};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned age = pager_age(pager);
		assert_true(pager_shrink(pager));
		assert_int_equal(pager_limit(pager), sizes[i]);
		assert_int_not_equal(pager_age(pager), age);
	}
	assert_false(pager_shrink(pager));
	assert_int_equal(pager_limit(pager), PAGER_LIMIT_MIN);
	pager_free(pager);
}

static void test_restart(void **state)
{
	struct server server = {.rows = 25, .total = TOTAL_RIGHT, .changes = {{2, 3, false}}, .change_count = 1};
	struct reader_options options = {6, 3, 0};
	(void)state;
	struct pager *pager = pager_new(6, false);
	start(&server, 1);
	assert_int_equal(run(pager, &options, "first"), END_REREAD);
	unsigned age = pager_age(pager);
	pager_restart(pager, 4);
	assert_int_not_equal(pager_age(pager), age);
	assert_int_equal(pager_limit(pager), 4);
	now.requests = 10;
	assert_int_equal(run(pager, &options, "again"), END_DONE);
	assert_whole(pager, "again");
	assert_int_equal(now.got_count, 24);
	uint64_t total = 0;
	assert_true(pager_total(pager, &total));
	assert_int_equal(total, 24);
	pager_free(pager);
}

/* A page that has not as many rows as the server says is not believed. */
static void test_count(void **state)
{
	(void)state;
	struct pager *pager = pager_new(10, false);
	struct pager_page page;
	struct err err = {0};
	assert_true(pager_next(pager, 0, &page));
	struct pager_answer answer = {.rows = 3,
		.has_count = true,
		.count = 10,
		.first = "a",
		.first_length = 1,
		.last = "c",
		.last_length = 1,
		.ascending = true};
	assert_int_equal(pager_judge(pager, &page, &answer, &err), PAGER_AGAIN);
	assert_int_equal(err.code, ERR_API);
	assert_int_equal(pager_rows(pager), 0);
	err_clear(&err);
	answer.count = 3;
	assert_int_equal(pager_judge(pager, &page, &answer, &err), PAGER_KEEP);
	assert_int_equal(pager_rows(pager), 3);
	pager_free(pager);
}

/* --- cursors ------------------------------------------------------------------------------------------------------ */

/* Pages of one row each that link to the page next[i], -1 for none. Gives the last verdict. */
static enum pager_verdict follow(const int *next, size_t pages, bool has_total, uint64_t total, size_t *kept)
{
	struct pager *pager = pager_new(10, false);
	enum pager_verdict verdict = PAGER_KEEP;
	struct err err = {0};
	int at = 0;
	size_t requests = 0;
	*kept = 0;
	while (!pager_done(pager) && verdict == PAGER_KEEP) {
		struct pager_page page;
		char id[ID_ROOM];
		char url[32];
		assert_true(pager_next(pager, 0, &page));
		struct pager_page other;
		assert_false(*kept > 0 && pager_next(pager, 1, &other));
		if (*kept > 0) {
			snprintf(url, sizeof(url), "/users?cursor=%d", at);
			assert_string_equal(page.url, url);
		} else {
			assert_null(page.url);
		}
		assert_true(at >= 0 && (size_t)at < pages && requests++ < 4 * pages);
		at = next[at];
		snprintf(url, sizeof(url), "/users?cursor=%d", at);
		struct pager_answer answer = {.rows = 1,
			.has_total = has_total,
			.total = total,
			.first = id,
			.last = id,
			.ascending = true,
			.links = true,
			.more = at >= 0,
			.next_url = at >= 0 ? url : NULL};
		answer.first_length = (size_t)snprintf(id, sizeof(id), "%06d", (int)requests);
		answer.last_length = answer.first_length;
		verdict = pager_judge(pager, &page, &answer, &err);
		*kept += verdict == PAGER_KEEP ? 1 : 0;
	}
	pager_free(pager);
	return verdict;
}

static void test_cursors(void **state)
{
	static const int line[] = {1, 2, 3, 4, -1};
	static const int itself[] = {1, 2, 2};
	static const int circle[] = {1, 2, 3, 4, 5, 6, 3};
	size_t kept = 0;
	(void)state;
	assert_int_equal(follow(line, 5, false, 0, &kept), PAGER_KEEP);
	assert_int_equal(kept, 5);
	assert_int_equal(follow(line, 5, true, 5, &kept), PAGER_KEEP);
	assert_int_equal(kept, 5);
	assert_int_equal(follow(line, 5, true, 6, &kept), PAGER_REREAD);
	assert_int_equal(follow(line, 5, true, 4, &kept), PAGER_REREAD);
	assert_int_equal(follow(itself, 3, false, 0, &kept), PAGER_FAIL);
	assert_int_equal(follow(circle, 7, false, 0, &kept), PAGER_FAIL);
}

/* --- a walk over many servers ------------------------------------------------------------------------------------- */

static struct server random_server(uint64_t *random)
{
	struct server server = {
		.rows = random_number(random, 8) == 0 ? 50 + random_number(random, 550) : random_number(random, 50),
		.cap = random_number(random, 2) != 0 ? 1 + random_number(random, 30) : 0,
		.ignores_offset = random_number(random, 12) == 0,
		.ignores_limit = random_number(random, 8) == 0,
		.counts = random_number(random, 2) != 0,
		.total = (enum total)random_number(random, TOTAL_SOMETIMES + 1),
		.amount = 1 + random_number(random, 12),
		.past = (enum past)random_number(random, PAST_LAST_PAGE + 1),
	};
	unsigned kind = random_number(random, 4);
	server.shuffled = kind == 0;
	for (size_t i = 0; kind == 1 && i < CHANGES_MAX; i++)
		server.changes[server.change_count++] = (struct change){
			random_number(random, 12), random_number(random, ROWS_MAX), random_number(random, 2) != 0};
	/* One row at a time gives nothing to look back at. */
	if (server.change_count > 0 && server.cap == 1)
		server.cap = 2;
	/* Always the same rows, and no word of others: nobody could know that there are any. */
	bool silent = server.total == TOTAL_NONE || server.total == TOTAL_PAGE || server.total == TOTAL_LESS;
	bool the_same = server.ignores_offset && (server.ignores_limit || server.cap == 1);
	if (the_same && silent && server.cap < server.rows)
		server.cap = 0;
	return server;
}

static void test_many_servers(void **state)
{
	uint64_t random = 0x2545f4914f6cdd1dU;
	size_t ends[3] = {0};
	(void)state;
	for (int i = 0; i < 12000; i++) {
		struct server server = random_server(&random);
		struct reader_options options = {
			.limit = 2 + random_number(&random, random_number(&random, 4) == 0 ? 300 : 30),
			.window = 1 + random_number(&random, WINDOW_MAX),
			.shrink_at = random_number(&random, 4) == 0 ? 1 + random_number(&random, 6) : 0,
		};
		enum end end = read_all(&server, &options, random | 1);
		ends[end]++;
		/* Nothing is wrong with it: then it must be read. */
		bool honest = !server.ignores_offset && !server.shuffled && server.change_count == 0 &&
			      server.past != PAST_LAST_PAGE &&
			      (server.total == TOTAL_NONE || server.total == TOTAL_RIGHT ||
				      server.total == TOTAL_PAGE || server.total == TOTAL_SOMETIMES);
		if (honest && end != END_DONE) {
			char name[256];
			describe(&server, &options, name, sizeof(name));
			fail_msg("%s: not read: %s", name, now.err.text);
		}
	}
	assert_true(ends[END_DONE] > 1000 && ends[END_REREAD] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest_servers),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_offset_ignored),
		cmocka_unit_test(test_wrong_totals),
		cmocka_unit_test(test_last_page_repeated),
		cmocka_unit_test(test_rows_move),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_cursors),
		cmocka_unit_test(test_many_servers),
	};
	return cmocka_run_group_tests_name("pager", tests, NULL, NULL);
}

/* Servers are simulated in virtual time: so many workers, a queue, perhaps a limit. Randomness is seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "fetch/pace.h"

enum {
	MOST = 64,
	RETRY_MS = 500,
	REFUSAL_MS = 2,
	ROWS = 1000, /* of a page */
};

enum noise { NONE, EVEN, LONG_TAILED };

struct server {
	unsigned workers;
	unsigned shared; /* works on all at once, each the slower the more there are above this; 0 for no such thing */
	unsigned room;   /* refuses when more than so many are there; 0 for any number */
	double service_ms;
	double network_ms; /* there and back */
	enum noise noise;  /* of the service: +-30 %, or exponential */
	double slower_ms;  /* by so much per page asked so far: deep offsets */
	unsigned flaky;    /* so many in 1,000 requests are answered 503, whatever the load */
};

enum phase { FREE, THERE, WAITING, WORKED_ON, BACK, BACK_REFUSED, LATER };

struct job {
	enum phase phase;
	double at;   /* when the phase ends */
	double sent; /* ms */
	uint64_t number;
	unsigned most;
	uint64_t rows;
};

struct run {
	struct server server;
	struct pace *pace;
	struct job jobs[MOST];
	double now;
	unsigned running;
	uint64_t asked; /* pages, each counted once */
	uint64_t answered;
	uint64_t refused;
	uint64_t sent;
	double began;
	double in_flight; /* times ms */
	uint32_t random;
	uint64_t busy_from; /* from this page on the server shares its power among so many */
	unsigned busy;
	uint64_t odd_every; /* each page of this number has a few rows only and is fast; 0 for none */
};

static double random_part(struct run *run)
{
	run->random = run->random * UINT32_C(1664525) + UINT32_C(1013904223);
	return (double)(run->random >> 8) / (double)(1 << 24);
}

/* -log(x) for 0 < x <= 1, without the mathematics library. */
static double minus_log(double x)
{
	double doublings = 0;
	while (x < 0.5) {
		x *= 2;
		doublings++;
	}
	double sum = 0;
	double power = 1;
	for (unsigned i = 1; i < 40; i++) {
		power *= 1 - x;
		sum += power / i;
	}
	return sum + doublings * 0.69314718056;
}

static unsigned count(const struct run *run, enum phase phase)
{
	unsigned n = 0;
	for (size_t i = 0; i < MOST; i++)
		n += run->jobs[i].phase == phase;
	return n;
}

static double service(struct run *run, const struct job *job)
{
	const struct server *server = &run->server;
	double ms = server->service_ms + server->slower_ms * (double)run->asked;
	if (job->rows < ROWS)
		ms /= 10;
	double there = count(run, WORKED_ON);
	if (server->shared > 0 && there > server->shared)
		ms *= there / server->shared;
	switch (server->noise) {
	case EVEN: return ms * (0.7 + 0.6 * random_part(run));
	case LONG_TAILED: return ms * minus_log(1 - random_part(run) * 0.9999);
	case NONE: break;
	}
	return ms;
}

static void put_to_work(struct run *run)
{
	while (count(run, WORKED_ON) < run->server.workers) {
		struct job *first = NULL;
		for (size_t i = 0; i < MOST; i++) {
			struct job *job = &run->jobs[i];
			if (job->phase == WAITING && (first == NULL || job->number < first->number))
				first = job;
		}
		if (first == NULL)
			return;
		first->phase = WORKED_ON;
		first->at = run->now + service(run, first);
	}
}

static void arrive(struct run *run, struct job *job)
{
	const struct server *server = &run->server;
	bool full = server->room > 0 && count(run, WAITING) + count(run, WORKED_ON) >= server->room;
	if (full || (server->flaky > 0 && random_part(run) * 1000 < server->flaky)) {
		job->phase = BACK_REFUSED;
		job->at = run->now + server->network_ms / 2 + REFUSAL_MS;
		return;
	}
	job->phase = WAITING;
	put_to_work(run);
}

static void send_one(struct run *run, struct job *job)
{
	job->phase = THERE;
	job->sent = run->now;
	job->at = run->now + run->server.network_ms / 2;
	job->number = run->sent++;
	run->running++;
	job->most = 0;
	for (size_t i = 0; i < MOST; i++)
		if (run->jobs[i].phase != FREE && run->jobs[i].phase != LATER && run->jobs[i].most < run->running)
			run->jobs[i].most = run->running;
}

static void end_phase(struct run *run, struct job *job)
{
	double ms = run->now - job->sent;
	switch (job->phase) {
	case THERE: arrive(run, job); break;
	case WORKED_ON:
		job->phase = BACK;
		job->at = run->now + run->server.network_ms / 2;
		put_to_work(run);
		break;
	case BACK:
		job->phase = FREE;
		run->running--;
		run->answered++;
		pace_answer(run->pace, (int64_t)run->now, (int64_t)ms, job->most, job->rows);
		break;
	case BACK_REFUSED:
		job->phase = LATER;
		job->at = run->now + RETRY_MS;
		run->running--;
		run->refused++;
		pace_pushed_back(run->pace, (int64_t)run->now, (int64_t)ms, job->most);
		break;
	case FREE:
	case WAITING:
	case LATER: break;
	}
}

/* Those that wait for another try go first, as they would in page order. */
static bool send_next(struct run *run, uint64_t pages)
{
	struct job *next = NULL;
	if (run->running >= pace_allowed(run->pace))
		return false;
	for (size_t i = 0; i < MOST; i++)
		if (run->jobs[i].phase == LATER && run->jobs[i].at <= run->now)
			next = &run->jobs[i];
	if (next == NULL && run->asked < pages)
		for (size_t i = 0; i < MOST && next == NULL; i++)
			if (run->jobs[i].phase == FREE)
				next = &run->jobs[i];
	if (next == NULL)
		return false;
	if (next->phase == FREE) {
		run->asked++;
		if (run->asked == run->busy_from)
			run->server.shared = run->busy;
		next->rows = run->odd_every > 0 && run->asked % run->odd_every == 0 ? 20 : ROWS;
	}
	send_one(run, next);
	return true;
}

static void begin(struct run *run, unsigned most, struct server server)
{
	*run = (struct run){.server = server, .pace = pace_new(most), .random = 1};
}

/* Reads on until so many pages were asked and answered, counting from the beginning of the run. */
static void read_pages(struct run *run, uint64_t pages)
{
	for (;;) {
		while (send_next(run, pages)) {
		}
		struct job *next = NULL;
		for (size_t i = 0; i < MOST; i++) {
			struct job *job = &run->jobs[i];
			if (job->phase != FREE && job->phase != WAITING && (next == NULL || job->at < next->at) &&
				(job->phase != LATER || job->at > run->now))
				next = job;
		}
		if (next == NULL)
			return;
		run->in_flight += run->running * (next->at - run->now);
		run->now = next->at;
		end_phase(run, next);
		assert_true(pace_allowed(run->pace) >= 1 && pace_allowed(run->pace) <= MOST);
	}
}

/* The first page alone, as a total has to be known before others can be asked for. */
static void read_collection(struct run *run, uint64_t pages)
{
	uint64_t done = run->asked;
	read_pages(run, done + 1);
	read_pages(run, done + pages);
}

static void end(struct run *run)
{
	pace_free(run->pace);
}

static void count_from_here(struct run *run)
{
	run->began = run->now;
	run->in_flight = 0;
	run->answered = 0;
	run->refused = 0;
}

/* Answers in a second, as a part of the best the server could give in a second. */
static double share_of(const struct run *run, double best)
{
	return (double)run->answered * 1000 / (run->now - run->began) / best;
}

static double mean_in_flight(const struct run *run)
{
	return run->in_flight / (run->now - run->began);
}

/* For those who change the policy: what a run came to. */
static void show(const struct run *run, const char *name, double best)
{
	print_message("%-40s %8.0f ms, %.3f of the best, %5.2f in flight, %3u refused of %u\n", name,
		run->now - run->began, share_of(run, best), mean_in_flight(run), (unsigned)run->refused,
		(unsigned)(run->answered + run->refused));
}

/* --- servers -------------------------------------------------------------------------------------------------------
 */

/* The first page comes alone, as it tells the total; 39 are then five rounds of eight. No policy is faster. */
static void test_waiting_is_shared(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200});
	read_collection(&run, 40);
	show(&run, "200 ms, 40 pages", 40);
	assert_true(run.now <= 200 + 5 * 200);
	end(&run);

	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200});
	read_collection(&run, 400);
	show(&run, "200 ms, 400 pages", 40);
	assert_true(run.now <= 1.15 * 400 * 200 / 8);
	end(&run);
}

/* When the total is known beforehand, and the server from another collection: within 15 % of the ideal. */
static void test_known_server(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200});
	read_pages(&run, 1);
	pace_restart(run.pace);
	count_from_here(&run);
	read_pages(&run, 41);
	show(&run, "200 ms, 40 pages, server and total known", 40);
	assert_true(run.now - run.began <= 1.15 * 40 * 200 / 8);
	end(&run);
}

/* Three at a time, 429 when there are more than five. */
static void test_refusing_server(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		double network_ms;
		enum noise noise;
	} kinds[] = {
		{"3 at a time, 429 above 5", 0, NONE},
		{"the same, +-30 %", 0, EVEN},
		{"the same, 30 ms away", 30, NONE},
		{"the same, 30 ms away, +-30 %", 30, EVEN},
	};
	for (unsigned most = 8; most <= MOST; most *= 2)
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			struct server server = {.workers = 3, .room = 5, .service_ms = 50};
			server.network_ms = kinds[i].network_ms;
			server.noise = kinds[i].noise;
			struct run run;
			begin(&run, most, server);
			read_collection(&run, 2000);
			if (most == 16)
				show(&run, kinds[i].name, 60);
			assert_true(share_of(&run, 60) >= 0.9);
			assert_true(run.refused * 100 < run.answered + run.refused);
			end(&run);
		}
}

/* The limit alone, and no queue that would warn of it: it is tried now and then for a long time. */
static void test_limit_without_warning(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 16, (struct server){.workers = MOST, .room = 5, .service_ms = 50});
	read_collection(&run, 50000);
	show(&run, "429 above 5, no queue", 100);
	assert_true(share_of(&run, 100) >= 0.95);
	assert_true(run.refused * 100 < run.answered);
	assert_true(run.refused > 3); /* it is tried again, though */
	/* One day the server is given more room. */
	run.server.room = 0;
	read_pages(&run, 150000);
	assert_int_equal(pace_allowed(run.pace), 16);
	end(&run);
}

static void test_queueing_server(void **state)
{
	(void)state;
	static const enum noise noises[] = {NONE, EVEN};
	for (size_t i = 0; i < 2; i++) {
		struct run run;
		begin(&run, MOST, (struct server){.workers = 4, .service_ms = 50, .noise = noises[i]});
		read_collection(&run, 400);
		count_from_here(&run);
		read_pages(&run, 5000);
		show(&run, i == 0 ? "4 at a time, 64 allowed" : "the same, +-30 %", 80);
		assert_true(share_of(&run, 80) >= 0.9);
		assert_true(mean_in_flight(&run) >= 4 && mean_in_flight(&run) <= 6.5);
		end(&run);
	}
}

/* Others begin to use the server too, while requests are on the way: none of ours is alone with it. */
static void test_server_gets_busy(void **state)
{
	(void)state;
	for (unsigned most = 16; most <= MOST; most *= 2) {
		struct run run;
		begin(&run, most, (struct server){.workers = MOST, .shared = 64, .service_ms = 50});
		run.busy_from = 900;
		run.busy = 2;
		read_collection(&run, 1200);
		count_from_here(&run);
		read_pages(&run, 4000);
		show(&run, "power for 64, then for 2", 40);
		assert_true(share_of(&run, 40) >= 0.9);
		assert_true(mean_in_flight(&run) <= 4.5);
		end(&run);
	}
}

static void test_single_threaded_server(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 16, (struct server){.workers = 1, .service_ms = 50});
	read_collection(&run, 1000);
	show(&run, "1 at a time", 20);
	assert_true(share_of(&run, 20) >= 0.9);
	assert_true(mean_in_flight(&run) <= 2.25);
	end(&run);

	begin(&run, 16, (struct server){.workers = 1, .service_ms = 50, .network_ms = 30});
	read_collection(&run, 1000);
	show(&run, "1 at a time, 30 ms away", 20);
	assert_true(share_of(&run, 20) >= 0.9);
	assert_true(mean_in_flight(&run) <= 3.25);
	end(&run);
}

static void test_noise_does_not_slow(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++)
		for (unsigned most = 8; most <= MOST; most *= 2) {
			struct run run;
			begin(&run, most, (struct server){.workers = MOST, .service_ms = 200, .noise = EVEN});
			run.random = seed;
			read_collection(&run, UINT64_C(20) * most);
			count_from_here(&run);
			read_pages(&run, UINT64_C(100) * most);
			if (seed == 1)
				show(&run, "200 ms +-30 %, from page 20 x most on", most * 5);
			assert_true(share_of(&run, most * 5) >= 0.85);
			end(&run);
		}
	/* Even with times all over the place, the default of most users is not far. */
	struct run run;
	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200, .noise = LONG_TAILED});
	read_collection(&run, 5000);
	show(&run, "200 ms, exponential", 40);
	assert_true(share_of(&run, 40) >= 0.7);
	end(&run);
}

/* A night job ends: from two at a time, 500 ms each, to as many as one likes, 50 ms each. */
static void test_server_gets_faster(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 16, (struct server){.workers = 2, .service_ms = 500});
	read_collection(&run, 400);
	assert_true(pace_allowed(run.pace) <= 4);
	run.server.workers = MOST;
	run.server.service_ms = 50;
	count_from_here(&run);
	read_pages(&run, 2400);
	show(&run, "2 at 500 ms, then many at 50 ms", 320);
	assert_true(share_of(&run, 320) >= 0.9);
	end(&run);

	begin(&run, 16, (struct server){.workers = MOST, .service_ms = 500});
	read_collection(&run, 400);
	run.server.service_ms = 50;
	count_from_here(&run);
	read_pages(&run, 2400);
	show(&run, "500 ms, then 50 ms", 320);
	assert_true(share_of(&run, 320) >= 0.95);
	end(&run);
}

/* Latency that rises for reasons of its own is no queue. */
static void test_server_gets_slower(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 16, (struct server){.workers = MOST, .service_ms = 50});
	read_collection(&run, 400);
	run.server.service_ms = 500;
	count_from_here(&run);
	read_pages(&run, 2400);
	show(&run, "50 ms, then 500 ms", 32);
	assert_true(share_of(&run, 32) >= 0.9);
	end(&run);

	begin(&run, 16, (struct server){.workers = MOST, .service_ms = 50, .slower_ms = 1});
	read_collection(&run, 1000);
	show(&run, "1 ms slower with each page", 16 / 0.55);
	assert_true(share_of(&run, 16 / 0.55) >= 0.75);
	end(&run);
}

static void test_odd_pages(void **state)
{
	(void)state;
	struct run run;
	/* A fast small page among the others does not make the others look late. */
	begin(&run, 16, (struct server){.workers = MOST, .service_ms = 200});
	run.odd_every = 3;
	read_collection(&run, 600);
	show(&run, "200 ms, each third page is small", 80);
	assert_int_equal(pace_allowed(run.pace), 16);
	assert_true(share_of(&run, 80) >= 0.95);
	end(&run);
	/* All pages are smaller from here on, and then again. */
	begin(&run, 16, (struct server){.workers = MOST, .service_ms = 20});
	run.odd_every = 1;
	read_collection(&run, 200);
	run.odd_every = 0;
	run.server.service_ms = 200;
	count_from_here(&run);
	read_pages(&run, 1000);
	show(&run, "small pages, then large ones", 80);
	assert_true(share_of(&run, 80) >= 0.9);
	end(&run);
}

/* Failures that have nothing to do with the number on the way. */
static void test_accidents(void **state)
{
	(void)state;
	struct run run;
	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200, .flaky = 10});
	read_collection(&run, 5000);
	show(&run, "503 for one in a hundred", 40);
	assert_true(share_of(&run, 40) >= 0.7);
	end(&run);

	begin(&run, 8, (struct server){.workers = MOST, .service_ms = 200, .flaky = 200});
	read_collection(&run, 200);
	show(&run, "503 for one in five", 40);
	assert_int_equal(run.answered, 200);
	assert_true(mean_in_flight(&run) <= 2.5); /* and gentle when there are many */
	end(&run);
}

/* --- rules ---------------------------------------------------------------------------------------------------------
 */

static struct pace *fresh(unsigned most, unsigned level)
{
	struct pace *pace = pace_new(most);
	pace_answer(pace, 100, 100, 1, ROWS);
	for (int64_t now = 200; pace_allowed(pace) < level; now += 100)
		for (unsigned i = pace_allowed(pace); i > 0; i--)
			pace_answer(pace, now, 100, pace_allowed(pace), ROWS);
	return pace;
}

static void test_start(void **state)
{
	(void)state;
	static const unsigned allowed[] = {0, 1, 2, 4, 8, 9, 64};
	static const unsigned before[] = {1, 1, 2, 2, 2, 2, 2};
	static const unsigned after[] = {1, 1, 2, 4, 8, 8, 8};
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct pace *pace = pace_new(allowed[i]);
		assert_int_equal(pace_allowed(pace), before[i]);
		pace_answer(pace, 200, 200, 1, ROWS);
		assert_int_equal(pace_allowed(pace), after[i]);
		pace_free(pace);
	}
	pace_free(NULL);
}

/* A server that refuses the first request is not asked eight at once. */
static void test_refused_at_first(void **state)
{
	(void)state;
	struct pace *pace = pace_new(16);
	pace_pushed_back(pace, 10, 10, 1);
	assert_int_equal(pace_allowed(pace), 1);
	pace_answer(pace, 700, 200, 1, ROWS);
	assert_int_equal(pace_allowed(pace), 1);
	pace_free(pace);
}

static void test_burst_halves_once(void **state)
{
	(void)state;
	struct pace *pace = fresh(16, 16);
	for (unsigned i = 0; i < 6; i++)
		pace_pushed_back(pace, 1000 + i, 100, 16);
	assert_int_equal(pace_allowed(pace), 8);
	pace_pushed_back(pace, 1200, 100, 8); /* sent after that */
	assert_int_equal(pace_allowed(pace), 4);
	for (unsigned i = 0; i < 9; i++)
		pace_pushed_back(pace, 2000 + 1000 * i, 100, 4);
	assert_int_equal(pace_allowed(pace), 1);
	pace_free(pace);
}

/* What was refused is not tried again for five minutes and 500 answers. */
static void test_refused_level_is_remembered(void **state)
{
	(void)state;
	struct pace *pace = fresh(8, 8);
	pace_pushed_back(pace, 1000, 100, 8);
	assert_int_equal(pace_allowed(pace), 4);
	int64_t now = 1200;
	for (unsigned i = 0; i < 20000 && now < 1000 + PACE_HOLD_MS; i++, now += 20) {
		pace_answer(pace, now, 100, pace_allowed(pace), ROWS);
		assert_true(pace_allowed(pace) < 8);
		if (i == 1000)
			pace_restart(pace); /* the server is the same for every collection */
	}
	assert_int_equal(pace_allowed(pace), 7);
	for (unsigned i = 0; i < 100; i++, now += 20)
		pace_answer(pace, now, 100, pace_allowed(pace), ROWS);
	assert_int_equal(pace_allowed(pace), 8);
	pace_free(pace);

	pace = fresh(8, 8);
	pace_pushed_back(pace, 1000, 100, 8);
	now = 1000 + 2 * PACE_HOLD_MS; /* a slow server: the time alone is not enough */
	for (unsigned i = 0; i < PACE_HOLD_ANSWERS - 1; i++, now += 1000) {
		pace_answer(pace, now, 100, pace_allowed(pace), ROWS);
		assert_true(pace_allowed(pace) < 8);
	}
	pace_free(pace);
}

/* The number on the way stays low when the caller has no more to ask: no reason to allow more. */
static void test_unused_level_does_not_grow(void **state)
{
	(void)state;
	struct pace *pace = fresh(MOST, 8);
	for (int64_t now = 1000; now < 100000; now += 100)
		pace_answer(pace, now, 100, 3, ROWS);
	assert_int_equal(pace_allowed(pace), 8);
	pace_free(pace);
}

/* Whatever is told, even nonsense: 1 to most. */
static void test_bounds(void **state)
{
	(void)state;
	struct run dice = {.random = 7};
	for (unsigned most = 1; most <= MOST; most += 9) {
		struct pace *pace = pace_new(most);
		int64_t now = 0;
		for (unsigned i = 0; i < 20000; i++) {
			now += (int64_t)(random_part(&dice) * 100);
			int64_t ms = (int64_t)(random_part(&dice) * 5000) - 10;
			unsigned on_the_way = (unsigned)(random_part(&dice) * 80);
			uint64_t size = (uint64_t)(random_part(&dice) * 4) * 500;
			if (random_part(&dice) < 0.02)
				pace_pushed_back(pace, now, ms, on_the_way);
			else if (random_part(&dice) < 0.01)
				pace_restart(pace);
			else
				pace_answer(pace, now, ms, on_the_way, size);
			assert_true(pace_allowed(pace) >= 1 && pace_allowed(pace) <= most);
		}
		pace_free(pace);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_is_shared),
		cmocka_unit_test(test_known_server),
		cmocka_unit_test(test_refusing_server),
		cmocka_unit_test(test_limit_without_warning),
		cmocka_unit_test(test_queueing_server),
		cmocka_unit_test(test_server_gets_busy),
		cmocka_unit_test(test_single_threaded_server),
		cmocka_unit_test(test_noise_does_not_slow),
		cmocka_unit_test(test_server_gets_faster),
		cmocka_unit_test(test_server_gets_slower),
		cmocka_unit_test(test_odd_pages),
		cmocka_unit_test(test_accidents),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_refused_at_first),
		cmocka_unit_test(test_burst_halves_once),
		cmocka_unit_test(test_refused_level_is_remembered),
		cmocka_unit_test(test_unused_level_does_not_grow),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

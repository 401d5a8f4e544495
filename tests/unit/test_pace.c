/* Servers are simulated in virtual time: so many workers, a queue, perhaps a limit. Randomness is seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

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
	unsigned room; /* refuses when more than so many are there; 0 for any number */
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
	for (; x < 0.5; x *= 2)
		doublings++;
	double sum = 0;
	double power = 1;
	for (unsigned i = 1; i < 40; i++) {
		power *= 1 - x;
		sum += power / i;
	}
	return sum + doublings * 0.69314718056;
}

static double service(struct run *run, const struct job *job)
{
	const struct server *server = &run->server;
	double ms = server->service_ms + server->slower_ms * (double)run->asked;
	if (job->rows < ROWS)
		ms /= 10;
	switch (server->noise) {
	case EVEN: return ms * (0.7 + 0.6 * random_part(run));
	case LONG_TAILED: return ms * minus_log(1 - random_part(run) * 0.9999);
	case NONE: break;
	}
	return ms;
}

static unsigned count(const struct run *run, enum phase phase)
{
	unsigned n = 0;
	for (size_t i = 0; i < MOST; i++)
		n += run->jobs[i].phase == phase;
	return n;
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
		while (send_next(run, pages))
			continue;
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

static void count_from_here(struct run *run)
{
	run->began = run->now;
	run->in_flight = 0;
	run->answered = 0;
	run->refused = 0;
}

/* Answers in a second, of the best the server could give. */
static double share_of(const struct run *run, double best_per_second)
{
	return (double)run->answered * 1000 / (run->now - run->began) / best_per_second;
}

static void end(struct run *run, const char *name, double best)
{
	double ms = run->now - run->began;
	print_message("%-36s %8.0f ms, %.3f of the best, %5.2f in flight, %2u allowed, %3u refused of %u\n", name, ms,
		share_of(run, best), run->in_flight / ms, pace_allowed(run->pace), (unsigned)run->refused,
		(unsigned)(run->answered + run->refused));
	pace_free(run->pace);
}

static double go(const char*name, unsigned most, struct server s, uint64_t pages, double best, uint32_t seed)
{
	struct run run;
	begin(&run, most, s);
	run.random = seed;
	read_collection(&run, pages);
	double share = share_of(&run, best);
	end(&run, name, best);
	return share;
}

static void test_explore(void **state)
{
	(void)state;
	go("a", 8, (struct server){.workers=64,.service_ms=200}, 40, 40, 1);
	go("a400", 8, (struct server){.workers=64,.service_ms=200}, 400, 40, 1);
	go("a noise", 8, (struct server){.workers=64,.service_ms=200,.noise=EVEN}, 40, 40, 1);
	for (unsigned most = 2; most <= 64; most*=2)
	go("b", most, (struct server){.workers=3,.room=5,.service_ms=50}, 2000, 60, 1);
	go("b net", 16, (struct server){.workers=3,.room=5,.service_ms=50,.network_ms=30}, 2000, 60, 1);
	go("b net20000", 16, (struct server){.workers=3,.room=5,.service_ms=50,.network_ms=30}, 20000, 60, 1);
	go("b noise", 16, (struct server){.workers=3,.room=5,.service_ms=50,.network_ms=0,.noise=EVEN}, 20000, 60, 1);
	go("b exp", 16, (struct server){.workers=3,.room=5,.service_ms=50,.network_ms=0,.noise=LONG_TAILED}, 20000, 60, 1);
	go("limiter only", 16, (struct server){.workers=64,.room=5,.service_ms=50}, 2000, 100, 1);
	go("limiter only", 16, (struct server){.workers=64,.room=5,.service_ms=50}, 100000, 100, 1);
	go("c", 64, (struct server){.workers=4,.service_ms=50}, 2000, 80, 1);
	go("c long", 64, (struct server){.workers=4,.service_ms=50}, 20000, 80, 1);
	go("c noise", 64, (struct server){.workers=4,.service_ms=50,.noise=EVEN}, 20000, 80, 1);
	go("c exp", 64, (struct server){.workers=4,.service_ms=50,.noise=LONG_TAILED}, 20000, 80, 1);
	for (uint32_t seed = 1; seed <= 2; seed++) {
	for (unsigned most = 8; most <= 64; most*=2) {
	go("d even 500", most, (struct server){.workers=64,.service_ms=200,.noise=EVEN}, 500, most*5, seed);
	go("d exp 500", most, (struct server){.workers=64,.service_ms=200,.noise=LONG_TAILED}, 500, most*5, seed);
	go("d even 5000", most, (struct server){.workers=64,.service_ms=200,.noise=EVEN}, 5000, most*5, seed);
	go("d exp 5000", most, (struct server){.workers=64,.service_ms=200,.noise=LONG_TAILED}, 5000, most*5, seed);
	}}
	go("f", 8, (struct server){.workers=1,.service_ms=50}, 1000, 20, 1);
	go("f16", 16, (struct server){.workers=1,.service_ms=50}, 1000, 20, 1);
	go("f net", 16, (struct server){.workers=1,.service_ms=50,.network_ms=30}, 1000, 20, 1);
	go("f noise", 16, (struct server){.workers=1,.service_ms=50,.noise=EVEN}, 1000, 20, 1);
	go("f exp", 16, (struct server){.workers=1,.service_ms=50,.noise=LONG_TAILED}, 1000, 20, 1);
	go("deep", 16, (struct server){.workers=64,.service_ms=50,.slower_ms=1}, 1000, 16./.55, 1);
	go("deep3", 16, (struct server){.workers=3,.service_ms=50,.slower_ms=1}, 1000, 3./.55, 1);
	go("flaky 1%", 8, (struct server){.workers=64,.service_ms=200,.flaky=10}, 5000, 40, 1);
	go("flaky 3%", 8, (struct server){.workers=64,.service_ms=200,.flaky=30}, 5000, 40, 1);
	go("flaky 0.3%", 8, (struct server){.workers=64,.service_ms=200,.flaky=3}, 5000, 40, 1);
	struct run run;
	begin(&run, 16, (struct server){.workers=2,.service_ms=500});
	read_collection(&run, 400);
	run.server.service_ms=50; run.server.workers=64; count_from_here(&run);
	read_pages(&run, 2400);
	end(&run,"e from 2", 320);
	begin(&run, 16, (struct server){.workers=64,.service_ms=500});
	read_collection(&run, 400);
	run.server.service_ms=50; count_from_here(&run);
	read_pages(&run, 2400);
	end(&run,"e from 16", 320);
	begin(&run, 16, (struct server){.workers=64,.service_ms=50});
	read_collection(&run, 400);
	run.server.service_ms=500; count_from_here(&run);
	read_pages(&run, 2400);
	end(&run,"slower 10x", 32);
	begin(&run, 16, (struct server){.workers=64,.service_ms=200}); run.odd_every=3;
	read_collection(&run, 400);
	end(&run,"odd", 80);
	begin(&run, 16, (struct server){.workers=4,.service_ms=200}); run.odd_every=3;
	read_collection(&run, 400);
	end(&run,"odd", 4/.14);
}
int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_explore)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

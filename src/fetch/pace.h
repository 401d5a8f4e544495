/*
 * How many requests to one server may be on the way now. Pure policy: no clock, no network; the caller tells when an
 * answer came, how long it took and how many were on the way, and asks what is allowed. Owns what it has learnt about
 * the server; leaves to the caller when to try again (retry.h) and how large a page is (pager.h).
 *
 * Start. PACE_START until the first answer, then at once PACE_BOLD: about what a browser opens for one page, and no
 * more than the user allowed. Going there in steps costs more than it saves: with 8 allowed, 40 pages of 200 ms take
 * 1.2 s this way (the first alone, then 39 in five rounds), and 1.4 s with one more step between. From there the level
 * doubles with each round of answers until the first sign of a queue or of trouble, and goes up by one from then on. A
 * server that takes less has refused or delayed a few requests once, and its level is known from the first burst.
 *
 * Queue. With n on the way, answers that take t each and would take t0 alone, n * (1 - t0 / t) of them are waiting in
 * the server rather than worked on. Below about one the level grows, above about two it shrinks, between it stays: a
 * server busy with one or two requests to spare is as fast as it gets.
 *
 * Doubt. Latency rises for reasons of its own too: deep offsets, a night job, heavier rows. So each step down is also
 * an experiment: one round with fewer on the way measures t0 afresh. If fewer did not make it faster, the old level
 * comes back. A level that has been stuck for long is checked the same way, at half of it.
 *
 * Refusal. Halves, once for a burst of them. The level that was refused is not tried again before PACE_HOLD_MS and
 * PACE_HOLD_ANSWERS have passed, longer each time, unless it had carried many requests before: then the refusal is
 * taken for an accident and the level is reached again step by step.
 */
#ifndef FETCH_PACE_H
#define FETCH_PACE_H

#include <stdint.h>

enum {
	PACE_START = 2,
	PACE_BOLD = 8,
	PACE_HOLD_MS = 5 * 60 * 1000,
	PACE_HOLD_ANSWERS =
		500, /* a try that is refused again may cost one or two requests: far under one in a hundred */
};

struct pace;

/* A server of which nothing is known yet; most (at least 1) is never exceeded. To be freed by pace_free. */
struct pace *pace_new(unsigned most);
void pace_free(struct pace *pace);

/* Another collection of the same server: its pages may be heavier or lighter, so the latency is learnt afresh. What the
 * server bears is kept. */
void pace_restart(struct pace *pace);

/* How many may be on the way now: 1 to most. When more are, for it has just shrunk, nothing new is to be sent. */
unsigned pace_allowed(const struct pace *pace);

/* A good answer has come. now is any clock in milliseconds that does not go back. ms is from sending the request to the
 * last byte, without connecting (a burst of new connections would look like a queue). on_the_way is the most that were
 * at once while it ran, itself included. size is rows or bytes, whichever the caller likes best: pages of another size
 * than usual are not compared. */
void pace_answer(struct pace *pace, int64_t now, int64_t ms, unsigned on_the_way, uint64_t size);

/* A request was refused for being too much (429, 503), timed out or was cut off. As above; ms is until then. */
void pace_pushed_back(struct pace *pace, int64_t now, int64_t ms, unsigned on_the_way);

#endif

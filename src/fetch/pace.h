/*
 * How many requests to one server may be on the way now. Pure policy: no clock, no network; the caller tells when an
 * answer came, how long it took and how many were on the way, and asks what is allowed. Owns what it has learnt about
 * the server; leaves to the caller when to try again (retry.h) and how large a page is (pager.h).
 *
 * Start. PACE_START until the first answer, then at once PACE_BOLD: about what a browser opens for one page, and never
 * more than the user allowed. Going there in steps costs more than it spares: with 8 allowed, 40 pages of 200 ms take
 * 1.2 s (the first alone, for the total, then 39 in five rounds: no policy is faster), and 1.4 s with a round of four
 * between. A server that bears less refuses or delays a few requests once, and that burst tells how many it bears.
 * Above PACE_BOLD the level doubles with each round of answers until the first sign of a queue or of trouble; from then
 * on it goes up by a quarter, at least by one, every other round.
 *
 * Queue. With n on the way, answers that take t each and would take t0 alone, n * (1 - t0 / t) of them wait in the
 * server rather than being worked on. Below about one the level grows, above about two it shrinks, between it stays: a
 * server that is busy, with one or two requests to spare, is as fast as it gets. The more the answers differ among
 * themselves, the more it takes to see a queue in them.
 *
 * Doubt. Latency rises for reasons of its own too: deep offsets, a night job, heavier rows. So each step down is also
 * an experiment: a round with at most half on the way measures t0 afresh. If fewer did not make it faster, the old
 * level comes back. A level stuck for long is checked the same way.
 *
 * Refusal. Halves, once for a burst. The level that was refused is not tried again before PACE_HOLD_MS and
 * PACE_HOLD_ANSWERS have passed, twice as long when it is refused again. When so many on the way had long been fine,
 * the refusal is taken for an accident: the level still halves, but grows again as far as it will.
 */
#ifndef FETCH_PACE_H
#define FETCH_PACE_H

#include <stdint.h>

enum {
	PACE_START = 2,
	PACE_BOLD = 8,
	PACE_HOLD_MS = 5 * 60 * 1000,
	PACE_HOLD_ANSWERS = 500, /* trying again may cost a refusal or two: far less than one in a hundred */
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

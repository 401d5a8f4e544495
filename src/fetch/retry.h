/*
 * Whether to ask again, and when. Pure policy over a reply: no clock, no network.
 * Leaves to the caller the count of tries, the total time to spend, and the page size.
 */
#ifndef FETCH_RETRY_H
#define FETCH_RETRY_H

#include <stdint.h>

#include "fetch/http.h"

enum {
	RETRY_BASE_MS = 500,
	RETRY_CAP_MS = 60 * 1000, /* of our own waits; a server may ask for longer */
};

enum retry_verdict {
	RETRY_NEVER,   /* an answer to live with, or one that will not change */
	RETRY_AGAIN,   /* the same once more, later */
	RETRY_SMALLER, /* once more, later; when it happens again at this size, with half the page */
};

/* What to do after a reply; tries counts the requests made so far for this page, this one included. A verdict other
 * than RETRY_NEVER has no end of its own, except for 500, which is tried once more only. */
enum retry_verdict retry_judge(const struct http_reply *reply, unsigned tries);

/* Milliseconds to wait before the next try: the server's wish when it is longer than our own growing wait. Tries as
 * above; now_unix is this machine's clock, used only when the reply has no Date; random is any number. */
int64_t retry_wait_ms(const struct http_reply *reply, unsigned tries, int64_t now_unix, uint32_t random);

#endif

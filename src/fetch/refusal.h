/*
 * Sentences for an administrator whose login did not work: who answered what, what that means, and what to do.
 * Tells wrong credentials (ERR_LOGIN) from a wrong address or a failing network (ERR_API). Borrows everything.
 */
#ifndef FETCH_REFUSAL_H
#define FETCH_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"
#include "fetch/http.h"
#include "fetch/token.h"

enum { REFUSAL_ADDRESS_ROOM = 300 };

struct refusal {
	const struct http *http;    /* for its secrets */
	const char *address_option; /* what to check when the address is wrong: url or token-url */
	int key_hex_digits;         /* 0 when unknown */
	bool keys_fit;              /* id and secret have that shape */
	const char *hint_login_refused;
	const char *hint_no_address;
	const char *hint_key_shape;
};

/* An address for people, without its query: that may be nothing but secrets. */
void refusal_show(const struct http *http, const char *url, char out[static REFUSAL_ADDRESS_ROOM]);

/* Sets err to what a verdict on an answer from url means, hints included. Tries is how often it was asked. Does nothing
 * when err is set. */
void refusal_say(const struct refusal *refusal, enum token_verdict verdict, const char *url,
	const struct http_reply *reply, unsigned tries, struct err *err);

/* The same for an answer that did not come whole, whoever was asked for what. */
void refusal_say_unreachable(
	const struct http *http, const char *url, const struct http_reply *reply, unsigned tries, struct err *err);

/* The same for a list of addresses ("https://... (404), https://... (405)") of which none gives tokens. */
void refusal_say_nowhere(const struct refusal *refusal, const char *tried, struct err *err);

/* Adds the hints for refused credentials to err. */
void refusal_hint(const struct refusal *refusal, struct err *err);

#endif

/*
 * Getting a token from a server: by client credentials at the first address that knows them, or by authorize, token and
 * refresh. Owns copies of what it needs and remembers what worked. Knows the second tries that servers make necessary
 * and keeps from spending anything twice; when a token is due is auth.h's business.
 */
#ifndef FETCH_LOGIN_H
#define FETCH_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "fetch/auth.h"
#include "fetch/http.h"
#include "fetch/refusal.h"
#include "fetch/token.h"

enum login_outcome {
	LOGIN_DONE,
	LOGIN_NO_ADDRESS, /* nothing there that gives tokens; err is not set, login_tried has the addresses */
	LOGIN_FAILED,     /* err is set */
};

/* What is learnt on the way; the owner's. */
struct login_notes {
	struct buf warnings; /* sentences, joined by "; " */
	int64_t skew;        /* seconds by which the server's clock is ahead */
};

struct login;

/* Never NULL. Borrows http and notes. Hides the secrets among the options. */
struct login *login_new(const struct auth_options *options, struct http *http, struct login_notes *notes);
void login_free(struct login *login); /* wipes */

/* To be called before the others for each token wanted: patience begins anew, login_tried is empty. */
void login_begin(struct login *login);

/* Asks for a token, with patience. A token that comes back is the caller's to release. Err has to be clear. */
enum login_outcome login_oauth2(struct login *login, struct token *token, struct err *err);
enum login_outcome login_v1(struct login *login, struct token *token, struct err *err);

/* One try with a refresh token, which is spent by it. False when it gave no token; err is set only when the run is to
 * end. */
bool login_v1_refresh(struct login *login, const char *refresh, struct token *token, struct err *err);

/* Addresses without a token service since login_begin; "" for none. */
const char *login_tried(const struct login *login);

/* The token address that worked, for people; NULL when none did yet. */
const char *login_address(const struct login *login);

/* For sentences about this login. Valid as long as the login. */
const struct refusal *login_refusal(const struct login *login);

/* Adds a sentence to the notes, once. */
void login_warn(struct login_notes *notes, const char *sentence);

/* Reads the server's clock off a reply (or NULL). */
void login_note_clock(struct login_notes *notes, const struct http_reply *reply);

#endif

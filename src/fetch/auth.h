/*
 * Logging in: gets, renews and drops tokens, signs requests, and tells wrong credentials from a wrong address.
 * Owns copies of all credentials and wipes them; registers them with http so that no text shows them. Knows no SIS:
 * addresses, forms and hints come with the options. Token calls are made one at a time, so nothing is spent twice.
 */
#ifndef FETCH_AUTH_H
#define FETCH_AUTH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "fetch/http.h"

enum auth_way {
	AUTH_END, /* ends a list of ways */
	AUTH_OAUTH2,
	AUTH_AERIES_V1, /* authorize, token, refresh; everything in the query */
	AUTH_OAUTH1,
	AUTH_BEARER,
	AUTH_NONE,
	AUTH_WAY_COUNT
};

enum auth_client { AUTH_CLIENT_BASIC, AUTH_CLIENT_BODY, AUTH_CLIENT_QUERY, AUTH_CLIENT_BOTH, AUTH_CLIENT_COUNT };

/* All texts and lists are copied by auth_new; lists end with NULL, and NULL is an empty list. */
struct auth_options {
	enum auth_way ways[AUTH_WAY_COUNT]; /* in the order to try, ends with AUTH_END; later ones only when no token
					       address of the earlier ones exists; none
					       of them when token_url is given */
	const char *base;                   /* base address; token paths go behind it */
	const char *token_url;              /* exact token address; NULL to try token_paths */
	const char *const *token_paths;
	const char *authorize_path; /* of AUTH_AERIES_V1 */
	const char *refresh_path;   /* of AUTH_AERIES_V1: first token and refresh, unless token_url is given */

	const char *client_id;
	const char *client_secret;
	const char *bearer;        /* token of AUTH_BEARER */
	enum auth_client client;   /* where id and secret go */
	bool client_given;         /* false: basic and body are each other's second try */
	bool basic_raw;            /* Basic without form-encoding id and secret first */
	const char *grant;         /* NULL is client_credentials */
	const char *oauth1_method; /* NULL: HMAC-SHA1, and HMAC-SHA256 when that is refused */

	const char *const *scopes;          /* full names; an empty list leaves the parameter out */
	const char *const *fallback_scopes; /* asked for instead after invalid_scope; an empty list: no second try */
	const char *const *token_params; /* "name=value" for the body, "?name=value" for the query, plain text; one of
					    our own names replaces ours; {client-id} and {client-secret} as a value
					    stand for those */
	const char *const *headers;      /* "Name: value", for token calls */

	int retry_seconds; /* longest time to spend waiting in one login; 0: nothing is tried again */

	/* Facts and sentences about the SIS; NULL and 0 where unknown. */
	int key_hex_digits;             /* digits that id and secret have */
	const char *hint_login_refused; /* behind: the credentials were not accepted */
	const char *hint_no_address;    /* behind: no token address answered */
	const char *hint_key_shape;     /* behind a refusal when id or secret do not have key_hex_digits */
};

struct auth;

/* A login that has not happened yet; borrows http, which must live longer. Never NULL. */
struct auth *auth_new(const struct auth_options *options, struct http *http);

/* Wipes and frees. */
void auth_free(struct auth *auth);

/* Gets the first token, with patience. ERR_LOGIN when the server refuses, ERR_API for a network that fails and for an
 * address that is not one for tokens, ERR_USAGE when options are missing, ERR_STOPPED. */
bool auth_login(struct auth *auth, struct err *err);

/* Puts the whole line "Authorization: ..." for one request into header (emptied before; empty for AUTH_NONE), and which
 * login it belongs to into generation. Logs in or renews the token when it is due; errors as auth_login. The line is a
 * secret. */
bool auth_header(struct auth *auth, const char *method, const char *url, struct buf *header, unsigned *generation,
	struct err *err);

/* To be told of a good answer to data: what was accepted once is not given up because of a later refusal. */
void auth_accepted(struct auth *auth);

/* True when each request is signed: a refusal may be about one signature, and auth_refused knows when it is final. */
bool auth_signs(const struct auth *auth);

/* To be told of a 401 on data, with the generation of its header and the reply (or NULL). True: ask again with a new
 * auth_header. A newer generation than that one: nothing is done. Else the token is replaced, by the refresh token
 * where there is one. False with ERR_LOGIN when nothing can be tried, or as auth_login. A second 401 in a row for the
 * same request is the caller's to call final. */
bool auth_refused(struct auth *auth, unsigned generation, const struct http_reply *reply, struct err *err);

/* Scopes granted, separated by spaces, or NULL when the server did not say. Belongs to auth. */
const char *auth_granted(const struct auth *auth);

/* The word for the way in use, such as "oauth2". A constant. */
const char *auth_way_word(const struct auth *auth);

/* The token address that answered, without its query; NULL while there is none. Belongs to auth. */
const char *auth_token_address(const struct auth *auth);

/* Sentences worth a warning, such as scopes not granted; NULL for none. Belongs to auth. */
const char *auth_warning(const struct auth *auth);

/* Seconds by which the server's clock is ahead of ours, as far as token answers and refusals told; 0 when unknown. */
int64_t auth_clock_skew(const struct auth *auth);

/* Words of configuration and provider data to values: oauth2, aeries-v1, oauth1, bearer, none; basic, body, query,
 * both. False when there is no such word. */
bool auth_way_find(const char *word, enum auth_way *way);
bool auth_client_find(const char *word, enum auth_client *client);

#endif

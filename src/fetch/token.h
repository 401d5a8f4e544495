/*
 * What a token server's answer means and holds. Pure: from a reply and its body to a verdict or a token.
 * Leaves the asking, the second tries and the sentences to auth.h.
 */
#ifndef FETCH_TOKEN_H
#define FETCH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fetch/http.h"

enum {
	TOKEN_BODY_MAX = 64 * 1024,
	TOKEN_TEXT_MAX = 8 * 1024,
	TOKEN_LIFE_SECONDS = 3600, /* when the server does not say, or says nonsense */
};

enum token_verdict {
	TOKEN_FINE,        /* 2xx and no refusal: there should be a token in it */
	TOKEN_CREDENTIALS, /* wrong id or secret, or sent in the wrong place */
	TOKEN_SCOPE,       /* a scope that is not known or not allowed */
	TOKEN_FORM,        /* a request this server does not like */
	TOKEN_NO_ADDRESS,  /* nothing there that gives tokens: the next address may be tried */
	TOKEN_PAGE,        /* a web page */
	TOKEN_REDIRECT,
	TOKEN_FORBIDDEN,
	TOKEN_BUSY,
	TOKEN_SERVER, /* the server's own failure */
	TOKEN_NETWORK,
	TOKEN_ODD, /* any other answer */
};

struct token {
	char *access;
	char *refresh; /* NULL when there is none */
	char *scope;   /* as granted; NULL when not said */
	char *type;    /* NULL when not said */
	int64_t life_ms;
	int64_t asked_ms; /* by time_ms: life counts from before it was asked for; left to whoever asks */
};

/* Judges an answer. Body holds the decoded bytes of a 2xx answer; those of others are taken from the snippet. */
enum token_verdict token_judge(const struct http_reply *reply, const char *body, size_t length);

/* The error word of a refusal, such as invalid_client; false, and "", when there is none. */
bool token_error_word(const struct http_reply *reply, char *out, size_t room);

/* Takes the token out of a body: JSON with access_token, a JSON string, or bare text. To be released when true. */
bool token_read(const char *body, size_t length, struct token *token);

/* Takes an authorization code out of a body: a JSON member of any of its names, a JSON string, or bare text. The caller
 * frees it; NULL when there is none. */
char *token_read_code(const char *body, size_t length);

/* Milliseconds of an expires_in as sent: digits, perhaps with decimals; anything else (NULL too) is the usual life. */
int64_t token_life_ms(const char *text);

/* Wipes and frees what a token owns; all NULL afterwards. */
void token_release(struct token *token);

#endif

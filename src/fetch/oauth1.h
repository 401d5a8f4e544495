/*
 * Signatures of OAuth 1.0a (RFC 5849) for requests without a token of their own or with one: the arithmetic only.
 * Nonce and time come from the caller, so that published examples can be repeated.
 */
#ifndef FETCH_OAUTH1_H
#define FETCH_OAUTH1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct oauth1 {
	const char *key;
	const char *secret;
	const char *token; /* NULL for none */
	const char *token_secret;
	const char *method;  /* HMAC-SHA1 or HMAC-SHA256 */
	const char *version; /* "1.0", or NULL to leave the parameter out */
	const char *nonce;
	int64_t timestamp; /* seconds since 1970 */
};

/* Adds the signature base string of a request to base. Verb is in capitals; url is the one sent, byte for byte; form is
 * a form-encoded body or NULL. False and ERR_USAGE when the url cannot be taken apart. */
bool oauth1_base(const struct oauth1 *oauth, const char *verb, const char *url, const char *form, struct buf *base,
	struct err *err);

/* Adds the signature, in base64, to signature. False and ERR_USAGE as above or for an unknown method. */
bool oauth1_signature(const struct oauth1 *oauth, const char *verb, const char *url, const char *form,
	struct buf *signature, struct err *err);

/* Adds the whole line "Authorization: OAuth ..." of a request without a form body to header. */
bool oauth1_header(const struct oauth1 *oauth, const char *verb, const char *url, struct buf *header, struct err *err);

#endif

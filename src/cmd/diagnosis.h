/*
 * What the doctor found, as a page for people or as JSON for programs. Only prints; nothing of a row is in it.
 */
#ifndef CMD_DIAGNOSIS_H
#define CMD_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/examine.h"
#include "config.h"
#include "table/schema.h"

/* Borrows everything. */
struct diagnosis {
	const struct config *config;
	const struct schema *schema;
	int64_t started;           /* seconds since 1970 */
	const char *login;         /* the word for the way, or NULL */
	const char *token_address; /* or NULL */
	bool logged_in;
	const char *granted;         /* scopes, separated by blanks; NULL when the server did not say */
	const char *const *withheld; /* scopes that some collection needs and the login did not get, without the
					schema's prefix; ends with NULL */
	bool has_skew;
	int64_t skew;                           /* seconds the server's clock is ahead of ours */
	const struct examination *examinations; /* by table id */
	struct err err;                         /* the result of it all */
};

/* The page: the way in, then one line a collection, at most 80 columns wide unless numbers are huge. */
void diagnosis_print(const struct diagnosis *diagnosis, FILE *out);

/* What the columns of the page mean, for the help. */
void diagnosis_print_legend(FILE *out);

/*
 * The same as one JSON object:
 *
 *	doctor          1, the version of this form; members may be added under the same number
 *	program, version, started ("2026-11-21T20:18:00Z"), exit-status
 *	error           null, or kind ("login", "api", ...) and text: the one sentence
 *	source          url, provider
 *	login           way, token-address or null, done, scopes (list, or null when the server did not say),
 *	                scopes-withheld (list)
 *	clock-ahead     seconds the server's clock is ahead of this machine's, or null
 *	collections     a list in the order of reading, each with
 *	  name, required
 *	  status        ok, empty, joined (from other addresses), refused, missing, trouble, unasked
 *	  rows          a number; rows-exact tells whether there may be more
 *	  cap           a number or null, and cap-kind: seen (no page is larger), above (at least so many), refused (a
 *page of that size is answered with an error), all (limit is ignored), unknown (everything fits a page) total, link,
 *sort, filter, fields, offset yes, no (ignored or absent), error (refused with an error), own (total in the body, link
 *with a cursor, sort in another order than that of the bytes), wrong (a total that is not true, an offset that meets
 *other rows each time), unknown latency       milliseconds to the first byte of the first answer requests      how many
 *it took permission    what to grant in the SIS when it is refused, or null problem       a sentence or null notes a
 *list of sentences
 */
void diagnosis_print_json(const struct diagnosis *diagnosis, FILE *out);

#endif

#include "fetch/auth.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "fetch/login.h"
#include "fetch/oauth1.h"
#include "fetch/token.h"

enum {
	RENEW_MS = 30 * 1000, /* a token is renewed when less than this is left, */
	RENEW_PART = 10,      /* or less than this part of its life, */
	RENEW_LEAST_USE = 2,  /* but not before this part of its life is over: some live two seconds */
	SKEW_SECONDS = 300,   /* clocks further apart than this make signatures invalid */
	NONCE_BYTES = 16,
};

static const char *const way_words[] = {
	[AUTH_OAUTH2] = "oauth2",
	[AUTH_AERIES_V1] = "aeries-v1",
	[AUTH_OAUTH1] = "oauth1",
	[AUTH_BEARER] = "bearer",
	[AUTH_NONE] = "none",
};

static const char *const client_words[] = {
	[AUTH_CLIENT_BASIC] = "basic",
	[AUTH_CLIENT_BODY] = "body",
	[AUTH_CLIENT_QUERY] = "query",
	[AUTH_CLIENT_BOTH] = "both",
};

static const char skew_warning[] = "the clocks of this machine and the server are %lld minutes apart; requests are "
				   "signed by the server's";

struct auth {
	struct login *login;
	struct login_notes notes;
	enum auth_way ways[AUTH_WAY_COUNT];
	enum auth_way way; /* in use; AUTH_END before the first login */
	char *client_id;
	char *client_secret;
	char *bearer;
	char *oauth1_method;
	bool login_possible; /* there is what aeries-v1 needs to know */
	unsigned generation;

	/* Ways with tokens. */
	struct token token; /* access NULL: none */
	int64_t renew_ms;   /* when it is due, by time_ms */

	/* Signatures. */
	bool doubted;       /* a refusal was met with nothing but another nonce */
	bool accepted;      /* the server took a signature: key, secret and method are right */
	bool other_method;  /* the second of the two is in use */
	int64_t correction; /* seconds added to our clock */
};

struct auth *auth_new(const struct auth_options *options, struct http *http)
{
	struct auth *auth = mem_new(1, sizeof(*auth));
	auth->login = login_new(options, http, &auth->notes);
	memcpy(auth->ways, options->ways, sizeof(auth->ways));
	if (options->token_url != NULL && auth->ways[0] != AUTH_END)
		auth->ways[1] = AUTH_END; /* an exact address is not to be guessed around */
	auth->client_id = options->client_id != NULL ? mem_copy(options->client_id) : NULL;
	auth->client_secret = options->client_secret != NULL ? mem_copy(options->client_secret) : NULL;
	auth->bearer = options->bearer != NULL ? mem_copy(options->bearer) : NULL;
	auth->oauth1_method = options->oauth1_method != NULL ? mem_copy(options->oauth1_method) : NULL;
	auth->login_possible = options->authorize_path != NULL &&
			       (options->refresh_path != NULL || options->token_url != NULL);
	http_hide(http, auth->bearer);
	return auth;
}

void auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;
	login_free(auth->login);
	buf_release(&auth->notes.warnings);
	mask_wipe_text(auth->client_id);
	mask_wipe_text(auth->client_secret);
	mask_wipe_text(auth->bearer);
	free(auth->oauth1_method);
	token_release(&auth->token);
	free(auth);
}

bool auth_way_find(const char *word, enum auth_way *way)
{
	for (int i = AUTH_END + 1; i < AUTH_WAY_COUNT; i++)
		if (strcmp(way_words[i], word) == 0) {
			*way = (enum auth_way)i;
			return true;
		}
	return false;
}

bool auth_client_find(const char *word, enum auth_client *client)
{
	for (int i = 0; i < AUTH_CLIENT_COUNT; i++)
		if (strcmp(client_words[i], word) == 0) {
			*client = (enum auth_client)i;
			return true;
		}
	return false;
}

const char *auth_warning(const struct auth *auth)
{
	return auth->notes.warnings.length > 0 ? buf_text(&auth->notes.warnings) : NULL;
}

const char *auth_granted(const struct auth *auth)
{
	return auth->token.scope;
}

const char *auth_way_word(const struct auth *auth)
{
	enum auth_way way = auth->way != AUTH_END ? auth->way : auth->ways[0];
	return way != AUTH_END ? way_words[way] : "none";
}

const char *auth_token_address(const struct auth *auth)
{
	return login_address(auth->login);
}

int64_t auth_clock_skew(const struct auth *auth)
{
	return auth->notes.skew;
}

/* Logging in. */

static bool clean_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

/* Whether the options hold what a way needs. */
static bool equipped(const struct auth *auth, enum auth_way way, struct err *err)
{
	if (way == AUTH_BEARER && is_empty(auth->bearer))
		return err_set(err, ERR_USAGE, "a bearer token is missing: set bearer-token-file");
	if (way == AUTH_BEARER && !clean_line(auth->bearer))
		return err_set(err, ERR_USAGE, "the bearer token holds a line break or control character");
	if (way == AUTH_BEARER || way == AUTH_NONE)
		return true;
	if (is_empty(auth->client_id))
		return err_set(err, ERR_USAGE, "client-id is missing");
	if (is_empty(auth->client_secret))
		return err_set(err, ERR_USAGE,
			"the client secret is missing: set client-secret-file, "
			"client-secret-command or ROSTERZIP_CLIENT_SECRET");
	if (way == AUTH_AERIES_V1 && !auth->login_possible)
		return err_set(err, ERR_USAGE, "auth = aeries-v1 works with the provider aeries only");
	return true;
}

/* Puts a token into use. */
static void use_token(struct auth *auth, const struct token *token)
{
	token_release(&auth->token);
	auth->token = *token;
	int64_t margin = token->life_ms / RENEW_PART > RENEW_MS ? token->life_ms / RENEW_PART : RENEW_MS;
	if (margin > token->life_ms / RENEW_LEAST_USE)
		margin = token->life_ms / RENEW_LEAST_USE;
	auth->renew_ms = token->asked_ms + token->life_ms - margin;
}

static enum login_outcome login_by(struct auth *auth, enum auth_way way, struct err *err)
{
	struct token token = {0};
	enum login_outcome outcome = LOGIN_DONE;
	if (!equipped(auth, way, err))
		return LOGIN_FAILED;
	if (way == AUTH_OAUTH2)
		outcome = login_oauth2(auth->login, &token, err);
	else if (way == AUTH_AERIES_V1)
		outcome = login_v1(auth->login, &token, err);
	if (outcome == LOGIN_DONE) {
		use_token(auth, &token);
		auth->way = way;
		auth->generation++;
	}
	return outcome;
}

/* Spends the refresh token, if there is one. False, with err only when the run is to end, when that gave no token. */
static bool refresh(struct auth *auth, struct err *err)
{
	struct token token = {0};
	char *spent = auth->token.refresh;
	auth->token.refresh = NULL;
	bool ok = auth->way == AUTH_AERIES_V1 && spent != NULL && login_v1_refresh(auth->login, spent, &token, err);
	if (ok) {
		use_token(auth, &token);
		auth->generation++;
	}
	mask_wipe_text(spent);
	return ok;
}

/* Gets a token in place of the one there is, if any; the first time in the first way that has an address. */
static bool renew(struct auth *auth, struct err *err)
{
	login_begin(auth->login);
	if (refresh(auth, err))
		return true;
	if (err->code != ERR_NONE)
		return false;
	enum login_outcome outcome = LOGIN_NO_ADDRESS;
	if (auth->way != AUTH_END)
		outcome = login_by(auth, auth->way, err);
	else
		for (size_t i = 0; outcome == LOGIN_NO_ADDRESS && auth->ways[i] != AUTH_END; i++)
			outcome = login_by(auth, auth->ways[i], err);
	if (outcome == LOGIN_NO_ADDRESS)
		refusal_say_nowhere(login_refusal(auth->login), login_tried(auth->login), err);
	return outcome == LOGIN_DONE;
}

static bool has_tokens(const struct auth *auth)
{
	return auth->way == AUTH_OAUTH2 || auth->way == AUTH_AERIES_V1;
}

bool auth_login(struct auth *auth, struct err *err)
{
	bool missing = auth->way == AUTH_END || (has_tokens(auth) && auth->token.access == NULL);
	return !missing || renew(auth, err);
}

/* Requests. */

static bool sign(struct auth *auth, const char *method, const char *url, struct buf *header, struct err *err)
{
	const char *hmac = auth->other_method ? "HMAC-SHA256" : "HMAC-SHA1";
	unsigned char bytes[NONCE_BYTES];
	char nonce[2 * NONCE_BYTES + 1];
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return err_set(err, ERR_OTHER, "libcrypto gives no random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	const struct oauth1 oauth = {
		.key = auth->client_id,
		.secret = auth->client_secret,
		.method = auth->oauth1_method != NULL ? auth->oauth1_method : hmac,
		.version = "1.0",
		.nonce = nonce,
		.timestamp = time_unix() + auth->correction,
	};
	return oauth1_header(&oauth, method != NULL ? method : "GET", url, header, err);
}

bool auth_header(struct auth *auth, const char *method, const char *url, struct buf *header, unsigned *generation,
	struct err *err)
{
	bool due = has_tokens(auth) && auth->token.access != NULL && time_ms() >= auth->renew_ms;
	buf_clear(header);
	if (due ? !renew(auth, err) : !auth_login(auth, err))
		return false;
	*generation = auth->generation;
	const char *token = auth->way == AUTH_BEARER ? auth->bearer : has_tokens(auth) ? auth->token.access : NULL;
	if (auth->way == AUTH_OAUTH1)
		return sign(auth, method, url, header, err);
	if (token != NULL && !buf_add_format(header, "Authorization: Bearer %s", token))
		return err_set(err, ERR_OTHER, "the token is too long for a request");
	return true;
}

/* Looks for something else to try after a refused signature: the server's clock, the other method, or, where signing is
 * known to work, just another nonce. */
static bool adapt_signature(struct auth *auth, struct err *err)
{
	int64_t off = auth->notes.skew - auth->correction;
	if (off > SKEW_SECONDS || off < -SKEW_SECONDS) {
		auth->correction = auth->notes.skew;
		char *sentence = mem_format(skew_warning, (long long)llabs(auth->correction) / 60);
		login_warn(&auth->notes, sentence);
		free(sentence);
	} else if (!auth->accepted && auth->oauth1_method == NULL && !auth->other_method) {
		auth->other_method = true;
	} else if (!auth->accepted && !auth->doubted) {
		auth->doubted =
			true; /* a broken connection makes the library send a signature twice: that was it, perhaps */
	} else if (!auth->accepted) {
		err_set(err, ERR_LOGIN,
			"the server refuses the signed requests: check client-id, the secret and oauth1-method");
		refusal_hint(login_refusal(auth->login), err);
		return false;
	}
	auth->generation++;
	return true;
}

void auth_accepted(struct auth *auth)
{
	auth->accepted = true;
}

bool auth_signs(const struct auth *auth)
{
	return auth->way == AUTH_OAUTH1;
}

bool auth_refused(struct auth *auth, unsigned generation, const struct http_reply *reply, struct err *err)
{
	if (generation != auth->generation)
		return true;
	login_note_clock(&auth->notes, reply);
	if (has_tokens(auth)) {
		mask_wipe_text(auth->token.access);
		auth->token.access = NULL;
		return renew(auth, err);
	}
	if (auth->way == AUTH_OAUTH1)
		return adapt_signature(auth, err);
	err_set(err, ERR_LOGIN,
		auth->way == AUTH_BEARER ? "the server refuses the bearer token: it may be wrong or expired"
					 : "the server wants a login, and auth is none");
	refusal_hint(login_refusal(auth->login), err);
	return false;
}

#include "fetch/login.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "fetch/answer_text.h"
#include "fetch/problem.h"
#include "fetch/retry.h"

enum { FIRST_TRIES = 5 }; /* before anything has worked: more likely a mistake than an outage */

static const char form_type[] = "Content-Type: application/x-www-form-urlencoded";
static const char accept_json[] = "Accept: application/json";
static const char v1_scope[] = "OneRoster";

static const char fewer_warning[] = "the server refused the scopes asked for, and fewer were asked for instead: some "
				    "collections, such as enrollments, may be refused";
static const char scope_warning[] = "the server did not grant the scope %s: what it covers may be refused";

struct login {
	struct http *http;
	struct login_notes *notes;
	struct refusal refusal;

	/* What was asked for. */
	char *base;
	char *token_url;
	char **token_paths;
	char *authorize_path;
	char *refresh_path;
	char *client_id;
	char *client_secret;
	enum auth_client client_wanted;
	bool client_given;
	bool basic_raw;
	char *grant;
	char **scopes;
	char **fallback_scopes;
	char **token_params;
	char **headers;
	int64_t patience_ms;
	char *hint_login_refused;
	char *hint_no_address;
	char *hint_key_shape;

	/* What has turned out. */
	bool settled;    /* a login has worked: address, client and scopes stay */
	char *found_url; /* the token address that worked */
	char *shown_url; /* the same for people */
	enum auth_client client;
	bool fewer_scopes;
	int64_t deadline_ms;
	struct buf tried;
};

/* An answer to a token call. */
struct answer {
	struct http_reply reply;
	struct buf body;
	unsigned tries;
};

/* The parameters of a token call, as text to be put behind the address and as a body. */
struct form {
	struct buf query;
	struct buf body;
};

/* Options. */

static char *copy(const char *text)
{
	return text != NULL ? mem_copy(text) : NULL;
}

static char **copy_list(const char *const *list)
{
	size_t count = 0;
	while (list != NULL && list[count] != NULL)
		count++;
	char **all = mem_new(count + 1, sizeof(*all));
	for (size_t i = 0; i < count; i++)
		all[i] = mem_copy(list[i]);
	return all;
}

static void free_list(char **list)
{
	for (size_t i = 0; list[i] != NULL; i++)
		mask_wipe_text(list[i]);
	free(list);
}

/* Hides the value of "name=value" or "Name: value" when the name sounds secret. */
static void hide_value(struct http *http, const char *line, const char *separator)
{
	size_t name = strcspn(line, separator);
	if (line[name] == '\0' || !mask_secret_name(line, name))
		return;
	const char *value = line + name + 1;
	value += strspn(value, " \t");
	if (value[0] != '{')
		http_hide(http, value);
}

static bool key_fits(const char *key, int digits)
{
	return key != NULL && strlen(key) == (size_t)digits && strspn(key, "0123456789abcdefABCDEF") == (size_t)digits;
}

struct login *login_new(const struct auth_options *options, struct http *http, struct login_notes *notes)
{
	struct login *login = mem_new(1, sizeof(*login));
	login->http = http;
	login->notes = notes;
	login->base = mem_copy(options->base != NULL ? options->base : "");
	for (size_t length = strlen(login->base); length > 0 && login->base[length - 1] == '/';)
		login->base[--length] = '\0';
	login->token_url = copy(options->token_url);
	login->token_paths = copy_list(options->token_paths);
	login->authorize_path = copy(options->authorize_path);
	login->refresh_path = copy(options->refresh_path);
	login->client_id = copy(options->client_id);
	login->client_secret = copy(options->client_secret);
	login->client_wanted = options->client;
	login->client = options->client;
	login->client_given = options->client_given;
	login->basic_raw = options->basic_raw;
	login->grant = mem_copy(options->grant != NULL ? options->grant : "client_credentials");
	login->scopes = copy_list(options->scopes);
	login->fallback_scopes = copy_list(options->fallback_scopes);
	login->token_params = copy_list(options->token_params);
	login->headers = copy_list(options->headers);
	login->patience_ms = options->retry_seconds * INT64_C(1000);
	login->hint_login_refused = copy(options->hint_login_refused);
	login->hint_no_address = copy(options->hint_no_address);
	login->hint_key_shape = copy(options->hint_key_shape);
	login->refusal = (struct refusal){
		.http = http,
		.address_option = login->token_url != NULL ? "token-url" : "url",
		.key_hex_digits = options->key_hex_digits,
		.keys_fit = key_fits(options->client_id, options->key_hex_digits) &&
			    key_fits(options->client_secret, options->key_hex_digits),
		.hint_login_refused = login->hint_login_refused,
		.hint_no_address = login->hint_no_address,
		.hint_key_shape = login->hint_key_shape,
	};
	http_hide(http, login->client_secret);
	for (size_t i = 0; login->token_params[i] != NULL; i++)
		hide_value(http, login->token_params[i], "=");
	for (size_t i = 0; login->headers[i] != NULL; i++)
		hide_value(http, login->headers[i], ":");
	return login;
}

void login_free(struct login *login)
{
	if (login == NULL)
		return;
	free(login->base);
	free(login->token_url);
	free_list(login->token_paths);
	free(login->authorize_path);
	free(login->refresh_path);
	mask_wipe_text(login->client_id);
	mask_wipe_text(login->client_secret);
	free(login->grant);
	free_list(login->scopes);
	free_list(login->fallback_scopes);
	free_list(login->token_params);
	free_list(login->headers);
	free(login->hint_login_refused);
	free(login->hint_no_address);
	free(login->hint_key_shape);
	free(login->found_url);
	free(login->shown_url);
	buf_release(&login->tried);
	free(login);
}

void login_begin(struct login *login)
{
	login->deadline_ms = time_ms() + login->patience_ms;
	buf_clear(&login->tried);
}

/* What is learnt. */

const char *login_tried(const struct login *login)
{
	return buf_text(&login->tried);
}

const char *login_address(const struct login *login)
{
	return login->shown_url;
}

const struct refusal *login_refusal(const struct login *login)
{
	return &login->refusal;
}

void login_warn(struct login_notes *notes, const char *sentence)
{
	if (strstr(buf_text(&notes->warnings), sentence) != NULL)
		return;
	if (notes->warnings.length > 0)
		buf_add_text(&notes->warnings, "; ");
	buf_add_text(&notes->warnings, sentence);
}

void login_note_clock(struct login_notes *notes, const struct http_reply *reply)
{
	int64_t theirs = 0;
	if (reply != NULL && reply->date != NULL && time_from_http(reply->date, &theirs))
		notes->skew = theirs - time_unix();
}

static void note_tried(struct login *login, const char *url, const struct answer *answer)
{
	char shown[REFUSAL_ADDRESS_ROOM];
	refusal_show(login->http, url, shown);
	buf_add_format(&login->tried, "%s%s (%ld", login->tried.length > 0 ? ", " : "", shown, answer->reply.status);
	/* A 400 has something to say, such as that a parameter is missing; others only say that nothing is there. */
	char problem[ANSWER_TEXT_ROOM] = "";
	if (answer->reply.status == 400)
		answer_text(login->http, &answer->reply, problem);
	buf_add_format(&login->tried, "%s%s)", problem[0] != '\0' ? ": " : "", problem);
}

static void settle(struct login *login, const char *url)
{
	char shown[REFUSAL_ADDRESS_ROOM];
	if (login->settled)
		return;
	login->settled = true;
	refusal_show(login->http, url, shown);
	login->found_url = mem_copy(url);
	login->shown_url = mem_copy(shown);
}

/* Requests. */

static bool collect(void *context, const char *data, size_t length)
{
	return buf_add(context, data, length);
}

static void answer_init(struct answer *answer)
{
	*answer = (struct answer){0};
	buf_init(&answer->body, TOKEN_BODY_MAX);
}

static void answer_release(struct answer *answer)
{
	http_reply_release(&answer->reply);
	mask_wipe(answer->body.data, answer->body.length);
	buf_release(&answer->body);
}

static enum token_verdict judge(const struct answer *answer)
{
	return token_judge(&answer->reply, answer->body.data, answer->body.length);
}

static void say(const struct login *login, const char *url, const struct answer *answer, struct err *err)
{
	refusal_say(&login->refusal, judge(answer), url, &answer->reply, answer->tries, err);
}

/* Whether two header lines have the same name. */
static bool same_name(const char *line, const char *other)
{
	size_t length = strcspn(other, ":");
	return curl_strnequal(line, other, length) && line[length] == ':';
}

/* The header lines of a token call: those of the options, then ours unless they are among them. The caller frees the
 * list. */
static const char **header_lines(const struct login *login, const char *basic, bool has_body)
{
	size_t count = 0;
	while (login->headers[count] != NULL)
		count++;
	const char **lines = mem_new(count + 4, sizeof(*lines));
	size_t used = 0;
	bool type = has_body;
	bool accept_line = true;
	for (size_t i = 0; i < count; i++) {
		lines[used++] = login->headers[i];
		type = type && !same_name(login->headers[i], form_type);
		accept_line = accept_line && !same_name(login->headers[i], accept_json);
	}
	if (type)
		lines[used++] = form_type;
	if (accept_line)
		lines[used++] = accept_json;
	if (basic != NULL)
		lines[used++] = basic;
	return lines;
}

/* Posts once. False only when err is set: stopped, or an address that is none. */
static bool post(struct login *login, const char *url, const char *basic, const struct buf *body, bool once,
	struct answer *answer, struct err *err)
{
	const char **lines = header_lines(login, basic, body->length > 0);
	const struct http_request request = {
		.method = "POST",
		.url = url,
		.headers = lines,
		.body = buf_text(body),
		.body_length = body->length,
		.max_body = TOKEN_BODY_MAX,
		.once = once,
		.on_body = collect,
		.context = &answer->body,
	};
	http_reply_release(&answer->reply);
	mask_wipe(answer->body.data, answer->body.length);
	buf_clear(&answer->body);
	bool ok = http_run(login->http, &request, &answer->reply, err);
	if (ok)
		login_note_clock(login->notes, &answer->reply);
	answer->tries++;
	free(lines);
	return ok;
}

/* Waits before another try, if there is to be one. False when there is not, or err is set: stopped. */
static bool wait_to_retry(struct login *login, const struct answer *answer, struct err *err)
{
	const struct http_reply *reply = &answer->reply;
	uint32_t chance = 0;
	if (retry_judge(reply, answer->tries) == RETRY_NEVER)
		return false;
	if (!login->settled && reply->retry_after == NULL && answer->tries >= FIRST_TRIES)
		return false;
	if (RAND_bytes((unsigned char *)&chance, sizeof(chance)) != 1)
		chance = 0;
	int64_t wait = retry_wait_ms(reply, answer->tries, time_unix(), chance);
	return time_ms() + wait <= login->deadline_ms && http_pause(login->http, wait, err);
}

/* Sends a form, with its query behind the address, until there is an answer to live with; once only where something in
 * it must not be spent twice. Releases the form. False only when err is set. */
static bool send_form(struct login *login, const char *url, const char *basic, struct form *form, bool once,
	struct answer *answer, struct err *err)
{
	const char *joint = strchr(url, '?') == NULL ? "?" : url[strlen(url) - 1] == '?' ? "" : "&";
	char *whole = form->query.length > 0 ? mem_format("%s%s%s", url, joint, buf_text(&form->query)) : mem_copy(url);
	bool ok = true;
	answer->tries = 0;
	do {
		ok = post(login, whole, basic, &form->body, once, answer, err);
	} while (ok && !once && wait_to_retry(login, answer, err));
	mask_wipe_text(whole);
	mask_wipe(form->query.data, form->query.length);
	mask_wipe(form->body.data, form->body.length);
	buf_release(&form->query);
	buf_release(&form->body);
	return ok && err->code == ERR_NONE;
}

/* Forms. */

static void form_add(struct buf *to, const char *name, const char *value)
{
	if (to->length > 0)
		buf_add_char(to, '&');
	http_encode(to, name);
	buf_add_char(to, '=');
	http_encode(to, value);
}

/* Adds a parameter of ours, unless the options set it themselves. */
static void form_add_own(const struct login *login, struct buf *to, const char *name, const char *value)
{
	size_t length = strlen(name);
	for (size_t i = 0; login->token_params[i] != NULL; i++) {
		const char *param = login->token_params[i] + (login->token_params[i][0] == '?' ? 1 : 0);
		if (strncmp(param, name, length) == 0 && param[length] == '=')
			return;
	}
	form_add(to, name, value);
}

/* Adds the parameters of the options, each where it wants to be. */
static void form_add_params(const struct login *login, struct form *form)
{
	for (size_t i = 0; login->token_params[i] != NULL; i++) {
		const char *param = login->token_params[i];
		struct buf *to = param[0] == '?' ? &form->query : &form->body;
		param += param[0] == '?' ? 1 : 0;
		size_t length = strcspn(param, "=");
		const char *value = param[length] == '=' ? param + length + 1 : "";
		if (strcmp(value, "{client-id}") == 0)
			value = login->client_id;
		else if (strcmp(value, "{client-secret}") == 0)
			value = login->client_secret;
		char *name = mem_copy_n(param, length);
		form_add(to, name, value);
		free(name);
	}
}

/* The header of Basic authentication. To be wiped and freed. */
static char *basic_header(const struct login *login)
{
	struct buf pair = {0};
	if (login->basic_raw) {
		buf_add_format(&pair, "%s:%s", login->client_id, login->client_secret);
	} else {
		http_encode(&pair, login->client_id);
		buf_add_char(&pair, ':');
		http_encode(&pair, login->client_secret);
	}
	char *text = mem_new(pair.length * 2 + 4, 1);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pair.data, (int)pair.length);
	http_hide(login->http, text);
	char *header = mem_format("Authorization: Basic %s", text);
	mask_wipe(pair.data, pair.length);
	buf_release(&pair);
	mask_wipe_text(text);
	return header;
}

/* Takes the token out of an answer judged fine. */
static bool take_token(struct login *login, const char *url, const struct answer *answer, int64_t asked_ms,
	struct token *token, struct err *err)
{
	char shown[REFUSAL_ADDRESS_ROOM];
	struct token read = {0};
	refusal_show(login->http, url, shown);
	if (!token_read(answer->body.data, answer->body.length, &read))
		return err_set(
			err, ERR_API, "%s answers without a token: check %s", shown, login->refusal.address_option);
	if (read.type != NULL && read.type[0] != '\0' && !curl_strequal(read.type, "bearer")) {
		token_release(&read);
		return err_set(err, ERR_API,
			"%s gives tokens of a type other than bearer, which this program cannot use", shown);
	}
	http_hide_passing(login->http, read.access);
	http_hide_passing(login->http, read.refresh);
	read.asked_ms = asked_ms;
	*token = read;
	settle(login, url);
	return true;
}

/* Client credentials. */

static const char *last_part(const char *scope, size_t length)
{
	size_t at = length;
	while (at > 0 && scope[at - 1] != '/')
		at--;
	return scope + at;
}

/* Whether a scope is among those granted, however they are separated; servers may leave the long prefix out. */
static bool granted(const char *list, const char *scope)
{
	const char *wanted = last_part(scope, strlen(scope));
	while (*list != '\0') {
		size_t length = strcspn(list, " ,;\t\r\n");
		const char *part = last_part(list, length);
		if ((size_t)(list + length - part) == strlen(wanted) && strncmp(part, wanted, strlen(wanted)) == 0)
			return true;
		list += length;
		list += strspn(list, " ,;\t\r\n");
	}
	return false;
}

static void warn_about_scopes(struct login *login, const struct token *token)
{
	char *const *asked = login->fewer_scopes ? login->fallback_scopes : login->scopes;
	if (login->fewer_scopes)
		login_warn(login->notes, fewer_warning);
	if (token->scope == NULL || token->scope[0] == '\0')
		return;
	for (; *asked != NULL; asked++) {
		if (granted(token->scope, *asked))
			continue;
		char *sentence = mem_format(scope_warning, last_part(*asked, strlen(*asked)));
		login_warn(login->notes, sentence);
		free(sentence);
	}
}

/* One form of the request at one address. */
static bool ask_for_token(struct login *login, const char *url, struct answer *answer, struct err *err)
{
	struct form form = {0};
	struct buf scope = {0};
	struct buf *place = login->client == AUTH_CLIENT_QUERY ? &form.query : &form.body;
	char *const *scopes = login->fewer_scopes ? login->fallback_scopes : login->scopes;
	for (size_t i = 0; scopes[i] != NULL; i++)
		buf_add_format(&scope, "%s%s", i > 0 ? " " : "", scopes[i]);
	form_add_own(login, &form.body, "grant_type", login->grant);
	if (scope.length > 0)
		form_add_own(login, &form.body, "scope", buf_text(&scope));
	if (login->client != AUTH_CLIENT_BASIC) {
		form_add_own(login, place, "client_id", login->client_id);
		form_add_own(login, place, "client_secret", login->client_secret);
	}
	form_add_params(login, &form);
	bool in_header = login->client == AUTH_CLIENT_BASIC || login->client == AUTH_CLIENT_BOTH;
	char *basic = in_header ? basic_header(login) : NULL;
	bool ok = send_form(login, url, basic, &form, false, answer, err);
	mask_wipe_text(basic);
	buf_release(&scope);
	return ok;
}

/* Whether an answer may mean that id and secret stand in the wrong place, and there is another place to try. */
static bool other_place(const struct login *login, const struct answer *answer)
{
	bool two_places = login->client_wanted == AUTH_CLIENT_BASIC || login->client_wanted == AUTH_CLIENT_BODY;
	if (login->client_given || login->settled || !two_places || login->client != login->client_wanted)
		return false;
	char word[64];
	token_error_word(&answer->reply, word, sizeof(word));
	enum token_verdict verdict = judge(answer);
	if (verdict == TOKEN_CREDENTIALS)
		return answer->reply.status == 401 || curl_strequal(word, "invalid_client");
	return verdict == TOKEN_FORM && curl_strequal(word, "invalid_request");
}

/* Logs in at one address, with the second tries there are. */
static enum login_outcome oauth2_at(struct login *login, const char *url, struct token *token, struct err *err)
{
	struct answer answer;
	struct err first = {0}; /* what the wanted place of id and secret was answered */
	enum login_outcome outcome = LOGIN_FAILED;
	answer_init(&answer);
	for (;;) {
		int64_t asked_ms = time_ms();
		if (!ask_for_token(login, url, &answer, err))
			break;
		enum token_verdict verdict = judge(&answer);
		if (verdict == TOKEN_FINE) {
			if (take_token(login, url, &answer, asked_ms, token, err))
				outcome = LOGIN_DONE;
		} else if (verdict == TOKEN_SCOPE && login->fallback_scopes[0] != NULL && !login->fewer_scopes) {
			login->fewer_scopes = true;
			continue;
		} else if (other_place(login, &answer)) {
			say(login, url, &answer, &first);
			login->client = login->client == AUTH_CLIENT_BASIC ? AUTH_CLIENT_BODY : AUTH_CLIENT_BASIC;
			continue;
		} else if (first.code != ERR_NONE && verdict != TOKEN_SCOPE) {
			*err = first; /* of two refusals this is the one to show, unless the second got further */
		} else if (verdict != TOKEN_NO_ADDRESS) {
			say(login, url, &answer, err);
		} else {
			note_tried(login, url, &answer);
			outcome = LOGIN_NO_ADDRESS;
		}
		break;
	}
	if (outcome != LOGIN_DONE && !login->settled) {
		login->client = login->client_wanted;
		login->fewer_scopes = false;
	}
	answer_release(&answer);
	return outcome;
}

enum login_outcome login_oauth2(struct login *login, struct token *token, struct err *err)
{
	const char *exact = login->found_url != NULL ? login->found_url : login->token_url;
	enum login_outcome outcome = LOGIN_NO_ADDRESS;
	if (exact != NULL) {
		outcome = oauth2_at(login, exact, token, err);
	} else if (login->token_paths[0] == NULL) {
		err_set(err, ERR_USAGE, "token-url is missing");
		return LOGIN_FAILED;
	}
	for (size_t i = 0; exact == NULL && outcome == LOGIN_NO_ADDRESS && login->token_paths[i] != NULL; i++) {
		char *url = mem_format("%s%s", login->base, login->token_paths[i]);
		outcome = oauth2_at(login, url, token, err);
		free(url);
	}
	if (outcome == LOGIN_DONE)
		warn_about_scopes(login, token);
	return outcome;
}

/* Authorize, token, refresh. */

/* Where the parameters go: the query, as documented, unless the body is asked for. */
static struct buf *v1_place(const struct login *login, struct form *form)
{
	return login->client_given && login->client_wanted == AUTH_CLIENT_BODY ? &form->body : &form->query;
}

static char *v1_token_url(const struct login *login)
{
	if (login->token_url != NULL)
		return mem_copy(login->token_url);
	return mem_format("%s%s", login->base, login->refresh_path);
}

/* Step one: a code, good for one use. To be wiped and freed; NULL, with the outcome, when there is none. */
static char *v1_authorize(struct login *login, enum login_outcome *outcome, struct err *err)
{
	struct form form = {0};
	struct answer answer;
	char *code = NULL;
	char *url = mem_format("%s%s", login->base, login->authorize_path);
	answer_init(&answer);
	*outcome = LOGIN_FAILED;
	form_add_own(login, v1_place(login, &form), "client_id", login->client_id);
	form_add_params(login, &form);
	if (send_form(login, url, NULL, &form, false, &answer, err)) {
		enum token_verdict verdict = judge(&answer);
		if (verdict == TOKEN_FINE)
			code = token_read_code(answer.body.data, answer.body.length);
		if (code != NULL) {
			http_hide_passing(login->http, code);
		} else if (verdict == TOKEN_FINE) {
			char shown[REFUSAL_ADDRESS_ROOM];
			refusal_show(login->http, url, shown);
			err_set(err, ERR_API, "%s answers without an authorization code: check url", shown);
		} else if (verdict == TOKEN_NO_ADDRESS) {
			note_tried(login, url, &answer);
			*outcome = LOGIN_NO_ADDRESS;
		} else {
			say(login, url, &answer, err);
		}
	}
	answer_release(&answer);
	free(url);
	return code;
}

enum login_outcome login_v1(struct login *login, struct token *token, struct err *err)
{
	struct answer answer;
	enum login_outcome outcome = LOGIN_FAILED;
	char *url = v1_token_url(login);
	answer_init(&answer);
	for (unsigned tries = 1;; tries++) {
		char *code = v1_authorize(login, &outcome, err);
		if (code == NULL)
			break;
		struct form form = {0};
		struct buf *place = v1_place(login, &form);
		form_add_own(login, place, "client_id", login->client_id);
		form_add_own(login, place, "authorization_code", code);
		form_add_own(login, place, "client_secret", login->client_secret);
		form_add_own(login, place, "scope", v1_scope);
		form_add_params(login, &form);
		mask_wipe_text(code);
		outcome = LOGIN_FAILED;
		int64_t asked_ms = time_ms();
		if (!send_form(login, url, NULL, &form, true, &answer, err))
			break;
		answer.tries = tries;
		if (judge(&answer) == TOKEN_FINE) {
			if (take_token(login, url, &answer, asked_ms, token, err))
				outcome = LOGIN_DONE;
			break;
		}
		/* The code may be spent, so another try begins with another code. */
		if (!wait_to_retry(login, &answer, err)) {
			say(login, url, &answer, err);
			break;
		}
	}
	answer_release(&answer);
	free(url);
	return outcome;
}

bool login_v1_refresh(struct login *login, const char *refresh, struct token *token, struct err *err)
{
	struct form form = {0};
	struct answer answer;
	struct err refused = {0};
	char *url = v1_token_url(login);
	struct buf *place = v1_place(login, &form);
	answer_init(&answer);
	form_add_own(login, place, "client_id", login->client_id);
	form_add_own(login, place, "client_secret", login->client_secret);
	form_add_own(login, place, "refresh_token", refresh);
	form_add_own(login, place, "grant_type", "refresh_token");
	form_add_params(login, &form);
	int64_t asked_ms = time_ms();
	bool ok = send_form(login, url, NULL, &form, true, &answer, err) && judge(&answer) == TOKEN_FINE &&
		  take_token(login, url, &answer, asked_ms, token, &refused);
	answer_release(&answer);
	free(url);
	return ok;
}

#include "fetch/token.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/mem.h"
#include "fetch/problem.h"

static const int64_t life_max_ms = INT64_C(10) * 365 * 86400 * 1000;

/* The words of RFC 6749, section 5.2, and some that servers made up. */
static const struct {
	const char *word;
	enum token_verdict verdict;
} error_words[] = {
	{"invalid_client", TOKEN_CREDENTIALS},
	{"unauthorized_client", TOKEN_CREDENTIALS},
	{"invalid_client_id", TOKEN_CREDENTIALS},
	{"invalid_clientId", TOKEN_CREDENTIALS},
	{"invalid_grant", TOKEN_CREDENTIALS},
	{"invalid_scope", TOKEN_SCOPE},
	{"invalid_request", TOKEN_FORM},
	{"unsupported_grant_type", TOKEN_FORM},
	{"access_denied", TOKEN_FORBIDDEN},
	{"server_error", TOKEN_SERVER},
	{"temporarily_unavailable", TOKEN_SERVER},
};

static bool known_word(const char *word, enum token_verdict *verdict)
{
	for (size_t i = 0; i < sizeof(error_words) / sizeof(error_words[0]); i++)
		if (curl_strequal(error_words[i].word, word)) {
			*verdict = error_words[i].verdict;
			return true;
		}
	return false;
}

static bool error_word(const char *body, size_t length, char *out, size_t room)
{
	return problem_member(body, length, "error", out, room);
}

bool token_error_word(const struct http_reply *reply, char *out, size_t room)
{
	return error_word(reply->snippet.data, reply->snippet.length, out, room);
}

static enum token_verdict judge_refusal(const struct http_reply *reply)
{
	enum token_verdict verdict = TOKEN_ODD;
	char word[128];
	long status = reply->status;
	bool has_word = token_error_word(reply, word, sizeof(word));
	if (status == 429)
		return TOKEN_BUSY;
	if (has_word && known_word(word, &verdict))
		return verdict;
	if (status >= 300 && status < 400)
		return TOKEN_REDIRECT;
	switch (status) {
	case 400: return has_word ? TOKEN_FORM : TOKEN_NO_ADDRESS;
	case 401: return TOKEN_CREDENTIALS;
	case 403: return TOKEN_FORBIDDEN;
	case 404:
	case 405: return TOKEN_NO_ADDRESS;
	case 408: return TOKEN_NETWORK;
	case 425: return TOKEN_BUSY;
	default: break;
	}
	return status >= 500 ? TOKEN_SERVER : TOKEN_ODD;
}

enum token_verdict token_judge(const struct http_reply *reply, const char *body, size_t length)
{
	if (reply->status >= 300 && reply->failure != HTTP_STOPPED)
		return judge_refusal(reply);
	if (reply->failure != HTTP_OK)
		return TOKEN_NETWORK;
	if (reply->status < 200)
		return TOKEN_ODD;
	if (problem_is_page(body, length))
		return TOKEN_PAGE;
	/* Some servers refuse with 200. */
	enum token_verdict verdict = TOKEN_FINE;
	char word[128];
	if (error_word(body, length, word, sizeof(word)))
		known_word(word, &verdict);
	return verdict;
}

/* A text that may stand in a header: no white space, nothing but visible ASCII. */
static bool usable(const char *text)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return length > 0 && length < TOKEN_TEXT_MAX;
}

static char *member(const char *body, size_t length, const char *name)
{
	char *text = mem_new(TOKEN_TEXT_MAX, 1);
	if (problem_member(body, length, name, text, TOKEN_TEXT_MAX))
		return text;
	free(text);
	return NULL;
}

/* A body that is nothing but a word: bare, or as a JSON string. NULL when it is not. */
static char *bare_word(const char *body, size_t length)
{
	if (length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
		body += 3;
		length -= 3;
	}
	while (length > 0 && strchr(" \t\r\n", body[length - 1]) != NULL)
		length--;
	while (length > 0 && strchr(" \t\r\n", *body) != NULL) {
		body++;
		length--;
	}
	if (length >= 2 && body[0] == '"' && body[length - 1] == '"') {
		/* Wrapped, it is a document whose one member can be looked up like any other. */
		struct buf wrapped = {0};
		buf_add_text(&wrapped, "{\"word\":");
		buf_add(&wrapped, body, length);
		buf_add_char(&wrapped, '}');
		char *word = member(wrapped.data, wrapped.length, "word");
		mask_wipe(wrapped.data, wrapped.length);
		buf_release(&wrapped);
		if (word != NULL && usable(word))
			return word;
		mask_wipe_text(word);
		return NULL;
	}
	if (length == 0 || length >= TOKEN_TEXT_MAX || strchr("{[<\"", *body) != NULL)
		return NULL;
	char *word = mem_copy_n(body, length);
	bool literal = strcmp(word, "null") == 0 || strcmp(word, "true") == 0 || strcmp(word, "false") == 0;
	if (!literal && strchr(word, '<') == NULL && strlen(word) == length && usable(word))
		return word;
	mask_wipe_text(word);
	return NULL;
}

/* The first of some members, or the bare word that the body is. */
static char *member_or_bare(const char *body, size_t length, const char *const *names)
{
	char *text = NULL;
	for (; text == NULL && *names != NULL; names++) {
		text = member(body, length, *names);
		if (text != NULL && !usable(text)) {
			mask_wipe_text(text);
			text = NULL;
		}
	}
	return text != NULL ? text : bare_word(body, length);
}

bool token_read(const char *body, size_t length, struct token *token)
{
	static const char *const names[] = {"access_token", "accessToken", NULL};
	char *access = member_or_bare(body, length, names);
	if (access == NULL)
		return false;
	char *life = member(body, length, "expires_in");
	*token = (struct token){
		.access = access,
		.refresh = member(body, length, "refresh_token"),
		.scope = member(body, length, "scope"),
		.type = member(body, length, "token_type"),
		.life_ms = token_life_ms(life),
	};
	if (token->refresh != NULL && token->refresh[0] == '\0') {
		free(token->refresh);
		token->refresh = NULL;
	}
	free(life);
	return true;
}

char *token_read_code(const char *body, size_t length)
{
	static const char *const names[] = {"authorization_code", "authorizationCode", "code", NULL};
	return member_or_bare(body, length, names);
}

int64_t token_life_ms(const char *text)
{
	const int64_t usual = TOKEN_LIFE_SECONDS * INT64_C(1000);
	int64_t ms = 0;
	int64_t scale = 100;
	if (text == NULL)
		return usual;
	text += strspn(text, " ");
	if (*text < '0' || *text > '9')
		return usual;
	for (; *text >= '0' && *text <= '9'; text++)
		if (ms < life_max_ms)
			ms = ms * 10 + (*text - '0') * INT64_C(1000);
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			ms += (*text - '0') * scale;
	text += strspn(text, " ");
	if (*text != '\0' || ms <= 0)
		return usual;
	return ms < life_max_ms ? ms : life_max_ms;
}

void token_release(struct token *token)
{
	mask_wipe_text(token->access);
	mask_wipe_text(token->refresh);
	free(token->scope);
	free(token->type);
	*token = (struct token){0};
}

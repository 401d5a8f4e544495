/*
 * The answer of a token server. Input: a byte for the status, a byte for how the request ended, then the body.
 * Holds: a token or code can stand in a header as it is and does not last for ever; what is none changes nothing.
 */
#include "fuzz.h"

#include "fetch/http.h"
#include "fetch/token.h"

static const long statuses[] = {0, 200, 201, 302, 400, 401, 403, 404, 429, 500, 503};

static bool is_sendable(const char *text)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] < '!' || text[i] > '~')
			return false;
	return length > 0 && length < TOKEN_TEXT_MAX;
}

static void assert_life(int64_t ms)
{
	fuzz_must(ms > 0 && ms <= INT64_C(10) * 366 * 86400 * 1000, "a token lives for a while");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct http_reply reply = {
		.status = statuses[fuzz_byte(&input) % (sizeof(statuses) / sizeof(statuses[0]))],
		.failure = fuzz_byte(&input) % (HTTP_OTHER + 1),
	};
	struct token token = {.life_ms = -1};
	char word[32];
	buf_init(&reply.snippet, HTTP_SNIPPET_MAX);
	buf_add(&reply.snippet, input.data, input.left < HTTP_SNIPPET_MAX ? input.left : HTTP_SNIPPET_MAX);

	enum token_verdict verdict = token_judge(&reply, input.data, input.left);
	fuzz_must(verdict <= TOKEN_ODD, "there is a word for every answer");
	fuzz_must(verdict != TOKEN_FINE || (reply.status / 100 == 2 && reply.failure == HTTP_OK), "only 2xx is fine");
	bool has_word = token_error_word(&reply, word, sizeof(word));
	fuzz_must(memchr(word, '\0', sizeof(word)) != NULL, "the error word fits");
	fuzz_must(has_word || word[0] == '\0', "no error word is none");
	if (token_read(input.data, input.left, &token)) {
		fuzz_must(is_sendable(token.access), "a token can be sent");
		fuzz_must(token.refresh == NULL || token.refresh[0] != '\0', "a refresh token is not empty");
		assert_life(token.life_ms);
		token_release(&token);
		fuzz_must(token.access == NULL && token.refresh == NULL, "a released token is gone");
	} else {
		fuzz_must(token.access == NULL && token.life_ms == -1, "no token changes nothing");
	}
	char *code = token_read_code(input.data, input.left);
	fuzz_must(code == NULL || is_sendable(code), "a code can be sent");
	free(code);
	char *text = mem_copy_n(input.data, input.left);
	assert_life(token_life_ms(text));
	free(text);
	http_reply_release(&reply);
	return 0;
}

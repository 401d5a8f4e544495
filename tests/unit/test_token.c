#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/token.h"

static enum token_verdict judge(long status, const char *body)
{
	struct http_reply reply = {.status = status};
	buf_init(&reply.snippet, HTTP_SNIPPET_MAX);
	buf_add_text(&reply.snippet, body);
	bool fine = status >= 200 && status < 300;
	enum token_verdict verdict = token_judge(&reply, fine ? body : "", fine ? strlen(body) : 0);
	http_reply_release(&reply);
	return verdict;
}

static void test_verdicts(void **state)
{
	(void)state;
	static const struct {
		long status;
		const char *body;
		enum token_verdict verdict;
	} cases[] = {
		{200, "{\"access_token\":\"x\"}", TOKEN_FINE},
		{201, "x", TOKEN_FINE},
		{200, "{\"error\":\"invalid_client\"}", TOKEN_CREDENTIALS},
		{200, "<!DOCTYPE html><html>", TOKEN_PAGE},
		{302, "", TOKEN_REDIRECT},
		{400, "{\"error\":\"invalid_client\"}", TOKEN_CREDENTIALS},
		{400, "{\"error\":\"unauthorized_client\"}", TOKEN_CREDENTIALS},
		{400, "{\"error\":\"invalid_grant\"}", TOKEN_CREDENTIALS},
		{400, "{\"error\":\"invalid_scope\"}", TOKEN_SCOPE},
		{400, "{\"error\":\"invalid_request\"}", TOKEN_FORM},
		{400, "{\"error\":\"unsupported_grant_type\"}", TOKEN_FORM},
		{400, "{\"error\":\"something_new\"}", TOKEN_FORM},
		{400, "{\"Message\":\"No route\"}", TOKEN_NO_ADDRESS},
		{400, "<html></html>", TOKEN_NO_ADDRESS},
		{400, "", TOKEN_NO_ADDRESS},
		{401, "", TOKEN_CREDENTIALS},
		{401, "<html></html>", TOKEN_CREDENTIALS},
		{401, "{\"error\":\"invalid_scope\"}", TOKEN_SCOPE},
		{403, "<html></html>", TOKEN_FORBIDDEN},
		{404, "", TOKEN_NO_ADDRESS},
		{404, "{\"error\":\"Not Found\"}", TOKEN_NO_ADDRESS},
		{405, "", TOKEN_NO_ADDRESS},
		{415, "", TOKEN_ODD},
		{429, "", TOKEN_BUSY},
		{429, "{\"error\":\"invalid_client\"}", TOKEN_BUSY},
		{500, "", TOKEN_SERVER},
		{500, "{\"error\":\"invalid_client\"}", TOKEN_CREDENTIALS},
		{503, "{\"error\":\"temporarily_unavailable\"}", TOKEN_SERVER},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (judge(cases[i].status, cases[i].body) != cases[i].verdict)
			fail_msg("%ld %s", cases[i].status, cases[i].body);
	const struct http_reply cut = {.status = 200, .failure = HTTP_CUT};
	assert_int_equal(token_judge(&cut, "", 0), TOKEN_NETWORK);
	const struct http_reply none = {.failure = HTTP_CONNECT};
	assert_int_equal(token_judge(&none, NULL, 0), TOKEN_NETWORK);
}

static void test_life(void **state)
{
	(void)state;
	const int64_t usual = INT64_C(3600) * 1000;
	assert_int_equal(token_life_ms("21600"), 21600000);
	assert_int_equal(token_life_ms("2"), 2000);
	assert_int_equal(token_life_ms("0.5"), 500);
	assert_int_equal(token_life_ms("3599.9999"), 3599999);
	assert_int_equal(token_life_ms(" 180 "), 180000);
	assert_int_equal(token_life_ms(NULL), usual);
	assert_int_equal(token_life_ms(""), usual);
	assert_int_equal(token_life_ms("0"), usual);
	assert_int_equal(token_life_ms("-60"), usual);
	assert_int_equal(token_life_ms("1h"), usual);
	assert_int_equal(token_life_ms("never"), usual);
	assert_true(token_life_ms("99999999999999999999999999999") > INT64_C(365) * 86400 * 1000);
	assert_true(token_life_ms("99999999999999999999999999999") < INT64_MAX / 1000);
}

static void check_token(const char *body, const char *access, const char *refresh, const char *scope, int64_t life)
{
	struct token token = {0};
	assert_true(token_read(body, strlen(body), &token));
	assert_string_equal(token.access, access);
	assert_string_equal(token.refresh != NULL ? token.refresh : "", refresh);
	assert_string_equal(token.scope != NULL ? token.scope : "", scope);
	assert_int_equal(token.life_ms, life);
	token_release(&token);
	assert_null(token.access);
}

static void test_tokens(void **state)
{
	(void)state;
	check_token("{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":21600,\"scope\":\"a b\"}",
		"abc", "", "a b", 21600000);
	check_token("{\"more\":{\"x\":[1,{\"access_token\":\"no\"}]},\"refresh_token\":\"r\",\"expires_in\":\"180\","
		    "\"access_token\":\"yes\"}",
		"yes", "r", "", 180000);
	check_token("{\"Access_Token\":\"abc\",\"refresh_token\":\"\"}", "abc", "", "", 3600000);
	check_token("\"eyJ.a-b_c/d+e=\"", "eyJ.a-b_c/d+e=", "", "", 3600000);
	check_token("\"a\\/b\"\r\n", "a/b", "", "", 3600000);
	check_token("\xef\xbb\xbf  0f1e2d3c4b5a\n", "0f1e2d3c4b5a", "", "", 3600000);
}

static void test_no_tokens(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", "  ", "two words", "<html>token</html>", "a<b", "{}", "[]",
		"{\"token\":\"x\"}", "{\"access_token\":null}", "{\"access_token\":\"\"}", "{\"access_token\":\"a b\"}",
		"{\"access_token\":\"a\\nb\"}", "\"two words\"", "\"\"", "\"", "null", "true",
		"{\"access_token\":\"cut", "caf\xc3\xa9"};
	struct token token = {0};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		if (token_read(bodies[i], strlen(bodies[i]), &token))
			fail_msg("%s", bodies[i]);
	assert_false(token_read("a\0b", 3, &token));
	assert_false(token_read(NULL, 0, &token));
	char *large = mem_new(TOKEN_TEXT_MAX + 1, 1);
	memset(large, 'a', TOKEN_TEXT_MAX);
	assert_false(token_read(large, TOKEN_TEXT_MAX, &token));
	assert_true(token_read(large, TOKEN_TEXT_MAX - 1, &token));
	token_release(&token);
	free(large);
}

static void test_codes(void **state)
{
	(void)state;
	static const char *const bodies[] = {"{\"authorization_code\":\"c0de\"}", "{\"AuthorizationCode\":\"c0de\"}",
		"{\"authorizationCode\":\"c0de\",\"code\":\"other\"}", "{\"Code\":\"c0de\",\"expires_in\":300}",
		"\"c0de\"", "c0de\r\n"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char *code = token_read_code(bodies[i], strlen(bodies[i]));
		assert_non_null(code);
		assert_string_equal(code, "c0de");
		free(code);
	}
	assert_null(token_read_code("{\"other\":\"c0de\"}", 16));
	assert_null(token_read_code("no code", 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_no_tokens),
		cmocka_unit_test(test_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

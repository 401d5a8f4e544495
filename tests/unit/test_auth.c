#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "fetch/auth.h"
#include "tiny.h"

/* The server says these things one after the other; the last for ever. */
struct line {
	int status; /* 0: the connection is closed without an answer */
	const char *headers;
	const char *body;
};

struct setting {
	struct tiny tiny;
	const struct line *script;
	size_t lines;
	struct http *http;
	struct auth *auth;
	char *base;
	struct auth_options options;
	struct err err;
	struct buf header;
	unsigned generation;
};

static const char id[] = "0123456789abcdef";
static const char secret[] = "s&cret/0123456789";

static const char *const paths[] = {"/token", "/token/", "/v2/oauth/token", NULL};
static const char *const scopes[] = {
	"https://purl.example.org/scope/core.readonly", "https://purl.example.org/scope/more.readonly", NULL};
static const char *const fewer[] = {"https://purl.example.org/scope/core.readonly", NULL};

static bool answer_script(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)request;
	const struct setting *setting = tiny->context;
	const struct line *line = &setting->script[number < setting->lines ? number : setting->lines - 1];
	if (line->status == 0)
		return false;
	return tiny_reply(fd, line->status, line->headers != NULL ? line->headers : "", line->body);
}

#define SCRIPT(...) (const struct line[]){__VA_ARGS__}, sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line)

static void open_setting(struct setting *setting, enum auth_way way, const struct line *script, size_t lines)
{
	static const struct http_options options = {.wake_fd = -1};
	*setting = (struct setting){.script = script, .lines = lines};
	tiny_start(&setting->tiny, answer_script, setting);
	setting->http = http_new(&options, &setting->err);
	setting->base = tiny_url(&setting->tiny, "/admin");
	setting->options = (struct auth_options){
		.ways = {way},
		.base = setting->base,
		.token_paths = paths,
		.authorize_path = "/v1/oauth/authorize",
		.refresh_path = "/v1/oauth/token",
		.client_id = id,
		.client_secret = secret,
		.scopes = scopes,
		.retry_seconds = 20,
	};
}

static bool login(struct setting *setting)
{
	setting->auth = auth_new(&setting->options, setting->http);
	return auth_login(setting->auth, &setting->err);
}

/* The Authorization line for a data request; "" when there is none to be had. */
static const char *header(struct setting *setting)
{
	const char *url = "https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=0";
	if (!auth_header(setting->auth, "GET", url, &setting->header, &setting->generation, &setting->err))
		return "";
	return buf_text(&setting->header);
}

static void close_setting(struct setting *setting)
{
	/* Whatever happened, no secret may be in a text. */
	assert_null(strstr(setting->err.text, secret));
	assert_null(strstr(setting->err.text, "s%26cret"));
	if (setting->auth != NULL && auth_token_address(setting->auth) != NULL)
		assert_null(strchr(auth_token_address(setting->auth), '?'));
	auth_free(setting->auth);
	http_free(setting->http);
	tiny_release(&setting->tiny);
	buf_release(&setting->header);
	free(setting->base);
}

static bool asked(const struct setting *setting, size_t number, const char *text)
{
	return number < setting->tiny.request_count && strstr(setting->tiny.requests[number], text) != NULL;
}

static const char good[] = "{\"access_token\":\"t0ken-one\",\"token_type\":\"Bearer\",\"expires_in\":21600,"
			   "\"scope\":\"core.readonly https://purl.example.org/scope/more.readonly\"}";

static void test_client_credentials(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({200, "Content-Type: application/json\r\n", good}));
	assert_true(login(&setting));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-one");
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-one");
	assert_int_equal(setting.tiny.request_count, 1);
	assert_true(asked(&setting, 0, "POST /admin/token HTTP/1.1\r\n"));
	assert_true(asked(&setting, 0, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_true(asked(&setting, 0, "\r\nAccept: application/json\r\n"));
	/* base64 of 0123456789abcdef:s%26cret%2F0123456789 */
	assert_true(asked(
		&setting, 0, "\r\nAuthorization: Basic MDEyMzQ1Njc4OWFiY2RlZjpzJTI2Y3JldCUyRjAxMjM0NTY3ODk=\r\n"));
	assert_true(asked(&setting, 0,
		"\r\n\r\ngrant_type=client_credentials&scope=https%3A%2F%2Fpurl.example.org%2Fscope%2Fcore.readonly%20"
		"https%3A%2F%2Fpurl.example.org%2Fscope%2Fmore.readonly"));
	assert_string_equal(auth_way_word(setting.auth), "oauth2");
	assert_non_null(strstr(auth_token_address(setting.auth), "/admin/token"));
	assert_non_null(strstr(auth_granted(setting.auth), "core.readonly"));
	assert_null(auth_warning(setting.auth));
	close_setting(&setting);
}

static void test_places_of_the_secret(void **state)
{
	(void)state;
	static const struct {
		enum auth_client client;
		bool raw;
		const char *line;  /* must be there */
		const char *never; /* must not */
	} cases[] = {
		{AUTH_CLIENT_BODY, false, "&client_id=0123456789abcdef&client_secret=s%26cret%2F0123456789", "Basic"},
		{AUTH_CLIENT_QUERY, false,
			"POST /exact?app=one&client_id=0123456789abcdef&client_secret=s%26cret%2F0123456789 HTTP/1.1",
			"Basic"},
		{AUTH_CLIENT_BOTH, false, "&client_secret=s%26cret%2F0123456789", "nothing"},
		{AUTH_CLIENT_BOTH, false, "Basic MDEyMzQ1", "nothing"},
		/* base64 of 0123456789abcdef:s&cret/0123456789 */
		{AUTH_CLIENT_BASIC, true, "Basic MDEyMzQ1Njc4OWFiY2RlZjpzJmNyZXQvMDEyMzQ1Njc4OQ==\r\n",
			"client_secret"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting setting;
		open_setting(&setting, AUTH_OAUTH2, SCRIPT({200, NULL, good}));
		char *url = tiny_url(&setting.tiny, "/exact?app=one");
		setting.options.token_url = url;
		setting.options.client = cases[i].client;
		setting.options.basic_raw = cases[i].raw;
		assert_true(login(&setting));
		assert_true(asked(&setting, 0, cases[i].line));
		assert_false(asked(&setting, 0, cases[i].never));
		free(url);
		close_setting(&setting);
	}
}

static void test_parameters_and_headers(void **state)
{
	(void)state;
	static const char *const params[] = {"?appName=one two", "grant_type=special", "clientid={client-id}",
		"clientsecret={client-secret}", "password=w0rd-w0rd", NULL};
	static const char *const headers[] = {"Tenant: north", "Accept: text/plain", NULL};
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({401, NULL, "w0rd-w0rd is wrong, s&cret/0123456789 too"}));
	setting.options.token_params = params;
	setting.options.headers = headers;
	setting.options.scopes = NULL;
	setting.options.client_given = true;
	assert_false(login(&setting));
	assert_true(asked(&setting, 0, "POST /admin/token?appName=one%20two HTTP/1.1\r\n"));
	assert_true(asked(&setting, 0,
		"\r\n\r\ngrant_type=special&clientid=0123456789abcdef&clientsecret=s%26cret%2F0123456789&"
		"password=w0rd-w0rd"));
	assert_false(asked(&setting, 0, "scope"));
	assert_true(asked(&setting, 0, "\r\nTenant: north\r\n"));
	assert_true(asked(&setting, 0, "\r\nAccept: text/plain\r\n"));
	assert_false(asked(&setting, 0, "Accept: application/json"));
	assert_non_null(strstr(setting.err.text, "*** is wrong, *** too"));
	close_setting(&setting);
}

static void test_address_candidates(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({404, NULL, "<html>"}, {400, NULL, "{\"Message\":\"No HTTP resource was found\"}"},
			{200, NULL, good}));
	assert_true(login(&setting));
	assert_int_equal(setting.tiny.request_count, 3);
	assert_true(asked(&setting, 0, "POST /admin/token HTTP"));
	assert_true(asked(&setting, 1, "POST /admin/token/ HTTP"));
	assert_true(asked(&setting, 2, "POST /admin/v2/oauth/token HTTP"));
	assert_non_null(strstr(auth_token_address(setting.auth), "/admin/v2/oauth/token"));
	close_setting(&setting);
}

static void test_candidates_end_at_an_answer(void **state)
{
	(void)state;
	static const struct line ends[] = {{401, NULL, ""}, {400, NULL, "{\"error\":\"invalid_client\"}"},
		{400, NULL, "{\"error\":\"unsupported_grant_type\"}"}, {403, NULL, ""},
		{302, "Location: /login\r\n", ""}, {200, NULL, "<!DOCTYPE html><html></html>"}, {200, NULL, "{}"}};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct setting setting;
		open_setting(&setting, AUTH_OAUTH2, &ends[i], 1);
		setting.options.client_given = true;
		assert_false(login(&setting));
		assert_int_equal(setting.tiny.request_count, 1);
		close_setting(&setting);
	}
}

static void test_sentences(void **state)
{
	(void)state;
	static const struct {
		struct line line;
		enum err_code code;
		const char *words;
	} cases[] = {
		{{401, NULL, ""}, ERR_LOGIN, "refuses the client id or the secret (401)"},
		{{400, NULL, "{\"error\":\"invalid_client\",\"error_description\":\"Unknown key\"}"}, ERR_LOGIN,
			"refuses the client id or the secret (400 invalid_client: Unknown key)"},
		{{400, NULL, "{\"error\":\"invalid_scope\"}"}, ERR_LOGIN, "does not allow the scope"},
		{{400, NULL, "{\"error\":\"unsupported_grant_type\"}"}, ERR_LOGIN,
			"does not like the form of the login"},
		{{403, NULL, ""}, ERR_LOGIN, "only listed addresses"},
		{{404, NULL, ""}, ERR_API, "is not a token address: check token-url"},
		{{200, NULL, "<html><body>Sign in</body></html>"}, ERR_API,
			"is not a token address, it shows a web page"},
		{{302, "Location: https://other.example.org/login?x=y\r\n", ""}, ERR_API,
			"it redirects to https://other.example.org/login (302)"},
		{{200, NULL, "{\"access_token\":\"x-token-x\",\"token_type\":\"mac\"}"}, ERR_API, "other than bearer"},
		{{200, NULL, "{\"token\":\"x-token-x\"}"}, ERR_API, "answers without a token"},
		{{415, NULL, ""}, ERR_API, "means nothing to this program (415)"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting setting;
		open_setting(&setting, AUTH_OAUTH2, &cases[i].line, 1);
		char *url = tiny_url(&setting.tiny, "/exact?x=hidden");
		setting.options.token_url = url;
		setting.options.client_given = true;
		setting.options.hint_login_refused = "Ask the office.";
		setting.options.hint_no_address = "Look at the sheet.";
		assert_false(login(&setting));
		if (setting.err.code != cases[i].code || strstr(setting.err.text, cases[i].words) == NULL)
			fail_msg("%zu: %s", i, setting.err.text);
		assert_null(strstr(setting.err.text, "hidden"));
		assert_null(strstr(setting.err.text, "x-token-x"));
		bool credentials = strstr(cases[i].words, "refuses the client") != NULL;
		bool address = strstr(cases[i].words, "token address") != NULL ||
			       strstr(cases[i].words, "redirects") != NULL;
		assert_int_equal(strstr(setting.err.text, "Ask the office.") != NULL, credentials);
		assert_int_equal(strstr(setting.err.text, "Look at the sheet.") != NULL, address);
		free(url);
		close_setting(&setting);
	}
}

static void test_key_shape(void **state)
{
	(void)state;
	for (int digits = 16; digits <= 17; digits++) {
		struct setting setting;
		open_setting(&setting, AUTH_OAUTH2, SCRIPT({401, NULL, ""}));
		setting.options.key_hex_digits = digits;
		setting.options.client_secret = "fedcba9876543210";
		setting.options.hint_key_shape = "Is it the right key?";
		assert_false(login(&setting));
		assert_int_equal(strstr(setting.err.text, "Is it the right key?") != NULL, digits == 17);
		close_setting(&setting);
	}
}

static void test_no_address_at_all(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({404, NULL, ""}, {405, NULL, ""}, {404, NULL, ""}));
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_API);
	assert_non_null(strstr(setting.err.text, "/admin/token (404), "));
	assert_non_null(strstr(setting.err.text, "/admin/token/ (405), "));
	assert_non_null(strstr(setting.err.text, "none of these is a token address: check url"));
	assert_int_equal(setting.tiny.request_count, 3);
	close_setting(&setting);
}

/* Basic first, the body once when that may be the reason, never twice. */
static void test_other_place(void **state)
{
	(void)state;
	static const struct {
		struct line first;
		bool given;
		enum auth_client client;
		size_t requests;
	} cases[] = {
		{{401, NULL, ""}, false, AUTH_CLIENT_BASIC, 2},
		{{400, NULL, "{\"error\":\"invalid_client\"}"}, false, AUTH_CLIENT_BASIC, 2},
		{{400, NULL, "{\"error\":\"invalid_request\"}"}, false, AUTH_CLIENT_BASIC, 2},
		{{401, NULL, ""}, false, AUTH_CLIENT_BODY, 2},
		{{401, NULL, ""}, true, AUTH_CLIENT_BASIC, 1},
		{{401, NULL, ""}, false, AUTH_CLIENT_QUERY, 1},
		{{400, NULL, "{\"error\":\"unauthorized_client\"}"}, false, AUTH_CLIENT_BASIC, 1},
		{{400, NULL, "{\"error\":\"unsupported_grant_type\"}"}, false, AUTH_CLIENT_BASIC, 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting setting;
		const struct line script[] = {cases[i].first, {200, NULL, good}};
		open_setting(&setting, AUTH_OAUTH2, script, 2);
		setting.options.client = cases[i].client;
		setting.options.client_given = cases[i].given;
		bool ok = login(&setting);
		if (ok != (cases[i].requests == 2) || setting.tiny.request_count != cases[i].requests)
			fail_msg("%zu: %s", i, setting.err.text);
		bool body_second = cases[i].client == AUTH_CLIENT_BASIC;
		if (ok) {
			assert_int_equal(asked(&setting, 0, "Authorization: Basic"), body_second);
			assert_int_equal(asked(&setting, 1, "Authorization: Basic"), !body_second);
			assert_int_equal(asked(&setting, 1, "client_secret="), body_second);
		}
		close_setting(&setting);
	}
}

static void test_first_refusal_is_shown(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({401, NULL, "{\"error\":\"invalid_client\"}"}, {400, NULL, "{\"error\":\"invalid_request\"}"}));
	assert_false(login(&setting));
	assert_int_equal(setting.tiny.request_count, 2);
	assert_int_equal(setting.err.code, ERR_LOGIN);
	assert_non_null(strstr(setting.err.text, "401 invalid_client"));
	close_setting(&setting);
}

static void test_fewer_scopes(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({400, NULL, "{\"error\":\"invalid_scope\"}"}, {200, NULL, "{\"access_token\":\"t0ken-two\"}"}));
	setting.options.fallback_scopes = fewer;
	assert_true(login(&setting));
	assert_int_equal(setting.tiny.request_count, 2);
	assert_true(asked(&setting, 1, "&scope=https%3A%2F%2Fpurl.example.org%2Fscope%2Fcore.readonly"));
	assert_false(asked(&setting, 1, "more.readonly"));
	assert_non_null(strstr(auth_warning(setting.auth), "fewer"));
	assert_null(auth_granted(setting.auth));
	close_setting(&setting);
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({400, NULL, "{\"error\":\"invalid_scope\"}"}));
	setting.options.fallback_scopes = fewer;
	assert_false(login(&setting));
	assert_int_equal(setting.tiny.request_count, 2);
	assert_int_equal(setting.err.code, ERR_LOGIN);
	close_setting(&setting);
}

static void test_scope_not_granted(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({200, NULL, "{\"access_token\":\"t0ken-one\",\"scope\":\"x/core.readonly\"}"}));
	assert_true(login(&setting));
	assert_string_equal(auth_warning(setting.auth),
		"the server did not grant the scope more.readonly: what it covers may be refused");
	close_setting(&setting);
}

static void test_patience(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({503, NULL, ""}, {0, NULL, NULL}, {429, "Retry-After: 1\r\n", ""}, {200, NULL, good}));
	assert_true(login(&setting));
	assert_int_equal(setting.tiny.request_count, 4);
	close_setting(&setting);
}

static void test_patience_ends(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({429, "Retry-After: 60\r\n", "{\"Message\":\"slow down\"}"}));
	assert_false(login(&setting));
	assert_int_equal(setting.tiny.request_count, 1); /* a minute is more than there is */
	assert_int_equal(setting.err.code, ERR_API);
	assert_non_null(strstr(setting.err.text, "too busy"));
	close_setting(&setting);
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({500, NULL, ""}));
	assert_false(login(&setting));
	assert_int_equal(setting.tiny.request_count, 2);
	assert_int_equal(setting.err.code, ERR_API);
	assert_non_null(strstr(setting.err.text, "some servers answer so to a wrong client id or secret"));
	close_setting(&setting);
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({200, NULL, good}));
	tiny_stop(&setting.tiny);
	setting.options.retry_seconds = 0;
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_API);
	assert_non_null(strstr(setting.err.text, "cannot reach http://127.0.0.1:"));
	close_setting(&setting);
}

/* Renewal by time needs no data request to fail. A token that lives two seconds serves for one. */
static void test_short_lives(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({200, NULL, "{\"access_token\":\"t0ken-one\",\"expires_in\":\"2\"}"},
			{200, NULL, "{\"access_token\":\"t0ken-two\",\"expires_in\":3600}"}));
	int64_t begin = time_ms();
	assert_true(login(&setting));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-one");
	unsigned first = setting.generation;
	while (strcmp(header(&setting), "Authorization: Bearer t0ken-one") == 0)
		assert_true(http_pause(setting.http, 20, &setting.err));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-two");
	assert_int_not_equal(setting.generation, first);
	assert_true(time_ms() - begin >= 1000);
	assert_int_equal(setting.tiny.request_count, 2);
	close_setting(&setting);
}

static void test_refused_on_data(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({200, NULL, good}, {200, NULL, "{\"access_token\":\"t0ken-two\"}"},
			{401, NULL, "{\"error\":\"invalid_client\"}"}));
	assert_true(login(&setting));
	header(&setting);
	unsigned first = setting.generation;
	assert_true(auth_refused(setting.auth, first, NULL, &setting.err));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-two");
	/* Others of the first generation come late: the new token is not thrown away for them. */
	assert_true(auth_refused(setting.auth, first, NULL, &setting.err));
	assert_int_equal(setting.tiny.request_count, 2);
	assert_false(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	assert_int_equal(setting.tiny.request_count, 3); /* what worked once is not tried in another place */
	close_setting(&setting);
}

static const char v1_code[] = "{\"authorization_code\":\"c0de-one\"}";
static const char v1_first[] =
	"{\"access_token\":\"t0ken-one\",\"refresh_token\":\"refresh-one\",\"expires_in\":43200}";
static const char v1_second[] =
	"{\"access_token\":\"t0ken-two\",\"refresh_token\":\"refresh-two\",\"expires_in\":43200}";

static void test_authorize_token_refresh(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_AERIES_V1,
		SCRIPT({200, "Set-Cookie: ASP.NET_SessionId=xyz; path=/\r\n", v1_code}, {200, NULL, v1_first},
			{200, NULL, v1_second}, {200, NULL, v1_first}));
	assert_true(login(&setting));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-one");
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-two");
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_int_equal(setting.tiny.request_count, 4);
	assert_true(asked(&setting, 0, "POST /admin/v1/oauth/authorize?client_id=0123456789abcdef HTTP/1.1\r\n"));
	assert_true(asked(&setting, 1,
		"POST /admin/v1/oauth/token?client_id=0123456789abcdef&authorization_code=c0de-one&"
		"client_secret=s%26cret%2F0123456789&scope=OneRoster HTTP/1.1\r\n"));
	assert_true(asked(&setting, 2,
		"POST /admin/v1/oauth/token?client_id=0123456789abcdef&client_secret=s%26cret%2F0123456789&"
		"refresh_token=refresh-one&grant_type=refresh_token HTTP/1.1\r\n"));
	assert_true(asked(&setting, 3, "&refresh_token=refresh-two&"));
	for (size_t i = 0; i < 4; i++) {
		assert_true(asked(&setting, i, "\r\nContent-Length: 0\r\n"));
		assert_int_equal(asked(&setting, i, "\r\nCookie: ASP.NET_SessionId=xyz\r\n"), i > 0);
	}
	assert_string_equal(auth_way_word(setting.auth), "aeries-v1");
	close_setting(&setting);
}

/* A refresh token is spent by one request, whatever the answer: then everything begins again. */
static void test_refresh_fails(void **state)
{
	(void)state;
	static const struct line failures[] = {{401, NULL, ""}, {400, NULL, "{\"error\":\"invalid_grant\"}"},
		{503, NULL, ""}, {0, NULL, NULL}, {200, NULL, "{}"}, {404, NULL, ""}};
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct setting setting;
		const struct line script[] = {{200, NULL, v1_code}, {200, NULL, v1_first}, failures[i],
			{200, NULL, "\"c0de-two\""}, {200, NULL, v1_second}};
		open_setting(&setting, AUTH_AERIES_V1, script, 5);
		assert_true(login(&setting));
		header(&setting);
		assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
		assert_string_equal(header(&setting), "Authorization: Bearer t0ken-two");
		assert_int_equal(setting.tiny.request_count, 5);
		assert_true(asked(&setting, 2, "refresh_token=refresh-one"));
		assert_true(asked(&setting, 3, "/v1/oauth/authorize?"));
		assert_true(asked(&setting, 4, "authorization_code=c0de-two"));
		close_setting(&setting);
	}
}

static void test_no_refresh_token(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_AERIES_V1,
		SCRIPT({200, NULL, v1_code}, {200, NULL, "{\"access_token\":\"t0ken-one\"}"}, {200, NULL, v1_code},
			{200, NULL, v1_second}));
	assert_true(login(&setting));
	header(&setting);
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_string_equal(header(&setting), "Authorization: Bearer t0ken-two");
	assert_true(asked(&setting, 2, "/v1/oauth/authorize?"));
	close_setting(&setting);
}

/* A code is spent by one request as well. */
static void test_code_is_not_used_twice(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_AERIES_V1,
		SCRIPT({200, NULL, "c0de-one"}, {503, NULL, ""}, {200, NULL, "{\"Code\":\"c0de-two\"}"},
			{200, NULL, v1_first}));
	assert_true(login(&setting));
	assert_int_equal(setting.tiny.request_count, 4);
	assert_true(asked(&setting, 1, "authorization_code=c0de-one"));
	assert_true(asked(&setting, 3, "authorization_code=c0de-two"));
	close_setting(&setting);
}

static void test_v1_in_the_body(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_AERIES_V1, SCRIPT({200, NULL, v1_code}, {200, NULL, v1_first}));
	setting.options.client = AUTH_CLIENT_BODY;
	setting.options.client_given = true;
	assert_true(login(&setting));
	assert_true(asked(&setting, 0, "POST /admin/v1/oauth/authorize HTTP/1.1\r\n"));
	assert_true(asked(&setting, 0, "\r\n\r\nclient_id=0123456789abcdef"));
	assert_true(asked(&setting, 1,
		"\r\n\r\nclient_id=0123456789abcdef&authorization_code=c0de-one&client_secret=s%26cret%2F0123456789&"
		"scope=OneRoster"));
	close_setting(&setting);
}

static void test_v1_refused(void **state)
{
	(void)state;
	static const struct {
		size_t lines;
		struct line script[2];
		enum err_code code;
		const char *words;
	} cases[] = {
		{1, {{401, NULL, ""}}, ERR_LOGIN, "authorize refuses the client id"},
		{2, {{200, NULL, v1_code}, {401, NULL, "{\"Message\":\"c0de-one is used up\"}"}}, ERR_LOGIN,
			"refuses the client id or the secret (401 *** is used up)"},
		{1, {{200, NULL, "<html>login</html>"}}, ERR_API, "shows a web page"},
		{1, {{200, NULL, "{\"no\":\"code\"}"}}, ERR_API, "answers without an authorization code"},
		{1, {{404, NULL, ""}}, ERR_API, "authorize (404) is not a token address: check url"},
		{2, {{200, NULL, v1_code}, {404, NULL, ""}}, ERR_API, "/v1/oauth/token is not a token address (404)"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct setting setting;
		open_setting(&setting, AUTH_AERIES_V1, cases[i].script, cases[i].lines);
		assert_false(login(&setting));
		if (setting.err.code != cases[i].code || strstr(setting.err.text, cases[i].words) == NULL)
			fail_msg("%zu: %s", i, setting.err.text);
		assert_null(strstr(setting.err.text, "c0de-one"));
		close_setting(&setting);
	}
}

static void test_auto(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_OAUTH2,
		SCRIPT({404, NULL, ""}, {404, NULL, ""}, {405, NULL, ""}, {200, NULL, v1_code}, {200, NULL, v1_first}));
	setting.options.ways[1] = AUTH_AERIES_V1;
	assert_true(login(&setting));
	assert_string_equal(auth_way_word(setting.auth), "aeries-v1");
	assert_int_equal(setting.tiny.request_count, 5);
	close_setting(&setting);
	/* Never after a refusal: the secret would be sent once more, in an address. */
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({404, NULL, ""}, {401, NULL, ""}));
	setting.options.ways[1] = AUTH_AERIES_V1;
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	for (size_t i = 0; i < setting.tiny.request_count; i++)
		assert_false(asked(&setting, i, "authorize"));
	close_setting(&setting);
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({404, NULL, ""}));
	setting.options.ways[1] = AUTH_AERIES_V1;
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_API);
	assert_non_null(strstr(setting.err.text, "/v1/oauth/authorize (404): none of these is a token address"));
	close_setting(&setting);
}

static void test_bearer_and_none(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, AUTH_BEARER, SCRIPT({200, NULL, good}));
	setting.options.bearer = "static-t0ken";
	assert_true(login(&setting));
	assert_string_equal(header(&setting), "Authorization: Bearer static-t0ken");
	assert_false(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	assert_int_equal(setting.tiny.request_count, 0);
	close_setting(&setting);
	open_setting(&setting, AUTH_NONE, SCRIPT({200, NULL, good}));
	assert_true(login(&setting));
	assert_string_equal(header(&setting), "");
	assert_int_equal(setting.err.code, ERR_NONE);
	assert_false(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	close_setting(&setting);
}

static void test_missing_options(void **state)
{
	(void)state;
	static const enum auth_way ways[] = {AUTH_OAUTH2, AUTH_AERIES_V1, AUTH_OAUTH1, AUTH_BEARER};
	for (size_t i = 0; i < 4; i++) {
		struct setting setting;
		open_setting(&setting, ways[i], SCRIPT({200, NULL, good}));
		setting.options.client_secret = NULL;
		assert_false(login(&setting));
		assert_int_equal(setting.err.code, ERR_USAGE);
		assert_int_equal(setting.tiny.request_count, 0);
		close_setting(&setting);
	}
	struct setting setting;
	open_setting(&setting, AUTH_BEARER, SCRIPT({200, NULL, good}));
	setting.options.bearer = "two\r\nX-Lines: yes";
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_USAGE);
	close_setting(&setting);
	open_setting(&setting, AUTH_OAUTH2, SCRIPT({200, NULL, good}));
	setting.options.token_url = "http://sis.example.org/token?client_secret=s&cret/0123456789";
	assert_false(login(&setting));
	assert_int_equal(setting.err.code, ERR_USAGE);
	close_setting(&setting);
}

/* What stands behind name=" in a header. */
static void field(const char *line, const char *name, char out[static 100])
{
	const char *at = strstr(line, name);
	assert_non_null(at);
	at += strlen(name) + 2;
	snprintf(out, 100, "%.*s", (int)strcspn(at, "\""), at);
}

static void test_signatures(void **state)
{
	(void)state;
	struct setting setting;
	char one[100];
	char other[100];
	open_setting(&setting, AUTH_OAUTH1, SCRIPT({200, NULL, good}));
	assert_true(login(&setting));
	const char *line = header(&setting);
	assert_ptr_equal(
		strstr(line, "Authorization: OAuth oauth_consumer_key=\"0123456789abcdef\",oauth_nonce="), line);
	field(buf_text(&setting.header), "oauth_nonce", one);
	field(header(&setting), "oauth_nonce", other);
	assert_string_not_equal(one, other);
	field(buf_text(&setting.header), "oauth_signature_method", one);
	assert_string_equal(one, "HMAC-SHA1");
	/* The other method once, then no more. */
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	field(header(&setting), "oauth_signature_method", one);
	assert_string_equal(one, "HMAC-SHA256");
	/* Once the nonce may have been to blame. */
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	field(header(&setting), "oauth_signature_method", one);
	assert_string_equal(one, "HMAC-SHA256");
	assert_false(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	err_clear(&setting.err);
	/* Where a signature was accepted, a refusal is an accident: the same method, another nonce. */
	auth_accepted(setting.auth);
	header(&setting);
	assert_true(auth_refused(setting.auth, setting.generation, NULL, &setting.err));
	field(header(&setting), "oauth_signature_method", one);
	assert_string_equal(one, "HMAC-SHA256");
	assert_int_equal(setting.tiny.request_count, 0);
	close_setting(&setting);
}

static void test_signatures_by_the_servers_clock(void **state)
{
	(void)state;
	static char long_ago[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	const struct http_reply reply = {.status = 401, .date = long_ago};
	struct setting setting;
	char stamp[100];
	open_setting(&setting, AUTH_OAUTH1, SCRIPT({200, NULL, good}));
	setting.options.oauth1_method = "HMAC-SHA256";
	assert_true(login(&setting));
	header(&setting);
	assert_null(auth_warning(setting.auth));
	assert_true(auth_refused(setting.auth, setting.generation, &reply, &setting.err));
	field(header(&setting), "oauth_timestamp", stamp);
	assert_in_range(strtoll(stamp, NULL, 10), 784111777, 784111777 + 60);
	assert_non_null(strstr(auth_warning(setting.auth), "clocks"));
	assert_true(auth_clock_skew(setting.auth) < -INT64_C(365) * 86400);
	assert_true(auth_refused(setting.auth, setting.generation, &reply, &setting.err)); /* the nonce, perhaps */
	header(&setting);
	assert_false(auth_refused(setting.auth, setting.generation, &reply, &setting.err));
	assert_int_equal(setting.err.code, ERR_LOGIN);
	close_setting(&setting);
}

static void test_words(void **state)
{
	(void)state;
	enum auth_way way = AUTH_END;
	enum auth_client client = AUTH_CLIENT_BASIC;
	assert_true(auth_way_find("aeries-v1", &way));
	assert_int_equal(way, AUTH_AERIES_V1);
	assert_true(auth_way_find("none", &way));
	assert_int_equal(way, AUTH_NONE);
	assert_false(auth_way_find("auto", &way));
	assert_true(auth_client_find("both", &client));
	assert_int_equal(client, AUTH_CLIENT_BOTH);
	assert_false(auth_client_find("Basic", &client));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_credentials),
		cmocka_unit_test(test_places_of_the_secret),
		cmocka_unit_test(test_parameters_and_headers),
		cmocka_unit_test(test_address_candidates),
		cmocka_unit_test(test_candidates_end_at_an_answer),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_key_shape),
		cmocka_unit_test(test_no_address_at_all),
		cmocka_unit_test(test_other_place),
		cmocka_unit_test(test_first_refusal_is_shown),
		cmocka_unit_test(test_fewer_scopes),
		cmocka_unit_test(test_scope_not_granted),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_patience_ends),
		cmocka_unit_test(test_short_lives),
		cmocka_unit_test(test_refused_on_data),
		cmocka_unit_test(test_authorize_token_refresh),
		cmocka_unit_test(test_refresh_fails),
		cmocka_unit_test(test_no_refresh_token),
		cmocka_unit_test(test_code_is_not_used_twice),
		cmocka_unit_test(test_v1_in_the_body),
		cmocka_unit_test(test_v1_refused),
		cmocka_unit_test(test_auto),
		cmocka_unit_test(test_bearer_and_none),
		cmocka_unit_test(test_missing_options),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_signatures_by_the_servers_clock),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "provider_file.h"
#include "scratch.h"

/* The least that is a provider. */
#define LEAST                                                                                                          \
	"\"title\": \"Sample\", \"auth\": [\"oauth2\"], \"client-auth\": \"basic\", \"token-paths\": [\"/t\"], "       \
	"\"hints\": {}"

static struct provider_file *parse(const char *text, struct err *err)
{
	*err = (struct err){0};
	return provider_file_parse("/etc/sample.json", text, strlen(text), err);
}

static void check_fine(const char *text)
{
	struct err err;
	struct provider_file *file = parse(text, &err);
	if (file == NULL)
		fail_msg("%s\nrefused: %s", text, err.text);
	provider_file_free(file);
}

/* The text is refused with that message. */
static void check(const char *text, const char *message)
{
	struct err err;
	struct provider_file *file = parse(text, &err);
	char *whole = mem_format("/etc/sample.json: %s", message);
	if (file != NULL)
		fail_msg("accepted in place of: %s\n%s", message, text);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, whole);
	free(whole);
}

/* ---- The built-in ones ---- */

static void same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void same_list(const char *const *a, const char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++)
		assert_string_equal(*a, *b);
	assert_ptr_equal(*a, *b);
}

static void same_provider(const struct provider *a, const struct provider *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->title, b->title);
	same_list(a->hosts, b->hosts);
	same_list(a->paths, b->paths);
	same_list(a->auth, b->auth);
	same_text(a->client_auth, b->client_auth);
	same_text(a->basic_encoding, b->basic_encoding);
	same_text(a->oauth1_method, b->oauth1_method);
	assert_int_equal(a->token_at_host, b->token_at_host);
	same_list(a->token_paths, b->token_paths);
	same_text(a->token_url, b->token_url);
	same_list(a->token_query, b->token_query);
	same_list(a->headers, b->headers);
	same_text(a->authorize_path, b->authorize_path);
	same_text(a->refresh_path, b->refresh_path);
	assert_int_equal(a->no_scopes, b->no_scopes);
	same_list(a->extra_scopes, b->extra_scopes);
	assert_int_equal(a->key_hex_digits, b->key_hex_digits);
	assert_int_equal(a->parallel, b->parallel);
	assert_int_equal(a->page_size, b->page_size);
	/* The build sorts them. */
	size_t count = 0;
	for (const struct provider_permission *row = a->permissions; row->table != NULL; row++, count++)
		same_text(row->permission, provider_permission(b, row->table));
	assert_null(b->permissions[count].table);
	same_text(a->hints.login_refused, b->hints.login_refused);
	same_text(a->hints.no_address, b->hints.no_address);
	same_text(a->hints.forbidden, b->hints.forbidden);
	same_text(a->hints.empty, b->hints.empty);
	same_text(a->hints.key_shape, b->hints.key_shape);
}

/* A file in the folder schemas/providers of the source, to be freed. */
static char *schema_path(const char *name)
{
	const char *here = strstr(__FILE__, "tests/unit/");
	assert_non_null(here);
	return mem_format("%.*sschemas/providers/%s.json", (int)(here - __FILE__), __FILE__, name);
}

static void test_built_in(void **state)
{
	(void)state;
	for (int i = 0; providers[i] != NULL; i++) {
		struct err err = {0};
		char *path = schema_path(providers[i]->name);
		struct provider_file *file = provider_file_read(path, &err);
		if (file == NULL)
			fail_msg("%s", err.text);
		same_provider(provider_file_get(file), providers[i]);
		provider_file_free(file);
		free(path);
	}
}

/* ---- Everything that may be said ---- */

/* What the file of the next test says. */
static const struct provider sample = {
	.name = "sample",
	.title = "Sample \xc3\xa9 \"x\"",
	.hosts = (const char *const[]){"sis.example.org", NULL},
	.paths = (const char *const[]){"/a/b", NULL},
	.auth = (const char *const[]){"oauth2", "aeries-v1", "oauth1", "bearer", "none", NULL},
	.client_auth = "both",
	.basic_encoding = "raw",
	.oauth1_method = "HMAC-SHA256",
	.token_paths = (const char *const[]){NULL},
	.token_url = "https://login.example.org/token",
	.token_query = (const char *const[]){"appName", "a.b_c", NULL},
	.headers = (const char *const[]){"X-Tenant", NULL},
	.authorize_path = "/a",
	.refresh_path = "/r/",
	.no_scopes = true,
	.extra_scopes = (const char *const[]){NULL},
	.key_hex_digits = 999,
	.parallel = 64,
	.page_size = 100000,
	.permissions = (const struct provider_permission[]){{"orgs", "Schools"}, {"users", "People"}, {NULL, NULL}},
	.hints = {"one", "two", "three", "four", "five"},
};

static void test_all_keys(void **state)
{
	(void)state;
	struct err err;
	struct provider_file *file = parse(
		"\xef\xbb\xbf{ \"title\": \"Sample \\u00e9 \\\"x\\\"\", \"hosts\": [\"sis.example.org\"], "
		"\"paths\": [\"/a/b\"], \"auth\": [\"oauth2\", \"aeries-v1\", \"oauth1\", \"bearer\", \"none\"], "
		"\"client-auth\": \"both\", \"basic-encoding\": \"raw\", \"oauth1-method\": \"HMAC-SHA256\", "
		"\"token-url\": \"https://login.example.org/token\", \"token-query\": [\"appName\", \"a.b_c\"], "
		"\"headers\": [\"X-Tenant\"], \"authorize-path\": \"/a\", \"refresh-path\": \"/r/\", "
		"\"scopes\": \"none\", \"key-hex-digits\": 999, \"parallel\": 64, \"page-size\": 100000, "
		"\"permissions\": { \"orgs\": \"Schools\", \"users\": \"People\" }, "
		"\"hints\": { \"login-refused\": \"one\", \"no-address\": \"two\", \"forbidden\": \"three\", "
		"\"empty\": \"four\", \"key-shape\": \"five\" } }\n",
		&err);
	if (file == NULL)
		fail_msg("%s", err.text);
	same_provider(provider_file_get(file), &sample);
	provider_file_free(file);
}

static void test_least(void **state)
{
	(void)state;
	check_fine("{" LEAST "}");
	check_fine("{" LEAST ", \"token-at\": \"host\", \"extra-scopes\": [\"roster.readonly\"] }");
	check_fine("{\"title\": \"Sample\", \"auth\": [\"none\"], \"hints\": {}, \"permissions\": {}}");
	check_fine("{\"title\": \"a\\\\u0000 // \\\"\", \"auth\": [\"none\"], \"hints\": {}}");
}

/* ---- Mistakes ---- */

static void test_keys(void **state)
{
	(void)state;
	check("{" LEAST ", \"host\": []}", "unknown key \"host\"");
	check("{" LEAST ", \"title\": \"Other\"}", "\"title\" is there twice");
	check("{\"auth\": [\"none\"], \"hints\": {}}", "missing key \"title\"");
	check("{\"title\": \"Sample\", \"hints\": {}}", "missing key \"auth\"");
	check("{\"title\": \"Sample\", \"auth\": [\"none\"]}", "missing key \"hints\"");
	check("{\"title\": \"Sample\", \"auth\": [\"none\"], \"hints\": {\"forbiden\": \"x\"}}",
		"hints: unknown key \"forbiden\"");
	check("{" LEAST ", \"permissions\": {\"schools\": \"x\"}}", "permissions: unknown table \"schools\"");
	check("{" LEAST ", \"permissions\": {\"orgs\": \"x\", \"orgs\": \"y\"}}",
		"permissions: \"orgs\" is there twice");
}

static void test_types(void **state)
{
	(void)state;
	check("{\"title\": 7, \"auth\": [\"none\"], \"hints\": {}}", "\"title\" must be of type string");
	check("{\"title\": null, \"auth\": [\"none\"], \"hints\": {}}", "\"title\" must be of type string");
	check("{\"title\": \"\", \"auth\": [\"none\"], \"hints\": {}}", "\"title\" must not be empty");
	check("{\"title\": \"a\\tb\", \"auth\": [\"none\"], \"hints\": {}}", "\"title\" holds a control character");
	check("{\"title\": \"Sample\", \"auth\": \"none\", \"hints\": {}}", "\"auth\" must be of type array");
	check("{\"title\": \"Sample\", \"auth\": [], \"hints\": {}}", "\"auth\" must not be empty");
	check("{\"title\": \"Sample\", \"auth\": [1], \"hints\": {}}", "\"auth\" must hold strings only");
	check("{\"title\": \"Sample\", \"auth\": [\"none\"], \"hints\": []}", "\"hints\" must be of type object");
	check("{\"title\": \"Sample\", \"auth\": [\"none\"], \"hints\": {\"empty\": true}}",
		"hints: \"empty\" must be of type string");
	check("{" LEAST ", \"permissions\": [\"orgs\"]}", "\"permissions\" must be of type object");
	check("{" LEAST ", \"permissions\": {\"orgs\": []}}", "permissions: \"orgs\" must be of type string");
	check("{" LEAST ", \"parallel\": \"4\"}", "\"parallel\" must be of type number");
	check("{" LEAST ", \"parallel\": true}", "\"parallel\" must be of type number");
	check("[]", "must be an object");
	check("\"a\"", "must be an object");
}

static void test_values(void **state)
{
	(void)state;
	check("{\"title\": \"S\", \"auth\": [\"oauth3\"], \"hints\": {}}", "unknown auth \"oauth3\"");
	check("{\"title\": \"S\", \"auth\": [\"auto\"], \"hints\": {}}", "unknown auth \"auto\"");
	check("{\"title\": \"S\", \"auth\": [\"none\", \"none\"], \"hints\": {}}", "\"auth\" has \"none\" twice");
	check("{" LEAST ", \"basic-encoding\": \"plain\"}", "unknown basic-encoding \"plain\"");
	check("{" LEAST ", \"scopes\": \"some\"}", "unknown scopes \"some\"");
	check("{" LEAST ", \"token-at\": \"base\"}", "unknown token-at \"base\"");
	check("{" LEAST ", \"extra-scopes\": [\"Roster\"]}", "\"extra-scopes\" cannot be \"Roster\"");
	check("{" LEAST ", \"hosts\": [\"example\"]}", "\"hosts\" cannot be \"example\"");
	check("{" LEAST ", \"hosts\": [\"a..org\"]}", "\"hosts\" cannot be \"a..org\"");
	check("{" LEAST ", \"hosts\": [\"a.org.\"]}", "\"hosts\" cannot be \"a.org.\"");
	check("{" LEAST ", \"paths\": [\"/a/\"]}", "\"paths\" cannot be \"/a/\"");
	check("{" LEAST ", \"paths\": [\"a\"]}", "\"paths\" cannot be \"a\"");
	check("{" LEAST ", \"paths\": [\"/\"]}", "\"paths\" cannot be \"/\"");
	check("{" LEAST ", \"paths\": [\"//a\"]}", "\"paths\" cannot be \"//a\"");
	check("{" LEAST ", \"token-query\": [\"a b\"]}", "\"token-query\" cannot be \"a b\"");
	check("{" LEAST ", \"headers\": [\"X-A: 1\"]}", "\"headers\" cannot be \"X-A: 1\"");
	check("{" LEAST ", \"token-url\": \"http://sis.example.org/token\"}",
		"\"token-url\" cannot be \"http://sis.example.org/token\"");
	check("{" LEAST ", \"token-url\": \"https://sis.example.org/token?a=b\"}",
		"\"token-url\" cannot be \"https://sis.example.org/token?a=b\"");
	check("{" LEAST ", \"parallel\": 0}", "\"parallel\" cannot be \"0\"");
	check("{" LEAST ", \"parallel\": -1}", "\"parallel\" cannot be \"-1\"");
	check("{" LEAST ", \"parallel\": 2.5}", "\"parallel\" cannot be \"2.5\"");
	check("{" LEAST ", \"parallel\": 65}", "\"parallel\" cannot be more than 64");
	check("{" LEAST ", \"page-size\": 100001}", "\"page-size\" cannot be more than 100000");
	check("{" LEAST ", \"page-size\": 99999999999999999999}", "\"page-size\" cannot be \"99999999999999999999\"");
	check("{" LEAST ", \"key-hex-digits\": 1000}", "\"key-hex-digits\" cannot be more than 999");
}

static void test_whole(void **state)
{
	(void)state;
	check("{\"title\": \"S\", \"auth\": [\"oauth2\"], \"token-paths\": [\"/t\"], \"hints\": {}}",
		"missing key \"client-auth\", needed by auth oauth2");
	check("{\"title\": \"S\", \"auth\": [\"oauth2\"], \"client-auth\": \"basic\", \"hints\": {}}",
		"missing key \"token-paths\", needed by auth oauth2");
	check("{\"title\": \"S\", \"auth\": [\"aeries-v1\"], \"authorize-path\": \"/a\", \"hints\": {}}",
		"missing key \"refresh-path\", needed by auth aeries-v1");
	check("{" LEAST ", \"authorize-path\": \"/a\"}", "\"authorize-path\" cannot go without auth aeries-v1");
	check("{" LEAST ", \"oauth1-method\": \"HMAC-SHA1\"}", "\"oauth1-method\" cannot go without auth oauth1");
	check("{\"title\": \"S\", \"auth\": [\"bearer\"], \"scopes\": \"none\", \"hints\": {}}",
		"\"scopes\" cannot go without auth oauth2");
	check("{\"title\": \"S\", \"auth\": [\"bearer\"], \"token-at\": \"host\", \"hints\": {}}",
		"\"token-at\" cannot go without token-paths");
	check("{" LEAST ", \"token-url\": \"https://sis.example.org/token\"}",
		"\"token-paths\" and \"token-url\" exclude each other");
	check("{" LEAST ", \"scopes\": \"none\", \"extra-scopes\": [\"roster.readonly\"]}",
		"\"scopes\" and \"extra-scopes\" exclude each other");
	check("{" LEAST ", \"key-hex-digits\": 64}", "hints: missing key \"key-shape\", needed by key-hex-digits");
	check("{\"title\": \"S\", \"auth\": [\"none\"], \"hints\": {\"key-shape\": \"x\"}}",
		"hints: \"key-shape\" cannot go without key-hex-digits");
}

static void test_no_json(void **state)
{
	(void)state;
	static const char *const texts[] = {"", " ", "{", "{]", "{\"a\"}", "{\"a\": 1} x", "{'a': 1}",
		"{\"a\": \"\xff\"}", "{\"a\": \"", "{\"a\": \"\\"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err;
		assert_null(parse(texts[i], &err));
		assert_int_equal(err.code, ERR_USAGE);
		if (strncmp(err.text, "/etc/sample.json: this is not JSON", 34) != 0 || strchr(err.text, '\n') != NULL)
			fail_msg("%s: %s", texts[i], err.text);
	}
	check("{\"a\": 1 /* comment */}", "this is not JSON: there is a comment, or a slash without quotes");
	check("{\"title\": \"a\\u0000b\"}", "a text holds a NUL character");
	check("{\"a\": [[[[[1]]]]]}", "this is no provider: too deeply nested");
	struct err err = {0};
	static const char cut[] = "{" LEAST "}\0 and more";
	assert_null(provider_file_parse("x.json", cut, sizeof(cut) - 1, &err));
	assert_string_equal(err.text, "x.json: this is not JSON");
}

static void test_size(void **state)
{
	struct err err = {0};
	size_t length = 64 * 1024 + 1;
	char *text = mem_new(length + 1, 1);
	memset(text, ' ', length);
	memcpy(text, "{" LEAST "}", sizeof("{" LEAST "}") - 1);
	struct provider_file *file = provider_file_parse("x.json", text, length - 1, &err);
	assert_non_null(file);
	provider_file_free(file);
	assert_null(provider_file_parse("x.json", text, length, &err));
	assert_string_equal(err.text, "x.json: this is no provider: more than 65536 bytes");
	char *path = scratch_path(*state, "big.json");
	scratch_write(path, text);
	err = (struct err){0};
	assert_null(provider_file_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, path));
	unlink(path);
	free(path);
	free(text);
}

static void test_path(void **state)
{
	static const struct {
		const char *path;
		const char *name;
	} names[] = {{"sample.json", "sample"}, {"/a/b.c.json", "b.c"}, {"/a/My SIS", "My SIS"}, {"/a/.json", ".json"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct err err = {0};
		struct provider_file *file = provider_file_parse(
			names[i].path, "{" LEAST "}", sizeof("{" LEAST "}") - 1, &err);
		assert_non_null(file);
		assert_string_equal(provider_file_get(file)->name, names[i].name);
		provider_file_free(file);
	}
	struct err err = {0};
	char *path = scratch_path(*state, "none.json");
	assert_null(provider_file_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, path));
	free(path);
	assert_true(provider_is_path("/etc/sample"));
	assert_true(provider_is_path("./sample"));
	assert_true(provider_is_path("sample.json"));
	assert_false(provider_is_path(".json"));
	assert_false(provider_is_path("aeries"));
	assert_false(provider_is_path("json"));
	provider_file_free(NULL);
}

/* Whatever the bytes are, there is a provider or a sentence. */
static void test_any_bytes(void **state)
{
	char *path = schema_path("aeries");
	char good[8192];
	FILE *from = fopen(path, "r");
	assert_non_null(from);
	size_t length = fread(good, 1, sizeof(good), from);
	fclose(from);
	free(path);
	for (int round = 0; round < 4000; round++) {
		char *bad = mem_copy_n(good, length); /* a block of its own, so that a sanitizer sees its end */
		size_t cut = round % 2 == 0 ? length : scratch_random(*state, (uint32_t)length);
		for (int i = 0; i < 1 + round % 3; i++)
			bad[scratch_random(*state, (uint32_t)length)] =
				"\"{}[]:,\\\0/ux1\xff"[scratch_random(*state, 15)];
		struct err err = {0};
		struct provider_file *file = provider_file_parse("x.json", bad, cut, &err);
		assert_int_equal(file != NULL, err.code == ERR_NONE);
		assert_true(err.code == ERR_NONE || strncmp(err.text, "x.json: ", 8) == 0);
		provider_file_free(file);
		free(bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_no_json),
		cmocka_unit_test_setup_teardown(test_size, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_path, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_any_bytes, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A provider's file. Input: the file.
 * Holds: there is a provider that keeps the promises of its header, or an error that names the file.
 */
#include "fuzz.h"

#include <strings.h>

#include <strings.h>

#include "base/err.h"
#include "provider_file.h"
#include "table/schema.h"

static void assert_text(const char *text)
{
	fuzz_must(text != NULL && text[0] != '\0', "a text is not empty");
	for (; *text != '\0'; text++)
		fuzz_must((unsigned char)*text >= ' ', "it has no control characters");
}

static void assert_optional(const char *text)
{
	if (text != NULL)
		assert_text(text);
}

static void assert_list(const char *const *list)
{
	fuzz_must(list != NULL, "a list is there");
	for (; *list != NULL; list++)
		assert_text(*list);
}

static void assert_path(const char *path)
{
	fuzz_must(path == NULL || path[0] == '/', "a path begins with a slash");
	assert_optional(path);
}

static bool has(const char *const *list, const char *word)
{
	while (*list != NULL && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

static void assert_word(const char *word, const char *const *words)
{
	fuzz_must(word == NULL || has(words, word), "a word is one of those there are");
}

static void assert_ways(const struct provider *provider)
{
	static const char *const ways[] = {"oauth2", "aeries-v1", "oauth1", "bearer", "none", NULL};
	static const char *const places[] = {"basic", "body", "query", "both", NULL};
	static const char *const encodings[] = {"form", "raw", NULL};
	static const char *const methods[] = {"HMAC-SHA1", "HMAC-SHA256", NULL};
	assert_list(provider->auth);
	fuzz_must(provider->auth[0] != NULL, "there is a way to log in");
	for (const char *const *way = provider->auth; *way != NULL; way++)
		assert_word(*way, ways);
	assert_word(provider->client_auth, places);
	assert_word(provider->basic_encoding, encodings);
	assert_word(provider->oauth1_method, methods);
	fuzz_must(has(provider->auth, "oauth2") || provider->client_auth == NULL, "only OAuth 2 has a place for it");
	fuzz_must(has(provider->auth, "aeries-v1") ||
			  (provider->authorize_path == NULL && provider->refresh_path == NULL),
		"paths belong to the login that has them");
}

static void assert_provider(const struct provider *provider)
{
	assert_text(provider->name);
	assert_text(provider->title);
	assert_list(provider->hosts);
	assert_list(provider->paths);
	assert_ways(provider);
	assert_list(provider->token_paths);
	for (const char *const *path = provider->token_paths; *path != NULL; path++)
		assert_path(*path);
	fuzz_must(provider->token_url == NULL || strncasecmp(provider->token_url, "https://", 8) == 0 ||
			  strncasecmp(provider->token_url, "http://", 7) == 0,
		"an address is one for tokens");
	assert_list(provider->token_query);
	assert_list(provider->headers);
	assert_path(provider->authorize_path);
	assert_path(provider->refresh_path);
	assert_list(provider->extra_scopes);
	fuzz_must(provider->key_hex_digits >= 0 && provider->parallel >= 0 && provider->page_size >= 0,
		"numbers are not below 0");
	fuzz_must(provider->permissions != NULL, "permissions are there");
	for (const struct provider_permission *one = provider->permissions; one->table != NULL; one++) {
		fuzz_must(schema_table_find(&schema_oneroster_1_1, one->table) != NULL, "they are for tables");
		assert_text(one->permission);
		fuzz_must(provider_permission(provider, one->table) != NULL, "and found");
	}
	assert_optional(provider->hints.login_refused);
	assert_optional(provider->hints.no_address);
	assert_optional(provider->hints.forbidden);
	assert_optional(provider->hints.empty);
	assert_optional(provider->hints.key_shape);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct err err = {0};
	struct provider_file *file = provider_file_parse("x.json", input.data, input.left, &err);
	fuzz_must((file != NULL) == (err.code == ERR_NONE), "there is a provider or an error");
	fuzz_must(file != NULL || (err.code == ERR_USAGE && strncmp(err.text, "x.json: ", 8) == 0),
		"which names the file");
	if (file != NULL)
		assert_provider(provider_file_get(file));
	provider_file_free(file);
	return 0;
}

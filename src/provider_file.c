#include "provider_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/http.h"
#include "jsonfile.h"
#include "option.h"
#include "table/schema.h"

struct provider_file {
	struct provider provider;
	struct jsonfile json; /* everything the provider points to */
};

/* ---- What may stand where ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A letter, then letters, digits and the signs given. */
static bool is_word(const char *text, const char *signs)
{
	if (!is_letter(*text))
		return false;
	while (*text != '\0' && (is_letter(*text) || is_digit(*text) || strchr(signs, *text) != NULL))
		text++;
	return *text == '\0';
}

static bool is_parameter(const char *text)
{
	return is_word(text, "_.-");
}

static bool is_header(const char *text)
{
	return is_word(text, "-");
}

static bool is_scope(const char *text)
{
	return *text >= 'a' && *text <= 'z' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz.-")] == '\0';
}

/* Two or more parts with dots between them. */
static bool is_host(const char *text)
{
	size_t parts = 0;
	for (;; text++) {
		size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
		if (length == 0)
			return false;
		parts++;
		text += length;
		if (*text != '.')
			return *text == '\0' && parts > 1;
	}
}

static bool is_place(const char *text, bool slash_at_end)
{
	for (bool first = true; *text != '\0' || first; first = false) {
		if (*text != '/')
			return false;
		text++;
		if (*text == '\0')
			return slash_at_end && !first;
		size_t length = 0;
		while (is_letter(text[length]) || is_digit(text[length]) ||
			(text[length] != '\0' && strchr("._-", text[length]) != NULL))
			length++;
		if (length == 0)
			return false;
		text += length;
	}
	return true;
}

static bool is_path(const char *text)
{
	return is_place(text, false);
}

static bool is_address(const char *text)
{
	return is_place(text, true);
}

static bool is_url(const char *text)
{
	struct err ignored = {0};
	return http_address_allowed(text, &ignored) && strpbrk(text, "?#") == NULL;
}

/* Whether the text is one of the words of the option; auto leaves the choice open, so it is none here. */
static bool is_choice(const char *option, const char *text)
{
	for (const char *const *word = option_find(option, strlen(option))->choices; *word != NULL; word++)
		if (strcmp(*word, text) == 0 && strcmp(text, "auto") != 0)
			return true;
	return false;
}

static bool is_none(const char *what, const char *text)
{
	(void)what;
	return strcmp(text, "none") == 0;
}

static bool is_at_host(const char *what, const char *text)
{
	(void)what;
	return strcmp(text, "host") == 0;
}

/* ---- Reading ---- */

/* A text that can be one word only, and stands for true. */
static bool read_word_flag(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	const char *text = NULL;
	*(bool *)place = jsonfile_read_text(file, key, value, &text, err);
	return *(bool *)place;
}

/* A number with the greatest one of the option of that name. */
static bool read_option_number(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	struct jsonfile_key bounded = *key;
	bounded.max = option_find(key->name, strlen(key->name))->max;
	return jsonfile_read_number(file, &bounded, value, place, err);
}

static bool read_permission(
	struct jsonfile *file, yajl_val object, size_t i, struct provider_permission *row, struct err *err)
{
	struct jsonfile_key key = {.name = object->u.object.keys[i]};
	const struct table *known = schema_table_find(&schema_oneroster_1_1, key.name);
	if (known == NULL)
		return err_set(err, ERR_USAGE, "unknown table \"%.*s\"", JSONFILE_SHOWN_MAX, key.name);
	if (jsonfile_member(object, key.name) != object->u.object.values[i])
		return err_set(err, ERR_USAGE, "\"%s\" is there twice", key.name);
	row->table = known->name;
	return jsonfile_read_text(file, &key, object->u.object.values[i], &row->permission, err);
}

static bool read_permissions(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	if (!jsonfile_check_type(key->name, value, yajl_t_object, err))
		return false;
	size_t count = value->u.object.len;
	struct provider_permission *rows = jsonfile_keep(file, mem_new(count + 1, sizeof(*rows)));
	for (size_t i = 0; i < count; i++)
		if (!read_permission(file, value, i, &rows[i], err))
			return err_in(err, "%s", key->name);
	*(const struct provider_permission **)place = rows;
	return true;
}

#define HINT(field) .read = jsonfile_read_text, .at = offsetof(struct provider_hints, field)

static const struct jsonfile_key hints[] = {
	{"login-refused", HINT(login_refused)},
	{"no-address", HINT(no_address)},
	{"forbidden", HINT(forbidden)},
	{"empty", HINT(empty)},
	{"key-shape", HINT(key_shape)},
};

static bool read_hints(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	return jsonfile_check_type(key->name, value, yajl_t_object, err) &&
	       (jsonfile_read_keys(file, value, hints, sizeof(hints) / sizeof(hints[0]), place, err) ||
		       err_in(err, "%s", key->name));
}

#define AT(field)      .at = offsetof(struct provider, field)
#define TEXT(field)    .read = jsonfile_read_text, AT(field)
#define LIST(field)    .read = jsonfile_read_list, AT(field)
#define CHOICE(option) .knows = is_choice, .what = (option)

static const struct jsonfile_key keys[] = {
	{"title", TEXT(title), .needed = true},
	{"hosts", LIST(hosts), .fits = is_host},
	{"paths", LIST(paths), .fits = is_path},
	{"auth", LIST(auth), CHOICE("auth"), .needed = true},
	{"client-auth", TEXT(client_auth), CHOICE("client-auth")},
	{"basic-encoding", TEXT(basic_encoding), CHOICE("basic-encoding")},
	{"oauth1-method", TEXT(oauth1_method), CHOICE("oauth1-method")},
	{"token-at", read_word_flag, AT(token_at_host), .knows = is_at_host, .what = "token-at"},
	{"token-paths", LIST(token_paths), .fits = is_address},
	{"token-url", TEXT(token_url), .fits = is_url},
	{"token-query", LIST(token_query), .fits = is_parameter},
	{"headers", LIST(headers), .fits = is_header},
	{"authorize-path", TEXT(authorize_path), .fits = is_address},
	{"refresh-path", TEXT(refresh_path), .fits = is_address},
	{"scopes", read_word_flag, AT(no_scopes), .knows = is_none, .what = "scopes"},
	{"extra-scopes", LIST(extra_scopes), .fits = is_scope},
	{"key-hex-digits", jsonfile_read_number, AT(key_hex_digits)},
	{"parallel", read_option_number, AT(parallel)},
	{"page-size", read_option_number, AT(page_size)},
	{"permissions", read_permissions, AT(permissions)},
	{"hints", read_hints, AT(hints), .needed = true},
};

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

/* Keys that mean something only where a way of logging in is among those of auth; some of them it cannot do without. */
static const struct {
	const char *key;
	const char *way;
	bool needed;
} ways[] = {
	{"client-auth", "oauth2", true},
	{"basic-encoding", "oauth2", false},
	{"token-paths", "oauth2", false},
	{"token-url", "oauth2", false},
	{"token-query", "oauth2", false},
	{"scopes", "oauth2", false},
	{"extra-scopes", "oauth2", false},
	{"oauth1-method", "oauth1", false},
	{"authorize-path", "aeries-v1", true},
	{"refresh-path", "aeries-v1", true},
};

/* ---- The whole ---- */

static bool has_way(const struct provider *provider, const char *way)
{
	for (const char *const *word = provider->auth; *word != NULL; word++)
		if (strcmp(*word, way) == 0)
			return true;
	return false;
}

/* What has to be true of the keys together. */
static bool check_whole(const struct provider *provider, yajl_val object, struct err *err)
{
	bool shape = provider->hints.key_shape != NULL;
	bool paths = provider->token_paths[0] != NULL;
	if (provider->no_scopes && provider->extra_scopes[0] != NULL)
		return err_set(err, ERR_USAGE, "\"scopes\" and \"extra-scopes\" exclude each other");
	if (paths && provider->token_url != NULL)
		return err_set(err, ERR_USAGE, "\"token-paths\" and \"token-url\" exclude each other");
	if (provider->token_at_host && !paths)
		return err_set(err, ERR_USAGE, "\"token-at\" cannot go without token-paths");
	if (has_way(provider, "oauth2") && !paths && provider->token_url == NULL)
		return err_set(err, ERR_USAGE, "missing key \"token-paths\", needed by auth oauth2");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		bool there = jsonfile_member(object, ways[i].key) != NULL;
		bool way = has_way(provider, ways[i].way);
		if (ways[i].needed && way && !there)
			return err_set(
				err, ERR_USAGE, "missing key \"%s\", needed by auth %s", ways[i].key, ways[i].way);
		if (there && !way)
			return err_set(err, ERR_USAGE, "\"%s\" cannot go without auth %s", ways[i].key, ways[i].way);
	}
	if (shape && provider->key_hex_digits == 0)
		return err_set(err, ERR_USAGE, "hints: \"key-shape\" cannot go without key-hex-digits");
	if (!shape && provider->key_hex_digits != 0)
		return err_set(err, ERR_USAGE, "hints: missing key \"key-shape\", needed by key-hex-digits");
	return true;
}

/* ---- The file ---- */

static struct provider_file *new_file(const char *path)
{
	static const char *const no_texts[] = {NULL};
	static const struct provider_permission no_permissions[] = {{NULL, NULL}};
	struct provider_file *file = mem_new(1, sizeof(*file));
	file->provider.name = jsonfile_keep(&file->json, jsonfile_name(path));
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].read == jsonfile_read_list)
			*(const char *const **)((char *)&file->provider + keys[i].at) = no_texts;
	file->provider.permissions = no_permissions;
	return file;
}

struct provider_file *provider_file_parse(const char *path, const char *data, size_t length, struct err *err)
{
	struct provider_file *file = new_file(path);
	if (jsonfile_parse(&file->json, "provider", data, length, err) &&
		jsonfile_read_keys(&file->json, file->json.root, keys, KEY_COUNT, &file->provider, err) &&
		check_whole(&file->provider, file->json.root, err))
		return file;
	err_in(err, "%s", path);
	provider_file_free(file);
	return NULL;
}

struct provider_file *provider_file_read(const char *path, struct err *err)
{
	struct buf text = {0};
	struct provider_file *file = NULL;
	if (jsonfile_load(path, &text, err))
		file = provider_file_parse(path, buf_text(&text), text.length, err);
	buf_release(&text);
	return file;
}

const struct provider *provider_file_get(const struct provider_file *file)
{
	return &file->provider;
}

void provider_file_free(struct provider_file *file)
{
	if (file == NULL)
		return;
	jsonfile_release(&file->json);
	free(file);
}

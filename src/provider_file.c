#include "provider_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_tree.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "fetch/http.h"
#include "option.h"
#include "table/schema.h"

enum {
	FILE_MAX = 64 * 1024, /* the built-in ones have two to three kilobytes */
	DEPTH_MAX = 4,        /* one more than a provider needs */
	NUMBER_MAX = 999,     /* of digits of a key */
	SHOWN_MAX = 60,       /* bytes of a key or value in a message */
};

struct provider_file {
	struct provider provider;
	void **blocks; /* everything the provider points to */
	size_t block_count;
};

/* Takes over a block. */
static void *keep(struct provider_file *file, void *block)
{
	file->blocks = mem_grow(file->blocks, file->block_count + 1, sizeof(*file->blocks));
	file->blocks[file->block_count++] = block;
	return block;
}

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

enum kind {
	KEY_TEXT,
	KEY_WORD,        /* one of the words of an option */
	KEY_ADDRESS,     /* a text that fits */
	KEY_FLAG,        /* the one word it can be stands for true */
	KEY_NUMBER,      /* from 1 to the greatest number of an option, if there is one */
	KEY_LIST,        /* of texts that fit */
	KEY_WORDS,       /* a list of words of an option */
	KEY_PERMISSIONS, /* tables and texts */
	KEY_HINTS,
};

struct key {
	const char *name;
	size_t at;          /* offset in struct provider */
	const char *option; /* whose words or bounds hold */
	const char *word;   /* of KEY_FLAG */
	bool (*fits)(const char *text);
	enum kind kind;
	bool needed;
};

#define KEY(sort, field) .kind = KEY_##sort, .at = offsetof(struct provider, field)

static const struct key keys[] = {
	{"title", KEY(TEXT, title), .needed = true},
	{"hosts", KEY(LIST, hosts), .fits = is_host},
	{"paths", KEY(LIST, paths), .fits = is_path},
	{"auth", KEY(WORDS, auth), .option = "auth", .needed = true},
	{"client-auth", KEY(WORD, client_auth), .option = "client-auth"},
	{"basic-encoding", KEY(WORD, basic_encoding), .option = "basic-encoding"},
	{"oauth1-method", KEY(WORD, oauth1_method), .option = "oauth1-method"},
	{"token-at", KEY(FLAG, token_at_host), .word = "host"},
	{"token-paths", KEY(LIST, token_paths), .fits = is_address},
	{"token-url", KEY(ADDRESS, token_url), .fits = is_url},
	{"token-query", KEY(LIST, token_query), .fits = is_parameter},
	{"headers", KEY(LIST, headers), .fits = is_header},
	{"authorize-path", KEY(ADDRESS, authorize_path), .fits = is_address},
	{"refresh-path", KEY(ADDRESS, refresh_path), .fits = is_address},
	{"scopes", KEY(FLAG, no_scopes), .word = "none"},
	{"extra-scopes", KEY(LIST, extra_scopes), .fits = is_scope},
	{"key-hex-digits", KEY(NUMBER, key_hex_digits)},
	{"parallel", KEY(NUMBER, parallel), .option = "parallel"},
	{"page-size", KEY(NUMBER, page_size), .option = "page-size"},
	{"permissions", KEY(PERMISSIONS, permissions)},
	{"hints", KEY(HINTS, hints), .needed = true},
};

static const struct key hints[] = {
	{"login-refused", KEY(TEXT, hints.login_refused)},
	{"no-address", KEY(TEXT, hints.no_address)},
	{"forbidden", KEY(TEXT, hints.forbidden)},
	{"empty", KEY(TEXT, hints.empty)},
	{"key-shape", KEY(TEXT, hints.key_shape)},
};

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]), HINT_COUNT = sizeof(hints) / sizeof(hints[0]) };

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

/* ---- Reading ---- */

/* What a value is called in messages. */
static const char *type_name(yajl_type type)
{
	switch (type) {
	case yajl_t_string: return "string";
	case yajl_t_number: return "number";
	case yajl_t_object: return "object";
	case yajl_t_array: return "array";
	default: return "boolean";
	}
}

static bool check_type(const char *key, yajl_val value, yajl_type type, struct err *err)
{
	return value->type == type || err_set(err, ERR_USAGE, "\"%s\" must be of type %s", key, type_name(type));
}

static bool cannot_be(const char *key, const char *value, struct err *err)
{
	return err_set(err, ERR_USAGE, "\"%s\" cannot be \"%.*s\"", key, SHOWN_MAX, value);
}

static bool check_text(const char *key, const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "\"%s\" must not be empty", key);
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ')
			return err_set(err, ERR_USAGE, "\"%s\" holds a control character", key);
	return true;
}

static bool read_text(struct provider_file *file, const char *key, yajl_val value, const char **text, struct err *err)
{
	if (!check_type(key, value, yajl_t_string, err) || !check_text(key, value->u.string, err))
		return false;
	*text = keep(file, mem_copy(value->u.string));
	return true;
}

/* Whether the text is one of the words of the option; auto leaves the choice open, so it is none here. */
static bool check_word(const struct key *key, const char *text, struct err *err)
{
	const struct option *option = option_find(key->option, strlen(key->option));
	for (const char *const *word = option->choices; *word != NULL; word++)
		if (strcmp(*word, text) == 0 && strcmp(text, "auto") != 0)
			return true;
	return err_set(err, ERR_USAGE, "unknown %s \"%.*s\"", key->name, SHOWN_MAX, text);
}

static bool check_item(const struct key *key, const char *text, struct err *err)
{
	if (key->option != NULL)
		return check_word(key, text, err);
	return key->fits == NULL || key->fits(text) || cannot_be(key->name, text, err);
}

static bool read_number(const struct key *key, yajl_val value, int *number, struct err *err)
{
	long max = NUMBER_MAX;
	if (key->option != NULL)
		max = option_find(key->option, strlen(key->option))->max;
	if (!check_type(key->name, value, yajl_t_number, err))
		return false;
	if (!YAJL_IS_INTEGER(value) || value->u.number.i < 1)
		return cannot_be(key->name, value->u.number.r, err);
	if (value->u.number.i > max)
		return err_set(err, ERR_USAGE, "\"%s\" cannot be more than %ld", key->name, max);
	*number = (int)value->u.number.i;
	return true;
}

static bool read_list(
	struct provider_file *file, const struct key *key, yajl_val value, const char *const **list, struct err *err)
{
	if (!check_type(key->name, value, yajl_t_array, err))
		return false;
	size_t count = value->u.array.len;
	if (count == 0)
		return err_set(err, ERR_USAGE, "\"%s\" must not be empty", key->name);
	const char **items = keep(file, mem_new(count + 1, sizeof(*items)));
	for (size_t i = 0; i < count; i++) {
		yajl_val item = value->u.array.values[i];
		if (!YAJL_IS_STRING(item))
			return err_set(err, ERR_USAGE, "\"%s\" must hold strings only", key->name);
		if (!read_text(file, key->name, item, &items[i], err) || !check_item(key, items[i], err))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(items[j], items[i]) == 0)
				return err_set(
					err, ERR_USAGE, "\"%s\" has \"%.*s\" twice", key->name, SHOWN_MAX, items[i]);
	}
	*list = items;
	return true;
}

static bool read_permissions(
	struct provider_file *file, yajl_val value, const struct provider_permission **list, struct err *err)
{
	size_t count = value->u.object.len;
	struct provider_permission *rows = keep(file, mem_new(count + 1, sizeof(*rows)));
	for (size_t i = 0; i < count; i++) {
		const char *table = value->u.object.keys[i];
		const struct table *known = schema_table_find(&schema_oneroster_1_1, table);
		if (known == NULL)
			return err_set(err, ERR_USAGE, "unknown table \"%.*s\"", SHOWN_MAX, table);
		for (size_t j = 0; j < i; j++)
			if (strcmp(rows[j].table, table) == 0)
				return err_set(err, ERR_USAGE, "\"%s\" is there twice", table);
		rows[i].table = known->name;
		if (!read_text(file, table, value->u.object.values[i], &rows[i].permission, err))
			return false;
	}
	*list = rows;
	return true;
}

static bool read_object(
	struct provider_file *file, const struct key *known, size_t known_count, yajl_val object, struct err *err);

static bool read_value(struct provider_file *file, const struct key *key, yajl_val value, struct err *err)
{
	void *place = (char *)&file->provider + key->at;
	const char *text = NULL;
	switch (key->kind) {
	case KEY_NUMBER: return read_number(key, value, place, err);
	case KEY_LIST:
	case KEY_WORDS: return read_list(file, key, value, place, err);
	case KEY_PERMISSIONS:
		return check_type(key->name, value, yajl_t_object, err) &&
		       (read_permissions(file, value, place, err) || err_in(err, "%s", key->name));
	case KEY_HINTS:
		return check_type(key->name, value, yajl_t_object, err) &&
		       (read_object(file, hints, HINT_COUNT, value, err) || err_in(err, "%s", key->name));
	case KEY_FLAG:
		if (!read_text(file, key->name, value, &text, err))
			return false;
		*(bool *)place = strcmp(text, key->word) == 0;
		return *(bool *)place || err_set(err, ERR_USAGE, "unknown %s \"%.*s\"", key->name, SHOWN_MAX, text);
	case KEY_TEXT:
	case KEY_WORD:
	case KEY_ADDRESS: break;
	}
	if (!read_text(file, key->name, value, &text, err) || !check_item(key, text, err))
		return false;
	*(const char **)place = text;
	return true;
}

static yajl_val member(yajl_val object, const char *name)
{
	for (size_t i = 0; i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], name) == 0)
			return object->u.object.values[i];
	return NULL;
}

/* Reads the members of an object, which are among those known, none of them twice. */
static bool read_object(
	struct provider_file *file, const struct key *known, size_t known_count, yajl_val object, struct err *err)
{
	for (size_t i = 0; i < object->u.object.len; i++) {
		const char *name = object->u.object.keys[i];
		size_t k = 0;
		while (k < known_count && strcmp(known[k].name, name) != 0)
			k++;
		if (k == known_count)
			return err_set(err, ERR_USAGE, "unknown key \"%.*s\"", SHOWN_MAX, name);
		if (member(object, name) != object->u.object.values[i])
			return err_set(err, ERR_USAGE, "\"%s\" is there twice", name);
	}
	for (size_t k = 0; k < known_count; k++) {
		yajl_val value = member(object, known[k].name);
		if (value == NULL && known[k].needed)
			return err_set(err, ERR_USAGE, "missing key \"%s\"", known[k].name);
		if (value != NULL && !read_value(file, &known[k], value, err))
			return false;
	}
	return true;
}

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
		bool there = member(object, ways[i].key) != NULL;
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

/* Looks at the bytes before the parser does, which follows any nesting, allows comments, and ends a string at an
 * escaped NUL. */
static bool check_bytes(const char *data, size_t length, struct err *err)
{
	size_t depth = 0;
	bool inside = false; /* of a string */
	for (size_t i = 0; i < length; i++) {
		char c = data[i];
		if (inside && c == '\\') {
			if (length - i > 5 && memcmp(data + i, "\\u0000", 6) == 0)
				return err_set(err, ERR_USAGE, "a text holds a NUL character");
			i++;
		} else if (c == '"') {
			inside = !inside;
		} else if (!inside && c == '/') {
			return err_set(
				err, ERR_USAGE, "this is not JSON: there is a comment, or a slash without quotes");
		} else if (!inside && (c == '{' || c == '[')) {
			if (++depth > DEPTH_MAX)
				return err_set(err, ERR_USAGE, "this is no provider: too deeply nested");
		} else if (!inside && (c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

/* The tree of a document, to be freed with yajl_tree_free; NULL when it is none. */
static yajl_val read_tree(const char *data, size_t length, struct err *err)
{
	char problem[256] = "";
	if (!check_bytes(data, length, err))
		return NULL;
	char *text = mem_copy_n(data, length); /* the parser wants it terminated */
	yajl_val tree = NULL;
	if (strlen(text) == length)
		tree = yajl_tree_parse(text, problem, sizeof(problem));
	free(text);
	problem[strcspn(problem, "\r\n")] = '\0';
	if (tree == NULL)
		err_set(err, ERR_USAGE, "this is not JSON%s%s", problem[0] != '\0' ? ": " : "", problem);
	return tree;
}

/* The name of the file without folder and ending. */
static char *name_of(const char *path)
{
	static const char end[] = ".json";
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t length = strlen(name);
	if (length >= sizeof(end) && strcmp(name + length - (sizeof(end) - 1), end) == 0)
		length -= sizeof(end) - 1;
	return mem_copy_n(name, length);
}

static struct provider_file *new_file(const char *path)
{
	static const char *const no_texts[] = {NULL};
	static const struct provider_permission no_permissions[] = {{NULL, NULL}};
	struct provider_file *file = mem_new(1, sizeof(*file));
	file->provider.name = keep(file, name_of(path));
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].kind == KEY_LIST || keys[i].kind == KEY_WORDS)
			*(const char *const **)((char *)&file->provider + keys[i].at) = no_texts;
	file->provider.permissions = no_permissions;
	return file;
}

struct provider_file *provider_file_parse(const char *path, const char *data, size_t length, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors put it in front */
	struct provider_file *file = new_file(path);
	if (length >= 3 && memcmp(data, mark, 3) == 0) {
		data += 3;
		length -= 3;
	}
	yajl_val tree = length <= FILE_MAX ? read_tree(data, length, err) : NULL;
	bool fine = false;
	if (tree != NULL && !YAJL_IS_OBJECT(tree))
		err_set(err, ERR_USAGE, "must be an object");
	else if (tree != NULL)
		fine = read_object(file, keys, KEY_COUNT, tree, err) && check_whole(&file->provider, tree, err);
	else
		err_set(err, ERR_USAGE, "this is no provider: more than %d bytes", FILE_MAX);
	yajl_tree_free(tree);
	if (fine)
		return file;
	err_in(err, "%s", path);
	provider_file_free(file);
	return NULL;
}

struct provider_file *provider_file_read(const char *path, struct err *err)
{
	struct buf text;
	struct provider_file *file = NULL;
	buf_init(&text, FILE_MAX);
	if (file_read(path, FILE_MAX, &text, err))
		file = provider_file_parse(path, buf_text(&text), text.length, err);
	else
		err->code = ERR_USAGE;
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
	for (size_t i = 0; i < file->block_count; i++)
		free(file->blocks[i]);
	free(file->blocks);
	free(file);
}

#include "jsonfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "json.h"

enum {
	FILE_MAX = 64 * 1024, /* the built-in ones have two to three kilobytes */
	DEPTH_MAX = 4,        /* one more than any of them needs */
	NUMBER_MAX = 999,
};

bool jsonfile_load(const char *path, struct buf *text, struct err *err)
{
	return file_read_given(path, FILE_MAX, text, err);
}

/* Looks at the bytes before the parser does, which follows any nesting, allows comments, and ends a string at an
 * escaped NUL. */
static bool check_bytes(const char *kind, const char *data, size_t length, struct err *err)
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
				return err_set(err, ERR_USAGE, "this is no %s: too deeply nested", kind);
		} else if (!inside && (c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

bool jsonfile_parse(struct jsonfile *file, const char *kind, const char *data, size_t length, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, as some editors put it in front */
	char problem[256] = "";
	if (length >= 3 && memcmp(data, mark, 3) == 0) {
		data += 3;
		length -= 3;
	}
	if (length > FILE_MAX)
		return err_set(err, ERR_USAGE, "this is no %s: more than %d bytes", kind, FILE_MAX);
	if (!check_bytes(kind, data, length, err))
		return false;
	char *text = mem_copy_n(data, length); /* the parser wants it terminated */
	if (strlen(text) == length)
		file->root = json_tree(text, problem, sizeof(problem));
	free(text);
	problem[strcspn(problem, "\r\n")] = '\0';
	if (file->root == NULL)
		return err_set(err, ERR_USAGE, "this is not JSON%s%s", problem[0] != '\0' ? ": " : "", problem);
	return YAJL_IS_OBJECT(file->root) || err_set(err, ERR_USAGE, "must be an object");
}

void jsonfile_release(struct jsonfile *file)
{
	for (size_t i = 0; i < file->block_count; i++)
		free(file->blocks[i]);
	free(file->blocks);
	yajl_tree_free(file->root);
	*file = (struct jsonfile){0};
}

void *jsonfile_keep(struct jsonfile *file, void *block)
{
	file->blocks = mem_grow(file->blocks, file->block_count + 1, sizeof(*file->blocks));
	file->blocks[file->block_count++] = block;
	return block;
}

char *jsonfile_name(const char *path)
{
	static const char end[] = ".json";
	const char *name = file_base(path);
	size_t length = strlen(name);
	if (length >= sizeof(end) && strcmp(name + length - (sizeof(end) - 1), end) == 0)
		length -= sizeof(end) - 1;
	return mem_copy_n(name, length);
}

yajl_val jsonfile_member(yajl_val object, const char *name)
{
	for (size_t i = 0; i < object->u.object.len; i++)
		if (strcmp(object->u.object.keys[i], name) == 0)
			return object->u.object.values[i];
	return NULL;
}

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

bool jsonfile_check_type(const char *name, yajl_val value, yajl_type type, struct err *err)
{
	return value->type == type || err_set(err, ERR_USAGE, "\"%s\" must be of type %s", name, type_name(type));
}

bool jsonfile_read_keys(struct jsonfile *file, yajl_val object, const struct jsonfile_key *keys, size_t count,
	void *into, struct err *err)
{
	for (size_t i = 0; i < object->u.object.len; i++) {
		const char *name = object->u.object.keys[i];
		size_t k = 0;
		while (k < count && strcmp(keys[k].name, name) != 0)
			k++;
		if (k == count)
			return err_set(err, ERR_USAGE, "unknown key \"%.*s\"", JSONFILE_SHOWN_MAX, name);
		if (jsonfile_member(object, name) != object->u.object.values[i])
			return err_set(err, ERR_USAGE, "\"%s\" is there twice", name);
	}
	for (const struct jsonfile_key *key = keys; key < keys + count; key++) {
		yajl_val value = jsonfile_member(object, key->name);
		if (value == NULL && key->needed)
			return err_set(err, ERR_USAGE, "missing key \"%s\"", key->name);
		if (value != NULL && !key->read(file, key, value, (char *)into + key->at, err))
			return false;
	}
	return true;
}

static bool cannot_be(const char *key, const char *value, struct err *err)
{
	return err_set(err, ERR_USAGE, "\"%s\" cannot be \"%.*s\"", key, JSONFILE_SHOWN_MAX, value);
}

static bool check_text(const struct jsonfile_key *key, const char *text, struct err *err)
{
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "\"%s\" must not be empty", key->name);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			return err_set(err, ERR_USAGE, "\"%s\" holds a control character", key->name);
	if (key->knows != NULL && !key->knows(key->what, text))
		return err_set(err, ERR_USAGE, "unknown %s \"%.*s\"", key->what, JSONFILE_SHOWN_MAX, text);
	return key->fits == NULL || key->fits(text) || cannot_be(key->name, text, err);
}

bool jsonfile_read_text(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	(void)file;
	if (!jsonfile_check_type(key->name, value, yajl_t_string, err) || !check_text(key, value->u.string, err))
		return false;
	*(const char **)place = value->u.string;
	return true;
}

bool jsonfile_read_list(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	if (!jsonfile_check_type(key->name, value, yajl_t_array, err))
		return false;
	size_t count = value->u.array.len;
	if (count == 0)
		return err_set(err, ERR_USAGE, "\"%s\" must not be empty", key->name);
	const char **items = jsonfile_keep(file, mem_new(count + 1, sizeof(*items)));
	for (size_t i = 0; i < count; i++) {
		yajl_val item = value->u.array.values[i];
		if (!YAJL_IS_STRING(item))
			return err_set(err, ERR_USAGE, "\"%s\" must hold strings only", key->name);
		items[i] = item->u.string;
		if (!check_text(key, items[i], err))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(items[j], items[i]) == 0)
				return err_set(err, ERR_USAGE, "\"%s\" has \"%.*s\" twice", key->name,
					JSONFILE_SHOWN_MAX, items[i]);
	}
	*(const char *const **)place = items;
	return true;
}

bool jsonfile_read_flag(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	(void)file;
	if (value->type != yajl_t_true && !jsonfile_check_type(key->name, value, yajl_t_false, err))
		return false;
	*(bool *)place = value->type == yajl_t_true;
	return true;
}

static bool check_number(const struct jsonfile_key *key, yajl_val value, struct err *err)
{
	int64_t max = key->max != 0 ? key->max : NUMBER_MAX;
	if (!jsonfile_check_type(key->name, value, yajl_t_number, err))
		return false;
	if (!YAJL_IS_INTEGER(value) || value->u.number.i < 1)
		return cannot_be(key->name, value->u.number.r, err);
	if (value->u.number.i > max)
		return err_set(err, ERR_USAGE, "\"%s\" cannot be more than %lld", key->name, (long long)max);
	return true;
}

bool jsonfile_read_number(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	(void)file;
	if (!check_number(key, value, err))
		return false;
	*(int *)place = (int)value->u.number.i;
	return true;
}

bool jsonfile_read_size(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	(void)file;
	if (!check_number(key, value, err))
		return false;
	*(uint64_t *)place = (uint64_t)value->u.number.i;
	return true;
}

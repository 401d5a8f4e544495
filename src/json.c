#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { RECORD_MAX = 64 * 1024 };

/* --- memory: the library would go on with what it did not get ------------------------------------------------------
 */

static void *memory_malloc(void *context, size_t size)
{
	(void)context;
	return mem_grow(NULL, size, 1);
}

static void *memory_realloc(void *context, void *old, size_t size)
{
	(void)context;
	return mem_grow(old, size, 1);
}

static void memory_free(void *context, void *block)
{
	(void)context;
	free(block);
}

static yajl_alloc_funcs memory = {memory_malloc, memory_realloc, memory_free, NULL};

/* --- writing -------------------------------------------------------------------------------------------------------
 */

yajl_gen json_new(void)
{
	return yajl_gen_alloc(&memory);
}

void json_text(yajl_gen gen, const char *value)
{
	if (value == NULL)
		yajl_gen_null(gen);
	else
		yajl_gen_string(gen, (const unsigned char *)value, strlen(value));
}

void json_add_text(yajl_gen gen, const char *key, const char *value)
{
	json_text(gen, key);
	json_text(gen, value);
}

void json_add_number(yajl_gen gen, const char *key, int64_t value)
{
	json_text(gen, key);
	yajl_gen_integer(gen, value);
}

void json_add_count(yajl_gen gen, const char *key, uint64_t value)
{
	json_add_number(gen, key, (int64_t)value); /* nothing that is counted comes near the end of that */
}

void json_add_bool(yajl_gen gen, const char *key, bool value)
{
	json_text(gen, key);
	yajl_gen_bool(gen, value);
}

void json_open_map(yajl_gen gen, const char *key)
{
	json_text(gen, key);
	yajl_gen_map_open(gen);
}

void json_open_list(yajl_gen gen, const char *key)
{
	json_text(gen, key);
	yajl_gen_array_open(gen);
}

static void add_examples(yajl_gen gen, const struct finding *finding)
{
	json_open_list(gen, "examples");
	for (size_t i = 0; i < finding->example_count; i++) {
		yajl_gen_map_open(gen);
		if (finding->examples[i].row > 0)
			json_add_count(gen, "row", finding->examples[i].row);
		else
			json_add_text(gen, "row", NULL);
		if (finding->examples[i].id != NULL)
			json_add_text(gen, "id", finding->examples[i].id);
		if (finding->examples[i].value != NULL)
			json_add_text(gen, "value", finding->examples[i].value);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

void finding_json(yajl_gen gen, const struct finding *finding)
{
	const struct rule_info *info = &rules[finding->rule];
	yajl_gen_map_open(gen);
	json_add_text(gen, "rule", info->code);
	json_add_text(gen, "severity", rule_severity_word(finding_severity(finding)));
	json_add_bool(gen, "accepted", finding->accepted);
	json_add_text(gen, "file", finding->file);
	json_add_text(gen, "column", finding->column);
	json_add_text(gen, "detail", finding->detail);
	json_add_count(gen, "count", finding->count);
	add_examples(gen, finding);
	json_add_text(gen, "text", info->text);
	json_add_text(gen, "advice", info->advice);
	yajl_gen_map_close(gen);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

/* A document that is being read, in the library's own form. */
struct tree {
	yajl_val root;
	yajl_val *open; /* objects and lists that are not ended, the innermost last */
	size_t depth;
	size_t room;
};

static yajl_val new_value(yajl_type type)
{
	yajl_val value = mem_new(1, sizeof(*value));
	value->type = type;
	return value;
}

static int put(struct tree *tree, yajl_val value)
{
	yajl_val top = tree->depth > 0 ? tree->open[tree->depth - 1] : NULL;
	if (top == NULL) {
		tree->root = value;
	} else if (top->type == yajl_t_object) {
		top->u.object.values[top->u.object.len - 1] = value; /* its key came before */
	} else {
		size_t count = top->u.array.len + 1;
		top->u.array.values = mem_grow(top->u.array.values, count, sizeof(yajl_val));
		top->u.array.values[count - 1] = value;
		top->u.array.len = count;
	}
	return 1;
}

static int begin(struct tree *tree, yajl_type type)
{
	yajl_val value = new_value(type);
	put(tree, value);
	if (tree->depth == tree->room) {
		tree->room = tree->room > 0 ? tree->room * 2 : 8;
		tree->open = mem_grow(tree->open, tree->room, sizeof(yajl_val));
	}
	tree->open[tree->depth++] = value;
	return 1;
}

static int on_null(void *tree)
{
	return put(tree, new_value(yajl_t_null));
}

static int on_boolean(void *tree, int value)
{
	return put(tree, new_value(value ? yajl_t_true : yajl_t_false));
}

static int on_number(void *tree, const char *text, size_t length)
{
	yajl_val value = new_value(yajl_t_number);
	char *digits = mem_copy_n(text, length);
	char *end = NULL;
	value->u.number.r = digits;
	errno = 0;
	value->u.number.i = strtoll(digits, &end, 10);
	if (errno == 0 && *end == '\0')
		value->u.number.flags |= YAJL_NUMBER_INT_VALID;
	errno = 0;
	value->u.number.d = strtod(digits, &end);
	if (errno == 0 && *end == '\0')
		value->u.number.flags |= YAJL_NUMBER_DOUBLE_VALID;
	return put(tree, value);
}

static int on_string(void *tree, const unsigned char *text, size_t length)
{
	yajl_val value = new_value(yajl_t_string);
	value->u.string = mem_copy_n((const char *)text, length);
	return put(tree, value);
}

static int on_object(void *tree)
{
	return begin(tree, yajl_t_object);
}

static int on_key(void *context, const unsigned char *key, size_t length)
{
	const struct tree *tree = context;
	yajl_val object = tree->open[tree->depth - 1];
	size_t count = object->u.object.len + 1;
	object->u.object.keys = mem_grow(object->u.object.keys, count, sizeof(const char *));
	object->u.object.values = mem_grow(object->u.object.values, count, sizeof(yajl_val));
	object->u.object.keys[count - 1] = mem_copy_n((const char *)key, length);
	object->u.object.values[count - 1] = NULL;
	object->u.object.len = count;
	return 1;
}

static int on_list(void *tree)
{
	return begin(tree, yajl_t_array);
}

static int on_end(void *context)
{
	struct tree *tree = context;
	tree->depth--;
	return 1;
}

yajl_val json_tree(const char *text, char *problem, size_t room)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_object,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_list,
		.yajl_end_array = on_end,
	};
	struct tree tree = {0};
	const unsigned char *bytes = (const unsigned char *)text;
	yajl_handle parser = yajl_alloc(&callbacks, &memory, &tree);
	yajl_config(parser, yajl_allow_comments, 1);
	bool fine = yajl_parse(parser, bytes, strlen(text)) == yajl_status_ok &&
		    yajl_complete_parse(parser) == yajl_status_ok;
	if (!fine && room > 0) {
		unsigned char *words = yajl_get_error(parser, 1, bytes, strlen(text));
		snprintf(problem, room, "%s", words != NULL ? (const char *)words : "");
		yajl_free_error(parser, words);
	}
	yajl_free(parser);
	free(tree.open);
	if (fine)
		return tree.root;
	yajl_tree_free(tree.root);
	return NULL;
}

yajl_val json_read(const char *path, struct err *err)
{
	struct buf text;
	yajl_val document = NULL;
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return NULL;
	buf_init(&text, RECORD_MAX);
	if (file_read(path, RECORD_MAX, &text, err))
		document = json_tree(buf_text(&text), NULL, 0);
	buf_release(&text);
	return document;
}

const char *json_text_at(yajl_val object, const char *key)
{
	const char *path[] = {key, NULL};
	return YAJL_GET_STRING(yajl_tree_get(object, path, yajl_t_string));
}

int64_t json_number_at(yajl_val object, const char *key)
{
	const char *path[] = {key, NULL};
	yajl_val number = yajl_tree_get(object, path, yajl_t_number);
	return YAJL_IS_INTEGER(number) ? YAJL_GET_INTEGER(number) : 0;
}

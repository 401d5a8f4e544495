#include "consumer_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "jsonfile.h"
#include "table/schema.h"

#define ZIP_MAX INT64_C(1000000000000) /* bytes */

enum {
	ID_MAX = 255, /* of the standard */
	COUNT_MAX = 1000000,
	COLUMN_MAX = 80, /* bytes of TABLE.COLUMN */
	CHOICE_MAX = 3,
};

static const struct schema *const schema = &schema_oneroster_1_1;

struct consumer_file {
	struct consumer consumer;
	struct jsonfile json; /* everything the consumer points to */
	struct {
		const char *form;
		const char *empty;
		const char *quote;
		const char *eol;
	} words;
};

/* Words of a key, in the order of its enum, which begins with one for no word. */
struct choice {
	const char *key;
	const char *words[CHOICE_MAX];
};

static const struct choice choices[] = {
	{"form", {"zip", "loose"}},
	{"empty", {"absent", "header"}},
	{"quote", {"minimal", "all", "blanks"}},
	{"eol", {"crlf", "lf"}},
};

/* The place of a word in the enum of its key; 0 where there is none. */
static unsigned choice_find(const char *key, const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof(choices) / sizeof(choices[0]); i++)
		for (unsigned w = 0; w < CHOICE_MAX && choices[i].words[w] != NULL; w++)
			if (strcmp(choices[i].key, key) == 0 && strcmp(choices[i].words[w], word) == 0)
				return w + 1;
	return 0;
}

/* ---- What may stand where ---- */

static bool is_choice(const char *key, const char *text)
{
	return choice_find(key, text) != 0;
}

static bool has_word(const char *vocabulary, const char *text)
{
	for (int i = 0; i < schema->vocabulary_count; i++)
		for (const char *const *word = schema->vocabularies[i].values; *word != NULL; word++)
			if (strcmp(schema->vocabularies[i].name, vocabulary) == 0 && strcmp(*word, text) == 0)
				return true;
	return false;
}

static bool is_role(const char *what, const char *text)
{
	(void)what;
	return has_word("userRole", text);
}

static bool is_org_type(const char *what, const char *text)
{
	(void)what;
	return has_word("orgType", text);
}

static bool is_table(const char *what, const char *text)
{
	(void)what;
	return schema_table_find(schema, text) != NULL;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

static bool is_zip_name(const char *text)
{
	static const char end[] = ".zip";
	size_t length = strspn(text, LETTERS DIGITS "._-");
	return text[length] == '\0' && strspn(text, "._-") == 0 && length >= sizeof(end) &&
	       strcmp(text + length - (sizeof(end) - 1), end) == 0;
}

/* Words with single blanks between them. */
static bool is_grade(const char *text)
{
	for (;; text++) {
		size_t length = strspn(text, LETTERS DIGITS "-");
		text += length;
		if (length == 0 || *text != ' ')
			return length > 0 && *text == '\0';
	}
}

static bool is_between(const char *text, char first, char last)
{
	while (*text >= first && *text <= last)
		text++;
	return *text == '\0';
}

static bool is_printable(const char *text)
{
	return is_between(text, ' ', '~');
}

static bool is_printable_without_blank(const char *text)
{
	return is_between(text, '!', '~');
}

/* The table of TABLE.REST, and the rest; NULL if there is no such table. */
static const struct table *split_column(const char *text, const char **rest)
{
	char name[COLUMN_MAX];
	const char *dot = strchr(text, '.');
	size_t length = dot != NULL ? (size_t)(dot - text) : sizeof(name);
	if (dot == NULL || length >= sizeof(name))
		return NULL;
	memcpy(name, text, length);
	name[length] = '\0';
	*rest = dot + 1;
	return schema_table_find(schema, name);
}

static bool is_metadata(const char *text)
{
	static const char begin[] = "metadata.";
	text += strspn(text, LETTERS);
	return *text == '.' && strncmp(text + 1, begin, sizeof(begin) - 1) == 0 && text[sizeof(begin)] != '\0' &&
	       text[sizeof(begin) + strspn(text + sizeof(begin), LETTERS DIGITS "_.-")] == '\0';
}

/* ---- Reading ---- */

struct files {
	const char *const *required;
	const char *const *unwanted;
	const char *const *ignored;
};

#define FILES(list) .read = jsonfile_read_list, .at = offsetof(struct files, list), .knows = is_table, .what = "table"

/* Sets the rule of each table of the list. False if one has a rule already. */
static bool set_rules(unsigned char *rules, const char *const *list, enum consumer_file_rule rule, struct err *err)
{
	static const char *const words[] = {
		[CONSUMER_FILE_REQUIRED] = "required",
		[CONSUMER_FILE_UNWANTED] = "unwanted",
		[CONSUMER_FILE_IGNORED] = "ignored",
	};
	for (; list != NULL && *list != NULL; list++) {
		unsigned char *own = &rules[schema_table_find(schema, *list)->id];
		if (*own != CONSUMER_FILE_ANY)
			return err_set(err, ERR_USAGE, "\"%s\" is both %s and %s", *list, words[*own], words[rule]);
		*own = (unsigned char)rule;
	}
	return true;
}

static bool read_files(
	struct jsonfile *json, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	static const struct jsonfile_key lists[] = {
		{"required", FILES(required)},
		{"unwanted", FILES(unwanted)},
		{"ignored", FILES(ignored)},
	};
	struct files files = {0};
	if (!jsonfile_check_type(key->name, value, yajl_t_object, err))
		return false;
	unsigned char *rules = jsonfile_keep(json, mem_new((size_t)schema->table_count, 1));
	if (!jsonfile_read_keys(json, value, lists, sizeof(lists) / sizeof(lists[0]), &files, err) ||
		!set_rules(rules, files.required, CONSUMER_FILE_REQUIRED, err) ||
		!set_rules(rules, files.unwanted, CONSUMER_FILE_UNWANTED, err) ||
		!set_rules(rules, files.ignored, CONSUMER_FILE_IGNORED, err))
		return err_in(err, "%s", key->name);
	*(const unsigned char **)place = rules;
	return true;
}

/* Place is the consumer: it is either the word none or a list of TABLE.metadata.NAME. */
static bool read_metadata(
	struct jsonfile *json, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	struct consumer *consumer = place;
	const char *const *names = NULL;
	if (YAJL_IS_STRING(value) && strcmp(value->u.string, "none") == 0) {
		consumer->metadata = CONSUMER_METADATA_NONE;
		return true;
	}
	if (YAJL_IS_STRING(value))
		return err_set(err, ERR_USAGE, "unknown metadata \"%.*s\"", JSONFILE_SHOWN_MAX, value->u.string);
	if (!jsonfile_read_list(json, key, value, &names, err))
		return false;
	size_t count = value->u.array.len;
	struct consumer_extra *extras = jsonfile_keep(json, mem_new(count, sizeof(*extras)));
	for (size_t i = 0; i < count; i++) {
		const struct table *table = split_column(names[i], &extras[i].name);
		if (table == NULL)
			return err_set(err, ERR_USAGE, "metadata: unknown table \"%.*s\"", (int)strcspn(names[i], "."),
				names[i]);
		extras[i].table = table->id;
	}
	consumer->metadata = CONSUMER_METADATA_LISTED;
	consumer->extras = extras;
	consumer->extra_count = (int)count;
	return true;
}

static bool read_column(
	struct jsonfile *json, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	struct consumer_column *column = place;
	const char *text = NULL;
	const char *name = NULL;
	if (!jsonfile_read_text(json, key, value, &text, err))
		return false;
	const struct table *table = split_column(text, &name);
	int index = table != NULL ? column_find(table, name) : SCHEMA_NONE;
	if (index == SCHEMA_NONE)
		return err_set(err, ERR_USAGE, "unknown column \"%.*s\"", JSONFILE_SHOWN_MAX, text);
	if (table->columns[index].type == COLUMN_BLANK)
		return err_set(err, ERR_USAGE, "\"%s\" is always blank", text);
	column->table = table->id;
	column->column = index;
	return true;
}

static bool is_users(const struct consumer_required *cell)
{
	return strcmp(schema->tables[cell->column.table].name, "users") == 0;
}

static bool is_same(const struct consumer_required *a, const struct consumer_required *b)
{
	return a->column.table == b->column.table && a->column.column == b->column.column &&
	       (a->role == NULL) == (b->role == NULL) && (a->role == NULL || strcmp(a->role, b->role) == 0);
}

/* Reads the cell behind those before it in the list. */
static bool read_cell(struct jsonfile *json, yajl_val value, struct consumer_required *cells, size_t i, struct err *err)
{
	static const struct jsonfile_key facts[] = {
		{"column", read_column, .at = offsetof(struct consumer_required, column), .needed = true},
		{"role", jsonfile_read_text, .at = offsetof(struct consumer_required, role), .knows = is_role,
			.what = "role"},
		{"unique", jsonfile_read_flag, .at = offsetof(struct consumer_required, unique)},
	};
	struct consumer_required *cell = &cells[i];
	if (!YAJL_IS_OBJECT(value))
		return err_set(err, ERR_USAGE, "must be an object");
	if (!jsonfile_read_keys(json, value, facts, sizeof(facts) / sizeof(facts[0]), cell, err))
		return false;
	if (cell->role != NULL && !is_users(cell))
		return err_set(err, ERR_USAGE, "\"role\" goes with columns of users only");
	for (size_t other = 0; other < i; other++)
		if (is_same(&cells[other], cell))
			return err_set(
				err, ERR_USAGE, "\"%s\" is there already", jsonfile_member(value, "column")->u.string);
	return true;
}

/* Place is the consumer. */
static bool read_required(
	struct jsonfile *json, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	struct consumer *consumer = place;
	if (!jsonfile_check_type(key->name, value, yajl_t_array, err))
		return false;
	size_t count = value->u.array.len;
	if (count == 0)
		return err_set(err, ERR_USAGE, "\"%s\" must not be empty", key->name);
	struct consumer_required *cells = jsonfile_keep(json, mem_new(count, sizeof(*cells)));
	for (size_t i = 0; i < count; i++)
		if (!read_cell(json, value->u.array.values[i], cells, i, err))
			return err_in(err, "%s[%zu]", key->name, i);
	consumer->required = cells;
	consumer->required_count = (int)count;
	return true;
}

static bool read_because(
	struct jsonfile *json, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err)
{
	(void)json;
	(void)place;
	return jsonfile_check_type(key->name, value, yajl_t_object, err);
}

#define AT(field)     .at = offsetof(struct consumer_file, field)
#define CHOICE(field) .read = jsonfile_read_text, AT(words.field), .knows = is_choice, .what = #field

static const struct jsonfile_key keys[] = {
	{"title", jsonfile_read_text, AT(consumer.title), .needed = true},
	{"notes", jsonfile_read_list, AT(consumer.notes)},
	{"because", .read = read_because},
	{"files", read_files, AT(consumer.files)},
	{"form", CHOICE(form)},
	{"zip-name", jsonfile_read_text, AT(consumer.zip_name), .fits = is_zip_name},
	{"zip-max", jsonfile_read_size, AT(consumer.zip_max), .max = ZIP_MAX},
	{"empty", CHOICE(empty)},
	{"quote", CHOICE(quote)},
	{"eol", CHOICE(eol)},
	{"metadata", read_metadata, AT(consumer), .fits = is_metadata},
	{"roles", jsonfile_read_list, AT(consumer.roles), .knows = is_role, .what = "role"},
	{"org-types", jsonfile_read_list, AT(consumer.org_types), .knows = is_org_type, .what = "org type"},
	{"grades", jsonfile_read_list, AT(consumer.grades), .fits = is_grade},
	{"required", read_required, AT(consumer)},
	{"id-max", jsonfile_read_number, AT(consumer.id_max), .max = ID_MAX},
	{"id-chars", jsonfile_read_text, AT(consumer.id_chars), .fits = is_printable_without_blank},
	{"id-case", jsonfile_read_flag, AT(consumer.id_case)},
	{"text-chars", jsonfile_read_text, AT(consumer.text_chars), .fits = is_printable},
	{"text-max", jsonfile_read_number, AT(consumer.text_max), .max = COUNT_MAX},
	{"class-max", jsonfile_read_number, AT(consumer.class_max), .max = COUNT_MAX},
	{"load-max", jsonfile_read_number, AT(consumer.load_max), .max = COUNT_MAX},
	{"enabled-only", jsonfile_read_flag, AT(consumer.enabled_only)},
	{"integer-periods", jsonfile_read_flag, AT(consumer.integer_periods)},
	{"one-primary-teacher", jsonfile_read_flag, AT(consumer.one_primary_teacher)},
};

enum {
	KEY_COUNT = sizeof(keys) / sizeof(keys[0]),
	SETTINGS = 3, /* where they begin: the keys that tell what the consumer wants */
};

/* ---- The whole ---- */

/* Each setting says where it comes from, and nothing else does. */
static bool check_because(struct jsonfile *json, struct err *err)
{
	struct jsonfile_key reasons[KEY_COUNT];
	const char *reason = NULL;
	size_t count = 0;
	for (size_t i = SETTINGS; i < KEY_COUNT; i++)
		if (jsonfile_member(json->root, keys[i].name) != NULL)
			reasons[count++] = (struct jsonfile_key){keys[i].name, jsonfile_read_text, .needed = true};
	yajl_val because = jsonfile_member(json->root, "because");
	if (because == NULL)
		return count == 0 || err_set(err, ERR_USAGE, "missing key \"because\"");
	return jsonfile_read_keys(json, because, reasons, count, &reason, err) || err_in(err, "because");
}

static bool check_whole(struct consumer_file *file, struct err *err)
{
	static const char *const of_zip[] = {"zip-name", "zip-max"};
	for (size_t i = 0; i < sizeof(of_zip) / sizeof(of_zip[0]); i++)
		if (file->consumer.form == CONSUMER_FORM_LOOSE && jsonfile_member(file->json.root, of_zip[i]) != NULL)
			return err_set(err, ERR_USAGE, "\"%s\" cannot go with form loose", of_zip[i]);
	return check_because(&file->json, err);
}

/* ---- The file ---- */

static struct consumer_file *new_file(const char *path)
{
	struct consumer_file *file = mem_new(1, sizeof(*file));
	file->consumer.name = jsonfile_keep(&file->json, jsonfile_name(path));
	file->consumer.files = jsonfile_keep(&file->json, mem_new((size_t)schema->table_count, 1));
	return file;
}

static bool fill(struct consumer_file *file, struct err *err)
{
	struct consumer *consumer = &file->consumer;
	if (!jsonfile_read_keys(&file->json, file->json.root, keys, KEY_COUNT, file, err))
		return false;
	consumer->form = (enum consumer_form)choice_find("form", file->words.form);
	consumer->empty = (enum consumer_empty)choice_find("empty", file->words.empty);
	consumer->quote = (enum consumer_quote)choice_find("quote", file->words.quote);
	consumer->eol = (enum consumer_eol)choice_find("eol", file->words.eol);
	return check_whole(file, err);
}

struct consumer_file *consumer_file_parse(const char *path, const char *data, size_t length, struct err *err)
{
	struct consumer_file *file = new_file(path);
	if (jsonfile_parse(&file->json, "consumer", data, length, err) && fill(file, err))
		return file;
	err_in(err, "%s", path);
	consumer_file_free(file);
	return NULL;
}

struct consumer_file *consumer_file_read(const char *path, struct err *err)
{
	struct buf text = {0};
	struct consumer_file *file = NULL;
	if (jsonfile_load(path, &text, err))
		file = consumer_file_parse(path, buf_text(&text), text.length, err);
	buf_release(&text);
	return file;
}

const struct consumer *consumer_file_get(const struct consumer_file *file)
{
	return &file->consumer;
}

void consumer_file_free(struct consumer_file *file)
{
	if (file == NULL)
		return;
	jsonfile_release(&file->json);
	free(file);
}

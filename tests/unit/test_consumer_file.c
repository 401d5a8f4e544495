#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "consumer_file.h"
#include "scratch.h"
#include "table/schema.h"

static const struct schema *const schema = &schema_oneroster_1_1;

static struct consumer_file *parse(const char *text, struct err *err)
{
	*err = (struct err){0};
	return consumer_file_parse("/etc/sample.json", text, strlen(text), err);
}

/* The file is refused with that message. */
static void check_file(const char *text, const char *message)
{
	struct err err;
	char *whole = mem_format("/etc/sample.json: %s", message);
	struct consumer_file *file = parse(text, &err);
	if (file != NULL)
		fail_msg("accepted in place of: %s\n%s", message, text);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, whole);
	free(whole);
}

/* So is one that is fine but for this setting. */
static void check(const char *key, const char *value, const char *message)
{
	char *text = mem_format("{\"title\": \"S\", \"%s\": %s, \"because\": {\"%s\": \"x\"}}", key, value, key);
	check_file(text, message);
	free(text);
}

/* ---- The built-in ones ---- */

static void same_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a != NULL)
		assert_string_equal(a, b);
}

static void same_list(const char *const *a, const char *const *b)
{
	assert_int_equal(a == NULL, b == NULL);
	for (; a != NULL && (*a != NULL || *b != NULL); a++, b++)
		same_text(*a, *b);
}

static void same_consumer(const struct consumer *a, const struct consumer *b)
{
	same_text(a->name, b->name);
	same_text(a->title, b->title);
	same_list(a->notes, b->notes);
	assert_memory_equal(a->files, b->files, (size_t)schema->table_count);
	assert_int_equal(a->empty, b->empty);
	assert_int_equal(a->quote, b->quote);
	assert_int_equal(a->eol, b->eol);
	assert_int_equal(a->form, b->form);
	assert_int_equal(a->metadata, b->metadata);
	assert_int_equal(a->extra_count, b->extra_count);
	for (int i = 0; i < a->extra_count; i++) {
		assert_int_equal(a->extras[i].table, b->extras[i].table);
		same_text(a->extras[i].name, b->extras[i].name);
	}
	same_text(a->zip_name, b->zip_name);
	same_list(a->roles, b->roles);
	same_list(a->org_types, b->org_types);
	same_list(a->grades, b->grades);
	assert_int_equal(a->required_count, b->required_count);
	for (int i = 0; i < a->required_count; i++) {
		assert_int_equal(a->required[i].column.table, b->required[i].column.table);
		assert_int_equal(a->required[i].column.column, b->required[i].column.column);
		same_text(a->required[i].role, b->required[i].role);
		assert_int_equal(a->required[i].unique, b->required[i].unique);
	}
	assert_int_equal(a->id_max, b->id_max);
	same_text(a->id_chars, b->id_chars);
	assert_int_equal(a->id_case, b->id_case);
	same_text(a->text_chars, b->text_chars);
	assert_int_equal(a->text_max, b->text_max);
	assert_int_equal(a->class_max, b->class_max);
	assert_int_equal(a->load_max, b->load_max);
	assert_int_equal(a->zip_max, b->zip_max);
	assert_int_equal(a->enabled_only, b->enabled_only);
	assert_int_equal(a->integer_periods, b->integer_periods);
	assert_int_equal(a->one_primary_teacher, b->one_primary_teacher);
}

/* A file in the folder schemas/consumers of the source, to be freed. */
static char *schema_path(const char *name)
{
	const char *here = strstr(__FILE__, "tests/unit/");
	assert_non_null(here);
	return mem_format("%.*sschemas/consumers/%s.json", (int)(here - __FILE__), __FILE__, name);
}

/* What the build makes of a file is what the program makes of it. */
static void test_built_in(void **state)
{
	(void)state;
	for (int i = 0; consumers[i] != NULL; i++) {
		struct err err = {0};
		char *path = schema_path(consumers[i]->name);
		struct consumer_file *file = consumer_file_read(path, &err);
		if (file == NULL)
			fail_msg("%s", err.text);
		same_consumer(consumer_file_get(file), consumers[i]);
		consumer_file_free(file);
		free(path);
	}
}

static int table_id(const char *name)
{
	return schema_table_find(schema, name)->id;
}

/* The receivers there have to be, and what is known of some of them. */
static void test_known(void **state)
{
	static const char *const names[] = {"amplify", "apple-school-manager", "classlink", "great-minds", "hmh",
		"imagine-learning", "kitaboo", "lab-aids", "mcgraw-hill", "moodle", "naviance", "permissionclick",
		"renaissance", "st-math", "turnitin"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_non_null(consumers[i]);
		assert_string_equal(consumers[i]->name, names[i]);
		assert_ptr_equal(consumer_find(names[i]), consumers[i]);
		assert_non_null(consumers[i]->notes);
	}
	assert_null(consumers[sizeof(names) / sizeof(names[0])]);
	assert_null(consumer_find("nobody"));
	assert_null(consumer_find(""));

	const struct consumer *math = consumer_find("st-math");
	assert_string_equal(math->zip_name, "OneRoster.zip");
	assert_int_equal(math->files[table_id("users")], CONSUMER_FILE_REQUIRED);
	assert_int_equal(math->files[table_id("demographics")], CONSUMER_FILE_UNWANTED);
	assert_int_equal(math->required_count, 1);
	assert_int_equal(math->required[0].column.table, table_id("users"));
	assert_int_equal(math->required[0].column.column, column_find(&schema->tables[table_id("users")], "grades"));
	assert_string_equal(math->required[0].role, "student");
	assert_false(math->required[0].unique);

	const struct consumer *apple = consumer_find("apple-school-manager");
	assert_int_equal(apple->eol, CONSUMER_EOL_LF);
	assert_int_equal(apple->quote, CONSUMER_QUOTE_BLANKS);
	assert_true(apple->required[0].unique);
	assert_null(apple->required[0].role);
	assert_null(strpbrk(apple->id_chars, "/@._"));

	const struct consumer *hmh = consumer_find("hmh");
	assert_int_equal(hmh->empty, CONSUMER_EMPTY_HEADER);
	assert_int_equal(hmh->metadata, CONSUMER_METADATA_LISTED);
	assert_string_equal(hmh->extras[0].name, "metadata.positionTitle");
	assert_true(hmh->id_case);
	assert_int_equal(consumer_find("great-minds")->empty, CONSUMER_EMPTY_ABSENT);
	assert_int_equal(consumer_find("mcgraw-hill")->metadata, CONSUMER_METADATA_NONE);
	assert_int_equal(consumer_find("classlink")->form, CONSUMER_FORM_LOOSE);
	assert_int_equal(consumer_find("amplify")->form, CONSUMER_FORM_ANY);
	assert_int_equal(consumer_find("naviance")->zip_max, 1000000000);
	assert_int_equal(consumer_find("naviance")->files[table_id("classes")], CONSUMER_FILE_IGNORED);
}

/* ---- Everything that may be said ---- */

static void test_all_keys(void **state)
{
	(void)state;
	struct err err;
	struct consumer_file *file = parse(
		"\xef\xbb\xbf{ \"title\": \"Sample \\u00e9 \\\"x\\\"\", \"notes\": [\"a; b\", \"[c\"], "
		"\"files\": { \"required\": [\"users\", \"orgs\"], \"unwanted\": [\"results\"], "
		"\"ignored\": [\"courses\"] }, \"form\": \"zip\", "
		"\"zip-name\": \"A_b-1.0.zip\", \"zip-max\": 1000000000000, \"empty\": \"absent\", \"quote\": \"all\", "
		"\"eol\": \"crlf\", \"metadata\": [\"orgs.metadata.a_b.c-1\", \"users.metadata.X\"], "
		"\"roles\": [\"guardian\"], \"org-types\": [\"state\", \"school\"], "
		"\"grades\": [\"-2\", \"Transitional Kindergarten\"], "
		"\"required\": [ { \"column\": \"users.email\", \"role\": \"teacher\" }, "
		"{ \"column\": \"users.email\", \"unique\": true }, { \"column\": \"classes.periods\" } ], "
		"\"id-max\": 255, \"id-chars\": \"aB\\\\;[?\", \"id-case\": true, \"text-chars\": \" .\", "
		"\"text-max\": 1000000, \"class-max\": 1, \"load-max\": 2, \"enabled-only\": true, "
		"\"integer-periods\": true, \"one-primary-teacher\": true, \"because\": { \"files\": \"x\", \"form\": "
		"\"x\", \"zip-name\": \"x\", "
		"\"zip-max\": \"x\", \"empty\": \"x\", \"quote\": \"x\", \"eol\": \"x\", \"metadata\": \"x\", "
		"\"roles\": \"x\", \"org-types\": \"x\", \"grades\": \"x\", \"required\": \"x\", \"id-max\": \"x\", "
		"\"id-chars\": \"x\", \"id-case\": \"x\", \"text-chars\": \"x\", \"text-max\": \"x\", "
		"\"class-max\": \"x\", \"load-max\": \"x\", \"enabled-only\": \"x\", \"integer-periods\": \"x\", "
		"\"one-primary-teacher\": \"x\" } }\n",
		&err);
	if (file == NULL)
		fail_msg("%s", err.text);
	const struct table *users = &schema->tables[table_id("users")];
	const struct table *classes = &schema->tables[table_id("classes")];
	unsigned char files[64] = {0};
	files[users->id] = CONSUMER_FILE_REQUIRED;
	files[table_id("orgs")] = CONSUMER_FILE_REQUIRED;
	files[table_id("results")] = CONSUMER_FILE_UNWANTED;
	files[table_id("courses")] = CONSUMER_FILE_IGNORED;
	const struct consumer_extra extras[] = {
		{table_id("orgs"), "metadata.a_b.c-1"},
		{users->id, "metadata.X"},
	};
	const struct consumer_required required[] = {
		{{users->id, column_find(users, "email")}, "teacher", false},
		{{users->id, column_find(users, "email")}, NULL, true},
		{{classes->id, column_find(classes, "periods")}, NULL, false},
	};
	const struct consumer sample = {
		.name = "sample",
		.title = "Sample \xc3\xa9 \"x\"",
		.notes = (const char *const[]){"a; b", "[c", NULL},
		.files = files,
		.empty = CONSUMER_EMPTY_ABSENT,
		.quote = CONSUMER_QUOTE_ALL,
		.eol = CONSUMER_EOL_CRLF,
		.form = CONSUMER_FORM_ZIP,
		.metadata = CONSUMER_METADATA_LISTED,
		.extras = extras,
		.extra_count = 2,
		.zip_name = "A_b-1.0.zip",
		.roles = (const char *const[]){"guardian", NULL},
		.org_types = (const char *const[]){"state", "school", NULL},
		.grades = (const char *const[]){"-2", "Transitional Kindergarten", NULL},
		.required = required,
		.required_count = 3,
		.id_max = 255,
		.id_chars = "aB\\;[?",
		.id_case = true,
		.text_chars = " .",
		.text_max = 1000000,
		.class_max = 1,
		.load_max = 2,
		.zip_max = UINT64_C(1000000000000),
		.enabled_only = true,
		.integer_periods = true,
		.one_primary_teacher = true,
	};
	same_consumer(consumer_file_get(file), &sample);
	consumer_file_free(file);
}

/* What is not said is open. */
static void test_least(void **state)
{
	(void)state;
	const unsigned char files[64] = {0};
	const struct consumer least = {.name = "sample", .title = "Sample", .files = files};
	static const char *const texts[] = {"{\"title\": \"Sample\"}", "{\"title\": \"Sample\", \"because\": {}}",
		"{\"title\": \"Sample\", \"id-case\": false, \"because\": {\"id-case\": \"x\"}}",
		"{\"title\": \"Sample\", \"files\": {}, \"because\": {\"files\": \"x\"}}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err;
		struct consumer_file *file = parse(texts[i], &err);
		if (file == NULL)
			fail_msg("%s: %s", texts[i], err.text);
		same_consumer(consumer_file_get(file), &least);
		consumer_file_free(file);
	}
	consumer_file_free(NULL);
}

static void test_words(void **state)
{
	(void)state;
	struct err err;
	struct consumer_file *file = parse(
		"{\"title\": \"Sample\", \"form\": \"loose\", \"empty\": \"header\", \"quote\": \"minimal\", \"eol\": "
		"\"lf\", \"metadata\": \"none\", \"because\": {\"form\": \"x\", \"empty\": \"x\", \"quote\": \"x\", "
		"\"eol\": \"x\", \"metadata\": \"x\"}}",
		&err);
	assert_non_null(file);
	const struct consumer *consumer = consumer_file_get(file);
	assert_int_equal(consumer->form, CONSUMER_FORM_LOOSE);
	assert_int_equal(consumer->empty, CONSUMER_EMPTY_HEADER);
	assert_int_equal(consumer->quote, CONSUMER_QUOTE_MINIMAL);
	assert_int_equal(consumer->eol, CONSUMER_EOL_LF);
	assert_int_equal(consumer->metadata, CONSUMER_METADATA_NONE);
	consumer_file_free(file);
	file = parse("{\"title\": \"Sample\", \"quote\": \"blanks\", \"because\": {\"quote\": \"x\"}}", &err);
	assert_non_null(file);
	assert_int_equal(consumer_file_get(file)->quote, CONSUMER_QUOTE_BLANKS);
	consumer_file_free(file);
}

/* ---- Mistakes ---- */

static void test_keys(void **state)
{
	(void)state;
	check_file("{\"titel\": \"Sample\"}", "unknown key \"titel\"");
	check_file("{\"notes\": [\"a\"]}", "missing key \"title\"");
	check_file("{\"title\": \"S\", \"title\": \"S\"}", "\"title\" is there twice");
	check_file("{\"title\": \"S\", \"notes\": \"a\"}", "\"notes\" must be of type array");
	check_file("{\"title\": \"S\", \"notes\": []}", "\"notes\" must not be empty");
	check_file("{\"title\": \"S\", \"quote\": \"all\"}", "missing key \"because\"");
	check_file("{\"title\": \"S\", \"because\": \"x\"}", "\"because\" must be of type object");
	check_file("{\"title\": \"S\", \"quote\": \"all\", \"because\": {}}", "because: missing key \"quote\"");
	check_file("{\"title\": \"S\", \"because\": {\"quote\": \"x\"}}", "because: unknown key \"quote\"");
	check_file("{\"title\": \"S\", \"because\": {\"title\": \"x\"}}", "because: unknown key \"title\"");
	check_file("{\"title\": \"S\", \"quote\": \"all\", \"because\": {\"quote\": \"\"}}",
		"because: \"quote\" must not be empty");
	check_file("[]", "must be an object");
	check_file("[[[[[]]]]]", "this is no consumer: too deeply nested");
}

static void test_files(void **state)
{
	(void)state;
	check("files", "[\"users\"]", "\"files\" must be of type object");
	check("files", "{\"needed\": [\"users\"]}", "files: unknown key \"needed\"");
	check("files", "{\"required\": []}", "files: \"required\" must not be empty");
	check("files", "{\"required\": [\"user\"]}", "files: unknown table \"user\"");
	check("files", "{\"required\": [\"users\", \"users\"]}", "files: \"required\" has \"users\" twice");
	check("files", "{\"required\": [\"users\"], \"unwanted\": [\"users\"]}",
		"files: \"users\" is both required and unwanted");
	check("files", "{\"required\": [\"users\"], \"ignored\": [\"orgs\", \"users\"]}",
		"files: \"users\" is both required and ignored");
	check("files", "{\"unwanted\": [\"orgs\"], \"ignored\": [\"orgs\"]}",
		"files: \"orgs\" is both unwanted and ignored");
}

static void test_values(void **state)
{
	(void)state;
	check("form", "\"tar\"", "unknown form \"tar\"");
	check("form", "true", "\"form\" must be of type string");
	check("empty", "\"any\"", "unknown empty \"any\"");
	check("quote", "\"none\"", "unknown quote \"none\"");
	check("eol", "\"cr\"", "unknown eol \"cr\"");
	check("zip-name", "\"../a.zip\"", "\"zip-name\" cannot be \"../a.zip\"");
	check("zip-name", "\"a.ZIP\"", "\"zip-name\" cannot be \"a.ZIP\"");
	check("zip-name", "\".zip\"", "\"zip-name\" cannot be \".zip\"");
	check("zip-name", "\"a b.zip\"", "\"zip-name\" cannot be \"a b.zip\"");
	check("zip-max", "0", "\"zip-max\" cannot be \"0\"");
	check("zip-max", "1e9", "\"zip-max\" cannot be \"1e9\"");
	check("zip-max", "1000000000001", "\"zip-max\" cannot be more than 1000000000000");
	check("roles", "[\"pupil\"]", "unknown role \"pupil\"");
	check("roles", "[\"Student\"]", "unknown role \"Student\"");
	check("roles", "\"student\"", "\"roles\" must be of type array");
	check("org-types", "[\"student\"]", "unknown org type \"student\"");
	check("grades", "[\"K \"]", "\"grades\" cannot be \"K \"");
	check("grades", "[\"1,2\"]", "\"grades\" cannot be \"1,2\"");
	check("grades", "[\"1\", \"1\"]", "\"grades\" has \"1\" twice");
	check("id-max", "256", "\"id-max\" cannot be more than 255");
	check("id-max", "\"100\"", "\"id-max\" must be of type number");
	check("id-chars", "\"a b\"", "\"id-chars\" cannot be \"a b\"");
	check("id-chars", "\"\\u00e9\"", "\"id-chars\" cannot be \"\xc3\xa9\"");
	check("id-case", "1", "\"id-case\" must be of type boolean");
	check("text-chars", "\"\"", "\"text-chars\" must not be empty");
	check("text-max", "1000001", "\"text-max\" cannot be more than 1000000");
	check("class-max", "-1", "\"class-max\" cannot be \"-1\"");
	check("one-primary-teacher", "1", "\"one-primary-teacher\" must be of type boolean");
	check("enabled-only", "\"yes\"", "\"enabled-only\" must be of type boolean");
	check_file("{\"title\": \"S\", \"form\": \"loose\", \"zip-max\": 1, \"because\": {\"form\": \"x\", "
		   "\"zip-max\": \"x\"}}",
		"\"zip-max\" cannot go with form loose");
}

static void test_metadata(void **state)
{
	(void)state;
	check("metadata", "\"all\"", "unknown metadata \"all\"");
	check("metadata", "{}", "\"metadata\" must be of type array");
	check("metadata", "[]", "\"metadata\" must not be empty");
	check("metadata", "[\"none\"]", "\"metadata\" cannot be \"none\"");
	check("metadata", "[\"metadata.a\"]", "\"metadata\" cannot be \"metadata.a\"");
	check("metadata", "[\"users.metadata.\"]", "\"metadata\" cannot be \"users.metadata.\"");
	check("metadata", "[\"users.metadata.a b\"]", "\"metadata\" cannot be \"users.metadata.a b\"");
	check("metadata", "[\"people.metadata.a\"]", "metadata: unknown table \"people\"");
}

static void test_required(void **state)
{
	(void)state;
	check("required", "[]", "\"required\" must not be empty");
	check("required", "[\"users.email\"]", "required[0]: must be an object");
	check("required", "[{}]", "required[0]: missing key \"column\"");
	check("required", "[{\"column\": \"users.email\", \"if\": 1}]", "required[0]: unknown key \"if\"");
	check("required", "[{\"column\": \"users.mail\"}]", "required[0]: unknown column \"users.mail\"");
	check("required", "[{\"column\": \"email\"}]", "required[0]: unknown column \"email\"");
	check("required", "[{\"column\": \"people.email\"}]", "required[0]: unknown column \"people.email\"");
	check("required", "[{\"column\": \"users.password\"}]", "required[0]: \"users.password\" is always blank");
	check("required", "[{\"column\": \"users.email\", \"role\": \"pupil\"}]",
		"required[0]: unknown role \"pupil\"");
	check("required", "[{\"column\": \"enrollments.role\", \"role\": \"student\"}]",
		"required[0]: \"role\" goes with columns of users only");
	check("required", "[{\"column\": \"users.email\"}, {\"column\": \"users.email\", \"unique\": true}]",
		"required[1]: \"users.email\" is there already");
}

static void test_no_file(void **state)
{
	struct err err = {0};
	char *path = scratch_path(*state, "none.json");
	assert_null(consumer_file_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, path));
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_required),
		cmocka_unit_test_setup_teardown(test_no_file, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A consumer's file. Input: the file.
 * Holds: there is a consumer that keeps the promises of its header, or an error that names the file.
 */
#include "fuzz.h"

#include "base/err.h"
#include "consumer_file.h"
#include "table/schema.h"

static void assert_text(const char *text)
{
	fuzz_must(text != NULL && text[0] != '\0', "a text is not empty");
	for (; *text != '\0'; text++)
		fuzz_must((unsigned char)*text >= ' ', "it has no control characters");
}

static void assert_list(const char *const *list)
{
	if (list == NULL)
		return;
	fuzz_must(list[0] != NULL, "a list that is there is not empty");
	for (; *list != NULL; list++)
		assert_text(*list);
}

static void assert_words(const char *const *list, const char *vocabulary)
{
	assert_list(list);
	for (; list != NULL && *list != NULL; list++) {
		bool known = false;
		for (int i = 0; i < schema_oneroster_1_1.vocabulary_count; i++) {
			const struct vocabulary *words = &schema_oneroster_1_1.vocabularies[i];
			for (const char *const *word = words->values; *word != NULL; word++)
				known = known || (strcmp(words->name, vocabulary) == 0 && strcmp(*word, *list) == 0);
		}
		fuzz_must(known, "a role or type is one of the standard");
	}
}

static const struct table *table_of(int id)
{
	fuzz_must(id >= 0 && id < schema_oneroster_1_1.table_count, "a table is there");
	return &schema_oneroster_1_1.tables[id];
}

static void assert_consumer(const struct consumer *consumer)
{
	assert_text(consumer->name);
	assert_text(consumer->title);
	assert_list(consumer->notes);
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		fuzz_must(consumer->files[i] <= CONSUMER_FILE_IGNORED, "each file has a rule");
	fuzz_must(consumer->empty <= CONSUMER_EMPTY_HEADER && consumer->quote <= CONSUMER_QUOTE_BLANKS &&
			  consumer->eol <= CONSUMER_EOL_LF && consumer->form <= CONSUMER_FORM_LOOSE,
		"words are among those there are");
	fuzz_must((consumer->metadata == CONSUMER_METADATA_LISTED) == (consumer->extra_count > 0),
		"columns are listed when they are");
	for (int i = 0; i < consumer->extra_count; i++) {
		table_of(consumer->extras[i].table);
		fuzz_must(strncmp(consumer->extras[i].name, "metadata.", 9) == 0, "they are metadata");
	}
	for (int i = 0; i < consumer->required_count; i++) {
		const struct consumer_required *cell = &consumer->required[i];
		const struct table *table = table_of(cell->column.table);
		fuzz_must(cell->column.column >= 0 && cell->column.column < table->column_count, "a column is there");
		fuzz_must(cell->role == NULL || strcmp(table->name, "users") == 0, "only users have roles");
	}
	assert_words(consumer->roles, "userRole");
	assert_words(consumer->org_types, "orgType");
	assert_list(consumer->grades);
	fuzz_must(consumer->zip_name == NULL || strchr(consumer->zip_name, '/') == NULL, "a name is no path");
	fuzz_must(
		consumer->id_max >= 0 && consumer->text_max >= 0 && consumer->class_max >= 0 && consumer->load_max >= 0,
		"numbers are not below 0");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct err err = {0};
	struct consumer_file *file = consumer_file_parse("x.json", input.data, input.left, &err);
	fuzz_must((file != NULL) == (err.code == ERR_NONE), "there is a consumer or an error");
	fuzz_must(file != NULL || (err.code == ERR_USAGE && strncmp(err.text, "x.json: ", 8) == 0),
		"which names the file");
	if (file != NULL)
		assert_consumer(consumer_file_get(file));
	consumer_file_free(file);
	return 0;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "fetch/journal.h"
#include "scratch.h"

static struct journal *open_journal(const char *path, bool write)
{
	struct err err = {0};
	struct journal *journal = journal_open(path, write, &err);
	if (journal == NULL)
		fail_msg("%s", err.text);
	return journal;
}

/* All lines, each field behind a | and each line before a newline. */
static bool note(void *context, struct journal_line *line)
{
	for (size_t i = 0; i < line->count; i++) {
		buf_add_char(context, '|');
		buf_add_text(context, line->fields[i]);
	}
	return buf_add_char(context, '\n');
}

static void assert_lines(struct journal *journal, enum journal_state want, const char *text)
{
	struct err err = {0};
	struct buf lines = {0};
	enum journal_state state = JOURNAL_DAMAGED;
	assert_true(journal_read(journal, note, &lines, &state, &err));
	assert_int_equal(state, want);
	assert_string_equal(buf_text(&lines), text);
	buf_release(&lines);
}

static bool add(struct journal *journal, const char *text, uint64_t *at, struct err *err)
{
	struct buf line = {0};
	buf_add_text(&line, text);
	bool ok = journal_add(journal, &line, at, err);
	buf_release(&line);
	return ok;
}

static void lines_come_back(void **state)
{
	char *path = scratch_path(*state, "journal");
	struct err err = {0};
	uint64_t at[3];
	struct journal_line line;
	struct journal *journal = open_journal(path, true);
	assert_lines(journal, JOURNAL_EMPTY, "");
	assert_true(add(journal, "one", &at[0], &err));
	assert_true(add(journal, "two of  three", &at[1], &err));
	assert_true(add(journal, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", &at[2], &err));
	journal_free(journal);
	/* Specified: the check is 16 digits of the SHA-256 of the one before and the text: sha256("one"), ... */
	assert_memory_equal(scratch_read(path), "one 7692c3ad3540bb80\n", 21);
	journal = open_journal(path, false);
	assert_lines(journal, JOURNAL_FINE, "|one\n|two|of||three\n|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16\n");
	assert_true(journal_line_at(journal, at[1], &line, &err));
	assert_int_equal(line.count, 4);
	assert_string_equal(line.fields[0], "two");
	assert_string_equal(line.fields[3], "three");
	assert_true(journal_line_at(journal, at[0], &line, &err));
	assert_int_equal(line.count, 1);
	assert_false(journal_line_at(journal, 100000, &line, &err));
	assert_int_equal(err.code, ERR_FILE);
	journal_free(journal);
	free(path);
}

static void lines_fit_up_to_the_limit(void **state)
{
	char *path = scratch_path(*state, "journal");
	struct err err = {0};
	char *text = mem_new(JOURNAL_LINE_MAX + 1, 1);
	memset(text, 'x', JOURNAL_LINE_MAX);
	struct journal *journal = open_journal(path, true);
	assert_lines(journal, JOURNAL_EMPTY, "");
	text[JOURNAL_LINE_MAX - 17] = '\0'; /* with a space, 16 digits and the line end one too many */
	assert_false(add(journal, text, NULL, &err));
	assert_int_equal(err.code, ERR_FILE);
	err_clear(&err);
	text[JOURNAL_LINE_MAX - 18] = '\0';
	assert_true(add(journal, text, NULL, &err));
	assert_true(add(journal, "short", NULL, &err));
	assert_true(add(journal, text, NULL, &err));
	char *want = mem_format("|%s\n|short\n|%s\n", text, text);
	assert_lines(journal, JOURNAL_FINE, want);
	assert_true(journal_clear(journal, &err));
	assert_true(add(journal, "again", NULL, &err));
	assert_lines(journal, JOURNAL_FINE, "|again\n");
	journal_free(journal);
	free(want);
	free(text);
	free(path);
}

/* What is read before the damage has been handed over; nothing behind it is. */
static void damage_ends_the_reading(void **state)
{
	char *path = scratch_path(*state, "journal");
	struct err err = {0};
	uint64_t at = 0;
	struct journal *journal = open_journal(path, true);
	assert_lines(journal, JOURNAL_EMPTY, "");
	assert_true(add(journal, "one", NULL, &err));
	assert_true(add(journal, "two", &at, &err));
	assert_true(add(journal, "three", NULL, &err));
	journal_free(journal);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
	assert_int_equal(fputc('T', file), 'T');
	assert_int_equal(fclose(file), 0);
	journal = open_journal(path, false);
	assert_lines(journal, JOURNAL_DAMAGED, "|one\n");
	journal_free(journal);
	free(path);
}

static void words_come_back(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *word;
	} cases[] = {
		{"users", "users"},
		{"A-Z_a.z-0.9", "A-Z_a.z-0.9"},
		{"", "%"},
		{"%", "%25"},
		{"..", "%2E."},
		{".x", "%2Ex"},
		{"schools/1/classes", "schools%2F1%2Fclasses"},
		{"a b\n~\x7f\xff", "a%20b%0A%7E%7F%FF"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf word = {0};
		journal_encode(&word, cases[i].text);
		assert_string_equal(buf_text(&word), cases[i].word);
		assert_true(journal_decode(word.data));
		assert_string_equal(word.data, cases[i].text);
		buf_release(&word);
	}
	static const char *const bad[] = {"", "%%", "%2", "a%", "%2e", "%00", "a b", "a/b", "%G0", "~"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *word = mem_copy(bad[i]);
		assert_false(journal_decode(word));
		free(word);
	}
}

static void numbers(void **state)
{
	(void)state;
	uint64_t number = 1;
	assert_true(journal_number("0", &number) && number == 0);
	assert_true(journal_number("1790000000", &number) && number == 1790000000);
	assert_true(journal_number("18446744073709551615", &number) && number == UINT64_MAX);
	static const char *const bad[] = {
		"", "00", "01", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616", "99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(journal_number(bad[i], &number));
	assert_true(number == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_come_back),
		TEST(lines_fit_up_to_the_limit),
		TEST(damage_ends_the_reading),
		TEST(words_come_back),
		TEST(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

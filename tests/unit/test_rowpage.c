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
#include "scratch.h"
#include "table/row.h"
#include "table/rowfile.h"
#include "table/rowpage.h"

enum { ID, REST, COLUMNS };

static void add(struct rowpage *page, const char *id, const char *rest, size_t rest_length)
{
	struct err err = {0};
	struct row row;
	row_init(&row, COLUMNS);
	assert_true(row_set(&row, ID, id, strlen(id)));
	assert_true(row_set(&row, REST, rest, rest_length));
	if (!rowpage_add(page, &row, &err))
		fail_msg("%s", err.text);
	row_release(&row);
}

/* A row's rest is its id again and again, up to its length. */
static void add_made(struct rowpage *page, int id, size_t length)
{
	char text[16];
	snprintf(text, sizeof(text), "%08d", id);
	char *rest = mem_new(length, 1);
	for (size_t i = 0; i < length; i++)
		rest[i] = text[i % 8];
	add(page, text, rest, length);
	free(rest);
}

static void assert_first_last(const struct rowpage *page, const char *first, const char *last)
{
	size_t length;
	const char *id = rowpage_first(page, &length);
	assert_int_equal(length, strlen(first));
	assert_memory_equal(id, first, length);
	id = rowpage_last(page, &length);
	assert_int_equal(length, strlen(last));
	assert_memory_equal(id, last, length);
}

struct seen {
	struct row row;
	int next;
	int stop_at;
	size_t bytes;
};

/* Rows must come in the order of their ids, and whole. */
static bool look(void *context, const char *encoded, size_t length, struct err *err)
{
	struct seen *seen = context;
	if (seen->next == seen->stop_at)
		return err_set(err, ERR_DATA, "stopped");
	assert_true(row_decode(&seen->row, encoded, length));
	char text[16];
	snprintf(text, sizeof(text), "%08d", seen->next++);
	assert_true(row_is(&seen->row, ID, text));
	const char *rest = row_text(&seen->row, REST);
	for (size_t i = 0; i < row_length(&seen->row, REST); i++) {
		if (rest[i] != text[i % 8])
			fail();
	}
	seen->bytes += row_length(&seen->row, REST);
	return true;
}

static size_t assert_each(struct rowpage *page, int rows)
{
	struct err err = {0};
	struct seen seen = {.stop_at = -1};
	row_init(&seen.row, COLUMNS);
	assert_true(rowpage_each(page, look, &seen, &err));
	assert_int_equal(seen.next, rows);
	row_release(&seen.row);
	return seen.bytes;
}

static void test_empty(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	size_t length = 1;
	struct rowpage *page = rowpage_new(scratch->folder);
	assert_int_equal(rowpage_rows(page), 0);
	assert_null(rowpage_first(page, &length));
	assert_null(rowpage_last(page, &length));
	assert_each(page, 0);
	rowpage_drop(page);
	assert_true(rowpage_commit(page, NULL, &err)); /* no rows, no use of the file */
	rowpage_free(page);
	rowpage_free(NULL);
}

static void test_small_page(void **state)
{
	const struct scratch *scratch = *state;
	struct rowpage *page = rowpage_new(scratch->folder);
	for (int i = 0; i < 10; i++)
		add_made(page, i, 20);
	assert_int_equal(rowpage_rows(page), 10);
	assert_first_last(page, "00000000", "00000009");
	assert_int_equal(assert_each(page, 10), 200);
	assert_int_equal(assert_each(page, 10), 200);

	rowpage_drop(page);
	size_t length;
	assert_null(rowpage_last(page, &length));
	add(page, "", "", 0); /* an empty id is one all the same */
	assert_int_equal(rowpage_rows(page), 1);
	assert_first_last(page, "", "");
	rowpage_free(page);
}

/* Far beyond the memory, with rows of all sizes, some of them larger than all of it. */
static void test_giant_page(void **state)
{
	struct scratch *scratch = *state;
	struct rowpage *page = rowpage_new(scratch->folder);
	for (int turn = 0; turn < 2; turn++) {
		size_t bytes = 0;
		enum { ROWS = 20000 };
		for (int i = 0; i < ROWS; i++) {
			size_t length = scratch_random(scratch, 300);
			if (i % 7000 == 3000)
				length = ROW_TEXT_MAX - 8;
			if (i % 5000 == 1)
				length = ROWPAGE_MEMORY - 100 + scratch_random(scratch, 200);
			add_made(page, i, length);
			bytes += length;
			assert_true(i != 100 || assert_each(page, 101) == bytes);
		}
		assert_int_equal(assert_each(page, ROWS), bytes);
		assert_first_last(page, "00000000", "00019999");
		assert_int_equal(scratch_entries(scratch), 0); /* its file has no name */
		rowpage_drop(page);
		assert_int_equal(rowpage_rows(page), 0);
		assert_each(page, 0);
	}
	rowpage_free(page);
}

static void test_each_stops(void **state)
{
	const struct scratch *scratch = *state;
	static const int stops[] = {0, 5, 999}; /* in the file and, the last, in memory */
	struct rowpage *page = rowpage_new(scratch->folder);
	for (int i = 0; i < 1000; i++)
		add_made(page, i, 1000);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct err err = {0};
		struct seen seen = {.stop_at = stops[i]};
		row_init(&seen.row, COLUMNS);
		assert_false(rowpage_each(page, look, &seen, &err));
		assert_int_equal(err.code, ERR_DATA);
		assert_int_equal(seen.next, stops[i]);
		row_release(&seen.row);
	}
	assert_each(page, 1000);
	rowpage_free(page);
}

static void test_commit(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	struct rowfile_options options = {
		.folder = scratch->folder, .name = "users", .columns = COLUMNS, .newest = SIZE_MAX};
	struct rowfile *file = rowfile_new(&options, &err);
	assert_non_null(file);
	struct rowpage *page = rowpage_new(scratch->folder);
	for (int i = 0; i < 1000; i++)
		add_made(page, i, 1000);
	assert_true(rowpage_commit(page, file, &err));
	assert_int_equal(rowpage_rows(page), 0);
	assert_true(rowpage_commit(page, file, &err)); /* of nothing */
	add_made(page, 5000, 10);
	rowpage_drop(page);
	add(page, "00000007", "again", 5);
	assert_true(rowpage_commit(page, file, &err));
	rowpage_free(page);

	struct rowfile_counts counts;
	assert_true(rowfile_sort(file, &counts, &err));
	assert_int_equal(counts.rows, 1001);
	assert_int_equal(counts.distinct, 1000);
	struct row row;
	row_init(&row, COLUMNS);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(rowfile_next(reader, &row, &err), 1);
		assert_int_equal(row_length(&row, REST), i == 7 ? 5 : 1000); /* the later copy came later */
	}
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	rowfile_free(file);
}

static void test_no_folder(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *folder = scratch_path(scratch, "none");
	struct rowpage *page = rowpage_new(folder);
	char *large = mem_new(ROWPAGE_MEMORY, 1);
	add(page, "1", large, ROWPAGE_MEMORY / 2);
	struct row row;
	row_init(&row, COLUMNS);
	assert_true(row_set(&row, ID, large, ROWPAGE_MEMORY));
	assert_false(rowpage_add(page, &row, &err));
	assert_int_equal(err.code, ERR_FILE);
	assert_non_null(strstr(err.text, folder));
	rowpage_drop(page);
	add(page, "1", "", 0);
	assert_first_last(page, "1", "1");
	row_release(&row);
	rowpage_free(page);
	free(large);
	free(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_small_page),
		TEST(test_giant_page),
		TEST(test_each_stops),
		TEST(test_commit),
		TEST(test_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "scratch.h"
#include "table/row.h"
#include "table/rowfile.h"

/* Rows of these tests: id, when it was changed, anything. */
enum { ID, CHANGED, REST, COLUMNS };

static struct rowfile *make(const struct scratch *scratch, size_t newest, size_t memory)
{
	struct err err = {0};
	struct rowfile_options options = {
		.folder = scratch->folder, .name = "users", .columns = COLUMNS, .newest = newest, .memory = memory};
	struct rowfile *file = rowfile_new(&options, &err);
	assert_non_null(file);
	return file;
}

static bool add_bytes(struct rowfile *file, const char *id, size_t id_length, const char *changed, const char *rest,
	size_t rest_length, struct err *err)
{
	struct row row;
	struct buf encoded = {0};
	row_init(&row, COLUMNS);
	assert_true(row_set(&row, ID, id, id_length));
	assert_true(row_set(&row, CHANGED, changed, strlen(changed)));
	assert_true(row_set(&row, REST, rest, rest_length));
	assert_true(row_encode(&row, &encoded));
	bool ok = rowfile_add(file, encoded.data, encoded.length, err);
	buf_release(&encoded);
	row_release(&row);
	return ok;
}

static void add(struct rowfile *file, const char *id, const char *changed, const char *rest)
{
	struct err err = {0};
	assert_true(add_bytes(file, id, strlen(id), changed, rest, strlen(rest), &err));
}

static struct rowfile_counts sort(struct rowfile *file)
{
	struct err err = {0};
	struct rowfile_counts counts;
	if (!rowfile_sort(file, &counts, &err))
		fail_msg("%s", err.text);
	return counts;
}

/* All rows as "id changed rest;", to be freed. */
static char *all(struct rowfile *file)
{
	struct err err = {0};
	struct buf text = {0};
	struct row row;
	row_init(&row, COLUMNS);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	int more;
	while ((more = rowfile_next(reader, &row, &err)) > 0) {
		for (size_t i = 0; i < COLUMNS; i++) {
			buf_add(&text, row_text(&row, i), row_length(&row, i));
			buf_add_char(&text, i + 1 < COLUMNS ? ' ' : ';');
		}
	}
	assert_int_equal(more, 0);
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	return buf_take(&text);
}

static void assert_all(struct rowfile *file, const char *expected)
{
	char *text = all(file);
	assert_string_equal(text, expected);
	free(text);
}

static void assert_counts(
	struct rowfile_counts counts, unsigned rows, unsigned distinct, unsigned same, unsigned different)
{
	assert_int_equal(counts.rows, rows);
	assert_int_equal(counts.distinct, distinct);
	assert_int_equal(counts.repeats_same, same);
	assert_int_equal(counts.repeats_different, different);
}

static void test_empty(void **state)
{
	struct rowfile *file = make(*state, CHANGED, 0);
	struct rowfile_counts counts = sort(file);
	assert_counts(counts, 0, 0, 0, 0);
	assert_true(counts.in_order);
	assert_all(file, "");
	rowfile_free(file);
	assert_int_equal(scratch_entries(*state), 0);
	rowfile_free(NULL);
	rowfile_reader_free(NULL);
}

static void test_byte_order(void **state)
{
	struct rowfile *file = make(*state, SIZE_MAX, 0);
	/* Longer ids follow those they begin with, letters go by their bytes, and bytes count from 0 to 255. */
	static const char *const ids[] = {"b", "a", "\xC3\xA9", "ab", "B", "10", "9", "abcdefghi", "abcdefgh", "~"};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		add(file, ids[i], "", "");
	struct rowfile_counts counts = sort(file);
	assert_counts(counts, 10, 10, 0, 0);
	assert_false(counts.in_order);
	assert_all(file, "10  ;9  ;B  ;a  ;ab  ;abcdefgh  ;abcdefghi  ;b  ;~  ;\xC3\xA9  ;");
	rowfile_free(file);
}

static void test_ids_of_any_bytes(void **state)
{
	struct err err = {0};
	struct rowfile *file = make(*state, SIZE_MAX, 0);
	assert_true(add_bytes(file, "a\0b", 3, "", "3", 1, &err));
	assert_true(add_bytes(file, "a\0", 2, "", "2", 1, &err));
	assert_true(add_bytes(file, "", 0, "", "0", 1, &err));
	assert_true(add_bytes(file, "a", 1, "", "1", 1, &err));
	assert_true(add_bytes(file, "", 0, "", "0", 1, &err));
	assert_counts(sort(file), 5, 4, 1, 0);
	char *text = all(file);
	assert_memory_equal(text, "  0;a  1;a\0  2;a\0b  3;", 23);
	free(text);
	rowfile_free(file);
}

static void test_which_copy_stays(void **state)
{
	struct rowfile *file = make(*state, CHANGED, 0);
	add(file, "b", "2026-02", "newest first");
	add(file, "a", "2026-01", "same");
	add(file, "b", "2026-01", "older");
	add(file, "c", "2026-01", "one");
	add(file, "c", "2026-01", "two"); /* among equals the later one */
	add(file, "a", "2026-01", "same");
	add(file, "d", "", "no date");
	add(file, "d", "2026", "dated");
	add(file, "d", "", "no date"); /* differs from the best until then */
	struct rowfile_counts counts = sort(file);
	assert_counts(counts, 9, 4, 1, 4);
	assert_false(counts.in_order);
	assert_all(file, "a 2026-01 same;b 2026-02 newest first;c 2026-01 two;d 2026 dated;");
	rowfile_free(file);

	file = make(*state, SIZE_MAX, 0);
	add(file, "b", "2026-02", "first");
	add(file, "b", "2026-01", "last");
	assert_counts(sort(file), 2, 1, 0, 1);
	assert_all(file, "b 2026-01 last;");
	rowfile_free(file);
}

static void test_order_is_noticed(void **state)
{
	struct rowfile *file = make(*state, CHANGED, 0);
	add(file, "a", "1", "");
	add(file, "b", "1", "");
	add(file, "c", "1", "");
	assert_true(sort(file).in_order);
	rowfile_free(file);

	file = make(*state, CHANGED, 0);
	add(file, "a", "1", "");
	add(file, "b", "1", "");
	add(file, "b", "1", ""); /* twice is not in order */
	struct rowfile_counts counts = sort(file);
	assert_false(counts.in_order);
	assert_counts(counts, 3, 2, 1, 0);
	assert_all(file, "a 1 ;b 1 ;");
	rowfile_free(file);
}

/* Rows in order, many times the memory; then with one row that is out of order, or twice, just where the memory is full
 * or anywhere else. */
static void test_order_beyond_memory(void **state)
{
	struct scratch *scratch = *state;
	enum { ROWS = 5000, NOTHING = -1 };
	for (int odd = NOTHING; odd < ROWS; odd = odd == NOTHING ? 50 : odd + 487) {
		for (int twice = 0; twice < 2; twice++) {
			struct rowfile *file = make(scratch, CHANGED, 16 * 1024);
			for (int i = 0; i < ROWS; i++) {
				char id[16];
				snprintf(id, sizeof(id), "%08d", i != odd ? i : twice ? i - 1 : i - 20);
				add(file, id, "1", i == odd ? "odd" : "even");
			}
			struct rowfile_counts counts = sort(file);
			assert_int_equal(counts.in_order, odd == NOTHING);
			assert_int_equal(counts.rows, ROWS);
			assert_int_equal(counts.distinct, odd == NOTHING ? ROWS : ROWS - 1);
			assert_int_equal(counts.repeats_different, odd == NOTHING ? 0 : 1);
			char *text = all(file);
			const char *at = text;
			for (int i = 0; i < ROWS; i++) {
				if (i == odd)
					continue;
				char line[32];
				bool is_odd = odd != NOTHING && i == (twice ? odd - 1 : odd - 20);
				int length = snprintf(line, sizeof(line), "%08d 1 %s;", i, is_odd ? "odd" : "even");
				assert_memory_equal(at, line, (size_t)length);
				at += length;
			}
			assert_string_equal(at, "");
			free(text);
			rowfile_free(file);
		}
	}
}

/* The plainest thing that does what a row file promises. */
struct model {
	char *id;
	size_t id_length;
	int changed; /* -1 while there is no row */
	int rest;
};

static int compare_models(const void *a, const void *b)
{
	const struct model *one = a;
	const struct model *other = b;
	size_t shorter = one->id_length < other->id_length ? one->id_length : other->id_length;
	int order = memcmp(one->id, other->id, shorter);
	return order != 0 ? order : (one->id_length > other->id_length) - (one->id_length < other->id_length);
}

static void run_against_model(struct scratch *scratch, size_t rows, size_t ids, size_t memory, int shuffle)
{
	struct err err = {0};
	struct model *models = mem_new(ids, sizeof(*models));
	for (size_t i = 0; i < ids; i++) {
		/* The middle makes the id one of its own; the front and the end are bytes of all kinds. */
		char id[64];
		size_t length = 0;
		while (length < 10 && scratch_random(scratch, 3) > 0)
			id[length++] = (char)(unsigned char)scratch_random(scratch, 256);
		length += (size_t)snprintf(id + length, sizeof(id) - length, "%zx.", i);
		for (uint32_t more = scratch_random(scratch, 12); more > 0; more--)
			id[length++] = (char)(unsigned char)scratch_random(scratch, 256);
		models[i] = (struct model){mem_copy_n(id, length), length, -1, 0};
	}
	/* With shuffle the ids come in any order, else mostly in order. */
	if (!shuffle)
		qsort(models, ids, sizeof(*models), compare_models);
	struct rowfile *file = make(scratch, CHANGED, memory);
	struct rowfile_counts expected = {.rows = rows};
	for (size_t n = 0; n < rows; n++) {
		size_t i = scratch_random(scratch, (uint32_t)ids);
		if (!shuffle && scratch_random(scratch, 50) > 0)
			i = n * ids / rows;
		struct model *model = &models[i];
		int changed = (int)scratch_random(scratch, 3);
		int rest = (int)scratch_random(scratch, 3);
		char changed_text[8];
		char rest_text[200];
		snprintf(changed_text, sizeof(changed_text), "%d", changed);
		memset(rest_text, 'a' + rest, sizeof(rest_text));
		assert_true(
			add_bytes(file, model->id, model->id_length, changed_text, rest_text, (size_t)rest * 80, &err));
		if (model->changed < 0)
			expected.distinct++;
		else if (model->changed == changed && model->rest == rest)
			expected.repeats_same++;
		else
			expected.repeats_different++;
		if (changed >= model->changed) {
			model->changed = changed;
			model->rest = rest;
		}
	}
	struct rowfile_counts counts = sort(file);
	assert_counts(counts, (unsigned)expected.rows, (unsigned)expected.distinct, (unsigned)expected.repeats_same,
		(unsigned)expected.repeats_different);
	assert_false(counts.in_order);

	qsort(models, ids, sizeof(*models), compare_models);
	struct row row;
	row_init(&row, COLUMNS);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	for (size_t i = 0; i < ids; i++) {
		const struct model *model = &models[i];
		if (model->changed >= 0) {
			if (rowfile_next(reader, &row, &err) != 1)
				fail_msg("%s", err.text);
			assert_int_equal(row_length(&row, ID), model->id_length);
			assert_memory_equal(row_text(&row, ID), model->id, model->id_length);
			assert_int_equal(row_text(&row, CHANGED)[0], '0' + model->changed);
			assert_int_equal(row_length(&row, REST), model->rest * 80);
			if (model->rest > 0)
				assert_int_equal(row_text(&row, REST)[79], 'a' + model->rest);
		}
		free(models[i].id);
	}
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	rowfile_free(file);
	free(models);
}

static void test_many_rows(void **state)
{
	run_against_model(*state, 200000, 150000, 64 * 1024, 1); /* some 500 runs, several passes */
	run_against_model(*state, 50000, 45000, 64 * 1024, 0);
	run_against_model(*state, 20000, 15000, 0, 1); /* one run that is not in order */
	run_against_model(*state, 3000, 100, 2048, 1); /* copies in all runs */
	run_against_model(*state, 500, 400, 1, 1);     /* memory for less than a row */
}

static void test_giant_rows(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	char *giant = mem_new(ROW_TEXT_MAX, 1);
	struct rowfile *file = make(scratch, SIZE_MAX, 64 * 1024);
	enum { ROWS = 2000, GIANT = 400 };
	for (int i = 0; i < ROWS; i++) {
		char id[16];
		int length = snprintf(id, sizeof(id), "%07d", i * 1009 % ROWS);
		bool large = i % GIANT == 7;
		memset(giant, 'A' + i / GIANT, ROW_TEXT_MAX);
		assert_true(add_bytes(
			file, id, (size_t)length, "", giant, large ? ROW_TEXT_MAX - (size_t)length : 30, &err));
	}
	struct rowfile_counts counts = sort(file);
	assert_counts(counts, ROWS, ROWS, 0, 0);
	struct row row;
	row_init(&row, COLUMNS);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	int larges = 0;
	for (int n = 0; n < ROWS; n++) {
		assert_int_equal(rowfile_next(reader, &row, &err), 1);
		char id[16];
		snprintf(id, sizeof(id), "%07d", n);
		assert_true(row_is(&row, ID, id));
		larges += row_length(&row, REST) == ROW_TEXT_MAX - 7;
		assert_int_equal(row_text(&row, REST)[0], row_text(&row, REST)[row_length(&row, REST) - 1]);
	}
	assert_int_equal(larges, ROWS / GIANT);
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	rowfile_free(file);
	free(giant);
}

static void test_giant_ids(void **state)
{
	struct err err = {0};
	enum { LENGTH = 1024 * 1024, COUNT = 6 };
	char *giant = mem_new(LENGTH, 1);
	memset(giant, 'i', LENGTH);
	struct rowfile *file = make(*state, CHANGED, 64 * 1024);
	for (int i = 0; i < 2 * COUNT; i++) {
		giant[LENGTH - 1] = (char)('a' + (COUNT - 1 - i % COUNT)); /* only the last byte tells them apart */
		assert_true(add_bytes(file, giant, LENGTH, i < COUNT ? "1" : "0", "", 0, &err));
	}
	assert_counts(sort(file), 2 * COUNT, COUNT, 0, COUNT);
	struct row row;
	row_init(&row, COLUMNS);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(rowfile_next(reader, &row, &err), 1);
		assert_int_equal(row_text(&row, ID)[LENGTH - 1], 'a' + i);
		assert_true(row_is(&row, CHANGED, "1"));
	}
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	rowfile_free(file);
	free(giant);
}

/* Who needs only the first columns is not troubled with the others. */
static void test_rows_of_fewer_cells(void **state)
{
	struct err err = {0};
	struct rowfile *file = make(*state, CHANGED, 0);
	add(file, "a", "1", "x");
	add(file, "b", "2", "");
	sort(file);
	struct row row;
	row_init(&row, REST);
	struct rowfile_reader *reader = rowfile_read(file, &err);
	assert_int_equal(rowfile_next(reader, &row, &err), 1);
	assert_int_equal(row.count, REST);
	assert_true(row_is(&row, ID, "a") && row_is(&row, CHANGED, "1"));
	assert_int_equal(row.size, 2);
	assert_int_equal(rowfile_next(reader, &row, &err), 1);
	assert_true(row_is(&row, ID, "b") && row_is(&row, CHANGED, "2"));
	assert_int_equal(rowfile_next(reader, &row, &err), 0);
	rowfile_reader_free(reader);
	row_release(&row);
	rowfile_free(file);
}

static void test_two_readers(void **state)
{
	struct err err = {0};
	struct rowfile *file = make(*state, CHANGED, 0);
	add(file, "a", "1", "x");
	add(file, "b", "1", "y");
	sort(file);
	struct row one;
	struct row other;
	row_init(&one, COLUMNS);
	row_init(&other, COLUMNS);
	struct rowfile_reader *first = rowfile_read(file, &err);
	struct rowfile_reader *second = rowfile_read(file, &err);
	assert_int_equal(rowfile_next(first, &one, &err), 1);
	assert_int_equal(rowfile_next(first, &one, &err), 1);
	assert_int_equal(rowfile_next(second, &other, &err), 1);
	assert_true(row_is(&one, ID, "b"));
	assert_true(row_is(&other, ID, "a"));
	assert_int_equal(rowfile_next(first, &one, &err), 0);
	assert_int_equal(rowfile_next(second, &other, &err), 1);
	assert_true(row_is(&other, REST, "y"));
	rowfile_reader_free(first);
	rowfile_reader_free(second);
	row_release(&one);
	row_release(&other);
	assert_all(file, "a 1 x;b 1 y;");
	rowfile_free(file);
}

/* Passes over the ids of a text. */
static bool skip_ids(void *context, const char *encoded, size_t length)
{
	const char *ids = context;
	const char *id = NULL;
	size_t id_length = 0;
	assert_true(row_cell(encoded, length, ID, &id, &id_length));
	assert_int_equal(id_length, 1);
	return strchr(ids, *id) != NULL;
}

static void test_skipping(void **state)
{
	static char ids[4][8] = {"abd", "e", "", "abcde"};
	static const char *const left[] = {"ce", "abcd", "abcde", ""};
	struct err err = {0};
	struct rowfile *file = make(*state, CHANGED, 0);
	for (const char *id = "abcde"; *id != '\0'; id++)
		add(file, (char[]){*id, '\0'}, "1", "x");
	sort(file);
	struct row row;
	row_init(&row, COLUMNS);
	for (size_t i = 0; i < 4; i++) {
		struct rowfile_reader *reader = rowfile_read(file, &err);
		rowfile_reader_skip(reader, skip_ids, ids[i]);
		for (const char *id = left[i]; *id != '\0'; id++) {
			assert_int_equal(rowfile_next(reader, &row, &err), 1);
			assert_true(row_is(&row, ID, (char[]){*id, '\0'}));
		}
		assert_int_equal(rowfile_next(reader, &row, &err), 0);
		rowfile_reader_free(reader);
	}
	row_release(&row);
	rowfile_free(file);
}

static void test_no_folder(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	char *folder = scratch_path(scratch, "none");
	struct rowfile_options options = {.folder = folder, .name = "users", .columns = COLUMNS, .newest = SIZE_MAX};
	assert_null(rowfile_new(&options, &err));
	assert_int_equal(err.code, ERR_FILE);
	assert_non_null(strstr(err.text, folder));
	free(folder);
}

/* A limit on the size of files makes writing fail in the middle, as a full disk does: at once, and with the last rows.
 * A merged file is as large as the first, so it fails in the same places. */
static void test_writing_fails(void **state)
{
	enum { ROWS = 2000, REST_LENGTH = 90, LEAST_SIZE = ROWS * (REST_LENGTH + 4) };
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t bytes = LEAST_SIZE / 9; bytes <= LEAST_SIZE; bytes += LEAST_SIZE / 9) {
		struct err err = {0};
		struct rowfile *file = make(*state, CHANGED, 64 * 1024);
		struct rlimit limit = {.rlim_cur = bytes, .rlim_max = before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		char rest[REST_LENGTH];
		memset(rest, 'r', sizeof(rest));
		bool ok = true;
		for (int i = 0; ok && i < ROWS; i++) {
			char id[16];
			int length = snprintf(id, sizeof(id), "%04d", i * 7 % ROWS);
			ok = add_bytes(file, id, (size_t)length, "", rest, sizeof(rest), &err);
		}
		ok = ok && rowfile_sort(file, NULL, &err);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_false(ok);
		assert_int_equal(err.code, ERR_FILE);
		assert_non_null(strstr(err.text, "cannot write the working file of users in "));
		assert_non_null(strstr(err.text, strerror(EFBIG)));
		rowfile_free(file);
	}
	signal(SIGXFSZ, SIG_DFL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_byte_order),
		TEST(test_ids_of_any_bytes),
		TEST(test_which_copy_stays),
		TEST(test_order_is_noticed),
		TEST(test_order_beyond_memory),
		TEST(test_many_rows),
		TEST(test_giant_rows),
		TEST(test_giant_ids),
		TEST(test_rows_of_fewer_cells),
		TEST(test_two_readers),
		TEST(test_skipping),
		TEST(test_no_folder),
		TEST(test_writing_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

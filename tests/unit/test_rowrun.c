#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"
#include "table/row.h"
#include "table/rowrun.h"

/* Bytes with the lengths 0, 1, 2..., each row of one letter; between two that are not part of the run. */
static int write_rows(const struct scratch *scratch, int rows, uint64_t *at, uint64_t *end)
{
	struct err err = {0};
	int fd = file_temp(scratch->folder, &err);
	assert_true(fd >= 0);
	struct out out;
	out_init(&out, fd, "rows");
	char text[1000];
	rowrun_write(&out, "not part", 8);
	*at = out_size(&out);
	for (int i = 0; i < rows; i++) {
		memset(text, 'a' + i % 26, (size_t)i);
		rowrun_write(&out, text, (size_t)i);
	}
	*end = out_size(&out);
	rowrun_write(&out, "not part", 8);
	assert_true(out_finish(&out, &err));
	out_release(&out);
	return fd;
}

static void test_every_buffer(void **state)
{
	struct err err = {0};
	enum { ROWS = 300 };
	uint64_t at;
	uint64_t end;
	int fd = write_rows(*state, ROWS, &at, &end);
	for (size_t room = 1; room < 600; room += room < 20 ? 1 : 13) {
		struct rowrun run;
		rowrun_init(&run, fd, at, end, room, "rows");
		const char *encoded;
		size_t length;
		for (int i = 0; i < ROWS; i++) {
			assert_int_equal(rowrun_next(&run, &encoded, &length, &err), 1);
			assert_int_equal(length, i);
			for (size_t k = 0; k < length; k++)
				assert_int_equal(encoded[k], 'a' + i % 26);
		}
		assert_int_equal(rowrun_next(&run, &encoded, &length, &err), 0);
		assert_int_equal(rowrun_next(&run, &encoded, &length, &err), 0);
		rowrun_release(&run);
	}
	close(fd);
}

static void test_large_row_is_forgotten(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	int fd = file_temp(scratch->folder, &err);
	struct out out;
	out_init(&out, fd, "rows");
	char *large = mem_new(ROW_ENCODED_MAX, 1);
	rowrun_write(&out, "small", 5);
	rowrun_write(&out, large, ROW_ENCODED_MAX);
	for (int i = 0; i < 1000; i++)
		rowrun_write(&out, "small", 5);
	assert_true(out_finish(&out, &err));
	struct rowrun run;
	rowrun_init(&run, fd, 0, out_size(&out), 1000, "rows");
	const char *encoded;
	size_t length;
	for (int i = 0; i < 1002; i++) {
		assert_int_equal(rowrun_next(&run, &encoded, &length, &err), 1);
		assert_int_equal(length, i == 1 ? ROW_ENCODED_MAX : 5);
		assert_true(i == 1 || memcmp(encoded, "small", 5) == 0);
	}
	assert_int_equal(run.room, 1000);
	assert_int_equal(rowrun_next(&run, &encoded, &length, &err), 0);
	rowrun_release(&run);
	out_release(&out);
	close(fd);
	free(large);
}

static void expect_trouble(int fd, uint64_t at, uint64_t end, const char *text)
{
	struct err err = {0};
	struct rowrun run;
	const char *encoded;
	size_t length;
	int more;
	rowrun_init(&run, fd, at, end, 100, "rows");
	do
		more = rowrun_next(&run, &encoded, &length, &err);
	while (more > 0);
	assert_int_equal(more, -1);
	assert_int_equal(err.code, ERR_FILE);
	assert_string_equal(err.text, text);
	rowrun_release(&run);
}

static void test_damaged(void **state)
{
	uint64_t at;
	uint64_t end;
	int fd = write_rows(*state, 10, &at, &end);
	expect_trouble(fd, at, end - 1, "cannot read rows: it ends too soon");
	expect_trouble(fd, at, end + 1000, "cannot read rows: it ends too soon");
	assert_int_equal(pwrite(fd, "\xFF\xFF\xFF\xFF", 4, (off_t)at + 4), 4);
	expect_trouble(fd, at, end, "cannot read rows: it is damaged");
	close(fd);
	expect_trouble(-1, at, end, "cannot read rows: Bad file descriptor");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_buffer),
		TEST(test_large_row_is_forgotten),
		TEST(test_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scratch.h"
#include "table/row.h"

static void assert_cell(const struct row *row, size_t i, const char *text, size_t length)
{
	assert_int_equal(row_length(row, i), length);
	assert_memory_equal(row_text(row, i), text, length);
}

static void test_set_and_append(void **state)
{
	(void)state;
	struct row row;
	row_init(&row, 3);
	assert_true(row_is(&row, 0, ""));
	assert_true(row_set(&row, 0, "a", 1));
	assert_true(row_append(&row, 2, "x", 1));
	assert_true(row_append(&row, 0, "bc", 2)); /* no longer the last in memory */
	assert_true(row_append(&row, 2, ",y", 2));
	assert_true(row_is(&row, 0, "abc"));
	assert_true(row_is(&row, 1, ""));
	assert_true(row_is(&row, 2, "x,y"));
	assert_false(row_is(&row, 2, "x,"));
	assert_false(row_is(&row, 2, "x,yz"));
	assert_int_equal(row.size, 6);
	assert_true(row_set(&row, 0, "", 0));
	assert_true(row_is(&row, 0, ""));
	assert_true(row_set(&row, 1, "with\0nul", 8));
	assert_cell(&row, 1, "with\0nul", 8);
	row.cells[1].notes = CELL_COMMA;
	row_clear(&row);
	for (size_t i = 0; i < 3; i++) {
		assert_true(row_is(&row, i, ""));
		assert_int_equal(row.cells[i].notes, 0);
	}
	assert_int_equal(row.count, 3);
	row_release(&row);
}

static void test_text_of_its_own(void **state)
{
	(void)state;
	struct row row;
	row_init(&row, 2);
	assert_true(row_set(&row, 0, "  trimmed ", 10));
	assert_true(row_set(&row, 0, row_text(&row, 0) + 2, 7));
	assert_true(row_is(&row, 0, "trimmed"));
	assert_true(row_set(&row, 1, row_text(&row, 0), 4));
	assert_true(row_is(&row, 1, "trim"));
	/* Doubling often enough moves the memory under the text. */
	for (int i = 0; i < 12; i++)
		assert_true(row_append(&row, 0, row_text(&row, 0), row_length(&row, 0)));
	assert_int_equal(row_length(&row, 0), 7 << 12);
	for (size_t i = 0; i < row_length(&row, 0); i++)
		assert_int_equal(row_text(&row, 0)[i], "trimmed"[i % 7]);
	assert_true(row_is(&row, 1, "trim"));
	row_release(&row);
}

static void test_limit(void **state)
{
	(void)state;
	char *large = mem_new(ROW_TEXT_MAX, 1);
	memset(large, 'x', ROW_TEXT_MAX);
	struct row row;
	row_init(&row, 3);
	assert_true(row_set(&row, 1, large, ROW_TEXT_MAX));
	assert_false(row_append(&row, 1, "y", 1));
	assert_false(row_set(&row, 0, "y", 1));
	assert_false(row_append(&row, 2, "y", 1));
	assert_int_equal(row_length(&row, 1), ROW_TEXT_MAX);
	assert_true(row_set(&row, 1, "z", 1)); /* what is replaced does not count */
	assert_true(row_set(&row, 0, large, ROW_TEXT_MAX - 1));
	assert_false(row_set(&row, 2, "y", 1));
	assert_false(row_set(&row, 2, large, SIZE_MAX));
	assert_true(row_is(&row, 1, "z"));
	row_release(&row);
	free(large);
}

/* Two cells that grow by turns, the costliest way to fill a row, up to the limit. */
static void test_by_turns(void **state)
{
	(void)state;
	struct row row;
	row_init(&row, 2);
	size_t length = 0;
	while (row_append(&row, 0, "0123456789ABCDEF", 16) && row_append(&row, 1, "0123456789abcdef", 16))
		length += 16;
	assert_int_equal(length, ROW_TEXT_MAX / 2);
	for (size_t i = 0; i < length; i++) {
		if (row_text(&row, 0)[i] != "0123456789ABCDEF"[i % 16] ||
			row_text(&row, 1)[i] != "0123456789abcdef"[i % 16])
			fail();
	}
	row_release(&row);
}

/* Large cells that come and go must not pile up. */
static void test_replaced_often(void **state)
{
	(void)state;
	enum { LENGTH = ROW_TEXT_MAX / 8 };
	char *large = mem_new(LENGTH, 1);
	struct row row;
	row_init(&row, 64);
	assert_true(row_set(&row, 0, "stays", 5));
	for (size_t turn = 0; turn < 10; turn++) {
		for (size_t i = 1; i < 64; i++) {
			memset(large, (int)(turn + i), LENGTH);
			assert_true(row_set(&row, i, large, LENGTH - turn));
			assert_cell(&row, i, large, LENGTH - turn);
			assert_true(row_set(&row, i, "", 0));
		}
	}
	assert_true(row_is(&row, 0, "stays"));
	assert_true(row.text.room <= 5 * ROW_TEXT_MAX);
	row_clear(&row);
	assert_true(row.text.room < ROW_TEXT_MAX);
	row_release(&row);
	free(large);
}

static void test_encoding(void **state)
{
	(void)state;
	char long_text[300];
	memset(long_text, 'q', sizeof(long_text));
	struct row row;
	row_init(&row, 3);
	row_set(&row, 0, "id", 2);
	row_set(&row, 2, long_text, sizeof(long_text));
	struct buf encoded = {0};
	assert_true(row_encode(&row, &encoded));
	/* 300 = 2 * 128 + 44 */
	assert_int_equal(encoded.length, 3 + 1 + 2 + 300);
	assert_memory_equal(encoded.data, "\x02id\x00\xAC\x02qq", 8);
	const char *text;
	size_t length;
	assert_true(row_cell(encoded.data, encoded.length, 2, &text, &length));
	assert_int_equal(length, 300);
	assert_memory_equal(text, long_text, length);
	assert_false(row_cell(encoded.data, encoded.length, 3, &text, &length));

	struct buf small;
	buf_init(&small, 100);
	assert_false(row_encode(&row, &small));
	assert_int_equal(small.length, 0);
	buf_release(&small);
	buf_release(&encoded);
	row_release(&row);
}

static void test_damaged(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t length;
	} damaged[] = {
		{"", 0},
		{"\x01x", 2},                      /* one cell of two */
		{"\x01x\x01", 3},                  /* cut */
		{"\x01x\x80", 3},                  /* cut in a length */
		{"\x01x\x00\x00", 4},              /* one cell too many */
		{"\x01x\x81\x00y", 5},             /* a length longer than need be */
		{"\x01x\xFF\xFF\xFF\xFF\x0Fy", 8}, /* a length out of range */
		{"\x01x\xFF\xFF\xFF\x7Fy", 7},
	};
	struct row row;
	row_init(&row, 2);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		assert_false(row_decode(&row, damaged[i].text, damaged[i].length));
		assert_true(row_is(&row, 0, "") && row_is(&row, 1, ""));
	}
	assert_true(row_decode(&row, "\x01x\x02yz", 5));
	assert_true(row_is(&row, 0, "x") && row_is(&row, 1, "yz"));
	row_release(&row);
}

static void test_decoded_row_changes(void **state)
{
	(void)state;
	char encoded[] = "\x01x\x02yz\x00";
	struct row row;
	row_init(&row, 3);
	row_set(&row, 1, "before", 6);
	assert_true(row_decode(&row, encoded, 6));
	assert_true(row_set(&row, 2, row_text(&row, 1), 2));
	assert_true(row_append(&row, 1, row_text(&row, 0), 1));
	memset(encoded, '?', sizeof(encoded)); /* the row owns its text by now */
	assert_true(row_is(&row, 0, "x"));
	assert_true(row_is(&row, 1, "yzx"));
	assert_true(row_is(&row, 2, "yz"));
	row_release(&row);
}

static void test_random_round_trips(void **state)
{
	struct scratch *scratch = *state;
	enum { CELLS = 12 };
	struct row row;
	struct row back;
	row_init(&row, CELLS);
	row_init(&back, CELLS);
	struct buf model[CELLS] = {0};
	struct buf encoded = {0};
	struct buf again = {0};
	for (int turn = 0; turn < 2000; turn++) {
		row_clear(&row);
		for (size_t i = 0; i < CELLS; i++)
			buf_clear(&model[i]);
		for (uint32_t n = scratch_random(scratch, 40); n > 0; n--) {
			size_t i = scratch_random(scratch, CELLS);
			char piece[400];
			size_t length = scratch_random(scratch, scratch_random(scratch, 8) == 0 ? sizeof(piece) : 20);
			for (size_t k = 0; k < length; k++)
				piece[k] = (char)(unsigned char)scratch_random(scratch, 256);
			if (scratch_random(scratch, 3) == 0) {
				buf_clear(&model[i]);
				assert_true(row_set(&row, i, piece, length));
			} else {
				assert_true(row_append(&row, i, piece, length));
			}
			buf_add(&model[i], piece, length);
		}
		buf_clear(&encoded);
		buf_clear(&again);
		assert_true(row_encode(&row, &encoded));
		assert_true(row_decode(&back, encoded.data, encoded.length));
		assert_true(row_encode(&back, &again));
		assert_int_equal(encoded.length, again.length);
		assert_memory_equal(encoded.data, again.data, encoded.length);
		for (size_t i = 0; i < CELLS; i++) {
			assert_cell(&row, i, buf_text(&model[i]), model[i].length);
			assert_cell(&back, i, buf_text(&model[i]), model[i].length);
		}
	}
	for (size_t i = 0; i < CELLS; i++)
		buf_release(&model[i]);
	buf_release(&encoded);
	buf_release(&again);
	row_release(&row);
	row_release(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_append),
		cmocka_unit_test(test_text_of_its_own),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_by_turns),
		cmocka_unit_test(test_replaced_often),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_decoded_row_changes),
		cmocka_unit_test_setup_teardown(test_random_round_trips, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

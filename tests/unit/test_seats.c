#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "check/seats.h"
#include "scratch.h"

enum { SEATS = 200000 };

/* What was found: a mark for each row. */
struct marks {
	unsigned char *rows;
	size_t count;
};

static void mark(void *context, const struct seats_found *one)
{
	struct marks *marks = context;
	char id[24];
	int length = snprintf(id, sizeof(id), "id-%llu", (unsigned long long)one->row);
	assert_int_equal(one->id_length, length);
	assert_memory_equal(one->id, id, one->id_length);
	assert_int_equal(marks->rows[one->row], 0);
	marks->rows[one->row] = 1;
	marks->count++;
}

static void add(struct seats *seats, const struct seat *seat)
{
	char id[24];
	int length = snprintf(id, sizeof(id), "id-%llu", (unsigned long long)seat->row);
	seats_add(seats, seat, id, (size_t)length);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* More than are compared at once, in any order, against all pairs of a class and user compared. */
static void check_model(const struct scratch *scratch, uint32_t classes, uint32_t users, bool all_told)
{
	struct err err = {0};
	struct seat *all = mem_new(SEATS, sizeof(*all));
	struct marks marks = {.rows = mem_new(SEATS, 1)};
	struct seats *seats = seats_new(scratch->folder, "test", &err);
	uint32_t random = 7;
	size_t wanted = 0;
	assert_non_null(seats);
	for (uint32_t i = 0; i < SEATS; i++) {
		bool open = next_random(&random) % 2 == 0;
		int begin = (int)(next_random(&random) % 300);
		all[i] = (struct seat){
			.class_number = next_random(&random) % classes,
			.user = next_random(&random) % users,
			.begin = open ? INT_MIN : begin,
			.end = open ? INT_MAX : begin + (int)(next_random(&random) % 100),
			.row = i,
		};
		add(seats, &all[i]);
	}
	assert_true(seats_each(seats, mark, &marks, &err));
	seats_free(seats);
	/* Rows of a class and user, one after the other. */
	uint32_t *last = mem_new((size_t)classes * users, sizeof(*last));
	uint32_t *before = mem_new(SEATS, sizeof(*before));
	for (uint32_t i = 0; i < SEATS; i++) {
		uint32_t *place = &last[(size_t)all[i].class_number * users + all[i].user];
		bool found = false;
		before[i] = *place;
		for (uint32_t j = *place; j > 0; j = before[j - 1])
			found = found || (all[i].begin < all[j - 1].end && all[j - 1].begin < all[i].end &&
						 all[i].begin < all[i].end && all[j - 1].begin < all[j - 1].end);
		*place = i + 1;
		assert_true(found || marks.rows[i] == 0);
		assert_true(!all_told || found == (marks.rows[i] != 0));
		wanted += found ? 1 : 0;
	}
	assert_true(wanted > 1000 && marks.count > 1000 && marks.count <= wanted);
	free(last);
	free(before);
	free(all);
	free(marks.rows);
}

static void test_model(void **state)
{
	check_model(*state, 8000, 700, true);
}

/* More than are looked at: what is told is true. */
static void test_far_too_many(void **state)
{
	check_model(*state, 100, 100, false);
}

static void test_nobody(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	struct marks marks = {0};
	struct seats *seats = seats_new(scratch->folder, "test", &err);
	assert_true(seats_each(seats, mark, &marks, &err));
	assert_int_equal(marks.count, 0);
	seats_free(seats);
	seats_free(NULL);
	assert_null(seats_new("/nonexistent", "test", &err));
	assert_int_equal(err.code, ERR_FILE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_model), TEST(test_far_too_many), TEST(test_nobody)};
	return cmocka_run_group_tests_name("seats", tests, NULL, NULL);
}

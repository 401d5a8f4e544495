#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "table/idset.h"

static void test_few(void **state)
{
	(void)state;
	struct idset *set = idset_new();
	uint32_t *slot = NULL;
	assert_null(idset_find(set, "a", 1));
	assert_null(idset_find(set, "", 0));
	assert_true(idset_add(set, "a", 1, 7, NULL));
	assert_true(idset_add(set, "", 0, 8, &slot));
	assert_int_equal(*slot, 8);
	assert_true(idset_add(set, "a\0", 2, 9, NULL));
	assert_false(idset_add(set, "a", 1, 70, &slot));
	assert_int_equal(*slot, 7); /* the first value stays */
	*slot = 71;
	assert_int_equal(*idset_find(set, "a", 1), 71);
	assert_int_equal(*idset_find(set, "", 0), 8);
	assert_int_equal(*idset_find(set, NULL, 0), 8);
	assert_int_equal(*idset_find(set, "a\0", 2), 9);
	assert_null(idset_find(set, "A", 1));
	assert_null(idset_find(set, "a\0\0", 3));
	assert_int_equal(idset_count(set), 3);
	/* The same again and again, another, one that is not there, one that comes in between. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(*idset_find(set, "a", 1), 71);
	assert_null(idset_find(set, "b", 1));
	assert_true(idset_add(set, "b", 1, 10, NULL));
	assert_int_equal(*idset_find(set, "b", 1), 10);
	assert_int_equal(*idset_find(set, "a", 1), 71);
	assert_int_equal(*idset_find(set, "", 0), 8);
	idset_free(set);
	idset_free(NULL);
}

/* Every length around those where the form of an entry changes, and beyond. */
static void test_lengths(void **state)
{
	(void)state;
	enum { LARGEST = 1024 * 1024 };
	char *id = mem_new(LARGEST, 1);
	memset(id, 'x', LARGEST);
	struct idset *set = idset_new();
	size_t count = 0;
	for (int turn = 0; turn < 3; turn++) {
		uint32_t value = 0;
		for (size_t length = 0; length <= LARGEST; length += length < 600 ? 1 : length / 16) {
			if (turn == 0) {
				assert_true(idset_add(set, id, length, value, NULL));
				count++;
			} else if (turn == 1) {
				assert_false(idset_add(set, id, length, 0, NULL));
			} else {
				assert_int_equal(*idset_find(set, id, length), value);
			}
			value++;
		}
	}
	assert_int_equal(idset_count(set), count);
	/* Large ids that differ in one byte. */
	for (uint32_t i = 0; i < 8; i++) {
		id[LARGEST - 1] = (char)('0' + i);
		assert_true(idset_add(set, id, LARGEST, i, NULL));
	}
	for (uint32_t i = 0; i < 8; i++) {
		id[LARGEST - 1] = (char)('0' + i);
		assert_int_equal(*idset_find(set, id, LARGEST), i);
	}
	idset_free(set);
	free(id);
}

static size_t make_id(char id[static 64], uint32_t n)
{
	return (size_t)snprintf(id, 64, "%0*x", (int)(n % 40), n * 2654435761U);
}

static void test_many(void **state)
{
	(void)state;
	enum { COUNT = 200000 };
	struct idset *set = idset_new();
	uint32_t **slots = mem_new(COUNT, sizeof(*slots));
	char id[64];
	for (uint32_t i = 0; i < COUNT; i++) {
		size_t length = make_id(id, i);
		assert_null(idset_find(set, id, length));
		assert_true(idset_add(set, id, length, i, &slots[i]));
	}
	assert_int_equal(idset_count(set), COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		size_t length = make_id(id, i);
		assert_int_equal(*slots[i], i); /* slots stay where they are while the set grows */
		assert_ptr_equal(idset_find(set, id, length), slots[i]);
		uint32_t *slot;
		assert_false(idset_add(set, id, length, 0, &slot));
		assert_ptr_equal(slot, slots[i]);
		id[length] = '?';
		assert_null(idset_find(set, id, length + 1));
	}
	free(slots);
	idset_free(set);
}

static void test_memory(void **state)
{
	(void)state;
	enum { COUNT = 53000, LENGTH = 36 };
	struct idset *set = idset_new();
	assert_true(idset_bytes(set) < 4096);
	for (int i = 0; i < COUNT; i++) {
		char id[64];
		snprintf(id, sizeof(id), "%08x-0000-4000-8000-%012x", (unsigned)i, (unsigned)i);
		assert_true(idset_add(set, id, LENGTH, 0, NULL));
	}
	assert_true(idset_bytes(set) < COUNT * (24 + LENGTH));
	idset_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

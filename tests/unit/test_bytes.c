#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Texts of every length in memory that ends with them, equal or with one byte of difference, wherever it is. */
static void test_equal(void **state)
{
	(void)state;
	for (size_t length = 0; length <= 40; length++) {
		char *a = mem_new(length > 0 ? length : 1, 1);
		char *b = mem_new(length > 0 ? length : 1, 1);
		for (size_t i = 0; i < length; i++)
			a[i] = b[i] = (char)('a' + i % 26);
		assert_true(bytes_equal(a, b, length));
		for (size_t i = 0; i < length; i++) {
			b[i] = (char)(b[i] ^ 0x80);
			assert_false(bytes_equal(a, b, length));
			assert_false(bytes_equal(b, a, length));
			b[i] = a[i];
		}
		free(a);
		free(b);
	}
}

/* Every byte at every place, among bytes that are the least and the greatest there are. */
static void test_below(void **state)
{
	static const unsigned char limits[] = {1, 0x20, '-', 0x7F, 0x80};
	(void)state;
	for (size_t l = 0; l < sizeof(limits); l++)
		for (int byte = 0; byte < 256; byte++)
			for (size_t place = 0; place < 8; place++)
				for (int other = limits[l]; other < 256; other = other < 0x80 ? 0x80 : other + 0x7F) {
					char text[8];
					memset(text, other, sizeof(text));
					text[place] = (char)byte;
					assert_int_equal(
						bytes_below(bytes_eight(text), limits[l]) != 0, byte < limits[l]);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_below),
	};
	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}

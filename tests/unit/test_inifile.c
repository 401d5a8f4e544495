#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "inifile.h"

struct seen {
	char name[64];
	char value[4096];
	unsigned number;
	enum inifile_kind kind;
	size_t count;
};

static bool see(void *context, const struct inifile_line *line, struct err *err)
{
	(void)err;
	struct seen *seen = context;
	seen->count++;
	seen->number = line->number;
	seen->kind = line->kind;
	snprintf(seen->name, sizeof(seen->name), "%s", line->name);
	snprintf(seen->value, sizeof(seen->value), "%s", line->value != NULL ? line->value : "");
	return true;
}

/* Blanks, semicolons and whatever else libinih looks at, on every side of every place where a line may be parted. */
static void test_long_lines(void **state)
{
	(void)state;
	enum { LONGEST = 1300 };
	static const char pattern[] = "ab cd;e  f=g :h#;i\t[j] k";
	for (size_t length = 1; length < LONGEST; length++) {
		char value[LONGEST + 1];
		for (size_t i = 0; i < length; i++)
			value[i] = pattern[(i * 7 + i / 5) % (sizeof(pattern) - 1)];
		/* No blank in front of a semicolon or at the ends: those mean something. */
		for (size_t i = 1; i < length; i++)
			if (value[i] == ';' && (value[i - 1] == ' ' || value[i - 1] == '\t'))
				value[i] = 'x';
		value[0] = 'A';
		value[length - 1] = 'Z';
		value[length] = '\0';
		char *text = mem_format("# c\n\nkey = %s  ; comment = %s\n\n   %s ; %s\n", value, value, value, value);
		struct seen seen = {0};
		struct err err = {0};
		assert_true(inifile_read("x", text, strlen(text), see, &seen, &err));
		assert_int_equal(seen.count, 2);
		assert_int_equal(seen.kind, INIFILE_MORE);
		assert_int_equal(seen.number, 5);
		assert_string_equal(seen.name, "key");
		assert_string_equal(seen.value, value);
		/* The first of the two lines alone. */
		seen = (struct seen){0};
		assert_true(inifile_read("x", text, strlen(text) / 2, see, &seen, &err));
		assert_int_equal(seen.kind, INIFILE_KEY);
		assert_string_equal(seen.value, value);
		free(text);
	}
}

static void test_long_oddities(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct err err = {0};
	/* A value that begins late, and one behind a key that is itself too long. */
	char *late = mem_format("key =%*s\n%*s\n", 500, "v", 500, "w");
	assert_true(inifile_read("x", late, strlen(late), see, &seen, &err));
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.value, "w");
	free(late);
	char *key = mem_format("a = 1\n%0500d = 1\n", 0);
	assert_false(inifile_read("x", key, strlen(key), see, &seen, &err));
	assert_string_equal(err.text, "x:2: expected `key = value`");
	free(key);
}

/* Of whatever length: a long line is not taken for two. */
static void test_no_name(void **state)
{
	(void)state;
	for (int length = 1; length < 500; length++) {
		struct seen seen = {0};
		struct err err = {0};
		char *text = mem_format(" = %0*d a = 1\n", length, 0);
		assert_false(inifile_read("x", text, strlen(text), see, &seen, &err));
		assert_string_equal(err.text, "x:1: expected `key = value`");
		assert_int_equal(seen.count, 0);
		free(text);
	}
}

static void test_nul(void **state)
{
	(void)state;
	struct err err = {0};
	static const char nul[] = "url = a\0b\n";
	assert_false(inifile_read("x", nul, sizeof(nul) - 1, see, NULL, &err));
	assert_string_equal(err.text, "x:1: this line holds control characters; the file has to be plain text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_oddities),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_nul),
	};
	return cmocka_run_group_tests_name("inifile", tests, NULL, NULL);
}

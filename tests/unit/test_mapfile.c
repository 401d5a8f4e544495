#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mapfile.h"
#include "scratch.h"

/* The pairs of a file, each as from=to and a bar. */
static void assert_pairs(const char *data, size_t length, const char *expected)
{
	struct err err = {0};
	struct buf told = {0};
	size_t count = 0;
	struct mapfile *file = mapfile_parse("grades.csv", data, length, &err);
	if (file == NULL)
		fail_msg("%.*s: %s", (int)length, data, err.text);
	const struct exchange_pair *pairs = mapfile_pairs(file, &count);
	for (size_t i = 0; i < count; i++)
		buf_add_format(&told, "%s=%s|", pairs[i].from, pairs[i].to);
	assert_string_equal(buf_text(&told), expected);
	buf_release(&told);
	mapfile_free(file);
}

static void test_pairs(void **state)
{
	static const struct {
		const char *text;
		const char *pairs;
	} files[] = {
		{"K,KG", "K=KG|"},
		{"K,KG\n1,01\n", "1=01|K=KG|"},
		{"from,to\r\nK,KG\r\n", "K=KG|"},
		{"\xEF\xBB\xBF"
		 "from,to\nK,KG\n",
			"K=KG|"},
		{"\xEF\xBB\xBF"
		 "K,KG\n",
			"K=KG|"},
		{"\n\nfrom,to\n\nK,KG\n\n\n", "K=KG|"},
		{"from,to\nfrom,to\n", "from=to|"}, /* only the first one is a header */
		{"From,To\n", "From=To|"},          /* and only exactly this one */
		{"to,from\n", "to=from|"},
		{"K,KG\n,\n  \n,,\n", "K=KG|"}, /* what a spreadsheet leaves of empty lines */
		{"PS,\nUG,\"\"\nXX,\"  \"\n", "PS=|UG=|XX=|"},
		{"\"K, half day\",\"KG,01\"\n", "K, half day=KG,01|"},
		{"\"say \"\"K\"\"\",KG\n", "say \"K\"=KG|"},
		{"\" K\",KG\n", " K=KG|"},
		{"K,KG\nK,KG\n", "K=KG|"},
		{"*,Other\nK,K\n", "*=Other|K=K|"},
		{"K,KG\r1,01\r", "1=01|K=KG|"},
		{"\xC3\xA9,e\n", "\xC3\xA9=e|"},
		{"two words,one\n", "two words=one|"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_pairs(files[i].text, strlen(files[i].text), files[i].pairs);
}

/* The message names the file, and behind it what is given here; it has no value of the file. */
static void assert_fault(const char *data, size_t length, const char *begin)
{
	struct err err = {0};
	assert_null(mapfile_parse("grades.csv", data, length, &err));
	assert_int_equal(err.code, ERR_USAGE);
	if (strncmp(err.text, "grades.csv", 10) != 0 || strncmp(err.text + 10, begin, strlen(begin)) != 0)
		fail_msg("%s does not begin as %s", err.text, begin);
	assert_null(strstr(err.text, "Secret"));
}

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} files[] = {
		{"", " has no line"},
		{"from,to\n", " has no line"},
		{"\xEF\xBB\xBF\n,\n", " has no line"},
		{"K,KG\nSecret\n", ", row 2: a line has two cells"},
		{"from,to\nK,KG\n\nSecret,b,c\n", ", row 4: a line has two cells"},
		{"from,to,note\nK,KG,x\n", ", row 1: a line has two cells"},
		{"K;KG\n", ", row 1: a line has two cells"},
		{"K,KG\n,Secret\n", ", row 2: there is nothing in front of the comma"},
		{"\"  \",Secret\n", ", row 1: there is nothing in front of the comma"},
		{"K,\"KG\nSecret,01\n", ", row 1: a quotation mark"},
		{"K,KG\n\"Sec\"ret,01\n", ", row 2: a quotation mark"},
		{"K,K\"G\n", ", row 1: a quotation mark"},
		{"K,\"K\nG\"\n", ", row 1: no value holds a line break"},
		{"K,KG\nSecret,KG \n", ", row 2: a blank before or behind"},
		{"Secret, KG\n", ", row 1: a blank before or behind"},
		{"K\t,KG\n", ", row 1: control characters"},
		{"K,\xFF\n", ", row 1: control characters"},
		{"K,KG\nSecret,1\nx,y\nSecret,2\n", ", row 4: the value of row 2 again"},
		{"*,a\n*,\n", ", row 2: the value of row 1 again"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_fault(files[i].text, strlen(files[i].text), files[i].message);
	assert_fault("K,K\0G\n", 6, ", row 1: control characters");
	static const char wide[] = "K\0,\0K\0G\0\n";
	assert_fault(wide, sizeof(wide) - 1, ", row 1: ");
}

static void add_lines(struct buf *text, int count)
{
	for (int i = 0; i < count; i++)
		buf_add_format(text, "%d,%d\n", i, i);
}

static void test_limits(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "map.csv");
	struct buf text = {0};
	struct err err = {0};
	size_t count = 0;
	buf_add_text(&text, "from,to\n");
	add_lines(&text, MAPFILE_ROWS_MAX);
	scratch_write(path, buf_text(&text));
	struct mapfile *file = mapfile_read(path, &err);
	assert_non_null(file);
	mapfile_pairs(file, &count);
	assert_int_equal(count, MAPFILE_ROWS_MAX);
	mapfile_free(file);
	add_lines(&text, 1); /* said before, but a row all the same */
	scratch_write(path, buf_text(&text));
	assert_null(mapfile_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "more than 10000 rows"));
	buf_clear(&text);
	while (text.length < MAPFILE_MAX)
		buf_add_text(&text, "\n\n\n\n");
	buf_add_text(&text, "K,KG\n");
	err_clear(&err);
	scratch_write(path, buf_text(&text));
	assert_null(mapfile_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "too large"));
	unlink(path);
	err_clear(&err);
	assert_null(mapfile_read(path, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, path));
	mapfile_free(NULL);
	buf_release(&text);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_faults),
		cmocka_unit_test_setup_teardown(test_limits, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests_name("mapfile", tests, NULL, NULL);
}

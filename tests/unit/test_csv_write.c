#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "scratch.h"
#include "table/csv_write.h"
#include "table/row.h"

struct paper {
	struct out out;
	char text[4096];
};

static void begin(struct paper *paper, const struct scratch *scratch)
{
	struct err err = {0};
	out_init(&paper->out, file_temp(scratch->folder, &err), "the CSV");
	assert_true(paper->out.fd >= 0);
}

static void assert_written(struct paper *paper, const char *text, size_t length)
{
	struct err err = {0};
	assert_true(out_finish(&paper->out, &err));
	assert_int_equal(pread(paper->out.fd, paper->text, sizeof(paper->text), 0), length);
	assert_memory_equal(paper->text, text, length);
	close(paper->out.fd);
	out_release(&paper->out);
}

static void test_cells(void **state)
{
	static const struct {
		const char *cell;
		const char *minimal;
		const char *all;
		bool blanks; /* blanks need quotes, and nothing else in it does */
	} cases[] = {
		{"", "", "\"\"", false},
		{"plain", "plain", "\"plain\"", false},
		{"two words", "two words", "\"two words\"", true},
		{"a,b", "\"a,b\"", "\"a,b\"", false},
		{",", "\",\"", "\",\"", false},
		{"\"", "\"\"\"\"", "\"\"\"\"", false},
		{"the \"Big\" O", "\"the \"\"Big\"\" O\"", "\"the \"\"Big\"\" O\"", false},
		{"\"\"", "\"\"\"\"\"\"", "\"\"\"\"\"\"", false},
		{"a\rb", "\"a\rb\"", "\"a\rb\"", false},
		{"a\nb", "\"a\nb\"", "\"a\nb\"", false},
		{" front", "\" front\"", "\" front\"", false},
		{"end ", "\"end \"", "\"end \"", false},
		{" ", "\" \"", "\" \"", false},
		{"\tfront", "\"\tfront\"", "\"\tfront\"", false},
		{"end\t", "\"end\t\"", "\"end\t\"", false},
		{"mid\tdle", "mid\tdle", "\"mid\tdle\"", true},
		{"O'Neil; =1+1 #", "O'Neil; =1+1 #", "\"O'Neil; =1+1 #\"", true},
		{"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80", "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80",
			"\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\"", false},
	};
	const struct csv_style minimal = {0};
	const struct csv_style all = {.quote_all = true};
	const struct csv_style blanks = {.quote_blanks = true};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct paper paper;
		begin(&paper, *state);
		csv_write_cell(&paper.out, cases[i].cell, strlen(cases[i].cell), true, &minimal);
		assert_written(&paper, cases[i].minimal, strlen(cases[i].minimal));
		begin(&paper, *state);
		csv_write_cell(&paper.out, cases[i].cell, strlen(cases[i].cell), true, &all);
		assert_written(&paper, cases[i].all, strlen(cases[i].all));
		const char *expected = cases[i].blanks ? cases[i].all : cases[i].minimal;
		begin(&paper, *state);
		csv_write_cell(&paper.out, cases[i].cell, strlen(cases[i].cell), true, &blanks);
		assert_written(&paper, expected, strlen(expected));
	}
}

static void test_lines(void **state)
{
	static const char *const names[] = {"sourcedId", "status", "title"};
	const struct csv_style plain = {0};
	const struct csv_style other = {.quote_all = true, .lf = true};
	static const char crlf[] = "sourcedId,status,title\r\n1,,\"a\0b, c\"\r\n,,\r\n";
	static const char lf[] = "\"sourcedId\",\"status\",\"title\"\n\"\",\"\",\"\"\n";
	struct row row;
	row_init(&row, 3);
	row_set(&row, 0, "1", 1);
	row_set(&row, 2, "a\0b, c", 6);
	struct paper paper;

	begin(&paper, *state);
	csv_write_header(&paper.out, names, 3, &plain);
	csv_write_row(&paper.out, &row, &plain);
	row_clear(&row);
	csv_write_row(&paper.out, &row, &plain);
	assert_written(&paper, crlf, sizeof(crlf) - 1);

	begin(&paper, *state);
	csv_write_header(&paper.out, names, 3, &other);
	csv_write_row(&paper.out, &row, &other);
	assert_written(&paper, lf, sizeof(lf) - 1);

	begin(&paper, *state);
	csv_write_cell(&paper.out, "x", 1, true, &plain);
	csv_write_cell(&paper.out, "", 0, false, &plain);
	csv_write_end(&paper.out, &plain);
	assert_written(&paper, "x,\r\n", 4);
	row_release(&row);
}

/* Random rows, read back by the grammar of RFC 4180 and nothing else. */
static void test_round_trip(void **state)
{
	struct scratch *scratch = *state;
	static const char alphabet[] = "ab ,\"\r\n\t";
	for (int turn = 0; turn < 2000; turn++) {
		struct csv_style style = {
			.quote_all = turn % 2 == 1, .quote_blanks = turn % 5 == 1, .lf = turn % 3 == 1};
		enum { CELLS = 4 };
		struct row row;
		row_init(&row, CELLS);
		for (size_t i = 0; i < CELLS; i++) {
			for (uint32_t n = scratch_random(scratch, 6); n > 0; n--)
				row_append(&row, i, &alphabet[scratch_random(scratch, sizeof(alphabet))], 1);
		}
		struct paper paper;
		struct err err = {0};
		begin(&paper, scratch);
		csv_write_row(&paper.out, &row, &style);
		assert_true(out_finish(&paper.out, &err));
		size_t length = (size_t)pread(paper.out.fd, paper.text, sizeof(paper.text), 0);
		close(paper.out.fd);
		out_release(&paper.out);

		const char *at = paper.text;
		for (size_t i = 0; i < CELLS; i++) {
			char cell[16];
			size_t cell_length = 0;
			if (*at == '"') {
				for (at++; *at != '"' || *++at == '"'; at++)
					cell[cell_length++] = *at;
			} else {
				while (*at != ',' && *at != '\r' && *at != '\n')
					cell[cell_length++] = *at++;
			}
			assert_int_equal(cell_length, row_length(&row, i));
			assert_memory_equal(cell, row_text(&row, i), cell_length);
			if (i + 1 < CELLS)
				assert_int_equal(*at++, ',');
		}
		const char *end = style.lf ? "\n" : "\r\n";
		assert_int_equal(length - (size_t)(at - paper.text), strlen(end));
		assert_memory_equal(at, end, strlen(end));
		row_release(&row);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cells),
		TEST(test_lines),
		TEST(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

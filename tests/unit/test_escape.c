#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "convert/escape.h"

struct mended {
	struct escape escape;
	struct buf text;
	size_t refuse_after; /* calls of the sink */
	size_t calls;
};

static bool take(void *context, const char *text, size_t length)
{
	struct mended *mended = context;
	return mended->calls++ < mended->refuse_after && buf_add(&mended->text, text, length);
}

static void begin(struct mended *mended)
{
	buf_clear(&mended->text);
	mended->calls = 0;
	mended->refuse_after = SIZE_MAX;
	mended->escape.sink = take;
	mended->escape.context = mended;
	escape_begin(&mended->escape);
}

/* Feeds a text in three pieces, of which the second is fed byte by byte. */
static void mend(struct mended *mended, const char *text, size_t length, size_t first, size_t bytes)
{
	begin(mended);
	assert_true(escape_feed(&mended->escape, text, first));
	for (size_t i = first; i < first + bytes; i++)
		assert_true(escape_feed(&mended->escape, text + i, 1));
	assert_true(escape_feed(&mended->escape, text + first + bytes, length - first - bytes));
	assert_true(escape_end(&mended->escape));
}

static void assert_mended(const struct mended *mended, const char *expected, uint64_t count, const char *text)
{
	if (strcmp(buf_text(&mended->text), expected) != 0 || mended->escape.mended != count)
		fail_msg("%s: became %s with %d mended, not %s with %d", text, buf_text(&mended->text),
			(int)mended->escape.mended, expected, (int)count);
}

static void assert_everywhere(struct mended *mended, const char *text, const char *expected, uint64_t count)
{
	size_t length = strlen(text);
	for (size_t first = 0; first <= length; first++) {
		mend(mended, text, length, first, 0);
		assert_mended(mended, expected, count, text);
	}
	for (size_t first = 0; first <= length; first += 5) {
		mend(mended, text, length, first, length - first);
		assert_mended(mended, expected, count, text);
	}
}

static void test_cases(void **state)
{
	static const struct {
		const char *text;
		const char *mended;
		uint64_t count;
	} cases[] = {
		{"", "", 0},
		{"[\"plain\"]", "[\"plain\"]", 0},
		{"\\ud83d\\ude00", "\\ud83d\\ude00", 0},
		{"\\uD83D\\uDE00", "\\uD83D\\uDE00", 0},
		{"\\ud83d", "\\ufffd", 1},
		{"\\ude00", "\\ufffd", 1},
		{"\\ude00\\ud83d", "\\ufffd\\ufffd", 2},
		{"\\ud83d\\ud83d\\ude00", "\\ufffd\\ud83d\\ude00", 1},
		{"\\ud83d\\ude00\\ude00", "\\ud83d\\ude00\\ufffd", 1},
		{"\\ud83dx", "\\ufffdx", 1},
		{"\\ud83d\"", "\\ufffd\"", 1},
		{"\\ud83d\\n\\ude00", "\\ufffd\\n\\ufffd", 2},
		{"\\ud83d \\ude00", "\\ufffd \\ufffd", 2},
		{"\\ud83d\\u0041", "\\ufffd\\u0041", 1},
		/* the borders of the two halves */
		{"\\ud7ff\\udc00", "\\ud7ff\\ufffd", 1},
		{"\\ud800\\udc00", "\\ud800\\udc00", 0},
		{"\\udbff\\udfff", "\\udbff\\udfff", 0},
		{"\\ud800\\udbff", "\\ufffd\\ufffd", 2},
		{"\\ud800\\ue000", "\\ufffd\\ue000", 1},
		{"\\udc00\\udfff", "\\ufffd\\ufffd", 2},
		/* a backslash that is itself escaped begins nothing */
		{"\\\\ud83d", "\\\\ud83d", 0},
		{"\\\\\\ud83d", "\\\\\\ufffd", 1},
		{"\\ud83d\\\\ude00", "\\ufffd\\\\ude00", 1},
		/* no escapes of JSON: for the parser to refuse */
		{"\\ud83", "\\ud83", 0},
		{"\\udg3d", "\\udg3d", 0},
		{"\\", "\\", 0},
		{"\\u", "\\u", 0},
		{"\\ud83d\\", "\\ufffd\\", 1},
		{"\\ud83d\\ude0", "\\ufffd\\ude0", 1},
		{"\\ud83d\\ude0g", "\\ufffd\\ude0g", 1},
		{"ud83d", "ud83d", 0},
	};
	struct mended mended = {0};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_everywhere(&mended, cases[i].text, cases[i].mended, cases[i].count);
	buf_release(&mended.text);
}

enum half { WHOLE, FIRST, SECOND };

static const struct {
	const char *text;
	enum half half;
} tokens[] = {
	{"a", WHOLE},
	{"\\\\", WHOLE},
	{"\\n", WHOLE},
	{"\\\"", WHOLE},
	{"ud83d", WHOLE},
	{"\\u0041", WHOLE},
	{"\\uD7FF", WHOLE},
	{"\\ue000", WHOLE},
	{"\\ud83d", FIRST},
	{"\\uDBFF", FIRST},
	{"\\ude00", SECOND},
	{"\\uDc00", SECOND},
};
enum { TOKENS = sizeof(tokens) / sizeof(tokens[0]), RUN = 3 };

/* Every row of three tokens: what becomes of it follows from the halves alone. */
static void test_all_combinations(void **state)
{
	struct mended mended = {0};
	(void)state;
	for (size_t number = 0; number < (size_t)TOKENS * TOKENS * TOKENS; number++) {
		size_t run[RUN] = {number % TOKENS, number / TOKENS % TOKENS, number / TOKENS / TOKENS};
		char text[64] = "";
		char expected[64] = "";
		uint64_t count = 0;
		for (size_t i = 0; i < RUN; i++) {
			enum half half = tokens[run[i]].half;
			bool before = i > 0 && tokens[run[i - 1]].half == FIRST;
			bool behind = i + 1 < RUN && tokens[run[i + 1]].half == SECOND;
			bool lone = (half == FIRST && !behind) || (half == SECOND && !before);
			strcat(text, tokens[run[i]].text);
			strcat(expected, lone ? "\\ufffd" : tokens[run[i]].text);
			count += lone ? 1 : 0;
		}
		assert_everywhere(&mended, text, expected, count);
	}
	buf_release(&mended.text);
}

static void test_again(void **state)
{
	struct mended mended = {0};
	(void)state;
	/* A document that ends in the middle leaves nothing to the next. */
	begin(&mended);
	assert_true(escape_feed(&mended.escape, "\\ud83d\\u", 8));
	escape_begin(&mended.escape);
	assert_true(escape_feed(&mended.escape, "de00", 4));
	assert_true(escape_end(&mended.escape));
	assert_string_equal(buf_text(&mended.text), "de00");
	assert_int_equal(mended.escape.mended, 0);
	buf_release(&mended.text);
}

static void test_sink_refuses(void **state)
{
	static const char text[] = "a\\ud83db\\ude00c\\ud83d";
	struct mended mended = {0};
	(void)state;
	begin(&mended);
	assert_true(escape_feed(&mended.escape, text, strlen(text)) && escape_end(&mended.escape));
	size_t calls = mended.calls;
	assert_true(calls > 3);
	for (size_t refuse = 0; refuse < calls; refuse++) {
		begin(&mended);
		mended.refuse_after = refuse;
		assert_false(escape_feed(&mended.escape, text, strlen(text)) && escape_end(&mended.escape));
		assert_int_equal(mended.calls, refuse + 1);
	}
	buf_release(&mended.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_all_combinations),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_sink_refuses),
	};
	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}

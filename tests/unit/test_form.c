#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/form.h"
#include "check/moment.h"

typedef bool form(const char *text, size_t length);

static bool plain_date(const char *text, size_t length)
{
	return form_date(text, length, NULL);
}

static bool id(const char *text, size_t length)
{
	struct form_alphabet alphabet;
	form_id_alphabet(&alphabet, NULL);
	return form_spelled(text, length, &alphabet);
}

static bool short_id(const char *text, size_t length)
{
	struct form_alphabet alphabet;
	form_id_alphabet(&alphabet, "0123456789-");
	return form_spelled(text, length, &alphabet);
}

static bool plain_text(const char *text, size_t length)
{
	struct form_alphabet alphabet;
	form_text_alphabet(&alphabet, "0123456789 .,-");
	return form_spelled(text, length, &alphabet);
}

static bool size_word(const char *text, size_t length)
{
	static const char *const words[] = {"small", "fully grown", "Other", NULL};
	return form_word(text, length, words);
}

/* Texts of the form, and texts that are not, each list ending with NULL. */
static const struct {
	const char *name;
	form *is;
	const char *const fine[16];
	const char *const wrong[32];
} cases[] = {
	{"boolean", form_boolean, {"true", "false"},
		{"True", "FALSE", "1", "0", "yes", "true ", " true", "t", "truefalse", "tru"}},
	{"date", plain_date, {"2026-09-01", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2026-12-31"},
		{"2026-9-1", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-10-00", "2026-04-31",
			"0000-01-01", "09/01/2026", "2026/09/01", "20260901", "2026-09-01 ", "2026-09-01T00:00:00Z",
			"2026-09-0x", "+026-09-01", "2026-09", "26-09-01-"}},
	{"datetime", form_datetime,
		{"2012-04-23T18:25:43.511Z", "2012-04-23T18:25:43Z", "2012-04-23T00:00:00.0Z",
			"2012-04-23T23:59:59.123456Z", "2012-04-23T23:59:59.123456789Z"},
		{"2012-04-23", "2012-04-23T18:25:43", "2012-04-23T18:25:43.511", "2012-04-23 18:25:43Z",
			"2012-04-23T18:25:43+00:00", "2012-04-23T18:25:43.Z", "2012-04-23T24:00:00Z",
			"2012-04-23T18:60:00Z", "2012-02-30T18:25:43Z", "2012-04-23t18:25:43Z", "2012-04-23T18:25:43z",
			"2012-04-23T18:25Z", "2012-04-23T18:25:43.511 Z", "2012-4-23T18:25:43.511Z",
			"2012-04-23T18:25:43.511ZZ", "2012-04-23T23:59:59.1234567890Z", "2012-04-23T18:25:60Z",
			"2012-04-23T1x:25:43Z", "2012-04-23T18x25:43Z", "2012-04-23T18:25x43Z"}},
	{"year", form_year, {"2026", "1999"}, {"26", "20266", "202x", "2025-2026", " 2026", "-026"}},
	{"float", form_float, {"0", "87.5", "-1", "100", "0.50", "-0.25", "007"},
		{"", "87,5", "1e2", "+1", ".5", "5.", "-", "-.5", "1.2.3", "90%", "1 ", "NaN", "0x10"}},
	{"whole", form_whole, {"0", "12", "007"}, {"", "-1", "1.0", "one", "1 "}},
	{"word", size_word, {"small", "fully grown", "Other"},
		{"Small", "smal", "smallest", "small ", "fully", "other", "OTHER"}},
	{"email", form_email,
		{"ann@school.example", "a.b+c@x.y.example", "ann.o'hara@s.example", "ann_1@1.example",
			"\xC3\xA4nn@school.example", "\"ann.b\"@school.example"},
		{"ann", "ann@", "@school.example", "ann@school", "ann@school.", "ann@.example", "ann@@school.example",
			"ann school@x.example", "a@b.example,c@d.example", "a@b.example;c@d.example",
			"Ann <ann@school.example>", "ann@b..example", "ann@b.example "}},
	{"userids", form_userids, {"{LDAP:123}", "{LDAP:a},{LTI:4 2}", "{Fed:a:b}", "{t:i}"},
		{"LDAP:123", "{LDAP}", "{LDAP:}", "{:123}", "{}", "{LDAP:1},", "{LDAP:1}, {LTI:2}", "{LDAP:1}{LTI:2}",
			"{LDAP:1};{LTI:2}", "{ : }", "{LDAP:1},,{LTI:2}", "{{LDAP:1}}", "{LDAP:1", "{LDAP:a,b}"}},
	{"list", form_list, {"a", "a,b", "a, b", "Language Arts,Science", "-"},
		{"a,,b", ",a", "a,", ",", "a, ,b", "a,\xC2\xA0"}},
	{"id", id, {"a", "A-b_c.d/e@f", "0", "9f2c-44"},
		{"a b", "a,b", "{a}", "a:b", "\xC3\xA9", "a#", "a+b", "a\\b", "a;b", "a'b", "a|b", "a~b", "a`b",
			"a[b"}},
	{"id of a receiver", short_id, {"1-2", "007"}, {"a", "1/2", "1.2"}},
	{"text of a receiver", plain_text,
		{"Ann", "Zo\xC3\xAB 2", "A.-B, C", "\xE6\x9D\x8E\xE5\xB0\x8F", "\xD0\x90\xD0\xBD\xD0\xBD\xD0\xB0"},
		{"O'Hara", "O\xE2\x80\x99Hara", "A/B", "a@b", "(x)", "50%", "\xC2\xA0", "a_b", "\xC2\xBF"}},
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (const char *const *text = cases[i].fine; *text != NULL; text++)
			if (!cases[i].is(*text, strlen(*text)))
				fail_msg("%s: \"%s\" is fine", cases[i].name, *text);
		for (const char *const *text = cases[i].wrong; *text != NULL; text++)
			if (cases[i].is(*text, strlen(*text)))
				fail_msg("%s: \"%s\" is wrong", cases[i].name, *text);
	}
}

/* Nothing is read behind the end, and nothing is right that only begins right. */
static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (const char *const *text = cases[i].fine; *text != NULL; text++) {
			size_t length = strlen(*text);
			for (size_t cut = 1; cut < length; cut++) {
				char *copy = malloc(cut);
				assert_non_null(copy);
				memcpy(copy, *text, cut);
				cases[i].is(copy, cut);
				free(copy);
			}
		}
	}
	assert_false(form_boolean("trueish", 7));
	assert_true(form_boolean("trueish", 4));
	assert_false(form_year("2026\0", 5));
}

static void test_days(void **state)
{
	(void)state;
	int days = 7;
	assert_false(form_date("2026-02-29", 10, &days));
	assert_int_equal(days, 7);
	assert_true(form_date("1970-01-01", 10, &days));
	assert_int_equal(days, 0);
	assert_true(form_date("2000-03-01", 10, &days));
	assert_int_equal(days, 11017);
	assert_true(form_date("1969-12-31", 10, &days));
	assert_int_equal(days, -1);
}

static void test_items(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *items; /* each in brackets */
		size_t count;
	} lists[] = {{"a", "[a]", 1}, {"a,b", "[a][b]", 2}, {",a,", "[][a][]", 3}, {"", "[]", 1},
		{" a , b", "[ a ][ b]", 2}};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *text = lists[i].text;
		size_t length = strlen(text);
		const char *item = NULL;
		size_t item_length = 0;
		char all[64] = "";
		assert_int_equal(form_items(text, length), lists[i].count);
		while (form_item(&text, &length, &item, &item_length)) {
			strcat(all, "[");
			strncat(all, item, item_length);
			strcat(all, "]");
		}
		assert_string_equal(all, lists[i].items);
	}
}

static void test_joined_otherwise(void **state)
{
	(void)state;
	static const char *const otherwise[] = {"a;b", "a|b", " a", "a ", "[\"a\"", "\"b\"]", NULL};
	static const char *const plain[] = {"a", "a b", "a-b", "", NULL};
	for (const char *const *text = otherwise; *text != NULL; text++)
		assert_true(form_joined_otherwise(*text, strlen(*text)));
	for (const char *const *text = plain; *text != NULL; text++)
		assert_false(form_joined_otherwise(*text, strlen(*text)));
}

static void test_characters(void **state)
{
	(void)state;
	assert_int_equal(form_characters("", 0), 0);
	assert_int_equal(form_characters("Zo\xC3\xAB", 4), 3);
	assert_int_equal(form_characters("\xF0\x9F\x98\x80\xE6\x9D\x8E", 7), 2);
}

/* One more byte of a text, any byte at any place: what has the form is what is written the same when it was read. */
static void test_as_written(void **state)
{
	static const char *const texts[] = {"2012-04-23T18:25:43.511Z", "2024-02-29T23:59:59.999Z",
		"1900-02-28T00:00:00.000Z", "0001-12-31T19:09:05.010Z"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t at = 0; at < MOMENT_SIZE - 1; at++) {
			for (int byte = 0; byte < 256; byte++) {
				char text[MOMENT_SIZE];
				char written[MOMENT_SIZE];
				struct moment moment;
				memcpy(text, texts[i], sizeof(text));
				text[at] = (char)byte;
				bool same = moment_read(text, MOMENT_SIZE - 1, &moment) && moment_to_universal(&moment);
				if (same)
					moment_write(&moment, written);
				same = same && moment.zone && memcmp(text, written, MOMENT_SIZE - 1) == 0;
				assert_int_equal(form_datetime(text, MOMENT_SIZE - 1), same);
				same = moment_read(text, MOMENT_DATE_SIZE - 1, &moment) && moment.standard &&
				       !moment.time;
				assert_int_equal(form_date(text, MOMENT_DATE_SIZE - 1, NULL), same);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_joined_otherwise),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_as_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

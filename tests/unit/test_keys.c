#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/keys.h"
#include "table/row.h"
#include "table/schema.h"

/* A row as "column=text column=text", what has to become of it, and what its references have to be afterwards. */
struct line {
	const char *row;
	enum keys_fate fate;
	const char *left;
};

static const struct table *table_of(const char *name)
{
	const struct table *table = schema_table_find(&schema_oneroster_1_1, name);
	assert_non_null(table);
	return table;
}

/* Calls f for each "column=text" of a text. */
static void each_cell(const struct table *table, const char *cells,
	void (*f)(struct row *row, size_t cell, const char *text, const char *cells), struct row *row)
{
	char *copy = mem_copy(cells);
	char *rest = NULL;
	for (char *cell = strtok_r(copy, " ", &rest); cell != NULL; cell = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(cell, '=');
		assert_non_null(equals);
		*equals = '\0';
		int column = column_find(table, cell);
		assert_true(column != SCHEMA_NONE);
		f(row, (size_t)column, equals + 1, cells);
	}
	free(copy);
}

static void set_cell(struct row *row, size_t cell, const char *text, const char *cells)
{
	(void)cells;
	assert_true(row_set(row, cell, text, strlen(text)));
}

static void assert_cell(struct row *row, size_t cell, const char *text, const char *cells)
{
	if (!row_is(row, cell, text))
		fail_msg("cell %zu is \"%.*s\", not as in %s", cell, (int)row_length(row, cell), row_text(row, cell),
			cells);
}

/* Judges the rows of a table as the order of calls in the header demands. */
static void judge(struct keys *keys, const char *name, const struct line *lines, size_t count)
{
	const struct table *table = table_of(name);
	bool survey = keys_needs_survey(keys, table);
	struct row row;
	row_init(&row, (size_t)table->column_count);
	for (size_t i = 0; survey && i < count; i++) {
		row_clear(&row);
		each_cell(table, lines[i].row, set_cell, &row);
		keys_add(keys, table, &row, keys_judge(keys, table, &row, KEYS_SURVEY));
	}
	for (size_t i = 0; i < count; i++) {
		row_clear(&row);
		each_cell(table, lines[i].row, set_cell, &row);
		enum keys_fate fate = keys_judge(keys, table, &row, KEYS_FINAL);
		if (fate != lines[i].fate)
			fail_msg("%s, %s: fate %d, not %d", name, lines[i].row, (int)fate, (int)lines[i].fate);
		if (!survey)
			keys_add(keys, table, &row, fate);
		each_cell(table, lines[i].left, assert_cell, &row);
	}
	row_release(&row);
}

#define JUDGE(keys, name, ...)                                                                                         \
	judge(keys, name, (const struct line[]){__VA_ARGS__},                                                          \
		sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

static void assert_counts(
	const struct keys *keys, const char *name, const char *column, uint64_t dangling, uint64_t cut)
{
	const struct table *table = table_of(name);
	struct keys_counts counts = keys_column(keys, table, column_find(table, column));
	if (counts.dangling != dangling || counts.cut != cut)
		fail_msg("%s.%s: %d dangling, %d cut", name, column, (int)counts.dangling, (int)counts.cut);
}

static struct keys *keys_with(enum keys_policy policy, const char *absent)
{
	bool present[64] = {false};
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		present[i] = strcmp(schema_oneroster_1_1.tables[i].name, absent) != 0;
	return keys_new(&schema_oneroster_1_1, present, policy);
}

/* The rows that those of other tables refer to: school s1 stays, s2 is deleted. */
static void begin(struct keys *keys)
{
	JUDGE(keys, "orgs", {"sourcedId=s1 status=active", KEYS_STAYS, ""},
		{"sourcedId=s2 status=tobedeleted", KEYS_DELETED, ""}, {"sourcedId=d", KEYS_STAYS, ""});
	JUDGE(keys, "academicSessions", {"sourcedId=t1", KEYS_STAYS, ""}, {"sourcedId=t2", KEYS_STAYS, ""},
		{"sourcedId=t3 status=tobedeleted", KEYS_DELETED, ""});
}

static void test_survey(void **state)
{
	(void)state;
	struct keys *keys = keys_with(KEYS_FAIL, "");
	static const char *const own[] = {"orgs", "academicSessions", "users"};
	size_t found = 0;
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		found += keys_needs_survey(keys, &schema_oneroster_1_1.tables[i]) ? 1 : 0;
	assert_int_equal(found, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(keys_needs_survey(keys, table_of(own[i])));
	keys_free(keys);
	keys_free(NULL);
}

/* A row that is marked for deletion takes along what hangs on it, through all tables. */
static void test_cascade(void **state)
{
	(void)state;
	for (int policy = KEYS_FAIL; policy <= KEYS_KEEP; policy++) {
		struct keys *keys = keys_with((enum keys_policy)policy, "");
		begin(keys);
		JUDGE(keys, "courses", {"sourcedId=k1 orgSourcedId=s1 schoolYearSourcedId=t1", KEYS_STAYS, ""},
			{"sourcedId=k2 orgSourcedId=s2", KEYS_HANGS, ""},
			{"sourcedId=k3 orgSourcedId=d schoolYearSourcedId=t3", KEYS_STAYS,
				"orgSourcedId=d schoolYearSourcedId="});
		JUDGE(keys, "classes",
			{"sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t1,t2", KEYS_STAYS,
				"termSourcedIds=t1,t2"},
			{"sourcedId=c2 courseSourcedId=k2 schoolSourcedId=s1 termSourcedIds=t1", KEYS_HANGS, ""},
			{"sourcedId=c3 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t3", KEYS_HANGS, ""},
			{"sourcedId=c4 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t3,t2", KEYS_STAYS,
				"termSourcedIds=t2"},
			{"sourcedId=c5 courseSourcedId=k3 schoolSourcedId=s1 termSourcedIds=t1,t3,t2", KEYS_STAYS,
				"termSourcedIds=t1,t2"});
		JUDGE(keys, "users",
			{"sourcedId=u1 orgSourcedIds=s1,s2 agentSourcedIds=u3,u2", KEYS_STAYS,
				"orgSourcedIds=s1 agentSourcedIds=u2"},
			{"sourcedId=u2 orgSourcedIds=d", KEYS_STAYS, ""},
			{"sourcedId=u3 orgSourcedIds=s2", KEYS_HANGS, ""},
			{"sourcedId=u4 orgSourcedIds=s1 status=tobedeleted", KEYS_DELETED, ""},
			{"sourcedId=u5 orgSourcedIds=s1 agentSourcedIds=u4", KEYS_STAYS, "agentSourcedIds="});
		JUDGE(keys, "enrollments",
			{"sourcedId=e1 classSourcedId=c1 schoolSourcedId=s1 userSourcedId=u1", KEYS_STAYS, ""},
			{"sourcedId=e2 classSourcedId=c2 schoolSourcedId=s1 userSourcedId=u1", KEYS_HANGS, ""},
			{"sourcedId=e3 classSourcedId=c1 schoolSourcedId=s1 userSourcedId=u3", KEYS_HANGS, ""},
			{"sourcedId=e4 classSourcedId=c1 schoolSourcedId=s2 userSourcedId=u1", KEYS_HANGS, ""},
			{"sourcedId=e5 classSourcedId=c3 schoolSourcedId=s1 userSourcedId=u4", KEYS_HANGS, ""},
			{"sourcedId=e6 classSourcedId=c1 schoolSourcedId=s1 userSourcedId=u2 status=tobedeleted",
				KEYS_DELETED, ""});
		JUDGE(keys, "demographics", {"sourcedId=u1", KEYS_STAYS, "sourcedId=u1"},
			{"sourcedId=u4", KEYS_HANGS, ""});
		JUDGE(keys, "categories", {"sourcedId=g1", KEYS_STAYS, ""});
		JUDGE(keys, "lineItems",
			{"sourcedId=l1 classSourcedId=c1 categorySourcedId=g1 gradingPeriodSourcedId=t1", KEYS_STAYS,
				""},
			{"sourcedId=l2 classSourcedId=c2 categorySourcedId=g1 gradingPeriodSourcedId=t1", KEYS_HANGS,
				""});
		JUDGE(keys, "results", {"sourcedId=r1 lineItemSourcedId=l1 studentSourcedId=u1", KEYS_STAYS, ""},
			{"sourcedId=r2 lineItemSourcedId=l2 studentSourcedId=u1", KEYS_HANGS, ""});

		assert_int_equal(keys_rows(keys, table_of("enrollments"), KEYS_STAYS), 1);
		assert_int_equal(keys_rows(keys, table_of("enrollments"), KEYS_HANGS), 4);
		assert_int_equal(keys_rows(keys, table_of("enrollments"), KEYS_DELETED), 1);
		assert_int_equal(keys_rows(keys, table_of("enrollments"), KEYS_DANGLES), 0);
		assert_int_equal(keys_rows(keys, table_of("users"), KEYS_STAYS), 3);
		assert_counts(keys, "users", "agentSourcedIds", 0, 2);
		assert_counts(keys, "users", "orgSourcedIds", 0, 2);
		assert_counts(keys, "classes", "termSourcedIds", 0, 3);
		assert_counts(keys, "courses", "schoolYearSourcedId", 0, 1);
		keys_free(keys);
	}
}

/* An id that never came: what happens is the policy's to say. */
static void test_dangling(void **state)
{
	static const struct {
		enum keys_policy policy;
		enum keys_fate fate; /* of a row that cannot be without it */
		const char *parent;
		const char *terms;
		const char *agents;
		uint64_t cut;
	} cases[] = {
		{KEYS_FAIL, KEYS_STAYS, "parentSourcedId=gone", "termSourcedIds=gone,t1", "agentSourcedIds=gone", 1},
		{KEYS_KEEP, KEYS_STAYS, "parentSourcedId=gone", "termSourcedIds=gone,t1", "agentSourcedIds=gone", 1},
		{KEYS_DROP, KEYS_DANGLES, "parentSourcedId=", "termSourcedIds=t1", "agentSourcedIds=", 2},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keys *keys = keys_with(cases[i].policy, "");
		begin(keys);
		JUDGE(keys, "orgs", {"sourcedId=s9 parentSourcedId=gone", KEYS_STAYS, cases[i].parent});
		JUDGE(keys, "courses", {"sourcedId=k1 orgSourcedId=s1", KEYS_STAYS, ""},
			{"sourcedId=k2 orgSourcedId=gone", cases[i].fate, ""});
		JUDGE(keys, "classes",
			{"sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=gone,t1,t3", KEYS_STAYS,
				cases[i].terms},
			{"sourcedId=c2 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=gone", cases[i].fate, ""},
			/* The course came, but is left out with its org: this hangs on it. */
			{"sourcedId=c3 courseSourcedId=k2 schoolSourcedId=s1 termSourcedIds=t1",
				cases[i].policy == KEYS_DROP ? KEYS_HANGS : KEYS_STAYS, ""});
		JUDGE(keys, "users",
			{"sourcedId=u1 orgSourcedIds=s1 agentSourcedIds=gone", KEYS_STAYS, cases[i].agents});
		assert_counts(keys, "orgs", "parentSourcedId", 1, cases[i].policy == KEYS_DROP ? 1 : 0);
		assert_counts(keys, "courses", "orgSourcedId", 1, cases[i].policy == KEYS_DROP ? 1 : 0);
		assert_counts(
			keys, "classes", "termSourcedIds", 2, cases[i].cut + (cases[i].policy == KEYS_DROP ? 1 : 0));
		assert_int_equal(
			keys_rows(keys, table_of("courses"), KEYS_DANGLES), cases[i].policy == KEYS_DROP ? 1 : 0);
		keys_free(keys);
	}
}

/* References into the table itself may lead forwards, in a circle, or to the row itself. */
static void test_self_references(void **state)
{
	(void)state;
	struct keys *keys = keys_with(KEYS_DROP, "");
	JUDGE(keys, "orgs", {"sourcedId=a parentSourcedId=z", KEYS_STAYS, "parentSourcedId=z"},
		{"sourcedId=b parentSourcedId=b", KEYS_STAYS, "parentSourcedId=b"},
		{"sourcedId=c parentSourcedId=e", KEYS_STAYS, "parentSourcedId=e"},
		{"sourcedId=e parentSourcedId=c", KEYS_STAYS, "parentSourcedId=c"},
		{"sourcedId=f parentSourcedId=g", KEYS_STAYS, "parentSourcedId="},
		{"sourcedId=g status=tobedeleted", KEYS_DELETED, ""},
		{"sourcedId=h parentSourcedId=none", KEYS_STAYS, "parentSourcedId="}, {"sourcedId=z", KEYS_STAYS, ""});
	assert_counts(keys, "orgs", "parentSourcedId", 1, 2);
	assert_int_equal(keys_rows(keys, table_of("orgs"), KEYS_STAYS), 7);
	/* Left out because of another table: known before the first row is judged for good. */
	JUDGE(keys, "users", {"sourcedId=u1 orgSourcedIds=a agentSourcedIds=u2", KEYS_STAYS, "agentSourcedIds="},
		{"sourcedId=u2 orgSourcedIds=g agentSourcedIds=u1", KEYS_HANGS, ""});
	keys_free(keys);
}

/* References into a file that is not in the bundle are nobody's to judge. */
static void test_absent_table(void **state)
{
	(void)state;
	struct keys *keys = keys_with(KEYS_DROP, "courses");
	begin(keys);
	JUDGE(keys, "classes",
		{"sourcedId=c1 courseSourcedId=any schoolSourcedId=s1 termSourcedIds=t1", KEYS_STAYS,
			"courseSourcedId=any"},
		{"sourcedId=c2 courseSourcedId=any schoolSourcedId=s2 termSourcedIds=t1", KEYS_HANGS, ""});
	assert_counts(keys, "classes", "courseSourcedId", 0, 0);
	keys_free(keys);
}

/* Ids are bytes: case and likeness count for nothing. A blank reference is no reference. */
static void test_ids_are_bytes(void **state)
{
	(void)state;
	struct keys *keys = keys_with(KEYS_DROP, "");
	begin(keys);
	JUDGE(keys, "courses", {"sourcedId=k1 orgSourcedId=S1", KEYS_DANGLES, ""},
		{"sourcedId=k2 orgSourcedId=s", KEYS_DANGLES, ""}, {"sourcedId=k3 orgSourcedId=s11", KEYS_DANGLES, ""},
		{"sourcedId=k4 schoolYearSourcedId=t1", KEYS_STAYS, "orgSourcedId="});
	keys_free(keys);
}

static void test_fill(void **state)
{
	static const struct {
		const char *row;
		bool filled;
		const char *after;
	} cases[] = {
		{"sourcedId=e1 classSourcedId=c1", true, "schoolSourcedId=s1"},
		{"sourcedId=e2 classSourcedId=c2", true, "schoolSourcedId=d"},
		{"sourcedId=e3 classSourcedId=c1 schoolSourcedId=d", false, "schoolSourcedId=d"},
		{"sourcedId=e4 classSourcedId=none", false, "schoolSourcedId="},
		{"sourcedId=e5", false, "schoolSourcedId="},
		{"sourcedId=e6 classSourcedId=c3", false, "schoolSourcedId="},
		{"sourcedId=e7 classSourcedId=c4", true, "schoolSourcedId=s1"},
	};
	const struct table *table = table_of("enrollments");
	int school = column_find(table, "schoolSourcedId");
	struct row row;
	(void)state;
	struct keys *keys = keys_with(KEYS_DROP, "");
	begin(keys);
	JUDGE(keys, "courses", {"sourcedId=k1 orgSourcedId=s1", KEYS_STAYS, ""});
	JUDGE(keys, "classes", {"sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t1", KEYS_STAYS, ""},
		{"sourcedId=c2 courseSourcedId=k1 schoolSourcedId=d termSourcedIds=t1", KEYS_STAYS, ""},
		{"sourcedId=c3 courseSourcedId=k1 termSourcedIds=t1", KEYS_STAYS, ""},
		{"sourcedId=c4 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t1", KEYS_STAYS, ""});
	row_init(&row, (size_t)table->column_count);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row_clear(&row);
		each_cell(table, cases[i].row, set_cell, &row);
		assert_int_equal(keys_fill(keys, table, school, &row), cases[i].filled);
		each_cell(table, cases[i].after, assert_cell, &row);
	}
	/* A column that is filled from nowhere. */
	row_clear(&row);
	assert_false(keys_fill(keys, table, column_find(table, "role"), &row));
	row_release(&row);
	keys_free(keys);
}

/* The row of that id is left out by the filter. */
static void filter_out(struct keys *keys, const char *name, const char *id)
{
	uint32_t number = 0;
	enum keys_fate fate = KEYS_STAYS;
	assert_true(keys_find(keys, table_of(name)->id, id, strlen(id), &number, &fate));
	keys_filter(keys, table_of(name)->id, number);
	assert_true(keys_find(keys, table_of(name)->id, id, strlen(id), &number, &fate));
	assert_int_equal(fate, KEYS_FILTERED);
}

/* What cannot be without a row that the filter leaves out is left out by the filter too, whatever else is wrong with
 * it; and of such rows nothing is counted but that. */
static void test_filtered(void **state)
{
	(void)state;
	for (int policy = KEYS_FAIL; policy <= KEYS_KEEP; policy++) {
		struct keys *keys = keys_with((enum keys_policy)policy, "");
		begin(keys);
		filter_out(keys, "orgs", "d");
		filter_out(keys, "academicSessions", "t2");
		JUDGE(keys, "courses",
			{"sourcedId=k1 orgSourcedId=s1 schoolYearSourcedId=t2", KEYS_STAYS,
				"orgSourcedId=s1 schoolYearSourcedId="},
			{"sourcedId=k2 orgSourcedId=d schoolYearSourcedId=gone", KEYS_FILTERED, ""},
			{"sourcedId=k3 orgSourcedId=d status=tobedeleted", KEYS_FILTERED, ""});
		JUDGE(keys, "classes",
			{"sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t1,t2,t3", KEYS_STAYS,
				"termSourcedIds=t1"},
			/* Without the filter it would have a term. */
			{"sourcedId=c2 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t2,t3", KEYS_FILTERED, ""},
			{"sourcedId=c3 courseSourcedId=gone schoolSourcedId=d termSourcedIds=t1", KEYS_FILTERED, ""},
			{"sourcedId=c4 courseSourcedId=k1 schoolSourcedId=d termSourcedIds=t3", KEYS_FILTERED, ""},
			{"sourcedId=c5 courseSourcedId=k1 schoolSourcedId=s2 termSourcedIds=t1", KEYS_HANGS, ""},
			{"sourcedId=c6 courseSourcedId=k2 schoolSourcedId=s2 termSourcedIds=t1", KEYS_FILTERED, ""});
		assert_counts(keys, "courses", "orgSourcedId", 0, 0);
		assert_counts(keys, "courses", "schoolYearSourcedId", 0, 1);
		assert_counts(keys, "classes", "courseSourcedId", 0, 0);
		assert_counts(keys, "classes", "termSourcedIds", 0, 2);
		assert_int_equal(keys_rows(keys, table_of("classes"), KEYS_FILTERED), 4);
		assert_int_equal(keys_rows(keys, table_of("courses"), KEYS_DELETED), 0);
		keys_forget(keys);
		assert_int_equal(keys_rows(keys, table_of("classes"), KEYS_HANGS), 1);
		assert_counts(keys, "classes", "termSourcedIds", 0, 2);
		keys_free(keys);
	}
}

static bool skips(const struct keys *keys, const char *name, const char *cells)
{
	const struct table *table = table_of(name);
	struct row row;
	struct buf encoded = {0};
	row_init(&row, (size_t)table->column_count);
	each_cell(table, cells, set_cell, &row);
	assert_true(row_encode(&row, &encoded));
	bool skipped = keys_skips(keys, table, encoded.data, encoded.length);
	for (size_t cut = 0; cut < encoded.length; cut++)
		keys_skips(keys, table, encoded.data, cut);
	buf_release(&encoded);
	row_release(&row);
	return skipped;
}

/* Encoded rows are passed over for their own id and for what they cannot be without, and else never. */
static void test_skips(void **state)
{
	(void)state;
	struct keys *keys = keys_with(KEYS_DROP, "");
	begin(keys);
	JUDGE(keys, "courses", {"sourcedId=k1 orgSourcedId=s1", KEYS_STAYS, ""});
	assert_false(skips(keys, "orgs", "sourcedId=s1 parentSourcedId=d"));
	filter_out(keys, "orgs", "d");
	filter_out(keys, "academicSessions", "t1");
	assert_false(skips(keys, "orgs", "sourcedId=s1 parentSourcedId=d"));
	assert_true(skips(keys, "orgs", "sourcedId=d"));
	assert_true(skips(keys, "courses", "sourcedId=k2 orgSourcedId=d"));
	assert_true(skips(keys, "courses", "sourcedId=k2 orgSourcedId=d status=tobedeleted"));
	assert_false(skips(keys, "courses", "sourcedId=k2 orgSourcedId=s2 schoolYearSourcedId=t1"));
	assert_false(skips(keys, "courses", "sourcedId=k2 orgSourcedId=gone"));
	assert_false(skips(keys, "courses", "sourcedId=k2"));
	assert_false(skips(keys, "classes", "sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=t1"));
	assert_true(skips(keys, "classes", "sourcedId=c1 courseSourcedId=k1 schoolSourcedId=d termSourcedIds=t2"));
	/* A row that is left alone is known by its id afterwards. */
	keys_leave(keys, table_of("courses"), "k2", 2);
	assert_true(skips(keys, "courses", "sourcedId=k2 orgSourcedId=s1"));
	assert_true(skips(keys, "classes", "sourcedId=c1 courseSourcedId=k2 schoolSourcedId=s1 termSourcedIds=t2"));
	assert_int_equal(keys_rows(keys, table_of("courses"), KEYS_FILTERED), 1);
	keys_leave(keys, table_of("enrollments"), "e1", 2);
	assert_int_equal(keys_rows(keys, table_of("enrollments"), KEYS_FILTERED), 1);
	keys_free(keys);
}

static void test_numbers(void **state)
{
	(void)state;
	const struct table *table = table_of("orgs");
	struct keys *keys = keys_with(KEYS_DROP, "");
	struct row row;
	row_init(&row, (size_t)table->column_count);
	for (uint32_t i = 0; i < 2000; i++) {
		char id[16];
		snprintf(id, sizeof(id), "o%u", (unsigned)(i / 2));
		row_set(&row, SCHEMA_SOURCED_ID, id, strlen(id));
		/* The second row of an id changes nothing. */
		assert_int_equal(keys_add(keys, table, &row, i % 2 == 0 ? KEYS_STAYS : KEYS_DELETED), i / 2);
	}
	uint32_t number = 7;
	enum keys_fate fate = KEYS_HANGS;
	assert_true(keys_find(keys, table->id, "o999", 4, &number, &fate));
	assert_int_equal(number, 999);
	assert_int_equal(fate, KEYS_STAYS);
	assert_false(keys_find(keys, table->id, "o1000", 5, &number, &fate));
	assert_false(keys_find(keys, table->id, "", 0, &number, &fate));
	assert_false(keys_find(keys, table_of("enrollments")->id, "o1", 2, &number, &fate));
	assert_int_equal(number, 999);
	row_release(&row);
	keys_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_survey),
		cmocka_unit_test(test_cascade),
		cmocka_unit_test(test_dangling),
		cmocka_unit_test(test_self_references),
		cmocka_unit_test(test_absent_table),
		cmocka_unit_test(test_ids_are_bytes),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_filtered),
		cmocka_unit_test(test_skips),
		cmocka_unit_test(test_numbers),
	};
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/filter.h"
#include "check/keys.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

enum { TABLES = 64 };

/* A row as "column=text column=text". */
struct line {
	const char *table;
	const char *row;
};

/* What has to become of a row of that id, and what some of its cells have to be then. */
struct outcome {
	const char *table;
	const char *id;
	enum keys_fate fate;
	const char *left;
};

/* A small district: two schools in a region, one beside it; a year with two terms; people at each school, and others
 * who are there only by an enrollment. In the order of the schema, and of the ids. */
static const struct line district[] = {
	{"orgs", "sourcedId=d name=Sample_Valley type=district"},
	{"orgs", "sourcedId=q type=school parentSourcedId=d status=tobedeleted"},
	{"orgs", "sourcedId=r type=local parentSourcedId=d"},
	{"orgs", "sourcedId=s1 type=school name=North identifier=0001 parentSourcedId=r"},
	{"orgs", "sourcedId=s2 type=school name=South identifier=0002 parentSourcedId=r"},
	{"orgs", "sourcedId=s3 type=school name=Beside,_the_School identifier=0003 parentSourcedId=d"},
	{"orgs", "sourcedId=v name=Both type=department"},
	{"orgs", "sourcedId=w name=Both type=department parentSourcedId=v"},
	{"academicSessions", "sourcedId=y title=Year type=schoolYear startDate=2025-08-01 endDate=2026-07-01"},
	{"academicSessions",
		"sourcedId=y1 title=Fall type=term parentSourcedId=y startDate=2025-08-01 endDate=2026-01-01"},
	{"academicSessions", "sourcedId=y1a title=Q1 type=gradingPeriod parentSourcedId=y1 startDate=2025-08-01 "
			     "endDate=2025-10-15"},
	{"academicSessions", "sourcedId=y1b title=Q2 type=gradingPeriod parentSourcedId=y1 startDate=2025-10-15 "
			     "endDate=2026-01-01"},
	{"academicSessions",
		"sourcedId=y2 title=Spring type=term parentSourcedId=y startDate=2026-01-12 endDate=2026-07-01"},
	{"courses", "sourcedId=k1 orgSourcedId=d schoolYearSourcedId=y"},
	{"courses", "sourcedId=k2 orgSourcedId=d"},
	{"courses", "sourcedId=k3 orgSourcedId=s1"},
	{"courses", "sourcedId=k4 orgSourcedId=w"},
	{"classes", "sourcedId=c1 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=y1"},
	{"classes", "sourcedId=c2 courseSourcedId=k4 schoolSourcedId=s2 termSourcedIds=y2,y1"},
	{"classes", "sourcedId=c3 courseSourcedId=k2 schoolSourcedId=s3 termSourcedIds=y2"},
	{"classes", "sourcedId=c4 courseSourcedId=k1 schoolSourcedId=s1 termSourcedIds=y2 status=tobedeleted"},
	{"classes", "sourcedId=c5 courseSourcedId=k1 schoolSourcedId=s3 termSourcedIds=y"},
	{"users", "sourcedId=a1 role=administrator orgSourcedIds=d"},
	{"users", "sourcedId=p1 role=parent orgSourcedIds=d agentSourcedIds=u1"},
	{"users", "sourcedId=p2 role=guardian orgSourcedIds=s3"},
	{"users", "sourcedId=p3 role=relative orgSourcedIds=s2 agentSourcedIds=u3"},
	{"users", "sourcedId=t1 role=teacher orgSourcedIds=s1,s3"},
	{"users", "sourcedId=t2 role=teacher orgSourcedIds=s3"},
	{"users", "sourcedId=u1 role=student grades=09 orgSourcedIds=s1 agentSourcedIds=p2"},
	{"users", "sourcedId=u2 role=student grades=10,11 orgSourcedIds=s2,s3 agentSourcedIds=u1"},
	{"users", "sourcedId=u3 role=student grades=11 orgSourcedIds=s3"},
	{"users", "sourcedId=u4 role=student orgSourcedIds=s1"},
	{"enrollments", "sourcedId=e1 classSourcedId=c1 schoolSourcedId=s1 userSourcedId=u1 role=student"},
	{"enrollments", "sourcedId=e2 classSourcedId=c2 schoolSourcedId=s2 userSourcedId=u2 role=student"},
	{"enrollments", "sourcedId=e3 classSourcedId=c2 schoolSourcedId=s2 userSourcedId=u3 role=student"},
	{"enrollments", "sourcedId=e4 classSourcedId=c3 schoolSourcedId=s3 userSourcedId=u3 role=student"},
	{"enrollments", "sourcedId=e5 classSourcedId=c2 schoolSourcedId=s2 userSourcedId=t2 role=teacher"},
	{"enrollments", "sourcedId=e6 classSourcedId=c1 schoolSourcedId=s1 userSourcedId=t1 role=teacher"},
	{"enrollments", "sourcedId=e7 classSourcedId=c4 schoolSourcedId=s1 userSourcedId=u4 role=student"},
	{"enrollments", "sourcedId=e8 classSourcedId=c2 schoolSourcedId=s3 userSourcedId=u2 role=proctor"},
	{"demographics", "sourcedId=u1"},
	{"demographics", "sourcedId=u3"},
	{"lineItems", "sourcedId=l1 classSourcedId=c1 gradingPeriodSourcedId=y1a"},
	{"lineItems", "sourcedId=l2 classSourcedId=c2 gradingPeriodSourcedId=y1b"},
	{"results", "sourcedId=x1 lineItemSourcedId=l1 studentSourcedId=u1"},
	{"results", "sourcedId=x2 lineItemSourcedId=l2 studentSourcedId=u3"},
};

enum { DISTRICT = sizeof(district) / sizeof(district[0]) };

static const struct table *table_of(const char *name)
{
	const struct table *table = schema_table_find(&schema_oneroster_1_1, name);
	assert_non_null(table);
	return table;
}

/* Sets the cells that a text names, or compares with them; a _ in a value stands for a blank. */
static void with_cells(const struct table *table, const char *cells, struct row *row, bool set)
{
	char *copy = mem_copy(cells);
	char *rest = NULL;
	for (char *cell = strtok_r(copy, " ", &rest); cell != NULL; cell = strtok_r(NULL, " ", &rest)) {
		char *equals = strchr(cell, '=');
		assert_non_null(equals);
		*equals = '\0';
		for (char *c = equals + 1; *c != '\0'; c++)
			*c = (char)(*c == '_' ? ' ' : *c);
		int column = column_find(table, cell);
		assert_true(column != SCHEMA_NONE);
		if (set)
			assert_true(row_set(row, (size_t)column, equals + 1, strlen(equals + 1)));
		else if (!row_is(row, (size_t)column, equals + 1))
			fail_msg("%s.%s is \"%.*s\", not \"%s\"", table->name, cell,
				(int)row_length(row, (size_t)column), row_text(row, (size_t)column), equals + 1);
	}
	free(copy);
}

/* One bundle of the lines. */
struct making {
	const struct line *lines;
	size_t count;
	struct keys *keys;
	struct filter *filter;
	bool by_bytes; /* what may be passed over encoded is */
	struct value_counts users;
	uint64_t kept; /* rows in the bundle */
};

static void each_row(const struct making *making, const struct table *table, struct row *row,
	void (*act)(const struct making *making, const struct table *table, struct row *row, void *context),
	void *context)
{
	row_init(row, (size_t)table->column_count);
	for (size_t i = 0; i < making->count; i++) {
		if (strcmp(making->lines[i].table, table->name) != 0)
			continue;
		row_clear(row);
		with_cells(table, making->lines[i].row, row, true);
		act(making, table, row, context);
	}
	row_release(row);
}

static void survey_row(const struct making *making, const struct table *table, struct row *row, void *context)
{
	(void)context;
	filter_survey(making->filter, table, row, keys_judge(making->keys, table, row, KEYS_SURVEY));
}

static void agents_row(const struct making *making, const struct table *table, struct row *row, void *context)
{
	(void)table;
	(void)context;
	filter_agents(making->filter, row);
}

/* The order of calls that the header asks for. */
static bool survey(struct making *making, struct err *err)
{
	struct row row;
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++) {
		const struct table *table = &schema_oneroster_1_1.tables[i];
		if (!filter_surveys(making->filter, table))
			continue;
		each_row(making, table, &row, survey_row, NULL);
		if (!filter_surveyed(making->filter, table, err))
			return false;
	}
	if (filter_wants_agents(making->filter))
		each_row(making, table_of("users"), &row, agents_row, NULL);
	filter_settle(making->filter);
	return true;
}

static bool is_passed_over(const struct making *making, const struct table *table, const struct row *row)
{
	struct buf encoded = {0};
	assert_true(row_encode(row, &encoded));
	bool skipped = making->by_bytes && keys_skips(making->keys, table, buf_text(&encoded), encoded.length);
	buf_release(&encoded);
	return skipped;
}

/* What is wanted of the rows of a table. */
struct wanted {
	struct making *making;
	const struct outcome *outcomes;
	size_t count;
};

static void final_row(const struct making *making, const struct table *table, struct row *row, void *context)
{
	struct wanted *wanted = context;
	struct err err = {0};
	enum keys_fate fate = KEYS_FILTERED;
	if (is_passed_over(making, table, row) || !filter_holds(making->filter, table, row)) {
		keys_leave(making->keys, table, row_text(row, 0), row_length(row, 0));
	} else {
		assert_true(filter_place(making->filter, table, row, &wanted->making->users, &err));
		fate = keys_judge(making->keys, table, row, KEYS_FINAL);
		keys_add(making->keys, table, row, fate);
	}
	wanted->making->kept += fate == KEYS_STAYS ? 1 : 0;
	for (size_t i = 0; i < wanted->count; i++) {
		const struct outcome *outcome = &wanted->outcomes[i];
		if (strcmp(outcome->table, table->name) != 0 || !row_is(row, SCHEMA_SOURCED_ID, outcome->id))
			continue;
		if (fate != outcome->fate)
			fail_msg("%s %s: fate %d, not %d", table->name, outcome->id, (int)fate, (int)outcome->fate);
		if (fate == KEYS_STAYS)
			with_cells(table, outcome->left, row, false);
	}
}

static bool begin(struct making *making, const struct filter_options *options, enum keys_policy policy, struct err *err)
{
	bool all[TABLES];
	for (size_t i = 0; i < TABLES; i++)
		all[i] = true;
	making->keys = keys_new(&schema_oneroster_1_1, all, policy);
	making->filter = filter_new(&schema_oneroster_1_1, options, all, making->keys, err);
	assert_non_null(making->filter);
	value_counts_init(&making->users, table_of("users")->column_count);
	return survey(making, err);
}

static void end(struct making *making)
{
	filter_free(making->filter);
	keys_free(making->keys);
	value_counts_release(&making->users);
}

/* Makes the bundle, once with rows passed over as early as can be and once not: nothing may differ. Gives how many rows
 * are in it. */
static uint64_t make(const struct line *lines, size_t line_count, enum keys_policy policy,
	const struct filter_options *options, const struct outcome *outcomes, size_t count)
{
	uint64_t kept[2] = {0};
	for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
		struct making making = {.lines = lines, .count = line_count, .by_bytes = by_bytes == 1};
		struct err err = {0};
		struct row row;
		if (!begin(&making, options, policy, &err))
			fail_msg("%s", err.text);
		struct wanted wanted = {.making = &making, .outcomes = outcomes, .count = count};
		for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
			each_row(&making, &schema_oneroster_1_1.tables[i], &row, final_row, &wanted);
		kept[by_bytes] = making.kept;
		end(&making);
	}
	assert_int_equal(kept[0], kept[1]);
	return kept[0];
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define MAKE(options, ...)                                                                                             \
	make(district, DISTRICT, KEYS_FAIL, options, (const struct outcome[]){__VA_ARGS__},                            \
		sizeof((const struct outcome[]){__VA_ARGS__}) / sizeof(struct outcome))

/* --- schools -------------------------------------------------------------------------------------------------------
 */

static void test_one_school(void **state)
{
	(void)state;
	struct filter_options options = {.schools = LIST("0001")};
	uint64_t kept = MAKE(&options, {"orgs", "d", KEYS_STAYS, ""}, {"orgs", "r", KEYS_STAYS, "parentSourcedId=d"},
		{"orgs", "s1", KEYS_STAYS, "parentSourcedId=r"}, {"orgs", "s2", KEYS_FILTERED, ""},
		{"orgs", "s3", KEYS_FILTERED, ""}, {"orgs", "q", KEYS_DELETED, ""}, {"orgs", "w", KEYS_FILTERED, ""},
		{"courses", "k1", KEYS_STAYS, ""}, {"courses", "k2", KEYS_FILTERED, ""},
		{"courses", "k3", KEYS_STAYS, ""}, {"courses", "k4", KEYS_FILTERED, ""},
		{"classes", "c1", KEYS_STAYS, ""}, {"classes", "c2", KEYS_FILTERED, ""},
		{"classes", "c4", KEYS_DELETED, ""}, {"classes", "c5", KEYS_FILTERED, ""},
		/* Only in an org above, which stays as a row. */
		{"users", "a1", KEYS_FILTERED, ""}, {"users", "p1", KEYS_FILTERED, ""},
		{"users", "t1", KEYS_STAYS, "orgSourcedIds=s1"}, {"users", "t2", KEYS_FILTERED, ""},
		{"users", "u1", KEYS_STAYS, "orgSourcedIds=s1 agentSourcedIds="},
		/* At the school, without an enrollment that is not deleted. */
		{"users", "u4", KEYS_STAYS, "orgSourcedIds=s1"}, {"enrollments", "e1", KEYS_STAYS, ""},
		{"enrollments", "e5", KEYS_FILTERED, ""}, {"enrollments", "e6", KEYS_STAYS, ""},
		{"enrollments", "e7", KEYS_HANGS, ""}, {"demographics", "u1", KEYS_STAYS, ""},
		{"demographics", "u3", KEYS_FILTERED, ""}, {"lineItems", "l1", KEYS_STAYS, ""},
		{"lineItems", "l2", KEYS_FILTERED, ""}, {"results", "x1", KEYS_STAYS, ""},
		{"results", "x2", KEYS_FILTERED, ""});
	assert_int_equal(kept, 3 + 5 + 2 + 1 + 3 + 2 + 1 + 1 + 1);
}

/* The id, the identifier and the name of a school are as good as each other, save that an id goes first. */
static void test_names_of_schools(void **state)
{
	static const struct line two[] = {
		{"orgs", "sourcedId=1 name=2 type=school identifier=3"},
		{"orgs", "sourcedId=2 name=The_second type=school identifier=1"},
		{"orgs", "sourcedId=4 name=3 type=school"},
		{"orgs", "sourcedId=5 name=The_second type=school status=tobedeleted"},
	};
	static const struct {
		const char *name;
		const char *id;
	} cases[] = {{"1", "1"}, {"2", "2"}, {"3", "1"}, {"The second", "2"}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_options options = {.schools = LIST(cases[i].name)};
		struct outcome outcomes[] = {{"orgs", "1", KEYS_FILTERED, ""}, {"orgs", "2", KEYS_FILTERED, ""},
			{"orgs", "4", KEYS_FILTERED, ""}};
		for (size_t n = 0; n < 3; n++)
			if (strcmp(outcomes[n].id, cases[i].id) == 0)
				outcomes[n].fate = KEYS_STAYS;
		assert_int_equal(make(two, 4, KEYS_FAIL, &options, outcomes, 3), 1);
	}
	for (size_t i = 0; i < 3; i++) {
		struct filter_options options = {.schools = LIST(((const char *const[]){"s1", "0001", "North"})[i])};
		MAKE(&options, {"orgs", "s1", KEYS_STAYS, ""}, {"orgs", "s2", KEYS_FILTERED, ""},
			{"classes", "c1", KEYS_STAYS, ""}, {"classes", "c2", KEYS_FILTERED, ""});
	}
}

/* A course of an org elsewhere, an enrollment of a school elsewhere, people of schools elsewhere. */
static void test_what_comes_from_elsewhere(void **state)
{
	(void)state;
	struct filter_options options = {.schools = LIST("s2")};
	MAKE(&options, {"courses", "k4", KEYS_STAYS, "orgSourcedId=w"}, {"orgs", "w", KEYS_STAYS, "parentSourcedId=v"},
		{"orgs", "v", KEYS_STAYS, ""}, {"orgs", "s1", KEYS_FILTERED, ""}, {"orgs", "s3", KEYS_STAYS, ""},
		{"classes", "c3", KEYS_FILTERED, ""}, {"users", "p2", KEYS_FILTERED, ""},
		{"users", "p3", KEYS_STAYS, "agentSourcedIds=u3"},
		{"users", "u2", KEYS_STAYS, "orgSourcedIds=s2,s3 agentSourcedIds="},
		{"users", "u3", KEYS_STAYS, "orgSourcedIds=s3"}, {"users", "t1", KEYS_FILTERED, ""},
		{"users", "t2", KEYS_STAYS, "orgSourcedIds=s3"},
		{"enrollments", "e8", KEYS_STAYS, "schoolSourcedId=s3"}, {"enrollments", "e4", KEYS_FILTERED, ""});
	/* Without that enrollment nothing of s3 stays, and its people get the school of the class. */
	struct filter_options taught = {.schools = LIST("s2"), .roles = LIST("teacher", "student")};
	MAKE(&taught, {"orgs", "s3", KEYS_FILTERED, ""}, {"users", "t2", KEYS_STAYS, "orgSourcedIds=s2"},
		{"users", "u3", KEYS_STAYS, "orgSourcedIds=s2"}, {"users", "u2", KEYS_STAYS, "orgSourcedIds=s2"},
		{"users", "p3", KEYS_FILTERED, ""}, {"enrollments", "e8", KEYS_FILTERED, ""});
}

static void test_districts_bring_their_schools(void **state)
{
	(void)state;
	struct filter_options options = {.schools = LIST("r")};
	MAKE(&options, {"orgs", "s1", KEYS_STAYS, ""}, {"orgs", "s2", KEYS_STAYS, ""}, {"orgs", "d", KEYS_STAYS, ""},
		{"orgs", "s3", KEYS_STAYS, ""}, /* for e8 */
		{"classes", "c1", KEYS_STAYS, ""}, {"classes", "c2", KEYS_STAYS, ""},
		{"classes", "c3", KEYS_FILTERED, ""}, {"users", "a1", KEYS_FILTERED, ""},
		{"users", "p3", KEYS_STAYS, ""});
	options.schools = LIST("d");
	MAKE(&options, {"classes", "c3", KEYS_STAYS, ""}, {"users", "a1", KEYS_STAYS, ""},
		{"orgs", "w", KEYS_STAYS, ""}, {"courses", "k4", KEYS_STAYS, ""}, {"orgs", "v", KEYS_STAYS, ""});
}

static void test_school_added_is_counted(void **state)
{
	(void)state;
	struct making making = {.lines = district, .count = DISTRICT};
	struct filter_options options = {.schools = LIST("s2"), .roles = LIST("teacher", "student")};
	struct err err = {0};
	struct row row;
	struct wanted wanted = {.making = &making};
	assert_true(begin(&making, &options, KEYS_FAIL, &err));
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		each_row(&making, &schema_oneroster_1_1.tables[i], &row, final_row, &wanted);
	size_t place = 0;
	struct value_count count = {0};
	assert_true(value_counts_next(&making.users, &place, &count));
	assert_int_equal(count.column, column_find(table_of("users"), "orgSourcedIds"));
	assert_int_equal(count.rule, VALUE_LIST_SCHOOL);
	assert_int_equal(count.cells, 2);
	assert_false(value_counts_next(&making.users, &place, &count));
	/* s3 of u2, u3 and t2 */
	assert_int_equal(keys_column(making.keys, table_of("users"), count.column).cut, 3);
	end(&making);
}

/* Parents in a circle, of itself, marked for deletion, or never sent. */
static void test_odd_trees(void **state)
{
	static const struct line lines[] = {
		{"orgs", "sourcedId=a parentSourcedId=b"},
		{"orgs", "sourcedId=b parentSourcedId=c"},
		{"orgs", "sourcedId=c parentSourcedId=a"},
		{"orgs", "sourcedId=d parentSourcedId=c"},
		{"orgs", "sourcedId=e parentSourcedId=e"},
		{"orgs", "sourcedId=f parentSourcedId=never"},
		{"orgs", "sourcedId=g parentSourcedId=f status=tobedeleted"},
		{"orgs", "sourcedId=h parentSourcedId=g"},
	};
	static const struct {
		const char *named;
		const char *stay;
	} cases[] = {{"a", "abcd"}, {"b", "abcd"}, {"c", "abcd"}, {"d", "abcd"}, {"e", "e"}, {"f", "f"}, {"h", "h"}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_options options = {.schools = LIST(cases[i].named)};
		struct outcome outcomes[8];
		char ids[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
		for (size_t n = 0; n < 8; n++)
			outcomes[n] = (struct outcome){"orgs", ids[n],
				strcmp(ids[n], "g") == 0                   ? KEYS_DELETED
				: strchr(cases[i].stay, ids[n][0]) != NULL ? KEYS_STAYS
									   : KEYS_FILTERED,
				""};
		make(lines, sizeof(lines) / sizeof(lines[0]), KEYS_DROP, &options, outcomes, 8);
	}
}

/* The whole of a circle is only above the one that is named, and people of an org above do not stay. */
static void test_circle_is_family(void **state)
{
	static const struct line lines[] = {
		{"orgs", "sourcedId=a parentSourcedId=b"},
		{"orgs", "sourcedId=b parentSourcedId=a"},
		{"orgs", "sourcedId=s parentSourcedId=a"},
		{"users", "sourcedId=u role=student orgSourcedIds=b"},
	};
	static const struct outcome above[] = {
		{"orgs", "b", KEYS_STAYS, ""}, {"users", "u", KEYS_FILTERED, ""}, {"orgs", "s", KEYS_STAYS, ""}};
	static const struct outcome within[] = {
		{"orgs", "b", KEYS_STAYS, ""}, {"users", "u", KEYS_STAYS, ""}, {"orgs", "s", KEYS_STAYS, ""}};
	(void)state;
	struct filter_options options = {.schools = LIST("s")};
	make(lines, 4, KEYS_FAIL, &options, above, 3);
	options.schools = LIST("a");
	make(lines, 4, KEYS_FAIL, &options, within, 3);
}

/* A class that never came: its enrollments go by their own school, and what dangles outside is nobody's matter. */
static void test_dangling(void **state)
{
	static const struct line lines[] = {
		{"orgs", "sourcedId=s1"},
		{"orgs", "sourcedId=s2"},
		{"users", "sourcedId=u1 role=student orgSourcedIds=s1,never"},
		{"users", "sourcedId=u2 role=student orgSourcedIds=s2"},
		{"users", "sourcedId=u3 role=student orgSourcedIds=never"},
		{"enrollments", "sourcedId=e1 classSourcedId=never schoolSourcedId=s1 userSourcedId=u1 role=student"},
		{"enrollments", "sourcedId=e2 classSourcedId=never schoolSourcedId=s2 userSourcedId=u2 role=student"},
		{"enrollments", "sourcedId=e3 classSourcedId=never schoolSourcedId=s1 userSourcedId=u2 role=student"},
	};
	static const struct outcome kept[] = {
		{"users", "u1", KEYS_STAYS, "orgSourcedIds=s1,never"},
		{"users", "u2", KEYS_STAYS, "orgSourcedIds=s1"},
		{"users", "u3", KEYS_FILTERED, ""},
		{"enrollments", "e1", KEYS_STAYS, ""},
		{"enrollments", "e2", KEYS_FILTERED, ""},
		{"enrollments", "e3", KEYS_STAYS, ""},
	};
	static const struct outcome dropped[] = {
		{"users", "u1", KEYS_STAYS, "orgSourcedIds=s1"},
		{"users", "u2", KEYS_FILTERED, ""},
		{"enrollments", "e1", KEYS_DANGLES, ""},
		{"enrollments", "e2", KEYS_FILTERED, ""},
		{"enrollments", "e3", KEYS_FILTERED, ""},
	};
	(void)state;
	struct filter_options options = {.schools = LIST("s1")};
	make(lines, 8, KEYS_FAIL, &options, kept, 6);
	make(lines, 8, KEYS_KEEP, &options, kept, 6);
	make(lines, 8, KEYS_DROP, &options, dropped, 5);

	struct making making = {.lines = lines, .count = 8};
	struct err err = {0};
	struct row row;
	struct wanted wanted = {.making = &making};
	assert_true(begin(&making, &options, KEYS_FAIL, &err));
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		each_row(&making, &schema_oneroster_1_1.tables[i], &row, final_row, &wanted);
	const struct table *enrollments = table_of("enrollments");
	assert_int_equal(keys_column(making.keys, enrollments, column_find(enrollments, "classSourcedId")).dangling, 2);
	assert_int_equal(keys_rows(making.keys, enrollments, KEYS_FILTERED), 1);
	end(&making);
}

/* --- terms ---------------------------------------------------------------------------------------------------------
 */

static void test_terms(void **state)
{
	(void)state;
	struct filter_options options = {.terms = LIST("Fall")};
	MAKE(&options, {"academicSessions", "y", KEYS_STAYS, ""}, {"academicSessions", "y1", KEYS_STAYS, ""},
		{"academicSessions", "y1a", KEYS_STAYS, "parentSourcedId=y1"},
		{"academicSessions", "y1b", KEYS_STAYS, ""}, {"academicSessions", "y2", KEYS_FILTERED, ""},
		{"classes", "c1", KEYS_STAYS, ""}, {"classes", "c2", KEYS_STAYS, "termSourcedIds=y1"},
		{"classes", "c3", KEYS_FILTERED, ""}, {"classes", "c5", KEYS_STAYS, "termSourcedIds=y"},
		{"courses", "k2", KEYS_STAYS, ""}, {"users", "u3", KEYS_STAYS, ""}, {"orgs", "s3", KEYS_STAYS, ""},
		{"enrollments", "e4", KEYS_FILTERED, ""}, {"enrollments", "e3", KEYS_STAYS, ""},
		{"lineItems", "l2", KEYS_STAYS, ""});
	options.terms = LIST("y1b");
	MAKE(&options, {"academicSessions", "y", KEYS_STAYS, ""}, {"academicSessions", "y1", KEYS_STAYS, ""},
		{"academicSessions", "y1a", KEYS_FILTERED, ""}, {"classes", "c1", KEYS_STAYS, ""},
		{"classes", "c3", KEYS_FILTERED, ""}, {"lineItems", "l1", KEYS_FILTERED, ""},
		{"lineItems", "l2", KEYS_STAYS, ""}, {"results", "x1", KEYS_FILTERED, ""});
	options.terms = LIST("y2");
	MAKE(&options, {"classes", "c1", KEYS_FILTERED, ""}, {"courses", "k1", KEYS_STAYS, "schoolYearSourcedId=y"},
		{"classes", "c2", KEYS_STAYS, "termSourcedIds=y2"});
}

static void test_current(void **state)
{
	static const struct {
		const char *today;
		const char *stay; /* of y y1 y1a y1b y2 */
	} cases[] = {
		{"2025-08-01", "y y1 y1a y1b"},
		{"2025-12-31", "y y1 y1a y1b"},
		{"2026-01-12", "y y2"},
		{"2026-06-30", "y y2"},
		/* Between the terms the year is all there is. */
		{"2026-01-01", "y y1 y1a y1b y2"},
		{"2026-01-11", "y y1 y1a y1b y2"},
	};
	static const char *const ids[] = {"y", "y1", "y1a", "y1b", "y2"};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_options options = {.terms = LIST("current")};
		struct outcome outcomes[5];
		memcpy(options.today, cases[i].today, sizeof(options.today));
		for (size_t n = 0; n < 5; n++) {
			const char *place = strstr(cases[i].stay, ids[n]);
			while (place != NULL && place[strlen(ids[n])] != ' ' && place[strlen(ids[n])] != '\0')
				place = strstr(place + 1, ids[n]);
			outcomes[n] = (struct outcome){
				"academicSessions", ids[n], place != NULL ? KEYS_STAYS : KEYS_FILTERED, ""};
		}
		make(district, DISTRICT, KEYS_FAIL, &options, outcomes, 5);
	}
}

/* --- people --------------------------------------------------------------------------------------------------------
 */

static void test_roles(void **state)
{
	(void)state;
	struct filter_options options = {.roles = LIST("student")};
	MAKE(&options, {"users", "u1", KEYS_STAYS, "agentSourcedIds="},
		{"users", "u2", KEYS_STAYS, "agentSourcedIds=u1"}, {"users", "t1", KEYS_FILTERED, ""},
		{"users", "a1", KEYS_FILTERED, ""}, {"users", "p1", KEYS_FILTERED, ""},
		{"enrollments", "e1", KEYS_STAYS, ""}, {"enrollments", "e5", KEYS_FILTERED, ""},
		{"enrollments", "e8", KEYS_FILTERED, ""}, {"enrollments", "e7", KEYS_HANGS, ""},
		{"classes", "c2", KEYS_STAYS, ""}, {"orgs", "s2", KEYS_STAYS, ""});
}

static void test_grades(void **state)
{
	(void)state;
	struct filter_options options = {.grades = LIST("11", "12")};
	MAKE(&options, {"users", "u1", KEYS_FILTERED, ""}, {"users", "u2", KEYS_STAYS, "agentSourcedIds="},
		{"users", "u3", KEYS_STAYS, ""}, {"users", "u4", KEYS_FILTERED, ""}, {"users", "t1", KEYS_STAYS, ""},
		{"users", "p1", KEYS_STAYS, "agentSourcedIds="}, {"enrollments", "e1", KEYS_FILTERED, ""},
		{"enrollments", "e2", KEYS_STAYS, ""}, {"enrollments", "e5", KEYS_STAYS, ""},
		{"demographics", "u1", KEYS_FILTERED, ""}, {"results", "x1", KEYS_FILTERED, ""});
}

static void test_enrolled(void **state)
{
	(void)state;
	struct filter_options options = {.enrolled = FILTER_ENROLLED};
	MAKE(&options, {"users", "u1", KEYS_STAYS, "agentSourcedIds="}, {"users", "t1", KEYS_STAYS, ""},
		{"users", "u4", KEYS_FILTERED, ""}, {"users", "a1", KEYS_FILTERED, ""},
		{"users", "p1", KEYS_FILTERED, ""}, {"users", "p3", KEYS_FILTERED, ""},
		{"classes", "c5", KEYS_STAYS, ""});
	/* p1 names u1, u1 names p2, p3 names u3; a student who names another is not that one's agent. */
	options.enrolled = FILTER_ENROLLED_AND_AGENTS;
	MAKE(&options, {"users", "p1", KEYS_STAYS, "agentSourcedIds=u1"}, {"users", "p2", KEYS_STAYS, ""},
		{"users", "p3", KEYS_STAYS, ""}, {"users", "u4", KEYS_FILTERED, ""},
		{"users", "a1", KEYS_FILTERED, ""});
	/* Agents of students of this school, wherever the SIS has them; but only in roles that are wanted. */
	options.schools = LIST("s1");
	MAKE(&options, {"users", "p1", KEYS_STAYS, "orgSourcedIds=d"}, {"users", "p2", KEYS_STAYS, "orgSourcedIds=s1"},
		{"users", "p3", KEYS_FILTERED, ""}, {"users", "u4", KEYS_FILTERED, ""});
	options.roles = LIST("student", "parent");
	MAKE(&options, {"users", "p1", KEYS_STAYS, ""}, {"users", "p2", KEYS_FILTERED, ""},
		{"users", "t1", KEYS_FILTERED, ""}, {"users", "u1", KEYS_STAYS, "agentSourcedIds="});
}

static void test_all_at_once(void **state)
{
	(void)state;
	struct filter_options options = {.schools = LIST("s1", "s2"),
		.terms = LIST("Spring"),
		.grades = LIST("11"),
		.enrolled = FILTER_ENROLLED};
	MAKE(&options, {"classes", "c1", KEYS_FILTERED, ""}, {"classes", "c2", KEYS_STAYS, "termSourcedIds=y2"},
		{"users", "u1", KEYS_FILTERED, ""}, {"users", "u3", KEYS_STAYS, ""}, {"users", "t1", KEYS_FILTERED, ""},
		{"users", "t2", KEYS_STAYS, ""}, {"enrollments", "e3", KEYS_STAYS, ""},
		{"enrollments", "e4", KEYS_FILTERED, ""}, {"lineItems", "l2", KEYS_FILTERED, ""});
}

/* Filters of people only need no enrollment. */
static void test_what_is_surveyed(void **state)
{
	const struct {
		struct filter_options options;
		const char *last;
	} cases[] = {
		{{.schools = (const char *const[]){"s1", NULL}}, "enrollments"},
		{{.terms = (const char *const[]){"y", NULL}}, "classes"},
		{{.roles = (const char *const[]){"student", NULL}}, "users"},
		{{.grades = (const char *const[]){"09", NULL}}, "users"},
		{{.enrolled = FILTER_ENROLLED}, "enrollments"},
	};
	(void)state;
	struct filter_options none = {0};
	assert_false(filter_wanted(&none));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool all[TABLES] = {false};
		for (size_t n = 0; n < TABLES; n++)
			all[n] = true;
		struct err err = {0};
		struct keys *keys = keys_new(&schema_oneroster_1_1, all, KEYS_FAIL);
		assert_true(filter_wanted(&cases[i].options));
		struct filter *filter = filter_new(&schema_oneroster_1_1, &cases[i].options, all, keys, &err);
		for (int t = 0; t < schema_oneroster_1_1.table_count; t++)
			assert_int_equal(filter_surveys(filter, &schema_oneroster_1_1.tables[t]),
				t <= table_of(cases[i].last)->id);
		filter_free(filter);
		keys_free(keys);
	}
	filter_free(NULL);
}

/* --- mistakes ------------------------------------------------------------------------------------------------------
 */

static void test_names_that_are_not_there(void **state)
{
	const struct {
		struct filter_options options;
		const char *text;
	} cases[] = {
		{{.schools = LIST("s1", "s9")},
			"schools: the SIS has no org with the sourcedId, identifier or name s9. "},
		{{.schools = LIST("S1")},
			"There are: d (Sample Valley), r, s1 (North), s2 (South), s3 (Beside, the School), "
			"v (Both), w (Both)"},
		{{.schools = LIST("North South")}, "Several are written with commas between. "},
		{{.schools = LIST("Beside", "the School")},
			"One whose name has a comma is given by its sourcedId, here s3. "},
		{{.schools = LIST("q")}, "schools: the SIS marks the org q as deleted"},
		{{.schools = LIST("Both")},
			"schools: several orgs have the name Both. Give the one that is meant by its sourcedId. "
			"There are: v, w"},
		{{.terms = LIST("fall")}, "terms: the SIS has no academicSession with the sourcedId or title fall. "},
		{{.terms = LIST("fall")}, "There are: Year, Fall, Q1, Q2, Spring"},
		{{.grades = LIST("11", "99")}, "grades: no student of the SIS has the grade 99. "},
		{{.grades = LIST("12", "13")}, "grades: no student of the SIS has the grade 12. "},
		{{.grades = LIST("9")}, "There are: 09, 10, 11"},
		{{.terms = (const char *const[]){"Fall", "current", NULL}, .today = "2026-07-01"},
			"terms: no academicSession of the SIS is current: today, 2026-07-01, lies in none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct making making = {.lines = district, .count = DISTRICT};
		struct err err = {0};
		assert_false(begin(&making, &cases[i].options, KEYS_FAIL, &err));
		assert_int_equal(err.code, ERR_DATA);
		if (strstr(err.text, cases[i].text) == NULL)
			fail_msg("%s, not: %s", err.text, cases[i].text);
		end(&making);
	}
}

static void test_tables_that_were_not_read(void **state)
{
	const struct {
		struct filter_options options;
		const char *lack;
		bool fine;
	} cases[] = {
		{{.schools = (const char *const[]){"s1", NULL}}, "orgs", false},
		{{.schools = (const char *const[]){"s1", NULL}}, "classes", false},
		{{.schools = (const char *const[]){"s1", NULL}}, "courses", true},
		{{.schools = (const char *const[]){"s1", NULL}}, "academicSessions", true},
		{{.terms = (const char *const[]){"y", NULL}}, "academicSessions", false},
		{{.terms = (const char *const[]){"y", NULL}}, "classes", false},
		{{.terms = (const char *const[]){"y", NULL}}, "users", true},
		{{.enrolled = FILTER_ENROLLED}, "enrollments", false},
		{{.enrolled = FILTER_ENROLLED}, "users", true},
		{{.roles = (const char *const[]){"student", NULL}}, "users", true},
		{{.grades = (const char *const[]){"09", NULL}}, "users", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool read[TABLES] = {false};
		for (int t = 0; t < schema_oneroster_1_1.table_count; t++)
			read[t] = strcmp(schema_oneroster_1_1.tables[t].name, cases[i].lack) != 0;
		struct err err = {0};
		struct keys *keys = keys_new(&schema_oneroster_1_1, read, KEYS_FAIL);
		struct filter *filter = filter_new(&schema_oneroster_1_1, &cases[i].options, read, keys, &err);
		assert_int_equal(filter != NULL, cases[i].fine);
		assert_int_equal(err.code, cases[i].fine ? ERR_NONE : ERR_USAGE);
		if (!cases[i].fine)
			assert_non_null(strstr(err.text, cases[i].lack));
		filter_free(filter);
		keys_free(keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_school),
		cmocka_unit_test(test_names_of_schools),
		cmocka_unit_test(test_what_comes_from_elsewhere),
		cmocka_unit_test(test_districts_bring_their_schools),
		cmocka_unit_test(test_school_added_is_counted),
		cmocka_unit_test(test_odd_trees),
		cmocka_unit_test(test_circle_is_family),
		cmocka_unit_test(test_dangling),
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_grades),
		cmocka_unit_test(test_enrolled),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_what_is_surveyed),
		cmocka_unit_test(test_names_that_are_not_there),
		cmocka_unit_test(test_tables_that_were_not_read),
	};
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}

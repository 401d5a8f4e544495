#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/exchange.h"

static const struct table *find(const char *table)
{
	return schema_table_find(&schema_oneroster_1_1, table);
}

/* A column, with a map of pairs that end with an empty from. */
struct fixture {
	const struct table *table;
	int column;
	struct exchange *exchange;
	struct row row;
	struct value_counts counts;
	struct err err;
};

static void begin(struct fixture *fixture, const char *table, const char *column, const struct exchange_pair *pairs)
{
	size_t count = 0;
	*fixture = (struct fixture){.table = find(table), .exchange = exchange_new(&schema_oneroster_1_1)};
	fixture->column = column_find(fixture->table, column);
	while (pairs[count].from[0] != '\0')
		count++;
	exchange_set(fixture->exchange, fixture->table->id, fixture->column, pairs, count);
	row_init(&fixture->row, (size_t)fixture->table->column_count);
	value_counts_init(&fixture->counts, fixture->table->column_count);
}

static void end(struct fixture *fixture)
{
	exchange_free(fixture->exchange);
	row_release(&fixture->row);
	value_counts_release(&fixture->counts);
}

static uint64_t counted(const struct fixture *fixture, enum value_rule rule)
{
	return fixture->counts.by[(size_t)fixture->column * VALUE_RULE_COUNT + rule];
}

/* Puts a value into the column; what becomes of it, and whether it is counted as replaced exactly if it is another. */
static void assert_becomes(struct fixture *fixture, const char *from, const char *to)
{
	size_t i = (size_t)fixture->column;
	value_counts_clear(&fixture->counts);
	row_set(&fixture->row, i, from, strlen(from));
	assert_true(exchange_row(fixture->exchange, fixture->table, &fixture->row, &fixture->counts, &fixture->err));
	if (!row_is(&fixture->row, i, to))
		fail_msg("\"%s\" becomes \"%.*s\", not \"%s\"", from, (int)row_length(&fixture->row, i),
			row_text(&fixture->row, i), to);
	assert_int_equal(counted(fixture, VALUE_FIELD_MAPPED), strcmp(from, to) != 0);
}

static void test_single_value(void **state)
{
	static const struct exchange_pair pairs[] = {{"Counselor", "administrator"}, {"K", "KG"}, {"KG", "00"},
		{"gone", ""}, {"same", "same"}, {"a,b", "c"}, {"c", "d,e"}, {"", ""}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "users", "middleName", pairs);
	assert_becomes(&fixture, "Counselor", "administrator");
	assert_becomes(&fixture, "counselor", "counselor"); /* exact */
	assert_becomes(&fixture, "Counselo", "Counselo");
	assert_becomes(&fixture, "Counselors", "Counselors");
	assert_becomes(&fixture, "K", "KG"); /* once */
	assert_becomes(&fixture, "KG", "00");
	assert_becomes(&fixture, "gone", "");
	assert_becomes(&fixture, "same", "same");
	assert_becomes(&fixture, "a,b", "c"); /* as a whole */
	assert_becomes(&fixture, "c", "d,e");
	assert_becomes(&fixture, "a,K", "a,K");
	assert_becomes(&fixture, "", "");
	end(&fixture);
}

static void test_other_cells_stay(void **state)
{
	static const struct exchange_pair pairs[] = {{"x", "y"}, {"", ""}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "users", "middleName", pairs);
	for (size_t i = 0; i < fixture.row.count; i++)
		row_set(&fixture.row, i, "x", 1);
	assert_true(exchange_row(fixture.exchange, fixture.table, &fixture.row, &fixture.counts, &fixture.err));
	for (size_t i = 0; i < fixture.row.count; i++)
		assert_true(row_is(&fixture.row, i, (int)i == fixture.column ? "y" : "x"));
	/* The same place of another table is another column. */
	row_set(&fixture.row, (size_t)fixture.column, "x", 1);
	assert_true(exchange_row(fixture.exchange, find("orgs"), &fixture.row, &fixture.counts, &fixture.err));
	assert_true(exchange_row(NULL, fixture.table, &fixture.row, &fixture.counts, &fixture.err));
	assert_true(row_is(&fixture.row, (size_t)fixture.column, "x"));
	end(&fixture);
}

static void test_list(void **state)
{
	static const struct exchange_pair pairs[] = {{"KG", "K"}, {"01", "1"}, {"1st", "1"}, {"02", "2"}, {"PS", ""},
		{"K-2", "K,1,2"}, {"03", "03"}, {"", ""}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "users", "grades", pairs);
	assert_becomes(&fixture, "KG", "K");
	assert_becomes(&fixture, "KG,01,09", "K,1,09");
	assert_becomes(&fixture, "09,KG", "09,K");
	assert_becomes(&fixture, "PS", "");
	assert_becomes(&fixture, "PS,KG", "K");
	assert_becomes(&fixture, "KG,PS", "K");
	assert_becomes(&fixture, "01,PS,02", "1,2");
	assert_becomes(&fixture, "01,1st", "1");     /* two become one */
	assert_becomes(&fixture, "01,1", "1");       /* what came is there already */
	assert_becomes(&fixture, "1,02,01", "1,2");  /* also when it came first */
	assert_becomes(&fixture, "K-2,01", "K,1,2"); /* one becomes three */
	assert_becomes(&fixture, "02,K-2", "2,K,1"); /* in the order they come in */
	assert_becomes(&fixture, "09,09", "09,09");  /* the map made none of these equal */
	assert_becomes(&fixture, "1,1,02", "1,1,2");
	assert_becomes(&fixture, "03,03", "03,03");
	assert_becomes(&fixture, "kg,K G,K", "kg,K G,K");
	assert_becomes(&fixture, "", "");
	end(&fixture);
}

static void test_rest(void **state)
{
	static const struct exchange_pair pairs[] = {{"*", "Other"}, {"KG", "KG"}, {"01", "1"}, {"", ""}};
	static const struct exchange_pair none[] = {{"*", ""}, {"teacher", "teacher"}, {"", ""}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "classes", "grades", pairs);
	assert_becomes(&fixture, "KG", "KG");
	assert_becomes(&fixture, "01,XY,ZZ,KG", "1,Other,KG");
	assert_becomes(&fixture, "Other", "Other");
	assert_becomes(&fixture, "*", "Other");
	assert_becomes(&fixture, "", ""); /* no value is none that could be replaced */
	end(&fixture);
	begin(&fixture, "users", "role", none);
	assert_becomes(&fixture, "teacher", "teacher");
	assert_becomes(&fixture, "Counselor", "");
	end(&fixture);
}

/* What could not be understood while reading is judged anew, by the same rules. */
static void test_doubts(void **state)
{
	static const struct {
		const char *table;
		const char *column;
		const char *bad;
		const char *good;
		enum value_rule rule;
	} doubts[] = {
		{"users", "role", "Counselor", "administrator", VALUE_FIELD_ENUM},
		{"resources", "roles", "Counselor,teacher", "administrator,teacher", VALUE_FIELD_ENUM},
		{"users", "enabledUser", "A", "true", VALUE_FIELD_BOOLEAN},
		{"results", "scoreDate", "spring", "2026-03-01", VALUE_FIELD_DATE},
		{"academicSessions", "schoolYear", "26", "2026", VALUE_FIELD_YEAR},
		{"results", "score", "A+", "97.5", VALUE_FIELD_FLOAT},
	};
	static const struct exchange_pair pairs[] = {{"Counselor", "administrator"}, {"A", "true"},
		{"spring", "2026-03-01"}, {"26", "2026"}, {"A+", "97.5"}, {"twice", "nonsense"}, {"", ""}};
	(void)state;
	for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
		struct fixture fixture;
		begin(&fixture, doubts[i].table, doubts[i].column, pairs);
		assert_true(exchange_judges(fixture.exchange, fixture.table, fixture.column, doubts[i].rule));
		assert_false(exchange_judges(fixture.exchange, fixture.table, fixture.column, VALUE_FIELD_CASE));
		assert_false(exchange_judges(fixture.exchange, fixture.table, SCHEMA_STATUS, doubts[i].rule));
		assert_false(exchange_judges(NULL, fixture.table, fixture.column, doubts[i].rule));
		assert_becomes(&fixture, doubts[i].bad, doubts[i].good);
		assert_int_equal(counted(&fixture, doubts[i].rule), 0);
		assert_becomes(&fixture, doubts[i].good, doubts[i].good);
		assert_int_equal(counted(&fixture, doubts[i].rule), 0);
		assert_becomes(&fixture, "unknown", "unknown");
		assert_int_equal(counted(&fixture, doubts[i].rule), 1);
		assert_becomes(&fixture, "twice", "nonsense");
		assert_int_equal(counted(&fixture, doubts[i].rule), 1);
		assert_becomes(&fixture, "", "");
		assert_int_equal(counted(&fixture, doubts[i].rule), 0);
		end(&fixture);
	}
}

static void test_grades_are_never_doubted(void **state)
{
	static const struct exchange_pair pairs[] = {{"01", "1"}, {"", ""}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "users", "grades", pairs);
	assert_becomes(&fixture, "01,XY", "1,XY");
	for (int rule = 0; rule < VALUE_RULE_COUNT; rule++) {
		assert_false(exchange_judges(fixture.exchange, fixture.table, fixture.column, (enum value_rule)rule));
		assert_int_equal(counted(&fixture, (enum value_rule)rule), rule == VALUE_FIELD_MAPPED);
	}
	end(&fixture);
}

static void test_set_again(void **state)
{
	static const struct exchange_pair first[] = {{"a", "b"}, {"c", "d"}, {"", ""}};
	static const struct exchange_pair second[] = {{"a", "x"}};
	struct fixture fixture;
	(void)state;
	begin(&fixture, "users", "grades", first);
	exchange_set(fixture.exchange, fixture.table->id, fixture.column, second, 1);
	assert_becomes(&fixture, "a,c", "x,c");
	end(&fixture);
}

static void test_allowed(void **state)
{
	static const char *const closed[] = {"users.sourcedId", "users.orgSourcedIds", "users.userIds",
		"users.password", "orgs.parentSourcedId", "resources.vendorResourceId", "classResources.sourcedId"};
	(void)state;
	for (int t = 0; t < schema_oneroster_1_1.table_count; t++) {
		const struct table *table = &schema_oneroster_1_1.tables[t];
		assert_false(exchange_allowed(&table->columns[SCHEMA_SOURCED_ID]));
		for (int c = 0; c < table->column_count; c++)
			if (table->columns[c].ref != SCHEMA_NONE)
				assert_false(exchange_allowed(&table->columns[c]));
	}
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		size_t dot = strcspn(closed[i], ".");
		char *name = mem_copy_n(closed[i], dot);
		const struct table *table = find(name);
		assert_false(exchange_allowed(&table->columns[column_find(table, closed[i] + dot + 1)]));
		free(name);
	}
	assert_true(exchange_allowed(&find("users")->columns[column_find(find("users"), "role")]));
	assert_true(exchange_allowed(&find("courses")->columns[column_find(find("courses"), "grades")]));
}

/* A server may send a list of any length. */
static void test_very_long_list(void **state)
{
	enum { ITEMS = 300000 };
	static const struct exchange_pair pairs[] = {{"0", "1"}, {"", ""}};
	struct fixture fixture;
	char *text = mem_new(2 * ITEMS, 1);
	(void)state;
	for (size_t i = 0; i < ITEMS; i++)
		memcpy(text + 2 * i, i % 2 == 0 ? "0," : "2,", 2);
	begin(&fixture, "users", "grades", pairs);
	row_set(&fixture.row, (size_t)fixture.column, text, 2 * ITEMS - 1);
	assert_true(exchange_row(fixture.exchange, fixture.table, &fixture.row, &fixture.counts, &fixture.err));
	assert_int_equal(row_length(&fixture.row, (size_t)fixture.column), 1 + ITEMS); /* 1, and half of them 2 */
	end(&fixture);
	free(text);
}

static void test_row_too_large(void **state)
{
	static const char *const columns[] = {"grades", "middleName"};
	enum { SIZE = ROW_TEXT_MAX / 2 + 1 };
	char *text = mem_new(SIZE + 1, 1);
	(void)state;
	memset(text, 'x', SIZE);
	const struct exchange_pair pairs[] = {{"a", text}, {"", ""}};
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		struct fixture fixture;
		begin(&fixture, "users", columns[i], pairs);
		assert_becomes(&fixture, "a", text);
		row_clear(&fixture.row);
		row_set(&fixture.row, SCHEMA_SOURCED_ID, text, SIZE);
		row_set(&fixture.row, (size_t)fixture.column, "a", 1);
		assert_false(
			exchange_row(fixture.exchange, fixture.table, &fixture.row, &fixture.counts, &fixture.err));
		assert_int_equal(fixture.err.code, ERR_DATA);
		end(&fixture);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_value),
		cmocka_unit_test(test_other_cells_stay),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_grades_are_never_doubted),
		cmocka_unit_test(test_set_again),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_very_long_list),
		cmocka_unit_test(test_row_too_large),
	};
	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}

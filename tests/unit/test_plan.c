#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "convert/plan.h"
#include "table/schema.h"

static const struct table *table_of(const char *name)
{
	const struct table *table = schema_table_find(&schema_oneroster_1_1, name);
	assert_non_null(table);
	return table;
}

static struct plan *plan_of(const char *name)
{
	return plan_new(table_of(name), NULL, 0, NULL);
}

/* The node of a path with dots below a record. */
static const struct plan_node *node_at(const struct plan *plan, const char *path)
{
	int at = PLAN_RECORD;
	while (at != PLAN_NOWHERE && *path != '\0') {
		size_t length = strcspn(path, ".");
		at = plan_child(plan, at, path, length);
		path += length + (path[length] == '.' ? 1 : 0);
	}
	return &plan->nodes[at];
}

/* The name of the column that values at a path go to; "" for none. */
static const char *column_at(const struct plan *plan, const char *path)
{
	const struct plan_node *node = node_at(plan, path);
	const struct table *table = plan->rows[node->row].table;
	return node->cell >= 0 && node->cell < table->column_count ? table->columns[node->cell].name : "";
}

/* Paths of the standard's JSON, bare ids, flat names of the CSV, and names of version 1.0: all lead to the column. */
static void test_paths(void **state)
{
	static const struct {
		const char *table;
		const char *path;
		const char *column;
	} cases[] = {
		{"users", "sourcedId", "sourcedId"},
		{"users", "givenName", "givenName"},
		{"users", "orgs.sourcedId", "orgSourcedIds"},
		{"users", "orgs", "orgSourcedIds"},
		{"users", "orgSourcedIds", "orgSourcedIds"},
		{"users", "agents.sourcedId", "agentSourcedIds"},
		{"users", "agents", "agentSourcedIds"},
		{"users", "agentSourcedIds", "agentSourcedIds"},
		{"users", "userIds", "userIds"},
		{"users", "grades", "grades"},
		{"users", "grade", "grades"},
		{"users", "password", ""},
		{"users", "metadata", ""},
		{"users", "metadata.sourcedId", ""},
		{"users", "orgs.href", ""},
		{"users", "orgs.orgs.sourcedId", ""},
		{"users", "", ""},
		{"orgs", "parent.sourcedId", "parentSourcedId"},
		{"orgs", "parent", "parentSourcedId"},
		{"orgs", "parentSourcedId", "parentSourcedId"},
		{"orgs", "children", ""},
		{"orgs", "children.sourcedId", ""},
		{"classes", "course.sourcedId", "courseSourcedId"},
		{"classes", "course", "courseSourcedId"},
		{"classes", "school", "schoolSourcedId"},
		{"classes", "terms.sourcedId", "termSourcedIds"},
		{"classes", "terms", "termSourcedIds"},
		{"classes", "termSourcedIds", "termSourcedIds"},
		{"classes", "resources", ""},
		{"courses", "schoolYear", "schoolYearSourcedId"},
		{"courses", "schoolYear.sourcedId", "schoolYearSourcedId"},
		{"courses", "schoolYearId", "schoolYearSourcedId"},
		{"courses", "org.sourcedId", "orgSourcedId"},
		{"academicSessions", "schoolYear", "schoolYear"},
		{"academicSessions", "schoolYear.sourcedId", ""},
		{"enrollments", "class.sourcedId", "classSourcedId"},
		{"enrollments", "user", "userSourcedId"},
		{"demographics", "birthDate", "birthDate"},
		{"demographics", "birthdate", "birthDate"},
		{"resources", "role", "roles"},
		{"results", "lineItem.sourcedId", "lineItemSourcedId"},
		{"lineItems", "gradingPeriod", "gradingPeriodSourcedId"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan *plan = plan_of(cases[i].table);
		if (strcmp(column_at(plan, cases[i].path), cases[i].column) != 0)
			fail_msg("%s, %s: leads to \"%s\"", cases[i].table, cases[i].path,
				column_at(plan, cases[i].path));
		plan_free(plan);
	}
}

/* Every column of every table that has a path is found by it, and by its own name unless that is taken. */
static void test_every_column(void **state)
{
	(void)state;
	for (int t = 0; t < schema_oneroster_1_1.table_count; t++) {
		const struct table *table = &schema_oneroster_1_1.tables[t];
		if (table->from != SCHEMA_NONE)
			continue;
		struct plan *plan = plan_new(table, NULL, 0, NULL);
		assert_int_equal(plan->row_count, 1);
		assert_int_equal(plan->rows[0].table->id, table->id);
		for (int c = 0; c < table->column_count; c++) {
			const struct column *column = &table->columns[c];
			for (const char *const *path = column->paths; *path != NULL; path++)
				assert_string_equal(column_at(plan, *path), column->name);
			if (column->paths[0] != NULL)
				assert_string_equal(column_at(plan, column->name), column->name);
			assert_int_equal(plan->rows[0].lists[c], column_is_list(column->type));
		}
		plan_free(plan);
	}
}

static void test_letter_case(void **state)
{
	(void)state;
	struct plan *plan = plan_of("demographics");
	assert_string_equal(column_at(plan, "SOURCEDID"), "sourcedId");
	assert_string_equal(column_at(plan, "sourcedID"), "sourcedId");
	assert_string_equal(column_at(plan, "BirthDate"), "birthDate");
	assert_string_equal(column_at(plan, "sourcedI"), "");
	assert_string_equal(column_at(plan, "sourcedIdd"), "");
	assert_string_equal(column_at(plan, " sourcedId"), "");
	/* The exact name goes before a like one that stands in front of it. */
	assert_ptr_not_equal(node_at(plan, "birthdate"), node_at(plan, "birthDate"));
	assert_int_equal(
		plan_child(plan, PLAN_RECORD, "birthdate", 9), (int)(node_at(plan, "birthdate") - plan->nodes));
	plan_free(plan);

	plan = plan_of("users");
	assert_string_equal(column_at(plan, "Orgs.SourcedId"), "orgSourcedIds");
	assert_int_equal(plan_child(plan, PLAN_NOWHERE, "sourcedId", 9), PLAN_NOWHERE);
	/* Keys may hold any bytes. */
	assert_int_equal(plan_child(plan, PLAN_RECORD, "role\0", 5), PLAN_NOWHERE);
	assert_int_equal(plan_child(plan, PLAN_RECORD, "", 0), PLAN_NOWHERE);
	plan_free(plan);
}

/* The better of two members for one column has the lower rank: path, further paths, flat name. */
static void test_ranks(void **state)
{
	(void)state;
	struct plan *plan = plan_of("courses");
	assert_true(node_at(plan, "schoolYear")->rank < node_at(plan, "schoolYearId")->rank);
	assert_true(node_at(plan, "schoolYearId")->rank < node_at(plan, "schoolYearSourcedId")->rank);
	assert_int_equal(node_at(plan, "schoolYear")->rank, node_at(plan, "schoolYear.sourcedId")->rank);
	assert_true(node_at(plan, "grades")->rank < node_at(plan, "grade")->rank);
	plan_free(plan);
}

static void test_made_tables(void **state)
{
	const struct table *made = table_of("classResources");
	(void)state;
	struct plan *plan = plan_new(table_of("classes"), &made, 1, NULL);
	assert_int_equal(plan->row_count, 2);
	assert_int_equal(plan->rows[1].table->id, made->id);
	assert_int_equal(node_at(plan, "resources")->opens, 1);
	assert_string_equal(column_at(plan, "resources.sourcedId"), "resourceSourcedId");
	assert_string_equal(column_at(plan, "resources"), "resourceSourcedId");
	assert_int_equal(node_at(plan, "resources")->row, 1);
	/* The other members of the class are the class's. */
	assert_string_equal(column_at(plan, "title"), "title");
	assert_int_equal(node_at(plan, "title")->row, 0);
	assert_string_equal(column_at(plan, "resources.title"), "");
	/* Taken over from the class: status, dateLastModified, title, its id. */
	assert_int_equal(plan->copy_count, 4);
	for (size_t i = 0; i < plan->copy_count; i++)
		assert_int_equal(plan->copies[i].row, 1);
	/* Its own id is composed when the row is whole. */
	assert_non_null(plan->rows[1].row_formats);
	const struct plan_format *format = &plan->formats[plan->rows[1].row_formats[0]];
	assert_int_equal(format->row, 1);
	assert_int_equal(format->cell, SCHEMA_SOURCED_ID);
	assert_int_equal(format->piece_count, 3);
	assert_true(format->pieces[0].of_parent && !format->pieces[2].of_parent);
	assert_string_equal(format->pieces[1].text, " ");
	plan_free(plan);

	/* Not wanted, not read. */
	plan = plan_of("classes");
	assert_int_equal(plan_child(plan, PLAN_RECORD, "resources", 9), PLAN_NOWHERE);
	plan_free(plan);
	plan_free(NULL);
}

/* Metadata have a node and a cell of their own, whatever their members are called. */
static void test_metadata(void **state)
{
	static const struct extras_wish wish = {.all = true};
	(void)state;
	for (int t = 0; t < schema_oneroster_1_1.table_count; t++) {
		const struct table *table = &schema_oneroster_1_1.tables[t];
		if (table->from != SCHEMA_NONE)
			continue;
		struct plan *plan = plan_new(table, NULL, 0, &wish);
		struct plan *plain = plan_new(table, NULL, 0, NULL);
		assert_int_equal(plan->extras_node, plan_child(plan, PLAN_RECORD, "metadata", 8));
		assert_int_not_equal(plan->extras_node, PLAN_NOWHERE);
		assert_int_equal(plan->nodes[plan->extras_node].cell, SCHEMA_NONE);
		assert_int_equal(plan->nodes[plan->extras_node].child, PLAN_NOWHERE);
		assert_int_equal(plan->rows[0].kept, table->column_count + 1);
		assert_int_equal(plan->rows[0].cells, plain->rows[0].cells + 1);
		assert_int_equal(plain->extras_node, PLAN_NOWHERE);
		assert_int_equal(plain->rows[0].kept, table->column_count);
		for (size_t n = 0; n < plan->node_count; n++)
			assert_int_not_equal(plan->nodes[n].cell, table->column_count);
		for (int c = 0; c < table->column_count; c++)
			if (table->columns[c].paths[0] != NULL)
				assert_string_equal(
					column_at(plan, table->columns[c].paths[0]), table->columns[c].name);
		plan_free(plain);
		plan_free(plan);
	}
	const struct table *made = table_of("classResources");
	struct plan *plan = plan_new(table_of("classes"), &made, 1, &wish);
	assert_int_equal(plan->rows[0].kept, plan->rows[0].table->column_count + 1);
	assert_int_equal(plan->rows[1].kept, made->column_count);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_every_column),
		cmocka_unit_test(test_letter_case),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_made_tables),
		cmocka_unit_test(test_metadata),
	};
	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}

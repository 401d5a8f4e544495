#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "convert/record.h"
#include "table/schema.h"

/* Drives a record as the parser does, by a script of one word a step:
 *	name		a direct member of the record begins
 *	.name		a member of the object that is open
 *	{ }	[ ]	an object or a list begins or ends
 *	=text		a value
 */
struct drive {
	struct plan *plan;
	struct record *record;
	struct err err;
};

static void drive_init(struct drive *drive, const char *table, const char *made)
{
	const struct table *one = made != NULL ? schema_table_find(&schema_oneroster_1_1, made) : NULL;
	*drive = (struct drive){0};
	drive->plan = plan_new(schema_table_find(&schema_oneroster_1_1, table), &one, made != NULL ? 1 : 0, NULL);
	drive->record = record_new(drive->plan);
}

static void drive_release(struct drive *drive)
{
	record_free(drive->record);
	plan_free(drive->plan);
}

static bool drive(struct drive *drive, const char *script)
{
	struct {
		int at;
		bool list;
	} stack[16];
	size_t depth = 0;
	int at = PLAN_RECORD;
	bool fine = true;
	char *steps = mem_copy(script);
	char *rest = NULL;
	record_begin(drive->record);
	for (char *step = strtok_r(steps, " ", &rest); fine && step != NULL; step = strtok_r(NULL, " ", &rest)) {
		bool list = depth > 0 && stack[depth - 1].list;
		switch (*step) {
		case '=': {
			for (char *c = step; *c != '\0'; c++)
				*c = *c == '_' ? ' ' : *c;
			if (at != PLAN_NOWHERE)
				fine = record_value(drive->record, at, step + 1, strlen(step + 1), list, &drive->err);
			break;
		}
		case '{':
		case '[':
			if (*step == '{' && at != PLAN_NOWHERE) {
				if (drive->plan->nodes[at].child == PLAN_NOWHERE)
					record_misfit(drive->record, at);
				fine = record_open(drive->record, at, &drive->err);
			}
			stack[depth].at = at;
			stack[depth++].list = *step == '[';
			break;
		case '}':
		case ']':
			at = stack[--depth].at;
			if (*step == '}' && at != PLAN_NOWHERE)
				fine = record_close(drive->record, at, &drive->err);
			break;
		case '.': at = plan_child(drive->plan, stack[depth - 1].at, step + 1, strlen(step + 1)); break;
		default:
			at = plan_child(drive->plan, PLAN_RECORD, step, strlen(step));
			record_member(drive->record, at);
			break;
		}
	}
	free(steps);
	return fine && record_finish(drive->record, &drive->err);
}

static void assert_cell(const struct row *row, const struct table *table, const char *column, const char *text,
	uint32_t notes, const char *script)
{
	int cell = column_find(table, column);
	assert_true(cell != SCHEMA_NONE);
	if (!row_is(row, (size_t)cell, text) || row->cells[cell].notes != notes)
		fail_msg("%s: %s is \"%.*s\" with notes %u, not \"%s\" with %u", script, column,
			(int)row_length(row, (size_t)cell), row_text(row, (size_t)cell), row->cells[cell].notes, text,
			notes);
}

static void test_cells(void **state)
{
	static const struct {
		const char *table;
		const char *script;
		const char *column;
		const char *text;
		uint32_t notes;
	} cases[] = {
		/* one value */
		{"users", "givenName =Ann", "givenName", "Ann", 0},
		{"users", "givenName", "givenName", "", 0},
		{"users", "givenName =", "givenName", "", 0},
		{"users", "givenName =___", "givenName", "", 0},
		{"users", "givenName =_Ann_", "givenName", " Ann ", 0},
		{"users", "givenName [ =Ann ]", "givenName", "Ann", 0},
		{"users", "givenName [ =Ann =Bea ]", "givenName", "Bea", CELL_SEVERAL},
		{"users", "givenName [ =Ann =Bea = ]", "givenName", "Bea", CELL_SEVERAL},
		{"users", "givenName [ [ =Ann ] ]", "givenName", "Ann", 0},
		{"users", "givenName { .en =Ann }", "givenName", "", CELL_SHAPE},
		{"users", "password =secret", "password", "", 0},
		/* references */
		{"orgs", "parent { .href =x .sourcedId =o1 .type =org }", "parentSourcedId", "o1", 0},
		{"orgs", "parent =o1", "parentSourcedId", "o1", 0},
		{"orgs", "parentSourcedId =o1", "parentSourcedId", "o1", 0},
		{"orgs", "parent [ { .sourcedId =o1 } ]", "parentSourcedId", "o1", 0},
		{"orgs", "parent [ { .sourcedId =o1 } { .sourcedId =o2 } ]", "parentSourcedId", "o2", CELL_SEVERAL},
		{"orgs", "parent { .sourcedId }", "parentSourcedId", "", 0},
		{"orgs", "parent { .sourcedId { .sourcedId =x } }", "parentSourcedId", "", CELL_SHAPE},
		{"users", "orgs [ { .sourcedId =a } { .sourcedId =b } ]", "orgSourcedIds", "a,b", 0},
		{"users", "orgs [ =a =b ]", "orgSourcedIds", "a,b", 0},
		{"users", "orgs [ =a { .sourcedId =b } ]", "orgSourcedIds", "a,b", 0},
		{"users", "orgs { .sourcedId =a }", "orgSourcedIds", "a", 0},
		{"users", "orgs =a", "orgSourcedIds", "a", 0},
		{"users", "orgs =a,b", "orgSourcedIds", "a,b", 0},
		{"users", "orgs [ =a = =b ]", "orgSourcedIds", "a,b", 0},
		{"users", "orgs [ { .href =x } { .sourcedId =b } ]", "orgSourcedIds", "b", 0},
		{"users", "orgs [ ]", "orgSourcedIds", "", 0},
		{"users", "orgs { }", "orgSourcedIds", "", 0},
		{"users", "orgs [ { .sourcedId =a,b } ]", "orgSourcedIds", "a,b", CELL_ID_COMMA},
		/* lists of words */
		{"classes", "subjects [ =Art =Music ]", "subjects", "Art,Music", 0},
		{"classes", "subjects =Art", "subjects", "Art", 0},
		{"classes", "subjects =Art,Music", "subjects", "Art,Music", 0},
		{"classes", "subjects [ =Art,_Craft =Music ]", "subjects", "Art Craft,Music", CELL_COMMA},
		{"classes", "subjects [ =,Art, =Music ]", "subjects", "Art,Music", CELL_COMMA},
		{"classes", "subjects [ = =_ =Music ]", "subjects", "Music", 0},
		{"classes", "subjects [ { .name =Art } =Music ]", "subjects", "Music", CELL_SHAPE},
		{"classes", "subjects [ =Music { .name =Art } ]", "subjects", "Music", CELL_SHAPE},
		{"classes", "periods [ =1 =3 =5 ]", "periods", "1,3,5", 0},
		{"classes", "periods =1", "periods", "1", 0},
		{"classes", "grades [ =09 =10 ]", "grades", "09,10", 0},
		{"classes", "grades [ =09,10 ]", "grades", "09,10", 0},
		{"classes", "terms [ =t,1 ]", "termSourcedIds", "t,1", CELL_ID_COMMA},
		/* userIds */
		{"users", "userIds [ { .type =LDAP .identifier =a } { .identifier =4 .type =LTI } ]", "userIds",
			"{LDAP:a},{LTI:4}", 0},
		{"users", "userIds { .type =LDAP .identifier =a }", "userIds", "{LDAP:a}", 0},
		{"users", "userIds [ =a ]", "userIds", "a", 0},
		{"users", "userIds ={LDAP:a},{LTI:4}", "userIds", "{LDAP:a},{LTI:4}", 0},
		{"users", "userIds [ ={LDAP:a} ={LTI:4} ]", "userIds", "{LDAP:a},{LTI:4}", 0},
		{"users", "userIds [ { .identifier =a } { .type =LTI .identifier =4 } ]", "userIds", "{LTI:4}",
			CELL_NO_PART},
		{"users", "userIds [ { .type =LTI .identifier =4 } { .type =LDAP } ]", "userIds", "{LTI:4}",
			CELL_NO_PART},
		{"users", "userIds [ { .type =LTI .identifier =_ } ]", "userIds", "", CELL_NO_PART},
		{"users", "userIds [ { .type =LTI .identifier =4,5 } { .type =A .identifier =6 } ]", "userIds", "{A:6}",
			CELL_NO_PART},
		{"users", "userIds [ ]", "userIds", "", 0},
		/* a member that is there twice: the last */
		{"users", "givenName =Ann givenName =Bea", "givenName", "Bea", 0},
		{"users", "GivenName =Ann givenName =Bea", "givenName", "Bea", 0},
		{"users", "givenName [ =Ann =Ada ] givenName =Bea", "givenName", "Bea", 0},
		{"users", "orgs [ =a =b ] orgs [ =c ]", "orgSourcedIds", "c", 0},
		{"classes", "subjects [ =a,b ] subjects [ =c =d ]", "subjects", "c,d", 0},
		{"users",
			"userIds [ { .type =A .identifier =1 } { .type =B .identifier =2 } ] "
			"userIds [ { .type =C .identifier =3 } ]",
			"userIds", "{C:3}", 0},
		{"users", "userIds [ { .type =A } ] userIds [ { .type =C .identifier =3 } ]", "userIds", "{C:3}", 0},
		{"users", "givenName =Ann givenName", "givenName", "", 0},
		{"users", "orgs [ =a =b ] orgs [ ]", "orgSourcedIds", "", 0},
		/* several members for one column: the standard's own, in whatever order they come */
		{"users", "orgs [ { .sourcedId =a } ] orgSourcedIds =b", "orgSourcedIds", "a", 0},
		{"users", "orgSourcedIds =b orgs [ { .sourcedId =a } ]", "orgSourcedIds", "a", 0},
		{"users", "grades [ =09 =10 ] grade =9", "grades", "09,10", 0},
		{"users", "grade =9 grades [ =09 =10 ]", "grades", "09,10", 0},
		{"users", "grade =9 grades [ ]", "grades", "9", 0},
		{"users", "grades = grade =9", "grades", "9", 0},
		{"demographics", "birthdate =2010-02-03 birthDate =2010-01-02", "birthDate", "2010-01-02", 0},
		{"demographics", "birthDate =2010-01-02 birthdate =2010-02-03", "birthDate", "2010-01-02", 0},
		{"users", "grade { .x =1 } grades [ =09 ]", "grades", "09", 0},
		{"users", "grades [ =09 ] grade { .x =1 }", "grades", "09", 0},
		/* only the record's own members count */
		{"users", "metadata { .sourcedId =x .givenName =y } sourcedId =u1", "sourcedId", "u1", 0},
		{"users", "orgs [ { .givenName =y .sourcedId =a } ]", "givenName", "", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct drive driven;
		drive_init(&driven, cases[i].table, NULL);
		/* Whatever was in the record before makes no difference. */
		assert_true(drive(
			&driven, "sourcedId =before grades [ =a =b ] userIds [ { .type =Z } ] givenName [ =x =y ]"));
		assert_true(drive(&driven, cases[i].script));
		assert_cell(record_row(driven.record), driven.plan->table, cases[i].column, cases[i].text,
			cases[i].notes, cases[i].script);
		assert_int_equal(record_made_count(driven.record), 0);
		drive_release(&driven);
	}
}

static void assert_made(struct drive *driven, size_t i, const char *column, const char *text)
{
	int which = 0;
	const struct row *row = record_made(driven->record, i, &which);
	assert_int_equal(which, 1);
	assert_cell(row, driven->plan->rows[1].table, column, text, 0, column);
}

static void test_made_rows(void **state)
{
	static const char *const scripts[] = {
		/* The class tells its id and title last, or first, or in the midst. */
		"resources [ { .sourcedId =r1 .type =resource } { .href =x .sourcedId =r2 } ] title =Algebra "
		"dateLastModified =2026-01-05 status =active sourcedId =c1",
		"status =active sourcedId =c1 title =Algebra dateLastModified =2026-01-05 resources [ =r1 =r2 ]",
		"status =active title =Algebra resources [ { .sourcedId =r1 } =_ =r2 = ] sourcedId =c1 "
		"dateLastModified =2026-01-05",
		/* There twice: the last. */
		"resources [ =r8 =r9 =r7 ] status =active title =Algebra resources [ =r1 { .sourcedId =r2 } ] "
		"sourcedId =c1 "
		"dateLastModified =2026-01-05",
	};
	struct drive driven;
	(void)state;
	drive_init(&driven, "classes", "classResources");
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		assert_true(drive(&driven, scripts[i]));
		assert_int_equal(record_made_count(driven.record), 2);
		for (size_t made = 0; made < 2; made++) {
			assert_made(&driven, made, "sourcedId", made == 0 ? "c1 r1" : "c1 r2");
			assert_made(&driven, made, "resourceSourcedId", made == 0 ? "r1" : "r2");
			assert_made(&driven, made, "classSourcedId", "c1");
			assert_made(&driven, made, "title", "Algebra");
			assert_made(&driven, made, "status", "active");
			assert_made(&driven, made, "dateLastModified", "2026-01-05");
		}
	}
	/* None, in every spelling of it. */
	static const char *const none[] = {"sourcedId =c1", "sourcedId =c1 resources", "sourcedId =c1 resources [ ]",
		"sourcedId =c1 resources =", "sourcedId =c1 resources =__", "sourcedId =c1 resources [ = ]",
		"resources [ =r1 ] sourcedId =c1 resources [ ]"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_true(drive(&driven, none[i]));
		assert_int_equal(record_made_count(driven.record), 0);
	}
	/* One that is no list. */
	assert_true(drive(&driven, "resources { .sourcedId =r1 } sourcedId =c1"));
	assert_int_equal(record_made_count(driven.record), 1);
	assert_made(&driven, 0, "sourcedId", "c1 r1");
	drive_release(&driven);
}

static void test_row_too_large(void **state)
{
	struct drive driven;
	char *text = mem_new(1, ROW_TEXT_MAX + 1);
	(void)state;
	memset(text, 'x', ROW_TEXT_MAX);
	drive_init(&driven, "users", NULL);
	int node = plan_child(driven.plan, PLAN_RECORD, "givenName", 9);
	record_begin(driven.record);
	record_member(driven.record, node);
	assert_true(record_value(driven.record, node, text, ROW_TEXT_MAX, false, &driven.err));
	assert_true(record_finish(driven.record, &driven.err));
	node = plan_child(driven.plan, PLAN_RECORD, "sms", 3);
	record_member(driven.record, node);
	assert_false(record_value(driven.record, node, "1", 1, false, &driven.err));
	assert_int_equal(driven.err.code, ERR_API);
	/* The next record is none the worse for it. */
	err_clear(&driven.err);
	assert_true(drive(&driven, "givenName =Ann sms =1"));
	assert_cell(record_row(driven.record), driven.plan->table, "sms", "1", 0, "sms");
	drive_release(&driven);
	free(text);
}

static void test_made_rows_limit(void **state)
{
	struct drive driven;
	(void)state;
	drive_init(&driven, "classes", "classResources");
	int node = plan_child(driven.plan, PLAN_RECORD, "resources", 9);
	record_begin(driven.record);
	record_member(driven.record, node);
	for (int i = 0; i < RECORD_MADE_MAX; i++)
		assert_true(record_value(driven.record, node, "r", 1, true, &driven.err));
	assert_false(record_value(driven.record, node, "r", 1, true, &driven.err));
	assert_int_equal(driven.err.code, ERR_API);
	drive_release(&driven);
}

/* A record that was given up in the middle of its metadata leaves nothing to the next one. */
static void test_metadata_of_a_cut_record(void **state)
{
	static const struct extras_wish wish = {.all = true};
	const struct table *orgs = schema_table_find(&schema_oneroster_1_1, "orgs");
	struct plan *plan = plan_new(orgs, NULL, 0, &wish);
	struct record *record = record_new(plan);
	struct err err = {0};
	int node = plan->extras_node;
	(void)state;
	record_begin(record);
	record_member(record, node);
	record_extras_open(record, false);
	record_extras_key(record, "a", 1);
	record_extras_open(record, false);
	record_extras_key(record, "b", 1);
	assert_true(record_value(record, node, "cut", 3, false, &err));
	record_extras_key(record, "c", 1);
	record_extras_open(record, true); /* an object in a list */

	record_begin(record);
	assert_int_equal(record_extras(record)->count, 0);
	record_member(record, node);
	record_extras_open(record, false);
	record_extras_key(record, "d", 1);
	assert_true(record_value(record, node, "1", 1, false, &err));
	record_extras_close(record);
	assert_true(record_extras_member(record, "metadata.e", 10));
	assert_true(record_value(record, node, "2", 1, false, &err));
	assert_false(record_extras_member(record, "metadat", 7));
	assert_true(record_finish(record, &err));
	struct row *row = record_row(record);
	struct extras *extras = record_extras(record);
	assert_int_equal(extras->count, 2);
	assert_int_equal(extras->misfits, 0);
	assert_true(extras_pack(extras, row, (size_t)orgs->column_count));
	assert_true(row_is(row, (size_t)orgs->column_count,
		"\x01"
		"d\x01"
		"1\x01"
		"e\x01"
		"2"));
	record_free(record);
	plan_free(plan);
}

/* What no row can hold is an error that says so, not a loss. */
static void test_too_many_metadata(void **state)
{
	static const struct extras_wish wish = {.all = true};
	struct plan *plan = plan_new(schema_table_find(&schema_oneroster_1_1, "orgs"), NULL, 0, &wish);
	struct record *record = record_new(plan);
	struct err err = {0};
	(void)state;
	record_begin(record);
	record_member(record, plan->extras_node);
	record_extras_open(record, false);
	for (int i = 0; i <= EXTRAS_MAX; i++) {
		char key[16];
		int length = snprintf(key, sizeof(key), "k%d", i);
		record_extras_key(record, key, (size_t)length);
		assert_int_equal(record_value(record, plan->extras_node, "", 0, false, &err), i < EXTRAS_MAX);
	}
	assert_int_equal(err.code, ERR_API);
	assert_non_null(strstr(err.text, "metadata"));
	record_free(record);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_made_rows),
		cmocka_unit_test(test_row_too_large),
		cmocka_unit_test(test_made_rows_limit),
		cmocka_unit_test(test_metadata_of_a_cut_record),
		cmocka_unit_test(test_too_many_metadata),
	};
	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}

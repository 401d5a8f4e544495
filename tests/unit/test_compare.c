#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "cmd/compare.h"
#include "scratch.h"

static const struct schema *const schema = &schema_oneroster_1_1;

/* A users.csv with few columns is as good as one with all of them: what is missing is blank. */
#define USERS "sourcedId,username,identifier,givenName\n"

static void add_property(struct buf *manifest, const char *name, const char *value)
{
	buf_add_format(manifest, "%s,%s\n", name, value);
}

/* Puts a file into the folder of a bundle. */
static void put(const struct scratch *scratch, const char *bundle, const char *name, const char *text)
{
	char *relative = mem_format("%s/%s", bundle, name);
	char *path = scratch_path(scratch, relative);
	scratch_write(path, text);
	free(path);
	free(relative);
}

/* A folder that is a bundle of these files: name, text, name, text..., NULL. */
static void make(const struct scratch *scratch, const char *bundle, const char *const *files)
{
	struct buf manifest = {0};
	char *folder = scratch_path(scratch, bundle);
	scratch_empty(folder);
	mkdir(folder, 0700);
	add_property(&manifest, "propertyName", "value");
	add_property(&manifest, "manifest.version", "1.0");
	add_property(&manifest, "oneroster.version", "1.1");
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		char *property = mem_format("file.%s", table->name);
		bool there = false;
		for (const char *const *file = files; *file != NULL; file += 2)
			there = there || strcmp(*file, table->file_name) == 0;
		add_property(&manifest, property, there ? "bulk" : "absent");
		free(property);
	}
	put(scratch, bundle, "manifest.csv", buf_text(&manifest));
	for (const char *const *file = files; *file != NULL; file += 2)
		put(scratch, bundle, file[0], file[1]);
	buf_release(&manifest);
	free(folder);
}

static void make_users(const struct scratch *scratch, const char *old, const char *new)
{
	make(scratch, "OLD", (const char *const[]){"users.csv", old, NULL});
	make(scratch, "NEW", (const char *const[]){"users.csv", new, NULL});
}

/* What the callbacks are told, as text: {users.csv sourcedId,...; +id cells; -id; ~id} */
static bool note_begin(
	void *context, const struct table *table, const char *const *columns, size_t count, struct err *err)
{
	struct buf *told = context;
	(void)err;
	buf_add_format(told, "{%s ", table->file_name);
	for (size_t i = 0; i < count; i++)
		buf_add_format(told, "%s%s", i > 0 ? "," : "", columns[i]);
	return true;
}

static bool note_row(
	void *context, const struct table *table, enum compare_change change, struct row *row, struct err *err)
{
	static const char signs[] = {
		[COMPARE_SAME] = '=', [COMPARE_ADDED] = '+', [COMPARE_REMOVED] = '-', [COMPARE_CHANGED] = '~'};
	struct buf *told = context;
	(void)table;
	(void)err;
	buf_add_format(told, "; %c", signs[change]);
	for (size_t i = 0; i < row->count; i++) {
		if (row_length(row, i) == 0)
			continue;
		if (i > 0)
			buf_add_char(told, ' ');
		buf_add(told, row_text(row, i), row_length(row, i));
	}
	return true;
}

static bool note_end(void *context, const struct table *table, struct err *err)
{
	(void)table;
	(void)err;
	buf_add_char(context, '}');
	return true;
}

static bool run(const struct scratch *scratch, const struct compare_options *more, struct comparison *comparison,
	struct err *err)
{
	struct compare_options options = *more;
	char *paths[2] = {scratch_path(scratch, "OLD"), scratch_path(scratch, "NEW")};
	struct archive *old = archive_open(paths[0], err);
	struct archive *new = archive_open(paths[1], err);
	assert_non_null(old);
	assert_non_null(new);
	options.schema = schema;
	options.old_name = "OLD";
	options.new_name = "NEW";
	options.folder = scratch->folder;
	bool fine = compare_run(old, new, &options, comparison, err);
	archive_free(old);
	archive_free(new);
	free(paths[0]);
	free(paths[1]);
	return fine;
}

/* Compares OLD and NEW, which must work; told gets what the callbacks were told. */
static void compare(const struct scratch *scratch, bool ids_only, struct comparison *comparison, struct buf *told)
{
	struct err err = {0};
	struct compare_options options = {
		.ids_only = ids_only, .begin = note_begin, .row = note_row, .end = note_end, .context = told};
	if (!run(scratch, &options, comparison, &err))
		fail_msg("%s", err.text);
}

static const struct compare_table *table_of(const struct comparison *comparison, const char *name)
{
	return &comparison->tables[schema_table_find(schema, name)->id];
}

static const struct compare_column *column_of(const struct compare_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	fail_msg("no column %s", name);
	return NULL;
}

static void assert_counts(const struct compare_table *table, uint64_t old_rows, uint64_t new_rows, uint64_t added,
	uint64_t removed, uint64_t changed)
{
	assert_int_equal(table->old_rows, old_rows);
	assert_int_equal(table->new_rows, new_rows);
	assert_int_equal(table->added, added);
	assert_int_equal(table->removed, removed);
	assert_int_equal(table->changed, changed);
}

/* --- rows and columns ----------------------------------------------------------------------------------------------
 */

static void rows_are_told_in_byte_order_of_ids(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	make(scratch, "OLD",
		(const char *const[]){"categories.csv",
			"sourcedId,status,dateLastModified,title\n"
			"b,,,Bee\nB,,,Big\n10,,,Ten\n9,,,Nine\n\xc3\xa9,,,Last\n",
			NULL});
	make(scratch, "NEW",
		(const char *const[]){"categories.csv",
			"sourcedId,status,dateLastModified,title\n"
			"a,,,New\n9,,,Nine\nb,,,Bee 2\nB,active,,Big\n1,,,One\n",
			NULL});
	compare(scratch, false, &comparison, &told);
	assert_string_equal(buf_text(&told), "{categories.csv sourcedId,status,dateLastModified,title; "
					     "+1 One; -10 Ten; ~B active Big; +a New; ~b Bee 2; -\xc3\xa9 Last}");
	const struct compare_table *table = table_of(&comparison, "categories");
	assert_counts(table, 5, 5, 2, 2, 2);
	assert_int_equal(column_of(table, "title")->changed, 1);
	assert_int_equal(column_of(table, "status")->changed, 1);
	assert_int_equal(column_of(table, "dateLastModified")->changed, 0);
	assert_int_equal(column_of(table, "sourcedId")->changed, 0);
	assert_true(comparison_rows_differ(&comparison));
	assert_false(comparison_files_differ(&comparison));
	comparison_release(&comparison);
	buf_release(&told);
}

static void form_and_order_make_no_difference(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	make(scratch, "OLD",
		(const char *const[]){"orgs.csv",
			"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId,metadata.b,metadata."
			"a\r\n"
			"1,,,\"Sample, A\",school,,2,yes,\r\n2,,,Sample B,district,,,,no",
			NULL});
	make(scratch, "NEW",
		(const char *const[]){"orgs.csv",
			"\xef\xbb\xbf\"metadata.a\",\"metadata.B\",\"name\",\"type\",\"parentSourcedId\",\"metadata."
			"b\","
			"\"sourcedID\"\n"
			"\"no\",\"\",\"Sample B\",\"district\",\"\",\"\",\"2\"\n\n"
			"\"\",\"\",\"Sample, A\",\"school\",\"2\",\"yes\",\"1\"\n",
			NULL});
	compare(scratch, false, &comparison, &told);
	assert_string_equal(buf_text(&told), "{orgs.csv sourcedId,status,dateLastModified,name,type,identifier,"
					     "parentSourcedId,metadata.B,metadata.a,metadata.b}");
	const struct compare_table *table = table_of(&comparison, "orgs");
	assert_counts(table, 2, 2, 0, 0, 0);
	assert_true(column_of(table, "sourcedId")->in_new);
	assert_true(column_of(table, "status")->in_old);
	assert_false(column_of(table, "status")->in_new);
	assert_false(column_of(table, "metadata.B")->in_old);
	assert_true(column_of(table, "metadata.B")->in_new);
	assert_false(comparison_rows_differ(&comparison));
	comparison_release(&comparison);
	buf_release(&told);
}

static void of_lines_with_one_id_the_last_counts(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	make_users(scratch, USERS "1,one,,A\n2,two,,B\n1,one,,C\n", USERS "2,two,,Z\n2,two,,Y\n2,two,,B\n1,one,,C\n");
	compare(scratch, false, &comparison, &told);
	const struct compare_table *table = table_of(&comparison, "users");
	assert_counts(table, 2, 2, 0, 0, 0);
	assert_int_equal(table->repeated_old, 1);
	assert_int_equal(table->repeated_new, 2);
	comparison_release(&comparison);
	buf_release(&told);
}

static void a_file_in_one_of_them_is_all_added_or_removed(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	make(scratch, "OLD", (const char *const[]){"categories.csv", "sourcedId,title\nx,X\ny,Y\n", NULL});
	make(scratch, "NEW",
		(const char *const[]){
			"demographics.csv", "sourcedId,sex\nu,male\n", "results.csv", "sourcedId\n", NULL});
	compare(scratch, false, &comparison, &told);
	const struct compare_table *categories = table_of(&comparison, "categories");
	assert_true(categories->in_old);
	assert_false(categories->in_new);
	assert_counts(categories, 2, 0, 0, 2, 0);
	assert_counts(table_of(&comparison, "demographics"), 0, 1, 1, 0, 0);
	assert_true(table_of(&comparison, "results")->in_new);
	assert_counts(table_of(&comparison, "results"), 0, 0, 0, 0, 0);
	assert_false(table_of(&comparison, "users")->in_old || table_of(&comparison, "users")->in_new);
	assert_true(comparison_files_differ(&comparison));
	assert_null(strstr(buf_text(&told), "users.csv"));
	assert_non_null(strstr(buf_text(&told), "; -x X; -y Y}"));
	comparison_release(&comparison);
	buf_release(&told);
}

static void ids_only_looks_at_nothing_else(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	make_users(scratch, USERS "1,one,,A\n2,two,,B\n3,three,,C\n", USERS "2,other,,Z\n4,three,,C\n5,five,,D\n");
	compare(scratch, true, &comparison, &told);
	assert_string_equal(
		buf_text(&told), "{users.csv sourcedId,username,identifier; -1 one; -3 three; +4 three; +5 five}");
	const struct compare_table *table = table_of(&comparison, "users");
	assert_counts(table, 3, 3, 2, 2, 0);
	assert_int_equal(table->churned, 1);
	assert_string_equal(table->churn_by, "username");
	comparison_release(&comparison);
	buf_release(&told);
}

/* --- churn ---------------------------------------------------------------------------------------------------------
 */

static void the_first_identity_that_fits_tells(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	/* By username: a1. By identifier: a2 (whose username changed) and a3 (which had none). Not at all: a4, a user
	 * that stays (s) though others now have its username, and a5, whose blank cells are nobody's. */
	make_users(scratch, USERS "a1,one,77,A\na2,two,78,B\na3,,79,C\na4,four,80,D\na5,,,E\ns,stays,81,S\n",
		USERS "b1,one,99,A\nb2,renamed,78,B\nb3,three,79,C\nb4,stays,,D\nb5,,,E\ns,stays,81,S\n");
	compare(scratch, false, &comparison, &told);
	const struct compare_table *table = table_of(&comparison, "users");
	assert_counts(table, 6, 6, 5, 5, 0);
	assert_int_equal(table->churned, 3);
	assert_string_equal(table->churn_by, "identifier");
	assert_int_equal(table->churn.match_count, 2);
	const struct churn_match *username = &table->churn.matches[0];
	const struct churn_match *identifier = &table->churn.matches[1];
	assert_int_equal(username->ids, 1);
	assert_int_equal(username->by[0], column_find(table->table, "username"));
	assert_int_equal(username->example_count, 1);
	assert_string_equal(username->old_ids[0], "a1");
	assert_string_equal(username->new_ids[0], "b1");
	assert_int_equal(identifier->ids, 2);
	assert_string_equal(identifier->old_ids[0], "a2");
	assert_string_equal(identifier->new_ids[0], "b2");
	assert_string_equal(identifier->old_ids[1], "a3");
	assert_string_equal(identifier->new_ids[1], "b3");
	comparison_release(&comparison);
	buf_release(&told);
}

static void no_id_counts_twice(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	/* Three rows of one person become two: two came back. The third has an identifier that nobody has now; b1's
	 * identifier is that of a1, which matched by the username already. */
	make_users(scratch, USERS "a1,one,77,A\na2,one,77,B\na3,one,78,C\n", USERS "b1,one,77,A\nb2,one,,B\n");
	compare(scratch, false, &comparison, &told);
	const struct compare_table *table = table_of(&comparison, "users");
	assert_counts(table, 3, 2, 2, 3, 0);
	assert_int_equal(table->churned, 2);
	assert_int_equal(table->churn.match_count, 1);
	comparison_release(&comparison);
	buf_release(&told);
}

static void several_columns_tell_together(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	static const char header[] = "sourcedId,classSourcedId,userSourcedId,role\n";
	char *old = mem_format("%s1,K,U,student\n2,K,UU,student\n3,KU,U,student\n4,K,V,teacher\n", header);
	/* 12 is 2; 11 has the letters of 1, but not in the same cells; 14 has another role than 4. */
	char *new = mem_format("%s12,K,UU,student\n11,,KU,student\n14,K,V,student\n", header);
	make(scratch, "OLD", (const char *const[]){"enrollments.csv", old, NULL});
	make(scratch, "NEW", (const char *const[]){"enrollments.csv", new, NULL});
	compare(scratch, false, &comparison, &told);
	const struct compare_table *table = table_of(&comparison, "enrollments");
	assert_counts(table, 4, 3, 3, 4, 0);
	assert_int_equal(table->churned, 1);
	assert_string_equal(table->churn.matches[0].old_ids[0], "2");
	assert_string_equal(table->churn.matches[0].new_ids[0], "12");
	comparison_release(&comparison);
	buf_release(&told);
	free(old);
	free(new);
}

static void many_ids_change_and_a_few_are_shown(void **state)
{
	enum { MANY = 20000, LEAVE = 700 };
	struct scratch *scratch = *state;
	struct comparison comparison;
	struct buf told = {0};
	struct buf old = {0};
	struct buf new = {0};
	buf_add_text(&old, USERS);
	buf_add_text(&new, USERS);
	for (int i = 0; i < MANY; i++) {
		buf_add_format(&old, "old-%u-%d,user-%d-with-a-rather-long-name,%d,Given\n",
			scratch_random(scratch, 1000), i, i, i);
		if (i >= LEAVE)
			buf_add_format(&new, "new-%u-%d,user-%d-with-a-rather-long-name%s,%d,Given\n",
				scratch_random(scratch, 1000), i, i, i % 2 == 0 ? "" : "2", i);
	}
	make_users(scratch, buf_text(&old), buf_text(&new));
	compare(scratch, true, &comparison, &told);
	const struct compare_table *table = table_of(&comparison, "users");
	assert_counts(table, MANY, MANY - LEAVE, MANY - LEAVE, MANY, 0);
	assert_int_equal(table->churned, MANY - LEAVE);
	assert_int_equal(table->churn.match_count, 2);
	for (size_t m = 0; m < 2; m++) {
		const struct churn_match *match = &table->churn.matches[m];
		assert_int_equal(match->ids, (MANY - LEAVE) / 2);
		assert_int_equal(match->example_count, CHURN_EXAMPLES);
		for (size_t i = 0; i < CHURN_EXAMPLES; i++) /* the number behind the last hyphen is the person's */
			assert_string_equal(strrchr(match->old_ids[i], '-'), strrchr(match->new_ids[i], '-'));
	}
	comparison_release(&comparison);
	buf_release(&told);
	buf_release(&old);
	buf_release(&new);
}

/* --- what cannot be compared ---------------------------------------------------------------------------------------
 */

static void assert_refused(const struct scratch *scratch, const char *message)
{
	struct comparison comparison;
	struct compare_options options = {0};
	struct err err = {0};
	assert_false(run(scratch, &options, &comparison, &err));
	assert_int_equal(err.code, ERR_DATA);
	assert_string_equal(err.text, message);
	comparison_release(&comparison);
}

static void rows_without_a_clear_meaning_are_refused(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *users;
		const char *message;
	} cases[] = {
		{USERS "1,one,,A\n2,two,B\n", "NEW: users.csv: row 3 has 3 cells, the header 4"},
		{USERS "1,one,,A\n\n2,two,,B,\n", "NEW: users.csv: row 4 has 5 cells, the header 4"},
		{USERS "1,one,,A\n,two,,B\n", "NEW: users.csv: row 3 has no sourcedId"},
		{USERS "1,one,,\"A\n2,two,,B\n", "NEW: users.csv: row 2 opens a quotation mark that is never closed"},
		{"", "NEW: users.csv: there is not even a header"},
		{"1,one,77,A\n", "NEW: users.csv: the header has no column sourcedId"},
		{"sourcedId,username,\n1,one,\n", "NEW: users.csv: column 3 has no name"},
		{"sourcedId,metadata.a,metadata.a\n1,,\n", "NEW: users.csv: two columns have the same name (2 and 3)"},
		{"sourcedId,email,Email\n1,,\n", "NEW: users.csv has the column email twice"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_users(scratch, USERS "1,one,,A\n", cases[i].users);
		assert_refused(scratch, cases[i].message);
	}
}

static void a_row_too_large_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	char *large = mem_new(ROW_TEXT_MAX + 2, 1);
	memset(large, 'x', ROW_TEXT_MAX + 1);
	char *users = mem_format(USERS "1,one,,%s\n", large);
	make_users(scratch, users, USERS);
	assert_refused(scratch, "OLD: users.csv: row 2 is larger than a row of a roster can be");
	free(users);
	free(large);
}

static void what_is_no_whole_bundle_is_refused(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *manifest;
		const char *message;
	} cases[] = {
		{"propertyName,value\noneroster.version,1.2\n",
			"OLD is a bundle of OneRoster 1.2, and only those of 1.1 are known"},
		{"propertyName,value\noneroster.version,1.1\nfile.users,delta\n",
			"OLD is a delta: its manifest says so of users.csv. Only whole bundles can be compared"},
		{"propertyName,value\nfile.orgs,bulk\n", "OLD lacks orgs.csv, which its manifest says is there"},
		{"propertyName,value\nfile.users,\"bulk\n",
			"OLD: manifest.csv: row 2 opens a quotation mark that is never closed"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make_users(scratch, USERS, USERS);
		put(scratch, "OLD", "manifest.csv", cases[i].manifest);
		assert_refused(scratch, cases[i].message);
	}
	char *manifest = scratch_path(scratch, "OLD/manifest.csv");
	unlink(manifest);
	assert_refused(scratch, "OLD has no manifest.csv at its top, as every bundle of OneRoster 1.1 has");
	free(manifest);
}

static void a_file_under_another_name_is_not_absent(void **state)
{
	const struct scratch *scratch = *state;
	make_users(scratch, USERS "1,one,,A\n", USERS "1,one,,A\n");
	put(scratch, "NEW", "Orgs.csv", "sourcedId,name\n1,Sample\n");
	assert_refused(scratch, "NEW holds Orgs.csv, which must be called orgs.csv");
}

static bool always(void)
{
	return true;
}

static void a_stop_ends_it(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct compare_options options = {.stopped = always};
	struct err err = {0};
	make_users(scratch, USERS "1,one,,A\n", USERS "1,one,,A\n");
	assert_false(run(scratch, &options, &comparison, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	comparison_release(&comparison);
}

static bool refuse(
	void *context, const struct table *table, enum compare_change change, struct row *row, struct err *err)
{
	(void)context;
	(void)change;
	(void)row;
	return err_set(err, ERR_FILE, "no room for %s", table->file_name);
}

static void a_callback_ends_it(void **state)
{
	const struct scratch *scratch = *state;
	struct comparison comparison;
	struct compare_options options = {.row = refuse};
	struct err err = {0};
	make_users(scratch, USERS "1,one,,A\n", USERS "1,one,,B\n");
	assert_false(run(scratch, &options, &comparison, &err));
	assert_int_equal(err.code, ERR_FILE);
	assert_string_equal(err.text, "no room for users.csv");
	comparison_release(&comparison);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
	const struct CMUnitTest tests[] = {
		TEST(rows_are_told_in_byte_order_of_ids),
		TEST(form_and_order_make_no_difference),
		TEST(of_lines_with_one_id_the_last_counts),
		TEST(a_file_in_one_of_them_is_all_added_or_removed),
		TEST(ids_only_looks_at_nothing_else),
		TEST(the_first_identity_that_fits_tells),
		TEST(no_id_counts_twice),
		TEST(several_columns_tell_together),
		TEST(many_ids_change_and_a_few_are_shown),
		TEST(rows_without_a_clear_meaning_are_refused),
		TEST(a_row_too_large_is_refused),
		TEST(what_is_no_whole_bundle_is_refused),
		TEST(a_file_under_another_name_is_not_absent),
		TEST(a_stop_ends_it),
		TEST(a_callback_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

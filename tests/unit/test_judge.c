#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "check/judge.h"
#include "check/repeat.h"
#include "scratch.h"
#include "table/csv_read.h"

static const struct schema *const schema = &schema_oneroster_1_1;

struct text {
	const char *at;
	size_t left;
};

static long read_text(void *context, char *to, size_t room, struct err *err)
{
	struct text *text = context;
	size_t length = text->left < room ? text->left : room;
	(void)err;
	memcpy(to, text->at, length);
	text->at += length;
	text->left -= length;
	return (long)length;
}

/* A file as lines: the first is "users" or "users delta", the header may begin with "-" for the standard's, and the
 * rest stands as it is. */
static void judge_file(struct judge *judge, const char *file)
{
	struct err err = {0};
	const char *newline = strchr(file, '\n');
	char *name = mem_copy_n(file, (size_t)(newline - file));
	char *blank = strchr(name, ' ');
	if (blank != NULL)
		*blank = '\0';
	const struct table *table = schema_table_find(schema, name);
	assert_non_null(table);
	struct buf text = {0};
	const char *rest = newline + 1;
	if (rest[0] == '-') {
		for (int c = 0; c < table->column_count; c++)
			buf_add_format(&text, "%s%s", c > 0 ? "," : "", table->columns[c].name);
		rest++;
	}
	buf_add_text(&text, rest);
	struct text source_text = {buf_text(&text), text.length};
	const struct csv_source source = {read_text, &source_text};
	struct csv_reader *reader = csv_reader_new(&source);
	struct csv_row row;
	assert_true(judge_begin(judge, table, blank != NULL, &err));
	while (csv_next(reader, &row, &err) > 0)
		assert_true(judge_row(judge, &row, &err));
	assert_true(judge_end(judge, true, csv_bom(reader), &err));
	csv_reader_free(reader);
	buf_release(&text);
	free(name);
}

/* "file code column rows" of each finding, without the file's ending. */
static void describe(const struct findings *findings, struct buf *out)
{
	for (size_t i = 0; i < findings_count(findings); i++) {
		const struct finding *finding = findings_at(findings, i);
		buf_add_format(out, "%s%.*s %s %s", i > 0 ? "; " : "", (int)strcspn(finding->file, "."), finding->file,
			rules[finding->rule].code, finding->column != NULL ? finding->column : "-");
		for (size_t e = 0; e < finding->example_count; e++)
			buf_add_format(out, "%s%" PRIu64, e > 0 ? "," : " ", finding->examples[e].row);
		if (finding->count > finding->example_count)
			buf_add_format(out, "+%" PRIu64, finding->count - finding->example_count);
	}
}

struct bundle_case {
	const char *files[6];
	const char *findings;
};

static void run(const struct scratch *scratch, const struct consumer *consumer, const struct bundle_case *bundle)
{
	const struct judge_options options = {.schema = schema, .consumer = consumer, .folder = scratch->folder};
	struct findings *findings = findings_new(false);
	struct judge *judge = judge_new(&options, findings);
	struct buf said = {0};
	for (size_t i = 0; i < 6 && bundle->files[i] != NULL; i++)
		judge_file(judge, bundle->files[i]);
	describe(findings, &said);
	if (strcmp(buf_text(&said), bundle->findings) != 0)
		fail_msg("\"%s\", not \"%s\"; the files were %s...", buf_text(&said), bundle->findings,
			bundle->files[0]);
	buf_release(&said);
	judge_free(judge);
	findings_free(findings);
}

#define ORGS                                                                                                           \
	"orgs\n-\nd,,,District,district,,\n"                                                                           \
	"s,,,School,school,,d\n"
#define SESSIONS                                                                                                       \
	"academicSessions\n-\ny,,,Year,schoolYear,2025-08-01,2026-06-30,,2026\n"                                       \
	"t,,,Term,term,2025-08-01,2025-12-20,y,2026\n"
#define COURSES   "courses\n-\nc,,,y,Algebra,,,s,,\n"
#define CLASSES   "classes\n-\nk,,,Algebra,,c,,scheduled,,s,t,,,\n"
#define USER(id)  id ",,,true,s,teacher,name-" id ",,Ann,Ode,,,,,,,,\n"
#define USERS     "users\n-\n" USER("u") USER("v") USER("w")
#define ENROLLED  "enrollments\n-\n"
#define RUN(rest) ORGS, SESSIONS, COURSES, CLASSES, USERS, ENROLLED rest

static const struct bundle_case cases[] = {
	{{RUN("e,,,k,s,u,teacher,true,,\n")}, ""},

	/* Rows that cannot be judged are there all the same. */
	{{ORGS, "users\n-\nu,,,true,s\n" USER("v"), "demographics\n-\nu,,,,,,,,,,,,,,,\n"}, "users csv.row-width - 2"},
	{{"orgs\n-\n\"s\"x,,,School,school,,\n", "users\n-\n" USER("u")},
		"orgs csv.quote sourcedId 2; users ref.missing orgSourcedIds 2"},
	{{"orgs\n-\n\xFFs,,,School,school,,\n", "courses\n-\nc,,,,Algebra,,,\"\xFFs\",,\n"},
		"orgs csv.utf8 sourcedId 2; courses csv.utf8 orgSourcedId 2"},

	/* Rows that were swallowed: nobody can tell who is there. */
	{{"orgs\n-\nd,,,\"District,district,,\ns,,,School,school,,d\n", "users\n-\n" USER("u")}, "orgs csv.quote - 2"},
	{{"orgs\n-\nd,,,Dis\rtrict,district,,\ns,,,School,school,,d\n", "users\n-\n" USER("u") USER("x")},
		"orgs csv.bare-cr - 2"},

	/* One blank cell is one finding, whatever the column is for. */
	{{ORGS, "users\n-\n" USER("u") ",,,true,s,teacher,n,,Ann,Ode,,,,,,,,\n"}, "users id.empty sourcedId 3"},
	{{ORGS, "users\n-\nu,,, ,s,teacher,n,,Ann,Ode, ,,,,,,,\n"},
		"users field.required enabledUser 2; users csv.blank-only middleName 2"},
	{{ORGS, "users\n-\n" USER("u") ",,,,,,,,,,,,,,,,,\n"}, "users csv.blank-line - 3"},

	/* References into the file itself may come before what they lead to. */
	{{"orgs\n-\ns,,,School,school,,d\nd,,,District,district,,\nx,,,School,school,,nobody\n"},
		"orgs ref.missing parentSourcedId 4"},
	{{ORGS, "users\n-\nu,,,true,s,student,n,,Ann,Ode,,,,,,\"v,nobody,none\",,\n" USER("v")},
		"users ref.missing agentSourcedIds 2"},
	{{"orgs\n-\na,,,A,school,,b\nb,,,B,school,,c\nc,,,C,school,,b\nd,,,D,school,,d\ne,,,E,school,,a\n"},
		"orgs ref.cycle parentSourcedId 3,4,5"},

	/* Into files that are absent or cannot be told of nothing is judged; so in lists of changes. */
	{{"users\n-\n" USER("u")}, ""},
	{{"orgs\nsourcedID,x\na,b\n", "users\n-\n" USER("u")},
		"orgs header.case sourcedId 1; orgs header.extension x 1; orgs header.missing status 1; "
		"orgs header.missing dateLastModified 1; orgs header.missing name 1; orgs header.missing type 1; "
		"orgs header.missing identifier 1; orgs header.missing parentSourcedId 1; "
		"users ref.missing orgSourcedIds 2"},
	{{"orgs\nname,type\na,school\n", "users\n-\n" USER("u")},
		"orgs header.missing sourcedId 1; orgs header.missing status 1; orgs header.missing dateLastModified "
		"1; "
		"orgs header.missing identifier 1; orgs header.missing parentSourcedId 1"},
	{{"orgs delta\n-\nx,active,2026-01-01T00:00:00Z,A,school,,\n", "users\n-\n" USER("u")}, ""},
	{{ORGS, "users delta\n-\nu,active,2026-01-01T00:00:00Z,true,nobody,student,n,,A,B,,,,,,,,\n"}, ""},

	/* Lists of changes */
	{{"users delta\n-\nu,tobedeleted,2026-01-01T00:00:00Z,,,,,,,,,,,,,,,\n"}, ""},
	{{"users delta\n-\nu,active,2026-01-01T00:00:00Z,,s,student,n,,A,B,,,,,,,,\n"},
		"users field.required enabledUser 2"},
	{{"users delta\n-\nu,,,true,s,student,n,,A,B,,,,,,,,\n"},
		"users delta.status status 2; users delta.date dateLastModified 2"},
	{{"users delta\n-\n"}, ""},
	{{"orgs\n-\ns,active,2026-01-01,School,school,,\n"},
		"orgs bulk.status status 2; orgs bulk.date dateLastModified 2"},

	/* The header */
	{{"orgs\n"}, "orgs header.missing - 1"},
	{{"orgs\ns,,,School,school,,\n"}, "orgs header.missing - 1"},
	{{"orgs\n-,metadata.a,metadata.b\ns,,,School,school,,,x,y\n"}, ""},
	{{"orgs\n-,metadata.a\ns,,,School,school,,,x,y\n"}, "orgs csv.row-width - 2"},
	{{"orgs\nsourcedId,status,dateLastModified,name,identifier,type,parentSourcedId\ns,,,School,,school,\n"},
		"orgs header.order - 1"},
	{{"orgs\nsourcedId,status,dateLastModified,Name,type,identifier,parentSourcedId\ns,,,,school,,\n"},
		"orgs header.case name 1; orgs field.required name 2"},
	{{"orgs\nsourcedId,status,dateLastModified,name,type,identifier,parentSourcedId,name\ns,,,S,school,,,\n"},
		"orgs header.duplicate name 1"},

	/* Empty lists */
	{{"orgs\n-\n", "users\n-\n" USER("u")}, "orgs file.empty - 0"},
	{{"resources\n-\n", "courseResources\n-\nq,,,,c,r\n"},
		"resources file.empty - 0; courseResources ref.missing resourceSourcedId 2"},

	/* Ids */
	{{"orgs\n-\na,,,A,school,,\nB,,,A,school,,\nb,,,A,school,,\nA,,,A,school,,\na,,,A,school,,\nb,,,A,school,,\n"},
		"orgs id.duplicate sourcedId 6,7; orgs id.case-clash sourcedId 4,5"},

	/* Demographics say of an id only that it is nobody's: the rest was said of the user. */
	{{ORGS, "users\n-\n" USER("u u") USER("U U"),
		 "demographics\n-\nu u,,,,,,,,,,,,,,,\nU U,,,,,,,,,,,,,,,\nx x,,,,,,,,,,,,,,,\n"},
		"users id.chars sourcedId 2,3; users id.case-clash sourcedId 3; users sem.username username 3; "
		"demographics ref.missing sourcedId 4"},

	/* Kinds: a type that is no word is told where it stands, and not again. */
	{{"orgs\n-\ns,,,School,School,,\n", "classes\n-\nk,,,Algebra,,c,,scheduled,,s,t,,,\n"},
		"orgs field.enum type 2"},
	{{ORGS, "classes\n-\nk,,,Algebra,,c,,scheduled,,d,t,,,\n"}, "classes ref.school-type schoolSourcedId 2"},

	/* Primary teachers: another one, at the same time, of the same class */
	{{RUN("e,,,k,s,u,teacher,true,,\nf,,,k,s,v,teacher,true,,\ng,,,k,s,w,teacher,false,,\n")},
		"enrollments sem.two-primary primary 3"},
	{{RUN("e,,,k,s,u,teacher,true,2025-08-01,2026-01-01\nf,,,k,s,v,teacher,true,2026-01-01,\n")}, ""},
	{{RUN("e,,,k,s,u,teacher,true,2025-08-01,2026-01-02\nf,,,k,s,v,teacher,true,2026-01-01,\n")},
		"enrollments sem.two-primary primary 3"},
	{{RUN("e,,,k,s,u,teacher,true,,2026-01-01\nf,,,k,s,v,teacher,true,2026-01-01,2026-03-01\n"
	      "g,,,k,s,w,teacher,true,2026-02-01,\n")},
		"enrollments sem.two-primary primary 4"},
	{{RUN("e,,,k,s,u,teacher,true,,\nf,,,k,s,u,teacher,true,,\n")}, "enrollments sem.twice userSourcedId 3"},

	/* A person twice in a class at the same time, whatever the role */
	{{RUN("e,,,k,s,u,teacher,true,,\nf,,,k,s,v,student,,,\ng,,,k,s,u,student,,,\nh,,,k,s,v,student,,,\n")},
		"enrollments sem.twice userSourcedId 4,5"},
	{{RUN("e,,,k,s,u,teacher,true,,2026-01-01\nf,,,k,s,u,teacher,true,2026-01-01,\n")}, ""},
	{{RUN("e,,,k,s,u,teacher,true,2026-01-01,\nf,,,k,s,u,student,,,2026-01-02\n")},
		"enrollments sem.twice userSourcedId 3"},
	{{ORGS, SESSIONS, COURSES, "classes\n-\nk,,,Algebra,,c,,scheduled,,s,t,,,\nl,,,Algebra,,c,,scheduled,,s,t,,,\n",
		 USERS, ENROLLED "e,,,k,s,u,teacher,true,,\nf,,,l,s,u,teacher,true,,\n"},
		""},

	/* Classes without a teacher, unless some row could be one */
	{{RUN("e,,,k,s,u,student,,,\n")}, "classes sem.no-teacher - 2"},
	{{RUN("e,,,k,s,u,student,,,\nf,,,k,s,v\n")}, "enrollments csv.row-width - 3"},
	{{RUN("e,,,k,s,u,student,,,\nf,,,k,s,v,Teacher,,,\n")}, "enrollments field.enum role 3"},
	{{RUN("e,,,k,s,u,student,,,\nf,,,K,s,v,teacher,,,\n")}, "enrollments ref.missing classSourcedId 3"},

	/* The school of a class; one that is none is told as such */
	{{"orgs\n-\ns,,,School,school,,\nr,,,Other,school,,\n", SESSIONS, COURSES, CLASSES, USERS,
		 ENROLLED "e,,,k,r,u,teacher,,,\nf,,,k,s,v,student,,,\n"},
		"enrollments sem.other-school schoolSourcedId 2"},
	{{RUN("e,,,k,d,u,teacher,,,\n")}, "enrollments ref.school-type schoolSourcedId 2"},

	/* Schools at all */
	{{"orgs\n-\nd,,,District,district,,\n"}, "orgs sem.no-school - 0"},
	{{"orgs\n-\nd,,,District,district,,\ns,,,School,School,,\n"}, "orgs field.enum type 3"},
	{{"orgs\n-\nd,,,District,district,,\ns,,,School\n"}, "orgs csv.row-width - 3"},

	/* What spreadsheet programs do */
	{{"orgs\nsourcedId;status;dateLastModified;name;type;identifier;parentSourcedId\ns;;;School;school;;\n",
		 "users\n-\n" USER("u")},
		"orgs csv.separator - 1"},
	{{"orgs\n\"sourcedId\";\"status\";\"name\";\"type\"\n\"s\";\"\";\"A, B\";\"school\"\n"},
		"orgs csv.separator - 1"},
	{{"orgs\nsourcedId\tstatus\tname\ns\t\tSchool\n"}, "orgs csv.separator - 1"},
	{{"orgs\nsep=,\nsourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\ns,,,School,school,,"
	  "t\n"},
		"orgs csv.separator - 1; orgs ref.missing parentSourcedId 3"},
	{{"orgs\n\xEF\xBB\xBFsep=;\nsourcedId;status;name\ns;;School\n"}, "orgs csv.separator - 1"},
	{{"orgs\n\"a;b\",\"c;d\"\ns,\n"}, "orgs header.missing - 1"},
	{{"orgs\n-\n1.23E+12,,,School,school,4.5E+09,9.9E+11\n1.23E+12,,,School,school,1E+9,1.23E+12\n"},
		"orgs field.rounded sourcedId 2,3; orgs field.rounded identifier 2; orgs field.rounded parentSourcedId "
		"2,3"},
	{{ORGS, "users\n-\nu,,,true,\"s,6.02E+23\",student,n,,1.5E+10b,E+12,,2E5,,,,,,\n"},
		"users field.rounded orgSourcedIds 2"},
	{{"users\n-\nu,,,true,s,student,n,,Ann,Ode,,,,,,,,hush\nv,,,true,s,student,m,,Ann,Ode,,,,,,,, \n"},
		"users field.password password 2; users csv.blank-only password 3"},

	/* Headers that are nearly right */
	{{"orgs\nSourced ID,status,date_last_modified,nam,type,identifer,parentSourcedId\ns,,,School,Schol,,t\n"},
		"orgs header.misspelled Sourced ID 1; orgs header.misspelled date_last_modified 1; "
		"orgs header.misspelled nam 1; orgs header.misspelled identifer 1; orgs field.enum type 2; "
		"orgs ref.missing parentSourcedId 2"},
	{{"orgs\nsourcedId,status,dateLastModified,name,names,type,identifier,parentSourcedId\ns,,,A,,school,,\n"},
		"orgs header.extension names 1"},
	{{RUN("e,,,k,s,u,teacher,true,,\nf,,,k,s,v,teacher,true,soon,\n")}, "enrollments field.date beginDate 3"},
	{{"enrollments\n-\ne,,,k,s,u,teacher,true,,\nf,,,k,s,v,teacher,true,,\n"},
		"enrollments sem.two-primary primary 3"},
	{{RUN("e,,,k,s,u,student,true,,\nf,,,k,s,v,pupil,true,,\n")},
		"enrollments field.enum role 3; enrollments sem.primary-role primary 2"},

	/* Lists */
	{{ORGS, "users\n-\nu,,,true,s;d,student,n,,Ann,Ode,,,,,,,,\n"}, "users field.list orgSourcedIds 2"},
	{{ORGS, "users\n-\nu,,,true,\"d, s\",student,n,,Ann,Ode,,,,,,,\"09;10\",\n"},
		"users field.list orgSourcedIds 2; users field.list grades 2"},
	{{"orgs\n-\na;b,,,A,school,,\n", "users\n-\nu,,,true,a;b,student,n,,Ann,Ode,,,,,,,,\n"},
		"orgs id.chars sourcedId 2"},
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run(*state, NULL, &cases[i]);
	judge_free(NULL);
}

/* --- what a receiver wants -------------------------------------------------------------------------------------- */

static struct consumer nobody(void)
{
	static const unsigned char files[64] = {0};
	return (struct consumer){.name = "test", .title = "Test", .files = files};
}

static void test_required(void **state)
{
	const struct table *users = schema_table_find(schema, "users");
	struct consumer consumer = nobody();
	const struct consumer_required required[] = {
		{{users->id, column_find(users, "email")}, NULL, true},
		{{users->id, column_find(users, "grades")}, "student", false},
		{{users->id, column_find(users, "username")}, "teacher", true},
	};
	consumer.required = required;
	consumer.required_count = 3;
	const struct bundle_case bundle = {{"users\n-\n"
					    "a,,,true,s,student,x,,A,B,,,a@b.example,,,,,\n"
					    "b,,,true,s,parent,y,,A,B,,,,,,,,\n"
					    "c,,,true,s,parent,x,,A,B,,,A@B.example,,,,,\n"
					    "d,,,true,s,student,,,A,B,,,d@b.example,,,,09,\n"
					    "e,,,true,s,teacher,X,,A,B,,,nobody,,,,,\n"
					    "f,,,true,s,student,y,,A,B,,,f@b.example,,,, ,\n"},
		"users consumer.required grades 2,7; users consumer.required email 3; users field.required username 5; "
		"users consumer.unique email 4; users consumer.unique username 4,6; users field.email email 6; "
		"users csv.blank-only grades 7"};
	run(*state, &consumer, &bundle);
}

static void test_wishes(void **state)
{
	static const char *const roles[] = {"student", "teacher", NULL};
	static const char *const types[] = {"school", NULL};
	static const char *const grades[] = {"9", "pk", NULL};
	struct consumer consumer = nobody();
	consumer.roles = roles;
	consumer.org_types = types;
	consumer.grades = grades;
	consumer.id_max = 3;
	consumer.id_chars = "abcdefghijklmnopqrstuvwxyz";
	consumer.text_chars = " ";
	consumer.text_max = 5;
	consumer.enabled_only = true;
	consumer.integer_periods = true;
	consumer.metadata = CONSUMER_METADATA_NONE;
	const struct bundle_case bundle = {
		{"orgs\n-\ns,,,School,school,,\ndistr,,,Dis-t,district,,\n",
			"users\nsourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,"
			"givenName,"
			"familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,metadata.x\n"
			"u,,,false,s,student,n,,Zo\xC3\xAB\xC3\xAB\xC3\xAB,O'Ode,,,a@long.example,,,,\"pk,09\",,\n"
			"U,,,true,s,parent,m,,A,B,,,,,,,9,,x\n",
			"classes\n-\nk,,,A,,c,,scheduled,,s,t,,,\"1,2\"\nl,,,A,,c,,scheduled,,s,t,,,2b\n"},
		"orgs id.length sourcedId 3; orgs consumer.text name 3; orgs consumer.org-type type 3; "
		"orgs field.length name 2; users consumer.metadata metadata.x 1; users consumer.text familyName 2; "
		"users id.chars sourcedId 3; users consumer.role role 3; users field.length email 2; "
		"users field.grade grades 2; users consumer.disabled enabledUser 2; users id.case-clash sourcedId 3; "
		"classes consumer.periods periods 3"};
	run(*state, &consumer, &bundle);
}

static void test_sizes(void **state)
{
	struct consumer consumer = nobody();
	consumer.class_max = 2;
	consumer.load_max = 1;
	const struct bundle_case bundle = {
		{"enrollments\n-\n"
		 "a,,,k,s,u,student,,,\nb,,,k,s,v,student,,,\nc,,,l,s,w,student,,,\nd,,,k,s,x,student,,,\n"
		 "e,,,k,s,y,student,,,\nf,,,k,s,t,teacher,,,\ng,,,l,s,t,teacher,,,\nh,,,l,s,z,teacher,,,\n"},
		"enrollments sem.size classSourcedId 5; enrollments sem.size userSourcedId 8"};
	run(*state, &consumer, &bundle);
}

static void test_style(void **state)
{
	struct consumer consumer = nobody();
	consumer.quote = CONSUMER_QUOTE_MINIMAL;
	consumer.eol = CONSUMER_EOL_CRLF;
	consumer.empty = CONSUMER_EMPTY_ABSENT;
	const struct bundle_case minimal = {
		{"orgs\n-\na,,,\"A, b\",school,\"\"\"1\"\"\",\nb,,,\"A b\",\"school\",,\n", "demographics\n-\r\n"},
		"orgs consumer.eol - 0; orgs consumer.quote - 3; demographics consumer.empty - 0"};
	run(*state, &consumer, &minimal);
	consumer.quote = CONSUMER_QUOTE_ALL;
	consumer.eol = CONSUMER_EOL_LF;
	consumer.empty = CONSUMER_EMPTY_HEADER;
	const struct bundle_case all = {
		{"orgs\n-\n\"a\",\"\",\"\",\"A\",\"school\",\"\",\"\"\n\"b\",\"\",\"\",\"A\",school,\"\",\"\"\n",
			"demographics\n-\n"},
		"orgs consumer.quote - 3"};
	run(*state, &consumer, &all);
	consumer.quote = CONSUMER_QUOTE_BLANKS;
	const struct bundle_case blanks = {
		{"orgs\n-\na,,,\"A b\",school,\"\"\"1\"\"\",\nb,,,A b,school,,\nc,,,\"A, b\",school,,\n"
		 "d,,,\"A-b\",school,,\ne,,,A,school,\"\",\n"},
		"orgs consumer.quote - 3,5,6"};
	run(*state, &consumer, &blanks);
}

/* Core tables without rows are errors, unless somebody said that they may be; references then count. */
static void test_allow_empty(void **state)
{
	const struct scratch *scratch = *state;
	static const char *const names[] = {"orgs", NULL};
	const struct judge_options options = {.schema = schema, .folder = scratch->folder, .allow_empty = names};
	struct findings *findings = findings_new(false);
	struct judge *judge = judge_new(&options, findings);
	struct buf said = {0};
	judge_file(judge, "orgs\n-\n");
	judge_file(judge, "users\n-\n" USER("u"));
	describe(findings, &said);
	assert_string_equal(buf_text(&said), "orgs file.empty - 0; users ref.missing orgSourcedIds 2");
	assert_int_equal(findings_at(findings, 0)->rule, RULE_FILE_EMPTY);
	assert_int_equal(judge_rows(judge), 1);
	judge_absent(judge, schema_table_find(schema, "categories"));
	judge_file(judge, "lineItems\n-\nl,,,Quiz,,2025-09-01,2025-09-02,k,g,t,0,1\n");
	assert_int_equal(findings_count(findings), 3);
	assert_string_equal(findings_at(findings, 2)->column, "categorySourcedId");
	buf_release(&said);
	judge_free(judge);
	findings_free(findings);
}

/* --- many rows ---------------------------------------------------------------------------------------------------- */

enum { MANY = 50000, NAMES = 30000 };

struct seen {
	unsigned char *rows; /* what was found, by row: 1 exact, 2 in other case */
	bool fine;
};

static void see(void *context, const struct repeat_found *one)
{
	struct seen *seen = context;
	seen->fine = seen->fine && seen->rows[one->row] == 0;
	seen->rows[one->row] = one->exact ? 1 : 2;
}

/* The same as asking of each row whether one before it has the value, or has it in other case. */
static void test_repeats(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	struct repeat *repeat = repeat_new(scratch->folder, "test", false, &err);
	unsigned char *spelled = mem_new((size_t)NAMES * 2, 1); /* seen, by name and spelling */
	unsigned char *expected = mem_new(MANY, 1);
	struct seen seen = {mem_new(MANY, 1), true};
	for (uint32_t row = 0; row < MANY; row++) {
		uint32_t name = scratch_random(scratch, NAMES);
		uint32_t spelling = scratch_random(scratch, 2);
		char text[24];
		snprintf(text, sizeof(text), "%s-%u", spelling > 0 ? "ID" : "id", (unsigned)(name * 2654435761U));
		expected[row] = spelled[name * 2 + spelling] > 0 ? 1 : spelled[name * 2 + 1 - spelling] > 0 ? 2 : 0;
		spelled[name * 2 + spelling] = 1;
		assert_true(repeat_add(
			repeat, &(struct repeat_value){.text = text, .length = strlen(text), .row = row}, &err));
	}
	assert_true(repeat_each(repeat, see, &seen, &err));
	assert_true(seen.fine);
	assert_memory_equal(seen.rows, expected, MANY);
	repeat_free(repeat);
	free(spelled);
	free(expected);
	free(seen.rows);
}

static void test_repeats_in_order(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	struct repeat *repeat = repeat_new(scratch->folder, "test", false, &err);
	struct seen seen = {mem_new(MANY, 1), true};
	char *longest = mem_new(REPEAT_MAX + 1, 1);
	memset(longest, 'z', REPEAT_MAX + 1);
	for (uint32_t row = 0; row < 1000; row++) {
		char text[24];
		snprintf(text, sizeof(text), "%08u", (unsigned)row / 2 * (row < 998 ? 1U : 2U) + row % 2 * 1000000);
		assert_true(repeat_add(
			repeat, &(struct repeat_value){.text = text, .length = strlen(text), .row = row}, &err));
	}
	assert_true(
		repeat_add(repeat, &(struct repeat_value){.text = longest, .length = REPEAT_MAX, .row = 1000}, &err));
	assert_true(
		repeat_add(repeat, &(struct repeat_value){.text = longest, .length = REPEAT_MAX, .row = 1001}, &err));
	assert_true(repeat_add(
		repeat, &(struct repeat_value){.text = longest, .length = REPEAT_MAX + 1, .row = 1002}, &err));
	assert_true(repeat_add(
		repeat, &(struct repeat_value){.text = longest, .length = REPEAT_MAX + 1, .row = 1003}, &err));
	assert_true(repeat_each(repeat, see, &seen, &err));
	for (uint32_t row = 0; row < MANY; row++)
		assert_int_equal(seen.rows[row], row == 1001 ? 1 : 0);
	free(longest);
	free(seen.rows);
	repeat_free(repeat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cases, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_required, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_wishes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_sizes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_style, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_allow_empty, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_repeats, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_repeats_in_order, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

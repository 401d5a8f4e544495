#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "check/manifest.h"
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

static struct manifest *judge(const char *lines, struct findings *findings)
{
	struct text text = {lines, strlen(lines)};
	const struct csv_source source = {read_text, &text};
	struct csv_reader *reader = csv_reader_new(&source);
	struct manifest *manifest = manifest_new(schema, findings);
	struct csv_row row;
	struct err err = {0};
	while (csv_next(reader, &row, &err) > 0)
		manifest_row(manifest, &row);
	manifest_end(manifest, true, csv_bom(reader));
	csv_reader_free(reader);
	return manifest;
}

/* "code detail row" of each finding, the first row of each, with semicolons between. */
static void describe(const struct findings *findings, struct buf *out)
{
	for (size_t i = 0; i < findings_count(findings); i++) {
		const struct finding *finding = findings_at(findings, i);
		assert_string_equal(finding->file, "manifest.csv");
		buf_add_format(out, "%s%s %s %" PRIu64, i > 0 ? "; " : "", rules[finding->rule].code,
			finding->detail != NULL ? finding->detail : "-", finding->examples[0].row);
	}
}

#define FILES                                                                                                          \
	"file.academicSessions,bulk\nfile.categories,absent\nfile.classes,bulk\nfile.classResources,absent\n"          \
	"file.courses,bulk\nfile.courseResources,absent\nfile.demographics,delta\nfile.enrollments,bulk\n"             \
	"file.lineItems,absent\nfile.orgs,bulk\nfile.resources,absent\nfile.results,absent\n"
#define USERS    "file.users,bulk\n"
#define VERSIONS "manifest.version,1.0\noneroster.version,1.1\n"
#define HEADER   "propertyName,value\n"

static const struct {
	const char *lines;
	const char *findings;
} cases[] = {
	{HEADER VERSIONS FILES USERS, ""},
	{HEADER VERSIONS FILES USERS "source.systemName,Sample SIS\nsource.systemCode,s-1\n", ""},
	{HEADER USERS FILES VERSIONS, ""}, /* no rule asks for an order */
	{"\xEF\xBB\xBF" HEADER VERSIONS FILES USERS, "csv.bom - 0"},
	{"", "manifest.header - 1"},
	{"PropertyName,Value\n" VERSIONS FILES USERS, "manifest.header - 1"},
	{"propertyName,value,comment\n" VERSIONS FILES USERS, "manifest.header - 1"},
	{"propertyName\n" VERSIONS FILES USERS, "manifest.header - 1"},
	{VERSIONS FILES USERS, "manifest.header - 1"}, /* its first line is a property and no loss */
	{HEADER VERSIONS FILES, "manifest.missing-property file.users 0"},
	{HEADER FILES USERS,
		"manifest.missing-property manifest.version 0; manifest.missing-property oneroster.version 0"},
	{HEADER VERSIONS FILES "file.users\n", "manifest.row-width - 16"},
	{HEADER VERSIONS FILES "file.users,bulk,\n", "manifest.row-width - 16"},
	{HEADER VERSIONS FILES "file.users,\n", "manifest.empty-value file.users 16"},
	{HEADER VERSIONS FILES "file.users, \n", "manifest.empty-value file.users 16"},
	{HEADER VERSIONS FILES USERS "source.systemName,\n", "manifest.empty-value source.systemName 17"},
	{HEADER VERSIONS FILES USERS "file.orgs,absent\n", "manifest.duplicate file.orgs 17"},
	{HEADER VERSIONS FILES USERS "file.roles,absent\n", "manifest.unknown-property file.roles 17"},
	{HEADER VERSIONS FILES "File.users,bulk\n", "manifest.unknown-property File.users 16"},
	{HEADER VERSIONS FILES "file.users,Bulk\n", "manifest.mode file.users 16"},
	{HEADER VERSIONS FILES "file.users,yes\n", "manifest.mode file.users 16"},
	{HEADER "manifest.version,1.1\noneroster.version,1.1\n" FILES USERS, "manifest.version manifest.version 1.1 2"},
	{HEADER "manifest.version,1.0\noneroster.version,1.1.1\n" FILES USERS, "manifest.version OneRoster 1.1.1 3"},
	{HEADER VERSIONS "\n" FILES USERS, "csv.blank-line - 4"},
	{HEADER VERSIONS ",\n" FILES USERS, "csv.blank-line - 4"},
	{HEADER VERSIONS FILES "\"file\"s,bulk\n" USERS, "csv.quote - 16"},
	{HEADER VERSIONS FILES USERS "source.systemName,a\tb\n", "csv.control - 17"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct findings *findings = findings_new(false);
		struct manifest *manifest = judge(cases[i].lines, findings);
		struct buf said = {0};
		describe(findings, &said);
		if (strcmp(buf_text(&said), cases[i].findings) != 0)
			fail_msg("case %zu: \"%s\", not \"%s\"", i, buf_text(&said), cases[i].findings);
		assert_false(manifest_is_foreign(manifest));
		buf_release(&said);
		manifest_free(manifest);
		findings_free(findings);
	}
	manifest_free(NULL);
}

static enum manifest_mode mode_of(const struct manifest *manifest, const char *name)
{
	return manifest_mode(manifest, schema_table_find(schema, name));
}

/* What is said wrongly still says how to judge, as far as anybody can tell. */
static void test_modes(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	struct manifest *manifest = judge(HEADER VERSIONS
		"file.orgs,bulk\nfile.classes,delta\nfile.courses,absent\nfile.results,DELTA\nFile.Users,Delta\n"
		"file.enrollments,delta,\nfile.lineItems,maybe\nfile.orgs,delta\n",
		findings);
	assert_int_equal(mode_of(manifest, "orgs"), MANIFEST_BULK);
	assert_int_equal(mode_of(manifest, "classes"), MANIFEST_DELTA);
	assert_int_equal(mode_of(manifest, "courses"), MANIFEST_ABSENT);
	assert_int_equal(mode_of(manifest, "results"), MANIFEST_DELTA);
	assert_int_equal(mode_of(manifest, "users"), MANIFEST_DELTA);
	assert_int_equal(mode_of(manifest, "enrollments"), MANIFEST_DELTA);
	assert_int_equal(mode_of(manifest, "lineItems"), MANIFEST_UNSAID);
	assert_int_equal(mode_of(manifest, "resources"), MANIFEST_UNSAID);
	manifest_free(manifest);
	findings_free(findings);
}

static void test_versions(void **state)
{
	(void)state;
	static const struct {
		const char *version;
		bool foreign;
	} versions[] = {{"1.1", false}, {"1.1.1", false}, {"1.0", true}, {"1.2", true}, {"1.10", true}, {"2", true},
		{"11", true}, {"v1p2", false}, {"one", false}};
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct buf lines = {0};
		struct buf said = {0};
		struct findings *findings = findings_new(false);
		struct findings *alone = findings_new(false);
		buf_add_format(&lines, HEADER "manifest.version,1.0\noneroster.version,%s\n", versions[i].version);
		struct manifest *manifest = judge(buf_text(&lines), findings);
		assert_int_equal(manifest_is_foreign(manifest), versions[i].foreign);
		assert_string_equal(manifest_version(manifest), versions[i].version);
		if (versions[i].foreign) {
			manifest_tell_foreign(manifest, alone);
			describe(alone, &said);
			assert_non_null(strstr(buf_text(&said), "manifest.version OneRoster "));
			assert_non_null(strstr(buf_text(&said), " 3"));
		}
		manifest_free(manifest);
		findings_free(findings);
		findings_free(alone);
		buf_release(&lines);
		buf_release(&said);
	}
}

static void test_compare(void **state)
{
	(void)state;
	struct findings *findings = findings_new(false);
	struct manifest *manifest = judge(HEADER VERSIONS FILES USERS, findings);
	struct buf said = {0};
	manifest_compare(manifest, schema_table_find(schema, "users"), true);
	manifest_compare(manifest, schema_table_find(schema, "categories"), false);
	assert_int_equal(findings_count(findings), 0);
	manifest_compare(manifest, schema_table_find(schema, "users"), false);
	manifest_compare(manifest, schema_table_find(schema, "categories"), true);
	manifest_compare(manifest, schema_table_find(schema, "demographics"), false);
	describe(findings, &said);
	assert_string_equal(buf_text(&said), "manifest.file-missing users.csv 16; "
					     "manifest.file-unexpected categories.csv 5; "
					     "manifest.file-missing demographics.csv 10");
	buf_release(&said);
	manifest_free(manifest);
	findings_free(findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_compare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

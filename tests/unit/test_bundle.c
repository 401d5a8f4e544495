#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zip.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "package/bundle.h"
#include "package/content.h"
#include "scratch.h"

static const char manifest_start[] = "propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,1.1\r\n";
static const char orgs_header[] = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\r\n";
static const char users_header[] =
	"sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
	"middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\r\n";

static const struct table *table_of(const char *name)
{
	return schema_table_find(&schema_oneroster_1_1, name);
}

/* A file of rows; a row is its cells with | between, in the order of the columns. */
static void add_file(struct bundle *bundle, const char *name, const char *const *rows)
{
	const struct table *table = table_of(name);
	struct err err = {0};
	struct row row;
	row_init(&row, (size_t)table->column_count);
	assert_true(bundle_begin_file(bundle, table, NULL, 0, &err));
	for (; *rows != NULL; rows++) {
		const char *at = *rows;
		row_clear(&row);
		for (size_t i = 0; i < row.count; i++) {
			size_t length = strcspn(at, "|");
			assert_true(row_set(&row, i, at, length));
			at += length + (at[length] == '|' ? 1 : 0);
		}
		bundle_add_row(bundle, &row);
	}
	assert_true(bundle_end_file(bundle, &err));
	row_release(&row);
}

static struct bundle_options options_in(const struct scratch *scratch)
{
	return (struct bundle_options){.schema = &schema_oneroster_1_1, .folder = scratch->folder};
}

static const char *const two_orgs[] = {"d|active|2026-01-05T08:00:00.000Z|Sample District|district||",
	"s1|active||North, \"Old\" School|school|01|d", NULL};
static const char *const one_user[] = {
	"u-17|active|2026-01-05T08:00:00.000Z|true|s1,s2|student|ann.o|{LDAP:anno},{LTI:42}|"
	"Ann|O\"Hara, Jr.||0042||||u-90|09|",
	NULL};
static const char *const none[] = {NULL};

/* A bundle with users, orgs and an empty file, given in an order that is not that of the zip. */
static struct bundle *usual_bundle(const struct bundle_options *options)
{
	struct bundle *bundle = bundle_new(options);
	add_file(bundle, "users", one_user);
	add_file(bundle, "categories", none);
	add_file(bundle, "orgs", two_orgs);
	return bundle;
}

static char *target(const struct scratch *scratch, const char *name)
{
	char *folder = scratch_path(scratch, "out");
	mkdir(folder, 0700);
	char *path = mem_format("%s/%s", folder, name);
	free(folder);
	return path;
}

static void publish(const struct scratch *scratch, const struct bundle_options *options, const char *path)
{
	struct err err = {0};
	struct bundle *bundle = usual_bundle(options);
	if (!bundle_commit(bundle, path, &err))
		fail_msg("%s", err.text);
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 1); /* only the folder of the target */
}

static void read_whole(const char *path, struct buf *text)
{
	struct err err = {0};
	buf_clear(text);
	assert_true(file_read(path, 1 << 20, text, &err));
}

/* The text of a file in a zip, as another reader of zips sees it. */
static void assert_entry(const char *path, const char *name, const char *expected)
{
	char text[4096];
	zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
	assert_non_null(zip);
	zip_file_t *file = zip_fopen(zip, name, 0);
	assert_non_null(file);
	zip_int64_t length = zip_fread(file, text, sizeof(text) - 1);
	assert_true(length >= 0);
	text[length] = '\0';
	assert_string_equal(text, expected);
	zip_fclose(file);
	zip_discard(zip);
}

/* The manifest: modes of the files in its own order, then what is behind. */
static char *manifest_with(const char *const *bulk, const char *behind)
{
	static const char *const files[] = {"academicSessions", "categories", "classes", "classResources", "courses",
		"courseResources", "demographics", "enrollments", "lineItems", "orgs", "resources", "results", "users"};
	struct buf text = {0};
	buf_add_text(&text, manifest_start);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool is_bulk = false;
		for (const char *const *name = bulk; *name != NULL; name++)
			is_bulk = is_bulk || strcmp(*name, files[i]) == 0;
		buf_add_format(&text, "file.%s,%s\r\n", files[i], is_bulk ? "bulk" : "absent");
	}
	buf_add_text(&text, behind);
	return buf_take(&text);
}

static void test_content(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	options.source_name = "My SIS";
	options.source_code = "my,sis";
	struct bundle *bundle = usual_bundle(&options);
	assert_int_equal(bundle_rows(bundle, table_of("orgs")), 2);
	assert_int_equal(bundle_rows(bundle, table_of("categories")), 0);
	assert_true(bundle_has(bundle, table_of("users")));
	assert_false(bundle_has(bundle, table_of("categories")));
	assert_false(bundle_has(bundle, table_of("results")));
	assert_int_equal(bundle_bytes(bundle, table_of("categories")), 0);
	assert_int_equal(bundle_size(bundle), 0);
	assert_true(bundle_commit(bundle, path, &err));

	static const char orgs_rows[] =
		"d,,,Sample District,district,,\r\ns1,,,\"North, \"\"Old\"\" School\",school,01,d\r\n";
	char *orgs = mem_format("%s%s", orgs_header, orgs_rows);
	assert_entry(path, "orgs.csv", orgs);
	assert_int_equal(bundle_bytes(bundle, table_of("orgs")), strlen(orgs));
	free(orgs);
	char *users = mem_format("%s%s", users_header,
		"u-17,,,true,\"s1,s2\",student,ann.o,\"{LDAP:anno},{LTI:42}\",Ann,\"O\"\"Hara, "
		"Jr.\",,0042,,,,u-90,09,\r\n");
	assert_entry(path, "users.csv", users);
	free(users);
	static const char *const bulk[] = {"orgs", "users", NULL};
	char *manifest = manifest_with(bulk, "source.systemName,My SIS\r\nsource.systemCode,\"my,sis\"\r\n");
	assert_entry(path, "manifest.csv", manifest);
	free(manifest);

	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(bundle_size(bundle), status.st_size);
	assert_int_equal(status.st_mode & 0777, 0600);
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 1);
	free(path);
}

static void test_empty_files(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	struct bundle_options options = options_in(scratch);
	publish(scratch, &options, path);
	static const char *const without[] = {"orgs", "users", NULL};
	char *manifest = manifest_with(without, "");
	assert_entry(path, "manifest.csv", manifest);
	free(manifest);

	options.empty_header = true;
	publish(scratch, &options, path);
	static const char *const with[] = {"orgs", "users", "categories", NULL};
	manifest = manifest_with(with, "");
	assert_entry(path, "manifest.csv", manifest);
	assert_entry(path, "categories.csv", "sourcedId,status,dateLastModified,title\r\n");
	free(manifest);
	free(path);
}

static void test_styles(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	struct bundle_options options = options_in(scratch);
	options.style.lf = true;
	options.style.quote_all = true;
	options.empty_header = true;
	publish(scratch, &options, path);
	assert_entry(path, "categories.csv", "\"sourcedId\",\"status\",\"dateLastModified\",\"title\"\n");
	assert_entry(path, "orgs.csv",
		"\"sourcedId\",\"status\",\"dateLastModified\",\"name\",\"type\",\"identifier\",\"parentSourcedId\"\n"
		"\"d\",\"\",\"\",\"Sample District\",\"district\",\"\",\"\"\n"
		"\"s1\",\"\",\"\",\"North, \"\"Old\"\" School\",\"school\",\"01\",\"d\"\n");
	zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
	zip_file_t *file = zip_fopen(zip, "manifest.csv", 0);
	char start[64] = "";
	assert_true(zip_fread(file, start, sizeof(start) - 1) > 0);
	assert_int_equal(strncmp(start, "\"propertyName\",\"value\"\n\"manifest.version\",\"1.0\"\n", 47), 0);
	zip_fclose(file);
	zip_discard(zip);
	free(path);
}

/* --- the bytes of the zip ----------------------------------------------------------------------------------------- */

static uint32_t number_at(const struct buf *zip, size_t at, size_t bytes)
{
	uint32_t number = 0;
	assert_true(at + bytes <= zip->length);
	for (size_t i = 0; i < bytes; i++)
		number |= (uint32_t)(unsigned char)buf_text(zip)[at + i] << 8 * i;
	return number;
}

static void assert_name(const struct buf *zip, size_t at, const char *name)
{
	assert_true(at + strlen(name) <= zip->length);
	assert_memory_equal(buf_text(zip) + at, name, strlen(name));
}

/* Walks from the end record through the central folder to each file, and finds nothing between and behind them. */
static void assert_zip_layout(const struct buf *zip, const char *const *names, size_t count)
{
	enum { END = 22, CENTRAL = 46, LOCAL = 30, DOS_DAY_ONE = 1 << 5 | 1 };
	assert_true(zip->length > END);
	size_t end = zip->length - END;
	assert_int_equal(number_at(zip, end, 4), 0x06054b50);
	assert_int_equal(number_at(zip, end + 4, 4), 0); /* one volume */
	assert_int_equal(number_at(zip, end + 8, 2), count);
	assert_int_equal(number_at(zip, end + 10, 2), count);
	assert_int_equal(number_at(zip, end + 20, 2), 0); /* no comment */
	size_t entry = number_at(zip, end + 16, 4);
	assert_int_equal(entry + number_at(zip, end + 12, 4), end);
	size_t expected = 0;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(number_at(zip, entry, 4), 0x02014b50);
		assert_int_equal(number_at(zip, entry + 4, 2) >> 8, 3);    /* made on Unix: so the mode counts */
		assert_true(number_at(zip, entry + 6, 2) <= 20);           /* version needed: no Zip64 */
		assert_int_equal(number_at(zip, entry + 8, 2) & ~0x6U, 0); /* neither encrypted nor with a descriptor */
		assert_int_equal(number_at(zip, entry + 10, 2), 8);        /* deflate */
		assert_int_equal(number_at(zip, entry + 12, 2), 0);
		assert_int_equal(number_at(zip, entry + 14, 2), DOS_DAY_ONE);
		assert_int_equal(number_at(zip, entry + 28, 2), strlen(names[i]));
		assert_int_equal(number_at(zip, entry + 30, 2), 0); /* no extra field */
		assert_int_equal(number_at(zip, entry + 32, 2), 0); /* no comment */
		assert_int_equal(number_at(zip, entry + 38, 4) >> 16, 0100644);
		assert_name(zip, entry + CENTRAL, names[i]);
		size_t local = number_at(zip, entry + 42, 4);
		assert_int_equal(local, expected);
		assert_int_equal(number_at(zip, local, 4), 0x04034b50);
		assert_true(number_at(zip, local + 4, 2) <= 20);
		for (size_t field = 0; field < 22;
			field++) /* flags to the length of the name: as in the central folder */
			assert_int_equal(number_at(zip, local + 6 + field, 1), number_at(zip, entry + 8 + field, 1));
		assert_int_equal(number_at(zip, local + 28, 2), 0);
		assert_name(zip, local + LOCAL, names[i]);
		expected = local + LOCAL + strlen(names[i]) + number_at(zip, entry + 20, 4);
		entry += CENTRAL + strlen(names[i]);
	}
	assert_int_equal(expected, number_at(zip, end + 16, 4));
}

static void test_zip_layout(void **state)
{
	static const char *const all[] = {"manifest.csv", "academicSessions.csv", "categories.csv",
		"classResources.csv", "classes.csv", "courseResources.csv", "courses.csv", "demographics.csv",
		"enrollments.csv", "lineItems.csv", "orgs.csv", "resources.csv", "results.csv", "users.csv"};
	static const char *const some[] = {"manifest.csv", "orgs.csv", "users.csv"};
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	struct bundle_options options = options_in(scratch);
	struct buf zip = {0};
	struct err err = {0};
	publish(scratch, &options, path);
	read_whole(path, &zip);
	assert_zip_layout(&zip, some, 3);

	options.empty_header = true;
	struct bundle *bundle = bundle_new(&options);
	for (int i = schema_oneroster_1_1.table_count; i-- > 0;)
		add_file(bundle, schema_oneroster_1_1.tables[i].name, none);
	assert_true(bundle_commit(bundle, path, &err));
	bundle_free(bundle);
	read_whole(path, &zip);
	assert_zip_layout(&zip, all, 14);

	/* Nothing but the manifest. */
	bundle = bundle_new(&options);
	assert_true(bundle_commit(bundle, path, &err));
	bundle_free(bundle);
	read_whole(path, &zip);
	assert_zip_layout(&zip, all, 1);
	buf_release(&zip);
	free(path);
}

/* A file that does not get smaller is deflated all the same: the standard wants it so. */
static void test_large_file(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	struct bundle_options options = options_in(scratch);
	struct bundle *bundle = bundle_new(&options);
	const struct table *table = table_of("categories");
	struct err err = {0};
	struct row row;
	row_init(&row, (size_t)table->column_count);
	assert_true(bundle_begin_file(bundle, table, NULL, 0, &err));
	for (int i = 0; i < 20000; i++) {
		char id[32];
		int length = snprintf(id, sizeof(id), "%05d-%08x", i, scratch_random(scratch, 0xffffffff));
		row_set(&row, 0, id, (size_t)length);
		row_set(&row, 3, id, (size_t)length);
		bundle_add_row(bundle, &row);
	}
	assert_true(bundle_end_file(bundle, &err));
	assert_true(bundle_commit(bundle, path, &err));
	uint64_t bytes = bundle_bytes(bundle, table);
	assert_int_equal(bytes, strlen("sourcedId,status,dateLastModified,title\r\n") + 20000 * (14 + 3 + 14 + 2));
	bundle_free(bundle);
	row_release(&row);

	static const char *const names[] = {"manifest.csv", "categories.csv"};
	struct buf zip = {0};
	read_whole(path, &zip);
	assert_zip_layout(&zip, names, 2);
	buf_release(&zip);
	struct zip_stat status;
	zip_t *reader = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
	assert_int_equal(zip_stat(reader, "categories.csv", 0, &status), 0);
	assert_int_equal(status.size, bytes);
	zip_discard(reader);
	free(path);
}

static void test_same_bytes(void **state)
{
	static const char *const zones[] = {"UTC", "Asia/Tokyo", "America/Los_Angeles", "UTC-14", NULL};
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	struct buf first = {0};
	struct buf again = {0};
	char *path = target(scratch, "first.zip");
	char *other = target(scratch, "with another name.zip");
	publish(scratch, &options, path);
	read_whole(path, &first);
	for (size_t i = 0; zones[i] != NULL; i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		publish(scratch, &options, other);
		read_whole(other, &again);
		assert_int_equal(again.length, first.length);
		assert_memory_equal(buf_text(&again), buf_text(&first), first.length);
	}
	unsetenv("TZ");
	tzset();
	buf_release(&first);
	buf_release(&again);
	free(other);
	free(path);
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

static void test_free_without_commit(void **state)
{
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	bundle_free(NULL);
	bundle_free(bundle_new(&options));
	bundle_free(usual_bundle(&options));
	struct bundle *bundle = usual_bundle(&options);
	assert_true(bundle_begin_file(bundle, table_of("classes"), NULL, 0, &err));
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 0);
}

static bool always(void)
{
	return true;
}

static void test_target_stays_on_failure(void **state)
{
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	char *path = target(scratch, "bundle.zip");
	scratch_write(path, "the old bundle");

	/* Stopped in the middle. */
	options.stopped = always;
	struct bundle *bundle = usual_bundle(&options);
	assert_false(bundle_commit(bundle, path, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	bundle_free(bundle);
	assert_string_equal(scratch_read(path), "the old bundle");
	assert_int_equal(scratch_entries(scratch), 1);

	/* No such folder. */
	options.stopped = NULL;
	err_clear(&err);
	char *nowhere = scratch_path(scratch, "nowhere/bundle.zip");
	bundle = usual_bundle(&options);
	assert_false(bundle_commit(bundle, nowhere, &err));
	assert_int_equal(err.code, ERR_FILE);
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 1);
	free(nowhere);

	/* A folder stands where the zip should be. */
	err_clear(&err);
	char *taken = target(scratch, "taken.zip");
	assert_int_equal(mkdir(taken, 0700), 0);
	bundle = usual_bundle(&options);
	assert_false(bundle_commit(bundle, taken, &err));
	bundle_free(bundle);
	assert_int_equal(rmdir(taken), 0);
	free(taken);

	/* The folder may not be written; root may do so all the same. */
	if (geteuid() != 0) {
		char *folder = scratch_path(scratch, "out");
		err_clear(&err);
		chmod(folder, 0500);
		bundle = usual_bundle(&options);
		assert_false(bundle_commit(bundle, path, &err));
		assert_int_equal(err.code, ERR_FILE);
		bundle_free(bundle);
		chmod(folder, 0700);
		free(folder);
	}
	assert_string_equal(scratch_read(path), "the old bundle");
	char *out = scratch_path(scratch, "out");
	struct scratch inner = {.folder = out};
	assert_int_equal(scratch_entries(&inner), 1);
	free(out);
	free(path);
}

static void test_no_work_folder(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	char *folder = scratch_path(scratch, "gone");
	struct bundle_options options = {.schema = &schema_oneroster_1_1, .folder = folder};
	struct bundle *bundle = bundle_new(&options);
	assert_false(bundle_begin_file(bundle, table_of("orgs"), NULL, 0, &err));
	assert_int_equal(err.code, ERR_FILE);
	bundle_free(bundle);
	err_clear(&err);
	bundle = bundle_new(&options);
	char *path = target(scratch, "bundle.zip");
	assert_false(bundle_commit(bundle, path, &err));
	assert_null(scratch_read(path));
	bundle_free(bundle);
	free(path);
	free(folder);
}

/* --- loose files -------------------------------------------------------------------------------------------------- */

static void assert_loose(const char *folder, const char *name, const char *expected)
{
	char *path = mem_format("%s/%s", folder, name);
	const char *text = scratch_read(path);
	if (expected == NULL) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
		assert_int_equal(scratch_mode(path), 0600);
	}
	free(path);
}

static void test_loose_files(void **state)
{
	static const char *const bulk[] = {"orgs", "users", NULL};
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	char *folder = target(scratch, "DailyImport");
	char *path = mem_format("%s/", folder);
	char *outside = scratch_path(scratch, "out");
	struct scratch inside = {.folder = folder};
	struct scratch beside = {.folder = outside};
	char *manifest = manifest_with(bulk, "");
	/* New, and then in place of what was there; the files of the last time are gone. */
	for (int i = 0; i < 2; i++) {
		publish(scratch, &options, path);
		assert_int_equal(scratch_mode(folder), 0700);
		assert_int_equal(scratch_entries(&inside), 3);
		assert_int_equal(scratch_entries(&beside), 1);
		assert_loose(folder, "manifest.csv", manifest);
		assert_loose(folder, "results.csv", NULL);
		char *old = mem_format("%s/results.csv", folder);
		scratch_write(old, "of the last time");
		free(old);
	}
	free(manifest);
	free(outside);
	free(path);
	free(folder);
}

static void test_loose_files_of_others(void **state)
{
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	char *folder = target(scratch, "Documents");
	char *path = mem_format("%s///", folder);
	mkdir(folder, 0750);
	char *foreign = mem_format("%s/thesis.txt", folder);
	char *old = mem_format("%s/orgs.csv", folder);
	scratch_write(foreign, "years of work");
	scratch_write(old, "old");
	struct bundle *bundle = usual_bundle(&options);
	assert_false(bundle_commit(bundle, path, &err));
	bundle_free(bundle);
	assert_int_equal(err.code, ERR_FILE);
	assert_non_null(strstr(err.text, "thesis.txt"));
	assert_string_equal(scratch_read(foreign), "years of work");
	assert_string_equal(scratch_read(old), "old");
	struct scratch inside = {.folder = folder};
	assert_int_equal(scratch_entries(&inside), 2);
	assert_int_equal(scratch_mode(folder), 0750);

	/* A file stands where the folder should be; the folder above is missing. */
	char *file_path = mem_format("%s/thesis.txt/", folder);
	char *nowhere = mem_format("%s/none/such/", folder);
	const char *const bad[] = {file_path, nowhere};
	for (size_t i = 0; i < 2; i++) {
		err_clear(&err);
		bundle = usual_bundle(&options);
		assert_false(bundle_commit(bundle, bad[i], &err));
		assert_int_equal(err.code, ERR_FILE);
		bundle_free(bundle);
	}
	assert_string_equal(scratch_read(foreign), "years of work");
	assert_int_equal(scratch_entries(&inside), 2);
	assert_int_equal(scratch_entries(scratch), 1);
	free(nowhere);
	free(file_path);
	free(old);
	free(foreign);
	free(path);
	free(folder);
}

/* What an interrupted run left beside the folder is in nobody's way. */
static void test_loose_files_after_interruption(void **state)
{
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	char *folder = target(scratch, "import");
	char *path = mem_format("%s/", folder);
	char *part = target(scratch, ".import.rosterzip-part");
	char *left = mem_format("%s/orgs.csv", part);
	mkdir(part, 0700);
	scratch_write(left, "half");
	publish(scratch, &options, path);
	assert_null(scratch_read(left));
	struct stat status;
	assert_int_equal(stat(part, &status), -1);
	struct scratch inside = {.folder = folder};
	assert_int_equal(scratch_entries(&inside), 3);
	free(left);
	free(part);
	free(path);
	free(folder);
}

/* --- the encrypted zip ----------------------------------------------------------------------------------------------
 */

static const char passphrase[] = "a horse, a boat, a Gr\u00fc\u00dfe";

/* A file of the zip read with a passphrase by the library alone; NULL when it cannot be. To be freed. */
static char *decrypted(const char *path, const char *name, const char *with)
{
	char *text = NULL;
	zip_t *zip = zip_open(path, ZIP_RDONLY, NULL);
	assert_non_null(zip);
	zip_file_t *file = zip_fopen_encrypted(zip, name, 0, with);
	if (file != NULL) {
		text = mem_new(4096, 1);
		assert_true(zip_fread(file, text, 4095) >= 0);
		zip_fclose(file);
	}
	zip_discard(zip);
	return text;
}

static void test_sealed(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	char *kept = target(scratch, "kept.zip");
	char *plain = target(scratch, "plain.zip");
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	char sum[DIGEST_HEX_SIZE];
	char there[DIGEST_HEX_SIZE];
	publish(scratch, &options, plain);
	assert_true(bundle_can_seal(&err));
	struct bundle *bundle = usual_bundle(&options);
	assert_true(bundle_finish(bundle, &err));
	assert_true(bundle_zip(bundle, &err));
	assert_true(bundle_seal(bundle, passphrase, &err));
	assert_true(bundle_digest(bundle, sum, &err));
	uint64_t size = bundle_size(bundle);
	assert_true(bundle_commit(bundle, path, &err));
	assert_true(bundle_keep(bundle, kept, &err));
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 1);

	/* What is at its place is encrypted as a whole, and in the usual order. */
	static const char *const names[] = {"manifest.csv", "orgs.csv", "users.csv"};
	zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, NULL);
	assert_non_null(zip);
	assert_int_equal(zip_get_num_entries(zip, 0), 3);
	for (zip_uint64_t i = 0; i < 3; i++) {
		struct zip_stat status;
		assert_int_equal(zip_stat_index(zip, i, 0, &status), 0);
		assert_string_equal(status.name, names[i]);
		assert_int_equal(status.encryption_method, ZIP_EM_AES_256);
		assert_int_equal(status.comp_method, ZIP_CM_DEFLATE);
	}
	zip_discard(zip);
	struct buf bytes = {0};
	read_whole(path, &bytes);
	assert_int_equal(bytes.length, size);
	digest_text(bytes.data, bytes.length, there);
	assert_string_equal(sum, there);
	for (size_t i = 0; i < 3; i++) { /* no Zip64, no descriptor */
		size_t entry = number_at(&bytes, bytes.length - 6, 4);
		for (size_t j = 0; j < i; j++)
			entry += 46 + number_at(&bytes, entry + 28, 2) + number_at(&bytes, entry + 30, 2);
		assert_int_equal(number_at(&bytes, entry + 8, 2) & ~0x6U, 1);
		assert_int_equal(number_at(&bytes, entry + 10, 2), 99);
		assert_int_equal(number_at(&bytes, entry + 30, 2), 11); /* of AES only */
	}
	struct buf other = {0};
	read_whole(kept, &other);
	for (size_t i = 0; i < 3; i++) {
		char *text = decrypted(path, names[i], passphrase);
		assert_non_null(text);
		assert_entry(kept, names[i], text);
		free(text);
		assert_null(decrypted(path, names[i], NULL));
		assert_null(decrypted(path, names[i], "a horse, a boat, a Grusse"));
	}

	/* What is kept is the usual zip. */
	read_whole(plain, &bytes);
	assert_int_equal(bytes.length, other.length);
	assert_memory_equal(bytes.data, other.data, other.length);
	buf_release(&other);
	buf_release(&bytes);
	free(plain);
	free(kept);
	free(path);
}

static bool stop_now;

static bool is_stopped(void)
{
	return stop_now;
}

static void test_sealing_is_stopped(void **state)
{
	struct scratch *scratch = *state;
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	options.stopped = is_stopped;
	stop_now = false;
	struct bundle *bundle = usual_bundle(&options);
	assert_true(bundle_finish(bundle, &err));
	assert_true(bundle_zip(bundle, &err));
	stop_now = true;
	assert_false(bundle_seal(bundle, passphrase, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	bundle_free(bundle);
	assert_int_equal(scratch_entries(scratch), 0);
}

/* What archive_unlock makes of it. */
static void test_unlocked(void **state)
{
	struct scratch *scratch = *state;
	char *path = target(scratch, "bundle.zip");
	char *kept = target(scratch, "kept.zip");
	struct bundle_options options = options_in(scratch);
	struct err err = {0};
	char plain[DIGEST_HEX_SIZE];
	char there[DIGEST_HEX_SIZE];
	struct bundle *bundle = usual_bundle(&options);
	assert_true(bundle_finish(bundle, &err));
	assert_true(bundle_zip(bundle, &err));
	assert_true(bundle_seal(bundle, passphrase, &err));
	assert_true(bundle_commit(bundle, path, &err));
	assert_true(bundle_keep(bundle, kept, &err));
	bundle_free(bundle);

	struct archive *archive = archive_open(kept, &err);
	assert_non_null(archive);
	assert_true(content_digest(archive, plain, &err));
	assert_false(archive_unlock(archive, passphrase)); /* nothing to be unlocked */
	archive_free(archive);

	archive = archive_open(path, &err);
	assert_non_null(archive);
	assert_int_equal(archive_entry(archive, 0)->troubles, ARCHIVE_ENCRYPTED);
	assert_false(content_digest(archive, there, &err));
	assert_int_equal(err.code, ERR_DATA);
	assert_true(archive_unlock(archive, passphrase));
	err = (struct err){0};
	assert_true(content_digest(archive, there, &err));
	assert_string_equal(there, plain);
	assert_true(archive_unlock(archive, "quite another one"));
	assert_false(content_digest(archive, there, &err));
	assert_non_null(strstr(err.text, "another passphrase"));
	archive_free(archive);

	/* Not the same bytes, but those of the same content; and one that was touched shows. */
	struct buf bytes = {0};
	read_whole(path, &bytes);
	bytes.data[60] = (char)(bytes.data[60] ^ 1);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, bytes.data, bytes.length, 0), bytes.length);
	close(fd);
	buf_release(&bytes);
	err = (struct err){0};
	archive = archive_open(path, &err);
	assert_non_null(archive);
	assert_true(archive_unlock(archive, passphrase));
	assert_false(content_digest(archive, there, &err));
	archive_free(archive);
	free(kept);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_content, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_empty_files, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_styles, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_zip_layout, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_large_file, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_same_bytes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_free_without_commit, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_target_stays_on_failure, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_no_work_folder, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_loose_files, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_loose_files_of_others, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_loose_files_after_interruption, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_sealed, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_sealing_is_stopped, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_unlocked, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}

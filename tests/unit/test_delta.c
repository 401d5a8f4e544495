/* Deltas: which rows belong into them, what becomes of those, and what a server may be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "cmd/delta.h"
#include "scratch.h"

static const struct schema *const schema = &schema_oneroster_1_1;

static const struct table *table(const char *name)
{
	return schema_table_find(schema, name);
}

/* A shelf as a run long ago left it: every table was there. */
struct known {
	struct shelf shelf;
	struct shelf_table tables[STATS_TABLES];
};

static struct known known_since(int64_t clock)
{
	struct known known = {.shelf = {.schema = schema, .known = true, .clock = clock}};
	for (int i = 0; i < schema->table_count; i++)
		known.tables[i].given = true;
	return known;
}

static struct delta delta_since(const char *since, struct known *known)
{
	struct bundle_config config = {.mode = CONFIG_MODE_DELTA};
	char text[64];
	known->shelf.tables = known->tables;
	snprintf(text, sizeof(text), "%s", since);
	config.since = text;
	return delta_of(&config, &known->shelf, 1893456000); /* 2030-01-01 */
}

static bool holds(const struct delta *delta, const char *name, const char *date)
{
	struct row row;
	row_init(&row, (size_t)table(name)->column_count);
	row_set(&row, SCHEMA_DATE_LAST_MODIFIED, date, strlen(date));
	bool result = delta_holds(delta, table(name), &row);
	row_release(&row);
	return result;
}

static void full_bundle_holds_everything(void **state)
{
	(void)state;
	struct known known = known_since(1000000000);
	struct bundle_config config = {.mode = CONFIG_MODE_BULK};
	known.shelf.tables = known.tables;
	struct delta delta = delta_of(&config, &known.shelf, 0);
	assert_false(delta.on);
	assert_true(holds(&delta, "users", "2001-01-01T00:00:00.000Z"));
	assert_true(holds(&delta, "users", ""));
}

static void moments_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *setting;
		const char *since;
		int64_t seconds;
	} cases[] = {
		{"2026-08-01", "2026-08-01T00:00:00.000Z", 1785542400},
		{"2026-08-01T00:00:00Z", "2026-08-01T00:00:00.000Z", 1785542400},
		{"2026-08-01T00:00:01.25Z", "2026-08-01T00:00:01.250Z", 1785542401},
		{"2026-08-01 01:30:00+01:30", "2026-08-01T00:00:00.000Z", 1785542400},
		{"2026-07-31T20:00:00-04:00", "2026-08-01T00:00:00.000Z", 1785542400},
		{"1970-01-01", "1970-01-01T00:00:00.000Z", 0},
		{"1969-12-31", "1969-12-31T00:00:00.000Z", -86400},
	};
	struct known known = known_since(0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delta delta = delta_since(cases[i].setting, &known);
		assert_true(delta.on && !delta.all);
		assert_string_equal(delta.since, cases[i].since);
		assert_int_equal(delta.since_seconds, cases[i].seconds);
		assert_string_equal(delta.now, "2030-01-01T00:00:00.000Z");
	}
	/* Without a zone it is a day, or a time of day, of the place. */
	time_zone_set("PST8PDT,M3.2.0,M11.1.0");
	assert_string_equal(delta_since("2026-08-01", &known).since, "2026-08-01T07:00:00.000Z");
	assert_string_equal(delta_since("2026-01-31T20:30", &known).since, "2026-02-01T04:30:00.000Z");
	assert_string_equal(delta_since("2026-08-01T00:00:00Z", &known).since, "2026-08-01T00:00:00.000Z");
	time_zone_set("UTC");
}

static void last_is_the_clock_of_then(void **state)
{
	(void)state;
	struct known known = known_since(1785542400);
	struct delta delta = delta_since("last", &known);
	assert_false(delta.all);
	assert_int_equal(delta.since_seconds, 1785542400 - DELTA_MARGIN_SECONDS);
	assert_string_equal(delta.since, "2026-07-31T23:50:00.000Z");
	assert_true(holds(&delta, "users", "2026-07-31T23:50:00.000Z"));
	assert_false(holds(&delta, "users", "2026-07-31T23:49:59.999Z"));
	known.shelf.clock = 0; /* a record that does not say */
	assert_true(delta_since("last", &known).all);
	known = known_since(1785542400);
	known.shelf.known = false;
	assert_true(delta_since("last", &known).all);
	delta = delta_since("last", &known);
	assert_true(holds(&delta, "users", "1999-01-01T00:00:00.000Z"));
}

static void what_is_no_date_belongs_into_every_delta(void **state)
{
	(void)state;
	struct known known = known_since(0);
	struct delta delta = delta_since("2026-08-01", &known);
	assert_true(holds(&delta, "users", ""));
	assert_true(holds(&delta, "users", "yesterday"));
	assert_true(holds(&delta, "users", "1999-99-99T99:99:99.999Z"));
	assert_true(holds(&delta, "users", "1999-01-01T00:00:00.000"));
	assert_false(holds(&delta, "users", "1999-01-01T00:00:00.000Z"));
}

static void new_table_comes_whole(void **state)
{
	(void)state;
	struct known known = known_since(1785542400);
	known.tables[table("demographics")->id].given = false;
	struct delta delta = delta_since("last", &known);
	assert_true(holds(&delta, "demographics", "1999-01-01T00:00:00.000Z"));
	assert_false(holds(&delta, "users", "1999-01-01T00:00:00.000Z"));
	delta = delta_since("2026-08-01", &known); /* whoever names a moment means it */
	assert_false(holds(&delta, "demographics", "1999-01-01T00:00:00.000Z"));
}

static void rows_are_completed(void **state)
{
	(void)state;
	static const struct {
		const char *status;
		const char *date;
		const char *status_then;
		const char *date_then;
		uint64_t filled;
	} cases[] = {
		{"", "", "active", "2030-01-01T00:00:00.000Z", 1},
		{"active", "2026-08-01T00:00:00.000Z", "active", "2026-08-01T00:00:00.000Z", 0},
		{"tobedeleted", "", "tobedeleted", "2030-01-01T00:00:00.000Z", 1},
		{"dormant", "soon", "active", "2030-01-01T00:00:00.000Z", 1},
	};
	struct known known = known_since(0);
	const struct table *users = table("users");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delta delta = delta_since("2026-08-01", &known);
		struct value_counts counts;
		struct err err = {0};
		struct row row;
		value_counts_init(&counts, users->column_count);
		row_init(&row, (size_t)users->column_count);
		row_set(&row, SCHEMA_STATUS, cases[i].status, strlen(cases[i].status));
		row_set(&row, SCHEMA_DATE_LAST_MODIFIED, cases[i].date, strlen(cases[i].date));
		assert_int_equal(delta_deletes(&row), strcmp(cases[i].status_then, "tobedeleted") == 0);
		assert_true(delta_complete(&delta, users, &row, &counts, &err));
		assert_true(row_is(&row, SCHEMA_STATUS, cases[i].status_then));
		assert_true(row_is(&row, SCHEMA_DATE_LAST_MODIFIED, cases[i].date_then));
		assert_int_equal(delta.undated, cases[i].filled);
		assert_int_equal(value_counts_severity(&counts, VALUE_WARNING), cases[i].filled);
		row_release(&row);
		value_counts_release(&counts);
	}
}

static void dates_are_noted(void **state)
{
	(void)state;
	static const char *const dates[] = {
		"2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z", "2026-01-01T00:00:00.000Z"};
	struct shelf_table note = {0};
	struct row row;
	row_init(&row, (size_t)table("users")->column_count);
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		row_set(&row, SCHEMA_DATE_LAST_MODIFIED, dates[i], strlen(dates[i]));
		delta_note_date(&note, &row);
	}
	assert_string_equal(note.newest, "2026-01-03T00:00:00.000Z");
	assert_false(note.undated);
	row_clear(&row);
	delta_note_date(&note, &row);
	assert_true(note.undated);
	row_release(&row);
}

/* --- what a server may be asked ------------------------------------------------------------------------------------
 */

enum { CLOCK = 1785542400 }; /* 2026-08-01 */

/* Writes what is known of a bundle. */
static void write_record(const struct scratch *scratch, const char *name, int64_t clock, const char *tables)
{
	char *folder = scratch_path(scratch, "published");
	mkdir(folder, S_IRWXU);
	char *path = mem_format("%s/%s.json", folder, name);
	char *text = mem_format(
		"{\"published-bundle\": 1, \"time\": 1, \"output\": \"o\", \"path\": \"p\", \"content\": "
		"\"%064d\", \"mode\": \"delta\", \"server-clock\": %lld, \"tables\": {%s}}",
		0, (long long)clock, tables);
	scratch_write(path, text);
	free(text);
	free(path);
	free(folder);
}

static char names[][16] = {"orgs", "courses", "classes", "users", "enrollments", "courseResources"};
static char *file_names[] = {names[0], names[1], names[2], names[3], names[4], names[5], NULL};
static char last[] = "last";
static char moment[] = "2026-07-01";
static char first_name[] = "a";
static char second_name[] = "b";

static struct bundle_config bundle_of(char *name, char *since, size_t files)
{
	return (struct bundle_config){.name = name,
		.record = name,
		.mode = CONFIG_MODE_DELTA,
		.since = since,
		.files = {.items = file_names, .count = files, .set = true}};
}

static struct delta_filter *filters_of(const struct scratch *scratch, struct bundle_config *bundles, size_t count)
{
	struct config config = {.state_dir = scratch->folder, .bundles = bundles, .bundle_count = count};
	return delta_filters(&config, schema);
}

static const char *filter(const struct delta_filter *filters, const char *name)
{
	return filters[table(name)->id].since;
}

static void filters_reach_back(void **state)
{
	const struct scratch *scratch = *state;
	write_record(scratch, "a", CLOCK,
		"\"orgs\": \"2026-07-31T00:00:00.000Z\", \"classes\": \"2026-07-31T00:00:00.000Z\", "
		"\"users\": \"2026-07-31T12:00:00.000Z\", \"enrollments\": \"2026-05-01T12:00:00.000Z\", "
		"\"courses\": \"2026-06-02T00:00:00.000Z\", \"courseResources\": \"2026-06-01T00:00:00.000Z\", "
		"\"demographics\": \"2026-06-01T00:00:00.000Z\"");
	struct bundle_config bundle = bundle_of(first_name, last, 6);
	struct delta_filter *filters = filters_of(scratch, &bundle, 1);
	assert_non_null(filters);
	/* A day before the beginning, or the row that was newest. */
	assert_string_equal(filter(filters, "users"), "2026-07-30T23:50:00.000Z");
	assert_string_equal(filter(filters, "enrollments"), "2026-05-01T12:00:00.000Z");
	/* The records of one table are two files. */
	assert_string_equal(filter(filters, "courses"), "2026-06-01T00:00:00.000Z");
	/* Addresses are made of orgs and classes, and enrollments filled from classes. */
	assert_string_equal(filter(filters, "orgs"), "");
	assert_string_equal(filter(filters, "classes"), "");
	/* Of no file. */
	assert_string_equal(filter(filters, "demographics"), "");
	free(filters);
}

static void filters_serve_all_bundles(void **state)
{
	const struct scratch *scratch = *state;
	write_record(scratch, "a", CLOCK,
		"\"users\": \"2026-07-31T12:00:00.000Z\", \"enrollments\": \"2026-07-31T12:00:00.000Z\"");
	write_record(scratch, "b", CLOCK + 86400, "\"users\": \"2026-07-31T12:00:00.000Z\", \"enrollments\": null");
	struct bundle_config bundles[] = {bundle_of(first_name, last, 5), bundle_of(second_name, moment, 5)};
	struct delta_filter *filters = filters_of(scratch, bundles, 2);
	assert_non_null(filters);
	assert_string_equal(filter(filters, "users"), "2026-06-30T00:00:00.000Z");
	assert_string_equal(filter(filters, "enrollments"), ""); /* some rows had no date */
	assert_string_equal(filter(filters, "courses"), "");     /* nothing is known */
	free(filters);
	bundles[1].since = last;
	filters = filters_of(scratch, bundles, 2);
	assert_string_equal(filter(filters, "users"), "2026-07-30T23:50:00.000Z");
	free(filters);
}

static void no_filters_for_bundles_that_need_everything(void **state)
{
	const struct scratch *scratch = *state;
	const char *users = "\"users\": \"2026-07-31T12:00:00.000Z\"";
	write_record(scratch, "a", CLOCK, users);
	struct bundle_config bundles[] = {bundle_of(first_name, last, 5), bundle_of(second_name, last, 5)};
	assert_null(filters_of(scratch, bundles, 2)); /* nothing is known of b */
	write_record(scratch, "b", CLOCK, users);
	struct delta_filter *filters = filters_of(scratch, bundles, 2);
	assert_non_null(filters);
	free(filters);
	bundles[1].mode = CONFIG_MODE_BULK;
	assert_null(filters_of(scratch, bundles, 2));
	bundles[1].mode = CONFIG_MODE_DELTA;
	static char automatic[] = "auto";
	static char *items[] = {automatic, NULL};
	bundles[1].metadata = (struct config_list){.items = items, .count = 1, .set = true};
	assert_null(filters_of(scratch, bundles, 2));
}

static void strange_records_filter_nothing(void **state)
{
	const struct scratch *scratch = *state;
	static const char *const strange[] = {"\"users\": 5", "\"users\": \"\"", "\"users\": \"2026-07-31\"",
		"\"users\": \"2026-07-31T12:00:00.000Z' OR 1\"", "\"users\": \"999999999999999999999999\"",
		"\"users\": {}", "\"users\": []", ""};
	struct bundle_config bundle = bundle_of(first_name, last, 5);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		write_record(scratch, "a", CLOCK, strange[i]);
		struct delta_filter *filters = filters_of(scratch, &bundle, 1);
		assert_non_null(filters);
		assert_string_equal(filter(filters, "users"), "");
		free(filters);
	}
}

int main(void)
{
	time_zone_set("UTC");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_bundle_holds_everything),
		cmocka_unit_test(moments_are_read),
		cmocka_unit_test(last_is_the_clock_of_then),
		cmocka_unit_test(what_is_no_date_belongs_into_every_delta),
		cmocka_unit_test(new_table_comes_whole),
		cmocka_unit_test(rows_are_completed),
		cmocka_unit_test(dates_are_noted),
		cmocka_unit_test_setup_teardown(filters_reach_back, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(filters_serve_all_bundles, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(
			no_filters_for_bundles_that_need_everything, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(strange_records_filter_nothing, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

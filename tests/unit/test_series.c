/* Dated zips in a folder: what their names mean, which belong together, what is removed and what is never touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zip.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/time.h"
#include "package/series.h"
#include "package/sidecar.h"
#include "scratch.h"

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *series;
		int year;
		int month;
		int day;
		int second;
	} good[] = {
		{"20260701.zip", "*.zip", 2026, 7, 1, 0},
		{"eagle-20260701.zip", "eagle-*.zip", 2026, 7, 1, 0},
		{"eagle-2026-07-01.zip", "eagle-*.zip", 2026, 7, 1, 0},
		{"eagle-2026_07_01.zip", "eagle-*.zip", 2026, 7, 1, 0},
		{"eagle-2026.07.01.zip", "eagle-*.zip", 2026, 7, 1, 0},
		{"eagle-20260701-full.zip", "eagle-*-full.zip", 2026, 7, 1, 0},
		{"eagle20240229.zip", "eagle*.zip", 2024, 2, 29, 0},
		/* With a time. */
		{"eagle-202607010205.zip", "eagle-*.zip", 2026, 7, 1, 7500},
		{"eagle-20260701020509.zip", "eagle-*.zip", 2026, 7, 1, 7509},
		{"eagle-20260701-0205.zip", "eagle-*.zip", 2026, 7, 1, 7500},
		{"eagle-20260701_020509.zip", "eagle-*.zip", 2026, 7, 1, 7509},
		{"eagle-20260701T0205Z.zip", "eagle-*Z.zip", 2026, 7, 1, 7500},
		{"eagle-20260701.0205.zip", "eagle-*.zip", 2026, 7, 1, 7500},
		{"eagle-20260701:0205.zip", "eagle-*.zip", 2026, 7, 1, 7500},
		{"eagle-2026-07-01T02:05.zip", "eagle-*.zip", 2026, 7, 1, 7500},
		{"eagle-2026-07-01T02:05:09.zip", "eagle-*.zip", 2026, 7, 1, 7509},
		{"eagle-2026-07-01_02-05-09.zip", "eagle-*.zip", 2026, 7, 1, 7509},
		{"eagle-2026-07-01-02-05-x.zip", "eagle-*-x.zip", 2026, 7, 1, 7500},
		{"eagle-20260701T235959.zip", "eagle-*.zip", 2026, 7, 1, 86399},
		/* What looks like a time and is none belongs to the name. */
		{"eagle-20260701-2.zip", "eagle-*-2.zip", 2026, 7, 1, 0},
		{"eagle-20260701-2460.zip", "eagle-*-2460.zip", 2026, 7, 1, 0},
		{"eagle-20260701-02050.zip", "eagle-*-02050.zip", 2026, 7, 1, 0},
		{"eagle-20260701T02.zip", "eagle-*T02.zip", 2026, 7, 1, 0},
		{"eagle-20260701 (copy).zip", "eagle-* (copy).zip", 2026, 7, 1, 0},
		/* The first date counts, and what is none is passed by. */
		{"2025-26-eagle-20260701.zip", "2025-26-eagle-*.zip", 2026, 7, 1, 0},
		{"2025-2026-07-01.zip", "2025-*.zip", 2026, 7, 1, 0},
		{"20260701-20260702.zip", "*-20260702.zip", 2026, 7, 1, 0},
		{"20261301-20260702.zip", "20261301-*.zip", 2026, 7, 2, 0},
		{"district 4711-20260702.zip", "district 4711-*.zip", 2026, 7, 2, 0},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct retention_time time = {.day = -1, .second = -1};
		char *series = NULL;
		if (!series_read_name(good[i].name, &time, &series))
			fail_msg("%s is a dated zip", good[i].name);
		assert_string_equal(series, good[i].series);
		assert_int_equal(time.day, time_days(good[i].year, good[i].month, good[i].day));
		assert_int_equal(time.second, good[i].second);
		free(series);
	}
	static const char *const bad[] = {"", ".zip", "eagle.zip", "20260701", "eagle-20260701.ZIP",
		"eagle-20260701.zip.sha256", "eagle-20260701.zip~", "eagle-20260701.csv", ".eagle-20260701.zip",
		"eagle-20260732.zip", "eagle-20260431.zip", "eagle-20230229.zip", "eagle-20260001.zip",
		"eagle-20260100.zip", "eagle-01072026.zip", "eagle-260701.zip", "eagle-2026-7-1.zip",
		"eagle-2026-0701.zip", "eagle-2026-07_01.zip", "eagle-2026-07.zip", "eagle-120260701.zip",
		"eagle-202607011.zip", "eagle-202607012460.zip", "eagle-2026-07-011.zip", "eagle-2026-07-010205.zip",
		"eagle-2026070102050900.zip", "eagle-17760704.zip", "eagle\x1b-20260701.zip", "ea*gle-20260701.zip",
		"2026/07/01.zip"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct retention_time time;
		char *series = NULL;
		if (series_read_name(bad[i], &time, &series))
			fail_msg("%s is no dated zip", bad[i]);
		assert_null(series);
	}
}

/* A zip of one file. */
static void write_zip(const char *path, const char *entry)
{
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	zip_source_t *source = zip_source_buffer(zip, "x", 1, 0);
	assert_true(zip_file_add(zip, entry, source, 0) >= 0);
	assert_int_equal(zip_close(zip), 0);
}

static void put(const struct scratch *scratch, const char *name)
{
	char *path = scratch_path(scratch, name);
	scratch_write(path, "a snapshot, as far as the name goes");
	free(path);
}

static bool is_there(const struct scratch *scratch, const char *name)
{
	struct stat status;
	char *path = scratch_path(scratch, name);
	bool there = lstat(path, &status) == 0;
	free(path);
	return there;
}

static void prune(const struct scratch *scratch, const struct retention *rule, const char *series, const char *named)
{
	struct series_list list;
	struct err err = {0};
	assert_true(series_open(&list, scratch->folder, series, &err));
	series_judge(&list, rule, named);
	for (size_t i = 0; i < list.count; i++)
		if (list.snapshots[i].kept == 0)
			assert_true(series_remove(&list, i, &err));
	series_release(&list);
}

/* The files that are there are exactly those. */
static void assert_files(const struct scratch *scratch, const char *const *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_there(scratch, wanted[i]))
			fail_msg("%s is gone", wanted[i]);
	assert_int_equal(scratch_entries(scratch), count);
}

static void each_series_by_itself(void **state)
{
	static const char *const all[] = {"eagle-20260701.zip", "eagle-20260702.zip", "eagle-20260702.zip.sha256",
		"eagle-2026-07-03.zip", "eagle-20260703T0900.zip", "lake-20250101.zip", "lake-20250101.zip.sha256",
		"lake-20250102.zip"};
	static const char *const left[] = {"eagle-20260703T0900.zip", "lake-20250102.zip"};
	static const char *const two[] = {"eagle-2026-07-03.zip", "eagle-20260703T0900.zip", "lake-20250101.zip",
		"lake-20250101.zip.sha256", "lake-20250102.zip"};
	struct scratch *scratch = *state;
	const struct retention one = {.last = 1};
	const struct retention last_two = {.last = 2};
	const struct retention nothing = {0};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		put(scratch, all[i]);
	prune(scratch, &last_two, NULL, NULL);
	assert_files(scratch, two, sizeof(two) / sizeof(two[0]));
	/* Only one of them. */
	prune(scratch, &one, "eagle-*.zip", NULL);
	assert_false(is_there(scratch, "eagle-2026-07-03.zip"));
	assert_true(is_there(scratch, "lake-20250101.zip"));
	prune(scratch, &one, NULL, NULL);
	assert_files(scratch, left, 2);
	/* The newest stays whatever the rule. */
	prune(scratch, &nothing, NULL, NULL);
	assert_files(scratch, left, 2);
	/* So does what is named, although a clock that was wrong left something newer. */
	put(scratch, "eagle-20990101.zip");
	prune(scratch, &one, NULL, "eagle-20260703T0900.zip");
	assert_true(is_there(scratch, "eagle-20260703T0900.zip"));
	prune(scratch, &one, NULL, NULL);
	assert_false(is_there(scratch, "eagle-20260703T0900.zip"));
}

static void order_and_reasons(void **state)
{
	struct scratch *scratch = *state;
	struct series_list list;
	struct err err = {0};
	const struct retention rule = {.daily = 1};
	put(scratch, "b-20260702.zip");
	put(scratch, "b-20260701.zip");
	put(scratch, "b-20260702T0100.zip");
	put(scratch, "a-20270101.zip");
	assert_true(series_open(&list, scratch->folder, NULL, &err));
	series_judge(&list, &rule, "b-20260701.zip");
	static const struct {
		const char *name;
		unsigned kept;
	} wanted[] = {
		{"a-20270101.zip", RETENTION_DAILY | SERIES_NEWEST},
		{"b-20260701.zip", SERIES_NAMED},
		{"b-20260702.zip", 0},
		{"b-20260702T0100.zip", RETENTION_DAILY | SERIES_NEWEST},
	};
	assert_int_equal(list.count, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < list.count; i++) {
		assert_string_equal(list.snapshots[i].name, wanted[i].name);
		assert_int_equal(list.snapshots[i].kept, wanted[i].kept);
	}
	/* Gone in the meantime: just as well. */
	char *path = scratch_path(scratch, "b-20260702.zip");
	unlink(path);
	assert_true(series_remove(&list, 2, &err));
	/* A link in its place: it stays, and so does what it leads to. */
	put(scratch, "precious");
	assert_int_equal(symlink("precious", path), 0);
	assert_true(series_remove(&list, 2, &err));
	assert_true(is_there(scratch, "b-20260702.zip"));
	assert_true(is_there(scratch, "precious"));
	series_release(&list);
	free(path);
}

static void never_touched(void **state)
{
	struct scratch *scratch = *state;
	const struct retention one = {.last = 1};
	static const char *const others[] = {"eagle.zip", "eagle-20250101.csv", "eagle-20250101.zip.part",
		".eagle-20250101.zip", "notes-20250101.txt", "eagle-99999999.zip"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		put(scratch, others[i]);
	char *folder = scratch_path(scratch, "eagle-20250101.zip");
	assert_int_equal(mkdir(folder, 0700), 0);
	char *link = scratch_path(scratch, "eagle-20250102.zip");
	assert_int_equal(symlink("eagle.zip", link), 0);
	char *dangling = scratch_path(scratch, "eagle-20250103.zip");
	assert_int_equal(symlink("nowhere", dangling), 0);
	char *fifo = scratch_path(scratch, "eagle-20250104.zip");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	/* Zips of others, and bundles. */
	char *path = scratch_path(scratch, "photos-20250101.zip");
	write_zip(path, "holiday.jpg");
	free(path);
	path = scratch_path(scratch, "photos-20250102.zip");
	write_zip(path, "holiday.jpg");
	free(path);
	path = scratch_path(scratch, "eagle-20250105.zip");
	write_zip(path, "OneRoster/users.csv");
	free(path);
	path = scratch_path(scratch, "eagle-20250106.zip");
	write_zip(path, "manifest.csv");
	free(path);
	put(scratch, "eagle-20250107.zip"); /* damaged */
	size_t before = scratch_entries(scratch);
	prune(scratch, &one, NULL, NULL);
	assert_int_equal(scratch_entries(scratch), before - 2);
	assert_false(is_there(scratch, "eagle-20250105.zip"));
	assert_false(is_there(scratch, "eagle-20250106.zip"));
	assert_true(is_there(scratch, "eagle-20250107.zip"));
	free(fifo);
	free(dangling);
	free(link);
	free(folder);
}

static void folders(void **state)
{
	struct scratch *scratch = *state;
	struct series_list list;
	struct err err = {0};
	char *path = scratch_path(scratch, "missing");
	assert_false(series_open(&list, path, NULL, &err));
	assert_int_equal(err.code, ERR_USAGE);
	series_release(&list);
	free(path);
	err = (struct err){0};
	put(scratch, "file");
	path = scratch_path(scratch, "file");
	assert_false(series_open(&list, path, NULL, &err));
	assert_int_equal(err.code, ERR_USAGE);
	series_release(&list);
	free(path);
}

/* --- the sidecar ---------------------------------------------------------------------------------------------------
 */

static void sidecars(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	char sum[DIGEST_HEX_SIZE];
	char *path = scratch_path(scratch, "abc.zip");
	char *sidecar = sidecar_path(path);
	scratch_write(path, "abc");
	/* The first example of FIPS 180-2. */
	static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	assert_true(sidecar_digest(path, sum, &err));
	assert_string_equal(sum, abc);
	assert_true(sidecar_settle(path, &err));
	char *line = mem_format("%s  abc.zip\n", abc);
	assert_string_equal(scratch_read(sidecar), line);
	assert_int_equal(scratch_mode(sidecar), 0600);
	/* One that is right stays; one that is not, does not. */
	struct stat before;
	struct stat after;
	assert_int_equal(stat(sidecar, &before), 0);
	assert_true(sidecar_settle(path, &err));
	assert_int_equal(stat(sidecar, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	scratch_write(sidecar, "0000  abc.zip\n");
	assert_true(sidecar_settle(path, &err));
	assert_string_equal(scratch_read(sidecar), line);
	free(line);
	free(sidecar);
	free(path);
	/* As sha256sum writes names that would break its lines. */
	path = scratch_path(scratch, "a\\b\nc.zip");
	sidecar = sidecar_path(path);
	assert_true(sidecar_write(path, abc, &err));
	line = mem_format("\\%s  a\\\\b\\nc.zip\n", abc);
	assert_string_equal(scratch_read(sidecar), line);
	assert_false(sidecar_digest("/nowhere/at/all.zip", sum, &err));
	assert_int_equal(err.code, ERR_FILE);
	free(line);
	free(sidecar);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(each_series_by_itself, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(order_and_reasons, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(never_touched, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(folders, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(sidecars, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "fetch/store.h"
#include "scratch.h"

#define NOW    1790000000
#define DAY    (24 * 60 * 60)
#define FINGER "settings, as 1"
#define INDEX  "rosterzip-pages"

static char *pages_folder(const struct scratch *scratch)
{
	return scratch_path(scratch, "pages");
}

static struct store *open_at(const char *folder, enum store_origin origin)
{
	struct err err = {0};
	struct store *store = store_open(folder, FINGER, NOW, DAY, &err);
	if (store == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(store_origin(store), origin);
	return store;
}

static void must(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->text);
}

static void assert_err(struct err *err, enum err_code code, const char *part)
{
	assert_int_equal(err->code, code);
	if (strstr(err->text, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, err->text);
	err_clear(err);
}

/* The facts of a made page: all of them follow from its number. */
static struct store_facts made_facts(size_t number)
{
	return (struct store_facts){
		.offset = (number - 1) * 1000,
		.limit = (unsigned)(1000 + number),
		.overlap = number % 2 == 0,
		.past_end = number % 3 == 0,
		.has_total = number % 4 != 0,
		.total = number % 4 != 0 ? UINT64_MAX - number : 0,
		.has_count = number % 5 == 0,
		.count = number % 5 == 0 ? number : 0,
		.rows = number * 7,
		.extra = number % 2 == 1 ? "a b\n%\"\xc3\xa9" : NULL,
	};
}

static void add_page(struct store *store, const char *reading, size_t number, const char *body)
{
	struct err err = {0};
	struct store_facts facts = made_facts(number);
	struct store_page *page = store_page_begin(store, reading);
	for (const char *c = body; *c != '\0'; c++)
		assert_true(store_page_add(page, c, 1));
	must(store_page_commit(page, &facts, &err), &err);
}

static bool gather(void *context, const char *data, size_t length)
{
	return buf_add(context, data, length);
}

static void assert_page(struct store *store, const char *reading, size_t number, const char *body)
{
	struct err err = {0};
	struct buf got = {0};
	struct store_facts facts;
	struct store_facts want = made_facts(number);
	must(store_page_facts(store, reading, number, &facts, &err), &err);
	assert_true(facts.offset == want.offset && facts.limit == want.limit && facts.rows == want.rows);
	assert_true(facts.overlap == want.overlap && facts.past_end == want.past_end);
	assert_true(facts.has_total == want.has_total && facts.total == want.total);
	assert_true(facts.has_count == want.has_count && facts.count == want.count);
	assert_string_equal(facts.extra, want.extra != NULL ? want.extra : "");
	assert_int_equal(facts.bytes, strlen(body));
	must(store_page_read(store, reading, number, gather, &got, &err), &err);
	assert_string_equal(buf_text(&got), body);
	buf_release(&got);
}

static size_t count_in(const char *folder)
{
	struct scratch there = {.folder = (char *)folder};
	return scratch_entries(&there);
}

/* --- round trips ---------------------------------------------------------------------------------------------------
 */

static void readings_come_back(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct store *store = open_at(folder, STORE_NEW);
	assert_int_equal(store_pages(store, "users"), 0);
	assert_string_equal(store_how(store, "users"), "");
	assert_null(store_proof(store, "users", NULL));
	must(store_restart(store, "users", "sorted, 1000 at a time", &err), &err);
	add_page(store, "users", 1, "{\"users\":[1]}");
	add_page(store, "users", 2, "void");
	add_page(store, "users", 3, "void too");
	must(store_restart(store, "users", NULL, &err), &err);
	add_page(store, "users", 1, "{\"users\":[2]}");
	add_page(store, "users", 2, "");
	must(store_done(store, "users", 14, "all 14 rows of the server's total, ids ascending", &err), &err);
	add_page(store, "orgs", 1, "[]");
	add_page(store, "classes", 1, "to be void");
	must(store_missing(store, "classes", "the server refuses this collection (status 403)", &err), &err);
	for (size_t number = 1; number <= 12; number++)
		add_page(store, "enrollments", number, "[0]");
	/* The bodies of void pages are gone: the index, and 2 + 1 + 12 that count. */
	assert_int_equal(count_in(folder), 16);
	store_free(store);

	for (int saved = 0; saved <= 1; saved++) {
		uint64_t rows = 0;
		store = saved == 1 ? store_open_saved(folder, &err) : open_at(folder, STORE_GOES_ON);
		assert_non_null(store);
		assert_string_equal(store_fingerprint(store), FINGER);
		assert_int_equal(store_started(store), NOW);
		assert_int_equal(store_pages(store, "users"), 2);
		assert_page(store, "users", 1, "{\"users\":[2]}");
		assert_page(store, "users", 2, "");
		assert_string_equal(
			store_proof(store, "users", &rows), "all 14 rows of the server's total, ids ascending");
		assert_int_equal(rows, 14);
		assert_string_equal(store_how(store, "users"), "");
		assert_null(store_why_missing(store, "users"));
		assert_int_equal(store_pages(store, "orgs"), 1);
		assert_page(store, "orgs", 1, "[]");
		assert_null(store_proof(store, "orgs", NULL));
		assert_int_equal(store_pages(store, "classes"), 0);
		assert_string_equal(
			store_why_missing(store, "classes"), "the server refuses this collection (status 403)");
		assert_int_equal(store_pages(store, "enrollments"), 12);
		for (size_t number = 12; number >= 1; number--)
			assert_page(store, "enrollments", number, "[0]");
		assert_int_equal(store_pages(store, "nothing"), 0);
		assert_null(store_why_missing(store, "nothing"));
		store_free(store);
	}

	/* What is done or missing may be begun again, and that too comes back. */
	store = open_at(folder, STORE_GOES_ON);
	must(store_restart(store, "users", "not sorted", &err), &err);
	must(store_restart(store, "classes", "", &err), &err);
	add_page(store, "classes", 1, "[3]");
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	assert_int_equal(store_pages(store, "users"), 0);
	assert_null(store_proof(store, "users", NULL));
	assert_string_equal(store_how(store, "users"), "not sorted");
	assert_null(store_why_missing(store, "classes"));
	assert_page(store, "classes", 1, "[3]");
	store_free(store);
	free(folder);
}

/* Behind the end of a reading only a new beginning makes sense; anything else must not get into the index. */
static void ended_reading_stays_ended(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct store_facts facts = made_facts(2);
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "one");
	must(store_done(store, "users", 7, "proof", &err), &err);
	must(store_missing(store, "orgs", "refused", &err), &err);
	static const char *const names[] = {"users", "orgs"};
	for (size_t i = 0; i < 2; i++) {
		assert_false(store_page_commit(store_page_begin(store, names[i]), &facts, &err));
		assert_err(&err, ERR_OTHER, names[i]);
		assert_false(store_done(store, names[i], 7, "other proof", &err));
		assert_err(&err, ERR_OTHER, names[i]);
		assert_false(store_missing(store, names[i], "other reason", &err));
		assert_err(&err, ERR_OTHER, names[i]);
	}
	assert_int_equal(count_in(folder), 2);
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	assert_page(store, "users", 1, "one");
	assert_string_equal(store_proof(store, "users", NULL), "proof");
	assert_string_equal(store_why_missing(store, "orgs"), "refused");
	store_free(store);
	free(folder);
}

/* Pages of two readings, and several of one, on their way at a time: the order of commits is what numbers them. */
static void pages_on_the_way_do_not_mix(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct store *store = open_at(folder, STORE_NEW);
	struct store_page *users[3];
	struct store_page *orgs = store_page_begin(store, "orgs");
	for (size_t i = 0; i < 3; i++)
		users[i] = store_page_begin(store, "users");
	static const char *const pieces[] = {"zero", "one", "two"};
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < 3; i++)
			store_page_add(users[i], pieces[i], strlen(pieces[i]));
		store_page_add(orgs, "org ", 4);
	}
	struct store_facts facts = made_facts(1);
	must(store_page_commit(users[2], &facts, &err), &err);
	store_page_drop(users[1]);
	must(store_page_commit(orgs, &facts, &err), &err);
	facts = made_facts(2);
	must(store_page_commit(users[0], &facts, &err), &err);
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	assert_int_equal(store_pages(store, "users"), 2);
	assert_page(store, "users", 1, "twotwo");
	assert_page(store, "users", 2, "zerozero");
	assert_page(store, "orgs", 1, "org org ");
	assert_int_equal(count_in(folder), 4);
	store_free(store);
	free(folder);
}

static bool digest_piece(void *context, const char *data, size_t length)
{
	digest_add(context, data, length);
	return true;
}

static void large_bodies_come_back(void **state)
{
	enum { SIZE = 3 * 1024 * 1024 + 17 };
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	struct err err = {0};
	char *body = mem_new(SIZE, 1);
	for (size_t i = 0; i < SIZE; i++)
		body[i] = (char)scratch_random(scratch, 256);
	struct store *store = open_at(folder, STORE_NEW);
	struct store_page *page = store_page_begin(store, "users");
	for (size_t at = 0, length = 0; at < SIZE; at += length) {
		length = 1 + scratch_random(scratch, 200000);
		if (length > SIZE - at)
			length = SIZE - at;
		store_page_add(page, body + at, length);
	}
	struct store_facts facts = {.rows = 5};
	must(store_page_commit(page, &facts, &err), &err);
	char want[DIGEST_HEX_SIZE];
	char got[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_text(body, SIZE, want);
	must(store_page_read(store, "users", 1, digest_piece, digest, &err), &err);
	digest_hex(digest, got);
	assert_string_equal(got, want);
	must(store_page_facts(store, "users", 1, &facts, &err), &err);
	assert_int_equal(facts.bytes, SIZE);
	digest_free(digest);
	store_free(store);
	free(body);
	free(folder);
}

/* Names that are no names of files, that differ little, or that look like what the store makes of others. */
static void any_name_is_safe(void **state)
{
	struct scratch *scratch = *state;
	char long_name[3][1001];
	for (size_t i = 0; i < 3; i++) {
		memset(long_name[i], i == 2 ? '/' : 'x', 1000);
		long_name[i][1000] = '\0';
	}
	long_name[1][999] = 'y';
	const char *const names[] = {"users", "Users", "", "%", "%%", "..", ".", "../users", "/etc/passwd", "/",
		"schools/994/classes", "schools%2F994%2Fclasses", "schools/../classes", "users-000001.page.json",
		"users-000001", "\xc3\xa9t\xc3\xa9/\xe5\xad\xa6", "a b", "a\nb", "a\tb", "\x01\x7f\xff", "-", "--", "~",
		"users/", long_name[0], long_name[1], long_name[2], INDEX};
	enum { COUNT = sizeof(names) / sizeof(names[0]) };
	char *folder = pages_folder(scratch);
	struct err err = {0};
	struct store *store = open_at(folder, STORE_NEW);
	for (size_t i = 0; i < COUNT; i++) {
		char *body = mem_format("body %zu", i);
		add_page(store, names[i], 1, body);
		add_page(store, names[i], 2, "second");
		must(store_done(store, names[i], i, names[i], &err), &err);
		free(body);
	}
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	for (size_t i = 0; i < COUNT; i++) {
		uint64_t rows = 0;
		char *body = mem_format("body %zu", i);
		assert_int_equal(store_pages(store, names[i]), 2);
		assert_page(store, names[i], 1, body);
		assert_string_equal(store_proof(store, names[i], &rows), names[i]);
		assert_int_equal(rows, i);
		free(body);
	}
	assert_int_equal(count_in(folder), 1 + 2 * COUNT); /* each in the folder itself, none over another */
	assert_int_equal(scratch_entries(scratch), 1);
	must(store_remove(store, &err), &err);
	assert_int_equal(scratch_entries(scratch), 0);
	free(folder);
}

static void name_of_a_plain_reading_is_plain(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "[1]");
	add_page(store, "schools/994/classes", 1, "[2]");
	char *path = scratch_path(scratch, "pages/users-000001.page.json");
	assert_string_equal(scratch_read(path), "[1]");
	free(path);
	path = scratch_path(scratch, "pages/schools%2F994%2Fclasses-000001.page.json");
	assert_string_equal(scratch_read(path), "[2]");
	free(path);
	store_free(store);
	free(folder);
}

/* --- kills and power cuts ------------------------------------------------------------------------------------------
 */

static void put_index(const char *index, const char *data, size_t length)
{
	unlink(index); /* some file systems take their time to empty one */
	FILE *file = fopen(index, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void truncated_index_is_an_earlier_one(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	char *index = scratch_path(scratch, "pages/" INDEX);
	struct err err = {0};
	struct buf whole = {0};
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "one");
	add_page(store, "users", 2, "two");
	must(store_done(store, "users", 9, "proof", &err), &err);
	store_free(store);
	must(file_read(index, 100000, &whole, &err), &err);
	/* Where the last two lines, and the ends of both, are. */
	size_t ends[4];
	size_t lines = 0;
	for (size_t i = 0; i < whole.length; i++)
		if (whole.data[i] == '\n') {
			assert_true(lines < 4);
			ends[lines++] = i + 1;
		}
	assert_int_equal(lines, 4);
	for (size_t size = ends[1]; size <= whole.length; size++) {
		bool second = size >= ends[2];
		bool done = size >= ends[3];
		put_index(index, whole.data, size);
		char *body = scratch_path(scratch, "pages/users-000002.page.json");
		scratch_write(body, "two");

		struct store *saved = store_open_saved(folder, &err);
		assert_non_null(saved);
		assert_int_equal(store_pages(saved, "users"), second ? 2 : 1);
		assert_true((store_proof(saved, "users", NULL) != NULL) == done);
		assert_page(saved, "users", 1, "one");
		store_free(saved);
		assert_true(scratch_mode(body) != ~0U); /* who only reads removes nothing */

		store = open_at(folder, STORE_GOES_ON);
		assert_int_equal(store_pages(store, "users"), second ? 2 : 1);
		assert_true((scratch_mode(body) != ~0U) == second); /* a body without its line */
		if (!second)
			add_page(store, "users", 2, "another");
		if (!done)
			must(store_done(store, "users", 10, "new", &err), &err);
		store_free(store);
		store = open_at(folder, STORE_GOES_ON);
		assert_int_equal(store_pages(store, "users"), 2);
		assert_page(store, "users", 2, second ? "two" : "another");
		assert_string_equal(store_proof(store, "users", NULL), done ? "proof" : "new");
		store_free(store);
		free(body);
	}
	buf_release(&whole);
	free(index);
	free(folder);
}

/* A first line that is not whole: killed before anything was kept. Zeros at the end: what a power cut makes of it. */
static void unfinished_beginning_and_zeros(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	char *index = scratch_path(scratch, "pages/" INDEX);
	struct err err = {0};
	store_free(open_at(folder, STORE_NEW));
	struct buf whole = {0};
	must(file_read(index, 100000, &whole, &err), &err);
	for (size_t size = 0; size < whole.length; size++) {
		assert_int_equal(truncate(index, (off_t)size), 0);
		assert_null(store_open_saved(folder, &err));
		assert_err(&err, ERR_FILE, "no pages have been saved");
		struct store *store = open_at(folder, STORE_NEW);
		assert_string_equal(store_fingerprint(store), FINGER);
		store_free(store);
	}
	struct store *store = open_at(folder, STORE_GOES_ON);
	add_page(store, "users", 1, "one");
	store_free(store);
	struct stat status;
	assert_int_equal(stat(index, &status), 0);
	assert_int_equal(truncate(index, status.st_size + 3000), 0);
	store = open_at(folder, STORE_GOES_ON);
	assert_page(store, "users", 1, "one");
	add_page(store, "users", 2, "two");
	store_free(store);
	buf_clear(&whole);
	must(file_read(index, 100000, &whole, &err), &err);
	assert_int_equal(whole.data[whole.length - 1], '\n'); /* the zeros are cut off */
	store = open_at(folder, STORE_GOES_ON);
	assert_page(store, "users", 2, "two");
	store_free(store);
	buf_release(&whole);
	free(index);
	free(folder);
}

static void bodies_without_lines_do_not_count(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	static const char *const own[] = {"users-000002.page.json", "users-000003.page.part", "orgs-000001.page.json",
		"users-000001.page.part", "users-1000000.page.json"};
	static const char *const foreign[] = {"users-2.page.json", "users-000001.json", "notes.txt",
		"users-0000002.page.json", "users-00000x.page.json", "-000001.page.json", ".x-000001.page.json",
		"a b-000001.page.json", "users-000009.page.json.bak"};
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "one");
	store_free(store);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char *path = mem_format("%s/%s", folder, own[i]);
		scratch_write(path, "junk");
		free(path);
	}
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		char *path = mem_format("%s/%s", folder, foreign[i]);
		scratch_write(path, "not ours");
		free(path);
	}
	char *sub = scratch_path(scratch, "pages/sub-000001.page.json");
	assert_int_equal(mkdir(sub, 0700), 0);
	store = open_at(folder, STORE_GOES_ON);
	assert_int_equal(store_pages(store, "users"), 1);
	assert_int_equal(store_pages(store, "orgs"), 0);
	assert_page(store, "users", 1, "one");
	assert_int_equal(count_in(folder), 2 + 1 + sizeof(foreign) / sizeof(foreign[0]));
	/* Foreign files stay, too, when everything of ours goes; and with them the folder. */
	struct err err = {0};
	must(store_remove(store, &err), &err);
	assert_int_equal(count_in(folder), 1 + sizeof(foreign) / sizeof(foreign[0]));
	free(sub);
	free(folder);
}

/* The whole loop of a run, killed for good. */
static void write_until_killed(const char *folder, int said)
{
	struct err err = {0};
	struct store *store = store_open(folder, FINGER, NOW, DAY, &err);
	for (size_t number = store != NULL ? store_pages(store, "users") + 1 : 0; store != NULL; number++) {
		struct store_facts facts = made_facts(number);
		struct store_page *page = store_page_begin(store, "users");
		char text[32];
		snprintf(text, sizeof(text), "%zu", number);
		store_page_add(page, text, strlen(text));
		if (!store_page_commit(page, &facts, &err) || write(said, "", 1) != 1)
			break;
	}
	_exit(1);
}

static void killed_run_goes_on(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	size_t before = 0;
	for (int kills = 0; kills < 10; kills++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			write_until_killed(folder, ends[1]);
		close(ends[1]);
		size_t said = 0;
		size_t enough = 1 + scratch_random(scratch, 20);
		char byte;
		while (said < enough && read(ends[0], &byte, 1) == 1)
			said++;
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(ends[0], &byte, 1) == 1)
			said++;
		close(ends[0]);
		struct store *store = open_at(folder, STORE_GOES_ON);
		size_t pages = store_pages(store, "users");
		assert_true(pages == before + said || pages == before + said + 1);
		for (size_t number = 1; number <= pages; number++) {
			char text[32];
			snprintf(text, sizeof(text), "%zu", number);
			assert_page(store, "users", number, text);
		}
		assert_int_equal(count_in(folder), 1 + pages);
		store_free(store);
		before = pages;
	}
	free(folder);
}

/* --- damage --------------------------------------------------------------------------------------------------------
 */

static void damaged_body_is_found(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	char *path = scratch_path(scratch, "pages/users-000001.page.json");
	struct err err = {0};
	struct buf got = {0};
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "{\"users\":[]}");
	static const char *const wrong[] = {"{\"users\":[}}", "{\"users\":[]", "{\"users\":[]} ", ""};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		scratch_write(path, wrong[i]);
		assert_false(store_page_read(store, "users", 1, gather, &got, &err));
		assert_err(&err, ERR_API, "pages/users-000001.page.json is not what was saved: the file is damaged");
	}
	assert_int_equal(unlink(path), 0);
	assert_false(store_page_read(store, "users", 1, gather, &got, &err));
	assert_err(&err, ERR_API, "cannot read the saved page");
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_false(store_page_read(store, "users", 1, gather, &got, &err));
	assert_err(&err, ERR_API, "cannot read the saved page");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(store_page_read(store, "users", 1, gather, &got, &err));
	assert_err(&err, ERR_API, "is damaged");
	/* The reading begins again, and the way is free. */
	must(store_restart(store, "users", "", &err), &err);
	add_page(store, "users", 1, "[]");
	assert_page(store, "users", 1, "[]");
	store_free(store);
	buf_release(&got);
	free(path);
	free(folder);
}

static bool refuse(void *context, const char *data, size_t length)
{
	(void)data;
	(void)length;
	++*(int *)context;
	return false;
}

static void sink_ends_it_without_an_error(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	int calls = 0;
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "[]");
	assert_false(store_page_read(store, "users", 1, refuse, &calls, &err));
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(calls, 1);
	store_free(store);
	free(folder);
}

static void assert_unusable(const char *folder)
{
	struct err err = {0};
	assert_null(store_open_saved(folder, &err));
	assert_err(&err, ERR_FILE, "is damaged");
	struct store *store = open_at(folder, STORE_DAMAGED);
	assert_int_equal(store_pages(store, "users"), 0);
	assert_int_equal(count_in(folder), 1);
	store_free(store);
}

/* Any byte of any whole line, but the last line end: without that the line is only one that was not finished. */
static void changed_index_is_found(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	char *index = scratch_path(scratch, "pages/" INDEX);
	struct err err = {0};
	struct buf whole = {0};
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "one");
	add_page(store, "users", 2, "two");
	must(store_done(store, "users", 9, "proof", &err), &err);
	store_free(store);
	must(file_read(index, 100000, &whole, &err), &err);
	for (size_t i = 0; i + 1 < whole.length; i++) {
		whole.data[i] ^= 1;
		put_index(index, whole.data, whole.length);
		assert_null(store_open_saved(folder, &err));
		assert_err(&err, ERR_FILE, "is damaged");
		if (i % 40 == 0)
			assert_unusable(folder);
		whole.data[i] ^= 1;
	}
	/* A line in the middle removed, one twice, two changed about: each line is as it was written. */
	size_t ends[4];
	size_t lines = 0;
	for (size_t i = 0; i < whole.length; i++)
		if (whole.data[i] == '\n')
			ends[lines++] = i + 1;
	struct buf other = {0};
	buf_add(&other, whole.data, ends[0]);
	buf_add(&other, whole.data + ends[1], whole.length - ends[1]);
	put_index(index, other.data, other.length);
	assert_unusable(folder);
	buf_clear(&other);
	buf_add(&other, whole.data, ends[3]);
	buf_add(&other, whole.data + ends[2], ends[3] - ends[2]);
	put_index(index, other.data, other.length);
	assert_unusable(folder);
	buf_clear(&other);
	buf_add(&other, whole.data, ends[0]);
	buf_add(&other, whole.data + ends[1], ends[2] - ends[1]);
	buf_add(&other, whole.data + ends[0], ends[1] - ends[0]);
	put_index(index, other.data, other.length);
	assert_unusable(folder);
	/* Something else altogether, and something without an end. */
	put_index(index, "my notes\n", 9);
	assert_unusable(folder);
	char *endless = mem_new(1000000, 1);
	put_index(index, endless, 1000000);
	assert_unusable(folder);
	free(endless);
	buf_release(&other);
	buf_release(&whole);
	free(index);
	free(folder);
}

/* A line of the index with its check sum: the first 16 digits of the SHA-256 of the one before and the text. */
static void add_index_line(struct buf *index, char check[static DIGEST_HEX_SIZE], const char *text)
{
	char *summed = mem_format("%.16s%s", check, text);
	digest_text(summed, strlen(summed), check);
	buf_add_format(index, "%s %.16s\n", text, check);
	free(summed);
}

/* Lines that hold together, but say what cannot be. */
static void impossible_index_is_refused(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	char *index = scratch_path(scratch, "pages/" INDEX);
	char sha[DIGEST_HEX_SIZE];
	digest_text("one", 3, sha);
	char *good = mem_format("page users 1 0 1000 0 0 - - 1 3 %s %%", sha);
	char *beginning = mem_format("rosterzip-pages 1 %d settings%%2C%%20as%%201", NOW);
	char *bad[] = {
		mem_format("page users 2 0 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 0 0 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page ../users 1 0 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page .. 1 0 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page  1 0 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 0 99999999999 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 -1 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 00 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 18446744073709551616 1000 0 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 0 1000 2 0 - - 1 3 %s %%", sha),
		mem_format("page users 1 0 1000 0 0 x - 1 3 %s %%", sha),
		mem_format("page users 1 0 1000 0 0 - - 1 3 %.63s %%", sha),
		mem_format("page users 1 0 1000 0 0 - - 1 3 %s %%0", sha),
		mem_format("page users 1 0 1000 0 0 - - 1 3 %s %% more", sha),
		mem_format("page users 1 0 1000 0 0 - - 1 3 %s", sha),
		mem_copy("done users"),
		mem_copy("done users x proof"),
		mem_copy("restart users %00"),
		mem_copy("restart users"),
		mem_copy("unheard-of users 1"),
		mem_copy(beginning),
	};
	store_free(open_at(folder, STORE_NEW));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char check[DIGEST_HEX_SIZE] = "";
		struct buf lines = {0};
		add_index_line(&lines, check, beginning);
		add_index_line(&lines, check, bad[i]);
		put_index(index, lines.data, lines.length);
		assert_unusable(folder);
		buf_release(&lines);
		free(bad[i]);
	}
	/* The same by its side without fault, so that the faults are what was refused; and after the end of a reading.
	 */
	for (int more = 0; more <= 1; more++) {
		char check[DIGEST_HEX_SIZE] = "";
		struct buf lines = {0};
		add_index_line(&lines, check, beginning);
		add_index_line(&lines, check, good);
		add_index_line(&lines, check, "done users 1 proof");
		if (more == 1)
			add_index_line(&lines, check, "done users 1 proof");
		put_index(index, lines.data, lines.length);
		if (more == 1) {
			assert_unusable(folder);
		} else {
			struct store *store = open_at(folder, STORE_GOES_ON);
			assert_int_equal(store_pages(store, "users"), 1);
			store_free(store);
		}
		buf_release(&lines);
	}
	/* Another version is not damage to who reads, and of no use to who writes. */
	char check[DIGEST_HEX_SIZE] = "";
	struct buf lines = {0};
	struct err err = {0};
	add_index_line(&lines, check, "rosterzip-pages 2 what ever comes then");
	put_index(index, lines.data, lines.length);
	assert_null(store_open_saved(folder, &err));
	assert_err(&err, ERR_FILE, "another version");
	store_free(open_at(folder, STORE_DAMAGED));
	buf_release(&lines);
	free(good);
	free(beginning);
	free(index);
	free(folder);
}

/* --- when it goes on -----------------------------------------------------------------------------------------------
 */

static void goes_on_only_with_the_same_and_in_time(void **state)
{
	static const struct {
		const char *fingerprint;
		int64_t now;
		int64_t max_age;
		enum store_origin origin;
	} cases[] = {
		{FINGER, NOW, 0, STORE_GOES_ON},
		{FINGER, NOW + DAY, DAY, STORE_GOES_ON},
		{FINGER, NOW + DAY + 1, DAY, STORE_TOO_OLD},
		{FINGER, NOW - 60, DAY, STORE_GOES_ON}, /* clocks are set */
		{FINGER, NOW - DAY - 1, DAY, STORE_TOO_OLD},
		{FINGER, NOW, -1, STORE_TOO_OLD},
		{FINGER " ", NOW, DAY, STORE_OTHER_SETTINGS},
		{"", NOW, DAY, STORE_OTHER_SETTINGS},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *folder = pages_folder(*state);
		struct err err = {0};
		struct store *store = store_open(folder, FINGER, NOW, -1, &err);
		assert_non_null(store);
		add_page(store, "users", 1, "one");
		store_free(store);
		store = store_open(folder, cases[i].fingerprint, cases[i].now, cases[i].max_age, &err);
		assert_non_null(store);
		bool on = cases[i].origin == STORE_GOES_ON;
		assert_int_equal(store_origin(store), cases[i].origin);
		assert_int_equal(store_pages(store, "users"), on ? 1 : 0);
		assert_int_equal(store_started(store), on ? NOW : cases[i].now);
		assert_string_equal(store_fingerprint(store), cases[i].fingerprint);
		assert_int_equal(count_in(folder), on ? 2 : 1);
		/* What was begun afresh is a store like any other. */
		add_page(store, "orgs", 1, "two");
		store_free(store);
		store = store_open(folder, cases[i].fingerprint, cases[i].now, DAY, &err);
		assert_non_null(store);
		assert_int_equal(store_origin(store), STORE_GOES_ON);
		assert_page(store, "orgs", 1, "two");
		must(store_remove(store, &err), &err);
		free(folder);
	}
}

static void one_run_at_a_time(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct store *store = open_at(folder, STORE_NEW);
	assert_null(store_open(folder, FINGER, NOW, DAY, &err));
	assert_err(&err, ERR_LOCK, "another run");
	store_free(store);
	store_free(open_at(folder, STORE_GOES_ON));
	free(folder);
}

static void saved_pages_need_a_store(void **state)
{
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	struct err err = {0};
	assert_null(store_open_saved(folder, &err));
	assert_err(&err, ERR_FILE, "there are no saved pages to be read");
	assert_int_equal(scratch_entries(scratch), 0);
	assert_null(store_open_saved(scratch->folder, &err));
	assert_err(&err, ERR_FILE, INDEX);
	assert_int_equal(scratch_entries(scratch), 0);
	free(folder);
}

/* --- modes, trouble ------------------------------------------------------------------------------------------------
 */

static void modes_do_not_depend_on_the_umask(void **state)
{
	struct scratch *scratch = *state;
	static const mode_t umasks[] = {0, 022, 077, 0777};
	char *folder = pages_folder(scratch);
	for (size_t i = 0; i < sizeof(umasks) / sizeof(umasks[0]); i++) {
		struct err err = {0};
		mode_t before = umask(umasks[i]);
		struct store *store = open_at(folder, STORE_NEW);
		add_page(store, "users", 1, "one");
		struct store_page *page = store_page_begin(store, "users");
		umask(before);
		static const char *const files[] = {
			"pages/rosterzip-pages", "pages/users-000001.page.json", "pages/users-000002.page.part"};
		for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
			char *path = scratch_path(scratch, files[k]);
			assert_int_equal(scratch_mode(path), 0600);
			free(path);
		}
		assert_int_equal(scratch_mode(folder), 0700);
		store_page_drop(page);
		must(store_remove(store, &err), &err);
	}
	/* A folder that somebody else made stays as he made it. */
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	store_free(open_at(folder, STORE_NEW));
	assert_int_equal(scratch_mode(folder), 0755);
	free(folder);
}

static void set_file_size_limit(rlim_t size)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Files cannot grow beyond a limit, as on a full disk: first bodies, then, when the index reaches it, lines. */
static void full_disk_leaves_what_was_kept(void **state)
{
	enum { LIMIT = 4096 };
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	struct err err = {0};
	struct rlimit before;
	char large[LIMIT + 1] = {0};
	struct store_facts facts = made_facts(1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct store *store = open_at(folder, STORE_NEW);
	set_file_size_limit(LIMIT);
	struct store_page *page = store_page_begin(store, "users");
	store_page_add(page, large, sizeof(large)); /* stays in memory for now */
	bool committed = store_page_commit(page, &facts, &err);
	assert_false(committed);
	assert_err(&err, ERR_FILE, "cannot write");
	assert_int_equal(count_in(folder), 1);
	size_t kept = 0;
	do {
		facts = made_facts(kept + 1);
		page = store_page_begin(store, "users");
		store_page_add(page, "x", 1);
		committed = store_page_commit(page, &facts, &err);
		kept += committed ? 1 : 0;
	} while (committed && kept < LIMIT);
	assert_err(&err, ERR_FILE, INDEX);
	assert_int_equal(store_pages(store, "users"), kept);
	assert_int_equal(count_in(folder), 1 + kept);
	set_file_size_limit(before.rlim_cur);
	/* There is room again: the same run goes on, and so does the next. */
	add_page(store, "users", kept + 1, "y");
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	assert_int_equal(store_pages(store, "users"), kept + 1);
	for (size_t number = 1; number <= kept; number++)
		assert_page(store, "users", number, "x");
	assert_page(store, "users", kept + 1, "y");
	store_free(store);
	signal(SIGXFSZ, SIG_DFL);
	free(folder);
}

static void failure_is_remembered(void **state)
{
	enum { LIMIT = 4096, PIECE = 100000 };
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct rlimit before;
	char *piece = mem_new(PIECE, 1);
	struct store_facts facts = made_facts(1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	struct store *store = open_at(folder, STORE_NEW);
	struct store_page *page = store_page_begin(store, "users");
	set_file_size_limit(LIMIT);
	assert_false(store_page_add(page, piece, PIECE));
	set_file_size_limit(before.rlim_cur);
	assert_false(store_page_add(page, "x", 1));
	assert_false(store_page_commit(page, &facts, &err));
	assert_err(&err, ERR_FILE, "cannot write");
	assert_int_equal(count_in(folder), 1);
	store_free(store);
	signal(SIGXFSZ, SIG_DFL);
	free(piece);
	free(folder);
}

static void folders_that_cannot_be(void **state)
{
	struct scratch *scratch = *state;
	char *file = scratch_path(scratch, "file");
	char *below = scratch_path(scratch, "file/pages");
	char *taken = scratch_path(scratch, "taken");
	char *index = scratch_path(scratch, "taken/" INDEX);
	struct err err = {0};
	scratch_write(file, "");
	assert_null(store_open(file, FINGER, NOW, DAY, &err));
	assert_err(&err, ERR_FILE, file);
	assert_null(store_open(below, FINGER, NOW, DAY, &err));
	assert_err(&err, ERR_FILE, below);
	assert_int_equal(mkdir(taken, 0700), 0);
	assert_int_equal(mkdir(index, 0700), 0);
	assert_null(store_open(taken, FINGER, NOW, DAY, &err));
	assert_err(&err, ERR_FILE, index);
	assert_null(store_open_saved(taken, &err));
	assert_err(&err, ERR_FILE, index);
	assert_int_equal(rmdir(index), 0);
	if (geteuid() != 0) {
		assert_int_equal(chmod(taken, 0500), 0);
		assert_null(store_open(taken, FINGER, NOW, DAY, &err));
		assert_err(&err, ERR_FILE, index);
	}
	free(index);
	free(taken);
	free(below);
	free(file);
}

/* The folder vanishes under a page on its way. */
static void begin_without_a_folder(void **state)
{
	char *folder = pages_folder(*state);
	struct err err = {0};
	struct store_facts facts = made_facts(1);
	struct store *store = open_at(folder, STORE_NEW);
	scratch_empty(folder);
	assert_int_equal(rmdir(folder), 0);
	struct store_page *page = store_page_begin(store, "users");
	assert_false(store_page_add(page, "x", 1));
	assert_false(store_page_commit(page, &facts, &err));
	assert_err(&err, ERR_FILE, "cannot write");
	assert_int_equal(store_pages(store, "users"), 0);
	store_free(store);
	free(folder);
}

static void text_too_long_for_a_line(void **state)
{
	enum { LENGTH = 70000 };
	char *folder = pages_folder(*state);
	struct err err = {0};
	char *text = mem_new(LENGTH + 1, 1);
	memset(text, 'x', LENGTH);
	struct store *store = open_at(folder, STORE_NEW);
	add_page(store, "users", 1, "one");
	assert_false(store_done(store, "users", 1, text, &err));
	assert_err(&err, ERR_FILE, "too long");
	assert_null(store_proof(store, "users", NULL));
	text[60000] = '\0';
	must(store_done(store, "users", 1, text, &err), &err);
	store_free(store);
	store = open_at(folder, STORE_GOES_ON);
	assert_string_equal(store_proof(store, "users", NULL), text);
	store_free(store);
	free(text);
	free(folder);
}

/* Random runs beside a plain model of what must be there, opened again now and then. */
static void random_runs_agree_with_a_model(void **state)
{
	enum { READINGS = 5, PAGES = 40, STEPS = 3000 };
	static const char *const names[READINGS] = {"users", "orgs", "schools/1/classes", "schools/1", "../x"};
	struct scratch *scratch = *state;
	char *folder = pages_folder(scratch);
	struct err err = {0};
	unsigned bodies[READINGS][PAGES] = {0};
	size_t counts[READINGS] = {0};
	bool closed[READINGS] = {0};
	unsigned serial = 0;
	struct store *store = open_at(folder, STORE_NEW);
	for (int step = 0; step < STEPS; step++) {
		size_t r = scratch_random(scratch, READINGS);
		uint32_t what = scratch_random(scratch, 20);
		if (what == 0) {
			must(store_restart(store, names[r], NULL, &err), &err);
			counts[r] = 0;
			closed[r] = false;
		} else if (what == 1 && !closed[r]) {
			must(store_done(store, names[r], counts[r], "proof", &err), &err);
			closed[r] = true;
		} else if (what == 2) {
			store_free(store);
			store = open_at(folder, STORE_GOES_ON);
		} else if (what == 3) {
			store_page_drop(store_page_begin(store, names[r]));
		} else if (!closed[r] && counts[r] < PAGES) {
			char text[16];
			snprintf(text, sizeof(text), "%u", ++serial);
			bodies[r][counts[r]++] = serial;
			add_page(store, names[r], counts[r], text);
		}
		assert_int_equal(store_pages(store, names[r]), counts[r]);
		assert_true((store_proof(store, names[r], NULL) != NULL) == closed[r]);
		if (counts[r] > 0) {
			char text[16];
			size_t number = 1 + scratch_random(scratch, (uint32_t)counts[r]);
			snprintf(text, sizeof(text), "%u", bodies[r][number - 1]);
			assert_page(store, names[r], number, text);
		}
	}
	must(store_remove(store, &err), &err);
	assert_int_equal(scratch_entries(scratch), 0);
	free(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(readings_come_back),
		TEST(ended_reading_stays_ended),
		TEST(pages_on_the_way_do_not_mix),
		TEST(large_bodies_come_back),
		TEST(any_name_is_safe),
		TEST(name_of_a_plain_reading_is_plain),
		TEST(truncated_index_is_an_earlier_one),
		TEST(unfinished_beginning_and_zeros),
		TEST(bodies_without_lines_do_not_count),
		TEST(killed_run_goes_on),
		TEST(damaged_body_is_found),
		TEST(sink_ends_it_without_an_error),
		TEST(changed_index_is_found),
		TEST(impossible_index_is_refused),
		TEST(goes_on_only_with_the_same_and_in_time),
		TEST(one_run_at_a_time),
		TEST(saved_pages_need_a_store),
		TEST(modes_do_not_depend_on_the_umask),
		TEST(full_disk_leaves_what_was_kept),
		TEST(failure_is_remembered),
		TEST(folders_that_cannot_be),
		TEST(begin_without_a_folder),
		TEST(text_too_long_for_a_line),
		TEST(random_runs_agree_with_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

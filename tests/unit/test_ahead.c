#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "cmd/ahead.h"
#include "package/archive.h"
#include "scratch.h"

enum { BYTES = 3 * 1000 * 1000 + 7, ROOM = 300 * 1024 };

struct fixture {
	struct archive *archive;
	struct archive_stream *stream;
	char *bytes;
	int fd;
};

static void open_fixture(struct scratch *scratch, struct fixture *fixture)
{
	struct err err = {0};
	const char *name = "users.csv";
	fixture->bytes = mem_new(BYTES, 1);
	for (size_t i = 0; i < BYTES; i++)
		fixture->bytes[i] = (char)scratch_random(scratch, 256);
	fixture->fd = file_temp(scratch->folder, &err);
	assert_true(fixture->fd >= 0);
	for (size_t at = 0; at < BYTES;) {
		ssize_t wrote = write(fixture->fd, fixture->bytes + at, BYTES - at);
		assert_true(wrote > 0);
		at += (size_t)wrote;
	}
	fixture->archive = archive_of_files(&name, &fixture->fd, 1);
	fixture->stream = archive_read(fixture->archive, 0, &err);
	assert_non_null(fixture->stream);
}

static void close_fixture(struct fixture *fixture)
{
	archive_stream_free(fixture->stream);
	archive_free(fixture->archive);
	close(fixture->fd);
	free(fixture->bytes);
}

/* The same bytes, whatever room there is for them; then the end, as often as it is asked for. */
static void test_bytes(void **state)
{
	struct scratch *scratch = *state;
	struct fixture fixture;
	struct err err = {0};
	char *room = mem_new(ROOM, 1);
	open_fixture(scratch, &fixture);
	struct ahead *ahead = ahead_new(fixture.stream);
	size_t at = 0;
	for (;;) {
		size_t size = 1 + scratch_random(scratch, ROOM);
		long got = ahead_next(ahead, room, size, &err);
		assert_true(got >= 0 && (size_t)got <= size && at + (size_t)got <= BYTES);
		if (got == 0)
			break;
		assert_memory_equal(room, fixture.bytes + at, (size_t)got);
		at += (size_t)got;
	}
	assert_int_equal(at, BYTES);
	assert_int_equal(ahead_next(ahead, room, ROOM, &err), 0);
	assert_int_equal(ahead_next(ahead, room, ROOM, &err), 0);
	ahead_free(ahead);
	ahead_free(NULL);
	close_fixture(&fixture);
	free(room);
}

/* Nobody has to read to the end, or to begin. */
static void test_given_up(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	char room[1000];
	for (int reads = 0; reads < 4; reads++) {
		struct fixture fixture;
		open_fixture(scratch, &fixture);
		struct ahead *ahead = ahead_new(fixture.stream);
		for (int i = 0; i < reads; i++)
			assert_true(ahead_next(ahead, room, sizeof(room), &err) > 0);
		ahead_free(ahead);
		close_fixture(&fixture);
	}
}

/* A failure is told behind the bytes in front of it, and again. */
static void test_failure(void **state)
{
	struct scratch *scratch = *state;
	struct fixture fixture;
	struct err err = {0};
	char *room = mem_new(ROOM, 1);
	open_fixture(scratch, &fixture);
	archive_stream_free(fixture.stream);
	assert_int_equal(ftruncate(fixture.fd, 1000 * 1000), 0); /* another program cuts the file meanwhile */
	fixture.stream = archive_read(fixture.archive, 0, &err);
	assert_non_null(fixture.stream);
	struct ahead *ahead = ahead_new(fixture.stream);
	long got = 0;
	size_t at = 0;
	while ((got = ahead_next(ahead, room, ROOM, &err)) > 0) {
		assert_memory_equal(room, fixture.bytes + at, (size_t)got);
		at += (size_t)got;
	}
	assert_int_equal(at, 1000 * 1000);
	for (int i = 0; i < 2; i++) {
		assert_int_not_equal(err.code, ERR_NONE);
		err_clear(&err);
		assert_int_equal(ahead_next(ahead, room, ROOM, &err), -1);
	}
	ahead_free(ahead);
	close_fixture(&fixture);
	free(room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_given_up, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_failure, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

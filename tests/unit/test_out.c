#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/out.h"
#include "scratch.h"

/* Pieces of all sizes around the buffer's arrive whole and in order. */
static void test_pieces(void **state)
{
	struct scratch *scratch = *state;
	struct err err = {0};
	static const uint32_t limits[] = {2, 100, 70000, 200000};
	enum { TOTAL = 3000000, LARGEST = 200000 };
	char *bytes = mem_new(TOTAL + LARGEST, 1);
	for (size_t i = 0; i < TOTAL + LARGEST; i++)
		bytes[i] = (char)(unsigned char)scratch_random(scratch, 256);
	struct out out;
	out_init(&out, file_temp(scratch->folder, &err), "a file");
	size_t at = 0;
	while (at < TOTAL) {
		size_t length = scratch_random(scratch, limits[scratch_random(scratch, 4)]);
		if (length == 1)
			out_add_char(&out, bytes[at]);
		else
			out_add(&out, bytes + at, length);
		at += length;
		assert_int_equal(out_size(&out), at);
		if (length == 77)
			assert_true(out_finish(&out, &err));
	}
	assert_true(out_finish(&out, &err));
	char *back = mem_new(at + 1, 1);
	size_t got = 0;
	ssize_t n;
	while ((n = pread(out.fd, back + got, at + 1 - got, (off_t)got)) > 0)
		got += (size_t)n;
	assert_int_equal(got, at);
	assert_memory_equal(back, bytes, at);
	close(out.fd);
	out_release(&out);
	out_release(&out);
	free(back);
	free(bytes);
}

static void test_nothing(void **state)
{
	(void)state;
	struct err err = {0};
	struct out out;
	out_init(&out, -1, "nowhere"); /* not even looked at while there is nothing to write */
	out_add(&out, NULL, 0);
	assert_true(out_finish(&out, &err));
	assert_int_equal(out_size(&out), 0);
	out_release(&out);
}

static void test_full_disk(void **state)
{
	(void)state;
	static const size_t lengths[] = {1, 1000, 500000};
	char *bytes = mem_new(500000, 1);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct err err = {0};
		struct out out;
		int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		out_init(&out, fd, "the bundle");
		for (int k = 0; k < 10; k++)
			out_add(&out, bytes, lengths[i]);
		assert_false(out_finish(&out, &err));
		assert_int_equal(err.code, ERR_FILE);
		assert_string_equal(err.text, "cannot write the bundle: No space left on device");
		/* The failure is not forgotten by being told. */
		struct err again = {0};
		assert_false(out_finish(&out, &again));
		out_release(&out);
		close(fd);
	}
	free(bytes);
}

/* A pipe takes less than is given at once; the rest follows. */
static void test_short_writes(void **state)
{
	(void)state;
	enum { TOTAL = 1000000 };
	struct err err = {0};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[1]);
		char piece[777];
		size_t seen = 0;
		bool fine = true;
		ssize_t got;
		while ((got = read(ends[0], piece, sizeof(piece))) > 0) {
			for (ssize_t i = 0; i < got; i++)
				fine = fine && piece[i] == (char)('a' + seen++ % 26);
		}
		_exit(fine && seen == TOTAL ? 0 : 1);
	}
	close(ends[0]);
	char *bytes = mem_new(TOTAL, 1);
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = (char)('a' + i % 26);
	struct out out;
	out_init(&out, ends[1], "a pipe");
	out_add(&out, bytes, TOTAL);
	assert_true(out_finish(&out, &err));
	out_release(&out);
	close(ends[1]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pieces, scratch_make, scratch_remove),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_short_writes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

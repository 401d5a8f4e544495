#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "lock.h"
#include "scratch.h"

static void assert_held(const struct scratch *scratch, const char *holder)
{
	struct err err = {0};
	int lock = -1;
	assert_false(lock_take(scratch->folder, 0, NULL, &lock, &err));
	assert_int_equal(err.code, ERR_LOCK);
	assert_int_equal(lock, -1);
	char *wanted = mem_format(
		"another run holds the lock %s/lock.%s To wait for its end: lock-wait", scratch->folder, holder);
	if (strncmp(err.text, wanted, strlen(wanted)) != 0)
		fail_msg("\"%s\" is not \"%s\"", err.text, wanted);
	free(wanted);
}

static void test_one_at_a_time(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	int lock = -1;
	int64_t before = time_unix();
	assert_true(lock_take(scratch->folder, 0, NULL, &lock, &err));
	char *path = scratch_path(scratch, "lock");
	assert_int_equal(scratch_mode(path), 0600);
	assert_true(fcntl(lock, F_GETFD) & FD_CLOEXEC);
	/* Who holds it, since when: a second may have passed since we looked. */
	char since[21];
	time_iso(before, since);
	char *holder = mem_format(" It is process %ld, at work since %s.", (long)getpid(), since);
	if (strstr(scratch_read(path), since) != NULL)
		assert_held(scratch, holder);
	free(holder);

	/* What cannot be read names nobody. */
	assert_int_equal(ftruncate(lock, 0), 0);
	assert_held(scratch, "");
	assert_int_equal(pwrite(lock, "\x1B[31m nobody\n", 13, 0), 13);
	assert_held(scratch, "");

	lock_release(lock);
	assert_string_equal(scratch_read(path), "");
	assert_true(lock_take(scratch->folder, 0, NULL, &lock, &err)); /* the file that is left does not matter */
	lock_release(lock);
	lock_release(-1);
	free(path);
}

/* The holder ends while we wait. */
static void test_waits(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	int to_us[2];
	int to_child[2];
	assert_int_equal(pipe(to_us) | pipe(to_child), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int lock;
		char c = lock_take(scratch->folder, 0, NULL, &lock, &err) ? 'y' : 'n';
		struct timespec while_we_try = {.tv_nsec = 250000000};
		bool ok = write(to_us[1], &c, 1) == 1 && read(to_child[0], &c, 1) == 1;
		nanosleep(&while_we_try, NULL);
		_exit(ok ? 0 : 1);
	}
	char c = 'n';
	int lock = -1;
	assert_int_equal(read(to_us[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_false(lock_take(scratch->folder, 0, NULL, &lock, &err));
	err_clear(&err);
	int64_t began = time_ms();
	assert_false(lock_take(scratch->folder, 1, NULL, &lock, &err));
	assert_int_equal(err.code, ERR_LOCK);
	assert_null(strstr(err.text, "lock-wait"));
	assert_true(time_ms() - began >= 1000);
	err_clear(&err);
	assert_int_equal(write(to_child[1], &c, 1), 1);
	assert_true(lock_take(scratch->folder, 60, NULL, &lock, &err));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	lock_release(lock);
	for (int i = 0; i < 2; i++) {
		close(to_us[i]);
		close(to_child[i]);
	}
}

static void test_no_folder(void **state)
{
	struct err err = {0};
	int lock = -1;
	char *nowhere = scratch_path(*state, "none");
	assert_false(lock_take(nowhere, 60, NULL, &lock, &err));
	assert_int_equal(err.code, ERR_FILE);
	free(nowhere);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_at_a_time),
		TEST(test_waits),
		TEST(test_no_folder),
	};
	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "scratch.h"
#include "secret.h"
#include "stop.h"

#define SECRET "swordfish-under-the-bridge"

/* A file with a secret, in the scratch folder. */
static char *secret_file(void **state, const char *name, const char *text, size_t length, mode_t mode)
{
	char *path = scratch_path(*state, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void check_secret_file(void **state, const char *text, size_t length, const char *expected, const char *message)
{
	struct err err = {0};
	char *secret = NULL;
	char *path = secret_file(state, "key", text, length, 0600);
	assert_int_equal(secret_from_file(path, &secret, &err), expected != NULL);
	if (expected != NULL) {
		assert_string_equal(secret, expected);
	} else {
		assert_null(secret);
		assert_int_equal(err.code, ERR_USAGE);
		assert_non_null(strstr(err.text, message));
		assert_non_null(strstr(err.text, path));
		assert_null(strstr(err.text, SECRET));
	}
	secret_free(secret);
	free(path);
}

static void test_secret_file(void **state)
{
	static const char utf16[] = "\xFF\xFEs\0w\0";
	check_secret_file(state, SECRET, strlen(SECRET), SECRET, "");
	check_secret_file(state, SECRET "\n", strlen(SECRET) + 1, SECRET, "");
	check_secret_file(state, "\xEF\xBB\xBF" SECRET "\r\nmore", strlen(SECRET) + 9, SECRET, "");
	check_secret_file(state, " a b ", 5, " a b ", "");
	check_secret_file(state, "", 0, NULL, "the first line is empty");
	check_secret_file(state, "\r\n" SECRET, strlen(SECRET) + 2, NULL, "the first line is empty");
	check_secret_file(state, utf16, sizeof(utf16) - 1, NULL, "control characters");
	char *large = mem_new(SECRET_MAX + 2, 1);
	memset(large, 'x', SECRET_MAX + 1);
	check_secret_file(state, large, SECRET_MAX + 1, NULL, "too large");
	large[SECRET_MAX] = '\0';
	check_secret_file(state, large, SECRET_MAX, large, "");
	free(large);

	struct err err = {0};
	char *secret = NULL;
	char *path = secret_file(state, "key", SECRET, strlen(SECRET), 0604);
	assert_false(secret_from_file(path, &secret, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "chmod 600"));
	free(path);
}

static void test_secret_command(void **state)
{
	struct err err = {0};
	char *secret = NULL;
	/* No input to wait for; only the first line counts. */
	assert_true(secret_from_command("cat; printf '%s\\r\\nsecond' " SECRET, 60, &secret, &err));
	assert_string_equal(secret, SECRET);
	secret_free(secret);
	secret = NULL;
	assert_true(secret_from_command("head -c 65536 /dev/zero | tr '\\0' x", 60, &secret, &err));
	assert_int_equal(strlen(secret), SECRET_MAX);
	secret_free(secret);
	secret = NULL;
	static const struct {
		const char *command;
		const char *message;
	} bad[] = {
		{"echo " SECRET "; exit 3", "the command failed with exit status 3"},
		{"echo " SECRET "; kill -9 $$", "the command was ended by signal 9"},
		{"true", "the first line is empty, but has to be the secret"},
		{"head -c 65537 /dev/zero | tr '\\0' x", "the command printed more than 65536 bytes"},
		{"cat /dev/zero", "the command printed more than 65536 bytes"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		assert_false(secret_from_command(bad[i].command, 60, &secret, &err));
		assert_string_equal(err.text, bad[i].message);
		assert_null(secret);
	}
	(void)state;
}

/* True once a process is gone, or a zombie that only waits for its new parent to look. */
static bool is_gone(long process)
{
	if (kill((pid_t)process, 0) != 0 && errno == ESRCH)
		return true;
	char path[64];
	char line[256] = "";
	snprintf(path, sizeof(path), "/proc/%ld/stat", process);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return true;
	bool read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	return !read || strstr(line, ") Z ") != NULL;
}

static void test_secret_command_time(void **state)
{
	/* One that keeps the pipe, and one that only does not end; in both the child of the shell has to go too. */
	static const char *const forms[] = {
		"sleep 600 & echo $! > %s; wait", "exec >&-; sleep 600 & echo $! > %s; wait"};
	for (size_t i = 0; i < 2; i++) {
		struct err err = {0};
		char *secret = NULL;
		char *path = scratch_path(*state, "process");
		struct buf command = {0};
		size_t before = strcspn(forms[i], "%");
		buf_add(&command, forms[i], before);
		buf_add_text(&command, path);
		buf_add_text(&command, forms[i] + before + 2);
		int64_t began = time_ms();
		assert_false(secret_from_command(buf_text(&command), 1, &secret, &err));
		assert_string_equal(err.text, "the command did not end in time");
		assert_true(time_ms() - began >= 1000);
		long process = strtol(scratch_read(path), NULL, 10);
		assert_true(process > 1);
		int64_t deadline = time_ms() + 10000;
		while (!is_gone(process) && time_ms() < deadline)
			poll(NULL, 0, 10);
		assert_true(is_gone(process));
		buf_release(&command);
		free(path);
	}
}

/* A command and a pipe that give no secret, when the run is to end: neither is waited for, and the command goes too. */
static void test_stopped(void **state)
{
	char *path = scratch_path(*state, "process");
	char *pipe_path = scratch_path(*state, "pipe");
	char *command = mem_format("echo $$ > %s; exec sleep 600", path);
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct err err = {0};
		char *secret = NULL;
		pid_t process = getpid();
		alarm(30);
		if (!stop_watch(&err) || fork() == 0) {
			poll(NULL, 0, 300);
			kill(process, SIGTERM);
			_exit(0);
		}
		bool ok = !secret_from_file(pipe_path, &secret, &err) && err.code == ERR_STOPPED && secret == NULL;
		err_clear(&err);
		ok = ok && !secret_from_command(command, 60, &secret, &err) && err.code == ERR_STOPPED;
		_exit(ok && secret == NULL ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	if (access(path, F_OK) == 0 && *scratch_read(path) != '\0')
		assert_true(is_gone(strtol(scratch_read(path), NULL, 10)));
	free(command);
	free(pipe_path);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_secret_file),
		TEST(test_secret_command),
		TEST(test_secret_command_time),
		TEST(test_stopped),
	};
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}

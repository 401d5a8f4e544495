#define _DEFAULT_SOURCE /* flock */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "scratch.h"

#define PART ".bundle.zip.rosterzip-part"

static void assert_err(const struct err *err, enum err_code code, const char *part)
{
	assert_int_equal(err->code, code);
	if (strstr(err->text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static bool publish_text(const char *path, const char *text, struct err *err)
{
	return file_publish_text(path, text, strlen(text), err);
}

static int make_with(const char *path, const char *text)
{
	scratch_write(path, text);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_temp(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	int fd = file_temp(scratch->folder, &err);
	assert_true(fd >= 0);
	assert_int_equal(scratch_entries(scratch), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	char back[4];
	assert_int_equal(write(fd, "text", 4), 4);
	assert_int_equal(pread(fd, back, 4, 0), 4);
	assert_memory_equal(back, "text", 4);
	close(fd);

	char *none = scratch_path(scratch, "none");
	assert_int_equal(file_temp(none, &err), -1);
	assert_err(&err, ERR_FILE, "cannot make a working file in ");
	assert_err(&err, ERR_FILE, "/none: No such file or directory");
	free(none);
}

static void test_make_folder(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *deep = scratch_path(scratch, "a/b//c/");
	char *middle = scratch_path(scratch, "a/b");
	assert_true(file_make_folder(deep, 0700, &err));
	assert_true(file_make_folder(deep, 0700, &err));
	assert_int_equal(scratch_mode(deep), 0700);
	assert_int_equal(scratch_mode(middle), 0700);
	assert_true(file_make_folder("/", 0700, &err));
	assert_true(file_make_folder(".", 0700, &err));

	char *file = scratch_path(scratch, "a/file");
	char *below = scratch_path(scratch, "a/file/d");
	scratch_write(file, "x");
	assert_false(file_make_folder(file, 0700, &err));
	assert_err(&err, ERR_FILE, "Not a directory");
	err_clear(&err);
	assert_false(file_make_folder(below, 0700, &err));
	assert_err(&err, ERR_FILE, "a/file");
	free(deep);
	free(middle);
	free(file);
	free(below);
}

static void test_read(void **state)
{
	const struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "small");
	scratch_write(path, "twelve bytes");
	struct buf out = {0};
	struct err err = {0};
	buf_add_text(&out, "before|");
	assert_true(file_read(path, 12, &out, &err));
	assert_string_equal(buf_text(&out), "before|twelve bytes");
	assert_true(file_read(path, SIZE_MAX, &out, &err));
	assert_string_equal(buf_text(&out), "before|twelve bytestwelve bytes");
	assert_false(file_read(path, 11, &out, &err));
	assert_err(&err, ERR_FILE, "small is too large: more than 11 bytes");
	assert_string_equal(buf_text(&out), "before|twelve bytestwelve bytes");

	struct buf narrow;
	buf_init(&narrow, 5);
	err_clear(&err);
	assert_false(file_read(path, 100, &narrow, &err));
	assert_err(&err, ERR_FILE, "too large");
	buf_release(&narrow);

	err_clear(&err);
	assert_false(file_read("/dev/zero", 1000000, &out, &err));
	assert_err(&err, ERR_FILE, "more than 1000000 bytes");
	err_clear(&err);
	assert_false(file_read(scratch->folder, 100, &out, &err));
	assert_err(&err, ERR_FILE, "Is a directory");
	unlink(path);
	err_clear(&err);
	assert_false(file_read(path, 100, &out, &err));
	assert_err(&err, ERR_FILE, "No such file or directory");

	scratch_write(path, "");
	buf_release(&out);
	err_clear(&err);
	assert_true(file_read(path, 0, &out, &err));
	assert_int_equal(out.length, 0);
	buf_release(&out);
	free(path);
}

static void test_publish(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "bundle.zip");
	char *source = scratch_path(scratch, "source");
	assert_true(publish_text(path, "first", &err));
	assert_string_equal(scratch_read(path), "first");
	assert_int_equal(scratch_mode(path), 0600);
	chmod(path, 0644);
	assert_true(publish_text(path, "", &err));
	assert_string_equal(scratch_read(path), "");
	assert_int_equal(scratch_mode(path), 0600);

	/* What others are to read they can read, whatever the umask. */
	mode_t before = umask(077);
	assert_true(file_publish_for_all(path, "numbers", 7, &err));
	assert_string_equal(scratch_read(path), "numbers");
	assert_int_equal(scratch_mode(path), 0644);
	umask(before);

	/* All of the source, wherever its position is, also if it is much. */
	int fd = make_with(source, "");
	enum { BLOCKS = 100, BLOCK = 3001 };
	char block[BLOCK];
	for (int i = 0; i < BLOCKS; i++) {
		memset(block, 'a' + i % 26, sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	assert_true(file_publish(fd, path, &err));
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < BLOCKS; i++) {
		assert_int_equal(read(fd, block, sizeof(block)), sizeof(block));
		assert_true(block[0] == 'a' + i % 26 && block[BLOCK - 1] == block[0]);
	}
	assert_int_equal(read(fd, block, 1), 0);
	close(fd);
	assert_int_equal(scratch_entries(scratch), 2); /* nothing but these two */
	free(path);
	free(source);
}

static void test_publish_relative(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(scratch->folder), 0);
	bool ok = publish_text("bundle.zip", "text", &err) && file_check_target("bundle.zip", &err);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_true(ok);
	char *path = scratch_path(scratch, "bundle.zip");
	assert_string_equal(scratch_read(path), "text");
	free(path);
}

static void test_publish_through_link(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *folder = scratch_path(scratch, "real");
	char *real = scratch_path(scratch, "real/2026.zip");
	char *link = scratch_path(scratch, "bundle.zip");
	assert_true(file_make_folder(folder, 0700, &err));
	scratch_write(real, "old");
	assert_int_equal(symlink("real/2026.zip", link), 0);
	assert_true(file_check_target(link, &err));
	assert_true(publish_text(link, "new", &err));
	struct stat status;
	assert_int_equal(lstat(link, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_string_equal(scratch_read(real), "new");

	unlink(real);
	assert_false(publish_text(link, "new", &err));
	assert_err(&err, ERR_FILE, "is a link that leads nowhere");
	err_clear(&err);
	assert_false(file_check_target(link, &err));
	assert_err(&err, ERR_USAGE, "is a link that leads nowhere");
	free(folder);
	free(real);
	free(link);
}

static void test_publish_fails(void **state)
{
	const struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "bundle.zip");
	char *inside = scratch_path(scratch, "bundle.zip/keep");
	char *nowhere = scratch_path(scratch, "none/bundle.zip");
	struct err err = {0};

	/* Over a folder. */
	assert_true(file_make_folder(path, 0700, &err));
	scratch_write(inside, "kept");
	assert_false(publish_text(path, "new", &err));
	assert_err(&err, ERR_FILE, "bundle.zip: Is a directory");
	assert_string_equal(scratch_read(inside), "kept");
	assert_int_equal(scratch_entries(scratch), 1);

	/* In a folder that is not there; at a name that is none. */
	err_clear(&err);
	assert_false(publish_text(nowhere, "new", &err));
	assert_err(&err, ERR_FILE, "none/bundle.zip: No such file or directory");
	static const char *const no_names[] = {"", "/", "some/", ".", ".."};
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
		err_clear(&err);
		assert_false(publish_text(no_names[i], "new", &err));
		assert_err(&err, ERR_FILE, "does not name a file");
	}

	/* From what cannot be read. */
	unlink(inside);
	rmdir(path);
	scratch_write(path, "old");
	err_clear(&err);
	int folder = open("/", O_RDONLY | O_CLOEXEC);
	assert_false(file_publish(folder, path, &err));
	close(folder);
	assert_err(&err, ERR_FILE, "bundle.zip");
	assert_string_equal(scratch_read(path), "old");
	assert_int_equal(scratch_entries(scratch), 1);
	free(path);
	free(inside);
	free(nowhere);
}

/* As when the disk is full: what was there stays the very same file, and the part is gone. */
static void test_publish_cut_off(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "bundle.zip");
	scratch_write(path, "old");
	struct stat before;
	struct stat after;
	struct rlimit usual;
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
	struct rlimit limit = {.rlim_cur = 100000, .rlim_max = usual.rlim_max};
	char *large = mem_new(150000, 1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	bool ok = file_publish_text(path, large, 150000, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_false(ok);
	assert_err(&err, ERR_FILE, "bundle.zip: File too large");
	assert_string_equal(scratch_read(path), "old");
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(scratch_entries(scratch), 1);
	free(large);
	free(path);
}

static void test_another_run_is_writing(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "bundle.zip");
	char *part = scratch_path(scratch, PART);
	scratch_write(path, "old");
	int theirs = make_with(part, "half of theirs");
	assert_int_equal(flock(theirs, LOCK_EX | LOCK_NB), 0);
	assert_false(publish_text(path, "ours", &err));
	assert_err(&err, ERR_FILE, "another run is writing ");
	err_clear(&err);
	assert_true(file_check_target(path, &err));
	file_sweep(scratch->folder);
	assert_string_equal(scratch_read(part), "half of theirs");
	assert_string_equal(scratch_read(path), "old");

	/* Once they are gone, what they left is no hindrance, and not written into. */
	close(theirs);
	int leftover = open(part, O_RDONLY | O_CLOEXEC);
	assert_true(publish_text(path, "ours", &err));
	char text[20];
	assert_int_equal(read(leftover, text, sizeof(text)), 14);
	close(leftover);
	assert_string_equal(scratch_read(path), "ours");
	assert_int_equal(scratch_entries(scratch), 1);
	free(path);
	free(part);
}

/* A link that somebody laid where the part goes: never followed. */
static void test_trap(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "bundle.zip");
	char *part = scratch_path(scratch, PART);
	char *victim = scratch_path(scratch, "victim");
	scratch_write(victim, "precious");
	assert_int_equal(symlink("victim", part), 0);
	assert_true(publish_text(path, "new", &err));
	assert_string_equal(scratch_read(victim), "precious");
	assert_string_equal(scratch_read(path), "new");
	assert_int_equal(link(victim, part), 0);
	assert_true(publish_text(path, "newer", &err));
	assert_string_equal(scratch_read(victim), "precious");
	assert_string_equal(scratch_read(path), "newer");
	assert_int_equal(scratch_entries(scratch), 2);
	free(path);
	free(part);
	free(victim);
}

static void test_sweep(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *name;
		bool stays;
	} files[] = {
		{".bundle.zip.rosterzip-part", false},
		{".x.rosterzip-part", false},
		{"bundle.zip", true},
		{"bundle.zip.rosterzip-part", true},
		{".bundle.zip.rosterzip-part2", true},
		{".rosterzip-part", true},
	};
	enum { COUNT = sizeof(files) / sizeof(files[0]) };
	for (size_t i = 0; i < COUNT; i++) {
		char *path = scratch_path(scratch, files[i].name);
		scratch_write(path, "x");
		free(path);
	}
	file_sweep(scratch->folder);
	for (size_t i = 0; i < COUNT; i++) {
		char *path = scratch_path(scratch, files[i].name);
		assert_int_equal(scratch_read(path) != NULL, files[i].stays);
		free(path);
	}
	file_sweep("/there/is/no/such/folder");
}

static void test_check_target(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "bundle.zip");
	char *nowhere = scratch_path(scratch, "none/bundle.zip");
	char *below_file = scratch_path(scratch, "bundle.zip/x.zip");
	char *too_long = scratch_path(scratch, "");
	assert_true(file_check_target(path, &err));
	assert_int_equal(scratch_entries(scratch), 0);
	scratch_write(path, "old");
	assert_true(file_check_target(path, &err));
	assert_string_equal(scratch_read(path), "old");
	assert_int_equal(scratch_entries(scratch), 1);

	assert_false(file_check_target(nowhere, &err));
	assert_err(&err, ERR_USAGE, "there is no folder ");
	err_clear(&err);
	assert_false(file_check_target(below_file, &err));
	assert_err(&err, ERR_USAGE, "bundle.zip/x.zip: ");
	err_clear(&err);
	assert_false(file_check_target(scratch->folder, &err));
	assert_err(&err, ERR_USAGE, "it is a folder");
	err_clear(&err);
	assert_false(file_check_target(too_long, &err));
	assert_err(&err, ERR_USAGE, "does not name a file");
	err_clear(&err);
	assert_false(file_check_target("/proc/bundle.zip", &err)); /* nobody can write here, not even root */
	assert_err(&err, ERR_USAGE, "cannot write /proc/bundle.zip: ");
	free(path);
	free(nowhere);
	free(below_file);
	free(too_long);
}

/* Without the rights of root, a folder that is not ours. */
static void test_not_ours(void **state)
{
	const struct scratch *scratch = *state;
	char *folder = scratch_path(scratch, "theirs");
	char *path = scratch_path(scratch, "theirs/bundle.zip");
	struct err err = {0};
	assert_true(file_make_folder(folder, 0700, &err));
	scratch_write(path, "old");
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(chmod(scratch->folder, 0755), 0);
	uid_t user = geteuid();
	if (user == 0)
		assert_int_equal(seteuid(65534), 0);
	bool could_publish = publish_text(path, "new", &err);
	struct err check_err = {0};
	bool could_check = file_check_target(path, &check_err);
	if (user == 0)
		assert_int_equal(seteuid(0), 0);
	assert_false(could_publish);
	assert_err(&err, ERR_FILE, "Permission denied");
	assert_false(could_check);
	assert_err(&check_err, ERR_USAGE, "Permission denied");
	assert_string_equal(scratch_read(path), "old");
	chmod(folder, 0700);
	free(folder);
	free(path);
}

static void test_lock(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	char *path = scratch_path(scratch, "lock");
	int first = -1;
	int second = -1;
	assert_true(file_lock(path, &first, &err));
	assert_int_equal(scratch_mode(path), 0600);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_false(file_lock(path, &second, &err));
	assert_err(&err, ERR_LOCK, "another run holds ");
	assert_err(&err, ERR_LOCK, path);
	assert_int_equal(second, -1);
	close(first);
	err_clear(&err);
	assert_true(file_lock(path, &second, &err)); /* the file that is left does not matter */
	close(second);

	char *nowhere = scratch_path(scratch, "none/lock");
	assert_false(file_lock(nowhere, &second, &err));
	assert_err(&err, ERR_FILE, "none/lock: No such file or directory");
	free(nowhere);
	free(path);
}

static void test_private(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		mode_t mode;
		bool fine;
	} modes[] = {
		{0600, true}, {0400, true}, {0640, true}, {0660, true}, {0644, false}, {0602, false}, {0601, false}};
	char *path = scratch_path(scratch, "secret");
	scratch_write(path, "x");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct err err = {0};
		assert_int_equal(chmod(path, modes[i].mode), 0);
		assert_int_equal(file_private(path, &err), modes[i].fine);
		if (!modes[i].fine)
			assert_err(&err, ERR_USAGE, "chmod 600 ");
	}
	unlink(path);
	struct err err = {0};
	assert_false(file_private(path, &err));
	assert_err(&err, ERR_USAGE, "No such file");
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	umask(022);
	const struct CMUnitTest tests[] = {
		TEST(test_temp),
		TEST(test_make_folder),
		TEST(test_read),
		TEST(test_publish),
		TEST(test_publish_relative),
		TEST(test_publish_through_link),
		TEST(test_publish_fails),
		TEST(test_publish_cut_off),
		TEST(test_another_run_is_writing),
		TEST(test_trap),
		TEST(test_sweep),
		TEST(test_check_target),
		TEST(test_not_ours),
		TEST(test_lock),
		TEST(test_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

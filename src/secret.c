#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "stop.h"

enum {
	ABOVE_STANDARD = 3, /* first descriptor that is none of stdin, stdout, stderr */
	PAUSE_MS = 5,
};

extern char **environ;

void secret_guard(void)
{
	const struct rlimit none = {0};
	setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
	/* The limit does not hold where the core goes into a program (core(5), core_pattern). */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void secret_wipe(void *data, size_t length)
{
	OPENSSL_cleanse(data, length);
}

void secret_free(char *secret)
{
	if (secret != NULL)
		secret_wipe(secret, strlen(secret));
	free(secret);
}

bool secret_from_text(const char *data, size_t length, char **secret, struct err *err)
{
	if (length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
		data += 3;
		length -= 3;
	}
	const char *end = memchr(data, '\n', length);
	if (end != NULL)
		length = (size_t)(end - data);
	while (length > 0 && data[length - 1] == '\r')
		length--;
	if (length == 0)
		return err_set(err, ERR_USAGE, "the first line is empty, but has to be the secret");
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)data[i] < ' ' || data[i] == '\x7f')
			return err_set(err, ERR_USAGE,
				"the first line has to be the secret in plain text, but holds control characters "
				"(was it saved as UTF-16?)");
	*secret = mem_copy_n(data, length);
	return true;
}

enum got { GOT_ALL, GOT_TOO_MUCH, GOT_NOT_IN_TIME, GOT_STOPPED, GOT_FAILED };

/* Reads all that a descriptor gives, but not longer than to the deadline, as time_ms, and not once the run is to end.
 * The text has room for SECRET_MAX bytes and one more, which tells too much from just enough. */
static enum got read_all(int fd, int64_t deadline, struct buf *text)
{
	for (;;) {
		int64_t left = deadline - time_ms();
		struct pollfd wait[] = {{.fd = fd, .events = POLLIN}, {.fd = stop_descriptor(), .events = POLLIN}};
		int ready = left > 0 ? poll(wait, 2, left < INT_MAX ? (int)left : -1) : 0;
		if (stop_requested())
			return GOT_STOPPED;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			return GOT_NOT_IN_TIME;
		ssize_t got = read(fd, text->data + text->length, SECRET_MAX + 1 - text->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? GOT_ALL : GOT_FAILED;
		text->length += (size_t)got;
		if (text->length > SECRET_MAX)
			return GOT_TOO_MUCH;
	}
}

bool secret_from_file(const char *path, char **secret, struct err *err)
{
	if (!file_private(path, err))
		return false;
	/* Not to be waited for here if it is a pipe that nobody writes yet. */
	int fd = file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
	/* The room is there from the start: growing would leave copies behind. */
	struct buf text;
	buf_init(&text, SECRET_MAX + 1);
	buf_reserve(&text, SECRET_MAX + 1);
	switch (read_all(fd, INT64_MAX, &text)) {
	case GOT_ALL:
		if (!secret_from_text(text.data, text.length, secret, err))
			err_in(err, "%s", path);
		break;
	case GOT_TOO_MUCH: err_set(err, ERR_USAGE, "%s is too large: more than %d bytes", path, SECRET_MAX); break;
	case GOT_NOT_IN_TIME:
	case GOT_STOPPED: err_set(err, ERR_STOPPED, "stopped while waiting for %s", path); break;
	case GOT_FAILED: err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno)); break;
	}
	close(fd);
	secret_wipe(text.data, text.length);
	buf_release(&text);
	return err->code == ERR_NONE;
}

/* A pipe whose ends are closed on exec and are none of the standard descriptors, whichever of those are open. */
static bool make_pipe(int ends[2])
{
	int low[2];
	if (pipe(low) != 0)
		return false;
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, ABOVE_STANDARD);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, ABOVE_STANDARD);
	close(low[0]);
	close(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return true;
	if (ends[0] >= 0)
		close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return false;
}

/* Starts the shell in a process group of its own, with the signals as a program expects them. Returns 0 or an errno. */
static int start(const char *command, int write_end, pid_t *child)
{
	char shell[] = "sh";
	char option[] = "-c";
	char *copy = mem_copy(command);
	char *argv[] = {shell, option, copy, NULL};
	sigset_t all;
	sigset_t none;
	sigfillset(&all);
	sigemptyset(&none);
	posix_spawnattr_t how;
	posix_spawn_file_actions_t files;
	posix_spawnattr_init(&how);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, write_end, STDOUT_FILENO);
	int failure = posix_spawn(child, "/bin/sh", &files, &how, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&how);
	secret_free(copy);
	return failure;
}

static bool stopped(struct err *err)
{
	return err_set(err, ERR_STOPPED, "stopped while the command was running");
}

/* Reads to the end of the pipe, but not longer than to the deadline. */
static bool read_output(int fd, int64_t deadline, struct buf *text, struct err *err)
{
	switch (read_all(fd, deadline, text)) {
	case GOT_ALL: return true;
	case GOT_TOO_MUCH: return err_set(err, ERR_USAGE, "the command printed more than %d bytes", SECRET_MAX);
	case GOT_NOT_IN_TIME: return err_set(err, ERR_USAGE, "the command did not end in time");
	case GOT_STOPPED: return stopped(err);
	case GOT_FAILED: break;
	}
	return err_set(err, ERR_OTHER, "cannot read what the command prints: %s", strerror(errno));
}

/* Waits for the shell; past the deadline, or when it is no longer wanted, its whole group is killed. */
static bool finish(pid_t child, int64_t deadline, bool wanted, struct err *err)
{
	int status = 0;
	bool killed = false;
	for (;;) {
		if (!killed && (!wanted || stop_requested() || time_ms() >= deadline)) {
			kill(-child, SIGKILL);
			killed = true;
		}
		pid_t ended = waitpid(child, &status, killed ? 0 : WNOHANG);
		if (ended == child)
			break;
		if (ended < 0 && errno != EINTR)
			return err_set(err, ERR_OTHER, "cannot learn how the command ended: %s", strerror(errno));
		if (ended == 0)
			poll(NULL, 0, PAUSE_MS);
	}
	if (!wanted)
		return false;
	if (killed && stop_requested())
		return stopped(err);
	if (killed)
		return err_set(err, ERR_USAGE, "the command did not end in time");
	if (WIFSIGNALED(status))
		return err_set(err, ERR_USAGE, "the command was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_USAGE, "the command failed with exit status %d", WEXITSTATUS(status));
	return true;
}

bool secret_from_command(const char *command, int seconds, char **secret, struct err *err)
{
	int64_t deadline = time_ms() + (int64_t)seconds * 1000;
	int ends[2];
	if (!make_pipe(ends))
		return err_set(err, ERR_OTHER, "cannot start the command: %s", strerror(errno));
	pid_t child;
	int failure = start(command, ends[1], &child);
	close(ends[1]);
	if (failure != 0) {
		close(ends[0]);
		return err_set(err, ERR_OTHER, "cannot start the command: %s", strerror(failure));
	}
	struct buf text;
	buf_init(&text, SECRET_MAX + 1);
	buf_reserve(&text, SECRET_MAX + 1);
	bool ok = read_output(ends[0], deadline, &text, err);
	close(ends[0]);
	ok = finish(child, deadline, ok, err) && secret_from_text(text.data, text.length, secret, err);
	secret_wipe(text.data, text.length);
	buf_release(&text);
	return ok;
}

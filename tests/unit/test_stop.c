#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "stop.h"

/* What can be stopped only once is tried in processes of their own, all at the same time: they wait for deadlines. */
struct child {
	const char *name;
	void (*run)(void);
	int status;        /* as the shell sees it */
	const char *words; /* on stderr, or NULL for nothing */
	pid_t process;
	int said;
};

/* A wait for ever, which only what stops the run can interrupt. */
static bool wait_is_interrupted(void)
{
	int never[2];
	char c;
	return pipe(never) == 0 && read(never[0], &c, 1) == -1 && errno == EINTR;
}

static void hang(void)
{
	for (;;)
		wait_is_interrupted();
}

static void watched(long seconds, long grace)
{
	struct err err = {0};
	if (!stop_watch(&err) || !stop_deadline(seconds, grace, &err) || stop_requested())
		_exit(90);
}

/* In order: the wait ends, and the deadline explains itself. */
static void in_time(void)
{
	struct err err = {0};
	watched(1, 60);
	struct pollfd stop = {.fd = stop_descriptor(), .events = POLLIN};
	bool ok = poll(&stop, 1, 0) == 0 && wait_is_interrupted() && stop_requested() && stop_signal() == 0 &&
		  poll(&stop, 1, 0) == 1;
	err_set(&err, ERR_DATA, "other");
	ok = ok && !stop_explain(&err, ERR_API, "reading users") && strcmp(err.text, "other") == 0;
	err_clear(&err);
	err_set(&err, ERR_STOPPED, "stopped");
	ok = ok && stop_explain(&err, ERR_API, "reading users") && err.code == ERR_API &&
	     strcmp(err.text, "the deadline of 1s passed while reading users") == 0;
	stop_raise(); /* there was no signal */
	_exit(ok ? 0 : 91);
}

static void hangs(void)
{
	watched(1, 1);
	hang();
}

/* Nobody reads what is said. */
static void hangs_mute(void)
{
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, "x", 1) == 1)
		continue;
	fcntl(STDERR_FILENO, F_SETFL, 0);
	watched(1, 1);
	hang();
}

/* A signal came first, and so it is the reason. */
static void hangs_after_signal(void)
{
	struct err err = {0};
	watched(1, 1);
	kill(getpid(), SIGTERM);
	err_set(&err, ERR_STOPPED, "stopped");
	if (!stop_requested() || stop_signal() != SIGTERM || stop_explain(&err, ERR_API, "waiting"))
		_exit(92);
	hang();
}

static void no_deadline(void)
{
	watched(0, 0);
	signal(SIGALRM, SIG_DFL);
	alarm(3);
	hang();
}

static void raises(void)
{
	watched(0, 0);
	kill(getpid(), SIGINT);
	stop_raise();
	_exit(93);
}

static void start(struct child *child)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	child->process = fork();
	assert_true(child->process >= 0);
	if (child->process == 0) {
		dup2(ends[1], STDERR_FILENO);
		alarm(30);
		child->run();
		_exit(94);
	}
	close(ends[1]);
	child->said = ends[0];
}

static void finish(const struct child *child)
{
	int status = 0;
	char said[1024] = "";
	assert_int_equal(waitpid(child->process, &status, 0), child->process);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	ssize_t length = read(child->said, said, sizeof(said) - 1);
	said[length > 0 ? length : 0] = '\0';
	close(child->said);
	if (status != child->status)
		fail_msg("%s: exit %d in place of %d: %s", child->name, status, child->status, said);
	if (child->words != NULL && strstr(said, child->words) == NULL)
		fail_msg("%s says: %s", child->name, said);
}

static void test_deadline(void **state)
{
	(void)state;
	static const char last[] = "rosterzip: error: the deadline passed, and something hangs";
	struct child children[] = {
		{.name = "in time", .run = in_time, .status = 0},
		{.name = "hangs", .run = hangs, .status = 5, .words = last},
		{.name = "hangs, and nobody listens", .run = hangs_mute, .status = 5},
		{.name = "hangs after a signal", .run = hangs_after_signal, .status = 128 + SIGTERM, .words = last},
		{.name = "no deadline", .run = no_deadline, .status = 128 + SIGALRM},
		{.name = "a signal", .run = raises, .status = 128 + SIGINT},
	};
	enum { CHILDREN = sizeof(children) / sizeof(children[0]) };
	for (size_t i = 0; i < CHILDREN; i++)
		start(&children[i]);
	for (size_t i = 0; i < CHILDREN; i++)
		finish(&children[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_deadline)};
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}

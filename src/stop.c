#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"

enum { DEADLINE = SIGALRM }; /* as a signal it ends waits of the main thread like the others */

static volatile sig_atomic_t cause; /* what came first, 0 for nothing */
static volatile sig_atomic_t progress_wanted;
static int wake[2] = {-1, -1};

/* Set before the thread that reads them starts. */
static pthread_t main_thread;
static long allowed; /* seconds until the deadline */
static long grace_time;

static void on_stop(int number)
{
	int saved = errno;
	if (cause == 0)
		cause = number;
	/* A full pipe is readable already: nothing is lost. */
	ssize_t ignored = write(wake[1], "", 1);
	(void)ignored;
	errno = saved;
}

static void on_progress(int number)
{
	(void)number;
	progress_wanted = 1;
}

static bool make_pipe(struct err *err)
{
	if (pipe(wake) != 0)
		return err_set(err, ERR_OTHER, "cannot watch for signals: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		fcntl(wake[i], F_SETFD, FD_CLOEXEC);
		fcntl(wake[i], F_SETFL, O_NONBLOCK);
	}
	return true;
}

bool stop_watch(struct err *err)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	if (wake[0] < 0 && !make_pipe(err))
		return false;
	struct sigaction action = {.sa_handler = on_stop};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct sigaction old;
		sigaction(stops[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(stops[i], &action, NULL);
	}
	action.sa_handler = on_progress;
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL); /* a file size limit is a write that fails, like a full disk */
	return true;
}

static void sleep_seconds(long seconds)
{
	for (int64_t until = time_ms() + (int64_t)seconds * 1000; time_ms() < until;) {
		int64_t left = until - time_ms();
		struct timespec pause = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000 * 1000000)};
		nanosleep(&pause, NULL);
	}
}

/* A thread and not a timer: where a disk of the network hangs no handler of a signal runs any more, and yet the process
 * can be ended. */
static void *watch(void *nothing)
{
	(void)nothing;
	sleep_seconds(allowed);
	pthread_kill(main_thread, DEADLINE);
	sleep_seconds(grace_time);
	log_last("the deadline passed, and something hangs that does not let the run end in order: ended as it was. "
		 "The next run clears up");
	int number = stop_signal();
	_exit(number != 0 ? 128 + number : err_exit_status(ERR_API));
}

bool stop_deadline(long seconds, long grace, struct err *err)
{
	if (seconds == 0)
		return true;
	struct sigaction action = {.sa_handler = on_stop};
	sigset_t deadline;
	sigemptyset(&action.sa_mask);
	sigemptyset(&deadline);
	sigaddset(&deadline, DEADLINE);
	sigaction(DEADLINE, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &deadline, NULL);
	main_thread = pthread_self();
	allowed = seconds;
	grace_time = grace;
	pthread_t thread;
	if (!thread_start(&thread, watch, NULL))
		return err_set(err, ERR_OTHER, "cannot start the thread that watches the deadline");
	pthread_detach(thread);
	return true;
}

bool stop_requested(void)
{
	return cause != 0;
}

int stop_signal(void)
{
	return cause != DEADLINE ? cause : 0;
}

bool stop_explain(struct err *err, enum err_code code, const char *doing)
{
	static const struct {
		long seconds;
		char unit;
	} units[] = {{24L * 60 * 60, 'd'}, {60L * 60, 'h'}, {60, 'm'}, {1, 's'}};
	if (err->code != ERR_STOPPED || cause != DEADLINE)
		return false;
	size_t unit = 0;
	while (allowed % units[unit].seconds != 0)
		unit++;
	err_clear(err);
	err_set(err, code, "the deadline of %ld%c passed while %s", allowed / units[unit].seconds, units[unit].unit,
		doing);
	return true;
}

int stop_descriptor(void)
{
	return wake[0];
}

bool stop_progress_wanted(void)
{
	bool wanted = progress_wanted != 0;
	progress_wanted = 0;
	return wanted;
}

void stop_raise(void)
{
	int number = stop_signal();
	if (number == 0)
		return;
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
	raise(number);
}

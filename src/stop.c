#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t progress_wanted;
static int wake[2] = {-1, -1};

static void on_stop(int number)
{
	int saved = errno;
	if (stop_signal == 0)
		stop_signal = number;
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
	if (!make_pipe(err))
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

bool stop_requested(void)
{
	return stop_signal != 0;
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
	if (stop_signal == 0)
		return;
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigemptyset(&action.sa_mask);
	sigaction(stop_signal, &action, NULL);
	raise(stop_signal);
}

#include "fetch/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"

struct watch {
	CURLM *multi;
	struct pollfd *fds; /* revents: what is still to be told; one more is kept free behind them */
	size_t count;
	size_t turn;    /* whose it is */
	bool timed;     /* the last step was that of the moment */
	bool fresh;     /* the moment had no step since the last wait: it can be due again at once, for ever */
	int64_t moment; /* time_ms; -1 for none */
};

static size_t place_of(const struct watch *watch, curl_socket_t fd)
{
	size_t i = 0;
	while (i < watch->count && watch->fds[i].fd != fd)
		i++;
	return i;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *unused)
{
	struct watch *watch = user;
	size_t i = place_of(watch, fd);
	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (i < watch->count)
			watch->fds[i] = watch->fds[--watch->count];
		return 0;
	}
	if (i == watch->count) {
		watch->count++;
		watch->fds = mem_grow(watch->fds, watch->count + 1, sizeof(*watch->fds));
	}
	short in = (what & CURL_POLL_IN) != 0 ? POLLIN : 0;
	short out = (what & CURL_POLL_OUT) != 0 ? POLLOUT : 0;
	watch->fds[i] = (struct pollfd){.fd = fd, .events = (short)(in | out)};
	return 0;
}

static int on_moment(CURLM *multi, long milliseconds, void *user)
{
	struct watch *watch = user;
	(void)multi;
	watch->moment = milliseconds < 0 ? -1 : time_ms() + milliseconds;
	return 0;
}

struct watch *watch_new(CURLM *multi)
{
	struct watch *watch = mem_new(1, sizeof(*watch));
	watch->multi = multi;
	watch->moment = -1;
	watch->fds = mem_new(1, sizeof(*watch->fds));
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, watch);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_moment);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, watch);
	return watch;
}

void watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	free(watch->fds);
	free(watch);
}

bool watch_wait(struct watch *watch, int wake, int milliseconds, bool *woken)
{
	nfds_t count = watch->count;
	if (watch->moment >= 0) {
		int64_t left = watch->moment - time_ms();
		if (left < milliseconds)
			milliseconds = left > 0 ? (int)left : 0;
	}
	if (wake >= 0)
		watch->fds[count++] = (struct pollfd){.fd = wake, .events = POLLIN};
	int ready = poll(watch->fds, count, milliseconds);
	watch->fresh = true;
	for (size_t i = 0; ready < 0 && i < count; i++)
		watch->fds[i].revents = 0;
	if (ready < 0)
		return errno == EINTR;
	if (wake >= 0 && watch->fds[watch->count].revents != 0)
		*woken = true;
	return true;
}

/* The next descriptor with something to tell, or NULL. */
static struct pollfd *next_ready(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (++watch->turn >= watch->count)
			watch->turn = 0;
		if (watch->fds[watch->turn].revents != 0)
			return &watch->fds[watch->turn];
	}
	return NULL;
}

CURLMcode watch_step(struct watch *watch, bool *any)
{
	bool due = watch->fresh && watch->moment >= 0 && watch->moment <= time_ms();
	struct pollfd *ready = due && !watch->timed ? NULL : next_ready(watch);
	int running = 0;
	*any = due || ready != NULL;
	watch->timed = due && ready == NULL;
	if (watch->timed) {
		watch->fresh = false;
		watch->moment = -1;
		return curl_multi_socket_action(watch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	if (ready == NULL)
		return CURLM_OK;
	int in = (ready->revents & (POLLIN | POLLHUP)) != 0 ? CURL_CSELECT_IN : 0;
	int out = (ready->revents & POLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
	int bad = (ready->revents & (POLLERR | POLLNVAL)) != 0 ? CURL_CSELECT_ERR : 0;
	ready->revents = 0;
	return curl_multi_socket_action(watch->multi, ready->fd, in | out | bad, &running);
}

/*
 * A web server for unit tests: a thread on a free port of the loopback address, one thread more for each connection.
 * What it answers is the test's: a function gets each request as text and writes the answer to the connection as it
 * likes, broken or whole. Requests are kept, in the order they came.
 */
#ifndef UNIT_TINY_H
#define UNIT_TINY_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { TINY_MAX = 64 };

struct tiny;

/* Answers the request of that number (from 0). False: the connection is closed. */
typedef bool tiny_answer(struct tiny *tiny, size_t number, const char *request, int fd);

struct tiny {
	tiny_answer *answer;
	void *context;
	int port;
	int listener;
	int end[2]; /* closed for writing when the server is to end */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_t workers[TINY_MAX];
	int connections[TINY_MAX];
	size_t worker_count;
	char *requests[TINY_MAX];
	size_t request_count;
};

struct tiny_worker {
	struct tiny *tiny;
	int fd;
};

static inline void tiny_send(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		data += sent;
		length -= (size_t)sent;
	}
}

__attribute__((format(printf, 2, 3))) static inline void tiny_printf(int fd, const char *format, ...)
{
	char text[8192];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length > 0 && (size_t)length < sizeof(text))
		tiny_send(fd, text, (size_t)length);
}

/* A whole answer; lines are further header lines, each with its \r\n. */
static inline bool tiny_reply(int fd, int status, const char *lines, const char *body)
{
	tiny_printf(fd, "HTTP/1.1 %d Some Words\r\n%sContent-Length: %zu\r\n\r\n%s", status, lines, strlen(body), body);
	return true;
}

/* Waits until the server is to end. */
static inline void tiny_hang(const struct tiny *tiny)
{
	struct pollfd end = {.fd = tiny->end[0], .events = POLLIN};
	while (poll(&end, 1, -1) < 1)
		continue;
}

/* Reads one request, header and body; false at the end of the connection. */
static inline bool tiny_read(const struct tiny *tiny, int fd, struct buf *request)
{
	size_t need = 0;
	buf_clear(request);
	for (;;) {
		const char *body = strstr(buf_text(request), "\r\n\r\n");
		if (body != NULL && need == 0) {
			const char *length = strstr(buf_text(request), "Content-Length: ");
			size_t head = (size_t)(body - buf_text(request)) + 4;
			need = head + (length != NULL && length < body ? strtoul(length + 16, NULL, 10) : 0);
		}
		if (need > 0 && request->length >= need)
			return true;
		struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = tiny->end[0], .events = POLLIN}};
		if (poll(both, 2, -1) < 1 || both[1].revents != 0)
			return false;
		char piece[4096];
		ssize_t got = recv(fd, piece, sizeof(piece), 0);
		if (got <= 0)
			return false;
		buf_add(request, piece, (size_t)got);
	}
}

static inline void *tiny_serve(void *user)
{
	struct tiny_worker *worker = user;
	struct tiny *tiny = worker->tiny;
	int fd = worker->fd;
	struct buf request = {0};
	bool on = true;
	free(worker);
	while (on && tiny_read(tiny, fd, &request)) {
		pthread_mutex_lock(&tiny->lock);
		size_t number = tiny->request_count;
		if (number < TINY_MAX)
			tiny->requests[tiny->request_count++] = mem_copy(buf_text(&request));
		pthread_mutex_unlock(&tiny->lock);
		on = number < TINY_MAX && tiny->answer(tiny, number, buf_text(&request), fd);
	}
	shutdown(fd, SHUT_RDWR);
	buf_release(&request);
	return NULL;
}

static inline void *tiny_accept(void *user)
{
	struct tiny *tiny = user;
	for (;;) {
		struct pollfd both[2] = {
			{.fd = tiny->listener, .events = POLLIN}, {.fd = tiny->end[0], .events = POLLIN}};
		if (poll(both, 2, -1) < 1 || both[1].revents != 0)
			return NULL;
		int fd = accept(tiny->listener, NULL, NULL);
		if (fd < 0 || tiny->worker_count == TINY_MAX)
			return NULL;
		struct tiny_worker *worker = mem_new(1, sizeof(*worker));
		*worker = (struct tiny_worker){tiny, fd};
		tiny->connections[tiny->worker_count] = fd;
		if (pthread_create(&tiny->workers[tiny->worker_count++], NULL, tiny_serve, worker) != 0)
			abort();
	}
}

static inline void tiny_start(struct tiny *tiny, tiny_answer *answer, void *context)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	*tiny = (struct tiny){.answer = answer, .context = context};
	tiny->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (tiny->listener < 0 || pipe(tiny->end) != 0 ||
		bind(tiny->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(tiny->listener, TINY_MAX) != 0 ||
		getsockname(tiny->listener, (struct sockaddr *)&address, &size) != 0 ||
		pthread_mutex_init(&tiny->lock, NULL) != 0 ||
		pthread_create(&tiny->thread, NULL, tiny_accept, tiny) != 0)
		abort();
	tiny->port = ntohs(address.sin_port);
}

/* Ends the server; the requests stay until tiny_release. */
static inline void tiny_stop(struct tiny *tiny)
{
	if (tiny->listener < 0)
		return;
	close(tiny->end[1]);
	pthread_join(tiny->thread, NULL);
	for (size_t i = 0; i < tiny->worker_count; i++) {
		shutdown(tiny->connections[i], SHUT_RDWR);
		pthread_join(tiny->workers[i], NULL);
		close(tiny->connections[i]);
	}
	close(tiny->listener);
	close(tiny->end[0]);
	tiny->listener = -1;
}

static inline void tiny_release(struct tiny *tiny)
{
	tiny_stop(tiny);
	for (size_t i = 0; i < tiny->request_count; i++)
		free(tiny->requests[i]);
	pthread_mutex_destroy(&tiny->lock);
}

/* An address of the server, to be freed. */
static inline char *tiny_url(const struct tiny *tiny, const char *path)
{
	return mem_format("http://127.0.0.1:%d%s", tiny->port, path);
}

#endif

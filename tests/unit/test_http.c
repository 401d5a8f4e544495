#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/time.h"
#include "fetch/http.h"
#include "tiny.h"

/* What one test needs: a server, an engine, and the body that came. */
struct setting {
	struct tiny tiny;
	struct http *http;
	struct buf body;
	struct err err;
	bool refuse; /* on_body says stop */
};

static bool on_body(void *context, const char *data, size_t length)
{
	struct setting *setting = context;
	return !setting->refuse && buf_add(&setting->body, data, length);
}

static const struct http_options plain_options = {.user_agent = "unit-test/1", .wake_fd = -1};

static void open_with(struct setting *setting, tiny_answer *answer, const struct http_options *options)
{
	*setting = (struct setting){0};
	tiny_start(&setting->tiny, answer, setting);
	setting->http = http_new(options, &setting->err);
	assert_non_null(setting->http);
}

static void open_setting(struct setting *setting, tiny_answer *answer)
{
	open_with(setting, answer, &plain_options);
}

static void close_setting(struct setting *setting)
{
	http_free(setting->http);
	tiny_release(&setting->tiny);
	buf_release(&setting->body);
}

/* Runs one request to its end. */
static void run(struct setting *setting, const char *method, const char *path, struct http_reply *reply)
{
	char *url = tiny_url(&setting->tiny, path);
	const struct http_request request = {.method = method, .url = url, .on_body = on_body, .context = setting};
	buf_clear(&setting->body);
	assert_true(http_run(setting->http, &request, reply, &setting->err));
	free(url);
}

static void wait_for_all(struct setting *setting)
{
	while (http_running(setting->http) > 0)
		assert_true(http_wait(setting->http, 1000, &setting->err));
}

static bool answer_headers(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	(void)request;
	tiny_printf(fd, "HTTP/1.1 103 Early Hints\r\nLink: <style>; rel=preload\r\nX-Total-Count: 1\r\n\r\n");
	return tiny_reply(fd, 200,
		"X-TOTAL-COUNT:  4711 \r\nx-count: 12\r\nlink: <a>; rel=next\r\nLink: <b>; rel=last\r\n"
		"Retry-After: 7\r\nRateLimit-Reset: 30\r\nX-Perm-Rev: r9\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Content-Type: application/json\r\n",
		"{\"users\":[]}");
}

static void test_an_answer(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_headers);
	run(&setting, NULL, "/users?limit=1&offset=0", &reply);
	assert_int_equal(reply.failure, HTTP_OK);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.problem, "");
	assert_string_equal(buf_text(&setting.body), "{\"users\":[]}");
	assert_string_equal(buf_text(&reply.snippet), "{\"users\":[]}");
	assert_string_equal(reply.total, "4711");
	assert_string_equal(reply.count, "12");
	assert_string_equal(reply.link, "<a>; rel=next, <b>; rel=last");
	assert_string_equal(reply.retry_after, "7");
	assert_string_equal(reply.rate_reset, "30");
	assert_string_equal(reply.perm_rev, "r9");
	assert_string_equal(reply.date, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(reply.content_type, "application/json");
	assert_null(reply.location);
	assert_int_equal(reply.bytes, 12);
	assert_int_equal(reply.wire_bytes, 12);
	assert_true(reply.ms_first_byte >= 0 && reply.ms_first_byte <= reply.ms_total + 1);
	http_reply_release(&reply);
	const char *request = setting.tiny.requests[0];
	assert_ptr_equal(strstr(request, "GET /users?limit=1&offset=0 HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nUser-Agent: unit-test/1\r\n"));
	assert_non_null(strstr(request, "gzip"));
	close_setting(&setting);
}

static bool answer_ok(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	(void)request;
	return tiny_reply(fd, 200, "", "fine");
}

static void test_posts(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_ok);
	run(&setting, "POST", "/empty", &reply);
	http_reply_release(&reply);
	char *url = tiny_url(&setting.tiny, "/full");
	static const char *const headers[] = {"Content-Type: text/x-test", "X-One: two", NULL};
	const struct http_request request = {
		.method = "POST", .url = url, .headers = headers, .body = "a\0b", .body_length = 3};
	assert_true(http_run(setting.http, &request, &reply, &setting.err));
	http_reply_release(&reply);
	free(url);
	assert_non_null(strstr(setting.tiny.requests[0], "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(setting.tiny.requests[0], "Content-Type"));
	assert_non_null(strstr(setting.tiny.requests[1], "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(setting.tiny.requests[1], "\r\nContent-Type: text/x-test\r\n"));
	assert_non_null(strstr(setting.tiny.requests[1], "\r\nX-One: two\r\n"));
	assert_null(strstr(setting.tiny.requests[1], "Expect"));
	close_setting(&setting);
}

static bool answer_refusal(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	bool endless = strncmp(request, "GET /endless", 12) == 0;
	char piece[1000];
	memset(piece, 'x', sizeof(piece));
	tiny_printf(fd, "HTTP/1.1 403 Forbidden\r\n%s\r\n", endless ? "" : "Content-Length: 10000\r\n");
	for (int i = 0; i < (endless ? 100000 : 10); i++)
		tiny_send(fd, piece, sizeof(piece));
	return !endless;
}

static void test_refusals_are_kept_short(void **state)
{
	(void)state;
	static const char *const paths[] = {"/short", "/endless"};
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_refusal);
	for (size_t i = 0; i < 2; i++) {
		run(&setting, "GET", paths[i], &reply);
		assert_int_equal(reply.failure, HTTP_OK);
		assert_int_equal(reply.status, 403);
		assert_int_equal(setting.body.length, 0);
		assert_int_equal(reply.snippet.length, HTTP_SNIPPET_MAX);
		assert_true(reply.bytes < 1048576);
		http_reply_release(&reply);
	}
	close_setting(&setting);
}

static bool answer_redirect(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	(void)request;
	return tiny_reply(fd, 302, "Location: /elsewhere?code=4711\r\n", "");
}

static void test_redirects_are_not_followed(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_redirect);
	run(&setting, "GET", "/here", &reply);
	assert_int_equal(reply.status, 302);
	assert_string_equal(reply.location, "/elsewhere?code=***");
	assert_int_equal(setting.tiny.request_count, 1);
	http_reply_release(&reply);
	close_setting(&setting);
}

/* {"users":[]} forty times over. */
static const char gzipped[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2d\x4e\x2d\x2a\x56\xb2\x8a\x8e"
			      "\xad\xad\x1e\x65\x0f\x3b\x36\x00\x1f\xf3\x96\x4b\xe0\x01\x00\x00";

static bool answer_gzip(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	bool garbled = strncmp(request, "GET /garbled", 12) == 0;
	char data[sizeof(gzipped) - 1];
	memcpy(data, gzipped, sizeof(data));
	if (garbled)
		data[sizeof(data) - 6] ^= 0x55; /* in the checksum */
	tiny_printf(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", sizeof(data));
	tiny_send(fd, data, sizeof(data));
	return true;
}

static void test_compressed(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_gzip);
	run(&setting, "GET", "/whole", &reply);
	assert_int_equal(reply.failure, HTTP_OK);
	assert_int_equal(reply.bytes, 480);
	assert_int_equal(reply.wire_bytes, sizeof(gzipped) - 1);
	assert_int_equal(setting.body.length, 480);
	assert_memory_equal(setting.body.data, "{\"users\":[]}{\"users\":[]}", 24);
	http_reply_release(&reply);
	run(&setting, "GET", "/garbled", &reply);
	assert_int_equal(reply.failure, HTTP_CUT);
	assert_string_not_equal(reply.problem, "");
	http_reply_release(&reply);
	close_setting(&setting);
}

static bool answer_cut(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	if (strncmp(request, "GET /nothing", 12) == 0)
		return false;
	if (strncmp(request, "GET /chunks", 11) == 0)
		tiny_printf(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
	else
		tiny_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	return false;
}

static void test_cut(void **state)
{
	(void)state;
	static const char *const paths[] = {"/length", "/chunks", "/nothing"};
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_cut);
	for (size_t i = 0; i < 3; i++) {
		run(&setting, "GET", paths[i], &reply);
		assert_int_equal(reply.failure, HTTP_CUT);
		assert_int_equal(reply.status, i < 2 ? 200 : 0);
		assert_string_equal(buf_text(&setting.body), i < 2 ? "half" : "");
		assert_string_not_equal(reply.problem, "");
		http_reply_release(&reply);
	}
	close_setting(&setting);
}

static bool answer_stall(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)number;
	if (strncmp(request, "GET /body", 9) == 0)
		tiny_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	if (strncmp(request, "GET /head", 9) == 0)
		tiny_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	tiny_hang(tiny);
	return false;
}

static void test_stalls(void **state)
{
	(void)state;
	static const char *const paths[] = {"/silence", "/head", "/body"};
	const struct http_options options = {.first_byte_seconds = 1, .stall_seconds = 1, .wake_fd = -1};
	struct setting setting;
	open_with(&setting, answer_stall, &options);
	int64_t begin = time_ms();
	for (size_t i = 0; i < 3; i++) {
		char *url = tiny_url(&setting.tiny, paths[i]);
		const struct http_request request = {.url = url};
		assert_non_null(http_start(setting.http, &request, &setting.err));
		free(url);
	}
	wait_for_all(&setting);
	assert_true(time_ms() - begin >= 1000);
	for (size_t i = 0; i < 3; i++) {
		struct http_transfer *transfer = http_finished(setting.http);
		assert_non_null(transfer);
		assert_int_equal(http_transfer_reply(transfer)->failure, HTTP_TIMEOUT);
		assert_string_not_equal(http_transfer_reply(transfer)->problem, "");
		http_transfer_free(transfer);
	}
	assert_null(http_finished(setting.http));
	close_setting(&setting);
}

static bool answer_large(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	char piece[1000];
	memset(piece, 'x', sizeof(piece));
	tiny_printf(fd, "HTTP/1.1 200 OK\r\n");
	if (strncmp(request, "GET /headers", 12) == 0)
		for (int i = 0; i < 400; i++)
			tiny_printf(fd, "X-Filler-%d: %.900s\r\n", i, piece);
	if (strncmp(request, "GET /link", 9) == 0)
		for (int i = 0; i < 20; i++)
			tiny_printf(fd, "Link: <%.900s>; rel=next\r\n", piece);
	tiny_printf(fd, "Content-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		tiny_send(fd, piece, sizeof(piece));
	return true;
}

static void test_limits(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_large);
	char *url = tiny_url(&setting.tiny, "/body");
	struct http_request request = {.url = url, .max_body = 999999};
	assert_true(http_run(setting.http, &request, &reply, &setting.err));
	assert_int_equal(reply.failure, HTTP_TOO_MUCH);
	assert_string_equal(reply.problem, "the body is over its limit");
	http_reply_release(&reply);
	request.max_body = 1000000;
	assert_true(http_run(setting.http, &request, &reply, &setting.err));
	assert_int_equal(reply.failure, HTTP_OK);
	http_reply_release(&reply);
	free(url);
	run(&setting, "GET", "/headers", &reply);
	assert_int_equal(reply.failure, HTTP_TOO_MUCH);
	assert_string_equal(reply.problem, "the header lines are over the limit of 256 KiB");
	http_reply_release(&reply);
	run(&setting, "GET", "/link", &reply);
	assert_int_equal(reply.failure, HTTP_OK);
	assert_true(reply.link == NULL || strlen(reply.link) <= HTTP_LINK_MAX);
	http_reply_release(&reply);
	setting.refuse = true;
	run(&setting, "GET", "/body", &reply);
	assert_int_equal(reply.failure, HTTP_ABORTED);
	assert_int_equal(reply.status, 200);
	http_reply_release(&reply);
	close_setting(&setting);
}

static bool answer_cookies(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)request;
	return tiny_reply(fd, 200, number == 0 ? "Set-Cookie: ARRAffinity=abc; Path=/\r\n" : "", "fine");
}

static void test_one_cookie_jar(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_cookies);
	run(&setting, "POST", "/login", &reply);
	http_reply_release(&reply);
	char *url = tiny_url(&setting.tiny, "/data");
	const struct http_request request = {.url = url};
	for (int i = 0; i < 3; i++)
		assert_non_null(http_start(setting.http, &request, &setting.err));
	wait_for_all(&setting);
	free(url);
	assert_null(strstr(setting.tiny.requests[0], "Cookie:"));
	for (size_t i = 1; i < 4; i++)
		assert_non_null(strstr(setting.tiny.requests[i], "\r\nCookie: ARRAffinity=abc\r\n"));
	close_setting(&setting);
}

/* Nobody is answered before all are there. */
static bool answer_together(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)number;
	(void)request;
	pthread_barrier_wait(tiny->context);
	return tiny_reply(fd, 200, "", "fine");
}

static void test_in_flight_together(void **state)
{
	(void)state;
	enum { MANY = 8 };
	struct setting setting;
	pthread_barrier_t barrier;
	pthread_barrier_init(&barrier, NULL, MANY);
	open_setting(&setting, answer_together);
	setting.tiny.context = &barrier;
	char *url = tiny_url(&setting.tiny, "/");
	int numbers[MANY];
	for (int i = 0; i < MANY; i++) {
		const struct http_request request = {.url = url, .context = &numbers[i]};
		numbers[i] = 0;
		assert_non_null(http_start(setting.http, &request, &setting.err));
		assert_int_equal(http_running(setting.http), i + 1);
	}
	wait_for_all(&setting);
	struct http_transfer *transfer = NULL;
	while ((transfer = http_finished(setting.http)) != NULL) {
		assert_int_equal(http_transfer_reply(transfer)->status, 200);
		++*(int *)http_transfer_context(transfer);
		http_transfer_free(transfer);
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(numbers[i], 1);
	free(url);
	close_setting(&setting);
	pthread_barrier_destroy(&barrier);
}

/* All answers are on their way before the first is taken. */
struct crowd {
	pthread_barrier_t barrier;
	atomic_int answered;
};

enum { CROWD = 6 };

static bool answer_crowd(struct tiny *tiny, size_t number, const char *request, int fd)
{
	struct crowd *crowd = tiny->context;
	(void)number;
	(void)request;
	pthread_barrier_wait(&crowd->barrier);
	bool more = tiny_reply(fd, 200, "", "fine");
	atomic_fetch_add(&crowd->answered, 1);
	return more;
}

static bool on_crowd(void *context, const char *data, size_t length)
{
	struct crowd *crowd = context;
	(void)data;
	(void)length;
	while (atomic_load(&crowd->answered) < CROWD)
		poll(NULL, 0, 1);
	return true;
}

/* Who waits has each answer as soon as it is whole, before the next is taken from the wire. */
static void test_one_after_the_other(void **state)
{
	(void)state;
	struct setting setting;
	struct crowd crowd = {0};
	pthread_barrier_init(&crowd.barrier, NULL, CROWD);
	open_setting(&setting, answer_crowd);
	setting.tiny.context = &crowd;
	char *url = tiny_url(&setting.tiny, "/");
	const struct http_request request = {.url = url, .on_body = on_crowd, .context = &crowd};
	for (int i = 0; i < CROWD; i++)
		assert_non_null(http_start(setting.http, &request, &setting.err));
	for (size_t running = CROWD; running > 0; running = http_running(setting.http)) {
		assert_true(http_wait(setting.http, 1000, &setting.err));
		assert_true(http_running(setting.http) + 1 >= running);
	}
	free(url);
	close_setting(&setting);
	pthread_barrier_destroy(&crowd.barrier);
}

static bool answer_some(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)number;
	if (strncmp(request, "GET /quick", 10) == 0)
		return tiny_reply(fd, 200, "", "fine");
	tiny_printf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	tiny_hang(tiny);
	return false;
}

static void test_cancelling(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, answer_some);
	char *slow = tiny_url(&setting.tiny, "/slow");
	char *quick = tiny_url(&setting.tiny, "/quick");
	const struct http_request slow_request = {.url = slow, .on_body = on_body, .context = &setting};
	const struct http_request quick_request = {.url = quick};
	struct http_transfer *first = http_start(setting.http, &slow_request, &setting.err);
	struct http_transfer *second = http_start(setting.http, &quick_request, &setting.err);
	struct http_transfer *third = http_start(setting.http, &quick_request, &setting.err);
	assert_non_null(http_start(setting.http, &slow_request, &setting.err)); /* left to http_free */
	while (http_running(setting.http) > 2 || setting.body.length < 8)
		assert_true(http_wait(setting.http, 1000, &setting.err));
	http_transfer_free(first);
	assert_int_equal(http_running(setting.http), 1);
	http_transfer_free(second); /* finished, not picked up */
	assert_ptr_equal(http_finished(setting.http), third);
	assert_null(http_finished(setting.http));
	http_transfer_free(third);
	http_transfer_free(NULL);
	free(slow);
	free(quick);
	close_setting(&setting);
}

/* A token call in the middle of data transfers: they go on, and are handed out afterwards. */
static void test_run_beside_others(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_some);
	char *quick = tiny_url(&setting.tiny, "/quick");
	const struct http_request request = {.url = quick};
	struct http_transfer *other = http_start(setting.http, &request, &setting.err);
	run(&setting, "GET", "/quick", &reply);
	assert_string_equal(buf_text(&setting.body), "fine");
	http_reply_release(&reply);
	wait_for_all(&setting);
	assert_ptr_equal(http_finished(setting.http), other);
	assert_null(http_finished(setting.http));
	free(quick);
	close_setting(&setting);
}

static bool stop_flag;

static bool stop_wanted(void)
{
	return stop_flag;
}

static void test_stopping(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	int wake[2];
	assert_int_equal(pipe(wake), 0);
	const struct http_options options = {.stopped = stop_wanted, .wake_fd = wake[0]};
	stop_flag = false;
	open_with(&setting, answer_some, &options);
	char *slow = tiny_url(&setting.tiny, "/slow");
	const struct http_request request = {.url = slow};
	assert_non_null(http_start(setting.http, &request, &setting.err));
	int64_t begin = time_ms();
	assert_int_equal(write(wake[1], "", 1), 1);
	/* Woken for something else than the end. */
	assert_true(http_wait(setting.http, 60000, &setting.err));
	stop_flag = true;
	assert_false(http_wait(setting.http, 60000, &setting.err));
	assert_int_equal(setting.err.code, ERR_STOPPED);
	err_clear(&setting.err);
	assert_false(http_pause(setting.http, 60000, &setting.err));
	assert_int_equal(setting.err.code, ERR_STOPPED);
	err_clear(&setting.err);
	assert_false(http_run(setting.http, &request, &reply, &setting.err));
	assert_int_equal(setting.err.code, ERR_STOPPED);
	assert_int_equal(reply.failure, HTTP_STOPPED);
	http_reply_release(&reply);
	assert_true(time_ms() - begin < 30000);
	free(slow);
	close_setting(&setting);
	close(wake[0]);
	close(wake[1]);
}

static void test_waiting(void **state)
{
	(void)state;
	struct setting setting;
	open_setting(&setting, answer_ok);
	int64_t begin = time_ms();
	assert_true(http_wait(setting.http, 20, &setting.err));
	assert_true(time_ms() - begin >= 20);
	assert_true(http_pause(setting.http, 20, &setting.err));
	assert_true(time_ms() - begin >= 40);
	close_setting(&setting);
}

static void test_nobody_there(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_ok);
	tiny_stop(&setting.tiny);
	run(&setting, "GET", "/", &reply);
	assert_int_equal(reply.failure, HTTP_CONNECT);
	assert_int_equal(reply.status, 0);
	http_reply_release(&reply);
	close_setting(&setting);
}

/* A request that ends before there is a connection leaves the engine as good as new. */
static void test_no_such_host(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	char label[65] = {0}; /* one too long for any name server */
	memset(label, 'a', 64);
	char *url = mem_format("https://%s/", label);
	const struct http_request request = {.url = url};
	open_setting(&setting, answer_ok);
	for (int i = 0; i < 3; i++) {
		assert_true(http_run(setting.http, &request, &reply, &setting.err));
		assert_int_equal(reply.failure, HTTP_CONNECT);
		http_reply_release(&reply);
		run(&setting, "GET", "/", &reply);
		assert_int_equal(reply.status, 200);
		http_reply_release(&reply);
	}
	free(url);
	close_setting(&setting);
}

static void test_allowed_addresses(void **state)
{
	(void)state;
	static const char *const allowed[] = {"https://sis.example.org", "HTTPS://sis.example.org:8443/a?b=c",
		"http://localhost:80/", "http://LocalHost/", "http://127.0.0.1/", "http://127.9.8.7:1/",
		"http://[::1]:80/"};
	static const char *const refused[] = {
		"",
		"sis.example.org",
		"http://sis.example.org",
		"ftp://sis.example.org",
		"file:///etc/passwd",
		"http://127.0.0.1.example.org/",
		"http://localhost.example.org/",
		"https://user:word@sis.example.org/",
		"https://user@sis.example.org/",
		"http://127.0.0.1@example.org/",
		"http://128.0.0.1/",
		"http://[::2]/",
		"https://",
		"https:/sis.example.org/",
		"https:///sis.example.org/",
		"https:sis.example.org/",
		"https://sis.example.org/with blank",
	};
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct err err = {0};
		if (!http_address_allowed(allowed[i], &err))
			fail_msg("%s: %s", allowed[i], err.text);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct err err = {0};
		if (http_address_allowed(refused[i], &err) || err.code != ERR_USAGE)
			fail_msg("%s", refused[i]);
	}
	struct err err = {0};
	http_address_allowed("http://sis.example.org", &err);
	assert_string_equal(err.text, "http:// is only allowed to this machine itself (localhost); use https://");
}

static bool answer_echo(struct tiny *tiny, size_t number, const char *request, int fd)
{
	(void)tiny;
	(void)number;
	(void)request;
	return tiny_reply(fd, 400, "Location: /x/top%20secret\r\nSet-Cookie: session=c00kie-value\r\n",
		"you sent top secret and top%20secret");
}

static void test_secrets_are_masked(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	char text[100];
	open_setting(&setting, answer_echo);
	http_hide(setting.http, "top secret");
	http_hide_passing(setting.http, "t0ken-t0ken");
	run(&setting, "GET", "/", &reply);
	assert_string_equal(buf_text(&reply.snippet), "you sent *** and ***");
	assert_int_equal(reply.snippet.length, 20);
	assert_string_equal(reply.location, "/x/***");
	http_reply_release(&reply);
	http_show_address(setting.http,
		"https://user:word@sis.example.org/t0ken-t0ken?client_id=me&client_secret=x%26y#part", text,
		sizeof(text));
	assert_string_equal(text, "https://sis.example.org/***?client_id=me&client_secret=***");
	close_setting(&setting);
}

/* The verbose log of a request full of secrets: the lines are there, the secrets are not. */
static void test_verbose_without_secrets(void **state)
{
	(void)state;
	static const char *const secrets[] = {
		"hidden-one", "aGlkZGVu", "subscription-key", "c00kie-value", "query-code", "b0dy-secret", "you sent"};
	struct setting setting;
	struct http_reply reply;
	const struct http_options options = {.verbose = true, .wake_fd = -1};
	FILE *file = tmpfile();
	assert_non_null(file);
	int kept = dup(STDERR_FILENO);
	open_with(&setting, answer_echo, &options);
	http_hide(setting.http, "hidden-one");
	char *url = tiny_url(&setting.tiny, "/token/hidden-one?code=query-code&scope=visible-scope");
	static const char *const headers[] = {
		"Authorization: Basic aGlkZGVu", "Bb-Key: subscription-key", "Accept: application/json", NULL};
	const struct http_request request = {.method = "POST",
		.url = url,
		.headers = headers,
		.body = "client_secret=b0dy-secret",
		.body_length = 25};
	log_open(LOG_DEBUG, LOG_TEXT);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	bool ok = http_run(setting.http, &request, &reply, &setting.err);
	http_reply_release(&reply);
	if (ok) /* once more, with the cookie */
		ok = http_run(setting.http, &request, &reply, &setting.err);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	log_open(LOG_WARNING, LOG_TEXT);
	assert_true(ok);
	http_reply_release(&reply);
	free(url);
	assert_non_null(strstr(setting.tiny.requests[1], "Cookie: session=c00kie-value"));

	char text[32768];
	rewind(file);
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	assert_non_null(strstr(text, "> POST /token/***?code=***&scope=visible-scope HTTP/1.1"));
	assert_non_null(strstr(text, "> Authorization: ***"));
	assert_non_null(strstr(text, "> Cookie: ***"));
	assert_non_null(strstr(text, "> Accept: application/json"));
	assert_non_null(strstr(text, "< HTTP/1.1 400 Some Words"));
	assert_non_null(strstr(text, "< Set-Cookie: ***"));
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (strstr(text, secrets[i]) != NULL)
			fail_msg("%s in %s", secrets[i], text);
	close_setting(&setting);
}

static void test_bad_requests(void **state)
{
	(void)state;
	struct setting setting;
	struct http_reply reply;
	open_setting(&setting, answer_ok);
	static const char *const headers[] = {"X-One: two\r\nX-Three: four", NULL};
	char *url = tiny_url(&setting.tiny, "/");
	const struct http_request split = {.url = url, .headers = headers};
	assert_null(http_start(setting.http, &split, &setting.err));
	assert_int_equal(setting.err.code, ERR_USAGE);
	err_clear(&setting.err);
	const struct http_request open_text = {.url = "http://sis.example.org/token?client_secret=hidden"};
	assert_false(http_run(setting.http, &open_text, &reply, &setting.err));
	assert_int_equal(setting.err.code, ERR_USAGE);
	assert_null(strstr(setting.err.text, "hidden"));
	http_reply_release(&reply);
	assert_int_equal(http_running(setting.http), 0);
	assert_int_equal(setting.tiny.request_count, 0);
	free(url);
	close_setting(&setting);
	struct err err = {0};
	const struct http_options options = {.ca_file = "/nonexistent/ca.pem", .wake_fd = -1};
	assert_null(http_new(&options, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static void test_encoding(void **state)
{
	(void)state;
	struct buf out = {0};
	http_encode(&out, "aZ09-._~ '()*!%/\xc3\xa9&=+");
	assert_string_equal(buf_text(&out), "aZ09-._~%20%27%28%29%2A%21%25%2F%C3%A9%26%3D%2B");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_refusals_are_kept_short),
		cmocka_unit_test(test_redirects_are_not_followed),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_stalls),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_one_cookie_jar),
		cmocka_unit_test(test_in_flight_together),
		cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_cancelling),
		cmocka_unit_test(test_run_beside_others),
		cmocka_unit_test(test_stopping),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_no_such_host),
		cmocka_unit_test(test_allowed_addresses),
		cmocka_unit_test(test_secrets_are_masked),
		cmocka_unit_test(test_verbose_without_secrets),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_encoding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

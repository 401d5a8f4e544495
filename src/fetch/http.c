#include "fetch/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <curl/curl.h>

#include "base/library.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/trace.h"
#include "fetch/watch.h"

enum {
	POOL_MAX = 16,
	CONNECTIONS_KEPT = 16,
	TICK_MS = 250,               /* how often limits in time are looked at */
	REFUSAL_MAX = 256 * 1024,    /* of a body that is not 2xx: more is not worth waiting for */
	RECEIVE_BUFFER = 64 * 1024,  /* bytes curl hands on at once */
	KEEPALIVE_IDLE_SECONDS = 60, /* silent connections are dropped by firewalls */
};

enum state { RUNNING, WAITING, HANDED_OUT };

struct http_transfer {
	struct http *http;
	struct http_transfer *previous; /* of all */
	struct http_transfer *next;
	struct http_transfer *next_done;
	CURL *easy; /* NULL once finished */
	struct curl_slist *headers;
	char *url;
	char *method;
	char *body;
	size_t body_length;
	uint64_t max_body;
	bool once;
	bool (*on_body)(void *context, const char *data, size_t length);
	void *context;
	enum state state;
	bool alone;       /* of http_run: not handed out */
	bool enough;      /* ended by us with all we want of a refusal */
	bool headers_end; /* what comes now are trailers */
	size_t header_bytes;
	size_t cookies; /* that the answer sets */
	int64_t started_ms;
	int64_t window_ms; /* since then fewer than HTTP_SLOWEST bytes a second would be a stall */
	curl_off_t window_bytes;
	char words[CURL_ERROR_SIZE]; /* the library's */
	char reason[128];            /* ours for ending it, which counts for more */
	struct http_reply reply;
};

struct http {
	CURLM *multi;
	struct watch *watch;
	CURLSH *share;
	struct mask *mask;
	char *ca_file;
	char *user_agent;
	int64_t connect_ms;
	int64_t first_byte_ms;
	int64_t stall_ms;
	bool verbose;
	bool (*stopped)(void);
	int wake_fd;
	CURL *pool[POOL_MAX];
	size_t pooled;
	size_t running;
	size_t cookies; /* set since the jar was looked at */
	struct http_transfer *all;
	struct http_transfer *done_first;
	struct http_transfer *done_last;
};

static const struct {
	const char *name;
	size_t offset; /* of the char * in struct http_reply */
} kept_headers[] = {
	{"X-Total-Count", offsetof(struct http_reply, total)},
	{"x-count", offsetof(struct http_reply, count)},
	{"Link", offsetof(struct http_reply, link)},
	{"Retry-After", offsetof(struct http_reply, retry_after)},
	{"X-RateLimit-Reset", offsetof(struct http_reply, rate_reset)},
	{"RateLimit-Reset", offsetof(struct http_reply, rate_reset)},
	{"x-perm-rev", offsetof(struct http_reply, perm_rev)},
	{"Date", offsetof(struct http_reply, date)},
	{"Content-Type", offsetof(struct http_reply, content_type)},
	{"Location", offsetof(struct http_reply, location)},
};

enum { KEPT_HEADERS = sizeof(kept_headers) / sizeof(kept_headers[0]) };

static char **kept_value(struct http_reply *reply, size_t i)
{
	return (char **)(void *)((char *)reply + kept_headers[i].offset);
}

static bool is_2xx(long status)
{
	return status >= 200 && status < 300;
}

/* What went wrong, by what the library says. */

static enum http_failure failure_of(CURLcode code, const struct http_transfer *transfer)
{
	curl_off_t connected = 0;
	switch (code) {
	case CURLE_OK: return HTTP_OK;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT: return HTTP_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
		/* A handshake that broke off may go well next time; one that the TLS library judged will not. */
		return strstr(transfer->words, "error:") != NULL ? HTTP_TLS : HTTP_CONNECT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_USE_SSL_FAILED: return HTTP_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
		return connected > 0 ? HTTP_TIMEOUT : HTTP_CONNECT;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_OUT_OF_MEMORY: return HTTP_OTHER;
	default: return HTTP_CUT;
	}
}

const char *http_failure_name(enum http_failure failure)
{
	static const char *const names[] = {
		[HTTP_OK] = "whole",
		[HTTP_CONNECT] = "no connection",
		[HTTP_TLS] = "certificate or TLS version not acceptable",
		[HTTP_TIMEOUT] = "timed out",
		[HTTP_CUT] = "cut off",
		[HTTP_TOO_MUCH] = "too much",
		[HTTP_ABORTED] = "given up",
		[HTTP_STOPPED] = "stopped",
		[HTTP_OTHER] = "not possible",
	};
	return names[failure];
}

/* Callbacks of a transfer. */

static size_t give_up(struct http_transfer *transfer, enum http_failure failure, const char *words)
{
	transfer->reply.failure = failure;
	snprintf(transfer->reason, sizeof(transfer->reason), "%s", words);
	return 0;
}

static void keep_header(struct http_reply *reply, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	if (colon == NULL)
		return;
	size_t name = (size_t)(colon - line);
	const char *value = colon + 1;
	const char *end = line + length;
	while (value < end && strchr(" \t", *value) != NULL)
		value++;
	while (end > value && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	for (size_t i = 0; i < KEPT_HEADERS; i++) {
		const char *wanted = kept_headers[i].name;
		if (strlen(wanted) != name || !curl_strnequal(wanted, line, name))
			continue;
		char **kept = kept_value(reply, i);
		char *old = *kept;
		size_t size = (size_t)(end - value);
		bool is_link = kept == &reply->link;
		bool join = old != NULL && is_link;
		size_t most = is_link ? HTTP_LINK_MAX : HTTP_HEADER_VALUE_MAX;
		*kept = NULL;
		if (is_link && size + (join ? strlen(old) + 2 : 0) > most)
			reply->link_lost = true;
		if (size + (join ? strlen(old) + 2 : 0) <= most) {
			char *text = mem_copy_n(value, size);
			*kept = join ? mem_format("%s, %s", old, text) : mem_copy(text);
			free(text);
		}
		free(old);
	}
}

static void forget_headers(struct http_reply *reply)
{
	reply->link_lost = false;
	for (size_t i = 0; i < KEPT_HEADERS; i++) {
		mask_wipe_text(*kept_value(reply, i));
		*kept_value(reply, i) = NULL;
	}
}

static size_t on_header(char *line, size_t one, size_t length, void *user)
{
	(void)one;
	struct http_transfer *transfer = user;
	transfer->header_bytes += length;
	if (transfer->header_bytes > HTTP_HEADERS_MAX)
		return give_up(transfer, HTTP_TOO_MUCH, "the header lines are over the limit of 256 KiB");
	if (length > 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A status line begins the true answer after an interim one. */
		forget_headers(&transfer->reply);
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->reply.status);
	} else if (!transfer->headers_end) {
		keep_header(&transfer->reply, line, length);
		transfer->cookies += curl_strnequal(line, "Set-Cookie:", 11) ? 1 : 0;
	}
	return length;
}

/* Whether the body is compressed as no roster is. What is on the way is not counted yet. */
static bool is_bomb(const struct http_transfer *transfer)
{
	curl_off_t packed = 0;
	if (transfer->reply.bytes < HTTP_RATIO_BYTES)
		return false;
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &packed);
	return transfer->reply.bytes / HTTP_RATIO_MAX > (uint64_t)packed + RECEIVE_BUFFER;
}

static size_t on_data(char *data, size_t one, size_t length, void *user)
{
	(void)one;
	struct http_transfer *transfer = user;
	struct http_reply *reply = &transfer->reply;
	transfer->headers_end = true;
	reply->bytes += length;
	if (transfer->max_body != 0 && reply->bytes > transfer->max_body)
		return give_up(transfer, HTTP_TOO_MUCH, "the body is over its limit");
	if (is_bomb(transfer))
		return give_up(transfer, HTTP_TOO_MUCH,
			"the body unpacks to more than 200 times its size, which is no roster");
	size_t room = HTTP_SNIPPET_MAX - reply->snippet.length;
	buf_add(&reply->snippet, data, length < room ? length : room);
	if (is_2xx(reply->status)) {
		if (transfer->on_body != NULL && !transfer->on_body(transfer->context, data, length))
			return give_up(transfer, HTTP_ABORTED, "given up by the reader");
	} else if (reply->bytes > REFUSAL_MAX) {
		transfer->enough = true;
		return 0;
	}
	return length;
}

/* Beginning and end of an engine. */

static int64_t seconds_or(int seconds, int standard)
{
	return (seconds > 0 ? seconds : standard) * INT64_C(1000);
}

struct http *http_new(const struct http_options *options, struct err *err)
{
	if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0) {
		err_set(err, ERR_USAGE, "cannot read ca-file %s: %s", options->ca_file, strerror(errno));
		return NULL;
	}
	if (!library_start_curl(err))
		return NULL;
	struct http *http = mem_new(1, sizeof(*http));
	http->mask = mask_new();
	http->ca_file = options->ca_file != NULL ? mem_copy(options->ca_file) : NULL;
	http->user_agent = options->user_agent != NULL ? mem_copy(options->user_agent) : NULL;
	http->connect_ms = seconds_or(options->connect_seconds, HTTP_CONNECT_SECONDS);
	http->first_byte_ms = seconds_or(options->first_byte_seconds, HTTP_FIRST_BYTE_SECONDS);
	http->stall_ms = seconds_or(options->stall_seconds, HTTP_STALL_SECONDS);
	http->verbose = options->verbose;
	http->stopped = options->stopped;
	http->wake_fd = options->wake_fd;
	http->multi = curl_multi_init();
	http->share = curl_share_init();
	bool ok = http->multi != NULL && http->share != NULL &&
		  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) == CURLSHE_OK &&
		  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK &&
		  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK &&
		  curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) == CURLM_OK;
	if (!ok) {
		err_set(err, ERR_OTHER, "cannot start libcurl");
		http_free(http);
		return NULL;
	}
	http->watch = watch_new(http->multi);
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	while (http->all != NULL)
		http_transfer_free(http->all);
	while (http->pooled > 0)
		curl_easy_cleanup(http->pool[--http->pooled]);
	if (http->multi != NULL)
		curl_multi_cleanup(http->multi);
	watch_free(http->watch);
	if (http->share != NULL)
		curl_share_cleanup(http->share);
	mask_free(http->mask);
	free(http->ca_file);
	free(http->user_agent);
	free(http);
	curl_global_cleanup();
}

/* Starting. */

static bool host_is_this_machine(const char *host)
{
	struct in_addr four;
	if (curl_strequal(host, "localhost") || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

/* Takes an address apart. When it is not allowed, says so in err and returns false; *plain tells http from https. */
static bool examine(const char *url, bool *plain, struct err *err)
{
	bool ok = false;
	char *scheme = NULL;
	char *host = NULL;
	CURLU *parts = curl_url();
	CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (code == CURLUE_USER_NOT_ALLOWED) {
		err_set(err, ERR_USAGE, "an address must not hold a user name or password");
		goto out;
	}
	if (code != CURLUE_OK || curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0' ||
		strpbrk(host, "%\x7f") != NULL || strncmp(url + strlen(scheme), "://", 3) != 0 ||
		url[strlen(scheme) + 3] == '/') { /* the library also takes one slash, or three */
		err_set(err, ERR_USAGE, "this is not an address: it has to look like https://sis.example.org/path");
		goto out;
	}
	*plain = curl_strequal(scheme, "http");
	if (*plain && !host_is_this_machine(host)) {
		err_set(err, ERR_USAGE, "http:// is only allowed to this machine itself (localhost); use https://");
		goto out;
	}
	if (!*plain && !curl_strequal(scheme, "https")) {
		err_set(err, ERR_USAGE, "an address has to begin with https://");
		goto out;
	}
	ok = true;
out:
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	return ok;
}

bool http_address_allowed(const char *url, struct err *err)
{
	bool plain = false;
	return examine(url, &plain, err);
}

static bool copy_headers(struct http_transfer *transfer, const char *const *headers, struct err *err)
{
	/* Expect: a pause before each larger body, which some servers answer by hanging. */
	transfer->headers = curl_slist_append(NULL, "Expect:");
	bool has_type = false;
	for (; headers != NULL && *headers != NULL; headers++) {
		if (strpbrk(*headers, "\r\n") != NULL || strchr(*headers, ':') == NULL)
			return err_set(err, ERR_USAGE, "a header line has to look like \"Name: value\"");
		has_type = has_type || curl_strnequal(*headers, "Content-Type:", 13);
		struct curl_slist *longer = curl_slist_append(transfer->headers, *headers);
		if (longer == NULL)
			return err_set(err, ERR_OTHER, "libcurl does not take a header line");
		transfer->headers = longer;
	}
	if (!has_type && transfer->body_length == 0)
		transfer->headers = curl_slist_append(transfer->headers, "Content-Type:");
	return true;
}

static bool set_method(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	const char *method = transfer->method;
	bool ok = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL) == CURLE_OK;
	if (strcmp(method, "GET") == 0 && transfer->body == NULL)
		return ok;
	if (strcmp(method, "HEAD") == 0)
		return ok && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body_length) == CURLE_OK &&
	     curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body != NULL ? transfer->body : "") == CURLE_OK;
	if (strcmp(method, "POST") != 0)
		ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
	return ok;
}

static bool set_options(const struct http *http, struct http_transfer *transfer, bool plain)
{
	CURL *easy = transfer->easy;
	bool ok = curl_easy_setopt(easy, CURLOPT_URL, transfer->url) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https") == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SHARE, http->share) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_ms) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_SECONDS) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_IDLE_SECONDS) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, transfer->once ? 1L : 0L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK && set_method(transfer);
	/* What may go unencrypted only to this machine must not go to a proxy. */
	ok = ok && curl_easy_setopt(easy, CURLOPT_NOPROXY, plain ? "*" : NULL) == CURLE_OK;
	if (http->user_agent != NULL)
		ok = ok && curl_easy_setopt(easy, CURLOPT_USERAGENT, http->user_agent) == CURLE_OK;
	if (http->ca_file != NULL) /* the system's folder of certificates stays in force beside it */
		ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file) == CURLE_OK;
	if (http->verbose)
		ok = ok && curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, trace_write) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_DEBUGDATA, http->mask) == CURLE_OK;
	return ok;
}

/* Handles are used again as they are, with every option set anew but these two: to set the first again would leak, and
 * so would curl_easy_reset; the second is refused where a request ended before it had a connection. */
static CURL *new_handle(void)
{
	CURL *easy = curl_easy_init();
	if (easy != NULL) {
		curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	}
	return easy;
}

struct http_transfer *http_start(struct http *http, const struct http_request *request, struct err *err)
{
	bool plain = false;
	if (!examine(request->url, &plain, err)) {
		char shown[256];
		http_show_address(http, request->url, shown, sizeof(shown));
		err_in(err, "%s", shown);
		return NULL;
	}
	struct http_transfer *transfer = mem_new(1, sizeof(*transfer));
	transfer->http = http;
	transfer->next = http->all;
	if (http->all != NULL)
		http->all->previous = transfer;
	http->all = transfer;
	transfer->url = mem_copy(request->url);
	transfer->method = mem_copy(request->method != NULL ? request->method : "GET");
	transfer->body = request->body != NULL ? mem_copy_n(request->body, request->body_length) : NULL;
	transfer->body_length = request->body != NULL ? request->body_length : 0;
	transfer->max_body = request->max_body;
	transfer->once = request->once;
	transfer->on_body = request->on_body;
	transfer->context = request->context;
	buf_init(&transfer->reply.snippet, HTTP_SNIPPET_MAX);
	transfer->easy = http->pooled > 0 ? http->pool[--http->pooled] : new_handle();
	transfer->state = HANDED_OUT;
	if (!copy_headers(transfer, request->headers, err)) {
		http_transfer_free(transfer);
		return NULL;
	}
	if (transfer->easy == NULL || !set_options(http, transfer, plain) ||
		curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
		err_set(err, ERR_OTHER, "libcurl does not take a request");
		http_transfer_free(transfer);
		return NULL;
	}
	transfer->state = RUNNING;
	transfer->started_ms = time_ms();
	http->running++;
	return transfer;
}

/* Ending. */

static void put_back(struct http *http, CURL *easy)
{
	if (http->pooled == POOL_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	/* Nothing of the transfer may be touched any more, not even by the words about a closing connection. */
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, NULL);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, NULL);
	http->pool[http->pooled++] = easy;
}

static void mask_reply(const struct http *http, struct http_reply *reply)
{
	mask_text(http->mask, reply->problem, sizeof(reply->problem));
	struct buf *snippet = &reply->snippet;
	for (size_t i = 0; i < snippet->length; i++)
		if (snippet->data[i] == '\0')
			snippet->data[i] = ' ';
	if (snippet->length > 0) {
		mask_text(http->mask, snippet->data, snippet->room);
		snippet->length = strlen(snippet->data);
	}
	/* Those that messages show. The others are read, and a short secret must not change a link or a number. */
	char **const shown[] = {&reply->location, &reply->content_type};
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (*shown[i] != NULL)
			mask_text(http->mask, *shown[i], strlen(*shown[i]) + 1);
	if (reply->location != NULL)
		mask_query(reply->location, strlen(reply->location) + 1);
}

/* A server may set as many cookies as it likes, as long as they are the same few again and again. */
static void count_cookies(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	struct curl_slist *jar = NULL;
	size_t count = 0;
	http->cookies += transfer->cookies;
	if (http->cookies <= HTTP_COOKIES_MAX)
		return;
	http->cookies = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_COOKIELIST, &jar);
	for (const struct curl_slist *cookie = jar; cookie != NULL; cookie = cookie->next)
		count++;
	curl_slist_free_all(jar);
	http->cookies = count;
	if (count > HTTP_COOKIES_MAX && transfer->reply.failure == HTTP_OK)
		give_up(transfer, HTTP_TOO_MUCH, "the server sets more than 300 cookies");
}

static void finish(struct http_transfer *transfer, CURLcode code)
{
	struct http *http = transfer->http;
	struct http_reply *reply = &transfer->reply;
	curl_off_t value = 0;
	if (transfer->enough)
		code = CURLE_OK;
	/* Memory is never missing (base/library.h): it is what the library says of a header line longer than it takes.
	 */
	if (reply->failure == HTTP_OK && code == CURLE_OUT_OF_MEMORY)
		give_up(transfer, HTTP_TOO_MUCH, "a header line is longer than can be");
	if (reply->failure == HTTP_OK)
		reply->failure = failure_of(code, transfer);
	count_cookies(transfer);
	const char *words = transfer->words[0] != '\0' ? transfer->words : curl_easy_strerror(code);
	if (reply->failure != HTTP_OK)
		snprintf(reply->problem, sizeof(reply->problem), "%s",
			transfer->reason[0] != '\0' ? transfer->reason : words);
	if (curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &value) == CURLE_OK)
		reply->wire_bytes = (uint64_t)value;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_STARTTRANSFER_TIME_T, &value) == CURLE_OK)
		reply->ms_first_byte = (int64_t)value / 1000;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &value) == CURLE_OK)
		reply->ms_connect = (int64_t)value / 1000;
	reply->ms_total = time_ms() - transfer->started_ms;
	mask_reply(http, reply);
	curl_multi_remove_handle(http->multi, transfer->easy);
	put_back(http, transfer->easy);
	transfer->easy = NULL;
	http->running--;
	transfer->state = HANDED_OUT;
	if (http->verbose) {
		char shown[512];
		http_show_address(http, transfer->url, shown, sizeof(shown));
		log_line(LOG_DEBUG, "http", "%s %s: %ld, %s, %llu bytes, %lld ms", transfer->method, shown,
			reply->status, http_failure_name(reply->failure), (unsigned long long)reply->bytes,
			(long long)reply->ms_total);
	}
	if (transfer->alone)
		return;
	transfer->state = WAITING;
	if (http->done_last != NULL)
		http->done_last->next_done = transfer;
	else
		http->done_first = transfer;
	http->done_last = transfer;
}

static void unqueue(struct http *http, const struct http_transfer *transfer)
{
	struct http_transfer *before = NULL;
	for (struct http_transfer *at = http->done_first; at != NULL; before = at, at = at->next_done) {
		if (at != transfer)
			continue;
		if (before != NULL)
			before->next_done = at->next_done;
		else
			http->done_first = at->next_done;
		if (http->done_last == at)
			http->done_last = before;
		return;
	}
}

/* A name server that does not answer must not hold up the end of a request that nobody wants any more: the thread that
 * asks it is left to itself. Older libraries wait for it. */
static void forget_resolver(CURL *easy, bool forget)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, forget ? 1L : 0L);
#else
	(void)easy;
	(void)forget;
#endif
}

void http_transfer_free(struct http_transfer *transfer)
{
	if (transfer == NULL)
		return;
	struct http *http = transfer->http;
	if (transfer->state == WAITING)
		unqueue(http, transfer);
	if (transfer->state == RUNNING) {
		forget_resolver(transfer->easy, true);
		curl_multi_remove_handle(http->multi, transfer->easy);
		forget_resolver(transfer->easy, false);
		http->running--;
	}
	if (transfer->easy != NULL)
		put_back(http, transfer->easy);
	if (transfer->previous != NULL)
		transfer->previous->next = transfer->next;
	else
		http->all = transfer->next;
	if (transfer->next != NULL)
		transfer->next->previous = transfer->previous;
	for (struct curl_slist *line = transfer->headers; line != NULL; line = line->next)
		mask_wipe(line->data, strlen(line->data));
	curl_slist_free_all(transfer->headers);
	mask_wipe_text(transfer->url);
	free(transfer->method);
	mask_wipe(transfer->body, transfer->body_length);
	free(transfer->body);
	http_reply_release(&transfer->reply);
	free(transfer);
}

void http_reply_release(struct http_reply *reply)
{
	forget_headers(reply);
	mask_wipe(reply->snippet.data, reply->snippet.length);
	buf_release(&reply->snippet);
}

/* Driving. */

/* Ends a transfer whose body does not begin in time, or comes slower than HTTP_SLOWEST. Curl's own low speed limit
 * would count the time a server thinks as slowness. */
static void check_time(struct http_transfer *transfer)
{
	const struct http *http = transfer->http;
	int64_t now = time_ms();
	curl_off_t bytes = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	if (bytes == 0) {
		if (now - transfer->started_ms < http->first_byte_ms)
			return;
		curl_off_t connected = 0;
		curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
		give_up(transfer, connected > 0 ? HTTP_TIMEOUT : HTTP_CONNECT, "");
		snprintf(transfer->reason, sizeof(transfer->reason), "no answer for %lld seconds",
			(long long)(http->first_byte_ms / 1000));
		finish(transfer, CURLE_OPERATION_TIMEDOUT);
		return;
	}
	if (transfer->window_ms == 0 || bytes - transfer->window_bytes >= http->stall_ms / 1000 * HTTP_SLOWEST) {
		transfer->window_ms = now;
		transfer->window_bytes = bytes;
	} else if (now - transfer->window_ms >= http->stall_ms) {
		give_up(transfer, HTTP_TIMEOUT, "");
		snprintf(transfer->reason, sizeof(transfer->reason),
			"the answer stalled: fewer than %d bytes a second for %lld seconds", HTTP_SLOWEST,
			(long long)(http->stall_ms / 1000));
		finish(transfer, CURLE_OPERATION_TIMEDOUT);
	}
}

static bool wait(struct http *http, int wake, int milliseconds, bool *woken, struct err *err)
{
	return watch_wait(http->watch, wake, milliseconds, woken) ||
	       err_set(err, ERR_OTHER, "cannot wait for the network: %s", strerror(errno));
}

static void collect(struct http *http)
{
	int left = 0;
	CURLMsg *message = NULL;
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		struct http_transfer *transfer = NULL;
		CURLcode result = message->data.result;
		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer) == CURLE_OK)
			finish(transfer, result);
	}
}

/* Moves what can be moved now, up to the first transfer that ends. */
static bool drive(struct http *http, struct err *err)
{
	if (!wait(http, -1, 0, NULL, err))
		return false;
	size_t running = http->running;
	for (bool any = true; any && http->running == running;) {
		if (http->stopped != NULL && http->stopped())
			return err_set(err, ERR_STOPPED, "stopped by a signal");
		CURLMcode code = watch_step(http->watch, &any);
		if (code != CURLM_OK)
			return err_set(err, ERR_OTHER, "libcurl fails: %s", curl_multi_strerror(code));
		collect(http);
	}
	for (struct http_transfer *transfer = http->all; transfer != NULL; transfer = transfer->next)
		if (transfer->state == RUNNING)
			check_time(transfer);
	return true;
}

/* Waits for bytes or the wake fd, until a moment, but not for long. */
static bool doze(struct http *http, int64_t until, bool *woken, struct err *err)
{
	bool listen = http->wake_fd >= 0 && !*woken;
	int64_t left = until - time_ms();
	left = left < 0 ? 0 : left;
	if (left > TICK_MS && (http->running > 0 || !listen))
		left = TICK_MS;
	bool called = false;
	if (!wait(http, listen ? http->wake_fd : -1, left < INT32_MAX ? (int)left : INT32_MAX, &called, err))
		return false;
	*woken = *woken || called;
	return !called || http->stopped != NULL || err_set(err, ERR_STOPPED, "stopped by a signal");
}

bool http_wait(struct http *http, int milliseconds, struct err *err)
{
	int64_t until = time_ms() + milliseconds;
	bool woken = false;
	for (;;) {
		if (!drive(http, err))
			return false;
		if (http->done_first != NULL || woken || time_ms() >= until)
			return true;
		if (!doze(http, until, &woken, err))
			return false;
	}
}

bool http_pause(struct http *http, int64_t milliseconds, struct err *err)
{
	int64_t until = time_ms() + milliseconds;
	bool woken = false;
	for (;;) {
		if (!drive(http, err))
			return false;
		if (time_ms() >= until)
			return true;
		if (!doze(http, until, &woken, err))
			return false;
	}
}

struct http_transfer *http_finished(struct http *http)
{
	struct http_transfer *transfer = http->done_first;
	if (transfer != NULL) {
		unqueue(http, transfer);
		transfer->state = HANDED_OUT;
	}
	return transfer;
}

bool http_run(struct http *http, const struct http_request *request, struct http_reply *reply, struct err *err)
{
	*reply = (struct http_reply){.failure = HTTP_OTHER};
	struct http_transfer *transfer = http_start(http, request, err);
	if (transfer == NULL)
		return false;
	transfer->alone = true;
	bool woken = false;
	bool ok = drive(http, err);
	while (ok && transfer->state == RUNNING)
		ok = doze(http, time_ms() + TICK_MS, &woken, err) && drive(http, err);
	if (ok) {
		*reply = transfer->reply;
		transfer->reply = (struct http_reply){0};
	} else {
		reply->failure = err->code == ERR_STOPPED ? HTTP_STOPPED : HTTP_OTHER;
	}
	http_transfer_free(transfer);
	return ok;
}

const struct http_reply *http_transfer_reply(const struct http_transfer *transfer)
{
	return &transfer->reply;
}

void *http_transfer_context(const struct http_transfer *transfer)
{
	return transfer->context;
}

size_t http_running(const struct http *http)
{
	return http->running;
}

/* Texts. */

void http_hide(struct http *http, const char *secret)
{
	mask_add(http->mask, secret, false);
}

void http_hide_passing(struct http *http, const char *secret)
{
	mask_add(http->mask, secret, true);
}

void http_mask(const struct http *http, char *text, size_t room)
{
	mask_text(http->mask, text, room);
}

void http_show_address(const struct http *http, const char *url, char *out, size_t room)
{
	char *text = NULL;
	CURLU *parts = curl_url();
	bool ok = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		  curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
		  curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
		  curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		  curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK;
	struct buf shown = {0};
	buf_add_text(&shown, ok ? text : "(unreadable address)");
	size_t shown_room = shown.length * 4 + 16; /* masks may be longer than what they hide */
	char *masked = mem_new(shown_room, 1);
	memcpy(masked, buf_text(&shown), shown.length);
	mask_query(masked, shown_room);
	mask_text(http->mask, masked, shown_room);
	snprintf(out, room, "%s", masked);
	mask_wipe(masked, shown_room);
	free(masked);
	mask_wipe(shown.data, shown.length);
	buf_release(&shown);
	curl_free(text);
	curl_url_cleanup(parts);
}

void http_encode(struct buf *to, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			     strchr("-._~", c) != NULL;
		const char code[3] = {'%', digits[c >> 4], digits[c & 15]};
		if (plain)
			buf_add_char(to, *text);
		else
			buf_add(to, code, sizeof(code));
	}
}

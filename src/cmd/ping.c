#include "cmd/ping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "fetch/http.h"
#include "stop.h"

enum {
	TRIES = 2,
	LOOK_MS = 100,          /* how often it is asked whether the run is to stop */
	ANSWER_MAX = 64 * 1024, /* more is not waited for */
};

struct ping {
	char *front; /* the address up to its query, without a slash at its end */
	char *query; /* with its question mark, or "" */
	char *host;  /* all of the address that is ever shown: the rest is as good as a password */
	char *ca_file;
	bool verbose;
};

/* One call and how it goes. */
struct call {
	struct http *http;
	char *url;
	bool last;                                      /* of the end of the run: made also when the run is to stop */
	int64_t until;                                  /* as time_ms */
	char words[sizeof(((struct err *)NULL)->text)]; /* what went wrong */
};

static bool is_over(struct call *call)
{
	int64_t now = time_ms();
	if (stop_requested() && call->until > now + PING_STOP_SECONDS * INT64_C(1000))
		call->until = now + (call->last ? PING_STOP_SECONDS * INT64_C(1000) : 0);
	return now >= call->until;
}

/* Whether another try is worth it. */
static bool note(struct call *call, const struct http_reply *reply)
{
	call->words[0] = '\0';
	if (reply->failure != HTTP_OK)
		snprintf(call->words, sizeof(call->words), "%s: %s", http_failure_name(reply->failure), reply->problem);
	else if (reply->status < 200 || reply->status > 299)
		snprintf(call->words, sizeof(call->words), "it answers with status %ld", reply->status);
	return (reply->failure != HTTP_OK && reply->failure != HTTP_TLS) || reply->status >= 500;
}

static bool try_once(struct call *call)
{
	struct err err = {0};
	struct http_request request = {.url = call->url, .max_body = ANSWER_MAX};
	struct http_transfer *transfer = http_start(call->http, &request, &err);
	bool fine = transfer != NULL;
	bool done = false;
	while (fine && !done && !is_over(call)) {
		fine = http_wait(call->http, LOOK_MS, &err);
		done = http_finished(call->http) != NULL;
	}
	snprintf(call->words, sizeof(call->words), "%s", fine ? "no answer in time" : err.text);
	bool again = done && note(call, http_transfer_reply(transfer));
	http_transfer_free(transfer);
	return again;
}

static void tell(const struct ping *ping, const char *what, const char *suffix, bool last)
{
	struct err err = {0};
	struct http_options settings = {
		.ca_file = ping->ca_file,
		.user_agent = "rosterzip/" ROSTERZIP_VERSION,
		.connect_seconds = PING_SECONDS,
		.first_byte_seconds = PING_SECONDS,
		.verbose = ping->verbose,
		.wake_fd = -1,
	};
	struct call call = {.http = http_new(&settings, &err), .last = last};
	if (call.http == NULL) {
		log_line(LOG_WARNING, "ping-url", "%s", err.text);
		return;
	}
	const char *path = strstr(ping->front, "://");
	http_hide(call.http, path + strcspn(path + 3, "/") + 3);
	http_hide(call.http, ping->query[0] != '\0' ? ping->query + 1 : "");
	call.url = mem_format("%s%s%s", ping->front, suffix, ping->query);
	call.until = time_ms() + PING_SECONDS * INT64_C(1000);
	for (int i = 0; i < TRIES && !is_over(&call); i++)
		if (!try_once(&call))
			break;
	if (call.words[0] != '\0' && (last || !stop_requested()))
		log_line(LOG_WARNING, "ping-url", "%s could not be told of the %s: %s", ping->host, what, call.words);
	mask_wipe_text(call.url);
	http_free(call.http);
}

struct ping *ping_start(const struct config *config)
{
	const char *url = config->ping_url;
	if (url == NULL)
		return NULL;
	struct ping *ping = mem_new(1, sizeof(*ping));
	size_t length = strcspn(url, "?#");
	const char *host = strstr(url, "://") + 3;
	ping->query = mem_copy_n(url + length, strcspn(url + length, "#"));
	while (length > 0 && url[length - 1] == '/')
		length--;
	ping->front = mem_copy_n(url, length);
	ping->host = mem_copy_n(host, strcspn(host, "/?#"));
	ping->ca_file = config->ca_file != NULL ? mem_copy(config->ca_file) : NULL;
	ping->verbose = config->verbose;
	tell(ping, "start", "/start", false);
	return ping;
}

void ping_end(struct ping *ping, bool good)
{
	if (ping == NULL)
		return;
	tell(ping, "end", good ? "" : "/fail", true);
	mask_wipe_text(ping->front);
	mask_wipe_text(ping->query);
	free(ping->host);
	free(ping->ca_file);
	free(ping);
}

#include "cmd/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/connect.h"
#include "convert/plan.h"
#include "convert/record.h"
#include "convert/sax.h"
#include "fetch/answer_text.h"
#include "fetch/retry.h"

enum { TRIES_MAX = 3 };

/* A request being made. */
struct probing {
	const struct probe *probe;
	const struct table *table;
	const struct probe_ask *ask;
	struct probe_answer *answer;
	struct sax *sax;
	struct buf last;     /* id of the last row */
	struct err sax_err;  /* why the parser stopped */
	struct err final;    /* why there can be no further try */
	uint64_t bytes;      /* of the body */
	bool enough;         /* cut off by us */
	bool renewed;        /* the login, because of a 401 */
	unsigned generation; /* of the login in use */
	unsigned tries;
	int64_t patience_ms; /* what is left of it */
};

/* --- rows ----------------------------------------------------------------------------------------------------------
 */

static bool is_bare(const struct row *row, const struct table *table)
{
	for (int i = 0; i < table->column_count; i++)
		if (i != SCHEMA_SOURCED_ID && row_length(row, (size_t)i) > 0)
			return false;
	return true;
}

static bool is_less(const char *id, size_t length, const struct buf *than)
{
	int order = memcmp(id, buf_text(than), length < than->length ? length : than->length);
	return order < 0 || (order == 0 && length < than->length);
}

static bool on_record(void *context, struct record *record, struct err *err)
{
	struct probing *probing = context;
	struct probe_answer *answer = probing->answer;
	const struct row *row = record_row(record);
	const char *id = row_text(row, SCHEMA_SOURCED_ID);
	size_t length = row_length(row, SCHEMA_SOURCED_ID);
	if (answer->rows == 0)
		answer->bare = is_bare(row, probing->table);
	else if (is_less(id, length, &probing->last))
		answer->ascending = false;
	buf_clear(&probing->last);
	buf_add(&probing->last, id, length);
	if (answer->id_count < PROBE_IDS)
		answer->ids[answer->id_count++] = mem_copy_n(id, length);
	answer->rows++;
	if (probing->ask->on_row != NULL)
		probing->ask->on_row(probing->ask->context, row);
	probing->enough = probing->ask->rows_max > 0 && answer->rows > probing->ask->rows_max;
	return !probing->enough || err_set(err, ERR_OTHER, "enough was seen");
}

static void forget_rows(struct probing *probing)
{
	struct probe_answer *answer = probing->answer;
	for (size_t i = 0; i < answer->id_count; i++)
		free(answer->ids[i]);
	answer->id_count = 0;
	answer->rows = 0;
	answer->ascending = true;
	buf_clear(&probing->last);
}

static bool on_body(void *context, const char *data, size_t length)
{
	struct probing *probing = context;
	uint64_t max = probing->ask->bytes_max;
	if (!sax_feed(probing->sax, data, length, &probing->sax_err))
		return false;
	probing->bytes += length;
	probing->enough = max > 0 && probing->bytes > max;
	return !probing->enough;
}

/* --- the request ---------------------------------------------------------------------------------------------------
 */

static void compose_url(const struct probing *probing, struct buf *url)
{
	const struct probe_ask *ask = probing->ask;
	if (ask->url != NULL)
		buf_add_text(url, ask->url);
	else
		buf_add_format(url, "%s/%s?%s", probing->probe->data_url, ask->endpoint, ask->query);
}

/* Makes the request once. */
static bool send_once(struct probing *probing, struct http_reply *reply, struct err *err)
{
	const struct probe *probe = probing->probe;
	struct buf url = {0};
	struct buf authorization = {0};
	*reply = (struct http_reply){.failure = HTTP_OTHER};
	forget_rows(probing);
	compose_url(probing, &url);
	bool fine = auth_header(probe->auth, "GET", buf_text(&url), &authorization, &probing->generation, err);
	if (fine) {
		const char **lines = connect_headers(probe->headers, buf_text(&authorization));
		struct http_request request = {
			.url = buf_text(&url), .headers = lines, .on_body = on_body, .context = probing};
		sax_begin(probing->sax);
		err_clear(&probing->sax_err);
		probing->bytes = 0;
		probing->enough = false;
		probing->tries++;
		probing->answer->requests++;
		fine = http_run(probe->http, &request, reply, err);
		free(lines);
		/* What the links say is read against the address that was asked. */
		link_release(&probing->answer->links);
		link_read(fine ? reply->link : NULL, buf_text(&url), &probing->answer->links);
		bool body = fine && reply->status == 200;
		if (body && sax_next(probing->sax) != NULL)
			link_add_next(&probing->answer->links, sax_next(probing->sax), buf_text(&url));
		probing->answer->more = probing->answer->links.next || reply->link_lost ||
					(body && sax_more(probing->sax));
	}
	if (authorization.data != NULL)
		memset(authorization.data, 0, authorization.length);
	buf_release(&authorization);
	buf_release(&url);
	return fine;
}

/* --- the answer ----------------------------------------------------------------------------------------------------
 */

static enum probe_outcome say(struct probing *probing, enum probe_outcome outcome, const struct http_reply *reply,
	enum err_code code, const char *what)
{
	struct err *err = &probing->answer->err;
	char problem[ANSWER_TEXT_ROOM];
	answer_text(probing->probe->http, reply, problem);
	const char *joint = problem[0] != '\0' ? ": " : "";
	if (reply->failure == HTTP_OK && (reply->status < 200 || reply->status >= 300))
		err_set(err, code, "%s (status %ld%s%s)", what, reply->status, joint, problem);
	else
		err_set(err, code, "%s", what); /* what was read may be data of people */
	err_in(err, "%s", probing->ask->endpoint);
	return outcome;
}

static enum probe_outcome judge_status(struct probing *probing, const struct http_reply *reply)
{
	switch (reply->status) {
	case 401:
		return say(probing, PROBE_REFUSED, reply, ERR_LOGIN,
			"the server refuses the token that it gave, or the signature");
	case 403: return say(probing, PROBE_FORBIDDEN, reply, ERR_API, "the server refuses this collection");
	case 404:
	case 405:
	case 501: return say(probing, PROBE_UNKNOWN, reply, ERR_API, "the server does not know this collection");
	case 400:
	case 422: return say(probing, PROBE_UNWELCOME, reply, ERR_API, "the server does not accept the request");
	default: break;
	}
	if (reply->status >= 300 && reply->status < 400)
		return say(probing, PROBE_TROUBLE, reply, ERR_API,
			"the server sends us to another address: set url to where it really is");
	return say(probing, PROBE_TROUBLE, reply, ERR_API, "the server answers with an error");
}

static enum probe_outcome judge(struct probing *probing, const struct http_reply *reply)
{
	bool cut_by_us = reply->failure == HTTP_ABORTED && probing->enough;
	probing->answer->whole = !cut_by_us;
	if (cut_by_us)
		return PROBE_ROWS;
	if (reply->failure == HTTP_CONNECT || reply->failure == HTTP_TLS || reply->failure == HTTP_OTHER)
		return say(probing, PROBE_UNREACHABLE, reply, ERR_API, reply->problem);
	if (reply->failure != HTTP_OK && reply->failure != HTTP_ABORTED)
		return say(probing, PROBE_TROUBLE, reply, ERR_API, reply->problem);
	if (reply->failure == HTTP_OK && (reply->status < 200 || reply->status >= 300))
		return judge_status(probing, reply);
	if (reply->status == 204)
		return PROBE_ROWS;
	if (reply->failure == HTTP_OK && sax_end(probing->sax, &probing->sax_err))
		return PROBE_ROWS;
	if (sax_trouble(probing->sax) == SAX_WEB_PAGE)
		return say(probing, PROBE_TROUBLE, reply, ERR_API,
			"got a web page instead of data: the base address is wrong (check url)");
	return say(probing, PROBE_TROUBLE, reply, ERR_API, probing->sax_err.text);
}

static bool plain_number(const char *text, uint64_t *number)
{
	size_t digits = text != NULL ? strspn(text, "0123456789") : 0;
	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static void note_witnesses(struct probing *probing, const struct http_reply *reply)
{
	struct probe_answer *answer = probing->answer;
	int64_t theirs = 0;
	answer->ms = reply->ms_first_byte;
	answer->header_total = plain_number(reply->total, &answer->total);
	answer->body_total = !answer->header_total && sax_total(probing->sax) >= 0;
	if (answer->body_total)
		answer->total = (uint64_t)sax_total(probing->sax);
	answer->has_count = plain_number(reply->count, &answer->count);
	answer->has_skew = reply->date != NULL && time_from_http(reply->date, &theirs);
	if (answer->has_skew)
		answer->skew = theirs - time_unix();
}

/* Whether another try makes sense, after the wait or the new login that it takes. */
static bool again(struct probing *probing, const struct http_reply *reply, struct err *err)
{
	const struct probe *probe = probing->probe;
	if (probing->answer->outcome == PROBE_REFUSED && !probing->renewed) {
		probing->renewed = true;
		return auth_refused(probe->auth, probing->generation, reply, &probing->final);
	}
	enum sax_trouble trouble = sax_trouble(probing->sax);
	bool garbled = reply->status == 200 && (trouble == SAX_CUT || trouble == SAX_SYNTAX);
	if (!garbled && retry_judge(reply, probing->tries) == RETRY_NEVER)
		return false;
	/* The clock is chance enough to keep many clients from coming back at once. */
	int64_t wait = retry_wait_ms(reply, probing->tries, time_unix(), (uint32_t)time_ms() * 2654435761U);
	if (probing->ask->once || probing->tries >= TRIES_MAX || wait > probing->patience_ms)
		return false;
	probing->patience_ms -= wait;
	return http_pause(probe->http, wait, err);
}

/* A login that failed meanwhile is what the request came to, unless the run is to end. */
static bool lost_login(struct probe_answer *answer, const char *endpoint, struct err *why, struct err *err)
{
	if (why->code == ERR_STOPPED) {
		*err = *why;
		return false;
	}
	answer->outcome = why->code == ERR_LOGIN || why->code == ERR_USAGE ? PROBE_REFUSED : PROBE_UNREACHABLE;
	answer->err = *why;
	err_in(&answer->err, "%s", endpoint);
	return true;
}

static bool run(struct probing *probing, struct err *err)
{
	struct probe_answer *answer = probing->answer;
	for (;;) {
		struct http_reply reply;
		if (!send_once(probing, &reply, &probing->final))
			return lost_login(answer, probing->ask->endpoint, &probing->final, err);
		if (reply.failure == HTTP_STOPPED) {
			http_reply_release(&reply);
			return err_set(err, ERR_STOPPED, "stopped");
		}
		err_clear(&answer->err);
		answer->outcome = judge(probing, &reply);
		note_witnesses(probing, &reply);
		bool more = answer->outcome != PROBE_ROWS && again(probing, &reply, err);
		http_reply_release(&reply);
		if (err->code != ERR_NONE)
			return false;
		if (probing->final.code != ERR_NONE)
			return lost_login(answer, probing->ask->endpoint, &probing->final, err);
		if (!more)
			return true;
	}
}

bool probe_run(const struct probe *probe, const struct table *table, const struct probe_ask *ask,
	struct probe_answer *answer, struct err *err)
{
	static const struct sax_events events = {.record = on_record};
	struct probing probing = {
		.probe = probe, .table = table, .ask = ask, .answer = answer, .patience_ms = probe->patience_ms};
	*answer = (struct probe_answer){0};
	struct plan *plan = plan_new(table, NULL, 0, NULL);
	probing.sax = sax_new(plan, &events, &probing);
	bool fine = run(&probing, err);
	sax_free(probing.sax);
	plan_free(plan);
	buf_release(&probing.last);
	return fine;
}

void probe_release(struct probe_answer *answer)
{
	for (size_t i = 0; i < answer->id_count; i++)
		free(answer->ids[i]);
	link_release(&answer->links);
	*answer = (struct probe_answer){0};
}

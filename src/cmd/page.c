#include "cmd/page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relay.h"
#include "base/time.h"
#include "check/metadata.h"
#include "cmd/connect.h"
#include "convert/sax.h"
#include "fetch/answer_text.h"
#include "fetch/link.h"
#include "fetch/refusal.h"
#include "fetch/retry.h"
#include "fetch/store.h"
#include "table/row.h"
#include "table/rowpage.h"

enum {
	SIGNATURES_MAX = 8, /* refused in a row for one page before it is taken for a refusal of the login */
	DENIALS_MAX = 2,    /* of a collection, before it is believed: a server that restarts says the same */
	FAULTS_MAX = 3,     /* answers of one page that call themselves a failure, or hold no rows */
};

/* Some servers send a whole collection as one page: the enrollments of the largest district take some 3 GB. */
static const uint64_t body_max = UINT64_C(16) << 30;

struct page {
	const struct page_shape *shape;
	struct pager_page place;
	struct http_transfer *transfer;
	struct sax *sax;         /* used by the line's thread; ours once the line is settled, as are rows and values */
	struct relay_line *line; /* to the parser */
	struct rowpage *rows[1 + COLLECT_MADE_MAX];
	struct value_counts values[1 + COLLECT_MADE_MAX];
	struct value_counts known;    /* of a row that was counted with the page before */
	struct value_counts metadata; /* one column, or none */
	struct err err;               /* why the parser stopped */
	char *url;                    /* as it was asked */
	struct store_page *stored;    /* its body on disk, while the run keeps pages; NULL else */
	struct store_facts facts;     /* to be kept with it */
	struct link_facts links;      /* of the answer */
	struct pager_answer said;     /* the same for the pager */
	bool ascending;
	long refused; /* the status of a refusal of this page, for the pager; 0: none */
	unsigned tries;
	unsigned denials;  /* of the whole collection */
	unsigned refusals; /* logins lost on this page */
	unsigned faults;   /* answers 500, and those that call themselves a failure */
	unsigned generation;
};

/* --- rows ----------------------------------------------------------------------------------------------------------
 */

static bool add_row(struct page *page, size_t which, struct row *row, struct value_counts *counts, struct err *err)
{
	const struct table *table = page->shape->tables[which];
	if (!value_normalise(row, table, counts, err))
		return false;
	/* Behind those that are kept stand cells that only formats needed. */
	struct row columns = row_head(row, page->shape->plan->rows[which].kept);
	return rowpage_add(page->rows[which], &columns, err);
}

/* Puts the metadata behind the columns, if they are kept. */
static bool add_metadata(const struct page *page, struct record *record, struct value_counts *counts, struct err *err)
{
	if (page->shape->plan->extras == NULL)
		return true;
	struct extras *extras = record_extras(record);
	return (metadata_clean(extras, counts) &&
		       extras_pack(extras, record_row(record), (size_t)page->shape->tables[0]->column_count)) ||
	       err_set(err, ERR_API, "with its metadata a record is larger than %d MiB", ROW_TEXT_MAX / 1024 / 1024);
}

static bool is_greater(const char *id, size_t length, const char *than, size_t than_length)
{
	int order = memcmp(id, than, length < than_length ? length : than_length);
	return order > 0 || (order == 0 && length > than_length);
}

static bool on_record(void *context, struct record *record, struct err *err)
{
	struct page *page = context;
	struct row *row = record_row(record);
	size_t last_length = 0;
	const char *last = rowpage_last(page->rows[0], &last_length);
	/* The first row of a page asked one row early was counted with the page before. */
	bool known = page->place.overlap && last == NULL;
	if (last != NULL && !is_greater(row_text(row, 0), row_length(row, 0), last, last_length))
		page->ascending = false;
	if (!add_metadata(page, record, known ? NULL : &page->metadata, err) ||
		!add_row(page, 0, row, known ? &page->known : &page->values[0], err))
		return false;
	for (size_t i = 0; !known && i < record_made_count(record); i++) {
		int which = 0;
		struct row *made = record_made(record, i, &which);
		if (!add_row(page, (size_t)which, made, &page->values[which], err))
			return false;
	}
	return true;
}

static void forget(struct page *page)
{
	for (size_t i = 0; i < page->shape->table_count; i++) {
		rowpage_drop(page->rows[i]);
		value_counts_clear(&page->values[i]);
	}
	value_counts_clear(&page->metadata);
	page->ascending = true;
	page->refused = 0;
}

static bool on_body(void *context, const char *data, size_t length)
{
	struct page *page = context;
	if (page->stored != NULL)
		store_page_add(page->stored, data, length); /* trouble is told by the commit */
	return relay_add(page->line, data, length);
}

static bool parse(void *context, const char *data, size_t length)
{
	struct page *page = context;
	return sax_feed(page->sax, data, length, &page->err);
}

struct page *page_new(const struct page_shape *shape)
{
	static const struct sax_events events = {.record = on_record};
	struct page *page = mem_new(1, sizeof(*page));
	page->shape = shape;
	page->sax = sax_new(shape->plan, &events, page);
	page->line = relay_line_new(shape->collect->relay, parse, page);
	for (size_t i = 0; i < shape->table_count; i++) {
		page->rows[i] = rowpage_new(shape->collect->folder);
		value_counts_init(&page->values[i], shape->tables[i]->column_count);
	}
	value_counts_init(&page->known, shape->tables[0]->column_count);
	if (shape->plan->extras != NULL)
		value_counts_init(&page->metadata, 1);
	return page;
}

void page_free(struct page *page)
{
	if (page == NULL)
		return;
	page_drop(page);
	relay_line_free(page->line);
	sax_free(page->sax);
	for (size_t i = 0; i < page->shape->table_count; i++) {
		rowpage_free(page->rows[i]);
		value_counts_release(&page->values[i]);
	}
	value_counts_release(&page->known);
	value_counts_release(&page->metadata);
	link_release(&page->links);
	free(page->url);
	free(page);
}

void page_drop(struct page *page)
{
	http_transfer_free(page->transfer);
	page->transfer = NULL;
	store_page_drop(page->stored);
	page->stored = NULL;
	relay_clear(page->line);
	forget(page);
}

void page_begin(struct page *page, const struct pager_page *place)
{
	page_drop(page);
	page->place = *place;
	page->tries = 0;
	page->refusals = 0;
	page->faults = 0;
	page->denials = 0;
}

const struct pager_page *page_place(const struct page *page)
{
	return &page->place;
}

unsigned page_tries(const struct page *page)
{
	return page->tries;
}

struct keeping {
	struct rowfile *file;
	struct digest *order; /* NULL for rows that were made */
	bool skip;            /* the next row is known already */
};

static bool keep_row(void *context, const char *encoded, size_t length, struct err *err)
{
	struct keeping *keeping = context;
	if (keeping->skip) {
		keeping->skip = false;
		return true;
	}
	if (keeping->order != NULL)
		digest_add(keeping->order, encoded, length);
	return rowfile_add(keeping->file, encoded, length, err);
}

/* What the pager wants to know of an answer beside its rows, as text for the store. */
static char *evidence_note(const struct page *page)
{
	const struct pager_answer *said = &page->said;
	const char *revision = page->shape->collect->revision;
	return mem_format("%d%d%d%d%d%d%d %" PRIu64 " %" PRIu64 "\n%s\n%s", said->links, said->more, said->numbered,
		said->positional, said->has_next_offset, said->has_body_total, (int)said->list, said->next_offset,
		said->body_total, said->next_url != NULL ? said->next_url : "", revision != NULL ? revision : "");
}

/* Reads such a text; it is changed, and the answer borrows from it. False when it is none. */
static bool evidence_read(char *text, struct pager_answer *answer, const char **revision)
{
	static const size_t flags = 7;
	char *url = strchr(text, '\n');
	char *end = url != NULL ? strchr(url + 1, '\n') : NULL;
	if (end == NULL || strspn(text, "012") != flags || text[flags] != ' ')
		return false;
	*url++ = '\0';
	*end++ = '\0';
	char *second = NULL;
	answer->next_offset = strtoull(text + flags, &second, 10);
	answer->body_total = strtoull(second, NULL, 10);
	answer->links = text[0] == '1';
	answer->more = text[1] == '1';
	answer->numbered = text[2] == '1';
	answer->positional = text[3] == '1';
	answer->has_next_offset = text[4] == '1';
	answer->has_body_total = text[5] == '1';
	answer->list = (enum pager_list)(text[6] - '0');
	answer->next_url = *url != '\0' ? url : NULL;
	*revision = end;
	return true;
}

bool page_keep(struct page *page, struct rowfile *const *files, struct collection *results, struct digest *order,
	struct err *err)
{
	for (size_t i = 0; i < page->shape->table_count; i++) {
		struct keeping keeping = {
			.file = files[i],
			.order = i == 0 ? order : NULL,
			.skip = i == 0 && page->place.overlap,
		};
		if (!rowpage_each(page->rows[i], keep_row, &keeping, err))
			return false;
		value_counts_add(&results[i].values, &page->values[i]);
	}
	value_counts_add(&results[0].metadata, &page->metadata);
	results[0].mended += sax_mended(page->sax);
	if (page->stored == NULL)
		return true;
	struct store_page *stored = page->stored;
	page->stored = NULL;
	char *note = evidence_note(page);
	page->facts.extra = note;
	bool fine = store_page_commit(stored, &page->facts, err);
	free(note);
	return fine;
}

/* --- the request ---------------------------------------------------------------------------------------------------
 */

static void add_url(const struct page *page, bool sorted, struct buf *url)
{
	if (page->place.url != NULL) {
		buf_add_text(url, page->place.url);
		return;
	}
	bool numbered = page->place.number > 0;
	buf_add_format(url, "%s/%s?limit=%u&%s=%" PRIu64, page->shape->collect->data_url, page->shape->endpoint,
		page->place.limit, numbered ? "page" : "offset", numbered ? page->place.number : page->place.offset);
	if (sorted)
		buf_add_text(url, "&sort=sourcedId&orderBy=");
	if (sorted)
		buf_add_text(url, page->place.backwards ? "desc" : "asc");
	if (page->shape->since != NULL) {
		char *filter = mem_format("dateLastModified>='%s'", page->shape->since);
		buf_add_text(url, "&filter=");
		http_encode(url, filter);
		free(filter);
	}
}

bool page_start(struct page *page, bool sorted, struct err *err)
{
	struct collect *collect = page->shape->collect;
	struct table_stats *stats = &collect->stats->tables[page->shape->tables[0]->id];
	struct buf url = {0};
	struct buf authorization = {0};
	page_drop(page);
	add_url(page, sorted, &url);
	free(page->url);
	page->url = mem_copy(buf_text(&url));
	if (auth_header(collect->auth, "GET", buf_text(&url), &authorization, &page->generation, err)) {
		const char **lines = connect_headers(collect->headers, buf_text(&authorization));
		struct http_request request = {
			.url = buf_text(&url),
			.headers = lines,
			.max_body = body_max,
			.on_body = on_body,
			.context = page,
		};
		sax_begin(page->sax);
		err_clear(&page->err);
		if (collect->store != NULL)
			page->stored = store_page_begin(collect->store, page->shape->endpoint);
		page->transfer = http_start(collect->http, &request, err);
		free(lines);
	}
	if (authorization.data != NULL)
		memset(authorization.data, 0, authorization.length);
	buf_release(&authorization);
	buf_release(&url);
	if (page->transfer == NULL)
		return err_in(err, "%s", page->shape->endpoint);
	page->tries++;
	stats->requests++;
	stats->retries += page->tries > 1 ? 1 : 0;
	return true;
}

struct page *page_of(const struct http_transfer *transfer)
{
	return http_transfer_context(transfer);
}

/* --- the answer ----------------------------------------------------------------------------------------------------
 */

/* Puts into err "users, rows from 1001: <what> (status 503: <what the server says>)". */
static void say(const struct page *page, enum err_code code, const char *what, struct err *err)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	char problem[ANSWER_TEXT_ROOM];
	answer_text(page->shape->collect->http, reply, problem);
	const char *joint = problem[0] != '\0' ? ": " : "";
	if (reply->failure == HTTP_OK && (reply->status < 200 || reply->status >= 300))
		err_set(err, code, "%s (status %ld%s%s)", what, reply->status, joint, problem);
	else
		err_set(err, code, "%s", what); /* what was read may be data of people */
	err_in(err, "%s, rows from %" PRIu64, page->shape->endpoint, page->place.offset + 1);
}

static enum page_outcome failed(const struct page *page, enum err_code code, const char *what, struct err *err)
{
	say(page, code, what, err);
	return PAGE_FAILED;
}

static enum page_outcome trouble(const struct page *page, enum retry_verdict verdict, const char *what, int64_t *wait,
	bool *everything, struct err *err)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	say(page, ERR_API, what, err);
	if (verdict == RETRY_NEVER)
		return PAGE_FAILED;
	/* The clock is chance enough to keep many clients from coming back at once. */
	*wait = retry_wait_ms(reply, page->tries, time_unix(), (uint32_t)time_ms() * 2654435761u);
	*everything = reply->status == 429 || reply->status == 503;
	return verdict == RETRY_SMALLER ? PAGE_SMALLER : PAGE_AGAIN;
}

/* The token is not accepted, or the session was lost: one new login, then it is final. */
static enum page_outcome login_lost(struct page *page, enum err_code code, const char *what, struct err *err)
{
	struct auth *auth = page->shape->collect->auth;
	/* A connection that closes makes the library send a request twice, and a signature counts only once. */
	unsigned most = auth_signs(auth) ? SIGNATURES_MAX : 1;
	if (page->refusals++ >= most)
		return failed(page, code, what, err);
	if (!auth_refused(auth, page->generation, http_transfer_reply(page->transfer), err)) {
		err_in(err, "%s", page->shape->endpoint);
		return PAGE_FAILED;
	}
	say(page, code, what, err);
	return PAGE_AGAIN;
}

static enum page_outcome not_given(const struct page *page, const char *what, struct err *err)
{
	const struct provider *provider = page->shape->collect->provider;
	const char *permission = provider_permission(provider, page->shape->tables[0]->name);
	bool forbidden = http_transfer_reply(page->transfer)->status == 403;
	say(page, ERR_API, what, err);
	if (forbidden && permission != NULL)
		err_hint(err, "Permission needed: %s", permission);
	if (forbidden && provider->hints.forbidden != NULL)
		err_hint(err, "%s", provider->hints.forbidden);
	return forbidden ? PAGE_REFUSED : PAGE_UNKNOWN;
}

/* True if the request asks for rows that are not the first: a refusal may mean that there are no more. */
static bool is_further(const struct page *page)
{
	return page->place.offset > 0 || page->place.url != NULL || page->place.number > 1;
}

/* The first page is refused. A server that is restarting says the same, and the answer decides over the collection. */
static enum page_outcome denied(struct page *page, const char *what, int64_t *wait, struct err *err)
{
	enum page_outcome outcome = not_given(page, what, err);
	*wait = retry_wait_ms(http_transfer_reply(page->transfer), page->tries, time_unix(), 0);
	return ++page->denials < DENIALS_MAX ? PAGE_ONCE_MORE : outcome;
}

bool page_take_refusal(struct page *page)
{
	if (is_further(page))
		page->refused = http_transfer_reply(page->transfer)->status;
	return page->refused != 0;
}

enum page_outcome page_denial(const struct page *page)
{
	return http_transfer_reply(page->transfer)->status == 403 ? PAGE_REFUSED : PAGE_UNKNOWN;
}

static bool is_denial(long status)
{
	return status == 403 || status == 404 || status == 405 || status == 501;
}

/* True if the status may be a server's way to say that there are no more rows. Of a page that begins with a known row
 * a 400 speaks of the request. */
static bool is_refusal(const struct page *page, long status)
{
	return status == 404 || status == 410 || status == 416 ||
	       (status == 400 && (!page->place.overlap || page->place.url != NULL));
}

static enum page_outcome hear_status(struct page *page, bool first, int64_t *wait, bool *everything, struct err *err)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	long status = reply->status;
	page->faults += status == 500 ? 1 : 0;
	enum retry_verdict verdict = retry_judge(reply, status == 500 ? page->faults : page->tries);
	if (verdict != RETRY_NEVER)
		return trouble(page, verdict, "the server is in trouble", wait, everything, err);
	if (status == 401)
		return login_lost(page, ERR_LOGIN, "the server refuses its own new token", err);
	if (first && is_denial(status) && !is_further(page))
		return denied(page,
			status == 403 ? "the server refuses this collection"
				      : "the server does not know this collection",
			wait, err);
	if (page->place.probe || (is_further(page) && is_refusal(page, status))) {
		page->refused = status;
		return PAGE_ANSWER;
	}
	/* It gave the first page before */
	if (is_denial(status) && !is_further(page) && ++page->denials < DENIALS_MAX)
		return trouble(page, RETRY_AGAIN, "the server refuses what it gave before", wait, everything, err);
	if (status == 400 || status == 422) {
		say(page, ERR_API, "the server does not accept the request", err);
		return PAGE_UNWELCOME;
	}
	if (status >= 300 && status < 400)
		return failed(
			page, ERR_API, "the server sends us to another address: set url to where it really is", err);
	return failed(page, ERR_API, "the server answers with an error", err);
}

static enum page_outcome unreadable(struct page *page, int64_t *wait, bool *everything, struct err *err)
{
	switch (sax_trouble(page->sax)) {
	case SAX_WEB_PAGE:
		return login_lost(page, ERR_API,
			"got a web page instead of data: the base address is wrong (check url), or the login was lost",
			err);
	case SAX_NO_ROWS:
		if (!is_further(page))
			return failed(page, page->err.code, page->err.text, err);
		/* fall through */
	case SAX_FAILURE:
		return ++page->faults < FAULTS_MAX ? trouble(page, RETRY_AGAIN, page->err.text, wait, everything, err)
						   : failed(page, page->err.code, page->err.text, err);
	case SAX_CUT:
	case SAX_SYNTAX: return trouble(page, RETRY_SMALLER, page->err.text, wait, everything, err);
	default: return failed(page, page->err.code, page->err.text, err);
	}
}

/* No whole answer came. Also a "no" whose explanation was cut is asked for again: it may decide over a collection. */
static enum page_outcome broken(struct page *page, int64_t *wait, bool *everything, struct err *err)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	enum retry_verdict verdict = retry_judge(reply, page->tries);
	if (verdict == RETRY_NEVER && (reply->failure == HTTP_CUT || reply->failure == HTTP_TIMEOUT))
		verdict = RETRY_AGAIN;
	if (reply->failure == HTTP_TLS) {
		refusal_say_unreachable(page->shape->collect->http, page->url, reply, page->tries, err);
		err_in(err, "%s", page->shape->endpoint);
		return PAGE_FAILED;
	}
	return trouble(page, verdict, reply->problem, wait, everything, err);
}

/* A server that counts its publications: all that is read must be of the same. */
static bool same_revision(struct collect *collect, const char *revision)
{
	if (revision == NULL)
		return true;
	if (collect->revision == NULL)
		collect->revision = mem_copy(revision);
	return strcmp(collect->revision, revision) == 0;
}

/* The first answer that tells the time is as good as any. It may have been on its way for long, and then the server
 * seems to be behind: a delta that begins earlier than it has to does no harm. */
static void hear_clock(struct collect *collect, const struct http_reply *reply)
{
	int64_t theirs = 0;
	if (collect->has_skew || reply->date == NULL || !time_from_http(reply->date, &theirs))
		return;
	collect->has_skew = true;
	collect->skew = theirs - time_unix();
}

bool page_promising(const struct page *page)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	return reply->failure == HTTP_OK && reply->status >= 200 && reply->status < 300;
}

enum page_outcome page_hear(struct page *page, bool first, int64_t *wait, bool *everything, struct err *err)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	struct table_stats *stats = &page->shape->collect->stats->tables[page->shape->tables[0]->id];
	stats->bytes += reply->bytes;
	stats->wire_bytes += reply->wire_bytes;
	*wait = 0;
	*everything = false;
	if (reply->failure == HTTP_STOPPED) {
		err_set(err, ERR_STOPPED, "stopped");
		return PAGE_FAILED;
	}
	/* The parser may have found it unreadable only after the last byte had come. */
	if (!relay_settle(page->line) || reply->failure == HTTP_ABORTED)
		return unreadable(page, wait, everything, err);
	if (reply->failure != HTTP_OK)
		return broken(page, wait, everything, err);
	if (reply->status < 200 || reply->status >= 300)
		return hear_status(page, first, wait, everything, err);
	auth_accepted(page->shape->collect->auth);
	hear_clock(page->shape->collect, reply);
	if (!same_revision(page->shape->collect, reply->perm_rev)) {
		page->shape->collect->revised = true;
		return failed(
			page, ERR_API, "the server published new data while they were read (x-perm-rev changed)", err);
	}
	if (reply->status != 204 && !sax_end(page->sax, &page->err))
		return unreadable(page, wait, everything, err);
	/* Behind the last row nothing is a way to say that there is no more; at the beginning it proves nothing. */
	if (first && reply->status != 204 && sax_bare(page->sax) &&
		(reply->total == NULL || strcmp(reply->total, "0") != 0)) {
		static const char what[] = "the answer is an empty object instead of a collection";
		return ++page->faults < FAULTS_MAX ? trouble(page, RETRY_AGAIN, what, wait, everything, err)
						   : failed(page, ERR_API, what, err);
	}
	return PAGE_ANSWER;
}

static bool plain_number(const char *text, uint64_t *number)
{
	if (text == NULL)
		return false;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*number = strtoull(text, NULL, 10);
	return true;
}

static struct pager_answer answer_of_rows(const struct page *page)
{
	struct pager_answer answer = {.refused = page->refused, .list = PAGER_LIST_NONE, .ascending = page->ascending};
	if (page->refused != 0)
		return answer;
	bool bare = sax_list(page->sax) == SAX_LIST_BARE;
	if (sax_list(page->sax) != SAX_LIST_NONE)
		answer.list = bare ? PAGER_LIST_BARE : PAGER_LIST_MEMBER;
	answer.rows = rowpage_rows(page->rows[0]);
	answer.first = rowpage_first(page->rows[0], &answer.first_length);
	answer.last = rowpage_last(page->rows[0], &answer.last_length);
	answer.first_row = rowpage_first_row(page->rows[0], &answer.first_row_length);
	answer.last_row = rowpage_last_row(page->rows[0], &answer.last_row_length);
	return answer;
}

/* What headers and body say of further pages. */
static void add_links(struct page *page, const struct http_reply *reply, uint64_t rows, struct pager_answer *answer)
{
	struct link_facts *links = &page->links;
	link_release(links);
	link_read(reply->link, page->url, links);
	bool body = reply->status != 204;
	if (body && sax_next(page->sax) != NULL)
		link_add_next(links, sax_next(page->sax), page->url);
	answer->links = links->any;
	/* A link that leads back, or stands still, leads nowhere. */
	bool back = links->next_has_offset && page->place.url == NULL && links->next_offset <= page->place.offset;
	answer->more = (links->next && !back) || reply->link_lost || (body && sax_more(page->sax));
	answer->numbered = links->next_numbered;
	answer->positional = link_is_positional(links, rows);
	answer->next_url = links->next_url;
	answer->has_next_offset = links->next_has_offset;
	answer->next_offset = links->next_offset;
}

struct pager_answer page_answer(struct page *page, uint64_t rows)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	struct pager_answer answer = answer_of_rows(page);
	if (page->refused != 0)
		return answer;
	add_links(page, reply, rows + answer.rows, &answer);
	answer.has_total = plain_number(reply->total, &answer.total);
	answer.has_count = plain_number(reply->count, &answer.count);
	answer.has_body_total = reply->status != 204 && sax_total(page->sax) >= 0;
	if (answer.has_body_total)
		answer.body_total = (uint64_t)sax_total(page->sax);
	page->said = answer;
	page->facts = (struct store_facts){
		.offset = page->place.offset,
		.limit = page->place.limit,
		.overlap = page->place.overlap,
		.has_total = answer.has_total,
		.total = answer.total,
		.has_count = answer.has_count,
		.count = answer.count,
		.rows = answer.rows,
	};
	return answer;
}

bool page_recall(struct page *page, size_t number, bool judged, struct pager_answer *answer, struct err *err)
{
	struct store *store = page->shape->collect->store;
	const char *reading = page->shape->endpoint;
	struct store_facts facts;
	if (!store_page_facts(store, reading, number, &facts, err))
		return false;
	struct pager_page place = {.offset = facts.offset, .limit = facts.limit, .overlap = facts.overlap};
	page_begin(page, &place);
	free(page->url); /* holds the address of the next page for as long as the answer is looked at */
	page->url = mem_copy(facts.extra);
	sax_begin(page->sax);
	err_clear(&page->err);
	if (!store_page_read(store, reading, number, on_body, page, err) || !relay_settle(page->line) ||
		!sax_end(page->sax, &page->err)) {
		if (page->err.code == ERR_FILE) /* it is this disk, not the page */
			return err_set(err, ERR_FILE, "%s: %s", reading, page->err.text);
		return err_set(
			err, ERR_API, "%s: page %zu that was kept cannot be read: %s", reading, number, page->err.text);
	}
	const char *revision = "";
	*answer = answer_of_rows(page);
	if (!evidence_read(page->url, answer, &revision) && judged)
		return err_set(err, ERR_API, "%s: page %zu was kept by another version", reading, number);
	if (!same_revision(page->shape->collect, *revision != '\0' ? revision : NULL))
		return err_set(
			err, ERR_API, "%s: the server published new data since page %zu was kept", reading, number);
	answer->has_total = facts.has_total;
	answer->total = facts.total;
	answer->has_count = facts.has_count;
	answer->count = facts.count;
	return answer->rows == facts.rows ||
	       err_set(err, ERR_API, "%s: page %zu that was kept has other rows than then", reading, number);
}

int64_t page_ms(const struct page *page)
{
	const struct http_reply *reply = http_transfer_reply(page->transfer);
	return reply->ms_total - reply->ms_connect;
}

#include "convert/sax.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "convert/aside.h"
#include "convert/escape.h"

enum { SMALL_PIECE = 1024, KNOWN_KEY_BITS = 8, KNOWN_KEYS = 1 << KNOWN_KEY_BITS, KNOWN_KEY_MAX = 26 };

/* Places in the answer that are no nodes of the plan. */
enum place {
	AT_ROOT = -1,      /* the whole answer */
	AT_MEMBER = -2,    /* a member by whose name it may hold the rows */
	AT_CANDIDATE = -3, /* a member of unknown name: the rows if it is the only list of objects */
};

/* How well a member fits; a better one takes the rows from a worse one. */
enum fit { FIT_NONE, FIT_ONLY_LIST, FIT_BARE_LIST, FIT_DATA, FIT_CASE, FIT_ALIAS, FIT_EXACT };

/* Lists of objects beside the rows that are never the rows. */
static const char *const never_rows[] = {"statusInfoSet", "errors", "warnings", "links", "children"};

struct frame {
	int at;
	bool list;
};

/* A key seen before and what it leads to. Records repeat their keys by the thousand, and in the same order, so the
 * search of the plan, twice in vain for every key that nobody wants, is worth remembering, and which key came next. */
struct known_key {
	int above;            /* the node it was a member of */
	int at;               /* the node it leads to, or PLAN_NOWHERE */
	unsigned char next;   /* where the key that followed it is known */
	unsigned char length; /* 0: nothing is known here */
	char key[KNOWN_KEY_MAX];
};

struct sax {
	const struct plan *plan;
	const struct sax_events *events;
	void *context;
	struct record *record;
	struct escape escape;
	yajl_handle parser;
	struct err *err; /* the caller's, during a call */
	struct frame stack[SAX_DEPTH_MAX];
	size_t depth;
	size_t record_depth;     /* depth outside the open record */
	const char *name;        /* by which the member the rows come from is known, or NULL */
	const char *member_name; /* by which the member that is being met is known, or NULL */
	enum fit fit;            /* of the member the rows come from */
	enum fit member_fit;     /* of the member that is being met */
	enum sax_trouble trouble;
	int at;
	size_t lists;        /* lists of unknown name */
	size_t since_event;  /* bytes given to the parser since it last said something */
	size_t since_record; /* and since a record ended */
	struct buf small;    /* pieces too small to be given to the parser one by one */
	size_t opening_length;
	char opening[3]; /* first bytes, to find a byte order mark */
	bool opened;
	bool in_record;
	bool rivals;      /* another member fits as well as the one the rows come from */
	bool null_member; /* a member that may hold the rows is null: an empty collection */
	bool words;       /* the answer says something beside the rows, as error messages do */
	bool started;     /* something but white space was seen */
	bool members;     /* the answer is an object with members */
	bool list;        /* the rows stand in a list, empty or not */
	uint64_t records;
	struct aside aside;
	struct known_key known[KNOWN_KEYS];
	struct known_key *latest; /* of them */
};

static int fail(struct sax *sax, enum sax_trouble trouble, const char *what)
{
	sax->trouble = trouble;
	err_set(sax->err, ERR_API, "%s", what);
	return 0;
}

static int too_deep(struct sax *sax)
{
	sax->trouble = SAX_LIMIT;
	err_set(sax->err, ERR_API, "the answer nests deeper than %d levels", SAX_DEPTH_MAX);
	return 0;
}

static int user_failed(struct sax *sax)
{
	sax->trouble = SAX_USER;
	return 0;
}

static bool in_list(const struct sax *sax)
{
	return sax->depth > 0 && sax->stack[sax->depth - 1].list;
}

/* Whichever list were taken, the records of the others would be lost. */
static int several_lists(struct sax *sax)
{
	return fail(sax, SAX_NO_ROWS, "the answer has several lists of records, and only one would be read");
}

/* The rows come from a member that fits this well from now on. */
static int settle(struct sax *sax, enum fit fit)
{
	if (sax->records > 0)
		return several_lists(sax);
	sax->fit = fit;
	sax->name = sax->member_name;
	sax->rivals = false;
	sax->at = PLAN_RECORD;
	return 1;
}

static bool key_is(const char *key, size_t length, const char *name)
{
	return strlen(name) == length && memcmp(key, name, length) == 0;
}

static bool key_is_nearly(const char *key, size_t length, const char *name)
{
	return strlen(name) == length && strncasecmp(key, name, length) == 0;
}

/* How well a member fits by its name; name is which of ours it has. */
static enum fit fit_of(const struct table *table, const char *key, size_t length, const char **name)
{
	*name = table->collection;
	if (key_is(key, length, *name))
		return FIT_EXACT;
	enum fit fit = key_is_nearly(key, length, *name) ? FIT_CASE : FIT_NONE;
	for (const char *const *other = table->wrappers; *other != NULL && fit < FIT_ALIAS; other++) {
		if (!key_is_nearly(key, length, *other))
			continue;
		*name = *other;
		fit = key_is(key, length, *other) ? FIT_ALIAS : FIT_CASE;
	}
	return fit == FIT_NONE && key_is(key, length, "data") ? FIT_DATA : fit;
}

static bool is_never_rows(const char *key, size_t length)
{
	for (size_t i = 0; i < sizeof(never_rows) / sizeof(never_rows[0]); i++)
		if (key_is(key, length, never_rows[i]))
			return true;
	return false;
}

/* A member of the answer itself. What it is good for shows when its value begins. */
static void root_member(struct sax *sax, const char *key, size_t length)
{
	sax->members = true;
	sax->member_fit = fit_of(sax->plan->table, key, length, &sax->member_name);
	if (sax->member_fit != FIT_NONE)
		sax->at = AT_MEMBER;
	else
		sax->at = is_never_rows(key, length) ? PLAN_NOWHERE : AT_CANDIDATE;
}

/* A list or an object begins as the value of a member of the answer. */
static int root_value(struct sax *sax, bool list)
{
	int at = sax->at;
	if (at == AT_CANDIDATE && list) {
		sax->lists++;
		return 1; /* its first object tells more */
	}
	sax->at = PLAN_NOWHERE;
	if (at != AT_MEMBER || sax->member_fit < sax->fit)
		return 1;
	if (sax->member_fit == sax->fit && sax->member_name != sax->name) {
		sax->rivals = true; /* students and teachers: to take either would lose the other */
		return 1;
	}
	sax->list = list;
	return settle(sax, sax->member_fit);
}

static bool is_known(const struct known_key *known, int above, const char *key, size_t length)
{
	return known->length == length && known->above == above && bytes_equal(known->key, key, length);
}

/* Where a key would be known. */
static unsigned char known_place(int above, const char *key, size_t length)
{
	uint64_t head = 0;
	memcpy(&head, key, length < sizeof(head) ? length : sizeof(head));
	head = (head + (uint64_t)above * 31 + length * 7 + (unsigned char)key[length - 1]) *
	       UINT64_C(0x9E3779B97F4A7C15);
	return (unsigned char)(head >> (64 - KNOWN_KEY_BITS));
}

/* The node that a key leads to. */
static int child_of(struct sax *sax, int above, const char *key, size_t length)
{
	if (length == 0 || length > KNOWN_KEY_MAX)
		return plan_child(sax->plan, above, key, length);
	struct known_key *known = &sax->known[sax->latest->next];
	if (!is_known(known, above, key, length)) {
		sax->latest->next = known_place(above, key, length);
		known = &sax->known[sax->latest->next];
	}
	if (!is_known(known, above, key, length)) {
		known->above = above;
		known->length = (unsigned char)length;
		memcpy(known->key, key, length);
		known->at = plan_child(sax->plan, above, key, length);
	}
	sax->latest = known;
	return known->at;
}

static int on_key(void *context, const unsigned char *key, size_t length)
{
	struct sax *sax = context;
	sax->since_event = 0;
	int above = sax->stack[sax->depth - 1].at;
	if (!sax->in_record)
		aside_key(&sax->aside, (const char *)key, length);
	if (above == AT_ROOT) {
		root_member(sax, (const char *)key, length);
		return 1;
	}
	if (above <= PLAN_NOWHERE) {
		sax->at = PLAN_NOWHERE;
		return 1;
	}
	if (above == sax->plan->extras_node) {
		record_extras_key(sax->record, (const char *)key, length);
		sax->at = above;
		return 1;
	}
	sax->at = child_of(sax, above, (const char *)key, length);
	if (above == PLAN_RECORD)
		record_member(sax->record, sax->at);
	if (above == PLAN_RECORD && sax->at == PLAN_NOWHERE && sax->plan->extras_node != PLAN_NOWHERE &&
		record_extras_member(sax->record, (const char *)key, length))
		sax->at = sax->plan->extras_node;
	return 1;
}

static int push(struct sax *sax, bool list)
{
	if (sax->depth == SAX_DEPTH_MAX)
		return too_deep(sax);
	sax->stack[sax->depth++] = (struct frame){.at = sax->at, .list = list};
	return 1;
}

static bool at_root_list_of_unknown_name(const struct sax *sax)
{
	return sax->at == AT_CANDIDATE && in_list(sax);
}

/* Something stands at the node of a record's metadata, where every key is welcome. */
static bool at_extras(const struct sax *sax)
{
	return sax->at > PLAN_RECORD && sax->at == sax->plan->extras_node;
}

/* A list or null in the metadata: if nothing else comes, a blank. */
static int extras_blank(struct sax *sax, bool list)
{
	return record_value(sax->record, sax->at, "", 0, list, sax->err) ? 1 : fail(sax, SAX_LIMIT, "");
}

static int on_start_map(void *context)
{
	struct sax *sax = context;
	sax->since_event = 0;
	if (at_root_list_of_unknown_name(sax)) {
		/* Now it is a list of objects. Rows of the only such list count until a better member comes. */
		if (sax->fit == FIT_NONE) {
			sax->stack[sax->depth - 1].at = PLAN_RECORD;
			sax->list = true;
			if (!settle(sax, FIT_ONLY_LIST))
				return 0;
		} else {
			sax->rivals = sax->rivals || sax->fit == FIT_ONLY_LIST;
			sax->stack[sax->depth - 1].at = PLAN_NOWHERE;
			sax->at = PLAN_NOWHERE;
		}
	} else if (sax->at < AT_ROOT && !root_value(sax, false)) {
		return 0;
	}
	if (sax->at != PLAN_RECORD && !sax->in_record)
		aside_open(&sax->aside, in_list(sax));
	if (sax->at == PLAN_RECORD && !sax->in_record) {
		sax->in_record = true;
		sax->record_depth = sax->depth;
		record_begin(sax->record);
	} else if (at_extras(sax)) {
		record_extras_open(sax->record, in_list(sax));
	} else if (sax->at > PLAN_RECORD) {
		const struct plan_node *node = &sax->plan->nodes[sax->at];
		if (node->child == PLAN_NOWHERE)
			record_misfit(sax->record, sax->at);
		if (!record_open(sax->record, sax->at, sax->err))
			return fail(sax, SAX_LIMIT, "");
	}
	return push(sax, false);
}

static int on_end_map(void *context)
{
	struct sax *sax = context;
	sax->since_event = 0;
	sax->at = sax->stack[--sax->depth].at;
	if (!sax->in_record)
		aside_close(&sax->aside);
	if (sax->in_record && sax->depth == sax->record_depth) {
		sax->in_record = false;
		if (!record_finish(sax->record, sax->err))
			return fail(sax, SAX_LIMIT, "");
		sax->records++;
		sax->since_record = 0;
		if (!sax->events->record(sax->context, sax->record, sax->err))
			return user_failed(sax);
	} else if (at_extras(sax)) {
		record_extras_close(sax->record);
	} else if (sax->at > PLAN_RECORD && !record_close(sax->record, sax->at, sax->err)) {
		return fail(sax, SAX_LIMIT, "");
	}
	return 1;
}

static int on_start_array(void *context)
{
	struct sax *sax = context;
	sax->since_event = 0;
	if (sax->at == PLAN_RECORD)
		return fail(sax, SAX_NO_ROWS, "the answer holds lists where records belong");
	if (at_extras(sax) && extras_blank(sax, true) == 0)
		return 0;
	sax->list = sax->list || sax->depth == 0;
	if (sax->depth == 0 ? !settle(sax, FIT_BARE_LIST) : sax->at < AT_ROOT && !root_value(sax, true))
		return 0;
	return push(sax, true);
}

static int on_end_array(void *context)
{
	struct sax *sax = context;
	sax->since_event = 0;
	sax->at = sax->stack[--sax->depth].at;
	return 1;
}

/* A text, or anything in a list. If it stands beside the rows, it may be what is wrong. */
static void says(struct sax *sax)
{
	if (sax->at <= PLAN_NOWHERE && !sax->in_record)
		sax->words = true;
}

static int value(struct sax *sax, const char *text, size_t length)
{
	sax->since_event = 0;
	if (in_list(sax))
		says(sax);
	if (length > SAX_TOKEN_MAX)
		return fail(sax, SAX_LIMIT, "a value of the answer is larger than 1 MiB");
	if (sax->at == PLAN_NOWHERE)
		return 1;
	if (sax->at > PLAN_RECORD) {
		if (!record_value(sax->record, sax->at, text, length, in_list(sax), sax->err))
			return fail(sax, SAX_LIMIT, "");
		return 1;
	}
	if (sax->at == PLAN_RECORD)
		return fail(sax, SAX_NO_ROWS, "the answer holds words where records belong");
	if (sax->depth == 0)
		return fail(sax, SAX_NO_ROWS, "the answer is a single value, not a collection");
	return 1;
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
	struct sax *sax = context;
	says(sax);
	if (!sax->in_record)
		aside_text(&sax->aside, (const char *)text, length);
	return value(sax, (const char *)text, length);
}

static int on_number(void *context, const char *text, size_t length)
{
	struct sax *sax = context;
	if (!sax->in_record && !in_list(sax))
		aside_number(&sax->aside, text, length);
	return value(sax, text, length);
}

static int on_boolean(void *context, int truth)
{
	struct sax *sax = context;
	if (!sax->in_record)
		aside_truth(&sax->aside, truth != 0);
	return truth ? value(context, "true", 4) : value(context, "false", 5);
}

static int on_null(void *context)
{
	struct sax *sax = context;
	sax->since_event = 0;
	if (sax->depth == 0)
		return fail(sax, SAX_NO_ROWS, "the answer is null, not a collection");
	if (sax->at == PLAN_RECORD)
		return fail(sax, SAX_NO_ROWS, "the answer holds null where records belong");
	if (sax->at == AT_MEMBER)
		sax->null_member = true;
	return at_extras(sax) ? extras_blank(sax, in_list(sax)) : 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

static void *parser_malloc(void *context, size_t size)
{
	(void)context;
	return mem_grow(NULL, size, 1);
}

static void *parser_realloc(void *context, void *old, size_t size)
{
	(void)context;
	return mem_grow(old, size, 1);
}

static void parser_release(void *context, void *block)
{
	(void)context;
	free(block);
}

/* The parser does not look whether it was given memory; ours never comes back without. */
static yajl_alloc_funcs parser_memory = {parser_malloc, parser_realloc, parser_release, NULL};

static bool parse_slice(struct sax *sax, const char *text, size_t length)
{
	/* The parser gathers a value that comes in pieces; a value that never ends must not fill the memory. */
	sax->since_event += length;
	if (sax->since_event > SAX_TOKEN_MAX + SAX_SLICE) {
		fail(sax, SAX_LIMIT, "a value of the answer is larger than 1 MiB");
		return false;
	}
	sax->since_record += length;
	if (sax->since_record > SAX_GAP_MAX + SAX_SLICE) {
		fail(sax, SAX_LIMIT, "more than 64 MiB of the answer without a whole record");
		return false;
	}
	yajl_status status = yajl_parse(sax->parser, (const unsigned char *)text, length);
	if (status == yajl_status_ok)
		return true;
	if (status != yajl_status_client_canceled)
		fail(sax, SAX_SYNTAX, "the answer is not valid JSON");
	return false;
}

static bool flush(struct sax *sax)
{
	bool fine = sax->small.length == 0 || parse_slice(sax, buf_text(&sax->small), sax->small.length);
	buf_clear(&sax->small);
	return fine;
}

/* The parser reads a value from its beginning again with every piece of it: where much is mended, the pieces are
 * gathered first. */
static bool on_mended(void *context, const char *text, size_t length)
{
	struct sax *sax = context;
	if (length >= SMALL_PIECE)
		return flush(sax) && parse_slice(sax, text, length);
	buf_add(&sax->small, text, length);
	return sax->small.length < SAX_SLICE || flush(sax);
}

struct sax *sax_new(const struct plan *plan, const struct sax_events *events, void *context)
{
	struct sax *sax = mem_new(1, sizeof(*sax));
	sax->plan = plan;
	sax->events = events;
	sax->context = context;
	sax->record = record_new(plan);
	sax->latest = sax->known;
	sax->escape.sink = on_mended;
	buf_init(&sax->small, SAX_SLICE + SMALL_PIECE);
	sax->escape.context = sax;
	return sax;
}

void sax_free(struct sax *sax)
{
	if (sax == NULL)
		return;
	if (sax->parser != NULL)
		yajl_free(sax->parser);
	record_free(sax->record);
	aside_release(&sax->aside);
	buf_release(&sax->small);
	free(sax);
}

void sax_begin(struct sax *sax)
{
	if (sax->parser != NULL)
		yajl_free(sax->parser);
	sax->parser = yajl_alloc(&callbacks, &parser_memory, sax);
	/* Broken UTF-8 is mended cell by cell, where it can be counted; it is no reason to lose a page. */
	yajl_config(sax->parser, yajl_dont_validate_strings, 1);
	escape_begin(&sax->escape);
	buf_clear(&sax->small);
	sax->trouble = SAX_FINE;
	sax->depth = 0;
	sax->at = AT_ROOT;
	sax->in_record = false;
	sax->fit = FIT_NONE;
	sax->null_member = false;
	sax->words = false;
	sax->lists = 0;
	sax->name = NULL;
	sax->member_name = NULL;
	sax->rivals = false;
	sax->started = false;
	sax->members = false;
	sax->since_event = 0;
	sax->since_record = 0;
	sax->opening_length = 0;
	sax->opened = false;
	sax->records = 0;
	sax->list = false;
	aside_begin(&sax->aside);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Looks at the beginning of the text proper: what does not begin like JSON is told apart here. */
static bool begins(struct sax *sax, const char *text, size_t length)
{
	while (length > 0 && is_space(*text)) {
		text++;
		length--;
	}
	if (length == 0 || sax->started)
		return true;
	sax->started = true;
	if (*text == '<') {
		fail(sax, SAX_WEB_PAGE, "got a web page instead of data");
		return false;
	}
	if (*text == '\0' || *text == '\xFF' || *text == '\xFE') {
		fail(sax, SAX_SYNTAX, "the answer is not UTF-8 text");
		return false;
	}
	return true;
}

static bool slices(struct sax *sax, const char *text, size_t length)
{
	if (!sax->started && !begins(sax, text, length))
		return false;
	while (length > 0) {
		size_t slice = length < SAX_SLICE ? length : SAX_SLICE;
		if (!escape_feed(&sax->escape, text, slice))
			return false;
		text += slice;
		length -= slice;
	}
	return flush(sax);
}

/* Gathers the first bytes until it is clear whether they are a byte order mark, which is skipped. */
static bool open_text(struct sax *sax)
{
	static const char mark[] = "\xEF\xBB\xBF";
	if (sax->opening_length < sizeof(mark) - 1 && memcmp(sax->opening, mark, sax->opening_length) == 0)
		return true;
	sax->opened = true;
	if (memcmp(sax->opening, mark, sizeof(mark) - 1) == 0)
		return true;
	return slices(sax, sax->opening, sax->opening_length);
}

bool sax_feed(struct sax *sax, const char *text, size_t length, struct err *err)
{
	sax->err = err;
	while (!sax->opened && length > 0) {
		sax->opening[sax->opening_length++] = *text++;
		length--;
		if (!open_text(sax))
			return false;
	}
	return slices(sax, text, length);
}

bool sax_end(struct sax *sax, struct err *err)
{
	sax->err = err;
	if (!sax->opened) /* nothing, or not even a whole mark */
		return fail(sax, SAX_CUT, "the answer ends in the middle");
	if (!escape_end(&sax->escape) || !flush(sax))
		return false;
	yajl_status status = yajl_complete_parse(sax->parser);
	if (status == yajl_status_client_canceled)
		return false;
	if (status != yajl_status_ok)
		return fail(sax, SAX_CUT, "the answer ends in the middle");
	if (sax->rivals)
		return fail(sax, SAX_NO_ROWS, "the answer has several lists, and none is named like the collection");
	aside_end(&sax->aside);
	if (sax->aside.rivals && sax->fit != FIT_NONE)
		return several_lists(sax);
	if (sax->aside.failure && sax->fit != FIT_NONE)
		return fail(sax, SAX_FAILURE, "the server calls its own answer a failure");
	/* Nothing in it, or no more than null or an empty list of another name, is an empty collection; a message is
	 * not. */
	bool empty = !sax->members || (!sax->words && (sax->null_member || sax->lists == 1));
	if (sax->fit == FIT_NONE && !empty)
		return fail(sax, SAX_NO_ROWS, "the answer holds no list of records");
	return true;
}

bool sax_bare(const struct sax *sax)
{
	return sax->fit == FIT_NONE && !sax->members;
}

enum sax_trouble sax_trouble(const struct sax *sax)
{
	return sax->trouble;
}

uint64_t sax_records(const struct sax *sax)
{
	return sax->records;
}

uint64_t sax_mended(const struct sax *sax)
{
	return sax->escape.mended;
}

int64_t sax_total(const struct sax *sax)
{
	return sax->aside.total;
}

bool sax_more(const struct sax *sax)
{
	return sax->aside.more;
}

const char *sax_next(const struct sax *sax)
{
	return sax->aside.has_next ? buf_text(&sax->aside.next) : NULL;
}

enum sax_list sax_list(const struct sax *sax)
{
	if (sax->fit == FIT_NONE || !sax->list)
		return SAX_LIST_NONE;
	return sax->fit == FIT_BARE_LIST ? SAX_LIST_BARE : SAX_LIST_MEMBER;
}

#include "fetch/link.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/mem.h"

static const char blanks[] = " \t\r\n";

struct span {
	const char *text;
	size_t length;
};

static struct span trimmed(const char *from, const char *to)
{
	while (from < to && strchr(blanks, *from) != NULL)
		from++;
	while (to > from && strchr(blanks, to[-1]) != NULL)
		to--;
	return (struct span){from, (size_t)(to - from)};
}

static bool same_word(struct span span, const char *word)
{
	return span.length == strlen(word) && curl_strnequal(span.text, word, span.length);
}

/* Reads a plain number that fits; false for anything else. */
static bool read_number(struct span span, uint64_t *number)
{
	uint64_t value = 0;
	if (span.length == 0 || span.length > 18)
		return false;
	for (size_t i = 0; i < span.length; i++) {
		if (span.text[i] < '0' || span.text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(span.text[i] - '0');
	}
	*number = value;
	return true;
}

/* The number a query parameter of that name has. */
static bool query_number(const char *query, const char *name, uint64_t *number)
{
	for (const char *at = query; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, "&");
		const char *equals = memchr(at, '=', length);
		if (equals != NULL && same_word(trimmed(at, equals), name) &&
			read_number(trimmed(equals + 1, at + length), number))
			return true;
		at += length;
		at += *at == '&' ? 1 : 0;
	}
	return false;
}

/* Parameters that hold a place, whatever their number is. */
static bool is_place_name(struct span name)
{
	static const char *const names[] = {"page", "pageNumber", "page_number", "pageNo", "pageIndex", "p", "start",
		"startIndex", "start_index", "startAt", "skip", "$skip", "from", "first", "index", "position"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (same_word(name, names[i]))
			return true;
	return false;
}

/* Looks for numbers that are places: by the name of the parameter, or because rows is the number. */
static bool query_has_place(const char *query, uint64_t rows, bool *numbered)
{
	bool found = false;
	for (const char *at = query; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, "&");
		const char *equals = memchr(at, '=', length);
		uint64_t number = 0;
		if (equals != NULL && read_number(trimmed(equals + 1, at + length), &number)) {
			struct span name = trimmed(at, equals);
			bool size = same_word(name, "limit") || same_word(name, "size") || same_word(name, "per_page");
			*numbered = *numbered || same_word(name, "page");
			found = found || is_place_name(name) ||
				(!size && rows > 1 && (number == rows || number == rows + 1));
		}
		at += length;
		at += *at == '&' ? 1 : 0;
	}
	return found;
}

static bool same_part(CURLU *one, CURLU *other, CURLUPart part, unsigned flags)
{
	char *a = NULL;
	char *b = NULL;
	bool same = curl_url_get(one, part, &a, flags) == CURLUE_OK &&
		    curl_url_get(other, part, &b, flags) == CURLUE_OK;
	if (same)
		same = part == CURLUPART_PATH ? strcmp(a, b) == 0 : curl_strequal(a, b) != 0;
	curl_free(a);
	curl_free(b);
	return same;
}

/* Looks at the target of next: its numbers, and whether one may go there. */
static void read_next(struct span target, const char *url, struct link_facts *facts)
{
	char *text = mem_copy_n(target.text, target.length);
	char *query = NULL;
	CURLU *own = curl_url();
	CURLU *next = curl_url();
	bool ok = curl_url_set(own, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_set(next, CURLUPART_URL, url, 0) == CURLUE_OK;
	curl_url_set(next, CURLUPART_FRAGMENT, NULL, 0);
	/* An address given to a handle that holds one is taken relative to that. */
	ok = ok && curl_url_set(next, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER) == CURLUE_OK;
	if (ok && curl_url_get(next, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
		facts->next_has_offset = query_number(query, "offset", &facts->next_offset);
		facts->next_has_limit = query_number(query, "limit", &facts->next_limit);
		facts->next_positional = query_has_place(query, 0, &facts->next_numbered);
	}
	if (ok && same_part(own, next, CURLUPART_SCHEME, 0) && same_part(own, next, CURLUPART_HOST, 0) &&
		same_part(own, next, CURLUPART_PORT, CURLU_DEFAULT_PORT) && same_part(own, next, CURLUPART_PATH, 0)) {
		char *whole = NULL;
		curl_url_set(next, CURLUPART_FRAGMENT, NULL, 0);
		if (curl_url_get(next, CURLUPART_URL, &whole, 0) == CURLUE_OK)
			facts->next_url = mem_copy(whole);
		curl_free(whole);
	}
	curl_free(query);
	curl_url_cleanup(own);
	curl_url_cleanup(next);
	free(text);
}

/* Takes the words of one rel parameter. */
static void read_relations(struct span words, struct span target, const char *url, struct link_facts *facts)
{
	const char *end = words.text + words.length;
	for (const char *at = words.text; at < end;) {
		const char *stop = at;
		while (stop < end && strchr(blanks, *stop) == NULL)
			stop++;
		struct span word = {at, (size_t)(stop - at)};
		bool next = same_word(word, "next");
		bool prev = same_word(word, "prev") || same_word(word, "previous");
		bool first = same_word(word, "first");
		bool last = same_word(word, "last");
		if (next && !facts->next)
			read_next(target, url, facts);
		facts->next = facts->next || next;
		facts->prev = facts->prev || prev;
		facts->first = facts->first || first;
		facts->last = facts->last || last;
		facts->any = facts->any || next || prev || first || last;
		at = stop < end ? stop + 1 : end;
	}
}

/* Where the target that begins at text ends: behind a bare one stands a semicolon, or a comma with the next target. */
static const char *target_end(const char *text)
{
	while (*text != '\0' && *text != ';' && strchr(blanks, *text) == NULL)
		text++;
	return text;
}

/* Reads the parameters behind a target up to the comma that ends the link. */
static const char *read_parameters(const char *at, struct span target, const char *url, struct link_facts *facts)
{
	bool related = false; /* of several rel parameters the first counts */
	while (*at != '\0' && *at != ',') {
		at += strspn(at, "; \t\r\n");
		const char *name = at;
		at += strcspn(at, "=;,");
		struct span key = trimmed(name, at);
		struct span value = {at, 0};
		if (*at == '=') {
			at++;
			at += strspn(at, blanks);
			if (*at == '"' || *at == '\'') {
				const char quote = *at++;
				const char *from = at;
				while (*at != '\0' && *at != quote)
					at += *at == '\\' && at[1] != '\0' ? 2 : 1;
				value = trimmed(from, at);
				at += *at != '\0' ? 1 : 0;
				at += strcspn(at, ";,");
			} else {
				const char *from = at;
				at += strcspn(at, ";,");
				value = trimmed(from, at);
			}
		}
		if (same_word(key, "rel") && !related) {
			related = true;
			read_relations(value, target, url, facts);
		}
	}
	return at;
}

/* A link without an end: all that can be known is whether it would have led on. */
static void lost(const char *text, struct link_facts *facts)
{
	for (; *text != '\0'; text++)
		if (curl_strnequal(text, "next", 4)) {
			facts->any = true;
			facts->next = true;
		}
}

void link_read(const char *text, const char *url, struct link_facts *facts)
{
	*facts = (struct link_facts){0};
	for (const char *at = text; at != NULL && *at != '\0';) {
		at += strspn(at, ", \t\r\n");
		const char *from = at;
		const char *to = NULL;
		if (*at == '<') {
			from++;
			to = strchr(from, '>');
			if (to == NULL) {
				lost(at, facts);
				return;
			}
			at = to + 1;
		} else {
			to = target_end(at);
			at = to;
		}
		struct span target = trimmed(from, to);
		at += strspn(at, blanks);
		if (*at == ';')
			at = read_parameters(at, target, url, facts);
	}
}

void link_add_next(struct link_facts *facts, const char *target, const char *url)
{
	if (facts->next)
		return;
	facts->next = true;
	read_next((struct span){target, strlen(target)}, url, facts);
}

bool link_is_positional(const struct link_facts *facts, uint64_t rows)
{
	bool numbered = false;
	const char *query = facts->next_url != NULL ? strchr(facts->next_url, '?') : NULL;
	return facts->next_positional || (query != NULL && query_has_place(query + 1, rows, &numbered));
}

void link_release(struct link_facts *facts)
{
	free(facts->next_url);
	*facts = (struct link_facts){0};
}

#include "convert/aside.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

/* What a member is by its name. */
enum key {
	KEY_OTHER,
	KEY_GROUP,    /* an object of such members, or a list of links */
	KEY_NEXT,     /* the next page: an address, or an object with one */
	KEY_CURSOR,   /* a text from which the address of the next page would be made */
	KEY_MORE,     /* a flag */
	KEY_TOTAL,    /* rows */
	KEY_PAGE,     /* number of this page */
	KEY_PAGES,    /* how many there are */
	KEY_ERRORS,   /* a list, an object or a text that is there only when something went wrong */
	KEY_CODE,     /* imsx_codeMajor */
	KEY_SEVERITY, /* imsx_severity */
	KEY_REL,
	KEY_HREF,
};

/* Names as servers write them, without regard to case. */
static const struct {
	const char *name;
	enum key key;
} names[] = {
	{"links", KEY_GROUP},
	{"_links", KEY_GROUP},
	{"link", KEY_GROUP},
	{"paging", KEY_GROUP},
	{"pagination", KEY_GROUP},
	{"pageInfo", KEY_GROUP},
	{"page_info", KEY_GROUP},
	{"meta", KEY_GROUP},
	{"_meta", KEY_GROUP},
	{"metadata", KEY_GROUP},
	{"cursors", KEY_GROUP},
	{"statusInfo", KEY_GROUP},
	{"statusInfoSet", KEY_GROUP},
	{"imsx_statusInfo", KEY_GROUP},
	{"status", KEY_GROUP},
	{"next", KEY_NEXT},
	{"nextLink", KEY_NEXT},
	{"next_link", KEY_NEXT},
	{"nextUrl", KEY_NEXT},
	{"next_url", KEY_NEXT},
	{"nextPageUrl", KEY_NEXT},
	{"next_page_url", KEY_NEXT},
	{"nextPageLink", KEY_NEXT},
	{"nextPage", KEY_NEXT},
	{"next_page", KEY_NEXT},
	{"@odata.nextLink", KEY_NEXT},
	{"@nextLink", KEY_NEXT},
	{"odata.nextLink", KEY_NEXT},
	{"nextHref", KEY_NEXT},
	{"nextCursor", KEY_CURSOR},
	{"next_cursor", KEY_CURSOR},
	{"nextPageToken", KEY_CURSOR},
	{"next_page_token", KEY_CURSOR},
	{"nextToken", KEY_CURSOR},
	{"continuationToken", KEY_CURSOR},
	{"nextOffset", KEY_CURSOR},
	{"next_offset", KEY_CURSOR},
	{"hasMore", KEY_MORE},
	{"has_more", KEY_MORE},
	{"hasMoreItems", KEY_MORE},
	{"more", KEY_MORE},
	{"moreRecords", KEY_MORE},
	{"more_records", KEY_MORE},
	{"hasNext", KEY_MORE},
	{"has_next", KEY_MORE},
	{"hasNextPage", KEY_MORE},
	{"has_next_page", KEY_MORE},
	{"truncated", KEY_MORE},
	{"isTruncated", KEY_MORE},
	{"totalCount", KEY_TOTAL},
	{"total_count", KEY_TOTAL},
	{"total", KEY_TOTAL},
	{"totalRows", KEY_TOTAL},
	{"totalRecords", KEY_TOTAL},
	{"total_records", KEY_TOTAL},
	{"totalResults", KEY_TOTAL},
	{"totalItems", KEY_TOTAL},
	{"totalElements", KEY_TOTAL},
	{"@odata.count", KEY_TOTAL},
	{"odata.count", KEY_TOTAL},
	{"page", KEY_PAGE},
	{"pageNumber", KEY_PAGE},
	{"page_number", KEY_PAGE},
	{"currentPage", KEY_PAGE},
	{"current_page", KEY_PAGE},
	{"totalPages", KEY_PAGES},
	{"total_pages", KEY_PAGES},
	{"lastPage", KEY_PAGES},
	{"last_page", KEY_PAGES},
	{"errors", KEY_ERRORS},
	{"error", KEY_ERRORS},
	{"imsx_codeMajor", KEY_CODE},
	{"imsx_severity", KEY_SEVERITY},
	{"rel", KEY_REL},
	{"href", KEY_HREF},
	{"url", KEY_HREF},
};

void aside_begin(struct aside *aside)
{
	struct buf next = aside->next;
	struct buf link = aside->link;
	*aside = (struct aside){.total = -1, .page = -1, .pages = -1, .next = next, .link = link};
	if (aside->next.max == 0) {
		buf_init(&aside->next, ASIDE_NEXT_MAX + 1);
		buf_init(&aside->link, ASIDE_NEXT_MAX + 1);
	}
	buf_clear(&aside->next);
	buf_clear(&aside->link);
}

void aside_release(struct aside *aside)
{
	buf_release(&aside->next);
	buf_release(&aside->link);
}

static enum key key_of(const char *key, size_t length)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == length && strncasecmp(names[i].name, key, length) == 0)
			return names[i].key;
	return KEY_OTHER;
}

/* The member that a value belongs to, if all objects around it are groups of such members. */
static enum key member(const struct aside *aside)
{
	if (aside->depth == 0 || aside->depth > ASIDE_DEPTH)
		return KEY_OTHER;
	for (size_t i = 0; i + 1 < aside->depth; i++) {
		/* "page" is a number, or an object that says more */
		bool group = aside->keys[i] == KEY_GROUP || aside->keys[i] == KEY_PAGE || aside->keys[i] == KEY_NEXT;
		if (!group)
			return KEY_OTHER;
	}
	return (enum key)aside->keys[aside->depth - 1];
}

void aside_key(struct aside *aside, const char *key, size_t length)
{
	if (aside->depth == 0 || aside->depth > ASIDE_DEPTH)
		return;
	aside->keys[aside->depth - 1] = (int)key_of(key, length);
	/* An object with an id of its own, in a list beside the rows, is a record that would be lost. */
	bool record = aside->depth == 2 && aside->element[1] && aside->keys[0] == KEY_OTHER;
	aside->rivals = aside->rivals || (record && length == 9 && memcmp(key, "sourcedId", 9) == 0);
}

static void set_next(struct aside *aside, const char *text, size_t length)
{
	aside->more = true;
	aside->has_next = length <= ASIDE_NEXT_MAX;
	buf_clear(&aside->next);
	if (aside->has_next)
		buf_add(&aside->next, text, length);
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

static bool is_blank_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ')
			return false;
	return true;
}

void aside_text(struct aside *aside, const char *text, size_t length)
{
	size_t depth = aside->depth;
	bool below_next = depth > 1 && depth <= ASIDE_DEPTH && aside->keys[depth - 2] == KEY_NEXT;
	if (is_blank_text(text, length))
		return;
	switch (member(aside)) {
	case KEY_NEXT:
		if (is_word(text, length, "null") || is_word(text, length, "none"))
			break;
		set_next(aside, text, length);
		break;
	case KEY_CURSOR: aside->more = true; break;
	case KEY_MORE:
		aside->more = aside->more || is_word(text, length, "true") || is_word(text, length, "yes") ||
			      is_word(text, length, "1");
		break;
	case KEY_TOTAL:
	case KEY_PAGE:
	case KEY_PAGES: aside_number(aside, text, length); break;
	case KEY_ERRORS: aside->failure = true; break;
	case KEY_CODE: aside->failure = aside->failure || !is_word(text, length, "success"); break;
	case KEY_SEVERITY: aside->failure = aside->failure || is_word(text, length, "error"); break;
	case KEY_REL:
		aside->rel_next = aside->rel_next || is_word(text, length, "next");
		aside->rel_other = aside->rel_other || !is_word(text, length, "next");
		break;
	case KEY_HREF:
		if (below_next) {
			set_next(aside, text, length);
			break;
		}
		aside->href = true;
		buf_clear(&aside->link);
		if (length <= ASIDE_NEXT_MAX)
			buf_add(&aside->link, text, length);
		break;
	case KEY_OTHER:
	case KEY_GROUP: break;
	}
}

void aside_number(struct aside *aside, const char *text, size_t length)
{
	int64_t number = -1;
	if (length > 0 && length < 18 && strspn(text, "0123456789") >= length) {
		number = 0;
		for (size_t i = 0; i < length; i++)
			number = number * 10 + (text[i] - '0');
	}
	switch (member(aside)) {
	case KEY_TOTAL:
		if (number >= 0)
			aside->total = number;
		break;
	case KEY_PAGE: aside->page = number; break;
	case KEY_PAGES: aside->pages = number; break;
	case KEY_NEXT: /* the number of the next page */
	case KEY_CURSOR:
	case KEY_MORE: aside->more = aside->more || number != 0; break;
	case KEY_ERRORS: aside->failure = aside->failure || number != 0; break;
	default: break;
	}
}

void aside_truth(struct aside *aside, bool truth)
{
	enum key key = member(aside);
	aside->more = aside->more || (truth && (key == KEY_MORE || key == KEY_NEXT));
	aside->failure = aside->failure || (truth && key == KEY_ERRORS);
}

void aside_open(struct aside *aside, bool element)
{
	aside->failure = aside->failure || member(aside) == KEY_ERRORS;
	if (aside->depth < ASIDE_DEPTH) {
		aside->keys[aside->depth] = KEY_OTHER;
		aside->element[aside->depth] = element;
	}
	aside->depth++;
	aside->rel_next = false;
	aside->rel_other = false;
	aside->href = false;
}

void aside_close(struct aside *aside)
{
	aside->depth--;
	if (aside->rel_next && !aside->rel_other && aside->href && member(aside) == KEY_GROUP)
		set_next(aside, buf_text(&aside->link), aside->link.length);
	aside->rel_next = false;
	aside->href = false;
}

void aside_end(struct aside *aside)
{
	aside->more = aside->more || (aside->page >= 0 && aside->pages > aside->page && aside->pages > 1);
}

#include "fetch/problem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/mem.h"

enum {
	DEPTH_MAX = 64,
	PAGE_LOOK = 1024, /* a web page shows itself in its first bytes */
};

/* Which members are of interest, and where they may stand. */
enum place {
	ANYWHERE,
	NEAR_TOP, /* in the outermost object, or somewhere below "error" or "errors": elsewhere these words are data */
};

struct member {
	const char *name;
	enum place place;
};

static const struct member code_members[] = {
	{"imsx_codeMinor", ANYWHERE},
	{"imsx_codeMinorFieldValue", ANYWHERE},
	{"error", NEAR_TOP},
	{"codeMinor", NEAR_TOP},
};

static const struct member text_members[] = {
	{"imsx_description", ANYWHERE},
	{"error_description", ANYWHERE},
	{"description", NEAR_TOP},
	{"Message", NEAR_TOP},
	{"detail", NEAR_TOP},
	{"ExceptionMessage", NEAR_TOP},
	{"reason", NEAR_TOP},
	{"title", NEAR_TOP},
	{"errors", NEAR_TOP},
};

enum {
	CODE_MEMBERS = sizeof(code_members) / sizeof(code_members[0]),
	TEXT_MEMBERS = sizeof(text_members) / sizeof(text_members[0]),
};

/* A value met somewhere in a document; false ends the walk. */
typedef bool value_function(
	void *user, const char *key, unsigned depth, bool near_top, const char *text, size_t length);

struct walk {
	value_function *on_value;
	void *user;
	char key[64]; /* "" outside objects; an array's elements have the key of the array */
	unsigned depth;
	unsigned below_errors; /* depth at which an "error" or "errors" was entered; 0 for not */
};

static void *walk_malloc(void *user, size_t size)
{
	(void)user;
	return mem_new(size, 1);
}

static void *walk_realloc(void *user, void *old, size_t size)
{
	(void)user;
	return mem_grow(old, size, 1);
}

static void walk_free(void *user, void *old)
{
	(void)user;
	free(old);
}

static int walk_value(struct walk *walk, const char *text, size_t length)
{
	bool near_top = walk->depth <= 1 || walk->below_errors != 0;
	return walk->on_value(walk->user, walk->key, walk->depth, near_top, text, length);
}

static int on_boolean(void *user, int value)
{
	return walk_value(user, value ? "true" : "false", value ? 4 : 5);
}

static int on_number(void *user, const char *text, size_t length)
{
	return walk_value(user, text, length);
}

static int on_string(void *user, const unsigned char *text, size_t length)
{
	return walk_value(user, (const char *)text, length);
}

static int on_key(void *user, const unsigned char *text, size_t length)
{
	struct walk *walk = user;
	if (length >= sizeof(walk->key))
		length = 0; /* no name we look for is that long */
	memcpy(walk->key, text, length);
	walk->key[length] = '\0';
	return 1;
}

static int on_open(void *user)
{
	struct walk *walk = user;
	walk->depth++;
	if (walk->below_errors == 0 && (curl_strequal(walk->key, "errors") || curl_strequal(walk->key, "error")))
		walk->below_errors = walk->depth;
	return walk->depth <= DEPTH_MAX;
}

static int on_close(void *user)
{
	struct walk *walk = user;
	if (walk->below_errors == walk->depth)
		walk->below_errors = 0;
	walk->depth--;
	walk->key[0] = '\0';
	return 1;
}

/* Meets every value of a document as far as it can be read. */
static void walk_document(const char *body, size_t length, value_function *on_value, void *user)
{
	static const yajl_callbacks callbacks = {
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_open,
		.yajl_map_key = on_key,
		.yajl_end_map = on_close,
		.yajl_start_array = on_open,
		.yajl_end_array = on_close,
	};
	yajl_alloc_funcs memory = {.malloc = walk_malloc, .realloc = walk_realloc, .free = walk_free};
	struct walk walk = {.on_value = on_value, .user = user};
	yajl_handle parser = yajl_alloc(&callbacks, &memory, &walk);
	yajl_config(parser, yajl_dont_validate_strings, 1);
	yajl_config(parser, yajl_allow_trailing_garbage, 1);
	if (yajl_parse(parser, (const unsigned char *)body, length) == yajl_status_ok)
		yajl_complete_parse(parser); /* a number at the very end is complete only now */
	yajl_free(parser);
}

/* Texts for people. */

static size_t tag_length(const char *text, size_t length)
{
	if (length < 2 || text[0] != '<')
		return 0;
	char c = text[1];
	if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && c != '/' && c != '!' && c != '?')
		return 0;
	const char *end = memchr(text, '>', length);
	return end != NULL ? (size_t)(end - text) + 1 : length;
}

/* Decodes one character; 0 for bytes that are no UTF-8, of which one is then taken. */
static uint32_t decode(const char *text, size_t length, size_t *taken)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* what is smaller is written shorter */
	unsigned char c = (unsigned char)text[0];
	size_t size = c < 0x80                ? 1
		      : c >= 0xc2 && c < 0xe0 ? 2
		      : c >= 0xe0 && c < 0xf0 ? 3
		      : c >= 0xf0 && c < 0xf5 ? 4
					      : 0;
	*taken = 1;
	if (size == 0 || size > length)
		return 0;
	uint32_t code = size == 1 ? c : c & (0x7fU >> size);
	for (size_t i = 1; i < size; i++) {
		unsigned char next = (unsigned char)text[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (next & 0x3fU);
	}
	if (code < least[size])
		return 0;
	*taken = size;
	return code;
}

static bool invisible(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa1) || code == 0xad || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
	       (code >= 0xd800 && code <= 0xdfff) || code == 0xfeff || code > 0x10ffff;
}

/* Writes text as one printable line that fits. */
static void clean(const char *text, size_t length, char *out, size_t room)
{
	static const char more[] = "...";
	size_t limit = room - sizeof(more);
	size_t to = 0;
	bool blank = false;
	for (size_t i = 0; i < length;) {
		size_t tag = tag_length(text + i, length - i);
		size_t taken = tag;
		uint32_t code = tag > 0 ? ' ' : decode(text + i, length - i, &taken);
		if (code <= ' ' || invisible(code)) {
			blank = true;
		} else {
			size_t need = taken + (blank && to > 0 ? 1 : 0);
			if (to + need > limit) {
				memcpy(out + to, more, sizeof(more) - 1);
				to += sizeof(more) - 1;
				break;
			}
			if (blank && to > 0)
				out[to++] = ' ';
			memcpy(out + to, text + i, taken);
			to += taken;
			blank = false;
		}
		i += taken;
	}
	out[to] = '\0';
}

struct findings {
	char code[PROBLEM_ROOM / 2];
	char text[PROBLEM_ROOM];
	size_t code_rank; /* place in the list of names; smaller is better */
	size_t text_rank;
	bool record; /* the answer holds a row: its words may be somebody's */
};

/* True for a text that is a document itself, as servers send that encode their JSON twice. */
static bool is_document(const char *text, size_t length)
{
	char first[2] = "";
	size_t count = 0;
	for (size_t i = 0; i < length && count < 2; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			first[count++] = text[i];
	if (count < 2)
		return false;
	return (first[0] == '{' && first[1] == '"') ||
	       (first[0] == '[' && (first[1] == '{' || first[1] == '[' || first[1] == '"'));
}

static size_t rank_of(const struct member *members, size_t count, const char *key, bool near_top)
{
	size_t i = 0;
	while (i < count && !(curl_strequal(members[i].name, key) && (near_top || members[i].place == ANYWHERE)))
		i++;
	return i;
}

/* True for a member that no row has. */
static bool is_of_errors(const struct member *members, size_t count, size_t rank)
{
	return rank < count && members[rank].place == ANYWHERE;
}

static bool find_text(void *user, const char *key, unsigned depth, bool near_top, const char *text, size_t length)
{
	struct findings *findings = user;
	char line[PROBLEM_ROOM];
	findings->record = findings->record || curl_strequal(key, "sourcedId");
	if (is_document(text, length))
		return true;
	if (depth == 0)
		key = "Message"; /* a bare string is the whole message */
	size_t code_rank = rank_of(code_members, CODE_MEMBERS, key, near_top);
	size_t text_rank = rank_of(text_members, TEXT_MEMBERS, key, near_top);
	clean(text, length, line, sizeof(line));
	if (line[0] == '\0')
		return true;
	if (code_rank < findings->code_rank) {
		findings->code_rank = code_rank;
		clean(line, strlen(line), findings->code, sizeof(findings->code));
	}
	if (text_rank < findings->text_rank) {
		findings->text_rank = text_rank;
		memcpy(findings->text, line, sizeof(line));
	}
	return true;
}

static const char *find_word(const char *text, size_t length, const char *word)
{
	size_t size = strlen(word);
	for (size_t i = 0; i + size <= length; i++)
		if (text[i] == word[0] && curl_strnequal(text + i, word, size))
			return text + i;
	return NULL;
}

bool problem_is_page(const char *body, size_t length)
{
	size_t look = length < PAGE_LOOK ? length : PAGE_LOOK;
	return find_word(body, look, "<!doctype html") != NULL || find_word(body, look, "<html") != NULL ||
	       find_word(body, look, "<head") != NULL || find_word(body, look, "<body") != NULL;
}

static void page_text(const char *body, size_t length, char out[static PROBLEM_ROOM])
{
	out[0] = '\0';
	const char *title = find_word(body, length, "<title");
	if (title != NULL) {
		size_t left = length - (size_t)(title - body);
		size_t tag = tag_length(title, left);
		const char *end = find_word(title + tag, left - tag, "</title");
		if (end != NULL)
			clean(title + tag, (size_t)(end - title) - tag, out, PROBLEM_ROOM);
	}
	if (out[0] == '\0')
		memcpy(out, "a web page", sizeof("a web page"));
}

static bool is_one_of(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static size_t skip_front(const char *body, size_t length)
{
	size_t i = length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (i < length && is_one_of(" \t\r\n", body[i]))
		i++;
	return i;
}

void problem_text(const char *body, size_t length, char out[static PROBLEM_ROOM])
{
	out[0] = '\0';
	size_t front = body != NULL ? skip_front(body, length) : length;
	if (front == length)
		return;
	body += front;
	length -= front;
	if (problem_is_page(body, length)) {
		page_text(body, length, out);
		return;
	}
	if (!is_one_of("{[\"", body[0])) {
		/* Plain text, unless it is not text at all. */
		if (memchr(body, '\0', length) == NULL)
			clean(body, length, out, PROBLEM_ROOM);
		return;
	}
	struct findings findings = {.code_rank = CODE_MEMBERS, .text_rank = TEXT_MEMBERS};
	walk_document(body, length, find_text, &findings);
	if (findings.record && !is_of_errors(code_members, CODE_MEMBERS, findings.code_rank))
		findings.code[0] = '\0';
	if (findings.record && !is_of_errors(text_members, TEXT_MEMBERS, findings.text_rank))
		findings.text[0] = '\0';
	struct buf line = {0};
	buf_add_text(&line, findings.code);
	if (findings.code[0] != '\0' && findings.text[0] != '\0' && strcmp(findings.code, findings.text) != 0)
		buf_add_text(&line, ": ");
	if (strcmp(findings.code, findings.text) != 0)
		buf_add_text(&line, findings.text);
	clean(buf_text(&line), line.length, out, PROBLEM_ROOM);
	buf_release(&line);
}

/* Single members. */

struct search {
	const char *name;
	const char *other_name; /* counts as well; NULL for none */
	char *out;
	size_t room;
	unsigned depth; /* of what was found; 0 for nothing yet */
	bool found;
};

static bool find_member(void *user, const char *key, unsigned depth, bool near_top, const char *text, size_t length)
{
	(void)near_top;
	struct search *search = user;
	bool named = curl_strequal(key, search->name) ||
		     (search->other_name != NULL && curl_strequal(key, search->other_name));
	if (!named || depth == 0 || (search->depth != 0 && depth >= search->depth))
		return true;
	search->depth = depth;
	search->found = length < search->room && memchr(text, '\0', length) == NULL;
	if (search->found) {
		memcpy(search->out, text, length);
		search->out[length] = '\0';
	}
	return true;
}

bool problem_member(const char *body, size_t length, const char *name, char *out, size_t room)
{
	struct search search = {.name = name, .out = out, .room = room};
	if (curl_strequal(name, "imsx_codeMinor"))
		search.other_name = "imsx_codeMinorFieldValue";
	size_t front = body != NULL ? skip_front(body, length) : length;
	if (front < length)
		walk_document(body + front, length - front, find_member, &search);
	if (!search.found)
		out[0] = '\0';
	return search.found;
}

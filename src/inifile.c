#include "inifile.h"

#include <assert.h>
#include <ini.h>
#include <string.h>

#include "base/buf.h"

/* libinih reads into an array of fixed size, which distributions build with 200 bytes. A longer line is handed to it in
 * pieces: the later ones look like continuation lines, and MARK, which no line may hold, stands where two pieces meet.
 * It keeps the blanks there, and tells such a piece from a line that the author continued himself. */
enum { MARK = '\1' };

struct reader {
	const char *label;
	const char *next; /* the lines not yet looked at */
	const char *end;
	const char *rest; /* what of the current line was not yet handed to libinih */
	size_t rest_length;
	struct inifile_line line; /* the current one */
	struct buf value;         /* pieces of it so far */
	bool first_piece;
	bool answered; /* libinih found a key or a value in what it got last */
	bool have_key; /* a line beginning with a blank has something to continue */
	inifile_handler *handler;
	void *context;
	struct err *err;
};

static const char expected[] = "expected `key = value`";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool fail(struct reader *reader, const char *text)
{
	err_set(reader->err, ERR_USAGE, "%s", text);
	return err_in(reader->err, "%s:%u", reader->label, reader->line.number);
}

static bool tell(struct reader *reader)
{
	if (reader->handler(reader->context, &reader->line, reader->err))
		return true;
	return err_in(reader->err, "%s:%u", reader->label, reader->line.number);
}

static bool tell_section(struct reader *reader, const char *text, size_t length)
{
	const char *close = memchr(text, ']', length);
	if (close == NULL)
		return fail(reader, "a section begins with [ and has to end with ]");
	const char *behind = close + 1;
	while (behind < text + length && is_blank(*behind))
		behind++;
	if (behind < text + length && *behind != ';' && *behind != '#')
		return fail(reader, "nothing may stand behind the ] of a section");
	buf_clear(&reader->value);
	buf_add(&reader->value, text + 1, (size_t)(close - text) - 1);
	reader->line.kind = INIFILE_SECTION;
	reader->line.name = buf_text(&reader->value);
	reader->line.value = NULL;
	reader->have_key = false;
	return tell(reader);
}

/* A semicolon behind a blank begins a comment. libinih knows that too, but not in lines that go on with a value. */
static const char *cut_comment(const char *line, const char *stop)
{
	for (const char *c = line + 1; c < stop; c++)
		if (*c == ';' && is_blank(c[-1]))
			return c;
	return stop;
}

/* Moves on to the next line that is for libinih, past comments and empty lines. False at the end and on failure. */
static bool next_line(struct reader *reader)
{
	while (reader->next < reader->end) {
		const char *line = reader->next;
		const char *stop = memchr(line, '\n', (size_t)(reader->end - line));
		reader->next = stop != NULL ? stop + 1 : reader->end;
		if (stop == NULL)
			stop = reader->end;
		reader->line.number++;
		stop = cut_comment(line, stop);
		while (stop > line && (is_blank(stop[-1]) || stop[-1] == '\r'))
			stop--;
		const char *start = line;
		while (start < stop && is_blank(*start))
			start++;
		if (start == stop || *start == ';' || *start == '#')
			continue;
		for (const char *c = start; c < stop; c++)
			if (((unsigned char)*c < ' ' && *c != '\t') || *c == '\x7f')
				return fail(
					reader, "this line holds control characters; the file has to be plain text");
		buf_clear(&reader->value);
		reader->rest = *start == '[' ? start : line;
		reader->rest_length = (size_t)(stop - reader->rest);
		reader->first_piece = true;
		reader->line.kind = is_blank(*reader->rest) && reader->have_key ? INIFILE_MORE : INIFILE_KEY;
		return *start != '[' || tell_section(reader, start, reader->rest_length);
	}
	return false;
}

/* The reader of libinih: at most room - 1 bytes with a line feed at the end, NULL at the end. */
static char *read_piece(char *to, int room, void *stream)
{
	struct reader *reader = stream;
	if (reader->err->code != ERR_NONE)
		return NULL;
	if (!reader->answered) {
		fail(reader, expected);
		return NULL;
	}
	if (reader->rest_length == 0) {
		if (!next_line(reader))
			return NULL;
		if (*reader->rest == '[') {
			/* All that libinih has to know of a section is that no key stands before it. */
			reader->rest_length = 0;
			return memcpy(to, "[s]\n", sizeof("[s]\n"));
		}
	}
	size_t at = 0;
	if (!reader->first_piece) {
		to[at++] = ' ';
		to[at++] = MARK;
	}
	/* Line feed, terminator, and the carriage return that libinih leaves room for. */
	size_t space = (size_t)room - 3 - at;
	size_t take = reader->rest_length;
	if (take > space)
		take = space - 1; /* and MARK */
	memcpy(to + at, reader->rest, take);
	at += take;
	reader->rest += take;
	reader->rest_length -= take;
	if (reader->rest_length > 0)
		to[at++] = MARK;
	to[at++] = '\n';
	to[at] = '\0';
	assert(at < (size_t)room);
	reader->answered = false;
	return to;
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
	(void)section;
	struct reader *reader = user;
	reader->answered = true;
	if (*name == '\0') /* and libinih would take the next piece for a line of its own */
		return fail(reader, expected) ? 1 : 0;
	if (!reader->first_piece)
		value++; /* MARK */
	reader->first_piece = false;
	size_t length = strlen(value);
	if (length > 0 && value[length - 1] == MARK) {
		buf_add(&reader->value, value, length - 1);
		return 1;
	}
	buf_add(&reader->value, value, length);
	size_t whole = reader->value.length;
	while (whole > 0 && is_blank(reader->value.data[whole - 1]))
		whole--;
	const char *text = buf_text(&reader->value);
	if (whole < reader->value.length)
		buf_set_length(&reader->value, whole);
	while (is_blank(*text))
		text++;
	reader->line.name = name;
	reader->line.value = text;
	reader->have_key = true;
	return tell(reader) ? 1 : 0;
}

bool inifile_read(
	const char *label, const char *text, size_t length, inifile_handler *handler, void *context, struct err *err)
{
	static const char bom[] = "\xEF\xBB\xBF";
	size_t skip = length >= 3 && memcmp(text, bom, 3) == 0 ? 3 : 0;
	struct reader reader = {
		.label = label,
		.next = text + skip,
		.end = text + length,
		.answered = true,
		.handler = handler,
		.context = context,
		.err = err,
	};
	ini_parse_stream(read_piece, &reader, take_value, &reader);
	buf_release(&reader.value);
	return err->code == ERR_NONE;
}

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/time.h"

enum { TEXT_BYTES = 4096 }; /* what is longer is cut */

static const struct {
	const char *name;
	const char *front;   /* of text lines: only what asks for attention says its level */
	const char *journal; /* the same in the journal */
} levels[] = {
	[LOG_NOTICE] = {"notice", "rosterzip: ", "<5>"},
	[LOG_ERROR] = {"error", "rosterzip: error: ", "<3>"},
	[LOG_WARNING] = {"warning", "rosterzip: warning: ", "<4>"},
	[LOG_INFO] = {"info", "rosterzip: ", "<6>"},
	[LOG_DEBUG] = {"debug", "rosterzip: ", "<7>"},
};

static enum log_level wanted = LOG_WARNING;
static enum log_format form = LOG_TEXT;
static enum { JOURNAL_UNKNOWN, JOURNAL_NO, JOURNAL_YES } journal; /* where stderr leads */
static void (*before)(void);

void log_open(enum log_level most, enum log_format format)
{
	wanted = most;
	form = format;
	journal = JOURNAL_UNKNOWN;
}

static const char *front(enum log_level level)
{
	if (journal == JOURNAL_UNKNOWN) {
		const char *given = getenv("JOURNAL_STREAM");
		struct stat status;
		char stream[64] = "";
		if (given != NULL && fstat(STDERR_FILENO, &status) == 0)
			snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
		journal = given != NULL && strcmp(given, stream) == 0 ? JOURNAL_YES : JOURNAL_NO;
	}
	return journal == JOURNAL_YES ? levels[level].journal : levels[level].front;
}

void log_before(void (*hook)(void))
{
	before = hook;
}

/* How many bytes the UTF-8 character at text takes, and which one it is; 0 if there is none: cut short, longer than
 * need be, a surrogate, or out of range. */
static size_t read_utf8(const char *text, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)*text;
	if (first < 0x80) {
		*character = first;
		return 1;
	}
	size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	uint32_t value = first & (0x7FU >> length);
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if ((byte & 0xC0) != 0x80)
			return 0; /* also at the terminator, so this never reads past it */
		value = value << 6 | (byte & 0x3F);
	}
	if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	*character = value;
	return length;
}

static void add_clean(struct buf *line, const char *text, bool json)
{
	while (*text != '\0') {
		uint32_t character = 0;
		size_t length = read_utf8(text, &character);
		if (length == 0) {
			buf_add_text(line, "\xEF\xBF\xBD");
			text++;
			continue;
		}
		if (character < 0x20 || (character >= 0x7F && character < 0xA0)) {
			buf_add_char(line, ' ');
		} else {
			if (json && (character == '"' || character == '\\'))
				buf_add_char(line, '\\');
			buf_add(line, text, length);
		}
		text += length;
	}
}

static void write_line(const char *data, size_t length)
{
	while (length > 0) {
		ssize_t written = write(STDERR_FILENO, data, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* there is nobody left to tell */
		data += written;
		length -= (size_t)written;
	}
}

void log_line(enum log_level level, const char *subject, const char *format, ...)
{
	if (level > wanted)
		return;
	int failure = errno;
	if (subject == NULL)
		subject = "";
	char text[TEXT_BYTES] = "";
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	struct buf line = {0};
	if (form == LOG_JSON) {
		char now[21];
		time_iso(time_unix(), now);
		buf_add_format(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"subject\":\"", now, levels[level].name);
		add_clean(&line, subject, true);
		buf_add_text(&line, "\",\"text\":\"");
		add_clean(&line, text, true);
		buf_add_text(&line, "\"}\n");
	} else {
		buf_add_text(&line, front(level));
		add_clean(&line, subject, false);
		if (subject[0] != '\0')
			buf_add_text(&line, ": ");
		add_clean(&line, text, false);
		buf_add_char(&line, '\n');
	}
	if (before != NULL)
		before();
	write_line(line.data, line.length);
	buf_release(&line);
	errno = failure;
}

void log_last(const char *text)
{
	char line[512];
	char now[21];
	int length = 0;
	time_iso(time_unix(), now);
	if (form == LOG_JSON)
		length = snprintf(line, sizeof(line),
			"{\"time\":\"%s\",\"level\":\"error\",\"subject\":\"\",\"text\":\"%s\"}\n", now, text);
	else
		length = snprintf(line, sizeof(line), "%s%s\n", front(LOG_ERROR), text);
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	if (poll(&ready, 1, 0) == 1) {
		ssize_t ignored = write(STDERR_FILENO, line, (size_t)length);
		(void)ignored;
	}
}

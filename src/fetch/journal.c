#include "fetch/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"

enum { CHECK_LENGTH = 16 }; /* of the digest: enough against accidents, which is all that it is for */

struct journal {
	char *path;
	int fd;
	bool write;
	bool dirty;                   /* behind the last line may be the beginning of one that failed */
	uint64_t size;                /* of all lines that count */
	char check[CHECK_LENGTH + 1]; /* of the last line, "" before the first */
	char *room;                   /* JOURNAL_LINE_MAX bytes for reading */
};

/* --- opening -------------------------------------------------------------------------------------------------------
 */

/* The file is its own lock. Another run may remove it between our opening and our locking it: then there is none. */
static bool open_locked(struct journal *journal, struct err *err)
{
	struct stat status = {0};
	bool known = false;
	do {
		if (journal->fd >= 0)
			close(journal->fd);
		journal->fd = -1;
		if (!file_lock(journal->path, &journal->fd, err))
			return false;
		known = fstat(journal->fd, &status) == 0;
	} while (known && status.st_nlink == 0);
	if (known && !S_ISREG(status.st_mode))
		return err_set(err, ERR_FILE, "%s is not a file that can be written", journal->path);
	if (!known || fchmod(journal->fd, S_IRUSR | S_IWUSR) != 0)
		return err_set(err, ERR_FILE, "cannot write %s: %s", journal->path, strerror(errno));
	return true;
}

static bool open_to_read(struct journal *journal, struct err *err)
{
	struct stat status = {0};
	journal->fd = file_open(AT_FDCWD, journal->path, O_RDONLY | O_NONBLOCK);
	if (journal->fd < 0 || fstat(journal->fd, &status) != 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", journal->path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_FILE, "cannot read %s: not a file", journal->path);
	return true;
}

struct journal *journal_open(const char *path, bool write, struct err *err)
{
	struct journal *journal = mem_new(1, sizeof(*journal));
	journal->path = mem_copy(path);
	journal->fd = -1;
	journal->write = write;
	journal->room = mem_new(JOURNAL_LINE_MAX, 1);
	if (write ? open_locked(journal, err) : open_to_read(journal, err))
		return journal;
	journal_free(journal);
	return NULL;
}

void journal_free(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	free(journal->path);
	free(journal->room);
	free(journal);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

/* The check sum of a line of length bytes, behind the line before. */
static void sum(const char *before, const char *line, size_t length, char check[static CHECK_LENGTH + 1])
{
	char hex[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_add(digest, before, strlen(before));
	digest_add(digest, line, length);
	digest_hex(digest, hex);
	digest_free(digest);
	memcpy(check, hex, CHECK_LENGTH);
	check[CHECK_LENGTH] = '\0';
}

/* Cuts the terminated text into its fields. */
static bool split(char *text, struct journal_line *line)
{
	line->count = 0;
	for (char *field = text; field != NULL; line->count++) {
		char *end = strchr(field, ' ');
		if (line->count == JOURNAL_FIELDS_MAX)
			return false;
		if (end != NULL)
			*end++ = '\0';
		line->fields[line->count] = field;
		field = end;
	}
	return true;
}

/* Takes a line of length bytes apart, of which the last is where the line end was. */
static bool take_apart(char *text, size_t length, struct journal_line *line)
{
	if (length < CHECK_LENGTH + 2 || memchr(text, '\0', length) != NULL)
		return false;
	char *space = text + length - 1 - CHECK_LENGTH - 1;
	if (*space != ' ')
		return false;
	*space = '\0';
	text[length - 1] = '\0';
	return split(text, line);
}

/* Fills the room behind what is in it already. False if the file cannot be read. */
static bool fill(struct journal *journal, uint64_t at, size_t *used, bool *end, struct err *err)
{
	while (*used < JOURNAL_LINE_MAX) {
		ssize_t got = pread(
			journal->fd, journal->room + *used, JOURNAL_LINE_MAX - *used, (off_t)(at + (uint64_t)*used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, ERR_FILE, "cannot read %s: %s", journal->path, strerror(errno));
		if (got == 0) {
			*end = true;
			break;
		}
		*used += (size_t)got;
	}
	return true;
}

/* One line of length bytes, at the end of those that count. */
static bool accept(struct journal *journal, char *text, size_t length,
	bool (*on_line)(void *context, struct journal_line *line), void *context)
{
	struct journal_line line = {.at = journal->size};
	char check[CHECK_LENGTH + 1];
	if (length <= CHECK_LENGTH + 2)
		return false;
	sum(journal->check, text, length - CHECK_LENGTH - 2, check);
	if (memcmp(check, text + length - 1 - CHECK_LENGTH, CHECK_LENGTH) != 0 || !take_apart(text, length, &line) ||
		!on_line(context, &line))
		return false;
	memcpy(journal->check, check, sizeof(check));
	journal->size += length;
	return true;
}

bool journal_read(struct journal *journal, bool (*on_line)(void *context, struct journal_line *line), void *context,
	enum journal_state *state, struct err *err)
{
	size_t used = 0;
	bool end = false;
	*state = JOURNAL_EMPTY;
	journal->size = 0;
	journal->check[0] = '\0';
	while (*state != JOURNAL_DAMAGED) {
		if (!end && !fill(journal, journal->size, &used, &end, err))
			return false;
		size_t done = 0;
		const char *newline = NULL;
		while ((newline = memchr(journal->room + done, '\n', used - done)) != NULL) {
			char *text = journal->room + done;
			size_t length = (size_t)(newline - text) + 1;
			*state = accept(journal, text, length, on_line, context) ? JOURNAL_FINE : JOURNAL_DAMAGED;
			if (*state == JOURNAL_DAMAGED)
				return true;
			done += length;
		}
		if (end)
			break;
		if (done == 0)
			*state = JOURNAL_DAMAGED; /* no line is as long as this */
		used -= done;
		memmove(journal->room, journal->room + done, used);
	}
	journal->dirty = true; /* there may be a line that is not whole */
	return true;
}

bool journal_line_at(struct journal *journal, uint64_t at, struct journal_line *line, struct err *err)
{
	size_t used = 0;
	bool end = false;
	if (!fill(journal, at, &used, &end, err))
		return false;
	const char *newline = memchr(journal->room, '\n', used);
	line->at = at;
	if (newline == NULL || !take_apart(journal->room, (size_t)(newline - journal->room) + 1, line))
		return err_set(err, ERR_FILE, "%s was changed by another program", journal->path);
	return true;
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

/* Removes what stands behind the last line that counts. */
static bool cut(struct journal *journal, struct err *err)
{
	if (ftruncate(journal->fd, (off_t)journal->size) != 0)
		return err_set(err, ERR_FILE, "cannot write %s: %s", journal->path, strerror(errno));
	journal->dirty = false;
	return true;
}

static bool write_line(struct journal *journal, const char *text, size_t length, struct err *err)
{
	size_t done = 0;
	journal->dirty = true;
	/* One write, as a rule: only a full disk makes it more than that, and then the next one says so. */
	while (done < length) {
		ssize_t put = pwrite(journal->fd, text + done, length - done, (off_t)(journal->size + (uint64_t)done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return err_set(
				err, ERR_FILE, "cannot write %s: %s", journal->path, strerror(put < 0 ? errno : EIO));
		done += (size_t)put;
	}
	journal->dirty = false;
	return true;
}

bool journal_add(struct journal *journal, const struct buf *line, uint64_t *at, struct err *err)
{
	char check[CHECK_LENGTH + 1];
	struct buf text = {.max = JOURNAL_LINE_MAX};
	assert(journal->write);
	bool ok = !journal->dirty || cut(journal, err);
	sum(journal->check, buf_text(line), line->length, check);
	buf_add(&text, buf_text(line), line->length);
	buf_add_format(&text, " %s\n", check);
	if (ok && (text.overflow || line->overflow))
		ok = err_set(err, ERR_FILE, "cannot write %s: a line is too long", journal->path);
	if (ok && !write_line(journal, buf_text(&text), text.length, err)) {
		struct err again = {0};
		cut(journal, &again); /* else before the next line */
		ok = false;
	}
	if (ok) {
		if (at != NULL)
			*at = journal->size;
		journal->size += text.length;
		memcpy(journal->check, check, sizeof(check));
	}
	buf_release(&text);
	return ok;
}

bool journal_clear(struct journal *journal, struct err *err)
{
	journal->size = 0;
	journal->check[0] = '\0';
	return cut(journal, err);
}

/* --- words ---------------------------------------------------------------------------------------------------------
 */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

void journal_encode(struct buf *buf, const char *text)
{
	/* A lone % stands for nothing at all: it is part of no other word. */
	if (*text == '\0')
		buf_add_char(buf, '%');
	for (const char *c = text; *c != '\0'; c++) {
		if (is_plain(*c) && (c > text || *c != '.'))
			buf_add_char(buf, *c);
		else
			buf_add_format(buf, "%%%02X", (unsigned)(unsigned char)*c);
	}
}

static int digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

bool journal_decode(char *word)
{
	char *to = word;
	if (strcmp(word, "%") == 0) {
		*word = '\0';
		return true;
	}
	for (const char *c = word; *c != '\0'; c++) {
		if (is_plain(*c)) {
			*to++ = *c;
			continue;
		}
		int high = *c == '%' ? digit(c[1]) : -1;
		int low = high >= 0 ? digit(c[2]) : -1;
		if (low < 0 || high * 16 + low == 0)
			return false;
		*to++ = (char)(high * 16 + low);
		c += 2;
	}
	*to = '\0';
	return to > word;
}

bool journal_number(const char *word, uint64_t *number)
{
	uint64_t value = 0;
	if (word[0] == '\0' || (word[0] == '0' && word[1] != '\0'))
		return false;
	for (const char *c = word; *c != '\0'; c++) {
		if (*c < '0' || *c > '9' || value > (UINT64_MAX - (uint64_t)(*c - '0')) / 10)
			return false;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	*number = value;
	return true;
}

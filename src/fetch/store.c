#include "fetch/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/end.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "fetch/journal.h"

#define INDEX     "rosterzip-pages"
#define BODY_END  ".page.json"
#define PART_END  ".page.part"
#define BODY_MODE (S_IRUSR | S_IWUSR)

enum {
	VERSION = 1, /* of the index */
	STEM_MAX = 120,
	STEM_CUT = 60,
	PIECE = 64 * 1024,
};

struct reading {
	char *stem;      /* the name, safe for files and lines: what a reading is known by in the store */
	uint64_t *lines; /* where in the index the line of each page is */
	size_t count;
	size_t room;
	char *how;
	char *proof; /* once done */
	uint64_t rows;
	char *missing; /* once missing */
};

struct store {
	char *path;
	int folder;
	bool write;
	enum store_origin origin;
	struct journal *index;
	bool begun; /* the first line is known */
	bool other_version;
	char *fingerprint;
	int64_t started;
	void *tree; /* of tsearch: the readings by their stems */
	struct reading **readings;
	size_t reading_count;
	size_t reading_room;
	size_t pages; /* that count */
	char *extra;  /* of the page that was looked at last */
	uint64_t parts;
};

struct store_page {
	struct store *store;
	struct reading *reading;
	char *part; /* the file's name; NULL while there is no such file */
	int fd;
	struct out out;
	struct digest *digest;
	struct end_step last;
};

/* A page as its line has it. */
struct kept {
	struct store_facts facts;
	uint64_t number;
	char hex[DIGEST_HEX_SIZE];
};

/* --- readings ------------------------------------------------------------------------------------------------------
 */

static int compare(const void *one, const void *other)
{
	return strcmp(((const struct reading *)one)->stem, ((const struct reading *)other)->stem);
}

/* A name for files and lines: to be freed. Ids can be as long as they like, names of files cannot: a long one is cut,
 * and told from others by its digest behind a ~, which no short one has. */
static char *stem_of(const char *name)
{
	struct buf stem = {0};
	journal_encode(&stem, name);
	if (stem.length > STEM_MAX) {
		char hex[DIGEST_HEX_SIZE];
		digest_text(name, strlen(name), hex);
		buf_set_length(&stem, STEM_CUT);
		buf_add_format(&stem, "~%s", hex);
	}
	return buf_take(&stem);
}

static bool is_stem(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && length <= STEM_MAX + DIGEST_HEX_SIZE && text[0] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%~") == length;
}

static struct reading *find_stem(const struct store *store, char *stem)
{
	struct reading key = {.stem = stem};
	void *found = tfind(&key, &store->tree, compare);
	return found != NULL ? *(struct reading **)found : NULL;
}

static struct reading *find(const struct store *store, const char *name)
{
	char *stem = stem_of(name);
	struct reading *reading = find_stem(store, stem);
	free(stem);
	return reading;
}

/* The same, made if there is none. */
static struct reading *need_stem(struct store *store, char *stem)
{
	struct reading *reading = find_stem(store, stem);
	if (reading != NULL)
		return reading;
	reading = mem_new(1, sizeof(*reading));
	reading->stem = mem_copy(stem);
	if (store->reading_count == store->reading_room) {
		store->reading_room = store->reading_room > 0 ? store->reading_room * 2 : 16;
		store->readings = mem_grow(store->readings, store->reading_room, sizeof(struct reading *));
	}
	store->readings[store->reading_count++] = reading;
	if (tsearch(reading, &store->tree, compare) == NULL)
		end_now("out of memory");
	return reading;
}

static struct reading *need(struct store *store, const char *name)
{
	char *stem = stem_of(name);
	struct reading *reading = need_stem(store, stem);
	free(stem);
	return reading;
}

static void forget_reading(struct store *store, struct reading *reading)
{
	store->pages -= reading->count;
	reading->count = 0;
	reading->rows = 0;
	free(reading->how);
	free(reading->proof);
	free(reading->missing);
	reading->how = NULL;
	reading->proof = NULL;
	reading->missing = NULL;
}

static void add_page(struct store *store, struct reading *reading, uint64_t at)
{
	if (reading->count == reading->room) {
		reading->room = reading->room > 0 ? reading->room * 2 : 4;
		reading->lines = mem_grow(reading->lines, reading->room, sizeof(*reading->lines));
	}
	reading->lines[reading->count++] = at;
	store->pages++;
}

static bool is_open(const struct reading *reading)
{
	return reading->proof == NULL && reading->missing == NULL;
}

/* A line behind the end of a reading would make the index one that cannot be used: better an error now. */
static bool must_be_open(const struct store *store, const struct reading *reading, struct err *err)
{
	return is_open(reading) ||
	       err_set(err, ERR_OTHER, "%s: %s was ended and not begun again", store->path, reading->stem);
}

/* Everything that the index said. */
static void forget(struct store *store)
{
	for (size_t i = 0; i < store->reading_count; i++) {
		struct reading *reading = store->readings[i];
		tdelete(reading, &store->tree, compare);
		forget_reading(store, reading);
		free(reading->lines);
		free(reading->stem);
		free(reading);
	}
	store->reading_count = 0;
	store->begun = false;
	store->other_version = false;
	free(store->fingerprint);
	store->fingerprint = NULL;
}

/* --- names of files ------------------------------------------------------------------------------------------------
 */

static char *file_name(const char *stem, uint64_t number, const char *end)
{
	return mem_format("%s-%06" PRIu64 "%s", stem, number, end);
}

/* Takes the name of a file apart, in place; NULL if it is not one of ours. */
static char *own_stem(char *name, uint64_t *number, bool *part)
{
	size_t length = strlen(name);
	size_t end = strlen(BODY_END);
	if (length <= end)
		return NULL;
	*part = strcmp(name + length - end, PART_END) == 0;
	if (!*part && strcmp(name + length - end, BODY_END) != 0)
		return NULL;
	name[length - end] = '\0';
	char *dash = strrchr(name, '-');
	if (dash == NULL || strlen(dash + 1) < 6)
		return NULL;
	const char *digits = dash + 1;
	while (*digits == '0' && digits[1] != '\0' && strlen(dash + 1) == 6)
		digits++;
	if (!journal_number(digits, number))
		return NULL;
	*dash = '\0';
	return is_stem(name) ? name : NULL;
}

/* Whether a file in the folder is one of ours that no line speaks of. */
static bool is_void(const struct store *store, const char *name)
{
	char *copy = mem_copy(name);
	uint64_t number = 0;
	bool part = false;
	char *stem = own_stem(copy, &number, &part);
	const struct reading *reading = stem != NULL ? find_stem(store, stem) : NULL;
	bool counts = reading != NULL && !part && number >= 1 && number <= reading->count;
	free(copy);
	return stem != NULL && !counts;
}

static bool remove_file(const struct store *store, const char *name, struct err *err)
{
	struct stat status;
	if (unlinkat(store->folder, name, 0) == 0 || errno == ENOENT)
		return true;
	int failure = errno;
	/* A folder that is called like a file of ours is not ours. */
	if (fstatat(store->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
		return true;
	return err_set(err, ERR_FILE, "cannot remove %s/%s: %s", store->path, name, strerror(failure));
}

/* Removes the files that no line speaks of. */
static bool sweep(const struct store *store, struct err *err)
{
	int fd = file_open(store->folder, ".", O_RDONLY | O_DIRECTORY);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	if (entries == NULL) {
		err_set(err, ERR_FILE, "cannot read the folder %s: %s", store->path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool ok = true;
	const struct dirent *entry;
	while (ok && (entry = readdir(entries)) != NULL)
		if (is_void(store, entry->d_name))
			ok = remove_file(store, entry->d_name, err);
	closedir(entries);
	return ok;
}

/* Removes the bodies of pages 1 to count, which no line speaks of any more. */
static bool remove_bodies(const struct store *store, const struct reading *reading, size_t count, struct err *err)
{
	bool ok = true;
	for (size_t number = 1; ok && number <= count; number++) {
		char *name = file_name(reading->stem, number, BODY_END);
		ok = remove_file(store, name, err);
		free(name);
	}
	return ok;
}

/* --- lines ---------------------------------------------------------------------------------------------------------
 */

static void put_text(struct buf *line, const char *text)
{
	buf_add_char(line, ' ');
	journal_encode(line, text != NULL ? text : "");
}

static void put_witness(struct buf *line, bool has, uint64_t value)
{
	if (has)
		buf_add_format(line, " %" PRIu64, value);
	else
		buf_add_text(line, " -");
}

static bool get_witness(const char *word, bool *has, uint64_t *value)
{
	*has = strcmp(word, "-") != 0;
	return !*has || journal_number(word, value);
}

static bool get_flag(const char *word, bool *flag)
{
	*flag = word[0] == '1';
	return (word[0] == '0' || word[0] == '1') && word[1] == '\0';
}

static bool is_hex(const char *text)
{
	return strspn(text, "0123456789abcdef") == DIGEST_HEX_SIZE - 1 && text[DIGEST_HEX_SIZE - 1] == '\0';
}

static void put_page(struct buf *line, const char *stem, uint64_t number, const struct store_facts *facts,
	uint64_t bytes, const char *hex)
{
	buf_add_format(line, "page %s %" PRIu64 " %" PRIu64 " %u %d %d", stem, number, facts->offset, facts->limit,
		facts->overlap, facts->past_end);
	put_witness(line, facts->has_total, facts->total);
	put_witness(line, facts->has_count, facts->count);
	buf_add_format(line, " %" PRIu64 " %" PRIu64 " %s", facts->rows, bytes, hex);
	put_text(line, facts->extra);
}

/* The fields behind "page" and the stem. */
static bool get_page(char **fields, struct kept *kept)
{
	struct store_facts *facts = &kept->facts;
	uint64_t limit = 0;
	*kept = (struct kept){.facts.extra = fields[10]};
	if (!journal_number(fields[0], &kept->number) || !journal_number(fields[1], &facts->offset) ||
		!journal_number(fields[2], &limit) || limit > UINT_MAX || !get_flag(fields[3], &facts->overlap) ||
		!get_flag(fields[4], &facts->past_end) || !get_witness(fields[5], &facts->has_total, &facts->total) ||
		!get_witness(fields[6], &facts->has_count, &facts->count) || !journal_number(fields[7], &facts->rows) ||
		!journal_number(fields[8], &facts->bytes))
		return false;
	facts->limit = (unsigned)limit;
	if (!is_hex(fields[9]) || !journal_decode(fields[10]))
		return false;
	memcpy(kept->hex, fields[9], sizeof(kept->hex));
	return true;
}

/* What each kind of line does. Fields begin behind the kind and the reading; at is where the line is. */

static bool on_page(struct store *store, struct reading *reading, char **fields, uint64_t at)
{
	struct kept kept;
	if (!get_page(fields, &kept) || kept.number != reading->count + 1 || !is_open(reading) ||
		store->pages == STORE_PAGES_MAX)
		return false;
	add_page(store, reading, at);
	return true;
}

static bool on_restart(struct store *store, struct reading *reading, char **fields, uint64_t at)
{
	(void)at;
	if (!journal_decode(fields[0]))
		return false;
	forget_reading(store, reading);
	reading->how = mem_copy(fields[0]);
	return true;
}

static bool on_done(struct store *store, struct reading *reading, char **fields, uint64_t at)
{
	(void)store;
	(void)at;
	uint64_t rows = 0;
	if (!journal_number(fields[0], &rows) || !journal_decode(fields[1]) || !is_open(reading))
		return false;
	reading->rows = rows;
	reading->proof = mem_copy(fields[1]);
	return true;
}

static bool on_missing(struct store *store, struct reading *reading, char **fields, uint64_t at)
{
	(void)at;
	if (!journal_decode(fields[0]) || !is_open(reading))
		return false;
	forget_reading(store, reading);
	reading->missing = mem_copy(fields[0]);
	return true;
}

static const struct line_kind {
	const char *word;
	size_t fields; /* with the kind and the reading */
	bool (*on)(struct store *store, struct reading *reading, char **fields, uint64_t at);
} line_kinds[] = {
	{"page", 13, on_page},
	{"restart", 3, on_restart},
	{"done", 4, on_done},
	{"missing", 3, on_missing},
};

/* "rosterzip-pages VERSION STARTED FINGERPRINT" */
static bool on_first_line(struct store *store, const struct journal_line *line)
{
	uint64_t version = 0;
	uint64_t started = 0;
	if (line->count < 2 || strcmp(line->fields[0], INDEX) != 0 || !journal_number(line->fields[1], &version))
		return false;
	store->other_version = version != VERSION;
	if (store->other_version || line->count != 4 || !journal_number(line->fields[2], &started) ||
		started > INT64_MAX || !journal_decode(line->fields[3]))
		return false;
	store->begun = true;
	store->started = (int64_t)started;
	store->fingerprint = mem_copy(line->fields[3]);
	return true;
}

static bool on_line(void *context, struct journal_line *line)
{
	struct store *store = context;
	if (!store->begun)
		return on_first_line(store, line);
	for (size_t i = 0; i < sizeof(line_kinds) / sizeof(line_kinds[0]); i++) {
		const struct line_kind *kind = &line_kinds[i];
		if (strcmp(line->fields[0], kind->word) == 0)
			return line->count == kind->fields && is_stem(line->fields[1]) &&
			       kind->on(store, need_stem(store, line->fields[1]), line->fields + 2, line->at);
	}
	return false;
}

static bool add_line(struct store *store, struct buf *line, uint64_t *at, struct err *err)
{
	assert(store->write);
	bool ok = journal_add(store->index, line, at, err);
	buf_release(line);
	return ok;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

/* What was kept is void from the first step on. */
static bool clear(struct store *store, struct err *err)
{
	forget(store);
	return journal_clear(store->index, err) && sweep(store, err);
}

static bool begin_afresh(struct store *store, const char *fingerprint, int64_t now, struct err *err)
{
	struct buf line = {.max = JOURNAL_LINE_MAX};
	if (!clear(store, err))
		return false;
	store->started = now > 0 ? now : 0;
	store->fingerprint = mem_copy(fingerprint);
	store->begun = true;
	buf_add_format(&line, "%s %d %" PRId64, INDEX, VERSION, store->started);
	put_text(&line, fingerprint);
	return add_line(store, &line, NULL, err);
}

static enum store_origin judge(
	const struct store *store, enum journal_state state, const char *fingerprint, int64_t now, int64_t max_age)
{
	if (state == JOURNAL_EMPTY)
		return STORE_NEW;
	if (state == JOURNAL_DAMAGED)
		return STORE_DAMAGED;
	if (strcmp(store->fingerprint, fingerprint) != 0)
		return STORE_OTHER_SETTINGS;
	/* A clock that was wrong is no reason to believe in pages from far ahead. */
	int64_t age = now - store->started;
	return age > max_age || -age > max_age ? STORE_TOO_OLD : STORE_GOES_ON;
}

static bool make_folder(const char *path, struct err *err)
{
	struct stat status;
	if (stat(path, &status) == 0)
		return true; /* if it is no folder, that shows when it is opened */
	if (errno != ENOENT)
		return err_set(err, ERR_FILE, "cannot open the folder %s: %s", path, strerror(errno));
	if (!file_make_folder(path, S_IRWXU, err))
		return false;
	if (chmod(path, S_IRWXU) != 0)
		return err_set(err, ERR_FILE, "cannot make the folder %s: %s", path, strerror(errno));
	return true;
}

static struct store *open_folder(const char *path, bool write, enum journal_state *state, struct err *err)
{
	struct store *store = mem_new(1, sizeof(*store));
	char *index = mem_format("%s/" INDEX, path);
	bool ok = false;
	store->path = mem_copy(path);
	store->write = write;
	store->folder = -1;
	if (write && !make_folder(path, err))
		goto out;
	store->folder = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (store->folder < 0) {
		err_set(err, ERR_FILE, "cannot open the folder %s: %s", path, strerror(errno));
		goto out;
	}
	store->index = journal_open(index, write, err);
	ok = store->index != NULL && journal_read(store->index, on_line, store, state, err);
out:
	free(index);
	if (ok)
		return store;
	store_free(store);
	return NULL;
}

struct store *store_open(
	const char *folder, const char *fingerprint, int64_t now, int64_t max_age_seconds, struct err *err)
{
	enum journal_state state = JOURNAL_EMPTY;
	struct store *store = open_folder(folder, true, &state, err);
	if (store == NULL)
		return NULL;
	store->origin = judge(store, state, fingerprint, now, max_age_seconds);
	if (store->origin == STORE_GOES_ON ? sweep(store, err) : begin_afresh(store, fingerprint, now, err))
		return store;
	store_free(store);
	return NULL;
}

struct store *store_open_saved(const char *folder, struct err *err)
{
	enum journal_state state = JOURNAL_EMPTY;
	struct store *store = open_folder(folder, false, &state, err);
	if (store == NULL) {
		err_in(err, "there are no saved pages to be read");
		return NULL;
	}
	store->origin = STORE_GOES_ON;
	if (state == JOURNAL_FINE)
		return store;
	if (state == JOURNAL_EMPTY)
		err_set(err, ERR_FILE, "no pages have been saved in %s", folder);
	else if (store->other_version)
		err_set(err, ERR_FILE, "the pages in %s were saved by another version of this program", folder);
	else
		err_set(err, ERR_FILE, "the pages in %s cannot be used: the list of them, %s, is damaged", folder,
			INDEX);
	store_free(store);
	return NULL;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	forget(store);
	journal_free(store->index);
	if (store->folder >= 0)
		close(store->folder);
	free(store->readings);
	free(store->extra);
	free(store->path);
	free(store);
}

bool store_remove(struct store *store, struct err *err)
{
	assert(store->write);
	bool ok = clear(store, err) && remove_file(store, INDEX, err);
	if (ok && rmdir(store->path) != 0 && errno != ENOTEMPTY && errno != EEXIST)
		ok = err_set(err, ERR_FILE, "cannot remove the folder %s: %s", store->path, strerror(errno));
	store_free(store);
	return ok;
}

enum store_origin store_origin(const struct store *store)
{
	return store->origin;
}

const char *store_fingerprint(const struct store *store)
{
	return store->fingerprint;
}

int64_t store_started(const struct store *store)
{
	return store->started;
}

/* --- writing -------------------------------------------------------------------------------------------------------
 */

static void remove_part(void *context)
{
	const struct store_page *page = context;
	if (page->part != NULL)
		unlinkat(page->store->folder, page->part, 0);
}

struct store_page *store_page_begin(struct store *store, const char *reading)
{
	struct store_page *page = mem_new(1, sizeof(*page));
	assert(store->write);
	page->store = store;
	page->reading = need(store, reading);
	page->digest = digest_new();
	char *part = file_name(page->reading->stem, ++store->parts, PART_END);
	char *path = mem_format("%s/%s", store->path, part);
	page->fd = file_open(store->folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
	int failure = page->fd < 0 || fchmod(page->fd, BODY_MODE) != 0 ? errno : 0;
	if (page->fd >= 0)
		page->part = part;
	else
		free(part);
	end_add(&page->last, remove_part, page);
	out_init(&page->out, page->fd, path);
	page->out.failure = failure;
	free(path);
	return page;
}

bool store_page_add(struct store_page *page, const void *data, size_t length)
{
	digest_add(page->digest, data, length);
	out_add(&page->out, data, length);
	return page->out.failure == 0;
}

/* Writes what is left of the body and gives it its final name. */
static bool settle(struct store_page *page, const char *name, struct err *err)
{
	struct store *store = page->store;
	bool ok = out_finish(&page->out, err);
	if (page->fd >= 0 && close(page->fd) != 0 && ok)
		ok = err_set(err, ERR_FILE, "cannot write %s: %s", page->out.name, strerror(errno));
	page->fd = -1;
	if (!ok)
		return false;
	if (renameat(store->folder, page->part, store->folder, name) != 0)
		return err_set(err, ERR_FILE, "cannot write %s/%s: %s", store->path, name, strerror(errno));
	free(page->part);
	page->part = NULL;
	return true;
}

static bool commit(struct store_page *page, const struct store_facts *facts, const char *name, struct err *err)
{
	struct store *store = page->store;
	struct reading *reading = page->reading;
	struct buf line = {.max = JOURNAL_LINE_MAX};
	char hex[DIGEST_HEX_SIZE];
	uint64_t at = 0;
	if (!must_be_open(store, reading, err))
		return false;
	if (store->pages == STORE_PAGES_MAX)
		return err_set(err, ERR_FILE, "more than %d pages to keep in %s", STORE_PAGES_MAX, store->path);
	if (!settle(page, name, err))
		return false;
	digest_hex(page->digest, hex);
	put_page(&line, reading->stem, reading->count + 1, facts, out_size(&page->out), hex);
	if (!add_line(store, &line, &at, err)) {
		unlinkat(store->folder, name, 0);
		return false;
	}
	add_page(store, reading, at);
	return true;
}

bool store_page_commit(struct store_page *page, const struct store_facts *facts, struct err *err)
{
	char *name = file_name(page->reading->stem, page->reading->count + 1, BODY_END);
	bool ok = commit(page, facts, name, err);
	free(name);
	store_page_drop(page);
	return ok;
}

void store_page_drop(struct store_page *page)
{
	if (page == NULL)
		return;
	if (page->fd >= 0)
		close(page->fd);
	end_remove(&page->last);
	remove_part(page);
	out_release(&page->out);
	digest_free(page->digest);
	free(page->part);
	free(page);
}

bool store_restart(struct store *store, const char *name, const char *how, struct err *err)
{
	struct reading *reading = need(store, name);
	struct buf line = {.max = JOURNAL_LINE_MAX};
	size_t count = reading->count;
	buf_add_format(&line, "restart %s", reading->stem);
	put_text(&line, how);
	if (!add_line(store, &line, NULL, err))
		return false;
	forget_reading(store, reading);
	reading->how = mem_copy(how != NULL ? how : "");
	return remove_bodies(store, reading, count, err);
}

bool store_done(struct store *store, const char *name, uint64_t rows, const char *proof, struct err *err)
{
	struct reading *reading = need(store, name);
	struct buf line = {.max = JOURNAL_LINE_MAX};
	if (!must_be_open(store, reading, err))
		return false;
	buf_add_format(&line, "done %s %" PRIu64, reading->stem, rows);
	put_text(&line, proof);
	if (!add_line(store, &line, NULL, err))
		return false;
	reading->rows = rows;
	reading->proof = mem_copy(proof);
	return true;
}

bool store_missing(struct store *store, const char *name, const char *why, struct err *err)
{
	struct reading *reading = need(store, name);
	struct buf line = {.max = JOURNAL_LINE_MAX};
	size_t count = reading->count;
	if (!must_be_open(store, reading, err))
		return false;
	buf_add_format(&line, "missing %s", reading->stem);
	put_text(&line, why);
	if (!add_line(store, &line, NULL, err))
		return false;
	forget_reading(store, reading);
	reading->missing = mem_copy(why);
	return remove_bodies(store, reading, count, err);
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

size_t store_pages(const struct store *store, const char *name)
{
	const struct reading *reading = find(store, name);
	return reading != NULL ? reading->count : 0;
}

/* Reads the line of a page again. extra lives until the next line is read. */
static bool find_page(
	struct store *store, const struct reading *reading, size_t number, struct kept *kept, struct err *err)
{
	struct journal_line line;
	assert(reading != NULL && number >= 1 && number <= reading->count);
	if (!journal_line_at(store->index, reading->lines[number - 1], &line, err))
		return false;
	if (line.count != line_kinds[0].fields || strcmp(line.fields[0], line_kinds[0].word) != 0 ||
		strcmp(line.fields[1], reading->stem) != 0 || !get_page(line.fields + 2, kept) ||
		kept->number != number)
		return err_set(err, ERR_FILE, "%s/%s was changed by another program", store->path, INDEX);
	return true;
}

bool store_page_facts(struct store *store, const char *name, size_t number, struct store_facts *facts, struct err *err)
{
	struct kept kept = {0};
	if (!find_page(store, find(store, name), number, &kept, err))
		return false;
	free(store->extra);
	store->extra = mem_copy(kept.facts.extra);
	*facts = kept.facts;
	facts->extra = store->extra;
	return true;
}

static bool damaged(const char *path, struct err *err)
{
	return err_set(err, ERR_API, "the saved page %s is not what was saved: the file is damaged", path);
}

/* Gives the body in fd to the sink, and checks it on the way. */
static bool pour(int fd, const char *path, const struct kept *kept,
	bool (*sink)(void *context, const char *data, size_t length), void *context, struct err *err)
{
	struct digest *digest = digest_new();
	uint64_t left = kept->facts.bytes;
	char hex[DIGEST_HEX_SIZE];
	bool ok = true;
	for (;;) {
		char piece[PIECE];
		ssize_t got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ok = err_set(err, ERR_FILE, "cannot read the saved page %s: %s", path, strerror(errno));
		else if ((uint64_t)got > left)
			ok = damaged(path, err);
		if (got <= 0 || !ok)
			break;
		left -= (uint64_t)got;
		digest_add(digest, piece, (size_t)got);
		ok = sink(context, piece, (size_t)got);
		if (!ok)
			break;
	}
	digest_hex(digest, hex);
	digest_free(digest);
	if (ok && (left > 0 || strcmp(hex, kept->hex) != 0))
		ok = damaged(path, err);
	return ok;
}

bool store_page_read(struct store *store, const char *name, size_t number,
	bool (*sink)(void *context, const char *data, size_t length), void *context, struct err *err)
{
	const struct reading *reading = find(store, name);
	struct kept kept = {0};
	struct stat status = {0};
	if (!find_page(store, reading, number, &kept, err))
		return false;
	char *file = file_name(reading->stem, number, BODY_END);
	char *path = mem_format("%s/%s", store->path, file);
	/* Not to hang on what somebody may have put there instead. */
	int fd = file_open(store->folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	bool ok = false;
	if (fd < 0 || fstat(fd, &status) != 0)
		err_set(err, errno == ENOENT || errno == ELOOP ? ERR_API : ERR_FILE,
			"cannot read the saved page %s: %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != kept.facts.bytes)
		damaged(path, err);
	else
		ok = pour(fd, path, &kept, sink, context, err);
	if (fd >= 0)
		close(fd);
	free(path);
	free(file);
	return ok;
}

const char *store_how(const struct store *store, const char *name)
{
	const struct reading *reading = find(store, name);
	return reading != NULL && reading->how != NULL ? reading->how : "";
}

const char *store_proof(const struct store *store, const char *name, uint64_t *rows)
{
	const struct reading *reading = find(store, name);
	if (reading == NULL || reading->proof == NULL)
		return NULL;
	if (rows != NULL)
		*rows = reading->rows;
	return reading->proof;
}

const char *store_why_missing(const struct store *store, const char *name)
{
	const struct reading *reading = find(store, name);
	return reading != NULL ? reading->missing : NULL;
}

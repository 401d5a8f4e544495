/*
 * Saved pages to a published bundle: all of `export` but the network. Input: five bytes of switches (those below; the
 * receiver, 0 for none; how many rows a page has, in four bits, and with the highest bit in the three others how many
 * it has when everything is done once more), items, and a full stop: what has none is no input, so that replay.c does
 * not spend its time on halves. An item begins with a byte: in its low half is a table of the standard, in its high
 * half what it is. 14: an element of the list as it stands, up to a record separator (0x1E). 15: a page as it stands,
 * up to the same. Else a record, and the half says on which of two days it is there and whether its names are those of
 * the CSV; behind it come a byte of switches, the number of its id, two bytes with four numbers that it refers to, and
 * as many changes as the switches say: a column, a kind, and what that kind needs. All else in it is as it should be.
 * Holds: what is published is judged as by `validate` without an error, but for what the options ask for; pages cut in
 * another way give the same bytes, and the same pages again change nothing. Each row that was read is in the bundle or
 * counted as left out; which are in it, and what is in their cells, is what is reckoned here from the records after
 * the words of the manual. Too much of the bundle before is never gone. What is not published leaves everything as it
 * was, with an error of a kind that fits; no file and no descriptor is left behind. Neither report nor message holds
 * anything of a person.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/library.h"
#include "base/time.h"
#include "check/finding.h"
#include "check/guard.h"
#include "cmd/cmd.h"
#include "cmd/judging.h"
#include "convert/plan.h"
#include "convert/sax.h"
#include "fetch/store.h"
#include "json.h"
#include "package/archive.h"
#include "stop.h"
#include "table/consumer.h"
#include "table/csv_read.h"
#include "table/schema.h"

#define SCHEMA (&schema_oneroster_1_1)

/* The switches: two bytes of options, one of filters and the like. */
enum {
	DANGLING = 3,
	EMPTY_FINE = 4,
	EMPTY_HEADER = 8,
	METADATA = 0x10,
	LOOSE = 0x20,
	QUOTE_ALL = 0x40,
	EOL_LF = 0x80,
	MODE = 0x300,
	FORCE = 0x400,
	ERRORS_FINE = 0x800,
	ANY_DROP = 0x1000,
	CHECKSUM = 0x2000,
	FILL = 0x4000,
	ALL_TABLES = 0x8000,
	SCHOOLS = 0x10000,
	ROLES = 0x20000,
	ENROLLED = 0x40000,
	TERMS = 0x80000,
	GRADES = 0x100000,
	FILTERS = SCHOOLS | ROLES | ENROLLED | TERMS | GRADES,
	DROP_COLUMNS = 0x200000,
	INSTEAD = 0x400000, /* the server has some tables only by way of others */
	FILES = 0x800000,   /* without courses and academicSessions */
};

enum { DANGLING_FAIL, DANGLING_DROP, DANGLING_KEEP };
enum { BULK, BULK_AFTER_BULK, DELTA_AFTER_BULK, DELTA }; /* MODE; the last one since a day that is told */

/* The high half of an item's first byte: what it is, or bits of a record. */
enum { TODAY_ONLY = 1, YESTERDAY_ONLY = 2, FLAT = 8, ELEMENT = 14, PAGE = 15 };

/* The switches of a record. */
enum { CHANGES = 3, DELETED = 4, LATE = 8, WITH_METADATA = 0x10, WITH_RESOURCES = 0x20 };

/* What becomes of a column of a record. */
enum change_kind {
	CHANGE_NONE,
	CHANGE_ABSENT,
	CHANGE_NULL,
	CHANGE_BLANK,
	CHANGE_TEXT,   /* to the end of the line */
	CHANGE_NUMBER, /* JSON as it stands, likewise */
	CHANGE_LIST,
	CHANGE_OBJECT,
	CHANGE_REFER, /* a byte: to which number */
	CHANGE_WORD,  /* a byte: which of the standard's */
	CHANGE_DATE,  /* a byte: which of those below */
	CHANGE_LONG,  /* a byte: how long */
	CHANGE_TWICE,
	CHANGE_COUNT
};

enum {
	ITEMS_MAX = 60,
	COLUMNS_MAX = 20,
	TABLES_MAX = 16,
	NUMBERS = 16, /* ids of a table */
	ARGUMENTS_MAX = 64,
	DESCRIPTORS_MAX = 64,
	LONG_STEP = 500, /* characters */
	FILE_MAX = 64 * 1024 * 1024,
	NOW = 1790000000,
	SEPARATOR = 0x1E,
};

enum day { YESTERDAY, TODAY, DAYS };

static const char surname[] = "Quillfeather"; /* of everybody, so that it can be looked for */
static const char old_text[] = "what lay there before\n";
static const char early[] = "2001-02-03T04:05:06.000Z";
static const char late[] = "2999-12-31T00:00:00.000Z";
static const char since[] = "2030-01-01T00:00:00Z";
static const char all_tables[] =
	"core,demographics,resources,courseResources,classResources,categories,lineItems,results";
static const char core_tables[] = "orgs,academicSessions,courses,classes,users,enrollments";
static const char some_tables[] = "orgs,classes,users,enrollments";
static const char fine_errors[] =
	"field.enum,field.boolean,field.date,field.datetime,field.year,field.float,field.list,field.userids,id.chars,"
	"id.length,sem.primary-role,sem.two-primary,consumer.required,consumer.unique,consumer.text,consumer.role,"
	"consumer.org-type,consumer.periods,consumer.metadata";

/* What an item came to. */
struct item {
	const struct table *table;
	unsigned what; /* ELEMENT, PAGE, or 0 for a record */
	bool there[DAYS];
	unsigned number;
	bool odd; /* there may be something wrong with it */
	struct buf json;
	char *cells[COLUMNS_MAX]; /* as they are to stand in the bundle; NULL for what is not known */
	bool counts;              /* it is no copy of a row that is newer, or came later */
	bool out;                 /* the bundle is to be without it */
	bool seen;                /* it was in the bundle */
};

struct world {
	unsigned wishes; /* the switches */
	const struct consumer *consumer;
	unsigned page_rows[2];
	bool twice; /* the pages are read once more, cut anew if the two differ */
	struct item items[ITEMS_MAX];
	size_t count;
	bool elements;          /* how pages are cut may make a difference */
	bool known_ids;         /* the row of each id is known */
	bool exact;             /* what the bundle has to hold is known */
	bool plain;             /* nothing is wrong with any record as such */
	bool all;               /* a delta that holds everything */
	bool broken;            /* if exact: a bundle of this must not be */
	bool given[TABLES_MAX]; /* by table id: the bundle is to have it; without a receiver */
	struct buf ids[DAYS];   /* of the rows of the bundles, "\ntable id\n" each */
};

/* A run and where it works. */
struct play {
	struct world *world;
	char *base;
	char *state;
	char *out;
	char *output;
	char *report;
	struct err err;
	bool published;
	bool unchanged;
	bool before; /* a bundle was published on the day before */
};

static char *parent;

/* --- files ---------------------------------------------------------------------------------------------------------
 */

static int is_inside(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 ? 1 : 0;
}

static void remove_all(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry = NULL;
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char *inside = mem_format("%s/%s", path, entry->d_name);
		if (is_inside(entry) != 0 && unlink(inside) != 0)
			remove_all(inside);
		free(inside);
	}
	if (folder != NULL)
		closedir(folder);
	rmdir(path);
}

static void leave(void)
{
	remove_all(parent);
	free(parent);
	parent = NULL;
}

static char *make_folder(const char *in, const char *name)
{
	char *folder = mem_format("%s/%s", in, name);
	fuzz_must(mkdir(folder, S_IRWXU) == 0, "a folder can be made");
	return folder;
}

static void write_file(const char *path, const char *text)
{
	size_t length = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	fuzz_must(fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0, "a file can be written");
}

/* Adds what is below a path: names, sizes, bytes. */
static void add_snapshot(const char *path, struct buf *out)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_inside, alphasort);
	fuzz_must(count >= 0, "a folder can be listed");
	for (int i = 0; i < count; i++) {
		struct err err = {0};
		struct stat status;
		char *inside = mem_format("%s/%s", path, entries[i]->d_name);
		fuzz_must(lstat(inside, &status) == 0, "what is listed is there");
		buf_add_format(out, "\n%s %jd\n", entries[i]->d_name, (intmax_t)status.st_size);
		if (S_ISREG(status.st_mode))
			fuzz_must(file_read(inside, FILE_MAX, out, &err), "and can be read");
		else
			add_snapshot(inside, out);
		free(inside);
		free(entries[i]);
	}
	free(entries);
}

static struct buf snapshot_of(const char *path)
{
	struct buf out = {0};
	add_snapshot(path, &out);
	return out;
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->length == b->length && memcmp(buf_text(a), buf_text(b), a->length) == 0;
}

static size_t descriptors(void)
{
	size_t count = 0;
	for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
		count += fcntl(fd, F_GETFD) != -1 ? 1 : 0;
	return count;
}

/* --- records -------------------------------------------------------------------------------------------------------
 */

struct change {
	enum change_kind kind;
	unsigned which;
	const char *text;
	size_t length;
};

static void add_string(struct buf *json, const char *text, size_t length)
{
	buf_add_char(json, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == '"' || c == '\\')
			buf_add_format(json, "\\u%04x", c);
		else
			buf_add_char(json, text[i]);
	}
	buf_add_char(json, '"');
}

/* What a record refers to by a column: its table's, or what its id is the id of. */
static char *id_of(int table, unsigned number)
{
	int of = SCHEMA->tables[table].columns[SCHEMA_SOURCED_ID].ref;
	return mem_format("%.3s-%u", SCHEMA->tables[of != SCHEMA_NONE ? of : table].name, number % NUMBERS);
}

static const char *usual_word(const struct vocabulary *vocabulary)
{
	static const char *const words[] = {"active", "school", "term", "student", "scheduled"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (const char *const *value = vocabulary->values; *value != NULL; value++)
			if (strcmp(*value, words[i]) == 0)
				return words[i];
	return vocabulary->values[0];
}

/* What stands in a column with which nothing is wrong, and that refers to nothing. */
static char *usual_cell(const struct item *item, const struct column *column)
{
	bool ends = strcmp(column->name, "endDate") == 0 || strcmp(column->name, "dueDate") == 0;
	bool user = strcmp(item->table->name, "users") == 0;
	switch (column->type) {
	case COLUMN_ENUM:
	case COLUMN_ENUMS: return mem_copy(usual_word(column->vocabulary));
	case COLUMN_GRADES: return mem_copy("09");
	case COLUMN_BOOLEAN: return mem_copy(strcmp(column->name, "primary") == 0 ? "false" : "true");
	case COLUMN_DATE: return mem_copy(ends ? "2026-06-30" : "2025-08-15");
	case COLUMN_DATETIME: return mem_copy(early);
	case COLUMN_YEAR: return mem_copy("2026");
	case COLUMN_FLOAT: return mem_copy("87.50");
	case COLUMN_USERIDS: return mem_format("{LDAP:%s%u}", surname, item->number);
	case COLUMN_BLANK: return mem_copy("");
	default: break;
	}
	if (strcmp(column->name, "email") == 0)
		return mem_format("%s%u@pupils.example", surname, item->number);
	return mem_format("%s %u", user ? surname : column->name, item->number);
}

/* Begins a member as the API has it, or under the column's name. */
static void add_open(struct buf *json, const struct column *column, bool flat)
{
	const char *path = column->paths[0];
	size_t length = strcspn(path, ".");
	bool nested = !flat && path[length] != '\0';
	const char *bracket = column_is_list(column->type) ? "[" : "";
	if (flat)
		buf_add_format(json, "\"%s\":%s", column->name, bracket);
	else
		buf_add_format(json, "\"%.*s\":%s", (int)length, path, bracket);
	if (nested)
		buf_add_format(json, "{\"%s\":", path + length + 1);
}

static void add_close(struct buf *json, const struct column *column, bool flat)
{
	if (!flat && strchr(column->paths[0], '.') != NULL)
		buf_add_char(json, '}');
	if (column_is_list(column->type))
		buf_add_char(json, ']');
}

/* Whether a text comes into a bundle as it is. */
static bool is_plain(const char *text, size_t length)
{
	return length > 0 && text[0] > ' ' && text[0] < 0x7F && fuzz_is_clean(text, length) &&
	       !(length == 4 && memcmp(text, "null", 4) == 0);
}

/* Each of the words in turn. */
static const char *word_at(const struct vocabulary *vocabulary, unsigned which)
{
	const char *const *word = vocabulary->values;
	for (; which > 0; which--)
		word = word[1] != NULL ? word + 1 : vocabulary->values;
	return *word;
}

/* The text that a change makes of a column, and whether it goes into the bundle as it is; NULL when it makes none. */
static char *changed_text(const struct column *column, const struct change *change, bool *known)
{
	static const char *const dates[] = {"2026-02-30", "09/01/2025", "2025-09-01T00:00:00", "20250901",
		"2025-09-01T23:30:00-08:00", "0000-00-00", "2025-9-1", "2999-12-31T00:00:00.000Z"};
	char *text = NULL;
	*known = column->type == COLUMN_TEXT;
	switch (change->kind) {
	case CHANGE_TEXT:
		*known = *known && is_plain(change->text, change->length);
		return mem_copy_n(change->text, change->length);
	case CHANGE_REFER:
		*known = *known || column->type == COLUMN_GUID || column->type == COLUMN_GUIDS;
		return id_of(column->ref != SCHEMA_NONE ? column->ref : 0, change->which);
	case CHANGE_WORD:
		*known = *known || column->type == COLUMN_ENUM;
		return mem_copy(column->vocabulary != NULL ? word_at(column->vocabulary, change->which) : "word");
	case CHANGE_DATE: return mem_copy(dates[change->which % (sizeof(dates) / sizeof(dates[0]))]);
	case CHANGE_LONG:
		text = mem_new((size_t)change->which * LONG_STEP + 2, 1);
		memset(text, 'x', (size_t)change->which * LONG_STEP + 1);
		return text;
	default: return NULL;
	}
}

/* Adds a member with whatever JSON. */
static void add_member(struct buf *json, const struct column *column, bool flat, const char *value, size_t length)
{
	add_open(json, column, flat);
	buf_add(json, value, length);
	add_close(json, column, flat);
	buf_add_char(json, ',');
}

static void add_json(struct buf *json, const struct column *column, bool flat, const char *value)
{
	add_member(json, column, flat, value, strlen(value));
}

static void add_text(struct buf *json, const struct column *column, bool flat, const char *text, size_t length)
{
	struct buf value = {0};
	add_string(&value, text, length);
	add_member(json, column, flat, buf_text(&value), value.length);
	buf_release(&value);
}

/* What the bundle has where the server sent nothing. */
static const char *filled_cell(const struct table *table, const struct column *column)
{
	if (strcmp(table->name, "users") == 0 && strcmp(column->name, "enabledUser") == 0)
		return "true";
	return strcmp(table->name, "classes") == 0 && strcmp(column->name, "classType") == 0 ? "scheduled" : "";
}

static void add_changed(struct item *item, int c, bool flat, const struct change *change)
{
	const struct column *column = &item->table->columns[c];
	bool known = false;
	char *text = changed_text(column, change, &known);
	bool odd = item->odd;
	item->odd = odd || !known || column->type != COLUMN_TEXT;
	free(item->cells[c]);
	item->cells[c] = NULL;
	if (text != NULL) {
		add_text(&item->json, column, flat, text, change->kind == CHANGE_TEXT ? change->length : strlen(text));
		if (known)
			item->cells[c] = text;
		else
			free(text);
		return;
	}
	switch (change->kind) {
	case CHANGE_NULL: add_json(&item->json, column, flat, "null"); break;
	case CHANGE_BLANK: add_json(&item->json, column, flat, "\"  \""); break;
	case CHANGE_NUMBER:
		add_member(&item->json, column, flat, change->text, change->length);
		item->what = ELEMENT; /* it may be no JSON at all */
		return;
	case CHANGE_LIST: add_json(&item->json, column, flat, "[\"one\",\"two\"]"); return;
	case CHANGE_OBJECT: add_json(&item->json, column, flat, "{\"sourcedId\":\"org-1\"}"); return;
	case CHANGE_TWICE:
		add_json(&item->json, column, flat, "\"once\"");
		add_json(&item->json, column, flat, "\"twice\"");
		return;
	default: break;
	}
	if (column->fill_via != SCHEMA_NONE)
		return;
	item->cells[c] = mem_copy(filled_cell(item->table, column));
	item->odd = odd || (column->required && item->cells[c][0] == '\0');
}

static void write_record(
	struct item *item, unsigned switches, bool flat, const unsigned refs[4], const struct change *changes)
{
	const struct table *table = item->table;
	unsigned next = 0;
	char *user_id = mem_format("{\"type\":\"LDAP\",\"identifier\":\"%s%u\"}", surname, item->number);
	buf_add_char(&item->json, '{');
	for (int c = 0; c < table->column_count; c++) {
		const struct column *column = &table->columns[c];
		char **cell = &item->cells[c];
		if (c == SCHEMA_SOURCED_ID)
			*cell = id_of(table->id, item->number);
		else if (column->ref != SCHEMA_NONE && column->ref == table->id && refs[next % 4] == 0)
			*cell = mem_copy("");
		else if (column->ref != SCHEMA_NONE)
			*cell = id_of(column->ref, refs[next % 4]);
		else
			*cell = usual_cell(item, column);
		next += column->ref != SCHEMA_NONE && c != SCHEMA_SOURCED_ID ? 1 : 0;
		if (c == SCHEMA_STATUS && (switches & DELETED) != 0)
			memcpy(*cell = mem_grow(*cell, 12, 1), "tobedeleted", 12);
		if (c == SCHEMA_DATE_LAST_MODIFIED && (switches & LATE) != 0)
			memcpy(*cell, late, sizeof(late));
		if (column->paths[0] == NULL)
			continue;
		if (changes[c].kind != CHANGE_NONE)
			add_changed(item, c, flat, &changes[c]);
		else if (column->type == COLUMN_USERIDS && !flat)
			add_json(&item->json, column, flat, user_id);
		else if ((*cell)[0] != '\0')
			add_text(&item->json, column, flat, *cell, strlen(*cell));
	}
	if ((switches & WITH_METADATA) != 0)
		buf_add_format(&item->json, "\"metadata\":{\"room\":\"%u\",\"more\":{\"one, two\":[1,%u]}},",
			item->number, item->number);
	if ((switches & WITH_RESOURCES) != 0)
		buf_add_format(&item->json, "\"resources\":[{\"sourcedId\":\"res-%u\"}],", refs[3]);
	if (item->json.data[item->json.length - 1] == ',')
		item->json.data[item->json.length - 1] = '}';
	else
		buf_add_char(&item->json, '}');
	free(user_id);
}

static void read_record(struct fuzz_input *input, struct item *item, bool flat)
{
	struct change changes[COLUMNS_MAX] = {0};
	unsigned switches = fuzz_byte(input);
	item->number = fuzz_byte(input) % NUMBERS;
	unsigned first = fuzz_byte(input);
	unsigned second = fuzz_byte(input);
	unsigned refs[4] = {first & 15, first >> 4, second & 15, second >> 4};
	for (unsigned i = 0; i < (switches & CHANGES); i++) {
		struct change *change = &changes[fuzz_byte(input) % (unsigned)item->table->column_count];
		*change = (struct change){.kind = (enum change_kind)(fuzz_byte(input) % CHANGE_COUNT)};
		if (change->kind == CHANGE_TEXT || change->kind == CHANGE_NUMBER)
			change->text = fuzz_line(input, &change->length);
		else if (change->kind >= CHANGE_REFER && change->kind <= CHANGE_LONG)
			change->which = fuzz_byte(input);
	}
	item->odd = (switches & WITH_RESOURCES) != 0;
	write_record(item, switches, flat, refs, changes);
}

static void read_item(struct fuzz_input *input, struct item *item)
{
	unsigned first = fuzz_byte(input);
	unsigned what = first >> 4;
	item->table = &SCHEMA->tables[(first & 15) % (unsigned)SCHEMA->table_count];
	while (item->table->endpoint == NULL)
		item->table = &SCHEMA->tables[(item->table->id + 1) % SCHEMA->table_count];
	item->there[TODAY] = item->there[YESTERDAY] = true;
	if (what == ELEMENT || what == PAGE) {
		const char *end = memchr(input->data, SEPARATOR, input->left);
		size_t length = end != NULL ? (size_t)(end - input->data) : input->left;
		const char *bytes = fuzz_bytes(input, &length);
		fuzz_byte(input);
		item->what = what;
		buf_add(&item->json, bytes, length);
		return;
	}
	item->there[YESTERDAY] = (what & TODAY_ONLY) == 0;
	item->there[TODAY] = (what & YESTERDAY_ONLY) == 0;
	read_record(input, item, (what & FLAT) != 0);
}

/* --- what the bundle is to hold ------------------------------------------------------------------------------------
 */

static bool is_delta(const struct world *world)
{
	return (world->wishes & MODE) >= DELTA_AFTER_BULK << 8;
}

static enum day first_day(const struct world *world)
{
	return (world->wishes & MODE) == BULK << 8 || (world->wishes & MODE) == DELTA << 8 ? TODAY : YESTERDAY;
}

static bool is_text(const char *text, size_t length, const char *other)
{
	return strlen(other) == length && memcmp(text, other, length) == 0;
}

/* The row of an id that counts, or NULL. */
static struct item *find(struct world *world, int table, const char *id, size_t length)
{
	for (size_t i = 0; i < world->count; i++) {
		struct item *item = &world->items[i];
		if (item->counts && item->table->id == table && is_text(id, length, item->cells[SCHEMA_SOURCED_ID]))
			return item;
	}
	return NULL;
}

/* Of the copies of a row the one changed last counts, of those the last one. */
static void choose_copies(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		struct item *item = &world->items[i];
		item->counts = item->what == 0 && item->there[TODAY] && item->cells[SCHEMA_SOURCED_ID] != NULL;
		for (size_t j = 0; item->counts && j < i; j++) {
			struct item *other = &world->items[j];
			const char *id = item->cells[SCHEMA_SOURCED_ID];
			if (!other->counts || other->table != item->table || strcmp(other->cells[0], id) != 0)
				continue;
			world->plain = false;
			const char *date = item->cells[SCHEMA_DATE_LAST_MODIFIED];
			const char *other_date = other->cells[SCHEMA_DATE_LAST_MODIFIED];
			bool newer = date == NULL || other_date == NULL || strcmp(date, other_date) >= 0;
			other->counts = !newer;
			item->counts = newer;
		}
	}
}

/* What can be told of the records at all. */
static void judge_knowledge(struct world *world)
{
	world->known_ids = true;
	world->exact = world->consumer == NULL && (world->wishes & FILTERS) == 0;
	world->plain = world->exact;
	for (size_t i = 0; i < world->count; i++) {
		const struct item *item = &world->items[i];
		world->elements = world->elements || item->what == ELEMENT;
		if (!item->there[TODAY])
			continue;
		world->known_ids = world->known_ids && item->what == 0 && item->cells[SCHEMA_SOURCED_ID] != NULL;
		world->plain = world->plain && !item->odd && item->what == 0;
		for (int c = 0; c < item->table->column_count; c++)
			if ((c <= SCHEMA_DATE_LAST_MODIFIED || item->table->columns[c].ref != SCHEMA_NONE) &&
				item->cells[c] == NULL)
				world->exact = false;
	}
	world->exact = world->exact && world->known_ids;
	world->plain = world->plain && world->exact;
}

/* Takes what must not stay out of the references of a column, and gives whether any stay; an id stays what it is.
 * Broken is set when some must not be there at all. */
static bool cut_references(struct world *world, struct item *item, int c, bool *broken)
{
	int table = item->table->columns[c].ref;
	unsigned dangling = world->wishes & DANGLING;
	struct buf left = {0};
	for (const char *at = item->cells[c]; *at != '\0';) {
		size_t length = strcspn(at, ",");
		const struct item *to = find(world, table, at, length);
		*broken = *broken || (to == NULL && dangling == DANGLING_FAIL);
		if (to != NULL ? !to->out : dangling == DANGLING_FAIL || dangling == DANGLING_KEEP)
			buf_add_format(&left, "%s%.*s", left.length > 0 ? "," : "", (int)length, at);
		at += length + (at[length] == ',' ? 1 : 0);
	}
	bool any = left.length > 0;
	if (c != SCHEMA_SOURCED_ID) {
		free(item->cells[c]);
		item->cells[c] = mem_copy(buf_text(&left));
	}
	buf_release(&left);
	return any;
}

/* Whether a full bundle is without a row; what it holds of it. References into its own table come later: nothing in a
 * row that is needed is one. */
static void judge_item(struct world *world, struct item *item, bool itself)
{
	const struct table *table = item->table;
	bool broken = false;
	if (!itself && strcmp(item->cells[SCHEMA_STATUS], "tobedeleted") == 0)
		item->out = true;
	for (int c = 0; !item->out && c < table->column_count; c++) {
		const struct column *column = &table->columns[c];
		if (column->ref == SCHEMA_NONE || !world->given[column->ref] || (column->ref == table->id) != itself ||
			item->cells[c][0] == '\0')
			continue;
		item->out = !cut_references(world, item, c, &broken) && column->required;
	}
	world->broken = world->broken || (broken && !item->out && world->given[table->id]);
}

/* Whether a row belongs into a delta, in which nothing is cut. */
static bool is_changed(const struct world *world, const struct item *item)
{
	const char *date = item->cells[SCHEMA_DATE_LAST_MODIFIED];
	return world->all || date[0] == '\0' || strcmp(date, since) >= 0;
}

static void judge_cells(struct world *world, const struct item *item)
{
	bool deleted = strcmp(item->cells[SCHEMA_STATUS], "tobedeleted") == 0;
	if (item->cells[SCHEMA_SOURCED_ID][0] == '\0')
		world->broken = true;
	for (int c = SCHEMA_DATE_LAST_MODIFIED + 1; c < item->table->column_count && !item->out; c++)
		if (item->table->columns[c].required && item->cells[c] != NULL && item->cells[c][0] == '\0' &&
			(world->wishes & FILL) == 0 && !(deleted && is_delta(world)))
			world->broken = true;
}

/* Settles what is in a bundle of today, if that can be told. */
static void reckon(struct world *world, bool before)
{
	bool rows[TABLES_MAX] = {false};
	world->all = (world->wishes & MODE) == DELTA_AFTER_BULK << 8 && !before;
	for (int t = 0; world->exact && t < SCHEMA->table_count; t++) {
		for (size_t i = 0; i < 2 * world->count; i++) {
			struct item *item = &world->items[i % world->count];
			if (item->counts && item->table->id == t && !is_delta(world))
				judge_item(world, item, i >= world->count);
			else if (item->counts && item->table->id == t)
				item->out = !is_changed(world, item);
		}
		for (size_t i = 0; i < world->count && world->given[t]; i++) {
			const struct item *item = &world->items[i];
			rows[t] = rows[t] || (item->counts && item->table->id == t && !item->out);
			if (item->counts && item->table->id == t)
				judge_cells(world, item);
		}
		if (SCHEMA->tables[t].core && world->given[t] && !rows[t] && !is_delta(world) &&
			(world->wishes & EMPTY_FINE) == 0)
			world->broken = true;
	}
}

/* --- saved pages ---------------------------------------------------------------------------------------------------
 */

static bool count_record(void *context, struct record *record, struct err *err)
{
	(void)context;
	(void)record;
	(void)err;
	return true;
}

/* The rows of a page that is as it stands; 0 of one that is no page, which is noted. */
static uint64_t rows_of(const struct table *table, const struct buf *body, bool *unreadable)
{
	static const struct sax_events events = {.record = count_record};
	struct err err = {0};
	struct plan *plan = plan_new(table, NULL, 0, NULL);
	struct sax *sax = sax_new(plan, &events, NULL);
	sax_begin(sax);
	bool fine = sax_feed(sax, buf_text(body), body->length, &err) && sax_end(sax, &err);
	uint64_t rows = fine ? sax_records(sax) : 0;
	*unreadable = *unreadable || !fine;
	sax_free(sax);
	plan_free(plan);
	return rows;
}

/* A reading that is being kept. */
struct keeping {
	struct store *store;
	const char *reading;
	const struct table *table;
	struct buf body;
	unsigned records; /* of this page */
	bool foreign;     /* not all of it is ours */
	bool unreadable;  /* a page is no page */
	uint64_t rows;
};

static void end_page(struct keeping *keeping)
{
	struct err err = {0};
	if (keeping->body.length == 0)
		return;
	if (keeping->records > 0)
		buf_add_text(&keeping->body, "]}");
	struct store_facts facts = {
		.offset = keeping->rows,
		.limit = 1000,
		.rows = keeping->foreign ? rows_of(keeping->table, &keeping->body, &keeping->unreadable)
					 : keeping->records,
		.extra = "--",
	};
	struct store_page *page = store_page_begin(keeping->store, keeping->reading);
	fuzz_must(
		store_page_add(page, keeping->body.data, keeping->body.length) && store_page_commit(page, &facts, &err),
		"a page can be kept");
	keeping->rows += facts.rows;
	keeping->records = 0;
	keeping->foreign = false;
	buf_clear(&keeping->body);
}

static void add_item(struct keeping *keeping, const struct item *item, unsigned page_rows)
{
	if (item->what == PAGE || keeping->records == page_rows)
		end_page(keeping);
	if (item->what == PAGE) {
		buf_add(&keeping->body, buf_text(&item->json), item->json.length);
		keeping->foreign = true;
		end_page(keeping);
		return;
	}
	if (keeping->records++ == 0)
		buf_add_format(&keeping->body, "{\"%s\":[", keeping->table->collection);
	else
		buf_add_char(&keeping->body, ',');
	buf_add(&keeping->body, buf_text(&item->json), item->json.length);
	keeping->foreign = keeping->foreign || item->what == ELEMENT;
}

/* Keeps what one address lists: of the rows of its table those whose number leaves that rest. Gives whether all of its
 * pages can be read. */
static bool keep_reading(const struct world *world, struct store *store, const struct table *table, const char *reading,
	enum day day, unsigned page_rows, unsigned of, unsigned rest)
{
	struct err err = {0};
	struct keeping keeping = {.store = store, .reading = reading, .table = table};
	fuzz_must(store_restart(store, reading, "sorted", &err), "a reading can be kept");
	for (size_t i = 0; i < world->count; i++) {
		const struct item *item = &world->items[i];
		if (item->table == table && item->there[day] && item->number % of == rest)
			add_item(&keeping, item, page_rows);
	}
	end_page(&keeping);
	fuzz_must(store_done(store, reading, keeping.rows, "an empty page came behind them", &err), "to its end");
	buf_release(&keeping.body);
	return !keeping.unreadable;
}

/* Whether the run may want to read a table. */
static bool may_read(const struct world *world, const struct table *table)
{
	return table->core || (world->wishes & ALL_TABLES) != 0 || world->consumer != NULL;
}

/* Keeps what the server lists. Gives whether all pages that are read in any case can be. */
static bool keep_pages(const struct world *world, const char *folder, enum day day, unsigned page_rows)
{
	struct err err = {0};
	bool fine = true;
	struct store *store = store_open(folder, "settings", NOW, -1, &err);
	fuzz_must(store != NULL, "pages can be kept");
	for (int t = 0; t < SCHEMA->table_count; t++) {
		const struct table *table = &SCHEMA->tables[t];
		bool is_needed = world->given[t] && world->consumer == NULL;
		unsigned places = 0;
		while (table->instead[places] != NULL)
			places++;
		if (table->endpoint == NULL || !may_read(world, table))
			continue;
		if ((world->wishes & INSTEAD) == 0 || places == 0) {
			if (!keep_reading(world, store, table, table->endpoint, day, page_rows, 1, 0))
				fine = fine && !table->core;
			continue;
		}
		fuzz_must(store_missing(store, table->endpoint, "the server does not know it (status 404)", &err),
			"that one is missing can be kept");
		for (unsigned i = 0; i < places; i++)
			if (!keep_reading(world, store, table, table->instead[i], day, page_rows, places, i))
				fine = fine && !is_needed; /* else it is as if the server had none */
	}
	store_free(store);
	return fine;
}

/* --- the run -------------------------------------------------------------------------------------------------------
 */

struct arguments {
	char *items[ARGUMENTS_MAX];
	int count;
};

/* Adds an option, unless it is not wished. */
static void add_option(struct arguments *arguments, unsigned wished, const char *name, const char *value)
{
	if (wished == 0)
		return;
	arguments->items[arguments->count++] = mem_copy(name);
	if (value != NULL)
		arguments->items[arguments->count++] = mem_copy(value);
}

static void add_wishes(const struct world *world, enum day day, struct arguments *arguments)
{
	static const char *const dangling[] = {"fail", "drop", "keep", "keep"};
	unsigned wishes = world->wishes;
	bool delta = day == TODAY && is_delta(world);
	add_option(arguments, 1, "--dangling", dangling[wishes & DANGLING]);
	add_option(arguments, wishes & EMPTY_FINE, "--allow-empty", core_tables);
	add_option(arguments, wishes & EMPTY_HEADER, "--empty", "header");
	add_option(arguments, wishes & METADATA, "--metadata", "auto");
	add_option(arguments, wishes & QUOTE_ALL, "--quote", "all");
	add_option(arguments, wishes & EOL_LF, "--eol", "lf");
	add_option(arguments, day == TODAY ? wishes & FORCE : 0, "--force-once", NULL);
	add_option(arguments, wishes & ERRORS_FINE, "--allow-errors", fine_errors);
	add_option(arguments, wishes & ANY_DROP, "--max-drop", "100%");
	add_option(arguments, wishes & CHECKSUM, "--checksum", NULL);
	add_option(arguments, wishes & FILL, "--fill", "users.givenName=Given,classes.title=Homeroom,orgs.type=school");
	add_option(arguments, wishes & ALL_TABLES, "--collections", all_tables);
	add_option(arguments, wishes & SCHOOLS, "--schools", "org-1");
	add_option(arguments, wishes & ROLES, "--roles", "student,guardian");
	add_option(arguments, wishes & ENROLLED, "--enrolled-only", (wishes & TERMS) != 0 ? "yes" : "with-agents");
	add_option(arguments, wishes & TERMS, "--terms", "aca-1");
	add_option(arguments, wishes & GRADES, "--grades", "09,10");
	add_option(arguments, wishes & DROP_COLUMNS, "--drop-columns", "users.phone,users.sms");
	add_option(arguments, wishes & FILES, "--files", some_tables);
	add_option(
		arguments, world->consumer != NULL, "--consumer", world->consumer != NULL ? world->consumer->name : "");
	add_option(arguments, delta, "--mode", "delta");
	add_option(arguments, delta, "--since", (wishes & MODE) == DELTA << 8 ? since : "last");
}

/* Nobody may read it in a message. */
static bool is_private(const char *text)
{
	const char *found = text;
	while ((found = strstr(found, "use-")) != NULL && (found[4] < '0' || found[4] > '9'))
		found += 4;
	return found == NULL && strstr(text, surname) == NULL;
}

static uint64_t number_at(yajl_val object, const char *key)
{
	return (uint64_t)json_number_at(object, key);
}

static bool flag_at(yajl_val object, const char *key)
{
	const char *path[] = {key, NULL};
	return YAJL_IS_TRUE(yajl_tree_get(object, path, yajl_t_any));
}

/* The elements of a list; their number. */
static size_t list_at(yajl_val object, const char *key, yajl_val **items)
{
	const char *path[] = {key, NULL};
	yajl_val list = yajl_tree_get(object, path, yajl_t_array);
	*items = list != NULL ? list->u.array.values : NULL;
	return list != NULL ? list->u.array.len : 0;
}

/* What was read of each table is what was kept for it. */
static void check_collection(const struct world *world, enum day day, yajl_val collection)
{
	const struct table *table = schema_table_find(SCHEMA, json_text_at(collection, "name"));
	uint64_t rows = 0;
	uint64_t distinct = 0;
	bool known = table->endpoint != NULL && flag_at(collection, "complete");
	for (size_t i = 0; i < world->count; i++) {
		const struct item *item = &world->items[i];
		if (item->table != table || !item->there[day])
			continue;
		known = known && item->what == 0;
		rows++;
		bool copy = false;
		for (size_t j = 0; j < i && known; j++)
			copy = copy || (world->items[j].table == table && world->items[j].there[day] &&
					       item->cells[0] != NULL && world->items[j].cells[0] != NULL &&
					       strcmp(world->items[j].cells[0], item->cells[0]) == 0);
		known = known && item->cells[0] != NULL;
		distinct += copy ? 0 : 1;
	}
	/* Of copies that one of several addresses lists only one comes as far as the join of them all. */
	bool joined = (world->wishes & INSTEAD) != 0 && table->instead[0] != NULL;
	fuzz_must(!known || joined || number_at(collection, "rows") == rows, "every record was read");
	fuzz_must(!known || number_at(collection, "distinct") == distinct, "and none was taken for another");
}

static void check_file(yajl_val report, yajl_val file, bool delta)
{
	yajl_val *collections = NULL;
	size_t count = list_at(report, "collections", &collections);
	const char *name = json_text_at(file, "file");
	uint64_t sum = number_at(file, "rows") + number_at(file, "left-out-filtered") +
		       number_at(file, "left-out-deleted") + number_at(file, "left-out-hanging") +
		       number_at(file, "left-out-dangling");
	bool absent = strcmp(json_text_at(file, "mode"), "absent") == 0;
	for (size_t i = 0; i < count; i++) {
		const char *table = json_text_at(collections[i], "name");
		if (strncmp(table, name, strlen(table)) != 0 || strcmp(name + strlen(table), ".csv") != 0)
			continue;
		uint64_t distinct = number_at(collections[i], "distinct");
		fuzz_must(sum <= distinct, "no row was made up");
		fuzz_must(absent || delta || sum == distinct, "a row is in the bundle, or counted as left out");
	}
}

static void check_report(struct play *play, enum day day)
{
	struct err err = {0};
	struct buf text = {0};
	yajl_val *items = NULL;
	play->published = false;
	play->unchanged = false;
	fuzz_must(file_read(play->report, FILE_MAX, &text, &err), "there is a report");
	fuzz_must(is_private(buf_text(&text)), "without anything of a person");
	yajl_val report = json_tree(buf_text(&text), NULL, 0);
	fuzz_must(report != NULL, "in JSON");
	fuzz_must(json_number_at(report, "exit-status") == err_exit_status(play->err.code), "it tells the exit status");
	size_t count = list_at(report, "collections", &items);
	for (size_t i = 0; i < count; i++)
		check_collection(play->world, day, items[i]);
	if (list_at(report, "bundles", &items) > 0) {
		yajl_val bundle = items[0];
		play->published = flag_at(bundle, "published");
		play->unchanged = flag_at(bundle, "unchanged");
		count = list_at(bundle, "files", &items);
		for (size_t i = 0; i < count && (play->published || play->unchanged); i++)
			check_file(report, items[i], day == TODAY && is_delta(play->world));
	}
	yajl_tree_free(report);
	buf_release(&text);
}

/* Nothing lies in the state folder but what belongs there. */
static void check_state(const struct play *play)
{
	static const char *const known[] = {"lock", "published", "refused", "bundle.zip", "bundle.json"};
	struct dirent **entries = NULL;
	char *folders[] = {
		mem_copy(play->state), mem_format("%s/published", play->state), mem_format("%s/refused", play->state)};
	for (size_t f = 0; f < sizeof(folders) / sizeof(folders[0]); f++) {
		int count = scandir(folders[f], &entries, is_inside, alphasort);
		for (int i = 0; i < count; i++) {
			bool fine = false;
			for (size_t k = f == 0 ? 0 : 3; k < (f == 0 ? 3 : sizeof(known) / sizeof(known[0])); k++)
				fine = fine || strcmp(entries[i]->d_name, known[k]) == 0;
			fuzz_must(fine, "no working file is left behind");
			free(entries[i]);
		}
		if (count >= 0)
			free(entries);
		free(folders[f]);
	}
}

/* --- what was published --------------------------------------------------------------------------------------------
 */

/* What is looked at in a bundle. */
struct sight {
	struct world *world;
	enum day day;
};

static bool is_dropped(const struct world *world, const struct table *table, const char *column)
{
	return (world->wishes & DROP_COLUMNS) != 0 && strcmp(table->name, "users") == 0 &&
	       (strcmp(column, "phone") == 0 || strcmp(column, "sms") == 0);
}

/* What a cell of the bundle has to hold; NULL when that is not known. */
static const char *wanted_cell(const struct world *world, const struct item *item, int c)
{
	const char *cell = item->cells[c];
	if (c <= SCHEMA_DATE_LAST_MODIFIED && c != SCHEMA_SOURCED_ID && !is_delta(world))
		return "";
	if (c == SCHEMA_STATUS)
		return strcmp(cell, "tobedeleted") == 0 ? cell : "active";
	if (is_dropped(world, item->table, item->table->columns[c].name))
		return "";
	bool blank = cell != NULL && cell[0] == '\0';
	/* A row without a date gets that of the run. */
	if (blank && (c == SCHEMA_DATE_LAST_MODIFIED || (world->wishes & FILL) != 0))
		return NULL;
	return cell;
}

static void check_cells(const struct world *world, const struct item *item, const struct csv_row *row)
{
	const struct table *table = item->table;
	for (int c = 0; c < table->column_count; c++) {
		const char *wanted = wanted_cell(world, item, c);
		if (wanted == NULL || is_text(row->cells[c].text, row->cells[c].length, wanted))
			continue;
		fprintf(stderr, "%s, %s: \"%.*s\", not \"%s\"\n", table->file_name, table->columns[c].name,
			(int)row->cells[c].length, row->cells[c].text, wanted);
		fuzz_must(false, "a cell holds what the record says");
	}
}

static void look(void *context, const struct table *table, const struct csv_row *row)
{
	const struct sight *sight = context;
	struct world *world = sight->world;
	unsigned wanted = (world->wishes & EOL_LF) != 0 ? CSV_LF : CSV_CRLF;
	fuzz_must(
		world->consumer != NULL || (row->notes & (CSV_LF | CSV_CRLF)) == wanted, "lines end as was asked for");
	if (table == NULL || row->number == 1 || row->count == 0)
		return;
	const struct csv_cell *id = &row->cells[SCHEMA_SOURCED_ID];
	buf_add_format(&world->ids[sight->day], "\n%s %.*s\n", table->name, (int)id->length, id->text);
	if (sight->day != TODAY || table->endpoint == NULL || !world->known_ids)
		return;
	struct item *item = find(world, table->id, id->text, id->length);
	fuzz_must(item != NULL && !item->seen, "what is in the bundle came from the server, once");
	item->seen = true;
	if (!world->exact)
		return;
	fuzz_must(!item->out, "what is left out is not in it");
	check_cells(world, item, row);
}

static bool accepts_dangling(const struct world *world)
{
	/* dangling = keep; and who leaves tables out of the bundle lives with references into them */
	return (world->wishes & DANGLING) == DANGLING_KEEP || (world->wishes & FILES) != 0;
}

static void judge(struct play *play, enum day day)
{
	struct world *world = play->world;
	struct err err = {0};
	struct sight sight = {.world = world, .day = day};
	struct archive *archive = archive_open(play->output, &err);
	fuzz_must(archive != NULL, "what was published can be opened");
	const struct judging_options options = {
		.schema = SCHEMA,
		.consumer = world->consumer,
		.folder = parent,
		.zip_name = archive_is_zip(archive) ? file_base(play->output) : NULL,
		.whole = true,
		.line = look,
		.context = &sight,
	};
	struct findings *findings = findings_new(false);
	if (accepts_dangling(world))
		findings_accept(findings, "ref.missing");
	if ((world->wishes & EMPTY_FINE) != 0) /* allow-empty: a core file may be the header alone */
		findings_accept(findings, "file.empty");
	char *errors = mem_copy((world->wishes & ERRORS_FINE) != 0 ? fine_errors : "");
	char *rest = NULL;
	for (char *code = strtok_r(errors, ",", &rest); code != NULL; code = strtok_r(NULL, ",", &rest))
		findings_accept(findings, code); /* allow-errors */
	free(errors);
	buf_clear(&world->ids[day]);
	fuzz_must(judging_run(archive, &options, findings, NULL, &err), "and judged");
	for (size_t i = 0; i < findings_count(findings); i++) {
		const struct finding *finding = findings_at(findings, i);
		if (finding_severity(finding) != RULE_ERROR)
			continue;
		fprintf(stderr, "%s %s: %s\n", finding->file != NULL ? finding->file : "bundle",
			finding->column != NULL ? finding->column : "", rules[finding->rule].code);
		fuzz_must(false, "validate accepts what was published");
	}
	findings_free(findings);
	archive_free(archive);
}

/* A full bundle in which too much of the one before is gone is held back. */
static void check_guard(const struct world *world)
{
	for (int t = 0; t < SCHEMA->table_count; t++) {
		uint64_t gone = 0;
		uint64_t old = 0;
		char *front = mem_format("\n%s ", SCHEMA->tables[t].name);
		for (const char *at = buf_text(&world->ids[YESTERDAY]); (at = strstr(at, front)) != NULL; old++) {
			char *line = mem_copy_n(at, strcspn(at + 1, "\n") + 2);
			gone += strstr(buf_text(&world->ids[TODAY]), line) == NULL ? 1 : 0;
			free(line);
			at++;
		}
		free(front);
		if (old >= GUARD_SMALL)
			fuzz_must(gone * 100 <= old * (uint64_t)SCHEMA->tables[t].max_drop, "the guard lets few go");
		else if (SCHEMA->tables[t].core && old > 0)
			fuzz_must(gone < old, "and never all of a core table");
	}
}

/* --- one input -----------------------------------------------------------------------------------------------------
 */

/* Runs the program over kept pages, and holds it to what is true of every run. */
static void run(struct play *play, const char *pages, enum day day)
{
	struct arguments arguments = {0};
	const struct world *world = play->world;
	struct buf before = snapshot_of(play->out);
	play->err = (struct err){0};
	add_option(&arguments, 1, "export", "--quiet");
	add_option(&arguments, 1, "--parallel", "1"); /* fewer pages to be had ready */
	add_option(&arguments, 1, "--from-pages", pages);
	add_option(&arguments, 1, "--output", play->output);
	add_option(&arguments, 1, "--state-dir", play->state);
	add_option(&arguments, 1, "--report", play->report);
	add_wishes(world, day, &arguments);
	bool fine = cmd_export(arguments.count, arguments.items, &play->err);
	if (stop_requested()) { /* the program catches the signals that would end this one */
		leave();
		stop_raise();
	}
	for (int i = 0; i < arguments.count; i++)
		free(arguments.items[i]);

	enum err_code code = play->err.code;
	struct buf after = snapshot_of(play->out);
	fuzz_must(fine == (code == ERR_NONE), "a run that fails says why");
	fuzz_must(fine || code == ERR_DATA || code == ERR_API || (code == ERR_GUARD && day == TODAY),
		"it is the data, or what the server said, or the guard");
	fuzz_must(is_private(play->err.text), "a message holds nothing of a person");
	check_report(play, day);
	check_state(play);
	fuzz_must(play->published || is_same(&before, &after), "what is not published leaves everything as it was");
	fuzz_must(fine == (play->published || play->unchanged), "a run is fine when there is a bundle");
	buf_release(&before);
	buf_release(&after);
}

static void check_published(struct play *play, enum day day)
{
	struct world *world = play->world;
	bool whole = (world->wishes & MODE) == BULK_AFTER_BULK << 8 && play->before;
	if (day == TODAY)
		fuzz_must(!world->exact || !world->broken || !play->published, "what is broken is not published");
	if (play->published)
		judge(play, day);
	if (day == YESTERDAY || !play->published)
		return;
	if (whole && (world->wishes & (FORCE | ANY_DROP)) == 0)
		check_guard(world);
	for (size_t i = 0; i < world->count && world->exact; i++) {
		const struct item *item = &world->items[i];
		bool belongs = item->counts && !item->out && world->given[item->table->id];
		fuzz_must(item->seen == belongs, "what belongs into the bundle is in it");
	}
}

static void open_play(struct play *play, struct world *world, const char *name)
{
	*play = (struct play){.world = world, .base = make_folder(parent, name)};
	play->state = mem_format("%s/state", play->base);
	play->report = mem_format("%s/report.json", play->base);
	play->out = make_folder(play->base, "out");
	bool loose = (world->wishes & LOOSE) != 0;
	char *first = loose ? mem_format("%s/files/manifest.csv", play->out)
			    : mem_format("%s/OneRoster.zip", play->out);
	play->output = loose ? mem_format("%s/files/", play->out) : mem_copy(first);
	if (loose)
		free(make_folder(play->out, "files"));
	write_file(first, old_text);
	free(first);
}

static void close_play(struct play *play)
{
	remove_all(play->base);
	free(play->base);
	free(play->state);
	free(play->out);
	free(play->output);
	free(play->report);
}

/* The day before if there is to be one, and today. */
static void play_days(struct play *play, unsigned page_rows)
{
	struct world *world = play->world;
	for (enum day day = first_day(world); day <= TODAY; day++) {
		char *pages = mem_format("%s/pages%d", play->base, (int)day);
		bool readable = keep_pages(world, pages, day, page_rows);
		run(play, pages, day);
		fuzz_must(readable || play->err.code == ERR_API, "a page that cannot be read is not passed over");
		if (day == YESTERDAY) {
			play->before = play->published;
			check_published(play, day);
		}
		free(pages);
	}
}

/* Once more from the same pages: nothing has changed, and nothing is touched. */
static void play_again(struct play *play)
{
	char *pages = mem_format("%s/pages%d", play->base, (int)TODAY);
	struct buf before = snapshot_of(play->out);
	run(play, pages, TODAY);
	struct buf after = snapshot_of(play->out);
	fuzz_must(play->err.code == ERR_NONE && play->unchanged, "the same pages are the same bundle");
	fuzz_must(is_same(&before, &after), "which stays as it is");
	buf_release(&before);
	buf_release(&after);
	free(pages);
}

/* In another folder, with pages cut in another way. */
static void play_otherwise(const struct play *play, int64_t began)
{
	struct play other;
	open_play(&other, play->world, "b");
	play_days(&other, play->world->page_rows[1]);
	fuzz_must(other.err.code == play->err.code && other.published == play->published,
		"how pages are cut makes no difference to what becomes of them");
	struct buf one = snapshot_of(play->out);
	struct buf two = snapshot_of(other.out);
	/* A delta dates rows that have no date. */
	fuzz_must(is_same(&one, &two) || (is_delta(play->world) && time_unix() != began), "nor to the bundle");
	buf_release(&one);
	buf_release(&two);
	close_play(&other);
}

/* Wishes that go together: others are refused at the start. */
static unsigned settle_wishes(unsigned wishes, const struct consumer *consumer)
{
	if ((wishes & MODE) >= DELTA_AFTER_BULK << 8)
		wishes &= ~(unsigned)FILTERS;
	if (consumer != NULL)
		wishes &= ~(unsigned)FILES;
	if (consumer != NULL && consumer->form != CONSUMER_FORM_ANY)
		wishes = (wishes & ~(unsigned)LOOSE) | (consumer->form == CONSUMER_FORM_LOOSE ? LOOSE : 0);
	if ((wishes & LOOSE) != 0)
		wishes &= ~(unsigned)CHECKSUM;
	if ((wishes & DANGLING) > DANGLING_KEEP)
		wishes &= ~1U;
	return wishes;
}

static void read_world(struct fuzz_input *input, struct world *world)
{
	unsigned wishes = fuzz_byte(input);
	wishes |= fuzz_byte(input) << 8;
	wishes |= fuzz_byte(input) << 16;
	unsigned which = fuzz_byte(input);
	unsigned rows = fuzz_byte(input);
	size_t count = 0;
	while (consumers[count] != NULL)
		count++;
	/* Those that leave rows out take no deltas. */
	if (which > 0 && (wishes & MODE) < DELTA_AFTER_BULK << 8)
		world->consumer = consumers[(which - 1) % count];
	world->wishes = settle_wishes(wishes, world->consumer);
	world->page_rows[0] = 1 + (rows & 15);
	world->page_rows[1] = 1 + (rows >> 4 & 7);
	world->twice = rows >> 7 != 0;
	while (input->left > 0 && world->count < ITEMS_MAX)
		read_item(input, &world->items[world->count++]);
	for (int t = 0; t < SCHEMA->table_count; t++) {
		const struct table *table = &SCHEMA->tables[t];
		world->given[t] = (world->wishes & FILES) != 0 ? strstr(some_tables, table->name) != NULL
							       : table->core || (world->wishes & ALL_TABLES) != 0;
	}
}

/* The variables of the program would be settings like the options. */
static void prepare(void)
{
	extern char **environ;
	for (char **variable = environ; *variable != NULL;) {
		char *name = mem_copy_n(*variable, strcspn(*variable, "="));
		if (strncmp(name, "ROSTERZIP_", 10) == 0 && unsetenv(name) == 0)
			variable = environ;
		else
			variable++;
		free(name);
	}
	library_start();
	parent = mem_format("%s/rosterzip-fuzz-XXXXXX", fuzz_folder());
	fuzz_must(mkdtemp(parent) != NULL && atexit(leave) == 0, "there is a folder to work in");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	struct play play;
	if (size == 0 || data[size - 1] != '.')
		return 0;
	struct fuzz_input input = fuzz_begin(data, size - 1);
	bool first = parent == NULL; /* its run opens what the process keeps */
	if (first)
		prepare();
	size_t before = descriptors();
	world = (struct world){0};
	read_world(&input, &world);
	judge_knowledge(&world);
	choose_copies(&world);

	int64_t began = time_unix();
	open_play(&play, &world, "a");
	play_days(&play, world.page_rows[0]);
	reckon(&world, play.before);
	check_published(&play, TODAY);
	bool plain = world.plain && (world.wishes & MODE) == BULK << 8 && !world.broken;
	fuzz_must(!plain || play.published, "what nothing is wrong with is published");
	bool same = world.page_rows[0] == world.page_rows[1];
	if (world.twice && same && play.published && !is_delta(&world))
		play_again(&play);
	else if (world.twice && !same && !world.elements)
		play_otherwise(&play, began);
	close_play(&play);

	for (size_t i = 0; i < world.count; i++) {
		buf_release(&world.items[i].json);
		for (int c = 0; c < COLUMNS_MAX; c++)
			free(world.items[i].cells[c]);
	}
	buf_release(&world.ids[YESTERDAY]);
	buf_release(&world.ids[TODAY]);
	fuzz_must(first || descriptors() == before, "no file stays open");
	return 0;
}

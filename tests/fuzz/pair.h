/*
 * Two bundles compared in memory, line by line: what fuzz_diff.c holds the program's comparison against. Made from what
 * compare.h and snapshot.h promise, with nothing of theirs.
 *
 * The files of an input come one behind the other, each a byte that says which it is in its lower five bits and whose
 * in the next two (0: of both; 1: of both, behind the standard's header; 2, 3: of the old or the new bundle alone),
 * then its bytes up to a separator. In a file of both a line that begins with - is only in the old bundle, with + only
 * in the new one.
 */
#ifndef FUZZ_PAIR_H
#define FUZZ_PAIR_H

#include "bundle.h"
#include "fuzz.h"

#include <strings.h>

#include "base/buf.h"
#include "cmd/compare.h"
#include "table/schema.h"

enum { OLD, NEW, SIDES };
enum { WHICH_MASK = 31, WHOSE_SHIFT = 5, WHOSE_MASK = 3, TABLES = 13, COLUMNS_MAX = 32, PROPERTY_SIZE = 64 };
enum whose { OF_BOTH, BEHIND_HEADER, OLD_ALONE, NEW_ALONE };

static const struct schema *const schema = &schema_oneroster_1_1;

/* --- the bundles -----------------------------------------------------------------------------------------------------
 */

/* One of the two: the bytes of its files, and what they are read as here. */
struct side {
	struct fuzz_bundle bundle;
	struct buf texts[FUZZ_FILES_MAX];
	struct fuzz_sheet sheets[TABLES]; /* by table */
	bool there[TABLES];
	bool fine; /* it can be compared */
};

static inline void add_file(struct side *side, const char *name, struct buf *text)
{
	side->texts[side->bundle.count] = *text;
	fuzz_bundle_add(&side->bundle, name, buf_text(text), text->length);
	*text = (struct buf){0};
}

static inline const struct table *table_of(const char *file_name)
{
	for (int i = 0; i < schema->table_count; i++)
		if (strcmp(schema->tables[i].file_name, file_name) == 0)
			return &schema->tables[i];
	return NULL;
}

static inline void add_header(struct buf *text, const struct table *table)
{
	for (int i = 0; table != NULL && i < table->column_count; i++)
		buf_add_format(text, "%s%s", i > 0 ? "," : "", table->columns[i].name);
	buf_add_text(text, "\r\n");
}

/* Gives the lines to whose they are. */
static inline void share_lines(struct buf *texts, const char *bytes, size_t length)
{
	struct fuzz_input lines = {.data = bytes, .left = length};
	while (lines.left > 0) {
		const char *line = fuzz_line(&lines, &length);
		length = (size_t)(lines.data - line);
		bool removed = *line == '-';
		bool added = *line == '+';
		line += removed || added;
		length -= removed || added;
		if (!added)
			buf_add(&texts[OLD], line, length);
		if (!removed)
			buf_add(&texts[NEW], line, length);
	}
}

static inline void sides_take(struct fuzz_input *input, struct side *sides, bool own_manifest)
{
	static const char manifest[] = "propertyName,value\r\noneroster.version,1.1\r\n";
	for (int s = OLD; s < SIDES; s++) {
		struct buf text = {0};
		buf_add_text(&text, manifest);
		if (!own_manifest)
			add_file(&sides[s], "manifest.csv", &text);
		buf_release(&text);
	}
	while (input->left > 0 && sides[OLD].bundle.count < FUZZ_FILES_MAX &&
		sides[NEW].bundle.count < FUZZ_FILES_MAX) {
		unsigned what = fuzz_byte(input);
		const char *name = fuzz_file_name(what & WHICH_MASK);
		enum whose whose = (enum whose)(what >> WHOSE_SHIFT & WHOSE_MASK);
		struct buf texts[SIDES] = {{0}};
		size_t length = 0;
		const char *bytes = fuzz_part(input, &length);
		for (int s = OLD; s < SIDES && whose == BEHIND_HEADER; s++)
			add_header(&texts[s], table_of(name));
		if (whose == OLD_ALONE || whose == NEW_ALONE)
			buf_add(&texts[whose == OLD_ALONE ? OLD : NEW], bytes, length);
		else
			share_lines(texts, bytes, length);
		for (int s = OLD; s < SIDES; s++) {
			if (whose != (s == OLD ? NEW_ALONE : OLD_ALONE))
				add_file(&sides[s], name, &texts[s]);
			buf_release(&texts[s]);
		}
	}
}

static inline void side_release(struct side *side)
{
	for (size_t i = 0; i < side->bundle.count; i++)
		buf_release(&side->texts[i]);
	for (int i = 0; i < schema->table_count; i++)
		fuzz_sheet_release(&side->sheets[i]);
	struct fuzz_bundle bundle = side->bundle;
	bundle.count = 0;
	*side = (struct side){.bundle = bundle};
}

/* --- what they are ---------------------------------------------------------------------------------------------------
 */

static inline bool is_word(struct fuzz_text text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

/* A column's name, which ends at a NUL. */
static inline struct fuzz_text column_name(const struct fuzz_sheet *sheet, size_t i)
{
	struct fuzz_text name = fuzz_sheet_cell(sheet, 0, i);
	name.length = strnlen(name.at, name.length);
	return name;
}

static inline int standard_column(const struct table *table, struct fuzz_text name)
{
	for (int i = 0; i < table->column_count; i++)
		if (is_word(name, table->columns[i].name))
			return i;
	return SCHEMA_NONE;
}

static inline int by_text(const void *a, const void *b)
{
	return fuzz_text_order(*(const struct fuzz_text *)a, *(const struct fuzz_text *)b);
}

/* Whether each column has a name, and none comes twice, that of the standard also in other letter case. */
static inline bool is_fine_header(const struct fuzz_sheet *sheet, const struct table *table)
{
	size_t width = fuzz_sheet_width(sheet, 0);
	struct fuzz_text *names = mem_new(width, sizeof(*names));
	bool seen[COLUMNS_MAX] = {false};
	bool fine = true;
	for (size_t i = 0; i < width; i++) {
		names[i] = column_name(sheet, i);
		int standard = standard_column(table, names[i]);
		fine = fine && names[i].length > 0 && (standard == SCHEMA_NONE || !seen[standard]);
		if (standard != SCHEMA_NONE)
			seen[standard] = true;
	}
	qsort(names, width, sizeof(*names), by_text);
	for (size_t i = 1; i < width; i++)
		fine = fine && fuzz_text_order(names[i - 1], names[i]) != 0;
	free(names);
	return fine && seen[SCHEMA_SOURCED_ID];
}

static inline size_t id_column(const struct fuzz_sheet *sheet, const struct table *table)
{
	size_t i = 0;
	while (standard_column(table, column_name(sheet, i)) != SCHEMA_SOURCED_ID)
		i++;
	return i;
}

static inline bool is_fine_file(const struct fuzz_sheet *sheet, const struct table *table)
{
	if (sheet->broken || sheet->count == 0 || !is_fine_header(sheet, table))
		return false;
	size_t id = id_column(sheet, table);
	for (size_t i = 1; i < sheet->count; i++)
		if (fuzz_sheet_width(sheet, i) != fuzz_sheet_width(sheet, 0) ||
			fuzz_sheet_cell(sheet, i, id).length == 0)
			return false;
	return true;
}

/* Whether the manifest tells of a whole bundle of this version, with all the files it ought to have. */
static inline bool is_fine_manifest(const struct fuzz_sheet *sheet, const struct side *side)
{
	for (size_t i = 0; i < sheet->count; i++) {
		if (fuzz_sheet_width(sheet, i) < 2)
			continue;
		struct fuzz_text name = fuzz_sheet_cell(sheet, i, 0);
		struct fuzz_text value = fuzz_sheet_cell(sheet, i, 1);
		if (is_word(name, "oneroster.version") && !is_word(value, schema->version))
			return false;
		for (int t = 0; t < schema->table_count; t++) {
			char property[PROPERTY_SIZE];
			snprintf(property, sizeof(property), "file.%s", schema->tables[t].name);
			if (is_word(name, property) &&
				(is_word(value, "delta") || (is_word(value, "bulk") && !side->there[t])))
				return false;
		}
	}
	return !sheet->broken;
}

static inline void side_read(struct side *side)
{
	struct fuzz_sheet manifest = {0};
	size_t manifests = 0;
	side->fine = true;
	for (size_t i = 0; i < side->bundle.count; i++) {
		const char *name = side->bundle.names[i];
		const struct table *table = table_of(name);
		const struct buf *text = &side->texts[i];
		if (strcmp(name, "manifest.csv") == 0 && manifests++ == 0) {
			fuzz_sheet_read(&manifest, buf_text(text), text->length);
		} else if (table == NULL) {
			/* The same name in other letter case. */
			side->fine = side->fine && strcmp(name, "Users.csv") != 0;
		} else if (side->there[table->id]) {
			side->fine = false;
		} else {
			side->there[table->id] = true;
			fuzz_sheet_read(&side->sheets[table->id], buf_text(text), text->length);
			side->fine = is_fine_file(&side->sheets[table->id], table) && side->fine;
		}
	}
	side->fine = side->fine && manifests == 1 && is_fine_manifest(&manifest, side);
	fuzz_sheet_release(&manifest);
}

/* --- the comparison that is made here --------------------------------------------------------------------------------
 */

struct event {
	enum compare_change change;
	size_t line; /* of the new file; of the old one when it is gone */
};

struct pair {
	const struct table *table;
	bool there;
	const struct fuzz_sheet *sheets[SIDES];
	struct fuzz_text *names; /* of all columns */
	size_t width;
	size_t *from[SIDES];  /* by column: the cell of a line that holds it, or SIZE_MAX */
	size_t *lines[SIDES]; /* those that count, in order of their ids */
	size_t counts[SIDES];
	size_t repeated[SIDES];
	struct event *events; /* what happened to ids, in their order */
	size_t event_count;
	uint64_t totals[COMPARE_CHANGE_COUNT]; /* of each change */
	uint64_t *changed;                     /* by column */
	uint64_t churned;
};

static inline struct fuzz_text pair_cell(const struct pair *pair, int s, size_t line, size_t column)
{
	size_t i = pair->from[s][column];
	return i != SIZE_MAX ? fuzz_sheet_cell(pair->sheets[s], line, i) : (struct fuzz_text){"", 0};
}

static inline struct fuzz_text pair_id(const struct pair *pair, int s, size_t line)
{
	return pair_cell(pair, s, line, SCHEMA_SOURCED_ID);
}

static inline void find_columns(struct pair *pair)
{
	const struct table *table = pair->table;
	size_t most = (size_t)table->column_count;
	for (int s = OLD; s < SIDES; s++)
		most += pair->sheets[s]->count > 0 ? fuzz_sheet_width(pair->sheets[s], 0) : 0;
	pair->names = mem_new(most, sizeof(*pair->names));
	for (int i = 0; i < table->column_count; i++)
		pair->names[pair->width++] = (struct fuzz_text){table->columns[i].name, strlen(table->columns[i].name)};
	size_t standard = pair->width;
	size_t extra = 0;
	for (int s = OLD; s < SIDES; s++) {
		for (size_t i = 0; pair->sheets[s]->count > 0 && i < fuzz_sheet_width(pair->sheets[s], 0); i++) {
			struct fuzz_text name = column_name(pair->sheets[s], i);
			if (standard_column(table, name) == SCHEMA_NONE)
				pair->names[standard + extra++] = name;
		}
	}
	qsort(pair->names + standard, extra, sizeof(*pair->names), by_text);
	for (size_t i = standard; i < standard + extra; i++)
		if (i == standard || fuzz_text_order(pair->names[pair->width - 1], pair->names[i]) != 0)
			pair->names[pair->width++] = pair->names[i];
}

/* Where a column is among all of them. */
static inline size_t place_of(const struct pair *pair, struct fuzz_text name)
{
	int standard = standard_column(pair->table, name);
	if (standard != SCHEMA_NONE)
		return (size_t)standard;
	size_t first = (size_t)pair->table->column_count;
	const struct fuzz_text *found = bsearch(
		&name, pair->names + first, pair->width - first, sizeof(*pair->names), by_text);
	return (size_t)(found - pair->names);
}

static inline void place_columns(struct pair *pair, int s)
{
	const struct fuzz_sheet *sheet = pair->sheets[s];
	pair->from[s] = mem_new(pair->width, sizeof(*pair->from[s]));
	for (size_t c = 0; c < pair->width; c++)
		pair->from[s][c] = SIZE_MAX;
	for (size_t i = 0; sheet->count > 0 && i < fuzz_sheet_width(sheet, 0); i++)
		pair->from[s][place_of(pair, column_name(sheet, i))] = i;
}

struct keyed {
	struct fuzz_text id;
	size_t line;
};

static inline int by_id_and_line(const void *a, const void *b)
{
	const struct keyed *one = a;
	const struct keyed *other = b;
	int order = fuzz_text_order(one->id, other->id);
	return order != 0 ? order : (one->line > other->line) - (one->line < other->line);
}

/* The lines that count: the last one of each id. */
static inline void order_lines(struct pair *pair, int s)
{
	size_t count = pair->sheets[s]->count > 0 ? pair->sheets[s]->count - 1 : 0;
	struct keyed *keyed = mem_new(count, sizeof(*keyed));
	pair->lines[s] = mem_new(count, sizeof(*pair->lines[s]));
	for (size_t i = 0; i < count; i++)
		keyed[i] = (struct keyed){pair_id(pair, s, i + 1), i + 1};
	qsort(keyed, count, sizeof(*keyed), by_id_and_line);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || fuzz_text_order(keyed[i].id, keyed[i + 1].id) != 0)
			pair->lines[s][pair->counts[s]++] = keyed[i].line;
	pair->repeated[s] = count - pair->counts[s];
	free(keyed);
}

static inline enum compare_change compare_lines(struct pair *pair, size_t old, size_t new)
{
	enum compare_change change = COMPARE_SAME;
	for (size_t c = 0; c < pair->width; c++) {
		if (fuzz_text_order(pair_cell(pair, OLD, old, c), pair_cell(pair, NEW, new, c)) == 0)
			continue;
		change = COMPARE_CHANGED;
		pair->changed[c]++;
	}
	return change;
}

static inline void compare_sheets(struct pair *pair)
{
	size_t at[SIDES] = {0};
	pair->changed = mem_new(pair->width, sizeof(*pair->changed));
	pair->events = mem_new(pair->counts[OLD] + pair->counts[NEW], sizeof(*pair->events));
	while (at[OLD] < pair->counts[OLD] || at[NEW] < pair->counts[NEW]) {
		size_t old = at[OLD] < pair->counts[OLD] ? pair->lines[OLD][at[OLD]] : SIZE_MAX;
		size_t new = at[NEW] < pair->counts[NEW] ? pair->lines[NEW][at[NEW]] : SIZE_MAX;
		int order = old == SIZE_MAX ? 1 : -1;
		if (old != SIZE_MAX && new != SIZE_MAX)
			order = fuzz_text_order(pair_id(pair, OLD, old), pair_id(pair, NEW, new));
		enum compare_change change = order < 0   ? COMPARE_REMOVED
					     : order > 0 ? COMPARE_ADDED
							 : compare_lines(pair, old, new);
		pair->events[pair->event_count++] = (struct event){change, order < 0 ? old : new};
		pair->totals[change]++;
		at[OLD] += order <= 0;
		at[NEW] += order >= 0;
	}
}

static inline bool pair_same_identity(const struct pair *pair, const int *set, size_t old, size_t new)
{
	if (pair_cell(pair, OLD, old, (size_t)*set).length == 0)
		return false;
	for (; *set != SCHEMA_NONE; set++)
		if (fuzz_text_order(pair_cell(pair, OLD, old, (size_t)*set), pair_cell(pair, NEW, new, (size_t)*set)) !=
			0)
			return false;
	return true;
}

/* Removed rows that came back under an added id, best sets of columns first. */
static inline void find_churn(struct pair *pair)
{
	bool *taken = mem_new(pair->event_count, sizeof(*taken));
	for (const int *const *set = pair->table->identity; *set != NULL; set++) {
		for (size_t r = 0; r < pair->event_count; r++) {
			const struct event *removed = &pair->events[r];
			for (size_t a = 0; removed->change == COMPARE_REMOVED && !taken[r] && a < pair->event_count;
				a++) {
				const struct event *added = &pair->events[a];
				if (added->change != COMPARE_ADDED || taken[a] ||
					!pair_same_identity(pair, *set, removed->line, added->line))
					continue;
				taken[r] = true;
				taken[a] = true;
				pair->churned++;
			}
		}
	}
	free(taken);
}

static inline void pair_make(struct pair *pair, const struct table *table, const struct side *sides)
{
	*pair = (struct pair){.table = table, .there = sides[OLD].there[table->id] || sides[NEW].there[table->id]};
	for (int s = OLD; s < SIDES; s++)
		pair->sheets[s] = &sides[s].sheets[table->id];
	if (!pair->there)
		return;
	find_columns(pair);
	for (int s = OLD; s < SIDES; s++) {
		place_columns(pair, s);
		order_lines(pair, s);
	}
	compare_sheets(pair);
	find_churn(pair);
}

static inline void pair_release(struct pair *pair)
{
	for (int s = OLD; s < SIDES; s++) {
		free(pair->from[s]);
		free(pair->lines[s]);
	}
	free(pair->names);
	free(pair->events);
	free(pair->changed);
}

#endif

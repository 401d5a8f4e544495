#include "cmd/compare.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "cmd/snapshot.h"
#include "table/row.h"
#include "table/rowfile.h"

enum { ROWS_PER_LOOK = 4096 };

enum { OLD, NEW, SIDES };

/* The comparison of one table. */
struct comparing {
	const struct compare_options *options;
	struct snapshot *sides; /* SIDES of them */
	struct compare_table *result;
	const struct table *table;
	size_t *position;  /* by column of the standard: its place in result->columns, SIZE_MAX for none */
	size_t *to[SIDES]; /* by cell of the file: the same */
	struct churn *churn;
	struct row rows[SIDES];
	uint64_t seen;
};

/* --- columns -------------------------------------------------------------------------------------------------------
 */

static size_t add_column(struct compare_table *result, const char *name)
{
	result->columns = mem_grow(result->columns, result->column_count + 1, sizeof(*result->columns));
	result->columns[result->column_count] = (struct compare_column){.name = mem_copy(name)};
	return result->column_count++;
}

static bool tells_identity(const struct table *table, int column)
{
	for (const int *const *set = table->identity; *set != NULL; set++)
		for (const int *one = *set; *one != SCHEMA_NONE; one++)
			if (*one == column)
				return true;
	return false;
}

/* The column of the standard of that name, also in other letter case: it is no other column for that. */
static int standard_column(const struct table *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcasecmp(table->columns[i].name, name) == 0)
			return i;
	return SCHEMA_NONE;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;
	return strcmp(*x, *y);
}

/* Further columns of both headers, in byte order, each once. */
static void add_extras(struct comparing *comparing)
{
	const struct snapshot *sides = comparing->sides;
	const char **names = mem_new(sides[OLD].width + sides[NEW].width, sizeof(*names));
	size_t count = 0;
	for (int s = OLD; s < SIDES; s++)
		for (size_t i = 0; i < sides[s].width; i++)
			if (standard_column(comparing->table, sides[s].header[i]) == SCHEMA_NONE)
				names[count++] = sides[s].header[i];
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			add_column(comparing->result, names[i]);
	free(names);
}

/* Where a column of a file goes: SIZE_MAX when it is not looked at. */
static size_t find_column(const struct comparing *comparing, const char *name)
{
	const struct compare_table *result = comparing->result;
	int standard = standard_column(comparing->table, name);
	if (standard != SCHEMA_NONE)
		return comparing->position[standard];
	for (size_t i = 0; i < result->column_count; i++)
		if (strcmp(result->columns[i].name, name) == 0)
			return i;
	return SIZE_MAX;
}

static bool map_columns(struct comparing *comparing, int s, struct err *err)
{
	const struct snapshot *side = &comparing->sides[s];
	struct compare_table *result = comparing->result;
	comparing->to[s] = mem_new(side->width, sizeof(*comparing->to[s]));
	for (size_t i = 0; i < side->width; i++) {
		size_t at = find_column(comparing, side->header[i]);
		comparing->to[s][i] = at;
		if (at == SIZE_MAX)
			continue;
		bool *has = s == OLD ? &result->columns[at].in_old : &result->columns[at].in_new;
		if (*has)
			return err_set(err, ERR_DATA, "%s: %s has the column %s twice", side->name, side->file_name,
				result->columns[at].name);
		*has = true;
	}
	return true;
}

static bool choose_columns(struct comparing *comparing, struct err *err)
{
	const struct table *table = comparing->table;
	bool all = !comparing->options->ids_only;
	comparing->position = mem_new((size_t)table->column_count, sizeof(*comparing->position));
	for (int i = 0; i < table->column_count; i++) {
		bool wanted = all || i == SCHEMA_SOURCED_ID || tells_identity(table, i);
		comparing->position[i] = wanted ? add_column(comparing->result, table->columns[i].name) : SIZE_MAX;
	}
	if (all)
		add_extras(comparing);
	if (comparing->result->column_count > ROW_CELLS_MAX)
		return err_set(err, ERR_DATA, "%s has more than %d different columns", table->file_name, ROW_CELLS_MAX);
	return map_columns(comparing, OLD, err) && map_columns(comparing, NEW, err);
}

/* --- rows ----------------------------------------------------------------------------------------------------------
 */

static bool go_on(struct comparing *comparing, struct err *err)
{
	return comparing->seen++ % ROWS_PER_LOOK != 0 || snapshot_go_on(&comparing->sides[OLD], err);
}

static int compare_ids(const struct row *a, const struct row *b)
{
	size_t a_length = row_length(a, SCHEMA_SOURCED_ID);
	size_t b_length = row_length(b, SCHEMA_SOURCED_ID);
	int order = memcmp(row_text(a, SCHEMA_SOURCED_ID), row_text(b, SCHEMA_SOURCED_ID),
		a_length < b_length ? a_length : b_length);
	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static bool count_changes(struct comparing *comparing)
{
	const struct row *old = &comparing->rows[OLD];
	const struct row *new = &comparing->rows[NEW];
	bool changed = false;
	for (size_t i = 0; i < old->count; i++) {
		size_t length = row_length(old, i);
		if (length == row_length(new, i) && memcmp(row_text(old, i), row_text(new, i), length) == 0)
			continue;
		comparing->result->columns[i].changed++;
		changed = true;
	}
	return changed;
}

static bool tell(struct comparing *comparing, enum compare_change change, struct err *err)
{
	const struct compare_options *options = comparing->options;
	struct row *row = &comparing->rows[change == COMPARE_REMOVED ? OLD : NEW];
	return options->row == NULL || options->row(options->context, comparing->table, change, row, err);
}

static bool note(struct comparing *comparing, enum compare_change change, struct err *err)
{
	struct compare_table *result = comparing->result;
	switch (change) {
	case COMPARE_ADDED:
		result->added++;
		return churn_add(comparing->churn, &comparing->rows[NEW], true, err) && tell(comparing, change, err);
	case COMPARE_REMOVED:
		result->removed++;
		return churn_add(comparing->churn, &comparing->rows[OLD], false, err) && tell(comparing, change, err);
	case COMPARE_CHANGED: result->changed++; return tell(comparing, change, err);
	default: return true;
	}
}

/* The next row of a side: 1, 0 when there is none any more, -1 on failure. */
static int advance(struct comparing *comparing, struct rowfile_reader *reader, int side, struct err *err)
{
	return reader != NULL ? rowfile_next(reader, &comparing->rows[side], err) : 0;
}

/* Both sides in step, by id. */
static bool walk(struct comparing *comparing, struct rowfile_reader *const *readers, struct err *err)
{
	bool cells = !comparing->options->ids_only;
	int old = advance(comparing, readers[OLD], OLD, err);
	int new = advance(comparing, readers[NEW], NEW, err);
	while (old > 0 || new > 0) {
		enum compare_change change = COMPARE_SAME;
		int order = old > 0 ? -1 : 1;
		if (old > 0 && new > 0)
			order = compare_ids(&comparing->rows[OLD], &comparing->rows[NEW]);
		if (order < 0)
			change = COMPARE_REMOVED;
		else if (order > 0)
			change = COMPARE_ADDED;
		else if (cells && count_changes(comparing))
			change = COMPARE_CHANGED;
		if (old < 0 || new < 0 || !go_on(comparing, err) || !note(comparing, change, err))
			return false;
		if (change != COMPARE_ADDED)
			old = advance(comparing, readers[OLD], OLD, err);
		if (change != COMPARE_REMOVED)
			new = advance(comparing, readers[NEW], NEW, err);
	}
	return old == 0 && new == 0;
}

static bool walk_rows(struct comparing *comparing, struct err *err)
{
	struct rowfile_reader *readers[SIDES] = {NULL};
	bool fine = true;
	for (int s = OLD; s < SIDES; s++) {
		row_init(&comparing->rows[s], comparing->result->column_count);
		if (fine && comparing->sides[s].present) {
			readers[s] = rowfile_read(comparing->sides[s].rows, err);
			fine = readers[s] != NULL;
		}
	}
	fine = fine && walk(comparing, readers, err);
	for (int s = OLD; s < SIDES; s++) {
		rowfile_reader_free(readers[s]);
		row_release(&comparing->rows[s]);
	}
	return fine;
}

static bool begin(const struct comparing *comparing, struct err *err)
{
	const struct compare_options *options = comparing->options;
	const struct compare_table *result = comparing->result;
	if (options->begin == NULL)
		return true;
	const char **names = mem_new(result->column_count, sizeof(*names));
	for (size_t i = 0; i < result->column_count; i++)
		names[i] = result->columns[i].name;
	bool fine = options->begin(options->context, comparing->table, names, result->column_count, err);
	free(names);
	return fine;
}

static bool load(struct comparing *comparing, int s, struct err *err)
{
	struct snapshot *side = &comparing->sides[s];
	return !side->present ||
	       snapshot_load(side, comparing->to[s], comparing->result->column_count, comparing->options->folder, err);
}

static bool find_churn(struct comparing *comparing, struct err *err)
{
	struct compare_table *result = comparing->result;
	if (result->added == 0 || result->removed == 0)
		return true;
	if (!churn_find(comparing->churn, &result->churn, err))
		return false;
	uint64_t most = 0;
	for (size_t i = 0; i < result->churn.match_count; i++) {
		const struct churn_match *match = &result->churn.matches[i];
		if (match->ids > most)
			result->churn_by = comparing->table->columns[match->by[0]].name;
		if (match->ids > most)
			most = match->ids;
	}
	result->churned = result->churn.ids;
	return true;
}

static void take_counts(struct comparing *comparing)
{
	struct compare_table *result = comparing->result;
	const struct rowfile_counts *old = &comparing->sides[OLD].counts;
	const struct rowfile_counts *new = &comparing->sides[NEW].counts;
	result->old_rows = old->distinct;
	result->new_rows = new->distinct;
	result->repeated_old = old->rows - old->distinct;
	result->repeated_new = new->rows - new->distinct;
}

static bool compare_rows(struct comparing *comparing, struct err *err)
{
	const struct compare_options *options = comparing->options;
	struct churn_options churn = {
		.table = comparing->table,
		.folder = options->folder,
		.position = comparing->position,
		.stopped = options->stopped,
	};
	if (!begin(comparing, err) || !load(comparing, OLD, err) || !load(comparing, NEW, err))
		return false;
	take_counts(comparing);
	comparing->churn = churn_new(&churn);
	bool fine = walk_rows(comparing, err) && find_churn(comparing, err);
	churn_free(comparing->churn);
	return fine && (options->end == NULL || options->end(options->context, comparing->table, err));
}

static bool compare_table(const struct compare_options *options, struct snapshot *sides, const struct table *table,
	struct compare_table *result, struct err *err)
{
	struct comparing comparing = {.options = options, .sides = sides, .result = result, .table = table};
	result->table = table;
	bool fine = snapshot_open(&sides[OLD], table, err) && snapshot_open(&sides[NEW], table, err);
	result->in_old = fine && sides[OLD].present;
	result->in_new = fine && sides[NEW].present;
	if (result->in_old || result->in_new)
		fine = choose_columns(&comparing, err) && compare_rows(&comparing, err);
	free(comparing.position);
	for (int s = OLD; s < SIDES; s++) {
		free(comparing.to[s]);
		snapshot_close(&sides[s]);
	}
	return fine;
}

bool compare_run(struct archive *old, struct archive *new, const struct compare_options *options,
	struct comparison *comparison, struct err *err)
{
	const char *old_name = options->old_name != NULL ? options->old_name : "the old bundle";
	const char *new_name = options->new_name != NULL ? options->new_name : "the new bundle";
	const struct schema *schema = options->schema;
	struct snapshot sides[SIDES];
	*comparison = (struct comparison){.table_count = schema->table_count};
	comparison->tables = mem_new((size_t)schema->table_count, sizeof(*comparison->tables));
	bool fine = snapshot_init(&sides[OLD], old_name, old, schema, options->stopped, err) &&
		    snapshot_init(&sides[NEW], new_name, new, schema, options->stopped, err);
	for (int i = 0; fine && i < schema->table_count; i++)
		fine = compare_table(options, sides, &schema->tables[i], &comparison->tables[i], err);
	return fine;
}

void comparison_release(struct comparison *comparison)
{
	for (int i = 0; i < comparison->table_count; i++) {
		struct compare_table *table = &comparison->tables[i];
		for (size_t c = 0; c < table->column_count; c++)
			free(table->columns[c].name);
		free(table->columns);
		churn_result_release(&table->churn);
	}
	free(comparison->tables);
	*comparison = (struct comparison){0};
}

bool comparison_rows_differ(const struct comparison *comparison)
{
	for (int i = 0; i < comparison->table_count; i++) {
		const struct compare_table *table = &comparison->tables[i];
		if (table->added > 0 || table->removed > 0 || table->changed > 0)
			return true;
	}
	return false;
}

bool comparison_files_differ(const struct comparison *comparison)
{
	for (int i = 0; i < comparison->table_count; i++)
		if (comparison->tables[i].in_old != comparison->tables[i].in_new)
			return true;
	return false;
}

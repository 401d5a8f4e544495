#include "cmd/churn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "table/rowfile.h"

enum {
	ROWS_PER_LOOK = 4096,
	/* Cells of a row that waits: identity, side and id in one, which makes it unique and puts rows of the same
	 * identity next to each other, added ones first; how long the identity is; then, unless this was the last
	 * set of columns, what the later ones need. */
	CELL_KEY = 0,
	CELL_IDENTITY_LENGTH,
	CELL_VALUES,
	NUMBER_ROOM = 24,
};

static const char side_added = 'a';
static const char side_removed = 'r';

/* Rows that wait to be matched by one set of columns. */
struct waiting {
	const int *by;        /* the set, as columns of the table */
	struct rowfile *rows; /* NULL while there are none */
	struct row row;       /* the one on its way there */
};

struct churn {
	struct churn_options options;
	struct waiting *sets;
	size_t set_count;
	int *columns; /* of the table, all that any set needs, each once */
	size_t column_count;
	size_t *cells_in;      /* by columns: its cell in a row of the caller's */
	size_t *cells_waiting; /* the same in a row that waits */
	struct buf identity;   /* for rows on their way in */
	struct buf encoded;
	uint64_t seen;
};

static size_t place_of(const struct churn *churn, int column)
{
	size_t i = 0;
	while (i < churn->column_count && churn->columns[i] != column)
		i++;
	return i;
}

static void take_columns(struct churn *churn, const int *set)
{
	for (; *set != SCHEMA_NONE; set++) {
		if (place_of(churn, *set) < churn->column_count)
			continue;
		size_t count = churn->column_count + 1;
		churn->columns = mem_grow(churn->columns, count, sizeof(*churn->columns));
		churn->cells_in = mem_grow(churn->cells_in, count, sizeof(*churn->cells_in));
		churn->cells_waiting = mem_grow(churn->cells_waiting, count, sizeof(*churn->cells_waiting));
		churn->columns[churn->column_count] = *set;
		churn->cells_in[churn->column_count] = churn->options.position[*set];
		churn->cells_waiting[churn->column_count] = CELL_VALUES + churn->column_count;
		churn->column_count = count;
	}
}

struct churn *churn_new(const struct churn_options *options)
{
	struct churn *churn = mem_new(1, sizeof(*churn));
	const int *const *identity = options->table->identity;
	churn->options = *options;
	buf_init(&churn->identity, ROW_TEXT_MAX);
	buf_init(&churn->encoded, ROW_ENCODED_MAX);
	while (identity[churn->set_count] != NULL)
		take_columns(churn, identity[churn->set_count++]);
	churn->sets = mem_new(churn->set_count, sizeof(*churn->sets));
	for (size_t i = 0; i < churn->set_count; i++) {
		bool last = i + 1 == churn->set_count;
		churn->sets[i].by = identity[i];
		row_init(&churn->sets[i].row, last ? CELL_VALUES : CELL_VALUES + churn->column_count);
	}
	return churn;
}

void churn_free(struct churn *churn)
{
	if (churn == NULL)
		return;
	for (size_t i = 0; i < churn->set_count; i++) {
		rowfile_free(churn->sets[i].rows);
		row_release(&churn->sets[i].row);
	}
	free(churn->sets);
	free(churn->columns);
	free(churn->cells_in);
	free(churn->cells_waiting);
	buf_release(&churn->identity);
	buf_release(&churn->encoded);
	free(churn);
}

static bool go_on(struct churn *churn, struct err *err)
{
	if (churn->seen++ % ROWS_PER_LOOK != 0 || churn->options.stopped == NULL || !churn->options.stopped())
		return true;
	return err_set(err, ERR_STOPPED, "stopped");
}

/* The cells of a set of columns as one text, no two different ones alike. False when the first of them is blank, or
 * when there is no room for all that. */
static bool make_identity(struct churn *churn, const int *set, const struct row *row, const size_t *cells)
{
	buf_clear(&churn->identity);
	for (const int *column = set; *column != SCHEMA_NONE; column++) {
		size_t cell = cells[place_of(churn, *column)];
		size_t length = row_length(row, cell);
		if (column == set && length == 0)
			return false;
		buf_add_format(&churn->identity, "%zu:", length);
		buf_add(&churn->identity, row_text(row, cell), length);
	}
	return !churn->identity.overflow;
}

/* The row as it waits. False when it would be too large. */
static bool encode(struct churn *churn, struct waiting *set, const struct row *row, const size_t *cells, const char *id,
	size_t id_length, bool added)
{
	struct row *out = &set->row;
	char number[NUMBER_ROOM];
	const struct buf *identity = &churn->identity;
	int length = snprintf(number, sizeof(number), "%zu", identity->length);
	row_clear(out);
	bool fits = row_set(out, CELL_KEY, identity->data, identity->length) &&
		    row_append(out, CELL_KEY, added ? &side_added : &side_removed, 1) &&
		    row_append(out, CELL_KEY, id, id_length) &&
		    row_set(out, CELL_IDENTITY_LENGTH, number, (size_t)length);
	for (size_t i = 0; fits && CELL_VALUES + i < out->count; i++)
		fits = row_set(out, CELL_VALUES + i, row_text(row, cells[i]), row_length(row, cells[i]));
	buf_clear(&churn->encoded);
	return fits && row_encode(out, &churn->encoded);
}

static bool open_rows(struct churn *churn, struct waiting *set, struct err *err)
{
	struct rowfile_options options = {
		.folder = churn->options.folder,
		.name = churn->options.table->file_name,
		.columns = set->row.count,
		.newest = SIZE_MAX,
	};
	if (set->rows == NULL)
		set->rows = rowfile_new(&options, err);
	return set->rows != NULL;
}

/* Puts a row to those that wait for the first set from `from` on that it has an identity by. */
static bool put(struct churn *churn, size_t from, const struct row *row, const size_t *cells, const char *id,
	size_t id_length, bool added, struct err *err)
{
	for (size_t i = from; i < churn->set_count; i++) {
		struct waiting *set = &churn->sets[i];
		if (make_identity(churn, set->by, row, cells) && encode(churn, set, row, cells, id, id_length, added))
			return open_rows(churn, set, err) &&
			       rowfile_add(set->rows, churn->encoded.data, churn->encoded.length, err);
	}
	return true;
}

bool churn_add(struct churn *churn, const struct row *row, bool added, struct err *err)
{
	return put(churn, 0, row, churn->cells_in, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID),
		added, err);
}

/* --- matching ------------------------------------------------------------------------------------------------------
 */

/* One set of columns being matched: a reader that counts the rows of an identity, and one behind it that goes over the
 * same rows again, knowing how many there are. */
struct matching {
	struct churn *churn;
	size_t set;
	struct churn_match match;
	struct rowfile_reader *counter;
	struct rowfile_reader *follower;
	struct row counted; /* the first row of the next identity */
	struct row followed;
	int more;            /* of the counter */
	struct buf identity; /* of the rows counted */
	uint64_t added;
	uint64_t removed;
};

static size_t identity_length(const struct row *row)
{
	char number[NUMBER_ROOM] = "";
	memcpy(number, row_text(row, CELL_IDENTITY_LENGTH), row_length(row, CELL_IDENTITY_LENGTH));
	return strtoul(number, NULL, 10);
}

static bool is_added(const struct row *row)
{
	return row_text(row, CELL_KEY)[identity_length(row)] == side_added;
}

static bool has_identity(const struct row *row, const struct buf *identity)
{
	size_t length = identity_length(row);
	return length == identity->length && memcmp(row_text(row, CELL_KEY), identity->data, length) == 0;
}

/* Counts the rows of the identity that the counter is at. */
static bool count_identity(struct matching *matching, struct err *err)
{
	const struct row *row = &matching->counted;
	buf_clear(&matching->identity);
	buf_add(&matching->identity, row_text(row, CELL_KEY), identity_length(row));
	matching->added = 0;
	matching->removed = 0;
	while (matching->more > 0 && has_identity(row, &matching->identity)) {
		if (is_added(row))
			matching->added++;
		else
			matching->removed++;
		if (!go_on(matching->churn, err))
			return false;
		matching->more = rowfile_next(matching->counter, &matching->counted, err);
	}
	return matching->more >= 0;
}

static void keep_example(char **ids, size_t at, const char *id, size_t length)
{
	if (at < CHURN_EXAMPLES)
		ids[at] = mem_copy_n(id, length);
}

/* Goes over the rows just counted: those that match are examples, the others wait for the next set. */
static bool follow_identity(struct matching *matching, struct err *err)
{
	struct churn_match *match = &matching->match;
	uint64_t pairs = matching->added < matching->removed ? matching->added : matching->removed;
	uint64_t added = 0;
	uint64_t removed = 0;
	for (uint64_t left = matching->added + matching->removed; left > 0; left--) {
		const struct row *row = &matching->followed;
		if (rowfile_next(matching->follower, &matching->followed, err) <= 0)
			return false;
		bool is = is_added(row);
		uint64_t place = is ? added++ : removed++;
		const char *id = row_text(row, CELL_KEY) + matching->identity.length + 1;
		size_t length = row_length(row, CELL_KEY) - matching->identity.length - 1;
		if (place < pairs)
			keep_example(is ? match->new_ids : match->old_ids, match->ids + place, id, length);
		else if (!put(matching->churn, matching->set + 1, row, matching->churn->cells_waiting, id, length, is,
				 err))
			return false;
	}
	match->ids += pairs;
	return true;
}

static bool run_matching(struct matching *matching, struct err *err)
{
	struct rowfile *rows = matching->churn->sets[matching->set].rows;
	if (!rowfile_sort(rows, NULL, err))
		return false;
	matching->counter = rowfile_read(rows, err);
	matching->follower = rowfile_read(rows, err);
	if (matching->counter == NULL || matching->follower == NULL)
		return false;
	matching->more = rowfile_next(matching->counter, &matching->counted, err);
	while (matching->more > 0)
		if (!count_identity(matching, err) || !follow_identity(matching, err))
			return false;
	return matching->more == 0;
}

static bool match_set(struct churn *churn, size_t i, struct churn_result *result, struct err *err)
{
	struct waiting *set = &churn->sets[i];
	if (set->rows == NULL)
		return true;
	struct matching matching = {.churn = churn, .set = i, .match = {.by = set->by}};
	buf_init(&matching.identity, ROW_TEXT_MAX);
	row_init(&matching.counted, set->row.count);
	row_init(&matching.followed, set->row.count);
	bool fine = run_matching(&matching, err);
	rowfile_reader_free(matching.counter);
	rowfile_reader_free(matching.follower);
	row_release(&matching.counted);
	row_release(&matching.followed);
	buf_release(&matching.identity);
	rowfile_free(set->rows);
	set->rows = NULL;

	struct churn_match *match = &matching.match;
	match->example_count = match->ids < CHURN_EXAMPLES ? (size_t)match->ids : CHURN_EXAMPLES;
	result->matches = mem_grow(result->matches, result->match_count + 1, sizeof(*result->matches));
	result->matches[result->match_count++] = *match;
	result->ids += match->ids;
	return fine;
}

bool churn_find(struct churn *churn, struct churn_result *result, struct err *err)
{
	bool fine = true;
	*result = (struct churn_result){0};
	for (size_t i = 0; fine && i < churn->set_count; i++)
		fine = match_set(churn, i, result, err);
	size_t kept = 0;
	for (size_t i = 0; fine && i < result->match_count; i++)
		if (result->matches[i].ids > 0)
			result->matches[kept++] = result->matches[i];
	if (fine)
		result->match_count = kept;
	return fine;
}

void churn_result_release(struct churn_result *result)
{
	for (size_t i = 0; i < result->match_count; i++) {
		for (size_t j = 0; j < CHURN_EXAMPLES; j++) {
			free(result->matches[i].old_ids[j]);
			free(result->matches[i].new_ids[j]);
		}
	}
	free(result->matches);
	*result = (struct churn_result){0};
}

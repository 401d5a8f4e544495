#include "cmd/make.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "check/exchange.h"
#include "check/fill.h"
#include "check/filter.h"
#include "check/keys.h"
#include "check/value.h"
#include "cmd/delta.h"
#include "cmd/metadata.h"
#include "stop.h"
#include "table/consumer.h"
#include "table/row.h"
#include "table/rowfile.h"

/* The making of the files of one bundle. */
struct making {
	const struct publish *publish;
	const struct bundle_config *config;
	struct publication *publication;
	struct fill *fill;
	struct filter *filter; /* NULL: the bundle is to hold everything */
	bool *surveyed;        /* by table id: the keys know all its rows */
	bool writing;          /* the rows are those of the file, not of a survey */
	size_t *dropped;       /* columns of the file that are left blank */
	size_t dropped_count;
	struct bundle *bundle;
	struct value_counts unheard;  /* what is found in rows that a delta is without */
	struct extras_columns extras; /* of the file being made */
	uint64_t seen;                /* rows looked at, to draw progress now and then */
};

enum { ROWS_PER_LOOK = 4096 };

static bool stopped(struct making *making, struct err *err)
{
	if (making->seen++ % ROWS_PER_LOOK != 0)
		return false;
	if (making->publish->draw != NULL)
		making->publish->draw(making->publish->stats);
	if (!stop_requested())
		return false;
	err_set(err, ERR_STOPPED, "stopped");
	return true;
}

/* The next row, with its metadata in a cell of their own if the file has columns of them. */
static int next_row(const struct making *making, const struct table *table, struct rowfile_reader *reader,
	struct row *row, struct err *err)
{
	row->count = (size_t)table->column_count + (making->extras.count > 0 ? 1 : 0);
	return rowfile_next(reader, row, err);
}

static void add_row(const struct making *making, const struct table *table, struct row *row)
{
	if (making->extras.count > 0)
		extras_spread(&making->extras, row, (size_t)table->column_count);
	bundle_add_row(making->bundle, row);
}

/* The reading of a table. */
struct passing {
	const struct making *making;
	const struct table *table;
};

/* Passes over a row that the filter is known to leave out. */
static bool skip_row(void *context, const char *encoded, size_t length)
{
	const struct passing *passing = context;
	struct keys *keys = passing->making->publication->keys;
	const char *id = NULL;
	size_t id_length = 0;
	if (!keys_skips(keys, passing->table, encoded, length))
		return false;
	if (passing->making->writing && row_cell(encoded, length, SCHEMA_SOURCED_ID, &id, &id_length))
		keys_leave(keys, passing->table, id, id_length);
	return true;
}

/* Calls act for every row of a table, filled. */
static bool each_row(struct making *making, const struct table *table, struct value_counts *counts,
	bool (*act)(struct making *making, const struct table *table, struct row *row, struct err *err),
	struct err *err)
{
	struct row row;
	row_init(&row, (size_t)table->column_count + making->extras.count);
	struct rowfile_reader *reader = rowfile_read(making->publish->collections[table->id].rows, err);
	struct passing passing = {.making = making, .table = table};
	if (reader != NULL && making->filter != NULL && (making->writing || !table->referenced))
		rowfile_reader_skip(reader, skip_row, &passing);
	int more = reader != NULL ? next_row(making, table, reader, &row, err) : -1;
	while (more > 0) {
		bool held = delta_holds(&making->publication->delta, table, &row);
		struct value_counts *found = held ? counts : &making->unheard;
		delta_note_date(&making->publication->notes[table->id], &row);
		if (stopped(making, err) || !exchange_row(making->publication->exchange, table, &row, found, err) ||
			!fill_row(making->fill, making->publication->keys, table, &row, found, err) ||
			!act(making, table, &row, err))
			more = -1;
		else
			more = next_row(making, table, reader, &row, err);
	}
	rowfile_reader_free(reader);
	row_release(&row);
	return more == 0 || err_in(err, "%s", table->file_name);
}

static bool survey_row(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	(void)err;
	struct keys *keys = making->publication->keys;
	keys_add(keys, table, row, keys_judge(keys, table, row, KEYS_SURVEY));
	return true;
}

static bool survey_filter_row(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	(void)err;
	enum keys_fate fate = keys_judge(making->publication->keys, table, row, KEYS_SURVEY);
	filter_survey(making->filter, table, row, fate);
	return true;
}

static bool survey_agents(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	(void)table;
	(void)err;
	filter_agents(making->filter, row);
	return true;
}

/* Blanks the cells that the bundle is to be without. */
static void drop_cells(const struct making *making, struct row *row)
{
	for (size_t i = 0; i < making->dropped_count; i++)
		row_set(row, making->dropped[i], "", 0); /* shorter: cannot fail */
}

/* A row of a delta. What it refers to may be known to the receiver for long, so nothing is left out for that; all rows
 * count for those that are filled from them. */
static bool write_change(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	struct publication *publication = making->publication;
	keys_add(publication->keys, table, row, KEYS_STAYS);
	if (!delta_holds(&publication->delta, table, row))
		return true;
	if (!delta_complete(&publication->delta, table, row, &publication->values[table->id], err))
		return false;
	drop_cells(making, row);
	if (!delta_deletes(row))
		value_required(row, table, true, &publication->values[table->id]);
	add_row(making, table, row);
	return true;
}

static bool write_row(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	struct publication *publication = making->publication;
	struct keys *keys = publication->keys;
	if (publication->delta.on)
		return write_change(making, table, row, err);
	if (making->filter != NULL && !filter_holds(making->filter, table, row)) {
		keys_leave(keys, table, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID));
		return true;
	}
	if (making->filter != NULL && !filter_place(making->filter, table, row, &publication->values[table->id], err))
		return false;
	enum keys_fate fate = keys_judge(keys, table, row, KEYS_FINAL);
	if (!making->surveyed[table->id])
		keys_add(keys, table, row, fate);
	if (fate != KEYS_STAYS)
		return true;
	drop_cells(making, row);
	value_required(row, table, false, &publication->values[table->id]);
	add_row(making, table, row);
	return true;
}

/* Goes through the rows of a table before the first of them is written. */
static bool survey(struct making *making, const struct table *table,
	bool (*act)(struct making *making, const struct table *table, struct row *row, struct err *err),
	struct err *err)
{
	struct value_counts *counts = &making->publication->values[table->id];
	making->publish->stats->current = table->file_name;
	making->surveyed[table->id] = true;
	value_counts_init(&making->unheard, table->column_count);
	bool fine = each_row(making, table, counts, act, err);
	value_counts_clear(counts); /* the last pass counts the same once more */
	value_counts_release(&making->unheard);
	return fine;
}

/* Lets the filter see what it has to know before the first row is written. */
static bool survey_for_filter(struct making *making, struct err *err)
{
	const struct schema *schema = making->publish->schema;
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		if (making->publish->collections[i].rows != NULL && filter_surveys(making->filter, table) &&
			!(survey(making, table, survey_filter_row, err) && filter_surveyed(making->filter, table, err)))
			return false;
	}
	const struct table *users = schema_table_find(schema, "users");
	if (filter_wants_agents(making->filter) && making->surveyed[users->id] &&
		!survey(making, users, survey_agents, err))
		return false;
	filter_settle(making->filter);
	return true;
}

/* Finds the columns of a table that the bundle is to be without. */
static void set_dropped(struct making *making, const struct table *table)
{
	const struct config_list *list = &making->config->drop_columns;
	size_t length = strlen(table->name);
	making->dropped = mem_new(list->count + 1, sizeof(*making->dropped));
	making->dropped_count = 0;
	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], table->name, length) == 0 && list->items[i][length] == '.')
			making->dropped[making->dropped_count++] = (size_t)column_find(
				table, list->items[i] + length + 1);
}

static bool make_file(struct making *making, const struct table *table, struct err *err)
{
	struct value_counts *counts = &making->publication->values[table->id];
	making->publish->stats->current = table->file_name;
	if (!making->publication->delta.on && !making->surveyed[table->id] &&
		keys_needs_survey(making->publication->keys, table) && !survey(making, table, survey_row, err))
		return false;
	set_dropped(making, table);
	making->writing = true;
	making->publication->notes[table->id].given = true;
	value_counts_init(&making->unheard, table->column_count);
	bool fine = metadata_columns(making->config, &making->publish->collections[table->id], &making->extras, err) &&
		    bundle_begin_file(making->bundle, table, (const char *const *)making->extras.headers,
			    making->extras.count, err) &&
		    each_row(making, table, counts, write_row, err) && bundle_end_file(making->bundle, err);
	value_counts_release(&making->unheard);
	making->writing = false;
	free(making->dropped);
	extras_columns_release(&making->extras);
	if (!fine)
		return false;
	making->publication->rows[table->id] = bundle_rows(making->bundle, table);
	making->publication->bytes[table->id] = bundle_bytes(making->bundle, table);
	making->publication->present[table->id] = bundle_has(making->bundle, table);
	return true;
}

static bool set_fills(struct making *making, struct err *err)
{
	const struct config_list *list = &making->config->fill;
	making->fill = fill_new(making->publish->schema, !list->set || list->count > 0);
	for (size_t i = 0; i < list->count; i++) {
		int table = 0;
		int column = 0;
		const char *value = NULL;
		if (!config_column_item(list->items[i], &table, &column, &value, err))
			return false;
		fill_set(making->fill, table, column, value);
	}
	return true;
}

/* NULL for none. */
static const char *const *names_in(const struct config_list *list)
{
	return list->count > 0 ? (const char *const *)list->items : NULL;
}

static struct filter_options filter_options_of(const struct bundle_config *config, int64_t now)
{
	struct filter_options options = {
		.schools = names_in(&config->schools),
		.terms = names_in(&config->terms),
		.roles = names_in(&config->roles),
		.grades = names_in(&config->grades),
		.enrolled = (enum filter_enrolled)config->enrolled_only,
		.org_types = config->consumer != NULL ? config->consumer->org_types : NULL,
		.enabled = config->enabled_only,
	};
	time_local_date(now, options.today);
	return options;
}

bool make_is_part(const struct bundle_config *config)
{
	struct filter_options options = filter_options_of(config, 0);
	return filter_wanted(&options);
}

/* A filter may want a table that was asked for, and that the server does not give: that is the reason then, and no
 * setting. Read is changed. */
static void explain_missing(
	const struct making *making, const struct filter_options *options, bool *read, struct err *err)
{
	const struct schema *schema = making->publish->schema;
	struct filter *filter = NULL;
	for (int i = 0; filter == NULL && i < schema->table_count; i++) {
		const char *why = making->publish->collections[i].missing;
		struct err unheard = {0};
		if (why == NULL)
			continue;
		read[i] = true;
		filter = filter_new(schema, options, read, making->publication->keys, &unheard);
		if (filter != NULL) {
			err_clear(err);
			err_set(err, ERR_API, "%s", why);
			err_hint(err, "The filters of the bundle need it");
		}
	}
	filter_free(filter);
}

static bool set_filter(struct making *making, struct err *err)
{
	const struct schema *schema = making->publish->schema;
	size_t count = (size_t)schema->table_count;
	struct filter_options options = filter_options_of(making->config, making->publish->now);
	making->surveyed = mem_new(count, sizeof(*making->surveyed));
	if (!filter_wanted(&options))
		return true;
	for (size_t i = 0; i < count; i++)
		making->publication->notes[i].undated = true; /* not every row is looked at */
	bool *read = mem_new(count, sizeof(*read));
	for (size_t i = 0; i < count; i++)
		read[i] = making->publish->collections[i].rows != NULL;
	making->filter = filter_new(schema, &options, read, making->publication->keys, err);
	if (making->filter == NULL)
		explain_missing(making, &options, read, err);
	free(read);
	return making->filter != NULL && survey_for_filter(making, err);
}

/* Makes the file of a table; of one that is read but not in the bundle others may still be filled from its rows, or
 * refer to rows that the filter leaves out. */
static bool make_table(struct making *making, const struct table *table, struct err *err)
{
	if (making->publication->given[table->id])
		return make_file(making, table, err);
	if (making->publish->collections[table->id].rows == NULL || making->surveyed[table->id] || !table->referenced ||
		(making->filter == NULL && !keys_gives(making->publication->keys, table)))
		return true;
	return survey(making, table, survey_row, err);
}

bool make_files(const struct publish *publish, struct publication *publication, struct bundle *bundle, struct err *err)
{
	struct making making = {
		.publish = publish,
		.config = publication->config,
		.publication = publication,
		.bundle = bundle,
	};
	const struct schema *schema = publish->schema;
	bool fine = set_fills(&making, err) && set_filter(&making, err);
	for (int i = 0; fine && i < schema->table_count; i++)
		fine = make_table(&making, &schema->tables[i], err);
	filter_free(making.filter);
	keys_forget(publication->keys);
	free(making.surveyed);
	fill_free(making.fill);
	return fine;
}

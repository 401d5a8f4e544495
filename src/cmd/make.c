#include "cmd/make.h"

#include <stdlib.h>

#include "check/fill.h"
#include "check/keys.h"
#include "check/value.h"
#include "stop.h"
#include "table/rowfile.h"

/* The making of the files of one bundle. */
struct making {
	const struct publish *publish;
	const struct bundle_config *config;
	struct publication *publication;
	struct fill *fill;
	struct bundle *bundle;
	uint64_t seen; /* rows looked at, to draw progress now and then */
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

/* Calls act for every row of a table, filled. */
static bool each_row(struct making *making, const struct table *table, struct value_counts *counts,
	bool (*act)(struct making *making, const struct table *table, struct row *row, struct err *err),
	struct err *err)
{
	struct row row;
	row_init(&row, (size_t)table->column_count);
	struct rowfile_reader *reader = rowfile_read(making->publish->collections[table->id].rows, err);
	int more = reader != NULL ? rowfile_next(reader, &row, err) : -1;
	while (more > 0) {
		if (stopped(making, err) ||
			!fill_row(making->fill, making->publication->keys, table, &row, counts, err) ||
			!act(making, table, &row, err))
			more = -1;
		else
			more = rowfile_next(reader, &row, err);
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

static bool write_row(struct making *making, const struct table *table, struct row *row, struct err *err)
{
	(void)err;
	struct keys *keys = making->publication->keys;
	enum keys_fate fate = keys_judge(keys, table, row, KEYS_FINAL);
	if (!keys_needs_survey(keys, table))
		keys_add(keys, table, row, fate);
	if (fate != KEYS_STAYS)
		return true;
	value_required(row, table, false, &making->publication->values[table->id]);
	bundle_add_row(making->bundle, row);
	return true;
}

static bool make_file(struct making *making, const struct table *table, struct err *err)
{
	struct value_counts *counts = &making->publication->values[table->id];
	making->publish->stats->current = table->file_name;
	if (keys_needs_survey(making->publication->keys, table)) {
		bool fine = each_row(making, table, counts, survey_row, err);
		value_counts_clear(counts); /* the second pass counts the same once more */
		if (!fine)
			return false;
	}
	if (!bundle_begin_file(making->bundle, table, NULL, 0, err) ||
		!each_row(making, table, counts, write_row, err) || !bundle_end_file(making->bundle, err))
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
		if (!config_fill(list->items[i], &table, &column, &value, err))
			return false;
		fill_set(making->fill, table, column, value);
	}
	return true;
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
	bool fine = set_fills(&making, err);
	for (int i = 0; fine && i < schema->table_count; i++)
		if (publish->collections[i].rows != NULL)
			fine = make_file(&making, &schema->tables[i], err);
	fill_free(making.fill);
	return fine;
}

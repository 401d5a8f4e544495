#include "cmd/delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "check/form.h"

enum { DATE_LENGTH = MOMENT_SIZE - 1, DAY_SECONDS = 24 * 60 * 60 };

static const char deleted[] = "tobedeleted";
static const char active[] = "active";

static void write_moment(int64_t seconds, char out[static MOMENT_SIZE])
{
	char iso[sizeof("YYYY-MM-DDThh:mm:ssZ")];
	time_iso(seconds, iso);
	snprintf(out, MOMENT_SIZE, "%.19s.000Z", iso);
}

/* The setting was checked when it was read. */
static void take_since(struct delta *delta, const char *text)
{
	struct moment moment;
	moment_read(text, strlen(text), &moment);
	if (!moment.zone) { /* a local day or time of day */
		delta->since_seconds = time_from_local(
			moment.year, moment.month, moment.day, moment.minute, moment.second);
		write_moment(delta->since_seconds, delta->since);
		return;
	}
	moment_to_universal(&moment);
	moment_write(&moment, delta->since);
	delta->since_seconds = time_days(moment.year, moment.month, moment.day) * DAY_SECONDS +
			       (int64_t)moment.minute * 60 + moment.second;
}

struct delta delta_of(const struct bundle_config *config, const struct shelf *shelf, int64_t clock)
{
	struct delta delta = {.on = config->mode == CONFIG_MODE_DELTA};
	write_moment(clock, delta.now);
	if (!delta.on)
		return delta;
	if (strcmp(config->since, "last") != 0) {
		take_since(&delta, config->since);
	} else if (shelf->known && shelf->clock > 0) {
		delta.since_seconds = shelf->clock - DELTA_MARGIN_SECONDS;
		write_moment(delta.since_seconds, delta.since);
		for (int i = 0; i < shelf->schema->table_count; i++)
			delta.whole[i] = !shelf->tables[i].given;
	} else {
		delta.all = true;
	}
	return delta;
}

/* What cannot be understood as a date says nothing. */
static bool is_dated(const struct row *row)
{
	return row_length(row, SCHEMA_DATE_LAST_MODIFIED) == DATE_LENGTH &&
	       form_datetime(row_text(row, SCHEMA_DATE_LAST_MODIFIED), DATE_LENGTH);
}

bool delta_holds(const struct delta *delta, const struct table *table, const struct row *row)
{
	return !delta->on || delta->all || delta->whole[table->id] || !is_dated(row) ||
	       memcmp(row_text(row, SCHEMA_DATE_LAST_MODIFIED), delta->since, DATE_LENGTH) >= 0;
}

bool delta_deletes(const struct row *row)
{
	return row_is(row, SCHEMA_STATUS, deleted);
}

bool delta_complete(
	struct delta *delta, const struct table *table, struct row *row, struct value_counts *counts, struct err *err)
{
	const char *status = delta_deletes(row) ? deleted : active;
	bool dated = is_dated(row);
	if (!dated) {
		delta->undated++;
		value_counts_one(counts, SCHEMA_DATE_LAST_MODIFIED, VALUE_FIELD_FILLED);
	}
	return (row_set(row, SCHEMA_STATUS, status, strlen(status)) &&
		       (dated || row_set(row, SCHEMA_DATE_LAST_MODIFIED, delta->now, DATE_LENGTH))) ||
	       err_set(err, ERR_DATA, "%s: a row is larger than %d bytes", table->file_name, ROW_TEXT_MAX);
}

void delta_note_date(struct shelf_table *note, const struct row *row)
{
	if (!is_dated(row))
		note->undated = true;
	else if (memcmp(row_text(row, SCHEMA_DATE_LAST_MODIFIED), note->newest, DATE_LENGTH) > 0)
		memcpy(note->newest, row_text(row, SCHEMA_DATE_LAST_MODIFIED), DATE_LENGTH);
}

/* --- what a server may be asked ------------------------------------------------------------------------------------
 */

/* Whether other tables need all rows of this one: values are filled from it, or addresses made of its ids. */
static bool is_needed(const struct schema *schema, const struct table *table)
{
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *other = &schema->tables[i];
		if (other->instead_each != NULL && other->instead_each->table == table->id)
			return true;
		for (int c = 0; c < other->column_count; c++)
			if (other->columns[c].fill_via != SCHEMA_NONE &&
				other->columns[other->columns[c].fill_via].ref == table->id)
				return true;
	}
	return false;
}

/* Later than any. */
static const char latest[MOMENT_SIZE] = "9999-12-31T23:59:59.999Z";

/* Lowers the moment to what a file needs; to "" when that is all rows: some have no date, and those pass no filter, or
 * it is not known what has to pass one. */
static void lower(char moment[static MOMENT_SIZE], const char *newest, const char *since)
{
	const char *earlier = strcmp(newest, since) < 0 ? newest : since;
	if (strcmp(earlier, moment) < 0)
		memcpy(moment, earlier, MOMENT_SIZE);
}

/* Lowers the moments to what one bundle needs. False when that is all rows. */
static bool lower_all(const struct config *config, const struct bundle_config *bundle, const struct schema *schema,
	struct delta_filter *filters)
{
	struct shelf shelf;
	char since[MOMENT_SIZE];
	shelf_open(&shelf, schema, config->state_dir, bundle->record);
	struct delta delta = delta_of(bundle, &shelf, 0);
	write_moment(delta.since_seconds - DELTA_FILTER_SECONDS, since);
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		if (config_list_has(&bundle->files, table->name))
			lower(filters[table->from != SCHEMA_NONE ? table->from : i].since, shelf.tables[i].newest,
				since);
	}
	shelf_release(&shelf);
	/* Which columns of metadata there are shows only in all rows. */
	return delta.on && !delta.all && !config_list_has(&bundle->metadata, "auto");
}

struct delta_filter *delta_filters(const struct config *config, const struct schema *schema)
{
	struct delta_filter *filters = mem_new((size_t)schema->table_count, sizeof(*filters));
	for (int i = 0; i < schema->table_count; i++)
		if (!is_needed(schema, &schema->tables[i]))
			memcpy(filters[i].since, latest, sizeof(latest));
	bool fine = true;
	for (size_t b = 0; fine && b < config->bundle_count; b++)
		fine = lower_all(config, &config->bundles[b], schema, filters);
	for (int i = 0; i < schema->table_count; i++)
		if (strcmp(filters[i].since, latest) == 0)
			filters[i].since[0] = '\0'; /* of no file */
	if (fine)
		return filters;
	free(filters);
	return NULL;
}

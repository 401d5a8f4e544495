#include "cmd/collect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/metadata.h"
#include "cmd/reading.h"
#include "fetch/http.h"
#include "table/row.h"

void collection_release(struct collection *collection)
{
	rowfile_free(collection->rows);
	value_counts_release(&collection->values);
	value_counts_release(&collection->metadata);
	extras_names_release(&collection->keys);
	free(collection->proof);
	free(collection->missing);
	free(collection->note);
	free(collection->since);
	*collection = (struct collection){0};
}

/* --- one table from several addresses ------------------------------------------------------------------------------
 */

/* A table being put together, with the tables made from it. */
struct joining {
	struct collect *collect;
	const struct collect_order *order; /* of the whole */
	struct collection *results;
	struct rowfile *files[1 + COLLECT_MADE_MAX];
	struct collect_order *parts;
	size_t part_count;
	struct err *err;
};

/* Takes the endpoint. */
static void add_part(struct joining *joining, char *endpoint)
{
	struct collect_order part = *joining->order;
	part.endpoint = endpoint;
	part.since = NULL;
	joining->parts = mem_grow(joining->parts, joining->part_count + 1, sizeof(part));
	joining->parts[joining->part_count++] = part;
}

static bool join_rows(struct rowfile *to, const struct collection *part, size_t cells, struct err *err)
{
	struct row row;
	struct buf encoded;
	row_init(&row, cells);
	buf_init(&encoded, 2 * (size_t)ROW_TEXT_MAX);
	struct rowfile_reader *reader = rowfile_read(part->rows, err);
	int more = reader != NULL ? rowfile_next(reader, &row, err) : -1;
	while (more > 0) {
		buf_clear(&encoded);
		row_encode(&row, &encoded);
		more = rowfile_add(to, buf_text(&encoded), encoded.length, err) ? rowfile_next(reader, &row, err) : -1;
	}
	rowfile_reader_free(reader);
	buf_release(&encoded);
	row_release(&row);
	return more == 0;
}

static bool join_one(struct joining *joining, const struct collect_order *part)
{
	struct collection parts[1 + COLLECT_MADE_MAX] = {0};
	enum reading_missing missing = READING_GIVEN;
	bool fine = reading_run(joining->collect, part, parts, &missing, joining->err);
	for (size_t i = 0; i <= part->made_count; i++) {
		size_t cells = metadata_cells(joining->collect->metadata, joining->results[i].table);
		fine = fine && join_rows(joining->files[i], &parts[i], cells, joining->err);
		value_counts_add(&joining->results[i].values, &parts[i].values);
		value_counts_add(&joining->results[i].metadata, &parts[i].metadata);
		joining->results[i].mended += parts[i].mended;
		collection_release(&parts[i]);
	}
	return fine;
}

/* One address for each row of another table, such as the classes of each school. */
static bool find_each(struct joining *joining, const struct table_each *each)
{
	const struct collection *parent = &joining->collect->collections[each->table];
	if (parent->rows == NULL)
		return err_set(joining->err, ERR_API, "%s can be read by way of %s only, which is not read",
			joining->order->table->name, each->path);
	struct row row;
	row_init(&row, (size_t)parent->table->column_count);
	struct rowfile_reader *reader = rowfile_read(parent->rows, joining->err);
	int more = reader != NULL ? rowfile_next(reader, &row, joining->err) : -1;
	const char *star = strchr(each->path, '*');
	while (more > 0) {
		struct buf endpoint = {0};
		char *id = mem_copy_n(row_text(&row, SCHEMA_SOURCED_ID), row_length(&row, SCHEMA_SOURCED_ID));
		bool wanted = each->column == SCHEMA_NONE || row_is(&row, (size_t)each->column, each->value);
		buf_add(&endpoint, each->path, (size_t)(star - each->path));
		http_encode(&endpoint, id);
		buf_add_text(&endpoint, star + 1);
		bool gone = row_is(&row, SCHEMA_STATUS, "tobedeleted");
		if (wanted && !gone)
			add_part(joining, buf_take(&endpoint));
		buf_release(&endpoint);
		free(id);
		more = rowfile_next(reader, &row, joining->err);
	}
	rowfile_reader_free(reader);
	row_release(&row);
	return more == 0;
}

static bool join_all(struct joining *joining)
{
	struct collect *collect = joining->collect;
	const struct table *table = joining->order->table;
	const struct collect_order *next = collect->next;
	size_t next_count = collect->next_count;
	for (const char *const *endpoint = table->instead; *endpoint != NULL; endpoint++)
		add_part(joining, mem_copy(*endpoint));
	bool fine = table->instead_each == NULL || find_each(joining, table->instead_each);
	for (size_t i = 0; fine && i < joining->part_count; i++) {
		collect->next = &joining->parts[i + 1];
		collect->next_count = joining->part_count - i - 1;
		fine = join_one(joining, &joining->parts[i]);
	}
	collect->next = next;
	collect->next_count = next_count;
	if (!fine)
		collect_end(collect); /* parts that were begun ahead are of no use now */
	return fine;
}

static void release_all(struct collection *results, size_t count)
{
	for (size_t i = 0; i < count; i++)
		collection_release(&results[i]);
}

/* Reads a table that the server does not list itself; why is what it said to that. */
static bool read_instead(struct collect *collect, const struct collect_order *order, const char *why,
	struct collection *results, struct err *err)
{
	struct joining joining = {.collect = collect, .order = order, .results = results, .err = err};
	bool fine = true;
	for (size_t i = 0; i <= order->made_count; i++) {
		const struct table *table = i == 0 ? order->table : order->made[i - 1];
		struct rowfile_options options = {
			.folder = collect->folder,
			.name = table->name,
			.columns = metadata_cells(collect->metadata, table),
			.newest = SCHEMA_DATE_LAST_MODIFIED,
		};
		results[i].table = table;
		value_counts_init(&results[i].values, table->column_count);
		if (metadata_wish(collect->metadata, table) != NULL)
			value_counts_init(&results[i].metadata, 1);
		joining.files[i] = rowfile_new(&options, err);
		fine = fine && joining.files[i] != NULL;
	}
	fine = fine && join_all(&joining);
	for (size_t i = 0; i <= order->made_count; i++) {
		fine = fine && rowfile_sort(joining.files[i], &results[i].counts, err);
		results[i].rows = joining.files[i];
		if (fine)
			results[i].proof = mem_format(
				"joined from %zu other addresses, each read to its end", joining.part_count);
	}
	for (size_t i = 0; i < joining.part_count; i++)
		free((char *)joining.parts[i].endpoint);
	free(joining.parts);
	size_t length = strlen(why);
	length -= length > 0 && why[length - 1] == '.' ? 1 : 0;
	if (fine)
		results[0].note = mem_format(
			"%.*s. Joined from other addresses of the server instead: what those do not "
			"list is missing",
			(int)length, why);
	return fine;
}

/* The address that was refused is asked once more after the others were read: a server that was restarting refuses for
 * a while, and what the others do not list would be lost. Takes the place of what was joined if it answers now. */
static bool confirm_refusal(
	struct collect *collect, const struct collect_order *order, struct collection *results, struct err *err)
{
	struct collection again[1 + COLLECT_MADE_MAX] = {0};
	enum reading_missing missing = READING_GIVEN;
	size_t count = 1 + order->made_count;
	const struct collect_order *next = collect->next;
	size_t next_count = collect->next_count;
	if (collect->offline)
		return true;
	collect->next_count = 0;
	bool given = reading_run(collect, order, again, &missing, err);
	collect->next = next;
	collect->next_count = next_count;
	release_all(given ? results : again, count);
	for (size_t i = 0; given && i < count; i++)
		results[i] = again[i];
	if (given)
		log_line(LOG_INFO, NULL, "%s: given now, so it is not joined from other addresses", order->endpoint);
	else if (missing != READING_GIVEN)
		err_clear(err);
	return given || missing != READING_GIVEN;
}

static bool read_table(struct collect *collect, const struct collect_order *order, bool may_miss,
	struct collection *results, struct err *err)
{
	enum reading_missing missing = READING_GIVEN;
	size_t count = 1 + order->made_count;
	if (reading_run(collect, order, results, &missing, err))
		return true;
	if (missing == READING_GIVEN)
		return false;
	struct err first = *err;
	bool other = order->table->instead[0] != NULL || order->table->instead_each != NULL;
	err_clear(err);
	release_all(results, count);
	if (other && read_instead(collect, order, first.text, results, err))
		return confirm_refusal(collect, order, results, err);
	if (missing == READING_UNKNOWN)
		err_hint(&first, "If every collection answers like this, the base address is wrong: check url");
	/* What the first address said is what an administrator can do something about, unless the network failed. */
	if (!other || err->code == ERR_API)
		*err = first;
	if (!may_miss && err->code == ERR_API && !order->table->core)
		err_hint(err, "To publish without it: allow-missing = %s", order->table->name);
	if (!may_miss || err->code != ERR_API)
		return false;
	release_all(results, count);
	for (size_t i = 0; i < count; i++) {
		results[i].table = i == 0 ? order->table : order->made[i - 1];
		results[i].missing = mem_copy(err->text);
	}
	err_clear(err);
	return true;
}

bool collect_table(struct collect *collect, const struct collect_order *order, bool may_miss,
	struct collection *results, struct err *err)
{
	struct table_stats *stats = &collect->stats->tables[order->table->id];
	if (stats->began == 0)
		stats->began = time_ms();
	collect->stats->current = order->table->name;
	collect->stats->current_table = order->table->id;
	bool fine = read_table(collect, order, may_miss, results, err) &&
		    metadata_survey(collect->metadata, &results[0], err);
	stats->ms = time_ms() - stats->began;
	collect->stats->current_table = -1;
	return fine;
}

void collect_end(struct collect *collect)
{
	while (collect->ahead_count > 0)
		reading_free(collect->ahead[--collect->ahead_count]);
}

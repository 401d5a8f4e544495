#include "cmd/snapshot.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "table/row.h"

enum { ROWS_PER_LOOK = 4096, VERSION_SHOWN = 16 };

static const char manifest_name[] = "manifest.csv";

bool snapshot_go_on(const struct snapshot *snapshot, struct err *err)
{
	if (snapshot->stopped == NULL || !snapshot->stopped())
		return true;
	return err_set(err, ERR_STOPPED, "stopped");
}

/* --- the file at hand ----------------------------------------------------------------------------------------------
 */

void snapshot_close(struct snapshot *snapshot)
{
	rowfile_free(snapshot->rows);
	csv_reader_free(snapshot->reader);
	archive_stream_free(snapshot->stream);
	for (size_t i = 0; i < snapshot->width; i++)
		free(snapshot->header[i]);
	free(snapshot->header);
	snapshot->rows = NULL;
	snapshot->reader = NULL;
	snapshot->stream = NULL;
	snapshot->header = NULL;
	snapshot->width = 0;
	snapshot->present = false;
	snapshot->counts = (struct rowfile_counts){0};
}

static long read_stream(void *context, char *to, size_t room, struct err *err)
{
	return archive_next(context, to, room, err);
}

/* An error about the file at hand gets bundle and file in front. */
static void name_file(const struct snapshot *snapshot, struct err *err)
{
	if (err->code != ERR_STOPPED)
		err_in(err, "%s: %s", snapshot->name, snapshot->file_name);
}

static bool bad_row(const struct snapshot *snapshot, const struct csv_row *row, const char *why, struct err *err)
{
	err_set(err, ERR_DATA, "row %" PRIu64 " %s", row->number, why);
	name_file(snapshot, err);
	return false;
}

/* The next row that is no blank line: 1, 0 at the end, -1 when there is none to be had. */
static int next_row(const struct snapshot *snapshot, struct csv_row *row, struct err *err)
{
	for (;;) {
		int more = csv_next(snapshot->reader, row, err);
		if (more < 0)
			name_file(snapshot, err);
		if (more <= 0)
			return more;
		if ((row->notes & CSV_TOO_LARGE) != 0) {
			bad_row(snapshot, row, "is larger than a row of a roster can be", err);
			return -1;
		}
		if ((row->notes & CSV_BLANK) == 0)
			break;
	}
	unsigned notes = 0;
	for (size_t i = 0; i < row->count; i++)
		notes |= row->cells[i].notes;
	if ((notes & CSV_OPEN) != 0) {
		bad_row(snapshot, row, "opens a quotation mark that is never closed", err);
		return -1;
	}
	return 1;
}

/* Where a file is among the entries: SIZE_MAX if it is not. */
static bool find_entry(const struct snapshot *snapshot, const char *file_name, size_t *index, struct err *err)
{
	size_t found = SIZE_MAX;
	for (size_t i = 0; i < archive_count(snapshot->archive); i++) {
		const char *name = archive_entry(snapshot->archive, i)->name;
		if (strcasecmp(name, file_name) != 0)
			continue;
		if (strcmp(name, file_name) != 0)
			return err_set(
				err, ERR_DATA, "%s holds %s, which must be called %s", snapshot->name, name, file_name);
		if (found != SIZE_MAX)
			return err_set(err, ERR_DATA, "%s holds %s twice", snapshot->name, file_name);
		found = i;
	}
	*index = found;
	return true;
}

/* Starts reading the file, if it is there. */
static bool open_file(struct snapshot *snapshot, const char *file_name, struct err *err)
{
	size_t index = SIZE_MAX;
	snapshot_close(snapshot);
	if (!find_entry(snapshot, file_name, &index, err))
		return false;
	snapshot->file_name = file_name;
	snapshot->present = index != SIZE_MAX;
	if (!snapshot->present)
		return true;
	snapshot->stream = archive_read(snapshot->archive, index, err);
	if (snapshot->stream == NULL) {
		name_file(snapshot, err);
		return false;
	}
	struct csv_source source = {.read = read_stream, .context = snapshot->stream};
	snapshot->reader = csv_reader_new(&source);
	return true;
}

static bool has_column(const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->width; i++)
		if (strcasecmp(snapshot->header[i], name) == 0)
			return true;
	return false;
}

static bool check_header(const struct snapshot *snapshot, const struct table *table, struct err *err)
{
	const char *id = table->columns[SCHEMA_SOURCED_ID].name;
	for (size_t i = 0; i < snapshot->width; i++) {
		const char *name = snapshot->header[i];
		if (*name == '\0')
			return err_set(err, ERR_DATA, "column %zu has no name", i + 1);
		for (size_t j = 0; j < i; j++)
			if (strcmp(name, snapshot->header[j]) == 0)
				return err_set(
					err, ERR_DATA, "two columns have the same name (%zu and %zu)", j + 1, i + 1);
	}
	return has_column(snapshot, id) || err_set(err, ERR_DATA, "the header has no column %s", id);
}

bool snapshot_open(struct snapshot *snapshot, const struct table *table, struct err *err)
{
	struct csv_row row;
	if (!open_file(snapshot, table->file_name, err))
		return false;
	if (!snapshot->present)
		return true;
	int more = next_row(snapshot, &row, err);
	if (more < 0)
		return false;
	if (more == 0) {
		err_set(err, ERR_DATA, "there is not even a header");
		name_file(snapshot, err);
		return false;
	}
	snapshot->header = mem_new(row.count, sizeof(*snapshot->header));
	for (; snapshot->width < row.count; snapshot->width++) {
		const struct csv_cell *cell = &row.cells[snapshot->width];
		snapshot->header[snapshot->width] = mem_copy_n(cell->text, cell->length);
	}
	if (check_header(snapshot, table, err))
		return true;
	name_file(snapshot, err);
	return false;
}

static bool add_row(struct snapshot *snapshot, const struct csv_row *from, const size_t *to, struct row *row,
	struct buf *encoded, struct err *err)
{
	row_clear(row);
	bool fits = true;
	for (size_t i = 0; i < from->count; i++)
		if (to[i] != SIZE_MAX)
			fits = row_set(row, to[i], from->cells[i].text, from->cells[i].length) && fits;
	buf_clear(encoded);
	if (!fits || !row_encode(row, encoded))
		return bad_row(snapshot, from, "is larger than a row of a roster can be", err);
	if (row_length(row, SCHEMA_SOURCED_ID) == 0)
		return bad_row(snapshot, from, "has no sourcedId", err);
	return rowfile_add(snapshot->rows, encoded->data, encoded->length, err);
}

bool snapshot_load(struct snapshot *snapshot, const size_t *to, size_t columns, const char *folder, struct err *err)
{
	struct rowfile_options options = {
		.folder = folder, .name = snapshot->file_name, .columns = columns, .newest = SIZE_MAX};
	struct csv_row from = {0};
	struct buf encoded;
	struct row row;
	buf_init(&encoded, ROW_ENCODED_MAX);
	row_init(&row, columns);
	snapshot->rows = rowfile_new(&options, err);
	bool fine = snapshot->rows != NULL;
	for (uint64_t seen = 0; fine; seen++) {
		int more = next_row(snapshot, &from, err);
		fine = more >= 0;
		if (more <= 0)
			break;
		if (from.count != snapshot->width) {
			char *why = mem_format("has %zu cells, the header %zu", from.count, snapshot->width);
			fine = bad_row(snapshot, &from, why, err);
			free(why);
		} else {
			fine = add_row(snapshot, &from, to, &row, &encoded, err);
		}
		if (seen % ROWS_PER_LOOK == 0)
			fine = fine && snapshot_go_on(snapshot, err);
	}
	fine = fine && rowfile_sort(snapshot->rows, &snapshot->counts, err);
	row_release(&row);
	buf_release(&encoded);
	return fine;
}

/* --- the bundle ----------------------------------------------------------------------------------------------------
 */

static bool cell_is(const struct csv_cell *cell, const char *text)
{
	return cell->length == strlen(text) && strncasecmp(cell->text, text, cell->length) == 0;
}

/* What the manifest says of a file: a delta is no whole bundle, and a file that ought to be there and is not must not
 * look as if all its rows were gone. */
static bool check_mode(
	const struct snapshot *snapshot, const char *file_name, const struct csv_cell *mode, struct err *err)
{
	size_t index = SIZE_MAX;
	if (cell_is(mode, "delta"))
		return err_set(err, ERR_DATA,
			"%s is a delta: its manifest says so of %s. Only whole bundles can be compared", snapshot->name,
			file_name);
	if (!find_entry(snapshot, file_name, &index, err))
		return false;
	return index != SIZE_MAX || !cell_is(mode, "bulk") ||
	       err_set(err, ERR_DATA, "%s lacks %s, which its manifest says is there", snapshot->name, file_name);
}

static bool check_property(
	const struct snapshot *snapshot, const struct csv_row *row, const struct schema *schema, struct err *err)
{
	const struct csv_cell *name = &row->cells[0];
	const struct csv_cell *value = &row->cells[1];
	if (cell_is(name, "oneroster.version") && !cell_is(value, schema->version))
		return err_set(err, ERR_DATA, "%s is a bundle of OneRoster %.*s, and only those of %s are known",
			snapshot->name, value->length < VERSION_SHOWN ? (int)value->length : VERSION_SHOWN, value->text,
			schema->version);
	for (int i = 0; i < schema->table_count; i++) {
		char *property = mem_format("file.%s", schema->tables[i].name);
		bool is = cell_is(name, property);
		free(property);
		if (is)
			return check_mode(snapshot, schema->tables[i].file_name, value, err);
	}
	return true;
}

bool snapshot_init(struct snapshot *snapshot, const char *name, struct archive *archive, const struct schema *schema,
	bool (*stopped)(void), struct err *err)
{
	struct csv_row row;
	*snapshot = (struct snapshot){.name = name, .archive = archive, .stopped = stopped};
	bool fine = open_file(snapshot, manifest_name, err);
	/* Something that is no bundle at all must not look like one from which everything is gone. */
	if (fine && !snapshot->present)
		fine = err_set(err, ERR_DATA, "%s has no %s at its top, as every bundle of OneRoster %s has", name,
			manifest_name, schema->version);
	int more = 1;
	while (fine && (more = next_row(snapshot, &row, err)) > 0)
		fine = row.count < 2 || check_property(snapshot, &row, schema, err);
	snapshot_close(snapshot);
	return fine && more == 0;
}

#include "mapfile.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "check/clean.h"
#include "column_name.h"
#include "table/csv_read.h"
#include "table/schema.h"

struct line {
	char *from;
	char *to;
	uint64_t row;
};

struct mapfile {
	char *path;
	struct line *lines; /* MAPFILE_ROWS_MAX at most; in order of from at last */
	size_t count;
	struct exchange_pair *pairs; /* the texts of the lines, each from once */
	size_t pair_count;
};

static bool fail(const struct mapfile *file, uint64_t row, const char *text, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s, row %" PRIu64 ": %s", file->path, row, text);
}

/* --- lines ---------------------------------------------------------------------------------------------------------
 */

static bool cell_is(const struct csv_cell *cell, const char *text)
{
	return cell->length == strlen(text) && memcmp(cell->text, text, cell->length) == 0;
}

static bool is_blank(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (!clean_is_blank(row->cells[i].text, row->cells[i].length))
			return false;
	return true;
}

/* Why a cell cannot be what a value is compared with, or replaced by; NULL if it can. */
static const char *fault_of(const struct csv_cell *cell)
{
	const char *text = cell->text;
	size_t length = cell->length;
	if ((cell->notes & (CSV_STRAY | CSV_OPEN)) != 0)
		return "a quotation mark is missing or too many";
	if ((cell->notes & CSV_LINE_BREAK) != 0)
		return "no value holds a line break; perhaps a quotation mark is missing";
	if (clean_fine(text, length) < length)
		return "control characters, or characters that are not UTF-8";
	if ((cell->notes & CSV_QUOTED) == 0 && length > 0 && (text[0] == ' ' || text[length - 1] == ' '))
		return "a blank before or behind a value; remove it, or put the value in quotation marks if it belongs "
		       "there";
	return NULL;
}

/* Whether a row that is not blank can be a pair. */
static bool check_row(const struct mapfile *file, const struct csv_row *row, struct err *err)
{
	if ((row->notes & CSV_TOO_LARGE) != 0)
		return fail(file, row->number, "far too many cells", err);
	for (size_t i = 0; i < row->count; i++) {
		const char *fault = fault_of(&row->cells[i]);
		if (fault != NULL)
			return fail(file, row->number, fault, err);
	}
	if (row->count != 2)
		return fail(file, row->number, "a line has two cells with a comma between, from and to", err);
	if (clean_is_blank(row->cells[0].text, row->cells[0].length))
		return fail(file, row->number,
			"there is nothing in front of the comma; cells without a value are for `fill`", err);
	return file->count < MAPFILE_ROWS_MAX ||
	       err_set(err, ERR_USAGE, "%s has more than %d rows, which is too many", file->path, MAPFILE_ROWS_MAX);
}

static bool add_row(struct mapfile *file, const struct csv_row *row, struct err *err)
{
	if (!check_row(file, row, err))
		return false;
	const struct csv_cell *from = &row->cells[0];
	const struct csv_cell *to = &row->cells[1];
	file->lines = mem_grow(file->lines, file->count + 1, sizeof(*file->lines));
	file->lines[file->count++] = (struct line){
		.from = mem_copy_n(from->text, from->length),
		.to = mem_copy_n(to->text, clean_is_blank(to->text, to->length) ? 0 : to->length),
		.row = row->number,
	};
	return true;
}

/* --- the file ------------------------------------------------------------------------------------------------------
 */

struct bytes {
	const char *at;
	size_t left;
};

static long read_bytes(void *context, char *to, size_t room, struct err *err)
{
	struct bytes *bytes = context;
	size_t length = bytes->left < room ? bytes->left : room;
	(void)err;
	if (length > 0)
		memcpy(to, bytes->at, length);
	bytes->at += length;
	bytes->left -= length;
	return (long)length;
}

static bool read_rows(struct mapfile *file, const char *data, size_t length, struct err *err)
{
	struct bytes bytes = {data, length};
	const struct csv_source source = {read_bytes, &bytes};
	struct csv_reader *reader = csv_reader_new(&source);
	struct csv_row row;
	bool first = true;
	bool fine = true;
	while (fine && csv_next(reader, &row, err) == 1) {
		if ((row.notes & CSV_TOO_LARGE) == 0 && is_blank(&row))
			continue;
		bool header = first && row.count == 2 && cell_is(&row.cells[0], "from") && cell_is(&row.cells[1], "to");
		first = false;
		fine = header || add_row(file, &row, err);
	}
	csv_reader_free(reader);
	return fine;
}

static int compare(const void *left, const void *right)
{
	const struct line *a = left;
	const struct line *b = right;
	int order = strcmp(a->from, b->from);
	return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static bool make_pairs(struct mapfile *file, struct err *err)
{
	if (file->count == 0)
		return err_set(err, ERR_USAGE, "%s has no line with from and to", file->path);
	qsort(file->lines, file->count, sizeof(*file->lines), compare);
	file->pairs = mem_new(file->count, sizeof(*file->pairs));
	for (size_t i = 0; i < file->count; i++) {
		const struct line *line = &file->lines[i];
		const struct line *before = i > 0 ? line - 1 : NULL;
		if (before == NULL || strcmp(before->from, line->from) != 0)
			file->pairs[file->pair_count++] = (struct exchange_pair){line->from, line->to};
		else if (strcmp(before->to, line->to) != 0)
			return err_set(err, ERR_USAGE,
				"%s, row %" PRIu64 ": the value of row %" PRIu64 " again, with another replacement",
				file->path, line->row, before->row);
	}
	return true;
}

struct mapfile *mapfile_parse(const char *path, const char *data, size_t length, struct err *err)
{
	struct mapfile *file = mem_new(1, sizeof(*file));
	file->path = mem_copy(path);
	if (read_rows(file, data, length, err) && make_pairs(file, err))
		return file;
	mapfile_free(file);
	return NULL;
}

struct mapfile *mapfile_read(const char *path, struct err *err)
{
	struct buf text;
	struct mapfile *file = NULL;
	buf_init(&text, MAPFILE_MAX);
	if (file_read_given(path, MAPFILE_MAX, &text, err))
		file = mapfile_parse(path, buf_text(&text), text.length, err);
	buf_release(&text);
	return file;
}

void mapfile_free(struct mapfile *file)
{
	if (file == NULL)
		return;
	for (size_t i = 0; i < file->count; i++) {
		free(file->lines[i].from);
		free(file->lines[i].to);
	}
	free(file->lines);
	free(file->pairs);
	free(file->path);
	free(file);
}

const struct exchange_pair *mapfile_pairs(const struct mapfile *file, size_t *count)
{
	*count = file->pair_count;
	return file->pairs;
}

/* --- the maps of a bundle ------------------------------------------------------------------------------------------
 */

static bool holds_grades(const struct column *column)
{
	return column->type == COLUMN_GRADES;
}

static bool holds_role(const struct column *column)
{
	return column->type == COLUMN_ENUM && strcmp(column->name, "role") == 0;
}

/* Lists are replaced item by item, and no item has a comma. */
static bool check_commas(const struct mapfile *file, struct err *err)
{
	for (size_t i = 0; i < file->count; i++)
		if (strchr(file->lines[i].from, ',') != NULL)
			return fail(file, file->lines[i].row,
				"the column is a list, whose values are replaced one by one: no comma can be in from",
				err);
	return true;
}

static bool set_column(
	struct exchange *exchange, const struct table *table, int column, const struct mapfile *file, struct err *err)
{
	enum column_type type = table->columns[column].type;
	if (!column_name_open(table->id, column, err))
		return false;
	if (!exchange_allowed(&table->columns[column]))
		return err_set(err, ERR_USAGE, "%s.%s holds ids, which are never rewritten", table->name,
			table->columns[column].name);
	if (column_is_list(type) && !check_commas(file, err))
		return false;
	size_t count = 0;
	const struct exchange_pair *pairs = mapfile_pairs(file, &count);
	exchange_set(exchange, table->id, column, pairs, count);
	return true;
}

static bool set_columns(
	struct exchange *exchange, const char *path, bool (*wanted)(const struct column *column), struct err *err)
{
	const struct schema *schema = &schema_oneroster_1_1;
	struct mapfile *file = mapfile_read(path, err);
	bool fine = file != NULL;
	for (int t = 0; fine && t < schema->table_count; t++)
		for (int c = 0; fine && c < schema->tables[t].column_count; c++)
			if (wanted(&schema->tables[t].columns[c]))
				fine = set_column(exchange, &schema->tables[t], c, file, err);
	mapfile_free(file);
	return fine;
}

/* An item of the option map: table.column=path. */
static bool set_item(struct exchange *exchange, const char *item, struct err *err)
{
	int table = 0;
	int column = 0;
	const char *path = NULL;
	if (!config_column_item(item, &table, &column, &path, err))
		return false;
	struct mapfile *file = mapfile_read(path, err);
	bool fine = file != NULL && set_column(exchange, &schema_oneroster_1_1.tables[table], column, file, err);
	mapfile_free(file);
	return fine;
}

static bool blame(const struct config *config, const struct bundle_config *bundle, const char *option, struct err *err)
{
	err_in(err, "`%s`", option);
	return config_err_in(config, bundle, option, err);
}

static bool set_all(
	struct exchange *exchange, const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	if (bundle->map_grades != NULL && !set_columns(exchange, bundle->map_grades, holds_grades, err))
		return blame(config, bundle, "map-grades", err);
	if (bundle->map_roles != NULL && !set_columns(exchange, bundle->map_roles, holds_role, err))
		return blame(config, bundle, "map-roles", err);
	for (size_t i = 0; i < bundle->map.count; i++)
		if (!set_item(exchange, bundle->map.items[i], err))
			return blame(config, bundle, "map", err);
	return true;
}

bool mapfile_exchange(
	const struct config *config, const struct bundle_config *bundle, struct exchange **exchange, struct err *err)
{
	struct exchange *made = NULL;
	if (bundle->map_grades != NULL || bundle->map_roles != NULL || bundle->map.count > 0)
		made = exchange_new(&schema_oneroster_1_1);
	if (made != NULL && !set_all(made, config, bundle, err)) {
		exchange_free(made);
		return false;
	}
	*exchange = made;
	return true;
}

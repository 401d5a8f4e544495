#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "table/schema.h"

/* ---- A grid of texts, printed with its columns aligned ---- */

enum { GRID_COLUMNS_MAX = 8, GRID_GAP = 2 };

struct grid {
	char **cells; /* row after row */
	size_t count;
	size_t columns;
};

/* The headings, which end with NULL, decide how many columns there are. */
static void grid_init(struct grid *grid, const char *const *headings)
{
	*grid = (struct grid){0};
	while (headings[grid->columns] != NULL)
		grid->columns++;
	assert(grid->columns <= GRID_COLUMNS_MAX);
	grid->cells = mem_new(grid->columns, sizeof(*grid->cells));
	for (size_t i = 0; i < grid->columns; i++)
		grid->cells[grid->count++] = mem_copy(headings[i]);
}

static void grid_release(struct grid *grid)
{
	for (size_t i = 0; i < grid->count; i++)
		free(grid->cells[i]);
	free(grid->cells);
}

/* Takes the text over. */
static void grid_take(struct grid *grid, char *text)
{
	grid->cells = mem_grow(grid->cells, grid->count + 1, sizeof(*grid->cells));
	grid->cells[grid->count++] = text;
}

static void grid_add(struct grid *grid, const char *text)
{
	grid_take(grid, mem_copy(text != NULL ? text : ""));
}

/* Columns with nothing under their heading are left out, and so are blanks at the end of a line. */
static void grid_print(const struct grid *grid)
{
	size_t widths[GRID_COLUMNS_MAX] = {0};
	for (size_t i = grid->columns; i < grid->count; i++) {
		size_t column = i % grid->columns;
		size_t length = strlen(grid->cells[i]);
		if (length > 0 && widths[column] == 0)
			widths[column] = strlen(grid->cells[column]);
		if (length > widths[column])
			widths[column] = length;
	}
	size_t blanks = 0;
	for (size_t i = 0; i < grid->count; i++) {
		size_t column = i % grid->columns;
		if (widths[column] > 0) {
			size_t length = strlen(grid->cells[i]);
			if (length > 0) {
				printf("%*s%s", (int)blanks, "", grid->cells[i]);
				blanks = 0;
			}
			blanks += widths[column] - length + GRID_GAP;
		}
		if (column == grid->columns - 1) {
			putchar('\n');
			blanks = 0;
		}
	}
}

/* ---- All files ---- */

static void print_tables(const struct schema *schema)
{
	static const char *const headings[] = {"FILE", "COLUMNS", "READ FROM", "CORE", NULL};
	struct grid grid;
	grid_init(&grid, headings);
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		grid_add(&grid, table->file_name);
		grid_take(&grid, mem_format("%d", table->column_count));
		if (table->from == SCHEMA_NONE)
			grid_take(&grid, mem_format("%s/%s", schema->base_path, table->endpoint));
		else
			grid_take(&grid, mem_format("%s of %s", table->each, schema->tables[table->from].name));
		grid_add(&grid, table->core ? "yes" : "no");
	}
	grid_print(&grid);
	grid_release(&grid);
}

/* ---- One file ---- */

static char *type_text(const struct column *column)
{
	if (column->vocabulary == NULL)
		return mem_copy(column_type_name(column->type));
	return mem_format("%s %s", column_type_name(column->type), column->vocabulary->name);
}

/* Its paths, and in a record its own name too; for a composed one the format. */
static char *source_text(const struct table *table, const struct column *column)
{
	struct buf text = {0};
	bool named = column->paths[0] == NULL || table->from != SCHEMA_NONE;
	for (const char *const *path = column->paths; *path != NULL; path++) {
		buf_add_format(&text, "%s%s", text.length > 0 ? ", " : "", *path);
		if (strcmp(*path, column->name) == 0)
			named = true;
	}
	if (!named)
		buf_add_format(&text, ", %s", column->name);
	if (column->format != NULL)
		buf_add_format(&text, "%s%s", text.length > 0 ? " as " : "", column->format);
	return buf_take(&text);
}

static char *fill_text(const struct schema *schema, const struct table *table, const struct column *column)
{
	if (column->fill_via != SCHEMA_NONE) {
		const struct column *via = &table->columns[column->fill_via];
		const struct column *from = &schema->tables[via->ref].columns[column->fill_from];
		return mem_format("%s of its %s", from->name, via->name);
	}
	return mem_copy(column->fill != NULL ? column->fill : "");
}

static void print_columns(const struct schema *schema, const struct table *table)
{
	static const char *const headings[] = {
		"COLUMN", "TYPE", "NEEDED", "FROM", "REFERS TO", "IF MISSING", "NOTE", NULL};
	struct grid grid;
	grid_init(&grid, headings);
	for (int i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		grid_add(&grid, column->name);
		grid_take(&grid, type_text(column));
		grid_add(&grid, column->required ? "always" : column->delta ? "in delta" : "");
		grid_take(&grid, source_text(table, column));
		grid_add(&grid, column->ref != SCHEMA_NONE ? schema->tables[column->ref].name : "");
		grid_take(&grid, fill_text(schema, table, column));
		grid_add(&grid, column->note);
	}
	grid_print(&grid);
	grid_release(&grid);
}

static bool vocabulary_used(const struct table *table, const struct vocabulary *vocabulary)
{
	for (int i = 0; i < table->column_count; i++)
		if (table->columns[i].vocabulary == vocabulary)
			return true;
	return false;
}

static void print_words(const struct schema *schema, const struct table *table)
{
	static const char *const headings[] = {"WORDS", "VALUES", "ALSO READ", NULL};
	struct grid grid;
	grid_init(&grid, headings);
	for (int i = 0; i < schema->vocabulary_count; i++) {
		const struct vocabulary *vocabulary = &schema->vocabularies[i];
		if (!vocabulary_used(table, vocabulary))
			continue;
		struct buf values = {0};
		for (const char *const *value = vocabulary->values; *value != NULL; value++)
			buf_add_format(&values, "%s%s", values.length > 0 ? ", " : "", *value);
		struct buf aliases = {0};
		for (const struct vocabulary_alias *alias = vocabulary->aliases; alias->from != NULL; alias++)
			buf_add_format(&aliases, "%s%s as %s", aliases.length > 0 ? ", " : "", alias->from, alias->to);
		grid_add(&grid, vocabulary->name);
		grid_take(&grid, buf_take(&values));
		grid_take(&grid, buf_take(&aliases));
	}
	grid_print(&grid);
	grid_release(&grid);
}

static void print_table(const struct schema *schema, const struct table *table)
{
	if (table->from == SCHEMA_NONE)
		printf("%s: read from %s/%s, scope %s%s\n\n", table->file_name, schema->base_path, table->endpoint,
			table->scope, table->core ? ", core" : "");
	else
		printf("%s: made from the %s of %s\n\n", table->file_name, table->each,
			schema->tables[table->from].name);
	print_columns(schema, table);
	putchar('\n');
	print_words(schema, table);
}

/* The table of "users" or "users.csv". */
static const struct table *find_file(const struct schema *schema, const char *name)
{
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		if (strcmp(name, table->name) == 0 || strcmp(name, table->file_name) == 0)
			return table;
	}
	return NULL;
}

static bool unknown_file(const struct schema *schema, const char *name, struct err *err)
{
	struct buf known = {0};
	for (int i = 0; i < schema->table_count; i++)
		buf_add_format(&known, "%s%s", i > 0 ? ", " : "", schema->tables[i].name);
	err_set(err, ERR_USAGE, "schema: there is no file \"%s\" in OneRoster %s; the files are %s", name,
		schema->version, buf_text(&known));
	buf_release(&known);
	return false;
}

bool cmd_schema(int argc, char **argv, struct err *err)
{
	const struct schema *schema = &schema_oneroster_1_1;
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		puts("rosterzip schema         lists the files of a bundle\n"
		     "rosterzip schema users   shows the columns of users.csv and where each comes from");
		return true;
	}
	if (argc > 2)
		return err_set(err, ERR_USAGE, "schema: takes one FILE, such as users, or none");
	if (argc < 2) {
		print_tables(schema);
	} else {
		const struct table *table = find_file(schema, argv[1]);
		if (table == NULL)
			return unknown_file(schema, argv[1], err);
		print_table(schema, table);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return true;
}

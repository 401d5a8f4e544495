#include "convert/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char parent_prefix[] = "../";
static const char extras_member[] = "metadata";

static int node_add(struct plan *plan, int parent, const char *key, size_t length)
{
	plan->nodes = mem_grow(plan->nodes, plan->node_count + 1, sizeof(*plan->nodes));
	int id = (int)plan->node_count++;
	plan->nodes[id] = (struct plan_node){
		.key = mem_copy_n(key, length),
		.key_length = length,
		.direct = parent == PLAN_RECORD,
		.cell = SCHEMA_NONE,
		.format = SCHEMA_NONE,
	};
	if (parent != PLAN_NOWHERE) {
		/* Behind its siblings, so that the order of the schema decides which is compared first. */
		int *link = &plan->nodes[parent].child;
		while (*link != PLAN_NOWHERE)
			link = &plan->nodes[*link].sibling;
		*link = id;
	}
	return id;
}

static int node_exact(const struct plan *plan, int parent, const char *key, size_t length)
{
	for (int i = plan->nodes[parent].child; i != PLAN_NOWHERE; i = plan->nodes[i].sibling) {
		const struct plan_node *node = &plan->nodes[i];
		if (node->key_length == length && memcmp(node->key, key, length) == 0)
			return i;
	}
	return PLAN_NOWHERE;
}

int plan_child(const struct plan *plan, int parent, const char *key, size_t length)
{
	int found = node_exact(plan, parent, key, length);
	if (found != PLAN_NOWHERE)
		return found;
	for (int i = plan->nodes[parent].child; i != PLAN_NOWHERE; i = plan->nodes[i].sibling) {
		const struct plan_node *node = &plan->nodes[i];
		if (node->key_length == length && strncasecmp(node->key, key, length) == 0)
			return i;
	}
	return PLAN_NOWHERE;
}

/* The node of a dotted path below start, made where it is missing. */
static int node_of_path(struct plan *plan, int start, const char *path)
{
	int at = start;
	while (*path != '\0') {
		size_t length = strcspn(path, ".");
		int next = node_exact(plan, at, path, length);
		at = next != PLAN_NOWHERE ? next : node_add(plan, at, path, length);
		path += length;
		if (*path == '.')
			path++;
	}
	return at;
}

static void node_give(struct plan *plan, int node, int row, int cell, int rank)
{
	if (node == PLAN_RECORD || plan->nodes[node].cell != SCHEMA_NONE)
		return; /* the first column that asks for a member has it */
	plan->nodes[node].row = row;
	plan->nodes[node].cell = cell;
	plan->nodes[node].rank = rank;
}

static bool ends_with_id(const char *path)
{
	static const char tail[] = ".sourcedId";
	size_t length = strlen(path);
	return length > sizeof(tail) - 1 && strcmp(path + length - (sizeof(tail) - 1), tail) == 0;
}

/* The node that holds the last key of a path: orgs for orgs.sourcedId. */
static int node_above(struct plan *plan, int start, const char *path)
{
	size_t length = (size_t)(strrchr(path, '.') - path);
	int at = start;
	for (const char *key = path; key < path + length;) {
		size_t key_length = strcspn(key, ".");
		at = node_exact(plan, at, key, key_length);
		key += key_length + 1;
	}
	return at;
}

static int cell_hidden(struct plan_row *row)
{
	row->lists = mem_grow(row->lists, row->cells + 1, sizeof(*row->lists));
	row->lists[row->cells] = false;
	return (int)row->cells++;
}

/* The cell of the enclosing record for a path without "../": a column of it, or a hidden cell. */
static int parent_cell(struct plan *plan, const char *path)
{
	int node = node_of_path(plan, PLAN_RECORD, path);
	if (plan->nodes[node].cell == SCHEMA_NONE)
		node_give(plan, node, 0, cell_hidden(&plan->rows[0]), 0);
	assert(plan->nodes[node].row == 0);
	return plan->nodes[node].cell;
}

static void piece_add(struct plan_format *format, struct plan_piece piece)
{
	format->pieces = mem_grow(format->pieces, format->piece_count + 1, sizeof(*format->pieces));
	format->pieces[format->piece_count++] = piece;
}

/* Reads "text <key> text"; keys are met below the node start of row. */
static int format_add(struct plan *plan, int row, int cell, int start, const char *text)
{
	struct plan_format format = {.row = row, .cell = cell};
	while (*text != '\0') {
		size_t literal = strcspn(text, "<");
		if (literal > 0)
			piece_add(&format, (struct plan_piece){.text = mem_copy_n(text, literal), .length = literal});
		text += literal;
		if (*text == '\0')
			break;
		char *key = mem_copy_n(text + 1, strcspn(text + 1, ">"));
		text += strlen(key) + 2;
		struct plan_piece piece = {0};
		if (strncmp(key, parent_prefix, sizeof(parent_prefix) - 1) == 0) {
			piece.of_parent = true;
			piece.cell = parent_cell(plan, key + sizeof(parent_prefix) - 1);
		} else {
			int node = node_of_path(plan, start, key);
			if (plan->nodes[node].cell == SCHEMA_NONE)
				node_give(plan, node, row, cell_hidden(&plan->rows[row]), 0);
			piece.cell = plan->nodes[node].cell;
		}
		free(key);
		piece_add(&format, piece);
	}
	plan->formats = mem_grow(plan->formats, plan->format_count + 1, sizeof(*plan->formats));
	plan->formats[plan->format_count] = format;
	return (int)plan->format_count++;
}

static void column_add(struct plan *plan, int row, int start, int cell)
{
	const struct column *column = &plan->rows[row].table->columns[cell];
	int rank = 0;
	for (const char *const *path = column->paths; *path != NULL; path++, rank++) {
		if (strncmp(*path, parent_prefix, sizeof(parent_prefix) - 1) == 0) {
			plan->copies = mem_grow(plan->copies, plan->copy_count + 1, sizeof(*plan->copies));
			plan->copies[plan->copy_count++] = (struct plan_copy){
				.row = row,
				.cell = cell,
				.from = parent_cell(plan, *path + sizeof(parent_prefix) - 1),
			};
			return;
		}
		int node = node_of_path(plan, start, *path);
		node_give(plan, node, row, cell, rank);
		if (ends_with_id(*path))
			node_give(plan, node_above(plan, start, *path), row, cell, rank);
		if (column->format != NULL) {
			int format = format_add(plan, row, cell, node, column->format); /* moves the nodes */
			plan->nodes[node].format = format;
		}
	}
	if (row == 0 && column->paths[0] != NULL)
		node_give(plan, node_of_path(plan, start, column->name), row, cell, rank);
}

static void row_add(struct plan *plan, const struct table *table, bool extras)
{
	struct plan_row *row = &plan->rows[plan->row_count++];
	row->table = table;
	row->kept = (size_t)table->column_count + (extras ? 1 : 0);
	row->cells = row->kept;
	row->lists = mem_new(row->cells, sizeof(*row->lists));
	for (int i = 0; i < table->column_count; i++)
		row->lists[i] = column_is_list(table->columns[i].type);
}

/* Columns that no path leads to but a format composes from the whole row. */
static void row_formats_add(struct plan *plan, int row, int start)
{
	const struct table *table = plan->rows[row].table;
	size_t count = 0;
	for (int i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		if (column->format == NULL || column->paths[0] != NULL)
			continue;
		int format = format_add(plan, row, i, start, column->format);
		int *formats = mem_grow(plan->rows[row].row_formats, count + 2, sizeof(*formats));
		formats[count++] = format;
		formats[count] = SCHEMA_NONE;
		plan->rows[row].row_formats = formats;
	}
}

struct plan *plan_new(
	const struct table *table, const struct table *const *made, size_t made_count, const struct extras_wish *extras)
{
	assert(made_count <= PLAN_MADE_MAX);
	struct plan *plan = mem_new(1, sizeof(*plan));
	plan->table = table;
	node_add(plan, PLAN_NOWHERE, "", 0); /* PLAN_NOWHERE */
	node_add(plan, PLAN_NOWHERE, "", 0); /* PLAN_RECORD */
	row_add(plan, table, extras != NULL);
	for (int i = 0; i < table->column_count; i++)
		column_add(plan, 0, PLAN_RECORD, i);
	row_formats_add(plan, 0, PLAN_RECORD);
	for (size_t m = 0; m < made_count; m++) {
		int row = (int)plan->row_count;
		row_add(plan, made[m], false);
		int start = node_of_path(plan, PLAN_RECORD, made[m]->each);
		plan->nodes[start].opens = row;
		for (int i = 0; i < made[m]->column_count; i++)
			column_add(plan, row, start, i);
		row_formats_add(plan, row, start);
		/* A list of bare ids is a list of references too. */
		int id = node_exact(plan, start, "sourcedId", strlen("sourcedId"));
		if (id != PLAN_NOWHERE)
			node_give(plan, start, row, plan->nodes[id].cell, 0);
	}
	plan->extras = extras;
	if (extras != NULL)
		plan->extras_node = node_add(plan, PLAN_RECORD, extras_member, strlen(extras_member));
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	for (size_t i = 0; i < plan->format_count; i++) {
		for (size_t p = 0; p < plan->formats[i].piece_count; p++)
			free(plan->formats[i].pieces[p].text);
		free(plan->formats[i].pieces);
	}
	for (size_t i = 0; i < plan->node_count; i++)
		free(plan->nodes[i].key);
	for (size_t i = 0; i < plan->row_count; i++) {
		free(plan->rows[i].row_formats);
		free(plan->rows[i].lists);
	}
	free(plan->formats);
	free(plan->copies);
	free(plan->nodes);
	free(plan);
}

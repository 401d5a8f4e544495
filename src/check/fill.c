#include "check/fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct fill {
	const struct schema *schema;
	const char ***values; /* by table and column; NULL for none */
	bool usual;
};

struct fill *fill_new(const struct schema *schema, bool usual)
{
	struct fill *fill = mem_new(1, sizeof(*fill));
	fill->schema = schema;
	fill->usual = usual;
	fill->values = mem_new((size_t)schema->table_count, sizeof(const char **));
	for (int t = 0; t < schema->table_count; t++) {
		const struct table *table = &schema->tables[t];
		fill->values[t] = mem_new((size_t)table->column_count, sizeof(const char *));
		for (int c = 0; usual && c < table->column_count; c++)
			fill->values[t][c] = table->columns[c].fill;
	}
	return fill;
}

void fill_free(struct fill *fill)
{
	if (fill == NULL)
		return;
	for (int t = 0; t < fill->schema->table_count; t++)
		free(fill->values[t]);
	free(fill->values);
	free(fill);
}

void fill_set(struct fill *fill, int table, int column, const char *value)
{
	fill->values[table][column] = value;
}

bool fill_row(const struct fill *fill, const struct keys *keys, const struct table *table, struct row *row,
	struct value_counts *counts, struct err *err)
{
	for (int c = 0; c < table->column_count; c++) {
		if (row_length(row, (size_t)c) > 0)
			continue;
		const char *value = fill->values[table->id][c];
		/* The schema never gives a column both: a constant here is what the configuration wants. */
		bool filled = value == NULL && fill->usual && keys_fill(keys, table, c, row);
		if (value != NULL) {
			if (!row_set(row, (size_t)c, value, strlen(value)))
				return err_set(err, ERR_DATA, "%s: a row is larger than %d bytes", table->file_name,
					ROW_TEXT_MAX);
			filled = true;
		}
		if (filled)
			value_counts_one(counts, c, VALUE_FIELD_FILLED);
	}
	return true;
}

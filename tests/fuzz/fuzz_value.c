/*
 * Cells to what the standard asks of them. Input: a byte for the table, a byte for what the reader noticed about the
 * cells, then the text that each cell of the row holds, whatever its column's type.
 * Holds: every cell is UTF-8 without control characters; doing it again changes nothing, except digests, which are
 * made anew; and a change that is not counted has only made the cell blank.
 */
#include "fuzz.h"

#include "base/err.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

static struct row row_of(const struct table *table)
{
	struct row row;
	row_init(&row, (size_t)table->column_count);
	return row;
}

static void copy_cells(struct row *to, const struct row *from)
{
	for (size_t i = 0; i < from->count; i++)
		fuzz_must(row_set(to, i, row_text(from, i), row_length(from, i)), "a copy fits");
}

static bool equal(const struct row *one, const struct row *other, size_t i)
{
	return row_length(one, i) == row_length(other, i) &&
	       memcmp(row_text(one, i), row_text(other, i), row_length(one, i)) == 0;
}

/* Whether anything was counted of a column; only rewriting that keeps the meaning, when asked so. */
static bool counted(const struct value_counts *counts, size_t column, bool change)
{
	const uint64_t *by = counts->by + column * VALUE_RULE_COUNT;
	for (size_t rule = 0; rule < VALUE_RULE_COUNT; rule++)
		if (by[rule] > 0 && (!change || value_rules[rule].severity == VALUE_CHANGE))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	const struct schema *schema = &schema_oneroster_1_1;
	const struct table *table = &schema->tables[fuzz_byte(&input) % (unsigned)schema->table_count];
	uint32_t notes = fuzz_byte(&input);
	struct row before = row_of(table);
	struct row once = row_of(table);
	struct row twice = row_of(table);
	struct value_counts counts;
	struct value_counts again;
	struct err err = {0};
	value_counts_init(&counts, table->column_count);
	value_counts_init(&again, table->column_count);
	for (size_t i = 0; i < before.count; i++)
		fuzz_must(row_set(&before, i, input.data, input.left), "a small cell fits");
	copy_cells(&once, &before);
	for (size_t i = 0; i < once.count; i++)
		once.cells[i].notes = notes;
	fuzz_must(value_normalise(&once, table, &counts, &err), "a small row never becomes too large");
	copy_cells(&twice, &once);
	fuzz_must(value_normalise(&twice, table, &again, &err), "nor does it the second time");
	for (size_t i = 0; i < once.count; i++) {
		bool blank = row_length(&once, i) == 0;
		fuzz_must(once.cells[i].notes == 0, "notes are taken");
		fuzz_must(fuzz_is_clean(row_text(&once, i), row_length(&once, i)), "a cell is fit for a CSV");
		if (table->columns[i].type == COLUMN_DIGEST)
			continue;
		fuzz_must(equal(&once, &twice, i), "what is normal stays as it is");
		fuzz_must(!counted(&again, i, true), "nothing is counted as changed then");
		fuzz_must(blank || equal(&before, &once, i) || counted(&counts, i, false), "a change is counted");
	}
	value_counts_release(&counts);
	value_counts_release(&again);
	row_release(&before);
	row_release(&once);
	row_release(&twice);
	return 0;
}

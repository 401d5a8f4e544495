#include "cmd/difference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/clean.h"
#include "json.h"

enum { DIFFERENCE_VERSION = 1 };

static const char *const change_words[COMPARE_CHANGE_COUNT] = {
	[COMPARE_SAME] = "same",
	[COMPARE_ADDED] = "added",
	[COMPARE_REMOVED] = "removed",
	[COMPARE_CHANGED] = "changed",
};

void difference_keep(struct difference_ids *examples, enum compare_change change, const struct row *row)
{
	size_t *count = &examples->counts[change];
	if (*count < DIFFERENCE_EXAMPLES)
		examples->ids[change][(*count)++] = mem_copy_n(
			row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID));
}

void difference_ids_release(struct difference_ids *examples)
{
	for (size_t change = 0; change < COMPARE_CHANGE_COUNT; change++)
		for (size_t i = 0; i < examples->counts[change]; i++)
			free(examples->ids[change][i]);
	*examples = (struct difference_ids){0};
}

static bool is_there(const struct compare_table *table)
{
	return table->in_old || table->in_new;
}

static bool is_told(const struct compare_table *table, const struct compare_column *column)
{
	return column->changed > 0 || (table->in_old && table->in_new && column->in_old != column->in_new);
}

/* --- for people ----------------------------------------------------------------------------------------------------
 */

/* A number and a noun. */
static void print_count(FILE *out, uint64_t count, const char *noun)
{
	fprintf(out, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
}

/* A text of a bundle, made harmless to a terminal. */
static void print_text(FILE *out, const char *text)
{
	struct buf clean = {0};
	clean_text(text, strlen(text), &clean);
	fputs(buf_text(&clean), out);
	buf_release(&clean);
}

static void print_files(const struct comparison *comparison, FILE *out)
{
	fprintf(out, "%-20s %11s %11s %11s %11s %11s\n", "FILE", "OLD", "NEW", "ADDED", "REMOVED", "CHANGED");
	for (int i = 0; i < comparison->table_count; i++) {
		const struct compare_table *table = &comparison->tables[i];
		if (is_there(table))
			fprintf(out, "%-20s %11" PRIu64 " %11" PRIu64 " %11" PRIu64 " %11" PRIu64 " %11" PRIu64 "\n",
				table->table->file_name, table->old_rows, table->new_rows, table->added, table->removed,
				table->changed);
	}
}

static void print_columns(const struct compare_table *table, FILE *out)
{
	const char *joint = ": ";
	if (table->changed > 0) {
		fprintf(out, "%s: ", table->table->file_name);
		print_count(out, table->changed, "row");
		fputs(" changed", out);
		for (size_t i = 0; i < table->column_count; i++) {
			if (table->columns[i].changed == 0)
				continue;
			fputs(joint, out);
			print_text(out, table->columns[i].name);
			fprintf(out, " %" PRIu64, table->columns[i].changed);
			joint = ", ";
		}
		fputc('\n', out);
	}
	for (size_t i = 0; i < table->column_count && table->in_old && table->in_new; i++) {
		const struct compare_column *column = &table->columns[i];
		if (column->in_old == column->in_new)
			continue;
		fprintf(out, "%s: the column ", table->table->file_name);
		print_text(out, column->name);
		fprintf(out, " is only in %s\n", column->in_old ? "OLD" : "NEW");
	}
}

static void print_repeated(const struct compare_table *table, uint64_t lines, const char *side, FILE *out)
{
	if (lines == 0)
		return;
	fprintf(out, "%s: ", table->table->file_name);
	print_count(out, lines, "line");
	fprintf(out, " of %s did not count: a line behind has the same sourcedId\n", side);
}

static void print_presence(const struct compare_table *table, FILE *out)
{
	if (table->in_old == table->in_new)
		return;
	uint64_t rows = table->in_old ? table->old_rows : table->new_rows;
	fprintf(out, "%s is only in %s: ", table->table->file_name, table->in_old ? "OLD" : "NEW");
	if (rows == 0) {
		fputs("it has no rows\n", out);
	} else {
		print_count(out, rows, "row");
		fprintf(out, " %s\n", table->in_old ? "gone" : "added");
	}
}

static void print_churn(const struct compare_table *table, bool examples, FILE *out)
{
	for (size_t i = 0; i < table->churn.match_count; i++) {
		const struct churn_match *match = &table->churn.matches[i];
		fprintf(out, "%s: ", table->table->file_name);
		print_count(out, match->ids, "row");
		fputs(" came back under another sourcedId with the same", out);
		for (const int *column = match->by; *column != SCHEMA_NONE; column++)
			fprintf(out, "%s %s", column > match->by ? " and" : "", table->table->columns[*column].name);
		fputs(": a receiver takes that for ", out);
		print_count(out, match->ids, "deletion");
		fputs(" and ", out);
		print_count(out, match->ids, "new record");
		fputc('\n', out);
		for (size_t e = 0; examples && e < match->example_count; e++) {
			fprintf(out, "%s: ", table->table->file_name);
			print_text(out, match->old_ids[e]);
			fputs(" came back as ", out);
			print_text(out, match->new_ids[e]);
			fputc('\n', out);
		}
	}
}

static void print_examples(const struct compare_table *table, const struct difference_ids *examples, FILE *out)
{
	for (size_t change = 0; change < COMPARE_CHANGE_COUNT; change++) {
		if (examples->counts[change] == 0)
			continue;
		fprintf(out, "%s: %s, for instance:", table->table->file_name, change_words[change]);
		for (size_t i = 0; i < examples->counts[change]; i++) {
			fputs(i > 0 ? ", " : " ", out);
			print_text(out, examples->ids[change][i]);
		}
		fputc('\n', out);
	}
}

static void print_end(const struct difference *difference, FILE *out)
{
	bool rows_differ = comparison_rows_differ(difference->comparison);
	if (!rows_differ)
		fputs(comparison_files_differ(difference->comparison) ? "no row differs\n" : "no differences\n", out);
	if (difference->delta == NULL)
		return;
	fputs(difference->delta, out);
	if (difference->delta_rows == 0) {
		fputs(" holds a manifest alone, which means that nothing changed\n", out);
	} else {
		fputs(" turns OLD into NEW: ", out);
		print_count(out, difference->delta_rows, "row");
		fputc('\n', out);
	}
}

void difference_print(const struct difference *difference, FILE *out)
{
	const struct comparison *comparison = difference->comparison;
	print_files(comparison, out);
	fputc('\n', out);
	for (int i = 0; i < comparison->table_count; i++) {
		const struct compare_table *table = &comparison->tables[i];
		if (!is_there(table))
			continue;
		print_presence(table, out);
		print_columns(table, out);
		print_repeated(table, table->repeated_old, "OLD", out);
		print_repeated(table, table->repeated_new, "NEW", out);
		print_churn(table, difference->examples != NULL, out);
		if (difference->examples != NULL)
			print_examples(table, &difference->examples[i], out);
	}
	print_end(difference, out);
}

/* --- for programs --------------------------------------------------------------------------------------------------
 */

/* A text that may be of a bundle: JSON must be UTF-8. */
static void put_text(yajl_gen gen, const char *text)
{
	struct buf clean = {0};
	clean_text(text, strlen(text), &clean);
	json_text(gen, buf_text(&clean));
	buf_release(&clean);
}

static void put_member(yajl_gen gen, const char *key, const char *text)
{
	json_text(gen, key);
	put_text(gen, text);
}

static void put_churn(yajl_gen gen, const struct compare_table *table, bool examples)
{
	json_add_count(gen, "churned", table->churned);
	json_open_list(gen, "churn");
	for (size_t i = 0; i < table->churn.match_count; i++) {
		const struct churn_match *match = &table->churn.matches[i];
		yajl_gen_map_open(gen);
		json_open_list(gen, "by");
		for (const int *column = match->by; *column != SCHEMA_NONE; column++)
			json_text(gen, table->table->columns[*column].name);
		yajl_gen_array_close(gen);
		json_add_count(gen, "rows", match->ids);
		if (examples) {
			json_open_list(gen, "examples");
			for (size_t e = 0; e < match->example_count; e++) {
				yajl_gen_map_open(gen);
				put_member(gen, "old", match->old_ids[e]);
				put_member(gen, "new", match->new_ids[e]);
				yajl_gen_map_close(gen);
			}
			yajl_gen_array_close(gen);
		}
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_columns(yajl_gen gen, const struct compare_table *table)
{
	json_open_list(gen, "columns");
	for (size_t i = 0; i < table->column_count; i++) {
		const struct compare_column *column = &table->columns[i];
		if (!is_told(table, column))
			continue;
		yajl_gen_map_open(gen);
		put_member(gen, "column", column->name);
		json_add_bool(gen, "in-old", column->in_old);
		json_add_bool(gen, "in-new", column->in_new);
		json_add_count(gen, "changed", column->changed);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_examples(yajl_gen gen, const struct difference_ids *examples)
{
	json_open_map(gen, "examples");
	for (size_t change = COMPARE_ADDED; change < COMPARE_CHANGE_COUNT; change++) {
		json_open_list(gen, change_words[change]);
		for (size_t i = 0; i < examples->counts[change]; i++)
			put_text(gen, examples->ids[change][i]);
		yajl_gen_array_close(gen);
	}
	yajl_gen_map_close(gen);
}

static void put_file(yajl_gen gen, const struct compare_table *table, const struct difference_ids *examples)
{
	yajl_gen_map_open(gen);
	json_add_text(gen, "file", table->table->file_name);
	json_add_bool(gen, "in-old", table->in_old);
	json_add_bool(gen, "in-new", table->in_new);
	json_add_count(gen, "old", table->old_rows);
	json_add_count(gen, "new", table->new_rows);
	json_add_count(gen, "added", table->added);
	json_add_count(gen, "removed", table->removed);
	json_add_count(gen, "changed", table->changed);
	put_churn(gen, table, examples != NULL);
	json_add_count(gen, "repeated-old", table->repeated_old);
	json_add_count(gen, "repeated-new", table->repeated_new);
	put_columns(gen, table);
	if (examples != NULL)
		put_examples(gen, examples);
	yajl_gen_map_close(gen);
}

static void compose(yajl_gen gen, const struct difference *difference)
{
	const struct comparison *comparison = difference->comparison;
	yajl_gen_map_open(gen);
	json_add_number(gen, "diff", DIFFERENCE_VERSION);
	json_add_text(gen, "program", "rosterzip");
	json_add_text(gen, "version", ROSTERZIP_VERSION);
	put_member(gen, "old", difference->old_path);
	put_member(gen, "new", difference->new_path);
	json_add_bool(gen, "differs", comparison_rows_differ(comparison) || comparison_files_differ(comparison));
	if (difference->delta == NULL) {
		json_add_text(gen, "delta", NULL);
	} else {
		json_open_map(gen, "delta");
		put_member(gen, "path", difference->delta);
		json_add_count(gen, "rows", difference->delta_rows);
		yajl_gen_map_close(gen);
	}
	json_open_list(gen, "files");
	for (int i = 0; i < comparison->table_count; i++)
		if (is_there(&comparison->tables[i]))
			put_file(gen, &comparison->tables[i],
				difference->examples != NULL ? &difference->examples[i] : NULL);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

void difference_print_json(const struct difference *difference, FILE *out)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_config(gen, yajl_gen_indent_string, "\t");
	compose(gen, difference);
	yajl_gen_get_buf(gen, &json, &length);
	fwrite(json, 1, length, out);
	yajl_gen_free(gen);
}

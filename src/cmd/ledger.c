#include "cmd/ledger.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "check/rule.h"
#include "cmd/chart.h"
#include "cmd/markup.h"

enum { COLUMNS_MAX = 8 }; /* of a file whose changed columns are named */

/* --- files ---------------------------------------------------------------------------------------------------------
 */

static bool was_present(const struct portrait *portrait, int table)
{
	return portrait->comparison != NULL && portrait->comparison->tables[table].in_old;
}

static bool has_deleted(const struct portrait *portrait)
{
	for (int i = 0; i < portrait->schema->table_count; i++)
		if (portrait->census->deleted[i] > 0)
			return true;
	return portrait_is_delta(portrait);
}

static void draw_then(const struct portrait *portrait, int table, struct buf *out)
{
	const struct compare_table *compared = &portrait->comparison->tables[table];
	uint64_t then = compared->old_rows + compared->repeated_old;
	if (compared->in_old)
		markup_cell(out, then);
	else
		buf_add_text(out, "<td class=\"n zero\">absent</td>");
	markup_cell_change(out, then, portrait->judgement->rows[table]);
}

/* What the table of files shows beside the rows. */
struct shape {
	bool kinds;
	bool deleted;
	bool before;
	uint64_t most; /* rows of a file, when they have bars; else 0 */
};

static struct shape choose_shape(const struct portrait *portrait)
{
	struct shape shape = {
		.kinds = portrait_is_delta(portrait),
		.deleted = has_deleted(portrait),
		.before = portrait->comparison != NULL,
	};
	for (int i = 0; !shape.before && !shape.kinds && i < portrait->schema->table_count; i++)
		if (portrait->judgement->rows[i] > shape.most)
			shape.most = portrait->judgement->rows[i];
	return shape;
}

static void draw_file(const struct portrait *portrait, int table, const struct shape *shape, struct buf *out)
{
	const struct judgement *judgement = portrait->judgement;
	const struct table *file = &portrait->schema->tables[table];
	bool present = judgement->present[table];
	if (!present && !was_present(portrait, table))
		return;
	buf_add_format(out, "<tr data-key=\"%s\"><th scope=\"row\">%s</th>", file->name, file->file_name);
	if (shape->kinds)
		buf_add_format(out, "<td>%s</td>", judgement->delta[table] ? "changes" : "full list");
	if (!present)
		buf_add_text(out, "<td class=\"n zero\">absent</td>");
	else if (shape->most > 0)
		chart_cell(out, judgement->rows[table], shape->most, "rows");
	else
		markup_cell(out, judgement->rows[table]);
	if (shape->deleted)
		markup_cell(out, portrait->census->deleted[table]);
	if (shape->before)
		draw_then(portrait, table, out);
	buf_add_text(out, "</tr>\n");
}

void ledger_files(const struct portrait *portrait, struct buf *out)
{
	struct shape shape = choose_shape(portrait);
	markup_section(out, "files", shape.before ? "half" : "", "Files",
		shape.deleted ? "Rows that are marked as deleted are in no other count of this page." : NULL);
	markup_table(out, "Rows by file", shape.most > 0 ? 0 : 1 + shape.kinds + shape.deleted + 2 * shape.before);
	markup_head(out, "File", "");
	if (shape.kinds)
		markup_head(out, "Kind", "");
	markup_head(out, "Rows", shape.most > 0 ? "n wide" : "n");
	if (shape.deleted)
		markup_head(out, "Deleted", "n");
	if (shape.before) {
		markup_head(out, "Before", "n");
		markup_head(out, "Change", "n");
	}
	markup_body(out);
	for (int i = 0; i < portrait->schema->table_count; i++)
		draw_file(portrait, i, &shape, out);
	markup_table_end(out);
	markup_close(out);
}

/* --- changes -------------------------------------------------------------------------------------------------------
 */

static bool is_changed(const struct compare_table *table)
{
	return table->added > 0 || table->removed > 0 || table->changed > 0;
}

static void draw_changed(const struct compare_table *table, struct buf *out)
{
	buf_add_format(
		out, "<tr data-key=\"%s\"><th scope=\"row\">%s</th>", table->table->name, table->table->file_name);
	markup_cell(out, table->added);
	markup_cell(out, table->removed);
	markup_cell(out, table->changed);
	markup_cell(out, table->churned);
	buf_add_text(out, "</tr>\n");
}

/* Each set of columns by which rows were known again. */
static void tell_churn(const struct compare_table *table, struct buf *out)
{
	for (size_t i = 0; i < table->churn.match_count; i++) {
		const struct churn_match *match = &table->churn.matches[i];
		buf_add_format(out, "<li class=\"alert\"><strong>%s</strong>: ", table->table->file_name);
		markup_count(out, match->ids, "row");
		buf_add_text(out, " came back under a new id, known again by ");
		for (const int *column = match->by; *column != SCHEMA_NONE; column++)
			buf_add_format(
				out, "%s%s", column != match->by ? " + " : "", table->table->columns[*column].name);
		buf_add_text(out, ". To a receiver that is a deletion and a new record.</li>\n");
	}
}

static const struct compare_column *next_column(const struct compare_table *table, const struct compare_column *last)
{
	const struct compare_column *found = NULL;
	for (size_t i = 0; i < table->column_count; i++) {
		const struct compare_column *column = &table->columns[i];
		bool behind = last == NULL || column->changed < last->changed ||
			      (column->changed == last->changed && column > last);
		if (column->changed > 0 && behind && (found == NULL || column->changed > found->changed))
			found = column;
	}
	return found;
}

/* The columns that changed most. */
static void tell_columns(const struct compare_table *table, struct buf *out)
{
	const struct compare_column *column = next_column(table, NULL);
	if (column == NULL)
		return;
	buf_add_format(out, "<li><strong>%s</strong>: ", table->table->file_name);
	for (int i = 0; column != NULL && i < COLUMNS_MAX; i++) {
		if (i > 0)
			buf_add_text(out, ", ");
		markup_name(out, column->name);
		buf_add_text(out, " in ");
		markup_count(out, column->changed, "row");
		column = next_column(table, column);
	}
	buf_add_text(out, column != NULL ? ", and further columns</li>\n" : "</li>\n");
}

static void draw_changes(const struct comparison *comparison, struct buf *out)
{
	static const char *const heads[] = {"Added", "Removed", "Changed", "New ids"};
	int count = sizeof(heads) / sizeof(heads[0]);
	markup_table(out, "Rows that changed, by file", count);
	markup_head(out, "File", "");
	for (int i = 0; i < count; i++)
		markup_head(out, heads[i], "n");
	markup_body(out);
	for (int i = 0; i < comparison->table_count; i++)
		if (comparison->tables[i].in_old || comparison->tables[i].in_new)
			draw_changed(&comparison->tables[i], out);
	markup_table_end(out);
	buf_add_text(out, "<ul class=\"said\">\n");
	for (int i = 0; i < comparison->table_count; i++)
		tell_churn(&comparison->tables[i], out);
	for (int i = 0; i < comparison->table_count; i++)
		tell_columns(&comparison->tables[i], out);
	buf_add_text(out, "</ul>\n");
}

void ledger_changes(const struct portrait *portrait, struct buf *out)
{
	const struct comparison *comparison = portrait->comparison;
	bool any = false;
	if (portrait->previous == NULL)
		return;
	for (int i = 0; comparison != NULL && i < comparison->table_count; i++)
		any = any || is_changed(&comparison->tables[i]);
	markup_section(out, "changes", comparison != NULL ? "half" : "", "Changes", NULL);
	buf_add_text(out, "<p class=\"note\">Since ");
	markup_name(out, portrait->previous->name);
	buf_add_text(out, " of ");
	markup_moment(out, portrait->previous->dated);
	buf_add_text(out, ".</p>\n");
	if (comparison == NULL) {
		buf_add_text(out, "<p class=\"empty alert\">The two could not be compared: ");
		markup_text(out, portrait->trouble);
		buf_add_text(out, ".</p>\n");
	} else if (any) {
		draw_changes(comparison, out);
	} else {
		buf_add_text(out, comparison_files_differ(comparison)
					  ? "<p class=\"empty\">No row changed, only which files there are.</p>\n"
					  : "<p class=\"empty\">Nothing changed.</p>\n");
	}
	markup_close(out);
}

/* --- findings ------------------------------------------------------------------------------------------------------
 */

/* What stands in front of a rule's sentence: how often, and what exactly. */
static void draw_lead(const struct finding *finding, struct buf *out)
{
	bool rows = finding->example_count > 0 && finding->examples[0].row > 0;
	buf_add_text(out, "<strong>");
	if (finding->detail != NULL) {
		markup_name(out, finding->detail);
		if (rows || finding->count > 1)
			buf_add_text(out, ", ");
	}
	if (rows) {
		markup_count(out, finding->count, "row");
	} else if (finding->count > 1) {
		markup_number(out, finding->count);
		buf_add_text(out, " times");
	}
	buf_add_text(out, "</strong>: ");
}

/* A sentence with nothing in front of it begins as sentences do. */
static void draw_sentence(const struct finding *finding, struct buf *out)
{
	const char *text = rules[finding->rule].text;
	bool rows = finding->example_count > 0 && finding->examples[0].row > 0;
	if (finding->detail != NULL || rows || finding->count > 1) {
		draw_lead(finding, out);
		markup_text(out, text);
	} else {
		buf_add_char(out, (char)toupper((unsigned char)*text));
		markup_text(out, text + 1);
	}
	buf_add_char(out, '.');
}

/* Whether the same rule was told of before, and with it what to do. */
static bool is_advised(const struct findings *findings, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (findings_at(findings, i)->rule == findings_at(findings, index)->rule)
			return true;
	return false;
}

static void draw_finding(const struct findings *findings, size_t index, struct buf *out)
{
	const struct finding *finding = findings_at(findings, index);
	const struct rule_info *info = &rules[finding->rule];
	const char *word = rule_severity_word(finding_severity(finding));
	buf_add_format(out,
		"<li class=\"%s\" data-rule=\"%s\" data-count=\"%" PRIu64 "\"><p class=\"where\"><b>%s</b> ", word,
		info->code, finding->count, word);
	markup_name(out, finding->file != NULL ? finding->file : "the bundle as a whole");
	if (finding->column != NULL) {
		buf_add_text(out, ", column ");
		markup_name(out, finding->column);
	}
	buf_add_format(out, " <code>%s</code></p>\n<p>", info->code);
	draw_sentence(finding, out);
	if (info->advice != NULL && !is_advised(findings, index)) {
		buf_add_text(out, " <span class=\"advice\">");
		markup_text(out, info->advice);
		buf_add_text(out, "</span>");
	}
	buf_add_text(out, "</p></li>\n");
}

static void draw_findings(const struct findings *findings, struct buf *out)
{
	buf_add_text(out, "<ol class=\"findings\">\n");
	for (int severity = RULE_ERROR; severity >= RULE_INFO; severity--)
		for (size_t i = 0; i < findings_count(findings); i++)
			if (finding_severity(findings_at(findings, i)) == (enum rule_severity)severity)
				draw_finding(findings, i, out);
	buf_add_text(out, "</ol>\n");
}

void ledger_findings(const struct portrait *portrait, struct buf *out)
{
	markup_section(out, "findings", "", "Findings",
		"Errors: the standard forbids it, or a receiver refuses the bundle. Warnings: some receiver leaves out "
		"the "
		"row, or misreads it. Infos: worth a line. Which rows it is, rosterzip validate says.");
	if (findings_count(portrait->findings) > 0)
		draw_findings(portrait->findings, out);
	else
		buf_add_text(out, "<p class=\"empty\">Nothing was found wrong.</p>\n");
	markup_close(out);
}

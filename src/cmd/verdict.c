#include "cmd/verdict.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/rule.h"
#include "json.h"

enum { VERDICT_VERSION = 1, PAGE_WIDTH = 80, SEVERITY_WIDTH = 11, FILE_INDENT = 2 };

static void add_count(struct buf *text, size_t count, const char *word)
{
	if (count > 0)
		buf_add_format(text, "%s%zu %s%s", text->length > 0 ? ", " : "", count, word, count == 1 ? "" : "s");
}

char *verdict_text(const struct findings *findings)
{
	struct buf text = {0};
	add_count(&text, findings_severity(findings, RULE_ERROR), "error");
	add_count(&text, findings_severity(findings, RULE_WARNING), "warning");
	if (text.length == 0)
		buf_add_text(&text, "fine");
	return buf_take(&text);
}

static bool is_present(const struct verdict *verdict, int table)
{
	return verdict->judgement->present != NULL && verdict->judgement->present[table];
}

/* "bulk", "delta", "mixed"; NULL when there are no files. */
static const char *mode_word(const struct verdict *verdict)
{
	bool bulk = false;
	bool delta = false;
	for (int i = 0; i < verdict->schema->table_count; i++) {
		bool is_delta = is_present(verdict, i) && verdict->judgement->delta[i];
		delta |= is_delta;
		bulk |= is_present(verdict, i) && !is_delta;
	}
	if (bulk && delta)
		return "mixed";
	return delta ? "delta" : bulk ? "bulk" : NULL;
}

/* --- for people ----------------------------------------------------------------------------------------------------
 */

static size_t characters(const char *text, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xC0U) != 0x80 ? 1 : 0;
	return count;
}

/* Prints words on as many lines as they need; the first begins at column at, the others at indent. */
static void print_wrapped(const char *text, size_t at, size_t indent, FILE *out)
{
	bool first = true;
	while (*text != '\0') {
		size_t length = strcspn(text, " ");
		size_t width = characters(text, length);
		if (!first && at + 1 + width > PAGE_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, length, out);
		at += width;
		text += length;
		text += strspn(text, " ");
		first = false;
	}
	fputc('\n', out);
}

static size_t file_count(const struct verdict *verdict)
{
	size_t count = 0;
	for (int i = 0; i < verdict->schema->table_count; i++)
		count += is_present(verdict, i) ? 1 : 0;
	return count;
}

static void print_headline(const struct verdict *verdict, FILE *out)
{
	const struct judgement *judgement = verdict->judgement;
	fprintf(out, "%s", verdict->path);
	if (judgement->version != NULL)
		fprintf(out, ": OneRoster %s", judgement->version);
	else
		fprintf(out, ": OneRoster, version unknown");
	if (!judgement->judged) {
		fputs(", not judged\n", out);
		return;
	}
	size_t count = file_count(verdict);
	const char *mode = mode_word(verdict);
	if (mode != NULL)
		fprintf(out, " %s", mode);
	fprintf(out, ", %zu file%s", count, count == 1 ? "" : "s");
	if (verdict->consumer != NULL)
		fprintf(out, ", for %s", verdict->consumer->title);
	fputc('\n', out);
}

static void print_files(const struct verdict *verdict, FILE *out)
{
	const char *mode = mode_word(verdict);
	bool mixed = mode != NULL && strcmp(mode, "mixed") == 0;
	if (mode != NULL)
		fputc('\n', out);
	for (int i = 0; i < verdict->schema->table_count; i++)
		if (is_present(verdict, i))
			fprintf(out, "%*s%-20s %12" PRIu64 " row%s%s\n", FILE_INDENT, "",
				verdict->schema->tables[i].file_name, verdict->judgement->rows[i],
				verdict->judgement->rows[i] == 1 ? "" : "s",
				!mixed                         ? ""
				: verdict->judgement->delta[i] ? ", delta"
							       : ", bulk");
}

static void add_where(struct buf *text, const struct finding *finding)
{
	bool rows = finding->example_count > 0 && finding->examples[0].row > 0;
	if (finding->detail != NULL)
		buf_add_format(text, ", %s", finding->detail);
	if (finding->column != NULL)
		buf_add_format(text, ", column %s", finding->column);
	if (!rows && finding->count > 1)
		buf_add_format(text, ", %" PRIu64 " times", finding->count);
	if (!rows)
		return;
	if (finding->count == 1) {
		buf_add_format(text, ", row %" PRIu64, finding->examples[0].row);
		if (finding->examples[0].id != NULL)
			buf_add_format(text, " (%s)", finding->examples[0].id);
		return;
	}
	buf_add_format(text, ", %" PRIu64 " rows (", finding->count);
	for (size_t i = 0; i < finding->example_count; i++) {
		buf_add_format(text, "%s%" PRIu64, i > 0 ? ", " : "", finding->examples[i].row);
		if (finding->examples[i].id != NULL)
			buf_add_format(text, " %s", finding->examples[i].id);
	}
	if (finding->count > finding->example_count)
		buf_add_format(text, " and %" PRIu64 " more", finding->count - finding->example_count);
	buf_add_char(text, ')');
}

/* Whether the same rule was told of before, and with it what to do. */
static bool is_advised(const struct verdict *verdict, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (findings_at(verdict->findings, i)->rule == findings_at(verdict->findings, index)->rule)
			return true;
	return false;
}

static void print_values(const struct finding *finding, FILE *out)
{
	for (size_t i = 0; i < finding->example_count; i++)
		if (finding->examples[i].value != NULL)
			fprintf(out, "%*s%" PRIu64 ": \"%s\"\n", SEVERITY_WIDTH + FILE_INDENT, "",
				finding->examples[i].row, finding->examples[i].value);
}

static void print_finding(const struct verdict *verdict, size_t index, FILE *out)
{
	const struct finding *finding = findings_at(verdict->findings, index);
	const struct rule_info *info = &rules[finding->rule];
	struct buf text = {0};
	buf_add_text(&text, info->code);
	add_where(&text, finding);
	buf_add_format(&text, ": %s.", info->text);
	if (finding->accepted)
		buf_add_text(&text, " The settings allow it.");
	if (info->advice != NULL && !is_advised(verdict, index))
		buf_add_format(&text, " %s", info->advice);
	fprintf(out, "%*s%-*s", FILE_INDENT, "", SEVERITY_WIDTH - FILE_INDENT,
		rule_severity_word(finding_severity(finding)));
	print_wrapped(buf_text(&text), SEVERITY_WIDTH, SEVERITY_WIDTH, out);
	print_values(finding, out);
	buf_release(&text);
}

static bool same_file(const struct finding *a, const struct finding *b)
{
	if (a->file == NULL || b->file == NULL)
		return a->file == b->file;
	return strcmp(a->file, b->file) == 0;
}

static void print_findings(const struct verdict *verdict, FILE *out)
{
	for (size_t i = 0; i < findings_count(verdict->findings); i++) {
		const struct finding *finding = findings_at(verdict->findings, i);
		if (i == 0 || !same_file(finding, findings_at(verdict->findings, i - 1)))
			fprintf(out, "\n%s\n", finding->file != NULL ? finding->file : "The bundle as a whole");
		print_finding(verdict, i, out);
	}
}

void verdict_print(const struct verdict *verdict, FILE *out)
{
	if (verdict->judgement->present != NULL) {
		print_headline(verdict, out);
		print_files(verdict, out);
	}
	print_findings(verdict, out);
	char *text = verdict_text(verdict->findings);
	fprintf(out, "\n%s: %s\n", verdict->path, text);
	free(text);
}

/* --- for programs --------------------------------------------------------------------------------------------------
 */

static void add_files(yajl_gen gen, const struct verdict *verdict)
{
	json_open_list(gen, "files");
	for (int i = 0; i < verdict->schema->table_count; i++) {
		if (!is_present(verdict, i))
			continue;
		yajl_gen_map_open(gen);
		json_add_text(gen, "name", verdict->schema->tables[i].file_name);
		json_add_text(gen, "mode", verdict->judgement->delta[i] ? "delta" : "bulk");
		json_add_count(gen, "rows", verdict->judgement->rows[i]);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void add_verdict(yajl_gen gen, const struct verdict *verdict)
{
	size_t errors = findings_severity(verdict->findings, RULE_ERROR);
	size_t warnings = findings_severity(verdict->findings, RULE_WARNING);
	yajl_gen_map_open(gen);
	json_add_text(gen, "path", verdict->path);
	json_add_bool(gen, "judged", verdict->judgement->judged);
	json_add_text(gen, "oneroster", verdict->judgement->version);
	json_add_text(gen, "mode", mode_word(verdict));
	add_files(gen, verdict);
	json_open_list(gen, "findings");
	for (size_t i = 0; i < findings_count(verdict->findings); i++)
		finding_json(gen, findings_at(verdict->findings, i));
	yajl_gen_array_close(gen);
	json_add_count(gen, "errors", errors);
	json_add_count(gen, "warnings", warnings);
	json_add_count(gen, "infos", findings_severity(verdict->findings, RULE_INFO));
	json_add_text(gen, "verdict", errors > 0 ? "errors" : warnings > 0 ? "warnings" : "fine");
	yajl_gen_map_close(gen);
}

static void compose(yajl_gen gen, const struct verdict *verdicts, size_t count, const struct err *err)
{
	yajl_gen_map_open(gen);
	json_add_number(gen, "validate", VERDICT_VERSION);
	json_add_text(gen, "program", "rosterzip");
	json_add_text(gen, "version", ROSTERZIP_VERSION);
	json_add_number(gen, "exit-status", err_exit_status(err->code));
	if (err->code == ERR_NONE) {
		json_add_text(gen, "error", NULL);
	} else {
		json_open_map(gen, "error");
		json_add_text(gen, "kind", err_code_name(err->code));
		json_add_text(gen, "text", err->text);
		yajl_gen_map_close(gen);
	}
	json_add_text(gen, "consumer", count > 0 && verdicts[0].consumer != NULL ? verdicts[0].consumer->name : NULL);
	json_open_list(gen, "bundles");
	for (size_t i = 0; i < count; i++)
		add_verdict(gen, &verdicts[i]);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

void verdict_print_json(const struct verdict *verdicts, size_t count, const struct err *err, FILE *out)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_config(gen, yajl_gen_indent_string, "\t");
	compose(gen, verdicts, count, err);
	yajl_gen_get_buf(gen, &json, &length);
	fwrite(json, 1, length, out);
	yajl_gen_free(gen);
}

#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "json.h"

enum { REPORT_VERSION = 1 };

/* --- JSON ----------------------------------------------------------------------------------------------------------
 */

static const char metadata[] = "metadata";

static const char *severity_word(enum value_severity severity)
{
	static const char *const words[] = {
		[VALUE_CHANGE] = "change", [VALUE_WARNING] = "warning", [VALUE_ERROR] = "error"};
	return words[severity];
}

/* Only is what the one column is called that is none of the table's; NULL for those of the table. */
static void add_findings(yajl_gen gen, const struct table *table, const char *only, const struct value_counts *counts)
{
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(counts, &place, &count)) {
		const struct value_rule_info *rule = &value_rules[count.rule];
		yajl_gen_map_open(gen);
		json_add_text(gen, "file", table->file_name);
		json_add_text(gen, "column", only != NULL ? only : table->columns[count.column].name);
		json_add_text(gen, "rule", rule->code);
		json_add_text(gen, "severity", severity_word(rule->severity));
		json_add_count(gen, "cells", count.cells);
		json_add_text(gen, "text", rule->text);
		yajl_gen_map_close(gen);
	}
}

static void add_collection(yajl_gen gen, const struct report *report, int id)
{
	const struct table *table = &report->schema->tables[id];
	const struct collection *collection = &report->collections[id];
	const struct table_stats *stats = &report->stats->tables[id];
	if (collection->table == NULL)
		return;
	yajl_gen_map_open(gen);
	json_add_text(gen, "name", table->name);
	json_add_bool(gen, "complete", collection->rows != NULL);
	json_add_text(gen, "proof", collection->proof);
	json_add_text(gen, "evidence", stats->evidence[0] != '\0' ? stats->evidence : NULL);
	json_add_text(gen, "missing", collection->missing);
	json_add_text(gen, "note", collection->note);
	json_add_text(gen, "since", collection->since);
	json_add_count(gen, "rows", collection->counts.rows);
	json_add_count(gen, "distinct", collection->counts.distinct);
	json_add_bool(gen, "in-order", collection->counts.in_order);
	json_add_count(gen, "largest-page", stats->largest);
	json_add_count(gen, "requests", stats->requests);
	json_add_count(gen, "retries", stats->retries);
	json_add_count(gen, "readings", collection->rows != NULL ? stats->rereads + 1 : stats->rereads);
	json_add_count(gen, "bytes", stats->bytes);
	json_add_count(gen, "wire-bytes", stats->wire_bytes);
	json_add_number(gen, "milliseconds", stats->ms);
	json_add_count(gen, "mended-escapes", collection->mended);
	json_open_list(gen, "findings");
	add_findings(gen, table, NULL, &collection->values);
	add_findings(gen, table, metadata, &collection->metadata);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void add_file(yajl_gen gen, const struct publication *publication, const struct table *table)
{
	const struct keys *keys = publication->keys;
	yajl_gen_map_open(gen);
	json_add_text(gen, "file", table->file_name);
	const char *mode = publication->delta.on ? "delta" : "bulk";
	json_add_text(gen, "mode", publication->present[table->id] ? mode : "absent");
	json_add_count(gen, "rows", publication->rows[table->id]);
	json_add_count(gen, "bytes", publication->bytes[table->id]);
	json_add_count(gen, "left-out-filtered", keys_rows(keys, table, KEYS_FILTERED));
	json_add_count(gen, "left-out-deleted", keys_rows(keys, table, KEYS_DELETED));
	json_add_count(gen, "left-out-hanging", keys_rows(keys, table, KEYS_HANGS));
	json_add_count(gen, "left-out-dangling", keys_rows(keys, table, KEYS_DANGLES));
	yajl_gen_map_close(gen);
}

static void add_references(
	yajl_gen gen, const struct publication *publication, const struct schema *schema, const struct table *table)
{
	for (int c = 0; c < table->column_count; c++) {
		struct keys_counts counts = keys_column(publication->keys, table, c);
		if (counts.dangling == 0 && counts.cut == 0)
			continue;
		yajl_gen_map_open(gen);
		json_add_text(gen, "file", table->file_name);
		json_add_text(gen, "column", table->columns[c].name);
		json_add_text(gen, "to", schema->tables[table->columns[c].ref].file_name);
		json_add_count(gen, "dangling", counts.dangling);
		json_add_count(gen, "taken-out", counts.cut);
		yajl_gen_map_close(gen);
	}
}

static void add_err(yajl_gen gen, const struct err *err)
{
	json_text(gen, "error");
	if (err->code == ERR_NONE) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	json_add_text(gen, "kind", err_code_name(err->code));
	json_add_text(gen, "text", err->text);
	yajl_gen_map_close(gen);
}

static void add_guard(yajl_gen gen, const struct guarding *guarding)
{
	json_open_map(gen, "guard");
	json_add_text(gen, "against", guarding->against);
	json_add_text(gen, "alone", guarding->alone);
	json_open_list(gen, "files");
	for (int i = 0; guarding->files != NULL && i < guarding->count; i++) {
		const struct guard_file *file = &guarding->files[i];
		if (file->old_rows == 0 && file->new_rows == 0)
			continue;
		yajl_gen_map_open(gen);
		json_add_text(gen, "file", file->table->file_name);
		json_add_count(gen, "old", file->old_rows);
		json_add_count(gen, "new", file->new_rows);
		json_add_count(gen, "gone", file->gone);
		json_add_count(gen, "came-back", file->churned);
		json_text(gen, "max-drop");
		yajl_gen_double(gen, (double)file->limit / 100);
		json_add_count(gen, "min-rows", file->floor);
		json_add_text(gen, "verdict", guard_word(file->verdict));
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

/* What became of sending the bundle; null when it has no receiver. */
static void add_delivery(yajl_gen gen, const struct publication *publication)
{
	const struct delivering *delivery = &publication->delivery;
	json_text(gen, "delivery");
	if (publication->config->deliver == NULL) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	json_add_text(gen, "state", delivering_word(delivery->state));
	json_add_text(gen, "place", delivery->place);
	json_add_count(gen, "files", delivery->sent);
	json_add_count(gen, "waiting", delivery->waiting);
	json_add_count(gen, "bytes", delivery->bytes);
	json_add_count(gen, "resumed", delivery->resumed);
	json_add_count(gen, "tries", delivery->tries);
	json_add_number(gen, "milliseconds", delivery->ms);
	add_err(gen, &delivery->err);
	yajl_gen_map_close(gen);
}

/* What the final check found; null when it did not come to that. */
static void add_check(yajl_gen gen, const struct findings *findings)
{
	json_text(gen, "check");
	if (findings == NULL) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < findings_count(findings); i++)
		finding_json(gen, findings_at(findings, i));
	yajl_gen_array_close(gen);
}

/* Whether a delta holds all rows of a table although it is not the first. */
static bool is_whole(const struct publication *publication, int table)
{
	return publication->present[table] && publication->delta.whole[table];
}

/* What a delta holds: null for a full bundle. */
static void add_delta(yajl_gen gen, const struct report *report, const struct publication *publication)
{
	const struct delta *delta = &publication->delta;
	json_text(gen, "delta");
	if (!delta->on) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	json_add_text(gen, "since", delta->all ? NULL : delta->since);
	json_add_count(gen, "undated", delta->undated);
	json_open_list(gen, "whole");
	for (int i = 0; i < report->schema->table_count; i++)
		if (is_whole(publication, i))
			json_text(gen, report->schema->tables[i].file_name);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void add_bundle(yajl_gen gen, const struct report *report, const struct publication *publication)
{
	const struct schema *schema = report->schema;
	yajl_gen_map_open(gen);
	json_add_text(gen, "name", publication->config->name);
	json_add_text(gen, "path", publication->path);
	json_add_bool(gen, "published", publication->published);
	json_add_bool(gen, "unchanged", publication->unchanged);
	json_add_bool(gen, "forced", publication->forced);
	json_add_text(gen, "refused", publication->refused);
	add_err(gen, &publication->err);
	json_add_count(gen, "bytes", publication->size);
	json_add_count(gen, "removed-snapshots", publication->removed);
	json_open_list(gen, "dropped-columns");
	for (size_t i = 0; i < publication->config->drop_columns.count; i++)
		json_text(gen, publication->config->drop_columns.items[i]);
	yajl_gen_array_close(gen);
	add_delta(gen, report, publication);
	json_open_list(gen, "files");
	for (int i = 0; i < schema->table_count; i++)
		if (report->collections[i].rows != NULL)
			add_file(gen, publication, &schema->tables[i]);
	yajl_gen_array_close(gen);
	json_open_list(gen, "references");
	for (int i = 0; i < schema->table_count; i++)
		add_references(gen, publication, schema, &schema->tables[i]);
	yajl_gen_array_close(gen);
	json_open_list(gen, "findings");
	for (int i = 0; i < schema->table_count; i++)
		add_findings(gen, &schema->tables[i], NULL, &publication->values[i]);
	yajl_gen_array_close(gen);
	add_guard(gen, &publication->guarding);
	add_delivery(gen, publication);
	add_check(gen, publication->findings);
	yajl_gen_map_close(gen);
}

static void compose(yajl_gen gen, const struct report *report)
{
	char started[21];
	time_iso(report->started, started);
	yajl_gen_map_open(gen);
	json_add_number(gen, "report", REPORT_VERSION);
	json_add_text(gen, "program", "rosterzip");
	json_add_text(gen, "version", ROSTERZIP_VERSION);
	json_add_text(gen, "started", started);
	json_add_number(gen, "milliseconds", report->ms);
	json_add_number(gen, "exit-status", report->exit_status);
	add_err(gen, &report->err);
	json_open_map(gen, "source");
	json_add_text(gen, "url", report->config->data_url);
	json_add_text(gen, "provider", report->config->provider->name);
	json_add_text(gen, "login", report->login);
	json_add_text(gen, "scopes", report->scopes);
	yajl_gen_map_close(gen);
	json_open_list(gen, "collections");
	for (int i = 0; i < report->schema->table_count; i++)
		add_collection(gen, report, i);
	yajl_gen_array_close(gen);
	json_open_list(gen, "bundles");
	for (size_t i = 0; i < report->publication_count; i++)
		if (report->publications[i].keys != NULL)
			add_bundle(gen, report, &report->publications[i]);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static bool write_json(yajl_gen gen, const char *path, struct err *err)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	yajl_gen_get_buf(gen, &json, &length);
	return file_publish_text(path, (const char *)json, length, err);
}

static yajl_gen new_json(void)
{
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_config(gen, yajl_gen_indent_string, "\t");
	return gen;
}

bool report_write(const struct report *report, const char *path, struct err *err)
{
	yajl_gen gen = new_json();
	compose(gen, report);
	bool fine = write_json(gen, path, err);
	yajl_gen_free(gen);
	return fine;
}

bool report_write_refusals(const struct report *report, struct err *err)
{
	for (size_t i = 0; i < report->publication_count; i++) {
		const struct publication *publication = &report->publications[i];
		if (publication->refusal == NULL)
			continue;
		yajl_gen gen = new_json();
		add_bundle(gen, report, publication);
		bool fine = write_json(gen, publication->refusal, err);
		yajl_gen_free(gen);
		if (!fine)
			return false;
	}
	return true;
}

/* --- log and summary -----------------------------------------------------------------------------------------------
 */

static void log_count(enum log_level level, const struct table *table, const struct value_count *count)
{
	log_line(level, table->file_name, "%s, %" PRIu64 " cells: %s", table->columns[count->column].name, count->cells,
		value_rules[count->rule].text);
}

/* Whether what was found while reading is told again, after the maps, for each bundle. */
static bool is_judged_later(const struct report *report, const struct table *table, const struct value_count *count)
{
	for (size_t i = 0; i < report->publication_count; i++)
		if (!exchange_judges(report->publications[i].exchange, table, count->column, count->rule))
			return false;
	return true;
}

static void log_collection(const struct report *report, const struct table *table)
{
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(&report->collections[table->id].values, &place, &count)) {
		bool harmless = value_rules[count.rule].severity == VALUE_CHANGE;
		log_count(harmless || is_judged_later(report, table, &count) ? LOG_INFO : LOG_WARNING, table, &count);
	}
}

static void log_metadata(const struct table *table, const struct value_counts *counts)
{
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(counts, &place, &count))
		log_line(value_rules[count.rule].severity == VALUE_CHANGE ? LOG_INFO : LOG_WARNING, table->file_name,
			"%s, %" PRIu64 " cells: %s", metadata, count.cells, value_rules[count.rule].text);
}

static void log_publication(const struct publication *publication, const struct table *table)
{
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(&publication->values[table->id], &place, &count))
		log_count(value_rules[count.rule].severity == VALUE_CHANGE ? LOG_INFO : LOG_WARNING, table, &count);
}

static void log_references(
	const struct report *report, const struct publication *publication, const struct table *table)
{
	for (int c = 0; c < table->column_count; c++) {
		struct keys_counts counts = keys_column(publication->keys, table, c);
		if (counts.dangling > 0)
			log_line(LOG_WARNING, table->file_name,
				"%s, %" PRIu64 " references to rows of %s that the server did not send",
				table->columns[c].name, counts.dangling,
				report->schema->tables[table->columns[c].ref].file_name);
	}
	uint64_t hanging = keys_rows(publication->keys, table, KEYS_HANGS);
	uint64_t dangling = keys_rows(publication->keys, table, KEYS_DANGLES);
	uint64_t deleted = keys_rows(publication->keys, table, KEYS_DELETED);
	uint64_t filtered = keys_rows(publication->keys, table, KEYS_FILTERED);
	if (hanging > 0)
		log_line(LOG_WARNING, table->file_name, "%" PRIu64 " rows left out because they refer to rows left out",
			hanging);
	if (dangling > 0)
		log_line(LOG_WARNING, table->file_name,
			"%" PRIu64 " rows left out because they refer to rows that the server did not send", dangling);
	if (filtered > 0)
		log_line(
			LOG_INFO, table->file_name, "%" PRIu64 " rows left out by the filters of the bundle", filtered);
	if (deleted > 0)
		log_line(LOG_INFO, table->file_name, "%" PRIu64 " rows left out because the SIS marks them as deleted",
			deleted);
}

void report_findings(const struct report *report)
{
	for (int i = 0; i < report->schema->table_count; i++) {
		const struct collection *collection = &report->collections[i];
		const struct table *table = &report->schema->tables[i];
		if (collection->missing != NULL)
			log_line(LOG_WARNING, NULL, "%s", collection->missing);
		if (collection->note != NULL)
			log_line(LOG_WARNING, NULL, "%s", collection->note);
		if (collection->rows != NULL)
			log_collection(report, table);
		log_metadata(table, &collection->metadata);
		if (collection->mended > 0)
			log_line(LOG_INFO, table->name, "%" PRIu64 " damaged characters replaced", collection->mended);
	}
	for (size_t p = 0; p < report->publication_count; p++) {
		const struct publication *publication = &report->publications[p];
		for (int i = 0; publication->keys != NULL && i < report->schema->table_count; i++) {
			log_publication(publication, &report->schema->tables[i]);
			log_references(report, publication, &report->schema->tables[i]);
		}
	}
}

static uint64_t left_out(const struct publication *publication, const struct table *table)
{
	uint64_t rows = 0;
	for (int fate = KEYS_STAYS + 1; fate < KEYS_FATE_COUNT; fate++)
		rows += keys_rows(publication->keys, table, (enum keys_fate)fate);
	return rows;
}

uint64_t report_warnings(const struct report *report, const struct publication *publication, const struct table *table)
{
	const struct value_counts *read = &report->collections[table->id].values;
	uint64_t sum = value_counts_severity(&publication->values[table->id], VALUE_WARNING);
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(read, &place, &count))
		if (value_rules[count.rule].severity == VALUE_WARNING &&
			!exchange_judges(publication->exchange, table, count.column, count.rule))
			sum += count.cells;
	if (publication->config->metadata.count > 0)
		sum += value_counts_severity(&report->collections[table->id].metadata, VALUE_WARNING);
	return sum;
}

static void print_table(const struct report *report, const struct publication *publication)
{
	printf("%-22s %12s %10s %10s\n", "file", "rows", "left out", "warnings");
	for (int i = 0; i < report->schema->table_count; i++) {
		const struct table *table = &report->schema->tables[i];
		if (report->collections[i].table == NULL)
			continue;
		if (!publication->given[i]) {
			printf("%-22s %12s\n", table->file_name, "absent");
			continue;
		}
		printf("%-22s %12" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", table->file_name, publication->rows[i],
			left_out(publication, table), report_warnings(report, publication, table));
	}
}

static void print_delta(const struct report *report, const struct publication *publication)
{
	if (!publication->delta.on)
		return;
	if (publication->delta.all) {
		printf(" (no bundle before is known, so the delta holds everything)");
		return;
	}
	printf(" (changed since %s", publication->delta.since);
	for (int i = 0; i < report->schema->table_count; i++)
		if (is_whole(publication, i))
			printf("; all of %s, which the bundle before was without", report->schema->tables[i].file_name);
	printf(")");
}

static void print_delivery(const struct delivering *delivery)
{
	switch (delivery->state) {
	case DELIVERING_NONE: break;
	case DELIVERING_UNCHANGED: printf(", delivered before to %s", delivery->place); break;
	case DELIVERING_DONE: printf(", delivered to %s", delivery->place); break;
	case DELIVERING_PENDING:
	case DELIVERING_FAILED: printf(", not delivered to %s", delivery->place); break;
	}
}

static void print_line(const struct report *report, const struct publication *publication)
{
	uint64_t rows = 0;
	uint64_t out = 0;
	uint64_t warned = 0;
	size_t files = 1;
	for (int i = 0; i < report->schema->table_count; i++) {
		const struct table *table = &report->schema->tables[i];
		if (!publication->given[i])
			continue;
		files += publication->present[i] ? 1 : 0;
		rows += publication->rows[i];
		out += left_out(publication, table);
		warned += report_warnings(report, publication, table);
	}
	if (publication->empty)
		printf("nothing has changed, so not published: %s: ", publication->path);
	else if (publication->unchanged)
		printf("unchanged, so not published again: %s: ", publication->path);
	else
		printf("published %s: ", publication->path);
	printf("%zu files, %" PRIu64 " rows, %" PRIu64 " left out, %" PRIu64 " warnings, %.1f s", files, rows, out,
		warned, (double)report->ms / 1000.0);
	print_delta(report, publication);
	if (publication->guarding.alone != NULL)
		printf(" (%s)", publication->guarding.alone);
	print_delivery(&publication->delivery);
	putchar('\n');
}

void report_summary(const struct report *report)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	for (size_t i = 0; i < report->publication_count; i++) {
		const struct publication *publication = &report->publications[i];
		if (!publication->published && !publication->unchanged)
			continue;
		if (terminal)
			print_table(report, publication);
		print_line(report, publication);
	}
	fflush(stdout);
}

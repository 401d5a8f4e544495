#include "metrics.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/delivering.h"
#include "cmd/shelf.h"

enum { NUMBER_MAX = 32 }; /* bytes of the file with the last success */

/* --- the format ----------------------------------------------------------------------------------------------------
 */

struct metrics {
	const struct report *report;
	char *source;
	struct buf out;
	const char *name; /* of the metric whose samples are being written */
};

/* All samples of a metric stand behind its two lines of comment. Every run counts anew, so all of them are gauges. */
static void begin(struct metrics *metrics, const char *name, const char *help)
{
	metrics->name = name;
	buf_add_format(&metrics->out, "# HELP rosterzip_%s %s\n# TYPE rosterzip_%s gauge\n", name, help, name);
}

static void add_label(struct metrics *metrics, const char *name, const char *value)
{
	buf_add_format(&metrics->out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			buf_add_char(&metrics->out, '\\');
		if (*value == '\n')
			buf_add_text(&metrics->out, "\\n");
		else
			buf_add_char(&metrics->out, *value);
	}
	buf_add_char(&metrics->out, '"');
}

static void open_sample(struct metrics *metrics)
{
	buf_add_format(&metrics->out, "rosterzip_%s{", metrics->name);
	add_label(metrics, "source", metrics->source);
}

static void add_next_label(struct metrics *metrics, const char *name, const char *value)
{
	buf_add_char(&metrics->out, ',');
	add_label(metrics, name, value);
}

static void close_count(struct metrics *metrics, uint64_t value)
{
	buf_add_format(&metrics->out, "} %" PRIu64 "\n", value);
}

static void close_ms(struct metrics *metrics, int64_t ms)
{
	buf_add_format(&metrics->out, "} %" PRId64 ".%03d\n", ms / 1000, (int)(ms % 1000));
}

/* --- the run -------------------------------------------------------------------------------------------------------
 */

static char *success_path(const struct report *report)
{
	return mem_format("%s/last-success", report->config->state_dir);
}

/* 0 when there was none, or it is not known. */
static int64_t last_success(const struct report *report)
{
	struct buf text = {0};
	struct err ignored = {0};
	char *path = success_path(report);
	int64_t seconds = file_read(path, NUMBER_MAX, &text, &ignored) ? strtoll(buf_text(&text), NULL, 10) : 0;
	buf_release(&text);
	free(path);
	return seconds > 0 ? seconds : 0;
}

static bool note_success(const struct report *report, int64_t now, struct err *err)
{
	char text[NUMBER_MAX];
	char *path = success_path(report);
	int length = snprintf(text, sizeof(text), "%" PRId64 "\n", now);
	bool fine = file_publish_text(path, text, (size_t)length, err);
	free(path);
	return fine;
}

static void add_run(struct metrics *metrics, int64_t now)
{
	const struct report *report = metrics->report;
	begin(metrics, "build_info", "The version of the program, as a label.");
	open_sample(metrics);
	add_next_label(metrics, "version", ROSTERZIP_VERSION);
	close_count(metrics, 1);
	begin(metrics, "last_run_timestamp_seconds", "When the last run ended.");
	open_sample(metrics);
	close_count(metrics, (uint64_t)now);
	begin(metrics, "last_success_timestamp_seconds", "When the last run ended that succeeded, 0 for never.");
	open_sample(metrics);
	close_count(metrics, (uint64_t)(report->exit_status == 0 ? now : last_success(report)));
	begin(metrics, "last_exit_status", "The exit status of the last run, 0 for success.");
	open_sample(metrics);
	close_count(metrics, (uint64_t)report->exit_status);
	begin(metrics, "duration_seconds", "How long the last run took.");
	open_sample(metrics);
	close_ms(metrics, report->ms);
}

/* --- collections ---------------------------------------------------------------------------------------------------
 */

static uint64_t is_complete(const struct collection *collection, const struct table_stats *stats)
{
	(void)stats;
	return collection->rows != NULL ? 1 : 0;
}

static uint64_t rows_received(const struct collection *collection, const struct table_stats *stats)
{
	return collection->rows != NULL ? collection->counts.rows : stats->rows;
}

static uint64_t requests_made(const struct collection *collection, const struct table_stats *stats)
{
	(void)collection;
	return stats->requests;
}

static uint64_t retries_made(const struct collection *collection, const struct table_stats *stats)
{
	(void)collection;
	return stats->retries;
}

static uint64_t rereads_made(const struct collection *collection, const struct table_stats *stats)
{
	(void)collection;
	return stats->rereads;
}

static uint64_t bytes_received(const struct collection *collection, const struct table_stats *stats)
{
	(void)collection;
	return stats->bytes;
}

static uint64_t bytes_transferred(const struct collection *collection, const struct table_stats *stats)
{
	(void)collection;
	return stats->wire_bytes;
}

static void add_collections(struct metrics *metrics)
{
	static const struct {
		const char *name;
		const char *help;
		uint64_t (*value)(const struct collection *collection, const struct table_stats *stats);
	} counts[] = {
		{"collection_complete", "1 if the collection was read and proved to be complete, else 0.", is_complete},
		{"collection_rows", "Rows received.", rows_received},
		{"collection_requests", "Requests made.", requests_made},
		{"collection_retries", "Requests made again.", retries_made},
		{"collection_rereads", "How often the collection was read again from its beginning.", rereads_made},
		{"collection_json_bytes", "JSON received, uncompressed.", bytes_received},
		{"collection_wire_bytes", "What was transferred for it.", bytes_transferred},
	};
	const struct report *report = metrics->report;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		begin(metrics, counts[c].name, counts[c].help);
		for (int i = 0; i < report->schema->table_count; i++) {
			if (report->collections[i].table == NULL)
				continue;
			open_sample(metrics);
			add_next_label(metrics, "collection", report->schema->tables[i].name);
			close_count(metrics, counts[c].value(&report->collections[i], &report->stats->tables[i]));
		}
	}
	begin(metrics, "collection_duration_seconds", "How long reading took.");
	for (int i = 0; i < report->schema->table_count; i++) {
		if (report->collections[i].table == NULL)
			continue;
		open_sample(metrics);
		add_next_label(metrics, "collection", report->schema->tables[i].name);
		close_ms(metrics, report->stats->tables[i].ms);
	}
}

/* --- bundles -------------------------------------------------------------------------------------------------------
 */

static const char *state_of(const struct publication *publication)
{
	if (publication->published)
		return "published";
	if (publication->unchanged)
		return "unchanged";
	if (publication->err.code == ERR_GUARD)
		return "guard";
	return publication->err.code == ERR_DATA ? "invalid" : "failed";
}

static void add_states(struct metrics *metrics)
{
	static const char *const states[] = {"published", "unchanged", "guard", "invalid", "failed"};
	begin(metrics, "bundle_state", "1 for what became of the bundle in the last run, 0 for the other states.");
	for (size_t i = 0; i < metrics->report->publication_count; i++) {
		const struct publication *publication = &metrics->report->publications[i];
		for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
			open_sample(metrics);
			add_next_label(metrics, "bundle", publication->config->name);
			add_next_label(metrics, "state", states[s]);
			close_count(metrics, strcmp(states[s], state_of(publication)) == 0 ? 1 : 0);
		}
	}
}

static void add_published(struct metrics *metrics)
{
	const struct report *report = metrics->report;
	begin(metrics, "bundle_published_timestamp_seconds", "When the bundle was last published, 0 for never.");
	for (size_t i = 0; i < report->publication_count; i++) {
		struct shelf shelf;
		const char *name = report->config->bundles[i].name;
		const char *record = report->config->bundles[i].record;
		shelf_open(&shelf, report->schema, report->config->state_dir,
			record != NULL    ? record
			: name[0] != '\0' ? name
					  : "bundle");
		open_sample(metrics);
		add_next_label(metrics, "bundle", name);
		close_count(metrics, shelf.known && shelf.time > 0 ? (uint64_t)shelf.time : 0);
		shelf_release(&shelf);
	}
}

static void add_deliveries(struct metrics *metrics)
{
	const struct report *report = metrics->report;
	begin(metrics, "bundle_delivery_state",
		"1 for what became of sending the bundle in the last run, 0 for the other states.");
	for (size_t i = 0; i < report->publication_count; i++) {
		const struct bundle_config *bundle = &report->config->bundles[i];
		for (int state = DELIVERING_NONE; bundle->deliver != NULL && state <= DELIVERING_FAILED; state++) {
			open_sample(metrics);
			add_next_label(metrics, "bundle", bundle->name);
			add_next_label(metrics, "state", delivering_word((enum delivering_state)state));
			close_count(metrics,
				report->publications[i].delivery.state == (enum delivering_state)state ? 1 : 0);
		}
	}
	begin(metrics, "bundle_delivered_timestamp_seconds", "When the bundle was last delivered, 0 for never.");
	for (size_t i = 0; i < report->publication_count; i++) {
		const struct bundle_config *bundle = &report->config->bundles[i];
		const struct delivering_order order = {.schema = report->schema,
			.config = report->config,
			.bundle = bundle,
			.state_dir = report->config->state_dir};
		if (bundle->deliver == NULL)
			continue;
		open_sample(metrics);
		add_next_label(metrics, "bundle", bundle->name);
		close_count(metrics, (uint64_t)delivering_time(&order));
	}
}

static void add_sizes(struct metrics *metrics)
{
	begin(metrics, "bundle_bytes", "Size of the zip, 0 where there is none.");
	for (size_t i = 0; i < metrics->report->publication_count; i++) {
		open_sample(metrics);
		add_next_label(metrics, "bundle", metrics->report->config->bundles[i].name);
		close_count(metrics, metrics->report->publications[i].size);
	}
}

/* --- files ---------------------------------------------------------------------------------------------------------
 */

/* One file of a bundle. */
struct part {
	const struct report *report;
	const struct publication *publication;
	const struct table *table;
};

static uint64_t rows_of(const struct part *part)
{
	return part->publication->rows[part->table->id];
}

static uint64_t bytes_of(const struct part *part)
{
	return part->publication->bytes[part->table->id];
}

static uint64_t warnings_of(const struct part *part)
{
	return report_warnings(part->report, part->publication, part->table);
}

static uint64_t gone_of(const struct part *part)
{
	const struct guarding *guarding = &part->publication->guarding;
	return guarding->files != NULL ? guarding->files[part->table->id].gone : 0;
}

static uint64_t deleted_of(const struct part *part)
{
	return keys_rows(part->publication->keys, part->table, KEYS_DELETED);
}

static uint64_t hanging_of(const struct part *part)
{
	return keys_rows(part->publication->keys, part->table, KEYS_HANGS);
}

static uint64_t dangling_of(const struct part *part)
{
	return keys_rows(part->publication->keys, part->table, KEYS_DANGLES);
}

static uint64_t filtered_of(const struct part *part)
{
	return keys_rows(part->publication->keys, part->table, KEYS_FILTERED);
}

static void open_part(struct metrics *metrics, const struct part *part)
{
	open_sample(metrics);
	add_next_label(metrics, "bundle", part->publication->config->name);
	add_next_label(metrics, "file", part->table->file_name);
}

/* Finds the next file of a bundle that was made, beginning with one whose table is NULL. */
static bool next_part(struct part *part, size_t *bundle, int *table)
{
	const struct report *report = part->report;
	for (; *bundle < report->publication_count; ++*bundle, *table = 0) {
		part->publication = &report->publications[*bundle];
		while (part->publication->keys != NULL && *table < report->schema->table_count) {
			part->table = &report->schema->tables[(*table)++];
			if (part->publication->given[part->table->id])
				return true;
		}
	}
	return false;
}

static void add_files(struct metrics *metrics)
{
	static const struct {
		const char *name;
		const char *help;
		const char *reason; /* one of several samples, or NULL */
		uint64_t (*value)(const struct part *part);
	} counts[] = {
		{"file_rows", "Rows in the file.", NULL, rows_of},
		{"file_bytes", "Size of the CSV file.", NULL, bytes_of},
		{"file_warnings", "Cells that somebody ought to look at.", NULL, warnings_of},
		{"file_gone_rows", "Ids that the bundle published before had and this one has not.", NULL, gone_of},
		{"file_left_out_rows", "Rows of the SIS that are not in the file.", "deleted", deleted_of},
		{"file_left_out_rows", NULL, "hanging", hanging_of},
		{"file_left_out_rows", NULL, "filtered", filtered_of},
		{"file_left_out_rows", NULL, "dangling", dangling_of},
	};
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct part part = {.report = metrics->report};
		size_t bundle = 0;
		int table = 0;
		if (counts[c].help != NULL)
			begin(metrics, counts[c].name, counts[c].help);
		while (next_part(&part, &bundle, &table)) {
			open_part(metrics, &part);
			if (counts[c].reason != NULL)
				add_next_label(metrics, "reason", counts[c].reason);
			close_count(metrics, counts[c].value(&part));
		}
	}
}

/* --- the whole -----------------------------------------------------------------------------------------------------
 */

/* The last part of a path, without a slash at its end; to be freed. */
static char *last_part(const char *path)
{
	size_t end = strlen(path);
	while (end > 1 && path[end - 1] == '/')
		end--;
	size_t begin_at = end;
	while (begin_at > 0 && path[begin_at - 1] != '/')
		begin_at--;
	return mem_copy_n(path + begin_at, end - begin_at);
}

bool metrics_write(const struct report *report, const char *path, struct err *err)
{
	struct metrics metrics = {.report = report, .source = last_part(report->config->state_dir)};
	int64_t now = time_unix();
	add_run(&metrics, now);
	add_collections(&metrics);
	add_states(&metrics);
	add_published(&metrics);
	add_deliveries(&metrics);
	add_sizes(&metrics);
	add_files(&metrics);
	bool fine = file_publish_for_all(path, buf_text(&metrics.out), metrics.out.length, err) &&
		    (report->exit_status != 0 || note_success(report, now, err));
	buf_release(&metrics.out);
	free(metrics.source);
	return fine;
}

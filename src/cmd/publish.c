#include "cmd/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/delivering.h"
#include "cmd/delta.h"
#include "cmd/judging.h"
#include "cmd/make.h"
#include "cmd/shelf.h"
#include "keeping.h"
#include "package/archive.h"
#include "package/bundle.h"
#include "package/content.h"
#include "package/sidecar.h"
#include "stop.h"
#include "table/consumer.h"

/* The making of one bundle. */
struct making {
	const struct publish *publish;
	const struct bundle_config *config;
	struct publication *publication;
	struct bundle *bundle;
	struct shelf shelf;
};

static const struct collection *collection_of(const struct making *making, const struct table *table)
{
	return &making->publish->collections[table->id];
}

/* --- checks --------------------------------------------------------------------------------------------------------
 */

/* The first problem becomes the error, the others are counted: the report has them all. */
struct problems {
	struct err *err;
	uint64_t more;
};

static void problem(struct problems *problems, const char *text, const char *hint)
{
	if (problems->err->code != ERR_NONE) {
		problems->more++;
		return;
	}
	err_set(problems->err, ERR_DATA, "%s", text);
	if (hint != NULL)
		err_hint(problems->err, "%s", hint);
}

static void check_values(
	struct problems *problems, const struct table *table, const struct value_counts *counts, const char *hint)
{
	size_t place = 0;
	struct value_count count;
	while (value_counts_next(counts, &place, &count)) {
		if (value_rules[count.rule].severity != VALUE_ERROR)
			continue;
		char *text = mem_format("%s: column %s, %" PRIu64 " rows: %s", table->file_name,
			table->columns[count.column].name, count.cells, value_rules[count.rule].text);
		char *advice = mem_format("A value for such rows can be set with fill = %s.%s=VALUE", table->name,
			table->columns[count.column].name);
		problem(problems, text, count.rule == VALUE_FIELD_REQUIRED ? advice : hint);
		free(advice);
		free(text);
	}
}

static void check_references(struct problems *problems, const struct making *making, const struct table *table)
{
	for (int c = 0; c < table->column_count; c++) {
		struct keys_counts counts = keys_column(making->publication->keys, table, c);
		if (counts.dangling == 0 || making->config->dangling != CONFIG_DANGLING_FAIL)
			continue;
		char *text = mem_format("%s: column %s, %" PRIu64
					" references lead to rows of %s that the server did not send",
			table->file_name, table->columns[c].name, counts.dangling,
			making->publish->schema->tables[table->columns[c].ref].file_name);
		problem(problems, text,
			"dangling = drop leaves out what refers to them, dangling = keep publishes it as it is");
		free(text);
	}
}

static void check_empty(struct problems *problems, const struct making *making, const struct table *table)
{
	if (!table->core || making->publication->delta.on || making->publication->rows[table->id] > 0 ||
		config_list_has(&making->config->allow_empty, table->name))
		return;
	char *text = mem_format("%s would be empty, which a receiver reads as everything deleted", table->file_name);
	uint64_t sent = collection_of(making, table)->counts.distinct;
	const char *shared = making->publish->provider->hints.empty;
	uint64_t filtered = keys_rows(making->publication->keys, table, KEYS_FILTERED);
	char *why = sent == 0      ? mem_copy(shared != NULL ? shared : "The server sent no row")
		    : filtered > 0 ? mem_format("The server sent %" PRIu64 " rows, of which the filters of the bundle "
						"left out %" PRIu64,
					     sent, filtered)
				   : mem_format("The server sent %" PRIu64
						" rows, all of which were left out: see the warnings",
					     sent);
	const char *joint = why[strlen(why) - 1] == '.' ? "" : ".";
	char *advice = mem_format("%s%s If that is right: allow-empty = %s", why, joint, table->name);
	free(why);
	problem(problems, text, advice);
	free(advice);
	free(text);
}

static bool check(const struct making *making, struct err *err)
{
	struct problems problems = {.err = err};
	const struct schema *schema = making->publish->schema;
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		const struct collection *collection = collection_of(making, table);
		if (!making->publication->given[i])
			continue;
		check_empty(&problems, making, table);
		check_values(&problems, table, &collection->values, NULL);
		check_values(&problems, table, &making->publication->values[i], NULL);
		check_references(&problems, making, table);
	}
	if (problems.more > 0)
		err_hint(err, "%" PRIu64 " more problems of this kind are in the report", problems.more);
	return err->code == ERR_NONE;
}

/* --- the bundle ----------------------------------------------------------------------------------------------------
 */

static enum keys_policy policy_of(int dangling)
{
	switch (dangling) {
	case CONFIG_DANGLING_DROP: return KEYS_DROP;
	case CONFIG_DANGLING_KEEP: return KEYS_KEEP;
	default: return KEYS_FAIL;
	}
}

/* Whether a file without rows has its header. In a delta that says nothing of its rows, so a receiver that asks for
 * certain files gets them. */
static bool writes_headers(const struct making *making)
{
	const struct bundle_config *config = making->config;
	bool wanted = config->empty == CONFIG_EMPTY_HEADER;
	for (int i = 0; i < making->publish->schema->table_count && config->consumer != NULL; i++)
		wanted = wanted ||
			 (config->mode == CONFIG_MODE_DELTA && config->consumer->files[i] == CONSUMER_FILE_REQUIRED);
	return wanted;
}

static void prepare(struct making *making)
{
	const struct schema *schema = making->publish->schema;
	struct publication *publication = making->publication;
	size_t count = (size_t)schema->table_count;
	publication->table_count = schema->table_count;
	publication->values = mem_new(count, sizeof(*publication->values));
	publication->rows = mem_new(count, sizeof(*publication->rows));
	publication->bytes = mem_new(count, sizeof(*publication->bytes));
	publication->present = mem_new(count, sizeof(*publication->present));
	publication->notes = mem_new(count, sizeof(*publication->notes));
	publication->given = mem_new(count, sizeof(*publication->given));
	for (size_t i = 0; i < count; i++) {
		value_counts_init(&publication->values[i], schema->tables[i].column_count);
		publication->given[i] = making->publish->collections[i].rows != NULL &&
					config_list_has(&making->config->files, schema->tables[i].name);
	}
	/* What belongs into a part of the rows shows in tables that the bundle is without, too. */
	bool *known = mem_new(count, sizeof(*known));
	for (size_t i = 0; i < count; i++)
		known[i] = publication->given[i] ||
			   (make_is_part(making->config) && making->publish->collections[i].rows != NULL);
	publication->keys = keys_new(schema, known, policy_of(making->config->dangling));
	free(known);
	struct bundle_options options = {
		.schema = schema,
		.folder = making->publish->folder,
		.style = {.quote_all = making->config->quote == CONFIG_QUOTE_ALL,
			.quote_blanks = making->config->quote == CONFIG_QUOTE_BLANKS,
			.lf = making->config->eol == CONFIG_EOL_LF},
		.delta = making->config->mode == CONFIG_MODE_DELTA,
		.empty_header = writes_headers(making),
		.source_name = making->config->source_name,
		.source_code = making->config->source_code,
		.stopped = stop_requested,
	};
	making->bundle = bundle_new(&options);
}

/* A collection that the server did not give although it was asked for: whether the bundle can be without it. */
static bool check_missing(const struct making *making, struct err *err)
{
	const struct schema *schema = making->publish->schema;
	for (int i = 0; i < schema->table_count; i++) {
		const struct collection *collection = &making->publish->collections[i];
		if (collection->missing != NULL && config_list_has(&making->config->files, schema->tables[i].name) &&
			!config_list_has(&making->config->allow_missing, schema->tables[i].name)) {
			err_set(err, ERR_API, "%s", collection->missing);
			return err_hint(err, "To publish without it: allow-missing = %s", schema->tables[i].name);
		}
	}
	return true;
}

/* --- the last questions --------------------------------------------------------------------------------------------
 */

static void set_stage(const struct making *making, const char *what)
{
	const struct publish *publish = making->publish;
	publish->stats->current = what;
	if (publish->draw != NULL)
		publish->draw(publish->stats);
}

static bool explain_finding(const struct findings *findings, struct err *err)
{
	size_t errors = findings_severity(findings, RULE_ERROR);
	size_t i = 0;
	while (finding_severity(findings_at(findings, i)) != RULE_ERROR)
		i++;
	const struct finding *finding = findings_at(findings, i);
	const struct rule_info *rule = &rules[finding->rule];
	struct buf text = {0};
	buf_add_format(&text, "%s", finding->file != NULL ? finding->file : "bundle");
	if (finding->column != NULL)
		buf_add_format(&text, ": column %s", finding->column);
	if (finding->count > 0)
		buf_add_format(&text, ", %" PRIu64 " rows", finding->count);
	buf_add_format(&text, ": %s (%s)", rule->text, rule->code);
	if (finding->detail != NULL)
		buf_add_format(&text, ": %s", finding->detail);
	err_set(err, ERR_DATA, "%s", buf_text(&text));
	buf_release(&text);
	if (errors > 1)
		err_hint(err, "%zu more errors", errors - 1);
	/* A column is more exact than a rule, which may hold elsewhere too. */
	char *allow = strncmp(rule->code, "field.", 6) == 0 && finding->file != NULL && finding->column != NULL
			      ? mem_format("%.*s.%s", (int)strcspn(finding->file, "."), finding->file, finding->column)
			      : mem_copy(rule->code);
	err_hint(err, "To publish nevertheless: allow-errors = %s", allow);
	free(allow);
	return false;
}

/* Judges the files as `validate` would judge the bundle. */
static bool judge(struct making *making, struct archive *archive, struct err *err)
{
	const struct bundle_config *config = making->config;
	const char *name = config_zip_name(config, making->publication->path);
	struct findings *findings = making->publication->findings = findings_new(false);
	struct judging_options options = {
		.schema = making->publish->schema,
		.consumer = config->consumer,
		.folder = making->publish->folder,
		.zip_name = *name != '\0' ? name : NULL,
		.allow_empty = (const char *const *)config->allow_empty.items,
		.no_teachers = config->roles.count > 0 && !config_list_has(&config->roles, "teacher"),
		.today = time_local_day(making->publish->now),
		.dangling = config->dangling == CONFIG_DANGLING_KEEP,
		.stopped = stop_requested,
	};
	for (size_t i = 0; i < config->allow_errors.count; i++)
		findings_accept(findings, config->allow_errors.items[i]);
	set_stage(making, "final check");
	if (!judging_run(archive, &options, findings, NULL, err))
		return false;
	return findings_severity(findings, RULE_ERROR) == 0 || explain_finding(findings, err);
}

static bool guard(struct making *making, struct archive *archive, struct err *err)
{
	struct publication *publication = making->publication;
	if (publication->delta.on)
		return true; /* a receiver deletes only what it is told to */
	struct guarding_options options = {
		.schema = making->publish->schema,
		.config = making->config,
		.shelf = &making->shelf,
		.rows = publication->rows,
		.path = publication->path,
		.folder = making->publish->folder,
		.stopped = stop_requested,
	};
	set_stage(making, "guard");
	if (guarding_run(archive, &options, &publication->guarding, err))
		return true;
	if (err->code != ERR_GUARD)
		return false;
	if (!making->publish->force)
		return err_hint(err, "Nothing was published. If that is right, once: --force-once");
	log_line(LOG_WARNING, "guard", "%s. Published nevertheless, as --force-once says", err->text);
	err_clear(err);
	publication->forced = true;
	return true;
}

/* What the next run has to know of this one. */
static void take_note(struct making *making)
{
	making->shelf.clock = making->publish->clock;
	for (int i = 0; i < making->publish->schema->table_count; i++)
		making->shelf.tables[i] = making->publication->notes[i];
}

/* Nothing is published, and yet the next delta begins where this run began. */
static bool note_unchanged(struct making *making, struct err *err)
{
	making->publication->unchanged = true;
	if (!making->publication->delta.on)
		return true;
	take_note(making);
	return shelf_note(&making->shelf, err) || err_in(err, "nothing has changed, but that could not be noted");
}

static bool is_empty(const struct publication *publication)
{
	uint64_t rows = 0;
	for (int i = 0; i < publication->table_count; i++)
		rows += publication->rows[i];
	return rows == 0;
}

/* Makes the zip, encrypted if it is to be so, and its checksum if one is wanted. */
static bool make_zip(struct making *making, char sum[static DIGEST_HEX_SIZE], struct err *err)
{
	const struct bundle_config *config = making->config;
	return bundle_zip(making->bundle, err) &&
	       (config->passphrase == NULL || bundle_seal(making->bundle, config->passphrase, err)) &&
	       (!config->checksum || bundle_digest(making->bundle, sum, err));
}

/* What lies there is as it should be, and so its checksum has to be. */
static bool settle_checksum(const struct making *making, struct err *err)
{
	return !making->config->checksum || sidecar_settle(making->shelf.path, err) ||
	       err_in(err, "%s is unchanged, but its checksum could not be written", making->shelf.path);
}

/* A receiver needs every delta. It is kept for that before the shelf takes note of it: a run that ends in between makes
 * it anew. */
static bool keep_for_delivery(const struct making *making, struct err *err)
{
	const struct delivering_order order = {
		.schema = making->publish->schema,
		.bundle = making->config,
		.state_dir = making->publish->state_dir,
	};
	return !making->publication->delta.on || making->config->deliver == NULL ||
	       delivering_keep(&order, making->bundle, making->publication->path, making->publish->now, err);
}

static bool put_in_place(struct making *making, const char *content, struct err *err)
{
	char sum[DIGEST_HEX_SIZE] = "";
	struct publication *publication = making->publication;
	making->shelf.delta = publication->delta.on;
	take_note(making);
	set_stage(making, "zip");
	if (!make_zip(making, sum, err))
		return false;
	publication->size = bundle_size(making->bundle);
	if (!bundle_commit(making->bundle, publication->path, err))
		return false;
	publication->published = true;
	if (!keep_for_delivery(making, err))
		return false;
	struct err own = {0};
	if (making->config->checksum && !sidecar_write(publication->path, sum, &own))
		err_in(&own, "%s is published, but its checksum is not", publication->path);
	if (!shelf_publish(&making->shelf, making->bundle, making->config, publication->path, content,
		    making->publish->now, err))
		err_in(err, "%s is published, but the guard could not take note of it", publication->path);
	else if (own.code != ERR_NONE)
		*err = own;
	publication->removed = keeping_prune(making->config, publication->path);
	return err->code == ERR_NONE;
}

static bool publish_files(struct making *making, struct err *err)
{
	char content[DIGEST_HEX_SIZE];
	if (!check(making, err))
		return false;
	making->publication->empty = making->publication->delta.on && is_empty(making->publication);
	if (making->publication->empty)
		return note_unchanged(making, err);
	struct archive *archive = bundle_archive(making->bundle);
	bool fine = judge(making, archive, err) && content_digest(archive, content, err);
	bool unchanged = fine &&
			 shelf_unchanged(&making->shelf, making->config->output, making->config->passphrase, content);
	if (fine && !unchanged)
		fine = guard(making, archive, err);
	archive_free(archive);
	if (unchanged) {
		free(making->publication->path);
		making->publication->path = mem_copy(making->shelf.path);
		return note_unchanged(making, err) && settle_checksum(making, err);
	}
	return fine && put_in_place(making, content, err);
}

/* A bundle that is not fit to be published is kept for a look. */
static void refuse(struct making *making, struct err *err)
{
	struct err own = {0};
	set_stage(making, "zip");
	if (!bundle_zip(making->bundle, &own) || !shelf_refuse(&making->shelf, making->bundle, &own)) {
		log_line(LOG_WARNING, "refused bundle", "%s", own.text);
		return;
	}
	making->publication->refused = mem_copy(making->shelf.refused);
	making->publication->refusal = mem_copy(making->shelf.refusal);
	err_hint(err, "The refused bundle is kept at %s", making->shelf.refused);
}

bool publish_bundle(const struct publish *publish, struct publication *publication, struct err *err)
{
	const struct bundle_config *config = publication->config;
	struct making making = {.publish = publish, .config = config, .publication = publication};
	prepare(&making);
	shelf_open(&making.shelf, publish->schema, publish->state_dir, config->record);
	publication->delta = delta_of(config, &making.shelf, publish->clock);
	/* What the guard needs to know may stand in a record that cannot be read just now. */
	if (making.shelf.trouble.code != ERR_NONE)
		*err = making.shelf.trouble;
	bool made = err->code == ERR_NONE && check_missing(&making, err) &&
		    make_files(publish, publication, making.bundle, err) && bundle_finish(making.bundle, err);
	bool fine = made && publish_files(&making, err);
	if (made && (err->code == ERR_DATA || err->code == ERR_GUARD))
		refuse(&making, err);
	publish->stats->current = NULL;
	publication->err = *err;
	bundle_free(making.bundle);
	shelf_release(&making.shelf);
	return fine;
}

void publication_release(struct publication *publication)
{
	for (int i = 0; i < publication->table_count; i++)
		value_counts_release(&publication->values[i]);
	free(publication->values);
	free(publication->rows);
	free(publication->bytes);
	free(publication->given);
	free(publication->present);
	free(publication->notes);
	free(publication->path);
	free(publication->refused);
	free(publication->refusal);
	findings_free(publication->findings);
	guarding_release(&publication->guarding);
	exchange_free(publication->exchange);
	delivering_release(&publication->delivery);
	keys_free(publication->keys);
	*publication = (struct publication){0};
}

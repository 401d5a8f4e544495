#include "cmd/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/end.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/relay.h"
#include "base/time.h"
#include "cmd/collect.h"
#include "cmd/connect.h"
#include "cmd/delivering.h"
#include "cmd/delta.h"
#include "cmd/metadata.h"
#include "cmd/ping.h"
#include "cmd/publish.h"
#include "cmd/record_name.h"
#include "config.h"
#include "dated.h"
#include "keeping.h"
#include "lock.h"
#include "logging.h"
#include "mapfile.h"
#include "metrics.h"
#include "option.h"
#include "progress.h"
#include "report.h"
#include "stats.h"
#include "stop.h"

enum { PARSERS_MAX = 4 };

enum { SKEW_MAX_SECONDS = 31 * 24 * 60 * 60 }; /* ahead of us: more is no clock */

enum { READS_MAX = 4 }; /* of everything, when the server publishes new data meanwhile */

/* One run of the main job. */
struct export
{
	struct config config;
	const struct schema *schema;
	struct stats stats;
	struct connection connection;
	struct pace *pace;
	struct metadata *metadata;      /* what of them to keep; NULL for none */
	struct relay *relay;            /* threads that parse */
	struct store *store;            /* of the pages of this run; NULL when none are kept */
	bool read;                      /* everything was read: there is nothing to go on with */
	struct collection *collections; /* by table id */
	struct delta_filter *filters;   /* by table id; NULL when all rows are needed */
	struct publication *publications;
	char *work; /* folder for working files */
	struct end_step last;
	int lock;
	bool measured; /* metrics can be written */
	int64_t started;
	int64_t started_ms;
	int64_t skew; /* seconds the server's clock is ahead of ours */
};

/* --- places on this machine ----------------------------------------------------------------------------------------
 */

static bool is_loose(const char *path)
{
	return path[strlen(path) - 1] == '/';
}

static bool check_output(const char *path, struct err *err)
{
	if (!is_loose(path))
		return file_check_target(path, err);
	char *folder = mem_format("%srosterzip", path);
	folder[strlen(path) - 1] = '\0'; /* what matters is the folder that the bundle's folder lies in */
	char *slash = strrchr(folder, '/');
	char *beside = slash != NULL ? mem_format("%.*s/.rosterzip", (int)(slash - folder), folder)
				     : mem_copy(".rosterzip");
	bool fine = file_check_target(beside, err);
	free(beside);
	free(folder);
	return fine;
}

static bool prepare_metrics(struct export *export, struct err *err)
{
	const char *path = export->config.metrics_file;
	export->measured = path != NULL && file_check_target(path, err);
	return path == NULL || export->measured || err_in(err, "metrics-file");
}

static bool prepare_outputs(struct export *export, struct err *err)
{
	for (size_t i = 0; i < export->config.bundle_count; i++) {
		const struct bundle_config *bundle = &export->config.bundles[i];
		struct publication *publication = &export->publications[i];
		publication->path = dated_fill(bundle->output, export->started);
		if (publication->path == NULL)
			return err_set(err, ERR_USAGE, "output: %s gives no path", bundle->output);
		for (size_t j = 0; j < i; j++)
			if (strcmp(publication->path, export->publications[j].path) == 0)
				return err_set(err, ERR_USAGE, "output: two bundles go to %s", publication->path);
		if (!check_output(publication->path, err))
			return err_in(err, "output");
		if (!mapfile_exchange(&export->config, bundle, &publication->exchange, err))
			return false;
		if (bundle->previous != NULL && strcmp(bundle->previous, "none") != 0 &&
			access(bundle->previous, R_OK) != 0) {
			err_set(err, ERR_USAGE, "cannot read %s: %s", bundle->previous, strerror(errno));
			return err_in(err, "previous");
		}
	}
	if (!metadata_new(&export->config, export->schema, &export->metadata, err))
		return false;
	return export->config.report == NULL || file_check_target(export->config.report, err) || err_in(err, "report");
}

/* Removes what an earlier run left in the work folder when it was cut off. */
static void sweep_work(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry = NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

static void remove_work(void *folder)
{
	sweep_work(folder);
	rmdir(folder);
}

static void sweep_beside(const char *path)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--; /* loose files lie in a folder, and the parts of that beside it */
	while (length > 0 && path[length - 1] != '/')
		length--;
	char *folder = length > 0 ? mem_copy_n(path, length) : mem_copy(".");
	file_sweep(folder);
	free(folder);
}

static struct delivering_order delivery_of(const struct export *export, const struct bundle_config *bundle)
{
	return (struct delivering_order){
		.schema = export->schema,
		.config = &export->config,
		.bundle = bundle,
		.state_dir = export->config.state_dir,
		.again = export->config.deliver_again,
	};
}

/* The same of what is kept in the state folder. */
static void sweep_state(const struct export *export)
{
	static const char *const places[] = {"", "/published", "/refused", "/delivered"};
	const char *state = export->config.state_dir;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *folder = mem_format("%s%s", state, places[i]);
		file_sweep(folder);
		free(folder);
	}
	for (size_t i = 0; i < export->config.bundle_count; i++) {
		const struct delivering_order order = delivery_of(export, &export->config.bundles[i]);
		delivering_sweep(&order);
	}
}

static bool prepare_state(struct export *export, struct err *err)
{
	const char *state = export->config.state_dir;
	if (!file_make_folder(state, S_IRWXU, err))
		return err_in(err, "state-dir");
	if (!lock_take(state, export->config.lock_wait, &export->stats, &export->lock, err))
		return false;
	record_name_choose(&export->config);
	export->work = mem_format("%s/work", state);
	end_add(&export->last, remove_work, export->work);
	sweep_work(export->work);
	if (!file_make_folder(export->work, S_IRWXU, err))
		return err_in(err, "state-dir");
	for (size_t i = 0; i < export->config.bundle_count; i++)
		sweep_beside(export->publications[i].path);
	sweep_state(export);
	return true;
}

/* --- kept pages ----------------------------------------------------------------------------------------------------
 */

/* Everything that decides which rows the server sends. */
static char *fingerprint(const struct export *export)
{
	const struct config *config = &export->config;
	struct buf text = {0};
	char whose[DIGEST_HEX_SIZE];
	config_whose(config, whose);
	buf_add_format(&text, "rosterzip " ROSTERZIP_VERSION ", %s, %s, %ld rows a page, %s", config->data_url,
		config->client_id != NULL ? config->client_id : "no client id", config->page_size, whose);
	for (int i = 0; export->filters != NULL && i < export->schema->table_count; i++)
		if (export->filters[i].since[0] != '\0')
			buf_add_format(
				&text, ", %s since %s", export->schema->tables[i].name, export->filters[i].since);
	char *print = mem_copy(buf_text(&text));
	buf_release(&text);
	return print;
}

static void log_origin(const struct store *store)
{
	static const char *const words[] = {
		[STORE_GOES_ON] = "going on with the pages of the run that was cut off",
		[STORE_OTHER_SETTINGS] = "the pages kept were read with other settings; beginning afresh",
		[STORE_TOO_OLD] = "the pages kept are older than resume allows; beginning afresh",
		[STORE_DAMAGED] = "the pages kept are damaged; beginning afresh",
	};
	if (store_origin(store) != STORE_NEW)
		log_line(LOG_INFO, "resume", "%s", words[store_origin(store)]);
}

/* Pages that an earlier run kept to be gone on with, when this one will not: nobody would know of them. */
static void sweep_pages(const struct export *export)
{
	struct err err = {0};
	char *folder = mem_format("%s/pages", export->config.state_dir);
	struct store *store = access(folder, F_OK) == 0 ? store_open(folder, "", export->started, -1, &err) : NULL;
	if ((store != NULL && !store_remove(store, &err)) || err.code != ERR_NONE)
		log_line(LOG_WARNING, "resume", "%s", err.text);
	free(folder);
}

static bool open_store(struct export *export, struct err *err)
{
	const struct config *config = &export->config;
	if (config->from_pages != NULL) {
		export->store = store_open_saved(config->from_pages, err);
		return export->store != NULL || err_in(err, "from-pages");
	}
	if (config->resume == 0 || config->save_pages != NULL)
		sweep_pages(export);
	if (config->save_pages == NULL && config->resume == 0)
		return true;
	char *folder = config->save_pages != NULL ? mem_copy(config->save_pages)
						  : mem_format("%s/pages", config->state_dir);
	char *print = fingerprint(export);
	export->store = store_open(folder, print, export->started, config->resume > 0 ? config->resume : -1, err);
	if (export->store != NULL)
		log_origin(export->store);
	free(print);
	free(folder);
	return export->store != NULL || err_in(err, config->save_pages != NULL ? "save-pages" : "resume");
}

/* Pages kept to go on with have served when everything was read; those that were asked for stay. */
static void close_store(struct export *export)
{
	struct err err = {0};
	bool keep = export->config.save_pages != NULL || export->config.from_pages != NULL || !export->read;
	if (export->store != NULL && !keep) {
		if (!store_remove(export->store, &err))
			log_line(LOG_WARNING, "resume", "%s", err.text);
	} else {
		store_free(export->store);
	}
	export->store = NULL;
}

/* --- the collections -----------------------------------------------------------------------------------------------
 */

/* Whether some bundle can do without a table: then it goes on for that one's sake. */
static bool may_miss(const struct export *export, const struct table *table)
{
	for (size_t i = 0; i < export->config.bundle_count; i++) {
		const struct bundle_config *bundle = &export->config.bundles[i];
		if (config_list_has(&bundle->allow_missing, table->name) ||
			!config_list_has(&bundle->files, table->name))
			return true;
	}
	return false;
}

/* What of a table is to be read, if anything. */
static bool order_of(const struct export *export, const struct table *table, struct collect_order *order)
{
	const struct config_list *wanted = &export->config.collections;
	*order = (struct collect_order){.endpoint = table->endpoint, .table = table};
	if (export->filters != NULL && export->filters[table->id].since[0] != '\0')
		order->since = export->filters[table->id].since;
	for (int i = 0; i < export->schema->table_count; i++) {
		const struct table *other = &export->schema->tables[i];
		if (other->from == table->id && config_list_has(wanted, other->name))
			order->made[order->made_count++] = other;
	}
	return table->endpoint != NULL && (config_list_has(wanted, table->name) || order->made_count > 0);
}

static bool collect_one(
	struct export *export, struct collect *collect, const struct collect_order *order, struct err *err)
{
	struct collection results[1 + COLLECT_MADE_MAX] = {0};
	bool wanted = config_list_has(&export->config.collections, order->table->name);
	bool fine = collect_table(collect, order, may_miss(export, order->table), results, err);
	for (size_t i = 0; i <= order->made_count; i++) {
		const struct table *read = i == 0 ? order->table : order->made[i - 1];
		if (i == 0 && !wanted)
			collection_release(&results[0]); /* read only for what is made from it */
		else
			export->collections[read->id] = results[i];
	}
	return fine;
}

/* Asks once more, after all others, for a collection that was refused: a server that was restarting gives it now. */
static bool collect_missing(
	struct export *export, struct collect *collect, const struct collect_order *order, struct err *err)
{
	struct collection *first = &export->collections[order->table->id];
	if (first->missing == NULL || collect->offline)
		return true;
	for (size_t i = 0; i <= order->made_count; i++)
		collection_release(&export->collections[i == 0 ? order->table->id : order->made[i - 1]->id]);
	collect->next_count = 0;
	return collect_one(export, collect, order, err);
}

static bool collect_orders(struct export *export, struct collect *collect, struct err *err)
{
	struct collect_order *orders = mem_new((size_t) export->schema->table_count, sizeof(*orders));
	size_t count = 0;
	bool fine = true;
	for (int i = 0; i < export->schema->table_count; i++)
		if (order_of(export, &export->schema->tables[i], &orders[count]))
			count++;
	for (size_t i = 0; fine && i < count; i++) {
		collect->next = &orders[i + 1];
		collect->next_count = count - i - 1;
		fine = collect_one(export, collect, &orders[i], err);
	}
	for (size_t i = 0; fine && i < count; i++)
		fine = collect_missing(export, collect, &orders[i], err);
	collect_end(collect);
	free(orders);
	return fine;
}

/* Pages of what the server had published before are of no use any more. */
static bool forget_pages(struct export *export, struct collect *collect, struct err *err)
{
	if (export->store == NULL)
		return true;
	bool fine = store_remove(export->store, err);
	export->store = NULL;
	fine = fine && open_store(export, err);
	collect->store = export->store;
	return fine;
}

static bool collect_all(struct export *export, struct err *err)
{
	struct collect collect = {
		.http = export->connection.http,
		.auth = export->connection.auth,
		.provider = export->config.provider,
		.data_url = export->config.data_url,
		.headers = (const char *const *)export->config.header.items,
		.folder = export->work,
		.page_size = (unsigned)export->config.page_size,
		.read_twice = &export->config.read_twice,
		.parallel = (unsigned)export->config.parallel,
		.retry_seconds = (int)export->config.retry_time,
		.pace = export->pace,
		.relay = export->relay,
		.store = export->store,
		.offline = export->config.from_pages != NULL,
		.metadata = export->metadata,
		.collections = export->collections,
		.stats = &export->stats,
		.draw = progress_draw,
	};
	for (unsigned reads = 1;; reads++) {
		collect.revised = false;
		bool fine = collect_orders(export, &collect, err);
		export->skew = collect.has_skew || export->connection.auth == NULL
				       ? collect.skew
				       : auth_clock_skew(export->connection.auth);
		free(collect.revision);
		collect.revision = NULL;
		if (fine || !collect.revised || reads == READS_MAX)
			return fine;
		log_line(LOG_INFO, NULL, "%s; reading everything again", err->text);
		err_clear(err);
		for (int i = 0; i < export->schema->table_count; i++)
			collection_release(&export->collections[i]);
		if (!forget_pages(export, &collect, err))
			return false;
	}
}

/* --- the run -------------------------------------------------------------------------------------------------------
 */

/* The server's time when the first of these pages was asked for, perhaps by a run that was cut off. */
static int64_t server_clock(const struct export *export)
{
	int64_t began = export->started;
	if (export->store != NULL && store_started(export->store) < began)
		began = store_started(export->store);
	/* A clock gone mad must not make the next delta begin in a distant future: it would lose what happens until
	 * then. */
	return began + (export->skew <= SKEW_MAX_SECONDS ? export->skew : 0);
}

/* How what could not be delivered gets to its receiver; to be freed. */
static char *way_out(const struct export *export)
{
	const char *file = export->config.file;
	return file != NULL ? mem_format("The next export sends it, or: rosterzip deliver --config %s", file)
			    : mem_copy("The next export with these settings sends it");
}

/* Brings a bundle that was published, now or before, to its receiver. */
static bool deliver(struct export *export, struct publication *publication, struct err *err)
{
	const struct delivering_order order = delivery_of(export, publication->config);
	if (publication->config->deliver == NULL)
		return true;
	export->stats.current = "delivering";
	progress_draw(&export->stats);
	bool fine = delivering_send(&order, &publication->delivery, err);
	export->stats.current = NULL;
	if (stop_explain(err, ERR_DELIVERY, "delivering"))
		publication->delivery.err = *err;
	if (fine || err->code == ERR_STOPPED)
		return fine;
	err_in(err, "%s is %s, but not delivered", publication->path,
		publication->published ? "published" : "unchanged");
	if (publication->delivery.waiting > 0) {
		char *way = way_out(export);
		err_hint(err, "%s", way);
		free(way);
	}
	return false;
}

/* What earlier runs could not deliver must not be forgotten because this one gets nothing: it says so. */
static void look_for_undelivered(struct export *export)
{
	for (size_t i = 0; i < export->config.bundle_count; i++) {
		const struct bundle_config *bundle = &export->config.bundles[i];
		struct delivering *delivery = &export->publications[i].delivery;
		const struct delivering_order order = delivery_of(export, bundle);
		if (bundle->deliver == NULL || delivery->state != DELIVERING_NONE)
			continue;
		delivering_look(&order, delivery);
		if (delivery->state == DELIVERING_PENDING) {
			char *way = way_out(export);
			log_line(LOG_WARNING, bundle->name[0] != '\0' ? bundle->name : NULL,
				"what was published before is still to be delivered to %s. %s", delivery->place, way);
			free(way);
		}
	}
}

/* Every bundle gets its chance; the gravest failure is the result of the run. */
static bool publish_all(struct export *export, struct err *err)
{
	struct publish publish = {
		.schema = export->schema,
		.collections = export->collections,
		.folder = export->work,
		.state_dir = export->config.state_dir,
		.now = export->started,
		.clock = server_clock(export),
		.force = export->config.force_once,
		.provider = export->config.provider,
		.stats = &export->stats,
		.draw = progress_draw,
	};
	for (size_t i = 0; i < export->config.bundle_count; i++) {
		struct err own = {0};
		const struct bundle_config *bundle = &export->config.bundles[i];
		if (publish_bundle(&publish, &export->publications[i], &own) &&
			deliver(export, &export->publications[i], &own))
			continue;
		if (bundle->name[0] != '\0')
			err_in(&own, "bundle %s", bundle->name);
		bool graver = err_exit_status(own.code) > err_exit_status(err->code) || own.code == ERR_STOPPED;
		if (err->code != ERR_NONE)
			log_line(LOG_ERROR, NULL, "%s", graver ? err->text : own.text);
		if (graver)
			*err = own;
		if (own.code == ERR_STOPPED)
			break;
	}
	return err->code == ERR_NONE;
}

/* How many threads parse: as many as there are processors, up to a few; none where there is but one. */
static unsigned parsers(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 2)
		return 0;
	return processors < PARSERS_MAX ? (unsigned)processors : PARSERS_MAX;
}

/* What would hinder a delivery is told before the long work, not after it. */
static bool prepare_deliveries(const struct export *export, struct err *err)
{
	for (size_t i = 0; i < export->config.bundle_count; i++)
		if (export->config.bundles[i].deliver != NULL &&
			!delivering_ready(&export->config, &export->config.bundles[i], err))
			return false;
	return true;
}

static bool run(struct export *export, struct err *err)
{
	progress_open(!export->config.quiet);
	if (!prepare_state(export, err))
		return false;
	export->stats.current = "logging in";
	export->pace = pace_new((unsigned)export->config.parallel);
	export->relay = relay_new(parsers());
	bool offline = export->config.from_pages != NULL;
	/* Pages that are kept for good are to serve for anything. */
	if (!offline && export->config.save_pages == NULL)
		export->filters = delta_filters(&export->config, export->schema);
	if (!open_store(export, err))
		return false;
	if (!offline && !connect_open(&export->connection, &export->config, export->schema, err))
		return false;
	export->read = collect_all(export, err);
	return export->read && publish_all(export, err);
}

/* A run that the deadline ended says what it was at, and what has become of the bundles. */
static void explain_deadline(const struct export *export, struct err *err)
{
	const char *current = export->stats.current;
	size_t published = 0;
	char doing[64] = "publishing";
	if (!export->read)
		snprintf(doing, sizeof(doing), "%s", current != NULL ? current : "preparing");
	for (int i = 0; i < export->schema->table_count; i++)
		if (current == export->schema->tables[i].name)
			snprintf(doing, sizeof(doing), "reading %s", current);
	for (size_t i = 0; i < export->config.bundle_count; i++)
		published += export->publications[i].published || export->publications[i].unchanged ? 1 : 0;
	if (!stop_explain(err, ERR_API, doing))
		return;
	if (published == 0)
		err_hint(err, "Nothing was published");
	else
		err_hint(err, "%zu of %zu bundles were published", published, export->config.bundle_count);
	err_hint(err, "Raise deadline, or see in the report why it took so long");
}

static struct report outcome(const struct export *export, const struct err *err)
{
	const struct auth *auth = export->connection.auth;
	bool raised = err->code != ERR_NONE && stop_signal() != 0;
	return (struct report){
		.schema = export->schema,
		.config = &export->config,
		.started = export->started,
		.ms = time_ms() - export->started_ms,
		.stats = &export->stats,
		.collections = export->collections,
		.publications = export->publications,
		.publication_count = export->config.bundle_count,
		.login = auth != NULL ? auth_way_word(auth) : NULL,
		.scopes = auth != NULL ? auth_granted(auth) : NULL,
		.err = *err,
		.exit_status = raised ? 128 + stop_signal() : err_exit_status(err->code),
	};
}

static void tell(struct export *export, struct err *err)
{
	struct report report = outcome(export, err);
	connect_warn(&export->connection);
	if (export->lock >= 0)
		look_for_undelivered(export);
	report_findings(&report);
	struct err refusals = {0};
	if (!report_write_refusals(&report, &refusals))
		log_line(LOG_WARNING, "report", "%s", refusals.text);
	if (export->config.report != NULL) {
		struct err own = {0};
		if (!report_write(&report, export->config.report, &own)) {
			if (err->code != ERR_NONE)
				log_line(LOG_ERROR, "report", "%s", own.text);
			else
				*err = own;
		}
	}
	if (!export->config.quiet)
		report_summary(&report);
}

/* The numbers of a run that another one kept from working are those of that one. */
static void measure(const struct export *export, struct err *err)
{
	struct err own = {0};
	struct report report = outcome(export, err);
	if (!export->measured || err->code == ERR_LOCK || metrics_write(&report, export->config.metrics_file, &own))
		return;
	err_in(&own, "metrics-file");
	if (err->code != ERR_NONE)
		log_line(LOG_ERROR, NULL, "%s", own.text);
	else
		*err = own;
}

static void release(struct export *export)
{
	for (int i = 0; i < export->schema->table_count; i++)
		collection_release(&export->collections[i]);
	for (size_t i = 0; i < export->config.bundle_count; i++)
		publication_release(&export->publications[i]);
	free(export->collections);
	free(export->filters);
	free(export->publications);
	connect_close(&export->connection);
	pace_free(export->pace);
	metadata_free(export->metadata);
	relay_free(export->relay);
	close_store(export);
	end_remove(&export->last);
	if (export->work != NULL) {
		remove_work(export->work);
	}
	free(export->work);
	lock_release(export->lock);
	config_release(&export->config);
}

/* The settings in force, one a line. */
static void log_settings(const struct config *config)
{
	struct buf text = {0};
	config_show(config, &text);
	char *save = NULL;
	for (char *line = text.data != NULL ? strtok_r(text.data, "\n", &save) : NULL; line != NULL;
		line = strtok_r(NULL, "\n", &save))
		log_line(LOG_DEBUG, "settings", "%s", line);
	buf_release(&text);
}

const struct config_command export_takes = {
	.name = "export",
	.groups = OPTION_SOURCE | OPTION_BUNDLE | OPTION_DELIVERY | OPTION_KEEP | OPTION_STATE | OPTION_RUN,
};

bool cmd_export(int argc, char **argv, struct err *err)
{
	struct export export = {
		.schema = &schema_oneroster_1_1,
		.lock = -1,
		.started = time_unix(),
		.started_ms = time_ms(),
	};
	umask(S_IRWXG | S_IRWXO);
	if (!config_read(&export.config, &export_takes, argc - 1, argv + 1, NULL, err)) {
		logging_warnings(&export.config);
		config_release(&export.config);
		return false;
	}
	if (export.config.help) {
		config_help(&export_takes, export.config.help_all, stdout);
		config_release(&export.config);
		return true;
	}
	logging_open(&export.config);
	if (export.config.verbose)
		log_settings(&export.config);
	export.collections = mem_new((size_t) export.schema->table_count, sizeof(*export.collections));
	export.publications = mem_new(export.config.bundle_count, sizeof(*export.publications));
	for (size_t i = 0; i < export.config.bundle_count; i++)
		export.publications[i].config = &export.config.bundles[i];
	export.stats.current_table = -1;
	bool fine = stop_watch(err) && stop_deadline(export.config.deadline, STOP_GRACE, err);
	struct ping *ping = ping_start(&export.config);
	fine = fine && prepare_metrics(&export, err) && prepare_outputs(&export, err) &&
	       config_secrets(&export.config, err) && keeping_ready(&export.config, err) &&
	       prepare_deliveries(&export, err);
	if (fine) {
		run(&export, err);
		progress_clear();
	}
	explain_deadline(&export, err);
	if (fine)
		tell(&export, err);
	measure(&export, err);
	release(&export);
	ping_end(ping, err->code == ERR_NONE);
	return err->code == ERR_NONE;
}

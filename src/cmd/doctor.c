#include "cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/connect.h"
#include "cmd/diagnosis.h"
#include "cmd/examine.h"
#include "config.h"
#include "credentials.h"
#include "logging.h"
#include "option.h"
#include "stop.h"

enum {
	PATIENCE_SECONDS = 30, /* of waiting for one answer; somebody sits in front of this command */
	SKEW_SECONDS = 5 * 60, /* as far as servers with signed requests forgive a clock */
};

/* One examination of a server. */
struct doctor {
	struct config config;
	const struct schema *schema;
	struct connection connection;     /* logged in as the export does */
	struct examine examine;           /* by the connection in use */
	struct examination *examinations; /* by table id */
	const char **withheld;            /* scopes, borrowed but for their list; ends with NULL */
	size_t withheld_count;
	char *login;
	char *token_address;
	char *granted;
	bool logged_in;
	bool ended; /* the rest need not be asked */
	int64_t started;
};

static bool in_some_bundle(const struct config *config, const struct table *table,
	struct config_list (*list)(const struct bundle_config *))
{
	for (size_t i = 0; i < config->bundle_count; i++) {
		struct config_list names = list(&config->bundles[i]);
		if (config_list_has(&names, table->name))
			return true;
	}
	return false;
}

static struct config_list missing_of(const struct bundle_config *bundle)
{
	return bundle->allow_missing;
}

static struct config_list empty_of(const struct bundle_config *bundle)
{
	return bundle->allow_empty;
}

/* Whether the export reads the collection, for itself or for a table made from its records. */
static bool is_exported(const struct doctor *doctor, const struct table *table)
{
	bool wanted = config_list_has(&doctor->config.collections, table->name);
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct table *other = &doctor->schema->tables[i];
		if (other->from == table->id && config_list_has(&doctor->config.collections, other->name))
			wanted = true;
	}
	return wanted && table->endpoint != NULL;
}

/* --- scopes --------------------------------------------------------------------------------------------------------
 */

/* A scope without the address in front of it: servers may leave that out. */
static const char *last_part(const char *scope, size_t length)
{
	size_t at = length;
	while (at > 0 && scope[at - 1] != '/')
		at--;
	return scope + at;
}

static bool is_granted(const char *granted, const char *scope)
{
	const char *wanted = last_part(scope, strlen(scope));
	for (const char *at = granted; *at != '\0';) {
		size_t length = strcspn(at, " ,;\t\r\n");
		const char *part = last_part(at, length);
		size_t part_length = (size_t)(at + length - part);
		if (part_length == strlen(wanted) && strncmp(part, wanted, part_length) == 0)
			return true;
		at += length;
		at += strspn(at, " ,;\t\r\n");
	}
	return false;
}

static void note_scope(struct doctor *doctor, const char *scope)
{
	if (scope == NULL || doctor->granted == NULL || is_granted(doctor->granted, scope))
		return;
	for (size_t i = 0; i < doctor->withheld_count; i++)
		if (strcmp(doctor->withheld[i], scope) == 0)
			return;
	doctor->withheld = mem_grow(doctor->withheld, doctor->withheld_count + 2, sizeof(*doctor->withheld));
	doctor->withheld[doctor->withheld_count++] = scope;
	doctor->withheld[doctor->withheld_count] = NULL;
}

/* What the login did not get of what the collections need, and a word to those that it is missing for. */
static void note_scopes(struct doctor *doctor)
{
	doctor->withheld = mem_new(1, sizeof(*doctor->withheld));
	for (int i = 0; i < doctor->schema->table_count; i++) {
		struct examination *examination = &doctor->examinations[i];
		const char *scope = examination->table != NULL ? examination->table->scope : NULL;
		note_scope(doctor, scope);
		if (scope != NULL && examination->status == EXAMINE_REFUSED && doctor->granted != NULL &&
			!is_granted(doctor->granted, scope))
			err_hint(&examination->err, "The login did not get the scope %s", scope);
	}
	if (!doctor->config.scope.set)
		for (const char *const *extra = doctor->config.provider->extra_scopes; *extra != NULL; extra++)
			note_scope(doctor, *extra);
}

/* --- the server ----------------------------------------------------------------------------------------------------
 */

static void replace(char **text, const char *by)
{
	free(*text);
	*text = by != NULL ? mem_copy(by) : NULL;
}

static void note_login(struct doctor *doctor, const struct auth *auth)
{
	if (auth == NULL)
		return;
	replace(&doctor->login, auth_way_word(auth));
	replace(&doctor->token_address, auth_token_address(auth));
	replace(&doctor->granted, auth_granted(auth));
}

static void use_connection(struct doctor *doctor, const struct connection *connection)
{
	const struct config *config = &doctor->config;
	doctor->examine.probe = (struct probe){
		.http = connection->http,
		.auth = connection->auth,
		.data_url = config->data_url,
		.headers = (const char *const *)config->header.items,
		.patience_ms = (int64_t)config->retry_time * 1000,
	};
}

/* Examines what the export reads, or else the rest. */
static bool examine_all(struct doctor *doctor, bool exported, struct err *err)
{
	for (int i = 0; i < doctor->schema->table_count && !doctor->ended; i++) {
		struct examination *examination = &doctor->examinations[i];
		const struct table *table = examination->table;
		if (table == NULL || is_exported(doctor, table) != exported)
			continue;
		if (!examine_table(&doctor->examine, examination, err))
			return false;
		if (examination->status == EXAMINE_EMPTY && in_some_bundle(&doctor->config, table, empty_of))
			err_clear(&examination->err);
		if (examination->login_lost && !doctor->examine.connected) {
			*err = examination->err;
			return false;
		}
		doctor->ended = examination->unreachable;
	}
	return true;
}

/* Whether another login could bring scopes for collections that the export does not read. */
static bool other_scopes(const struct doctor *doctor)
{
	if (doctor->config.scope.set || strcmp(auth_way_word(doctor->connection.auth), "oauth2") != 0)
		return false;
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct table *table = doctor->examinations[i].table;
		if (table != NULL && table->scope != NULL && !is_exported(doctor, table))
			return true;
	}
	return false;
}

/* The collections that the export does not read, by a login that asks for their scopes too. That one comes second and
 * is allowed to fail: the first shows what the export gets. */
static bool examine_rest(struct doctor *doctor, struct err *err)
{
	if (doctor->ended || !other_scopes(doctor))
		return examine_all(doctor, false, err);
	struct connection wide = {0};
	struct config config = doctor->config;
	struct config_list all = {0};
	struct err own = {0};
	all.items = mem_new((size_t)doctor->schema->table_count + 1, sizeof(*all.items));
	for (int i = 0; i < doctor->schema->table_count; i++)
		if (doctor->examinations[i].table != NULL)
			all.items[all.count++] = (char *)doctor->examinations[i].table->name;
	config.collections = all;
	bool fine = true;
	if (connect_open(&wide, &config, doctor->schema, &own)) {
		use_connection(doctor, &wide);
		note_login(doctor, wide.auth);
	} else if (own.code == ERR_STOPPED) {
		*err = own;
		fine = false;
	} else {
		log_line(LOG_WARNING, "login", "the scopes of the collections that are not required are refused: %s",
			own.text);
	}
	fine = fine && examine_all(doctor, false, err);
	use_connection(doctor, &doctor->connection);
	connect_close(&wide);
	free(all.items);
	return fine;
}

static void choose_collections(struct doctor *doctor)
{
	bool all = config_level(&doctor->config, "collections") == CONFIG_DEFAULT;
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct table *table = &doctor->schema->tables[i];
		bool exported = is_exported(doctor, table);
		if (table->endpoint == NULL || (!exported && !all))
			continue;
		doctor->examinations[i].table = table;
		doctor->examinations[i].required = exported && !in_some_bundle(&doctor->config, table, missing_of);
	}
}

static bool run(struct doctor *doctor, struct err *err)
{
	if (!stop_watch(err))
		return false;
	choose_collections(doctor);
	doctor->logged_in = connect_open(&doctor->connection, &doctor->config, doctor->schema, err);
	note_login(doctor, doctor->connection.auth);
	if (!doctor->logged_in)
		return false;
	use_connection(doctor, &doctor->connection);
	return examine_all(doctor, true, err) && examine_rest(doctor, err);
}

/* --- what is said --------------------------------------------------------------------------------------------------
 */

static bool is_grave(const struct examination *examination)
{
	return examination->required && examination->err.code != ERR_NONE && examination->status != EXAMINE_INSTEAD;
}

/* The gravest problem of a required collection, the first of them; NULL for none. */
static const struct examination *gravest(const struct doctor *doctor)
{
	const struct examination *found = NULL;
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct examination *one = &doctor->examinations[i];
		if (is_grave(one) &&
			(found == NULL || err_exit_status(one->err.code) > err_exit_status(found->err.code)))
			found = one;
	}
	return found;
}

static void conclude(const struct doctor *doctor, struct err *err)
{
	const struct examination *worst = gravest(doctor);
	struct buf others = {0};
	if (worst == NULL)
		return;
	*err = worst->err;
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct examination *one = &doctor->examinations[i];
		if (is_grave(one) && one != worst)
			buf_add_format(&others, "%s%s", others.length > 0 ? ", " : "", one->table->name);
	}
	if (!doctor->examine.connected && worst->status == EXAMINE_MISSING)
		err_hint(err, "No collection is known there, so the base address is wrong: check url");
	else if (others.length > 0)
		err_hint(err, "Not fine either: %s", buf_text(&others));
	buf_release(&others);
}

static bool has_note(const struct examination *examination, const char *text)
{
	for (size_t n = 0; n < examination->note_count; n++)
		if (strcmp(examination->notes[n], text) == 0)
			return true;
	return false;
}

/* A note of a table, once for all that have the same. */
static void tell_note(const struct doctor *doctor, int table, const char *text)
{
	struct buf names = {0};
	for (int i = 0; i < doctor->schema->table_count; i++) {
		if (!has_note(&doctor->examinations[i], text))
			continue;
		if (i < table)
			return; /* told; names is still empty */
		buf_add_format(&names, "%s%s", names.length > 0 ? ", " : "", doctor->examinations[i].table->name);
	}
	log_line(LOG_WARNING, buf_text(&names), "%s", text);
	buf_release(&names);
}

/* One sentence a problem, but for the one that is the error of the run. */
static void tell_problems(const struct doctor *doctor)
{
	const struct examination *worst = gravest(doctor);
	for (int i = 0; i < doctor->schema->table_count; i++) {
		const struct examination *one = &doctor->examinations[i];
		bool harmless = !one->required && (one->status == EXAMINE_EMPTY || one->status == EXAMINE_MISSING);
		if (one->err.code != ERR_NONE && one != worst)
			log_line(harmless ? LOG_INFO : LOG_WARNING, NULL, "%s", one->err.text);
		for (size_t n = 0; n < one->note_count; n++)
			tell_note(doctor, i, one->notes[n]);
	}
}

static void note_clock(const struct doctor *doctor, struct diagnosis *diagnosis)
{
	for (int i = 0; i < doctor->schema->table_count && !diagnosis->has_skew; i++) {
		diagnosis->has_skew = doctor->examinations[i].has_skew;
		diagnosis->skew = doctor->examinations[i].skew;
	}
	if (!diagnosis->has_skew && doctor->connection.auth != NULL) {
		diagnosis->skew = auth_clock_skew(doctor->connection.auth);
		diagnosis->has_skew = diagnosis->skew != 0;
	}
	if (diagnosis->skew >= SKEW_SECONDS || diagnosis->skew <= -SKEW_SECONDS)
		log_line(LOG_WARNING, "clock",
			"this machine's clock and the server's are %" PRId64
			" minutes apart: servers refuse signed requests (oauth1) then, and tokens end at the wrong "
			"time. "
			"Set the clock of this machine by NTP, or tell the SIS's administrator",
			(diagnosis->skew < 0 ? -diagnosis->skew : diagnosis->skew) / 60);
}

static void tell(struct doctor *doctor, struct err *err)
{
	note_scopes(doctor);
	if (err->code == ERR_NONE)
		conclude(doctor, err);
	struct diagnosis diagnosis = {
		.config = &doctor->config,
		.schema = doctor->schema,
		.started = doctor->started,
		.login = doctor->login,
		.token_address = doctor->token_address,
		.logged_in = doctor->logged_in,
		.granted = doctor->granted,
		.withheld = doctor->withheld,
		.examinations = doctor->examinations,
		.err = *err,
	};
	note_clock(doctor, &diagnosis);
	if (doctor->config.json)
		diagnosis_print_json(&diagnosis, stdout);
	else if (!doctor->config.quiet)
		diagnosis_print(&diagnosis, stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	tell_problems(doctor);
}

static void release(struct doctor *doctor)
{
	for (int i = 0; i < doctor->schema->table_count; i++) {
		if (doctor->examinations != NULL)
			examination_release(&doctor->examinations[i]);
		if (doctor->examine.each != NULL)
			free(doctor->examine.each[i]);
	}
	free(doctor->examinations);
	free(doctor->examine.each);
	free(doctor->withheld);
	free(doctor->login);
	free(doctor->token_address);
	free(doctor->granted);
	connect_close(&doctor->connection);
	config_release(&doctor->config);
}

const struct config_command doctor_takes = {
	.name = "doctor",
	.groups = OPTION_SOURCE | OPTION_RUN | OPTION_PRINT,
};

bool cmd_doctor(int argc, char **argv, struct err *err)
{
	struct doctor doctor = {.schema = &schema_oneroster_1_1, .started = time_unix()};
	umask(S_IRWXG | S_IRWXO);
	bool fine = config_read(&doctor.config, &doctor_takes, argc - 1, argv + 1, NULL, err);
	if (fine && doctor.config.help) {
		diagnosis_print_legend(stdout);
		fputc('\n', stdout);
		config_help(&doctor_takes, doctor.config.help_all, stdout);
	} else if (fine && doctor.config.from_pages != NULL) {
		fine = err_set(err, ERR_USAGE, "the doctor asks the server itself: `from-pages` does not go with that");
	} else if (fine) {
		logging_open(&doctor.config);
		if (doctor.config.retry_time > PATIENCE_SECONDS)
			doctor.config.retry_time = PATIENCE_SECONDS;
		fine = credentials_fetch(&doctor.config, err);
	}
	if (fine && !doctor.config.help) {
		size_t count = (size_t)doctor.schema->table_count;
		doctor.examinations = mem_new(count, sizeof(*doctor.examinations));
		doctor.examine.each = mem_new(count, sizeof(*doctor.examine.each));
		doctor.examine.schema = doctor.schema;
		doctor.examine.provider = doctor.config.provider;
		doctor.examine.page_size = (unsigned)doctor.config.page_size;
		fine = run(&doctor, err);
		tell(&doctor, err);
		fine = fine && err->code == ERR_NONE;
	}
	release(&doctor);
	return fine;
}

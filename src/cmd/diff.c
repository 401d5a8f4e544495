#include "cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "check/moment.h"
#include "cmd/compare.h"
#include "cmd/difference.h"
#include "config.h"
#include "logging.h"
#include "option.h"
#include "package/archive.h"
#include "package/bundle.h"
#include "stop.h"

enum { ISO_SIZE = 21 }; /* what time_iso writes */

enum { OLD, NEW, SIDES };

static const char status_active[] = "active";
static const char status_deleted[] = "tobedeleted";

struct diff {
	struct config config;
	const struct schema *schema;
	const char *paths[SIDES];
	struct archive *archives[SIDES];
	struct comparison comparison;
	struct difference_ids *examples; /* by table id; NULL unless ids are to be shown */

	/* The delta bundle; all of it unused without one. */
	char *work; /* its working folder */
	char moment[MOMENT_SIZE];
	struct bundle *bundle;
	uint64_t rows;      /* in it */
	const char **extra; /* of the table at hand: columns behind the standard's, names borrowed */
	size_t extra_count;
	bool begun; /* its file */
};

/* --- the delta bundle ----------------------------------------------------------------------------------------------
 */

/* The moment of rows that have none of their own: now, unless the caller wants the same bytes again. */
static bool choose_moment(struct diff *diff, struct err *err)
{
	char iso[ISO_SIZE];
	int64_t seconds = 0;
	if (!time_source_date(&seconds, err))
		return false;
	time_iso(seconds, iso);
	snprintf(diff->moment, sizeof(diff->moment), "%.19s.000Z", iso);
	return true;
}

static bool same_file(const char *one, const char *other)
{
	struct stat a;
	struct stat b;
	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The delta must not take the place of a bundle that is compared, nor of a file in one that is a folder. */
static bool check_delta(const struct diff *diff, struct err *err)
{
	const char *path = diff->config.delta;
	if (!file_check_target(path, err))
		return err_in(err, "--delta");
	char *real = realpath(path, NULL);
	const char *whole = real != NULL ? real : path;
	const char *slash = strrchr(whole, '/');
	char *folder = slash != NULL ? mem_copy_n(whole, (size_t)(slash - whole) + 1) : mem_copy(".");
	for (int s = OLD; s < SIDES; s++)
		if (same_file(path, diff->paths[s]) || same_file(folder, diff->paths[s]))
			err_set(err, ERR_USAGE, "--delta: %s is, or lies in, one of the bundles that are compared",
				path);
	free(folder);
	free(real);
	return err->code == ERR_NONE;
}

static bool start_delta(struct diff *diff, struct err *err)
{
	if (!choose_moment(diff, err) || !check_delta(diff, err))
		return false;
	char *work = mem_format("%s/rosterzip-XXXXXX", file_work_folder());
	if (mkdtemp(work) == NULL) {
		err_set(err, ERR_FILE, "cannot make the working folder %s: %s", work, strerror(errno));
		free(work);
		return false;
	}
	diff->work = work;
	struct bundle_options wanted = {
		.schema = diff->schema, .folder = work, .delta = true, .stopped = stop_requested};
	diff->bundle = bundle_new(&wanted);
	return true;
}

/* Whether a row says that it is to be deleted, also in the words of older servers. Bulk leaves that blank, but what a
 * row says counts for more than what its file was declared to be. */
static bool says_deleted(const struct table *table, const struct row *row)
{
	const char *text = row_text(row, SCHEMA_STATUS);
	size_t length = row_length(row, SCHEMA_STATUS);
	const struct vocabulary *words = table->columns[SCHEMA_STATUS].vocabulary;
	if (length == strlen(status_deleted) && strncasecmp(text, status_deleted, length) == 0)
		return true;
	for (const struct vocabulary_alias *alias = words->aliases; alias->from != NULL; alias++)
		if (length == strlen(alias->from) && strncasecmp(text, alias->from, length) == 0)
			return strcmp(alias->to, status_deleted) == 0;
	return false;
}

/* When the row was modified: as it says itself, but a row that is gone was there until now. */
static void choose_date(const struct diff *diff, const struct row *row, bool gone, char out[static MOMENT_SIZE])
{
	struct moment moment;
	const char *text = row_text(row, SCHEMA_DATE_LAST_MODIFIED);
	size_t length = row_length(row, SCHEMA_DATE_LAST_MODIFIED);
	if (!gone && moment_read(text, length, &moment) && moment_to_universal(&moment))
		moment_write(&moment, out);
	else
		memcpy(out, diff->moment, MOMENT_SIZE);
}

static bool write_row(
	struct diff *diff, const struct table *table, enum compare_change change, struct row *row, struct err *err)
{
	bool deleted = change == COMPARE_REMOVED || says_deleted(table, row);
	const char *status = deleted ? status_deleted : status_active;
	char date[MOMENT_SIZE];
	if (deleted && change == COMPARE_ADDED)
		return true; /* whoever has OLD never knew it */
	if (!diff->begun && !bundle_begin_file(diff->bundle, table, diff->extra, diff->extra_count, err))
		return false;
	diff->begun = true;
	choose_date(diff, row, change == COMPARE_REMOVED, date);
	if (!row_set(row, SCHEMA_STATUS, status, strlen(status)) ||
		!row_set(row, SCHEMA_DATE_LAST_MODIFIED, date, strlen(date)))
		return err_set(err, ERR_DATA, "%s: a row is too large for a status", table->file_name);
	bundle_add_row(diff->bundle, row);
	diff->rows++;
	return true;
}

static void remove_work(struct diff *diff)
{
	bundle_free(diff->bundle);
	if (diff->work != NULL)
		rmdir(diff->work);
	free(diff->work);
}

/* --- the comparison ------------------------------------------------------------------------------------------------
 */

static bool begin_table(
	void *context, const struct table *table, const char *const *columns, size_t count, struct err *err)
{
	struct diff *diff = context;
	(void)err;
	diff->begun = false;
	diff->extra_count = count - (size_t)table->column_count;
	diff->extra = mem_grow(diff->extra, diff->extra_count, sizeof(*diff->extra));
	for (size_t i = 0; i < diff->extra_count; i++)
		diff->extra[i] = columns[(size_t)table->column_count + i];
	return true;
}

static bool take_row(
	void *context, const struct table *table, enum compare_change change, struct row *row, struct err *err)
{
	struct diff *diff = context;
	if (diff->examples != NULL)
		difference_keep(&diff->examples[table->id], change, row);
	return diff->bundle == NULL || write_row(diff, table, change, row, err);
}

static bool end_table(void *context, const struct table *table, struct err *err)
{
	struct diff *diff = context;
	(void)table;
	return !diff->begun || bundle_end_file(diff->bundle, err);
}

static bool open_sides(struct diff *diff, struct err *err)
{
	for (int s = OLD; s < SIDES; s++) {
		struct stat status;
		const char *path = diff->paths[s];
		if (stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR))
			return err_set(err, ERR_USAGE, "there is no %s", path);
	}
	for (int s = OLD; s < SIDES; s++) {
		diff->archives[s] = archive_open(diff->paths[s], err);
		if (diff->archives[s] == NULL)
			return false;
	}
	return true;
}

static bool compare(struct diff *diff, struct err *err)
{
	struct compare_options wanted = {
		.schema = diff->schema,
		.old_name = diff->paths[OLD],
		.new_name = diff->paths[NEW],
		.folder = diff->work != NULL ? diff->work : file_work_folder(),
		.stopped = stop_requested,
		.begin = begin_table,
		.row = take_row,
		.end = end_table,
		.context = diff,
	};
	if (diff->config.show_values)
		diff->examples = mem_new((size_t)diff->schema->table_count, sizeof(*diff->examples));
	return compare_run(diff->archives[OLD], diff->archives[NEW], &wanted, &diff->comparison, err);
}

static bool print(const struct diff *diff, struct err *err)
{
	struct difference difference = {
		.old_path = diff->paths[OLD],
		.new_path = diff->paths[NEW],
		.comparison = &diff->comparison,
		.examples = diff->examples,
		.delta = diff->config.delta,
		.delta_rows = diff->rows,
	};
	if (diff->config.json)
		difference_print_json(&difference, stdout);
	else if (!diff->config.quiet)
		difference_print(&difference, stdout);
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return true;
}

static bool run(struct diff *diff, struct err *err)
{
	const struct config *config = &diff->config;
	if (config->word_count != SIDES)
		return err_set(err, ERR_USAGE, "diff takes two bundles: rosterzip diff OLD NEW");
	diff->paths[OLD] = config->words[OLD];
	diff->paths[NEW] = config->words[NEW];
	if (!stop_watch(err) || !open_sides(diff, err) || (config->delta != NULL && !start_delta(diff, err)) ||
		!compare(diff, err))
		return false;
	/* Also when nothing changed: what lay there is of another day. */
	if (diff->bundle != NULL && !bundle_commit(diff->bundle, config->delta, err))
		return false;
	return print(diff, err);
}

static void release(struct diff *diff)
{
	for (int i = 0; diff->examples != NULL && i < diff->schema->table_count; i++)
		difference_ids_release(&diff->examples[i]);
	free(diff->examples);
	free(diff->extra);
	comparison_release(&diff->comparison);
	for (int s = OLD; s < SIDES; s++)
		archive_free(diff->archives[s]);
	remove_work(diff);
	config_release(&diff->config);
}

static void print_help(const struct config_command *command, bool all)
{
	fputs("rosterzip diff OLD NEW says what became of each file and its rows from one whole\n"
	      "bundle to the next: zips or folders, of any program. Exit status 0 whether or not\n"
	      "they differ, 3 when one of them cannot be read.\n\n"
	      "--delta writes the rows added, changed (active) and removed (tobedeleted); files\n"
	      "without any are absent. When nothing changed it holds a manifest alone, which\n"
	      "says just that. dateLastModified is the row's own, else now, or the time that\n"
	      "SOURCE_DATE_EPOCH says.\n\n",
		stdout);
	config_help(command, all, stdout);
}

const struct config_command diff_takes = {
	.name = "diff",
	.groups = OPTION_RUN | OPTION_PRINT | OPTION_DIFF,
	.words_max = SIDES,
};

bool cmd_diff(int argc, char **argv, struct err *err)
{
	struct diff diff = {.schema = &schema_oneroster_1_1};
	umask(S_IRWXG | S_IRWXO);
	bool fine = config_read(&diff.config, &diff_takes, argc - 1, argv + 1, NULL, err);
	if (fine && diff.config.help) {
		print_help(&diff_takes, diff.config.help_all);
	} else if (fine) {
		logging_open(&diff.config);
		fine = run(&diff, err);
		if (!fine && err->code == ERR_DATA)
			err_hint(err, "rosterzip validate says more");
	}
	release(&diff);
	return fine;
}

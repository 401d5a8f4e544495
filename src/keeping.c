#include "keeping.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "config.h"
#include "dated.h"
#include "option.h"
#include "package/bundle.h"
#include "package/series.h"
#include "table/consumer.h"

enum { PASSPHRASE_MIN = 12 }; /* characters: whoever has the zip can try as many as he likes */

static const char subject[] = "snapshots";

struct retention keeping_rule(const struct bundle_config *bundle)
{
	return (struct retention){
		.last = bundle->keep_last,
		.daily = bundle->keep_daily,
		.weekly = bundle->keep_weekly,
		.monthly = bundle->keep_monthly,
	};
}

bool keeping_is_set(const struct bundle_config *bundle)
{
	return bundle->keep_last > 0 || bundle->keep_daily > 0 || bundle->keep_weekly > 0 || bundle->keep_monthly > 0;
}

/* The option to speak of when something is wrong with the rule. */
static const char *rule_option(const struct bundle_config *bundle)
{
	if (bundle->keep_last > 0)
		return "keep-last";
	if (bundle->keep_daily > 0)
		return "keep-daily";
	return bundle->keep_weekly > 0 ? "keep-weekly" : "keep-monthly";
}

/* --- settings ------------------------------------------------------------------------------------------------------
 */

/* Where a snapshot of that moment would go, as far as its name can be read back. */
struct trial {
	char *path; /* NULL when it cannot */
	size_t folder;
	char *series;
};

static struct trial try_output(const char *output, int64_t moment)
{
	struct trial trial = {.path = dated_fill(output, moment)};
	struct retention_time read;
	struct tm local;
	time_t seconds = (time_t)moment;
	if (trial.path == NULL || !series_read_name(file_base(trial.path), &read, &trial.series)) {
		free(trial.path);
		return (struct trial){0};
	}
	localtime_r(&seconds, &local);
	trial.folder = (size_t)(file_base(trial.path) - trial.path);
	if (read.day != time_days(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday)) { /* a date, but not this */
		free(trial.path);
		free(trial.series);
		return (struct trial){0};
	}
	return trial;
}

/* Two moments that have nothing in common, so that whatever is not a date shows: 2001-02-03T14:25:36Z, a Saturday, and
 * 2004-07-06T23:41:47Z, a Tuesday in summer time. */
static const int64_t moments[] = {981210336, 1089157307};

/* Tomorrow's snapshot has to be of today's series, and in its folder. */
static bool check_dates(const struct bundle_config *bundle, struct err *err)
{
	const char *option = rule_option(bundle);
	struct trial one = try_output(bundle->output, moments[0]);
	struct trial two = try_output(bundle->output, moments[1]);
	if (one.path == NULL || two.path == NULL)
		err_set(err, ERR_USAGE,
			"`%s` needs an `output` with the date in the name of the zip, such as NAME-%%Y%%m%%d.zip",
			option);
	else if (one.folder != two.folder || strncmp(one.path, two.path, one.folder) != 0)
		err_set(err, ERR_USAGE,
			"`%s` looks into one folder, but that of `output` has a date: only the name of the zip may "
			"have one",
			option);
	else if (strcmp(one.series, two.series) != 0)
		err_set(err, ERR_USAGE,
			"`%s` needs an `output` that is always the same but for one date, with a time behind it if "
			"wanted, such as NAME-%%Y%%m%%dT%%H%%M.zip",
			option);
	free(one.path);
	free(one.series);
	free(two.path);
	free(two.series);
	return err->code == ERR_NONE || err_hint(err, "`output` is %s", bundle->output);
}

/* Loose files have no name of their own, and there is nothing to encrypt. */
static bool check_form(const struct bundle_config *bundle, const char **option, struct err *err)
{
	if (keeping_is_set(bundle))
		*option = rule_option(bundle);
	else if (bundle->checksum)
		*option = "checksum";
	else if (bundle->encrypt != NULL)
		*option = "encrypt";
	else
		return true;
	return err_set(
		err, ERR_USAGE, "`%s` is for zips, but `output` ends in a slash, which writes loose files", *option);
}

static bool check(const struct bundle_config *bundle, const char **option, struct err *err)
{
	if (bundle->output[0] != '\0' && bundle->output[strlen(bundle->output) - 1] == '/')
		return check_form(bundle, option, err);
	if (bundle->encrypt != NULL && bundle->consumer != NULL) {
		*option = "encrypt";
		return err_set(err, ERR_USAGE,
			"`encrypt` is for archive copies only: %s could not open it. Give the copy a [bundle] section "
			"of its own, without `consumer`",
			bundle->consumer->title);
	}
	*option = rule_option(bundle);
	return !keeping_is_set(bundle) || check_dates(bundle, err);
}

/* Whether somebody said what an option of the bundle is to be. */
static bool is_given(const struct bundle_config *bundle, const char *name)
{
	return bundle->origins[option_index(option_find(name, strlen(name)))].level != CONFIG_DEFAULT;
}

bool keeping_check(const struct config *config, struct bundle_config *bundle, struct err *err)
{
	const char *option = NULL;
	if (!check(bundle, &option, err))
		return config_err_in(config, bundle, option, err);
	if (!is_given(bundle, "checksum"))
		bundle->checksum = keeping_is_set(bundle) || bundle->encrypt != NULL;
	return true;
}

/* Programs that open encrypted zips read letters beyond ASCII in different ways, and some day one has to open it. */
static bool check_passphrase(const struct bundle_config *bundle, struct err *err)
{
	const char *passphrase = bundle->passphrase != NULL ? bundle->passphrase : "";
	if (strlen(passphrase) < PASSPHRASE_MIN)
		return err_set(err, ERR_USAGE,
			"`encrypt`: the passphrase in %s is too short, for whoever gets hold of the zip can try as "
			"many "
			"as he likes: at least %d characters, better a sentence",
			bundle->encrypt, PASSPHRASE_MIN);
	for (const char *c = passphrase; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			return err_set(err, ERR_USAGE,
				"`encrypt`: the passphrase in %s has letters beyond those of English, which programs "
				"read in different ways: with other ones the zip can be opened anywhere",
				bundle->encrypt);
	return true;
}

bool keeping_ready(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->bundle_count; i++) {
		const struct bundle_config *bundle = &config->bundles[i];
		if (bundle->encrypt == NULL)
			continue;
		if (!bundle_can_seal(err) || !check_passphrase(bundle, err))
			return config_err_in(config, bundle, "encrypt", err);
	}
	return true;
}

/* --- removal -------------------------------------------------------------------------------------------------------
 */

/* The folder that a path lies in; to be freed. */
static char *folder_of(const char *path)
{
	const char *base = file_base(path);
	if (base == path)
		return mem_copy(".");
	size_t length = (size_t)(base - path) - 1;
	return mem_copy_n(path, length > 0 ? length : 1);
}

static size_t remove_rest(struct series_list *list)
{
	size_t removed = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct err err = {0};
		if (list->snapshots[i].kept != 0)
			continue;
		if (series_remove(list, i, &err)) {
			removed++;
			log_line(LOG_INFO, subject, "removed %s/%s", list->path, list->snapshots[i].name);
		} else {
			log_line(LOG_WARNING, subject, "%s", err.text);
		}
	}
	return removed;
}

size_t keeping_prune(const struct bundle_config *bundle, const char *path)
{
	const struct retention rule = keeping_rule(bundle);
	struct retention_time time;
	struct series_list list;
	struct err err = {0};
	char *series = NULL;
	size_t removed = 0;
	if (!keeping_is_set(bundle) || !series_read_name(file_base(path), &time, &series))
		return 0;
	char *folder = folder_of(path);
	if (series_open(&list, folder, series, &err)) {
		series_judge(&list, &rule, file_base(path));
		removed = remove_rest(&list);
	} else {
		log_line(LOG_WARNING, subject, "%s", err.text);
	}
	series_release(&list);
	free(folder);
	free(series);
	return removed;
}

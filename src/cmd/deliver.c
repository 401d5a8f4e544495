#include "cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/delivering.h"
#include "cmd/record_name.h"
#include "config.h"
#include "credentials.h"
#include "dated.h"
#include "lock.h"
#include "logging.h"
#include "option.h"
#include "stop.h"
#include "table/schema.h"

struct deliver {
	struct config config;
	const char *path; /* the file to be sent, or NULL: what is still to be sent */
	int lock;         /* of the state folder, if there is one */
};

static struct delivering_order order_of(const struct deliver *deliver, const struct bundle_config *bundle)
{
	return (struct delivering_order){
		.schema = &schema_oneroster_1_1,
		.config = &deliver->config,
		.bundle = bundle,
		.state_dir = deliver->config.state_dir,
	};
}

/* --- which bundle a file is of -------------------------------------------------------------------------------------
 */

static bool is_published(const struct deliver *deliver, const struct bundle_config *bundle)
{
	const struct delivering_order order = order_of(deliver, bundle);
	if (deliver->config.state_dir != NULL && delivering_is_published(&order, deliver->path))
		return true;
	char *whole = realpath(deliver->path, NULL);
	bool fits = bundle->output != NULL &&
		    (dated_fits(bundle->output, deliver->path) || (whole != NULL && dated_fits(bundle->output, whole)));
	free(whole);
	return fits;
}

static bool is_called(const struct deliver *deliver, const struct bundle_config *bundle)
{
	return bundle->output != NULL && dated_fits(file_base(bundle->output), file_base(deliver->path));
}

static bool has_receiver(const struct deliver *deliver, const struct bundle_config *bundle)
{
	(void)deliver;
	return bundle->deliver != NULL;
}

/* The only bundle that a question holds for; NULL for none, or for several, which counts as an answer. */
static struct bundle_config *only_one(
	struct deliver *deliver, bool (*holds)(const struct deliver *, const struct bundle_config *), size_t *count)
{
	struct bundle_config *found = NULL;
	*count = 0;
	for (size_t i = 0; i < deliver->config.bundle_count; i++)
		if (holds(deliver, &deliver->config.bundles[i])) {
			found = &deliver->config.bundles[i];
			++*count;
		}
	return *count == 1 ? found : NULL;
}

static bool unknown_bundle(const struct deliver *deliver, struct err *err)
{
	struct buf names = {0};
	for (size_t i = 0; deliver->config.bundles != NULL && i < deliver->config.bundle_count; i++)
		if (deliver->config.bundles[i].deliver != NULL)
			buf_add_format(&names, "%s%s", names.length > 0 ? ", " : "", deliver->config.bundles[i].name);
	err_set(err, ERR_USAGE,
		"it cannot be told of which bundle %s is: those that are delivered are %s. Give the path under which "
		"it was published, or send it without the configuration (--deliver URL)",
		deliver->path, buf_text(&names));
	buf_release(&names);
	return false;
}

/* A file goes to the receiver of the bundle that it is of, by its path or else by its name. One that is of none goes
 * to the only receiver there is; but what is known to be another bundle is not for everybody's eyes. */
static struct bundle_config *choose(struct deliver *deliver, struct err *err)
{
	size_t count = 0;
	struct bundle_config *bundle = only_one(deliver, is_published, &count);
	if (count == 0)
		bundle = only_one(deliver, is_called, &count);
	if (count == 0)
		bundle = only_one(deliver, has_receiver, &count);
	if (bundle == NULL)
		unknown_bundle(deliver, err);
	else if (bundle->deliver == NULL)
		err_set(err, ERR_USAGE, "%s is what [bundle %s] publishes, which has no `deliver`", deliver->path,
			bundle->name);
	return err->code == ERR_NONE ? bundle : NULL;
}

/* --- sending -------------------------------------------------------------------------------------------------------
 */

static void print_sent(const struct deliver *deliver, const struct bundle_config *bundle, const struct delivering *sent)
{
	if (deliver->config.quiet)
		return;
	if (deliver->path == NULL && bundle->name[0] != '\0')
		printf("%s: ", bundle->name);
	if (sent->state == DELIVERING_UNCHANGED) {
		printf("nothing is waiting to be delivered to %s\n", sent->place);
		return;
	}
	if (deliver->path != NULL)
		printf("delivered %s to %s: ", file_base(deliver->path), sent->place);
	else
		printf("delivered to %s: ", sent->place);
	if (sent->sent > 1)
		printf("%zu files, ", sent->sent);
	printf("%" PRIu64 " bytes", sent->bytes);
	if (sent->resumed > 0)
		printf(" (%" PRIu64 " of them were there already)", sent->resumed);
	printf(", %.1f s\n", (double)sent->ms / 1000.0);
}

static bool prepare(const struct deliver *deliver, struct bundle_config *bundle, struct err *err)
{
	return credentials_fetch_delivery(&deliver->config, bundle, err) &&
	       delivering_ready(&deliver->config, bundle, err);
}

static bool send_one(const struct deliver *deliver, const struct bundle_config *bundle, struct err *err)
{
	const struct delivering_order order = order_of(deliver, bundle);
	struct delivering sent = {0};
	bool fine = deliver->path != NULL ? delivering_send_file(&order, deliver->path, &sent, err)
					  : delivering_send(&order, &sent, err);
	if (fine)
		print_sent(deliver, bundle, &sent);
	else if (bundle->name[0] != '\0')
		err_in(err, "bundle %s", bundle->name);
	delivering_release(&sent);
	return fine;
}

/* Every receiver gets its chance; the gravest failure is the result. */
static bool send_all(const struct deliver *deliver, struct err *err)
{
	for (size_t i = 0; i < deliver->config.bundle_count && err->code != ERR_STOPPED; i++) {
		struct err own = {0};
		const struct bundle_config *bundle = &deliver->config.bundles[i];
		if (bundle->deliver == NULL || send_one(deliver, bundle, &own))
			continue;
		bool graver = err_exit_status(own.code) > err_exit_status(err->code) || own.code == ERR_STOPPED;
		if (err->code != ERR_NONE)
			log_line(LOG_ERROR, NULL, "%s", graver ? err->text : own.text);
		if (graver)
			*err = own;
	}
	return err->code == ERR_NONE;
}

/* No export may change what is published, nor send it, meanwhile. */
static bool lock_state(struct deliver *deliver, struct err *err)
{
	const char *state = deliver->config.state_dir;
	int lock = -1;
	if (state != NULL && !file_make_folder(state, S_IRWXU, err))
		return err_in(err, "state-dir");
	if (state != NULL && !lock_take(state, deliver->config.lock_wait, NULL, &lock, err))
		return false;
	deliver->lock = lock;
	record_name_choose(&deliver->config);
	return true;
}

static bool check_file(const char *path, struct err *err)
{
	struct stat status;
	if (stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_USAGE, "there is no file %s", path);
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a file: what is sent is the zip of a bundle", path);
	return access(path, R_OK) == 0 || err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
}

static bool send_file(struct deliver *deliver, struct err *err)
{
	if (!check_file(deliver->path, err) || !lock_state(deliver, err))
		return false;
	struct bundle_config *bundle = choose(deliver, err);
	return bundle != NULL && prepare(deliver, bundle, err) && send_one(deliver, bundle, err);
}

static bool send_waiting(struct deliver *deliver, struct err *err)
{
	struct config *config = &deliver->config;
	if (config->state_dir == NULL)
		return err_set(err, ERR_USAGE,
			"`state-dir` is missing, which knows what is still to be sent; or give `url`, as to the "
			"export, or the BUNDLE that is to be sent");
	for (size_t i = 0; i < config->bundle_count; i++)
		if (config->bundles[i].deliver != NULL && !prepare(deliver, &config->bundles[i], err))
			return false;
	return lock_state(deliver, err) && send_all(deliver, err);
}

static bool run(struct deliver *deliver, struct err *err)
{
	size_t receivers = 0;
	const struct config *config = &deliver->config;
	if (config->word_count > 0)
		deliver->path = config->words[0];
	if (deliver->path == NULL && config->file == NULL)
		return err_set(err, ERR_USAGE,
			"a BUNDLE is missing: the zip that is to be sent; or a configuration file (--config FILE), for "
			"what is still to be sent");
	only_one(deliver, has_receiver, &receivers);
	if (receivers == 0)
		return err_set(err, ERR_USAGE,
			"`deliver` is missing: where the bundle is to be sent, by --deliver URL or in a configuration "
			"file (--config FILE)");
	bool fine = stop_watch(err) && stop_deadline(config->deadline, STOP_GRACE, err) &&
		    (deliver->path != NULL ? send_file(deliver, err) : send_waiting(deliver, err));
	if (stop_explain(err, ERR_DELIVERY, "delivering"))
		err_hint(err, "Run it again to go on, with a later deadline or none");
	if (fflush(stdout) != 0 || ferror(stdout))
		err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return fine && err->code == ERR_NONE;
}

static void print_help(bool all)
{
	fputs("rosterzip deliver BUNDLE --deliver URL\n"
	      "rosterzip deliver --config FILE [BUNDLE]\n\n"
	      "Sends a bundle that was built before. With a configuration and no BUNDLE: to\n"
	      "each receiver what an export could not deliver; with a BUNDLE: that file once\n"
	      "more, to the receiver of the bundle it is of. Login data of the SIS are not\n"
	      "needed. Exit status: 0 sent, or nothing was to be sent, 2 usage, 7 an export is\n"
	      "running, 8 not delivered.\n\n",
		stdout);
	config_help(&deliver_takes, all, stdout);
}

const struct config_command deliver_takes = {
	.name = "deliver",
	.groups = OPTION_DELIVERY | OPTION_SEND | OPTION_RUN,
	.words_max = 1,
};

bool cmd_deliver(int argc, char **argv, struct err *err)
{
	struct deliver deliver = {.lock = -1};
	umask(S_IRWXG | S_IRWXO);
	bool fine = config_read(&deliver.config, &deliver_takes, argc - 1, argv + 1, NULL, err);
	if (!fine) {
		logging_warnings(&deliver.config);
	} else if (deliver.config.help) {
		print_help(deliver.config.help_all);
	} else {
		logging_open(&deliver.config);
		fine = run(&deliver, err);
	}
	lock_release(deliver.lock);
	config_release(&deliver.config);
	return fine;
}

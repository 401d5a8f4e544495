#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/judging.h"
#include "cmd/verdict.h"
#include "config.h"
#include "logging.h"
#include "option.h"
#include "stop.h"

enum { BUNDLES_MAX = 1000 }; /* of one command line */

/* One bundle and what became of it. */
struct outcome {
	struct judgement judgement;
	struct findings *findings;
	struct verdict verdict;
};

struct validate {
	struct config config;
	const struct schema *schema;
	int today;
	struct outcome *outcomes;
	size_t count; /* that were looked at */
	size_t wrong; /* of them, those with errors */
};

static bool is_folder(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A bundle that cannot be opened for what it is has that as its one finding. */
static bool judge(struct validate *validate, struct outcome *outcome, struct err *err)
{
	struct err trouble = {0};
	const char *path = outcome->verdict.path;
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_USAGE, "there is no file or folder %s", path);
	struct archive *archive = archive_open(path, &trouble);
	if (archive == NULL && trouble.code == ERR_DATA) {
		enum rule rule = is_folder(path) ? RULE_MANIFEST_MISSING : RULE_ZIP_DAMAGED;
		findings_add(outcome->findings, rule, NULL, NULL, trouble.text, 0, NULL, 0);
		return true;
	}
	if (archive == NULL)
		return err_set(err, trouble.code, "%s", trouble.text);
	char *name = archive_is_zip(archive) ? mem_copy(file_base(path)) : NULL;
	const struct judging_options wanted = {
		.schema = validate->schema,
		.consumer = outcome->verdict.consumer,
		.folder = file_work_folder(),
		.zip_name = name,
		.whole = true,
		.today = validate->today,
		.stopped = stop_requested,
	};
	bool fine = judging_run(archive, &wanted, outcome->findings, &outcome->judgement, err);
	free(name);
	archive_free(archive);
	return fine;
}

/* The gravest failure is the result. */
static void keep_worst(struct err *err, const struct err *own)
{
	bool graver = err_exit_status(own->code) > err_exit_status(err->code) || own->code == ERR_STOPPED;
	if (err->code != ERR_NONE && own->code != ERR_NONE)
		log_line(LOG_ERROR, NULL, "%s", graver ? err->text : own->text);
	if (graver)
		*err = *own;
}

static void conclude(const struct validate *validate, struct err *err)
{
	if (validate->wrong == 0)
		return;
	struct err own = {0};
	if (validate->wrong > 1 || validate->config.word_count > 1) {
		err_set(&own, ERR_DATA, "%zu of %zu bundles %s errors", validate->wrong, validate->config.word_count,
			validate->wrong == 1 ? "has" : "have");
	} else {
		const struct outcome *outcome = &validate->outcomes[0];
		size_t errors = findings_severity(outcome->findings, RULE_ERROR);
		err_set(&own, ERR_DATA, "%s: %zu error%s", outcome->verdict.path, errors, errors == 1 ? "" : "s");
	}
	keep_worst(err, &own);
}

static void judge_all(struct validate *validate, struct err *err)
{
	const struct config *config = &validate->config;
	for (size_t i = 0; i < config->word_count && err->code != ERR_STOPPED; i++) {
		struct outcome *outcome = &validate->outcomes[validate->count];
		struct err own = {0};
		outcome->findings = findings_new(config->show_values);
		findings_keep_ids(outcome->findings);
		outcome->verdict = (struct verdict){
			.schema = validate->schema,
			.consumer = config->bundles[0].consumer,
			.path = config->words[i],
			.judgement = &outcome->judgement,
			.findings = outcome->findings,
		};
		if (!judge(validate, outcome, &own)) {
			keep_worst(err, &own);
			judgement_release(&outcome->judgement);
			findings_free(outcome->findings);
			continue;
		}
		if (findings_severity(outcome->findings, RULE_ERROR) > 0)
			validate->wrong++;
		if (!config->quiet && !config->json) {
			if (validate->count > 0)
				fputc('\n', stdout);
			verdict_print(&outcome->verdict, stdout);
		}
		validate->count++;
	}
}

static void print_json(const struct validate *validate, const struct err *err)
{
	struct verdict *verdicts = mem_new(validate->count, sizeof(*verdicts));
	for (size_t i = 0; i < validate->count; i++)
		verdicts[i] = validate->outcomes[i].verdict;
	verdict_print_json(verdicts, validate->count, err, stdout);
	free(verdicts);
}

static bool run(struct validate *validate, struct err *err)
{
	if (validate->config.word_count == 0)
		return err_set(err, ERR_USAGE,
			"a BUNDLE is missing: the path of a zip or of a folder with the CSV files of one");
	int64_t now;
	if (!time_source_date(&now, err) || !stop_watch(err))
		return false;
	validate->today = time_local_day(now);
	validate->outcomes = mem_new(validate->config.word_count, sizeof(*validate->outcomes));
	judge_all(validate, err);
	conclude(validate, err);
	if (validate->config.json)
		print_json(validate, err);
	if (fflush(stdout) != 0 || ferror(stdout))
		err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return err->code == ERR_NONE;
}

static void print_help(const struct config_command *command, bool all)
{
	fputs("rosterzip validate BUNDLE...\n\n"
	      "Judges bundles of any program, zips or folders of CSV files, by the rules of\n"
	      "OneRoster 1.1 and, with consumer, by what one receiver wants. Rows are counted as\n"
	      "a spreadsheet does: the header is row 1. Values are shown only when asked for,\n"
	      "since they are people's data. Exit status: 0 no errors (there may be warnings),\n"
	      "2 no such bundle, 3 errors.\n\n",
		stdout);
	config_help(command, all, stdout);
}

const struct config_command validate_takes = {
	.name = "validate",
	.groups = OPTION_RUN | OPTION_PRINT | OPTION_JUDGE,
	.words_max = BUNDLES_MAX,
};

bool cmd_validate(int argc, char **argv, struct err *err)
{
	struct validate validate = {.schema = &schema_oneroster_1_1};
	umask(S_IRWXG | S_IRWXO);
	bool fine = config_read(&validate.config, &validate_takes, argc - 1, argv + 1, NULL, err);
	if (fine && validate.config.help) {
		print_help(&validate_takes, validate.config.help_all);
	} else if (fine) {
		logging_open(&validate.config);
		fine = run(&validate, err);
	}
	for (size_t i = 0; i < validate.count; i++) {
		judgement_release(&validate.outcomes[i].judgement);
		findings_free(validate.outcomes[i].findings);
	}
	free(validate.outcomes);
	config_release(&validate.config);
	return fine;
}

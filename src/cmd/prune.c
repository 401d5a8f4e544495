#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "keeping.h"
#include "logging.h"
#include "option.h"
#include "package/series.h"

enum { FOLDERS_MAX = 1000 }; /* of one command line */

/* The snapshots of one series, and what became of them. */
struct tally {
	size_t kept;
	size_t removed;
	size_t stuck; /* could not be removed */
};

/* Why a snapshot is kept, for people. */
static void print_reasons(unsigned kept)
{
	static const struct {
		unsigned reason;
		const char *word;
	} words[] = {
		{RETENTION_LAST, "last"},
		{RETENTION_DAILY, "daily"},
		{RETENTION_WEEKLY, "weekly"},
		{RETENTION_MONTHLY, "monthly"},
		{SERIES_NEWEST, "newest"},
	};
	const char *joint = "  ";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((kept & words[i].reason) == 0)
			continue;
		printf("%s%s", joint, words[i].word);
		joint = ", ";
	}
}

static void print_snapshot(const struct series_snapshot *snapshot)
{
	printf("%-7s %s", snapshot->kept != 0 ? "keep" : "remove", snapshot->name);
	print_reasons(snapshot->kept);
	putchar('\n');
}

static void print_tally(const struct series_list *list, const char *series, const struct tally *tally, bool dry)
{
	const char *joint = list->path[strlen(list->path) - 1] == '/' ? "" : "/";
	printf("%s%s%s: %zu kept, %zu %s", list->path, joint, series, tally->kept, tally->removed,
		dry ? "would be removed" : "removed");
	if (tally->stuck > 0)
		printf(", %zu could not be removed", tally->stuck);
	putchar('\n');
}

/* The gravest failure is the result, the others are told at once. */
static void keep_worst(struct err *err, const struct err *own)
{
	bool graver = err_exit_status(own->code) > err_exit_status(err->code);
	if (err->code != ERR_NONE)
		log_line(LOG_ERROR, NULL, "%s", graver ? err->text : own->text);
	if (graver)
		*err = *own;
}

static void remove_one(const struct series_list *list, size_t index, bool dry, struct tally *tally, struct err *err)
{
	struct err own = {0};
	if (dry || series_remove(list, index, &own)) {
		tally->removed++;
		return;
	}
	tally->stuck++;
	keep_worst(err, &own);
}

/* One series, which begins at index; gives where the next one does. */
static size_t prune_series(const struct config *config, const struct series_list *list, size_t index, struct err *err)
{
	struct tally tally = {0};
	const char *series = list->snapshots[index].series;
	bool each = !config->quiet && (config->verbose || config->dry_run);
	for (; index < list->count && strcmp(list->snapshots[index].series, series) == 0; index++) {
		const struct series_snapshot *snapshot = &list->snapshots[index];
		if (each)
			print_snapshot(snapshot);
		if (snapshot->kept != 0)
			tally.kept++;
		else
			remove_one(list, index, config->dry_run, &tally, err);
	}
	if (!config->quiet)
		print_tally(list, series, &tally, config->dry_run);
	return index;
}

static bool prune_folder(const struct config *config, const char *path, struct err *err)
{
	const struct retention rule = keeping_rule(&config->bundles[0]);
	struct series_list list;
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	char *folder = mem_copy_n(path, length);
	if (series_open(&list, folder, NULL, err)) {
		series_judge(&list, &rule, NULL);
		if (list.count == 0 && !config->quiet)
			printf("%s: no snapshots, which are zips with a date in their names\n", folder);
		for (size_t i = 0; i < list.count;)
			i = prune_series(config, &list, i, err);
	}
	series_release(&list);
	free(folder);
	return err->code == ERR_NONE;
}

static bool run(const struct config *config, struct err *err)
{
	if (config->word_count == 0)
		return err_set(err, ERR_USAGE, "a DIR is missing: the folder with the dated zips");
	if (!keeping_is_set(&config->bundles[0]))
		return err_set(err, ERR_USAGE,
			"nothing says what is to be kept: give at least one of --keep-last N, --keep-daily N, "
			"--keep-weekly N, --keep-monthly N");
	for (size_t i = 0; i < config->word_count; i++) {
		struct err own = {0};
		if (!prune_folder(config, config->words[i], &own))
			keep_worst(err, &own);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return err->code == ERR_NONE;
}

const struct config_command prune_takes = {
	.name = "prune",
	.groups = OPTION_KEEP | OPTION_PRUNE | OPTION_RUN,
	.words_max = FOLDERS_MAX,
};

static void print_help(bool all)
{
	fputs("rosterzip prune DIR... --keep-last N | --keep-daily N | ...\n\n"
	      "Removes snapshots: zips with a date in their names, such as eagle-20260701.zip,\n"
	      "and the .sha256 beside each. Those whose names are equal but for the date (and a\n"
	      "time behind it) belong together. Of each day, week or month that counts, the\n"
	      "newest is kept; days without a snapshot do not count; what one rule keeps stays.\n"
	      "The newest of all always stays. Nothing else in the folder is touched. Exit\n"
	      "status: 0 done, 1 some could not be removed, 2 no such folder, or no rule.\n\n",
		stdout);
	config_help(&prune_takes, all, stdout);
}

bool cmd_prune(int argc, char **argv, struct err *err)
{
	struct config config;
	bool fine = config_read(&config, &prune_takes, argc - 1, argv + 1, NULL, err);
	if (fine && config.help) {
		print_help(config.help_all);
	} else if (fine) {
		logging_open(&config);
		fine = run(&config, err);
	}
	config_release(&config);
	return fine;
}

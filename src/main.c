/*
 * From argv to a command, from its error to an exit status. The one place that prints the error.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "stop.h"

struct command {
	const char *name;
	bool (*run)(int argc, char **argv, struct err *err);
	const char *help;
};

static bool cmd_help(int argc, char **argv, struct err *err);

static const struct command commands[] = {
	{"export", cmd_export, "reads a SIS and publishes its bundles: the main job"},
	{"validate", cmd_validate, "judges a bundle of any origin by the standard"},
	{"diff", cmd_diff, "compares two bundles, writes the delta bundle between them"},
	{"doctor", cmd_doctor, "says what a SIS offers, what it refuses, and what to do about that"},
	{"schema", cmd_schema, "shows the tables: each column and where it comes from"},
	{"help", cmd_help, "shows this, or the options of a command"},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void print_help(FILE *out)
{
	fputs("rosterzip reads a OneRoster 1.1 REST API to its end and publishes a OneRoster 1.1\n"
	      "CSV bundle (a zip), completely or not at all.\n\n",
		out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  rosterzip %-8s %s\n", commands[i].name, commands[i].help);
	fputs("\nrosterzip help COMMAND shows its options. Exit status: 0 done, 1 other failure, 2 usage or\n"
	      "configuration, 3 data or bundle invalid, 4 login refused, 5 API or network or not provably\n"
	      "complete, 6 the guard held a bundle back, 7 another run holds the lock, 128+N ended by\n"
	      "signal N.\n",
		out);
}

static bool unknown_command(const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE, "there is no command %s; rosterzip help lists them", name);
}

static bool cmd_help(int argc, char **argv, struct err *err)
{
	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return true;
	}
	const struct command *command = command_find(argv[1]);
	if (command == NULL)
		return unknown_command(argv[1], err);
	char option[] = "--help";
	char *arguments[] = {argv[1], option, NULL};
	return command->run(2, arguments, err);
}

static bool dispatch(int argc, char **argv, struct err *err)
{
	if (argc < 2) {
		print_help(stderr);
		return err_set(err, ERR_USAGE, "a command is missing");
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("rosterzip " ROSTERZIP_VERSION);
		return true;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return true;
	}
	const struct command *command = command_find(argv[1]);
	if (command == NULL)
		return unknown_command(argv[1], err);
	return command->run(argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct err err = {0};
	if (dispatch(argc, argv, &err))
		return 0;
	log_line(LOG_ERROR, NULL, "%s", err.text);
	stop_raise();
	return err_exit_status(err.code);
}

/*
 * From argv to a command, from its error to an exit status. The one place that prints the error.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/library.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "command.h"
#include "secret.h"
#include "stop.h"

static bool dispatch(int argc, char **argv, struct err *err)
{
	if (argc < 2) {
		help_print(stderr);
		return err_set(err, ERR_USAGE, "a command is missing");
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("rosterzip " ROSTERZIP_VERSION);
		return true;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help_print(stdout);
		return true;
	}
	const struct command *command = command_find(argv[1]);
	if (command == NULL)
		return command_unknown(argv[1], err);
	return command->run(argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct err err = {0};
	library_start();
	secret_guard();
	if (dispatch(argc, argv, &err))
		return 0;
	log_line(LOG_ERROR, NULL, "%s", err.text);
	stop_raise();
	return err_exit_status(err.code);
}

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "command.h"

void help_print(FILE *out)
{
	fputs("rosterzip reads a OneRoster 1.1 REST API to its end and publishes a OneRoster 1.1\n"
	      "CSV bundle (a zip), completely or not at all.\n\n",
		out);
	for (size_t i = 0; i < command_count; i++)
		fprintf(out, "  rosterzip %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nrosterzip help COMMAND shows its options. Exit status: 0 done, 1 other failure, 2 usage or\n"
	      "configuration, 3 data or bundle invalid, 4 login refused, 5 API or network or not provably\n"
	      "complete, 6 the guard held a bundle back, 7 another run holds the lock, 8 published but\n"
	      "not delivered, 128+N ended by signal N.\n",
		out);
}

bool cmd_help(int argc, char **argv, struct err *err)
{
	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		help_print(stdout);
		return true;
	}
	const struct command *command = command_find(argv[1]);
	if (command == NULL)
		return command_unknown(argv[1], err);
	char option[] = "--help";
	char *arguments[] = {argv[1], option, NULL};
	return command->run(2, arguments, err);
}

#include "command.h"

#include <string.h>

#include "cmd/cmd.h"

const struct command commands[] = {
	{"export", cmd_export, "reads a SIS and publishes its bundles: the main job", &export_takes, COMMAND_NO_WORDS},
	{"doctor", cmd_doctor, "says what a SIS offers, what it refuses, and what to do about that", &doctor_takes,
		COMMAND_NO_WORDS},
	{"validate", cmd_validate, "judges a bundle of any origin by the standard", &validate_takes, COMMAND_BUNDLES},
	{"diff", cmd_diff, "compares two bundles, writes the delta bundle between them", &diff_takes, COMMAND_BUNDLES},
	{"deliver", cmd_deliver, "sends a bundle that was built before, or what could not be sent", &deliver_takes,
		COMMAND_BUNDLES},
	{"prune", cmd_prune, "removes dated bundles that are to be kept no longer", &prune_takes, COMMAND_FOLDERS},
	{"report", cmd_report, "draws a page about a bundle for people to look at", &report_takes, COMMAND_BUNDLES},
	{"schema", cmd_schema, "shows the tables: each column and where it comes from", NULL, COMMAND_TABLES},
	{"completion", cmd_completion, "prints what bash or zsh need to complete commands", NULL, COMMAND_SHELLS},
	{"help", cmd_help, "shows this, or the options of a command", NULL, COMMAND_COMMANDS},
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

bool command_unknown(const char *name, struct err *err)
{
	return err_set(err, ERR_USAGE, "there is no command %s; rosterzip help lists them", name);
}

/*
 * The one table of commands: name, what runs it, its options and words, help. The dispatch of main, the help and the
 * completion of shells read this table. What a command does is for cmd/, which options it has for option.h.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct config_command;

/* What stands on the command line beside options. */
enum command_words {
	COMMAND_NO_WORDS,
	COMMAND_BUNDLES, /* zips or folders */
	COMMAND_FOLDERS,
	COMMAND_TABLES,   /* of the standard, such as users */
	COMMAND_COMMANDS, /* of this program */
	COMMAND_SHELLS,   /* that can be given a completion */
};

struct command {
	const char *name;
	bool (*run)(int argc, char **argv, struct err *err);
	const char *help;
	const struct config_command *takes; /* its options; NULL if it has none but --help */
	enum command_words words;
};

extern const struct command commands[];
extern const size_t command_count;

/* The row of that name, or NULL. */
const struct command *command_find(const char *name);

/* Fails with ERR_USAGE for a name that is no command. */
bool command_unknown(const char *name, struct err *err);

#endif

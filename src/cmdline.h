/*
 * The words behind a command taken apart into options with their values, and the rest. Nothing is applied or checked
 * beyond that: what the values mean is for config.c. Borrows argv.
 *
 * --name value and --name=value; -o value and -ovalue; -qv is -q -v. A flag takes no value. -- ends the options.
 */
#ifndef CMDLINE_H
#define CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct config_command;
struct option;

struct cmdline_option {
	const struct option *option;
	const char *value; /* "yes" for flags */
};

struct cmdline {
	struct cmdline_option *options;
	size_t option_count;
	char **words; /* ends with NULL */
	size_t word_count;
	bool help;     /* -h, --help or --help-all was met; nothing behind it was read */
	bool help_all; /* the last of these */
};

/* Takes argc words apart. Fails with ERR_USAGE for an option that the command does not have and a word too many. To be
 * released, also after a failure. */
bool cmdline_read(struct cmdline *line, const struct config_command *command, int argc, char **argv, struct err *err);

void cmdline_release(struct cmdline *line);

#endif

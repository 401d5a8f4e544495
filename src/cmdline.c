#include "cmdline.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config.h"
#include "option.h"

static void add_argument(struct cmdline *line, const struct option *option, const char *value)
{
	line->options = mem_grow(line->options, line->option_count + 1, sizeof(*line->options));
	line->options[line->option_count++] = (struct cmdline_option){.option = option, .value = value};
	if (strcmp(option->name, "help") == 0 || strcmp(option->name, "help-all") == 0) {
		line->help = true;
		line->help_all = strcmp(option->name, "help-all") == 0;
	}
}

/* The value of an option is what is joined to it, or else the next word. Moves *at to the last word used. */
static bool add_with_value(struct cmdline *line, const struct option *option, const char *joined, int argc, char **argv,
	int *at, struct err *err)
{
	if (joined == NULL) {
		if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
			return err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", option->name, option->name,
				option->argument);
		joined = argv[++*at];
	}
	add_argument(line, option, joined);
	return true;
}

static bool read_long(
	struct cmdline *line, const struct config_command *command, int argc, char **argv, int *at, struct err *err)
{
	const char *name = argv[*at] + 2;
	size_t length = strcspn(name, "=");
	const char *joined = name[length] == '=' ? name + length + 1 : NULL;
	const struct option *option = option_find(name, length);
	if (option == NULL)
		return option_unknown("option", "--", name, length, command->groups, err);
	if (!option_belongs(option, command->groups))
		return err_set(err, ERR_USAGE, "%s has no option --%s", command->name, option->name);
	if (option->kind != OPTION_FLAG)
		return add_with_value(line, option, joined, argc, argv, at, err);
	if (joined != NULL)
		return err_set(err, ERR_USAGE, "--%s takes no value", option->name);
	add_argument(line, option, "yes");
	return true;
}

/* Letters may share a hyphen (-qv), and a value may stand right behind its letter (-oFILE). */
static bool read_letters(
	struct cmdline *line, const struct config_command *command, int argc, char **argv, int *at, struct err *err)
{
	for (const char *c = argv[*at] + 1; *c != '\0'; c++) {
		const struct option *option = option_find_letter(*c);
		if (option == NULL || !option_belongs(option, command->groups))
			return err_set(err, ERR_USAGE, "%s has no option -%c", command->name,
				*c > ' ' && *c < '\x7f' ? *c : '?');
		if (option->kind != OPTION_FLAG)
			return add_with_value(line, option, c[1] != '\0' ? c + 1 : NULL, argc, argv, at, err);
		add_argument(line, option, "yes");
	}
	return true;
}

bool cmdline_read(struct cmdline *line, const struct config_command *command, int argc, char **argv, struct err *err)
{
	bool options_end = false;
	*line = (struct cmdline){0};
	line->words = mem_new((size_t)argc + 1, sizeof(*line->words));
	for (int i = 0; i < argc && !line->help; i++) {
		const char *word = argv[i];
		if (!options_end && strcmp(word, "--") == 0) {
			options_end = true;
		} else if (!options_end && strncmp(word, "--", 2) == 0) {
			if (!read_long(line, command, argc, argv, &i, err))
				return false;
		} else if (!options_end && word[0] == '-' && word[1] != '\0') {
			if (!read_letters(line, command, argc, argv, &i, err))
				return false;
		} else if (line->word_count < command->words_max) {
			line->words[line->word_count++] = argv[i];
		} else {
			/* Not shown: it may be a secret that missed its option. */
			return err_set(err, ERR_USAGE,
				"word %d behind `%s` is one too many; a configuration file is given by --config FILE",
				i + 1, command->name);
		}
	}
	return true;
}

void cmdline_release(struct cmdline *line)
{
	free(line->options);
	free(line->words);
	*line = (struct cmdline){0};
}

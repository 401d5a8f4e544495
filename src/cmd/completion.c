#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "check/rule.h"
#include "cmd/cmd.h"
#include "command.h"
#include "config.h"
#include "option.h"
#include "provider.h"
#include "table/consumer.h"
#include "table/schema.h"

/* ---- What can be offered ---- */

static void add_tables(struct buf *words)
{
	for (int i = 0; i < schema_oneroster_1_1.table_count; i++)
		buf_add_format(words, " %s", schema_oneroster_1_1.tables[i].name);
}

static void add_roles(struct buf *words)
{
	const struct table *users = schema_table_find(&schema_oneroster_1_1, "users");
	const struct vocabulary *roles = users->columns[column_find(users, "role")].vocabulary;
	for (const char *const *word = roles->values; *word != NULL; word++)
		buf_add_format(words, " %s", *word);
}

static void add_rules(struct buf *words)
{
	for (int i = 0; i < RULE_COUNT; i++)
		if (rules[i].severity == RULE_ERROR && rule_find(rules[i].code) == (enum rule)i)
			buf_add_format(words, " %s", rules[i].code);
}

static void add_commands(struct buf *words)
{
	for (size_t i = 0; i < command_count; i++)
		buf_add_format(words, " %s", commands[i].name);
}

/* The words of an option's value, each behind a blank; none where anything may stand. */
static void add_values(const struct option *option, struct buf *words)
{
	for (int i = 0; option->choices != NULL && option->choices[i] != NULL; i++)
		buf_add_format(words, " %s", option->choices[i]);
	switch (option->offer) {
	case OPTION_OFFER_NOTHING:
	case OPTION_OFFER_FOLDERS: break;
	case OPTION_OFFER_COLLECTIONS:
		buf_add_text(words, " core");
		add_tables(words);
		break;
	case OPTION_OFFER_TABLES: add_tables(words); break;
	case OPTION_OFFER_PROVIDERS:
		buf_add_text(words, " auto");
		for (int i = 0; providers[i] != NULL; i++)
			buf_add_format(words, " %s", providers[i]->name);
		break;
	case OPTION_OFFER_CONSUMERS:
		for (int i = 0; consumers[i] != NULL; i++)
			buf_add_format(words, " %s", consumers[i]->name);
		break;
	case OPTION_OFFER_ROLES: add_roles(words); break;
	case OPTION_OFFER_RULES: add_rules(words); break;
	}
	if (option->none)
		buf_add_text(words, " none");
}

static bool takes_file(const struct option *option)
{
	return (option->kind == OPTION_PATH && option->offer != OPTION_OFFER_FOLDERS) ||
	       option->offer == OPTION_OFFER_PROVIDERS || option->offer == OPTION_OFFER_CONSUMERS;
}

/* The words of a command that are not files, each behind a blank. */
static void add_command_words(const struct command *command, struct buf *words)
{
	switch (command->words) {
	case COMMAND_NO_WORDS:
	case COMMAND_BUNDLES:
	case COMMAND_FOLDERS: break;
	case COMMAND_TABLES: add_tables(words); break;
	case COMMAND_COMMANDS: add_commands(words); break;
	case COMMAND_SHELLS: buf_add_text(words, " bash zsh"); break;
	}
}

static bool has_option(const struct command *command, const struct option *option)
{
	if (command->takes == NULL)
		return command->words != COMMAND_COMMANDS && strcmp(option->name, "help") == 0;
	return option_belongs(option, command->takes->groups);
}

/* ---- bash ---- */

static void bash_value(const struct option *option)
{
	struct buf words = {0};
	add_values(option, &words);
	putchar('\t');
	if (option->letter != '\0')
		printf("-%c | ", option->letter);
	printf("--%s) kind=", option->name);
	if (takes_file(option))
		fputs("files", stdout);
	else if (option->offer == OPTION_OFFER_FOLDERS)
		fputs("folders", stdout);
	else if (words.length > 0 && option_is_list(option))
		fputs("list", stdout);
	else if (words.length > 0)
		fputs("words", stdout);
	else
		fputs("other", stdout);
	if (words.length > 0)
		printf(" words=\"%s\"", buf_text(&words) + 1);
	puts(" ;;");
	buf_release(&words);
}

static void bash_command(const struct command *command)
{
	struct buf words = {0};
	add_command_words(command, &words);
	printf("\t\t%s)", command->name);
	if (command->words == COMMAND_BUNDLES)
		fputs(" kind=files", stdout);
	else if (command->words == COMMAND_FOLDERS)
		fputs(" kind=folders", stdout);
	if (words.length > 0)
		printf(" words=\"%s\"", buf_text(&words) + 1);
	fputs("\n\t\t\toptions=\"", stdout);
	const char *joint = "";
	for (size_t i = 0; i < option_count; i++)
		if (has_option(command, &options[i])) {
			printf("%s--%s", joint, options[i].name);
			joint = " ";
		}
	puts("\" ;;");
	buf_release(&words);
}

static void print_bash(void)
{
	struct buf names = {0};
	add_commands(&names);
	printf("# Completion of rosterzip for bash, as printed by: rosterzip completion bash\n"
	       "_rosterzip()\n"
	       "{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	       "\tlocal kind= words= options= front=\n"
	       "\tCOMPREPLY=()\n"
	       "\tif ((COMP_CWORD == 1)); then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"%s --help --version\" -- \"$word\")\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\t# --name=value comes as three words\n"
	       "\tif [[ $word == = ]]; then\n"
	       "\t\tword=\n"
	       "\telif [[ $before == = ]]; then\n"
	       "\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]}\n"
	       "\tfi\n"
	       "\tcase $before in\n",
		buf_text(&names) + 1);
	for (size_t i = 0; i < option_count; i++)
		if (options[i].kind != OPTION_FLAG)
			bash_value(&options[i]);
	puts("\tesac\n"
	     "\tif [[ -z $kind ]]; then\n"
	     "\t\tkind=words\n"
	     "\t\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; i < command_count; i++)
		bash_command(&commands[i]);
	puts("\t\tesac\n"
	     "\t\tif [[ $word == -* || $kind$words == words ]]; then\n"
	     "\t\t\tkind=words words=$options\n"
	     "\t\tfi\n"
	     "\tfi\n"
	     "\tcase $kind in\n"
	     "\twords)\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\") ;;\n"
	     "\tlist)\n"
	     "\t\tfront=${word%\"${word##*,}\"}\n"
	     "\t\tcompopt -o nospace 2>/dev/null\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -P \"$front\" -W \"$words\" -- \"${word##*,}\") ;;\n"
	     "\tfiles)\n"
	     "\t\tcompopt -o filenames 2>/dev/null\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -f -- \"$word\") ;;\n"
	     "\tfolders)\n"
	     "\t\tcompopt -o filenames 2>/dev/null\n"
	     "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
	     "\tesac\n"
	     "}\n"
	     "complete -F _rosterzip rosterzip");
	buf_release(&names);
}

/* ---- zsh ---- */

/* A text within single quotes, with a backslash in front of those characters that are special there. */
static void zsh_text(const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs("'\\'", stdout);
		else if (strchr(special, *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

/* One line for _arguments: a list may be given several times, anything else once. */
static void zsh_option(const struct option *option)
{
	bool flag = option->kind == OPTION_FLAG;
	bool list = option_is_list(option);
	fputs("\t\t\t", stdout);
	if (option->letter != '\0' && flag)
		printf("'(-%c --%s)'{-%c,--%s}'", option->letter, option->name, option->letter, option->name);
	else if (option->letter != '\0')
		printf("'(-%c --%s)'{-%c+,--%s=}'", option->letter, option->name, option->letter, option->name);
	else
		printf("'%s--%s%s", list ? "*" : "", option->name, flag ? "" : "=");
	putchar('[');
	zsh_text(*option->help != '\0' ? option->help : option->name, "[]\\");
	putchar(']');
	if (!flag) {
		struct buf words = {0};
		add_values(option, &words);
		putchar(':');
		fputs(option->name, stdout);
		putchar(':');
		if (takes_file(option) && words.length > 0)
			printf("{_alternative \"names\\:name\\:(%s)\" \"files\\:file\\:_files\"}",
				buf_text(&words) + 1);
		else if (takes_file(option))
			fputs("_files", stdout);
		else if (option->offer == OPTION_OFFER_FOLDERS)
			fputs("_files -/", stdout);
		else if (words.length > 0 && list)
			printf("{_values -s , word%s}", buf_text(&words));
		else if (words.length > 0)
			printf("(%s)", buf_text(&words) + 1);
		buf_release(&words);
	}
	puts("' \\");
}

static void zsh_command(const struct command *command)
{
	struct buf words = {0};
	add_command_words(command, &words);
	printf("\t%s)\n\t\t_arguments -s -S \\\n", command->name);
	for (size_t i = 0; i < option_count; i++)
		if (has_option(command, &options[i]))
			zsh_option(&options[i]);
	if (command->words == COMMAND_BUNDLES)
		puts("\t\t\t'*:bundle:_files' ;;");
	else if (command->words == COMMAND_FOLDERS)
		puts("\t\t\t'*:folder:_files -/' ;;");
	else if (words.length > 0)
		printf("\t\t\t'1:word:(%s)' ;;\n", buf_text(&words) + 1);
	else
		puts("\t\t\t&& return 0 ;;");
	buf_release(&words);
}

static void print_zsh(void)
{
	puts("#compdef rosterzip\n"
	     "# Completion of rosterzip for zsh, as printed by: rosterzip completion zsh\n"
	     "_rosterzip()\n"
	     "{\n"
	     "\tlocal -a commands\n"
	     "\tif (( CURRENT == 2 )); then\n"
	     "\t\tcommands=(");
	for (size_t i = 0; i < command_count; i++) {
		printf("\t\t\t'%s:", commands[i].name);
		zsh_text(commands[i].help, "\\");
		puts("'");
	}
	puts("\t\t)\n"
	     "\t\t_describe -t commands command commands\n"
	     "\t\treturn\n"
	     "\tfi\n"
	     "\tshift words\n"
	     "\t(( CURRENT -= 1 ))\n"
	     "\tcase $words[1] in");
	for (size_t i = 0; i < command_count; i++)
		zsh_command(&commands[i]);
	puts("\tesac\n"
	     "}\n"
	     "if [[ $funcstack[1] == _rosterzip ]]; then\n"
	     "\t_rosterzip \"$@\"\n"
	     "else\n"
	     "\tcompdef _rosterzip rosterzip\n"
	     "fi");
}

bool cmd_completion(int argc, char **argv, struct err *err)
{
	const char *shell = argc == 2 ? argv[1] : "";
	if (strcmp(shell, "--help") == 0 || strcmp(shell, "-h") == 0)
		puts("rosterzip completion bash   prints a script that bash reads to complete commands\n"
		     "rosterzip completion zsh    the same for zsh\n\n"
		     "A package brings both. Without one: rosterzip completion bash >\n"
		     "~/.local/share/bash-completion/completions/rosterzip, or for zsh a file named\n"
		     "_rosterzip in a folder of $fpath.");
	else if (strcmp(shell, "bash") == 0)
		print_bash();
	else if (strcmp(shell, "zsh") == 0)
		print_zsh();
	else
		return err_set(err, ERR_USAGE, "completion: takes the name of a shell, bash or zsh");
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return true;
}

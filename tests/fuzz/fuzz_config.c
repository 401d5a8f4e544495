/*
 * A configuration file. Input: a byte of switches (1: with what a bundle needs, 2: with a source, 4: with a target,
 * both on the command line), then the file. Holds: reading it is fine, or there is an error of its own kind that names
 * the file; lines come in order; nothing is left behind.
 */
#include "fuzz.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "config.h"
#include "inifile.h"
#include "option.h"

enum { WITH_BUNDLE = 1, WITH_SOURCE = 2, WITH_TARGET = 4, ARGUMENTS_MAX = 4 };

struct lines {
	unsigned last;
	unsigned most; /* that the text has */
};

static bool has_blanks_around(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && (strchr(" \t", text[0]) != NULL || strchr(" \t", text[length - 1]) != NULL);
}

static bool on_line(void *context, const struct inifile_line *line, struct err *err)
{
	struct lines *lines = context;
	(void)err;
	fuzz_must(line->number > lines->last && line->number <= lines->most, "lines come in order, each once");
	lines->last = line->number;
	fuzz_must(line->name != NULL, "a line has a name");
	fuzz_must((line->kind == INIFILE_SECTION) == (line->value == NULL), "a section has no value, all others do");
	fuzz_must(line->value == NULL || !has_blanks_around(line->value), "a value has no blanks around it");
	for (const char *c = line->value; c != NULL && *c != '\0'; c++)
		fuzz_must((unsigned char)*c >= ' ' || *c == '\t', "a value has no control characters");
	return true;
}

static void read_lines(const char *text, size_t length)
{
	struct lines lines = {.most = 1};
	struct err err = {0};
	for (size_t i = 0; i < length; i++)
		lines.most += text[i] == '\n' ? 1 : 0;
	bool fine = inifile_read("file", text, length, on_line, &lines, &err);
	fuzz_must(fine == (err.code == ERR_NONE), "a file is fine or there is an error");
	fuzz_must(fine || (err.code == ERR_USAGE && strncmp(err.text, "file:", 5) == 0), "which names the file");
}

static void read_config(const char *path, unsigned switches)
{
	char *environment[] = {mem_copy("HOME=/home/somebody"), NULL};
	char *arguments[ARGUMENTS_MAX] = {mem_format("--config=%s", path)};
	int count = 1;
	struct config_command command = {.name = "export", .groups = OPTION_SOURCE | OPTION_RUN};
	struct config config;
	struct err err = {0};
	if ((switches & WITH_BUNDLE) != 0)
		command.groups |= OPTION_BUNDLE;
	if ((switches & WITH_SOURCE) != 0) {
		arguments[count++] = mem_copy("--url=https://sis.example");
		arguments[count++] = mem_copy("--auth=none");
	}
	if ((switches & WITH_TARGET) != 0 && (switches & WITH_BUNDLE) != 0)
		arguments[count++] = mem_copy("--output=/srv/OneRoster.zip");
	bool fine = config_read(&config, &command, count, arguments, environment, &err);
	fuzz_must(fine == (err.code == ERR_NONE), "a configuration is fine or there is an error");
	fuzz_must(fine || err.code == ERR_USAGE || err.code == ERR_FILE, "which is one of configurations");
	fuzz_must(fine || err.text[0] != '\0', "and says something");
	if (fine) {
		struct buf shown = {0};
		fuzz_must(config.bundle_count > 0 && config.collections.count > 0, "there is something to do");
		fuzz_must(!(config.quiet && config.verbose), "loud or quiet, not both");
		config_show(&config, &shown);
		fuzz_must(!shown.overflow && shown.length > 0, "it can be shown");
		buf_release(&shown);
	}
	config_release(&config);
	for (int i = 0; i < count; i++)
		free(arguments[i]);
	free(environment[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];
	struct fuzz_input input = fuzz_begin(data, size);
	unsigned switches = fuzz_byte(&input);
	struct err err = {0};
	if (fd < 0) {
		fd = file_temp(fuzz_folder(), &err);
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	}
	fuzz_must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, input.data, input.left, 0) == (ssize_t)input.left,
		"the file can be written");
	read_lines(input.data, input.left);
	read_config(path, switches);
	return 0;
}

/*
 * A configuration file read line by line: sections, keys with their values, and lines that go on with the value before.
 * libinih decides what a key, a value and a comment is; this adds true line numbers, lines longer than libinih's own
 * limit, sections without keys, and an end at the first mistake. What the keys mean is for config.c.
 */
#ifndef INIFILE_H
#define INIFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum inifile_kind {
	INIFILE_SECTION, /* [name]; value is NULL */
	INIFILE_KEY,     /* name = value */
	INIFILE_MORE,    /* a line that begins with a blank: more of the value of name */
};

struct inifile_line {
	enum inifile_kind kind;
	unsigned number; /* counted from 1 */
	const char *name;
	const char *value; /* without blanks around it and without comment */
};

/* Told of each line; the texts live during the call. False ends the reading. */
typedef bool inifile_handler(void *context, const struct inifile_line *line, struct err *err);

/* Reads the text of a file; a UTF-8 BOM, CRLF and lines of any length are fine. Errors are ERR_USAGE, and whatever the
 * handler says, with "label:line" in front. */
bool inifile_read(
	const char *label, const char *text, size_t length, inifile_handler *handler, void *context, struct err *err);

#endif

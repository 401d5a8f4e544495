#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int exit_status;
} codes[ERR_CODE_COUNT] = {
	[ERR_NONE] = {"none", 0},
	[ERR_OTHER] = {"other", 1},
	[ERR_FILE] = {"file", 1},
	[ERR_USAGE] = {"usage", 2},
	[ERR_DATA] = {"data", 3},
	[ERR_LOGIN] = {"login", 4},
	[ERR_API] = {"api", 5},
	[ERR_GUARD] = {"guard", 6},
	[ERR_LOCK] = {"lock", 7},
	[ERR_DELIVERY] = {"delivery", 8},
	[ERR_STOPPED] = {"stopped", 1},
};

bool err_set(struct err *err, enum err_code code, const char *format, ...)
{
	if (err->code != ERR_NONE)
		return false;
	va_list args;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	err->code = code;
	return false;
}

bool err_in(struct err *err, const char *format, ...)
{
	char front[sizeof(err->text)];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(front, sizeof(front), format, args);
	va_end(args);
	size_t room = sizeof(err->text) - 1;
	if (length < 0 || (size_t)length + 2 > room)
		return false;
	size_t front_length = (size_t)length;
	front[front_length++] = ':';
	front[front_length++] = ' ';
	size_t rest = strlen(err->text);
	if (rest > room - front_length)
		rest = room - front_length;
	memmove(err->text + front_length, err->text, rest);
	memcpy(err->text, front, front_length);
	err->text[front_length + rest] = '\0';
	return false;
}

bool err_hint(struct err *err, const char *format, ...)
{
	size_t length = strlen(err->text);
	if (length + 3 < sizeof(err->text)) {
		const char *joint = length > 0 && err->text[length - 1] == '.' ? " " : ". ";
		length += (size_t)snprintf(err->text + length, sizeof(err->text) - length, "%s", joint);
		va_list args;
		va_start(args, format);
		vsnprintf(err->text + length, sizeof(err->text) - length, format, args);
		va_end(args);
	}
	return false;
}

void err_clear(struct err *err)
{
	err->code = ERR_NONE;
	err->text[0] = '\0';
}

int err_exit_status(enum err_code code)
{
	return codes[code].exit_status;
}

const char *err_code_name(enum err_code code)
{
	return codes[code].name;
}

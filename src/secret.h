/*
 * Secrets from outside: a text, a private file, or the output of a command. One line each, never shown, never logged.
 * Each function hands over a string to be ended by secret_free.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	SECRET_MAX = 64 * 1024,   /* bytes of a file or of a command's output */
	SECRET_COMMAND_TIME = 60, /* seconds until a command is ended */
};

/* The first line of a text; a BOM and the line end, which editors leave there, are not part of it. Sets *secret, or
 * fails with ERR_USAGE when it is empty or holds control characters. */
bool secret_from_text(const char *data, size_t length, char **secret, struct err *err);

/* The first line of a file that others may not touch, without its line end. Sets *secret, or fails with ERR_USAGE;
 * ERR_STOPPED when the run is to end while it waits, as for a pipe. */
bool secret_from_file(const char *path, char **secret, struct err *err);

/* The first line that /bin/sh -c command writes. It gets no input; what it says on stderr goes to ours. It runs in its
 * own process group, which is killed after seconds, or when the run is to end. Sets *secret, or fails with ERR_USAGE or
 * ERR_STOPPED; the command itself is never part of the message. */
bool secret_from_command(const char *command, int seconds, char **secret, struct err *err);

/* Keeps what this process holds out of core files and, on Linux, from other programs of the same user. To be called
 * before anything is read. Of this, programs started later inherit that they write no core file. */
void secret_guard(void);

/* Overwrites, in a way the compiler keeps. */
void secret_wipe(void *data, size_t length);

/* Overwrites and frees; NULL is fine. */
void secret_free(char *secret);

#endif

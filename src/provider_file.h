/*
 * A provider that is none of the built-in ones: a file such as those of schemas/providers/, named by the option
 * provider and read when the program starts. The rules are those of the build (schemas/generate.cmake), so a file that
 * works here can go there as it is. Owns everything its struct provider points to; the configuration owns it.
 */
#ifndef PROVIDER_FILE_H
#define PROVIDER_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "provider.h"

struct provider_file;

/* Reads the file. NULL with ERR_USAGE, file and key named, when it cannot be read or breaks a rule. */
struct provider_file *provider_file_read(const char *path, struct err *err);

/* The same for the bytes of a file; path is only its name. */
struct provider_file *provider_file_parse(const char *path, const char *data, size_t length, struct err *err);

/* The provider; its name is that of the file without folder and ending. Never NULL, lives as long as the file. */
const struct provider *provider_file_get(const struct provider_file *file);

void provider_file_free(struct provider_file *file);

#endif

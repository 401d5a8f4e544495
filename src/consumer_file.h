/*
 * A consumer that is none of the built-in ones: a file such as those of schemas/consumers/, named by the option
 * consumer and read when the program starts. The rules are those of the build (schemas/generate.cmake), so a file that
 * works here can go there as it is. Owns everything its struct consumer points to; the configuration owns it.
 */
#ifndef CONSUMER_FILE_H
#define CONSUMER_FILE_H

#include <stddef.h>

#include "base/err.h"
#include "table/consumer.h"

struct consumer_file;

/* Reads the file. NULL with ERR_USAGE, file and key named, when it cannot be read or breaks a rule. */
struct consumer_file *consumer_file_read(const char *path, struct err *err);

/* The same for the bytes of a file; path is only its name. */
struct consumer_file *consumer_file_parse(const char *path, const char *data, size_t length, struct err *err);

/* The consumer; its name is that of the file without folder and ending. Never NULL, lives as long as the file. */
const struct consumer *consumer_file_get(const struct consumer_file *file);

void consumer_file_free(struct consumer_file *file);

#endif

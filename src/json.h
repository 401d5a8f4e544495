/*
 * Members of JSON objects, written with the library's generator: what report and doctor put together from plain values.
 * Owns nothing. A generator remembers its first failure; texts come from the program and are valid UTF-8.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <yajl/yajl_gen.h>

#include "check/finding.h"

/* A text as a value by itself; null for NULL. */
void json_text(yajl_gen gen, const char *value);

/* A member of the open object. */
void json_add_text(yajl_gen gen, const char *key, const char *value);
void json_add_number(yajl_gen gen, const char *key, int64_t value);
void json_add_count(yajl_gen gen, const char *key, uint64_t value);
void json_add_bool(yajl_gen gen, const char *key, bool value);

/* A finding about a bundle as an object, in the form that cmd/verdict.h describes. */
void finding_json(yajl_gen gen, const struct finding *finding);

/* A member that is an object or a list, open for what follows; the caller closes it. */
void json_open_map(yajl_gen gen, const char *key);
void json_open_list(yajl_gen gen, const char *key);

#endif

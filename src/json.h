/*
 * Members of JSON objects, written with the library's generator: what report and doctor put together from plain values.
 * Owns nothing. A generator remembers its first failure; texts come from the program and are valid UTF-8. And the way
 * back, for the program's own records.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "base/err.h"
#include "check/finding.h"

/* A generator, to be ended by yajl_gen_free. Neither it nor json_tree fails for lack of memory: see base/mem.h. */
yajl_gen json_new(void);

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

/* The document that a terminated text is, to be ended by yajl_tree_free; comments are fine. NULL when it is none, with
 * the parser's words for that unless room is 0. */
yajl_val json_tree(const char *text, char *problem, size_t room);

/* The document of a small file, to be ended by yajl_tree_free; NULL when there is none that can be understood. An error
 * only when there is one that cannot be read. */
yajl_val json_read(const char *path, struct err *err);

/* A member of an object: NULL, or 0, when it has none of that kind. The text belongs to the document. */
const char *json_text_at(yajl_val object, const char *key);
int64_t json_number_at(yajl_val object, const char *key);

#endif

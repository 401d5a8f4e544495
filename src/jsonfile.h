/*
 * A file of facts that the user wrote as JSON, such as a provider or a consumer: read whole, and its members taken by a
 * table of keys. Values are judged as the build judges them (schemas/generate.cmake), with the same messages.
 * Owns the tree of the document, which texts and lists point into, and the blocks given to it; embed it and release it.
 * All errors are ERR_USAGE; the caller puts the path in front.
 */
#ifndef JSONFILE_H
#define JSONFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yajl/yajl_tree.h>

#include "base/buf.h"
#include "base/err.h"

enum { JSONFILE_SHOWN_MAX = 60 }; /* bytes of a key or value in a message */

struct jsonfile {
	yajl_val root;
	void **blocks;
	size_t block_count;
};

/* What may stand behind a key, and where it goes. */
struct jsonfile_key {
	const char *name;
	/* Checks the value and puts it at place, which is at bytes behind what the keys are read into. */
	bool (*read)(
		struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);
	size_t at;
	bool needed;
	bool (*fits)(const char *text);                    /* of a text, and of those of a list; or NULL */
	bool (*knows)(const char *what, const char *text); /* the same, for words: what says of which kind */
	const char *what;
	int64_t max; /* of a number; 0: 999 */
};

/* Appends the bytes of the file at path to text. */
bool jsonfile_load(const char *path, struct buf *text, struct err *err);

/* Fills an empty file with a document, which must be an object; kind is what it should be, for messages: "provider". */
bool jsonfile_parse(struct jsonfile *file, const char *kind, const char *data, size_t length, struct err *err);

void jsonfile_release(struct jsonfile *file);

/* Takes over a block, to be freed with the file. Gives it back. */
void *jsonfile_keep(struct jsonfile *file, void *block);

/* The name of a file without folder and ending, to be freed. */
char *jsonfile_name(const char *path);

/* The value of a key of an object, or NULL. */
yajl_val jsonfile_member(yajl_val object, const char *name);

bool jsonfile_check_type(const char *name, yajl_val value, yajl_type type, struct err *err);

/* Reads the members of an object into something, in the order of the keys. All must be among these, none twice. */
bool jsonfile_read_keys(struct jsonfile *file, yajl_val object, const struct jsonfile_key *keys, size_t count,
	void *into, struct err *err);

/* For the member read of a key. Puts a const char * at place: a text that is not empty and has no control characters.
 */
bool jsonfile_read_text(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);

/* Puts a const char *const * there: such texts, none of them twice, and NULL at the end. */
bool jsonfile_read_list(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);

/* Puts a bool there. */
bool jsonfile_read_flag(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);

/* Puts an int, or a uint64_t, there: from 1 to the greatest number of the key. */
bool jsonfile_read_number(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);
bool jsonfile_read_size(
	struct jsonfile *file, const struct jsonfile_key *key, yajl_val value, void *place, struct err *err);

#endif

/*
 * Finds values of a column that more than one row has, equal or equal but for the case of English letters, in memory
 * that does not grow with the rows: they are put in order on disk. A column that comes in ascending order, as ids of
 * most exports do, costs one sequential write.
 * Owns its file, which has no name.
 */
#ifndef CHECK_REPEAT_H
#define CHECK_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct repeat;

/* Longer values are not compared. */
enum { REPEAT_MAX = 4096 };

struct repeat_found {
	uint64_t row;
	bool exact; /* equal to one of a row before; else it differs from all those in case */
	bool mark;  /* of this row, or of one with an equal value */
	const char *text;
	size_t length;
	const char *id; /* of the row, id_length bytes */
	size_t id_length;
};

/* folder is for the working file, name is what messages call it; both are copied. ids: values come with the ids of
 * their rows, and are not the ids themselves. NULL on failure. */
struct repeat *repeat_new(const char *folder, const char *name, bool ids, struct err *err);
void repeat_free(struct repeat *repeat);

/* The value of a row; rows come in order. */
struct repeat_value {
	const char *text;
	size_t length;
	uint64_t row;
	const char *id; /* of the row, id_length bytes; not used if the values are the ids */
	size_t id_length;
	bool mark; /* what it means is the caller's */
};

bool repeat_add(struct repeat *repeat, const struct repeat_value *value, struct err *err);

/* Calls found for each value that a row before has too, sorted by value, not by row. Once, when all are added. */
bool repeat_each(struct repeat *repeat, void (*found)(void *context, const struct repeat_found *one), void *context,
	struct err *err);

#endif

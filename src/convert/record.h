/*
 * One record of a collection while it is being read: its row, and the rows of tables made from it.
 * Owns the rows. Knows nothing of JSON: the parser tells it which value stood at which node of the plan.
 */
#ifndef CONVERT_RECORD_H
#define CONVERT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "convert/plan.h"
#include "table/extras.h"
#include "table/row.h"

enum {
	RECORD_MADE_MAX = 10000, /* rows made from one record: more than any class has resources */
};

struct record;

struct record *record_new(const struct plan *plan);
void record_free(struct record *record);

/* A record begins: everything of the one before is forgotten. */
void record_begin(struct record *record);

/* A direct member of the record begins, at its node of the plan. A member given twice: the first is forgotten. */
void record_member(struct record *record, int node);

/* An object begins or ends at a node: opens a made row, composes a format. */
bool record_open(struct record *record, int node, struct err *err);
bool record_close(struct record *record, int node, struct err *err);

/* A value at a node; in_list when it is an element of an array. Text is UTF-8 as far as the server kept to it. */
bool record_value(struct record *record, int node, const char *text, size_t length, bool in_list, struct err *err);

/* What stands at the plan's node of metadata besides values: an object begins or ends, a member of it begins. Objects
 * in objects make keys with dots; objects in lists are left out. */
void record_extras_open(struct record *record, bool in_list);
void record_extras_close(struct record *record);
void record_extras_key(struct record *record, const char *key, size_t length);

/* A direct member of the record with the flat name of a metadata column: its key is what follows "metadata.". False if
 * the name is another. */
bool record_extras_member(struct record *record, const char *name, size_t length);

/* Something at a node that is no text: an object where the plan knows no members. */
void record_misfit(struct record *record, int node);

/* The record ends: made rows get what they take from it. */
bool record_finish(struct record *record, struct err *err);

/* The rows of the finished record: of plan->rows[0] one, of plan->rows[n] any number. Valid until record_begin. The
 * caller may change the rows. The first plan->rows[n].table->column_count cells are the columns; the next one, if the
 * plan keeps metadata, is blank and the caller's to fill. */
struct row *record_row(struct record *record);
struct extras *record_extras(struct record *record); /* sorted; not yet in the row */
size_t record_made_count(const struct record *record);
struct row *record_made(struct record *record, size_t i, int *plan_row);

#endif

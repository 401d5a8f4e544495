/*
 * Where in a server's JSON each cell comes from, as a tree of keys: the paths of a table's columns, and those of the
 * tables made from its records, merged once at start. The parser only walks this tree; all that is known of OneRoster
 * comes from the schema tables it was built from.
 * Owns the tree; borrows the schema.
 *
 * Each column is found under its paths and under its flat CSV name too (orgs[].sourcedId and orgSourcedIds), and a
 * reference may be a bare id where an object with a sourcedId belongs: real servers send all of these.
 *
 * A record's metadata have a node of their own, below which every key is met at that node: whatever they hold, they
 * have nothing to do with the columns.
 */
#ifndef CONVERT_PLAN_H
#define CONVERT_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "table/extras.h"
#include "table/schema.h"

enum {
	PLAN_NOWHERE = 0, /* the node of everything nobody asked for */
	PLAN_RECORD = 1,  /* the node of a record itself */
	PLAN_MADE_MAX = 4,
};

/* A piece of a format: literal text, or the value of a cell of the row or of the enclosing record. */
struct plan_piece {
	char *text; /* literal, or NULL */
	size_t length;
	int cell;
	bool of_parent;
};

struct plan_format {
	int row;  /* whose cell it gives */
	int cell; /* the column that gets the composed text */
	struct plan_piece *pieces;
	size_t piece_count;
};

struct plan_node {
	char *key;
	size_t key_length;
	int child;   /* first child, PLAN_NOWHERE none */
	int sibling; /* next child of the same parent, PLAN_NOWHERE none */
	int row;     /* row its values go to: 0 the record's own, n the made table n - 1 */
	int cell;    /* cell its values go to, or SCHEMA_NONE */
	int rank;  /* of several members for one cell, the one of the lowest rank fills it, in whatever order they come
		    */
	int opens; /* made row that an element here begins, or 0 */
	bool direct; /* a member of the record itself */
	int format;  /* format to compose when an object here ends, or SCHEMA_NONE */
};

/* A cell of a made row that is taken over from the enclosing record. */
struct plan_copy {
	int row;
	int cell;
	int from; /* cell of row 0 */
};

struct plan_row {
	const struct table *table;
	size_t cells;     /* those kept, then hidden ones that only formats and copies read */
	size_t kept;      /* columns, then one for the metadata if they are kept */
	int *row_formats; /* formats composed when the row is whole; ends with SCHEMA_NONE */
	bool *lists;      /* for each cell: whether it takes several values */
};

struct plan {
	const struct table *table;
	struct plan_node *nodes;
	size_t node_count;
	struct plan_row rows[1 + PLAN_MADE_MAX];
	size_t row_count;
	struct plan_format *formats;
	size_t format_count;
	struct plan_copy *copies;
	size_t copy_count;
	int extras_node; /* of a record's metadata, or PLAN_NOWHERE when they are not kept */
	const struct extras_wish *extras;
};

/* The plan of a table that is read from the server, and of the made_count tables made from its records that are wanted
 * (made[i]->from is table's id). Extras says which metadata of the records to keep, NULL for none; borrowed. Never
 * NULL: the schemas were checked by the build. */
struct plan *plan_new(const struct table *table, const struct table *const *made, size_t made_count,
	const struct extras_wish *extras);
void plan_free(struct plan *plan);

/* The child of a node for a key: the exact name, else the name in other letter case, else PLAN_NOWHERE. */
int plan_child(const struct plan *plan, int node, const char *key, size_t length);

#endif

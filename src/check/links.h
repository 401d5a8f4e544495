/*
 * The ids of the tables that others refer to, each with a number, and what references need to know of the rows: whether
 * an org is a school, what its parent is. References into a table are judged once it is closed, that is, when all its
 * ids are known; into one of which rows could not be read they are not.
 * Owns copies of the ids: this is what the memory of judging a bundle grows with.
 */
#ifndef CHECK_LINKS_H
#define CHECK_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/schema.h"

enum { LINKS_NONE = UINT32_MAX };

/* Of what kind a row is, where references ask for one. */
enum links_kind { LINKS_UNKNOWN, LINKS_WANTED, LINKS_OTHER };

struct links;

struct links *links_new(const struct schema *schema); /* never NULL */
void links_free(struct links *links);

/* Adds an id of a table that others refer to, and gives its number; that of the first when there are several. */
uint32_t links_add(struct links *links, const struct table *table, const char *id, size_t length);

/* The number of an id, or LINKS_NONE. */
uint32_t links_find(const struct links *links, const struct table *table, const char *id, size_t length);

/* Returns the id of a number, length bytes; NULL if there is none. Looks at every id of the table. */
const char *links_id(const struct links *links, int table, uint32_t number, size_t *length);

/* All ids of the table are known. */
void links_close(struct links *links, const struct table *table);
bool links_closed(const struct links *links, int table);

void links_set_kind(struct links *links, const struct table *table, uint32_t number, enum links_kind kind);
enum links_kind links_kind(const struct links *links, int table, uint32_t number);

/* The row of that number stands in line row, and its parent is another one of the table. */
void links_set_parent(struct links *links, const struct table *table, uint32_t number, uint64_t row, uint32_t parent);

/* Calls found with the number and the line of each row whose parents lead back to it. */
void links_cycles(const struct links *links, const struct table *table,
	void (*found)(void *context, uint32_t number, uint64_t row), void *context);

#endif

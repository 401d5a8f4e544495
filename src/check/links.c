#include "check/links.h"

#include <stdlib.h>

#include "base/mem.h"
#include "table/idset.h"

struct parent {
	uint64_t row; /* 0: has none */
	uint32_t number;
};

struct links_table {
	struct idset *ids;    /* NULL when nobody refers to the table */
	unsigned char *kinds; /* by number: enum links_kind */
	size_t kind_count;
	struct parent *parents; /* by number */
	size_t parent_count;
	bool closed;
};

struct links {
	struct links_table *tables;
	int count;
};

struct links *links_new(const struct schema *schema)
{
	struct links *links = mem_new(1, sizeof(*links));
	links->count = schema->table_count;
	links->tables = mem_new((size_t)schema->table_count, sizeof(*links->tables));
	for (int i = 0; i < schema->table_count; i++)
		if (schema->tables[i].referenced)
			links->tables[i].ids = idset_new();
	return links;
}

void links_free(struct links *links)
{
	if (links == NULL)
		return;
	for (int i = 0; i < links->count; i++) {
		idset_free(links->tables[i].ids);
		free(links->tables[i].kinds);
		free(links->tables[i].parents);
	}
	free(links->tables);
	free(links);
}

uint32_t links_add(struct links *links, const struct table *table, const char *id, size_t length)
{
	struct idset *ids = links->tables[table->id].ids;
	if (ids == NULL)
		return LINKS_NONE;
	uint32_t *slot = NULL;
	idset_add(ids, id, length, (uint32_t)idset_count(ids), &slot);
	return *slot;
}

uint32_t links_find(const struct links *links, const struct table *table, const char *id, size_t length)
{
	const uint32_t *slot = idset_find(links->tables[table->id].ids, id, length);
	return slot != NULL ? *slot : LINKS_NONE;
}

const char *links_id(const struct links *links, int table, uint32_t number, size_t *length)
{
	const struct idset *ids = links->tables[table].ids;
	return ids != NULL ? idset_id_of(ids, number, length) : NULL;
}

void links_close(struct links *links, const struct table *table)
{
	links->tables[table->id].closed = true;
}

bool links_closed(const struct links *links, int table)
{
	return links->tables[table].closed;
}

/* How many items an array that has to reach number gets. */
static size_t enough(size_t count, uint32_t number)
{
	size_t need = (size_t)number + 1;
	return need > count + count / 2 ? need + 64 : count + count / 2;
}

void links_set_kind(struct links *links, const struct table *table, uint32_t number, enum links_kind kind)
{
	struct links_table *own = &links->tables[table->id];
	if (number >= own->kind_count) {
		size_t count = enough(own->kind_count, number);
		own->kinds = mem_grow(own->kinds, count, sizeof(*own->kinds));
		while (own->kind_count < count)
			own->kinds[own->kind_count++] = LINKS_UNKNOWN;
	}
	own->kinds[number] = (unsigned char)kind;
}

enum links_kind links_kind(const struct links *links, int table, uint32_t number)
{
	const struct links_table *own = &links->tables[table];
	return number < own->kind_count ? (enum links_kind)own->kinds[number] : LINKS_UNKNOWN;
}

void links_set_parent(struct links *links, const struct table *table, uint32_t number, uint64_t row, uint32_t parent)
{
	struct links_table *own = &links->tables[table->id];
	if (number >= own->parent_count) {
		size_t count = enough(own->parent_count, number);
		own->parents = mem_grow(own->parents, count, sizeof(*own->parents));
		while (own->parent_count < count)
			own->parents[own->parent_count++] = (struct parent){0, LINKS_NONE};
	}
	own->parents[number] = (struct parent){row, parent};
}

static uint32_t parent_of(const struct links_table *own, uint32_t number)
{
	return number < own->parent_count ? own->parents[number].number : LINKS_NONE;
}

/* From each row up along its parents until somebody who was met: if that was on the same way, the way leads into a
 * circle, which is walked once more. */
void links_cycles(const struct links *links, const struct table *table,
	void (*found)(void *context, uint32_t number, uint64_t row), void *context)
{
	const struct links_table *own = &links->tables[table->id];
	uint32_t *way_of = mem_new(own->parent_count, sizeof(*way_of)); /* the way that met it first, from 1 */
	for (uint32_t start = 0; start < own->parent_count; start++) {
		uint32_t way = start + 1;
		uint32_t at = start;
		while (at < own->parent_count && way_of[at] == 0) {
			way_of[at] = way;
			at = own->parents[at].number;
		}
		if (at >= own->parent_count || way_of[at] != way)
			continue;
		uint32_t first = at;
		do {
			found(context, at, own->parents[at].row);
			at = parent_of(own, at);
		} while (at != first);
	}
	free(way_of);
}

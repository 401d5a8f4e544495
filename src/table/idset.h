/*
 * A set of ids with a small number beside each. Exact: whole ids are kept and compared, whatever they hash to.
 * Owns copies of the ids. About 20 bytes and its length for each id.
 *
 * The hash is keyed by chance, so that nobody can craft ids that make it slow; no result depends on the key.
 */
#ifndef TABLE_IDSET_H
#define TABLE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset;

struct idset *idset_new(void); /* never NULL */
void idset_free(struct idset *set);

/* Adds an id (any bytes, also none) with a value. True if it is new; else its value stays as it was. slot, unless NULL,
 * is set to where the value is kept: it may be changed there, as long as the set lives. */
bool idset_add(struct idset *set, const char *id, size_t length, uint32_t value, uint32_t **slot);

/* Where the value of an id is kept; NULL if the id is not in the set. */
uint32_t *idset_find(struct idset *set, const char *id, size_t length);

/* Returns the id beside which a value is kept, length bytes; NULL if none has it. Looks at every id. */
const char *idset_id_of(const struct idset *set, uint32_t value, size_t *length);

size_t idset_count(const struct idset *set);

/* Bytes of memory the set takes. */
size_t idset_bytes(const struct idset *set);

#endif

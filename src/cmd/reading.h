/*
 * Reads what one address of the server lists to its proven end: pager, pages, row files. A page commits whole and in
 * order or is asked again; the reading commits when it is proved complete, or begins again.
 */
#ifndef CMD_READING_H
#define CMD_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/collect.h"

enum { READING_REREADS_MAX = 3 };

/* What to read; borrowed. */
struct reading_order {
	const char *endpoint;      /* behind the data address, such as "users" or "schools/994/classes" */
	const struct table *table; /* what its records are */
	const struct table *const *made;
	size_t made_count;
};

/* Reads the rows of order->table into results[0], and those made from its records into results[1 + i]. On failure
 * missing says whether the server does not offer this address at all, or refuses it; the results are to be released in
 * any case. */
bool reading_run(struct collect *collect, const struct reading_order *order, struct collection *results, bool *missing,
	struct err *err);

#endif

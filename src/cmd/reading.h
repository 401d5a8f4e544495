/*
 * Reads what one address of the server lists to its proven end: pager, pages, row files. A page commits whole and in
 * order or is asked again; the reading commits when it is proved complete, or begins again.
 *
 * One reading seldom has as much to ask for as the server may be asked: the first page comes alone, as only its answer
 * tells how to go on, and many collections are small. So with the room that is left those after it are read as well, in
 * their order, each as it would be in its turn. What only its turn can settle waits for that: it failed, it has to be
 * read again, or the patience with it is used up.
 */
#ifndef CMD_READING_H
#define CMD_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/collect.h"

enum {
	READING_REREADS_MAX = 3, /* in one way of paging */
	READING_MOST = 15,       /* in all ways */
};

/* Whether the server has an address at all. */
enum reading_missing {
	READING_GIVEN,
	READING_REFUSED, /* not to us */
	READING_UNKNOWN, /* not to anybody */
};

/* Reads the rows of order->table into results[0], and those made from its records into results[1 + i]. On failure
 * missing says whether the server does not offer this address at all, or refuses it; the results are to be released in
 * any case. */
bool reading_run(struct collect *collect, const struct collect_order *order, struct collection *results,
	enum reading_missing *missing, struct err *err);

/* Forgets a reading that was begun ahead; NULL is fine. */
void reading_free(struct reading *reading);

#endif

/*
 * The deletion guard: whether a bundle may take the place of the one before. A receiver of a bulk bundle removes what
 * it no longer lists, so a bundle that lacks much of what the last one had is held back until somebody says it is
 * right. Arithmetic only; owns nothing.
 */
#ifndef CHECK_GUARD_H
#define CHECK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "table/schema.h"

enum {
	GUARD_WHOLE = 10000, /* limits are in hundredths of a percent */
	GUARD_SMALL = 10,    /* in a file of fewer rows a percentage says nothing */
};

enum guard_verdict {
	GUARD_FINE,
	GUARD_FLOOR, /* fewer rows than there have to be */
	GUARD_DROP,  /* too many ids are gone */
	GUARD_IDS,   /* the same, and most came back under other ids: a receiver takes that for deletions too */
};

/* One file then and now. */
struct guard_file {
	const struct table *table;
	uint64_t old_rows; /* ids */
	uint64_t new_rows;
	uint64_t gone;    /* ids of the old that are not in the new */
	uint64_t churned; /* of them, those that came back under another id */
	int limit;        /* of gone in old_rows, in hundredths of a percent */
	uint64_t floor;   /* rows that there have to be */
	bool absent;      /* the new bundle has no such file */
	enum guard_verdict verdict;
};

/* The verdict. In a file that had fewer than GUARD_SMALL rows a drop counts only when a core table lost all of them. */
enum guard_verdict guard_judge(const struct guard_file *file);

/* Makes a verdict other than GUARD_FINE an ERR_GUARD: file, old, new, gone, limit. Returns false. */
bool guard_explain(const struct guard_file *file, struct err *err);

/* The word for a verdict in reports: "fine", "floor", "drop", "ids". A constant. */
const char *guard_word(enum guard_verdict verdict);

#endif

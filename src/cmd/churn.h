/*
 * Ids that changed though their rows did not: removed rows whose identity (such as the username, see table.identity of
 * the schema) came back under an added id. To a receiver that is a deletion and a new record.
 * Gets all removed and added rows of one table, keeps them on disk, and matches them: memory is flat.
 */
#ifndef CMD_CHURN_H
#define CMD_CHURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/row.h"
#include "table/schema.h"

enum { CHURN_EXAMPLES = 5 };

/* What one set of columns told. */
struct churn_match {
	const int *by; /* the columns: one of table->identity */
	uint64_t ids;  /* removed ids that came back under as many added ones */
	char *old_ids[CHURN_EXAMPLES];
	char *new_ids[CHURN_EXAMPLES];
	size_t example_count;
};

struct churn_result {
	uint64_t ids;                /* of all matches: no id counts twice */
	struct churn_match *matches; /* those with ids, in the order of table->identity */
	size_t match_count;
};

struct churn_options {
	const struct table *table;
	const char *folder;     /* for working files */
	const size_t *position; /* by column of the table: the cell of the rows that holds it; of those it needs */
	bool (*stopped)(void);  /* or NULL */
};

struct churn;

/* Never NULL. Copies the options, borrows what they point to. */
struct churn *churn_new(const struct churn_options *options);
void churn_free(struct churn *churn);

/* Adds a row that was removed or, when added is true, added. Copies it. */
bool churn_add(struct churn *churn, const struct row *row, bool added, struct err *err);

/* Matches. An identity that several rows have counts as often as it is on both sides. The result is to be released
 * also after a failure. Not more than once. */
bool churn_find(struct churn *churn, struct churn_result *result, struct err *err);

void churn_result_release(struct churn_result *result);

#endif

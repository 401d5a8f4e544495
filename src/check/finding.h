/*
 * What was found in a bundle: for each rule, file and column how often, and where the first few times. Values are kept
 * only when the caller wants to show them: they are personal data.
 * Owns its texts.
 */
#ifndef CHECK_FINDING_H
#define CHECK_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check/rule.h"

enum { FINDING_EXAMPLES = 5, FINDING_VALUE_MAX = 80 };

struct finding_example {
	uint64_t row; /* as a spreadsheet counts, header is 1; 0 for the file as a whole */
	char *id;     /* of the row; NULL unless ids are kept and it has one that is well-formed */
	char *value;  /* at most FINDING_VALUE_MAX bytes of it, made fit to print; NULL unless values are kept */
};

struct finding {
	enum rule rule;
	bool accepted;  /* an error that the caller's settings allow: counts as a warning */
	char *file;     /* "users.csv", or NULL for the bundle as a whole */
	char *column;   /* or NULL */
	char *detail;   /* what exactly, with no personal data: the entry's name, the property; or NULL */
	uint64_t count; /* rows, or cells of one column, which is the same */
	struct finding_example examples[FINDING_EXAMPLES];
	size_t example_count;
};

struct findings;

/* One thing that is wrong, as it is told. */
struct finding_note {
	enum rule rule;
	const char *file;   /* NULL for the bundle as a whole */
	const char *column; /* or NULL; so the next */
	const char *detail;
	uint64_t row;   /* 0 for the file as a whole */
	const char *id; /* sourcedId of the row, id_length bytes; or NULL */
	size_t id_length;
	const char *value; /* or NULL; length bytes */
	size_t length;
};

struct findings *findings_new(bool keep_values); /* never NULL */
void findings_free(struct findings *findings);

/* From now on examples tell the ids of their rows. */
void findings_keep_ids(struct findings *findings);

/* One more. Same rule, file, column and detail count together. */
void findings_note(struct findings *findings, const struct finding_note *note);

/* The same without the id of a row. */
void findings_add(struct findings *findings, enum rule rule, const char *file, const char *column, const char *detail,
	uint64_t row, const char *value, size_t length);

/* Forgets all of a file: what it says turned out not to be what was written. */
void findings_forget(struct findings *findings, const char *file);

/* Settings that allow an error: a rule's code ("field.enum") or a column ("demographics.sex") of whose field.* rules
 * none counts as an error. Holds for findings added before and after. */
void findings_accept(struct findings *findings, const char *what);

/* All findings: in the order of the bundle (whole, then files as first met), in it errors first, then as met. */
size_t findings_count(const struct findings *findings);
const struct finding *findings_at(const struct findings *findings, size_t index);

/* The severity that counts: of the rule, or warning for an accepted error. */
enum rule_severity finding_severity(const struct finding *finding);

/* How many findings (not rows) count as that. */
size_t findings_severity(const struct findings *findings, enum rule_severity severity);

#endif

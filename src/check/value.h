/*
 * Brings the cells of a freshly read row to the form their columns ask for, and counts by column and rule what it
 * changed and what it doubts. What cannot be understood stays as it is and is counted; an id is never given another
 * spelling. Owns the counts, not the rows. Leaves to others what more than one row must be known for: references,
 * duplicates.
 *
 * A cell that meets a rule several times counts once for it, so a count can be compared with the number of rows.
 * Cells of only blanks (also U+00A0 and U+3000, which look no different, and line breaks and tabs) are the same as
 * missing ones, and becoming empty is no change.
 */
#ifndef CHECK_VALUE_H
#define CHECK_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "table/row.h"
#include "table/schema.h"

enum { VALUE_ID_MAX = 255 }; /* bytes of an id, by the standard */

enum value_severity {
	VALUE_CHANGE,  /* the value was rewritten, its meaning is the same */
	VALUE_WARNING, /* somebody ought to look at it */
	VALUE_ERROR,   /* the rows must not be published */
	VALUE_SEVERITY_COUNT
};

enum value_rule {
	VALUE_TEXT_CONTROL,
	VALUE_TEXT_LINE_BREAK,
	VALUE_TEXT_UTF8,
	VALUE_TEXT_NULL,
	VALUE_FIELD_BLANKS,
	VALUE_FIELD_CASE,
	VALUE_FIELD_ALIAS,
	VALUE_FIELD_ENUM,
	VALUE_FIELD_BOOLEAN,
	VALUE_FIELD_DATE,
	VALUE_FIELD_DATE_STYLE,
	VALUE_FIELD_DATE_TIME,
	VALUE_FIELD_DATETIME,
	VALUE_FIELD_DATETIME_STYLE,
	VALUE_FIELD_DATETIME_ZONE,
	VALUE_FIELD_YEAR,
	VALUE_FIELD_FLOAT,
	VALUE_FIELD_USERIDS,
	VALUE_FIELD_SEVERAL,
	VALUE_FIELD_PART,
	VALUE_FIELD_SHAPE,
	VALUE_FIELD_MAPPED,
	VALUE_FIELD_FILLED,
	VALUE_FIELD_REQUIRED,
	VALUE_LIST_SEPARATOR,
	VALUE_LIST_BLANK,
	VALUE_LIST_COMMA,
	VALUE_LIST_SCHOOL,
	VALUE_STATUS_INACTIVE,
	VALUE_ID_EMPTY,
	VALUE_ID_CONTROL,
	VALUE_ID_LENGTH,
	VALUE_ID_CHARS,
	VALUE_ID_COMMA,
	VALUE_METADATA_KEY,
	VALUE_RULE_COUNT
};

struct value_rule_info {
	const char *code; /* stable word for reports, such as "field.date" */
	enum value_severity severity;
	const char *text; /* for people, to follow "users.email, 12 values: " */
};

extern const struct value_rule_info value_rules[VALUE_RULE_COUNT];

/* How many cells of each column of one table met each rule. */
struct value_counts {
	uint64_t *by; /* columns * VALUE_RULE_COUNT */
	int columns;
};

/* One of them that is not zero. */
struct value_count {
	int column;
	enum value_rule rule;
	uint64_t cells;
};

void value_counts_init(struct value_counts *counts, int columns);
void value_counts_release(struct value_counts *counts);
void value_counts_clear(struct value_counts *counts); /* all zero */

/* Counts one more cell of a column. */
void value_counts_one(struct value_counts *counts, int column, enum value_rule rule);

/* Adds the counts of the same table, such as those of a page that is accepted. */
void value_counts_add(struct value_counts *to, const struct value_counts *from);

/* Gives one count after the other that is not zero, by column and then by rule. place is 0 for the first call and
 * belongs to the walk afterwards. False when there are no more. */
bool value_counts_next(const struct value_counts *counts, size_t *place, struct value_count *count);

/* The sum of all counts of rules of that severity. */
uint64_t value_counts_severity(const struct value_counts *counts, enum value_severity severity);

/* Normalises the cells of the table's columns; further cells of the row are left alone. Counts and clears their notes.
 * To be called once for a row: a digest is made from what the cell holds. False when the row would get too large. */
bool value_normalise(struct row *row, const struct table *table, struct value_counts *counts, struct err *err);

/* Counts the blank cells of columns that bulk (or else delta) requires, to be called when everything is filled. Gives
 * whether there was none. A blank sourcedId is told here, but counted by value_normalise already. */
bool value_required(const struct row *row, const struct table *table, bool delta, struct value_counts *counts);

#endif

/*
 * What one receiver wants of a OneRoster 1.1 bundle beyond the standard, as constant tables. Made from
 * schemas/consumers/ by the build, or read from a file of the user's (consumer_file.h). Nothing here is allocated or
 * changes. A list is NULL when the receiver says nothing about it, and ends with NULL.
 */
#ifndef TABLE_CONSUMER_H
#define TABLE_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "table/schema.h"

enum consumer_empty { CONSUMER_EMPTY_ANY, CONSUMER_EMPTY_ABSENT, CONSUMER_EMPTY_HEADER };
enum consumer_quote {
	CONSUMER_QUOTE_ANY,
	CONSUMER_QUOTE_MINIMAL,
	CONSUMER_QUOTE_ALL,
	CONSUMER_QUOTE_BLANKS, /* minimal, and cells with a blank in quotes too */
};
enum consumer_eol { CONSUMER_EOL_ANY, CONSUMER_EOL_CRLF, CONSUMER_EOL_LF };
enum consumer_form { CONSUMER_FORM_ANY, CONSUMER_FORM_ZIP, CONSUMER_FORM_LOOSE };
enum consumer_file_rule {
	CONSUMER_FILE_ANY,
	CONSUMER_FILE_REQUIRED,
	CONSUMER_FILE_UNWANTED, /* a fault */
	CONSUMER_FILE_IGNORED,  /* no fault, but of no use there: not sent unless asked for */
};
enum consumer_metadata { CONSUMER_METADATA_ANY, CONSUMER_METADATA_NONE, CONSUMER_METADATA_LISTED };

/* A column, by table and index. */
struct consumer_column {
	int table;
	int column;
};

/* A cell that must not be blank; of users only those of a role, unless role is NULL. */
struct consumer_required {
	struct consumer_column column;
	const char *role;
	bool unique; /* and no other row of that table may have the same */
};

/* A metadata column the receiver knows, such as metadata.positionTitle of users. */
struct consumer_extra {
	int table;
	const char *name;
};

struct consumer {
	const char *name;           /* "moodle" */
	const char *title;          /* "Moodle, OneRoster plugin" */
	const char *const *notes;   /* sentences for the administrator */
	const unsigned char *files; /* by table id of schema_oneroster_1_1: enum consumer_file_rule; never NULL */
	enum consumer_empty empty;
	enum consumer_quote quote;
	enum consumer_eol eol;
	enum consumer_form form;
	enum consumer_metadata metadata;
	const struct consumer_extra *extras; /* of CONSUMER_METADATA_LISTED; extra_count */
	int extra_count;
	const char *zip_name;         /* name the receiver expects of the zip, or NULL */
	const char *const *roles;     /* roles it takes: users and enrollments with others are not to be sent */
	const char *const *org_types; /* types of orgs it takes */
	const char *const *grades;    /* grade codes it takes, which need not be those of the standard; case counts */
	const struct consumer_required *required;
	int required_count;
	int id_max;               /* characters of an id, or 0 */
	const char *id_chars;     /* characters an id may have, written out, or NULL */
	bool id_case;             /* ids must differ by more than upper and lower case */
	const char *text_chars;   /* characters beside the letters of any script that cells of type text may have, but
				     for users.email; or NULL */
	int text_max;             /* characters of a cell, or 0 */
	int class_max;            /* students of a class, or 0 */
	int load_max;             /* classes of a teacher, or 0 */
	uint64_t zip_max;         /* bytes of the zip, or 0 */
	bool enabled_only;        /* users that are not enabled are not to be sent */
	bool integer_periods;     /* classes.periods holds whole numbers */
	bool one_primary_teacher; /* it refuses a class with two primary teachers at a time */
};

extern const struct consumer *const consumers[]; /* by name; ends with NULL */

/* The built-in one of that name, or NULL. */
const struct consumer *consumer_find(const char *name);

#endif

/*
 * Forms of rosters other than OneRoster CSV, as far as it takes to recognise a bundle of them. Made from
 * schemas/formats/ by the build; constant.
 */
#ifndef TABLE_FORMAT_H
#define TABLE_FORMAT_H

struct format_file {
	const char *name;           /* upper and lower case do not count, here and below */
	const char *const *columns; /* names that its header has; ends with NULL */
	const char *const *lacks;   /* names that its header does not have; ends with NULL */
};

struct format {
	const char *name;                /* "microsoft-sds-v2" */
	const char *title;               /* "Microsoft School Data Sync, V2 CSV" */
	const struct format_file *files; /* a bundle has all of them; ends with a name of NULL */
};

extern const struct format *const formats[]; /* by name; ends with NULL */

#endif

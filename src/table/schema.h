/*
 * The OneRoster standard as constant tables: which CSV files there are, their columns, and where in the JSON of the
 * server each value comes from. Made from schemas/ by the build, which has checked every reference between them.
 * Nothing here is allocated or changes; extra columns from a configuration belong to the plan that is built from it.
 */
#ifndef TABLE_SCHEMA_H
#define TABLE_SCHEMA_H

#include <stdbool.h>

/* Where a table id or a column index is missing. */
enum { SCHEMA_NONE = -1 };

/* Every table begins with these three columns. */
enum { SCHEMA_SOURCED_ID, SCHEMA_STATUS, SCHEMA_DATE_LAST_MODIFIED };

enum column_type {
	COLUMN_GUID,     /* one id of OneRoster */
	COLUMN_GUIDS,    /* list of them */
	COLUMN_ID,       /* an id made elsewhere, such as a vendor's */
	COLUMN_TEXT,     /* one text */
	COLUMN_TEXTS,    /* list of texts */
	COLUMN_GRADES,   /* list of grade codes; the vocabulary is advice, other codes are as good */
	COLUMN_ENUM,     /* one word of the vocabulary */
	COLUMN_ENUMS,    /* list of them */
	COLUMN_BOOLEAN,  /* true or false */
	COLUMN_DATE,     /* YYYY-MM-DD */
	COLUMN_DATETIME, /* YYYY-MM-DDThh:mm:ss.sssZ */
	COLUMN_YEAR,     /* YYYY */
	COLUMN_FLOAT,    /* decimal number, kept as sent */
	COLUMN_USERIDS,  /* list of objects, each written by the column's format */
	COLUMN_DIGEST,   /* an id made from the column's format, the same in every run */
	COLUMN_BLANK,    /* never filled */
	COLUMN_TYPE_COUNT
};

struct vocabulary_alias {
	const char *from;
	const char *to; /* one of the values */
};

/* The words a column may hold. They are compared without regard to case and written as they stand here. */
struct vocabulary {
	const char *name;
	const char *const *values;              /* ends with NULL */
	const struct vocabulary_alias *aliases; /* ends with a from of NULL */
};

struct column {
	const char *name;
	enum column_type type;
	const char *const *paths; /* keys with dots, "../" for the enclosing record, best first; ends with NULL */
	const char *format;       /* of COLUMN_USERIDS and COLUMN_DIGEST: text with <key> places; else NULL */
	const struct vocabulary *vocabulary; /* of COLUMN_ENUM, COLUMN_ENUMS, COLUMN_GRADES; else NULL */
	bool required;                       /* in bulk and in delta */
	bool delta;                          /* required in delta, blank in bulk */
	int ref;                             /* table that has to know the id or ids, or SCHEMA_NONE */
	const char *fill;                    /* written when the server sends nothing, or NULL */
	int fill_via;       /* column of this row whose reference leads to the row to fill from, or SCHEMA_NONE */
	int fill_from;      /* column of that row */
	const char *note;   /* for people, or NULL */
	const char *closed; /* why no setting may fill, replace or publish it, in words; NULL if one may */
};

/* Endpoints of which there is one for each row of a table read before. */
struct table_each {
	const char *path; /* with a * where the sourcedId goes */
	int table;
	int column; /* only rows whose cell here is value; SCHEMA_NONE: all */
	const char *value;
};

/* One CSV file. It is either read from the server (endpoint) or made from the records of another table (from, each). */
struct table {
	int id; /* index in schema->tables */
	const char *name;
	const char *file_name;
	const char *endpoint;        /* last part of the address, or NULL */
	const char *collection;      /* member of the answer that holds the records, or NULL */
	const char *const *wrappers; /* other member names servers use for it; ends with NULL */
	const char *const *instead;  /* endpoints that together list the same, where a server lacks the endpoint; ends
					with  NULL */
	const struct table_each *instead_each; /* or one endpoint for each row of another table; NULL for none */
	const char *scope;                     /* OAuth scope without its prefix, or NULL */
	bool core;                             /* one of the six that are read unless told otherwise */
	bool referenced;                       /* some column of some table refers to it */
	int max_drop;                          /* percent of its rows that may be gone since the bundle before */
	int from;                              /* table whose records it is made from, or SCHEMA_NONE */
	const char *each;           /* member of those records with the list, one row for each element; or NULL */
	const int *const *identity; /* sets of columns that tell rows apart without the id, best first; of use for a row
				       whose first column of the set is not blank. Each ends with SCHEMA_NONE, the list
				       with NULL */
	const struct column *columns;
	int column_count;
};

struct schema {
	const char *version;
	const char *base_path;      /* behind the base address of a server, begins with a slash */
	const char *scope_prefix;   /* in front of every scope */
	const struct table *tables; /* in order of reading: no table comes before those it is made from */
	int table_count;
	const int *manifest; /* table ids in the order of the manifest's file properties; table_count of them */
	const struct vocabulary *vocabularies;
	int vocabulary_count;
};

extern const struct schema schema_oneroster_1_1;

/* The table of that name ("users"), or NULL. */
const struct table *schema_table_find(const struct schema *schema, const char *name);

/* The index of the column of that name, or SCHEMA_NONE. */
int column_find(const struct table *table, const char *name);

/* Whether a cell of that type may hold several values, joined by commas. */
bool column_is_list(enum column_type type);

/* The word for a type as schemas/ spells it, such as "guids". A constant. */
const char *column_type_name(enum column_type type);

#endif

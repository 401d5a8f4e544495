/*
 * The JSON of one answer, in pieces of any size, to records: finds the member that holds the rows, walks the plan,
 * keeps the limits. Owns the parser and the record being filled; hands each whole record to its user.
 *
 * Servers wrap the rows in different ways. Accepted are, best first: the member named like the collection, one of its
 * other names, either in other letter case, "data", a list without a wrapper, and the only member that is a list of
 * objects. A single object stands for a list of one. Records in two of them are none: to take either would lose the
 * other.
 */
#ifndef CONVERT_SAX_H
#define CONVERT_SAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "convert/plan.h"
#include "convert/record.h"

enum {
	SAX_DEPTH_MAX = 64,             /* nesting; the deepest sane answer has about eight levels */
	SAX_TOKEN_MAX = 1024 * 1024,    /* one string; a class title of a megabyte is an attack */
	SAX_GAP_MAX = 64 * 1024 * 1024, /* from one record to the end of the next, whatever of it is wanted */
	SAX_SLICE = 64 * 1024,          /* what the parser is given at once, so that the limits are looked at in time */
};

/* Why an answer could not be read to its end. */
enum sax_trouble {
	SAX_FINE,
	SAX_CUT,      /* it ends too early: worth another try */
	SAX_SYNTAX,   /* no JSON: worth another try */
	SAX_WEB_PAGE, /* begins like HTML: a login page, or a wrong address */
	SAX_FAILURE,  /* it calls itself a failure, whatever rows it holds: worth another try */
	SAX_NO_ROWS,  /* JSON, but nothing in it is the collection: most often an error message */
	SAX_LIMIT,    /* something is larger than anything sane */
	SAX_USER,     /* the user's function refused a record */
};

struct sax_events {
	/* A whole record. The rows may be changed and are forgotten afterwards. False ends the reading. */
	bool (*record)(void *context, struct record *record, struct err *err);
};

struct sax;

/* The parser for a plan's table; collection names come from the table. */
struct sax *sax_new(const struct plan *plan, const struct sax_events *events, void *context);
void sax_free(struct sax *sax);

/* A new answer begins. */
void sax_begin(struct sax *sax);

/* The next piece of the answer. False with err set when reading cannot go on. */
bool sax_feed(struct sax *sax, const char *text, size_t length, struct err *err);

/* The answer ends. True when it was whole and held the rows, or was an empty object (see sax_bare). */
bool sax_end(struct sax *sax, struct err *err);

/* True if the answer was an empty object: it may mean an empty collection, or nothing at all. */
bool sax_bare(const struct sax *sax);

/* What was wrong when a function returned false. */
enum sax_trouble sax_trouble(const struct sax *sax);

/* In what the rows stand. */
enum sax_list {
	SAX_LIST_NONE,   /* in none: null, nothing at all, or a single object */
	SAX_LIST_BARE,   /* in the list that is the whole answer */
	SAX_LIST_MEMBER, /* in a member of the answer */
};

enum sax_list sax_list(const struct sax *sax);

/* Whether the body says that there is more, by a flag, a counter of pages or an address; that address, as it stands
 * there, or NULL; valid until the next answer begins. */
bool sax_more(const struct sax *sax);
const char *sax_next(const struct sax *sax);

/* Of the answer so far: records handed over, half characters mended, and a total that the body
 * itself states, or -1. */
uint64_t sax_records(const struct sax *sax);
uint64_t sax_mended(const struct sax *sax);
int64_t sax_total(const struct sax *sax);

#endif

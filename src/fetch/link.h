/*
 * What a Link header says about paging, read as liberally as real servers write it. A witness, never a guide: it gives
 * numbers, and an address only when that is where the request went anyway.
 */
#ifndef FETCH_LINK_H
#define FETCH_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct link_facts {
	bool any; /* at least one link with a relation we know */
	bool next;
	bool prev;
	bool first;
	bool last;
	bool next_has_offset;
	bool next_has_limit;
	uint64_t next_offset; /* 0 unless next_has_offset */
	uint64_t next_limit;  /* 0 unless next_has_limit */
	char *next_url; /* absolute; same scheme, host, port and path as the request; NULL when it is not, or no next */
	bool next_numbered;   /* its query counts pages: page=2 */
	bool next_positional; /* its query holds a place among the rows or pages, and no mark of a row */
};

/* Reads the header text (NULL allowed) of the answer to a request for url. Facts need no initialising; to be released.
 * A link that breaks off counts as one to a next page if it says so. */
void link_read(const char *text, const char *url, struct link_facts *facts);

/* Takes an address of the next page that stood in the body, unless the facts have one. */
void link_add_next(struct link_facts *facts, const char *target, const char *url);

/* Of a request that was made for the rows from there on: whether its answer's next link counts rows or pages. */
bool link_is_positional(const struct link_facts *facts, uint64_t rows);

/* Frees what the facts own. */
void link_release(struct link_facts *facts);

#endif

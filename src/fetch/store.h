/*
 * Raw pages on disk, so that a run that was killed can go on, and a bundle can be made again without the server: a
 * folder with an index and one file for each page. A reading is one endpoint, such as "users" or "schools/994/classes".
 * Owns the folder's files of its own naming and leaves all others alone. What is worth keeping, and whether a reading
 * may go on where it stopped, is the caller's.
 *
 * In the folder: "rosterzip-pages", the index, text that only grows, one line for each thing that happened; and
 * "users-000001.page.json", the body as it was decoded. A page counts when its line is in the index, and the line is
 * written, at one stroke, when its body is in its file: a kill at any moment leaves all of a page or nothing. After a
 * power cut less may be on the disk than was written: a last line that is not whole does not count, and bodies are
 * known by length and SHA-256. Lines are chained by check sums: a line that was changed or removed is noticed.
 *
 * Bodies are data of people: files are made 0600 and the folder 0700, whatever the umask. A folder that is there
 * already keeps its mode. Errors are ERR_FILE unless a function says otherwise.
 */
#ifndef FETCH_STORE_H
#define FETCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { STORE_PAGES_MAX = 5000000 }; /* in all readings together; each takes 8 bytes of memory */

struct store;

/* What store_open found. */
enum store_origin {
	STORE_NEW,     /* nothing that counts */
	STORE_GOES_ON, /* an earlier run with the same settings: its pages are there */
	/* Pages that are of no use to this run, and were removed: */
	STORE_OTHER_SETTINGS,
	STORE_TOO_OLD,
	STORE_DAMAGED, /* or of another version of the program */
};

/* What is known of a page besides its body. */
struct store_facts {
	uint64_t offset; /* what was asked for */
	unsigned limit;
	bool overlap;
	bool past_end; /* what was answered: see struct pager_answer */
	bool has_total;
	uint64_t total;
	bool has_count;
	uint64_t count;
	uint64_t rows;
	const char *extra; /* anything else the caller wants to find again; NULL is the same as "" */
	uint64_t bytes;    /* of the body; the store's to fill in */
};

/* Opens the store in folder for writing, making the folder if there is none, and goes on with what is there if it has
 * the same fingerprint and was begun not longer than max_age_seconds before now (Unix time), else begins afresh; always
 * afresh if max_age_seconds is negative. The fingerprint is any text that changes with the settings that matter.
 * ERR_LOCK when another run writes there. NULL on failure; free with store_free. */
struct store *store_open(
	const char *folder, const char *fingerprint, int64_t now, int64_t max_age_seconds, struct err *err);

/* Opens the store in folder only to read it; nothing in it is changed. A last line that is not whole is not seen. NULL
 * when there is no store or it cannot be used. */
struct store *store_open_saved(const char *folder, struct err *err);

/* Closes the store; its files stay. */
void store_free(struct store *store);

/* Removes all files of the store, and the folder if nothing else is in it, and frees the store. Only of store_open. */
bool store_remove(struct store *store, struct err *err);

enum store_origin store_origin(const struct store *store);
const char *store_fingerprint(const struct store *store); /* what it was begun with */
int64_t store_started(const struct store *store);         /* when it was begun, Unix time */

/* --- writing: only a store of store_open --------------------------------------------------------------------------
 */

/* A page on its way: several may be, of one reading or many. All must be gone before their store. */
struct store_page;

/* Begins the next page of a reading. Never NULL: trouble is remembered for store_page_commit. */
struct store_page *store_page_begin(struct store *store, const char *reading);

/* Adds a piece of the body. False, from then on, once something has gone wrong. */
bool store_page_add(struct store_page *page, const void *data, size_t length);

/* Makes it the next page of its reading: pages are numbered from 1 in the order of their commits. The page is gone
 * afterwards, whatever came of it. ERR_OTHER, as for the two below, if the reading is done or missing already: only
 * store_restart comes after that. */
bool store_page_commit(struct store_page *page, const struct store_facts *facts, struct err *err);

/* Forgets the page. */
void store_page_drop(struct store_page *page);

/* The reading begins again: its pages, proof and reason are void, the bodies removed. how is any text about the way it
 * is read now (such as whether the server sorts), to be found again by store_how; NULL is the same as "". A reading
 * need not begin like this. */
bool store_restart(struct store *store, const char *reading, const char *how, struct err *err);

/* The reading is complete, and how that was proved. */
bool store_done(struct store *store, const char *reading, uint64_t rows, const char *proof, struct err *err);

/* The server does not give this reading, and why: its pages are void, the bodies removed. */
bool store_missing(struct store *store, const char *reading, const char *why, struct err *err);

/* --- reading: any store -------------------------------------------------------------------------------------------
 */

/* How many pages of a reading count; 0 for one that was never heard of. */
size_t store_pages(const struct store *store, const char *reading);

/* Fills the facts of a page, number from 1 to store_pages. extra lives until the next call. */
bool store_page_facts(
	struct store *store, const char *reading, size_t number, struct store_facts *facts, struct err *err);

/* Gives the body of a page to the sink, piece by piece. False when the body is gone or is not what it was (ERR_API: the
 * page has to be asked for again) or cannot be read; what the sink got must not be believed then; and when the sink
 * returned false to end it (err as it was). */
bool store_page_read(struct store *store, const char *reading, size_t number,
	bool (*sink)(void *context, const char *data, size_t length), void *context, struct err *err);

/* The text of store_restart, "" if there was none. Lives, as those below, until the reading is changed. */
const char *store_how(const struct store *store, const char *reading);

/* The proof, and the rows unless that is NULL, of a reading that is done; else NULL. */
const char *store_proof(const struct store *store, const char *reading, uint64_t *rows);

/* Why a reading is missing; NULL if it is not. */
const char *store_why_missing(const struct store *store, const char *reading);

#endif

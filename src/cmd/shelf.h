/*
 * What a state folder keeps of one bundle: the one last published, with where it went, and the one last refused.
 * Both lie there as zips, 0600, so that neither a receiver that takes its file away nor an administrator who tidies up
 * disarms the guard. Of a delta only what is known about it is kept: the full bundle before it goes on to arm the
 * guard. Owns its texts.
 */
#ifndef CMD_SHELF_H
#define CMD_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "check/moment.h"
#include "config.h"
#include "package/bundle.h"
#include "table/schema.h"

/* What the bundle had of a table, and what its rows showed of the days they were changed. */
struct shelf_table {
	bool given;               /* the bundle took it, with rows or without; else the rest says nothing */
	bool undated;             /* some rows have no date */
	char newest[MOMENT_SIZE]; /* the greatest date; "" for none, or when the record does not say */
};

struct shelf {
	const struct schema *schema;
	char *published; /* paths of the zips, whether they exist or not */
	char *refused;
	char *record;                   /* path of what is known about the published one */
	char *refusal;                  /* path of the report on the refused one */
	struct err trouble;             /* there is a record, and this machine cannot read it */
	bool known;                     /* there is a record, and these are set */
	char *bundle;                   /* its name, "" without one; NULL in records of earlier versions */
	char *place;                    /* the output, resolved; NULL in records of earlier versions */
	char receiver[DIGEST_HEX_SIZE]; /* whom it was for, and who was in it: see record_name.h */
	char slice[DIGEST_HEX_SIZE];
	char *output; /* the setting that led to it, places for the date not filled */
	char *path;   /* where it went */
	char content[DIGEST_HEX_SIZE];
	int64_t time;               /* when, in seconds since 1970; 0 when the record does not say */
	bool delta;                 /* it was one */
	int64_t clock;              /* the server's, when a run of it began that all later changes have to be looked for
				       from; 0 when the record does not say */
	struct shelf_table *tables; /* by table id */
};

/* Reads the record of that name (struct bundle_config); one that cannot be understood is none. */
void shelf_open(struct shelf *shelf, const struct schema *schema, const char *state_dir, const char *name);
void shelf_release(struct shelf *shelf);

/* Whether content is what was last published by this output setting, and still lies where it went: encrypted with this
 * passphrase, or, if that is NULL, not encrypted. */
bool shelf_unchanged(const struct shelf *shelf, const char *output, const char *passphrase, const char *content);

/* Keeps the zip of a bundle just published unless shelf->delta, writes the record with clock and tables as they are
 * in shelf now, and forgets what was refused. */
bool shelf_publish(struct shelf *shelf, struct bundle *bundle, const struct bundle_config *config, const char *path,
	const char *content, int64_t now, struct err *err);

/* Writes the record once more, with clock and tables as they are now; nothing without a record. */
bool shelf_note(const struct shelf *shelf, struct err *err);

/* Keeps the zip of a bundle that is not published. */
bool shelf_refuse(struct shelf *shelf, struct bundle *bundle, struct err *err);

#endif

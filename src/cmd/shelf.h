/*
 * What a state folder keeps of one bundle: the one last published, with where it went, and the one last refused.
 * Both lie there as zips, 0600, so that neither a receiver that takes its file away nor an administrator who tidies up
 * disarms the guard. Owns its texts.
 */
#ifndef CMD_SHELF_H
#define CMD_SHELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "package/bundle.h"

struct shelf {
	char *published; /* paths of the zips, whether they exist or not */
	char *refused;
	char *record;  /* path of what is known about the published one */
	char *refusal; /* path of the report on the refused one */
	bool known;    /* there is a record, and these are set */
	char *output;  /* the setting that led to it, places for the date not filled */
	char *path;    /* where it went */
	char content[DIGEST_HEX_SIZE];
	int64_t time; /* when, in seconds since 1970; 0 when the record does not say */
};

/* Reads the record of the bundle of that name; one that cannot be understood is none. */
void shelf_open(struct shelf *shelf, const char *state_dir, const char *name);
void shelf_release(struct shelf *shelf);

/* Whether content is what was last published by this output setting, and still lies where it went. */
bool shelf_unchanged(const struct shelf *shelf, const char *output, const char *content);

/* Keeps the zip of a bundle just published, writes the record, and forgets what was refused. */
bool shelf_publish(struct shelf *shelf, struct bundle *bundle, const char *output, const char *path,
	const char *content, int64_t now, struct err *err);

/* Keeps the zip of a bundle that is not published. */
bool shelf_refuse(struct shelf *shelf, struct bundle *bundle, struct err *err);

#endif

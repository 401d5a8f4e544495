/*
 * Asks the deletion guard about a bundle that is about to be published: finds the one before, compares the two by id,
 * and gives each file its verdict.
 */
#ifndef CMD_GUARDING_H
#define CMD_GUARDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "check/guard.h"
#include "cmd/shelf.h"
#include "config.h"
#include "package/archive.h"
#include "table/schema.h"

/* Borrowed. */
struct guarding_options {
	const struct schema *schema;
	const struct bundle_config *config;
	const struct shelf *shelf;
	const uint64_t *rows;  /* of the new bundle, by table id */
	const char *path;      /* where the bundle would go: what lies there counts when nothing else is known */
	const char *folder;    /* for working files */
	bool (*stopped)(void); /* or NULL */
};

/* What was found; kept for summary and report. Zero before; to be released. */
struct guarding {
	struct guard_file *files; /* by table id; NULL while nothing was asked */
	int count;
	char *against; /* path of the bundle it was compared with, or NULL */
	char *alone;   /* or a sentence that says why there was none */
};

/* True when the bundle may be published. False with ERR_GUARD when not, or when the bundle before is there but cannot
 * be read; ERR_USAGE for a wrong `previous`, else as compare_run. */
bool guarding_run(
	struct archive *bundle, const struct guarding_options *options, struct guarding *guarding, struct err *err);

void guarding_release(struct guarding *guarding);

#endif

/*
 * A bundle as one HTML page that stands by itself, for an administrator who looks at it and mails it on: no script, no
 * request, no person. What it says was found out by others; this puts it into words, tables and pictures.
 * Borrows everything.
 */
#ifndef CMD_PORTRAIT_H
#define CMD_PORTRAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "check/finding.h"
#include "cmd/census.h"
#include "cmd/compare.h"
#include "cmd/judging.h"
#include "table/consumer.h"
#include "table/schema.h"

/* A bundle's file. */
struct portrait_file {
	const char *name;   /* without its folder */
	uint64_t bytes;     /* of the zip, or of its files together */
	const char *sha256; /* of the zip, or NULL for a folder */
	int64_t dated;      /* when it was last written, seconds since 1970 */
};

struct portrait {
	const struct schema *schema;
	const struct consumer *consumer; /* whose wishes it was judged by, or NULL */
	struct portrait_file file;
	int64_t made; /* when this page was */
	const struct judgement *judgement;
	const struct findings *findings;
	const struct census *census; /* ended */

	/* The bundle before. */
	const struct portrait_file *previous; /* NULL: without one, and then the rest is not looked at */
	const char *trouble;                  /* why it could not be compared, or NULL */
	const struct census *before;          /* or NULL, and so the next; both are there without trouble */
	const struct comparison *comparison;
};

/* Adds the page, which overflows out only when that is too small. */
void portrait_draw(const struct portrait *portrait, struct buf *out);

/* Whether the bundle, or a part of it, holds changes only. */
bool portrait_is_delta(const struct portrait *portrait);

/* The style sheet, which the build makes from portrait.css. */
extern const char portrait_css[];

#endif

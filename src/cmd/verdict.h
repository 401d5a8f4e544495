/*
 * What was found in bundles, as a page for the people who make them or as JSON for programs. Only prints. Values of
 * cells are shown where findings kept them, and nowhere else.
 */
#ifndef CMD_VERDICT_H
#define CMD_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "check/finding.h"
#include "cmd/judging.h"
#include "table/consumer.h"
#include "table/schema.h"

/* One bundle. Borrows everything. */
struct verdict {
	const struct schema *schema;
	const struct consumer *consumer; /* whose wishes it was judged by, or NULL */
	const char *path;
	const struct judgement *judgement; /* its tables may be NULL: the bundle could not be opened */
	const struct findings *findings;
};

/* "3 errors, 1 warning", or "fine" when there is neither; to be freed. */
char *verdict_text(const struct findings *findings);

/* The page: what the bundle is, its files, the findings by file, the verdict. At most 80 columns wide unless names are
 * long. */
void verdict_print(const struct verdict *verdict, FILE *out);

/*
 * The same of several bundles as one JSON object:
 *
 *	validate        1, the version of this form; members may be added under the same number
 *	program, version, exit-status
 *	error           null, or kind ("data", "usage", "file", ...) and text: the one sentence
 *	consumer        name of the receiver, or null for the standard alone
 *	bundles         a list in the order of the command line, each with
 *	  path
 *	  judged        false when it could not be opened, or is of another version
 *	  oneroster     the version as the manifest has it, or null
 *	  mode          bulk, delta, mixed, or null when there are no files
 *	  files         a list in the order of the standard, each with name, mode (bulk or delta) and rows
 *	  findings      a list in the order of the page, each with
 *	    rule        the code, such as field.date
 *	    severity    error, warning, info; accepted is true for an error that settings make a warning
 *	    file        null when it is about the bundle as a whole
 *	    column      or null
 *	    detail      what exactly: the name of an entry, a property; or null
 *	    count       rows, or cells of the column
 *	    examples    a list of the first ones: row as a spreadsheet counts (the header is 1; null for the file as a
 *	                whole), and value with --show-values
 *	    text, advice  sentences for people; advice may be null
 *	  errors, warnings, infos  how many of the findings are of that severity
 *	  verdict       fine, warnings, errors
 */
void verdict_print_json(const struct verdict *verdicts, size_t count, const struct err *err, FILE *out);

#endif

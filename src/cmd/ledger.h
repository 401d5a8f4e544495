/*
 * The sections of a page that are about a bundle's files: how many rows each has, what changed since the bundle before,
 * and what was found wrong.
 */
#ifndef CMD_LEDGER_H
#define CMD_LEDGER_H

#include "base/buf.h"
#include "cmd/portrait.h"

/* Rows of each file. */
void ledger_files(const struct portrait *portrait, struct buf *out);

/* Rows added, removed and changed since the bundle before, and ids that were given anew. */
void ledger_changes(const struct portrait *portrait, struct buf *out);

/* What was found, the gravest first. */
void ledger_findings(const struct portrait *portrait, struct buf *out);

#endif

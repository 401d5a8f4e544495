/*
 * The sections of a page that picture what was counted in a bundle: schools, grades, roles, classes, sessions. Each is
 * a table with bars, or columns; with a census of the bundle before, what changed since. Nothing is drawn of what is
 * not there.
 */
#ifndef CMD_GALLERY_H
#define CMD_GALLERY_H

#include "base/buf.h"
#include "cmd/census.h"

/* All of them; before may be NULL. */
void gallery_draw(const struct census *census, const struct census *before, struct buf *out);

#endif

/*
 * The value of one option inside a struct config or struct bundle_config: from a text, to a text, copied, forgotten.
 * The row of the option table says what kind of value it is and where it lies; the struct owns it.
 */
#ifndef SETTING_H
#define SETTING_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct option;

/* Makes the text the value in the struct config or bundle_config at target; lists get its items added. Fails with
 * ERR_USAGE and names the option; the text of a hidden one is not repeated. */
bool setting_set(const struct option *option, void *target, const char *text, struct err *err);

/* Forgets the value (lists become empty and not set). */
void setting_reset(const struct option *option, void *target);

/* Replaces the value by a copy of the one in another struct of the same kind. */
void setting_copy(const struct option *option, void *target, const void *from);

/* True if there is a value to show. */
bool setting_is_set(const struct option *option, const void *target);

/* Adds the value as a file would write it, without what may be secret. */
void setting_show(const struct option *option, const void *target, struct buf *out);

#endif

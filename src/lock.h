/*
 * The lock of a state folder: one run at a time works with it. The file in it says who holds the lock, for the message
 * to whoever comes in its way.
 */
#ifndef LOCK_H
#define LOCK_H

#include <stdbool.h>

#include "base/err.h"
#include "stats.h"

/* Takes the lock of a folder that is there, waiting for so many seconds while another holds it, and says so to whoever
 * asks for the progress, in stats unless that is NULL. Sets *lock, to be released. ERR_LOCK names the holder;
 * ERR_STOPPED when the run is to end meanwhile. */
bool lock_take(const char *state_dir, long wait_seconds, struct stats *stats, int *lock, struct err *err);

/* Does nothing for -1. */
void lock_release(int lock);

#endif

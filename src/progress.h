/*
 * The progress line on a terminal: one line, drawn over itself, gone before anything else is written. Only reads the
 * numbers. Off a terminal, or when quiet, it draws nothing; SIGUSR1 makes one line of it in the log in any case.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>

#include "stats.h"

/* From now on progress_draw draws, if wanted and stderr is a terminal: not in the first second, and at most twice a
 * second. */
void progress_open(bool wanted);

/* To be called as often as one likes. */
void progress_draw(struct stats *stats);

/* Takes the line away. */
void progress_clear(void);

#endif

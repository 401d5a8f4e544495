/*
 * Signals that end a run: they set a flag and make a descriptor readable, nothing else. The program cleans up on its
 * ordinary ways out and then ends by the same signal. SIGUSR1 asks for the progress.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>

#include "base/err.h"

/* Catches SIGINT, SIGTERM and SIGHUP (unless ignored, as nohup does) and SIGUSR1; ignores SIGPIPE and SIGXFSZ. */
bool stop_watch(struct err *err);

/* True once a signal has come. */
bool stop_requested(void);

/* Readable once a signal has come; -1 before stop_watch. */
int stop_descriptor(void);

/* True once for each time that SIGUSR1 has come. */
bool stop_progress_wanted(void);

/* Ends the process by the signal that came, so that the caller sees 128+N. Returns if none came. */
void stop_raise(void);

#endif

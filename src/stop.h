/*
 * What ends a run early: signals and the deadline. They set a flag and make a descriptor readable, nothing else. The
 * program cleans up on its ordinary ways out and then ends by the same signal, or, after the deadline, with an exit
 * status of its own. SIGUSR1 asks for the progress.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>

#include "base/err.h"

/* Catches SIGINT, SIGTERM and SIGHUP (unless ignored, as nohup does) and SIGUSR1; ignores SIGPIPE and SIGXFSZ. Called
 * again it goes on with the descriptor it has. */
bool stop_watch(struct err *err);

enum { STOP_GRACE = 60 }; /* seconds from the deadline on, for cleaning up */

/* From now on the run may take so many seconds; 0 for as long as it likes. When they have passed it is to stop as if a
 * signal had come: waiting system calls end with EINTR. A process that is still there grace seconds later hangs, and is
 * ended with a last line and the exit status of ERR_API, whatever its other threads wait for. Once, after stop_watch.
 */
bool stop_deadline(long seconds, long grace, struct err *err);

/* True once a signal has come, or the deadline has passed. */
bool stop_requested(void);

/* The signal that came; 0 for none, also when it was the deadline that came first. */
int stop_signal(void);

/* Makes an ERR_STOPPED that is due to the deadline an error of that code: "the deadline of 2h passed while <doing>".
 * False if it is none, and err is as it was. */
bool stop_explain(struct err *err, enum err_code code, const char *doing);

/* Readable once the run is to stop; -1 before stop_watch. */
int stop_descriptor(void);

/* True once for each time that SIGUSR1 has come. */
bool stop_progress_wanted(void);

/* Ends the process by the signal that came, so that the caller sees 128+N. Returns if there is none. */
void stop_raise(void);

#endif

/*
 * Under which name the state folder keeps the record of a bundle: what was published, what is the base of the next
 * delta, what its receiver got. A record belongs to an output or to a receiver. Two configurations may share a state
 * folder, as the default one is made for the address of the server: each bundle then has a record of its own, so that
 * neither guard nor delta nor delivery of one is ever taken for the other's.
 */
#ifndef CMD_RECORD_NAME_H
#define CMD_RECORD_NAME_H

#include "config.h"

/* Sets place and record of each bundle of the configuration. The state folder is locked by the caller. A record
 * of the same bundle name fits that has the same output, however it is spelled, and the same receiver or the same
 * settings; else the same receiver and name there; else, where there is no receiver and the settings are the same, one
 * whose output is gone, as it has moved, or that of the full bundles to which these deltas belong, or the reverse. If
 * none fits, it is NAME ("bundle" for a bundle without a name) or, if another bundle has that, NAME-DIGITS. What now
 * counts as the bundle before is told as a warning. Settings are all that decide whose data are in the bundle.
 */
void record_name_choose(struct config *config);

#endif

/*
 * Under which name the state folder keeps the record of a bundle: what was published, what is the base of the next
 * delta, what its receiver got. A record belongs to an output. Two configurations may share a state folder, as the
 * default one is made for the address of the server: each output then has a record of its own, so that neither guard
 * nor delta nor delivery of one is ever taken for the other's.
 */
#ifndef CMD_RECORD_NAME_H
#define CMD_RECORD_NAME_H

#include "config.h"

/* Sets place and record of each bundle of the configuration. The state folder is locked by the caller. The record is
 * NAME ("bundle" for a bundle without a name) if no other output has it, else NAME-DIGITS. A configuration file whose
 * output has moved keeps its record if the file published before is gone; that is told. */
void record_name_choose(struct config *config);

#endif

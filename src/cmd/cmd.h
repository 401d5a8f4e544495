/*
 * The commands of the program, one file each. They are the recipes: the only files that see all the parts.
 * Each takes its arguments like a main (argv[0] is the command's own name), returns true when it did its work, and
 * leaves printing of the error and the exit status to main.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>

#include "base/err.h"

/* Reads a SIS and publishes its bundles: the main job. */
bool cmd_export(int argc, char **argv, struct err *err);

/* Judges bundles of any origin; prints what is wrong with them. */
bool cmd_validate(int argc, char **argv, struct err *err);

/* Compares two bundles row by row; with --delta writes the bundle that turns the one into the other. */
bool cmd_diff(int argc, char **argv, struct err *err);

/* Logs in, asks each collection for a few rows, and prints what works, what is refused, and what to do about it. */
bool cmd_doctor(int argc, char **argv, struct err *err);

/* Prints the tables of the standard; with a FILE ("users" or "users.csv") its columns and where each comes from. */
bool cmd_schema(int argc, char **argv, struct err *err);

#endif

/*
 * The commands of the program, one file each. They are the recipes: the only files that see all the parts.
 * Each takes its arguments like a main (argv[0] is the command's own name), returns true when it did its work, and
 * leaves printing of the error and the exit status to main. NAME_takes says which options it has, for itself and for
 * whoever describes the commands; command.h lists them all.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

struct config_command;

/* Reads a SIS and publishes its bundles: the main job. */
extern const struct config_command export_takes;
bool cmd_export(int argc, char **argv, struct err *err);

/* Judges bundles of any origin; prints what is wrong with them. */
extern const struct config_command validate_takes;
bool cmd_validate(int argc, char **argv, struct err *err);

/* Compares two bundles row by row; with --delta writes the bundle that turns the one into the other. */
extern const struct config_command diff_takes;
bool cmd_diff(int argc, char **argv, struct err *err);

/* Draws a page about a bundle: what is in it, what changed, what is wrong. */
extern const struct config_command report_takes;
bool cmd_report(int argc, char **argv, struct err *err);

/* Removes dated bundles that a rule keeps no longer. */
extern const struct config_command prune_takes;
bool cmd_prune(int argc, char **argv, struct err *err);

/* Logs in, asks each collection for a few rows, and prints what works, what is refused, and what to do about it. */
extern const struct config_command doctor_takes;
bool cmd_doctor(int argc, char **argv, struct err *err);

/* Sends a bundle that was built before, or what is still to be sent of those of a configuration. */
extern const struct config_command deliver_takes;
bool cmd_deliver(int argc, char **argv, struct err *err);

/* Prints the tables of the standard; with a FILE ("users" or "users.csv") its columns and where each comes from. */
bool cmd_schema(int argc, char **argv, struct err *err);

/* Prints the completion script of a shell. */
bool cmd_completion(int argc, char **argv, struct err *err);

/* Prints the options of a command, or what help_print prints: the commands and exit codes. */
bool cmd_help(int argc, char **argv, struct err *err);
void help_print(FILE *out);

#endif

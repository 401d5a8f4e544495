/*
 * The log as the configuration wants it. The one place that turns quiet, verbose and log-format into base/log.h's
 * words.
 */
#ifndef LOGGING_H
#define LOGGING_H

struct config;

/* Opens the log, and writes the warnings of the configuration to it. */
void logging_open(const struct config *config);

/* Only the warnings, for a configuration that could not be read to its end. */
void logging_warnings(const struct config *config);

#endif

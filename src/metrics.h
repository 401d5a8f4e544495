/*
 * The numbers of a run in the text format of Prometheus, for node_exporter's textfile collector. Only reads what the
 * run counted: counts and times, names of collections, bundles and files; never data. The README lists the metrics.
 *
 * Every sample carries the label "source", the name of the state folder, so that the runs of several districts can be
 * collected on one machine. The time of the last success outlives failures in the file "last-success" there.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>

#include "base/err.h"
#include "report.h"

/* Writes the metrics to path for everybody to read, and takes note of a success. ERR_FILE. */
bool metrics_write(const struct report *report, const char *path, struct err *err);

#endif

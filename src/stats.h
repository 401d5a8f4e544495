/*
 * The numbers of a run: plain counters. Whoever counts adds; progress, summary and report only read.
 */
#ifndef STATS_H
#define STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATS_TABLES = 32 };

struct table_stats {
	uint64_t rows;  /* received so far, of the present reading */
	uint64_t total; /* of the server, when has_total */
	bool has_total;
	uint64_t requests;
	uint64_t retries;    /* requests made again */
	uint64_t rereads;    /* times the collection was begun again */
	uint64_t bytes;      /* JSON */
	uint64_t wire_bytes; /* as transferred, compressed or not */
	int64_t began;       /* time_ms, 0 before; from then */
	int64_t ms;          /* to the proof */
	unsigned largest;    /* rows of the largest page */
	char evidence[400];  /* of a collection that could not be proved complete: what the answers said; else "" */
};

struct stats {
	struct table_stats tables[STATS_TABLES]; /* by table id */
	size_t in_flight;                        /* requests now */
	const char *current; /* what is being done: a collection or a bundle file; NULL for nothing */
	int current_table;   /* its id, -1 when it is no collection being read */
};

#endif

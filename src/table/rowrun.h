/*
 * Encoded rows one behind the other on a descriptor: the form in which row files and pages keep them.
 * Each row has its length in front, as four bytes in the order of this machine: such files do not outlive the program.
 *
 * A rowrun reads one stretch of such a descriptor. Owns its buffer, not the descriptor; does not touch its position.
 */
#ifndef TABLE_ROWRUN_H
#define TABLE_ROWRUN_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct out;

enum { ROWRUN_OVERHEAD = sizeof(uint32_t) }; /* bytes a row takes beside its own */

struct rowrun {
	int fd;
	const char *name; /* what messages call the file */
	uint64_t at;      /* next byte to fetch */
	uint64_t end;
	char *data;
	size_t room;   /* what data has room for */
	size_t normal; /* what it goes back to after a large row */
	size_t start;  /* first byte not handed out yet */
	size_t length; /* bytes fetched */
};

/* Reads the rows in [at, end) of fd through a buffer of room bytes. name must outlive the run. */
void rowrun_init(struct rowrun *run, int fd, uint64_t at, uint64_t end, size_t room, const char *name);
void rowrun_release(struct rowrun *run);

/* Points encoded at the next row, which lives until the next call. 1 if there is one, 0 at the end, -1 on failure. A
 * row larger than the buffer gets a larger buffer for as long as it is looked at. */
int rowrun_next(struct rowrun *run, const char **encoded, size_t *length, struct err *err);

/* Writes one row. */
void rowrun_write(struct out *out, const char *encoded, size_t length);

#endif

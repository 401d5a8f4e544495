/*
 * Deflates files while they are still being written, on a thread of its own, and takes their checksum on the way: what
 * a zip needs is ready shortly after the last row. The thread reads behind the writer from the very files, so nothing
 * waits in memory. Owns the thread; borrows the descriptors.
 *
 * Files are worked on in the order of deflater_begin, each up to where deflater_reach says that it is written.
 */
#ifndef PACKAGE_DEFLATER_H
#define PACKAGE_DEFLATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct deflated {
	uint64_t size;   /* of the file */
	uint64_t packed; /* of the deflated bytes */
	uint32_t crc;    /* CRC-32 of the file, as in a zip */
};

struct deflater;

/* level as zlib's, 1 to 9. Never NULL: without a thread the work is done in deflater_wait. */
struct deflater *deflater_new(int level);

/* Gives up what is not done yet. */
void deflater_free(struct deflater *deflater);

/* One more file, from its beginning; its deflated bytes go to the beginning of descriptor to. Gives its number. name is
 * for messages, and copied. */
size_t deflater_begin(struct deflater *deflater, int from, int to, const char *name);

/* The first bytes of the file are written and do not change any more. */
void deflater_reach(struct deflater *deflater, size_t number, uint64_t bytes);

/* They are all of it. */
void deflater_end(struct deflater *deflater, size_t number, uint64_t bytes);

/* Waits until all files, which have ended, are deflated. ERR_FILE when one could not be read or written; ERR_STOPPED
 * as soon as stopped, unless NULL, says so. */
bool deflater_wait(struct deflater *deflater, bool (*stopped)(void), struct err *err);

/* The outcome for a file; after deflater_wait, as long as the deflater lives. */
const struct deflated *deflater_result(const struct deflater *deflater, size_t number);

#endif

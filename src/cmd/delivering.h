/*
 * Bringing the bundles of a configuration to their receivers: what is still to be sent, in which order, and what was
 * sent before, so that nothing is lost and nothing sent twice. package/delivery.h does the sending of one file.
 *
 * A full bundle is still to be sent while what the shelf keeps (shelf.h) is not what was last delivered there, by
 * STATE/delivered/NAME.json; a record that cannot be understood is none, so that it is sent rather than lost. Every
 * delta counts, and so do deltas that were not sent: each lies in STATE/undelivered/NAME/ until it is, with its number
 * and its time in front of its name. A full bundle that is published after them takes their place.
 */
#ifndef CMD_DELIVERING_H
#define CMD_DELIVERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "package/bundle.h"
#include "table/schema.h"

struct bundle_config;
struct config;

enum delivering_state {
	DELIVERING_NONE,      /* it has no receiver, or it did not come to that */
	DELIVERING_UNCHANGED, /* nothing is to be sent that the receiver did not get before */
	DELIVERING_DONE,
	DELIVERING_PENDING, /* there is something to be sent, which was not tried */
	DELIVERING_FAILED,
};

/* What became of the delivery of a bundle. Zero before; to be released. */
struct delivering {
	enum delivering_state state;
	char *place;    /* for messages; NULL when it is not known */
	size_t sent;    /* files */
	size_t waiting; /* files still to be sent */
	uint64_t bytes; /* of what was sent */
	uint64_t resumed;
	unsigned tries;
	int64_t ms;
	struct err err; /* why not */
};

/* What is to be delivered, and where that is kept; borrowed. */
struct delivering_order {
	const struct schema *schema;
	const struct config *config;
	const struct bundle_config *bundle;
	const char *state_dir; /* locked by the caller, or NULL: then nothing is known and nothing noted */
	bool again;            /* also what was sent before */
};

/* The word of a state in reports, such as "delivered". A constant. */
const char *delivering_word(enum delivering_state state);

/* Whether delivering can begin, to be asked before a long run and after the secrets were read: ERR_USAGE. */
bool delivering_ready(const struct config *config, const struct bundle_config *bundle, struct err *err);

/* Puts the zip of a delta that was just published at path among those to be sent, before the shelf takes note of it. A
 * full bundle before it that was not sent is kept in front of it. The zip is moved away. */
bool delivering_keep(
	const struct delivering_order *order, struct bundle *bundle, const char *path, int64_t now, struct err *err);

/* Sends what is still to be sent, and takes note of it. ERR_DELIVERY says why not; ERR_STOPPED. */
bool delivering_send(const struct delivering_order *order, struct delivering *delivering, struct err *err);

/* Sends the file at path, whatever was sent before, and takes note of it. */
bool delivering_send_file(
	const struct delivering_order *order, const char *path, struct delivering *delivering, struct err *err);

/* Removes what was cut off while a delta was put by to be sent. */
void delivering_sweep(const struct delivering_order *order);

/* Finds out what is still to be sent, without sending it. */
void delivering_look(const struct delivering_order *order, struct delivering *delivering);

/* Whether path is where the bundle was last published. */
bool delivering_is_published(const struct delivering_order *order, const char *path);

/* When something of the bundle was last delivered, in seconds since 1970; 0 for never, or when that is not known. */
int64_t delivering_time(const struct delivering_order *order);

void delivering_release(struct delivering *delivering);

#endif

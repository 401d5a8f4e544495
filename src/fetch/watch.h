/*
 * What libcurl waits for: its descriptors and its next moment. It gets to know of one descriptor at a time, so that who
 * waits for answers has each as soon as it is whole, and can ask for more before the others are taken from the wire.
 * Turns go round: no descriptor waits because others are always ready.
 * Owns the list of descriptors; borrows them and the handle.
 */
#ifndef FETCH_WATCH_H
#define FETCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

struct watch;

/* Takes over what the handle wants to be told; to be freed after the handle is cleaned up. Never NULL. */
struct watch *watch_new(CURLM *multi);
void watch_free(struct watch *watch);

/* Waits, at most so many milliseconds, until a descriptor or the moment calls for watch_step, or wake (-1 for none) is
 * readable: then woken is set. A signal ends the wait. False when the system cannot wait: errno tells why. */
bool watch_wait(struct watch *watch, int wake, int milliseconds, bool *woken);

/* Has libcurl do the next of what the last wait found, each descriptor once; any tells whether there was something. */
CURLMcode watch_step(struct watch *watch, bool *any);

#endif

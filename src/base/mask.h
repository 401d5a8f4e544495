/*
 * The secrets of a run, so that no text shows them. Owns copies and wipes them.
 * Knows names that usually carry a secret too, for what a server or a library puts into a text unasked.
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>

struct mask;

struct mask *mask_new(void);
void mask_free(struct mask *mask); /* wipes */

/* Adds a secret for good, or a passing one of which only the latest are kept. Shorter than 3 bytes: not added, since
 * every text would be full of it. */
void mask_add(struct mask *mask, const char *secret, bool passing);

/* Replaces every secret in text, raw, percent-encoded, form-encoded or in base64, by ***; also the beginning of one
 * that a limit has cut at the end, with or without "..." after it. Room is the size of text's array. */
void mask_text(const struct mask *mask, char *text, size_t room);

/* Replaces by *** the values behind "?name=" and "&name=" whose name usually carries a secret. */
void mask_query(char *text, size_t room);

/* True for names such as client_secret, access_token, apikey, Authorization. */
bool mask_secret_name(const char *name, size_t length);

/* Overwrites in a way no compiler leaves out; and the same for a string that is then freed. NULL is fine. */
void mask_wipe(void *data, size_t length);
void mask_wipe_text(char *text);

#endif

/*
 * SHA-256 as hexadecimal text.
 * Owns its state. Failure of the library to do so simple a thing ends the program, as lack of memory does.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>

struct digest;

enum { DIGEST_HEX_SIZE = 65 }; /* with the terminator */

struct digest *digest_new(void); /* never NULL */
void digest_free(struct digest *digest);

void digest_add(struct digest *digest, const void *data, size_t length);

/* Writes the digest of everything added, terminated, and starts anew. */
void digest_hex(struct digest *digest, char out[static DIGEST_HEX_SIZE]);

/* The digest of one piece. */
void digest_text(const void *data, size_t length, char out[static DIGEST_HEX_SIZE]);

#endif

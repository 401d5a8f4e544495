#include "base/digest.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/end.h"
#include "base/mem.h"

enum { HELD = 4096 }; /* short pieces are gathered: a call for each costs more than what it digests */

struct digest {
	EVP_MD_CTX *state;
	size_t held; /* bytes that are still to be digested */
	unsigned char data[HELD];
};

static void must(int result)
{
	if (result != 1)
		end_now("SHA-256 is not to be had from the cryptographic library, perhaps for lack of memory");
}

struct digest *digest_new(void)
{
	struct digest *digest = mem_new(1, sizeof(*digest));
	digest->state = EVP_MD_CTX_new();
	must(digest->state != NULL);
	must(EVP_DigestInit_ex(digest->state, EVP_sha256(), NULL));
	return digest;
}

void digest_free(struct digest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->state);
	OPENSSL_cleanse(digest->data, sizeof(digest->data));
	free(digest);
}

static void flush(struct digest *digest)
{
	must(EVP_DigestUpdate(digest->state, digest->data, digest->held));
	digest->held = 0;
}

void digest_add(struct digest *digest, const void *data, size_t length)
{
	if (length > HELD - digest->held)
		flush(digest);
	if (length > HELD) {
		must(EVP_DigestUpdate(digest->state, data, length));
		return;
	}
	if (length > 0)
		memcpy(digest->data + digest->held, data, length);
	digest->held += length;
}

static void write_hex(const unsigned char *bytes, char out[static DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < (DIGEST_HEX_SIZE - 1) / 2; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIGEST_HEX_SIZE - 1] = '\0';
}

void digest_hex(struct digest *digest, char out[static DIGEST_HEX_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	flush(digest);
	must(EVP_DigestFinal_ex(digest->state, bytes, NULL));
	must(EVP_DigestInit_ex(digest->state, EVP_sha256(), NULL));
	write_hex(bytes, out);
}

void digest_text(const void *data, size_t length, char out[static DIGEST_HEX_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	must(EVP_Digest(data, length, bytes, NULL, EVP_sha256(), NULL));
	write_hex(bytes, out);
}

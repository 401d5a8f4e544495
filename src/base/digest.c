#include "base/digest.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/end.h"
#include "base/mem.h"

struct digest {
	EVP_MD_CTX *state;
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
	free(digest);
}

void digest_add(struct digest *digest, const void *data, size_t length)
{
	must(EVP_DigestUpdate(digest->state, data, length));
}

void digest_hex(struct digest *digest, char out[static DIGEST_HEX_SIZE])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned count = 0;
	must(EVP_DigestFinal_ex(digest->state, bytes, &count));
	must(EVP_DigestInit_ex(digest->state, EVP_sha256(), NULL));
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < (DIGEST_HEX_SIZE - 1) / 2; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIGEST_HEX_SIZE - 1] = '\0';
}

void digest_text(const void *data, size_t length, char out[static DIGEST_HEX_SIZE])
{
	struct digest *digest = digest_new();
	digest_add(digest, data, length);
	digest_hex(digest, out);
	digest_free(digest);
}

#include "base/library.h"

#include <stdlib.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "base/err.h"
#include "base/mem.h"

static void *new_block(size_t size)
{
	return mem_grow(NULL, size, 1);
}

static void *grow_block(void *old, size_t size)
{
	if (size > 0)
		return mem_grow(old, size, 1);
	free(old);
	return NULL;
}

static void *crypto_new(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size > 0 ? new_block(size) : NULL;
}

static void *crypto_grow(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return grow_block(old, size);
}

static void crypto_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	free(block);
}

static CURLcode start_curl(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, new_block, free, grow_block, mem_copy, mem_new);
}

void library_start(void)
{
	/* Refused only when it has memory already: then it has its own ways. */
	(void)CRYPTO_set_mem_functions(crypto_new, crypto_grow, crypto_free);
	/* Addresses are taken apart long before there is a connection. If this fails, the next one says so. */
	(void)start_curl();
}

bool library_start_curl(struct err *err)
{
	if (start_curl() == CURLE_OK)
		return true;
	return err_set(err, ERR_OTHER, "cannot start libcurl");
}

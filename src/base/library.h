/*
 * Starting the libraries that can be told where to get memory: from base/mem.h, so that none of them goes on without
 * what it did not get. Owns nothing.
 */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stdbool.h>

struct err;

/* The cryptographic library and libcurl; before anything else is done with them, on the first lines of main. */
void library_start(void);

/* libcurl; like curl_global_init, to be undone by curl_global_cleanup as often as it is called. */
bool library_start_curl(struct err *err);

#endif

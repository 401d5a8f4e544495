/*
 * The HTTP library's verbose lines for the log: never a body, never a secret. What a header field of ours holds is
 * shown only where it is known to be harmless, so that an extra header with a key in it needs no mark.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <curl/curl.h>

/* A CURLOPT_DEBUGFUNCTION; its data is a const struct mask *. */
int trace_write(CURL *easy, curl_infotype type, char *data, size_t size, void *mask);

#endif

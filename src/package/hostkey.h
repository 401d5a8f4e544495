/*
 * Which keys of an SSH server are accepted: those that a known_hosts file lists for it, or the one with a given
 * fingerprint. There is no "yes to all".
 *
 * A server has keys of several kinds and shows one of them; which, the two sides agree on beforehand. libcurl asks for
 * the kind it finds first in the known_hosts file it is given, so it is given a file of our own with one line, for each
 * kind in turn until the server shows a key that is accepted. That also makes hashed names and patterns of known_hosts
 * work as they do for ssh.
 */
#ifndef PACKAGE_HOSTKEY_H
#define PACKAGE_HOSTKEY_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/err.h"

struct hostkey;

/* From the fingerprint, else from the file, else (both NULL) from ~/.ssh/known_hosts. Host as in an address. NULL with
 * ERR_USAGE, which tells how to get the host's key, when nothing is accepted. */
struct hostkey *hostkey_new(
	const char *fingerprint, const char *file, const char *host, const char *port, struct err *err);
void hostkey_free(struct hostkey *hostkey);

/* The path for CURLOPT_SSH_KNOWNHOSTS that makes the server show the next kind of key; valid until the next call. NULL
 * when all kinds have been tried, or with ERR_FILE. */
const char *hostkey_next(struct hostkey *hostkey, struct err *err);

/* Whether the key that the server shows is accepted. */
bool hostkey_accept(struct hostkey *hostkey, const struct curl_khkey *shown);

/* Whether a key was shown and accepted. */
bool hostkey_accepted(const struct hostkey *hostkey);

/* Says that the server has shown none but wrong keys, or none at all of the kinds that would do (words are what the
 * library says about it), and what to do. Always returns false. */
bool hostkey_explain(const struct hostkey *hostkey, const char *words, enum err_code code, struct err *err);

#endif

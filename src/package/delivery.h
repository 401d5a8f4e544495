/*
 * One file brought to its place: by SFTP, by FTP over TLS, by HTTPS PUT (with Basic, a bearer token, or the signature
 * that S3 stores want), or into a folder of this machine. Whoever looks at the place sees the old file or the whole
 * new one, never a part of it, unless the place forbids to rename and was asked for directly.
 * Owns its connection, one for each call. Leaves to others what is to be sent, when, and whether it was sent before.
 *
 * An address is sftp://USER@HOST[:PORT]/PATH, ftps://USER@HOST/PATH (TLS from the first byte; on port 21, and as
 * ftpes://, asked for before the login), https://[USER@]HOST/PATH, or the path of a folder; http:// only to this
 * machine. One that ends in a slash is a folder, in which the file gets the given name; else it names the file itself.
 * After sftp:// and ftps:// a path is that of the server's root; /~/PATH is below the user's home. A folder of this
 * machine is one with or without the slash, if it is there. A password is never part of an address.
 *
 * By SFTP and FTP the file is uploaded as ".NAME.<digits of its SHA-256>.part" and renamed when it is whole; where the
 * server does not rename over a file, that one has the name ".NAME.<digits>.old" for the moment in between. The next
 * delivery removes what a broken one of other content has left.
 */
#ifndef PACKAGE_DELIVERY_H
#define PACKAGE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct delivery {
	const char *address;
	const char *name;   /* of the file there, when the address is a folder; without a slash */
	const char *secret; /* password, passphrase of the identity file, bearer token (https without a user), or secret
			       key of s3_region (its key id is the user); NULL for none */
	const char *identity_file; /* private key for sftp, or NULL */
	const char *known_hosts;   /* file of host keys for sftp; NULL: ~/.ssh/known_hosts if it is there */
	const char
		*host_key_sha256; /* fingerprint, with or without "SHA256:" in front; takes the place of known_hosts */
	const char *s3_region;    /* sign the PUT (AWS Signature Version 4, service s3) for this region, or NULL */
	const char *ca_file;      /* trusted beside the system's; NULL for none */
	bool direct;           /* under its name from the start: no rename; its size is looked at if that is allowed */
	bool verbose;          /* debug lines to the log: no secrets */
	bool (*stopped)(void); /* true once the run is to end; NULL for never */
};

struct delivery_result {
	char *place;      /* where the file is now, for messages: no user's secret, no query; to be freed */
	uint64_t bytes;   /* of the file */
	uint64_t resumed; /* bytes of it that an earlier, broken upload had left there */
	unsigned tries;
};

/* Whether an address is one that can be delivered to; ERR_USAGE says what is wrong with it. An option_check. */
bool delivery_check(const char *address, struct err *err);

/* The host for messages and records: "sftp://eagle@host", or the path of a folder; to be freed. Never a secret. */
char *delivery_show(const char *address);

/* Whether what is set goes together and the files named are there: ERR_USAGE. To be asked before a long run. */
bool delivery_ready(const struct delivery *delivery, struct err *err);

/* Sends the file at path. Tries again what may pass: a connection that breaks is gone on with where it broke. False
 * with ERR_DELIVERY, which says what the other side said and what to do; ERR_FILE when path cannot be read;
 * ERR_STOPPED. What is at the place is then as it was, unless direct. Fills result (to be released) in any case. */
bool delivery_send(const struct delivery *delivery, const char *path, struct delivery_result *result, struct err *err);

void delivery_result_release(struct delivery_result *result);

#endif

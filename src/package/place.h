/*
 * Where a file is to be delivered: an address taken apart, refused when nothing can or may be sent there, and the
 * texts made from it. Owns its texts; asks no server. Leaves to delivery.h what is to be done with it.
 */
#ifndef PACKAGE_PLACE_H
#define PACKAGE_PLACE_H

#include <stdbool.h>

#include "base/err.h"

enum place_kind { PLACE_FOLDER, PLACE_SFTP, PLACE_FTPS, PLACE_HTTP };

/* The texts of a folder of this machine are plain, and so are those of SFTP and FTPS. Those of HTTP are as they stand
 * in an address. */
struct place {
	enum place_kind kind;
	bool plain;         /* http, to this machine */
	bool asks_tls;      /* FTPS: begins in the clear and asks for TLS before the login */
	const char *scheme; /* as written, and as libcurl knows it */
	const char *spoken;
	char *user;   /* NULL for none */
	char *host;   /* one of IPv6 in brackets; NULL for a folder of this machine */
	char *port;   /* the usual one where none was given */
	char *folder; /* without a slash at its end; "" is the root, or the home */
	bool home;    /* folder is below the user's home, not below the root */
	char *name;   /* of the file; NULL when the address has none and none was given */
	char *query;  /* HTTP: what follows the question mark, or NULL; may be as good as a secret */
};

/* Takes an address apart; where it is a folder, the file gets the given name (NULL: not known yet). To be released in
 * any case. False with ERR_USAGE; with ERR_FILE when a folder of this machine cannot be looked at. */
bool place_find(struct place *place, const char *address, const char *name, struct err *err);
void place_release(struct place *place);

/* Writes the path of an HTTP address in the one form that signatures are made from: every character but letters, digits
 * and - . _ ~ encoded, those not. */
void place_normalize(struct place *place);

/* Texts to be freed. The address as libcurl wants it, of a file beside the one that is meant; NULL is the folder. */
char *place_url(const struct place *place, const char *name);

/* The same as a path of the server or of this machine. */
char *place_path(const struct place *place, const char *name);

/* For messages, without the query: "sftp://eagle@host:2222", and with the path and the name of the file. */
char *place_show(const struct place *place);
char *place_show_file(const struct place *place);

#endif

/*
 * Delivery by HTTP PUT: one request, whose answer says whether the file is there. With Basic, a bearer token, or the
 * signature that S3 stores want. Redirects are not followed. Owns nothing.
 */
#ifndef PACKAGE_PUT_H
#define PACKAGE_PUT_H

#include "package/sending.h"

/* Sets what all tries have in common, on an open connection. False with ERR_DELIVERY. */
bool put_prepare(struct sending *sending, struct err *err);

/* Sends the file once. False with err, and sending->again set. */
bool put_send(struct sending *sending, struct err *err);

#endif

/*
 * Delivery by SFTP and FTP: the file goes up under a name of its own beside the final one, is looked at, and then takes
 * the final name. What an earlier delivery of the same content left there half done is gone on with; what was left of
 * other content is removed. Owns nothing.
 */
#ifndef PACKAGE_UPLOAD_H
#define PACKAGE_UPLOAD_H

#include "package/sending.h"

enum { UPLOAD_MARK = 16 }; /* digits of the content's digest in the names beside the file */

/* Sends the file once. Without the other name when it is to be direct. False with err, and sending->again set. */
bool upload_send(struct sending *sending, struct err *err);

#endif

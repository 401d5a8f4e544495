/*
 * What went wrong, in a sentence for an administrator, and the exit status it leads to.
 * Owns its text. Parts return an error; only main prints it, once.
 *
 * The first error stays: err_set on an error that is already set changes nothing, and each level that knows more puts
 * it in front with err_in, so that the user reads "users, page 12: https://...: 503 after 5 tries".
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_code {
	ERR_NONE,
	ERR_OTHER,    /* anything without a code of its own */
	ERR_FILE,     /* a file or folder of this machine */
	ERR_USAGE,    /* command line, configuration, environment */
	ERR_DATA,     /* rows or a bundle that must not be published */
	ERR_LOGIN,    /* the server refuses the credentials */
	ERR_API,      /* the server, the network, or a collection that cannot be proved complete */
	ERR_GUARD,    /* the deletion guard tripped */
	ERR_LOCK,     /* another run holds the state folder */
	ERR_DELIVERY, /* built, but not delivered */
	ERR_STOPPED,  /* ended by a signal, or by the deadline as long as stop.h has not explained it */
	ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	char text[1024];
};

/* Sets code and text if none is set yet. Always returns false, so that a function can end with it. */
bool err_set(struct err *err, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " in front of the text. Always returns false. */
bool err_in(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a sentence behind the text, as a hint of what to do. Always returns false. */
bool err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Back to no error. */
void err_clear(struct err *err);

/* The exit status of a code, as the manual page lists them; 0 for ERR_NONE. ERR_STOPPED gives 1: main knows the signal.
 */
int err_exit_status(enum err_code code);

/* The word for a code in reports and logs, such as "login". A constant. */
const char *err_code_name(enum err_code code);

#endif

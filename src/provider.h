/*
 * The student information systems we know something about: how to log in, which permission each table needs, and what
 * to tell an administrator when it fails. Constant tables made from schemas/providers/ by the build.
 * It only states facts; the commands hand them to the fetching parts as plain strings.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>

struct provider_permission {
	const char *table;
	const char *permission; /* the words the SIS uses for it */
};

/* Sentences for an administrator; NULL where there is nothing to say. */
struct provider_hints {
	const char *login_refused; /* the credentials were not accepted */
	const char *no_address;    /* no token address answered */
	const char *forbidden;     /* a collection was refused; follows the permission where one is known */
	const char *empty;         /* logged in, but nothing is shared */
	const char *key_shape;     /* client id or secret are not key_hex_digits long */
};

/* Every list ends with NULL and is never NULL itself. Paths go behind the base address and begin with a slash. */
struct provider {
	const char *name; /* as the option provider spells it */
	const char *title;
	const char *const *hosts;   /* host name endings, for provider = auto */
	const char *const *paths;   /* endings of the base address, for provider = auto */
	const char *const *auth;    /* oauth2, aeries-v1, oauth1, bearer, none: in the order auth = auto tries them */
	const char *client_auth;    /* basic, body, query, both; NULL where auth has no oauth2 */
	const char *basic_encoding; /* form, raw; NULL when not known */
	const char *oauth1_method;  /* HMAC-SHA1, HMAC-SHA256; NULL when both may be */
	bool token_at_host;         /* token_paths go behind the host alone, not behind the base address */
	const char *const *token_paths;
	const char *token_url;           /* in place of token_paths, where it is the same for everybody; else NULL */
	const char *const *token_query;  /* parameters that the user has to put into the query of the token address */
	const char *const *headers;      /* names of header lines that the user has to give */
	const char *authorize_path;      /* of aeries-v1, else NULL */
	const char *refresh_path;        /* of aeries-v1, for the first token too; else NULL */
	bool no_scopes;                  /* the parameter scope is left out */
	const char *const *extra_scopes; /* asked for beside those of the tables; without prefix */
	int key_hex_digits;              /* how many hexadecimal digits id and secret have; 0 when not known */
	int parallel;                    /* greatest number of requests at once; 0 when not known */
	int page_size;                   /* greatest number of rows that a page may have; 0 when not known */
	const struct provider_permission *permissions; /* ends with a table of NULL */
	struct provider_hints hints;
};

extern const struct provider *const providers[]; /* by name; ends with NULL */

/* The provider of that name, or NULL. */
const struct provider *provider_find(const char *name);

/* Whether the value of the option provider is the path of a file such as those of schemas/providers/ (for
 * provider_file.h), not a name. */
bool provider_is_path(const char *value);

/* The provider a base address belongs to, given its host ("demo.aeries.net", no port) and its path ("/aeries", with or
 * without a slash at the end; may be empty). The one named "generic" when none claims it. Never NULL. */
const struct provider *provider_recognise(const char *host, const char *path);

/* What an administrator has to grant for a table, or NULL when not known. */
const char *provider_permission(const struct provider *provider, const char *table);

#endif

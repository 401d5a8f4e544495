/*
 * What the program was told to do: defaults, the configuration file, the environment and the command line through the
 * one option table of option.h, checked as far as that is possible without a network or a folder.
 * Owns every text it gives out, wipes the secrets, leaves reading them to secret.h and the shape of addresses to
 * address.h.
 *
 * Later wins: default, provider, consumer, file, environment (ROSTERZIP_PAGE_SIZE for page-size), command line. The top
 * part of the file is the run and the defaults of all bundles; each [bundle NAME] is one output. A bundle option from
 * the environment or the command line holds for every bundle; only output may then not be given when there are several.
 * output above [bundle] sections is an error. An empty variable counts as not set. Lists add up within one source and
 * section, and replace what an earlier source or the top part said.
 *
 * The files of a bundle that is not told them are those that are read, but for what its consumer has no use for. What
 * is read, when nobody says it, is core and what the bundles need beyond that.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

struct consumer;
struct consumer_file;
struct provider;
struct provider_file;

/* Each enum follows the order of the words of its option. */
enum config_auth {
	CONFIG_AUTH_AUTO,
	CONFIG_AUTH_OAUTH2,
	CONFIG_AUTH_AERIES_V1,
	CONFIG_AUTH_OAUTH1,
	CONFIG_AUTH_BEARER,
	CONFIG_AUTH_NONE,
};
enum config_client_auth {
	CONFIG_CLIENT_AUTH_AUTO, /* try what the provider says, then the other usual one */
	CONFIG_CLIENT_AUTH_BASIC,
	CONFIG_CLIENT_AUTH_BODY,
	CONFIG_CLIENT_AUTH_QUERY,
	CONFIG_CLIENT_AUTH_BOTH,
};
enum config_basic_encoding { CONFIG_BASIC_FORM, CONFIG_BASIC_RAW };
enum config_grant { CONFIG_GRANT_CLIENT_CREDENTIALS, CONFIG_GRANT_PASSWORD };
enum config_oauth1_method {
	CONFIG_OAUTH1_AUTO, /* HMAC-SHA1, and HMAC-SHA256 when that is refused */
	CONFIG_OAUTH1_HMAC_SHA1,
	CONFIG_OAUTH1_HMAC_SHA256,
};
enum config_empty { CONFIG_EMPTY_ABSENT, CONFIG_EMPTY_HEADER };
enum config_mode { CONFIG_MODE_BULK, CONFIG_MODE_DELTA };
enum config_enrolled_only { CONFIG_ENROLLED_NO, CONFIG_ENROLLED_YES, CONFIG_ENROLLED_WITH_AGENTS };
enum config_quote { CONFIG_QUOTE_MINIMAL, CONFIG_QUOTE_ALL, CONFIG_QUOTE_BLANKS };
enum config_eol { CONFIG_EOL_CRLF, CONFIG_EOL_LF };
enum config_deliver_by { CONFIG_DELIVER_RENAME, CONFIG_DELIVER_DIRECT };
enum config_dangling { CONFIG_DANGLING_FAIL, CONFIG_DANGLING_DROP, CONFIG_DANGLING_KEEP };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };

/* A list of texts. items ends with NULL and is itself NULL while the list was never set. */
struct config_list {
	char **items;
	size_t count;
	bool set;   /* given by somebody, or by a default. Set and empty is what the word "none" makes */
	bool blank; /* the last text that somebody gave for it says nothing: a mistake */
};

/* Where a value comes from, in the order of who wins. */
enum config_level {
	CONFIG_DEFAULT,
	CONFIG_PROVIDER,
	CONFIG_CONSUMER, /* of the bundle */
	CONFIG_FILE,
	CONFIG_ENVIRONMENT,
	CONFIG_COMMAND_LINE,
};

struct config_origin {
	enum config_level level;
	unsigned line; /* of the configuration file, counted from 1; 0 for the other levels */
};

struct bundle_config {
	char *name;                      /* of [bundle NAME]; "" when the file has no such section */
	unsigned line;                   /* of that section in the file, or 0 */
	char *record;                    /* its name in the state folder, see cmd/record_name.h; NULL before */
	char *place;                     /* the output as one text, however it is written; the same */
	char *output;                    /* path, strftime places not yet filled; loose files if it ends in / */
	struct config_list files;        /* tables of the bundle, each once; all of them are among config.collections */
	int mode;                        /* enum config_mode */
	char *since;                     /* "last", or a moment that moment_read understands; NULL in bulk */
	struct config_list schools;      /* sourcedIds or identifiers of orgs */
	struct config_list terms;        /* sourcedIds or titles of academicSessions, or "current" */
	struct config_list roles;        /* words of users.role */
	struct config_list grades;       /* as in users.grades */
	int enrolled_only;               /* enum config_enrolled_only */
	struct config_list drop_columns; /* "table.column" */
	struct config_list metadata;     /* "table.metadata.key", or "auto" */
	struct config_list map;          /* "table.column=file" */
	char *map_grades;                /* file for all columns of grades, or NULL */
	char *map_roles;                 /* file for all columns of roles, or NULL */
	int empty;                       /* enum config_empty */
	int quote;                       /* enum config_quote */
	int eol;                         /* enum config_eol */
	int dangling;                    /* enum config_dangling */
	struct config_list fill; /* "table.column=value", see config_column_item; set and empty: fill nothing, not even
				    the usual */
	struct config_list allow_missing;    /* table names */
	struct config_list allow_empty;      /* table names */
	struct config_list allow_errors;     /* codes of check/rule.h, and "table.column" */
	struct config_list max_drop;         /* see limit_drop; later items win */
	struct config_list min_rows;         /* see limit_rows */
	char *previous;                      /* bundle to compare with, "none", or NULL for what was published last */
	char *consumer_name;                 /* as given, or NULL */
	const struct consumer *consumer;     /* that one, or NULL for the standard alone */
	struct consumer_file *consumer_file; /* what consumer is of, if it was named by path; else NULL */
	bool enabled_only;                   /* users that are not enabled are left out, as the consumer wants */
	char *encrypt;                       /* file with the passphrase of the zip, or NULL */
	bool checksum;                       /* write the zip's SHA-256 beside it */
	char slice[DIGEST_HEX_SIZE];         /* who is in the bundle, as a digest; "" before record is chosen */
	char receiver[DIGEST_HEX_SIZE];      /* who gets it, the same */
	char *deliver;                       /* address or folder, or NULL; see package/delivery.h */
	char *deliver_as;                    /* name there, strftime places not yet filled, or NULL */
	int deliver_by;                      /* enum config_deliver_by */
	char *deliver_secret_file;           /* or NULL */
	char *deliver_secret_command;        /* or NULL */
	char *identity_file;                 /* or NULL */
	char *known_hosts;                   /* or NULL */
	char *host_key_sha256;               /* or NULL */
	char *s3_region;                     /* or NULL */
	long keep_last;                      /* how many dated bundles; 0 in all four: all of them */
	long keep_daily;
	long keep_weekly;
	long keep_monthly;
	char *deliver_secret;          /* filled by config_secrets; NULL when there is none, or none is needed */
	char *passphrase;              /* the same, of encrypt */
	char *source_name;             /* manifest's source.systemName, or NULL */
	char *source_code;             /* manifest's source.systemCode, or NULL */
	struct config_origin *origins; /* one for each row of the option table */
};

struct config {
	/* Source. The three addresses have no slash at the end; they and provider are NULL for a command without a
	 * source. */
	char *file;                          /* the configuration file, or NULL */
	char *url;                           /* as given */
	char *base_url;                      /* without login page and without version; token paths go behind it */
	char *data_url;                      /* collections go behind it */
	char *provider_name;                 /* as given, such as "auto" */
	const struct provider *provider;     /* the one named, or the one that base_url belongs to */
	struct provider_file *provider_file; /* what provider is of, if it was named by path; else NULL */
	int auth;                       /* enum config_auth; AUTO has become BEARER if only a bearer token was given */
	char *token_url;                /* exact, or NULL */
	int client_auth;                /* enum config_client_auth */
	int basic_encoding;             /* enum config_basic_encoding */
	int grant;                      /* enum config_grant */
	struct config_list scope;       /* not set: by provider and tables; set and empty: leave the parameter out */
	struct config_list token_param; /* "name=value"; "?name=value" goes into the query */
	struct config_list header;      /* "Name: value" */
	int oauth1_method;              /* enum config_oauth1_method */
	char *client_id;
	char *client_secret_file;
	char *client_secret_command;
	char *bearer_token_file;
	char *ca_file;
	struct config_list collections; /* table names, each once, never empty */
	struct config_list read_twice;  /* table names: two readings that agree take the place of the server's totals */
	long page_size;
	long parallel;
	long timeout;     /* seconds until the first byte of an answer */
	long resume;      /* seconds a run that was cut off may be gone on with; 0: pages are not kept for that */
	char *save_pages; /* folder for what the server sends, or NULL */
	char *from_pages; /* folder of an earlier save_pages to read in place of the server, or NULL; then url and
			     credentials are not needed */
	long retry_time;  /* seconds of trying a page again, all tries together */

	/* Run */
	char *state_dir;    /* given, or made from $STATE_DIRECTORY, $XDG_STATE_HOME or $HOME and the address */
	long lock_wait;     /* seconds */
	char *report;       /* path, or NULL */
	char *metrics_file; /* path, or NULL */
	char *ping_url;     /* or NULL */
	long deadline;      /* seconds; 0 for none */
	bool force_once;    /* this run publishes whatever the guard says */
	bool deliver_again; /* this run delivers also what was delivered already */
	bool dry_run;       /* of prune: only say what would go */
	int log_format;     /* enum config_log_format */
	char *time_zone; /* in which days begin, or NULL for that of the machine; config_read makes it the process's */
	bool quiet;      /* never both */
	bool verbose;
	bool help;     /* then nothing else was read or checked */
	bool help_all; /* the help is to show every option; help is set too */

	bool json;        /* of commands that print what they found */
	bool show_values; /* also values, which are people's data */
	char *delta;      /* path of a delta bundle to be written, or NULL */

	struct bundle_config *bundles; /* at least one */
	size_t bundle_count;
	char **words; /* what stands on the command line beside options; borrowed from argv */
	size_t word_count;
	struct config_list warnings; /* sentences for the caller to print */

	/* Filled by config_secrets; from the environment already by config_read. NULL when not needed. */
	char *client_secret;
	char *bearer_token;
	char *deliver_secret;  /* of the environment only: for every bundle */
	char *credentials_dir; /* $CREDENTIALS_DIRECTORY, or NULL */

	struct config_origin *origins; /* one for each row of the option table */
	struct bundle_config top;      /* what the top part says about bundles, before any section */
};

/* What a command takes. */
struct config_command {
	const char *name; /* "export" */
	unsigned groups;  /* bits of enum option_group: which options it has on the command line and wants checked */
	size_t words_max; /* how many words beside the options */
};

/* True if text is an item of the list. */
bool config_list_has(const struct config_list *list, const char *text);

/* Fills an all-zero or uninitialised config. argv holds argc words behind the name of the command. The environment is
 * a list such as environ, NULL for the process's own; ROSTERZIP_CLIENT_SECRET and its like, and the variables of
 * options that may hold a secret, are overwritten in place and taken out of it, so that neither a child nor
 * /proc/PID/environ shows them. The file and the environment may hold options of other commands: one file serves them
 * all. Reads no secret file and runs no command. On failure (ERR_USAGE, ERR_FILE) config is still to be released. */
bool config_read(struct config *config, const struct config_command *command, int argc, char **argv, char **environment,
	struct err *err);

/* Reads the secrets of an export: those that config->auth needs (none with from_pages) into client_secret and
 * bearer_token, and each bundle's into its deliver_secret and passphrase. Fails with ERR_USAGE when one is missing,
 * unreadable, or open to others. Needs a source that config_read has checked; credentials.h has the single steps. */
bool config_secrets(struct config *config, struct err *err);

/* Frees everything, wipes the secrets; config is all zeros then. */
void config_release(struct config *config);

/* Prints the options of a command in groups, one line each, at most 80 columns; the rare ones only by name unless all.
 */
void config_help(const struct config_command *command, bool all, FILE *out);

/* Adds the settings in the form of a configuration file, each with where it comes from; secrets, and what may hold one
 * (the secret command, values of headers and token parameters, the query of an address), are left out. */
void config_show(const struct config *config, struct buf *out);

/* Where the value of an option comes from, as messages begin: "FILE:12", "ROSTERZIP_PAGE_SIZE", "--page-size",
 * "provider aspen", "consumer moodle", "default". Adds it to out, or puts it in front of a message (and returns
 * false). The bundle is one of config->bundles for a bundle option, else NULL. */
void config_origin_add(
	const struct config *config, const struct bundle_config *bundle, const char *option, struct buf *out);
bool config_err_in(
	const struct config *config, const struct bundle_config *bundle, const char *option, struct err *err);

/* The same as a level only, for an option of the run. */
enum config_level config_level(const struct config *config, const char *option);

/* The same for an option of one of config->bundles. */
enum config_level config_bundle_level(
	const struct config *config, const struct bundle_config *bundle, const char *option);

/* Writes the digest of everything that tells whose data the server gives to this configuration: address, login, token
 * address and parameters, headers, and the fixed token, as nothing else tells two districts apart then. */
void config_whose(const struct config *config, char out[static DIGEST_HEX_SIZE]);

/* Adds a sentence to the warnings. */
void config_warn(struct config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name by which the receiver of the bundle knows the zip at path: that of the delivery if it has one, else the
 * file's; "" for loose files. Points into the path or the bundle. */
const char *config_zip_name(const struct bundle_config *bundle, const char *path);

/* The word of an option with choices, such as "basic" for client-auth and CONFIG_CLIENT_AUTH_BASIC. A constant. */
const char *config_word(const char *option, int value);

/* Takes an item of fill or map apart, "table.column=value": table id and column index of the OneRoster 1.1 schema, and
 * the value, which points into the item. Fails with ERR_USAGE when there is no such column. */
bool config_column_item(const char *item, int *table, int *column, const char **value, struct err *err);

#endif

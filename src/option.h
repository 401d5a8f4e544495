/*
 * The one table of options: name, kind, bounds, default, help, and where in a struct config or struct bundle_config the
 * value goes. The configuration file, the environment, the command line, the help and the dump all read this table.
 * How a text becomes a value is for setting.h, which text wins for config.h.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

enum option_group {
	OPTION_SOURCE = 1,
	OPTION_BUNDLE = 2, /* may stand in a [bundle NAME] section */
	OPTION_RUN = 4,
	OPTION_STATE = 16,     /* of commands that keep something between runs */
	OPTION_PRINT = 8,      /* of commands that print what they found */
	OPTION_JUDGE = 32,     /* of commands that look at a bundle */
	OPTION_DIFF = 64,      /* of commands that compare bundles */
	OPTION_DELIVERY = 128, /* where a bundle is sent; of a bundle like OPTION_BUNDLE */
	OPTION_KEEP = 256,     /* how long dated bundles are kept; of a bundle like OPTION_BUNDLE */
	OPTION_SEND = 512,     /* of the command that sends a bundle made before */
	OPTION_PRUNE = 1024,   /* of the command that removes dated bundles */
	OPTION_PAGE = 2048,    /* of the command that draws a page about a bundle */
};

enum option_kind {
	OPTION_TEXT,     /* char * */
	OPTION_PATH,     /* char * */
	OPTION_URL,      /* char *; its query is never shown */
	OPTION_NUMBER,   /* long */
	OPTION_DURATION, /* long, seconds: 90, 90s, 15m, 2h, 1d */
	OPTION_CHOICE,   /* int, index of the word */
	OPTION_FLAG,     /* bool; no value on the command line */
	OPTION_WORDS,    /* struct config_list, separated by commas or blanks */
	OPTION_LINES,    /* struct config_list, one item a line */
};

/* Which words a shell may offer for a value that has no choices; others are as good if the check lets them pass. */
enum option_offer {
	OPTION_OFFER_NOTHING,
	OPTION_OFFER_TABLES,
	OPTION_OFFER_COLLECTIONS, /* tables, and core */
	OPTION_OFFER_PROVIDERS,   /* or a file */
	OPTION_OFFER_CONSUMERS,   /* or a file */
	OPTION_OFFER_ROLES,
	OPTION_OFFER_RULES,
	OPTION_OFFER_FOLDERS, /* and of OPTION_PATH no files */
};

/* Checks one text, or one item of a list. */
typedef bool option_check(const char *text, struct err *err);

struct option {
	const char *name;
	char letter; /* 0 for none */
	bool hidden; /* may hold a secret: shown cut or not at all, never echoed */
	bool command_line_only;
	bool none;    /* of OPTION_WORDS: the word none makes the list empty */
	bool phrases; /* of OPTION_WORDS: items may hold blanks, only commas separate them */
	bool rare;    /* the help of a command only names it */
	enum option_group group;
	unsigned also; /* bits of further groups whose commands have it */
	enum option_kind kind;
	enum option_offer offer;
	size_t at; /* offset of the destination */
	long min;  /* of numbers and durations */
	long max;
	const char *const *choices; /* of OPTION_CHOICE; ends with NULL */
	const char *preset;         /* default as a file would write it, or NULL */
	option_check *check;        /* or NULL */
	const char *argument;       /* NULL for flags */
	const char *help;
};

extern const struct option options[];
extern const size_t option_count;

/* What the environment variables of options begin with. */
#define OPTION_VARIABLE_PREFIX "ROSTERZIP_"

/* The row of that name ("page-size"), variable ("ROSTERZIP_PAGE_SIZE") or letter, or NULL. Names are length bytes long.
 */
const struct option *option_find(const char *name, size_t length);
const struct option *option_find_variable(const char *name, size_t length);
const struct option *option_find_letter(char letter);

/* Whether commands with these groups have the option. */
bool option_belongs(const struct option *option, unsigned group_bits);

/* Whether it is of a bundle: it may stand in a [bundle NAME] section, its destination is a struct bundle_config. */
bool option_of_bundle(const struct option *option);

/* The index of a row in the table. */
size_t option_index(const struct option *option);

/* The name of an option of these groups that looks like the word, or NULL when none is near. */
const char *option_nearest(const char *word, size_t length, unsigned group_bits);

/* Fails with ERR_USAGE for a name that is no option, with the nearest one of these groups, or with what to use instead
 * if it would take a secret as its value. what is the word for it ("key"), dashes stand in front ("--" or ""). Nothing
 * of a value is shown: it might be a secret. */
bool option_unknown(
	const char *what, const char *dashes, const char *name, size_t length, unsigned group_bits, struct err *err);

bool option_is_list(const struct option *option);

/* Adds the name of its environment variable. */
void option_variable(const struct option *option, struct buf *out);

/* Prints the rows of these groups, one line each; unless all are wanted, the rare ones only by their names. */
void option_help(unsigned group_bits, bool all, FILE *out);

#endif

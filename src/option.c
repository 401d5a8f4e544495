#include "option.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/time.h"
#include "check/moment.h"
#include "check/rule.h"
#include "column_name.h"
#include "config.h"
#include "fetch/http.h"
#include "limit.h"
#include "package/delivery.h"
#include "provider.h"
#include "secret.h"
#include "table/consumer.h"
#include "table/schema.h"

enum {
	PAGE_SIZE_MAX = 100000, /* more rows than any server is known to give at once */
	PARALLEL_MAX = 64,
	SECOND = 1,
	MINUTE = 60,
	HOUR = 60 * MINUTE,
	DAY = 24 * HOUR,
	WEEK = 7 * DAY,
	KEEP_MAX = 100000,
	HELP_COLUMN = 34,
	HELP_WIDTH = 79,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char to_lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c - 'A' + 'a');
	return c;
}

/* ---- Checks of one text, or one item of a list ---- */

static bool check_provider(const char *text, struct err *err)
{
	if (strcmp(text, "auto") == 0 || provider_is_path(text) || provider_find(text) != NULL)
		return true;
	struct buf names = {0};
	for (int i = 0; providers[i] != NULL; i++)
		buf_add_format(&names, ", %s", providers[i]->name);
	err_set(err, ERR_USAGE, "there is no `%s`, only: auto%s, or a /path/to/FILE.json", text, buf_text(&names));
	buf_release(&names);
	return false;
}

static bool check_consumer(const char *text, struct err *err)
{
	if (strchr(text, '/') != NULL || consumer_find(text) != NULL)
		return true;
	struct buf names = {0};
	for (int i = 0; consumers[i] != NULL; i++)
		buf_add_format(&names, "%s%s", i > 0 ? ", " : "", consumers[i]->name);
	err_set(err, ERR_USAGE, "there is no `%s`, only: %s, or a /path/to/FILE.json", text, buf_text(&names));
	buf_release(&names);
	return false;
}

static bool check_table(const char *text, struct err *err)
{
	return column_name_table(text, strlen(text), err) != NULL;
}

/* "core" stands for the tables that are read unless told otherwise. */
static bool check_collection(const char *text, struct err *err)
{
	return strcmp(text, "core") == 0 || check_table(text, err);
}

static bool check_fill(const char *text, struct err *err)
{
	int table;
	int column;
	const char *value;
	return config_column_item(text, &table, &column, &value, err) && column_name_open(table, column, err);
}

static bool check_drop(const char *text, struct err *err)
{
	int table;
	int hundredths;
	return limit_drop(text, &table, &hundredths, err);
}

static bool check_rows(const char *text, struct err *err)
{
	int table;
	uint64_t rows;
	return limit_rows(text, &table, &rows, err);
}

/* A rule of the final check, or a column whatever its rule. */
static bool check_allowed(const char *text, struct err *err)
{
	if (rule_find(text) != RULE_COUNT)
		return true;
	struct err ignored = {0};
	int table;
	int column;
	if (column_name_read(text, strlen(text), &table, &column, &ignored) != NULL)
		return true;
	return err_set(
		err, ERR_USAGE, "it is a rule such as field.enum or a column such as users.role, not `%s`", text);
}

/* Columns that a bundle can be without. One that is blank anyway may be named. */
static bool check_dropped(const char *text, struct err *err)
{
	int table;
	int index;
	const struct column *column = column_name_read(text, strlen(text), &table, &index, err);
	if (column == NULL)
		return false;
	if (column->required)
		return err_set(err, ERR_USAGE, "`%s` is required: it cannot be left blank", text);
	return column->type == COLUMN_BLANK || column_name_open(table, index, err);
}

static bool check_role(const char *text, struct err *err)
{
	const struct table *users = schema_table_find(&schema_oneroster_1_1, "users");
	const struct vocabulary *words = users->columns[column_find(users, "role")].vocabulary;
	for (const char *const *word = words->values; *word != NULL; word++)
		if (strcmp(text, *word) == 0)
			return true;
	struct buf names = {0};
	for (const char *const *word = words->values; *word != NULL; word++)
		buf_add_format(&names, "%s%s", word != words->values ? ", " : "", *word);
	err_set(err, ERR_USAGE, "there is no role `%s`, only: %s", text, buf_text(&names));
	buf_release(&names);
	return false;
}

/* "auto", or table.metadata.key */
static bool check_metadata(const char *text, struct err *err)
{
	size_t dot = strcspn(text, ".");
	char *name = mem_copy_n(text, dot);
	const struct table *table = schema_table_find(&schema_oneroster_1_1, name);
	free(name);
	if (strcmp(text, "auto") == 0)
		return true;
	if (table != NULL && strncmp(text + dot, ".metadata.", 10) == 0 && text[dot + 10] != '\0')
		return !column_name_never(table, text + dot + 10) ||
		       err_set(err, ERR_USAGE, "`%s` is never published, under whatever name it comes", text);
	return err_set(err, ERR_USAGE, "it is auto, or a column such as users.metadata.key, not `%s`", text);
}

static bool check_map(const char *text, struct err *err)
{
	int table;
	int column;
	const char *path;
	return config_column_item(text, &table, &column, &path, err) && column_name_open(table, column, err);
}

static bool check_since(const char *text, struct err *err)
{
	struct moment moment;
	if (strcmp(text, "last") == 0 || (moment_read(text, strlen(text), &moment) && moment.standard))
		return true;
	return err_set(err, ERR_USAGE, "it is last, or a time such as 2026-08-01T00:00:00Z, not `%s`", text);
}

static bool check_time_zone(const char *text, struct err *err)
{
	return time_zone_known(text) ||
	       err_set(err, ERR_USAGE,
		       "this machine knows no time zone `%s`: it is a name such as America/Denver, of a file below "
		       "/usr/share/zoneinfo, which the package tzdata brings",
		       text);
}

/* RFC 6749, section 3.3. */
static bool check_scope(const char *text, struct err *err)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < '!' || *c > '~' || *c == '"' || *c == '\\')
			return err_set(err, ERR_USAGE, "only names and addresses without quotation marks and accents");
	return true;
}

/* Compares names of parameters as servers do: client_secret, clientSecret and Client-Secret are the same. */
static bool same_name(const char *name, size_t length, const char *plain)
{
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '_' || name[i] == '-')
			continue;
		if (to_lower(name[i]) != *plain)
			return false;
		plain++;
	}
	return *plain == '\0';
}

static bool check_token_param(const char *text, struct err *err)
{
	static const char *const secrets[] = {"clientsecret", "secret", "password", "bearertoken"};
	const char *name = *text == '?' ? text + 1 : text;
	size_t length = strcspn(name, "=");
	if (length == 0 || name[length] == '\0')
		return err_set(err, ERR_USAGE, "it is written name=value, or ?name=value for the query");
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		if (same_name(name, length, secrets[i]) && strcmp(name + length, "={client-secret}") != 0)
			return err_set(err, ERR_USAGE,
				"no secret belongs here: write %.*s={client-secret}, and give the "
				"secret by `client-secret-file`, `client-secret-command` or ROSTERZIP_CLIENT_SECRET",
				(int)length, name);
	return true;
}

static bool check_header(const char *text, struct err *err)
{
	/* Lines that the program writes itself; a second one would contradict or reveal. */
	static const char *const ours[] = {"authorization", "cookie", "host", "contentlength", "transferencoding"};
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t length = strspn(text, allowed);
	const char *value = text + length;
	if (length == 0 || *value != ':')
		return err_set(err, ERR_USAGE, "it is written Name: value");
	value++;
	while (is_blank(*value))
		value++;
	if (*value == '\0')
		return err_set(err, ERR_USAGE, "%.*s has no value", (int)length, text);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (same_name(text, length, ours[i]))
			return err_set(err, ERR_USAGE, "%.*s is set by the program itself", (int)length, text);
	return true;
}

static bool check_deliver_as(const char *text, struct err *err)
{
	if (*text != '\0' && strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
		return true;
	return err_set(err, ERR_USAGE, "it is the name of a file without a folder, not `%s`", text);
}

/* As ssh-keygen -lf prints it, with or without the word in front: 32 bytes in base64. */
static bool check_host_key(const char *text, struct err *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	if (strncmp(text, "SHA256:", 7) == 0)
		text += 7;
	size_t length = strspn(text, digits);
	if (length == 43 && (text[length] == '\0' || strcmp(text + length, "=") == 0))
		return true;
	return err_set(err, ERR_USAGE, "it is a fingerprint as `ssh-keygen -lf` prints it, SHA256: and 43 characters");
}

static bool check_s3_region(const char *text, struct err *err)
{
	if (*text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0')
		return true;
	return err_set(err, ERR_USAGE, "it is a region such as us-east-1, not `%s`", text);
}

/* ---- The table ---- */

#define SOURCE(field)      .group = OPTION_SOURCE, .at = offsetof(struct config, field)
#define BUNDLE(field)      .group = OPTION_BUNDLE, .at = offsetof(struct bundle_config, field)
#define DELIVERY(field)    .group = OPTION_DELIVERY, .at = offsetof(struct bundle_config, field)
#define KEEP(field)        .group = OPTION_KEEP, .at = offsetof(struct bundle_config, field)
#define PRUNE(field)       .group = OPTION_PRUNE, .at = offsetof(struct config, field)
#define STATE(field)       .group = OPTION_STATE, .at = offsetof(struct config, field)
#define RUN(field)         .group = OPTION_RUN, .at = offsetof(struct config, field)
#define PRINT(field)       .group = OPTION_PRINT, .at = offsetof(struct config, field)
#define JUDGE(field)       .group = OPTION_JUDGE, .at = offsetof(struct config, field)
#define DIFF(field)        .group = OPTION_DIFF, .at = offsetof(struct config, field)
#define BETWEEN(low, high) .min = (low), .max = (high)

static const char *const auth_words[] = {"auto", "oauth2", "aeries-v1", "oauth1", "bearer", "none", NULL};
static const char *const client_auth_words[] = {"auto", "basic", "body", "query", "both", NULL};
static const char *const basic_encoding_words[] = {"form", "raw", NULL};
static const char *const grant_words[] = {"client_credentials", "password", NULL};
static const char *const oauth1_method_words[] = {"auto", "HMAC-SHA1", "HMAC-SHA256", NULL};
static const char *const empty_words[] = {"absent", "header", NULL};
static const char *const quote_words[] = {"minimal", "all", "blanks", NULL};
static const char *const mode_words[] = {"bulk", "delta", NULL};
static const char *const enrolled_only_words[] = {"no", "yes", "with-agents", NULL};
static const char *const eol_words[] = {"crlf", "lf", NULL};
static const char *const dangling_words[] = {"fail", "drop", "keep", NULL};
static const char *const deliver_by_words[] = {"rename", "direct", NULL};
static const char *const log_format_words[] = {"text", "json", NULL};

/* One group after the other, each in the order of the help. The first word of choices is the default. */
/* clang-format off: two lines a row */
const struct option options[] = {
	{"config", SOURCE(file), .also = OPTION_SEND, .kind = OPTION_PATH, .letter = 'c', .command_line_only = true,
		.argument = "FILE", .help = "settings in this file, see samples/"},
	{"url", SOURCE(url), .kind = OPTION_URL, .check = http_address_allowed, .argument = "URL",
		.help = "OneRoster address of the school system"},
	{"provider", SOURCE(provider_name), .kind = OPTION_TEXT, .preset = "auto", .check = check_provider,
		.argument = "NAME", .help = "which school system it is, or a file", .offer = OPTION_OFFER_PROVIDERS},
	{"auth", SOURCE(auth), .kind = OPTION_CHOICE, .choices = auth_words, .preset = "auto", .argument = "LOGIN",
		.help = ""},
	{"client-id", SOURCE(client_id), .kind = OPTION_TEXT, .argument = "ID", .help = "client id, or consumer id"},
	{"client-secret-file", SOURCE(client_secret_file), .kind = OPTION_PATH, .argument = "FILE",
		.help = "its secret, first line of a private file"},
	{"client-secret-command", SOURCE(client_secret_command), .rare = true, .kind = OPTION_TEXT, .hidden = true,
		.argument = "CMD", .help = "its secret, first line that CMD prints"},
	{"bearer-token-file", SOURCE(bearer_token_file), .kind = OPTION_PATH, .argument = "FILE",
		.help = "a fixed token in place of id and secret"},
	{"token-url", SOURCE(token_url), .rare = true, .kind = OPTION_URL, .check = http_address_allowed,
		.argument = "URL", .help = "exact address for tokens"},
	{"client-auth", SOURCE(client_auth), .rare = true, .kind = OPTION_CHOICE, .choices = client_auth_words,
		.preset = "auto", .argument = "PLACE", .help = "secret goes in"},
	{"basic-encoding", SOURCE(basic_encoding), .rare = true, .kind = OPTION_CHOICE, .choices = basic_encoding_words,
		.preset = "form", .argument = "HOW", .help = "id and secret in Basic"},
	{"grant", SOURCE(grant), .rare = true, .kind = OPTION_CHOICE, .choices = grant_words,
		.preset = "client_credentials", .argument = "TYPE", .help = ""},
	{"scope", SOURCE(scope), .rare = true, .kind = OPTION_WORDS, .check = check_scope, .none = true,
		.argument = "LIST", .help = "scopes to ask for, or none"},
	{"token-param", SOURCE(token_param), .rare = true, .kind = OPTION_LINES, .check = check_token_param,
		.hidden = true, .argument = "N=V", .help = "more for token calls; ?N=V in the query"},
	{"header", SOURCE(header), .rare = true, .kind = OPTION_LINES, .check = check_header, .hidden = true,
		.argument = "'N: V'", .help = "a header line for every call"},
	{"oauth1-method", SOURCE(oauth1_method), .rare = true, .kind = OPTION_CHOICE, .choices = oauth1_method_words,
		.preset = "auto", .argument = "NAME", .help = ""},
	{"ca-file", SOURCE(ca_file), .also = OPTION_SEND, .kind = OPTION_PATH, .argument = "FILE",
		.help = "trust these certificates too"},
	{"collections", SOURCE(collections), .rare = true, .kind = OPTION_WORDS, .preset = "core",
		.check = check_collection, .argument = "LIST", .help = "tables to read",
		.offer = OPTION_OFFER_COLLECTIONS},
	{"page-size", SOURCE(page_size), .kind = OPTION_NUMBER, BETWEEN(1, PAGE_SIZE_MAX), .preset = "1000",
		.argument = "ROWS", .help = "rows to ask for at once"},
	{"read-twice", SOURCE(read_twice), .rare = true, .kind = OPTION_WORDS, .check = check_table, .none = true,
		.argument = "LIST", .help = "no total believed, two readings instead", .offer = OPTION_OFFER_TABLES},
	{"parallel", SOURCE(parallel), .kind = OPTION_NUMBER, BETWEEN(1, PARALLEL_MAX), .preset = "4", .argument = "N",
		.help = "most requests at the same time"},
	{"timeout", SOURCE(timeout), .rare = true, .kind = OPTION_DURATION, BETWEEN(SECOND, HOUR), .preset = "5m",
		.argument = "TIME", .help = "wait for an answer to begin"},
	{"retry-time", SOURCE(retry_time), .rare = true, .kind = OPTION_DURATION, BETWEEN(0, DAY), .preset = "15m",
		.argument = "TIME", .help = "keep trying to get one page"},
	{"resume", SOURCE(resume), .kind = OPTION_DURATION, BETWEEN(0, WEEK), .preset = "0s", .argument = "TIME",
		.help = "go on with a run cut off so long ago"},
	{"save-pages", SOURCE(save_pages), .rare = true, .kind = OPTION_PATH, .argument = "DIR",
		.help = "keep what the server sent", .offer = OPTION_OFFER_FOLDERS},
	{"from-pages", SOURCE(from_pages), .rare = true, .kind = OPTION_PATH, .argument = "DIR",
		.help = "read that in place of the server", .offer = OPTION_OFFER_FOLDERS},
	{"output", BUNDLE(output), .also = OPTION_PAGE, .kind = OPTION_PATH, .letter = 'o', .argument = "PATH",
		.help = "zip, folder/ or page (%Y%m%d: date)"},
	{"consumer", BUNDLE(consumer_name), .also = OPTION_JUDGE | OPTION_PAGE, .kind = OPTION_TEXT,
		.check = check_consumer, .argument = "NAME", .help = "who takes the bundle, or a file",
		.offer = OPTION_OFFER_CONSUMERS},
	{"files", BUNDLE(files), .kind = OPTION_WORDS, .check = check_collection, .argument = "LIST",
		.help = "tables of the bundle", .offer = OPTION_OFFER_COLLECTIONS},
	{"mode", BUNDLE(mode), .kind = OPTION_CHOICE, .choices = mode_words, .preset = "bulk", .argument = "HOW",
		.help = ""},
	{"since", BUNDLE(since), .kind = OPTION_TEXT, .check = check_since, .argument = "TIME",
		.help = "of a delta: last, or a day or moment"},
	{"schools", BUNDLE(schools), .kind = OPTION_WORDS, .phrases = true, .argument = "LIST",
		.help = "only these orgs and what hangs on them"},
	{"terms", BUNDLE(terms), .kind = OPTION_WORDS, .phrases = true, .argument = "LIST",
		.help = "only these sessions, or current"},
	{"roles", BUNDLE(roles), .kind = OPTION_WORDS, .check = check_role, .argument = "LIST",
		.help = "only users of these roles", .offer = OPTION_OFFER_ROLES},
	{"grades", BUNDLE(grades), .kind = OPTION_WORDS, .argument = "LIST", .help = "only students of these grades"},
	{"enrolled-only", BUNDLE(enrolled_only), .kind = OPTION_CHOICE, .choices = enrolled_only_words, .preset = "no",
		.argument = "HOW", .help = ""},
	{"drop-columns", BUNDLE(drop_columns), .rare = true, .kind = OPTION_WORDS, .check = check_dropped, .none = true,
		.argument = "LIST", .help = "users.phone: columns left blank"},
	{"metadata", BUNDLE(metadata), .rare = true, .kind = OPTION_WORDS, .check = check_metadata, .none = true,
		.argument = "LIST", .help = "users.metadata.x: more columns, or auto"},
	{"map", BUNDLE(map), .rare = true, .kind = OPTION_LINES, .check = check_map, .argument = "'C=F'",
		.help = "users.grades=FILE: values replaced"},
	{"map-grades", BUNDLE(map_grades), .rare = true, .kind = OPTION_PATH, .argument = "FILE",
		.help = "grade codes replaced, from,to a line"},
	{"map-roles", BUNDLE(map_roles), .rare = true, .kind = OPTION_PATH, .argument = "FILE",
		.help = "roles replaced, from,to a line"},
	{"empty", BUNDLE(empty), .rare = true, .kind = OPTION_CHOICE, .choices = empty_words, .preset = "absent",
		.argument = "HOW", .help = "files without rows"},
	{"quote", BUNDLE(quote), .rare = true, .kind = OPTION_CHOICE, .choices = quote_words, .preset = "minimal",
		.argument = "WHICH", .help = "values in quotes"},
	{"eol", BUNDLE(eol), .rare = true, .kind = OPTION_CHOICE, .choices = eol_words, .preset = "crlf",
		.argument = "WHICH", .help = "line ends"},
	{"dangling", BUNDLE(dangling), .kind = OPTION_CHOICE, .choices = dangling_words, .preset = "fail",
		.argument = "HOW", .help = "broken references"},
	{"fill", BUNDLE(fill), .rare = true, .kind = OPTION_WORDS, .check = check_fill, .none = true,
		.argument = "LIST", .help = "file.column=value where empty, or none"},
	{"allow-missing", BUNDLE(allow_missing), .rare = true, .kind = OPTION_WORDS, .check = check_table, .none = true,
		.argument = "LIST", .help = "tables the server may refuse", .offer = OPTION_OFFER_TABLES},
	{"allow-empty", BUNDLE(allow_empty), .rare = true, .kind = OPTION_WORDS, .check = check_table, .none = true,
		.argument = "LIST", .help = "core tables that may be without rows", .offer = OPTION_OFFER_TABLES},
	{"allow-errors", BUNDLE(allow_errors), .rare = true, .kind = OPTION_WORDS, .check = check_allowed, .none = true,
		.argument = "LIST", .help = "rules or columns that may be wrong", .offer = OPTION_OFFER_RULES},
	{"max-drop", BUNDLE(max_drop), .kind = OPTION_WORDS, .check = check_drop, .argument = "LIST",
		.help = "20% or users=10%: most rows to go"},
	{"min-rows", BUNDLE(min_rows), .rare = true, .kind = OPTION_WORDS, .check = check_rows, .none = true,
		.argument = "LIST", .help = "users=1000: rows there have to be"},
	{"previous", BUNDLE(previous), .also = OPTION_PAGE, .kind = OPTION_PATH, .argument = "BUNDLE",
		.help = "compare with this, or none"},
	{"source-name", BUNDLE(source_name), .rare = true, .kind = OPTION_TEXT, .argument = "TEXT",
		.help = "system name for manifest.csv"},
	{"source-code", BUNDLE(source_code), .rare = true, .kind = OPTION_TEXT, .argument = "TEXT",
		.help = "system code for manifest.csv"},
	{"encrypt", BUNDLE(encrypt), .rare = true, .kind = OPTION_PATH, .argument = "FILE",
		.help = "archive copy, its passphrase in FILE"},
	{"checksum", BUNDLE(checksum), .rare = true, .kind = OPTION_FLAG, .help = "write OUTPUT.sha256 beside it"},
	{"deliver", DELIVERY(deliver), .kind = OPTION_URL, .check = delivery_check, .argument = "URL",
		.help = "sftp://, ftps://, https:// (PUT), or a folder"},
	{"deliver-as", DELIVERY(deliver_as), .rare = true, .kind = OPTION_TEXT, .check = check_deliver_as,
		.argument = "NAME", .help = "its name there (%Y%m%d: date)"},
	{"deliver-by", DELIVERY(deliver_by), .rare = true, .kind = OPTION_CHOICE, .choices = deliver_by_words,
		.preset = "rename", .argument = "HOW", .help = "at the end"},
	{"deliver-secret-file", DELIVERY(deliver_secret_file), .kind = OPTION_PATH, .argument = "FILE",
		.help = "file with password or token"},
	{"deliver-secret-command", DELIVERY(deliver_secret_command), .kind = OPTION_TEXT, .hidden = true, .rare = true,
		.argument = "CMD", .help = "command that prints it"},
	{"identity-file", DELIVERY(identity_file), .kind = OPTION_PATH, .argument = "FILE",
		.help = "private key for sftp"},
	{"known-hosts", DELIVERY(known_hosts), .kind = OPTION_PATH, .argument = "FILE", .help = "host keys for sftp"},
	{"host-key-sha256", DELIVERY(host_key_sha256), .kind = OPTION_TEXT, .check = check_host_key, .argument = "KEY",
		.help = "or the one host key's fingerprint"},
	{"s3-region", DELIVERY(s3_region), .kind = OPTION_TEXT, .check = check_s3_region, .rare = true,
		.argument = "REGION", .help = "sign the PUT as S3 stores want it"},
	{"keep-last", KEEP(keep_last), .kind = OPTION_NUMBER, BETWEEN(0, KEEP_MAX), .preset = "0", .argument = "N",
		.help = "newest dated bundles to keep"},
	{"keep-daily", KEEP(keep_daily), .kind = OPTION_NUMBER, BETWEEN(0, KEEP_MAX), .preset = "0", .argument = "N",
		.help = "one a day, of so many days"},
	{"keep-weekly", KEEP(keep_weekly), .kind = OPTION_NUMBER, BETWEEN(0, KEEP_MAX), .preset = "0", .argument = "N",
		.help = "one a week"},
	{"keep-monthly", KEEP(keep_monthly), .kind = OPTION_NUMBER, BETWEEN(0, KEEP_MAX), .preset = "0",
		.argument = "N", .help = "one a month"},
	{"dry-run", PRUNE(dry_run), .kind = OPTION_FLAG, .letter = 'n', .command_line_only = true,
		.help = "only say what would be removed"},
	{"state-dir", STATE(state_dir), .also = OPTION_SEND, .kind = OPTION_PATH, .argument = "FOLDER",
		.help = "lock and working files", .offer = OPTION_OFFER_FOLDERS},
	{"lock-wait", STATE(lock_wait), .also = OPTION_SEND, .kind = OPTION_DURATION, BETWEEN(0, DAY), .preset = "0s",
		.argument = "TIME", .help = "wait for another run to end"},
	{"report", STATE(report), .kind = OPTION_PATH, .argument = "FILE", .help = "write what happened as JSON"},
	{"metrics-file", STATE(metrics_file), .kind = OPTION_PATH, .argument = "FILE",
		.help = "write numbers for Prometheus"},
	{"ping-url", STATE(ping_url), .kind = OPTION_TEXT, .check = http_address_allowed, .hidden = true,
		.argument = "URL", .help = "told of start, success and failure"},
	{"deadline", STATE(deadline), .also = OPTION_SEND, .kind = OPTION_DURATION, BETWEEN(0, WEEK), .preset = "0s",
		.argument = "TIME", .help = "longest a run may take"},
	{"force-once", STATE(force_once), .kind = OPTION_FLAG, .command_line_only = true,
		.help = "publish although many rows are gone"},
	{"deliver-again", STATE(deliver_again), .kind = OPTION_FLAG, .command_line_only = true,
		.help = "send what was sent already"},
	{"log-format", RUN(log_format), .rare = true, .kind = OPTION_CHOICE, .choices = log_format_words,
		.preset = "text", .argument = "HOW", .help = ""},
	{"time-zone", RUN(time_zone), .rare = true, .kind = OPTION_TEXT, .check = check_time_zone, .argument = "ZONE",
		.help = "America/Denver: where days begin"},
	{"quiet", RUN(quiet), .kind = OPTION_FLAG, .letter = 'q', .help = "say nothing unless it fails"},
	{"verbose", RUN(verbose), .kind = OPTION_FLAG, .letter = 'v', .help = "say more: settings, every request"},
	{"help", RUN(help), .kind = OPTION_FLAG, .letter = 'h', .command_line_only = true, .help = "this page"},
	{"help-all", RUN(help_all), .kind = OPTION_FLAG, .command_line_only = true,
		.help = "this page with every option"},
	{"show-values", JUDGE(show_values), .kind = OPTION_FLAG, .command_line_only = true, .also = OPTION_DIFF,
		.help = "show values too: people's data"},
	{"delta", DIFF(delta), .kind = OPTION_PATH, .command_line_only = true, .argument = "ZIP",
		.help = "write what turns OLD into NEW"},
	{"json", PRINT(json), .kind = OPTION_FLAG, .command_line_only = true, .help = "print it as JSON, for programs"},
};
/* clang-format on */

const size_t option_count = sizeof(options) / sizeof(options[0]);

static const struct {
	enum option_group group;
	const char *title;
} groups[] = {
	{OPTION_SOURCE, "Source"},
	{OPTION_BUNDLE, "Bundle"},
	{OPTION_DELIVERY, "Delivery"},
	{OPTION_KEEP, "Snapshots"},
	{OPTION_PRUNE, "Removal"},
	{OPTION_STATE, "State"},
	{OPTION_SEND, "Settings"},
	{OPTION_PAGE, "Page"},
	{OPTION_JUDGE, "Bundle"},
	{OPTION_DIFF, "Comparison"},
	{OPTION_RUN, "Run"},
	{OPTION_PRINT, "Result"},
};

/* Names people would try for giving a secret itself, and what to do instead. */
static const struct {
	const char *name; /* as same_name compares */
	const char *advice;
} secret_names[] = {
	{"deliversecret",
		"use `deliver-secret-file`, `deliver-secret-command` or the variable ROSTERZIP_DELIVER_SECRET"},
	{"clientsecret", "use `client-secret-file`, `client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET"},
	{"consumersecret", "use `client-secret-file`, `client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET"},
	{"secret", "use `client-secret-file`, `client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET"},
	{"password", "use `client-secret-file`, `client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET"},
	{"bearertoken", "use `bearer-token-file` or the variable ROSTERZIP_BEARER_TOKEN"},
	{"token", "use `bearer-token-file` or the variable ROSTERZIP_BEARER_TOKEN"},
};

/* ---- Finding ---- */

const struct option *option_find(const char *name, size_t length)
{
	for (size_t i = 0; i < option_count; i++)
		if (strncmp(options[i].name, name, length) == 0 && options[i].name[length] == '\0')
			return &options[i];
	return NULL;
}

const struct option *option_find_letter(char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if (letter != '\0' && options[i].letter == letter)
			return &options[i];
	return NULL;
}

const struct option *option_find_variable(const char *name, size_t length)
{
	const struct option *found = NULL;
	for (size_t i = 0; i < option_count && found == NULL; i++) {
		struct buf variable = {0};
		option_variable(&options[i], &variable);
		if (variable.length == length && memcmp(variable.data, name, length) == 0)
			found = &options[i];
		buf_release(&variable);
	}
	return found;
}

bool option_of_bundle(const struct option *option)
{
	return (option->group & (OPTION_BUNDLE | OPTION_DELIVERY | OPTION_KEEP)) != 0;
}

bool option_belongs(const struct option *option, unsigned group_bits)
{
	return ((option->group | option->also) & group_bits) != 0;
}

size_t option_index(const struct option *option)
{
	return (size_t)(option - options);
}

const char *option_nearest(const char *word, size_t length, unsigned group_bits)
{
	char plain[NEAREST_MAX + 1];
	if (length == 0 || length > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		plain[i] = to_lower(word[i]);
		if (plain[i] == '_')
			plain[i] = '-';
	}
	plain[length] = '\0';
	const char *nearest = NULL;
	const char *part = NULL;
	size_t best = nearest_limit(length);
	for (size_t i = 0; i < option_count; i++) {
		const char *name = options[i].name;
		if (!option_belongs(&options[i], group_bits))
			continue;
		size_t far = nearest_distance(plain, length, name, strlen(name));
		if (far < best) {
			best = far;
			nearest = name;
		}
		if (part == NULL && length > 3 && strstr(name, plain) != NULL)
			part = name;
	}
	return nearest != NULL ? nearest : part;
}

static const char *secret_advice(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(secret_names) / sizeof(secret_names[0]); i++)
		if (same_name(name, length, secret_names[i].name))
			return secret_names[i].advice;
	return NULL;
}

bool option_unknown(
	const char *what, const char *dashes, const char *name, size_t length, unsigned group_bits, struct err *err)
{
	const char *advice = secret_advice(name, length);
	if (advice != NULL)
		return err_set(err, ERR_USAGE, "there is no `%s%.*s`, because a secret does not belong here: %s",
			dashes, (int)length, name, advice);
	const char *nearest = option_nearest(name, length, group_bits);
	if (nearest == NULL)
		return err_set(err, ERR_USAGE, "unknown %s `%s%.*s`", what, dashes, (int)length, name);
	return err_set(err, ERR_USAGE, "unknown %s `%s%.*s` (did you mean `%s%s`?)", what, dashes, (int)length, name,
		dashes, nearest);
}

bool option_is_list(const struct option *option)
{
	return option->kind == OPTION_WORDS || option->kind == OPTION_LINES;
}

/* ---- Showing ---- */

void option_variable(const struct option *option, struct buf *out)
{
	buf_add_text(out, OPTION_VARIABLE_PREFIX);
	for (const char *c = option->name; *c != '\0'; c++) {
		char upper = *c;
		if (upper == '-')
			upper = '_';
		else if (upper >= 'a' && upper <= 'z')
			upper = (char)(upper - 'a' + 'A');
		buf_add_char(out, upper);
	}
}

static void help_line(const struct option *option, FILE *out)
{
	char letter[] = "    ";
	if (option->letter != '\0')
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	int length = fprintf(out, "  %s--%s", letter, option->name);
	if (option->argument != NULL)
		length += fprintf(out, " %s", option->argument);
	fprintf(out, "%*s%s", length < HELP_COLUMN ? HELP_COLUMN - length : 1, "", option->help);
	const char *joint = *option->help != '\0' ? ": " : "";
	for (int i = 0; option->choices != NULL && option->choices[i] != NULL; i++) {
		fprintf(out, "%s%s", joint, option->choices[i]);
		joint = ", ";
	}
	if (option->choices == NULL && option->preset != NULL)
		fprintf(out, " (%s)", option->preset);
	fputc('\n', out);
}

/* The rare options of a group, by name only. */
static void help_names(unsigned group, FILE *out)
{
	size_t column = 0;
	for (size_t i = 0; i < option_count; i++) {
		if (!option_belongs(&options[i], group) || !options[i].rare)
			continue;
		size_t length = strlen(options[i].name) + sizeof("--,") - 1;
		if (column == 0)
			column = (size_t)fprintf(out, "  also");
		else
			column += (size_t)fprintf(out, ",");
		if (column + length > HELP_WIDTH)
			column = (size_t)fprintf(out, "\n      ") - 1;
		column += (size_t)fprintf(out, " --%s", options[i].name);
	}
	if (column > 0)
		fputc('\n', out);
}

void option_help(unsigned group_bits, bool all, FILE *out)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		if ((groups[g].group & group_bits) == 0)
			continue;
		fprintf(out, "%s:\n", groups[g].title);
		for (size_t i = 0; i < option_count; i++)
			if (option_belongs(&options[i], groups[g].group) && (all || !options[i].rare))
				help_line(&options[i], out);
		if (!all)
			help_names(groups[g].group, out);
	}
}

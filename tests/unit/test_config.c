#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"
#include "option.h"
#include "provider.h"
#include "scratch.h"
#include "secret.h"
#include "table/consumer.h"
#include "table/schema.h"

extern char **environ;

enum { WORDS_MAX = 32, ALL_GROUPS = OPTION_SOURCE | OPTION_BUNDLE | OPTION_STATE | OPTION_RUN };

#define SECRET "swordfish-under-the-bridge"
#define URL    "url = https://demo.aeries.net/aeries\n"
#define SOURCE URL "client-id = eagle\n"
#define BASE   SOURCE "output = /srv/o.zip\n"
#define HOME   "HOME=/home/nobody"
#define LOGIN  HOME "\nROSTERZIP_CLIENT_SECRET=" SECRET

static const struct config_command export_command = {.name = "export", .groups = ALL_GROUPS};

/* ---- One configuration read from texts ---- */

struct trial {
	const struct scratch *scratch;
	struct config config;
	struct err err;
	char *path; /* of the configuration file */
	char *text;
	char *words[WORDS_MAX];
	char *environment_text;
	char *environment[WORDS_MAX];
};

static int split(char *text, const char *between, char **words)
{
	int count = 0;
	char *rest = NULL;
	for (char *word = strtok_r(text, between, &rest); word != NULL; word = strtok_r(NULL, between, &rest)) {
		assert_true(count < WORDS_MAX - 1);
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

/* The file's text or NULL, the environment one variable a line, the words of the command line separated by blanks. */
static bool read_as(const struct config_command *command, struct trial *trial, void **state, const char *file,
	const char *environment, const char *words)
{
	*trial = (struct trial){.scratch = *state};
	trial->path = scratch_path(trial->scratch, "c.conf");
	if (file != NULL)
		scratch_write(trial->path, file);
	trial->text = mem_format("%s%s %s", file != NULL ? "--config=" : "", file != NULL ? trial->path : "", words);
	trial->environment_text = mem_copy(environment);
	split(trial->environment_text, "\n", trial->environment);
	int count = split(trial->text, " ", trial->words);
	return config_read(&trial->config, command, count, trial->words, trial->environment, &trial->err);
}

static bool read_all(struct trial *trial, void **state, const char *file, const char *environment, const char *words)
{
	return read_as(&export_command, trial, state, file, environment, words);
}

static void end(struct trial *trial)
{
	config_release(&trial->config);
	unlink(trial->path);
	free(trial->path);
	free(trial->text);
	free(trial->environment_text);
}

static void assert_fine(const struct trial *trial, bool ok)
{
	if (!ok)
		fail_msg("%s", trial->err.text);
	assert_int_equal(trial->err.code, ERR_NONE);
}

/* The message must be the expected one, with the path of the file where that says FILE. */
static void assert_error(const struct trial *trial, const char *expected)
{
	struct buf text = {0};
	for (const char *rest = expected; *rest != '\0';) {
		const char *file = strstr(rest, "FILE:");
		size_t length = file != NULL ? (size_t)(file - rest) : strlen(rest);
		buf_add(&text, rest, length);
		rest += length;
		if (file != NULL) {
			buf_add_text(&text, trial->path);
			rest += strlen("FILE");
		}
	}
	assert_string_equal(trial->err.text, buf_text(&text));
	assert_int_equal(trial->err.code, ERR_USAGE);
	assert_null(strstr(trial->err.text, SECRET));
	buf_release(&text);
}

static void check_error(
	void **state, const char *file, const char *environment, const char *words, const char *expected)
{
	struct trial trial;
	assert_false(read_all(&trial, state, file, environment, words));
	assert_error(&trial, expected);
	end(&trial);
}

static void assert_items(const struct config_list *list, const char *expected)
{
	struct buf text = {0};
	for (size_t i = 0; i < list->count; i++)
		buf_add_format(&text, "%s%s", i > 0 ? "|" : "", list->items[i]);
	assert_string_equal(buf_text(&text), expected);
	if (list->set) {
		assert_non_null(list->items);
		assert_null(list->items[list->count]);
	}
	buf_release(&text);
}

static void assert_origin(
	const struct trial *trial, const struct bundle_config *bundle, const char *option, const char *expected)
{
	struct buf text = {0};
	config_origin_add(&trial->config, bundle, option, &text);
	const char *shown = buf_text(&text);
	if (strncmp(expected, "FILE:", 5) == 0) {
		assert_int_equal(strncmp(shown, trial->path, strlen(trial->path)), 0);
		shown += strlen(trial->path);
		expected += strlen("FILE");
	}
	assert_string_equal(shown, expected);
	buf_release(&text);
}

/* ---- Who wins ---- */

static void test_defaults(void **state)
{
	struct trial trial;
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN, ""));
	const struct config *config = &trial.config;
	assert_string_equal(config->base_url, "https://demo.aeries.net/aeries");
	assert_string_equal(config->data_url, "https://demo.aeries.net/aeries/ims/oneroster/v1p1");
	assert_string_equal(config->provider_name, "auto");
	assert_ptr_equal(config->provider, provider_find("aeries"));
	assert_int_equal(config->auth, CONFIG_AUTH_AUTO);
	assert_int_equal(config->client_auth, CONFIG_CLIENT_AUTH_AUTO);
	assert_int_equal(config->basic_encoding, CONFIG_BASIC_FORM);
	assert_int_equal(config->grant, CONFIG_GRANT_CLIENT_CREDENTIALS);
	assert_int_equal(config->oauth1_method, CONFIG_OAUTH1_AUTO);
	assert_null(config->token_url);
	assert_false(config->scope.set);
	assert_false(config->header.set);
	assert_items(&config->collections, "orgs|academicSessions|courses|classes|users|enrollments");
	assert_int_equal(config->page_size, 1000);
	assert_int_equal(config->parallel, 4);
	assert_int_equal(config->timeout, 300);
	assert_int_equal(config->retry_time, 900);
	assert_string_equal(config->state_dir, "/home/nobody/.local/state/rosterzip/demo.aeries.net_aeries");
	assert_int_equal(config->lock_wait, 0);
	assert_null(config->report);
	assert_int_equal(config->log_format, CONFIG_LOG_TEXT);
	assert_false(config->quiet || config->verbose || config->help);
	assert_int_equal(config->bundle_count, 1);
	const struct bundle_config *bundle = &config->bundles[0];
	assert_string_equal(bundle->name, "");
	assert_int_equal(bundle->line, 0);
	assert_string_equal(bundle->output, "/srv/o.zip");
	assert_int_equal(bundle->empty, CONFIG_EMPTY_ABSENT);
	assert_int_equal(bundle->quote, CONFIG_QUOTE_MINIMAL);
	assert_int_equal(bundle->eol, CONFIG_EOL_CRLF);
	assert_int_equal(bundle->dangling, CONFIG_DANGLING_FAIL);
	assert_false(bundle->fill.set || bundle->allow_missing.set || bundle->allow_empty.set);
	assert_items(&bundle->files, "orgs|academicSessions|courses|classes|users|enrollments");
	assert_null(bundle->source_name);
	assert_null(bundle->source_code);
	assert_int_equal(config->warnings.count, 0);
	end(&trial);
}

static void test_later_wins(void **state)
{
	struct trial trial;
	const char *file = BASE "page-size = 20\nparallel = 2\n";
	const char *environment = LOGIN "\nROSTERZIP_PAGE_SIZE=30\nROSTERZIP_PARALLEL=\nROSTERZIP_LOG_FORMAT=json";
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN, ""));
	assert_origin(&trial, NULL, "page-size", "default");
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, file, LOGIN, ""));
	assert_int_equal(trial.config.page_size, 20);
	assert_origin(&trial, NULL, "page-size", "FILE:4");
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, file, environment, ""));
	assert_int_equal(trial.config.page_size, 30);
	assert_origin(&trial, NULL, "page-size", "ROSTERZIP_PAGE_SIZE");
	/* An empty variable is as good as none. */
	assert_int_equal(trial.config.parallel, 2);
	assert_int_equal(trial.config.log_format, CONFIG_LOG_JSON);
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, file, environment, "--page-size 40 --parallel=5 --page-size=41"));
	assert_int_equal(trial.config.page_size, 41);
	assert_int_equal(trial.config.parallel, 5);
	assert_origin(&trial, NULL, "page-size", "command line");
	assert_int_equal(config_level(&trial.config, "page-size"), CONFIG_COMMAND_LINE);
	end(&trial);
}

static void test_file_by_environment(void **state)
{
	struct trial trial;
	char *path = scratch_path(*state, "other.conf");
	scratch_write(path, BASE "page-size = 7\n");
	char *environment = mem_format("%s\nROSTERZIP_CONFIG=%s", LOGIN, path);
	assert_fine(&trial, read_all(&trial, state, NULL, environment, ""));
	assert_int_equal(trial.config.page_size, 7);
	end(&trial);
	/* One file only: the command line names another. */
	assert_fine(&trial, read_all(&trial, state, BASE, environment, ""));
	assert_int_equal(trial.config.page_size, 1000);
	end(&trial);
	free(environment);
	free(path);
}

static void test_command_line_forms(void **state)
{
	struct trial trial;
	assert_fine(&trial, read_all(&trial, state, SOURCE, LOGIN, "-o /a.zip -q"));
	assert_string_equal(trial.config.bundles[0].output, "/a.zip");
	assert_true(trial.config.quiet);
	end(&trial);
	assert_fine(&trial, read_all(&trial, state, SOURCE, LOGIN, "-vo/b.zip --"));
	assert_string_equal(trial.config.bundles[0].output, "/b.zip");
	assert_true(trial.config.verbose);
	end(&trial);
	assert_fine(&trial, read_all(&trial, state, BASE "quiet = yes\n", LOGIN, "--verbose"));
	assert_true(trial.config.verbose);
	assert_false(trial.config.quiet);
	end(&trial);
	/* Nothing else matters then. */
	assert_fine(&trial, read_all(&trial, state, "nonsense", LOGIN, "-qh --nonsense"));
	assert_true(trial.config.help);
	end(&trial);

	const struct config_command files = {.name = "files", .groups = OPTION_RUN, .words_max = 2};
	assert_fine(&trial, read_as(&files, &trial, state, NULL, HOME, "a.zip -q -- -b"));
	assert_int_equal(trial.config.word_count, 2);
	assert_string_equal(trial.config.words[0], "a.zip");
	assert_string_equal(trial.config.words[1], "-b");
	assert_null(trial.config.words[2]);
	end(&trial);
	assert_false(read_as(&files, &trial, state, NULL, HOME, "--page-size 5"));
	assert_error(&trial, "files has no option --page-size");
	end(&trial);
}

static void test_command_line_mistakes(void **state)
{
	check_error(state, BASE, LOGIN, "--clientid x", "unknown option `--clientid` (did you mean `--client-id`?)");
	check_error(state, BASE, LOGIN, "--out-put=x", "unknown option `--out-put` (did you mean `--output`?)");
	check_error(state, BASE, LOGIN, "--zebra", "unknown option `--zebra`");
	check_error(state, BASE, LOGIN, "-z", "export has no option -z");
	check_error(state, BASE, LOGIN, "--output", "--output needs a value: --output PATH");
	check_error(state, BASE, LOGIN, "--output --quiet", "--output needs a value: --output PATH");
	check_error(state, BASE, LOGIN, "-o", "--output needs a value: --output PATH");
	check_error(state, BASE, LOGIN, "--output=", "command line: `output` has no value");
	check_error(state, BASE, LOGIN, "--quiet=yes", "--quiet takes no value");
	check_error(state, BASE, LOGIN, "-qv", "`quiet` and `verbose` contradict each other");
	check_error(state, BASE, LOGIN, "--page-size 0",
		"command line: `page-size` takes a number from 1 to 100000, not `0`");
	check_error(state, BASE, LOGIN, "--output=~/x",
		"command line: `output` needs the whole path: ~ is not replaced here");
	/* Perhaps a secret whose option was forgotten. */
	check_error(state, BASE, LOGIN, SECRET,
		"word 2 behind `export` is one too many; a configuration file is given by --config FILE");
}

/* ---- Values ---- */

static void check_line(void **state, const char *line, const char *expected)
{
	char *file = mem_format("%s%s\n", SOURCE, line);
	char *message = mem_format("FILE:3: %s", expected);
	check_error(state, file, LOGIN, "-o /a", message);
	free(message);
	free(file);
}

static void test_bad_values(void **state)
{
	check_line(state, "page-size = 100001", "`page-size` takes a number from 1 to 100000, not `100001`");
	check_line(state, "page-size = 99999999999999999999",
		"`page-size` takes a number from 1 to 100000, not `99999999999999999999`");
	check_line(state, "page-size = -1", "`page-size` takes a number from 1 to 100000, not `-1`");
	check_line(state, "page-size = 1e3", "`page-size` takes a number from 1 to 100000, not `1e3`");
	check_line(state, "page-size =", "`page-size` has no value");
	check_line(state, "parallel = 65", "`parallel` takes a number from 1 to 64, not `65`");
	check_line(state, "timeout = 2h",
		"`timeout` takes a time from 1 to 3600 seconds, such as 90s, 15m or 2h, not `2h`");
	check_line(state, "timeout = 5 m",
		"`timeout` takes a time from 1 to 3600 seconds, such as 90s, 15m or 2h, not `5 m`");
	check_line(state, "auth = oauth",
		"`auth` takes one of: auto, oauth2, aeries-v1, oauth1, bearer, none; not `oauth`");
	check_line(state, "quiet = on", "`quiet` takes yes or no, not `on`");
	check_line(state, "collections = users, student",
		"`collections`: OneRoster has no table `student`, only: orgs, academicSessions, courses, classes, "
		"users, enrollments, demographics, categories, lineItems, results, resources, "
		"courseResources, classResources");
	check_line(
		state, "fill = users.enabledUser", "`fill`: it is written table.column=value, not `users.enabledUser`");
	check_line(state, "fill = people.enabledUser=true",
		"`fill`: OneRoster has no table `people`, only: orgs, academicSessions, courses, classes, users, "
		"enrollments, demographics, categories, lineItems, results, resources, courseResources, "
		"classResources");
	check_line(state, "fill = users.enabled=true",
		"`fill`: users has no column `enabled`, only: sourcedId, status, dateLastModified, enabledUser, "
		"orgSourcedIds, role, username, userIds, givenName, familyName, middleName, identifier, email, sms, "
		"phone, agentSourcedIds, grades, password");
	check_line(state, "fill = users.enabledUser=true, none", "`fill`: the word none stands alone");
	check_line(state, "scope = \"a\"", "`scope` is written without quotation marks");
	check_line(state, "scope = a, b\\c", "`scope`: only names and addresses without quotation marks and accents");
	check_line(state, "header = X-Sample", "`header`: it is written Name: value");
	check_line(state, "header = X Sample: 1", "`header`: it is written Name: value");
	check_line(state, "header = X-Sample:", "`header`: X-Sample has no value");
	check_line(state, "header = AUTHORIZATION: Bearer " SECRET,
		"`header`: AUTHORIZATION is set by the program itself");
	check_line(state, "token-param = appName",
		"`token-param`: it is written name=value, or ?name=value for the query");
	check_line(state, "token-param = ?=a", "`token-param`: it is written name=value, or ?name=value for the query");
	check_line(state, "token-param = client_secret=" SECRET,
		"`token-param`: no secret belongs here: write client_secret={client-secret}, and give the secret by "
		"`client-secret-file`, `client-secret-command` or ROSTERZIP_CLIENT_SECRET");
	check_line(state, "report = \"/srv/r.json\"", "`report` is written without quotation marks");
	check_line(state, "report = ~/r.json", "`report` needs the whole path: ~ is not replaced here");
	check_line(state, "help = yes", "`help` belongs on the command line");
	check_line(state, "config = other.conf", "`config` belongs on the command line");
	struct trial trial;
	assert_false(read_all(&trial, state, BASE "provider = airies\n", LOGIN, ""));
	assert_non_null(strstr(trial.err.text, "c.conf:4: `provider`: there is no `airies`, only: auto, aeries, "));
	end(&trial);
	check_error(state, BASE, LOGIN "\nROSTERZIP_PARALLEL=0", "",
		"ROSTERZIP_PARALLEL: `parallel` takes a number from 1 to 64, not `0`");
	check_error(state, "collections =\n" BASE, LOGIN, "",
		"FILE:1: `collections` has no value. Give one, or leave the setting out; a semicolon begins a "
		"comment");
}

/* ---- What the provider says ---- */

static void test_provider_before_defaults(void **state)
{
	struct trial trial;
	char *path = scratch_path(*state, "sample.json");
	char *whole = mem_format("%sprovider = %s\n", BASE, path);
	scratch_write(path, "{\"title\": \"Sample\", \"auth\": [\"oauth2\", \"oauth1\"], \"client-auth\": \"body\", "
			    "\"basic-encoding\": \"raw\", \"oauth1-method\": \"HMAC-SHA256\", \"scopes\": \"none\", "
			    "\"token-url\": \"https://login.example.org/token\", \"headers\": [\"X-Tenant\"], "
			    "\"parallel\": 2, \"page-size\": 5000, \"hints\": {}}");

	assert_fine(&trial, read_all(&trial, state, whole, LOGIN, ""));
	assert_string_equal(trial.config.provider->name, "sample");
	assert_int_equal(trial.config.parallel, 2);
	assert_int_equal(config_level(&trial.config, "parallel"), CONFIG_PROVIDER);
	assert_int_equal(trial.config.page_size, 1000); /* less than the provider can bear */
	assert_int_equal(config_level(&trial.config, "page-size"), CONFIG_DEFAULT);
	assert_int_equal(trial.config.basic_encoding, CONFIG_BASIC_RAW);
	assert_int_equal(trial.config.oauth1_method, CONFIG_OAUTH1_HMAC_SHA256);
	assert_string_equal(trial.config.token_url, "https://login.example.org/token");
	assert_true(trial.config.scope.set);
	assert_int_equal(trial.config.scope.count, 0);
	assert_items(&trial.config.warnings, "Sample wants a header line X-Tenant; give it by `header`");
	struct buf shown = {0};
	config_show(&trial.config, &shown);
	assert_non_null(strstr(buf_text(&shown), "= 2  ; provider sample\n"));
	buf_release(&shown);
	end(&trial);

	/* Whatever somebody set stays, also where it is what the default would have been. */
	assert_fine(&trial, read_all(&trial, state, whole, LOGIN "\nROSTERZIP_SCOPE=roster.readonly",
				    "--parallel 8 --basic-encoding form --oauth1-method auto --header x-tenant:west "
				    "--token-url https://other.example.org/token"));
	assert_int_equal(trial.config.parallel, 8);
	assert_int_equal(trial.config.basic_encoding, CONFIG_BASIC_FORM);
	assert_int_equal(trial.config.oauth1_method, CONFIG_OAUTH1_AUTO);
	assert_string_equal(trial.config.token_url, "https://other.example.org/token");
	assert_items(&trial.config.scope, "roster.readonly");
	assert_int_equal(trial.config.warnings.count, 0);
	end(&trial);

	scratch_write(path, "{\"titel\": \"Sample\"}");
	assert_false(read_all(&trial, state, whole, LOGIN, ""));
	assert_int_equal(trial.err.code, ERR_USAGE);
	char *sentence = mem_format("c.conf:4: `provider`: %s: unknown key \"titel\"", path);
	assert_non_null(strstr(trial.err.text, sentence));
	end(&trial);
	unlink(path);
	free(sentence);
	free(whole);
	free(path);
}

/* ---- What a consumer says ---- */

#define SAMPLE_CONSUMER                                                                                                \
	"{\"title\": \"Sample Receiver\", \"files\": {\"required\": [\"orgs\", \"users\", \"demographics\"], "         \
	"\"unwanted\": [\"courses\"], \"ignored\": [\"enrollments\"]}, \"empty\": \"header\", \"quote\": \"blanks\", " \
	"\"eol\": \"lf\", \"metadata\": [\"users.metadata.a\", \"orgs.metadata.b.c\"], \"roles\": [\"student\", "      \
	"\"aide\"], "                                                                                                  \
	"\"org-types\": [\"district\", \"school\"], \"enabled-only\": true, \"because\": {\"files\": \"x\", "          \
	"\"empty\": \"x\", "                                                                                           \
	"\"quote\": \"x\", \"eol\": \"x\", \"metadata\": \"x\", \"roles\": \"x\", \"org-types\": \"x\", "              \
	"\"enabled-only\": "                                                                                           \
	"\"x\"}}"

static void test_consumer_before_defaults(void **state)
{
	struct trial trial;
	char *path = scratch_path(*state, "receiver.json");
	char *whole = mem_format(
		SOURCE "[bundle a]\noutput = /a.zip\nconsumer = %s\n[bundle b]\noutput = /b.zip\n", path);
	scratch_write(path, SAMPLE_CONSUMER);

	assert_fine(&trial, read_all(&trial, state, whole, LOGIN, ""));
	const struct bundle_config *a = &trial.config.bundles[0];
	const struct bundle_config *b = &trial.config.bundles[1];
	assert_string_equal(a->consumer->title, "Sample Receiver");
	assert_int_equal(a->empty, CONFIG_EMPTY_HEADER);
	assert_int_equal(a->quote, CONFIG_QUOTE_BLANKS);
	assert_int_equal(a->eol, CONFIG_EOL_LF);
	assert_items(&a->metadata, "users.metadata.a|orgs.metadata.b.c");
	assert_items(&a->roles, "student|aide");
	assert_true(a->enabled_only);
	assert_items(&a->files, "orgs|academicSessions|classes|users|demographics");
	static const char *const names[] = {"empty", "quote", "eol", "metadata", "roles", "files"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_origin(&trial, a, names[i], "consumer receiver");
		assert_origin(&trial, b, names[i], "default");
	}
	/* The other bundle is what it would be alone. */
	assert_null(b->consumer);
	assert_int_equal(b->quote, CONFIG_QUOTE_MINIMAL);
	assert_int_equal(b->eol, CONFIG_EOL_CRLF);
	assert_false(b->roles.set || b->metadata.set || b->enabled_only);
	assert_items(&b->files, "orgs|academicSessions|courses|classes|users|enrollments");
	/* What both need is read. */
	assert_items(&trial.config.collections, "orgs|academicSessions|courses|classes|users|enrollments|demographics");
	struct buf shown = {0};
	config_show(&trial.config, &shown);
	static const char *const lines[] = {
		"quote                 = blanks  ; consumer receiver\n",
		"roles                 = student, aide  ; consumer receiver\n",
		"files                 = orgs, academicSessions, classes, users, demographics  ; consumer receiver\n",
		"; without users that are not enabled, consumer receiver\n",
		"; without orgs other than district, school, consumer receiver\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(buf_text(&shown), lines[i]) == NULL)
			fail_msg("no \"%s\" in:\n%s", lines[i], buf_text(&shown));
	buf_release(&shown);
	end(&trial);

	/* Whatever somebody set stays, also where it is what the default would have been. */
	assert_fine(&trial, read_all(&trial, state, whole, LOGIN "\nROSTERZIP_QUOTE=minimal",
				    "--eol crlf --empty absent --metadata none --roles teacher --files "
				    "core,demographics --allow-errors consumer.file-unwanted"));
	a = &trial.config.bundles[0];
	assert_int_equal(a->quote, CONFIG_QUOTE_MINIMAL);
	assert_int_equal(a->eol, CONFIG_EOL_CRLF);
	assert_int_equal(a->empty, CONFIG_EMPTY_ABSENT);
	assert_true(a->metadata.set);
	assert_items(&a->metadata, "");
	assert_items(&a->roles, "teacher");
	assert_items(&a->files, "orgs|academicSessions|courses|classes|users|enrollments|demographics");
	assert_origin(&trial, a, "quote", "ROSTERZIP_QUOTE");
	assert_origin(&trial, a, "files", "command line");
	end(&trial);
	unlink(path);
	free(whole);
	free(path);
}

static void test_builtin_consumers(void **state)
{
	static const struct {
		const char *name;
		const char *files;
	} cases[] = {
		{"moodle", "orgs|academicSessions|classes|users|enrollments"},
		{"naviance", "orgs|users"},
		{"great-minds", "orgs|classes|users|enrollments"},
		{"hmh", "orgs|academicSessions|courses|classes|users|enrollments|demographics"},
		{"st-math", "orgs|academicSessions|courses|classes|users|enrollments"},
		{"turnitin", "orgs|academicSessions|courses|classes|users|enrollments"},
	};
	struct trial trial;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *words = mem_format("--consumer %s", cases[i].name);
		assert_fine(&trial, read_all(&trial, state, BASE, LOGIN, words));
		assert_items(&trial.config.bundles[0].files, cases[i].files);
		end(&trial);
		free(words);
	}
	/* What is read and not refused is sent, also when somebody said to read more. */
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN,
				    "--collections core,demographics,results --consumer apple-school-manager"));
	assert_items(&trial.config.bundles[0].files,
		"orgs|academicSessions|courses|classes|users|enrollments|demographics|results");
	assert_int_equal(trial.config.bundles[0].quote, CONFIG_QUOTE_BLANKS);
	assert_int_equal(trial.config.bundles[0].eol, CONFIG_EOL_LF);
	assert_items(&trial.config.bundles[0].roles, "student|teacher");
	end(&trial);
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN, "--collections core,demographics --consumer st-math"));
	assert_items(&trial.config.bundles[0].files, "orgs|academicSessions|courses|classes|users|enrollments");
	assert_true(config_list_has(&trial.config.collections, "demographics"));
	end(&trial);
}

static void test_files(void **state)
{
	struct trial trial;
	const char *file = SOURCE "[bundle a]\noutput = /a.zip\nfiles = users, orgs\n"
				  "[bundle b]\noutput = /b.zip\nfiles = core, results, users\n";
	assert_fine(&trial, read_all(&trial, state, file, LOGIN, ""));
	assert_items(&trial.config.bundles[0].files, "orgs|users");
	assert_items(&trial.config.bundles[1].files, "orgs|academicSessions|courses|classes|users|enrollments|results");
	assert_items(&trial.config.collections, "orgs|academicSessions|courses|classes|users|enrollments|results");
	assert_origin(&trial, &trial.config.bundles[0], "files", "FILE:5");
	end(&trial);
	check_error(state, file, LOGIN, "--collections core",
		"FILE:8: `files` has results, which `collections` (command line) leaves out: add it there");
	check_error(state, BASE "collections = orgs, users\n", LOGIN, "--consumer hmh",
		"command line: HMH (Houghton Mifflin Harcourt) Ed needs academicSessions, which `collections` "
		"(FILE:4) leaves out: add it there");
	check_error(state, BASE "consumer = naviance\nfiles = orgs\n", LOGIN, "",
		"FILE:5: `files` leaves out users, which Naviance (PowerSchool) needs");
	check_error(state, BASE "consumer = moodle\nfiles = core\n", LOGIN, "",
		"FILE:5: `files` has courses, which Moodle, OneRoster plugin (enrol_oneroster) does not take");
	check_error(state, BASE, LOGIN,
		"--files=", "command line: `files` has no value. Give one, or leave the setting out");
	/* Who allows it gets it. */
	assert_fine(&trial, read_all(&trial, state, BASE "consumer = moodle\n", LOGIN,
				    "--files core --allow-errors consumer.file-unwanted"));
	end(&trial);
	assert_fine(&trial, read_all(&trial, state, BASE "consumer = naviance\n", LOGIN,
				    "--files orgs --allow-errors consumer.file-missing"));
	assert_items(&trial.config.bundles[0].files, "orgs");
	end(&trial);
}

/* Those that take a part only take the whole of it. */
static void test_consumer_of_deltas(void **state)
{
	struct trial trial;
	check_error(state, BASE "mode = delta\nsince = last\n", LOGIN, "--consumer moodle",
		"command line: `consumer` does not go with `mode = delta`: a delta holds single changes, and which of "
		"them belong to a part shows only in the whole; publish the part in bulk");
	assert_fine(&trial, read_all(&trial, state, BASE "mode = delta\nsince = last\n", LOGIN, "--consumer hmh"));
	end(&trial);
}

/* A zip or loose files, and the name of the zip. */
static void test_form(void **state)
{
	struct trial trial;
	check_error(state, BASE "consumer = classlink\n", LOGIN, "",
		"FILE:3: ClassLink Roster Server takes the files by themselves, not a zip: `output` has to end in a "
		"slash");
	check_error(state, SOURCE "consumer = turnitin\n", LOGIN, "-o /srv/o/",
		"command line: Turnitin roster sync takes a zip, not the files by themselves: `output` must not end in "
		"a slash");
	static const struct {
		const char *words;
		const char *warning;
	} cases[] = {
		{"--consumer classlink -o /srv/o/", ""},
		{"--consumer classlink -o /srv/o.zip --allow-errors consumer.form", ""},
		{"--consumer amplify -o /srv/o/", ""},
		{"--consumer amplify -o /srv/OneRoster.zip", ""},
		{"--consumer amplify -o OneRoster.zip", ""},
		{"--consumer turnitin -o /srv/any-%Y.zip", ""},
		{"--consumer amplify -o /srv/oneroster.zip",
			"command line: Amplify expects a zip called OneRoster.zip, not oneroster.zip"},
		{"--consumer amplify -o /srv/%Y/OneRoster.zip", ""},
		{"--consumer amplify -o /srv/OneRoster-%Y.zip",
			"command line: Amplify expects a zip called OneRoster.zip, not OneRoster-%Y.zip"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_fine(&trial, read_all(&trial, state, SOURCE, LOGIN, cases[i].words));
		assert_items(&trial.config.warnings, cases[i].warning);
		end(&trial);
	}
}

static void test_good_values(void **state)
{
	struct trial trial;
	const char *file = "url=https://demo.aeries.net/aeries\n"
			   "client-id: eagle\n"
			   "client-secret-command = \"/opt/a b/print\" \"eagle\"\n"
			   "timeout = 90\nretry-time = 1d\nlock-wait = 2h\n"
			   "quiet = 1\nverbose = false\n"
			   "provider = generic\n"
			   "auth = aeries-v1\n"
			   "client-auth = both\nbasic-encoding = raw\ngrant = password\noauth1-method = HMAC-SHA256\n"
			   "scope = none\n"
			   "fill = none\n"
			   "collections = users core,,demographics , users\n"
			   "empty = header\nquote = all\neol = lf\ndangling = keep\n"
			   "source-name = Sample SIS; west\n"
			   "source-code = 007\n"
			   "output = /srv/%Y/\n";
	assert_fine(&trial, read_all(&trial, state, file, HOME, ""));
	const struct config *config = &trial.config;
	assert_string_equal(config->client_secret_command, "\"/opt/a b/print\" \"eagle\"");
	assert_int_equal(config->timeout, 90);
	assert_int_equal(config->retry_time, 86400);
	assert_int_equal(config->lock_wait, 7200);
	assert_true(config->quiet);
	assert_ptr_equal(config->provider, provider_find("generic"));
	assert_int_equal(config->auth, CONFIG_AUTH_AERIES_V1);
	assert_int_equal(config->client_auth, CONFIG_CLIENT_AUTH_BOTH);
	assert_int_equal(config->basic_encoding, CONFIG_BASIC_RAW);
	assert_int_equal(config->grant, CONFIG_GRANT_PASSWORD);
	assert_int_equal(config->oauth1_method, CONFIG_OAUTH1_HMAC_SHA256);
	assert_true(config->scope.set);
	assert_items(&config->scope, "");
	assert_items(&config->collections, "orgs|academicSessions|courses|classes|users|enrollments|demographics");
	const struct bundle_config *bundle = &config->bundles[0];
	assert_true(bundle->fill.set);
	assert_items(&bundle->fill, "");
	assert_int_equal(bundle->empty, CONFIG_EMPTY_HEADER);
	assert_int_equal(bundle->quote, CONFIG_QUOTE_ALL);
	assert_int_equal(bundle->eol, CONFIG_EOL_LF);
	assert_int_equal(bundle->dangling, CONFIG_DANGLING_KEEP);
	assert_string_equal(bundle->source_name, "Sample SIS; west");
	assert_string_equal(bundle->source_code, "007");
	assert_string_equal(bundle->output, "/srv/%Y/");
	assert_string_equal(config_word("oauth1-method", config->oauth1_method), "HMAC-SHA256");
	assert_string_equal(config_word("eol", bundle->eol), "lf");
	end(&trial);
}

static void test_fill_items(void **state)
{
	(void)state;
	struct err err = {0};
	int table = SCHEMA_NONE;
	int column = SCHEMA_NONE;
	const char *value = NULL;
	assert_true(config_column_item("classes.classType=a.b=c", &table, &column, &value, &err));
	const struct table *classes = schema_table_find(&schema_oneroster_1_1, "classes");
	assert_int_equal(table, classes->id);
	assert_int_equal(column, column_find(classes, "classType"));
	assert_string_equal(value, "a.b=c");
	assert_false(config_column_item("classes.classType=", &table, &column, &value, &err));
}

/* Nothing said is everything published, so it is a mistake, wherever it is said. */
static void test_blank_lists(void **state)
{
	static const char *const names[] = {"schools", "terms", "roles", "grades", "files", "drop-columns", "max-drop",
		"min-rows", "metadata", "map", "fill", "allow-missing", "allow-empty", "allow-errors", "collections",
		"scope", "header", "token-param"};
	static const char *const blanks[] = {"", " , "};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t b = 0; b < 2; b++) {
			struct trial trial;
			bool line = strcmp(names[i], "map") == 0 || strcmp(names[i], "header") == 0 ||
				    strcmp(names[i], "token-param") == 0;
			if (line && b == 1)
				continue; /* a comma is a value there */
			char *argument = mem_format("--%s=%s", names[i], b == 0 ? "" : ",");
			assert_false(read_all(&trial, state, BASE, LOGIN, argument));
			assert_int_equal(trial.err.code, ERR_USAGE);
			char *text = mem_format("command line: `%s` has no value. Give one, ", names[i]);
			assert_memory_equal(trial.err.text, text, strlen(text));
			end(&trial);
			free(argument);
			free(text);
			char *file = mem_format("%s%s = %s; 994\n", BASE, names[i], blanks[b]);
			assert_false(read_all(&trial, state, file, LOGIN, ""));
			text = mem_format("4: `%s` has no value. Give one, ", names[i]);
			assert_non_null(strstr(trial.err.text, text));
			assert_non_null(strstr(trial.err.text, "; a semicolon begins a comment"));
			end(&trial);
			free(file);
			free(text);
		}
	check_error(state, BASE, LOGIN "\nROSTERZIP_SCHOOLS=", "",
		"ROSTERZIP_SCHOOLS: `schools` has no value. Give one, or leave the setting out");
	check_error(state, BASE, LOGIN "\nROSTERZIP_CONSUMER=", "", "ROSTERZIP_CONSUMER: `consumer` has no value");
	check_error(state, BASE "schools = 994\nschools =\n", LOGIN, "",
		"FILE:5: `schools` has no value. Give one, or leave the setting out; a semicolon begins a comment");
	check_error(state, BASE, LOGIN,
		"--schools 994 --schools=", "command line: `schools` has no value. Give one, or leave the setting out");
	/* Of the top part only what a bundle takes over counts. */
	check_error(state, SOURCE "schools =\n[bundle a]\noutput = /a.zip\nschools = 1\n[bundle b]\noutput = /b.zip\n",
		LOGIN, "",
		"FILE:3: `schools` has no value. Give one, or leave the setting out; a semicolon begins a comment");
	struct trial trial;
	assert_fine(&trial,
		read_all(&trial, state, SOURCE "schools =\n[bundle a]\noutput = /a.zip\nschools = 1\n", LOGIN, ""));
	end(&trial);
	assert_fine(
		&trial, read_all(&trial, state, BASE "schools = North School, 994\n  Academy of Arts\n", LOGIN, ""));
	assert_items(&trial.config.bundles[0].schools, "North School|994|Academy of Arts");
	end(&trial);
}

/* Columns that no setting may touch. */
static void test_closed_columns(void **state)
{
	static const char *const closed[] = {"sourcedId: ids are never made up and never rewritten",
		"status: only the SIS says which rows are deleted",
		"dateLastModified: only the SIS says when a row was changed",
		"password: a password never leaves the SIS through this program"};
	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		int length = (int)strcspn(closed[i], ":");
		char *text = mem_format(
			"`fill`: users.%.*s is not for settings%s", length, closed[i], closed[i] + length);
		char *line = mem_format("fill = users.%.*s=x", length, closed[i]);
		check_line(state, line, text);
		free(line);
		free(text);
		text = mem_format("`map`: users.%.*s is not for settings%s", length, closed[i], closed[i] + length);
		line = mem_format("map = users.%.*s=/etc/map.csv", length, closed[i]);
		check_line(state, line, text);
		free(line);
		free(text);
	}
	check_line(state, "drop-columns = orgs.status",
		"`drop-columns`: orgs.status is not for settings: only the SIS says which rows are deleted");
	check_line(state, "metadata = users.metadata.password",
		"`metadata`: `users.metadata.password` is never published, under whatever name it comes");
	check_line(state, "metadata = users.metadata.login.Password",
		"`metadata`: `users.metadata.login.Password` is never published, under whatever name it comes");
	struct trial trial;
	assert_fine(&trial, read_all(&trial, state, BASE "drop-columns = users.password\n", LOGIN, ""));
	end(&trial);
}

static void test_lists(void **state)
{
	struct trial trial;
	const char *file = BASE "scope = a, b\n"
				"   c d ; not this\n"
				"\n"
				"# nor this\n"
				"\te\n"
				"scope = f\n"
				"header = X-One: 1, 2\n"
				"  X-Two: a=b; c ; comment\n"
				"token-param = ?app=x y\n"
				"token-param = scope=z\n"
				"   url=z\n"
				"allow-empty =\n"
				"   courses\n"
				"   classes\n";
	assert_fine(&trial, read_all(&trial, state, file, LOGIN, ""));
	assert_items(&trial.config.scope, "a|b|c|d|e|f");
	assert_origin(&trial, NULL, "scope", "FILE:9");
	assert_items(&trial.config.header, "X-One: 1, 2|X-Two: a=b; c");
	assert_items(&trial.config.token_param, "?app=x y|scope=z|url=z");
	assert_items(&trial.config.bundles[0].allow_empty, "courses|classes");
	end(&trial);
	/* A later source does not add to an earlier one, but to itself. */
	assert_fine(&trial, read_all(&trial, state, file, LOGIN "\nROSTERZIP_SCOPE=g h\nROSTERZIP_HEADER=Y: 1", ""));
	assert_items(&trial.config.scope, "g|h");
	assert_items(&trial.config.header, "Y: 1");
	end(&trial);
	assert_fine(&trial,
		read_all(&trial, state, file, LOGIN, "--scope i --scope=j,k --token-param=l=1 --token-param m=2"));
	assert_items(&trial.config.scope, "i|j|k");
	assert_items(&trial.config.token_param, "l=1|m=2");
	end(&trial);
}

/* ---- The file ---- */

static void test_file_mistakes(void **state)
{
	check_error(
		state, URL "clientid = x\n", LOGIN, "", "FILE:2: unknown key `clientid` (did you mean `client-id`?)");
	check_error(state, "\n\n# a\nURL = x\n", LOGIN, "", "FILE:4: unknown key `URL` (did you mean `url`?)");
	check_error(
		state, "colections = x\n", LOGIN, "", "FILE:1: unknown key `colections` (did you mean `collections`?)");
	check_error(state, "secret-file = x\n", LOGIN, "",
		"FILE:1: unknown key `secret-file` (did you mean `client-secret-file`?)");
	check_error(state, "zebra = x\n", LOGIN, "", "FILE:1: unknown key `zebra`");
	check_error(state, BASE "page-size\nparallel = 3\n", LOGIN, "", "FILE:4: expected `key = value`");
	check_error(state, BASE "page-size", LOGIN, "", "FILE:4: expected `key = value`");
	check_error(state, BASE "page-size ; = 5\n", LOGIN, "", "FILE:4: expected `key = value`");
	check_error(state, BASE "url = https://b.example\n", LOGIN, "", "FILE:4: `url` was already given on line 1");
	check_error(state, BASE "  page-size = 5\n", LOGIN, "",
		"FILE:4: this line begins with a blank and so continues `output`; remove the blank");
	check_error(state, BASE "scope = a\n\n page-size=5\n", LOGIN, "",
		"FILE:6: this line begins with a blank and so continues `scope`; remove the blank");
	check_error(state, BASE "token-param = a=b\n page-size = 5\n", LOGIN, "",
		"FILE:5: this line begins with a blank and so continues `token-param`; remove the blank");
	check_error(state, BASE "report = a\x01z\n", LOGIN, "",
		"FILE:4: this line holds control characters; the file has to be plain text");
	check_error(state, "[run]\n", LOGIN, "", "FILE:1: unknown section [run]; there is only [bundle NAME]");
	check_error(
		state, "[bundles a]\n", LOGIN, "", "FILE:1: unknown section [bundles a]; there is only [bundle NAME]");
	check_error(state, "\n[bundle a\n", LOGIN, "", "FILE:2: a section begins with [ and has to end with ]");
	check_error(state, "[bundle a] output = x\n", LOGIN, "", "FILE:1: nothing may stand behind the ] of a section");

	struct trial trial;
	assert_false(read_all(&trial, state, NULL, LOGIN, "-c /nowhere/c.conf"));
	assert_error(&trial, "cannot read /nowhere/c.conf: No such file or directory");
	end(&trial);
}

static void test_file_forms(void **state)
{
	struct trial trial;
	/* BOM, CRLF, no line end at the end, indented first key, comments. */
	const char *file = "\xEF\xBB\xBF# sample\r\n"
			   "   url = https://demo.aeries.net/aeries \t\r\n"
			   "; more\r\n"
			   "client-id = a#b;c ; d\r\n"
			   "\r\n"
			   "report=/srv/\xC3\xA9=1:2\r\n"
			   "output = /a.zip";
	assert_fine(&trial, read_all(&trial, state, file, LOGIN, ""));
	assert_string_equal(trial.config.url, "https://demo.aeries.net/aeries");
	assert_string_equal(trial.config.client_id, "a#b;c");
	assert_string_equal(trial.config.report, "/srv/\xC3\xA9=1:2");
	assert_string_equal(trial.config.bundles[0].output, "/a.zip");
	assert_origin(&trial, NULL, "report", "FILE:6");
	end(&trial);
}

/* ---- Bundles ---- */

static void test_bundles(void **state)
{
	struct trial trial;
	const char *file = SOURCE "dangling = drop\n"
				  "allow-missing = demographics\n"
				  "eol = lf\n"
				  "[bundle one] ; first\n"
				  "output = /srv/1.zip\n"
				  "[ bundle  Two_2.b-c ]\n"
				  "  output = /srv/2.zip\n"
				  "dangling = keep\n"
				  "allow-missing = courses\n"
				  "allow-missing = classes\n"
				  "[bundle three]\n"
				  "allow-missing = none\n"
				  "output = /srv/3.zip\n";
	assert_fine(&trial, read_all(&trial, state, file, LOGIN "\nROSTERZIP_QUOTE=all", "--eol crlf"));
	assert_int_equal(trial.config.bundle_count, 3);
	const struct bundle_config *one = &trial.config.bundles[0];
	const struct bundle_config *two = &trial.config.bundles[1];
	const struct bundle_config *three = &trial.config.bundles[2];
	assert_string_equal(one->name, "one");
	assert_string_equal(two->name, "Two_2.b-c");
	assert_string_equal(one->output, "/srv/1.zip");
	assert_string_equal(two->output, "/srv/2.zip");
	assert_int_equal(one->dangling, CONFIG_DANGLING_DROP);
	assert_int_equal(two->dangling, CONFIG_DANGLING_KEEP);
	assert_int_equal(three->dangling, CONFIG_DANGLING_DROP);
	assert_items(&one->allow_missing, "demographics");
	assert_items(&two->allow_missing, "courses|classes");
	assert_true(three->allow_missing.set);
	assert_items(&three->allow_missing, "");
	assert_origin(&trial, one, "dangling", "FILE:3");
	assert_origin(&trial, two, "dangling", "FILE:10");
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(trial.config.bundles[i].quote, CONFIG_QUOTE_ALL);
		assert_int_equal(trial.config.bundles[i].eol, CONFIG_EOL_CRLF);
	}
	assert_origin(&trial, three, "quote", "ROSTERZIP_QUOTE");
	end(&trial);

	/* A single one may be sent elsewhere. */
	assert_fine(&trial, read_all(&trial, state, SOURCE "[bundle a]\noutput = /a.zip\n", LOGIN, "-o /b.zip"));
	assert_string_equal(trial.config.bundles[0].output, "/b.zip");
	end(&trial);
}

static void test_bundle_mistakes(void **state)
{
	check_error(state, SOURCE "[bundle a]\npage-size = 5\n", LOGIN, "",
		"FILE:4: `page-size` is for the whole run: it belongs above the first section, not into [bundle a]");
	check_error(state, SOURCE "[bundle a]\noutput = x\n[bundle b]\n", LOGIN, "",
		"FILE:5: [bundle b] needs an `output`");
	check_error(state, BASE "[bundle a]\noutput = x\n", LOGIN, "",
		"FILE:3: `output` stands above the [bundle] sections: move it into the one it belongs to");
	check_error(state, SOURCE "[bundle a]\noutput = x\n[bundle a]\n", LOGIN, "",
		"FILE:5: [bundle a] was already begun on line 3");
	check_error(state, SOURCE "[bundle a]\noutput = x\n[bundle b]\noutput = x\n", LOGIN, "",
		"FILE:5: [bundle b] has the same `output` as [bundle a]");
	check_error(state, SOURCE "[bundle a]\noutput = x\noutput = y\n", LOGIN, "",
		"FILE:5: `output` was already given on line 4");
	check_error(state, SOURCE "[bundle a]\noutput = x\n[bundle b]\noutput = y\n", LOGIN, "-o z",
		"command line: there are 2 bundles, which cannot share one `output`");
	static const char *const names[] = {"", " ", "a b", "../a", ".a", "-a", "a/b", "\xC3\xA9"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *file = mem_format("[bundle %s]\n", names[i]);
		check_error(state, file, LOGIN, "",
			"FILE:1: the name in [bundle NAME] begins with a letter or digit and goes on with those, dots, "
			"hyphens and underscores");
		free(file);
	}
}

/* ---- What is missing ---- */

static void test_missing(void **state)
{
	struct trial trial;
	check_error(state, NULL, LOGIN, "",
		"`url` is missing: the OneRoster address of the school system, by --url or in a configuration file "
		"(--config FILE)");
	check_error(state, SOURCE, LOGIN, "",
		"`output` is missing: where the bundle goes, by --output FILE or in a configuration file (--config "
		"FILE)");
	check_error(state, URL, LOGIN, "-o /a",
		"`client-id` is missing: the id that the school system shows beside the secret (Consumer ID in "
		"Aeries)");
	check_error(state, BASE, HOME, "",
		"the secret of the client is missing: put it into a file that nobody else may read and name it by "
		"`client-secret-file`, or use `client-secret-command` or ROSTERZIP_CLIENT_SECRET");
	check_error(state, URL "auth = bearer\n", HOME, "-o /a",
		"the bearer token is missing: put it into a file that nobody else may read and name it by "
		"`bearer-token-file`, or use ROSTERZIP_BEARER_TOKEN");
	check_error(state, BASE, "ROSTERZIP_CLIENT_SECRET=" SECRET "\nXDG_STATE_HOME=relative\nHOME=", "",
		"`state-dir` is missing, and neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME says where "
		"it could be");
	assert_fine(&trial, read_all(&trial, state, URL "auth = none\noutput = x\n", HOME, ""));
	end(&trial);
	/* A command that neither reads a server nor writes a bundle misses none of it. */
	const struct config_command plain = {.name = "plain", .groups = OPTION_RUN};
	assert_fine(&trial, read_as(&plain, &trial, state, NULL, "A=b", ""));
	assert_null(trial.config.state_dir);
	end(&trial);
}

static void test_state_dir(void **state)
{
	static const struct {
		const char *environment;
		const char *words;
		const char *expected;
	} cases[] = {
		{"HOME=/h\nXDG_STATE_HOME=/x\nSTATE_DIRECTORY=/s:/t", "", "/s/demo.aeries.net_aeries"},
		{"HOME=/h\nXDG_STATE_HOME=/x", "", "/x/rosterzip/demo.aeries.net_aeries"},
		{"HOME=/h\nXDG_STATE_HOME=", "", "/h/.local/state/rosterzip/demo.aeries.net_aeries"},
		{"HOME=/h", "--state-dir /d", "/d"},
		{"A=b", "--state-dir d", "d"},
		/* However the same district is written, it has one folder; others have others. */
		{"HOME=/h", "--url https://DEMO.aeries.net:443/aeries/Login.aspx",
			"/h/.local/state/rosterzip/demo.aeries.net_aeries"},
		{"HOME=/h", "--url https://demo.aeries.net/aeries/ims/oneroster/v1p1",
			"/h/.local/state/rosterzip/demo.aeries.net_aeries"},
		{"HOME=/h", "--url https://demo.aeries.net/a_b/c", "/h/.local/state/rosterzip/demo.aeries.net_a%5Fb_c"},
		{"HOME=/h", "--url http://[::1]:8080", "/h/.local/state/rosterzip/%3A%3A1%3A8080"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial trial;
		char *environment = mem_format("%s\nROSTERZIP_CLIENT_SECRET=%s", cases[i].environment, SECRET);
		assert_fine(&trial, read_all(&trial, state, BASE, environment, cases[i].words));
		assert_string_equal(trial.config.state_dir, cases[i].expected);
		end(&trial);
		free(environment);
	}
}

/* ---- Addresses ---- */

static void test_bad_addresses(void **state)
{
	static const char *const ways[] = {"--url=", "--auth=oauth2 --token-url="};
	static const char *const bad[] = {
		"http://demo.aeries.net/aeries",
		"http://127.evil.example/aeries",
		"http://localhost.example/aeries",
		"http://10.0.0.1/aeries",
		"http://[2001:db8::1]/aeries",
		"ftp://demo.aeries.net/aeries",
		"demo.aeries.net/aeries",
		"https://",
		"https://eagle:swordfish@demo.aeries.net/aeries",
		"http://localhost@demo.aeries.net/",
	};
	for (size_t o = 0; o < 2; o++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct trial trial;
			char *words = mem_format("%s%s", ways[o], bad[i]);
			assert_false(read_all(&trial, state, BASE, LOGIN, words));
			assert_int_equal(trial.err.code, ERR_USAGE);
			assert_null(strstr(trial.err.text, "swordfish"));
			if (i < 5)
				assert_non_null(
					strstr(trial.err.text, "http:// is only allowed to this machine itself"));
			end(&trial);
			free(words);
		}
	check_error(state,
		"url = https://demo.aeries.net/aeries?key=" SECRET "\n"
		"client-id = a\noutput = b\n",
		LOGIN, "", "FILE:1: `url`: the address has to end before its question mark");
	check_error(state, "url = http://sis.example\n", LOGIN, "",
		"FILE:1: `url`: http:// is only allowed to this machine itself (localhost); use https://");

	struct trial trial;
	assert_fine(
		&trial, read_all(&trial, state, BASE, LOGIN, "--token-url=https://Sis.example:443/t/../token/?app=x"));
	assert_string_equal(trial.config.token_url, "https://Sis.example:443/t/../token/?app=x");
	end(&trial);
	assert_fine(
		&trial, read_all(&trial, state, BASE, LOGIN, "--url=https://demo.aeries.net/student/LoginParent.aspx"));
	assert_items(&trial.config.warnings,
		"`url` names a web page; what stands before its last slash is used: https://demo.aeries.net/student");
	end(&trial);
}

/* ---- Secrets ---- */

static void test_secret_as_value(void **state)
{
	check_error(state, BASE "client-secret = " SECRET "\n", LOGIN, "",
		"FILE:4: there is no `client-secret`, because a secret does not belong here: use `client-secret-file`, "
		"`client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET");
	check_error(state, BASE "Client_Secret: " SECRET "\n", LOGIN, "",
		"FILE:4: there is no `Client_Secret`, because a secret does not belong here: use `client-secret-file`, "
		"`client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET");
	check_error(state, BASE, LOGIN, "--client-secret=" SECRET,
		"there is no `--client-secret`, because a secret does not belong here: use `client-secret-file`, "
		"`client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET");
	check_error(state, BASE, LOGIN, "--client-secret " SECRET,
		"there is no `--client-secret`, because a secret does not belong here: use `client-secret-file`, "
		"`client-secret-command` or the variable ROSTERZIP_CLIENT_SECRET");
	check_error(state, BASE, LOGIN, "--bearer-token=" SECRET,
		"there is no `--bearer-token`, because a secret does not belong here: use `bearer-token-file` or the "
		"variable ROSTERZIP_BEARER_TOKEN");
	check_error(state, BASE "bearer-token = " SECRET "\n", LOGIN, "",
		"FILE:4: there is no `bearer-token`, because a secret does not belong here: use `bearer-token-file` or "
		"the variable ROSTERZIP_BEARER_TOKEN");
	check_error(state, BASE "client-secrets = " SECRET "\n", LOGIN, "", "FILE:4: unknown key `client-secrets`");
	check_error(state, BASE SECRET "\n", LOGIN, "", "FILE:4: expected `key = value`");
}

/* A file with a secret, in the scratch folder. */
static char *secret_file(void **state, const char *name, const char *text, size_t length, mode_t mode)
{
	char *path = scratch_path(*state, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void test_secret_sources(void **state)
{
	struct trial trial;
	char *path = secret_file(state, "key", "from-file\n", 10, 0600);
	char *by_file = mem_format("%sclient-secret-file = %s\n", BASE, path);
	char *by_word = mem_format("--client-secret-file %s", path);

	assert_fine(&trial, read_all(&trial, state, by_file, HOME, ""));
	assert_null(trial.config.client_secret);
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "from-file");
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, BASE "client-secret-command = echo from-command\n", HOME, ""));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "from-command");
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, by_file, HOME "\nROSTERZIP_CLIENT_SECRET=from-variable\r", ""));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "from-variable");
	end(&trial);

	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN, by_word));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "from-file");
	end(&trial);

	/* Not needed, so not kept, and a command is not even run. */
	assert_fine(&trial, read_all(&trial, state, BASE "auth = none\n", LOGIN, "--client-secret-command false"));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_null(trial.config.client_secret);
	end(&trial);

	char *twice = mem_format("%sclient-secret-command = echo a\n", by_file);
	check_error(state, twice, HOME, "",
		"`client-secret-file` and `client-secret-command` are both given; one of them is enough");
	check_error(state, BASE, LOGIN "\nROSTERZIP_CLIENT_SECRET_FILE=/x", "",
		"`client-secret-file` and `ROSTERZIP_CLIENT_SECRET` are both given; one of them is enough");
	check_error(state, BASE, HOME "\nROSTERZIP_BEARER_TOKEN=a\nROSTERZIP_BEARER_TOKEN_FILE=/x", "",
		"`bearer-token-file` and `ROSTERZIP_BEARER_TOKEN` are both given; one of them is enough");

	assert_fine(&trial, read_all(&trial, state, BASE "client-secret-command = echo " SECRET "; false\n", HOME, ""));
	assert_false(config_secrets(&trial.config, &trial.err));
	assert_error(&trial, "FILE:4: `client-secret-command`: the command failed with exit status 1");
	end(&trial);
	assert_int_equal(chmod(path, 0644), 0);
	assert_fine(&trial, read_all(&trial, state, by_file, HOME, ""));
	assert_false(config_secrets(&trial.config, &trial.err));
	assert_int_equal(trial.err.code, ERR_USAGE);
	assert_non_null(strstr(trial.err.text, "c.conf:4: `client-secret-file`: "));
	end(&trial);
	free(twice);
	free(by_word);
	free(by_file);
	free(path);
}

static void test_bearer(void **state)
{
	struct trial trial;
	/* A token and nothing else is a clear wish. */
	assert_fine(&trial, read_all(&trial, state, URL "output = x\n", HOME "\nROSTERZIP_BEARER_TOKEN=" SECRET, ""));
	assert_int_equal(trial.config.auth, CONFIG_AUTH_BEARER);
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.bearer_token, SECRET);
	end(&trial);
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN "\nROSTERZIP_BEARER_TOKEN=" SECRET, ""));
	assert_int_equal(trial.config.auth, CONFIG_AUTH_AUTO);
	assert_items(&trial.config.warnings,
		"`ROSTERZIP_BEARER_TOKEN` is not used beside `client-id`; auth = bearer would use it");
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_null(trial.config.bearer_token);
	assert_string_equal(trial.config.client_secret, SECRET);
	end(&trial);
	char *path = secret_file(state, "token", "fixed\n", 6, 0400);
	char *words = mem_format("--auth bearer --bearer-token-file %s", path);
	assert_fine(&trial, read_all(&trial, state, BASE, HOME, words));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.bearer_token, "fixed");
	end(&trial);
	free(words);
	free(path);
}

/* ---- The environment ---- */

static void test_variables(void **state)
{
	struct trial trial;
	assert_fine(&trial, read_all(&trial, state, BASE,
				    LOGIN "\nROSTERZIP_PAGESIZE=5\nROSTERZIP_zebra=" SECRET
					  "\nROSTERZIP_HELP=yes\nROSTERZIP_=x\nROSTER=y\nROSTERZIP_URL=",
				    ""));
	assert_items(&trial.config.warnings,
		"unknown variable ROSTERZIP_PAGESIZE in the environment is not used (did you mean "
		"ROSTERZIP_PAGE_SIZE?)|"
		"unknown variable ROSTERZIP_zebra in the environment is not used|"
		"unknown variable ROSTERZIP_HELP in the environment is not used|"
		"unknown variable ROSTERZIP_ in the environment is not used");
	end(&trial);
}

static void test_secret_leaves_the_environment(void **state)
{
	/* The given list: the entry is gone, its bytes too. */
	struct trial trial;
	assert_fine(&trial, read_all(&trial, state, BASE, LOGIN "\nAFTER=1", ""));
	assert_string_equal(trial.environment[0], HOME);
	assert_string_equal(trial.environment[1], "AFTER=1");
	assert_null(trial.environment[2]);
	const char *left = trial.environment_text + strlen(HOME) + 1;
	assert_string_equal(left, "ROSTERZIP_CLIENT_SECRET=");
	for (size_t i = strlen("ROSTERZIP_CLIENT_SECRET="); i < strlen("ROSTERZIP_CLIENT_SECRET=" SECRET); i++)
		assert_int_equal(left[i], 0);
	end(&trial);

	/* The process's own, also when reading fails; a command of ours does not get it. */
	static char entry[] = "ROSTERZIP_CLIENT_SECRET=" SECRET;
	static char token[] = "ROSTERZIP_BEARER_TOKEN=" SECRET;
	assert_int_equal(putenv(entry), 0);
	assert_int_equal(putenv(token), 0);
	char word[] = "--zebra";
	char *words[] = {word, NULL};
	struct config config;
	struct err err = {0};
	assert_false(config_read(&config, &export_command, 1, words, NULL, &err));
	assert_null(getenv("ROSTERZIP_CLIENT_SECRET"));
	assert_null(getenv("ROSTERZIP_BEARER_TOKEN"));
	for (size_t i = strlen("ROSTERZIP_CLIENT_SECRET="); i < sizeof(entry); i++)
		assert_int_equal(entry[i], 0);
	assert_string_equal(config.client_secret, SECRET);
	config_release(&config);
	err_clear(&err);
	char *secret = NULL;
	assert_true(
		secret_from_command("echo \"[$ROSTERZIP_CLIENT_SECRET$ROSTERZIP_BEARER_TOKEN]\"", 60, &secret, &err));
	assert_string_equal(secret, "[]");
	secret_free(secret);
}

static char *self;

/* What test_process_environment runs: 0 if the secret was read and the system does not show it any more. */
static int child_main(void)
{
	char words[][48] = {"--url=https://demo.aeries.net", "--client-id=a", "--output=b", "--state-dir=c"};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};
	struct config config;
	struct err err = {0};
	bool ok = config_read(&config, &export_command, 4, argv, NULL, &err) &&
		  strcmp(config.client_secret, SECRET) == 0;
	config_release(&config);
	static char text[65536];
	FILE *file = fopen("/proc/self/environ", "rb");
	size_t length = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
	for (size_t i = 0; i + strlen(SECRET) <= length; i++)
		ok = ok && memcmp(text + i, SECRET, strlen(SECRET)) != 0;
	if (file != NULL)
		fclose(file);
	return ok && length > 0 ? 0 : 1;
}

static void test_process_environment(void **state)
{
	(void)state;
	if (access("/proc/self/environ", R_OK) != 0)
		skip();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char mode[] = "child";
		char secret[] = "ROSTERZIP_CLIENT_SECRET=" SECRET;
		char other[] = "OTHER=1";
		char *argv[] = {self, mode, NULL};
		char *environment[] = {other, secret, NULL};
		execve(strchr(self, '/') != NULL ? self : "/proc/self/exe", argv, environment);
		_exit(127);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- The help and the dump ---- */

static void test_help(void **state)
{
	char *path = scratch_path(*state, "help");
	FILE *file = fopen(path, "w+");
	assert_non_null(file);
	config_help(&export_command, true, file);
	rewind(file);
	char line[256];
	size_t lines = 0;
	bool page_size = false;
	while (fgets(line, sizeof(line), file) != NULL) {
		lines++;
		assert_true(strcspn(line, "\n") <= 80);
		page_size = page_size ||
			    strcmp(line, "      --page-size ROWS            rows to ask for at once (1000)\n") == 0;
	}
	assert_true(page_size);
	assert_true(lines > 60);
	fclose(file);
	/* Only the groups of the command. */
	const struct config_command plain = {.name = "plain", .groups = OPTION_RUN};
	file = fopen(path, "w");
	config_help(&plain, true, file);
	fclose(file);
	assert_null(strstr(scratch_read(path), "--url"));
	assert_non_null(strstr(scratch_read(path), "-q, --quiet"));
	free(path);
}

static void test_show(void **state)
{
	struct trial trial;
	const char *file = SOURCE "client-secret-command = echo " SECRET "\n"
				  "header = X-Key: " SECRET "\n"
				  "token-param = ?key=" SECRET "\n"
				  "token-url = https://login.example/t?key=" SECRET "\n"
				  "scope = none\n"
				  "retry-time = 120\n"
				  "[bundle a]\n"
				  "output = /a.zip\n"
				  "fill = users.enabledUser=true classes.classType=homeroom\n";
	assert_fine(&trial, read_all(&trial, state, file, HOME "\nROSTERZIP_PARALLEL=9", "-v"));
	assert_true(config_secrets(&trial.config, &trial.err));
	struct buf text = {0};
	config_show(&trial.config, &text);
	assert_null(strstr(buf_text(&text), SECRET));
	char *line = mem_format("retry-time            = 2m  ; %s:8\n", trial.path);
	assert_non_null(strstr(buf_text(&text), line));
	free(line);
	static const char *const parts[] = {
		"client-secret-command = ***  ; ",
		"header                = X-Key:***  ; ",
		"token-param           = ?key=***  ; ",
		"token-url             = https://login.example/t?***  ; ",
		"scope                 = none  ; ",
		"page-size             = 1000  ; default\n",
		"parallel              = 9  ; ROSTERZIP_PARALLEL\n",
		"verbose               = yes  ; command line\n",
		"[bundle a]\n",
		"fill                  = users.enabledUser=true, classes.classType=homeroom  ; ",
		"dangling              = fail  ; default\n",
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(buf_text(&text), parts[i]) == NULL)
			fail_msg("no \"%s\" in:\n%s", parts[i], buf_text(&text));
	buf_release(&text);
	end(&trial);
}

/* ---- The samples ---- */

static char *sample_text(const char *name)
{
	static const char file_name[] = __FILE__;
	static const char here[] = "tests/unit/test_config.c";
	size_t length = sizeof(file_name) - sizeof(here);
	assert_string_equal(file_name + length, here);
	char *path = mem_format("%.*ssamples/%s", (int)length, file_name, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		fail_msg("cannot read %s", path);
	char *text = mem_new(65536, 1);
	assert_true(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	free(path);
	return text;
}

static void check_sample(void **state, const char *name, const char *without, size_t bundles)
{
	struct trial trial;
	char *text = sample_text(name);
	assert_fine(&trial, read_all(&trial, state, text, HOME, ""));
	assert_int_equal(trial.config.bundle_count, bundles);
	assert_int_equal(trial.config.warnings.count, 0);
	end(&trial);

	/* Every setting that is shown but not in use is good too, each on its own. */
	size_t tried = 0;
	for (char *line = strchr(text, '#'); line != NULL; line = strstr(line + 1, "\n#")) {
		char *mark = *line == '\n' ? line + 1 : line;
		char *all = NULL;
		if (mark[1] == ' ' || mark[1] == '\t' || mark[1] == '\n')
			continue;
		/* Those that go on over several lines: all of their lines. */
		struct buf changed = {0};
		buf_add(&changed, text, (size_t)(mark - text));
		char *rest = mark;
		do {
			size_t length = strcspn(rest + 1, "\n");
			buf_add(&changed, rest + 1, length + 1);
			rest += length + 2;
		} while (rest[0] == '#' && rest[1] == '\t');
		buf_add_text(&changed, rest);
		all = buf_take(&changed);
		bool ok = read_all(&trial, state, all, HOME, without);
		if (!ok && strstr(trial.err.text, "was already given") == NULL &&
			strstr(trial.err.text, "both given") == NULL)
			fail_msg("%s: %s", name, trial.err.text);
		tried++;
		end(&trial);
		free(all);
	}
	assert_true(tried > 5);
	free(text);
}

static void test_samples(void **state)
{
	check_sample(state, "aeries.conf", "", 1);
	check_sample(state, "oauth2.conf", "", 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_later_wins),
		TEST(test_file_by_environment),
		TEST(test_command_line_forms),
		TEST(test_command_line_mistakes),
		TEST(test_bad_values),
		TEST(test_provider_before_defaults),
		TEST(test_consumer_before_defaults),
		TEST(test_builtin_consumers),
		TEST(test_files),
		TEST(test_consumer_of_deltas),
		TEST(test_form),
		TEST(test_good_values),
		TEST(test_fill_items),
		TEST(test_blank_lists),
		TEST(test_closed_columns),
		TEST(test_lists),
		TEST(test_file_mistakes),
		TEST(test_file_forms),
		TEST(test_bundles),
		TEST(test_bundle_mistakes),
		TEST(test_missing),
		TEST(test_state_dir),
		TEST(test_bad_addresses),
		TEST(test_secret_as_value),
		TEST(test_secret_sources),
		TEST(test_bearer),
		TEST(test_variables),
		TEST(test_secret_leaves_the_environment),
		TEST(test_process_environment),
		TEST(test_help),
		TEST(test_show),
		TEST(test_samples),
	};
	self = argv[0];
	if (argc > 1 && strcmp(argv[1], "child") == 0)
		return child_main();
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

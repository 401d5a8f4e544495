#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "config.h"
#include "credentials.h"
#include "option.h"
#include "scratch.h"
#include "secret.h"

enum { VARIABLES_MAX = 8, WORDS_MAX = 8 };

#define LOGIN  "url = https://demo.aeries.net/aeries\nclient-id = eagle\nclient-secret-command = echo login\n"
#define OUTPUT "output = /srv/o.zip\n"
#define SFTP   "deliver = https://files.vendor.example/in/\n"

static const struct config_command export_command = {
	.name = "export", .groups = OPTION_SOURCE | OPTION_BUNDLE | OPTION_DELIVERY | OPTION_STATE | OPTION_RUN};
static const struct config_command deliver_command = {.name = "deliver", .groups = OPTION_SEND | OPTION_DELIVERY};

/* ---- A configuration in the scratch folder, where @ in texts stands for that folder ---- */

struct trial {
	const struct scratch *scratch;
	struct config config;
	struct err err;
	char *texts[3];
	char *words[WORDS_MAX];
	char *environment[VARIABLES_MAX];
};

static char *with_folder(const struct scratch *scratch, const char *text)
{
	struct buf out = {0};
	for (; *text != '\0'; text++) {
		if (*text == '@')
			buf_add_text(&out, scratch->folder);
		else
			buf_add_char(&out, *text);
	}
	return buf_take(&out);
}

static int split(char *text, const char *between, char **words, int max)
{
	int count = 0;
	char *rest = NULL;
	for (char *word = strtok_r(text, between, &rest); word != NULL; word = strtok_r(NULL, between, &rest)) {
		assert_true(count < max - 1);
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

/* The environment is one variable a line. */
static bool read_as(const struct config_command *command, struct trial *trial, void **state, const char *file,
	const char *environment, const char *words)
{
	*trial = (struct trial){.scratch = *state};
	char *path = scratch_path(trial->scratch, "c.conf");
	trial->texts[0] = with_folder(trial->scratch, file);
	scratch_write(path, trial->texts[0]);
	trial->texts[1] = with_folder(trial->scratch, environment);
	char *more = with_folder(trial->scratch, words);
	trial->texts[2] = mem_format("--config=%s --state-dir=/s %s", path, more);
	free(more);
	free(path);
	split(trial->texts[1], "\n", trial->environment, VARIABLES_MAX);
	int count = split(trial->texts[2], " ", trial->words, WORDS_MAX);
	return config_read(&trial->config, command, count, trial->words, trial->environment, &trial->err);
}

static void end(struct trial *trial)
{
	config_release(&trial->config);
	for (size_t i = 0; i < sizeof(trial->texts) / sizeof(trial->texts[0]); i++)
		free(trial->texts[i]);
}

static void put(void **state, const char *name, const char *text, mode_t mode)
{
	char *path = scratch_path(*state, name);
	scratch_write(path, text);
	assert_int_equal(chmod(path, mode), 0);
	free(path);
}

/* What the secret of one bundle becomes; NULL for none. */
static void check(
	void **state, const char *file, const char *environment, const char *words, size_t index, const char *expected)
{
	struct trial trial;
	if (!read_as(&export_command, &trial, state, file, environment, words) ||
		!config_secrets(&trial.config, &trial.err))
		fail_msg("%s", trial.err.text);
	const char *found = trial.config.bundles[index].deliver_secret;
	if (expected == NULL)
		assert_null(found);
	else
		assert_string_equal(found, expected);
	assert_string_equal(trial.config.client_secret, "login");
	end(&trial);
}

static void check_error(
	void **state, const char *file, const char *environment, const char *words, const char *expected)
{
	struct trial trial;
	bool fine = read_as(&export_command, &trial, state, file, environment, words) &&
		    config_secrets(&trial.config, &trial.err);
	char *text = with_folder(trial.scratch, expected);
	assert_false(fine);
	assert_string_equal(trial.err.text, text);
	assert_int_equal(trial.err.code, ERR_USAGE);
	free(text);
	end(&trial);
}

static void test_delivery_sources(void **state)
{
	put(state, "key", "from-file\n", 0600);
	const char *file = LOGIN OUTPUT SFTP "deliver-secret-file = @/key\n";
	check(state, LOGIN OUTPUT SFTP, "A=b", "", 0, NULL);
	check(state, file, "A=b", "", 0, "from-file");
	check(state, file, "ROSTERZIP_DELIVER_SECRET=from-variable", "", 0, "from-variable");
	check(state, LOGIN OUTPUT SFTP "deliver-secret-command = echo from-command\n", "A=b", "", 0, "from-command");
	check(state, LOGIN OUTPUT SFTP, "ROSTERZIP_DELIVER_SECRET=from-variable", "--deliver-secret-file=@/key", 0,
		"from-file");
	/* Where nothing is sent, nothing is read. */
	check(state, LOGIN OUTPUT "deliver-secret-command = exit 9\n", "A=b", "", 0, NULL);
	check(state, LOGIN OUTPUT "deliver = /srv/in/\ndeliver-secret-command = exit 9\n", "A=b", "", 0, NULL);
	check_error(state, LOGIN OUTPUT SFTP "deliver-secret-file = /a\ndeliver-secret-command = echo b\n", "A=b", "",
		"`deliver-secret-file` and `deliver-secret-command` are both given; one of them is enough");
	check_error(state, LOGIN OUTPUT SFTP "deliver-secret-command = exit 9\n", "A=b", "",
		"@/c.conf:6: `deliver-secret-command`: the command failed with exit status 9");
	put(state, "key", "from-file\n", 0644);
	check_error(state, file, "A=b", "",
		"@/c.conf:6: `deliver-secret-file`: everybody on this machine may read or change @/key, which holds a "
		"secret. Run: chmod 600 @/key");
}

static void test_delivery_of_several(void **state)
{
	put(state, "key", "from-file\n", 0600);
	/* Each run of the command adds a line. */
	const char *file = LOGIN SFTP "deliver-secret-command = echo again >>@/count; echo from-command\n"
				      "[bundle a]\noutput = /a.zip\n"
				      "[bundle b]\noutput = /b.zip\ndeliver-secret-file = @/key\n"
				      "[bundle c]\noutput = /c.zip\n";
	check(state, file, "A=b", "", 1, "from-file");
	char *path = scratch_path(*state, "count");
	assert_string_equal(scratch_read(path), "again\n");
	check(state, file, "A=b", "", 0, "from-command");
	check(state, file, "A=b", "", 2, "from-command");
	unlink(path);
	for (size_t i = 0; i < 3; i++)
		check(state, file, "ROSTERZIP_DELIVER_SECRET=from-variable", "", i, "from-variable");
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	check_error(state,
		LOGIN SFTP "[bundle a]\noutput = /a.zip\n"
			   "[bundle b]\noutput = /b.zip\ndeliver-secret-file = /a\ndeliver-secret-command = echo b\n",
		"A=b", "",
		"bundle b: `deliver-secret-file` and `deliver-secret-command` are both given; one of them is enough");
}

static void test_systemd(void **state)
{
	const char *set = "CREDENTIALS_DIRECTORY=@";
	const char *three = LOGIN SFTP "[bundle a]\noutput = /a.zip\n[bundle b]\noutput = /b.zip\n";
	check(state, three, set, "", 0, NULL);
	put(state, "deliver-secret", "for-all\n", 0440);
	put(state, "deliver-secret.b", "for-b", 0400);
	check(state, three, set, "", 0, "for-all");
	check(state, three, set, "", 1, "for-b");
	check(state, three, "CREDENTIALS_DIRECTORY=", "", 1, NULL);
	check(state, LOGIN OUTPUT SFTP, set, "", 0, "for-all");
	/* Whatever is said wins. */
	check(state, LOGIN OUTPUT SFTP "deliver-secret-command = echo said\n", set, "", 0, "said");
	check(state, LOGIN OUTPUT SFTP, "CREDENTIALS_DIRECTORY=@\nROSTERZIP_DELIVER_SECRET=said", "", 0, "said");
	put(state, "deliver-secret", "for-all\n", 0444);
	check_error(state, LOGIN OUTPUT SFTP, set, "",
		"`$CREDENTIALS_DIRECTORY/deliver-secret`: everybody on this machine may read or change "
		"@/deliver-secret, which holds a secret. Run: chmod 600 @/deliver-secret");
}

static void test_systemd_login(void **state)
{
	struct trial trial;
	const char *file = "url = https://demo.aeries.net/aeries\n" OUTPUT;
	const char *set = "CREDENTIALS_DIRECTORY=@";
	put(state, "bearer-token", "token\n", 0400);
	assert_true(read_as(&export_command, &trial, state, file, set, ""));
	assert_int_equal(trial.config.auth, CONFIG_AUTH_BEARER);
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.bearer_token, "token");
	assert_null(trial.config.client_secret);
	end(&trial);
	put(state, "client-secret", "login-of-systemd\n", 0400);
	assert_true(read_as(&export_command, &trial, state, file, set, "--client-id=eagle"));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "login-of-systemd");
	assert_null(trial.config.bearer_token);
	end(&trial);
	assert_true(read_as(&export_command, &trial, state, LOGIN OUTPUT, set, ""));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.client_secret, "login");
	end(&trial);
}

static void test_paths_of_systemd(void **state)
{
	struct trial trial;
	const char *file = "url = https://demo.aeries.net/aeries\nclient-id = eagle\n"
			   "client-secret-file = $CREDENTIALS_DIRECTORY/sis\n"
			   "ca-file = ${CREDENTIALS_DIRECTORY}/ca.pem\n" OUTPUT SFTP
			   "identity-file = ${CREDENTIALS_DIRECTORY}/id_ed25519\n"
			   "known-hosts = /etc/$CREDENTIALS_DIRECTORY/hosts\n";
	put(state, "sis", "login\n", 0400);
	put(state, "archive", "a phrase of several words\n", 0400);
	if (!read_as(&export_command, &trial, state, file, "CREDENTIALS_DIRECTORY=@", "") ||
		!config_secrets(&trial.config, &trial.err))
		fail_msg("%s", trial.err.text);
	const struct bundle_config *bundle = &trial.config.bundles[0];
	char *path = scratch_path(*state, "id_ed25519");
	assert_string_equal(bundle->identity_file, path);
	free(path);
	path = scratch_path(*state, "ca.pem");
	assert_string_equal(trial.config.ca_file, path);
	free(path);
	assert_string_equal(bundle->known_hosts, "/etc/$CREDENTIALS_DIRECTORY/hosts");
	assert_string_equal(trial.config.client_secret, "login");
	end(&trial);
	const char *archive = LOGIN OUTPUT "encrypt = ${CREDENTIALS_DIRECTORY}/archive\n";
	assert_true(read_as(&export_command, &trial, state, archive, "CREDENTIALS_DIRECTORY=@", ""));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.bundles[0].passphrase, "a phrase of several words");
	end(&trial);

	check_error(state, file, "A=b", "",
		"@/c.conf:3: `client-secret-file` is $CREDENTIALS_DIRECTORY/sis, but CREDENTIALS_DIRECTORY is not "
		"set: systemd sets it for a service with LoadCredential=");
	/* What is not used does not matter: not what the command line replaced, not what is of another command. */
	const char *login = LOGIN OUTPUT SFTP "identity-file = ${CREDENTIALS_DIRECTORY}/id_ed25519\n";
	assert_true(read_as(&export_command, &trial, state, login, "A=b", "--identity-file=/id"));
	assert_string_equal(trial.config.bundles[0].identity_file, "/id");
	end(&trial);
	assert_true(read_as(&deliver_command, &trial, state,
		LOGIN OUTPUT SFTP "metrics-file = $CREDENTIALS_DIRECTORY/x\n", "A=b", ""));
	end(&trial);
}

static void test_passphrase(void **state)
{
	const char *file = LOGIN OUTPUT "encrypt = @/phrase\n";
	check_error(state, file, "A=b", "", "@/c.conf:5: `encrypt`: cannot read @/phrase: No such file or directory");
	put(state, "phrase", "one two three\n", 0604);
	check_error(state, file, "A=b", "",
		"@/c.conf:5: `encrypt`: everybody on this machine may read or change @/phrase, which holds a secret. "
		"Run: chmod 600 @/phrase");
}

/* The command that sends a bundle needs no login, and so none of its secrets. */
static void test_delivery_alone(void **state)
{
	struct trial trial;
	const char *file = "client-secret-command = exit 9\n" SFTP "deliver-secret-command = echo pass\n";
	assert_true(read_as(&deliver_command, &trial, state, file, "A=b", ""));
	assert_true(credentials_fetch_delivery(&trial.config, &trial.config.bundles[0], &trial.err));
	assert_string_equal(trial.config.bundles[0].deliver_secret, "pass");
	end(&trial);
}

/* Pages of an earlier run need no login either. */
static void test_saved_pages(void **state)
{
	struct trial trial;
	const char *file = "from-pages = /pages\nclient-secret-command = exit 9\n" OUTPUT SFTP
			   "deliver-secret-command = echo pass\n";
	assert_true(read_as(&export_command, &trial, state, file, "A=b", ""));
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_null(trial.config.client_secret);
	assert_string_equal(trial.config.bundles[0].deliver_secret, "pass");
	end(&trial);
}

/* Neither the secrets themselves nor options that may hold one stay where a child would find them. */
static void test_environment(void **state)
{
	struct trial trial;
	assert_true(read_as(&export_command, &trial, state, LOGIN OUTPUT SFTP,
		"ROSTERZIP_DELIVER_SECRET=one\nROSTERZIP_HEADER=X-Key: two\nROSTERZIP_PARALLEL=3\n"
		"ROSTERZIP_DELIVER_SECRET_COMMAND=\nROSTERZIP_TOKEN_PARAM=key=four\nEND=5",
		""));
	assert_string_equal(trial.environment[0], "ROSTERZIP_PARALLEL=3");
	assert_string_equal(trial.environment[1], "END=5");
	assert_null(trial.environment[2]);
	assert_string_equal(trial.config.header.items[0], "X-Key: two");
	assert_string_equal(trial.config.token_param.items[0], "key=four");
	assert_true(config_secrets(&trial.config, &trial.err));
	assert_string_equal(trial.config.bundles[0].deliver_secret, "one");
	end(&trial);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delivery_sources),
		TEST(test_delivery_of_several),
		TEST(test_systemd),
		TEST(test_systemd_login),
		TEST(test_paths_of_systemd),
		TEST(test_passphrase),
		TEST(test_delivery_alone),
		TEST(test_saved_pages),
		TEST(test_environment),
	};
	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}

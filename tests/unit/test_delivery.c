#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "package/delivery.h"
#include "scratch.h"

#define PRINT "SHA256:yncpBB0TRpAxryrcRyQe7OWduTb9B8MRmG8VAc6Gw6w"

static void assert_err(const struct err *err, enum err_code code, const char *part)
{
	assert_int_equal(err->code, code);
	if (strstr(err->text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void test_show(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"sftp://eagle@host.example:2222/in/One.zip", "sftp://eagle@host.example:2222"},
		{"https://host.example/in/?sig=secret", "https://host.example"},
		{"sftp://eagle:secret@host.example/in/", "(no address)"},
		{"/srv/outbox/", "/srv/outbox"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = delivery_show(cases[i][0]);
		assert_string_equal(shown, cases[i][1]);
		free(shown);
	}
}

static void test_check(void **state)
{
	(void)state;
	struct err err = {0};
	assert_true(delivery_check("sftp://eagle@host.example/in/", &err));
	assert_true(delivery_check("/srv/outbox/", &err));
	assert_int_equal(err.code, ERR_NONE);
	assert_false(delivery_check("sftp://eagle:secret@host.example/in/", &err));
	assert_err(&err, ERR_USAGE, "password");
}

static void test_what_does_not_go_together(void **state)
{
	const struct scratch *scratch = *state;
	char *key = scratch_path(scratch, "key");
	scratch_write(key, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	chmod(key, 0600);
	const struct {
		struct delivery delivery;
		const char *says; /* NULL: fine */
	} cases[] = {
		{{.address = "sftp://eagle@h.example/", .identity_file = key, .host_key_sha256 = PRINT}, NULL},
		{{.address = "sftp://eagle@h.example/", .secret = "s", .host_key_sha256 = PRINT}, NULL},
		{{.address = "sftp://eagle@h.example/", .host_key_sha256 = PRINT}, "`identity-file`"},
		{{.address = "sftp://eagle@h.example/", .secret = "s", .s3_region = "r"},
			"`s3-region` is for https://"},
		{{.address = "ftps://eagle@h.example/", .secret = "s"}, NULL},
		{{.address = "ftps://eagle@h.example/"}, "`deliver-secret-file`"},
		{{.address = "ftps://eagle@h.example/", .secret = "s", .identity_file = key},
			"`identity-file` is for sftp"},
		{{.address = "https://h.example/"}, NULL},
		{{.address = "https://h.example/", .secret = "s"}, NULL},
		{{.address = "https://eagle@h.example/", .secret = "s"}, NULL},
		{{.address = "https://eagle@h.example/"}, "no password"},
		{{.address = "https://h.example/", .known_hosts = "f"}, "`known-hosts` is for sftp"},
		{{.address = "https://h.example/", .host_key_sha256 = PRINT}, "`host-key-sha256` is for sftp"},
		{{.address = "https://id@h.example/", .secret = "s", .s3_region = "r"}, NULL},
		{{.address = "https://id@h.example/", .s3_region = "r"}, "no password"},
		{{.address = "https://h.example/", .secret = "s", .s3_region = "r"}, "`s3-region` needs"},
		{{.address = "https://id@h.example/?a=b", .secret = "s", .s3_region = "r"}, "question mark"},
		{{.address = "https://h.example/", .ca_file = "/nowhere/ca.pem"}, "`ca-file` /nowhere/ca.pem"},
		{{.address = scratch->folder}, NULL},
		{{.address = scratch->folder, .secret = "s"}, "`deliver-secret-file` is for servers"},
		{{.address = scratch->folder, .s3_region = "r"}, "`s3-region`"},
		{{.address = "/nowhere/at/all/"}, "there is no folder /nowhere/at/all"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delivery delivery = cases[i].delivery;
		struct err err = {0};
		delivery.name = "file.zip";
		if (delivery_ready(&delivery, &err) != (cases[i].says == NULL))
			fail_msg("%s (%zu): %s", delivery.address, i, err.text);
		if (cases[i].says != NULL)
			assert_err(&err, ERR_USAGE, cases[i].says);
	}
	const struct delivery nameless = {.address = "https://h.example/"};
	struct err err = {0};
	assert_false(delivery_ready(&nameless, &err));
	assert_err(&err, ERR_USAGE, "`deliver-as`");
	unlink(key);
	free(key);
}

static void test_folder(void **state)
{
	const struct scratch *scratch = *state;
	char *source = scratch_path(scratch, "bundle.zip");
	char *inbox = scratch_path(scratch, "inbox");
	char *target = scratch_path(scratch, "inbox/file.zip");
	struct delivery_result result;
	struct err err = {0};
	const struct delivery delivery = {.address = inbox, .name = "file.zip"};
	mkdir(inbox, 0700);
	scratch_write(source, "a bundle");
	for (int i = 0; i < 2; i++) { /* new, and over the old one */
		assert_true(delivery_send(&delivery, source, &result, &err));
		assert_string_equal(result.place, target);
		assert_int_equal(result.bytes, 8);
		assert_int_equal(result.resumed, 0);
		assert_int_equal(result.tries, 1);
		assert_string_equal(scratch_read(target), "a bundle");
		assert_int_equal(scratch_mode(target), 0600);
		delivery_result_release(&result);
	}

	unlink(source);
	assert_false(delivery_send(&delivery, source, &result, &err));
	assert_err(&err, ERR_FILE, "bundle.zip");
	assert_string_equal(scratch_read(target), "a bundle");
	delivery_result_release(&result);

	err_clear(&err);
	unlink(target);
	rmdir(inbox);
	scratch_write(source, "a bundle");
	const struct delivery gone = {.address = target};
	assert_false(delivery_send(&gone, source, &result, &err));
	assert_err(&err, ERR_DELIVERY, "there is no folder");
	assert_string_equal(result.place, target);
	delivery_result_release(&result);
	unlink(source);
	free(source);
	free(inbox);
	free(target);
}

static bool stopped(void)
{
	return true;
}

static void test_stopped(void **state)
{
	const struct scratch *scratch = *state;
	char *source = scratch_path(scratch, "bundle.zip");
	scratch_write(source, "a bundle");
	struct delivery_result result;
	struct err err = {0};
	const struct delivery delivery = {.address = "http://127.0.0.1:9/in/", .name = "file.zip", .stopped = stopped};
	assert_false(delivery_send(&delivery, source, &result, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	assert_int_equal(result.tries, 1);
	delivery_result_release(&result);
	unlink(source);
	free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_check),
		TEST(test_what_does_not_go_together),
		TEST(test_folder),
		TEST(test_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

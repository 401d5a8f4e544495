#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "package/hostkey.h"
#include "scratch.h"

/* Two keys, their fingerprints and hashed names as ssh-keygen made them. */
#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAILcNVCEWeTkzE+GEdk7SSHiM387jl/RZnSR5vDicx3to"
#define ECDSA                                                                                                          \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBD3bjqrJwuQzMJVV1bEEFmmXsVrh2BKarfPKL/"                   \
	"lQvxH4W3Sf6Ba2yfDJNdlpKmu/H8p9U6Depa3TN69jokMENiI="
#define ED25519_LINE  "ssh-ed25519 " ED25519
#define ECDSA_LINE    "ecdsa-sha2-nistp256 " ECDSA
#define ED25519_PRINT "yncpBB0TRpAxryrcRyQe7OWduTb9B8MRmG8VAc6Gw6w"
#define ECDSA_PRINT   "u0IielAY3WMMqCcDH9z1VSJSvKEEL7R/YUxuqtEc2Y4"
#define HASHED        "|1|y0DGd+7O0LZ3bTZpt7LcUBois8M=|4wrcqi9yH9ntaU8C0wg1to2i63Y= "
#define HASHED_2222   "|1|/uooT99lH7rX2+D2wrKTxwc7FdI=|tnO+hqa0HSWxd742v8PWlNbEzz8= "
#define HOST          "files.example.org"

static const struct curl_khkey ed25519 = {.key = ED25519}; /* base64, as some builds of libcurl give it */
static const struct curl_khkey ecdsa = {.key = ECDSA};

static struct hostkey *open_file(const struct scratch *scratch, const char *text, const char *port, struct err *err)
{
	char *path = scratch_path(scratch, "known_hosts");
	scratch_write(path, text);
	struct hostkey *hostkey = hostkey_new(NULL, path, HOST, port, err);
	free(path);
	return hostkey;
}

static bool accepts(const struct scratch *scratch, const char *text, const char *port, const struct curl_khkey *shown)
{
	struct err err = {0};
	struct hostkey *hostkey = open_file(scratch, text, port, &err);
	bool accepted = hostkey != NULL && hostkey_accept(hostkey, shown) && hostkey_accepted(hostkey);
	hostkey_free(hostkey);
	return accepted;
}

static void test_lines(void **state)
{
	const struct scratch *scratch = *state;
	static const struct {
		const char *text;
		const char *port;
		bool accepted; /* the Ed25519 key */
	} cases[] = {
		{HOST " " ED25519_LINE "\n", "22", true},
		{"Files.EXAMPLE.org " ED25519_LINE " a comment", "22", true},
		{"# a comment\n\n\r\n" HOST "\t" ED25519_LINE "\r\n", "22", true},
		{"other," HOST " " ED25519_LINE, "22", true},
		{"[" HOST "]:2222 " ED25519_LINE, "2222", true},
		{HOST " " ED25519_LINE, "2222", true},
		{HOST " " ED25519_LINE "\n[" HOST "]:2222 " ECDSA_LINE, "2222", false},
		{HOST " " ED25519_LINE "\n@revoked [" HOST "]:2222 " ECDSA_LINE, "2222", true},
		{HOST " " ECDSA_LINE "\n[" HOST "]:2222 " ED25519_LINE, "2222", true},
		{"[" HOST "]:2222 " ED25519_LINE, "22", false},
		{"[" HOST "]:2222 " ED25519_LINE, "2223", false},
		{"files.example.or " ED25519_LINE, "22", false},
		{HOST ".evil " ED25519_LINE, "22", false},
		{"*.example.org " ED25519_LINE, "22", true},
		{"f*s.exa??le.* " ED25519_LINE, "22", true},
		{"*.example.org,!" HOST " " ED25519_LINE, "22", false},
		{"!" HOST ",*.example.org " ED25519_LINE, "22", false},
		{"!other.example.org,*.example.org " ED25519_LINE, "22", true},
		{HASHED ED25519_LINE, "22", true},
		{HASHED_2222 ED25519_LINE, "2222", true},
		{HASHED_2222 ED25519_LINE, "2223", false},
		{"|1|broken|broken " ED25519_LINE, "22", false},
		{HOST " " ECDSA_LINE, "22", false},
		{HOST " " ECDSA_LINE "\n" HOST " " ED25519_LINE, "22", true},
		{"@revoked * " ED25519_LINE "\n" HOST " " ED25519_LINE, "22", false},
		{HOST " " ED25519_LINE "\n@revoked " HOST " " ED25519_LINE "\n" HOST " " ECDSA_LINE, "22", false},
		{"@revoked other " ED25519_LINE "\n" HOST " " ED25519_LINE, "22", true},
		{"@cert-authority * " ED25519_LINE, "22", false},
		{HOST " ssh-ed25519", "22", false},
		{"", "22", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (accepts(scratch, cases[i].text, cases[i].port, &ed25519) != cases[i].accepted)
			fail_msg("port %s of %s", cases[i].port, cases[i].text);
}

static void test_key_as_bytes(void **state)
{
	const struct scratch *scratch = *state;
	static const unsigned char bytes[] = "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
					     "\xb7\x0d\x54\x21\x16\x79\x39\x33\x13\xe1\x84\x76\x4e\xd2\x48\x78"
					     "\x8c\xdf\xce\xe3\x97\xf4\x59\x9d\x24\x79\xbc\x38\x9c\xc7\x7b\x68";
	const struct curl_khkey shown = {.key = (const char *)bytes, .len = sizeof(bytes) - 1};
	assert_true(accepts(scratch, HOST " " ED25519_LINE, "22", &shown));
	assert_false(accepts(scratch, HOST " " ECDSA_LINE, "22", &shown));
	const struct curl_khkey cut = {.key = (const char *)bytes, .len = 3};
	assert_false(accepts(scratch, HOST " " ED25519_LINE, "22", &cut));
	const struct curl_khkey garbled = {.key = "?"};
	assert_false(accepts(scratch, HOST " " ED25519_LINE, "22", &garbled));
}

static void test_nothing_listed(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	assert_null(open_file(scratch, "other " ED25519_LINE, "2222", &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "lists no key of [" HOST "]:2222"));
	assert_non_null(strstr(err.text, "ssh-keyscan -p 2222 " HOST " >>"));
	err_clear(&err);
	assert_null(hostkey_new(NULL, "/nowhere/known_hosts", HOST, "22", &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "no file of host keys /nowhere/known_hosts"));
	err_clear(&err);
	assert_null(hostkey_new("SHA256:short", NULL, HOST, "22", &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static void test_fingerprint(void **state)
{
	(void)state;
	static const char *const forms[] = {"SHA256:" ED25519_PRINT, ED25519_PRINT, "sha256:" ED25519_PRINT "="};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct err err = {0};
		struct hostkey *hostkey = hostkey_new(forms[i], "/nowhere/known_hosts", "[2001:db8::7]", "22", &err);
		assert_non_null(hostkey);
		assert_false(hostkey_accept(hostkey, &ecdsa));
		assert_false(hostkey_accepted(hostkey));
		assert_false(hostkey_explain(hostkey, "", ERR_DELIVERY, &err));
		assert_int_equal(err.code, ERR_DELIVERY);
		assert_non_null(strstr(err.text, "SHA256:" ECDSA_PRINT " (ecdsa-sha2-nistp256)"));
		assert_true(hostkey_accept(hostkey, &ed25519));
		assert_true(hostkey_accepted(hostkey));
		hostkey_free(hostkey);
	}
}

static void test_words_of_a_refusal(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	struct hostkey *hostkey = open_file(scratch, HOST " " ECDSA_LINE, "22", &err);
	assert_false(hostkey_accept(hostkey, &ed25519));
	hostkey_explain(hostkey, "", ERR_DELIVERY, &err);
	assert_non_null(strstr(err.text, "no host key of a kind that "));
	assert_non_null(strstr(
		err.text, "(ecdsa-sha2-nistp256), but SHA256:" ED25519_PRINT " (ssh-ed25519); nothing was sent"));
	hostkey_free(hostkey);
	err_clear(&err);
	hostkey = open_file(
		scratch, HOST " " ED25519_LINE "\n@revoked * " ED25519_LINE "\n" HOST " " ECDSA_LINE, "22", &err);
	assert_false(hostkey_accept(hostkey, &ed25519));
	hostkey_explain(hostkey, "", ERR_DELIVERY, &err);
	assert_non_null(strstr(err.text, "another machine has taken its place"));
	assert_non_null(strstr(err.text, "(ssh-ed25519, revoked)"));
	hostkey_free(hostkey);
	err_clear(&err);
	hostkey = open_file(scratch, HOST " " ED25519_LINE, "22", &err);
	hostkey_explain(hostkey, "no key exchange", ERR_DELIVERY, &err);
	assert_non_null(strstr(err.text, "(ssh-ed25519), but no key exchange"));
	hostkey_free(hostkey);
}

/* The kinds that the library is made to ask for, by the file that it is given. */
static void test_kinds(void **state)
{
	const struct scratch *scratch = *state;
	struct err err = {0};
	struct hostkey *hostkey = open_file(
		scratch, "other ssh-rsa AAAA\n" HOST " " ECDSA_LINE "\n" HASHED ED25519_LINE "\n", "22", &err);
	assert_non_null(hostkey);
	const char *path = hostkey_next(hostkey, &err);
	assert_non_null(path);
	assert_string_equal(scratch_read(path), HOST " " ED25519_LINE "\n");
	path = hostkey_next(hostkey, &err);
	assert_non_null(path);
	assert_string_equal(scratch_read(path), HOST " " ECDSA_LINE "\n");
	assert_null(hostkey_next(hostkey, &err));
	assert_int_equal(err.code, ERR_NONE);
	hostkey_free(hostkey);

	hostkey = hostkey_new(ED25519_PRINT, NULL, "[2001:db8::7]", "2222", &err);
	static const char *const kinds[] = {
		"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		path = hostkey_next(hostkey, &err);
		assert_non_null(path);
		char *start = mem_format("[2001:db8::7]:2222 %s ", kinds[i]);
		assert_memory_equal(scratch_read(path), start, strlen(start));
		free(start);
	}
	/* RSA, asked for or left to the server, as the library can. */
	assert_non_null(hostkey_next(hostkey, &err));
	assert_null(hostkey_next(hostkey, &err));
	hostkey_free(hostkey);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),
		TEST(test_key_as_bytes),
		TEST(test_nothing_listed),
		cmocka_unit_test(test_fingerprint),
		TEST(test_words_of_a_refusal),
		TEST(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

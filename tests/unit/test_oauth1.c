#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "fetch/oauth1.h"

static void check_base(
	const struct oauth1 *oauth, const char *verb, const char *url, const char *form, const char *expected)
{
	struct buf base = {0};
	struct err err = {0};
	assert_true(oauth1_base(oauth, verb, url, form, &base, &err));
	assert_string_equal(buf_text(&base), expected);
	buf_release(&base);
}

static void check_signature(const struct oauth1 *oauth, const char *verb, const char *url, const char *expected)
{
	struct buf signature = {0};
	struct err err = {0};
	assert_true(oauth1_signature(oauth, verb, url, NULL, &signature, &err));
	assert_string_equal(buf_text(&signature), expected);
	buf_release(&signature);
}

/* RFC 5849, section 3.4.1.1. */
static void test_base_string_of_the_rfc(void **state)
{
	(void)state;
	const struct oauth1 oauth = {
		.key = "9djdj82h48djs9d2",
		.token = "kkk9d7dh3k39sjv7",
		.method = "HMAC-SHA1",
		.timestamp = 137131201,
		.nonce = "7d8f3e4a",
	};
	check_base(&oauth, "POST", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", "c2&a3=2+q",
		"POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c"
		"%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m"
		"ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7");
}

/* RFC 5849, section 1.2. */
static void test_signature_of_the_rfc(void **state)
{
	(void)state;
	const struct oauth1 oauth = {
		.key = "dpf43f3p2l4k3l03",
		.secret = "kd94hf93k423kf44",
		.token = "nnch734d00sl2jdk",
		.token_secret = "pfkkdhi9sl3r4s00",
		.method = "HMAC-SHA1",
		.timestamp = 137131202,
		.nonce = "chapoH",
	};
	check_signature(&oauth, "GET", "http://photos.example.net/photos?file=vacation.jpg&size=original",
		"MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}

/* OAuth Core 1.0, appendix A.5. */
static void test_signature_of_the_first_text(void **state)
{
	(void)state;
	const struct oauth1 oauth = {
		.key = "dpf43f3p2l4k3l03",
		.secret = "kd94hf93k423kf44",
		.token = "nnch734d00sl2jdk",
		.token_secret = "pfkkdhi9sl3r4s00",
		.method = "HMAC-SHA1",
		.version = "1.0",
		.timestamp = 1191242096,
		.nonce = "kllo9940pd9333jh",
	};
	check_signature(&oauth, "GET", "http://photos.example.net/photos?file=vacation.jpg&size=original",
		"tR3+Ty81lMeYAr/Fid0kMTYa/WM=");
}

static struct oauth1 example(const char *method)
{
	return (struct oauth1){
		.key = "my key",
		.secret = "s&cret",
		.method = method,
		.version = "1.0",
		.timestamp = 1700000000,
		.nonce = "0123456789abcdef",
	};
}

static const char plain_page[] = "https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=0";
static const char filtered_page[] = "https://SIS.example.org:8443/ims/oneroster/v1p1/"
				    "users?filter=dateLastModified%3E%272025-01-01T00%3A00%3A00.000Z%27"
				    "%20AND%20status%3D%27active%27&limit=100&offset=200&sort=sourcedId";

static void test_a_page(void **state)
{
	(void)state;
	const struct oauth1 sha1 = example("HMAC-SHA1");
	const struct oauth1 sha256 = example("HMAC-SHA256");
	check_base(&sha1, "GET", plain_page, NULL,
		"GET&https%3A%2F%2Fsis.example.org%2Fims%2Foneroster%2Fv1p1%2Fusers&limit%3D100%26oauth_consumer_key%3"
		"Dmy%2520key%26oauth_nonce%3D0123456789abcdef%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3"
		"D1700000000%26oauth_version%3D1.0%26offset%3D0");
	check_signature(&sha1, "GET", plain_page, "u4NtNDvZd1KUbzNtpY0pPfOlkjM=");
	check_signature(&sha256, "GET", plain_page, "va5t14oyO7awPYbE2ay7HVmjGdZo66egkg78zRwNzk0=");
}

static void test_a_filtered_page(void **state)
{
	(void)state;
	const struct oauth1 sha1 = example("HMAC-SHA1");
	const struct oauth1 sha256 = example("HMAC-SHA256");
	check_base(&sha256, "GET", filtered_page, NULL,
		"GET&https%3A%2F%2Fsis.example.org%3A8443%2Fims%2Foneroster%2Fv1p1%2Fusers&filter%3DdateLastModified%2"
		"53E%25272025-01-01T00%253A00%253A00.000Z%2527%2520AND%2520status%253D%2527active%2527%26limit%3D100%2"
		"6oauth_consumer_key%3Dmy%2520key%26oauth_nonce%3D0123456789abcdef%26oauth_signature_method%3DHMAC-SHA"
		"256%26oauth_timestamp%3D1700000000%26oauth_version%3D1.0%26offset%3D200%26sort%3DsourcedId");
	check_signature(&sha1, "GET", filtered_page, "wvj2hVRuIVDmvTkhy23IUiYTaLs=");
	check_signature(&sha256, "GET", filtered_page, "AHawRNhiTbbURHgy+i7XRhtNds53rvyZaMKdqwCAl5U=");
}

static void test_addresses(void **state)
{
	(void)state;
	const struct oauth1 oauth = {.key = "k", .method = "HMAC-SHA1", .nonce = "n", .timestamp = 1};
	static const char end[] = "&oauth_consumer_key%3Dk%26oauth_nonce%3Dn%26oauth_signature_method%3DHMAC-SHA1%26"
				  "oauth_timestamp%3D1";
	static const char *const addresses[][2] = {
		{"https://Sis.Example.org", "https%3A%2F%2Fsis.example.org%2F"},
		{"HTTPS://sis.example.org:443/a/../b%20c", "https%3A%2F%2Fsis.example.org%2Fa%2F..%2Fb%2520c"},
		{"https://sis.example.org:80/?#part", "https%3A%2F%2Fsis.example.org%3A80%2F"},
		{"http://localhost:80/x", "http%3A%2F%2Flocalhost%2Fx"},
		{"http://[::1]:8080/x", "http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2Fx"},
	};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char expected[500];
		snprintf(expected, sizeof(expected), "GET&%s%s", addresses[i][1], end);
		check_base(&oauth, "GET", addresses[i][0], NULL, expected);
	}
}

static void test_header(void **state)
{
	(void)state;
	const struct oauth1 oauth = example("HMAC-SHA1");
	struct buf header = {0};
	struct err err = {0};
	assert_true(oauth1_header(&oauth, "GET", plain_page, &header, &err));
	assert_string_equal(buf_text(&header),
		"Authorization: OAuth oauth_consumer_key=\"my%20key\",oauth_nonce=\"0123456789abcdef\","
		"oauth_signature_method=\"HMAC-SHA1\",oauth_timestamp=\"1700000000\",oauth_version=\"1.0\","
		"oauth_signature=\"u4NtNDvZd1KUbzNtpY0pPfOlkjM%3D\"");
	buf_release(&header);
}

static void test_refused(void **state)
{
	(void)state;
	struct oauth1 oauth = example("HMAC-MD5");
	struct buf out = {0};
	struct err err = {0};
	assert_false(oauth1_header(&oauth, "GET", plain_page, &out, &err));
	assert_int_equal(err.code, ERR_USAGE);
	err_clear(&err);
	oauth = example("HMAC-SHA1");
	assert_false(oauth1_header(&oauth, "GET", "no address", &out, &err));
	assert_int_equal(err.code, ERR_USAGE);
	err_clear(&err);
	struct buf many = {0};
	buf_add_text(&many, "https://sis.example.org/x?a=0");
	for (int i = 0; i < 1000; i++)
		buf_add_format(&many, "&a=%d", i);
	assert_false(oauth1_header(&oauth, "GET", buf_text(&many), &out, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(out.length, 0);
	buf_release(&many);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_string_of_the_rfc),
		cmocka_unit_test(test_signature_of_the_rfc),
		cmocka_unit_test(test_signature_of_the_first_text),
		cmocka_unit_test(test_a_page),
		cmocka_unit_test(test_a_filtered_page),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

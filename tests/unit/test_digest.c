#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/digest.h"

/* From FIPS 180-4's examples. */
static const struct {
	const char *text;
	const char *digest;
} known[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		char digest[DIGEST_HEX_SIZE];
		digest_text(known[i].text, strlen(known[i].text), digest);
		assert_string_equal(digest, known[i].digest);
	}
}

/* In two pieces, cut anywhere; each digest starts anew. */
static void test_pieces(void **state)
{
	(void)state;
	struct digest *digest = digest_new();
	for (size_t i = 0; i < KNOWN; i++) {
		for (size_t cut = 0; cut <= strlen(known[i].text); cut++) {
			char text[DIGEST_HEX_SIZE];
			digest_add(digest, known[i].text, cut);
			digest_add(digest, known[i].text + cut, strlen(known[i].text) - cut);
			digest_hex(digest, text);
			assert_string_equal(text, known[i].digest);
		}
	}
	/* A million times a (FIPS 180-4), in pieces of many sizes. */
	static const size_t sizes[] = {1, 3, 80, 1000, 4095, 4096, 4097, 10007, 1000000};
	static char million[1000000];
	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char text[DIGEST_HEX_SIZE];
		size_t turn = 0;
		for (size_t at = 0; at < sizeof(million); turn++) {
			size_t piece = turn % 2 > 0 ? sizes[i] : turn / 2 % (sizes[i] + 1);
			piece = piece < sizeof(million) - at ? piece : sizeof(million) - at;
			digest_add(digest, million + at, piece);
			at += piece;
		}
		digest_hex(digest, text);
		assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
	digest_free(digest);
	digest_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

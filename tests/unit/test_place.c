#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "package/place.h"
#include "scratch.h"

static void assert_text(char *text, const char *wanted)
{
	assert_string_equal(text, wanted);
	free(text);
}

static void test_addresses_of_servers(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		const char *url;    /* of the file, for the library */
		const char *folder; /* of the folder */
		const char *path;
		const char *show;
		const char *show_file;
	} cases[] = {
		{"sftp://eagle@host.example/Home/One.zip", "sftp://host.example:22/Home/One.zip",
			"sftp://host.example:22/Home/", "/Home/One.zip", "sftp://eagle@host.example",
			"sftp://eagle@host.example/Home/One.zip"},
		{"SFTP://eagle@host.example:2222/Home/", "sftp://host.example:2222/Home/file.zip",
			"sftp://host.example:2222/Home/", "/Home/file.zip", "sftp://eagle@host.example:2222",
			"sftp://eagle@host.example:2222/Home/file.zip"},
		{"sftp://eagle@host.example", "sftp://host.example:22/file.zip", "sftp://host.example:22/", "/file.zip",
			"sftp://eagle@host.example", "sftp://eagle@host.example/file.zip"},
		{"sftp://eagle@host.example/~/a b/", "sftp://host.example:22/~/a%20b/file.zip",
			"sftp://host.example:22/~/a%20b/", "a b/file.zip", "sftp://eagle@host.example",
			"sftp://eagle@host.example/~/a b/file.zip"},
		{"sftp://eagle@host.example/~", "sftp://host.example:22/~/file.zip", "sftp://host.example:22/~/",
			"file.zip", "sftp://eagle@host.example", "sftp://eagle@host.example/~/file.zip"},
		{"sftp://eagle%40district@host.example/a%20b%3F%23/", "sftp://host.example:22/a%20b%3F%23/file.zip",
			"sftp://host.example:22/a%20b%3F%23/", "/a b?#/file.zip", "sftp://eagle@district@host.example",
			"sftp://eagle@district@host.example/a b?#/file.zip"},
		{"sftp://eagle@[2001:db8::7]/in/", "sftp://[2001:db8::7]:22/in/file.zip", "sftp://[2001:db8::7]:22/in/",
			"/in/file.zip", "sftp://eagle@[2001:db8::7]", "sftp://eagle@[2001:db8::7]/in/file.zip"},
		{"ftps://eagle@host.example/in/", "ftps://host.example:990/%2Fin/file.zip",
			"ftps://host.example:990/%2Fin/", "/in/file.zip", "ftps://eagle@host.example",
			"ftps://eagle@host.example/in/file.zip"},
		{"ftps://eagle@host.example/~/in/", "ftps://host.example:990/in/file.zip",
			"ftps://host.example:990/in/", "in/file.zip", "ftps://eagle@host.example",
			"ftps://eagle@host.example/~/in/file.zip"},
		{"ftpes://eagle@host.example/", "ftp://host.example:21/%2Ffile.zip", "ftp://host.example:21/%2F",
			"/file.zip", "ftpes://eagle@host.example", "ftpes://eagle@host.example/file.zip"},
		{"ftps://eagle@host.example:21/in/", "ftp://host.example:21/%2Fin/file.zip",
			"ftp://host.example:21/%2Fin/", "/in/file.zip", "ftps://eagle@host.example:21",
			"ftps://eagle@host.example:21/in/file.zip"},
		{"https://host.example/in b/(1)/%7e%2F/?sig=a%2Bb&x=1",
			"https://host.example:443/in%20b/(1)/%7e%2F/file.zip?sig=a%2Bb&x=1",
			"https://host.example:443/in%20b/(1)/%7e%2F/?sig=a%2Bb&x=1", "/in%20b/(1)/%7e%2F/file.zip",
			"https://host.example", "https://host.example/in%20b/(1)/%7e%2F/file.zip"},
		{"https://eagle@host.example:8443/a/b.zip", "https://host.example:8443/a/b.zip",
			"https://host.example:8443/a/", "/a/b.zip", "https://eagle@host.example:8443",
			"https://eagle@host.example:8443/a/b.zip"},
		{"http://127.0.0.1:8080/", "http://127.0.0.1:8080/file.zip", "http://127.0.0.1:8080/", "/file.zip",
			"http://127.0.0.1:8080", "http://127.0.0.1:8080/file.zip"},
		{"http://[::1]/", "http://[::1]:80/file.zip", "http://[::1]:80/", "/file.zip", "http://[::1]",
			"http://[::1]/file.zip"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place place;
		struct err err = {0};
		if (!place_find(&place, cases[i].address, "file.zip", &err))
			fail_msg("%s: %s", cases[i].address, err.text);
		assert_text(place_url(&place, place.name), cases[i].url);
		assert_text(place_url(&place, NULL), cases[i].folder);
		assert_text(place_path(&place, place.name), cases[i].path);
		assert_text(place_show(&place), cases[i].show);
		assert_text(place_show_file(&place), cases[i].show_file);
		place_release(&place);
	}
}

static void test_names_are_encoded(void **state)
{
	(void)state;
	struct place place;
	struct err err = {0};
	assert_true(place_find(&place, "https://host.example/in/", "One (1) 50%41 \xc3\xa9.zip", &err));
	assert_text(place_url(&place, place.name), "https://host.example:443/in/One%20%281%29%2050%2541%20%C3%A9.zip");
	place_release(&place);
	assert_true(place_find(&place, "sftp://eagle@host.example/in/", "50%41 ?#.zip", &err));
	assert_text(place_url(&place, place.name), "sftp://host.example:22/in/50%2541%20%3F%23.zip");
	assert_text(place_path(&place, place.name), "/in/50%41 ?#.zip");
	place_release(&place);
	assert_true(place_find(&place, "sftp://eagle@host.example/in/", NULL, &err));
	assert_null(place.name);
	place_release(&place);
}

static void test_one_form_for_signatures(void **state)
{
	(void)state;
	struct place place;
	struct err err = {0};
	assert_true(place_find(&place, "https://id@host.example/b%75cket/it's+(1)/%7e%2f/x=1;y.zip", "f", &err));
	place_normalize(&place);
	assert_text(
		place_url(&place, place.name), "https://host.example:443/bucket/it%27s%2B%281%29/~%2F/x%3D1%3By.zip");
	place_release(&place);
}

static void test_addresses_that_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		const char *says;
	} cases[] = {
		{"", "empty"},
		{"sftp://eagle:secret@host.example/in/", "`deliver-secret-file`"},
		{"https://eagle:@host.example/in/", "`deliver-secret-file`"},
		{"sftp://host.example/in/", "names no user: sftp://user@host.example"},
		{"ftps:///in/", "names no host"},
		{"sftp:/host/in/", "looks like"},
		{"eagle@host.example:in/", "looks like"},
		{"ftp://eagle@host.example/in/", "in the clear"},
		{"FTP://eagle@host.example/in/", "in the clear"},
		{"scp://eagle@host.example/in/", "use sftp://"},
		{"s3://bucket/in/", "`s3-region`"},
		{"file:///srv/in/", "without file://"},
		{"gopher://host.example/in/", "gopher:// is nothing"},
		{"http://host.example/in/", "only allowed to this machine"},
		{"http://127.0.0.1.example/in/", "only allowed to this machine"},
		{"sftp://eagle@host.example/in/#1.zip", "%23"},
		{"sftp://eagle@host.example/in/?.zip", "%3F"},
		{"https://host.example/in/#1.zip", "%23"},
		{"sftp://eagle@host.example/in%0a/", "control character"},
		{"/srv/in\n", "control character"},
		{"~/in", "whole path"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place place;
		struct err err = {0};
		if (place_find(&place, cases[i].address, "file.zip", &err))
			fail_msg("%s is taken", cases[i].address);
		assert_int_equal(err.code, ERR_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].address, err.text, cases[i].says);
		assert_null(strstr(err.text, "secret@"));
		place_release(&place);
	}
}

static void test_folders_of_this_machine(void **state)
{
	const struct scratch *scratch = *state;
	struct place place;
	struct err err = {0};
	char *there = mem_format("%s/", scratch->folder);
	char *file = scratch_path(scratch, "file.zip");
	char *other = scratch_path(scratch, "other.zip");
	assert_true(place_find(&place, scratch->folder, "file.zip", &err));
	assert_int_equal(place.kind, PLACE_FOLDER);
	assert_text(place_show_file(&place), file);
	assert_text(place_show(&place), scratch->folder);
	place_release(&place);
	assert_true(place_find(&place, there, "file.zip", &err));
	assert_text(place_path(&place, place.name), file);
	place_release(&place);
	assert_true(place_find(&place, other, "file.zip", &err));
	assert_text(place_path(&place, place.name), other);
	place_release(&place);
	assert_true(place_find(&place, "/", "file.zip", &err));
	assert_text(place_path(&place, place.name), "/file.zip");
	place_release(&place);
	assert_true(place_find(&place, "./a:b", "file.zip", &err));
	assert_text(place_path(&place, place.name), "./a:b");
	place_release(&place);
	assert_true(place_find(&place, "plain.zip", "file.zip", &err));
	assert_text(place_path(&place, place.name), "./plain.zip");
	place_release(&place);
	free(there);
	free(file);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_of_servers),
		cmocka_unit_test(test_names_are_encoded),
		cmocka_unit_test(test_one_form_for_signatures),
		cmocka_unit_test(test_addresses_that_are_refused),
		cmocka_unit_test_setup_teardown(test_folders_of_this_machine, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

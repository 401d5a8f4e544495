#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fetch/link.h"

static const char own[] = "https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=0";

static void test_as_the_standard_has_it(void **state)
{
	(void)state;
	struct link_facts facts;
	link_read("<https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=\"next\",\n "
		  "<https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=900>; rel=\"last\"",
		own, &facts);
	assert_true(facts.any && facts.next && facts.last && !facts.first && !facts.prev);
	assert_true(facts.next_has_offset && facts.next_has_limit);
	assert_int_equal(facts.next_offset, 100);
	assert_int_equal(facts.next_limit, 100);
	assert_string_equal(facts.next_url, "https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100");
	link_release(&facts);
	assert_null(facts.next_url);
}

/* Every form in which servers have been seen to write the same two facts: there is a next page at 100, and a last. */
static void test_as_servers_have_it(void **state)
{
	(void)state;
	static const char *const forms[] = {
		"https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100; rel=\"next\", "
		"https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=900; rel=\"last\"",
		"https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100;rel=next,"
		"https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=900;rel=last",
		"<https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=next, "
		"<https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=900>; rel=last,",
		"<https://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100>; title=\"more, and; more\"; "
		"rel='next', <x?offset=900>; type=text/plain; REL=\"Last\"; title=end\n",
		"</ims/oneroster/v1p1/users?offset=100&limit=100>; rel=\"next last\"",
		"<?limit=100&offset=100>;rel=next last",
		", , <users?limit=100&offset=100> ; rel = \"last\tnext\" ;, <>",
		"<//sis.example.org/ims/oneroster/v1p1/users?LIMIT=100&OFFSET=100>; rel=next; rel=first, <y>; rel=last",
		"<https://SIS.example.org:443/ims/oneroster/v1p1/users?limit=100&offset=100>;rel=next,<z>;rel=last",
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct link_facts facts;
		link_read(forms[i], own, &facts);
		if (!facts.next || !facts.last || facts.first || facts.prev || facts.next_offset != 100 ||
			facts.next_limit != 100 || facts.next_url == NULL)
			fail_msg("form %zu: %s", i, forms[i]);
		link_release(&facts);
	}
}

static void test_last_page(void **state)
{
	(void)state;
	struct link_facts facts;
	link_read("<users?offset=0>; rel=\"first\", <users?offset=800>; rel=\"prev\"", own, &facts);
	assert_true(facts.any && facts.first && facts.prev);
	assert_false(facts.next || facts.next_has_offset || facts.next_has_limit);
	assert_null(facts.next_url);
	link_release(&facts);
}

/* Numbers may come from anywhere, an address only from where the request went. */
static void test_never_elsewhere(void **state)
{
	(void)state;
	static const char *const elsewhere[] = {
		"<https://evil.example.net/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=next",
		"<http://sis.example.org/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=next",
		"<https://sis.example.org:8443/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=next",
		"<https://sis.example.org/internal/users?limit=100&offset=100>; rel=next",
		"<https://sis.example.org/ims/oneroster/v1p1/users/../orgs?limit=100&offset=100>; rel=next",
		"<//evil.example.net/ims/oneroster/v1p1/users?limit=100&offset=100>; rel=next",
	};
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		struct link_facts facts;
		link_read(elsewhere[i], own, &facts);
		assert_true(facts.next);
		if (facts.next_offset != 100 || facts.next_url != NULL)
			fail_msg("%s", elsewhere[i]);
		link_release(&facts);
	}
	struct link_facts facts;
	link_read("<https://user:word@sis.example.org/ims/oneroster/v1p1/users?offset=100>; rel=next", own, &facts);
	assert_true(facts.next);
	assert_null(facts.next_url);
	link_release(&facts);
}

static void test_cursor(void **state)
{
	(void)state;
	struct link_facts facts;
	link_read("</ims/oneroster/v1p1/users?continuationToken=a%2Fb%3D&limit=100>; rel=next", own, &facts);
	assert_true(facts.next);
	assert_false(facts.next_has_offset);
	assert_string_equal(facts.next_url,
		"https://sis.example.org/ims/oneroster/v1p1/users?continuationToken=a%2Fb%3D&limit=100");
	link_release(&facts);
}

static void test_bad_numbers(void **state)
{
	(void)state;
	static const char *const queries[] = {"offset=-1", "offset=", "offset=1x", "offset=99999999999999999999",
		"offset=1.5", "xoffset=100", "offset"};
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct link_facts facts;
		char text[200];
		snprintf(text, sizeof(text), "<users?%s>; rel=next", queries[i]);
		link_read(text, own, &facts);
		assert_true(facts.next);
		assert_false(facts.next_has_offset);
		assert_int_equal(facts.next_offset, 0);
		link_release(&facts);
	}
}

static void test_nothing_to_read(void **state)
{
	(void)state;
	static const char *const texts[] = {"", ",", ";", "<", "<>", "rel=next",
		"<https://sis.example.org/users?offset=5", "<x>; rel=\"next", "<x>; title=next", "<x>; rel=stylesheet",
		"<x>; rel=", "<x>;;;=;\"", "= ; ,\" '"};
	struct link_facts facts;
	link_read(NULL, own, &facts);
	assert_false(facts.any);
	link_release(&facts);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		link_read(texts[i], own, &facts);
		/* An open quote still says what it says. */
		if (facts.next != (strstr(texts[i], "\"next") != NULL))
			fail_msg("%s", texts[i]);
		link_release(&facts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_standard_has_it),
		cmocka_unit_test(test_as_servers_have_it),
		cmocka_unit_test(test_last_page),
		cmocka_unit_test(test_never_elsewhere),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_bad_numbers),
		cmocka_unit_test(test_nothing_to_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "base/mem.h"

static void test_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		const char *base;
		const char *data; /* without base */
		bool cut;
	} cases[] = {
		{"https://demo.aeries.net/aeries", "https://demo.aeries.net/aeries", "/ims/oneroster/v1p1", false},
		{"https://demo.aeries.net/aeries///", "https://demo.aeries.net/aeries", "/ims/oneroster/v1p1", false},
		{"HTTPS://demo.aeries.net", "https://demo.aeries.net", "/ims/oneroster/v1p1", false},
		{"https://sis.example:8443/a/ims/oneroster/v1p1/", "https://sis.example:8443/a", "/ims/oneroster/v1p1",
			false},
		{"https://sis.example/IMS/OneRoster/v1p1", "https://sis.example", "/IMS/OneRoster/v1p1", false},
		{"https://sis.example/learningdata/v1", "https://sis.example", "/learningdata/v1", false},
		{"https://sis.example/oneroster/v1p1", "https://sis.example/oneroster", "/v1p1", false},
		{"https://demo.aeries.net/aeries/Login.aspx", "https://demo.aeries.net/aeries", "/ims/oneroster/v1p1",
			true},
		{"https://demo.aeries.net/student/LoginParent.aspx?page=default.aspx#top",
			"https://demo.aeries.net/student", "/ims/oneroster/v1p1", true},
		{"https://demo.aeries.net/Login.aspx", "https://demo.aeries.net", "/ims/oneroster/v1p1", true},
		/* A dot does not make a page. */
		{"https://sis.example/api/2.0", "https://sis.example/api/2.0", "/ims/oneroster/v1p1", false},
		{"http://127.0.0.1:8080/aeries", "http://127.0.0.1:8080/aeries", "/ims/oneroster/v1p1", false},
		{"http://[::1]/aeries", "http://[::1]/aeries", "/ims/oneroster/v1p1", false},
		{"http://localhost:1/", "http://localhost:1", "/ims/oneroster/v1p1", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address;
		struct err err = {0};
		char *data = mem_format("%s%s", cases[i].base, cases[i].data);
		assert_true(address_read(&address, cases[i].url, "/ims/oneroster/v1p1", &err));
		assert_string_equal(address.base, cases[i].base);
		assert_string_equal(address.data, data);
		assert_int_equal(address.cut, cases[i].cut);
		address_release(&address);
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}

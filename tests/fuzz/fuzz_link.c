/*
 * The Link header. Input: a byte for the address that was asked, then the header.
 * Holds: an address to go to next is where the request went anyway, whatever the header says: the same scheme, host,
 * port and path, without a user; and asking there may go on the same way.
 */
#include "fuzz.h"

#include <strings.h>

#include "base/err.h"
#include "fetch/http.h"
#include "fetch/link.h"

/* What an address may begin with; the other spelling names the default port. */
static const struct {
	const char *url;
	const char *origin;
	const char *other;
	const char *path;
} asked[] = {
	{"https://sis.example/ims/oneroster/v1p1/users?limit=100&offset=0", "https://sis.example",
		"https://sis.example:443", "/ims/oneroster/v1p1/users"},
	{"https://sis.example:8443/a%20b/orgs", "https://sis.example:8443", "https://sis.example:8443", "/a%20b/orgs"},
	{"http://127.0.0.1:8080/?limit=1#top", "http://127.0.0.1:8080", "http://127.0.0.1:8080", "/"},
	{"http://[::1]/x/users", "http://[::1]", "http://[::1]:80", "/x/users"},
};

static bool begins(const char *url, const char *origin, const char *path)
{
	size_t length = strlen(origin);
	if (strncasecmp(url, origin, length) != 0 || strncmp(url + length, path, strlen(path)) != 0)
		return false;
	char behind = url[length + strlen(path)];
	return behind == '\0' || behind == '?';
}

static bool has_no_blanks(const char *url)
{
	for (; *url != '\0'; url++)
		if ((unsigned char)*url <= ' ' || *url == '\x7f')
			return false;
	return true;
}

static void assert_facts(const struct link_facts *facts)
{
	fuzz_must(facts->any == (facts->next || facts->prev || facts->first || facts->last), "any is one of them");
	fuzz_must(facts->next || !(facts->next_has_offset || facts->next_has_limit), "numbers are those of next");
	fuzz_must(facts->next || facts->next_url == NULL, "so is the address");
	fuzz_must(facts->next_has_offset || facts->next_offset == 0, "an offset that is not there is 0");
	fuzz_must(facts->next_has_limit || facts->next_limit == 0, "so is such a limit");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	size_t which = fuzz_byte(&input) % (sizeof(asked) / sizeof(asked[0]));
	char *text = mem_copy_n(input.data, input.left);
	struct link_facts facts;
	struct err err = {0};
	link_read(text, asked[which].url, &facts);
	assert_facts(&facts);
	if (facts.next_url != NULL) {
		struct link_facts further;
		fuzz_must(begins(facts.next_url, asked[which].origin, asked[which].path) ||
				  begins(facts.next_url, asked[which].other, asked[which].path),
			"the next address is where the request went");
		fuzz_must(has_no_blanks(facts.next_url), "it can be sent");
		fuzz_must(http_address_allowed(facts.next_url, &err), "and is allowed");
		link_read(text, facts.next_url, &further);
		assert_facts(&further);
		fuzz_must(further.next_url == NULL ||
				  begins(further.next_url, asked[which].origin, asked[which].path) ||
				  begins(further.next_url, asked[which].other, asked[which].path),
			"and so is the one behind that");
		link_release(&further);
	}
	link_release(&facts);
	free(text);
	return 0;
}

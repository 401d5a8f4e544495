#include "address.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fetch/http.h"

/* Endings of an address that make it the address of the data. The one of the standard is given by the caller and tried
 * first. */
static const char *const versions[] = {"/learningdata/v1", "/v1p1"};

/* Endings of web pages: people copy the address of the page on which they log in. */
static const char *const pages[] = {"asp", "aspx", "cfm", "do", "htm", "html", "jsp", "php"};

/* What libcurl sees in an address. */
struct parts {
	CURLU *url;
	char *scheme;
	char *host;
	char *port; /* NULL for that of the scheme */
	char *path;
	char *query;
	char *fragment;
};

static void release_parts(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
	curl_free(parts->path);
	curl_free(parts->query);
	curl_free(parts->fragment);
	curl_url_cleanup(parts->url);
}

static char *part(CURLU *url, CURLUPart what)
{
	char *text = NULL;
	return curl_url_get(url, what, &text, CURLU_NO_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

/* Fills parts, to be released whatever happens. What is allowed at all is decided where requests are made. */
static bool read_parts(struct parts *parts, const char *url, struct err *err)
{
	if (!http_address_allowed(url, err))
		return false;
	parts->url = curl_url();
	if (parts->url != NULL && curl_url_set(parts->url, CURLUPART_URL, url, 0) == CURLUE_OK) {
		parts->scheme = part(parts->url, CURLUPART_SCHEME);
		parts->host = part(parts->url, CURLUPART_HOST);
		parts->port = part(parts->url, CURLUPART_PORT);
		parts->path = part(parts->url, CURLUPART_PATH);
		parts->query = part(parts->url, CURLUPART_QUERY);
		parts->fragment = part(parts->url, CURLUPART_FRAGMENT);
	}
	if (parts->scheme != NULL && parts->host != NULL && parts->path != NULL)
		return true;
	err_set(err, ERR_USAGE, "this is not an address");
	return false;
}

static bool is_page(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = slash != NULL ? strrchr(slash, '.') : NULL;
	for (size_t i = 0; dot != NULL && i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcasecmp(dot + 1, pages[i]) == 0)
			return true;
	return false;
}

static void cut_slashes(char *text)
{
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '/')
		text[--length] = '\0';
}

static bool cut_end(char *text, const char *end)
{
	size_t length = strlen(text);
	size_t cut = strlen(end);
	if (cut > length || strcasecmp(text + length - cut, end) != 0)
		return false;
	text[length - cut] = '\0';
	cut_slashes(text);
	return true;
}

/* Letters, digits, dots and hyphens stay, a slash becomes an underscore, all else %XX: different texts stay different.
 */
static void add_slug(struct buf *out, const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		bool kept = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
			    *c == '.' || *c == '-';
		if (kept)
			buf_add_char(out, *c);
		else if (*c == '/')
			buf_add_char(out, '_');
		else
			buf_add_format(out, "%%%02X", (unsigned)(unsigned char)*c);
	}
}

static char *bare_host(const char *host)
{
	size_t length = strlen(host);
	bool brackets = length >= 2 && *host == '[';
	char *bare = mem_copy_n(brackets ? host + 1 : host, brackets ? length - 2 : length);
	for (char *c = bare; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return bare;
}

static void fill(struct address *address, const struct parts *parts, const char *version)
{
	address->path = mem_copy(parts->path);
	if (address->cut)
		*strrchr(address->path, '/') = '\0';
	cut_slashes(address->path);
	char *whole = mem_copy(address->path);
	bool data = cut_end(address->path, version);
	for (size_t i = 0; !data && i < sizeof(versions) / sizeof(versions[0]); i++)
		data = cut_end(address->path, versions[i]);

	const char *colon = parts->port != NULL ? ":" : "";
	const char *port = parts->port != NULL ? parts->port : "";
	address->host = bare_host(parts->host);
	char *server = mem_format("%s://%s%s%s", parts->scheme, parts->host, colon, port);
	address->base = mem_format("%s%s", server, address->path);
	address->data = mem_format("%s%s%s", server, data ? whole : address->path, data ? "" : version);
	struct buf slug = {0};
	add_slug(&slug, address->host);
	add_slug(&slug, colon);
	add_slug(&slug, port);
	add_slug(&slug, address->path);
	address->slug = buf_take(&slug);
	free(server);
	free(whole);
}

bool address_read(struct address *address, const char *url, const char *version, struct err *err)
{
	*address = (struct address){0};
	struct parts parts = {0};
	bool ok = read_parts(&parts, url, err);
	if (ok) {
		address->cut = is_page(parts.path);
		if (!address->cut && (parts.query != NULL || parts.fragment != NULL))
			ok = err_set(err, ERR_USAGE, "the address has to end before its %s",
				parts.query != NULL ? "question mark" : "#");
	}
	if (ok)
		fill(address, &parts, version);
	release_parts(&parts);
	return ok;
}

void address_release(struct address *address)
{
	free(address->base);
	free(address->data);
	free(address->host);
	free(address->path);
	free(address->slug);
	*address = (struct address){0};
}

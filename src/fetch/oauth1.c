#include "fetch/oauth1.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/mask.h"
#include "base/mem.h"
#include "fetch/http.h"

enum { PARAMETERS_MAX = 256 };

static const struct {
	const char *name;
	const EVP_MD *(*digest)(void);
} methods[] = {
	{"HMAC-SHA1", EVP_sha1},
	{"HMAC-SHA256", EVP_sha256},
};

/* A parameter, name and value encoded as RFC 5849, section 3.6, wants them. */
struct pair {
	char *name;
	char *value;
};

struct pairs {
	struct pair list[PARAMETERS_MAX];
	size_t count;
	bool overflow;
};

static char *encoded(const char *text)
{
	struct buf out = {0};
	http_encode(&out, text);
	return buf_take(&out);
}

static void pairs_add(struct pairs *pairs, const char *name, const char *value)
{
	if (pairs->count == PARAMETERS_MAX) {
		pairs->overflow = true;
		return;
	}
	pairs->list[pairs->count++] = (struct pair){.name = encoded(name), .value = encoded(value)};
}

static void pairs_release(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->list[i].name);
		free(pairs->list[i].value);
	}
	pairs->count = 0;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static char *decoded(const char *text, size_t length)
{
	char *out = mem_new(length + 1, 1);
	char *to = out;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '%' && i + 2 < length && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
			*to++ = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
			i += 2;
		} else {
			*to = text[i];
			if (*to == '+')
				*to = ' ';
			to++;
		}
	}
	return out;
}

/* Adds the parameters of a query or form body. */
static void pairs_add_form(struct pairs *pairs, const char *form)
{
	for (const char *at = form; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, "&");
		const char *equals = memchr(at, '=', length);
		size_t name_length = equals != NULL ? (size_t)(equals - at) : length;
		if (length > 0) {
			char *name = decoded(at, name_length);
			char *value = equals != NULL ? decoded(equals + 1, length - name_length - 1) : mem_copy("");
			pairs_add(pairs, name, value);
			free(name);
			free(value);
		}
		at += length;
		at += *at == '&' ? 1 : 0;
	}
}

/* The protocol's own parameters, without the signature. */
static void pairs_add_oauth(struct pairs *pairs, const struct oauth1 *oauth)
{
	char *timestamp = mem_format("%lld", (long long)oauth->timestamp);
	pairs_add(pairs, "oauth_consumer_key", oauth->key);
	pairs_add(pairs, "oauth_nonce", oauth->nonce);
	pairs_add(pairs, "oauth_signature_method", oauth->method);
	pairs_add(pairs, "oauth_timestamp", timestamp);
	if (oauth->token != NULL)
		pairs_add(pairs, "oauth_token", oauth->token);
	if (oauth->version != NULL)
		pairs_add(pairs, "oauth_version", oauth->version);
	free(timestamp);
}

static int compare(const void *one, const void *other)
{
	const struct pair *a = one;
	const struct pair *b = other;
	int order = strcmp(a->name, b->name);
	return order != 0 ? order : strcmp(a->value, b->value);
}

static void lower(char *text)
{
	for (; *text != '\0'; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

/* Adds scheme, host, port unless it is the usual one, and the path as sent. */
static bool add_address(CURLU *parts, const char *url, struct buf *to)
{
	char *scheme = NULL;
	char *host = NULL;
	char *port = NULL;
	bool ok = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	if (ok) {
		lower(scheme);
		lower(host);
		buf_add_format(to, "%s://%s", scheme, host);
		if (curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) == CURLUE_OK)
			buf_add_format(to, ":%s", port);
		/* The path is taken from the text: the library's parts have it tidied. */
		const char *authority = strstr(url, "://");
		const char *path = authority != NULL ? authority + 3 + strcspn(authority + 3, "/?#") : "";
		size_t length = strcspn(path, "?#");
		if (length == 0)
			buf_add_char(to, '/');
		buf_add(to, path, length);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return ok;
}

bool oauth1_base(const struct oauth1 *oauth, const char *verb, const char *url, const char *form, struct buf *base,
	struct err *err)
{
	struct buf address = {0};
	struct buf joined = {0};
	struct pairs *pairs = mem_new(1, sizeof(*pairs));
	CURLU *parts = curl_url();
	bool ok = curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS) == CURLUE_OK &&
		  add_address(parts, url, &address);
	const char *query = strchr(url, '?');
	if (query != NULL) {
		char *text = mem_copy_n(query + 1, strcspn(query + 1, "#"));
		pairs_add_form(pairs, text);
		free(text);
	}
	pairs_add_form(pairs, form);
	pairs_add_oauth(pairs, oauth);
	if (!ok || pairs->overflow) {
		ok = err_set(err, ERR_USAGE, "this address cannot be signed");
		goto out;
	}
	qsort(pairs->list, pairs->count, sizeof(pairs->list[0]), compare);
	for (size_t i = 0; i < pairs->count; i++)
		buf_add_format(&joined, "%s%s=%s", i > 0 ? "&" : "", pairs->list[i].name, pairs->list[i].value);
	buf_add_text(base, verb);
	buf_add_char(base, '&');
	http_encode(base, buf_text(&address));
	buf_add_char(base, '&');
	http_encode(base, buf_text(&joined));
out:
	curl_url_cleanup(parts);
	pairs_release(pairs);
	free(pairs);
	buf_release(&address);
	buf_release(&joined);
	return ok;
}

bool oauth1_signature(const struct oauth1 *oauth, const char *verb, const char *url, const char *form,
	struct buf *signature, struct err *err)
{
	const EVP_MD *digest = NULL;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, oauth->method) == 0)
			digest = methods[i].digest();
	if (digest == NULL)
		return err_set(err, ERR_USAGE, "oauth1-method must be HMAC-SHA1 or HMAC-SHA256");
	struct buf base = {0};
	if (!oauth1_base(oauth, verb, url, form, &base, err)) {
		buf_release(&base);
		return false;
	}
	struct buf key = {0};
	http_encode(&key, oauth->secret);
	buf_add_char(&key, '&');
	http_encode(&key, oauth->token_secret != NULL ? oauth->token_secret : "");
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_length = 0;
	bool ok = HMAC(digest, key.data, (int)key.length, (const unsigned char *)base.data, base.length, mac,
			  &mac_length) != NULL;
	if (ok) {
		unsigned char text[EVP_MAX_MD_SIZE * 2];
		int length = EVP_EncodeBlock(text, mac, (int)mac_length);
		buf_add(signature, text, (size_t)length);
	} else {
		err_set(err, ERR_OTHER, "libcrypto does not make a signature with %s", oauth->method);
	}
	mask_wipe(key.data, key.length);
	buf_release(&key);
	buf_release(&base);
	return ok;
}

bool oauth1_header(const struct oauth1 *oauth, const char *verb, const char *url, struct buf *header, struct err *err)
{
	struct buf signature = {0};
	bool ok = oauth1_signature(oauth, verb, url, NULL, &signature, err);
	if (ok) {
		struct pairs *pairs = mem_new(1, sizeof(*pairs));
		pairs_add_oauth(pairs, oauth);
		pairs_add(pairs, "oauth_signature", buf_text(&signature));
		buf_add_text(header, "Authorization: OAuth ");
		/* Some servers split at the comma and keep a blank behind it as part of the name. */
		for (size_t i = 0; i < pairs->count; i++)
			buf_add_format(
				header, "%s%s=\"%s\"", i > 0 ? "," : "", pairs->list[i].name, pairs->list[i].value);
		pairs_release(pairs);
		free(pairs);
	}
	buf_release(&signature);
	return ok;
}

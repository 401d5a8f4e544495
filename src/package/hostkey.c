#include "package/hostkey.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum {
	FILE_MAX_BYTES = 4 * 1024 * 1024,
	KEY_MAX = 16 * 1024, /* base64 of the largest RSA keys is below 3 KiB */
	KEY_BYTES_MAX = KEY_MAX / 4 * 3,
	FINGERPRINT_LENGTH = 43 /* base64 of 32 bytes without the = at its end */
};

/* In the order they are tried. RSA is the last: servers of today give it only to those who know its newer signatures.
 */
static const char *const kinds[] = {
	"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Stands for a key that is not known: libssh2 wants as much text as a true one has. */
static const char any_key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct listed {
	char *kind;
	char *key; /* base64 */
	bool revoked;
	bool exact; /* of this port, not of the host at large */
};

struct hostkey {
	char *fingerprint; /* without SHA256: and =; NULL: the keys count */
	char *file;
	char *host; /* without brackets */
	char *port;
	char *name; /* as known_hosts has it: host, or [host]:port */
	struct listed *listed;
	size_t count;
	bool exact;  /* keys of this port are listed: those of the host at large do not count */
	size_t next; /* of kinds */
	int fd;      /* of the file for libcurl; -1 for none */
	char path[32];
	bool accepted;
	bool same_kind;  /* a key was refused although one of its kind is listed */
	char shown[384]; /* the keys that were refused, for messages */
};

/* ---- known_hosts ---- */

/* Whether text matches a pattern of known_hosts with * and ?; host names have no case. */
static bool matches_pattern(const char *pattern, size_t length, const char *text)
{
	size_t at = 0;
	size_t star = SIZE_MAX;
	const char *retry = NULL;
	while (*text != '\0') {
		if (at < length && pattern[at] == '*') {
			star = at++;
			retry = text;
		} else if (at < length && (pattern[at] == '?' || strncasecmp(&pattern[at], text, 1) == 0)) {
			at++;
			text++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (at < length && pattern[at] == '*')
		at++;
	return at == length;
}

/* Decodes base64, written in the one way there is; the number of bytes, or -1. Room for length / 4 * 3. */
static int decode(const char *text, size_t length, unsigned char *out)
{
	unsigned char again[KEY_MAX + 1];
	if (length == 0 || length % 4 != 0 || length > KEY_MAX)
		return -1;
	int bytes = EVP_DecodeBlock(out, (const unsigned char *)text, (int)length);
	if (bytes < 0)
		return -1;
	for (size_t i = length; i > length - 2 && text[i - 1] == '='; i--)
		bytes--;
	EVP_EncodeBlock(again, out, bytes);
	return memcmp(again, text, length) == 0 ? bytes : -1;
}

/* A hashed name: |1|salt|HMAC-SHA1 of the name under the salt|, both base64. */
static bool matches_hash(const char *field, size_t length, const char *name)
{
	unsigned char salt[64];
	unsigned char wanted[64];
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned hash_length = 0;
	const char *middle = length > 3 ? memchr(field + 3, '|', length - 3) : NULL;
	if (middle == NULL || length > 80)
		return false;
	int salt_length = decode(field + 3, (size_t)(middle - field) - 3, salt);
	int wanted_length = decode(middle + 1, length - (size_t)(middle + 1 - field), wanted);
	char *lower = mem_copy(name);
	for (char *c = lower; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	bool matches = salt_length > 0 && wanted_length == SHA_DIGEST_LENGTH &&
		       HMAC(EVP_sha1(), salt, salt_length, (const unsigned char *)lower, strlen(lower), hash,
			       &hash_length) != NULL &&
		       hash_length == (unsigned)wanted_length && memcmp(hash, wanted, hash_length) == 0;
	free(lower);
	return matches;
}

static bool matches_names(const char *field, size_t length, const char *name)
{
	if (field[0] == '|')
		return length > 3 && memcmp(field, "|1|", 3) == 0 && matches_hash(field, length, name);
	bool matches = false;
	for (size_t at = 0; at < length;) {
		const char *comma = memchr(field + at, ',', length - at);
		size_t end = comma != NULL ? (size_t)(comma - field) : length;
		bool not = field[at] == '!';
		size_t start = at + (not ? 1 : 0);
		if (matches_pattern(field + start, end - start, name)) {
			if (not )
				return false;
			matches = true;
		}
		at = end + 1;
	}
	return matches;
}

/* Cuts the next word off a line. */
static char *word(char **line)
{
	char *start = *line + strspn(*line, " \t\r");
	char *end = start + strcspn(start, " \t\r");
	*line = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return start;
}

/* Whether a key begins with the name of its kind, as all do. */
static bool is_of_kind(const char *key, const char *kind)
{
	unsigned char bytes[KEY_MAX];
	size_t named = strlen(kind);
	int length = decode(key, strlen(key), bytes);
	return length >= 4 && (size_t)length - 4 >= named && bytes[0] == 0 && bytes[1] == 0 &&
	       (size_t)bytes[2] * 256 + bytes[3] == named && memcmp(bytes + 4, kind, named) == 0;
}

static void read_line(struct hostkey *hostkey, char *line)
{
	char *names = word(&line);
	bool revoked = strcmp(names, "@revoked") == 0;
	if (revoked)
		names = word(&line);
	if (names[0] == '\0' || (names[0] == '#' && !revoked) || names[0] == '@') /* certificates are not known here */
		return;
	const char *kind = word(&line);
	const char *key = word(&line);
	bool exact = matches_names(names, strlen(names), hostkey->name);
	if ((!revoked && !is_of_kind(key, kind)) || (!exact && !matches_names(names, strlen(names), hostkey->host)))
		return;
	hostkey->exact = hostkey->exact || (exact && !revoked);
	hostkey->listed = mem_grow(hostkey->listed, hostkey->count + 1, sizeof(*hostkey->listed));
	hostkey->listed[hostkey->count++] = (struct listed){
		.kind = mem_copy(kind), .key = mem_copy(key), .revoked = revoked, .exact = exact};
}

static bool is_revoked(const struct hostkey *hostkey, const char *key)
{
	for (size_t i = 0; i < hostkey->count; i++)
		if (hostkey->listed[i].revoked && strcmp(hostkey->listed[i].key, key) == 0)
			return true;
	return false;
}

/* A line without a port counts for every port, unless another line knows better. */
static bool is_listed(const struct hostkey *hostkey, const char *key)
{
	for (size_t i = 0; i < hostkey->count; i++) {
		const struct listed *listed = &hostkey->listed[i];
		if (!listed->revoked && listed->exact == hostkey->exact && strcmp(listed->key, key) == 0)
			return !is_revoked(hostkey, key);
	}
	return false;
}

/* The first accepted key of a kind, or NULL. */
static const char *listed_key(const struct hostkey *hostkey, const char *kind)
{
	for (size_t i = 0; i < hostkey->count; i++)
		if (strcmp(hostkey->listed[i].kind, kind) == 0 && is_listed(hostkey, hostkey->listed[i].key))
			return hostkey->listed[i].key;
	return NULL;
}

static void hint_scan(const struct hostkey *hostkey, struct err *err)
{
	err_hint(err,
		"Run: ssh-keyscan -p %s %s >>%s; then compare what ssh-keygen -lf %s prints with the fingerprint that "
		"the people of that server tell you",
		hostkey->port, hostkey->host, hostkey->file, hostkey->file);
}

static bool read_file(struct hostkey *hostkey, struct err *err)
{
	struct buf text = {.max = FILE_MAX_BYTES + 1};
	if (access(hostkey->file, F_OK) != 0) {
		err_set(err, ERR_USAGE,
			"there is no file of host keys %s, so nobody could tell %s from another server in its place",
			hostkey->file, hostkey->name);
		hint_scan(hostkey, err);
		return false;
	}
	if (!file_read(hostkey->file, FILE_MAX_BYTES, &text, err)) {
		err->code = ERR_USAGE;
		err_in(err, "`known-hosts`");
		buf_release(&text);
		return false;
	}
	for (size_t at = 0; at < text.length;) { /* a NUL ends its line only, not the keys that are revoked behind it */
		char *line = text.data + at;
		char *end = memchr(line, '\n', text.length - at);
		if (end != NULL)
			*end = '\0';
		read_line(hostkey, line);
		at = end != NULL ? (size_t)(end - text.data) + 1 : text.length;
	}
	buf_release(&text);
	for (size_t i = 0; i < KINDS; i++)
		if (listed_key(hostkey, kinds[i]) != NULL)
			return true;
	err_set(err, ERR_USAGE, "%s lists no key of %s, so nobody could tell it from another server in its place",
		hostkey->file, hostkey->name);
	hint_scan(hostkey, err);
	return false;
}

/* ---- Beginning and end ---- */

struct hostkey *hostkey_new(
	const char *fingerprint, const char *file, const char *host, const char *port, struct err *err)
{
	struct hostkey *hostkey = mem_new(1, sizeof(*hostkey));
	hostkey->fd = -1;
	size_t length = strlen(host);
	bool brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';
	hostkey->host = mem_copy_n(host + (brackets ? 1 : 0), length - (brackets ? 2 : 0));
	hostkey->port = mem_copy(port);
	hostkey->name = strcmp(port, "22") == 0 ? mem_copy(hostkey->host) : mem_format("[%s]:%s", hostkey->host, port);
	const char *home = getenv("HOME");
	if (file != NULL)
		hostkey->file = mem_copy(file);
	else if (home != NULL && *home == '/')
		hostkey->file = mem_format("%s/.ssh/known_hosts", home);
	if (fingerprint != NULL) {
		fingerprint += strncasecmp(fingerprint, "SHA256:", 7) == 0 ? 7 : 0;
		hostkey->fingerprint = mem_copy_n(fingerprint, strcspn(fingerprint, "="));
		if (strlen(hostkey->fingerprint) == FINGERPRINT_LENGTH)
			return hostkey;
		err_set(err, ERR_USAGE, "`host-key-sha256` is no fingerprint as ssh-keygen -lf prints it");
	} else if (hostkey->file == NULL) {
		err_set(err, ERR_USAGE,
			"nobody could tell %s from another server in its place: name a file of host keys in "
			"`known-hosts`, "
			"or the key's fingerprint in `host-key-sha256`",
			hostkey->name);
	} else if (read_file(hostkey, err)) {
		return hostkey;
	}
	hostkey_free(hostkey);
	return NULL;
}

void hostkey_free(struct hostkey *hostkey)
{
	if (hostkey == NULL)
		return;
	for (size_t i = 0; i < hostkey->count; i++) {
		free(hostkey->listed[i].kind);
		free(hostkey->listed[i].key);
	}
	free(hostkey->listed);
	free(hostkey->fingerprint);
	free(hostkey->file);
	free(hostkey->host);
	free(hostkey->port);
	free(hostkey->name);
	if (hostkey->fd >= 0)
		close(hostkey->fd);
	free(hostkey);
}

/* ---- Agreeing on a kind ---- */

/* Before 1.11 libssh2 does not know the newer signatures, and goes astray when libcurl names them. Then the server is
 * left to choose: one so old that it has nothing else shows its RSA key. */
static bool rsa_can_be_asked_for(void)
{
	const char *version = curl_version_info(CURLVERSION_NOW)->libssh_version;
	int minor = 0;
	return version == NULL || sscanf(version, "libssh2/1.%d", &minor) != 1 || minor >= 11;
}

const char *hostkey_next(struct hostkey *hostkey, struct err *err)
{
	const char *key = NULL;
	while (key == NULL && hostkey->next < KINDS) {
		/* Any key will do for libcurl to ask for the kind; whether it is the right one is judged here. */
		key = hostkey->fingerprint != NULL ? any_key : listed_key(hostkey, kinds[hostkey->next]);
		hostkey->next++;
	}
	if (key == NULL)
		return NULL;
	if (hostkey->fd >= 0)
		close(hostkey->fd);
	hostkey->fd = file_temp(file_work_folder(), err);
	if (hostkey->fd < 0)
		return NULL;
	const char *kind = kinds[hostkey->next - 1];
	bool ask = strcmp(kind, "ssh-rsa") != 0 || rsa_can_be_asked_for();
	char *line = ask ? mem_format("%s %s %s\n", hostkey->name, kind, key) : mem_copy("");
	size_t length = strlen(line);
	ssize_t written = write(hostkey->fd, line, length);
	free(line);
	if (written < 0 || (size_t)written != length) {
		err_set(err, ERR_FILE, "cannot write a working file in %s", file_work_folder());
		return NULL;
	}
	snprintf(hostkey->path, sizeof(hostkey->path), "/dev/fd/%d", hostkey->fd);
	return hostkey->path;
}

/* The key as bytes; their number, or -1. It comes as bytes, or as base64 without a length. */
static int key_bytes(const struct curl_khkey *shown, unsigned char bytes[static KEY_MAX])
{
	if (shown->len == 0)
		return decode(shown->key, strlen(shown->key), bytes);
	if (shown->len > KEY_BYTES_MAX)
		return -1;
	memcpy(bytes, shown->key, shown->len);
	return (int)shown->len;
}

static void add_shown(struct hostkey *hostkey, const char *print, const unsigned char *bytes, int length, bool revoked)
{
	/* A key begins with the length and the name of its kind. */
	int length_of_kind = bytes[3] <= length - 4 && bytes[3] < 32 ? bytes[3] : 0;
	char kind[32];
	snprintf(kind, sizeof(kind), "%.*s", length_of_kind, (const char *)bytes + 4);
	hostkey->same_kind = hostkey->same_kind || revoked || listed_key(hostkey, kind) != NULL;
	size_t had = strlen(hostkey->shown);
	if (strstr(hostkey->shown, print) == NULL)
		snprintf(hostkey->shown + had, sizeof(hostkey->shown) - had, "%sSHA256:%s (%s%s)", had > 0 ? ", " : "",
			print, kind, revoked ? ", revoked" : "");
}

bool hostkey_accept(struct hostkey *hostkey, const struct curl_khkey *shown)
{
	unsigned char bytes[KEY_MAX];
	unsigned char hash[SHA256_DIGEST_LENGTH];
	unsigned char base64[KEY_MAX + 1];
	char print[FINGERPRINT_LENGTH + 2];
	int length = key_bytes(shown, bytes);
	bool accept = false;
	if (length < 4)
		return false;
	SHA256(bytes, (size_t)length, hash);
	EVP_EncodeBlock((unsigned char *)print, hash, sizeof(hash));
	print[FINGERPRINT_LENGTH] = '\0';
	EVP_EncodeBlock(base64, bytes, length);
	if (hostkey->fingerprint != NULL)
		accept = strcmp(print, hostkey->fingerprint) == 0;
	else
		accept = is_listed(hostkey, (const char *)base64);
	if (!accept)
		add_shown(hostkey, print, bytes, length, is_revoked(hostkey, (const char *)base64));
	hostkey->accepted = accept;
	return accept;
}

bool hostkey_accepted(const struct hostkey *hostkey)
{
	return hostkey->accepted;
}

/* The server shows nothing that could be compared: words of the library, or a key of another kind. */
static bool explain_kinds(const struct hostkey *hostkey, const char *words, enum err_code code, struct err *err)
{
	struct buf listed = {0};
	for (size_t i = 0; i < KINDS; i++)
		if (listed_key(hostkey, kinds[i]) != NULL)
			buf_add_format(&listed, "%s%s", listed.length > 0 ? ", " : "", kinds[i]);
	if (listed.length == 0) {
		err_set(err, code, "there is no kind of host key, or of cipher, that both sides know: %s", words);
		err_hint(err, "The server may be very old, or have none but an RSA key, which needs libssh2 1.11 here");
	} else {
		err_set(err, code,
			"the server shows no host key of a kind that %s lists for it (%s), but %s; nothing was sent",
			hostkey->file, buf_text(&listed), words);
		err_hint(err,
			"If that is only ssh-rsa, which new servers do not show before libssh2 1.11, add its other "
			"keys: ssh-keyscan "
			"-p %s %s >>%s; and compare what ssh-keygen -lf %s prints with what its people tell you",
			hostkey->port, hostkey->host, hostkey->file, hostkey->file);
	}
	buf_release(&listed);
	return false;
}

bool hostkey_explain(const struct hostkey *hostkey, const char *words, enum err_code code, struct err *err)
{
	if (hostkey->shown[0] == '\0')
		return explain_kinds(hostkey, words, code, err);
	if (hostkey->fingerprint == NULL && !hostkey->same_kind)
		return explain_kinds(hostkey, hostkey->shown, code, err);
	if (hostkey->fingerprint != NULL) {
		err_set(err, code, "the server has not the host key of `host-key-sha256`, but %s; nothing was sent",
			hostkey->shown);
		err_hint(err, "If the fingerprint is that of an RSA key, which new servers do not show before libssh2 "
			      "1.11, ask its "
			      "people for another. Else its key was changed, or another machine has taken its place: "
			      "ask them, and "
			      "only if they name one of these, set it");
	} else {
		err_set(err, code, "the server has not the host key that %s lists for it, but %s; nothing was sent",
			hostkey->file, hostkey->shown);
		err_hint(err,
			"Its key was changed, or another machine has taken its place: ask its people for the "
			"fingerprint. Only if "
			"they name this one, run: ssh-keygen -f %s -R '%s'; ssh-keyscan -p %s %s >>%s",
			hostkey->file, hostkey->name, hostkey->port, hostkey->host, hostkey->file);
	}
	return false;
}

#include "package/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <curl/curl.h>

#include "base/buf.h"
#include "base/mask.h"
#include "base/mem.h"

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static const struct {
	const char *name;
	const char *spoken; /* to libcurl */
	const char *port;   /* where none is given */
	enum place_kind kind;
	bool asks_tls;
	bool plain;
} schemes[] = {
	{"sftp", "sftp", "22", PLACE_SFTP, false, false},
	{"ftps", "ftps", "990", PLACE_FTPS, false, false},
	{"ftpes", "ftp", "21", PLACE_FTPS, true, false},
	{"https", "https", "443", PLACE_HTTP, false, false},
	{"http", "http", "80", PLACE_HTTP, false, true},
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

static const struct {
	const char *name;
	const char *advice;
} others[] = {
	{"ftp", "ftp:// would send the password and the roster in the clear: use sftp://, or FTP over TLS as ftps:// "
		"(from "
		"the first byte) or ftpes:// (asked for after the connection)"},
	{"scp", "use sftp://: a server that takes scp takes that too"},
	{"ssh", "use sftp://"},
	{"s3", "write the https:// address of the bucket or store, and its region in `s3-region`"},
	{"dav", "use https://"},
	{"davs", "use https://"},
	{"webdav", "use https://"},
	{"webdavs", "use https://"},
	{"file", "write the path of the folder without file://"},
};

enum { OTHERS = sizeof(others) / sizeof(others[0]) };

static const char looks[] = "an address looks like sftp://user@host/folder/, ftps://user@host/folder/, "
			    "https://host/folder/, or is the path of a folder of this machine";

static bool host_is_this_machine(const char *host)
{
	struct in_addr four;
	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

static bool has_control(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return true;
	return false;
}

/* ---- A folder of this machine ---- */

static bool find_folder(struct place *place, const char *address, const char *name, struct err *err)
{
	size_t first = strcspn(address, "/");
	if (memchr(address, ':', first) != NULL && address[0] != '.')
		return err_set(err, ERR_USAGE, "%s", looks);
	if (address[0] == '~')
		return err_set(err, ERR_USAGE, "it needs the whole path: ~ is not replaced here");
	struct stat status;
	size_t length = strlen(address);
	bool folder = address[length - 1] == '/';
	place->kind = PLACE_FOLDER;
	if (!folder && stat(address, &status) == 0)
		folder = S_ISDIR(status.st_mode);
	else if (!folder && errno != ENOENT &&
		 errno != ENOTDIR) /* it may be a folder, and must not be taken for a file */
		return err_set(err, ERR_FILE, "cannot look at %s: %s", address, strerror(errno));
	if (folder) {
		while (length > 0 && address[length - 1] == '/')
			length--;
		place->folder = mem_copy_n(address, length);
		place->name = name != NULL ? mem_copy(name) : NULL;
		return true;
	}
	const char *slash = strrchr(address, '/');
	place->folder = slash != NULL ? mem_copy_n(address, (size_t)(slash - address)) : mem_copy(".");
	place->name = mem_copy(slash != NULL ? slash + 1 : address);
	return true;
}

/* ---- A server ---- */

static bool is_hex(char c)
{
	return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

/* Adds text as it may stand in an address: all but the kept characters, and what is encoded already, becomes %XX. */
static void encode(struct buf *to, const char *text, const char *keep, bool encoded)
{
	for (; *text != '\0'; text++) {
		bool code = encoded && text[0] == '%' && is_hex(text[1]) && is_hex(text[2]);
		if (code || strchr(keep, *text) != NULL)
			buf_add_char(to, *text);
		else
			buf_add_format(to, "%%%02X", (unsigned char)*text);
	}
}

static char *take_part(CURLU *parts, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	if (curl_url_get(parts, part, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = mem_copy(text);
	mask_wipe(text, strlen(text));
	curl_free(text);
	return copy;
}

/* Whether a part of a path is . or .., which would make another path of it on its way to the server. */
static bool has_dots(const char *path, bool encoded)
{
	for (;;) {
		size_t dots = 0;
		while (*path == '.' || (encoded && strncasecmp(path, "%2e", 3) == 0)) {
			path += *path == '.' ? 1 : 3;
			dots++;
		}
		size_t rest = strcspn(path, "/");
		if (rest == 0 && (dots == 1 || dots == 2))
			return true;
		path += rest;
		if (*path++ == '\0')
			return false;
	}
}

/* Divides a path, decoded or as it stands in an address, into folder and name. */
static void divide(struct place *place, char *path, const char *name)
{
	const char *at = path + (path[0] == '/' ? 1 : 0);
	if (place->kind != PLACE_HTTP && (strcmp(at, "~") == 0 || strncmp(at, "~/", 2) == 0)) {
		place->home = true;
		at += 1 + strspn(at + 1, "/");
	}
	const char *slash = strrchr(at, '/');
	const char *last = slash != NULL ? slash + 1 : at;
	size_t folder = slash != NULL ? (size_t)(slash - at) : 0;
	while (folder > 0 && at[folder - 1] == '/')
		folder--;
	place->folder = mem_copy_n(at, folder);
	if (*last != '\0') {
		place->name = mem_copy(last);
	} else if (name != NULL) {
		struct buf encoded = {0};
		encode(&encoded, name, UNRESERVED, false);
		place->name = place->kind == PLACE_HTTP ? buf_take(&encoded) : mem_copy(name);
		buf_release(&encoded);
	}
	free(path);
}

/* As it stands, but for characters that may not stand there. */
static char *part_in_address(CURLU *parts, CURLUPart part, const char *keep)
{
	struct buf text = {0};
	char *raw = take_part(parts, part, 0);
	if (raw == NULL)
		return NULL;
	encode(&text, raw, keep, true);
	mask_wipe_text(raw);
	return buf_take(&text);
}

static bool has_part(CURLU *parts, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(parts, part, &text, 0) == CURLUE_OK;
	if (has)
		mask_wipe(text, strlen(text));
	curl_free(text);
	return has;
}

static bool take_apart(struct place *place, CURLU *parts, const char *address, const char *name, struct err *err)
{
	bool http = place->kind == PLACE_HTTP;
	if (has_part(parts, CURLUPART_PASSWORD))
		return err_set(err, ERR_USAGE,
			"it must not hold a password: put that into a file and name it in `deliver-secret-file`");
	place->user = take_part(parts, CURLUPART_USER, CURLU_URLDECODE);
	place->host = take_part(parts, CURLUPART_HOST, 0);
	if ((place->user == NULL && has_part(parts, CURLUPART_USER)) || has_control(place->user) ||
		has_control(place->host))
		return err_set(err, ERR_USAGE, "its user or host holds a control character");
	if (has_part(parts, CURLUPART_ZONEID))
		return err_set(err, ERR_USAGE, "an IPv6 address with a zone (%%25) cannot be used: name the host");
	char *port = take_part(parts, CURLUPART_PORT, 0);
	if (port != NULL) {
		free(place->port);
		place->port = port;
	}
	if (strcmp(place->port, "0") == 0)
		return err_set(err, ERR_USAGE, "its port has to be one of 1 to 65535");
	/* What is still encoded would be another host to whom reads it next. */
	if (place->host == NULL || place->host[0] == '\0' || strchr(place->host, '%') != NULL)
		return err_set(err, ERR_USAGE, "it names no host: %s", looks);
	if (place->plain && !host_is_this_machine(place->host))
		return err_set(
			err, ERR_USAGE, "http:// is only allowed to this machine itself (localhost): use https://");
	if (strchr(address, '#') != NULL)
		return err_set(err, ERR_USAGE, "a # in it has to be written as %%23");
	if (!http && has_part(parts, CURLUPART_QUERY))
		return err_set(err, ERR_USAGE, "a ? in it has to be written as %%3F");
	if (!http && (place->user == NULL || place->user[0] == '\0'))
		return err_set(err, ERR_USAGE, "it names no user: %s://user@%s/...", place->scheme, place->host);
	if (http)
		place->query = part_in_address(parts, CURLUPART_QUERY, UNRESERVED "/!$&'()*+,;=:@?");
	/* Port 21 never speaks TLS from its first byte; whoever writes it means the other kind. */
	if (place->kind == PLACE_FTPS && strcmp(place->port, "21") == 0) {
		place->asks_tls = true;
		place->spoken = "ftp";
	}
	char *path = http ? part_in_address(parts, CURLUPART_PATH, UNRESERVED "/!$&'()*+,;=:@")
			  : take_part(parts, CURLUPART_PATH, CURLU_URLDECODE);
	if (path == NULL || has_control(path) || has_dots(path, http)) {
		bool control = path == NULL || has_control(path);
		free(path);
		return err_set(
			err, ERR_USAGE, "its path holds %s", control ? "a control character" : "a . or .. alone");
	}
	divide(place, path, name);
	return true;
}

static bool is_word(const char *word, const char *text, size_t length)
{
	return strlen(word) == length && strncasecmp(word, text, length) == 0;
}

static bool find_server(struct place *place, const char *address, size_t scheme, const char *name, struct err *err)
{
	for (size_t i = 0; i < OTHERS; i++)
		if (is_word(others[i].name, address, scheme))
			return err_set(err, ERR_USAGE, "%s", others[i].advice);
	size_t i = 0;
	while (i < SCHEMES && !is_word(schemes[i].name, address, scheme))
		i++;
	if (i == SCHEMES)
		return err_set(
			err, ERR_USAGE, "%.*s:// is nothing that files are sent to: %s", (int)scheme, address, looks);
	if (address[scheme + 3] == '/')
		return err_set(err, ERR_USAGE, "it names no host: %s", looks);
	place->kind = schemes[i].kind;
	place->plain = schemes[i].plain;
	place->asks_tls = schemes[i].asks_tls;
	place->scheme = schemes[i].name;
	place->spoken = schemes[i].spoken;
	place->port = mem_copy(schemes[i].port);
	char *url = mem_format("%s%s", schemes[i].spoken, address + scheme);
	CURLU *parts = curl_url();
	bool ok = false;
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_ALLOW_SPACE | CURLU_PATH_AS_IS) !=
		CURLUE_OK)
		err_set(err, ERR_USAGE, "%s", looks);
	else
		ok = take_apart(place, parts, address, name, err);
	curl_url_cleanup(parts);
	mask_wipe_text(url);
	return ok;
}

bool place_find(struct place *place, const char *address, const char *name, struct err *err)
{
	*place = (struct place){0};
	if (*address == '\0')
		return err_set(err, ERR_USAGE, "it is empty");
	if (has_control(address))
		return err_set(err, ERR_USAGE, "it holds a control character");
	if (name != NULL && (*name == '\0' || has_control(name) || has_dots(name, false) || strchr(name, '/') != NULL))
		return err_set(err, ERR_USAGE, "what the file is to be called there is no name of a file");
	const char *colon = strstr(address, "://");
	const char *slash = strchr(address, '/');
	if (colon != NULL && colon + 1 == slash)
		return find_server(place, address, (size_t)(colon - address), name, err);
	return find_folder(place, address, name, err);
}

void place_release(struct place *place)
{
	free(place->user);
	free(place->host);
	free(place->port);
	free(place->folder);
	free(place->name);
	mask_wipe_text(place->query);
	*place = (struct place){0};
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | ' ') - 'a' + 10;
}

static void normalize(char **text)
{
	struct buf out = {0};
	for (const char *c = *text; *c != '\0'; c++) {
		int byte = (unsigned char)*c;
		if (*c == '%' && is_hex(c[1]) && is_hex(c[2])) {
			byte = hex_value(c[1]) * 16 + hex_value(c[2]);
			c += 2;
		} else if (byte == '/') {
			buf_add_char(&out, '/');
			continue;
		}
		if (byte != '\0' && strchr(UNRESERVED, byte) != NULL)
			buf_add_char(&out, (char)byte);
		else
			buf_add_format(&out, "%%%02X", (unsigned)byte);
	}
	free(*text);
	*text = buf_take(&out);
}

void place_normalize(struct place *place)
{
	normalize(&place->folder);
	if (place->name != NULL)
		normalize(&place->name);
}

/* ---- Texts ---- */

char *place_path(const struct place *place, const char *name)
{
	struct buf text = {0};
	buf_add_text(&text, place->home || place->kind == PLACE_FOLDER ? "" : "/");
	buf_add_text(&text, place->folder);
	if (name != NULL) {
		bool root = place->folder[0] == '\0' && place->kind != PLACE_FOLDER;
		buf_add_format(&text, "%s%s", root ? "" : "/", name);
	} else if (text.length == 0) {
		buf_add_text(&text, place->home ? "." : "/");
	}
	return buf_take(&text);
}

char *place_url(const struct place *place, const char *name)
{
	struct buf url = {0};
	buf_add_format(&url, "%s://%s:%s/", place->spoken, place->host, place->port);
	if (place->kind == PLACE_HTTP) {
		buf_add_format(
			&url, "%s%s%s", place->folder, place->folder[0] != '\0' ? "/" : "", name != NULL ? name : "");
		if (place->query != NULL)
			buf_add_format(&url, "?%s", place->query);
		return buf_take(&url);
	}
	/* To FTP an address is below the login folder; a slash that is part of the path leads to the root. */
	if (place->home && place->kind == PLACE_SFTP)
		buf_add_text(&url, "~/");
	else if (!place->home && place->kind == PLACE_FTPS)
		buf_add_text(&url, "%2F");
	encode(&url, place->folder, UNRESERVED "/", false);
	buf_add_text(&url, place->folder[0] != '\0' ? "/" : "");
	encode(&url, name != NULL ? name : "", UNRESERVED, false);
	return buf_take(&url);
}

static bool usual_port(const struct place *place)
{
	for (size_t i = 0; i < SCHEMES; i++)
		if (strcmp(schemes[i].name, place->scheme) == 0)
			return strcmp(schemes[i].port, place->port) == 0;
	return false;
}

char *place_show(const struct place *place)
{
	if (place->kind == PLACE_FOLDER)
		return place_path(place, NULL);
	return mem_format("%s://%s%s%s%s%s", place->scheme, place->user != NULL ? place->user : "",
		place->user != NULL ? "@" : "", place->host, usual_port(place) ? "" : ":",
		usual_port(place) ? "" : place->port);
}

char *place_show_file(const struct place *place)
{
	if (place->kind == PLACE_FOLDER)
		return place_path(place, place->name);
	char *host = place_show(place);
	char *text = mem_format("%s/%s%s%s%s", host, place->home ? "~/" : "", place->folder,
		place->folder[0] != '\0' ? "/" : "", place->name != NULL ? place->name : "");
	free(host);
	return text;
}

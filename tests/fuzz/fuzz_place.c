/*
 * Addresses: where bundles are delivered to, and where a school's data is. Input: a line that says what the file is to
 * be called there (empty: nothing), then the address. What it is made of is judged by libcurl's parser, used here on
 * its own.
 * Holds: what is refused is refused with a text that no password and no query has a part in. What is accepted has the
 * parts that were promised and no control characters; file names do not lead out of the folder; the addresses made of
 * it lead to the same server and path, and are the same when they are read again; signatures are made over the path
 * that is sent. Of a school's address the parts can be told from the whole, and its name as a file is one of these.
 */
#include "fuzz.h"

#include <strings.h>

#include <arpa/inet.h>
#include <curl/curl.h>

#include "address.h"
#include "base/buf.h"
#include "base/err.h"
#include "package/place.h"

#define VERSION    "/ims/oneroster/v1p1"
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

enum { PORT_MAX = 65535, HOST_OF_ONES = 127 };

/* As a transfer takes an address. */
enum { AS_SENT = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME };

/* What the judge sees; to be freed with seen_release. NULL for a part that is not there. */
struct seen {
	char *scheme;
	char *user;
	char *password;
	char *host;
	char *port;
	char *path;
	char *query;
	char *zone;
};

static char *part(CURLU *url, CURLUPart which, unsigned flags)
{
	char *text = NULL;
	if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = mem_copy(text);
	curl_free(text);
	return copy;
}

static bool see(struct seen *seen, const char *address, unsigned flags)
{
	CURLU *url = curl_url();
	bool read = curl_url_set(url, CURLUPART_URL, address, flags) == CURLUE_OK;
	*seen = (struct seen){0};
	if (read)
		*seen = (struct seen){
			.scheme = part(url, CURLUPART_SCHEME, 0),
			.user = part(url, CURLUPART_USER, 0),
			.password = part(url, CURLUPART_PASSWORD, 0),
			.host = part(url, CURLUPART_HOST, 0),
			.port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT),
			.path = part(url, CURLUPART_PATH, 0),
			.query = part(url, CURLUPART_QUERY, 0),
			.zone = part(url, CURLUPART_ZONEID, 0),
		};
	curl_url_cleanup(url);
	return read;
}

static void seen_release(struct seen *seen)
{
	free(seen->scheme);
	free(seen->user);
	free(seen->password);
	free(seen->host);
	free(seen->port);
	free(seen->path);
	free(seen->query);
	free(seen->zone);
}

static bool same(const char *one, const char *other)
{
	return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool is_plain(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			return false;
	return true;
}

static int digit_of(char c)
{
	const char *at = c != '\0' ? strchr("0123456789abcdef", c | 0x20) : NULL;
	return at != NULL ? (int)(at - "0123456789abcdef") : -1;
}

/* A path with the codes in it replaced; when asked for, with no slash behind another. A NUL in it counts as 0x01. */
static char *decoded(const char *path, bool squeezed)
{
	struct buf text = {0};
	for (const char *c = path; *c != '\0'; c++) {
		int byte = (unsigned char)*c;
		if (*c == '%' && digit_of(c[1]) >= 0 && digit_of(c[2]) >= 0) {
			byte = digit_of(c[1]) * 16 + digit_of(c[2]);
			c += 2;
		}
		if (byte != '/' || !squeezed || text.length == 0 || text.data[text.length - 1] != '/')
			buf_add_char(&text, (char)(byte != 0 ? byte : 0x01));
	}
	return buf_take(&text);
}

/* Whether two paths are the same but for how many slashes stand at one place. */
static bool slashes_apart(const char *one, const char *other)
{
	for (; *one == *other && *one != '\0'; one++, other++)
		if (*one == '/') {
			one += strspn(one, "/") - 1;
			other += strspn(other, "/") - 1;
		}
	return *one == *other;
}

static void encode(struct buf *to, const char *text, const char *keep)
{
	for (; *text != '\0'; text++)
		if (strchr(keep, *text) != NULL)
			buf_add_char(to, *text);
		else
			buf_add_format(to, "%%%02x", (unsigned char)*text);
}

/* ---- Secrets ---- */

/* The same address with letters in place of all that must not be seen: a password, or what follows the question mark.
 * NULL when there is none, or not such a one that another could be in its place. */
static char *other_secret(const char *address, bool query)
{
	const char *begin = strstr(address, "://");
	if (begin == NULL || strchr(address, '/') != begin + 1) /* no address of a server, but a path */
		return NULL;
	begin += 3;
	size_t length = strcspn(begin, "/?#");
	if (query) {
		begin += strcspn(begin, "?#");
		if (*begin++ != '?' || strchr(begin, '#') != NULL)
			return NULL;
		length = strlen(begin);
	} else {
		size_t at = length;
		while (at > 0 && begin[at - 1] != '@')
			at--;
		const char *colon = at > 0 ? memchr(begin, ':', at) : NULL;
		if (colon == NULL)
			return NULL;
		length = at - 1 - (size_t)(colon + 1 - begin);
		begin = colon + 1;
	}
	if (length == 0 || strspn(begin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") < length)
		return NULL;
	char *other = mem_copy(address);
	memset(other + (begin - address), 'q', length);
	return other;
}

/* Whatever is said must be the same for another secret. */
static void hide(const char *address, const char *name, bool query, const struct err *said, const struct place *place)
{
	char *other = other_secret(address, query);
	struct place twin = {0};
	struct err err = {0};
	if (other == NULL)
		return;
	bool accepted = place_find(&twin, other, name, &err);
	fuzz_must(accepted == (said == NULL), "a secret does not decide what is accepted");
	if (accepted) {
		char *shown[] = {place_show(place), place_show(&twin), place_show_file(place), place_show_file(&twin)};
		fuzz_must(same(shown[0], shown[1]) && same(shown[2], shown[3]), "nothing shows a secret");
		for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
			free(shown[i]);
	} else {
		fuzz_must(said->code == err.code && strcmp(said->text, err.text) == 0, "no refusal shows a secret");
	}
	place_release(&twin);
	free(other);
}

/* ---- Deliveries ---- */

static const char *port_of(const struct place *place)
{
	if (place->kind == PLACE_SFTP)
		return "22";
	if (place->kind == PLACE_HTTP)
		return place->plain ? "80" : "443";
	return strcmp(place->scheme, "ftps") == 0 ? "990" : "21";
}

static bool is_this_machine(const char *host)
{
	unsigned char address[4];
	return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, address) == 1 && address[0] == HOST_OF_ONES);
}

static void check_name(const struct place *place)
{
	const char *name = place->name;
	if (name == NULL)
		return;
	fuzz_must(strchr(name, '/') == NULL, "a name is that of a file in the folder");
	if (place->kind == PLACE_FOLDER) /* what is to be at a path that the user has written out stays his matter */
		return;
	char *bare = place->kind == PLACE_HTTP ? decoded(name, false) : mem_copy(name);
	fuzz_must(*bare != '\0' && strcmp(bare, ".") != 0 && strcmp(bare, "..") != 0, "and not that of a folder");
	free(bare);
}

static void check_parts(const struct place *place)
{
	bool server = place->kind != PLACE_FOLDER;
	fuzz_must(place->folder != NULL, "there is a folder");
	fuzz_must(is_plain(place->user) && is_plain(place->host) && is_plain(place->port) && is_plain(place->folder) &&
			  is_plain(place->name) && is_plain(place->query),
		"no part has a control character");
	fuzz_must(server || (place->user == NULL && place->host == NULL && place->port == NULL && place->query == NULL),
		"a folder of this machine is on no server");
	fuzz_must(!place->plain || (place->kind == PLACE_HTTP && is_this_machine(place->host)),
		"nothing is sent in the clear but to this machine");
	check_name(place);
	if (!server)
		return;
	char *end = NULL;
	long port = strtol(place->port, &end, 10);
	size_t length = strlen(place->folder);
	fuzz_must(place->host != NULL && *place->host != '\0', "a server has a name");
	fuzz_must(end != place->port && *end == '\0' && port > 0 && port <= PORT_MAX, "and a port");
	fuzz_must(place->kind == PLACE_HTTP || (place->user != NULL && *place->user != '\0'), "it knows the user");
	fuzz_must(place->kind == PLACE_HTTP || place->query == NULL, "only a page is asked");
	fuzz_must(length == 0 || place->folder[length - 1] != '/', "a folder does not end in a slash");
	fuzz_must(!place->home || place->folder[0] != '/', "what is below the home is not below the root");
}

/* Against what the judge sees in the address itself. */
static void check_source(const struct place *place, const char *address, const char *name)
{
	struct seen seen;
	bool http = place->kind == PLACE_HTTP;
	fuzz_must(see(&seen, address, CURLU_NON_SUPPORT_SCHEME | CURLU_ALLOW_SPACE | CURLU_PATH_AS_IS),
		"what is accepted is an address");
	fuzz_must(seen.scheme != NULL && strcasecmp(seen.scheme, place->scheme) == 0, "of that scheme");
	fuzz_must(seen.password == NULL, "it has no password");
	fuzz_must(same(seen.host, place->host) && seen.zone == NULL, "it has the host that it names");
	char *user = seen.user != NULL ? decoded(seen.user, false) : NULL;
	fuzz_must(same(user, place->user), "the user");
	free(user);
	fuzz_must(same(seen.port != NULL ? seen.port : port_of(place), place->port), "and the port");
	fuzz_must((seen.query != NULL) == (place->query != NULL) && strchr(address, '#') == NULL, "and what is asked");

	char *exact = decoded(seen.path, false);
	bool home = !http && strncmp(exact, "/~", 2) == 0 && (exact[2] == '/' || exact[2] == '\0');
	fuzz_must(place->home == home, "a tilde is the home");
	char *written = mem_format("%s%s", exact, home && exact[2] == '\0' ? "/" : "");
	const char *end = http ? seen.path : written; /* a code for a slash divides no path of a page */
	bool folder = end[strlen(end) - 1] == '/';
	fuzz_must((place->name != NULL) == (!folder || name != NULL), "a file has a name");
	char *wanted = mem_format("%s%s", written, folder && name != NULL ? name : "");
	char *made = mem_format("/%s%s/", home ? "~/" : "", place->folder);
	char *whole = http ? decoded(made, false) : mem_copy(made);
	char *last = place->name == NULL ? mem_copy("") : http ? decoded(place->name, false) : mem_copy(place->name);
	char *path = mem_format("%s%s", whole, last);
	/* How many slashes there are makes no difference to a file system. */
	fuzz_must(slashes_apart(wanted, path), "the path is the one that was written");
	free(path);
	free(last);
	free(whole);
	free(made);
	free(wanted);
	free(written);
	free(exact);
	seen_release(&seen);
}

/* The address of a file of the folder, or of the folder itself, as a transfer takes it. */
static void check_url(const struct place *place, const char *name)
{
	struct seen seen;
	char *url = place_url(place, name);
	char *path = place_path(place, name);
	bool rooted = place->kind == PLACE_FTPS && !place->home;
	const char *start = place->home && place->kind == PLACE_SFTP ? "~/" : "";
	fuzz_must(see(&seen, url, AS_SENT), "the address that is made can be used");
	fuzz_must(same(seen.scheme, place->spoken) && same(seen.host, place->host) && same(seen.port, place->port),
		"it is that of the server");
	fuzz_must(seen.user == NULL && seen.password == NULL && same(seen.query, place->query), "and of what is asked");
	fuzz_must(!rooted || strncmp(seen.path, "/%2F", 4) == 0, "the root of FTP is a slash of its own");
	fuzz_must(strstr(seen.path + (rooted ? 2 : 0), "%2F") == NULL || place->kind == PLACE_HTTP,
		"there is none in a name");
	char *sent = place->kind == PLACE_HTTP ? mem_copy(seen.path) : decoded(seen.path, false);
	char *wanted = mem_format("/%s%s%s%s%s", rooted ? "/" : "", start, place->folder,
		place->folder[0] != '\0' ? "/" : "", name != NULL ? name : "");
	fuzz_must(strcmp(sent, wanted) == 0, "the path is sent as it is");
	char *command = mem_format("%s%s%s%s", place->home ? "" : "/", place->folder,
		place->folder[0] != '\0' && name != NULL ? "/" : "", name != NULL ? name : "");
	fuzz_must(strcmp(path, *command != '\0' ? command : ".") == 0, "and is the one that commands are given");
	free(command);
	free(wanted);
	free(sent);
	seen_release(&seen);
	free(path);
	free(url);
}

static void check_inside(const struct place *place, const char *name)
{
	char *folder = place_url(place, NULL);
	char *file = place_url(place, name);
	size_t front = strcspn(folder, "?");
	size_t length = strcspn(file, "?");
	fuzz_must(folder[front - 1] == '/' || strncmp(folder + front - 3, "%2F", 3) == 0,
		"a folder's address ends in a slash");
	fuzz_must(strncmp(folder, file, front) == 0, "a file is in its folder");
	fuzz_must(memchr(file + front, '/', length - front) == NULL, "and not below it");
	free(folder);
	free(file);
}

static bool places_equal(const struct place *one, const struct place *other)
{
	return one->kind == other->kind && one->plain == other->plain && one->asks_tls == other->asks_tls &&
	       same(one->scheme, other->scheme) && same(one->spoken, other->spoken) && same(one->user, other->user) &&
	       same(one->host, other->host) && same(one->port, other->port) && same(one->folder, other->folder) &&
	       one->home == other->home && same(one->name, other->name) && same(one->query, other->query);
}

/* An address of its parts, read again. */
static void check_again(const struct place *place)
{
	struct buf address = {0};
	struct place again;
	struct err err = {0};
	buf_add_format(&address, "%s://", place->scheme);
	if (place->user != NULL) {
		encode(&address, place->user, UNRESERVED);
		buf_add_char(&address, '@');
	}
	char *url = place_url(place, place->name);
	if (place->kind == PLACE_HTTP) {
		buf_add_text(&address, strstr(url, "://") + 3);
	} else {
		buf_add_format(&address, "%s:%s/%s", place->host, place->port, place->home ? "~/" : "");
		encode(&address, place->folder, UNRESERVED "/");
		buf_add_text(&address, place->folder[0] != '\0' ? "/" : "");
		encode(&address, place->name != NULL ? place->name : "", UNRESERVED);
	}
	bool tilde = !place->home && place->folder[0] == '\0' && place->name != NULL && strcmp(place->name, "~") == 0;
	fuzz_must(place_find(&again, buf_text(&address), NULL, &err), "an address of its parts is accepted");
	fuzz_must(tilde || places_equal(place, &again), "and the same place");
	place_release(&again);
	buf_release(&address);
	free(url);
}

static size_t slashes(const char *text)
{
	size_t count = 0;
	while ((text = strchr(text, '/')) != NULL) {
		text++;
		count++;
	}
	return count;
}

static void check_form(struct place *place)
{
	char *before = place_path(place, place->name);
	char *was = decoded(before, false);
	place_normalize(place);
	char *once = place_path(place, place->name);
	char *is = decoded(once, false);
	fuzz_must(strcmp(was, is) == 0, "a form for signatures is that of the same path");
	fuzz_must(slashes(before) == slashes(once), "divided at the same places");
	for (const char *c = once; *c != '\0'; c++) {
		if (*c == '%') {
			int byte = digit_of(c[1]) * 16 + digit_of(c[2]);
			fuzz_must(digit_of(c[1]) >= 0 && digit_of(c[2]) >= 0 && strcspn(c, "abcdef") >= 3 &&
					  (byte == 0 || strchr(UNRESERVED, byte) == NULL),
				"what is encoded has to be");
			c += 2;
		} else {
			fuzz_must(*c == '/' || strchr(UNRESERVED, *c) != NULL, "and all else is");
		}
	}
	check_url(place, place->name);
	place_normalize(place);
	char *twice = place_path(place, place->name);
	fuzz_must(strcmp(once, twice) == 0, "once is enough");
	free(before);
	free(was);
	free(once);
	free(is);
	free(twice);
}

static void check_shown(const struct place *place)
{
	char *server = place_show(place);
	char *file = place_show_file(place);
	char *path = place_path(place, place->name);
	fuzz_must(is_plain(server) && is_plain(file), "what is shown is fit to be");
	if (place->kind == PLACE_FOLDER) {
		fuzz_must(strcmp(file, path) == 0, "a folder is shown as a path");
		if (place->name != NULL)
			fuzz_must(strncmp(path, place->folder, strlen(place->folder)) == 0 &&
					  path[strlen(place->folder)] == '/' &&
					  strcmp(path + strlen(place->folder) + 1, place->name) == 0,
				"which is that of the file in it");
	} else {
		const char *user = place->user != NULL ? place->user : "";
		bool usual = strcmp(place->port, port_of(place)) == 0;
		char *wanted = mem_format("%s://%s%s%s%s%s", place->scheme, user, place->user != NULL ? "@" : "",
			place->host, usual ? "" : ":", usual ? "" : place->port);
		fuzz_must(strcmp(server, wanted) == 0, "a server is shown by user, host and port");
		fuzz_must(strncmp(file, server, strlen(server)) == 0 && file[strlen(server)] == '/', "and its file");
		if (place->name != NULL) {
			size_t length = strlen(file);
			size_t tail = strlen(place->name);
			fuzz_must(length > tail && strcmp(file + length - tail, place->name) == 0, "by its name");
		}
		free(wanted);
	}
	free(path);
	free(server);
	free(file);
}

static void check_place(const char *address, const char *name)
{
	struct place place = {0};
	struct err err = {0};
	bool accepted = place_find(&place, address, name, &err);
	fuzz_must(accepted == (err.code == ERR_NONE), "an address is accepted or there is an error");
	hide(address, name, false, accepted ? NULL : &err, &place);
	hide(address, name, true, accepted ? NULL : &err, &place);
	if (!accepted) {
		fuzz_must(err.code == ERR_USAGE || (err.code == ERR_FILE && place.kind == PLACE_FOLDER),
			"what is wrong is the user's matter");
		fuzz_must(err.text[0] != '\0' && is_plain(err.text), "he is told so");
		place_release(&place);
		return;
	}
	check_parts(&place);
	check_shown(&place);
	if (place.kind != PLACE_FOLDER) {
		check_source(&place, address, name);
		check_url(&place, NULL);
		if (place.name != NULL) {
			char *beside = mem_format(".%.200s.0123456789abcdef.part", place.name);
			check_url(&place, place.name);
			check_inside(&place, place.name);
			check_url(&place, beside);
			check_inside(&place, beside);
			free(beside);
		}
		check_again(&place);
		if (place.kind == PLACE_HTTP)
			check_form(&place);
	}
	place_release(&place);
}

/* ---- Data ---- */

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text);
	size_t tail = strlen(end);
	return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

/* The name of a file says what it was made from: a slash is an underscore, what is not plain is a code. */
static void check_slug(const struct address *address, const struct seen *base)
{
	struct buf text = {0};
	for (const char *c = address->slug; *c != '\0'; c++) {
		if (*c == '%') {
			fuzz_must(digit_of(c[1]) >= 0 && digit_of(c[2]) >= 0, "a name has codes of two digits");
			buf_add_char(&text, (char)(digit_of(c[1]) * 16 + digit_of(c[2])));
			c += 2;
			continue;
		}
		fuzz_must(strchr(UNRESERVED, *c) != NULL && *c != '~', "a name is one of a file");
		buf_add_char(&text, (char)(*c == '_' ? '/' : *c));
	}
	bool usual = strcmp(base->port, strcmp(base->scheme, "https") == 0 ? "443" : "80") == 0;
	char *wanted = mem_format("%s%s%s%s", address->host, usual ? "" : ":", usual ? "" : base->port, address->path);
	fuzz_must(strcmp(buf_text(&text), wanted) == 0, "and that of this base alone");
	free(wanted);
	buf_release(&text);
}

static void check_data(const struct address *address)
{
	struct seen seen;
	struct seen base;
	struct address again;
	struct err err = {0};
	size_t length = strlen(address->base);
	fuzz_must(see(&base, address->base, 0) && see(&seen, address->data, 0), "base and data are addresses");
	fuzz_must(
		base.user == NULL && base.query == NULL && seen.user == NULL && seen.query == NULL, "and nothing more");
	fuzz_must(same(base.scheme, seen.scheme) && same(base.host, seen.host) && same(base.port, seen.port),
		"of one server");
	fuzz_must(strncmp(address->base, address->data, length) == 0 &&
			  (ends_in(address->data, VERSION) || ends_in(address->data, "/learningdata/v1") ||
				  ends_in(address->data, "/v1p1")),
		"the data is below the base, behind a version");
	fuzz_must(address->base[length - 1] != '/' && address->data[strlen(address->data) - 1] != '/',
		"neither ends in a slash");
	fuzz_must(address->path[0] == '\0' || address->path[0] == '/', "a path begins with a slash");
	fuzz_must(ends_in(address->base, address->path), "the base ends in it");
	for (const char *c = address->host; *c != '\0'; c++)
		fuzz_must((*c < 'A' || *c > 'Z') && *c != '[' && *c != ']', "a host is bare and small");
	bool brackets = seen.host[0] == '[';
	fuzz_must(strlen(seen.host) == strlen(address->host) + (brackets ? 2 : 0) &&
			  strncasecmp(seen.host + (brackets ? 1 : 0), address->host, strlen(address->host)) == 0,
		"it is that of the address");
	check_slug(address, &base);
	fuzz_must(address_read(&again, address->data, VERSION, &err), "the data can be read again");
	fuzz_must(same(again.base, address->base) && same(again.data, address->data) &&
			  same(again.slug, address->slug) && !again.cut,
		"and is the same");
	address_release(&again);
	seen_release(&seen);
	seen_release(&base);
}

static void check_address(const char *text)
{
	struct address address;
	struct err err = {0};
	bool accepted = address_read(&address, text, VERSION, &err);
	fuzz_must(accepted == (err.code == ERR_NONE), "an address is taken or there is an error");
	if (accepted) {
		struct seen seen;
		fuzz_must(see(&seen, text, 0) && seen.user == NULL && seen.password == NULL, "it has no user");
		struct seen data;
		fuzz_must(see(&data, address.data, 0) && same(seen.host, data.host) && same(seen.port, data.port) &&
				  same(seen.scheme, data.scheme),
			"the server is the one that it names");
		fuzz_must(address.cut || seen.query == NULL, "only a login page is asked");
		check_data(&address);
		seen_release(&seen);
		seen_release(&data);
	} else {
		char *other = other_secret(text, false);
		struct address twin = {0};
		struct err said = {0};
		fuzz_must(err.code == ERR_USAGE && is_plain(err.text) && err.text[0] != '\0', "or the user is told");
		if (other != NULL)
			fuzz_must(!address_read(&twin, other, VERSION, &said) && strcmp(said.text, err.text) == 0,
				"and his password is not");
		address_release(&twin);
		free(other);
	}
	address_release(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	char *name = fuzz_line_text(&input);
	char *address = mem_copy_n(input.data, input.left);
	check_place(address, name);
	check_address(address);
	free(address);
	free(name);
	return 0;
}

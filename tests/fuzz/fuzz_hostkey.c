/*
 * Files of host keys. Input: a byte of switches (1: no file, but the fingerprint of the line after the next; 2: all
 * bytes of the file stand for themselves), a line with host and port as in an address, then the file. In it 0x01 to
 * 0x07 stand for whole keys with their kinds, 0x0E to 0x10 for hashed names: of the host, of host and port, of another.
 * In a fingerprint 0x01 to 0x07 stand for those of the keys, 0x11 to 0x17 for the same in small letters. Holds: a key
 * is accepted just when a judge who reads the format of sshd(8) on its own finds it listed and not revoked, or when it
 * has the fingerprint; what is refused is explained in a text fit to be shown. Each kind of which a key is accepted is
 * asked for once, with a file of one line that has such a key. No file and no descriptor stays.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/buf.h"
#include "base/err.h"
#include "package/hostkey.h"
#include "package/place.h"

enum {
	BY_FINGERPRINT = 1,
	AS_IT_IS = 2,
	KEYS = 7,
	FIRST_HASH = 0x0E,
	LAST_HASH = 0x10,
	BLOB = 48,
	KINDS = 5,
	ROUNDS_MAX = 8,
	LINE_MAX_BYTES = 20000,
	KEY_LENGTH_MAX = 16384, /* no true one is longer */
	SHOWN_KEYS_MAX = 12,
	PRINT_LENGTH = 43,
	FEWEST_FOR_LIBRARY = 20, /* libssh2 takes a shorter key for a broken line */
};

static const char *const kinds[KINDS] = {
	"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"};

/* The first five are one of each kind, then come another, and one of a kind that is not asked for. */
static const char *const key_kinds[KEYS] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "ssh-rsa", "ssh-ed25519", "ssh-dss"};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- The format, read by the judge ---- */

static char *encode64(const unsigned char *bytes, size_t length)
{
	struct buf text = {0};
	for (size_t at = 0; at < length; at += 3) {
		size_t left = length - at < 3 ? length - at : 3;
		unsigned group = (unsigned)bytes[at] << 16 | (left > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
				 (left > 2 ? bytes[at + 2] : 0);
		for (size_t i = 0; i < 4; i++)
			buf_add_char(&text, i <= left ? alphabet[group >> (18 - 6 * i) & 63U] : '=');
	}
	return buf_take(&text);
}

/* The bytes of base64 in the one way to write them; false for any other. */
static bool decode64(const char *text, size_t length, struct buf *bytes)
{
	if (length == 0 || length % 4 != 0)
		return false;
	for (size_t at = 0; at < length; at += 4) {
		unsigned group = 0;
		size_t filled = 0;
		for (size_t i = 0; i < 4; i++) {
			const char *digit = text[at + i] != '\0' ? strchr(alphabet, text[at + i]) : NULL;
			bool padding = text[at + i] == '=' && at + 4 == length && i >= 2;
			if ((digit == NULL && !padding) || (digit != NULL && filled < i))
				return false;
			filled += digit != NULL ? 1 : 0;
			group = group << 6 | (digit != NULL ? (unsigned)(digit - alphabet) : 0);
		}
		for (size_t i = 0; i + 1 < filled; i++)
			buf_add_char(bytes, (char)(group >> (16 - 8 * i) & 255U));
		if ((filled == 2 && (group & 0xFFFFU) != 0) || (filled == 3 && (group & 0xFFU) != 0))
			return false;
	}
	return true;
}

static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Which ends of the text a pattern can reach, one character of the pattern after the other. */
static bool matches(const char *pattern, size_t length, const char *text)
{
	size_t end = strlen(text);
	bool *reached = mem_new(end + 1, sizeof(*reached));
	reached[0] = true;
	for (size_t p = 0; p < length; p++) {
		if (pattern[p] == '*') {
			for (size_t i = 1; i <= end; i++)
				reached[i] = reached[i] || reached[i - 1];
			continue;
		}
		for (size_t i = end; i > 0; i--)
			reached[i] = reached[i - 1] && (pattern[p] == '?' || small(pattern[p]) == small(text[i - 1]));
		reached[0] = false;
	}
	bool whole = reached[end];
	free(reached);
	return whole;
}

static char *hash_of(const char *name, const void *salt, size_t salt_length)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	char *lower = mem_copy(name);
	for (char *c = lower; *c != '\0'; c++)
		*c = small(*c);
	HMAC(EVP_sha1(), salt, (int)salt_length, (const unsigned char *)lower, strlen(lower), hash, &length);
	free(lower);
	return encode64(hash, length);
}

static bool is_hash_of(const char *field, size_t length, const char *name)
{
	const char *middle = length > 3 && memcmp(field, "|1|", 3) == 0 ? memchr(field + 3, '|', length - 3) : NULL;
	struct buf salt = {0};
	bool same = false;
	if (middle != NULL && length <= 80 && decode64(field + 3, (size_t)(middle - field) - 3, &salt)) {
		char *hash = hash_of(name, salt.data, salt.length);
		size_t rest = length - (size_t)(middle + 1 - field);
		same = strlen(hash) == rest && memcmp(hash, middle + 1, rest) == 0;
		free(hash);
	}
	buf_release(&salt);
	return same;
}

static bool names_it(const char *field, size_t length, const char *name)
{
	if (length > 0 && field[0] == '|')
		return is_hash_of(field, length, name);
	bool named = false;
	bool excluded = false;
	for (size_t begin = 0; begin <= length;) {
		const char *comma = begin < length ? memchr(field + begin, ',', length - begin) : NULL;
		size_t end = comma != NULL ? (size_t)(comma - field) : length;
		bool negated = begin < end && field[begin] == '!';
		size_t from = begin + (negated ? 1 : 0);
		if (matches(field + from, end - from, name)) {
			named = named || !negated;
			excluded = excluded || negated;
		}
		begin = end + 1;
	}
	return named && !excluded;
}

struct word {
	const char *at;
	size_t length;
};

static struct word next_word(const char **at, const char *end)
{
	struct word word = {0};
	while (*at < end && strchr(" \t\r", **at) != NULL)
		++*at;
	word.at = *at;
	while (*at < end && strchr(" \t\r", **at) == NULL)
		++*at;
	word.length = (size_t)(*at - word.at);
	return word;
}

static bool is_word(struct word word, const char *text)
{
	return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

/* Whether a key begins with the name of its kind, under four bytes of length. */
static bool is_of_kind(struct word key, struct word kind)
{
	struct buf bytes = {0};
	bool fits = key.length <= KEY_LENGTH_MAX && decode64(key.at, key.length, &bytes) &&
		    bytes.length >= 4 + kind.length && bytes.data[0] == 0 && bytes.data[1] == 0 &&
		    (size_t)(unsigned char)bytes.data[2] * 256 + (unsigned char)bytes.data[3] == kind.length &&
		    memcmp(bytes.data + 4, kind.at, kind.length) == 0;
	buf_release(&bytes);
	return fits;
}

/* A line that speaks of the host. */
struct listed {
	struct word kind;
	struct word key;
	bool revoked;
	bool sound; /* the key is of the kind */
	bool port;  /* it names host and port */
};

struct judge {
	const char *host;
	const char *name; /* as the file has it: host, or [host]:port */
	struct listed *lines;
	size_t count;
};

static void read_line(struct judge *judge, const char *line, const char *end)
{
	struct listed listed = {0};
	struct word names = next_word(&line, end);
	listed.revoked = is_word(names, "@revoked");
	if (listed.revoked)
		names = next_word(&line, end);
	else if (names.length > 0 && names.at[0] == '#')
		return;
	if (names.length == 0 || names.at[0] == '@')
		return;
	listed.kind = next_word(&line, end);
	listed.key = next_word(&line, end);
	listed.port = names_it(names.at, names.length, judge->name);
	if (listed.key.length == 0 || (!listed.port && !names_it(names.at, names.length, judge->host)))
		return;
	listed.sound = is_of_kind(listed.key, listed.kind);
	judge->lines = mem_grow(judge->lines, judge->count + 1, sizeof(*judge->lines));
	judge->lines[judge->count++] = listed;
}

static void read_text(struct judge *judge, const struct buf *text)
{
	const char *line = buf_text(text);
	const char *end = line + text->length;
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *last = newline != NULL ? newline : end;
		const char *nul = memchr(line, '\0', (size_t)(last - line));
		read_line(judge, line, nul != NULL ? nul : last);
		line = last + 1;
	}
}

/* Once there is a good line of the very port, only such lines make a key good. */
static bool is_accepted(const struct judge *judge, const char *key)
{
	bool listed = false;
	bool port = false;
	for (size_t i = 0; i < judge->count; i++)
		port = port || (judge->lines[i].port && judge->lines[i].sound && !judge->lines[i].revoked);
	for (size_t i = 0; i < judge->count; i++) {
		if (!is_word(judge->lines[i].key, key))
			continue;
		if (judge->lines[i].revoked)
			return false;
		listed = listed || (judge->lines[i].sound && (judge->lines[i].port || !port));
	}
	return listed;
}

/* The first key of a kind that is accepted, to be freed; NULL for none. */
static char *accepted_of(const struct judge *judge, const char *kind)
{
	for (size_t i = 0; i < judge->count; i++) {
		const struct listed *line = &judge->lines[i];
		if (line->revoked || !line->sound || !is_word(line->kind, kind))
			continue;
		char *key = mem_copy_n(line->key.at, line->key.length);
		if (is_accepted(judge, key))
			return key;
		free(key);
	}
	return NULL;
}

/* ---- What is put before the program ---- */

static char *folder;
static char *file;

static void leave(void)
{
	unlink(file);
	rmdir(folder);
	free(file);
	free(folder);
}

static void begin(void)
{
	if (folder != NULL)
		return;
	folder = mem_format("%s/rosterzip-fuzz-XXXXXX", fuzz_folder());
	fuzz_must(mkdtemp(folder) != NULL && setenv("TMPDIR", folder, 1) == 0, "there is a folder to work in");
	file = mem_format("%s/known_hosts", folder);
	fuzz_must(atexit(leave) == 0, "it goes at the end");
}

static void write_file(const struct buf *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	fuzz_must(fd >= 0 && write(fd, buf_text(text), text->length) == (ssize_t)text->length && close(fd) == 0,
		"a file can be written");
}

/* The lowest descriptor that is free. */
static int free_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

static void assert_alone(void)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry = NULL;
	fuzz_must(entries != NULL, "the folder is there");
	while ((entry = readdir(entries)) != NULL)
		fuzz_must(entry->d_name[0] != '.' || strlen(entry->d_name) <= 2, "no working file stays");
	closedir(entries);
}

/* A key as servers have them: its kind, and bytes that nobody reads. */
struct key {
	unsigned char blob[BLOB];
	size_t length;
	char text[BLOB / 3 * 4 + 1];
	char print[PRINT_LENGTH + 1];
};

static const struct key *key_at(size_t which)
{
	static struct key keys[KEYS];
	struct key *key = &keys[which];
	if (key->length > 0)
		return key;
	size_t named = strlen(key_kinds[which]);
	unsigned char hash[SHA256_DIGEST_LENGTH];
	key->length = BLOB - which; /* with all kinds of ends in base64 */
	memset(key->blob, (int)('a' + which), BLOB);
	memset(key->blob, 0, 3);
	key->blob[3] = (unsigned char)named;
	memcpy(key->blob + 4, key_kinds[which], named);
	SHA256(key->blob, key->length, hash);
	char *text = encode64(key->blob, key->length);
	char *print = encode64(hash, sizeof(hash));
	memcpy(key->text, text, strlen(text));
	memcpy(key->print, print, PRINT_LENGTH);
	free(text);
	free(print);
	return key;
}

static void add_hash(struct buf *to, const char *name)
{
	static const char salt[] = "salt of 20 bytes....";
	char *shown = encode64((const unsigned char *)salt, sizeof(salt) - 1);
	char *hash = hash_of(name, salt, sizeof(salt) - 1);
	buf_add_format(to, "|1|%s|%s", shown, hash);
	free(hash);
	free(shown);
}

static void expand(const struct fuzz_input *input, bool as_it_is, const char *host, const char *port, struct buf *text)
{
	char *both = mem_format("[%s]:%s", host, port);
	const char *const names[] = {host, both, "other.example"};
	for (size_t i = 0; i < input->left; i++) {
		unsigned char c = (unsigned char)input->data[i];
		if (!as_it_is && c > 0 && c <= KEYS) {
			buf_add_format(text, "%s %s", key_kinds[c - 1], key_at(c - 1U)->text);
		} else if (!as_it_is && c >= FIRST_HASH && c <= LAST_HASH) {
			add_hash(text, names[c - FIRST_HASH]);
		} else {
			buf_add_char(text, (char)c);
		}
	}
	free(both);
}

/* A fingerprint with those of our keys in place of their bytes, or the same in small letters, which are another. */
static char *expand_print(char *line)
{
	struct buf text = {0};
	for (const char *c = line; c != NULL && *c != '\0'; c++) {
		unsigned which = ((unsigned char)*c & 0xFU) - 1;
		if ((unsigned char)*c >= 0x20 || which >= KEYS) {
			buf_add_char(&text, *c);
			continue;
		}
		const char *print = key_at(which)->print;
		for (const char *p = print; *p != '\0'; p++)
			buf_add_char(&text, (unsigned char)*c < 0x10 ? *p : small(*p));
	}
	free(line);
	return buf_take(&text);
}

/* ---- What has to hold ---- */

static bool is_fit(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			return false;
	return true;
}

static void show(struct hostkey *hostkey, const char *base64, const void *bytes, size_t length, bool wanted)
{
	const struct curl_khkey forms[] = {{.key = base64}, {.key = bytes, .len = length}};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		fuzz_must(hostkey_accept(hostkey, &forms[i]) == wanted, "a key is accepted just when it is listed");
		fuzz_must(hostkey_accepted(hostkey) == wanted, "that is remembered");
	}
}

static void check_explanation(const struct hostkey *hostkey)
{
	struct err err = {0};
	fuzz_must(!hostkey_explain(hostkey, "no words", ERR_DELIVERY, &err) && err.code == ERR_DELIVERY,
		"a refusal can be explained");
	fuzz_must(err.text[0] != '\0' && is_fit(err.text), "in words fit to be shown");
}

/* Puts the keys that are known, and those of the file, before it. */
static void check_keys(struct hostkey *hostkey, const struct judge *judge, const char *print)
{
	check_explanation(hostkey);
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *key = key_at(i);
		bool wanted = print != NULL ? strcmp(key->print, print) == 0 : is_accepted(judge, key->text);
		show(hostkey, key->text, key->blob, key->length, wanted);
	}
	for (size_t i = 0; print == NULL && i < judge->count && i < SHOWN_KEYS_MAX; i++) {
		struct word key = judge->lines[i].key;
		struct buf bytes = {0};
		if (key.length <= KEY_LENGTH_MAX && decode64(key.at, key.length, &bytes) && bytes.length >= 4) {
			char *text = mem_copy_n(key.at, key.length);
			show(hostkey, text, bytes.data, bytes.length, is_accepted(judge, text));
			free(text);
		}
		buf_release(&bytes);
	}
	check_explanation(hostkey);
}

/* The file that makes the library ask for a kind: one line, or none for a kind that it cannot ask for. */
static void check_line(const char *path, const struct judge *judge, const char *wanted, const char *key)
{
	static char text[LINE_MAX_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, LINE_MAX_BYTES) : -1;
	fuzz_must(length >= 0 && close(fd) == 0, "the file can be read");
	text[length] = '\0';
	if (length == 0) {
		fuzz_must(strcmp(wanted, "ssh-rsa") == 0, "only RSA may be left to the server");
		return;
	}
	fuzz_must(strlen(text) == (size_t)length && text[length - 1] == '\n', "a file is a line");
	char *front = mem_format("%s %s ", judge->name, wanted);
	size_t skip = strlen(front);
	fuzz_must(strncmp(text, front, skip) == 0, "it has name and kind");
	free(front);
	text[length - 1] = '\0';
	const char *last = text + skip;
	fuzz_must(strspn(last, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == strlen(last) &&
			  strlen(last) >= FEWEST_FOR_LIBRARY,
		"and base64");
	fuzz_must(key == NULL || strcmp(key, last) == 0, "of a key that is accepted");
}

static void check_rounds(struct hostkey *hostkey, const struct judge *judge, bool any)
{
	struct err err = {0};
	for (size_t i = 0; i < KINDS; i++) {
		char *key = any ? NULL : accepted_of(judge, kinds[i]);
		if (any || key != NULL) {
			const char *path = hostkey_next(hostkey, &err);
			fuzz_must(path != NULL, "each kind of an accepted key is asked for");
			check_line(path, judge, kinds[i], key);
		}
		free(key);
	}
	for (size_t i = 0; i < 2; i++)
		fuzz_must(hostkey_next(hostkey, &err) == NULL && err.code == ERR_NONE, "and no other");
}

/* What counts of a fingerprint; NULL when it can be none. To be freed. */
static char *read_print(const char *text)
{
	size_t skip = strncasecmp(text, "SHA256:", strlen("SHA256:")) == 0 ? strlen("SHA256:") : 0;
	size_t length = strcspn(text + skip, "=");
	return length == PRINT_LENGTH ? mem_copy_n(text + skip, length) : NULL;
}

static void check(const struct buf *text, const char *fingerprint, const struct place *place)
{
	struct err err = {0};
	size_t length = strlen(place->host);
	bool brackets = place->host[0] == '[';
	char *host = mem_copy_n(place->host + (brackets ? 1 : 0), length - (brackets ? 2 : 0));
	char *name = strcmp(place->port, "22") == 0 ? mem_copy(host) : mem_format("[%s]:%s", host, place->port);
	struct judge judge = {.host = host, .name = name};
	if (fingerprint == NULL)
		read_text(&judge, text);
	char *print = fingerprint != NULL ? read_print(fingerprint) : NULL;
	bool usable = print != NULL;
	for (size_t i = 0; i < KINDS && fingerprint == NULL && !usable; i++) {
		char *key = accepted_of(&judge, kinds[i]);
		usable = key != NULL;
		free(key);
	}
	struct hostkey *hostkey = hostkey_new(fingerprint, file, place->host, place->port, &err);
	fuzz_must((hostkey != NULL) == usable, "there is a key to be accepted, or an error");
	if (hostkey == NULL) {
		fuzz_must(err.code == ERR_USAGE && is_fit(err.text), "which is the user's to mend");
		fuzz_must(fingerprint != NULL || strstr(err.text, "ssh-keyscan -p ") != NULL, "and says how");
	} else {
		fuzz_must(!hostkey_accepted(hostkey), "nothing is accepted unseen");
		check_rounds(hostkey, &judge, fingerprint != NULL);
		check_keys(hostkey, &judge, print);
	}
	hostkey_free(hostkey);
	free(judge.lines);
	free(print);
	free(name);
	free(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct buf text = {0};
	struct place place = {0};
	struct err err = {0};
	unsigned switches = fuzz_byte(&input);
	char *authority = fuzz_line_text(&input);
	char *address = mem_format("sftp://eagle@%s/", authority != NULL ? authority : "files.example");
	char *fingerprint = (switches & BY_FINGERPRINT) != 0 ? expand_print(fuzz_line_text(&input)) : NULL;
	begin();
	int before = free_descriptor();
	if (place_find(&place, address, NULL, &err)) {
		expand(&input, (switches & AS_IT_IS) != 0, place.host, place.port, &text);
		write_file(&text);
		check(&text, fingerprint, &place);
	}
	fuzz_must(free_descriptor() == before, "no descriptor stays open");
	assert_alone();
	place_release(&place);
	buf_release(&text);
	free(fingerprint);
	free(address);
	free(authority);
	return 0;
}

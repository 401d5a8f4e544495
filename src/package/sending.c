#include "package/sending.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/trace.h"
#include "package/hostkey.h"

enum {
	CONNECT_SECONDS = 30,
	COMMAND_SECONDS = 60,            /* until a server does something about a small thing */
	ANSWER_SECONDS = 300,            /* after a PUT: some servers look for viruses, or copy to their store */
	UPLOAD_BUFFER = 2 * 1024 * 1024, /* what SFTP has under way at once: small ones crawl over long lines */
	SNIPPET_MAX = 4 * 1024,          /* of an answer, for messages */
	LISTING_MAX = 256 * 1024,        /* a folder with more in it is not looked through */
	QUERY_VALUE_MIN = 8,             /* bytes from which on a value of an address's query counts as a secret */
};

/* The tickets of TLS 1.3 come after the handshake: they meet a data connection that may be closed already, the server
 * then loses what it has not read of the file, and does not see that the next one belongs to the same TLS session. So
 * TLS 1.3 is for servers that know nothing else. */
#define FTP_TLS      ((long)CURL_SSLVERSION_TLSv1_2 | (long)CURL_SSLVERSION_MAX_TLSv1_2)
#define FTP_TLS_LAST ((long)CURL_SSLVERSION_TLSv1_3)

bool sending_stopped(const struct sending *sending)
{
	return sending->delivery->stopped != NULL && sending->delivery->stopped();
}

/* ---- Callbacks ---- */

static size_t on_read(char *to, size_t one, size_t room, void *user)
{
	struct sending *sending = user;
	ssize_t got = 0;
	do
		got = pread(sending->fd, to, one * room, (off_t)sending->position);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (got == 0 && sending->position < sending->size)) {
		sending->unreadable = true;
		return CURL_READFUNC_ABORT;
	}
	sending->position += (uint64_t)got;
	return (size_t)got;
}

static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct sending *sending = user;
	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	sending->position = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static size_t on_body(char *data, size_t one, size_t length, void *user)
{
	struct sending *sending = user;
	size_t all = one * length;
	if (sending->first_is_enough)
		return 0;
	if (sending->listing)
		return buf_add(&sending->body, data, all) ? all : 0;
	if (sending->place.kind == PLACE_HTTP && sending->body.length < SNIPPET_MAX) {
		size_t room = SNIPPET_MAX - sending->body.length;
		buf_add(&sending->body, data, all < room ? all : room);
	}
	return all;
}

static void copy_line(char out[static SENDING_SHOWN + 1], const char *line, size_t length)
{
	while (length > 0 && isspace((unsigned char)*line)) {
		line++;
		length--;
	}
	while (length > 0 && isspace((unsigned char)line[length - 1]))
		length--;
	snprintf(out, SENDING_SHOWN + 1, "%.*s", (int)(length < SENDING_SHOWN ? length : SENDING_SHOWN), line);
}

static size_t on_header(char *line, size_t one, size_t length, void *user)
{
	struct sending *sending = user;
	size_t all = one * length;
	char text[SENDING_SHOWN + 1];
	if (sending->place.kind == PLACE_FTPS && all > 3 && isdigit((unsigned char)line[0])) {
		copy_line(sending->said, line, all);
	} else if (sending->place.kind == PLACE_HTTP) {
		if (all > 9 && strncasecmp(line, "Location:", 9) == 0) {
			copy_line(sending->location, line + 9, all - 9);
			sending->location[strcspn(sending->location, "?#")] = '\0';
		} else if (all > 12 && strncasecmp(line, "Retry-After:", 12) == 0) {
			copy_line(text, line + 12, all - 12);
			sending->retry_after = strtol(text, NULL, 10); /* a date counts as none */
		}
	}
	return all;
}

static int on_progress(void *user, curl_off_t to_get, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
	(void)to_get;
	struct sending *sending = user;
	int64_t now = time_ms();
	if (sending_stopped(sending))
		return 1;
	if (got + sent != sending->moved) {
		sending->moved = got + sent;
		sending->moved_ms = now;
	}
	/* Once a PUT is out, its answer may take its time. */
	if (sending->place.kind == PLACE_HTTP && to_send > 0 && sent >= to_send)
		sending->patience = ANSWER_SECONDS;
	sending->stalled = now - sending->moved_ms >= sending->patience * INT64_C(1000);
	return sending->stalled ? 1 : 0;
}

/* What the library only tells in its verbose words. */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *user)
{
	static const char methods[] = "SSH authentication methods available: ";
	static const char closed[] = "Unable to extract public key from private key file";
	struct sending *sending = user;
	if (type == CURLINFO_TEXT) {
		char *text = mem_copy_n(data, size);
		const char *found = strstr(text, methods);
		if (found != NULL)
			snprintf(sending->methods, sizeof(sending->methods), "%.*s",
				(int)strcspn(found + strlen(methods), "\r\n"), found + strlen(methods));
		if (strstr(text, closed) != NULL)
			sending->key_closed = true;
		free(text);
	}
	return sending->delivery->verbose ? trace_write(easy, type, data, size, sending->mask) : 0;
}

/* Never lets libcurl decide, which would accept a host it knows nothing of. */
static int on_host_key(
	CURL *easy, const struct curl_khkey *known, const struct curl_khkey *shown, enum curl_khmatch match, void *user)
{
	(void)easy;
	(void)known;
	(void)match;
	struct sending *sending = user;
	return hostkey_accept(sending->hostkey, shown) ? CURLKHSTAT_FINE : CURLKHSTAT_REJECT;
}

/* ---- Errors ---- */

bool sending_fail(struct sending *sending, bool again, const struct err *err)
{
	sending->again = again && err->code == ERR_DELIVERY;
	return false;
}

const char *sending_words(const struct sending *sending)
{
	if (sending->place.kind == PLACE_FTPS && sending->said[0] >= '4')
		return sending->said;
	if (sending->words[0] == '\0')
		return curl_easy_strerror(sending->code);
	return sending->words;
}

static bool explain_login(struct sending *sending, struct err *err)
{
	const struct delivery *delivery = sending->delivery;
	const char *user = sending->place.user != NULL ? sending->place.user : "";
	const char *key = delivery->identity_file;
	if (key != NULL && sending->key_closed) {
		err_set(err, ERR_DELIVERY, "the key %s cannot be opened", key);
		if (delivery->secret != NULL)
			err_hint(err, "Is what `deliver-secret-file` holds its passphrase? Try: ssh-keygen -y -f %s",
				key);
		else
			err_hint(err,
				"If it has a passphrase, put that into a file and name it in `deliver-secret-file`");
		return false;
	}
	char offered[sizeof(sending->methods) + 32] = "";
	if (sending->methods[0] != '\0')
		snprintf(offered, sizeof(offered), " (it offers %s)", sending->methods);
	if (key != NULL) {
		err_set(err, ERR_DELIVERY, "the server refuses the key %s for the user %s%s", key, user, offered);
		err_hint(err,
			"Its people need the public half, which ssh-keygen -y -f %s prints. OpenSSH 8.8 and later "
			"refuses an RSA key: in that case make another by ssh-keygen -t ed25519",
			key);
	} else {
		err_set(err, ERR_DELIVERY, "the server refuses the password for the user %s%s%s%s", user, offered,
			sending->said[0] != '\0' ? ": " : "", sending->said);
		err_hint(err, "Look at the user in `deliver` and at what `deliver-secret-file` holds");
	}
	return false;
}

static bool explain_certificate(const struct sending *sending, struct err *err)
{
	err_set(err, ERR_DELIVERY, "the server's certificate is not trusted: %s", sending->words);
	if (sending->delivery->ca_file != NULL)
		err_hint(err, "Neither the system nor %s knows who signed it", sending->delivery->ca_file);
	else
		err_hint(err, "If it is signed by an authority of your own, name that one's certificate in `ca-file`");
	return false;
}

/* What else goes wrong: whether it may pass, and what to look at. */
static const struct {
	CURLcode code;
	bool again;
	const char *what;
	const char *hint;
} failures[] = {
	{CURLE_COULDNT_RESOLVE_HOST, true, "the name service does not know the host",
		"Look for a slip in the address, and whether this machine's network is up"},
	{CURLE_COULDNT_RESOLVE_PROXY, true, "the name service does not know the proxy",
		"Look at https_proxy and all_proxy in the environment"},
	{CURLE_COULDNT_CONNECT, true, "there is no connection",
		"The server may be down, or a firewall stands between: ask whether it lets this machine in"},
	{CURLE_OPERATION_TIMEDOUT, true, "no answer in time",
		"The server may be down, or a firewall stands between: ask whether it lets this machine in"},
	{CURLE_USE_SSL_FAILED, false, "the server does not do TLS, and nothing is sent in the clear",
		"Ask its people for sftp:// or FTP over TLS"},
	{CURLE_SSL_CONNECT_ERROR, true, "TLS does not come about", NULL},
	{CURLE_REMOTE_DISK_FULL, false, "the server has no room left", "Ask its people about its disk and your quota"},
	{CURLE_FTP_ACCEPT_FAILED, true, "the data connection does not come about", NULL},
	{CURLE_FTP_WEIRD_PASV_REPLY, true, "the data connection does not come about", NULL},
	{CURLE_FTP_CANT_GET_HOST, true, "the data connection does not come about", NULL},
	{CURLE_WEIRD_SERVER_REPLY, true, "the server answers strangely", NULL},
	{CURLE_GOT_NOTHING, true, "the connection broke", NULL},
	{CURLE_SEND_ERROR, true, "the connection broke", NULL},
	{CURLE_RECV_ERROR, true, "the connection broke", NULL},
	{CURLE_PARTIAL_FILE, true, "the connection broke", NULL},
	{CURLE_HTTP2, true, "the connection broke", NULL},
	{CURLE_HTTP2_STREAM, true, "the connection broke", NULL},
	{CURLE_AGAIN, true, "the connection broke", NULL},
	{CURLE_SSH, true, "the connection broke", NULL},
};

static bool explain_rest(struct sending *sending, struct err *err)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].code != sending->code)
			continue;
		err_set(err, ERR_DELIVERY, "%s: %s", failures[i].what, sending_words(sending));
		if (failures[i].hint != NULL)
			err_hint(err, "%s", failures[i].hint);
		/* A handshake that broke off may go well next time; one that the TLS library judged will not. */
		bool judged = sending->code == CURLE_SSL_CONNECT_ERROR && strstr(sending->words, "error:") != NULL;
		return sending_fail(sending, failures[i].again && !judged, err);
	}
	err_set(err, ERR_DELIVERY, "%s", sending_words(sending));
	return sending_fail(sending, false, err);
}

bool sending_not_now(const struct sending *sending)
{
	return sending->place.kind == PLACE_FTPS && sending->said[0] == '4';
}

bool sending_explain(struct sending *sending, struct err *err)
{
	bool again = false;
	if (sending->unreadable) {
		err_set(err, ERR_FILE, "the file that is sent was changed meanwhile, or cannot be read");
	} else if (sending->code == CURLE_ABORTED_BY_CALLBACK && sending_stopped(sending)) {
		err_set(err, ERR_STOPPED, "stopped by a signal");
	} else if (sending->stalled) {
		again = true;
		err_set(err, ERR_DELIVERY, "nothing moved for %d seconds", sending->patience);
	} else if (sending_not_now(sending)) {
		again = true;
		err_set(err, ERR_DELIVERY, "the server cannot do it now: %s", sending->said);
	} else if (sending->hostkey != NULL &&
		   (sending->code == CURLE_PEER_FAILED_VERIFICATION || sending->code == CURLE_FAILED_INIT)) {
		hostkey_explain(sending->hostkey, sending_words(sending), ERR_DELIVERY, err);
	} else if (sending->code == CURLE_PEER_FAILED_VERIFICATION) {
		explain_certificate(sending, err);
	} else if (sending->code == CURLE_LOGIN_DENIED) {
		explain_login(sending, err);
	} else {
		return explain_rest(sending, err);
	}
	return sending_fail(sending, again, err);
}

bool sending_refused(const struct sending *sending)
{
	switch (sending->code) {
	case CURLE_REMOTE_ACCESS_DENIED:
	case CURLE_REMOTE_FILE_NOT_FOUND:
	case CURLE_REMOTE_FILE_EXISTS:
	case CURLE_QUOTE_ERROR:
	case CURLE_UPLOAD_FAILED:
	case CURLE_FTP_COULDNT_RETR_FILE: return !sending_not_now(sending);
	default: return false;
	}
}

/* ---- Requests ---- */

void sending_prepare(struct sending *sending)
{
	CURL *easy = sending->easy;
	curl_slist_free_all(sending->commands);
	sending->commands = NULL;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
	curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)-1);
	curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(easy, CURLOPT_DIRLISTONLY, 0L);
	curl_easy_setopt(easy, CURLOPT_QUOTE, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTQUOTE, NULL);
	sending->listing = false;
	sending->first_is_enough = false;
	sending->patience = COMMAND_SECONDS;
}

CURLcode sending_perform(struct sending *sending, char *url)
{
	buf_clear(&sending->body);
	sending->position = 0;
	sending->unreadable = false;
	sending->stalled = false;
	sending->moved = 0;
	sending->moved_ms = time_ms();
	sending->said[0] = '\0';
	sending->location[0] = '\0';
	sending->retry_after = 0;
	sending->words[0] = '\0';
	curl_easy_setopt(sending->easy, CURLOPT_URL, url);
	sending->code = curl_easy_perform(sending->easy);
	mask_text(sending->mask, sending->words, sizeof(sending->words));
	mask_text(sending->mask, sending->said, sizeof(sending->said));
	mask_text(sending->mask, sending->location, sizeof(sending->location));
	mask_wipe_text(url);
	return sending->code;
}

CURLcode sending_perform_first(struct sending *sending, const char *name, struct err *err)
{
	if (sending->hostkey == NULL || hostkey_accepted(sending->hostkey)) {
		if (sending_perform(sending, place_url(&sending->place, name)) != CURLE_SSL_CONNECT_ERROR ||
			sending->place.kind != PLACE_FTPS)
			return sending->code;
		curl_easy_setopt(sending->easy, CURLOPT_SSLVERSION, FTP_TLS_LAST);
		return sending_perform(sending, place_url(&sending->place, name));
	}
	CURLcode code = CURLE_PEER_FAILED_VERIFICATION;
	CURLcode worst = CURLE_OK;
	const char *file = NULL;
	while ((file = hostkey_next(sending->hostkey, err)) != NULL) {
		curl_easy_setopt(sending->easy, CURLOPT_SSH_KNOWNHOSTS, file);
		code = sending_perform(sending, place_url(&sending->place, name));
		/* Another kind may help only where it was for this that the connection was ended. */
		if (code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_FAILED_INIT)
			return code;
		if (worst != CURLE_PEER_FAILED_VERIFICATION)
			worst = code;
	}
	sending->code = worst != CURLE_OK ? worst : code;
	return sending->code;
}

/* ---- Beginning and end ---- */

bool sending_meet(struct sending *sending, struct err *err)
{
	const struct delivery *delivery = sending->delivery;
	CURL *easy = sending->easy;
	hostkey_free(sending->hostkey);
	sending->hostkey = hostkey_new(
		delivery->host_key_sha256, delivery->known_hosts, sending->place.host, sending->place.port, err);
	if (sending->hostkey == NULL)
		return false;
	bool ok = curl_easy_setopt(easy, CURLOPT_SSH_KEYFUNCTION, on_host_key) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSH_KEYDATA, sending) == CURLE_OK;
	long how = CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD; /* many servers know passwords only by the latter */
	if (delivery->identity_file != NULL) {
		how = CURLSSH_AUTH_PUBLICKEY;
		ok = ok && curl_easy_setopt(easy, CURLOPT_SSH_PRIVATE_KEYFILE, delivery->identity_file) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_KEYPASSWD, delivery->secret) == CURLE_OK;
	}
	return (ok && curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES, how) == CURLE_OK) ||
	       err_set(err, ERR_DELIVERY, "libcurl of this machine lacks what sftp:// needs");
}

static bool set_options(struct sending *sending)
{
	const struct delivery *delivery = sending->delivery;
	const struct place *place = &sending->place;
	CURL *easy = sending->easy;
	bool ok = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, place->spoken) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)COMMAND_SECONDS) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, sending->words) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_READDATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SEEKDATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEDATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERDATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, sending) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	if (delivery->ca_file != NULL) /* the system's folder of certificates stays in force beside it */
		ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, delivery->ca_file) == CURLE_OK;
	/* What may go unencrypted only to this machine must not go to a proxy. */
	ok = ok && curl_easy_setopt(easy, CURLOPT_NOPROXY, place->plain ? "*" : NULL) == CURLE_OK;
	if (place->user != NULL)
		ok = ok && curl_easy_setopt(easy, CURLOPT_USERNAME, place->user) == CURLE_OK;
	if (place->user != NULL && delivery->identity_file == NULL)
		ok = ok && curl_easy_setopt(easy, CURLOPT_PASSWORD, delivery->secret) == CURLE_OK;
	if (place->kind == PLACE_FTPS)
		ok = ok && curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_FTPSSLAUTH, (long)CURLFTPAUTH_TLS) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_SINGLECWD) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_SSLVERSION, FTP_TLS) == CURLE_OK;
	return ok;
}

static void hide_secrets(struct sending *sending)
{
	mask_add(sending->mask, sending->delivery->secret, false);
	mask_add(sending->mask, sending->place.query, false);
	/* A server may quote one of the values. */
	for (const char *at = sending->place.query; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, "&");
		size_t name = strcspn(at, "=&");
		if (name < length && length - name > QUERY_VALUE_MIN) {
			char *value = mem_copy_n(at + name + 1, length - name - 1);
			mask_add(sending->mask, value, false);
			mask_wipe_text(value);
		}
		at += length + (at[length] == '&' ? 1 : 0);
	}
}

bool sending_open(struct sending *sending, struct err *err)
{
	sending->mask = mask_new();
	hide_secrets(sending);
	buf_init(&sending->body, LISTING_MAX);
	sending->easy = curl_easy_init();
	if (sending->easy != NULL && set_options(sending))
		return true;
	return err_set(err, ERR_DELIVERY, "libcurl of this machine lacks what %s:// needs", sending->place.scheme);
}

void sending_close(struct sending *sending)
{
	curl_easy_cleanup(sending->easy);
	curl_slist_free_all(sending->commands);
	for (struct curl_slist *line = sending->headers; line != NULL; line = line->next)
		mask_wipe(line->data, strlen(line->data));
	curl_slist_free_all(sending->headers);
	hostkey_free(sending->hostkey);
	mask_free(sending->mask);
	if (sending->fd >= 0)
		close(sending->fd);
	buf_release(&sending->body);
	free(sending->part);
	free(sending->old);
	place_release(&sending->place);
	*sending = (struct sending){.fd = -1};
}

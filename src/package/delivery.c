#include "package/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/library.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/time.h"
#include "package/hostkey.h"
#include "package/put.h"
#include "package/sending.h"
#include "package/upload.h"

enum {
	LOST_TRIES = 4, /* in a row in which nothing was gained */
	MOST_TRIES = 20,
	PAUSE_MAX_SECONDS = 30, /* however long a server would like us to wait */
	TICK_MS = 100,
	PIECE = 64 * 1024,
	NAME_SHOWN = 200, /* of the file's name in those beside it, so that they fit into 255 */
	IDENTITY_MAX = 64 * 1024,
};

static const int pauses[] = {1, 3, 9}; /* seconds, before the second try and so on */

/* ---- Settings ---- */

bool delivery_check(const char *address, struct err *err)
{
	struct place place;
	bool ok = place_find(&place, address, NULL, err);
	place_release(&place);
	return ok;
}

char *delivery_show(const char *address)
{
	struct place place;
	struct err err = {0};
	char *shown = place_find(&place, address, NULL, &err) ? place_show(&place) : mem_copy("(no address)");
	place_release(&place);
	return shown;
}

/* What is set has to be of use where the file goes: a key that is silently not used would be trusted in vain. */
static bool check_use(const struct delivery *delivery, const struct place *place, struct err *err)
{
	bool sftp = place->kind == PLACE_SFTP;
	const struct {
		const char *option;
		bool set;
		bool used;
		const char *where;
	} settings[] = {
		{"identity-file", delivery->identity_file != NULL, sftp, "sftp://"},
		{"known-hosts", delivery->known_hosts != NULL, sftp, "sftp://"},
		{"host-key-sha256", delivery->host_key_sha256 != NULL, sftp, "sftp://"},
		{"s3-region", delivery->s3_region != NULL, place->kind == PLACE_HTTP, "https://"},
		{"deliver-secret-file", delivery->secret != NULL, place->kind != PLACE_FOLDER, "servers"},
	};
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (settings[i].set && !settings[i].used)
			return err_set(err, ERR_USAGE, "`%s` is for %s and means nothing here: leave it out",
				settings[i].option, settings[i].where);
	return true;
}

static bool check_identity(const char *path, struct err *err)
{
	struct buf text = {.max = IDENTITY_MAX + 1};
	bool ok = false;
	if (!file_private(path, err)) {
		err_in(err, "`identity-file`");
	} else if (!file_read(path, IDENTITY_MAX, &text, err)) {
		err->code = ERR_USAGE;
		err_in(err, "`identity-file`");
	} else if (strncmp(buf_text(&text), "PuTTY-User-Key-File", 19) == 0) {
		err_set(err, ERR_USAGE,
			"`identity-file` %s is a key of PuTTY. Run: puttygen %s -O private-openssh -o NEWFILE", path,
			path);
	} else if (strncmp(buf_text(&text), "ssh-", 4) == 0 || strncmp(buf_text(&text), "ecdsa-", 6) == 0) {
		err_set(err, ERR_USAGE,
			"`identity-file` %s is the public half of a key: name the private one, without .pub", path);
	} else if (strstr(buf_text(&text), "PRIVATE KEY-----") == NULL) {
		err_set(err, ERR_USAGE,
			"`identity-file` %s holds no private key. To make one, run: ssh-keygen -t ed25519 -f %s", path,
			path);
	} else {
		ok = true;
	}
	mask_wipe(text.data, text.length);
	buf_release(&text);
	return ok;
}

static bool check_login(const struct delivery *delivery, const struct place *place, struct err *err)
{
	static const char how[] = "`deliver-secret-file`";
	if (place->kind == PLACE_SFTP && delivery->identity_file == NULL && delivery->secret == NULL)
		return err_set(err, ERR_USAGE,
			"name the private key in `identity-file`, or a file with the password in %s", how);
	if (place->kind == PLACE_FTPS && delivery->secret == NULL)
		return err_set(err, ERR_USAGE, "name a file with the password in %s", how);
	if (place->kind == PLACE_HTTP && place->user != NULL && delivery->secret == NULL)
		return err_set(err, ERR_USAGE, "there is a user but no password: name a file that holds it in %s", how);
	if (delivery->s3_region != NULL && (place->user == NULL || delivery->secret == NULL))
		return err_set(err, ERR_USAGE,
			"`s3-region` needs the id of the access key as the user of the address "
			"(https://ID@host/bucket/) and the secret key in %s",
			how);
	if (delivery->s3_region != NULL && place->query != NULL)
		return err_set(err, ERR_USAGE, "with `s3-region` the address has no question mark");
	return true;
}

static bool check_target(const struct place *place, struct err *err)
{
	if (place->name == NULL)
		return err_set(
			err, ERR_USAGE, "it is a folder, and there is no name for the file: say one in `deliver-as`");
	if (place->kind != PLACE_FOLDER)
		return true;
	char *path = place_path(place, place->name);
	bool ok = file_check_target(path, err);
	free(path);
	return ok;
}

bool delivery_ready(const struct delivery *delivery, struct err *err)
{
	struct place place;
	struct hostkey *hostkey = NULL;
	bool ok = place_find(&place, delivery->address, delivery->name, err) && check_use(delivery, &place, err) &&
		  check_login(delivery, &place, err) && check_target(&place, err) &&
		  (delivery->identity_file == NULL || check_identity(delivery->identity_file, err));
	if (ok && place.kind == PLACE_SFTP) {
		hostkey = hostkey_new(delivery->host_key_sha256, delivery->known_hosts, place.host, place.port, err);
		ok = hostkey != NULL;
	}
	if (ok && delivery->ca_file != NULL && place.kind != PLACE_FOLDER && access(delivery->ca_file, R_OK) != 0)
		ok = err_set(err, ERR_USAGE, "cannot read `ca-file` %s: %s", delivery->ca_file, strerror(errno));
	hostkey_free(hostkey);
	place_release(&place);
	if (!ok) {
		char *shown = delivery_show(delivery->address);
		err_in(err, "delivery to %s", shown);
		free(shown);
	}
	return ok;
}

/* ---- Beginning and end ---- */

/* Opens the file, and learns its size and digest. */
static bool open_file(struct sending *sending, const char *path, struct err *err)
{
	struct stat status;
	sending->fd = file_open(AT_FDCWD, path, O_RDONLY);
	if (sending->fd < 0 || fstat(sending->fd, &status) != 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_FILE, "cannot deliver %s: it is no file", path);
	struct digest *digest = digest_new();
	char piece[PIECE];
	off_t at = 0;
	ssize_t got = 0;
	while ((got = pread(sending->fd, piece, sizeof(piece), at)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0) {
			digest_add(digest, piece, (size_t)got);
			at += got;
		}
	digest_hex(digest, sending->digest);
	digest_free(digest);
	if (got < 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	sending->size = (uint64_t)at;
	sending->result->bytes = sending->size;
	sending->part = mem_format(".%.*s.%.*s.part", NAME_SHOWN, sending->place.name, UPLOAD_MARK, sending->digest);
	sending->old = mem_format(".%.*s.%.*s.old", NAME_SHOWN, sending->place.name, UPLOAD_MARK, sending->digest);
	return true;
}

/* Waits before another try. False with ERR_STOPPED. */
static bool pause_for(const struct sending *sending, long seconds, struct err *err)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
	int64_t until = time_ms() + seconds * 1000;
	while (time_ms() < until) {
		if (sending_stopped(sending)) {
			err_clear(err);
			return err_set(err, ERR_STOPPED, "stopped by a signal");
		}
		nanosleep(&tick, NULL);
	}
	return true;
}

static bool try_once(struct sending *sending, struct err *err)
{
	sending->again = false;
	sending->result->tries++;
	if (sending->place.kind == PLACE_HTTP)
		return put_send(sending, err);
	bool met = sending->hostkey != NULL && hostkey_accepted(sending->hostkey);
	if (sending->place.kind == PLACE_SFTP && !met && !sending_meet(sending, err)) {
		err->code = ERR_DELIVERY;
		return false;
	}
	return upload_send(sending, err);
}

static bool try_often(struct sending *sending, struct err *err)
{
	int lost = 0;
	for (;;) {
		uint64_t had = sending->had;
		if (try_once(sending, err))
			return true;
		if (!sending->again)
			return false;
		/* A try that found more of the file there than the one before has gained something. */
		lost = sending->had > had ? 1 : lost + 1;
		if (lost >= LOST_TRIES || sending->result->tries >= MOST_TRIES)
			return err_in(err, "after %u tries", sending->result->tries);
		long seconds = pauses[lost - 1];
		if (sending->retry_after > seconds)
			seconds = sending->retry_after < PAUSE_MAX_SECONDS ? sending->retry_after : PAUSE_MAX_SECONDS;
		if (sending->delivery->verbose)
			log_line(LOG_DEBUG, "deliver", "again in %ld s: %s", seconds, err->text);
		if (!pause_for(sending, seconds, err))
			return false;
		err_clear(err);
	}
}

static bool send_to_server(struct sending *sending, struct err *err)
{
	if (!library_start_curl(err)) {
		err->code = ERR_DELIVERY;
		return false;
	}
	bool ok = sending_open(sending, err) && (sending->place.kind != PLACE_HTTP || put_prepare(sending, err)) &&
		  try_often(sending, err);
	/* The connection ends before the library does. */
	sending_close(sending);
	curl_global_cleanup();
	return ok;
}

static bool send_to_folder(struct sending *sending, struct err *err)
{
	char *path = place_path(&sending->place, sending->place.name);
	char *folder = place_path(&sending->place, NULL);
	sending->result->tries = 1;
	file_sweep(folder); /* another day's name would not take the place of what was cut off then */
	bool ok = file_publish(sending->fd, path, err);
	if (!ok)
		err->code = ERR_DELIVERY;
	free(folder);
	free(path);
	return ok;
}

bool delivery_send(const struct delivery *delivery, const char *path, struct delivery_result *result, struct err *err)
{
	struct sending sending = {.delivery = delivery, .result = result, .fd = -1};
	bool ok = false;
	*result = (struct delivery_result){0};
	if (!place_find(&sending.place, delivery->address, delivery->name, err)) {
		err->code = ERR_DELIVERY;
		result->place = delivery_show(delivery->address);
		goto out;
	}
	if (delivery->s3_region != NULL) /* libcurl signs the path as it is */
		place_normalize(&sending.place);
	result->place = place_show_file(&sending.place);
	if (!check_target(&sending.place, err)) {
		err->code = ERR_DELIVERY;
		err_in(err, "%s", result->place);
		goto out;
	}
	if (!open_file(&sending, path, err))
		goto out;
	ok = sending.place.kind == PLACE_FOLDER ? send_to_folder(&sending, err) : send_to_server(&sending, err);
	if (!ok)
		err_in(err, "%s", result->place);
out:
	sending_close(&sending);
	return ok;
}

void delivery_result_release(struct delivery_result *result)
{
	free(result->place);
	*result = (struct delivery_result){0};
}

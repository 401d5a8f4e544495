#include "package/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static bool explain_folder(const struct sending *sending, struct err *err)
{
	const struct place *place = &sending->place;
	char *folder = place_path(place, NULL);
	err_set(err, ERR_DELIVERY, "there is no folder %s on the server, or the user %s may not see it%s%s", folder,
		place->user, sending->said[0] != '\0' ? ": " : "", sending->said);
	err_hint(err,
		"Folders are not made here. A path begins at the server's root; one below the user's home is "
		"%s://%s@%s/~/...",
		place->scheme, place->user, place->host);
	free(folder);
	return false;
}

static bool explain_write(struct sending *sending, struct err *err)
{
	char *folder = place_path(&sending->place, NULL);
	err_set(err, ERR_DELIVERY, "the server does not let the user %s write into the folder %s: %s",
		sending->place.user, folder, sending_words(sending));
	err_hint(err, "Ask its people for the right to write there");
	if (!sending->delivery->direct)
		err_hint(err,
			"If it is a drop box that takes only files under their final name, say `deliver-by` = direct");
	free(folder);
	return false;
}

enum look { LOOK_SIZE, LOOK_NOTHING, LOOK_UNKNOWN, LOOK_FAILED };

/* How large a file of the folder is. LOOK_UNKNOWN: the server does not tell. LOOK_FAILED with err. */
static enum look look(struct sending *sending, const char *name, uint64_t *size, struct err *err)
{
	curl_off_t length = -1;
	sending_prepare(sending);
	switch (sending_perform_first(sending, name, err)) {
	case CURLE_OK: break;
	case CURLE_REMOTE_FILE_NOT_FOUND: return LOOK_NOTHING;
	case CURLE_REMOTE_ACCESS_DENIED:
		/* FTP: the folder cannot be entered. */
		if (sending->place.kind == PLACE_FTPS && sending_refused(sending)) {
			explain_folder(sending, err);
			sending_fail(sending, false, err);
			return LOOK_FAILED;
		}
		break;
	default: break;
	}
	if (err->code != ERR_NONE)
		return LOOK_FAILED;
	if (sending->code == CURLE_OK)
		curl_easy_getinfo(sending->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	else if (!sending_refused(sending)) {
		sending_explain(sending, err);
		return LOOK_FAILED;
	}
	if (length < 0)
		return LOOK_UNKNOWN;
	*size = (uint64_t)length;
	return LOOK_SIZE;
}

/* Whether a name of the server's folder is that of a folder itself. */
static bool is_folder(struct sending *sending, const char *name)
{
	sending_prepare(sending);
	char *url = place_url(&sending->place, name);
	char *folder = mem_format("%s/", url);
	free(url);
	if (sending->place.kind == PLACE_FTPS)
		return sending_perform(sending, folder) == CURLE_OK;
	/* Without its body nothing would be asked of an SFTP server. */
	curl_easy_setopt(sending->easy, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(sending->easy, CURLOPT_DIRLISTONLY, 1L);
	sending->first_is_enough = true;
	CURLcode code = sending_perform(sending, folder);
	return code == CURLE_OK || code == CURLE_WRITE_ERROR;
}

static void add_command(struct sending *sending, char *command)
{
	struct curl_slist *longer = curl_slist_append(sending->commands, command);
	if (longer != NULL)
		sending->commands = longer;
	free(command);
}

/* A path as a command of libcurl's SFTP takes it. */
static char *quoted(const struct sending *sending, const char *name)
{
	struct buf text = {0};
	char *path = place_path(&sending->place, name);
	buf_add_char(&text, '"');
	for (const char *c = path; *c != '\0'; c++) {
		if (strchr("\"'\\", *c) != NULL)
			buf_add_char(&text, '\\');
		buf_add_char(&text, *c);
	}
	buf_add_char(&text, '"');
	free(path);
	return buf_take(&text);
}

/* Runs the commands; true when the server has done the last of them. */
static bool command(struct sending *sending)
{
	bool sftp = sending->place.kind == PLACE_SFTP;
	/* SFTP commands hold whole paths; those of FTP run in the folder, once the request has gone there. */
	curl_easy_setopt(sending->easy, sftp ? CURLOPT_QUOTE : CURLOPT_POSTQUOTE, sending->commands);
	CURLcode code = sending_perform(sending, place_url(&sending->place, NULL));
	/* What an FTP server says no to would end the connection, were it not told to go on. */
	return code == CURLE_OK && (sftp || sending->said[0] == '2');
}

/* Renames within the folder. */
static bool move(struct sending *sending, const char *from, const char *to)
{
	sending_prepare(sending);
	if (sending->place.kind == PLACE_FTPS) {
		add_command(sending, mem_format("*RNFR %s", from));
		add_command(sending, mem_format("*RNTO %s", to));
	} else {
		char *quoted_from = quoted(sending, from);
		char *quoted_to = quoted(sending, to);
		add_command(sending, mem_format("rename %s %s", quoted_from, quoted_to));
		free(quoted_from);
		free(quoted_to);
	}
	return command(sending);
}

static void add_removal(struct sending *sending, const char *name)
{
	char *path = quoted(sending, name);
	add_command(
		sending, sending->place.kind == PLACE_FTPS ? mem_format("*DELE %s", name) : mem_format("*rm %s", path));
	free(path);
}

/* Removes a file of the folder if it is there and may be removed. */
static void discard(struct sending *sending, const char *name)
{
	sending_prepare(sending);
	add_removal(sending, name);
	command(sending);
}

/* Removes what broken deliveries of other content have left beside the file: names of ours with other digits. Where the
 * folder may not be listed, they stay. */
static void sweep(struct sending *sending)
{
	sending_prepare(sending);
	curl_easy_setopt(sending->easy, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(sending->easy, CURLOPT_DIRLISTONLY, 1L);
	sending->listing = true;
	if (sending_stopped(sending) || sending_perform(sending, place_url(&sending->place, NULL)) != CURLE_OK)
		return;
	char *names = buf_take(&sending->body);
	sending_prepare(sending);
	size_t front = strlen(sending->part) - UPLOAD_MARK - strlen(".part");
	char *rest = NULL;
	for (const char *name = strtok_r(names, "\r\n", &rest); name != NULL; name = strtok_r(NULL, "\r\n", &rest)) {
		size_t length = strlen(name);
		if (length <= front + UPLOAD_MARK || strncmp(name, sending->part, front) != 0 ||
			strspn(name + front, "0123456789abcdef") != UPLOAD_MARK)
			continue;
		const char *end = name + front + UPLOAD_MARK;
		if ((strcmp(end, ".part") == 0 || strcmp(end, ".old") == 0) && strcmp(name, sending->part) != 0 &&
			strcmp(name, sending->old) != 0)
			add_removal(sending, name);
	}
	if (sending->commands != NULL)
		command(sending);
	free(names);
}

/* Uploads from an offset on. */
static bool upload(struct sending *sending, const char *name, uint64_t offset, struct err *err)
{
	CURL *easy = sending->easy;
	sending_prepare(sending);
	sending->patience = SENDING_STALL_SECONDS;
	curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)sending->size);
	curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)offset);
	sending->result->resumed = offset;
	CURLcode code = sending_perform_first(sending, name, err);
	if (code == CURLE_OK)
		return true;
	if (!sending_refused(sending))
		return sending_explain(sending, err);
	bool folder = code == CURLE_REMOTE_FILE_NOT_FOUND ||
		      (code == CURLE_REMOTE_ACCESS_DENIED && sending->place.kind == PLACE_FTPS);
	if (folder)
		explain_folder(sending, err);
	else
		explain_write(sending, err);
	return sending_fail(sending, false, err);
}

static bool explain_move(struct sending *sending, const char *why, struct err *err)
{
	bool again = sending_not_now(sending);
	if (!sending_refused(sending) && sending->code != CURLE_OK)
		return sending_explain(sending, err);
	err_set(err, ERR_DELIVERY, "the server does not let the file get its final name: %s", why);
	err_hint(err, "Ask its people for the right to rename and to replace; or, if it is a drop box, say "
		      "`deliver-by` = direct");
	if (!again)
		discard(sending, sending->part);
	return sending_fail(sending, again, err);
}

/* Gives the whole part its final name. Where a server does not rename over a file that is there, that one steps aside
 * first, and comes back if something goes wrong. */
static bool take_place(struct sending *sending, struct err *err)
{
	const char *name = sending->place.name;
	uint64_t size = 0;
	if (move(sending, sending->part, name)) {
		discard(sending,
			sending->old); /* should an earlier delivery have been cut off between the two renames */
		return true;
	}
	char *why = mem_copy(sending_words(sending));
	bool ok = false;
	enum look found = LOOK_NOTHING;
	if (!sending_refused(sending) && sending->code != CURLE_OK) {
		sending_explain(sending, err);
		goto out;
	}
	/* A folder must not step aside; and FTP servers do not tell one from nothing when asked for its size. */
	if (is_folder(sending, name)) {
		err_set(err, ERR_DELIVERY,
			"%s is a folder on the server: end the address with a slash to deliver into it", name);
		discard(sending, sending->part);
		sending_fail(sending, false, err);
		goto out;
	}
	found = look(sending, name, &size, err);
	if (found == LOOK_FAILED)
		goto out;
	if (found == LOOK_NOTHING) {
		sending->code = CURLE_QUOTE_ERROR;
		explain_move(sending, why, err);
		goto out;
	}
	discard(sending, sending->old);
	if (!move(sending, name, sending->old)) {
		explain_move(sending, sending_words(sending), err);
		goto out;
	}
	if (!move(sending, sending->part, name)) {
		char *second = mem_copy(sending_words(sending));
		CURLcode code = sending->code;
		bool back = move(sending, sending->old, name);
		sending->code = code;
		explain_move(sending, second, err);
		free(second);
		if (!back)
			err_hint(err, "The old file may now have the name %s", sending->old);
		goto out;
	}
	discard(sending, sending->old);
	ok = true;
out:
	free(why);
	return ok;
}

/* The file under its final name from the start. */
static bool send_direct(struct sending *sending, struct err *err)
{
	uint64_t there = 0;
	struct err ignored = {0};
	if (!upload(sending, sending->place.name, 0, err))
		return false;
	/* A drop box may not let us look. */
	if (sending_stopped(sending) || look(sending, sending->place.name, &there, &ignored) != LOOK_SIZE ||
		there == sending->size)
		return true;
	err_set(err, ERR_DELIVERY, "the server has %llu bytes of the %llu that were sent", (unsigned long long)there,
		(unsigned long long)sending->size);
	return sending_fail(sending, true, err);
}

static bool send_and_rename(struct sending *sending, struct err *err)
{
	uint64_t there = 0;
	enum look found = look(sending, sending->part, &there, err);
	if (found == LOOK_FAILED)
		return false;
	if (found != LOOK_SIZE || there > sending->size)
		there = 0;
	sending->had = there;
	if (found != LOOK_SIZE || there < sending->size) {
		if (!upload(sending, sending->part, there, err))
			return false;
		found = look(sending, sending->part, &there, err);
		if (found == LOOK_FAILED)
			return false;
	} else {
		sending->result->resumed = there;
	}
	if (found == LOOK_NOTHING || (found == LOOK_SIZE && there != sending->size)) {
		err_set(err, ERR_DELIVERY, "the server has %llu bytes of the %llu that were sent",
			found == LOOK_SIZE ? (unsigned long long)there : 0ULL, (unsigned long long)sending->size);
		err_hint(err, "Its disk or your quota may be full");
		discard(sending, sending->part);
		return sending_fail(sending, true, err);
	}
	if (!take_place(sending, err))
		return false;
	sweep(sending);
	return true;
}

bool upload_send(struct sending *sending, struct err *err)
{
	return sending->delivery->direct ? send_direct(sending, err) : send_and_rename(sending, err);
}

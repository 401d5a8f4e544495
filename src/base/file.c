#define _GNU_SOURCE /* flock, O_TMPFILE */

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/end.h"
#include "base/err.h"
#include "base/mem.h"

#define PART_END ".rosterzip-part"

enum {
	PIECE = 64 * 1024,
	PRIVATE = S_IRUSR | S_IWUSR,
	/* Another run's file_sweep may hold or remove a part in the instant between its making and its locking. */
	PART_TRIES = 20,
	PART_PAUSE_MS = 10,
};

int file_open(int folder, const char *path, int flags)
{
	int fd;
	do
		fd = openat(folder, path, flags | O_CLOEXEC, PRIVATE);
	while (fd < 0 && errno == EINTR);
	return fd;
}

const char *file_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

const char *file_work_folder(void)
{
	static const char on_disk[] = "/var/tmp";
	const char *given = getenv("TMPDIR");
	if (given != NULL && *given != '\0')
		return given;
	return access(on_disk, W_OK | X_OK) == 0 ? on_disk : "/tmp";
}

/* A file that never has a name; -1 where there is no such thing. */
static int open_nameless(const char *folder)
{
#ifdef O_TMPFILE
	return file_open(AT_FDCWD, folder, O_RDWR | O_TMPFILE);
#else
	(void)folder;
	return -1;
#endif
}

int file_temp(const char *folder, struct err *err)
{
	int nameless = open_nameless(folder);
	if (nameless >= 0)
		return nameless;
	char *path = mem_format("%s/.rosterzip-XXXXXX", folder);
	int fd = mkstemp(path);
	if (fd < 0) {
		err_set(err, ERR_FILE, "cannot make a working file in %s: %s", folder, strerror(errno));
	} else {
		unlink(path);
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
			err_set(err, ERR_FILE, "cannot make a working file in %s: %s", folder, strerror(errno));
			close(fd);
			fd = -1;
		}
	}
	free(path);
	return fd;
}

static bool make_one_folder(const char *path, unsigned mode, struct err *err)
{
	if (mkdir(path, (mode_t)mode) == 0)
		return true;
	int failure = errno;
	struct stat status;
	if (stat(path, &status) != 0)
		failure = failure == EEXIST ? errno : failure;
	else if (S_ISDIR(status.st_mode))
		return true;
	else
		failure = ENOTDIR;
	return err_set(err, ERR_FILE, "cannot make the folder %s: %s", path, strerror(failure));
}

bool file_make_folder(const char *path, unsigned mode, struct err *err)
{
	char *part = mem_copy(path);
	bool ok = true;
	for (char *at = part; ok && *at != '\0'; at++) {
		if (*at == '/' && at > part) {
			*at = '\0';
			ok = make_one_folder(part, mode, err);
			*at = '/';
		}
	}
	ok = ok && make_one_folder(part, mode, err);
	free(part);
	return ok;
}

bool file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
	int fd = file_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	size_t before = out->length;
	bool ok = false;
	for (;;) {
		size_t left = max - (out->length - before);
		char piece[PIECE];
		/* One byte more than is left tells a file that fits exactly from one that is too large. */
		ssize_t got = read(fd, piece, left < sizeof(piece) ? left + 1 : sizeof(piece));
		if (got == 0) {
			ok = true;
			break;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
			break;
		}
		if ((size_t)got > left || !buf_add(out, piece, (size_t)got)) {
			err_set(err, ERR_FILE, "%s is too large: more than %zu bytes", path, max);
			errno = EFBIG;
			break;
		}
	}
	int failure = errno;
	if (!ok && out->data != NULL)
		buf_set_length(out, before);
	close(fd);
	errno = failure;
	return ok;
}

/* What the administrator can set right is a mistake of the configuration; a broken disk, or a full one, is not. */
static enum err_code code_of(int failure)
{
	switch (failure) {
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EFBIG:
	case EINVAL: return ERR_USAGE;
	default: return ERR_FILE;
	}
}

bool file_read_given(const char *path, size_t max, struct buf *out, struct err *err)
{
	if (file_read(path, max, out, err))
		return true;
	err->code = code_of(errno);
	return false;
}

/* Where a file goes: the target, any symbolic link at its end resolved, and the names made from it. */
struct place {
	char *path;
	char *folder;
	char *part;
};

static void place_release(struct place *place)
{
	free(place->path);
	free(place->folder);
	free(place->part);
}

static bool place_find(struct place *place, const char *path, struct err *err)
{
	*place = (struct place){0};
	struct stat status;
	bool there = lstat(path, &status) == 0;
	if (!there && errno != ENOENT) {
		err_set(err, code_of(errno), "cannot write %s: %s", path, strerror(errno));
		return false;
	}
	if (there && S_ISLNK(status.st_mode)) {
		place->path = realpath(path, NULL);
		if (place->path == NULL && (errno == ENOENT || errno == ELOOP)) {
			err_set(err, ERR_USAGE, "%s is a link that leads nowhere: %s", path, strerror(errno));
			return false;
		}
		if (place->path == NULL) {
			err_set(err, code_of(errno), "cannot write %s: %s", path, strerror(errno));
			return false;
		}
	} else {
		place->path = mem_copy(path);
	}
	char *slash = strrchr(place->path, '/');
	const char *base = slash != NULL ? slash + 1 : place->path;
	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
		err_set(err, ERR_USAGE, "\"%s\" does not name a file", path);
		return false;
	}
	if (slash == NULL)
		place->folder = mem_copy(".");
	else
		place->folder = mem_copy_n(place->path, slash > place->path ? (size_t)(slash - place->path) : 1);
	place->part = mem_format("%s/.%s%s", place->folder, base, PART_END);
	return true;
}

static bool same_file(int fd, const char *path)
{
	struct stat one;
	struct stat other;
	return fstat(fd, &one) == 0 && lstat(path, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static void pause_ms(int milliseconds)
{
	struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

enum claim { CLAIM_GONE, CLAIM_HELD, CLAIM_FAILED };

/* The same for a folder and the files in it. */
static enum claim remove_leftover_folder(const char *part, bool sure)
{
	int fd = file_open(AT_FDCWD, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? CLAIM_GONE : CLAIM_FAILED;
	DIR *entries = NULL;
	enum claim claim = CLAIM_FAILED;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && (sure || errno == EWOULDBLOCK)) {
		claim = CLAIM_HELD;
	} else if (!same_file(fd, part)) {
		claim = CLAIM_GONE;
	} else if ((entries = fdopendir(fd)) != NULL) {
		const struct dirent *entry;
		while ((entry = readdir(entries)) != NULL)
			unlinkat(fd, entry->d_name, 0);
		claim = rmdir(part) == 0 ? CLAIM_GONE : CLAIM_FAILED;
	}
	int failure = errno;
	if (entries != NULL)
		closedir(entries);
	else
		close(fd);
	errno = failure;
	return claim;
}

/* Removes a part that nobody is writing. It is locked first and then looked at again: whoever was writing it may just
 * have renamed it to be the published file. sure tells what to do where the file system has no locks: leave it. */
static enum claim remove_leftover(const char *part, bool sure)
{
	int fd = file_open(AT_FDCWD, part, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		if (errno == ENOENT)
			return CLAIM_GONE;
		if (errno == EISDIR)
			return remove_leftover_folder(part, sure);
		/* A link or the like that somebody put in the way: its name goes, what it leads to does not matter. */
		return errno == ELOOP && unlink(part) == 0 ? CLAIM_GONE : CLAIM_FAILED;
	}
	enum claim claim = CLAIM_GONE;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && (sure || errno == EWOULDBLOCK))
		claim = CLAIM_HELD;
	else if (same_file(fd, part) && unlink(part) != 0)
		claim = CLAIM_FAILED;
	int failure = errno;
	close(fd);
	errno = failure;
	return claim;
}

/* Makes and locks the part of a place: always a new file, never what lies there. -1 with errno on failure, EWOULDBLOCK
 * when another run holds it. */
static int make_part(const struct place *place)
{
	for (int i = 0; i < PART_TRIES; i++) {
		if (i > 0)
			pause_ms(PART_PAUSE_MS);
		int fd = file_open(AT_FDCWD, place->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
		if (fd >= 0) {
			/* Where the file system has no locks there is no telling, and that must not be in the way. */
			if ((flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && same_file(fd, place->part))
				return fd;
			close(fd);
		} else if (errno != EEXIST || remove_leftover(place->part, false) == CLAIM_FAILED) {
			return -1;
		}
	}
	errno = EWOULDBLOCK;
	return -1;
}

int file_make_part_folder(const char *part)
{
	for (int i = 0; i < PART_TRIES; i++) {
		if (i > 0)
			pause_ms(PART_PAUSE_MS);
		if (mkdir(part, S_IRWXU) != 0) {
			if (errno != EEXIST || remove_leftover(part, false) == CLAIM_FAILED)
				return -1;
			continue;
		}
		int fd = file_open(AT_FDCWD, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && same_file(fd, part))
			return fd;
		int failure = errno;
		if (fd >= 0) {
			close(fd);
		} else if (failure != ENOENT) {
			rmdir(part);
			errno = failure;
			return -1;
		}
	}
	errno = EWOULDBLOCK;
	return -1;
}

static bool copy_all(int from, struct out *to, struct err *err)
{
	char piece[PIECE];
	off_t at = 0;
	for (;;) {
		ssize_t got = pread(from, piece, sizeof(piece), at);
		if (got == 0)
			return true;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(
				err, ERR_FILE, "cannot read back what is to become %s: %s", to->name, strerror(errno));
		out_add(to, piece, (size_t)got);
		if (to->failure != 0)
			return true; /* out_finish says it */
		at += got;
	}
}

/* After a rename, so that it survives a power cut. If this cannot be done the file is published all the same: at worst
 * the old one, just as whole, is back after the cut. */
static void sync_folder(const char *folder)
{
	int fd = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

static void remove_part(void *path)
{
	unlink(path);
}

/* The common half of both kinds of publishing: from a descriptor, or from memory when it is -1. */
static bool publish(int from, const char *data, size_t length, mode_t mode, const char *path, struct err *err)
{
	struct place place;
	struct out out = {0};
	struct end_step last = {0};
	int fd = -1;
	bool ok = false;
	if (!place_find(&place, path, err)) {
		err->code = ERR_FILE;
		goto out;
	}
	fd = make_part(&place);
	if (fd < 0) {
		if (errno == EWOULDBLOCK)
			err_set(err, ERR_FILE, "another run is writing %s", place.path);
		else
			err_set(err, ERR_FILE, "cannot write %s: %s", place.path, strerror(errno));
		goto out;
	}
	end_add(&last, remove_part, place.part);
	out_init(&out, fd, place.path);
	if (from >= 0) {
		if (!copy_all(from, &out, err))
			goto out;
	} else {
		out_add(&out, data, length);
	}
	if (!out_finish(&out, err))
		goto out;
	if ((mode != PRIVATE && fchmod(fd, mode) != 0) || fsync(fd) != 0 || rename(place.part, place.path) != 0) {
		err_set(err, ERR_FILE, "cannot write %s: %s", place.path, strerror(errno));
		goto out;
	}
	sync_folder(place.folder);
	ok = true;
out:
	if (fd >= 0) {
		if (!ok)
			unlink(place.part);
		close(fd);
	}
	end_remove(&last);
	out_release(&out);
	place_release(&place);
	return ok;
}

bool file_publish(int from, const char *path, struct err *err)
{
	return publish(from, NULL, 0, PRIVATE, path, err);
}

bool file_publish_text(const char *path, const char *data, size_t length, struct err *err)
{
	return publish(-1, data, length, PRIVATE, path, err);
}

bool file_publish_for_all(const char *path, const char *data, size_t length, struct err *err)
{
	return publish(-1, data, length, PRIVATE | S_IRGRP | S_IROTH, path, err);
}

void file_sweep(const char *folder)
{
	DIR *entries = opendir(folder);
	if (entries == NULL)
		return;
	size_t end = strlen(PART_END);
	const struct dirent *entry;
	while ((entry = readdir(entries)) != NULL) {
		size_t length = strlen(entry->d_name);
		if (entry->d_name[0] == '.' && length > end && strcmp(entry->d_name + length - end, PART_END) == 0) {
			char *path = mem_format("%s/%s", folder, entry->d_name);
			remove_leftover(path, true);
			free(path);
		}
	}
	closedir(entries);
}

bool file_check_target(const char *path, struct err *err)
{
	struct place place;
	struct stat status;
	bool ok = false;
	if (!place_find(&place, path, err)) {
		ok = false;
	} else if (stat(place.folder, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		err_set(err, ERR_USAGE, "cannot write %s: there is no folder %s", path, place.folder);
	} else if (stat(place.path, &status) == 0 && S_ISDIR(status.st_mode)) {
		err_set(err, ERR_USAGE, "cannot write %s: it is a folder", path);
	} else {
		int fd = make_part(&place);
		if (fd >= 0) {
			unlink(place.part);
			close(fd);
		}
		/* That another run is just writing there shows that it can be done. */
		ok = fd >= 0 || errno == EWOULDBLOCK;
		if (!ok)
			err_set(err, code_of(errno), "cannot write %s: %s", path, strerror(errno));
	}
	place_release(&place);
	return ok;
}

bool file_lock(const char *path, int *fd, struct err *err)
{
	int lock = file_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW);
	if (lock < 0)
		return err_set(err, ERR_FILE, "cannot open the lock %s: %s", path, strerror(errno));
	int failed;
	do
		failed = flock(lock, LOCK_EX | LOCK_NB);
	while (failed != 0 && errno == EINTR);
	if (failed != 0) {
		if (errno == EWOULDBLOCK)
			err_set(err, ERR_LOCK, "another run holds the lock %s", path);
		else
			err_set(err, ERR_FILE, "cannot lock %s: %s", path, strerror(errno));
		close(lock);
		return false;
	}
	*fd = lock;
	return true;
}

bool file_private(const char *path, struct err *err)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return err_set(err, code_of(errno), "cannot read %s: %s", path, strerror(errno));
	if ((status.st_mode & S_IRWXO) != 0)
		return err_set(err, ERR_USAGE,
			"everybody on this machine may read or change %s, which holds a secret. Run: chmod 600 %s",
			path, path);
	return true;
}

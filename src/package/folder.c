#define _GNU_SOURCE /* renameat2: two folders change places in one step */

#include "package/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/end.h"
#include "base/file.h"
#include "base/mem.h"

static bool is_known(const char *name, const char *const *known)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	for (; *known != NULL; known++)
		if (strcmp(name, *known) == 0)
			return true;
	return false;
}

/* Whether path is a folder of ours; fine when there is nothing. */
static bool check_old(const char *path, const char *const *known, bool *exists, struct err *err)
{
	DIR *folder = opendir(path);
	*exists = folder != NULL;
	if (folder == NULL)
		return errno == ENOENT ||
		       err_set(err, ERR_FILE, "cannot read the folder %s: %s", path, strerror(errno));
	bool fine = true;
	const struct dirent *entry = NULL;
	while (fine && (entry = readdir(folder)) != NULL)
		if (!is_known(entry->d_name, known))
			fine = err_set(err, ERR_FILE,
				"the folder %s holds %s, which is no file of a bundle; use a folder for the bundle "
				"alone",
				path, entry->d_name);
	closedir(folder);
	return fine;
}

/* A folder that is not in its place yet. */
struct unfinished {
	const char *path;
	const char *const *known;
};

/* Removes a folder and the known files in it; what else is there stays, and the folder with it. */
static void remove_folder(const char *path, const char *const *known)
{
	for (; *known != NULL; known++) {
		char *file = mem_format("%s/%s", path, *known);
		unlink(file);
		free(file);
	}
	rmdir(path);
}

static void remove_unfinished(void *context)
{
	const struct unfinished *folder = context;
	remove_folder(folder->path, folder->known);
}

static bool copy_files(const struct folder_file *files, size_t count, const char *to, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		char *path = mem_format("%s/%s", to, files[i].name);
		bool fine = file_publish(files[i].fd, path, err);
		free(path);
		if (!fine)
			return false;
	}
	return true;
}

/* Makes the renaming in the folder above last. */
static void sync_above(const char *path)
{
	char *above = mem_copy(path);
	char *slash = strrchr(above, '/');
	if (slash != NULL)
		slash[slash == above ? 1 : 0] = '\0';
	int fd = file_open(AT_FDCWD, slash != NULL ? above : ".", O_RDONLY | O_DIRECTORY);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(above);
}

static bool swap(const char *part, const char *path, bool exists, struct err *err)
{
	if (renameat2(AT_FDCWD, part, AT_FDCWD, path, exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0)
		return err_set(err, ERR_FILE, "cannot put the new folder at %s: %s", path, strerror(errno));
	sync_above(path);
	return true;
}

bool folder_publish(
	const struct folder_file *files, size_t count, const char *const *known, const char *path, struct err *err)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	char *place = mem_copy_n(path, length);
	char *slash = strrchr(place, '/');
	size_t above = slash != NULL ? (size_t)(slash - place) + 1 : 0;
	char *part = mem_format("%.*s.%s.rosterzip-part", (int)above, place, place + above);
	struct unfinished unfinished = {part, known};
	struct end_step last = {0};
	bool exists = false;
	int made = -1;
	bool fine = check_old(place, known, &exists, err);
	if (fine) {
		made = file_make_part_folder(part);
		if (made < 0 && errno == EWOULDBLOCK)
			fine = err_set(err, ERR_FILE, "another run is writing %s", place);
		else if (made < 0)
			fine = err_set(err, ERR_FILE, "cannot make the folder %s: %s", part, strerror(errno));
	}
	if (made >= 0)
		end_add(&last, remove_unfinished, &unfinished);
	fine = fine && copy_files(files, count, part, err) && swap(part, place, exists, err);
	if (made >= 0) {
		remove_folder(part, known); /* now the old one, or the new one that did not get there */
		close(made);
	}
	end_remove(&last);
	free(part);
	free(place);
	return fine;
}

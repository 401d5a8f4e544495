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
	int fd = open(slash != NULL ? above : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
	bool exists = false;
	bool made = false;
	bool fine = check_old(place, known, &exists, err);
	if (fine) {
		remove_folder(part, known); /* what an interrupted run left */
		made = mkdir(part, S_IRWXU) == 0;
		fine = made || err_set(err, ERR_FILE, "cannot make the folder %s: %s", part, strerror(errno));
	}
	fine = fine && copy_files(files, count, part, err) && swap(part, place, exists, err);
	if (made) /* now the old folder, or the new one that did not get there */
		remove_folder(part, known);
	free(part);
	free(place);
	return fine;
}

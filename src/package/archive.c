#include "package/archive.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zip.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "package/zipdir.h"

/* A roster's CSV packs 4 to 60 times smaller; the largest districts have some GB of it. */
#define ENTRY_BYTES_MAX (UINT64_C(8) << 30)
#define ALL_BYTES_MAX   (UINT64_C(16) << 30)
#define RATIO_MAX       200
#define RATIO_BYTES_MIN (UINT64_C(64) << 20) /* smaller entries hurt nobody, whatever their ratio */

enum {
	SURPLUS_MAX = 1024 * 1024, /* an entry that goes on for more than this behind its declared size is a bomb */
	FOLDER_ENTRIES_MAX = ZIPDIR_ENTRIES_MAX,
	NAME_BYTES_MAX = 255, /* of a file name, on any system */
	DISCARD_BYTES = 16 * 1024,
};

struct item {
	struct archive_entry entry;
	char *label;     /* what entry.name points to */
	char *file_name; /* as it stands; in a zip perhaps with NULs in it */
	size_t file_name_length;
	uint64_t packed; /* in a zip */
	unsigned method; /* in a zip */
	int fd;          /* borrowed, or -1 */
	int failure;     /* errno that stands in the way of looking at fd, or 0 */
};

struct archive {
	char *path; /* NULL for open files */
	struct item *items;
	size_t count;
	zip_t *zip; /* NULL for others */
	FILE *file; /* what zip reads from, and owns */
	int folder; /* -1 for others */
	uint64_t size;
	bool zip64;
	const char *passphrase; /* NULL: encrypted entries are not read */
};

struct archive_stream {
	struct archive *archive;
	struct item *item;
	zip_file_t *file; /* NULL for loose files */
	int fd;
	bool owns_fd;
	bool ended;
	uint64_t given;
	struct err failure;
};

/* --- names ---------------------------------------------------------------------------------------------------------
 */

/* The bytes of the character of UTF-8 that text begins with; 0 if it is none (RFC 3629). */
static size_t character(const unsigned char *text, size_t left, unsigned *code)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	if (length == 0 || length > left || text[0] >= 0xf8)
		return 0;
	*code = length == 1 ? text[0] : text[0] & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0U) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3fU);
	}
	return *code >= least[length] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff) ? length : 0;
}

/* Control characters, and those that are not seen but change how the text around them looks. */
static bool is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* Sets label and the troubles of the name itself. */
static void set_name(struct item *item, const char *name, size_t length)
{
	struct buf label = {0};
	size_t step = 0;
	bool bare = length > 0 && length <= NAME_BYTES_MAX && !(length == 1 && name[0] == '.') &&
		    !(length == 2 && name[0] == '.' && name[1] == '.');
	item->file_name = mem_copy_n(name, length);
	item->file_name_length = length;
	for (size_t at = 0; at < length; at += step) {
		unsigned code = 0;
		step = character((const unsigned char *)name + at, length - at, &code);
		bool fit = step > 0 && !is_control(code);
		/* A colon is a drive of Windows, or a hidden second part of a file. Slashes count in any length. */
		if ((step > 0 && !fit) || code == '/' || code == '\\' || code == ':')
			bare = false;
		bool shown = label.length <= NAME_BYTES_MAX;
		for (size_t i = 0; shown && !fit && (i == 0 || i < step); i++)
			buf_add_format(&label, "\\x%02X", (unsigned char)name[at + i]);
		if (shown && fit)
			buf_add(&label, name + at, step);
		if (step == 0)
			step = 1;
	}
	if (label.length > NAME_BYTES_MAX)
		buf_add_text(&label, "...");
	if (length == 0)
		buf_add_text(&label, "(no name)");
	if (!bare)
		item->entry.troubles |= ARCHIVE_PATH;
	item->label = buf_take(&label);
	item->entry.name = item->label;
}

/* Names are compared as file systems of Windows and macOS would, as far as ASCII goes. */
static int compare_names(const struct item *x, const struct item *y)
{
	size_t length = x->file_name_length < y->file_name_length ? x->file_name_length : y->file_name_length;
	for (size_t i = 0; i < length; i++) {
		unsigned char a = (unsigned char)x->file_name[i];
		unsigned char b = (unsigned char)y->file_name[i];
		a = a >= 'A' && a <= 'Z' ? (unsigned char)(a - 'A' + 'a') : a;
		b = b >= 'A' && b <= 'Z' ? (unsigned char)(b - 'A' + 'a') : b;
		if (a != b)
			return a < b ? -1 : 1;
	}
	return x->file_name_length < y->file_name_length ? -1 : x->file_name_length > y->file_name_length;
}

static int by_name(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a;
	const struct item *y = *(struct item *const *)b;
	int order = compare_names(x, y);
	if (order != 0)
		return order;
	return x < y ? -1 : x > y;
}

static void mark_duplicates(struct archive *archive)
{
	struct item **sorted = mem_new(archive->count, sizeof(struct item *));
	for (size_t i = 0; i < archive->count; i++)
		sorted[i] = &archive->items[i];
	qsort(sorted, archive->count, sizeof(struct item *), by_name);
	for (size_t i = 1; i < archive->count; i++)
		if (compare_names(sorted[i - 1], sorted[i]) == 0)
			sorted[i]->entry.troubles |= ARCHIVE_DUPLICATE;
	free(sorted);
}

static void mark_bombs(struct archive *archive)
{
	uint64_t all = 0;
	for (size_t i = 0; i < archive->count; i++) {
		struct item *item = &archive->items[i];
		uint64_t size = item->entry.size;
		bool ratio = archive->zip != NULL && size > RATIO_BYTES_MIN && size / RATIO_MAX > item->packed;
		if (size > ENTRY_BYTES_MAX || ratio || size > ALL_BYTES_MAX - all)
			item->entry.troubles |= ARCHIVE_BOMB;
		else
			all += size;
	}
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */

static struct archive *archive_new(const char *path)
{
	struct archive *archive = mem_new(1, sizeof(*archive));
	archive->path = path != NULL ? mem_copy(path) : NULL;
	archive->folder = -1;
	return archive;
}

/* Name as libzip has it: with another extra field that tells a second name, and without NULs. */
static bool is_same_name(struct item *item, const char *name)
{
	size_t length = strlen(name);
	bool same = length == item->file_name_length;
	bool ascii = true;
	for (size_t i = 0; i < item->file_name_length; i++) {
		char c = item->file_name[i];
		same = same && name[i] == (c == '\0' ? ' ' : c);
		ascii = ascii && (unsigned char)c < 0x80;
	}
	if (same || ascii)
		return same;
	/* A name in a code page of old, and the same in UTF-8. */
	struct item other = {.entry.troubles = item->entry.troubles};
	set_name(&other, name, length);
	free(item->label);
	free(item->file_name);
	item->label = other.label;
	item->file_name = other.file_name;
	item->file_name_length = other.file_name_length;
	item->entry.name = other.label;
	item->entry.troubles = other.entry.troubles;
	return true;
}

static void add_zip_entry(struct archive *archive, size_t index, const struct zipdir_entry *from)
{
	struct item *item = &archive->items[index];
	unsigned *troubles = &item->entry.troubles;
	struct zip_stat status;
	set_name(item, from->name, from->name_length);
	item->entry.size = from->size;
	item->packed = from->packed;
	item->method = from->method;
	item->fd = -1;
	if (from->encrypted)
		*troubles |= ARCHIVE_ENCRYPTED;
	if (from->zip64)
		*troubles |= ARCHIVE_ZIP64;
	if (from->shared)
		*troubles |= ARCHIVE_BOMB;
	if (from->damaged)
		*troubles |= ARCHIVE_DAMAGED;
	/* What libzip is going to unpack has to be what was looked at. */
	const char *name = zip_get_name(archive->zip, index, ZIP_FL_ENC_RAW);
	bool known = name != NULL && zip_stat_index(archive->zip, index, 0, &status) == 0;
	if (!known || !is_same_name(item, name) || status.size != from->size || status.comp_size != from->packed)
		*troubles |= ARCHIVE_DAMAGED;
	if (known && from->encrypted) /* with AES it stands elsewhere */
		item->method = status.comp_method;
	if (item->method != ZIP_CM_STORE && item->method != ZIP_CM_DEFLATE)
		*troubles |= ARCHIVE_METHOD;
}

static bool zip_refused(const char *path, zip_error_t *error, struct err *err)
{
	int system = zip_error_system_type(error) == ZIP_ET_SYS ? zip_error_code_system(error) : 0;
	int code = zip_error_code_zip(error);
	if (code == ZIP_ER_MEMORY)
		err_set(err, ERR_OTHER, "cannot read %s: not enough memory", path);
	else if ((code == ZIP_ER_READ || code == ZIP_ER_OPEN || code == ZIP_ER_SEEK) && system != 0)
		err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(system));
	else
		err_set(err, ERR_DATA, "%s is a damaged zip: %s; make it, or copy it, again", path,
			zip_error_strerror(error));
	return false;
}

/* Takes the descriptor, whatever happens. */
static zip_t *open_zip(int fd, const char *path, FILE **stream, struct err *err)
{
	zip_error_t error;
	FILE *file = fdopen(fd, "rb");
	if (file == NULL) {
		err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
		close(fd);
		return NULL;
	}
	zip_error_init(&error);
	/* No ZIP_CHECKCONS: it refuses zips that were written to a pipe, and those with two entries of one name. */
	zip_source_t *source = zip_source_filep_create(file, 0, -1, &error);
	zip_t *zip = source != NULL ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
	if (zip == NULL) {
		zip_refused(path, &error, err);
		if (source != NULL)
			zip_source_free(source);
		else
			fclose(file);
	}
	zip_error_fini(&error);
	*stream = zip != NULL ? file : NULL;
	return zip;
}

static bool read_zip(struct archive *archive, int fd, struct err *err)
{
	struct zipdir dir;
	bool fine = zipdir_read(fd, archive->path, &dir, err);
	if (fine) {
		archive->zip = open_zip(fd, archive->path, &archive->file, err);
		fine = archive->zip != NULL;
	} else {
		close(fd);
	}
	if (fine && (uint64_t)zip_get_num_entries(archive->zip, 0) != dir.count)
		fine = err_set(err, ERR_DATA,
			"%s is a damaged zip: its table of contents can be read in two ways; make it again",
			archive->path);
	if (fine) {
		archive->size = dir.size;
		archive->zip64 = dir.zip64;
		archive->items = mem_new(dir.count, sizeof(*archive->items));
		archive->count = dir.count;
		for (size_t i = 0; i < dir.count; i++)
			add_zip_entry(archive, i, &dir.entries[i]);
	}
	zipdir_release(&dir);
	return fine;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_file(struct item *item, const char *name, const struct stat *status)
{
	set_name(item, name, strlen(name));
	if (S_ISREG(status->st_mode))
		item->entry.size = (uint64_t)status->st_size;
	else
		item->entry.troubles |= ARCHIVE_IRREGULAR;
}

/* The names in a folder, sorted, each to be freed as well as the list. NULL on failure. */
static char **list_folder(DIR *folder, const char *path, size_t *count, struct err *err)
{
	char **names = mem_new(FOLDER_ENTRIES_MAX + 1, sizeof(char *));
	const struct dirent *entry = NULL;
	*count = 0;
	errno = 0;
	while (*count <= FOLDER_ENTRIES_MAX && (entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[(*count)++] = mem_copy(entry->d_name);
		errno = 0;
	}
	bool fine = true;
	if (*count > FOLDER_ENTRIES_MAX)
		fine = err_set(err, ERR_DATA, "the folder %s holds more than %d files, which is no bundle", path,
			FOLDER_ENTRIES_MAX);
	else if (errno != 0)
		fine = err_set(err, ERR_FILE, "cannot read the folder %s: %s", path, strerror(errno));
	else if (*count == 0)
		fine = err_set(
			err, ERR_DATA, "the folder %s is empty: a bundle is a zip, or a folder with CSV files", path);
	if (fine) {
		qsort(names, *count, sizeof(char *), by_text);
		return names;
	}
	for (size_t i = 0; i < *count; i++)
		free(names[i]);
	free(names);
	return NULL;
}

/* Takes the descriptor. */
static bool read_folder(struct archive *archive, int fd, struct err *err)
{
	archive->folder = fd;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
	if (folder == NULL) {
		err_set(err, ERR_FILE, "cannot read the folder %s: %s", archive->path, strerror(errno));
		if (copy >= 0)
			close(copy);
		return false;
	}
	size_t count = 0;
	char **names = list_folder(folder, archive->path, &count, err);
	closedir(folder);
	if (names == NULL)
		return false;
	archive->items = mem_new(count, sizeof(*archive->items));
	bool fine = true;
	for (size_t i = 0; i < count; i++) {
		struct stat status;
		if (fine && fstatat(fd, names[i], &status, AT_SYMLINK_NOFOLLOW) != 0)
			fine = err_set(
				err, ERR_FILE, "cannot read %s in %s: %s", names[i], archive->path, strerror(errno));
		if (fine) {
			struct item *item = &archive->items[archive->count++];
			item->fd = -1;
			add_file(item, names[i], &status);
		}
		free(names[i]);
	}
	free(names);
	return fine;
}

struct archive *archive_open(const char *path, struct err *err)
{
	struct stat status;
	int fd = file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) != 0) {
		err_set(err, ERR_FILE, "cannot open %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct archive *archive = archive_new(path);
	bool fine = false;
	if (S_ISDIR(status.st_mode)) {
		fine = read_folder(archive, fd, err);
	} else if (S_ISREG(status.st_mode)) {
		fine = read_zip(archive, fd, err);
	} else {
		err_set(err, ERR_FILE, "%s is neither a file nor a folder", path);
		close(fd);
	}
	if (!fine) {
		archive_free(archive);
		return NULL;
	}
	mark_duplicates(archive);
	mark_bombs(archive);
	return archive;
}

struct archive *archive_of_files(const char *const *names, const int *fds, size_t count)
{
	struct archive *archive = archive_new(NULL);
	archive->items = mem_new(count, sizeof(*archive->items));
	archive->count = count;
	for (size_t i = 0; i < count; i++) {
		struct stat status = {.st_mode = S_IFREG};
		archive->items[i].fd = fds[i];
		if (fstat(fds[i], &status) != 0)
			archive->items[i].failure = errno; /* said when it is read */
		add_file(&archive->items[i], names[i], &status);
	}
	mark_duplicates(archive);
	mark_bombs(archive);
	return archive;
}

void archive_free(struct archive *archive)
{
	if (archive == NULL)
		return;
	if (archive->zip != NULL)
		zip_discard(archive->zip);
	if (archive->folder >= 0)
		close(archive->folder);
	for (size_t i = 0; i < archive->count; i++) {
		free(archive->items[i].label);
		free(archive->items[i].file_name);
	}
	free(archive->items);
	free(archive->path);
	free(archive);
}

bool archive_is_zip(const struct archive *archive)
{
	return archive->zip != NULL;
}

bool archive_unlock(struct archive *archive, const char *passphrase)
{
	for (size_t i = 0; i < archive->count; i++)
		if ((archive->items[i].entry.troubles & ARCHIVE_ENCRYPTED) == 0)
			return false;
	archive->passphrase = passphrase;
	return true;
}

uint64_t archive_size(const struct archive *archive)
{
	return archive->size;
}

bool archive_zip64(const struct archive *archive)
{
	return archive->zip64;
}

size_t archive_count(const struct archive *archive)
{
	return archive->count;
}

const struct archive_entry *archive_entry(const struct archive *archive, size_t index)
{
	assert(index < archive->count);
	return &archive->items[index].entry;
}

size_t archive_find(const struct archive *archive, const char *name)
{
	for (size_t i = 0; i < archive->count; i++)
		if (strcmp(archive->items[i].label, name) == 0)
			return i;
	return SIZE_MAX;
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

/* Sets "<path>: <name> <what>", and the trouble if it is one of the archive. */
static bool fail(const struct archive *archive, struct item *item, unsigned trouble, const char *what, struct err *err)
{
	item->entry.troubles |= trouble;
	err_set(err, trouble != 0 ? ERR_DATA : ERR_FILE, "%s %s", item->label, what);
	return archive->path != NULL && err_in(err, "%s", archive->path);
}

static bool fail_errno(const struct archive *archive, struct item *item, int code, struct err *err)
{
	char *what = mem_format("cannot be read: %s", strerror(code));
	fail(archive, item, 0, what, err);
	free(what);
	return false;
}

/* What stands in the way of reading an entry at all. */
static bool is_readable(const struct archive *archive, struct item *item, struct err *err)
{
	unsigned troubles = item->entry.troubles;
	if (item->failure != 0)
		return fail_errno(archive, item, item->failure, err);
	if ((troubles & ARCHIVE_IRREGULAR) != 0)
		return fail(archive, item, ARCHIVE_IRREGULAR, "is no plain file", err);
	if ((troubles & ARCHIVE_ENCRYPTED) != 0 && archive->passphrase == NULL)
		return fail(
			archive, item, ARCHIVE_ENCRYPTED, "is encrypted; make the zip again without a password", err);
	if ((troubles & ARCHIVE_METHOD) != 0)
		return fail(archive, item, ARCHIVE_METHOD,
			"is packed by a method that few programs can unpack; make the zip again with the usual one, "
			"deflate",
			err);
	if ((troubles & ARCHIVE_BOMB) != 0)
		return fail(archive, item, ARCHIVE_BOMB,
			"is made to unpack to far more than a roster can have; it is not read", err);
	if ((troubles & ARCHIVE_DAMAGED) != 0)
		return fail(archive, item, ARCHIVE_DAMAGED,
			"is damaged: what the zip says of it does not fit; make it, or copy it, again", err);
	return true;
}

static bool fail_zip(const struct archive *archive, struct item *item, zip_error_t *error, struct err *err)
{
	int system = zip_error_system_type(error) == ZIP_ET_SYS ? zip_error_code_system(error) : 0;
	const char *what = "is damaged: its bytes make no sense";
	if (zip_error_code_zip(error) == ZIP_ER_ZLIB && zip_error_code_system(error) == Z_MEM_ERROR)
		return fail_errno(archive, item, ENOMEM, err);
	if (ferror(archive->file)) /* the library may take a disk in trouble for the end of the file */
		return fail_errno(archive, item, system != 0 ? system : EIO, err);
	switch (zip_error_code_zip(error)) {
	case ZIP_ER_MEMORY: return fail_errno(archive, item, ENOMEM, err);
	case ZIP_ER_READ:
	case ZIP_ER_SEEK:
	case ZIP_ER_TELL:
		if (system != 0)
			return fail_errno(archive, item, system, err);
		break;
	case ZIP_ER_WRONGPASSWD: what = "is encrypted with another passphrase"; break;
	case ZIP_ER_CRC: what = "is damaged: its bytes do not have the checksum they should have"; break;
	case ZIP_ER_EOF: what = "is damaged: it ends too early"; break;
	default: break;
	}
	return fail(archive, item, ARCHIVE_DAMAGED, what, err);
}

static bool open_loose(struct archive_stream *stream, struct err *err)
{
	struct archive *archive = stream->archive;
	struct item *item = stream->item;
	struct stat status;
	if (archive->folder < 0) {
		stream->fd = item->fd;
		return true;
	}
	stream->fd = file_open(archive->folder, item->file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (stream->fd < 0 && (errno == ELOOP || errno == ENXIO)) /* became a link, or a pipe, after it was listed */
		return fail(archive, item, ARCHIVE_IRREGULAR, "is no plain file", err);
	if (stream->fd < 0)
		return fail_errno(archive, item, errno, err);
	stream->owns_fd = true;
	if (fstat(stream->fd, &status) != 0)
		return fail_errno(archive, item, errno, err);
	if (!S_ISREG(status.st_mode))
		return fail(archive, item, ARCHIVE_IRREGULAR, "is no plain file", err);
	return true;
}

struct archive_stream *archive_read(struct archive *archive, size_t index, struct err *err)
{
	assert(index < archive->count);
	struct item *item = &archive->items[index];
	if (!is_readable(archive, item, err))
		return NULL;
	struct archive_stream *stream = mem_new(1, sizeof(*stream));
	stream->archive = archive;
	stream->item = item;
	stream->fd = -1;
	bool fine = true;
	if (archive->zip != NULL) {
		bool sealed = (item->entry.troubles & ARCHIVE_ENCRYPTED) != 0;
		stream->file = sealed ? zip_fopen_index_encrypted(archive->zip, index, 0, archive->passphrase)
				      : zip_fopen_index(archive->zip, index, 0);
		if (stream->file == NULL)
			fine = fail_zip(archive, item, zip_get_error(archive->zip), err);
	} else {
		fine = open_loose(stream, err);
	}
	if (!fine) {
		archive_stream_free(stream);
		return NULL;
	}
	return stream;
}

void archive_stream_free(struct archive_stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->file != NULL)
		zip_fclose(stream->file);
	if (stream->owns_fd)
		close(stream->fd);
	free(stream);
}

/* Up to room bytes from where the stream is; 0 at the end, -1 with failure set. */
static long read_some(struct archive_stream *stream, uint64_t at, char *to, size_t room)
{
	if (room > LONG_MAX)
		room = LONG_MAX;
	if (stream->file != NULL) {
		zip_int64_t got = zip_fread(stream->file, to, room);
		if (got < 0)
			fail_zip(stream->archive, stream->item, zip_file_get_error(stream->file), &stream->failure);
		return (long)got;
	}
	for (;;) {
		ssize_t got = pread(stream->fd, to, room, (off_t)at);
		if (got >= 0)
			return got;
		if (errno != EINTR) {
			fail_errno(stream->archive, stream->item, errno, &stream->failure);
			return -1;
		}
	}
}

/* All bytes that were declared are given: the end has to come now, and libzip then compares the checksum. What comes
 * instead is looked at for a while, to tell an entry that is a little wrong from one that hides its size. */
static bool prove_end(struct archive_stream *stream)
{
	char discarded[DISCARD_BYTES];
	struct item *item = stream->item;
	uint64_t surplus = 0;
	long got = 0;
	while (surplus <= SURPLUS_MAX) {
		got = read_some(stream, item->entry.size + surplus, discarded, sizeof(discarded));
		if (got <= 0)
			break;
		surplus += (uint64_t)got;
	}
	if (got == 0 && surplus == 0)
		return true;
	if (surplus == 0 || stream->failure.code == ERR_FILE)
		return false;
	err_clear(&stream->failure);
	if (stream->file == NULL)
		return fail(stream->archive, item, ARCHIVE_DAMAGED, "was changed while it was read", &stream->failure);
	char *what = mem_format(surplus > SURPLUS_MAX
					? "goes on far behind the %llu bytes it declares; it is not read further"
					: "is damaged: it is longer than the %llu bytes it declares",
		(unsigned long long)item->entry.size);
	fail(stream->archive, item, surplus > SURPLUS_MAX ? ARCHIVE_BOMB : ARCHIVE_DAMAGED, what, &stream->failure);
	free(what);
	return false;
}

static void fail_short(struct archive_stream *stream)
{
	char *what = mem_format(stream->file != NULL
					? "is damaged: it ends after %llu of the %llu bytes it declares"
					: "was changed while it was read: it ended after %llu of %llu bytes",
		(unsigned long long)stream->given, (unsigned long long)stream->item->entry.size);
	fail(stream->archive, stream->item, ARCHIVE_DAMAGED, what, &stream->failure);
	free(what);
}

long archive_next(struct archive_stream *stream, char *to, size_t room, struct err *err)
{
	assert(room > 0);
	uint64_t left = stream->item->entry.size - stream->given;
	long got = 0;
	if (!stream->ended && stream->failure.code == ERR_NONE) {
		if (left == 0) {
			stream->ended = prove_end(stream);
		} else {
			got = read_some(stream, stream->given, to, room < left ? room : (size_t)left);
			if (got == 0)
				fail_short(stream);
		}
	}
	if (stream->failure.code != ERR_NONE) {
		err_set(err, stream->failure.code, "%s", stream->failure.text);
		return -1;
	}
	stream->given += (uint64_t)got;
	return got;
}

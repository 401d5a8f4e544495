#include "package/zipdir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/* Sizes and marks of the records, APPNOTE.TXT 4.3. */
enum {
	LOCAL_BYTES = 30,
	CENTRAL_BYTES = 46,
	END_BYTES = 22,
	LOCATOR_BYTES = 20,
	END64_BYTES = 56,
	COMMENT_MAX = 65535,
	VARIABLE_MAX = 2 * 65535, /* name and extra field of a local header */
	SNIFF_BYTES = 512,
};

#define LOCAL_MARK   0x04034b50U
#define CENTRAL_MARK 0x02014b50U
#define END_MARK     0x06054b50U
#define LOCATOR_MARK 0x07064b50U
#define END64_MARK   0x06064b50U
#define SPLIT_MARK   0x08074b50U /* in front of a zip that was made to be split, */
#define WHOLE_MARK   0x30304b50U /* or made so and then fitted into one part */

#define FULL_16 0xffffU /* "see the Zip64 record" */
#define FULL_32 0xffffffffU

enum { FLAG_ENCRYPTED = 1, FLAG_DESCRIPTOR = 8, FLAG_MASKED = 1 << 13, EXTRA_ZIP64 = 1 };

struct reader {
	int fd;
	const char *path;
	uint64_t size;
	struct err *err;
};

/* Where the table is said to be. */
struct place {
	uint64_t count;
	uint64_t offset;
	uint64_t length;
	uint64_t limit; /* it has to end here or earlier */
	bool zip64;
};

/* The sizes of a header; those that are full are told by its Zip64 extra field. */
struct sizes {
	uint64_t size;
	uint64_t packed;
	uint64_t offset;
};

static uint64_t number(const unsigned char *at, size_t bytes)
{
	uint64_t value = 0;
	for (size_t i = bytes; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

static unsigned number_16(const unsigned char *at)
{
	return (unsigned)number(at, 2);
}

static uint32_t number_32(const unsigned char *at)
{
	return (uint32_t)number(at, 4);
}

static bool damaged(const struct reader *reader, const char *why)
{
	return err_set(reader->err, ERR_DATA, "%s is a damaged zip: %s; make it, or copy it, again", reader->path, why);
}

static bool is_inside(const struct reader *reader, uint64_t at, uint64_t length)
{
	return length <= reader->size && at <= reader->size - length;
}

/* What is_inside; so it is an error of this machine when it cannot be read. */
static bool take(const struct reader *reader, uint64_t at, void *to, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = pread(reader->fd, (char *)to + done, length - done, (off_t)(at + done));
		if (got == 0)
			return err_set(reader->err, ERR_FILE, "%s became shorter while it was read", reader->path);
		if (got < 0 && errno != EINTR)
			return err_set(reader->err, ERR_FILE, "cannot read %s: %s", reader->path, strerror(errno));
		done += got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* --- what is no zip ------------------------------------------------------------------------------------------------
 */

static bool has_text(const char *start, size_t length, const char *text)
{
	return length >= strlen(text) && memcmp(start, text, strlen(text)) == 0;
}

static bool is_text(const char *start, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)start[i] < ' ' && strchr("\t\r\n", start[i]) == NULL)
			return false;
	return length > 0;
}

static const char *kind_of_text(const char *text, size_t length)
{
	const char *end = text + length;
	if (has_text(text, length, "\xef\xbb\xbf"))
		text += 3;
	while (text < end && strchr(" \t\r\n", *text) != NULL)
		text++;
	if (text < end && *text == '<')
		return "it is a web page or XML, perhaps an error message that was saved in its place";
	if (text < end && (*text == '{' || *text == '['))
		return "it is JSON, perhaps an error message that was saved in its place";
	return "it is a text, perhaps a CSV file of a bundle; give the zip or the folder that holds it";
}

/* No end record was found: says what the file is instead, as far as its beginning shows. */
static void no_zip(const struct reader *reader)
{
	static const struct {
		const char *start;
		const char *what;
	} others[] = {
		{"\x1f\x8b", "it is compressed by gzip"},
		{"7z\xbc\xaf\x27\x1c", "it is an archive of 7-Zip"},
		{"Rar!", "it is an archive of RAR"},
		{"%PDF", "it is a PDF"},
		{"\xff\xfe", "it is a text in UTF-16"},
	};
	char start[SNIFF_BYTES] = "";
	size_t length = reader->size < sizeof(start) ? (size_t)reader->size : sizeof(start);
	const char *what = NULL;
	if (!take(reader, 0, start, length))
		return;
	if (has_text(start, length, "PK\x03\x04")) {
		err_set(reader->err, ERR_DATA,
			"%s is no whole zip: its end is missing, or something was added behind it; copy or download it "
			"again",
			reader->path);
		return;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (has_text(start, length, others[i].start))
			what = others[i].what;
	if (length == 0)
		what = "it is empty";
	else if (what == NULL && is_text(start, length))
		what = kind_of_text(start, length);
	err_set(reader->err, ERR_DATA, "%s is no zip%s%s", reader->path, what != NULL ? ": " : "",
		what != NULL ? what : "");
}

/* --- the end of the zip --------------------------------------------------------------------------------------------
 */

static bool has_locator(const struct reader *reader, uint64_t end, unsigned char *locator, bool *has)
{
	*has = false;
	if (end < LOCATOR_BYTES)
		return true;
	if (!take(reader, end - LOCATOR_BYTES, locator, LOCATOR_BYTES))
		return false;
	*has = number_32(locator) == LOCATOR_MARK;
	return true;
}

/* Whether a program might take the bytes at end for the end record. */
static bool is_plausible(const struct reader *reader, uint64_t end, const unsigned char *record, bool *plausible)
{
	unsigned char mark[LOCATOR_BYTES];
	if (!has_locator(reader, end, mark, plausible) || *plausible)
		return *plausible;
	uint64_t length = number_32(record + 12);
	uint64_t offset = number_32(record + 16);
	if (offset + length > end)
		return true;
	if (length < CENTRAL_BYTES) {
		*plausible = number_16(record + 10) == 0;
		return true;
	}
	if (!take(reader, offset, mark, 4))
		return false;
	*plausible = number_32(mark) == CENTRAL_MARK;
	return true;
}

/* Finds the one end record: its comment goes to the last byte of the file. Programs differ in which they take when
 * there are several, so that one zip could show different rosters; such a zip is refused. */
static bool find_end(const struct reader *reader, uint64_t *end, unsigned char *record)
{
	size_t length = END_BYTES + COMMENT_MAX;
	if (length > reader->size)
		length = (size_t)reader->size;
	if (length < END_BYTES) {
		no_zip(reader);
		return false;
	}
	unsigned char *tail = mem_new(length, 1);
	uint64_t start = reader->size - length;
	bool found = false;
	bool fine = take(reader, start, tail, length);
	for (size_t at = 0; fine && at + END_BYTES <= length; at++) {
		const unsigned char *candidate = tail + at;
		if (number_32(candidate) != END_MARK)
			continue;
		bool is_end = number_16(candidate + 20) == length - at - END_BYTES;
		bool plausible = is_end;
		fine = is_end || is_plausible(reader, start + at, candidate, &plausible);
		if (fine && is_end && !found) {
			*end = start + at;
			memcpy(record, candidate, END_BYTES);
			found = true;
		} else if (fine && plausible) {
			/* Behind the true one, that is in its comment, or before it. */
			fine = damaged(reader, is_end || found
						       ? "it ends twice, so that programs may see different files"
						       : "it goes on behind its end");
		}
	}
	free(tail);
	if (fine && !found)
		no_zip(reader);
	return fine && found;
}

/* A field of the end record, and what its Zip64 form says: the same, unless it is full. */
static bool agrees(uint64_t small, uint64_t full, uint64_t large)
{
	return small == full || small == large;
}

static bool read_zip64_end(const struct reader *reader, const unsigned char *locator, struct place *place)
{
	unsigned char record[END64_BYTES];
	uint64_t at = number(locator + 8, 8);
	if (!is_inside(reader, at, sizeof(record)) || at + sizeof(record) > place->limit - LOCATOR_BYTES)
		return damaged(reader, "its Zip64 end is not where it should be");
	if (!take(reader, at, record, sizeof(record)))
		return false;
	uint64_t count = number(record + 32, 8);
	uint64_t length = number(record + 40, 8);
	uint64_t offset = number(record + 48, 8);
	if (number_32(record) != END64_MARK || number(record + 24, 8) != count ||
		!agrees(place->count, FULL_16, count) || !agrees(place->length, FULL_32, length) ||
		!agrees(place->offset, FULL_32, offset))
		return damaged(reader, "its two ends contradict each other");
	*place = (struct place){.count = count, .offset = offset, .length = length, .limit = at, .zip64 = true};
	return true;
}

static bool find_table(const struct reader *reader, struct place *place)
{
	unsigned char record[END_BYTES];
	unsigned char locator[LOCATOR_BYTES];
	unsigned char mark[4];
	uint64_t end = 0;
	if (!find_end(reader, &end, record))
		return false;
	*place = (struct place){.count = number_16(record + 10),
		.length = number_32(record + 12),
		.offset = number_32(record + 16),
		.limit = end};
	unsigned here = number_16(record + 4);
	unsigned first = number_16(record + 6);
	bool zip64 = false;
	if (!has_locator(reader, end, locator, &zip64))
		return false;
	bool one_part = (here == 0 || (zip64 && here == FULL_16)) && (first == 0 || (zip64 && first == FULL_16));
	if (!one_part || number_16(record + 8) != place->count)
		return err_set(reader->err, ERR_DATA,
			"%s is the last part of a zip in several parts; make it again as one file", reader->path);
	if (zip64 && !read_zip64_end(reader, locator, place))
		return false;
	if (place->count > ZIPDIR_ENTRIES_MAX)
		return err_set(reader->err, ERR_DATA, "%s holds %llu files: more than %d are not looked at",
			reader->path, (unsigned long long)place->count, ZIPDIR_ENTRIES_MAX);
	if (place->length > place->limit || place->offset > place->limit - place->length)
		return damaged(reader, "its table of contents is not where it should be");
	if (place->length > ZIPDIR_BYTES_MAX)
		return err_set(reader->err, ERR_DATA,
			"%s has a table of contents of %llu bytes: more than %d are not looked at", reader->path,
			(unsigned long long)place->length, ZIPDIR_BYTES_MAX);
	/* What was put in front of a zip moves its table away from where it is said to be. */
	uint64_t behind = place->limit - place->offset - place->length;
	if (behind > 0 && place->count > 0) {
		if (!take(reader, place->limit - place->length, mark, sizeof(mark)))
			return false;
		if (number_32(mark) == CENTRAL_MARK)
			return err_set(reader->err, ERR_DATA,
				"%s is a damaged zip: %llu bytes stand in front of it; make it, or copy it, again",
				reader->path, (unsigned long long)behind);
	}
	return true;
}

/* --- entries -------------------------------------------------------------------------------------------------------
 */

/* Fills in the sizes that are full; local headers always have both. Gives whether there is a Zip64 extra field. A
 * broken extra field ends the search: some programs pad with zeros. */
static bool read_zip64_extra(const unsigned char *extra, size_t length, struct sizes *sizes)
{
	for (size_t at = 0; at + 4 <= length;) {
		unsigned id = number_16(extra + at);
		size_t field = number_16(extra + at + 2);
		at += 4;
		if (field > length - at)
			return false;
		if (id == EXTRA_ZIP64) {
			uint64_t *const wanted[] = {&sizes->size, &sizes->packed, &sizes->offset};
			size_t taken = 0;
			for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
				if (*wanted[i] != FULL_32 || taken + 8 > field)
					continue;
				*wanted[i] = number(extra + at + taken, 8);
				taken += 8;
			}
			return true;
		}
		at += field;
	}
	return false;
}

/* Where an entry lies, for finding those that lie on each other. */
struct extent {
	uint64_t begin;
	uint64_t end;
	struct zipdir_entry *entry;
};

/* Compares an entry with the header in front of its data, which programs that read from the beginning go by. False only
 * when this machine cannot read it. variable has room for VARIABLE_MAX bytes. */
static bool check_local(const struct reader *reader, const struct place *place, unsigned flags,
	struct zipdir_entry *entry, struct extent *extent, unsigned char *variable)
{
	unsigned char header[LOCAL_BYTES];
	uint64_t limit = place->offset;
	entry->damaged = true;
	if (limit < sizeof(header) || extent->begin > limit - sizeof(header))
		return true;
	if (!take(reader, extent->begin, header, sizeof(header)))
		return false;
	uint64_t at = extent->begin + sizeof(header);
	size_t name_length = number_16(header + 26);
	size_t length = name_length + number_16(header + 28);
	extent->end = at;
	if (number_32(header) != LOCAL_MARK || length > limit - at || entry->packed > limit - at - length)
		return true;
	extent->end = at + length + entry->packed;
	if (!take(reader, at, variable, length))
		return false;
	struct sizes sizes = {.packed = number_32(header + 18), .size = number_32(header + 22)};
	unsigned local_flags = number_16(header + 6);
	if (read_zip64_extra(variable + name_length, length - name_length, &sizes))
		entry->zip64 = true;
	if ((local_flags & FLAG_ENCRYPTED) != 0)
		entry->encrypted = true;
	if ((flags & local_flags & FLAG_MASKED) != 0) {
		entry->damaged = false;
		return true;
	}
	bool same = name_length == entry->name_length && memcmp(variable, entry->name, name_length) == 0 &&
		    number_16(header + 8) == entry->method && ((flags ^ local_flags) & FLAG_ENCRYPTED) == 0;
	/* With a descriptor behind the data the sizes were not known yet. */
	if ((local_flags & FLAG_DESCRIPTOR) == 0)
		same = same && number_32(header + 14) == entry->crc && sizes.size == entry->size &&
		       sizes.packed == entry->packed;
	/* What needs no unpacking has no two sizes; what has no bytes has no checksum. */
	if (!entry->encrypted && entry->method == 0)
		same = same && entry->size == entry->packed;
	if (!entry->encrypted && entry->size == 0)
		same = same && entry->crc == 0;
	entry->damaged = !same;
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct extent *x = a;
	const struct extent *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->entry < y->entry ? -1 : 1;
}

/* Entries that lie on each other make a small zip unpack to any size. Gives where the first one begins. */
static uint64_t mark_shared(struct extent *extents, size_t count)
{
	uint64_t end = 0;
	qsort(extents, count, sizeof(*extents), by_place);
	for (size_t i = 0; i < count; i++) {
		extents[i].entry->shared = extents[i].begin < end;
		if (extents[i].end > end)
			end = extents[i].end;
	}
	return extents[0].begin;
}

static bool read_entries(
	const struct reader *reader, const struct place *place, const unsigned char *table, struct zipdir *dir)
{
	struct extent *extents = mem_new((size_t)place->count, sizeof(*extents));
	unsigned char *variable = mem_new(VARIABLE_MAX, 1);
	size_t left = (size_t)place->length;
	bool fine = true;
	dir->entries = mem_new((size_t)place->count, sizeof(*dir->entries));
	while (fine && dir->count < place->count) {
		size_t name_length = left >= CENTRAL_BYTES ? number_16(table + 28) : 0;
		size_t extra_length = left >= CENTRAL_BYTES ? number_16(table + 30) : 0;
		size_t length = CENTRAL_BYTES + name_length + extra_length +
				(left >= CENTRAL_BYTES ? number_16(table + 32) : 0);
		if (left < length || number_32(table) != CENTRAL_MARK) {
			fine = damaged(reader, "its table of contents is broken");
			break;
		}
		struct extent *extent = &extents[dir->count];
		struct zipdir_entry *entry = &dir->entries[dir->count++];
		struct sizes sizes = {.packed = number_32(table + 20),
			.size = number_32(table + 24),
			.offset = number_32(table + 42)};
		unsigned flags = number_16(table + 8);
		entry->name = mem_copy_n((const char *)table + CENTRAL_BYTES, name_length);
		entry->name_length = name_length;
		entry->method = number_16(table + 10);
		entry->crc = number_32(table + 16);
		entry->encrypted = (flags & FLAG_ENCRYPTED) != 0;
		entry->zip64 = read_zip64_extra(table + CENTRAL_BYTES + name_length, extra_length, &sizes);
		entry->size = sizes.size;
		entry->packed = sizes.packed;
		*extent = (struct extent){.begin = sizes.offset, .end = sizes.offset, .entry = entry};
		fine = check_local(reader, place, flags, entry, extent, variable);
		table += length;
		left -= length;
	}
	if (fine && left > 0)
		fine = damaged(reader, "its table of contents goes on behind its end");
	if (fine && dir->count > 0) {
		unsigned char mark[4];
		uint64_t first = mark_shared(extents, dir->count);
		/* A program that reads from the beginning finds nothing, or something else. The marks of a zip that
		 * could have been split are fine. */
		fine = first == 0 || take(reader, 0, mark, sizeof(mark));
		if (fine && first > 0 &&
			!(first == sizeof(mark) && (number_32(mark) == SPLIT_MARK || number_32(mark) == WHOLE_MARK)))
			fine = damaged(reader, "it does not begin with its first file");
	}
	free(variable);
	free(extents);
	return fine;
}

bool zipdir_read(int fd, const char *path, struct zipdir *dir, struct err *err)
{
	struct stat status;
	struct place place;
	*dir = (struct zipdir){0};
	if (fstat(fd, &status) != 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", path, strerror(errno));
	struct reader reader = {.fd = fd, .path = path, .size = (uint64_t)status.st_size, .err = err};
	if (!find_table(&reader, &place))
		return false;
	dir->size = reader.size;
	dir->zip64 = place.zip64;
	if (place.count == 0)
		return err_set(err, ERR_DATA, "%s is a zip without any file in it", path);
	unsigned char *table = mem_new((size_t)place.length, 1);
	bool fine = take(&reader, place.offset, table, (size_t)place.length) &&
		    read_entries(&reader, &place, table, dir);
	free(table);
	return fine;
}

void zipdir_release(struct zipdir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		free(dir->entries[i].name);
	free(dir->entries);
	*dir = (struct zipdir){0};
}

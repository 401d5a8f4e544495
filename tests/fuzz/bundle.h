/*
 * Bundles of the fuzz targets: files of any bytes where the program can read them, and the lines of such a file as a
 * reader of CSV sees them that knows nothing of the program's own.
 */
#ifndef FUZZ_BUNDLE_H
#define FUZZ_BUNDLE_H

#include "fuzz.h"

#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "package/archive.h"
#include "table/row.h"
#include "table/schema.h"

enum { FUZZ_FILES_MAX = 6, FUZZ_SEPARATOR = 0x1E };

/* All zeros is an empty one. */
struct fuzz_bundle {
	const char *names[FUZZ_FILES_MAX];
	int fds[FUZZ_FILES_MAX];
	size_t count;
	size_t open; /* descriptors that there are: they serve every input */
};

/* The file of that number: those of the standard, then the manifest, then some that no bundle should have. */
static inline const char *fuzz_file_name(unsigned which)
{
	const struct schema *schema = &schema_oneroster_1_1;
	if (which < (unsigned)schema->table_count)
		return schema->tables[which].file_name;
	return which == (unsigned)schema->table_count ? "manifest.csv" : which % 2 > 0 ? "Users.csv" : "notes.txt";
}

/* The bytes up to the next separator, which is skipped, or to the end. */
static inline const char *fuzz_part(struct fuzz_input *input, size_t *length)
{
	const char *end = memchr(input->data, FUZZ_SEPARATOR, input->left);
	*length = end != NULL ? (size_t)(end - input->data) : input->left;
	const char *bytes = fuzz_bytes(input, length);
	fuzz_byte(input);
	return bytes;
}

/* Adds a file, for which there has to be room. The name is borrowed. */
static inline void fuzz_bundle_add(struct fuzz_bundle *bundle, const char *name, const char *bytes, size_t length)
{
	struct err err = {0};
	if (bundle->count == bundle->open)
		bundle->fds[bundle->open++] = file_temp(fuzz_folder(), &err);
	int fd = bundle->fds[bundle->count];
	fuzz_must(fd >= 0, "a file can be made");
	fuzz_must(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, length, 0) == (ssize_t)length, "a file can be written");
	bundle->names[bundle->count++] = name;
}

/* To be freed before the bundle changes. */
static inline struct archive *fuzz_bundle_archive(const struct fuzz_bundle *bundle)
{
	return archive_of_files(bundle->names, bundle->fds, bundle->count);
}

/* Bytes of somebody else. */
struct fuzz_text {
	const char *at;
	size_t length;
};

static inline bool fuzz_text_is(struct fuzz_text text, const char *other)
{
	return text.length == strlen(other) && memcmp(text.at, other, text.length) == 0;
}

static inline int fuzz_text_order(struct fuzz_text a, struct fuzz_text b)
{
	size_t length = a.length < b.length ? a.length : b.length;
	int order = length > 0 ? memcmp(a.at, b.at, length) : 0;
	return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* The lines of a CSV file that are not blank. */
struct fuzz_sheet {
	char *bytes;
	struct fuzz_text *cells;
	size_t *lines; /* the first cell of each, and what comes behind the last one */
	size_t count;
	bool broken; /* quotes are never closed, or a line has more cells than one can have */
};

static inline void fuzz_sheet_release(struct fuzz_sheet *sheet)
{
	free(sheet->bytes);
	free(sheet->cells);
	free(sheet->lines);
	*sheet = (struct fuzz_sheet){0};
}

static inline size_t fuzz_sheet_width(const struct fuzz_sheet *sheet, size_t line)
{
	return sheet->lines[line + 1] - sheet->lines[line];
}

static inline struct fuzz_text fuzz_sheet_cell(const struct fuzz_sheet *sheet, size_t line, size_t i)
{
	return sheet->cells[sheet->lines[line] + i];
}

/* Copies a cell to *to and gives where it ends. */
static inline const char *fuzz_sheet_take(const char *at, const char *end, char **to, bool *open)
{
	if (at < end && *at == '"') {
		*open = true;
		for (at++; at < end && *open; at++) {
			if (*at == '"' && (at + 1 == end || at[1] != '"')) {
				*open = false;
			} else {
				*(*to)++ = *at;
				at += *at == '"';
			}
		}
	}
	while (at < end && *at != ',' && *at != '\r' && *at != '\n')
		*(*to)++ = *at++;
	return at;
}

/* Reads a whole file, to be released. */
static inline void fuzz_sheet_read(struct fuzz_sheet *sheet, const char *at, size_t length)
{
	const char *end = at + length;
	size_t cells = 0;
	*sheet = (struct fuzz_sheet){
		.bytes = mem_new(length + 1, 1),
		.cells = mem_new(length + 1, sizeof(*sheet->cells)),
		.lines = mem_new(length + 2, sizeof(*sheet->lines)),
	};
	char *to = sheet->bytes;
	at += length >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
	while (at < end && !sheet->broken) {
		bool more = *at != '\r' && *at != '\n';
		if (more)
			sheet->lines[sheet->count++] = cells;
		for (size_t width = 0; more && width < ROW_CELLS_MAX; width++) {
			const char *from = to;
			at = fuzz_sheet_take(at, end, &to, &sheet->broken);
			sheet->cells[cells++] = (struct fuzz_text){from, (size_t)(to - from)};
			more = at < end && *at == ',';
			at += more;
		}
		sheet->broken = sheet->broken || more;
		at += at < end; /* behind CR an LF is a blank line */
	}
	sheet->lines[sheet->count] = cells;
}

#endif

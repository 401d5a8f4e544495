#include "table/rowpage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "table/row.h"
#include "table/rowfile.h"
#include "table/rowrun.h"

enum { READ_ROOM = 64 * 1024 };

struct rowpage {
	char *folder;
	char *name;         /* of the file, for messages */
	struct buf recent;  /* the rows behind those in the file, each with its length in front as in a rowrun */
	struct out earlier; /* the rows that did not fit; its descriptor is -1 while there are none */
	uint64_t rows;
	struct buf first; /* the first row, encoded */
	size_t last;      /* where in recent the last one begins */
};

struct rowpage *rowpage_new(const char *folder)
{
	struct rowpage *page = mem_new(1, sizeof(*page));
	page->folder = mem_copy(folder);
	page->name = mem_format("a working file in %s", folder);
	page->earlier.fd = -1;
	return page;
}

/* A buffer that one large row has blown up is not kept for small ones. */
static void shrink(struct buf *buf)
{
	buf_clear(buf);
	if (buf->room > ROWPAGE_MEMORY)
		buf_release(buf);
}

void rowpage_drop(struct rowpage *page)
{
	if (page->earlier.fd >= 0)
		close(page->earlier.fd);
	out_release(&page->earlier);
	shrink(&page->recent);
	shrink(&page->first);
	page->rows = 0;
}

void rowpage_free(struct rowpage *page)
{
	if (page == NULL)
		return;
	rowpage_drop(page);
	buf_release(&page->recent);
	buf_release(&page->first);
	free(page->folder);
	free(page->name);
	free(page);
}

/* Moves the rows in memory to the file. */
static bool spill(struct rowpage *page, struct err *err)
{
	if (page->recent.length == 0)
		return true;
	if (page->earlier.fd < 0) {
		int fd = file_temp(page->folder, err);
		if (fd < 0)
			return false;
		out_init(&page->earlier, fd, page->name);
	}
	out_add(&page->earlier, page->recent.data, page->recent.length);
	shrink(&page->recent);
	return out_finish(&page->earlier, err);
}

bool rowpage_add(struct rowpage *page, const struct row *row, struct err *err)
{
	/* Four bytes are the most that the length of a cell takes. */
	size_t most = ROWRUN_OVERHEAD + row->size + 4 * row->count;
	if (page->recent.length + most >= ROWPAGE_MEMORY && !spill(page, err))
		return false;
	size_t at = page->recent.length;
	uint32_t length = 0;
	buf_add(&page->recent, &length, sizeof(length));
	row_encode(row, &page->recent);
	length = (uint32_t)(page->recent.length - at - sizeof(length));
	memcpy(page->recent.data + at, &length, sizeof(length));
	page->last = at + sizeof(length);
	if (page->rows == 0)
		buf_add(&page->first, page->recent.data + page->last, length);
	page->rows++;
	return true;
}

bool rowpage_each(struct rowpage *page, bool (*f)(void *context, const char *encoded, size_t length, struct err *err),
	void *context, struct err *err)
{
	bool fine = true;
	const char *encoded;
	size_t length;
	if (page->earlier.fd >= 0) {
		struct rowrun run;
		rowrun_init(&run, page->earlier.fd, 0, out_size(&page->earlier), READ_ROOM, page->name);
		int more = 0;
		while (fine && (more = rowrun_next(&run, &encoded, &length, err)) > 0)
			fine = f(context, encoded, length, err);
		rowrun_release(&run);
		fine = fine && more == 0;
	}
	for (size_t at = 0; fine && at < page->recent.length; at += length) {
		uint32_t bytes;
		memcpy(&bytes, page->recent.data + at, sizeof(bytes));
		at += sizeof(bytes);
		length = bytes;
		fine = f(context, page->recent.data + at, length, err);
	}
	return fine;
}

static bool add_to_file(void *context, const char *encoded, size_t length, struct err *err)
{
	return rowfile_add(context, encoded, length, err);
}

bool rowpage_commit(struct rowpage *page, struct rowfile *file, struct err *err)
{
	if (!rowpage_each(page, add_to_file, file, err))
		return false;
	rowpage_drop(page);
	return true;
}

uint64_t rowpage_rows(const struct rowpage *page)
{
	return page->rows;
}

const char *rowpage_first_row(const struct rowpage *page, size_t *length)
{
	*length = page->first.length;
	return page->rows > 0 ? page->first.data : NULL;
}

/* A page goes to the file before a row is added, so the last one is always here. */
const char *rowpage_last_row(const struct rowpage *page, size_t *length)
{
	*length = page->recent.length - page->last;
	return page->rows > 0 ? page->recent.data + page->last : NULL;
}

/* The first cell of an encoded row. */
static const char *id_of(const char *encoded, size_t encoded_length, size_t *length)
{
	const char *id = NULL;
	if (encoded == NULL || !row_cell(encoded, encoded_length, 0, &id, length))
		*length = 0;
	return id;
}

const char *rowpage_first(const struct rowpage *page, size_t *length)
{
	size_t encoded_length = 0;
	const char *encoded = rowpage_first_row(page, &encoded_length);
	return id_of(encoded, encoded_length, length);
}

const char *rowpage_last(const struct rowpage *page, size_t *length)
{
	size_t encoded_length = 0;
	const char *encoded = rowpage_last_row(page, &encoded_length);
	return id_of(encoded, encoded_length, length);
}

#include "table/rowfile.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "table/row.h"
#include "table/rowrun.h"

enum {
	FAN_IN = 128,           /* runs merged at once, at most */
	MERGE_ROOM = 4 * 1024,  /* buffer of each of them, at least */
	READ_ROOM = 64 * 1024,  /* buffer of a reader */
	FIRST_ROOM = 16 * 1024, /* of the rows that wait */
	PREFIX = 8,             /* bytes of a key that are compared as one number */
};

struct key {
	const char *text;
	size_t length;
};

/* A sorted stretch of the file. Copies of a row are in it in the order they came, and everything in it came before
 * everything in the stretches behind it. */
struct run {
	uint64_t at;
	uint64_t end;
	size_t largest; /* bytes of its largest row, with overhead */
};

struct rowfile {
	char *folder;
	char *name; /* of the file, for messages */
	size_t columns;
	size_t newest;
	size_t memory;

	struct out out; /* the file and what is on its way to it */
	struct run *runs;
	size_t run_count;
	size_t run_room;
	struct buf greatest; /* key at the end of the last run */

	/* Rows that wait to become a run or part of one, each with its length in front as in a rowrun. */
	char *data;
	size_t length;
	size_t room;
	size_t waiting;    /* rows */
	size_t largest;    /* the largest of them, with overhead */
	struct key before; /* the last of them */
	bool ascending;    /* they came in order, copies next to each other allowed */

	struct rowfile_counts counts;
	bool sorted;
};

struct rowfile_reader {
	struct rowrun run;
	size_t columns;
	bool (*skips)(void *context, const char *encoded, size_t length); /* or NULL */
	void *context;
};

/* A row that waits, for sorting. */
struct entry {
	uint64_t prefix;
	const char *record;
};

static struct key key_of(const char *encoded, size_t length)
{
	struct key key = {encoded, 0};
	bool whole = row_cell(encoded, length, 0, &key.text, &key.length);
	assert(whole);
	(void)whole;
	return key;
}

static size_t record_length(const char *record)
{
	uint32_t length;
	memcpy(&length, record, sizeof(length));
	return length;
}

static struct key key_of_record(const char *record)
{
	return key_of(record + ROWRUN_OVERHEAD, record_length(record));
}

static int compare_keys(const struct key *a, const struct key *b)
{
	int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
	if (order != 0)
		return order;
	return (a->length > b->length) - (a->length < b->length);
}

/* The first bytes of a key as a number. Where the numbers of two keys differ, the keys differ in the same way. */
static uint64_t prefix_of(const struct key *key)
{
	uint64_t prefix = 0;
	for (size_t i = 0; i < PREFIX; i++)
		prefix = prefix << 8 | (i < key->length ? (unsigned char)key->text[i] : 0);
	return prefix;
}

static bool open_out(const struct rowfile *file, struct out *out, struct err *err)
{
	int fd = file_temp(file->folder, err);
	if (fd < 0)
		return false;
	out_init(out, fd, file->name);
	return true;
}

static void close_out(struct out *out)
{
	if (out->fd >= 0)
		close(out->fd);
	out_release(out);
}

struct rowfile *rowfile_new(const struct rowfile_options *options, struct err *err)
{
	struct rowfile *file = mem_new(1, sizeof(*file));
	file->folder = mem_copy(options->folder);
	file->name = mem_format("the working file of %s in %s", options->name, options->folder);
	file->columns = options->columns;
	file->newest = options->newest;
	file->memory = options->memory > 0 ? options->memory : ROWFILE_MEMORY;
	file->ascending = true;
	file->counts.in_order = true;
	file->out.fd = -1;
	if (!open_out(file, &file->out, err)) {
		rowfile_free(file);
		return NULL;
	}
	return file;
}

static void free_waiting(struct rowfile *file)
{
	free(file->data);
	file->data = NULL;
	file->room = 0;
	file->length = 0;
}

void rowfile_free(struct rowfile *file)
{
	if (file == NULL)
		return;
	close_out(&file->out);
	free_waiting(file);
	buf_release(&file->greatest);
	free(file->runs);
	free(file->folder);
	free(file->name);
	free(file);
}

static struct run *add_run(struct run **runs, size_t *count, size_t *room, uint64_t at)
{
	if (*count == *room) {
		*room = *room > 0 ? *room * 2 : 16;
		*runs = mem_grow(*runs, *room, sizeof(**runs));
	}
	struct run *run = &(*runs)[(*count)++];
	*run = (struct run){.at = at, .end = at};
	return run;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *one = a;
	const struct entry *other = b;
	if (one->prefix != other->prefix)
		return one->prefix < other->prefix ? -1 : 1;
	struct key one_key = key_of_record(one->record);
	struct key other_key = key_of_record(other->record);
	int order = compare_keys(&one_key, &other_key);
	if (order != 0)
		return order;
	/* Copies stay in the order they came. */
	return (one->record > other->record) - (one->record < other->record);
}

/* The waiting rows in order, to be freed. */
static struct entry *sort_waiting(const struct rowfile *file)
{
	struct entry *entries = mem_grow(NULL, file->waiting, sizeof(*entries));
	const char *record = file->data;
	for (size_t i = 0; i < file->waiting; i++) {
		struct key key = key_of_record(record);
		entries[i] = (struct entry){prefix_of(&key), record};
		record += ROWRUN_OVERHEAD + record_length(record);
	}
	qsort(entries, file->waiting, sizeof(*entries), compare_entries);
	return entries;
}

/* Writes the waiting rows: as the continuation of the last run if they follow it, else as a run of their own. */
static bool flush(struct rowfile *file, struct err *err)
{
	if (file->waiting == 0)
		return true;
	struct entry *entries = file->ascending ? NULL : sort_waiting(file);
	struct key first = key_of_record(entries != NULL ? entries[0].record : file->data);
	struct key last = entries != NULL ? key_of_record(entries[file->waiting - 1].record) : file->before;

	struct run *run;
	struct key greatest = {buf_text(&file->greatest), file->greatest.length};
	int step = file->run_count > 0 ? compare_keys(&greatest, &first) : -1;
	if (step >= 0)
		file->counts.in_order = false;
	if (file->run_count > 0 && step <= 0)
		run = &file->runs[file->run_count - 1];
	else
		run = add_run(&file->runs, &file->run_count, &file->run_room, out_size(&file->out));

	if (entries == NULL) {
		out_add(&file->out, file->data, file->length);
	} else {
		for (size_t i = 0; i < file->waiting; i++)
			out_add(&file->out, entries[i].record, ROWRUN_OVERHEAD + record_length(entries[i].record));
	}
	run->end = out_size(&file->out);
	if (file->largest > run->largest)
		run->largest = file->largest;
	buf_clear(&file->greatest);
	buf_add(&file->greatest, last.text, last.length);
	free(entries);

	file->length = 0;
	file->waiting = 0;
	file->largest = 0;
	file->ascending = true;
	if (file->room > file->memory)
		free_waiting(file);
	return out_finish(&file->out, err);
}

/* Room for need more bytes behind those that wait; never more than the memory given unless one row alone needs it. */
static void make_room(struct rowfile *file, size_t need)
{
	if (file->length + need <= file->room)
		return;
	size_t room = file->room > 0 ? file->room * 2 : FIRST_ROOM;
	if (room > file->memory)
		room = file->memory;
	if (room < file->length + need)
		room = file->length + need;
	file->data = mem_grow(file->data, room, 1);
	file->room = room;
}

bool rowfile_add(struct rowfile *file, const char *encoded, size_t length, struct err *err)
{
	assert(!file->sorted && length <= ROW_ENCODED_MAX);
	size_t need = ROWRUN_OVERHEAD + length;
	/* Sorting takes an entry for each row, and as much again while qsort is at it. */
	size_t entries = (file->waiting + 1) * 2 * sizeof(struct entry);
	if (file->length + need + entries > file->memory && !flush(file, err))
		return false;

	size_t before_at = file->waiting > 0 ? (size_t)(file->before.text - file->data) : 0;
	make_room(file, need);
	file->before.text = file->data + before_at;
	uint32_t bytes = (uint32_t)length;
	char *record = file->data + file->length;
	memcpy(record, &bytes, sizeof(bytes));
	memcpy(record + ROWRUN_OVERHEAD, encoded, length);

	struct key key = key_of_record(record);
	if (file->waiting > 0) {
		int step = compare_keys(&file->before, &key);
		if (step >= 0)
			file->counts.in_order = false;
		if (step > 0)
			file->ascending = false;
	}
	file->before = key;
	file->length += need;
	file->waiting++;
	if (need > file->largest)
		file->largest = need;
	file->counts.rows++;
	return true;
}

/* One of the runs being merged and the row it is at. */
struct source {
	struct rowrun run;
	uint64_t prefix;
	struct key key;
	const char *encoded;
	size_t length;
	size_t place; /* among the runs, in the order they came */
};

static bool is_before(const struct source *a, const struct source *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	int order = compare_keys(&a->key, &b->key);
	return order != 0 ? order < 0 : a->place < b->place;
}

/* Restores the heap after the source at i was replaced or has moved on. */
static void sift_down(struct source **heap, size_t count, size_t i)
{
	for (;;) {
		size_t least = 2 * i + 1;
		if (least >= count)
			return;
		if (least + 1 < count && is_before(heap[least + 1], heap[least]))
			least++;
		if (!is_before(heap[least], heap[i]))
			return;
		struct source *other = heap[i];
		heap[i] = heap[least];
		heap[least] = other;
		i = least;
	}
}

/* Moves a source to its next row: 1, 0 at the end, -1 on failure. */
static int advance(struct source *source, struct err *err)
{
	int more = rowrun_next(&source->run, &source->encoded, &source->length, err);
	if (more > 0) {
		source->key = key_of(source->encoded, source->length);
		source->prefix = prefix_of(&source->key);
	}
	return more;
}

/* Where a merge puts its rows: all of them, or of copies of a row the best one. */
struct sink {
	struct out *out;
	size_t largest;
	bool choose;
	size_t newest;
	struct rowfile_counts *counts;
	struct buf best; /* encoded; not written yet */
};

static void sink_write(struct sink *sink, const char *encoded, size_t length)
{
	rowrun_write(sink->out, encoded, length);
	if (ROWRUN_OVERHEAD + length > sink->largest)
		sink->largest = ROWRUN_OVERHEAD + length;
}

static void sink_finish(struct sink *sink)
{
	if (sink->best.length > 0)
		sink_write(sink, sink->best.data, sink->best.length);
	buf_release(&sink->best);
}

/* Whether a copy that came later is better than the best so far. */
static bool replaces_best(const struct sink *sink, const char *encoded, size_t length)
{
	struct key was;
	struct key is;
	if (sink->newest == SIZE_MAX ||
		!row_cell(sink->best.data, sink->best.length, sink->newest, &was.text, &was.length) ||
		!row_cell(encoded, length, sink->newest, &is.text, &is.length))
		return true;
	return compare_keys(&is, &was) >= 0;
}

static void sink_add(struct sink *sink, const struct source *source)
{
	if (!sink->choose) {
		sink_write(sink, source->encoded, source->length);
		return;
	}
	struct buf *best = &sink->best;
	/* An encoded row has at least one byte, so an empty best is none. */
	if (best->length > 0) {
		struct key key = key_of(best->data, best->length);
		if (compare_keys(&key, &source->key) != 0) {
			sink_write(sink, best->data, best->length);
		} else if (best->length == source->length && memcmp(best->data, source->encoded, source->length) == 0) {
			sink->counts->repeats_same++;
			return;
		} else {
			sink->counts->repeats_different++;
			if (!replaces_best(sink, source->encoded, source->length))
				return;
		}
	}
	if (best->room > READ_ROOM)
		buf_release(best);
	buf_clear(best);
	buf_add(best, source->encoded, source->length);
}

/* How many of the runs can be merged at once: buffers for all of them, each fit for its largest row, stay within the
 * memory given. extra is what each buffer may have beyond its least size. */
static size_t group(const struct rowfile *file, const struct run *runs, size_t count, size_t *extra)
{
	size_t n = 0;
	size_t total = 0;
	while (n < count && n < FAN_IN) {
		size_t least = runs[n].largest > MERGE_ROOM ? runs[n].largest : MERGE_ROOM;
		if (n >= 2 && total + least > file->memory)
			break;
		total += least;
		n++;
	}
	*extra = n > 0 && total < file->memory ? (file->memory - total) / n : 0;
	return n;
}

static bool merge(
	struct rowfile *file, const struct run *runs, size_t count, size_t extra, struct sink *sink, struct err *err)
{
	struct source *sources = mem_new(count, sizeof(*sources));
	struct source **heap = mem_new(count, sizeof(struct source *));
	size_t left = 0;
	bool ok = false;
	for (size_t i = 0; i < count; i++) {
		struct source *source = &sources[i];
		source->place = i;
		rowrun_init(&source->run, file->out.fd, runs[i].at, runs[i].end, MERGE_ROOM + extra, file->name);
		int more = advance(source, err);
		if (more < 0)
			goto out;
		if (more > 0)
			heap[left++] = source;
	}
	for (size_t i = left; i-- > 0;)
		sift_down(heap, left, i);
	while (left > 0 && sink->out->failure == 0) {
		sink_add(sink, heap[0]);
		int more = advance(heap[0], err);
		if (more < 0)
			goto out;
		if (more == 0)
			heap[0] = heap[--left];
		sift_down(heap, left, 0);
	}
	ok = true;
out:
	for (size_t i = 0; i < count; i++)
		rowrun_release(&sources[i].run);
	free(heap);
	free(sources);
	return ok;
}

/* Writes all runs anew, merged by groups: once there is but one group, of copies only the best. */
static bool merge_pass(struct rowfile *file, struct err *err)
{
	struct out out;
	if (!open_out(file, &out, err))
		return false;
	struct run *runs = NULL;
	size_t count = 0;
	size_t room = 0;
	bool ok = true;
	for (size_t i = 0; ok && i < file->run_count;) {
		size_t extra;
		size_t n = group(file, file->runs + i, file->run_count - i, &extra);
		struct sink sink = {
			.out = &out, .choose = n == file->run_count, .newest = file->newest, .counts = &file->counts};
		struct run *run = add_run(&runs, &count, &room, out_size(&out));
		ok = merge(file, file->runs + i, n, extra, &sink, err);
		sink_finish(&sink);
		run->end = out_size(&out);
		run->largest = sink.largest;
		/* Whatever cannot be written is found before more is read. */
		ok = ok && out_finish(&out, err);
		i += n;
	}
	close_out(&file->out);
	free(file->runs);
	file->out = out;
	file->runs = runs;
	file->run_count = count;
	file->run_room = room;
	return ok;
}

bool rowfile_sort(struct rowfile *file, struct rowfile_counts *counts, struct err *err)
{
	assert(!file->sorted);
	file->sorted = true;
	if (!flush(file, err))
		return false;
	free_waiting(file);
	buf_release(&file->greatest);
	if (!file->counts.in_order) {
		bool last = false;
		while (!last) {
			size_t extra;
			last = group(file, file->runs, file->run_count, &extra) == file->run_count;
			if (!merge_pass(file, err))
				return false;
		}
	}
	file->counts.distinct = file->counts.rows - file->counts.repeats_same - file->counts.repeats_different;
	if (counts != NULL)
		*counts = file->counts;
	return true;
}

struct rowfile_reader *rowfile_read(struct rowfile *file, struct err *err)
{
	if (!file->sorted) {
		err_set(err, ERR_OTHER, "%s is read before it is sorted", file->name);
		return NULL;
	}
	struct rowfile_reader *reader = mem_new(1, sizeof(*reader));
	rowrun_init(&reader->run, file->out.fd, 0, out_size(&file->out), READ_ROOM, file->name);
	reader->columns = file->columns;
	return reader;
}

void rowfile_reader_free(struct rowfile_reader *reader)
{
	if (reader == NULL)
		return;
	rowrun_release(&reader->run);
	free(reader);
}

void rowfile_reader_skip(
	struct rowfile_reader *reader, bool (*skips)(void *context, const char *encoded, size_t length), void *context)
{
	reader->skips = skips;
	reader->context = context;
}

int rowfile_next(struct rowfile_reader *reader, struct row *row, struct err *err)
{
	assert(row->count <= reader->columns);
	const char *encoded;
	size_t length;
	int more = rowrun_next(&reader->run, &encoded, &length, err);
	while (more > 0 && reader->skips != NULL && reader->skips(reader->context, encoded, length))
		more = rowrun_next(&reader->run, &encoded, &length, err);
	bool whole = row->count == reader->columns;
	if (more > 0 && !(whole ? row_decode(row, encoded, length) : row_decode_head(row, encoded, length))) {
		err_set(err, ERR_FILE, "cannot read %s: it is damaged", reader->run.name);
		return -1;
	}
	return more;
}

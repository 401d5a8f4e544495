#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zip.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "package/archive.h"
#include "scratch.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static const char users_text[] = "sourcedId,status\r\nu-1,\r\nu-2,\r\nu-2,\r\nu-2,\r\n";
static const char orgs_text[] = "sourcedId,status\r\no-1,\r\n";

/* --- zips written byte by byte, as the format has them (APPNOTE.TXT 4.3) ------------------------------------------ */

struct raw_zip {
	struct buf bytes;
	struct buf table;
	unsigned count;
};

struct raw_entry {
	const char *name;
	size_t name_length;
	const char *data;
	uint32_t packed;
	uint32_t size;
	uint32_t crc;
	unsigned method;
	unsigned flags;
	struct buf local_extra;
	struct buf central_extra;
	const char *local_name; /* when it is to differ; of the same length */
	uint32_t local_size;    /* with the next two, used if other is set: sizes in front of the data */
	uint32_t local_packed;
	uint32_t local_crc;
	bool other;
	bool elsewhere; /* has no data of its own, but lies at */
	uint32_t at;
};

static void put(struct buf *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_add_char(to, (char)(value >> 8 * i & 0xff));
}

static uint32_t crc_of(const char *data, size_t length)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < length; i++) {
		crc ^= (unsigned char)data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

static struct raw_entry stored(const char *name, const char *text)
{
	uint32_t length = (uint32_t)strlen(text);
	return (struct raw_entry){.name = name,
		.name_length = strlen(name),
		.data = text,
		.packed = length,
		.size = length,
		.crc = crc_of(text, length)};
}

static void raw_add(struct raw_zip *zip, struct raw_entry *entry)
{
	uint32_t at = entry->elsewhere ? entry->at : (uint32_t)zip->bytes.length;
	if (!entry->elsewhere) {
		put(&zip->bytes, 0x04034b50, 4);
		put(&zip->bytes, 20, 2);
		put(&zip->bytes, entry->flags, 2);
		put(&zip->bytes, entry->method, 2);
		put(&zip->bytes, 0x00210000, 4);
		put(&zip->bytes, entry->other ? entry->local_crc : entry->crc, 4);
		put(&zip->bytes, entry->other ? entry->local_packed : entry->packed, 4);
		put(&zip->bytes, entry->other ? entry->local_size : entry->size, 4);
		put(&zip->bytes, entry->name_length, 2);
		put(&zip->bytes, entry->local_extra.length, 2);
		buf_add(&zip->bytes, entry->local_name != NULL ? entry->local_name : entry->name, entry->name_length);
		buf_add(&zip->bytes, buf_text(&entry->local_extra), entry->local_extra.length);
		buf_add(&zip->bytes, entry->data, strlen(entry->data));
		if ((entry->flags & 8) != 0) {
			put(&zip->bytes, 0x08074b50, 4);
			put(&zip->bytes, entry->crc, 4);
			put(&zip->bytes, entry->packed, 4);
			put(&zip->bytes, entry->size, 4);
		}
	}
	put(&zip->table, 0x02014b50, 4);
	put(&zip->table, 0x0314, 2);
	put(&zip->table, 20, 2);
	put(&zip->table, entry->flags, 2);
	put(&zip->table, entry->method, 2);
	put(&zip->table, 0x00210000, 4);
	put(&zip->table, entry->crc, 4);
	put(&zip->table, entry->packed, 4);
	put(&zip->table, entry->size, 4);
	put(&zip->table, entry->name_length, 2);
	put(&zip->table, entry->central_extra.length, 2);
	put(&zip->table, 0, 6);
	put(&zip->table, 0x81800000, 4);
	put(&zip->table, at, 4);
	buf_add(&zip->table, entry->name, entry->name_length);
	buf_add(&zip->table, buf_text(&entry->central_extra), entry->central_extra.length);
	buf_release(&entry->local_extra);
	buf_release(&entry->central_extra);
	zip->count++;
}

static void raw_end(struct buf *to, unsigned count, size_t length, size_t offset, const char *comment)
{
	put(to, 0x06054b50, 4);
	put(to, 0, 4);
	put(to, count, 2);
	put(to, count, 2);
	put(to, length, 4);
	put(to, offset, 4);
	put(to, strlen(comment), 2);
	buf_add_text(to, comment);
}

static void write_bytes(const char *path, const char *data, size_t length)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void raw_write(struct raw_zip *zip, const char *path)
{
	size_t offset = zip->bytes.length;
	buf_add(&zip->bytes, buf_text(&zip->table), zip->table.length);
	raw_end(&zip->bytes, zip->count, zip->table.length, offset, "");
	write_bytes(path, buf_text(&zip->bytes), zip->bytes.length);
	buf_release(&zip->bytes);
	buf_release(&zip->table);
	zip->count = 0;
}

/* A zip of one entry. */
static void raw_single(struct raw_entry entry, const char *path)
{
	struct raw_zip zip = {0};
	raw_add(&zip, &entry);
	raw_write(&zip, path);
}

/* A zip as libzip makes it; names and texts by turns, ends with NULL. */
static void pack(const char *path, const char *const *files)
{
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (; files[0] != NULL; files += 2) {
		zip_source_t *source = zip_source_buffer(zip, files[1], strlen(files[1]), 0);
		zip_int64_t index = zip_file_add(zip, files[0], source, ZIP_FL_ENC_UTF_8);
		assert_true(index >= 0);
		assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_DEFLATE, 6), 0);
	}
	assert_int_equal(zip_close(zip), 0);
}

static const char *const two_files[] = {"users.csv", users_text, "orgs.csv", orgs_text, NULL};

static void read_whole(const char *path, struct buf *bytes)
{
	struct err err = {0};
	buf_clear(bytes);
	assert_true(file_read(path, 1 << 24, bytes, &err));
}

/* --- reading, as tests want it ------------------------------------------------------------------------------------ */

static struct archive *open_fine(const char *path)
{
	struct err err = {0};
	struct archive *archive = archive_open(path, &err);
	if (archive == NULL)
		fail_msg("%s", err.text);
	return archive;
}

static void assert_refused(const char *path, enum err_code code, const char *words)
{
	struct err err = {0};
	struct archive *archive = archive_open(path, &err);
	assert_null(archive);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, path));
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

/* All of an entry, given room for so many bytes at a time. Whether the end was proved. */
static bool read_entry(struct archive *archive, size_t index, size_t room, struct buf *text, struct err *err)
{
	char piece[4096];
	uint64_t declared = archive_entry(archive, index)->size;
	uint64_t total = 0;
	long got = -1;
	buf_clear(text);
	struct archive_stream *stream = archive_read(archive, index, err);
	while (stream != NULL && (got = archive_next(stream, piece, room, err)) > 0) {
		assert_true((size_t)got <= room);
		total += (uint64_t)got;
		assert_true(total <= declared);
		buf_add(text, piece, (size_t)got);
	}
	if (stream != NULL) { /* what was said stays said */
		struct err again = {0};
		assert_int_equal(archive_next(stream, piece, room, &again), got);
		assert_string_equal(again.text, err->text);
	}
	archive_stream_free(stream);
	assert_int_equal(got == 0, err->code == ERR_NONE);
	return got == 0;
}

static void assert_entry(struct archive *archive, const char *name, const char *expected)
{
	static const size_t rooms[] = {1, 7, 4096};
	size_t index = archive_find(archive, name);
	assert_int_not_equal(index, SIZE_MAX);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct err err = {0};
		struct buf text = {0};
		if (!read_entry(archive, index, rooms[i], &text, &err))
			fail_msg("%s", err.text);
		assert_string_equal(buf_text(&text), expected);
		buf_release(&text);
	}
}

/* The first entry cannot be read to its end; why is in its troubles and in the sentence. That libzip makes Zip64
 * entries of some encrypted ones is not the point. */
static void assert_unreadable(const char *path, unsigned troubles, const char *words)
{
	struct archive *archive = open_fine(path);
	struct buf text = {0};
	struct err err = {0};
	assert_false(read_entry(archive, 0, 4096, &text, &err));
	assert_int_equal(err.code, ERR_DATA);
	assert_int_equal(archive_entry(archive, 0)->troubles & ~(unsigned)ARCHIVE_ZIP64, troubles);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, archive_entry(archive, 0)->name));
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
	buf_release(&text);
	archive_free(archive);
}

/* --- zips that are fine ------------------------------------------------------------------------------------------- */

static void test_zip(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "OneRoster.zip");
	struct buf before = {0};
	struct buf after = {0};
	pack(path, two_files);
	read_whole(path, &before);
	chmod(path, 0400);
	struct archive *archive = open_fine(path);
	assert_true(archive_is_zip(archive));
	assert_int_equal(archive_size(archive), before.length);
	assert_false(archive_zip64(archive));
	assert_int_equal(archive_count(archive), 2);
	assert_string_equal(archive_entry(archive, 0)->name, "users.csv");
	assert_string_equal(archive_entry(archive, 1)->name, "orgs.csv");
	assert_int_equal(archive_entry(archive, 0)->size, strlen(users_text));
	assert_int_equal(archive_entry(archive, 1)->size, strlen(orgs_text));
	assert_int_equal(archive_find(archive, "orgs.csv"), 1);
	assert_int_equal(archive_find(archive, "Orgs.csv"), SIZE_MAX);
	assert_int_equal(archive_find(archive, "orgs"), SIZE_MAX);
	assert_entry(archive, "users.csv", users_text);
	assert_entry(archive, "orgs.csv", orgs_text);
	assert_int_equal(archive_entry(archive, 0)->troubles, 0);
	assert_int_equal(archive_entry(archive, 1)->troubles, 0);

	/* Several at a time, of the same entry too. */
	static const char *const texts[] = {users_text, users_text, orgs_text};
	struct archive_stream *streams[3];
	struct err err = {0};
	for (size_t i = 0; i < 3; i++)
		streams[i] = archive_read(archive, i == 2 ? 1 : 0, &err);
	for (size_t at = 0; at < strlen(users_text); at++) {
		for (size_t i = 0; i < 3; i++) {
			char c = '\0';
			long got = archive_next(streams[i], &c, 1, &err);
			assert_int_equal(got, at < strlen(texts[i]) ? 1 : 0);
			assert_true(got == 0 || c == texts[i][at]);
		}
	}
	for (size_t i = 0; i < 3; i++)
		archive_stream_free(streams[i]);
	archive_stream_free(NULL);
	archive_free(archive);
	archive_free(NULL);
	read_whole(path, &after);
	assert_int_equal(after.length, before.length);
	assert_memory_equal(buf_text(&after), buf_text(&before), before.length);
	assert_int_equal(scratch_entries(scratch), 1);
	buf_release(&after);
	buf_release(&before);
	free(path);
}

/* What is unusual and right: sizes behind the data, nothing packed, an empty file, a comment, a first mark, padding. */
static void test_unusual_zips(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "unusual.zip");
	struct raw_zip zip = {0};
	struct raw_entry users = stored("users.csv", users_text);
	struct raw_entry orgs = stored("orgs.csv", orgs_text);
	struct raw_entry empty = stored("results.csv", "");
	put(&zip.bytes, 0x08074b50, 4);
	users.flags = 8;
	users.other = true;
	put(&orgs.local_extra, 0, 3);
	put(&orgs.central_extra, 0xcafe, 2);
	put(&orgs.central_extra, 0, 2);
	raw_add(&zip, &users);
	raw_add(&zip, &orgs);
	raw_add(&zip, &empty);
	size_t offset = zip.bytes.length;
	buf_add(&zip.bytes, buf_text(&zip.table), zip.table.length);
	raw_end(&zip.bytes, zip.count, zip.table.length, offset, "made by a program that likes PK\x05\x06 to be seen");
	write_bytes(path, buf_text(&zip.bytes), zip.bytes.length);
	struct archive *archive = open_fine(path);
	assert_int_equal(archive_count(archive), 3);
	assert_entry(archive, "users.csv", users_text);
	assert_entry(archive, "orgs.csv", orgs_text);
	assert_entry(archive, "results.csv", "");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(archive_entry(archive, i)->troubles, 0);
	archive_free(archive);
	buf_release(&zip.bytes);
	buf_release(&zip.table);
	free(path);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t length;
		const char *shown;
		unsigned troubles;
	} names[] = {
		{"users.csv", 9, "users.csv", 0},
		{".DS_Store", 9, ".DS_Store", 0},
		{"..csv", 5, "..csv", 0},
		{"a b%n.csv", 9, "a b%n.csv", 0},
		{"\xc3\xa9t\xc3\xa9.csv", 9, "\xc3\xa9t\xc3\xa9.csv", 0},
		{"caf\x82.csv", 8, "caf\\x82.csv", 0},
		{"cut\xe2\x82", 5, "cut\\xE2\\x82", 0},
		{"\xed\xa0\x80", 3, "\\xED\\xA0\\x80", 0},
		{"", 0, "(no name)", ARCHIVE_PATH},
		{".", 1, ".", ARCHIVE_PATH},
		{"..", 2, "..", ARCHIVE_PATH},
		{"data/", 5, "data/", ARCHIVE_PATH},
		{"data/users.csv", 14, "data/users.csv", ARCHIVE_PATH},
		{"__MACOSX/._users.csv", 20, "__MACOSX/._users.csv", ARCHIVE_PATH},
		{"../../etc/passwd", 16, "../../etc/passwd", ARCHIVE_PATH},
		{"/users.csv", 10, "/users.csv", ARCHIVE_PATH},
		{"..\\users.csv", 12, "..\\users.csv", ARCHIVE_PATH},
		{"C:users.csv", 11, "C:users.csv", ARCHIVE_PATH},
		{"orgs.csv:users.csv", 18, "orgs.csv:users.csv", ARCHIVE_PATH},
		{"orgs\ncsv", 8, "orgs\\x0Acsv", ARCHIVE_PATH},
		{"orgs.csv\0.exe", 13, "orgs.csv\\x00.exe", ARCHIVE_PATH},
		{"\x1b[2J", 4, "\\x1B[2J", ARCHIVE_PATH},
		{"del\x7f", 4, "del\\x7F", ARCHIVE_PATH},
		{"c1\xc2\x9b", 4, "c1\\xC2\\x9B", ARCHIVE_PATH},
		{"vsc.\xe2\x80\xaesgro", 11, "vsc.\\xE2\\x80\\xAEsgro", ARCHIVE_PATH},
	};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "names.zip");
	struct raw_zip zip = {0};
	size_t count = sizeof(names) / sizeof(names[0]);
	for (size_t i = 0; i < count; i++) {
		struct raw_entry entry = stored(names[i].name, orgs_text);
		entry.name_length = names[i].length;
		raw_add(&zip, &entry);
	}
	raw_write(&zip, path);
	struct archive *archive = open_fine(path);
	assert_int_equal(archive_count(archive), count);
	for (size_t i = 0; i < count; i++) {
		struct buf text = {0};
		struct err err = {0};
		assert_string_equal(archive_entry(archive, i)->name, names[i].shown);
		assert_int_equal(archive_find(archive, names[i].shown), i);
		assert_true(read_entry(archive, i, 4096, &text, &err));
		assert_string_equal(buf_text(&text), orgs_text);
		buf_release(&text);
		if (archive_entry(archive, i)->troubles != names[i].troubles)
			fail_msg("%s has troubles %u", names[i].shown, archive_entry(archive, i)->troubles);
	}
	archive_free(archive);
	free(path);
}

static void test_long_names(void **state)
{
	static const struct {
		size_t length;
		char last;
		unsigned troubles;
	} names[] = {
		{255, 'x', 0},
		{256, 'x', ARCHIVE_PATH},
		{60000, 'x', ARCHIVE_PATH},
		{60000, 'y', ARCHIVE_PATH},
		{60000, 'X', ARCHIVE_PATH | ARCHIVE_DUPLICATE},
	};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "long.zip");
	struct raw_zip zip = {0};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *name = mem_new(names[i].length + 1, 1);
		memset(name, 'x', names[i].length);
		name[names[i].length - 1] = names[i].last;
		struct raw_entry entry = stored(name, "");
		raw_add(&zip, &entry);
		free(name);
	}
	raw_write(&zip, path);
	struct archive *archive = open_fine(path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(archive_entry(archive, i)->troubles, names[i].troubles);
		assert_true(strlen(archive_entry(archive, i)->name) < 300);
	}
	archive_free(archive);
	free(path);
}

/* Told of the later one, whatever lies between; the first one is found. */
static void test_duplicates(void **state)
{
	static const char *const names[] = {"users.csv", "Orgs.csv", "USERS.csv", "users.csv", "orgs.csv", "user.csv"};
	static const unsigned troubles[] = {0, 0, ARCHIVE_DUPLICATE, ARCHIVE_DUPLICATE, ARCHIVE_DUPLICATE, 0};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "twice.zip");
	struct raw_zip zip = {0};
	for (size_t i = 0; i < 6; i++) {
		struct raw_entry entry = stored(names[i], i == 3 ? orgs_text : users_text);
		raw_add(&zip, &entry);
	}
	raw_write(&zip, path);
	struct archive *archive = open_fine(path);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(archive_entry(archive, i)->troubles, troubles[i]);
	assert_int_equal(archive_find(archive, "users.csv"), 0);
	struct buf text = {0};
	struct err err = {0};
	assert_true(read_entry(archive, 3, 4096, &text, &err));
	assert_string_equal(buf_text(&text), orgs_text);
	buf_release(&text);
	archive_free(archive);
	free(path);
}

/* A second name in UTF-8, as Info-ZIP writes it beside one in an old code page (APPNOTE.TXT 4.6.9). */
static void test_second_names(void **state)
{
	static const struct {
		const char *name;
		const char *second;
		const char *shown;
		unsigned troubles;
	} names[] = {
		{"caf\x82.csv", "caf\xc3\xa9.csv", "caf\xc3\xa9.csv", 0},
		{"caf\x82.csv", "../caf\xc3\xa9.csv", "../caf\xc3\xa9.csv", ARCHIVE_PATH},
		{"users.csv", "users.csv", "users.csv", 0},
		{"users.csv", "orgs.csv", "users.csv", ARCHIVE_DAMAGED},
	};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "second.zip");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct raw_entry entry = stored(names[i].name, users_text);
		put(&entry.central_extra, 0x7075, 2);
		put(&entry.central_extra, 5 + strlen(names[i].second), 2);
		put(&entry.central_extra, 1, 1);
		put(&entry.central_extra, crc_of(names[i].name, strlen(names[i].name)), 4);
		buf_add_text(&entry.central_extra, names[i].second);
		raw_single(entry, path);
		struct archive *archive = open_fine(path);
		assert_string_equal(archive_entry(archive, 0)->name, names[i].shown);
		assert_int_equal(archive_entry(archive, 0)->troubles, names[i].troubles);
		archive_free(archive);
	}
	free(path);
}

/* --- what is not read --------------------------------------------------------------------------------------------- */

static void test_encryption(void **state)
{
	static const zip_uint16_t methods[] = {ZIP_EM_TRAD_PKWARE, ZIP_EM_AES_128, ZIP_EM_AES_256};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "secret.zip");
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		pack(path, two_files);
		zip_t *zip = zip_open(path, 0, NULL);
		assert_int_equal(zip_file_set_encryption(zip, 0, methods[i], "made-up"), 0);
		assert_int_equal(zip_close(zip), 0);
		assert_unreadable(path, ARCHIVE_ENCRYPTED, "password");
		struct archive *archive = open_fine(path);
		assert_entry(archive, "orgs.csv", orgs_text);
		archive_free(archive);
	}
	/* Strong encryption of old, and packed strangely on top of it. */
	struct raw_entry entry = stored("users.csv", users_text);
	entry.flags = 0x41;
	entry.method = 12;
	raw_single(entry, path);
	assert_unreadable(path, ARCHIVE_ENCRYPTED | ARCHIVE_METHOD, "password");
	free(path);
}

static void test_methods(void **state)
{
	static const unsigned methods[] = {1, 6, 9, 12, 14, 93, 95, 98};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "method.zip");
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		struct raw_entry entry = stored("users.csv", users_text);
		entry.method = methods[i];
		raw_single(entry, path);
		assert_unreadable(path, ARCHIVE_METHOD, "deflate");
	}
	free(path);
}

static void put_zip64(struct buf *extra, uint64_t size, uint64_t packed)
{
	put(extra, 1, 2);
	put(extra, 16, 2);
	put(extra, size, 8);
	put(extra, packed, 8);
}

static void test_zip64_entries(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "zip64.zip");
	uint32_t length = (uint32_t)strlen(users_text);
	for (int form = 0; form < 3; form++) {
		struct raw_zip zip = {0};
		struct raw_entry users = stored("users.csv", users_text);
		struct raw_entry orgs = stored("orgs.csv", orgs_text);
		if (form != 1) { /* before the data */
			users.other = true;
			users.local_size = users.local_packed = 0xffffffff;
			users.local_crc = users.crc;
			put_zip64(&users.local_extra, length, length);
		}
		if (form != 0) { /* in the table */
			users.other = true;
			users.local_size = form == 1 ? length : 0xffffffff;
			users.local_packed = users.local_size;
			users.local_crc = users.crc;
			users.size = users.packed = 0xffffffff;
			put_zip64(&users.central_extra, length, length);
		}
		raw_add(&zip, &users);
		raw_add(&zip, &orgs);
		raw_write(&zip, path);
		struct archive *archive = open_fine(path);
		assert_false(archive_zip64(archive));
		assert_int_equal(archive_entry(archive, 0)->troubles, ARCHIVE_ZIP64);
		assert_int_equal(archive_entry(archive, 0)->size, length);
		assert_int_equal(archive_entry(archive, 1)->troubles, 0);
		assert_entry(archive, "users.csv", users_text);
		archive_free(archive);
	}
	free(path);
}

/* Writes a zip with a Zip64 end that says count, at a given distance from where it is. */
static void write_zip64_whole(const char *path, uint64_t count, uint64_t length_more, uint64_t moved)
{
	struct raw_zip zip = {0};
	struct raw_entry users = stored("users.csv", users_text);
	raw_add(&zip, &users);
	size_t offset = zip.bytes.length;
	buf_add(&zip.bytes, buf_text(&zip.table), zip.table.length);
	size_t end64 = zip.bytes.length;
	put(&zip.bytes, 0x06064b50, 4);
	put(&zip.bytes, 44, 8);
	put(&zip.bytes, 45 | 45 << 16, 4);
	put(&zip.bytes, 0, 8);
	put(&zip.bytes, count, 8);
	put(&zip.bytes, count, 8);
	put(&zip.bytes, zip.table.length + length_more, 8);
	put(&zip.bytes, offset, 8);
	put(&zip.bytes, 0x07064b50, 4);
	put(&zip.bytes, 0, 4);
	put(&zip.bytes, end64 + moved, 8);
	put(&zip.bytes, 1, 4);
	raw_end(&zip.bytes, 0xffff, 0xffffffff, 0xffffffff, "");
	write_bytes(path, buf_text(&zip.bytes), zip.bytes.length);
	buf_release(&zip.bytes);
	buf_release(&zip.table);
}

static void test_zip64_whole(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "zip64.zip");
	write_zip64_whole(path, 1, 0, 0);
	struct archive *archive = open_fine(path);
	assert_true(archive_zip64(archive));
	assert_int_equal(archive_entry(archive, 0)->troubles, 0);
	assert_entry(archive, "users.csv", users_text);
	archive_free(archive);

	/* Declared past all memory. */
	write_zip64_whole(path, UINT64_C(1) << 40, 0, 0);
	assert_refused(path, ERR_DATA, "1000");
	write_zip64_whole(path, UINT64_MAX, UINT64_MAX / 2, 0);
	assert_refused(path, ERR_DATA, "1000");
	write_zip64_whole(path, 1, UINT64_C(1) << 40, 0);
	assert_refused(path, ERR_DATA, "damaged");
	write_zip64_whole(path, 2, 0, 0);
	assert_refused(path, ERR_DATA, "damaged");
	write_zip64_whole(path, 1, 0, 1);
	assert_refused(path, ERR_DATA, "damaged");
	write_zip64_whole(path, 1, 0, UINT64_MAX - 20);
	assert_refused(path, ERR_DATA, "damaged");
	free(path);
}

/* --- bombs -------------------------------------------------------------------------------------------------------- */

/* An entry with bytes of nothing, deflated, that is said to have size bytes, before its data as well; or, when packed
 * is not 0, to be packed to so many. */
static void test_declared_bombs(void **state)
{
	static const struct {
		uint64_t size;
		uint64_t packed;
		bool bomb;
	} cases[] = {
		{60 * MIB, 1, false}, /* small enough, whatever it is packed to */
		{65 * MIB, 65 * MIB / 199, false},
		{65 * MIB, 65 * MIB / 201, true},
		{1000 * MIB, 1 * MIB, true},
		{UINT64_MAX, 1, true},
		{UINT64_MAX, UINT64_MAX, true},
	};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "bomb.zip");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw_entry entry = stored("users.csv", "x");
		entry.method = 8;
		entry.size = entry.packed = 0xffffffff;
		put_zip64(&entry.local_extra, cases[i].size, cases[i].packed);
		put_zip64(&entry.central_extra, cases[i].size, cases[i].packed);
		raw_single(entry, path);
		struct err err = {0};
		struct archive *archive = archive_open(path, &err);
		if (archive == NULL) { /* not even libzip believes it */
			assert_int_equal(err.code, ERR_DATA);
			continue;
		}
		unsigned troubles = archive_entry(archive, 0)->troubles;
		assert_int_equal((troubles & ARCHIVE_BOMB) != 0, cases[i].bomb);
		struct buf text = {0};
		assert_false(read_entry(archive, 0, 4096, &text, &err)); /* none has the bytes it should have */
		assert_int_equal(err.code, ERR_DATA);
		buf_release(&text);
		archive_free(archive);
	}
	free(path);
}

/* Loose files may be large without weight: holes. */
static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {8 * GIB, 8 * GIB + 1, 7 * GIB, 2 * GIB, 1 * GIB, 1};
	static const unsigned troubles[] = {0, ARCHIVE_BOMB, 0, ARCHIVE_BOMB, 0, ARCHIVE_BOMB};
	struct scratch *scratch = *state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char name[] = {(char)('a' + (int)i), '\0'};
		char *path = scratch_path(scratch, name);
		scratch_write(path, "");
		assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
		free(path);
	}
	struct archive *archive = open_fine(scratch->folder);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct err err = {0};
		assert_int_equal(archive_entry(archive, i)->size, sizes[i]);
		assert_int_equal(archive_entry(archive, i)->troubles, troubles[i]);
		struct archive_stream *stream = archive_read(archive, i, &err);
		assert_int_equal(stream == NULL, troubles[i] != 0);
		assert_int_equal(err.code, troubles[i] != 0 ? ERR_DATA : ERR_NONE);
		archive_stream_free(stream);
	}
	archive_free(archive);
}

static void set_32(struct buf *bytes, size_t at, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		bytes->data[at + i] = (char)(value >> 8 * i & 0xff);
}

/* A zip of one deflated entry of so many equal bytes that says that it has others. */
static void write_liar(const char *path, size_t bytes, uint32_t said)
{
	char *text = mem_new(bytes + 1, 1);
	memset(text, 'x', bytes);
	const char *const files[] = {"users.csv", text, NULL};
	pack(path, files);
	struct buf zip = {0};
	read_whole(path, &zip);
	size_t table = zip.length - 22 - 46 - strlen("users.csv");
	assert_memory_equal(buf_text(&zip) + table, "PK\x01\x02", 4);
	set_32(&zip, 22, said);
	set_32(&zip, table + 24, said);
	write_bytes(path, buf_text(&zip), zip.length);
	buf_release(&zip);
	free(text);
}

static void test_wrong_sizes(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "liar.zip");
	write_liar(path, 1000, 1000);
	struct archive *archive = open_fine(path);
	struct buf text = {0};
	struct err err = {0};
	assert_true(read_entry(archive, 0, 100, &text, &err));
	assert_int_equal(text.length, 1000);
	archive_free(archive);
	buf_release(&text);
	write_liar(path, 1000, 999);
	assert_unreadable(path, ARCHIVE_DAMAGED, "longer than the 999 bytes");
	write_liar(path, 1000, 1);
	assert_unreadable(path, ARCHIVE_DAMAGED, "longer than the 1 bytes");
	write_liar(path, 1000, 0);
	assert_unreadable(path, ARCHIVE_DAMAGED, "");
	write_liar(path, 1000, 1001);
	assert_unreadable(path, ARCHIVE_DAMAGED, "ends after 1000 of the 1001 bytes");
	write_liar(path, 4 * MIB, 10);
	assert_unreadable(path, ARCHIVE_BOMB, "far behind the 10 bytes");
	write_liar(path, 4 * MIB, 4 * MIB - 1);
	assert_unreadable(path, ARCHIVE_DAMAGED, "longer");

	/* Without packing there are not two sizes. */
	struct raw_entry entry = stored("users.csv", users_text);
	entry.size = 3;
	raw_single(entry, path);
	assert_unreadable(path, ARCHIVE_DAMAGED, "damaged");
	free(path);
}

/* The same bytes for several entries. */
static void test_overlap(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "overlap.zip");
	struct raw_zip zip = {0};
	struct raw_entry inner = stored("inner.csv", "x");
	struct raw_zip quoted = {0};
	raw_add(&quoted, &inner);
	struct raw_entry outer = stored("outer.csv", "");
	/* What outer holds begins with the header of inner; a stored entry can hold anything, but this has NULs. */
	outer.packed = outer.size = (uint32_t)quoted.bytes.length;
	outer.crc = crc_of(buf_text(&quoted.bytes), quoted.bytes.length);
	raw_add(&zip, &outer);
	inner.elsewhere = true;
	inner.at = (uint32_t)zip.bytes.length;
	buf_add(&zip.bytes, buf_text(&quoted.bytes), quoted.bytes.length);
	raw_add(&zip, &inner);
	struct raw_entry twin = stored("outer.csv", "");
	twin.packed = twin.size = outer.size;
	twin.crc = outer.crc;
	twin.elsewhere = true;
	raw_add(&zip, &twin);
	raw_write(&zip, path);
	struct archive *archive = open_fine(path);
	assert_int_equal(archive_entry(archive, 0)->troubles, 0);
	assert_int_equal(archive_entry(archive, 1)->troubles, ARCHIVE_BOMB);
	assert_int_equal(archive_entry(archive, 2)->troubles, ARCHIVE_BOMB | ARCHIVE_DUPLICATE);
	archive_free(archive);
	buf_release(&quoted.bytes);
	buf_release(&quoted.table);
	free(path);
}

/* --- damage ------------------------------------------------------------------------------------------------------- */

/* What is said to be without trouble is one of the two files as they were. */
static void assert_same_or_trouble(const char *path, size_t changed)
{
	struct err err = {0};
	struct archive *archive = archive_open(path, &err);
	if (archive == NULL) {
		assert_int_equal(err.code, ERR_DATA);
		assert_non_null(strstr(err.text, path));
		return;
	}
	for (size_t i = 0; i < archive_count(archive); i++) {
		const struct archive_entry *entry = archive_entry(archive, i);
		struct buf text = {0};
		err_clear(&err);
		bool fine = read_entry(archive, i, 64, &text, &err);
		assert_true(fine || err.code == ERR_DATA);
		assert_true(fine || entry->troubles != 0);
		if (fine && (entry->troubles & ~(unsigned)ARCHIVE_ZIP64) == 0) {
			const char *expected = strcmp(entry->name, "users.csv") == 0 ? users_text : orgs_text;
			if (strcmp(entry->name, "users.csv") != 0 && strcmp(entry->name, "orgs.csv") != 0)
				fail_msg("byte %zu: a file named %s", changed, entry->name);
			if (strcmp(buf_text(&text), expected) != 0)
				fail_msg("byte %zu: %s is not as it was", changed, entry->name);
		}
		buf_release(&text);
	}
	archive_free(archive);
}

static void test_changed_bytes(void **state)
{
	static const unsigned char changes[] = {0x01, 0x02, 0x08, 0x20, 0x80, 0xff};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "changed.zip");
	struct buf bytes = {0};
	pack(path, two_files);
	read_whole(path, &bytes);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	for (size_t at = 0; at < bytes.length; at++) {
		for (size_t i = 0; i < sizeof(changes); i++) {
			char changed = (char)(bytes.data[at] ^ changes[i]);
			assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
			assert_same_or_trouble(path, at);
		}
		assert_int_equal(pwrite(fd, bytes.data + at, 1, (off_t)at), 1);
	}
	close(fd);
	assert_same_or_trouble(path, 0);
	buf_release(&bytes);
	free(path);
}

static void test_cut(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "cut.zip");
	struct buf bytes = {0};
	pack(path, two_files);
	read_whole(path, &bytes);
	for (size_t length = bytes.length - 1; length > 0; length--) {
		assert_int_equal(truncate(path, (off_t)length), 0);
		assert_refused(path, ERR_DATA, length < 4 ? "no zip" : "no whole zip");
	}
	buf_release(&bytes);
	free(path);
}

/* The zip changes under the eyes of its reader. */
static void test_cut_while_read(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "cut.zip");
	struct buf text = {0};
	struct err err = {0};
	char *long_text = mem_new(MIB + 1, 1);
	memset(long_text, 'x', MIB);
	struct raw_entry entry = stored("users.csv", long_text);
	raw_single(entry, path);
	free(long_text);
	struct archive *archive = open_fine(path);
	assert_int_equal(truncate(path, MIB / 2), 0);
	assert_false(read_entry(archive, 0, 4096, &text, &err));
	assert_int_equal(err.code, ERR_DATA);
	assert_int_equal(archive_entry(archive, 0)->troubles, ARCHIVE_DAMAGED);
	archive_free(archive);
	buf_release(&text);
	free(path);
}

/* Programs that read from the beginning and those that read from the end must not see different files. */
static void test_two_truths(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "truths.zip");
	for (int i = 0; i < 7; i++) {
		struct raw_entry entry = stored("users.csv", users_text);
		switch (i) {
		case 0: entry.local_name = "Users.csv"; break;
		case 1: entry.other = true; break;
		case 2: /* only the checksum */
			entry.other = true;
			entry.local_size = entry.local_packed = entry.size;
			break;
		case 3: entry.crc++; break;
		case 4:
			entry.elsewhere = true;
			entry.at = 0;
			break;
		case 5:
			entry.elsewhere = true;
			entry.at = 0xfffffff0;
			break;
		default: entry.packed = entry.size = 100000; break;
		}
		struct raw_zip zip = {0};
		struct raw_entry first = stored("orgs.csv", orgs_text);
		raw_add(&zip, &first);
		raw_add(&zip, &entry);
		raw_write(&zip, path);
		struct archive *archive = open_fine(path);
		struct buf text = {0};
		struct err err = {0};
		assert_entry(archive, "orgs.csv", orgs_text);
		assert_false(read_entry(archive, 1, 4096, &text, &err));
		assert_int_equal(err.code, ERR_DATA);
		assert_true((archive_entry(archive, 1)->troubles & ARCHIVE_DAMAGED) != 0);
		archive_free(archive);
		buf_release(&text);
	}
	free(path);
}

static void test_around(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "around.zip");
	struct buf bytes = {0};
	struct buf other = {0};
	pack(path, two_files);
	read_whole(path, &bytes);

	buf_add_text(&other, "some words");
	buf_add(&other, buf_text(&bytes), bytes.length);
	write_bytes(path, buf_text(&other), other.length);
	assert_refused(path, ERR_DATA, "10 bytes stand in front");

	/* In front, and the table knows it. */
	struct raw_zip zip = {0};
	struct raw_entry entry = stored("users.csv", users_text);
	buf_add_text(&zip.bytes, "some words");
	raw_add(&zip, &entry);
	raw_write(&zip, path);
	assert_refused(path, ERR_DATA, "does not begin with its first file");

	buf_clear(&other);
	buf_add(&other, buf_text(&bytes), bytes.length);
	buf_add_text(&other, "\n");
	write_bytes(path, buf_text(&other), other.length);
	assert_refused(path, ERR_DATA, "behind its end");

	/* One zip behind another. */
	buf_clear(&other);
	buf_add(&other, buf_text(&bytes), bytes.length);
	buf_add(&other, buf_text(&bytes), bytes.length);
	write_bytes(path, buf_text(&other), other.length);
	assert_refused(path, ERR_DATA, "damaged");

	/* One in the comment of another. */
	size_t comment = bytes.length;
	buf_clear(&other);
	buf_add(&other, buf_text(&bytes), bytes.length);
	other.data[comment - 2] = 22;
	raw_end(&other, 0, 0, 0, "");
	write_bytes(path, buf_text(&other), other.length);
	assert_refused(path, ERR_DATA, "ends twice");

	/* The last of several. */
	buf_clear(&other);
	buf_add(&other, buf_text(&bytes), bytes.length);
	other.data[comment - 22 + 4] = 1;
	write_bytes(path, buf_text(&other), other.length);
	assert_refused(path, ERR_DATA, "several parts");
	buf_release(&other);
	buf_release(&bytes);
	free(path);
}

static void test_no_zip(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{"", "empty"},
		{"x", "a text"},
		{"sourcedId,status,dateLastModified,name\r\no-1,,,Sample School\r\n", "CSV file"},
		{"\xef\xbb\xbf"
		 "sourcedId,status\n",
			"CSV file"},
		{"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n", "web page"},
		{"\xef\xbb\xbf\r\n  <?xml version=\"1.0\"?><Error/>", "web page"},
		{"{\"error\":\"not found\"}", "JSON"},
		{"\x1f\x8b\x08", "gzip"},
		{"7z\xbc\xaf\x27\x1c", "7-Zip"},
		{"Rar!\x1a\x07", "RAR"},
		{"%PDF-1.7", "PDF"},
		{"PK\x03\x04 and so on", "no whole zip"},
		{"PK\x05\x06", "no zip"},
		{"\x7f"
		 "ELF\x02\x01",
			"no zip"},
	};
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "OneRoster.zip");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scratch_write(path, cases[i].text);
		assert_refused(path, ERR_DATA, cases[i].words);
	}
	struct buf end = {0};
	raw_end(&end, 0, 0, 0, "");
	write_bytes(path, buf_text(&end), end.length);
	assert_refused(path, ERR_DATA, "without any file");
	buf_release(&end);
	assert_int_equal(unlink(path), 0);
	assert_refused(path, ERR_FILE, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_refused(path, ERR_FILE, "neither a file nor a folder"); /* and without waiting for a writer */
	free(path);
}

static void test_many(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "many.zip");
	char *folder = scratch_path(scratch, "many");
	mkdir(folder, 0700);
	for (int count = 1000; count <= 1001; count++) {
		struct raw_zip zip = {0};
		for (int i = 0; i < count; i++) {
			char *name = mem_format("%04d.csv", i);
			char *file = mem_format("%s/%s", folder, name);
			struct raw_entry entry = stored(name, "");
			raw_add(&zip, &entry);
			scratch_write(file, "");
			free(file);
			free(name);
		}
		raw_write(&zip, path);
		const char *const both[] = {path, folder};
		for (size_t i = 0; i < 2; i++) {
			if (count > 1000) {
				assert_refused(both[i], ERR_DATA, "1000");
				continue;
			}
			struct archive *archive = open_fine(both[i]);
			assert_int_equal(archive_count(archive), 1000);
			assert_string_equal(archive_entry(archive, 999)->name, "0999.csv");
			archive_free(archive);
		}
	}
	/* More than the end record can count, as some programs write it. */
	struct raw_zip zip = {0};
	for (unsigned i = 0; i < 0x10000 + 10; i++) {
		struct raw_entry entry = stored("x", "");
		raw_add(&zip, &entry);
	}
	raw_write(&zip, path);
	assert_refused(path, ERR_DATA, "more than");
	free(folder);
	free(path);
}

/* --- loose files -------------------------------------------------------------------------------------------------- */

static void test_folder(void **state)
{
	static const struct {
		const char *name;
		unsigned troubles;
	} expected[] = {
		{".DS_Store", 0},
		{"Users.csv", 0},
		{"a:b", ARCHIVE_PATH},
		{"escape.csv", ARCHIVE_IRREGULAR},
		{"inside.csv", ARCHIVE_IRREGULAR},
		{"older", ARCHIVE_IRREGULAR},
		{"orgs.csv", 0},
		{"pipe.csv", ARCHIVE_IRREGULAR},
		{"users.csv", ARCHIVE_DUPLICATE},
	};
	struct scratch *scratch = *state;
	char *folder = scratch_path(scratch, "import");
	mkdir(folder, 0700);
	assert_refused(folder, ERR_DATA, "empty");
	char *secret = scratch_path(scratch, "secret");
	scratch_write(secret, "not for everybody");
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		char *path = mem_format("%s/%s", folder, expected[i].name);
		if ((expected[i].troubles & ARCHIVE_IRREGULAR) == 0)
			scratch_write(path, strcmp(expected[i].name, "orgs.csv") == 0 ? orgs_text : users_text);
		else if (expected[i].name[0] == 'o')
			mkdir(path, 0700);
		else if (expected[i].name[0] == 'p')
			mkfifo(path, 0600);
		else
			assert_int_equal(symlink(expected[i].name[0] == 'e' ? "../secret" : "orgs.csv", path), 0);
		free(path);
	}
	char *slash = mem_format("%s/", folder);
	char *link_path = scratch_path(scratch, "link");
	assert_int_equal(symlink("import", link_path), 0);
	const char *const ways[] = {folder, slash, link_path};
	for (size_t way = 0; way < 3; way++) {
		struct archive *archive = open_fine(ways[way]);
		assert_false(archive_is_zip(archive));
		assert_false(archive_zip64(archive));
		assert_int_equal(archive_size(archive), 0);
		assert_int_equal(archive_count(archive), sizeof(expected) / sizeof(expected[0]));
		for (size_t i = 0; i < archive_count(archive); i++) {
			struct buf text = {0};
			struct err err = {0};
			const struct archive_entry *entry = archive_entry(archive, i);
			bool plain = (expected[i].troubles & ARCHIVE_IRREGULAR) == 0;
			assert_string_equal(entry->name, expected[i].name);
			assert_int_equal(entry->troubles, expected[i].troubles);
			assert_int_equal(read_entry(archive, i, 5, &text, &err), plain);
			assert_int_equal(err.code, plain ? ERR_NONE : ERR_DATA);
			assert_int_equal(text.length, entry->size);
			buf_release(&text);
		}
		assert_entry(archive, "orgs.csv", orgs_text);
		archive_free(archive);
	}
	assert_int_equal(scratch_entries(scratch), 3);
	free(link_path);
	free(slash);
	free(secret);
	free(folder);
}

/* Between listing and reading, and between reading and reading. */
static void test_folder_changes(void **state)
{
	struct scratch *scratch = *state;
	char *path = scratch_path(scratch, "users.csv");
	char *other = scratch_path(scratch, "orgs.csv");
	for (int i = 0; i < 5; i++) {
		struct buf text = {0};
		struct err err = {0};
		unlink(path);
		unlink(other);
		scratch_write(other, orgs_text);
		scratch_write(path, users_text);
		struct archive *archive = open_fine(scratch->folder);
		assert_string_equal(archive_entry(archive, 1)->name, "users.csv");
		if (i == 0) {
			scratch_write(path, orgs_text);
		} else if (i == 1) {
			FILE *file = fopen(path, "a");
			fputs("u-99,\r\n", file);
			fclose(file);
		} else {
			unlink(path);
		}
		if (i == 2)
			assert_int_equal(symlink("orgs.csv", path), 0);
		if (i == 3)
			assert_int_equal(mkfifo(path, 0600), 0);
		assert_false(read_entry(archive, 1, 8, &text, &err));
		assert_int_equal(err.code, i < 4 ? ERR_DATA : ERR_FILE);
		assert_int_equal(archive_entry(archive, 1)->troubles, i < 2   ? ARCHIVE_DAMAGED
								      : i < 4 ? ARCHIVE_IRREGULAR
									      : 0);
		assert_non_null(strstr(err.text, scratch->folder));
		assert_non_null(strstr(err.text, "users.csv"));
		buf_release(&text);
		archive_free(archive);
	}
	free(other);
	free(path);
}

static void test_open_files(void **state)
{
	static const char *const names[] = {"users.csv", "orgs.csv", "import"};
	struct scratch *scratch = *state;
	int fds[3];
	struct err err = {0};
	for (int i = 0; i < 2; i++) {
		fds[i] = file_temp(scratch->folder, &err);
		const char *text = i == 0 ? users_text : orgs_text;
		assert_int_equal(write(fds[i], text, strlen(text)), strlen(text)); /* leaves it at its end */
	}
	fds[2] = open(scratch->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct archive *archive = archive_of_files(names, fds, 3);
	assert_false(archive_is_zip(archive));
	assert_int_equal(archive_size(archive), 0);
	assert_int_equal(archive_count(archive), 3);
	assert_int_equal(archive_entry(archive, 0)->size, strlen(users_text));
	assert_entry(archive, "users.csv", users_text);
	assert_entry(archive, "orgs.csv", orgs_text);
	assert_int_equal(archive_entry(archive, 0)->troubles, 0);
	assert_int_equal(archive_entry(archive, 2)->troubles, ARCHIVE_IRREGULAR);
	assert_null(archive_read(archive, 2, &err));
	assert_int_equal(err.code, ERR_DATA);
	archive_free(archive);
	archive = archive_of_files(names, fds, 0);
	assert_int_equal(archive_count(archive), 0);
	assert_int_equal(archive_find(archive, "users.csv"), SIZE_MAX);
	archive_free(archive);
	for (int i = 0; i < 3; i++) /* only borrowed */
		assert_int_equal(close(fds[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_zip, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_unusual_zips, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_names, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_long_names, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_duplicates, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_second_names, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_encryption, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_methods, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_zip64_entries, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_zip64_whole, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_declared_bombs, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_sizes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_wrong_sizes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_overlap, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_changed_bytes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_cut, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_cut_while_read, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_two_truths, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_around, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_no_zip, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_many, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_folder, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_folder_changes, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_open_files, scratch_make, scratch_remove),
	};
	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}

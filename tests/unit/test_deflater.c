/* Deflating behind the writer: what comes out is the file, whatever the pace, and nothing hangs. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "package/deflater.h"

enum { FILES = 5, LARGE = 3 * 1024 * 1024 + 17 };

static int temp(void)
{
	struct err err = {0};
	int fd = file_temp("/tmp", &err);
	assert_true(fd >= 0);
	return fd;
}

/* Text that deflates neither to nothing nor badly, the same for the same seed. */
static char *text_of(size_t length, unsigned seed)
{
	char *text = mem_new(length + 1, 1);
	uint32_t state = seed + 1;
	for (size_t i = 0; i < length; i++) {
		state = state * 1664525U + 1013904223U;
		text[i] = "0123456789,abcdef\n-"[(state >> 24) % 19];
	}
	return text;
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);
		assert_true(written > 0);
		text += written;
		length -= (size_t)written;
	}
}

static void check(int packed, const struct deflated *facts, const char *text, size_t length)
{
	assert_int_equal(facts->size, length);
	assert_int_equal(facts->crc, crc32(0, (const unsigned char *)text, (uInt)length));
	assert_int_equal(lseek(packed, 0, SEEK_END), facts->packed);
	unsigned char *bytes = mem_new(facts->packed + 1, 1);
	char *back = mem_new(length + 1, 1);
	assert_int_equal(pread(packed, bytes, facts->packed, 0), facts->packed);
	z_stream stream = {.next_in = bytes,
		.avail_in = (uInt)facts->packed,
		.next_out = (unsigned char *)back,
		.avail_out = (uInt)length + 1};
	assert_int_equal(inflateInit2(&stream, -MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, length);
	assert_int_equal(stream.avail_in, 0);
	inflateEnd(&stream);
	assert_memory_equal(back, text, length);
	free(back);
	free(bytes);
}

static void files_come_back(void **state)
{
	(void)state;
	static const size_t lengths[FILES] = {0, 1, LARGE, 128 * 1024, 70001};
	struct deflater *deflater = deflater_new(6);
	struct err err = {0};
	char *texts[FILES];
	int packed[FILES];
	int plain[FILES];
	for (unsigned i = 0; i < FILES; i++) {
		texts[i] = text_of(lengths[i], i);
		plain[i] = temp();
		packed[i] = temp();
		assert_int_equal(deflater_begin(deflater, plain[i], packed[i], "x.csv"), i);
		/* In steps that meet neither the pieces nor the end of the file. */
		for (size_t at = 0; at < lengths[i]; at += 50021) {
			size_t step = lengths[i] - at < 50021 ? lengths[i] - at : 50021;
			write_all(plain[i], texts[i] + at, step);
			deflater_reach(deflater, i, at + step);
		}
		deflater_end(deflater, i, lengths[i]);
	}
	assert_true(deflater_wait(deflater, NULL, &err));
	for (size_t i = 0; i < FILES; i++) {
		check(packed[i], deflater_result(deflater, i), texts[i], lengths[i]);
		close(plain[i]);
		close(packed[i]);
		free(texts[i]);
	}
	deflater_free(deflater);
}

/* The deflated bytes depend on the bytes only, not on when they came. */
static void pace_does_not_show(void **state)
{
	(void)state;
	char *text = text_of(LARGE, 7);
	uint64_t sizes[2];
	char *bytes[2];
	for (int way = 0; way < 2; way++) {
		struct err err = {0};
		struct deflater *deflater = deflater_new(6);
		int plain = temp();
		int packed = temp();
		deflater_begin(deflater, plain, packed, "x.csv");
		for (size_t at = 0; way == 0 && at < LARGE; at += 977) {
			size_t step = LARGE - at < 977 ? LARGE - at : 977;
			write_all(plain, text + at, step);
			deflater_reach(deflater, 0, at + step);
		}
		if (way == 1)
			write_all(plain, text, LARGE);
		deflater_end(deflater, 0, LARGE);
		assert_true(deflater_wait(deflater, NULL, &err));
		sizes[way] = deflater_result(deflater, 0)->packed;
		bytes[way] = mem_new(sizes[way], 1);
		assert_int_equal(pread(packed, bytes[way], sizes[way], 0), sizes[way]);
		close(plain);
		close(packed);
		deflater_free(deflater);
	}
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(bytes[0], bytes[1], sizes[0]);
	free(bytes[0]);
	free(bytes[1]);
	free(text);
}

static bool at_once(void)
{
	return true;
}

static void may_be_given_up(void **state)
{
	(void)state;
	struct err err = {0};
	struct deflater *deflater = deflater_new(6);
	int plain = temp();
	int packed = temp();
	deflater_begin(deflater, plain, packed, "x.csv"); /* nothing comes, and no end */
	assert_false(deflater_wait(deflater, at_once, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	deflater_free(deflater);
	deflater_free(NULL);
	close(plain);
	close(packed);
}

static void trouble_is_told(void **state)
{
	(void)state;
	/* Shorter than was said; and nowhere to write. */
	for (int way = 0; way < 2; way++) {
		struct err err = {0};
		struct deflater *deflater = deflater_new(6);
		int plain = temp();
		int packed = way == 0 ? temp() : open("/dev/null", O_RDONLY | O_CLOEXEC);
		int fine = temp();
		char *text = text_of(LARGE, 3);
		write_all(plain, text, way == 0 ? LARGE - 1 : LARGE);
		deflater_begin(deflater, plain, packed, "users.csv");
		deflater_end(deflater, 0, LARGE);
		deflater_begin(deflater, plain, fine, "orgs.csv"); /* the next one is not held up */
		deflater_end(deflater, 1, 5);
		assert_false(deflater_wait(deflater, NULL, &err));
		assert_int_equal(err.code, ERR_FILE);
		assert_non_null(strstr(err.text, "users.csv"));
		check(fine, deflater_result(deflater, 1), text, 5);
		deflater_free(deflater);
		free(text);
		close(plain);
		close(packed);
		close(fine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_back),
		cmocka_unit_test(pace_does_not_show),
		cmocka_unit_test(may_be_given_up),
		cmocka_unit_test(trouble_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

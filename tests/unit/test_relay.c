/* Bytes handed on by threads: all of them, in order, to the right consumer, with limits and endings that do not hang.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/relay.h"

enum { LINES = 7, BYTES = 3 * 1024 * 1024 + 41 };

struct consumer {
	uint64_t next;    /* place in the stream of the byte that has to come */
	unsigned seed;    /* of the bytes */
	uint64_t most;    /* wants no more behind so many */
	bool wrong;       /* another byte came */
	uint64_t refused; /* calls after it wanted no more */
	bool over;
};

static char byte_at(unsigned seed, uint64_t place)
{
	return (char)((place * 2654435761U + seed * 97U) >> 7);
}

static bool take(void *context, const char *data, size_t length)
{
	struct consumer *consumer = context;
	consumer->refused += consumer->over;
	for (size_t i = 0; i < length; i++)
		consumer->wrong = consumer->wrong || data[i] != byte_at(consumer->seed, consumer->next++);
	consumer->over = consumer->next > consumer->most;
	return !consumer->over;
}

static void all_come_in_order(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 4; threads++) {
		struct relay *relay = relay_new(threads);
		struct consumer consumers[LINES] = {0};
		struct relay_line *lines[LINES];
		for (unsigned i = 0; i < LINES; i++) {
			consumers[i] = (struct consumer){.seed = i, .most = UINT64_MAX};
			lines[i] = relay_line_new(relay, take, &consumers[i]);
		}
		/* Pieces of all sizes, some larger than what may be on the way. */
		static const size_t sizes[] = {1, 16384, 3, 300000, 70001, 1023};
		uint64_t sent[LINES] = {0};
		char *piece = mem_new(300000, 1);
		for (unsigned turn = 0; sent[LINES - 1] < BYTES; turn++)
			for (unsigned i = 0; i < LINES; i++) {
				size_t size = sizes[(turn + i) % (sizeof(sizes) / sizeof(sizes[0]))];
				for (size_t k = 0; k < size; k++)
					piece[k] = byte_at(i, sent[i] + k);
				assert_true(relay_add(lines[i], piece, size));
				sent[i] += size;
			}
		for (unsigned i = 0; i < LINES; i++) {
			assert_true(relay_settle(lines[i]));
			assert_int_equal(consumers[i].next, sent[i]);
			assert_false(consumers[i].wrong);
			relay_line_free(lines[i]);
		}
		free(piece);
		relay_free(relay);
	}
}

static void a_refusal_is_heard(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 2; threads++) {
		struct relay *relay = relay_new(threads);
		struct consumer consumer = {.most = 1000};
		struct relay_line *line = relay_line_new(relay, take, &consumer);
		char *piece = mem_new(BYTES, 1);
		for (size_t k = 0; k < BYTES; k++)
			piece[k] = byte_at(0, k);
		/* More than can be on the way, so that it is heard at the latest here. */
		relay_add(line, piece, 2000);
		relay_add(line, piece + 2000, BYTES - 2000);
		assert_false(relay_settle(line));
		assert_false(relay_add(line, piece, 1));
		assert_false(relay_settle(line));
		assert_int_equal(consumer.refused, 0);

		/* Cleared, it is as new. */
		relay_clear(line);
		consumer = (struct consumer){.most = UINT64_MAX};
		assert_true(relay_add(line, piece, 5000));
		assert_true(relay_settle(line));
		assert_int_equal(consumer.next, 5000);
		assert_false(consumer.wrong);
		relay_line_free(line);
		relay_free(relay);
		free(piece);
	}
}

static void lines_may_be_dropped_at_any_time(void **state)
{
	(void)state;
	struct relay *relay = relay_new(2);
	char *piece = mem_new(BYTES, 1);
	for (size_t k = 0; k < BYTES; k++)
		piece[k] = byte_at(0, k);
	for (int i = 0; i < 200; i++) {
		struct consumer consumer = {.most = UINT64_MAX};
		struct relay_line *line = relay_line_new(relay, take, &consumer);
		relay_add(line, piece, (size_t)i * 1000);
		if (i % 2 == 0) {
			relay_clear(line);
			uint64_t came = consumer.next;
			assert_true(relay_settle(line));
			assert_int_equal(consumer.next, came); /* nothing comes behind a clear */
		}
		relay_line_free(line);
		assert_false(consumer.wrong);
	}
	relay_free(relay);
	relay_free(NULL);
	relay_line_free(NULL);
	free(piece);
}

static void works_without_a_relay(void **state)
{
	(void)state;
	struct consumer consumer = {.most = 3};
	struct relay_line *line = relay_line_new(NULL, take, &consumer);
	char bytes[4];
	for (size_t k = 0; k < 4; k++)
		bytes[k] = byte_at(0, k);
	assert_true(relay_add(line, bytes, 3));
	assert_int_equal(consumer.next, 3);
	assert_false(relay_add(line, bytes + 3, 1));
	assert_false(relay_settle(line));
	assert_false(consumer.wrong);
	relay_line_free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_come_in_order),
		cmocka_unit_test(a_refusal_is_heard),
		cmocka_unit_test(lines_may_be_dropped_at_any_time),
		cmocka_unit_test(works_without_a_relay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

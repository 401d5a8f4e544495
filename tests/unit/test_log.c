#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "scratch.h"

static int caught = -1;
static int real_stderr = -1;
static char seen[16 * 1024];

/* From here to give_back, what goes to stderr is caught. */
static void catch_stderr(const struct scratch *scratch)
{
	struct err err = {0};
	caught = file_temp(scratch->folder, &err);
	real_stderr = dup(STDERR_FILENO);
	assert_true(caught >= 0 && dup2(caught, STDERR_FILENO) >= 0);
}

static const char *give_back(void)
{
	ssize_t length = pread(caught, seen, sizeof(seen) - 1, 0);
	seen[length > 0 ? length : 0] = '\0';
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(caught);
	return seen;
}

static void test_text(void **state)
{
	catch_stderr(*state);
	log_open(LOG_INFO, LOG_TEXT);
	log_line(LOG_ERROR, "users", "%d rows", 3);
	log_line(LOG_WARNING, "users", "careful");
	log_line(LOG_INFO, NULL, "hello");
	log_line(LOG_DEBUG, "users", "not wanted");
	log_open(LOG_ERROR, LOG_TEXT);
	log_line(LOG_WARNING, "users", "not wanted");
	log_line(LOG_NOTICE, "progress", "asked for");
	log_open(LOG_DEBUG, LOG_TEXT);
	log_line(LOG_DEBUG, "http", "GET");
	assert_string_equal(give_back(), "rosterzip: error: users: 3 rows\nrosterzip: warning: users: careful\n"
					 "rosterzip: hello\nrosterzip: progress: asked for\nrosterzip: http: GET\n");
}

static void test_harmless(void **state)
{
	catch_stderr(*state);
	log_open(LOG_INFO, LOG_TEXT);
	/* a new line, an escape sequence of a terminal, DEL, and the one byte form of one in UTF-8 (U+009B) */
	log_line(LOG_INFO, "a\nb", "one\r\ntwo\x1B[2J\x7F\xC2\x9B!");
	/* é, 中 and an emoji stay */
	log_line(LOG_INFO, NULL, "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80");
	/* a lone continuation, an overlong slash, a surrogate, beyond U+10FFFF, cut off, Latin-1 */
	log_line(LOG_INFO, NULL, "\x80|\xC0\xAF|\xED\xA0\x80|\xF4\x90\x80\x80|\xE4\xB8|\xE9t\xE9");
	assert_string_equal(give_back(),
		"rosterzip: a b: one  two [2J  !\n"
		"rosterzip: \xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\n"
		"rosterzip: \uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD|\uFFFDt\uFFFD"
		"\n");
}

/* As systemd has it: "<priority>" in front of what goes straight into the journal, and nothing there but the text. */
static void test_journal(void **state)
{
	struct stat status;
	char stream[64];
	catch_stderr(*state);
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_DEBUG, LOG_TEXT);
	log_line(LOG_ERROR, "users", "%d rows", 3);
	log_line(LOG_WARNING, NULL, "careful");
	log_line(LOG_NOTICE, NULL, "asked for");
	log_line(LOG_INFO, NULL, "hello");
	log_line(LOG_DEBUG, "http", "GET");
	log_last("the end");
	/* Standard error was led elsewhere since. */
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_DEBUG, LOG_TEXT);
	log_line(LOG_INFO, NULL, "hello");
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(give_back(),
		"<3>users: 3 rows\n<4>careful\n<5>asked for\n<6>hello\n<7>http: GET\n<3>the end\nrosterzip: hello\n");
}

static void test_last(void **state)
{
	catch_stderr(*state);
	log_open(LOG_ERROR, LOG_TEXT);
	log_last("the end");
	log_open(LOG_ERROR, LOG_JSON);
	log_last("the end");
	const char *said = give_back();
	static const char text[] = "rosterzip: error: the end\n{\"time\":\"";
	static const char json[] = "Z\",\"level\":\"error\",\"subject\":\"\",\"text\":\"the end\"}\n";
	assert_memory_equal(said, text, strlen(text));
	assert_string_equal(strchr(said, 'Z'), json);
}

static void test_json(void **state)
{
	catch_stderr(*state);
	log_open(LOG_DEBUG, LOG_JSON);
	log_line(LOG_WARNING, "us\"ers", "a \\ \"b\"\n\t\x01\xFF\xC3\xA9");
	log_line(LOG_DEBUG, NULL, "%s", "");
	const char *at = give_back();
	/* The time is the only thing that cannot be known. */
	assert_memory_equal(at, "{\"time\":\"", 9);
	assert_int_equal(at[9 + 10], 'T');
	assert_int_equal(at[9 + 19], 'Z');
	at += 9 + 20;
	const char *expected =
		"\",\"level\":\"warning\",\"subject\":\"us\\\"ers\",\"text\":\"a \\\\ \\\"b\\\"   \uFFFD\u00E9\"}\n";
	assert_memory_equal(at, expected, strlen(expected));
	at += strlen(expected) + 9 + 20;
	assert_string_equal(at, "\",\"level\":\"debug\",\"subject\":\"\",\"text\":\"\"}\n");
}

/* A text that is too long is cut, and the line still ends. */
static void test_long(void **state)
{
	char long_text[6000];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	catch_stderr(*state);
	log_open(LOG_INFO, LOG_TEXT);
	log_line(LOG_INFO, NULL, "%s", long_text);
	const char *line = give_back();
	size_t length = strlen(line);
	assert_int_equal(length, strlen("rosterzip: ") + 4095 + 1);
	assert_int_equal(line[length - 1], '\n');
}

static int hooked;

static void hook(void)
{
	hooked++;
	if (write(STDERR_FILENO, "<erased>", 8) != 8)
		hooked = -1;
}

static void test_hook(void **state)
{
	catch_stderr(*state);
	log_open(LOG_WARNING, LOG_TEXT);
	log_before(hook);
	log_line(LOG_INFO, NULL, "not wanted"); /* nothing to erase for */
	errno = ENOENT;
	log_line(LOG_WARNING, NULL, "seen");
	int failure = errno;
	log_before(NULL);
	log_line(LOG_WARNING, NULL, "plain");
	assert_string_equal(give_back(), "<erased>rosterzip: warning: seen\nrosterzip: warning: plain\n");
	assert_int_equal(hooked, 1);
	assert_int_equal(failure, ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text),
		TEST(test_harmless),
		TEST(test_journal),
		TEST(test_last),
		TEST(test_json),
		TEST(test_long),
		TEST(test_hook),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

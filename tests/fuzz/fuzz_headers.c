/*
 * The headers that say when to ask again. Input: a byte for the status, one for the tries, then a line each for
 * Retry-After, Date and X-RateLimit-Reset.
 * Holds: the wait is never shorter than our own and never longer than a week; a date reads the same in the other forms.
 */
#include "fuzz.h"

#include <time.h>

#include "base/time.h"
#include "fetch/retry.h"

enum { WEEK_MS = 7 * 86400 * 1000 };

static const int64_t now = 1790000000;
static const long statuses[] = {200, 408, 429, 500, 503};

static void assert_reads(const char *text, int64_t seconds)
{
	int64_t again = 0;
	fuzz_must(time_from_http(text, &again), "a date of the library can be read");
	fuzz_must(again == seconds, "and is the same moment");
}

static void assert_date(const char *text)
{
	int64_t seconds = INT64_MIN;
	struct tm tm;
	char other[64];
	if (!time_from_http(text, &seconds)) {
		fuzz_must(seconds == INT64_MIN, "what is no date sets nothing");
		return;
	}
	time_t moment = (time_t)seconds;
	fuzz_must(gmtime_r(&moment, &tm) != NULL, "a date is a moment");
	/* Elsewhere the library writes no four digits. A leap second can lead past the year 9999. */
	if (tm.tm_year + 1900 < 1000 || tm.tm_year + 1900 > 9999)
		return;
	fuzz_must(strftime(other, sizeof(other), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0, "the library can write it");
	assert_reads(other, seconds);
	fuzz_must(strftime(other, sizeof(other), "%a %b %e %H:%M:%S %Y", &tm) > 0, "in the old form too");
	assert_reads(other, seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct http_reply reply = {.status = statuses[fuzz_byte(&input) % (sizeof(statuses) / sizeof(statuses[0]))]};
	unsigned tries = fuzz_byte(&input);
	int64_t own = retry_wait_ms(&reply, tries, now, tries);
	reply.retry_after = fuzz_line_text(&input);
	reply.date = fuzz_line_text(&input);
	reply.rate_reset = fuzz_line_text(&input);
	int64_t wait = retry_wait_ms(&reply, tries, now, tries);
	fuzz_must(own > 0 && own <= RETRY_CAP_MS, "our own wait is bounded");
	fuzz_must(wait >= own && wait <= WEEK_MS, "the server can make us wait longer, but not for ever");
	retry_judge(&reply, tries);
	const char *const texts[] = {reply.retry_after, reply.date, reply.rate_reset};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i] != NULL)
			assert_date(texts[i]);
	http_reply_release(&reply);
	return 0;
}

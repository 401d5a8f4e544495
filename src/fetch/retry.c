#include "fetch/retry.h"

#include <stddef.h>

#include "base/time.h"

enum {
	DOUBLINGS_MAX = 16,           /* far over the cap, far under an overflow */
	WISH_MAX_SECONDS = 7 * 86400, /* longer wishes are taken for nonsense */
};

static const int64_t EPOCH_SECONDS_MIN = 1000000000; /* the year 2001: a smaller number is no moment */
static const int64_t EPOCH_MS_MIN = 1000000000000;
static const int64_t EPOCH_MS_MAX = 100000000000000;

static enum retry_verdict judge_status(long status, unsigned tries)
{
	switch (status) {
	case 408:
	case 425:
	case 429: return RETRY_AGAIN;
	case 500: return tries <= 1 ? RETRY_AGAIN : RETRY_NEVER;
	case 413:
	case 502:
	case 503:
	case 504: return RETRY_SMALLER;
	default: return RETRY_NEVER;
	}
}

enum retry_verdict retry_judge(const struct http_reply *reply, unsigned tries)
{
	/* An answer that says no says so even if the explanation was cut. */
	if (reply->status >= 300 && reply->failure != HTTP_ABORTED && reply->failure != HTTP_STOPPED)
		return judge_status(reply->status, tries);
	switch (reply->failure) {
	case HTTP_CONNECT: return RETRY_AGAIN;
	case HTTP_TIMEOUT:
	case HTTP_CUT: return RETRY_SMALLER;
	case HTTP_OK:
	case HTTP_TLS:
	case HTTP_TOO_MUCH:
	case HTTP_ABORTED:
	case HTTP_STOPPED:
	case HTTP_OTHER: break;
	}
	return RETRY_NEVER;
}

/* Reads "120" or "1.5" as milliseconds; false for anything else. */
static bool read_number(const char *text, int64_t *ms)
{
	int64_t whole = 0;
	int64_t part = 0;
	int64_t scale = 100;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (whole > EPOCH_MS_MAX)
			return false;
		whole = whole * 10 + (*text - '0');
	}
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			part += (*text - '0') * scale;
	if (*text != '\0' || whole > EPOCH_MS_MAX)
		return false;
	*ms = whole * 1000 + part;
	return true;
}

/* Milliseconds that a header value asks for; 0 when it asks for nothing that makes sense. */
static int64_t wish(const char *text, int64_t now)
{
	int64_t ms = 0;
	int64_t moment = 0;
	if (read_number(text, &ms)) {
		if (ms / 1000 >= EPOCH_MS_MIN)
			ms = ms / 1000 - now * 1000;
		else if (ms / 1000 >= EPOCH_SECONDS_MIN)
			ms -= now * 1000;
	} else if (time_from_http(text, &moment)) {
		ms = (moment - now) * 1000;
	}
	return ms > 0 && ms <= WISH_MAX_SECONDS * INT64_C(1000) ? ms : 0;
}

int64_t retry_wait_ms(const struct http_reply *reply, unsigned tries, int64_t now_unix, uint32_t random)
{
	unsigned doublings = tries > 1 ? tries - 1 : 0;
	int64_t wait = (int64_t)RETRY_BASE_MS << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
	wait += (int64_t)(random % (uint32_t)RETRY_BASE_MS) * wait / RETRY_BASE_MS / 2;
	if (wait > RETRY_CAP_MS)
		wait = RETRY_CAP_MS - (int64_t)(random % (uint32_t)RETRY_BASE_MS);

	/* The server's own clock, where it shows it, makes a wrong clock of ours harmless. */
	int64_t now = now_unix;
	if (reply->date != NULL)
		time_from_http(reply->date, &now);
	int64_t asked = 0;
	if (reply->retry_after != NULL)
		asked = wish(reply->retry_after, now);
	else if (reply->rate_reset != NULL && (reply->status == 429 || reply->status == 503))
		asked = wish(reply->rate_reset, now); /* elsewhere it only tells when the quota is full again */
	return asked > wait ? asked : wait;
}

#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "stop.h"

enum {
	FIRST_MS = 1000,
	EVERY_MS = 500,
	LINE_MAX_WIDTH = 200,
};

static bool drawing;
static bool shown;
static int64_t next_at;
static int rate_table = -1; /* what the rate is measured for */
static uint64_t rate_rows;
static int64_t rate_at;

void progress_open(bool wanted)
{
	drawing = wanted && isatty(STDERR_FILENO) == 1;
	next_at = time_ms() + FIRST_MS;
	if (drawing)
		log_before(progress_clear);
}

void progress_clear(void)
{
	if (shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	shown = false;
}

static size_t terminal_width(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col < LINE_MAX_WIDTH ? size.ws_col : LINE_MAX_WIDTH;
	return 80;
}

/* "12345678" as "12,345,678". */
static void thousands(uint64_t number, char out[static 32])
{
	char digits[32];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	char *to = out;
	for (int i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
}

static double rate(const struct stats *stats, uint64_t rows)
{
	int64_t now = time_ms();
	if (stats->current_table != rate_table || rows < rate_rows) {
		rate_table = stats->current_table;
		rate_rows = rows;
		rate_at = now;
		return 0;
	}
	return now > rate_at ? (double)(rows - rate_rows) * 1000.0 / (double)(now - rate_at) : 0;
}

static void compose(const struct stats *stats, char *line, size_t room)
{
	if (stats->current == NULL || stats->current_table < 0) {
		snprintf(line, room, "%s", stats->current != NULL ? stats->current : "working");
		return;
	}
	const struct table_stats *table = &stats->tables[stats->current_table];
	char rows[32];
	char of[40] = "";
	char per_second[32];
	thousands(table->rows, rows);
	if (table->has_total) {
		char total[32];
		thousands(table->total, total);
		snprintf(of, sizeof(of), " of %s", total);
	}
	thousands((uint64_t)rate(stats, table->rows), per_second);
	snprintf(line, room, "%s: %s%s rows, %s rows/s, %zu in flight%s", stats->current, rows, of, per_second,
		stats->in_flight, table->rereads > 0 ? ", reading again" : "");
}

void progress_draw(struct stats *stats)
{
	char line[LINE_MAX_WIDTH + 1];
	if (stop_progress_wanted()) {
		compose(stats, line, sizeof(line));
		log_line(LOG_NOTICE, "progress", "%s", line);
	}
	int64_t now = time_ms();
	if (!drawing || now < next_at)
		return;
	next_at = now + EVERY_MS;
	size_t width = terminal_width();
	compose(stats, line, width < sizeof(line) ? width : sizeof(line));
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
	shown = true;
}

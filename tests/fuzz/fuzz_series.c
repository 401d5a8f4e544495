/*
 * Names with dates, and which of the files that bear them are kept. Input: a byte that says what, modulo four: 0 names,
 * a line each; 1 eight bytes of a time, then a name with places for it; 2 four bytes of a rule and two numbers of four
 * bytes for each snapshot; 3 four bytes of a rule, then names of files in a folder, a line each.
 * Holds: a name is read as by a judge who knows the shapes of dates; what stands before and behind the date is the
 * series, and with another date of that shape it is the same one. A filled name fits its places, and where they make a
 * date, it is read back. What a rule keeps is what the judge of calendars says, whatever the order; the newest is
 * kept, and a larger rule keeps no less. In a folder only snapshots are removed, and only those that no rule keeps.
 */
#include "fuzz.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "dated.h"
#include "package/retention.h"
#include "package/series.h"

enum {
	NAMES,
	PLACES,
	RULES,
	FOLDER,
	WAYS,
	FILES_MAX = 8,
	SNAPSHOTS_MAX = 24,
	NAME_LONGEST = 200,
	SHAPE_LONGEST = 32,
	RULE_KINDS = 4,
	DAYS_OF_RULES = 5 * 366, /* enough for years, few enough for days to be met again */
	FIRST_DAY = 10000,       /* 1997-05-19 */
	DAY_SECONDS = 86400,
	PERIOD_LONGEST = 24,
	YEAR_FIRST = 1900,
	YEAR_LAST = 9999,
};

/* ---- Dates, read by the judge ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month < 1 || month > 12 ? 0 : days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days since 1970 of a date since 1900, counted year by year. */
static int64_t day_number(int year, int month, int day)
{
	static int32_t begins[YEAR_LAST - YEAR_FIRST + 1];
	if (begins[0] == 0) {
		begins[0] = -25567; /* 70 years with 17 leap days before 1970 */
		for (int y = YEAR_FIRST; y < YEAR_LAST; y++)
			begins[y - YEAR_FIRST + 1] = begins[y - YEAR_FIRST] + (is_leap(y) ? 366 : 365);
	}
	int64_t days = begins[year - YEAR_FIRST] + day - 1;
	for (int m = 1; m < month; m++)
		days += days_of(year, m);
	return days;
}

/* A shape has letters for digits (Y M D h m s), ? for one of the joints of a time, and all else as it is. */
static const char *const date_shapes[] = {"YYYYMMDD", "YYYY-MM-DD", "YYYY_MM_DD", "YYYY.MM.DD"};

/* The longest that fits counts, even where its numbers are no time. */
static const char *const time_shapes[] = {"?hh-mm-ss", "?hh_mm_ss", "?hh.mm.ss", "?hh:mm:ss", "?hhmmss", "hhmmss",
	"?hh-mm", "?hh_mm", "?hh.mm", "?hh:mm", "?hhmm", "hhmm"};

enum { DATE_SHAPES = sizeof(date_shapes) / sizeof(date_shapes[0]) };
enum { TIME_SHAPES = sizeof(time_shapes) / sizeof(time_shapes[0]) };

struct numbers {
	int year;
	int month;
	int day;
	int hour;
	int minute;
	int second;
};

/* Whether text begins with a shape behind which no digit follows, and the numbers of it. */
static bool fits_shape(const char *shape, const char *text, struct numbers *numbers)
{
	for (; *shape != '\0'; shape++, text++) {
		int *number = *shape == 'Y'   ? &numbers->year
			      : *shape == 'M' ? &numbers->month
			      : *shape == 'D' ? &numbers->day
			      : *shape == 'h' ? &numbers->hour
			      : *shape == 'm' ? &numbers->minute
			      : *shape == 's' ? &numbers->second
					      : NULL;
		if (number != NULL && is_digit(*text))
			*number = *number * 10 + (*text - '0');
		else if (number != NULL || *text == '\0' ||
			 (*shape == '?' ? strchr("-_T.:", *text) == NULL : *shape != *text))
			return false;
	}
	return true;
}

static bool is_date(const struct numbers *numbers)
{
	return numbers->year >= 1900 && numbers->day >= 1 && numbers->day <= days_of(numbers->year, numbers->month);
}

/* How long the moment at text is, its numbers, and its shape; 0 for none. */
static size_t moment_at(const char *text, struct numbers *numbers, char shape[static SHAPE_LONGEST])
{
	size_t date = DATE_SHAPES;
	for (size_t i = 0; i < DATE_SHAPES && date == DATE_SHAPES; i++) {
		*numbers = (struct numbers){0};
		if (fits_shape(date_shapes[i], text, numbers))
			date = i;
	}
	if (date == DATE_SHAPES || !is_date(numbers))
		return 0;
	size_t length = strlen(date_shapes[date]);
	snprintf(shape, SHAPE_LONGEST, "%s", date_shapes[date]);
	for (size_t i = 0; i < TIME_SHAPES; i++) {
		struct numbers found = *numbers;
		const char *rest = text + length;
		if ((date > 0 && time_shapes[i][0] != '?') || !fits_shape(time_shapes[i], rest, &found) ||
			is_digit(rest[strlen(time_shapes[i])]))
			continue;
		if (found.hour > 23 || found.minute > 59 || found.second > 59)
			break;
		*numbers = found;
		snprintf(shape, SHAPE_LONGEST, "%s%s", date_shapes[date], time_shapes[i]);
		return length + strlen(time_shapes[i]);
	}
	return is_digit(text[length]) ? 0 : length;
}

/* Where the date of a name is and how long, its numbers and shape; false when it is no name of a dated zip. */
static bool find_moment(
	const char *name, size_t *at, size_t *length, struct numbers *numbers, char shape[static SHAPE_LONGEST])
{
	size_t end = strlen(name);
	if (end < 4 || strcmp(name + end - 4, ".zip") != 0 || name[0] == '.')
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7F || *c == '*')
			return false;
	for (*at = 0; name[*at] != '\0'; ++*at) {
		*length = *at > 0 && is_digit(name[*at - 1]) ? 0 : moment_at(name + *at, numbers, shape);
		if (*length > 0)
			return true;
	}
	return false;
}

static bool is_time(const struct retention_time *time, const struct numbers *numbers)
{
	return time->day == day_number(numbers->year, numbers->month, numbers->day) &&
	       time->second == (numbers->hour * 60 + numbers->minute) * 60 + numbers->second;
}

/* ---- Names ---- */

/* The same name with another date in place of its own. */
static void check_sibling(
	const char *name, size_t at, const char *shape, const char *series, const struct numbers *numbers)
{
	char *other = mem_copy(name);
	struct numbers date = {
		.year = 1900 + (numbers->year * 7 + numbers->day) % 300,
		.month = numbers->month % 12 + 1,
		.day = numbers->day % 28 + 1,
		.hour = strchr(shape, 'h') != NULL ? (numbers->hour + 5) % 24 : 0,
		.minute = strchr(shape, 'm') != NULL ? (numbers->minute + 31) % 60 : 0,
		.second = strchr(shape, 's') != NULL ? (numbers->second + 47) % 60 : 0,
	};
	const struct {
		char letter;
		int number;
	} places[] = {{'Y', date.year}, {'M', date.month}, {'D', date.day}, {'h', date.hour}, {'m', date.minute},
		{'s', date.second}};
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		int rest = places[p].number;
		for (size_t i = strlen(shape); i > 0; i--)
			if (shape[i - 1] == places[p].letter) {
				other[at + i - 1] = (char)('0' + rest % 10);
				rest /= 10;
			}
	}
	struct retention_time time;
	char *again = NULL;
	fuzz_must(series_read_name(other, &time, &again), "a name with another date is one");
	fuzz_must(strcmp(again, series) == 0, "of the same series");
	fuzz_must(is_time(&time, &date), "and of that date");
	free(again);
	free(other);
}

static void check_name(const char *name)
{
	struct retention_time time = {.day = -1, .second = -1};
	struct numbers numbers = {0};
	char shape[SHAPE_LONGEST] = "";
	char *series = NULL;
	size_t at = 0;
	size_t length = 0;
	bool dated = find_moment(name, &at, &length, &numbers, shape);
	fuzz_must(series_read_name(name, &time, &series) == dated, "a name has a date or none");
	fuzz_must((series != NULL) == dated, "only one with a date is of a series");
	if (!dated) {
		fuzz_must(time.day == -1 && time.second == -1, "and has a time");
		return;
	}
	char *wanted = mem_format("%.*s*%s", (int)at, name, name + at + length);
	fuzz_must(strcmp(series, wanted) == 0, "a series is the name but for the date");
	fuzz_must(is_time(&time, &numbers), "the time is the one that stands there");
	fuzz_must(time.second >= 0 && time.second < DAY_SECONDS, "it is one of the day");
	check_sibling(name, at, shape, series, &numbers);
	free(wanted);
	free(series);
}

/* ---- Places ---- */

/* Whether a text has none but the usual places, and no letters behind the name of a day or month that may belong to it
 * or not. */
static bool is_usual(const char *text)
{
	for (const char *c = strchr(text, '%'); c != NULL; c = strchr(c + 1, '%')) {
		c++;
		bool name = *c != '\0' && strchr("abhAB", *c) != NULL;
		if (*c == '\0' || strchr("aAbBCdDeFgGhHIjmMpPrRSTuUVwWxXyYZ%", *c) == NULL ||
			(name && isalpha((unsigned char)c[1])))
			return false;
	}
	return true;
}

/* A name that ends in a date is read back, unless the text has what may be a date or makes it no name. */
static void check_dated(const char *text, int64_t seconds, const struct tm *tm)
{
	static const struct {
		const char *places;
		bool minutes;
		bool seconds;
	} dates[] = {{"%Y%m%d", false, false}, {"%F", false, false}, {"%Y_%m_%dT%H%M", true, false},
		{"%Y%m%d%H%M%S", true, true}, {"%Y.%m.%d-%T", true, true}};
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7F || strchr("0123456789.*%", *c) != NULL)
			return;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		char *places = mem_format("%s%s.zip", text, dates[i].places);
		char *wanted = mem_format("%s*.zip", text);
		char *name = dated_fill(places, seconds);
		char *series = NULL;
		struct retention_time time;
		struct numbers numbers = {
			.year = tm->tm_year + 1900,
			.month = tm->tm_mon + 1,
			.day = tm->tm_mday,
			.hour = dates[i].minutes ? tm->tm_hour : 0,
			.minute = dates[i].minutes ? tm->tm_min : 0,
			.second = dates[i].seconds ? tm->tm_sec : 0,
		};
		fuzz_must(name != NULL && dated_fits(places, name), "a dated name fits");
		fuzz_must(series_read_name(name, &time, &series), "it is that of a snapshot");
		fuzz_must(is_time(&time, &numbers), "of the time it was filled with");
		fuzz_must(strcmp(series, wanted) == 0, "in the series of the text");
		free(series);
		free(name);
		free(wanted);
		free(places);
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the places are the input */
static size_t fill(const char *text, const struct tm *tm, char *out, size_t room)
{
	return strftime(out, room, text, tm);
}
#pragma GCC diagnostic pop

static void check_places(int64_t seconds, const char *text)
{
	static char whole[16 * PATH_MAX];
	char *filled = dated_fill(text, seconds);
	time_t when = (time_t)seconds;
	struct tm tm;
	bool places = strchr(text, '%') != NULL;
	bool calendar = localtime_r(&when, &tm) != NULL;
	fuzz_must(dated_has_places(text) == places, "a place begins with a percent sign");
	if (places) {
		size_t length = calendar ? fill(text, &tm, whole, sizeof(whole)) : 0;
		bool fills = length > 0 && length < PATH_MAX; /* a time that is none fills no name */
		fuzz_must((filled != NULL) == fills, "a filled name is a path");
		fuzz_must(!fills || strcmp(filled, whole) == 0, "as the calendar has it");
	} else {
		fuzz_must(filled != NULL && strcmp(filled, text) == 0, "what has no places stays");
		fuzz_must(dated_fits(text, text), "and fits itself");
	}
	bool usual = calendar && tm.tm_year >= 0 && tm.tm_year + 1900 <= 9999 && strlen(text) < NAME_LONGEST;
	if (usual && places && is_usual(text)) {
		fuzz_must(filled != NULL, "a usual name can be filled");
		fuzz_must(dated_fits(text, filled), "what was filled fits its places");
		char *longer = mem_format("%s!", filled);
		fuzz_must(!dated_fits(text, longer), "with more behind it does not");
		free(longer);
	}
	if (usual)
		check_dated(text, seconds, &tm);
	free(filled);
}

/* ---- Rules ---- */

static bool is_newer(const struct retention_time *times, size_t one, size_t other)
{
	if (times[one].day != times[other].day)
		return times[one].day > times[other].day;
	if (times[one].second != times[other].second)
		return times[one].second > times[other].second;
	return one > other;
}

/* Of snapshots the one that is the newest of its period, for each kind of period; and how many newer ones there are. */
struct ranks {
	size_t newest[RULE_KINDS][SNAPSHOTS_MAX];
	size_t newer[SNAPSHOTS_MAX];
};

/* Periods are told apart as calendars write them. */
static void rank(const struct retention_time *times, size_t count, struct ranks *ranks)
{
	char periods[RULE_KINDS][SNAPSHOTS_MAX][PERIOD_LONGEST];
	for (size_t i = 0; i < count; i++) {
		time_t when = (time_t)(times[i].day * DAY_SECONDS);
		struct tm tm;
		gmtime_r(&when, &tm);
		snprintf(periods[0][i], PERIOD_LONGEST, "%zu", i);
		strftime(periods[1][i], PERIOD_LONGEST, "%Y%m%d", &tm);
		strftime(periods[2][i], PERIOD_LONGEST, "%G-%V", &tm);
		strftime(periods[3][i], PERIOD_LONGEST, "%Y%m", &tm);
	}
	for (size_t i = 0; i < count; i++) {
		ranks->newer[i] = 0;
		for (size_t kind = 0; kind < RULE_KINDS; kind++)
			ranks->newest[kind][i] = i;
		for (size_t j = 0; j < count; j++) {
			if (!is_newer(times, j, i))
				continue;
			ranks->newer[i]++;
			for (size_t kind = 0; kind < RULE_KINDS; kind++)
				if (strcmp(periods[kind][i], periods[kind][j]) == 0 &&
					is_newer(times, j, ranks->newest[kind][i]))
					ranks->newest[kind][i] = j;
		}
	}
}

/* Which rules keep a snapshot: those whose number is larger than the number of newer periods; and of its period it has
 * to be the newest. */
static unsigned reasons(const struct retention *rule, const struct ranks *ranks, size_t count, size_t which)
{
	const long numbers[RULE_KINDS] = {rule->last, rule->daily, rule->weekly, rule->monthly};
	static const unsigned bits[RULE_KINDS] = {RETENTION_LAST, RETENTION_DAILY, RETENTION_WEEKLY, RETENTION_MONTHLY};
	unsigned kept = 0;
	for (size_t kind = 0; kind < RULE_KINDS; kind++) {
		long newer = 0;
		for (size_t i = 0; i < count; i++)
			if (ranks->newest[kind][i] == i && ranks->newer[i] < ranks->newer[which])
				newer++;
		if (ranks->newest[kind][which] == which && newer < numbers[kind])
			kept |= bits[kind];
	}
	return kept;
}

static struct retention take_rule(struct fuzz_input *input)
{
	struct retention rule = {0};
	rule.last = (long)(fuzz_byte(input) % (SNAPSHOTS_MAX + 2));
	rule.daily = (long)(fuzz_byte(input) % (SNAPSHOTS_MAX + 2));
	rule.weekly = (long)(fuzz_byte(input) % (SNAPSHOTS_MAX + 2));
	rule.monthly = (long)(fuzz_byte(input) % (SNAPSHOTS_MAX + 2));
	return rule;
}

static uint32_t take_number(struct fuzz_input *input)
{
	uint32_t number = 0;
	for (int i = 0; i < 4; i++)
		number = number << 8 | fuzz_byte(input);
	return number;
}

static bool is_rule(const struct retention *rule)
{
	return rule->last > 0 || rule->daily > 0 || rule->weekly > 0 || rule->monthly > 0;
}

static void check_rules(struct fuzz_input *input)
{
	struct retention rule = take_rule(input);
	struct ranks ranks;
	struct retention_time times[SNAPSHOTS_MAX] = {{0}};
	struct retention_time turned[SNAPSHOTS_MAX] = {{0}};
	unsigned kept[SNAPSHOTS_MAX];
	unsigned again[SNAPSHOTS_MAX];
	size_t count = 0;
	for (; input->left > 0 && count < SNAPSHOTS_MAX; count++) {
		times[count].day = FIRST_DAY + (int64_t)(take_number(input) % DAYS_OF_RULES);
		times[count].second = (int)(take_number(input) % DAY_SECONDS);
	}
	rank(times, count, &ranks);
	retention_apply(&rule, times, count, kept);
	size_t newest = 0;
	bool twice = false;
	for (size_t i = 0; i < count; i++) {
		turned[count - 1 - i] = times[i];
		newest = is_newer(times, i, newest) ? i : newest;
		for (size_t j = 0; j < i; j++)
			twice = twice || (times[i].day == times[j].day && times[i].second == times[j].second);
		fuzz_must(
			kept[i] == reasons(&rule, &ranks, count, i), "a snapshot is kept by the rules of the calendar");
	}
	fuzz_must(count == 0 || !is_rule(&rule) || kept[newest] != 0, "the newest is kept");
	retention_apply(&rule, turned, count, again);
	for (size_t i = 0; i < count && !twice; i++)
		fuzz_must(kept[i] == again[count - 1 - i], "the order makes no difference");
	long *numbers[RULE_KINDS] = {&rule.last, &rule.daily, &rule.weekly, &rule.monthly};
	for (size_t kind = 0; kind < RULE_KINDS; kind++) {
		++*numbers[kind];
		retention_apply(&rule, times, count, again);
		for (size_t i = 0; i < count; i++)
			fuzz_must((kept[i] & ~again[i]) == 0, "a larger rule keeps no less");
		--*numbers[kind];
	}
}

/* ---- Folders ---- */

static char *folder;

static void leave(void)
{
	rmdir(folder);
	free(folder);
}

static bool exists(const char *name)
{
	char *path = mem_format("%s/%s", folder, name);
	struct stat status;
	bool there = lstat(path, &status) == 0;
	free(path);
	return there;
}

/* Makes a file, or for a name that begins with a sign one of another kind: + a folder, @ a link. */
static char *put(struct fuzz_input *input)
{
	char *line = fuzz_line_text(input);
	if (line == NULL)
		return NULL;
	char kind = line[0];
	char *name = mem_copy(line + (kind == '+' || kind == '@' ? 1 : 0));
	char *path = mem_format("%s/%s", folder, name);
	free(line);
	bool made = false;
	if (*name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		strlen(name) <= NAME_LONGEST && !exists(name)) {
		if (kind == '+')
			made = mkdir(path, S_IRWXU) == 0;
		else if (kind == '@')
			made = symlink("/dev/null", path) == 0;
		else
			made = close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)) == 0;
	}
	free(path);
	if (made)
		return name;
	free(name);
	return NULL;
}

static void take_away(char *name)
{
	char *path = mem_format("%s/%s", folder, name);
	if (unlink(path) != 0 && rmdir(path) != 0)
		fuzz_must(errno == ENOENT || errno == ENOTDIR, "a file can be removed");
	free(path);
	free(name);
}

static bool is_file(const char *name)
{
	char *path = mem_format("%s/%s", folder, name);
	struct stat status;
	bool file = lstat(path, &status) == 0 && S_ISREG(status.st_mode);
	free(path);
	return file;
}

static const struct series_snapshot *find(const struct series_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->snapshots[i].name, name) == 0)
			return &list->snapshots[i];
	return NULL;
}

static void check_order(const struct series_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct series_snapshot *one = &list->snapshots[i];
		const struct series_snapshot *next = i + 1 < list->count ? one + 1 : NULL;
		int order = next != NULL ? strcmp(one->series, next->series) : -1;
		bool last = order != 0;
		fuzz_must(order <= 0, "a list is by series");
		fuzz_must(last || one->time.day < next->time.day ||
				  (one->time.day == next->time.day && one->time.second <= next->time.second),
			"and the oldest of one comes first");
		fuzz_must(((one->kept & SERIES_NEWEST) != 0) == last, "the newest of each is kept");
	}
}

static void check_folder(struct fuzz_input *input)
{
	struct retention rule = take_rule(input);
	char *names[FILES_MAX] = {NULL};
	bool removed[FILES_MAX] = {false};
	bool files[FILES_MAX] = {false};
	size_t count = 0;
	struct series_list list;
	struct err err = {0};
	if (folder == NULL) {
		folder = mem_format("%s/rosterzip-fuzz-XXXXXX", fuzz_folder());
		fuzz_must(mkdtemp(folder) != NULL && atexit(leave) == 0, "there is a folder to work in");
	}
	while (input->left > 0 && count < FILES_MAX) {
		char *name = put(input);
		if (name != NULL)
			names[count++] = name;
	}
	const char *named = count > 0 ? names[0] : NULL;
	fuzz_must(series_open(&list, folder, NULL, &err), "a folder can be read");
	series_judge(&list, &rule, named);
	check_order(&list);
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		struct retention_time time;
		char *series = NULL;
		const struct series_snapshot *snapshot = find(&list, names[i]);
		bool dated = series_read_name(names[i], &time, &series);
		files[i] = is_file(names[i]);
		fuzz_must((snapshot != NULL) == (dated && files[i]), "a snapshot is a file with a date");
		if (snapshot != NULL) {
			found++;
			removed[i] = snapshot->kept == 0;
			fuzz_must(strcmp(snapshot->series, series) == 0 && snapshot->time.day == time.day &&
					  snapshot->time.second == time.second,
				"it is of that time and series");
			fuzz_must(((snapshot->kept & SERIES_NAMED) != 0) == (i == 0), "what was named is kept");
		}
		free(series);
	}
	fuzz_must(found == list.count, "nothing else is listed");
	for (size_t i = 0; i < list.count; i++)
		if (list.snapshots[i].kept == 0)
			fuzz_must(series_remove(&list, i, &err), "a snapshot can be removed");
	for (size_t i = 0; i < count; i++) {
		bool gone = removed[i];
		for (size_t j = 0; j < count; j++) {
			char *sum = mem_format("%s.sha256", names[j]);
			gone = gone || (removed[j] && strcmp(sum, names[i]) == 0 && files[i]);
			free(sum);
		}
		fuzz_must(exists(names[i]) == !gone, "a snapshot goes with its check sum, and nothing else does");
	}
	series_release(&list);
	for (size_t i = 0; i < count; i++)
		take_away(names[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	unsigned way = fuzz_byte(&input) % WAYS;
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1); /* a zone with two names */
	tzset();
	if (way == PLACES) {
		uint64_t seconds = (uint64_t)take_number(&input) << 32;
		seconds |= take_number(&input);
		char *text = mem_copy_n(input.data, input.left);
		check_places((int64_t)seconds, text);
		free(text);
	} else if (way == RULES) {
		check_rules(&input);
	} else if (way == FOLDER) {
		check_folder(&input);
	}
	while (way == NAMES && input.left > 0) {
		char *name = fuzz_line_text(&input);
		if (name != NULL)
			check_name(name);
		free(name);
	}
	return 0;
}

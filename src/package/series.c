#include "package/series.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "package/sidecar.h"
#include "package/zipdir.h"
#include "table/schema.h"

static const char ending[] = ".zip";

enum {
	YEAR_MIN = 1900, /* what begins with less is a number of another kind, such as 12072026 */
	HOURS = 24,
	SIXTY = 60,
};

/* --- names ---------------------------------------------------------------------------------------------------------
 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static size_t digits_at(const char *at)
{
	return strspn(at, "0123456789");
}

/* The number of two digits; negative when they are none. */
static int two_digits(const char *at)
{
	return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1;
}

/* The length of the date that text begins with, and its day; 0 for none. */
static size_t read_date(const char *text, int64_t *day)
{
	size_t digits = digits_at(text);
	if (digits < 4)
		return 0;
	int year = two_digits(text) * 100 + two_digits(text + 2);
	char joint = text[4];
	size_t step = is_one_of(joint, "-_.") ? 1 : 0;
	if (step == 1 && (digits != 4 || digits_at(text + 5) != 2 || text[7] != joint || digits_at(text + 8) != 2))
		return 0;
	if (step == 0 && digits < 8)
		return 0;
	int month = two_digits(text + 4 + step);
	int of_month = two_digits(text + 6 + 2 * step);
	if (year < YEAR_MIN || of_month < 1 || of_month > time_month_days(year, month))
		return 0;
	*day = time_days(year, month, of_month);
	return 8 + 2 * step;
}

static bool set_second(int hour, int minute, int of_minute, int *second)
{
	if (hour < 0 || hour >= HOURS || minute < 0 || minute >= SIXTY || of_minute < 0 || of_minute >= SIXTY)
		return false;
	*second = (hour * SIXTY + minute) * SIXTY + of_minute;
	return true;
}

/* The length of the digits HHMM or HHMMSS, and the second they mean; 0 for none. */
static size_t read_joined_time(const char *text, int *second)
{
	size_t digits = digits_at(text);
	if (digits != 4 && digits != 6)
		return 0;
	return set_second(two_digits(text), two_digits(text + 2), digits == 6 ? two_digits(text + 4) : 0, second)
		       ? digits
		       : 0;
}

/* The same for HH:MM and HH:MM:SS, with one of - _ . : in between. */
static size_t read_parted_time(const char *text, int *second)
{
	if (digits_at(text) != 2)
		return 0;
	char joint = text[2];
	if (!is_one_of(joint, "-_.:") || digits_at(text + 3) != 2)
		return 0;
	bool seconds = text[5] == joint && digits_at(text + 6) == 2;
	if (!set_second(two_digits(text), two_digits(text + 3), seconds ? two_digits(text + 6) : 0, second))
		return 0;
	return seconds ? 8 : 5;
}

/* The length of the time that may follow a date, with what joins it; 0 for none. */
static size_t read_time(const char *text, int *second)
{
	if (is_digit(text[0]))
		return read_joined_time(text, second);
	if (!is_one_of(text[0], "-_T.:"))
		return 0;
	size_t length = read_joined_time(text + 1, second);
	if (length == 0)
		length = read_parted_time(text + 1, second);
	return length > 0 ? length + 1 : 0;
}

/* The length of the date, with its time, that text begins with. */
static size_t read_moment(const char *text, struct retention_time *time)
{
	size_t date = read_date(text, &time->day);
	time->second = 0;
	if (date == 0)
		return 0;
	size_t clock = read_time(text + date, &time->second);
	/* More digits than a date and a time have: a number of another kind. With hyphens nothing may follow at once.
	 */
	bool parted = date > 8;
	if (is_digit(text[date]) && (parted || clock == 0))
		return 0;
	return date + clock;
}

/* Hidden files are somebody's own; the others could not be told from a series, or would disturb a terminal. */
static bool is_odd_name(const char *name)
{
	if (name[0] == '.')
		return true;
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f' || *c == '*')
			return true;
	return false;
}

bool series_read_name(const char *name, struct retention_time *time, char **series)
{
	size_t length = strlen(name);
	size_t end = sizeof(ending) - 1;
	if (length < end || strcmp(name + length - end, ending) != 0 || is_odd_name(name))
		return false;
	for (size_t at = 0; at < length - end; at++) {
		struct retention_time found = {0};
		size_t moment = at == 0 || !is_digit(name[at - 1]) ? read_moment(name + at, &found) : 0;
		if (moment == 0)
			continue;
		*time = found;
		*series = mem_format("%.*s*%s", (int)at, name, name + at + moment);
		return true;
	}
	return false;
}

/* --- folders -------------------------------------------------------------------------------------------------------
 */

static bool is_plain_file(int folder, const char *name)
{
	struct stat status;
	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

/* Whether an entry of a zip is a file of a bundle, in whatever folder it was packed. */
static bool is_bundle_file(const char *name)
{
	const struct schema *schema = &schema_oneroster_1_1;
	const char *base = file_base(name);
	bool known = strcmp(base, "manifest.csv") == 0;
	for (int i = 0; !known && i < schema->table_count; i++)
		known = strcmp(base, schema->tables[i].file_name) == 0;
	return known;
}

/* Whether it is certain that a file is no bundle. One that is damaged or cannot be read may be one. */
static bool is_foreign(int folder, const char *name)
{
	struct zipdir dir = {0};
	struct err err = {0};
	int fd = file_open(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false;
	bool foreign = zipdir_read(fd, name, &dir, &err);
	for (size_t i = 0; foreign && i < dir.count; i++)
		foreign = !is_bundle_file(dir.entries[i].name);
	zipdir_release(&dir);
	close(fd);
	return foreign;
}

static void consider(struct series_list *list, const char *name, const char *wanted)
{
	struct series_snapshot snapshot = {0};
	if (!series_read_name(name, &snapshot.time, &snapshot.series))
		return;
	if ((wanted != NULL && strcmp(wanted, snapshot.series) != 0) || !is_plain_file(list->folder, name) ||
		is_foreign(list->folder, name)) {
		free(snapshot.series);
		return;
	}
	snapshot.name = mem_copy(name);
	list->snapshots = mem_grow(list->snapshots, list->count + 1, sizeof(*list->snapshots));
	list->snapshots[list->count++] = snapshot;
}

static int by_series_and_age(const void *a, const void *b)
{
	const struct series_snapshot *x = a;
	const struct series_snapshot *y = b;
	int order = strcmp(x->series, y->series);
	if (order != 0)
		return order;
	if (x->time.day != y->time.day)
		return x->time.day < y->time.day ? -1 : 1;
	if (x->time.second != y->time.second)
		return x->time.second < y->time.second ? -1 : 1;
	return strcmp(x->name, y->name);
}

bool series_open(struct series_list *list, const char *folder, const char *series, struct err *err)
{
	*list = (struct series_list){.path = mem_copy(folder)};
	list->folder = file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
	if (list->folder < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_USAGE, "there is no folder %s", folder);
	/* The stream closes its descriptor; ours stays, so that removal is in this folder whatever its name leads to.
	 */
	int listed = list->folder >= 0 ? fcntl(list->folder, F_DUPFD_CLOEXEC, 0) : -1;
	DIR *entries = listed >= 0 ? fdopendir(listed) : NULL;
	if (entries == NULL) {
		err_set(err, ERR_FILE, "cannot read the folder %s: %s", folder, strerror(errno));
		if (listed >= 0)
			close(listed);
		return false;
	}
	const struct dirent *entry = NULL;
	errno = 0;
	while ((entry = readdir(entries)) != NULL) {
		consider(list, entry->d_name, series);
		errno = 0;
	}
	int failure = errno;
	closedir(entries);
	/* With some of the names missing others would count as the newest. */
	if (failure != 0)
		return err_set(err, ERR_FILE, "cannot read the folder %s: %s", folder, strerror(failure));
	if (list->count > 0)
		qsort(list->snapshots, list->count, sizeof(*list->snapshots), by_series_and_age);
	return true;
}

void series_release(struct series_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->snapshots[i].name);
		free(list->snapshots[i].series);
	}
	free(list->snapshots);
	free(list->path);
	if (list->folder >= 0)
		close(list->folder);
	*list = (struct series_list){.folder = -1};
}

void series_judge(struct series_list *list, const struct retention *retention, const char *named)
{
	size_t end = 0;
	for (size_t begin = 0; begin < list->count; begin = end) {
		struct series_snapshot *first = &list->snapshots[begin];
		for (end = begin + 1; end < list->count; end++)
			if (strcmp(list->snapshots[end].series, first->series) != 0)
				break;
		size_t count = end - begin;
		struct retention_time *times = mem_new(count, sizeof(*times));
		unsigned *kept = mem_new(count, sizeof(*kept));
		for (size_t i = 0; i < count; i++)
			times[i] = first[i].time;
		retention_apply(retention, times, count, kept);
		for (size_t i = 0; i < count; i++) {
			first[i].kept = kept[i] | (i + 1 == count ? SERIES_NEWEST : 0);
			if (named != NULL && strcmp(first[i].name, named) == 0)
				first[i].kept |= SERIES_NAMED;
		}
		free(kept);
		free(times);
	}
}

/* Removes what is still a plain file. */
static bool remove_file(const struct series_list *list, const char *name, struct err *err)
{
	if (!is_plain_file(list->folder, name) || unlinkat(list->folder, name, 0) == 0 || errno == ENOENT)
		return true;
	return err_set(err, ERR_FILE, "cannot remove %s/%s: %s", list->path, name, strerror(errno));
}

bool series_remove(const struct series_list *list, size_t index, struct err *err)
{
	const char *name = list->snapshots[index].name;
	char *sidecar = sidecar_path(name);
	/* In this order: a sidecar left alone would be found by nobody. */
	bool fine = remove_file(list, sidecar, err) && remove_file(list, name, err);
	free(sidecar);
	return fine;
}

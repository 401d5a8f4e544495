#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "check/finding.h"
#include "cmd/census.h"
#include "cmd/compare.h"
#include "cmd/judging.h"
#include "cmd/portrait.h"
#include "cmd/verdict.h"
#include "config.h"
#include "dated.h"
#include "logging.h"
#include "option.h"
#include "package/archive.h"
#include "stop.h"

enum { PIECE = 64 * 1024, PAGE_MAX = 64 * 1024 * 1024 };

/* One of the two bundles: its file, and what is in it. */
struct side {
	const char *path; /* NULL: there is none */
	char *name;
	struct archive *archive;
	struct portrait_file file;
	char sha256[DIGEST_HEX_SIZE];
	struct findings *findings;
	struct judgement judgement;
	struct census census;
};

struct report {
	struct config config;
	const struct schema *schema;
	char *output;
	int64_t now;
	struct side bundle;
	struct side previous;
	struct comparison comparison;
	bool compared;
	struct err trouble; /* why they were not */
};

/* --- the bundle ----------------------------------------------------------------------------------------------------
 */

/* The last part of a path, also of a folder's that ends in a slash. */
static char *base_name(const char *path)
{
	size_t length = strlen(path);
	while (length > 1 && path[length - 1] == '/')
		length--;
	size_t begin = length;
	while (begin > 0 && path[begin - 1] != '/')
		begin--;
	return mem_copy_n(path + begin, length - begin);
}

static bool hash(struct side *side, struct err *err)
{
	char piece[PIECE];
	uint64_t bytes = 0;
	ssize_t got = -1;
	int fd = file_open(AT_FDCWD, side->path, O_RDONLY);
	struct digest *digest = digest_new();
	while (fd >= 0 && (got = read(fd, piece, sizeof(piece))) > 0) {
		digest_add(digest, piece, (size_t)got);
		bytes += (uint64_t)got;
	}
	if (got < 0)
		err_set(err, ERR_FILE, "cannot read %s: %s", side->path, strerror(errno));
	else if (bytes != archive_size(side->archive))
		err_set(err, ERR_FILE, "%s changed while it was read", side->path);
	if (fd >= 0)
		close(fd);
	digest_hex(digest, side->sha256);
	digest_free(digest);
	return err->code == ERR_NONE;
}

/* The moment a page or a bundle is of is not later than that of the page, so that a copy of a bundle makes the same
 * page as the bundle. */
static bool look_at_file(const struct report *report, struct side *side, struct err *err)
{
	struct stat status;
	if (stat(side->path, &status) != 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", side->path, strerror(errno));
	int64_t dated = (int64_t)status.st_mtime;
	side->file = (struct portrait_file){
		.name = side->name,
		.bytes = archive_size(side->archive),
		.dated = dated < report->now ? dated : report->now,
	};
	if (archive_is_zip(side->archive)) {
		side->file.sha256 = side->sha256;
		return hash(side, err);
	}
	for (size_t i = 0; i < archive_count(side->archive); i++)
		side->file.bytes += archive_entry(side->archive, i)->size;
	return true;
}

static bool open_side(const struct report *report, struct side *side, struct err *err)
{
	if (access(side->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_USAGE, "there is no file or folder %s", side->path);
	side->name = base_name(side->path);
	side->archive = archive_open(side->path, err);
	return side->archive != NULL && look_at_file(report, side, err);
}

static bool judge(const struct report *report, struct side *side, struct err *err)
{
	bool zip = archive_is_zip(side->archive);
	const struct judging_options wanted = {
		.schema = report->schema,
		.consumer = side == &report->bundle ? report->config.bundles[0].consumer : NULL,
		.folder = file_work_folder(),
		.zip_name = zip ? side->name : NULL,
		.whole = true,
		.today = time_local_day(report->now),
		.stopped = stop_requested,
		.line = census_line,
		.context = &side->census,
	};
	side->findings = findings_new(false);
	census_init(&side->census, report->schema);
	bool fine = judging_run(side->archive, &wanted, side->findings, &side->judgement, err);
	census_end(&side->census);
	return fine;
}

/* --- the bundle before ---------------------------------------------------------------------------------------------
 */

/* Opens both for the comparison and compares. That one of them is no whole bundle is worth a sentence on the page; the
 * rest of the page is as good without the comparison. */
static bool compare(struct report *report, struct err *err)
{
	struct compare_options wanted = {
		.schema = report->schema,
		.old_name = report->previous.name,
		.new_name = report->bundle.name,
		.folder = file_work_folder(),
		.stopped = stop_requested,
	};
	struct err *trouble = &report->trouble;
	report->compared = compare_run(
		report->previous.archive, report->bundle.archive, &wanted, &report->comparison, trouble);
	if (report->compared)
		return judge(report, &report->previous, err);
	return trouble->code == ERR_DATA || err_set(err, trouble->code, "%s", trouble->text);
}

/* Messages name the path. A page that is mailed on has no need to tell of folders. */
static void name_only(const struct side *side, struct err *err)
{
	char *at = strstr(err->text, side->path);
	size_t path = strlen(side->path);
	size_t name = strlen(side->name);
	if (at == NULL || path <= name)
		return;
	memcpy(at, side->name, name);
	memmove(at + name, at + path, strlen(at + path) + 1);
}

static bool look_back(struct report *report, struct err *err)
{
	struct side *previous = &report->previous;
	if (!open_side(report, previous, &report->trouble)) {
		if (report->trouble.code != ERR_DATA)
			return err_set(err, report->trouble.code, "--previous: %s", report->trouble.text);
		name_only(previous, &report->trouble);
		struct stat status;
		int64_t dated = stat(previous->path, &status) == 0 ? (int64_t)status.st_mtime : 0;
		previous->file = (struct portrait_file){
			.name = previous->name, .dated = dated < report->now ? dated : report->now};
	} else if (!compare(report, err)) {
		return false;
	}
	if (!report->compared)
		log_line(LOG_WARNING, NULL, "the page is without changes: %s", report->trouble.text);
	return true;
}

/* --- the page ------------------------------------------------------------------------------------------------------
 */

static bool same_file(const char *one, const char *other)
{
	struct stat a;
	struct stat b;
	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The page must not take the place of a bundle, as it would with the output of a configuration meant for export. */
static bool check_output(struct report *report, struct err *err)
{
	const char *wanted = report->config.bundles[0].output;
	if (wanted == NULL)
		return err_set(err, ERR_USAGE, "where to write the page is missing: -o FILE, such as -o report.html");
	report->output = dated_fill(wanted, report->now);
	const char *end = report->output != NULL ? strrchr(report->output, '.') : NULL;
	if (end == NULL || (strcasecmp(end, ".html") != 0 && strcasecmp(end, ".htm") != 0))
		return err_set(err, ERR_USAGE, "--output: the page is HTML, so the name of its file ends in .html: %s",
			wanted);
	if (same_file(report->output, report->bundle.path) ||
		(report->previous.path != NULL && same_file(report->output, report->previous.path)))
		return err_set(err, ERR_USAGE, "--output: %s is the bundle itself", report->output);
	return file_check_target(report->output, err) || err_in(err, "--output");
}

static bool write_page(const struct report *report, struct err *err)
{
	bool before = report->previous.path != NULL;
	struct portrait portrait = {
		.schema = report->schema,
		.consumer = report->config.bundles[0].consumer,
		.file = report->bundle.file,
		.made = report->now,
		.judgement = &report->bundle.judgement,
		.findings = report->bundle.findings,
		.census = &report->bundle.census,
		.previous = before ? &report->previous.file : NULL,
		.trouble = report->trouble.text,
		.before = report->compared ? &report->previous.census : NULL,
		.comparison = report->compared ? &report->comparison : NULL,
	};
	struct buf page;
	buf_init(&page, PAGE_MAX);
	portrait_draw(&portrait, &page);
	bool fine = !page.overflow ||
		    err_set(err, ERR_DATA, "there is more in %s than fits on a page", report->bundle.path);
	fine = fine && file_publish_text(report->output, page.data, page.length, err);
	buf_release(&page);
	return fine;
}

static bool tell(const struct report *report, struct err *err)
{
	if (report->config.quiet)
		return true;
	char *verdict = verdict_text(report->bundle.findings);
	printf("%s: the page about %s: %s\n", report->output, report->bundle.path, verdict);
	free(verdict);
	if (fflush(stdout) != 0)
		return err_set(err, ERR_FILE, "cannot write to standard output: %s", strerror(errno));
	return true;
}

static bool run(struct report *report, struct err *err)
{
	const char *previous = report->config.bundles[0].previous;
	if (report->config.word_count == 0)
		return err_set(err, ERR_USAGE,
			"a BUNDLE is missing: the path of a zip or of a folder with the CSV files of one");
	report->bundle.path = report->config.words[0];
	if (previous != NULL && strcmp(previous, "none") != 0)
		report->previous.path = previous;
	if (!time_source_date(&report->now, err) || !stop_watch(err) || !check_output(report, err))
		return false;
	if (!open_side(report, &report->bundle, err) || !judge(report, &report->bundle, err))
		return false;
	if (report->previous.path != NULL && !look_back(report, err))
		return false;
	return write_page(report, err) && tell(report, err);
}

static void side_release(struct side *side)
{
	archive_free(side->archive);
	findings_free(side->findings);
	judgement_release(&side->judgement);
	census_release(&side->census);
	free(side->name);
}

static void print_help(const struct config_command *command, bool all)
{
	fputs("rosterzip report BUNDLE -o report.html draws a page about a bundle: what is in\n"
	      "it, what changed since --previous OLD, what validate finds. The page is one file\n"
	      "of HTML that loads nothing and names no person: to look at, print and mail on.\n"
	      "Its time is now, or what SOURCE_DATE_EPOCH says. Exit status: 0 the page is\n"
	      "written, also when it tells of errors; 2 no such bundle; 3 it cannot be read.\n\n",
		stdout);
	config_help(command, all, stdout);
}

const struct config_command report_takes = {
	.name = "report",
	.groups = OPTION_PAGE | OPTION_RUN,
	.words_max = 1,
};

bool cmd_report(int argc, char **argv, struct err *err)
{
	struct report report = {.schema = &schema_oneroster_1_1};
	umask(S_IRWXG | S_IRWXO);
	bool fine = config_read(&report.config, &report_takes, argc - 1, argv + 1, NULL, err);
	if (fine && report.config.help) {
		print_help(&report_takes, report.config.help_all);
	} else if (fine) {
		logging_open(&report.config);
		fine = run(&report, err);
	}
	side_release(&report.bundle);
	side_release(&report.previous);
	comparison_release(&report.comparison);
	free(report.output);
	config_release(&report.config);
	return fine;
}

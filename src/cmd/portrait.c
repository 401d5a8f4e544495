#include "cmd/portrait.h"

#include <inttypes.h>
#include <string.h>

#include "check/rule.h"
#include "cmd/gallery.h"
#include "cmd/ledger.h"
#include "cmd/markup.h"

static const char *district_name(const struct portrait *portrait)
{
	const struct census_org *district = portrait->census->district;
	return district != NULL && *district->name != '\0' ? district->name : NULL;
}

static bool is_present(const struct portrait *portrait, int table)
{
	return portrait->judgement->judged && portrait->judgement->present[table];
}

static size_t count_files(const struct portrait *portrait, bool deltas_only)
{
	size_t count = 0;
	for (int i = 0; i < portrait->schema->table_count; i++)
		if (is_present(portrait, i) && (!deltas_only || portrait->judgement->delta[i]))
			count++;
	return count;
}

bool portrait_is_delta(const struct portrait *portrait)
{
	return count_files(portrait, true) > 0;
}

/* --- head ----------------------------------------------------------------------------------------------------------
 */

static void draw_head(const struct portrait *portrait, struct buf *out)
{
	const char *name = district_name(portrait);
	buf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
			  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
			  "'unsafe-inline'\"/>\n"
			  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
			  "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
			  "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
			  "<meta name=\"robots\" content=\"noindex, nofollow\"/>\n"
			  "<meta name=\"format-detection\" content=\"telephone=no, date=no, email=no, address=no\"/>\n"
			  "<meta name=\"generator\" content=\"rosterzip " ROSTERZIP_VERSION "\"/>\n<title>");
	markup_text(out, name != NULL ? name : portrait->file.name);
	buf_add_text(out, " \u2013 OneRoster bundle</title>\n<style>\n");
	buf_add_text(out, portrait_css);
	buf_add_text(out, "</style>\n</head>\n<body>\n");
}

static void draw_verdict(const struct portrait *portrait, struct buf *out)
{
	static const char tick[] = "M6 12.5l4 4 8-9";
	static const char cross[] = "M7.5 7.5l9 9m0-9l-9 9";
	size_t errors = findings_severity(portrait->findings, RULE_ERROR);
	size_t warnings = findings_severity(portrait->findings, RULE_WARNING);
	buf_add_format(out,
		"<p class=\"verdict %s\" data-errors=\"%zu\" data-warnings=\"%zu\">"
		"<svg aria-hidden=\"true\" viewBox=\"0 0 24 24\"><circle cx=\"12\" cy=\"12\" r=\"11\"/><path "
		"d=\"%s\"/></svg>",
		errors > 0 ? "bad" : "good", errors, warnings, errors > 0 ? cross : tick);
	buf_add_format(out, "<span><strong>%s</strong> <span>", errors > 0 ? "Not fit to publish" : "Fit to publish");
	if (errors == 0 && warnings == 0) {
		buf_add_text(out, "no errors, no warnings");
	} else {
		markup_count(out, errors, "error");
		buf_add_text(out, ", ");
		markup_count(out, warnings, "warning");
	}
	buf_add_text(out, "</span></span></p>\n");
}

static void draw_masthead(const struct portrait *portrait, struct buf *out)
{
	const char *name = district_name(portrait);
	buf_add_text(out, "<header>\n<div>\n<p class=\"kicker\">OneRoster bundle</p>\n<h1>");
	markup_name(out, name != NULL ? name : portrait->file.name);
	buf_add_text(out, "</h1>\n<p class=\"file\">");
	if (portrait->census->districts > 1) {
		buf_add_text(out, "and ");
		markup_count(out, portrait->census->districts - 1, "other district");
		buf_add_text(out, " in ");
	}
	if (name != NULL)
		markup_name(out, portrait->file.name);
	buf_add_text(out, "</p>\n</div>\n");
	draw_verdict(portrait, out);
	buf_add_text(out, "</header>\n");
}

/* --- facts ---------------------------------------------------------------------------------------------------------
 */

static void open_fact(struct buf *out, const char *key, const char *title)
{
	buf_add_format(out, "<div data-key=\"%s\"><dt>%s</dt><dd>", key, title);
}

static void close_fact(struct buf *out)
{
	buf_add_text(out, "</dd></div>\n");
}

static void draw_size(const struct portrait *portrait, struct buf *out)
{
	open_fact(out, "size", "Size");
	markup_bytes(out, portrait->file.bytes);
	buf_add_text(out, ", ");
	markup_count(out, count_files(portrait, false), "CSV file");
	close_fact(out);
}

static void draw_kind(const struct portrait *portrait, struct buf *out)
{
	size_t deltas = count_files(portrait, true);
	const char *kind = deltas == 0                              ? "Full lists (bulk)"
			   : deltas == count_files(portrait, false) ? "Changes only (delta)"
								    : "Full lists and changes (mixed)";
	if (count_files(portrait, false) == 0)
		return;
	open_fact(out, "mode", "Kind");
	buf_add_text(out, kind);
	close_fact(out);
}

static void draw_facts(const struct portrait *portrait, struct buf *out)
{
	const char *version = portrait->judgement->version;
	buf_add_text(out, "<dl class=\"facts\" id=\"facts\">\n");
	draw_kind(portrait, out);
	open_fact(out, "version", "OneRoster");
	markup_text(out, version != NULL ? version : "version unknown");
	close_fact(out);
	if (portrait->census->source != NULL) {
		open_fact(out, "source", "Source system");
		markup_name(out, portrait->census->source);
		close_fact(out);
	}
	if (portrait->consumer != NULL) {
		open_fact(out, "consumer", "Receiver");
		markup_name(out, portrait->consumer->title);
		close_fact(out);
	}
	open_fact(out, "dated", "Bundle dated");
	markup_moment(out, portrait->file.dated);
	close_fact(out);
	if (portrait->previous != NULL) {
		open_fact(out, "previous", "Compared with");
		markup_name(out, portrait->previous->name);
		buf_add_text(out, ", ");
		markup_moment(out, portrait->previous->dated);
		close_fact(out);
	}
	draw_size(portrait, out);
	open_fact(out, "made", "Page made");
	markup_moment(out, portrait->made);
	close_fact(out);
	if (portrait->file.sha256 != NULL) {
		buf_add_text(out, "<div class=\"long\" data-key=\"sha256\"><dt>SHA-256</dt><dd>");
		buf_add_format(out, "<code>%s</code>", portrait->file.sha256);
		close_fact(out);
	}
	buf_add_text(out, "</dl>\n");
}

/* --- figures -------------------------------------------------------------------------------------------------------
 */

enum figure {
	FIGURE_SCHOOLS,
	FIGURE_STUDENTS,
	FIGURE_TEACHERS,
	FIGURE_STAFF,
	FIGURE_GUARDIANS,
	FIGURE_COURSES,
	FIGURE_CLASSES,
	FIGURE_ENROLLMENTS,
	FIGURE_COUNT
};

static const struct {
	const char *key;
	const char *title;
} figure_titles[FIGURE_COUNT] = {
	[FIGURE_SCHOOLS] = {"schools", "Schools"},
	[FIGURE_STUDENTS] = {"students", "Students"},
	[FIGURE_TEACHERS] = {"teachers", "Teachers"},
	[FIGURE_STAFF] = {"staff", "Other staff"},
	[FIGURE_GUARDIANS] = {"guardians", "Guardians"},
	[FIGURE_COURSES] = {"courses", "Courses"},
	[FIGURE_CLASSES] = {"classes", "Classes"},
	[FIGURE_ENROLLMENTS] = {"enrollments", "Enrollments"},
};

static void take_figures(const struct census *census, uint64_t figures[static FIGURE_COUNT])
{
	figures[FIGURE_SCHOOLS] = census->schools;
	figures[FIGURE_STUDENTS] = census->students;
	figures[FIGURE_TEACHERS] = census->teachers;
	figures[FIGURE_STAFF] = census_role(census, "administrator") + census_role(census, "aide") +
				census_role(census, "proctor");
	figures[FIGURE_GUARDIANS] = census_role(census, "guardian") + census_role(census, "parent") +
				    census_role(census, "relative");
	figures[FIGURE_COURSES] = census->course_count;
	figures[FIGURE_CLASSES] = census->classes.count;
	figures[FIGURE_ENROLLMENTS] = census->enrollment_count;
}

static void draw_figure(int figure, uint64_t number, const uint64_t *then, struct buf *out)
{
	buf_add_format(out, "<div data-key=\"%s\" data-value=\"%" PRIu64 "\"><dt>%s</dt><dd>",
		figure_titles[figure].key, number, figure_titles[figure].title);
	markup_number(out, number);
	buf_add_text(out, "</dd>");
	if (then != NULL && *then == number) {
		buf_add_text(out, "<dd class=\"change\">unchanged</dd>");
	} else if (then != NULL) {
		buf_add_format(out, "<dd class=\"change %s\"><b>", number > *then ? "up" : "down");
		markup_change(out, *then, number);
		buf_add_text(out, "</b> from ");
		markup_number(out, *then);
		buf_add_text(out, "</dd>");
	}
	buf_add_text(out, "</div>\n");
}

static void draw_figures(const struct portrait *portrait, struct buf *out)
{
	uint64_t now[FIGURE_COUNT];
	uint64_t then[FIGURE_COUNT] = {0};
	take_figures(portrait->census, now);
	if (portrait->before != NULL)
		take_figures(portrait->before, then);
	buf_add_text(out,
		"<section aria-labelledby=\"figures-title\"><h2 id=\"figures-title\" class=\"unseen\">Key figures"
		"</h2>\n<dl class=\"figures\" id=\"figures\">\n");
	for (int i = 0; i < FIGURE_COUNT; i++)
		draw_figure(i, now[i], portrait->before != NULL ? &then[i] : NULL, out);
	buf_add_text(out, "</dl></section>\n");
}

/* --- worth a look --------------------------------------------------------------------------------------------------
 */

static void draw_watched(struct buf *out, const char *key, uint64_t number, uint64_t of, const char *what)
{
	buf_add_format(out, "<li class=\"%s\" data-key=\"%s\" data-value=\"%" PRIu64 "\"><b>",
		number > 0 ? "some" : "none", key, number);
	markup_number(out, number);
	buf_add_text(out, "</b> <span>of ");
	markup_number(out, of);
	buf_add_format(out, " %s</span></li>\n", what);
}

static void draw_watch(const struct census *census, struct buf *out)
{
	const struct census_classes *classes = &census->classes;
	if (census->enrollment_count == 0)
		return;
	markup_section(out, "watch", "", "Worth a look",
		"No rule of the standard is broken by these, but people tend to ask about them.");
	buf_add_text(out, "<ul class=\"watch\">\n");
	draw_watched(out, "idle-students", census->idle_students, census->students, "students have no class");
	draw_watched(out, "idle-teachers", census->idle_teachers, census->teachers, "teachers have no class");
	draw_watched(out, "no-students", classes->by_size[0], classes->count, "classes have no student");
	draw_watched(out, "no-teacher", classes->by_teachers[0], classes->count, "classes have no teacher");
	draw_watched(
		out, "large", classes->by_size[CENSUS_SIZES - 1], classes->count, "classes have more than 40 students");
	buf_add_text(out, "</ul>\n");
	markup_close(out);
}

/* --- the page ------------------------------------------------------------------------------------------------------
 */

static void draw_foot(const struct portrait *portrait, struct buf *out)
{
	buf_add_text(out,
		"<footer>\n<p>This page holds counts only: no name, id or address of any person. It loads nothing "
		"from anywhere and can be mailed on as it is.</p>\n<p>Made by rosterzip " ROSTERZIP_VERSION ", ");
	markup_moment(out, portrait->made);
	buf_add_text(out, ".</p>\n</footer>\n</body>\n</html>\n");
}

void portrait_draw(const struct portrait *portrait, struct buf *out)
{
	bool errors = findings_severity(portrait->findings, RULE_ERROR) > 0;
	bool whole = portrait->judgement->judged && !portrait_is_delta(portrait);
	draw_head(portrait, out);
	draw_masthead(portrait, out);
	buf_add_text(out, "<main>\n");
	draw_facts(portrait, out);
	if (whole)
		draw_figures(portrait, out);
	if (errors)
		ledger_findings(portrait, out);
	if (whole) {
		draw_watch(portrait->census, out);
		gallery_draw(portrait->census, portrait->before, out);
	}
	if (portrait->judgement->judged)
		ledger_files(portrait, out);
	ledger_changes(portrait, out);
	if (!errors)
		ledger_findings(portrait, out);
	buf_add_text(out, "</main>\n");
	draw_foot(portrait, out);
}

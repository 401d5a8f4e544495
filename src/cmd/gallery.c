#include "cmd/gallery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "cmd/chart.h"
#include "cmd/markup.h"

/* A page with more rows than that is no page to look at. */
enum { SCHOOLS_MAX = 1000, SESSIONS_MAX = 60 };

static const char people_tone[] = "people";
static const char class_tone[] = "lessons";
static const char alert_tone[] = "alert";

/* What a list leaves out. */
static void tell_more(struct buf *out, size_t count, const char *what)
{
	if (count == 0)
		return;
	buf_add_text(out, "<p class=\"note\">And ");
	markup_number(out, count);
	buf_add_format(out, " more %s.</p>\n", what);
}

/* --- schools -------------------------------------------------------------------------------------------------------
 */

/* A row of the table. */
struct place {
	const struct census_org *org;
};

/* The largest first. */
static int by_students(const void *a, const void *b)
{
	const struct census_org *x = ((const struct place *)a)->org;
	const struct census_org *y = ((const struct place *)b)->org;
	if (x->students != y->students)
		return x->students < y->students ? 1 : -1;
	if (x->classes != y->classes)
		return x->classes < y->classes ? 1 : -1;
	int order = strcmp(x->name, y->name);
	return order != 0 ? order : strcmp(x->id, y->id);
}

static bool is_shown(const struct census_org *org)
{
	return census_is_school(org) || org->students > 0 || org->teachers > 0 || org->classes > 0;
}

static void draw_change(const struct census *before, const struct census_org *org, struct buf *out)
{
	const struct census_org *then = before != NULL && org->id != NULL ? census_find(before, org->id) : NULL;
	if (before != NULL && org->id == NULL)
		then = &before->strays;
	if (then != NULL)
		markup_cell_change(out, then->students, org->students);
	else if (before != NULL)
		buf_add_text(out, "<td class=\"n change\">new</td>");
}

static void draw_school(const struct census *census, const struct census *before, const struct census_org *org,
	const uint64_t *most, struct buf *out)
{
	buf_add_text(out, "<tr data-key=\"");
	markup_text(out, org->id != NULL ? org->id : "");
	buf_add_text(out, "\"><th scope=\"row\">");
	if (org->id == NULL) {
		buf_add_text(out, "In no organisation of orgs.csv");
	} else {
		markup_name(out, *org->name != '\0' ? org->name : "(no name)");
		buf_add_text(out, " <span class=\"id\">");
		markup_name(out, org->id);
		if (!census_is_school(org) && *org->type != '\0') {
			buf_add_text(out, ", ");
			markup_name(out, org->type);
		}
		buf_add_text(out, "</span>");
	}
	buf_add_text(out, "</th>");
	chart_cell(out, org->students, most[0], people_tone);
	draw_change(before, org, out);
	chart_cell(out, org->classes, most[1], class_tone);
	markup_cell(out, org->teachers);
	if (census->enrollment_count > 0)
		markup_cell(out, org->idle);
	buf_add_text(out, "</tr>\n");
}

static void draw_schools_total(const struct census *census, const struct census *before, struct buf *out)
{
	buf_add_text(out, "</tbody>\n<tfoot><tr data-key=\"all\"><th scope=\"row\">All of them</th>");
	chart_cell(out, census->students, 0, people_tone);
	if (before != NULL)
		markup_cell_change(out, before->students, census->students);
	chart_cell(out, census->classes.count, 0, class_tone);
	markup_cell(out, census->teachers);
	if (census->enrollment_count > 0)
		markup_cell(out, census->idle_students);
	buf_add_text(out, "</tr></tfoot>\n</table></div>\n");
}

static void draw_schools(const struct census *census, const struct census *before, struct buf *out)
{
	struct place *shown = mem_new(census->org_count + 1, sizeof(*shown));
	const struct census_org *strays = &census->strays;
	uint64_t most[2] = {strays->students, strays->classes};
	size_t count = 0;
	for (size_t i = 0; i < census->org_count; i++) {
		const struct census_org *org = &census->orgs[i];
		most[0] = org->students > most[0] ? org->students : most[0];
		most[1] = org->classes > most[1] ? org->classes : most[1];
		if (is_shown(org))
			shown[count++].org = org;
	}
	if (count > 0)
		qsort(shown, count, sizeof(*shown), by_students);
	markup_section(
		out, "schools", "", "Schools", "Who is in several schools counts in each of them, and once in all.");
	markup_table(out, "Students, classes and teachers by school",
		3 + (before != NULL ? 1 : 0) + (census->enrollment_count > 0 ? 1 : 0));
	markup_head(out, "School", "");
	markup_head(out, "Students", "n wide");
	if (before != NULL)
		markup_head(out, "Change", "n");
	markup_head(out, "Classes", "n wide");
	markup_head(out, "Teachers", "n");
	if (census->enrollment_count > 0)
		markup_head(out, "Students without a class", "n");
	markup_body(out);
	for (size_t i = 0; i < count && i < SCHOOLS_MAX; i++)
		draw_school(census, before, shown[i].org, most, out);
	if (strays->students + strays->teachers + strays->classes > 0)
		draw_school(census, before, strays, most, out);
	draw_schools_total(census, before, out);
	tell_more(out, count > SCHOOLS_MAX ? count - SCHOOLS_MAX : 0, "organisations");
	markup_close(out);
	free(shown);
}

/* --- words ---------------------------------------------------------------------------------------------------------
 */

struct words_row {
	const char *key;
	const char *title;
	uint64_t number;
	uint64_t then;
};

static void draw_words_row(const struct words_row *row, bool changes, uint64_t most, struct buf *out)
{
	if (row->number == 0 && row->then == 0)
		return;
	buf_add_format(out, "<tr data-key=\"%s\"><th scope=\"row\">%s</th>", row->key, row->title);
	chart_cell(out, row->number, most, people_tone);
	if (changes)
		markup_cell_change(out, row->then, row->number);
	buf_add_text(out, "</tr>\n");
}

/* Words, in the order of the vocabulary but for those that come first, and whatever else stood in their place. */
static void draw_words(const struct census_words *words, const struct census_words *then, size_t first,
	const char *other, const char *none, struct buf *out)
{
	uint64_t most = words->other > words->none ? words->other : words->none;
	for (size_t i = 0; i < words->count; i++)
		most = words->counts[i] > most ? words->counts[i] : most;
	for (size_t i = 0; i < words->count; i++) {
		size_t at = (i + first) % words->count;
		const char *word = words->words->values[at];
		struct words_row row = {word, word, words->counts[at], then != NULL ? then->counts[at] : 0};
		draw_words_row(&row, then != NULL, most, out);
	}
	struct words_row rest[] = {
		{"other", other, words->other, then != NULL ? then->other : 0},
		{"none", none, words->none, then != NULL ? then->none : 0},
	};
	draw_words_row(&rest[0], then != NULL, most, out);
	draw_words_row(&rest[1], then != NULL, most, out);
}

static void draw_words_table(struct buf *out, const char *caption, const char *what, const char *counted, bool changes)
{
	markup_table(out, caption, 0);
	markup_head(out, what, "");
	markup_head(out, counted, "n wide");
	if (changes)
		markup_head(out, "Change", "n");
	markup_body(out);
}

static void draw_grades(const struct census *census, const struct census *before, struct buf *out)
{
	if (census->students == 0)
		return;
	markup_section(out, "grades", "half", "Grades", "A student with several grades counts in each.");
	draw_words_table(out, "Students by grade", "Grade", "Students", before != NULL);
	draw_words(&census->grades, before != NULL ? &before->grades : NULL, 0, "another code", "no grade", out);
	markup_table_end(out);
	markup_close(out);
}

static void draw_roles(const struct census *census, const struct census *before, struct buf *out)
{
	size_t students = 0;
	while (students + 1 < census->roles.count && strcmp(census->roles.words->values[students], "student") != 0)
		students++;
	markup_section(out, "roles", "half", "Roles", "All users of the bundle, each by its one role.");
	draw_words_table(out, "Users by role", "Role", "Users", before != NULL);
	draw_words(&census->roles, before != NULL ? &before->roles : NULL, students, "another word", "no role", out);
	markup_table_end(out);
	markup_close(out);
}

/* --- classes -------------------------------------------------------------------------------------------------------
 */

static void draw_sizes(const struct census_classes *classes, struct buf *out)
{
	static const char *const labels[CENSUS_SIZES] = {"0", "1\u20135", "6\u201310", "11\u201315", "16\u201320",
		"21\u201325", "26\u201330", "31\u201335", "36\u201340", "41+"};
	struct chart_column columns[CENSUS_SIZES];
	for (size_t i = 0; i < CENSUS_SIZES; i++)
		columns[i] = (struct chart_column){
			labels[i], i == 0 || i == CENSUS_SIZES - 1 ? alert_tone : class_tone, classes->by_size[i]};
	markup_section(out, "sizes", "half", "Class sizes", "Classes by how many enrollments of students they have.");
	chart_columns(out, "sizes", "Classes by number of students", "classes", columns, CENSUS_SIZES);
	buf_add_text(out, "<dl class=\"facts small\">");
	buf_add_format(out,
		"<div data-key=\"average\"><dt>Average</dt><dd>%" PRIu64 ".%" PRIu64 "</dd></div>"
		"<div data-key=\"median\"><dt>Median</dt><dd>%" PRIu64 "</dd></div>"
		"<div data-key=\"largest\"><dt>Largest</dt><dd>",
		classes->tenths / 10, classes->tenths % 10, classes->median);
	markup_number(out, classes->largest);
	buf_add_text(out,
		"</dd></div></dl>\n<p class=\"note\">Average and median are of the classes that have students.</p>\n");
	markup_close(out);
}

static void draw_teachers(const struct census_classes *classes, struct buf *out)
{
	static const char *const titles[CENSUS_TEACHERS] = {"no teacher", "1 teacher", "2 teachers", "3 or more"};
	uint64_t most = 0;
	for (size_t i = 0; i < CENSUS_TEACHERS; i++)
		most = classes->by_teachers[i] > most ? classes->by_teachers[i] : most;
	markup_section(out, "teachers", "half", "Teachers of a class",
		"Classes by how many enrollments of teachers they have.");
	markup_table(out, "Classes by number of teachers", 0);
	markup_head(out, "Teachers", "");
	markup_head(out, "Classes", "n wide");
	markup_body(out);
	for (size_t i = 0; i < CENSUS_TEACHERS; i++) {
		buf_add_format(out, "<tr data-key=\"%zu\"><th scope=\"row\">%s</th>", i, titles[i]);
		chart_cell(out, classes->by_teachers[i], most, i == 0 ? alert_tone : class_tone);
		buf_add_text(out, "</tr>\n");
	}
	markup_table_end(out);
	markup_close(out);
}

/* --- sessions ------------------------------------------------------------------------------------------------------
 */

static const char *session_type(const char *type)
{
	static const struct {
		const char *word;
		const char *title;
	} titles[] = {
		{"gradingPeriod", "grading period"},
		{"schoolYear", "school year"},
	};
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (strcasecmp(type, titles[i].word) == 0)
			return titles[i].title;
	return type;
}

/* A date stays on its line; whatever else stands in its place may break. */
static void draw_date(const char *date, struct buf *out)
{
	bool is_date = strlen(date) == strlen("2026-11-21");
	buf_add_text(out, is_date ? "<span class=\"date\">" : "<span>");
	markup_text(out, *date != '\0' ? date : "?");
	buf_add_text(out, "</span>");
}

static void draw_session(const struct census_session *session, const uint64_t *most, struct buf *out)
{
	buf_add_text(out, "<tr data-key=\"");
	markup_text(out, session->title);
	buf_add_text(out, "\"><th scope=\"row\">");
	markup_name(out, *session->title != '\0' ? session->title : "(no title)");
	buf_add_text(out, " <span class=\"id\">");
	markup_name(out, session_type(session->type));
	buf_add_text(out, ", ");
	draw_date(session->start, out);
	buf_add_text(out, " to ");
	draw_date(session->end, out);
	if (session->sessions > 1) {
		buf_add_text(out, ", ");
		markup_count(out, session->sessions, "session");
	}
	buf_add_text(out, "</span></th>");
	chart_cell(out, session->classes, most[0], class_tone);
	chart_cell(out, session->enrollments, most[1], people_tone);
	buf_add_text(out, "</tr>\n");
}

static void draw_sessions(const struct census *census, struct buf *out)
{
	uint64_t most[2] = {0};
	for (size_t i = 0; i < census->session_count; i++) {
		const struct census_session *session = &census->sessions[i];
		most[0] = session->classes > most[0] ? session->classes : most[0];
		most[1] = session->enrollments > most[1] ? session->enrollments : most[1];
	}
	if (census->session_count == 0)
		return;
	markup_section(out, "sessions", "", "Sessions",
		"Classes by the sessions they name, and the enrollments in these classes. Sessions of different "
		"schools with the same title, type and dates are one line.");
	markup_table(out, "Classes and enrollments by academic session", 2);
	markup_head(out, "Session", "");
	markup_head(out, "Classes", "n wide");
	markup_head(out, "Enrollments", "n wide");
	markup_body(out);
	for (size_t i = 0; i < census->session_count && i < SESSIONS_MAX; i++)
		draw_session(&census->sessions[i], most, out);
	markup_table_end(out);
	tell_more(out, census->session_count > SESSIONS_MAX ? census->session_count - SESSIONS_MAX : 0, "sessions");
	markup_close(out);
}

void gallery_draw(const struct census *census, const struct census *before, struct buf *out)
{
	uint64_t users = census->roles.other + census->roles.none;
	for (size_t i = 0; i < census->roles.count; i++)
		users += census->roles.counts[i];
	if (census->org_count > 0 || users > 0 || census->classes.count > 0)
		draw_schools(census, before, out);
	draw_grades(census, before, out);
	if (users > 0)
		draw_roles(census, before, out);
	if (census->classes.count > 0 && census->enrollment_count > 0) {
		draw_sizes(&census->classes, out);
		draw_teachers(&census->classes, out);
	}
	draw_sessions(census, out);
}

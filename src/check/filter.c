#include "check/filter.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	NOBODY = UINT32_MAX, /* in place of a number of the keys */
	FIRST_ROOM = 256,
	GRADES_MAX = 100, /* different ones that are told */
	LISTED_MAX = 600, /* bytes of what there is, in a message */
	DATE_LENGTH = sizeof("YYYY-MM-DD") - 1,
};

static const char current[] = "current";
static const char student[] = "student";

/* --- trees: orgs and sessions --------------------------------------------------------------------------------------
 */

enum {
	NODE_GONE = 1,     /* left out without the filter */
	NODE_NAMED = 2,    /* the filter names it */
	NODE_CURRENT = 4,  /* today lies in it */
	NODE_GRADING = 8,  /* a grading period */
	NODE_PART = 16,    /* has a current session below it that is no grading period */
	NODE_SEEN = 32,    /* whether it is of the family is known */
	NODE_FAMILY = 64,  /* named, or below such a one */
	NODE_STAYS = 128,  /* the row stays */
	NODE_BRINGS = 256, /* what is below it is of the family */
	NODE_UNFIT = 512,  /* left out itself, though what is below it is not */
};

struct node {
	char *id;
	char *label;     /* name of an org, title of a session */
	char *parent_id; /* NULL for none */
	uint32_t parent;
	unsigned flags;
};

/* What of a row a name can be. The least level at which any row has it counts. */
enum level { LEVEL_ID, LEVEL_IDENTIFIER, LEVEL_LABEL, LEVEL_COUNT };

/* What is known of a name that the filter has. */
struct met {
	uint32_t *nodes[LEVEL_COUNT]; /* rows that have it */
	size_t counts[LEVEL_COUNT];
	bool current; /* it is the word current, and a session holds today */
	bool gone;    /* a row has it that is left out without the filter */
};

/* Rows that have a parent among them, by their number. */
struct tree {
	int table;
	size_t parent_column;
	int level_columns[LEVEL_COUNT]; /* SCHEMA_NONE for none */
	bool unique;                    /* a name is of one row */
	const char *option;             /* for messages */
	const char *const *names;       /* that the filter names; NULL: all stay */
	struct met *met;                /* by name */
	struct node *nodes;
	size_t count;
	size_t room;
};

static size_t count_names(const char *const *names)
{
	size_t count = 0;
	while (names != NULL && names[count] != NULL)
		count++;
	return count;
}

static void tree_init(struct tree *tree, const struct table *table, const char *option, const char *const *names)
{
	*tree = (struct tree){
		.table = table->id,
		.parent_column = (size_t)column_find(table, "parentSourcedId"),
		.level_columns = {SCHEMA_SOURCED_ID, SCHEMA_NONE, SCHEMA_NONE},
		.option = option,
		.names = names,
		.met = mem_new(count_names(names) + 1, sizeof(*tree->met)),
	};
}

static void tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->nodes[i].id);
		free(tree->nodes[i].label);
		free(tree->nodes[i].parent_id);
	}
	for (size_t i = 0; i < count_names(tree->names); i++)
		for (int level = 0; level < LEVEL_COUNT; level++)
			free(tree->met[i].nodes[level]);
	free(tree->nodes);
	free(tree->met);
}

static bool is_text(const struct row *row, int column, const char *text)
{
	return row_is(row, (size_t)column, text);
}

/* Notes that a row has a name at a level. */
static void met_add(struct met *met, enum level level, uint32_t number)
{
	met->nodes[level] = mem_grow(met->nodes[level], met->counts[level] + 1, sizeof(**met->nodes));
	met->nodes[level][met->counts[level]++] = number;
}

/* Notes which names of the filter a row has. today: it is a session that holds today. */
static void note_names(struct tree *tree, const struct row *row, uint32_t number, bool today, bool gone)
{
	for (size_t i = 0; tree->names != NULL && tree->names[i] != NULL; i++) {
		const char *name = tree->names[i];
		if (today && !gone && strcmp(name, current) == 0)
			tree->met[i].current = true;
		for (int level = 0; level < LEVEL_COUNT; level++) {
			if (tree->level_columns[level] == SCHEMA_NONE ||
				!is_text(row, tree->level_columns[level], name))
				continue;
			if (gone)
				tree->met[i].gone = true;
			else
				met_add(&tree->met[i], (enum level)level, number);
			break;
		}
	}
}

static char *copy_cell(const struct row *row, int column)
{
	return mem_copy_n(row_text(row, (size_t)column), row_length(row, (size_t)column));
}

/* Adds a row, unless it is a second one of the same id. today: it is a session that holds today. */
static void tree_add(struct tree *tree, const struct row *row, uint32_t number, unsigned flags, bool today)
{
	if (number < tree->count)
		return;
	if (tree->count == tree->room) {
		tree->room = tree->room > 0 ? 2 * tree->room : FIRST_ROOM;
		tree->nodes = mem_grow(tree->nodes, tree->room, sizeof(*tree->nodes));
	}
	note_names(tree, row, number, today, (flags & NODE_GONE) != 0);
	tree->nodes[tree->count++] = (struct node){
		.id = copy_cell(row, SCHEMA_SOURCED_ID),
		.label = copy_cell(row, tree->level_columns[LEVEL_LABEL]),
		.parent_id = row_length(row, tree->parent_column) > 0 ? copy_cell(row, (int)tree->parent_column) : NULL,
		.parent = NOBODY,
		.flags = flags,
	};
}

/* The level that counts for a name, LEVEL_COUNT if no row has it. */
static enum level met_level(const struct met *met)
{
	int level = 0;
	while (level < LEVEL_COUNT && met->counts[level] == 0)
		level++;
	return (enum level)level;
}

/* Marks the rows that the names mean. */
static void mark_named(struct tree *tree)
{
	for (size_t i = 0; i < count_names(tree->names); i++) {
		enum level level = met_level(&tree->met[i]);
		for (size_t n = 0; level < LEVEL_COUNT && n < tree->met[i].counts[level]; n++)
			tree->nodes[tree->met[i].nodes[level][n]].flags |= NODE_NAMED;
	}
}

/* Finds the parents. A parent that is gone is none: its row is not in the bundle, so nothing is below it. */
static void find_parents(struct tree *tree, const struct keys *keys)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct node *node = &tree->nodes[i];
		uint32_t number = 0;
		enum keys_fate fate = KEYS_STAYS;
		if (node->parent_id != NULL && (node->flags & NODE_GONE) == 0 &&
			keys_find(keys, tree->table, node->parent_id, strlen(node->parent_id), &number, &fate) &&
			(fate == KEYS_STAYS || (tree->nodes[number].flags & NODE_UNFIT) != 0))
			node->parent = number;
	}
}

/* A row stays, and so do all above it. */
static void keep(struct tree *tree, uint32_t at)
{
	for (; at != NOBODY && (tree->nodes[at].flags & NODE_STAYS) == 0; at = tree->nodes[at].parent)
		tree->nodes[at].flags |= NODE_STAYS;
}

/* Whether a node is of the family: the way up from it meets one that brings what is below it. Every node is passed
 * once as unknown, whatever circles the parents form. */
static bool climb(struct tree *tree, uint32_t from)
{
	uint32_t at = from;
	while (at != NOBODY && (tree->nodes[at].flags & (NODE_SEEN | NODE_BRINGS)) == 0) {
		tree->nodes[at].flags |= NODE_SEEN;
		at = tree->nodes[at].parent;
	}
	if (at == NOBODY || (tree->nodes[at].flags & (NODE_FAMILY | NODE_BRINGS)) == 0)
		return (tree->nodes[from].flags & NODE_FAMILY) != 0;
	for (uint32_t below = from; below != at; below = tree->nodes[below].parent)
		tree->nodes[below].flags |= NODE_FAMILY;
	tree->nodes[at].flags |= NODE_SEEN | NODE_FAMILY;
	return true;
}

static void find_parts(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		if ((tree->nodes[i].flags & (NODE_CURRENT | NODE_GRADING)) != NODE_CURRENT)
			continue;
		uint32_t at = tree->nodes[i].parent;
		for (; at != NOBODY && (tree->nodes[at].flags & NODE_PART) == 0; at = tree->nodes[at].parent)
			tree->nodes[at].flags |= NODE_PART;
	}
}

/* Follows the parents once all rows are known. */
static void tree_follow(struct tree *tree, const struct keys *keys)
{
	mark_named(tree);
	find_parents(tree, keys);
	find_parts(tree);
	for (size_t i = 0; i < tree->count; i++) {
		unsigned *flags = &tree->nodes[i].flags;
		if ((*flags & NODE_NAMED) != 0 || (*flags & (NODE_CURRENT | NODE_PART)) == NODE_CURRENT)
			*flags |= NODE_BRINGS;
	}
	for (uint32_t i = 0; i < tree->count; i++)
		if ((tree->nodes[i].flags & NODE_GONE) == 0 &&
			(climb(tree, i) || (tree->nodes[i].flags & NODE_CURRENT) != 0))
			keep(tree, i);
}

/* Tells the keys which rows do not stay. */
static void tree_settle(const struct tree *tree, struct keys *keys)
{
	for (uint32_t i = 0; tree->names != NULL && i < tree->count; i++)
		if ((tree->nodes[i].flags & (NODE_STAYS | NODE_GONE | NODE_UNFIT)) == 0)
			keys_filter(keys, tree->table, i);
}

/* --- the filter ----------------------------------------------------------------------------------------------------
 */

enum {
	MARK_LOCAL = 1,     /* course, user: has an org of the family */
	MARK_USED = 2,      /* course: a class that stays is of it */
	MARK_FITS = 4,      /* user: has the role and the grade */
	MARK_STUDENT = 8,   /* user */
	MARK_ENROLLED = 16, /* user: has an enrollment that stays */
	MARK_AGENT = 32,    /* user: is wanted as an agent of such a one */
};

/* What is known of a course, class or user. */
struct mark {
	uint32_t org; /* of the course; school of the class; what a user gets who has none */
	uint32_t flags;
};

struct marks {
	struct mark *items;
	size_t count;
	size_t room;
};

/* Which grades students have. */
struct grades {
	bool *met;   /* by grade that the filter names */
	char **seen; /* each once, in order; GRADES_MAX at most */
	size_t count;
};

struct filter {
	struct filter_options options;
	struct keys *keys;
	const struct table *orgs;
	const struct table *sessions;
	const struct table *courses;
	const struct table *classes;
	const struct table *users;
	const struct table *enrollments;
	int last; /* table that is surveyed */
	struct tree org_tree;
	struct tree session_tree;
	struct marks course_marks;
	struct marks class_marks;
	struct marks user_marks;
	struct grades grades;
	/* columns */
	int org_type;
	int session_type;
	int session_start;
	int session_end;
	int course_org;
	int class_course;
	int class_school;
	int class_terms;
	int user_orgs;
	int user_role;
	int user_enabled;
	int user_agents;
	int user_grades;
	int seat_class;
	int seat_school;
	int seat_user;
	int seat_role;
};

bool filter_wanted(const struct filter_options *options)
{
	return options->schools != NULL || options->terms != NULL || options->roles != NULL ||
	       options->grades != NULL || options->enrolled != FILTER_EVERYBODY || options->org_types != NULL ||
	       options->enabled;
}

static bool need(const struct table *table, const bool *read, const char *option, struct err *err)
{
	if (read[table->id])
		return true;
	err_set(err, ERR_USAGE, "%s: %s would have to be read for this, and was not", option, table->name);
	return err_hint(err, "collections = core reads it");
}

static bool check_tables(const struct filter *filter, const bool *read, struct err *err)
{
	const struct filter_options *options = &filter->options;
	bool enrollments = read[filter->enrollments->id];
	return (options->schools == NULL || need(filter->orgs, read, "schools", err)) &&
	       (options->terms == NULL || need(filter->sessions, read, "terms", err)) &&
	       (options->terms == NULL || !enrollments || need(filter->classes, read, "terms", err)) &&
	       (options->schools == NULL || !enrollments || need(filter->classes, read, "schools", err)) &&
	       (options->grades == NULL || need(filter->users, read, "grades", err)) &&
	       (options->enrolled == FILTER_EVERYBODY || !read[filter->users->id] ||
		       need(filter->enrollments, read, "enrolled-only", err));
}

static void find_columns(struct filter *filter)
{
	filter->org_type = column_find(filter->orgs, "type");
	filter->session_type = column_find(filter->sessions, "type");
	filter->session_start = column_find(filter->sessions, "startDate");
	filter->session_end = column_find(filter->sessions, "endDate");
	filter->course_org = column_find(filter->courses, "orgSourcedId");
	filter->class_course = column_find(filter->classes, "courseSourcedId");
	filter->class_school = column_find(filter->classes, "schoolSourcedId");
	filter->class_terms = column_find(filter->classes, "termSourcedIds");
	filter->user_orgs = column_find(filter->users, "orgSourcedIds");
	filter->user_role = column_find(filter->users, "role");
	filter->user_enabled = column_find(filter->users, "enabledUser");
	filter->user_agents = column_find(filter->users, "agentSourcedIds");
	filter->user_grades = column_find(filter->users, "grades");
	filter->seat_class = column_find(filter->enrollments, "classSourcedId");
	filter->seat_school = column_find(filter->enrollments, "schoolSourcedId");
	filter->seat_user = column_find(filter->enrollments, "userSourcedId");
	filter->seat_role = column_find(filter->enrollments, "role");
}

/* The last table that has to be surveyed for what is asked. */
static int find_last(const struct filter *filter)
{
	const struct filter_options *options = &filter->options;
	if (options->schools != NULL || options->enrolled != FILTER_EVERYBODY)
		return filter->enrollments->id;
	if (options->roles != NULL || options->grades != NULL || options->enabled)
		return filter->users->id;
	return options->terms != NULL ? filter->classes->id : filter->orgs->id;
}

struct filter *filter_new(const struct schema *schema, const struct filter_options *options, const bool *read,
	struct keys *keys, struct err *err)
{
	struct filter *filter = mem_new(1, sizeof(*filter));
	filter->options = *options;
	filter->keys = keys;
	filter->orgs = schema_table_find(schema, "orgs");
	filter->sessions = schema_table_find(schema, "academicSessions");
	filter->courses = schema_table_find(schema, "courses");
	filter->classes = schema_table_find(schema, "classes");
	filter->users = schema_table_find(schema, "users");
	filter->enrollments = schema_table_find(schema, "enrollments");
	find_columns(filter);
	filter->last = find_last(filter);
	tree_init(&filter->org_tree, filter->orgs, "schools", options->schools);
	filter->org_tree.level_columns[LEVEL_IDENTIFIER] = column_find(filter->orgs, "identifier");
	filter->org_tree.level_columns[LEVEL_LABEL] = column_find(filter->orgs, "name");
	filter->org_tree.unique = true;
	tree_init(&filter->session_tree, filter->sessions, "terms", options->terms);
	filter->session_tree.level_columns[LEVEL_LABEL] = column_find(filter->sessions, "title");
	filter->grades.met = mem_new(count_names(options->grades) + 1, sizeof(*filter->grades.met));
	if (check_tables(filter, read, err))
		return filter;
	filter_free(filter);
	return NULL;
}

void filter_free(struct filter *filter)
{
	if (filter == NULL)
		return;
	tree_release(&filter->org_tree);
	tree_release(&filter->session_tree);
	free(filter->course_marks.items);
	free(filter->class_marks.items);
	free(filter->user_marks.items);
	for (size_t i = 0; i < filter->grades.count; i++)
		free(filter->grades.seen[i]);
	free(filter->grades.seen);
	free(filter->grades.met);
	free(filter);
}

bool filter_surveys(const struct filter *filter, const struct table *table)
{
	return table->id <= filter->last;
}

/* --- cells ---------------------------------------------------------------------------------------------------------
 */

/* The items of a list cell, or the one value of another, one after the other. */
struct items {
	const char *text;
	const char *end;
	const char *item;
	size_t length;
};

static struct items items_of(const struct row *row, int column)
{
	const char *text = row_text(row, (size_t)column);
	return (struct items){.text = text, .end = text + row_length(row, (size_t)column)};
}

static bool next_item(struct items *items)
{
	if (items->text >= items->end)
		return false;
	const char *comma = memchr(items->text, ',', (size_t)(items->end - items->text));
	const char *stop = comma != NULL ? comma : items->end;
	items->item = items->text;
	items->length = (size_t)(stop - items->text);
	items->text = comma != NULL ? comma + 1 : items->end;
	return true;
}

/* True if the cell, or an item of it, is one of the words. */
static bool is_among(const struct row *row, int column, const char *const *words)
{
	struct items items = items_of(row, column);
	while (next_item(&items))
		for (size_t i = 0; words[i] != NULL; i++)
			if (strlen(words[i]) == items.length && memcmp(words[i], items.item, items.length) == 0)
				return true;
	return false;
}

/* The number of a row of a table that an item refers to, if it stays as far as is known by now. */
static uint32_t number_of(const struct filter *filter, const struct table *table, const struct items *items)
{
	uint32_t number = 0;
	enum keys_fate fate = KEYS_STAYS;
	bool stays = keys_find(filter->keys, table->id, items->item, items->length, &number, &fate) &&
		     fate == KEYS_STAYS;
	return stays ? number : NOBODY;
}

/* The same for a cell with one reference. */
static uint32_t number_in(const struct filter *filter, const struct table *table, const struct row *row, int column)
{
	struct items items = items_of(row, column);
	return next_item(&items) ? number_of(filter, table, &items) : NOBODY;
}

static bool is_known(const struct filter *filter, const struct table *table, const struct row *row, int column)
{
	uint32_t number = 0;
	enum keys_fate fate = KEYS_STAYS;
	return keys_find(filter->keys, table->id, row_text(row, (size_t)column), row_length(row, (size_t)column),
		&number, &fate);
}

static bool has_flag(const struct tree *tree, uint32_t number, unsigned flag)
{
	return number != NOBODY && (tree->nodes[number].flags & flag) != 0;
}

/* Whether a row refers to an org of the family. */
static bool is_local(const struct filter *filter, const struct row *row, int column)
{
	struct items items = items_of(row, column);
	while (next_item(&items))
		if (has_flag(&filter->org_tree, number_of(filter, filter->orgs, &items), NODE_FAMILY))
			return true;
	return false;
}

/* The mark of a number, which is at most one more than those before. */
static struct mark *mark_of(struct marks *marks, uint32_t number)
{
	if (number == marks->room) {
		marks->room = marks->room > 0 ? 2 * marks->room : FIRST_ROOM;
		marks->items = mem_grow(marks->items, marks->room, sizeof(*marks->items));
	}
	if (number == marks->count)
		marks->items[marks->count++] = (struct mark){.org = NOBODY};
	return &marks->items[number];
}

/* --- the survey ----------------------------------------------------------------------------------------------------
 */

static void survey_org(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	struct tree *tree = &filter->org_tree;
	const char *const *types = filter->options.org_types;
	unsigned flags = fate != KEYS_STAYS ? NODE_GONE : 0;
	/* An org without a type is not one of another type: that is for the last check to find. */
	if (fate == KEYS_STAYS && types != NULL && row_length(row, (size_t)filter->org_type) > 0 &&
		!is_among(row, filter->org_type, types)) {
		flags |= NODE_UNFIT;
		fate = KEYS_FILTERED;
	}
	tree_add(tree, row, keys_add(filter->keys, filter->orgs, row, fate), flags, false);
}

/* The end of a session is the first day that is no longer part of it. */
static bool holds_today(const struct filter *filter, const struct row *row)
{
	size_t start = (size_t)filter->session_start;
	size_t end = (size_t)filter->session_end;
	const char *today = filter->options.today;
	return row_length(row, start) == DATE_LENGTH && row_length(row, end) == DATE_LENGTH &&
	       memcmp(row_text(row, start), today, DATE_LENGTH) <= 0 &&
	       memcmp(today, row_text(row, end), DATE_LENGTH) < 0;
}

static bool asks_for_current(const struct filter *filter)
{
	for (size_t i = 0; filter->options.terms != NULL && filter->options.terms[i] != NULL; i++)
		if (strcmp(filter->options.terms[i], current) == 0)
			return true;
	return false;
}

static void survey_session(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	struct tree *tree = &filter->session_tree;
	unsigned flags = fate != KEYS_STAYS ? NODE_GONE : 0;
	bool today = asks_for_current(filter) && holds_today(filter, row);
	if (today && flags != NODE_GONE)
		flags |= NODE_CURRENT;
	if (is_text(row, filter->session_type, "gradingPeriod"))
		flags |= NODE_GRADING;
	tree_add(tree, row, keys_add(filter->keys, filter->sessions, row, fate), flags, today);
}

static void survey_course(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	struct mark *mark = mark_of(&filter->course_marks, keys_add(filter->keys, filter->courses, row, fate));
	mark->org = number_in(filter, filter->orgs, row, filter->course_org);
	if (has_flag(&filter->org_tree, mark->org, NODE_FAMILY))
		mark->flags |= MARK_LOCAL;
}

static bool meets_in_term(const struct filter *filter, const struct row *row)
{
	struct items items = items_of(row, filter->class_terms);
	while (next_item(&items))
		if (has_flag(&filter->session_tree, number_of(filter, filter->sessions, &items), NODE_STAYS))
			return true;
	return false;
}

static void survey_class(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	const struct filter_options *options = &filter->options;
	bool fits = (options->schools == NULL || is_local(filter, row, filter->class_school)) &&
		    (options->terms == NULL || meets_in_term(filter, row));
	if (!fits)
		fate = KEYS_FILTERED;
	struct mark *mark = mark_of(&filter->class_marks, keys_add(filter->keys, filter->classes, row, fate));
	mark->org = number_in(filter, filter->orgs, row, filter->class_school);
	uint32_t course = fate == KEYS_STAYS ? number_in(filter, filter->courses, row, filter->class_course) : NOBODY;
	if (options->schools == NULL || course == NOBODY)
		return;
	filter->course_marks.items[course].flags |= MARK_USED;
	keep(&filter->org_tree, filter->course_marks.items[course].org);
}

/* Notes a grade that a student has. */
static void note_grade(struct filter *filter, const char *text, size_t length)
{
	struct grades *grades = &filter->grades;
	size_t at = 0;
	while (at < grades->count && (strncmp(grades->seen[at], text, length) < 0))
		at++;
	if ((at < grades->count && strncmp(grades->seen[at], text, length) == 0 && grades->seen[at][length] == '\0') ||
		length == 0)
		return;
	for (size_t i = 0; filter->options.grades[i] != NULL; i++)
		if (strlen(filter->options.grades[i]) == length && memcmp(filter->options.grades[i], text, length) == 0)
			grades->met[i] = true;
	if (grades->count == GRADES_MAX)
		return;
	grades->seen = mem_grow(grades->seen, grades->count + 1, sizeof(*grades->seen));
	memmove(grades->seen + at + 1, grades->seen + at, (grades->count - at) * sizeof(*grades->seen));
	grades->seen[at] = mem_copy_n(text, length);
	grades->count++;
}

static void note_grades(struct filter *filter, const struct row *row)
{
	struct items items = items_of(row, filter->user_grades);
	while (next_item(&items))
		note_grade(filter, items.item, items.length);
}

static void survey_user(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	const struct filter_options *options = &filter->options;
	bool learns = is_text(row, filter->user_role, student);
	bool fits = !(options->enabled && is_text(row, filter->user_enabled, "false")) &&
		    (options->roles == NULL || is_among(row, filter->user_role, options->roles)) &&
		    (options->grades == NULL || !learns || is_among(row, filter->user_grades, options->grades));
	if (options->grades != NULL && learns && fate == KEYS_STAYS)
		note_grades(filter, row);
	uint32_t number = keys_add(filter->keys, filter->users, row, fits ? fate : KEYS_FILTERED);
	struct mark *mark = mark_of(&filter->user_marks, number);
	if (fits)
		mark->flags |= MARK_FITS;
	if (learns)
		mark->flags |= MARK_STUDENT;
	if (options->schools != NULL && fits && is_local(filter, row, filter->user_orgs))
		mark->flags |= MARK_LOCAL;
}

/* Whether an enrollment belongs into the bundle, as far as that does not follow from its user and its class. */
static bool fits_seat(const struct filter *filter, const struct row *row)
{
	const struct filter_options *options = &filter->options;
	if (options->roles != NULL && !is_among(row, filter->seat_role, options->roles))
		return false;
	return options->schools == NULL || is_known(filter, filter->classes, row, filter->seat_class) ||
	       is_local(filter, row, filter->seat_school);
}

/* The org of the lesser number: the first in byte order, as that is how rows come. */
static void offer_org(struct mark *mark, uint32_t org)
{
	if (org < mark->org)
		mark->org = org;
}

static void survey_seat(struct filter *filter, const struct row *row, enum keys_fate fate)
{
	if (fate != KEYS_STAYS || !fits_seat(filter, row))
		return;
	uint32_t school = number_in(filter, filter->orgs, row, filter->seat_school);
	uint32_t class = number_in(filter, filter->classes, row, filter->seat_class);
	uint32_t user = number_in(filter, filter->users, row, filter->seat_user);
	if (filter->options.schools != NULL)
		keep(&filter->org_tree, school);
	if (user == NOBODY)
		return;
	struct mark *mark = &filter->user_marks.items[user];
	mark->flags |= MARK_ENROLLED;
	offer_org(mark, class != NOBODY ? filter->class_marks.items[class].org : school);
}

void filter_survey(struct filter *filter, const struct table *table, const struct row *row, enum keys_fate fate)
{
	if (table == filter->orgs)
		survey_org(filter, row, fate);
	else if (table == filter->sessions)
		survey_session(filter, row, fate);
	else if (table == filter->courses)
		survey_course(filter, row, fate);
	else if (table == filter->classes)
		survey_class(filter, row, fate);
	else if (table == filter->users)
		survey_user(filter, row, fate);
	else if (table == filter->enrollments)
		survey_seat(filter, row, fate);
}

/* What there is in place of what is not, for a message. */
struct listing {
	struct buf text;
	size_t more; /* that the message has no room for */
};

static void list_add(struct listing *listing, const char *name, const char *label)
{
	if (listing->text.length > LISTED_MAX) {
		listing->more++;
		return;
	}
	buf_add_format(&listing->text, "%s%s", listing->text.length > 0 ? ", " : "", name);
	if (*label != '\0')
		buf_add_format(&listing->text, " (%s)", label);
}

/* Puts the list behind the text of err, and forgets it. */
static void list_end(struct listing *listing, struct err *err)
{
	if (listing->text.length == 0)
		err_hint(err, "There are none");
	else if (listing->more > 0)
		err_hint(err, "There are: %s and %zu more", buf_text(&listing->text), listing->more);
	else
		err_hint(err, "There are: %s", buf_text(&listing->text));
	buf_release(&listing->text);
}

static bool is_label_before(const struct tree *tree, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if ((tree->nodes[j].flags & NODE_GONE) == 0 && strcmp(tree->nodes[j].label, tree->nodes[i].label) == 0)
			return true;
	return false;
}

/* Orgs by id and name, sessions by title. */
static void list_nodes(const struct tree *tree, struct err *err)
{
	struct listing listing = {0};
	for (size_t i = 0; i < tree->count; i++) {
		const struct node *node = &tree->nodes[i];
		if ((node->flags & NODE_GONE) != 0)
			continue;
		if (tree->unique)
			list_add(&listing, node->id, node->label);
		else if (!is_label_before(tree, i))
			list_add(&listing, *node->label != '\0' ? node->label : node->id, "");
	}
	list_end(&listing, err);
}

/* How a name that nobody has may come to be: a list is cut at commas, and only there. */
static void explain_commas(const struct tree *tree, const char *name, struct err *err)
{
	if (strchr(name, ' ') != NULL)
		err_hint(err, "Several are written with commas between");
	for (size_t i = 0; i < tree->count; i++) {
		if (strchr(tree->nodes[i].label, ',') == NULL || strstr(tree->nodes[i].label, name) == NULL)
			continue;
		err_hint(err, "One whose name has a comma is given by its sourcedId, here %s", tree->nodes[i].id);
		return;
	}
}

static bool explain_name(const struct filter *filter, const struct tree *tree, size_t i, struct err *err)
{
	bool org = tree == &filter->org_tree;
	const char *what = org ? "org" : "academicSession";
	const char *name = tree->names[i];
	if (tree->met[i].gone)
		err_set(err, ERR_DATA, "%s: the SIS marks the %s %s as deleted", tree->option, what, name);
	else if (!org && strcmp(name, current) == 0)
		err_set(err, ERR_DATA, "%s: no %s of the SIS is current: today, %s, lies in none", tree->option, what,
			filter->options.today);
	else
		err_set(err, ERR_DATA, "%s: the SIS has no %s with the %s %s", tree->option, what,
			org ? "sourcedId, identifier or name" : "sourcedId or title", name);
	err_hint(err, "Without it the receiver would be told to delete what belongs to it");
	explain_commas(tree, name, err);
	list_nodes(tree, err);
	return false;
}

static bool explain_several(const struct tree *tree, size_t i, enum level level, struct err *err)
{
	const struct met *met = &tree->met[i];
	struct listing ids = {0};
	for (size_t n = 0; n < met->counts[level]; n++)
		list_add(&ids, tree->nodes[met->nodes[level][n]].id, "");
	err_set(err, ERR_DATA, "%s: several orgs have the %s %s. Give the one that is meant by its sourcedId",
		tree->option, level == LEVEL_IDENTIFIER ? "identifier" : "name", tree->names[i]);
	list_end(&ids, err);
	return false;
}

static bool is_word_of(const struct vocabulary *vocabulary, const char *text)
{
	for (const char *const *word = vocabulary->values; *word != NULL; word++)
		if (strcmp(*word, text) == 0)
			return true;
	return false;
}

/* A grade of the standard may be without students just now, unless that is all that is asked for. */
static bool check_grades(const struct filter *filter, struct err *err)
{
	const struct grades *grades = &filter->grades;
	const struct vocabulary *known = filter->users->columns[filter->user_grades].vocabulary;
	size_t count = count_names(filter->options.grades);
	bool any = false;
	for (size_t i = 0; i < count; i++)
		any = any || grades->met[i];
	for (size_t i = 0; i < count; i++) {
		if (grades->met[i] || (any && is_word_of(known, filter->options.grades[i])))
			continue;
		struct listing listing = {0};
		for (size_t n = 0; n < grades->count; n++)
			list_add(&listing, grades->seen[n], "");
		err_set(err, ERR_DATA, "grades: no student of the SIS has the grade %s", filter->options.grades[i]);
		err_hint(err, "Without it the receiver would be told to delete these students");
		list_end(&listing, err);
		return false;
	}
	return true;
}

bool filter_surveyed(struct filter *filter, const struct table *table, struct err *err)
{
	struct tree *tree = table == filter->orgs       ? &filter->org_tree
			    : table == filter->sessions ? &filter->session_tree
							: NULL;
	if (table == filter->users)
		return check_grades(filter, err);
	if (tree == NULL || tree->names == NULL)
		return true;
	for (size_t i = 0; tree->names[i] != NULL; i++) {
		enum level level = met_level(&tree->met[i]);
		if (level == LEVEL_COUNT && !tree->met[i].current)
			return explain_name(filter, tree, i, err);
		if (tree->unique && level < LEVEL_COUNT && tree->met[i].counts[level] > 1)
			return explain_several(tree, i, level, err);
	}
	tree_follow(tree, filter->keys);
	return true;
}

/* --- agents --------------------------------------------------------------------------------------------------------
 */

bool filter_wants_agents(const struct filter *filter)
{
	return filter->options.enrolled == FILTER_ENROLLED_AND_AGENTS;
}

static bool is_enrolled_student(const struct mark *mark)
{
	return (mark->flags & MARK_STUDENT) != 0 && (mark->flags & MARK_ENROLLED) != 0;
}

static void take_agent(struct mark *agent, const struct mark *of)
{
	agent->flags |= MARK_AGENT;
	if ((agent->flags & MARK_ENROLLED) == 0)
		offer_org(agent, of->org);
}

void filter_agents(struct filter *filter, const struct row *row)
{
	uint32_t own = number_in(filter, filter->users, row, SCHEMA_SOURCED_ID);
	if (own == NOBODY)
		return;
	struct mark *mark = &filter->user_marks.items[own];
	struct items items = items_of(row, filter->user_agents);
	while (next_item(&items)) {
		uint32_t number = number_of(filter, filter->users, &items);
		if (number == NOBODY)
			continue;
		struct mark *other = &filter->user_marks.items[number];
		if (is_enrolled_student(mark))
			take_agent(other, mark);
		else if ((mark->flags & MARK_STUDENT) == 0 && is_enrolled_student(other))
			take_agent(mark, other);
	}
}

/* --- the end of the survey -----------------------------------------------------------------------------------------
 */

static void settle_courses(struct filter *filter)
{
	for (uint32_t i = 0; filter->options.schools != NULL && i < filter->course_marks.count; i++)
		if ((filter->course_marks.items[i].flags & (MARK_LOCAL | MARK_USED)) == 0)
			keys_filter(filter->keys, filter->courses->id, i);
}

static void settle_users(struct filter *filter)
{
	const struct filter_options *options = &filter->options;
	for (uint32_t i = 0; i < filter->user_marks.count; i++) {
		unsigned flags = filter->user_marks.items[i].flags;
		bool wanted = (flags & (MARK_ENROLLED | MARK_AGENT)) != 0;
		bool stays = (flags & MARK_FITS) != 0 &&
			     (options->schools == NULL || wanted || (flags & MARK_LOCAL) != 0) &&
			     (options->enrolled == FILTER_EVERYBODY || wanted);
		if (!stays)
			keys_filter(filter->keys, filter->users->id, i);
	}
}

void filter_settle(struct filter *filter)
{
	tree_settle(&filter->org_tree, filter->keys);
	tree_settle(&filter->session_tree, filter->keys);
	settle_courses(filter);
	settle_users(filter);
}

/* --- the rows of the bundle ----------------------------------------------------------------------------------------
 */

bool filter_holds(const struct filter *filter, const struct table *table, const struct row *row)
{
	uint32_t number = 0;
	enum keys_fate fate = KEYS_STAYS;
	if (table == filter->enrollments)
		return fits_seat(filter, row);
	return !filter_surveys(filter, table) ||
	       !keys_find(filter->keys, table->id, row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID),
		       &number, &fate) ||
	       fate != KEYS_FILTERED;
}

bool filter_place(const struct filter *filter, const struct table *table, struct row *row, struct value_counts *counts,
	struct err *err)
{
	size_t column = (size_t)filter->user_orgs;
	if (table != filter->users || filter->options.schools == NULL)
		return true;
	struct items items = items_of(row, filter->user_orgs);
	while (next_item(&items))
		if (number_of(filter, filter->orgs, &items) != NOBODY)
			return true;
	uint32_t own = number_in(filter, filter->users, row, SCHEMA_SOURCED_ID);
	uint32_t org = own != NOBODY ? filter->user_marks.items[own].org : NOBODY;
	if (org == NOBODY)
		return true;
	const char *id = filter->org_tree.nodes[org].id;
	if ((row_length(row, column) > 0 && !row_append(row, column, ",", 1)) ||
		!row_append(row, column, id, strlen(id)))
		return err_set(err, ERR_DATA, "%s: a row is larger than %d bytes", table->file_name, ROW_TEXT_MAX);
	value_counts_one(counts, filter->user_orgs, VALUE_LIST_SCHOOL);
	return true;
}

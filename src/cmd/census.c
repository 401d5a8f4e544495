#include "cmd/census.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/clean.h"

enum { TEXT_MAX = 200 }; /* bytes of a name that are kept */

static const size_t nowhere = SIZE_MAX;
static const uint32_t stray = UINT32_MAX; /* an id that no row has */

static const char school_word[] = "school";
static const char student_word[] = "student";
static const char teacher_word[] = "teacher";
static const char other_grade[] = "Other";

/* The columns that are looked at. */
enum field {
	ORG_NAME,
	ORG_TYPE,
	SESSION_TITLE,
	SESSION_TYPE,
	SESSION_START,
	SESSION_END,
	CLASS_SCHOOL,
	CLASS_TERMS,
	USER_ORGS,
	USER_ROLE,
	USER_GRADES,
	ENROLLMENT_CLASS,
	ENROLLMENT_USER,
	ENROLLMENT_ROLE,
	FIELD_COUNT
};

static const struct {
	const char *table;
	const char *column;
} fields[FIELD_COUNT] = {
	[ORG_NAME] = {"orgs", "name"},
	[ORG_TYPE] = {"orgs", "type"},
	[SESSION_TITLE] = {"academicSessions", "title"},
	[SESSION_TYPE] = {"academicSessions", "type"},
	[SESSION_START] = {"academicSessions", "startDate"},
	[SESSION_END] = {"academicSessions", "endDate"},
	[CLASS_SCHOOL] = {"classes", "schoolSourcedId"},
	[CLASS_TERMS] = {"classes", "termSourcedIds"},
	[USER_ORGS] = {"users", "orgSourcedIds"},
	[USER_ROLE] = {"users", "role"},
	[USER_GRADES] = {"users", "grades"},
	[ENROLLMENT_CLASS] = {"enrollments", "classSourcedId"},
	[ENROLLMENT_USER] = {"enrollments", "userSourcedId"},
	[ENROLLMENT_ROLE] = {"enrollments", "role"},
};

/* Numbers of organisations or sessions, those of one row behind each other. */
struct links {
	uint32_t *items;
	size_t count;
	size_t room;
};

struct lesson {
	uint32_t org;
	uint32_t terms; /* where they begin among the links */
	uint32_t term_count;
	uint32_t students;
	uint32_t teachers;
	uint32_t enrollments;
};

struct person {
	uint32_t orgs; /* where they begin among the links */
	uint32_t org_count;
	bool student;
	bool teacher;
	bool placed; /* has an enrollment */
};

struct census_work {
	struct idset *org_ids;
	struct idset *session_ids;
	struct idset *class_ids;
	struct idset *people_ids;
	struct lesson *lessons;
	struct person *people;
	size_t people_count;
	struct links terms;
	struct links orgs;
	size_t org_room;
	size_t session_room;
	size_t lesson_room;
	size_t people_room;

	/* The file at hand. */
	const struct table *table; /* NULL before the first */
	size_t width;              /* cells of its header; 0 while there is none */
	size_t id;                 /* where which column is, or nowhere */
	size_t status;
	size_t at[FIELD_COUNT];
};

/* --- cells ---------------------------------------------------------------------------------------------------------
 */

static const struct csv_cell blank = {.text = ""};

static const struct csv_cell *cell_of(const struct csv_row *row, size_t at)
{
	return at < row->count ? &row->cells[at] : &blank;
}

static bool cell_is(const struct csv_cell *cell, const char *word)
{
	return cell->length == strlen(word) && strncasecmp(cell->text, word, cell->length) == 0;
}

/* A copy that is fit to be shown, and not endless. */
static char *cell_copy(const struct csv_cell *cell)
{
	struct buf text = {0};
	size_t length = cell->length <= TEXT_MAX ? cell->length : TEXT_MAX;
	while (length > 0 && length < cell->length && ((unsigned char)cell->text[length] & 0xC0U) == 0x80)
		length--;
	clean_text(cell->text, length, &text);
	if (length < cell->length)
		buf_add_text(&text, "\xE2\x80\xA6");
	return buf_take(&text);
}

/* The next item of a list, without the blanks around it: false behind the last one. */
static bool next_item(const struct csv_cell *cell, size_t *from, struct csv_cell *item)
{
	while (*from < cell->length) {
		const char *begin = cell->text + *from;
		const char *comma = memchr(begin, ',', cell->length - *from);
		size_t length = comma != NULL ? (size_t)(comma - begin) : cell->length - *from;
		*from += length + 1;
		while (length > 0 && *begin == ' ') {
			begin++;
			length--;
		}
		while (length > 0 && begin[length - 1] == ' ')
			length--;
		*item = (struct csv_cell){.text = begin, .length = length};
		if (length > 0)
			return true;
	}
	return false;
}

static void links_add(struct links *links, uint32_t item)
{
	if (links->count == links->room) {
		links->room = links->room > 0 ? 2 * links->room : 64;
		links->items = mem_grow(links->items, links->room, sizeof(*links->items));
	}
	links->items[links->count++] = item;
}

/* Adds the numbers of the ids in a list, each once, unknown ones as one stray: how many that are. */
static uint32_t add_links(struct links *links, struct idset *ids, const struct csv_cell *list)
{
	struct csv_cell item;
	size_t begin = links->count;
	for (size_t from = 0; next_item(list, &from, &item);) {
		const uint32_t *found = idset_find(ids, item.text, item.length);
		uint32_t number = found != NULL ? *found : stray;
		bool known = false;
		for (size_t i = begin; i < links->count; i++)
			known = known || links->items[i] == number;
		if (!known)
			links_add(links, number);
	}
	return (uint32_t)(links->count - begin);
}

/* Room for one more at the end of a list that doubles. */
static void *make_room(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room > 0 ? 2 * *room : 64;
	return mem_grow(items, *room, size);
}

/* --- words ---------------------------------------------------------------------------------------------------------
 */

static void words_init(struct census_words *words, const struct schema *schema, const char *table, const char *column)
{
	const struct table *found = schema_table_find(schema, table);
	words->words = found->columns[column_find(found, column)].vocabulary;
	while (words->words->values[words->count] != NULL)
		words->count++;
	assert(words->count <= CENSUS_WORDS_MAX);
}

/* The place of a word, or nowhere. */
static size_t find_word(const struct census_words *words, const struct csv_cell *cell)
{
	for (size_t i = 0; i < words->count; i++)
		if (cell_is(cell, words->words->values[i]))
			return i;
	for (const struct vocabulary_alias *alias = words->words->aliases; alias->from != NULL; alias++)
		if (cell_is(cell, alias->from))
			return find_word(words, &(struct csv_cell){.text = alias->to, .length = strlen(alias->to)});
	return nowhere;
}

static size_t count_word(struct census_words *words, const struct csv_cell *cell)
{
	size_t word = find_word(words, cell);
	if (word != nowhere)
		words->counts[word]++;
	else if (cell->length == 0)
		words->none++;
	else
		words->other++;
	return word;
}

static bool is_word(const struct census_words *words, size_t word, const char *text)
{
	return word != nowhere && strcmp(words->words->values[word], text) == 0;
}

/* Grades as school systems write them: 9 for 09, K for KG. */
static size_t find_grade(const struct census_words *words, const struct csv_cell *cell)
{
	char padded[] = {'0', '0', '\0'};
	size_t word = find_word(words, cell);
	if (word == nowhere && cell_is(cell, "K"))
		word = find_word(words, &(struct csv_cell){.text = "KG", .length = 2});
	if (word == nowhere && cell->length == 1 && isdigit((unsigned char)cell->text[0])) {
		padded[1] = cell->text[0];
		word = find_word(words, &(struct csv_cell){.text = padded, .length = 2});
	}
	if (word == nowhere)
		word = find_word(words, &(struct csv_cell){.text = other_grade, .length = strlen(other_grade)});
	return word;
}

static void count_grades(struct census_words *words, const struct csv_cell *cell)
{
	uint64_t met = 0;
	struct csv_cell item;
	for (size_t from = 0; next_item(cell, &from, &item);) {
		size_t word = find_grade(words, &item);
		met |= word != nowhere ? UINT64_C(1) << word : 0;
	}
	for (size_t i = 0; i < words->count; i++)
		words->counts[i] += met >> i & 1U;
	if (met == 0)
		words->none++;
}

/* --- rows ----------------------------------------------------------------------------------------------------------
 */

static const struct csv_cell *field_of(const struct census *census, const struct csv_row *row, enum field field)
{
	return cell_of(row, census->work->at[field]);
}

/* Adds the id of a row: false if it has none that is new. */
static bool add_id(const struct census *census, struct idset *ids, const struct csv_row *row, size_t number)
{
	const struct csv_cell *id = cell_of(row, census->work->id);
	return id->length > 0 && number < stray && idset_add(ids, id->text, id->length, (uint32_t)number, NULL);
}

static void count_org(struct census *census, const struct csv_row *row)
{
	struct census_work *work = census->work;
	if (!add_id(census, work->org_ids, row, census->org_count))
		return;
	census->orgs = make_room(census->orgs, census->org_count, &work->org_room, sizeof(*census->orgs));
	census->orgs[census->org_count++] = (struct census_org){
		.id = cell_copy(cell_of(row, work->id)),
		.name = cell_copy(field_of(census, row, ORG_NAME)),
		.type = cell_copy(field_of(census, row, ORG_TYPE)),
	};
}

static void count_session(struct census *census, const struct csv_row *row)
{
	struct census_work *work = census->work;
	if (!add_id(census, work->session_ids, row, census->session_count))
		return;
	census->sessions = make_room(
		census->sessions, census->session_count, &work->session_room, sizeof(*census->sessions));
	census->sessions[census->session_count++] = (struct census_session){
		.title = cell_copy(field_of(census, row, SESSION_TITLE)),
		.type = cell_copy(field_of(census, row, SESSION_TYPE)),
		.start = cell_copy(field_of(census, row, SESSION_START)),
		.end = cell_copy(field_of(census, row, SESSION_END)),
		.sessions = 1,
	};
}

static void count_course(struct census *census, const struct csv_row *row)
{
	if (cell_of(row, census->work->id)->length > 0)
		census->course_count++;
}

static struct census_org *org_at(struct census *census, uint32_t number)
{
	return number < census->org_count ? &census->orgs[number] : &census->strays;
}

static void count_class(struct census *census, const struct csv_row *row)
{
	struct census_work *work = census->work;
	const struct csv_cell *school = field_of(census, row, CLASS_SCHOOL);
	if (!add_id(census, work->class_ids, row, census->classes.count))
		return;
	const uint32_t *org = idset_find(work->org_ids, school->text, school->length);
	work->lessons = make_room(work->lessons, census->classes.count, &work->lesson_room, sizeof(*work->lessons));
	struct lesson *lesson = &work->lessons[census->classes.count++];
	*lesson = (struct lesson){
		.org = org != NULL ? *org : stray,
		.terms = (uint32_t)work->terms.count,
	};
	lesson->term_count = add_links(&work->terms, work->session_ids, field_of(census, row, CLASS_TERMS));
	org_at(census, lesson->org)->classes++;
}

static void count_person(struct census *census, const struct person *person)
{
	const struct census_work *work = census->work;
	for (uint32_t i = 0; i < person->org_count; i++) {
		struct census_org *org = org_at(census, work->orgs.items[person->orgs + i]);
		org->people++;
		org->students += person->student ? 1 : 0;
		org->teachers += person->teacher ? 1 : 0;
	}
	census->students += person->student ? 1 : 0;
	census->teachers += person->teacher ? 1 : 0;
}

static void count_user(struct census *census, const struct csv_row *row)
{
	struct census_work *work = census->work;
	if (!add_id(census, work->people_ids, row, work->people_count))
		return;
	size_t role = count_word(&census->roles, field_of(census, row, USER_ROLE));
	work->people = make_room(work->people, work->people_count, &work->people_room, sizeof(*work->people));
	struct person *person = &work->people[work->people_count++];
	*person = (struct person){
		.orgs = (uint32_t)work->orgs.count,
		.student = is_word(&census->roles, role, student_word),
		.teacher = is_word(&census->roles, role, teacher_word),
	};
	person->org_count = add_links(&work->orgs, work->org_ids, field_of(census, row, USER_ORGS));
	if (person->org_count == 0) {
		links_add(&work->orgs, stray);
		person->org_count = 1;
	}
	count_person(census, person);
	if (person->student)
		count_grades(&census->grades, field_of(census, row, USER_GRADES));
}

static void count_enrollment(struct census *census, const struct csv_row *row)
{
	struct census_work *work = census->work;
	const struct csv_cell *class = field_of(census, row, ENROLLMENT_CLASS);
	const struct csv_cell *user = field_of(census, row, ENROLLMENT_USER);
	const uint32_t *lesson = idset_find(work->class_ids, class->text, class->length);
	const uint32_t *person = idset_find(work->people_ids, user->text, user->length);
	size_t role = count_word(&census->enrollments, field_of(census, row, ENROLLMENT_ROLE));
	census->enrollment_count++;
	if (lesson != NULL) {
		work->lessons[*lesson].enrollments++;
		work->lessons[*lesson].students += is_word(&census->enrollments, role, student_word) ? 1 : 0;
		work->lessons[*lesson].teachers += is_word(&census->enrollments, role, teacher_word) ? 1 : 0;
	}
	if (person != NULL)
		work->people[*person].placed = true;
}

/* --- lines ---------------------------------------------------------------------------------------------------------
 */

static size_t find_column(const struct csv_row *header, const char *name)
{
	for (size_t i = 0; i < header->count; i++)
		if (cell_is(&header->cells[i], name))
			return i;
	return nowhere;
}

/* A header without an id is none: what follows cannot be told apart. */
static void read_header(struct census_work *work, const struct csv_row *row)
{
	const struct table *table = work->table;
	work->id = find_column(row, table->columns[SCHEMA_SOURCED_ID].name);
	work->status = find_column(row, table->columns[SCHEMA_STATUS].name);
	work->width = row->count;
	for (int f = 0; f < FIELD_COUNT; f++)
		if (strcmp(fields[f].table, table->name) == 0)
			work->at[f] = find_column(row, fields[f].column);
}

static bool says_deleted(const struct census_work *work, const struct csv_row *row)
{
	const struct csv_cell *status = cell_of(row, work->status);
	const struct vocabulary *words = work->table->columns[SCHEMA_STATUS].vocabulary;
	if (cell_is(status, "tobedeleted"))
		return true;
	for (const struct vocabulary_alias *alias = words->aliases; alias->from != NULL; alias++)
		if (cell_is(status, alias->from))
			return strcmp(alias->to, "tobedeleted") == 0;
	return false;
}

static void count_row(struct census *census, const struct csv_row *row)
{
	static const struct {
		const char *table;
		void (*count)(struct census *census, const struct csv_row *row);
	} counters[] = {
		{"orgs", count_org},
		{"academicSessions", count_session},
		{"courses", count_course},
		{"classes", count_class},
		{"users", count_user},
		{"enrollments", count_enrollment},
	};
	const struct table *table = census->work->table;
	if (says_deleted(census->work, row)) {
		census->deleted[table->id]++;
		return;
	}
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (strcmp(counters[i].table, table->name) == 0)
			counters[i].count(census, row);
}

static void read_property(struct census *census, const struct csv_row *row)
{
	if (row->count < 2 || !cell_is(&row->cells[0], "source.systemName") || row->cells[1].length == 0)
		return;
	free(census->source);
	census->source = cell_copy(&row->cells[1]);
}

void census_line(void *context, const struct table *table, const struct csv_row *row)
{
	struct census *census = context;
	struct census_work *work = census->work;
	if ((row->notes & (CSV_BLANK | CSV_TOO_LARGE)) != 0)
		return;
	if (table == NULL) {
		read_property(census, row);
		return;
	}
	if (table != work->table) {
		work->table = table;
		read_header(work, row);
	} else if (row->count == work->width && work->id != nowhere) {
		count_row(census, row);
	}
}

/* --- adding up -----------------------------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;
	return (*x > *y) - (*x < *y);
}

static void count_sizes(struct census_classes *classes, const struct lesson *lessons)
{
	uint32_t *sizes = mem_new(classes->count, sizeof(*sizes));
	size_t count = 0;
	uint64_t sum = 0;
	for (size_t i = 0; i < classes->count; i++) {
		uint32_t size = lessons[i].students;
		uint32_t teachers = lessons[i].teachers;
		uint32_t bin = (size + CENSUS_SIZE_STEP - 1) / CENSUS_SIZE_STEP;
		classes->by_size[bin < CENSUS_SIZES ? bin : CENSUS_SIZES - 1]++;
		classes->by_teachers[teachers < CENSUS_TEACHERS ? teachers : CENSUS_TEACHERS - 1]++;
		if (size > 0)
			sizes[count++] = size;
		sum += size;
	}
	if (count > 0) {
		qsort(sizes, count, sizeof(*sizes), by_number);
		classes->median = sizes[(count - 1) / 2];
		classes->largest = sizes[count - 1];
		classes->tenths = (sum * 10 + count / 2) / count;
	}
	free(sizes);
}

static void count_terms(struct census *census)
{
	const struct census_work *work = census->work;
	for (size_t i = 0; i < census->classes.count; i++) {
		const struct lesson *lesson = &work->lessons[i];
		for (uint32_t t = 0; t < lesson->term_count; t++) {
			uint32_t number = work->terms.items[lesson->terms + t];
			if (number == stray)
				continue;
			census->sessions[number].classes++;
			census->sessions[number].enrollments += lesson->enrollments;
		}
	}
}

static void count_idle(struct census *census)
{
	const struct census_work *work = census->work;
	for (size_t i = 0; i < work->people_count; i++) {
		const struct person *person = &work->people[i];
		if (person->placed)
			continue;
		census->idle_students += person->student ? 1 : 0;
		census->idle_teachers += person->teacher ? 1 : 0;
		for (uint32_t o = 0; person->student && o < person->org_count; o++)
			org_at(census, work->orgs.items[person->orgs + o])->idle++;
	}
}

static int by_session(const void *a, const void *b)
{
	const struct census_session *x = a;
	const struct census_session *y = b;
	int order = strcmp(x->start, y->start);
	order = order != 0 ? order : -strcmp(x->end, y->end); /* the whole before its parts */
	order = order != 0 ? order : strcmp(x->title, y->title);
	return order != 0 ? order : strcmp(x->type, y->type);
}

static void session_release(struct census_session *session)
{
	free(session->title);
	free(session->type);
	free(session->start);
	free(session->end);
}

static void merge_sessions(struct census *census)
{
	size_t kept = 0;
	if (census->session_count > 0)
		qsort(census->sessions, census->session_count, sizeof(*census->sessions), by_session);
	for (size_t i = 0; i < census->session_count; i++) {
		struct census_session *session = &census->sessions[i];
		struct census_session *last = kept > 0 ? &census->sessions[kept - 1] : NULL;
		if (last == NULL || by_session(last, session) != 0) {
			census->sessions[kept++] = *session;
			continue;
		}
		last->sessions++;
		last->classes += session->classes;
		last->enrollments += session->enrollments;
		session_release(session);
	}
	census->session_count = kept;
}

static void count_orgs(struct census *census)
{
	for (size_t i = 0; i < census->org_count; i++) {
		const struct census_org *org = &census->orgs[i];
		bool district = strcasecmp(org->type, "district") == 0;
		census->schools += census_is_school(org) ? 1 : 0;
		census->districts += district ? 1 : 0;
		if (district && census->district == NULL)
			census->district = org;
	}
}

static void work_free(struct census_work *work)
{
	if (work == NULL)
		return;
	idset_free(work->org_ids);
	idset_free(work->session_ids);
	idset_free(work->class_ids);
	idset_free(work->people_ids);
	free(work->lessons);
	free(work->people);
	free(work->terms.items);
	free(work->orgs.items);
	free(work);
}

void census_end(struct census *census)
{
	count_sizes(&census->classes, census->work->lessons);
	count_terms(census);
	count_idle(census);
	merge_sessions(census);
	count_orgs(census);
	work_free(census->work);
	census->work = NULL;
}

/* --- the census ----------------------------------------------------------------------------------------------------
 */

void census_init(struct census *census, const struct schema *schema)
{
	*census = (struct census){.deleted = mem_new((size_t)schema->table_count, sizeof(*census->deleted))};
	words_init(&census->roles, schema, "users", "role");
	words_init(&census->grades, schema, "users", "grades");
	words_init(&census->enrollments, schema, "enrollments", "role");
	census->work = mem_new(1, sizeof(*census->work));
	census->work->org_ids = idset_new();
	census->work->session_ids = idset_new();
	census->work->class_ids = idset_new();
	census->work->people_ids = idset_new();
}

void census_release(struct census *census)
{
	for (size_t i = 0; i < census->org_count; i++) {
		free(census->orgs[i].id);
		free(census->orgs[i].name);
		free(census->orgs[i].type);
	}
	for (size_t i = 0; i < census->session_count; i++)
		session_release(&census->sessions[i]);
	free(census->orgs);
	free(census->sessions);
	free(census->deleted);
	free(census->source);
	work_free(census->work);
	*census = (struct census){0};
}

const struct census_org *census_find(const struct census *census, const char *id)
{
	for (size_t i = 0; i < census->org_count; i++)
		if (strcmp(census->orgs[i].id, id) == 0)
			return &census->orgs[i];
	return NULL;
}

bool census_is_school(const struct census_org *org)
{
	return strcasecmp(org->type, school_word) == 0;
}

uint64_t census_role(const struct census *census, const char *role)
{
	for (size_t i = 0; i < census->roles.count; i++)
		if (is_word(&census->roles, i, role))
			return census->roles.counts[i];
	return 0;
}

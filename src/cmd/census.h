/*
 * What is in a bundle, counted while it is read: schools, people by role and grade, classes by size, sessions. Takes
 * the lines of its files in the order of the schema, in memory bound by the number of organisations, sessions, classes
 * and users, not by that of enrollments.
 * Owns names and ids of organisations and titles of sessions; nothing of a person is in what it gives out but a count.
 *
 * Not counted are rows that are marked as deleted, have another width than their header (which cell is which is then
 * anybody's guess), or, but for enrollments, have no id or one that a row before has.
 */
#ifndef CMD_CENSUS_H
#define CMD_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/csv_read.h"
#include "table/idset.h"
#include "table/schema.h"

enum {
	CENSUS_WORDS_MAX = 32, /* of a vocabulary */
	CENSUS_SIZES = 10,     /* classes by students: none, 1 to 5, ... 36 to 40, more */
	CENSUS_SIZE_STEP = 5,
	CENSUS_TEACHERS = 4, /* classes by teachers: none, 1, 2, more */
};

/* How often each word of a vocabulary stands in a column. */
struct census_words {
	const struct vocabulary *words;
	size_t count;                      /* of the words */
	uint64_t counts[CENSUS_WORDS_MAX]; /* by word */
	uint64_t other;                    /* another word */
	uint64_t none;                     /* blank */
};

struct census_org {
	char *id;
	char *name;
	char *type;      /* as it stands */
	uint64_t people; /* users of any role */
	uint64_t students;
	uint64_t teachers;
	uint64_t classes;
	uint64_t idle; /* students without any enrollment */
};

/* Sessions with the same title, type and dates, which each school may have as its own. */
struct census_session {
	char *title;
	char *type;
	char *start;
	char *end;
	uint64_t sessions;
	uint64_t classes;     /* that name one of them */
	uint64_t enrollments; /* in those classes */
};

struct census_classes {
	uint64_t count;
	uint64_t by_size[CENSUS_SIZES];
	uint64_t by_teachers[CENSUS_TEACHERS];
	uint64_t median; /* students, of the classes that have any */
	uint64_t largest;
	uint64_t tenths; /* students a class on average, in tenths, likewise */
};

struct census {
	struct census_org *orgs; /* in the order of the file; strays behind them */
	size_t org_count;
	struct census_org strays; /* what belongs to no organisation of the bundle */
	uint64_t schools;
	const struct census_org *district; /* the first one, or NULL */
	uint64_t districts;

	struct census_session *sessions; /* ended: by dates and title */
	size_t session_count;

	struct census_words roles;       /* of users */
	struct census_words grades;      /* of students, each as often as it has grades */
	struct census_words enrollments; /* by role */
	struct census_classes classes;
	uint64_t students;
	uint64_t teachers;
	uint64_t idle_students; /* without any enrollment */
	uint64_t idle_teachers;
	uint64_t enrollment_count;
	uint64_t course_count;

	uint64_t *deleted; /* rows marked so, by table id */
	char *source;      /* name of the system the manifest says it is from, or NULL */

	struct census_work *work; /* NULL once it is ended */
};

/* schema must outlive the census. */
void census_init(struct census *census, const struct schema *schema);
void census_release(struct census *census);

/* The next line of the file of a table, header first; table NULL for the manifest. Has the form judging asks for. */
void census_line(void *census, const struct table *table, const struct csv_row *row);

/* After the last line: adds up. */
void census_end(struct census *census);

/* The organisation with that id, or NULL. */
const struct census_org *census_find(const struct census *census, const char *id);

/* Whether an organisation is a school. */
bool census_is_school(const struct census_org *org);

/* The users of a role, by its word. */
uint64_t census_role(const struct census *census, const char *role);

#endif

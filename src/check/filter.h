/*
 * Which rows belong into a bundle that is to hold only a part of the district. Owns what it has to know of the rows of
 * the first tables beyond what keys.h keeps: little for each org, session, course, class and user, nothing for an
 * enrollment. Leaves to keys.h what follows by references, and who refers to rows that are left out.
 *
 * - schools: the orgs named, and all below them, are the family. A name is a sourcedId; else, if no org has it as such,
 *   an identifier; else the org's own name. One that several orgs have is an error that tells their sourcedIds. A class
 *belongs to the bundle when its school is of the family; a course when its org is, or such a class is of the course; a
 *user when one of their orgs is, or they are enrolled in such a class. The orgs above the family stay as rows, and so
 *do, for the sake of their rows, orgs that own a course of such a class or are the school of an enrollment in one, with
 *   those above them. A user of whose orgs none stays gets the school of such a class, of several the first in byte
 *   order. An enrollment whose class nobody knows goes by its school.
 * - terms: the sessions named, all below and all above them; a class stays when one of its sessions does. A name is a
 *   sourcedId; else a title, of all sessions that have it: schools often have terms of their own, titled alike.
 *"current" names the sessions that today lies in; those that have another such session below them, grading periods
 *aside, do not bring along what else is below them (a year that has a term today does not bring its other terms).
 * - roles: users of these roles, enrollments in these roles.
 * - grades: students who have one of these grades, and everybody who is no student. Each grade is that of a
 *   student, or of the standard if another one is that of a student.
 * - enrolled: users with an enrollment that stays; and their agents, if wanted: users whom an enrolled student names as
 *   such, and users that are no students and name an enrolled student. For an agent of whose orgs none stays, that
 *   student's school counts.
 *
 * A row has to pass all filters. Rows that the SIS marks as deleted, and what hangs on them or dangles, are as good as
 * not there: they make nothing stay.
 *
 * Whether a user stays is known only when the last enrollment was seen, an org when the last class was, and other rows
 * refer to both. So, before the first row is written, the tables for which filter_surveys says so are gone through in
 * the order of the schema:
 *	for every row, filled: filter_survey
 *	filter_surveyed
 * then, if filter_wants_agents, all users once more with filter_agents, then filter_settle. This is exact and needs no
 * second round: what a row of these tables cannot be without is in tables before it, save that users and orgs
 * stay for the sake of enrollments and classes, and that never makes another enrollment or class stay. Then every row
 * of every table, filled: filter_holds, filter_place, keys_judge.
 */
#ifndef CHECK_FILTER_H
#define CHECK_FILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "check/keys.h"
#include "check/value.h"
#include "table/row.h"
#include "table/schema.h"

enum filter_enrolled { FILTER_EVERYBODY, FILTER_ENROLLED, FILTER_ENROLLED_AND_AGENTS };

/* Lists end with NULL and are themselves NULL where there is no such filter; all is borrowed. */
struct filter_options {
	const char *const *schools;
	const char *const *terms;
	const char *const *roles;
	const char *const *grades;
	enum filter_enrolled enrolled;
	const char *const *org_types; /* orgs of these types; what is below another org still goes by its own type */
	bool enabled;                 /* users that are enabled */
	char today[sizeof("YYYY-MM-DD")];
};

struct filter;

/* True if some rows may be left out. */
bool filter_wanted(const struct filter_options *options);

/* read[i] tells whether the rows of table i are there to be surveyed. NULL (ERR_USAGE) when the filters cannot do
 * without one that is not. The filter tells keys what it leaves out, and must go before them. */
struct filter *filter_new(const struct schema *schema, const struct filter_options *options, const bool *read,
	struct keys *keys, struct err *err);
void filter_free(struct filter *filter);

/* Whether the rows of a table are to be surveyed. */
bool filter_surveys(const struct filter *filter, const struct table *table);

/* Takes note of a row and adds it to the keys. fate is what becomes of it without the filter. */
void filter_survey(struct filter *filter, const struct table *table, const struct row *row, enum keys_fate fate);

/* After the last row of a table. False (ERR_DATA) when something that the filter names is not there, or is there
 * several times: a bundle without it would tell the receiver to delete all that belongs to it. The message tells what
 * there is. */
bool filter_surveyed(struct filter *filter, const struct table *table, struct err *err);

bool filter_wants_agents(const struct filter *filter);
void filter_agents(struct filter *filter, const struct row *user);

/* After everything: now the keys know of each surveyed row whether it stays. */
void filter_settle(struct filter *filter);

/* Whether a row belongs into the bundle, as far as that does not follow from its references. */
bool filter_holds(const struct filter *filter, const struct table *table, const struct row *row);

/* Gives a user the org that they would lack (see above), counted. False when the row would get too large. */
bool filter_place(const struct filter *filter, const struct table *table, struct row *row, struct value_counts *counts,
	struct err *err);

#endif

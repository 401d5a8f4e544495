/*
 * Who teaches and learns in a class, as far as rules ask: that no two teachers are primary at the same time, that there
 * is a teacher, how many students and classes there are, and of which school a class is. Classes, users and schools are
 * numbers here. Owns a few bytes for each class, each user, and each primary teacher of a class.
 */
#ifndef CHECK_TEACHING_H
#define CHECK_TEACHING_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* For an enrollment without a first day, or without a last one. */
enum { TEACHING_EVER = INT_MIN, TEACHING_ON = INT_MAX };

struct teaching;

struct teaching *teaching_new(void); /* never NULL */
void teaching_free(struct teaching *teaching);

/* Notes a primary teacher of a class from the day begin until before the day end. False when another user is primary
 * then, too. */
bool teaching_primary(struct teaching *teaching, uint32_t class_number, uint32_t user, int begin, int end);

/* Notes the row of a class, and its school; TEACHING_NO_SCHOOL if that is not known. */
enum { TEACHING_NO_SCHOOL = UINT32_MAX };
void teaching_open(struct teaching *teaching, uint32_t class_number, uint64_t row, uint32_t school);

/* Returns the school of a class, TEACHING_NO_SCHOOL if it is not known. */
uint32_t teaching_school(const struct teaching *teaching, uint32_t class_number);

/* Notes that a class has a teacher. */
void teaching_taught(struct teaching *teaching, uint32_t class_number);

/* Calls found for each class whose row was noted and that has no teacher, by number. */
void teaching_untaught(const struct teaching *teaching,
	void (*found)(void *context, uint32_t class_number, uint64_t row), void *context);

/* Counts one more student of a class, one more class of a teacher; gives how many there are now. */
uint32_t teaching_student(struct teaching *teaching, uint32_t class_number);
uint32_t teaching_class(struct teaching *teaching, uint32_t user);

#endif

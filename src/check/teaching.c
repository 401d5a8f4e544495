#include "check/teaching.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

enum { STRETCHES_MAX = 64 }; /* of one class that are looked at: nobody changes teachers more often */

/* Numbers by number; what was never set is 0. */
struct counters {
	uint32_t *items;
	size_t count;
};

struct stretch {
	int begin;
	int end;
	uint32_t user;
	uint32_t next; /* of the same class: place from 1, 0 for none */
};

struct teaching {
	struct counters first; /* by class: place of its latest stretch from 1 */
	struct stretch *stretches;
	size_t count;
	size_t room;
	struct counters students;
	struct counters classes;
	struct counters schools; /* by class: its school from 1 */
	struct counters taught;  /* by class: whether it has a teacher */
	uint64_t *rows;          /* by class: 0 for none */
	size_t row_count;
};

struct teaching *teaching_new(void)
{
	return mem_new(1, sizeof(struct teaching));
}

void teaching_free(struct teaching *teaching)
{
	if (teaching == NULL)
		return;
	free(teaching->first.items);
	free(teaching->stretches);
	free(teaching->students.items);
	free(teaching->classes.items);
	free(teaching->schools.items);
	free(teaching->taught.items);
	free(teaching->rows);
	free(teaching);
}

static uint32_t *counter(struct counters *counters, uint32_t number)
{
	if (number >= counters->count) {
		size_t count = (size_t)number + 1 + number / 2;
		counters->items = mem_grow(counters->items, count, sizeof(*counters->items));
		while (counters->count < count)
			counters->items[counters->count++] = 0;
	}
	return &counters->items[number];
}

bool teaching_primary(struct teaching *teaching, uint32_t class_number, uint32_t user, int begin, int end)
{
	uint32_t *first = counter(&teaching->first, class_number);
	if (begin >= end)
		return true; /* at no time */
	int seen = 0;
	for (uint32_t place = *first; place != 0 && seen < STRETCHES_MAX; seen++) {
		const struct stretch *stretch = &teaching->stretches[place - 1];
		if (stretch->user != user && begin < stretch->end && stretch->begin < end)
			return false;
		place = stretch->next;
	}
	if (seen == STRETCHES_MAX)
		return true;
	if (teaching->count == teaching->room) {
		teaching->room = teaching->room > 0 ? teaching->room * 2 : 64;
		teaching->stretches = mem_grow(teaching->stretches, teaching->room, sizeof(*teaching->stretches));
	}
	teaching->stretches[teaching->count++] = (struct stretch){begin, end, user, *first};
	*first = (uint32_t)teaching->count;
	return true;
}

void teaching_open(struct teaching *teaching, uint32_t class_number, uint64_t row, uint32_t school)
{
	if (class_number >= teaching->row_count) {
		size_t count = (size_t)class_number + 1 + class_number / 2;
		teaching->rows = mem_grow(teaching->rows, count, sizeof(*teaching->rows));
		while (teaching->row_count < count)
			teaching->rows[teaching->row_count++] = 0;
	}
	teaching->rows[class_number] = row;
	*counter(&teaching->schools, class_number) = school + 1; /* none is 0 */
}

uint32_t teaching_school(const struct teaching *teaching, uint32_t class_number)
{
	return class_number < teaching->schools.count ? teaching->schools.items[class_number] - 1 : TEACHING_NO_SCHOOL;
}

void teaching_taught(struct teaching *teaching, uint32_t class_number)
{
	*counter(&teaching->taught, class_number) = 1;
}

void teaching_untaught(const struct teaching *teaching,
	void (*found)(void *context, uint32_t class_number, uint64_t row), void *context)
{
	for (size_t i = 0; i < teaching->row_count; i++)
		if (teaching->rows[i] > 0 && (i >= teaching->taught.count || teaching->taught.items[i] == 0))
			found(context, (uint32_t)i, teaching->rows[i]);
}

uint32_t teaching_student(struct teaching *teaching, uint32_t class_number)
{
	return ++*counter(&teaching->students, class_number);
}

uint32_t teaching_class(struct teaching *teaching, uint32_t user)
{
	return ++*counter(&teaching->classes, user);
}

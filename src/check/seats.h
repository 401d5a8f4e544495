/*
 * Who sits in which class, to find a person who is in one class twice at the same time, in memory that does not grow
 * with the enrollments: they lie in a file. Class and person of each are hashed into two tables of bits, which tell of
 * most of them that they cannot be there twice; the others are compared in groups.
 * Owns its file, which has no name.
 */
#ifndef CHECK_SEATS_H
#define CHECK_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct seats;

enum {
	SEATS_ID_MAX = 255, /* bytes of an id that are kept */
	SEATS_MAX = 65536,  /* enrollments of people who are in a class more than once that are looked at */
};

/* One enrollment. Classes and users are numbers from 0 on. */
struct seat {
	uint32_t class_number;
	uint32_t user;
	int begin; /* first day, and the first day after it: days since 1970, or INT_MIN and INT_MAX */
	int end;
	uint64_t row;
};

/* One that found another of its person and class before it. */
struct seats_found {
	uint64_t row;
	const char *id;
	size_t id_length;
};

/* folder is for the working file, name is what messages call it; both are copied. NULL on failure. */
struct seats *seats_new(const char *folder, const char *name, struct err *err);
void seats_free(struct seats *seats);

/* Adds an enrollment with its id. */
void seats_add(struct seats *seats, const struct seat *seat, const char *id, size_t id_length);

/* Calls found for each enrollment whose person has an earlier one, by row, in the same class that overlaps it. By
 * class, not by row. Once, when all are added. */
bool seats_each(struct seats *seats, void (*found)(void *context, const struct seats_found *one), void *context,
	struct err *err);

#endif

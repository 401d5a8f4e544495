#define _DEFAULT_SOURCE /* getentropy */

#include "table/idset.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"

/*
 * Ids lie in chunks that never move, each as an entry: the value, the length in one byte or five, the bytes, and up to
 * three more so that the next value is aligned. A table of places, open addressing with a power of two of places, holds
 * for each entry eight bits of its hash (0: free) and where it lies.
 */
enum {
	CHUNK_UNITS_BITS = 14, /* an entry lies at a multiple of four bytes in its chunk, */
	CHUNK_UNITS = 1 << CHUNK_UNITS_BITS,
	CHUNKS_MAX = 1 << (32 - CHUNK_UNITS_BITS), /* so that chunk and unit together are 32 bits */
	UNIT = sizeof(uint32_t),
	CHUNK_SIZE = CHUNK_UNITS * UNIT,
	SHORT_MAX = 254, /* the longest id whose length is one byte */
	LONG_MARK = 255, /* four bytes of length follow */
	FIRST_PLACES = 64,
};

struct idset {
	uint64_t key[2];
	size_t count;

	size_t places;
	unsigned char *tags;
	uint32_t *entries;

	char *latest; /* the entry found last, or NULL: rows that follow each other often refer to the same */

	char **chunks;
	size_t chunk_count;
	size_t chunk_room;
	size_t current; /* the chunk that is being filled; CHUNKS_MAX while there is none */
	size_t used;    /* bytes of it */
	size_t bytes;   /* of all chunks */
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

struct sip {
	uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotate(s->b, 13) ^ s->a;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a = rotate(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = rotate(s->b, 17) ^ s->c;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c = rotate(s->c, 32);
}

/* Fewer than eight bytes, as one number: in two or three steps, as to gather them in memory and read them from there
 * takes longer than the whole rest of a hash. */
static uint64_t tail(const char *bytes, size_t length)
{
	uint64_t word = 0;
	if ((length & 4) != 0) {
		word = bytes_four(bytes);
		bytes += 4;
	}
	if ((length & 2) != 0) {
		word = word << 16 | bytes_two(bytes);
		bytes += 2;
	}
	return (length & 1) != 0 ? word << 8 | (unsigned char)*bytes : word;
}

/* SipHash-1-3: with a secret key, nobody outside can find ids that meet in one place. */
static uint64_t hash(const struct idset *set, const char *id, size_t length)
{
	struct sip s = {set->key[0] ^ 0x736f6d6570736575U, set->key[1] ^ 0x646f72616e646f6dU,
		set->key[0] ^ 0x6c7967656e657261U, set->key[1] ^ 0x7465646279746573U};
	uint64_t word;
	size_t at = 0;
	for (; length - at >= sizeof(word); at += sizeof(word)) {
		word = bytes_eight(id + at);
		s.d ^= word;
		sip_round(&s);
		s.a ^= word;
	}
	word = tail(id + at, length - at) | (uint64_t)length << 56;
	s.d ^= word;
	sip_round(&s);
	s.a ^= word;
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

struct idset *idset_new(void)
{
	struct idset *set = mem_new(1, sizeof(*set));
	if (getentropy(set->key, sizeof(set->key)) != 0) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		set->key[0] = (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec << 32;
		set->key[1] = (uint64_t)(uintptr_t)set ^ (uint64_t)getpid() << 32;
	}
	set->places = FIRST_PLACES;
	set->tags = mem_new(set->places, sizeof(*set->tags));
	set->entries = mem_new(set->places, sizeof(*set->entries));
	set->current = CHUNKS_MAX;
	return set;
}

void idset_free(struct idset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->chunk_count; i++)
		free(set->chunks[i]);
	free(set->chunks);
	free(set->tags);
	free(set->entries);
	free(set);
}

static char *entry_at(const struct idset *set, uint32_t entry)
{
	return set->chunks[entry >> CHUNK_UNITS_BITS] + (size_t)(entry % CHUNK_UNITS) * UNIT;
}

/* The id of an entry. */
static const char *entry_id(const char *entry, size_t *length)
{
	const char *at = entry + UNIT;
	unsigned char first = (unsigned char)*at++;
	if (first <= SHORT_MAX) {
		*length = first;
		return at;
	}
	uint32_t whole;
	memcpy(&whole, at, sizeof(whole));
	*length = whole;
	return at + sizeof(whole);
}

static bool is_id(const char *entry, const char *id, size_t length)
{
	size_t have;
	const char *text = entry_id(entry, &have);
	return have == length && (length == 0 || bytes_equal(text, id, length));
}

/* 1 to 255, from bits that do not choose the place. */
static unsigned char tag_of(uint64_t hashed)
{
	return (unsigned char)(1 + (hashed >> 32) % 255);
}

/* The place where an id is, or the free one where it would go. */
static size_t find_place(const struct idset *set, uint64_t hashed, const char *id, size_t length)
{
	unsigned char tag = tag_of(hashed);
	size_t mask = set->places - 1;
	size_t place = (size_t)hashed & mask;
	for (; set->tags[place] != 0; place = (place + 1) & mask) {
		if (set->tags[place] != tag)
			continue;
		if (is_id(entry_at(set, set->entries[place]), id, length))
			break;
	}
	return place;
}

/* Twice the places. Only the places move, the ids stay where they are. */
static void grow(struct idset *set)
{
	unsigned char *old_tags = set->tags;
	uint32_t *old_entries = set->entries;
	size_t old_places = set->places;
	set->places *= 2;
	set->tags = mem_new(set->places, sizeof(*set->tags));
	set->entries = mem_new(set->places, sizeof(*set->entries));
	size_t mask = set->places - 1;
	for (size_t i = 0; i < old_places; i++) {
		if (old_tags[i] == 0)
			continue;
		size_t length;
		const char *id = entry_id(entry_at(set, old_entries[i]), &length);
		size_t place = (size_t)hash(set, id, length) & mask;
		while (set->tags[place] != 0)
			place = (place + 1) & mask;
		set->tags[place] = old_tags[i];
		set->entries[place] = old_entries[i];
	}
	free(old_tags);
	free(old_entries);
}

static size_t add_chunk(struct idset *set, size_t size)
{
	assert(set->chunk_count < CHUNKS_MAX);
	if (set->chunk_count == set->chunk_room) {
		set->chunk_room = set->chunk_room > 0 ? set->chunk_room * 2 : 8;
		set->chunks = mem_grow(set->chunks, set->chunk_room, sizeof(*set->chunks));
	}
	set->chunks[set->chunk_count] = mem_grow(NULL, size, 1);
	set->bytes += size;
	return set->chunk_count++;
}

/* Copies an id and its value into a chunk: an id that would fill much of one gets a chunk of its own. */
static uint32_t add_entry(struct idset *set, const char *id, size_t length, uint32_t value)
{
	assert(length <= UINT32_MAX - CHUNK_SIZE);
	size_t size = UNIT + 1 + (length > SHORT_MAX ? sizeof(uint32_t) : 0) + length;
	size = (size + UNIT - 1) / UNIT * UNIT;
	size_t chunk;
	size_t at;
	if (size > CHUNK_SIZE / 4) {
		chunk = add_chunk(set, size);
		at = 0;
	} else {
		if (set->current == CHUNKS_MAX || CHUNK_SIZE - set->used < size) {
			set->current = add_chunk(set, CHUNK_SIZE);
			set->used = 0;
		}
		chunk = set->current;
		at = set->used;
		set->used += size;
	}
	char *to = set->chunks[chunk] + at;
	memcpy(to, &value, sizeof(value));
	to += sizeof(value);
	if (length <= SHORT_MAX) {
		*to++ = (char)(unsigned char)length;
	} else {
		uint32_t whole = (uint32_t)length;
		*to++ = (char)(unsigned char)LONG_MARK;
		memcpy(to, &whole, sizeof(whole));
		to += sizeof(whole);
	}
	if (length > 0)
		memcpy(to, id, length);
	return (uint32_t)(chunk << CHUNK_UNITS_BITS | at / UNIT);
}

bool idset_add(struct idset *set, const char *id, size_t length, uint32_t value, uint32_t **slot)
{
	uint64_t hashed = hash(set, id, length);
	size_t place = find_place(set, hashed, id, length);
	bool is_new = set->tags[place] == 0;
	if (is_new) {
		if (set->count >= set->places / 4 * 3) {
			grow(set);
			place = find_place(set, hashed, id, length);
		}
		set->entries[place] = add_entry(set, id, length, value);
		set->tags[place] = tag_of(hashed);
		set->count++;
	}
	if (slot != NULL)
		*slot = (uint32_t *)(void *)entry_at(set, set->entries[place]);
	return is_new;
}

uint32_t *idset_find(struct idset *set, const char *id, size_t length)
{
	if (set->latest != NULL && is_id(set->latest, id, length))
		return (uint32_t *)(void *)set->latest;
	size_t place = find_place(set, hash(set, id, length), id, length);
	if (set->tags[place] == 0)
		return NULL;
	set->latest = entry_at(set, set->entries[place]);
	return (uint32_t *)(void *)set->latest;
}

const char *idset_id_of(const struct idset *set, uint32_t value, size_t *length)
{
	for (size_t place = 0; place < set->places; place++) {
		uint32_t own;
		if (set->tags[place] == 0)
			continue;
		const char *entry = entry_at(set, set->entries[place]);
		memcpy(&own, entry, sizeof(own));
		if (own == value)
			return entry_id(entry, length);
	}
	return NULL;
}

size_t idset_count(const struct idset *set)
{
	return set->count;
}

size_t idset_bytes(const struct idset *set)
{
	size_t places = set->places * (sizeof(*set->tags) + sizeof(*set->entries));
	return sizeof(*set) + places + set->bytes + set->chunk_room * sizeof(*set->chunks);
}

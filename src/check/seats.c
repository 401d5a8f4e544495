#include "check/seats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"

enum {
	HASH_BITS = 22,
	BYTE_BITS = 8,
	READ_ROOM = 64 * 1024,
	WRITE_ROOM = 64 * 1024,
	KEYS_ROOM = 128 * 1024, /* keys that are compared at once */
	KEYS_GROUP = 96 * 1024, /* as many as a group is meant to have: they are not all of one size */
	BEFORE_MAX = 64,        /* enrollments of one person in one class that are compared with the next */
};

/* Class and user of an enrollment. */
typedef uint64_t seat_key;

/* In the file: the seat, the length of its id in one byte, the id. */
enum { HEAD = sizeof(struct seat) + 1, LONGEST = HEAD + SEATS_ID_MAX };

/* One that is looked at. */
struct sitting {
	struct seat seat;
	uint64_t id_at; /* where its id lies in the file */
	unsigned char id_length;
};

struct seats {
	char *name;
	struct out out;
	int fd;
	char *block;          /* what is on its way to the file, WRITE_ROOM bytes */
	size_t length;        /* bytes of it */
	unsigned char *met;   /* bits by hash: a key has it */
	unsigned char *again; /* a second one has it */
};

/* A buffer over the file when it is read. */
struct scan {
	const struct seats *seats;
	uint64_t at; /* of the buffer's end in the file */
	size_t start;
	size_t length;
	char data[READ_ROOM];
};

struct seats *seats_new(const char *folder, const char *name, struct err *err)
{
	int fd = file_temp(folder, err);
	if (fd < 0)
		return NULL;
	struct seats *seats = mem_new(1, sizeof(*seats));
	seats->fd = fd;
	seats->name = mem_format("the working file of %s in %s", name, folder);
	out_init(&seats->out, fd, seats->name);
	seats->block = mem_new(WRITE_ROOM, 1);
	seats->met = mem_new((1U << HASH_BITS) / BYTE_BITS, 1);
	seats->again = mem_new((1U << HASH_BITS) / BYTE_BITS, 1);
	return seats;
}

void seats_free(struct seats *seats)
{
	if (seats == NULL)
		return;
	out_release(&seats->out);
	close(seats->fd);
	free(seats->block);
	free(seats->met);
	free(seats->again);
	free(seats->name);
	free(seats);
}

static uint64_t mix(seat_key key)
{
	key *= UINT64_C(0x9E3779B97F4A7C15);
	key ^= key >> 32;
	return key * UINT64_C(0xD6E8FEB86659FD93);
}

static bool has_bit(const unsigned char *bits, uint64_t hash)
{
	uint64_t place = hash >> (64 - HASH_BITS);
	return (bits[place / BYTE_BITS] & 1U << place % BYTE_BITS) != 0;
}

static void set_bit(unsigned char *bits, uint64_t hash)
{
	uint64_t place = hash >> (64 - HASH_BITS);
	bits[place / BYTE_BITS] |= (unsigned char)(1U << place % BYTE_BITS);
}

static seat_key seat_key_of(const struct seat *seat)
{
	return (seat_key)seat->class_number << 32 | seat->user;
}

/* Hashes what is in the block, then writes it. All at once, the processor waits for memory less often. */
static void flush_block(struct seats *seats)
{
	for (size_t at = 0; at < seats->length;) {
		struct seat seat;
		memcpy(&seat, seats->block + at, sizeof(seat));
		at += HEAD + (size_t)(unsigned char)seats->block[at + sizeof(seat)];
		uint64_t hash = mix(seat_key_of(&seat));
		set_bit(has_bit(seats->met, hash) ? seats->again : seats->met, hash);
	}
	out_add(&seats->out, seats->block, seats->length);
	seats->length = 0;
}

void seats_add(struct seats *seats, const struct seat *seat, const char *id, size_t id_length)
{
	if (seat->begin >= seat->end)
		return; /* at no time */
	if (WRITE_ROOM - seats->length < LONGEST)
		flush_block(seats);
	size_t length = id_length < SEATS_ID_MAX ? id_length : SEATS_ID_MAX;
	char *to = seats->block + seats->length;
	memcpy(to, seat, sizeof(*seat));
	to[sizeof(*seat)] = (char)(unsigned char)length;
	if (length > 0)
		memcpy(to + HEAD, id, length);
	seats->length += HEAD + length;
}

/* --- reading -------------------------------------------------------------------------------------------------------
 */

static void scan_begin(struct scan *scan, const struct seats *seats)
{
	scan->seats = seats;
	scan->at = 0;
	scan->start = 0;
	scan->length = 0;
}

static bool fail_read(const char *name, struct err *err)
{
	return err_set(err, ERR_FILE, "cannot read %s: %s", name, strerror(errno));
}

/* Makes sure that so many bytes are in the buffer. 1 if they are, 0 at the end, -1 on failure. */
static int scan_fill(struct scan *scan, size_t wanted, struct err *err)
{
	if (scan->length - scan->start >= wanted)
		return 1;
	memmove(scan->data, scan->data + scan->start, scan->length - scan->start);
	scan->length -= scan->start;
	scan->start = 0;
	while (scan->length < wanted) {
		ssize_t got = pread(
			scan->seats->fd, scan->data + scan->length, READ_ROOM - scan->length, (off_t)scan->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 || fail_read(scan->seats->name, err) ? 0 : -1;
		scan->length += (size_t)got;
		scan->at += (uint64_t)got;
	}
	return 1;
}

/* The next enrollment. 1 if there is one, 0 at the end, -1 on failure. */
static int scan_next(struct scan *scan, struct sitting *sitting, struct err *err)
{
	int more = scan_fill(scan, HEAD, err);
	if (more <= 0)
		return more;
	const char *from = scan->data + scan->start;
	memcpy(&sitting->seat, from, sizeof(sitting->seat));
	sitting->id_length = (unsigned char)from[sizeof(sitting->seat)];
	sitting->id_at = scan->at - (scan->length - scan->start) + HEAD;
	more = scan_fill(scan, HEAD + (size_t)sitting->id_length, err);
	scan->start += HEAD + (size_t)sitting->id_length;
	return more;
}

/* --- keys that are there twice -------------------------------------------------------------------------------------
 */

/* What the comparison of keys works with. */
struct pairing {
	const struct seats *seats;
	struct scan *scan;
	seat_key *keys; /* KEYS_ROOM */
	size_t count;
	seat_key *pairs; /* that are there more than once, SEATS_MAX at most */
	size_t pair_count;
};

static int compare_seat_keys(const void *left, const void *right)
{
	seat_key a = *(const seat_key *)left;
	seat_key b = *(const seat_key *)right;
	return (a > b) - (a < b);
}

/* Reads the keys of one group of those that may be there twice, as many as there is room for. Gives how many there
 * are. */
static bool read_keys(struct pairing *pairing, uint64_t group, uint64_t groups, uint64_t *all, struct err *err)
{
	struct scan *scan = pairing->scan;
	int more;
	pairing->count = 0;
	*all = 0;
	struct sitting sitting;
	scan_begin(scan, pairing->seats);
	while ((more = scan_next(scan, &sitting, err)) > 0) {
		seat_key key = seat_key_of(&sitting.seat);
		uint64_t hash = mix(key);
		if (!has_bit(pairing->seats->again, hash) || (hash & UINT32_MAX) % groups != group)
			continue;
		++*all;
		if (pairing->count < KEYS_ROOM)
			pairing->keys[pairing->count++] = key;
	}
	return more == 0;
}

static void keep_pairs(struct pairing *pairing)
{
	qsort(pairing->keys, pairing->count, sizeof(*pairing->keys), compare_seat_keys);
	for (size_t i = 1; i < pairing->count && pairing->pair_count < SEATS_MAX; i++) {
		seat_key key = pairing->keys[i];
		if (key == pairing->keys[i - 1] && (i == 1 || key != pairing->keys[i - 2]))
			pairing->pairs[pairing->pair_count++] = key;
	}
}

static bool find_pairs(struct pairing *pairing, struct err *err)
{
	uint64_t all = 0;
	if (!read_keys(pairing, 0, 1, &all, err))
		return false;
	if (all <= KEYS_ROOM) {
		keep_pairs(pairing);
		return true;
	}
	uint64_t groups = all / KEYS_GROUP + 1;
	for (uint64_t group = 0; group < groups && pairing->pair_count < SEATS_MAX; group++) {
		if (!read_keys(pairing, group, groups, &all, err))
			return false;
		keep_pairs(pairing);
	}
	qsort(pairing->pairs, pairing->pair_count, sizeof(*pairing->pairs), compare_seat_keys);
	return true;
}

/* --- what is known of them -----------------------------------------------------------------------------------------
 */

static bool is_pair(const struct pairing *pairing, seat_key key)
{
	return has_bit(pairing->seats->again, mix(key)) &&
	       bsearch(&key, pairing->pairs, pairing->pair_count, sizeof(*pairing->pairs), compare_seat_keys) != NULL;
}

/* Reads the enrollments of the pairs. False on failure. */
static bool read_sittings(const struct pairing *pairing, struct sitting *sittings, size_t *count, struct err *err)
{
	struct sitting sitting;
	int more = 1;
	*count = 0;
	scan_begin(pairing->scan, pairing->seats);
	while (*count < SEATS_MAX && (more = scan_next(pairing->scan, &sitting, err)) > 0)
		if (is_pair(pairing, seat_key_of(&sitting.seat)))
			sittings[(*count)++] = sitting;
	return more >= 0;
}

static int compare_sittings(const void *left, const void *right)
{
	const struct seat *a = &((const struct sitting *)left)->seat;
	const struct seat *b = &((const struct sitting *)right)->seat;
	if (seat_key_of(a) != seat_key_of(b))
		return seat_key_of(a) < seat_key_of(b) ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static bool overlaps_before(const struct sitting *sittings, size_t at)
{
	const struct seat *seat = &sittings[at].seat;
	for (size_t i = at; i > 0 && at - i < BEFORE_MAX && seat_key_of(&sittings[i - 1].seat) == seat_key_of(seat);
		i--)
		if (seat->begin < sittings[i - 1].seat.end && sittings[i - 1].seat.begin < seat->end)
			return true;
	return false;
}

static bool tell_sitting(const struct seats *seats, const struct sitting *sitting,
	void (*found)(void *context, const struct seats_found *one), void *context, struct err *err)
{
	char id[SEATS_ID_MAX];
	ssize_t got;
	do
		got = pread(seats->fd, id, sitting->id_length, (off_t)sitting->id_at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail_read(seats->name, err);
	found(context, &(struct seats_found){.row = sitting->seat.row, .id = id, .id_length = (size_t)got});
	return true;
}

static bool judge_pairs(const struct pairing *pairing, void (*found)(void *context, const struct seats_found *one),
	void *context, struct err *err)
{
	size_t count = 0;
	if (pairing->pair_count == 0)
		return true;
	struct sitting *sittings = mem_new(SEATS_MAX, sizeof(*sittings));
	bool ok = read_sittings(pairing, sittings, &count, err);
	if (ok)
		qsort(sittings, count, sizeof(*sittings), compare_sittings);
	for (size_t i = 1; ok && i < count; i++)
		if (overlaps_before(sittings, i))
			ok = tell_sitting(pairing->seats, &sittings[i], found, context, err);
	free(sittings);
	return ok;
}

bool seats_each(struct seats *seats, void (*found)(void *context, const struct seats_found *one), void *context,
	struct err *err)
{
	flush_block(seats);
	if (!out_finish(&seats->out, err))
		return false;
	struct pairing pairing = {
		.seats = seats,
		.scan = mem_new(1, sizeof(*pairing.scan)),
		.keys = mem_new(KEYS_ROOM, sizeof(*pairing.keys)),
		.pairs = mem_new(SEATS_MAX, sizeof(*pairing.pairs)),
	};
	bool ok = find_pairs(&pairing, err) && judge_pairs(&pairing, found, context, err);
	free(pairing.scan);
	free(pairing.keys);
	free(pairing.pairs);
	return ok;
}

#include "fetch/pace.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
	GRAIN_MS = 5,      /* added to each latency: what the network and the clock make up */
	ROUND_MIN = 4,     /* answers to judge a level by, if it is lower than this */
	OUTLIER = 3,       /* a single answer counts for so many times the usual at most */
	LATE_ROUNDS = 2,   /* rounds in a row that must show a queue before the level shrinks */
	STUCK_ROUNDS = 16, /* at a level that neither grows nor shrinks: time to measure again */
	ODD_PAGES = 4,     /* of another size in a row: that is the usual size now */
	PROVEN_MAX = 128,  /* good answers that count for a level: a few refusals in a row outweigh any past */
	HOLD_MAX_MS = 60 * 60 * 1000,
};

static const double NOISE_START = 0.2; /* until more is known: answers that differ by +-30 % */
static const double NOISE_MAX = 0.8;

struct pace {
	unsigned most;
	unsigned level;
	bool begun;      /* something was answered */
	bool doubling;   /* no sign of a queue or of trouble yet */
	int64_t changed; /* the level: requests sent before then tell nothing of it */

	/* The round: answers that tell of this level, until there are enough to judge it. */
	unsigned answers;
	unsigned rounds; /* judged at this level; */
	unsigned stuck;  /* those of them that showed some queue; */
	unsigned late;   /* those in a row that showed too long a one */
	double sum_ms;
	double sum_apart; /* how far each was from the one before */
	double sum_on_the_way;

	/* Latency; 0 is unknown. */
	double alone; /* what a page takes when none waits */
	double usual; /* mean of the round before */
	double last;  /* the answer before */
	double noise; /* how far answers in a row are apart, as a part of what they take */
	double size;  /* of a usual page */
	unsigned odd; /* pages of another size in a row */

	/* An experiment with fewer on the way, and what it is compared with. */
	bool trying;
	unsigned before;
	double before_ms;
	double before_on_the_way;

	/* Refusals */
	int64_t cut;      /* when the level was halved last */
	bool accident;    /* it was for a refusal that their number does not explain; no queue was seen since */
	unsigned ceiling; /* of the level: most, or less for a while */
	unsigned refused; /* how many were on the way when the ceiling was set */
	int64_t hold_ms;
	int64_t hold_until;
	unsigned hold_answers;
	unsigned *proven; /* good answers with so many on the way or more: index 1 to most */
};

static double least(double a, double b)
{
	return a < b ? a : b;
}

static double greatest(double a, double b)
{
	return a > b ? a : b;
}

/* Near enough for numbers from 1 to 1,000. */
static double root(double number)
{
	double guess = number < 16 ? 2 : 8;
	for (int i = 0; i < 4; i++)
		guess = (guess + number / guess) / 2;
	return guess;
}

struct pace *pace_new(unsigned most)
{
	struct pace *pace = mem_new(1, sizeof(*pace));
	pace->most = most > 0 ? most : 1;
	pace->level = pace->most < PACE_START ? pace->most : PACE_START;
	pace->doubling = true;
	pace->ceiling = pace->most;
	pace->noise = NOISE_START;
	pace->changed = INT64_MIN;
	pace->cut = INT64_MIN;
	pace->proven = mem_new(pace->most + 1, sizeof(*pace->proven));
	return pace;
}

void pace_free(struct pace *pace)
{
	if (pace == NULL)
		return;
	free(pace->proven);
	free(pace);
}

unsigned pace_allowed(const struct pace *pace)
{
	return pace->level;
}

static void round_begin(struct pace *pace)
{
	pace->answers = 0;
	pace->sum_ms = 0;
	pace->sum_apart = 0;
	pace->sum_on_the_way = 0;
}

static void set_level(struct pace *pace, double level, int64_t now)
{
	unsigned whole = level < 1 ? 1 : (unsigned)least(level, pace->ceiling);
	if (whole != pace->level) {
		pace->level = whole;
		pace->changed = now;
		pace->stuck = 0;
		pace->rounds = 0;
	}
	pace->late = 0;
	round_begin(pace);
}

void pace_restart(struct pace *pace)
{
	if (pace->trying)
		pace->level = pace->before < pace->ceiling ? pace->before : pace->ceiling;
	pace->trying = false;
	pace->alone = 0;
	pace->last = 0;
	pace->usual = 0;
	pace->size = 0;
	pace->odd = 0;
	pace->rounds = 0;
	pace->late = 0;
	pace->stuck = 0;
	round_begin(pace);
}

/* --- latency -------------------------------------------------------------------------------------------------------
 */

/* Steps down to see whether that makes the answers faster than they are. */
static void try_fewer(struct pace *pace, double level, double ms, double on_the_way, int64_t now)
{
	pace->before = pace->level;
	pace->before_ms = ms;
	pace->before_on_the_way = on_the_way;
	pace->trying = true;
	pace->accident = false;
	set_level(pace, level, now);
}

/* What the server works on at a time follows from what it got done before and from how long a page takes now; one more
 * keeps it busy. That is the old level again if the queue was none. */
static void conclude(struct pace *pace, double ms, int64_t now)
{
	pace->trying = false;
	pace->alone = ms;
	double level = pace->before_on_the_way * ms / pace->before_ms + 1.5;
	if (level < pace->before)
		pace->doubling = false;
	set_level(pace, greatest(pace->level, least(pace->before, level)), now);
}

static void learn_alone(struct pace *pace, double ms, double on_the_way, bool no_queue)
{
	if (ms < pace->alone * (0.75 - pace->noise / 2)) {
		pace->alone = ms;
		pace->doubling = pace->ceiling == pace->most;
	} else if (ms < pace->alone) {
		pace->alone += (ms - pace->alone) / 4;
	} else if (on_the_way <= 1) {
		pace->alone += (ms - pace->alone) / 2; /* whatever it is, it is not our queue */
	} else if (no_queue) {
		pace->alone += (ms - pace->alone) / 8; /* not the luckiest round is the measure, but the usual one */
	}
}

static bool may_grow(const struct pace *pace, double on_the_way)
{
	return pace->level < pace->ceiling && on_the_way >= pace->level * 0.75 &&
	       (pace->doubling || pace->accident || pace->rounds > 1);
}

static void judge_round(struct pace *pace, int64_t now)
{
	double ms = pace->sum_ms / pace->answers;
	double on_the_way = pace->sum_on_the_way / pace->answers;
	pace->rounds++;
	if (pace->rounds > 1)
		pace->noise += (least(pace->sum_apart / pace->sum_ms, NOISE_MAX) - pace->noise) / 4;
	pace->usual = ms;
	round_begin(pace);
	if (pace->trying) {
		conclude(pace, ms, now);
		return;
	}
	double queue = on_the_way > 1 ? on_the_way * (1 - pace->alone / ms) : 0;
	double noise = on_the_way > 1 ? pace->noise * root(on_the_way) : 0;
	double some = greatest(0.75, on_the_way / 16) + noise;
	double many = greatest(2, on_the_way / 8) + noise;
	learn_alone(pace, ms, on_the_way, queue < some);
	pace->late = queue > many ? pace->late + 1 : 0;
	if (queue > many) {
		if (pace->late >= LATE_ROUNDS)
			try_fewer(pace, least(on_the_way - queue, on_the_way / 2), ms, on_the_way, now);
	} else if (queue >= some) {
		if (++pace->stuck >= (pace->doubling ? LATE_ROUNDS : STUCK_ROUNDS) && pace->level > 1)
			try_fewer(pace, pace->level * 0.5, ms, on_the_way, now);
	} else if (may_grow(pace, on_the_way)) {
		set_level(pace, pace->level + greatest(1, pace->doubling ? pace->level : pace->level * 0.25), now);
	}
}

/* Small pages are fast, large ones slow, whatever the server does. */
static bool usual_size(struct pace *pace, uint64_t size)
{
	double given = (double)size;
	if (pace->size > 0 && (given < pace->size / 2 || given > pace->size * 2)) {
		if (++pace->odd < ODD_PAGES)
			return false;
		pace_restart(pace);
	}
	pace->odd = 0;
	pace->size += (given - pace->size) / (pace->size > 0 ? 8 : 1);
	return true;
}

/* --- what is told --------------------------------------------------------------------------------------------------
 */

static unsigned level_of(const struct pace *pace, unsigned on_the_way)
{
	if (on_the_way > pace->most)
		return pace->most;
	return on_the_way > 0 ? on_the_way : 1;
}

void pace_answer(struct pace *pace, int64_t now, int64_t ms, unsigned on_the_way, uint64_t size)
{
	for (unsigned i = 1; i <= level_of(pace, on_the_way); i++)
		if (pace->proven[i] < PROVEN_MAX)
			pace->proven[i]++;
	if (pace->hold_answers > 0)
		pace->hold_answers--;
	if (pace->hold_answers == 0 && now >= pace->hold_until)
		pace->ceiling = pace->most;
	if (!usual_size(pace, size))
		return;

	double taken = (double)(ms > 0 ? ms : 0) + GRAIN_MS;
	if (pace->alone <= 0)
		pace->alone = taken;
	if (!pace->begun && pace->doubling)
		set_level(pace, PACE_BOLD, now);
	pace->begun = true;
	if (now - ms < pace->changed || on_the_way > pace->level)
		return;
	pace->answers++;
	pace->sum_ms += pace->trying ? taken : least(taken, greatest(pace->alone, pace->usual) * OUTLIER);
	if (pace->last > 0)
		pace->sum_apart += taken > pace->last ? taken - pace->last : pace->last - taken;
	pace->last = taken;
	pace->sum_on_the_way += level_of(pace, on_the_way);
	if (pace->answers >= pace->level && pace->answers >= ROUND_MIN)
		judge_round(pace, now);
}

/* A server that bears only so many refuses at once when there is one more. A level that carried twice its number has
 * not reached that point: something else was the matter, and perhaps it was whenever a ceiling was set before. */
static void weigh_refusal(struct pace *pace, int64_t now, unsigned refused)
{
	pace->accident = refused == 1 || pace->proven[refused] >= 2 * refused;
	for (unsigned i = refused; i <= pace->most; i++)
		pace->proven[i] /= 2;
	if (pace->accident) {
		pace->ceiling = pace->most;
		return;
	}
	pace->ceiling = refused - 1;
	pace->hold_ms = refused == pace->refused ? pace->hold_ms * 2 : PACE_HOLD_MS;
	if (pace->hold_ms > HOLD_MAX_MS)
		pace->hold_ms = HOLD_MAX_MS;
	pace->hold_until = now + pace->hold_ms;
	pace->hold_answers = PACE_HOLD_ANSWERS;
	pace->refused = refused;
}

void pace_pushed_back(struct pace *pace, int64_t now, int64_t ms, unsigned on_the_way)
{
	unsigned refused = level_of(pace, on_the_way);
	if (now - ms < pace->cut) {
		/* One more of the same burst: the server bears one less than thought, but no less than is tried now. */
		if (!pace->accident && pace->ceiling > pace->level)
			pace->ceiling--;
		return;
	}
	weigh_refusal(pace, now, refused);
	pace->trying = false;
	pace->doubling = false;
	set_level(pace, least(refused, pace->level) / 2, now);
	pace->cut = now;
}

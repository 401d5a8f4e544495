/*
 * JSON to rows. Input: a byte for the table, a byte of switches (1: with the tables made from its records, 2: with
 * empty pieces, 4: with all metadata, 8: with those called note), four bytes for the lengths of pieces, then the answer
 * of the server. Holds: in pieces or whole, the outcome and every byte of the rows are the same; a normalised row is
 * fit for a CSV, encodes and decodes; packed metadata are in order.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "base/err.h"
#include "check/metadata.h"
#include "check/value.h"
#include "convert/plan.h"
#include "convert/record.h"
#include "convert/sax.h"
#include "table/extras.h"
#include "table/row.h"
#include "table/schema.h"

enum { PIECES = 4, WITH_MADE = 1, WITH_EMPTY = 2, WITH_ALL = 4, WITH_NOTE = 8, ROWS_BYTES_MAX = 64 * 1024 * 1024 };

struct outcome {
	bool fine;
	enum sax_trouble trouble;
	struct err err;
	bool bare;
	uint64_t records;
	uint64_t mended;
	int64_t total;
	struct buf rows; /* encoded, each behind a byte that says of which table */
};

struct trial {
	const struct plan *plan;
	struct value_counts counts[1 + PLAN_MADE_MAX];
	struct outcome *outcome;
};

/* The keys of packed metadata are in order, each once, and everything is fit for a CSV. */
static void assert_packed(const struct extras_wish *wish, const char *packed, size_t length)
{
	struct extras_pair pair = {0};
	struct extras_pair before = {0};
	for (size_t place = 0; extras_next(packed, length, &place, &pair); before = pair) {
		size_t shorter = pair.key_length < before.key_length ? pair.key_length : before.key_length;
		int order = before.key != NULL ? memcmp(before.key, pair.key, shorter) : -1;
		fuzz_must(order < 0 || (order == 0 && before.key_length < pair.key_length), "keys are in order");
		fuzz_must(extras_key_fine(pair.key, pair.key_length), "a column can be called like a key");
		fuzz_must(wish->all || extras_names_has(&wish->listed, pair.key, pair.key_length), "somebody wants it");
		fuzz_must(fuzz_is_clean(pair.text, pair.length), "metadata are fit for a CSV");
	}
	fuzz_must(before.key == NULL ? length == 0 : before.text + before.length == packed + length,
		"there is nothing but pairs");
}

static void assert_row(const struct row *row, size_t columns, const char *encoded, size_t length)
{
	struct row again;
	row_init(&again, row->count);
	fuzz_must(row_decode(&again, encoded, length), "an encoded row can be decoded");
	for (size_t i = 0; i < row->count; i++) {
		fuzz_must(
			i >= columns || fuzz_is_clean(row_text(row, i), row_length(row, i)), "a cell is fit for a CSV");
		fuzz_must(row_length(&again, i) == row_length(row, i) &&
				  memcmp(row_text(&again, i), row_text(row, i), row_length(row, i)) == 0,
			"an encoded row is the same row");
	}
	row_release(&again);
}

static bool take(struct trial *trial, int which, struct row *row, struct err *err)
{
	const struct table *table = trial->plan->rows[which].table;
	struct buf *rows = &trial->outcome->rows;
	if (!value_normalise(row, table, &trial->counts[which], err))
		return false;
	struct row columns = row_head(row, trial->plan->rows[which].kept);
	buf_add_char(rows, (char)which);
	size_t at = rows->length;
	fuzz_must(row_encode(&columns, rows), "rows of a small answer are not many");
	assert_row(&columns, (size_t)table->column_count, buf_text(rows) + at, rows->length - at);
	return true;
}

static bool on_record(void *context, struct record *record, struct err *err)
{
	struct trial *trial = context;
	struct extras *extras = record_extras(record);
	struct row *own = record_row(record);
	size_t cell = trial->plan->rows[0].kept - 1;
	if (trial->plan->extras != NULL) {
		fuzz_must(metadata_clean(extras, NULL) && extras_pack(extras, own, cell), "there is room for metadata");
		assert_packed(trial->plan->extras, row_text(own, cell), row_length(own, cell));
	}
	bool fine = take(trial, 0, own, err);
	for (size_t i = 0; fine && i < record_made_count(record); i++) {
		int which = 0;
		struct row *row = record_made(record, i, &which);
		fuzz_must(which > 0 && (size_t)which < trial->plan->row_count, "a made row is of a wanted table");
		fine = take(trial, which, row, err);
	}
	return fine;
}

static void forget(struct trial *trial)
{
	buf_clear(&trial->outcome->rows);
	for (size_t i = 0; i < trial->plan->row_count; i++)
		value_counts_clear(&trial->counts[i]);
}

/* Reads the answer in pieces of these lengths, one after the other and round again. */
static void run(struct trial *trial, struct sax *sax, struct fuzz_input answer, const size_t *pieces, bool empty)
{
	struct outcome *outcome = trial->outcome;
	bool fine = true;
	buf_init(&outcome->rows, ROWS_BYTES_MAX);
	forget(trial);
	sax_begin(sax);
	for (size_t i = 0; fine && answer.left > 0; i++) {
		size_t length = pieces[i % PIECES];
		const char *piece = fuzz_bytes(&answer, &length);
		/* In memory of its own, so that a sanitizer sees who reads beyond the piece. */
		char *copy = mem_new(length, 1);
		memcpy(copy, piece, length);
		fine = sax_feed(sax, copy, length, &outcome->err) && (!empty || sax_feed(sax, copy, 0, &outcome->err));
		free(copy);
	}
	outcome->fine = fine && sax_end(sax, &outcome->err);
	outcome->trouble = sax_trouble(sax);
	fuzz_must(outcome->fine == (outcome->err.code == ERR_NONE), "an answer is fine or there is an error");
	fuzz_must(outcome->fine == (outcome->trouble == SAX_FINE), "and a kind of trouble");
	outcome->bare = sax_bare(sax);
	outcome->records = sax_records(sax);
	outcome->mended = sax_mended(sax);
	outcome->total = sax_total(sax);
}

static void assert_same(const struct outcome *one, const struct outcome *other)
{
	fuzz_must(one->trouble == other->trouble, "pieces change nothing in what is wrong");
	fuzz_must(strcmp(one->err.text, other->err.text) == 0, "nor in how that is said");
	if (!one->fine)
		return;
	fuzz_must(one->records == other->records, "nor in how many records there are");
	fuzz_must(one->rows.length == other->rows.length &&
			  memcmp(buf_text(&one->rows), buf_text(&other->rows), one->rows.length) == 0,
		"nor in the rows");
	fuzz_must(one->mended == other->mended && one->total == other->total && one->bare == other->bare,
		"nor in what is known of the answer");
}

/* A table that is read from the server, and the tables made from its records. */
static struct plan *choose(unsigned which, bool with_made, const struct extras_wish *extras)
{
	const struct schema *schema = &schema_oneroster_1_1;
	const struct table *table = &schema->tables[which % (unsigned)schema->table_count];
	const struct table *made[PLAN_MADE_MAX];
	size_t made_count = 0;
	if (table->from != SCHEMA_NONE)
		table = &schema->tables[table->from];
	for (int i = 0; with_made && i < schema->table_count; i++)
		if (schema->tables[i].from == table->id && made_count < PLAN_MADE_MAX)
			made[made_count++] = &schema->tables[i];
	return plan_new(table, made, made_count, extras);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sax_events events = {.record = on_record};
	struct fuzz_input input = fuzz_begin(data, size);
	unsigned which = fuzz_byte(&input);
	unsigned switches = fuzz_byte(&input);
	size_t pieces[PIECES];
	for (size_t i = 0; i < PIECES; i++)
		pieces[i] = 1 + fuzz_byte(&input);
	struct extras_wish wish = {.all = (switches & WITH_ALL) != 0};
	if ((switches & WITH_NOTE) != 0)
		extras_names_add(&wish.listed, "note", strlen("note"));
	bool extras = (switches & (WITH_ALL | WITH_NOTE)) != 0;
	struct plan *plan = choose(which, (switches & WITH_MADE) != 0, extras ? &wish : NULL);
	struct outcome whole = {0};
	struct outcome parts = {0};
	struct trial trial = {.plan = plan};
	for (size_t i = 0; i < plan->row_count; i++)
		value_counts_init(&trial.counts[i], plan->rows[i].table->column_count);
	struct sax *sax = sax_new(plan, &events, &trial);
	trial.outcome = &parts;
	run(&trial, sax, input, pieces, (switches & WITH_EMPTY) != 0);
	for (size_t i = 0; i < PIECES; i++)
		pieces[i] = SIZE_MAX;
	trial.outcome = &whole;
	run(&trial, sax, input, pieces, false);
	assert_same(&whole, &parts);
	sax_free(sax);
	for (size_t i = 0; i < plan->row_count; i++)
		value_counts_release(&trial.counts[i]);
	plan_free(plan);
	extras_names_release(&wish.listed);
	buf_release(&whole.rows);
	buf_release(&parts.rows);
	return 0;
}

/*
 * Bytes of a row file to a row. Input: a byte for the number of cells, then the encoded row.
 * Holds: what can be decoded encodes to the same bytes and can be changed; what cannot leaves a blank row.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "table/extras.h"
#include "table/row.h"

enum { CELLS_MAX = 40 };

static void assert_encodes_to(const struct row *row, const char *data, size_t length)
{
	struct buf out = {0};
	fuzz_must(row_encode(row, &out), "a row of this size can be encoded");
	fuzz_must(out.length == length && memcmp(buf_text(&out), data, length) == 0, "equal cells are equal bytes");
	buf_release(&out);
}

static void assert_cells(const struct row *row, const char *data, size_t length)
{
	for (size_t i = 0; i < row->count; i++) {
		const char *text = NULL;
		size_t text_length = 0;
		fuzz_must(row_cell(data, length, i, &text, &text_length), "a cell of a whole row is found");
		fuzz_must(text == row_text(row, i) && text_length == row_length(row, i), "it is the same one");
	}
}

/* Puts each cell behind the next one, and empties it. The text of all together stays. */
static void change(struct row *row)
{
	size_t whole = row->size;
	for (size_t i = 0; i + 1 < row->count; i++) {
		size_t length = row_length(row, i);
		size_t next = row_length(row, i + 1);
		char *copy = mem_new(length + 1, 1);
		memcpy(copy, row_text(row, i), length);
		fuzz_must(row_append(row, i + 1, row_text(row, i), length), "there is room for a copy");
		fuzz_must(row_length(row, i + 1) == next + length, "a cell grows by what is added");
		fuzz_must(memcmp(row_text(row, i + 1) + next, copy, length) == 0, "what is added is what was there");
		fuzz_must(row_set(row, i, "", 0), "a cell can be emptied");
		free(copy);
	}
	fuzz_must(row->size == whole && row_length(row, row->count - 1) == whole, "nothing is lost on the way");
}

/* Bytes that need not be packed metadata, spread over two cells: parts of them. */
static void spread(const char *data, size_t length)
{
	struct extras_columns columns = {0};
	struct row row;
	row_init(&row, 1 + 2);
	row.count = 2;
	extras_columns_add(&columns, "b");
	extras_columns_add(&columns, "a");
	if (row_set(&row, 1, data, length)) {
		const char *packed = row_text(&row, 1);
		extras_spread(&columns, &row, 1);
		for (size_t i = 1; i < row.count; i++)
			fuzz_must(row_text(&row, i) >= packed &&
					  row_text(&row, i) + row_length(&row, i) <= packed + length,
				"a cell lies within the packed one");
	}
	row_release(&row);
	extras_columns_release(&columns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct row row;
	row_init(&row, 1 + fuzz_byte(&input) % CELLS_MAX);
	if (row_decode(&row, input.data, input.left)) {
		assert_encodes_to(&row, input.data, input.left);
		assert_cells(&row, input.data, input.left);
		change(&row);
		struct buf again = {0};
		struct row other;
		row_init(&other, row.count);
		fuzz_must(row_encode(&row, &again), "a changed row can be encoded");
		fuzz_must(row_decode(&other, buf_text(&again), again.length), "and decoded");
		assert_encodes_to(&other, buf_text(&again), again.length);
		row_release(&other);
		buf_release(&again);
	} else {
		for (size_t i = 0; i < row.count; i++) {
			const char *text = NULL;
			size_t length = 0;
			fuzz_must(row_length(&row, i) == 0, "a row that cannot be decoded is blank");
			if (row_cell(input.data, input.left, i, &text, &length))
				fuzz_must(text >= input.data && text + length <= input.data + input.left,
					"a cell lies within the bytes");
		}
	}
	row_release(&row);
	spread(input.data, input.left);
	return 0;
}

#include "table/csv_read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/mem.h"
#include "table/row.h"

enum {
	ROOM = 128 * 1024,                  /* of the buffer while rows are small: it stays in the processor's cache */
	ROOM_MAX = 2 * ROW_TEXT_MAX + ROOM, /* the largest row may be all quotes, each of them doubled */
	WORD = 8,                           /* bytes that are looked at at once */
};

static const char mark[] = {'\xEF', '\xBB', '\xBF'};

/* What the next byte belongs to. */
enum place {
	CELL_BEGINS,
	IN_TEXT,      /* of a cell without quotes, or behind the closing one */
	IN_QUOTES,    /* behind the opening quote */
	BEHIND_QUOTE, /* the next byte tells whether it was the closing one */
	BEHIND_CR     /* the next byte tells which line end it is */
};

enum step { GO_ON, NEED_BYTES, ROW_ENDS, TOO_LARGE };

/*
 * The buffer from row to at is the row so far, from at to end what is still to be read. A line feed stands at the end
 * and makes every search stop there. A row is read in one go however its bytes come: when they run out, all that is
 * known of it stays here, and nothing is looked at twice.
 */
struct csv_reader {
	struct csv_source source;
	char *data;
	size_t room; /* without WORD */
	char *row;
	char *at;
	char *end;

	enum place place;
	struct csv_cell *cells; /* ROW_CELLS_MAX of them */
	size_t count;
	size_t size; /* bytes of these cells together */

	/* The cell that is being read: its text, in front of at, without quotes that do not count. */
	char *text;
	char *text_end;
	unsigned cell_notes;

	unsigned notes; /* of the row */
	uint64_t number;
	bool began;
	bool bom;
	bool ended; /* the source did */
	bool over;  /* no row follows */
	bool failed;
	struct err failure;
};

/* A new block with the row and what follows it at its front. */
static void move(struct csv_reader *reader, char *data, size_t room)
{
	const char *row = reader->row;
	memmove(data, row, (size_t)(reader->end - row));
	for (size_t i = 0; i < reader->count; i++)
		reader->cells[i].text = data + (reader->cells[i].text - row);
	reader->text = data + (reader->text - row);
	reader->text_end = data + (reader->text_end - row);
	reader->at = data + (reader->at - row);
	reader->end = data + (reader->end - row);
	reader->row = data;
	if (data != reader->data)
		free(reader->data);
	reader->data = data;
	reader->room = room;
}

/* Room behind the last byte, as much as the row has taken so far: so a row is not moved more often than it doubles.
 * What a large row took is given back when those behind it are small. Called when all bytes were looked at. */
static void make_room(struct csv_reader *reader)
{
	size_t used = (size_t)(reader->end - reader->row);
	size_t left = reader->room - (size_t)(reader->end - reader->data);
	size_t room = ROOM;
	while (room / 2 < used)
		room *= 2;
	if (room > ROOM_MAX)
		room = ROOM_MAX;
	if (room > reader->room || (room == ROOM && reader->room > ROOM))
		move(reader, mem_grow(NULL, room + WORD, 1), room);
	else if (left < reader->room / 2 && reader->row > reader->data)
		move(reader, reader->data, reader->room);
	assert(reader->end < reader->data + reader->room);
}

/* More bytes behind the last one: 1, or 0 at the end, -1 when the source failed. */
static int fill(struct csv_reader *reader, struct err *err)
{
	if (reader->ended)
		return 0;
	make_room(reader);
	size_t room = reader->room - (size_t)(reader->end - reader->data);
	long got = reader->source.read(reader->source.context, reader->end, room, err);
	assert(got <= (long)room);
	if (got < 0) {
		reader->failed = true;
		reader->failure = *err;
		return -1;
	}
	reader->ended = got == 0;
	reader->end += got;
	memset(reader->end, '\n', WORD);
	return got > 0;
}

static void begin_row(struct csv_reader *reader)
{
	reader->place = CELL_BEGINS;
	reader->row = reader->at;
	reader->text = reader->at;
	reader->text_end = reader->at;
	reader->cell_notes = 0;
	reader->count = 0;
	reader->size = 0;
	reader->notes = 0;
}

struct csv_reader *csv_reader_new(const struct csv_source *source)
{
	struct csv_reader *reader = mem_new(1, sizeof(*reader));
	reader->source = *source;
	reader->cells = mem_new(ROW_CELLS_MAX, sizeof(*reader->cells));
	reader->data = mem_grow(NULL, ROOM + WORD, 1);
	reader->room = ROOM;
	reader->at = reader->data;
	reader->end = reader->data;
	begin_row(reader);
	return reader;
}

void csv_reader_free(struct csv_reader *reader)
{
	if (reader == NULL)
		return;
	free(reader->data);
	free(reader->cells);
	free(reader);
}

bool csv_bom(const struct csv_reader *reader)
{
	return reader->bom;
}

/* A bit for each of the eight bytes at at that is smaller than '-', the first byte's lowest; perhaps also for a '-'
 * behind such a byte. */
static uint64_t small_bytes(const char *at)
{
	const unsigned char *bytes = (const unsigned char *)at;
	uint64_t word = (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 |
			(uint64_t)bytes[3] << 24 | (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 |
			(uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
	return bytes_below(word, '-');
}

/* The first byte from at on that can end text, or begin or end quotes: a comma, a quote, CR or LF. There is one, at the
 * end at the latest. All four are smaller than '-', as few other bytes of a roster are. */
static char *find(char *at)
{
	static const bool wanted[256] = {[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true};
	for (;; at += WORD) {
		for (uint64_t small = small_bytes(at); small != 0; small &= small - 1) {
			char *found = at + __builtin_ctzll(small) / 8;
			if (wanted[(unsigned char)*found])
				return found;
		}
	}
}

/* Adds bytes from at up to stop to the text of the cell. */
static void take(struct csv_reader *reader, char *stop)
{
	size_t length = (size_t)(stop - reader->at);
	if (reader->text_end != reader->at && length > 0)
		memmove(reader->text_end, reader->at, length);
	reader->text_end += length;
	reader->at = stop;
}

/* The cell that is being read is whole. */
static enum step end_cell(struct csv_reader *reader)
{
	size_t length = (size_t)(reader->text_end - reader->text);
	reader->size += length;
	if (reader->size > ROW_TEXT_MAX)
		return TOO_LARGE;
	reader->cells[reader->count++] = (struct csv_cell){reader->text, length, reader->cell_notes};
	reader->text = reader->text_end;
	reader->cell_notes = 0;
	reader->place = CELL_BEGINS;
	return GO_ON;
}

/* Where quotes end, or might end, of which text at at is part; or the end of the bytes. */
static char *find_quote(char *at, const char *end, unsigned *notes)
{
	char *stop = find(at);
	while (*stop != '"' && stop != end) {
		if (*stop != ',')
			*notes |= CSV_LINE_BREAK;
		stop = find(stop + 1);
	}
	return stop;
}

/* Bytes of the line end at at, if there are enough to tell that it is LF or CR LF; else 0. */
static size_t line_end(const char *at, const char *end, unsigned *notes)
{
	size_t length = *at == '\n' ? 1 : 2;
	if (at + length > end || (length == 2 && (at[0] != '\r' || at[1] != '\n')))
		return 0;
	*notes |= length == 1 ? CSV_LF : CSV_CRLF;
	return length;
}

/* Reads cells that are here as a whole and in which nothing is odd, which nearly all are: the same as the places below
 * would do, without going through them for each cell. The first of which there is more to say is left to them. True if
 * the row ended. */
static bool whole_cells(struct csv_reader *reader)
{
	char *at = reader->at;
	const char *end = reader->end;
	size_t count = reader->count;
	size_t size = reader->size;
	size_t line = 0;
	/* Then cells cannot be too large together. */
	if (end - reader->row > ROW_TEXT_MAX)
		return false;
	while (line == 0 && count < ROW_CELLS_MAX) {
		unsigned notes = *at == '"' ? CSV_QUOTED : 0;
		char *text = at;
		char *stop;
		if (notes != 0) {
			stop = find_quote(++text, end, &notes);
			at = stop + 1;
			if (stop[-1] == '\\')
				notes |= CSV_BACKSLASH;
			if (stop == end)
				break;
		} else {
			stop = find(text);
			at = stop;
		}
		if (*at == ',')
			at++;
		else if ((count == 0 && at == reader->at) || (line = line_end(at, end, &reader->notes)) == 0)
			break;
		at += line;
		reader->cells[count++] = (struct csv_cell){text, (size_t)(stop - text), notes};
		size += (size_t)(stop - text);
		reader->at = at;
	}
	reader->count = count;
	reader->size = size;
	return line > 0;
}

static enum step begin_cell(struct csv_reader *reader)
{
	if (whole_cells(reader))
		return ROW_ENDS;
	if (reader->count == ROW_CELLS_MAX)
		return TOO_LARGE;
	if (reader->at == reader->end)
		return NEED_BYTES;
	bool quoted = *reader->at == '"';
	reader->at += quoted;
	reader->text = reader->at;
	reader->text_end = reader->at;
	reader->cell_notes = quoted ? CSV_QUOTED : 0;
	reader->place = quoted ? IN_QUOTES : IN_TEXT;
	return GO_ON;
}

static enum step end_line(struct csv_reader *reader)
{
	if (reader->count == 0 && reader->text_end == reader->text && (reader->cell_notes & CSV_QUOTED) == 0)
		reader->notes |= CSV_BLANK;
	else if (end_cell(reader) == TOO_LARGE)
		return TOO_LARGE;
	if (*reader->at++ == '\r') {
		reader->place = BEHIND_CR;
		return GO_ON;
	}
	reader->notes |= CSV_LF;
	return ROW_ENDS;
}

static enum step in_text(struct csv_reader *reader)
{
	char *stop = find(reader->at);
	while (*stop == '"') {
		reader->cell_notes |= CSV_STRAY;
		stop = find(stop + 1);
	}
	take(reader, stop);
	if (*stop == ',') {
		reader->at++;
		return end_cell(reader);
	}
	return stop == reader->end ? NEED_BYTES : end_line(reader);
}

static enum step in_quotes(struct csv_reader *reader)
{
	char *stop = find_quote(reader->at, reader->end, &reader->cell_notes);
	take(reader, stop);
	if (stop == reader->end)
		return NEED_BYTES;
	reader->at++;
	reader->place = BEHIND_QUOTE;
	return GO_ON;
}

/* The quote in front of at is the closing one. */
static void close_quotes(struct csv_reader *reader)
{
	if (reader->text_end > reader->text && reader->text_end[-1] == '\\')
		reader->cell_notes |= CSV_BACKSLASH;
	reader->place = IN_TEXT;
}

static enum step behind_quote(struct csv_reader *reader)
{
	if (reader->at == reader->end)
		return NEED_BYTES;
	char c = *reader->at;
	if (c == '"') {
		take(reader, reader->at + 1);
		reader->place = IN_QUOTES;
		return GO_ON;
	}
	close_quotes(reader);
	if (c != ',' && c != '\r' && c != '\n')
		reader->cell_notes |= CSV_STRAY;
	return GO_ON;
}

static enum step behind_cr(struct csv_reader *reader)
{
	if (reader->at == reader->end)
		return NEED_BYTES;
	bool lf = *reader->at == '\n';
	reader->at += lf;
	reader->notes |= lf ? CSV_CRLF : CSV_BARE_CR;
	return ROW_ENDS;
}

/* Goes on with the row as far as there are bytes. */
static enum step scan(struct csv_reader *reader)
{
	enum step step = GO_ON;
	while (step == GO_ON) {
		switch (reader->place) {
		case CELL_BEGINS: step = begin_cell(reader); break;
		case IN_TEXT: step = in_text(reader); break;
		case IN_QUOTES: step = in_quotes(reader); break;
		case BEHIND_QUOTE: step = behind_quote(reader); break;
		case BEHIND_CR: step = behind_cr(reader); break;
		}
	}
	/* Text of which there is too much already need not be read to its end. */
	if (step == NEED_BYTES && reader->size + (size_t)(reader->text_end - reader->text) > ROW_TEXT_MAX)
		step = TOO_LARGE;
	return step;
}

/* The file ends in the row. */
static enum step end_file(struct csv_reader *reader)
{
	if (reader->place == BEHIND_CR) {
		reader->notes |= CSV_BARE_CR;
		return ROW_ENDS;
	}
	reader->notes |= CSV_NO_END;
	if (reader->place == IN_QUOTES)
		reader->cell_notes |= CSV_OPEN;
	else if (reader->place == BEHIND_QUOTE)
		close_quotes(reader);
	return end_cell(reader) == TOO_LARGE ? TOO_LARGE : ROW_ENDS;
}

/* Skips a byte-order mark. Waits for no more bytes than it takes to see that there is none. False when the source
 * failed. */
static bool skip_mark(struct csv_reader *reader, struct err *err)
{
	size_t length = 0;
	do {
		int more = fill(reader, err);
		if (more <= 0)
			return more == 0;
		length = (size_t)(reader->end - reader->at);
		length = length < sizeof(mark) ? length : sizeof(mark);
	} while (length < sizeof(mark) && memcmp(reader->at, mark, length) == 0);
	reader->bom = length == sizeof(mark) && memcmp(reader->at, mark, length) == 0;
	if (reader->bom)
		reader->at += sizeof(mark);
	return true;
}

static bool is_empty(const struct csv_reader *reader)
{
	return reader->place == CELL_BEGINS && reader->count == 0;
}

int csv_next(struct csv_reader *reader, struct csv_row *row, struct err *err)
{
	if (reader->failed) {
		err_set(err, reader->failure.code, "%s", reader->failure.text);
		return -1;
	}
	if (reader->over)
		return 0;
	if (!reader->began && !skip_mark(reader, err))
		return -1;
	reader->began = true;
	begin_row(reader);
	enum step step;
	while ((step = scan(reader)) == NEED_BYTES) {
		int more = fill(reader, err);
		if (more < 0)
			return -1;
		if (more > 0)
			continue;
		if (is_empty(reader)) {
			reader->over = true;
			return 0;
		}
		step = end_file(reader);
		break;
	}
	if (step == TOO_LARGE) {
		reader->over = true;
		reader->notes = CSV_TOO_LARGE;
	}
	*row = (struct csv_row){reader->cells, reader->count, ++reader->number, reader->notes};
	return 1;
}

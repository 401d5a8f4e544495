#include "check/grammar.h"

enum { LINE_ENDS = CSV_LF | CSV_CRLF, QUOTE_TROUBLE = CSV_STRAY | CSV_OPEN };

void grammar_init(struct grammar *grammar, struct findings *findings, const char *file)
{
	*grammar = (struct grammar){.findings = findings, .file = file};
}

void grammar_release(struct grammar *grammar)
{
	buf_release(&grammar->scratch);
}

static void find(struct grammar *grammar, enum rule rule, uint64_t row)
{
	findings_add(grammar->findings, rule, grammar->file, NULL, NULL, row, NULL, 0);
}

static bool is_blank(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (row->cells[i].length > 0)
			return false;
	return true;
}

/* The first cell with quotes that are wrong, or NULL. */
static const struct csv_cell *misquoted(const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if ((row->cells[i].notes & QUOTE_TROUBLE) != 0)
			return &row->cells[i];
	return NULL;
}

static void judge_end(struct grammar *grammar, const struct csv_row *row)
{
	unsigned end = row->notes & LINE_ENDS;
	if ((row->notes & CSV_BARE_CR) != 0)
		find(grammar, RULE_CSV_BARE_CR, row->number);
	if (end == 0)
		return;
	if (grammar->first_end == 0)
		grammar->first_end = end;
	else if (end != grammar->first_end)
		find(grammar, RULE_CSV_MIXED_EOL, row->number);
}

/* A line with another number of cells than it ought to have, and one reason for that. */
static void judge_width(struct grammar *grammar, const struct csv_row *row, bool torn, enum rule narrow)
{
	const struct csv_cell *cell = misquoted(row);
	if (cell != NULL) {
		grammar_odd_cell(grammar, cell, row->number, NULL);
		grammar->lost |= (cell->notes & CSV_LINE_BREAK) != 0;
	} else if (torn || (row->notes & CSV_BARE_CR) != 0) {
		grammar->lost = true; /* the carriage return is told */
	} else {
		find(grammar, narrow, row->number);
	}
}

enum grammar_row grammar_line(struct grammar *grammar, const struct csv_row *row, size_t width, enum rule narrow)
{
	bool torn = grammar->torn;
	grammar->torn = (row->notes & CSV_BARE_CR) != 0;
	if ((row->notes & CSV_TOO_LARGE) != 0) {
		find(grammar, RULE_CSV_TOO_LARGE, row->number);
		grammar->lost = true;
		return GRAMMAR_BROKEN;
	}
	judge_end(grammar, row);
	if ((row->notes & CSV_BLANK) != 0 || is_blank(row)) {
		if (!torn && !grammar->torn)
			find(grammar, RULE_CSV_BLANK_LINE, row->number);
		return GRAMMAR_BLANK;
	}
	if (width == 0 || row->count == width)
		return GRAMMAR_FINE;
	judge_width(grammar, row, torn, narrow);
	return GRAMMAR_BROKEN;
}

bool grammar_odd_cell(struct grammar *grammar, const struct csv_cell *cell, uint64_t row, const char *column)
{
	enum rule rule = RULE_COUNT;
	if ((cell->notes & QUOTE_TROUBLE) != 0) {
		rule = RULE_CSV_QUOTE;
		grammar->lost |= (cell->notes & CSV_LINE_BREAK) != 0;
	} else if ((cell->notes & CSV_LINE_BREAK) != 0) {
		rule = RULE_CSV_LINE_BREAK;
	} else if (clean_fine(cell->text, cell->length) < cell->length) {
		buf_clear(&grammar->scratch);
		unsigned changes = clean_text(cell->text, cell->length, &grammar->scratch);
		rule = (changes & CLEAN_UTF8) != 0 ? RULE_CSV_UTF8 : RULE_CSV_CONTROL;
	}
	bool fit = rule == RULE_COUNT;
	if (fit && (cell->notes & CSV_BACKSLASH) != 0)
		rule = RULE_CSV_BACKSLASH_QUOTE;
	if (rule != RULE_COUNT)
		findings_note(grammar->findings, &(struct finding_note){
							 .rule = rule,
							 .file = grammar->file,
							 .column = column,
							 .row = row,
							 .id = grammar->id,
							 .id_length = grammar->id_length,
							 .value = cell->text,
							 .length = cell->length,
						 });
	return fit;
}

void grammar_end(struct grammar *grammar, bool bom)
{
	if (bom)
		find(grammar, RULE_CSV_BOM, 0);
}

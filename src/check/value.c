#include "check/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "check/clean.h"
#include "check/form.h"
#include "check/moment.h"

const struct value_rule_info value_rules[VALUE_RULE_COUNT] = {
	[VALUE_TEXT_CONTROL] = {"text.control", VALUE_CHANGE, "control characters left out"},
	[VALUE_TEXT_LINE_BREAK] = {"text.line-break", VALUE_CHANGE, "line breaks and tabs replaced by a blank"},
	[VALUE_TEXT_UTF8] = {"text.utf8", VALUE_WARNING,
		"damaged characters replaced by the sign for an unknown character"},
	[VALUE_TEXT_NULL] = {"text.null", VALUE_WARNING, "the word null, taken as no value"},
	[VALUE_FIELD_BLANKS] = {"field.blanks", VALUE_CHANGE, "blanks before or behind removed"},
	[VALUE_FIELD_CASE] = {"field.case", VALUE_CHANGE, "upper and lower case changed to the standard's spelling"},
	[VALUE_FIELD_ALIAS] = {"field.alias", VALUE_CHANGE, "replaced by the standard's word for the same"},
	[VALUE_FIELD_ENUM] = {"field.enum", VALUE_WARNING, "not one of the standard's words, left as it is"},
	[VALUE_FIELD_BOOLEAN] = {"field.boolean", VALUE_WARNING, "neither true nor false, left as it is"},
	[VALUE_FIELD_DATE] = {"field.date", VALUE_WARNING, "not a date of the calendar, left as it is"},
	[VALUE_FIELD_DATE_STYLE] = {"field.date-style", VALUE_WARNING,
		"date in another style rewritten as year-month-day, the month taken to come before the day"},
	[VALUE_FIELD_DATE_TIME] = {"field.date-time", VALUE_CHANGE, "time of day cut off a date"},
	[VALUE_FIELD_DATETIME] = {"field.datetime", VALUE_WARNING, "not a date with a time of day, left as it is"},
	[VALUE_FIELD_DATETIME_STYLE] = {"field.datetime-style", VALUE_CHANGE,
		"date and time rewritten as universal time with milliseconds"},
	[VALUE_FIELD_DATETIME_ZONE] = {"field.datetime-zone", VALUE_WARNING,
		"date and time without a time zone, taken as universal time"},
	[VALUE_FIELD_YEAR] = {"field.year", VALUE_WARNING, "not a year of four digits, left as it is"},
	[VALUE_FIELD_FLOAT] = {"field.float", VALUE_WARNING, "not a plain decimal number, left as it is"},
	[VALUE_FIELD_USERIDS] = {"field.userids", VALUE_WARNING, "not of the form {type:identifier}, left as it is"},
	[VALUE_FIELD_SEVERAL] = {"field.several", VALUE_WARNING,
		"several values where the standard has room for one, the last one kept"},
	[VALUE_FIELD_PART] = {"field.part", VALUE_WARNING,
		"made of several parts of which one is missing or holds a comma, left out"},
	[VALUE_FIELD_SHAPE] = {"field.shape", VALUE_WARNING,
		"the server sent an object where a text belongs, left out"},
	[VALUE_FIELD_MAPPED] = {"field.mapped", VALUE_CHANGE, "replaced as the map for this column says"},
	[VALUE_FIELD_FILLED] = {"field.filled", VALUE_WARNING,
		"the server sent nothing, so the value set for this case was written"},
	[VALUE_FIELD_REQUIRED] = {"field.required", VALUE_ERROR, "required, but the server sent nothing"},
	[VALUE_LIST_SEPARATOR] = {"list.separator", VALUE_CHANGE, "semicolons between list items replaced by commas"},
	[VALUE_LIST_BLANK] = {"list.blank", VALUE_CHANGE, "empty list items left out"},
	[VALUE_LIST_COMMA] = {"list.comma", VALUE_CHANGE, "commas inside list items removed"},
	[VALUE_LIST_SCHOOL] = {"list.school", VALUE_CHANGE,
		"none of their schools is in this bundle, so the school of a class was added"},
	[VALUE_STATUS_INACTIVE] = {"status.inactive", VALUE_WARNING,
		"status in an older version's words (inactive), taken as tobedeleted"},
	[VALUE_ID_EMPTY] = {"id.empty", VALUE_ERROR, "row without an id"},
	[VALUE_ID_CONTROL] = {"id.control", VALUE_ERROR,
		"id with a line break, a control character or a damaged character"},
	[VALUE_ID_LENGTH] = {"id.length", VALUE_ERROR, "id longer than 255 characters"},
	[VALUE_ID_CHARS] = {"id.chars", VALUE_WARNING,
		"id with other characters than English letters, digits and . - _ / @"},
	[VALUE_ID_COMMA] = {"id.comma", VALUE_ERROR, "id with a comma, which a list of ids cannot hold"},
	[VALUE_METADATA_KEY] = {"metadata.key", VALUE_WARNING,
		"metadata under a name that is too long for a column or has other characters than English letters, "
		"digits, blanks and . _ - : / @, left out"},
};

_Static_assert(VALUE_RULE_COUNT <= 64, "the rules a cell met are kept as bits of one number");

static const struct {
	enum cell_note note;
	enum value_rule rule;
} notes[] = {
	{CELL_SEVERAL, VALUE_FIELD_SEVERAL},
	{CELL_COMMA, VALUE_LIST_COMMA},
	{CELL_ID_COMMA, VALUE_ID_COMMA},
	{CELL_NO_PART, VALUE_FIELD_PART},
	{CELL_SHAPE, VALUE_FIELD_SHAPE},
};

static const struct {
	enum clean_change change;
	enum value_rule rule;
} clean_rules[] = {
	{CLEAN_LINE_BREAK, VALUE_TEXT_LINE_BREAK},
	{CLEAN_CONTROL, VALUE_TEXT_CONTROL},
	{CLEAN_UTF8, VALUE_TEXT_UTF8},
};

static const char *const truth_values[] = {"true", "false", NULL};
static const struct vocabulary_alias truth_aliases[] = {
	{"1", "true"},
	{"yes", "true"},
	{"y", "true"},
	{"t", "true"},
	{"0", "false"},
	{"no", "false"},
	{"n", "false"},
	{"f", "false"},
	{NULL, NULL},
};
static const struct vocabulary truth = {"boolean", truth_values, truth_aliases};

void value_counts_init(struct value_counts *counts, int columns)
{
	*counts = (struct value_counts){
		.by = mem_new((size_t)columns * VALUE_RULE_COUNT, sizeof(*counts->by)),
		.columns = columns,
	};
}

void value_counts_release(struct value_counts *counts)
{
	free(counts->by);
	*counts = (struct value_counts){0};
}

void value_counts_clear(struct value_counts *counts)
{
	for (size_t i = 0; i < (size_t)counts->columns * VALUE_RULE_COUNT; i++)
		counts->by[i] = 0;
}

void value_counts_one(struct value_counts *counts, int column, enum value_rule rule)
{
	counts->by[(size_t)column * VALUE_RULE_COUNT + rule]++;
}

void value_counts_add(struct value_counts *to, const struct value_counts *from)
{
	assert(to->columns == from->columns);
	for (size_t i = 0; i < (size_t)to->columns * VALUE_RULE_COUNT; i++)
		to->by[i] += from->by[i];
}

bool value_counts_next(const struct value_counts *counts, size_t *place, struct value_count *count)
{
	for (; *place < (size_t)counts->columns * VALUE_RULE_COUNT; ++*place) {
		if (counts->by[*place] == 0)
			continue;
		count->column = (int)(*place / VALUE_RULE_COUNT);
		count->rule = (enum value_rule)(*place % VALUE_RULE_COUNT);
		count->cells = counts->by[*place];
		++*place;
		return true;
	}
	return false;
}

uint64_t value_counts_severity(const struct value_counts *counts, enum value_severity severity)
{
	uint64_t sum = 0;
	struct value_count count;
	for (size_t place = 0; value_counts_next(counts, &place, &count);)
		if (value_rules[count.rule].severity == severity)
			sum += count.cells;
	return sum;
}

/* The cell being worked on, and the rules it met so far. */
struct spot {
	struct row *row;
	size_t i;
	const struct column *column;
	uint64_t met;
};

static void meet(struct spot *spot, enum value_rule rule)
{
	spot->met |= UINT64_C(1) << rule;
}

static const char *spot_text(const struct spot *spot)
{
	return row_text(spot->row, spot->i);
}

static size_t spot_length(const struct spot *spot)
{
	return row_length(spot->row, spot->i);
}

static bool spot_set(struct spot *spot, const char *text, size_t length)
{
	if (length == spot_length(spot) && memcmp(text, spot_text(spot), length) == 0)
		return true;
	return row_set(spot->row, spot->i, text, length);
}

static bool spot_take(struct spot *spot, struct buf *text)
{
	bool fine = !text->overflow && spot_set(spot, buf_text(text), text->length);
	buf_release(text);
	return fine;
}

static bool rewrite(struct spot *spot, bool id)
{
	struct buf out;
	buf_init(&out, ROW_TEXT_MAX);
	unsigned changes = clean_text(spot_text(spot), spot_length(spot), &out);
	if (changes == CLEAN_LINE_BREAK && clean_is_blank(buf_text(&out), out.length))
		changes = 0; /* white space, the same as missing */
	for (size_t i = 0; i < sizeof(clean_rules) / sizeof(clean_rules[0]); i++)
		if ((changes & clean_rules[i].change) != 0)
			meet(spot, id ? VALUE_ID_CONTROL : clean_rules[i].rule);
	return spot_take(spot, &out);
}

/* Makes any text fit for a CSV cell. An id that needs it cannot be published; it is made fit all the same, so that
 * whatever is written of a failing run can be read. */
static bool clean(struct spot *spot, bool id)
{
	size_t length = spot_length(spot);
	if (clean_fine(spot_text(spot), length) < length && !rewrite(spot, id))
		return false;
	const char *text = spot_text(spot);
	length = spot_length(spot);
	bool null = length == 4 && memcmp(text, "null", 4) == 0;
	if (null)
		meet(spot, VALUE_TEXT_NULL);
	return !(null || clean_is_blank(text, length)) || spot_set(spot, "", 0);
}

/* Narrows a text to what is between blanks at its ends. */
static void trim(const char **text, size_t *length)
{
	while (*length > 0 && **text == ' ') {
		++*text;
		--*length;
	}
	while (*length > 0 && (*text)[*length - 1] == ' ')
		--*length;
}

static int fold(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Whether a terminated word equals a text, which has no NUL, but for the case of ASCII letters. */
static bool equal_fold(const char *word, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (word[i] != text[i] && fold(word[i]) != fold(text[i]))
			return false;
	return word[length] == '\0';
}

/* The standard's spelling of a word, or NULL. Counts what is different about it. */
static const char *word_of(struct spot *spot, const struct vocabulary *vocabulary, const char *text, size_t length)
{
	for (const char *const *value = vocabulary->values; *value != NULL; value++) {
		if (!equal_fold(*value, text, length))
			continue;
		if (memcmp(*value, text, length) != 0)
			meet(spot, VALUE_FIELD_CASE);
		return *value;
	}
	for (const struct vocabulary_alias *alias = vocabulary->aliases; alias->from != NULL; alias++) {
		if (!equal_fold(alias->from, text, length))
			continue;
		meet(spot, spot->i == SCHEMA_STATUS ? VALUE_STATUS_INACTIVE : VALUE_FIELD_ALIAS);
		return alias->to;
	}
	return NULL;
}

/* What a cell is understood as: at first the cell itself without blanks around it. */
struct meaning {
	const char *text;
	size_t length;
	char room[MOMENT_SIZE]; /* for text to be written */
};

static bool read_word(struct spot *spot, const struct vocabulary *vocabulary, struct meaning *meaning)
{
	const char *word = word_of(spot, vocabulary, meaning->text, meaning->length);
	if (word == NULL)
		return false;
	meaning->text = word;
	meaning->length = strlen(word);
	return true;
}

static bool read_enum(struct spot *spot, struct meaning *meaning)
{
	return read_word(spot, spot->column->vocabulary, meaning);
}

static bool read_boolean(struct spot *spot, struct meaning *meaning)
{
	return read_word(spot, &truth, meaning);
}

static bool read_date(struct spot *spot, struct meaning *meaning)
{
	struct moment moment;
	if (form_date(meaning->text, meaning->length, NULL))
		return true;
	if (!moment_read(meaning->text, meaning->length, &moment))
		return false;
	if (!moment.standard)
		meet(spot, VALUE_FIELD_DATE_STYLE);
	if (moment.time)
		meet(spot, VALUE_FIELD_DATE_TIME);
	moment_write_date(&moment, meaning->room);
	meaning->text = meaning->room;
	meaning->length = MOMENT_DATE_SIZE - 1;
	return true;
}

static bool read_datetime(struct spot *spot, struct meaning *meaning)
{
	struct moment moment;
	if (meaning->length == MOMENT_SIZE - 1 && form_datetime(meaning->text, meaning->length))
		return true;
	if (!moment_read(meaning->text, meaning->length, &moment) || !moment_to_universal(&moment))
		return false;
	moment_write(&moment, meaning->room);
	if (!moment.standard)
		meet(spot, VALUE_FIELD_DATE_STYLE);
	if (!moment.zone)
		meet(spot, VALUE_FIELD_DATETIME_ZONE);
	else
		meet(spot, VALUE_FIELD_DATETIME_STYLE);
	meaning->text = meaning->room;
	meaning->length = MOMENT_SIZE - 1;
	return true;
}

static size_t digits_length(const char *text, size_t length)
{
	size_t count = 0;
	while (count < length && text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

static bool read_year(struct spot *spot, struct meaning *meaning)
{
	(void)spot;
	return meaning->length == 4 && digits_length(meaning->text, 4) == 4;
}

/* A number as JSON writes it, but without an exponent. Its digits stay: 60.0000 says how exact it is. */
static bool read_float(struct spot *spot, struct meaning *meaning)
{
	(void)spot;
	const char *text = meaning->text;
	const char *end = text + meaning->length;
	if (text < end && *text == '-')
		text++;
	size_t whole = digits_length(text, (size_t)(end - text));
	if (whole == 0 || (whole > 1 && *text == '0'))
		return false;
	text += whole;
	if (text == end)
		return true;
	size_t places = (size_t)(end - text) - 1;
	return *text == '.' && places > 0 && digits_length(text + 1, places) == places;
}

static void check_id(struct spot *spot, const char *id, size_t length)
{
	bool outside = false;
	for (size_t i = 0; i < length; i++) {
		char c = id[i];
		/* In ASCII - . / are followed by the digits, and @ by the capital letters. */
		outside |= !((c >= '-' && c <= '9') || (c >= '@' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_');
	}
	if (outside)
		meet(spot, VALUE_ID_CHARS);
	if (length > VALUE_ID_MAX)
		meet(spot, VALUE_ID_LENGTH);
}

static bool check_guid(struct spot *spot)
{
	check_id(spot, spot_text(spot), spot_length(spot));
	return true;
}

static void add_item(struct spot *spot, const char *item, size_t length, struct buf *out)
{
	enum column_type type = spot->column->type;
	if (type == COLUMN_GUIDS) {
		check_id(spot, item, length);
		buf_add(out, item, length);
		return;
	}
	size_t whole = length;
	trim(&item, &length);
	if (length != whole)
		meet(spot, VALUE_FIELD_BLANKS);
	const char *word = type == COLUMN_ENUMS ? word_of(spot, spot->column->vocabulary, item, length) : NULL;
	if (type == COLUMN_ENUMS && word == NULL)
		meet(spot, VALUE_FIELD_ENUM);
	if (word != NULL)
		buf_add_text(out, word);
	else
		buf_add(out, item, length);
}

/* Lists have commas between items and nothing else. Of ids only empty ones can be mended: a blank or a semicolon may be
 * part of one. */
static bool check_list(struct spot *spot)
{
	bool ids = spot->column->type == COLUMN_GUIDS;
	const char *at = spot_text(spot);
	const char *end = at + spot_length(spot);
	struct buf out;
	buf_init(&out, ROW_TEXT_MAX);
	for (bool more = true; more; at += more) {
		const char *item = at;
		while (at < end && *at != ',' && (ids || *at != ';'))
			at++;
		more = at < end;
		if (more && *at == ';')
			meet(spot, VALUE_LIST_SEPARATOR);
		size_t length = (size_t)(at - item);
		if (clean_is_blank(item, length)) {
			meet(spot, VALUE_LIST_BLANK);
			continue;
		}
		if (out.length > 0)
			buf_add_char(&out, ',');
		add_item(spot, item, length, &out);
	}
	if (out.length == 4 && memcmp(out.data, "null", 4) == 0) {
		meet(spot, VALUE_TEXT_NULL); /* all that is left of the list */
		buf_clear(&out);
	}
	return spot_take(spot, &out);
}

/* Gives where the part of a {type:identifier} that begins at text is over: at a mark, or at the end. */
static const char *part_end(const char *text, const char *end, char last)
{
	while (text < end && *text != '{' && *text != '}' && *text != ',' && *text != last)
		text++;
	return text;
}

static bool are_userids(const char *text, const char *end)
{
	for (;;) {
		if (text == end || *text++ != '{')
			return false;
		const char *colon = part_end(text, end, ':');
		if (colon == text || colon == end || *colon != ':')
			return false;
		const char *brace = part_end(colon + 1, end, '}');
		if (brace == colon + 1 || brace == end || *brace != '}')
			return false;
		text = brace + 1;
		if (text == end)
			return true;
		if (*text++ != ',')
			return false;
	}
}

static bool check_userids(struct spot *spot)
{
	const char *text = spot_text(spot);
	if (!are_userids(text, text + spot_length(spot)))
		meet(spot, VALUE_FIELD_USERIDS);
	return true;
}

static bool make_digest(struct spot *spot)
{
	char hex[DIGEST_HEX_SIZE];
	digest_text(spot_text(spot), spot_length(spot), hex);
	return spot_set(spot, hex, strlen(hex));
}

/* How the cells of a type are treated once they are fit for a CSV cell and not blank. Nothing given: that is all. The
 * standard says nothing of the characters and the length of a COLUMN_ID, which is made elsewhere. */
static const struct {
	bool (*check)(struct spot *spot); /* looks at the cell, may replace it; false when the row gets too large */
	bool (*read)(struct spot *spot, struct meaning *meaning); /* false when it cannot understand the cell */
	enum value_rule unread;                                   /* met then */
	bool id;
} types[COLUMN_TYPE_COUNT] = {
	[COLUMN_GUID] = {.id = true, .check = check_guid},
	[COLUMN_GUIDS] = {.id = true, .check = check_list},
	[COLUMN_ID] = {.id = true},
	[COLUMN_GRADES] = {.check = check_list},
	[COLUMN_ENUM] = {.read = read_enum, .unread = VALUE_FIELD_ENUM},
	[COLUMN_ENUMS] = {.check = check_list},
	[COLUMN_BOOLEAN] = {.read = read_boolean, .unread = VALUE_FIELD_BOOLEAN},
	[COLUMN_DATE] = {.read = read_date, .unread = VALUE_FIELD_DATE},
	[COLUMN_DATETIME] = {.read = read_datetime, .unread = VALUE_FIELD_DATETIME},
	[COLUMN_YEAR] = {.read = read_year, .unread = VALUE_FIELD_YEAR},
	[COLUMN_FLOAT] = {.read = read_float, .unread = VALUE_FIELD_FLOAT},
	[COLUMN_USERIDS] = {.check = check_userids},
	[COLUMN_DIGEST] = {.id = true, .check = make_digest},
};

static bool read_meaning(struct spot *spot)
{
	struct meaning meaning = {.text = spot_text(spot), .length = spot_length(spot)};
	trim(&meaning.text, &meaning.length);
	bool blanks = meaning.length != spot_length(spot);
	if (!types[spot->column->type].read(spot, &meaning)) {
		meet(spot, types[spot->column->type].unread);
		return true;
	}
	if (blanks)
		meet(spot, VALUE_FIELD_BLANKS);
	return spot_set(spot, meaning.text, meaning.length);
}

static bool normalise(struct spot *spot)
{
	if (spot_length(spot) > 0 && !clean(spot, types[spot->column->type].id))
		return false;
	if (spot_length(spot) == 0)
		return true;
	if (types[spot->column->type].read != NULL)
		return read_meaning(spot);
	return types[spot->column->type].check == NULL || types[spot->column->type].check(spot);
}

static void meet_notes(struct spot *spot, uint32_t noted)
{
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if ((noted & (uint32_t)notes[i].note) != 0)
			meet(spot, notes[i].rule);
}

static bool too_large(const struct column *column, struct err *err)
{
	return err_set(err, ERR_API, "%s: a record is larger than %d MiB", column->name, ROW_TEXT_MAX / 1024 / 1024);
}

bool value_normalise(struct row *row, const struct table *table, struct value_counts *counts, struct err *err)
{
	assert(row->count >= (size_t)table->column_count && counts->columns == table->column_count);
	for (int i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		struct spot spot = {.row = row, .i = (size_t)i, .column = column};
		uint32_t noted = row->cells[i].notes;
		row->cells[i].notes = 0;
		if (column->type == COLUMN_BLANK) {
			row_set(row, spot.i, "", 0);
			continue;
		}
		if (noted != 0)
			meet_notes(&spot, noted);
		if (!normalise(&spot))
			return too_large(column, err);
		if (i == SCHEMA_SOURCED_ID && spot_length(&spot) == 0)
			meet(&spot, VALUE_ID_EMPTY);
		for (int rule = 0; spot.met != 0; rule++, spot.met >>= 1)
			if ((spot.met & 1) != 0)
				value_counts_one(counts, i, (enum value_rule)rule);
	}
	return true;
}

bool value_required(const struct row *row, const struct table *table, bool delta, struct value_counts *counts)
{
	bool all = true;
	for (int i = 0; i < table->column_count; i++) {
		const struct column *column = &table->columns[i];
		if (row_length(row, (size_t)i) > 0 || !(column->required || (delta && column->delta)))
			continue;
		all = false;
		if (i != SCHEMA_SOURCED_ID)
			value_counts_one(counts, i, VALUE_FIELD_REQUIRED);
	}
	return all;
}

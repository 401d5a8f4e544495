#include "check/judge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "check/form.h"
#include "check/grammar.h"
#include "check/links.h"
#include "check/repeat.h"
#include "check/seats.h"
#include "check/spreadsheet.h"
#include "check/teaching.h"
#include "table/row.h"
#include "table/rowpage.h"

/* Columns with a meaning beyond their type. */
enum special {
	SPECIAL_NONE,
	SPECIAL_KIND,   /* what references into the table may ask for */
	SPECIAL_PARENT, /* leads up, never in a circle */
	SPECIAL_SCHOOL, /* leads to a row of the wanted kind; so the next */
	SPECIAL_SCHOOL_YEAR,
	SPECIAL_BEGIN,
	SPECIAL_END,
	SPECIAL_SUBJECTS,
	SPECIAL_SUBJECT_CODES,
	SPECIAL_PERIODS,
	SPECIAL_ENABLED,
	SPECIAL_ROLE,
	SPECIAL_USERNAME,
	SPECIAL_EMAIL,
	SPECIAL_CLASS,
	SPECIAL_USER,
	SPECIAL_PRIMARY,
	SPECIAL_COUNT
};

static const struct {
	const char *table;
	const char *column;
	enum special special;
} specials[] = {
	{"orgs", "type", SPECIAL_KIND},
	{"orgs", "parentSourcedId", SPECIAL_PARENT},
	{"academicSessions", "type", SPECIAL_KIND},
	{"academicSessions", "startDate", SPECIAL_BEGIN},
	{"academicSessions", "endDate", SPECIAL_END},
	{"academicSessions", "parentSourcedId", SPECIAL_PARENT},
	{"courses", "schoolYearSourcedId", SPECIAL_SCHOOL_YEAR},
	{"courses", "subjects", SPECIAL_SUBJECTS},
	{"courses", "subjectCodes", SPECIAL_SUBJECT_CODES},
	{"classes", "schoolSourcedId", SPECIAL_SCHOOL},
	{"classes", "subjects", SPECIAL_SUBJECTS},
	{"classes", "subjectCodes", SPECIAL_SUBJECT_CODES},
	{"classes", "periods", SPECIAL_PERIODS},
	{"users", "enabledUser", SPECIAL_ENABLED},
	{"users", "role", SPECIAL_ROLE},
	{"users", "username", SPECIAL_USERNAME},
	{"users", "email", SPECIAL_EMAIL},
	{"enrollments", "classSourcedId", SPECIAL_CLASS},
	{"enrollments", "schoolSourcedId", SPECIAL_SCHOOL},
	{"enrollments", "userSourcedId", SPECIAL_USER},
	{"enrollments", "role", SPECIAL_ROLE},
	{"enrollments", "primary", SPECIAL_PRIMARY},
	{"enrollments", "beginDate", SPECIAL_BEGIN},
	{"enrollments", "endDate", SPECIAL_END},
};

/* The kind that references ask for. */
static const struct {
	const char *table;
	const char *word;
} wanted_kinds[] = {{"orgs", "school"}, {"academicSessions", "schoolYear"}};

/* One column of the file that is being judged. */
struct field {
	const struct column *column; /* NULL when cells are not judged beyond their grammar */
	const char *name;            /* for findings */
	char *own_name;
	int index; /* of column, or SCHEMA_NONE */
	enum special special;
	bool guessed; /* name is what the own one must mean */
	bool secret;  /* nobody is to see what is in it */
	bool refers;  /* what it refers to is judged */
	bool itself;  /* it refers to rows of the same file */
};

/* A column of which the receiver wants more than the standard. */
struct wish {
	const struct consumer_required *required;
	size_t field;
	struct repeat *repeat; /* of values that have to be unique, or NULL */
};

/* What the rules about the whole of a file watch its rows for. */
enum watch { WATCH_NOTHING, WATCH_ORGS, WATCH_SESSIONS, WATCH_CLASSES, WATCH_SEATS };

/* The file that is being judged. */
struct file {
	enum watch watch;
	const struct table *table; /* NULL between files */
	bool delta;
	struct grammar grammar;
	bool headed;      /* the header came */
	bool unusable;    /* and nothing can be made of it */
	bool spreadsheet; /* a spreadsheet program has saved it, which is told */
	struct field *fields;
	size_t width;
	int *at; /* by column of the table: the field, or SCHEMA_NONE */
	uint64_t rows;
	struct repeat *ids;
	struct repeat *usernames; /* NULL when they are not looked at */
	struct seats *seats;      /* NULL when they are not looked at */
	bool unsure;              /* some row cannot be understood as far as the rules about the whole ask */
	bool school;              /* some row is a school */
	int last_end;             /* of a session, in days since 1970 */
	struct rowpage *pending;  /* references to rows of the file that had not come yet */
	struct wish *wishes;
	size_t wish_count;
};

/* The row that is being judged. */
struct spot {
	const struct csv_row *row;
	bool deleted;                                /* it says that it is to be deleted: little is asked of it then */
	uint32_t number;                             /* of its id, or LINKS_NONE */
	const struct csv_cell *cells[SPECIAL_COUNT]; /* filled and of the right form, or NULL */
	uint32_t targets[SPECIAL_COUNT];             /* numbers of what they refer to, or LINKS_NONE */
	unsigned wrong;                              /* bits of specials that are filled and of no right form */
	int begin;
	int end;
	const struct csv_cell *id; /* NULL when it has none */
};

struct judge {
	struct judge_options options;
	struct findings *findings;
	struct links *links;
	struct teaching *teaching;
	struct form_alphabet id_alphabet;
	size_t id_max;
	struct form_alphabet text_alphabet;
	const char *const *grades; /* of the receiver, or NULL */
	struct file file;
	struct spot spot;
};

struct judge *judge_new(const struct judge_options *options, struct findings *findings)
{
	const struct consumer *consumer = options->consumer;
	struct judge *judge = mem_new(1, sizeof(*judge));
	judge->options = *options;
	judge->findings = findings;
	judge->links = links_new(options->schema);
	judge->teaching = teaching_new();
	form_id_alphabet(&judge->id_alphabet, consumer != NULL ? consumer->id_chars : NULL);
	judge->id_max = consumer != NULL && consumer->id_max > 0 ? (size_t)consumer->id_max : FORM_ID_MAX;
	if (consumer != NULL && consumer->text_chars != NULL)
		form_text_alphabet(&judge->text_alphabet, consumer->text_chars);
	judge->grades = consumer != NULL ? consumer->grades : NULL;
	return judge;
}

static void release_file(struct file *file)
{
	grammar_release(&file->grammar);
	for (size_t i = 0; i < file->width; i++)
		free(file->fields[i].own_name);
	for (size_t i = 0; i < file->wish_count; i++)
		repeat_free(file->wishes[i].repeat);
	free(file->fields);
	free(file->at);
	free(file->wishes);
	repeat_free(file->ids);
	repeat_free(file->usernames);
	seats_free(file->seats);
	rowpage_free(file->pending);
	*file = (struct file){0};
}

void judge_free(struct judge *judge)
{
	if (judge == NULL)
		return;
	release_file(&judge->file);
	links_free(judge->links);
	teaching_free(judge->teaching);
	free(judge);
}

bool judge_begin(struct judge *judge, const struct table *table, bool delta, struct err *err)
{
	struct file *file = &judge->file;
	release_file(file);
	file->table = table;
	file->delta = delta;
	file->last_end = INT_MIN;
	grammar_init(&file->grammar, judge->findings, table->file_name);
	file->at = mem_new((size_t)table->column_count, sizeof(*file->at));
	for (int c = 0; c < table->column_count; c++)
		file->at[c] = SCHEMA_NONE;
	file->pending = rowpage_new(judge->options.folder);
	file->ids = repeat_new(judge->options.folder, table->file_name, false, err);
	return file->ids != NULL;
}

void judge_absent(struct judge *judge, const struct table *table)
{
	links_close(judge->links, table);
}

uint64_t judge_rows(const struct judge *judge)
{
	return judge->file.rows;
}

/* --- findings ------------------------------------------------------------------------------------------------------
 */

/* Of the file as it is, or of one of its lines. */
static void find(struct judge *judge, enum rule rule, const char *column, const char *detail, uint64_t row)
{
	findings_add(judge->findings, rule, judge->file.table->file_name, column, detail, row, NULL, 0);
}

/* Of the row of that id. */
static void find_id(
	struct judge *judge, enum rule rule, const char *column, uint64_t row, const char *id, size_t length)
{
	findings_note(judge->findings, &(struct finding_note){
					       .rule = rule,
					       .file = judge->file.table->file_name,
					       .column = column,
					       .row = row,
					       .id = id,
					       .id_length = length,
				       });
}

/* Of the row that is judged. */
static void find_in_row(struct judge *judge, enum rule rule, const struct field *field, const char *detail,
	const char *text, size_t length)
{
	const struct csv_cell *id = judge->spot.id;
	findings_note(judge->findings, &(struct finding_note){
					       .rule = rule,
					       .file = judge->file.table->file_name,
					       .column = field != NULL ? field->name : NULL,
					       .detail = detail,
					       .row = judge->spot.row->number,
					       .id = id != NULL ? id->text : NULL,
					       .id_length = id != NULL ? id->length : 0,
					       .value = text,
					       .length = length,
				       });
}

static void find_cell(struct judge *judge, enum rule rule, const struct field *field, const struct csv_cell *cell)
{
	find_in_row(judge, rule, field, NULL, cell->text, cell->length);
}

static const struct field *special_field(const struct judge *judge, enum special special)
{
	const struct field *field = judge->file.fields;
	while (field->special != special)
		field++;
	return field;
}

static bool has_special(const struct file *file, enum special special)
{
	for (size_t i = 0; i < file->width; i++)
		if (file->fields[i].special == special)
			return true;
	return false;
}

/* Of the cell with that meaning, which the row has. */
static void find_special(struct judge *judge, enum rule rule, enum special special)
{
	find_cell(judge, rule, special_field(judge, special), judge->spot.cells[special]);
}

static bool is_text(const struct csv_cell *cell, const char *text)
{
	return cell->length == strlen(text) && memcmp(cell->text, text, cell->length) == 0;
}

/* --- the header ----------------------------------------------------------------------------------------------------
 */

static const char extension[] = "metadata.";

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Equal but for case and blanks around it. */
static bool is_nearly(const struct csv_cell *cell, const char *text)
{
	size_t from = 0;
	size_t to = cell->length;
	while (to > 0 && cell->text[to - 1] == ' ')
		to--;
	while (from < to && cell->text[from] == ' ')
		from++;
	if (to - from != strlen(text))
		return false;
	for (size_t i = from; i < to; i++)
		if (lower(cell->text[i]) != lower(text[i - from]))
			return false;
	return true;
}

static int column_of(
	const struct table *table, const struct csv_cell *cell, bool (*is)(const struct csv_cell *, const char *))
{
	for (int c = 0; c < table->column_count; c++)
		if (is(cell, table->columns[c].name))
			return c;
	return SCHEMA_NONE;
}

static enum special special_of(const struct table *table, const struct column *column)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		if (strcmp(specials[i].table, table->name) == 0 && strcmp(specials[i].column, column->name) == 0)
			return specials[i].special;
	return SPECIAL_NONE;
}

static void place_column(struct judge *judge, int c, size_t i)
{
	struct file *file = &judge->file;
	const struct column *column = &file->table->columns[c];
	file->at[c] = (int)i;
	file->fields[i].column = column;
	file->fields[i].index = c;
	file->fields[i].special = special_of(file->table, column);
	file->fields[i].itself = column->ref == file->table->id;
	file->fields[i].refers = column->ref != SCHEMA_NONE && !file->delta &&
				 (file->fields[i].itself || links_closed(judge->links, column->ref));
}

/* Whether each cell can be understood; of those that cannot one is enough to know. */
static bool judge_names(struct judge *judge, const struct csv_row *row)
{
	for (size_t i = 0; i < row->count; i++)
		if (!grammar_cell(&judge->file.grammar, &row->cells[i], row->number, NULL))
			return false;
	return true;
}

/* Whether a column that is never published is meant, by the standard's name or as a metadata column of that name. */
static bool is_secret(const struct table *table, const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot != NULL ? dot + 1 : name;
	const struct csv_cell cell = {.text = last, .length = strlen(last)};
	for (int c = 0; c < table->column_count; c++)
		if (table->columns[c].type == COLUMN_BLANK && is_nearly(&cell, table->columns[c].name))
			return true;
	return false;
}

/* The column that is missing and nearest to a name that no column has, or SCHEMA_NONE. */
static int nearest_column(const struct file *file, const char *name)
{
	char plain[NEAREST_MAX];
	char other[NEAREST_MAX];
	size_t length = strlen(name);
	if (length == 0 || length > NEAREST_MAX || strncmp(name, extension, sizeof(extension) - 1) == 0)
		return SCHEMA_NONE;
	length = nearest_plain(name, length, plain);
	size_t best = nearest_limit(length);
	int nearest = SCHEMA_NONE;
	for (int c = 0; c < file->table->column_count; c++) {
		const char *column = file->table->columns[c].name;
		if (file->at[c] != SCHEMA_NONE)
			continue;
		size_t far = nearest_distance(plain, length, other, nearest_plain(column, strlen(column), other));
		if (far < best) {
			best = far;
			nearest = c;
		}
	}
	return nearest;
}

/* Gives names that are nearly those of columns that are missing these columns. Returns how many. */
static size_t guess_columns(struct judge *judge)
{
	struct file *file = &judge->file;
	size_t guessed = 0;
	for (size_t i = 0; i < file->width; i++) {
		struct field *field = &file->fields[i];
		int c = field->name == field->own_name ? nearest_column(file, field->own_name) : SCHEMA_NONE;
		if (c == SCHEMA_NONE)
			continue;
		field->name = file->table->columns[c].name;
		field->guessed = true;
		place_column(judge, c, i);
		guessed++;
	}
	return guessed;
}

/* Gives each cell of the header the column it names. False when there is none. */
static bool place_columns(struct judge *judge, const struct csv_row *row)
{
	struct file *file = &judge->file;
	size_t placed = 0;
	for (size_t i = 0; i < row->count; i++) {
		struct field *field = &file->fields[i];
		size_t shown = row->cells[i].length < FINDING_VALUE_MAX ? row->cells[i].length : FINDING_VALUE_MAX;
		while (shown < row->cells[i].length && shown > 0 &&
			((unsigned char)row->cells[i].text[shown] & 0xC0U) == 0x80)
			shown--;
		field->own_name = mem_copy_n(row->cells[i].text, shown);
		field->name = field->own_name;
		field->index = SCHEMA_NONE;
		field->secret = is_secret(file->table, field->own_name);
		int c = column_of(file->table, &row->cells[i], is_nearly);
		if (c == SCHEMA_NONE)
			continue;
		placed++;
		field->name = file->table->columns[c].name;
		if (file->at[c] == SCHEMA_NONE)
			place_column(judge, c, i);
	}
	/* One name that is nearly right may be a value of a file without a header. */
	size_t guessed = guess_columns(judge);
	return placed > 0 || guessed > 1;
}

static bool is_repeated(const struct csv_row *row, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (row->cells[j].length == row->cells[i].length &&
			memcmp(row->cells[j].text, row->cells[i].text, row->cells[i].length) == 0)
			return true;
	return false;
}

static bool is_extension(const struct csv_cell *cell)
{
	size_t prefix = sizeof(extension) - 1;
	return cell->length > prefix && memcmp(cell->text, extension, prefix) == 0;
}

static bool takes_extension(const struct consumer *consumer, const struct table *table, const struct csv_cell *cell)
{
	if (consumer == NULL || consumer->metadata == CONSUMER_METADATA_ANY)
		return true;
	for (int i = 0; consumer->metadata == CONSUMER_METADATA_LISTED && i < consumer->extra_count; i++)
		if (consumer->extras[i].table == table->id && is_text(cell, consumer->extras[i].name))
			return true;
	return false;
}

/* A column that the standard does not have. */
static void judge_extension(struct judge *judge, const struct csv_row *row, size_t i, bool behind)
{
	const struct csv_cell *cell = &row->cells[i];
	const struct field *field = &judge->file.fields[i];
	if (cell->length == 0)
		find(judge, RULE_HEADER_EXTENSION, NULL, "a column without a name", row->number);
	else if (is_repeated(row, i))
		find(judge, RULE_HEADER_DUPLICATE, field->name, NULL, row->number);
	else if (!behind || !is_extension(cell))
		find(judge, RULE_HEADER_EXTENSION, field->name, NULL, row->number);
	else if (!takes_extension(judge->options.consumer, judge->file.table, cell))
		find(judge, RULE_CONSUMER_METADATA, field->name, NULL, row->number);
}

static void judge_header(struct judge *judge, const struct csv_row *row)
{
	const struct file *file = &judge->file;
	const char *out_of_order = NULL;
	int greatest = SCHEMA_NONE;
	size_t last = 0;
	for (size_t i = 0; i < row->count; i++)
		if (file->fields[i].column != NULL)
			last = i;
	for (size_t i = 0; i < row->count; i++) {
		const struct field *field = &file->fields[i];
		if (field->name == field->own_name) {
			judge_extension(judge, row, i, i > last);
			continue;
		}
		if (field->column == NULL) {
			find(judge, RULE_HEADER_DUPLICATE, field->name, NULL, row->number);
			continue;
		}
		if (field->guessed) {
			char *meant = mem_format("did you mean %s?", field->name);
			find(judge, RULE_HEADER_MISSPELLED, field->own_name, meant, row->number);
			free(meant);
		} else if (!is_text(&row->cells[i], field->name))
			find(judge, RULE_HEADER_CASE, field->name, NULL, row->number);
		if (field->index < greatest && out_of_order == NULL)
			out_of_order = field->name;
		greatest = field->index > greatest ? field->index : greatest;
	}
	if (out_of_order != NULL)
		find(judge, RULE_HEADER_ORDER, NULL, out_of_order, row->number);
	for (int c = 0; c < file->table->column_count; c++)
		if (file->at[c] == SCHEMA_NONE)
			find(judge, RULE_HEADER_MISSING, file->table->columns[c].name, NULL, row->number);
}

/* What the receiver asks of columns that are there. */
static bool make_wishes(struct judge *judge, struct err *err)
{
	struct file *file = &judge->file;
	const struct consumer *consumer = judge->options.consumer;
	for (int i = 0; consumer != NULL && i < consumer->required_count; i++) {
		const struct consumer_required *required = &consumer->required[i];
		if (required->column.table != file->table->id || file->at[required->column.column] == SCHEMA_NONE)
			continue;
		file->wishes = mem_grow(file->wishes, file->wish_count + 1, sizeof(*file->wishes));
		struct wish *wish = &file->wishes[file->wish_count++];
		*wish = (struct wish){.required = required, .field = (size_t)file->at[required->column.column]};
		if (!required->unique)
			continue;
		wish->repeat = repeat_new(judge->options.folder, file->table->file_name, true, err);
		if (wish->repeat == NULL)
			return false;
	}
	return true;
}

/* User names are worth a line, unless the receiver wants them unique: then they are that rule's. */
static bool watch_usernames(struct judge *judge, struct err *err)
{
	struct file *file = &judge->file;
	for (size_t i = 0; i < file->width; i++) {
		if (file->fields[i].special != SPECIAL_USERNAME)
			continue;
		for (size_t w = 0; w < file->wish_count; w++)
			if (file->wishes[w].field == i && file->wishes[w].repeat != NULL)
				return true;
		file->usernames = repeat_new(judge->options.folder, file->table->file_name, true, err);
		return file->usernames != NULL;
	}
	return true;
}

static bool is_column_name(const void *context, const struct csv_cell *cell)
{
	return column_of(context, cell, is_nearly) != SCHEMA_NONE;
}

/* A line that a spreadsheet program has put in front, or a header with other separators: then nothing more can be made
 * of the file. */
static bool header_of_spreadsheet(struct judge *judge, const struct csv_row *row)
{
	struct file *file = &judge->file;
	enum spreadsheet_trace trace = spreadsheet_trace(row, is_column_name, file->table);
	if (trace == SPREADSHEET_NONE)
		return false;
	if (!file->spreadsheet)
		find(judge, RULE_CSV_SEPARATOR, NULL, spreadsheet_word(trace), row->number);
	file->spreadsheet = true;
	file->headed = trace != SPREADSHEET_SEP_LINE;
	file->unusable = file->headed;
	return true;
}

/* Says what the rules about the whole of a full list have to see of every row. */
static bool watch_whole(struct judge *judge, struct err *err)
{
	static const struct {
		const char *table;
		enum watch watch;
		enum special needs;
	} watches[] = {
		{"orgs", WATCH_ORGS, SPECIAL_KIND},
		{"academicSessions", WATCH_SESSIONS, SPECIAL_END},
		{"classes", WATCH_CLASSES, SPECIAL_NONE},
		{"enrollments", WATCH_SEATS, SPECIAL_CLASS},
	};
	struct file *file = &judge->file;
	for (size_t i = 0; !file->delta && i < sizeof(watches) / sizeof(watches[0]); i++)
		if (strcmp(watches[i].table, file->table->name) == 0 &&
			(watches[i].needs == SPECIAL_NONE || has_special(file, watches[i].needs)))
			file->watch = watches[i].watch;
	if (file->watch != WATCH_SEATS)
		return true;
	file->seats = seats_new(judge->options.folder, file->table->file_name, err);
	return file->seats != NULL;
}

static bool read_header(struct judge *judge, const struct csv_row *row, struct err *err)
{
	struct file *file = &judge->file;
	if ((row->notes & CSV_TOO_LARGE) == 0 && header_of_spreadsheet(judge, row))
		return true;
	/* Names that are no text at all, as in UTF-16, say more than how their line ends. */
	bool fit = (row->notes & CSV_TOO_LARGE) != 0 || judge_names(judge, row);
	enum grammar_row line = fit ? grammar_line(&file->grammar, row, 0, RULE_CSV_ROW_WIDTH) : GRAMMAR_BROKEN;
	if (line == GRAMMAR_BLANK)
		return true;
	file->headed = true;
	file->unusable = true;
	if (line == GRAMMAR_BROKEN)
		return true;
	file->width = row->count;
	file->fields = mem_new(row->count, sizeof(*file->fields));
	if (!place_columns(judge, row)) {
		find(judge, RULE_HEADER_MISSING, NULL, NULL, row->number);
		return true;
	}
	file->unusable = false;
	judge_header(judge, row);
	return make_wishes(judge, err) && watch_usernames(judge, err) && watch_whole(judge, err);
}

/* --- references ----------------------------------------------------------------------------------------------------
 */

/* A reference to a row of the same file that may still come: where it stands, and what it says. */
enum { PENDING_ROW, PENDING_FIELD, PENDING_NUMBER, PENDING_ID, PENDING_OWN, PENDING_CELLS };

static bool pend(struct judge *judge, const struct field *field, const char *id, size_t length, struct err *err)
{
	uint64_t line = judge->spot.row->number;
	size_t place = (size_t)(field - judge->file.fields);
	struct row row;
	row_init(&row, PENDING_CELLS);
	row_set(&row, PENDING_ROW, (const char *)&line, sizeof(line));
	row_set(&row, PENDING_FIELD, (const char *)&place, sizeof(place));
	row_set(&row, PENDING_NUMBER, (const char *)&judge->spot.number, sizeof(judge->spot.number));
	if (judge->spot.id != NULL)
		row_set(&row, PENDING_OWN, judge->spot.id->text, judge->spot.id->length);
	bool fine = !row_set(&row, PENDING_ID, id, length) || rowpage_add(judge->file.pending, &row, err);
	row_release(&row);
	return fine;
}

/* One id of a cell. told is set when the cell has its finding. */
static bool refer(
	struct judge *judge, const struct field *field, const char *id, size_t length, bool *told, struct err *err)
{
	const struct table *table = &judge->options.schema->tables[field->column->ref];
	bool closed = links_closed(judge->links, table->id);
	bool numbered = field->special == SPECIAL_CLASS || field->special == SPECIAL_USER;
	uint32_t number = LINKS_NONE;
	if (judge->spot.deleted || (!field->refers && !numbered))
		return true;
	if (closed || field->itself)
		number = links_find(judge->links, table, id, length);
	else if (numbered)
		number = links_add(judge->links, table, id, length);
	judge->spot.targets[field->special] = number;
	if (number == LINKS_NONE && field->itself)
		return pend(judge, field, id, length, err);
	if (number == LINKS_NONE && field->refers && !*told) {
		find_in_row(judge,
			form_joined_otherwise(id, length) && column_is_list(field->column->type) ? RULE_FIELD_LIST
												 : RULE_REF_MISSING,
			field, NULL, id, length);
		*told = true;
	}
	if (field->special == SPECIAL_PARENT && number != LINKS_NONE && judge->spot.number != LINKS_NONE)
		links_set_parent(judge->links, table, judge->spot.number, judge->spot.row->number, number);
	return true;
}

static bool refer_list(struct judge *judge, const struct field *field, const struct csv_cell *cell, struct err *err)
{
	const char *text = cell->text;
	size_t length = cell->length;
	const char *id = NULL;
	size_t id_length = 0;
	bool told = false;
	bool fine = true;
	while (fine && form_item(&text, &length, &id, &id_length))
		fine = refer(judge, field, id, id_length, &told, err);
	return fine;
}

struct settling {
	struct judge *judge;
	uint64_t row; /* where the last finding was */
	size_t field;
};

/* All ids of the file are known: a reference that waited leads somewhere or not. */
static bool settle(void *context, const char *encoded, size_t length, struct err *err)
{
	struct settling *settling = context;
	struct judge *judge = settling->judge;
	struct row row;
	uint64_t line = 0;
	size_t place = 0;
	uint32_t own = 0;
	(void)err;
	row_init(&row, PENDING_CELLS);
	bool whole = row_decode(&row, encoded, length);
	assert(whole);
	(void)whole;
	memcpy(&line, row_text(&row, PENDING_ROW), sizeof(line));
	memcpy(&place, row_text(&row, PENDING_FIELD), sizeof(place));
	memcpy(&own, row_text(&row, PENDING_NUMBER), sizeof(own));
	const char *id = row_text(&row, PENDING_ID);
	size_t id_length = row_length(&row, PENDING_ID);
	const struct field *field = &judge->file.fields[place];
	uint32_t number = links_find(judge->links, judge->file.table, id, id_length);
	bool list = column_is_list(field->column->type);
	if (number == LINKS_NONE && (settling->row != line || settling->field != place)) {
		findings_note(judge->findings,
			&(struct finding_note){
				.rule = list && form_joined_otherwise(id, id_length) ? RULE_FIELD_LIST
										     : RULE_REF_MISSING,
				.file = judge->file.table->file_name,
				.column = field->name,
				.row = line,
				.id = row_text(&row, PENDING_OWN),
				.id_length = row_length(&row, PENDING_OWN),
				.value = id,
				.length = id_length,
			});
		settling->row = line;
		settling->field = place;
	}
	if (number != LINKS_NONE && field->special == SPECIAL_PARENT && own != LINKS_NONE)
		links_set_parent(judge->links, judge->file.table, own, line, number);
	row_release(&row);
	return true;
}

/* --- one cell ------------------------------------------------------------------------------------------------------
 */

/* Each item is one of the words; else one finding. */
static bool judge_words(struct judge *judge, const struct field *field, const struct csv_cell *cell,
	const char *const *words, enum rule rule)
{
	const char *text = cell->text;
	size_t length = cell->length;
	const char *item = NULL;
	size_t item_length = 0;
	while (form_item(&text, &length, &item, &item_length)) {
		if (form_word(item, item_length, words))
			continue;
		find_cell(judge, form_joined_otherwise(item, item_length) ? RULE_FIELD_LIST : rule, field, cell);
		return false;
	}
	return true;
}

static bool judge_date(struct judge *judge, const struct field *field, const struct csv_cell *cell)
{
	int days = 0;
	bool fine = form_date(cell->text, cell->length, &days);
	if (fine && field->special == SPECIAL_BEGIN)
		judge->spot.begin = days;
	else if (fine && field->special == SPECIAL_END)
		judge->spot.end = days;
	return fine;
}

/* Whether a value is a number that a spreadsheet program has rounded. Most are known not to be by one look. */
static bool is_rounded(const struct csv_cell *cell)
{
	const char *end = cell->text + cell->length;
	return cell->length >= 5 && (end[-3] == '+' || end[-4] == '+') &&
	       spreadsheet_is_rounded(cell->text, cell->length);
}

/* The same for the items of a list. */
static bool has_rounded(const struct csv_cell *cell)
{
	const char *text = cell->text;
	size_t length = cell->length;
	const char *item = NULL;
	size_t item_length = 0;
	if (memchr(text, '+', length) == NULL)
		return false;
	while (form_item(&text, &length, &item, &item_length))
		if (spreadsheet_is_rounded(item, item_length))
			return true;
	return spreadsheet_is_rounded(cell->text, cell->length);
}

static enum rule broken_text(const struct field *field, const struct csv_cell *cell)
{
	if (is_rounded(cell))
		return RULE_FIELD_ROUNDED;
	return field->special != SPECIAL_EMAIL || form_email(cell->text, cell->length) ? RULE_COUNT : RULE_FIELD_EMAIL;
}

/* The rule that the form of a cell breaks, or RULE_COUNT. */
static enum rule broken_form(struct judge *judge, const struct field *field, const struct csv_cell *cell)
{
	const char *text = cell->text;
	size_t length = cell->length;
	switch (field->column->type) {
	case COLUMN_BOOLEAN: return form_boolean(text, length) ? RULE_COUNT : RULE_FIELD_BOOLEAN;
	case COLUMN_DATE: return judge_date(judge, field, cell) ? RULE_COUNT : RULE_FIELD_DATE;
	case COLUMN_DATETIME: return form_datetime(text, length) ? RULE_COUNT : RULE_FIELD_DATETIME;
	case COLUMN_YEAR: return form_year(text, length) ? RULE_COUNT : RULE_FIELD_YEAR;
	case COLUMN_FLOAT: return form_float(text, length) ? RULE_COUNT : RULE_FIELD_FLOAT;
	case COLUMN_USERIDS: return form_userids(text, length) ? RULE_COUNT : RULE_FIELD_USERIDS;
	case COLUMN_ENUM:
		return form_word(text, length, field->column->vocabulary->values) ? RULE_COUNT : RULE_FIELD_ENUM;
	case COLUMN_GUIDS:
		if (has_rounded(cell))
			return RULE_FIELD_ROUNDED;
		return form_list(text, length) ? RULE_COUNT : RULE_FIELD_LIST;
	case COLUMN_TEXTS:
	case COLUMN_ENUMS:
	case COLUMN_GRADES: return form_list(text, length) ? RULE_COUNT : RULE_FIELD_LIST;
	case COLUMN_TEXT: return broken_text(field, cell);
	case COLUMN_GUID:
	case COLUMN_ID: return is_rounded(cell) ? RULE_FIELD_ROUNDED : RULE_COUNT;
	case COLUMN_DIGEST:
	case COLUMN_BLANK:
	case COLUMN_TYPE_COUNT: break;
	}
	return RULE_COUNT;
}

/* What the receiver asks of any text. */
static void judge_text(struct judge *judge, const struct field *field, const struct csv_cell *cell)
{
	const struct consumer *consumer = judge->options.consumer;
	enum column_type type = field->column->type;
	bool free_text = type == COLUMN_TEXT && field->special != SPECIAL_EMAIL;
	if (free_text && consumer->text_chars != NULL && !form_spelled(cell->text, cell->length, &judge->text_alphabet))
		find_cell(judge, RULE_CONSUMER_TEXT, field, cell);
	size_t most = consumer->text_max > 0 ? (size_t)consumer->text_max : SIZE_MAX;
	if ((type == COLUMN_TEXT || type == COLUMN_TEXTS || type == COLUMN_ID) && cell->length > most &&
		form_characters(cell->text, cell->length) > most)
		find_cell(judge, RULE_FIELD_LENGTH, field, cell);
}

/* A filled cell. */
static bool judge_value(struct judge *judge, const struct field *field, const struct csv_cell *cell, struct err *err)
{
	const struct column *column = field->column;
	if (column->delta && !judge->file.delta) {
		find_cell(judge, field->index == SCHEMA_STATUS ? RULE_BULK_STATUS : RULE_BULK_DATE, field, cell);
		return true;
	}
	enum rule rule = broken_form(judge, field, cell);
	if (rule != RULE_COUNT) {
		find_cell(judge, rule, field, cell);
		judge->spot.wrong |= 1U << field->special;
		return true;
	}
	bool fine = true;
	if (column->type == COLUMN_GRADES) {
		const char *const *words = judge->grades != NULL ? judge->grades : column->vocabulary->values;
		judge_words(judge, field, cell, words, RULE_FIELD_GRADE);
	} else if (column->type == COLUMN_ENUMS) {
		judge_words(judge, field, cell, column->vocabulary->values, RULE_FIELD_ENUM);
	} else if (column->ref != SCHEMA_NONE) {
		bool told = false;
		fine = column_is_list(column->type) ? refer_list(judge, field, cell, err)
						    : refer(judge, field, cell->text, cell->length, &told, err);
	}
	if (judge->options.consumer != NULL)
		judge_text(judge, field, cell);
	judge->spot.cells[field->special] = cell;
	return fine;
}

/* A cell with nothing in it, or nothing but blanks. */
static void judge_blank(struct judge *judge, const struct field *field, const struct csv_cell *cell)
{
	const struct column *column = field->column;
	if (column != NULL && column->delta && judge->file.delta)
		find_cell(judge, field->index == SCHEMA_STATUS ? RULE_DELTA_STATUS : RULE_DELTA_DATE, field, cell);
	else if (column != NULL && column->required && !judge->spot.deleted)
		find_cell(judge, RULE_FIELD_REQUIRED, field, cell);
	else if (cell->length > 0)
		find_cell(judge, RULE_CSV_BLANK_ONLY, field, cell);
}

/* The grammar of a cell counts, and that there is something; but what it is nobody is to see. */
static bool judge_secret(struct judge *judge, const struct field *field, const struct csv_cell *cell)
{
	const struct csv_cell hidden = {.text = "", .notes = cell->notes};
	if (!grammar_cell(&judge->file.grammar, &hidden, judge->spot.row->number, field->name))
		return true;
	if (!clean_is_blank(cell->text, cell->length))
		find_in_row(judge, RULE_FIELD_PASSWORD, field, NULL, NULL, 0);
	else if (cell->length > 0)
		find_cell(judge, RULE_CSV_BLANK_ONLY, field, cell);
	return true;
}

static bool judge_cell(struct judge *judge, const struct field *field, const struct csv_cell *cell, struct err *err)
{
	if (field->secret)
		return judge_secret(judge, field, cell);
	if (!grammar_cell(&judge->file.grammar, cell, judge->spot.row->number, field->name)) {
		judge->spot.wrong |= 1U << field->special;
		return true;
	}
	if (clean_is_blank(cell->text, cell->length)) {
		judge_blank(judge, field, cell);
		return true;
	}
	return field->column == NULL || judge_value(judge, field, cell, err);
}

/* --- one row -------------------------------------------------------------------------------------------------------
 */

/* The id of the row comes first: what else is in it may need its number. */
static bool judge_id(struct judge *judge, struct err *err)
{
	struct file *file = &judge->file;
	int at = file->at[SCHEMA_SOURCED_ID];
	if (at == SCHEMA_NONE)
		return true;
	const struct field *field = &file->fields[at];
	const struct csv_cell *cell = &judge->spot.row->cells[at];
	if (!grammar_cell(&file->grammar, cell, judge->spot.row->number, field->name)) {
		judge->spot.number = links_add(judge->links, file->table, cell->text, cell->length);
		return true;
	}
	if (clean_is_blank(cell->text, cell->length)) {
		find_cell(judge, RULE_ID_EMPTY, field, cell);
		return true;
	}
	if (field->refers) {
		bool told = false;
		if (!refer(judge, field, cell->text, cell->length, &told, err))
			return false;
	} else {
		if (is_rounded(cell)) {
			find_cell(judge, RULE_FIELD_ROUNDED, field, cell);
			judge->spot.number = links_add(judge->links, file->table, cell->text, cell->length);
			return true;
		}
		if (!form_spelled(cell->text, cell->length, &judge->id_alphabet))
			find_cell(judge, RULE_ID_CHARS, field, cell);
		if (cell->length > judge->id_max && form_characters(cell->text, cell->length) > judge->id_max)
			find_cell(judge, RULE_ID_LENGTH, field, cell);
	}
	judge->spot.number = links_add(judge->links, file->table, cell->text, cell->length);
	return repeat_add(file->ids,
		&(struct repeat_value){.text = cell->text, .length = cell->length, .row = judge->spot.row->number},
		err);
}

static void judge_kind(struct judge *judge)
{
	const struct csv_cell *cell = judge->spot.cells[SPECIAL_KIND];
	const struct table *table = judge->file.table;
	const struct consumer *consumer = judge->options.consumer;
	if (cell == NULL)
		return;
	for (size_t i = 0; i < sizeof(wanted_kinds) / sizeof(wanted_kinds[0]); i++)
		if (strcmp(wanted_kinds[i].table, table->name) == 0 && judge->spot.number != LINKS_NONE)
			links_set_kind(judge->links, table, judge->spot.number,
				is_text(cell, wanted_kinds[i].word) ? LINKS_WANTED : LINKS_OTHER);
	if (consumer != NULL && consumer->org_types != NULL && strcmp(table->name, "orgs") == 0 &&
		!form_word(cell->text, cell->length, consumer->org_types))
		find_special(judge, RULE_CONSUMER_ORG_TYPE, SPECIAL_KIND);
}

/* A reference that has to lead to a row of the wanted kind. */
static void judge_target(struct judge *judge, enum special special, enum rule rule)
{
	uint32_t number = judge->spot.targets[special];
	if (number == LINKS_NONE)
		return;
	const struct field *field = special_field(judge, special);
	if (links_kind(judge->links, field->column->ref, number) == LINKS_OTHER)
		find_special(judge, rule, special);
}

static void judge_subjects(struct judge *judge)
{
	const struct csv_cell *subjects = judge->spot.cells[SPECIAL_SUBJECTS];
	const struct csv_cell *codes = judge->spot.cells[SPECIAL_SUBJECT_CODES];
	if (subjects != NULL && codes != NULL &&
		form_items(subjects->text, subjects->length) != form_items(codes->text, codes->length))
		find_special(judge, RULE_FIELD_SUBJECTS, SPECIAL_SUBJECT_CODES);
}

static bool is_wrong(const struct judge *judge, enum special special)
{
	return (judge->spot.wrong & 1U << special) != 0;
}

static void judge_primary(struct judge *judge)
{
	const struct spot *spot = &judge->spot;
	if (!is_text(spot->cells[SPECIAL_PRIMARY], "true") || spot->cells[SPECIAL_ROLE] == NULL)
		return;
	if (!is_text(spot->cells[SPECIAL_ROLE], "teacher")) {
		find_special(judge, RULE_SEM_PRIMARY_ROLE, SPECIAL_PRIMARY);
		return;
	}
	uint32_t class_number = spot->targets[SPECIAL_CLASS];
	uint32_t user = spot->targets[SPECIAL_USER];
	if (class_number != LINKS_NONE && user != LINKS_NONE && !is_wrong(judge, SPECIAL_BEGIN) &&
		!is_wrong(judge, SPECIAL_END) &&
		!teaching_primary(judge->teaching, class_number, user, spot->begin, spot->end))
		find_special(judge,
			judge->options.consumer != NULL && judge->options.consumer->one_primary_teacher
				? RULE_CONSUMER_PRIMARY
				: RULE_SEM_TWO_PRIMARY,
			SPECIAL_PRIMARY);
}

/* A class or teacher counts once, where it gets too large. */
static void judge_size(struct judge *judge, const struct consumer *consumer)
{
	const struct csv_cell *role = judge->spot.cells[SPECIAL_ROLE];
	uint32_t class_number = judge->spot.targets[SPECIAL_CLASS];
	uint32_t user = judge->spot.targets[SPECIAL_USER];
	if (role == NULL)
		return;
	if (consumer->class_max > 0 && class_number != LINKS_NONE && is_text(role, "student") &&
		teaching_student(judge->teaching, class_number) == (uint32_t)consumer->class_max + 1)
		find_in_row(judge, RULE_SEM_SIZE, special_field(judge, SPECIAL_CLASS), "students of a class", NULL, 0);
	if (consumer->load_max > 0 && user != LINKS_NONE && is_text(role, "teacher") &&
		teaching_class(judge->teaching, user) == (uint32_t)consumer->load_max + 1)
		find_in_row(judge, RULE_SEM_SIZE, special_field(judge, SPECIAL_USER), "classes of a teacher", NULL, 0);
}

static bool are_whole(const struct csv_cell *cell)
{
	const char *text = cell->text;
	size_t length = cell->length;
	const char *item = NULL;
	size_t item_length = 0;
	while (form_item(&text, &length, &item, &item_length))
		if (!form_whole(item, item_length))
			return false;
	return true;
}

/* Whether quotes, or their absence, are as the receiver asks. */
static bool is_quoted_well(const struct csv_cell *cell, enum consumer_quote quote)
{
	bool quoted = (cell->notes & CSV_QUOTED) != 0;
	bool needed = quote == CONSUMER_QUOTE_ALL;
	for (size_t c = 0; c < cell->length && !needed; c++)
		needed = strchr(", \"\t\r\n", cell->text[c]) != NULL;
	return quoted == needed || (quote == CONSUMER_QUOTE_MINIMAL && !quoted);
}

static void judge_quotes(struct judge *judge, enum consumer_quote quote)
{
	const struct csv_row *row = judge->spot.row;
	for (size_t i = 0; i < row->count; i++) {
		if (!is_quoted_well(&row->cells[i], quote)) {
			find_in_row(judge, RULE_CONSUMER_QUOTE, NULL, NULL, NULL, 0);
			return;
		}
	}
}

/* The value of the row, to be compared with those of others. */
static bool add_value(
	struct judge *judge, struct repeat *repeat, const struct csv_cell *cell, bool mark, struct err *err)
{
	const struct csv_cell *id = judge->spot.id;
	return repeat_add(repeat,
		&(struct repeat_value){
			.text = cell->text,
			.length = cell->length,
			.row = judge->spot.row->number,
			.id = id != NULL ? id->text : "",
			.id_length = id != NULL ? id->length : 0,
			.mark = mark,
		},
		err);
}

static bool judge_wishes(struct judge *judge, struct err *err)
{
	const struct file *file = &judge->file;
	const struct csv_cell *role = judge->spot.cells[SPECIAL_ROLE];
	for (size_t i = 0; i < file->wish_count; i++) {
		const struct wish *wish = &file->wishes[i];
		const struct field *field = &file->fields[wish->field];
		const struct csv_cell *cell = &judge->spot.row->cells[wish->field];
		bool meant = wish->required->role == NULL || (role != NULL && is_text(role, wish->required->role));
		bool blank = clean_is_blank(cell->text, cell->length);
		if (blank && meant && !field->column->required)
			find_cell(judge, RULE_CONSUMER_REQUIRED, field, cell);
		if (!blank && wish->repeat != NULL && clean_fine(cell->text, cell->length) == cell->length &&
			!add_value(judge, wish->repeat, cell, meant, err))
			return false;
	}
	return true;
}

/* What the receiver asks of a row. */
static bool judge_receiver(struct judge *judge, struct err *err)
{
	const struct consumer *consumer = judge->options.consumer;
	const struct spot *spot = &judge->spot;
	const struct csv_cell *role = spot->cells[SPECIAL_ROLE];
	if (role != NULL && consumer->roles != NULL && !form_word(role->text, role->length, consumer->roles))
		find_special(judge, RULE_CONSUMER_ROLE, SPECIAL_ROLE);
	if (consumer->integer_periods && spot->cells[SPECIAL_PERIODS] != NULL &&
		!are_whole(spot->cells[SPECIAL_PERIODS]))
		find_special(judge, RULE_CONSUMER_PERIODS, SPECIAL_PERIODS);
	if (consumer->enabled_only && spot->cells[SPECIAL_ENABLED] != NULL &&
		is_text(spot->cells[SPECIAL_ENABLED], "false"))
		find_special(judge, RULE_CONSUMER_DISABLED, SPECIAL_ENABLED);
	judge_size(judge, consumer);
	return judge_wishes(judge, err);
}

/* Whether a class has a teacher, and who is in it twice. */
static void judge_seat(struct judge *judge)
{
	struct file *file = &judge->file;
	const struct spot *spot = &judge->spot;
	const struct csv_cell *role = spot->cells[SPECIAL_ROLE];
	uint32_t class_number = spot->targets[SPECIAL_CLASS];
	uint32_t user = spot->targets[SPECIAL_USER];
	uint32_t school = spot->targets[SPECIAL_SCHOOL];
	if (role == NULL || class_number == LINKS_NONE) {
		file->unsure = true;
		return;
	}
	if (is_text(role, "teacher"))
		teaching_taught(judge->teaching, class_number);
	uint32_t own = teaching_school(judge->teaching, class_number);
	if (school != LINKS_NONE && own != TEACHING_NO_SCHOOL && school != own &&
		links_kind(judge->links, special_field(judge, SPECIAL_SCHOOL)->column->ref, school) !=
			LINKS_OTHER) /* else that is told */
		find_special(judge, RULE_SEM_OTHER_SCHOOL, SPECIAL_SCHOOL);
	if (user == LINKS_NONE || is_wrong(judge, SPECIAL_BEGIN) || is_wrong(judge, SPECIAL_END))
		return;
	seats_add(file->seats, &(struct seat){class_number, user, spot->begin, spot->end, spot->row->number},
		spot->id != NULL ? spot->id->text : "", spot->id != NULL ? spot->id->length : 0);
}

/* A school that is none is told as such, and no enrollment's fault. */
static void watch_class(struct judge *judge)
{
	const struct spot *spot = &judge->spot;
	uint32_t school = spot->targets[SPECIAL_SCHOOL];
	if (school != LINKS_NONE &&
		links_kind(judge->links, special_field(judge, SPECIAL_SCHOOL)->column->ref, school) == LINKS_OTHER)
		school = LINKS_NONE;
	if (spot->number != LINKS_NONE)
		teaching_open(judge->teaching, spot->number, spot->row->number,
			school != LINKS_NONE ? school : TEACHING_NO_SCHOOL);
}

/* What the rules about the whole of a file have to see of a row. */
static void watch_row(struct judge *judge)
{
	struct file *file = &judge->file;
	const struct spot *spot = &judge->spot;
	switch (file->watch) {
	case WATCH_NOTHING: break;
	case WATCH_ORGS:
		file->school = file->school ||
			       (spot->cells[SPECIAL_KIND] != NULL && is_text(spot->cells[SPECIAL_KIND], "school"));
		file->unsure = file->unsure || spot->cells[SPECIAL_KIND] == NULL;
		break;
	case WATCH_SESSIONS:
		file->unsure = file->unsure || spot->cells[SPECIAL_END] == NULL;
		file->last_end = spot->end > file->last_end ? spot->end : file->last_end;
		break;
	case WATCH_CLASSES: watch_class(judge); break;
	case WATCH_SEATS: judge_seat(judge); break;
	}
}

/* Cells that only make sense together. */
static bool judge_together(struct judge *judge, struct err *err)
{
	const struct spot *spot = &judge->spot;
	judge_kind(judge);
	judge_target(judge, SPECIAL_SCHOOL, RULE_REF_SCHOOL_TYPE);
	judge_target(judge, SPECIAL_SCHOOL_YEAR, RULE_REF_SCHOOLYEAR_TYPE);
	judge_subjects(judge);
	if (spot->cells[SPECIAL_BEGIN] != NULL && spot->cells[SPECIAL_END] != NULL && spot->end < spot->begin)
		find_special(judge, RULE_SEM_DATES, SPECIAL_END);
	if (spot->cells[SPECIAL_PRIMARY] != NULL)
		judge_primary(judge);
	const struct csv_cell *username = spot->cells[SPECIAL_USERNAME];
	if (username != NULL && judge->file.usernames != NULL &&
		!add_value(judge, judge->file.usernames, username, false, err))
		return false;
	watch_row(judge);
	return judge->options.consumer == NULL || judge_receiver(judge, err);
}

static void begin_spot(struct judge *judge, const struct csv_row *row)
{
	const struct file *file = &judge->file;
	struct spot *spot = &judge->spot;
	int at = file->at[SCHEMA_SOURCED_ID];
	spot->row = row;
	spot->id = at != SCHEMA_NONE ? &row->cells[at] : NULL;
	judge->file.grammar.id = spot->id != NULL ? spot->id->text : NULL;
	judge->file.grammar.id_length = spot->id != NULL ? spot->id->length : 0;
	spot->number = LINKS_NONE;
	spot->wrong = 0;
	spot->begin = TEACHING_EVER;
	spot->end = TEACHING_ON;
	for (int i = 0; i < SPECIAL_COUNT; i++) {
		spot->cells[i] = NULL;
		spot->targets[i] = LINKS_NONE;
	}
	int status = file->at[SCHEMA_STATUS];
	spot->deleted = status != SCHEMA_NONE && is_text(&row->cells[status], "tobedeleted");
}

/* A row whose cells are not where they ought to be is there all the same, if its id can be told. */
static void note_broken(struct judge *judge, const struct csv_row *row)
{
	int at = judge->file.at[SCHEMA_SOURCED_ID];
	if (at != SCHEMA_NONE && (size_t)at < row->count && row->cells[at].length > 0)
		links_add(judge->links, judge->file.table, row->cells[at].text, row->cells[at].length);
}

bool judge_row(struct judge *judge, const struct csv_row *row, struct err *err)
{
	struct file *file = &judge->file;
	if (!file->headed)
		return read_header(judge, row, err);
	if (file->unusable)
		return true;
	enum grammar_row line = grammar_line(&file->grammar, row, file->width, RULE_CSV_ROW_WIDTH);
	file->rows += line != GRAMMAR_BLANK ? 1 : 0;
	if (line == GRAMMAR_BROKEN) {
		note_broken(judge, row);
		file->unsure = true;
	}
	if (line != GRAMMAR_FINE)
		return true;
	begin_spot(judge, row);
	if (!judge_id(judge, err))
		return false;
	const struct consumer *consumer = judge->options.consumer;
	if (consumer != NULL && consumer->quote != CONSUMER_QUOTE_ANY)
		judge_quotes(judge, consumer->quote);
	for (size_t i = 0; i < file->width; i++)
		if (file->fields[i].index != SCHEMA_SOURCED_ID &&
			!judge_cell(judge, &file->fields[i], &row->cells[i], err))
			return false;
	return judge->spot.deleted || judge_together(judge, err);
}

/* --- the end of a file ---------------------------------------------------------------------------------------------
 */

struct repeats {
	struct judge *judge;
	const char *column;
	enum rule exact; /* RULE_COUNT for none; so the next */
	enum rule nearly;
	bool marked; /* only values that somebody wants unique */
};

static void find_repeat(void *context, const struct repeat_found *one)
{
	const struct repeats *repeats = context;
	enum rule rule = one->exact ? repeats->exact : repeats->nearly;
	if (rule != RULE_COUNT && (one->mark || !repeats->marked))
		findings_note(repeats->judge->findings, &(struct finding_note){
								.rule = rule,
								.file = repeats->judge->file.table->file_name,
								.column = repeats->column,
								.row = one->row,
								.id = one->id,
								.id_length = one->id_length,
								.value = one->text,
								.length = one->length,
							});
}

static bool judge_repeats(struct judge *judge, struct err *err)
{
	const struct file *file = &judge->file;
	int at = file->at[SCHEMA_SOURCED_ID];
	struct repeats ids = {
		judge, file->table->columns[SCHEMA_SOURCED_ID].name, RULE_ID_DUPLICATE, RULE_ID_CASE_CLASH, false};
	if (at != SCHEMA_NONE && file->fields[at].refers)
		ids.nearly = RULE_COUNT; /* told of the table it refers to */
	if (!repeat_each(file->ids, find_repeat, &ids, err))
		return false;
	if (file->usernames != NULL) {
		struct repeats usernames = {judge, special_field(judge, SPECIAL_USERNAME)->name, RULE_SEM_USERNAME,
			RULE_SEM_USERNAME, false};
		if (!repeat_each(file->usernames, find_repeat, &usernames, err))
			return false;
	}
	for (size_t i = 0; i < file->wish_count; i++) {
		struct repeats unique = {judge, file->fields[file->wishes[i].field].name, RULE_CONSUMER_UNIQUE,
			RULE_CONSUMER_UNIQUE, true};
		if (file->wishes[i].repeat != NULL && !repeat_each(file->wishes[i].repeat, find_repeat, &unique, err))
			return false;
	}
	return true;
}

/* Rows of a table, told by number: looking for the id of one takes long, and only the first few are shown. */
struct numbered {
	struct judge *judge;
	const struct table *table;
	const char *column;
	enum rule rule;
	size_t told;
};

static void find_number(void *context, uint32_t number, uint64_t row)
{
	struct numbered *numbered = context;
	size_t length = 0;
	const char *id = numbered->told++ < FINDING_EXAMPLES
				 ? links_id(numbered->judge->links, numbered->table->id, number, &length)
				 : NULL;
	findings_note(numbered->judge->findings, &(struct finding_note){
							 .rule = numbered->rule,
							 .file = numbered->table->file_name,
							 .column = numbered->column,
							 .row = row,
							 .id = id,
							 .id_length = length,
						 });
}

static void find_twice(void *context, const struct seats_found *one)
{
	struct judge *judge = context;
	find_id(judge, RULE_SEM_TWICE, special_field(judge, SPECIAL_USER)->name, one->row, one->id, one->id_length);
}

static bool takes_teachers(const struct judge *judge)
{
	const struct consumer *consumer = judge->options.consumer;
	return !judge->options.no_teachers && (consumer == NULL || consumer->roles == NULL ||
						      form_word("teacher", strlen("teacher"), consumer->roles));
}

/* Enrollments are all known: who is in a class twice, and which class has no teacher. */
static bool judge_seats(struct judge *judge, struct err *err)
{
	const struct table *classes = schema_table_find(judge->options.schema, "classes");
	struct numbered numbered = {.judge = judge, .table = classes, .rule = RULE_SEM_NO_TEACHER};
	if (has_special(&judge->file, SPECIAL_USER) && !seats_each(judge->file.seats, find_twice, judge, err))
		return false;
	if (!judge->file.unsure && takes_teachers(judge) && links_closed(judge->links, classes->id))
		teaching_untaught(judge->teaching, find_number, &numbered);
	return true;
}

/* The whole of a full list that has rows. */
static bool judge_whole(struct judge *judge, struct err *err)
{
	const struct file *file = &judge->file;
	switch (file->watch) {
	case WATCH_NOTHING:
	case WATCH_CLASSES: break;
	case WATCH_ORGS:
		if (!file->unsure && !file->school)
			find(judge, RULE_SEM_NO_SCHOOL, NULL, NULL, 0);
		break;
	case WATCH_SESSIONS:
		/* A session ends on the first day that is no longer part of it. */
		if (!file->unsure && judge->options.today > 0 && file->last_end <= judge->options.today)
			find(judge, RULE_SEM_OVER, NULL, NULL, 0);
		break;
	case WATCH_SEATS: return judge_seats(judge, err);
	}
	return true;
}

static bool may_be_empty(const struct judge *judge)
{
	const char *const *name = judge->options.allow_empty;
	while (name != NULL && *name != NULL && strcmp(*name, judge->file.table->name) != 0)
		name++;
	return !judge->file.table->core || (name != NULL && *name != NULL);
}

/* A full list without rows. Gives whether its references are still worth judging. */
static bool judge_empty(struct judge *judge)
{
	const struct consumer *consumer = judge->options.consumer;
	enum consumer_empty empty = consumer != NULL ? consumer->empty : CONSUMER_EMPTY_ANY;
	if (!may_be_empty(judge)) {
		find(judge, RULE_FILE_EMPTY_CORE, NULL, NULL, 0);
		return false;
	}
	if (empty == CONSUMER_EMPTY_ABSENT)
		find(judge, RULE_CONSUMER_EMPTY, NULL, NULL, 0);
	else if (empty == CONSUMER_EMPTY_ANY)
		find(judge, RULE_FILE_EMPTY, NULL, NULL, 0);
	return true;
}

static void judge_lines(struct judge *judge)
{
	const struct consumer *consumer = judge->options.consumer;
	unsigned end = judge->file.grammar.first_end;
	if (consumer == NULL || consumer->eol == CONSUMER_EOL_ANY || end == 0)
		return;
	if (end != (consumer->eol == CONSUMER_EOL_LF ? CSV_LF : CSV_CRLF))
		find(judge, RULE_CONSUMER_EOL, NULL, NULL, 0);
}

bool judge_end(struct judge *judge, bool whole, bool bom, struct err *err)
{
	struct file *file = &judge->file;
	struct settling settling = {judge, 0, 0};
	bool known = whole && !file->grammar.lost && !file->unusable && !file->delta; /* which rows there are */
	grammar_end(&file->grammar, bom && !file->spreadsheet);
	if (!file->spreadsheet)
		judge_lines(judge);
	if (!file->headed) {
		if (whole)
			find(judge, RULE_HEADER_MISSING, NULL, NULL, 1);
		return true;
	}
	if (file->unusable)
		return true;
	bool filled = known && file->rows > 0;
	if (known && !filled)
		known = judge_empty(judge);
	known = known && file->at[SCHEMA_SOURCED_ID] != SCHEMA_NONE;
	if (known) {
		if (!rowpage_each(file->pending, settle, &settling, err))
			return false;
		links_close(judge->links, file->table);
	}
	if (has_special(file, SPECIAL_PARENT)) {
		struct numbered cycles = {.judge = judge,
			.table = file->table,
			.column = special_field(judge, SPECIAL_PARENT)->name,
			.rule = RULE_REF_CYCLE};
		links_cycles(judge->links, file->table, find_number, &cycles);
	}
	return (!filled || judge_whole(judge, err)) && judge_repeats(judge, err);
}

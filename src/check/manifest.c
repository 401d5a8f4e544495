#include "check/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "check/grammar.h"
#include "check/spreadsheet.h"

enum {
	MANIFEST_VERSION,
	ONEROSTER_VERSION,
	FIRST_FILE, /* as many as the schema has tables, in the order of the manifest; then the two of source */
	COLUMNS = 2,
	SHOWN_MAX = 60, /* bytes of a property or value that findings repeat */
};

static const char *const header[COLUMNS] = {"propertyName", "value"};
static const char *const modes[] = {
	[MANIFEST_UNSAID] = "", [MANIFEST_ABSENT] = "absent", [MANIFEST_BULK] = "bulk", [MANIFEST_DELTA] = "delta"};

struct property {
	char *name;
	const struct table *table; /* of file.*, or NULL */
	bool required;
	bool seen;
	bool nearly; /* said under a name in other case */
	enum manifest_mode mode;
	uint64_t row; /* 0 while not seen */
};

struct manifest {
	const struct schema *schema;
	struct findings *findings;
	struct grammar grammar;
	struct property *properties;
	int count;
	bool began;
	enum spreadsheet_trace trace; /* that a spreadsheet program has left */
	char *version;
};

static void add_property(struct manifest *manifest, char *name, const struct table *table, bool required)
{
	manifest->properties[manifest->count++] = (struct property){.name = name, .table = table, .required = required};
}

struct manifest *manifest_new(const struct schema *schema, struct findings *findings)
{
	struct manifest *manifest = mem_new(1, sizeof(*manifest));
	manifest->schema = schema;
	manifest->findings = findings;
	grammar_init(&manifest->grammar, findings, MANIFEST_FILE);
	manifest->properties = mem_new(FIRST_FILE + (size_t)schema->table_count + 2, sizeof(*manifest->properties));
	add_property(manifest, mem_copy("manifest.version"), NULL, true);
	add_property(manifest, mem_copy("oneroster.version"), NULL, true);
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[schema->manifest[i]];
		add_property(manifest, mem_format("file.%s", table->name), table, true);
	}
	add_property(manifest, mem_copy("source.systemName"), NULL, false);
	add_property(manifest, mem_copy("source.systemCode"), NULL, false);
	return manifest;
}

void manifest_free(struct manifest *manifest)
{
	if (manifest == NULL)
		return;
	for (int i = 0; i < manifest->count; i++)
		free(manifest->properties[i].name);
	free(manifest->properties);
	free(manifest->version);
	grammar_release(&manifest->grammar);
	free(manifest);
}

static void find(struct manifest *manifest, enum rule rule, const char *detail, uint64_t row)
{
	findings_add(manifest->findings, rule, MANIFEST_FILE, NULL, detail, row, NULL, 0);
}

static bool is_text(const struct csv_cell *cell, const char *text)
{
	return cell->length == strlen(text) && memcmp(cell->text, text, cell->length) == 0;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Equal but for case and blanks around it. */
static bool is_nearly(const struct csv_cell *cell, const char *text)
{
	const char *from = cell->text;
	size_t length = cell->length;
	while (length > 0 && from[length - 1] == ' ')
		length--;
	while (length > 0 && *from == ' ') {
		from++;
		length--;
	}
	if (length != strlen(text))
		return false;
	for (size_t i = 0; i < length; i++)
		if (lower(from[i]) != lower(text[i]))
			return false;
	return true;
}

/* What findings may repeat of a cell that is fit to be printed, to be freed. */
static char *shown(const char *before, const struct csv_cell *cell)
{
	size_t length = cell->length < SHOWN_MAX ? cell->length : SHOWN_MAX;
	while (length < cell->length && length > 0 && ((unsigned char)cell->text[length] & 0xC0U) == 0x80)
		length--;
	return mem_format("%s%.*s", before, (int)length, cell->text);
}

static struct property *property_of(
	struct manifest *manifest, const struct csv_cell *cell, bool (*is)(const struct csv_cell *, const char *))
{
	for (int i = 0; i < manifest->count; i++)
		if (is(cell, manifest->properties[i].name))
			return &manifest->properties[i];
	return NULL;
}

static enum manifest_mode mode_of(const struct csv_cell *cell, bool (*is)(const struct csv_cell *, const char *))
{
	for (int i = MANIFEST_ABSENT; i <= MANIFEST_DELTA; i++)
		if (is(cell, modes[i]))
			return (enum manifest_mode)i;
	return MANIFEST_UNSAID;
}

static void judge_version(
	struct manifest *manifest, const struct csv_cell *value, const char *wanted, const char *what, uint64_t row)
{
	if (is_text(value, wanted))
		return;
	char *detail = shown(what, value);
	find(manifest, RULE_MANIFEST_VERSION, detail, row);
	free(detail);
}

static void judge_value(
	struct manifest *manifest, struct property *property, const struct csv_cell *value, uint64_t row)
{
	if (clean_is_blank(value->text, value->length)) {
		find(manifest, RULE_MANIFEST_EMPTY_VALUE, property->name, row);
	} else if (property == &manifest->properties[MANIFEST_VERSION]) {
		judge_version(manifest, value, "1.0", "manifest.version ", row);
	} else if (property == &manifest->properties[ONEROSTER_VERSION]) {
		manifest->version = shown("", value);
		judge_version(manifest, value, manifest->schema->version, "OneRoster ", row);
	} else if (property->table != NULL) {
		property->mode = mode_of(value, is_nearly);
		if (mode_of(value, is_text) == MANIFEST_UNSAID)
			find(manifest, RULE_MANIFEST_MODE, property->name, row);
	}
}

static void unknown_property(struct manifest *manifest, const struct csv_row *row)
{
	struct property *meant = property_of(manifest, &row->cells[0], is_nearly);
	if (meant != NULL) {
		meant->nearly = true;
		if (meant->table != NULL && !meant->seen)
			meant->mode = mode_of(&row->cells[1], is_nearly);
	}
	char *detail = shown("", &row->cells[0]);
	find(manifest, RULE_MANIFEST_UNKNOWN_PROPERTY, detail, row->number);
	free(detail);
}

static void judge_property(struct manifest *manifest, const struct csv_row *row)
{
	if (!grammar_cell(&manifest->grammar, &row->cells[0], row->number, header[0]))
		return;
	struct property *property = property_of(manifest, &row->cells[0], is_text);
	if (property == NULL) {
		unknown_property(manifest, row);
		return;
	}
	if (property->seen) {
		find(manifest, RULE_MANIFEST_DUPLICATE, property->name, row->number);
		return;
	}
	property->seen = true;
	property->row = row->number;
	if (grammar_cell(&manifest->grammar, &row->cells[1], row->number, header[1]))
		judge_value(manifest, property, &row->cells[1], row->number);
}

/* A line with too few or too many cells still says what it is about. */
static void note_broken(struct manifest *manifest, const struct csv_row *row)
{
	struct property *property = row->count > 0 ? property_of(manifest, &row->cells[0], is_text) : NULL;
	if (property == NULL || property->seen)
		return;
	property->seen = true;
	property->row = row->number;
	if (property->table != NULL && row->count > 1)
		property->mode = mode_of(&row->cells[1], is_nearly);
}

/* The first line. Gives whether it is not a header at all, but already a property. */
static bool judge_header(struct manifest *manifest, const struct csv_row *row)
{
	bool fine = row->count == COLUMNS;
	for (size_t i = 0; i < row->count; i++) {
		if (!grammar_cell(&manifest->grammar, &row->cells[i], row->number, NULL))
			return false;
		fine = fine && is_text(&row->cells[i], header[i]);
	}
	if (!fine)
		find(manifest, RULE_MANIFEST_HEADER, NULL, row->number);
	return !fine && property_of(manifest, &row->cells[0], is_nearly) != NULL;
}

static bool is_header_name(const void *context, const struct csv_cell *cell)
{
	(void)context;
	return is_nearly(cell, header[0]) || is_nearly(cell, header[1]);
}

/* Looks for what a spreadsheet program has left. True if the line says nothing else. */
static bool manifest_of_spreadsheet(struct manifest *manifest, const struct csv_row *row)
{
	if (manifest->began || (row->notes & CSV_TOO_LARGE) != 0)
		return false;
	enum spreadsheet_trace trace = spreadsheet_trace(row, is_header_name, NULL);
	if (trace == SPREADSHEET_NONE)
		return false;
	if (manifest->trace == SPREADSHEET_NONE)
		find(manifest, RULE_CSV_SEPARATOR, spreadsheet_word(trace), row->number);
	manifest->trace = trace;
	return trace == SPREADSHEET_SEP_LINE;
}

/* One line that semicolons or tabs separate, as what it was before. cells has room for COLUMNS. */
static struct csv_row restored(const struct manifest *manifest, const struct csv_row *row, struct csv_cell *cells)
{
	struct csv_row result = *row;
	const char *text = row->count == 1 ? row->cells[0].text : NULL;
	size_t length = row->count == 1 ? row->cells[0].length : 0;
	struct csv_cell part;
	size_t count = 0;
	if (manifest->trace != SPREADSHEET_SEMICOLONS && manifest->trace != SPREADSHEET_TABS)
		return result;
	while (spreadsheet_part(manifest->trace, &text, &length, &part)) {
		if (count == COLUMNS)
			return result;
		cells[count++] = part;
	}
	if (count == COLUMNS) {
		result.cells = cells;
		result.count = count;
	}
	return result;
}

void manifest_row(struct manifest *manifest, const struct csv_row *line)
{
	struct csv_cell cells[COLUMNS];
	if (manifest_of_spreadsheet(manifest, line))
		return;
	const struct csv_row made = restored(manifest, line, cells);
	const struct csv_row *row = &made;
	size_t width = manifest->began ? COLUMNS : 0;
	switch (grammar_line(&manifest->grammar, row, width, RULE_MANIFEST_ROW_WIDTH)) {
	case GRAMMAR_BLANK: return;
	case GRAMMAR_BROKEN: note_broken(manifest, row); return;
	case GRAMMAR_FINE: break;
	}
	bool first = !manifest->began;
	manifest->began = true;
	if (first && !judge_header(manifest, row))
		return;
	if (row->count == COLUMNS)
		judge_property(manifest, row);
	else
		note_broken(manifest, row);
}

void manifest_end(struct manifest *manifest, bool whole, bool bom)
{
	grammar_end(&manifest->grammar, bom && manifest->trace == SPREADSHEET_NONE);
	if (!manifest->began && whole)
		find(manifest, RULE_MANIFEST_HEADER, NULL, 1);
	for (int i = 0; manifest->began && whole && !manifest->grammar.lost && i < manifest->count; i++) {
		const struct property *property = &manifest->properties[i];
		if (property->required && !property->seen && !property->nearly)
			find(manifest, RULE_MANIFEST_MISSING_PROPERTY, property->name, 0);
	}
}

/* Digits and points, and not what the schema is of: 1.1.1 is a correction of 1.1 and not another version. */
bool manifest_is_foreign(const struct manifest *manifest)
{
	const char *version = manifest->version;
	size_t own = strlen(manifest->schema->version);
	if (version == NULL || version[strspn(version, "0123456789.")] != '\0')
		return false;
	return strncmp(version, manifest->schema->version, own) != 0 || (version[own] != '\0' && version[own] != '.');
}

void manifest_tell_foreign(const struct manifest *manifest, struct findings *findings)
{
	char *detail = mem_format("OneRoster %s", manifest->version);
	findings_add(findings, RULE_MANIFEST_VERSION, MANIFEST_FILE, NULL, detail,
		manifest->properties[ONEROSTER_VERSION].row, NULL, 0);
	free(detail);
}

const char *manifest_version(const struct manifest *manifest)
{
	return manifest->version;
}

static struct property *file_property(const struct manifest *manifest, const struct table *table)
{
	int i = FIRST_FILE;
	while (manifest->properties[i].table != table)
		i++;
	return &manifest->properties[i];
}

enum manifest_mode manifest_mode(const struct manifest *manifest, const struct table *table)
{
	return file_property(manifest, table)->mode;
}

void manifest_compare(struct manifest *manifest, const struct table *table, bool there)
{
	const struct property *property = file_property(manifest, table);
	if (property->mode == MANIFEST_ABSENT && there)
		find(manifest, RULE_MANIFEST_FILE_UNEXPECTED, table->file_name, property->row);
	else if (property->mode > MANIFEST_ABSENT && !there)
		find(manifest, RULE_MANIFEST_FILE_MISSING, table->file_name, property->row);
}

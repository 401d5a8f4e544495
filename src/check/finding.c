#include "check/finding.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check/clean.h"
#include "table/idset.h"

/* Beyond so many findings, further ones of a rule and file count together, whatever their column and detail: what is in
 * a bundle decides about these. */
enum { DISTINCT_MAX = 2000 };

struct findings {
	bool keep_values;
	bool keep_ids;
	struct idset *index;   /* from what a finding counts together by to its place in all */
	struct finding **all;  /* as met */
	struct finding **view; /* in the order they are shown */
	size_t count;
	size_t room;
	char **files; /* as first met */
	size_t file_count;
	char **accepted;
	size_t accepted_count;
	struct buf key;
};

struct findings *findings_new(bool keep_values)
{
	struct findings *findings = mem_new(1, sizeof(*findings));
	findings->keep_values = keep_values;
	findings->index = idset_new();
	return findings;
}

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void free_example(struct finding_example *example)
{
	free(example->id);
	free(example->value);
}

static void free_finding(struct finding *finding)
{
	for (size_t i = 0; i < finding->example_count; i++)
		free_example(&finding->examples[i]);
	free(finding->file);
	free(finding->column);
	free(finding->detail);
	free(finding);
}

void findings_free(struct findings *findings)
{
	if (findings == NULL)
		return;
	for (size_t i = 0; i < findings->count; i++)
		free_finding(findings->all[i]);
	free(findings->all);
	free(findings->view);
	free_texts(findings->files, findings->file_count);
	free_texts(findings->accepted, findings->accepted_count);
	idset_free(findings->index);
	buf_release(&findings->key);
	free(findings);
}

static void add_text(char ***texts, size_t *count, const char *text)
{
	*texts = mem_grow(*texts, *count + 1, sizeof(**texts));
	(*texts)[(*count)++] = mem_copy(text);
}

/* Places of files as first met; the bundle as a whole comes before them. */
static size_t file_place(const struct findings *findings, const char *file)
{
	if (file == NULL)
		return 0;
	size_t i = 0;
	while (i < findings->file_count && strcmp(findings->files[i], file) != 0)
		i++;
	return i + 1;
}

static bool names_column(const char *accepted, const struct finding *finding)
{
	const char *dot = strchr(accepted, '.');
	if (dot == NULL || finding->file == NULL || finding->column == NULL)
		return false;
	size_t length = (size_t)(dot - accepted);
	return strncmp(finding->file, accepted, length) == 0 && strcmp(finding->file + length, ".csv") == 0 &&
	       strcmp(finding->column, dot + 1) == 0 && strncmp(rules[finding->rule].code, "field.", 6) == 0;
}

static bool is_accepted(const struct findings *findings, const struct finding *finding)
{
	if (rules[finding->rule].severity != RULE_ERROR)
		return false;
	for (size_t i = 0; i < findings->accepted_count; i++)
		if (strcmp(findings->accepted[i], rules[finding->rule].code) == 0 ||
			names_column(findings->accepted[i], finding))
			return true;
	return false;
}

static bool goes_before(const struct findings *findings, const struct finding *a, const struct finding *b)
{
	size_t place_a = file_place(findings, a->file);
	size_t place_b = file_place(findings, b->file);
	return place_a != place_b ? place_a < place_b : finding_severity(a) > finding_severity(b);
}

/* Puts a finding behind all that do not come after it: what was met first stays first. */
static void show(struct findings *findings, size_t shown, struct finding *finding)
{
	size_t at = shown;
	while (at > 0 && goes_before(findings, finding, findings->view[at - 1]))
		at--;
	memmove(findings->view + at + 1, findings->view + at, (shown - at) * sizeof(struct finding *));
	findings->view[at] = finding;
}

static char *copy_or_null(const char *text)
{
	return text != NULL ? mem_copy(text) : NULL;
}

/* What a finding counts together by, into the key. */
static void set_key(struct findings *findings, enum rule rule, const char *file, const char *column, const char *detail)
{
	const char *const parts[] = {file, column, detail};
	buf_clear(&findings->key);
	buf_add_char(&findings->key, (char)rule);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_add_char(&findings->key, parts[i] != NULL ? '+' : '-');
		if (parts[i] != NULL)
			buf_add(&findings->key, parts[i], strlen(parts[i]) + 1);
	}
}

static struct finding *find(struct findings *findings, enum rule rule, const char *file, const char *column,
	const char *detail, bool *is_new)
{
	uint32_t *place = NULL;
	set_key(findings, rule, file, column, detail);
	const char *key = buf_text(&findings->key);
	if (findings->count >= DISTINCT_MAX && (column != NULL || detail != NULL) &&
		idset_find(findings->index, key, findings->key.length) == NULL)
		return find(findings, rule, file, NULL, NULL, is_new);
	*is_new = idset_add(findings->index, key, findings->key.length, (uint32_t)findings->count, &place);
	if (!*is_new)
		return findings->all[*place];

	struct finding *finding = mem_new(1, sizeof(*finding));
	finding->rule = rule;
	finding->file = copy_or_null(file);
	finding->column = copy_or_null(column);
	finding->detail = copy_or_null(detail);
	finding->accepted = is_accepted(findings, finding);
	if (findings->count == findings->room) {
		findings->room = findings->room > 0 ? findings->room * 2 : 16;
		findings->all = mem_grow(findings->all, findings->room, sizeof(struct finding *));
		findings->view = mem_grow(findings->view, findings->room, sizeof(struct finding *));
	}
	findings->all[findings->count] = finding;
	return finding;
}

/* The beginning of a value, cut between characters, fit to be printed. */
static char *printable(const char *value, size_t length)
{
	struct buf text = {0};
	size_t taken = length < FINDING_VALUE_MAX ? length : FINDING_VALUE_MAX;
	while (taken < length && taken > 0 && ((unsigned char)value[taken] & 0xC0U) == 0x80)
		taken--;
	clean_text(value, taken, &text);
	size_t fit = text.length < FINDING_VALUE_MAX ? text.length
						     : FINDING_VALUE_MAX; /* signs for damage are longer */
	while (fit < text.length && fit > 0 && ((unsigned char)text.data[fit] & 0xC0U) == 0x80)
		fit--;
	char *copy = mem_copy_n(buf_text(&text), fit);
	buf_release(&text);
	return copy;
}

/* Whether it looks like an id as the standard has them: anything else may be a value that got there by mistake. */
static bool is_plain_id(const char *id, size_t length)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_/@";
	for (size_t i = 0; i < length; i++)
		if (id[i] == '\0' || strchr(allowed, id[i]) == NULL)
			return false;
	return length > 0;
}

/* Keeps the examples of the first rows, in the order of rows. */
static void add_example(const struct findings *findings, struct finding *finding, const struct finding_note *note)
{
	size_t at = finding->example_count;
	while (at > 0 && finding->examples[at - 1].row > note->row)
		at--;
	if (at == FINDING_EXAMPLES)
		return;
	if (finding->example_count == FINDING_EXAMPLES)
		free_example(&finding->examples[--finding->example_count]);
	memmove(finding->examples + at + 1, finding->examples + at,
		(finding->example_count - at) * sizeof(finding->examples[0]));
	finding->examples[at] = (struct finding_example){
		.row = note->row,
		.id = findings->keep_ids && note->id != NULL && is_plain_id(note->id, note->id_length)
			      ? printable(note->id, note->id_length)
			      : NULL,
		.value = findings->keep_values && note->value != NULL ? printable(note->value, note->length) : NULL,
	};
	finding->example_count++;
}

void findings_keep_ids(struct findings *findings)
{
	findings->keep_ids = true;
}

void findings_add(struct findings *findings, enum rule rule, const char *file, const char *column, const char *detail,
	uint64_t row, const char *value, size_t length)
{
	findings_note(findings, &(struct finding_note){
					.rule = rule,
					.file = file,
					.column = column,
					.detail = detail,
					.row = row,
					.value = value,
					.length = length,
				});
}

void findings_note(struct findings *findings, const struct finding_note *note)
{
	bool is_new = false;
	struct finding *finding = find(findings, note->rule, note->file, note->column, note->detail, &is_new);
	if (is_new) {
		if (note->file != NULL && file_place(findings, note->file) > findings->file_count)
			add_text(&findings->files, &findings->file_count, note->file);
		show(findings, findings->count, finding);
		findings->count++;
	}
	finding->count++;
	if (finding->example_count < FINDING_EXAMPLES || finding->examples[FINDING_EXAMPLES - 1].row > note->row)
		add_example(findings, finding, note);
}

void findings_forget(struct findings *findings, const char *file)
{
	size_t kept = 0;
	idset_free(findings->index);
	findings->index = idset_new();
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = findings->all[i];
		if (finding->file != NULL && strcmp(finding->file, file) == 0) {
			free_finding(finding);
			continue;
		}
		set_key(findings, finding->rule, finding->file, finding->column, finding->detail);
		idset_add(findings->index, buf_text(&findings->key), findings->key.length, (uint32_t)kept, NULL);
		findings->all[kept++] = finding;
	}
	findings->count = kept;
	for (size_t i = 0; i < kept; i++)
		show(findings, i, findings->all[i]);
}

void findings_accept(struct findings *findings, const char *what)
{
	add_text(&findings->accepted, &findings->accepted_count, what);
	for (size_t i = 0; i < findings->count; i++)
		findings->all[i]->accepted = is_accepted(findings, findings->all[i]);
	for (size_t i = 0; i < findings->count; i++)
		show(findings, i, findings->all[i]);
}

size_t findings_count(const struct findings *findings)
{
	return findings->count;
}

const struct finding *findings_at(const struct findings *findings, size_t index)
{
	return findings->view[index];
}

enum rule_severity finding_severity(const struct finding *finding)
{
	return finding->accepted ? RULE_WARNING : rules[finding->rule].severity;
}

size_t findings_severity(const struct findings *findings, enum rule_severity severity)
{
	size_t count = 0;
	for (size_t i = 0; i < findings->count; i++)
		if (finding_severity(findings->all[i]) == severity)
			count++;
	return count;
}

#include "check/metadata.h"

#include <string.h>

#include "base/buf.h"
#include "check/clean.h"

static const struct {
	uint32_t note; /* of enum cell_note */
	enum value_rule rule;
} notes[] = {
	{CELL_COMMA, VALUE_LIST_COMMA},
	{CELL_SHAPE, VALUE_FIELD_SHAPE},
};

static const struct {
	enum clean_change change;
	enum value_rule rule;
} changes[] = {
	{CLEAN_LINE_BREAK, VALUE_TEXT_LINE_BREAK},
	{CLEAN_CONTROL, VALUE_TEXT_CONTROL},
	{CLEAN_UTF8, VALUE_TEXT_UTF8},
};

static void count(struct value_counts *counts, enum value_rule rule)
{
	if (counts != NULL)
		value_counts_one(counts, 0, rule);
}

static bool rewrite(struct extras *extras, size_t i, struct value_counts *counts)
{
	struct buf out;
	buf_init(&out, ROW_TEXT_MAX);
	unsigned changed = clean_text(extras_text(extras, i), extras->pairs[i].length, &out);
	if (changed == CLEAN_LINE_BREAK && clean_is_blank(buf_text(&out), out.length))
		changed = 0; /* white space, the same as missing */
	for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++)
		if ((changed & changes[c].change) != 0)
			count(counts, changes[c].rule);
	bool fine = !out.overflow && extras_set(extras, i, buf_text(&out), out.length);
	buf_release(&out);
	return fine;
}

static bool clean_pair(struct extras *extras, size_t i, struct value_counts *counts)
{
	const struct extra *pair = &extras->pairs[i];
	for (size_t n = 0; n < sizeof(notes) / sizeof(notes[0]); n++)
		if ((pair->notes & notes[n].note) != 0)
			count(counts, notes[n].rule);
	if (clean_fine(extras_text(extras, i), pair->length) < pair->length && !rewrite(extras, i, counts))
		return false;
	const char *text = extras_text(extras, i);
	bool null = pair->length == 4 && memcmp(text, "null", 4) == 0;
	if (null)
		count(counts, VALUE_TEXT_NULL);
	return !(null || clean_is_blank(text, pair->length)) || extras_set(extras, i, "", 0);
}

bool metadata_clean(struct extras *extras, struct value_counts *counts)
{
	for (size_t i = 0; i < extras->count; i++)
		if (!clean_pair(extras, i, counts))
			return false;
	for (uint64_t i = 0; i < extras->unnamed; i++)
		count(counts, VALUE_METADATA_KEY);
	for (uint64_t i = 0; i < extras->misfits; i++)
		count(counts, VALUE_FIELD_SHAPE);
	return true;
}

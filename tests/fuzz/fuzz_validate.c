/*
 * Files of a bundle to what is wrong with them. Input: a byte with switches (1: a receiver's wishes; 2: references into
 * absent files count), then files one behind the other, each a byte that says which file of the standard it is (their
 * number for the manifest, more for a file of no such name) and its bytes up to a record separator (0x1E).
 * Holds: findings are bounded in number and size, in order, fit to be printed, and the same when only the values are
 * asked for as well; none has a value unless they are. What is counted beside is no more than there is, and makes a
 * page out of which nothing breaks.
 */
#include "bundle.h"
#include "fuzz.h"

#include "base/err.h"
#include "check/finding.h"
#include "cmd/census.h"
#include "cmd/judging.h"
#include "cmd/portrait.h"
#include "package/archive.h"
#include "table/consumer.h"
#include "table/schema.h"

enum { DISTINCT_MAX = 2000, NAME_MAX_BYTES = 400 };

/* A receiver that wants everything there is to want. */
static struct consumer demanding(void)
{
	static const unsigned char rules_of_files[64] = {
		CONSUMER_FILE_REQUIRED, CONSUMER_FILE_REQUIRED, CONSUMER_FILE_ANY, CONSUMER_FILE_UNWANTED};
	static const char *const roles[] = {"student", "teacher", NULL};
	static const char *const org_types[] = {"school", NULL};
	static const char *const grades[] = {"09", "pk", NULL};
	static const struct consumer_required required[] = {
		{{4, 12}, NULL, true}, {{4, 16}, "student", false}, {{4, 6}, "teacher", true}};
	static const struct consumer_extra extras[] = {{4, "metadata.x"}};
	return (struct consumer){
		.name = "demanding",
		.title = "Demanding",
		.files = rules_of_files,
		.empty = CONSUMER_EMPTY_ABSENT,
		.quote = CONSUMER_QUOTE_MINIMAL,
		.eol = CONSUMER_EOL_LF,
		.form = CONSUMER_FORM_ZIP,
		.metadata = CONSUMER_METADATA_LISTED,
		.extras = extras,
		.extra_count = 1,
		.roles = roles,
		.org_types = org_types,
		.grades = grades,
		.required = required,
		.required_count = 3,
		.id_max = 8,
		.id_chars = "0123456789abcdef",
		.id_case = true,
		.text_chars = " .",
		.text_max = 6,
		.class_max = 1,
		.load_max = 1,
		.enabled_only = true,
		.integer_periods = true,
		.one_primary_teacher = true,
	};
}

/* Puts the files of the input where they can be read. */
static void put_files(struct fuzz_input *input, struct fuzz_bundle *bundle)
{
	bundle->count = 0;
	while (input->left > 0 && bundle->count < FUZZ_FILES_MAX) {
		const char *name = fuzz_file_name(fuzz_byte(input));
		size_t length = 0;
		const char *bytes = fuzz_part(input, &length);
		fuzz_bundle_add(bundle, name, bytes, length);
	}
}

static bool is_fit(const char *text, size_t most)
{
	return text == NULL || (strlen(text) <= most && fuzz_is_clean(text, strlen(text)));
}

static void check(const struct findings *findings, bool values)
{
	size_t most = DISTINCT_MAX + (size_t)RULE_COUNT * 16;
	fuzz_must(findings_count(findings) <= most, "findings are bounded");
	for (size_t i = 0; i < findings_count(findings); i++) {
		const struct finding *finding = findings_at(findings, i);
		fuzz_must(finding->rule < RULE_COUNT && finding->count > 0, "a finding is of a rule and counts");
		fuzz_must(finding->example_count > 0 && finding->example_count <= FINDING_EXAMPLES &&
				  finding->example_count <= finding->count,
			"it has some examples");
		fuzz_must(is_fit(finding->file, NAME_MAX_BYTES) && is_fit(finding->column, NAME_MAX_BYTES) &&
				  is_fit(finding->detail, NAME_MAX_BYTES),
			"its names are short and fit to be printed");
		for (size_t e = 0; e < finding->example_count; e++) {
			fuzz_must(e == 0 || finding->examples[e - 1].row <= finding->examples[e].row,
				"examples are in order");
			fuzz_must(values || finding->examples[e].value == NULL, "values are shown only when asked for");
			fuzz_must(is_fit(finding->examples[e].value, FINDING_VALUE_MAX), "values are short and fit");
		}
	}
}

/* The page of what was counted: its elements are those of the program. */
static void draw(const struct census *census, const struct judgement *judgement, const struct findings *findings)
{
	struct buf page = {0};
	const struct portrait portrait = {
		.schema = &schema_oneroster_1_1,
		.file = {.name = "OneRoster.zip"},
		.judgement = judgement,
		.findings = findings,
		.census = census,
	};
	portrait_draw(&portrait, &page);
	const char *body = strstr(buf_text(&page), "<body>");
	fuzz_must(!page.overflow && body != NULL, "there is a page");
	fuzz_must(
		strstr(body, "<script") == NULL && strstr(body, "<b onclick") == NULL, "it is made of nothing foreign");
	for (const char *line = body; line != NULL; line = strchr(line + 1, '\n')) {
		const char *end = strchr(line + 1, '\n');
		size_t length = end != NULL ? (size_t)(end - line) - 1 : strlen(line + 1);
		fuzz_must(fuzz_is_clean(line + 1, length), "it is fit to be shown");
	}
	buf_release(&page);
}

static void check_census(const struct census *census)
{
	uint64_t classes = 0;
	for (int i = 0; i < CENSUS_SIZES; i++)
		classes += census->classes.by_size[i];
	fuzz_must(classes == census->classes.count, "each class has one size");
	fuzz_must(census->idle_students <= census->students && census->idle_teachers <= census->teachers,
		"no more people than there are have no class");
	fuzz_must(census->schools + census->districts <= census->org_count, "no organisation is both");
}

static struct findings *judge(const struct fuzz_bundle *bundle, unsigned switches, bool values)
{
	static struct consumer consumer;
	struct err err = {0};
	struct judgement judgement;
	struct census census;
	consumer = demanding();
	census_init(&census, &schema_oneroster_1_1);
	const struct judging_options options = {
		.schema = &schema_oneroster_1_1,
		.consumer = (switches & 1) != 0 ? &consumer : NULL,
		.folder = fuzz_folder(),
		.whole = (switches & 2) != 0,
		.line = census_line,
		.context = &census,
	};
	struct findings *findings = findings_new(values);
	struct archive *archive = fuzz_bundle_archive(bundle);
	fuzz_must(judging_run(archive, &options, findings, &judgement, &err), "any bytes can be judged");
	census_end(&census);
	check_census(&census);
	draw(&census, &judgement, findings);
	census_release(&census);
	judgement_release(&judgement);
	archive_free(archive);
	check(findings, values);
	return findings;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_bundle bundle;
	struct fuzz_input input = fuzz_begin(data, size);
	unsigned switches = fuzz_byte(&input);
	put_files(&input, &bundle);
	struct findings *without = judge(&bundle, switches, false);
	struct findings *with = judge(&bundle, switches, true);
	fuzz_must(findings_count(without) == findings_count(with), "values make no difference to what is found");
	for (size_t i = 0; i < findings_count(with); i++)
		fuzz_must(findings_at(with, i)->rule == findings_at(without, i)->rule &&
				  findings_at(with, i)->count == findings_at(without, i)->count,
			"values make no difference to what is found");
	findings_free(without);
	findings_free(with);
	return 0;
}

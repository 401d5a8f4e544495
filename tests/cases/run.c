/*
 * Runs the cases of this folder: the answers of a server, and the rows they have to become.
 *
 *	run FOLDER [NAME...]		all cases, or those named
 *	run --accept FOLDER [NAME...]	writes down what the program makes of them; the diff is what gets reviewed
 *
 * A case is a folder, without a dot in its name, with
 *	table		the name of the table whose rows are expected
 *	page-1.json...	the answers, one after the other, byte for byte as the server sends them
 *	expected.csv	the rows: all columns, as they are before a bundle is made of them (with status and
 *			dateLastModified), sorted by sourcedId, one for each, lines ending in LF
 *	findings	one line each: column, rule, number of cells. "- mended N": half characters mended in the JSON.
 *			Not there if nothing was found.
 *	metadata	which are kept, one key a line, or the word auto: their columns follow in expected.csv, as told
 *or in byte order, and their findings have "metadata" for the column. Not there if none.
 *	trouble		in place of expected.csv and findings: the word for why the last page cannot be read
 *
 * Each case is run with its pages cut into pieces of 1 to 64 bytes, and whole: the result must be the same.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "check/metadata.h"
#include "check/value.h"
#include "convert/sax.h"
#include "table/csv_write.h"
#include "table/extras.h"
#include "table/rowfile.h"
#include "table/rowpage.h"
#include "table/schema.h"

enum { PIECE_MAX = 64, PAGES_MAX = 9, FILE_BYTES_MAX = 4 * 1024 * 1024 };

static const char *const troubles[] = {
	[SAX_FINE] = "fine",
	[SAX_CUT] = "cut",
	[SAX_SYNTAX] = "syntax",
	[SAX_WEB_PAGE] = "web-page",
	[SAX_FAILURE] = "failure",
	[SAX_NO_ROWS] = "no-rows",
	[SAX_LIMIT] = "limit",
	[SAX_USER] = "refused",
};

/* What became of the pages of a case. */
struct outcome {
	struct buf csv;
	struct buf findings;
	const char *trouble; /* NULL: none */
};

struct trial {
	const char *folder;         /* of the case */
	const char *work;           /* for row files */
	const struct table *read;   /* whose records the pages hold */
	const struct table *wanted; /* that one, or one made from its records */
	struct buf pages[PAGES_MAX];
	size_t page_count;
	struct buf metadata; /* the file of that name */
	struct extras_wish wish;
	size_t cells; /* of each row that is kept */
	/* of one run */
	struct sax *sax;
	struct rowpage *page;
	struct value_counts page_counts;
	struct value_counts other_counts; /* of the records that rows are made from */
	struct value_counts counts;
	struct value_counts page_metadata;
	struct value_counts metadata_counts;
	uint64_t mended;
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

static bool add_row(struct trial *trial, struct row *row, struct err *err)
{
	if (!value_normalise(row, trial->wanted, &trial->page_counts, err))
		return false;
	struct row columns = row_head(row, trial->cells);
	return rowpage_add(trial->page, &columns, err);
}

static bool on_record(void *context, struct record *record, struct err *err)
{
	struct trial *trial = context;
	if (trial->wanted == trial->read) {
		size_t columns = (size_t)trial->wanted->column_count;
		if (trial->cells > columns && (!metadata_clean(record_extras(record), &trial->page_metadata) ||
						      !extras_pack(record_extras(record), record_row(record), columns)))
			return err_set(err, ERR_API, "too large");
		return add_row(trial, record_row(record), err);
	}
	if (!value_normalise(record_row(record), trial->read, &trial->other_counts, err))
		return false;
	for (size_t i = 0; i < record_made_count(record); i++) {
		int which = 0;
		if (!add_row(trial, record_made(record, i, &which), err))
			return false;
	}
	return true;
}

static bool read_page(struct trial *trial, const struct buf *page, size_t piece, struct err *err)
{
	bool fine = true;
	rowpage_drop(trial->page);
	value_counts_clear(&trial->page_counts);
	value_counts_clear(&trial->page_metadata);
	sax_begin(trial->sax);
	for (size_t at = 0; fine && at < page->length; at += piece)
		fine = sax_feed(
			trial->sax, buf_text(page) + at, page->length - at < piece ? page->length - at : piece, err);
	return fine && sax_end(trial->sax, err);
}

/* The columns of the metadata: those of the file, or of all keys that came. */
static struct extras_columns extra_columns(struct rowfile *file, const struct trial *trial, struct row *row)
{
	struct extras_columns columns = {0};
	struct extras_names names = {0};
	struct err err = {0};
	size_t cell = (size_t)trial->wanted->column_count;
	struct rowfile_reader *reader = rowfile_read(file, &err);
	char *keys = mem_copy(buf_text(&trial->metadata));
	char *rest = NULL;
	while (trial->wish.all && rowfile_next(reader, row, &err) > 0)
		extras_names_learn(&names, row_text(row, cell), row_length(row, cell));
	for (size_t i = 0; i < names.count; i++)
		extras_columns_add(&columns, names.names[i]);
	for (char *key = strtok_r(keys, "\n", &rest); !trial->wish.all && key != NULL;
		key = strtok_r(NULL, "\n", &rest))
		extras_columns_add(&columns, key);
	free(keys);
	rowfile_reader_free(reader);
	extras_names_release(&names);
	return columns;
}

static void write_rows(struct rowfile *file, const struct trial *trial, struct buf *csv)
{
	static const struct csv_style style = {.lf = true};
	struct err err = {0};
	struct out out;
	struct row row;
	int fd = file_temp(trial->work, &err);
	int more = 0;
	struct rowfile_reader *reader = rowfile_read(file, &err);
	if (fd < 0 || reader == NULL)
		die(trial->folder, &err);
	out_init(&out, fd, "expected.csv");
	row_init(&row, ROW_CELLS_MAX);
	row.count = trial->cells;
	struct extras_columns extra = {0};
	if (trial->cells > (size_t)trial->wanted->column_count)
		extra = extra_columns(file, trial, &row);
	for (size_t i = 0; i < (size_t)trial->wanted->column_count; i++)
		csv_write_cell(
			&out, trial->wanted->columns[i].name, strlen(trial->wanted->columns[i].name), i == 0, &style);
	for (size_t i = 0; i < extra.count; i++)
		csv_write_cell(&out, extra.headers[i], strlen(extra.headers[i]), false, &style);
	csv_write_end(&out, &style);
	while ((more = rowfile_next(reader, &row, &err)) > 0) {
		if (trial->cells > (size_t)trial->wanted->column_count)
			extras_spread(&extra, &row, (size_t)trial->wanted->column_count);
		csv_write_row(&out, &row, &style);
		row.count = trial->cells;
	}
	size_t size = (size_t)out_size(&out);
	if (more < 0 || !out_finish(&out, &err))
		die(trial->folder, &err);
	char *room = buf_reserve(csv, size);
	if (pread(fd, room, size, 0) != (ssize_t)size)
		abort();
	buf_set_length(csv, size);
	extras_columns_release(&extra);
	row_release(&row);
	out_release(&out);
	rowfile_reader_free(reader);
	close(fd);
}

static void write_findings(const struct trial *trial, struct buf *findings)
{
	struct value_count count;
	for (size_t place = 0; value_counts_next(&trial->counts, &place, &count);)
		buf_add_format(findings, "%s %s %" PRIu64 "\n", trial->wanted->columns[count.column].name,
			value_rules[count.rule].code, count.cells);
	for (size_t place = 0; value_counts_next(&trial->metadata_counts, &place, &count);)
		buf_add_format(findings, "metadata %s %" PRIu64 "\n", value_rules[count.rule].code, count.cells);
	if (trial->mended > 0)
		buf_add_format(findings, "- mended %" PRIu64 "\n", trial->mended);
}

static void run(struct trial *trial, size_t piece, struct outcome *outcome)
{
	struct rowfile_options options = {
		.folder = trial->work,
		.name = trial->wanted->name,
		.columns = trial->cells,
		.newest = SCHEMA_DATE_LAST_MODIFIED,
	};
	struct err err = {0};
	struct rowfile *file = rowfile_new(&options, &err);
	if (file == NULL)
		die(trial->folder, &err);
	buf_clear(&outcome->csv);
	buf_clear(&outcome->findings);
	outcome->trouble = NULL;
	value_counts_clear(&trial->counts);
	value_counts_clear(&trial->metadata_counts);
	trial->mended = 0;
	for (size_t i = 0; outcome->trouble == NULL && i < trial->page_count; i++) {
		if (!read_page(trial, &trial->pages[i], piece, &err))
			outcome->trouble = troubles[sax_trouble(trial->sax)];
		else if (!rowpage_commit(trial->page, file, &err))
			die(trial->folder, &err);
		value_counts_add(&trial->counts, &trial->page_counts);
		value_counts_add(&trial->metadata_counts, &trial->page_metadata);
		trial->mended += sax_mended(trial->sax);
	}
	if (outcome->trouble == NULL) {
		if (!rowfile_sort(file, NULL, &err))
			die(trial->folder, &err);
		write_rows(file, trial, &outcome->csv);
		write_findings(trial, &outcome->findings);
	}
	rowfile_free(file);
}

/* --- one case ----------------------------------------------------------------------------------------------------- */

/* A file of the case; false if there is none. */
static bool read_file(const struct trial *trial, const char *name, struct buf *text)
{
	struct err err = {0};
	char *path = mem_format("%s/%s", trial->folder, name);
	bool there = access(path, F_OK) == 0;
	buf_clear(text);
	if (there && !file_read(path, FILE_BYTES_MAX, text, &err))
		die(path, &err);
	free(path);
	return there;
}

static void write_file(const struct trial *trial, const char *name, const char *text, size_t length)
{
	char *path = mem_format("%s/%s", trial->folder, name);
	if (length == 0) {
		unlink(path);
	} else {
		FILE *file = fopen(path, "w");
		if (file == NULL || fwrite(text, 1, length, file) != length || fclose(file) != 0) {
			perror(path);
			exit(1);
		}
	}
	free(path);
}

static bool equal(const struct buf *a, const struct buf *b)
{
	return a->length == b->length && memcmp(buf_text(a), buf_text(b), a->length) == 0;
}

/* Compares with a file of the case, where nothing and no file are the same. */
static bool as_expected(const struct trial *trial, const char *name, const char *text)
{
	struct buf expected = {0};
	read_file(trial, name, &expected);
	bool fine = strcmp(buf_text(&expected), text) == 0;
	if (!fine)
		fprintf(stderr, "%s: %s should be\n%s\nbut is\n%s\n", trial->folder, name, buf_text(&expected), text);
	buf_release(&expected);
	return fine;
}

static void outcome_release(struct outcome *outcome)
{
	buf_release(&outcome->csv);
	buf_release(&outcome->findings);
}

static bool judge(struct trial *trial, bool accept)
{
	struct outcome whole = {0};
	struct outcome pieces = {0};
	bool fine = true;
	run(trial, SIZE_MAX, &whole);
	for (size_t piece = 1; fine && piece <= PIECE_MAX; piece++) {
		run(trial, piece, &pieces);
		fine = whole.trouble == pieces.trouble && equal(&whole.csv, &pieces.csv) &&
		       equal(&whole.findings, &pieces.findings);
		if (!fine)
			fprintf(stderr, "%s: in pieces of %zu bytes the result is another\n", trial->folder, piece);
	}
	char *trouble = whole.trouble != NULL ? mem_format("%s\n", whole.trouble) : mem_copy("");
	if (accept) {
		write_file(trial, "trouble", trouble, strlen(trouble));
		write_file(trial, "expected.csv", buf_text(&whole.csv), whole.csv.length);
		write_file(trial, "findings", buf_text(&whole.findings), whole.findings.length);
	} else {
		fine = as_expected(trial, "trouble", trouble) && fine;
		fine = as_expected(trial, "expected.csv", buf_text(&whole.csv)) && fine;
		fine = as_expected(trial, "findings", buf_text(&whole.findings)) && fine;
	}
	free(trouble);
	outcome_release(&whole);
	outcome_release(&pieces);
	return fine;
}

static bool read_case(struct trial *trial)
{
	struct buf name = {0};
	if (read_file(trial, "table", &name)) {
		char *table = mem_copy_n(buf_text(&name), strcspn(buf_text(&name), "\n"));
		trial->wanted = schema_table_find(&schema_oneroster_1_1, table);
		free(table);
	}
	buf_release(&name);
	if (trial->wanted == NULL) {
		fprintf(stderr, "%s: the file \"table\" names no table\n", trial->folder);
		return false;
	}
	trial->read = trial->wanted->from != SCHEMA_NONE ? &schema_oneroster_1_1.tables[trial->wanted->from]
							 : trial->wanted;
	for (bool more = true; more && trial->page_count < PAGES_MAX; trial->page_count += more ? 1 : 0) {
		char *page = mem_format("page-%zu.json", trial->page_count + 1);
		more = read_file(trial, page, &trial->pages[trial->page_count]);
		free(page);
	}
	if (trial->page_count == 0)
		fprintf(stderr, "%s: no page-1.json\n", trial->folder);
	return trial->page_count > 0;
}

/* What the case wishes of metadata, NULL for none. */
static const struct extras_wish *read_wish(struct trial *trial)
{
	if (!read_file(trial, "metadata", &trial->metadata))
		return NULL;
	char *keys = mem_copy(buf_text(&trial->metadata));
	char *rest = NULL;
	for (char *key = strtok_r(keys, "\n", &rest); key != NULL; key = strtok_r(NULL, "\n", &rest)) {
		if (strcmp(key, "auto") == 0)
			trial->wish.all = true;
		else
			extras_names_add(&trial->wish.listed, key, strlen(key));
	}
	free(keys);
	return &trial->wish;
}

static bool run_case(const char *folder, const char *work, bool accept)
{
	static const struct sax_events events = {.record = on_record};
	struct trial trial = {.folder = folder, .work = work};
	if (!read_case(&trial))
		return false;
	struct plan *plan = plan_new(trial.read, &trial.wanted, trial.read != trial.wanted ? 1 : 0, read_wish(&trial));
	trial.cells = plan->rows[trial.read != trial.wanted ? 1 : 0].kept;
	trial.sax = sax_new(plan, &events, &trial);
	trial.page = rowpage_new(work);
	value_counts_init(&trial.page_metadata, 1);
	value_counts_init(&trial.metadata_counts, 1);
	value_counts_init(&trial.page_counts, trial.wanted->column_count);
	value_counts_init(&trial.counts, trial.wanted->column_count);
	value_counts_init(&trial.other_counts, trial.read->column_count);
	bool fine = judge(&trial, accept);
	value_counts_release(&trial.other_counts);
	value_counts_release(&trial.counts);
	value_counts_release(&trial.page_counts);
	value_counts_release(&trial.metadata_counts);
	value_counts_release(&trial.page_metadata);
	extras_names_release(&trial.wish.listed);
	buf_release(&trial.metadata);
	rowpage_free(trial.page);
	sax_free(trial.sax);
	plan_free(plan);
	for (size_t i = 0; i < PAGES_MAX; i++)
		buf_release(&trial.pages[i]);
	return fine;
}

/* --- all cases ---------------------------------------------------------------------------------------------------- */

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL;
}

static bool is_named(const char *name, char *const *names)
{
	bool found = *names == NULL;
	for (; *names != NULL; names++)
		found = found || strcmp(*names, name) == 0;
	return found;
}

int main(int argc, char **argv)
{
	bool accept = argc > 1 && strcmp(argv[1], "--accept") == 0;
	char **arguments = argv + 1 + (accept ? 1 : 0);
	struct dirent **entries = NULL;
	if (arguments[0] == NULL) {
		fprintf(stderr, "usage: run [--accept] FOLDER [NAME...]\n");
		return 2;
	}
	int count = scandir(arguments[0], &entries, is_case, alphasort);
	const char *parent = getenv("TMPDIR");
	char *work = mem_format("%s/rosterzip-cases-XXXXXX", parent != NULL ? parent : "/tmp");
	if (count < 0 || mkdtemp(work) == NULL) {
		perror(count < 0 ? arguments[0] : work);
		return 1;
	}
	int ran = 0;
	int failed = 0;
	for (int i = 0; i < count; i++) {
		char *folder = mem_format("%s/%s", arguments[0], entries[i]->d_name);
		if (is_named(entries[i]->d_name, arguments + 1)) {
			ran++;
			failed += run_case(folder, work, accept) ? 0 : 1;
		}
		free(folder);
		free(entries[i]);
	}
	free(entries);
	if (rmdir(work) != 0) {
		perror(work);
		failed++;
	}
	free(work);
	printf("%d cases, %d failed\n", ran, failed);
	return failed > 0 || ran == 0 ? 1 : 0;
}

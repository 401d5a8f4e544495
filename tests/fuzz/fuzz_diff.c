/*
 * Two bundles compared, and the delta between them. Input: a byte of switches (1: ids are shown; 2: as JSON; 4: the
 * manifest is the input's own; the two above: what is done beside comparing from old to new: from new to old, by ids
 * alone, the new one with itself, or the command, which writes a delta), a byte for how often the command may look
 * whether it is to stop until it is (0: as often as it likes), then files one behind the other, as pair.h has them.
 * Holds: what is found, counted and told is what pair.h finds, also from new to old, by ids alone, and of a bundle with
 * itself; a bundle that cannot be compared is named. What is printed is bounded and fit, tells no id unless asked to,
 * and as JSON is just what was found. The delta, applied here to the old bundle, gives the new one. Whatever the
 * command does, it leaves nothing else behind.
 */
#include "bundle.h"
#include "fuzz.h"
#include "pair.h"

#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/compare.h"
#include "cmd/difference.h"
#include "json.h"
#include "package/archive.h"
#include "stop.h"
#include "table/schema.h"

#define EPOCH "1790000000"
#define NOW   "2026-09-21T14:13:20.000Z" /* the same */

enum { SHOW_IDS = 1, AS_JSON = 2, OWN_MANIFEST = 4, ALSO_SHIFT = 3, ALSO_MASK = 3 };
enum also { BACKWARDS, IDS_ONLY, ITSELF, COMMAND };
enum { PAGE_MAX = 32 * 1024, PAGE_RATIO = 64, JSON_MAX = 64 * 1024, JSON_RATIO = 256 };

static const char *const called[SIDES] = {"/the first of two bundles", "/the second of two bundles"};

/* --- being stopped, in place of the program's own watch for signals --------------------------------------------------
 */

static unsigned looks; /* left until the run is to stop; 0 for any number */

bool stop_watch(struct err *err)
{
	(void)err;
	return true;
}

bool stop_requested(void)
{
	looks -= looks > 1;
	return looks == 1;
}

bool stop_deadline(long seconds, long grace, struct err *err)
{
	(void)seconds;
	(void)grace;
	(void)err;
	return true;
}

int stop_signal(void)
{
	return 0;
}

bool stop_explain(struct err *err, enum err_code code, const char *doing)
{
	(void)err;
	(void)code;
	(void)doing;
	return false;
}

int stop_descriptor(void)
{
	return -1;
}

bool stop_progress_wanted(void)
{
	return false;
}

void stop_raise(void)
{
}

/* --- the program's own -----------------------------------------------------------------------------------------------
 */

/* What the callbacks are told is held against the pairs as it comes. */
struct listener {
	const struct pair *pairs; /* by table */
	const struct pair *at;    /* the one being told of, or NULL */
	size_t event;
	struct difference_ids *examples; /* by table */
};

static bool hear_begin(
	void *context, const struct table *table, const char *const *columns, size_t count, struct err *err)
{
	struct listener *listener = context;
	(void)err;
	fuzz_must(listener->at == NULL, "one table is told of after the other");
	listener->at = &listener->pairs[table->id];
	listener->event = 0;
	fuzz_must(listener->at->there && listener->at->width == count, "it has the columns of both");
	for (size_t i = 0; i < count; i++)
		fuzz_must(fuzz_text_is(listener->at->names[i], columns[i]), "the standard's first");
	return true;
}

static void skip_same(struct listener *listener)
{
	while (listener->event < listener->at->event_count &&
		listener->at->events[listener->event].change == COMPARE_SAME)
		listener->event++;
}

static bool hear_row(
	void *context, const struct table *table, enum compare_change change, struct row *row, struct err *err)
{
	struct listener *listener = context;
	const struct pair *pair = listener->at;
	(void)err;
	fuzz_must(pair != NULL && pair->table == table, "rows are of the table that is told of");
	skip_same(listener);
	fuzz_must(listener->event < pair->event_count, "no more rows are told of than there are");
	const struct event *event = &pair->events[listener->event++];
	fuzz_must(event->change == change && row->count == pair->width, "what happened to a row is what happened");
	for (size_t i = 0; i < row->count; i++) {
		struct fuzz_text text = pair_cell(pair, change == COMPARE_REMOVED ? OLD : NEW, event->line, i);
		fuzz_must(text.length == row_length(row, i) && memcmp(text.at, row_text(row, i), text.length) == 0,
			"its cells are those of the file");
	}
	difference_keep(&listener->examples[table->id], change, row);
	return true;
}

static bool hear_end(void *context, const struct table *table, struct err *err)
{
	struct listener *listener = context;
	(void)err;
	fuzz_must(listener->at != NULL && listener->at->table == table, "a table ends that began");
	skip_same(listener);
	fuzz_must(listener->event == listener->at->event_count, "all rows were told of");
	listener->at = NULL;
	return true;
}

static bool compare(const struct side *old, const struct side *new, struct listener *listener, bool ids_only,
	struct comparison *comparison, struct err *err)
{
	const struct compare_options options = {
		.schema = schema,
		.old_name = called[OLD],
		.new_name = called[NEW],
		.folder = fuzz_folder(),
		.ids_only = ids_only,
		.begin = listener != NULL ? hear_begin : NULL,
		.row = listener != NULL ? hear_row : NULL,
		.end = listener != NULL ? hear_end : NULL,
		.context = listener,
	};
	struct archive *archives[SIDES] = {fuzz_bundle_archive(&old->bundle), NULL};
	archives[NEW] = old != new ? fuzz_bundle_archive(&new->bundle) : archives[OLD];
	bool fine = compare_run(archives[OLD], archives[NEW], &options, comparison, err);
	fuzz_must(fine == (err->code == ERR_NONE), "bundles are compared or there is an error");
	archive_free(archives[OLD]);
	if (old != new)
		archive_free(archives[NEW]);
	return fine;
}

static void check_failure(const struct side *sides, const struct err *err, const char *const *names)
{
	bool named[SIDES] = {strstr(err->text, names[OLD]) != NULL, strstr(err->text, names[NEW]) != NULL};
	fuzz_must(err->code == ERR_DATA, "only the bundles can be at fault");
	fuzz_must((!named[OLD] || !sides[OLD].fine) && (!named[NEW] || !sides[NEW].fine), "and not the other one");
	fuzz_must(named[OLD] || named[NEW] || (sides[OLD].fine && sides[NEW].fine), "the one at fault is named");
}

/* Whether that happened to an id, of which is known what stands before a NUL. */
static bool is_event(const struct pair *pair, const struct event *event, enum compare_change change, const char *id)
{
	if (event->change != change)
		return false;
	struct fuzz_text text = pair_id(pair, change == COMPARE_REMOVED ? OLD : NEW, event->line);
	text.length = strnlen(text.at, text.length);
	return fuzz_text_is(text, id);
}

static bool came_back(const struct pair *pair, const int *by, const char *old_id, const char *new_id)
{
	for (size_t r = 0; r < pair->event_count; r++)
		for (size_t a = 0; is_event(pair, &pair->events[r], COMPARE_REMOVED, old_id) && a < pair->event_count;
			a++)
			if (is_event(pair, &pair->events[a], COMPARE_ADDED, new_id) &&
				pair_same_identity(pair, by, pair->events[r].line, pair->events[a].line))
				return true;
	return false;
}

static void check_churn(const struct compare_table *table, const struct pair *pair)
{
	uint64_t ids = 0;
	for (size_t i = 0; i < table->churn.match_count; i++) {
		const struct churn_match *match = &table->churn.matches[i];
		ids += match->ids;
		fuzz_must(match->ids > 0, "what is told of happened");
		fuzz_must(match->example_count == (match->ids < CHURN_EXAMPLES ? match->ids : CHURN_EXAMPLES),
			"there are examples");
		for (size_t e = 0; e < match->example_count; e++)
			fuzz_must(came_back(pair, match->by, match->old_ids[e], match->new_ids[e]),
				"they came back with the same identity");
	}
	fuzz_must(ids == table->churn.ids && ids == table->churned, "sets of columns add up");
	fuzz_must(ids == pair->churned, "ids come back as often as they do");
	fuzz_must(ids <= table->added && ids <= table->removed, "each once");
	fuzz_must((table->churn_by != NULL) == (ids > 0), "something told of it");
}

static void check_table(const struct compare_table *table, const struct pair *pair, const struct side *sides)
{
	int id = pair->table->id;
	fuzz_must(table->table == pair->table, "tables are in order");
	fuzz_must(table->in_old == sides[OLD].there[id] && table->in_new == sides[NEW].there[id],
		"files are there or not");
	fuzz_must(table->old_rows == pair->counts[OLD] && table->new_rows == pair->counts[NEW], "ids are counted");
	fuzz_must(table->repeated_old == pair->repeated[OLD] && table->repeated_new == pair->repeated[NEW],
		"and lines that do not count");
	fuzz_must(table->added == pair->totals[COMPARE_ADDED] && table->removed == pair->totals[COMPARE_REMOVED] &&
			  table->changed == pair->totals[COMPARE_CHANGED],
		"what happened is counted");
	fuzz_must(table->old_rows - table->removed + table->added == table->new_rows, "counts add up");
	fuzz_must(table->column_count == pair->width, "columns are those of both");
	for (size_t i = 0; i < pair->width; i++) {
		const struct compare_column *column = &table->columns[i];
		fuzz_must(fuzz_text_is(pair->names[i], column->name), "by name");
		fuzz_must(column->in_old == (pair->from[OLD][i] != SIZE_MAX) &&
				  column->in_new == (pair->from[NEW][i] != SIZE_MAX),
			"each is where it is");
		fuzz_must(column->changed == pair->changed[i], "and changed so often");
	}
	check_churn(table, pair);
}

static void check_comparison(const struct comparison *comparison, const struct pair *pairs, const struct side *sides)
{
	bool rows = false;
	bool files = false;
	fuzz_must(comparison->table_count == schema->table_count, "all tables are compared");
	for (int i = 0; i < schema->table_count; i++) {
		check_table(&comparison->tables[i], &pairs[i], sides);
		rows = rows || pairs[i].event_count > pairs[i].totals[COMPARE_SAME];
		files = files || sides[OLD].there[i] != sides[NEW].there[i];
	}
	fuzz_must(comparison_rows_differ(comparison) == rows, "rows differ where they do");
	fuzz_must(comparison_files_differ(comparison) == files, "and files");
}

/* From the new bundle to the old one. */
static void check_backwards(const struct side *sides, const struct comparison *there)
{
	struct comparison back;
	struct err err = {0};
	fuzz_must(compare(&sides[NEW], &sides[OLD], NULL, false, &back, &err), "they can be compared the other way");
	for (int i = 0; i < schema->table_count; i++) {
		const struct compare_table *one = &there->tables[i];
		const struct compare_table *other = &back.tables[i];
		fuzz_must(one->added == other->removed && one->removed == other->added, "what came is gone again");
		fuzz_must(one->changed == other->changed && one->churned == other->churned, "all else is the same");
		for (size_t c = 0; c < one->column_count; c++)
			fuzz_must(one->columns[c].changed == other->columns[c].changed, "in each column");
	}
	comparison_release(&back);
}

static void check_ids_only(const struct side *sides, const struct comparison *all)
{
	struct comparison ids;
	struct err err = {0};
	fuzz_must(compare(&sides[OLD], &sides[NEW], NULL, true, &ids, &err), "ids can be compared");
	for (int i = 0; i < schema->table_count; i++) {
		const struct compare_table *one = &all->tables[i];
		const struct compare_table *other = &ids.tables[i];
		fuzz_must(one->added == other->added && one->removed == other->removed && other->changed == 0,
			"by ids alone the same come and go");
		fuzz_must(one->churned == other->churned && one->churn_by == other->churn_by, "or come back");
	}
	comparison_release(&ids);
}

static void check_itself(const struct side *side)
{
	struct comparison comparison;
	struct err err = {0};
	fuzz_must(compare(side, side, NULL, false, &comparison, &err), "a bundle can be compared with itself");
	fuzz_must(!comparison_rows_differ(&comparison) && !comparison_files_differ(&comparison),
		"it is the same as itself");
	comparison_release(&comparison);
}

/* --- what is printed -------------------------------------------------------------------------------------------------
 */

static void print(const struct difference *difference, bool json, struct buf *printed)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	fuzz_must(out != NULL, "there is memory to print to");
	if (json)
		difference_print_json(difference, out);
	else
		difference_print(difference, out);
	fuzz_must(fclose(out) == 0, "it can be printed");
	buf_add(printed, text, length);
	free(text);
}

static bool is_fit(const struct buf *printed)
{
	struct fuzz_input lines = {.data = buf_text(printed), .left = printed->length};
	while (lines.left > 0) {
		size_t length = 0;
		const char *line = fuzz_line(&lines, &length);
		for (; length > 0 && *line == '\t'; line++)
			length--;
		if (!fuzz_is_clean(line, length))
			return false;
	}
	return true;
}

static bool is_number(yajl_val object, const char *key, uint64_t number)
{
	return json_number_at(object, key) == (int64_t)number;
}

static yajl_val member(yajl_val object, const char *key)
{
	const char *const path[] = {key, NULL};
	return yajl_tree_get(object, (const char **)path, yajl_t_any);
}

/* How many elements a list has; SIZE_MAX for no list. */
static size_t list_length(yajl_val list)
{
	return YAJL_IS_ARRAY(list) ? YAJL_GET_ARRAY(list)->len : SIZE_MAX;
}

static void check_json_file(yajl_val file, const struct compare_table *table, bool ids)
{
	static const char *const words[] = {
		[COMPARE_ADDED] = "added", [COMPARE_REMOVED] = "removed", [COMPARE_CHANGED] = "changed"};
	const uint64_t counts[] = {
		[COMPARE_ADDED] = table->added, [COMPARE_REMOVED] = table->removed, [COMPARE_CHANGED] = table->changed};
	const char *name = json_text_at(file, "file");
	size_t told = 0;
	fuzz_must(name != NULL && strcmp(name, table->table->file_name) == 0, "a file is that of its table");
	fuzz_must(YAJL_IS_TRUE(member(file, "in-old")) == table->in_old &&
			  YAJL_IS_TRUE(member(file, "in-new")) == table->in_new,
		"where it is there");
	fuzz_must(is_number(file, "old", table->old_rows) && is_number(file, "new", table->new_rows) &&
			  is_number(file, "repeated-old", table->repeated_old) &&
			  is_number(file, "repeated-new", table->repeated_new) &&
			  is_number(file, "churned", table->churned),
		"its numbers are those of the comparison");
	fuzz_must(list_length(member(file, "churn")) == table->churn.match_count, "each set of columns is told of");
	fuzz_must((member(file, "examples") != NULL) == ids, "ids are there when asked for");
	for (size_t change = COMPARE_ADDED; change < COMPARE_CHANGE_COUNT; change++) {
		uint64_t most = counts[change] < DIFFERENCE_EXAMPLES ? counts[change] : DIFFERENCE_EXAMPLES;
		fuzz_must(is_number(file, words[change], counts[change]), "also of rows");
		fuzz_must(!ids || list_length(member(member(file, "examples"), words[change])) == most,
			"there is an example of each thing that happened");
	}
	for (size_t c = 0; c < table->column_count; c++) {
		const struct compare_column *column = &table->columns[c];
		told += column->changed > 0 || (table->in_old && table->in_new && column->in_old != column->in_new);
	}
	fuzz_must(list_length(member(file, "columns")) == told, "columns are told of that differ");
}

static void check_json(const char *text, const struct difference *difference)
{
	const struct comparison *comparison = difference->comparison;
	yajl_val tree = json_tree(text, NULL, 0);
	fuzz_must(tree != NULL && is_number(tree, "diff", 1), "it is JSON");
	fuzz_must(YAJL_IS_TRUE(member(tree, "differs")) ==
			  (comparison_rows_differ(comparison) || comparison_files_differ(comparison)),
		"it says whether they differ");
	yajl_val delta = member(tree, "delta");
	fuzz_must(difference->delta != NULL ? is_number(delta, "rows", difference->delta_rows) : YAJL_IS_NULL(delta),
		"and whether there is a delta");
	yajl_val files = member(tree, "files");
	size_t at = 0;
	for (int i = 0; i < comparison->table_count; i++) {
		const struct compare_table *table = &comparison->tables[i];
		if (!table->in_old && !table->in_new)
			continue;
		fuzz_must(list_length(files) != SIZE_MAX && at < list_length(files), "there are files");
		check_json_file(YAJL_GET_ARRAY(files)->values[at++], table, difference->examples != NULL);
	}
	fuzz_must(list_length(files) == at, "and no others");
	yajl_tree_free(tree);
}

/* The same without the ids that it knows, to be freed without them; none of them may be needed to print it. */
static struct comparison without_ids(const struct comparison *comparison)
{
	static char other[] = "X";
	struct comparison copy = *comparison;
	copy.tables = mem_new((size_t)copy.table_count, sizeof(*copy.tables));
	for (int i = 0; i < copy.table_count; i++) {
		struct compare_table *table = &copy.tables[i];
		*table = comparison->tables[i];
		struct churn_match *matches = mem_new(table->churn.match_count, sizeof(*matches));
		for (size_t m = 0; m < table->churn.match_count; m++) {
			matches[m] = table->churn.matches[m];
			for (size_t e = 0; e < matches[m].example_count; e++) {
				matches[m].old_ids[e] = other;
				matches[m].new_ids[e] = other;
			}
		}
		table->churn.matches = matches;
	}
	return copy;
}

static void release_copy(struct comparison *copy)
{
	for (int i = 0; i < copy->table_count; i++)
		free(copy->tables[i].churn.matches);
	free(copy->tables);
}

static void check_print(const struct difference *difference, bool json, size_t size)
{
	struct buf page = {0};
	print(difference, json, &page);
	fuzz_must(page.length > 0 && is_fit(&page), "what is printed is fit");
	fuzz_must(page.length <= (json ? JSON_MAX + JSON_RATIO * size : PAGE_MAX + PAGE_RATIO * size), "and bounded");
	if (json)
		check_json(buf_text(&page), difference);
	if (difference->examples == NULL) {
		struct buf other = {0};
		struct difference without = *difference;
		struct comparison copy = without_ids(difference->comparison);
		without.comparison = &copy;
		print(&without, json, &other);
		fuzz_must(strcmp(buf_text(&page), buf_text(&other)) == 0, "no id is told");
		release_copy(&copy);
		buf_release(&other);
	}
	buf_release(&page);
}

/* --- the command -----------------------------------------------------------------------------------------------------
 */

enum place { FOLDER, OLD_FOLDER, NEW_FOLDER, WORK, OUT, PLACES };

static char *places[PLACES];
static char *delta_path;
static int printed_fd = -1;

static void leave(void)
{
	rmdir(places[WORK]);
	rmdir(places[FOLDER]);
	for (int i = 0; i < PLACES; i++) {
		free(places[i]);
		places[i] = NULL;
	}
	free(delta_path);
	delta_path = NULL;
}

/* What the command needs in every input. */
static void settle(void)
{
	static const char *const names[PLACES] = {
		[OLD_FOLDER] = "old", [NEW_FOLDER] = "new", [WORK] = "work", [OUT] = "out"};
	struct err err = {0};
	if (places[FOLDER] != NULL)
		return;
	printed_fd = file_temp(fuzz_folder(), &err);
	places[FOLDER] = mem_format("%s/rosterzip-fuzz-XXXXXX", fuzz_folder());
	fuzz_must(printed_fd >= 0 && mkdtemp(places[FOLDER]) != NULL && atexit(leave) == 0,
		"there is a folder to work in");
	for (int i = OLD_FOLDER; i < PLACES; i++)
		places[i] = mem_format("%s/%s", places[FOLDER], names[i]);
	delta_path = mem_format("%s/delta.zip", places[OUT]);
	fuzz_must(mkdir(places[WORK], S_IRWXU) == 0 && setenv("TMPDIR", places[WORK], 1) == 0 &&
			  setenv("SOURCE_DATE_EPOCH", EPOCH, 1) == 0,
		"the program can be told where and when it is");
}

static void write_bundle(const struct side *side, const char *folder)
{
	for (size_t i = 0; i < side->bundle.count; i++) {
		char *path = mem_format("%s/%s", folder, side->bundle.names[i]);
		const struct buf *text = &side->texts[i];
		FILE *file = fopen(path, "wb");
		fuzz_must(file != NULL && fwrite(buf_text(text), 1, text->length, file) == text->length &&
				  fclose(file) == 0,
			"a file can be written");
		free(path);
	}
}

static void remove_bundle(const struct side *side, const char *folder)
{
	for (size_t i = 0; i < side->bundle.count; i++) {
		char *path = mem_format("%s/%s", folder, side->bundle.names[i]);
		fuzz_must(unlink(path) == 0, "the bundles are still there");
		free(path);
	}
}

/* Whether no file has the name of another: in a folder there can be only one. */
static bool has_clear_names(const struct side *side)
{
	for (size_t i = 0; i < side->bundle.count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(side->bundle.names[i], side->bundle.names[j]) == 0)
				return false;
	return true;
}

static bool run_command(unsigned switches, struct buf *printed, struct err *err)
{
	char words[][16] = {"diff", "--delta", "--show-values", "--json"};
	char *arguments[8] = {words[0], places[OLD_FOLDER], places[NEW_FOLDER], words[1], delta_path};
	int count = 5;
	if ((switches & SHOW_IDS) != 0)
		arguments[count++] = words[2];
	if ((switches & AS_JSON) != 0)
		arguments[count++] = words[3];
	fflush(stdout);
	int own = dup(STDOUT_FILENO);
	fuzz_must(own >= 0 && ftruncate(printed_fd, 0) == 0 && lseek(printed_fd, 0, SEEK_SET) == 0 &&
			  dup2(printed_fd, STDOUT_FILENO) >= 0,
		"what is printed can be caught");
	bool fine = cmd_diff(count, arguments, err);
	fflush(stdout);
	fuzz_must(dup2(own, STDOUT_FILENO) >= 0 && close(own) == 0, "and let go again");
	size_t length = (size_t)lseek(printed_fd, 0, SEEK_END);
	char *room = buf_reserve(printed, length);
	fuzz_must(room != NULL && pread(printed_fd, room, length, 0) == (ssize_t)length, "and read");
	buf_set_length(printed, length);
	return fine;
}

/* Whether a row of the new bundle says that it is to be deleted. */
static bool is_deleted(const struct pair *pair, const struct event *event)
{
	struct fuzz_text status = pair_cell(pair, NEW, event->line, SCHEMA_STATUS);
	return event->change != COMPARE_REMOVED && (is_word(status, "tobedeleted") || is_word(status, "inactive"));
}

static uint64_t delta_rows(const struct pair *pair)
{
	uint64_t rows = 0;
	for (size_t i = 0; i < pair->event_count; i++) {
		const struct event *event = &pair->events[i];
		rows += event->change != COMPARE_SAME && (event->change != COMPARE_ADDED || !is_deleted(pair, event));
	}
	return rows;
}

/* Whether a text has the form of a moment, with a day that every month has. */
static bool is_moment(struct fuzz_text text)
{
	int year = 0;
	int month = 0;
	int day = 0;
	int hour = 0;
	int minute = 0;
	int second = 0;
	char copy[sizeof(NOW)];
	if (text.length != strlen(NOW))
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (NOW[i] >= '0' && NOW[i] <= '9' ? text.at[i] < '0' || text.at[i] > '9' : text.at[i] != NOW[i])
			return false;
	memcpy(copy, text.at, text.length);
	copy[text.length] = '\0';
	return sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) == 6 && year > 0 &&
	       month > 0 && month <= 12 && day > 0 && day <= 28 && hour < 24 && minute < 60 && second < 60;
}

/* The date of a row of the delta: its own as far as it has one, and now when it is gone. */
static void check_date(const struct pair *pair, const struct event *event, struct fuzz_text date)
{
	struct fuzz_text own = pair_cell(pair, NEW, event->line, SCHEMA_DATE_LAST_MODIFIED);
	if (event->change == COMPARE_REMOVED)
		fuzz_must(fuzz_text_is(date, NOW), "a row that is gone was there until now");
	else if (is_moment(own))
		fuzz_must(fuzz_text_order(date, own) == 0, "a row keeps its date");
	else
		fuzz_must(date.length == strlen(NOW) && date.at[date.length - 1] == 'Z' &&
				  (own.length > 0 || fuzz_text_is(date, NOW)),
			"or gets one");
}

/* The cells of a row of the delta: those of the new row, or of the old one when it is gone. */
static void check_cells(const struct pair *pair, const struct event *event, const struct fuzz_sheet *delta, size_t line)
{
	int s = event->change == COMPARE_REMOVED ? OLD : NEW;
	for (size_t c = 0; c < pair->width; c++)
		if (c != SCHEMA_STATUS && c != SCHEMA_DATE_LAST_MODIFIED)
			fuzz_must(fuzz_text_order(
					  fuzz_sheet_cell(delta, line, c), pair_cell(pair, s, event->line, c)) == 0,
				"a cell of the delta is that of the row");
}

/* Applies the file to the old one, id by id, and looks whether that is the new one. */
static void check_delta_file(const struct pair *pair, const struct fuzz_sheet *delta)
{
	size_t line = 1;
	fuzz_must(!delta->broken && delta->count > 1 && delta->count - 1 == delta_rows(pair),
		"the delta has the rows that were counted");
	for (size_t i = 0; i < delta->count; i++)
		fuzz_must(fuzz_sheet_width(delta, i) == pair->width, "with all columns");
	for (size_t c = 0; c < pair->width; c++)
		fuzz_must(fuzz_text_order(fuzz_sheet_cell(delta, 0, c), pair->names[c]) == 0, "the standard's first");
	for (size_t i = 0; i < pair->event_count; i++) {
		const struct event *event = &pair->events[i];
		bool known = event->change != COMPARE_ADDED;
		bool wanted = event->change != COMPARE_REMOVED && !is_deleted(pair, event);
		struct fuzz_text id = pair_id(pair, event->change == COMPARE_REMOVED ? OLD : NEW, event->line);
		if (line == delta->count || fuzz_text_order(fuzz_sheet_cell(delta, line, 0), id) != 0) {
			/* A receiver has what it had: the new row is the same, or is to be deleted and never came. */
			fuzz_must(event->change == COMPARE_SAME || (!known && !wanted), "what differs is told");
			continue;
		}
		struct fuzz_text status = fuzz_sheet_cell(delta, line, SCHEMA_STATUS);
		fuzz_must(event->change != COMPARE_SAME, "only what differs is told");
		fuzz_must(fuzz_text_is(status, wanted ? "active" : "tobedeleted"), "rows come or go as they should");
		fuzz_must(wanted || known, "what goes was there");
		check_cells(pair, event, delta, line);
		check_date(pair, event, fuzz_sheet_cell(delta, line, SCHEMA_DATE_LAST_MODIFIED));
		line++;
	}
	fuzz_must(line == delta->count, "nothing else is told");
}

static void read_entry(struct archive *archive, size_t index, struct fuzz_sheet *sheet)
{
	struct err err = {0};
	struct buf bytes = {0};
	char piece[4096];
	long got = 0;
	fuzz_must(archive_entry(archive, index)->troubles == 0, "nothing is wrong with an entry");
	struct archive_stream *stream = archive_read(archive, index, &err);
	fuzz_must(stream != NULL, "an entry can be read");
	while ((got = archive_next(stream, piece, sizeof(piece), &err)) > 0)
		buf_add(&bytes, piece, (size_t)got);
	fuzz_must(got == 0, "to its end");
	archive_stream_free(stream);
	fuzz_sheet_read(sheet, buf_text(&bytes), bytes.length);
	buf_release(&bytes);
}

/* Its manifest says of each file whether it is there; and a delta is not taken for a whole bundle. */
static void check_delta_manifest(struct archive *archive)
{
	struct fuzz_sheet manifest;
	struct comparison comparison;
	struct err err = {0};
	size_t said = 0;
	struct compare_options options = {.schema = schema, .folder = fuzz_folder()};
	fuzz_must(archive_count(archive) > 0 && strcmp(archive_entry(archive, 0)->name, "manifest.csv") == 0,
		"the manifest comes first");
	read_entry(archive, 0, &manifest);
	for (size_t i = 0; i < manifest.count; i++) {
		fuzz_must(fuzz_sheet_width(&manifest, i) == 2, "it has names and values");
		for (int t = 0; t < schema->table_count; t++) {
			char property[PROPERTY_SIZE];
			const struct table *table = &schema->tables[t];
			snprintf(property, sizeof(property), "file.%s", table->name);
			if (!fuzz_text_is(fuzz_sheet_cell(&manifest, i, 0), property))
				continue;
			bool there = archive_find(archive, table->file_name) != SIZE_MAX;
			fuzz_must(fuzz_text_is(fuzz_sheet_cell(&manifest, i, 1), there ? "delta" : "absent"),
				"it says of each file whether it is there");
			said++;
		}
	}
	fuzz_must(said == (size_t)schema->table_count, "of each once");
	fuzz_must(compare_run(archive, archive, &options, &comparison, &err) == (archive_count(archive) == 1),
		"a delta cannot be compared");
	comparison_release(&comparison);
	fuzz_sheet_release(&manifest);
}

static void check_delta(const struct pair *pairs)
{
	struct err err = {0};
	struct archive *archive = archive_open(delta_path, &err);
	size_t files = 1;
	fuzz_must(archive != NULL, "the delta can be opened");
	check_delta_manifest(archive);
	for (int i = 0; i < schema->table_count; i++) {
		struct fuzz_sheet sheet;
		size_t index = archive_find(archive, schema->tables[i].file_name);
		fuzz_must((index != SIZE_MAX) == (delta_rows(&pairs[i]) > 0), "files without rows are absent");
		if (index == SIZE_MAX)
			continue;
		read_entry(archive, index, &sheet);
		check_delta_file(&pairs[i], &sheet);
		fuzz_sheet_release(&sheet);
		files++;
	}
	fuzz_must(archive_count(archive) == files, "there is nothing else in it");
	archive_free(archive);
}

/* Runs the command. difference is what it has to print, or NULL when the bundles cannot be compared. */
static void command(const struct side *sides, const struct pair *pairs, struct difference *difference,
	unsigned switches, unsigned stop)
{
	const char *paths[SIDES] = {places[OLD_FOLDER], places[NEW_FOLDER]};
	struct err err = {0};
	struct buf printed = {0};
	for (int i = OLD_FOLDER; i < PLACES; i++)
		fuzz_must(i == WORK || mkdir(places[i], S_IRWXU) == 0, "there are folders to work in");
	for (int s = OLD; s < SIDES; s++)
		write_bundle(&sides[s], paths[s]);
	looks = stop;
	bool fine = run_command(switches, &printed, &err);
	looks = 0;
	fuzz_must(fine == (err.code == ERR_NONE), "there is a delta or an error");
	fuzz_must(!fine || difference != NULL, "a delta of what cannot be compared");
	if (fine) {
		struct buf expected = {0};
		difference->old_path = paths[OLD];
		difference->new_path = paths[NEW];
		difference->delta = delta_path;
		for (int i = 0; i < schema->table_count; i++)
			difference->delta_rows += delta_rows(&pairs[i]);
		print(difference, (switches & AS_JSON) != 0, &expected);
		fuzz_must(strcmp(buf_text(&printed), buf_text(&expected)) == 0, "it prints what was found");
		buf_release(&expected);
		check_delta(pairs);
		fuzz_must(unlink(delta_path) == 0, "the delta can be removed");
	} else {
		fuzz_must(printed.length == 0, "nothing is printed of what failed");
		if (stop == 0 || err.code != ERR_STOPPED) {
			fuzz_must(difference == NULL, "bundles that can be compared have a delta");
			check_failure(sides, &err, paths);
		}
	}
	for (int s = OLD; s < SIDES; s++)
		remove_bundle(&sides[s], paths[s]);
	for (int i = OLD_FOLDER; i < PLACES; i++)
		fuzz_must(rmdir(places[i]) == 0, "nothing is left behind");
	fuzz_must(mkdir(places[WORK], S_IRWXU) == 0, "and another run can begin");
	buf_release(&printed);
}

/* --- the whole -------------------------------------------------------------------------------------------------------
 */

/* What is done with two bundles beside comparing them; difference is NULL when that failed. */
static void do_also(const struct side *sides, const struct pair *pairs, struct difference *difference,
	unsigned switches, unsigned stop)
{
	unsigned also = switches >> ALSO_SHIFT & ALSO_MASK;
	if (also == COMMAND && has_clear_names(&sides[OLD]) && has_clear_names(&sides[NEW]))
		command(sides, pairs, difference, switches, stop);
	else if (difference != NULL && also == BACKWARDS)
		check_backwards(sides, difference->comparison);
	else if (difference != NULL && also == IDS_ONLY)
		check_ids_only(sides, difference->comparison);
	else if (difference != NULL && also == ITSELF)
		check_itself(&sides[NEW]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct side sides[SIDES];
	struct fuzz_input input = fuzz_begin(data, size);
	struct difference_ids examples[TABLES] = {{{{NULL}}, {0}}};
	struct pair pairs[TABLES] = {{0}};
	struct listener listener = {.pairs = pairs, .examples = examples};
	struct comparison comparison;
	struct err err = {0};
	unsigned switches = fuzz_byte(&input);
	unsigned stop = fuzz_byte(&input);
	bool wide = false;
	fuzz_must(schema->table_count == TABLES, "there is room for all tables");
	settle();
	sides_take(&input, sides, (switches & OWN_MANIFEST) != 0);
	for (int s = OLD; s < SIDES; s++)
		side_read(&sides[s]);
	bool fine = sides[OLD].fine && sides[NEW].fine;
	for (int i = 0; fine && i < TABLES; i++) {
		pair_make(&pairs[i], &schema->tables[i], sides);
		wide = wide || pairs[i].width > ROW_CELLS_MAX;
	}
	bool compared = compare(&sides[OLD], &sides[NEW], fine && !wide ? &listener : NULL, false, &comparison, &err);
	fuzz_must(compared == (fine && !wide), "bundles that are fine can be compared, and no others");
	struct difference difference = {
		.old_path = called[OLD],
		.new_path = called[NEW],
		.comparison = &comparison,
		.examples = (switches & SHOW_IDS) != 0 ? examples : NULL,
	};
	if (compared) {
		check_comparison(&comparison, pairs, sides);
		check_print(&difference, (switches & AS_JSON) != 0, size);
	} else {
		check_failure(sides, &err, called);
	}
	do_also(sides, pairs, compared ? &difference : NULL, switches, stop);
	comparison_release(&comparison);
	for (int i = 0; i < TABLES; i++) {
		difference_ids_release(&examples[i]);
		pair_release(&pairs[i]);
	}
	for (int s = OLD; s < SIDES; s++)
		side_release(&sides[s]);
	return 0;
}

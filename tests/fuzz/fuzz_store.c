/*
 * The index of saved pages. Input: a byte of switches (1: each line gets the check sum that belongs to it), then the
 * index. Beside it lies the first page of "users".
 * Holds: what can be read is the same for a run that only reads and one that goes on; such a run can always be begun, a
 * page that it adds comes back, and it leaves nothing behind.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "fetch/journal.h"
#include "fetch/store.h"

#define INDEX  "rosterzip-pages"
#define FINGER "settings"
#define NOW    1790000000
#define DAY    INT64_C(86400)

enum { WITH_SUMS = 1, PAGES_MAX = 50, READINGS = 3 };

static const char *const readings[READINGS] = {"users", "orgs", "schools/994/classes"};
static const char body[] = "{\"users\":[]}";

static char *parent;

static void leave(void)
{
	rmdir(parent);
	free(parent);
	parent = NULL;
}

/* An empty folder of the given name in the one of this process. */
static char *make_folder(void)
{
	if (parent == NULL) {
		parent = mem_format("%s/rosterzip-fuzz-XXXXXX", fuzz_folder());
		fuzz_must(mkdtemp(parent) != NULL && atexit(leave) == 0, "there is a folder to work in");
	}
	char *folder = mem_format("%s/pages", parent);
	fuzz_must(mkdir(folder, S_IRWXU) == 0, "it is empty");
	return folder;
}

static void write_file(const char *folder, const char *name, const char *text, size_t length)
{
	char *path = mem_format("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
	fuzz_must(fd >= 0 && write(fd, text, length) == (ssize_t)length && close(fd) == 0, "a file can be written");
	free(path);
}

static bool no_line(void *context, struct journal_line *line)
{
	(void)context;
	(void)line;
	return false;
}

/* Writes each line of the input as the journal does. */
static void write_lines(const char *folder, struct fuzz_input input)
{
	char *path = mem_format("%s/" INDEX, folder);
	struct err err = {0};
	enum journal_state state = JOURNAL_DAMAGED;
	struct journal *journal = journal_open(path, true, &err);
	fuzz_must(journal != NULL && journal_read(journal, no_line, NULL, &state, &err) && state == JOURNAL_EMPTY,
		"a new journal is empty");
	while (input.left > 0) {
		size_t length = 0;
		const char *text = fuzz_line(&input, &length);
		struct buf line = {0};
		buf_add(&line, text, length);
		fuzz_must(length > JOURNAL_LINE_MAX / 2 || journal_add(journal, &line, NULL, &err), "a line is added");
		buf_release(&line);
	}
	journal_free(journal);
	free(path);
}

static bool gather(void *context, const char *data, size_t length)
{
	return buf_add(context, data, length);
}

static void look(struct store *store)
{
	for (size_t r = 0; r < READINGS; r++) {
		size_t pages = store_pages(store, readings[r]);
		const char *why = store_why_missing(store, readings[r]);
		uint64_t rows = 0;
		fuzz_must(why == NULL || pages == 0, "what is missing has no pages");
		fuzz_must(why == NULL || store_proof(store, readings[r], &rows) == NULL, "nor was it proved whole");
		fuzz_must(store_how(store, readings[r]) != NULL, "there is always a way, if only an empty one");
		for (size_t number = 1; number <= pages && number <= PAGES_MAX; number++) {
			struct store_facts facts = {0};
			struct err err = {0};
			struct buf got = {0};
			fuzz_must(store_page_facts(store, readings[r], number, &facts, &err),
				"pages that count are known");
			fuzz_must(facts.extra != NULL, "with all that was said of them");
			err_clear(&err);
			if (store_page_read(store, readings[r], number, gather, &got, &err))
				fuzz_must(got.length == facts.bytes, "a body is as long as it was");
			else
				fuzz_must(
					err.code == ERR_FILE || err.code == ERR_API, "or is damaged or cannot be read");
			buf_release(&got);
		}
	}
}

/* Adds a page to the first reading, and gives how many it has then. */
static size_t add_page(struct store *store)
{
	struct err err = {0};
	struct store_facts facts = {
		.offset = 7, .limit = 100, .has_total = true, .total = 1, .rows = 1, .extra = "a b"};
	bool over = store_proof(store, readings[0], NULL) != NULL || store_why_missing(store, readings[0]) != NULL;
	fuzz_must(!over || store_restart(store, readings[0], "again", &err), "a reading can begin again");
	size_t pages = store_pages(store, readings[0]);
	struct store_page *page = store_page_begin(store, readings[0]);
	fuzz_must(store_page_add(page, body, strlen(body)), "a body can be written");
	fuzz_must(store_page_commit(page, &facts, &err), "and counts");
	fuzz_must(store_pages(store, readings[0]) == pages + 1, "once");
	return pages + 1;
}

static void assert_page(struct store *store, size_t number)
{
	struct err err = {0};
	struct store_facts facts = {0};
	struct buf got = {0};
	fuzz_must(store_pages(store, readings[0]) == number, "the page is still there");
	fuzz_must(store_page_facts(store, readings[0], number, &facts, &err), "and known");
	fuzz_must(facts.offset == 7 && facts.limit == 100 && facts.has_total && facts.total == 1 && !facts.has_count &&
			  facts.rows == 1 && strcmp(facts.extra, "a b") == 0,
		"by what was said of it");
	fuzz_must(store_page_read(store, readings[0], number, gather, &got, &err), "its body can be read");
	fuzz_must(strcmp(buf_text(&got), body) == 0, "as it was");
	buf_release(&got);
}

static void assert_words(const struct fuzz_input *input)
{
	char *text = mem_copy_n(input->data, input->left);
	char *word = mem_copy_n(input->data, input->left);
	struct buf encoded = {0};
	if (journal_decode(word))
		fuzz_must(strlen(word) <= strlen(text), "a word is not shorter than its text");
	journal_encode(&encoded, text);
	char *again = buf_take(&encoded);
	fuzz_must(strlen(again) > 0 && again[0] != '.' && strpbrk(again, " /\n") == NULL, "a text becomes a word");
	fuzz_must(journal_decode(again) && strcmp(again, text) == 0, "which becomes the text");
	free(again);
	free(word);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	bool sums = (fuzz_byte(&input) & WITH_SUMS) != 0;
	struct err err = {0};
	size_t pages[READINGS] = {0};
	char *folder = make_folder();
	assert_words(&input);
	if (sums)
		write_lines(folder, input);
	else
		write_file(folder, INDEX, input.data, input.left);
	write_file(folder, "users-000001.page.json", body, strlen(body));

	struct store *store = store_open_saved(folder, &err);
	fuzz_must((store != NULL) == (err.code == ERR_NONE), "saved pages can be read or there is an error");
	bool readable = store != NULL;
	if (readable) {
		look(store);
		for (size_t r = 0; r < READINGS; r++)
			pages[r] = store_pages(store, readings[r]);
		store_free(store);
	}
	err_clear(&err);
	store = store_open(folder, FINGER, NOW, DAY, &err);
	fuzz_must(store != NULL, "a run can always begin");
	bool goes_on = store_origin(store) == STORE_GOES_ON;
	fuzz_must(readable || !goes_on, "what cannot be read cannot be gone on with");
	for (size_t r = 0; r < READINGS; r++)
		fuzz_must(store_pages(store, readings[r]) == (goes_on ? pages[r] : 0), "all pages count, or none");
	look(store);
	size_t number = add_page(store);
	store_free(store);

	store = store_open(folder, FINGER, NOW, DAY, &err);
	fuzz_must(store != NULL && store_origin(store) == STORE_GOES_ON, "a run that was cut off can go on");
	assert_page(store, number);
	fuzz_must(store_remove(store, &err), "all files can be removed");
	fuzz_must(access(folder, F_OK) != 0 && errno == ENOENT, "and nothing is left");
	free(folder);
	return 0;
}

#include "cmd/examine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fetch/http.h"
#include "fetch/link.h"

enum {
	FIRST_ROWS = 3,
	ID_MAX = 200, /* a longer id is not worth a query */
	ID_TELLING = 5,
};

/* The examination of one collection. */
struct visit {
	struct examine *examine;
	struct examination *result;
	struct probe_answer first; /* the first rows */
	const char *sorted;        /* what to add to a query for rows in order of sourcedId; "" where that fails */
	struct err *err;
};

void examination_release(struct examination *examination)
{
	for (size_t i = 0; i < examination->note_count; i++)
		free(examination->notes[i]);
	*examination = (struct examination){0};
}

bool examine_readable(enum examine_status status)
{
	return status == EXAMINE_OK || status == EXAMINE_EMPTY || status == EXAMINE_INSTEAD;
}

/* Takes the text over. */
static void note(struct examination *result, char *text)
{
	if (result->note_count < EXAMINE_NOTES_MAX)
		result->notes[result->note_count++] = text;
	else
		free(text);
}

/* --- asking --------------------------------------------------------------------------------------------------------
 */

/* Remembers rows that addresses of other tables need, such as the first school for the classes of each school. */
static void remember(void *context, const struct row *row)
{
	struct visit *visit = context;
	const struct schema *schema = visit->examine->schema;
	for (int i = 0; i < schema->table_count; i++) {
		const struct table_each *each = schema->tables[i].instead_each;
		if (each == NULL || each->table != visit->result->table->id || visit->examine->each[i] != NULL)
			continue;
		if (each->column == SCHEMA_NONE || row_is(row, (size_t)each->column, each->value))
			visit->examine->each[i] = mem_copy_n(
				row_text(row, SCHEMA_SOURCED_ID), row_length(row, SCHEMA_SOURCED_ID));
	}
}

static bool ask(struct visit *visit, const struct probe_ask *what, struct probe_answer *answer)
{
	struct probe_ask full = *what;
	if (full.endpoint == NULL) {
		full.endpoint = visit->result->table->endpoint;
		full.on_row = remember;
		full.context = visit;
	}
	bool fine = probe_run(&visit->examine->probe, visit->result->table, &full, answer, visit->err);
	visit->result->requests += answer->requests;
	return fine;
}

/* Asks for a few rows of the collection; query is added to what is always asked. */
static bool ask_rows(
	struct visit *visit, unsigned limit, uint64_t offset, const char *query, struct probe_answer *answer)
{
	char *full = mem_format("limit=%u&offset=%" PRIu64 "%s", limit, offset, query);
	struct probe_ask what = {.query = full, .rows_max = limit};
	bool fine = ask(visit, &what, answer);
	free(full);
	return fine;
}

static bool same_id(const struct probe_answer *a, size_t i, const struct probe_answer *b, size_t j)
{
	return i < a->id_count && j < b->id_count && strcmp(a->ids[i], b->ids[j]) == 0;
}

/* --- not given -----------------------------------------------------------------------------------------------------
 */

/* Whether an address that lists a part of the collection is given. */
static bool part_given(struct visit *visit, const char *endpoint, bool *given)
{
	struct probe_answer answer;
	struct probe_ask what = {.endpoint = endpoint, .query = "limit=1&offset=0", .rows_max = 1};
	bool fine = ask(visit, &what, &answer);
	*given = fine && answer.outcome == PROBE_ROWS;
	probe_release(&answer);
	return fine;
}

/* Whether the export can put the collection together from other addresses. */
static bool ask_instead(struct visit *visit, bool *given)
{
	const struct table *table = visit->result->table;
	const char *id = visit->examine->each[table->id];
	*given = table->instead[0] != NULL;
	for (const char *const *part = table->instead; *given && *part != NULL; part++)
		if (!part_given(visit, *part, given))
			return false;
	if (table->instead_each == NULL || id == NULL)
		return true;
	struct buf endpoint = {0};
	const char *star = strchr(table->instead_each->path, '*');
	buf_add(&endpoint, table->instead_each->path, (size_t)(star - table->instead_each->path));
	http_encode(&endpoint, id);
	buf_add_text(&endpoint, star + 1);
	http_hide_passing(visit->examine->probe.http, buf_text(&endpoint)); /* there is an id in it */
	bool fine = part_given(visit, buf_text(&endpoint), given);
	buf_release(&endpoint);
	return fine;
}

static bool not_given(struct visit *visit)
{
	struct examination *result = visit->result;
	const struct provider *provider = visit->examine->provider;
	const char *permission = provider_permission(provider, result->table->name);
	bool forbidden = visit->first.outcome == PROBE_FORBIDDEN;
	bool instead = false;
	result->status = forbidden ? EXAMINE_REFUSED : EXAMINE_MISSING;
	if (forbidden && permission != NULL)
		err_hint(&result->err, "Permission needed: %s", permission);
	if (forbidden && provider->hints.forbidden != NULL)
		err_hint(&result->err, "%s", provider->hints.forbidden);
	if (!ask_instead(visit, &instead))
		return false;
	if (instead) {
		result->status = EXAMINE_INSTEAD;
		err_hint(&result->err,
			"The export joins it from other addresses of the server; what those do not list is missing");
	}
	return true;
}

/* Turns what the first request came to into a status. */
static bool judge_first(struct visit *visit)
{
	struct examination *result = visit->result;
	const struct probe_answer *first = &visit->first;
	result->err = first->err;
	result->ms = first->ms;
	result->has_skew = first->has_skew;
	result->skew = first->skew;
	switch (first->outcome) {
	case PROBE_ROWS: result->status = first->rows > 0 ? EXAMINE_OK : EXAMINE_EMPTY; return true;
	case PROBE_FORBIDDEN:
	case PROBE_UNKNOWN: return not_given(visit);
	case PROBE_REFUSED:
		result->status = EXAMINE_REFUSED;
		result->login_lost = true;
		return true;
	case PROBE_UNREACHABLE: result->unreachable = true; break;
	case PROBE_UNWELCOME:
	case PROBE_TROUBLE: break;
	}
	result->status = EXAMINE_TROUBLE;
	return true;
}

/* The first rows, asked for as the export does. */
static bool ask_first(struct visit *visit)
{
	visit->sorted = "&sort=sourcedId&orderBy=asc";
	if (!ask_rows(visit, FIRST_ROWS, 0, visit->sorted, &visit->first))
		return false;
	if (visit->first.outcome == PROBE_UNWELCOME) {
		visit->sorted = "";
		probe_release(&visit->first);
		if (!ask_rows(visit, FIRST_ROWS, 0, "", &visit->first))
			return false;
		if (visit->first.outcome == PROBE_ROWS)
			visit->result->sort = EXAMINE_ERROR;
	}
	return judge_first(visit);
}

/* --- what works ----------------------------------------------------------------------------------------------------
 */

/* Signs of a next page that the export cannot take by their word. */
static void judge_signs(struct visit *visit)
{
	struct examination *result = visit->result;
	const struct probe_answer *first = &visit->first;
	const struct link_facts *links = &first->links;
	if (first->more && links->next_url == NULL && !links->next_has_offset)
		note(result,
			mem_copy("the server says that there is a next page, and gives no address of it that can be "
				 "asked: the export counts as complete only what it can prove in another way"));
	else if (links->next && !links->next_has_offset && link_is_positional(links, first->rows))
		note(result, mem_copy("the links to the next page count rows or pages: the export reads the collection "
				      "twice, and both readings have to agree"));
}

static void judge_witnesses(struct visit *visit)
{
	struct examination *result = visit->result;
	const struct probe_answer *first = &visit->first;
	bool cursor = first->links.next && !first->links.next_has_offset;
	result->total = first->header_total ? EXAMINE_YES : first->body_total ? EXAMINE_OWN : EXAMINE_NO;
	result->link = cursor ? EXAMINE_OWN : first->links.any ? EXAMINE_YES : EXAMINE_NO;
	result->rows = first->rows;
	result->rows_exact = first->whole && first->rows < FIRST_ROWS && !first->links.next;
	if (!result->rows_exact && result->total != EXAMINE_NO && first->total >= first->rows) {
		result->rows = first->total;
		result->rows_exact = true;
	}
	if (first->rows > FIRST_ROWS)
		result->cap_kind = EXAMINE_CAP_ALL;
	judge_signs(visit);
}

/* The first row that is not another copy of row 0; 0 when there is none. */
static size_t other_row(const struct probe_answer *first)
{
	for (size_t i = 1; i < first->id_count && i < FIRST_ROWS; i++)
		if (!same_id(first, i, first, 0))
			return i;
	return 0;
}

/* A cursor in place of offsets has to lead on; an offset to the row that stood there. */
static bool ask_offset(struct visit *visit)
{
	struct examination *result = visit->result;
	const struct probe_answer *first = &visit->first;
	struct probe_answer answer = {0};
	bool cursor = result->link == EXAMINE_OWN && first->links.next_url != NULL;
	size_t row = other_row(first);
	if (row == 0)
		return true;
	struct probe_ask next = {.url = first->links.next_url, .rows_max = FIRST_ROWS};
	if (cursor ? !ask(visit, &next, &answer) : !ask_rows(visit, 2, row, visit->sorted, &answer))
		return false;
	if (answer.outcome == PROBE_UNWELCOME || answer.outcome == PROBE_UNKNOWN)
		result->offset = EXAMINE_ERROR;
	else if (answer.outcome != PROBE_ROWS)
		result->offset = EXAMINE_UNKNOWN;
	else if (answer.rows == 0 || same_id(&answer, 0, first, 0))
		result->offset = EXAMINE_NO;
	else if (cursor)
		result->offset = EXAMINE_OWN;
	else
		result->offset = same_id(&answer, 0, first, row) ? EXAMINE_YES : EXAMINE_WRONG;
	if (result->offset == EXAMINE_WRONG)
		note(result, mem_copy("the rows come in another order each time, so the export may have to read them "
				      "several times, and gives up if that does not help"));
	probe_release(&answer);
	return true;
}

/* Descending ids that are not the greatest of the bytes: another collation, or an order by chance? */
static bool is_repeated(struct visit *visit, const char *query, const struct probe_answer *before, bool *repeated)
{
	struct probe_answer answer;
	bool fine = ask_rows(visit, 1, 0, query, &answer);
	*repeated = fine && answer.outcome == PROBE_ROWS && same_id(&answer, 0, before, 0);
	probe_release(&answer);
	return fine;
}

static bool ask_sort(struct visit *visit)
{
	static const char descending[] = "&sort=sourcedId&orderBy=desc";
	struct examination *result = visit->result;
	const struct probe_answer *first = &visit->first;
	struct probe_answer answer;
	bool repeated = false;
	if (other_row(first) == 0 || result->sort != EXAMINE_UNKNOWN)
		return true;
	bool fine = ask_rows(visit, 1, 0, descending, &answer);
	if (!fine || answer.outcome == PROBE_UNWELCOME) {
		result->sort = EXAMINE_ERROR;
	} else if (answer.outcome != PROBE_ROWS || answer.id_count == 0 || result->offset == EXAMINE_WRONG) {
		result->sort = EXAMINE_UNKNOWN;
	} else if (same_id(&answer, 0, first, 0)) {
		result->sort = EXAMINE_NO;
	} else if (first->ascending && strcmp(answer.ids[0], first->ids[first->id_count - 1]) >= 0) {
		result->sort = EXAMINE_YES;
	} else {
		fine = is_repeated(visit, descending, &answer, &repeated);
		result->sort = repeated ? EXAMINE_OWN : EXAMINE_UNKNOWN;
	}
	probe_release(&answer);
	return fine;
}

/* The row asked for is not the first: a server that ignores the filter begins with that. A row may have copies. */
static bool ask_filter(struct visit *visit)
{
	struct examination *result = visit->result;
	struct probe_answer answer;
	size_t row = other_row(&visit->first);
	const char *id = row > 0 ? visit->first.ids[row] : "";
	if (id[0] == '\0' || strlen(id) > ID_MAX || strchr(id, '\'') != NULL)
		return true;
	struct buf query = {0};
	buf_add_text(&query, "&filter=");
	char *filter = mem_format("sourcedId='%s'", id);
	/* Ids of people stay out of every text. A server that gives the filter back may write it in its own way; short
	 * ids by themselves would be found in everything. */
	http_hide_passing(visit->examine->probe.http, filter);
	if (strlen(id) >= ID_TELLING)
		http_hide_passing(visit->examine->probe.http, id);
	http_encode(&query, filter);
	bool fine = ask_rows(visit, 2, 0, buf_text(&query), &answer);
	if (fine && answer.outcome == PROBE_UNWELCOME)
		result->filter = EXAMINE_ERROR;
	else if (fine && answer.outcome == PROBE_ROWS)
		result->filter = answer.rows > 0 && same_id(&answer, 0, &visit->first, row) &&
						 same_id(&answer, answer.id_count - 1, &visit->first, row)
					 ? EXAMINE_YES
					 : EXAMINE_NO;
	free(filter);
	buf_release(&query);
	probe_release(&answer);
	return fine;
}

static bool ask_fields(struct visit *visit)
{
	struct examination *result = visit->result;
	struct probe_answer answer;
	if (visit->first.bare)
		return true;
	if (!ask_rows(visit, 1, 0, "&fields=sourcedId", &answer))
		return false;
	if (answer.outcome == PROBE_UNWELCOME)
		result->fields = EXAMINE_ERROR;
	else if (answer.outcome == PROBE_ROWS && answer.rows > 0)
		result->fields = answer.bare ? EXAMINE_YES : EXAMINE_NO;
	probe_release(&answer);
	return true;
}

/* --- the page cap --------------------------------------------------------------------------------------------------
 */

/* Whether links say that there is more behind a page of rows rows; some lead back to the same page. */
static bool leads_on(const struct link_facts *links, uint64_t rows)
{
	return links->next && (!links->next_has_offset || links->next_offset >= rows);
}

/* A page ended after rows rows: is that a cap, or all there is? */
static bool ask_behind(struct visit *visit, uint64_t rows, const struct link_facts *links)
{
	struct examination *result = visit->result;
	bool stated = result->total != EXAMINE_NO;
	uint64_t total = visit->first.total;
	bool behind = leads_on(links, rows) || (stated && total > rows);
	if (result->offset == EXAMINE_YES || result->offset == EXAMINE_WRONG) {
		struct probe_answer answer;
		if (!ask_rows(visit, 1, rows, visit->sorted, &answer))
			return false;
		behind = answer.outcome == PROBE_ROWS && answer.rows > 0;
		probe_release(&answer);
	}
	if (behind) {
		result->cap_kind = EXAMINE_CAP_SEEN;
		result->cap = rows;
	}
	if (!behind || !stated || total <= rows) {
		result->rows = behind ? rows + 1 : rows;
		result->rows_exact = !behind;
	}
	if (stated && (behind ? total <= rows : total != rows)) {
		result->total = EXAMINE_WRONG;
		note(result, mem_format("the server says that there are %" PRIu64 " rows and gives %s%" PRIu64, total,
				     behind ? "more than " : "", rows));
	}
	return true;
}

/* The page was cut off by us: what the headers say of its size. */
static bool judge_cut_page(struct visit *visit, const struct probe_answer *page)
{
	struct examination *result = visit->result;
	const struct link_facts *links = &page->links;
	uint64_t size = visit->examine->page_size;
	if (page->has_count && page->count < size && page->count >= page->rows)
		return ask_behind(visit, page->count, links);
	result->cap_kind = EXAMINE_CAP_ABOVE;
	result->cap = page->rows;
	uint64_t stated = links->next_limit != 0 ? links->next_limit : links->next_offset;
	/* A smaller limit than was asked for is true; the same again may be no more than an echo. */
	if (stated >= page->rows && stated < size) {
		result->cap_kind = EXAMINE_CAP_SEEN;
		result->cap = stated;
	}
	if (!result->rows_exact)
		result->rows = page->rows;
	return true;
}

/* A page as the export asks for it, but with ids only where the server can do that, and only the beginning of it. */
static bool ask_cap(struct visit *visit)
{
	struct examination *result = visit->result;
	unsigned size = visit->examine->page_size;
	struct probe_answer page;
	bool small = visit->first.rows < FIRST_ROWS && !visit->first.links.next;
	if (small || result->cap_kind == EXAMINE_CAP_ALL || size <= FIRST_ROWS)
		return true;
	const char *fields = result->fields == EXAMINE_YES ? "&fields=sourcedId" : "";
	char *query = mem_format("limit=%u&offset=0%s%s", size, visit->sorted, fields);
	struct probe_ask what = {.query = query, .rows_max = size, .bytes_max = EXAMINE_PAGE_BYTES, .once = true};
	bool fine = ask(visit, &what, &page);
	free(query);
	if (!fine)
		return false;
	if (page.outcome != PROBE_ROWS) {
		result->cap_kind = EXAMINE_CAP_REFUSED;
		result->cap = size;
		note(result,
			mem_format(
				"a page of %u rows is too much for the server (%s); the export asks for smaller ones "
				"then, and a smaller page-size saves the time for that",
				size, page.err.text + strlen(result->table->endpoint) + 2));
	} else if (page.rows > size) {
		result->cap_kind = EXAMINE_CAP_ALL;
	} else if (!page.whole) {
		fine = judge_cut_page(visit, &page);
	} else if (page.rows == size) {
		result->cap_kind = EXAMINE_CAP_ABOVE;
		result->cap = size;
		if (!result->rows_exact)
			result->rows = size;
	} else {
		fine = ask_behind(visit, page.rows, &page.links);
	}
	probe_release(&page);
	return fine;
}

/* A server without a way to the next page can be read only where everything fits one page. */
static void judge_paging(struct visit *visit)
{
	struct examination *result = visit->result;
	bool stuck = result->offset == EXAMINE_NO || result->offset == EXAMINE_ERROR;
	bool everything = result->cap_kind == EXAMINE_CAP_ALL ||
			  (result->cap_kind == EXAMINE_CAP_UNKNOWN && result->rows_exact);
	if (!stuck || everything)
		return;
	result->status = EXAMINE_TROUBLE;
	err_set(&result->err, ERR_API,
		"%s: the server ignores the offset and gives the same page again and again, so the collection cannot "
		"be read to its end",
		result->table->endpoint);
	err_hint(&result->err, "Ask the maker of the SIS for the parameters limit and offset of OneRoster 1.1");
}

static void judge_empty(struct visit *visit)
{
	struct examination *result = visit->result;
	const char *shared = visit->examine->provider->hints.empty;
	result->rows_exact = true;
	err_set(&result->err, ERR_DATA, "%s: the server sends no row", result->table->endpoint);
	if (shared != NULL)
		err_hint(&result->err, "%s", shared);
}

static bool visit_all(struct visit *visit)
{
	struct examination *result = visit->result;
	if (!ask_first(visit))
		return false;
	visit->examine->connected = visit->examine->connected || examine_readable(result->status);
	if (result->status == EXAMINE_EMPTY)
		judge_empty(visit);
	if (result->status != EXAMINE_OK)
		return true;
	judge_witnesses(visit);
	if (!ask_offset(visit) || !ask_sort(visit) || !ask_filter(visit) || !ask_fields(visit) || !ask_cap(visit))
		return false;
	judge_paging(visit);
	return true;
}

bool examine_table(struct examine *examine, struct examination *examination, struct err *err)
{
	struct visit visit = {.examine = examine, .result = examination, .err = err};
	bool fine = visit_all(&visit);
	probe_release(&visit.first);
	return fine;
}

#include "cmd/diagnosis.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "base/buf.h"
#include "base/time.h"
#include "json.h"
#include "provider.h"

enum { DIAGNOSIS_VERSION = 1 };

static const char *status_word(enum examine_status status)
{
	static const char *const words[] = {
		[EXAMINE_UNASKED] = "unasked",
		[EXAMINE_OK] = "ok",
		[EXAMINE_EMPTY] = "empty",
		[EXAMINE_INSTEAD] = "joined",
		[EXAMINE_REFUSED] = "refused",
		[EXAMINE_MISSING] = "missing",
		[EXAMINE_TROUBLE] = "trouble",
	};
	return words[status];
}

static const char *verdict_word(enum examine_verdict verdict)
{
	static const char *const words[] = {
		[EXAMINE_UNKNOWN] = "unknown",
		[EXAMINE_YES] = "yes",
		[EXAMINE_NO] = "no",
		[EXAMINE_ERROR] = "error",
		[EXAMINE_OWN] = "own",
		[EXAMINE_WRONG] = "wrong",
	};
	return words[verdict];
}

static const char *cap_word(enum examine_cap cap)
{
	static const char *const words[] = {
		[EXAMINE_CAP_UNKNOWN] = "unknown",
		[EXAMINE_CAP_SEEN] = "seen",
		[EXAMINE_CAP_ABOVE] = "above",
		[EXAMINE_CAP_REFUSED] = "refused",
		[EXAMINE_CAP_ALL] = "all",
	};
	return words[cap];
}

static bool answered(const struct examination *examination)
{
	return examination->status == EXAMINE_OK || examination->status == EXAMINE_EMPTY || examination->rows > 0;
}

/* --- for people ----------------------------------------------------------------------------------------------------
 */

enum { WORD_ROOM = 24, LABEL_WIDTH = 8, PAGE_WIDTH = 80 };

static void rows_text(const struct examination *examination, char out[static WORD_ROOM])
{
	if (!answered(examination))
		snprintf(out, WORD_ROOM, "-");
	else
		snprintf(out, WORD_ROOM, "%" PRIu64 "%s", examination->rows, examination->rows_exact ? "" : "+");
}

static void cap_text(const struct examination *examination, char out[static WORD_ROOM])
{
	switch (examination->cap_kind) {
	case EXAMINE_CAP_UNKNOWN: snprintf(out, WORD_ROOM, "-"); return;
	case EXAMINE_CAP_SEEN: snprintf(out, WORD_ROOM, "%" PRIu64, examination->cap); return;
	case EXAMINE_CAP_ABOVE: snprintf(out, WORD_ROOM, "%" PRIu64 "+", examination->cap); return;
	case EXAMINE_CAP_REFUSED: snprintf(out, WORD_ROOM, "<%" PRIu64, examination->cap); return;
	case EXAMINE_CAP_ALL: snprintf(out, WORD_ROOM, "all"); return;
	}
}

static const char *short_verdict(enum examine_verdict verdict)
{
	return verdict == EXAMINE_UNKNOWN ? "-" : verdict_word(verdict);
}

static void print_collection(const struct examination *examination, FILE *out)
{
	char name[WORD_ROOM];
	char rows[WORD_ROOM];
	char cap[WORD_ROOM];
	char ms[WORD_ROOM];
	snprintf(name, sizeof(name), "%s%s", examination->table->name, examination->required ? "*" : "");
	rows_text(examination, rows);
	cap_text(examination, cap);
	snprintf(ms, sizeof(ms), "%" PRId64, examination->ms);
	bool asked = examination->status != EXAMINE_UNASKED;
	fprintf(out, "%-17s %-7s %6s %5s %-5s %-4s %-5s %-6s %-6s %-6s %s\n", name, status_word(examination->status),
		rows, cap, short_verdict(examination->total), short_verdict(examination->link),
		short_verdict(examination->sort), short_verdict(examination->filter),
		short_verdict(examination->fields), short_verdict(examination->offset), asked ? ms : "-");
}

/* Scopes one after the other, on as many lines as they need. */
struct scope_line {
	const struct diagnosis *diagnosis;
	FILE *out;
	size_t column;
};

static void print_scope(struct scope_line *line, const char *scope, size_t length)
{
	size_t prefix = strlen(line->diagnosis->schema->scope_prefix);
	if (length > prefix && strncmp(scope, line->diagnosis->schema->scope_prefix, prefix) == 0) {
		scope += prefix;
		length -= prefix;
	}
	if (line->column > LABEL_WIDTH && line->column + 1 + length > PAGE_WIDTH) {
		fprintf(line->out, "\n%*s", LABEL_WIDTH, "");
		line->column = LABEL_WIDTH;
	}
	fprintf(line->out, " %.*s", (int)length, scope);
	line->column += 1 + length;
}

static void print_scopes(const struct diagnosis *diagnosis, FILE *out)
{
	struct scope_line line = {.diagnosis = diagnosis, .out = out, .column = LABEL_WIDTH};
	if (diagnosis->granted != NULL) {
		fputs("Scopes  ", out);
		for (const char *at = diagnosis->granted; *at != '\0'; at += strspn(at, " ")) {
			size_t length = strcspn(at, " ");
			print_scope(&line, at, length);
			at += length;
		}
		fputc('\n', out);
	}
	line.column = LABEL_WIDTH;
	if (diagnosis->withheld[0] != NULL) {
		fputs("Withheld", out);
		for (const char *const *scope = diagnosis->withheld; *scope != NULL; scope++)
			print_scope(&line, *scope, strlen(*scope));
		fputc('\n', out);
	}
}

static void print_login(const struct diagnosis *diagnosis, FILE *out)
{
	fprintf(out, "Login    %s", diagnosis->login != NULL ? diagnosis->login : "not tried");
	if (diagnosis->token_address != NULL)
		fprintf(out, ", %s", diagnosis->token_address);
	fputs(diagnosis->login != NULL && !diagnosis->logged_in ? ": failed\n" : "\n", out);
	if (diagnosis->logged_in)
		print_scopes(diagnosis, out);
}

static void print_clock(const struct diagnosis *diagnosis, FILE *out)
{
	int64_t skew = diagnosis->skew;
	if (!diagnosis->has_skew)
		return;
	if (skew >= -2 && skew <= 2) /* the way takes time too */
		fputs("Clock    the server's agrees with ours\n", out);
	else
		fprintf(out, "Clock    the server's is %" PRId64 " s %s ours\n", skew < 0 ? -skew : skew,
			skew < 0 ? "behind" : "ahead of");
}

void diagnosis_print(const struct diagnosis *diagnosis, FILE *out)
{
	fprintf(out, "Server   %s, provider %s\n", diagnosis->config->data_url, diagnosis->config->provider->name);
	print_login(diagnosis, out);
	print_clock(diagnosis, out);
	if (!diagnosis->logged_in)
		return;
	fprintf(out, "\n%-17s %-7s %6s %5s %-5s %-4s %-5s %-6s %-6s %-6s %s\n", "COLLECTION", "STATUS", "ROWS", "CAP",
		"TOTAL", "LINK", "SORT", "FILTER", "FIELDS", "OFFSET", "MS");
	for (int i = 0; i < diagnosis->schema->table_count; i++)
		if (diagnosis->examinations[i].table != NULL)
			print_collection(&diagnosis->examinations[i], out);
	fputs("* required\n", out);
}

void diagnosis_print_legend(FILE *out)
{
	fputs("rosterzip doctor logs in and asks each collection for a few rows; it shows none.\n"
	      "  ROWS    as stated by the server, or seen (+: at least)\n"
	      "  CAP     most rows of a page, if fewer than page-size (+: at least; <: so many\n"
	      "          are refused; all: limit is ignored); of such a page 64 KiB are read\n"
	      "  TOTAL   X-Total-Count is there (own: in the body; wrong: not true)\n"
	      "  LINK    to the next page (own: with a cursor in place of an offset)\n"
	      "  SORT FILTER FIELDS OFFSET  obeyed; no: ignored; error: refused; own: sorted by\n"
	      "          other rules; wrong: the order of the rows changes each time\n"
	      "  MS      until the first answer began\n"
	      "Without collections all are asked; the core six are required. Exit status: 0 the\n"
	      "required ones are fine, 3 one is empty, 4 login refused, 5 one cannot be read.\n",
		out);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------
 */

static void add_err(yajl_gen gen, const struct err *err)
{
	if (err->code == ERR_NONE) {
		json_add_text(gen, "error", NULL);
		return;
	}
	json_open_map(gen, "error");
	json_add_text(gen, "kind", err_code_name(err->code));
	json_add_text(gen, "text", err->text);
	yajl_gen_map_close(gen);
}

static void add_scope(yajl_gen gen, const struct schema *schema, const char *scope)
{
	struct buf full = {0};
	buf_add_format(&full, "%s%s", schema->scope_prefix, scope);
	json_text(gen, buf_text(&full));
	buf_release(&full);
}

static void add_login(yajl_gen gen, const struct diagnosis *diagnosis)
{
	json_open_map(gen, "login");
	json_add_text(gen, "way", diagnosis->login);
	json_add_text(gen, "token-address", diagnosis->token_address);
	json_add_bool(gen, "done", diagnosis->logged_in);
	if (diagnosis->granted == NULL) {
		json_add_text(gen, "scopes", NULL);
	} else {
		json_open_list(gen, "scopes");
		for (const char *at = diagnosis->granted; *at != '\0';) {
			size_t length = strcspn(at, " ");
			yajl_gen_string(gen, (const unsigned char *)at, length);
			at += length;
			at += strspn(at, " ");
		}
		yajl_gen_array_close(gen);
	}
	json_open_list(gen, "scopes-withheld");
	for (const char *const *scope = diagnosis->withheld; *scope != NULL; scope++)
		add_scope(gen, diagnosis->schema, *scope);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void add_collection(yajl_gen gen, const struct diagnosis *diagnosis, const struct examination *examination)
{
	const char *name = examination->table->name;
	bool refused = examination->status == EXAMINE_REFUSED || examination->status == EXAMINE_INSTEAD;
	yajl_gen_map_open(gen);
	json_add_text(gen, "name", name);
	json_add_bool(gen, "required", examination->required);
	json_add_text(gen, "status", status_word(examination->status));
	json_add_number(gen, "rows", (int64_t)examination->rows);
	json_add_bool(gen, "rows-exact", examination->rows_exact);
	if (examination->cap > 0)
		json_add_number(gen, "cap", (int64_t)examination->cap);
	else
		json_add_text(gen, "cap", NULL);
	json_add_text(gen, "cap-kind", cap_word(examination->cap_kind));
	json_add_text(gen, "total", verdict_word(examination->total));
	json_add_text(gen, "link", verdict_word(examination->link));
	json_add_text(gen, "sort", verdict_word(examination->sort));
	json_add_text(gen, "filter", verdict_word(examination->filter));
	json_add_text(gen, "fields", verdict_word(examination->fields));
	json_add_text(gen, "offset", verdict_word(examination->offset));
	json_add_number(gen, "latency", examination->ms);
	json_add_number(gen, "requests", examination->requests);
	json_add_text(gen, "permission", refused ? provider_permission(diagnosis->config->provider, name) : NULL);
	json_add_text(gen, "problem", examination->err.code != ERR_NONE ? examination->err.text : NULL);
	json_open_list(gen, "notes");
	for (size_t i = 0; i < examination->note_count; i++)
		json_text(gen, examination->notes[i]);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void compose(yajl_gen gen, const struct diagnosis *diagnosis)
{
	char started[21];
	time_iso(diagnosis->started, started);
	yajl_gen_map_open(gen);
	json_add_number(gen, "doctor", DIAGNOSIS_VERSION);
	json_add_text(gen, "program", "rosterzip");
	json_add_text(gen, "version", ROSTERZIP_VERSION);
	json_add_text(gen, "started", started);
	json_add_number(gen, "exit-status", err_exit_status(diagnosis->err.code));
	add_err(gen, &diagnosis->err);
	json_open_map(gen, "source");
	json_add_text(gen, "url", diagnosis->config->data_url);
	json_add_text(gen, "provider", diagnosis->config->provider->name);
	yajl_gen_map_close(gen);
	add_login(gen, diagnosis);
	if (diagnosis->has_skew)
		json_add_number(gen, "clock-ahead", diagnosis->skew);
	else
		json_add_text(gen, "clock-ahead", NULL);
	json_open_list(gen, "collections");
	for (int i = 0; i < diagnosis->schema->table_count; i++)
		if (diagnosis->examinations[i].table != NULL)
			add_collection(gen, diagnosis, &diagnosis->examinations[i]);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

void diagnosis_print_json(const struct diagnosis *diagnosis, FILE *out)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_config(gen, yajl_gen_indent_string, "\t");
	compose(gen, diagnosis);
	yajl_gen_get_buf(gen, &json, &length);
	fwrite(json, 1, length, out);
	yajl_gen_free(gen);
}

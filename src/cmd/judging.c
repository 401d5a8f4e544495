#include "cmd/judging.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "check/judge.h"
#include "check/manifest.h"
#include "cmd/ahead.h"
#include "table/csv_read.h"
#include "table/format.h"

enum {
	ROWS_BETWEEN_LOOKS = 4096,    /* at whether the run is to end */
	WORTH_A_THREAD = 1024 * 1024, /* bytes of a file from which on it pays to unpack ahead */
};

static const size_t nowhere = SIZE_MAX;

/* Where a file of the bundle is. */
struct place {
	const char *name;
	size_t entry;   /* of the archive, or nowhere */
	bool exact;     /* the entry has just that name; else in other case */
	bool elsewhere; /* it is in the zip, but where nobody looks for it */
};

struct judging {
	struct archive *archive;
	const struct judging_options *options;
	struct findings *findings;
	struct place *places; /* by table id, the manifest behind them */
	const char *folder;   /* of the zip, in which all files lie, folder_length bytes; "" for none */
	size_t folder_length;
	int table_count;
	struct manifest *manifest;
	struct judgement *judgement;
};

static struct place *manifest_place(const struct judging *judging)
{
	return &judging->places[judging->table_count];
}

/* --- what is in the archive ----------------------------------------------------------------------------------------
 */

static void find_entry(struct judging *judging, enum rule rule, const char *detail)
{
	findings_add(judging->findings, rule, NULL, NULL, detail, 0, NULL, 0);
}

static void find_file(struct judging *judging, enum rule rule, const char *file)
{
	findings_add(judging->findings, rule, file, NULL, NULL, 0, NULL, 0);
}

/* The place for a name, in this case or another, or NULL. */
static struct place *place_of(struct judging *judging, const char *name)
{
	for (int i = 0; i <= judging->table_count; i++)
		if (strcasecmp(judging->places[i].name, name) == 0)
			return &judging->places[i];
	return NULL;
}

static const char *base_name(const char *name)
{
	const char *base = name;
	for (; *name != '\0'; name++)
		if (*name == '/' || *name == '\\')
			base = name + 1;
	return base;
}

/* Things that the Finder of macOS puts beside the files. */
static const char finder[] = "__MACOSX/";

static bool is_of_finder(const char *name)
{
	return strncmp(name, finder, sizeof(finder) - 1) == 0;
}

/* Whether a part of a path can be a folder inside a zip: nothing that leads out of it. */
static bool stays_in_zip(const char *name, size_t length)
{
	return *name != '/' && *name != '\\' && memchr(name, ':', length) == NULL && strncmp(name, "..", 2) != 0 &&
	       strstr(name, "/..") == NULL && strstr(name, "\\..") == NULL;
}

/* Finds the folder in which all files of the bundle lie, if they do. */
static void find_bundle_folder(struct judging *judging)
{
	const char *folder = NULL;
	size_t length = 0;
	for (size_t i = 0; archive_is_zip(judging->archive) && i < archive_count(judging->archive); i++) {
		const char *name = archive_entry(judging->archive, i)->name;
		const char *base = base_name(name);
		if (is_of_finder(name) || place_of(judging, base) == NULL)
			continue;
		if (base == name || !stays_in_zip(name, (size_t)(base - name)) ||
			(folder != NULL && ((size_t)(base - name) != length || memcmp(name, folder, length) != 0)))
			return;
		folder = name;
		length = (size_t)(base - name);
	}
	judging->folder = folder != NULL ? folder : "";
	judging->folder_length = length;
}

/* The name of an entry as seen from the folder in which the files lie; NULL if it lies elsewhere. */
static const char *name_inside(const struct judging *judging, const char *name)
{
	if (strncmp(name, judging->folder, judging->folder_length) != 0)
		return NULL;
	const char *inside = name + judging->folder_length;
	return judging->folder_length == 0 || base_name(inside) == inside ? inside : NULL;
}

/* Whether an entry is known to be at its place: a file at the top, or in the folder in which all files lie. */
static bool is_placed(const struct judging *judging, const struct archive_entry *entry)
{
	return (entry->troubles & ARCHIVE_PATH) == 0 ||
	       (judging->folder_length > 0 && name_inside(judging, entry->name) != NULL);
}

/* Says which entry is which file. A file in other case than the standard's serves unless the right one is there. */
static void place_entries(struct judging *judging)
{
	for (size_t i = 0; i < archive_count(judging->archive); i++) {
		const struct archive_entry *entry = archive_entry(judging->archive, i);
		bool outside = !is_placed(judging, entry);
		const char *name = base_name(entry->name);
		struct place *place = place_of(judging, name);
		if (place == NULL)
			continue;
		bool exact = strcmp(place->name, name) == 0;
		if (outside || (entry->troubles & ARCHIVE_IRREGULAR) != 0) {
			place->elsewhere = true;
		} else if (place->entry == nowhere || (exact && !place->exact)) {
			place->entry = i;
			place->exact = exact;
		}
	}
}

/* The file of the bundle that a name is nearly that of, if it is not there; else NULL. */
static const char *nearest_file(const struct judging *judging, const char *name)
{
	char plain[NEAREST_MAX];
	char other[NEAREST_MAX];
	size_t length = strlen(name);
	const char *nearest = NULL;
	if (length > NEAREST_MAX)
		return NULL;
	length = nearest_plain(name, length, plain);
	size_t best = nearest_limit(length > 4 ? length - 4 : 0); /* .csv says nothing */
	for (int i = 0; i <= judging->table_count; i++) {
		const char *file = judging->places[i].name;
		if (judging->places[i].entry != nowhere || judging->places[i].elsewhere)
			continue;
		size_t far = nearest_distance(plain, length, other, nearest_plain(file, strlen(file), other));
		if (far < best) {
			best = far;
			nearest = file;
		}
	}
	return nearest;
}

static void find_unknown(struct judging *judging, const char *name)
{
	const char *meant = nearest_file(judging, base_name(name));
	char *detail = meant != NULL ? mem_format("%s (did you mean %s?)", name, meant) : mem_copy(name);
	find_entry(judging, RULE_ZIP_UNKNOWN_FILE, detail);
	free(detail);
}

/* Whether an entry is the folder in which the files lie, or one that leads there: that is told once. */
static bool leads_to_folder(const struct judging *judging, const char *name)
{
	size_t length = strlen(name);
	return length > 0 && *base_name(name) == '\0' && length <= judging->folder_length &&
	       strncmp(name, judging->folder, length) == 0;
}

static void judge_entry(struct judging *judging, size_t i)
{
	const struct archive_entry *entry = archive_entry(judging->archive, i);
	const struct place *place = place_of(judging, base_name(entry->name));
	if (leads_to_folder(judging, entry->name))
		return;
	if (!is_placed(judging, entry)) {
		find_entry(judging, RULE_ZIP_PATH, is_of_finder(entry->name) ? finder : entry->name);
	} else if ((entry->troubles & ARCHIVE_DUPLICATE) != 0) {
		find_entry(judging, RULE_ZIP_DUPLICATE, entry->name);
	} else if ((entry->troubles & ARCHIVE_IRREGULAR) != 0) {
		char *detail = mem_format("%s (not a plain file)", entry->name);
		find_entry(judging, RULE_ZIP_UNKNOWN_FILE, detail);
		free(detail);
	} else if (place == NULL) {
		find_unknown(judging, entry->name);
	} else if (place->entry == i && !place->exact) {
		find_entry(judging, RULE_ZIP_UNKNOWN_FILE, entry->name);
	}
}

static void judge_zip64(struct judging *judging)
{
	bool any = false;
	for (size_t i = 0; i < archive_count(judging->archive); i++) {
		if ((archive_entry(judging->archive, i)->troubles & ARCHIVE_ZIP64) == 0)
			continue;
		find_entry(judging, RULE_ZIP_ZIP64, archive_entry(judging->archive, i)->name);
		any = true;
	}
	if (!any && archive_zip64(judging->archive))
		find_entry(judging, RULE_ZIP_ZIP64, NULL);
}

/* What the receiver asks of the bundle as a whole. */
static void judge_form(struct judging *judging)
{
	const struct consumer *consumer = judging->options->consumer;
	const char *name = judging->options->zip_name;
	bool zip = archive_is_zip(judging->archive) || name != NULL;
	if (consumer == NULL)
		return;
	if (consumer->form == CONSUMER_FORM_ZIP && !zip)
		find_entry(judging, RULE_CONSUMER_FORM, "one zip");
	if (consumer->form == CONSUMER_FORM_LOOSE && zip)
		find_entry(judging, RULE_CONSUMER_FORM, "the files by themselves");
	else if (zip && name != NULL && consumer->zip_name != NULL && strcmp(name, consumer->zip_name) != 0)
		find_entry(judging, RULE_CONSUMER_ZIP_NAME, consumer->zip_name);
	if (consumer->zip_max > 0 && archive_size(judging->archive) > consumer->zip_max)
		find_entry(judging, RULE_CONSUMER_SIZE, NULL);
}

static void judge_archive(struct judging *judging)
{
	if (judging->folder_length > 0) {
		char *folder = mem_copy_n(judging->folder, judging->folder_length);
		find_entry(judging, RULE_ZIP_PATH, folder);
		free(folder);
	}
	for (size_t i = 0; i < archive_count(judging->archive); i++)
		judge_entry(judging, i);
	judge_zip64(judging);
	judge_form(judging);
}

/* --- reading one file ----------------------------------------------------------------------------------------------
 */

/* The rule that an entry breaks which cannot be read, or RULE_COUNT. */
static enum rule unreadable(const struct archive_entry *entry)
{
	static const struct {
		enum archive_trouble trouble;
		enum rule rule;
	} table[] = {
		{ARCHIVE_ENCRYPTED, RULE_ZIP_ENCRYPTED},
		{ARCHIVE_METHOD, RULE_ZIP_METHOD},
		{ARCHIVE_BOMB, RULE_ZIP_BOMB},
		{ARCHIVE_DAMAGED, RULE_ZIP_DAMAGED},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((entry->troubles & table[i].trouble) != 0)
			return table[i].rule;
	return RULE_COUNT;
}

static long read_stream(void *context, char *to, size_t room, struct err *err)
{
	return archive_next(context, to, room, err);
}

static long read_ahead(void *context, char *to, size_t room, struct err *err)
{
	return ahead_next(context, to, room, err);
}

/* What becomes of the lines of a file. */
struct reading {
	bool (*row)(void *context, const struct csv_row *row, struct err *err);
	void *context;
	const struct table *table; /* NULL for the manifest */
	bool shown;                /* to whoever wants to see the lines too */
	bool whole;
	bool bom;
};

static bool stopped(const struct judging *judging, struct err *err)
{
	return judging->options->stopped != NULL && judging->options->stopped() &&
	       !err_set(err, ERR_STOPPED, "stopped");
}

static bool read_rows(struct judging *judging, struct csv_reader *reader, struct reading *reading, struct err *source,
	struct err *err)
{
	struct csv_row row;
	int more = 0;
	for (uint64_t count = 0; (more = csv_next(reader, &row, source)) > 0; count++) {
		if (count % ROWS_BETWEEN_LOOKS == 0 && stopped(judging, err))
			return false;
		if (reading->shown && judging->options->line != NULL)
			judging->options->line(judging->options->context, reading->table, &row);
		if (!reading->row(reading->context, &row, err))
			return false;
	}
	reading->whole = more == 0;
	reading->bom = csv_bom(reader);
	return true;
}

/* Reads a file as far as that goes. False only when this machine is in the way. */
static bool read_file(struct judging *judging, const struct place *place, struct reading *reading, struct err *err)
{
	struct err source = {0};
	struct csv_reader *reader = NULL;
	struct archive_stream *stream = NULL;
	struct ahead *ahead = NULL;
	const struct archive_entry *entry = archive_entry(judging->archive, place->entry);
	bool fine = true;
	reading->whole = false;
	reading->bom = false;
	if (unreadable(entry) == RULE_COUNT)
		stream = archive_read(judging->archive, place->entry, &source);
	if (stream != NULL) {
		if (archive_is_zip(judging->archive) && entry->size >= WORTH_A_THREAD)
			ahead = ahead_new(stream);
		const struct csv_source from = {
			ahead != NULL ? read_ahead : read_stream, ahead != NULL ? (void *)ahead : (void *)stream};
		reader = csv_reader_new(&from);
		fine = read_rows(judging, reader, reading, &source, err);
	}
	csv_reader_free(reader);
	ahead_free(ahead);
	archive_stream_free(stream);
	if (fine && source.code != ERR_NONE && source.code != ERR_DATA)
		fine = err_set(err, source.code, "%s", source.text);
	return fine;
}

/* What was made of bytes that are not the ones written is worth nothing. */
static void tell_unreadable(struct judging *judging, const struct place *place, const struct reading *reading)
{
	enum rule rule = unreadable(archive_entry(judging->archive, place->entry));
	if (reading->whole)
		return;
	findings_forget(judging->findings, place->name);
	find_file(judging, rule != RULE_COUNT ? rule : RULE_ZIP_DAMAGED, place->name);
}

/* --- the manifest --------------------------------------------------------------------------------------------------
 */

static bool note_property(void *context, const struct csv_row *row, struct err *err)
{
	(void)err;
	manifest_row(context, row);
	return true;
}

/* The version decides whether anything is to be judged, so what else is wrong with the manifest waits. */
static bool is_foreign(struct judging *judging, bool *foreign, struct err *err)
{
	struct findings *unheard = findings_new(false);
	struct manifest *manifest = manifest_new(judging->options->schema, unheard);
	struct reading reading = {.row = note_property, .context = manifest};
	bool fine = read_file(judging, manifest_place(judging), &reading, err);
	*foreign = fine && manifest_is_foreign(manifest);
	if (*foreign)
		manifest_tell_foreign(manifest, judging->findings);
	if (manifest_version(manifest) != NULL)
		judging->judgement->version = mem_copy(manifest_version(manifest));
	manifest_free(manifest);
	findings_free(unheard);
	return fine;
}

static bool judge_manifest(struct judging *judging, struct err *err)
{
	const struct place *place = manifest_place(judging);
	if (place->entry == nowhere) {
		if (!place->elsewhere)
			find_entry(judging, RULE_MANIFEST_MISSING, NULL);
		return true;
	}
	struct reading reading = {.row = note_property, .context = judging->manifest, .shown = true};
	if (!read_file(judging, place, &reading, err))
		return false;
	manifest_end(judging->manifest, reading.whole, reading.bom);
	tell_unreadable(judging, place, &reading);
	for (int i = 0; i < judging->table_count; i++) {
		const struct table *table = &judging->options->schema->tables[judging->options->schema->manifest[i]];
		const struct place *file = &judging->places[table->id];
		if (file->entry != nowhere || !file->elsewhere)
			manifest_compare(judging->manifest, table, file->entry != nowhere);
	}
	return true;
}

/* --- the files -----------------------------------------------------------------------------------------------------
 */

/* What the receiver asks of the set of files. */
static void judge_presence(struct judging *judging, const struct table *table)
{
	const struct consumer *consumer = judging->options->consumer;
	const struct place *place = &judging->places[table->id];
	bool promised = manifest_mode(judging->manifest, table) > MANIFEST_ABSENT;
	if (consumer == NULL)
		return;
	if (consumer->files[table->id] == CONSUMER_FILE_REQUIRED && place->entry == nowhere && !place->elsewhere &&
		!promised)
		find_file(judging, RULE_CONSUMER_FILE_MISSING, table->file_name);
	if (consumer->files[table->id] == CONSUMER_FILE_UNWANTED && place->entry != nowhere)
		find_file(judging, RULE_CONSUMER_FILE_UNWANTED, table->file_name);
}

/* Whether the receiver does without the file, and so do references into it: because it says so, or because it is known
 * which files it needs. */
static bool does_without(const struct consumer *consumer, const struct table *table, int count)
{
	if (consumer == NULL)
		return false;
	for (int i = 0; i < count; i++)
		if (consumer->files[i] == CONSUMER_FILE_REQUIRED)
			return true;
	return consumer->files[table->id] != CONSUMER_FILE_ANY;
}

/* A file that is told to be missing is reason enough for references into it to lead nowhere. */
static void judge_without(struct judging *judging, struct judge *judge, const struct table *table)
{
	const struct judging_options *options = judging->options;
	bool told = manifest_mode(judging->manifest, table) > MANIFEST_ABSENT || judging->places[table->id].elsewhere;
	judge_presence(judging, table);
	if (options->whole && !told && !does_without(options->consumer, table, judging->table_count))
		judge_absent(judge, table);
}

static bool judge_line(void *context, const struct csv_row *row, struct err *err)
{
	return judge_row(context, row, err);
}

static bool judge_file(struct judging *judging, struct judge *judge, const struct table *table, struct err *err)
{
	const struct place *place = &judging->places[table->id];
	bool delta = manifest_mode(judging->manifest, table) == MANIFEST_DELTA;
	struct reading reading = {.row = judge_line, .context = judge, .table = table, .shown = true};
	judging->judgement->present[table->id] = place->entry != nowhere;
	judging->judgement->delta[table->id] = place->entry != nowhere && delta;
	if (place->entry == nowhere) {
		judge_without(judging, judge, table);
		return true;
	}
	if (!judge_begin(judge, table, delta, err) || !read_file(judging, place, &reading, err))
		return false;
	judging->judgement->rows[table->id] = judge_rows(judge);
	if (!judge_end(judge, reading.whole, reading.bom, err))
		return false;
	tell_unreadable(judging, place, &reading);
	judge_presence(judging, table);
	return true;
}

static bool judge_files(struct judging *judging, struct err *err)
{
	const struct judge_options options = {
		.schema = judging->options->schema,
		.consumer = judging->options->consumer,
		.folder = judging->options->folder,
		.allow_empty = judging->options->allow_empty,
		.no_teachers = judging->options->no_teachers,
		.today = judging->options->today,
	};
	struct judge *judge = judge_new(&options, judging->findings);
	bool fine = true;
	for (int i = 0; fine && i < judging->table_count; i++)
		fine = judge_file(judging, judge, &options.schema->tables[i], err);
	judge_free(judge);
	return fine;
}

/* --- other formats -------------------------------------------------------------------------------------------------
 */

static bool has_name(const struct csv_row *header, const char *name)
{
	for (size_t i = 0; i < header->count; i++)
		if (header->cells[i].length == strlen(name) &&
			strncasecmp(header->cells[i].text, name, header->cells[i].length) == 0)
			return true;
	return false;
}

static bool header_fits(const struct csv_row *header, const struct format_file *file)
{
	for (const char *const *name = file->columns; *name != NULL; name++)
		if (!has_name(header, *name))
			return false;
	for (const char *const *name = file->lacks; *name != NULL; name++)
		if (has_name(header, *name))
			return false;
	return true;
}

/* Whether the bundle has a file of another format. What cannot be read is none. */
static bool has_file(struct judging *judging, const struct format_file *file)
{
	size_t i = 0;
	while (i < archive_count(judging->archive) &&
		(strcasecmp(base_name(archive_entry(judging->archive, i)->name), file->name) != 0 ||
			unreadable(archive_entry(judging->archive, i)) != RULE_COUNT))
		i++;
	struct err ignored = {0};
	struct archive_stream *stream = i < archive_count(judging->archive)
						? archive_read(judging->archive, i, &ignored)
						: NULL;
	if (stream == NULL)
		return false;
	const struct csv_source from = {read_stream, stream};
	struct csv_reader *reader = csv_reader_new(&from);
	struct csv_row header;
	bool fits = csv_next(reader, &header, &ignored) > 0 && header_fits(&header, file);
	csv_reader_free(reader);
	archive_stream_free(stream);
	return fits;
}

/* Finds that the bundle is in another format, if it is. A manifest is OneRoster's alone. */
static bool is_of_other_format(struct judging *judging)
{
	if (manifest_place(judging)->entry != nowhere || manifest_place(judging)->elsewhere)
		return false;
	for (int f = 0; formats[f] != NULL; f++) {
		const struct format_file *file = formats[f]->files;
		while (file->name != NULL && has_file(judging, file))
			file++;
		if (file->name != NULL)
			continue;
		find_entry(judging, RULE_BUNDLE_FORMAT, formats[f]->title);
		return true;
	}
	return false;
}

/* --- all of it -----------------------------------------------------------------------------------------------------
 */

static bool judge_all(struct judging *judging, struct err *err)
{
	bool foreign = false;
	find_bundle_folder(judging);
	place_entries(judging);
	if (is_of_other_format(judging))
		return true;
	if (manifest_place(judging)->entry != nowhere && !is_foreign(judging, &foreign, err))
		return false;
	if (foreign)
		return true;
	judging->judgement->judged = true;
	judge_archive(judging);
	return judge_manifest(judging, err) && judge_files(judging, err);
}

bool judging_run(struct archive *archive, const struct judging_options *options, struct findings *findings,
	struct judgement *judgement, struct err *err)
{
	size_t count = (size_t)options->schema->table_count;
	struct judgement own = {
		.rows = mem_new(count, sizeof(*own.rows)),
		.present = mem_new(count, sizeof(*own.present)),
		.delta = mem_new(count, sizeof(*own.delta)),
	};
	struct judging judging = {
		.archive = archive,
		.options = options,
		.findings = findings,
		.places = mem_new(count + 1, sizeof(*judging.places)),
		.table_count = options->schema->table_count,
		.folder = "",
		.manifest = manifest_new(options->schema, findings),
		.judgement = &own,
	};
	for (size_t i = 0; i < count; i++)
		judging.places[i] = (struct place){.name = options->schema->tables[i].file_name, .entry = nowhere};
	judging.places[count] = (struct place){.name = MANIFEST_FILE, .entry = nowhere};
	if (options->dangling)
		findings_accept(findings, rules[RULE_REF_MISSING].code);
	bool fine = !stopped(&judging, err) && judge_all(&judging, err);
	manifest_free(judging.manifest);
	free(judging.places);
	if (judgement != NULL)
		*judgement = own;
	else
		judgement_release(&own);
	return fine;
}

void judgement_release(struct judgement *judgement)
{
	free(judgement->rows);
	free(judgement->present);
	free(judgement->delta);
	free(judgement->version);
	*judgement = (struct judgement){0};
}

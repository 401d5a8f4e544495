#include "cmd/shelf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "check/form.h"
#include "json.h"
#include "package/archive.h"
#include "package/content.h"

enum { RECORD_VERSION = 1 };

static const char delta_word[] = "delta";

static char *path_of(const char *state_dir, const char *folder, const char *name, const char *ending)
{
	return mem_format("%s/%s/%s.%s", state_dir, folder, name, ending);
}

static void take_table(struct shelf *shelf, yajl_val record, const struct table *table)
{
	const char *path[] = {"tables", table->name, NULL};
	yajl_val value = yajl_tree_get(record, path, yajl_t_any);
	const char *newest = YAJL_GET_STRING(value);
	shelf->tables[table->id].given = value != NULL;
	if (newest != NULL && strlen(newest) == MOMENT_SIZE - 1 && form_datetime(newest, MOMENT_SIZE - 1))
		memcpy(shelf->tables[table->id].newest, newest, MOMENT_SIZE);
}

static void take_record(struct shelf *shelf, yajl_val record)
{
	const char *mode = json_text_at(record, "mode");
	const char *output = json_text_at(record, "output");
	const char *path = json_text_at(record, "path");
	const char *content = json_text_at(record, "content");
	if (json_number_at(record, "published-bundle") != RECORD_VERSION || output == NULL || path == NULL ||
		path[0] == '\0' || content == NULL || strlen(content) != DIGEST_HEX_SIZE - 1)
		return;
	shelf->known = true;
	const char *place = json_text_at(record, "place");
	const char *bundle = json_text_at(record, "bundle");
	const char *receiver = json_text_at(record, "receiver");
	const char *slice = json_text_at(record, "slice");
	shelf->bundle = bundle != NULL ? mem_copy(bundle) : NULL;
	shelf->place = place != NULL ? mem_copy(place) : NULL;
	if (receiver != NULL && strlen(receiver) == DIGEST_HEX_SIZE - 1)
		memcpy(shelf->receiver, receiver, DIGEST_HEX_SIZE);
	if (slice != NULL && strlen(slice) == DIGEST_HEX_SIZE - 1)
		memcpy(shelf->slice, slice, DIGEST_HEX_SIZE);
	shelf->output = mem_copy(output);
	shelf->path = mem_copy(path);
	memcpy(shelf->content, content, DIGEST_HEX_SIZE);
	shelf->time = json_number_at(record, "time");
	shelf->clock = json_number_at(record, "server-clock");
	shelf->delta = strcmp(mode != NULL ? mode : "", delta_word) == 0;
	for (int i = 0; i < shelf->schema->table_count; i++)
		take_table(shelf, record, &shelf->schema->tables[i]);
}

static void read_record(struct shelf *shelf)
{
	yajl_val record = json_read(shelf->record, &shelf->trouble);
	if (record != NULL)
		take_record(shelf, record);
	yajl_tree_free(record);
}

void shelf_open(struct shelf *shelf, const struct schema *schema, const char *state_dir, const char *name)
{
	*shelf = (struct shelf){
		.schema = schema,
		.tables = mem_new((size_t)schema->table_count, sizeof(*shelf->tables)),
		.published = path_of(state_dir, "published", name, "zip"),
		.record = path_of(state_dir, "published", name, "json"),
		.refused = path_of(state_dir, "refused", name, "zip"),
		.refusal = path_of(state_dir, "refused", name, "json"),
	};
	char *folder = mem_format("%s/published", state_dir);
	file_sweep(folder);
	free(folder);
	folder = mem_format("%s/refused", state_dir);
	file_sweep(folder);
	free(folder);
	read_record(shelf);
}

/* Makes the folder that path lies in. */
static bool make_place(const char *path, struct err *err)
{
	char *folder = mem_copy_n(path, (size_t)(strrchr(path, '/') - path));
	bool fine = file_make_folder(folder, S_IRWXU, err);
	free(folder);
	return fine;
}

void shelf_release(struct shelf *shelf)
{
	free(shelf->published);
	free(shelf->record);
	free(shelf->refused);
	free(shelf->refusal);
	free(shelf->bundle);
	free(shelf->place);
	free(shelf->output);
	free(shelf->path);
	free(shelf->tables);
	*shelf = (struct shelf){0};
}

bool shelf_unchanged(const struct shelf *shelf, const char *output, const char *passphrase, const char *content)
{
	struct err err = {0};
	char there[DIGEST_HEX_SIZE];
	if (!shelf->known || strcmp(shelf->content, content) != 0 || strcmp(shelf->output, output) != 0)
		return false;
	struct archive *archive = archive_open(shelf->path, &err);
	bool same = archive != NULL && (passphrase == NULL || archive_unlock(archive, passphrase)) &&
		    content_digest(archive, there, &err) && strcmp(there, content) == 0;
	archive_free(archive);
	return same;
}

static bool write_record(const struct shelf *shelf, struct err *err)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_map_open(gen);
	json_add_number(gen, "published-bundle", RECORD_VERSION);
	json_add_number(gen, "time", shelf->time);
	json_add_text(gen, "bundle", shelf->bundle);
	json_add_text(gen, "place", shelf->place);
	json_add_text(gen, "receiver", shelf->receiver);
	json_add_text(gen, "slice", shelf->slice);
	json_add_text(gen, "output", shelf->output);
	json_add_text(gen, "path", shelf->path);
	json_add_text(gen, "content", shelf->content);
	json_add_text(gen, "mode", shelf->delta ? delta_word : "bulk");
	json_add_number(gen, "server-clock", shelf->clock);
	json_open_map(gen, "tables");
	for (int i = 0; i < shelf->schema->table_count; i++) {
		const struct shelf_table *table = &shelf->tables[i];
		bool dated = !table->undated && table->newest[0] != '\0';
		if (table->given)
			json_add_text(gen, shelf->schema->tables[i].name, dated ? table->newest : NULL);
	}
	yajl_gen_map_close(gen);
	yajl_gen_map_close(gen);
	yajl_gen_get_buf(gen, &json, &length);
	bool fine = file_publish_text(shelf->record, (const char *)json, length, err);
	yajl_gen_free(gen);
	return fine;
}

bool shelf_publish(struct shelf *shelf, struct bundle *bundle, const struct bundle_config *config, const char *path,
	const char *content, int64_t now, struct err *err)
{
	free(shelf->bundle);
	free(shelf->place);
	free(shelf->output);
	free(shelf->path);
	shelf->bundle = mem_copy(config->name);
	shelf->place = config->place != NULL ? mem_copy(config->place) : NULL;
	memcpy(shelf->receiver, config->receiver, DIGEST_HEX_SIZE);
	memcpy(shelf->slice, config->slice, DIGEST_HEX_SIZE);
	shelf->known = true;
	shelf->output = mem_copy(config->output);
	shelf->path = mem_copy(path);
	shelf->time = now;
	memcpy(shelf->content, content, DIGEST_HEX_SIZE);
	unlink(shelf->refused);
	unlink(shelf->refusal);
	return make_place(shelf->published, err) && (shelf->delta || bundle_keep(bundle, shelf->published, err)) &&
	       write_record(shelf, err);
}

bool shelf_note(const struct shelf *shelf, struct err *err)
{
	return !shelf->known || write_record(shelf, err);
}

bool shelf_refuse(struct shelf *shelf, struct bundle *bundle, struct err *err)
{
	return make_place(shelf->refused, err) && bundle_keep(bundle, shelf->refused, err);
}

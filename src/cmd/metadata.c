#include "cmd/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "column_name.h"
#include "option.h"
#include "table/consumer.h"
#include "table/row.h"
#include "table/rowfile.h"

struct metadata {
	const struct config *config;
	struct extras_wish *wishes; /* by table id */
	int table_count;
};

static const char option_name[] = "metadata";

/* The key that an item of the option names, if it is of this table; else NULL. Points into the item. */
static const char *key_of(const char *item, const struct table *table)
{
	size_t dot = strcspn(item, ".");
	if (item[dot] == '\0' || strlen(table->name) != dot || memcmp(table->name, item, dot) != 0)
		return NULL;
	const char *key = item + dot + 1;
	size_t length = strlen(key);
	while (extras_strip(&key, &length))
		;
	return key;
}

static bool is_auto(const struct bundle_config *bundle)
{
	return config_list_has(&bundle->metadata, "auto");
}

/* Whether the receiver of a bundle takes a column that nobody named. */
static bool takes(const struct consumer *consumer, const struct table *table, const char *key)
{
	if (column_name_never(table, key))
		return false;
	if (consumer == NULL || consumer->metadata == CONSUMER_METADATA_ANY)
		return true;
	for (int i = 0; consumer->metadata == CONSUMER_METADATA_LISTED && i < consumer->extra_count; i++) {
		const char *name = consumer->extras[i].name;
		size_t length = strlen(name);
		extras_strip(&name, &length);
		if (consumer->extras[i].table == table->id && strcmp(name, key) == 0)
			return true;
	}
	return false;
}

/* --- wishes --------------------------------------------------------------------------------------------------------
 */

static void wish_auto(struct extras_wish *wish, const struct consumer *consumer, const struct table *table)
{
	if (consumer == NULL || consumer->metadata == CONSUMER_METADATA_ANY) {
		wish->all = true;
		return;
	}
	for (int i = 0; consumer->metadata == CONSUMER_METADATA_LISTED && i < consumer->extra_count; i++) {
		const char *name = consumer->extras[i].name;
		size_t length = strlen(name);
		extras_strip(&name, &length);
		if (consumer->extras[i].table == table->id)
			extras_names_add(&wish->listed, name, length);
	}
}

/* Whether the consumer named the columns, not the user. */
static bool is_of_consumer(const struct bundle_config *bundle)
{
	const struct option *option = option_find(option_name, strlen(option_name));
	return bundle->origins[option_index(option)].level == CONFIG_CONSUMER;
}

static void warn_absent(const struct bundle_config *bundle, const struct table *table, const char *item)
{
	const char *joint = bundle->name[0] != '\0' ? " " : "";
	if (!is_of_consumer(bundle))
		log_line(LOG_WARNING, option_name, "%s is wanted, but bundle%s%s has no %s", item, joint, bundle->name,
			table->file_name);
}

static bool wish_of_bundle(struct metadata *metadata, const struct schema *schema, const struct bundle_config *bundle,
	const struct table *table, struct err *err)
{
	struct extras_wish *wish = &metadata->wishes[table->id];
	bool has = config_list_has(&bundle->files, table->name);
	bool made = table->from != SCHEMA_NONE;
	for (size_t i = 0; i < bundle->metadata.count; i++) {
		const char *key = key_of(bundle->metadata.items[i], table);
		if (key == NULL)
			continue;
		if (made) {
			err_set(err, ERR_USAGE, "%s: %s is made from %s and has no metadata", bundle->metadata.items[i],
				table->file_name, schema->tables[table->from].file_name);
			return config_err_in(metadata->config, bundle, option_name, err);
		}
		if (!has) {
			warn_absent(bundle, table, bundle->metadata.items[i]);
		} else if (!extras_names_add(&wish->listed, key, strlen(key))) {
			err_set(err, ERR_USAGE, "more than %d metadata of %s are named", EXTRAS_MAX, table->name);
			return config_err_in(metadata->config, bundle, option_name, err);
		}
	}
	if (has && !made && is_auto(bundle))
		wish_auto(wish, bundle->consumer, table);
	return true;
}

static bool is_wish(const struct extras_wish *wish)
{
	return wish->all || wish->listed.count > 0;
}

bool metadata_new(const struct config *config, const struct schema *schema, struct metadata **metadata, struct err *err)
{
	struct metadata *made = mem_new(1, sizeof(*made));
	bool fine = true;
	bool any = false;
	*made = (struct metadata){
		.config = config,
		.wishes = mem_new((size_t)schema->table_count, sizeof(*made->wishes)),
		.table_count = schema->table_count,
	};
	for (size_t b = 0; b < config->bundle_count; b++)
		for (int i = 0; fine && i < schema->table_count; i++)
			fine = wish_of_bundle(made, schema, &config->bundles[b], &schema->tables[i], err);
	for (int i = 0; i < schema->table_count; i++)
		any = any || is_wish(&made->wishes[i]);
	if (!fine || !any) {
		metadata_free(made);
		made = NULL;
	}
	*metadata = made;
	return fine;
}

void metadata_free(struct metadata *metadata)
{
	if (metadata == NULL)
		return;
	for (int i = 0; i < metadata->table_count; i++)
		extras_names_release(&metadata->wishes[i].listed);
	free(metadata->wishes);
	free(metadata);
}

const struct extras_wish *metadata_wish(const struct metadata *metadata, const struct table *table)
{
	return metadata != NULL && is_wish(&metadata->wishes[table->id]) ? &metadata->wishes[table->id] : NULL;
}

size_t metadata_cells(const struct metadata *metadata, const struct table *table)
{
	return (size_t)table->column_count + (metadata_wish(metadata, table) != NULL ? 1 : 0);
}

/* --- what came -----------------------------------------------------------------------------------------------------
 */

static void note_missing(const struct metadata *metadata, struct collection *collection)
{
	const struct config *config = metadata->config;
	const struct table *table = collection->table;
	struct extras_names missing = {0};
	struct buf names = {0};
	for (size_t b = 0; b < config->bundle_count; b++) {
		const struct bundle_config *bundle = &config->bundles[b];
		bool asked = config_list_has(&bundle->files, table->name) && !is_of_consumer(bundle);
		for (size_t i = 0; asked && i < bundle->metadata.count; i++) {
			const char *key = key_of(bundle->metadata.items[i], table);
			if (key != NULL && !extras_names_has(&collection->keys, key, strlen(key)))
				extras_names_add(&missing, key, strlen(key));
		}
	}
	for (size_t i = 0; i < missing.count; i++)
		buf_add_format(&names, "%s%s", i > 0 ? ", " : "", missing.names[i]);
	if (missing.count > 0) {
		char *before = collection->note;
		collection->note = mem_format("%s%s%s: no row has the metadata %s; the columns stay blank",
			before != NULL ? before : "", before != NULL ? "; " : "", table->name, buf_text(&names));
		free(before);
	}
	buf_release(&names);
	extras_names_release(&missing);
}

bool metadata_survey(const struct metadata *metadata, struct collection *collection, struct err *err)
{
	const struct table *table = collection->table;
	if (collection->rows == NULL || metadata_wish(metadata, table) == NULL)
		return true;
	struct row row;
	size_t cell = (size_t)table->column_count;
	row_init(&row, cell + 1);
	struct rowfile_reader *reader = rowfile_read(collection->rows, err);
	int more = reader != NULL ? rowfile_next(reader, &row, err) : -1;
	/* Too many are the trouble of the bundle that wants them all. */
	while (more > 0 && extras_names_learn(&collection->keys, row_text(&row, cell), row_length(&row, cell)))
		more = rowfile_next(reader, &row, err);
	rowfile_reader_free(reader);
	row_release(&row);
	if (more < 0)
		return err_in(err, "%s", table->name);
	if (collection->counts.distinct > 0 && !collection->keys.overflow)
		note_missing(metadata, collection);
	return true;
}

bool metadata_columns(const struct bundle_config *bundle, const struct collection *collection,
	struct extras_columns *columns, struct err *err)
{
	const struct table *table = collection->table;
	const struct extras_names *keys = &collection->keys;
	bool automatic = is_auto(bundle) && table->from == SCHEMA_NONE;
	for (size_t i = 0; i < bundle->metadata.count; i++) {
		const char *key = key_of(bundle->metadata.items[i], table);
		if (key != NULL)
			extras_columns_add(columns, key);
	}
	for (size_t i = 0; automatic && i < keys->count; i++)
		if (takes(bundle->consumer, table, keys->names[i]) &&
			extras_key_fine(keys->names[i], strlen(keys->names[i])))
			extras_columns_add(columns, keys->names[i]);
	size_t most = ROW_CELLS_MAX - (size_t)table->column_count;
	if (columns->count <= most && !(automatic && keys->overflow))
		return true;
	err_set(err, ERR_DATA, "%s: more metadata than the %zu columns it has room for", table->file_name, most);
	return err_hint(err, "To name those that are needed: metadata = %s.metadata.KEY", table->name);
}

#include "cmd/record_name.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "json.h"

enum { DIGITS = 8 };

/* The output as one text, however it is written: folders resolved, the last name as it is. To be freed. */
static char *resolve_output(const char *output)
{
	char here[PATH_MAX];
	size_t length = strlen(output);
	while (length > 1 && output[length - 1] == '/')
		length--;
	char *trimmed = mem_copy_n(output, length);
	char *slash = strrchr(trimmed, '/');
	char *whole = NULL;
	if (slash == NULL && getcwd(here, sizeof(here)) != NULL) {
		whole = mem_format("%s/%s", here, trimmed);
	} else if (slash != NULL && slash > trimmed) {
		*slash = '\0';
		char *folder = realpath(trimmed, NULL);
		whole = folder != NULL ? mem_format("%s/%s", folder, slash + 1) : NULL;
		free(folder);
		*slash = '/';
	}
	if (whole == NULL)
		return trimmed;
	free(trimmed);
	return whole;
}

/* What a record says of itself. */
struct record_owner {
	char *name;   /* of the record */
	char *bundle; /* NULL in records of earlier versions */
	char *place;  /* the output, resolved; NULL in records of earlier versions */
	char *output;
	char *path; /* where the last one went */
	char receiver[DIGEST_HEX_SIZE];
	char slice[DIGEST_HEX_SIZE];
	bool delta;
};

static void record_owner_release(struct record_owner *owner)
{
	free(owner->name);
	free(owner->bundle);
	free(owner->place);
	free(owner->output);
	free(owner->path);
	*owner = (struct record_owner){0};
}

static void take_digest(yajl_val record, const char *key, char digest[static DIGEST_HEX_SIZE])
{
	const char *text = json_text_at(record, key);
	if (text != NULL && strlen(text) == DIGEST_HEX_SIZE - 1)
		memcpy(digest, text, DIGEST_HEX_SIZE);
}

/* False when there is no such record. */
static bool record_owner_read(const char *state_dir, const char *name, struct record_owner *owner)
{
	struct err err = {0};
	char *file = mem_format("%s/published/%s.json", state_dir, name);
	yajl_val record = json_read(file, &err);
	const char *bundle = record != NULL ? json_text_at(record, "bundle") : NULL;
	const char *place = record != NULL ? json_text_at(record, "place") : NULL;
	const char *output = record != NULL ? json_text_at(record, "output") : NULL;
	const char *path = record != NULL ? json_text_at(record, "path") : NULL;
	const char *mode = record != NULL ? json_text_at(record, "mode") : NULL;
	bool ok = output != NULL && path != NULL;
	*owner = (struct record_owner){0};
	if (ok) {
		owner->name = mem_copy(name);
		owner->bundle = bundle != NULL ? mem_copy(bundle) : NULL;
		owner->place = place != NULL ? mem_copy(place) : NULL;
		owner->output = mem_copy(output);
		owner->path = mem_copy(path);
		owner->delta = mode != NULL && strcmp(mode, "delta") == 0;
		take_digest(record, "receiver", owner->receiver);
		take_digest(record, "slice", owner->slice);
	}
	yajl_tree_free(record);
	free(file);
	return ok;
}

static bool is_gone(const char *path)
{
	struct stat status;
	return lstat(path, &status) != 0;
}

/* How well a record fits a bundle, the best last. */
enum record_fit { RECORD_FOREIGN, RECORD_CHAIN, RECORD_MOVED, RECORD_RECEIVER, RECORD_PLACE };

/* Several bundles may go through one place, each to a receiver of its own. A record of an earlier version tells only
 * the output. */
static bool is_of_place(const struct record_owner *owner, const struct bundle_config *bundle, bool alike)
{
	if (owner->place == NULL)
		return strcmp(owner->output, bundle->output) == 0;
	return strcmp(owner->place, bundle->place) == 0 && (alike || strcmp(owner->receiver, bundle->receiver) == 0);
}

static enum record_fit record_fit(
	const struct config *config, const struct record_owner *owner, const struct bundle_config *bundle)
{
	if (owner->bundle != NULL && strcmp(owner->bundle, bundle->name) != 0)
		return RECORD_FOREIGN; /* "math-teachers" looks like a record of "math" */
	bool typed = config_bundle_level(config, bundle, "output") == CONFIG_COMMAND_LINE;
	bool same_receiver = strcmp(owner->receiver, bundle->receiver) == 0;
	bool has_receiver = bundle->receiver[0] != '\0';
	bool alike = strcmp(owner->slice, bundle->slice) == 0;
	if (is_of_place(owner, bundle, alike))
		return RECORD_PLACE;
	if (has_receiver && same_receiver)
		return RECORD_RECEIVER;
	if (!alike || has_receiver || !same_receiver)
		return RECORD_FOREIGN;
	if (!typed && is_gone(owner->path))
		return RECORD_MOVED;
	/* Full bundles and what changed between them, each with an output of its own */
	return owner->delta != (bundle->mode == CONFIG_MODE_DELTA) ? RECORD_CHAIN : RECORD_FOREIGN;
}

/* Puts the record that fits best into found, and tells how well; other is any record of the name that does not fit. */
static enum record_fit record_find(const struct config *config, const struct bundle_config *bundle, const char *base,
	struct record_owner *found, struct record_owner *other)
{
	char *folder = mem_format("%s/published", config->state_dir);
	DIR *dir = opendir(folder);
	struct dirent *entry = NULL;
	size_t length = strlen(base);
	enum record_fit best = RECORD_FOREIGN;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct record_owner owner;
		size_t stem = strlen(entry->d_name);
		stem -= stem > 5 && strcmp(entry->d_name + stem - 5, ".json") == 0 ? 5 : stem;
		bool own_name = stem == length || (stem == length + 1 + DIGITS && entry->d_name[length] == '-');
		if (!own_name || strncmp(entry->d_name, base, length) != 0)
			continue;
		char *name = mem_copy_n(entry->d_name, stem);
		bool read = record_owner_read(config->state_dir, name, &owner);
		free(name);
		enum record_fit fit = read ? record_fit(config, &owner, bundle) : RECORD_FOREIGN;
		struct record_owner *to = fit > best ? found : other;
		if (read && (fit > best || other->name == NULL)) {
			record_owner_release(to);
			*to = owner;
			best = fit > best ? fit : best;
		} else {
			record_owner_release(&owner);
		}
	}
	if (dir != NULL)
		closedir(dir);
	free(folder);
	return best;
}

static void add_setting(struct digest *digest, const char *name, const char *text)
{
	digest_add(digest, name, strlen(name) + 1);
	digest_add(digest, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static void add_settings(struct digest *digest, const char *name, const struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		add_setting(digest, name, list->items[i]);
}

/* What decides whose data are in a bundle, and which, as a digest. Only what the user said: a command without a source
 * does not know what a provider adds. What may hold a secret is never alone in it. */
static void digest_slice(
	const struct config *config, const struct bundle_config *bundle, char out[static DIGEST_HEX_SIZE])
{
	const struct {
		const char *name;
		const struct config_list *list;
	} lists[] = {
		{"schools", &bundle->schools},
		{"terms", &bundle->terms},
		{"roles", &bundle->roles},
		{"grades", &bundle->grades},
		{"drop-columns", &bundle->drop_columns},
		{"metadata", &bundle->metadata},
		{"map", &bundle->map},
		{"fill", &bundle->fill},
	};
	struct digest *digest = digest_new();
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (config_bundle_level(config, bundle, lists[i].name) > CONFIG_CONSUMER)
			add_settings(digest, lists[i].name, lists[i].list);
	if (config_bundle_level(config, bundle, "enrolled-only") > CONFIG_CONSUMER)
		digest_add(digest, &bundle->enrolled_only, sizeof(bundle->enrolled_only));
	add_setting(digest, "consumer", bundle->consumer_name);
	add_setting(digest, "map-grades", bundle->map_grades);
	add_setting(digest, "map-roles", bundle->map_roles);
	add_setting(digest, "url", config->url);
	add_setting(digest, "client-id", config->client_id);
	add_setting(digest, "bearer-token-file", config->bearer_token_file);
	if (config_level(config, "token-url") > CONFIG_CONSUMER)
		add_setting(digest, "token-url", config->token_url);
	add_settings(digest, "token-param", &config->token_param);
	add_settings(digest, "header", &config->header);
	digest_hex(digest, out);
	digest_free(digest);
}

/* Who gets a bundle, as a digest: one receiver may get several, each under a name of its own. "" for nobody. */
static void digest_receiver(const struct bundle_config *bundle, char out[static DIGEST_HEX_SIZE])
{
	const char *name = bundle->deliver_as != NULL ? bundle->deliver_as : strrchr(bundle->place, '/');
	if (bundle->deliver == NULL)
		return;
	char *text = mem_format("%s\n%s", bundle->deliver, name != NULL ? name + (*name == '/') : bundle->place);
	digest_text(text, strlen(text), out);
	free(text);
}

static void choose_one(const struct config *config, struct bundle_config *bundle)
{
	const char *name = bundle->name[0] != '\0' ? bundle->name : "bundle";
	const char *topic = bundle->name[0] != '\0' ? bundle->name : NULL;
	struct record_owner found = {0};
	struct record_owner other = {0};
	char digest[DIGEST_HEX_SIZE];
	if (bundle->output == NULL || config->state_dir == NULL) {
		bundle->record = mem_copy(name);
		return;
	}
	bundle->place = resolve_output(bundle->output);
	digest_slice(config, bundle, bundle->slice);
	digest_receiver(bundle, bundle->receiver);
	char *whole = mem_format("%s\n%s", bundle->place, bundle->receiver);
	digest_text(whole, strlen(whole), digest);
	free(whole);
	enum record_fit fit = record_find(config, bundle, name, &found, &other);
	bool typed = config_bundle_level(config, bundle, "output") == CONFIG_COMMAND_LINE;
	bool sent = fit == RECORD_RECEIVER && !typed && is_gone(found.path);
	if (fit == RECORD_MOVED || sent)
		log_line(LOG_WARNING, topic, "the output has moved: the bundle before is the one published as %s",
			found.path);
	else if (found.name == NULL && other.name != NULL)
		log_line(LOG_WARNING, topic,
			"the state folder %s keeps what was published as %s, which is another bundle: this one has a "
			"record of its own, and nothing to be compared with so far",
			config->state_dir, other.path);
	if (found.name != NULL)
		bundle->record = mem_copy(found.name);
	else if (other.name == NULL)
		bundle->record = mem_copy(name);
	else
		bundle->record = mem_format("%s-%.*s", name, DIGITS, digest);
	record_owner_release(&found);
	record_owner_release(&other);
}

void record_name_choose(struct config *config)
{
	for (size_t i = 0; i < config->bundle_count; i++) {
		struct bundle_config *bundle = &config->bundles[i];
		if (bundle->record == NULL)
			choose_one(config, bundle);
	}
}

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
	char *name;  /* of the record */
	char *place; /* the output, resolved; NULL in records of earlier versions */
	char *output;
	char *path; /* where the last one went */
	char receiver[DIGEST_HEX_SIZE];
	char slice[DIGEST_HEX_SIZE];
	bool delta;
};

static void record_owner_release(struct record_owner *owner)
{
	free(owner->name);
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
	const char *place = record != NULL ? json_text_at(record, "place") : NULL;
	const char *output = record != NULL ? json_text_at(record, "output") : NULL;
	const char *path = record != NULL ? json_text_at(record, "path") : NULL;
	const char *mode = record != NULL ? json_text_at(record, "mode") : NULL;
	bool ok = output != NULL && path != NULL;
	*owner = (struct record_owner){0};
	if (ok) {
		owner->name = mem_copy(name);
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
enum record_fit { RECORD_FOREIGN, RECORD_CHAIN, RECORD_RECEIVER, RECORD_PLACE };

static enum record_fit record_fit(const struct record_owner *owner, const struct bundle_config *bundle)
{
	if (owner->name == NULL)
		return RECORD_FOREIGN;
	bool same_place = owner->place != NULL ? strcmp(owner->place, bundle->place) == 0
					       : strcmp(owner->output, bundle->output) == 0;
	bool same_receiver = strcmp(owner->receiver, bundle->receiver) == 0;
	bool has_receiver = bundle->receiver[0] != '\0';
	/* Full bundles and what changed between them, each with an output of its own */
	bool chain = !has_receiver && same_receiver && owner->delta != (bundle->mode == CONFIG_MODE_DELTA) &&
		     strcmp(owner->slice, bundle->slice) == 0;
	if (same_place)
		return RECORD_PLACE;
	if (has_receiver && same_receiver)
		return RECORD_RECEIVER;
	return chain ? RECORD_CHAIN : RECORD_FOREIGN;
}

/* Puts the record that fits best into found; other is any record of the name that does not fit. */
static void record_find(const struct config *config, const struct bundle_config *bundle, const char *base,
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
		enum record_fit fit = read ? record_fit(&owner, bundle) : RECORD_FOREIGN;
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
}

/* What decides who is in a bundle, as a digest. */
static void digest_slice(const struct bundle_config *bundle, char out[static DIGEST_HEX_SIZE])
{
	const struct config_list *const lists[] = {&bundle->schools, &bundle->terms, &bundle->roles, &bundle->grades};
	struct digest *digest = digest_new();
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t n = 0; n < lists[i]->count; n++)
			digest_add(digest, lists[i]->items[n], strlen(lists[i]->items[n]) + 1);
		digest_add(digest, "", 1);
	}
	digest_add(digest, &bundle->enrolled_only, sizeof(bundle->enrolled_only));
	digest_hex(digest, out);
	digest_free(digest);
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
	digest_slice(bundle, bundle->slice);
	if (bundle->deliver != NULL)
		digest_text(bundle->deliver, strlen(bundle->deliver), bundle->receiver);
	digest_text(bundle->place, strlen(bundle->place), digest);
	record_find(config, bundle, name, &found, &other);
	bool typed = config_bundle_level(config, bundle, "output") == CONFIG_COMMAND_LINE;
	bool moved = found.name == NULL && other.name != NULL && !typed && is_gone(other.path);
	bool sent = record_fit(&found, bundle) == RECORD_RECEIVER && !typed && is_gone(found.path);
	if (moved || sent)
		log_line(LOG_WARNING, topic, "the output has moved: the bundle before is the one published as %s",
			moved ? other.path : found.path);
	else if (found.name == NULL && other.name != NULL)
		log_line(LOG_WARNING, topic,
			"the state folder %s keeps what was published as %s, which is another bundle: this one has a "
			"record "
			"of its own, and nothing to be compared with so far",
			config->state_dir, other.path);
	if (found.name != NULL)
		bundle->record = mem_copy(found.name);
	else if (moved)
		bundle->record = mem_copy(other.name);
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

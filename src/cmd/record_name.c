#include "cmd/record_name.h"

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

/* What a record says of its output. */
struct record_owner {
	char *place; /* resolved; NULL in records of earlier versions */
	char *output;
	char *path; /* where the last one went */
};

/* False when there is no such record. */
static bool record_owner_read(const char *state_dir, const char *name, struct record_owner *owner)
{
	struct err err = {0};
	char *file = mem_format("%s/published/%s.json", state_dir, name);
	yajl_val record = json_read(file, &err);
	const char *place = record != NULL ? json_text_at(record, "place") : NULL;
	const char *output = record != NULL ? json_text_at(record, "output") : NULL;
	const char *path = record != NULL ? json_text_at(record, "path") : NULL;
	*owner = (struct record_owner){
		.place = place != NULL ? mem_copy(place) : NULL,
		.output = output != NULL ? mem_copy(output) : NULL,
		.path = path != NULL ? mem_copy(path) : NULL,
	};
	yajl_tree_free(record);
	free(file);
	return output != NULL && path != NULL;
}

static void record_owner_release(struct record_owner *owner)
{
	free(owner->place);
	free(owner->output);
	free(owner->path);
}

static bool is_gone(const char *path)
{
	struct stat status;
	return lstat(path, &status) != 0;
}

static void choose_one(const struct config *config, struct bundle_config *bundle)
{
	if (bundle->output == NULL || config->state_dir == NULL) {
		bundle->record = mem_copy(bundle->name[0] != '\0' ? bundle->name : "bundle");
		return;
	}
	struct record_owner owner;
	char digest[DIGEST_HEX_SIZE];
	const char *name = bundle->name[0] != '\0' ? bundle->name : "bundle";
	bundle->place = resolve_output(bundle->output);
	digest_text(bundle->place, strlen(bundle->place), digest);
	char *own = mem_format("%s-%.*s", name, DIGITS, digest);
	bool has_own = record_owner_read(config->state_dir, own, &owner);
	record_owner_release(&owner);
	bool has_plain = record_owner_read(config->state_dir, name, &owner);
	bool same = has_plain && (owner.place != NULL ? strcmp(owner.place, bundle->place) == 0
						      : strcmp(owner.output, bundle->output) == 0);
	bool typed = config_bundle_level(config, bundle, "output") == CONFIG_COMMAND_LINE;
	bool moved = has_plain && !same && !has_own && !typed && is_gone(owner.path);
	if (moved)
		log_line(LOG_WARNING, bundle->name[0] != '\0' ? bundle->name : NULL,
			"the output has moved: the bundle before is the one published as %s", owner.path);
	bool plain = !has_own && (!has_plain || same || moved);
	if (!plain && !has_own)
		log_line(LOG_WARNING, bundle->name[0] != '\0' ? bundle->name : NULL,
			"the state folder %s keeps what was published as %s, which is another bundle: this one has a "
			"record "
			"of its own, and nothing to be compared with so far",
			config->state_dir, owner.path);
	bundle->record = plain ? mem_copy(name) : mem_copy(own);
	record_owner_release(&owner);
	free(own);
}

void record_name_choose(struct config *config)
{
	for (size_t i = 0; i < config->bundle_count; i++) {
		struct bundle_config *bundle = &config->bundles[i];
		if (bundle->record == NULL)
			choose_one(config, bundle);
	}
}

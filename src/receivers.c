#include "receivers.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "config.h"
#include "dated.h"
#include "option.h"
#include "package/place.h"

/* Whether the address of a delivery names the file, and is not that of a folder in which the file gets a name. */
static bool names_file(const char *address)
{
	struct place place;
	struct err ignored = {0};
	bool named = place_find(&place, address, NULL, &ignored) && place.name != NULL;
	place_release(&place);
	return named;
}

/* The name of the bundle's file at the receiver's, places for a date not filled; NULL when the address has it. */
static const char *name_there(const struct bundle_config *bundle)
{
	if (names_file(bundle->deliver))
		return NULL;
	if (bundle->deliver_as != NULL)
		return bundle->deliver_as;
	return bundle->output != NULL ? file_base(bundle->output) : NULL;
}

/* Address and name in one text, to be freed. */
static char *target_of(const struct bundle_config *bundle)
{
	struct place place;
	struct err ignored = {0};
	char *text = NULL;
	if (place_find(&place, bundle->deliver, name_there(bundle), &ignored)) {
		char *file = place_show_file(&place);
		text = mem_format("%s?%s", file, place.query != NULL ? place.query : "");
		free(file);
	}
	place_release(&place);
	return text != NULL ? text : mem_copy(bundle->deliver);
}

/* Settings of a delivery in the section of a bundle that has none. Above the sections they are for those that have. */
static bool check_without(const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct config_origin *origin = &bundle->origins[i];
		if (options[i].group != OPTION_DELIVERY || origin->level != CONFIG_FILE || bundle->line == 0 ||
			origin->line < bundle->line)
			continue;
		err_set(err, ERR_USAGE, "`%s` without `deliver`: where is [bundle %s] to be sent?", options[i].name,
			bundle->name);
		return config_err_in(config, bundle, options[i].name, err);
	}
	return true;
}

static bool check_one(const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	if (bundle->output != NULL && *file_base(bundle->output) == '\0') {
		err_set(err, ERR_USAGE,
			"`deliver` sends one file, and `output` ends in a slash, which gives loose files: name a zip "
			"there");
		return config_err_in(config, bundle, "deliver", err);
	}
	if (bundle->encrypt != NULL) {
		err_set(err, ERR_USAGE,
			"`encrypt` is for archive copies, which no receiver can read: give those a [bundle] of their "
			"own");
		return config_err_in(config, bundle, "encrypt", err);
	}
	if (bundle->deliver_as != NULL && names_file(bundle->deliver)) {
		err_set(err, ERR_USAGE,
			"`deliver-as` names the file, and so does the address of `deliver`: end that with a slash if "
			"it is a folder, or leave out `deliver-as`");
		return config_err_in(config, bundle, "deliver-as", err);
	}
	return true;
}

static bool check_others(
	const struct config *config, const struct bundle_config *bundle, size_t others, struct err *err)
{
	bool alone = true;
	char *target = target_of(bundle);
	for (size_t i = 0; alone && i < others; i++) {
		const struct bundle_config *other = &config->bundles[i];
		char *taken = other->deliver != NULL ? target_of(other) : NULL;
		alone = taken == NULL || strcmp(taken, target) != 0;
		free(taken);
		if (!alone)
			err_set(err, ERR_USAGE,
				"[bundle %s] and [bundle %s] are delivered to the same place under the same name: tell "
				"them apart by `deliver` or `deliver-as`",
				other->name, bundle->name);
	}
	free(target);
	return alone || config_err_in(config, bundle, "deliver", err);
}

/* A receiver needs every delta, and may look only once a day. */
static void warn_delta(struct config *config, const struct bundle_config *bundle)
{
	struct buf origin = {0};
	const char *name = name_there(bundle);
	if (bundle->mode != CONFIG_MODE_DELTA || bundle->output == NULL || (name != NULL && dated_has_places(name)))
		return;
	config_origin_add(config, bundle, "deliver", &origin);
	config_warn(config,
		"%s: each delta overwrites the one before it there, even if the receiver has not taken that yet; a "
		"date in the name (deliver-as = delta-%%Y%%m%%d-%%H%%M.zip) keeps them apart",
		buf_text(&origin));
	buf_release(&origin);
}

bool receivers_check(struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->bundle_count; i++) {
		const struct bundle_config *bundle = &config->bundles[i];
		if (bundle->deliver == NULL) {
			if (!check_without(config, bundle, err))
				return false;
			continue;
		}
		if (!check_one(config, bundle, err) || !check_others(config, bundle, i, err))
			return false;
		warn_delta(config, bundle);
	}
	return true;
}

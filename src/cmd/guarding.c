#include "cmd/guarding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/compare.h"
#include "limit.h"

enum { HUNDREDTHS = 100 };

static void set_limits(const struct guarding_options *options, struct guarding *guarding)
{
	const struct bundle_config *config = options->config;
	struct err err = {0};
	int table = 0;
	int limit = 0;
	uint64_t floor = 0;
	for (int i = 0; i < guarding->count; i++) {
		guarding->files[i].table = &options->schema->tables[i];
		guarding->files[i].limit = options->schema->tables[i].max_drop * HUNDREDTHS;
	}
	/* The texts were checked when they were read. Limits for all files first: one for a file is more exact. */
	for (size_t i = 0; i < config->max_drop.count; i++)
		if (limit_drop(config->max_drop.items[i], &table, &limit, &err) && table == SCHEMA_NONE)
			for (int t = 0; t < guarding->count; t++)
				guarding->files[t].limit = limit;
	for (size_t i = 0; i < config->max_drop.count; i++)
		if (limit_drop(config->max_drop.items[i], &table, &limit, &err) && table != SCHEMA_NONE)
			guarding->files[table].limit = limit;
	for (size_t i = 0; i < config->min_rows.count; i++)
		if (limit_rows(config->min_rows.items[i], &table, &floor, &err))
			guarding->files[table].floor = floor;
}

/* Whether there is something at a path, as far as it can be seen: only what is surely not there is not. */
static bool is_there(const char *path)
{
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* Whether a bundle was published before, however much of it is left. A delta is nothing to compare with. */
static bool known(const struct guarding_options *options)
{
	return (options->shelf->known && !options->shelf->delta) || is_there(options->shelf->published);
}

/* The zip of an archive copy is read with the passphrase of now. */
static struct archive *open_bundle(const struct guarding_options *options, const char *path, struct err *err)
{
	struct archive *archive = archive_open(path, err);
	if (archive != NULL && options->config->passphrase != NULL)
		archive_unlock(archive, options->config->passphrase);
	return archive;
}

static struct archive *open_named(
	const struct guarding_options *options, const char *path, struct guarding *guarding, struct err *err)
{
	struct archive *archive = open_bundle(options, path, err);
	if (archive == NULL) {
		err->code = ERR_USAGE;
		err_in(err, "previous");
	} else {
		guarding->against = mem_copy(path);
	}
	return archive;
}

/* The bundle before: what the user names, else what was last published, else what lies where the bundle would go. NULL
 * without an error when there is none. */
static struct archive *open_before(const struct guarding_options *options, struct guarding *guarding, struct err *err)
{
	const char *named = options->config->previous;
	const struct shelf *shelf = options->shelf;
	bool placed = shelf->known && !shelf->delta;
	const char *places[] = {shelf->published, placed ? shelf->path : shelf->published, options->path};
	struct err first = {0};
	if (named != NULL && strcmp(named, "none") == 0) {
		guarding->alone = mem_copy("not compared with a bundle before, as previous = none says");
		return NULL;
	}
	if (named != NULL)
		return open_named(options, named, guarding, err);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct err own = {0};
		if (!is_there(places[i]))
			continue;
		struct archive *archive = open_bundle(options, places[i], &own);
		if (archive != NULL) {
			guarding->against = mem_copy(places[i]);
			return archive;
		}
		/* What cannot be read just now may be fine: nobody may publish unseen because a disk is in trouble. */
		if (own.code != ERR_DATA) {
			*err = own;
			err_in(err, "cannot compare with the bundle before");
			return NULL;
		}
		if (first.code == ERR_NONE)
			first = own;
	}
	if (known(options)) {
		err_set(err, ERR_GUARD, "cannot compare with the bundle before: %s",
			first.code != ERR_NONE ? first.text : "it is gone, in state-dir and where it was put");
	} else if (first.code != ERR_NONE) {
		guarding->alone = mem_format("nothing to compare with: %s", first.text);
	} else {
		guarding->alone = mem_copy("the first bundle: nothing to compare it with");
	}
	return NULL;
}

static bool take_comparison(struct archive *bundle, struct archive *before, const struct guarding_options *options,
	struct guarding *guarding, struct err *err)
{
	struct comparison comparison = {0};
	struct compare_options compare = {
		.schema = options->schema,
		.folder = options->folder,
		.ids_only = true,
		.stopped = options->stopped,
	};
	bool fine = compare_run(before, bundle, &compare, &comparison, err);
	for (int i = 0; fine && i < guarding->count; i++) {
		const struct compare_table *table = &comparison.tables[i];
		guarding->files[i].old_rows = table->old_rows;
		guarding->files[i].gone = table->removed;
		guarding->files[i].absent = !table->in_new;
		guarding->files[i].churned = table->churned;
	}
	comparison_release(&comparison);
	if (fine || err->code != ERR_DATA)
		return fine;
	/* The new bundle was judged before, so it is the old one that cannot be read. */
	if (options->config->previous == NULL && !known(options)) {
		guarding->alone = mem_format("nothing to compare with: %s", err->text);
		err_clear(err);
		return true;
	}
	err->code = options->config->previous != NULL ? ERR_USAGE : ERR_GUARD;
	return err_in(err, "cannot compare with the bundle before");
}

static bool judge(struct guarding *guarding, struct err *err)
{
	const struct guard_file *worst = NULL;
	for (int i = 0; i < guarding->count; i++) {
		struct guard_file *file = &guarding->files[i];
		file->verdict = guard_judge(file);
		if (file->verdict != GUARD_FINE && worst == NULL)
			worst = file;
	}
	return worst == NULL || guard_explain(worst, err);
}

bool guarding_run(
	struct archive *bundle, const struct guarding_options *options, struct guarding *guarding, struct err *err)
{
	guarding->count = options->schema->table_count;
	guarding->files = mem_new((size_t)guarding->count, sizeof(*guarding->files));
	set_limits(options, guarding);
	for (int i = 0; i < guarding->count; i++)
		guarding->files[i].new_rows = options->rows[i];
	struct archive *before = open_before(options, guarding, err);
	bool fine = err->code == ERR_NONE &&
		    (before == NULL || take_comparison(bundle, before, options, guarding, err));
	archive_free(before);
	return fine && judge(guarding, err);
}

void guarding_release(struct guarding *guarding)
{
	free(guarding->files);
	free(guarding->against);
	free(guarding->alone);
	*guarding = (struct guarding){0};
}

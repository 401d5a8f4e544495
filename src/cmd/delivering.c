#include "cmd/delivering.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yajl/yajl_gen.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/shelf.h"
#include "config.h"
#include "dated.h"
#include "json.h"
#include "package/archive.h"
#include "package/content.h"
#include "package/delivery.h"
#include "stop.h"

enum { RECORD_VERSION = 1 };

/* What was last delivered. */
struct record {
	bool known;
	char target[DIGEST_HEX_SIZE]; /* see target_of */
	char content[DIGEST_HEX_SIZE];
	char *place;
	int64_t time; /* seconds since 1970; 0 when the record does not say */
};

/* One file to be sent. */
struct parcel {
	char *file;   /* where it lies */
	char *name;   /* under which it was published, without folders */
	int64_t time; /* when */
	bool queued;  /* it lies among the deltas, to be removed when it was sent */
};

struct parcels {
	struct parcel *items;
	size_t count;
};

/* --- places --------------------------------------------------------------------------------------------------------
 */

static const char *name_of(const struct delivering_order *order)
{
	return order->bundle->record;
}

static char *record_path(const struct delivering_order *order)
{
	return mem_format("%s/delivered/%s.json", order->state_dir, name_of(order));
}

static char *queue_path(const struct delivering_order *order)
{
	return mem_format("%s/undelivered/%s", order->state_dir, name_of(order));
}

/* What the receiver's file is called, for something published under a name at a time; to be freed. */
static char *name_there(const struct bundle_config *bundle, const char *name, int64_t time, struct err *err)
{
	const char *wanted = bundle->deliver_as != NULL ? bundle->deliver_as : name;
	char *filled = bundle->deliver_as != NULL ? dated_fill(wanted, time) : mem_copy(name);
	if (filled != NULL && *filled != '\0' && strchr(filled, '/') == NULL)
		return filled;
	err_set(err, ERR_USAGE, "`deliver-as`: %s gives no name of a file", wanted);
	free(filled);
	return NULL;
}

/* A digest of where things go, with the places for a date not filled. An address may hold a key in its query, which
 * must not lie about. */
static void target_of(const struct bundle_config *bundle, const char *name, char out[static DIGEST_HEX_SIZE])
{
	if (bundle->deliver_as != NULL)
		name = bundle->deliver_as;
	else if (bundle->output != NULL)
		name = file_base(bundle->output);
	char *text = mem_format("%s\n%s", bundle->deliver, name);
	digest_text(text, strlen(text), out);
	free(text);
}

/* --- the record ----------------------------------------------------------------------------------------------------
 */

static bool take_digest(yajl_val record, const char *key, char out[static DIGEST_HEX_SIZE])
{
	const char *text = json_text_at(record, key);
	if (text == NULL || strlen(text) != DIGEST_HEX_SIZE - 1)
		return false;
	memcpy(out, text, DIGEST_HEX_SIZE);
	return true;
}

static struct record record_read(const struct delivering_order *order)
{
	struct record record = {0};
	struct err unread = {0}; /* at worst it is sent once more */
	char *path = record_path(order);
	yajl_val json = json_read(path, &unread);
	free(path);
	record.known = json_number_at(json, "delivered-bundle") == RECORD_VERSION &&
		       take_digest(json, "target", record.target) && take_digest(json, "content", record.content);
	if (record.known && json_text_at(json, "place") != NULL)
		record.place = mem_copy(json_text_at(json, "place"));
	record.time = record.known ? json_number_at(json, "time") : 0;
	yajl_tree_free(json);
	return record;
}

static bool record_write(const struct delivering_order *order, const struct parcel *parcel, const char *content,
	const struct delivery_result *result, struct err *err)
{
	const unsigned char *json = NULL;
	size_t length = 0;
	char target[DIGEST_HEX_SIZE];
	char *path = record_path(order);
	char *folder = mem_format("%s/delivered", order->state_dir);
	target_of(order->bundle, parcel->name, target);
	yajl_gen gen = json_new();
	yajl_gen_config(gen, yajl_gen_beautify, 1);
	yajl_gen_map_open(gen);
	json_add_number(gen, "delivered-bundle", RECORD_VERSION);
	json_add_number(gen, "time", time_unix());
	json_add_text(gen, "place", result->place);
	json_add_text(gen, "target", target);
	json_add_text(gen, "content", content);
	json_add_count(gen, "bytes", result->bytes);
	yajl_gen_map_close(gen);
	yajl_gen_get_buf(gen, &json, &length);
	bool fine = file_make_folder(folder, S_IRWXU, err) && file_publish_text(path, (const char *)json, length, err);
	yajl_gen_free(gen);
	free(folder);
	free(path);
	return fine || err_in(err, "%s is delivered, but that could not be noted", parcel->name);
}

static void forget_record(const struct delivering_order *order)
{
	char *path = record_path(order);
	unlink(path);
	free(path);
}

static bool content_of(const char *file, char out[static DIGEST_HEX_SIZE])
{
	struct err err = {0};
	struct archive *archive = archive_open(file, &err);
	bool known = archive != NULL && content_digest(archive, out, &err);
	archive_free(archive);
	return known;
}

/* What the receiver has now. When that cannot be told, or was brought under another name than usual beside the usual
 * one, whatever is published is sent again. */
static bool take_note(const struct delivering_order *order, const struct parcel *parcel,
	const struct delivery_result *result, struct err *err)
{
	char content[DIGEST_HEX_SIZE];
	const struct bundle_config *bundle = order->bundle;
	if (order->state_dir == NULL)
		return true;
	bool usual = bundle->deliver_as != NULL || bundle->output == NULL ||
		     dated_fits(file_base(bundle->output), parcel->name);
	if (usual && content_of(parcel->file, content))
		return record_write(order, parcel, content, result, err);
	forget_record(order);
	return true;
}

/* --- what is to be sent --------------------------------------------------------------------------------------------
 */

static void parcels_add(struct parcels *parcels, char *file, const char *name, int64_t time, bool queued)
{
	parcels->items = mem_grow(parcels->items, parcels->count + 1, sizeof(*parcels->items));
	parcels->items[parcels->count++] = (struct parcel){
		.file = file, .name = mem_copy(name), .time = time, .queued = queued};
}

static void parcels_release(struct parcels *parcels)
{
	for (size_t i = 0; i < parcels->count; i++) {
		free(parcels->items[i].file);
		free(parcels->items[i].name);
	}
	free(parcels->items);
	*parcels = (struct parcels){0};
}

/* Takes the name of a file among the deltas apart: "00000012-1795312800-OneRoster.zip". */
static bool read_ticket(const char *ticket, uint64_t *number, int64_t *time, const char **name)
{
	char *end = NULL;
	if (*ticket < '0' || *ticket > '9')
		return false;
	*number = strtoull(ticket, &end, 10);
	if (*end != '-')
		return false;
	*time = strtoll(end + 1, &end, 10);
	*name = end + 1;
	return *end == '-' && **name != '\0';
}

static int by_number(const void *left, const void *right)
{
	uint64_t numbers[2] = {0};
	int64_t time = 0;
	const char *name = NULL;
	read_ticket(file_base(((const struct parcel *)left)->file), &numbers[0], &time, &name);
	read_ticket(file_base(((const struct parcel *)right)->file), &numbers[1], &time, &name);
	return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1]);
}

static bool find_queued(const struct delivering_order *order, struct parcels *parcels, struct err *err)
{
	char *folder = queue_path(order);
	DIR *dir = opendir(folder);
	const struct dirent *entry = NULL;
	uint64_t number = 0;
	int64_t time = 0;
	const char *name = NULL;
	bool fine = dir != NULL || errno == ENOENT ||
		    err_set(err, ERR_FILE, "cannot read %s: %s", folder, strerror(errno));
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (read_ticket(entry->d_name, &number, &time, &name))
			parcels_add(parcels, mem_format("%s/%s", folder, entry->d_name), name, time, true);
	if (parcels->count > 1)
		qsort(parcels->items, parcels->count, sizeof(*parcels->items), by_number);
	if (dir != NULL)
		closedir(dir);
	free(folder);
	return fine;
}

void delivering_sweep(const struct delivering_order *order)
{
	char *folder = queue_path(order);
	file_sweep(folder);
	free(folder);
}

/* Removes the folders of the deltas when there are none. */
static void sweep_queue(const struct delivering_order *order)
{
	char *folder = queue_path(order);
	if (rmdir(folder) == 0) {
		*strrchr(folder, '/') = '\0';
		rmdir(folder);
	}
	free(folder);
}

/* Deltas that a full bundle has taken the place of. */
static void drop_queued(const struct delivering_order *order)
{
	struct err ignored = {0};
	struct parcels parcels = {0};
	find_queued(order, &parcels, &ignored);
	for (size_t i = 0; i < parcels.count; i++)
		unlink(parcels.items[i].file);
	if (parcels.count > 0)
		sweep_queue(order);
	parcels_release(&parcels);
}

static bool is_delivered(const struct delivering_order *order, const struct shelf *shelf, const struct record *record)
{
	char target[DIGEST_HEX_SIZE];
	target_of(order->bundle, file_base(shelf->path), target);
	return record->known && strcmp(record->target, target) == 0 && strcmp(record->content, shelf->content) == 0;
}

/* A receiver may take the published file away, so that the kept copy is what is sent. Without one, the published file
 * will do as long as it is what was published. */
static bool find_published(const struct shelf *shelf, struct parcels *parcels, struct err *err)
{
	const char *file = NULL;
	if (!shelf->delta && access(shelf->published, R_OK) == 0)
		file = shelf->published;
	else if (shelf_unchanged(shelf, shelf->output, NULL, shelf->content))
		file = shelf->path;
	if (file == NULL)
		return err_set(err, ERR_DELIVERY, "%s is not there any more as it was published%s", shelf->path,
			shelf->delta ? "; what it held is part of the next bundle in bulk"
				     : ", nor is the copy in the state folder; the next export in bulk makes it anew");
	parcels_add(parcels, mem_copy(file), file_base(shelf->path), shelf->time, false);
	return true;
}

static bool find_parcels(
	const struct delivering_order *order, const struct record *record, struct parcels *parcels, struct err *err)
{
	struct shelf shelf;
	bool fine = true;
	shelf_open(&shelf, order->schema, order->state_dir, order->bundle->record);
	if (shelf.trouble.code != ERR_NONE) {
		*err = shelf.trouble;
		fine = false;
	} else if (shelf.known && !shelf.delta) {
		drop_queued(order);
		if (order->again || !is_delivered(order, &shelf, record))
			fine = find_published(&shelf, parcels, err);
	} else {
		fine = find_queued(order, parcels, err);
		if (fine && parcels->count == 0 && order->again && shelf.known)
			fine = find_published(&shelf, parcels, err);
	}
	shelf_release(&shelf);
	return fine;
}

/* --- deltas --------------------------------------------------------------------------------------------------------
 */

static char *next_ticket(
	const struct delivering_order *order, const struct parcels *queued, const char *name, int64_t time)
{
	uint64_t number = 0;
	int64_t ignored = 0;
	const char *rest = NULL;
	char *folder = queue_path(order);
	if (queued->count > 0)
		read_ticket(file_base(queued->items[queued->count - 1].file), &number, &ignored, &rest);
	char *path = mem_format("%s/%08" PRIu64 "-%" PRId64 "-%s", folder, number + 1, time, name);
	free(folder);
	return path;
}

/* Puts a copy of a parcel behind those that are to be sent. */
static bool queue_copy(
	const struct delivering_order *order, const struct parcel *parcel, struct parcels *queued, struct err *err)
{
	char *ticket = next_ticket(order, queued, parcel->name, parcel->time);
	int fd = file_open(AT_FDCWD, parcel->file, O_RDONLY);
	bool fine = fd >= 0 || err_set(err, ERR_FILE, "cannot read %s: %s", parcel->file, strerror(errno));
	fine = fine && file_publish(fd, ticket, err);
	if (fd >= 0)
		close(fd);
	if (fine)
		parcels_add(queued, ticket, parcel->name, parcel->time, true);
	else
		free(ticket);
	return fine;
}

/* A delta is of use only to whom has what was before it. Makes the folder. */
static bool keep_base(const struct delivering_order *order, const char *folder, struct parcels *queued, struct err *err)
{
	struct shelf shelf;
	struct parcels base = {0};
	struct record record = record_read(order);
	shelf_open(&shelf, order->schema, order->state_dir, order->bundle->record);
	bool needed = shelf.known && !shelf.delta && !is_delivered(order, &shelf, &record);
	if (shelf.known && !shelf.delta) {
		drop_queued(order);
		parcels_release(queued);
	}
	bool fine = file_make_folder(folder, S_IRWXU, err) && (!needed || find_published(&shelf, &base, err));
	for (size_t i = 0; fine && i < base.count; i++)
		fine = queue_copy(order, &base.items[i], queued, err);
	free(record.place);
	parcels_release(&base);
	shelf_release(&shelf);
	return fine;
}

bool delivering_keep(
	const struct delivering_order *order, struct bundle *bundle, const char *path, int64_t now, struct err *err)
{
	struct parcels queued = {0};
	char *folder = queue_path(order);
	bool fine = find_queued(order, &queued, err) && keep_base(order, folder, &queued, err);
	if (fine) {
		char *ticket = next_ticket(order, &queued, file_base(path), now);
		fine = bundle_keep(bundle, ticket, err);
		free(ticket);
	}
	parcels_release(&queued);
	free(folder);
	return fine || err_in(err, "%s is published, but could not be kept to be delivered", path);
}

/* --- sending -------------------------------------------------------------------------------------------------------
 */

static struct delivery delivery_of(const struct config *config, const struct bundle_config *bundle, const char *name)
{
	return (struct delivery){
		.address = bundle->deliver,
		.name = name,
		.secret = bundle->deliver_secret,
		.identity_file = bundle->identity_file,
		.known_hosts = bundle->known_hosts,
		.host_key_sha256 = bundle->host_key_sha256,
		.s3_region = bundle->s3_region,
		.ca_file = config->ca_file,
		.direct = bundle->deliver_by == CONFIG_DELIVER_DIRECT,
		.verbose = config->verbose,
		.stopped = stop_requested,
	};
}

bool delivering_ready(const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	const char *usual = bundle->output != NULL && *file_base(bundle->output) != '\0' ? file_base(bundle->output)
											 : "OneRoster.zip";
	char *name = name_there(bundle, usual, time_unix(), err);
	if (name == NULL)
		return config_err_in(config, bundle, "deliver-as", err);
	struct delivery delivery = delivery_of(config, bundle, name);
	bool fine = delivery_ready(&delivery, err);
	free(name);
	return fine || config_err_in(config, bundle, "deliver", err);
}

static bool send_parcel(const struct delivering_order *order, const struct parcel *parcel,
	struct delivering *delivering, struct err *err)
{
	char *name = name_there(order->bundle, parcel->name, parcel->time, err);
	if (name == NULL)
		return config_err_in(order->config, order->bundle, "deliver-as", err);
	struct delivery delivery = delivery_of(order->config, order->bundle, name);
	struct delivery_result result = {0};
	int64_t began = time_ms();
	bool sent = delivery_send(&delivery, parcel->file, &result, err);
	delivering->ms += time_ms() - began;
	delivering->tries += result.tries;
	if (result.place != NULL) {
		free(delivering->place);
		delivering->place = mem_copy(result.place);
	}
	if (sent) {
		delivering->bytes += result.bytes;
		delivering->resumed += result.resumed;
		delivering->sent++;
	} else if (err->code != ERR_STOPPED) {
		err->code = ERR_DELIVERY; /* whatever it was: the bundle is built */
	}
	bool fine = sent && take_note(order, parcel, &result, err);
	if (sent && parcel->queued && unlink(parcel->file) != 0)
		fine = err_set(
			err, ERR_FILE, "cannot remove %s, which was delivered: %s", parcel->file, strerror(errno));
	delivery_result_release(&result);
	free(name);
	return fine;
}

/* Where it is, if it is there already; else where it is to go. */
static void show_place(
	const struct delivering_order *order, const struct record *record, bool there, struct delivering *delivering)
{
	free(delivering->place);
	delivering->place = there && record->place != NULL ? mem_copy(record->place)
							   : delivery_show(order->bundle->deliver);
}

bool delivering_send(const struct delivering_order *order, struct delivering *delivering, struct err *err)
{
	struct parcels parcels = {0};
	struct record record = record_read(order);
	bool fine = find_parcels(order, &record, &parcels, err);
	show_place(order, &record, fine && parcels.count == 0, delivering);
	for (size_t i = 0; fine && i < parcels.count; i++)
		fine = send_parcel(order, &parcels.items[i], delivering, err);
	delivering->waiting = parcels.count - delivering->sent;
	if (!fine)
		delivering->state = DELIVERING_FAILED;
	else
		delivering->state = parcels.count > 0 ? DELIVERING_DONE : DELIVERING_UNCHANGED;
	if (delivering->sent > 0)
		sweep_queue(order);
	delivering->err = *err;
	free(record.place);
	parcels_release(&parcels);
	return fine;
}

bool delivering_send_file(
	const struct delivering_order *order, const char *path, struct delivering *delivering, struct err *err)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return err_set(err, ERR_USAGE, "cannot read %s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_USAGE, "%s is not a file: what is sent is the zip of a bundle", path);
	struct parcel parcel = {
		.file = mem_copy(path),
		.name = mem_copy(file_base(path)),
		.time = status.st_mtime,
	};
	bool fine = send_parcel(order, &parcel, delivering, err);
	delivering->state = fine ? DELIVERING_DONE : DELIVERING_FAILED;
	delivering->err = *err;
	free(parcel.file);
	free(parcel.name);
	return fine;
}

void delivering_look(const struct delivering_order *order, struct delivering *delivering)
{
	struct err ignored = {0};
	struct parcels parcels = {0};
	struct record record = record_read(order);
	bool none = find_parcels(order, &record, &parcels, &ignored) && parcels.count == 0;
	delivering->waiting = parcels.count;
	delivering->state = none ? DELIVERING_UNCHANGED : DELIVERING_PENDING;
	show_place(order, &record, none, delivering);
	free(record.place);
	parcels_release(&parcels);
}

bool delivering_is_published(const struct delivering_order *order, const char *path)
{
	struct shelf shelf;
	struct stat one;
	struct stat other;
	shelf_open(&shelf, order->schema, order->state_dir, order->bundle->record);
	bool same = shelf.known && stat(shelf.path, &one) == 0 && stat(path, &other) == 0 &&
		    one.st_dev == other.st_dev && one.st_ino == other.st_ino;
	shelf_release(&shelf);
	return same;
}

int64_t delivering_time(const struct delivering_order *order)
{
	struct record record = record_read(order);
	free(record.place);
	return record.time;
}

const char *delivering_word(enum delivering_state state)
{
	static const char *const words[] = {
		[DELIVERING_NONE] = "none",
		[DELIVERING_UNCHANGED] = "unchanged",
		[DELIVERING_DONE] = "delivered",
		[DELIVERING_PENDING] = "pending",
		[DELIVERING_FAILED] = "failed",
	};
	return words[state];
}

void delivering_release(struct delivering *delivering)
{
	free(delivering->place);
	*delivering = (struct delivering){0};
}

#include "package/bundle.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zip.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "package/archive.h"
#include "package/deflater.h"
#include "package/folder.h"
#include "package/sidecar.h"

enum {
	DEFLATE_LEVEL = 6,     /* libzip's own choice, 9, takes three times as long for 2 % */
	DOS_DATE = 1 << 5 | 1, /* 1980-01-01, the first day a zip can tell: the day of a run must not show */
	DOS_TIME = 0,
	ENTRY_MODE = 0100644,
};

static const char manifest_name[] = "manifest.csv";

struct bundle_file {
	const char *name;
	bool present;
	int fd;        /* of the CSV, -1 before it is begun */
	int packed;    /* of the same deflated */
	size_t number; /* for the deflater */
	uint64_t rows;
	uint64_t bytes;
};

struct bundle {
	struct bundle_options options;
	struct bundle_file *files; /* by table id, then the manifest */
	struct out out;            /* the file being written */
	struct deflater *deflater;
	int writing;    /* its table, or SCHEMA_NONE */
	bool finished;  /* the manifest is written */
	char *zip_path; /* of the working file, once it may exist */
	bool zipped;    /* it is whole */
	uint64_t zip_size;
	char *sealed_path; /* the same of the encrypted one */
	bool sealed;
};

static size_t file_count(const struct bundle *bundle)
{
	return (size_t)bundle->options.schema->table_count + 1;
}

static struct bundle_file *manifest_file(const struct bundle *bundle)
{
	return &bundle->files[bundle->options.schema->table_count];
}

struct bundle *bundle_new(const struct bundle_options *options)
{
	struct bundle *bundle = mem_new(1, sizeof(*bundle));
	bundle->options = *options;
	bundle->writing = SCHEMA_NONE;
	bundle->files = mem_new(file_count(bundle), sizeof(*bundle->files));
	bundle->deflater = deflater_new(DEFLATE_LEVEL);
	for (size_t i = 0; i < file_count(bundle); i++)
		bundle->files[i].fd = bundle->files[i].packed = -1;
	for (int i = 0; i < options->schema->table_count; i++)
		bundle->files[i].name = options->schema->tables[i].file_name;
	manifest_file(bundle)->name = manifest_name;
	return bundle;
}

void bundle_free(struct bundle *bundle)
{
	if (bundle == NULL)
		return;
	deflater_free(bundle->deflater);
	out_release(&bundle->out);
	for (size_t i = 0; i < file_count(bundle); i++) {
		if (bundle->files[i].fd >= 0)
			close(bundle->files[i].fd);
		if (bundle->files[i].packed >= 0)
			close(bundle->files[i].packed);
	}
	if (bundle->zip_path != NULL)
		unlink(bundle->zip_path);
	if (bundle->sealed_path != NULL)
		unlink(bundle->sealed_path);
	free(bundle->zip_path);
	free(bundle->sealed_path);
	free(bundle->files);
	free(bundle);
}

static bool open_file(struct bundle *bundle, struct bundle_file *file, struct err *err)
{
	file->fd = file_temp(bundle->options.folder, err);
	file->packed = file->fd >= 0 ? file_temp(bundle->options.folder, err) : -1;
	if (file->packed < 0)
		return err_in(err, "%s", file->name);
	char *where = mem_format("%s in %s", file->name, bundle->options.folder);
	out_init(&bundle->out, file->fd, where);
	file->number = deflater_begin(bundle->deflater, file->fd, file->packed, where);
	free(where);
	return true;
}

static bool close_file(struct bundle *bundle, struct bundle_file *file, struct err *err)
{
	bool fine = out_finish(&bundle->out, err);
	file->bytes = out_size(&bundle->out);
	file->present = fine;
	out_release(&bundle->out);
	deflater_end(bundle->deflater, file->number, fine ? file->bytes : 0);
	return fine;
}

bool bundle_begin_file(
	struct bundle *bundle, const struct table *table, const char *const *extra, size_t extra_count, struct err *err)
{
	assert(!bundle->finished && bundle->writing == SCHEMA_NONE && bundle->files[table->id].fd < 0);
	if (!open_file(bundle, &bundle->files[table->id], err))
		return false;
	bundle->writing = table->id;
	for (int i = 0; i < table->column_count; i++)
		csv_write_cell(&bundle->out, table->columns[i].name, strlen(table->columns[i].name), i == 0,
			&bundle->options.style);
	for (size_t i = 0; i < extra_count; i++)
		csv_write_cell(&bundle->out, extra[i], strlen(extra[i]), false, &bundle->options.style);
	csv_write_end(&bundle->out, &bundle->options.style);
	return true;
}

void bundle_add_row(struct bundle *bundle, const struct row *row)
{
	assert(bundle->writing != SCHEMA_NONE);
	struct bundle_file *file = &bundle->files[bundle->writing];
	uint64_t flushed = bundle->out.flushed;
	/* In bulk the file is the reference: status and date must be blank (CSV binding, "bulk"). */
	for (size_t i = 0; i < row->count; i++) {
		bool blank = !bundle->options.delta && (i == SCHEMA_STATUS || i == SCHEMA_DATE_LAST_MODIFIED);
		csv_write_cell(
			&bundle->out, row_text(row, i), blank ? 0 : row_length(row, i), i == 0, &bundle->options.style);
	}
	csv_write_end(&bundle->out, &bundle->options.style);
	file->rows++;
	if (bundle->out.flushed != flushed && bundle->out.failure == 0)
		deflater_reach(bundle->deflater, file->number, bundle->out.flushed);
}

bool bundle_end_file(struct bundle *bundle, struct err *err)
{
	struct bundle_file *file = &bundle->files[bundle->writing];
	bundle->writing = SCHEMA_NONE;
	bool fine = close_file(bundle, file, err);
	if (fine && file->rows == 0 && !bundle->options.empty_header) {
		file->present = false;
		file->bytes = 0;
	}
	return fine;
}

uint64_t bundle_rows(const struct bundle *bundle, const struct table *table)
{
	return bundle->files[table->id].rows;
}

uint64_t bundle_bytes(const struct bundle *bundle, const struct table *table)
{
	return bundle->files[table->id].bytes;
}

bool bundle_has(const struct bundle *bundle, const struct table *table)
{
	return bundle->files[table->id].present;
}

uint64_t bundle_size(const struct bundle *bundle)
{
	return bundle->zip_size;
}

/* --- manifest ------------------------------------------------------------------------------------------------------
 */

static void write_property(struct bundle *bundle, const char *name, const char *value)
{
	csv_write_cell(&bundle->out, name, strlen(name), true, &bundle->options.style);
	csv_write_cell(&bundle->out, value, strlen(value), false, &bundle->options.style);
	csv_write_end(&bundle->out, &bundle->options.style);
}

static int by_name(const void *a, const void *b)
{
	const struct bundle_file *const *x = a;
	const struct bundle_file *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static bool write_manifest(struct bundle *bundle, struct err *err)
{
	const struct schema *schema = bundle->options.schema;
	const char *mode = bundle->options.delta ? "delta" : "bulk";
	if (!open_file(bundle, manifest_file(bundle), err))
		return false;
	write_property(bundle, "propertyName", "value");
	write_property(bundle, "manifest.version", "1.0");
	write_property(bundle, "oneroster.version", schema->version);
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[schema->manifest[i]];
		char *property = mem_format("file.%s", table->name);
		write_property(bundle, property, bundle_has(bundle, table) ? mode : "absent");
		free(property);
	}
	/* An empty cell makes one reader throw, so these are written only when there is something to say. */
	if (bundle->options.source_name != NULL)
		write_property(bundle, "source.systemName", bundle->options.source_name);
	if (bundle->options.source_code != NULL)
		write_property(bundle, "source.systemCode", bundle->options.source_code);
	return close_file(bundle, manifest_file(bundle), err);
}

/* The files that are there, in the order of the zip: manifest first, then by name. To be freed. */
static struct bundle_file **files_in_order(const struct bundle *bundle, size_t *count)
{
	struct bundle_file **files = mem_new(file_count(bundle), sizeof(struct bundle_file *));
	files[0] = manifest_file(bundle);
	*count = 1;
	for (size_t i = 0; i + 1 < file_count(bundle); i++)
		if (bundle->files[i].present)
			files[(*count)++] = &bundle->files[i];
	qsort(files + 1, *count - 1, sizeof(struct bundle_file *), by_name);
	return files;
}

/* --- zip -----------------------------------------------------------------------------------------------------------
 */

static const char *why_not(zip_t *zip)
{
	int code = zip_error_code_zip(zip_get_error(zip));
	/* It does not always note that there was none. */
	return code == ZIP_ER_MEMORY || code == ZIP_ER_OK ? "not enough memory" : zip_strerror(zip);
}

static bool zip_failed(zip_t *zip, const char *name, struct err *err)
{
	return err_set(err, ERR_FILE, "cannot put %s into the zip: %s", name, why_not(zip));
}

/* A file as libzip reads it: deflated already, so that only its bytes are copied. */
struct packed_source {
	int fd;
	struct deflated facts;
	uint64_t at;
	zip_error_t error;
};

static zip_int64_t read_packed(struct packed_source *source, void *data, zip_uint64_t room)
{
	ssize_t length = 0;
	do {
		length = pread(source->fd, data, (size_t)room, (off_t)source->at);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		zip_error_set(&source->error, ZIP_ER_READ, errno);
	else
		source->at += (uint64_t)length;
	return length;
}

static zip_int64_t describe_packed(const struct packed_source *source, zip_stat_t *stat)
{
	zip_stat_init(stat);
	stat->size = source->facts.size;
	stat->comp_size = source->facts.packed;
	stat->crc = source->facts.crc;
	stat->comp_method = ZIP_CM_DEFLATE;
	stat->encryption_method = ZIP_EM_NONE;
	stat->valid = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD |
		      ZIP_STAT_ENCRYPTION_METHOD;
	return sizeof(*stat);
}

static zip_int64_t packed_source(void *context, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
	struct packed_source *source = context;
	switch (command) {
	case ZIP_SOURCE_OPEN: source->at = 0; return 0;
	case ZIP_SOURCE_READ: return read_packed(source, data, length);
	case ZIP_SOURCE_CLOSE: return 0;
	case ZIP_SOURCE_STAT: return describe_packed(source, data);
	case ZIP_SOURCE_ERROR: return zip_error_to_data(&source->error, data, length);
	case ZIP_SOURCE_FREE: free(source); return 0;
	case ZIP_SOURCE_SUPPORTS:
		return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
			ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
	default: zip_error_set(&source->error, ZIP_ER_OPNOTSUPP, 0); return -1;
	}
}

static bool zip_add_file(zip_t *zip, const struct bundle *bundle, const struct bundle_file *file,
	const char *passphrase, struct err *err)
{
	struct packed_source *packed = mem_new(1, sizeof(*packed));
	packed->fd = file->packed;
	packed->facts = *deflater_result(bundle->deflater, file->number);
	zip_error_init(&packed->error);
	zip_source_t *source = zip_source_function(zip, packed_source, packed);
	if (source == NULL) {
		free(packed);
		return zip_failed(zip, file->name, err);
	}
	zip_int64_t index = zip_file_add(zip, file->name, source, ZIP_FL_ENC_UTF_8);
	if (index < 0) {
		zip_source_free(source);
		return zip_failed(zip, file->name, err);
	}
	zip_uint64_t entry = (zip_uint64_t)index;
	if (zip_set_file_compression(zip, entry, ZIP_CM_DEFLATE, DEFLATE_LEVEL) != 0 ||
		zip_file_set_dostime(zip, entry, DOS_TIME, DOS_DATE, 0) != 0 ||
		zip_file_set_external_attributes(zip, entry, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)ENTRY_MODE << 16) != 0 ||
		(passphrase != NULL && zip_file_set_encryption(zip, entry, ZIP_EM_AES_256, passphrase) != 0))
		return zip_failed(zip, file->name, err);
	return true;
}

static int zip_cancelled(zip_t *zip, void *context)
{
	(void)zip;
	const struct bundle *bundle = context;
	return bundle->options.stopped != NULL && bundle->options.stopped() ? 1 : 0;
}

/* Makes the zip at path, encrypted unless passphrase is NULL. */
static bool build_zip(struct bundle *bundle, const char *path, const char *passphrase, struct err *err)
{
	int code = 0;
	zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
	if (zip == NULL) {
		zip_error_t error;
		zip_error_init_with_code(&error, code);
		err_set(err, ERR_FILE, "cannot make %s: %s", path,
			code == ZIP_ER_MEMORY ? "not enough memory" : zip_error_strerror(&error));
		zip_error_fini(&error);
		return false;
	}
	zip_register_cancel_callback_with_state(zip, zip_cancelled, NULL, bundle);
	bool fine = true;
	size_t count = 0;
	struct bundle_file **files = files_in_order(bundle, &count);
	for (size_t i = 0; fine && i < count; i++)
		fine = zip_add_file(zip, bundle, files[i], passphrase, err);
	free(files);
	if (fine && zip_close(zip) != 0) {
		int system = zip_error_system_type(zip_get_error(zip)) == ZIP_ET_SYS
				     ? zip_error_code_system(zip_get_error(zip))
				     : 0;
		if (zip_cancelled(zip, bundle))
			err_set(err, ERR_STOPPED, "stopped");
		else
			err_set(err, ERR_FILE, "cannot write the zip in %s: %s", bundle->options.folder,
				system != 0 ? strerror(system) : why_not(zip));
		fine = false;
	} else if (fine) {
		return true;
	}
	zip_discard(zip);
	return fine;
}

/* The zip that goes to its place. */
static const char *outgoing(const struct bundle *bundle)
{
	return bundle->sealed ? bundle->sealed_path : bundle->zip_path;
}

static bool publish_zip(const struct bundle *bundle, const char *path, struct err *err)
{
	const char *from = outgoing(bundle);
	int fd = file_open(AT_FDCWD, from, O_RDONLY);
	if (fd < 0)
		return err_set(err, ERR_FILE, "cannot read %s: %s", from, strerror(errno));
	bool fine = file_publish(fd, path, err);
	close(fd);
	return fine;
}

static bool publish_folder(const struct bundle *bundle, const char *path, struct err *err)
{
	size_t count = 0;
	struct bundle_file **files = files_in_order(bundle, &count);
	struct folder_file *loose = mem_new(count, sizeof(*loose));
	const char **known = mem_new(file_count(bundle) + 1, sizeof(*known));
	for (size_t i = 0; i < count; i++)
		loose[i] = (struct folder_file){.name = files[i]->name, .fd = files[i]->fd};
	for (size_t i = 0; i < file_count(bundle); i++)
		known[i] = bundle->files[i].name;
	bool fine = folder_publish(loose, count, known, path, err);
	free(known);
	free(loose);
	free(files);
	return fine;
}

/* --- the whole -----------------------------------------------------------------------------------------------------
 */

bool bundle_finish(struct bundle *bundle, struct err *err)
{
	assert(!bundle->finished && bundle->writing == SCHEMA_NONE);
	bundle->finished = write_manifest(bundle, err);
	return bundle->finished;
}

struct archive *bundle_archive(const struct bundle *bundle)
{
	assert(bundle->finished);
	size_t count = 0;
	struct bundle_file **files = files_in_order(bundle, &count);
	const char **names = mem_new(count, sizeof(*names));
	int *fds = mem_new(count, sizeof(*fds));
	for (size_t i = 0; i < count; i++) {
		names[i] = files[i]->name;
		fds[i] = files[i]->fd;
	}
	struct archive *archive = archive_of_files(names, fds, count);
	free(fds);
	free(names);
	free(files);
	return archive;
}

static uint64_t size_of(const char *path)
{
	struct stat status;
	return lstat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

bool bundle_zip(struct bundle *bundle, struct err *err)
{
	assert(bundle->finished && bundle->zip_path == NULL);
	bundle->zip_path = mem_format("%s/bundle.zip", bundle->options.folder);
	bundle->zipped = deflater_wait(bundle->deflater, bundle->options.stopped, err) &&
			 build_zip(bundle, bundle->zip_path, NULL, err);
	if (bundle->zipped)
		bundle->zip_size = size_of(bundle->zip_path);
	return bundle->zipped;
}

/* The library encrypts what is deflated already: nothing is packed twice. */
bool bundle_seal(struct bundle *bundle, const char *passphrase, struct err *err)
{
	assert(bundle->zipped && bundle->sealed_path == NULL);
	bundle->sealed_path = mem_format("%s/sealed.zip", bundle->options.folder);
	bundle->sealed = build_zip(bundle, bundle->sealed_path, passphrase, err);
	if (bundle->sealed)
		bundle->zip_size = size_of(bundle->sealed_path);
	return bundle->sealed;
}

bool bundle_can_seal(struct err *err)
{
	return zip_encryption_method_supported(ZIP_EM_AES_256, 1) != 0 ||
	       err_set(err, ERR_USAGE, "libzip on this machine was built without AES: it cannot encrypt a zip");
}

bool bundle_digest(const struct bundle *bundle, char out[static DIGEST_HEX_SIZE], struct err *err)
{
	assert(bundle->zipped);
	return sidecar_digest(outgoing(bundle), out, err);
}

bool bundle_commit(struct bundle *bundle, const char *path, struct err *err)
{
	size_t length = strlen(path);
	if (!bundle->finished && !bundle_finish(bundle, err))
		return false;
	if (length > 0 && path[length - 1] == '/')
		return publish_folder(bundle, path, err);
	return (bundle->zipped || bundle_zip(bundle, err)) && publish_zip(bundle, path, err);
}

bool bundle_keep(struct bundle *bundle, const char *path, struct err *err)
{
	assert(bundle->zipped);
	if (chmod(bundle->zip_path, S_IRUSR | S_IWUSR) != 0 || rename(bundle->zip_path, path) != 0)
		return err_set(err, ERR_FILE, "cannot keep a bundle at %s: %s", path, strerror(errno));
	free(bundle->zip_path);
	bundle->zip_path = NULL;
	bundle->zipped = false;
	return true;
}

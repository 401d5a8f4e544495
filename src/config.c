#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/time.h"
#include "check/rule.h"
#include "cmdline.h"
#include "column_name.h"
#include "consumer_file.h"
#include "credentials.h"
#include "inifile.h"
#include "keeping.h"
#include "option.h"
#include "provider.h"
#include "provider_file.h"
#include "receivers.h"
#include "secret.h"
#include "setting.h"
#include "table/consumer.h"
#include "table/schema.h"

enum {
	FILE_MAX = 1024 * 1024,
	BUNDLES_MAX = 1000, /* outputs of one run */
};

extern char **environ;

/* ---- Values and where they come from ---- */

/* Where a text is to go: the run or a bundle, with what is known of the values there. */
struct target {
	void *values;
	struct config_origin *origins;
	unsigned first_line; /* of the part of the file that is being read; what stood before is only a default */
};

static struct target target_for(struct config *config, struct bundle_config *bundle, const struct option *option)
{
	if (option_of_bundle(option))
		return (struct target){.values = bundle, .origins = bundle->origins};
	return (struct target){.values = config, .origins = config->origins};
}

static const struct config_origin *origin_of(
	const struct config *config, const struct bundle_config *bundle, const struct option *option)
{
	const struct config_origin *origins = config->origins;
	if (bundle != NULL && option_of_bundle(option))
		origins = bundle->origins;
	return &origins[option_index(option)];
}

static void add_origin(const struct config *config, const struct bundle_config *bundle, const struct option *option,
	const struct config_origin *origin, struct buf *out)
{
	switch (origin->level) {
	case CONFIG_DEFAULT: buf_add_text(out, "default"); break;
	case CONFIG_PROVIDER: buf_add_format(out, "provider %s", config->provider->name); break;
	case CONFIG_CONSUMER:
		if (bundle != NULL) /* nothing else has one */
			buf_add_format(out, "consumer %s", bundle->consumer->name);
		break;
	case CONFIG_FILE: buf_add_format(out, "%s:%u", config->file, origin->line); break;
	case CONFIG_ENVIRONMENT: option_variable(option, out); break;
	case CONFIG_COMMAND_LINE: buf_add_text(out, "command line"); break;
	}
}

static const struct option *named(const char *name)
{
	const struct option *option = option_find(name, strlen(name));
	assert(option != NULL);
	return option;
}

void config_origin_add(
	const struct config *config, const struct bundle_config *bundle, const char *option, struct buf *out)
{
	const struct option *row = named(option);
	add_origin(config, bundle, row, origin_of(config, bundle, row), out);
}

bool config_err_in(const struct config *config, const struct bundle_config *bundle, const char *option, struct err *err)
{
	struct buf text = {0};
	config_origin_add(config, bundle, option, &text);
	err_in(err, "%s", buf_text(&text));
	buf_release(&text);
	return false;
}

enum config_level config_level(const struct config *config, const char *name)
{
	return origin_of(config, NULL, named(name))->level;
}

enum config_level config_bundle_level(const struct config *config, const struct bundle_config *bundle, const char *name)
{
	return origin_of(config, bundle, named(name))->level;
}

/* Adds a text and an end, so that two texts are never taken for two others. */
static void add_whose(struct digest *digest, const char *text)
{
	digest_add(digest, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

void config_whose(const struct config *config, char out[static DIGEST_HEX_SIZE])
{
	struct digest *digest = digest_new();
	const char *const texts[] = {config->data_url, config->client_id, config->token_url, config->bearer_token};
	const int numbers[] = {config->auth, config->grant};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		add_whose(digest, texts[i]);
	digest_add(digest, numbers, sizeof(numbers));
	const struct config_list *const lists[] = {&config->header, &config->token_param};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t n = 0; n < lists[i]->count; n++)
			add_whose(digest, lists[i]->items[n]);
		add_whose(digest, "");
	}
	digest_hex(digest, out);
	digest_free(digest);
}

const char *config_word(const char *option, int value)
{
	return named(option)->choices[value];
}

/* True if the value comes from this very part of the same source: then a list goes on, and all else is said twice. */
static bool is_again(const struct config_origin *now, const struct config_origin *origin, unsigned first_line)
{
	if (now->level != origin->level)
		return false;
	return origin->level != CONFIG_FILE || now->line >= first_line;
}

static bool apply(struct target target, const struct option *option, const char *text, struct config_origin origin,
	struct err *err)
{
	struct config_origin *now = &target.origins[option_index(option)];
	bool again = is_again(now, &origin, target.first_line);
	if (again && origin.level == CONFIG_FILE && !option_is_list(option))
		return err_set(err, ERR_USAGE, "`%s` was already given on line %u", option->name, now->line);
	if (!again)
		setting_reset(option, target.values);
	if (!setting_set(option, target.values, text, err))
		return false;
	*now = origin;
	return true;
}

static void set_defaults(struct config *config)
{
	struct err err = {0};
	for (size_t i = 0; i < option_count; i++)
		if (options[i].preset != NULL) {
			struct target target = target_for(config, &config->top, &options[i]);
			bool fine = setting_set(&options[i], target.values, options[i].preset, &err);
			assert(fine);
			(void)fine;
		}
}

static void release_bundle(struct bundle_config *bundle)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_of_bundle(&options[i]))
			setting_reset(&options[i], bundle);
	consumer_file_free(bundle->consumer_file);
	secret_free(bundle->deliver_secret);
	free(bundle->record);
	free(bundle->place);
	secret_free(bundle->passphrase);
	free(bundle->name);
	free(bundle->origins);
	*bundle = (struct bundle_config){0};
}

/* A further bundle that begins with what the top part says. */
static struct bundle_config *add_bundle(struct config *config, const char *name, unsigned line)
{
	config->bundles = mem_grow(config->bundles, config->bundle_count + 1, sizeof(*config->bundles));
	struct bundle_config *bundle = &config->bundles[config->bundle_count++];
	*bundle = (struct bundle_config){.name = mem_copy(name), .line = line};
	bundle->origins = mem_new(option_count, sizeof(*bundle->origins));
	for (size_t i = 0; i < option_count; i++)
		if (option_of_bundle(&options[i])) {
			setting_copy(&options[i], bundle, &config->top);
			bundle->origins[i] = config->top.origins[i];
		}
	return bundle;
}

static void add_text(struct config_list *list, char *text)
{
	list->items = mem_grow(list->items, list->count + 2, sizeof(*list->items));
	list->items[list->count++] = text;
	list->items[list->count] = NULL;
	list->set = true;
}

void config_warn(struct config *config, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char text[1024];
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_text(&config->warnings, mem_copy(text));
}

static void free_list(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){0};
}

/* ---- The file ---- */

struct file_reader {
	struct config *config;
	struct bundle_config *bundle; /* of the section being read, or NULL */
	const struct option *option;  /* of the last key */
};

static bool is_name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool check_bundle_name(const struct config *config, const char *name, struct err *err)
{
	size_t length = strlen(name);
	bool good = is_name_letter(*name);
	for (size_t i = 0; i < length; i++)
		good = good && (is_name_letter(name[i]) || strchr("._-", name[i]) != NULL);
	if (!good)
		return err_set(err, ERR_USAGE,
			"the name in [bundle NAME] begins with a letter or digit and goes on with those, dots, hyphens "
			"and underscores");
	for (size_t i = 0; i < config->bundle_count; i++)
		if (strcmp(config->bundles[i].name, name) == 0)
			return err_set(err, ERR_USAGE, "[bundle %s] was already begun on line %u", name,
				config->bundles[i].line);
	if (config->bundle_count >= BUNDLES_MAX)
		return err_set(err, ERR_USAGE, "there are more than %d bundles", BUNDLES_MAX);
	return true;
}

static bool read_section(struct file_reader *reader, const struct inifile_line *line, struct err *err)
{
	static const char word[] = "bundle";
	const char *text = line->name + strspn(line->name, " \t");
	size_t length = strcspn(text, " \t");
	if (length != sizeof(word) - 1 || strncmp(text, word, length) != 0)
		return err_set(err, ERR_USAGE, "unknown section [%s]; there is only [bundle NAME]", line->name);
	text += length;
	text += strspn(text, " \t");
	size_t end = strlen(text);
	while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
		end--;
	char *name = mem_copy_n(text, end);
	bool ok = check_bundle_name(reader->config, name, err);
	if (ok)
		reader->bundle = add_bundle(reader->config, name, line->number);
	reader->option = NULL;
	free(name);
	return ok;
}

/* A line that was only indented by mistake would otherwise become part of the list before it. */
static bool looks_like_key(const struct option *before, const char *text)
{
	size_t length = strcspn(text, " \t=:");
	const char *behind = text + length + strspn(text + length, " \t");
	if (*behind != '=' || option_find(text, length) == NULL)
		return false;
	return before->kind != OPTION_LINES || behind > text + length;
}

static bool read_key(struct file_reader *reader, const struct inifile_line *line, struct err *err)
{
	struct config *config = reader->config;
	const struct option *option = reader->option;
	if (line->kind == INIFILE_MORE) {
		if (!option_is_list(option) || looks_like_key(option, line->value))
			return err_set(err, ERR_USAGE,
				"this line begins with a blank and so continues `%s`; remove the blank", option->name);
	} else {
		option = option_find(line->name, strlen(line->name));
		if (option == NULL)
			return option_unknown("key", "", line->name, strlen(line->name), ~0U, err);
		if (option->command_line_only)
			return err_set(err, ERR_USAGE, "`%s` belongs on the command line", option->name);
		reader->option = option;
	}
	struct bundle_config *bundle = reader->bundle != NULL ? reader->bundle : &config->top;
	if (reader->bundle != NULL && !option_of_bundle(option))
		return err_set(err, ERR_USAGE,
			"`%s` is for the whole run: it belongs above the first section, not into [bundle %s]",
			option->name, bundle->name);
	struct target target = target_for(config, bundle, option);
	target.first_line = reader->bundle != NULL ? reader->bundle->line : 1;
	return apply(
		target, option, line->value, (struct config_origin){.level = CONFIG_FILE, .line = line->number}, err);
}

static bool read_line(void *context, const struct inifile_line *line, struct err *err)
{
	if (line->kind == INIFILE_SECTION)
		return read_section(context, line, err);
	return read_key(context, line, err);
}

static bool read_file(struct config *config, struct err *err)
{
	struct buf text;
	buf_init(&text, FILE_MAX);
	bool ok = file_read_given(config->file, FILE_MAX, &text, err);
	if (ok) {
		struct file_reader reader = {.config = config};
		ok = inifile_read(config->file, buf_text(&text), text.length, read_line, &reader, err);
	}
	/* Header lines and token parameters may be as good as a secret. */
	if (text.data != NULL)
		secret_wipe(text.data, text.length);
	buf_release(&text);
	return ok;
}

/* ---- The environment ---- */

static const char *variable(char **environment, const char *name)
{
	size_t length = strlen(name);
	for (char **entry = environment; *entry != NULL; entry++)
		if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
			return *entry + length + 1;
	return NULL;
}

/* Takes a secret out of an environment, so that no child inherits it, and out of the bytes that /proc/PID/environ
 * shows. NULL if it is not there or empty. */
static char *take_variable(char **environment, const char *name)
{
	char *secret = NULL;
	size_t length = strlen(name);
	char **kept = environment;
	for (char **entry = environment; *entry != NULL; entry++) {
		if (strncmp(*entry, name, length) != 0 || (*entry)[length] != '=') {
			*kept++ = *entry;
			continue;
		}
		char *value = *entry + length + 1;
		if (secret == NULL && *value != '\0')
			secret = mem_copy(value);
		secret_wipe(value, strlen(value));
		if (environment == environ)
			*kept++ = *entry; /* unsetenv takes it out */
	}
	*kept = NULL;
	if (environment == environ)
		unsetenv(name);
	return secret;
}

/* Takes out what options may have brought that is as good as a secret, such as a header line. */
static void take_hidden(char **environment)
{
	for (size_t i = 0; i < option_count; i++) {
		struct buf name = {0};
		if (!options[i].hidden)
			continue;
		option_variable(&options[i], &name);
		secret_free(take_variable(environment, buf_text(&name)));
		buf_release(&name);
	}
}

static void warn_variable(struct config *config, const char *name, size_t length)
{
	static const size_t skip = sizeof(OPTION_VARIABLE_PREFIX) - 1;
	const char *nearest = option_nearest(name + skip, length - skip, ~0U);
	struct buf text = {0};
	buf_add_format(&text, "unknown variable %.*s in the environment is not used", (int)length, name);
	if (nearest != NULL && !named(nearest)->command_line_only) {
		buf_add_text(&text, " (did you mean ");
		option_variable(named(nearest), &text);
		buf_add_text(&text, "?)");
	}
	config_warn(config, "%s", buf_text(&text));
	buf_release(&text);
}

static bool apply_everywhere(
	struct config *config, const struct option *option, const char *text, enum config_level level, struct err *err)
{
	struct config_origin origin = {.level = level};
	if (!option_of_bundle(option))
		return apply(target_for(config, &config->top, option), option, text, origin, err);
	if (config->bundle_count > 1 && strcmp(option->name, "output") == 0)
		return err_set(
			err, ERR_USAGE, "there are %zu bundles, which cannot share one `output`", config->bundle_count);
	for (size_t i = 0; i < config->bundle_count; i++)
		if (!apply(target_for(config, &config->bundles[i], option), option, text, origin, err))
			return false;
	return true;
}

/* An empty variable counts as not set, save that one which decides what a bundle holds might mean everything. */
static bool is_variable_given(const struct option *option, const struct config_command *command, const char *value)
{
	return *value != '\0' || ((option->group & OPTION_BUNDLE) != 0 && option_belongs(option, command->groups));
}

static bool read_environment(
	struct config *config, const struct config_command *command, char **environment, struct err *err)
{
	for (char **entry = environment; *entry != NULL; entry++) {
		size_t length = strcspn(*entry, "=");
		if (strncmp(*entry, OPTION_VARIABLE_PREFIX, sizeof(OPTION_VARIABLE_PREFIX) - 1) != 0)
			continue;
		const struct option *option = option_find_variable(*entry, length);
		if (option == NULL || (option->command_line_only && option != named("config"))) {
			warn_variable(config, *entry, length);
			continue;
		}
		const char *value = (*entry)[length] == '=' ? *entry + length + 1 : "";
		if (option == named("config") || !is_variable_given(option, command, value))
			continue;
		if (!apply_everywhere(config, option, value, CONFIG_ENVIRONMENT, err))
			return err_in(err, "%.*s", (int)length, *entry);
	}
	return true;
}

/* ---- What has to be true of the whole ---- */

/* The folder that is ours for this school system when nobody named one. */
static bool default_state_dir(struct config *config, char **environment, const char *slug, struct err *err)
{
	const char *systemd = variable(environment, "STATE_DIRECTORY");
	const char *xdg = variable(environment, "XDG_STATE_HOME");
	const char *home = variable(environment, "HOME");
	if (systemd != NULL && *systemd == '/') /* several are joined by colons */
		config->state_dir = mem_format("%.*s/%s", (int)strcspn(systemd, ":"), systemd, slug);
	else if (xdg != NULL && *xdg == '/')
		config->state_dir = mem_format("%s/rosterzip/%s", xdg, slug);
	else if (home != NULL && *home == '/')
		config->state_dir = mem_format("%s/.local/state/rosterzip/%s", home, slug);
	else
		return err_set(err, ERR_USAGE,
			"`state-dir` is missing, and neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME says where it "
			"could be");
	return true;
}

/* Puts what a provider or consumer says in place of a default. */
static bool prefer_over_default(struct config *config, struct bundle_config *bundle, enum config_level level,
	const char *name, const char *text, struct err *err)
{
	const struct option *option = named(name);
	struct config_origin origin = {.level = level};
	if (text == NULL || origin_of(config, bundle, option)->level != CONFIG_DEFAULT)
		return true;
	return apply(target_for(config, bundle, option), option, text, origin, err);
}

static bool prefer(struct config *config, const char *name, const char *text, struct err *err)
{
	return prefer_over_default(config, &config->top, CONFIG_PROVIDER, name, text, err);
}

static bool prefer_less(struct config *config, const char *name, long now, int most, struct err *err)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", most);
	return most == 0 || most >= now || prefer(config, name, text, err);
}

static bool apply_provider(struct config *config, struct err *err)
{
	const struct provider *provider = config->provider;
	return prefer(config, "token-url", provider->token_url, err) &&
	       prefer(config, "basic-encoding", provider->basic_encoding, err) &&
	       prefer(config, "oauth1-method", provider->oauth1_method, err) &&
	       prefer(config, "scope", provider->no_scopes ? "none" : NULL, err) &&
	       prefer_less(config, "parallel", config->parallel, provider->parallel, err) &&
	       prefer_less(config, "page-size", config->page_size, provider->page_size, err);
}

static bool has_header(const struct config *config, const char *name)
{
	size_t length = strlen(name);
	for (size_t i = 0; i < config->header.count; i++)
		if (strncasecmp(config->header.items[i], name, length) == 0 && config->header.items[i][length] == ':')
			return true;
	return false;
}

static void warn_headers(struct config *config)
{
	for (const char *const *name = config->provider->headers; *name != NULL; name++)
		if (!has_header(config, *name))
			config_warn(config, "%s wants a header line %s; give it by `header`", config->provider->title,
				*name);
}

/* Finds the provider, by its file, its name or the base address, and takes over what it says. */
static bool choose_provider(struct config *config, const char *host, const char *path, struct err *err)
{
	if (provider_is_path(config->provider_name)) {
		config->provider_file = provider_file_read(config->provider_name, err);
		if (config->provider_file == NULL) {
			err_in(err, "`provider`");
			return config_err_in(config, NULL, "provider", err);
		}
		config->provider = provider_file_get(config->provider_file);
	} else {
		config->provider = provider_find(config->provider_name);
		if (config->provider == NULL)
			config->provider = provider_recognise(host, path);
	}
	if (config->from_pages == NULL)
		warn_headers(config);
	return apply_provider(config, err);
}

/* What the state folder of a source without a server is called. */
static const char saved_slug[] = "saved-pages";

/* A source that needs no server. */
static bool check_saved(struct config *config, bool state, char **environment, struct err *err)
{
	if (config->save_pages != NULL || config->resume != 0)
		return err_set(
			err, ERR_USAGE, "`from-pages` reads no server: `save-pages` and `resume` do not go with it");
	if (config->url != NULL)
		return true;
	if (!choose_provider(config, "", "", err))
		return false;
	return !state || config->state_dir != NULL || default_state_dir(config, environment, saved_slug, err);
}

static bool check_source(struct config *config, bool state, char **environment, struct err *err)
{
	if (config->from_pages != NULL && (!check_saved(config, state, environment, err) || config->url == NULL))
		return err->code == ERR_NONE;
	if (config->url == NULL)
		return err_set(err, ERR_USAGE,
			"`url` is missing: the OneRoster address of the school system, by --url or in a configuration "
			"file (--config FILE)");
	struct address address;
	bool ok = address_read(&address, config->url, schema_oneroster_1_1.base_path, err);
	if (!ok) {
		err_in(err, "`url`");
		config_err_in(config, NULL, "url", err);
	} else {
		config->base_url = mem_copy(address.base);
		config->data_url = mem_copy(address.data);
		if (address.cut)
			config_warn(config, "`url` names a web page; what stands before its last slash is used: %s",
				config->base_url);
		ok = choose_provider(config, address.host, address.path, err) &&
		     (!state || config->state_dir != NULL ||
			     default_state_dir(config, environment, address.slug, err)) &&
		     (config->from_pages != NULL || credentials_check(config, err));
	}
	address_release(&address);
	return ok;
}

/* The folder in which an export with these settings keeps its state, for a command that asks no source; none when there
 * is nothing to tell it by. */
static bool find_state(struct config *config, char **environment, struct err *err)
{
	if (config->state_dir != NULL || (config->url == NULL && config->from_pages == NULL))
		return true;
	if (config->url == NULL)
		return default_state_dir(config, environment, saved_slug, err);
	struct address address;
	bool ok = address_read(&address, config->url, schema_oneroster_1_1.base_path, err);
	if (ok) {
		ok = default_state_dir(config, environment, address.slug, err);
	} else {
		err_in(err, "`url`");
		config_err_in(config, NULL, "url", err);
	}
	address_release(&address);
	return ok;
}

/* Whether a list of tables, in which "core" stands for six of them, has this one. */
static bool has_table(const struct config_list *list, const struct table *table)
{
	return config_list_has(list, table->name) || (table->core && config_list_has(list, "core"));
}

/* What the bundle's consumer says of a table. */
static enum consumer_file_rule file_rule(const struct bundle_config *bundle, const struct table *table)
{
	return bundle->consumer != NULL ? (enum consumer_file_rule)bundle->consumer->files[table->id]
					: CONSUMER_FILE_ANY;
}

/* Which tables a bundle has. */
static bool is_file(const struct config *config, const struct bundle_config *bundle, const struct table *table)
{
	enum consumer_file_rule rule = file_rule(bundle, table);
	bool told = config_level(config, "collections") != CONFIG_DEFAULT;
	if (bundle->files.set)
		return has_table(&bundle->files, table);
	if (rule == CONSUMER_FILE_UNWANTED || rule == CONSUMER_FILE_IGNORED)
		return false;
	return has_table(&config->collections, table) || (rule == CONSUMER_FILE_REQUIRED && !told);
}

static void settle_files(const struct config *config, struct bundle_config *bundle)
{
	const struct schema *schema = &schema_oneroster_1_1;
	struct config_list list = {.set = true};
	for (int t = 0; t < schema->table_count; t++)
		if (is_file(config, bundle, &schema->tables[t]))
			add_text(&list, mem_copy(schema->tables[t].name));
	free_list(&bundle->files);
	bundle->files = list;
	struct config_origin *origin = &bundle->origins[option_index(named("files"))];
	if (origin->level == CONFIG_DEFAULT && bundle->consumer != NULL)
		origin->level = CONFIG_CONSUMER;
}

/* Turns "core" into the tables it stands for, adds what the bundles need unless somebody said what to read, and puts
 * all in the order of the standard. */
static void settle_collections(struct config *config)
{
	const struct schema *schema = &schema_oneroster_1_1;
	bool told = config_level(config, "collections") != CONFIG_DEFAULT;
	struct config_list list = {0};
	for (int t = 0; t < schema->table_count; t++) {
		bool wanted = has_table(&config->collections, &schema->tables[t]);
		for (size_t b = 0; b < config->bundle_count && !told; b++)
			wanted = wanted || config_list_has(&config->bundles[b].files, schema->tables[t].name);
		if (wanted)
			add_text(&list, mem_copy(schema->tables[t].name));
	}
	free_list(&config->collections);
	config->collections = list;
}

/* ---- Bundles ---- */

/* What the consumer refuses is found at the start rather than in the last check, unless it is allowed there. */
static bool is_allowed(const struct bundle_config *bundle, enum rule rule)
{
	return config_list_has(&bundle->allow_errors, rules[rule].code);
}

static bool check_file(
	const struct config *config, const struct bundle_config *bundle, const struct table *table, struct err *err)
{
	bool told = origin_of(config, bundle, named("files"))->level > CONFIG_CONSUMER;
	bool has = config_list_has(&bundle->files, table->name);
	const char *title = bundle->consumer != NULL ? bundle->consumer->title : "";
	enum consumer_file_rule rule = file_rule(bundle, table);
	bool missing = !has && rule == CONSUMER_FILE_REQUIRED && !is_allowed(bundle, RULE_CONSUMER_FILE_MISSING);
	bool unwanted = has && rule == CONSUMER_FILE_UNWANTED && !is_allowed(bundle, RULE_CONSUMER_FILE_UNWANTED);
	struct buf collections = {0};
	config_origin_add(config, NULL, "collections", &collections);
	if (has && !config_list_has(&config->collections, table->name))
		err_set(err, ERR_USAGE, "`files` has %s, which `collections` (%s) leaves out: add it there",
			table->name, buf_text(&collections));
	else if (missing && told)
		err_set(err, ERR_USAGE, "`files` leaves out %s, which %s needs", table->name, title);
	else if (missing)
		err_set(err, ERR_USAGE, "%s needs %s, which `collections` (%s) leaves out: add it there", title,
			table->name, buf_text(&collections));
	else if (unwanted)
		err_set(err, ERR_USAGE, "`files` has %s, which %s does not take", table->name, title);
	buf_release(&collections);
	return err->code == ERR_NONE || config_err_in(config, bundle, told ? "files" : "consumer", err);
}

static bool check_files(const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	const struct schema *schema = &schema_oneroster_1_1;
	for (int t = 0; t < schema->table_count; t++)
		if (!check_file(config, bundle, &schema->tables[t], err))
			return false;
	if (bundle->files.count > 0)
		return true;
	err_set(err, ERR_USAGE, "`files` is empty: the bundle would hold nothing");
	return config_err_in(config, bundle, "files", err);
}

const char *config_zip_name(const struct bundle_config *bundle, const char *path)
{
	const char *name = file_base(path);
	const char *address = bundle->deliver;
	if (*name == '\0' || address == NULL)
		return name;
	/* An address that does not end in a slash names the file itself, a path of this machine perhaps a folder. */
	const char *slash = strrchr(address, '/');
	if (strstr(address, "://") != NULL && strchr(address, '?') == NULL && slash[1] != '\0')
		return slash + 1;
	return bundle->deliver_as != NULL ? bundle->deliver_as : name;
}

/* The form and the name that the consumer expects. */
static bool check_form(struct config *config, const struct bundle_config *bundle, struct err *err)
{
	const struct consumer *consumer = bundle->consumer;
	const char *name = file_base(bundle->output);
	bool loose = *name == '\0';
	if (consumer == NULL)
		return true;
	if (consumer->form == (loose ? CONSUMER_FORM_ZIP : CONSUMER_FORM_LOOSE) &&
		!is_allowed(bundle, RULE_CONSUMER_FORM)) {
		err_set(err, ERR_USAGE,
			loose ? "%s takes a zip, not the files by themselves: `output` must not end in a slash"
			      : "%s takes the files by themselves, not a zip: `output` has to end in a slash",
			consumer->title);
		return config_err_in(config, bundle, "output", err);
	}
	const char *seen = config_zip_name(bundle, bundle->output);
	if (!loose && consumer->zip_name != NULL && strcmp(consumer->zip_name, seen) != 0) {
		const char *option = seen == name ? "output" : seen == bundle->deliver_as ? "deliver-as" : "deliver";
		struct buf origin = {0};
		config_origin_add(config, bundle, option, &origin);
		config_warn(config, "%s: %s expects a zip called %s, not %s", buf_text(&origin), consumer->title,
			consumer->zip_name, seen);
		buf_release(&origin);
	}
	return true;
}

/* Whether the value of a bundle option was given for this very bundle, not for all together. */
static bool is_own(const struct config *config, const struct bundle_config *bundle, const char *option)
{
	const struct config_origin *origin = origin_of(config, bundle, named(option));
	return bundle->line == 0 || (origin->level == CONFIG_FILE && origin->line >= bundle->line);
}

/* A delta is made of single rows: which of them hang on what else would take the whole to tell, and rows that are cut
 * off by a filter would never be said to be gone. */
static bool check_delta(const struct config *config, const struct bundle_config *bundle, struct err *err)
{
	const struct {
		const char *option;
		bool set;
	} filters[] = {
		{"schools", bundle->schools.set},
		{"terms", bundle->terms.set},
		{"roles", bundle->roles.set},
		{"grades", bundle->grades.set},
		{"enrolled-only", bundle->enrolled_only != CONFIG_ENROLLED_NO},
		{"consumer", bundle->enabled_only || (bundle->consumer != NULL && bundle->consumer->org_types != NULL)},
	};
	if (bundle->since == NULL) {
		err_set(err, ERR_USAGE,
			"`mode = delta` needs `since`: last, for what changed since the bundle before, or a time such "
			"as 2026-08-01T00:00:00Z");
		return config_err_in(config, bundle, "mode", err);
	}
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (!filters[i].set)
			continue;
		err_set(err, ERR_USAGE,
			"`%s` does not go with `mode = delta`: a delta holds single changes, and which of them belong "
			"to a part shows only in the whole; publish the part in bulk",
			filters[i].option);
		return config_err_in(config, bundle, filters[i].option, err);
	}
	return true;
}

static bool check_modes(const struct config *config, struct err *err)
{
	bool any = false;
	for (size_t i = 0; i < config->bundle_count; i++)
		any = any || config->bundles[i].mode == CONFIG_MODE_DELTA;
	for (size_t i = 0; i < config->bundle_count; i++) {
		const struct bundle_config *bundle = &config->bundles[i];
		if (bundle->mode == CONFIG_MODE_DELTA && !check_delta(config, bundle, err))
			return false;
		/* Above the sections it is for those that are deltas. */
		if (bundle->mode == CONFIG_MODE_DELTA || bundle->since == NULL ||
			(any && !is_own(config, bundle, "since")))
			continue;
		err_set(err, ERR_USAGE, "`since` is for `mode = delta` only");
		return config_err_in(config, bundle, "since", err);
	}
	return true;
}

static bool check_bundles(struct config *config, struct err *err)
{
	const struct config_origin *top = origin_of(config, &config->top, named("output"));
	if (config->bundles[0].line != 0 && top->level == CONFIG_FILE)
		return err_set(err, ERR_USAGE,
			"%s:%u: `output` stands above the [bundle] sections: move it into the one it belongs to",
			config->file, top->line);
	for (size_t i = 0; i < config->bundle_count; i++) {
		const struct bundle_config *bundle = &config->bundles[i];
		if (bundle->output == NULL && bundle->line != 0)
			return err_set(err, ERR_USAGE, "%s:%u: [bundle %s] needs an `output`", config->file,
				bundle->line, bundle->name);
		if (bundle->output == NULL)
			return err_set(err, ERR_USAGE,
				"`output` is missing: where the bundle goes, by --output FILE or in a "
				"configuration file (--config FILE)");
		for (size_t j = 0; j < i; j++)
			if (strcmp(config->bundles[j].output, bundle->output) == 0)
				return err_set(err, ERR_USAGE,
					"%s:%u: [bundle %s] has the same `output` as [bundle %s]", config->file,
					bundle->line, bundle->name, config->bundles[j].name);
		if (!check_files(config, bundle, err) || !check_form(config, bundle, err) ||
			!keeping_check(config, &config->bundles[i], err))
			return false;
	}
	return check_modes(config, err);
}

/* Each bundle has its receiver by itself: two that name the same file read it twice. */
static bool choose_consumer(struct config *config, struct bundle_config *bundle, struct err *err)
{
	if (bundle->consumer_name == NULL)
		return true;
	if (strchr(bundle->consumer_name, '/') == NULL) {
		bundle->consumer = consumer_find(bundle->consumer_name);
		assert(bundle->consumer != NULL);
		return true;
	}
	bundle->consumer_file = consumer_file_read(bundle->consumer_name, err);
	if (bundle->consumer_file == NULL) {
		err_in(err, "`consumer`");
		return config_err_in(config, bundle, "consumer", err);
	}
	bundle->consumer = consumer_file_get(bundle->consumer_file);
	return true;
}

static bool prefer_consumer(
	struct config *config, struct bundle_config *bundle, const char *name, const char *text, struct err *err)
{
	return prefer_over_default(config, bundle, CONFIG_CONSUMER, name, text, err);
}

/* What it says of metadata columns, as the option says it; nothing when it says nothing. */
static void add_metadata(const struct consumer *consumer, struct buf *text)
{
	if (consumer->metadata == CONSUMER_METADATA_NONE)
		buf_add_text(text, "none");
	for (int i = 0; i < consumer->extra_count; i++)
		buf_add_format(text, "%s%s.%s", i > 0 ? "," : "",
			schema_oneroster_1_1.tables[consumer->extras[i].table].name, consumer->extras[i].name);
}

/* Takes over what the consumer says of how its bundle is made. */
static bool apply_consumer(struct config *config, struct bundle_config *bundle, struct err *err)
{
	static const char *const empty[] = {NULL, "absent", "header"};
	static const char *const quote[] = {NULL, "minimal", "all", "blanks"};
	static const char *const eol[] = {NULL, "crlf", "lf"};
	const struct consumer *consumer = bundle->consumer;
	struct buf metadata = {0};
	struct buf roles = {0};
	if (consumer == NULL)
		return true;
	add_metadata(consumer, &metadata);
	for (const char *const *role = consumer->roles; role != NULL && *role != NULL; role++)
		buf_add_format(&roles, "%s%s", role > consumer->roles ? "," : "", *role);
	bundle->enabled_only = consumer->enabled_only;
	bool fine = prefer_consumer(config, bundle, "empty", empty[consumer->empty], err) &&
		    prefer_consumer(config, bundle, "quote", quote[consumer->quote], err) &&
		    prefer_consumer(config, bundle, "eol", eol[consumer->eol], err) &&
		    prefer_consumer(
			    config, bundle, "metadata", metadata.length > 0 ? buf_text(&metadata) : NULL, err) &&
		    prefer_consumer(config, bundle, "roles", roles.length > 0 ? buf_text(&roles) : NULL, err);
	buf_release(&metadata);
	buf_release(&roles);
	return fine;
}

static bool choose_consumers(struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->bundle_count; i++)
		if (!choose_consumer(config, &config->bundles[i], err) ||
			!apply_consumer(config, &config->bundles[i], err))
			return false;
	return true;
}

/* A list that somebody gave without saying anything, as in `schools =`, would mean everything. */
static bool check_list_said(
	const struct config *config, const struct bundle_config *bundle, const struct option *option, struct err *err)
{
	const char *values = bundle != NULL ? (const char *)bundle : (const char *)config;
	const struct config_list *list = (const void *)(values + option->at);
	if (!list->blank)
		return true;
	err_set(err, ERR_USAGE, "`%s` has no value", option->name);
	err_hint(err, "%s%s",
		option->none ? "Give one, write none, or leave the setting out" : "Give one, or leave the setting out",
		origin_of(config, bundle, option)->level == CONFIG_FILE ? "; a semicolon begins a comment" : "");
	return config_err_in(config, bundle, option->name, err);
}

static bool check_lists(const struct config *config, const struct config_command *command, struct err *err)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &options[i];
		if (!option_is_list(option) || !option_belongs(option, command->groups))
			continue;
		if (!option_of_bundle(option) && !check_list_said(config, NULL, option, err))
			return false;
		for (size_t b = 0; option_of_bundle(option) && b < config->bundle_count; b++)
			if (!check_list_said(config, &config->bundles[b], option, err))
				return false;
	}
	return true;
}

static bool check_loudness(struct config *config, struct err *err)
{
	if (!config->quiet || !config->verbose)
		return true;
	enum config_level quiet = config_level(config, "quiet");
	enum config_level verbose = config_level(config, "verbose");
	if (quiet == verbose)
		return err_set(err, ERR_USAGE, "`quiet` and `verbose` contradict each other");
	config->quiet = quiet > verbose;
	config->verbose = !config->quiet;
	return true;
}

/* Paths may begin with the folder in which systemd puts what LoadCredential= names. */
static bool expand_path(
	struct config *config, struct bundle_config *bundle, const struct option *option, struct err *err)
{
	static const char *const names[] = {"$CREDENTIALS_DIRECTORY/", "${CREDENTIALS_DIRECTORY}/"};
	struct target target = target_for(config, bundle, option);
	char **path = (void *)((char *)target.values + option->at);
	for (size_t i = 0; *path != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);
		if (strncmp(*path, names[i], length) != 0)
			continue;
		if (config->credentials_dir == NULL) {
			err_set(err, ERR_USAGE,
				"`%s` is %s, but CREDENTIALS_DIRECTORY is not set: systemd sets it for a service with "
				"LoadCredential=",
				option->name, *path);
			return config_err_in(config, bundle, option->name, err);
		}
		char *whole = mem_format("%s/%s", config->credentials_dir, *path + length);
		free(*path);
		*path = whole;
	}
	return true;
}

/* Those of other commands stay as they are: a command run by hand shall not fail for what it does not need. */
static bool expand_paths(struct config *config, const struct config_command *command, struct err *err)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &options[i];
		if (option->kind != OPTION_PATH || !option_belongs(option, command->groups))
			continue;
		if (!option_of_bundle(option) && !expand_path(config, NULL, option, err))
			return false;
		for (size_t b = 0; option_of_bundle(option) && b < config->bundle_count; b++)
			if (!expand_path(config, &config->bundles[b], option, err))
				return false;
	}
	return true;
}

static bool check_all(struct config *config, const struct config_command *command, char **environment, struct err *err)
{
	if (!check_lists(config, command, err) || !check_loudness(config, err) || !expand_paths(config, command, err) ||
		!choose_consumers(config, err))
		return false;
	for (size_t i = 0; i < config->bundle_count; i++)
		settle_files(config, &config->bundles[i]);
	settle_collections(config);
	return ((command->groups & OPTION_SOURCE) == 0 ||
		       check_source(config, (command->groups & OPTION_STATE) != 0, environment, err)) &&
	       ((command->groups & OPTION_BUNDLE) == 0 || check_bundles(config, err)) &&
	       ((command->groups & OPTION_SEND) == 0 || find_state(config, environment, err)) &&
	       ((command->groups & OPTION_DELIVERY) == 0 ||
		       (receivers_check(config, err) && credentials_check_delivery(config, err)));
}

/* ---- The whole ---- */

/* The file is named by the command line or the environment, and has to be known before both are applied. */
static bool find_file(struct config *config, const struct cmdline *line, char **environment, struct err *err)
{
	const struct option *option = named("config");
	const char *text = variable(environment, "ROSTERZIP_CONFIG");
	if (text != NULL && *text != '\0' && !apply_everywhere(config, option, text, CONFIG_ENVIRONMENT, err))
		return err_in(err, "ROSTERZIP_CONFIG");
	for (size_t i = 0; i < line->option_count; i++)
		if (line->options[i].option == option &&
			!apply_everywhere(config, option, line->options[i].value, CONFIG_COMMAND_LINE, err))
			return err_in(err, "command line");
	return true;
}

static bool read_sources(struct config *config, const struct config_command *command, const struct cmdline *line,
	char **environment, struct err *err)
{
	/* Commands without a source look at bundles, whatever a file says of making them; but not how to send them. */
	if ((command->groups & (OPTION_SOURCE | OPTION_SEND)) != 0 && !find_file(config, line, environment, err))
		return false;
	if (config->file != NULL && !read_file(config, err))
		return false;
	if (config->bundle_count == 0)
		add_bundle(config, "", 0);
	if (!read_environment(config, command, environment, err))
		return false;
	for (size_t i = 0; i < line->option_count; i++) {
		const struct cmdline_option *argument = &line->options[i];
		if (!apply_everywhere(config, argument->option, argument->value, CONFIG_COMMAND_LINE, err))
			return err_in(err, "command line");
	}
	return true;
}

bool config_read(struct config *config, const struct config_command *command, int argc, char **argv, char **environment,
	struct err *err)
{
	if (environment == NULL)
		environment = environ;
	*config = (struct config){0};
	config->origins = mem_new(option_count, sizeof(*config->origins));
	config->top.origins = mem_new(option_count, sizeof(*config->top.origins));
	/* Before anything can fail. */
	config->client_secret = take_variable(environment, CREDENTIALS_CLIENT_SECRET);
	config->bearer_token = take_variable(environment, CREDENTIALS_BEARER_TOKEN);
	config->deliver_secret = take_variable(environment, CREDENTIALS_DELIVER_SECRET);
	const char *credentials = variable(environment, "CREDENTIALS_DIRECTORY");
	if (credentials != NULL && *credentials != '\0')
		config->credentials_dir = mem_copy(credentials);
	set_defaults(config);

	struct cmdline line;
	bool ok = cmdline_read(&line, command, argc, argv, err);
	config->help = ok && line.help;
	config->help_all = ok && line.help_all;
	if (ok && !line.help)
		ok = read_sources(config, command, &line, environment, err) &&
		     check_all(config, command, environment, err);
	if (ok && config->time_zone != NULL)
		time_zone_set(config->time_zone);
	take_hidden(environment);
	config->words = line.words;
	config->word_count = line.word_count;
	line.words = NULL;
	cmdline_release(&line);
	return ok;
}

bool config_list_has(const struct config_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], text) == 0)
			return true;
	return false;
}

bool config_secrets(struct config *config, struct err *err)
{
	if (config->from_pages == NULL && !credentials_fetch(config, err))
		return false;
	for (size_t i = 0; i < config->bundle_count; i++)
		if (!credentials_fetch_delivery(config, &config->bundles[i], err) ||
			!credentials_fetch_passphrase(config, &config->bundles[i], err))
			return false;
	return true;
}

void config_release(struct config *config)
{
	for (size_t i = 0; i < config->bundle_count; i++)
		release_bundle(&config->bundles[i]);
	free(config->bundles);
	release_bundle(&config->top);
	for (size_t i = 0; i < option_count; i++)
		if (!option_of_bundle(&options[i]))
			setting_reset(&options[i], config);
	provider_file_free(config->provider_file);
	free_list(&config->warnings);
	free(config->base_url);
	free(config->data_url);
	free(config->words);
	free(config->origins);
	secret_free(config->client_secret);
	secret_free(config->bearer_token);
	secret_free(config->deliver_secret);
	free(config->credentials_dir);
	*config = (struct config){0};
}

/* ---- Showing ---- */

void config_help(const struct config_command *command, bool all, FILE *out)
{
	option_help(command->groups, all, out);
	if ((command->groups & OPTION_SOURCE) == 0)
		return;
	fputs("The first of several words is the default. Every option may also be a line of\n"
	      "the file (page-size = 500) or a variable (ROSTERZIP_PAGE_SIZE=500).\n",
		out);
}

static void show_option(
	const struct config *config, const struct bundle_config *bundle, const struct option *option, struct buf *out)
{
	const void *values = bundle != NULL ? (const void *)bundle : config;
	if (option->command_line_only || !setting_is_set(option, values))
		return;
	buf_add_format(out, "%-21s = ", option->name);
	setting_show(option, values, out);
	buf_add_text(out, "  ; ");
	add_origin(config, bundle, option, origin_of(config, bundle, option), out);
	buf_add_char(out, '\n');
}

/* What the consumer wants left out for which there is no option. */
static void show_wishes(const struct bundle_config *bundle, struct buf *out)
{
	if (bundle->enabled_only)
		buf_add_format(out, "; without users that are not enabled, consumer %s\n", bundle->consumer->name);
	if (bundle->consumer == NULL || bundle->consumer->org_types == NULL)
		return;
	buf_add_text(out, "; without orgs other than");
	for (const char *const *type = bundle->consumer->org_types; *type != NULL; type++)
		buf_add_format(out, "%s %s", type > bundle->consumer->org_types ? "," : "", *type);
	buf_add_format(out, ", consumer %s\n", bundle->consumer->name);
}

void config_show(const struct config *config, struct buf *out)
{
	for (size_t i = 0; i < option_count; i++)
		if (!option_of_bundle(&options[i]))
			show_option(config, NULL, &options[i], out);
	if (config->data_url != NULL)
		buf_add_format(out, "; data from %s, provider %s\n", config->data_url, config->provider->name);
	for (size_t b = 0; b < config->bundle_count; b++) {
		const struct bundle_config *bundle = &config->bundles[b];
		if (bundle->line != 0)
			buf_add_format(out, "[bundle %s]\n", bundle->name);
		for (size_t i = 0; i < option_count; i++)
			if (option_of_bundle(&options[i]))
				show_option(config, bundle, &options[i], out);
		show_wishes(bundle, out);
	}
}

bool config_column_item(const char *item, int *table, int *column, const char **value, struct err *err)
{
	size_t end = strcspn(item, "=");
	if (item[end] != '=' || item[end + 1] == '\0')
		return err_set(err, ERR_USAGE, "it is written table.column=value, not `%s`", item);
	if (column_name_read(item, end, table, column, err) == NULL)
		return false;
	*value = item + end + 1;
	return true;
}

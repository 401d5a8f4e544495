#include "credentials.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config.h"
#include "option.h"
#include "provider.h"
#include "secret.h"

/* What logging in will need. */
struct needs {
	bool client;
	bool bearer;
};

static struct needs needs_of(const struct config *config)
{
	struct needs needs = {0};
	switch ((enum config_auth)config->auth) {
	case CONFIG_AUTH_AUTO:
		for (const char *const *way = config->provider->auth; *way != NULL; way++) {
			needs.bearer = needs.bearer || strcmp(*way, "bearer") == 0;
			needs.client = needs.client || (strcmp(*way, "bearer") != 0 && strcmp(*way, "none") != 0);
		}
		/* One way in is enough, and id and secret are what most servers want. */
		needs.bearer = needs.bearer && !needs.client;
		break;
	case CONFIG_AUTH_OAUTH2:
	case CONFIG_AUTH_AERIES_V1:
	case CONFIG_AUTH_OAUTH1: needs.client = true; break;
	case CONFIG_AUTH_BEARER: needs.bearer = true; break;
	case CONFIG_AUTH_NONE: break;
	}
	return needs;
}

enum source_kind { SOURCE_FILE, SOURCE_COMMAND, SOURCE_VARIABLE, SOURCE_CREDENTIAL };

/* One of the places a secret may come from. */
struct source {
	const char *name; /* option or variable, or what to call a credential of systemd */
	const char *text; /* path, command or the secret itself; NULL when not given */
	enum source_kind kind;
	int rank; /* the highest wins */
};

/* A credential of systemd: its name, and its path or NULL. */
struct credential {
	char *name;
	char *path;
};

static void credential_release(struct credential *credential)
{
	free(credential->name);
	free(credential->path);
	*credential = (struct credential){0};
}

/* Finds what systemd gave the service under a name, if it is there. */
static struct credential find_credential(const struct config *config, const char *name)
{
	struct credential credential = {.name = mem_format("$CREDENTIALS_DIRECTORY/%s", name)};
	if (config->credentials_dir == NULL)
		return credential;
	credential.path = mem_format("%s/%s", config->credentials_dir, name);
	if (access(credential.path, F_OK) != 0) {
		free(credential.path);
		credential.path = NULL;
	}
	return credential;
}

/* The source that wins, its text NULL when there is none. Two that are as good as each other are a mistake. */
static bool best_source(const struct source *sources, size_t count, struct source *best, struct err *err)
{
	*best = (struct source){0};
	for (size_t i = 0; i < count; i++) {
		if (sources[i].text == NULL)
			continue;
		if (best->text != NULL && best->rank == sources[i].rank)
			return err_set(err, ERR_USAGE, "`%s` and `%s` are both given; one of them is enough",
				best->name, sources[i].name);
		if (best->text == NULL || sources[i].rank > best->rank)
			*best = sources[i];
	}
	return true;
}

/* What a [bundle NAME] section says itself wins over what stands above all of them. */
static int rank(enum config_level level, bool own)
{
	return 2 * (int)level + (own ? 1 : 0);
}

static struct source option_source(
	const struct config *config, enum source_kind kind, const char *name, const char *text)
{
	return (struct source){
		.kind = kind, .name = name, .rank = rank(config_level(config, name), false), .text = text};
}

static struct source bundle_source(
	const struct bundle_config *bundle, enum source_kind kind, const char *name, const char *text)
{
	const struct config_origin *origin = &bundle->origins[option_index(option_find(name, strlen(name)))];
	bool own = origin->level == CONFIG_FILE && bundle->line != 0 && origin->line >= bundle->line;
	return (struct source){.kind = kind, .name = name, .rank = rank(origin->level, own), .text = text};
}

static struct source variable_source(const char *name, const char *text)
{
	return (struct source){
		.kind = SOURCE_VARIABLE, .name = name, .rank = rank(CONFIG_ENVIRONMENT, false), .text = text};
}

static struct source credential_source(const struct credential *credential)
{
	return (struct source){.kind = SOURCE_CREDENTIAL,
		.name = credential->name,
		.rank = rank(CONFIG_DEFAULT, false),
		.text = credential->path};
}

/* The sources for the login that win, and the credentials that their texts may belong to. */
struct login_sources {
	struct source client;
	struct source bearer;
	struct credential client_credential;
	struct credential bearer_credential;
};

static void login_sources_release(struct login_sources *found)
{
	credential_release(&found->client_credential);
	credential_release(&found->bearer_credential);
}

static bool find_sources(const struct config *config, struct login_sources *found, struct err *err)
{
	found->client_credential = find_credential(config, "client-secret");
	found->bearer_credential = find_credential(config, "bearer-token");
	const struct source clients[] = {
		option_source(config, SOURCE_FILE, "client-secret-file", config->client_secret_file),
		option_source(config, SOURCE_COMMAND, "client-secret-command", config->client_secret_command),
		variable_source(CREDENTIALS_CLIENT_SECRET, config->client_secret),
		credential_source(&found->client_credential),
	};
	const struct source bearers[] = {
		option_source(config, SOURCE_FILE, "bearer-token-file", config->bearer_token_file),
		variable_source(CREDENTIALS_BEARER_TOKEN, config->bearer_token),
		credential_source(&found->bearer_credential),
	};
	return best_source(clients, sizeof(clients) / sizeof(clients[0]), &found->client, err) &&
	       best_source(bearers, sizeof(bearers) / sizeof(bearers[0]), &found->bearer, err);
}

static bool check_login(struct config *config, const struct login_sources *found, struct err *err)
{
	bool bearer_only = found->bearer.text != NULL && config->client_id == NULL && found->client.text == NULL;
	if (config->auth == CONFIG_AUTH_AUTO && bearer_only)
		config->auth = CONFIG_AUTH_BEARER;
	struct needs needs = needs_of(config);
	if (config->auth == CONFIG_AUTH_AUTO && found->bearer.text != NULL && !needs.bearer)
		config_warn(
			config, "`%s` is not used beside `client-id`; auth = bearer would use it", found->bearer.name);
	if (needs.client && config->client_id == NULL)
		return err_set(err, ERR_USAGE,
			"`client-id` is missing: the id that the school system shows beside the secret "
			"(Consumer ID in Aeries)");
	if (needs.client && found->client.text == NULL)
		return err_set(err, ERR_USAGE,
			"the secret of the client is missing: put it into a file that nobody else may read and name "
			"it by `client-secret-file`, or use `client-secret-command` or " CREDENTIALS_CLIENT_SECRET);
	if (needs.bearer && found->bearer.text == NULL)
		return err_set(err, ERR_USAGE,
			"the bearer token is missing: put it into a file that nobody else may read and name it by "
			"`bearer-token-file`, or use " CREDENTIALS_BEARER_TOKEN);
	return true;
}

bool credentials_check(struct config *config, struct err *err)
{
	struct login_sources found = {0};
	bool fine = find_sources(config, &found, err) && check_login(config, &found, err);
	login_sources_release(&found);
	return fine;
}

static void forget(char **secret)
{
	secret_free(*secret);
	*secret = NULL;
}

/* Reads a secret from where it is. bundle is that of a bundle option, else NULL. */
static bool read_secret(const struct config *config, const struct bundle_config *bundle, const struct source *source,
	char **secret, struct err *err)
{
	bool ok = true;
	switch (source->kind) {
	case SOURCE_FILE:
	case SOURCE_CREDENTIAL: ok = secret_from_file(source->text, secret, err); break;
	case SOURCE_COMMAND: ok = secret_from_command(source->text, SECRET_COMMAND_TIME, secret, err); break;
	case SOURCE_VARIABLE: ok = secret_from_text(source->text, strlen(source->text), secret, err); break;
	}
	if (ok)
		return true;
	err_in(err, "`%s`", source->name);
	return source->kind == SOURCE_FILE || source->kind == SOURCE_COMMAND
		       ? config_err_in(config, bundle, source->name, err)
		       : false;
}

/* Makes *secret, which holds what the environment gave, the one of the source that wins; or nothing when not needed. */
static bool fetch_secret(
	const struct config *config, bool needed, const struct source *best, char **secret, struct err *err)
{
	char *text = NULL;
	if (needed && best->text != NULL && !read_secret(config, NULL, best, &text, err))
		return false;
	forget(secret);
	*secret = text;
	return true;
}

bool credentials_fetch(struct config *config, struct err *err)
{
	struct needs needs = needs_of(config);
	struct login_sources found = {0};
	bool fine = find_sources(config, &found, err) &&
		    fetch_secret(config, needs.client, &found.client, &config->client_secret, err) &&
		    fetch_secret(config, needs.bearer, &found.bearer, &config->bearer_token, err);
	login_sources_release(&found);
	return fine;
}

/* ---- Delivery ---- */

/* The source for delivering a bundle. The caller releases the credential, to which its text may belong. */
static bool find_delivery(const struct config *config, const struct bundle_config *bundle, struct source *best,
	struct credential *credential, struct err *err)
{
	char *own = mem_format("deliver-secret.%s", bundle->name);
	*credential = find_credential(config, own);
	if (bundle->line == 0 || credential->path == NULL) {
		credential_release(credential);
		*credential = find_credential(config, "deliver-secret");
	}
	free(own);
	const struct source sources[] = {
		bundle_source(bundle, SOURCE_FILE, "deliver-secret-file", bundle->deliver_secret_file),
		bundle_source(bundle, SOURCE_COMMAND, "deliver-secret-command", bundle->deliver_secret_command),
		variable_source(CREDENTIALS_DELIVER_SECRET, config->deliver_secret),
		credential_source(credential),
	};
	if (best_source(sources, sizeof(sources) / sizeof(sources[0]), best, err))
		return true;
	return bundle->line == 0 ? false : err_in(err, "bundle %s", bundle->name);
}

/* A folder of this machine wants no secret. */
static bool goes_out(const struct bundle_config *bundle)
{
	return bundle->deliver != NULL && strstr(bundle->deliver, "://") != NULL;
}

bool credentials_check_delivery(const struct config *config, struct err *err)
{
	bool fine = true;
	for (size_t i = 0; fine && i < config->bundle_count; i++) {
		struct source best;
		struct credential credential = {0};
		fine = find_delivery(config, &config->bundles[i], &best, &credential, err);
		credential_release(&credential);
	}
	return fine;
}

/* A bundle before this one whose secret comes from the very same place: asking again would run a command again. */
static const struct bundle_config *asked_before(
	const struct config *config, const struct bundle_config *bundle, const struct source *source)
{
	for (const struct bundle_config *other = config->bundles; other < bundle; other++) {
		const char *place = source->kind == SOURCE_FILE      ? other->deliver_secret_file
				    : source->kind == SOURCE_COMMAND ? other->deliver_secret_command
								     : NULL;
		struct source best;
		struct credential credential = {0};
		struct err err = {0};
		bool same = place != NULL && other->deliver_secret != NULL &&
			    find_delivery(config, other, &best, &credential, &err) && best.kind == source->kind &&
			    strcmp(place, source->text) == 0;
		credential_release(&credential);
		if (same)
			return other;
	}
	return NULL;
}

bool credentials_fetch_delivery(const struct config *config, struct bundle_config *bundle, struct err *err)
{
	struct source best;
	struct credential credential = {0};
	forget(&bundle->deliver_secret);
	bool fine = find_delivery(config, bundle, &best, &credential, err);
	if (fine && goes_out(bundle) && best.text != NULL) {
		const struct bundle_config *other = asked_before(config, bundle, &best);
		if (other != NULL)
			bundle->deliver_secret = mem_copy(other->deliver_secret);
		else
			fine = read_secret(config, bundle, &best, &bundle->deliver_secret, err);
	}
	credential_release(&credential);
	return fine;
}

bool credentials_fetch_passphrase(const struct config *config, struct bundle_config *bundle, struct err *err)
{
	forget(&bundle->passphrase);
	if (bundle->encrypt == NULL || secret_from_file(bundle->encrypt, &bundle->passphrase, err))
		return true;
	err_in(err, "`encrypt`");
	return config_err_in(config, bundle, "encrypt", err);
}

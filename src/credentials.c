#include "credentials.h"

#include <stdlib.h>
#include <string.h>

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

enum source_kind { SOURCE_FILE, SOURCE_COMMAND, SOURCE_VARIABLE };

/* One of the places a secret may come from. */
struct source {
	enum source_kind kind;
	const char *name; /* option or variable */
	enum config_level level;
	const char *text; /* path, command or the secret itself; NULL when not given */
};

/* The source that wins, its text NULL when there is none. Two that are as good as each other are a mistake. */
static bool best_source(const struct source *sources, size_t count, struct source *best, struct err *err)
{
	*best = (struct source){0};
	for (size_t i = 0; i < count; i++) {
		if (sources[i].text == NULL)
			continue;
		if (best->text != NULL && best->level == sources[i].level)
			return err_set(err, ERR_USAGE, "`%s` and `%s` are both given; one of them is enough",
				best->name, sources[i].name);
		if (best->text == NULL || sources[i].level > best->level)
			*best = sources[i];
	}
	return true;
}

static struct source option_source(
	const struct config *config, enum source_kind kind, const char *name, const char *text)
{
	return (struct source){.kind = kind, .name = name, .level = config_level(config, name), .text = text};
}

static struct source variable_source(const char *name, const char *text)
{
	return (struct source){.kind = SOURCE_VARIABLE, .name = name, .level = CONFIG_ENVIRONMENT, .text = text};
}

static bool find_sources(const struct config *config, struct source *client, struct source *bearer, struct err *err)
{
	const struct source clients[] = {
		option_source(config, SOURCE_FILE, "client-secret-file", config->client_secret_file),
		option_source(config, SOURCE_COMMAND, "client-secret-command", config->client_secret_command),
		variable_source(CREDENTIALS_CLIENT_SECRET, config->client_secret),
	};
	const struct source bearers[] = {
		option_source(config, SOURCE_FILE, "bearer-token-file", config->bearer_token_file),
		variable_source(CREDENTIALS_BEARER_TOKEN, config->bearer_token),
	};
	return best_source(clients, sizeof(clients) / sizeof(clients[0]), client, err) &&
	       best_source(bearers, sizeof(bearers) / sizeof(bearers[0]), bearer, err);
}

bool credentials_check(struct config *config, struct err *err)
{
	struct source client;
	struct source bearer;
	if (!find_sources(config, &client, &bearer, err))
		return false;
	bool bearer_only = bearer.text != NULL && config->client_id == NULL && client.text == NULL;
	if (config->auth == CONFIG_AUTH_AUTO && bearer_only)
		config->auth = CONFIG_AUTH_BEARER;
	struct needs needs = needs_of(config);
	if (config->auth == CONFIG_AUTH_AUTO && bearer.text != NULL && !needs.bearer)
		config_warn(config, "`%s` is not used beside `client-id`; auth = bearer would use it", bearer.name);
	if (needs.client && config->client_id == NULL)
		return err_set(err, ERR_USAGE,
			"`client-id` is missing: the id that the school system shows beside the secret "
			"(Consumer ID in Aeries)");
	if (needs.client && client.text == NULL)
		return err_set(err, ERR_USAGE,
			"the secret of the client is missing: put it into a file that nobody else may read and name "
			"it by `client-secret-file`, or use `client-secret-command` or " CREDENTIALS_CLIENT_SECRET);
	if (needs.bearer && bearer.text == NULL)
		return err_set(err, ERR_USAGE,
			"the bearer token is missing: put it into a file that nobody else may read and name it by "
			"`bearer-token-file`, or use " CREDENTIALS_BEARER_TOKEN);
	return true;
}

static void forget(char **secret)
{
	secret_free(*secret);
	*secret = NULL;
}

/* Makes *secret, which holds what the environment gave, the one of the source that wins; or nothing when not needed. */
static bool fetch_secret(
	const struct config *config, bool needed, const struct source *best, char **secret, struct err *err)
{
	char *text = NULL;
	bool ok = true;
	if (!needed || best->text == NULL) {
		forget(secret);
		return true;
	}
	switch (best->kind) {
	case SOURCE_FILE: ok = secret_from_file(best->text, &text, err); break;
	case SOURCE_COMMAND: ok = secret_from_command(best->text, SECRET_COMMAND_TIME, &text, err); break;
	case SOURCE_VARIABLE: ok = secret_from_text(best->text, strlen(best->text), &text, err); break;
	}
	if (!ok) {
		err_in(err, "`%s`", best->name);
		return best->kind == SOURCE_VARIABLE ? false : config_err_in(config, NULL, best->name, err);
	}
	forget(secret);
	*secret = text;
	return true;
}

bool credentials_fetch(struct config *config, struct err *err)
{
	struct needs needs = needs_of(config);
	struct source client;
	struct source bearer;
	return find_sources(config, &client, &bearer, err) &&
	       fetch_secret(config, needs.client, &client, &config->client_secret, err) &&
	       fetch_secret(config, needs.bearer, &bearer, &config->bearer_token, err);
}

#include "cmd/connect.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "provider.h"
#include "stop.h"

static struct http *open_http(const struct config *config, struct err *err)
{
	struct http_options settings = {
		.ca_file = config->ca_file,
		.user_agent = "rosterzip/" ROSTERZIP_VERSION,
		.first_byte_seconds = (int)config->timeout,
		.verbose = config->verbose,
		.stopped = stop_requested,
		.wake_fd = stop_descriptor(),
	};
	return http_new(&settings, err);
}

struct scope_list {
	const char **items;
	size_t count;
};

static void scope_add(struct scope_list *list, const char *prefix, const char *scope)
{
	char *full = mem_format("%s%s", prefix, scope);
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], full) == 0) {
			free(full);
			return;
		}
	}
	list->items = mem_grow(list->items, list->count + 2, sizeof(*list->items));
	list->items[list->count++] = full;
	list->items[list->count] = NULL;
}

static void scope_release(struct scope_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)list->items[i]);
	free(list->items);
}

/* What the wanted tables need; the provider's own go with the first try only. */
static void wanted_scopes(
	const struct config *config, const struct schema *schema, struct scope_list *all, struct scope_list *fewer)
{
	const char *prefix = schema->scope_prefix;
	if (config->scope.set) {
		for (size_t i = 0; i < config->scope.count; i++)
			scope_add(all, "", config->scope.items[i]);
		return;
	}
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		if (table->scope != NULL && config_list_has(&config->collections, table->name)) {
			scope_add(all, prefix, table->scope);
			scope_add(fewer, prefix, table->scope);
		}
	}
	for (const char *const *extra = config->provider->extra_scopes; *extra != NULL; extra++)
		scope_add(all, prefix, *extra);
}

static void login_ways(const struct config *config, enum auth_way *ways)
{
	static const enum auth_way chosen[] = {
		[CONFIG_AUTH_OAUTH2] = AUTH_OAUTH2,
		[CONFIG_AUTH_AERIES_V1] = AUTH_AERIES_V1,
		[CONFIG_AUTH_OAUTH1] = AUTH_OAUTH1,
		[CONFIG_AUTH_BEARER] = AUTH_BEARER,
		[CONFIG_AUTH_NONE] = AUTH_NONE,
	};
	if (config->auth != CONFIG_AUTH_AUTO) {
		ways[0] = chosen[config->auth];
		return;
	}
	size_t count = 0;
	for (const char *const *word = config->provider->auth; *word != NULL && count + 1 < AUTH_WAY_COUNT; word++)
		if (auth_way_find(*word, &ways[count]))
			count++;
	ways[count] = AUTH_END;
}

static void choose_client(const struct config *config, struct auth_options *settings)
{
	static const enum auth_client chosen[] = {
		[CONFIG_CLIENT_AUTH_BASIC] = AUTH_CLIENT_BASIC,
		[CONFIG_CLIENT_AUTH_BODY] = AUTH_CLIENT_BODY,
		[CONFIG_CLIENT_AUTH_QUERY] = AUTH_CLIENT_QUERY,
		[CONFIG_CLIENT_AUTH_BOTH] = AUTH_CLIENT_BOTH,
	};
	settings->client_given = config->client_auth != CONFIG_CLIENT_AUTH_AUTO;
	if (settings->client_given)
		settings->client = chosen[config->client_auth];
	else if (config->provider->client_auth != NULL)
		auth_client_find(config->provider->client_auth, &settings->client);
}

static const char *oauth1_method(int method)
{
	switch (method) {
	case CONFIG_OAUTH1_HMAC_SHA1: return "HMAC-SHA1";
	case CONFIG_OAUTH1_HMAC_SHA256: return "HMAC-SHA256";
	default: return NULL; /* tries both */
	}
}

/* What token paths go behind. To be freed. */
static char *token_base(const struct config *config)
{
	const char *host = strstr(config->base_url, "://");
	if (!config->provider->token_at_host || host == NULL)
		return mem_copy(config->base_url);
	host += strlen("://");
	return mem_copy_n(config->base_url, (size_t)(host - config->base_url) + strcspn(host, "/"));
}

static bool in_query(const char *query, const char *name)
{
	size_t length = strlen(name);
	for (; query != NULL && *query != '\0'; query = strchr(query, '&')) {
		query++; /* the question mark, or what stands between two */
		if (strncmp(query, name, length) == 0 && query[length] == '=')
			return true;
	}
	return false;
}

/* Whether the user gave a parameter for the query of the token address. */
static bool is_given(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->token_param.count; i++)
		if (config->token_param.items[i][0] == '?' && in_query(config->token_param.items[i], name))
			return true;
	return config->token_url != NULL && in_query(strchr(config->token_url, '?'), name);
}

/* A hint, and in front of it what the token address demands and nobody gave. NULL for neither; to be freed. */
static char *token_hint(const struct config *config, const char *hint)
{
	const char *const *name = config->provider->token_query;
	while (*name != NULL && is_given(config, *name))
		name++;
	if (*name == NULL)
		return hint != NULL ? mem_copy(hint) : NULL;
	return mem_format("%s wants %s in the query of its token address: set token-url to the whole address with "
			  "?%s=..., or token-param to ?%s=...%s%s",
		config->provider->title, *name, *name, *name, hint != NULL ? ". " : "", hint != NULL ? hint : "");
}

bool connect_open(
	struct connection *connection, const struct config *config, const struct schema *schema, struct err *err)
{
	connection->http = open_http(config, err);
	if (connection->http == NULL)
		return false;
	const struct provider *provider = config->provider;
	struct scope_list scopes = {0};
	struct scope_list fewer = {0};
	wanted_scopes(config, schema, &scopes, &fewer);
	char *base = token_base(config);
	char *login_refused = token_hint(config, provider->hints.login_refused);
	char *no_address = token_hint(config, provider->hints.no_address);
	struct auth_options settings = {
		.base = base,
		.token_url = config->token_url,
		.token_paths = provider->token_paths,
		.authorize_path = provider->authorize_path,
		.refresh_path = provider->refresh_path,
		.client_id = config->client_id,
		.client_secret = config->client_secret,
		.bearer = config->bearer_token,
		.basic_raw = config->basic_encoding == CONFIG_BASIC_RAW,
		.grant = config->grant == CONFIG_GRANT_PASSWORD ? "password" : NULL,
		.oauth1_method = oauth1_method(config->oauth1_method),
		.scopes = scopes.items,
		.fallback_scopes = fewer.items,
		.token_params = (const char *const *)config->token_param.items,
		.headers = (const char *const *)config->header.items,
		.retry_seconds = (int)config->retry_time,
		.key_hex_digits = provider->key_hex_digits,
		.hint_login_refused = login_refused,
		.hint_no_address = no_address,
		.hint_key_shape = provider->hints.key_shape,
	};
	login_ways(config, settings.ways);
	choose_client(config, &settings);
	connection->auth = auth_new(&settings, connection->http);
	scope_release(&scopes);
	scope_release(&fewer);
	free(base);
	free(login_refused);
	free(no_address);
	bool fine = auth_login(connection->auth, err);
	connect_warn(connection);
	return fine;
}

const char **connect_headers(const char *const *extra, const char *authorization)
{
	size_t count = 0;
	while (extra != NULL && extra[count] != NULL)
		count++;
	const char **lines = mem_new(count + 3, sizeof(*lines));
	size_t used = 0;
	lines[used++] = "Accept: application/json";
	if (authorization[0] != '\0')
		lines[used++] = authorization;
	for (size_t i = 0; i < count; i++)
		lines[used++] = extra[i];
	return lines;
}

void connect_warn(struct connection *connection)
{
	const char *warning = connection->auth != NULL ? auth_warning(connection->auth) : NULL;
	if (warning == NULL || (connection->warned != NULL && strcmp(connection->warned, warning) == 0))
		return;
	log_line(LOG_WARNING, "login", "%s", warning);
	free(connection->warned);
	connection->warned = mem_copy(warning);
}

void connect_close(struct connection *connection)
{
	free(connection->warned);
	auth_free(connection->auth);
	http_free(connection->http);
	*connection = (struct connection){0};
}

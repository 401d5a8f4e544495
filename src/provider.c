#include "provider.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

const struct provider *provider_find(const char *name)
{
	for (int i = 0; providers[i] != NULL; i++)
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	return NULL;
}

bool provider_is_path(const char *value)
{
	static const char end[] = ".json";
	size_t length = strlen(value);
	return strchr(value, '/') != NULL ||
	       (length >= sizeof(end) && strcmp(value + length - (sizeof(end) - 1), end) == 0);
}

/* Whole labels only: "notaeries.net" is not a host of "aeries.net". */
static bool host_ends(const char *host, const char *end)
{
	size_t host_length = strlen(host);
	size_t length = strlen(end);
	if (length > host_length || strcasecmp(host + host_length - length, end) != 0)
		return false;
	return length == host_length || host[host_length - length - 1] == '.';
}

/* The ending begins with a slash, so whole components are compared. */
static bool path_ends(const char *path, const char *end)
{
	size_t path_length = strlen(path);
	size_t length = strlen(end);
	while (path_length > 0 && path[path_length - 1] == '/')
		path_length--;
	return length <= path_length && strncasecmp(path + path_length - length, end, length) == 0;
}

const struct provider *provider_recognise(const char *host, const char *path)
{
	/* The host says more than the path, so every host is tried before any path. */
	for (int i = 0; providers[i] != NULL; i++)
		for (const char *const *end = providers[i]->hosts; *end != NULL; end++)
			if (host_ends(host, *end))
				return providers[i];
	for (int i = 0; providers[i] != NULL; i++)
		for (const char *const *end = providers[i]->paths; *end != NULL; end++)
			if (path_ends(path, *end))
				return providers[i];
	const struct provider *generic = provider_find("generic");
	assert(generic != NULL);
	return generic;
}

const char *provider_permission(const struct provider *provider, const char *table)
{
	for (const struct provider_permission *row = provider->permissions; row->table != NULL; row++)
		if (strcmp(row->table, table) == 0)
			return row->permission;
	return NULL;
}

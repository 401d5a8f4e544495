#include "json.h"

#include <string.h>

void json_text(yajl_gen gen, const char *value)
{
	if (value == NULL)
		yajl_gen_null(gen);
	else
		yajl_gen_string(gen, (const unsigned char *)value, strlen(value));
}

void json_add_text(yajl_gen gen, const char *key, const char *value)
{
	json_text(gen, key);
	json_text(gen, value);
}

void json_add_number(yajl_gen gen, const char *key, int64_t value)
{
	json_text(gen, key);
	yajl_gen_integer(gen, value);
}

void json_add_count(yajl_gen gen, const char *key, uint64_t value)
{
	json_add_number(gen, key, (int64_t)value); /* nothing that is counted comes near the end of that */
}

void json_add_bool(yajl_gen gen, const char *key, bool value)
{
	json_text(gen, key);
	yajl_gen_bool(gen, value);
}

void json_open_map(yajl_gen gen, const char *key)
{
	json_text(gen, key);
	yajl_gen_map_open(gen);
}

void json_open_list(yajl_gen gen, const char *key)
{
	json_text(gen, key);
	yajl_gen_array_open(gen);
}

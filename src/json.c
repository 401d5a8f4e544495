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

static void add_examples(yajl_gen gen, const struct finding *finding)
{
	json_open_list(gen, "examples");
	for (size_t i = 0; i < finding->example_count; i++) {
		yajl_gen_map_open(gen);
		if (finding->examples[i].row > 0)
			json_add_count(gen, "row", finding->examples[i].row);
		else
			json_add_text(gen, "row", NULL);
		if (finding->examples[i].value != NULL)
			json_add_text(gen, "value", finding->examples[i].value);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

void finding_json(yajl_gen gen, const struct finding *finding)
{
	const struct rule_info *info = &rules[finding->rule];
	yajl_gen_map_open(gen);
	json_add_text(gen, "rule", info->code);
	json_add_text(gen, "severity", rule_severity_word(finding_severity(finding)));
	json_add_bool(gen, "accepted", finding->accepted);
	json_add_text(gen, "file", finding->file);
	json_add_text(gen, "column", finding->column);
	json_add_text(gen, "detail", finding->detail);
	json_add_count(gen, "count", finding->count);
	add_examples(gen, finding);
	json_add_text(gen, "text", info->text);
	json_add_text(gen, "advice", info->advice);
	yajl_gen_map_close(gen);
}

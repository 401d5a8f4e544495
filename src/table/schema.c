#include "table/schema.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	bool list;
} column_types[COLUMN_TYPE_COUNT] = {
	[COLUMN_GUID] = {"guid", false},
	[COLUMN_GUIDS] = {"guids", true},
	[COLUMN_ID] = {"id", false},
	[COLUMN_TEXT] = {"text", false},
	[COLUMN_TEXTS] = {"texts", true},
	[COLUMN_GRADES] = {"grades", true},
	[COLUMN_ENUM] = {"enum", false},
	[COLUMN_ENUMS] = {"enums", true},
	[COLUMN_BOOLEAN] = {"boolean", false},
	[COLUMN_DATE] = {"date", false},
	[COLUMN_DATETIME] = {"datetime", false},
	[COLUMN_YEAR] = {"year", false},
	[COLUMN_FLOAT] = {"float", false},
	[COLUMN_USERIDS] = {"userids", true},
	[COLUMN_DIGEST] = {"digest", false},
	[COLUMN_BLANK] = {"blank", false},
};

const struct table *schema_table_find(const struct schema *schema, const char *name)
{
	for (int i = 0; i < schema->table_count; i++)
		if (strcmp(schema->tables[i].name, name) == 0)
			return &schema->tables[i];
	return NULL;
}

int column_find(const struct table *table, const char *name)
{
	for (int i = 0; i < table->column_count; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return i;
	return SCHEMA_NONE;
}

bool column_is_list(enum column_type type)
{
	assert(type < COLUMN_TYPE_COUNT);
	return column_types[type].list;
}

const char *column_type_name(enum column_type type)
{
	assert(type < COLUMN_TYPE_COUNT);
	return column_types[type].name;
}

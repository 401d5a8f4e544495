#include "column_name.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"

static const struct schema *const schema = &schema_oneroster_1_1;

const struct table *column_name_table(const char *text, size_t length, struct err *err)
{
	struct buf names = {0};
	for (int i = 0; i < schema->table_count; i++) {
		const char *name = schema->tables[i].name;
		if (strlen(name) == length && memcmp(name, text, length) == 0) {
			buf_release(&names);
			return &schema->tables[i];
		}
		buf_add_format(&names, "%s%s", i > 0 ? ", " : "", name);
	}
	err_set(err, ERR_USAGE, "OneRoster has no table `%.*s`, only: %s", (int)length, text, buf_text(&names));
	buf_release(&names);
	return NULL;
}

const struct column *column_name_read(const char *text, size_t length, int *table, int *column, struct err *err)
{
	const char *dot = memchr(text, '.', length);
	if (dot == NULL) {
		err_set(err, ERR_USAGE, "it is a column such as users.phone, not `%.*s`", (int)length, text);
		return NULL;
	}
	const struct table *found = column_name_table(text, (size_t)(dot - text), err);
	if (found == NULL)
		return NULL;
	const char *name = dot + 1;
	size_t name_length = length - (size_t)(name - text);
	struct buf names = {0};
	const struct column *result = NULL;
	for (int c = 0; c < found->column_count && result == NULL; c++) {
		const char *own = found->columns[c].name;
		buf_add_format(&names, "%s%s", c > 0 ? ", " : "", own);
		if (strlen(own) != name_length || memcmp(own, name, name_length) != 0)
			continue;
		result = &found->columns[c];
		*table = found->id;
		*column = c;
	}
	if (result == NULL)
		err_set(err, ERR_USAGE, "%s has no column `%.*s`, only: %s", found->name, (int)name_length, name,
			buf_text(&names));
	buf_release(&names);
	return result;
}

bool column_name_open(int table, int column, struct err *err)
{
	const struct column *found = &schema->tables[table].columns[column];
	return found->closed == NULL || err_set(err, ERR_USAGE, "%s.%s is not for settings: %s",
						schema->tables[table].name, found->name, found->closed);
}

bool column_name_never(const struct table *table, const char *key)
{
	const char *dot = strrchr(key, '.');
	const char *last = dot != NULL ? dot + 1 : key;
	for (int c = 0; c < table->column_count; c++)
		if (table->columns[c].type == COLUMN_BLANK && strcasecmp(table->columns[c].name, last) == 0)
			return true;
	return false;
}

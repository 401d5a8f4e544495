/* Prints the compiled tables as run.sh wants to compare them: headers, columns, one note, recognised
 * providers, or what a consumer says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provider.h"
#include "table/consumer.h"
#include "table/schema.h"

static const struct schema *const schema = &schema_oneroster_1_1;

static void print_headers(void)
{
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		printf("%s ", table->file_name);
		for (int c = 0; c < table->column_count; c++)
			printf("%s%s", c > 0 ? "," : "", table->columns[c].name);
		printf("\n");
	}
}

/* The format of a column in the words of the standard, which knows fewer than the program. */
static const char *standard_format(const struct column *column)
{
	switch (column->type) {
	case COLUMN_DIGEST: return "guid";
	case COLUMN_GRADES:
	case COLUMN_USERIDS: return "texts";
	case COLUMN_BLANK: return "text";
	case COLUMN_BOOLEAN: return "enum true,false";
	default: return column_type_name(column->type);
	}
}

static const char *standard_need(const struct column *column)
{
	if (column->required)
		return "R";
	return column->delta ? "D" : "N";
}

static void print_columns(void)
{
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		for (int c = 0; c < table->column_count; c++) {
			const struct column *column = &table->columns[c];
			printf("%s %s %s %s", table->file_name, column->name, standard_need(column),
				standard_format(column));
			if (column->ref != SCHEMA_NONE)
				printf(" %s", schema->tables[column->ref].name);
			if (column->type == COLUMN_ENUM || column->type == COLUMN_ENUMS)
				for (const char *const *value = column->vocabulary->values; *value != NULL; value++)
					printf("%c%s", value == column->vocabulary->values ? ' ' : ',', *value);
			printf("\n");
		}
	}
}

/* What the tables say of each other. */
static void print_links(void)
{
	for (int i = 0; i < schema->table_count; i++) {
		const struct table *table = &schema->tables[i];
		if (table->id != i || schema_table_find(schema, table->name) != table)
			printf("%s has a wrong id\n", table->name);
		if (!table->referenced)
			printf("%s is not referenced\n", table->name);
		if (table->from != SCHEMA_NONE)
			printf("%s is made from %s of %s\n", table->name, table->each,
				schema->tables[table->from].name);
		if (table->core)
			printf("%s is core\n", table->name);
		for (const int *const *set = table->identity; *set != NULL; set++) {
			printf("%s is told by", table->name);
			for (const int *column = *set; *column != SCHEMA_NONE; column++)
				printf("%s %s", column > *set ? " and" : "", table->columns[*column].name);
			printf("\n");
		}
		for (int c = 0; c < table->column_count; c++) {
			const struct column *column = &table->columns[c];
			if (column_find(table, column->name) != c)
				printf("%s.%s is not found\n", table->name, column->name);
			if (column->fill != NULL)
				printf("%s.%s becomes %s\n", table->name, column->name, column->fill);
			if (column->fill_via != SCHEMA_NONE) {
				const struct column *via = &table->columns[column->fill_via];
				const struct table *there = &schema->tables[via->ref];
				printf("%s.%s becomes %s of the row of %s in %s\n", table->name, column->name,
					there->columns[column->fill_from].name, via->name, there->name);
			}
		}
	}
}

static int print_note(const char *file, const char *column)
{
	const struct table *table = schema_table_find(schema, file);
	int index = table != NULL ? column_find(table, column) : SCHEMA_NONE;
	if (index == SCHEMA_NONE)
		return EXIT_FAILURE;
	printf("%s\n", table->columns[index].note);
	return EXIT_SUCCESS;
}

static void print_list(const char *name, const char *const *list)
{
	for (const char *const *text = list; text != NULL && *text != NULL; text++)
		printf("%s %s\n", name, *text);
}

/* What a consumer says of files, columns and words, a line each. */
static int print_consumer(const char *name)
{
	static const char *const verbs[] = {
		[CONSUMER_FILE_REQUIRED] = "needs",
		[CONSUMER_FILE_UNWANTED] = "refuses",
		[CONSUMER_FILE_IGNORED] = "ignores",
	};
	const struct consumer *consumer = consumer_find(name);
	if (consumer == NULL)
		return EXIT_FAILURE;
	for (int i = 0; i < schema->table_count; i++)
		if (consumer->files[i] != CONSUMER_FILE_ANY)
			printf("%s %s\n", verbs[consumer->files[i]], schema->tables[i].name);
	for (int i = 0; i < consumer->extra_count; i++)
		printf("knows %s of %s\n", consumer->extras[i].name, schema->tables[consumer->extras[i].table].name);
	for (int i = 0; i < consumer->required_count; i++) {
		const struct consumer_required *cell = &consumer->required[i];
		const struct table *table = &schema->tables[cell->column.table];
		printf("needs %s.%s%s%s%s\n", table->name, table->columns[cell->column.column].name,
			cell->role != NULL ? " of a " : "", cell->role != NULL ? cell->role : "",
			cell->unique ? ", which is unique" : "");
	}
	print_list("takes role", consumer->roles);
	print_list("takes org type", consumer->org_types);
	print_list("takes grade", consumer->grades);
	print_list("note", consumer->notes);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "headers") == 0)
		print_headers();
	else if (strcmp(what, "columns") == 0)
		print_columns();
	else if (strcmp(what, "links") == 0)
		print_links();
	else if (strcmp(what, "note") == 0 && argc == 4)
		return print_note(argv[2], argv[3]);
	else if (strcmp(what, "consumer") == 0 && argc == 3)
		return print_consumer(argv[2]);
	else if (strcmp(what, "provider") == 0 && argc == 4)
		printf("%s\n", provider_recognise(argv[2], argv[3])->name);
	else
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

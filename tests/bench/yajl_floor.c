/*
 * What no program on yajl can do without: parses each file named in the file LIST, one a line, and does nothing with
 *it.
 *
 *	yajl_floor LIST
 *
 * Prints the bytes parsed. Like rosterzip it lets yajl not check UTF-8 in strings, so the floor lies as low as can be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

enum { PIECE = 64 * 1024, PATH_SIZE = 4096 };

static int on_null(void *context)
{
	(void)context;
	return 1;
}

static int on_boolean(void *context, int value)
{
	(void)context;
	(void)value;
	return 1;
}

static int on_number(void *context, const char *text, size_t length)
{
	(void)context;
	(void)text;
	(void)length;
	return 1;
}

static int on_text(void *context, const unsigned char *text, size_t length)
{
	(void)context;
	(void)text;
	(void)length;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_text,
	.yajl_start_map = on_null,
	.yajl_map_key = on_text,
	.yajl_end_map = on_null,
	.yajl_start_array = on_null,
	.yajl_end_array = on_null,
};

/* Gives the bytes of the file; ends the program when it cannot be read or is no JSON. */
static size_t parse(const char *path)
{
	static unsigned char piece[PIECE];
	FILE *file = fopen(path, "rb");
	yajl_handle parser = yajl_alloc(&callbacks, NULL, NULL);
	if (file == NULL || parser == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	setvbuf(file, NULL, _IONBF, 0);
	yajl_config(parser, yajl_dont_validate_strings, 1);
	yajl_status status = yajl_status_ok;
	size_t bytes = 0;
	size_t length = 0;
	while (status == yajl_status_ok && (length = fread(piece, 1, sizeof(piece), file)) > 0) {
		status = yajl_parse(parser, piece, length);
		bytes += length;
	}
	if (status != yajl_status_ok || ferror(file) || yajl_complete_parse(parser) != yajl_status_ok) {
		fprintf(stderr, "%s: no JSON\n", path);
		exit(EXIT_FAILURE);
	}
	yajl_free(parser);
	fclose(file);
	return bytes;
}

int main(int argc, char **argv)
{
	char path[PATH_SIZE];
	size_t bytes = 0;
	FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (list == NULL) {
		fputs("yajl_floor LIST\n", stderr);
		return 2;
	}
	while (fgets(path, sizeof(path), list) != NULL) {
		path[strcspn(path, "\n")] = '\0';
		bytes += parse(path);
	}
	fclose(list);
	printf("%zu\n", bytes);
	return EXIT_SUCCESS;
}

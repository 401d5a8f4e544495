#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/end.h"

static void *checked(void *block)
{
	if (block == NULL)
		end_now("out of memory");
	return block;
}

void *mem_new(size_t count, size_t size)
{
	return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *mem_grow(void *old, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		checked(NULL);
	size_t bytes = count * size;
	return checked(realloc(old, bytes > 0 ? bytes : 1));
}

char *mem_copy(const char *text)
{
	return mem_copy_n(text, strlen(text));
}

char *mem_copy_n(const char *text, size_t length)
{
	char *copy = mem_new(length + 1, 1);
	if (length > 0)
		memcpy(copy, text, length);
	return copy;
}

char *mem_format(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = mem_new(length > 0 ? (size_t)length + 1 : 1, 1);
	if (length > 0)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

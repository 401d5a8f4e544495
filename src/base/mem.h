/*
 * Memory that is there or the program ends (base/end.h): no caller checks for NULL.
 * Blocks are freed with free() of the C library.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Zeroed memory for count things of size bytes. Never NULL. */
void *mem_new(size_t count, size_t size);

/* Like realloc for count things of size bytes; the new part is not zeroed. Never NULL. */
void *mem_grow(void *old, size_t count, size_t size);

/* A terminated copy of a terminated string, or of text and length. Never NULL. */
char *mem_copy(const char *text);
char *mem_copy_n(const char *text, size_t length);

/* A formatted string, to be freed by the caller. Never NULL. */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_ROOM = 256 };

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
	buf->overflow = false;
	if (buf->data != NULL)
		buf_set_length(buf, 0);
}

const char *buf_text(const struct buf *buf)
{
	return buf->data != NULL ? buf->data : "";
}

char *buf_reserve(struct buf *buf, size_t length)
{
	size_t max = buf->max != 0 ? buf->max : BUF_MAX_DEFAULT;
	if (length > max || buf->length > max - length) {
		buf->overflow = true;
		return NULL;
	}
	size_t need = buf->length + length + 1;
	if (need > buf->room) {
		size_t room = buf->room < FIRST_ROOM ? FIRST_ROOM : buf->room * 2;
		if (room > max + 1)
			room = max + 1;
		if (room < need)
			room = need;
		buf->data = mem_grow(buf->data, room, 1);
		buf->room = room;
		buf->data[buf->length] = '\0';
	}
	return buf->data + buf->length;
}

void buf_set_length(struct buf *buf, size_t length)
{
	buf->length = length;
	buf->data[length] = '\0';
}

bool buf_add(struct buf *buf, const void *data, size_t length)
{
	char *to = buf_reserve(buf, length);
	if (to == NULL)
		return false;
	if (length > 0)
		memcpy(to, data, length);
	buf_set_length(buf, buf->length + length);
	return true;
}

bool buf_add_text(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

bool buf_add_char(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

bool buf_add_format(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *to = length >= 0 ? buf_reserve(buf, (size_t)length) : NULL;
	if (to != NULL) {
		vsnprintf(to, (size_t)length + 1, format, again);
		buf->length += (size_t)length;
	}
	va_end(again);
	return to != NULL;
}

char *buf_take(struct buf *buf)
{
	char *text = buf->data != NULL ? buf->data : mem_copy("");
	*buf = (struct buf){.max = buf->max};
	return text;
}

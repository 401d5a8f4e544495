/*
 * What the fuzz targets share: an input taken apart from its front, and a judge of texts that knows nothing of the
 * program's own. A target ends the process when something that always has to hold does not.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* What libFuzzer, or replay.c, calls with each input. Gives 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
	const char *data;
	size_t left;
};

static inline void fuzz_must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static inline struct fuzz_input fuzz_begin(const uint8_t *data, size_t size)
{
	return (struct fuzz_input){.data = size > 0 ? (const char *)data : "", .left = size};
}

/* Where targets that need files have them. */
static inline const char *fuzz_folder(void)
{
	const char *folder = getenv("TMPDIR");
	return folder != NULL ? folder : "/tmp";
}

/* The next byte; 0 at the end. */
static inline unsigned fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return (unsigned char)*input->data++;
}

/* The next bytes, at most so many as are left. */
static inline const char *fuzz_bytes(struct fuzz_input *input, size_t *length)
{
	const char *bytes = input->data;
	if (*length > input->left)
		*length = input->left;
	input->data += *length;
	input->left -= *length;
	return bytes;
}

/* All up to the next line feed, which is skipped, or to the end. */
static inline const char *fuzz_line(struct fuzz_input *input, size_t *length)
{
	const char *newline = memchr(input->data, '\n', input->left);
	*length = newline != NULL ? (size_t)(newline - input->data) : input->left;
	const char *line = fuzz_bytes(input, length);
	fuzz_byte(input);
	return line;
}

/* The same as a terminated text, which ends at a NUL as well; to be freed. NULL for an empty line. */
static inline char *fuzz_line_text(struct fuzz_input *input)
{
	size_t length = 0;
	const char *line = fuzz_line(input, &length);
	return length > 0 ? mem_copy_n(line, length) : NULL;
}

/* Whether bytes at text are one character of UTF-8 as RFC 3629 has it; length is then how many. */
static inline bool fuzz_character(const char *text, size_t left, uint32_t *code, size_t *length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned first = (unsigned char)text[0];
	*length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
	if (*length == 0 || *length > left)
		return false;
	*code = *length == 1 ? first : first & (0xFFU >> (*length + 1));
	for (size_t i = 1; i < *length; i++) {
		if (((unsigned char)text[i] & 0xC0U) != 0x80)
			return false;
		*code = *code << 6 | ((unsigned char)text[i] & 0x3FU);
	}
	return *code >= least[*length] && *code <= 0x10FFFF && (*code < 0xD800 || *code > 0xDFFF);
}

/* Whether a text is UTF-8 without control characters, line separators and byte-order marks. */
static inline bool fuzz_is_clean(const char *text, size_t length)
{
	uint32_t code = 0;
	size_t step = 0;
	for (size_t at = 0; at < length; at += step) {
		if (!fuzz_character(text + at, length - at, &code, &step) || code < 0x20 || code == 0xFEFF ||
			(code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029)
			return false;
	}
	return true;
}

#endif

#include "base/trace.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"

enum { LINE_MAX_SHOWN = 1000 }; /* secrets are masked before the cut */

static bool harmless_field(const char *name, size_t length, bool ours)
{
	static const char *const known[] = {"Host", "Accept", "Accept-Encoding", "Content-Type", "Content-Length",
		"User-Agent", "Connection", "Upgrade", "HTTP2-Settings", NULL};
	if (!ours)
		return !mask_secret_name(name, length);
	for (size_t i = 0; known[i] != NULL; i++)
		if (strlen(known[i]) == length && curl_strnequal(known[i], name, length))
			return true;
	return false;
}

static void write_line(const struct mask *mask, char sign, const char *line, size_t length)
{
	size_t room = length * 4 + 16; /* masks may be longer than what they hide */
	char *text = mem_new(room, 1);
	memcpy(text, line, length);
	if (sign == '*') {
		/* The library's own words quote cookies and HTTP/2 fields. */
		static const char *const words[] = {"cookie", "authorization", "[", NULL};
		for (size_t i = 0; words[i] != NULL; i++)
			for (size_t at = 0; at < strlen(text); at++)
				if (curl_strnequal(text + at, words[i], strlen(words[i]))) {
					size_t keep = at + strlen(words[i]);
					snprintf(text + keep, room - keep, " ***");
					break;
				}
	} else if (sign == '>' && curl_strnequal(text, "PASS ", 5)) {
		/* FTP; a password may be too short for the mask. */
		snprintf(text + 5, room - 5, "***");
	} else {
		const char *colon = strchr(text, ':');
		size_t name = colon != NULL ? (size_t)(colon - text) : 0;
		bool field = name > 0 && memchr(text, ' ', name) == NULL;
		if (field && !harmless_field(text, name, sign == '>'))
			snprintf(text + name, room - name, ": ***");
	}
	mask_query(text, room);
	mask_text(mask, text, room);
	log_line(LOG_DEBUG, "http", "%c %.*s", sign, LINE_MAX_SHOWN, text);
	mask_wipe(text, room);
	free(text);
}

int trace_write(CURL *easy, curl_infotype type, char *data, size_t size, void *mask)
{
	(void)easy;
	char sign = '*';
	if (type == CURLINFO_HEADER_IN)
		sign = '<';
	else if (type == CURLINFO_HEADER_OUT)
		sign = '>';
	if (type != CURLINFO_TEXT && type != CURLINFO_HEADER_IN && type != CURLINFO_HEADER_OUT)
		return 0;
	for (size_t at = 0; at < size;) {
		const char *end = memchr(data + at, '\n', size - at);
		size_t length = end != NULL ? (size_t)(end - (data + at)) : size - at;
		size_t shown = length;
		while (shown > 0 && strchr("\r\n", data[at + shown - 1]) != NULL)
			shown--;
		if (shown > 0)
			write_line(mask, sign, data + at, shown);
		at += length + 1;
	}
	return 0;
}

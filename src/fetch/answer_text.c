#include "fetch/answer_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fetch/problem.h"

/* Names of members that only records have. */
static const char *const record_words[] = {"sourcedId", "sourced_id", "givenName", "familyName", "given_name",
	"family_name", "firstName", "lastName", "birthDate", "dateOfBirth", "username", "userIds", "enabledUser",
	"emailAddress", "phoneNumber"};

/* True if the answer holds, or begins like, data of people: an error answer may carry the record that it is about. */
static bool is_like_a_record(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(record_words) / sizeof(record_words[0]); i++) {
		size_t size = strlen(record_words[i]);
		for (size_t at = 0; at + size <= length; at++)
			if (strncasecmp(text + at, record_words[i], size) == 0)
				return true;
	}
	return false;
}

/* Shortens a text to room bytes with its end, after a whole character. */
static void cut_text(const char *text, char *out, size_t room)
{
	static const char more[] = "...";
	size_t length = strlen(text);
	if (length < room) {
		memcpy(out, text, length + 1);
		return;
	}
	length = room - sizeof(more);
	while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
		length--;
	snprintf(out, room, "%.*s%s", (int)length, text, more);
}

void answer_text(const struct http *http, const struct http_reply *reply, char out[static ANSWER_TEXT_ROOM])
{
	char whole[PROBLEM_ROOM];
	out[0] = '\0';
	if (reply->status >= 200 && reply->status < 300)
		return;
	if (is_like_a_record(buf_text(&reply->snippet), reply->snippet.length))
		return;
	problem_text(buf_text(&reply->snippet), reply->snippet.length, whole);
	http_mask(http, whole, sizeof(whole));
	cut_text(whole, out, ANSWER_TEXT_ROOM);
}

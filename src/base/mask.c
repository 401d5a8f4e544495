#include "base/mask.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/mem.h"

enum {
	SECRET_MIN = 3,
	PART_MIN = 6, /* so many bytes of a cut secret are worth hiding */
	PASSING_MAX = 64,
	FORMS_MAX = 5,
};

static const char stars[] = "***";
static const char dots[] = "..."; /* stand where a text was cut */

struct secret {
	char *forms[FORMS_MAX]; /* raw first; NULL where a form is the same as an earlier one */
	bool passing;
};

struct mask {
	struct secret *secrets;
	size_t count;
	size_t passing;
};

struct mask *mask_new(void)
{
	return mem_new(1, sizeof(struct mask));
}

void mask_wipe(void *data, size_t length)
{
	if (data != NULL)
		OPENSSL_cleanse(data, length);
}

void mask_wipe_text(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

static void secret_release(struct secret *secret)
{
	for (size_t i = 0; i < FORMS_MAX; i++)
		mask_wipe_text(secret->forms[i]);
}

void mask_free(struct mask *mask)
{
	if (mask == NULL)
		return;
	for (size_t i = 0; i < mask->count; i++)
		secret_release(&mask->secrets[i]);
	free(mask->secrets);
	free(mask);
}

static char *encoded(const char *text, const char *digits, bool form)
{
	char *out = mem_new(strlen(text) * 3 + 1, 1);
	char *to = out;
	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			     (c != '\0' && strchr("-._~", c) != NULL);
		if (plain) {
			*to++ = (char)c;
		} else if (form && c == ' ') {
			*to++ = '+';
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	return out;
}

static char *in_base64(const char *text)
{
	size_t length = strlen(text);
	char *out = mem_new(length / 3 * 4 + 5, 1);
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)length);
	return out;
}

static void forms_add(struct secret *secret, char *form)
{
	size_t i = 0;
	for (; i < FORMS_MAX && secret->forms[i] != NULL; i++)
		if (strcmp(secret->forms[i], form) == 0)
			break;
	if (i < FORMS_MAX && secret->forms[i] == NULL)
		secret->forms[i] = form;
	else
		mask_wipe_text(form);
}

void mask_add(struct mask *mask, const char *secret, bool passing)
{
	if (secret == NULL || strlen(secret) < SECRET_MIN)
		return;
	for (size_t i = 0; i < mask->count; i++)
		if (strcmp(mask->secrets[i].forms[0], secret) == 0)
			return;
	if (passing && mask->passing == PASSING_MAX) {
		size_t oldest = 0;
		while (!mask->secrets[oldest].passing)
			oldest++;
		secret_release(&mask->secrets[oldest]);
		mask->count--;
		memmove(&mask->secrets[oldest], &mask->secrets[oldest + 1],
			(mask->count - oldest) * sizeof(*mask->secrets));
		mask->passing--;
	}
	mask->secrets = mem_grow(mask->secrets, mask->count + 1, sizeof(*mask->secrets));
	struct secret *new = &mask->secrets[mask->count++];
	*new = (struct secret){.passing = passing};
	mask->passing += passing ? 1 : 0;
	forms_add(new, mem_copy(secret));
	forms_add(new, encoded(secret, "0123456789ABCDEF", false));
	forms_add(new, encoded(secret, "0123456789abcdef", false));
	forms_add(new, encoded(secret, "0123456789ABCDEF", true));
	forms_add(new, in_base64(secret));
}

/* Length of the longest secret that stands at text, or of the beginning of one that reaches to the cut: that is the end
 * of the text, without the dots that tell of a cut. */
static size_t found_at(const struct mask *mask, const char *text, size_t rest, size_t to_cut)
{
	size_t longest = 0;
	for (size_t i = 0; i < mask->count; i++)
		for (size_t k = 0; k < FORMS_MAX && mask->secrets[i].forms[k] != NULL; k++) {
			const char *form = mask->secrets[i].forms[k];
			if (form[0] != text[0])
				continue;
			size_t length = strlen(form);
			bool whole = length <= rest && memcmp(form, text, length) == 0;
			size_t compare = whole ? length : rest;
			if (!whole && (length <= rest || memcmp(form, text, rest) != 0))
				compare = to_cut;
			if (compare <= longest || (!whole && compare < PART_MIN))
				continue;
			if (whole || (compare < length && memcmp(form, text, compare) == 0))
				longest = compare;
		}
	return longest;
}

/* Text under construction in place of another one: fills up to room and drops the rest. */
struct place {
	char *to;
	size_t length;
	size_t room;
};

static void place_add(struct place *place, const char *text, size_t length)
{
	size_t left = place->room - 1 - place->length;
	if (length > left)
		length = left;
	memcpy(place->to + place->length, text, length);
	place->length += length;
}

void mask_text(const struct mask *mask, char *text, size_t room)
{
	if (mask->count == 0 || room == 0)
		return;
	size_t length = strlen(text);
	char *from = mem_copy_n(text, length);
	size_t cut = length >= strlen(dots) && strcmp(from + length - strlen(dots), dots) == 0 ? length - strlen(dots)
											       : length;
	struct place place = {.to = text, .room = room};
	for (size_t i = 0; i < length;) {
		size_t found = found_at(mask, from + i, length - i, cut > i ? cut - i : 0);
		if (found > 0)
			place_add(&place, stars, strlen(stars));
		else
			place_add(&place, from + i, 1);
		i += found > 0 ? found : 1;
	}
	text[place.length] = '\0';
	mask_wipe_text(from);
}

void mask_query(char *text, size_t room)
{
	if (room == 0 || strpbrk(text, "?&") == NULL)
		return;
	size_t length = strlen(text);
	char *from = mem_copy_n(text, length);
	struct place place = {.to = text, .room = room};
	for (size_t i = 0; i < length;) {
		place_add(&place, from + i, 1);
		if (from[i++] != '?' && from[i - 1] != '&')
			continue;
		size_t name = strcspn(from + i, "=&# \t\r\n'\"");
		if (from[i + name] != '=' || !mask_secret_name(from + i, name))
			continue;
		place_add(&place, from + i, name + 1);
		place_add(&place, stars, strlen(stars));
		i += name + 1;
		i += strcspn(from + i, "&# \t\r\n'\"");
	}
	text[place.length] = '\0';
	mask_wipe_text(from);
}

bool mask_secret_name(const char *name, size_t length)
{
	static const char *const words[] = {"secret", "token", "password", "passwd", "code", "key", "auth", "cookie",
		"credential", "signature", NULL};
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t word = strlen(words[i]);
		for (size_t at = 0; at + word <= length; at++)
			if (curl_strnequal(name + at, words[i], word) != 0)
				return true;
	}
	return false;
}

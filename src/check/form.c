#include "check/form.h"

#include <string.h>

#include "base/time.h"
#include "check/clean.h"
#include "check/moment.h"

enum { PLACES_MAX = 9 }; /* digits of a fraction of a second, as moment_read */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_length(const char *text, size_t length)
{
	size_t count = 0;
	while (count < length && is_digit(text[count]))
		count++;
	return count;
}

bool form_boolean(const char *text, size_t length)
{
	return (length == 4 && memcmp(text, "true", 4) == 0) || (length == 5 && memcmp(text, "false", 5) == 0);
}

static int number(const char *text, size_t length)
{
	int value = 0;
	for (size_t i = 0; i < length; i++)
		value = value * 10 + (text[i] - '0');
	return value;
}

bool form_date(const char *text, size_t length, int *days)
{
	if (length != MOMENT_DATE_SIZE - 1 || text[4] != '-' || text[7] != '-' || digits_length(text, 4) != 4 ||
		digits_length(text + 5, 2) != 2 || digits_length(text + 8, 2) != 2)
		return false;
	int year = number(text, 4);
	int month = number(text + 5, 2);
	int day = number(text + 8, 2);
	if (year == 0 || month == 0 || month > 12 || day == 0 || (day > 28 && day > time_month_days(year, month)))
		return false;
	if (days != NULL)
		*days = (int)time_days(year, month, day);
	return true;
}

/* Two digits that make a number below a limit. */
static bool is_below(const char *text, int limit)
{
	return digits_length(text, 2) == 2 && number(text, 2) < limit;
}

bool form_datetime(const char *text, size_t length)
{
	const size_t shortest = sizeof("YYYY-MM-DDThh:mm:ssZ") - 1;
	if (length < shortest || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[length - 1] != 'Z')
		return false;
	size_t places = length - shortest; /* with the point */
	if (places > 0 && (text[19] != '.' || places < 2 || places > 1 + PLACES_MAX ||
				  digits_length(text + 20, places - 1) != places - 1))
		return false;
	return form_date(text, 10, NULL) && is_below(text + 11, 24) && is_below(text + 14, 60) &&
	       is_below(text + 17, 60);
}

bool form_year(const char *text, size_t length)
{
	return length == 4 && digits_length(text, 4) == 4;
}

bool form_float(const char *text, size_t length)
{
	size_t at = length > 0 && text[0] == '-' ? 1 : 0;
	size_t whole = digits_length(text + at, length - at);
	at += whole;
	if (whole == 0 || at == length)
		return whole > 0;
	size_t places = digits_length(text + at + 1, length - at - 1);
	return text[at] == '.' && places > 0 && at + 1 + places == length;
}

bool form_whole(const char *text, size_t length)
{
	return length > 0 && digits_length(text, length) == length;
}

bool form_word(const char *text, size_t length, const char *const *words)
{
	for (; *words != NULL; words++)
		if ((*words)[0] == text[0] && strlen(*words) == length && memcmp(*words, text, length) == 0)
			return true;
	return false;
}

bool form_email(const char *text, size_t length)
{
	const char *at = memchr(text, '@', length);
	if (at == NULL || at == text)
		return false;
	const char *host = at + 1;
	const char *end = text + length;
	const char *dot = memchr(host, '.', (size_t)(end - host));
	if (dot == NULL || dot == host || end[-1] == '.')
		return false;
	for (const char *c = text; c < end; c++)
		if (*c == ' ' || *c == ',' || *c == ';' || *c == '<' || *c == '>' || (*c == '@' && c != at) ||
			(*c == '.' && c > host && c[-1] == '.'))
			return false;
	return true;
}

static bool is_user_id(const char *item, size_t length)
{
	if (length < sizeof("{t:i}") - 1 || item[0] != '{' || item[length - 1] != '}')
		return false;
	const char *type = item + 1;
	const char *end = item + length - 1;
	const char *colon = memchr(type, ':', (size_t)(end - type));
	return colon != NULL && memchr(type, '{', (size_t)(end - type)) == NULL &&
	       memchr(type, '}', (size_t)(end - type)) == NULL && !clean_is_blank(type, (size_t)(colon - type)) &&
	       !clean_is_blank(colon + 1, (size_t)(end - colon - 1));
}

bool form_item(const char **text, size_t *length, const char **item, size_t *item_length)
{
	if (*text == NULL)
		return false;
	const char *comma = *length > 0 ? memchr(*text, ',', *length) : NULL;
	*item = *text;
	*item_length = comma != NULL ? (size_t)(comma - *text) : *length;
	*length -= comma != NULL ? *item_length + 1 : *length;
	*text = comma != NULL ? comma + 1 : NULL;
	return true;
}

bool form_userids(const char *text, size_t length)
{
	const char *item = NULL;
	size_t item_length = 0;
	while (form_item(&text, &length, &item, &item_length))
		if (!is_user_id(item, item_length))
			return false;
	return true;
}

bool form_list(const char *text, size_t length)
{
	const char *item = NULL;
	size_t item_length = 0;
	while (form_item(&text, &length, &item, &item_length))
		if (clean_is_blank(item, item_length))
			return false;
	return true;
}

size_t form_items(const char *text, size_t length)
{
	size_t count = 1;
	for (size_t i = 0; i < length; i++)
		if (text[i] == ',')
			count++;
	return count;
}

bool form_joined_otherwise(const char *item, size_t length)
{
	if (length > 0 && (item[0] == ' ' || item[length - 1] == ' '))
		return true;
	for (size_t i = 0; i < length; i++)
		if (strchr(";|[]\"", item[i]) != NULL && item[i] != '\0')
			return true;
	return false;
}

static void allow(struct form_alphabet *alphabet, const char *chars)
{
	for (; *chars != '\0'; chars++)
		alphabet->allowed[(unsigned char)*chars] = true;
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void form_id_alphabet(struct form_alphabet *alphabet, const char *chars)
{
	*alphabet = (struct form_alphabet){0};
	if (chars == NULL) {
		allow(alphabet, letters);
		chars = "0123456789.-_/@";
	}
	allow(alphabet, chars);
}

void form_text_alphabet(struct form_alphabet *alphabet, const char *chars)
{
	*alphabet = (struct form_alphabet){0};
	allow(alphabet, letters);
	allow(alphabet, chars);
	/* The first bytes of characters from U+00C0 on, but for U+2000 to U+2FFF, which are signs; and what follows
	 * first bytes. */
	for (int byte = 0x80; byte <= 0xF4; byte++)
		alphabet->allowed[byte] = byte != 0xC2 && byte != 0xE2;
}

bool form_spelled(const char *text, size_t length, const struct form_alphabet *alphabet)
{
	bool fine = true;
	for (size_t i = 0; i < length; i++)
		fine &= alphabet->allowed[(unsigned char)text[i]];
	return fine;
}

size_t form_characters(const char *text, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += ((unsigned char)text[i] & 0xC0U) != 0x80 ? 1 : 0;
	return count;
}

/*
 * The forms that the standard asks of single values in a finished bundle, strictly: nothing is rewritten, and what
 * check/value.h would mend while rows are made is wrong here. Pure functions of a text that is not empty.
 * Leaves blank cells, references and everything that takes two cells to know to others.
 */
#ifndef CHECK_FORM_H
#define CHECK_FORM_H

#include <stdbool.h>
#include <stddef.h>

enum { FORM_ID_MAX = 255 }; /* characters of an id, by the standard */

/* true or false, in lower case. */
bool form_boolean(const char *text, size_t length);

/* YYYY-MM-DD, a day of the calendar. days, unless NULL, is set to the days since 1970-01-01. */
bool form_date(const char *text, size_t length, int *days);

/* YYYY-MM-DDThh:mm:ssZ, perhaps with a fraction of the second. */
bool form_datetime(const char *text, size_t length);

/* Four digits. */
bool form_year(const char *text, size_t length);

/* Decimal digits, perhaps with a minus in front and a point and more digits behind. */
bool form_float(const char *text, size_t length);

/* Digits only. */
bool form_whole(const char *text, size_t length);

/* One of the words, which end with NULL, letter by letter. */
bool form_word(const char *text, size_t length, const char *const *words);

/* Something with one @, text before it, and behind it a host with a dot inside; no blanks, no commas. An address in
 * quotes or with characters beyond ASCII is one too. */
bool form_email(const char *text, size_t length);

/* {type:id}, or several with commas between; nothing blank, no braces inside. */
bool form_userids(const char *text, size_t length);

/* Items with commas between, none of them empty or only blanks. */
bool form_list(const char *text, size_t length);

/* How many items a list has: the commas and one. */
size_t form_items(const char *text, size_t length);

/* Takes the next item off a list: sets item and its length, moves text behind the comma. False when nothing is left,
 * that is, when text is NULL, as it is after the last item. */
bool form_item(const char **text, size_t *length, const char **item, size_t *item_length);

/* Whether an item that is no word and no id looks as if the list had been joined in another way: with semicolons, bars,
 * blanks beside the commas, or as JSON. */
bool form_joined_otherwise(const char *item, size_t length);

/* Which characters a text may have beside those that are always fine. */
struct form_alphabet {
	bool allowed[256];
};

/* The characters of an id: those written out, or the standard's when chars is NULL. */
void form_id_alphabet(struct form_alphabet *alphabet, const char *chars);

/* The characters of a text: English letters, letters of other scripts, and those written out. */
void form_text_alphabet(struct form_alphabet *alphabet, const char *chars);

/* Whether all characters are of the alphabet; one for texts takes all of UTF-8 that may be letters. */
bool form_spelled(const char *text, size_t length, const struct form_alphabet *alphabet);

/* Characters of valid UTF-8. */
size_t form_characters(const char *text, size_t length);

#endif

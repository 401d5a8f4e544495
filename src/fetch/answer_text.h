/*
 * The one way by which words of a server reach a message or a report. Shows what an error answer says of itself, on one
 * line, and nothing else: no word of an answer that brought data, and none of one that looks like a record of a person.
 */
#ifndef FETCH_ANSWER_TEXT_H
#define FETCH_ANSWER_TEXT_H

#include "fetch/http.h"

enum { ANSWER_TEXT_ROOM = 200 };

/* Writes the line, terminated; "" when there is nothing to show. The text is decoded first, then the secrets of http
 * are masked in it, and only then is it cut. */
void answer_text(const struct http *http, const struct http_reply *reply, char out[static ANSWER_TEXT_ROOM]);

#endif

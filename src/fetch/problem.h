/*
 * One line out of the body of an error answer: whatever of its many shapes (OneRoster status objects, OAuth errors,
 * ASP.NET messages, web pages, plain text, JSON cut in the middle). For messages only, never for decisions, except that
 * single members can be looked up by name. Secrets are the caller's: what comes from an http_reply is masked already.
 */
#ifndef FETCH_PROBLEM_H
#define FETCH_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

enum { PROBLEM_ROOM = 6000 }; /* more than is kept of any answer: what is shown is cut by answer_text.h */

/* Writes the line, terminated, printable, without tags; "" when the body says nothing sensible. */
void problem_text(const char *body, size_t length, char out[static PROBLEM_ROOM]);

/* The text of the first member of that name (in any letter case; the least deeply nested counts) that is a string,
 * number or boolean; imsx_codeMinor also in its nested form. False, and out "", when there is none or it does not fit
 * in room. The document may be cut anywhere behind the member. */
bool problem_member(const char *body, size_t length, const char *name, char *out, size_t room);

/* True when the body looks like a web page. */
bool problem_is_page(const char *body, size_t length);

#endif

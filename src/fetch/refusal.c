#include "fetch/refusal.h"

#include <stdio.h>
#include <string.h>

#include "fetch/answer_text.h"
#include "fetch/problem.h"

void refusal_show(const struct http *http, const char *url, char out[static REFUSAL_ADDRESS_ROOM])
{
	http_show_address(http, url, out, REFUSAL_ADDRESS_ROOM);
	out[strcspn(out, "?")] = '\0';
}

/* Writes the status and what the server says, such as "401 invalid_client: unknown key". */
static void quote(const struct http *http, const struct http_reply *reply, char *out, size_t room)
{
	char said[ANSWER_TEXT_ROOM];
	answer_text(http, reply, said); /* nothing of a 2xx: it may be a token in a shape we do not know */
	snprintf(out, room, "%ld%s%s", reply->status, said[0] != '\0' ? " " : "", said);
}

void refusal_hint(const struct refusal *refusal, struct err *err)
{
	if (refusal->hint_login_refused != NULL)
		err_hint(err, "%s", refusal->hint_login_refused);
	if (refusal->key_hex_digits > 0 && !refusal->keys_fit && refusal->hint_key_shape != NULL)
		err_hint(err, "%s", refusal->hint_key_shape);
}

static void hint_address(const struct refusal *refusal, struct err *err)
{
	if (refusal->hint_no_address != NULL)
		err_hint(err, "%s", refusal->hint_no_address);
}

static void say_unreachable(const char *shown, const struct http_reply *reply, unsigned tries, struct err *err)
{
	static const char untrusted[] = "%s does not prove who it is: %s. If its certificate comes from an authority "
					"of your own, name that by ca-file";
	static const char insecure[] = "no secure connection with %s: %s. Is that an https address, and does the "
				       "server know TLS 1.2?";
	static const char unreachable[] = "cannot reach %s after %u tries: %s. The address may be wrong, the service "
					  "off, or this machine not among those that the SIS lets in";
	if (reply->failure == HTTP_TLS)
		err_set(err, ERR_API, strstr(reply->problem, "certificate") != NULL ? untrusted : insecure, shown,
			reply->problem);
	else if (reply->failure == HTTP_CONNECT)
		err_set(err, ERR_API, unreachable, shown, tries, reply->problem);
	else if (reply->failure == HTTP_OTHER)
		err_set(err, ERR_USAGE, "%s cannot be asked: %s", shown, reply->problem);
	else
		err_set(err, ERR_API, "no usable answer from %s after %u tries: %s", shown, tries,
			reply->problem[0] != '\0' ? reply->problem : http_failure_name(reply->failure));
}

void refusal_say_unreachable(
	const struct http *http, const char *url, const struct http_reply *reply, unsigned tries, struct err *err)
{
	char shown[REFUSAL_ADDRESS_ROOM];
	refusal_show(http, url, shown);
	say_unreachable(shown, reply, tries, err);
}

static void say_redirect(const char *shown, const char *option, const struct http_reply *reply, struct err *err)
{
	char whole[PROBLEM_ROOM] = "nowhere";
	if (reply->location != NULL)
		problem_text(reply->location, strcspn(reply->location, "?#"), whole);
	err_set(err, ERR_API, "%s is not a token address, it redirects to %.190s (%ld): check %s", shown, whole,
		reply->status, option);
}

void refusal_say(const struct refusal *refusal, enum token_verdict verdict, const char *url,
	const struct http_reply *reply, unsigned tries, struct err *err)
{
	static const char form[] = "%s does not like the form of the login (%s): try another client-auth or grant, or "
				   "give the token-param that the SIS wants";
	static const char forbidden[] = "%s forbids the login (%s): the SIS may let in only listed addresses, or the "
					"service is switched off";
	static const char server[] = "%s fails, after %u tries (%s); some servers answer so to a wrong client id or "
				     "secret";
	static const char odd[] = "%s answers the login in a way that means nothing to this program (%s)";
	char shown[REFUSAL_ADDRESS_ROOM];
	char said[ANSWER_TEXT_ROOM + 32];
	const char *option = refusal->address_option;
	if (err->code != ERR_NONE)
		return;
	refusal_show(refusal->http, url, shown);
	quote(refusal->http, reply, said, sizeof(said));
	switch (verdict) {
	case TOKEN_CREDENTIALS:
		err_set(err, ERR_LOGIN, "%s refuses the client id or the secret (%s)", shown, said);
		refusal_hint(refusal, err);
		return;
	case TOKEN_SCOPE:
		err_set(err, ERR_LOGIN, "%s does not allow the scope asked for (%s): check scope", shown, said);
		return;
	case TOKEN_FORM: err_set(err, ERR_LOGIN, form, shown, said); return;
	case TOKEN_FORBIDDEN: err_set(err, ERR_LOGIN, forbidden, shown, said); return;
	case TOKEN_BUSY:
		err_set(err, ERR_API, "%s is too busy for a login, after %u tries (%s)", shown, tries, said);
		return;
	case TOKEN_SERVER: err_set(err, ERR_API, server, shown, tries, said); return;
	case TOKEN_NETWORK: say_unreachable(shown, reply, tries, err); return;
	case TOKEN_FINE:
	case TOKEN_ODD: err_set(err, ERR_API, odd, shown, said); return;
	case TOKEN_NO_ADDRESS:
		err_set(err, ERR_API, "%s is not a token address (%s): check %s", shown, said, option);
		break;
	case TOKEN_PAGE:
		err_set(err, ERR_API, "%s is not a token address, it shows a web page: check %s", shown, option);
		break;
	case TOKEN_REDIRECT: say_redirect(shown, option, reply, err); break;
	}
	hint_address(refusal, err);
}

void refusal_say_nowhere(const struct refusal *refusal, const char *tried, struct err *err)
{
	bool several = strstr(tried, "), ") != NULL;
	err_set(err, ERR_API, "%s%s a token address: check %s", tried, several ? ": none of these is" : " is not",
		refusal->address_option);
	hint_address(refusal, err);
}

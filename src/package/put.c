#include "package/put.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mask.h"
#include "base/mem.h"

/* The text of an answer in a few words: without tags, blanks one at a time. */
static void body_words(struct sending *sending, char out[static SENDING_SHOWN + 1])
{
	size_t length = 0;
	bool tag = false;
	size_t room = sending->body.length * 4 + 16; /* masks may be longer than what they hide */
	char *text = mem_new(room, 1);
	memcpy(text, buf_text(&sending->body), sending->body.length);
	mask_query(text, room);
	mask_text(sending->mask, text, room);
	for (const char *c = text; *c != '\0' && length < SENDING_SHOWN; c++) {
		bool blank = isspace((unsigned char)*c) != 0 || *c == '<' || *c == '>' || tag;
		if (*c == '<' || *c == '>')
			tag = *c == '<';
		if (!blank)
			out[length++] = *c;
		else if (length > 0 && out[length - 1] != ' ')
			out[length++] = ' ';
	}
	while (length > 0 && out[length - 1] == ' ')
		length--;
	out[length] = '\0';
	free(text);
}

static const struct {
	long status;
	bool again;
	const char *hint;
} statuses[] = {
	{400, false, "Look at the address; with a store of the S3 kind, also at `s3-region`"},
	{401, false, "Look at the user in `deliver` and at what `deliver-secret-file` holds"},
	{403, false, "The login may lack the right to write there: ask the server's people"},
	{404, false, "Look at the address: the folder or bucket has to be there"},
	{405, false, "The server takes no PUT at this address: ask its people for the right one"},
	{408, true, NULL},
	{409, false, "The folder has to be there: it is not made here"},
	{413, false, "The file is larger than the server takes: ask its people to raise the limit"},
	{425, true, NULL},
	{429, true, "The server asks for fewer requests: deliver later, or less often"},
	{500, true, NULL},
	{502, true, NULL},
	{503, true, NULL},
	{504, true, NULL},
	{507, false, "The server has no room left: ask its people about its disk and your quota"},
};

static bool judge_status(struct sending *sending, struct err *err)
{
	long status = sending->status;
	if (status >= 200 && status < 300)
		return true;
	if (status >= 300 && status < 400) {
		err_set(err, ERR_DELIVERY, "the server answers %ld and points to %s, which is not followed", status,
			sending->location[0] != '\0' ? sending->location : "another place");
		err_hint(err, "If that is the right address, set it in `deliver`");
		return sending_fail(sending, false, err);
	}
	char said[SENDING_SHOWN + 1];
	body_words(sending, said);
	err_set(err, ERR_DELIVERY, "the server answers %ld%s%s", status, said[0] != '\0' ? ": " : "", said);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].status != status)
			continue;
		if (statuses[i].hint != NULL)
			err_hint(err, "%s", statuses[i].hint);
		return sending_fail(sending, statuses[i].again, err);
	}
	return sending_fail(sending, false, err);
}

bool put_send(struct sending *sending, struct err *err)
{
	CURL *easy = sending->easy;
	sending->patience = SENDING_STALL_SECONDS;
	sending->status = 0;
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)sending->size);
	CURLcode code = sending_perform(sending, place_url(&sending->place, sending->place.name));
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &sending->status);
	/* A server that refuses early often does not wait for the rest: then its answer says more than the broken
	 * connection. */
	if (sending->status >= 300 || (sending->status >= 200 && code == CURLE_OK))
		return judge_status(sending, err);
	return sending_explain(sending, err);
}

static void add_header(struct sending *sending, char *line)
{
	struct curl_slist *longer = curl_slist_append(sending->headers, line);
	if (longer != NULL)
		sending->headers = longer;
	mask_wipe_text(line);
}

bool put_prepare(struct sending *sending, struct err *err)
{
	const struct delivery *delivery = sending->delivery;
	CURL *easy = sending->easy;
	const char *name = sending->place.name;
	size_t length = strlen(name);
	bool zip = length > 4 && strcasecmp(name + length - 4, ".zip") == 0;
	bool ok = curl_easy_setopt(easy, CURLOPT_USERAGENT, "rosterzip/" ROSTERZIP_VERSION) == CURLE_OK;
	/* Expect: a pause before each larger body, which some servers answer by hanging. Stores of the S3 kind do not,
	 * and libcurl would sign the line although it is not sent. */
	if (delivery->s3_region == NULL)
		add_header(sending, mem_copy("Expect:"));
	add_header(sending, mem_format("Content-Type: %s", zip ? "application/zip" : "application/octet-stream"));
	if (delivery->s3_region != NULL) {
		char *how = mem_format("aws:amz:%s:s3", delivery->s3_region);
		add_header(sending, mem_format("x-amz-content-sha256: %s", sending->digest));
		ok = ok && curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, how) == CURLE_OK;
		free(how);
	} else if (sending->place.user != NULL) {
		ok = ok && curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK;
	} else if (delivery->secret != NULL) {
		add_header(sending, mem_format("Authorization: Bearer %s", delivery->secret));
	}
	return (ok && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sending->headers) == CURLE_OK) ||
	       err_set(err, ERR_DELIVERY, "libcurl of this machine lacks what the login to https:// needs");
}

/*
 * The body of an error answer to a line for people. Input: the body.
 * Holds: the line ends within its room and shows harmless characters only; a member that is found fits.
 */
#include "fuzz.h"

#include "fetch/problem.h"

static const char *const names[] = {"error", "imsx_codeMinor", "message", "expires_in", ""};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	char line[PROBLEM_ROOM];
	char text[64];
	memset(line, '#', sizeof(line));
	problem_text(input.data, input.left, line);
	const char *end = memchr(line, '\0', sizeof(line));
	fuzz_must(end != NULL, "a line ends within its room");
	fuzz_must(fuzz_is_clean(line, strlen(line)), "a line can be shown");
	fuzz_must(line[0] != ' ' && (line[0] == '\0' || line[strlen(line) - 1] != ' '), "no blanks around it");
	problem_is_page(input.data, input.left);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t room = 1; room <= sizeof(text); room *= 2) {
			memset(text, '#', sizeof(text));
			bool found = problem_member(input.data, input.left, names[i], text, room);
			fuzz_must(memchr(text, '\0', room) != NULL, "a member ends within its room");
			fuzz_must(found || text[0] == '\0', "what is not found is nothing");
			fuzz_must(room == sizeof(text) || text[room] == '#', "nothing is written behind the room");
		}
	}
	return 0;
}

/*
 * Exports again and again in one process, so that what a run leaves behind shows: descriptors, threads, memory.
 * Standard input has one command line of `export` a line, arguments parted by tabs; after each of them descriptor FD,
 * the argument of this program, gets a line: exit status, open descriptors, threads, bytes allocated.
 *
 * What stop.h holds is for the whole process: no run may have a deadline, and after a signal there are no more runs.
 */
#include <dirent.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/library.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "stop.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED
#endif
#ifdef SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc brings it without its header */
#endif

enum { WORDS_MAX = 100, LOOKS_MAX = 1000, PAUSE_NS = 1000000 };

static size_t bytes_allocated(void)
{
#ifdef SANITIZED
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 now = mallinfo2();
	return now.uordblks + now.hblkhd;
#endif
}

/* The entries of a folder of numbers; of descriptors without the one that is open for this. */
static unsigned count_entries(const char *path)
{
	unsigned count = 0;
	DIR *dir = opendir(path);
	const struct dirent *entry = NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

/* A thread that was joined is for a moment still to be seen. One that stays is counted. */
static unsigned count_threads(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	unsigned count = count_entries("/proc/self/task");
	for (int i = 0; count > 1 && i < LOOKS_MAX; i++) {
		nanosleep(&pause, NULL);
		count = count_entries("/proc/self/task");
	}
	return count;
}

static int run_line(char *line)
{
	char *words[WORDS_MAX + 1];
	int count = 0;
	char *save = NULL;
	for (char *word = strtok_r(line, "\t\n", &save); word != NULL && count < WORDS_MAX;
		word = strtok_r(NULL, "\t\n", &save))
		words[count++] = word;
	words[count] = NULL;
	struct err err = {0};
	if (cmd_export(count, words, &err))
		return 0;
	log_line(LOG_ERROR, NULL, "%s", err.text);
	return stop_signal() != 0 ? 128 + stop_signal() : err_exit_status(err.code);
}

int main(int argc, char **argv)
{
	static char line[64 * 1024];
	int out = argc == 2 ? atoi(argv[1]) : 0;
	if (out <= STDERR_FILENO) {
		fputs("again FD < LINES: a descriptor for the figures is needed\n", stderr);
		return 2;
	}
	library_start();
	dprintf(out, "0 %u %u %zu\n", count_entries("/proc/self/fd"), count_threads(), bytes_allocated());
	while (stop_signal() == 0 && fgets(line, sizeof(line), stdin) != NULL) {
		int status = run_line(line);
		fflush(stdout);
		dprintf(out, "%d %u %u %zu\n", status, count_entries("/proc/self/fd"), count_threads(),
			bytes_allocated());
	}
	return 0;
}

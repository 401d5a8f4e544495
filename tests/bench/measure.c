/*
 * What a program costs:
 *
 *	measure RESULT PROGRAM [ARGUMENT...]
 *
 * Runs the program and writes one JSON object to the file RESULT: seconds of wall time, of processor time in the
 *program and in the kernel for it, the greatest resident memory in bytes, and how it ended (128 + N: by signal N). With
 *a program that starts others, all it waited for counts; memory is that of the largest.
 *
 * It is so small because Linux lets a program begin with the peak of memory of the one that started it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOT_STARTED = 127, BY_SIGNAL = 128, KIBIBYTE = 1024 };

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("measure RESULT PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	double began = now();
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(NOT_STARTED);
	}
	int status = 0;
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("measure");
		return 1;
	}
	double wall = now() - began;
	struct rusage used;
	getrusage(RUSAGE_CHILDREN, &used);
	FILE *result = fopen(argv[1], "w");
	if (result == NULL) {
		perror(argv[1]);
		return 1;
	}
	fprintf(result, "{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"peak\": %lld, \"status\": %d}\n", wall,
		seconds(used.ru_utime), seconds(used.ru_stime), (long long)used.ru_maxrss * KIBIBYTE,
		WIFSIGNALED(status) ? BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
	return fclose(result) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#include "base/end.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

enum { RESERVE = 64 * 1024 }; /* a folder is read with half of it */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct end_step *steps;
static void *reserve;
static bool begun;
static _Thread_local bool ending;

void end_add(struct end_step *step, void (*run)(void *context), void *context)
{
	*step = (struct end_step){.run = run, .context = context};
	pthread_mutex_lock(&lock);
	if (reserve == NULL)
		reserve = malloc(RESERVE); /* without it the steps have to do with what there is */
	step->next = steps;
	steps = step;
	pthread_mutex_unlock(&lock);
}

void end_remove(struct end_step *step)
{
	pthread_mutex_lock(&lock);
	for (struct end_step **at = &steps; *at != NULL; at = &(*at)->next)
		if (*at == step) {
			*at = step->next;
			break;
		}
	if (steps == NULL) {
		free(reserve);
		reserve = NULL;
	}
	pthread_mutex_unlock(&lock);
}

_Noreturn void end_now(const char *why)
{
	if (ending) /* a step failed as well */
		_exit(err_exit_status(ERR_OTHER));
	ending = true;
	pthread_mutex_lock(&lock);
	while (begun) { /* another thread is at it, and this one must not go on */
		pthread_mutex_unlock(&lock);
		pause();
		pthread_mutex_lock(&lock);
	}
	begun = true;
	free(reserve);
	reserve = NULL;
	struct end_step *step = steps;
	steps = NULL;
	pthread_mutex_unlock(&lock);
	log_last(why);
	for (; step != NULL; step = step->next)
		step->run(step->context);
	_exit(err_exit_status(ERR_OTHER));
}

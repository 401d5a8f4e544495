/*
 * Starting threads. What they share and how they end is for whoever starts them.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that gets no signals: they are for the one that can do something about them. False when there is none
 * to be had. */
bool thread_start(pthread_t *thread, void *(*run)(void *context), void *context);

#endif

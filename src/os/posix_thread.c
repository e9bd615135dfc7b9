/* SPDX-License-Identifier: MIT */
/* posix_thread.c - threads, who calls, and whether a fork lies between. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "os.h"

THREAD_LOCAL char os_thread_mark;

unsigned              os_forks;
static pthread_once_t generation_once = PTHREAD_ONCE_INIT;

static void forked(void)
{
    os_forks++; /* the child has one thread yet */
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

void os_watch_forks(void)
{
    pthread_once(&generation_once, watch_forks);
}

/* The C library puts what is _Thread_local into the stack as well, so that a program with much of
 * it needs more than was asked for: EINVAL, pthread_create(3). */
static int create(void *(*run)(void *), void *argument, size_t stack, pthread_t *thread)
{
    pthread_attr_t attributes;
    int            error = pthread_attr_init(&attributes);
    if (error)
        return error;
    error = pthread_attr_setstacksize(&attributes, stack);
    if (!error)
        error = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return error == EINVAL ? pthread_create(thread, NULL, run, argument) : error;
}

int os_thread_start(void *(*run)(void *), void *argument, size_t stack, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = stack ? create(run, argument, stack, thread)
                      : pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

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

int os_thread_start(void *(*run)(void *), void *argument, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* SPDX-License-Identifier: MIT */
/* posix_thread.c - threads, who calls, and whether a fork lies between. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

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

#ifdef __APPLE__
/* macOS has no condition on another clock than that of the day, but one that waits so long. */
void os_condition_init(pthread_cond_t *condition)
{
    pthread_cond_init(condition, NULL);
}

bool os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns)
{
    if (until_ns == WEIR_FOREVER)
        return pthread_cond_wait(condition, mutex) == 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t        now_ns = (uint64_t)now.tv_sec * WEIR_SECOND + (uint64_t)now.tv_nsec;
    uint64_t        left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / WEIR_SECOND),
                            .tv_nsec = (long)(left_ns % WEIR_SECOND)};
    return pthread_cond_timedwait_relative_np(condition, mutex, &left) == 0;
}
#else
void os_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns)
{
    if (until_ns == WEIR_FOREVER)
        return pthread_cond_wait(condition, mutex) == 0;
    struct timespec until = {.tv_sec = (time_t)(until_ns / WEIR_SECOND),
                             .tv_nsec = (long)(until_ns % WEIR_SECOND)};
    return pthread_cond_timedwait(condition, mutex, &until) == 0;
}
#endif

/* SPDX-License-Identifier: MIT */
/* win_thread.c - threads, by mingw-w64's own of POSIX, and processors. Windows has no fork. */
#include <pthread.h>
#include <time.h>

#include "os.h"
#include "win.h"

THREAD_LOCAL char os_thread_mark;

unsigned os_forks;

void os_watch_forks(void)
{
}

bool os_gathers_are_inherited(void)
{
    return false;
}

int os_thread_start(void *(*run)(void *), void *argument, size_t stack, pthread_t *thread)
{
    pthread_attr_t attributes;
    int            error = pthread_attr_init(&attributes);
    if (error)
        return -error;
    if (stack)
        error = pthread_attr_setstacksize(&attributes, stack);
    if (!error)
        error = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return -error;
}

void os_condition_init(pthread_cond_t *condition)
{
    pthread_cond_init(condition, NULL);
}

/* It has no condition on the clock of the loops, but one that waits so long, in milliseconds. */
bool os_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns)
{
    if (until_ns == WEIR_FOREVER)
        return pthread_cond_wait(condition, mutex) == 0;
    uint64_t        now_ns = os_now();
    uint64_t        left_ns = until_ns > now_ns ? until_ns - now_ns + WEIR_MILLISECOND - 1 : 0;
    struct timespec left = {.tv_sec = (time_t)(left_ns / WEIR_SECOND),
                            .tv_nsec = (long)(left_ns % WEIR_SECOND)};
    return pthread_cond_timedwait_relative_np(condition, mutex, &left) == 0;
}

/* Of the processor group that the process began in, which are at most 64. */
static DWORD_PTR processors(void)
{
    DWORD_PTR allowed = 0, all = 0;
    return GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all) && allowed ? allowed : 1;
}

unsigned os_cpu_count(void)
{
    unsigned count = 0;
    for (DWORD_PTR left = processors(); left; left &= left - 1)
        count++;
    return count;
}

int os_thread_pin(unsigned number)
{
    DWORD_PTR left = processors();
    for (number %= os_cpu_count(); number; number--)
        left &= left - 1;
    return SetThreadAffinityMask(GetCurrentThread(), left & (~left + 1)) ? 0 : win_error();
}

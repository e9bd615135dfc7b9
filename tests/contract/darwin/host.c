/* SPDX-License-Identifier: MIT */
/* host.c - what the harness asks of macOS alone: what a process holds, by libproc. */
#include <errno.h>
#include <libproc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host.h"

int host_descriptors(struct host_descriptor *found, int room)
{
    int                 bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, NULL, 0);
    struct proc_fdinfo *list = malloc((size_t)bytes);
    CHECK(bytes > 0 && list != NULL);
    int filled = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, list, bytes);
    int count = filled / (int)sizeof *list;
    for (int i = 0; i < count && i < room; i++) {
        struct stat stat = {0};
        fstat(list[i].proc_fd, &stat);
        found[i].number = list[i].proc_fd;
        snprintf(found[i].target, sizeof found[i].target, "type %u, %llx:%llx",
                 (unsigned)list[i].proc_fdtype, (unsigned long long)stat.st_dev,
                 (unsigned long long)stat.st_ino);
    }
    free(list);
    return count;
}

unsigned contract_thread_count(void)
{
    struct proc_taskinfo info = {0};
    CHECK(proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, sizeof info) == (int)sizeof info);
    return (unsigned)info.pti_threadnum;
}

void host_settle_threads(void)
{
}

/* There is no join that ends; a thread that has ended takes no signal, not even none. */
int host_join(const void *thread, void **result)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    const pthread_t      *wanted = thread;
    for (int i = 0; i < 1000; i++) {
        if (pthread_kill(*wanted, 0) == ESRCH)
            return pthread_join(*wanted, result);
        nanosleep(&moment, NULL);
    }
    return ETIMEDOUT;
}

/* What a case leaves behind is killed with its group. */
void host_dies_with_parent(void)
{
}

bool host_leaks(void)
{
    return false;
}

/* calls.h and unwrapped.c say what there is not. */
bool host_excuses(const char *reason)
{
    return !strncmp(reason, "macOS has no ", strlen("macOS has no "));
}

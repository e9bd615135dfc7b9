/* SPDX-License-Identifier: MIT */
/* linux_host.c - what the harness asks of Linux alone: what a process holds, by /proc. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

int host_descriptors(struct host_descriptor *found, int room)
{
    DIR *folder = opendir("/proc/self/fd");
    int  count = 0;
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        int number = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || number == dirfd(folder) || count++ >= room)
            continue;
        struct host_descriptor *at = &found[count - 1];
        ssize_t                 length = readlinkat(dirfd(folder), entry->d_name, at->target,
                                                    sizeof at->target - 1);
        at->number = number;
        at->target[length > 0 ? length : 0] = '\0';
    }
    closedir(folder);
    return count;
}

unsigned contract_thread_count(void)
{
    DIR     *folder = opendir("/proc/self/task");
    unsigned count = 0;
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void *tell_its_folder(void *argument)
{
    snprintf(argument, 64, "/proc/self/task/%ld", (long)syscall(SYS_gettid));
    return NULL;
}

/* The thread sanitizer starts a thread of its own with the first one of a forked process. The first
 * one is not counted: it may be on its way out still when it was joined. */
void host_settle_threads(void)
{
    struct contract_thread thread;
    static bool            settled;
    char                   folder[64];
    struct timespec        now, until;
    if (settled || !contract_sanitized("thread"))
        return;
    settled = true;
    contract_thread_start(&thread, tell_its_folder, folder);
    contract_thread_join(&thread);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 5;
    while (access(folder, F_OK) == 0) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        CHECK(now.tv_sec < until.tv_sec);
        contract_breathe();
    }
}

int host_join(const void *thread, void **result)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    return pthread_timedjoin_np(*(const pthread_t *)thread, result, &until);
}

void host_dies_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Of the sanitizer, which _exit() leaves out; absent in other builds. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

bool host_leaks(void)
{
    return __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check();
}

bool host_excuses(const char *reason)
{
    (void)reason;
    return false;
}

/* SPDX-License-Identifier: MIT */
/* system_bsd.c - what is left of system_posix.c for a system of which nothing but POSIX is known:
 * the BSDs, where nobody has built it. A test builds it on Linux and compares by it. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "system.h"

const char *system_self(const char *argv0)
{
    return argv0;
}

uint64_t system_cpu_ns(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_read_ns(clock) : 0;
}

/* getrusage(2) tells of a child's memory when it has ended, which is too late for both. */
uint64_t system_private_kib(pid_t pid)
{
    (void)pid;
    return 0;
}

uint64_t system_peak_kib(pid_t pid)
{
    (void)pid;
    return 0;
}

const char system_direct[] = "direct";

int system_open_direct(const char *path)
{
    (void)path;
    errno = ENOTSUP;
    return -1;
}

void system_forget_cached(int fd)
{
    (void)fd;
}

void system_cpu_name(char *text, size_t length)
{
    snprintf(text, length, "%s", "");
}

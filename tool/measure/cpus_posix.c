/* SPDX-License-Identifier: MIT */
/* cpus_posix.c - where a process runs on whatever CPU the system likes. */
#include <errno.h>
#include <unistd.h>

#include "cpus.h"

int cpus_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (int)count : 1;
}

int cpus_from_last(int n)
{
    (void)n;
    return -1;
}

int cpus_pin(int cpu)
{
    (void)cpu;
    errno = ENOTSUP;
    return -1;
}

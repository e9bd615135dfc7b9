/* SPDX-License-Identifier: MIT */
/* cpus_linux.c - the CPUs that this process may use: sched_setaffinity(2). */
#include "cpus.h"

#include <sched.h>

int cpus_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

int cpus_from_last(int n)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 0;
    int cpu = CPU_SETSIZE - 1;
    for (; cpu > 0; cpu--)
        if (CPU_ISSET((size_t)cpu, &set) && n-- == 0)
            break;
    return cpu;
}

int cpus_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

/* SPDX-License-Identifier: MIT */
/* linux_cpu.c - the processors of the process, and a thread that keeps to one of them.
 * sched_setaffinity(2). */
#include <errno.h>
#include <sched.h>

#include "os.h"

/* More than any machine has: a mask that is too small for the kernel's is refused. */
#define CPUS_MOST 8192

unsigned os_cpu_count(void)
{
    cpu_set_t *allowed = CPU_ALLOC(CPUS_MOST);
    size_t     size = CPU_ALLOC_SIZE(CPUS_MOST);
    unsigned   count = 1;
    if (!allowed)
        return count;
    if (sched_getaffinity(0, size, allowed) == 0 && CPU_COUNT_S(size, allowed) > 0)
        count = (unsigned)CPU_COUNT_S(size, allowed);
    CPU_FREE(allowed);
    return count;
}

/* The nth of those that are allowed, which need not be the first ones of the machine. */
static int keep_to(cpu_set_t *allowed, size_t size, unsigned nth)
{
    size_t cpu = 0;
    while (!CPU_ISSET_S(cpu, size, allowed) || nth--)
        cpu++;
    CPU_ZERO_S(size, allowed);
    CPU_SET_S(cpu, size, allowed);
    return sched_setaffinity(0, size, allowed) < 0 ? -errno : 0;
}

int os_thread_pin(unsigned number)
{
    cpu_set_t *allowed = CPU_ALLOC(CPUS_MOST);
    size_t     size = CPU_ALLOC_SIZE(CPUS_MOST);
    if (!allowed)
        return WEIR_ENOMEM;
    int error = sched_getaffinity(0, size, allowed) < 0 ? -errno : 0;
    if (!error)
        error = keep_to(allowed, size, number % (unsigned)CPU_COUNT_S(size, allowed));
    CPU_FREE(allowed);
    return error;
}

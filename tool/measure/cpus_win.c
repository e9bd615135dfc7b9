/* SPDX-License-Identifier: MIT */
/* cpus_win.c - the CPUs that this process may use, of its group of 64: SetProcessAffinityMask(). */
#include "cpus.h"

#include <windows.h>

#include <stdint.h>

static uint64_t allowed(void)
{
    DWORD_PTR own = 0, all = 0;
    return GetProcessAffinityMask(GetCurrentProcess(), &own, &all) && own ? own : 1;
}

int cpus_count(void)
{
    return __builtin_popcountll(allowed());
}

int cpus_from_last(int n)
{
    uint64_t set = allowed();
    int      cpu = 63;
    for (; cpu > 0; cpu--)
        if ((set >> cpu & 1) && n-- == 0)
            break;
    return cpu;
}

int cpus_pin(int cpu)
{
    return SetProcessAffinityMask(GetCurrentProcess(), (DWORD_PTR)1 << cpu) ? 0 : -1;
}

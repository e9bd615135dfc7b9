/* SPDX-License-Identifier: MIT */
/* system_darwin.c - what macOS answers in its own words: libproc, sysctl(3), F_NOCACHE. */
#include <fcntl.h>
#include <libproc.h>
#include <mach-o/dyld.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "clock.h"
#include "system.h"

/* ---- Processes ------------------------------------------------------------------------------- */

const char *system_self(const char *argv0)
{
    static char path[4096];
    uint32_t    room = sizeof path;
    return _NSGetExecutablePath(path, &room) == 0 ? path : argv0;
}

/* All zeros when it cannot be read. */
static struct rusage_info_v4 usage_of(pid_t pid)
{
    struct rusage_info_v4 usage = {.ri_user_time = 0};
    if (proc_pid_rusage(pid, RUSAGE_INFO_V4, (rusage_info_t *)(void *)&usage) != 0)
        usage = (struct rusage_info_v4){.ri_user_time = 0};
    return usage;
}

/* Ticks of the machine's own clock. The machine is asked for it: mach_timebase_info() tells a
 * translated program of a clock that is translated, too, and these ticks are not. */
static double ns_per_tick(void)
{
    uint64_t a_second = 0;
    size_t   length = sizeof a_second;
    if (sysctlbyname("hw.tbfrequency", &a_second, &length, NULL, 0) != 0 || a_second == 0)
        return 1;
    return (double)NS_PER_S / (double)a_second;
}

uint64_t system_cpu_ns(pid_t pid)
{
    struct rusage_info_v4 usage = usage_of(pid);
    return (uint64_t)((double)(usage.ri_user_time + usage.ri_system_time) * ns_per_tick());
}

/* The footprint is what is written to, and counts also what was compressed or swapped out. */
uint64_t system_private_kib(pid_t pid)
{
    return usage_of(pid).ri_phys_footprint / 1024;
}

uint64_t system_peak_kib(pid_t pid)
{
    return usage_of(pid).ri_lifetime_max_phys_footprint / 1024;
}

/* ---- Files ----------------------------------------------------------------------------------- */

const char system_direct[] = "F_NOCACHE";

int system_open_direct(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fcntl(fd, F_NOCACHE, 1) == 0)
        return fd;
    close(fd);
    return -1;
}

/* What is in the cache is served from there, F_NOCACHE or not: it has to go first. */
void system_forget_cached(int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0 || stat.st_size == 0)
        return;
    void *map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    msync(map, (size_t)stat.st_size, MS_INVALIDATE);
    munmap(map, (size_t)stat.st_size);
}

/* ---- The machine ----------------------------------------------------------------------------- */

void system_cpu_name(char *text, size_t length)
{
    if (sysctlbyname("machdep.cpu.brand_string", text, &length, NULL, 0) != 0)
        text[0] = '\0';
}

/* SPDX-License-Identifier: MIT */
/* system_unix.c - what Linux, macOS and the BSDs answer alike. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "system.h"

const char *system_error(void)
{
    return strerror(errno);
}

uint64_t system_cpu_step_ns(void)
{
    return 0;
}

ssize_t system_read_start(int fd, void *data, size_t length)
{
    return pread(fd, data, length, 0);
}

int system_allow_descriptors(uint64_t needed, uint64_t *most)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    *most = limit.rlim_max;
    limit.rlim_cur = needed < *most ? (rlim_t)needed : limit.rlim_max;
    return *most >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -1;
}

void system_names(struct system_names *names)
{
    struct utsname system;
    *names = (struct system_names){.system = ""};
    if (uname(&system) < 0)
        return;
    snprintf(names->system, sizeof names->system, "%.63s", system.sysname);
    snprintf(names->version, sizeof names->version, "%.127s", system.release);
    snprintf(names->machine, sizeof names->machine, "%.63s", system.machine);
}

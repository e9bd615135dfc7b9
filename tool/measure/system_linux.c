/* SPDX-License-Identifier: MIT */
/* system_linux.c - what Linux answers: /proc(5), memfd_create(2), prctl(2), O_DIRECT. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "system.h"

/* ---- Processes ------------------------------------------------------------------------------- */

const char *system_self(const char *argv0)
{
    (void)argv0;
    return "/proc/self/exe";
}

void system_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Fallback for kernels without schedstat: the clock of the whole process. */
static uint64_t cpu_clock_ns(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? clock_read_ns(clock) : 0;
}

uint64_t system_cpu_ns(pid_t pid)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR     *tasks = opendir(path);
    uint64_t sum_ns = 0;
    for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        FILE    *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
        uint64_t ns = 0;
        if (file && fscanf(file, "%" SCNu64, &ns) == 1)
            sum_ns += ns;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    return sum_ns > 0 ? sum_ns : cpu_clock_ns(pid);
}

/* A line of /proc/PID/status, as "VmHWM:"; 0 when it is not there. */
static uint64_t status_kib(pid_t pid, const char *name)
{
    char     path[64], line[256];
    uint64_t kib = 0;
    size_t   length = strlen(name);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, length) == 0) {
            kib = strtoull(line + length, NULL, 10);
            break;
        }
    if (file)
        fclose(file);
    return kib;
}

uint64_t system_private_kib(pid_t pid)
{
    return status_kib(pid, "RssAnon:");
}

uint64_t system_peak_kib(pid_t pid)
{
    return status_kib(pid, "VmHWM:");
}

/* ---- Files ----------------------------------------------------------------------------------- */

int system_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC);
}

int system_unnamed_file(void)
{
    return memfd_create("measure", MFD_CLOEXEC);
}

const char system_direct[] = "O_DIRECT";

int system_open_direct(const char *path)
{
    return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

void system_forget_cached(int fd)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* ---- The machine ----------------------------------------------------------------------------- */

void system_cpu_name(char *text, size_t length)
{
    char  line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    text[0] = '\0';
    while (file && text[0] == '\0' && fgets(line, sizeof line, file)) {
        const char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (value)
            snprintf(text, length, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
    }
    if (file)
        fclose(file);
}

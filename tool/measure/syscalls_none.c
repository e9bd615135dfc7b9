/* SPDX-License-Identifier: MIT */
/* syscalls_none.c - where the system stops no process at its system calls. */
#include "syscalls.h"

const char *syscalls_refused(void)
{
    return "this system stops no process at its system calls";
}

const char *syscalls_name(int number)
{
    (void)number;
    return "unknown";
}

static int refuse(struct syscall_counts *counts)
{
    *counts = (struct syscall_counts){0};
    fail(&counts->reason, "%s", syscalls_refused());
    return 0;
}

int syscalls_count(struct syscall_counts *counts, const struct server_plan *plan,
                   const struct shape *shape, uint64_t requests, struct failure *why)
{
    (void)plan, (void)shape, (void)requests, (void)why;
    return refuse(counts);
}

int syscalls_count_batch(struct syscall_counts *counts, struct server *server,
                         struct load_report *report, int control, struct failure *why)
{
    (void)report, (void)control, (void)why;
    server_close(server);
    return refuse(counts);
}

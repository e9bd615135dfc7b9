/* SPDX-License-Identifier: MIT */
/* syscalls.h - how many system calls a server makes for a request, counted from outside:
 * syscalls_linux.c, by ptrace(2); syscalls_none.c where there is no way.
 *
 * This is a run of its own, never the timed one, since every system call stops the server. All
 * connections send at once and none sends again before all are answered (a burst), from the
 * server's own CPU and without being interrupted by it: so the server finds the whole burst
 * waiting, as a busy server on one core does, and the count is repeatable however slow tracing
 * is. */
#ifndef MEASURE_SYSCALLS_H
#define MEASURE_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "load.h"
#include "server.h"

enum { SYSCALL_NUMBERS = 512 };

struct syscall_counts {
    bool           counted;
    struct failure reason;   /* why not, when it was not counted though the server works */
    uint64_t       requests; /* between the two marks */
    uint64_t       calls;    /* entries into the kernel between the same marks, all threads */
    uint64_t       by_number[SYSCALL_NUMBERS]; /* the last one takes all that are beyond */
};

/* Why no system call can be counted on this system; NULL where that is tried. */
const char *syscalls_refused(void);

/* Counts over about so many requests on a fresh server. 0, also when it is refused (then
 * nothing is counted and the reason says why); -1 with a sentence when the server failed or a
 * stop was requested. */
int syscalls_count(struct syscall_counts *counts, const struct server_plan *plan,
                   const struct shape *shape, uint64_t requests, struct failure *why);

/* The same for a program that is no server: it has been started, says LOAD_READY and LOAD_DONE in
 * its report, and waits each time for a byte on `control`. It has ended, or is killed, when this
 * returns. */
int syscalls_count_batch(struct syscall_counts *counts, struct server *server,
                         struct load_report *report, int control, struct failure *why);

/* All calls but those below 0.00005, the most frequent first: "recvfrom 1.00, sendto 1.00,
 * epoll_wait 0.0050" a request. */
void syscalls_describe(const struct syscall_counts *counts, char *text, size_t length);

/* The call's name; "unknown" for a number that the headers of the build did not know. */
const char *syscalls_name(int number);

#endif

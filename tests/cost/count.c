/* SPDX-License-Identifier: MIT */
/* count.c - a traced child, stepped through instruction by instruction or system call by system
 * call. ptrace(2).
 *
 * Single steps see what callgrind sees, but above the real kernel: no mechanism is missing, and the
 * processor runs what the compiler made. A repetition of a string instruction is a step of its
 * own. */
#include "count.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)

void count_traced(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
}

void count_mark(void)
{
    raise(SIGSTOP);
}

/* Requests are of an enumeration in glibc and of int in musl: constants are of both. */
static long resume(int pid, int request, int signal_number)
{
    void *passed_on = (void *)(intptr_t)signal_number;
    switch (request) {
    case PTRACE_SYSCALL:
        return ptrace(PTRACE_SYSCALL, pid, NULL, passed_on);
    case PTRACE_SINGLESTEP:
        return ptrace(PTRACE_SINGLESTEP, pid, NULL, passed_on);
    default:
        return ptrace(PTRACE_CONT, pid, NULL, passed_on);
    }
}

/* Lets the child go on to its next stop. Its wait status, or -1. */
static int step(int pid, int request, int signal_number)
{
    int status;
    if (resume(pid, request, signal_number) < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

int count_run(int pid, enum count_what what, struct count *count)
{
    const int way = what == COUNT_CALLS ? PTRACE_SYSCALL : PTRACE_SINGLESTEP;
    int       marks = 0, status, passed_on = 0;
    uint64_t  stops = 0;
    *count = (struct count){{0, 0}};
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    if (!WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, pid, NULL,
               (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
        return -1;
    for (;;) {
        status = step(pid, marks == 1 || marks == 2 ? way : PTRACE_CONT, passed_on);
        if (status < 0)
            return -1;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        int signal_number = WSTOPSIG(status);
        passed_on = 0;
        if (signal_number == SIGSTOP) {
            if (marks == 1 ||
                marks == 2) /* a call stops twice, where it begins and where it ends */
                count->between[marks - 1] = what == COUNT_CALLS ? stops / 2 : stops;
            marks++;
            stops = 0;
        } else if (signal_number == SIGTRAP || signal_number == SYSCALL_STOP) {
            stops++;
        } else {
            passed_on = signal_number;
        }
    }
}

/* SPDX-License-Identifier: MIT */
/* syscalls_linux.c - attaches by ptrace(2) to a server that is already connected, and counts its
 * entries into the kernel between two marks of the load. */
#include "syscalls.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "load.h"
#include "stop.h"

static const uint64_t patience_ns = 30 * NS_PER_S;

static const struct {
    int         number;
    const char *name;
} names[] = {
#include <measure_syscall_names.h>
};

const char *syscalls_refused(void)
{
    return NULL;
}

const char *syscalls_name(int number)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].number == number)
            return names[i].name;
    return "unknown";
}

/* The signal only ends a wait, so that the tracer looks up from time to time. */
static void on_alarm(int signo)
{
    (void)signo;
}

static void tick(bool on)
{
    struct sigaction action = {.sa_handler = on ? on_alarm : SIG_DFL};
    struct itimerval every = {{0, on ? 5000 : 0}, {0, on ? 5000 : 0}};
    if (on)
        sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    if (!on)
        sigaction(SIGALRM, &action, NULL);
}

/* Attaches to every thread; -1 with errno when that is refused. A thread of the class BATCH
 * does not interrupt the load when its first request wakes it. */
static int attach(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR                     *tasks = opendir(path);
    const struct sched_param none = {0};
    int                      attached = 0, error = tasks ? 0 : errno;
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    for (struct dirent *entry; tasks && (entry = readdir(tasks)) != NULL;) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread <= 0)
            continue;
        sched_setscheduler(thread, SCHED_BATCH, &none);
        if (ptrace(PTRACE_SEIZE, thread, NULL, (void *)options) == 0 &&
            ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0)
            attached++;
        else if (thread == pid) /* the kernel's own workers in a ring cannot be traced; no matter */
            error = errno;
    }
    if (tasks)
        closedir(tasks);
    errno = error;
    return attached > 0 && error == 0 ? 0 : -1;
}

static void count_entry(struct syscall_counts *counts, pid_t thread)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    uint64_t number = info.entry.nr < SYSCALL_NUMBERS ? info.entry.nr : SYSCALL_NUMBERS - 1;
    counts->by_number[number]++;
    counts->calls++;
}

enum seen { SEEN_TICK, SEEN_STOP, SEEN_END };

/* Waits for the next stop of a thread and lets it go on, or for a tick. SEEN_END: server or load is
 * gone (and reaped). */
static enum seen serve_stop(struct syscall_counts *counts, struct server *server, struct load *load,
                            bool counting)
{
    int   status;
    pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0)
        return errno == EINTR ? SEEN_TICK : SEEN_END;
    if (!WIFSTOPPED(status)) {
        if (thread != server->pid && thread != load->pid)
            return SEEN_STOP; /* one of several threads ended */
        *(thread == load->pid ? &load->pid : &server->pid) = 0;
        return SEEN_END;
    }
    int  signo = WSTOPSIG(status), event = status >> 16;
    bool own = signo == (SIGTRAP | 0x80) || event != 0; /* a stop of ptrace's, not a signal */
    if (signo == (SIGTRAP | 0x80) && counting)
        count_entry(counts, thread);
    ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(uintptr_t)(own ? 0 : signo));
    return SEEN_STOP;
}

/* Traces from now until the load has its answers. */
static int trace(struct syscall_counts *counts, struct server *server, struct load *load,
                 struct failure *why)
{
    uint64_t  begin_ns = clock_ns();
    enum seen seen = SEEN_STOP;
    /* What attaching itself disturbs (an interrupted wait) has to happen before the first mark: a
     * server that waits is quiet soon, one that always asks never. */
    while (seen == SEEN_STOP && clock_ns() < begin_ns + 50 * NS_PER_MS)
        seen = serve_stop(counts, server, load, false);
    load_go(load);
    while (seen != SEEN_END && load->report->phase < LOAD_DONE) {
        if (stop_requested())
            return -1;
        if (clock_ns() > begin_ns + patience_ns)
            return fail(why,
                        "the server %s did not answer in time while its system calls were counted",
                        server->name);
        seen = serve_stop(counts, server, load, true);
    }
    if (load->pid == 0)
        return load_end(load, NS_PER_S, why);
    if (seen == SEEN_END)
        return fail(why, "the server %s ended while its system calls were counted", server->name);
    counts->requests = load->report->requests;
    counts->counted = true;
    return 0;
}

/* A traced process that is killed leaves its other threads to be reaped by the tracer, first. */
static void kill_traced(struct server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    for (;;) {
        int   status;
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR)
            continue;
        if (thread < 0 || (thread == server->pid && !WIFSTOPPED(status)))
            break;
    }
    server->pid = 0;
}

/* Attaches to a connected server and counts; the caller holds server and load. */
static int count_connected(struct syscall_counts *counts, struct server *server, struct load *load,
                           int cpu, struct failure *why)
{
    cpu_set_t before;
    int       result = 0;
    sched_getaffinity(0, sizeof before, &before);
    cpus_pin(cpu);
    tick(true);
    if (attach(server->pid) == 0)
        result = trace(counts, server, load, why);
    else
        fail(&counts->reason, "ptrace is refused: %s", strerror(errno));
    tick(false);
    sched_setaffinity(0, sizeof before, &before);
    return result;
}

int syscalls_count(struct syscall_counts *counts, const struct server_plan *plan,
                   const struct shape *shape, uint64_t requests, struct failure *why)
{
    struct server server;
    struct load   load = {.control = -1, .status = -1};
    int           cpu = cpus_from_last(0);
    *counts = (struct syscall_counts){0};
    int result = server_start(&server, plan, cpu, why);
    if (result == 0) {
        struct load_plan load_plan = {.port = server.port,
                                      .shape = *shape,
                                      .cpu = cpu,
                                      .server = server.pid,
                                      .requests = requests};
        result = load_start(&load, &load_plan, why);
    }
    if (result == 0)
        result = load_wait(&load, LOAD_READY, patience_ns, why);
    if (result == 0)
        result = count_connected(counts, &server, &load, cpu, why);
    load_close(&load);
    kill_traced(&server);
    server_close(&server);
    return result;
}

/* Lets it begin its work, and counts until that is done. */
static int trace_batch(struct syscall_counts *counts, struct server *server,
                       const struct load_report *report, int control, struct failure *why)
{
    struct load none = {0};
    uint64_t    begin_ns = clock_ns();
    enum seen   seen = SEEN_STOP;
    while (seen == SEEN_STOP && clock_ns() < begin_ns + 50 * NS_PER_MS)
        seen = serve_stop(counts, server, &none, false);
    if (write(control, "", 1) != 1)
        return fail(why, "%s ended before its system calls were counted", server->name);
    while (seen != SEEN_END && report->phase < LOAD_DONE) {
        if (stop_requested())
            return -1;
        if (clock_ns() > begin_ns + patience_ns)
            return fail(why, "%s did not end while its system calls were counted", server->name);
        seen = serve_stop(counts, server, &none, true);
    }
    if (seen == SEEN_END)
        return fail(why, "%s ended while its system calls were counted", server->name);
    counts->requests = report->requests;
    counts->counted = true;
    return 0;
}

int syscalls_count_batch(struct syscall_counts *counts, struct server *server,
                         struct load_report *report, int control, struct failure *why)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    int                   result = 0;
    for (uint64_t end_ns = clock_ns() + patience_ns; report->phase < LOAD_READY;) {
        nanosleep(&moment, NULL);
        if (stop_requested() || clock_ns() > end_ns || report->failure.sentence[0])
            return fail(why, "%s did not begin", server->name);
    }
    tick(true);
    if (attach(server->pid) == 0)
        result = trace_batch(counts, server, report, control, why);
    else
        fail(&counts->reason, "ptrace is refused: %s", strerror(errno));
    tick(false);
    kill_traced(server);
    return result;
}

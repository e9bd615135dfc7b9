/* SPDX-License-Identifier: MIT */
/* load.c - the load's process: started, waited for, ended. */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "cpus.h"
#include "stop.h"
#include "system.h"

static void run_child(const struct load_plan *plan, struct load_report *report, int control,
                      int status, pid_t parent)
{
    stop_child_setup(parent);
    signal(SIGPIPE, SIG_IGN);
    if (plan->cpu >= 0 && cpus_pin(plan->cpu) < 0)
        fail(&report->failure, "the load could not be bound to CPU %d: %s", plan->cpu,
             strerror(errno));
    else
        client_run(plan, report, control, status);
    _exit(report->failure.sentence[0] ? 1 : 0);
}

int load_start(struct load *load, const struct load_plan *plan, struct failure *why)
{
    *load = (struct load){.control = -1, .status = -1};
    int   control[2] = {-1, -1}, status[2] = {-1, -1};
    void *shared = mmap(NULL, sizeof *load->report, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return fail(why, "no memory for the load: %s", strerror(errno));
    load->report = shared;
    if (system_pipe(control) < 0)
        return fail(why, "no pipe for the load: %s", strerror(errno));
    load->control = control[1];
    pid_t parent = getpid();
    if (system_pipe(status) == 0) {
        load->status = status[0];
        load->pid = fork();
    }
    if (load->pid == 0 && load->status >= 0) {
        close(load->control);
        run_child(plan, load->report, control[0], status[1], parent);
    }
    close(control[0]);
    if (status[1] >= 0)
        close(status[1]);
    if (load->pid > 0)
        return 0;
    load->pid = 0;
    return fail(why, "no process for the load: %s", strerror(errno));
}

static int tell(const struct load *load, struct failure *why)
{
    if (load->report->failure.sentence[0])
        return fail(why, "%s", load->report->failure.sentence);
    return fail(why, "the load generator ended too early");
}

/* Waits for one byte of the load: 1, 0 at its end, -1 with a sentence or a requested stop. */
static int await_byte(struct load *load, uint64_t end_ns, struct failure *why)
{
    for (;;) {
        struct pollfd fd = {.fd = load->status, .events = POLLIN};
        uint64_t      now_ns = clock_ns();
        char          byte;
        if (stop_requested())
            return -1;
        if (now_ns >= end_ns)
            return fail(why, "the load did not come to its end in time");
        if (poll(&fd, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1) > 0)
            return (int)read(load->status, &byte, 1);
    }
}

int load_wait(struct load *load, enum load_phase phase, uint64_t timeout_ns, struct failure *why)
{
    uint64_t end_ns = clock_ns() + timeout_ns;
    while (load->report->phase < (int)phase) {
        int got = await_byte(load, end_ns, why);
        if (got < 0)
            return -1;
        if (got == 0)
            return tell(load, why);
    }
    return 0;
}

void load_go(struct load *load)
{
    /* When the load is gone, the next wait tells it. */
    ssize_t written = write(load->control, "", 1);
    (void)written;
}

static void reap(struct load *load)
{
    while (load->pid > 0 && waitpid(load->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    load->pid = 0;
}

int load_end(struct load *load, uint64_t timeout_ns, struct failure *why)
{
    uint64_t end_ns = clock_ns() + timeout_ns;
    int      got;
    while ((got = await_byte(load, end_ns, why)) > 0)
        ;
    if (got < 0)
        return -1;
    reap(load);
    if (load->report->failure.sentence[0] || load->report->phase < LOAD_DONE)
        return tell(load, why);
    return 0;
}

void load_close(struct load *load)
{
    if (load->pid > 0) {
        kill(load->pid, SIGKILL);
        reap(load);
    }
    if (load->control >= 0)
        close(load->control);
    if (load->status >= 0)
        close(load->status);
    if (load->report)
        munmap(load->report, sizeof *load->report);
    *load = (struct load){.control = -1, .status = -1};
}

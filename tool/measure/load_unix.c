/* SPDX-License-Identifier: MIT */
/* load_unix.c - the load's process: a fork that runs no other program. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpus.h"
#include "load.h"
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

void load_give_report(struct load_report *report)
{
    munmap(report, sizeof *report);
}

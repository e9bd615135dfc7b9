/* SPDX-License-Identifier: MIT */
/* load.c - the load's process: waited for, ended. */
#include "load.h"

#include <unistd.h>

#include "clock.h"
#include "process.h"
#include "stop.h"

static int say_why(const struct load *load, struct failure *why)
{
    if (load->report->failure.sentence[0])
        return fail(why, "%s", load->report->failure.sentence);
    return fail(why, "the load generator ended too early");
}

/* Waits for one byte of the load: 1, 0 at its end, -1 with a sentence or a requested stop. */
static int await_byte(struct load *load, uint64_t end_ns, struct failure *why)
{
    for (;;) {
        uint64_t now_ns = clock_ns();
        char     byte;
        if (stop_requested())
            return -1;
        if (now_ns >= end_ns)
            return fail(why, "the load did not come to its end in time");
        int got = process_read(load->status, &byte, 1, end_ns - now_ns);
        if (got >= 0)
            return got;
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
            return say_why(load, why);
    }
    return 0;
}

void load_go(struct load *load)
{
    /* When the load is gone, the next wait tells it. */
    ssize_t written = write(load->control, "", 1);
    (void)written;
}

int load_end(struct load *load, uint64_t timeout_ns, struct failure *why)
{
    uint64_t end_ns = clock_ns() + timeout_ns;
    int      got;
    while ((got = await_byte(load, end_ns, why)) > 0)
        ;
    if (got < 0)
        return -1;
    if (load->pid > 0)
        process_reap(load->pid);
    load->pid = 0;
    if (load->report->failure.sentence[0] || load->report->phase < LOAD_DONE)
        return say_why(load, why);
    return 0;
}

void load_close(struct load *load)
{
    if (load->pid > 0)
        process_kill(load->pid);
    if (load->control >= 0)
        close(load->control);
    if (load->status >= 0)
        close(load->status);
    if (load->report)
        load_give_report(load->report);
    *load = (struct load){.control = -1, .status = -1};
}

/* SPDX-License-Identifier: MIT */
/* work.c - the part that programs share which measure their own work. */
#include "work.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WORK_ARGUMENTS = 5 };

int work_open(struct work *w, int argc, char **argv)
{
    int own = argc - WORK_ARGUMENTS;
    if (own < 1)
        return -1;
    *w = (struct work){.warmup_ns = strtoull(argv[own], NULL, 10),
                       .window_ns = strtoull(argv[own + 1], NULL, 10),
                       .operations = strtoull(argv[own + 2], NULL, 10),
                       .control = atoi(argv[own + 4])};
    int   fd = atoi(argv[own + 3]);
    void *shared = mmap(NULL, sizeof *w->report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED)
        return -1;
    w->report = shared;
    return own;
}

void work_fail(struct work *w, const char *what, int error)
{
    fail(&w->report->failure, "%s: %s", what, strerror(error));
    exit(1);
}

/* Tells a phase, and waits until the one who counts system calls says to go on. */
static void pause_at(struct work *w, enum load_phase phase)
{
    char byte;
    w->report->phase = (int)phase;
    if (read(w->control, &byte, 1) < 0)
        exit(1);
}

void work_begin(struct work *w)
{
    if (w->operations)
        pause_at(w, LOAD_READY);
    w->begin_ns = clock_ns();
}

/* The window begins and ends with the end of an operation. */
static void watch_time(struct work *w, uint64_t now_ns)
{
    if (w->stage == WORK_WARMS_UP && now_ns - w->begin_ns >= w->warmup_ns) {
        w->stage = WORK_IN_WINDOW;
        w->begin_ns = now_ns;
        w->before = w->ended;
        w->cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    } else if (w->stage == WORK_IN_WINDOW && now_ns - w->begin_ns >= w->window_ns &&
               w->ended > w->before) {
        w->stage = WORK_OVER;
        w->report->window_ns = now_ns - w->begin_ns;
        w->report->requests = w->ended - w->before;
        w->report->server_cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - w->cpu_ns;
    }
}

bool work_done(struct work *w, uint64_t operations, uint64_t now_ns)
{
    w->ended += operations;
    if (w->operations)
        return w->ended < w->operations;
    watch_time(w, now_ns);
    return w->stage != WORK_OVER;
}

int work_end(struct work *w)
{
    if (w->operations) {
        w->report->requests = w->ended;
        pause_at(w, LOAD_DONE);
    }
    w->report->phase = LOAD_DONE;
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* work.h - what programs share that measure their own work: a warm-up, a window, the end, and the
 * report to the process that started them (batch.h).
 *
 * Not for several threads at once: a program with threads holds a lock around these calls, or makes
 * them on one of its threads. */
#ifndef MEASURE_WORK_H
#define MEASURE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "load.h"

struct work {
    uint64_t            operations; /* in all; 0: by time */
    uint64_t            warmup_ns, window_ns;
    struct load_report *report; /* shared with who started it */
    int                 control;
    uint64_t            ended;                    /* operations so far */
    uint64_t            begin_ns, cpu_ns, before; /* of the window */
    enum { WORK_WARMS_UP, WORK_IN_WINDOW, WORK_OVER } stage;
};

/* Takes the last five arguments, which a batch adds. The number of arguments before them, with the
 * program's name, or -1 when they are wrong. */
int work_open(struct work *work, int argc, char **argv);

/* Everything is there: it may begin. */
void work_begin(struct work *work);

/* So many more operations have ended, now. Whether to go on. */
bool work_done(struct work *work, uint64_t operations, uint64_t now_ns);

/* Every operation has ended. The exit status. */
int work_end(struct work *work);

/* A sentence for the report; ends the program. */
_Noreturn void work_fail(struct work *work, const char *what, int error);

#endif

/* SPDX-License-Identifier: MIT */
/* progress.c - one rewritten line on a terminal, plain lines elsewhere. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

void progress_begin(struct progress *progress, double total_s)
{
    *progress = (struct progress){
        .terminal = isatty(STDERR_FILENO) == 1, .begin_ns = clock_ns(), .total_s = total_s};
}

void progress_step(struct progress *progress, const char *stage, const char *what)
{
    double passed_s = (double)(clock_ns() - progress->begin_ns) / 1e9;
    if (progress->terminal) {
        /* The line is kept under 80 columns: a wrapped one could not be rewritten. */
        fprintf(stderr, "\r\033[K%.32s: %.24s", stage, what);
        if (progress->total_s > 0)
            fprintf(stderr, ", %.0f of about %.0f s", passed_s, progress->total_s);
    } else if (strcmp(stage, progress->stage) != 0) {
        fprintf(stderr, "%s\n", stage);
    }
    fflush(stderr);
    snprintf(progress->stage, sizeof progress->stage, "%s", stage);
}

void progress_end(struct progress *progress)
{
    if (progress->terminal) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
}

/* SPDX-License-Identifier: MIT */
/* progress.h - tells on standard error how far a long measurement is. */
#ifndef MEASURE_PROGRESS_H
#define MEASURE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* On a terminal one line is rewritten at every step; elsewhere each stage gets one plain line. */
struct progress {
    bool     terminal;
    uint64_t begin_ns;
    double   total_s;   /* expected, or 0 */
    char     stage[64]; /* last told */
};

void progress_begin(struct progress *progress, double total_s);
void progress_step(struct progress *progress, const char *stage, const char *what);

/* Leaves the terminal's line empty for what is printed next. */
void progress_end(struct progress *progress);

#endif

/* SPDX-License-Identifier: MIT */
/* batch.h - a program that reads at random (reader.h) in a process of its own: timed, or with its
 * system calls counted. */
#ifndef MEASURE_BATCH_H
#define MEASURE_BATCH_H

#include "trial.h"

/* Which blocks of which file, how. */
struct batch_shape {
    const char *path;
    uint64_t    blocks;
    size_t      size;
    unsigned    depth;
    bool        direct;
};

/* One timed run; as trial_run(). The plan's argv is followed by the reader's arguments. */
int batch_run(const struct server_plan *plan, const struct batch_shape *shape,
              const struct timing *timing, double figures[FIGURES], struct hist *latency,
              struct served *served, struct failure *why);

/* Counts the system calls of so many reads; as syscalls_count(). */
int batch_count(struct syscall_counts *counts, const struct server_plan *plan,
                const struct batch_shape *shape, uint64_t reads, struct failure *why);

#endif

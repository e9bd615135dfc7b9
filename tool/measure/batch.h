/* SPDX-License-Identifier: MIT */
/* batch.h - a program that measures its own work (work.h) in a process of its own: timed, or with
 * its system calls counted. */
#ifndef MEASURE_BATCH_H
#define MEASURE_BATCH_H

#include "trial.h"

/* One timed run; as trial_run(). The plan's argv is followed by the arguments of work_open(). */
int batch_run(const struct server_plan *plan, const struct timing *timing, double figures[FIGURES],
              struct hist *latency, struct served *served, struct failure *why);

/* Counts the system calls of so many operations; as syscalls_count(). */
int batch_count(struct syscall_counts *counts, const struct server_plan *plan, uint64_t operations,
                struct failure *why);

#endif

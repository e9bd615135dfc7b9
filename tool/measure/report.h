/* SPDX-License-Identifier: MIT */
/* report.h - what was measured, as cells of a table and as JSON. */
#ifndef MEASURE_REPORT_H
#define MEASURE_REPORT_H

#include <jansson.h>
#include <stddef.h>

#include "stats.h"
#include "table.h"
#include "trial.h"

/* "72.8k", "6.82", "813": three digits that mean something. */
void report_number(char *text, size_t length, double value);

/* A cell "6.82 6.71..8.18": the median, the smallest and the largest; "-" when nothing was
 * measured. */
void report_range_cell(struct table *table, struct range range, size_t rounds);

/* A cell with the system calls an operation, or "n/a". */
void report_calls_cell(struct table *table, const struct syscall_counts *calls);

/* "one core", "two cores"; "any cores" where the system binds no process to one. */
const char *report_cores(const struct timing *timing);

/* "echo, 50 connections x 64 bytes, server and load on one core" */
void report_shape(char *text, size_t length, const struct series *series);

/* A line on how coarse the server's CPU time is, where that is above a hundredth of a window. */
void report_cpu_step(const struct timing *timing, FILE *file);

/* {"system", "kernel", "machine", "cpu", "cpus"} */
json_t *report_json_machine(void);

/* {"connections", "size_bytes", "depth", "cores", "window_s", "warmup_s"} */
json_t *report_json_workload(const struct series *series);

/* Everything measured of one server. */
json_t *report_json_entrant(const struct entrant *entrant);

/* {"median", "min", "max"}, or {"ratio", "low", "high"} by the keys given. */
json_t *report_json_range(struct range range, const char *middle, const char *low,
                          const char *high);

#endif

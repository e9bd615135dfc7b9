/* SPDX-License-Identifier: MIT */
/* batch_none.c - where programs that measure their own work share no memory with who starts
 * them. */
#include "batch.h"

static int refuse(const struct server_plan *plan, struct failure *why)
{
    return fail(why, "%s cannot be started: on this system no program measures its own work",
                plan->name);
}

int batch_run(const struct server_plan *plan, const struct timing *timing, double figures[FIGURES],
              struct hist *latency, struct served *served, struct failure *why)
{
    (void)timing, (void)figures, (void)latency, (void)served;
    return refuse(plan, why);
}

int batch_count(struct syscall_counts *counts, const struct server_plan *plan, uint64_t operations,
                struct failure *why)
{
    *counts = (struct syscall_counts){0};
    (void)operations;
    return refuse(plan, why);
}

/* SPDX-License-Identifier: MIT */
/* sim_shrink.h - the fewest faults that a run still fails with. */
#ifndef TOOL_SIM_SHRINK_H
#define TOOL_SIM_SHRINK_H

#include "sim_faults.h"
#include "sim_run.h"

/* Leaves out of the list what the run of the seed fails without; counts the runs it took. 0 or -1,
 * without a sentence when the user wants to stop. */
int sim_shrink(const struct sim_plan *plan, uint64_t seed, struct fault_list *list, long *runs,
               struct failure *why);

#endif

/* SPDX-License-Identifier: MIT */
/* sim_shrink.h - the fewest faults that a run still fails with. */
#ifndef TOOL_SIM_SHRINK_H
#define TOOL_SIM_SHRINK_H

#include "sim_run.h"

/* Numbers of faults, ascending. */
struct fault_list {
    uint32_t *numbers; /* owned */
    size_t    count;
};

/* Those that a trace tells of. 0 or -1. */
int  fault_list_read(struct fault_list *list, const char *trace, struct failure *why);
void fault_list_finish(struct fault_list *list);
/* As WEIR_SIM_FAULTS takes them: "3,9", "0" for none; to be freed. */
char *fault_list_text(const struct fault_list *list);

/* Leaves out of the list what the run of the seed fails without; counts the runs it took. 0 or -1,
 * without a sentence when the user wants to stop. */
int sim_shrink(const struct sim_plan *plan, uint64_t seed, struct fault_list *list, long *runs,
               struct failure *why);

#endif

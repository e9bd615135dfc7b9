/* SPDX-License-Identifier: MIT */
/* sim_faults.h - the faults of a run, by their numbers. */
#ifndef TOOL_SIM_FAULTS_H
#define TOOL_SIM_FAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "measure/failure.h"

/* In the order of the trace, which is ascending. */
struct fault_list {
    uint32_t *numbers; /* owned */
    size_t    count;
};

/* Those that a trace tells of. 0 or -1; the list is to be finished either way. */
int  fault_list_read(struct fault_list *list, const char *trace, struct failure *why);
void fault_list_finish(struct fault_list *list);
/* As WEIR_SIM_FAULTS takes them: "3,9", "0" for none; to be freed. */
char *fault_list_text(const struct fault_list *list);

#endif

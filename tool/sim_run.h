/* SPDX-License-Identifier: MIT */
/* sim_run.h - one run of a user's program in a simulated world, as a process of its own; and many
 * of them side by side. */
#ifndef TOOL_SIM_RUN_H
#define TOOL_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "measure/failure.h"

/* What all runs have in common. */
struct sim_plan {
    char      **program; /* borrowed; ends with NULL */
    const char *model;   /* or NULL: drawn */
    bool        calm;    /* no faults */
    double      timeout_s;
};

/* One run, and how it ended. */
struct sim_run {
    uint64_t    seed;
    const char *faults; /* only these happen, as WEIR_SIM_FAULTS has it; NULL: all */
    const char *trace;  /* the file that the trace goes to, or NULL */
    pid_t       pid;    /* while it runs */
    int         output; /* what the program wrote; an unlinked file */
    uint64_t    until_ns;
    int         status; /* as waitpid(2) tells it */
    bool        late;   /* ended by us, since it took too long */
};

/* 0 or -1. It is to be finished. */
int sim_run_start(const struct sim_plan *plan, struct sim_run *run, struct failure *why);
/* Kills it if it runs; closes its output. */
void sim_run_finish(struct sim_run *run);
bool sim_run_failed(const struct sim_run *run);
/* "exit status 3", "signal 6 (Aborted)", "no end after 10 s". */
void sim_run_describe(const struct sim_run *run, char *text, size_t room);

/* Waits until one of those with a pid has ended, or 100 ms passed; which one, or -1. */
int sim_run_await(struct sim_run *runs, int count);

/* Runs it to its end. 0 or -1; -1 without a sentence when the user wants to stop. */
int sim_run_whole(const struct sim_plan *plan, struct sim_run *run, struct failure *why);

#endif

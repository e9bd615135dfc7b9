/* SPDX-License-Identifier: MIT */
/* cell.h - one workload of a benchmark: every candidate that can take part, in interleaved rounds,
 * with more rounds while a goal is not resolved; then its tables and its part of the document. */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include "bench.h"
#include "goal.h"

enum { CELL_ENTRANTS = 96, CELL_GOALS = 96 };

/* One row: a candidate, and what is particular to it in this cell. */
struct contender {
    struct candidate *candidate;
    const char       *name;    /* in this cell; NULL: the candidate's */
    int               idle;    /* silent connections beside the active ones */
    const char       *refusal; /* why it cannot hold this cell; NULL: it can */
};

/* Figures of a program that keeps no rounds with the others. */
struct beside {
    const char *name; /* NULL: there is none */
    const char *why;  /* it has no figures, or NULL */
    double      rate, cpu_us;
};

/* All zero is an empty cell, to be filled by the benchmark. */
struct cell {
    const char      *title;
    const char      *operation; /* what is counted: "request", "read", "re-arm" */
    struct shape     shape;
    bool             works;   /* the programs measure their own work; else they are echo servers */
    bool             in_ns;   /* CPU time is told in nanoseconds */
    uint64_t         counted; /* operations over which system calls are counted; 0: they are not */
    struct contender contenders[CELL_ENTRANTS];
    size_t           contender_count;
    struct goal      goals[CELL_GOALS];
    size_t           goal_count;
    struct beside    beside;
};

void cell_add(struct cell *cell, struct candidate *candidate);
void cell_ask(struct cell *cell, struct goal goal);

/* Starts each candidate for a moment, to see whether it runs here; says so of those that do not. */
void cell_try_servers(struct bench *bench);

/* The same for programs that measure their own work, with the arguments that they have now. */
void cell_try_works(struct bench *bench);

/* 0, or -1 when something failed or a stop was requested; either was told. */
int cell_run(struct bench *bench, struct cell *cell);

#endif

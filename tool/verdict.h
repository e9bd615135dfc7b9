/* SPDX-License-Identifier: MIT */
/* verdict.h - who is better, in plain words, and who cannot be told apart. */
#ifndef TOOL_VERDICT_H
#define TOOL_VERDICT_H

#include <jansson.h>
#include <stdio.h>

#include "measure/trial.h"

enum { VERDICT_ROOM = 32, VERDICT_ROUNDS_MIN = 5 };

/* The order of a series' servers by one figure. */
struct verdict {
    enum figure           figure;
    bool                  judged;               /* there are enough servers and rounds */
    int                   count;                /* servers that were measured */
    int                   best;                 /* the first so many are the best: one, or a tie */
    const struct entrant *order[VERDICT_ROOM];  /* best first */
    struct range          behind[VERDICT_ROOM]; /* how much worse than the first; 1 is equal */
};

/* Lower values are better, except for FIGURE_RATE. */
struct verdict verdict_of(const struct series *series, enum figure figure);

/* A paragraph on CPU time and one on operations a second, under "verdict for WORKLOAD on this
 * machine:". */
void verdict_print(const struct series *series, const char *workload, FILE *file);

json_t *verdict_json(const struct series *series);

#endif

/* SPDX-License-Identifier: MIT */
/* goal.h - what is asked of one that was measured, and whether it was reached. Every goal comes
 * down to a ratio that is paired by round, and to the rule of stats_decide(). */
#ifndef BENCH_GOAL_H
#define BENCH_GOAL_H

#include <jansson.h>
#include <stdbool.h>

#include "../../tool/measure/trial.h"

enum goal_kind {
    GOAL_TOLD,     /* nothing is asked: the ratio is told */
    GOAL_AT_MOST,  /* first / second is at most the bound */
    GOAL_AT_LEAST, /* first / second is at least the bound */
    GOAL_AHEAD,    /* first is never resolved to be behind second; the bound is not used */
    GOAL_WITHIN,   /* first is at most so much above second, in the figure's unit */
    GOAL_VALUE     /* first's own figure is at most the bound; there is no second */
};

/* A name that ends with '*' stands for the best by the figure's median of all that begin so. */
struct goal {
    const char    *first, *second;
    enum figure    figure;
    enum goal_kind kind;
    double         bound;
};

struct judgement {
    const struct entrant *first, *second;
    struct range          ratio;
    double                bound; /* of the ratio */
    enum decision         decision;
};

/* False when one of the two was not measured in this series. */
bool goal_judge(const struct goal *goal, const struct series *series, struct judgement *judgement);

/* "weir-poll / hand-poll, server_cpu_us" and "<= 1.05"; an empty bound when nothing is asked. */
void goal_describe(const struct goal *goal, const struct judgement *judgement, char *what,
                   size_t what_length, char *bound, size_t bound_length);

/* "met", "missed", "not resolved", or "" when nothing is asked. */
const char *goal_word(const struct goal *goal, const struct judgement *judgement);

json_t *goal_json(const struct goal *goal, const struct judgement *judgement);

#endif

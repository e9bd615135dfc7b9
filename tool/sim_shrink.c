/* SPDX-License-Identifier: MIT */
/* sim_shrink.c - leaves out faults, half of them at first and single ones at last, as long as the
 * run still fails: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
 * 2002. */
#include "sim_shrink.h"

#include <stdlib.h>

#define RUNS_MAX 400 /* then it is small enough */

/* ---- Shrinking ------------------------------------------------------------------------------- */

struct shrink {
    const struct sim_plan *plan;
    uint64_t               seed;
    long                   runs;
    struct failure        *why;
};

/* Whether the run fails with these alone: 1 or 0, or -1. */
static int fails_with(struct shrink *shrink, const struct fault_list *list)
{
    char *text = fault_list_text(list);
    if (!text)
        return fail(shrink->why, "no memory is left");
    struct sim_run run = {.seed = shrink->seed, .faults = text};
    int            error = sim_run_whole(shrink->plan, &run, shrink->why);
    int            fails = error ? -1 : sim_run_failed(&run);
    if (!error)
        sim_run_finish(&run);
    shrink->runs++;
    free(text);
    return fails;
}

/* Without [from, to). 1: it still fails, and the list is that; 0: it is as it was; or -1. */
static int leave_out(struct shrink *shrink, struct fault_list *list, size_t from, size_t to)
{
    struct fault_list less = {malloc((list->count + 1) * sizeof *list->numbers), 0};
    if (!less.numbers)
        return fail(shrink->why, "no memory is left");
    for (size_t i = 0; i < list->count; i++)
        if (i < from || i >= to)
            less.numbers[less.count++] = list->numbers[i];
    int fails = fails_with(shrink, &less);
    if (fails == 1) {
        struct fault_list before = *list;
        *list = less;
        less = before;
    }
    fault_list_finish(&less);
    return fails;
}

int sim_shrink(const struct sim_plan *plan, uint64_t seed, struct fault_list *list, long *runs,
               struct failure *why)
{
    struct shrink shrink = {plan, seed, 0, why};
    int           fails = 0;
    for (size_t piece = list->count; piece && list->count && fails >= 0; piece /= 2)
        for (size_t at = 0; at < list->count && shrink.runs < RUNS_MAX && fails >= 0;) {
            size_t to = at + piece < list->count ? at + piece : list->count;
            fails = leave_out(&shrink, list, at, to);
            if (fails == 0)
                at = to;
        }
    *runs = shrink.runs;
    return fails < 0 ? -1 : 0;
}

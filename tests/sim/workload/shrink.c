/* SPDX-License-Identifier: MIT */
/* shrink.c - a failing run with fewer faults and fewer steps, that fails all the same. */
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define RUNS_MAX 400u

struct shrinker {
    struct plan *plan;
    unsigned     runs;
};

/* Whether it still fails, with whatever sentence: what is left is easier to read in any case. */
static bool fails(struct shrinker *shrinker)
{
    struct outcome outcome;
    if (++shrinker->runs > RUNS_MAX)
        return false;
    return run_apart(shrinker->plan, &outcome);
}

static unsigned set_range(struct plan *plan, unsigned first, unsigned count, bool left_out,
                          bool *changed)
{
    unsigned sum = 0;
    for (unsigned i = first; i < first + count && i < plan->step_count; i++) {
        if (left_out && plan->steps[i].left_out)
            continue;
        if (left_out) {
            plan->steps[i].left_out = changed[i] = true;
            sum++;
        } else if (changed[i]) {
            plan->steps[i].left_out = false;
        }
    }
    return sum;
}

/* Halves, quarters and so on, down to single steps. */
static void leave_out_steps(struct shrinker *shrinker)
{
    struct plan *plan = shrinker->plan;
    for (unsigned size = plan->step_count; size; size /= 2) {
        for (unsigned first = 0; first < plan->step_count; first += size) {
            bool changed[STEPS_MAX] = {false};
            if (set_range(plan, first, size, true, changed) && !fails(shrinker))
                set_range(plan, first, size, false, changed);
        }
    }
}

/* The faults are numbered in the order they happen: how many of the first ones does it take. */
static void leave_out_faults(struct shrinker *shrinker, char *faults, size_t room)
{
    unsigned least = 0, most = 1u << 16;
    setenv("WEIR_SIM_FAULTS", "0", 1);
    if (!fails(shrinker)) {
        while (most - least > 1) { /* fails with most, and not with least */
            unsigned middle = least + (most - least) / 2;
            snprintf(faults, room, "1-%u", middle);
            setenv("WEIR_SIM_FAULTS", faults, 1);
            if (fails(shrinker))
                most = middle;
            else
                least = middle;
        }
        snprintf(faults, room, "1-%u", most);
        for (unsigned first = 1; first < most && first < 64; first++) {
            char fewer[64];
            snprintf(fewer, sizeof fewer, "%u-%u", first + 1, most);
            setenv("WEIR_SIM_FAULTS", fewer, 1);
            if (!fails(shrinker))
                break;
            snprintf(faults, room, "%s", fewer);
        }
    } else {
        snprintf(faults, room, "0");
    }
    setenv("WEIR_SIM_FAULTS", faults, 1);
}

void shrink(struct plan *plan, char *faults, size_t faults_room)
{
    struct shrinker shrinker = {plan, 0};
    leave_out_steps(&shrinker);
    leave_out_faults(&shrinker, faults, faults_room);
    leave_out_steps(&shrinker);
}

/* SPDX-License-Identifier: MIT */
/* shrink.c - a script made as short as it gets while the engines still differ on it. */
#include "apart.h"

/* Without the `count` steps from `from`, and without what followed one that is gone. */
static struct script without(const struct script *script, unsigned from, unsigned count)
{
    struct script shorter = *script;
    bool          gone[STEPS_MAX + 1] = {false};
    shorter.step_count = 0;
    for (unsigned i = 0; i < script->step_count; i++) {
        const struct step *step = &script->steps[i];
        if ((i >= from && i < from + count) || gone[step->after] || gone[step->target])
            gone[step->id] = true;
        else
            shorter.steps[shorter.step_count++] = *step;
    }
    return shorter;
}

/* What is simpler than the script as a whole, one thing at a time. */
static bool simplify(struct script *script, int thing)
{
    switch (thing) {
    case 0:
        script->closes_loop = !script->closes_loop;
        return !script->closes_loop;
    case 1:
        script->waits = !script->waits;
        return !script->waits;
    case 2:
        script->foreign = !script->foreign;
        return !script->foreign;
    default:
        script->ring_entries = 0;
        return true;
    }
}

static bool still_differs(const struct script *script, const char *const engines[2],
                          enum plant plant, unsigned *runs)
{
    if (!*runs)
        return false;
    --*runs;
    return apart_differ(script, engines, plant);
}

void shrink(struct script *script, const char *const engines[2], enum plant plant, unsigned runs)
{
    unsigned size = script->step_count / 2;
    while (size && runs) {
        bool smaller = false;
        for (unsigned from = 0; from < script->step_count && runs;) {
            struct script shorter = without(script, from, size);
            if (still_differs(&shorter, engines, plant, &runs)) {
                *script = shorter;
                smaller = true;
            } else {
                from += size;
            }
        }
        if (!smaller || size > 1)
            size = size > 1 ? (size + 1) / 2 : 0;
    }
    for (int thing = 0; thing < 4; thing++) {
        struct script simpler = *script;
        if (simplify(&simpler, thing) && still_differs(&simpler, engines, plant, &runs))
            *script = simpler;
    }
}

/* SPDX-License-Identifier: MIT */
/* plan.c - the steps of a run, its hosts and its faults, drawn from its seed. */
#include "workload.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

uint64_t draw(uint64_t *state, uint64_t bound)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

const char *plan_step_name(enum step_kind kind)
{
#define STEP_NAME(NAME, weight) #NAME,
    static const char *const names[] = {STEPS(STEP_NAME)};
#undef STEP_NAME
    return names[kind];
}

static enum step_kind draw_kind(uint64_t *state)
{
#define STEP_WEIGHT(NAME, weight) weight,
    static const uint8_t weights[] = {STEPS(STEP_WEIGHT)};
#undef STEP_WEIGHT
    unsigned sum = 0, kind = 0;
    for (unsigned i = 0; i < STEP_KINDS; i++)
        sum += weights[i];
    unsigned at = (unsigned)draw(state, sum);
    while (at >= weights[kind])
        at -= weights[kind++];
    return (enum step_kind)kind;
}

/* Mostly so short that what was started is still on its way. */
static uint64_t draw_wait(uint64_t *state)
{
    static const uint64_t most[] = {1,      1,      500,     2000,     2000,      5000,
                                    10000,  10000,  20000,   50000,    50000,     100000,
                                    200000, 300000, 1000000, 20000000, 500000000, 2 * WEIR_SECOND};
    return draw(state, most[draw(state, COUNT_OF(most))]);
}

/* Each run has some faults and not others; one of eight has none. */
static void draw_faults(struct plan *plan, uint64_t *state)
{
    static const uint32_t weights[] = {1000, 10000, 50000, 200000};
    bool                  none = draw(state, 8) == 0;
    for (int i = 0; i < WEIR_SIM_FAULTS; i++) {
        uint64_t one_of = draw(state, 8);
        plan->per_million[i] = one_of < COUNT_OF(weights) && !none ? weights[one_of] : 0;
    }
}

/* What a run needs to have something to do. */
static void draw_beginning(struct plan *plan, uint64_t *state)
{
    static const enum step_kind kinds[] = {
        STEP_LISTEN,   STEP_ACCEPT,  STEP_CONNECT, STEP_LISTEN,   STEP_ACCEPT, STEP_CONNECT,
        STEP_PIPE,     STEP_OPEN,    STEP_CONNECT, STEP_DATAGRAM, STEP_ACCEPT, STEP_ACCEPT,
        STEP_DATAGRAM, STEP_CONNECT, STEP_ACCEPT,  STEP_CONNECT,  STEP_OPEN,   STEP_PIPE};
    uint32_t a = plan->steps[0].a; /* mostly in one loop, where they meet */
    for (unsigned i = 0; i < COUNT_OF(kinds) && draw(state, 16); i++) {
        plan->steps[i].kind = kinds[i];
        plan->steps[i].inside = false;
        if (draw(state, 2))
            plan->steps[i].a = a;
    }
}

void plan_draw(struct plan *plan, uint64_t seed)
{
    static const char *const models[] = {NULL, "completion", "level", "edge", "oneshot"};
    uint64_t                 state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    *plan = (struct plan){.seed = seed};
    draw_faults(plan, &state);
    plan->model = models[draw(&state, COUNT_OF(models))];
    plan->host_count = 1 + (unsigned)draw(&state, HOSTS_MAX);
    for (unsigned i = 0; i < plan->host_count; i++)
        plan->loop_count[i] = 1 + (unsigned)draw(&state, 2);
    plan->ending = (enum ending)draw(&state, ENDINGS);
    plan->step_count = 30 + (unsigned)draw(&state, STEPS_MAX - 30);
    for (unsigned i = 0; i < plan->step_count; i++) {
        struct step *step = &plan->steps[i];
        step->kind = draw_kind(&state);
        step->inside = draw(&state, 4) == 0;
        step->a = draw(&state, 2) && i ? plan->steps[i - 1].a : (uint32_t)draw(&state, UINT32_MAX);
        step->b = (uint32_t)draw(&state, UINT32_MAX);
        step->c = (uint32_t)draw(&state, UINT32_MAX);
        step->wait_ns = draw_wait(&state);
    }
    draw_beginning(plan, &state);
}

void plan_print(const struct plan *plan, FILE *file)
{
    unsigned count = 0;
    fprintf(file, "seed %llu, model %s, %u hosts, faults:", (unsigned long long)plan->seed,
            plan->model ? plan->model : "drawn", plan->host_count);
    for (int i = 0; i < WEIR_SIM_FAULTS; i++)
        if (plan->per_million[i])
            fprintf(file, " %s", weir_sim_fault_name((enum weir_sim_fault)i));
    fprintf(file, "\nsteps:");
    for (unsigned i = 0; i < plan->step_count; i++) {
        const struct step *step = &plan->steps[i];
        if (step->left_out)
            continue;
        fprintf(file, " %s%s", plan_step_name(step->kind), step->inside ? "*" : "");
        count++;
    }
    fprintf(file, "\n(%u of %u; * in a callback)\n", count, plan->step_count);
}

/* SPDX-License-Identifier: MIT */
/* run.c - a world from the first step to the last: one event after the other, and the turns of the
 * loops among them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../os/os.h"
#include "state.h"

#define STEPS_USUAL 10000000u
#define TURN_NS 2000u /* between news and the turn that takes them */
#define STALL_NS (2 * WEIR_SECOND)

THREAD_LOCAL struct weir_sim_host *sim_host_in_use;

/* ---- Opening --------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

/* The number of an environment variable, or `otherwise` where it is not set. */
static int read_number(const char *name, uint64_t *number)
{
    const char *text = environment(name);
    char       *end;
    if (!text)
        return 0;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *end || *text < '0' || *text > '9' || errno ? WEIR_EINVAL : 0;
}

/* Such as "1-4,9": numbers and ranges of them. */
static int read_list(const char *name, const char **list)
{
    const char *at = *list = environment(name);
    if (!at)
        return 0;
    for (;;) {
        for (int part = 0; part < 2; part++) {
            if (!isdigit((unsigned char)*at))
                return WEIR_EINVAL;
            while (isdigit((unsigned char)*at))
                at++;
            if (part || *at != '-')
                break;
            at++;
        }
        if (!*at)
            return 0;
        if (*at++ != ',')
            return WEIR_EINVAL;
    }
}

static int read_model(const char *name, enum sim_model *model)
{
    static const char *const names[] = {"completion", "level", "edge", "oneshot"};
    *model = SIM_MODELS;
    if (!name)
        return 0;
    for (int i = 0; i < SIM_MODELS; i++)
        if (strcmp(name, names[i]) == 0)
            *model = (enum sim_model)i;
    return *model == SIM_MODELS ? WEIR_EINVAL : 0;
}

/* A run has some faults and not others, so that each is seen without the rest hiding it: Groce and
 * others, "Swarm Testing", 2012. */
static void draw_swarm(struct weir_sim *world)
{
    static const uint32_t weights[] = {1000, 10000, 50000, 200000};
    for (int i = 0; i < WEIR_SIM_FAULTS; i++) {
        uint64_t one_of = sim_random(world, DRAW_FAULT, 8);
        world->per_million[i] = one_of < 4 ? weights[one_of] : 0;
        if (world->per_million[i])
            sim_trace(world, "chance %s %u", weir_sim_fault_name((enum weir_sim_fault)i),
                      world->per_million[i]);
    }
}

int sim_world_open(struct weir_sim **out, const struct weir_sim_options *options)
{
    static const struct weir_sim_options none;
    const struct weir_sim_options       *asked = options ? options : &none;
    uint64_t                             seed = 1, steps_max = STEPS_USUAL, swarm = 0;
    const char                          *faults;
    enum sim_model                       model;
    *out = NULL;
    if (read_number("WEIR_SIM_SEED", &seed) || read_number("WEIR_SIM_STEPS", &steps_max) ||
        read_number("WEIR_SIM_SWARM", &swarm) || read_list("WEIR_SIM_FAULTS", &faults) ||
        read_model(asked->model ? asked->model : environment("WEIR_SIM_MODEL"), &model))
        return WEIR_EINVAL;
    struct weir_sim *world = sim_new(sizeof *world);
    const char      *path = environment("WEIR_SIM_TRACE");
    world->trace = asked->trace;
    if (!world->trace && path && (world->trace = fopen(path, "we"))) {
        world->trace_own = true;
        setvbuf(world->trace, NULL, _IOLBF, 4096); /* also of a run that ends badly */
    }
    world->faults_kept = faults;
    world->steps_max = asked->steps_max ? asked->steps_max : steps_max;
    world->model = model;
    world->by_hand = asked->by_hand;
    world->thread = os_thread_self();
    world->hash = UINT64_C(0xcbf29ce484222325);
    sim_seed(world, asked->seed ? asked->seed : seed);
    memcpy(world->per_million, asked->per_million, sizeof world->per_million);
    sim_trace(world, "seed %llu", (unsigned long long)world->seed);
    if (asked->swarm || swarm)
        draw_swarm(world);
    *out = world;
    return 0;
}

void sim_world_free(struct weir_sim *world)
{
    while (world->hosts) {
        struct weir_sim_host *host = world->hosts;
        world->hosts = host->next;
        if (sim_host_in_use == host)
            sim_host_in_use = NULL;
        sim_host_free(host);
    }
    if (world->trace_own)
        fclose(world->trace);
    sim_free(world->queue);
    sim_free(world->cuts);
    sim_free(world);
}

/* ---- Turns ----------------------------------------------------------------------------------- */

static void take_turn(struct weir_sim *world, struct sim_event *event)
{
    struct sim_loop *own = (struct sim_loop *)((char *)event - offsetof(struct sim_loop, turn));
    if (own->waits) {
        own->awake = true;
        return;
    }
    if (own->loop->running || world->by_hand) /* it will look again by itself */
        return;
    sim_trace(world, "%s turn", own->host->name);
    own->harvested = false;
    loop_visit(own->loop);
    if (!own->harvested) /* it was stopped: its news are still to be had */
        sim_loop_turn(own, sim_time(world, TURN_NS));
    sim_turn_all(world);
}

void sim_loop_turn(struct sim_loop *own, uint64_t delay_ns)
{
    struct weir_sim *world = own->host->world;
    uint64_t         due_ns = world->now_ns + delay_ns;
    if (own->turn.place && own->turn.due_ns <= due_ns)
        return;
    sim_unschedule(world, &own->turn);
    sim_schedule(world, &own->turn, delay_ns, take_turn);
}

void sim_turn_all(struct weir_sim *world)
{
    for (struct weir_sim_host *host = world->hosts; host; host = host->next) {
        for (struct sim_loop *own = host->loops; own; own = own->next) {
            bool is_below_us = own->own_world || world->by_hand ||
                               (own->loop->running && !own->waits);
            int64_t after_ns = is_below_us ? -1 : loop_next_turn(own->loop);
            if (after_ns >= 0)
                sim_loop_turn(own, after_ns ? (uint64_t)after_ns : sim_time(world, TURN_NS));
        }
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* The process was not scheduled for a while: everything that was due meanwhile is late. */
static uint64_t stall(struct weir_sim *world)
{
    return sim_fault(world, WEIR_SIM_CLOCK_JUMP, "stall") ? sim_random(world, DRAW_TIME, STALL_NS)
                                                          : 0;
}

static void check(struct weir_sim *world)
{
    const char *sentence = world->check ? world->check(world->check_user) : NULL;
    if (sentence)
        sim_break(world, "%s", sentence);
}

bool sim_step(struct weir_sim *world, uint64_t until_ns)
{
    struct sim_event *event = sim_first_event(world);
    if (world->broken[0])
        return false;
    if (!event || event->due_ns > until_ns) {
        if (until_ns != WEIR_FOREVER && until_ns > world->now_ns)
            world->now_ns = until_ns;
        return false;
    }
    if (++world->steps > world->steps_max) {
        sim_break(world, "no end after %llu steps", (unsigned long long)world->steps_max);
        return false;
    }
    if (event->due_ns > world->now_ns)
        world->now_ns = event->due_ns + stall(world);
    sim_unschedule(world, event);
    world->depth++;
    event->happen(world, event);
    world->depth--;
    check(world);
    return !world->broken[0];
}

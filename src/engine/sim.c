/* SPDX-License-Identifier: MIT */
/* sim.c - a simulated mechanism: the loop is real, the world below it is drawn from a seed. While a
 * loop waits, the world goes on, and the other loops in it have their turns.
 *
 * There are four of it, one of which is drawn: as a kernel that completes (sim_completion.c), and
 * as one that tells readiness by level, by edge and once (sim_readiness.c, under ready.c). */
#include "sim.h"

#include <stdlib.h>

#include "../os/os.h"

#define CALL_NS 300u  /* what a turn takes at the least, so that no time stands still */
#define NEWS_NS 2000u /* between news and the end of a wait */

void sim_loop_news(struct sim_loop *own)
{
    sim_loop_turn(own, sim_time(own->host->world, NEWS_NS));
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void *resize(void *user, void *memory, size_t size)
{
    struct sim_loop *own = user;
    if (size && sim_fault(own->host->world, WEIR_SIM_MEMORY, "allocation"))
        return NULL;
    return own->allocator.resize(own->allocator.user, memory, size);
}

/* A world with one host, which ends with the loop. */
static int open_own_world(struct weir_sim_host **host)
{
    struct weir_sim    *world;
    struct weir_address address;
    int                 error = sim_world_open(&world, NULL);
    if (error)
        return error;
    weir_address_parse(&address, "10.0.0.1:0");
    *host = sim_host_new(world, "alone", &address);
    return 0;
}

static void enter_host(struct sim_loop *own)
{
    struct sim_loop **last = &own->host->loops;
    while (*last)
        last = &(*last)->next;
    *last = own;
    own->host->down = false;
}

static int open_loop(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    struct weir_sim_host *host = options->sim_host ? options->sim_host : sim_host_in_use;
    int                   error = host ? 0 : open_own_world(&host);
    if (error)
        return loop_refuse(reason, error, "a variable WEIR_SIM_... of the environment is wrong");
    struct weir_sim *world = host->world;
    struct sim_loop *own = sim_new(sizeof *own);
    own->loop = loop;
    own->host = host;
    own->own_world = !options->sim_host && host != sim_host_in_use;
    own->model = world->model != SIM_MODELS
                     ? world->model
                     : (enum sim_model)sim_random(world, DRAW_ORDER, SIM_MODELS);
    own->allocator = loop->allocator;
    loop->allocator = (struct weir_allocator){resize, own};
    loop->mechanism = own;
    loop->engine = &sim_models[own->model];
    enter_host(own);
    sim_trace(world, "%s opens a loop, model %d", host->name, (int)own->model);
    sim_loop_turn(own, CALL_NS);
    return 0;
}

static void close_loop(struct weir_loop *loop)
{
    struct sim_loop      *own = sim_loop_of(loop), **at = &own->host->loops;
    struct weir_sim_host *host = own->host;
    struct weir_sim      *world = host->world;
    sim_trace(world, "%s closes a loop", host->name);
    sim_jobs_abandon(own);
    sim_completion_close(own);
    sim_readiness_close(own);
    sim_unschedule(world, &own->turn);
    while (*at != own)
        at = &(*at)->next;
    *at = own->next;
    loop->allocator = own->allocator;
    loop->mechanism = NULL;
    if (own->own_world)
        sim_world_free(world);
    sim_free(own);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static bool has_news(const struct sim_loop *own)
{
    return own->model == SIM_COMPLETION ? sim_completion_has_news(own)
                                        : sim_readiness_has_news(own);
}

/* Runs the world until the loop has its turn. 0, or WEIR_E* where that will never be. */
static int sleep_in_world(struct sim_loop *own, uint64_t until_ns)
{
    struct weir_sim *world = own->host->world;
    sim_turn_all(world); /* loops may have been given ops since the world last went on */
    own->waits = true;
    own->awake = false;
    if (has_news(own))
        sim_loop_news(own);
    while (!own->awake && sim_step(world, until_ns))
        ;
    own->waits = false;
    if (world->broken[0])
        return WEIR_EIO;
    /* Nothing is left that could happen, in no host: a real loop would sleep for ever. */
    return own->awake || until_ns != WEIR_FOREVER ? 0 : WEIR_EDEADLK;
}

static int wait_loop(struct weir_loop *loop, int64_t timeout_ns)
{
    struct sim_loop *own = sim_loop_of(loop);
    struct weir_sim *world = own->host->world;
    int              error = 0;
    if (timeout_ns) {
        uint64_t ns = timeout_ns < 0 ? WEIR_FOREVER : (uint64_t)timeout_ns;
        error = sleep_in_world(own, ns > WEIR_FOREVER - 1 - world->now_ns ? WEIR_FOREVER
                                                                          : world->now_ns + ns);
    } else {
        uint64_t until_ns = world->now_ns + CALL_NS;
        while (!world->depth && sim_step(world, until_ns))
            ; /* also a program that only looks, and never sleeps, sees the world go on */
        if (world->now_ns < until_ns)
            world->now_ns = until_ns;
    }
    own->harvested = true;
    if (own->model == SIM_COMPLETION)
        sim_completion_harvest(own);
    else
        sim_readiness_harvest(own);
    return error;
}

static void wake_loop(struct weir_loop *loop)
{
    struct sim_loop *own = sim_loop_of(loop);
    if (own->host->world->thread != os_thread_self()) {
        fputs("weir: a loop of a simulation was woken from a thread that is not its world's.\n",
              stderr);
        abort();
    }
    sim_loop_news(own);
}

/* Descriptors are a host's. */
static int takes(const struct weir_loop *loop, const struct weir_handle *handle)
{
    return sim_loop_of(loop)->host == sim_loop_of(handle->loop)->host ? 0 : WEIR_ENOTSUP;
}

static int no_descriptor(struct weir_loop *loop)
{
    (void)loop;
    return WEIR_ENOTSUP;
}

/* ---- The tables ------------------------------------------------------------------------------ */

static int query_completion(enum weir_op_kind op, enum weir_handle_kind handle)
{
    int  support = ready_query(op, handle, ENGINE_READINESS);
    bool by_the_world = support == WEIR_SUPPORT_OFFLOADED && op != WEIR_OP_WORK &&
                        op != WEIR_OP_RESOLVE;
    return by_the_world ? WEIR_SUPPORT_NATIVE : support;
}

static int query_readiness(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

#define COMMON                                                                                     \
    .name = "sim", .model = "simulation", .open = open_loop, .close = close_loop,                  \
    .wait = wait_loop, .wake = wake_loop, .takes = takes, .fd = no_descriptor, .sys = &system_sim

#define READINESS                                                                                  \
    COMMON, .start = ready_start, .cancel = ready_cancel, .watch = sim_readiness_watch,            \
            .forget = ready_forget, .query = query_readiness

const struct engine sim_models[SIM_MODELS] = {
    [SIM_COMPLETION] = {COMMON, .traits = ENGINE_BY_NAME, .start = sim_completion_start,
                        .cancel = sim_completion_cancel, .ended = sim_completion_ended,
                        .forget = sim_completion_forget, .query = query_completion},
    [SIM_LEVEL] = {READINESS, .traits = ENGINE_READINESS | ENGINE_BY_NAME},
    [SIM_EDGE] = {READINESS, .traits = ENGINE_READINESS | ENGINE_EDGE | ENGINE_BY_NAME},
    [SIM_ONESHOT] = {READINESS, .traits = ENGINE_READINESS | ENGINE_ONESHOT | ENGINE_BY_NAME},
};

const struct engine engine_sim = {COMMON, .traits = ENGINE_BY_NAME, .start = sim_completion_start,
                                  .cancel = sim_completion_cancel, .query = query_completion};

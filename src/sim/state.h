/* SPDX-License-Identifier: MIT */
/* state.h - what a simulated world is made of, for the files that run it: world.c, run.c, the
 * engine and the public functions. The network and the disk see only world.h. */
#ifndef WEIR_SIM_STATE_H
#define WEIR_SIM_STATE_H

#include "world.h"

#define SIM_DESCRIPTORS_MAX 65536u

/* How the simulated mechanism of a loop is: as io_uring, or as epoll in its three ways. */
enum sim_model { SIM_COMPLETION, SIM_LEVEL, SIM_EDGE, SIM_ONESHOT, SIM_MODELS };

struct sim_record;
struct sim_watch;

/* One loop of a host; owned by its engine, from open to close. */
struct sim_loop {
    struct sim_loop      *next;
    struct weir_loop     *loop;
    struct weir_sim_host *host;
    enum sim_model        model;
    bool                  own_world; /* made for this loop, ends with it */
    bool                  waits;     /* its thread sleeps in wait, and runs the world meanwhile */
    bool                  awake;     /* its turn has come */
    bool                  harvested; /* in this turn: what the mechanism had was taken */
    struct sim_event      turn;
    struct weir_allocator allocator; /* the caller's; the loop's own may fail by a fault */
    struct sim_record    *records;   /* ring of those in flight */
    struct sim_record    *completed; /* stack of those to be harvested */
    uint32_t              in_flight, completed_count;
    struct sim_job       *jobs;    /* of simulated workers, linked */
    struct sim_watch    **watches; /* owned array; handle->in.slot is the index */
    uint32_t              watch_count, watch_room;
};

static inline struct sim_loop *sim_loop_of(const struct weir_loop *loop)
{
    return loop->mechanism;
}

struct sim_cut {
    const struct weir_sim_host *one, *other;
};

struct weir_sim {
    uint64_t              seed, random[DRAWS];
    uint64_t              now_ns, steps, steps_max;
    struct sim_event    **queue; /* owned; a binary heap of borrowed events */
    uint32_t              queue_count, queue_room;
    uint32_t              object_count, fault_count, loop_count;
    uint32_t              per_million[WEIR_SIM_FAULTS];
    const char           *faults_kept; /* "1-4,9": only these happen; NULL: all. Borrowed */
    struct sim_object    *objects;     /* ring */
    struct weir_sim_host *hosts;       /* owned */
    struct sim_cut       *cuts;        /* owned */
    uint32_t              cut_count, cut_room;
    uint32_t              depth;  /* steps under way, one inside the other */
    const void           *thread; /* the only one that may use it */
    const char *(*check)(void *user);
    void          *check_user;
    FILE          *trace;
    bool           trace_own; /* to be closed with the world */
    enum sim_model model;     /* of every loop, or SIM_MODELS: drawn for each */
    bool           by_hand;   /* a loop is visited by nobody: it has its turns where it waits */
    uint64_t       hash;
    char           broken[256];
    bool           broken_told; /* in the trace, which ends there */
};

/* ---- world.c --------------------------------------------------------------------------------- */

void                  sim_seed(struct weir_sim *world, uint64_t seed);
struct sim_event     *sim_first_event(const struct weir_sim *world);
struct weir_sim_host *sim_host_new(struct weir_sim *world, const char *name,
                                   const struct weir_address *address);
void                  sim_host_close_all(struct weir_sim_host *host);
void                  sim_host_free(struct weir_sim_host *host);
void                  sim_wait_begin(struct sim_wait *wait, struct sim_object *object,
                                     void (*changed)(struct sim_wait *wait));
void                  sim_wait_end(struct sim_wait *wait); /* nothing where it does not wait */

/* ---- run.c ----------------------------------------------------------------------------------- */

/* WEIR_EINVAL: an environment variable makes no sense. */
int  sim_world_open(struct weir_sim **out, const struct weir_sim_options *options);
void sim_world_free(struct weir_sim *world);

/* The next event happens, if it is due by until_ns; else the time is then. false: nothing is left
 * to happen by then, or the run has failed (world->broken). */
bool sim_step(struct weir_sim *world, uint64_t until_ns);

/* The loop gets its turn in delay_ns, or before. */
void sim_loop_turn(struct sim_loop *own, uint64_t delay_ns);
/* Every loop that has something to do gets its turn. */
void sim_turn_all(struct weir_sim *world);

/* Where loops of this thread belong that name no host; NULL: a world of their own. */
extern THREAD_LOCAL struct weir_sim_host *sim_host_in_use;

/* ---- system.c -------------------------------------------------------------------------------- */

/* For every loop of the host that awaits it. */
void sim_signal_raise(struct weir_sim_host *host, int signo);

/* ---- job.c: simulated workers, as struct system has them ------------------------------------- */

int  sim_job_start(struct weir_loop *loop, struct weir_op *op, work_call *call);
bool sim_job_cancel(struct weir_loop *loop, struct weir_op *op);
bool sim_job_runs(struct weir_loop *loop, struct weir_op *op);
void sim_jobs_abandon(struct sim_loop *own);

#endif

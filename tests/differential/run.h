/* SPDX-License-Identifier: MIT */
/* run.h - one script on one engine, inside a child process.
 *
 * What engines may do differently is made the same, never left out. Bytes that arrive in several
 * pieces while a receive waits may be told as one or two; a cancel may come before or after what it
 * raced with. An act in which such a thing happened is "loose" for the way concerned: at its end
 * whatever waits there is cancelled, what is left in the system is read out, and the trace tells
 * all of the bytes instead of each count. Everything else is told exactly. */
#ifndef DIFFERENTIAL_RUN_H
#define DIFFERENTIAL_RUN_H

#include <poll.h>

#include "script.h"
#include "trace.h"

/* Where the end of a stream has no bit of its own, it is readable. */
#ifndef POLLRDHUP
#define POLLRDHUP POLLIN
#endif

#define EVENTS_MAX 1024
#define POOLS (PLACE_FILES + 1) /* one of each side of a link, and one of all */
#define HELD_MAX 32

enum lane { LANE_IN, LANE_OUT, LANE_ANY, LANE_CLOSED, LANES };

/* Faults that the harness plants in itself, to see them found. */
enum plant {
    PLANT_NOTHING,
    PLANT_DROP_BYTE,
    PLANT_SWAP,
    PLANT_RESULT,
    PLANT_ERROR,
    PLANT_LOSE_CLOSE,
    PLANT_LOSE_END,
    PLANT_END_TWICE,
    PLANT_CRASH,
    PLANT_LOSE_BUFFER,
    PLANT_CHANGE_BUFFER,
    PLANTS
};
const char *plant_name(enum plant plant);

struct bytes {
    char  *data;
    size_t count, room;
};

/* What was told to be sent from a side, and what came out at the other. */
struct way {
    struct bytes sent, received;
    bool         uncertain; /* how much was sent depends on what a cancel met */
    bool         connected; /* by a step, from this side */
    bool         ended;     /* nothing more will come from the sender */
    bool         lost;      /* something of it never arrived */
    bool         cut;      /* a datagram was taken by a receive that was too short, or as a whole */
    int          messages; /* datagrams sent and not yet received */
    bool         stuffed;  /* and not all of it was received */
    bool         tight;    /* so, and more was sent or received: there may be room for some bytes,
                               and no poll tells */
    /* In this act: */
    bool     readable; /* at its beginning */
    unsigned sends, cancels;
    uint32_t bytes;
    bool     some, ended_now, loose, loose_by_pool;
};

/* A handle, and what the act did to it. */
struct place {
    struct weir_handle handle;
    bool               attached, closed; /* ever */
    bool               filling;          /* an op is to fill it */
    unsigned           live;             /* ops */
    uint8_t            filler;           /* the accept that attached it, or is to */
    bool               unwritable;       /* opened for reading alone */
    bool               unsure;           /* that one raced: attached or not, it is used no more */
    uint8_t            quota;
    /* In this act: */
    bool     attached_before; /* at its beginning */
    unsigned changes;         /* of its readiness, or of its polls */
    bool     polled, polls_loose;
};

struct link_act {
    unsigned touches, closes, cancels;
    bool     connects, receives; /* an op was started on the connecting side */
    uint8_t  chained;            /* the last step that a callback started, or 0 */
    bool     torn; /* two chains met, or a close met something: both sides are closed */
};

/* A buffer that the program has. */
struct held {
    void    *data;
    size_t   length;
    uint64_t hash;   /* of what was told in it */
    int8_t   place;  /* where it was received, or for which it was taken */
    bool     counts; /* against the quota of that */
};

struct pool {
    struct weir_pool *pool; /* NULL: not open */
    struct held       held[HELD_MAX];
    unsigned          held_count;
    bool              unsure; /* how many it gave out is not the same on each engine */
    /* In this act: */
    unsigned held_before, asked, gives;
    bool     loose;
};

struct run;

/* A step that was started. */
struct running {
    struct weir_op     op;
    struct weir_op     second; /* of a pump: the receiver's */
    struct run        *run;
    const struct step *step;
    char              *data;
    struct weir_buf    pieces[PIECES_MOST];
    union {
        struct weir_stat    stat;
        struct weir_msg     message;
        struct weir_lookup  lookup;
        struct weir_address address;
        struct {
            struct weir_msg     message;
            struct weir_address address;
        } pooled;
    } with;
    struct weir_address found[4]; /* by a look-up */
    unsigned            told, order;
    uint32_t            length, sent, received;
    uint8_t             act, act_ended;
    bool                started, live, asked, timed, raced;
};

struct event {
    uint8_t  id;
    int8_t   place;
    uint8_t  lane;
    bool     ends;
    unsigned order;
    int64_t  result;
    int32_t  error;
    uint32_t told;
    uint64_t hash;
};

struct run {
    const struct script *script;
    struct trace        *trace;
    struct weir_loop    *loop;
    enum plant           plant; /* set to nothing once it was done */
    uint8_t              act;
    unsigned             order, tellings;
    bool                 stuck;
    bool                 stops; /* the run ends when something was told */
    struct weir_op       guard;
    struct place         places[PLACES];
    struct way           ways[2 * LINKS_MAX]; /* by the sender's place */
    struct link_act      links[LINKS_MAX];
    struct pool          pools[POOLS];
    struct running       running[STEPS_MAX + 1];
    struct event         events[EVENTS_MAX];
    unsigned             event_count;
};

/* Runs it all; ends the trace with what is left over. `directory`: empty, of this run. */
void run_script(struct run *run, const char *engine);

/* ---- world.c: the handles, and plain looks at them ------------------------------------------- */

void world_open(struct run *run);
int  world_descriptor(const struct run *run, int place); /* -1: none */
/* In a fitted script what a system tells of a socket that never was connected is not looked at. */
bool world_can_be_asked(const struct run *run, int place);
/* poll(2) without waiting. */
short world_ready(const struct run *run, int place, short events);
/* Bytes sent, or an end, are still on their way to the other side; given up, they are lost. */
bool world_in_flight(struct run *run, bool give_up);
void world_drain(struct run *run, int sender);
void world_stuff(struct run *run, int place);
void world_small_buffers(struct run *run, int place, bool small);
void world_reset_at_close(struct run *run);
/* Of file0, file1, or a variant that cannot be opened. */
const char *world_path(const struct step *step);

/* host.c: what lies beside the files, so that a path cannot be opened; all that is open. */
bool host_make_paths(void);
int  host_count_descriptors(void);

void     bytes_append(struct bytes *bytes, const void *data, size_t count);
uint64_t bytes_hash(const void *data, size_t count);

/* ---- steps.c, start.c: taking a step; the call of its op ------------------------------------- */

void      start_step(struct run *run, const struct step *step);
void      call_op(struct run *run, struct running *running);
enum lane lane_of(const struct step *step);
bool      step_receives(const struct step *step);
bool      step_sends(const struct step *step);

/* ---- told.c: callbacks ----------------------------------------------------------------------- */

bool plant(struct run *run, enum plant plant, bool possible); /* true once, when it is to be done */
void told_op(struct weir_op *op);
void told_closed(struct weir_handle *handle);
void told_result(struct run *run, const struct step *step, int64_t result); /* of a plain call */
void follow(struct run *run, uint8_t id); /* starts the steps that come after this one */
void note_change(struct run *run, int place);

/* ---- pools.c --------------------------------------------------------------------------------- */

struct weir_pool *pools_open(struct run *run, const struct step *step);
void              pools_told(struct run *run, struct running *running);
int64_t           pools_step(struct run *run, const struct step *step);
/* A receive finds a buffer now; it gets on, be it without one. */
bool pools_have_one(const struct run *run, const struct step *step);
bool pools_can_go_on(const struct run *run, const struct step *step);
void pools_begin_act(struct run *run);
bool pools_straighten(struct run *run); /* true when something was done */
void pools_end_act(struct run *run);
void pools_close(struct run *run);
void pools_forget(struct run *run);

/* ---- pump.c ---------------------------------------------------------------------------------- */

void pump_start(struct running *pump);
bool pump_must_go_on(const struct running *pump);

/* ---- settle.c: until nothing more can happen ------------------------------------------------- */

void settle(struct run *run);
void act_begin(struct run *run);
void act_end(struct run *run);

/* ---- emit.c: what an act did, as lines ------------------------------------------------------- */

void emit_act(struct run *run);
void emit_end(struct run *run);

#endif

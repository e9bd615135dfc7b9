/* SPDX-License-Identifier: MIT */
/* script.h - a script: a bounded world, and the steps that are taken in it on each engine.
 *
 * Steps belong to acts. An act starts its steps without running the loop between them, then runs
 * the loop until nothing more can happen: that is what makes one trace out of engines that differ
 * in when they do things. A step with `after` is started by the callback of that step instead. */
#ifndef DIFFERENTIAL_SCRIPT_H
#define DIFFERENTIAL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir.h"

#define LINKS_MAX 5
#define FILES_MAX 2
#define STEPS_MAX 64 /* ids are 1 to STEPS_MAX */
#define PIECES_MOST 4

/* Two handles, a and b. What is sent on one is received on the other. */
enum link_kind {
    LINK_TCP,
    LINK_UNIX,
    LINK_PIPE,    /* a writes, b reads */
    LINK_UDP,     /* each connected to the other */
    LINK_DIALLED, /* TCP, connected and accepted by steps of the script */
    LINK_KINDS
};

/* Places: a and b of each link, the files, the listeners of dialled links. */
enum {
    PLACE_NONE = -1,
    PLACE_FILES = 2 * LINKS_MAX,
    PLACE_LISTENERS = PLACE_FILES + FILES_MAX,
    PLACES = PLACE_LISTENERS + LINKS_MAX
};

/* What a step does: enum weir_op_kind, or one of these. */
enum {
    STEP_CANCEL = WEIR_OP_KINDS, /* the target */
    STEP_CANCEL_ALL,
    STEP_DEADLINE, /* of the target */
    STEP_CLOSE,
    STEP_CLOSE_NOW,
    STEP_STOP,
    STEP_WAKE,
    STEP_RAISE, /* a signal, to this thread */
    STEP_TRY_RECV,
    STEP_TRY_SEND,
    STEP_PUMP,  /* more than fits, from one side to the other, while both are served */
    STEP_STUFF, /* fill the way from this side, by plain calls */
    STEP_WRONG, /* a call that cannot be right; `variant` says which */
    STEP_TAKE,  /* a buffer, for the program's own use */
    STEP_GIVE,  /* what came first of what is kept from this side */
    STEP_QUOTA, /* of `number` buffers */
    STEP_POOL_CLOSE,
    STEP_KINDS
};

#define WRONG_CALLS 19

/* What the variant of a pooled receive, and of a step about a pool, says. */
#define POOLED_KEPT 1u   /* its buffers are not given back when they are told */
#define POOLED_SHARED 2u /* out of the pool of all, not that of the side alone */

/* A pool of each side of a link, or that of all. */
struct pool_plan {
    uint8_t  policy, count, count_max;
    uint32_t buffer_size;
};

struct step {
    uint8_t  id, act;
    uint8_t  after;  /* started by the callback of this step; 0: at the beginning of the act */
    uint8_t  target; /* of CANCEL and DEADLINE */
    uint8_t  what;
    int8_t   place;   /* PLACE_NONE: the loop */
    uint8_t  variant; /* POLL: cancelled at this telling; PUMP: how; WRONG: which; POOLED_* */
    uint8_t  piece_count;
    uint32_t pieces[PIECES_MOST]; /* bytes; a plain transfer has one */
    uint32_t flags;
    uint32_t number; /* POLL: events; OPEN: mode; SIGNAL, RAISE: which; QUOTA */
    uint64_t at;     /* offset in a file; TIMER, DEADLINE: nanoseconds */
};

struct script {
    uint64_t         seed;
    unsigned         step_count, link_count;
    enum link_kind   links[LINKS_MAX];
    struct pool_plan pools[LINKS_MAX + 1]; /* by link; the last is that of all */
    unsigned         ring_entries;
    bool             foreign;     /* descriptors are adopted blocking, else not */
    bool             waits;       /* the loop sleeps for what comes, else it is only looked at */
    bool             closes_loop; /* the end: the loop is closed over everything that is open */
    bool             fitted;      /* to what another system tells alike: see far.c */
    struct step      steps[STEPS_MAX];
};

void script_generate(struct script *script, uint64_t seed);
void script_print(const struct script *script, FILE *file);
void script_print_step(const struct script *script, const struct step *step, FILE *file);

/* "tcp1.a", "file0", "listener2", "loop". */
const char *script_place_name(const struct script *script, int place, char *text, size_t room);

static inline uint32_t step_length(const struct step *step)
{
    uint32_t length = 0;
    for (int i = 0; i < step->piece_count; i++)
        length += step->pieces[i];
    return length;
}

static inline bool step_is_pooled(const struct step *step)
{
    return step->what == WEIR_OP_RECV_POOLED || step->what == WEIR_OP_RECV_MSG_POOLED;
}

static inline bool place_is_link(int place)
{
    return place >= 0 && place < PLACE_FILES;
}

static inline bool place_is_file(int place)
{
    return place >= PLACE_FILES && place < PLACE_LISTENERS;
}

/* The link of one of its sides or of its listener; -1 for files and the loop. */
static inline int link_of(int place)
{
    if (place_is_link(place))
        return place / 2;
    return place >= PLACE_LISTENERS ? place - PLACE_LISTENERS : -1;
}

#endif

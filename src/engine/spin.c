/* SPDX-License-Identifier: MIT */
/* spin.c - no mechanism: each op that waits is asked in turn, by its own call, again and again.
 *
 * It is here to show what asking costs. A pass makes one system call for each op that waits, ready
 * or not, so that the work done grows with what is idle; and a loop that waits keeps its processor
 * busy. That is why it is never the default. It needs no descriptor of its own and nothing of the
 * kernel but the calls that do the work, and an op is served as soon as its turn comes round.
 *
 * op->in.engine is the op's index in the array. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "../engine.h"

/* So many that ended are told before others are asked: what they received lies in the cache then,
 * and few buffers of a pool do for all. */
#define ENDED_MOST 8

struct spin {
    struct weir_op **ops; /* owned array of borrowed ops; dense, those that wait */
    uint32_t         count, room;
    uint32_t         next; /* those before it are asked next: where the last pass ended */
    atomic_bool      told; /* by spin_wake() */
};

/* Returns 0 or WEIR_ENOMEM. On failure nothing has changed. */
static int spin_grow(struct weir_loop *loop, struct spin *s)
{
    uint32_t room = s->room ? s->room * 2 : 64;
    void    *ops = loop_resize(loop, s->ops, room * sizeof(struct weir_op *));
    if (!ops)
        return WEIR_ENOMEM;
    s->ops = ops;
    s->room = room;
    return 0;
}

static void spin_close(struct weir_loop *loop)
{
    struct spin *s = loop->mechanism;
    loop_resize(loop, s->ops, 0);
    loop_resize(loop, s, 0);
}

static int spin_open(struct weir_loop *loop, const struct weir_options *options, char *reason)
{
    (void)options;
    if (sched_yield() < 0)
        return loop_refuse(reason, -errno,
                           "sched_yield() is refused, and it would lock others out");
    struct spin *s = loop_resize(loop, NULL, sizeof *s);
    if (!s)
        return loop_refuse(reason, WEIR_ENOMEM, "out of memory");
    memset(s, 0, sizeof *s);
    loop->mechanism = s;
    int error = spin_grow(loop, s);
    if (!error)
        return 0;
    spin_close(loop);
    return loop_refuse(reason, error, "out of memory");
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* The op's call, which never waits. */
static int64_t ask(struct weir_loop *loop, struct weir_op *op)
{
    int64_t result = loop->sys->perform(op, PERFORM_TRY);
    loop->stats.attempts++;
    if (result == WEIR_EAGAIN)
        loop->stats.attempts_empty++;
    return result;
}

static enum started keep(struct weir_loop *loop, struct spin *s, struct weir_op *op)
{
    if (s->count == s->room && spin_grow(loop, s)) {
        loop_finish(loop, op, WEIR_ENOMEM);
        return STARTED;
    }
    op->in.engine = s->count;
    s->ops[s->count++] = op;
    return STARTED;
}

/* Takes the op out; the last one takes its place. */
static void drop(struct spin *s, const struct weir_op *op)
{
    uint32_t at = (uint32_t)op->in.engine;
    s->ops[at] = s->ops[--s->count];
    s->ops[at]->in.engine = at;
}

/* Whether the op asks a handle that may have to become ready; everything else is as on the engines
 * that wait for readiness: at once, or a worker's. */
static bool asks_handle(const struct weir_op *op)
{
    return op->kind == WEIR_OP_POLL || (op->in.holds && !handle_has_offsets(op->handle));
}

static enum started spin_start(struct weir_loop *loop, struct weir_op *op)
{
    if (!asks_handle(op))
        return ready_start(loop, op);
    /* What takes in is asked by the pass at the end of this turn: a peer that was just answered has
     * hardly sent anew. A poll may tell more than once, which only the wait does. */
    if (op->kind == WEIR_OP_POLL || op->in.holds == WEIR_IN)
        return keep(loop, loop->mechanism, op);
    int64_t result = ask(loop, op);
    if (result == WEIR_ENOTSUP)
        return STARTED_OFFLOAD;
    if (result == WEIR_EAGAIN)
        return keep(loop, loop->mechanism, op);
    if (op->served == WEIR_SERVED_NOT)
        op->served = WEIR_SERVED_AT_ONCE;
    op->result = result;
    return STARTED_DONE;
}

static void spin_cancel(struct weir_loop *loop, struct weir_op *op)
{
    drop(loop->mechanism, op);
    loop_finish(loop, op, op->in.cause);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* Whether the op is not one of those that wait any more. */
static bool ask_again(struct weir_loop *loop, struct spin *s, struct weir_op *op)
{
    int64_t result = ask(loop, op);
    if (result == WEIR_EAGAIN)
        return false;
    drop(s, op);
    if (result == WEIR_ENOTSUP) {
        loop_ask(loop, op); /* a worker's, which its next start says */
        return true;
    }
    /* Level and edge alike: told, and asked anew after its callback. */
    bool again = op->kind == WEIR_OP_POLL && (op->flags & (WEIR_LEVEL | WEIR_EDGE)) && result >= 0;
    op->served = WEIR_SERVED_READY;
    loop_event(loop, op, result, again ? EVENT_AGAIN : 0, 0);
    return true;
}

/* Asks each op once, or until many have ended, or some have and all were asked since the beginning.
 * How many ended, or told something. It goes from the end to the beginning: what their callbacks
 * start comes behind, and is asked after all others. */
static uint32_t pass(struct weir_loop *loop, struct spin *s)
{
    uint32_t ended = 0;
    for (uint32_t left = s->count; left && ended < ENDED_MOST && loop_room(loop, 1); left--) {
        if (!s->next && ended)
            break;
        if (!s->next || s->next > s->count)
            s->next = s->count;
        ended += ask_again(loop, s, s->ops[--s->next]);
    }
    return ended;
}

static int spin_wait(struct weir_loop *loop, int64_t timeout_ns)
{
    struct spin *s = loop->mechanism;
    uint64_t     start_ns = timeout_ns > 0 ? loop->sys->now(loop) : 0;
    while (!pass(loop, s)) {
        if (!timeout_ns || atomic_exchange(&s->told, false))
            return 0;
        if (timeout_ns > 0 && loop->sys->now(loop) - start_ns >= (uint64_t)timeout_ns)
            return 0;
        if (sched_yield() < 0) /* so that a peer on the same processor gets on */
            return -errno;
    }
    return 0;
}

static void spin_wake(struct weir_loop *loop)
{
    struct spin *s = loop->mechanism;
    atomic_store(&s->told, true);
}

static int spin_fd(struct weir_loop *loop)
{
    (void)loop;
    return WEIR_ENOTSUP;
}

static int spin_query(enum weir_op_kind op, enum weir_handle_kind handle)
{
    return ready_query(op, handle, ENGINE_READINESS);
}

const struct engine engine_spin = {
    .name = "spin",
    .model = "readiness",
    .traits = ENGINE_BY_NAME,
    .open = spin_open,
    .close = spin_close,
    .start = spin_start,
    .cancel = spin_cancel,
    .wait = spin_wait,
    .wake = spin_wake,
    .fd = spin_fd,
    .query = spin_query,
    .sys = &system_posix,
};

/* SPDX-License-Identifier: MIT */
/* signal.c - signals as an op: one descriptor that a hidden poll op of the loop watches, so that
 * every engine serves them alike. */
#include <string.h>

#include "engine.h"

#define SIGNAL_MOST 64

struct signals {
    struct weir_handle handle; /* of the descriptor that tells */
    struct weir_op     watch;
    uint64_t           mask;    /* told to the system; bit n is signal n + 1 */
    uint64_t           blocked; /* those that weir blocked, to be let through again */
    struct weir_op    *first;   /* every signal op that is not over, linked through in.engine */
    bool               changed; /* mask is wider than what the ops await */
};

static struct weir_op *after(const struct weir_op *op)
{
    return (struct weir_op *)(uintptr_t)op->in.engine;
}

static void leave(struct signals *signals, struct weir_op *op)
{
    if (signals->first == op) {
        signals->first = after(op);
    } else {
        struct weir_op *before = signals->first;
        while (after(before) != op)
            before = after(before);
        before->in.engine = op->in.engine;
    }
    signals->changed = true;
}

/* in.step counts how often the signal came and is to be told. */
static void tell(struct weir_loop *loop, struct weir_op *op)
{
    if (!op->in.step || op->state != OP_GIVEN)
        return;
    if (!loop_room(loop, 1)) { /* the signal is taken: nothing else would tell it again */
        loop_ask(loop, op);
        return;
    }
    op->in.step--;
    op->served = WEIR_SERVED_READY;
    if (!(op->flags & WEIR_MULTISHOT))
        leave(loop->signals, op);
    loop_event(loop, op, op->in.arg.number, op->flags & WEIR_MULTISHOT ? EVENT_AGAIN : 0, 0);
}

/* The engine does not watch the descriptor. Who awaits a signal now is told so; who has one to be
 * told yet, when it asks again. */
static void end_all(struct weir_loop *loop, int64_t error)
{
    for (struct weir_op *op = loop->signals->first, *next; op; op = next) {
        next = after(op);
        if (op->state != OP_GIVEN)
            continue;
        leave(loop->signals, op);
        loop_finish(loop, op, error);
    }
}

static void on_readable(struct weir_op *watch)
{
    struct weir_loop *loop = watch->handle->loop;
    struct signals   *signals = loop->signals;
    if (watch->result < 0) {
        end_all(loop, watch->result);
        return;
    }
    for (int number; (number = loop->sys->signals_take(loop, signals->handle.in.descriptor)) > 0;)
        for (struct weir_op *op = signals->first; op; op = after(op))
            if (op->in.arg.number == number && op->in.step < UINT8_MAX)
                op->in.step++;
    for (struct weir_op *op = signals->first, *next; op; op = next) {
        next = after(op);
        tell(loop, op);
    }
}

/* Blocks what is awaited, and no more. 0 or WEIR_E*. */
static int update(struct weir_loop *loop)
{
    struct signals *signals = loop->signals;
    uint64_t        mask = 0;
    signals->changed = false;
    for (struct weir_op *op = signals->first; op; op = after(op))
        mask |= UINT64_C(1) << (op->in.arg.number - 1);
    if (mask == signals->mask)
        return 0;
    bool attached = signals->handle.in.kind != WEIR_HANDLE_NONE;
    int  descriptor = loop->sys->signals_watch(loop, attached ? signals->handle.in.descriptor : -1,
                                               mask, &signals->blocked);
    if (descriptor < 0)
        return descriptor;
    signals->mask = mask;
    int error = 0;
    if (!attached)
        error = handle_attach(&signals->handle, loop, descriptor, 0, WEIR_HANDLE_NONE, true);
    if (error) {
        loop->sys->close(loop, descriptor);
        return error;
    }
    if (mask && !op_is_live(&signals->watch))
        weir_poll(&signals->watch, &signals->handle, WEIR_IN, WEIR_LEVEL | WEIR_BACKGROUND,
                  on_readable);
    return 0;
}

static bool open_signals(struct weir_loop *loop)
{
    if (!loop->signals) {
        loop->signals = loop_resize(loop, NULL, sizeof *loop->signals);
        if (loop->signals)
            memset(loop->signals, 0, sizeof *loop->signals);
    }
    return loop->signals;
}

void signal_begin(struct weir_loop *loop, struct weir_op *op)
{
    if (op->in.arg.number < 1 || op->in.arg.number > SIGNAL_MOST) {
        loop_finish(loop, op, WEIR_EINVAL);
        return;
    }
    if (!open_signals(loop)) {
        loop_finish(loop, op, WEIR_ENOMEM);
        return;
    }
    op->in.engine = (uintptr_t)loop->signals->first;
    loop->signals->first = op;
    int error = update(loop);
    if (!error)
        return;
    leave(loop->signals, op);
    loop_finish(loop, op, error);
}

void signal_resume(struct weir_loop *loop, struct weir_op *op)
{
    if (op_is_live(&loop->signals->watch)) {
        tell(loop, op);
        return;
    }
    leave(loop->signals, op);
    loop_finish(loop, op, loop->signals->watch.result);
}

void signal_cancel(struct weir_loop *loop, struct weir_op *op)
{
    leave(loop->signals, op);
    loop_finish(loop, op, op->in.cause);
}

void signal_settle(struct weir_loop *loop)
{
    if (loop->signals && loop->signals->changed)
        update(loop);
}

bool signal_is_internal(const struct weir_loop *loop, const struct weir_op *op)
{
    return loop->signals && op == &loop->signals->watch;
}

bool loop_awaits_signals(const struct weir_loop *loop, const struct weir_op *op)
{
    return signal_is_internal(loop, op);
}

bool signal_is_internal_handle(const struct weir_loop *loop, const struct weir_handle *handle)
{
    return loop->signals && handle == &loop->signals->handle;
}

uint32_t signal_internal_ops(const struct weir_loop *loop)
{
    return loop->signals && op_is_live(&loop->signals->watch) ? 1 : 0;
}

uint32_t signal_internal_handles(const struct weir_loop *loop)
{
    return loop->signals && loop->signals->handle.in.kind != WEIR_HANDLE_NONE ? 1 : 0;
}

void signal_finish(struct weir_loop *loop)
{
    if (!loop->signals)
        return;
    if (loop->signals->blocked)
        loop->sys->signals_watch(loop, -1, 0, &loop->signals->blocked);
    loop_resize(loop, loop->signals, 0);
    loop->signals = NULL;
}

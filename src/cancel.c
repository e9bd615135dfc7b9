/* SPDX-License-Identifier: MIT */
/* cancel.c - asking ops to end: by the caller, by a deadline, by a close; and the timers. */
#include "base/canary.h"
#include "engine.h"
#include "os/os.h"

/* Whether what was harvested is its end, whatever is asked now. */
static bool surely_ends(const struct weir_op *op)
{
    return !op->more && op->result >= 0 && !(op->flags & (WEIR_ALL | WEIR_MULTISHOT)) &&
           !handle_has_offsets(op->handle);
}

/* The first who asked is told, whoever asks after him. */
static void set_cause(struct weir_op *op, int cause)
{
    if (!op->in.cause)
        op->in.cause = (int16_t)cause;
}

/* Of an op that nobody works on: from where it waits. */
static void leave_place(struct weir_loop *loop, struct weir_op *op)
{
    if (op->state == OP_BEHIND || op->state == OP_DECIDED)
        op->in.holds |= HOLDS_NOTHING;
    else if (op->state == OP_PACED)
        fifo_remove(&loop->paced, op);
    else if (op->state == OP_STARVED)
        pool_leave(op);
}

/* Asks; `cause` is the result if it can still be had. As weir_cancel(). */
static int ask_to_end(struct weir_loop *loop, struct weir_op *op, int cause)
{
    switch ((enum op_state)op->state) {
    case OP_IDLE:
    case OP_ENDED:
    case OP_POSTED:
    case OP_SETTLED:
        return WEIR_ENOENT;
    case OP_HARVESTED:
        if (surely_ends(op))
            return WEIR_ENOENT;
        set_cause(op, cause); /* where it would go on, or be asked again, it ends */
        return 0;
    case OP_ASKED: /* stands in loop->asked, where the next round finds the cause */
        set_cause(op, cause);
        return 0;
    case OP_BEHIND:
    case OP_DECIDED:
    case OP_TIMED:
    case OP_PACED:
    case OP_STARVED:
        leave_place(loop, op);
        loop_finish(loop, op, cause);
        return 0;
    case OP_COPYING:
        if (op->in.cause)
            return 0;
        set_cause(op, cause);
        if (op_is_live(&copy_of(op)->poll))
            ask_to_end(loop, &copy_of(op)->poll, cause); /* it ends the copy with it */
        else
            loop_finish(loop, op, cause);
        return 0;
    case OP_OFFLOADED:
        set_cause(op, cause);
        if (!offload_cancel(loop, op))
            return WEIR_EBUSY;
        loop_finish(loop, op, cause);
        return 0;
    case OP_GIVEN:
        if (op->in.cause)
            return 0; /* asked before; the first cause stays */
        op->in.cause = (int16_t)cause;
        if (op->kind == WEIR_OP_SIGNAL)
            signal_cancel(loop, op);
        else if (op->kind == WEIR_OP_POLL && handle_has_offsets(op->handle))
            loop_finish(loop, op, cause); /* an edge that never comes: the engine never had it */
        else if (CANARY(early_buffer_return) && !(loop->engine->traits & ENGINE_READINESS))
            loop_finish(loop, op, cause); /* before the kernel has let go of its memory */
        else
            loop->engine->cancel(loop, op);
        return 0;
    }
    return WEIR_ENOENT;
}

/* A part of a copy stands for the whole; of the two parts one does, so that it counts once. */
int op_cancel(struct weir_loop *loop, struct weir_op *op, int cause)
{
    if (!(op->told & OP_OWN))
        return ask_to_end(loop, op, cause);
    return op->kind == WEIR_OP_POLL ? WEIR_ENOENT : ask_to_end(loop, copy_of(op)->op, cause);
}

int weir_cancel(struct weir_op *op)
{
    if (op->state == OP_ENDED && op->in.due_ns != os_fork_generation())
        return WEIR_EPERM; /* its loop, which may be gone, was not opened in this process */
    if (!op_is_live(op))
        return WEIR_ENOENT;
    struct weir_loop *loop = op->handle->loop;
    int               error = loop_admit(loop, "weir_cancel");
    return error ? error : op_cancel(loop, op, WEIR_ECANCELED);
}

/* Newest first, so that none behind another is started only to be cancelled. */
static int cancel_ring(struct weir_loop *loop, struct weir_op *head)
{
    int asked = 0;
    if (!head)
        return 0;
    struct weir_op *op = head->in.previous;
    for (bool last = false; !last; op = op->in.previous) {
        last = op == head;
        if (op_cancel(loop, op, WEIR_ECANCELED) != WEIR_ENOENT)
            asked++;
    }
    return asked;
}

int handle_cancel_ops(struct weir_loop *loop, struct weir_handle *handle)
{
    return cancel_ring(loop, handle->in.ops_in) + cancel_ring(loop, handle->in.ops_out);
}

int weir_cancel_all(struct weir_handle *handle)
{
    if (handle->in.kind == WEIR_HANDLE_NONE && !(handle->in.flags & HANDLE_OPENING))
        return WEIR_EBADF;
    int error = loop_admit(handle->loop, "weir_cancel_all");
    return error ? error : handle_cancel_ops(handle->loop, handle);
}

/* ---- Deadlines and timers -------------------------------------------------------------------- */

static void set_due(struct weir_op *op, uint64_t due_ns)
{
    struct weir_loop *loop = op->handle->loop;
    if (op->state == OP_SETTLED)
        return;
    op->in.due_ns = due_ns;
    if (due_ns == WEIR_FOREVER)
        heap_remove(&loop->timers, op);
    else if (heap_set(&loop->timers, op, &loop->memory) < 0)
        op_cancel(loop, op, WEIR_ENOMEM);
}

void weir_deadline_at(struct weir_op *op, uint64_t t_ns)
{
    if (!op_is_live(op) || op->state == OP_POSTED)
        return;
    if (!loop_admit(op->handle->loop, "weir_deadline"))
        set_due(op, t_ns);
}

void weir_deadline(struct weir_op *op, uint64_t ns)
{
    if (!op_is_live(op) || op->state == OP_POSTED)
        return;
    struct weir_loop *loop = op->handle->loop;
    if (loop_admit(loop, "weir_deadline"))
        return;
    uint64_t now_ns = ns == WEIR_FOREVER ? 0 : loop->sys->now(loop);
    set_due(op, ns > WEIR_FOREVER - 1 - now_ns ? WEIR_FOREVER : now_ns + ns);
}

void timers_fire(struct weir_loop *loop)
{
    const struct heap_entry *first = heap_first(&loop->timers);
    if (!first)
        return;
    uint64_t now_ns = loop->sys->now(loop) + (CANARY(early_timer) ? WEIR_MICROSECOND : 0);
    for (; first && first->due_ns <= now_ns; first = heap_first(&loop->timers)) {
        struct weir_op *op = first->op;
        heap_remove(&loop->timers, op);
        if (op->state == OP_TIMED) {
            op->served = WEIR_SERVED_AT_ONCE;
            loop->stats.timers_fired++;
            loop_finish(loop, op, 0);
        } else {
            op_cancel(loop, op, WEIR_EDEADLINE);
        }
    }
}

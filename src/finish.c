/* SPDX-License-Identifier: MIT */
/* finish.c - how an op ends: what a call's result means for it, and the telling. */
#include "base/canary.h"
#include "base/rest.h"
#include "engine.h"

/* An accept that found the process out of descriptors is tried 20 times a second. */
#define PACE_NS (50 * WEIR_MILLISECOND)

void loop_ask(struct weir_loop *loop, struct weir_op *op)
{
    op->state = OP_ASKED;
    fifo_push(&loop->asked, op);
}

/* The result that an op with progress or a cause ends with. */
static void settle_result(struct weir_op *op, int64_t result)
{
    if (op->in.cause && (result == WEIR_ECANCELED || result == WEIR_EINTR))
        result = op->in.cause;
    if (op->in.progress && result < 0 && !CANARY(wrong_count_after_partial_send)) {
        op->error = (int32_t)result;
        result = (int64_t)op->in.progress;
    } else if ((op->flags & WEIR_ALL) && result < 0) {
        op->error = (int32_t)result;
    }
    op->result = result;
    op->more = 0;
    op->state = OP_SETTLED;
}

void loop_finish(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    settle_result(op, result);
    fifo_push(&loop->ended, op);
}

/* ---- Pacing ---------------------------------------------------------------------------------- */

static void pace_done(struct weir_op *pace)
{
    struct weir_loop *loop = pace->handle->loop;
    for (struct weir_op *op; (op = fifo_take(&loop->paced));)
        loop_ask(loop, op);
}

/* Ends as it is when it has to end anyway, else is asked again after a pause. */
static bool pace(struct weir_loop *loop, struct weir_op *op)
{
    if (op->in.cause) {
        settle_result(op, op->in.cause);
        return true;
    }
    op->state = OP_PACED;
    fifo_push(&loop->paced, op);
    loop->stats.accepts_paced++;
    if (!op_is_live(&loop->pace))
        weir_timer(&loop->pace, loop, PACE_NS, WEIR_BACKGROUND, pace_done);
    return false;
}

/* ---- What a result means --------------------------------------------------------------------- */

static bool ask_again(struct weir_loop *loop, struct weir_op *op)
{
    if (op->in.cause) {
        settle_result(op, op->in.cause);
        return true;
    }
    loop_ask(loop, op);
    return false;
}

/* A new descriptor for a handle: the caller's, unless its handle is on its way out. */
static int64_t attach_new(struct weir_loop *loop, struct weir_op *op, struct weir_handle *handle,
                          int descriptor, enum weir_handle_kind kind, bool unwanted)
{
    int64_t result = unwanted ? (op->in.cause ? op->in.cause : WEIR_ECANCELED)
                              : handle_attach(handle, loop, descriptor, 0, kind, true);
    if (result < 0 && !CANARY(leaked_accept))
        loop->sys->close(loop, descriptor);
    return result;
}

static bool conclude_accept(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    switch (result) {
    case WEIR_EMFILE:
    case WEIR_ENFILE:
    case WEIR_ENOBUFS:
    case WEIR_ENOMEM:
        return pace(loop, op);
    case WEIR_ECONNABORTED: /* one that was gone again, or its network error: accept(2), "Errors" */
    case WEIR_ENETDOWN:
    case WEIR_EPROTO:
    case WEIR_ENOPROTOOPT:
    case WEIR_EHOSTUNREACH:
    case WEIR_ENETUNREACH:
        return ask_again(loop, op);
    default:
        break;
    }
    if (result >= 0) {
        bool unwanted = loop->shutting || (op->in.cause && (op->handle->in.flags & HANDLE_CLOSING));
        struct weir_handle *accepted = op->in.arg.accepted;
        uint16_t            listener = op->handle->in.flags;
        result = attach_new(loop, op, accepted, (int)result,
                            listener & HANDLE_SEQUENCED ? WEIR_HANDLE_DATAGRAM : WEIR_HANDLE_STREAM,
                            unwanted);
        if (!result && !(listener & HANDLE_SEQUENCED))
            accepted->in.flags |= listener & HANDLE_UNIX;
    }
    settle_result(op, result);
    return true;
}

static bool conclude_open(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    struct weir_handle *handle = op->handle;
    if (result >= 0 && (handle->in.flags & HANDLE_CLOSING)) {
        loop->sys->close(loop, (int)result);
        result = WEIR_ECANCELED;
    } else if (result >= 0) {
        int descriptor = (int)result;
        handle->in.descriptor = descriptor;
        result = loop->sys->classify(handle, true);
        if (result < 0) {
            handle->in.descriptor = -1;
            loop->sys->close(loop, descriptor);
        } else {
            handle->in.flags &= (uint16_t)~HANDLE_OPENING;
        }
    }
    settle_result(op, result);
    return true;
}

/* A regular file is read and written to the end of what was asked, however often that takes; where
 * it gave less it mostly ends, which a call that never waits says at once. Past the page cache the
 * next place may be none that can be read. */
static bool ends_here(struct weir_loop *loop, struct weir_op *op)
{
    if (op->in.cause || (op->handle->in.flags & HANDLE_DIRECT))
        return true;
    if (!op_reads(op))
        return false;
    int64_t more = loop->sys->perform(op, PERFORM_TRY);
    op->in.progress += more > 0 ? (uint64_t)more : 0;
    return more == 0;
}

static bool conclude_transfer(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (result < 0) {
        settle_result(op, result);
        return true;
    }
    /* By far the most frequent. A datagram is moved as a whole, with WEIR_ALL or without. */
    if ((!(op->flags & WEIR_ALL) && !handle_has_offsets(op->handle)) ||
        op->handle->in.kind == WEIR_HANDLE_DATAGRAM) {
        settle_result(op, result + (int64_t)op->in.progress);
        return true;
    }
    struct rest rest = rest_of(op);
    bool        whole = (uint64_t)result == rest.length;
    op->in.progress += (uint64_t)result;
    bool goes_on = !(whole && rest.last) && result > 0 &&
                   ((op->flags & WEIR_ALL) || whole || !ends_here(loop, op));
    if (goes_on && !op->in.cause) {
        loop_ask(loop, op);
        return false;
    }
    if (goes_on)
        op->error = op->in.cause;
    else if ((op->flags & WEIR_ALL) && !whole && op_reads(op))
        op->error = WEIR_EEOF;
    settle_result(op, (int64_t)op->in.progress);
    return true;
}

/* A copy goes on piece by piece, so that a cancel takes effect between two. */
static bool conclude_copy(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    bool goes_on = result == WEIR_EAGAIN;
    if (result > 0) {
        copy_moved(op, (uint64_t)result);
        goes_on = copy_of(op)->left;
    }
    if (!goes_on) {
        settle_result(op, result < 0 ? result : (int64_t)op->in.progress);
        return true;
    }
    if (op->in.cause) {
        settle_result(op, op->in.cause);
        return true;
    }
    if (result > 0)
        loop_ask(loop, op);
    else
        copy_wait(loop, op);
    return false;
}

bool loop_conclude(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (op->kind == WEIR_OP_WORK) { /* what the caller's function returned, whatever it is */
        op->in.cause = 0;
        settle_result(op, result);
        return true;
    }
    if (result == WEIR_EINTR)
        return ask_again(loop, op);
    switch ((enum weir_op_kind)op->kind) {
    case WEIR_OP_ACCEPT:
        return conclude_accept(loop, op, result);
    case WEIR_OP_OPEN:
        return conclude_open(loop, op, result);
    case WEIR_OP_RECV:
    case WEIR_OP_RECVV:
    case WEIR_OP_SEND:
    case WEIR_OP_SENDV:
    case WEIR_OP_READ:
    case WEIR_OP_READV:
    case WEIR_OP_WRITE:
    case WEIR_OP_WRITEV:
        return conclude_transfer(loop, op, result);
    case WEIR_OP_COPY:
        return conclude_copy(loop, op, result);
    case WEIR_OP_CONNECT:
        /* A unix socket's backlog is full: nothing tells when it has room again. connect(2). */
        if (result == WEIR_EAGAIN || result == WEIR_EBUSY)
            return pace(loop, op);
        break;
    case WEIR_OP_SEND_MSG:
    case WEIR_OP_SEND_BATCH: /* the same of a unix datagram socket's queue */
        if (result == WEIR_EBUSY)
            return pace(loop, op);
        break;
    default:
        break;
    }
    settle_result(op, result);
    return true;
}

/* ---- Telling --------------------------------------------------------------------------------- */

void loop_release(struct weir_loop *loop, struct weir_handle *handle, uint8_t direction)
{
    struct weir_op *head = direction == WEIR_IN ? handle->in.ops_in : handle->in.ops_out;
    handle->in.busy &= (uint8_t)~direction;
    for (struct weir_op *op = head; op; op = ring_after(head, op)) {
        if (op->state != OP_BEHIND && op->state != OP_DECIDED)
            continue;
        handle->in.busy |= direction;
        if (op->state == OP_DECIDED)
            loop_finish(loop, op, op->result);
        else if (op->told & OP_OWN)
            copy_turn(loop, op);
        else
            loop_ask(loop, op);
        return;
    }
}

/* A failed open leaves its handle as zeroed, and the op with the loop's own. */
static void abandon_open(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if (!(handle->in.flags & HANDLE_OPENING) || (handle->in.flags & HANDLE_CLOSING))
        return;
    handle_detach(loop, handle);
    *handle = (struct weir_handle){.user = handle->user};
    op->handle = &loop->none;
}

void loop_end(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if (op->told & OP_OWN) {
        if (loop->engine->ended && op->in.engine)
            loop->engine->ended(loop, op);
        copy_polled(loop, op);
        return;
    }
    if (op->in.heap_slot)
        heap_remove(&loop->timers, op);
    ring_remove(op->in.holds & WEIR_OUT ? &handle->in.ops_out : &handle->in.ops_in, op);
    if (op->kind == WEIR_OP_OPEN && op->result < 0)
        abandon_open(loop, op);
    if (op->in.holds && !(op->in.holds & HOLDS_NOTHING))
        loop_release(loop, handle, op->in.holds);
    if (loop->engine->ended && op->in.engine)
        loop->engine->ended(loop, op);
    if (op->kind == WEIR_OP_COPY)
        copy_end(loop, op);
    op->state = OP_ENDED;
    op->in.due_ns = loop->generation;
    loop->pending--;
    if (op->flags & WEIR_BACKGROUND)
        loop->pending_background--;
    loop->stats.ended++;
    loop->tellings++;
    loop->stats.served[op->served]++;
    if (op->result == WEIR_ECANCELED || op->result == WEIR_EDEADLINE)
        loop->stats.cancelled++;
    if (handle->in.flags & HANDLE_CLOSING)
        handle_op_left(loop, handle);
    if (CANARY(double_completion) && op->done && op->in.cause && op->result >= 0)
        op->done(op); /* the op that was done all the same, and then the cancel's end of it */
    if (op->done)
        op->done(op); /* the op, and what it stands in, may be gone from here on */
}

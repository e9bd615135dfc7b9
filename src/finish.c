/* SPDX-License-Identifier: MIT */
/* finish.c - how an op ends: what a call's result means for it, and the telling. */
#include "base/canary.h"
#include "base/rest.h"
#include "engine.h"

/* An accept that found the process out of descriptors is tried 20 times a second. */
#define PACE_NS (50 * WEIR_MILLISECOND)

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

/* One of many: told as it is, and the op goes on. */
static bool conclude_one_accepted(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (loop->shutting) {
        loop->sys->close(loop, (int)result);
        settle_result(op, op->in.cause ? op->in.cause : WEIR_ECANCELED);
    } else {
        op->result = result;
        op->more = 1;
        op->state = OP_HARVESTED;
    }
    return true;
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
    if (result >= 0 && (op->flags & WEIR_MULTISHOT))
        return conclude_one_accepted(loop, op, result);
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

void loop_accepted(struct weir_loop *loop, struct weir_op *op, int descriptor, bool more)
{
    bool unwanted = op->in.cause && (op->handle->in.flags & HANDLE_CLOSING);
    if (!unwanted) {
        loop_event(loop, op, descriptor, more ? EVENT_MORE : EVENT_AGAIN, 0);
        return;
    }
    loop->sys->close(loop, descriptor);
    if (!more)
        loop_event(loop, op, op->in.cause, 0, 0);
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
    /* A datagram is moved as a whole, with WEIR_ALL or without. */
    if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM) {
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

/* What of a receive there is to be told again and again: not the end of a stream, and an empty
 * datagram only where more may follow it. */
static bool goes_on(struct weir_loop *loop, const struct weir_op *op, int64_t result)
{
    struct weir_op poll = {.handle = op->handle, .kind = WEIR_OP_POLL};
    if (!(op->flags & WEIR_MULTISHOT) || result < 0)
        return false;
    if (result > 0 || op->handle->in.kind != WEIR_HANDLE_DATAGRAM)
        return result > 0;
    poll.in.arg.events = WEIR_RDHUP;
    int64_t events = loop->sys->perform(&poll, PERFORM_TRY);
    return events < 0 || !(events & (WEIR_RDHUP | WEIR_HUP));
}

static bool conclude_pooled(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (result == POOL_EMPTY) {
        if (!op->in.cause && pool_starves(op)) {
            pool_starve(op);
            return false;
        }
        result = op->in.cause ? op->in.cause : WEIR_ENOBUFS;
    }
    if (op->in.cause && result > 0 && CANARY(pool_buffer_lost_at_cancel))
        result = op->in.cause; /* and nobody will give it back */
    if (op->in.cause && result > 0 && (op->flags & WEIR_MULTISHOT) &&
        CANARY(dropped_multishot_tail)) {
        weir_pool_give(op->in.arg.pooled.pool, op->in.arg.pooled.data);
        result = op->in.cause; /* and what it received first, nobody is told */
    }
    if (!goes_on(loop, op, result)) {
        settle_result(op, result);
        return true;
    }
    op->result = result; /* told, and then asked again */
    op->more = 1;
    op->state = OP_HARVESTED;
    return true;
}

bool loop_conclude_other(struct weir_loop *loop, struct weir_op *op, int64_t result)
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
    case WEIR_OP_RECV_POOLED:
    case WEIR_OP_RECV_MSG_POOLED:
        return conclude_pooled(loop, op, result);
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

void loop_tell(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    if (op->kind == WEIR_OP_ACCEPT && loop->shutting) { /* nothing can be attached any more */
        loop->sys->close(loop, (int)result);
        return;
    }
    op->result = result;
    op->more = 1;
    loop->tellings++;
    op->done(op);
    op->told = 0; /* that was of this one */
}

/* The call of an op whose handle is ready. False when it is not: then the op is asked again. */
static bool try_ready(struct weir_loop *loop, struct weir_op *op, int64_t *result)
{
    *result = op->in.cause;
    if (op->in.cause)
        return true;
    *result = loop->sys->perform(op, PERFORM_TRY);
    loop->stats.attempts++;
    if (*result == WEIR_EAGAIN) {
        loop->stats.attempts_empty++;
        loop_ask(loop, op);
        return false;
    }
    op->served = WEIR_SERVED_READY;
    return true;
}

void loop_tell_event(struct weir_loop *loop, struct event event)
{
    struct weir_op *op = event.op;
    if ((event.flags & EVENT_TRY) && !try_ready(loop, op, &event.result))
        return;
    if (op_is_pooled(op) && event.detail)
        pool_bind(op, event.detail, event.result);
    if (!(event.flags & (EVENT_MORE | EVENT_AGAIN))) {
        if (loop_conclude(loop, op, event.result))
            loop_end(loop, op);
        return;
    }
    loop_tell(loop, op, event.result);
    if (event.flags & EVENT_AGAIN)
        loop_ask(loop, op);
}

void loop_end(struct weir_loop *loop, struct weir_op *op)
{
    struct weir_handle *handle = op->handle;
    if (op->more) { /* one telling of an op that is asked again for each */
        loop_tell(loop, op, op->result);
        loop_ask(loop, op);
        return;
    }
    if (op->told & OP_OWN) {
        if (loop->engine->ended && op->in.engine)
            loop->engine->ended(loop, op);
        copy_polled(loop, op);
        return;
    }
    if (op->in.heap_slot)
        heap_remove(&loop->timers, op);
    struct weir_op **ring = op->in.holds & WEIR_OUT ? &handle->in.ops_out : &handle->in.ops_in;
    ring_remove(ring, op);
    if (op->result < 0 && op->kind == WEIR_OP_OPEN)
        abandon_open(loop, op);
    if (op->in.holds && !(op->in.holds & HOLDS_NOTHING)) {
        if (*ring)
            loop_release(loop, handle, op->in.holds);
        else
            handle->in.busy &= (uint8_t)~op->in.holds;
    }
    if (op->in.engine && loop->engine->ended)
        loop->engine->ended(loop, op);
    if (op->kind == WEIR_OP_COPY)
        copy_end(loop, op);
    else if (op_is_pooled(op))
        pool_end(op);
    op->state = OP_ENDED;
    op->in.due_ns = loop->generation;
    loop->pending--;
    if (op->flags & WEIR_BACKGROUND)
        loop->pending_background--;
    loop->stats.ended++;
    loop->tellings++;
    loop->stats.served[op->served]++;
    if (op->result < 0 && (op->result == WEIR_ECANCELED || op->result == WEIR_EDEADLINE))
        loop->stats.cancelled++;
    if (handle->in.flags & HANDLE_CLOSING)
        handle_op_left(loop, handle);
    if (CANARY(double_completion) && op->done && op->in.cause && op->result >= 0)
        op->done(op); /* the op that was done all the same, and then the cancel's end of it */
    if (op->done)
        op->done(op); /* the op, and what it stands in, may be gone from here on */
}

/* SPDX-License-Identifier: MIT */
/* uring_harvest.c - what a completion of the ring means for the op that it is told of. */
#include <errno.h>
#include <liburing.h>

#include "../base/annotate_op.h"
#include "../os/os.h"
#include "../os/poll_events.h"
#include "uring.h"

/* One poll's end, or one telling. */
static void end_poll(struct weir_loop *loop, struct weir_op *op, int64_t result)
{
    bool again = op->flags & (WEIR_LEVEL | WEIR_EDGE);
    op->in.step = 0;
    if (again && op->in.cause) /* no telling ends one that goes on */
        result = op->in.cause;
    loop_event(loop, op, result, again && result >= 0 ? EVENT_AGAIN : 0, 0);
}

static void harvest_poll(struct weir_loop *loop, struct weir_op *op, const struct io_uring_cqe *cqe)
{
    unsigned asked = op->in.arg.events | WEIR_HUP | WEIR_ERR;
    int64_t  events = cqe->res < 0 ? cqe->res : (int64_t)poll_events_of(cqe->res) & asked;
    op->served = WEIR_SERVED_KERNEL;
    if (cqe->flags & IORING_CQE_F_MORE) {
        if (events)
            loop_event(loop, op, events, EVENT_MORE, 0);
    } else if (events || op->in.cause) {
        end_poll(loop, op, events ? events : op->in.cause);
    } else {
        /* Asked again, but behind what it told before: that may not be told yet, and a cancel could
         * end it in between. */
        op->in.step = op->flags & WEIR_EDGE ? 0 : POLL_WATCHES;
        loop_event(loop, op, WEIR_EINTR, 0, 0);
    }
}

/* A poll that watches for changes: the descriptor itself says what holds; then the watch has to
 * end. */
static void harvest_watch(struct weir_loop *loop, struct weir_op *op,
                          const struct io_uring_cqe *cqe)
{
    struct uring *u = loop->mechanism;
    int64_t       found = op->in.step & ~POLL_WATCHES;
    if (cqe->flags & IORING_CQE_F_MORE) {
        int64_t events = found ? WEIR_EAGAIN : loop->sys->perform(op, PERFORM_TRY);
        if (events > 0) {
            op->in.step = (uint8_t)(POLL_WATCHES | events);
            fifo_push(&u->found, op);
        }
    } else if (found || op->in.cause) {
        fifo_remove(&u->found, op);
        end_poll(loop, op, found ? found : op->in.cause);
    } else {
        loop_ask(loop, op);
    }
}

/* Linux's own codes for a call that a signal is to restart, ERESTARTSYS and its kin, leak out of a
 * cancelled open. */
static int result_of(const struct io_uring_cqe *cqe)
{
    return cqe->res <= -512 && cqe->res >= -516 ? -EINTR : cqe->res;
}

/* What waits for room on a unix stream whose peer sends no more is a call of a kernel's thread that
 * blocks (io_uring's polls cannot leave POLLRDHUP out), and such a call is told of a peer that went
 * with bytes unread by ECONNRESET; one that does not block, by EPIPE. Linux 6.18. */
static bool is_reset_of_unix(const struct weir_op *op, int64_t result)
{
    return result == WEIR_ECONNRESET && op->in.holds == WEIR_OUT &&
           op->handle->in.kind == WEIR_HANDLE_STREAM && (op->handle->in.flags & HANDLE_UNIX);
}

/* By far the most: bytes of a stream were moved. */
static bool is_plain(const struct weir_op *op, const struct io_uring_cqe *cqe)
{
    return cqe->res >= 0 && op->handle->in.kind == WEIR_HANDLE_STREAM && op_transfers(op) &&
           !(op->flags & WEIR_ZEROCOPY);
}

/* A transfer that was to wait, and did not. */
static bool did_not_wait(const struct weir_op *op, int64_t result)
{
    return result == WEIR_EAGAIN && (op_reads(op) || op_writes(op) || uring_is_message(op));
}

/* Whether it is asked once more, and what is to be different then. What nobody cancelled, and ended
 * so all the same, was to be done by a thread of the kernel's that could not be made. */
static bool begins_anew(struct weir_op *op, int64_t result)
{
    bool is_of_file = op->kind == WEIR_OP_OPEN || handle_has_offsets(op->handle);
    bool not_reserved = result == -EOPNOTSUPP && op->kind == WEIR_OP_PREALLOCATE;
    if (op->in.cause)
        return false;
    if (did_not_wait(op, result)) /* somebody set O_NONBLOCK after it was attached */
        op->handle->in.flags |= HANDLE_NONBLOCK;
    else if (not_reserved || (result == WEIR_ECANCELED && is_of_file))
        op->in.step = BY_WORKER;
    else if (result != WEIR_ECANCELED)
        return false;
    return true;
}

static void harvest_op(struct weir_loop *loop, struct weir_op *op, const struct io_uring_cqe *cqe)
{
    if (LIKELY(is_plain(op, cqe))) {
        op->served = WEIR_SERVED_KERNEL;
        annotate_op_filled(op, cqe->res);
        loop_event(loop, op, cqe->res, 0, 0);
        return;
    }
    if (op->kind == WEIR_OP_POLL) {
        harvest_poll(loop, op, cqe);
        return;
    }
    if (op_is_pooled(op)) {
        uring_harvest_picked(loop, op, cqe);
        return;
    }
    int64_t result = result_of(cqe);
    if (op->kind == WEIR_OP_ACCEPT && (op->flags & WEIR_MULTISHOT) && result >= 0) {
        op->served = WEIR_SERVED_KERNEL;
        loop_accepted(loop, op, (int)result, cqe->flags & IORING_CQE_F_MORE);
        return;
    }
    if (uring_zerocopy_in_flight(op) && uring_zerocopy_goes_on(loop, op, cqe, &result))
        return;
    if (begins_anew(op, result)) {
        loop_ask(loop, op);
        return;
    }
    if (did_not_wait(op, result)) /* what waits in a kernel's thread says so when interrupted */
        result = op->in.cause;
    op->served = WEIR_SERVED_KERNEL;
    if (is_reset_of_unix(op, result))
        result = WEIR_EPIPE;
    if (uring_is_message(op))
        posix_message_told(op, result);
    else if (op->handle->in.kind == WEIR_HANDLE_DATAGRAM && op_reads(op))
        result = posix_datagram_told(op, result);
    annotate_op_filled(op, result);
    loop_event(loop, op, result, 0, 0);
}

/* The last thing that a cancel could have ended. */
static bool is_end(const struct weir_op *op, const struct io_uring_cqe *cqe)
{
    if (uring_zerocopy_in_flight(op))
        return !(cqe->flags & IORING_CQE_F_NOTIF);
    return !(cqe->flags & IORING_CQE_F_MORE);
}

void uring_harvest(struct weir_loop *loop, const struct io_uring_cqe *cqe)
{
    struct uring   *u = loop->mechanism;
    struct weir_op *op = (struct weir_op *)(uintptr_t)(cqe->user_data & ~TAG_MASK);
    enum uring_tag  tag = (enum uring_tag)(cqe->user_data & TAG_MASK);
    if ((tag == TAG_OP || tag == TAG_POLL) && op->in.cause && uring_may_miss(op) && is_end(op, cqe))
        u->unended--;
    switch (tag) {
    case TAG_OP:
        harvest_op(loop, op, cqe);
        break;
    case TAG_POLL:
        if (op->kind == WEIR_OP_POLL)
            harvest_watch(loop, op, cqe);
        else if (cqe->res < 0 || op->in.cause)
            loop_event(loop, op, op->in.cause ? op->in.cause : cqe->res, 0, 0);
        else if (op_is_pooled(op))
            loop_event(loop, op, WEIR_EAGAIN, EVENT_TRY, 0);
        else
            loop_ask(loop, op);
        break;
    case TAG_WAKE:
        loop->sys->notifier_clear(loop->notifier[0]);
        u->wake_armed = cqe->flags & IORING_CQE_F_MORE;
        break;
    case TAG_IGNORE:
        break;
    }
}

/* SPDX-License-Identifier: MIT */
/* uring_direct.c - an op that is alone is made by a direct call, where that may end it: a read of
 * what the page cache has, a datagram that can go, or has come; the first send to a stream after
 * one thing happened. The ring would make the same call inside an enter of its own, and would share
 * that with nobody. */
#include <liburing.h>

#include "../base/rest.h"
#include "uring.h"

/* The only one that the program waits for, with nothing to be submitted along with it. */
static bool is_alone(const struct weir_loop *loop, const struct uring *u)
{
    return loop->pending <= loop->pending_background + 1 && !io_uring_sq_ready(&u->ring);
}

/* Whether the op ended; else what it moved is its progress, and the rest is the ring's. */
static bool try_call(struct weir_loop *loop, struct weir_op *op, struct uring_luck *luck)
{
    bool    file = handle_has_offsets(op->handle);
    bool    goes_on = file || (op->handle->in.kind == WEIR_HANDLE_STREAM && (op->flags & WEIR_ALL));
    int64_t result = loop->sys->perform(op, PERFORM_TRY);
    loop->stats.attempts++;
    if (luck)
        uring_learn(luck, result != WEIR_EAGAIN);
    if (file && result == WEIR_ENOTSUP)
        op->handle->in.flags |= HANDLE_GUARDED;
    if (goes_on && result > 0 && (uint64_t)result < rest_length(op)) {
        op->in.progress += (uint64_t)result;
        return false;
    }
    if (result == WEIR_EAGAIN || result == WEIR_ENOTSUP) {
        loop->stats.attempts_empty++;
        return false;
    }
    op->served = WEIR_SERVED_AT_ONCE;
    op->result = result;
    return true;
}

static bool try_file(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    if (!op_reads(op) || (op->handle->in.flags & (HANDLE_DIRECT | HANDLE_GUARDED)))
        return false;
    return is_alone(loop, u) && uring_is_promising(&u->file_reads) &&
           try_call(loop, op, &u->file_reads);
}

/* The queue of a socket mostly has room, so that what is sent is not counted as luck. */
static bool try_datagram(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    if (!is_alone(loop, u) || (op->flags & WEIR_ZEROCOPY))
        return false;
    if (op_writes(op) || op->kind == WEIR_OP_SEND_MSG)
        return try_call(loop, op, NULL);
    if (!op_reads(op) && op->kind != WEIR_OP_RECV_MSG)
        return false;
    return uring_is_promising(&u->datagrams) && try_call(loop, op, &u->datagrams);
}

/* One, since a callback that sends to many is to have them go together. */
bool uring_sent_directly(struct weir_loop *loop, struct weir_op *op)
{
    struct uring *u = loop->mechanism;
    if (!op_writes(op) || (op->flags & WEIR_ZEROCOPY) || io_uring_sq_ready(&u->ring))
        return false;
    u->quiet = false;
    return uring_is_promising(&u->sends) && try_call(loop, op, &u->sends);
}

bool uring_done_directly(struct weir_loop *loop, struct weir_op *op)
{
    switch ((enum weir_handle_kind)op->handle->in.kind) {
    case WEIR_HANDLE_FILE:
        return try_file(loop, op);
    case WEIR_HANDLE_DATAGRAM:
        return try_datagram(loop, op);
    default:
        return false;
    }
}

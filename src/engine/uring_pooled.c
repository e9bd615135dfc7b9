/* SPDX-License-Identifier: MIT */
/* uring_pooled.c - receives into buffers of a pool, on io_uring. Bytes of a stream, and datagrams
 * that one entry receives again and again, come into buffers that the kernel picks; for the others
 * the op polls, and one is bound when there is something to receive. */
#include <errno.h>
#include <string.h>

#include "../base/annotate.h"
#include "../os/os.h"
#include "../os/posix_header.h"
#include "uring.h"

/* What the kernel writes in front of a datagram: struct io_uring_recvmsg_out, the name, and control
 * data: as much as the op gives room for, or at most, of which weir wants the length of datagrams
 * that were glued, and to know whether there was any other. The name has the rest.
 * io_uring_prep_recvmsg_multishot(3). */
#define TOLD_ROOM (POOL_HEAD - (unsigned)sizeof(struct io_uring_recvmsg_out))
#define NAME_LEAST 32u
#define CONTROL_MOST (TOLD_ROOM - NAME_LEAST)

/* ---- Starting -------------------------------------------------------------------------------- */

/* Of the op's own room as much as there is: it is cut short where recvmsg(2) would cut it. */
static uint32_t control_room_of(const struct weir_op *op)
{
    const struct weir_msg *message = op->in.arg.pooled.message;
    return message && message->control ? message->control_room : CONTROL_MOST;
}

/* Of UDP, whose names are short, and with no more control data. */
static bool fits_in_front(const struct weir_op *op)
{
    return (op->handle->in.flags & HANDLE_UDP) && (op->flags & WEIR_MULTISHOT) &&
           control_room_of(op) <= CONTROL_MOST;
}

/* Where the kernel picks from for the op; NULL: it does not. Not under a quota, nor for what was
 * promised a buffer, which is no more in the ring. */
static struct uring_lent *picks_from(struct weir_loop *loop, const struct weir_op *op)
{
    const struct uring *u = loop->mechanism;
    struct weir_pool   *pool = op->in.arg.pooled.pool;
    if (!pool->lent || op->handle->in.quota || op->in.step)
        return NULL;
    if (op->handle->in.kind == WEIR_HANDLE_STREAM)
        return op->kind == WEIR_OP_RECV_POOLED ? pool->lent : NULL;
    return u->receives_many && fits_in_front(op) ? uring_lent_of_messages(loop, pool) : NULL;
}

static void fill_bytes(const struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    io_uring_prep_recv(entry, op->handle->in.descriptor, NULL, 0, 0);
    if ((op->flags & WEIR_MULTISHOT) && u->receives_many)
        entry->ioprio |= IORING_RECV_MULTISHOT;
}

static void fill_message(struct uring *u, struct io_uring_sqe *entry, const struct weir_op *op)
{
    struct msghdr *header = &u->messages[entry - u->ring.sq.sqes];
    uint32_t       room = control_room_of(op);
    *header = (struct msghdr){.msg_namelen = TOLD_ROOM - room, .msg_controllen = room};
    io_uring_prep_recvmsg_multishot(entry, op->handle->in.descriptor, header, 0);
}

static enum started start_picking(struct uring *u, struct weir_op *op, struct uring_lent *lent)
{
    struct io_uring_sqe *entry = uring_take_entry(u);
    if (!entry)
        return STARTED_BUSY;
    if (lent->head)
        fill_message(u, entry, op);
    else
        fill_bytes(u, entry, op);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = lent->group;
    uring_name_entry(entry, op, TAG_OP);
    lent->receives++;
    return STARTED;
}

/* Where the kernel does not pick, it polls, and binds a buffer when there is something to receive;
 * but where one came there often are more, and one that was promised a buffer, or that the kernel
 * found none for, may be ready. */
enum started uring_start_pooled(struct weir_loop *loop, struct weir_op *op)
{
    struct uring      *u = loop->mechanism;
    bool               calls = ready_begins_with_call(op);
    struct uring_lent *lent = calls ? NULL : picks_from(loop, op);
    if (lent)
        return start_picking(u, op, lent);
    bool guesses = !calls && !op->in.step;
    if (guesses && !uring_is_promising(&u->pooled))
        return uring_poll_for(u, op);
    op->in.step &= (uint8_t)~POOLED_DIRECT;
    int64_t result = loop->sys->perform(op, PERFORM_TRY); /* op->result may still be looked at */
    loop->stats.attempts++;
    if (guesses)
        uring_learn(&u->pooled, result != WEIR_EAGAIN);
    if (result == WEIR_EAGAIN) {
        loop->stats.attempts_empty++;
        return uring_poll_for(u, op);
    }
    op->result = result;
    op->served = guesses ? WEIR_SERVED_AT_ONCE : WEIR_SERVED_READY;
    return STARTED_DONE;
}

/* A quota is not the kernel's to keep: a receive that it picks for is taken back, and begins anew.
 * What had come by then was received before. */
void uring_pool_quota(struct weir_loop *loop, struct weir_handle *handle)
{
    uring_harvest_all(loop, loop->mechanism);
    for (struct weir_op *op = handle->in.ops_in; op; op = ring_after(handle->in.ops_in, op))
        if (op_is_pooled(op) && op->state == OP_GIVEN && !op->in.cause &&
            (op->in.engine & TAG_MASK) == TAG_OP)
            uring_submit_cancel(loop, op);
}

/* ---- What came ------------------------------------------------------------------------------- */

/* The buffer is the op's, unless nothing came into it: that of an empty message is kept until the
 * message is told. */
static void receive_into(struct weir_op *op, const struct uring_lent *lent, uint32_t number,
                         int64_t length)
{
    struct weir_pool *pool = op->in.arg.pooled.pool;
    char             *data = pool_data(pool, number);
    annotate_filled(data - lent->head, (size_t)length + lent->head);
    if (length)
        pool_taken(pool, number, op->handle);
}

/* The number of a buffer is told by a flag alone: without it, the bits are of no meaning. */
void uring_harvest_picked(struct weir_loop *loop, struct weir_op *op,
                          const struct io_uring_cqe *cqe)
{
    struct weir_pool  *pool = op->in.arg.pooled.pool;
    struct uring_lent *bytes = pool->lent;
    struct uring_lent *lent = op->handle->in.kind == WEIR_HANDLE_STREAM ? bytes : bytes->other;
    bool     picked = cqe->flags & IORING_CQE_F_BUFFER, more = cqe->flags & IORING_CQE_F_MORE;
    uint32_t number = picked ? cqe->flags >> IORING_CQE_BUFFER_SHIFT : 0;
    int64_t  result = cqe->res;
    lent->receives -= !more;
    lent->count -= picked;
    if (picked && result <= 0) {
        pool_return(pool, number);
        number = 0;
    }
    if (result == -ECANCELED && !op->in.cause) { /* by uring_pool_quota() */
        loop_event(loop, op, WEIR_EINTR, 0, 0);
        return;
    }
    if (result == -ENOBUFS) { /* it looks for one before it looks whether there is anything */
        if (!uring_lent_is_dry(lent))
            op->in.step |= POOLED_DIRECT;
        loop_event(loop, op, WEIR_EINTR, 0, 0);
        return;
    }
    op->served = WEIR_SERVED_KERNEL;
    if (number) {
        result -= lent->head;
        receive_into(op, lent, number, result);
    } else if (op->in.arg.pooled.message && !op->in.cause) {
        op->in.arg.pooled.message->result = result;
    }
    loop_event(loop, op, result, more ? EVENT_MORE : 0, number);
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* By what lies in front of the buffer. */
void uring_pool_told(struct weir_op *op, int64_t result)
{
    char                       *head = (char *)op->in.arg.pooled.data - POOL_HEAD;
    struct io_uring_recvmsg_out out;
    memcpy(&out, head, sizeof out);
    uint32_t      room = control_room_of(op);
    struct msghdr header = {.msg_name = head + sizeof out,
                            .msg_namelen = out.namelen,
                            .msg_control = head + POOL_HEAD -
                                           (room < CONTROL_MOST ? room : CONTROL_MOST),
                            .msg_controllen = (header_length)out.controllen,
                            .msg_flags = (int)out.flags};
    posix_message_picked(op, &header, result);
}
